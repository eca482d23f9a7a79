//! What every store must do with sessions and their increments.

use jiff::SignedDuration;

use super::{at, both_batches, both_scoped, busy_with, job, job_of, lease, nightly, run, stateful, submitted};
use crate::{
    job::{
        Event, FileId, Flag, Identity, Increment, Output, Reads, ResultFile, Scope, Session, SessionKey, SnapshotMark,
        session::{Lost, Start},
    },
    store::{Error, LastJob, LeaseToken, Retention, Sent, SessionSummary, Store, Terms},
};

pub async fn the_last_completed_job_of_a_session_is_the_newest(store: &dyn Store) {
    let session = |project: &str| SessionKey { partner: "acme".into(), project: project.into() };
    assert_eq!(store.last_completed("default", &session("nightly")).await.unwrap(), None);
    let mut newest = None;
    for _ in 0..2 {
        submitted(store, job_of("default", Some(("acme", "nightly")))).await;
        newest = Some(run(store, both_batches().into_iter().chain([Event::Completed { at: at(6) }])).await);
    }
    let cancelled = submitted(store, job_of("default", Some(("acme", "nightly")))).await;
    store.apply(cancelled.id, None, Event::Cancelled { at: at(7) }).await.unwrap();
    let mut replay = stateful();
    replay.spec.replay = Some(1);
    submitted(store, replay).await;
    run(store, both_batches().into_iter().chain([Event::Completed { at: at(8) }])).await;
    assert_eq!(store.last_completed("default", &session("nightly")).await.unwrap(), newest);
    assert_eq!(store.last_completed("default", &session("Nightly")).await.unwrap(), None, "names compare exactly");
    assert_eq!(store.last_completed("other", &session("nightly")).await.unwrap(), None);
}

pub async fn jobs_of_a_session_run_one_after_another(store: &dyn Store) {
    let first = submitted(store, stateful()).await;
    let second = submitted(store, stateful()).await;
    let other = submitted(store, job_of("default", Some(("acme", "Nightly")))).await;
    let elsewhere = submitted(store, job_of("other", Some(("acme", "nightly")))).await;
    let stateless = submitted(store, job()).await;
    for expected in [first.id, elsewhere.id, stateless.id, other.id] {
        assert_eq!(store.take(&lease("a", 10), at(1), &Terms::default()).await.unwrap().unwrap().id, expected);
    }
    assert_eq!(store.take(&lease("b", 10), at(1), &Terms::default()).await.unwrap(), None);
    let at_work = [first.id, other.id, elsewhere.id, stateless.id];
    assert_eq!(
        store.take(&lease("b", 20), at(10), &busy_with(&at_work)).await.unwrap(),
        None,
        "its runner is only slow"
    );
    store.apply(first.id, None, Event::Cancelled { at: at(2) }).await.unwrap();
    assert_eq!(store.take(&lease("b", 20), at(2), &Terms::default()).await.unwrap().unwrap().id, second.id);
}

pub async fn a_session_moves_with_its_completed_job_and_only_with_it(store: &dyn Store) {
    assert_eq!(store.session("default", &nightly()).await.unwrap(), Session::default());
    submitted(store, stateful()).await;
    let first = run(store, both_scoped("7")).await;
    assert_eq!(store.session("default", &nightly()).await.unwrap(), Session::default(), "not before the end");
    // The runner is frozen, another one takes the job up and completes it in a later snapshot.
    let b = LeaseToken("b".into());
    store.take(&lease("b", 20), at(10), &Terms::default()).await.unwrap().unwrap();
    for event in both_scoped("8").into_iter().chain([Event::Completed { at: at(12) }]) {
        store.apply(first.id, Some(&b), event).await.unwrap();
    }
    let moved = store.session("default", &nightly()).await.unwrap();
    let late = store.apply(first.id, Some(&LeaseToken("a".into())), Event::Completed { at: at(13) }).await;
    assert!(matches!(late, Err(Error::LeaseLost)));
    submitted(store, stateful()).await;
    let cancelled = run(store, both_scoped("9").into_iter().take(2)).await;
    store.apply(cancelled.id, None, Event::Cancelled { at: at(14) }).await.unwrap();

    assert_eq!(store.session("default", &nightly()).await.unwrap(), moved);
    let positions: Vec<&str> = moved.seen.iter().map(|seen| seen.mark.position.as_str()).collect();
    assert_eq!((positions, moved.increments), (vec!["8", "8"], 1));
    assert_eq!(moved.last.unwrap().queries, first.spec.queries);
    assert_eq!(store.session("other", &nightly()).await.unwrap(), Session::default());
}

