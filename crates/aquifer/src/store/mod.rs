//! What must survive: jobs and their leases, sessions, published files, callouts, clients and tokens, refusals.
//!
//! A [`Store`] keeps and finds; what a transition means is decided in [`crate::job`]. Each call is one transaction. Every
//! implementation must pass the behaviours listed in `conformance`.

#[cfg(test)]
mod conformance;
pub mod sqlite;

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::{
    access::Rights,
    job::{
        self, Callout, CalloutState, Event, FileId, Identity, Increment, Job, JobId, Reads, Schedule, Session,
        SessionKey, Try, session::Lost,
    },
};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such job")]
    NoSuchJob,
    #[error("as many jobs as allowed are submitted or executing")]
    TooManyJobs,
    /// Whoever asked no longer holds the job, and must not touch it.
    #[error("the job's lease is held by another runner, or by none")]
    LeaseLost,
    #[error(transparent)]
    Illegal(#[from] job::Illegal),
    #[error("the store was made by a newer Aquifer: its layout is {found}, this one knows {known}")]
    Newer { found: u32, known: u32 },
    #[error("the store cannot be used: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A runner's right to a job, for a while. Only who knows the token may change the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub token: LeaseToken,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseToken(pub String);

/// Which jobs a runner may take up.
#[derive(Debug, Clone)]
pub struct Terms {
    /// A job that has been taken up so often is aborted instead.
    pub max_attempts: u32,
    /// By tenant: how many jobs of each mode may execute at one time. Who is not named may have any number.
    pub executing: BTreeMap<String, u32>,
    /// The jobs that the runner has already: after its machine has slept, their leases have run out, but it is about to
    /// renew them.
    pub at_work: Vec<JobId>,
}

impl Default for Terms {
    /// Any job.
    fn default() -> Terms {
        Terms { max_attempts: u32::MAX, executing: BTreeMap::new(), at_work: Vec::new() }
    }
}

/// A result file that may be downloaded, or could until it was purged.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedFile {
    pub id: FileId,
    pub job: JobId,
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    pub format: job::Format,
    pub encryption: job::Encryption,
    /// What its job reads.
    pub reads: Reads,
    pub published_at: Timestamp,
    /// When it was first downloaded whole.
    pub downloaded_at: Option<Timestamp>,
    pub purged_at: Option<Timestamp>,
}

/// Bytes of a result file that a client was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub file: FileId,
    pub range: Range<u64>,
    pub at: Timestamp,
}

/// A session, among others.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSummary {
    pub key: SessionKey,
    /// How many there have been.
    pub increments: u32,
    /// Replays apart; `None` if the job is no longer kept.
    pub last_job: Option<LastJob>,
    /// When that job completed.
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LastJob {
    pub id: JobId,
    pub reads: Reads,
}

/// Who may use the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// A UUID: there are client libraries that refuse another form. Of a user, the name.
    pub id: String,
    pub tenant: String,
    pub name: String,
    /// As [`crate::secret::hash`] makes it, or of a user, [`crate::secret::hash_password`].
    pub secret_hash: String,
    pub old_secret: Option<OldSecret>,
    pub rights: Rights,
    /// Whether it may read masked fields, in files that are encrypted.
    pub reads_masked: bool,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// The secret that a client had before its last, and until when it still opens the door.
#[derive(Debug, Clone, PartialEq)]
pub struct OldSecret {
    pub hash: String,
    pub until: Timestamp,
}

/// An access token that lives.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// As [`crate::secret::token_key`] makes it.
    pub key: String,
    pub client: String,
    pub expires_at: Timestamp,
}

/// A submit that was refused: kept for whoever is asked why.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub tenant: String,
    pub client: String,
    pub at: Timestamp,
    pub code: String,
    pub message: String,
}

/// A request that names itself with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedRequest {
    pub tenant: String,
    pub key: String,
    /// Method and URL.
    pub target: String,
}

/// The first answer to a keyed request.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Nobody had it: the request is to be done, and its answer kept.
    New,
    /// The first request is not answered yet.
    Unanswered,
    Answered(KeptAnswer),
    /// It belongs to another method or URL.
    OfAnother,
}

