use std::{fs, io, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use serde_json::Value;

use super::{outcome, submitted};
use crate::client::connect;

/// Post a job document to an AQuA server
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    /// The job, in JSON, sent as it is; `-` reads it from standard input
    file: PathBuf,
    #[command(flatten)]
    then: submitted::Then,
    #[command(flatten)]
    server: connect::ServerArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    fn execute(self) -> anyhow::Result<ExitCode> {
        let text =
            if self.file.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(&self.file) };
        let text = text.with_context(|| format!("{}", self.file.display()))?;
        let document: Value = serde_json::from_str(&text).with_context(|| format!("{}", self.file.display()))?;
        let client = self.server.client()?;
        let job = client.submit(&document)?;
        self.then.go_on(&client, job)
    }
}
