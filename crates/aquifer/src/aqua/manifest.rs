//! The manifest of a job, ours: what was read, of what, and into which bytes, for whoever wants to prove it later.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::{self, Window},
    word::{BatchStatus, Encryption, Format, JobStatus, Time},
};
use crate::job::{BatchId, BatchState, FileId, Job, JobId, Output, OutputColumn, ResultFile};

/// `aquifer verify` reads it, with the addition of where the files were saved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest<'a> {
    job: JobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: JobStatus,
    format: Format,
    encrypted: Encryption,
    /// Absent until a runner has taken the job up.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<SnapshotEntry<'a>>,
    /// Until when the files can be downloaded; absent while the job goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    batches: Vec<BatchEntry<'a>>,
}

/// The one view of the data that all queries of the job have read.
#[derive(Debug, Serialize, ToSchema)]
struct SnapshotEntry<'a> {
    position: &'a str,
    at: Time,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BatchEntry<'a> {
    batch_id: BatchId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: BatchStatus,
    /// Which changes a batch of a stateful job has returned; `from` is null if it is all that lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Window<'a>>,
    /// This and what follows: only of batches that are completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical_query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a [OutputColumn]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileEntry<'a>>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileEntry<'a> {
    file_id: FileId,
    /// What a download calls it.
    name: String,
    rows: u64,
    bytes: u64,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: &'a str,
}

/// `expires_at` is when the files of a job that has ended are purged.
pub fn manifest<'a>(job: &'a Job, zone: &TimeZone, expires_at: Option<Timestamp>) -> Manifest<'a> {
    let batches = job.spec.queries.iter().zip(&job.batches).map(|(query, batch)| {
        let output = batch.output.as_ref().filter(|_| batch.state == BatchState::Completed);
        BatchEntry {
            batch_id: batch.id,
            name: query.name.as_deref(),
            status: batch.state.into(),
            window: batch.scope.as_ref().map(|scope| answer::window(scope, zone)),
            canonical_query: output.map(|output| output.canonical.as_str()),
            schema: output.map(|output| output.columns.as_slice()),
            rows: output.map(|output| output.rows),
            files: output.map(|output| files(job, output)),
        }
    });
    Manifest {
        job: job.id,
        name: job.spec.name.as_deref(),
        status: job.state.into(),
        format: job.spec.format.into(),
        encrypted: job.spec.encryption.into(),
        snapshot: job
            .snapshot
            .as_ref()
            .map(|snapshot| SnapshotEntry { position: &snapshot.position, at: Time::new(snapshot.at, zone) }),
        expires_at: expires_at.map(|at| Time::new(at, zone)),
        batches: batches.collect(),
    }
}

fn files<'a>(job: &Job, output: &'a Output) -> Vec<FileEntry<'a>> {
    let file = |file: &'a ResultFile| FileEntry {
        file_id: file.id,
        name: answer::file_type_and_name(file.id, job.spec.format, job.spec.encryption).1,
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
    };
    output.files.iter().map(file).collect()
}