pub async fn increments_are_numbered_downloaded_and_acknowledged(store: &dyn Store) {
    for position in ["7", "8"] {
        submitted(store, stateful()).await;
        run(store, both_scoped(position).into_iter().chain([Event::Completed { at: at(6) }])).await;
    }
    let increments = store.increments("default", &nightly(), 0, u32::MAX).await.unwrap();
    let numbers: Vec<u32> = increments.iter().map(|increment| increment.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(increments.iter().all(|increment| !increment.is_delivered()));

    assert!(store.acknowledge("default", &nightly(), 1, at(20)).await.unwrap());
    assert!(store.acknowledge("default", &nightly(), 1, at(21)).await.unwrap());
    assert!(!store.acknowledge("default", &nightly(), 3, at(20)).await.unwrap());
    assert!(!store.acknowledge("other", &nightly(), 1, at(20)).await.unwrap());
    let files: Vec<FileId> = increments[1].job.published().map(|(_, file)| file.id).collect();
    let all_of_first = |second| Sent { file: files[0], range: 0..1 << 40, at: at(second) };
    store.sent(&[all_of_first(30), all_of_first(31)]).await.unwrap();
    let half = store.increments("default", &nightly(), 0, u32::MAX).await.unwrap();
    assert_eq!(half[0].acknowledged_at, Some(at(20)));
    assert_eq!((half[1].downloads.get(&files[0]), half[1].is_delivered()), (Some(&at(30)), false));
    assert_eq!(store.file("default", files[0]).await.unwrap().unwrap().downloaded_at, Some(at(30)));
    // In parts, of which none is all and some are twice.
    for (part, is_all) in [(5..1 << 40, false), (7..9, false), (0..6, true)] {
        store.sent(&[Sent { file: files[1], range: part, at: at(32) }]).await.unwrap();
        let increments = store.increments("default", &nightly(), 0, u32::MAX).await.unwrap();
        assert_eq!(increments.iter().all(Increment::is_delivered), is_all);
    }
}

pub async fn increments_are_read_one_by_one_and_page_by_page(store: &dyn Store) {
    let session = nightly();
    let numbers = async |after, most| {
        let page = store.increments("default", &session, after, most).await.unwrap();
        page.iter().map(|increment| increment.number).collect::<Vec<_>>()
    };
    assert_eq!((numbers(0, 9).await, store.last_increment("default", &session).await.unwrap()), (vec![], None));
    for second in 1..=5 {
        submitted(store, stateful()).await;
        let end = [Event::Completed { at: at(second) }];
        run(store, both_scoped("7").into_iter().chain(end)).await;
    }
    assert_eq!((numbers(0, 2).await, numbers(2, 2).await, numbers(4, 2).await), (vec![1, 2], vec![3, 4], vec![5]));
    assert_eq!((numbers(5, 2).await, numbers(u32::MAX, u32::MAX).await), (vec![], vec![]));
    let all = store.increments("default", &session, 0, u32::MAX).await.unwrap();
    assert_eq!(store.increment("default", &session, 3).await.unwrap().as_ref(), Some(&all[2]));
    assert_eq!(store.last_increment("default", &session).await.unwrap().as_ref(), Some(&all[4]));
    for none in [0, 6, u32::MAX] {
        assert_eq!(store.increment("default", &session, none).await.unwrap(), None);
    }
    assert_eq!(store.increment("other", &session, 3).await.unwrap(), None);
    assert_eq!(store.last_increment("other", &session).await.unwrap(), None);

    // Jobs that are no longer kept leave a gap at the beginning.
    let retention = {
        let (now, long) = (SignedDuration::ZERO, SignedDuration::from_hours(9));
        Retention { files: now, jobs: now, refusals: now, sessions: long }
    };
    store.expire(at(3), retention).await.unwrap();
    assert_eq!((numbers(0, 9).await, store.increment("default", &session, 3).await.unwrap()), (vec![4, 5], None));
}

pub async fn what_was_lost_of_a_query_goes_back_to_where_it_was_delivered(store: &dyn Store) {
    let lost = async |query: &str| {
        let deleted = Some(("Gone".into(), Flag::Numeric));
        let identity = Identity { query: query.into(), deleted, currencies: None };
        store.lost("default", &nightly(), &identity).await.unwrap()
    };
    assert_eq!(lost("0").await, None);
    for position in ["6", "7", "8"] {
        submitted(store, stateful()).await;
        let changed = |event| match event {
            Event::BatchStarted { batch, at, scope: Some(scope) } => {
                let from = Some(SnapshotMark { at, position: format!("before {position}") });
                Event::BatchStarted { batch, at, scope: Some(Scope { full: None, from, ..scope }) }
            }
            event => event,
        };
        run(store, both_scoped(position).into_iter().map(changed).chain([Event::Completed { at: at(6) }])).await;
    }
    let since = |position: &str| {
        let mark = SnapshotMark { at: at(4), position: format!("before {position}") };
        Some(Lost { start: Start::After { mark, known: None }, increment: 3 })
    };
    assert_eq!((lost("0").await, lost("1").await, lost("2").await), (since("6"), since("6"), None));
    store.acknowledge("default", &nightly(), 1, at(9)).await.unwrap();
    assert_eq!(lost("0").await, since("7"));
    store.acknowledge("default", &nightly(), 3, at(9)).await.unwrap();
    assert_eq!(lost("0").await, None, "nothing is looked for behind it");
}

pub async fn sessions_are_listed_those_of_the_newest_jobs_first(store: &dyn Store) {
    assert_eq!(store.sessions("default", 9).await.unwrap(), []);
    let mut jobs = Vec::new();
    for (project, second, replay) in [("nightly", 6, None), ("hourly", 7, None), ("nightly", 8, Some(1))] {
        let mut job = job_of("default", Some(("acme", project)));
        job.spec.replay = replay;
        job.spec.reads.objects = Some(vec![project.into()]);
        jobs.push(submitted(store, job).await.id);
        run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(second) }])).await;
    }
    submitted(store, job_of("default", Some(("acme", "waits")))).await;
    let summary = |project: &str, job, second| SessionSummary {
        key: SessionKey { partner: "acme".into(), project: project.into() },
        increments: 1,
        last_job: Some(LastJob { id: job, reads: Reads { objects: Some(vec![project.into()]), ..Reads::default() } }),
        at: at(second),
    };
    let expected = [summary("hourly", jobs[1], 7), summary("nightly", jobs[0], 6)];
    assert_eq!(store.sessions("default", 9).await.unwrap(), expected);
    assert_eq!(store.sessions("default", 1).await.unwrap(), expected[..1]);
    assert_eq!(store.sessions("other", 9).await.unwrap(), []);
}

