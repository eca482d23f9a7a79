//! What every store must do with callouts.

use jiff::SignedDuration;

use super::{at, both_batches, job_of, lease, run, submitted};
use crate::{
    job::{CalloutState, Event, Job, Outcome, Schedule, State, Try},
    store::{LeaseToken, MOST_TRIES, Retention, Store, Terms},
};

const SCHEDULE: Schedule = Schedule { max_attempts: 2, interval: SignedDuration::from_secs(60) };

fn told(tenant: &str) -> Job {
    let mut job = job_of(tenant, None);
    job.spec.callout = true;
    job
}

/// A job that ended at that second, with its callout.
async fn ended(store: &dyn Store, second: i64) -> Job {
    ended_of("default", store, second).await
}

async fn ended_of(tenant: &str, store: &dyn Store, second: i64) -> Job {
    let job = submitted(store, told(tenant)).await;
    store.apply(job.id, None, Event::Cancelled { at: at(second) }).await.unwrap()
}

fn tried_at(second: i64, status: u16) -> Try {
    let outcome = Outcome::Answered { status, body: "Käse".into() };
    Try { at: at(second), method: "GET".into(), url: "https://example.com/".into(), milliseconds: 7, outcome }
}

pub async fn a_callout_waits_from_the_end_of_its_job_on(store: &dyn Store) {
    let job = submitted(store, told("default")).await;
    let executing = run(store, both_batches()).await;
    assert_eq!(store.callout("default", job.id).await.unwrap(), None);
    assert_eq!(store.take_callout(&lease("s", 99), at(9)).await.unwrap(), None);
    let token = LeaseToken("a".into());
    let done = store.apply(executing.id, Some(&token), Event::Completed { at: at(6) }).await.unwrap();
    let callout = store.callout("default", job.id).await.unwrap().unwrap();
    assert_eq!((callout.state, callout.attempts, callout.due_at), (CalloutState::Waiting, 0, Some(at(6))));
    assert_eq!((callout.job, callout.tries), (done, vec![]));
    assert_eq!(store.callout("other", job.id).await.unwrap(), None);
    // One that no runner lived to see the end of.
    let given_up = submitted(store, told("default")).await;
    let once = Terms { max_attempts: 1, ..Terms::default() };
    store.take(&lease("a", 20), at(11), &once).await.unwrap();
    store.take(&lease("b", 40), at(20), &once).await.unwrap();
    assert_eq!(store.callout("default", given_up.id).await.unwrap().unwrap().job.state, State::Aborted);

    let silent = submitted(store, job_of("default", None)).await;
    store.apply(silent.id, None, Event::Cancelled { at: at(6) }).await.unwrap();
    assert_eq!(store.callout("default", silent.id).await.unwrap(), None);
}

pub async fn callouts_are_taken_when_they_are_due_and_once(store: &dyn Store) {
    let (second, first) = (ended(store, 8).await, ended(store, 7).await);
    assert_eq!(store.take_callout(&lease("a", 20), at(6)).await.unwrap(), None);
    assert_eq!(store.take_callout(&lease("a", 20), at(9)).await.unwrap().unwrap().job.id, first.id);
    assert_eq!(store.take_callout(&lease("b", 20), at(9)).await.unwrap().unwrap().job.id, second.id);
    assert_eq!(store.take_callout(&lease("c", 20), at(19)).await.unwrap(), None);
    assert_eq!(
        store.take_callout(&lease("c", 99), at(20)).await.unwrap().unwrap().job.id,
        first.id,
        "its lease ran out"
    );
    store.drop_leases().await.unwrap();
    assert_eq!(store.take_callout(&lease("d", 99), at(21)).await.unwrap().unwrap().job.id, first.id);
}

pub async fn tenants_take_turns_with_their_callouts(store: &dyn Store) {
    let (first, second) = (ended(store, 6).await, ended(store, 7).await);
    let other = ended_of("other", store, 8).await;
    for expected in [first, other, second] {
        assert_eq!(store.take_callout(&lease("a", 20), at(9)).await.unwrap().unwrap().job.id, expected.id);
    }
    assert_eq!(store.take_callout(&lease("a", 20), at(9)).await.unwrap(), None);
    // However many of one wait for longer.
    for _ in 0..1001 {
        ended(store, 30).await;
    }
    let third = ended_of("third", store, 31).await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(store.take_callout(&lease("a", 99), at(32)).await.unwrap().unwrap().job.id);
    }
    assert!(taken.contains(&third.id));
}

