//! The store of a single node: one SQLite file.
//!
//! One connection writes, one reads; both work off the async threads. What a call has answered is on disk, since a job that
//! was accepted must outlive a power cut; but for what is done again if it is lost, where nobody waits for the disk.

mod access;
mod callouts;
mod downloads;
mod jobs;
mod keys;
mod retention;
mod sessions;
mod turns;
mod value;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{
    Claim, Client, Error, Kept, KeptAnswer, KeyedRequest, LastJob, Lease, LeaseToken, PublishedFile, Refusal, Result,
    Retention, Sent, SessionSummary, Store, Terms, Token,
};
use crate::{
    access::Rights,
    job::{
        Callout, CalloutState, Event, FileId, Identity, Increment, Job, JobId, Schedule, Session, SessionKey, Try,
        session::Lost,
    },
};

/// Layouts in the order they came; `PRAGMA user_version` says how many a file has.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_jobs.sql"),
    include_str!("../../../migrations/sqlite/0002_sessions.sql"),
    include_str!("../../../migrations/sqlite/0003_keys.sql"),
    include_str!("../../../migrations/sqlite/0004_recipients.sql"),
    include_str!("../../../migrations/sqlite/0005_callouts.sql"),
    include_str!("../../../migrations/sqlite/0006_turns_and_downloads.sql"),
    include_str!("../../../migrations/sqlite/0007_rights.sql"),
    include_str!("../../../migrations/sqlite/0008_masked.sql"),
    include_str!("../../../migrations/sqlite/0009_expectations.sql"),
    include_str!("../../../migrations/sqlite/0010_fairness_and_losses.sql"),
];

/// Other processes write too (`aquifer client create` beside a server), never for long.
const BUSY: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Sqlite {
    /// Closed first: the last connection to be closed folds the log into the file, and must be able to write.
    reader: Arc<Mutex<Connection>>,
    writer: Arc<Mutex<Connection>>,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Database(Box::new(error))
    }
}

impl Sqlite {
    pub fn open(path: &Path) -> Result<Sqlite> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        // Only a file that is new takes this up; an older one keeps its free pages for later.
        writer.pragma_update(None, "auto_vacuum", "incremental")?;
        writer.pragma_update(None, "journal_mode", "wal")?;
        writer.pragma_update(None, "synchronous", "full")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut writer)?;
        let reader =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        reader.busy_timeout(BUSY)?;
        Ok(Sqlite { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)) })
    }

    /// Runs one transaction; what it did is kept only if it returns `Ok`. Then it is on disk.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_synced("full", work).await
    }

    /// The same for what a power cut may undo: if it does, everything that followed is undone as well, and that is done again.
    /// The death of the process undoes nothing.
    async fn write_soon<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_synced("normal", work).await
    }

    async fn write_synced<T: Send + 'static>(
        &self,
        synchronous: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        on(&self.writer, move |connection| {
            connection.pragma_update(None, "synchronous", synchronous)?;
            // Immediate: a transaction that reads first and writes later must not find that another came between.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        on(&self.reader, move |connection| work(&connection.transaction()?)).await
    }
}

async fn on<T: Send + 'static>(
    connection: &Arc<Mutex<Connection>>,
    work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let connection = connection.clone();
    let work = move || {
        // A panic rolled its transaction back; the connection is as good as before.
        work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Database(Box::new(error))))
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len() as u32;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

#[async_trait]
impl Store for Sqlite {
    async fn insert(&self, job: &Job, most: u32, answer: Option<(&KeyedRequest, &KeptAnswer)>) -> Result<()> {
        let job = job.clone();
        let answer = answer.map(|(request, answer)| (request.clone(), answer.clone()));
        self.write(move |tx| {
            jobs::insert(tx, &job, most)?;
            answer.map_or(Ok(()), |(request, answer)| keys::answer(tx, &request, &answer))
        })
        .await
    }

