//! The real binary under load, killed at any moment and started again over the same data, again and again: clients of
//! sessions that submit, cancel, replay and merge, clients that submit and download whatever comes to their mind, loads and
//! deletions, some of them killed too. What was not answered is submitted again with its key. Somebody listens, and is to be
//! told of the end of every job.
//!
//! Each server is killed once so many requests have been answered, so the clock decides nothing; but threads and processes run
//! as they will, and a seed does not bring back every turn of a run. `AQUIFER_KILLS=500` kills more often, `AQUIFER_SEED=17`
//! draws other numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    crash::{self, Random, Server, aquifer, files_below, number},
    receiver::Receiver,
};

const KILLS: u64 = 120;
const IDS: u64 = 300;
const ALL: &str = "select Id, Name from Account";

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    let seed = number("AQUIFER_SEED", 4);
    println!("AQUIFER_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut random = Random(seed);
    let csv = rows(&mut random, IDS);
    crash::load(&csv, data);
    let authorization = crash::client(data);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::start(&[]));
    let notify_url = format!("{}/${{JOBID}}/${{STATUS}}", receiver.url);
    let mut sessions = ["nightly", "hourly"].map(|project| Session::new(project, random.below(u64::MAX)));
    let mut visitors = ["one", "two"].map(|name| Visitor::new(name, random.below(u64::MAX)));
    let mut loader = Loader { random: Random(random.below(u64::MAX)) };

    for _ in 0..number("AQUIFER_KILLS", KILLS) {
        let server = start(data, &authorization);
        let (done, answers) = mpsc::channel();
        let door = Door {
            url: server.url.clone(),
            authorization: authorization.clone(),
            notify_url: notify_url.clone(),
            done,
        };
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for session in &mut sessions {
                let door = door.clone();
                scope.spawn(move || session.play(&door));
            }
            for visitor in &mut visitors {
                let door = door.clone();
                scope.spawn(move || visitor.play(&door));
            }
            scope.spawn(|| loader.play(data, &is_over));
            // If all of them are gone before, there is nothing to wait for.
            drop(door);
            // One of the first answers, or one when all is in full swing.
            let most = 1 + random.below(80);
            let enough = 1 + random.below(most);
            answers.iter().take(enough as usize).for_each(drop);
            server.kill();
            is_over.store(true, Ordering::Relaxed);
        });
    }

    let server = start(data, &authorization);
    let (done, _answers) = mpsc::channel();
    let door = Door { url: server.url.clone(), authorization, notify_url, done };
    let live = live(data);
    for session in &mut sessions {
        session.finish(&door, &live);
    }
    visitors.iter_mut().for_each(|visitor| visitor.finish(&door));
    wait_until(|| open_jobs(data) == 0);
    let desks = sessions.iter().map(|session| &session.desk).chain(visitors.iter().map(|visitor| &visitor.desk));
    check_jobs(data, desks.flat_map(|desk| desk.accepted.iter().cloned()).collect());
    check_files(data);
    check_callouts(data, &receiver);
    let accepted = visitors.iter().map(|visitor| visitor.desk.accepted.len()).sum::<usize>();
    let increments: Vec<u64> = sessions.iter().map(|session| session.merged).collect();
    let again = attempts(data);
    println!("{accepted} stateless jobs, {increments:?} increments, {again} attempts that came to nothing");
    assert!(again > 0, "no kill came in time");
}

fn start(data: &Path, authorization: &str) -> Server {
    // However often it hits one job.
    Server::start_with(data, authorization, &[("AQUIFER_RUNNER__MAX_ATTEMPTS", "1000000")])
}

fn rows(random: &mut Random, count: u64) -> String {
    let row = |_| format!("{:032x},name {}\n", random.below(IDS), random.below(1000));
    std::iter::once("Id,Name\n".to_owned()).chain((0..count).map(row)).collect()
}

/// The server is gone.
struct Gone;

/// The way to a server that may be gone at any moment.
#[derive(Clone)]
struct Door {
    url: String,
    authorization: String,
    notify_url: String,
    /// Told of each answer.
    done: mpsc::Sender<()>,
}

