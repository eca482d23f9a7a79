//! What every store must do. An implementation is done when [`check`] passes on it.

mod access;
mod callouts;
mod sessions;

use std::{future::Future, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use access::{
    a_client_and_its_tokens_end_together, a_secret_is_changed_with_and_without_an_overlap, a_tenant_has_one_recipient,
    a_token_ends_with_its_time, an_id_can_be_had_again_once_it_is_revoked, rights_are_kept_and_changed,
};
use callouts::{
    a_callout_can_be_sent_again, a_callout_goes_on_by_its_tries, a_callout_waits_from_the_end_of_its_job_on,
    callouts_are_listed_newest_first_and_go_with_their_jobs, callouts_are_taken_when_they_are_due_and_once,
    tenants_take_turns_with_their_callouts, the_last_tries_of_a_callout_are_kept,
};
use sessions::{
    a_replay_that_is_downloaded_delivers_its_increment, a_replay_without_rows_delivers_its_increment_when_it_completes,
    a_session_forgets_queries_that_it_has_not_had_for_long, a_session_moves_with_its_completed_job_and_only_with_it,
    an_increment_that_is_purged_before_it_was_delivered_is_lost, increments_are_numbered_downloaded_and_acknowledged,
    increments_are_numbered_on_as_long_as_there_are_any, increments_are_read_one_by_one_and_page_by_page,
    jobs_of_a_session_run_one_after_another, sessions_are_listed_those_of_the_newest_jobs_first,
    the_last_completed_job_of_a_session_is_the_newest, what_was_lost_of_a_query_goes_back_to_where_it_was_delivered,
};

use super::{
    Claim, Error, Kept, KeptAnswer, KeyedRequest, Lease, LeaseToken, MOST_REFUSALS, Refusal, Retention, Store, Terms,
};
use crate::job::{
    BatchState, Event, Fault, FaultKind, FileId, Flag, FullReason, Identity, Job, JobId, Output, Query, ResultFile,
    Scope, SessionKey, SnapshotMark, Spec, State, session::Undelivered,
};

/// Runs every behaviour on a store of its own. `open` makes an empty one, and what must outlive it.
pub async fn check<Guard, Opened>(open: impl Fn() -> Opened)
where
    Opened: Future<Output = (Arc<dyn Store>, Guard)>,
{
    macro_rules! behaviours {
        ($($behaviour:ident)*) => {$(
            let (store, _guard) = open().await;
            println!("{}", stringify!($behaviour));
            $behaviour(&*store).await;
        )*};
    }
    behaviours! {
        a_job_comes_back_as_it_was_stored
        a_job_of_another_tenant_is_not_there
        jobs_are_taken_oldest_first_and_once
        turns_go_round_tenants_and_partners
        who_has_fewer_jobs_at_work_comes_first
        only_so_many_jobs_of_a_mode_execute
        a_postponed_job_rests
        a_job_whose_lease_ran_out_is_taken_again_from_the_start
        a_job_that_outlives_too_many_runners_is_aborted
        who_lost_the_lease_can_do_nothing
        a_renewed_lease_does_not_run_out
        dropped_leases_are_free_at_once
        a_released_job_waits_again
        files_are_published_with_the_end_of_the_job_and_not_before
        a_cancelled_job_keeps_what_has_finished_and_leaves_its_runner_without_lease
        an_illegal_event_changes_nothing
        open_jobs_are_counted_for_each_tenant_and_mode
        jobs_are_listed_newest_first_and_page_by_page
        the_last_completed_job_of_a_session_is_the_newest
        jobs_of_a_session_run_one_after_another
        a_session_moves_with_its_completed_job_and_only_with_it
        increments_are_numbered_downloaded_and_acknowledged
        increments_are_read_one_by_one_and_page_by_page
        what_was_lost_of_a_query_goes_back_to_where_it_was_delivered
        sessions_are_listed_those_of_the_newest_jobs_first
        a_replay_that_is_downloaded_delivers_its_increment
        a_replay_without_rows_delivers_its_increment_when_it_completes
        what_is_over_is_purged
        an_increment_that_is_purged_before_it_was_delivered_is_lost
        increments_are_numbered_on_as_long_as_there_are_any
        a_session_forgets_queries_that_it_has_not_had_for_long
        upkeep_changes_nothing
        the_last_refusals_of_a_client_are_kept
        a_client_and_its_tokens_end_together
        a_token_ends_with_its_time
        a_secret_is_changed_with_and_without_an_overlap
        rights_are_kept_and_changed
        an_id_can_be_had_again_once_it_is_revoked
        a_tenant_has_one_recipient
        a_key_gives_the_first_answer_for_a_day
        a_job_comes_with_the_answer_to_its_request
        a_callout_waits_from_the_end_of_its_job_on
        callouts_are_taken_when_they_are_due_and_once
        tenants_take_turns_with_their_callouts
        the_last_tries_of_a_callout_are_kept
        a_callout_goes_on_by_its_tries
        a_callout_can_be_sent_again
        callouts_are_listed_newest_first_and_go_with_their_jobs
    }
}

async fn a_key_gives_the_first_answer_for_a_day(store: &dyn Store) {
    let request = |key: &str, target: &str| KeyedRequest { tenant: "a".into(), key: key.into(), target: target.into() };
    let claim = async |request: &KeyedRequest, second| store.claim_key(request, at(second)).await.unwrap();
    let (first, other) = (request("k", "POST /x"), request("k", "POST /y"));
    let of_another_tenant = KeyedRequest { tenant: "b".into(), ..first.clone() };
    let answer = KeptAnswer { status: 418, headers: vec![("a".into(), "b".into())], body: vec![0, 255] };

    assert_eq!(claim(&first, 1).await, Claim::New);
    assert_eq!(claim(&of_another_tenant, 1).await, Claim::New);
    assert_eq!((claim(&first, 2).await, claim(&other, 2).await), (Claim::Unanswered, Claim::OfAnother));
    store.answer_key(&first, &answer).await.unwrap();
    store.drop_unanswered_keys().await.unwrap();
    assert_eq!(claim(&first, 86_400).await, Claim::Answered(answer));
    assert_eq!(claim(&of_another_tenant, 3).await, Claim::New, "it was never answered");
    assert_eq!(claim(&first, 86_401).await, Claim::New);
}

async fn a_job_comes_with_the_answer_to_its_request(store: &dyn Store) {
    let requests =
        ["k", "l"].map(|key| KeyedRequest { tenant: "default".into(), key: key.into(), target: "POST /x".into() });
    let answer = KeptAnswer { status: 200, headers: vec![], body: b"a job".to_vec() };
    for (request, is_stored) in requests.iter().zip([true, false]) {
        assert_eq!(store.claim_key(request, at(1)).await.unwrap(), Claim::New);
        assert_eq!(store.insert(&job(), 1, Some((request, &answer))).await.is_ok(), is_stored);
    }
    // As after a crash.
    store.drop_unanswered_keys().await.unwrap();
    assert_eq!(store.claim_key(&requests[0], at(2)).await.unwrap(), Claim::Answered(answer));
    assert_eq!(store.claim_key(&requests[1], at(2)).await.unwrap(), Claim::New, "there was no room for its job");
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn job_of(tenant: &str, session: Option<(&str, &str)>) -> Job {
    let query = |text: &str| Query { name: Some("Käse".into()), ..Query::of(text) };
    let spec = Spec {
        name: Some("nightly".into()),
        null_replacement: Some("NULL".into()),
        ..Spec::of(vec![query("select Id from Account"), query("select Id from Invoice")])
    };
    let spec = match session {
        Some((partner, project)) => spec.in_session(partner, project),
        None => spec,
    };
    Job::new(JobId::new(at(0)), tenant.into(), spec, vec!["careful".into()], at(0))
}

fn job() -> Job {
    job_of("default", None)
}

async fn submitted(store: &dyn Store, job: Job) -> Job {
    store.insert(&job, 50, None).await.unwrap();
    job
}

fn lease(token: &str, until: i64) -> Lease {
    Lease { token: LeaseToken(token.into()), until: at(until) }
}

/// The terms of a runner that is at work already.
fn busy_with(at_work: &[JobId]) -> Terms {
    Terms { at_work: at_work.to_vec(), ..Terms::default() }
}

fn finished(batch: usize) -> Event {
    let file = ResultFile {
        id: FileId::new(at(5)),
        path: format!("some/1/{batch}.csv"),
        rows: 3,
        bytes: 1 << 40,
        sha256: "ab".repeat(32),
    };
    Event::BatchFinished { batch, at: at(5), output: Output { rows: 3, files: vec![file], ..Output::default() } }
}

fn began() -> Event {
    Event::Began(SnapshotMark { at: at(3), position: "17".into() })
}

/// Applies events by the lease `a`, which takes the job up at second 1 and holds it until second 10.
async fn run(store: &dyn Store, events: impl IntoIterator<Item = Event>) -> Job {
    let mut job = store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap();
    for event in events {
        job = store.apply(job.id, Some(&LeaseToken("a".into())), event).await.unwrap();
    }
    job
}

fn both_batches() -> Vec<Event> {
    let started = |batch| Event::BatchStarted { batch, at: at(4), scope: None };
    vec![began(), started(0), finished(0), started(1), finished(1)]
}

async fn a_job_comes_back_as_it_was_stored(store: &dyn Store) {
    let job = submitted(store, job()).await;
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(job));
    let job = run(store, both_batches()).await;
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(job.clone()));
    let fault = Fault { kind: FaultKind::TimeLimit, message: "too long".into() };
    let failed = Event::Failed { at: at(6), batch: Some(1), fault };
    let job = store.apply(job.id, Some(&LeaseToken("a".into())), failed).await.unwrap();
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(job));
    assert_eq!(store.job("default", JobId::new(at(0))).await.unwrap(), None);
}

