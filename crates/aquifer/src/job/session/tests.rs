use super::*;
use crate::job::{Event, Fault, FaultKind, JobId, Output, Reads, ResultFile, Spec};

const LIFETIME: SignedDuration = SignedDuration::from_secs(1000);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn mark(position: i64) -> SnapshotMark {
    SnapshotMark { at: at(position), position: position.to_string() }
}

fn query(name: &str, text: &str) -> Query {
    Query { name: Some(name.to_owned()).filter(|name| !name.is_empty()), ..Query::of(text) }
}

fn identity(query: &Query) -> Identity {
    Identity::new(query, &query.text, &Reads::default(), false, None)
}

/// A job whose queries have been answered in a snapshot at a position; its windows end there.
fn run(queries: &[Query], position: i64) -> Job {
    run_up_to(queries, position, position)
}

/// The same with an offset: windows end earlier.
fn run_up_to(queries: &[Query], position: i64, to: i64) -> Job {
    let spec = Spec::of(queries.to_vec()).in_session("acme", "nightly");
    let mut job = Job::new(JobId::new(at(0)), "default".into(), spec, Vec::new(), at(0));
    job.apply(Event::Taken).unwrap();
    job.apply(Event::Began(mark(position))).unwrap();
    for (batch, query) in queries.iter().enumerate() {
        let (identity, known) = (identity(query), position.to_string());
        let from = Some(mark(to - 1));
        let scope =
            Scope { identity, full: None, from, to: mark(to), known, lacks_deletions: false, undelivered: None };
        job.apply(Event::BatchStarted { batch, at: at(position), scope: Some(scope) }).unwrap();
        let id = FileId::new(at(position));
        let file = ResultFile { id, path: id.to_string(), rows: 1, bytes: 10, sha256: String::new() };
        let output = Output { rows: 1, files: vec![file], ..Output::default() };
        job.apply(Event::BatchFinished { batch, at: at(position), output }).unwrap();
    }
    job
}

fn completed(mut job: Job) -> Job {
    let ended_at = job.snapshot.as_ref().unwrap().at;
    job.apply(Event::Completed { at: ended_at }).unwrap();
    job
}

/// A session that has seen jobs end, each at the instant of its snapshot.
fn after(jobs: &[Job]) -> Session {
    let mut session = Session::default();
    for job in jobs {
        session.ended(job, job.ended_at.unwrap());
    }
    session
}

fn start(session: &Session, query: &Query, now: i64) -> Start {
    session.start(&identity(query), query.name.as_deref(), at(now), LIFETIME)
}

fn from(position: i64, known: i64) -> Start {
    Start::After { mark: mark(position), known: Some(known.to_string()) }
}

#[test]
fn windows_begin_where_the_last_one_ended() {
    let [a, b] = [query("a", "select 1"), query("b", "select 2")];
    let mut session = Session::default();
    assert_eq!(start(&session, &a, 0), Start::Full(FullReason::First));
    assert!(session.ended(&completed(run(std::slice::from_ref(&a), 5)), at(5)));
    assert_eq!(start(&session, &a, 6), from(5, 5));
    // Queries that share a session but not a job keep their own.
    session.ended(&completed(run(std::slice::from_ref(&b), 7)), at(7));
    session.ended(&completed(run(std::slice::from_ref(&b), 9)), at(9));
    assert_eq!((start(&session, &a, 10), start(&session, &b, 10)), (from(5, 5), from(9, 9)));
    assert_eq!((session.increments, session.last.unwrap().queries), (3, vec![b]));
}

#[test]
fn a_session_lives_as_long_as_something_completes() {
    let [a, b] = [query("a", "select 1"), query("b", "select 2")];
    let session = after(&[completed(run(std::slice::from_ref(&a), 5)), completed(run(&[b], 600))]);
    assert_eq!(start(&session, &a, 1600), from(5, 5));
    assert_eq!(start(&session, &a, 1601), Start::Full(FullReason::Expired));
}

