use std::{io, process::ExitCode};

use anyhow::ensure;
use serde_json::json;

use super::{print_json, table, wait};
use crate::{
    clock::{self, Clock as _},
    config::TenantArgs,
    job::{Callout, CalloutState, JobId, Outcome},
    store::Store,
};

/// Show the callouts that told of jobs' ends, or have them sent again
///
/// A job has a callout if it has a notifyUrl, or if the settings have one for its partner.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every try of one callout, with what was answered
    Show {
        /// The job's id
        job: JobId,
        #[command(flatten)]
        tenant: TenantArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have callouts sent again, by the server that runs, in some seconds, or by the next one
    Redeliver {
        /// The jobs' ids
        #[arg(required_unless_present = "failed", value_name = "JOB")]
        jobs: Vec<JobId>,
        /// All that have failed
        #[arg(long, conflicts_with = "jobs")]
        failed: bool,
        #[command(flatten)]
        tenant: TenantArgs,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this state
    #[arg(long, value_name = "STATE")]
    state: Option<Word>,
    /// How many, those of the jobs that ended last
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
    #[command(flatten)]
    tenant: TenantArgs,
    /// Print JSON, a line for each
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Word {
    Waiting,
    Delivered,
    Failed,
}

impl From<Word> for CalloutState {
    fn from(word: Word) -> CalloutState {
        match word {
            Word::Waiting => CalloutState::Waiting,
            Word::Delivered => CalloutState::Delivered,
            Word::Failed => CalloutState::Failed,
        }
    }
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            None => list(&self.list)?,
            Some(Action::Show { job, tenant, json }) => show(job, &tenant, json)?,
            Some(Action::Redeliver { jobs, failed, tenant }) => redeliver(jobs, failed, &tenant)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(List { state, last, tenant, json }: &List) -> anyhow::Result<()> {
    let store = tenant.config()?.open_store()?;
    let callouts = wait(store.callouts(&tenant.name, state.map(CalloutState::from), *last))??;
    if *json {
        return callouts.iter().try_for_each(|callout| print_json(&whole(callout)));
    }
    let headings = ["job", "state", "tries", "last", "next try", "url"];
    let rows: Vec<[String; 6]> = callouts.iter().map(row).collect();
    Ok(table::write(&mut io::stdout().lock(), &headings, &rows)?)
}

fn row(callout: &Callout) -> [String; 6] {
    let last = callout.tries.last();
    [
        callout.job.id.to_string(),
        callout.state.name().to_owned(),
        callout.tries.len().to_string(),
        last.map(|one| word(&one.outcome)).unwrap_or_default(),
        callout.due_at.map(|at| format!("{at:.0}")).unwrap_or_default(),
        last.map(|one| plain(&one.url)).unwrap_or_default(),
    ]
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered { status, .. } => status.to_string(),
        Outcome::Unanswered(_) => "no answer".to_owned(),
        Outcome::Refused(_) => "not sent".to_owned(),
    }
}

/// What others wrote must not move the cursor.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn show(job: JobId, tenant: &TenantArgs, json: bool) -> anyhow::Result<()> {
    let store = tenant.config()?.open_store()?;
    let Some(callout) = wait(store.callout(&tenant.name, job))?? else { anyhow::bail!("the job {job} has no callout") };
    if json {
        return print_json(&whole(&callout));
    }
    let next = callout.due_at.map(|at| format!(", next try {at:.0}")).unwrap_or_default();
    println!("{job}  {}{next}", callout.state.name());
    for one in &callout.tries {
        println!("\n{:.0}  {} {}", one.at, one.method, plain(&one.url));
        println!("{} after {} ms", word(&one.outcome), one.milliseconds);
        let said = one.outcome.error().or(one.outcome.body()).unwrap_or_default();
        said.lines().for_each(|line| println!("  {}", plain(line)));
    }
    Ok(())
}

fn whole(callout: &Callout) -> serde_json::Value {
    let tries = callout.tries.iter().map(|one| {
        json!({
            "at": one.at,
            "method": one.method,
            "url": one.url,
            "milliseconds": one.milliseconds,
            "status": one.outcome.status(),
            "body": one.outcome.body(),
            "error": one.outcome.error(),
        })
    });
    json!({
        "job": callout.job.id,
        "state": callout.state.name(),
        "next_try_at": callout.due_at,
        "tries": tries.collect::<Vec<_>>(),
    })
}

fn redeliver(jobs: Vec<JobId>, failed: bool, tenant: &TenantArgs) -> anyhow::Result<()> {
    let store = tenant.config()?.open_store()?;
    let jobs = if failed { all_failed(&*store, &tenant.name)? } else { jobs };
    let now = clock::System.now();
    for job in &jobs {
        let found = wait(store.redeliver(&tenant.name, *job, now))??;
        ensure!(found.is_some(), "the job {job} has no callout");
    }
    eprintln!("{} to be sent again", jobs.len());
    Ok(())
}

fn all_failed(store: &dyn Store, tenant: &str) -> anyhow::Result<Vec<JobId>> {
    let failed = wait(store.callouts(tenant, Some(CalloutState::Failed), u32::MAX))??;
    Ok(failed.into_iter().map(|callout| callout.job.id).collect())
}