async fn a_job_of_another_tenant_is_not_there(store: &dyn Store) {
    let job = submitted(store, job()).await;
    assert_eq!(store.job("other", job.id).await.unwrap(), None);
    run(store, both_batches()).await;
    let done = store.apply(job.id, Some(&LeaseToken("a".into())), Event::Completed { at: at(6) }).await.unwrap();
    let (_, file) = done.published().next().unwrap();
    assert!(store.file("default", file.id).await.unwrap().is_some());
    assert_eq!(store.file("other", file.id).await.unwrap(), None);
}

async fn jobs_are_taken_oldest_first_and_once(store: &dyn Store) {
    let first = submitted(store, job()).await;
    let second = submitted(store, job()).await;
    let taken = store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.state, taken.attempt), (first.id, State::Executing, 1));
    assert_eq!(store.take(&lease("b", 10), at(1), &Terms::default()).await.unwrap().unwrap().id, second.id);
    assert_eq!(store.take(&lease("c", 10), at(1), &Terms::default()).await.unwrap(), None);
}

/// Submits a stateless job of a tenant that names a partner, or none.
async fn named(store: &dyn Store, tenant: &str, partner: &str) -> JobId {
    let mut job = job_of(tenant, None);
    job.spec.partner = Some(partner.to_owned()).filter(|partner| !partner.is_empty());
    submitted(store, job).await.id
}

