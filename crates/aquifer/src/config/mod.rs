//! The settings: this page is the manual, `aquifer.toml.example` shows every one of them.
//!
//! A value comes from, later ones winning: the default here, the file given with `--config`, the environment
//! (`AQUIFER_SECTION__KEY`, as in `AQUIFER_SERVER__LISTEN=0.0.0.0:8400`; lists separated by commas), the flags of a command.

mod args;
mod callout;
mod files;
mod layers;
mod owners;
mod tenant;

use std::{
    collections::BTreeMap,
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use jiff::SignedDuration;
use serde::Deserialize;
use zoql::Catalog;

pub use self::args::{DataArgs, TenantArgs};
pub use self::callout::{Callout, Method, Receiver};
pub use self::files::{CompressionLevel, Files, Segment};
pub use self::owners::Owners;
pub use self::tenant::{DEFAULT, MOST_OFFSET, SessionPolicy, Tenant, Zone};
pub use crate::aqua::quirks::{Profile, Quirks};
use crate::{clock::Clock, store};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub catalog: CatalogDir,
    /// The tenant `default`, which there always is.
    pub tenant: Tenant,
    /// The others, by name.
    pub tenants: BTreeMap<String, Tenant>,
    pub runner: Runner,
    pub retention: Retention,
    pub callout: Callout,
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on. Port 0 lets the system choose; the log says which it was.
    pub listen: SocketAddr,
    /// How long jobs that run may go on after SIGTERM before their work is given back, to be run again at the next start.
    pub shutdown_grace_seconds: u32,
    /// What a request body may come to, unpacked. 50 queries of 20,000 characters fit with room.
    pub body_bytes: usize,
}

impl Default for Server {
    fn default() -> Server {
        Server { listen: SocketAddr::from(([127, 0, 0, 1], 8400)), shutdown_grace_seconds: 30, body_bytes: 8 << 20 }
    }
}

/// Where everything is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The data directory: the tenants' data, the jobs, the result files. Made if it is not there.
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Data {
        Data { dir: PathBuf::from("aquifer-data") }
    }
}

/// The object model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogDir {
    /// A directory with `objects.csv`, `fields.csv`, `joins.csv`, `date_changes.csv` (any of them), which extend and
    /// override the built-in catalog.
    pub dir: Option<PathBuf>,
}

/// The query languages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Zoql {
    /// `strict` accepts what the original accepts; `extended` also what it refuses without need.
    pub compat: Compat,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    #[default]
    Strict,
    Extended,
}

impl From<Compat> for zoql::Compat {
    fn from(compat: Compat) -> zoql::Compat {
        match compat {
            Compat::Strict => zoql::Compat::Strict,
            Compat::Extended => zoql::Compat::Extended,
        }
    }
}

/// What runs the jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runner {
    /// Jobs at work at one time.
    pub jobs: usize,
    /// Queries of one job at work at one time. They read one snapshot, so the answer does not depend on it.
    pub batch_parallelism: usize,
    /// Threads that read and encode one query.
    pub threads: usize,
    /// Runs of a job before it is given up (90010): a job that kills its runner must not do so for ever.
    pub max_attempts: u32,
    /// How long a job rests before it is run again after a fault that may pass: a full disk, a locked file.
    pub retry_seconds: u32,
    /// How long a runner may be silent before its job is taken from it. It renews at a third of this.
    pub lease_seconds: u32,
    /// How often to look for work that nobody announced: leases that ran out, files that expired.
    pub poll_seconds: u32,
}

impl Default for Runner {
    fn default() -> Runner {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Runner {
            jobs: 2,
            batch_parallelism: 1,
            threads: cores,
            max_attempts: 3,
            retry_seconds: 10,
            lease_seconds: 30,
            poll_seconds: 15,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Queries in one job; more are refused with 90004.
    pub queries: usize,
    /// Characters in one query; more are refused with 90005.
    pub query_characters: usize,
    /// Time for one query, from its beginning to its last row; then the job is aborted with 90027.
    pub query_seconds: u32,
    /// Time for one job, from when a runner has taken it up; then it ends in the state `error`, with 90029. A job that is run
    /// again has all of it again. 0: no limit but those of its queries.
    pub job_seconds: u32,
    /// Jobs submitted or executing at one time, for each of the two modes; one more is refused with 90028, unless there is
    /// a `queue`.
    pub concurrent_jobs: u32,
    /// Accepts more jobs than that: then `concurrent_jobs` of each mode execute, and the others wait as submitted.
    pub queue: bool,
    /// How many may so wait beyond `concurrent_jobs`, for each mode; one more is refused with 90028.
    pub queued_jobs: u32,
    /// Requests of a tenant in a minute; more are refused with 429.
    pub requests_per_minute: u32,
    /// Requests of a tenant at one time; one more is refused with 429.
    pub concurrent_requests: u32,
    /// Requests of a client for a token in a minute; more are refused with 429. Wrong secrets are counted by themselves, as
    /// many: they take nothing from who has the right one.
    pub tokens_per_minute: u32,
    /// Passwords of one user that are checked in a minute; more are refused with 429. One that was right is not checked again
    /// for five minutes. It holds across tenants, as users' names do: the setting of the default one counts.
    pub passwords_per_minute: u32,
    /// Bytes of a result file, as it is stored. 0: no limit. See `files.split` for what becomes of more.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            queries: 50,
            query_characters: 20_000,
            query_seconds: 10_800,
            job_seconds: 0,
            concurrent_jobs: 50,
            queue: false,
            queued_jobs: 1000,
            requests_per_minute: 60_000,
            concurrent_requests: 200,
            tokens_per_minute: 600,
            passwords_per_minute: 30,
            file_bytes: 2047 << 20,
        }
    }
}

