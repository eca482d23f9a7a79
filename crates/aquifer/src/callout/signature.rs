//! Signatures as Standard Webhooks has them: <https://www.standardwebhooks.com>, version 1.0.0.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::Sha256;

/// What sender and receiver share, `whsec_` and 24 to 64 random bytes in base64.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(Vec<u8>);

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Secret, &'static str> {
        let encoded = text.strip_prefix("whsec_").ok_or("a secret for callouts begins with whsec_")?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| "what follows whsec_ is base64")?;
        if !(24..=64).contains(&bytes.len()) {
            return Err("a secret for callouts has 24 to 64 bytes");
        }
        Ok(Secret(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The header `webhook-signature`, which has a signature for each secret: while one secret takes the place of another,
/// receivers may know either.
pub fn sign(secrets: &[Secret], id: &str, at: Timestamp, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.as_second());
    let signatures = secrets.iter().map(|Secret(secret)| {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key will do");
        mac.update(signed.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the project's libraries are tested with.
    #[test]
    fn signatures_are_those_of_other_implementations() {
        let secret = Secret::try_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let sign = |secrets: &[Secret]| sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(std::slice::from_ref(&secret)), signature);
        assert_eq!(sign(&[secret.clone(), secret]), format!("{signature} {signature}"));
    }

    #[test]
    fn a_secret_that_is_none_says_why_and_never_shows() {
        let wrong = |text: &str| Secret::try_from(text.to_owned()).unwrap_err();
        assert!(wrong("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").contains("begins with whsec_"));
        assert!(wrong("whsec_%").contains("base64"));
        assert!(wrong("whsec_c2hvcnQ=").contains("24 to 64 bytes"));
        let secret = Secret::try_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