/// Takes one job after another, each of which ends before the next is taken.
async fn one_after_another(store: &dyn Store, jobs: usize) -> Vec<JobId> {
    let mut taken = Vec::new();
    for _ in 0..jobs {
        let job = store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap();
        store.apply(job.id, None, Event::Cancelled { at: at(2) }).await.unwrap();
        taken.push(job.id);
    }
    taken
}

async fn turns_go_round_tenants_and_partners(store: &dyn Store) {
    let mut many = Vec::new();
    for _ in 0..40 {
        many.push(named(store, "default", "acme").await);
    }
    let unnamed = [named(store, "default", "").await, named(store, "default", "").await];
    let session = submitted(store, stateful()).await.id;
    let other = named(store, "other", "acme").await;
    // The tenants in turn; within one the partners, of which no name is one; within one of those the oldest, of either mode.
    let expected = [many[0], other, unnamed[0], many[1], unnamed[1], many[2], many[3]];
    assert_eq!(one_after_another(store, expected.len()).await, expected);
    assert_eq!(one_after_another(store, 37).await.last(), Some(&session));
}

async fn who_has_fewer_jobs_at_work_comes_first(store: &dyn Store) {
    let mut jobs = Vec::new();
    for (tenant, partner) in [("default", "a"), ("default", "a"), ("default", "b"), ("default", "b"), ("other", "a")] {
        jobs.push(named(store, tenant, partner).await);
    }
    for expected in [0, 4, 2] {
        let taken = store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap();
        assert_eq!(taken.id, jobs[expected]);
    }
    // The turn is a's, but so is the job at work.
    store.apply(jobs[2], None, Event::Cancelled { at: at(2) }).await.unwrap();
    assert_eq!(store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap().id, jobs[3]);
}

