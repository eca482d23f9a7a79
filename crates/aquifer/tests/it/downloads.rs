//! `aquifer files` against servers that cut connections, change files, lie, or know little, and killed in the middle.

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    num::NonZeroUsize,
    ops::Range,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use aquifer::client::{Client, Credentials, download::Downloads, interrupt::Interrupt};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::client::{assert_exit, stdout};

const MIB: usize = 1 << 20;

/// Three pieces, the last one shorter.
const LONG: usize = 40 * MIB;

/// A file as the server has it.
#[derive(Clone)]
struct Version {
    bytes: Arc<Vec<u8>>,
    digest: String,
    /// Without, the server knows neither ranges nor digests, as the original does not.
    etag: Option<&'static str>,
}

/// One request for a file.
struct Asked {
    file: String,
    range: Option<Range<usize>>,
}

/// How one request is answered.
struct Reply {
    version: Version,
    /// Bytes after which nothing more is sent.
    cut: Option<usize>,
    /// Who has to come before the connection is closed.
    close: Option<Arc<Crowd>>,
}

fn version(seed: u64, length: usize, etag: Option<&'static str>) -> Version {
    // No two blocks are alike: a byte in a wrong place is seen.
    let blocks =
        (0..length.div_ceil(4096) as u64).map(|at| [seed, at].map(u64::to_le_bytes).as_flattened().repeat(256));
    let mut bytes = blocks.collect::<Vec<_>>().concat();
    bytes.truncate(length);
    Version { digest: BASE64_STANDARD.encode(Sha256::digest(&bytes)), bytes: Arc::new(bytes), etag }
}

fn whole(version: &Version) -> Option<Reply> {
    Some(Reply { version: version.clone(), cut: None, close: None })
}

/// A server of one completed job, on threads of this process.
struct Fake {
    url: String,
    /// The ranges that were asked for; none for whole files.
    asked: Arc<Mutex<Vec<Option<Range<usize>>>>>,
}

impl Fake {
    /// `answer` may take its time; without a reply the file is unknown.
    fn start(
        files: &[&str],
        manifest: Option<&str>,
        answer: impl Fn(&Asked) -> Option<Reply> + Send + Sync + 'static,
    ) -> Fake {
        let batches: Vec<_> = files.iter().map(|file| serde_json::json!({"name": file, "fileId": file})).collect();
        let job = serde_json::json!({"id": "j", "status": "completed", "format": "csv", "batches": batches});
        let documents: HashMap<&str, String> = [
            ("GET /v1/batch-query/jobs/j ", Some(job.to_string())),
            ("GET /v1/batch-query/jobs/j/manifest ", manifest.map(str::to_owned)),
        ]
        .into_iter()
        .filter_map(|(line, document)| Some((line, document?)))
        .collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let fake = Fake { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
        let (asked, answer) = (fake.asked.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (documents, asked, answer) = (documents.clone(), asked.clone(), answer.clone());
                // A client that is gone is no fault.
                thread::spawn(move || serve(stream.unwrap(), &documents, &asked, &*answer).unwrap_or_default());
            }
        });
        fake
    }

    fn command(&self, out: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
        let server = ["--url", &self.url, "--user", "u", "--password", "p"];
        command.args(["files", "j", "--out"]).arg(out).args(server).env("XDG_CONFIG_HOME", out);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn files(&self, out: &Path, args: &[&str]) -> Output {
        self.command(out).args(args).output().unwrap()
    }

    fn ranges(&self) -> Vec<Range<usize>> {
        self.asked.lock().unwrap().iter().flatten().cloned().collect()
    }
}

