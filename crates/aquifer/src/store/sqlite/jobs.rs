//! Jobs, batches, leases, published files.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};

use super::{
    Error, Lease, LeaseToken, PublishedFile, Result, callouts, downloads, sessions,
    value::{At, Json, Text},
};
use crate::job::{Batch, Event, Fault, FileId, Job, JobId, SessionKey, SnapshotMark, Spec, State};

pub fn insert(tx: &Transaction<'_>, job: &Job, most: u32) -> Result<()> {
    let session = job.spec.session();
    let open: u32 = tx.query_row(
        "SELECT count(*) FROM jobs
          WHERE state IN ('submitted', 'executing') AND tenant = :tenant AND (partner IS NOT NULL) = :stateful",
        named_params! { ":tenant": job.tenant, ":stateful": session.is_some() },
        |row| row.get(0),
    )?;
    if open >= most {
        return Err(Error::TooManyJobs);
    }
    tx.execute(
        "INSERT INTO jobs (id, tenant, partner, project, named_partner, spec, warnings, state, submitted_at, attempt)
         VALUES (:id, :tenant, :partner, :project, :named_partner, :spec, :warnings, :state, :submitted_at, :attempt)",
        named_params! {
            ":id": Text(job.id),
            ":tenant": job.tenant,
            ":partner": session.as_ref().map(|session| &session.partner),
            ":project": session.as_ref().map(|session| &session.project),
            ":named_partner": job.spec.partner.as_deref().unwrap_or_default(),
            ":spec": Json(&job.spec),
            ":warnings": Json(&job.warnings),
            ":state": job.state,
            ":submitted_at": At(job.submitted_at),
            ":attempt": job.attempt,
        },
    )?;
    for (ordinal, batch) in job.batches.iter().enumerate() {
        save_batch(tx, job.id, ordinal, batch)?;
    }
    Ok(())
}

pub fn find(tx: &Transaction<'_>, id: JobId) -> Result<Option<Job>> {
    let sql =
        "SELECT id, tenant, spec, warnings, state, submitted_at, attempt, postponed_until, snapshot_at, snapshot_position,
                      ended_at, fault
                 FROM jobs WHERE id = ?";
    let Some(mut job) = tx.prepare_cached(sql)?.query_row([Text(id)], job_of).optional()? else { return Ok(None) };
    let sql = "SELECT id, state, message, started_at, ended_at, will_be_full, scope, output FROM batches
                WHERE job = ? ORDER BY ordinal";
    let mut batches = tx.prepare_cached(sql)?;
    job.batches = batches.query_map([Text(id)], batch_of)?.collect::<Result<_, _>>()?;
    Ok(Some(job))
}

pub fn newest(tx: &Transaction<'_>, tenant: &str, before: Option<JobId>, most: u32) -> Result<Vec<Job>> {
    let mut newest = tx.prepare_cached(
        "SELECT id FROM jobs
          WHERE tenant = :tenant AND (:before IS NULL OR seq < (SELECT seq FROM jobs WHERE id = :before))
          ORDER BY seq DESC LIMIT :most",
    )?;
    let parameters = named_params! { ":tenant": tenant, ":before": before.map(Text), ":most": most };
    let ids = newest.query_map(parameters, |row| row.get(0))?.collect::<Result<Vec<Text<JobId>>, _>>()?;
    ids.into_iter().map(|id| find(tx, id.0)?.ok_or(Error::NoSuchJob)).collect()
}

pub fn last_completed(tx: &Transaction<'_>, tenant: &str, session: &SessionKey) -> Result<Option<Job>> {
    let id: Option<Text<JobId>> = tx
        .query_row(
            "SELECT id FROM jobs
              WHERE tenant = :tenant AND partner = :partner AND project = :project AND state = 'completed'
                    AND spec ->> '$.replay' IS NULL
              ORDER BY seq DESC LIMIT 1",
            named_params! { ":tenant": tenant, ":partner": session.partner, ":project": session.project },
            |row| row.get(0),
        )
        .optional()?;
    id.map_or(Ok(None), |id| find(tx, id.0))
}

