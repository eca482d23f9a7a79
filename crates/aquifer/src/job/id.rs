//! Ids: 32 lower-case hex digits, the first 12 of them the millisecond they were made in, so that ids made together
//! share a prefix and sort by age, as the original's do. The rest is random: an id cannot be guessed.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::secret;

/// The text is not 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: an id is 32 lower-case hex digits")]
pub struct NotAnId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, utoipa::ToSchema)]
        #[schema(value_type = String, pattern = "^[0-9a-f]{32}$", example = "019e0f3c8a40d5b1f2c97e6a3b84d051")]
        pub struct $name(u128);

        impl $name {
            pub fn new(now: Timestamp) -> $name {
                $name(made_at(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<$name, NotAnId> {
                parse(text).map($name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    JobId
    BatchId
    FileId
}

fn made_at(now: Timestamp) -> u128 {
    let millisecond = u128::from(now.as_millisecond().unsigned_abs()) & 0xffff_ffff_ffff;
    let random = u128::from_be_bytes(secret::random()) >> 48;
    millisecond << 80 | random
}

fn parse(text: &str) -> Result<u128, NotAnId> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex { u128::from_str_radix(text, 16).map_err(|_| NotAnId) } else { Err(NotAnId) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_own_text_and_nothing_else_is() {
        let now = Timestamp::from_millisecond(0x18ad_08f0_6909).unwrap();
        let id = JobId::new(now);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("18ad08f06909"), "{id}");
        assert_ne!(id, JobId::new(now));
        for wrong in
            ["", "..", &id.to_string()[1..], &id.to_string().to_uppercase(), &format!("+{}", &id.to_string()[1..])]
        {
            assert_eq!(wrong.parse::<JobId>(), Err(NotAnId), "{wrong}");
        }
    }
}
