use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    rights::{RightsArgs, shown},
    wait,
};
use crate::{
    access::{self, Credentials, Rights},
    clock::{self, Clock as _},
    config::{DataArgs, TenantArgs},
    store::Client,
};

/// Make, list, limit and revoke the clients that may use the server
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a client, and show its id and secret: the secret this once only
    Create {
        /// What to call it
        name: String,
        /// Whether it may read masked fields, card and account numbers, and ask for rows by them: in encrypted jobs only
        #[arg(long)]
        reads_masked: bool,
        #[command(flatten)]
        rights: RightsArgs,
        #[command(flatten)]
        tenant: TenantArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the clients of all tenants
    List {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say anew what a client or user may read: what is not named is not limited any more
    Limit {
        /// The client's id, or the user's name
        id: String,
        #[command(flatten)]
        rights: RightsArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Give a client a new secret, and show it this once only
    ///
    /// Of the secrets before, only the last works on.
    Rotate {
        /// The client's id
        id: String,
        /// How long the old secret works on: `24h`, `30m`
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
        overlap: SignedDuration,
        /// End the old secret now, and the tokens that live
        #[arg(long, conflicts_with = "overlap")]
        now: bool,
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a client and its tokens
    Revoke {
        /// The client's id
        id: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

fn duration(text: &str) -> anyhow::Result<SignedDuration> {
    let duration: SignedDuration = text.parse().context("write a time such as 24h or 30m")?;
    ensure!(duration.is_positive(), "it must be longer than that; --now has none");
    Ok(duration)
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create { name, reads_masked, rights, tenant, json } => {
                create(&name, rights.rights()?, reads_masked, &tenant, json)
            }
            Action::List { data, json } => list(&data, json),
            Action::Limit { id, rights, data } => limit(&id, &rights.rights()?, &data),
            Action::Rotate { id, overlap, now, data, json } => rotate(&id, Some(overlap).filter(|_| !now), &data, json),
            Action::Revoke { id, data } => revoke(&id, &data),
        }
    }
}

fn create(name: &str, rights: Rights, reads_masked: bool, tenant: &TenantArgs, json: bool) -> anyhow::Result<ExitCode> {
    let store = tenant.config()?.open_store()?;
    let now = clock::System.now();
    show(&wait(access::create_client_with(&*store, &tenant.name, name, rights, reads_masked, now))??, json)
}

fn rotate(id: &str, overlap: Option<SignedDuration>, data: &DataArgs, json: bool) -> anyhow::Result<ExitCode> {
    let store = data.config()?.open_store()?;
    let is_user = wait(store.client(id))??.is_some_and(|client| client.is_user());
    ensure!(!is_user, "{id} is a user: `aquifer user password {id}`");
    let credentials = wait(access::rotate(&*store, id, overlap, clock::System.now()))??;
    show(&credentials.with_context(|| format!("there is no client {id}, or it has been revoked"))?, json)
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn show(credentials: &Credentials, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        super::print_json(credentials)?;
    } else {
        println!("client id      {}", credentials.client_id);
        println!("client secret  {}", credentials.client_secret);
        eprintln!("Keep the secret: it cannot be shown again.");
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn list(data: &DataArgs, json: bool) -> anyhow::Result<ExitCode> {
    let store = data.config()?.open_store()?;
    let now = clock::System.now();
    for client in wait(store.clients())?? {
        if json {
            let line = json!({
                "client_id": client.id,
                "tenant": client.tenant,
                "name": client.name,
                "reads_masked": client.reads_masked,
                "user": client.is_user(),
                "rights": client.rights,
                "old_secret_until": old_secret_until(&client, now).map(|at| at.to_string()),
                "created_at": client.created_at.to_string(),
                "revoked_at": client.revoked_at.map(|at| at.to_string()),
            });
            super::print_json(&line)?;
        } else {
            let kind = if client.is_user() { "user" } else { &client.name };
            let rights = shown(&client.rights);
            let old =
                old_secret_until(&client, now).map(|at| format!("  old secret until {at:.0}")).unwrap_or_default();
            let revoked = client.revoked_at.map(|at| format!("  revoked {at:.0}")).unwrap_or_default();
            let masked = if client.reads_masked { "  reads masked fields" } else { "" };
            println!(
                "{}  {:.0}  {}  {kind}{rights}{masked}{old}{revoked}",
                client.id, client.created_at, client.tenant
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn old_secret_until(client: &Client, now: Timestamp) -> Option<Timestamp> {
    client.old_secret.as_ref().map(|old| old.until).filter(|until| now < *until)
}

fn limit(id: &str, rights: &Rights, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let store = data.config()?.open_store()?;
    ensure!(wait(store.set_rights(id, rights))??, "there is no client or user {id}, or it has been revoked");
    Ok(ExitCode::SUCCESS)
}

fn revoke(id: &str, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let store = data.config()?.open_store()?;
    let revoked = wait(store.revoke_client(id, clock::System.now()))??;
    ensure!(revoked, "there is no client {id}, or it has been revoked before");
    Ok(ExitCode::SUCCESS)
}
