//! Encryption of a file to a public key: an OpenPGP message (RFC 9580) that any OpenPGP program decrypts.
//!
//! OpenPGP doubles what the crate takes to build, so it is a cargo feature, `openpgp`. Without it there is no
//! [`Recipient`] to be had, and nothing else changes.

#[cfg(feature = "openpgp")]
mod key;
#[cfg(feature = "openpgp")]
mod message;

use crate::cell::Timestamp;

/// Whose key a file is encrypted to. Was usable when it was parsed.
#[derive(Debug, Clone)]
pub struct Recipient {
    #[cfg(feature = "openpgp")]
    key: std::sync::Arc<key::Usable>,
    #[cfg(not(feature = "openpgp"))]
    never: std::convert::Infallible,
}

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("not an OpenPGP public key: {0}")]
    Unreadable(String),
    #[error("a secret key; export the public one")]
    Secret,
    #[error("{0} keys instead of one")]
    Several(usize),
    #[error("the key is not signed by its owner")]
    Unsigned,
    #[error("the key is revoked")]
    Revoked,
    #[error("the key has expired")]
    Expired,
    #[error("the key begins to be valid in the future")]
    NotYetValid,
    #[error("the key is too weak: {0}, where RSA of at least 3072 bits or Curve25519 is needed")]
    Weak(String),
    #[error("the key is not for encryption")]
    NotForEncryption,
    #[error("OpenPGP is not built in")]
    NotBuiltIn,
}

#[cfg(feature = "openpgp")]
impl Recipient {
    /// Reads one public key, armored or binary, and chooses the subkey to encrypt to: of those that are for encryption,
    /// bound by the owner, strong enough and, as of `now`, neither expired nor revoked, the newest.
    pub fn parse(key: &[u8], now: Timestamp) -> Result<Recipient, KeyError> {
        Ok(Recipient { key: std::sync::Arc::new(key::Usable::parse(key, now)?) })
    }

    /// Of the primary key, in upper-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.key.fingerprint
    }

    /// Its owner's names, as `Ada <ada@example.com>`.
    pub fn users(&self) -> &[String] {
        &self.key.users
    }

    /// When it can no longer be used, if it does not live for ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.key.expires_at
    }

    /// Encrypts all that is read.
    pub(crate) fn encrypt(&self, plain: impl std::io::Read, out: impl std::io::Write) -> std::io::Result<()> {
        message::encrypt(&self.key.encryption, plain, out)
    }

    /// What so many bytes are at most when they are encrypted.
    pub(crate) fn max_encrypted(&self, length: u64) -> u64 {
        message::max_length(length)
    }
}

#[cfg(not(feature = "openpgp"))]
impl Recipient {
    /// There is none without the feature.
    pub fn parse(_key: &[u8], _now: Timestamp) -> Result<Recipient, KeyError> {
        Err(KeyError::NotBuiltIn)
    }

    pub fn fingerprint(&self) -> &str {
        match self.never {}
    }

    pub fn users(&self) -> &[String] {
        match self.never {}
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.never {}
    }

    pub(crate) fn encrypt(&self, _plain: impl std::io::Read, _out: impl std::io::Write) -> std::io::Result<()> {
        match self.never {}
    }

    pub(crate) fn max_encrypted(&self, _length: u64) -> u64 {
        match self.never {}
    }
}
