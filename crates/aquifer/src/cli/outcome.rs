//! How commands that talk to a server end: what they say, and their exit codes.

use std::{fmt::Display, io::IsTerminal as _, process::ExitCode};

use super::draw;
use crate::client::{
    self, Client, Error,
    answer::{End, Fault, Job},
    interrupt::{self, Interrupt},
};

/// For the help of these commands.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    a fault on this side: usage, files
  2    refused by the server: what is wrong is shown
  3    the job failed (aborted, error)
  4    the job was cancelled
  5    the server cannot be reached, or does not accept the credentials
  130  interrupted; the job goes on";

const LOCAL: u8 = 1;
const REFUSED: u8 = 2;
const FAILED: u8 = 3;
const CANCELLED: u8 = 4;
const UNREACHABLE: u8 = 5;

/// Says what is wrong, and ends with the code for it.
pub fn end(error: &anyhow::Error) -> ExitCode {
    let Some(fault) = error.downcast_ref::<Error>() else {
        say(format_args!("{error:#}"));
        return LOCAL.into();
    };
    match fault {
        // Whoever reads our output has seen enough: `| head`.
        Error::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        Error::Refused { code, faults, .. } if !faults.is_empty() => {
            draw_all(faults);
            say(format_args!("the server refuses the job ({})", code.as_deref().unwrap_or("no code")));
        }
        _ => say(format_args!("{error:#}")),
    }
    let code = match fault {
        Error::Unreachable { .. }
        | Error::Busy { .. }
        | Error::Unauthorized(_)
        | Error::Strange { .. }
        | Error::Broken(_)
        | Error::Changed
        | Error::OtherDigest => UNREACHABLE,
        Error::Refused { .. } => REFUSED,
        Error::File { .. } | Error::Output(_) => LOCAL,
        Error::Interrupted => interrupt::EXIT_CODE,
    };
    code.into()
}

/// The code of a job that has ended, or of one that has not; says why it failed.
pub fn of_job(job: &Job) -> ExitCode {
    match job.end() {
        Some(End::Completed) | None => ExitCode::SUCCESS,
        Some(End::Cancelled) => {
            say(format_args!("job {} was cancelled", job.id));
            CANCELLED.into()
        }
        Some(End::Failed) => {
            let how = if job.status == "completed" { "in part" } else { &job.status };
            say(format_args!("job {} failed ({how})", job.id));
            for line in job.failure() {
                eprintln!("  {line}");
            }
            FAILED.into()
        }
    }
}

/// Tells what the server wants known of a job although it runs.
pub fn warn(job: &Job) {
    for warning in &job.warnings {
        eprintln!("warning: {warning}");
    }
}

/// Waits for a job to end. Who is interrupted learns how to go on.
pub fn wait(client: &Client, job: Job, interrupt: &Interrupt) -> client::Result<Job> {
    let id = job.id.clone();
    client::follow::follow(client, job, interrupt).inspect_err(|error| {
        if matches!(error, Error::Interrupted) {
            eprintln!("the job goes on; to wait for it again: aquifer status {id} --wait");
            eprintln!("to end it: aquifer cancel {id}");
        }
    })
}

fn draw_all(faults: &[Fault]) {
    let colours = std::io::stderr().is_terminal();
    for fault in faults {
        let title = fault.name.clone().unwrap_or_else(|| format!("query {}", fault.query + 1));
        let drawn = draw::Fault {
            code: &fault.code,
            message: &fault.message,
            span: fault.span.map_or(0..0, |span| span.start..span.end),
            note: fault.note.as_deref(),
            help: fault.help.as_deref(),
        };
        eprintln!("{}\n", drawn.draw(&title, &fault.text, colours));
    }
}

fn say(what: impl Display) {
    eprintln!("error: {what}");
}
