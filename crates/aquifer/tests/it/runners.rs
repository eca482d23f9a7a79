//! Several runners on one store, some of which are late.

use std::{collections::HashSet, sync::Arc};

use aquifer::{
    clock::{Clock as _, Manual},
    config::{Config, DEFAULT},
    job::{Job, JobId, SessionKey, State},
    runner::Runner,
    tenant::Tenants,
};
use jiff::SignedDuration;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    crash::Random,
    gate::Gate,
    http::Request,
    server::{Server, epoch},
};

const QUERY: &str = "select Id, Name from Account";

/// A runner beside the server's own, with data and a clock of its own.
async fn another(server: &Server, clock: &Manual) -> (Arc<Runner>, JoinHandle<()>) {
    let app = &server.running.app;
    let clock: Arc<dyn aquifer::clock::Clock> = Arc::new(clock.clone());
    let tenants = Tenants::open(&app.config, &clock).unwrap();
    let runner = Arc::new(Runner::new(app.config.clone(), clock, app.store.clone(), tenants, app.results.clone()));
    (runner.clone(), tokio::spawn(runner.dispatch()))
}

async fn stop(runner: (Arc<Runner>, JoinHandle<()>)) {
    runner.0.stop().await;
    runner.1.await.unwrap();
}

async fn submit_to(server: &Server, project: &str) -> JobId {
    let query = json!({ "query": QUERY });
    let job = json!({ "version": "1.1", "partner": "acme", "project": project, "queries": [query] });
    let answer = server.send(Request::new("POST", "/v1/batch-query").body(job.to_string())).await.json();
    answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Waits until a job is in none of the runners' hands and has ended.
async fn ended(server: &Server, runners: &[&Runner], job: JobId) -> Job {
    loop {
        let stored = server.stored(job).await;
        if stored.state.is_terminal() && !runners.iter().any(|runner| runner.is_at_work(job)) {
            return stored;
        }
        tokio::task::yield_now().await;
    }
}

async fn positions(server: &Server, project: &str) -> Vec<(u32, String, String)> {
    let key = SessionKey { partner: "acme".into(), project: project.into() };
    let increments = server.running.app.store.increments(DEFAULT, &key, 0, u32::MAX).await.unwrap();
    let scope = |job: &Job| job.batches[0].scope.clone().unwrap();
    let from = |job: &Job| scope(job).from.map(|from| from.position).unwrap_or_default();
    increments.iter().map(|one| (one.number, from(&one.job), scope(&one.job).to.position)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_frozen_past_its_lease_neither_publishes_nor_moves_the_session() {
    let mut gate = None;
    let server = Server::on(|_| {}, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate = gate.unwrap();
    let job = submit_to(&server, "p").await;
    gate.reached(1).await;
    // For the first runner the clock stands still: it renews nothing. For everybody else its lease runs out.
    server.load("Account", "Id,Name\n11111111111111111111111111111103,Zeta II\n");
    let later = Manual::at(epoch() + SignedDuration::from_secs(31));
    let other = another(&server, &later).await;
    while server.stored(job).await.state != State::Completed {
        tokio::task::yield_now().await;
    }
    let (done, third) = (server.stored(job).await, format!("3@{}", epoch()));
    assert_eq!((done.attempt, positions(&server, "p").await), (2, vec![(1, String::new(), third.clone())]));

    // It wakes up, reads an older snapshot to its end, and finds that nobody wants it.
    gate.open();
    ended(&server, &[&server.running.app.runner, &other.0], job).await;
    assert_eq!(server.stored(job).await, done);
    let files = server.files();
    assert!(files.len() == 1 && files[0].contains(&done.attempt_prefix()), "{files:?}");
    // And so the session goes on from where the other has brought it.
    let next = submit_to(&server, "p").await;
    ended(&server, &[&server.running.app.runner, &other.0], next).await;
    assert_eq!(positions(&server, "p").await[1..], [(2, third.clone(), third)]);
    stop(other).await;
    server.stop().await;
}

fn crowded(config: &mut Config) {
    config.runner.jobs = 3;
    config.runner.threads = 1;
    config.runner.max_attempts = u32::MAX;
    config.tenant.limits.concurrent_jobs = 1000;
}

/// Three runners, and jobs of sessions and others between them.
async fn crowd(clocks: [&Manual; 2]) -> (Server, [(Arc<Runner>, JoinHandle<()>); 2], Vec<JobId>) {
    let server = Server::with(crowded).await;
    let others = [another(&server, clocks[0]).await, another(&server, clocks[1]).await];
    let mut jobs = Vec::new();
    for number in 0..60 {
        jobs.push(match number % 4 {
            0 => server.submit(&[QUERY]).await,
            project => submit_to(&server, &format!("p{project}")).await,
        });
        others.iter().for_each(|(runner, _)| runner.wake());
        if number % 10 == 0 {
            server.load("Account", &format!("Id,Name\n11111111111111111111111111111103,Zeta {number}\n"));
        }
    }
    (server, others, jobs)
}

/// Each job has been done once: its files are those of its last attempt, and windows follow each other.
async fn check_done_once(server: &Server, jobs: &[JobId]) {
    let mut kept = HashSet::new();
    for job in jobs {
        let job = server.stored(*job).await;
        assert_eq!(job.state, State::Completed);
        for (_, file) in job.published() {
            assert!(file.path.starts_with(&job.attempt_prefix()), "{job:?}");
            kept.insert(file.path.clone());
        }
    }
    assert_eq!(kept.len(), jobs.len());
    server.running.app.tidy().await.unwrap();
    let files = server.files();
    assert_eq!(files.len(), kept.len(), "{files:?}");
    for project in ["p1", "p2", "p3"] {
        let positions = positions(server, project).await;
        assert_eq!(positions.len(), 15, "{positions:?}");
        let mut last = String::new();
        for (number, (numbered, from, to)) in (1..).zip(positions) {
            assert_eq!((numbered, &from), (number, &last));
            last = to;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runners_on_one_store_never_run_one_job_at_once() {
    let clock = Manual::at(epoch());
    let (server, others, jobs) = crowd([&clock, &clock]).await;
    for job in &jobs {
        let runners = [&*server.running.app.runner, &others[0].0, &others[1].0];
        assert_eq!(ended(&server, &runners, *job).await.attempt, 1);
    }
    check_done_once(&server, &jobs).await;
    for other in others {
        stop(other).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runners_that_keep_losing_their_leases_do_each_job_once() {
    // On a busy machine it may be that nobody is in the middle of anything when a clock is moved.
    for seed in 3..9 {
        if runners_that_are_late_do_each_job_once(seed).await {
            return;
        }
    }
    panic!("nobody lost anything");
}

/// Whether somebody has lost a lease.
async fn runners_that_are_late_do_each_job_once(seed: u64) -> bool {
    let clocks = [Manual::at(epoch()), Manual::at(epoch())];
    let (server, others, jobs) = crowd([&clocks[0], &clocks[1]]).await;
    // Each runner in turn is late by more than a lease, in the middle of whatever it does.
    let mut random = Random(seed);
    for _ in 0..400 {
        let clock = [&server.clock, &clocks[0], &clocks[1]][random.below(3) as usize];
        clock.advance(SignedDuration::from_secs(random.below(40) as i64));
        for _ in 0..random.below(30) {
            tokio::task::yield_now().await;
        }
    }
    let last = [&server.clock, &clocks[0], &clocks[1]].map(|clock| clock.now()).into_iter().max().unwrap();
    for clock in [&server.clock, &clocks[0], &clocks[1]] {
        // Past every lease that anybody has given himself.
        clock.advance(last.duration_since(clock.now()) + SignedDuration::from_secs(60));
    }
    let runners = [&*server.running.app.runner, &others[0].0, &others[1].0];
    let mut attempts = 0;
    for job in &jobs {
        let mut left = server.stored(*job).await;
        while !left.state.is_terminal() {
            // Nobody else moves the clocks, and they must be: a lease that was lost late runs out later.
            for clock in [&server.clock, &clocks[0], &clocks[1]] {
                clock.advance(SignedDuration::from_secs(1));
            }
            left = server.stored(*job).await;
        }
        attempts += ended(&server, &runners, *job).await.attempt;
    }
    println!("{attempts} attempts");
    check_done_once(&server, &jobs).await;
    for other in others {
        stop(other).await;
    }
    server.stop().await;
    attempts > jobs.len() as u32
}
