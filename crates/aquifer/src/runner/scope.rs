//! Which rows a batch returns.

use engine::{Position, Rows, Snapshot, Which};

use super::{
    Runner,
    run::{Attempt, Stop},
};
use crate::{
    config::SessionPolicy,
    job::{Fault, FaultKind, FullReason, Identity, Job, Query, Scope, SessionKey, SnapshotMark, session::Start},
    store::{self, Store},
    tenant::Tenant,
};

impl Runner {
    /// What a batch of a stateful job returns in a snapshot; `None` in a stateless one. It is the same for every batch that
    /// asks: while a job runs, nothing else moves its session.
    pub(super) async fn scope(
        &self,
        attempt: &Attempt<'_>,
        batch: usize,
        canonical: &str,
        currencies: Option<String>,
    ) -> Result<Option<Scope>, Stop> {
        let job = attempt.job;
        let Some(session) = job.spec.session() else { return Ok(None) };
        let query = &job.spec.queries[batch];
        let identity = Identity::new(query, canonical, &job.spec.reads, currencies);
        let start = self.start(attempt, batch, &session, &identity).await?;
        let (snapshot, tells_deletions, offset) =
            (attempt.snapshot.clone(), query.deleted.is_some(), job.spec.offset.unwrap_or(0));
        let scope = tokio::task::spawn_blocking(move || place(&*snapshot, identity, start, tells_deletions, offset));
        let scope = scope.await.map_err(|error| Stop::internal(job.id, error))?;
        scope.map(Some).map_err(|error| Stop::source(job.id, Some(batch), &error))
    }

    async fn start(
        &self,
        Attempt { job, tenant, snapshot, .. }: &Attempt<'_>,
        batch: usize,
        key: &SessionKey,
        identity: &Identity,
    ) -> Result<Start, Stop> {
        if let Some(at) = job.spec.incremental_time {
            return Ok(Start::At(at));
        }
        if let Some(number) = job.spec.replay {
            let increment = self.store.increment(&job.tenant, key, number).await?;
            let scope = increment.as_ref().and_then(|increment| increment.job.batches.get(batch)?.scope.as_ref());
            return scope.map(Scope::start_again).ok_or_else(|| {
                let message = format!("increment {number} is no longer kept");
                Stop::Failed { batch: Some(batch), fault: Fault { kind: FaultKind::Query, message } }
            });
        }
        let session = self.store.session(&job.tenant, key).await?;
        let name = job.spec.queries[batch].name.as_deref();
        let start = session.start(identity, name, snapshot.taken_at(), self.config.retention.sessions());
        Ok(hold(&*self.store, tenant, key, identity, start).await?)
    }
}

/// The same start, or, if the tenant holds its sessions, the one of the last increments that have not been delivered: their
/// windows are covered once more. A full load covers them anyway.
pub async fn hold(
    store: &dyn Store,
    tenant: &Tenant,
    key: &SessionKey,
    identity: &Identity,
    start: Start,
) -> store::Result<Start> {
    match (tenant.settings.session_policy, &start) {
        (SessionPolicy::Hold, Start::After { .. }) => {
            Ok(store.lost(&tenant.name, key, identity).await?.unwrap_or(start))
        }
        _ => Ok(start),
    }
}

/// Finds a window's ends in the history. `offset` is in seconds.
fn place(
    snapshot: &dyn Snapshot,
    identity: Identity,
    start: Start,
    tells_deletions: bool,
    offset: u32,
) -> engine::Result<Scope> {
    let now = SnapshotMark { at: snapshot.taken_at(), position: snapshot.position().0.clone() };
    let full = |identity, reason| Scope {
        identity,
        full: Some(reason),
        from: None,
        known: now.position.clone(),
        to: now.clone(),
        lacks_deletions: false,
    };
    let has_forgotten = |position: &Position| -> engine::Result<bool> {
        Ok(tells_deletions && !snapshot.knows_deletions_since(position)?)
    };
    let (from, known, lacks_deletions) = match start {
        // It returns all that the snapshot has, whatever the offset: so that is where it ends.
        Start::Full(reason) => return Ok(full(identity, reason)),
        // It may be any time that the client has been told of.
        Start::At(at) => {
            let position = snapshot.position_before(at)?;
            let lacks_deletions = has_forgotten(&position)?;
            (SnapshotMark { at, position: position.0 }, None, lacks_deletions)
        }
        Start::After { mark, known } => {
            // A deletion that nobody can tell any more would live on at the client's for ever.
            if has_forgotten(&Position(mark.position.clone()))? {
                return Ok(full(identity, FullReason::Expired));
            }
            (mark, known, false)
        }
    };
    let to = match offset {
        0 => now,
        seconds => {
            let at = now.at - jiff::SignedDuration::from_secs(seconds.into());
            SnapshotMark { at, position: snapshot.position_before(at)?.0 }
        }
    };
    // A window that would end before it begins is empty, and takes nothing back.
    let later = snapshot.later(Position(from.position.clone()), Position(to.position.clone()))?;
    let to = if later.0 == to.position { to } else { from.clone() };
    let known = match known {
        Some(shown) => snapshot.later(Position(shown), Position(from.position.clone()))?.0,
        None => to.position.clone(),
    };
    Ok(Scope { identity, full: None, from: Some(from), to, known, lacks_deletions })
}

/// What to read for a scope. Without one, in a stateless job: what lives, and with `deleted` (which the submit has checked)
/// what is deleted as well.
pub(super) fn rows(job: &Job, query: &Query, scope: Option<&Scope>) -> Rows {
    let flag = query.deleted.as_ref().map(|deleted| deleted.flag.into());
    let which = match scope {
        None if flag.is_some() => Which::LiveAndDeleted,
        None => Which::Live,
        Some(Scope { full: None, from: Some(from), to, known, .. }) => Which::Changed {
            since: Position(from.position.clone()),
            until: Some(Position(to.position.clone())),
            deleted: flag.map(|_| Position(known.clone())),
            updated_since: job.spec.incremental_time,
        },
        Some(_) => Which::Live,
    };
    Rows { which, flag }
}