impl Door {
    fn post(&self, path: &str, key: &str, body: &Value) -> Result<Value, Gone> {
        let request = self.agent().post(self.to(path)).header("Idempotency-Key", key);
        let answer = self.answer(request.header("Authorization", &self.authorization).send_json(body))?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, Gone> {
        self.answer(self.agent().get(self.to(path)).header("Authorization", &self.authorization).call())
    }

    fn json(&self, path: &str) -> Result<Value, Gone> {
        Ok(serde_json::from_slice(&self.get(path)?).unwrap())
    }

    fn agent(&self) -> ureq::Agent {
        ureq::Agent::config_builder().http_status_as_error(false).build().into()
    }

    fn to(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.url)
    }

    fn answer(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, Gone> {
        let body = answer.map_err(|_| Gone)?.into_body().read_to_vec().map_err(|_| Gone)?;
        let _ = self.done.send(());
        Ok(body)
    }

    fn cancel(&self, job: &str) -> Result<(), Gone> {
        let request = self.agent().delete(self.to(&format!("batch-query/jobs/{job}")));
        self.answer(request.header("Authorization", &self.authorization).call()).map(drop)
    }

    fn end_of(&self, job: &str) -> Result<Value, Gone> {
        loop {
            let status = self.json(&format!("batch-query/jobs/{job}"))?;
            assert!(status["errorCode"].is_null(), "{status}");
            if status["terminal"] == true {
                return Ok(status);
            }
        }
    }

    /// The rows of a batch, all of them.
    fn rows(&self, batch: &Value) -> Result<Vec<String>, Gone> {
        let file = batch["fileId"].as_str().unwrap_or_else(|| batch["files"][0]["fileId"].as_str().unwrap());
        let csv = String::from_utf8(self.get(&format!("files/{file}"))?).unwrap();
        let rows: Vec<String> = csv.lines().skip(1).map(str::to_owned).collect();
        assert!(csv.ends_with('\n') && batch["recordCount"] == rows.len(), "a part of a file: {batch}");
        Ok(rows)
    }
}

/// Asks for jobs. What has not been answered goes out again before anything else, with the key that it had.
struct Desk {
    name: &'static str,
    sent: u64,
    unanswered: Option<(String, String, Value)>,
    accepted: BTreeSet<String>,
}

impl Desk {
    fn new(name: &'static str) -> Desk {
        Desk { name, sent: 0, unanswered: None, accepted: BTreeSet::new() }
    }

    /// The id of a job that has been accepted, perhaps of an earlier request; `None` if there are too many.
    fn submit(&mut self, door: &Door, path: &str, mut job: Value) -> Result<Option<String>, Gone> {
        if self.unanswered.is_none() {
            job["notifyUrl"] = door.notify_url.as_str().into();
            self.sent += 1;
            self.unanswered = Some((path.to_owned(), format!("{} {}", self.name, self.sent), job));
        }
        self.submit_again(door)
    }

    fn submit_again(&mut self, door: &Door) -> Result<Option<String>, Gone> {
        let Some((path, key, job)) = &self.unanswered else { return Ok(None) };
        let answer = door.post(path, key, job)?;
        self.unanswered = None;
        let id = answer["id"].as_str().map(str::to_owned);
        assert!(id.is_some() || answer["errorCode"] == "90028", "{answer}");
        self.accepted.extend(id.clone());
        Ok(id)
    }
}

/// A client that merges what a session brings.
struct Session {
    random: Random,
    desk: Desk,
    project: &'static str,
    /// How many increments.
    merged: u64,
    /// Where the last one ended.
    position: Value,
    rows: BTreeMap<String, String>,
}

impl Session {
    fn new(project: &'static str, seed: u64) -> Session {
        let (random, desk) = (Random(seed), Desk::new(project));
        Session { random, desk, project, merged: 0, position: Value::Null, rows: BTreeMap::new() }
    }

    fn play(&mut self, door: &Door) {
        while let Ok(()) = self.step(door) {}
    }

