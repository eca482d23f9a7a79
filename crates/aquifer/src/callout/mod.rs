//! Callouts: somebody is told that a job has ended.
//!
//! ```text
//! store: the end of a job records its callout -> take -> aqua: message -> address: vet -> send -> store: tried
//! ```
//!
//! The end of a job and its callout are one transaction, and a callout that was taken by a server that died is taken
//! again: every callout is sent at least once. What is sent follows the settings of the moment of sending.

pub mod address;
pub mod send;
pub mod signature;

use std::{sync::Arc, time::Instant};

use jiff::SignedDuration;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{
    aqua,
    clock::Clock,
    config::Config,
    job::{Callout, Job, Outcome, Try},
    secret,
    store::{Lease, LeaseToken, Store},
    tenant::Tenants,
};
use send::Sender;

/// The callouts that wait, and their sending.
pub struct Callouts {
    config: Config,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    tenants: Tenants,
    sender: Sender,
    /// Rung when a callout may be waiting.
    bell: Notify,
    /// A permit for each that may be sent at one time.
    slots: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    /// How many tries there have been.
    tries: watch::Sender<u64>,
}

/// Sent at one time: a receiver that does not answer must not keep the others waiting.
const AT_ONCE: u32 = 16;

/// Longer than any try takes.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// How long the stop of the server waits for what is being sent.
const CLOSING: SignedDuration = SignedDuration::from_secs(5);

impl Callouts {
    pub fn new(config: Config, clock: Arc<dyn Clock>, store: Arc<dyn Store>, tenants: Tenants) -> Callouts {
        Callouts {
            sender: Sender::new(&config.callout),
            config,
            clock,
            store,
            tenants,
            bell: Notify::new(),
            slots: Arc::new(Semaphore::new(AT_ONCE as usize)),
            stopping: watch::Sender::new(false),
            tries: watch::Sender::new(0),
        }
    }

    /// Looks for callouts now, and not only when it would anyway.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// Changes after every try.
    pub fn tries(&self) -> watch::Receiver<u64> {
        self.tries.subscribe()
    }

    /// Sends callouts until [`Callouts::stop`]; looks for them whenever a job has `ended`, too.
    pub async fn dispatch(self: Arc<Self>, mut ended: watch::Receiver<u64>) {
        loop {
            // Nobody closes the semaphore.
            let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
            let Some((callout, lease)) = self.next(&mut ended).await else { return };
            let callouts = self.clone();
            tokio::spawn(async move {
                callouts.deliver(callout, &lease).await;
                drop(slot);
            });
        }
    }

    /// Takes up no more callouts, and gives those that are being sent a moment.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        tokio::select! {
            _ = self.slots.acquire_many(AT_ONCE) => {}
            () = self.clock.sleep_until(self.clock.now() + CLOSING) => self.sender.break_off(),
        }
    }

    /// Waits for a callout and takes it up; `None` when it is time to stop.
    async fn next(&self, ended: &mut watch::Receiver<u64>) -> Option<(Callout, LeaseToken)> {
        let mut stopping = self.stopping.subscribe();
        while !*stopping.borrow_and_update() {
            let now = self.clock.now();
            let lease = Lease { token: LeaseToken(secret::hex(&secret::random::<16>())), until: now + LEASE };
            match self.store.take_callout(&lease, now).await {
                Ok(Some(callout)) => return Some((callout, lease.token)),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "cannot look for callouts"),
            }
            tokio::select! {
                () = self.bell.notified() => {}
                Ok(()) = ended.changed() => {}
                () = self.clock.sleep_until(now + self.config.runner.poll()) => {}
                _ = stopping.changed() => {}
            }
        }
        None
    }

    async fn deliver(&self, callout: Callout, lease: &LeaseToken) {
        let job = callout.job.id;
        let one = self.try_once(callout.job).await;
        if *self.stopping.borrow() && !one.outcome.is_delivered() {
            // Perhaps the stop itself broke it off. The next start sends it again.
            return;
        }
        match self.store.tried(job, lease, one, self.config.callout.schedule()).await {
            Ok(callout) => log(&callout),
            Err(error) => tracing::error!(%job, %error, "cannot keep a try of a callout; it will be sent again"),
        }
        self.tries.send_modify(|tries| *tries += 1);
    }

    async fn try_once(&self, job: Job) -> Try {
        let at = self.clock.now();
        let tenant = self.tenants.get(&job.tenant);
        let Some(message) = tenant.and_then(|tenant| aqua::callout::message(&job, &tenant.settings)) else {
            let outcome = Outcome::Refused("neither the settings nor the job say what to call".to_owned());
            return Try { at, method: String::new(), url: String::new(), milliseconds: 0, outcome };
        };
        let (method, url) = (message.method.to_owned(), message.url.clone());
        let (sender, begun) = (self.sender.clone(), Instant::now());
        let sent = tokio::task::spawn_blocking(move || sender.send(&message, at)).await;
        let outcome = sent.unwrap_or_else(|error| Outcome::Unanswered(error.to_string()));
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Try { at, method, url, milliseconds, outcome }
    }
}

fn log(callout: &Callout) {
    let (job, attempts) = (callout.job.id, callout.attempts);
    let Some(Try { outcome, .. }) = callout.tries.last() else { return };
    let (status, why) = (outcome.status(), outcome.error());
    if outcome.is_delivered() {
        tracing::info!(%job, status, "callout delivered");
    } else {
        let next = callout.due_at.map(|at| at.to_string());
        tracing::warn!(%job, status, why, attempts, next, "callout not delivered");
    }
}
