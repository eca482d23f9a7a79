//! Callouts and their tries.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};

use super::{
    Error, Lease, LeaseToken, Result, jobs,
    value::{At, Text},
};
use crate::{
    job::{Callout, CalloutState, Job, JobId, Outcome, Schedule, Try},
    store::MOST_TRIES,
};

/// Records the callout of a job that has just ended, if it has one.
pub fn ended(tx: &Transaction<'_>, job: &Job, at: Timestamp) -> Result<()> {
    if !job.spec.callout {
        return Ok(());
    }
    save(tx, &Callout::new(job.clone(), at))
}

/// Of whichever tenant.
pub fn find(tx: &Transaction<'_>, id: JobId) -> Result<Option<Callout>> {
    let sql = "SELECT state, attempts, due_at FROM callouts WHERE job = ?";
    let found = tx.prepare_cached(sql)?.query_row([Text(id)], |row| {
        let due_at = row.get::<_, Option<At>>("due_at")?.map(|at| at.0);
        Ok((row.get("state")?, row.get("attempts")?, due_at))
    });
    let Some((state, attempts, due_at)) = found.optional()? else { return Ok(None) };
    let job = jobs::find(tx, id)?.ok_or(Error::NoSuchJob)?;
    let mut tries = tx.prepare_cached("SELECT * FROM callout_tries WHERE job = ? ORDER BY ordinal")?;
    let tries = tries.query_map([Text(id)], try_of)?.collect::<Result<_, _>>()?;
    Ok(Some(Callout { job, state, attempts, due_at, tries }))
}