/// How long things are kept after their end.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub files: SignedDuration,
    pub jobs: SignedDuration,
    pub refusals: SignedDuration,
    /// From a session's last job, but no session goes before its increments; of its queries, from the last job that had them.
    pub sessions: SignedDuration,
}

/// How many tries of a callout are kept: who has it sent once more, again and again, fills no disk with what is answered.
pub const MOST_TRIES: u32 = 100;

/// How many refusals of a client are kept: a program that goes on asking for what it is refused fills no disk.
pub const MOST_REFUSALS: u32 = 500;

/// What a sweep must leave where it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The prefix of the attempt that is writing now.
    pub attempt: Option<String>,
    /// The paths of published files.
    pub files: Vec<String>,
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a new job, and with it what its request is answered, if that has a key: whoever sends the request again after
    /// a crash finds both or neither. When this returns, they are on disk. [`Error::TooManyJobs`] if `most` jobs of its tenant
    /// and mode are submitted or executing already.
    async fn insert(&self, job: &Job, most: u32, answer: Option<(&KeyedRequest, &KeptAnswer)>) -> Result<()>;

    async fn job(&self, tenant: &str, id: JobId) -> Result<Option<Job>>;

    /// The newest jobs of a tenant, newest first, at most so many; with `before`, those that came before that one.
    async fn jobs(&self, tenant: &str, before: Option<JobId>, most: u32) -> Result<Vec<Job>>;

    /// The newest completed job of a session. A replay is none: it returns what another one did.
    async fn last_completed(&self, tenant: &str, session: &SessionKey) -> Result<Option<Job>>;

    /// What a session has come to: nothing yet, if no job of it has completed.
    async fn session(&self, tenant: &str, session: &SessionKey) -> Result<Session>;

    /// The sessions of a tenant of which a job has completed, those of the newest jobs first, so many at most.
    async fn sessions(&self, tenant: &str, most: u32) -> Result<Vec<SessionSummary>>;

    /// The jobs that moved a session and are still kept, oldest first: those after that number, so many at most.
    async fn increments(&self, tenant: &str, session: &SessionKey, after: u32, most: u32) -> Result<Vec<Increment>>;

    async fn increment(&self, tenant: &str, session: &SessionKey, number: u32) -> Result<Option<Increment>>;

    async fn last_increment(&self, tenant: &str, session: &SessionKey) -> Result<Option<Increment>>;

    /// What the last increments have had for a query and not delivered, if there is anything. See [`job::session::lost`].
    async fn lost(&self, tenant: &str, session: &SessionKey, identity: &Identity) -> Result<Option<Lost>>;

    /// Notes that the client has stored an increment; the first time counts. False if there is no such increment.
    async fn acknowledge(&self, tenant: &str, session: &SessionKey, increment: u32, now: Timestamp) -> Result<bool>;

    /// Takes up a job that waits, or whose runner has let its lease run out. Jobs of one session run one after another: as
    /// long as an older one has not ended, the later ones wait.
    ///
    /// Fairly: first comes the tenant of which the fewest jobs execute, then the one whose last turn is longest ago; among
    /// the partners of a tenant the same; among the jobs of a partner the oldest.
    async fn take(&self, lease: &Lease, now: Timestamp, terms: &Terms) -> Result<Option<Job>>;

    /// Prolongs a lease. [`Error::LeaseLost`] if the job was cancelled or taken by another meanwhile.
    async fn renew(&self, id: JobId, lease: &Lease) -> Result<()>;

    /// Changes a job; a runner does so by its lease, a client (who can only cancel) without. With the job's end its
    /// results are published, its callout waits to be sent, and its lease is gone; a job that completes moves its session.
    async fn apply(&self, id: JobId, lease: Option<&LeaseToken>, event: Event) -> Result<Job>;

    /// Takes all jobs and callouts from their runners, to be run and sent again. Only for who knows that no runner is alive.
    async fn drop_leases(&self) -> Result<()>;

    /// The callout of a job that has ended, if somebody is to be told of it.
    async fn callout(&self, tenant: &str, job: JobId) -> Result<Option<Callout>>;

    /// A tenant's callouts, all or those of one state, of the jobs that ended last first.
    async fn callouts(&self, tenant: &str, state: Option<CalloutState>, most: u32) -> Result<Vec<Callout>>;

    /// Takes up a callout that is due and that nobody else is sending: of the tenant of which the fewest are being sent,
    /// the one that is due for the longest time. Receivers that do not answer hold up little but their own tenant.
    async fn take_callout(&self, lease: &Lease, now: Timestamp) -> Result<Option<Callout>>;

    /// Keeps a try of a callout, the last [`MOST_TRIES`]. What it means for the callout is for the lease to say: without it,
    /// nothing.
    async fn tried(&self, job: JobId, lease: &LeaseToken, one: Try, schedule: Schedule) -> Result<Callout>;

    /// Has a callout sent once more, whatever its state. `None` if the tenant has no such callout.
    async fn redeliver(&self, tenant: &str, job: JobId, now: Timestamp) -> Result<Option<Callout>>;

    async fn file(&self, tenant: &str, id: FileId) -> Result<Option<PublishedFile>>;

    /// Notes which bytes of files have been sent. When all of a file have been, at once or in parts, it has been downloaded
    /// whole, and the first time counts; when all files of a replay have been, so has the increment. Files without rows need
    /// not be: a replay that has no others has delivered its increment when it completes.
    async fn sent(&self, parts: &[Sent]) -> Result<()>;

    async fn kept(&self, job: JobId) -> Result<Kept>;

    /// Purges what has been kept long enough. The bytes of purged files are then no longer [`Kept`].
    async fn expire(&self, now: Timestamp, retention: Retention) -> Result<()>;

    /// The store's own upkeep, to be called now and then.
    async fn tidy(&self) -> Result<()>;

    /// In the place of a revoked one of the same id; false if there is one that lives.
    async fn add_client(&self, client: &Client) -> Result<bool>;

    async fn client(&self, id: &str) -> Result<Option<Client>>;

    /// Oldest first.
    async fn clients(&self) -> Result<Vec<Client>>;

    /// Ends a client and its tokens. False if there is no such client, or it has been revoked before.
    async fn revoke_client(&self, id: &str, now: Timestamp) -> Result<bool>;

    /// Gives a client another secret. The one it had is good until an instant, or ends at once, and its tokens with it. False
    /// if there is no such client, or it has been revoked.
    async fn set_secret(&self, id: &str, hash: &str, old_until: Option<Timestamp>) -> Result<bool>;

    /// False if there is no such client, or it has been revoked.
    async fn set_rights(&self, id: &str, rights: &Rights) -> Result<bool>;

    /// The OpenPGP public key that a tenant's result files are encrypted to, if there is one.
    async fn recipient(&self, tenant: &str) -> Result<Option<Vec<u8>>>;

    /// Sets it in the place of the one before, or removes it.
    async fn set_recipient(&self, tenant: &str, key: Option<&[u8]>, now: Timestamp) -> Result<()>;

    async fn add_token(&self, token: &Token) -> Result<()>;

    /// The client of a token that lives, unless the client has been revoked.
    async fn client_of_token(&self, key: &str, now: Timestamp) -> Result<Option<Client>>;

    /// Claims a key for a request, or says what became of it. Keys are forgotten after 24 hours.
    async fn claim_key(&self, request: &KeyedRequest, now: Timestamp) -> Result<Claim>;

    /// Keeps the answer to a request that has claimed its key, in the place of one that is kept already.
    async fn answer_key(&self, request: &KeyedRequest, answer: &KeptAnswer) -> Result<()>;

    /// Forgets the keys of requests that will not be answered. Only for who knows that no server is alive.
    async fn drop_unanswered_keys(&self) -> Result<()>;

    /// Keeps a refusal: of each client, the last [`MOST_REFUSALS`].
    async fn add_refusal(&self, refusal: &Refusal) -> Result<()>;

    /// A tenant's, or those of one of its clients, newest first, at most so many.
    async fn refusals(&self, tenant: &str, client: Option<&str>, most: u32) -> Result<Vec<Refusal>>;
}
