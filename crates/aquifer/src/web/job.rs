//! One job: its queries, the rows they returned and of which window, its files and who has fetched them.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};

use super::{jobs, layout, words};
use crate::{
    app::App,
    aqua::{Error, answer},
    http,
    job::{Batch, Job, Query, Scope},
    store::{Client, PublishedFile},
    tenant::Tenant,
};

/// Where a browser, which knows a client's id and secret for these pages only, downloads files from.
pub const FILES: &str = "/jobs/files";

pub async fn show(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = match http::jobs::find(&app, &client, &tenant, &id).await {
        Err(Error::NoSuchJob | Error::NotAuthorized) => return Ok(unknown()),
        found => found?,
    };
    app.doors.sent.write(&*app.store).await;
    let mut files = Vec::new();
    for (_, file) in job.published() {
        files.extend(app.store.file(&tenant.name, file.id).await?);
    }
    let (zone, now) = (tenant.settings.zone(), app.clock.now());
    let until = |file: &PublishedFile| file.published_at + app.config.retention.files();
    let so_far = |batch: usize| app.runner.rows_so_far(job.id, batch);
    let main = html! {
        p { a href=(jobs::PATH) { "Jobs" } }
        h1 { (words::title(&job)) }
        @if let Some(fault) = &job.fault { div.notice.bad { (fault.message) } }
        @for warning in answer::warnings(&job) { div.notice.busy { (warning) } }
        (facts(&job, &zone, now))
        h2 { "Queries" }
        (queries(&job, &zone, so_far))
        @if !files.is_empty() {
            h2 { "Files" }
            (table(&files, &zone, now, until))
        }
    };
    Ok(layout::page(jobs::PATH, &words::title(&job), &main))
}

fn unknown() -> Response {
    let main = html! {
        h1 { "No such job" }
        p { "It has never been, reads what you may not, or was forgotten when its time was over." }
        p { a href=(jobs::PATH) { "Jobs" } }
    };
    layout::page_with_status(StatusCode::NOT_FOUND, jobs::PATH, "No such job", &main)
}

fn facts(job: &Job, zone: &TimeZone, now: Timestamp) -> Markup {
    html! {
        dl {
            dt { "State" } dd { (words::state(job.state)) }
            dt { "Id" } dd { code { (job.id) } }
            @if job.spec.session().is_some() { dt { "Partner / project" } dd { (words::session(job)) } }
            dt { "Submitted" } dd { (words::time(job.submitted_at, zone)) }
            @if let Some(snapshot) = &job.snapshot {
                dt { "Data as of" } dd { (words::time(snapshot.at, zone)) " " span.faint { "position " (snapshot.position) } }
            }
            @if let Some(ended) = job.ended_at { dt { "Ended" } dd { (words::time(ended, zone)) } }
            dt { "Took" } dd { (words::took(job, now)) }
            @if job.attempt > 1 { dt { "Attempts" } dd { (job.attempt) } }
            dt { "Format" } dd { (job.spec.format.extension(job.spec.encryption)) }
        }
    }
}

fn queries(job: &Job, zone: &TimeZone, so_far: impl Fn(usize) -> Option<u64>) -> Markup {
    html! {
        @for (number, (query, batch)) in job.spec.queries.iter().zip(&job.batches).enumerate() {
            (query_and_batch(query, batch, zone, so_far(number)))
        }
    }
}

fn query_and_batch(query: &Query, batch: &Batch, zone: &TimeZone, so_far: Option<u64>) -> Markup {
    html! {
        @if let Some(name) = &query.name { p { strong { (name) } } }
        pre { (query.text) }
        @if !batch.message.is_empty() { div.notice.bad { (batch.message) } }
        dl {
            dt { "State" } dd { (words::batch_state(batch.state)) }
            @if let Some(output) = &batch.output { dt { "Rows" } dd { (words::count(output.rows)) } }
            @else if let Some(rows) = so_far { dt { "Rows so far" } dd { (words::count(rows)) } }
            @if let Some(scope) = &batch.scope { dt { "Window" } dd { (window(scope, zone)) } }
        }
    }
}

fn window(scope: &Scope, zone: &TimeZone) -> Markup {
    html! {
        @match (scope.full, &scope.from) {
            (Some(reason), _) => { "all that lived " (words::time(scope.to.at, zone)) " " span.faint { "(" (words::full(reason)) ")" } }
            (None, Some(from)) => { "changes from " (words::time(from.at, zone)) " to " (words::time(scope.to.at, zone)) }
            (None, None) => { "changes to " (words::time(scope.to.at, zone)) }
        }
        @if scope.lacks_deletions { " " span.busy { "without deletions that have been purged" } }
    }
}

fn table(
    files: &[PublishedFile],
    zone: &TimeZone,
    now: Timestamp,
    until: impl Fn(&PublishedFile) -> Timestamp,
) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th { "File" } th.number { "Bytes" } th { "Downloaded" } th { "Until" } th { "SHA-256" } } }
                tbody {
                    @for file in files {
                        @let name = answer::file_type_and_name(file.id, file.format, file.encryption).1;
                        tr {
                            td {
                                @if file.purged_at.is_none() && now < until(file) {
                                    a href={ (FILES) "/" (file.id) } { (name) }
                                } @else {
                                    (name)
                                }
                            }
                            td.number { (words::count(file.bytes)) }
                            td { (words::maybe(file.downloaded_at, zone)) }
                            td { (words::until(Some(until(file)), zone, now)) }
                            td { code { (file.sha256) } }
                        }
                    }
                }
            }
        }
    }
}
