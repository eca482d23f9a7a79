//! Answers about jobs. Which keys are there matters as much as what they say: tap-zuora takes a top-level `message` for
//! failure, others test for `fileId` and `segments`.

use std::{borrow::Cow, collections::BTreeSet};

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{self, Fault},
    error::{self, DELETED_UNSUPPORTED, QueryFault},
    quirks::{IncrementalTime, Quirks, StartTime, Version},
    word::{self, BatchStatus, BatchType, DeletedFormat, JobStatus, Time},
};
use crate::{
    config::Tenant,
    job::{
        Batch, BatchId, BatchState, Deleted, Encryption, FaultKind, FileId, Format, FullReason, Job, JobId, Query,
        Scope, SnapshotMark, Spec, State, session::Undelivered,
    },
};

/// What a runner at work knows more than the store: rows written so far, by batch.
pub type RowsSoFar<'a> = &'a dyn Fn(usize) -> Option<u64>;

/// A job as the wire has it, in the order of the original's recordings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^900\d\d$")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    encrypted: word::Encryption,
    use_last_completed_job_queries: bool,
    batches: Vec<BatchAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<StartTime>,
    status: JobStatus,
    /// Ours: whether the status is the last. Clients that know only `completed` poll for ever on the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal: Option<bool>,
    /// Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<JobId>,
    version: Version<'a>,
    format: word::Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_replacement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^LIVE$")]
    source_data: Option<&'static str>,
    offset: u32,
    /// Only in the answer to a submit: the recordings of other answers lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    incremental_time: Option<IncrementalTime>,
    /// Ours: what is wrong with which query, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Fault<'a>>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer<'a> {
    localized_status: BatchStatus,
    status: BatchStatus,
    record_count: u64,
    /// Once the batch is completed, unless it has `segments`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<FileId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<BatchId>,
    #[schema(pattern = r"^\d+\.0$", example = "153.0")]
    api_version: String,
    batch_type: BatchType,
    full: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    query: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<DeletedEcho<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convert_to_currencies: Option<&'a str>,
    /// Ours, as are those that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    full_reason: Option<FullReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Window<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_so_far: Option<u64>,
}

/// The `deleted` of the request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedEcho<'a> {
    #[schema(example = "Deleted")]
    column: &'a str,
    format: DeletedFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    force_export: Option<bool>,
}

/// Which changes a batch returns. Ours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Window<'a> {
    /// Null if it is everything.
    #[schema(required)]
    from: Option<Mark<'a>>,
    to: Mark<'a>,
}

/// A point in the history of the data.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mark<'a> {
    at: Time,
    /// Opaque: it can only be compared with others.
    #[schema(example = "17@2026-11-21T20:00:00Z")]
    position: &'a str,
}

/// To a submit that was accepted. Neither `startTime` nor any `message`.
pub fn submitted<'a>(job: &'a Job, tenant: &Tenant) -> JobAnswer<'a> {
    let batches = job.spec.queries.iter().zip(&job.batches);
    let batch =
        |(query, batch): (_, &Batch)| BatchAnswer { batch_id: Some(batch.id), full: batch.is_full(), ..pending(query) };
    let time = job.spec.incremental_time;
    JobAnswer {
        batches: batches.map(batch).collect(),
        status: JobStatus::Submitted,
        terminal: Some(false),
        warnings: Some(warnings(job)),
        id: Some(job.id),
        incremental_time: time.map(|time| tenant.quirks.incremental_time(time, tenant.profile)),
        ..echo(&job.spec, tenant.quirks)
    }
}

/// To a submit that was refused: the request said back, with neither job id nor batch ids, for there are none.
pub fn refused<'a>(
    spec: &'a Spec,
    code: &'static str,
    message: String,
    faults: &'a [QueryFault],
    quirks: Quirks,
) -> JobAnswer<'a> {
    JobAnswer {
        error_code: Some(code),
        message: Some(quirks.refusal(code, message)),
        batches: spec.queries.iter().map(pending).collect(),
        status: JobStatus::Error,
        errors: Some(faults.iter().map(body::fault).collect()).filter(|_| !faults.is_empty()),
        ..echo(spec, quirks)
    }
}

