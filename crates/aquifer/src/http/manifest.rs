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
    aqua::{Error, manifest},
    store::Client,
    tenant::Tenant,
};

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
