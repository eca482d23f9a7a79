//! An operator who makes the data anew, or restores it, under sessions that go on.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::crash::{self, Server, accounts, files_below};

/// A job of a session, done by a server that then stops.
fn batch(data: &Path, authorization: &str) -> Value {
    let server = Server::start(data, authorization);
    let query = json!({ "query": "select Id from Account" });
    let job = server.submit_job(&json!({
        "version": "1.1", "partner": "acme", "project": "nightly", "queries": [query],
    }));
    let batch = server.end_of(&job)["batches"][0].clone();
    server.kill();
    batch
}

/// Why a batch is everything, if it is, and how many rows it has.
fn told(batch: &Value) -> (Option<&str>, u64) {
    (batch["fullReason"].as_str(), batch["recordCount"].as_u64().unwrap())
}

/// The data and its log.
fn files(data: &Path) -> Vec<std::path::PathBuf> {
    files_below(&data.join("tenants/default"))
}

#[test]
fn a_session_begins_anew_where_the_data_is_not_what_it_knew() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = folder.path();
    crash::load(&accounts(0..3), data);
    let authorization = crash::client(data);
    assert_eq!(told(&batch(data, &authorization)), (Some("first"), 3));
    for file in files(data) {
        fs::copy(&file, kept.path().join(file.file_name().unwrap())).unwrap();
    }
    crash::load(&accounts(2..5), data);
    assert_eq!(told(&batch(data, &authorization)), (None, 2));

    // Made anew: again two loads, of which the session has seen none.
    files(data).iter().for_each(|file| fs::remove_file(file).unwrap());
    crash::load(&accounts(10..14), data);
    crash::load(&accounts(14..15), data);
    assert_eq!(told(&batch(data, &authorization)), (Some("data-replaced"), 5));
    assert_eq!(told(&batch(data, &authorization)), (None, 0));

    // Restored to the first load, and loaded on to the second.
    files(data).iter().for_each(|file| fs::remove_file(file).unwrap());
    for file in files_below(kept.path()) {
        fs::copy(&file, data.join("tenants/default").join(file.file_name().unwrap())).unwrap();
    }
    crash::load(&accounts(5..7), data);
    assert_eq!(told(&batch(data, &authorization)), (Some("data-replaced"), 5));
    crash::load(&accounts(7..8), data);
    assert_eq!(told(&batch(data, &authorization)), (None, 1));
}