/// To a question about a job, and to its cancellation.
pub fn status<'a>(job: &'a Job, tenant: &Tenant, rows_so_far: RowsSoFar<'_>) -> JobAnswer<'a> {
    let zone = &tenant.zone();
    let batches = job.spec.queries.iter().zip(&job.batches).enumerate();
    let batch = |(index, (query, batch))| batch_answer(job, query, batch, zone, rows_so_far(index));
    let code = job.fault.as_ref().map(|fault| match fault.kind {
        FaultKind::Query => ("90007", "The query execution has been aborted."),
        FaultKind::TimeLimit => ("90027", "The query execution has exceeded the processing time."),
        FaultKind::JobTimeLimit => ("90029", "The job was marked Error after too long in Processing."),
        FaultKind::DeletedNotAllowed => ("90017", DELETED_UNSUPPORTED),
        FaultKind::Internal => ("90010", "Internal Server Error."),
    });
    let time = job.spec.incremental_time;
    let message = job.fault.as_ref().zip(code).map(|(fault, (_, text))| format!("{text} {}", fault.message));
    // A job that is completed but for what was skipped must not look as if it were whole.
    let skipped = job.batches.iter().find(|batch| batch.state == BatchState::Skipped && job.state == State::Completed);
    let code = code.or(skipped.map(|batch| (error::NO_PERMISSION, &*batch.message)));
    let message = message.or(skipped.map(|batch| batch.message.clone()));
    JobAnswer {
        error_code: code.map(|(code, _)| code),
        message,
        batches: batches.map(batch).collect(),
        start_time: job.snapshot.as_ref().map(|snapshot| tenant.quirks.start_time(snapshot.at, zone)),
        status: job.state.into(),
        terminal: Some(job.state.is_terminal()),
        warnings: Some(warnings(job)),
        id: Some(job.id),
        incremental_time: time.and_then(|time| tenant.quirks.incremental_time_later(time, tenant.profile)),
        ..echo(&job.spec, tenant.quirks)
    }
}

/// What was to be said at the submit, and what its batches have found out since.
pub fn warnings(job: &Job) -> Vec<Cow<'_, str>> {
    let scopes = job.batches.iter().filter_map(|batch| batch.scope.as_ref());
    let undelivered = undelivered(scopes.filter_map(|scope| scope.undelivered)).into_iter().map(Cow::from);
    let lacks_deletions = |batch: &Batch| batch.scope.as_ref().is_some_and(|scope| scope.lacks_deletions);
    let lacking = job.batches.iter().zip(1..).filter(|(batch, _)| lacks_deletions(batch)).map(|(_, number)| {
        format!("incrementalTime is before deletions that are no longer kept: query {number} may lack some").into()
    });
    job.warnings.iter().map(|warning| warning.as_str().into()).chain(undelivered).chain(lacking).collect()
}

/// A word about each increment that has not arrived.
pub fn undelivered(increments: impl Iterator<Item = Undelivered>) -> Vec<String> {
    let words = increments.map(|Undelivered { increment, is_held }| {
        let then = if is_held { "this job covers its window once more" } else { "replay it if it was lost" };
        format!("increment {increment} of this session was not downloaded whole: {then}")
    });
    // Most queries of a job have it in common.
    words.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What every answer says back of the request.
fn echo(spec: &Spec, quirks: Quirks) -> JobAnswer<'_> {
    JobAnswer {
        error_code: None,
        message: None,
        encrypted: spec.encryption.into(),
        use_last_completed_job_queries: spec.use_last_queries,
        batches: Vec::new(),
        start_time: None,
        status: JobStatus::Error,
        terminal: None,
        warnings: None,
        name: spec.name.as_deref(),
        id: None,
        version: quirks.version(&spec.protocol_version),
        format: spec.format.into(),
        partner: spec.partner.as_deref(),
        project: spec.project.as_deref(),
        notify_url: spec.notify_url.as_deref(),
        null_replacement: spec.null_replacement.as_deref(),
        source_data: spec.names_source.then_some("LIVE"),
        offset: spec.offset.unwrap_or(0),
        incremental_time: None,
        errors: None,
    }
}

