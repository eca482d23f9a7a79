use std::{
    io::{self, IsTerminal as _, Read as _},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use console::Term;

use super::{rights::RightsArgs, wait};
use crate::{
    access,
    clock::{self, Clock as _},
    config::{DataArgs, TenantArgs},
    secret,
};

/// Make and remove users: they log in with a name and a password, by Basic or by apiAccessKeyId headers
///
/// The password is asked for, or read from standard input; `aquifer client list` shows users too, and `aquifer client limit`
/// limits what they may read.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a user
    Add {
        /// As in `integration@example.com`; no colon, for Basic ends names with it
        name: String,
        #[command(flatten)]
        rights: RightsArgs,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        tenant: TenantArgs,
    },
    /// Give a user another password; the old one ends at once
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Remove a user
    Remove {
        name: String,
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, clap::Args)]
struct PasswordArgs {
    /// Make a password up, and print it
    #[arg(long)]
    generate: bool,
}

/// The fewest characters that a password may have.
const SHORTEST: usize = 12;

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Add { name, rights, password, tenant } => add(&name, &rights, &password, &tenant)?,
            Action::Password { name, password, data } => change(&name, &password, &data)?,
            Action::Remove { name, data } => {
                let removed = wait(data.config()?.open_store()?.revoke_client(&name, clock::System.now()))??;
                ensure!(removed, "there is no user {name}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn add(name: &str, rights: &RightsArgs, password: &PasswordArgs, tenant: &TenantArgs) -> anyhow::Result<()> {
    let is_name = (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    ensure!(is_name, "a user's name has 1 to 255 letters, digits and signs, and no colon");
    ensure!(uuid::Uuid::try_parse(name).is_err(), "a user's name cannot look like a client's id");
    let rights = rights.rights()?;
    let store = tenant.config()?.open_store()?;
    let password = password.read()?;
    let added = wait(access::add_user(&*store, &tenant.name, name, &password, rights, clock::System.now()))??;
    ensure!(added, "there is a user {name}; `aquifer user password {name}` changes the password");
    Ok(())
}

fn change(name: &str, password: &PasswordArgs, data: &DataArgs) -> anyhow::Result<()> {
    let store = data.config()?.open_store()?;
    let user = wait(store.client(name))??.filter(|client| client.is_user());
    ensure!(user.is_some(), "there is no user {name}");
    let hash = secret::hash_password(&password.read()?);
    ensure!(wait(store.set_secret(name, &hash, None))??, "the user {name} has been removed");
    Ok(())
}

impl PasswordArgs {
    #[expect(clippy::print_stdout, reason = "this is what `--generate` is for")]
    fn read(&self) -> anyhow::Result<String> {
        if self.generate {
            let password = secret::hex(&secret::random::<16>());
            println!("{password}");
            return Ok(password);
        }
        let password = if io::stdin().is_terminal() { asked()? } else { piped()? };
        ensure!(password.chars().count() >= SHORTEST, "a password must have at least {SHORTEST} characters");
        Ok(password)
    }
}

fn asked() -> anyhow::Result<String> {
    let term = Term::stderr();
    term.write_str("password: ")?;
    let password = term.read_secure_line()?;
    term.write_str("once more: ")?;
    ensure!(term.read_secure_line()? == password, "the two passwords differ");
    Ok(password)
}

fn piped() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