async fn only_so_many_jobs_of_a_mode_execute(store: &dyn Store) {
    let terms = Terms { executing: [("default".to_owned(), 1)].into(), ..Terms::default() };
    let first = submitted(store, job()).await;
    let second = submitted(store, job()).await;
    let session = submitted(store, stateful()).await;
    let others = [submitted(store, job_of("other", None)).await.id, submitted(store, job_of("other", None)).await.id];
    for expected in [first.id, others[0], session.id, others[1]] {
        assert_eq!(store.take(&lease("a", 10), at(1), &terms).await.unwrap().unwrap().id, expected);
    }
    assert_eq!(store.take(&lease("a", 10), at(9), &terms).await.unwrap(), None);
    // A dead runner's job does not keep its place, but is the first to have one.
    assert_eq!(store.take(&lease("b", 20), at(10), &busy_with(&others)).await.unwrap().unwrap().id, first.id);
    store.apply(first.id, None, Event::Cancelled { at: at(11) }).await.unwrap();
    let terms = Terms { at_work: others.to_vec(), ..terms };
    assert_eq!(store.take(&lease("c", 20), at(11), &terms).await.unwrap().unwrap().id, session.id);
    assert_eq!(store.take(&lease("c", 20), at(11), &terms).await.unwrap().unwrap().id, second.id);
}

async fn a_postponed_job_rests(store: &dyn Store) {
    submitted(store, stateful()).await;
    submitted(store, stateful()).await;
    let job = run(store, both_batches().into_iter().chain([Event::Postponed { until: at(20) }])).await;
    assert_eq!((job.state, job.postponed_until), (State::Submitted, Some(at(20))));
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(job.clone()));
    assert!(matches!(store.apply(job.id, Some(&LeaseToken("a".into())), began()).await, Err(Error::LeaseLost)));
    assert_eq!(
        store.take(&lease("b", 99), at(19), &Terms::default()).await.unwrap(),
        None,
        "its session waits with it"
    );
    let again = store.take(&lease("b", 99), at(20), &Terms::default()).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, again.postponed_until), (job.id, 2, None));
}

async fn a_job_whose_lease_ran_out_is_taken_again_from_the_start(store: &dyn Store) {
    submitted(store, job()).await;
    let job = run(store, both_batches()).await;
    assert_eq!(store.take(&lease("b", 20), at(9), &Terms::default()).await.unwrap(), None);
    assert_eq!(
        store.take(&lease("b", 20), at(10), &busy_with(&[job.id])).await.unwrap(),
        None,
        "nobody takes from himself"
    );
    let again = store.take(&lease("b", 20), at(10), &Terms::default()).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt, &again.snapshot), (job.id, 2, &None));
    assert!(again.batches.iter().all(|batch| batch.state == BatchState::Pending && batch.output.is_none()));
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(again));
}

