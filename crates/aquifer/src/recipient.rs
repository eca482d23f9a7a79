//! Whom a tenant's result files are encrypted to: an OpenPGP key in the store, one at a time.

use export::encrypt::{KeyError, Recipient};
use jiff::Timestamp;

use crate::store::{self, Store};

/// Why files cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the tenant has no OpenPGP key; `aquifer tenant key add FILE` gives it one")]
    NoKey,
    #[error("the tenant's OpenPGP key cannot be used: {0}")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Reads a public key, armored or binary, that must be usable now.
pub fn parse(key: &[u8], now: Timestamp) -> Result<Recipient, KeyError> {
    Recipient::parse(key, export::Timestamp(now.as_microsecond()))
}

/// The tenant's, if it is usable now: a key that was so when it was added may have expired since.
pub async fn of_tenant(store: &dyn Store, tenant: &str, now: Timestamp) -> Result<Recipient, Error> {
    let key = store.recipient(tenant).await?.ok_or(Error::NoKey)?;
    Ok(parse(&key, now)?)
}