#[test]
fn a_session_whose_queries_are_all_forgotten_is_no_new_one() {
    let a = query("a", "select 1");
    let session = after(&[completed(run(std::slice::from_ref(&a), 5))]);
    let forgotten = Session { seen: Vec::new(), ..session };
    assert_eq!(start(&forgotten, &a, 6), Start::Full(FullReason::Expired));
    // One that jobs with times of their own have left without any has returned nothing yet.
    let mut timed = run(std::slice::from_ref(&a), 7);
    timed.spec.incremental_time = Some(at(1));
    assert_eq!(start(&after(&[completed(timed)]), &a, 8), Start::Full(FullReason::First));
}

#[test]
fn a_query_that_is_not_known_says_why() {
    let a = query("a", "select 1");
    let with_flag = |column: &str, query: &Query| {
        let deleted = crate::job::Deleted { column: column.into(), flag: Flag::Numeric, force_export: false };
        Query { deleted: Some(deleted), ..query.clone() }
    };
    let session = after(&[completed(run(&[a.clone(), query("b", "select 2"), query("", "select 3")], 5))]);
    for (query, reason) in [
        (query("c", "select 4"), FullReason::NewQuery),
        (query("", "select 4"), FullReason::NewQuery),
        (query("a", "select 4"), FullReason::QueryChanged),
        // The name decides, though another query has the text.
        (with_flag("Gone", &query("a", "select 2")), FullReason::QueryChanged),
        (with_flag("Gone", &a), FullReason::DeletedColumnChanged),
        (with_flag("Gone", &query("c", "select 3")), FullReason::DeletedColumnChanged),
    ] {
        assert_eq!(start(&session, &query, 6), Start::Full(reason), "{query:?}");
    }
    // A name is no part of what a query is.
    assert_eq!(start(&session, &query("renamed", "select 1"), 6), from(5, 5));
    let zoql = Query { language: Language::Zoql, ..a };
    assert_eq!(start(&session, &zoql, 6), Start::Full(FullReason::QueryChanged));
}

#[test]
fn jobs_that_did_not_complete_leave_it_alone_but_may_have_shown_rows() {
    let a = query("a", "select 1");
    let fault = |kind| Fault { kind, message: String::new() };
    for end in [
        Event::Cancelled { at: at(8) },
        Event::Failed { at: at(8), batch: None, fault: fault(FaultKind::Query) },
        Event::Failed { at: at(8), batch: None, fault: fault(FaultKind::JobTimeLimit) },
    ] {
        let mut session = after(&[completed(run(std::slice::from_ref(&a), 5))]);
        let mut job = run(std::slice::from_ref(&a), 8);
        job.apply(end).unwrap();
        assert!(!session.ended(&job, at(8)));
        assert_eq!((session.increments, session.last.as_ref().unwrap().at), (1, at(5)));
        // Its batch had finished, and its file can be downloaded.
        assert_eq!(start(&session, &a, 9), from(5, 8));
        session.ended(&completed(run(std::slice::from_ref(&a), 9)), at(9));
        assert_eq!(start(&session, &a, 10), from(9, 9));
    }
}

#[test]
fn neither_a_replay_nor_a_time_of_ones_own_moves_it() {
    let [a, b] = [query("a", "select 1"), query("b", "select 2")];
    let mut session = after(&[completed(run(std::slice::from_ref(&a), 5))]);
    let mut replay = run(std::slice::from_ref(&a), 7);
    replay.spec.replay = Some(1);
    assert!(!session.ended(&completed(replay), at(7)));
    assert_eq!((start(&session, &a, 8), session.last.as_ref().unwrap().at), (from(5, 7), at(5)));

    let mut timed = run(&[a.clone(), b.clone()], 9);
    timed.spec.incremental_time = Some(at(1));
    assert!(!session.ended(&completed(timed), at(9)));
    assert_eq!((start(&session, &a, 10), start(&session, &b, 10)), (from(5, 9), Start::Full(FullReason::NewQuery)));
    assert_eq!(session.last.as_ref().unwrap().queries.len(), 2, "its queries are those of the last job all the same");
    assert_eq!(session.increments, 1);
}

