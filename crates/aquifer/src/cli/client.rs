use std::process::ExitCode;

use serde_json::json;

use super::wait;
use crate::{
    access,
    clock::{self, Clock as _},
    config::{DataArgs, TenantArgs},
};

/// Make, list and revoke the clients that may use the server
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
        /// Whether it may read masked fields, card and account numbers: in encrypted files only
        #[arg(long)]
        reads_masked: bool,
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
    /// End a client and its tokens
    Revoke {
        /// The client's id
        id: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create { name, reads_masked, tenant, json } => create(&name, reads_masked, &tenant, json),
            Action::List { data, json } => list(&data, json),
            Action::Revoke { id, data } => revoke(&id, &data),
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn create(name: &str, reads_masked: bool, tenant: &TenantArgs, json: bool) -> anyhow::Result<ExitCode> {
    let store = tenant.config()?.open_store()?;
    let now = clock::System.now();
    let credentials = wait(access::create_client_with(&*store, &tenant.name, name, reads_masked, now))??;
    if json {
        super::print_json(&credentials)?;
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
    for client in wait(store.clients())?? {
        if json {
            let line = json!({
                "client_id": client.id,
                "tenant": client.tenant,
                "name": client.name,
                "reads_masked": client.reads_masked,
                "created_at": client.created_at.to_string(),
                "revoked_at": client.revoked_at.map(|at| at.to_string()),
            });
            super::print_json(&line)?;
        } else {
            let revoked = client.revoked_at.map(|at| format!("  revoked {at:.0}")).unwrap_or_default();
            let masked = if client.reads_masked { "  reads masked fields" } else { "" };
            println!("{}  {:.0}  {}  {}{masked}{revoked}", client.id, client.created_at, client.tenant, client.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke(id: &str, data: &DataArgs) -> anyhow::Result<ExitCode> {
    let store = data.config()?.open_store()?;
    let revoked = wait(store.revoke_client(id, clock::System.now()))??;
    anyhow::ensure!(revoked, "there is no client {id}, or it has been revoked before");
    Ok(ExitCode::SUCCESS)
}
