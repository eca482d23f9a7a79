//! A session's increments: what there was, that it has arrived, and once more.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde_json::json;

use super::respond;
use crate::{
    app::App,
    aqua::{Error, answer, increments},
    job::{Increment, Job, JobId, SessionKey, Spec},
    store::Client,
    tenant::Tenant,
};

pub async fn list(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project)): Path<(String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    if app.store.session(&client.tenant, &key).await?.last.is_none() {
        return Err(Error::NoSuchSession);
    }
    let increments = app.store.increments(&client.tenant, &key, u32::MAX).await?;
    Ok(respond::json(StatusCode::OK, &increments::list(&key, &increments, &tenant.settings.zone())))
}

/// Notes that the client has stored an increment.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    let number = number.parse().map_err(|_| Error::NoSuchIncrement)?;
    if !app.store.acknowledge(&client.tenant, &key, number, app.clock.now()).await? {
        return Err(Error::NoSuchIncrement);
    }
    Ok(respond::json(StatusCode::OK, &json!({ "success": true })))
}

/// Submits a job that returns the windows of an increment once more.
pub async fn replay(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    let number = number.parse().map_err(|_| Error::NoSuchIncrement)?;
    let increments = app.store.increments(&client.tenant, &key, u32::MAX).await?;
    let wanted = increments.into_iter().find(|increment| increment.number == number);
    let Increment { job: original, .. } = wanted.ok_or(Error::NoSuchIncrement)?;
    // It ends at the snapshot: a row of the window may have changed since, and is then found only behind its end.
    let spec = Spec { replay: Some(number), offset: None, reads_masked: client.reads_masked, ..original.spec };
    let full = original.batches.iter().map(|batch| batch.scope.as_ref().is_none_or(|scope| scope.full.is_some()));
    let full: Vec<bool> = full.collect();
    let now = app.clock.now();
    let job = Job::new(JobId::new(now), client.tenant.clone(), spec, Vec::new(), now);
    app.store.insert(&job, tenant.settings.limits.open_jobs()).await?;
    tracing::info!(job = %job.id, client = client.name, increment = number, "a replay was submitted");
    app.runner.wake();
    Ok(respond::json(StatusCode::OK, &answer::submitted(&job, &full)))
}
