//! Whose job is run next.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::{
    Error, Lease, Result, Terms, jobs,
    value::{At, Json, Text},
};
use crate::job::{Event, Fault, FaultKind, Job, JobId};

/// How many turns are remembered: who has had none of the last so many is first in any case.
const TURNS: i64 = 1000;

pub fn take(tx: &Transaction<'_>, lease: &Lease, now: Timestamp, terms: &Terms) -> Result<Option<Job>> {
    while let Some(id) = next(tx, now, terms)? {
        let before = jobs::find(tx, id)?.ok_or(Error::NoSuchJob)?;
        let mut job = before.clone();
        if job.attempt < terms.max_attempts {
            job.apply(Event::Taken)?;
            jobs::save(tx, &before, &job)?;
            jobs::set_lease(tx, id, Some(lease))?;
            note(tx, &job)?;
            return Ok(Some(job));
        }
        let message = format!("the job was started {} times, and no runner lived to see its end", job.attempt);
        let fault = Fault { kind: FaultKind::Internal, message };
        job.apply(Event::Failed { at: now, batch: None, fault })?;
        jobs::save(tx, &before, &job)?;
    }
    Ok(None)
}

/// The first in line of the jobs that could be run. A lease that has run out counts for nobody.
fn next(tx: &Transaction<'_>, now: Timestamp, terms: &Terms) -> Result<Option<JobId>> {
    let sql = "
        WITH running AS (
                 SELECT tenant, named_partner, partner IS NOT NULL AS stateful, count(*) AS jobs FROM jobs
                  WHERE state IN ('submitted', 'executing') AND state = 'executing' AND lease_until > :now
                  GROUP BY 1, 2, 3)
        SELECT id FROM jobs
         WHERE state IN ('submitted', 'executing')
               AND iif(state = 'submitted', coalesce(postponed_until, 0), lease_until) <= :now
               AND id NOT IN (SELECT value FROM json_each(:at_work))
               AND NOT EXISTS (
                   SELECT * FROM jobs AS older INDEXED BY jobs_open
                    WHERE older.state IN ('submitted', 'executing') AND older.seq < jobs.seq
                          AND (older.tenant, older.partner, older.project) = (jobs.tenant, jobs.partner, jobs.project))
               AND coalesce((SELECT sum(running.jobs) FROM running
                              WHERE tenant = jobs.tenant AND stateful = (jobs.partner IS NOT NULL)), 0)
                   < coalesce((SELECT value FROM json_each(:executing) WHERE key = jobs.tenant), 4294967295)
         ORDER BY (SELECT sum(running.jobs) FROM running WHERE tenant = jobs.tenant),
                  (SELECT max(turn) FROM turns WHERE tenant = jobs.tenant),
                  (SELECT sum(running.jobs) FROM running
                    WHERE tenant = jobs.tenant AND named_partner = jobs.named_partner),
                  (SELECT turn FROM turns WHERE tenant = jobs.tenant AND partner = jobs.named_partner),
                  seq
         LIMIT 1";
    let values = named_params! {
        ":now": At(now),
        ":at_work": Json(&terms.at_work),
        ":executing": Json(&terms.executing),
    };
    let first = tx.prepare_cached(sql)?.query_row(values, |row| row.get::<_, Text<_>>(0));
    Ok(first.optional()?.map(|id| id.0))
}

/// The job's tenant and partner have had their turn: the table counts by itself.
fn note(tx: &Transaction<'_>, job: &Job) -> Result<()> {
    let partner = job.spec.partner.as_deref().unwrap_or_default();
    tx.prepare_cached("REPLACE INTO turns (tenant, partner) VALUES (?, ?)")?.execute((&job.tenant, partner))?;
    tx.prepare_cached("DELETE FROM turns WHERE turn <= ?")?.execute([tx.last_insert_rowid() - TURNS])?;
    Ok(())
}
