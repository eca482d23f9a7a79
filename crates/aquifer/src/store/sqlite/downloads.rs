//! What clients have of the files.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::{
    Error, Result, Sent, jobs, sessions,
    value::{At, Json, Text},
};
use crate::job::{Job, Spans, State};

pub fn sent(tx: &Transaction<'_>, Sent { file: id, range, at: now }: Sent) -> Result<()> {
    let sql = "SELECT job, bytes, sent FROM files WHERE id = ? AND downloaded_at IS NULL";
    let row = tx.prepare_cached(sql)?.query_row([Text(id)], |row| {
        let spans = row.get::<_, Option<Json<Spans>>>("sent")?.map(|spans| spans.0);
        Ok((row.get::<_, Text<_>>("job")?.0, row.get::<_, i64>("bytes")?.unsigned_abs(), spans.unwrap_or_default()))
    });
    let Some((job, bytes, mut spans)) = row.optional()? else { return Ok(()) };
    spans.add(range);
    if !spans.cover(bytes) {
        tx.execute("UPDATE files SET sent = ? WHERE id = ?", (Json(&spans), Text(id)))?;
        return Ok(());
    }
    tx.execute("UPDATE files SET sent = NULL, downloaded_at = ? WHERE id = ?", (At(now), Text(id)))?;
    let job = jobs::find(tx, job)?.ok_or(Error::NoSuchJob)?;
    replayed(tx, &job, now)
}

/// A replay that has been downloaded whole has delivered its increment: at its end already, if no file has rows.
pub(super) fn replayed(tx: &Transaction<'_>, job: &Job, now: Timestamp) -> Result<()> {
    let (Some(increment), Some(session), State::Completed) = (job.spec.replay, job.spec.session(), job.state) else {
        return Ok(());
    };
    if job.is_delivered(&sessions::downloads(tx, job.id)?) {
        tx.execute(
            "UPDATE increments SET replayed_at = coalesce(replayed_at, :now)
              WHERE tenant = :tenant AND partner = :partner AND project = :project AND number = :number",
            named_params! {
                ":now": At(now),
                ":tenant": job.tenant,
                ":partner": session.partner,
                ":project": session.project,
                ":number": increment,
            },
        )?;
    }
    Ok(())
}