pub async fn the_last_tries_of_a_callout_are_kept(store: &dyn Store) {
    let job = ended(store, 6).await.id;
    let once = Schedule { max_attempts: 1, ..SCHEDULE };
    for second in 0..=i64::from(MOST_TRIES) {
        store.redeliver("default", job, at(second)).await.unwrap();
        store.take_callout(&lease("a", 999), at(999)).await.unwrap().unwrap();
        store.tried(job, &LeaseToken("a".into()), tried_at(second, 500), once).await.unwrap();
    }
    let tries = store.callout("default", job).await.unwrap().unwrap().tries;
    assert_eq!((tries.len(), tries[0].at, tries.last().unwrap().at), (100, at(1), at(100)));
}

pub async fn a_callout_goes_on_by_its_tries(store: &dyn Store) {
    let job = ended(store, 7).await;
    let token = LeaseToken("a".into());
    store.take_callout(&lease("a", 20), at(7)).await.unwrap().unwrap();
    let waiting = store.tried(job.id, &token, tried_at(8, 500), SCHEDULE).await.unwrap();
    assert_eq!((waiting.state, waiting.due_at), (CalloutState::Waiting, Some(at(68))));
    assert_eq!(store.callout("default", job.id).await.unwrap(), Some(waiting));
    assert_eq!(store.take_callout(&lease("a", 99), at(67)).await.unwrap(), None);

    store.take_callout(&lease("b", 70), at(68)).await.unwrap().unwrap();
    let late = store.tried(job.id, &token, tried_at(69, 200), SCHEDULE).await.unwrap();
    assert_eq!(
        (late.state, late.tries.len()),
        (CalloutState::Waiting, 2),
        "kept, but not to the lease's holder's harm"
    );
    let why = Outcome::Refused("private".into());
    let refused = Try { outcome: why, ..tried_at(69, 0) };
    let failed = store.tried(job.id, &LeaseToken("b".into()), refused, SCHEDULE).await.unwrap();
    assert_eq!((failed.state, failed.due_at, failed.tries.len()), (CalloutState::Failed, None, 3));
    assert_eq!(store.callout("default", job.id).await.unwrap(), Some(failed));
    assert_eq!(store.take_callout(&lease("c", 999), at(900)).await.unwrap(), None);
}

pub async fn a_callout_can_be_sent_again(store: &dyn Store) {
    let job = ended(store, 7).await;
    for (second, status, state) in [(10, 204, CalloutState::Delivered), (20, 404, CalloutState::Failed)] {
        store.take_callout(&lease("a", 99), at(second)).await.unwrap().unwrap();
        let tried = store.tried(job.id, &LeaseToken("a".into()), tried_at(second, status), SCHEDULE).await.unwrap();
        assert_eq!((tried.state, tried.attempts), (state, 1));
        assert_eq!(store.redeliver("other", job.id, at(second)).await.unwrap(), None);
        let again = store.redeliver("default", job.id, at(second)).await.unwrap().unwrap();
        assert_eq!((again.state, again.attempts, again.due_at), (CalloutState::Waiting, 0, Some(at(second))));
    }
    // Even while it is being sent.
    store.take_callout(&lease("a", 99), at(30)).await.unwrap().unwrap();
    store.redeliver("default", job.id, at(30)).await.unwrap();
    assert_eq!(store.take_callout(&lease("b", 99), at(30)).await.unwrap().unwrap().tries.len(), 2);
}

pub async fn callouts_are_listed_newest_first_and_go_with_their_jobs(store: &dyn Store) {
    let (first, second) = (ended(store, 7).await, ended(store, 8).await);
    ended_of("other", store, 9).await;
    store.take_callout(&lease("a", 20), at(7)).await.unwrap().unwrap();
    store.tried(first.id, &LeaseToken("a".into()), tried_at(8, 200), SCHEDULE).await.unwrap();
    let listed = async |state, most| {
        let callouts = store.callouts("default", state, most).await.unwrap();
        callouts.into_iter().map(|callout| callout.job.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 9).await, [second.id, first.id]);
    assert_eq!(listed(None, 1).await, [second.id]);
    assert_eq!(listed(Some(CalloutState::Delivered), 9).await, [first.id]);

    let day = SignedDuration::from_hours(24);
    let retention = Retention { files: day, jobs: day, refusals: day, sessions: day };
    store.expire(at(7) + day, retention).await.unwrap();
    assert_eq!(listed(None, 9).await, [second.id]);
}
