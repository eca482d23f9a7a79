//! Jobs and batches, and the only ways they may change.
//!
//! Pure: no database, no clock, no HTTP. Whoever stores jobs loads one, [`applies`](Job::apply) an [`Event`], and saves
//! what came out; an event that the state does not allow changes nothing.
//!
//! A batch that has finished while its job still executes keeps its result to itself: if the runner dies, the job is run
//! again in a new snapshot, and a client must never hold files of two snapshots. The end of the job, whatever it is,
//! publishes the results that are there.

mod callout;
mod id;
pub mod session;
mod spans;
mod spec;

pub use callout::{Callout, CalloutState, Outcome, Schedule, Try};
pub use id::{BatchId, FileId, JobId};
pub use session::{FullReason, Identity, Increment, Scope, Session};
pub use spans::Spans;
pub use spec::{Deleted, Encryption, Flag, Format, Language, Query, Reads, SessionKey, Spec};

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub tenant: String,
    pub spec: Spec,
    /// What the submitter should know although the job runs.
    pub warnings: Vec<String>,
    pub state: State,
    pub submitted_at: Timestamp,
    /// How often a runner has taken the job up. Files of one attempt never meet those of another.
    pub attempt: u32,
    /// A submitted job is not taken up before this.
    pub postponed_until: Option<Timestamp>,
    pub snapshot: Option<SnapshotMark>,
    pub ended_at: Option<Timestamp>,
    pub fault: Option<Fault>,
    /// One for each query of the spec, in its order.
    pub batches: Vec<Batch>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub id: BatchId,
    pub state: BatchState,
    /// Why it failed; empty otherwise.
    pub message: String,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Whether it is going to be all that lives, as far as was known at the submit: jobs of its session that were before it may
    /// have changed that.
    pub will_be_full: bool,
    /// Which rows it returns; none before it has started, and in stateless jobs.
    pub scope: Option<Scope>,
    /// Published with the end of the job.
    pub output: Option<Output>,
}

/// What a finished query has written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub rows: u64,
    /// One at least.
    pub files: Vec<ResultFile>,
    /// Whether the files are segments, were there but one. Outputs of the first version say nothing, and were not.
    #[serde(default)]
    pub segmented: bool,
    /// As the query was read, in the one spelling that all queries of the same meaning share.
    #[serde(default)]
    pub canonical: String,
    #[serde(default)]
    pub columns: Vec<OutputColumn>,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutputColumn {
    /// As the header line has it.
    pub name: String,
    /// As the catalog spells types, `datetime`.
    #[serde(rename = "type")]
    pub value_type: String,
}

/// A file in the result storage. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    pub id: FileId,
    /// Its key in the result storage.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    /// SHA-256 of the bytes, 64 hex digits.
    pub sha256: String,
}

/// A place in the history of the data: a view that was read, or where a window begins or ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotMark {
    pub at: Timestamp,
    pub position: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Stored, waiting for a runner.
    Submitted,
    /// A runner holds its lease.
    Executing,
    Completed,
    /// A query failed, or a limit was passed.
    Aborted,
    Cancelled,
    /// It executed for longer than a job may.
    Error,
}

impl State {
    pub const ALL: [State; 6] =
        [State::Submitted, State::Executing, State::Completed, State::Aborted, State::Cancelled, State::Error];

    /// How stores spell it.
    pub fn name(self) -> &'static str {
        match self {
            State::Submitted => "submitted",
            State::Executing => "executing",
            State::Completed => "completed",
            State::Aborted => "aborted",
            State::Cancelled => "cancelled",
            State::Error => "error",
        }
    }

    pub fn is_terminal(self) -> bool {
        !matches!(self, State::Submitted | State::Executing)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    Pending,
    Executing,
    Completed,
    /// It failed, or one before it did.
    Aborted,
    Cancelled,
    /// It asks for deleted rows of an object that does not keep them.
    DeletedNotAllowed,
    /// It was never to be run: who submitted it may not read what it asks for.
    Skipped,
}

impl BatchState {
    pub const ALL: [BatchState; 7] = [
        BatchState::Pending,
        BatchState::Executing,
        BatchState::Completed,
        BatchState::Aborted,
        BatchState::Cancelled,
        BatchState::DeletedNotAllowed,
        BatchState::Skipped,
    ];