fn serve(
    mut stream: TcpStream,
    documents: &HashMap<&str, String>,
    asked: &Mutex<Vec<Option<Range<usize>>>>,
    answer: &dyn Fn(&Asked) -> Option<Reply>,
) -> std::io::Result<()> {
    let head = head(&mut stream)?;
    let header = |name: &str| head.lines().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
    if let Some((_, document)) = documents.iter().find(|(line, _)| head.starts_with(**line)) {
        return send(&mut stream, "200 OK", "", document.as_bytes());
    }
    let Some((file, _)) = head.strip_prefix("GET /v1/files/").and_then(|rest| rest.split_once(' ')) else {
        return send(&mut stream, "404 Not Found", "", b"{}");
    };
    let range = header("range: bytes=").map(|range| {
        let (first, last) = range.split_once('-').unwrap();
        first.parse().unwrap()..last.parse::<usize>().unwrap() + 1
    });
    asked.lock().unwrap().push(range.clone());
    let Some(Reply { version, cut, close }) = answer(&Asked { file: file.to_owned(), range: range.clone() }) else {
        return send(&mut stream, "404 Not Found", "", b"{\"message\": \"gone\"}");
    };
    let length = version.bytes.len();
    let mut told = String::new();
    if let Some(etag) = version.etag {
        told += &format!("ETag: {etag}\r\nAccept-Ranges: bytes\r\nRepr-Digest: sha-256=:{}:\r\n", version.digest);
    }
    let is_of_this = version.etag.is_some_and(|etag| header("if-range: ").as_deref() == Some(etag));
    let (status, sent) = match range.filter(|_| is_of_this) {
        Some(range) => {
            told += &format!("Content-Range: bytes {}-{}/{length}\r\n", range.start, range.end - 1);
            ("206 Partial Content", range)
        }
        None => ("200 OK", 0..length),
    };
    let body = &version.bytes[sent];
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{told}\r\n", body.len())?;
    stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])?;
    close.inspect(|crowd| assert!(crowd.wait()));
    Ok(())
}

fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8(head).unwrap())
}

fn send(stream: &mut TcpStream, status: &str, told: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{told}\r\n", body.len())?;
    stream.write_all(body)
}

/// Lets nobody pass before there are as many as that, and remembers how many there were at one time.
struct Crowd {
    wanted: usize,
    there: Mutex<usize>,
    came: Condvar,
}

impl Crowd {
    fn of(wanted: usize) -> Crowd {
        Crowd { wanted, there: Mutex::new(0), came: Condvar::new() }
    }

    /// Comes, and waits for the others. False if they do not come.
    fn gather(&self) -> bool {
        *self.there.lock().unwrap() += 1;
        self.came.notify_all();
        self.wait()
    }

    fn is_there(&self) -> bool {
        *self.there.lock().unwrap() >= self.wanted
    }

