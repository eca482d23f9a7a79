//! Which rows a batch returns.

use engine::{Position, Rows, Snapshot, Which};
use zoql::catalog::ObjectId;

use super::{
    Runner,
    run::{Attempt, Stop},
};
use crate::{
    job::{Fault, FaultKind, FullReason, Identity, Job, Query, Scope, SessionKey, SnapshotMark, session::Start},
    past::{Next, Past},
};

impl Runner {
    /// What a batch of a stateful job returns in a snapshot; `None` in a stateless one.
    pub(super) async fn scope(
        &self,
        attempt: &Attempt<'_>,
        batch: usize,
        compiled: &zoql::Compiled,
        currencies: Option<String>,
    ) -> Result<Option<Scope>, Stop> {
        let job = attempt.job;
        let (Some(session), Some(past)) = (job.spec.session(), &attempt.past) else { return Ok(None) };
        let query = &job.spec.queries[batch];
        let unmasked = job.spec.unmasks(&compiled.query);
        let identity = Identity::new(query, &compiled.canonical, &job.spec.reads, unmasked, currencies);
        let Next { start, undelivered } = self.beginning(attempt, batch, &session, past, &identity).await?;
        let tells_deletions_of = query.deleted.as_ref().map(|_| compiled.query.base);
        let (snapshot, offset) = (attempt.snapshot.clone(), job.spec.offset.unwrap_or(0));
        let scope = tokio::task::spawn_blocking(move || place(&*snapshot, identity, start, tells_deletions_of, offset));
        let scope = scope.await.map_err(|error| Stop::internal(job.id, error))?;
        let scope = scope.map_err(|error| Stop::source(job.id, Some(batch), &error))?;
        Ok(Some(Scope { undelivered, ..scope }))
    }

    async fn beginning(
        &self,
        Attempt { job, snapshot, .. }: &Attempt<'_>,
        batch: usize,
        key: &SessionKey,
        past: &Past,
        identity: &Identity,
    ) -> Result<Next, Stop> {
        if let Some(at) = job.spec.incremental_time {
            return Ok(Start::At(at).into());
        }
        if let Some(number) = job.spec.replay {
            let increment = self.store.increment(&job.tenant, key, number).await?;
            let scope = increment.as_ref().and_then(|increment| increment.job.batches.get(batch)?.scope.as_ref());
            return scope.map(|scope| scope.start_again().into()).ok_or_else(|| {
                let message = format!("increment {number} is no longer kept");
                Stop::Failed { batch: Some(batch), fault: Fault { kind: FaultKind::Query, message } }
            });
        }
        let name = job.spec.queries[batch].name.as_deref();
        let lifetime = self.config.retention.sessions();
        Ok(past.next(&*self.store, identity, name, snapshot.taken_at(), lifetime).await?)
    }
}

/// Finds a window's ends in the history. `offset` is in seconds.
fn place(
    snapshot: &dyn Snapshot,
    identity: Identity,
    start: Start,
    tells_deletions_of: Option<ObjectId>,
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
        undelivered: None,
    };
    let has_forgotten = |position: &Position| match tells_deletions_of {
        Some(object) => snapshot.knows_deletions_since(object, position).map(|knows| !knows),
        None => Ok(false),
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
        Start::After { mark, .. } if !snapshot.has_passed(&Position(mark.position.clone()))? => {
            return Ok(full(identity, FullReason::DataReplaced));
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
    Ok(Scope { identity, full: None, from: Some(from), to, known, lacks_deletions, undelivered: None })
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