/// How long things are kept; at most a hundred years.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Result files, from the end of their job; then a download answers 404 and says why.
    pub file_hours: u32,
    /// Jobs, from their end; then they are unknown (90002).
    pub job_days: u32,
    /// The log of submits that were refused.
    pub refusal_days: u32,
    /// How long an access token lives.
    pub token_seconds: u32,
    /// Deleted rows of the data, from their deletion. Who asks for deletions and was last here before one that has been
    /// purged gets a full load.
    pub deleted_days: u32,
    /// How long a session may rest; then its next job is a full load. A query that its jobs have not had for twice as long is
    /// forgotten, and begins with a full load, too.
    pub session_days: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            file_hours: 72,
            job_days: 180,
            refusal_days: 7,
            token_seconds: 3600,
            deleted_days: 30,
            session_days: 180,
        }
    }
}

impl Config {
    /// The defaults, with everything kept in `data`.
    pub fn at(data: impl Into<PathBuf>) -> Config {
        Config { data: Data { dir: data.into() }, ..Config::default() }
    }

    /// Reads the file, if one is given, and lays the environment over it.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Config> {
        layers::read(file, env::vars())
    }

    /// The defaults, changed by variables as the environment has them.
    pub fn from_vars(vars: impl Iterator<Item = (String, String)>) -> anyhow::Result<Config> {
        layers::read(None, vars)
    }

    fn check(&self) -> anyhow::Result<()> {
        for (name, value) in [
            ("runner.jobs", self.runner.jobs),
            ("runner.batch_parallelism", self.runner.batch_parallelism),
            ("runner.threads", self.runner.threads),
            ("runner.max_attempts", self.runner.max_attempts as usize),
            ("runner.poll_seconds", self.runner.poll_seconds as usize),
            ("runner.lease_seconds", self.runner.lease_seconds as usize),
            ("retention.token_seconds", self.retention.token_seconds as usize),
        ] {
            anyhow::ensure!(value > 0, "{name} must be at least 1");
        }
        self.callout.check()?;
        self.tenant.check().context("tenant")?;
        for (name, tenant) in &self.tenants {
            tenant::check_name(name).with_context(|| format!("tenants.{name}"))?;
            tenant.check().with_context(|| format!("tenants.{name}"))?;
        }
        Ok(())
    }

    /// Every tenant by its name, the one without a name of its own first.
    pub fn all_tenants(&self) -> impl Iterator<Item = (&str, &Tenant)> {
        let others = self.tenants.iter().map(|(name, tenant)| (name.as_str(), tenant));
        std::iter::once((DEFAULT, &self.tenant)).chain(others)
    }

    /// The settings of a tenant that somebody named.
    pub fn tenant(&self, name: &str) -> anyhow::Result<&Tenant> {
        let found = self.all_tenants().find(|(known, _)| *known == name).map(|(_, tenant)| tenant);
        found.with_context(|| {
            let known: Vec<&str> = self.all_tenants().map(|(name, _)| name).collect();
            format!("the settings have no tenant {name}; those are: {}", known.join(", "))
        })
    }

    /// The configured object model, without the custom fields that loads have added.
    pub fn catalog(&self) -> anyhow::Result<Arc<Catalog>> {
        let dir = match &self.catalog.dir {
            None => return Ok(Catalog::builtin().clone()),
            Some(dir) => dir,
        };
        let read = |name| match std::fs::read_to_string(dir.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => Ok(String::new()),
            read => read.with_context(|| format!("catalog.dir: {}", dir.join(name).display())),
        };
        let files = zoql::catalog::CatalogFiles {
            objects: &read("objects.csv")?,
            fields: &read("fields.csv")?,
            joins: &read("joins.csv")?,
            date_changes: &read("date_changes.csv")?,
        };
        let catalog = Catalog::builtin().extended(&files).with_context(|| format!("catalog.dir {}", dir.display()))?;
        Ok(Arc::new(catalog))
    }

    /// Opens a tenant's data, making it if there is none.
    pub fn open_source(&self, tenant: &str, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<engine::embedded::Embedded>> {
        let path = self.source_path(tenant);
        self.make_dir(path.parent().unwrap_or(&self.data.dir))?;
        let source = engine::embedded::Embedded::open(&path, self.catalog()?, Arc::new(move || clock.now()))?;
        Ok(Arc::new(source.with_readers(self.runner.threads)))
    }

    /// Opens the store of jobs, files and clients, making it if there is none.
    pub fn open_store(&self) -> anyhow::Result<Arc<dyn store::Store>> {
        self.make_dir(&self.data.dir)?;
        Ok(Arc::new(store::sqlite::Sqlite::open(&self.data.dir.join("store.sqlite"))?))
    }

    /// Where a tenant's data is.
    pub fn source_path(&self, tenant: &str) -> PathBuf {
        self.data.dir.join("tenants").join(tenant).join("data.sqlite")
    }

    pub fn results_dir(&self) -> PathBuf {
        self.data.dir.join("results")
    }

    fn make_dir(&self, dir: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make the data directory {}", dir.display()))
    }
}

