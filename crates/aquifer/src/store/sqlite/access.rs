//! Clients, tokens, recipients, refusals.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};

use super::{
    Client, Refusal, Result, Token,
    value::{At, Json},
};
use crate::{
    access::Rights,
    store::{MOST_REFUSALS, OldSecret},
};

pub fn add_client(tx: &Transaction<'_>, client: &Client) -> Result<bool> {
    tx.execute("DELETE FROM clients WHERE id = ? AND revoked_at IS NOT NULL", [&client.id])?;
    let added = tx.execute(
        "INSERT INTO clients (id, tenant, name, secret_hash, rights, reads_masked, created_at)
         VALUES (:id, :tenant, :name, :secret_hash, :rights, :reads_masked, :created_at) ON CONFLICT DO NOTHING",
        named_params! {
            ":id": client.id,
            ":tenant": client.tenant,
            ":name": client.name,
            ":secret_hash": client.secret_hash,
            ":rights": Json(&client.rights),
            ":reads_masked": client.reads_masked,
            ":created_at": At(client.created_at),
        },
    )?;
    Ok(added > 0)
}

pub fn client(tx: &Transaction<'_>, id: &str) -> Result<Option<Client>> {
    Ok(tx.prepare_cached("SELECT * FROM clients WHERE id = ?")?.query_row([id], client_of).optional()?)
}

pub fn clients(tx: &Transaction<'_>) -> Result<Vec<Client>> {
    let mut clients = tx.prepare("SELECT * FROM clients ORDER BY created_at, id")?;
    Ok(clients.query_map([], client_of)?.collect::<Result<_, _>>()?)
}

pub fn revoke_client(tx: &Transaction<'_>, id: &str, now: Timestamp) -> Result<bool> {
    tx.execute("DELETE FROM tokens WHERE client = ?", [id])?;
    let revoked = tx.execute(
        "UPDATE clients SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL",
        named_params! { ":now": At(now), ":id": id },
    )?;
    Ok(revoked > 0)
}

pub fn set_secret(tx: &Transaction<'_>, id: &str, hash: &str, old_until: Option<Timestamp>) -> Result<bool> {
    if old_until.is_none() {
        tx.execute("DELETE FROM tokens WHERE client = ?", [id])?;
    }
    let set = tx.execute(
        "UPDATE clients SET old_secret_hash = iif(:until IS NULL, NULL, secret_hash), old_secret_until = :until,
                            secret_hash = :hash
          WHERE id = :id AND revoked_at IS NULL",
        named_params! { ":until": old_until.map(At), ":hash": hash, ":id": id },
    )?;
    Ok(set > 0)
}

pub fn set_rights(tx: &Transaction<'_>, id: &str, rights: &Rights) -> Result<bool> {
    let sql = "UPDATE clients SET rights = :rights WHERE id = :id AND revoked_at IS NULL";
    Ok(tx.execute(sql, named_params! { ":rights": Json(rights), ":id": id })? > 0)
}

pub fn recipient(tx: &Transaction<'_>, tenant: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx.query_row("SELECT key FROM recipients WHERE tenant = ?", [tenant], |row| row.get(0)).optional()?)
}

pub fn set_recipient(tx: &Transaction<'_>, tenant: &str, key: Option<&[u8]>, now: Timestamp) -> Result<()> {
    tx.execute("DELETE FROM recipients WHERE tenant = ?", [tenant])?;
    if let Some(key) = key {
        tx.execute(
            "INSERT INTO recipients (tenant, key, added_at) VALUES (:tenant, :key, :now)",
            named_params! { ":tenant": tenant, ":key": key, ":now": At(now) },
        )?;
    }
    Ok(())
}

pub fn add_token(tx: &Transaction<'_>, token: &Token) -> Result<()> {
    tx.execute(
        "INSERT INTO tokens (key, client, expires_at) VALUES (:key, :client, :expires_at)",
        named_params! { ":key": token.key, ":client": token.client, ":expires_at": At(token.expires_at) },
    )?;
    Ok(())
}

pub fn client_of_token(tx: &Transaction<'_>, key: &str, now: Timestamp) -> Result<Option<Client>> {
    let sql = "SELECT c.* FROM tokens t JOIN clients c ON c.id = t.client
                WHERE t.key = :key AND t.expires_at > :now AND c.revoked_at IS NULL";
    let client = tx.prepare_cached(sql)?.query_row(named_params! { ":key": key, ":now": At(now) }, client_of);
    Ok(client.optional()?)
}

pub fn add_refusal(tx: &Transaction<'_>, refusal: &Refusal) -> Result<()> {
    tx.execute(
        "INSERT INTO refusals (tenant, client, at, code, message) VALUES (:tenant, :client, :at, :code, :message)",
        named_params! {
            ":tenant": refusal.tenant,
            ":client": refusal.client,
            ":at": At(refusal.at),
            ":code": refusal.code,
            ":message": refusal.message,
        },
    )?;
    tx.execute(
        "DELETE FROM refusals
          WHERE tenant = :tenant AND client = :client
                AND seq <= (SELECT seq FROM refusals WHERE tenant = :tenant AND client = :client
                             ORDER BY seq DESC LIMIT 1 OFFSET :most)",
        named_params! { ":tenant": refusal.tenant, ":client": refusal.client, ":most": MOST_REFUSALS },
    )?;
    Ok(())
}

pub fn refusals(tx: &Transaction<'_>, tenant: &str, client: Option<&str>, most: u32) -> Result<Vec<Refusal>> {
    let mut refusals = tx.prepare_cached(
        "SELECT tenant, client, at, code, message FROM refusals
          WHERE tenant = :tenant AND (:client IS NULL OR client = :client)
          ORDER BY seq DESC LIMIT :most",
    )?;
    let wanted = named_params! { ":tenant": tenant, ":client": client, ":most": most };
    let refusals = refusals.query_map(wanted, |row| {
        Ok(Refusal {
            tenant: row.get("tenant")?,
            client: row.get("client")?,
            at: row.get::<_, At>("at")?.0,
            code: row.get("code")?,
            message: row.get("message")?,
        })
    })?;
    Ok(refusals.collect::<Result<_, _>>()?)
}

fn client_of(row: &Row<'_>) -> rusqlite::Result<Client> {
    let old_until = row.get::<_, Option<At>>("old_secret_until")?;
    let old_secret = |(hash, At(until))| OldSecret { hash, until };
    Ok(Client {
        id: row.get("id")?,
        tenant: row.get("tenant")?,
        name: row.get("name")?,
        secret_hash: row.get("secret_hash")?,
        old_secret: row.get::<_, Option<String>>("old_secret_hash")?.zip(old_until).map(old_secret),
        rights: row.get::<_, Json<_>>("rights")?.0,
        reads_masked: row.get("reads_masked")?,
        created_at: row.get::<_, At>("created_at")?.0,
        revoked_at: row.get::<_, Option<At>>("revoked_at")?.map(|at| at.0),
    })
}