    fn step(&mut self, door: &Door) -> Result<(), Gone> {
        if self.merged > 0 && self.random.below(6) == 0 {
            let number = 1 + self.random.below(self.merged);
            let replay = format!("batch-query/sessions/acme/{}/increments/{number}/replay", self.project);
            self.desk.submit(door, &replay, json!({}))?;
        }
        let Some(job) = self.submit(door)? else { return self.take_in(door) };
        match self.random.below(4) {
            0 => door.cancel(&job)?,
            1 => {}
            _ => drop(door.end_of(&job)?),
        }
        self.take_in(door)
    }

    fn submit(&mut self, door: &Door) -> Result<Option<String>, Gone> {
        let query = json!({ "query": ALL, "deleted": { "column": "Deleted", "format": "Boolean" } });
        let job = json!({ "version": "1.1", "partner": "acme", "project": self.project, "queries": [query] });
        self.desk.submit(door, "batch-query", job)
    }

    /// Merges the increments that have come since, each once and in order.
    fn take_in(&mut self, door: &Door) -> Result<(), Gone> {
        let path = format!("batch-query/sessions/acme/{}", self.project);
        let session = door.json(&path)?;
        let increments = session["increments"].as_array().cloned().unwrap_or_default();
        let new = increments.iter().filter(|increment| increment["number"].as_u64().unwrap() > self.merged);
        for increment in new.collect::<Vec<_>>() {
            let batch = &increment["batches"][0];
            let rows = door.rows(batch)?;
            assert_eq!(increment["number"], self.merged + 1);
            assert_eq!(batch["window"]["from"]["position"], self.position, "windows without a gap or overlap");
            self.merge(rows);
            (self.merged, self.position) = (self.merged + 1, batch["window"]["to"]["position"].clone());
        }
        Ok(())
    }

    fn merge(&mut self, rows: Vec<String>) {
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            match cells[..] {
                ["false", id, name] => drop(self.rows.insert(id.to_owned(), name.to_owned())),
                ["true", id, _] => drop(self.rows.remove(id)),
                _ => panic!("{row}"),
            }
        }
    }

    /// When all is quiet: what has been merged is the table.
    fn finish(&mut self, door: &Door, live: &BTreeMap<String, String>) {
        let mut quiet = || -> Result<(), Gone> {
            self.desk.submit_again(door)?;
            let job = loop {
                // There may be as many as may be: until some have ended.
                if let Some(job) = self.submit(door)? {
                    break job;
                }
            };
            assert_eq!(door.end_of(&job)?["status"], "completed");
            self.take_in(door)
        };
        assert!(quiet().is_ok());
        assert_eq!(&self.rows, live);
    }
}

/// A client that submits, cancels and downloads as it likes.
struct Visitor {
    random: Random,
    desk: Desk,
    /// Jobs whose end was asked for.
    cancelled: BTreeSet<String>,
}

impl Visitor {
    fn new(name: &'static str, seed: u64) -> Visitor {
        Visitor { random: Random(seed), desk: Desk::new(name), cancelled: BTreeSet::new() }
    }

    fn play(&mut self, door: &Door) {
        while let Ok(()) = self.step(door) {}
    }

