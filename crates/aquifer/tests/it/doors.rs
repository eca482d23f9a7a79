//! Requests that meet each other: while one is being answered, another comes.

use std::sync::{Arc, Mutex};

use aquifer::config::Config;
use jiff::SignedDuration;

use crate::{gate::Gate, http::Request, server::Server};

/// A server whose queries wait at a gate.
async fn gated(change: impl FnOnce(&mut Config)) -> (Server, Arc<Gate>) {
    let mut gate = None;
    let server = Server::on(change, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    (server, gate.unwrap())
}

fn query() -> Request {
    Request::new("POST", "/v1/action/query").body(r#"{"queryString": "select Id, Name from Account"}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_use_until_its_request_is_answered() {
    let (server, gate) = gated(|_| {}).await;
    let keyed = || server.send(query().header("Idempotency-Key", "one"));
    let meanwhile = async {
        gate.reached(1).await;
        let second = keyed().await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(keyed(), meanwhile);
    assert_eq!((second.status, &second.json()["success"]), (409, &false.into()));
    assert_eq!((first.status, &first.json()["size"]), (200, &3.into()));
    let third = keyed().await;
    assert_eq!((third.status, third.body), (first.status, first.body));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_may_be_sent_again_with_its_key() {
    let server = Server::start().await;
    let submit = || Request::new("POST", "/v1/batch-query").header("Idempotency-Key", "one");
    let broken = server.send_a_part(submit()).await;
    assert_eq!((broken.status, &broken.json()["code"]), (200, &50_000_090.into()));
    let body = r#"{"queries": [{"query": "select Id from Account"}]}"#;
    let job = server.send(submit().body(body)).await.json();
    assert_eq!(job["status"], "submitted");
    assert_eq!(server.send(submit().body(body)).await.json()["id"], job["id"]);
    server.ended(job["id"].as_str().unwrap().parse().unwrap()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_kept_is_given_and_kept_later() {
    let server = Server::start().await;
    let store = rusqlite::Connection::open(server.dir.path().join("store.sqlite")).unwrap();
    store.execute_batch("CREATE TRIGGER full BEFORE UPDATE ON keys BEGIN SELECT RAISE(ABORT, 'no room'); END").unwrap();
    let keyed = || server.send(query().header("Idempotency-Key", "one"));
    let first = keyed().await;
    assert_eq!((first.status, &first.json()["size"]), (200, &3.into()));
    assert_eq!(keyed().await.status, 409);
    store.execute_batch("DROP TRIGGER full").unwrap();
    let kept = loop {
        server.clock.advance(SignedDuration::from_secs(5));
        let answer = keyed().await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!((kept.status, kept.body), (first.status, first.body));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_at_one_time_than_allowed() {
    let (server, gate) = gated(|config| config.tenant.limits.concurrent_requests = 1).await;
    let meanwhile = async {
        gate.reached(1).await;
        let second = server.send(Request::new("GET", "/v1/describe")).await;
        gate.open();
        second
    };
    let (first, second) = tokio::join!(server.send(query()), meanwhile);
    assert_eq!((first.status, first.header("Concurrency-Limit-Remaining")), (200, Some("0")));
    assert_eq!((second.status, second.header("Retry-After")), (429, Some("1")));
    assert_eq!(server.send(Request::new("GET", "/v1/describe")).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_given_up() {
    let (server, gate) = gated(|_| {}).await;
    let meanwhile = async {
        gate.reached(1).await;
        server.clock.advance(SignedDuration::from_secs(120));
    };
    let (answer, ()) = tokio::join!(server.send(query()), meanwhile);
    assert_eq!((answer.status, &answer.json()["faultcode"]), (400, &"fns:QUERY_TIMEOUT".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_says_so() {
    let (server, gate) = gated(|_| {}).await;
    gate.fail();
    let answer = server.send(query()).await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (500, &"90010".into()));
    server.stop().await;
}

/// What is logged, for one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that what the server logs is known to be its own.
#[tokio::test]
async fn nobody_writes_lines_into_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start().await;
    let query = "select Id from Account where CreatedDate = 'soon\n2026-11-21 INFO a line of its own'";
    let body = serde_json::json!({ "queries": [{ "query": query }] }).to_string();
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(body)).await.json();
    assert!(answer["message"].as_str().unwrap().contains("\n2026"), "{answer}");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("a line of its own") && !logged.contains("\n2026-11-21 INFO a line"), "{logged}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_too_many_results_gives_way() {
    let server = Server::start().await;
    let body = r#"{"queryString": "select Id from Account", "conf": {"batchSize": 1}}"#;
    let mut locators = Vec::new();
    for _ in 0..11 {
        let answer = server.send(Request::new("POST", "/v1/action/query").body(body)).await.json();
        locators.push(answer["queryLocator"].as_str().unwrap().to_owned());
        server.clock.advance(SignedDuration::from_secs(1));
    }
    let mut found = Vec::new();
    for locator in locators {
        let more = Request::new("POST", "/v1/action/queryMore").body(format!(r#"{{"queryLocator": "{locator}"}}"#));
        found.push(server.send(more).await.status);
    }
    // Those that are asked on are answered and wait again: only the first had to go.
    assert_eq!((found[0], &found[1..]), (400, &[200; 10][..]));
    server.stop().await;
}
