use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use super::outcome;
use crate::client::{Client, answer::Job, connect, download, interrupt::Interrupt, manifest};

/// Download the result files of a job
///
/// Files get their names when they are complete; those that are there already are not fetched again, and those that
/// broke off are continued. An Aquifer server's manifest is kept beside them, for `aquifer verify`.
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    /// The job's id
    id: String,
    /// Directory to write to, made if it is not there
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    server: connect::ServerArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn execute(self) -> anyhow::Result<ExitCode> {
        let client = self.server.client()?;
        let job = client.status(&self.id)?;
        // A job that was aborted or cancelled keeps the files of the queries that had ended.
        download_all(&client, &job, &self.out, &Interrupt::listen()?, |path| println!("{}", path.display()))?;
        if job.end().is_none() {
            eprintln!("the job is {}: there may be more files later", job.status);
        }
        Ok(outcome::of_job(&job))
    }
}

/// Every file there is, and a word about each.
pub fn download_all(
    client: &Client,
    job: &Job,
    out: &Path,
    interrupt: &Interrupt,
    done: impl Fn(&Path),
) -> anyhow::Result<()> {
    fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
    let mut saved = HashMap::new();
    for wanted in download::wanted(job) {
        let path = out.join(&wanted.name);
        download::save(client, &wanted.file, &path, interrupt)?;
        done(&path);
        saved.insert(wanted.file, wanted.name);
    }
    match client.manifest(&job.id)? {
        Some(document) => manifest::write(out, document, &saved),
        None => Ok(()),
    }
}
