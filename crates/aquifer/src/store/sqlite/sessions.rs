//! Sessions and their increments.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};

use super::{
    Error, LastJob, Result, SessionSummary, jobs,
    value::{At, Json, Text},
};
use crate::job::{
    FileId, Identity, Increment, Job, JobId, Reads, Session, SessionKey, SnapshotMark,
    session::{self, Last, Lost, Seen},
};

pub fn find(tx: &Transaction<'_>, tenant: &str, key: &SessionKey) -> Result<Session> {
    let of_session = named_params! { ":tenant": tenant, ":partner": key.partner, ":project": key.project };
    let sql = "SELECT increments, queries, last_at FROM sessions
                WHERE tenant = :tenant AND partner = :partner AND project = :project";
    let row = tx.prepare_cached(sql)?.query_row(of_session, |row| {
        let last = Last { queries: row.get::<_, Json<_>>("queries")?.0, at: row.get::<_, At>("last_at")?.0 };
        Ok((row.get("increments")?, last))
    });
    let Some((increments, last)) = row.optional()? else { return Ok(Session::default()) };
    let sql = "SELECT identity, name, at, position, shown, seen_at, is_lost FROM session_queries
                WHERE tenant = :tenant AND partner = :partner AND project = :project";
    let seen = tx.prepare_cached(sql)?.query_map(of_session, seen_of)?.collect::<Result<_, _>>()?;
    Ok(Session { seen, last: Some(last), increments })
}

fn seen_of(row: &Row<'_>) -> rusqlite::Result<Seen> {
    Ok(Seen {
        identity: row.get::<_, Json<_>>("identity")?.0,
        name: row.get("name")?,
        mark: SnapshotMark { at: row.get::<_, At>("at")?.0, position: row.get("position")? },
        shown: row.get("shown")?,
        at: row.get::<_, At>("seen_at")?.0,
        is_lost: row.get("is_lost")?,
    })
}

/// Tells a session that a job of it has just ended, and moves it if it completed.
pub fn ended(tx: &Transaction<'_>, job: &Job, key: &SessionKey, at: Timestamp) -> Result<()> {
    let before = find(tx, &job.tenant, key)?;
    let mut session = before.clone();
    let is_increment = session.ended(job, at);
    if let Some(last) = session.last.as_ref().filter(|_| session != before) {
        tx.execute(
            "INSERT INTO sessions (tenant, partner, project, increments, queries, last_at)
             VALUES (:tenant, :partner, :project, :increments, :queries, :last_at)
             ON CONFLICT DO UPDATE SET increments = :increments, queries = :queries, last_at = :last_at",
            named_params! {
                ":tenant": job.tenant,
                ":partner": key.partner,
                ":project": key.project,
                ":increments": session.increments,
                ":queries": Json(&last.queries),
                ":last_at": At(last.at),
            },
        )?;
    }
    for seen in session.seen.iter().filter(|seen| !before.seen.contains(seen)) {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO session_queries (tenant, partner, project, identity, name, at, position, shown,
                                                      seen_at, is_lost)
             VALUES (:tenant, :partner, :project, :identity, :name, :at, :position, :shown, :seen_at, :is_lost)",
        )?
        .execute(named_params! {
            ":tenant": job.tenant,
            ":partner": key.partner,
            ":project": key.project,
            ":identity": Json(&seen.identity),
            ":name": seen.name,
            ":at": At(seen.mark.at),
            ":position": seen.mark.position,
            ":shown": seen.shown,
            ":seen_at": At(seen.at),
            ":is_lost": seen.is_lost,
        })?;
    }
    if is_increment {
        tx.execute(
            "INSERT INTO increments (tenant, partner, project, number, job)
             VALUES (:tenant, :partner, :project, :number, :job)",
            named_params! {
                ":tenant": job.tenant,
                ":partner": key.partner,
                ":project": key.project,
                ":number": session.increments,
                ":job": Text(job.id),
            },
        )?;
    }
    Ok(())
}

pub fn newest(tx: &Transaction<'_>, tenant: &str, most: u32) -> Result<Vec<SessionSummary>> {
    let sql = "SELECT s.partner, s.project, s.increments, s.last_at, j.id, j.spec ->> '$.reads' AS reads
                 FROM sessions s LEFT JOIN jobs j ON j.seq = (
                      SELECT max(seq) FROM jobs
                       WHERE tenant = s.tenant AND partner = s.partner AND project = s.project
                         AND state = 'completed' AND spec ->> '$.replay' IS NULL)
                WHERE s.tenant = :tenant ORDER BY s.last_at DESC, s.partner, s.project LIMIT :most";
    let mut statement = tx.prepare_cached(sql)?;
    let sessions = statement.query_map(named_params! { ":tenant": tenant, ":most": most }, |row| {
        let id = row.get::<_, Option<Text<JobId>>>("id")?;
        let reads = row.get::<_, Option<Json<Reads>>>("reads")?;
        Ok(SessionSummary {
            key: SessionKey { partner: row.get("partner")?, project: row.get("project")? },
            increments: row.get("increments")?,
            last_job: id.map(|id| LastJob { id: id.0, reads: reads.map(|reads| reads.0).unwrap_or_default() }),
            at: row.get::<_, At>("last_at")?.0,
        })
    })?;
    Ok(sessions.collect::<Result<_, _>>()?)
}

