//! Values that break readers, all the way: from NDJSON through the binary, the data and a job to readers that are not ours.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use aquifer::config::Zone;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    client::{aquifer, assert_exit, run, stdout},
    files::{decrypt, file, get, gunzip, key},
    http::Request,
    server::Server,
};

/// Texts, and what a reader of the file sees of them.
const TEXTS: [(&str, &str); 14] = [
    ("a\0b\u{1b}[31m", "ab[31m"),
    ("say \"hi\", then", "say \"hi\", then"),
    ("\"", "\""),
    ("one\ntwo\r\nthree\rfour\n", "one\ntwo\r\nthree\rfour\n"),
    ("👩‍👩‍👧‍👦 🇳🇵", "👩‍👩‍👧‍👦 🇳🇵"),
    ("\u{202e}שלום\u{202c} مرحبا", "\u{202e}שלום\u{202c} مرحبا"),
    ("𝒳𐍈𠜎", "𝒳𐍈𠜎"),
    (" outer blanks ", " outer blanks "),
    ("\u{feff}mark\u{85}\u{2028}lines", "\u{feff}mark\u{85}\u{2028}lines"),
    ("back\\slash\\\"", "back\\slash\\\""),
    ("=cmd()", "=cmd()"),
    ("tab\tand;semi", "tab\tand;semi"),
    ("NULL", "NULL"),
    ("", ""),
];

const NUMBERS: [(&str, &str); 4] = [
    ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ("-0.00000000000000000000000000000000000001", "-0.00000000000000000000000000000000000001"),
    ("1e3", "1000"),
    ("-0.0", "0"),
];

const DATES: [&str; 3] = ["0001-01-01", "9999-12-31", "2024-02-29"];

/// Instants, and what they are in Kathmandu: at the local mean time, whose seconds no offset has, before and after the
/// clocks went on by a quarter.
const INSTANTS: [(&str, &str); 5] = [
    ("0001-01-02T00:00:00Z", "0001-01-02T05:41:00+0541"),
    ("1985-12-31T18:29:59.999999Z", "1985-12-31T23:59:59+0530"),
    ("1985-12-31T18:30:00Z", "1986-01-01T00:15:00+0545"),
    ("2026-02-28T13:07:32.9-08:00", "2026-03-01T02:52:32+0545"),
    ("9999-12-30T00:00:00Z", "9999-12-30T05:45:00+0545"),
];

/// Rows as lines of NDJSON, and as readers see them below their header.
fn rows() -> (String, Vec<Value>) {
    let mut seen = vec![json!(["Account.Name", "Account.Balance", "Account.LastInvoiceDate", "Account.CreatedDate"])];
    let lines = TEXTS.iter().enumerate().map(|(at, (name, name_seen))| {
        let (number, number_seen) = NUMBERS[at % NUMBERS.len()];
        let date = DATES[at % DATES.len()];
        let (instant, instant_seen) = INSTANTS[at % INSTANTS.len()];
        seen.push(json!([name_seen, number_seen, date, instant_seen]));
        let name = json!(name);
        // As a number of JSON, which no float may touch.
        format!(
            r#"{{"Id": "hostile{at:02}", "Name": {name}, "Balance": {number}, "LastInvoiceDate": "{date}", "CreatedDate": "{instant}"}}"#
        )
    });
    (lines.collect::<Vec<_>>().join("\n") + "\n", seen)
}

/// Reads a file of CSV, gzip or zip, and prints its rows as JSON.
const READ: &str = r#"
import csv, gzip, io, json, sys, zipfile
data = open(sys.argv[1], "rb").read()
if sys.argv[1].endswith(".gz"):
    data = gzip.decompress(data)
if sys.argv[1].endswith(".zip"):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        data = archive.read("rows.csv")
print(json.dumps(list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))))
"#;

async fn read(path: &Path) -> Value {
    let mut python = Command::new("python3");
    python.args(["-c", READ]).arg(path).stdout(Stdio::piped());
    let output = run(python).await;
    assert_exit(&output, 0);
    serde_json::from_str(stdout(&output)).unwrap()
}

