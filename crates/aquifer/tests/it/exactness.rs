//! The promise of sessions, against a model: whatever is loaded, asked for, lost, repeated, cancelled or crashed, what a
//! client has merged by Id is the table, and every change has come once.
//!
//! Histories are drawn from seeds. `AQUIFER_SEEDS=5000` draws more of them, `AQUIFER_SEED=17` that one alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aquifer::{
    access,
    app::{App, Running},
    clock::{Clock as _, Manual},
    config::Config,
    job::{JobId, State},
    secret,
    store::Token,
    tenant::Tenants,
};
use engine::embedded::Embedded;
use export::Cell;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zoql::{
    Catalog,
    catalog::{CatalogFiles, FieldId},
};

use crate::{
    crash::Random,
    http::Request,
    server::{config, epoch},
};

const SEEDS: u64 = 200;
const STEPS: usize = 16;
/// Few rows, so that much happens to each.
const IDS: u64 = 8;
const PROJECTS: [&str; 2] = ["nightly", "hourly"];
const TOKEN: &str = "the test's own";

#[test]
fn what_a_client_has_merged_is_the_table() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seeds = match number("AQUIFER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AQUIFER_SEEDS").unwrap_or(SEEDS),
    };
    let template = template();
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| World::new(seed, template.path()).run())) {
                        eprintln!("AQUIFER_SEED={seed} shows it again");
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
}

fn settings(dir: &Path) -> Config {
    let mut config = config(dir);
    config.runner.threads = 1;
    config.retention.deleted_days = 1;
    config
}

/// Data of one object with two fields: what a load costs most is the size of its catalog.
fn open(config: &Config, clock: &Manual) -> Embedded {
    let files = CatalogFiles {
        objects: "object,label,data_source,zoql,supports_deleted,feature,since_wsdl\nAccount,Account,yes,yes,yes,,\n",
        fields: "object,field,label,type,nullable,contexts,options,since_wsdl,masked\n\
                 Account,Id,ID,id,no,both,,,\nAccount,Name,Name,text,yes,both,,,\n",
        joins: "",
        date_changes: "",
    };
    let (catalog, clock) = (Catalog::from_csv(&files).unwrap(), clock.clone());
    let path = config.data.dir.join("data.sqlite");
    Embedded::open(&path, Arc::new(catalog), Arc::new(move || clock.now())).unwrap().with_readers(1)
}

/// A data directory with empty tables and a token.
fn template() -> TempDir {
    let dir = folder();
    let (config, clock) = (settings(dir.path()), Manual::at(epoch()));
    open(&config, &clock);
    let runtime = runtime();
    let store = config.open_store().unwrap();
    runtime.block_on(async {
        let client = access::create_client(&*store, "default", "test", epoch()).await.unwrap().client_id;
        let token = Token { key: secret::token_key(TOKEN), client, expires_at: Timestamp::MAX };
        store.add_token(&token).await.unwrap();
    });
    dir
}

/// In memory where there is such a place: nothing here is about the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.path() {
            path if path.is_dir() => copy(&path, &to.join(entry.file_name())),
            path => drop(fs::copy(path, to.join(entry.file_name())).unwrap()),
        }
    }
}

/// The table as it should be, with what happened to it.
#[derive(Default)]
struct Table {
    rows: BTreeMap<u64, Row>,
    /// Numbers and instants of the loads.
    loads: Vec<(i64, Timestamp)>,
    /// The last load whose deletions have been forgotten.
    purged: i64,
}

struct Row {
    /// `None`: deleted.
    name: Option<String>,
    created: i64,
    changed: i64,
}

/// What a client has of one session.
#[derive(Default)]
struct Client {
    rows: BTreeMap<u64, String>,
    position: Option<i64>,
    /// Up to where it may have seen rows through jobs that did not move the session.
    shown: i64,
    increments: u32,
    /// Increments that it has not downloaded.
    lost: BTreeSet<u32>,
}

/// A window and its rows as they came.
struct Answer {
    full: Option<String>,
    from: i64,
    to: Value,
    rows: BTreeMap<u64, Option<String>>,
}