pub fn increments(
    tx: &Transaction<'_>,
    tenant: &str,
    key: &SessionKey,
    after: u32,
    most: u32,
) -> Result<Vec<Increment>> {
    let mut statement = tx.prepare_cached(
        "SELECT number, job, acknowledged_at, replayed_at FROM increments
          WHERE tenant = :tenant AND partner = :partner AND project = :project AND number > :after
          ORDER BY number LIMIT :most",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":tenant": tenant,
            ":partner": key.partner,
            ":project": key.project,
            ":after": after,
            ":most": most,
        },
        row_of,
    )?;
    rows.map(|row| whole(tx, row?)).collect()
}

pub fn increment(tx: &Transaction<'_>, tenant: &str, key: &SessionKey, number: u32) -> Result<Option<Increment>> {
    let Some(before) = number.checked_sub(1) else { return Ok(None) };
    let next = increments(tx, tenant, key, before, 1)?.pop();
    Ok(next.filter(|increment| increment.number == number))
}

pub fn last_increment(tx: &Transaction<'_>, tenant: &str, key: &SessionKey) -> Result<Option<Increment>> {
    newest_first(tx, tenant, key, |increments| increments.next().transpose())
}

pub fn lost(tx: &Transaction<'_>, tenant: &str, key: &SessionKey, identity: &Identity) -> Result<Option<Lost>> {
    newest_first(tx, tenant, key, |increments| session::lost(increments, identity))
}

/// Goes through the increments of a session; they are read as far as they are asked for, for there may be many.
fn newest_first<T>(
    tx: &Transaction<'_>,
    tenant: &str,
    key: &SessionKey,
    ask: impl FnOnce(&mut dyn Iterator<Item = Result<Increment>>) -> Result<T>,
) -> Result<T> {
    let mut statement = tx.prepare_cached(
        "SELECT number, job, acknowledged_at, replayed_at FROM increments
          WHERE tenant = :tenant AND partner = :partner AND project = :project ORDER BY number DESC",
    )?;
    let of_session = named_params! { ":tenant": tenant, ":partner": key.partner, ":project": key.project };
    let rows = statement.query_map(of_session, row_of)?;
    ask(&mut rows.map(|row| whole(tx, row?)))
}

/// Notes of the increments that are about to be purged, those of jobs that ended up to an instant, which queries have had their
/// last window in one that was not delivered.
pub fn part_with(tx: &Transaction<'_>, ended_until: Timestamp) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT number, job, acknowledged_at, replayed_at FROM increments JOIN jobs ON jobs.id = job
          WHERE ended_at <= ? ORDER BY number",
    )?;
    let rows = statement.query_map([At(ended_until)], row_of)?.collect::<Result<Vec<_>, _>>()?;
    for row in rows {
        let increment = whole(tx, row)?;
        let (is_lost, job) = (!increment.is_delivered(), &increment.job);
        let Some(key) = job.spec.session() else { continue };
        for scope in job.batches.iter().filter_map(|batch| batch.scope.as_ref()) {
            tx.prepare_cached(
                "UPDATE session_queries SET is_lost = :is_lost
                  WHERE tenant = :tenant AND partner = :partner AND project = :project
                        AND identity = :identity AND seen_at = :ended_at",
            )?
            .execute(named_params! {
                ":is_lost": is_lost,
                ":tenant": job.tenant,
                ":partner": key.partner,
                ":project": key.project,
                ":identity": Json(&scope.identity),
                ":ended_at": job.ended_at.map(At),
            })?;
        }
    }
    Ok(())
}

/// An increment without what its job has come to.
struct IncrementRow {
    number: u32,
    job: JobId,
    acknowledged_at: Option<Timestamp>,
    replayed_at: Option<Timestamp>,
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<IncrementRow> {
    let instant = |column| -> rusqlite::Result<_> { Ok(row.get::<_, Option<At>>(column)?.map(|at| at.0)) };
    Ok(IncrementRow {
        number: row.get("number")?,
        job: row.get::<_, Text<_>>("job")?.0,
        acknowledged_at: instant("acknowledged_at")?,
        replayed_at: instant("replayed_at")?,
    })
}

fn whole(tx: &Transaction<'_>, row: IncrementRow) -> Result<Increment> {
    let IncrementRow { number, job, acknowledged_at, replayed_at } = row;
    let downloads = downloads(tx, job)?;
    let job = jobs::find(tx, job)?.ok_or(Error::NoSuchJob)?;
    Ok(Increment { number, job, downloads, acknowledged_at, replayed_at })
}

pub(super) fn downloads(tx: &Transaction<'_>, job: JobId) -> Result<HashMap<FileId, Timestamp>> {
    let sql = "SELECT id, downloaded_at FROM files WHERE job = ? AND downloaded_at IS NOT NULL";
    let mut statement = tx.prepare_cached(sql)?;
    let files = statement
        .query_map([Text(job)], |row| Ok((row.get::<_, Text<_>>("id")?.0, row.get::<_, At>("downloaded_at")?.0)))?;
    Ok(files.collect::<Result<_, _>>()?)
}

pub fn acknowledge(
    tx: &Transaction<'_>,
    tenant: &str,
    key: &SessionKey,
    increment: u32,
    now: Timestamp,
) -> Result<bool> {
    let acknowledged = tx.execute(
        "UPDATE increments SET acknowledged_at = coalesce(acknowledged_at, :now)
          WHERE tenant = :tenant AND partner = :partner AND project = :project AND number = :number",
        named_params! {
            ":now": At(now),
            ":tenant": tenant,
            ":partner": key.partner,
            ":project": key.project,
            ":number": increment,
        },
    )?;
    Ok(acknowledged > 0)
}
