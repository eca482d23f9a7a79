use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use super::{outcome, print_json, submitted, table};
use crate::client::{
    Error, Result,
    connect::ServerArgs,
    sessions::{Batch, Increment, Session, Told},
};

/// Show what the stateful jobs of partners have returned, say that it has arrived, or have it once more
///
/// The jobs of a partner's project are a session: the first returns everything, each later one what has changed since. What
/// one job returned is an increment; they are numbered from 1. `aquifer query --partner PARTNER --project PROJECT` makes one.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = outcome::EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Subcommand)]
enum Action {
    Show(Show),
    Ack(Ack),
    Replay(Replay),
}

#[derive(clap::Args)]
struct List {
    /// How many, those of the newest jobs
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    last: u32,
    /// Print JSON, a line for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Show the increments of a session
///
/// An increment that was neither acknowledged nor downloaded whole nor replayed may be lost to the client: replay it. That its
/// files were sent to the last byte does not prove that they were stored: only an acknowledgement does.
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
struct Show {
    #[command(flatten)]
    session: Name,
    /// How many, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    last: u32,
    /// Print JSON, a line for each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Say that an increment is stored: from now on it counts as delivered
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
struct Ack {
    #[command(flatten)]
    session: Name,
    /// Which increment, as `aquifer sessions show` numbers them
    increment: u32,
    #[command(flatten)]
    server: ServerArgs,
}

/// Submit a job that returns an increment once more
///
/// It has the windows of the increment up to now: at least what the increment had, with the present values. The session stays
/// where it is.
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
struct Replay {
    #[command(flatten)]
    session: Name,
    /// Which increment, as `aquifer sessions show` numbers them
    increment: u32,
    #[command(flatten)]
    then: submitted::Then,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
struct Name {
    /// The partner of the session, as its jobs have it
    partner: String,
    /// The project
    project: String,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let ended = match self.action {
            None => self.list.execute(),
            Some(Action::Show(show)) => show.execute(),
            Some(Action::Ack(ack)) => ack.execute(),
            Some(Action::Replay(replay)) => replay.execute(),
        };
        Ok(ended.unwrap_or_else(|error| outcome::end(&error)))
    }
}

impl List {
    fn execute(self) -> anyhow::Result<ExitCode> {
        let sessions = self.server.client()?.sessions(self.last)?;
        let row = |session: &Session| {
            [
                session.partner.clone(),
                session.project.clone(),
                session.increments.to_string(),
                session.last_job_id.clone().unwrap_or_default(),
                session.last_completed_at.clone(),
            ]
        };
        print(&sessions, self.json, &["partner", "project", "increments", "last job", "completed"], row)
    }
}

impl Show {
    fn execute(self) -> anyhow::Result<ExitCode> {
        let Name { partner, project } = &self.session;
        let increments = or_list(self.server.client()?.increments(partner, project, self.last))?;
        let headings = ["increment", "job", "rows", "downloaded", "replayed", "acknowledged", "window"];
        let row = |increment: &Increment| {
            [
                increment.number.to_string(),
                increment.job_id.clone(),
                increment.batches.iter().map(|batch| batch.record_count).sum::<u64>().to_string(),
                downloaded(&increment.batches),
                increment.replayed_at.clone().unwrap_or_default(),
                increment.acknowledged_at.clone().unwrap_or_default(),
                windows(&increment.batches),
            ]
        };
        let done = print(&increments, self.json, &headings, row)?;
        if let Some(lost) = increments.iter().map(|told| &told.what).find(|increment| !increment.delivered) {
            let number = lost.number;
            eprintln!(
                "increment {number} was not downloaded whole; to have it once more: aquifer sessions replay {partner:?} \
                 {project:?} {number} --out DIR"
            );
        }
        Ok(done)
    }
}

impl Ack {
    fn execute(self) -> anyhow::Result<ExitCode> {
        or_list(self.server.client()?.acknowledge(&self.session.partner, &self.session.project, self.increment))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Replay {
    fn execute(self) -> anyhow::Result<ExitCode> {
        let client = self.server.client()?;
        let job = or_list(client.replay(&self.session.partner, &self.session.project, self.increment))?;
        self.then.go_on(&client, job)
    }
}

fn print<T, const N: usize>(
    told: &[Told<T>],
    json: bool,
    headings: &[&str; N],
    row: impl Fn(&T) -> [String; N],
) -> anyhow::Result<ExitCode> {
    if json {
        told.iter().try_for_each(|one| print_json(&one.raw))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; N]> = told.iter().map(|one| row(&one.what)).collect();
    let mut out = io::stdout().lock();
    table::write(&mut out, headings, &rows).and_then(|()| out.flush()).map_err(Error::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// `2 of 3`, of the files that have rows.
fn downloaded(batches: &[Batch]) -> String {
    let files = || batches.iter().flat_map(|batch| &batch.files).filter(|file| file.rows > 0);
    format!("{} of {}", files().filter(|file| file.downloaded_at.is_some()).count(), files().count())
}

/// From when to when, or why everything, of every query; most have the same.
fn windows(batches: &[Batch]) -> String {
    let mut windows: Vec<String> = Vec::new();
    for (batch, window) in batches.iter().filter_map(|batch| Some((batch, batch.window.as_ref()?))) {
        let text = match (&window.from, &batch.full_reason) {
            (Some(from), _) => format!("{} to {}", from.at, window.to.at),
            (None, Some(reason)) => format!("everything at {} ({reason})", window.to.at),
            (None, None) => format!("everything at {}", window.to.at),
        };
        if !windows.contains(&text) {
            windows.push(text);
        }
    }
    windows.join(", ")
}

/// Whoever names what there is not learns where the names are.
fn or_list<T>(answered: Result<T>) -> Result<T> {
    answered.map_err(|error| match error {
        Error::Refused { code, message, faults } => {
            let message = format!("{message} `aquifer sessions` shows which there are.");
            Error::Refused { code, message, faults }
        }
        error => error,
    })
}
