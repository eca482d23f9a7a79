use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn job(queries: usize) -> Job {
    let spec = Spec::of(vec![Query::of("select Id from Account"); queries]);
    Job::new(JobId::new(at(0)), "default".into(), spec, Vec::new(), at(0))
}

fn snapshot() -> Event {
    Event::Began(SnapshotMark { at: at(1), position: "7".into() })
}

fn started(batch: usize) -> Event {
    Event::BatchStarted { batch, at: at(2), scope: None }
}

fn finished(batch: usize) -> Event {
    let file = ResultFile { id: FileId::new(at(3)), path: "a/1/b.csv".into(), rows: 2, bytes: 20, sha256: "00".into() };
    Event::BatchFinished { batch, at: at(3), output: Output { rows: 2, files: vec![file], ..Output::default() } }
}

fn failed_by(kind: FaultKind, batch: Option<usize>) -> Event {
    Event::Failed { at: at(4), batch, fault: Fault { kind, message: "no disk".repeat(1000) } }
}

fn failed(batch: Option<usize>) -> Event {
    failed_by(FaultKind::Query, batch)
}

fn after(queries: usize, events: impl IntoIterator<Item = Event>) -> Job {
    let mut job = job(queries);
    for event in events {
        job.apply(event).unwrap();
    }
    job
}

fn batch_states(job: &Job) -> Vec<BatchState> {
    job.batches.iter().map(|batch| batch.state).collect()
}

#[test]
fn a_job_completes_when_every_batch_has_finished_and_not_before() {
    let mut job = after(2, [Event::Taken, snapshot(), started(0), started(1), finished(1)]);
    assert!(job.apply(Event::Completed { at: at(5) }).is_err());
    assert_eq!(job.published().count(), 0, "nothing is published before the end");
    job.apply(finished(0)).unwrap();
    job.apply(Event::Completed { at: at(5) }).unwrap();
    assert_eq!((job.state, job.ended_at), (State::Completed, Some(at(5))));
    assert_eq!(job.published().count(), 2);
}

#[test]
fn a_failing_batch_aborts_the_later_ones_and_spares_the_finished() {
    let job = after(3, [Event::Taken, snapshot(), started(0), finished(0), started(1), failed(Some(1))]);
    assert_eq!(job.state, State::Aborted);
    assert_eq!(batch_states(&job), [BatchState::Completed, BatchState::Aborted, BatchState::Aborted]);
    let messages: Vec<usize> = job.batches.iter().map(|batch| batch.message.chars().count()).collect();
    assert_eq!(messages, [0, 2048, 0]);
    assert_eq!(job.published().count(), 1);
}

#[test]
fn a_fault_of_nobody_in_particular_is_told_by_the_first_unfinished_batch() {
    let job = after(2, [Event::Taken, failed(None)]);
    assert!(job.batches[0].message.starts_with("no disk") && job.batches[1].message.is_empty());
}

#[test]
fn a_job_that_executes_too_long_is_in_error_and_its_batches_aborted() {
    let path =
        [Event::Taken, snapshot(), started(0), finished(0), started(1), failed_by(FaultKind::JobTimeLimit, None)];
    let job = after(3, path);
    assert_eq!((job.state, job.state.is_terminal()), (State::Error, true));
    assert_eq!(batch_states(&job), [BatchState::Completed, BatchState::Aborted, BatchState::Aborted]);
    assert!(job.batches[1].message.starts_with("no disk") && job.batches[2].message.is_empty());
    assert_eq!(job.published().count(), 1);
}

#[test]
fn only_the_batch_that_asks_for_deleted_rows_in_vain_says_so() {
    let job = after(2, [Event::Taken, snapshot(), failed_by(FaultKind::DeletedNotAllowed, Some(1))]);
    assert_eq!(job.state, State::Aborted);
    assert_eq!(batch_states(&job), [BatchState::Aborted, BatchState::DeletedNotAllowed]);
}

#[test]
fn cancelling_spares_what_has_finished() {
    let job = after(2, [Event::Taken, snapshot(), started(0), finished(0), Event::Cancelled { at: at(4) }]);
    assert_eq!((job.state, batch_states(&job)), (State::Cancelled, vec![BatchState::Completed, BatchState::Cancelled]));
    assert_eq!(after(1, [Event::Cancelled { at: at(1) }]).state, State::Cancelled, "before anybody took it");
}

#[test]
fn a_job_taken_again_starts_from_nothing() {
    let job = after(2, [Event::Taken, snapshot(), started(0), finished(0), started(1), Event::Taken]);
    assert_eq!((job.attempt, &job.snapshot), (2, &None));
    assert_eq!(batch_states(&job), [BatchState::Pending; 2]);
    assert!(job.attempt_prefix().ends_with("/2"));
}

#[test]
fn a_job_given_back_has_not_used_up_an_attempt() {
    let job = after(1, [Event::Taken, snapshot(), started(0), Event::Released]);
    assert_eq!((job.state, job.attempt, batch_states(&job)), (State::Submitted, 0, vec![BatchState::Pending]));
}

#[test]
fn a_postponed_job_has_used_up_an_attempt_and_rests() {
    let mut job = after(1, [Event::Taken, snapshot(), started(0), Event::Postponed { until: at(9) }]);
    assert_eq!((job.state, job.attempt, batch_states(&job)), (State::Submitted, 1, vec![BatchState::Pending]));
    assert_eq!((job.postponed_until, &job.snapshot), (Some(at(9)), &None));
    job.apply(Event::Taken).unwrap();
    assert_eq!((job.attempt, job.postponed_until), (2, None));
}

#[test]
fn what_the_state_does_not_allow_changes_nothing() {
    let reach = [
        (vec![], State::Submitted),
        (vec![Event::Taken, snapshot(), started(0), finished(0)], State::Executing),
        (vec![Event::Taken, snapshot(), started(0), finished(0), Event::Completed { at: at(9) }], State::Completed),
        (vec![Event::Taken, failed(None)], State::Aborted),
        (vec![Event::Cancelled { at: at(9) }], State::Cancelled),
        (vec![Event::Taken, failed_by(FaultKind::JobTimeLimit, None)], State::Error),
    ];
    let events = || {
        let taken = [Event::Taken, snapshot(), started(0), finished(0), started(7)];
        let ends = [Event::Completed { at: at(9) }, failed(None), failed_by(FaultKind::JobTimeLimit, None)];
        let others =
            [Event::Cancelled { at: at(9) }, Event::Orphaned, Event::Released, Event::Postponed { until: at(10) }];
        taken.into_iter().chain(ends).chain(others)
    };
    let mut allowed = Vec::new();
    for (path, state) in reach {
        let job = after(1, path);
        assert_eq!(job.state, state);
        for event in events() {
            let mut next = job.clone();
            let name = format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
            match next.apply(event) {
                Ok(()) => allowed.push(format!("{} {name} {}", state.name(), next.state.name())),
                Err(illegal) => {
                    assert_eq!(next, job);
                    assert_eq!(illegal.state, state);
                }
            }
        }
    }
    let expected = [
        "submitted Taken executing",
        "submitted Failed aborted",
        "submitted Failed error",
        "submitted Cancelled cancelled",
        "executing Taken executing",
        "executing Completed completed",
        "executing Failed aborted",
        "executing Failed error",
        "executing Cancelled cancelled",
        "executing Orphaned submitted",
        "executing Released submitted",
        "executing Postponed submitted",
    ];
    assert_eq!(allowed, expected);
}
