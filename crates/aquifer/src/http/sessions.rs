//! A session's increments: what there was, that it has arrived, and once more.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{jobs, respond};
use crate::{
    app::App,
    aqua::{
        Error, answer,
        body::{JobOrError, PlatformError},
        increments::{self, Done, Increments},
    },
    job::{BatchState, Increment, Job, JobId, SessionKey, Spec},
    store::Client,
    tenant::Tenant,
};

/// The increments of a session
///
/// Oldest first. Ours.
#[utoipa::path(
    get,
    path = "/v1/batch-query/sessions/{partner}/{project}",
    operation_id = "listIncrements",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path)),
    responses(
        (status = 200, description = "The increments", body = Increments<'static>),
        (status = 404, description = "No job of the session has completed", body = PlatformError),
    ),
)]
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
    let increments = increments_of(&app, &client, &tenant, &key).await?;
    Ok(respond::json(StatusCode::OK, &increments::list(&key, &increments, &tenant.settings.zone())))
}

/// Say that an increment has arrived
///
/// Ours.
#[utoipa::path(
    post,
    path = "/v1/batch-query/sessions/{partner}/{project}/increments/{number}/ack",
    operation_id = "acknowledgeIncrement",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path), ("number" = u32, Path, example = 1)),
    responses(
        (status = 200, description = "It is noted", body = Done),
        (status = 404, description = "There is no such increment", body = PlatformError),
    ),
)]
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    let number = find(&app, &client, &tenant, &key, &number).await?.number;
    if !app.store.acknowledge(&client.tenant, &key, number, app.clock.now()).await? {
        return Err(Error::NoSuchIncrement);
    }
    Ok(respond::json(StatusCode::OK, &increments::DONE))
}

/// Return an increment once more
///
/// Submits a job with the windows of the increment. Ours.
#[utoipa::path(
    post,
    path = "/v1/batch-query/sessions/{partner}/{project}/increments/{number}/replay",
    operation_id = "replayIncrement",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path), ("number" = u32, Path, example = 1)),
    responses(
        (status = 200, description = "The job", body = JobOrError),
        (status = 404, description = "There is no such increment", body = PlatformError),
    ),
)]
pub async fn replay(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    let Increment { job: original, number, .. } = find(&app, &client, &tenant, &key, &number).await?;
    // It ends at the snapshot: a row of the window may have changed since, and is then found only behind its end.
    let spec = Spec { replay: Some(number), offset: None, reads_masked: client.reads_masked, ..original.spec };
    let now = app.clock.now();
    let mut job = Job::new(JobId::new(now), client.tenant.clone(), spec, Vec::new(), now);
    for (at, batch) in original.batches.iter().enumerate() {
        job.batches[at].will_be_full = batch.is_full();
        if batch.state == BatchState::Skipped {
            job.skip(at, &batch.message);
        }
    }
    app.store.insert(&job, tenant.settings.limits.open_jobs()).await?;
    tracing::info!(job = %job.id, client = client.name, increment = number, "a replay was submitted");
    app.runner.wake();
    Ok(respond::json(StatusCode::OK, &answer::submitted(&job, &tenant.settings)))
}

async fn find(
    app: &App,
    client: &Client,
    tenant: &Tenant,
    session: &SessionKey,
    number: &str,
) -> Result<Increment, Error> {
    let number: u32 = number.parse().map_err(|_| Error::NoSuchIncrement)?;
    let increments = increments_of(app, client, tenant, session).await?;
    increments.into_iter().find(|increment| increment.number == number).ok_or(Error::NoSuchIncrement)
}

/// Those of a session that the client may see.
async fn increments_of(
    app: &App,
    client: &Client,
    tenant: &Tenant,
    session: &SessionKey,
) -> Result<Vec<Increment>, Error> {
    let mut seen = Vec::new();
    for increment in app.store.increments(&tenant.name, session, u32::MAX).await? {
        match jobs::may_see(client, tenant, &increment.job.spec.reads).await {
            Ok(()) => seen.push(increment),
            Err(Error::NotAuthorized) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}
