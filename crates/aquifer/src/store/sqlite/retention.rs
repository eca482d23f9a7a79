//! What goes when its time is over.

use jiff::Timestamp;
use rusqlite::{Transaction, named_params};

use super::{
    Kept, Result, Retention, jobs, keys, sessions,
    value::{At, Text},
};
use crate::job::{JobId, State};

pub fn expire(tx: &Transaction<'_>, now: Timestamp, retention: Retention) -> Result<()> {
    // The row of a purged file stays as long as its job, to say why the file is gone.
    tx.execute(
        "UPDATE files SET purged_at = :now WHERE purged_at IS NULL AND published_at <= :before",
        named_params! { ":now": At(now), ":before": At(now - retention.files) },
    )?;
    sessions::part_with(tx, now - retention.jobs)?;
    tx.execute("DELETE FROM jobs WHERE ended_at <= ?", [At(now - retention.jobs)])?;
    // Jobs may be kept for longer than sessions, and increments are numbered on as long as there are any.
    tx.execute(
        "DELETE FROM sessions
          WHERE last_at <= ? AND (tenant, partner, project) NOT IN (SELECT tenant, partner, project FROM increments)",
        [At(now - retention.sessions)],
    )?;
    tx.execute("DELETE FROM session_queries WHERE seen_at <= ?", [At(now - retention.sessions)])?;
    tx.execute("DELETE FROM refusals WHERE at <= ?", [At(now - retention.refusals)])?;
    tx.execute("DELETE FROM tokens WHERE expires_at <= ?", [At(now)])?;
    keys::expire(tx, now)
}

pub fn kept(tx: &Transaction<'_>, job: JobId) -> Result<Kept> {
    let running = jobs::find(tx, job)?.filter(|job| job.state == State::Executing);
    let mut files = tx.prepare_cached("SELECT path FROM files WHERE job = ? AND purged_at IS NULL")?;
    let files = files.query_map([Text(job)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Kept { attempt: running.map(|job| job.attempt_prefix()), files })
}
