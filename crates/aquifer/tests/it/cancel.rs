//! Whatever a job is doing, it stops within a second of its cancellation, and leaves nothing behind.

use std::{path::Path, sync::Arc, time::Duration};

use aquifer::{
    clock::Clock as _,
    config::{Config, DEFAULT},
    job::{JobId, State},
};
use engine::error::Kind;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{gate::Gate, http::Request, server::Server};

const QUERY: &str = "select * from Account";

/// A server whose tables wait, fail and end as its gate says.
async fn gated(change: impl FnOnce(&mut Config)) -> (Server, Arc<Gate>) {
    let mut gate = None;
    let server = Server::on(change, |embedded| gate.insert(Gate::opened(embedded)).clone()).await;
    (server, gate.unwrap())
}

async fn submit(server: &Server, format: &str, encrypted: &str) -> JobId {
    let query = json!({ "query": QUERY });
    let job = json!({ "format": format, "encrypted": encrypted, "queries": [query] });
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(job.to_string())).await.json();
    answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Cancels a job; within a second of real time nobody works on it, and no file of it is there.
async fn cancel_in_time(server: &Server, job: JobId) -> Value {
    let cancelled = async {
        let answer = server.cancel(job).await;
        assert_eq!(server.ended(job).await.state, State::Cancelled, "{answer}");
        // Its writer ends by itself, a moment after the runner has left.
        while !server.files().is_empty() {
            server.running.app.tidy().await.unwrap();
        }
        answer
    };
    tokio::time::timeout(Duration::from_secs(1), cancelled).await.expect("a second is enough")
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_written_in_every_format() {
    let (server, gate) = gated(|_| {}).await;
    gate.read_for_ever();
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("../export/tests/keys/curve.asc");
    let key = std::fs::read(key).unwrap();
    server.running.app.store.set_recipient(DEFAULT, Some(&key), server.clock.now()).await.unwrap();
    for (format, encrypted) in [("csv", "none"), ("gzip", "none"), ("zip", "none"), ("csv", "pgp"), ("gzip", "pgp")] {
        let job = submit(&server, format, encrypted).await;
        // Far enough that blocks are on their way through every stage.
        while server.running.app.runner.rows_so_far(job, 0).unwrap_or(0) < 20_000 {
            tokio::task::yield_now().await;
        }
        let status = server.status(job).await;
        assert!(status["batches"][0]["rowsSoFar"].as_u64().unwrap() >= 20_000, "{status}");
        let answer = cancel_in_time(&server, job).await;
        assert_eq!(answer["batches"][0]["status"], "cancelled", "{format}, {encrypted}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_attempts() {
    let (server, gate) = gated(|_| {}).await;
    gate.fail_with(Some(Kind::Busy));
    gate.close();
    let job = submit(&server, "csv", "none").await;
    gate.reached(1).await;
    gate.open();
    server.left(job).await;
    let resting = server.stored(job).await;
    assert_eq!((resting.state, resting.attempt), (State::Submitted, 1));
    assert!(resting.postponed_until.is_some_and(|until| until > server.clock.now()));
    cancel_in_time(&server, job).await;
    gate.fail_with(None);
    server.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(server.stored(job).await.attempt, 1, "nobody takes it up again");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_several_queries_at_work() {
    let (server, gate) = gated(|config| config.runner.batch_parallelism = 3).await;
    gate.close();
    let job = server.submit(&[QUERY, QUERY, QUERY]).await;
    gate.reached(3).await;
    cancel_in_time(&server, job).await;
    gate.open();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_for_its_session() {
    let (server, gate) = gated(|_| {}).await;
    gate.close();
    let session = json!({ "version": "1.1", "partner": "acme", "project": "p", "queries": [{ "query": QUERY }] });
    let submit = || async {
        let answer = server.send(Request::new("POST", "/v1/batch-query").body(session.to_string())).await.json();
        answer["id"].as_str().unwrap().parse::<JobId>().unwrap()
    };
    let (first, second) = (submit().await, submit().await);
    gate.reached(1).await;
    cancel_in_time(&server, second).await;
    assert_eq!(server.stored(second).await.attempt, 0);
    cancel_in_time(&server, first).await;
    gate.open();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_client_that_does_not_wait_for_the_answer() {
    let (server, gate) = gated(|_| {}).await;
    gate.close();
    let job = submit(&server, "csv", "none").await;
    gate.reached(1).await;
    // Nothing can be written for as long as the client has patience.
    let store = rusqlite::Connection::open(server.dir.path().join("store.sqlite")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let others = async || {
        let answer = server.send(Request::new("GET", "/v1/describe/Account")).await;
        let limit = u64::from(server.running.app.config.tenant.limits.concurrent_requests);
        limit - 1 - answer.header("Concurrency-Limit-Remaining").unwrap().parse::<u64>().unwrap()
    };
    let cancelling = server.begin(Request::new("DELETE", &format!("/v1/batch-query/jobs/{job}"))).await;
    while others().await == 0 {}
    drop(cancelling);
    while others().await > 0 {}
    store.execute_batch("ROLLBACK").unwrap();
    let left = tokio::time::timeout(Duration::from_secs(1), server.left(job));
    left.await.expect("a second is enough");
    assert_eq!(server.stored(job).await.state, State::Cancelled);
    gate.open();
    server.stop().await;
}