#[test]
fn what_an_offset_holds_back_may_still_be_known() {
    let a = query("a", "select 1");
    let mut session = after(&[completed(run(std::slice::from_ref(&a), 5))]);
    let mut replay = run(std::slice::from_ref(&a), 9);
    replay.spec.replay = Some(1);
    session.ended(&completed(replay), at(9));
    session.ended(&completed(run_up_to(std::slice::from_ref(&a), 10, 6)), at(10));
    assert_eq!(start(&session, &a, 11), from(6, 9));
    session.ended(&completed(run(std::slice::from_ref(&a), 12)), at(12));
    assert_eq!(start(&session, &a, 13), from(12, 12));
}

fn increment(number: u32, job: Job) -> Increment {
    Increment { number, job, downloads: HashMap::new(), acknowledged_at: None, replayed_at: None }
}

fn delivered(number: u32, job: Job) -> Increment {
    Increment { acknowledged_at: Some(at(99)), ..increment(number, job) }
}

#[test]
fn a_held_session_begins_again_at_the_first_of_the_increments_that_are_lost() {
    let [a, b] = [query("a", "select 1"), query("b", "select 2")];
    let only = |query: &Query, position| completed(run(std::slice::from_ref(query), position));
    let lost_of = |query: &Query, increments: &[Increment]| {
        let newest_first = increments.iter().rev().cloned().map(Ok::<_, ()>);
        lost(newest_first, &identity(query)).unwrap()
    };
    let again = |position: i64, increment| {
        Some(Lost { start: Start::After { mark: mark(position - 1), known: None }, increment })
    };
    assert_eq!(lost_of(&a, &[]), None);
    assert_eq!(lost_of(&a, &[increment(1, only(&a, 3)), delivered(2, only(&a, 5))]), None);
    let increments =
        [delivered(1, only(&a, 3)), increment(2, only(&a, 5)), increment(3, only(&b, 7)), increment(4, only(&a, 9))];
    assert_eq!(lost_of(&a, &increments), again(5, 4));
    assert_eq!(lost_of(&b, &increments), again(7, 3));
    let mut first = only(&a, 3);
    first.batches[0].scope.as_mut().unwrap().full = Some(FullReason::First);
    let everything = Some(Lost { start: Start::Full(FullReason::First), increment: 2 });
    assert_eq!(lost_of(&a, &[increment(1, first), increment(2, only(&a, 5))]), everything);
}

#[test]
fn what_comes_before_a_delivered_increment_is_not_read() {
    let a = query("a", "select 1");
    let one = |position| completed(run(std::slice::from_ref(&a), position));
    let newest_first = [Ok(increment(3, one(9))), Ok(delivered(2, one(7))), Err("it was read")];
    let last = Lost { start: Start::After { mark: mark(8), known: None }, increment: 3 };
    assert_eq!(lost(newest_first.into_iter(), &identity(&a)), Ok(Some(last)));
}

#[test]
fn an_increment_is_delivered_by_its_files_a_word_or_a_replay() {
    let job = completed(run(&[query("a", "select 1"), query("b", "select 2")], 5));
    let files: Vec<FileId> = job.published().map(|(_, file)| file.id).collect();
    let mut one = increment(1, job.clone());
    one.downloads.insert(files[0], at(6));
    assert!(!one.is_delivered());
    one.downloads.insert(files[1], at(7));
    assert!(one.is_delivered());
    assert!(delivered(1, job.clone()).is_delivered());
    assert!(Increment { replayed_at: Some(at(9)), ..increment(1, job.clone()) }.is_delivered());
    let mut empty = job;
    for batch in &mut empty.batches {
        batch.output.as_mut().unwrap().files[0].rows = 0;
    }
    assert!(increment(1, empty).is_delivered(), "nobody needs to download a file without rows");
}