    async fn job(&self, tenant: &str, id: JobId) -> Result<Option<Job>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| Ok(jobs::find(tx, id)?.filter(|job| job.tenant == tenant))).await
    }

    async fn jobs(&self, tenant: &str, before: Option<JobId>, most: u32) -> Result<Vec<Job>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| jobs::newest(tx, &tenant, before, most)).await
    }

    async fn last_completed(&self, tenant: &str, session: &SessionKey) -> Result<Option<Job>> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.read(move |tx| jobs::last_completed(tx, &tenant, &session)).await
    }

    async fn session(&self, tenant: &str, session: &SessionKey) -> Result<Session> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.read(move |tx| sessions::find(tx, &tenant, &session)).await
    }

    async fn sessions(&self, tenant: &str, most: u32) -> Result<Vec<SessionSummary>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| sessions::newest(tx, &tenant, most)).await
    }

    async fn increments(&self, tenant: &str, session: &SessionKey, after: u32, most: u32) -> Result<Vec<Increment>> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.read(move |tx| sessions::increments(tx, &tenant, &session, after, most)).await
    }

    async fn increment(&self, tenant: &str, session: &SessionKey, number: u32) -> Result<Option<Increment>> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.read(move |tx| sessions::increment(tx, &tenant, &session, number)).await
    }

    async fn last_increment(&self, tenant: &str, session: &SessionKey) -> Result<Option<Increment>> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.read(move |tx| sessions::last_increment(tx, &tenant, &session)).await
    }

    async fn lost(&self, tenant: &str, session: &SessionKey, identity: &Identity) -> Result<Option<Lost>> {
        let (tenant, session, identity) = (tenant.to_owned(), session.clone(), identity.clone());
        self.read(move |tx| sessions::lost(tx, &tenant, &session, &identity)).await
    }

    async fn acknowledge(&self, tenant: &str, session: &SessionKey, increment: u32, now: Timestamp) -> Result<bool> {
        let (tenant, session) = (tenant.to_owned(), session.clone());
        self.write(move |tx| sessions::acknowledge(tx, &tenant, &session, increment, now)).await
    }

    async fn take(&self, lease: &Lease, now: Timestamp, terms: &Terms) -> Result<Option<Job>> {
        let (lease, terms) = (lease.clone(), terms.clone());
        self.write_soon(move |tx| turns::take(tx, &lease, now, &terms)).await
    }

    async fn renew(&self, id: JobId, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.write_soon(move |tx| jobs::renew(tx, id, &lease)).await
    }

    async fn apply(&self, id: JobId, lease: Option<&LeaseToken>, event: Event) -> Result<Job> {
        let (lease, ends) = (lease.cloned(), event.ends_job());
        let work = move |tx: &Transaction<'_>| jobs::apply(tx, id, lease.as_ref(), event);
        if ends { self.write(work).await } else { self.write_soon(work).await }
    }

    async fn drop_leases(&self) -> Result<()> {
        self.write(|tx| {
            callouts::drop_leases(tx)?;
            jobs::drop_leases(tx)
        })
        .await
    }

    async fn callout(&self, tenant: &str, job: JobId) -> Result<Option<Callout>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| Ok(callouts::find(tx, job)?.filter(|callout| callout.job.tenant == tenant))).await
    }

    async fn callouts(&self, tenant: &str, state: Option<CalloutState>, most: u32) -> Result<Vec<Callout>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| callouts::newest(tx, &tenant, state, most)).await
    }

    async fn take_callout(&self, lease: &Lease, now: Timestamp) -> Result<Option<Callout>> {
        let lease = lease.clone();
        self.write(move |tx| callouts::take(tx, &lease, now)).await
    }

    async fn tried(&self, job: JobId, lease: &LeaseToken, one: Try, schedule: Schedule) -> Result<Callout> {
        let lease = lease.clone();
        self.write(move |tx| callouts::tried(tx, job, &lease, one, schedule)).await
    }

    async fn redeliver(&self, tenant: &str, job: JobId, now: Timestamp) -> Result<Option<Callout>> {
        let tenant = tenant.to_owned();
        self.write(move |tx| callouts::redeliver(tx, &tenant, job, now)).await
    }

    async fn file(&self, tenant: &str, id: FileId) -> Result<Option<PublishedFile>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| jobs::file(tx, &tenant, id)).await
    }

    async fn sent(&self, parts: &[Sent]) -> Result<()> {
        let parts = parts.to_vec();
        self.write(move |tx| parts.into_iter().try_for_each(|part| downloads::sent(tx, part))).await
    }

    async fn kept(&self, job: JobId) -> Result<Kept> {
        self.read(move |tx| retention::kept(tx, job)).await
    }

    async fn expire(&self, now: Timestamp, retention: Retention) -> Result<()> {
        self.write(move |tx| retention::expire(tx, now, retention)).await
    }

    /// Moves the log into the file, renews the statistics that the planner goes by where they are out of date, and gives free
    /// pages back, some at a time so that nobody waits for long.
    async fn tidy(&self) -> Result<()> {
        on(&self.writer, |connection| {
            connection.execute_batch("PRAGMA optimize")?;
            // It gives back a page with each step, and another caller might take but the first.
            let mut vacuum = connection.prepare("PRAGMA incremental_vacuum(10000)")?;
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            connection.execute_batch("PRAGMA wal_checkpoint(passive)")?;
            Ok(())
        })
        .await
    }

    async fn add_client(&self, client: &Client) -> Result<bool> {
        let client = client.clone();
        self.write(move |tx| access::add_client(tx, &client)).await
    }

    async fn client(&self, id: &str) -> Result<Option<Client>> {
        let id = id.to_owned();
        self.read(move |tx| access::client(tx, &id)).await
    }

    async fn clients(&self) -> Result<Vec<Client>> {
        self.read(access::clients).await
    }

    async fn revoke_client(&self, id: &str, now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.write(move |tx| access::revoke_client(tx, &id, now)).await
    }

    async fn set_secret(&self, id: &str, hash: &str, old_until: Option<Timestamp>) -> Result<bool> {
        let (id, hash) = (id.to_owned(), hash.to_owned());
        self.write(move |tx| access::set_secret(tx, &id, &hash, old_until)).await
    }

    async fn set_rights(&self, id: &str, rights: &Rights) -> Result<bool> {
        let (id, rights) = (id.to_owned(), rights.clone());
        self.write(move |tx| access::set_rights(tx, &id, &rights)).await
    }

    async fn recipient(&self, tenant: &str) -> Result<Option<Vec<u8>>> {
        let tenant = tenant.to_owned();
        self.read(move |tx| access::recipient(tx, &tenant)).await
    }

    async fn set_recipient(&self, tenant: &str, key: Option<&[u8]>, now: Timestamp) -> Result<()> {
        let (tenant, key) = (tenant.to_owned(), key.map(<[u8]>::to_vec));
        self.write(move |tx| access::set_recipient(tx, &tenant, key.as_deref(), now)).await
    }

    async fn add_token(&self, token: &Token) -> Result<()> {
        let token = token.clone();
        self.write(move |tx| access::add_token(tx, &token)).await
    }

    async fn client_of_token(&self, key: &str, now: Timestamp) -> Result<Option<Client>> {
        let key = key.to_owned();
        self.read(move |tx| access::client_of_token(tx, &key, now)).await
    }

    async fn claim_key(&self, request: &KeyedRequest, now: Timestamp) -> Result<Claim> {
        let request = request.clone();
        self.write(move |tx| keys::claim(tx, &request, now)).await
    }

    async fn answer_key(&self, request: &KeyedRequest, answer: &KeptAnswer) -> Result<()> {
        let (request, answer) = (request.clone(), answer.clone());
        self.write(move |tx| keys::answer(tx, &request, &answer)).await
    }

    async fn drop_unanswered_keys(&self) -> Result<()> {
        self.write(keys::drop_unanswered).await
    }

    async fn add_refusal(&self, refusal: &Refusal) -> Result<()> {
        let refusal = refusal.clone();
        self.write(move |tx| access::add_refusal(tx, &refusal)).await
    }

    async fn refusals(&self, tenant: &str, client: Option<&str>, most: u32) -> Result<Vec<Refusal>> {
        let (tenant, client) = (tenant.to_owned(), client.map(str::to_owned));
        self.read(move |tx| access::refusals(tx, &tenant, client.as_deref(), most)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[tokio::test]
    async fn keeps_to_the_list_of_behaviours() {
        conformance::check(|| async {
            let dir = tempfile::tempdir().unwrap();
            let store = Sqlite::open(&dir.path().join("store.sqlite")).unwrap();
            (Arc::new(store) as Arc<dyn Store>, dir)
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_purged_leaves_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let store = Sqlite::open(&path).unwrap();
        let refusal = |at| Refusal {
            tenant: "default".into(),
            client: "c".into(),
            at,
            code: "90005".into(),
            message: "long ".repeat(20_000),
        };
        for second in 0..20 {
            store.add_refusal(&refusal(Timestamp::from_second(second).unwrap())).await.unwrap();
        }
        store.tidy().await.unwrap();
        let full = path.metadata().unwrap().len();
        let week = jiff::SignedDuration::from_hours(7 * 24);
        let retention = Retention { files: week, jobs: week, refusals: week, sessions: week };
        store.expire(Timestamp::from_second(20).unwrap() + week, retention).await.unwrap();
        for _ in 0..2 {
            store.tidy().await.unwrap();
        }
        let left = path.metadata().unwrap().len();
        assert!(full > 2_000_000 && left < 500_000, "{full} bytes, then {left}");
    }

    #[tokio::test]
    async fn keys_that_are_over_are_purged_without_a_request_that_has_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let store = Sqlite::open(&path).unwrap();
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let request = KeyedRequest { tenant: "default".into(), key: "k".into(), target: "POST /x".into() };
        store.claim_key(&request, at(0)).await.unwrap();
        let zero = jiff::SignedDuration::ZERO;
        let retention = Retention { files: zero, jobs: zero, refusals: zero, sessions: zero };
        for (hour, left) in [(23, 1), (24, 0)] {
            store.expire(at(hour), retention).await.unwrap();
            let keys = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM keys", [], |row| row.get(0));
            assert_eq!(keys, Ok(left));
        }
    }

    #[tokio::test]
    async fn a_store_of_a_newer_layout_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        Sqlite::open(&path).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Sqlite::open(&path), Err(Error::Newer { found: 99, .. })));
    }
}