    fn step(&mut self, door: &Door) -> Result<(), Gone> {
        let formats = ["csv", "gzip", "zip"];
        let format = formats[self.random.below(3) as usize];
        let queries = [ALL, "select * from Account", "select count(Id) from Account"];
        let query = |random: &mut Random| json!({ "query": queries[random.below(3) as usize] });
        let queries: Vec<Value> = (0..=self.random.below(3)).map(|_| query(&mut self.random)).collect();
        let job = self.desk.submit(door, "batch-query", json!({ "format": format, "queries": queries }))?;
        let Some(job) = job else {
            // Ids begin with the time.
            return door.end_of(self.desk.accepted.last().unwrap()).map(drop);
        };
        match self.random.below(4) {
            0 => {
                self.cancelled.insert(job.clone());
                door.cancel(&job)?;
            }
            1 => {
                let status = door.end_of(&job)?;
                assert_eq!(status["status"], "completed", "{status}");
                if status["format"] == "csv" {
                    door.rows(&status["batches"][0])?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// When all is quiet: every job has an end, and it is the one it should have.
    fn finish(&mut self, door: &Door) {
        assert!(self.desk.submit_again(door).is_ok());
        for job in &self.desk.accepted {
            let Ok(status) = door.end_of(job) else { panic!("the server is gone") };
            let is_cancelled = self.cancelled.contains(job);
            let is_right = status["status"] == "completed" || (is_cancelled && status["status"] == "cancelled");
            assert!(is_right, "{status}");
        }
    }
}

/// Loads and deletes, in processes of its own.
struct Loader {
    random: Random,
}

impl Loader {
    fn play(&mut self, data: &Path, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            let count = self.random.below(30);
            let csv = rows(&mut self.random, count);
            let command = if self.random.below(3) == 0 { "delete" } else { "load" };
            let mut child = aquifer(&[command, "Account", "-"], data)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            self.feed(&mut child, &csv);
            child.wait().unwrap();
        }
    }

    /// Some are killed with half of it.
    fn feed(&mut self, child: &mut Child, csv: &str) {
        let mut pipe = child.stdin.take().unwrap();
        if self.random.below(5) > 0 {
            let _ = pipe.write_all(csv.as_bytes());
            return;
        }
        let _ = pipe.write_all(&csv.as_bytes()[..csv.len() / 2]);
        child.kill().unwrap();
    }
}

fn live(data: &Path) -> BTreeMap<String, String> {
    let connection = Connection::open(data.join("tenants/default/data.sqlite")).unwrap();
    let mut rows = connection.prepare("SELECT Id, Name FROM Account WHERE _deleted = 0").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn store(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("store.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// How often a job was begun in vain.
fn attempts(data: &Path) -> i64 {
    store(data).query_row("SELECT sum(attempt - 1) FROM jobs WHERE state = 'completed'", [], |row| row.get(0)).unwrap()
}

/// Waits for what the server does by itself.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

fn open_jobs(data: &Path) -> i64 {
    let sql = "SELECT count(*) FROM jobs WHERE state IN ('submitted', 'executing')";
    store(data).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// However often its request was sent, there is one job for it.
fn check_jobs(data: &Path, accepted: BTreeSet<String>) {
    let store = store(data);
    let mut jobs = store.prepare("SELECT id FROM jobs").unwrap();
    let jobs = jobs.query_map([], |row| row.get(0)).unwrap();
    assert_eq!(jobs.collect::<Result<BTreeSet<String>, _>>().unwrap(), accepted);
}

/// Whoever is to be told of a job's end is told of it, perhaps more than once, and of no other end.
fn check_callouts(data: &Path, receiver: &Receiver) {
    let store = store(data);
    let mut jobs = store.prepare("SELECT id || '/' || state FROM jobs").unwrap();
    let ends = jobs.query_map([], |row| row.get(0)).unwrap().collect::<Result<BTreeSet<String>, _>>().unwrap();
    let told = || -> BTreeSet<String> {
        let lines = receiver.lines();
        lines.iter().map(|line| line.split([' ', '?']).nth(1).unwrap().trim_start_matches('/').to_lowercase()).collect()
    };
    wait_until(|| told().len() >= ends.len());
    assert_eq!(told(), ends);
}

/// What is published is on the disk, whole, and was written by its job's last attempt; what is not is not.
fn check_files(data: &Path) {
    let store = store(data);
    let sql =
        "SELECT f.path, f.bytes, f.sha256, j.id || '/' || j.attempt || '/' FROM files f JOIN jobs j ON j.id = f.job";
    let mut files = store.prepare(sql).unwrap();
    let results = data.join("results");
    let check = |row: &rusqlite::Row<'_>| {
        let (path, bytes, sha256, attempt): (String, i64, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        assert!(path.starts_with(&attempt), "{path} of another attempt than {attempt}");
        let mut content = Vec::new();
        std::fs::File::open(results.join(&path)).unwrap().read_to_end(&mut content).unwrap();
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((content.len() as i64, digest), (bytes, sha256), "{path}");
        Ok(results.join(path))
    };
    let published: BTreeSet<_> = files.query_map([], check).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(!published.is_empty());
    // The last server sweeps when it starts, and after each job.
    wait_until(|| files_below(&results).into_iter().collect::<BTreeSet<_>>() == published);
    let twice: i64 = store
        .query_row("SELECT count(*) FROM (SELECT job FROM increments GROUP BY job HAVING count(*) > 1)", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(twice, 0);
}
