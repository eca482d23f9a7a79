//! The command line: one file per subcommand.

mod callouts;
mod cancel;
mod check;
mod client;
mod delete;
mod demo;
mod describe;
mod draw;
mod files;
mod load;
mod model;
mod outcome;
mod query;
mod rights;
mod serve;
mod sessions;
mod status;
mod submit;
mod submitted;
mod table;
mod tenant;
mod user;
mod verify;
mod which;

use std::{io, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// An open, self-hosted AQuA: a server that answers Zuora's Aggregate Query API from billing data that you own, the
/// loader that fills it, and a client for any AQuA server.
#[derive(Parser)]
#[command(name = "aquifer", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Load(load::Args),
    Delete(delete::Args),
    Client(client::Args),
    User(user::Args),
    Tenant(tenant::Args),
    Callouts(callouts::Args),
    Query(query::Args),
    Submit(submit::Args),
    Status(status::Args),
    Files(files::Args),
    Sessions(sessions::Args),
    Verify(verify::Args),
    Cancel(cancel::Args),
    Check(check::Args),
    Describe(describe::Args),
}

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Wrong usage is 1 like every other fault on this side; clap's own 2 would look like a refusal by the server.
        Err(error) => {
            // Without a terminal to write to there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let outcome = match cli.command {
        Command::Demo(args) => args.run(),
        Command::Serve(args) => args.run(),
        Command::Load(args) => args.run(),
        Command::Delete(args) => args.run(),
        Command::Client(args) => args.run(),
        Command::User(args) => args.run(),
        Command::Tenant(args) => args.run(),
        Command::Callouts(args) => args.run(),
        Command::Query(args) => args.run(),
        Command::Submit(args) => args.run(),
        Command::Status(args) => args.run(),
        Command::Files(args) => args.run(),
        Command::Sessions(args) => args.run(),
        Command::Verify(args) => args.run(),
        Command::Cancel(args) => args.run(),
        Command::Check(args) => args.run(),
        Command::Describe(args) => args.run(),
    };
    outcome.unwrap_or_else(|error| {
        // `aquifer describe | head` is no fault.
        if !is_broken_pipe(&error) {
            eprintln!("error: {error:#}");
        }
        ExitCode::FAILURE
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The store is async for the server's sake; a command has nothing else to do.
fn wait<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("cannot start the runtime")?;
    Ok(runtime.block_on(work))
}

/// Prints one line of JSON for machines.
#[expect(clippy::print_stdout, reason = "this is what standard output is for")]
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
