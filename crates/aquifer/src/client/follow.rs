//! Waits for a job to end.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Client, Error, Result, answer::Job, interrupt::Interrupt};

/// A job may end at once: we ask soon, and then less and less often.
const SOONEST: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(5);
/// How often in a row the server may be away: it may be starting again, and takes the job up when it is back.
const PATIENCE: u32 = 20;

/// Asks for the job's status until it has ended. Shows how far it is on standard error, if that is a terminal.
pub fn follow(client: &Client, mut job: Job, interrupt: &Interrupt) -> Result<Job> {
    let spinner = spinner();
    let mut pause = SOONEST;
    let mut failures = 0;
    while job.end().is_none() {
        spinner.set_message(describe(&job));
        interrupt.wait(pause)?;
        pause = (pause * 3 / 2).min(LATEST);
        match client.status(&job.id) {
            Ok(next) => {
                job = next;
                failures = 0;
            }
            Err(error) if error.is_retryable() && failures < PATIENCE => {
                failures += 1;
                spinner.set_message(format!("{error}; trying again"));
                if let Error::Busy { retry_after: Some(wait), .. } = error {
                    pause = wait.clamp(pause, LATEST * 12);
                }
            }
            Err(error) => return Err(error),
        }
    }
    spinner.finish_and_clear();
    Ok(job)
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    if !spinner.is_hidden() {
        spinner.enable_steady_tick(Duration::from_millis(120));
    }
    spinner
}

/// `executing, 1 of 3 queries done, 120000 rows`
fn describe(job: &Job) -> String {
    let done = job.batches.iter().filter(|batch| batch.status == "completed").count();
    let rows: u64 = job.batches.iter().map(|batch| batch.rows_so_far.unwrap_or(batch.record_count)).sum();
    let mut text = job.status.clone();
    if job.batches.len() > 1 {
        text += &format!(", {done} of {} queries done", job.batches.len());
    }
    if rows > 0 {
        text += &format!(", {rows} rows");
    }
    text
}
