//! Passwords of users. A check is slow on purpose, and users send theirs with every request: what was right is remembered
//! for some minutes, as a digest that is worth nothing outside of this process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::{aqua::Error, secret};

const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

/// Checks at one time: each takes a core and 19 MiB, and whoever knocks must not get all of them.
const AT_ONE_TIME: usize = 2;

pub struct Passwords {
    /// Keys the digests: they say nothing without it, and it is nowhere else.
    key: [u8; 32],
    /// Until when a password need not be checked again. Only right ones stand here, so there are no more than users.
    right: Mutex<HashMap<[u8; 32], Timestamp>>,
    checks: Semaphore,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { key: secret::random(), right: Mutex::default(), checks: Semaphore::new(AT_ONE_TIME) }
    }
}

impl Passwords {
    /// Whether it was found right against this hash a short while ago. Another password, and so another hash, is not known.
    pub fn remember(&self, password: &str, hashed: &str, now: Timestamp) -> bool {
        self.right().get(&self.digest(password, hashed)).is_some_and(|until| now < *until)
    }

    /// Checks a password, and takes its time; as long if there is no user, and so no hash.
    pub async fn check(&self, password: &str, hashed: Option<&str>, now: Timestamp) -> Result<bool, Error> {
        let _turn = self.checks.acquire().await.map_err(|error| Error::Internal(error.to_string()))?;
        let (given, hash) = (password.to_owned(), hashed.map(str::to_owned));
        let check = tokio::task::spawn_blocking(move || match hash {
            Some(hash) => secret::is_right_password(&given, &hash),
            None => secret::hash_password(&given).is_empty(),
        });
        let is_right = check.await.map_err(|error| Error::Internal(error.to_string()))?;
        let Some(hashed) = hashed.filter(|_| is_right) else { return Ok(false) };
        let mut right = self.right();
        right.retain(|_, until| now < *until);
        right.insert(self.digest(password, hashed), now + REMEMBERED);
        Ok(true)
    }

    /// There is no line break in a hash, so the two cannot run into each other.
    fn digest(&self, password: &str, hashed: &str) -> [u8; 32] {
        let digest =
            Sha256::new().chain_update(self.key).chain_update(hashed).chain_update("\n").chain_update(password);
        digest.finalize().into()
    }

    fn right(&self) -> MutexGuard<'_, HashMap<[u8; 32], Timestamp>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
