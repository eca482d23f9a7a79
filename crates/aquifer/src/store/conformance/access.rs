//! What every store must do with clients, their secrets and tokens, and recipients.

use jiff::SignedDuration;

use super::at;
use crate::{
    access::Rights,
    store::{Client, OldSecret, Retention, Store, Token},
};

fn client(id: &str) -> Client {
    Client {
        id: id.into(),
        tenant: "default".into(),
        name: "test".into(),
        secret_hash: "salt$digest".into(),
        old_secret: None,
        rights: Rights::default(),
        reads_masked: id == "a",
        created_at: at(0),
        revoked_at: None,
    }
}

fn token(client: &str) -> Token {
    Token { key: format!("key of {client}"), client: client.into(), expires_at: at(100) }
}

pub async fn a_client_and_its_tokens_end_together(store: &dyn Store) {
    for id in ["a", "b"] {
        store.add_client(&client(id)).await.unwrap();
        store.add_token(&token(id)).await.unwrap();
    }
    assert_eq!(store.clients().await.unwrap(), [client("a"), client("b")]);
    assert_eq!(store.client("a").await.unwrap(), Some(client("a")));
    assert_eq!(store.client("c").await.unwrap(), None);
    assert!(store.revoke_client("a", at(5)).await.unwrap());
    assert!(!store.revoke_client("a", at(6)).await.unwrap() && !store.revoke_client("c", at(6)).await.unwrap());
    assert_eq!(store.client("a").await.unwrap().unwrap().revoked_at, Some(at(5)));
    assert_eq!(store.client_of_token("key of a", at(7)).await.unwrap(), None);
    assert_eq!(store.client_of_token("key of b", at(7)).await.unwrap(), Some(client("b")));
    // Whoever was about to be given a token when the client was revoked has no use of it.
    store.add_token(&token("a")).await.unwrap();
    assert_eq!(store.client_of_token("key of a", at(7)).await.unwrap(), None);
}

pub async fn a_token_ends_with_its_time(store: &dyn Store) {
    store.add_client(&client("a")).await.unwrap();
    store.add_token(&token("a")).await.unwrap();
    assert!(store.client_of_token("key of a", at(99)).await.unwrap().is_some());
    assert_eq!(store.client_of_token("key of a", at(100)).await.unwrap(), None);
    let retention = {
        let zero = SignedDuration::ZERO;
        Retention { files: zero, jobs: zero, refusals: zero, sessions: zero }
    };
    store.expire(at(100), retention).await.unwrap();
    // Its key is free again: the row is gone.
    store.add_token(&token("a")).await.unwrap();
}

pub async fn a_secret_is_changed_with_and_without_an_overlap(store: &dyn Store) {
    store.add_client(&client("a")).await.unwrap();
    store.add_token(&token("a")).await.unwrap();
    assert!(store.set_secret("a", "new", Some(at(9))).await.unwrap());
    let old_secret = Some(OldSecret { hash: "salt$digest".into(), until: at(9) });
    let rotated = Client { secret_hash: "new".into(), old_secret, ..client("a") };
    assert_eq!(store.client_of_token("key of a", at(1)).await.unwrap(), Some(rotated));

    assert!(store.set_secret("a", "newer", None).await.unwrap());
    assert_eq!(store.client("a").await.unwrap(), Some(Client { secret_hash: "newer".into(), ..client("a") }));
    assert_eq!(store.client_of_token("key of a", at(1)).await.unwrap(), None, "its tokens end with the old secret");
    store.revoke_client("a", at(2)).await.unwrap();
    assert!(!store.set_secret("a", "newest", None).await.unwrap() && !store.set_secret("b", "x", None).await.unwrap());
}

pub async fn rights_are_kept_and_changed(store: &dyn Store) {
    let objects = Some(vec!["Invoice*".to_owned(), "!InvoiceItem".to_owned()].try_into().unwrap());
    let limited = Rights { objects, entities: Some(vec!["e".into()]), orgs: None };
    store.add_client(&Client { rights: limited.clone(), ..client("a") }).await.unwrap();
    assert_eq!(store.client("a").await.unwrap().unwrap().rights, limited);
    assert!(store.set_rights("a", &Rights::default()).await.unwrap());
    assert_eq!(store.client("a").await.unwrap(), Some(client("a")));
    assert!(!store.set_rights("b", &limited).await.unwrap());
}

pub async fn an_id_can_be_had_again_once_it_is_revoked(store: &dyn Store) {
    let again = Client { created_at: at(7), ..client("a") };
    assert!(store.add_client(&client("a")).await.unwrap() && !store.add_client(&again).await.unwrap());
    assert_eq!(store.client("a").await.unwrap(), Some(client("a")));
    store.revoke_client("a", at(5)).await.unwrap();
    assert!(store.add_client(&again).await.unwrap());
    assert_eq!(store.client("a").await.unwrap(), Some(again));
}

pub async fn a_tenant_has_one_recipient(store: &dyn Store) {
    for key in [Some(&b"first"[..]), Some(&[0, 255]), None] {
        store.set_recipient("default", key, at(0)).await.unwrap();
        assert_eq!(store.recipient("default").await.unwrap().as_deref(), key);
        assert_eq!(store.recipient("other").await.unwrap(), None);
    }
}
