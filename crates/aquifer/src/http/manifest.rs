//! What a job has read and written, in one document.

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
    aqua::{Error, body::ManifestOrError, manifest},
    job::JobId,
    store::Client,
    tenant::Tenant,
};

/// What a job has read and written
///
/// With the digests of its files, for whoever wants to prove it later. Ours.
#[utoipa::path(
    get,
    path = "/v1/batch-query/jobs/{id}/manifest",
    operation_id = "jobManifest",
    tag = "Jobs",
    params(("id" = JobId, Path)),
    responses((status = 200, description = "The manifest, or that there is no such job", body = ManifestOrError)),
)]
pub async fn of_job(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = jobs::find(&app, &client, &tenant, &id).await?;
    let expires_at = job.ended_at.map(|ended_at| ended_at + app.config.retention.files());
    let manifest = manifest::manifest(&job, &tenant.settings.zone(), expires_at);
    Ok(respond::json(StatusCode::OK, &manifest))
}
