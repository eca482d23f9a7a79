//! The job finder: what a tenant's clients have asked for, and what became of it.

use std::sync::Arc;

use axum::{Extension, extract::State, http::Uri, response::Response};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};

use super::{layout, words};
use crate::{
    app::App,
    aqua::Error,
    http::jobs::may_see,
    job::{Job, JobId},
    store::{Client, Refusal},
    tenant::Tenant,
};

/// Where the list is.
pub const PATH: &str = "/jobs";

/// Jobs on a page.
const PAGE: u32 = 50;

/// Refusals under the newest jobs.
const REFUSALS: u32 = 20;

pub async fn list(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    uri: Uri,
) -> Result<Response, Error> {
    let before = before(&uri);
    let found = app.store.jobs(&tenant.name, before, PAGE).await?;
    let older = found.last().filter(|_| found.len() == PAGE as usize).map(|job| job.id);
    let mut jobs = Vec::new();
    for job in found {
        match may_see(&client, &tenant, &job.spec.reads).await {
            Err(Error::NotAuthorized) => {}
            seen => seen.map(|()| jobs.push(job))?,
        }
    }
    // What others were refused may name what this one may not read.
    let refused_whom = client.rights.are_limited().then_some(&*client.id);
    let refusals = match before {
        None => app.store.refusals(&tenant.name, refused_whom, REFUSALS).await?,
        Some(_) => Vec::new(),
    };
    let zone = tenant.settings.zone();
    let now = app.clock.now();
    let files_until = |job: &Job| job.ended_at.map(|ended| ended + app.config.retention.files());
    let main = html! {
        h1 { "Jobs" }
        p.faint { "Tenant " (tenant.name) ", times in " (words::zone(&zone)) "." }
        @if jobs.is_empty() {
            p { "There are none" @if before.is_some() { " before these" } "." }
        } @else {
            (table(&jobs, &zone, now, files_until))
        }
        div.pages {
            @if before.is_some() { a href=(PATH) { "Newest" } }
            @if let Some(older) = older { a href={ (PATH) "?before=" (older) } rel="next" { "Older" } }
        }
        @if !refusals.is_empty() { (refused(&refusals, &zone)) }
    };
    Ok(layout::page(PATH, "Jobs", &main))
}

/// The last job of the page before, if the request names one.
fn before(uri: &Uri) -> Option<JobId> {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.find(|(name, _)| name == "before")?.1.parse().ok()
}

fn table(jobs: &[Job], zone: &TimeZone, now: Timestamp, files_until: impl Fn(&Job) -> Option<Timestamp>) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th { "Job" } th { "State" } th { "Partner / project" } th { "Submitted" } th.number { "Took" }
                        th.number { "Rows" } th.number { "Files" } th { "Files until" }
                    }
                }
                tbody {
                    @for job in jobs {
                        tr {
                            td { a href={ (PATH) "/" (job.id) } { (words::title(job)) } }
                            td { (words::state(job.state)) }
                            td { (words::session(job)) }
                            td { (words::time(job.submitted_at, zone)) }
                            td.number { (words::took(job, now)) }
                            td.number { (words::count(rows(job))) }
                            td.number { (job.published().count()) }
                            td { @if job.published().next().is_some() { (words::until(files_until(job), zone, now)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Those that are finished: a job that failed keeps what its other queries have written.
fn rows(job: &Job) -> u64 {
    job.batches.iter().filter_map(|batch| batch.output.as_ref()).map(|output| output.rows).sum()
}

fn refused(refusals: &[Refusal], zone: &TimeZone) -> Markup {
    html! {
        h2 { "Refused" }
        p.faint { "Requests for jobs that were turned down, the last " (REFUSALS) " at most." }
        div.scroll {
            table {
                thead { tr { th { "When" } th { "Code" } th { "Why" } th { "Client" } } }
                tbody {
                    @for refusal in refusals {
                        tr {
                            td { (words::time(refusal.at, zone)) }
                            td { (refusal.code) }
                            td { (refusal.message) }
                            td { code { (refusal.client) } }
                        }
                    }
                }
            }
        }
    }
}
