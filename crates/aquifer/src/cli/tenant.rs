use std::{fs, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use export::encrypt::Recipient;
use indicatif::HumanBytes;
use serde_json::json;

use super::wait;
use crate::{
    clock::{self, Clock as _},
    config::{self, Config, DataArgs, TenantArgs},
    recipient,
};

/// Show the tenants, and set up the key that the result files of one are encrypted to
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    about: About,
}

#[derive(Debug, clap::Subcommand)]
enum About {
    /// Show the tenants of the settings
    List {
        #[command(flatten)]
        data: DataArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// The OpenPGP key for jobs with `"encrypted": "pgp"`
    Key {
        #[command(subcommand)]
        action: Action,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a public key, in the place of the one before; RSA of at least 3072 bits or Curve25519
    Add {
        /// The key, armored or binary, as `gpg --export` writes it
        file: PathBuf,
        #[command(flatten)]
        tenant: TenantArgs,
    },
    /// Show the key's fingerprint and owner
    Show {
        #[command(flatten)]
        tenant: TenantArgs,
    },
    /// Remove the key: jobs that ask for encryption are then refused
    Remove {
        #[command(flatten)]
        tenant: TenantArgs,
    },
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.about {
            About::List { data, json } => list(&data.config()?, json)?,
            About::Key { action } => action.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Action {
    fn run(self) -> anyhow::Result<()> {
        let now = clock::System.now();
        match self {
            Action::Add { file, tenant } => {
                let key = fs::read(&file).with_context(|| format!("{}", file.display()))?;
                let recipient = recipient::parse(&key, now).with_context(|| format!("{}", file.display()))?;
                wait(tenant.config()?.open_store()?.set_recipient(&tenant.name, Some(&key), now))??;
                show(&recipient);
            }
            Action::Show { tenant } => {
                let store = tenant.config()?.open_store()?;
                show(&wait(recipient::of_tenant(&*store, &tenant.name, now))??);
            }
            Action::Remove { tenant } => {
                wait(tenant.config()?.open_store()?.set_recipient(&tenant.name, None, now))??;
            }
        }
        Ok(())
    }
}

fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    if json {
        for (name, tenant) in config.all_tenants() {
            let zone = tenant.zone();
            let data = config.source_path(name);
            super::print_json(
                &json!({ "name": name, "zone": zone.iana_name(), "partners": tenant.partners, "data": data }),
            )?;
        }
        return Ok(());
    }
    let rows: Vec<[String; 4]> = config.all_tenants().map(|(name, tenant)| row(config, name, tenant)).collect();
    Ok(super::table::write(&mut io::stdout().lock(), &["tenant", "zone", "partners", "data"], &rows)?)
}

fn row(config: &Config, name: &str, tenant: &config::Tenant) -> [String; 4] {
    let path = config.source_path(name);
    let data = match path.metadata() {
        Ok(data) => format!("{} ({})", path.display(), HumanBytes(data.len())),
        Err(_) => format!("{} (nothing yet)", path.display()),
    };
    let zone = tenant.zone().iana_name().unwrap_or_default().to_owned();
    [name.to_owned(), zone, tenant.partners.as_ref().map_or("any".to_owned(), |names| names.join(", ")), data]
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn show(recipient: &Recipient) {
    println!("{}", recipient.fingerprint());
    for user in recipient.users() {
        println!("  {user}");
    }
    if let Some(expires_at) = recipient.expires_at().and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok()) {
        println!("  expires {expires_at:.0}");
    }
}
