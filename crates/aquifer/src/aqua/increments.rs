//! Sessions and their increments, as JSON. The original has nothing like it, so the words are ours.

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::{Mark, Window, mark, window},
    word::Time,
};
use crate::{
    job::{self, Batch, FileId, FullReason, JobId, Query, SessionKey},
    store::SessionSummary,
};

/// Those of the newest jobs first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions<'a> {
    success: bool,
    sessions: Vec<Session<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    partner: &'a str,
    project: &'a str,
    /// How many there have been.
    increments: u32,
    /// Null if it is no longer kept.
    #[schema(required)]
    last_job_id: Option<JobId>,
    last_completed_at: Time,
}

/// Oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Increments<'a> {
    success: bool,
    partner: &'a str,
    project: &'a str,
    increments: Vec<Increment<'a>>,
    /// `after` for those that follow; null if there are none.
    #[schema(required)]
    next: Option<u32>,
}

/// What one completed job of the session has returned.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Increment<'a> {
    #[schema(minimum = 1, example = 1)]
    number: u32,
    job_id: JobId,
    #[schema(required)]
    snapshot: Option<Mark<'a>>,
    #[schema(required)]
    completed_at: Option<Time>,
    #[schema(required)]
    acknowledged_at: Option<Time>,
    #[schema(required)]
    replayed_at: Option<Time>,
    /// Acknowledged, replayed, or every file downloaded whole. Only the first proves that the client has stored it.
    delivered: bool,
    batches: Vec<IncrementBatch<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IncrementBatch<'a> {
    #[schema(required)]
    name: Option<&'a str>,
    query: &'a str,
    full: bool,
    #[schema(required)]
    full_reason: Option<FullReason>,
    #[schema(required)]
    window: Option<Window<'a>>,
    record_count: u64,
    files: Vec<IncrementFile>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IncrementFile {
    file_id: FileId,
    rows: u64,
    /// When all of it had been sent for the first time.
    #[schema(required)]
    downloaded_at: Option<Time>,
}

/// That something was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    success: bool,
}

pub const DONE: Done = Done { success: true };

pub fn sessions<'a>(sessions: &'a [SessionSummary], zone: &TimeZone) -> Sessions<'a> {
    let session = |summary: &'a SessionSummary| Session {
        partner: &summary.key.partner,
        project: &summary.key.project,
        increments: summary.increments,
        last_job_id: summary.last_job.as_ref().map(|job| job.id),
        last_completed_at: Time::new(summary.at, zone),
    };
    Sessions { success: true, sessions: sessions.iter().map(session).collect() }
}

pub fn list<'a>(
    session: &'a SessionKey,
    increments: &'a [job::Increment],
    next: Option<u32>,
    zone: &TimeZone,
) -> Increments<'a> {
    Increments {
        success: true,
        partner: &session.partner,
        project: &session.project,
        increments: increments.iter().map(|one| increment(one, zone)).collect(),
        next,
    }
}

fn increment<'a>(increment: &'a job::Increment, zone: &TimeZone) -> Increment<'a> {
    let job = &increment.job;
    let batches = job.spec.queries.iter().zip(&job.batches);
    Increment {
        number: increment.number,
        job_id: job.id,
        snapshot: job.snapshot.as_ref().map(|snapshot| mark(snapshot, zone)),
        completed_at: job.ended_at.map(|at| Time::new(at, zone)),
        acknowledged_at: increment.acknowledged_at.map(|at| Time::new(at, zone)),
        replayed_at: increment.replayed_at.map(|at| Time::new(at, zone)),
        delivered: increment.is_delivered(),
        batches: batches.map(|(query, one)| batch(increment, query, one, zone)).collect(),
    }
}

fn batch<'a>(increment: &job::Increment, query: &'a Query, batch: &'a Batch, zone: &TimeZone) -> IncrementBatch<'a> {
    let files = batch.output.iter().flat_map(|output| &output.files);
    let files = files.map(|file| IncrementFile {
        file_id: file.id,
        rows: file.rows,
        downloaded_at: increment.downloads.get(&file.id).map(|at| Time::new(*at, zone)),
    });
    let scope = batch.scope.as_ref();
    IncrementBatch {
        name: query.name.as_deref(),
        query: &query.text,
        full: scope.is_none_or(|scope| scope.full.is_some()),
        full_reason: scope.and_then(|scope| scope.full),
        window: scope.map(|scope| window(scope, zone)),
        record_count: batch.output.as_ref().map_or(0, |output| output.rows),
        files: files.collect(),
    }
}
