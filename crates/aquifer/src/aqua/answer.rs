//! Answers about jobs. Which keys are there matters as much as what they say: tap-zuora takes a top-level `message` for
//! failure, others test for `fileId` and `segments`.

use std::borrow::Cow;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    action::datetime,
    error::{self, Body, DELETED_UNSUPPORTED, QueryFault},
};
use crate::{
    job::{
        Batch, BatchState, Deleted, Encryption, FaultKind, FileId, Flag, Format, FullReason, Job, JobId, Language,
        Query, Scope, SnapshotMark, Spec, State,
    },
    secret,
};

/// What a runner at work knows more than the store: rows written so far, by batch.
pub type RowsSoFar<'a> = &'a dyn Fn(usize) -> Option<u64>;

/// A job as the wire has it, in the order of the original's recordings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    encrypted: &'static str,
    use_last_completed_job_queries: bool,
    batches: Vec<BatchAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    status: &'static str,
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
    version: &'a str,
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_replacement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_data: Option<&'static str>,
    offset: u32,
    /// In milliseconds since 1970, and only in the answer to a submit: the recordings of other answers lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    incremental_time: Option<i64>,
    /// Ours: every fault of every query, where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer<'a> {
    localized_status: &'static str,
    status: &'static str,
    record_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    api_version: String,
    batch_type: &'static str,
    full: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    query: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convert_to_currencies: Option<&'a str>,
    /// Ours, as are those that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    full_reason: Option<FullReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_so_far: Option<u64>,
}

/// To a submit that was accepted. Neither `startTime` nor any `message`. `full` is what each batch is going to be, as far as
/// is known.
pub fn submitted<'a>(job: &'a Job, full: &[bool]) -> JobAnswer<'a> {
    let batches = job.spec.queries.iter().zip(&job.batches).zip(full);
    let batch = |((query, batch), full): ((_, &Batch), &bool)| BatchAnswer {
        batch_id: Some(batch.id.to_string()),
        full: *full,
        ..pending(query)
    };
    JobAnswer {
        batches: batches.map(batch).collect(),
        status: job_word(State::Submitted),
        terminal: Some(false),
        warnings: Some(warnings(job)),
        id: Some(job.id),
        incremental_time: job.spec.incremental_time.map(Timestamp::as_millisecond),
        ..echo(&job.spec)
    }
}

/// To a submit that was refused: the request said back, with neither job id nor batch ids, for there are none.
pub fn refused<'a>(spec: &'a Spec, code: &'static str, message: String, faults: &[QueryFault]) -> JobAnswer<'a> {
    JobAnswer {
        error_code: Some(code),
        message: Some(message),
        batches: spec.queries.iter().map(pending).collect(),
        status: "error",
        errors: Some(faults.iter().map(fault_answer).collect()).filter(|_| !faults.is_empty()),
        ..echo(spec)
    }
}

/// To a question about a job, and to its cancellation.
pub fn status<'a>(job: &'a Job, zone: &TimeZone, rows_so_far: RowsSoFar<'_>) -> JobAnswer<'a> {
    let batches = job.spec.queries.iter().zip(&job.batches).enumerate();
    let batch = |(index, (query, batch))| batch_answer(job, query, batch, zone, rows_so_far(index));
    let code = job.fault.as_ref().map(|fault| match fault.kind {
        FaultKind::Query => ("90007", "The query execution has been aborted."),
        FaultKind::TimeLimit => ("90027", "The query execution has been aborted."),
        FaultKind::JobTimeLimit => ("90029", "The job was marked Error after too long in Processing."),
        FaultKind::DeletedNotAllowed => ("90017", DELETED_UNSUPPORTED),
        FaultKind::Internal => ("90010", "Internal Server Error."),
    });
    let message = job.fault.as_ref().zip(code).map(|(fault, (_, text))| format!("{text} {}", fault.message));
    // A job that is completed but for what was skipped must not look as if it were whole.
    let skipped = job.batches.iter().find(|batch| batch.state == BatchState::Skipped && job.state == State::Completed);
    let code = code.or(skipped.map(|batch| (error::NO_PERMISSION, &*batch.message)));
    let message = message.or(skipped.map(|batch| batch.message.clone()));
    JobAnswer {
        error_code: code.map(|(code, _)| code),
        message,
        batches: batches.map(batch).collect(),
        start_time: job.snapshot.as_ref().map(|snapshot| time(snapshot.at, zone)),
        status: job_word(job.state),
        terminal: Some(job.state.is_terminal()),
        warnings: Some(warnings(job)),
        id: Some(job.id),
        ..echo(&job.spec)
    }
}

/// What was to be said at the submit, and what its batches have found out since.
fn warnings(job: &Job) -> Vec<Cow<'_, str>> {
    let lacks_deletions = |batch: &Batch| batch.scope.as_ref().is_some_and(|scope| scope.lacks_deletions);
    let lacking = job.batches.iter().zip(1..).filter(|(batch, _)| lacks_deletions(batch)).map(|(_, number)| {
        format!("incrementalTime is before deletions that are no longer kept: query {number} may lack some").into()
    });
    job.warnings.iter().map(|warning| warning.as_str().into()).chain(lacking).collect()
}

