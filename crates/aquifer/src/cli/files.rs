use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use super::{outcome, which::Which};
use crate::client::{
    Client,
    answer::Job,
    connect,
    download::{self, Downloads},
    interrupt::Interrupt,
};

/// Download the result files of a job
///
/// Several files come at one time, and several pieces of a long one. Files get their names when they are complete and
/// their digests are right. Those that are there already are not fetched again, and what broke off is continued, now or
/// when the command is run again, if the server knows ranges and tells digests, as an Aquifer server does; its manifest is
/// kept beside the files, for `aquifer verify`.
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Directory to write to, made if it is not there
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    server: connect::ServerArgs,
}

/// The flags of every command that downloads a job's files.
#[derive(clap::Args)]
pub struct How {
    /// Connections at one time
    #[arg(long, value_name = "COUNT", default_value_t = CONNECTIONS)]
    connections: NonZeroUsize,
}

/// Enough to fill a network of some delay; more would only take from others.
pub const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn execute(self) -> anyhow::Result<ExitCode> {
        let client = self.server.client()?;
        let job = self.which.find(&client)?;
        // A job that was aborted or cancelled keeps the files of the queries that had ended.
        let interrupt = Interrupt::listen()?;
        self.how.download_all(&client, &job, &self.out, &interrupt, |path| println!("{}", path.display()))?;
        if job.end().is_none() {
            eprintln!("the job is {}: there may be more files later", job.status);
        }
        Ok(outcome::of_job(&job))
    }
}

impl How {
    /// Every file there is, and a word about each.
    pub fn download_all(
        &self,
        client: &Client,
        job: &Job,
        out: &Path,
        interrupt: &Interrupt,
        done: impl Fn(&Path) + Sync,
    ) -> anyhow::Result<()> {
        fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
        let manifest = client.manifest(&job.id)?;
        let wanted = download::wanted(job, manifest.as_ref());
        // First, so that it is there whatever becomes of the files: then it says which are missing.
        manifest.map_or(Ok(()), |manifest| manifest.write(out, &wanted))?;
        Ok(Downloads::new(client, interrupt, self.connections).save_all(&wanted, out, done)?)
    }
}