pub fn newest(tx: &Transaction<'_>, tenant: &str, state: Option<CalloutState>, most: u32) -> Result<Vec<Callout>> {
    let mut ids = tx.prepare_cached(
        "SELECT callouts.job FROM callouts JOIN jobs ON jobs.id = callouts.job
          WHERE jobs.tenant = :tenant AND callouts.state = coalesce(:state, callouts.state)
          ORDER BY jobs.ended_at DESC, jobs.seq DESC LIMIT :most",
    )?;
    let of_tenant = named_params! { ":tenant": tenant, ":state": state, ":most": most };
    let ids: Vec<Text<JobId>> = ids.query_map(of_tenant, |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.into_iter().filter_map(|id| find(tx, id.0).transpose()).collect()
}

pub fn take(tx: &Transaction<'_>, lease: &Lease, now: Timestamp) -> Result<Option<Callout>> {
    let due: Option<Text<JobId>> = tx
        .prepare_cached(
            // From tenant to tenant and never through all that wait: a receiver of many may have been away for long.
            "WITH RECURSIVE
                  tenants AS (SELECT min(tenant) AS tenant FROM callouts WHERE state = 'waiting'
                              UNION ALL
                              SELECT (SELECT min(tenant) FROM callouts
                                       WHERE state = 'waiting' AND tenant > tenants.tenant)
                                FROM tenants WHERE tenant IS NOT NULL),
                  firsts AS (SELECT (SELECT job FROM callouts INDEXED BY callouts_due
                                      WHERE state = 'waiting' AND tenant = tenants.tenant AND due_at <= :now
                                            AND (lease_until IS NULL OR lease_until <= :now)
                                      ORDER BY due_at LIMIT 1) AS job
                               FROM tenants),
                  sent AS (SELECT tenant, count(*) AS number FROM callouts WHERE lease_until > :now GROUP BY tenant)
             SELECT job FROM firsts JOIN callouts USING (job) LEFT JOIN sent USING (tenant)
              ORDER BY coalesce(sent.number, 0), due_at LIMIT 1",
        )?
        .query_row(named_params! { ":now": At(now) }, |row| row.get(0))
        .optional()?;
    let Some(Text(id)) = due else { return Ok(None) };
    tx.execute(
        "UPDATE callouts SET lease_token = :token, lease_until = :until WHERE job = :job",
        named_params! { ":token": lease.token.0, ":until": At(lease.until), ":job": Text(id) },
    )?;
    find(tx, id)
}

pub fn tried(tx: &Transaction<'_>, id: JobId, lease: &LeaseToken, one: Try, schedule: Schedule) -> Result<Callout> {
    let mut callout = find(tx, id)?.ok_or(Error::NoSuchJob)?;
    save_try(tx, id, &one)?;
    let sql = "SELECT lease_token FROM callouts WHERE job = ?";
    let held: Option<String> = tx.query_row(sql, [Text(id)], |row| row.get(0))?;
    if held.as_ref() != Some(&lease.0) {
        callout.tries.push(one);
        return Ok(callout);
    }
    callout.tried(one, schedule);
    save(tx, &callout)?;
    Ok(callout)
}

pub fn redeliver(tx: &Transaction<'_>, tenant: &str, id: JobId, now: Timestamp) -> Result<Option<Callout>> {
    let found = find(tx, id)?.filter(|callout| callout.job.tenant == tenant);
    let Some(mut callout) = found else { return Ok(None) };
    callout.redeliver(now);
    save(tx, &callout)?;
    Ok(Some(callout))
}

pub fn drop_leases(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("UPDATE callouts SET lease_token = NULL, lease_until = NULL WHERE lease_token IS NOT NULL", [])?;
    Ok(())
}

/// Writes how it stands; its lease is then gone.
fn save(tx: &Transaction<'_>, callout: &Callout) -> Result<()> {
    tx.execute(
        "INSERT INTO callouts (job, tenant, state, attempts, due_at) VALUES (:job, :tenant, :state, :attempts, :due_at)
         ON CONFLICT DO UPDATE SET state = :state, attempts = :attempts, due_at = :due_at,
                                   lease_token = NULL, lease_until = NULL",
        named_params! {
            ":tenant": callout.job.tenant,
            ":state": callout.state,
            ":attempts": callout.attempts,
            ":due_at": callout.due_at.map(At),
            ":job": Text(callout.job.id),
        },
    )?;
    Ok(())
}

fn save_try(tx: &Transaction<'_>, id: JobId, one: &Try) -> Result<()> {
    let sql = "SELECT coalesce(max(ordinal) + 1, 0) FROM callout_tries WHERE job = ?";
    let ordinal: i64 = tx.query_row(sql, [Text(id)], |row| row.get(0))?;
    tx.execute(
        "DELETE FROM callout_tries WHERE job = ? AND ordinal <= ?",
        (Text(id), ordinal - i64::from(MOST_TRIES)),
    )?;
    tx.execute(
        "INSERT INTO callout_tries (job, ordinal, at, method, url, milliseconds, status, body, refused, error)
         VALUES (:job, :ordinal, :at, :method, :url, :milliseconds, :status, :body, :refused, :error)",
        named_params! {
            ":job": Text(id),
            ":ordinal": ordinal,
            ":at": At(one.at),
            ":method": one.method,
            ":url": one.url,
            ":milliseconds": one.milliseconds.cast_signed(),
            ":status": one.outcome.status(),
            ":body": one.outcome.body(),
            ":refused": matches!(one.outcome, Outcome::Refused(_)),
            ":error": one.outcome.error(),
        },
    )?;
    Ok(())
}

fn try_of(row: &Row<'_>) -> rusqlite::Result<Try> {
    let error = row.get::<_, Option<String>>("error")?.unwrap_or_default();
    let outcome = match row.get("status")? {
        Some(status) => Outcome::Answered { status, body: row.get("body")? },
        None if row.get("refused")? => Outcome::Refused(error),
        None => Outcome::Unanswered(error),
    };
    Ok(Try {
        at: row.get::<_, At>("at")?.0,
        method: row.get("method")?,
        url: row.get("url")?,
        milliseconds: row.get::<_, i64>("milliseconds")?.unsigned_abs(),
        outcome,
    })
}
