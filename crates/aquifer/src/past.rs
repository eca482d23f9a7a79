//! What a session has come to, as a job of it finds it: at its submit, for what it can expect, and at its begin, for what it
//! returns.

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::SessionPolicy,
    job::{
        Identity, Increment, Query, Session, SessionKey, Spec,
        session::{self, Start, Undelivered},
    },
    store::{self, Store},
    tenant::Tenant,
};

pub struct Past {
    session: Session,
    /// The last ones, oldest first: as many as the policy looks at.
    increments: Vec<Increment>,
    policy: SessionPolicy,
}

impl Past {
    pub async fn read(store: &dyn Store, tenant: &Tenant, key: &SessionKey) -> Result<Past, store::Error> {
        let policy = tenant.settings.session_policy;
        let looked_at = match policy {
            SessionPolicy::Advance => 0,
            SessionPolicy::Warn => 1,
            SessionPolicy::Hold => u32::MAX,
        };
        let session = store.session(&tenant.name, key).await?;
        let increments = store.increments(&tenant.name, key, looked_at).await?;
        Ok(Past { session, increments, policy })
    }

    /// The queries of the last completed job; none if there was none.
    pub fn queries(&self) -> &[Query] {
        self.session.last.as_ref().map_or(&[], |last| &last.queries)
    }

    /// Where the next window of a query begins, see [`Session::start`].
    pub fn start(&self, identity: &Identity, name: Option<&str>, now: Timestamp, lifetime: SignedDuration) -> Start {
        let start = self.session.start(identity, name, now, lifetime);
        match self.policy {
            SessionPolicy::Hold => session::hold(start, &self.increments, identity),
            SessionPolicy::Advance | SessionPolicy::Warn => start,
        }
    }

    /// What the client may have lost when a job comes: the last increment, or where lost windows are held, the last one of the
    /// same query. Of no interest to a job that does not go on from there.
    pub fn undelivered(&self, spec: &Spec, identity: &Identity) -> Option<Undelivered> {
        if spec.incremental_time.is_some() || spec.replay.is_some() {
            return None;
        }
        let is_held = self.policy == SessionPolicy::Hold;
        let last = self.increments.iter().rev().find(|increment| !is_held || increment.scope(identity).is_some());
        let lost = last.filter(|increment| !increment.is_delivered())?;
        Some(Undelivered { increment: lost.number, is_held })
    }
}
