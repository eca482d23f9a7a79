//! Clients of the server: making them, with a secret that is shown once.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    secret,
    store::{self, Client, Store},
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

/// Makes a client of a tenant, of a name of anybody's choice.
pub async fn create_client(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    now: Timestamp,
) -> Result<Credentials, store::Error> {
    create_client_with(store, tenant, name, false, now).await
}

/// The same; one that `reads_masked` fields finds their values in encrypted files.
pub async fn create_client_with(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    reads_masked: bool,
    now: Timestamp,
) -> Result<Credentials, store::Error> {
    let credentials = Credentials::random();
    let client = Client {
        id: credentials.client_id.clone(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        secret_hash: secret::hash(&credentials.client_secret),
        reads_masked,
        created_at: now,
        revoked_at: None,
    };
    store.add_client(&client).await?;
    Ok(credentials)
}