    /// How stores spell it.
    pub fn name(self) -> &'static str {
        match self {
            BatchState::Pending => "pending",
            BatchState::Executing => "executing",
            BatchState::Completed => "completed",
            BatchState::Aborted => "aborted",
            BatchState::Cancelled => "cancelled",
            BatchState::DeletedNotAllowed => "deleted_notallowed",
            BatchState::Skipped => "skipped",
        }
    }
}

/// Why a job has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A query could not be run to its end.
    Query,
    /// A query ran longer than it may.
    TimeLimit,
    /// The job as a whole executed for longer than it may.
    JobTimeLimit,
    /// A query asks for deleted rows of an object that has stopped to keep them since the submit.
    DeletedNotAllowed,
    /// Every runner that took the job up died, or a fault of ours.
    Internal,
}

/// What may happen to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A runner took it up, for the first time or after another runner was lost.
    Taken,
    /// The runner has its view of the data.
    Began(SnapshotMark),
    BatchStarted {
        batch: usize,
        at: Timestamp,
        scope: Option<Scope>,
    },
    BatchFinished {
        batch: usize,
        at: Timestamp,
        output: Output,
    },
    /// Every batch has finished.
    Completed {
        at: Timestamp,
    },
    /// `batch` is the one to blame, if it is a batch.
    Failed {
        at: Timestamp,
        batch: Option<usize>,
        fault: Fault,
    },
    Cancelled {
        at: Timestamp,
    },
    /// Its runner is no more: it is to be run from the start.
    Orphaned,
    /// The runner gives it back unharmed, to be run from the start: this attempt does not count.
    Released,
    /// The runner could not do it, but later another may: it is to be run from the start.
    Postponed {
        until: Timestamp,
    },
}

impl Event {
    /// Whether it is the last that happens to a job.
    pub fn ends_job(&self) -> bool {
        matches!(self, Event::Completed { .. } | Event::Failed { .. } | Event::Cancelled { .. })
    }
}

/// An event that the job's state does not allow.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a job that is {} cannot take {event}", .state.name())]
pub struct Illegal {
    pub state: State,
    event: String,
}

/// Longest message of a batch, in characters.
const MESSAGE_CHARACTERS: usize = 2048;

impl Job {
    /// Its batches return everything that lives, unless they are told otherwise.
    pub fn new(id: JobId, tenant: String, spec: Spec, warnings: Vec<String>, now: Timestamp) -> Job {
        let batches = spec.queries.iter().map(|_| Batch::pending(BatchId::new(now), true)).collect();
        Job {
            id,
            tenant,
            spec,
            warnings,
            state: State::Submitted,
            submitted_at: now,
            attempt: 0,
            postponed_until: None,
            snapshot: None,
            ended_at: None,
            fault: None,
            batches,
        }
    }

    /// Takes a batch of a new job out of it, and says why.
    pub fn skip(&mut self, batch: usize, why: &str) {
        self.batches[batch].state = BatchState::Skipped;
        self.batches[batch].message = why.chars().take(MESSAGE_CHARACTERS).collect();
    }

    /// Changes the job as the event says, or says that it may not and leaves it as it is.
    pub fn apply(&mut self, event: Event) -> Result<(), Illegal> {
        let executing = self.state == State::Executing;
        match event {
            Event::Taken if !self.state.is_terminal() => {
                self.attempt += 1;
                self.restart(State::Executing);
            }
            Event::Orphaned if executing => self.restart(State::Submitted),
            Event::Released if executing => {
                self.attempt = self.attempt.saturating_sub(1);
                self.restart(State::Submitted);
            }
            Event::Postponed { until } if executing => {
                self.restart(State::Submitted);
                self.postponed_until = Some(until);
            }
            Event::Began(snapshot) if executing && self.snapshot.is_none() => self.snapshot = Some(snapshot),
            Event::BatchStarted { batch, at, scope } if executing && self.is(batch, BatchState::Pending) => {
                self.batches[batch].state = BatchState::Executing;
                self.batches[batch].started_at = Some(at);
                self.batches[batch].scope = scope;
            }
            Event::BatchFinished { batch, at, output } if executing && self.is(batch, BatchState::Executing) => {
                self.batches[batch].output = Some(output);
                self.batches[batch].ended_at = Some(at);
            }
            Event::Completed { at } if executing && self.batches.iter().all(Batch::is_done) => {
                self.end(State::Completed, BatchState::Completed, at);
            }
            // A job that no runner has lived to see the end of fails while it waits for another.
            Event::Failed { at, batch, fault } if !self.state.is_terminal() => self.fail(at, batch, fault),
            Event::Cancelled { at } if !self.state.is_terminal() => {
                self.end(State::Cancelled, BatchState::Cancelled, at);
            }
            event => return Err(Illegal { state: self.state, event: format!("{event:?}") }),
        }
        Ok(())
    }

