//! The only place that reads the time.
//!
//! Leases, limits, retention and tokens all ask a [`Clock`], so tests move time instead of waiting for it.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

pub trait Clock: Send + Sync + 'static {
    /// In whole microseconds, which is what the stores keep.
    fn now(&self) -> Timestamp;

    /// Done when [`Clock::now`] has reached `at`; at once if it already has.
    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "everybody else asks this one")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let left = at.duration_since(self.now());
        Box::pin(tokio::time::sleep(Duration::try_from(left).unwrap_or_default()))
    }
}

/// A clock that stands still until it is moved, and then wakes whoever slept up to the new time.
#[derive(Debug, Clone)]
pub struct Manual {
    now: Arc<watch::Sender<Timestamp>>,
}

impl Manual {
    pub fn at(now: Timestamp) -> Manual {
        Manual { now: Arc::new(watch::Sender::new(now)) }
    }

    pub fn advance(&self, by: SignedDuration) {
        self.now.send_modify(|now| *now += by);
    }
}

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let mut moved = self.now.subscribe();
        Box::pin(async move {
            if moved.wait_for(|now| *now >= at).await.is_err() {
                // Nobody is left who could move this clock: the moment never comes.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_it_is_moved_past_their_time() {
        let clock = Manual::at(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn(clock.sleep_until(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(10)));
        clock.advance(SignedDuration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(SignedDuration::from_secs(1));
        sleeper.await.unwrap();
    }
}