pub async fn a_replay_that_is_downloaded_delivers_its_increment(store: &dyn Store) {
    submitted(store, stateful()).await;
    run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(6) }])).await;
    let mut replay = stateful();
    replay.spec.replay = Some(1);
    submitted(store, replay).await;
    let replay = run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(6) }])).await;
    let files: Vec<FileId> = replay.published().map(|(_, file)| file.id).collect();
    for (file, when, replayed_at) in [(files[0], 30, None), (files[1], 31, Some(at(31))), (files[1], 32, Some(at(31)))]
    {
        store.sent(&[Sent { file, range: 0..1 << 40, at: at(when) }]).await.unwrap();
        let increments = store.increments("default", &nightly(), 0, u32::MAX).await.unwrap();
        assert_eq!((increments.len(), increments[0].replayed_at), (1, replayed_at));
        assert_eq!(increments[0].is_delivered(), replayed_at.is_some());
    }
}

pub async fn a_replay_without_rows_delivers_its_increment_when_it_completes(store: &dyn Store) {
    submitted(store, stateful()).await;
    run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(6) }])).await;
    let without_rows = |event| match event {
        Event::BatchFinished { batch, at, output: Output { files, .. } } => {
            let files = files.into_iter().map(|file| ResultFile { rows: 0, ..file }).collect();
            Event::BatchFinished { batch, at, output: Output { files, ..Output::default() } }
        }
        event => event,
    };
    for (end, replayed_at) in [(Event::Cancelled { at: at(7) }, None), (Event::Completed { at: at(8) }, Some(at(8)))] {
        let mut replay = stateful();
        replay.spec.replay = Some(1);
        submitted(store, replay).await;
        run(store, both_scoped("7").into_iter().map(without_rows).chain([end])).await;
        let increment = store.last_increment("default", &nightly()).await.unwrap().unwrap();
        assert_eq!((increment.replayed_at, increment.is_delivered()), (replayed_at, replayed_at.is_some()));
    }
}

