//! How bodies are packed for the way: gzip, and nothing else, as in the original.

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header},
    response::Response,
};

use super::download::REPR_DIGEST;

const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Spells the codings of a request as the layers below know them: a body that is packed in whatever spelling of gzip, and an
/// answer in gzip for who has asked for it by name. Any other wish is none, and none a reason to refuse an answer. Whoever asks
/// for the head alone wants to know how long the thing is, which nobody knows of what would be compressed.
pub async fn plain_names(mut request: Request) -> Request {
    let is_head = request.method() == Method::HEAD;
    let headers = request.headers_mut();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| is_gzip(coding.to_str().unwrap_or_default())) {
        headers.insert(header::CONTENT_ENCODING, GZIP);
    }
    if wants_gzip(headers) && !is_head {
        headers.insert(header::ACCEPT_ENCODING, GZIP);
    } else {
        headers.remove(header::ACCEPT_ENCODING);
    }
    request
}

fn is_gzip(coding: &str) -> bool {
    ["gzip", "x-gzip"].iter().any(|name| name.eq_ignore_ascii_case(coding.trim()))
}

fn wants_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|wish| {
        let (coding, parameters) = wish.split_once(';').unwrap_or((wish, ""));
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        is_gzip(coding) && weight.unwrap_or(1.0) > 0.0
    })
}

pub type IsCompressible = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// The types that the original compresses, and our stylesheet. Result files that are compressed already are not among them.
pub fn is_compressible(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let types = ["application/json", "application/xml", "text/html", "text/css", "text/csv", "text/plain"];
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    types.contains(&content_type.split(';').next().unwrap_or_default().trim())
}

/// What was said of the plain bytes does not hold for compressed ones: they have no ranges, another digest, and are
/// equal to other compressions only in meaning.
pub async fn after_compression(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_ENCODING) {
        headers.remove(header::ACCEPT_RANGES);
        headers.remove(REPR_DIGEST);
        let weak = headers.get(header::ETAG).and_then(|etag| format!("W/{}", etag.to_str().ok()?).parse().ok());
        if let Some(weak) = weak {
            headers.insert(header::ETAG, weak);
        }
    }
    response
}
