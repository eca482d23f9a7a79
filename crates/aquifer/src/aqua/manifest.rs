//! The manifest of a job, ours: what was read, of what, and into which bytes, for whoever wants to prove it later.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::answer;
use crate::job::{BatchState, Job, JobId, Output, OutputColumn};

/// `aquifer verify` reads it, with the addition of where the files were saved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest<'a> {
    job: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: &'static str,
    format: &'static str,
    encrypted: &'static str,
    /// Absent until a runner has taken the job up.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotEntry<'a>>,
    /// Until when the files can be downloaded; absent while the job goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    batches: Vec<BatchEntry<'a>>,
}

/// The one view of the data that all queries of the job have read.
#[derive(Debug, Serialize)]
struct SnapshotEntry<'a> {
    position: &'a str,
    at: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchEntry<'a> {
    batch_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: &'static str,
    /// Which changes a batch of a stateful job has returned; `from` is null if it is all that lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Value>,
    #[serde(flatten)]
    result: Option<ResultEntry<'a>>,
}

/// Only of batches that are completed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultEntry<'a> {
    canonical_query: &'a str,
    schema: &'a [OutputColumn],
    rows: u64,
    files: Vec<FileEntry<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FileEntry<'a> {
    file_id: String,
    /// What a download calls it.
    name: String,
    rows: u64,
    bytes: u64,
    sha256: &'a str,
}

/// `expires_at` is when the files of a job that has ended are purged.
pub fn manifest<'a>(job: &'a Job, zone: &TimeZone, expires_at: Option<Timestamp>) -> Manifest<'a> {
    let batches = job.spec.queries.iter().zip(&job.batches).map(|(query, batch)| BatchEntry {
        batch_id: batch.id.to_string(),
        name: query.name.as_deref(),
        status: answer::batch_word(batch.state),
        window: batch.scope.as_ref().map(|scope| answer::window(scope, zone)),
        result: batch.output.as_ref().filter(|_| batch.state == BatchState::Completed).map(|out| result(job, out)),
    });
    Manifest {
        job: job.id,
        name: job.spec.name.as_deref(),
        status: answer::job_word(job.state),
        format: answer::format_word(job.spec.format),
        encrypted: answer::encryption_word(job.spec.encryption),
        snapshot: job
            .snapshot
            .as_ref()
            .map(|snapshot| SnapshotEntry { position: &snapshot.position, at: answer::time(snapshot.at, zone) }),
        expires_at: expires_at.map(|at| answer::time(at, zone)),
        batches: batches.collect(),
    }
}

fn result<'a>(job: &Job, output: &'a Output) -> ResultEntry<'a> {
    let files = output.files.iter().map(|file| FileEntry {
        file_id: file.id.to_string(),
        name: answer::file_type_and_name(file.id, job.spec.format, job.spec.encryption).1,
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
    });
    ResultEntry {
        canonical_query: &output.canonical,
        schema: &output.columns,
        rows: output.rows,
        files: files.collect(),
    }
}
