//! Clients that read slowly, or stop: they must cost little, keep nobody waiting, and get their file whole all the same.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use aquifer::job::State;
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{crash, http::Request, server::Server};

/// Longer than what systems keep on its way between two of their processes.
const CELL: usize = 6 << 20;

/// A connection that has asked for a file, and has read the head of the answer.
struct Reader(TcpStream);

impl Reader {
    fn begin(url: &str, file: &str, authorization: &str) -> Reader {
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "GET /v1/files/{file} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
        Reader(stream)
    }

    /// The digest of all the rest.
    fn finish(mut self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match self.0.read(&mut buffer).unwrap() {
                0 => return hash.finalize().into(),
                read => hash.update(&buffer[..read]),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_keeps_nobody_waiting_and_gets_the_whole_file() {
    let mut server = Server::start().await;
    for id in [1, 2] {
        server.load_note(id, &"x".repeat(CELL));
    }
    let job = server.submit(&["select Notes from Account"]).await;
    let large = server.ended(job).await;
    let file = large.batches[0].output.as_ref().unwrap().files[0].clone();
    assert!(file.bytes > 2 * CELL as u64, "{}", file.bytes);
    let (url, authorization) = (server.running.url.clone(), format!("Bearer {}", server.token));
    let begin = move || (0..8).map(|_| Reader::begin(&url, &file.id.to_string(), &authorization)).collect::<Vec<_>>();
    let readers = tokio::task::spawn_blocking(begin).await.unwrap();

    // Loads, jobs and cancellations go on.
    server.load("Account", "Id,Name\n11111111111111111111111111111109,Late\n");
    let job = server.submit(&["select Id from Account"]).await;
    assert_eq!(server.ended(job).await.state, State::Completed);
    let (first, second) =
        (server.submit(&["select Id from Account"]).await, server.submit(&["select Id from Contact"]).await);
    server.cancel(second).await;
    server.ended(first).await;
    server.ended(second).await;

    // So does the purge. What has been begun is delivered, to the end.
    server.clock.advance(SignedDuration::from_hours(72));
    server.running.app.tidy().await.unwrap();
    assert_eq!(server.files(), [""; 0]);
    server.token = server.new_token().await;
    let gone = server.send(Request::new("GET", &format!("/v1/files/{}", file.id))).await;
    assert_eq!(gone.status, 404);
    let finish = || readers.into_iter().map(Reader::finish).collect::<Vec<_>>();
    for digest in tokio::task::spawn_blocking(finish).await.unwrap() {
        assert_eq!(aquifer::secret::hex(&digest), file.sha256);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_a_request_until_its_last_byte() {
    let server = Server::with(|config| config.tenant.limits.concurrent_requests = 2).await;
    server.load_note(1, &"x".repeat(2 * CELL));
    let job = server.submit(&["select Notes from Account"]).await;
    let file = server.ended(job).await.batches[0].output.as_ref().unwrap().files[0].id.to_string();
    let (url, authorization) = (server.running.url.clone(), format!("Bearer {}", server.token));
    let begin = move || [(); 2].map(|()| Reader::begin(&url, &file, &authorization));
    let readers = tokio::task::spawn_blocking(begin).await.unwrap();
    let other = async || server.send(Request::new("GET", "/v1/describe/Account")).await.status;
    assert_eq!(other().await, 429);
    let [first, second] = readers;
    tokio::task::spawn_blocking(|| first.finish()).await.unwrap();
    // The server notices a moment later.
    while other().await != 200 {}
    drop(second);
    server.stop().await;
}

/// In a process of its own, whose memory is nobody else's.
#[cfg(target_os = "linux")]
#[test]
fn who_reads_slowly_costs_less_than_a_mebibyte() {
    const READERS: u64 = 50;
    let folder = tempfile::tempdir().unwrap();
    crash::load(&crash::accounts(0..8000), folder.path());
    let server = crash::Server::start(folder.path(), &crash::client(folder.path()));
    let query = json!([{ "query": "select Notes from Account", "type": "zoqlexport" }]);
    let job = server.submit_job(&json!({ "nullReplacement": "x".repeat(4_000), "queries": query }));
    let file = server.end_of(&job)["batches"][0]["fileId"].as_str().unwrap().to_owned();
    let fetch = || Reader::begin(&server.url, &file, &server.authorization).finish();
    let digest = fetch();

    let before = memory(server.child.id());
    let readers: Vec<Reader> = (0..READERS).map(|_| Reader::begin(&server.url, &file, &server.authorization)).collect();
    // What goes past them takes longer than it takes to fill their connections.
    for _ in 0..4 {
        assert_eq!(fetch(), digest);
    }
    let grown = memory(server.child.id()).saturating_sub(before);
    assert!(grown < READERS << 20, "{} KiB for each reader", (grown / READERS) >> 10);
    drop(readers);
    server.kill();
}

/// What a process has in memory apart from pages of files, in bytes.
#[cfg(target_os = "linux")]
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
