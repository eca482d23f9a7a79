use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use export::encrypt::Recipient;

use super::wait;
use crate::{
    access::TENANT,
    clock::{self, Clock as _},
    config::DataArgs,
    recipient,
};

/// Set up the tenant: the key that its result files are encrypted to
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    about: About,
}

#[derive(Debug, clap::Subcommand)]
enum About {
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
        data: DataArgs,
    },
    /// Show the key's fingerprint and owner
    Show {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Remove the key: jobs that ask for encryption are then refused
    Remove {
        #[command(flatten)]
        data: DataArgs,
    },
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let About::Key { action } = self.about;
        let now = clock::System.now();
        match action {
            Action::Add { file, data } => {
                let key = fs::read(&file).with_context(|| format!("{}", file.display()))?;
                let recipient = recipient::parse(&key, now).with_context(|| format!("{}", file.display()))?;
                wait(data.config()?.open_store()?.set_recipient(TENANT, Some(&key), now))??;
                show(&recipient);
            }
            Action::Show { data } => {
                let store = data.config()?.open_store()?;
                show(&wait(recipient::of_tenant(&*store, TENANT, now))??);
            }
            Action::Remove { data } => wait(data.config()?.open_store()?.set_recipient(TENANT, None, now))??,
        }
        Ok(ExitCode::SUCCESS)
    }
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
