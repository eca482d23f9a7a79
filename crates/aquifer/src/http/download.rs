//! Result files. Only what the store has published is ever served.

use std::{ops::Range, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    conditions::{self, Asked},
    jobs, respond, sent,
};
use crate::{
    app::App,
    aqua::{
        Error,
        answer::{self, FileStatus},
        body::PlatformError,
    },
    job::FileId,
    store::{Client, PublishedFile},
    tenant::Tenant,
};

pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Download a result file
///
/// Of a job or an object export. Whole, or the one range that is asked for.
#[utoipa::path(
    get,
    path = "/v1/files/{id}",
    operation_id = "downloadFile",
    tag = "Files",
    params(
        ("id" = FileId, Path),
        ("Range" = Option<String>, Header, example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the file that is being continued"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the only file that will do"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the file that is there already"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/csv;charset=UTF-8"), (String = "application/x-gzip"), (String = "application/zip"),
            (String = "application/pgp-encrypted"),
        ), headers(
            ("Content-Disposition" = String, description = "The name of the file"),
            ("ETag" = String),
            ("Accept-Ranges" = String),
            ("Repr-Digest" = String, description = "SHA-256 of the whole file"),
        )),
        (status = 206, description = "The range", content(
            (String = "text/csv;charset=UTF-8"), (String = "application/x-gzip"), (String = "application/zip"),
            (String = "application/pgp-encrypted"),
        ), headers(("Content-Range" = String))),
        (status = 304, description = "It is the file of `If-None-Match`"),
        (status = 403, description = "It is larger than files may be, or the client may not read it", content(
            (String = "application/xml"), (PlatformError = "application/json"),
        )),
        (status = 404, description = "There is no such file, or its time is over", body = PlatformError),
        (status = 412, description = "It is not the file of `If-Match`", body = PlatformError),
        (status = 416, description = "The range lies outside the file", body = PlatformError,
            headers(("Content-Range" = String))),
    ),
)]
pub async fn file(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
    method: Method,
    request: HeaderMap,
) -> Result<Response, Error> {
    let file = find(&app, &client, &tenant, &id).await?;
    let limit = tenant.settings.limits.file_bytes;
    if limit > 0 && file.bytes > limit && !is_split(&app, &tenant, &file).await? {
        return Ok(too_large(limit));
    }
    let etag = format!("\"{}\"", file.sha256);
    let range = match conditions::asked(&method, &request, &etag, file.bytes) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::NotModified => return Ok(not_modified(etag)),
        Asked::Other => return Err(Error::OtherFile),
        Asked::Outside => return Err(Error::NoSuchRange { bytes: file.bytes }),
    };
    let body = if method == Method::HEAD { Body::empty() } else { body(&app, &file, range.clone()).await? };
    let mut response = body.into_response();
    *response.headers_mut() = headers(&file, &etag, range.as_ref())?;
    if file.downloaded_at.is_none() && method == Method::GET {
        let range = range.clone().unwrap_or(0..file.bytes);
        response.extensions_mut().insert(sent::Part { file: file.id, range });
    }
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// Whether a file can be downloaded
///
/// The original moves old files to an archive and back; here there is none.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/status",
    operation_id = "fileStatus",
    tag = "Files",
    params(("id" = FileId, Path)),
    responses(
        (status = 200, description = "It can", body = FileStatus),
        (status = 403, description = "The client may not read it", body = PlatformError),
        (status = 404, description = "There is no such file, or its time is over", body = PlatformError),
    ),
)]
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    find(&app, &client, &tenant, &id).await?;
    Ok(respond::json(StatusCode::OK, &answer::ACCESSIBLE))
}

/// Whether a result as long as this one is delivered in pieces: then no piece is too long.
async fn is_split(app: &App, tenant: &Tenant, file: &PublishedFile) -> Result<bool, Error> {
    if !tenant.settings.files.split {
        return Ok(false);
    }
    let job = app.store.job(&tenant.name, file.job).await?;
    Ok(job.is_none_or(|job| !job.spec.has_one_file()))
}

async fn find(app: &App, client: &Client, tenant: &Tenant, id: &str) -> Result<PublishedFile, Error> {
    let id = id.parse().map_err(|_| Error::NoSuchFile)?;
    let file = app.store.file(&client.tenant, id).await?.ok_or(Error::NoSuchFile)?;
    let forbidden =
        |error| if matches!(error, Error::NotAuthorized) { Error::Forbidden("this file".into()) } else { error };
    jobs::may_see(client, tenant, &file.reads).await.map_err(forbidden)?;
    // It is over when it is over, whether or not the purge has come by since.
    let is_over = file.published_at + app.config.retention.files() <= app.clock.now();
    if file.purged_at.is_some() || is_over { Err(Error::FilePurged) } else { Ok(file) }
}

async fn body(app: &App, file: &PublishedFile, range: Option<Range<u64>>) -> Result<Body, Error> {
    let bytes = app.results.open(file, range).await;
    let bytes = bytes.map_err(|error| Error::Internal(format!("the file {} cannot be opened: {error}", file.id)))?;
    Ok(Body::from_stream(bytes))
}

/// With the headers that the file itself would have had, if caches need them.
fn not_modified(etag: String) -> Response {
    let headers = [(header::ETAG, etag), (header::VARY, "accept-encoding".to_owned())];
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// The original's answer for a file that it will not deliver.
fn too_large(limit: u64) -> Response {
    let body = format!("<security:max-object-size>{}MB</security:max-object-size>", limit >> 20);
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

fn headers(file: &PublishedFile, etag: &str, range: Option<&Range<u64>>) -> Result<HeaderMap, Error> {
    let (content_type, name) = answer::file_type_and_name(file.id, file.format, file.encryption);
    let length = range.map_or(file.bytes, |range| range.end - range.start);
    let fields = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename={name}")),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ETAG, etag.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (REPR_DIGEST, format!("sha-256=:{}:", digest(&file.sha256))),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let content_range = range.map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, file.bytes));
    let fields = fields.into_iter().chain(content_range.map(|range| (header::CONTENT_RANGE, range)));
    fields
        .map(|(name, value)| {
            Ok((name, HeaderValue::from_str(&value).map_err(|error| Error::Internal(error.to_string()))?))
        })
        .collect()
}

/// From hex, as the store has it, to base64, as the header wants it.
fn digest(hex: &str) -> String {
    let bytes: Vec<u8> =
        (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect();
    STANDARD.encode(bytes)
}
