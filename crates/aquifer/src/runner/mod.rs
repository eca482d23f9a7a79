//! What runs the jobs: takes them up one after another, keeps their leases, and ends them.
//!
//! ```text
//! dispatch: store.take -> run: begin -> batch, batch, ... -> one event that ends the job
//!                              beside it: heartbeat, cancel, shutdown
//! ```
//!
//! A runner changes a job only through its lease. If it has lost that, it stops and leaves everything as it is: somebody
//! else has the job now, or nobody wants it any more.

mod batch;
mod conversion;
mod places;
mod run;
mod scope;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering},
};

use engine::Snapshot;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{
    clock::Clock,
    config::Config,
    job::{Job, JobId},
    results::Results,
    secret,
    store::{Lease, LeaseToken, Store, Terms},
    tenant::Tenants,
};

pub struct Runner {
    config: Config,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    tenants: Tenants,
    results: Results,
    /// Rung when a job may be waiting.
    bell: Notify,
    /// A permit for each job that may run at one time.
    slots: Arc<Semaphore>,
    /// Set when it is time to stop: to when the grace period ends.
    stopping: watch::Sender<Option<Timestamp>>,
    at_work: Mutex<HashMap<JobId, Arc<AtWork>>>,
    /// How many jobs have left, however they ended.
    left: watch::Sender<u64>,
}

/// A job that runs here and now.
struct AtWork {
    /// Of each batch: how far it is, and the way to stop it.
    progress: Vec<Arc<export::file::Progress>>,
    snapshot: OnceLock<Arc<dyn Snapshot>>,
    cancelled: watch::Sender<bool>,
    /// Until when the lease holds.
    renewed: watch::Sender<Timestamp>,
}

impl AtWork {
    fn new(batches: usize, until: Timestamp) -> AtWork {
        let progress = (0..batches).map(|_| Arc::default()).collect();
        AtWork {
            progress,
            snapshot: OnceLock::new(),
            cancelled: watch::Sender::new(false),
            renewed: watch::Sender::new(until),
        }
    }

    /// Tells whoever reads and whoever writes to stop; they do within a moment.
    fn stop(&self) {
        self.progress.iter().for_each(|progress| progress.cancel());
        if let Some(snapshot) = self.snapshot.get() {
            snapshot.cancel();
        }
    }
}

impl Runner {
    pub fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
        tenants: Tenants,
        results: Results,
    ) -> Runner {
        Runner {
            slots: Arc::new(Semaphore::new(config.runner.jobs)),
            config,
            clock,
            store,
            tenants,
            results,
            bell: Notify::new(),
            stopping: watch::Sender::new(None),
            at_work: Mutex::default(),
            left: watch::Sender::new(0),
        }
    }

    /// Changes whenever a job has left this runner: who waits for a job looks again then.
    pub fn left(&self) -> watch::Receiver<u64> {
        self.left.subscribe()
    }

    /// Looks for work now, and not only when it would anyway.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// Stops a job that has been cancelled, if it runs here.
    pub fn cancel(&self, job: JobId) {
        if let Some(at_work) = self.find(job) {
            at_work.cancelled.send_replace(true);
            at_work.stop();
        }
    }

    /// Until when the lease of a job that runs here has been renewed; it changes with every renewal.
    pub fn renewed(&self, job: JobId) -> Option<watch::Receiver<Timestamp>> {
        self.find(job).map(|at_work| at_work.renewed.subscribe())
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.borrow().is_some()
    }

    pub fn is_at_work(&self, job: JobId) -> bool {
        self.find(job).is_some()
    }

    /// Rows that a batch of a job that runs here has written.
    pub fn rows_so_far(&self, job: JobId, batch: usize) -> Option<u64> {
        self.find(job)?.progress.get(batch).map(|progress| progress.rows.load(Ordering::Relaxed))
    }

    /// Runs jobs until [`Runner::stop`].
    pub async fn dispatch(self: Arc<Self>) {
        let mut stopping = self.stopping.subscribe();
        loop {
            // Nobody closes the semaphore.
            let Ok(slot) = self.slots.clone().acquire_owned().await else { return };
            let Some((job, lease)) = self.next(&mut stopping).await else { return };
            let runner = self.clone();
            tokio::spawn(async move {
                runner.run(job, lease).await;
                drop(slot);
            });
        }
    }

    /// Takes no more jobs, lets those that run go on for the grace period, then gives them back.
    pub async fn stop(&self) {
        self.stopping.send_replace(Some(self.clock.now() + self.config.server.shutdown_grace()));
        let all = u32::try_from(self.config.runner.jobs).unwrap_or(u32::MAX);
        // The semaphore is never closed; all permits are back when all jobs are done.
        drop(self.slots.acquire_many(all).await);
    }

    /// Waits for a job and takes it up; `None` when it is time to stop. Only the waiting is broken off, never the
    /// taking: a job that was taken and then dropped would wait until its lease has run out.
    async fn next(&self, stopping: &mut watch::Receiver<Option<Timestamp>>) -> Option<(Job, Lease)> {
        while stopping.borrow_and_update().is_none() {
            let now = self.clock.now();
            let lease = Lease {
                token: LeaseToken(secret::hex(&secret::random::<16>())),
                until: now + self.config.runner.lease(),
            };
            match self.store.take(&lease, now, &self.terms()).await {
                Ok(Some(job)) => return Some((job, lease)),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "cannot look for jobs"),
            }
            tokio::select! {
                () = self.bell.notified() => {}
                () = self.clock.sleep_until(now + self.config.runner.poll()) => {}
                _ = stopping.changed() => {}
            }
        }
        None
    }

    fn terms(&self) -> Terms {
        let executing =
            self.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.settings.limits.executing_jobs()));
        Terms {
            max_attempts: self.config.runner.max_attempts,
            executing: executing.collect(),
            at_work: self.at_work.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect(),
        }
    }

    fn find(&self, job: JobId) -> Option<Arc<AtWork>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).get(&job).cloned()
    }

    fn enter(&self, job: &Job, until: Timestamp) -> Presence<'_> {
        let at_work = Arc::new(AtWork::new(job.batches.len(), until));
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).insert(job.id, at_work.clone());
        Presence { runner: self, job: job.id, at_work }
    }
}

/// That a job runs here; over when it is dropped, even by a panic, so that the job can be taken up again.
struct Presence<'a> {
    runner: &'a Runner,
    job: JobId,
    at_work: Arc<AtWork>,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.at_work.stop();
        self.runner.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.job);
        self.runner.left.send_modify(|left| *left += 1);
        // The next job of its session may go now.
        self.runner.wake();
    }
}
