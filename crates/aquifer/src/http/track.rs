//! What names an exchange: `Zuora-Request-Id`, ours, and `Zuora-Track-Id`, the client's, said back.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("zuora-request-id");
const TRACK_ID: HeaderName = HeaderName::from_static("zuora-track-id");

/// Runs inside [`span`]'s span, which has the same request id.
pub async fn track(request: Request, next: Next) -> Response {
    let track_id = request.headers().get(TRACK_ID).filter(|id| is_track_id(id)).cloned();
    let request_id = Uuid::new_v4().to_string();
    tracing::Span::current().record("request", &request_id);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    if let Some(track_id) = track_id {
        headers.insert(TRACK_ID, track_id);
    }
    response
}

/// The span of an exchange in the log. No headers: they hold credentials.
pub fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    let path = request.uri().path();
    tracing::info_span!("http", method = %request.method(), path, request = tracing::field::Empty)
}

/// At most 64 characters of US-ASCII without `: ; " '`; another one is dropped.
fn is_track_id(value: &HeaderValue) -> bool {
    value.len() <= 64 && value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~') && !b":;\"'".contains(byte))
}
