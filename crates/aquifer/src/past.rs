//! What a session has come to, as a job of it finds it: at its submit, for what it can expect, and at its begin, for what it
//! returns.

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::SessionPolicy,
    job::{
        FullReason, Identity, Increment, Query, Session, SessionKey,
        session::{Lost, Start, Undelivered},
    },
    store::{self, Store},
    tenant::Tenant,
};

pub struct Past {
    tenant: String,
    key: SessionKey,
    policy: SessionPolicy,
    session: Session,
    /// Unless it does not matter.
    last: Option<Increment>,
}

/// How a query goes on.
pub struct Next {
    /// Where its next window begins.
    pub start: Start,
    /// What the client may have lost before.
    pub undelivered: Option<Undelivered>,
}

impl From<Start> for Next {
    fn from(start: Start) -> Next {
        Next { start, undelivered: None }
    }
}

impl Past {
    pub async fn read(store: &dyn Store, tenant: &Tenant, key: &SessionKey) -> store::Result<Past> {
        let policy = tenant.settings.session_policy;
        let session = store.session(&tenant.name, key).await?;
        let last = match policy {
            SessionPolicy::Warn => store.last_increment(&tenant.name, key).await?,
            SessionPolicy::Advance | SessionPolicy::Hold => None,
        };
        Ok(Past { tenant: tenant.name.clone(), key: key.clone(), policy, session, last })
    }

    /// The queries of the last completed job; none if there was none.
    pub fn queries(&self) -> &[Query] {
        self.session.last.as_ref().map_or(&[], |last| &last.queries)
    }

    /// How a query goes on, see [`Session::start`]. If the tenant holds its sessions, the windows of the last increments that
    /// have not been delivered are covered once more, with all that lives if they are no longer kept; a full load covers them
    /// anyway.
    pub async fn next(
        &self,
        store: &dyn Store,
        identity: &Identity,
        name: Option<&str>,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> store::Result<Next> {
        let start = self.session.start(identity, name, now, lifetime);
        if self.policy == SessionPolicy::Hold && matches!(start, Start::After { .. }) {
            if self.session.has_lost(identity) {
                return Ok(Start::Full(FullReason::Expired).into());
            }
            let lost = store.lost(&self.tenant, &self.key, identity).await?;
            return Ok(lost.map_or(start.into(), |Lost { start, increment }| Next {
                start,
                undelivered: Some(Undelivered { increment, is_held: true }),
            }));
        }
        let lost = self.last.as_ref().filter(|last| !last.is_delivered());
        let undelivered = lost.map(|lost| Undelivered { increment: lost.number, is_held: false });
        Ok(Next { start, undelivered })
    }
}
