//! One job, from its lease to its end.

use std::sync::Arc;

use engine::{Snapshot, error::Kind};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::OnceCell;

use super::{AtWork, Runner};
use crate::{
    conversion::Rates,
    job::{BatchState, Event, Fault, FaultKind, Job, JobId, SnapshotMark, State},
    past::Past,
    store::{self, Lease, LeaseToken},
    tenant::Tenant,
};

/// A job that has its view of the data, and what its batches work with.
pub(super) struct Attempt<'a> {
    pub job: &'a Job,
    pub tenant: &'a Tenant,
    pub lease: &'a LeaseToken,
    pub snapshot: Arc<dyn Snapshot>,
    /// Of its session. All batches go by it: nothing else moves the session meanwhile, but increments may be downloaded.
    pub past: Option<Past>,
    /// Read when the first batch needs them.
    pub rates: OnceCell<Arc<Rates>>,
}

/// Why the work on a job stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It cannot be done.
    Failed { batch: Option<usize>, fault: Fault },
    /// It cannot be done now, but later it may.
    Hindered { batch: Option<usize>, fault: Fault },
    /// The job is not ours any more, or was cancelled.
    Lost,
    /// The server shuts down, and the grace period is over.
    Shutdown,
    /// The store does not answer. The lease will run out, and the job be run again.
    Store(store::Error),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Stop {
        match error {
            // A cancelled job takes no more events, a job that is gone none at all.
            store::Error::LeaseLost | store::Error::Illegal(_) | store::Error::NoSuchJob => Stop::Lost,
            error @ (store::Error::TooManyJobs | store::Error::Newer { .. } | store::Error::Database(_)) => {
                Stop::Store(error)
            }
        }
    }
}

/// A fault of which clients are told no more than `what` has failed: why may be in the words of the system, with the names of
/// its files.
pub(super) fn told_in_part(job: JobId, kind: FaultKind, what: &str, why: impl ToString) -> Fault {
    tracing::error!(%job, why = why.to_string(), "{what}");
    Fault { kind, message: format!("{what}: the log of the server has the reason, by the job's id") }
}

impl Stop {
    pub(super) fn internal(job: JobId, why: impl ToString) -> Stop {
        Stop::Failed { batch: None, fault: told_in_part(job, FaultKind::Internal, "the server failed", why) }
    }

    /// The data cannot be read, for a batch or for all of them.
    pub(super) fn source(job: JobId, batch: Option<usize>, error: &engine::Error) -> Stop {
        let kind = if batch.is_some() { FaultKind::Query } else { FaultKind::Internal };
        let fault = match error.kind {
            Kind::Storage | Kind::Corrupt => told_in_part(job, kind, "the data cannot be read", error),
            Kind::Busy | Kind::Input | Kind::Stopped | Kind::Internal => Fault { kind, message: error.to_string() },
        };
        if error.is_retryable() { Stop::Hindered { batch, fault } } else { Stop::Failed { batch, fault } }
    }
}

impl Runner {
    pub(super) async fn run(&self, job: Job, lease: Lease) {
        let id = job.id;
        let presence = self.enter(&job, lease.until);
        let at_work = &*presence.at_work;
        let lease = lease.token;
        tracing::info!(job = %id, attempt = job.attempt, "started");
        let stop = tokio::select! {
            done = self.work(&job, &lease, at_work) => done.err(),
            stop = self.heartbeat(&job, &lease, at_work) => Some(stop),
            () = cancelled(at_work) => Some(Stop::Lost),
            () = self.grace_over() => Some(Stop::Shutdown),
            stop = self.time_over(&job) => Some(stop),
        };
        if let Some(stop) = stop {
            at_work.stop();
            if let Err(error) = self.give_up(&job, &lease, stop).await {
                tracing::error!(job = %id, %error, "the store does not answer; the job will be run again");
            }
        }
        // Whatever this attempt has left unpublished; a thread that has not stopped yet tidies up after itself.
        if let Err(error) = self.results.sweep_job(&*self.store, id).await {
            tracing::warn!(job = %id, %error, "cannot sweep its files");
        }
    }

