use std::process::ExitCode;

use super::{outcome, status};
use crate::client::connect;

/// Cancel a job
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    /// The job's id
    id: String,
    #[command(flatten)]
    server: connect::ServerArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    /// That the job is cancelled is what was wanted: not a failure here.
    fn execute(self) -> anyhow::Result<ExitCode> {
        status::show(&self.server.client()?.cancel(&self.id)?);
        Ok(ExitCode::SUCCESS)
    }
}
