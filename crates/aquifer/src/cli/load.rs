//! `aquifer load`

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use clap::ValueEnum;
use engine::{
    Source,
    embedded::{Embedded, Load},
    load::{self, Counts, Input, Options, Report, Step},
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;

use crate::{clock::System, config::TenantArgs};

/// Load rows into the data: CSV or NDJSON, plain or gzipped, inserted or updated by Id
///
/// Columns are matched to the object's fields in any of the forms people have: AccountNumber, Account.AccountNumber,
/// "Account: Account Number", account_number. Columns that match nothing are reported and left out, or kept with --custom.
/// A column _fivetran_deleted, Deleted, IsDeleted or is_deleted deletes its row. An empty value is null; only "" in NDJSON is
/// an empty text.
///
/// All files of one call are one change: a job sees all of them or none, and a load that fails or is killed leaves
/// nothing behind. A row that equals the stored one is no change. A server may serve the same data meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  aquifer load Account accounts.csv
  aquifer load InvoiceItem part-*.csv.gz
  aquifer load --dir last-night/ --whole     a full dump: rows it lacks are deleted
  zcat items.csv.gz | aquifer load InvoiceItem -")]
pub struct Args {
    /// The object whose rows the files have
    #[arg(required_unless_present = "dir", conflicts_with = "dir")]
    object: Option<String>,
    /// The files; - is standard input
    #[arg(required_unless_present = "dir", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Load every .csv, .ndjson and .jsonl file of a directory (also .gz), each into the object it is named after
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep columns that match nothing as custom fields, named NAME__c, or NAME__NS if that is their name
    #[arg(long)]
    custom: bool,
    /// The files are the whole of their objects: delete the rows they lack
    #[arg(long)]
    whole: bool,
    /// What to do with a row that has a bad value: load nothing, or leave the row out and write it to --rejects
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    on_error: OnError,
    /// Where --on-error skip writes the rows it leaves out
    #[arg(long, value_name = "FILE", default_value = "rejected.csv")]
    rejects: PathBuf,
    /// The zone of datetimes without an offset [default: the tenant's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tenant: TenantArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnError {
    Stop,
    Skip,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.tenant.config()?;
        let source = config.open_source(&self.tenant.name, Arc::new(System))?;
        let inputs = match (&self.dir, &self.object) {
            (Some(dir), _) => load::directory(source.catalog()?.as_ref(), dir)?,
            (None, Some(object)) => {
                self.files.iter().map(|path| Input { object: object.clone(), path: path.clone() }).collect()
            }
            (None, None) => bail!("say which object to load, or --dir"),
        };
        let zone = match &self.zone {
            Some(name) => TimeZone::get(name).with_context(|| format!("--zone {name}"))?,
            None => config.tenant(&self.tenant.name)?.zone(),
        };
        let skip = self.on_error == OnError::Skip;
        let options =
            Options { zone, custom: self.custom, whole: self.whole, rejects: skip.then(|| self.rejects.clone()) };

        let load = begin(&source)?;
        let progress = Progress::new(&inputs);
        let loaded = load::load(load, &inputs, &options, &mut |step| progress.show(step));
        progress.bar.finish_and_clear();
        let report = loaded?;
        if self.json {
            super::print_json(&json(&report))?;
        } else {
            self.tell(&report);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, report: &Report) {
        for (file, columns) in &report.unmatched {
            let hint = if self.custom { "" } else { "; --custom keeps them" };
            eprintln!("{}: left out {}{hint}", file.display(), columns.join(", "));
        }
        for (object, counts) in &report.objects {
            eprintln!("{object}: {}", describe(counts));
        }
        let rejected: u64 = report.objects.values().map(|counts| counts.rejected).sum();
        if rejected > 0 {
            eprintln!("{rejected} rejected rows are in {}, with what is wrong with each", self.rejects.display());
        }
    }
}

/// Begins a load, with a word about clocks that are not to be trusted.
pub(super) fn begin(source: &Embedded) -> engine::Result<Load> {
    let load = source.begin_load_now()?;
    if let Some(at) = load.ahead_of_the_clock() {
        eprintln!(
            "warning: the last load is of {at}, which by this clock is yet to come. Until then, `offset` holds back what is \
             loaded and `incrementalTime` returns too much: see to the clocks of the machines that load"
        );
    }
    Ok(load)
}

/// `3 inserted, 1 deleted`; what did not happen is not said.
pub(super) fn describe(counts: &Counts) -> String {
    let Counts { inserted, updated, unchanged, deleted, rejected } = *counts;
    let named = [
        (inserted, "inserted"),
        (updated, "updated"),
        (unchanged, "unchanged"),
        (deleted, "deleted"),
        (rejected, "rejected"),
    ];
    let told: Vec<String> =
        named.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if told.is_empty() { "no rows".to_owned() } else { told.join(", ") }
}

fn json(report: &Report) -> serde_json::Value {
    let counts = |counts: &Counts| {
        let Counts { inserted, updated, unchanged, deleted, rejected } = *counts;
        serde_json::json!({
            "inserted": inserted, "updated": updated, "unchanged": unchanged, "deleted": deleted, "rejected": rejected,
        })
    };
    let objects: serde_json::Map<_, _> =
        report.objects.iter().map(|(object, of)| (object.clone(), counts(of))).collect();
    serde_json::json!({ "objects": objects, "unmatched": report.unmatched })
}

/// Bytes read of all files, on a terminal.
struct Progress {
    bar: ProgressBar,
    sizes: Vec<(PathBuf, u64)>,
}

impl Progress {
    fn new(inputs: &[Input]) -> Progress {
        let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        let sizes: Vec<(PathBuf, u64)> = inputs.iter().map(|input| (input.path.clone(), size(&input.path))).collect();
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(sizes.iter().map(|(_, size)| size).sum())
        } else {
            ProgressBar::hidden()
        };
        let style = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
        // The template is a constant that this line's first run proves right; a plain bar is no harm.
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress { bar, sizes }
    }

    fn show(&self, step: Step<'_>) {
        match step {
            Step::Reading { path, bytes, rows } => {
                let before: u64 = self.sizes.iter().take_while(|(file, _)| file != path).map(|(_, size)| size).sum();
                self.bar.set_position(before + bytes);
                self.bar.set_message(format!("{}, {rows} rows", path.display()));
            }
            Step::Indexing { object } => self.bar.set_message(format!("indexing {object}")),
            Step::Committing => self.bar.set_message("committing"),
        }
    }
}