async fn a_job_that_outlives_too_many_runners_is_aborted(store: &dyn Store) {
    let job = submitted(store, job()).await;
    let other = submitted(store, job_of("default", None)).await;
    let once = Terms { max_attempts: 1, ..Terms::default() };
    store.take(&lease("a", 10), at(1), &once).await.unwrap();
    let next = store.take(&lease("b", 20), at(10), &once).await.unwrap().unwrap();
    assert_eq!(next.id, other.id, "the next one is taken in its place");
    let given_up = store.job("default", job.id).await.unwrap().unwrap();
    assert_eq!((given_up.state, given_up.fault.unwrap().kind), (State::Aborted, FaultKind::Internal));
}

async fn who_lost_the_lease_can_do_nothing(store: &dyn Store) {
    let job = submitted(store, job()).await;
    store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap();
    let again = store.take(&lease("b", 20), at(10), &Terms::default()).await.unwrap().unwrap();
    let old = LeaseToken("a".into());
    assert!(matches!(store.apply(job.id, Some(&old), began()).await, Err(Error::LeaseLost)));
    assert!(matches!(store.renew(job.id, &lease("a", 99)).await, Err(Error::LeaseLost)));
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(again));
    assert!(store.apply(job.id, Some(&LeaseToken("b".into())), began()).await.is_ok());
}

async fn a_renewed_lease_does_not_run_out(store: &dyn Store) {
    let job = submitted(store, job()).await;
    store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap();
    store.renew(job.id, &lease("a", 30)).await.unwrap();
    assert_eq!(store.take(&lease("b", 40), at(29), &Terms::default()).await.unwrap(), None);
    assert!(store.take(&lease("b", 40), at(30), &Terms::default()).await.unwrap().is_some());
}

async fn dropped_leases_are_free_at_once(store: &dyn Store) {
    let job = submitted(store, job()).await;
    run(store, both_batches()).await;
    store.drop_leases().await.unwrap();
    assert!(matches!(store.renew(job.id, &lease("a", 99)).await, Err(Error::LeaseLost)));
    let waiting = store.job("default", job.id).await.unwrap().unwrap();
    assert_eq!((waiting.state, waiting.snapshot, waiting.attempt), (State::Submitted, None, 1));
    assert_eq!(store.take(&lease("b", 20), at(2), &Terms::default()).await.unwrap().unwrap().attempt, 2);
    store.drop_leases().await.unwrap();
    let twice = Terms { max_attempts: 2, ..Terms::default() };
    assert_eq!(store.take(&lease("c", 30), at(3), &twice).await.unwrap(), None);
    let given_up = store.job("default", job.id).await.unwrap().unwrap();
    assert_eq!((given_up.state, given_up.fault.unwrap().kind), (State::Aborted, FaultKind::Internal));
}

async fn a_released_job_waits_again(store: &dyn Store) {
    submitted(store, job()).await;
    let job = run(store, both_batches().into_iter().chain([Event::Released])).await;
    assert_eq!((job.state, job.attempt), (State::Submitted, 0));
    assert!(matches!(store.apply(job.id, Some(&LeaseToken("a".into())), began()).await, Err(Error::LeaseLost)));
    assert_eq!(store.take(&lease("b", 20), at(2), &Terms::default()).await.unwrap().unwrap().id, job.id);
}

