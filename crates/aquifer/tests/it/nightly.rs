//! The nightly script of the examples, as a partner runs it: curl and jq, night after night.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Output,
};

use jiff::SignedDuration;
use tokio::process::Command;

use crate::{http::Request, server::Server};

async fn night(server: &Server, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/nightly.sh");
    let run = Command::new(script)
        .arg(folder)
        .env("AQUIFER_URL", &server.running.url)
        .env("AQUIFER_CLIENT_ID", &server.credentials.client_id)
        .env("AQUIFER_CLIENT_SECRET", &server.credentials.client_secret)
        .env("POLL_SECONDS", "0.05")
        .output();
    run.await.expect("bash, curl and jq are needed")
}

/// A server whose tokens outlive the nights.
async fn patient() -> Server {
    Server::with(|config| config.retention.token_seconds = 99_999_999).await
}

async fn good_night(server: &Server, folder: &Path) {
    let output = night(server, folder).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a partner has who merges all files of a query by Id, in order.
fn merged(folder: &Path, query: &str) -> BTreeMap<String, Vec<String>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|night| std::fs::read_dir(night.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(query))
        .collect();
    files.sort();
    let mut table = BTreeMap::new();
    for file in files {
        let mut reader = csv::Reader::from_path(file).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            let mut cells = row.iter().map(str::to_owned);
            let (deleted, id) = (cells.next().unwrap(), cells.next().unwrap());
            if deleted == "true" {
                table.remove(&id);
            } else {
                table.insert(id, cells.collect());
            }
        }
    }
    table
}

/// What a full load of the same columns says.
async fn table(server: &Server, query: &str) -> BTreeMap<String, Vec<String>> {
    let body = serde_json::json!({ "dateTimeUtc": true, "queries": [{ "query": query }] }).to_string();
    let job = server.send(Request::new("POST", "/v1/batch-query").body(body)).await.json();
    let job = job["id"].as_str().unwrap().parse().unwrap();
    server.ended(job).await;
    let file = server.status(job).await["batches"][0]["fileId"].as_str().unwrap().to_owned();
    let csv = server.send(Request::new("GET", &format!("/v1/files/{file}"))).await;
    let mut reader = csv::Reader::from_reader(csv.text().as_bytes());
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        (row[0].to_owned(), row.iter().skip(1).map(str::to_owned).collect())
    });
    rows.collect()
}

const QUERY: &str = "select Id, Name, Balance, UpdatedDate from Account";

#[tokio::test(flavor = "multi_thread")]
async fn three_nights_one_missed_and_one_repeated_add_up_to_the_table() {
    let server = patient().await;
    let folder = tempfile::tempdir().unwrap();
    let nights = folder.path().join("nights");
    let day = SignedDuration::from_hours(24);

    good_night(&server, &nights).await;
    assert_eq!(merged(&nights, "Account"), table(&server, QUERY).await);

    // A day with changes whose night is missed, then another.
    server.clock.advance(day);
    server.load("Account", "Id,Name\n11111111111111111111111111111101,Anders\n1111111111111111111111111111aaaa,Neu\n");
    server.clock.advance(day);
    server.delete("Account", &["11111111111111111111111111111102"]);
    good_night(&server, &nights).await;
    assert_eq!(merged(&nights, "Account"), table(&server, QUERY).await);

    // Run once more at once: nothing is new, nothing is lost.
    good_night(&server, &nights).await;
    assert_eq!(merged(&nights, "Account"), table(&server, QUERY).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_stopped_before_its_download_is_caught_up_even_when_its_files_are_gone() {
    let server = patient().await;
    let folder = tempfile::tempdir().unwrap();
    let nights = folder.path().join("nights");
    good_night(&server, &nights).await;
    for days in [1, 4] {
        // The script dies after its submit: the session has moved, the files have not arrived.
        server.load("Account", &format!("Id,Name\n11111111111111111111111111111101,After {days}\n"));
        let again =
            r#"{"version": "1.1", "partner": "acme", "project": "nightly", "dateTimeUtc": true, "queries": []}"#;
        let job = server.send(Request::new("POST", "/v1/batch-query").body(again)).await.json();
        server.ended(job["id"].as_str().unwrap().parse().unwrap()).await;
        // After a day they are still there, after four not.
        server.clock.advance(SignedDuration::from_hours(24 * days));
        good_night(&server, &nights).await;
        assert_eq!(merged(&nights, "Account"), table(&server, QUERY).await);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_is_refused_says_why_and_leaves_nothing() {
    let server = Server::with(|config| config.tenant.partners = Some(vec!["salesforce".to_owned()])).await;
    let folder = tempfile::tempdir().unwrap();
    let output = night(&server, folder.path()).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("refused: 90019 Partner ID is not recognized."), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    server.stop().await;
}
