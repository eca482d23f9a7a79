//! Result files. Only what the store has published is ever served.

use std::{ops::Range, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{respond, sent};
use crate::{
    app::App,
    aqua::{Error, answer},
    store::{Client, PublishedFile},
    tenant::Tenant,
};

pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

pub async fn file(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Result<Response, Error> {
    let file = find(&app, &client, &id).await?;
    let limit = tenant.settings.limits.file_bytes;
    if limit > 0 && file.bytes > limit && !tenant.settings.files.split {
        return Ok(too_large(limit));
    }
    let etag = format!("\"{}\"", file.sha256);
    let same = |tag: &str| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag;
    if text(&request, header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(same)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    // With `If-Range`, a range of another version of the file is worth nothing.
    let wants_range = text(&request, header::IF_RANGE).is_none_or(|tag| tag == etag);
    let range = text(&request, header::RANGE).filter(|_| wants_range).and_then(|range| single_range(range, file.bytes));
    if let Some(Range { start, .. }) = range.clone().filter(Range::is_empty) {
        tracing::debug!(start, "a range outside the file");
        return Err(Error::NoSuchRange { bytes: file.bytes });
    }
    let bytes = app.results.open(&file, range.clone()).await;
    let bytes = bytes.map_err(|error| Error::Internal(format!("the file {} cannot be opened: {error}", file.id)))?;
    let sent = range.clone().unwrap_or(0..file.bytes);
    let mut response = Body::from_stream(sent::noted(app, &file, sent, bytes)).into_response();
    *response.headers_mut() = headers(&file, &etag, range.as_ref())?;
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// Whether a file can be downloaded: the original moves old files to an archive and back.
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    find(&app, &client, &id).await?;
    Ok(respond::json(StatusCode::OK, &json!({ "success": true, "accessible": true, "status": "RESTORED" })))
}

async fn find(app: &App, client: &Client, id: &str) -> Result<PublishedFile, Error> {
    let id = id.parse().map_err(|_| Error::NoSuchFile)?;
    let file = app.store.file(&client.tenant, id).await?.ok_or(Error::NoSuchFile)?;
    // It is over when it is over, whether or not the purge has come by since.
    let is_over = file.published_at + app.config.retention.files() <= app.clock.now();
    if file.purged_at.is_some() || is_over { Err(Error::FilePurged) } else { Ok(file) }
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

/// The bytes that `Range` asks for. Empty if there are none; `None`, which means all, if it asks for several ranges or
/// cannot be read, as HTTP allows.
fn single_range(text: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some(bytes.saturating_sub(length)..bytes);
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    let end = last.saturating_add(1).min(bytes);
    Some(first.min(end)..end)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let ten = |text| single_range(text, 10);
        assert_eq!(ten("bytes=0-3"), Some(0..4));
        assert_eq!(ten("bytes=4-"), Some(4..10));
        assert_eq!(ten("bytes=-3"), Some(7..10));
        assert_eq!(ten("bytes=-99"), Some(0..10));
        assert_eq!(ten("bytes=8-99"), Some(8..10));
        assert!(ten("bytes=10-").is_some_and(|range| range.is_empty()));
        assert!(ten("bytes=-0").is_some_and(|range| range.is_empty()));
        for ignored in ["bytes=3-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(ten(ignored), None, "{ignored}");
        }
    }
}
