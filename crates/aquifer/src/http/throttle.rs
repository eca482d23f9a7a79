//! How many requests a tenant may make in a minute and at one time, how often a client may ask for a token, and how often
//! its secret, or the password of a user, may be tried. What is wrong is counted by itself: whoever knows a client's id must
//! not take its turns.
//!
//! Windows are fixed minutes by the clock. They are in memory: a restart forgives.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Extension,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{app::App, aqua::Error, tenant::Tenant};

const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Seconds after which somebody who had too many requests at one time may try again.
const RETRY_AFTER: u64 = 1;

#[derive(Default)]
pub struct Throttle {
    /// By what is counted: a tenant's requests, a client's tokens and what is taken for its secret, a user's passwords.
    windows: Mutex<HashMap<Counted, Window>>,
    at_work: Mutex<HashMap<String, Arc<AtomicU32>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Requests {
        tenant: String,
    },
    Tokens {
        client: String,
    },
    /// Of all ids that are no client's together: whoever makes them up must not fill the memory.
    WrongSecrets {
        client: Option<String>,
    },
    /// Of all users whose names have this digest: names are made up too.
    Passwords {
        names: u16,
    },
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begins: Timestamp,
    count: u32,
}

/// Where a window stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rate {
    limit: u32,
    remaining: u32,
    /// Seconds until the next window.
    reset: u64,
    is_over: bool,
}

impl Rate {
    fn allow(self) -> Result<(), Error> {
        if self.is_over { Err(Error::TooManyRequests { retry_after: self.reset }) } else { Ok(()) }
    }
}

impl Throttle {
    /// Counts a request for a token that the client itself has made.
    pub fn token(&self, client: &str, limit: u32, now: Timestamp) -> Result<(), Error> {
        self.count(Counted::Tokens { client: client.to_owned() }, limit, now).allow()
    }

    /// Counts a wrong secret, or one for a client that there is not.
    pub fn wrong_secret(&self, client: Option<&str>, limit: u32, now: Timestamp) -> Result<(), Error> {
        self.count(Counted::WrongSecrets { client: client.map(str::to_owned) }, limit, now).allow()
    }

    /// Counts a password that is about to be checked.
    pub fn password(&self, name: &str, limit: u32, now: Timestamp) -> Result<(), Error> {
        let [first, second, ..] = Sha256::digest(name)[..] else { unreachable!("a digest has 32 bytes") };
        self.count(Counted::Passwords { names: u16::from_be_bytes([first, second]) }, limit, now).allow()
    }

    fn count(&self, counted: Counted, limit: u32, now: Timestamp) -> Rate {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(counted).or_insert(Window { begins: now, count: 0 });
        if now >= window.begins + WINDOW {
            *window = Window { begins: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        let left = (window.begins + WINDOW).duration_since(now);
        Rate {
            limit,
            remaining: limit.saturating_sub(window.count),
            reset: left.as_secs().max(1).unsigned_abs(),
            is_over: window.count > limit,
        }
    }

    fn at_work(&self, tenant: &str) -> Arc<AtomicU32> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.entry(tenant.to_owned()).or_default().clone()
    }
}

/// One request that is being answered, to the end of its body; over when it is dropped.
struct AtWork(Arc<AtomicU32>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a request pass if its tenant has not had too many, and says in the answer how many are left.
pub async fn throttle(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    request: Request,
    next: Next,
) -> Response {
    let (limits, throttle) = (&tenant.settings.limits, &app.doors.throttle);
    let rate =
        throttle.count(Counted::Requests { tenant: tenant.name.clone() }, limits.requests_per_minute, app.clock.now());
    let at_work = AtWork(throttle.at_work(&tenant.name));
    let others = at_work.0.fetch_add(1, Ordering::Relaxed);
    let response = if rate.is_over {
        Error::TooManyRequests { retry_after: rate.reset }.into_response()
    } else if others >= limits.concurrent_requests {
        Error::TooManyRequests { retry_after: RETRY_AFTER }.into_response()
    } else {
        next.run(request).await
    };
    let mut response = response.map(|body| until_sent(body, at_work));
    let concurrency = limits.concurrent_requests;
    say(response.headers_mut(), rate, concurrency, concurrency.saturating_sub(others + 1));
    response
}

/// The body, which keeps something for as long as it is there. One that is ready is written at once.
fn until_sent(body: Body, kept: impl Send + 'static) -> Body {
    if body.is_end_stream() || body.size_hint().exact().is_some() {
        return body;
    }
    Body::from_stream(body.into_data_stream().inspect(move |_| _ = &kept))
}

fn say(headers: &mut HeaderMap, rate: Rate, concurrency: u32, free: u32) {
    let numbers = [
        ("ratelimit-limit", u64::from(rate.limit)),
        ("ratelimit-remaining", u64::from(rate.remaining)),
        ("ratelimit-reset", rate.reset),
        ("concurrency-limit-limit", u64::from(concurrency)),
        ("concurrency-limit-remaining", u64::from(free)),
    ];
    for (name, number) in numbers {
        headers.insert(HeaderName::from_static(name), number.into());
    }
    headers.insert(HeaderName::from_static("concurrency-limit-type"), HeaderValue::from_static("Default"));
}
