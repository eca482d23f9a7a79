use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{files, outcome};
use crate::client::{
    Client, Error,
    answer::{End, Job},
    connect,
    download::{self, Downloads},
    interrupt::Interrupt,
};

/// Run one query on an AQuA server and write its rows as CSV
///
/// With --partner and --project it is part of a session: the first time it returns all rows, and then those that have changed
/// since, with --deleted those that were deleted, too.
#[derive(clap::Args)]
#[command(after_help = outcome::EXIT_CODES)]
pub struct Args {
    /// The query, as in "select AccountNumber, Balance from Account"; `-` reads it from standard input
    query: String,
    /// Language of the query
    #[arg(long = "type", value_enum, default_value_t = Language::Zoqlexport, value_name = "LANGUAGE")]
    language: Language,
    /// WSDL version that the query is written for, as in 96.0 [default: the server's]
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// File or directory to write to; `-` is standard output
    #[arg(long, short, value_name = "PATH", default_value = "-")]
    out: PathBuf,
    /// What the query is called, and the file if --out is a directory
    #[arg(long, value_name = "NAME", default_value = "query")]
    name: String,
    /// Headers with labels, as in "Account: Account Number", instead of API names
    #[arg(long)]
    labels: bool,
    /// Datetimes in UTC instead of the tenant's zone
    #[arg(long)]
    utc: bool,
    /// Text of empty cells
    #[arg(long, value_name = "TEXT")]
    null: Option<String>,
    /// Deleted rows too, and a first column that says which they are, called Deleted unless said
    #[arg(long, value_name = "COLUMN", num_args = 0..=1, require_equals = true, default_missing_value = "Deleted")]
    deleted: Option<String>,
    /// Amounts in other currencies too, as in "EUR,JPY", if the server has exchange rates
    #[arg(long, value_name = "CODES")]
    convert_to: Option<String>,
    #[command(flatten)]
    session: Option<Session>,
    #[command(flatten)]
    server: connect::ServerArgs,
}

/// Whose session the query is part of.
#[derive(clap::Args)]
#[group(requires_all = ["partner", "project"])]
struct Session {
    /// Only what has changed since the last job of this partner's project, everything the first time; see `aquifer sessions`
    #[arg(long, value_name = "NAME", required = false)]
    partner: String,
    /// The partner's project; each has a session of its own
    #[arg(long, value_name = "NAME", required = false)]
    project: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    Zoqlexport,
    Zoql,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(self.execute().unwrap_or_else(|error| outcome::end(&error)))
    }

    fn execute(mut self) -> anyhow::Result<ExitCode> {
        if self.query == "-" {
            self.query.clear();
            io::stdin().read_to_string(&mut self.query)?;
        }
        let document = self.document();
        let client = self.server.client()?;
        let interrupt = Interrupt::listen()?;
        let job = outcome::wait(&client, client.submit(&document)?, &interrupt)?;
        outcome::warn(&job);
        if job.end() == Some(End::Completed) {
            if self.out == Path::new("-") {
                print(&client, &job, &interrupt)?;
            } else {
                save(&client, &job, &self.out, &interrupt)?;
            }
        }
        Ok(outcome::of_job(&job))
    }

    /// A job of one query, stateless unless it is part of a session.
    fn document(&self) -> Value {
        let mut query = json!({
            "name": self.name,
            "query": self.query,
            "type": match self.language {
                Language::Zoqlexport => "zoqlexport",
                Language::Zoql => "zoql",
            },
        });
        if let Some(version) = &self.api_version {
            query["apiVersion"] = json!(version);
        }
        if let Some(codes) = &self.convert_to {
            query["convertToCurrencies"] = json!(codes);
        }
        if let Some(column) = &self.deleted {
            query["deleted"] = json!({ "column": column, "format": "Boolean" });
            if self.session.is_none() {
                query["deleted"]["forceExport"] = json!(true);
            }
        }
        let mut document = json!({
            "name": self.name,
            "format": "csv",
            "version": "1.0",
            "encrypted": "none",
            // The original's name for it says the opposite: true gives API names.
            "useQueryLabels": !self.labels,
            "dateTimeUtc": self.utc,
            "queries": [query],
        });
        if let Some(Session { partner, project }) = &self.session {
            document["version"] = json!("1.2");
            document["partner"] = json!(partner);
            document["project"] = json!(project);
        }
        if let Some(text) = &self.null {
            document["nullReplacement"] = json!(text);
        }
        document
    }
}

/// All files of the job to standard output, as one.
fn print(client: &Client, job: &Job, interrupt: &Interrupt) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    let downloads = Downloads::new(client, interrupt, files::CONNECTIONS);
    for (position, wanted) in download::wanted(job, None).iter().enumerate() {
        if position == 0 {
            downloads.stream(&wanted.file, &mut output)?;
        } else {
            // Every segment has a header of its own.
            downloads.stream(&wanted.file, &mut download::SkipHeader::new(&mut output))?;
        }
    }
    output.flush().map_err(Error::Output)?;
    Ok(())
}

/// To a file of that name, or to files in that directory.
fn save(client: &Client, job: &Job, out: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    let downloads = Downloads::new(client, interrupt, files::CONNECTIONS);
    let wanted = download::wanted(job, None);
    anyhow::ensure!(out.is_dir() || wanted.len() == 1, "the answer is {} files: give a directory", wanted.len());
    let mut saved = Vec::new();
    for file in &wanted {
        let path = if out.is_dir() { out.join(&file.name) } else { out.to_owned() };
        downloads.save(file, &path)?;
        saved.push(path.display().to_string());
    }
    eprintln!("{} rows in {}", job.batches[0].record_count, saved.join(", "));
    Ok(())
}