async fn files_are_published_with_the_end_of_the_job_and_not_before(store: &dyn Store) {
    let job = submitted(store, job()).await;
    let executing = run(store, both_batches()).await;
    let files: Vec<FileId> = executing
        .batches
        .iter()
        .flat_map(|batch| batch.output.iter().flat_map(|output| &output.files))
        .map(|file| file.id)
        .collect();
    assert_eq!(store.file("default", files[0]).await.unwrap(), None);
    let prefix = executing.attempt_prefix();
    assert_eq!(store.kept(job.id).await.unwrap(), Kept { attempt: Some(prefix), files: vec![] });

    store.apply(job.id, Some(&LeaseToken("a".into())), Event::Completed { at: at(6) }).await.unwrap();
    let file = store.file("default", files[1]).await.unwrap().unwrap();
    assert_eq!((file.job, file.bytes, file.path.as_str()), (job.id, 1 << 40, "some/1/1.csv"));
    assert_eq!((file.published_at, file.purged_at), (at(6), None));
    let kept = store.kept(job.id).await.unwrap();
    assert_eq!((kept.attempt, kept.files.len()), (None, 2));
    assert!(store.take(&lease("b", 99), at(50), &Terms::default()).await.unwrap().is_none());
}

async fn a_cancelled_job_keeps_what_has_finished_and_leaves_its_runner_without_lease(store: &dyn Store) {
    submitted(store, job()).await;
    let job = run(store, both_batches().into_iter().take(4)).await;
    let cancelled = store.apply(job.id, None, Event::Cancelled { at: at(6) }).await.unwrap();
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(store.kept(job.id).await.unwrap().files, ["some/1/0.csv"]);
    assert!(matches!(store.apply(job.id, Some(&LeaseToken("a".into())), finished(1)).await, Err(Error::LeaseLost)));
    assert!(store.take(&lease("b", 99), at(50), &Terms::default()).await.unwrap().is_none());
}

async fn an_illegal_event_changes_nothing(store: &dyn Store) {
    let job = submitted(store, job()).await;
    let cancelled = store.apply(job.id, None, Event::Cancelled { at: at(6) }).await.unwrap();
    let again = store.apply(job.id, None, Event::Cancelled { at: at(7) }).await;
    assert!(matches!(again, Err(Error::Illegal(_))));
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(cancelled));
    let unknown = store.apply(JobId::new(at(0)), None, Event::Cancelled { at: at(7) }).await;
    assert!(matches!(unknown, Err(Error::NoSuchJob)));
}

async fn open_jobs_are_counted_for_each_tenant_and_mode(store: &dyn Store) {
    let first = job();
    store.insert(&first, 1, None).await.unwrap();
    assert!(matches!(store.insert(&job(), 1, None).await, Err(Error::TooManyJobs)));
    store.insert(&job_of("other", None), 1, None).await.unwrap();
    store.insert(&job_of("default", Some(("acme", "nightly"))), 1, None).await.unwrap();
    store.apply(first.id, None, Event::Cancelled { at: at(1) }).await.unwrap();
    store.insert(&job(), 1, None).await.unwrap();
}

async fn jobs_are_listed_newest_first_and_page_by_page(store: &dyn Store) {
    assert_eq!(store.jobs("default", None, 10).await.unwrap(), []);
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.insert(0, submitted(store, job()).await);
        submitted(store, job_of("other", None)).await;
    }
    assert_eq!(store.jobs("default", None, 10).await.unwrap(), jobs);
    assert_eq!(store.jobs("default", None, 2).await.unwrap(), jobs[..2]);
    assert_eq!(store.jobs("default", Some(jobs[1].id), 2).await.unwrap(), jobs[2..]);
    assert_eq!(store.jobs("default", Some(jobs[2].id), 2).await.unwrap(), []);
    assert_eq!(store.jobs("default", Some(JobId::new(at(0))), 2).await.unwrap(), [], "one that is not there");
}

fn nightly() -> SessionKey {
    SessionKey { partner: "acme".into(), project: "nightly".into() }
}

fn stateful() -> Job {
    job_of("default", Some(("acme", "nightly")))
}