    /// Everything that a client may download.
    pub fn published(&self) -> impl Iterator<Item = (&Batch, &ResultFile)> {
        let outputs = self.batches.iter().filter(|_| self.state.is_terminal());
        outputs.flat_map(|batch| {
            batch.output.iter().flat_map(move |output| output.files.iter().map(move |file| (batch, file)))
        })
    }

    /// Whether everything has been downloaded whole, given when what was. Nobody needs to download a file without rows.
    pub fn is_delivered(&self, downloads: &HashMap<FileId, Timestamp>) -> bool {
        self.published().all(|(_, file)| file.rows == 0 || downloads.contains_key(&file.id))
    }

    /// Where the current attempt's files are kept; nothing else is.
    pub fn attempt_prefix(&self) -> String {
        format!("{}/{}", self.id, self.attempt)
    }

    fn is(&self, batch: usize, state: BatchState) -> bool {
        self.batches.get(batch).is_some_and(|batch| batch.state == state && batch.output.is_none())
    }

    fn restart(&mut self, state: State) {
        self.state = state;
        self.postponed_until = None;
        self.snapshot = None;
        for batch in self.batches.iter_mut().filter(|batch| batch.state != BatchState::Skipped) {
            *batch = Batch::pending(batch.id, batch.will_be_full);
        }
    }

    fn fail(&mut self, at: Timestamp, batch: Option<usize>, fault: Fault) {
        let (state, blamed_state) = match fault.kind {
            FaultKind::Query | FaultKind::TimeLimit | FaultKind::Internal => (State::Aborted, BatchState::Aborted),
            FaultKind::DeletedNotAllowed => (State::Aborted, BatchState::DeletedNotAllowed),
            FaultKind::JobTimeLimit => (State::Error, BatchState::Aborted),
        };
        let blamed = batch.or_else(|| self.batches.iter().position(|batch| !batch.is_done()));
        self.end(state, BatchState::Aborted, at);
        if let Some(blamed) = blamed.and_then(|blamed| self.batches.get_mut(blamed)) {
            blamed.state = blamed_state;
            blamed.message = fault.message.chars().take(MESSAGE_CHARACTERS).collect();
        }
        self.fault = Some(fault);
    }

    /// Finished batches are completed, whatever became of the job; the others end as `unfinished`.
    fn end(&mut self, state: State, unfinished: BatchState, at: Timestamp) {
        self.state = state;
        self.ended_at = Some(at);
        for batch in self.batches.iter_mut().filter(|batch| batch.state != BatchState::Skipped) {
            batch.state = if batch.output.is_some() { BatchState::Completed } else { unfinished };
        }
    }
}

impl Batch {
    /// Whether nothing is left to be done for it.
    fn is_done(&self) -> bool {
        self.output.is_some() || self.state == BatchState::Skipped
    }

    /// Whether it is all that lives, as far as is known.
    pub fn is_full(&self) -> bool {
        self.scope.as_ref().map_or(self.will_be_full, |scope| scope.full.is_some())
    }

    fn pending(id: BatchId, will_be_full: bool) -> Batch {
        Batch {
            id,
            state: BatchState::Pending,
            message: String::new(),
            started_at: None,
            ended_at: None,
            will_be_full,
            scope: None,
            output: None,
        }
    }
}

#[cfg(test)]
mod tests;
