//! Submit, status, cancel, last completed job.

use std::sync::Arc;

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::respond;
use crate::{
    app::App,
    aqua::{
        Error, answer,
        error::{self, QueryFault},
        submit,
    },
    job::{Event, Job, JobId, SessionKey, Spec},
    store::{Client, Refusal},
};

/// Accepts a job: when the answer leaves, the job is on disk.
pub async fn submit(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    body: Body,
) -> Result<Response, Error> {
    // Unpacked by now, so this bounds what a small body may unpack to.
    let limit = app.config.server.body_bytes;
    let body = to_bytes(body, limit).await.map_err(|error| Error::Malformed(error.to_string()))?;
    let request = submit::read(&body)?;
    match accept(&app, &client, &request).await {
        Ok(job) => {
            tracing::info!(job = %job.id, client = client.name, queries = job.batches.len(), "submitted");
            app.runner.wake();
            Ok(respond::json(StatusCode::OK, &answer::submitted(&job)))
        }
        Err(error) => refuse(&app, &client, &request.spec, error).await,
    }
}

async fn accept(app: &App, client: &Client, request: &submit::Request) -> Result<Job, Error> {
    let source = app.source.clone();
    let catalog = tokio::task::spawn_blocking(move || source.catalog()).await;
    let catalog = catalog.map_err(|error| Error::Internal(error.to_string()))?;
    let catalog = catalog.map_err(|error| Error::Internal(error.to_string()))?;
    let rules = submit::Rules {
        tenant: &app.config.tenant,
        limits: &app.config.limits,
        compat: app.config.zoql.compat.into(),
        catalog: &catalog,
    };
    let warnings = submit::check(request, &rules)?;
    let now = app.clock.now();
    let job = Job::new(JobId::new(now), client.tenant.clone(), request.spec.clone(), warnings, now);
    app.store.insert(&job, app.config.limits.concurrent_jobs).await?;
    Ok(job)
}

/// Says why there is no job, and keeps it for whoever is asked later.
async fn refuse(app: &App, client: &Client, spec: &Spec, error: Error) -> Result<Response, Error> {
    let wire = error.wire();
    let (200, error::Body::Aqua { code, message }) = (wire.status, wire.body) else { return Err(error) };
    tracing::info!(client = client.name, code, message, "refused");
    let refusal = Refusal {
        tenant: client.tenant.clone(),
        client: client.id.clone(),
        at: app.clock.now(),
        code: code.to_owned(),
        message: message.clone(),
    };
    app.store.add_refusal(&refusal).await?;
    let faults: &[QueryFault] = if let Error::Queries(faults) = &error { faults } else { &[] };
    Ok(respond::json(StatusCode::OK, &answer::refused(spec, code, message, faults)))
}

pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = id.parse().map_err(|_| Error::NoSuchJob)?;
    let job = app.store.job(&client.tenant, id).await?.ok_or(Error::NoSuchJob)?;
    Ok(job_response(&app, &job))
}

/// Takes effect at once in the store; the runner, if one is at work, stops within a moment and publishes nothing more.
pub async fn cancel(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id: JobId = id.parse().map_err(|_| Error::NoSuchJob)?;
    app.store.job(&client.tenant, id).await?.ok_or(Error::NoSuchJob)?;
    let job = app.store.apply(id, None, Event::Cancelled { at: app.clock.now() }).await?;
    app.runner.cancel(id);
    tracing::info!(job = %id, client = client.name, "cancelled");
    Ok(job_response(&app, &job))
}

pub async fn last_completed(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Path((partner, project)): Path<(String, String)>,
) -> Result<Response, Error> {
    let session = SessionKey { partner, project };
    let job = app.store.last_completed(&client.tenant, &session).await?.ok_or(Error::NoLastJob)?;
    Ok(job_response(&app, &job))
}

fn job_response(app: &App, job: &Job) -> Response {
    let rows_so_far = |batch| app.runner.rows_so_far(job.id, batch);
    respond::json(StatusCode::OK, &answer::status(job, &app.config.tenant.zone(), &rows_so_far)).into_response()
}