/// What every answer says back of the request.
fn echo(spec: &Spec) -> JobAnswer<'_> {
    JobAnswer {
        error_code: None,
        message: None,
        encrypted: encryption_word(spec.encryption),
        use_last_completed_job_queries: spec.use_last_queries,
        batches: Vec::new(),
        start_time: None,
        status: "error",
        terminal: None,
        warnings: None,
        name: spec.name.as_deref(),
        id: None,
        version: &spec.protocol_version,
        format: format_word(spec.format),
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
    let status = batch_word(BatchState::Pending);
    BatchAnswer {
        localized_status: status,
        status,
        record_count: 0,
        file_id: None,
        segments: None,
        batch_id: None,
        api_version: format!("{}.0", query.api_version),
        batch_type: match query.language {
            Language::Export => "zoqlexport",
            Language::Zoql => "zoql",
        },
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
    let status = batch_word(batch.state);
    // A batch that has finished while its job goes on may yet be run again: it has written rows, and ended nothing.
    let written = batch.output.as_ref().map(|output| output.rows).or(rows_so_far);
    BatchAnswer {
        localized_status: status,
        status,
        record_count: output.map_or(0, |output| output.rows),
        file_id: whole.and_then(|output| output.files.first()).map(|file| file.id.to_string()),
        segments: segmented.map(|output| output.files.iter().map(|file| file.id.to_string()).collect()),
        batch_id: Some(batch.id.to_string()),
        message: Some(&batch.message),
        full: job.spec.incremental_time.is_none() && batch.scope.as_ref().is_none_or(|scope| scope.full.is_some()),
        full_reason: batch.scope.as_ref().and_then(|scope| scope.full),
        window: batch.scope.as_ref().map(|scope| window(scope, zone)),
        started_at: batch.started_at.map(|at| time(at, zone)),
        completed_at: output.and(batch.ended_at).map(|at| time(at, zone)),
        rows_so_far: written.filter(|_| job.state == State::Executing),
        ..pending(query)
    }
}

/// Where a window begins and ends: `from` is null if it is everything.
pub(super) fn window(scope: &Scope, zone: &TimeZone) -> Value {
    json!({ "from": scope.from.as_ref().map(|from| mark(from, zone)), "to": mark(&scope.to, zone) })
}

pub(super) fn mark(mark: &SnapshotMark, zone: &TimeZone) -> Value {
    json!({ "at": time(mark.at, zone), "position": mark.position })
}

fn deleted_echo(deleted: &Deleted) -> Value {
    let format = match deleted.flag {
        Flag::Boolean => "Boolean",
        Flag::Numeric => "Numeric",
    };
    let mut echo = json!({ "column": deleted.column, "format": format });
    if deleted.force_export {
        echo["forceExport"] = Value::Bool(true);
    }
    echo
}

fn fault_answer(fault: &QueryFault) -> Value {
    let mut answer = json!({
        "query": fault.query,
        "code": fault.code,
        "message": fault.message,
        "line": fault.line,
        "column": fault.column,
        "span": { "start": fault.start, "end": fault.end },
    });
    for (key, text) in [("name", &fault.name), ("help", &fault.help)] {
        if let Some(text) = text {
            answer[key] = Value::String(text.clone());
        }
    }
    answer
}

/// The body of an error that has no job to speak of.
pub fn error(body: Body, status: u16) -> Value {
    match body {
        Body::Aqua { code, message } => json!({ "errorCode": code, "message": message }),
        Body::Platform { code, message } => json!({
            "success": false,
            "processId": secret::hex(&secret::random::<8>()),
            "code": code,
            "message": message,
            "reasons": [{ "code": code, "message": message }],
        }),
        Body::OAuth { error, message, at } => json!({
            "timestamp": datetime(at, &TimeZone::UTC),
            "status": status,
            "error": error,
            "message": message,
            "path": "/oauth/token",
        }),
        Body::Object { code, message } => {
            json!({ "Success": false, "Errors": [{ "Code": code, "Message": message }] })
        }
        Body::NoRecords => json!({ "records": null, "done": true, "size": 0 }),
        Body::Action { code, message } => json!({ "faultcode": format!("fns:{code}"), "faultstring": message }),
        Body::Xml { code, message } => json!({ "code": code, "message": message }),
    }
}

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

/// `2021-01-18T17:13:48+0000`: no colon in the offset, no fraction.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
}

/// Upper case, whatever was sent.
pub(super) fn format_word(format: Format) -> &'static str {
    match format {
        Format::Csv => "CSV",
        Format::Gzip => "GZIP",
        Format::Zip => "ZIP",
    }
}

pub(super) fn encryption_word(encryption: Encryption) -> &'static str {
    match encryption {
        Encryption::None => "none",
        Encryption::Pgp => "pgp",
    }
}

/// Lower case, two l's; never `failed`, which no client of the original has met.
pub(super) fn job_word(state: State) -> &'static str {
    match state {
        State::Submitted => "submitted",
        State::Executing => "executing",
        State::Completed => "completed",
        State::Aborted => "aborted",
        State::Cancelled => "cancelled",
        State::Error => "error",
    }
}

pub(super) fn batch_word(state: BatchState) -> &'static str {
    match state {
        BatchState::Pending => "pending",
        BatchState::Executing => "executing",
        BatchState::Completed => "completed",
        BatchState::Aborted => "aborted",
        BatchState::Cancelled => "cancelled",
        BatchState::DeletedNotAllowed => "deleted_notallowed",
        BatchState::Skipped => "error",
    }
}
