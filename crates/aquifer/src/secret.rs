//! Random secrets, and how they are kept: never in clear.

use std::fmt::Write as _;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Bytes from the system's source of randomness.
#[expect(clippy::expect_used, reason = "a system without randomness can neither make ids nor keep secrets: stop")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A secret as it is stored: a random salt and the digest of both, `salt$digest` in hex.
///
/// One round of SHA-256 is enough, because the secrets are ours, 240 random bits each: there is no list of likely ones
/// to try, which is all that a slow hash protects against. The salt keeps equal secrets from looking equal.
pub fn hash(secret: &str) -> String {
    let salt = hex(&random::<16>());
    format!("{salt}${}", salted(&salt, secret))
}

/// Whether the secret is the one that was hashed, in the same time whether it is nearly right or not at all.
pub fn is_right(secret: &str, hashed: &str) -> bool {
    hashed.split_once('$').is_some_and(|(salt, digest)| salted(salt, secret).as_bytes().ct_eq(digest.as_bytes()).into())
}

/// The key under which an access token is stored: its digest, so that who reads the store cannot use what is in it. No
/// salt, because tokens are looked up by it; the token is 128 random bits.
pub fn token_key(token: &str) -> String {
    hex(&Sha256::digest(token))
}

/// A password as it is stored: Argon2id in the PHC form, `$argon2id$…`. People choose passwords that can be guessed, so each
/// guess must be dear: 19 MiB and some tens of milliseconds, as OWASP advises.
#[expect(clippy::expect_used, reason = "the parameters are constant, and a test hashes with them")]
pub fn hash_password(password: &str) -> String {
    let salt = SaltString::encode_b64(&random::<16>()).expect("16 bytes are a salt");
    Argon2::default().hash_password(password.as_bytes(), &salt).expect("the parameters are right").to_string()
}

/// Whether a hash is that of a password, and not of a secret of ours.
pub fn is_of_password(hashed: &str) -> bool {
    hashed.starts_with("$argon2")
}

/// As slow as [`hash_password`].
pub fn is_right_password(password: &str, hashed: &str) -> bool {
    let is_right = |hashed| Argon2::default().verify_password(password.as_bytes(), &hashed).is_ok();
    PasswordHash::new(hashed).is_ok_and(is_right)
}

fn salted(salt: &str, secret: &str) -> String {
    hex(&Sha256::new().chain_update(salt).chain_update("$").chain_update(secret).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_is_right() {
        let hashed = hash_password("open sesame");
        assert!(is_of_password(&hashed) && !is_of_password(&hash("open sesame")));
        assert!(is_right_password("open sesame", &hashed) && !is_right_password("open sesamf", &hashed));
        assert!(!is_right("open sesame", &hashed) && !is_right_password("open sesame", &hash("open sesame")));
        assert_ne!(hashed, hash_password("open sesame"), "the salt differs each time");
    }

    #[test]
    fn only_the_secret_itself_is_right() {
        let hashed = hash("open sesame");
        assert!(is_right("open sesame", &hashed));
        assert!(!is_right("open sesamf", &hashed) && !is_right("", &hashed) && !is_right("open sesame", "no salt"));
        assert!(!hashed.contains("sesame"));
        assert_ne!(hashed, hash("open sesame"), "the salt differs each time");
    }
}