fn job(format: &str, encrypted: &str) -> Value {
    let query = "select Name, Balance, LastInvoiceDate, CreatedDate from Account where Id >= 'h' order by Id";
    json!({ "format": format, "encrypted": encrypted, "useQueryLabels": true, "queries": [{ "name": "rows", "query": query }] })
}

async fn add_key(server: &Server) {
    let data = server.dir.path().display().to_string();
    assert_exit(&run(aquifer(server, &["tenant", "key", "add", &key("curve.asc"), "--data", &data])).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_arrive_in_every_format() {
    let zone = TimeZone::get("Asia/Kathmandu").unwrap();
    let server = Server::with(|config| config.tenant.zone = Some(Zone(zone))).await;
    add_key(&server).await;
    let dir = server.dir.path();
    let (lines, expected) = rows();
    fs::write(dir.join("hostile.ndjson"), lines).unwrap();
    let data = dir.display().to_string();
    assert_exit(&run(aquifer(&server, &["load", "Account", "hostile.ndjson", "--data", &data])).await, 0);

    for (format, ending) in [("csv", "csv"), ("gzip", "csv.gz"), ("zip", "csv.zip")] {
        for encrypted in ["none", "pgp"] {
            let id = file(&server, job(format, encrypted)).await;
            let bytes = get(&server, &id, &[]).await.body;
            let bytes = if encrypted == "pgp" { decrypt(&bytes) } else { bytes };
            let path = dir.join(format!("{encrypted}.{ending}"));
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path).await, json!(expected), "{format}, {encrypted}");
        }
    }

    // And coded on its way.
    let id = file(&server, job("csv", "none")).await;
    let (path, head) = (dir.join("curl.csv"), dir.join("head"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--compressed", "--header"]);
    curl.arg(format!("Authorization: Bearer {}", server.token));
    curl.arg("--dump-header").arg(&head).arg("--output").arg(&path);
    curl.arg(format!("{}/v1/files/{id}", server.running.url)).stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_exit(&run(curl).await, 0);
    assert!(fs::read_to_string(head).unwrap().to_lowercase().contains("\ncontent-encoding: "));
    assert_eq!(read(&path).await, json!(expected));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_segments_are_whole_and_nothing_plain_lies_beside_them() {
    const MOST: u64 = 16 << 10;
    let server = Server::with(|config| config.tenant.limits.file_bytes = MOST).await;
    add_key(&server).await;
    let name = |at: u32| format!("plain name {at} {:x}", u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rows: Vec<String> = (0..1000).map(|at| format!("row{at:04},{}\n", name(at))).collect();
    server.load("Account", &format!("Id,Name\n{}", rows.concat()));
    for format in ["gzip", "csv"] {
        let query = json!({ "query": "select Id, Name from Account where Id >= 'r' order by Id" });
        let document = json!({ "format": format, "encrypted": "pgp", "useQueryLabels": true, "queries": [query] });
        let submitted = server.send(Request::new("POST", "/v1/batch-query").body(document.to_string())).await.json();
        let job = submitted["id"].as_str().unwrap_or_else(|| panic!("{submitted}")).parse().unwrap();
        server.ended(job).await;
        let batch = server.status(job).await["batches"][0].clone();
        let segments = batch["segments"].as_array().unwrap_or_else(|| panic!("{batch}"));
        assert!(segments.len() > 1, "{batch}");
        let mut read = String::new();
        for segment in segments {
            let bytes = get(&server, segment.as_str().unwrap(), &[]).await.body;
            assert!(bytes.len() as u64 <= MOST, "{} bytes", bytes.len());
            let plain = decrypt(&bytes);
            let csv = if format == "gzip" { gunzip(&plain) } else { String::from_utf8(plain).unwrap() };
            read += csv.strip_prefix("Account.Id,Account.Name\n").expect("each has its header line");
        }
        assert_eq!(read, rows.concat(), "{format}");
    }
    for path in server.files() {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"plain name"), "{path}");
        assert!(!bytes.starts_with(&[0x1f, 0x8b]), "{path}");
    }
    server.stop().await;
}
