//! The real binary, killed at any moment, twenty times in a load and twenty times in a job; `AQUIFER_KILLS=500` kills more
//! often.
//!
//! The moments are chosen by what the process has done (bytes it has taken, files it has written), never by the clock.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::receiver::Receiver;

/// A number that is set for this run, or its default.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn kills() -> u64 {
    number("AQUIFER_KILLS", 20)
}

/// Numbers that look random and are the same in every run (Steele, Lea and Flood's SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

pub fn aquifer(args: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.args(args).arg("--data").arg(data).env_remove("AQUIFER_URL");
    command
}

pub fn accounts(range: std::ops::Range<i64>) -> String {
    let name = "A name long enough that the log of a load fills";
    range.fold("Id,Name,AccountNumber,Balance\n".to_owned(), |csv, at| {
        csv + &format!("8ad0{at:028x},{name} {at},A-{at:08},{at}.5\n")
    })
}

pub fn load(csv: &str, data: &Path) {
    let mut child =
        aquifer(&["load", "Account", "-"], data).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(csv.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Live and deleted accounts, read from the file itself; and that the file is whole.
fn stored(data: &Path) -> i64 {
    let path = data.join("tenants/default/data.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.create_collation("decimal", str::cmp).unwrap();
    let whole: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let (loads, rows): (i64, i64) = connection
        .query_row("SELECT (SELECT count(*) FROM _load), (SELECT count(*) FROM Account)", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let indexed: i64 = connection
        .query_row("SELECT count(*) FROM Account INDEXED BY \"Account.Id\" WHERE Id >= ''", [], |row| row.get(0))
        .unwrap();
    assert_eq!(indexed, rows, "the indexes are there, and whole");
    assert_eq!(loads > 0, rows > 0, "a load without rows, or rows without a load");
    rows
}

#[test]
fn a_load_that_is_killed_never_was() {
    const BASE: i64 = 1_000;
    const MORE: i64 = 12_000;
    let mut random = Random(1);
    let mut finished = 0;
    for round in 0..kills() {
        let folder = tempfile::tempdir().unwrap();
        // In every other round the object is empty, and its indexes are built at the end.
        let base = if round % 2 == 0 { BASE } else { 0 };
        if base > 0 {
            load(&accounts(0..base), folder.path());
        }
        let csv = accounts(base..base + MORE);
        let mut child = aquifer(&["load", "Account", "-"], folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        if round < kills() / 2 {
            // In the middle of the rows: a pipe holds little, so nearly all that was written has been taken.
            let taken = random.below(csv.len() as u64) as usize;
            pipe.write_all(&csv.as_bytes()[..taken]).unwrap();
            child.kill().unwrap();
        } else {
            // In the end game: the last rows, the indexes, the commit, what comes after it.
            pipe.write_all(csv.as_bytes()).unwrap();
            drop(pipe);
            let log = folder.path().join("tenants/default/data.sqlite-wal");
            let grown = random.below(4_000_000);
            while child.try_wait().unwrap().is_none() && log.metadata().map_or(0, |log| log.len()) < grown {
                std::thread::yield_now();
            }
            let _ = child.kill();
        }
        child.wait().unwrap();

        let rows = stored_or_nothing(folder.path());
        assert!(rows == base || rows == base + MORE, "round {round}: {rows} rows, of {base} and {MORE} more");
        finished += u64::from(rows > base);
        // And what was killed can be done again.
        load(&csv, folder.path());
        assert_eq!(stored(folder.path()), base + MORE, "round {round}");
    }
    assert!(finished < kills(), "no kill came in time");
}

/// A process may die before it has made the file.
fn stored_or_nothing(data: &Path) -> i64 {
    let path = data.join("tenants/default/data.sqlite");
    let made = path.is_file() && {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.prepare("SELECT * FROM _load").is_ok()
    };
    if made { stored(data) } else { 0 }
}

/// Makes a client; what it sends as `Authorization`.
pub fn client(data: &Path) -> String {
    let created = aquifer(&["client", "create", "crash", "--json"], data).output().unwrap();
    let client: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A server in a process of its own.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub authorization: String,
}

impl Server {
    pub fn start(data: &Path, client: &str) -> Server {
        Server::start_with(data, client, &[])
    }

    /// With settings, as in the environment.
    pub fn start_with(data: &Path, client: &str, settings: &[(&str, &str)]) -> Server {
        let mut command = aquifer(&["serve", "--listen", "127.0.0.1:0"], data);
        command.env("AQUIFER_CALLOUT__ALLOW", "127.0.0.1");
        command.envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        // The log must be taken, or the server waits.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Server { child, url, authorization: client.to_owned() }
    }

    pub fn get(&self, path: &str) -> ureq::http::Response<ureq::Body> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(format!("{}{path}", self.url)).header("Authorization", &self.authorization).call().unwrap()
    }

    fn json(&self, path: &str) -> serde_json::Value {
        self.get(path).body_mut().read_json().unwrap()
    }

    fn submit(&self, query: &str, notify_url: &str) -> String {
        self.submit_job(&serde_json::json!({
            "format": "csv",
            "version": "1.0",
            "queries": [{"query": query, "type": "zoqlexport"}],
            "notifyUrl": notify_url,
        }))
    }

    pub fn submit_job(&self, job: &serde_json::Value) -> String {
        let mut answer = ureq::post(format!("{}/v1/batch-query", self.url))
            .header("Authorization", &self.authorization)
            .send_json(job);
        let answer: serde_json::Value = answer.as_mut().unwrap().body_mut().read_json().unwrap();
        answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Waits for the end of a job: each question is answered when the server gets to it.
    pub fn end_of(&self, job: &str) -> serde_json::Value {
        loop {
            let status = self.json(&format!("/v1/batch-query/jobs/{job}"));
            if status["terminal"] == true {
                return status;
            }
        }
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn bytes_below(folder: &Path) -> u64 {
    files_below(folder).iter().map(|path| path.metadata().map_or(0, |file| file.len())).sum()
}

#[test]
fn a_job_whose_server_is_killed_is_done_by_the_next_one() {
    const ROWS: i64 = 60_000;
    let folder = tempfile::tempdir().unwrap();
    load(&accounts(0..ROWS), folder.path());
    let authorization = client(folder.path());
    let results = folder.path().join("results");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::start(&[]));
    let notify_url = format!("{}/${{JOBID}}", receiver.url);
    let query = "select * from Account";

    let mut random = Random(2);
    let mut expected = None;
    let mut interrupted = 0;
    let mut jobs = Vec::new();
    for round in 0..kills() {
        let server = Server::start(folder.path(), &authorization);
        let before = bytes_below(&results);
        let job = server.submit(query, &notify_url);
        jobs.push(format!("GET /{job} HTTP/1.1"));
        // Some die at once, some when a part of the file is there, some when all of it is.
        let grown = match round % 4 {
            0 => 0,
            _ => random.below(expected.map_or(4_000_000, |(_, bytes)| bytes)),
        };
        while bytes_below(&results) < before + grown && !is_over(&server, &job) {}
        interrupted += u64::from(!is_over(&server, &job));
        server.kill();

        let server = Server::start(folder.path(), &authorization);
        let status = server.end_of(&job);
        assert_eq!(status["status"], "completed", "round {round}: {status}");
        let file = status["batches"][0]["fileId"].as_str().unwrap();
        assert_eq!(status["batches"][0]["recordCount"], ROWS, "round {round}");
        let mut body = Vec::new();
        server.get(&format!("/v1/files/{file}")).into_body().into_reader().read_to_end(&mut body).unwrap();
        let digest = Sha256::digest(&body);
        let (first, _) = expected.get_or_insert((digest, body.len() as u64));
        assert_eq!(digest, *first, "round {round}: the file is another one");
        server.kill();
    }
    assert!(interrupted > 0, "no kill came in time");

    // What the killed ones have left is swept by the next start, and was never served: only published files have an id.
    let server = Server::start(folder.path(), &authorization);
    let job = server.submit("select Id from Account limit 1", &notify_url);
    server.end_of(&job);
    while files_below(&results).len() as u64 > kills() + 1 {}
    // And whoever was to be told of a job's end has been, or is now.
    while !jobs.iter().all(|job| receiver.lines().contains(job)) {
        std::thread::yield_now();
    }
}

fn is_over(server: &Server, job: &str) -> bool {
    server.json(&format!("/v1/batch-query/jobs/{job}"))["terminal"] == true
}