struct World {
    random: Random,
    dir: TempDir,
    clock: Manual,
    source: Arc<Embedded>,
    table: Table,
    clients: [Client; 2],
    server: Option<(Runtime, Running)>,
}

impl World {
    fn new(seed: u64, template: &Path) -> World {
        let dir = folder();
        copy(template, dir.path());
        let clock = Manual::at(epoch());
        let source = open(&settings(dir.path()), &clock);
        // Half of the histories are read by SQL only.
        let source = Arc::new(if seed.is_multiple_of(2) { source } else { source.without_scan() });
        let (table, clients) = (Table::default(), Default::default());
        let mut world = World { random: Random(seed), dir, clock, source, table, clients, server: None };
        world.start();
        world
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            let client = self.random.below(2) as usize;
            match self.random.below(20) {
                0..8 => self.load(),
                8..14 => self.job(client),
                14..16 => self.replay(client),
                16 => self.cancel(client),
                17 => self.crash(),
                _ => {
                    let hours = self.random.below(30) as i64;
                    self.later(SignedDuration::from_hours(hours));
                }
            }
        }
        for client in 0..2 {
            while let Some(lost) = self.clients[client].lost.first().copied() {
                self.replay_of(client, lost);
            }
            self.take_in(client, 0);
            assert_eq!(self.clients[client].rows, self.table.live());
        }
        self.crash();
    }

    fn load(&mut self) {
        let seconds = self.random.below(90) as i64;
        self.later(SignedDuration::from_secs(seconds));
        let mut load = self.source.begin_load(self.clock.now()).unwrap();
        let account = load.catalog().find("Account").unwrap();
        let fields = [FieldId(0), load.catalog().object(account).find_field("Name").unwrap()];
        let mut changes = Vec::new();
        for _ in 0..=self.random.below(5) {
            let id = self.random.below(IDS);
            let text = id.to_string();
            // Names repeat, so some rows are written and do not change.
            let name = (self.random.below(3) > 0).then(|| format!("name {}", self.random.below(3)));
            match &name {
                Some(name) => drop(load.rows(account, &fields).unwrap().upsert(&[Cell::Text(&text), Cell::Text(name)])),
                None => drop(load.deleter(account).unwrap().delete(&text)),
            }
            changes.push((id, name));
        }
        if self.random.below(8) == 0 {
            // Never was.
            return;
        }
        let number = load.commit().unwrap().0.parse().unwrap();
        self.table.loads.push((number, self.clock.now()));
        for (id, name) in changes {
            self.table.change(number, id, name);
        }
    }

    fn job(&mut self, client: usize) {
        let offset = if self.random.below(4) == 0 { self.random.below(120) as u32 } else { 0 };
        if self.random.below(4) > 0 {
            return self.take_in(client, offset);
        }
        // The client is gone when the job ends, or the server for a moment.
        let job = self.submit(client, offset);
        if self.random.below(2) == 0 {
            self.die_after_some_steps();
        }
        let window = self.window(job);
        self.clients[client].moved(&window, true);
    }

    /// A job whose result is downloaded and merged.
    fn take_in(&mut self, client: usize, offset: u32) {
        let job = self.submit(client, offset);
        let asked_at = self.clock.now();
        let answer = self.window(job);
        self.check(client, &answer, asked_at - SignedDuration::from_secs(offset.into()));
        self.clients[client].moved(&answer, false);
        self.clients[client].merge(&answer);
        let Client { rows, lost, position, .. } = &self.clients[client];
        if lost.is_empty() {
            let settled = |id: &u64| self.table.rows.get(id).is_none_or(|row| Some(row.changed) <= *position);
            let of = |rows: &BTreeMap<u64, String>| -> Vec<_> {
                rows.iter().filter(|(id, _)| settled(id)).map(|(id, name)| (*id, name.clone())).collect()
            };
            assert_eq!(of(rows), of(&self.table.live()), "the table up to {position:?}");
        }
    }

    /// That a window begins where the last one ended, ends where it should, and has what changed in between.
    fn check(&self, client: usize, answer: &Answer, until: Timestamp) {
        let client = &self.clients[client];
        if let Some(reason) = &answer.full {
            let is_due = match client.position {
                None => reason == "first",
                Some(position) => reason == "expired" && position < self.table.purged,
            };
            assert!(is_due, "full load: {reason}, at {:?}", client.position);
            let live = self.table.live().into_iter().map(|(id, name)| (id, Some(name)));
            assert_eq!(answer.rows, live.collect());
            return;
        }
        let to = answer.to();
        assert_eq!(Some(answer.from), client.position, "windows without a gap or overlap");
        for (number, at) in &self.table.loads {
            let is_in = *number <= to;
            assert_eq!(is_in, *number <= answer.from || *at < until || until == self.clock.now(), "load {number}");
        }
        let changed = self.table.rows.iter().filter(|(_, row)| (answer.from + 1..=to).contains(&row.changed));
        // What came and went in the window was never there, unless it was seen by the way.
        let known = answer.from.max(client.shown);
        let told = changed.filter(|(_, row)| row.name.is_some() || row.created <= known);
        assert_eq!(answer.rows, told.map(|(id, row)| (*id, row.name.clone())).collect());
    }

    fn replay(&mut self, client: usize) {
        let increments = u64::from(self.clients[client].increments);
        if increments > 0 {
            let number = 1 + self.random.below(increments) as u32;
            self.replay_of(client, number);
        }
    }

    /// The present values of all that changed since an increment began, and perhaps later ones: all that was lost from there on
    /// is found again.
    fn replay_of(&mut self, client: usize, number: u32) {
        let path = format!("sessions/acme/{}/increments/{number}/replay", PROJECTS[client]);
        let answer = self.send(Request::new("POST", &format!("/v1/batch-query/{path}")));
        let answer = self.window(answer["id"].as_str().unwrap().parse().unwrap());
        let before = self.clients[client].position;
        let client = &mut self.clients[client];
        client.merge(&answer);
        client.shown = answer.to();
        client.lost.retain(|lost| *lost < number);
        assert_eq!(client.position, before);
    }

    fn cancel(&mut self, client: usize) {
        let job = self.submit(client, 0);
        self.some_steps();
        self.send(Request::new("DELETE", &format!("/v1/batch-query/jobs/{job}")));
        if self.ended(job) == State::Completed {
            let answer = self.window(job);
            return self.clients[client].moved(&answer, true);
        }
        let status = self.send(Request::new("GET", &format!("/v1/batch-query/jobs/{job}")));
        if status["batches"][0]["status"] == "completed" {
            self.clients[client].shown = self.table.loads.last().map_or(0, |(number, _)| *number);
        }
    }

    fn later(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        self.purge();
    }

    /// What the server does now and then by itself, here whenever it could.
    fn purge(&mut self) {
        let before = self.clock.now() - SignedDuration::from_hours(24);
        let (runtime, running) = self.server.as_ref().unwrap();
        runtime.block_on(running.app.tidy()).unwrap();
        self.table.purge(before);
    }

    fn start(&mut self) {
        let (runtime, config) = (runtime(), settings(self.dir.path()));
        let tenants = Tenants::on(&config, |_| Ok(self.source.clone())).unwrap();
        let running = App::start_on(config, Arc::new(self.clock.clone()), tenants);
        let running = runtime.block_on(running).unwrap();
        self.server = Some((runtime, running));
        // It tidies up when it starts.
        self.purge();
    }

    /// Lets the server work for a moment, which may end anywhere in a job.
    fn some_steps(&mut self) {
        let steps = self.random.below(60);
        let (runtime, _) = self.server.as_ref().unwrap();
        runtime.block_on(async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        });
    }

    fn die_after_some_steps(&mut self) {
        self.some_steps();
        self.crash();
    }

    /// Stops the server between two steps, with nothing put in order, and starts another.
    fn crash(&mut self) {
        let (runtime, running) = self.server.take().unwrap();
        drop(running);
        // What a thread has begun, it finishes: a process that dies has no threads that go on beside the next one's.
        runtime.shutdown_timeout(std::time::Duration::from_secs(60));
        self.start();
    }

    fn submit(&mut self, client: usize, offset: u32) -> JobId {
        let blanks = " ".repeat(1 + self.random.below(3) as usize);
        let body = json!({
            "version": "1.1", "partner": "acme", "project": PROJECTS[client], "offset": offset, "useQueryLabels": true,
            "queries": [{
                "query": format!("select Id,{blanks}Name from Account"),
                "deleted": { "column": "Deleted", "format": "Boolean" },
            }],
        });
        let answer = self.send(Request::new("POST", "/v1/batch-query").body(body.to_string()));
        answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    fn ended(&self, job: JobId) -> State {
        let (runtime, running) = self.server.as_ref().unwrap();
        runtime.block_on(async {
            let mut left = running.app.runner.left();
            loop {
                let stored = running.app.store.job("default", job).await.unwrap().unwrap();
                if stored.state.is_terminal() && !running.app.runner.is_at_work(job) {
                    return stored.state;
                }
                left.changed().await.unwrap();
            }
        })
    }

    /// The end of a job that completes, with its file.
    fn window(&self, job: JobId) -> Answer {
        assert_eq!(self.ended(job), State::Completed);
        let status = self.send(Request::new("GET", &format!("/v1/batch-query/jobs/{job}")));
        let batch = &status["batches"][0];
        let file = batch["fileId"].as_str().unwrap();
        let csv = self.text(Request::new("GET", &format!("/v1/files/{file}")));
        let rows = csv.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [deleted, id, name] = cells[..] else { panic!("{csv}") };
            (id.parse().unwrap(), (deleted == "false").then(|| name.to_owned()))
        });
        let rows: Vec<_> = rows.collect();
        let answer = Answer {
            full: batch["fullReason"].as_str().map(str::to_owned),
            from: batch["window"]["from"]["position"].as_str().map_or(0, |text| text.parse().unwrap()),
            to: batch["window"]["to"].clone(),
            rows: rows.iter().cloned().collect(),
        };
        assert_eq!(answer.rows.len(), rows.len(), "a row came twice: {csv}");
        assert_eq!(batch["full"], answer.full.is_some());
        assert_eq!(batch["recordCount"], rows.len());
        answer
    }

    fn send(&self, request: Request) -> Value {
        serde_json::from_str(&self.text(request)).unwrap()
    }

    fn text(&self, request: Request) -> String {
        let (runtime, running) = self.server.as_ref().unwrap();
        let request = request.header("Authorization", &format!("Bearer {TOKEN}"));
        runtime.block_on(request.send(&running.url)).text().to_owned()
    }
}