fn pending(query: &Query) -> BatchAnswer<'_> {
    let status = BatchStatus::Pending;
    BatchAnswer {
        localized_status: status,
        status,
        record_count: 0,
        file_id: None,
        segments: None,
        batch_id: None,
        api_version: format!("{}.0", query.api_version),
        batch_type: query.language.into(),
        full: true,
        name: query.name.as_deref(),
        message: None,
        query: &query.text,
        deleted: query.deleted.as_ref().map(deleted_echo),
        convert_to_currencies: query.convert_to_currencies.as_deref(),
        full_reason: None,
        window: None,
        started_at: None,
        completed_at: None,
        rows_so_far: None,
    }
}

fn batch_answer<'a>(
    job: &Job,
    query: &'a Query,
    batch: &'a Batch,
    zone: &TimeZone,
    rows_so_far: Option<u64>,
) -> BatchAnswer<'a> {
    let output = batch.output.as_ref().filter(|_| batch.state == BatchState::Completed);
    let (segmented, whole) = (output.filter(|output| output.segmented), output.filter(|output| !output.segmented));
    let status = BatchStatus::from(batch.state);
    // A batch that has finished while its job goes on may yet be run again: it has written rows, and ended nothing.
    let written = batch.output.as_ref().map(|output| output.rows).or(rows_so_far);
    BatchAnswer {
        localized_status: status,
        status,
        record_count: output.map_or(0, |output| output.rows),
        file_id: whole.and_then(|output| output.files.first()).map(|file| file.id),
        segments: segmented.map(|output| output.files.iter().map(|file| file.id).collect()),
        batch_id: Some(batch.id),
        message: Some(&batch.message),
        full: batch.is_full(),
        full_reason: batch.scope.as_ref().and_then(|scope| scope.full),
        window: batch.scope.as_ref().map(|scope| window(scope, zone)),
        started_at: batch.started_at.map(|at| Time::new(at, zone)),
        completed_at: output.and(batch.ended_at).map(|at| Time::new(at, zone)),
        rows_so_far: written.filter(|_| job.state == State::Executing),
        ..pending(query)
    }
}

/// Where a window begins and ends: `from` is null if it is everything.
pub(super) fn window<'a>(scope: &'a Scope, zone: &TimeZone) -> Window<'a> {
    Window { from: scope.from.as_ref().map(|from| mark(from, zone)), to: mark(&scope.to, zone) }
}

pub(super) fn mark<'a>(mark: &'a SnapshotMark, zone: &TimeZone) -> Mark<'a> {
    Mark { at: Time::new(mark.at, zone), position: &mark.position }
}

fn deleted_echo(deleted: &Deleted) -> DeletedEcho<'_> {
    let force_export = deleted.force_export.then_some(true);
    DeletedEcho { column: &deleted.column, format: deleted.flag.into(), force_export }
}

/// Of a file that is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileStatus {
    success: bool,
    accessible: bool,
    #[schema(pattern = "^RESTORED$", example = "RESTORED")]
    status: &'static str,
}

pub const ACCESSIBLE: FileStatus = FileStatus { success: true, accessible: true, status: "RESTORED" };

/// What a download of a result file is called, and what it says it is.
pub fn file_type_and_name(file: FileId, format: Format, encryption: Encryption) -> (&'static str, String) {
    let content_type = match (format, encryption) {
        (_, Encryption::Pgp) => "application/pgp-encrypted",
        // Always with the charset: Python's requests would guess Latin-1.
        (Format::Csv, Encryption::None) => "text/csv;charset=UTF-8",
        (Format::Gzip, Encryption::None) => "application/x-gzip",
        (Format::Zip, Encryption::None) => "application/zip",
    };
    (content_type, format!("{file}.{}", format.extension(encryption)))
}
