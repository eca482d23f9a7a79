//! What happens to a job between submit and end: cancelling, failing, limits, crashes, retention.

use std::{io::Write as _, sync::Arc};

use aquifer::{
    app::App,
    clock::Clock as _,
    job::{Event, FaultKind, State},
    store::{Lease, LeaseToken, Terms},
};
use flate2::{Compression, write::GzEncoder};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    gate::Gate,
    http::Request,
    server::{Server, config, epoch},
};

const QUERY: &str = "select Id from Account";

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// A server whose jobs wait at a gate, and one job that has reached it.
async fn gated(
    queries: &[&str],
    change: impl FnOnce(&mut aquifer::config::Config),
) -> (Server, Arc<Gate>, aquifer::job::JobId) {
    let mut gate = None;
    let server = Server::on(change, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate = gate.unwrap();
    let job = server.submit(queries).await;
    gate.reached(1).await;
    (server, gate, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_shows_how_far_it_is_and_no_file() {
    let (server, gate, job) = gated(&[QUERY, QUERY], |_| {}).await;
    let status = server.status(job).await;
    assert_eq!(status["status"], "executing");
    assert_eq!(status["terminal"], false);
    assert_eq!(status["startTime"], "2026-11-21T12:00:00-0800");
    let batch = &status["batches"][0];
    assert_eq!(
        (&batch["status"], &batch["recordCount"], &batch["rowsSoFar"]),
        (&json!("executing"), &json!(0), &json!(0))
    );
    assert!(batch.get("fileId").is_none());
    assert_eq!(status["batches"][1]["status"], "pending");
    gate.open();
    assert_eq!(server.ended(job).await.state, State::Completed);
    assert_eq!(server.files().len(), 2);
    server.stop().await;
}

/// The bytes of the files of a job that runs so many of its queries at one time, in their order.
async fn files_of(queries: &[&str], parallelism: usize) -> Vec<Vec<u8>> {
    let (server, gate, job) = gated(queries, |config| config.runner.batch_parallelism = parallelism).await;
    gate.reached(parallelism).await;
    gate.open();
    let ended = server.ended(job).await;
    assert_eq!(ended.state, State::Completed);
    let mut files = Vec::new();
    for (_, file) in ended.published() {
        files.push(server.send(Request::new("GET", &format!("/v1/files/{}", file.id))).await.body);
    }
    server.stop().await;
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_a_job_may_run_side_by_side_and_write_the_same() {
    let queries = [
        "select * from Account",
        "select Id, BillToContact.FirstName from Account order by Id",
        QUERY,
        "select Country, count(Id) from Contact group by Country",
        "select Id from Contact where FirstName = 'nobody'",
    ];
    let serial = files_of(&queries, 1).await;
    assert_eq!(serial.len(), queries.len());
    for parallelism in [2, 5] {
        assert_eq!(files_of(&queries, parallelism).await, serial, "{parallelism} at one time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_can_be_cancelled() {
    let (server, gate, job) = gated(&[QUERY, QUERY], |_| {}).await;
    let answer = server.cancel(job).await;
    assert_eq!((&answer["status"], &answer["terminal"]), (&json!("cancelled"), &json!(true)));
    assert_eq!(answer["startTime"], "2026-11-21T12:00:00-0800");
    assert_eq!(answer["batches"][0]["status"], "cancelled");
    // Without the gate ever opening: the reader was told to stop.
    let ended = server.ended(job).await;
    assert_eq!(ended.state, State::Cancelled);
    assert_eq!(server.cancel(job).await["errorCode"], "90003");
    assert_eq!(server.files(), Vec::<String>::new());
    gate.open();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_can_be_cancelled_and_never_runs() {
    let (server, gate, first) = gated(&[QUERY], |config| config.runner.jobs = 1).await;
    let second = server.submit(&[QUERY]).await;
    assert_eq!(server.status(second).await["status"], "submitted");
    let answer = server.cancel(second).await;
    assert_eq!((&answer["status"], answer.get("startTime")), (&json!("cancelled"), None));
    gate.open();
    server.ended(first).await;
    assert_eq!(server.stored(second).await.attempt, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_in_the_order_they_came() {
    let (server, gate, first) = gated(&[QUERY], |config| config.runner.jobs = 1).await;
    let mut jobs = vec![first];
    for _ in 0..3 {
        jobs.push(server.submit(&[QUERY]).await);
    }
    gate.open();
    for job in jobs {
        assert_eq!(server.ended(job).await.state, State::Completed);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_query_aborts_its_job_and_says_why() {
    let (server, gate, job) = gated(&[QUERY, QUERY], |_| {}).await;
    gate.fail();
    let ended = server.ended(job).await;
    assert_eq!(ended.fault.unwrap().kind, FaultKind::Query);
    let status = server.status(job).await;
    assert_eq!(
        (&status["status"], &status["terminal"], &status["errorCode"]),
        (&json!("aborted"), &json!(true), &json!("90007"))
    );
    let message = |batch: usize| status["batches"][batch]["message"].as_str().unwrap().to_owned();
    assert_eq!(message(0), "the data cannot be read: the log of the server has the reason, by the job's id");
    assert_eq!((status["batches"][1]["status"].as_str(), message(1)), (Some("aborted"), String::new()));
    assert_eq!(server.files(), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_runs_too_long_aborts_its_job() {
    let (server, _gate, job) = gated(&[QUERY], |config| config.tenant.limits.query_seconds = 60).await;
    server.clock.advance(seconds(60));
    assert_eq!(server.ended(job).await.fault.unwrap().kind, FaultKind::TimeLimit);
    let status = server.status(job).await;
    assert_eq!((&status["status"], &status["errorCode"]), (&json!("aborted"), &json!("90027")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_while_the_runner_works() {
    let (server, gate, job) = gated(&[QUERY], |_| {}).await;
    let lease = Lease { token: LeaseToken("thief".into()), until: jiff::Timestamp::MAX };
    for _ in 0..10 {
        server.clock.advance(seconds(11));
        let renewed = server.running.app.runner.renewed(job).unwrap();
        renewed.clone().wait_for(|until| *until >= server.clock.now() + seconds(30)).await.unwrap();
        assert_eq!(server.running.app.store.take(&lease, server.clock.now(), &Terms::default()).await.unwrap(), None);
    }
    gate.open();
    assert_eq!(server.ended(job).await.attempt, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_slept_goes_on_with_its_job() {
    let (server, gate, job) = gated(&[QUERY], |_| {}).await;
    server.clock.advance(SignedDuration::from_hours(1));
    let renewed = server.running.app.runner.renewed(job).unwrap();
    renewed.clone().wait_for(|until| *until > server.clock.now()).await.unwrap();
    gate.open();
    let ended = server.ended(job).await;
    assert_eq!((ended.state, ended.attempt), (State::Completed, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_lost_its_lease_publishes_nothing() {
    let (server, gate, job) = gated(&[QUERY], |_| {}).await;
    let store = &server.running.app.store;
    store.drop_leases().await.unwrap();
    let lease = Lease { token: LeaseToken("other".into()), until: jiff::Timestamp::MAX };
    let taken = store.take(&lease, server.clock.now(), &Terms::default()).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.attempt), (job, 2));
    let mut left = server.running.app.runner.left();
    gate.open();
    left.changed().await.unwrap();
    assert_eq!(server.stored(job).await, taken);
    assert_eq!(server.files(), Vec::<String>::new());
    server.apply(job, Event::Cancelled { at: epoch() }).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_session_wait_for_each_other_and_for_nobody_else() {
    let mut gate = None;
    let server = Server::on(|_| {}, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate = gate.unwrap();
    let body = json!({
        "version": "1.1", "partner": "acme", "project": "p", "queries": [{ "query": QUERY }],
    });
    let submit = || async {
        let answer = server.send(Request::new("POST", "/v1/batch-query").body(body.to_string())).await.json();
        answer["id"].as_str().unwrap().parse().unwrap()
    };
    let (first, second) = (submit().await, submit().await);
    let other = server.submit(&[QUERY]).await;
    gate.reached(2).await;
    assert!(server.running.app.runner.is_at_work(first) && server.running.app.runner.is_at_work(other));
    assert_eq!(server.status(second).await["status"], "submitted");
    gate.open();
    // Nothing but the end of the first calls for the second: the clock stands still.
    assert_eq!(server.ended(second).await.state, State::Completed);
    let status = server.status(second).await;
    assert_eq!((&status["batches"][0]["full"], &status["batches"][0]["recordCount"]), (&json!(false), &json!(0)));
    for job in [first, other] {
        server.ended(job).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_gives_back_what_does_not_end_in_time() {
    let (server, _gate, job) = gated(&[QUERY], |config| config.server.shutdown_grace_seconds = 10).await;
    let store = server.running.app.store.clone();
    let clock = server.clock.clone();
    let runner = server.running.app.runner.clone();
    let stopping = tokio::spawn(server.running.stop());
    while !runner.is_stopping() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.job("default", job).await.unwrap().unwrap().state, State::Executing);
    clock.advance(seconds(10));
    stopping.await.unwrap();
    let given_back = store.job("default", job).await.unwrap().unwrap();
    assert_eq!((given_back.state, given_back.attempt), (State::Submitted, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_server_that_died_is_run_again_at_once_and_its_traces_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let clock = aquifer::clock::Manual::at(epoch());
    // What a server that was killed leaves: a lease that has not run out, half a file, and an upload.
    let job = {
        let config = config(dir.path());
        let store = config.open_store().unwrap();
        config.open_source("default", Arc::new(clock.clone())).unwrap();
        let query = json!({ "queries": [{ "query": QUERY }] }).to_string();
        let spec = aquifer::aqua::submit::read(query.as_bytes()).unwrap().spec;
        let job = aquifer::job::Job::new(aquifer::job::JobId::new(epoch()), "default".into(), spec, vec![], epoch());
        store.insert(&job, 50, None).await.unwrap();
        let lease = Lease { token: LeaseToken("dead".into()), until: epoch() + seconds(30) };
        let taken = store.take(&lease, epoch(), &Terms::default()).await.unwrap().unwrap();
        let attempt = config.results_dir().join(taken.attempt_prefix());
        std::fs::create_dir_all(&attempt).unwrap();
        std::fs::write(attempt.join("half.csv"), "Account: ID\n1").unwrap();
        std::fs::write(attempt.join("upload.csv#1"), "Acc").unwrap();
        job.id
    };
    let running = App::start(config(dir.path()), Arc::new(clock.clone())).await.unwrap();
    let mut left = running.app.runner.left();
    left.wait_for(|left| *left > 0).await.unwrap();
    let done = running.app.store.job("default", job).await.unwrap().unwrap();
    assert_eq!((done.state, done.attempt), (State::Completed, 2));
    running.app.tidy().await.unwrap();
    let kept = running.app.store.kept(job).await.unwrap();
    let job_dir = dir.path().join("results").join(job.to_string());
    let attempts: Vec<_> = std::fs::read_dir(&job_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((kept.files.len(), attempts), (1, vec!["2".into()]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_runners_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = config(dir.path()).open_store().unwrap();
    let spec = aquifer::aqua::submit::read(br#"{"queries": [{"query": "select Id from Account"}]}"#).unwrap().spec;
    let job = aquifer::job::Job::new(aquifer::job::JobId::new(epoch()), "default".into(), spec, vec![], epoch());
    store.insert(&job, 50, None).await.unwrap();
    for _ in 0..3 {
        let lease = Lease { token: LeaseToken("dead".into()), until: epoch() };
        store.take(&lease, epoch(), &Terms::default()).await.unwrap().unwrap();
    }
    let running = App::start(config(dir.path()), Arc::new(aquifer::clock::Manual::at(epoch()))).await.unwrap();
    let credentials = aquifer::access::create_client(&*running.app.store, "default", "test", epoch()).await.unwrap();
    let request = || {
        Request::new("GET", &format!("/v1/batch-query/jobs/{}", job.id))
            .header("apiAccessKeyId", &credentials.client_id)
            .header("apiSecretAccessKey", &credentials.client_secret)
    };
    let mut status = Value::Null;
    while status["terminal"] != true {
        status = request().send(&running.url).await.json();
    }
    assert_eq!((&status["status"], &status["errorCode"]), (&json!("aborted"), &json!("90010")));
    assert!(status["batches"][0]["message"].as_str().unwrap().contains("3 times"), "{status}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_at_a_time_works_on_a_directory() {
    let server = Server::start().await;
    let Err(error) = App::start(config(server.dir.path()), Arc::new(server.clock.clone())).await else {
        panic!("two servers on one directory");
    };
    assert!(error.to_string().contains("another server is running"), "{error}");
    let dir = server.stop().await;
    let again = App::start(config(dir.path()), Arc::new(aquifer::clock::System)).await.unwrap();
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_leaves_the_disk() {
    let server = Server::start().await;
    let job = server.submit(&[QUERY]).await;
    server.ended(job).await;
    server.running.app.tidy().await.unwrap();
    assert_eq!(server.files().len(), 1, "a published file is not swept");
    server.clock.advance(SignedDuration::from_hours(72));
    server.running.app.tidy().await.unwrap();
    assert_eq!(server.files(), Vec::<String>::new());
    server.clock.advance(SignedDuration::from_hours(24 * 180));
    server.running.app.tidy().await.unwrap();
    assert_eq!(server.running.app.store.job("default", job).await.unwrap(), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_waits_for_no_load_and_stops_at_no_file() {
    let server = Server::start().await;
    let job = server.submit(&[QUERY]).await;
    server.ended(job).await;
    // A folder is not deleted as a file is.
    std::fs::create_dir_all(server.dir.path().join(format!("results/{job}/1/stuck"))).unwrap();
    let load = server.data("default").begin_load_now().unwrap();
    server.clock.advance(SignedDuration::from_hours(72));
    server.running.app.tidy().await.unwrap();
    assert_eq!(server.files(), Vec::<String>::new());
    drop(load);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_client_is_out() {
    let server = Server::start().await;
    let id = &server.credentials.client_id;
    assert!(server.running.app.store.revoke_client(id, epoch()).await.unwrap());
    assert_eq!(server.send(Request::new("GET", "/v1/batch-query/jobs/0")).await.status, 401);
    let form =
        format!("grant_type=client_credentials&client_id={id}&client_secret={}", server.credentials.client_secret);
    let answer = Request::new("POST", "/oauth/token").body(form).send(&server.running.url).await;
    assert_eq!((answer.status, &answer.json()["error"]), (403, &json!("Forbidden")));
    server.stop().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_be_packed_but_not_unpack_to_more_than_they_may() {
    let server = Server::with(|config| config.server.body_bytes = 1 << 20).await;
    let post = |body: Vec<u8>| Request::new("POST", "/v1/batch-query").header("Content-Encoding", "gzip").body(body);
    let whole = json!({ "queries": [{ "query": QUERY }] }).to_string();
    let answer = server.send(post(gzip(whole.as_bytes()))).await.json();
    assert_eq!(answer["status"], "submitted");
    let bomb = format!("{whole}{}", " ".repeat(2 << 20));
    for bad in [gzip(bomb.as_bytes()), whole.into_bytes(), gzip(b"{}")[..10].to_vec()] {
        let answer = server.send(post(bad)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (200, &json!(50_000_090)));
    }
    server.ended(answer["id"].as_str().unwrap().parse().unwrap()).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_packed_for_who_asks() {
    let server = Server::start().await;
    let job = server.submit(&["select * from Account"]).await;
    let done = server.ended(job).await;
    let file = &done.published().next().unwrap().1;
    assert!(file.bytes > 1000);
    let get = || Request::new("GET", &format!("/v1/files/{}", file.id));
    let plain = server.send(get()).await;
    let packed = server.send(get().header("Accept-Encoding", "gzip, deflate")).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("etag"), Some(format!("W/\"{}\"", file.sha256).as_str()));
    assert_eq!((packed.header("accept-ranges"), packed.header("repr-digest")), (None, None));
    let mut unpacked = Vec::new();
    flate2::write::GzDecoder::new(&mut unpacked).write_all(&packed.body).unwrap();
    assert_eq!(unpacked, plain.body);
    assert_eq!(plain.header("content-length"), Some(file.bytes.to_string().as_str()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_kept() {
    let server = Server::start().await;
    server.send(Request::new("POST", "/v1/batch-query").body(r#"{"queries": []}"#)).await;
    let refusals = server.running.app.store.refusals("default", None, 9).await.unwrap();
    let kept: Vec<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(kept, ["90016"]);
    assert_eq!(refusals[0].client, server.credentials.client_id);
    server.stop().await;
}
