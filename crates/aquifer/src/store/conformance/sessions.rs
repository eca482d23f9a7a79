//! What every store must do with sessions and their increments.

use super::{at, both_batches, both_scoped, busy_with, job, job_of, lease, nightly, run, stateful, submitted};
use crate::{
    job::{Event, FileId, Increment, Session, SessionKey},
    store::{Error, LeaseToken, Store, Terms},
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
    let increments = store.increments("default", &nightly(), u32::MAX).await.unwrap();
    let numbers: Vec<u32> = increments.iter().map(|increment| increment.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(store.increments("default", &nightly(), 1).await.unwrap(), increments[1..]);
    assert!(increments.iter().all(|increment| !increment.is_delivered()));

    assert!(store.acknowledge("default", &nightly(), 1, at(20)).await.unwrap());
    assert!(store.acknowledge("default", &nightly(), 1, at(21)).await.unwrap());
    assert!(!store.acknowledge("default", &nightly(), 3, at(20)).await.unwrap());
    assert!(!store.acknowledge("other", &nightly(), 1, at(20)).await.unwrap());
    let files: Vec<FileId> = increments[1].job.published().map(|(_, file)| file.id).collect();
    store.sent(files[0], 0..1 << 40, at(30)).await.unwrap();
    store.sent(files[0], 0..1 << 40, at(31)).await.unwrap();
    let half = store.increments("default", &nightly(), u32::MAX).await.unwrap();
    assert_eq!(half[0].acknowledged_at, Some(at(20)));
    assert_eq!((half[1].downloads.get(&files[0]), half[1].is_delivered()), (Some(&at(30)), false));
    assert_eq!(store.file("default", files[0]).await.unwrap().unwrap().downloaded_at, Some(at(30)));
    // In parts, of which none is all and some are twice.
    for (part, is_all) in [(5..1 << 40, false), (7..9, false), (0..6, true)] {
        store.sent(files[1], part, at(32)).await.unwrap();
        let increments = store.increments("default", &nightly(), u32::MAX).await.unwrap();
        assert_eq!(increments.iter().all(Increment::is_delivered), is_all);
    }
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
        store.sent(file, 0..1 << 40, at(when)).await.unwrap();
        let increments = store.increments("default", &nightly(), u32::MAX).await.unwrap();
        assert_eq!((increments.len(), increments[0].replayed_at), (1, replayed_at));
        assert_eq!(increments[0].is_delivered(), replayed_at.is_some());
    }
}
