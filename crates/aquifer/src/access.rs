//! Who may use the server, and what of its data: clients with a secret of ours, users with a password of their own.

mod rights;

pub use rights::{NoPattern, Objects, Rights, objects};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    secret,
    store::{self, Client, OldSecret, Store},
};

/// What a client needs to log in. The secret cannot be shown again.
#[derive(Debug, Clone, Serialize)]
pub struct Credentials {
    /// A UUID, 36 characters: zuora-sdk refuses anything else.
    pub client_id: String,
    /// 40 characters: zuora-sdk refuses more than 42.
    pub client_secret: String,
}

impl Credentials {
    pub fn random() -> Credentials {
        Credentials { client_id: Uuid::new_v4().to_string(), client_secret: secret::hex(&secret::random::<20>()) }
    }
}

/// Makes a client of a tenant, of a name of anybody's choice, that may read everything.
pub async fn create_client(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    now: Timestamp,
) -> Result<Credentials, store::Error> {
    create_client_with(store, tenant, name, Rights::default(), false, now).await
}

/// The same for one that may read less; and one that `reads_masked` fields finds their values in encrypted files.
pub async fn create_client_with(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    rights: Rights,
    reads_masked: bool,
    now: Timestamp,
) -> Result<Credentials, store::Error> {
    let credentials = Credentials::random();
    let client = Client {
        id: credentials.client_id.clone(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        secret_hash: secret::hash(&credentials.client_secret),
        old_secret: None,
        rights,
        reads_masked,
        created_at: now,
        revoked_at: None,
    };
    store.add_client(&client).await?;
    Ok(credentials)
}

/// Gives a client a new secret. The old one is good for as long as `overlap`; without, it ends at once, and the tokens that
/// were given for it. `None` if there is no such client.
pub async fn rotate(
    store: &dyn Store,
    id: &str,
    overlap: Option<SignedDuration>,
    now: Timestamp,
) -> Result<Option<Credentials>, store::Error> {
    let credentials = Credentials { client_id: id.to_owned(), ..Credentials::random() };
    let hash = secret::hash(&credentials.client_secret);
    let is_set = store.set_secret(id, &hash, overlap.map(|overlap| now + overlap)).await?;
    Ok(is_set.then_some(credentials))
}

/// Makes a user of a tenant, who logs in with name and password instead of id and secret. False if there is one of that
/// name, in whatever tenant.
pub async fn add_user(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    password: &str,
    rights: Rights,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let user = Client {
        id: name.to_owned(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        secret_hash: secret::hash_password(password),
        old_secret: None,
        rights,
        reads_masked: false,
        created_at: now,
        revoked_at: None,
    };
    store.add_client(&user).await
}

impl Client {
    /// Whether it is a user: somebody with a password, which is checked slowly.
    pub fn is_user(&self) -> bool {
        secret::is_of_password(&self.secret_hash)
    }

    /// Whether a client's secret is right, be it the present one or the one before in its last hours.
    pub fn has_secret(&self, secret: &str, now: Timestamp) -> bool {
        let is_old = |old: &OldSecret| now < old.until && secret::is_right(secret, &old.hash);
        secret::is_right(secret, &self.secret_hash) || self.old_secret.as_ref().is_some_and(is_old)
    }
}
