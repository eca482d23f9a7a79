//! The message: the session key for the recipient, then literal data in an integrity-protected packet (version 1, which
//! every program reads). Not compressed: what can be deflated is deflated before.

use std::io::{self, Read, Write};

use pgp::composed::MessageBuilder;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use rand::rngs::OsRng;

use super::key::EncryptionKey;

/// The lengths of packets are told piece by piece, since nobody knows the whole.
const CHUNK: u32 = 256 << 10;

pub(super) fn encrypt(key: &EncryptionKey, plain: impl Read, out: impl Write) -> io::Result<()> {
    let mut message = MessageBuilder::from_reader("", plain).seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
    message.partial_chunk_size(CHUNK).map_err(io::Error::other)?;
    match key {
        EncryptionKey::Primary(key) => message.encrypt_to_key(OsRng, key),
        EncryptionKey::Subkey(key) => message.encrypt_to_key(OsRng, key),
    }
    .map_err(io::Error::other)?;
    message.to_writer(OsRng, out).map_err(io::Error::other)
}

/// The packets around are below 4 KiB with any key, and each chunk of two nested packets has a byte for its length.
pub(super) fn max_length(plain: u64) -> u64 {
    plain + 4096 + 2 * (plain / u64::from(CHUNK) + 1)
}
