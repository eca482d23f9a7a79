use std::{fs, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use serde_json::Value;

use super::{files, outcome};
use crate::client::{answer::End, connect, interrupt::Interrupt};

/// Post a job document to an AQuA server
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    /// The job, in JSON, sent as it is; `-` reads it from standard input
    file: PathBuf,
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
    #[command(flatten)]
    server: connect::ServerArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn execute(self) -> anyhow::Result<ExitCode> {
        let text =
            if self.file.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(&self.file) };
        let text = text.with_context(|| format!("{}", self.file.display()))?;
        let document: Value = serde_json::from_str(&text).with_context(|| format!("{}", self.file.display()))?;

        let client = self.server.client()?;
        let mut job = client.submit(&document)?;
        for warning in &job.warnings {
            eprintln!("warning: {warning}");
        }
        // At once, and not when all is over: whoever is interrupted needs it.
        if !self.json {
            println!("{}", job.id);
        }
        if self.wait || self.out.is_some() {
            let interrupt = Interrupt::listen()?;
            job = outcome::wait(&client, job, &interrupt)?;
            if let (Some(out), Some(End::Completed)) = (&self.out, job.end()) {
                self.how.download_all(&client, &job, out, &interrupt, |path| eprintln!("{}", path.display()))?;
            }
        }
        if self.json {
            super::print_json(&job.raw)?;
        }
        Ok(outcome::of_job(&job))
    }
}