impl Table {
    fn live(&self) -> BTreeMap<u64, String> {
        self.rows.iter().filter_map(|(id, row)| Some((*id, row.name.clone()?))).collect()
    }

    fn change(&mut self, load: i64, id: u64, name: Option<String>) {
        match self.rows.get_mut(&id) {
            Some(row) if row.name != name => (row.name, row.changed) = (name, load),
            None if name.is_some() => drop(self.rows.insert(id, Row { name, created: load, changed: load })),
            _ => {}
        }
    }

    fn purge(&mut self, before: Timestamp) {
        let last = self.loads.iter().filter(|(_, at)| *at < before).map(|(number, _)| *number).max().unwrap_or(0);
        let rows = self.rows.len();
        self.rows.retain(|_, row| row.name.is_some() || row.changed > last);
        if self.rows.len() < rows {
            self.purged = last;
        }
    }
}

impl Client {
    fn moved(&mut self, answer: &Answer, is_lost: bool) {
        self.position = Some(answer.to());
        self.increments += 1;
        if is_lost {
            self.lost.insert(self.increments);
        }
    }

    fn merge(&mut self, answer: &Answer) {
        if answer.full.is_some() {
            self.rows.clear();
            self.lost.clear();
        }
        for (id, name) in &answer.rows {
            match name {
                Some(name) => drop(self.rows.insert(*id, name.clone())),
                None => drop(self.rows.remove(id)),
            }
        }
    }
}

impl Answer {
    fn to(&self) -> i64 {
        self.to["position"].as_str().unwrap().parse().unwrap()
    }
}