pub fn renew(tx: &Transaction<'_>, id: JobId, lease: &Lease) -> Result<()> {
    check_lease(tx, id, &lease.token)?;
    set_lease(tx, id, Some(lease))
}

pub fn apply(tx: &Transaction<'_>, id: JobId, lease: Option<&LeaseToken>, event: Event) -> Result<Job> {
    if let Some(token) = lease {
        check_lease(tx, id, token)?;
    }
    let before = find(tx, id)?.ok_or(Error::NoSuchJob)?;
    let mut job = before.clone();
    job.apply(event)?;
    save(tx, &before, &job)?;
    Ok(job)
}

pub fn drop_leases(tx: &Transaction<'_>) -> Result<()> {
    let mut executing = tx.prepare("SELECT id FROM jobs WHERE state = 'executing'")?;
    let executing = executing.query_map([], |row| row.get(0))?.collect::<Result<Vec<Text<JobId>>, _>>()?;
    executing.into_iter().try_for_each(|id| apply(tx, id.0, None, Event::Orphaned).map(drop))
}

pub fn file(tx: &Transaction<'_>, tenant: &str, id: FileId) -> Result<Option<PublishedFile>> {
    let sql = "SELECT f.id, f.job, f.path, f.bytes, f.sha256, f.published_at, f.downloaded_at, f.purged_at, j.spec
                 FROM files f JOIN jobs j ON j.id = f.job WHERE f.id = :id AND j.tenant = :tenant";
    let mut statement = tx.prepare_cached(sql)?;
    let file = statement.query_row(named_params! { ":id": Text(id), ":tenant": tenant }, |row| {
        let Json(spec): Json<Spec> = row.get("spec")?;
        Ok(PublishedFile {
            id: row.get::<_, Text<_>>("id")?.0,
            job: row.get::<_, Text<_>>("job")?.0,
            path: row.get("path")?,
            bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
            sha256: row.get("sha256")?,
            format: spec.format,
            encryption: spec.encryption,
            reads: spec.reads,
            published_at: row.get::<_, At>("published_at")?.0,
            downloaded_at: instant(row, "downloaded_at")?,
            purged_at: instant(row, "purged_at")?,
        })
    });
    Ok(file.optional()?)
}

/// The lease must be this one. Not that it has not run out: as long as nobody else took the job, its runner may go on.
fn check_lease(tx: &Transaction<'_>, id: JobId, token: &LeaseToken) -> Result<()> {
    let sql = "SELECT lease_token FROM jobs WHERE id = ?";
    let held: Option<String> = tx.query_row(sql, [Text(id)], |row| row.get(0)).optional()?.flatten();
    if held.as_ref() == Some(&token.0) { Ok(()) } else { Err(Error::LeaseLost) }
}

pub(super) fn set_lease(tx: &Transaction<'_>, id: JobId, lease: Option<&Lease>) -> Result<()> {
    tx.execute(
        "UPDATE jobs SET lease_token = :token, lease_until = :until WHERE id = :id",
        named_params! {
            ":token": lease.map(|lease| &lease.token.0),
            ":until": lease.map(|lease| At(lease.until)),
            ":id": Text(id),
        },
    )?;
    Ok(())
}