impl Server {
    pub fn shutdown_grace(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.shutdown_grace_seconds))
    }
}

impl Limits {
    pub fn query_time(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.query_seconds))
    }

    pub fn job_time(&self) -> Option<SignedDuration> {
        Some(SignedDuration::from_secs(i64::from(self.job_seconds))).filter(|time| time.is_positive())
    }

    /// Jobs of each mode that may be submitted or executing.
    pub fn open_jobs(&self) -> u32 {
        if self.queue { self.concurrent_jobs.saturating_add(self.queued_jobs) } else { self.concurrent_jobs }
    }

    /// Jobs of each mode that may execute. Without a queue, every job that was accepted may.
    pub fn executing_jobs(&self) -> u32 {
        if self.queue { self.concurrent_jobs } else { u32::MAX }
    }
}

impl Runner {
    pub fn lease(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.lease_seconds))
    }

    pub fn retry(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.retry_seconds))
    }

    pub fn poll(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.poll_seconds))
    }
}

/// As good as for ever; instants so far away are still instants.
const LONGEST: SignedDuration = SignedDuration::from_hours(100 * 365 * 24);

impl Retention {
    pub fn files(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.file_hours)).min(LONGEST)
    }

    pub fn jobs(&self) -> SignedDuration {
        days(self.job_days)
    }

    pub fn refusals(&self) -> SignedDuration {
        days(self.refusal_days)
    }

    pub fn deleted(&self) -> SignedDuration {
        days(self.deleted_days)
    }

    pub fn sessions(&self) -> SignedDuration {
        days(self.session_days)
    }

    pub fn tokens(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.token_seconds))
    }
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn from_env(vars: &[(&str, &str)]) -> anyhow::Result<Config> {
        Config::from_vars(vars.iter().map(|(name, value)| (name.to_string(), value.to_string())))
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../aquifer.toml.example");
        let mut config = layers::read(Some(&example), std::iter::empty()).unwrap();
        // The one default that depends on the machine.
        config.runner.threads = Runner::default().threads;
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn the_environment_wins_and_keeps_away_from_the_clients_names() {
        let config = from_env(&[
            ("AQUIFER_SERVER__LISTEN", "0.0.0.0:0"),
            ("AQUIFER_RUNNER__MAX_ATTEMPTS", "7"),
            ("AQUIFER_TENANT__PARTNERS", "salesforce,acme"),
            ("AQUIFER_TENANT__ZONE", "Australia/Sydney"),
            ("AQUIFER_URL", "https://rest.example.com"),
        ])
        .unwrap();
        assert_eq!(config.server.listen.to_string(), "0.0.0.0:0");
        assert_eq!(config.runner.max_attempts, 7);
        assert!(config.tenant.knows_partner("acme") && !config.tenant.knows_partner("other"));
        assert_eq!(config.tenant.zone().iana_name(), Some("Australia/Sydney"));
    }

    #[test]
    fn what_would_stand_still_with_nothing_is_at_least_one() {
        for name in ["AQUIFER_RUNNER__LEASE_SECONDS", "AQUIFER_RETENTION__TOKEN_SECONDS"] {
            let error = from_env(&[(name, "0")]).unwrap_err().to_string();
            assert!(error.contains("must be at least 1"), "{name}: {error}");
        }
    }

    #[test]
    fn a_tenant_has_what_all_have_but_for_what_it_says_itself() {
        let config = from_env(&[
            ("AQUIFER_LIMITS__QUERIES", "7"),
            ("AQUIFER_LIMITS__QUERY_SECONDS", "60"),
            ("AQUIFER_TENANTS__ACME__LIMITS__QUERIES", "9"),
            ("AQUIFER_TENANTS__ACME__PROFILE", "eu"),
            ("AQUIFER_TENANTS__ACME__PARTNERS", "salesforce"),
        ])
        .unwrap();
        let limits = |name| {
            let limits = &config.tenant(name).unwrap().limits;
            (limits.queries, limits.query_seconds, limits.concurrent_jobs)
        };
        assert_eq!(limits("default"), (7, 60, 50));
        assert_eq!(limits("acme"), (9, 60, 50));
        let acme = config.tenant("acme").unwrap();
        assert_eq!(acme.zone(), TimeZone::UTC);
        assert!(acme.knows_partner("salesforce") && !acme.knows_partner("other"));
        let unknown = config.tenant("acne").unwrap_err().to_string();
        assert!(unknown.contains("default, acme"), "{unknown}");
    }

    fn from_toml(text: &str) -> anyhow::Result<Config> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("aquifer.toml");
        std::fs::write(&path, text)?;
        layers::read(Some(&path), std::iter::empty())
    }

    #[test]
    fn a_tenant_tells_each_partner_in_its_own_way() {
        let config = from_toml(
            r#"
            [callout]
            allow = ["hooks.internal", "10.0.0.0/8", "::1"]
            [[tenant.callouts]]
            partner = "acme"
            method = "PUT"
            url = "https://example.com/${JOBID}/<Aqua.JobStatus>"
            body = { jobId = "<Aqua.JobId>" }
            user = "kim"
            password = "open sesame"
            [[tenant.callouts]]
            url = "https://example.com/all"
            "#,
        )
        .unwrap();
        let url = |partner| config.tenant.receiver(partner).map(|receiver| receiver.url.to_string());
        assert_eq!(url(Some("acme")).unwrap(), "https://example.com/${JOBID}/<Aqua.JobStatus>");
        assert_eq!(url(Some("other")).unwrap(), "https://example.com/all");
        assert_eq!(url(None).unwrap(), "https://example.com/all");
        let acme = config.tenant.receiver(Some("acme")).unwrap();
        assert_eq!(acme.credentials().unwrap(), ("kim".to_owned(), "open sesame".to_owned()));
        assert!(acme.body.as_ref().unwrap().contains_key("jobId"));
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn what_is_wrong_with_a_callout_is_said() {
        for (callout, said) in [
            ("url = 'ftp://example.com'", "no http or https URL"),
            ("url = 'https://kim:secret@example.com'", "a user or a password"),
            ("url = 'https://example.com/<Aqua.Job>'", "no merge field <Aqua.Job>"),
            ("url = 'https://example.com'\nmethod = 'GET'\nbody = { a = 'b' }", "by GET has no body"),
            ("url = 'https://example.com'\nmethod = 'PATCH'", "PATCH"),
            ("url = 'https://example.com'\nuser = 'kim'", "belong together"),
            ("url = 'https://example.com'\n[[tenant.callouts]]\nurl = 'https://example.com'", "twice"),
            ("partner = 'acme'", "url"),
        ] {
            let error = format!("{:#}", from_toml(&format!("[[tenant.callouts]]\n{callout}")).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        for (name, value, said) in [
            ("AQUIFER_TENANTS__UP.__ZONE", "UTC", "tenants.up."),
            ("AQUIFER_TENANTS__DEFAULT__ZONE", "UTC", "tenants.default"),
            ("AQUIFER_TENANTS__ACME__STATEFUL_OFFSET_SECONDS", "3601", "tenants.acme"),
            ("AQUIFER_TENANTS__ACME__LIMITS__QUERY", "1", "query"),
            ("AQUIFER_SERVER__LISTN", "x", "listn"),
            ("AQUIFER_TENANT__ZONE", "Mars/Olympus", "Mars/Olympus"),
            ("AQUIFER_RUNNER__JOBS", "0", "runner.jobs"),
            ("AQUIFER_LIMITS__QUERIES", "many", "limits.queries"),
            ("AQUIFER_CALLOUT__MAX_ATTEMPTS", "6", "callout.max_attempts"),
            ("AQUIFER_CALLOUT__MIN_INTERVAL_MINUTES", "1441", "callout.min_interval_minutes"),
            ("AQUIFER_CALLOUT__ALLOW", "10.0.0.0/8,10.0.0.0/33", "10.0.0.0/33"),
            ("AQUIFER_TENANT__CALLOUT_SECRETS", "whsec_c2hvcnQ=", "24 to 64 bytes"),
        ] {
            let error = format!("{:#}", from_env(&[(name, value)]).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