pub async fn an_increment_that_is_purged_before_it_was_delivered_is_lost(store: &dyn Store) {
    let retention = |jobs| {
        let (now, long) = (SignedDuration::ZERO, SignedDuration::from_hours(9));
        Retention { files: now, jobs: SignedDuration::from_secs(jobs), refusals: now, sessions: long }
    };
    let lost = async || {
        let mut seen = store.session("default", &nightly()).await.unwrap().seen;
        seen.sort_by_key(|seen| seen.identity.query.clone());
        seen.into_iter().map(|seen| seen.is_lost).collect::<Vec<_>>()
    };
    let complete = async |batches: usize, second| {
        let mut job = stateful();
        job.spec.queries.truncate(batches);
        job.batches.truncate(batches);
        submitted(store, job).await;
        let events = both_scoped("7").into_iter().take(1 + 2 * batches);
        run(store, events.chain([Event::Completed { at: at(second) }])).await;
    };
    // The second query's last is the first of three, of which one was delivered.
    complete(2, 10).await;
    complete(1, 20).await;
    store.acknowledge("default", &nightly(), 2, at(21)).await.unwrap();
    store.expire(at(30), retention(20)).await.unwrap();
    assert_eq!(lost().await, [false, true]);
    store.expire(at(30), retention(10)).await.unwrap();
    assert_eq!(lost().await, [false, true], "the last of the first has come");
    // What was cancelled brings nothing back, though its files can be had.
    submitted(store, stateful()).await;
    run(store, both_scoped("7").into_iter().chain([Event::Cancelled { at: at(31) }])).await;
    assert_eq!(lost().await, [false, true]);
    // What comes next has it all.
    complete(2, 40).await;
    assert_eq!(lost().await, [false, false]);
    store.expire(at(40), retention(0)).await.unwrap();
    assert_eq!(lost().await, [true, true]);
}

pub async fn increments_are_numbered_on_as_long_as_there_are_any(store: &dyn Store) {
    let hours = SignedDuration::from_hours;
    let retention = Retention { files: hours(72), jobs: hours(100), refusals: hours(10), sessions: hours(20) };
    let numbers = async || {
        let increments = store.increments("default", &nightly(), 0, u32::MAX).await.unwrap();
        increments.into_iter().map(|increment| increment.number).collect::<Vec<_>>()
    };
    for position in ["7", "8"] {
        submitted(store, stateful()).await;
        run(store, both_scoped(position).into_iter().chain([Event::Completed { at: at(6) }])).await;
        store.expire(at(6) + hours(20), retention).await.unwrap();
    }
    assert_eq!(numbers().await, [1, 2]);
    store.expire(at(6) + hours(100), retention).await.unwrap();
    assert!(numbers().await.is_empty());
    assert_eq!(store.session("default", &nightly()).await.unwrap(), Session::default());
}

pub async fn a_session_forgets_queries_that_it_has_not_had_for_long(store: &dyn Store) {
    let hours = SignedDuration::from_hours;
    let retention = Retention { files: hours(72), jobs: hours(100), refusals: hours(10), sessions: hours(20) };
    submitted(store, stateful()).await;
    run(store, both_scoped("7").into_iter().chain([Event::Completed { at: at(6) }])).await;
    // From then on it has only one of the two.
    let mut one = stateful();
    one.spec.queries.truncate(1);
    one.batches.truncate(1);
    submitted(store, one).await;
    let ended = at(6) + hours(10);
    run(store, both_scoped("8").into_iter().take(3).chain([Event::Completed { at: ended }])).await;
    for (hour, left) in [(19, 2), (20, 1), (29, 1), (30, 0)] {
        store.expire(at(6) + hours(hour), retention).await.unwrap();
        assert_eq!(store.session("default", &nightly()).await.unwrap().seen.len(), left, "after {hour} hours");
    }
}
