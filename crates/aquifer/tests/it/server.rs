//! A server in this process, with little data and a clock that stands still.

use std::{path::Path, sync::Arc};

use aquifer::{
    access::{self, Credentials},
    app::{App, Running},
    clock::{Clock as _, Manual},
    config::{Config, DEFAULT},
    job::{Callout, Event, Job, JobId, State},
    tenant::Tenants,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::{
    Source,
    embedded::{Change, Embedded},
    load::{self, Input, Options},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::http::{Answer, Request};

pub struct Server {
    pub running: Running,
    pub clock: Manual,
    pub credentials: Credentials,
    pub token: String,
    pub dir: TempDir,
}

/// When the clocks of all tests begin to stand.
pub fn epoch() -> Timestamp {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

impl Server {
    pub async fn start() -> Server {
        Server::with(|_| {}).await
    }

    /// With other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Server {
        Server::on(change, |embedded| embedded).await
    }

    /// With something between the server and its data.
    pub async fn on<S: Source + 'static>(
        change: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Arc<Embedded>) -> Arc<S>,
    ) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let clock = Manual::at(epoch());
        let mut config = config(dir.path());
        change(&mut config);
        let embedded = config.open_source(DEFAULT, Arc::new(clock.clone())).unwrap();
        fill(&embedded);
        let source = wrap(embedded);
        let tenants = Tenants::on(&config, |tenant| match tenant {
            DEFAULT => Ok(source.clone()),
            other => Ok(config.open_source(other, Arc::new(clock.clone()))?),
        });
        let running = App::start_on(config.clone(), Arc::new(clock.clone()), tenants.unwrap()).await.unwrap();
        let credentials = access::create_client(&*running.app.store, DEFAULT, "test", clock.now()).await.unwrap();
        let mut server = Server { running, clock, credentials, token: String::new(), dir };
        server.token = server.new_token().await;
        server
    }

    pub async fn new_token(&self) -> String {
        let Credentials { client_id, client_secret } = &self.credentials;
        let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}");
        let answer = Request::new("POST", "/oauth/token").body(form).send(&self.running.url).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn send(&self, request: Request) -> Answer {
        request.header("Authorization", &format!("Bearer {}", self.token)).send(&self.running.url).await
    }

    /// Sends a request, and leaves it to the caller to wait for the answer.
    pub async fn begin(&self, request: Request) -> TcpStream {
        request.header("Authorization", &format!("Bearer {}", self.token)).begin(&self.running.url).await
    }

    /// Sends a request whose body breaks off after its first byte, and is not waited for any longer.
    pub async fn send_a_part(&self, request: Request) -> Answer {
        let request = request.header("Authorization", &format!("Bearer {}", self.token));
        request.send_a_part(&self.running.url, || self.clock.advance(SignedDuration::from_secs(120))).await
    }

    pub async fn submit(&self, queries: &[&str]) -> JobId {
        let queries: Vec<Value> = queries.iter().map(|query| json!({ "query": query })).collect();
        let body = json!({ "queries": queries, "useQueryLabels": true }).to_string();
        let answer = self.send(Request::new("POST", "/v1/batch-query").body(body)).await.json();
        answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    pub async fn status(&self, job: JobId) -> Value {
        self.send(Request::new("GET", &format!("/v1/batch-query/jobs/{job}"))).await.json()
    }

    pub async fn cancel(&self, job: JobId) -> Value {
        self.send(Request::new("DELETE", &format!("/v1/batch-query/jobs/{job}"))).await.json()
    }

    pub async fn stored(&self, job: JobId) -> Job {
        self.stored_of(DEFAULT, job).await
    }

    async fn stored_of(&self, tenant: &str, job: JobId) -> Job {
        self.running.app.store.job(tenant, job).await.unwrap().unwrap()
    }

    /// Waits until a job has ended, and its runner has left it.
    pub async fn ended(&self, job: JobId) -> Job {
        self.ended_of(DEFAULT, job).await
    }

    pub async fn ended_of(&self, tenant: &str, job: JobId) -> Job {
        let runner = &self.running.app.runner;
        let mut left = runner.left();
        loop {
            let stored = self.stored_of(tenant, job).await;
            match runner.is_at_work(job) {
                true => left.changed().await.unwrap(),
                false if stored.state.is_terminal() => return stored,
                // Not yet, or never again: a job that is given up ends without anybody at work on it.
                false => tokio::task::yield_now().await,
            }
        }
    }

    /// Waits until no runner is at work on a job.
    pub async fn left(&self, job: JobId) {
        let mut left = self.running.app.runner.left();
        while self.running.app.runner.is_at_work(job) {
            left.changed().await.unwrap();
        }
    }

    /// Takes the lease of a job from the runner that is at work on it, or will be, as if it had been silent for too long;
    /// waits until it has noticed.
    pub async fn lose(&self, job: JobId) {
        let app = &self.running.app;
        let mut renewed = loop {
            match app.runner.renewed(job) {
                Some(renewed) => break renewed,
                None => tokio::task::yield_now().await,
            }
        };
        app.store.drop_leases().await.unwrap();
        self.clock.advance(app.config.runner.lease());
        // Its end is that of this attempt. Others may come and go meanwhile, and the next one of this job.
        while renewed.changed().await.is_ok() {}
    }

    /// Waits until a callout has been tried so often, and what it has come to then.
    pub async fn tried(&self, job: JobId, times: usize) -> Callout {
        let mut tries = self.running.app.callouts.tries();
        loop {
            let callout = self.running.app.store.callout("default", job).await.unwrap();
            if let Some(callout) = callout.filter(|callout| callout.tries.len() >= times) {
                return callout;
            }
            tries.changed().await.unwrap();
        }
    }

    /// Result files on the disk, whether or not anybody may have them.
    pub fn files(&self) -> Vec<String> {
        files_below(&self.dir.path().join("results"))
    }

    /// What a new client of a tenant sends as `Authorization`.
    pub async fn authorization(&self, tenant: &str) -> String {
        let client = access::create_client(&*self.running.app.store, tenant, "other", self.clock.now()).await.unwrap();
        format!("Basic {}", STANDARD.encode(format!("{}:{}", client.client_id, client.client_secret)))
    }

    /// Writes rows, CSV with a header, as another process does.
    pub fn load(&self, object: &str, csv: &str) {
        self.load_into(DEFAULT, object, csv);
    }

    /// Writes an account with much to say, of which files become long.
    pub fn load_note(&self, id: u32, note: &str) {
        self.load("Account", &format!("Id,Name,Notes\n{id:032},Talkative,{note}\n"));
    }

    pub fn load_into(&self, tenant: &str, object: &str, csv: &str) {
        let path = self.dir.path().join("load.csv");
        std::fs::write(&path, csv).unwrap();
        let inputs = [Input { object: object.to_owned(), path }];
        let options = Options { zone: TimeZone::UTC, custom: false, whole: false, rejects: None };
        load::load(self.data(tenant).begin_load_now().unwrap(), &inputs, &options, &mut |_| {}).unwrap();
    }

    pub fn delete(&self, object: &str, ids: &[&str]) {
        let mut load = self.data(DEFAULT).begin_load_now().unwrap();
        let object = load.catalog().find(object).unwrap();
        let mut deleter = load.deleter(object).unwrap();
        ids.iter().for_each(|id| assert_eq!(deleter.delete(id).unwrap(), Change::Deleted, "{id}"));
        drop(deleter);
        load.commit().unwrap();
    }

    pub fn data(&self, tenant: &str) -> Arc<Embedded> {
        self.running.app.config.open_source(tenant, Arc::new(self.clock.clone())).unwrap()
    }

    /// Stops the server, which must have nothing left to do.
    pub async fn stop(self) -> TempDir {
        let open = [State::Submitted, State::Executing];
        let store = self.running.app.store.clone();
        self.running.stop().await;
        let lease = aquifer::store::Lease { token: aquifer::store::LeaseToken("nobody".into()), until: Timestamp::MAX };
        let left = store.take(&lease, Timestamp::MAX, &aquifer::store::Terms::default()).await.unwrap();
        assert!(left.as_ref().is_none_or(|job| !open.contains(&job.state)), "a job was left: {left:?}");
        self.dir
    }

    pub async fn apply(&self, job: JobId, event: Event) -> Result<Job, aquifer::store::Error> {
        self.running.app.store.apply(job, None, event).await
    }
}

pub fn config(dir: &Path) -> Config {
    let mut config = Config::at(dir);
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.runner.threads = 2;
    config
}

fn fill(source: &Embedded) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/data");
    let at = "2026-08-01T00:00:00Z".parse().unwrap();
    let options = Options { zone: TimeZone::UTC, custom: false, whole: false, rejects: None };
    let inputs = load::directory(&source.catalog().unwrap(), &data).unwrap();
    load::load(source.begin_load(at).unwrap(), &inputs, &options, &mut |_| {}).unwrap();
    let mut later = source.begin_load("2026-11-20T00:00:00Z".parse().unwrap()).unwrap();
    let account = later.catalog().find("Account").unwrap();
    later.deleter(account).unwrap().delete("11111111111111111111111111111104").unwrap();
    later.commit().unwrap();
}

fn files_below(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] })
        .collect();
    files.sort();
    files
}
