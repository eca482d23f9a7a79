//! A job's callout: how it stands, and once more.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{jobs, respond, to_the_end};
use crate::{
    app::App,
    aqua::{
        Error,
        body::PlatformError,
        callout::{self, CalloutAnswer},
    },
    job::JobId,
    store::Client,
    tenant::Tenant,
};

/// How the callout of a job stands
///
/// With its tries. Ours.
#[utoipa::path(
    get,
    path = "/v1/batch-query/jobs/{id}/callout",
    operation_id = "calloutStatus",
    tag = "Jobs",
    params(("id" = JobId, Path)),
    responses(
        (status = 200, description = "The callout", body = CalloutAnswer<'static>),
        (status = 404, description = "There is none", body = PlatformError),
    ),
)]
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = find(&app, &client, &tenant, &id).await?;
    let found = app.store.callout(&tenant.name, id).await?.ok_or(Error::NoCallout)?;
    Ok(respond::json(StatusCode::OK, &callout::answer(&found, &tenant.settings.zone())))
}

/// Send the callout of a job once more
///
/// Ours.
#[utoipa::path(
    post,
    path = "/v1/batch-query/jobs/{id}/callout/redeliver",
    operation_id = "redeliverCallout",
    tag = "Jobs",
    params(("id" = JobId, Path)),
    responses(
        (status = 200, description = "The callout", body = CalloutAnswer<'static>),
        (status = 404, description = "There is none", body = PlatformError),
    ),
)]
pub async fn redeliver(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = find(&app, &client, &tenant, &id).await?;
    to_the_end(async move {
        let found = app.store.redeliver(&tenant.name, id, app.clock.now()).await?.ok_or(Error::NoCallout)?;
        app.callouts.wake();
        Ok(respond::json(StatusCode::OK, &callout::answer(&found, &tenant.settings.zone())))
    })
    .await
}

/// The job, if the client may see it.
async fn find(app: &App, client: &Client, tenant: &Tenant, id: &str) -> Result<JobId, Error> {
    match jobs::find(app, client, tenant, id).await {
        Ok(job) => Ok(job.id),
        Err(Error::NoSuchJob) => Err(Error::NoCallout),
        Err(error) => Err(error),
    }
}
