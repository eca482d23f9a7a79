//! What a command does with a job that it has submitted.

use std::{path::PathBuf, process::ExitCode};

use super::{files, outcome, print_json};
use crate::client::{
    Client,
    answer::{End, Job},
    interrupt::Interrupt,
};

/// The flags of every command that submits a job and prints its id.
#[derive(clap::Args)]
pub struct Then {
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
    /// Wait, and download the files into this directory, named by their queries
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the server's last answer instead of the job's id
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    how: files::How,
}

impl Then {
    #[expect(clippy::print_stdout, reason = "this is what the commands are for")]
    pub fn go_on(&self, client: &Client, mut job: Job) -> anyhow::Result<ExitCode> {
        outcome::warn(&job);
        // At once, and not when all is over: whoever is interrupted needs it.
        if !self.json {
            println!("{}", job.id);
        }
        if self.wait || self.out.is_some() {
            let interrupt = Interrupt::listen()?;
            job = outcome::wait(client, job, &interrupt)?;
            if let (Some(out), Some(End::Completed)) = (&self.out, job.end()) {
                self.how.download_all(client, &job, out, &interrupt, |path| eprintln!("{}", path.display()))?;
            }
        }
        if self.json {
            print_json(&job.raw)?;
        }
        Ok(outcome::of_job(&job))
    }
}