    /// The whole way of a job that nothing stops.
    async fn work(&self, job: &Job, lease: &LeaseToken, at_work: &AtWork) -> Result<(), Stop> {
        let tenant = self.tenants.get(&job.tenant);
        let tenant = tenant.ok_or_else(|| {
            let message = format!("there is no tenant {} any more", job.tenant);
            Stop::Failed { batch: None, fault: Fault { kind: FaultKind::Internal, message } }
        })?;
        let source = tenant.source.clone();
        let snapshot = tokio::task::spawn_blocking(move || source.begin()).await;
        let snapshot = snapshot.map_err(|error| Stop::internal(job.id, error))?;
        let snapshot = snapshot.map_err(|error| Stop::source(job.id, None, &error))?;
        let snapshot = at_work.snapshot.get_or_init(|| snapshot);
        let mark = SnapshotMark { at: snapshot.taken_at(), position: snapshot.position().0.clone() };
        let job = &self.store.apply(job.id, Some(lease), Event::Began(mark)).await?;
        let past = match job.spec.session() {
            Some(key) => Some(Past::read(&*self.store, tenant, &key).await?),
            None => None,
        };
        let attempt = &Attempt { job, tenant, lease, snapshot: snapshot.clone(), past, rates: OnceCell::new() };
        let is_wanted = |batch: &usize| job.batches[*batch].state != BatchState::Skipped;
        let wanted: Vec<usize> = (0..job.batches.len()).filter(is_wanted).collect();
        stream::iter(wanted)
            .map(|batch| self.batch(attempt, batch, &at_work.progress[batch]))
            .buffer_unordered(self.config.runner.batch_parallelism)
            .try_collect::<()>()
            .await?;
        let done = self.store.apply(job.id, Some(lease), Event::Completed { at: self.clock.now() }).await?;
        debug_assert_eq!(done.state, State::Completed);
        tracing::info!(job = %job.id, "completed");
        Ok(())
    }

    /// Keeps the lease alive; returns when it is lost.
    async fn heartbeat(&self, job: &Job, lease: &LeaseToken, at_work: &AtWork) -> Stop {
        let duration = self.config.runner.lease();
        let mut next = *at_work.renewed.borrow() - duration * 2 / 3;
        loop {
            self.clock.sleep_until(next).await;
            let now = self.clock.now();
            let renewed = Lease { token: lease.clone(), until: now + duration };
            match self.store.renew(job.id, &renewed).await {
                Ok(()) => {
                    next = now + duration / 3;
                    at_work.renewed.send_replace(renewed.until);
                }
                Err(store::Error::LeaseLost) => return Stop::Lost,
                Err(error) if now >= *at_work.renewed.borrow() => return Stop::Store(error),
                Err(error) => {
                    tracing::warn!(job = %job.id, %error, "cannot renew the lease");
                    next = now + duration / 10;
                }
            }
        }
    }

    async fn grace_over(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as the runner, so there is always an answer.
        let grace_ends = stopping.wait_for(Option::is_some).await.ok().and_then(|ends| *ends);
        self.clock.sleep_until(grace_ends.unwrap_or_default()).await;
    }

    /// Returns when a job that has just been taken up has executed for as long as it may.
    async fn time_over(&self, job: &Job) -> Stop {
        let limit = self.tenants.get(&job.tenant).and_then(|tenant| tenant.settings.limits.job_time());
        let Some(time) = limit else { return std::future::pending().await };
        self.clock.sleep_until(self.clock.now() + time).await;
        let message = format!("the job executed longer than {} s", time.as_secs());
        Stop::Failed { batch: None, fault: Fault { kind: FaultKind::JobTimeLimit, message } }
    }

    async fn give_up(&self, job: &Job, lease: &LeaseToken, stop: Stop) -> Result<(), store::Error> {
        let event = match stop {
            Stop::Hindered { batch, fault } if job.attempt < self.config.runner.max_attempts => {
                tracing::warn!(job = %job.id, batch, why = fault.message, "postponed, to be run again");
                Event::Postponed { until: self.clock.now() + self.config.runner.retry() }
            }
            Stop::Failed { batch, fault } | Stop::Hindered { batch, fault } => {
                tracing::warn!(job = %job.id, batch, why = fault.message, "failed");
                Event::Failed { at: self.clock.now(), batch, fault }
            }
            Stop::Shutdown => {
                tracing::info!(job = %job.id, "given back, to be run again");
                Event::Released
            }
            Stop::Lost => {
                tracing::info!(job = %job.id, "no longer ours");
                return Ok(());
            }
            Stop::Store(error) => return Err(error),
        };
        match self.store.apply(job.id, Some(lease), event).await {
            // Cancelled in the meantime.
            Err(store::Error::LeaseLost | store::Error::Illegal(_)) => Ok(()),
            other => other.map(drop),
        }
    }
}

async fn cancelled(at_work: &AtWork) {
    // The sender lives in what is borrowed.
    let _ = at_work.cancelled.subscribe().wait_for(|cancelled| *cancelled).await;
}
