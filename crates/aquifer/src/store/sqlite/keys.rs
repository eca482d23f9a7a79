//! Idempotency keys and the answers that are kept for them.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::{
    Claim, KeptAnswer, KeyedRequest, Result,
    value::{At, Json},
};

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Status and headers of an answer.
type Head = (u16, Vec<(String, String)>);

pub fn claim(tx: &Transaction<'_>, request: &KeyedRequest, now: Timestamp) -> Result<Claim> {
    expire(tx, now)?;
    let sql = "SELECT target, answer, body FROM keys WHERE tenant = :tenant AND key = :key";
    let find = named_params! { ":tenant": request.tenant, ":key": request.key };
    let found = tx.prepare_cached(sql)?.query_row(find, |row| {
        let answer: Option<Json<Head>> = row.get("answer")?;
        Ok((row.get::<_, String>("target")?, answer, row.get::<_, Option<Vec<u8>>>("body")?))
    });
    let Some((target, answer, body)) = found.optional()? else {
        tx.execute(
            "INSERT INTO keys (tenant, key, target, claimed_at) VALUES (:tenant, :key, :target, :now)",
            named_params! {
                ":tenant": request.tenant,
                ":key": request.key,
                ":target": request.target,
                ":now": At(now),
            },
        )?;
        return Ok(Claim::New);
    };
    Ok(match answer.zip(body) {
        _ if target != request.target => Claim::OfAnother,
        Some((Json((status, headers)), body)) => Claim::Answered(KeptAnswer { status, headers, body }),
        None => Claim::Unanswered,
    })
}

pub fn answer(tx: &Transaction<'_>, request: &KeyedRequest, answer: &KeptAnswer) -> Result<()> {
    tx.execute(
        "UPDATE keys SET answer = :answer, body = :body WHERE tenant = :tenant AND key = :key",
        named_params! {
            ":answer": Json((answer.status, &answer.headers)),
            ":body": answer.body,
            ":tenant": request.tenant,
            ":key": request.key,
        },
    )?;
    Ok(())
}

pub fn drop_unanswered(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("DELETE FROM keys WHERE answer IS NULL", [])?;
    Ok(())
}

pub fn expire(tx: &Transaction<'_>, now: Timestamp) -> Result<()> {
    tx.execute("DELETE FROM keys WHERE claimed_at <= ?", [At(now - KEPT)])?;
    Ok(())
}