    fn wait(&self) -> bool {
        let there = self.there.lock().unwrap();
        let waited = self.came.wait_timeout_while(there, Duration::from_secs(20), |there| *there < self.wanted);
        !waited.unwrap().1.timed_out()
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is(path: &Path, version: &Version) -> bool {
    fs::read(path).unwrap() == *version.bytes
}

#[test]
fn pieces_of_a_long_file_come_at_one_time() {
    let long = version(1, LONG, Some("\"v1\""));
    let (served, crowd) = (long.clone(), Crowd::of(2));
    let fake =
        Fake::start(&["long"], None, move |asked| whole(&served).filter(|_| asked.range.is_none() || crowd.gather()));
    let dir = tempfile::tempdir().unwrap();
    let output = fake.files(dir.path(), &[]);
    assert_exit(&output, 0);
    assert!(is(&dir.path().join("long.csv"), &long));
    assert_eq!(names(dir.path()), ["long.csv"], "nothing else is left");
    let mut ranges = fake.ranges();
    ranges.sort_by_key(|range| range.start);
    assert_eq!(ranges, [16 * MIB..32 * MIB, 32 * MIB..LONG], "the first piece needs no request of its own");

    // It is there now: only asked for, and not fetched again.
    assert_exit(&fake.files(dir.path(), &[]), 0);
    assert_eq!(fake.ranges().len(), 2);
}

#[test]
fn files_come_at_one_time_but_not_more_than_connections() {
    let files = ["a", "b", "c", "d"];
    let small = version(2, 1000, Some("\"v1\""));
    for (connections, at_once) in [("2", 2), ("1", 1)] {
        let (served, crowd) = (small.clone(), Crowd::of(at_once));
        let (working, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let seen = most.clone();
        let fake = Fake::start(&files, None, move |_| {
            seen.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let came = crowd.gather();
            working.fetch_sub(1, Ordering::SeqCst);
            whole(&served).filter(|_| came)
        });
        let dir = tempfile::tempdir().unwrap();
        let output = fake.files(dir.path(), &["--connections", connections]);
        assert_exit(&output, 0);
        assert_eq!(stdout(&output).lines().count(), 4);
        assert_eq!(names(dir.path()), ["a.csv", "b.csv", "c.csv", "d.csv"]);
        assert_eq!(most.load(Ordering::SeqCst), at_once);
    }
}

#[test]
fn what_is_cut_off_goes_on_where_it_was_cut() {
    let long = version(3, LONG, Some("\"v1\""));
    let (served, cuts) = (long.clone(), AtomicUsize::new(4));
    let fake = Fake::start(&["long"], None, move |_| {
        let is_cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Some(Reply { version: served.clone(), cut: is_cut.then_some(5 * MIB + 17), close: None })
    });
    let dir = tempfile::tempdir().unwrap();
    assert_exit(&fake.files(dir.path(), &[]), 0);
    assert!(is(&dir.path().join("long.csv"), &long));
    assert_eq!(names(dir.path()), ["long.csv"]);
    let ranges = fake.ranges();
    assert!(ranges.contains(&(5 * MIB + 17..16 * MIB)), "{ranges:?}");
    let again = |range: &Range<usize>| ranges.iter().filter(|other| other.start == range.start).count() > 1;
    assert!(!ranges.iter().any(again), "no byte comes twice: {ranges:?}");
}

#[test]
fn two_versions_are_never_mixed() {
    let (old, new) = (version(4, LONG, Some("\"old\"")), version(5, LONG, Some("\"new\"")));
    let (begun, then) = (old.clone(), new.clone());
    let requests = AtomicUsize::new(0);
    // It changes in the middle: the ranges of the first version are answered with all of the second.
    let fake = Fake::start(&["long"], None, move |_| match requests.fetch_add(1, Ordering::SeqCst) {
        0 => whole(&begun),
        _ => whole(&then),
    });
    let dir = tempfile::tempdir().unwrap();
    assert_exit(&fake.files(dir.path(), &[]), 0);
    assert!(is(&dir.path().join("long.csv"), &new));
    assert_eq!(names(dir.path()), ["long.csv"]);
}

#[test]
fn who_reads_along_does_not_notice_a_cut() {
    let file = version(11, 3 * MIB, Some("\"v1\""));
    let (served, cuts) = (file.clone(), AtomicUsize::new(2));
    let fake = Fake::start(&["file"], None, move |_| {
        let is_cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Some(Reply { version: served.clone(), cut: is_cut.then_some(MIB), close: None })
    });
    let client = Client::new(&fake.url, Credentials::Basic { user: String::new(), password: String::new() });
    let interrupt = Interrupt::listen().unwrap();
    let mut read = Vec::new();
    Downloads::new(&client, &interrupt, NonZeroUsize::MIN).stream("file", &mut read).unwrap();
    assert!(read == *file.bytes);
    assert_eq!(fake.ranges(), [MIB..3 * MIB, 2 * MIB..3 * MIB]);
}

#[test]
fn from_the_original_a_file_comes_in_one_piece() {
    let plain = version(6, 3 * MIB, None);
    let (served, cuts) = (plain.clone(), AtomicUsize::new(2));
    let fake = Fake::start(&["plain"], None, move |_| {
        let is_cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Some(Reply { version: served.clone(), cut: is_cut.then_some(MIB), close: None })
    });
    let dir = tempfile::tempdir().unwrap();
    assert_exit(&fake.files(dir.path(), &[]), 0);
    assert!(is(&dir.path().join("plain.csv"), &plain));
    assert_eq!(names(dir.path()), ["plain.csv"]);
    assert_eq!(*fake.asked.lock().unwrap(), [None, None, None], "from the start each time");
}

#[test]
fn without_a_digest_a_file_that_is_there_is_fetched_again() {
    let (old, new) = (version(12, 1000, None), version(13, 1000, None));
    let (then, now, requests) = (old.clone(), new.clone(), AtomicUsize::new(0));
    let fake = Fake::start(&["f"], None, move |_| match requests.fetch_add(1, Ordering::SeqCst) {
        0 => whole(&then),
        _ => whole(&now),
    });
    let dir = tempfile::tempdir().unwrap();
    for served in [old, new] {
        assert_exit(&fake.files(dir.path(), &[]), 0);
        assert!(is(&dir.path().join("f.csv"), &served), "of the same length, and another file");
    }
}

#[test]
fn a_file_that_is_not_what_was_said_gets_no_name() {
    let mut wrong = version(7, 1000, Some("\"v1\""));
    wrong.digest = version(8, 1000, None).digest;
    let right = version(7, 1000, Some("\"v1\""));
    let manifest = |bytes| {
        let file = serde_json::json!({"fileId": "f", "name": "f.csv", "bytes": bytes, "sha256": "00".repeat(32)});
        serde_json::json!({"batches": [{"files": [file]}]}).to_string()
    };
    for (served, manifest) in [(wrong, None), (right.clone(), Some(manifest(1000))), (right, Some(manifest(999)))] {
        let fake = Fake::start(&["f"], manifest.as_deref(), move |_| whole(&served));
        let dir = tempfile::tempdir().unwrap();
        let output = fake.files(dir.path(), &[]);
        assert_exit(&output, 5);
        assert!(String::from_utf8_lossy(&output.stderr).contains("SHA-256"), "{output:?}");
        assert!(names(dir.path()).iter().all(|name| name == "manifest.json"), "{:?}", names(dir.path()));
    }
}

#[test]
fn one_file_that_is_gone_keeps_no_other_back() {
    let small = version(9, 1000, Some("\"v1\""));
    let fake = Fake::start(&["a", "b", "c"], None, move |asked| whole(&small).filter(|_| asked.file != "b"));
    let dir = tempfile::tempdir().unwrap();
    let output = fake.files(dir.path(), &["--connections", "1"]);
    assert_exit(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("b.csv: "), "{output:?}");
    assert_eq!(names(dir.path()), ["a.csv", "c.csv"]);
}

#[test]
fn the_manifest_is_there_though_a_file_is_gone_and_says_which() {
    let small = version(9, 1000, Some("\"v1\""));
    let sha256: String = Sha256::digest(&*small.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let entry = |file| serde_json::json!({"fileId": file, "name": "x", "bytes": 1000, "sha256": sha256});
    let manifest = serde_json::json!({"batches": [{"files": [entry("a"), entry("b")]}]}).to_string();
    let fake = Fake::start(&["a", "b"], Some(&manifest), move |asked| whole(&small).filter(|_| asked.file != "b"));
    let dir = tempfile::tempdir().unwrap();
    assert_exit(&fake.files(dir.path(), &[]), 2);
    assert_eq!(names(dir.path()), ["a.csv", "manifest.json"]);
    let verified = Command::new(env!("CARGO_BIN_EXE_aquifer")).arg("verify").arg(dir.path()).output().unwrap();
    assert_exit(&verified, 1);
    assert_eq!(stdout(&verified), "a.csv: ok\nb.csv: missing\n");
}

#[test]
fn a_download_that_is_killed_is_continued_by_the_next() {
    let long = version(10, LONG, Some("\"v1\""));
    let (served, killed) = (long.clone(), Arc::new(Crowd::of(1)));
    let kill = killed.clone();
    // The first process gets some of each piece, and then nothing more.
    let fake = Fake::start(&["long"], None, move |_| {
        if kill.is_there() {
            return whole(&served);
        }
        Some(Reply { version: served.clone(), cut: Some(5 * MIB), close: Some(kill.clone()) })
    });
    let dir = tempfile::tempdir().unwrap();
    let mut child = fake.command(dir.path()).spawn().unwrap();
    let notes = dir.path().join("long.csv.long.part.got");
    while noted(&notes) < 12 * MIB {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(killed.gather());
    let kept = noted(&notes);
    assert!(!dir.path().join("long.csv").exists());

    fake.asked.lock().unwrap().clear();
    assert_exit(&fake.files(dir.path(), &[]), 0);
    assert!(is(&dir.path().join("long.csv"), &long));
    assert_eq!(names(dir.path()), ["long.csv"]);
    let fetched: usize = fake.ranges().iter().map(ExactSizeIterator::len).sum();
    assert_eq!(fetched + kept, LONG, "what was there is not fetched again");
}

/// How many bytes a process has noted to be there.
fn noted(notes: &Path) -> usize {
    let notes = fs::read_to_string(notes).unwrap_or_default();
    let range = |line: &str| {
        Some(line.split_once(' ')?.1.parse::<usize>().ok()? - line.split_once(' ')?.0.parse::<usize>().ok()?)
    };
    notes.lines().skip(1).filter_map(range).sum()
}