/// Writes what has changed. A job that has left `executing` has no lease; one that has ended publishes its files and
/// is to be told of, and one that has completed moves its session.
pub(super) fn save(tx: &Transaction<'_>, before: &Job, job: &Job) -> Result<()> {
    tx.execute(
        "UPDATE jobs SET state = :state, attempt = :attempt, postponed_until = :postponed_until,
                         snapshot_at = :snapshot_at, snapshot_position = :snapshot_position, ended_at = :ended_at, fault = :fault
          WHERE id = :id",
        named_params! {
            ":state": job.state,
            ":attempt": job.attempt,
            ":postponed_until": job.postponed_until.map(At),
            ":snapshot_at": job.snapshot.as_ref().map(|snapshot| At(snapshot.at)),
            ":snapshot_position": job.snapshot.as_ref().map(|snapshot| &snapshot.position),
            ":ended_at": job.ended_at.map(At),
            ":fault": job.fault.as_ref().map(Json),
            ":id": Text(job.id),
        },
    )?;
    for (ordinal, (old, new)) in before.batches.iter().zip(&job.batches).enumerate() {
        if old != new {
            save_batch(tx, job.id, ordinal, new)?;
        }
    }
    if job.state != State::Executing {
        set_lease(tx, job.id, None)?;
    }
    if let (Some(at), Some(session)) = (job.ended_at, job.spec.session()) {
        sessions::ended(tx, job, &session, at)?;
    }
    if let Some(published_at) = job.ended_at {
        callouts::ended(tx, job, published_at)?;
        for (_, file) in job.published() {
            tx.execute(
                "INSERT INTO files (id, job, path, bytes, sha256, published_at)
                 VALUES (:id, :job, :path, :bytes, :sha256, :published_at)",
                named_params! {
                    ":id": Text(file.id),
                    ":job": Text(job.id),
                    ":path": file.path,
                    ":bytes": file.bytes.cast_signed(),
                    ":sha256": file.sha256,
                    ":published_at": At(published_at),
                },
            )?;
        }
        downloads::replayed(tx, job, published_at)?;
    }
    Ok(())
}

fn save_batch(tx: &Transaction<'_>, job: JobId, ordinal: usize, batch: &Batch) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO batches (job, ordinal, id, state, message, started_at, ended_at, will_be_full, scope, output)
               VALUES (:job, :ordinal, :id, :state, :message, :started_at, :ended_at, :will_be_full, :scope, :output)";
    tx.prepare_cached(sql)?.execute(named_params! {
        ":job": Text(job),
        ":ordinal": ordinal.cast_signed(),
        ":id": Text(batch.id),
        ":state": batch.state,
        ":message": batch.message,
        ":started_at": batch.started_at.map(At),
        ":ended_at": batch.ended_at.map(At),
        ":will_be_full": batch.will_be_full,
        ":scope": batch.scope.as_ref().map(Json),
        ":output": batch.output.as_ref().map(Json),
    })?;
    Ok(())
}

fn job_of(row: &Row<'_>) -> rusqlite::Result<Job> {
    let position: Option<String> = row.get("snapshot_position")?;
    let snapshot = instant(row, "snapshot_at")?.zip(position).map(|(at, position)| SnapshotMark { at, position });
    Ok(Job {
        id: row.get::<_, Text<_>>("id")?.0,
        tenant: row.get("tenant")?,
        spec: row.get::<_, Json<_>>("spec")?.0,
        warnings: row.get::<_, Json<_>>("warnings")?.0,
        state: row.get("state")?,
        submitted_at: row.get::<_, At>("submitted_at")?.0,
        attempt: row.get("attempt")?,
        postponed_until: instant(row, "postponed_until")?,
        snapshot,
        ended_at: instant(row, "ended_at")?,
        fault: row.get::<_, Option<Json<Fault>>>("fault")?.map(|fault| fault.0),
        batches: Vec::new(),
    })
}

fn batch_of(row: &Row<'_>) -> rusqlite::Result<Batch> {
    Ok(Batch {
        id: row.get::<_, Text<_>>("id")?.0,
        state: row.get("state")?,
        message: row.get("message")?,
        started_at: instant(row, "started_at")?,
        ended_at: instant(row, "ended_at")?,
        will_be_full: row.get("will_be_full")?,
        scope: row.get::<_, Option<Json<_>>>("scope")?.map(|scope| scope.0),
        output: row.get::<_, Option<Json<_>>>("output")?.map(|output| output.0),
    })
}

fn instant(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<At>>(column)?.map(|at| at.0))
}
