//! A session's increments, as JSON. The original has nothing like it, so the words are ours.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::answer::{mark, time, window};
use crate::job::{Batch, Increment, Query, SessionKey};

/// Oldest first.
pub fn list(session: &SessionKey, increments: &[Increment], zone: &TimeZone) -> Value {
    json!({
        "success": true,
        "partner": session.partner,
        "project": session.project,
        "increments": increments.iter().map(|one| increment(one, zone)).collect::<Vec<_>>(),
    })
}

fn increment(increment: &Increment, zone: &TimeZone) -> Value {
    let job = &increment.job;
    let batches = job.spec.queries.iter().zip(&job.batches);
    json!({
        "number": increment.number,
        "jobId": job.id,
        "snapshot": job.snapshot.as_ref().map(|snapshot| mark(snapshot, zone)),
        "completedAt": job.ended_at.map(|at| time(at, zone)),
        "acknowledgedAt": increment.acknowledged_at.map(|at| time(at, zone)),
        "replayedAt": increment.replayed_at.map(|at| time(at, zone)),
        "delivered": increment.is_delivered(),
        "batches": batches.map(|(query, one)| batch(increment, query, one, zone)).collect::<Vec<_>>(),
    })
}

fn batch(increment: &Increment, query: &Query, batch: &Batch, zone: &TimeZone) -> Value {
    let files = batch.output.iter().flat_map(|output| &output.files);
    let files = files.map(|file| {
        let downloaded_at = increment.downloads.get(&file.id).map(|at| time(*at, zone));
        json!({ "fileId": file.id, "rows": file.rows, "downloadedAt": downloaded_at })
    });
    let scope = batch.scope.as_ref();
    json!({
        "name": query.name,
        "query": query.text,
        "full": scope.is_none_or(|scope| scope.full.is_some()),
        "fullReason": scope.and_then(|scope| scope.full),
        "window": scope.map(|scope| window(scope, zone)),
        "recordCount": batch.output.as_ref().map_or(0, |output| output.rows),
        "files": files.collect::<Vec<_>>(),
    })
}
