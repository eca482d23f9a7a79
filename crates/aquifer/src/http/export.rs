//! `/v1/object/export`: one query, one file. An export is a stateless job of one query, but for its result, which is never
//! in pieces: its id works on the job routes too, and the limits and retention of jobs are its own.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{jobs, respond};
use crate::{
    app::App,
    aqua::{
        Error,
        body::{NoRecords, ObjectError, PlatformError},
        export::{self, Created, Deleted, Export},
        request::ExportRequest,
    },
    job::{Job, JobId},
    store::{Client, KeyedRequest},
    tenant::Tenant,
};

/// Start an object export
///
/// One query, one file; a stateless job of its own.
#[utoipa::path(
    post,
    path = "/v1/object/export",
    operation_id = "startExport",
    tag = "Object exports",
    params(("DateTimeUtc" = Option<bool>, Header, description = "Datetimes in UTC, and not in the tenant's zone")),
    request_body = ExportRequest,
    responses(
        (status = 200, description = "Its id", body = Created, links(
            ("status" = (operation_id = "exportStatus", parameters(("id" = "$response.body#/Id")))),
            ("cancel" = (operation_id = "cancelExport", parameters(("id" = "$response.body#/Id")))),
        )),
        (status = 400, description = "Why there is none", body = ObjectError),
        (status = 403, description = "The client may not read it", body = PlatformError),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    key: Option<Extension<KeyedRequest>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let body = super::body::read(&app, body, app.config.server.body_bytes).await?;
    let utc = headers.get("datetimeutc").is_some_and(|utc| utc.as_bytes().eq_ignore_ascii_case(b"true"));
    let request = export::read(&body, utc)?;
    let accepted = async {
        let (job, _) = jobs::prepare(&app, &client, &tenant, request).await?;
        jobs::store(&app, &client, &tenant, key, &job, &export::created(&job)).await
    };
    accepted.await.map_err(export::refused)
}

/// How an object export is doing
#[utoipa::path(
    get,
    path = "/v1/object/export/{id}",
    operation_id = "exportStatus",
    tag = "Object exports",
    params(("id" = JobId, Path)),
    responses(
        (status = 200, description = "The export", body = Export<'static>, links(
            ("file" = (operation_id = "downloadFile", parameters(("id" = "$response.body#/FileId")))),
        )),
        (status = 403, description = "The client may not read it", body = PlatformError),
        (status = 404, description = "There is no such export", body = NoRecords),
    ),
)]
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = find(&app, &client, &tenant, &id).await?;
    Ok(respond::json(StatusCode::OK, &export::status(&job, &tenant.settings.zone())))
}

/// Cancel an object export
///
/// One that has ended stays until its time is over, as any job does, and says so no more than the original: the answer
/// is the same.
#[utoipa::path(
    delete,
    path = "/v1/object/export/{id}",
    operation_id = "cancelExport",
    tag = "Object exports",
    params(("id" = JobId, Path)),
    responses(
        (status = 200, description = "It is cancelled, or had ended", body = Deleted),
        (status = 403, description = "The client may not read it", body = PlatformError),
        (status = 404, description = "There is no such export", body = NoRecords),
    ),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = find(&app, &client, &tenant, &id).await?;
    match jobs::end(&app, &client, job.id).await {
        Ok(_) | Err(Error::JobHasEnded) => {}
        Err(error) => return Err(error),
    }
    Ok(respond::json(StatusCode::OK, &export::deleted(&job)))
}

async fn find(app: &App, client: &Client, tenant: &Tenant, id: &str) -> Result<Job, Error> {
    let job = jobs::find(app, client, tenant, id).await.map_err(export::refused)?;
    Some(job).filter(export::is_export).ok_or(Error::NoSuchExport)
}
