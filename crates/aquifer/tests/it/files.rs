//! Result files as their readers meet them: unpacked, coded in transfer, verified and continued.

use std::{
    fs, future,
    io::{self, Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use axum::serve::Listener;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
    sync::{mpsc, oneshot},
};

use crate::{
    client::{aquifer, assert_exit, run, stdout},
    crash::Random,
    http::{Answer, Request},
    server::Server,
};

const ROWS: &str = "Account.Name\nÄrzte AG\n\"Smith, Sons\"\nZeta\n";

/// A job of one query that has ended, and the id of its first file.
pub async fn file(server: &Server, document: Value) -> String {
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(document.to_string())).await.json();
    let job = answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap();
    server.ended(job).await;
    let batch = &server.status(job).await["batches"][0];
    let id = batch.get("fileId").unwrap_or_else(|| &batch["segments"][0]);
    id.as_str().unwrap_or_else(|| panic!("{batch}")).to_owned()
}

fn names(format: &str) -> Value {
    let query = json!({ "name": "a/b: names", "query": "select Name from Account order by Id" });
    json!({ "format": format, "useQueryLabels": true, "queries": [query] })
}

pub async fn get(server: &Server, file: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::new("GET", &format!("/v1/files/{file}"));
    server.send(headers.iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

pub fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_file_holds_the_csv() {
    for level in ["1", "9"] {
        let server = Server::with(|config| {
            config.tenant.files.compression_level = level.parse::<u8>().unwrap().try_into().unwrap()
        })
        .await;
        let file = file(&server, names("gzip")).await;
        let answer = get(&server, &file, &[("Accept-Encoding", "gzip")]).await;
        assert_eq!(answer.header("Content-Length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(gunzip(&answer.body), ROWS);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_file_holds_one_csv_named_by_its_query() {
    let server = Server::with(|config| {
        config.tenant.files.segment = aquifer::config::Segment::Always;
        config.tenant.files.segment_rows = 2.try_into().unwrap();
    })
    .await;
    let file = file(&server, names("zip")).await;
    let archive = get(&server, &file, &[]).await.body;
    assert_eq!(unzip(&archive), "a_b_ names.csv\nAccount.Name\nÄrzte AG\n\"Smith, Sons\"\n");
    server.stop().await;
}

/// The names and contents in an archive, as a reader that is not ours sees them.
fn unzip(archive: &[u8]) -> String {
    let script = "import io, sys, zipfile\n\
                  with zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())) as archive:\n\
                  \x20   assert archive.testzip() is None\n\
                  \x20   for name in archive.namelist():\n\
                  \x20       sys.stdout.buffer.write(name.encode() + b'\\n' + archive.read(name))\n";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    python.stdin.take().unwrap().write_all(archive).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_coded_for_who_asks_and_then_has_no_ranges() {
    let server = Server::start().await;
    let query = json!({ "query": "select Notes from Account order by Id" });
    let document = json!({ "nullReplacement": "long ".repeat(800), "queries": [query] });
    let file = file(&server, document).await;

    let plain = get(&server, &file, &[("Accept-Encoding", "identity")]).await;
    assert_eq!(plain.header("Content-Encoding"), None);
    assert_eq!(plain.header("Content-Length"), Some(plain.body.len().to_string().as_str()));
    let etag = plain.header("ETag").unwrap();

    let head = Request::new("HEAD", &format!("/v1/files/{file}")).header("Accept-Encoding", "gzip");
    let head = server.send(head).await;
    for name in ["Content-Length", "Content-Encoding", "ETag", "Accept-Ranges", "Repr-Digest"] {
        assert_eq!(head.header(name), plain.header(name), "{name} of the head alone");
    }

    let coded = get(&server, &file, &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(coded.header("Content-Encoding"), Some("gzip"));
    assert_eq!(coded.header("Content-Type"), Some("text/csv;charset=UTF-8"));
    for absent in ["Content-Length", "Accept-Ranges", "Repr-Digest"] {
        assert_eq!(coded.header(absent), None, "{absent}");
    }
    let weak = coded.header("ETag").unwrap();
    assert_eq!(weak, format!("W/{etag}"));
    assert!(coded.body.len() < plain.body.len() / 10);
    assert_eq!(gunzip(&coded.body), plain.text());
    assert_eq!(get(&server, &file, &[("If-None-Match", weak)]).await.status, 304);

    // A range is one of the plain bytes, whatever codings the client knows.
    let range = get(&server, &file, &[("Accept-Encoding", "gzip"), ("Range", "bytes=100-199")]).await;
    assert_eq!((range.status, range.header("Content-Encoding")), (206, None));
    assert_eq!(range.body, plain.body[100..200]);
    // Ranges of a weak tag's bytes cannot be put together, so it is all of them.
    let whole = get(&server, &file, &[("Range", "bytes=100-199"), ("If-Range", weak)]).await;
    assert_eq!((whole.status, whole.body == plain.body), (200, true));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_split_into_ranges_is_the_file() {
    let server = Server::start().await;
    let mut random = Random(3);
    // A short file cut anywhere; one of many chunks of the server's, cut at a few places.
    let query = json!({ "query": "select Notes from Account" });
    server.load_note(1, &"0123456789".repeat(80_000));
    let long = json!({ "queries": [query] });
    for (document, rounds, cuts) in [(names("gzip"), 10, 20), (long, 10, 5)] {
        let file = file(&server, document).await;
        let whole = get(&server, &file, &[]).await.body;
        for _ in 0..rounds {
            let length = whole.len() as u64;
            let mut ends: Vec<u64> = (0..random.below(cuts)).map(|_| 1 + random.below(length - 1)).collect();
            ends.sort_unstable();
            ends.dedup();
            let mut pieces = Vec::new();
            for end in ends {
                let range = format!("bytes={}-{}", pieces.len(), end - 1);
                pieces.extend(get(&server, &file, &[("Range", &range)]).await.body);
            }
            let rest = match random.below(2) {
                0 => format!("bytes={}-", pieces.len()),
                _ => format!("bytes=-{}", whole.len() - pieces.len()),
            };
            let last = get(&server, &file, &[("Range", &rest)]).await;
            assert_eq!(last.status, 206);
            pieces.extend(last.body);
            assert!(pieces == whole);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_are_verified_against_the_manifest() {
    let server = Server::start().await;
    fs::write(server.dir.path().join("job.json"), names("gzip").to_string()).unwrap();
    assert_exit(&run(aquifer(&server, &["submit", "job.json", "--out", "got"])).await, 0);
    let saved = server.dir.path().join("got/a_b_ names.csv.gz");
    let bytes = fs::read(&saved).unwrap();

    assert_eq!(verify(&server, 0).await, "a_b_ names.csv.gz: ok\n");
    fs::write(&saved, &bytes[1..]).unwrap();
    let length = bytes.len();
    assert_eq!(verify(&server, 1).await, format!("a_b_ names.csv.gz: {} bytes instead of {length}\n", length - 1));
    let mut other = bytes.clone();
    other[length / 2] ^= 1;
    fs::write(&saved, other).unwrap();
    assert_eq!(verify(&server, 1).await, "a_b_ names.csv.gz: other bytes than were sent\n");
    fs::remove_file(&saved).unwrap();
    assert_eq!(verify(&server, 1).await, "a_b_ names.csv.gz: missing\n");

    // Nothing outside the directory is looked at.
    let manifest = server.dir.path().join("got/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("a_b_ names.csv.gz", "../job.json")).unwrap();
    assert_eq!(verify(&server, 1).await, "");
    server.stop().await;
}

async fn verify(server: &Server, code: i32) -> String {
    let output = run(aquifer(server, &["verify", "got"])).await;
    assert_exit(&output, code);
    stdout(&output).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_broke_off_is_continued_and_checked() {
    let server = Server::start().await;
    let file = file(&server, names("csv")).await;
    let published = server.running.app.store.file("default", file.parse().unwrap()).await.unwrap().unwrap();
    let (job, sha256) = (published.job.to_string(), published.sha256);
    let got = server.dir.path().join("got");
    fs::create_dir(&got).unwrap();
    let part = got.join(format!("a_b_ names.csv.{file}.part"));
    // Its beginning; something else of that length; more than there is.
    for begun in [&ROWS[..20], &"x".repeat(20), &ROWS.repeat(2)] {
        fs::write(&part, begun).unwrap();
        let notes = format!("\"{sha256}\" {}\n0 {}\n", ROWS.len(), begun.len());
        fs::write(part.with_extension("part.got"), notes).unwrap();
        assert_exit(&run(aquifer(&server, &["files", &job, "--out", "got"])).await, 0);
        let saved = got.join("a_b_ names.csv");
        assert_eq!(fs::read_to_string(&saved).unwrap(), ROWS);
        assert_eq!(files_in(&got), ["a_b_ names.csv", "manifest.json"]);
        fs::remove_file(saved).unwrap();
    }
    server.stop().await;
}

fn files_in(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_broke_off_and_went_on_is_whole() {
    const ENOUGH: usize = 100_000;
    let server = Server::start().await;
    // More than the buffers between us hold.
    server.load_note(1, &"x".repeat(200 * ENOUGH));
    let document = json!({
        "version": "1.1", "partner": "acme", "project": "p", "queries": [{ "query": "select Notes from Account" }],
    });
    let file = file(&server, document).await;
    let mut stream = TcpStream::connect(server.running.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("GET /v1/files/{file} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", server.token);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_exact(&mut vec![0; 2 * ENOUGH]).await.unwrap();
    drop(stream);

    let delivered = async || {
        let list = server.send(Request::new("GET", "/v1/batch-query/sessions/acme/p")).await.json();
        list["increments"][0]["delivered"].as_bool().unwrap()
    };
    assert!(!delivered().await);
    let rest = get(&server, &file, &[("Range", &format!("bytes={ENOUGH}-"))]).await;
    assert_eq!(rest.status, 206);
    // The server may yet have to notice that the first connection is gone.
    while !delivered().await {}
    server.stop().await;
}

/// Connections on which little is on its way at one time: what has not been read, the system has hardly taken.
struct Narrow(mpsc::Receiver<DuplexStream>);

impl Listener for Narrow {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks for a file, reads the head of the answer or all of it, and is gone. Returns when the server has noticed.
async fn download(server: &Server, file: &str, coding: &str, reads_all: bool) {
    let (connect, connections) = mpsc::channel(1);
    let (close, closing) = oneshot::channel::<()>();
    let service = aquifer::http::service(server.running.app.clone());
    let serving = tokio::spawn(aquifer::http::serve(Narrow(connections), service, async { drop(closing.await) }));
    let (mut stream, other_end) = tokio::io::duplex(64);
    connect.send(other_end).await.unwrap();
    let authorization = format!("Authorization: Bearer {}\r\nAccept-Encoding: {coding}", server.token);
    let head = format!("GET /v1/files/{file} HTTP/1.1\r\nHost: a\r\n{authorization}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // And the first byte of the body: by then the server has read the file.
    while !answer[..answer.len().max(1) - 1].ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    if reads_all {
        stream.read_to_end(&mut answer).await.unwrap();
    }
    drop(stream);
    close.send(()).unwrap();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_has_not_received_its_file_and_one_that_reads_it_has() {
    let server = Server::start().await;
    let mut random = Random(7);
    // So that it stays long when it is packed.
    let noise: String = (0..10_000).map(|_| char::from(b'0' + random.below(64) as u8)).collect();
    server.load_note(9, &noise);
    for (number, coding) in ["identity", "gzip"].iter().enumerate() {
        let project = format!("p{number}");
        let document = json!({
            "version": "1.1", "partner": "acme", "project": project,
            "queries": [{ "query": "select Name, Notes from Account" }],
        });
        let file = file(&server, document).await;
        for reads_all in [false, true] {
            download(&server, &file, coding, reads_all).await;
            let path = format!("/v1/batch-query/sessions/acme/{project}");
            let list = server.send(Request::new("GET", &path)).await.json();
            assert_eq!(list["increments"][0]["delivered"], reads_all, "{coding}: {list}");
        }
    }
    server.stop().await;
}

/// A pair of keys for tests, of the writer's own tests.
pub fn key(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../export/tests/keys").join(name).display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_file_is_read_by_its_recipient() {
    let server = Server::start().await;
    let mut document = names("gzip");
    document["encrypted"] = json!("pgp");
    let submit = || Request::new("POST", "/v1/batch-query").body(document.to_string());
    let refused = server.send(submit()).await.json();
    assert_eq!((&refused["errorCode"], refused.get("id")), (&json!("90010"), None));
    assert!(refused["message"].as_str().unwrap().contains("has no OpenPGP key"), "{refused}");

    let data = server.dir.path().display().to_string();
    let weak = run(aquifer(&server, &["tenant", "key", "add", &key("rsa2048.asc"), "--data", &data])).await;
    assert_exit(&weak, 1);
    let added = run(aquifer(&server, &["tenant", "key", "add", &key("curve.asc"), "--data", &data])).await;
    assert_exit(&added, 0);
    let shown = run(aquifer(&server, &["tenant", "key", "show", "--data", &data])).await;
    assert_eq!(stdout(&shown), stdout(&added));

    let file = file(&server, document.clone()).await;
    let answer = get(&server, &file, &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(answer.header("Content-Type"), Some("application/pgp-encrypted"));
    let disposition = format!("attachment; filename={file}.csv.gz.pgp");
    assert_eq!(answer.header("Content-Disposition"), Some(disposition.as_str()));
    assert_eq!(answer.header("Content-Encoding"), None);
    assert_eq!(gunzip(&decrypt(&answer.body)), ROWS);

    assert_exit(&run(aquifer(&server, &["tenant", "key", "remove", "--data", &data])).await, 0);
    assert_eq!(server.send(submit()).await.json()["errorCode"], "90010");
    server.stop().await;
}

/// As the owner of the key has it from GnuPG.
pub fn decrypt(message: &[u8]) -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("message.pgp");
    fs::write(&path, message).unwrap();
    let gpg = |args: &[&str]| {
        let output = Command::new("gpg").env("GNUPGHOME", home.path()).args(["--batch", "--quiet"]).args(args).output();
        let output = output.expect("gpg is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    gpg(&["--import", &key("curve.secret.asc")]);
    let plain = gpg(&["--decrypt", &path.display().to_string()]);
    // The agent that gpg has started lives in this home.
    let _ = Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "all"]).output();
    plain
}
