use std::process::ExitCode;

use super::{outcome, which::Which};
use crate::client::{answer::Job, connect, interrupt::Interrupt};

/// Show how far a job is
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: connect::ServerArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    fn execute(self) -> anyhow::Result<ExitCode> {
        let client = self.server.client()?;
        let mut job = self.which.find(&client)?;
        if self.wait {
            job = outcome::wait(&client, job, &Interrupt::listen()?)?;
        }
        if self.json {
            super::print_json(&job.raw)?;
        } else {
            show(&job);
        }
        Ok(outcome::of_job(&job))
    }
}

/// A line for the job and one for each query, in columns.
#[expect(clippy::print_stdout, reason = "this is what the command is for")]
pub fn show(job: &Job) {
    let since = job.start_time.as_ref().map(|time| format!(", snapshot of {time}")).unwrap_or_default();
    println!("{}  {}{since}", job.id, job.status);
    for warning in &job.warnings {
        println!("warning: {warning}");
    }
    let rows: Vec<[String; 4]> = job
        .batches
        .iter()
        .zip(1..)
        .map(|(batch, number)| {
            let rows = batch.rows_so_far.unwrap_or(batch.record_count);
            [batch.title(number), batch.status.clone(), format!("{rows} rows"), batch.files().join(" ")]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (title, status, count) = (width(0), width(1), width(2));
    for [name, state, rows, files] in &rows {
        println!("{}", format!("  {name:title$}  {state:status$}  {rows:>count$}  {files}").trim_end());
    }
}
