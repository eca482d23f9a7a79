//! What a public key is good for. The rules are those of RFC 9580, sections 5.2.1 and 10.1.

use pgp::composed::{PublicOrSecret, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{EcdhPublicParams, KeyDetails, KeyVersion, PublicParams, Tag};

use super::KeyError;
use crate::cell::Timestamp;

/// Below that RSA is not expected to hold for years (NIST SP 800-57: 112 bits of security).
const MIN_RSA_BITS: u16 = 3072;

/// A key that passed, and what of it is used.
#[derive(Debug)]
pub(super) struct Usable {
    pub(super) encryption: EncryptionKey,
    pub(super) fingerprint: String,
    pub(super) users: Vec<String>,
    pub(super) expires_at: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) enum EncryptionKey {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// A key that encrypts, and until when.
struct Candidate {
    key: EncryptionKey,
    /// Seconds since 1970, as all times here.
    created: u32,
    expires: Option<u64>,
}

impl Usable {
    pub(super) fn parse(bytes: &[u8], now: Timestamp) -> Result<Usable, KeyError> {
        let now = now.0.div_euclid(1_000_000);
        let key = read(bytes)?;
        let primary = &key.primary_key;
        if key.details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
            return Err(KeyError::Revoked);
        }
        let own = newest(own_signatures(&key), now).ok_or(KeyError::Unsigned)?;
        let expires = check_life(primary, own, now)?;

        let for_primary = check_use(primary, own.key_flags(), false);
        let for_primary = for_primary.map(|()| Candidate {
            key: EncryptionKey::Primary(primary.clone()),
            created: primary.created_at().as_secs(),
            expires,
        });
        let for_subkeys = key.public_subkeys.iter().map(|subkey| check_subkey(primary, subkey, now));
        let (usable, refused): (Vec<_>, Vec<_>) = for_subkeys.chain([for_primary]).partition(Result::is_ok);
        let Some(best) = usable.into_iter().flatten().max_by_key(|candidate| candidate.created) else {
            // What a key is not for is no fault of it, as long as there is another one.
            let faults = refused.into_iter().filter_map(Result::err);
            return Err(faults.min_by_key(|fault| *fault == KeyError::NotForEncryption).unwrap_or(KeyError::Unsigned));
        };
        let expires = [expires, best.expires].into_iter().flatten().min();
        Ok(Usable {
            encryption: best.key,
            fingerprint: primary.fingerprint().to_string().to_uppercase(),
            users: key.details.users.iter().map(|user| String::from_utf8_lossy(user.id.id()).into_owned()).collect(),
            expires_at: expires.map(|seconds| Timestamp(seconds as i64 * 1_000_000)),
        })
    }
}

fn read(bytes: &[u8]) -> Result<SignedPublicKey, KeyError> {
    let unreadable = |error: pgp::errors::Error| KeyError::Unreadable(error.to_string());
    let (keys, _) = PublicOrSecret::from_reader_many(bytes).map_err(unreadable)?;
    let mut keys = keys.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    match (keys.pop(), keys.len()) {
        (Some(PublicOrSecret::Public(key)), 0) => Ok(key),
        (Some(PublicOrSecret::Secret(_)), 0) => Err(KeyError::Secret),
        (None, _) => Err(KeyError::Unreadable("there is none".to_owned())),
        (Some(_), others) => Err(KeyError::Several(others + 1)),
    }
}

/// The owner's valid signatures of the key itself: on it directly, or on a name that is not revoked.
fn own_signatures(key: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter();
    let direct = direct.filter(|signature| signature.verify_key(primary).is_ok());
    let on_names = key.details.users.iter().flat_map(move |user| {
        let own = |signature: &&Signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let revoked = user.signatures.iter().filter(own).any(|own| own.typ() == Some(SignatureType::CertRevocation));
        user.signatures.iter().filter(own).filter(move |_| !revoked)
    });
    direct.chain(on_names)
}

fn check_subkey(primary: &PublicKey, subkey: &SignedPublicSubKey, now: i64) -> Result<Candidate, KeyError> {
    let own = || subkey.signatures.iter().filter(|own| own.verify_subkey_binding(primary, &subkey.key).is_ok());
    if own().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err(KeyError::Revoked);
    }
    let binding = newest(own(), now).ok_or(KeyError::Unsigned)?;
    check_use(&subkey.key, binding.key_flags(), true)?;
    let expires = check_life(&subkey.key, binding, now)?;
    let created = subkey.key.created_at().as_secs();
    Ok(Candidate { key: EncryptionKey::Subkey(subkey.key.clone()), created, expires })
}

/// The newest signature in effect says all: an owner who wants to change something signs again.
fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>, now: i64) -> Option<&'s Signature> {
    let in_effect = signatures.filter(|signature| {
        let created = signature.created().map_or(i64::MAX, |at| i64::from(at.as_secs()));
        let life = signature.signature_expiration_time().map_or(0, |life| i64::from(life.as_secs()));
        created <= now && (life == 0 || now < created + life)
    });
    in_effect.max_by_key(|signature| signature.created().map(|at| at.as_secs()))
}

/// When the key expires, if it lives now. A life of 0 seconds is one for ever.
fn check_life(key: &impl KeyDetails, signature: &Signature, now: i64) -> Result<Option<u64>, KeyError> {
    let created = u64::from(key.created_at().as_secs());
    let life = signature.key_expiration_time().map_or(0, |life| u64::from(life.as_secs()));
    let expires = (life > 0).then_some(created + life);
    match () {
        () if now < created as i64 => Err(KeyError::NotYetValid),
        () if expires.is_some_and(|at| at as i64 <= now) => Err(KeyError::Expired),
        () => Ok(expires),
    }
}

/// Whether a key is for encryption and strong enough. A subkey without any flags is for whatever it can do, as GnuPG
/// has it.
fn check_use(key: &impl KeyDetails, flags: KeyFlags, is_subkey: bool) -> Result<(), KeyError> {
    let no_flags = is_subkey && flags == KeyFlags::default();
    if !(flags.encrypt_comms() || flags.encrypt_storage() || no_flags) {
        return Err(KeyError::NotForEncryption);
    }
    let weak = |what: &str| Err(KeyError::Weak(what.to_owned()));
    match key.public_params() {
        _ if key.version() != KeyVersion::V4 => weak("not version 4"),
        PublicParams::RSA(_) if rsa_bits(key) < MIN_RSA_BITS => weak(&format!("RSA of {} bits", rsa_bits(key))),
        PublicParams::RSA(_) | PublicParams::X25519(_) => Ok(()),
        PublicParams::ECDH(EcdhPublicParams::Curve25519Legacy { .. }) => Ok(()),
        PublicParams::ECDH(_) => weak("ECDH on another curve"),
        PublicParams::Elgamal(_) => weak("Elgamal"),
        _ if no_flags => Err(KeyError::NotForEncryption),
        _ => weak(&format!("{:?}", key.algorithm())),
    }
}

/// The modulus is written first, and begins with its length.
fn rsa_bits(key: &impl KeyDetails) -> u16 {
    let mut written = Vec::new();
    match key.public_params().to_writer(&mut written) {
        Ok(()) if written.len() >= 2 => u16::from_be_bytes([written[0], written[1]]),
        _ => 0,
    }
}