/// The two batches of a stateful job, up to a position.
fn both_scoped(position: &str) -> Vec<Event> {
    let to = SnapshotMark { at: at(3), position: position.into() };
    let scope = |batch: usize| Scope {
        identity: Identity {
            query: batch.to_string(),
            deleted: Some(("Gone".into(), Flag::Numeric)),
            currencies: None,
        },
        full: Some(FullReason::First),
        from: None,
        to: to.clone(),
        known: position.into(),
        lacks_deletions: true,
        undelivered: Some(Undelivered { increment: 7, is_held: true }),
    };
    let started = |batch| Event::BatchStarted { batch, at: at(4), scope: Some(scope(batch)) };
    vec![Event::Began(to.clone()), started(0), finished(0), started(1), finished(1)]
}

async fn what_is_over_is_purged(store: &dyn Store) {
    let hours = SignedDuration::from_hours;
    let retention = Retention { files: hours(72), jobs: hours(100), refusals: hours(10), sessions: hours(200) };
    submitted(store, job()).await;
    let job = run(store, both_batches().into_iter().chain([Event::Completed { at: at(0) }])).await;
    let waiting = submitted(store, job_of("default", None)).await;
    let refusal =
        Refusal { tenant: "default".into(), client: "c".into(), at: at(0), code: "90005".into(), message: "no".into() };
    store.add_refusal(&refusal).await.unwrap();
    store.expire(at(0) + hours(9), retention).await.unwrap();
    let others = Refusal { client: "other".into(), ..refusal.clone() };
    store.add_refusal(&others).await.unwrap();
    assert_eq!(store.refusals("default", None, 9).await.unwrap(), [others.clone(), refusal.clone()]);
    assert_eq!(store.refusals("default", None, 1).await.unwrap(), [others]);
    assert_eq!(store.refusals("default", Some(&refusal.client), 1).await.unwrap(), [refusal]);
    assert_eq!(store.refusals("other", None, 9).await.unwrap(), []);
    store.expire(at(0) + hours(10), retention).await.unwrap();
    assert_eq!(store.refusals("default", None, 9).await.unwrap(), []);
    let file = job.published().next().unwrap().1.id;

    store.expire(at(0) + hours(72) - SignedDuration::from_secs(1), retention).await.unwrap();
    assert_eq!(store.file("default", file).await.unwrap().unwrap().purged_at, None);
    let purged_at = at(0) + hours(72);
    store.expire(purged_at, retention).await.unwrap();
    store.expire(purged_at + hours(1), retention).await.unwrap();
    assert_eq!(store.file("default", file).await.unwrap().unwrap().purged_at, Some(purged_at));
    assert_eq!(store.kept(job.id).await.unwrap(), Kept::default());

    store.expire(at(0) + hours(100), retention).await.unwrap();
    assert_eq!(store.job("default", job.id).await.unwrap(), None);
    assert_eq!(store.file("default", file).await.unwrap(), None);
    assert_eq!(store.job("default", waiting.id).await.unwrap(), Some(waiting), "what has not ended is kept");
}

async fn the_last_refusals_of_a_client_are_kept(store: &dyn Store) {
    let refusal = |client: &str, second| Refusal {
        tenant: "default".into(),
        client: client.into(),
        at: at(second),
        code: "90005".into(),
        message: "no".into(),
    };
    store.add_refusal(&refusal("quiet", 0)).await.unwrap();
    for second in 0..=i64::from(MOST_REFUSALS) {
        store.add_refusal(&refusal("busy", second)).await.unwrap();
    }
    let kept = store.refusals("default", None, u32::MAX).await.unwrap();
    assert_eq!(kept.len(), 1 + MOST_REFUSALS as usize);
    assert_eq!(kept[MOST_REFUSALS as usize - 1..], [refusal("busy", 1), refusal("quiet", 0)]);
}

async fn upkeep_changes_nothing(store: &dyn Store) {
    submitted(store, stateful()).await;
    let job = run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(6) }])).await;
    let session = store.session("default", &nightly()).await.unwrap();
    store.tidy().await.unwrap();
    assert_eq!(store.job("default", job.id).await.unwrap(), Some(job));
    assert_eq!(store.session("default", &nightly()).await.unwrap(), session);
}
