//! Who is told that a job has ended, how, and how often.

use std::{collections::BTreeSet, path::Path, process::Command, sync::Arc};

use aquifer::{
    app::App,
    callout::{address::Allowed, signature::Secret},
    clock::{Manual, System},
    config::{Config, Receiver as Told},
    job::{CalloutState, Event, JobId, Outcome},
    store::{Lease, LeaseToken},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    gate::Gate,
    http::Request,
    receiver::Receiver,
    server::{Server, config, epoch},
};

const QUERY: &str = "select Id from Account";

fn allow_loopback(config: &mut Config) {
    config.callout.allow = Allowed::loopback();
    // Longer than the longest of these stories.
    config.retention.token_seconds = 1_000_000;
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

async fn submit(server: &Server, more: Value) -> JobId {
    let mut body = json!({ "queries": [{ "query": QUERY }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(body.to_string())).await.json();
    assert_eq!(answer["warnings"], json!([]), "{answer}");
    answer["id"].as_str().unwrap().parse().unwrap()
}

async fn submit_for(server: &Server, receiver: &Receiver) -> JobId {
    submit(server, json!({ "notifyUrl": format!("{}/done?job=${{JOBID}}&as=${{STATUS}}", receiver.url) })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_job_is_told_once() {
    let receiver = Receiver::start(&[]).await;
    let server = Server::with(allow_loopback).await;
    let job = submit_for(&server, &receiver).await;
    let callout = server.tried(job, 1).await;
    assert_eq!(receiver.lines(), [format!("GET /done?job={job}&as=Completed HTTP/1.1")]);
    assert_eq!((callout.state, callout.due_at), (CalloutState::Delivered, None));
    assert_eq!(callout.tries[0].outcome, Outcome::Answered { status: 200, body: "heard".into() });
    let seen = &receiver.seen()[0];
    let shown = server.send(Request::new("GET", &format!("/v1/batch-query/jobs/{job}/callout"))).await.json();
    assert_eq!(shown["tries"][0]["url"], format!("{}/done?job={job}&as=Completed", receiver.url));
    assert!(seen.header("webhook-id").is_none() && seen.header("authorization").is_none());
    assert!(seen.header("user-agent").unwrap().starts_with("aquifer/"));

    server.clock.advance(minutes(1440));
    // The one for this job is looked for after whatever else would be sent.
    let other = submit_for(&server, &receiver).await;
    server.tried(other, 1).await;
    assert_eq!(receiver.lines().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_does_not_complete_is_told_of_as_well() {
    let receiver = Receiver::start(&[]).await;
    let mut gate = None;
    let server = Server::on(allow_loopback, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate = gate.unwrap();
    let cancelled = submit_for(&server, &receiver).await;
    gate.reached(1).await;
    server.cancel(cancelled).await;
    server.tried(cancelled, 1).await;
    server.ended(cancelled).await;
    let aborted = submit_for(&server, &receiver).await;
    gate.fail();
    server.tried(aborted, 1).await;
    let line = |job, word| format!("GET /done?job={job}&as={word} HTTP/1.1");
    assert_eq!(receiver.lines(), [line(cancelled, "Cancelled"), line(aborted, "Aborted")]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_in_trouble_is_tried_again_until_it_is_enough() {
    let troubles = ["500 Internal Server Error", "403 Forbidden", "429 Too Many Requests"];
    let receiver = Receiver::start(&troubles).await;
    let server = Server::with(allow_loopback).await;
    let job = submit_for(&server, &receiver).await;
    for (number, status) in [(1, 500), (2, 403)] {
        let callout = server.tried(job, number).await;
        assert_eq!((callout.state, callout.tries[number - 1].outcome.status()), (CalloutState::Waiting, Some(status)));
        assert_eq!(callout.due_at, Some(epoch() + minutes(30) * i32::try_from(number).unwrap()));
        server.clock.advance(minutes(30));
    }
    let callout = server.tried(job, 3).await;
    assert_eq!((callout.state, callout.due_at), (CalloutState::Failed, None));

    let path = format!("/v1/batch-query/jobs/{job}/callout");
    let again = server.send(Request::new("POST", &format!("{path}/redeliver"))).await.json();
    assert_eq!((&again["state"], &again["nextTryAt"]), (&json!("waiting"), &json!("2026-11-21T13:00:00-0800")));
    assert_eq!(server.tried(job, 4).await.state, CalloutState::Delivered);
    let shown = server.send(Request::new("GET", &path)).await.json();
    assert_eq!((&shown["state"], &shown["tries"][3]["status"]), (&json!("delivered"), &json!(200)));
    assert_eq!(receiver.lines().len(), 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_change_is_not_tried_again_and_redirects_are_not_followed() {
    let elsewhere = Receiver::start(&[]).await;
    let redirect = format!("302 Found\r\nLocation: {}/", elsewhere.url);
    let receiver = Receiver::start(&["404 Not Found", &redirect]).await;
    let server = Server::with(allow_loopback).await;
    for status in [404, 302] {
        let job = submit_for(&server, &receiver).await;
        let callout = server.tried(job, 1).await;
        assert_eq!((callout.state, callout.tries[0].outcome.status()), (CalloutState::Failed, Some(status)));
    }
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_callout_wins_and_is_signed() {
    let receiver = Receiver::start(&[]).await;
    let told = |partner: Option<&str>, more: Value| -> Told {
        let mut told = json!({ "partner": partner, "url": format!("{}/<Aqua.PartnerName>", receiver.url) });
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(told).unwrap()
    };
    let body = json!({ "it's": "<Aqua.JobStatus>", "who": "<Aqua.PartnerName>" });
    let acme = json!({ "method": "PUT", "body": body, "user": "kim", "password": "open: sesame" });
    let receivers = vec![told(Some("a/c \"me\""), acme), told(None, json!({}))];
    let key = [7; 24];
    let server = Server::with(|config| {
        allow_loopback(config);
        config.tenant.callouts = receivers;
        let secret = format!("whsec_{}", base64(&key));
        config.tenant.callout_secrets = vec![Secret::try_from(secret).unwrap()];
    })
    .await;
    let job = submit(&server, json!({ "partner": "a/c \"me\"" })).await;
    server.tried(job, 1).await;
    let seen = &receiver.seen()[0];
    assert_eq!(seen.line, "PUT /a%2Fc%20%22me%22 HTTP/1.1");
    assert_eq!(seen.body, r#"{"it's":"Completed","who":"a/c \"me\""}"#);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Basic a2ltOm9wZW46IHNlc2FtZQ=="));
    let shown = server.send(Request::new("GET", &format!("/v1/batch-query/jobs/{job}/callout"))).await.json();
    assert_eq!(shown["tries"][0]["url"], receiver.url.as_str(), "the path is not for clients");

    let url = format!("{}/unheard", receiver.url);
    let body = json!({ "queries": [{ "query": QUERY }], "notifyUrl": url, "partner": "other" });
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(body.to_string())).await.json();
    assert_eq!(
        answer["warnings"],
        json!(["notifyUrl will not be called: the tenant's own callout is sent in its place"])
    );
    let job: JobId = answer["id"].as_str().unwrap().parse().unwrap();
    server.tried(job, 1).await;
    let seen = &receiver.seen()[1];
    assert_eq!(seen.line, "POST /other HTTP/1.1");
    let fields = json!({
        "Aqua.JobId": job, "Aqua.JobStatus": "Completed", "Aqua.PartnerName": "other",
        "Event.Category": "2610", "Event.Timestamp": "2026-11-21T12:00:00-0800",
    });
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), fields);
    let (id, at) = (format!("msg_{job}"), epoch().as_second().to_string());
    assert_eq!((seen.header("webhook-id"), seen.header("webhook-timestamp")), (Some(&*id), Some(&*at)));
    let signature = hmac_sha256(&key, format!("{id}.{at}.{}", seen.body).as_bytes());
    assert_eq!(seen.header("webhook-signature"), Some(&*format!("v1,{}", base64(&signature))));

    // An object export is no AQuA job to whoever configures callouts, although it is one to us.
    let export = json!({ "Format": "csv", "Query": QUERY }).to_string();
    let export = server.send(Request::new("POST", "/v1/object/export").body(export)).await.json();
    let export: JobId = export["Id"].as_str().unwrap().parse().unwrap();
    server.ended(export).await;
    assert_eq!(server.running.app.store.callout("default", export).await.unwrap(), None);
    server.stop().await;
}

fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes)
}

/// As RFC 2104 has it, for a key that is shorter than a block.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| (0..64).map(|at| key.get(at).unwrap_or(&0) ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callout_outlives_the_server() {
    let receiver = Receiver::start(&[]).await;
    let server = Server::with(allow_loopback).await;
    server.running.app.callouts.stop().await;
    let jobs = [submit_for(&server, &receiver).await, submit_for(&server, &receiver).await];
    for job in jobs {
        server.ended(job).await;
    }
    // One is taken up by somebody who dies over it.
    let lease = Lease { token: LeaseToken("dead".into()), until: Timestamp::MAX };
    server.running.app.store.take_callout(&lease, epoch()).await.unwrap().unwrap();
    assert_eq!(receiver.lines(), Vec::<String>::new());
    let dir = server.stop().await;

    let mut config = config(dir.path());
    allow_loopback(&mut config);
    let running = App::start(config, Arc::new(Manual::at(epoch()))).await.unwrap();
    running.app.callouts.tries().wait_for(|tries| *tries == 2).await.unwrap();
    let told = jobs.map(|job| format!("GET /done?job={job}&as=Completed HTTP/1.1"));
    assert_eq!(BTreeSet::from_iter(receiver.lines()), told.into());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callout_that_has_nobody_left_to_tell_says_so() {
    let server = Server::with(|config| {
        let told = serde_json::from_value(json!({ "url": "http://127.0.0.1:9/" }));
        config.tenant.callouts = vec![told.unwrap()];
    })
    .await;
    server.running.app.callouts.stop().await;
    let job = submit(&server, json!({})).await;
    server.ended(job).await;
    let dir = server.stop().await;
    let running = App::start(config(dir.path()), Arc::new(Manual::at(epoch()))).await.unwrap();
    running.app.callouts.tries().wait_for(|tries| *tries == 1).await.unwrap();
    let callout = running.app.store.callout("default", job).await.unwrap().unwrap();
    assert_eq!(callout.state, CalloutState::Failed);
    assert!(callout.tries[0].outcome.error().unwrap().contains("what to call"));
    running.stop().await;
}

/// Runs `aquifer callouts` on a data directory.
fn callouts(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    let output = command.arg("callouts").args(args).arg("--data").arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_callouts_and_has_them_sent_again() {
    let receiver = Receiver::start(&["404 Not Found"]).await;
    let server = Server::with(allow_loopback).await;
    let job = submit_for(&server, &receiver).await;
    server.tried(job, 1).await;
    // Beside the server that runs.
    let list = callouts(server.dir.path(), &[]);
    assert!(list.lines().nth(1).unwrap().starts_with(&format!("{job}  failed  1      404 ")), "{list}");
    assert_eq!(callouts(server.dir.path(), &["--state", "delivered", "--json"]), "");
    let line: Value = serde_json::from_str(&callouts(server.dir.path(), &["--json"])).unwrap();
    assert_eq!((&line["state"], &line["tries"][0]["body"]), (&json!("failed"), &json!("heard")));
    assert!(callouts(server.dir.path(), &["show", &job.to_string()]).contains("\n  heard\n"));
    let dir = server.stop().await;

    callouts(dir.path(), &["redeliver", "--failed"]);
    let mut config = config(dir.path());
    allow_loopback(&mut config);
    // The command goes by the machine's clock, to which the job may have been over for long.
    config.retention.job_days = 36_500;
    let running = App::start(config, Arc::new(System)).await.unwrap();
    running.app.callouts.tries().wait_for(|tries| *tries == 1).await.unwrap();
    let callout = running.app.store.callout("default", job).await.unwrap().unwrap();
    assert_eq!((callout.state, callout.tries.len()), (CalloutState::Delivered, 2));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_before_it_runs_is_told_of_at_once() {
    let receiver = Receiver::start(&[]).await;
    let mut gate = None;
    let change = |config: &mut Config| {
        allow_loopback(config);
        config.runner.jobs = 1;
    };
    let server = Server::on(change, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate = gate.unwrap();
    let first = server.submit(&[QUERY]).await;
    gate.reached(1).await;
    let waiting = submit_for(&server, &receiver).await;
    server.cancel(waiting).await;
    assert_eq!(server.tried(waiting, 1).await.state, CalloutState::Delivered);
    gate.open();
    server.ended(first).await;
    assert!(server.apply(first, Event::Cancelled { at: epoch() }).await.is_err());
    server.stop().await;
}
