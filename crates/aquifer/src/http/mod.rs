//! The doors: routes, who may enter, and what every exchange has in common.
//!
//! Handlers are short: read, ask the store or the runner, answer in [`crate::aqua`]'s words.

mod action;
mod auth;
mod body;
mod callout;
mod coding;
mod conditions;
mod describe;
mod document;
pub(crate) mod download;
mod export;
mod idempotency;
pub(crate) mod jobs;
mod manifest;
mod owners;
mod passwords;
mod respond;
mod routes;
mod sent;
mod serve;
mod sessions;
mod throttle;
mod token;
mod track;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Uri,
    middleware::{self, Next},
    response::Response,
};
use percent_encoding::percent_decode_str;
use tower::{Layer as _, ServiceBuilder, util::MapRequestLayer};
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, Predicate as _, predicate::SizeAbove},
    decompression::RequestDecompressionLayer,
    trace::TraceLayer,
};

pub use document::{DOCUMENT, VARIANT_OF};
pub use serve::serve;

use crate::{app::App, aqua::Error, web};

/// What the doors remember from one request to the next, until a restart.
#[derive(Default)]
pub struct Doors {
    pub(crate) cursors: action::Cursors,
    pub(crate) throttle: throttle::Throttle,
    pub(crate) passwords: passwords::Passwords,
    pub(crate) sent: sent::Notes,
}

/// Does what a client that hangs up must not leave half done: hyper then drops what it was waiting for, but not a task of its
/// own.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|error| Error::Internal(error.to_string()))?
}

/// The whole service.
pub type Service = tower::util::MapRequest<Router, fn(Request) -> Request>;

pub fn service(app: Arc<App>) -> Service {
    let guarded = Router::from(routes::guarded())
        // Each stands around the ones before.
        .route_layer(middleware::from_fn_with_state(app.clone(), idempotency::idempotent))
        .route_layer(middleware::from_fn_with_state(app.clone(), throttle::throttle))
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::authenticate));
    let open = Router::from(routes::open()).merge(web::routes());
    let pages = web::guarded_routes()
        .route_layer(middleware::from_fn_with_state(app.clone(), throttle::throttle))
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::authenticate_browser));
    let unpacked = ServiceBuilder::new()
        .layer(RequestDecompressionLayer::new().pass_through_unaccepted(true))
        .map_request(|request: Request<_>| request.map(Body::new));
    let router = guarded
        .merge(open)
        .merge(pages)
        .fallback(|| async { Error::NoSuchRoute })
        .method_not_allowed_fallback(|| async { Error::NoSuchMethod })
        .with_state(app.clone())
        // From here on, each stands around the ones before.
        .layer(unpacked)
        .layer(CatchPanicLayer::custom(respond::panicked))
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(SizeAbove::new(1001).and(coding::is_compressible as coding::IsCompressible)),
        )
        .layer(middleware::map_response(coding::after_compression))
        .layer(middleware::map_request(coding::plain_names))
        .layer(middleware::from_fn_with_state(app, sent::note))
        .layer(middleware::from_fn(only_text))
        .layer(middleware::from_fn(track::track))
        .layer(TraceLayer::new_for_http().make_span_with(track::span));
    // Around the router, not inside it: routes are chosen by the plain path.
    MapRequestLayer::new(plain_path as fn(Request) -> Request).layer(router)
}

/// Whether the server can do its work
///
/// Whoever balances loads asks this.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Server",
    responses((status = 200, description = "It can", body = String, content_type = "text/plain;charset=utf-8")),
)]
async fn health(State(app): State<Arc<App>>) -> Result<&'static str, Error> {
    app.store.clients().await?;
    Ok("ok\n")
}

/// Lets a request pass whose path is text once it is decoded: no name here is anything else.
async fn only_text(request: Request, next: Next) -> Result<Response, Error> {
    match percent_decode_str(request.uri().path()).decode_utf8() {
        Ok(_) => Ok(next.run(request).await),
        Err(_) => Err(Error::NoSuchRoute),
    }
}

/// Takes repeated and trailing slashes out of the path. zacc polls `/v1/batch-query//jobs/{id}`, and a redirect would
/// make a GET of other clients' POST.
fn plain_path(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.contains("//") || (path.len() > 1 && path.ends_with('/')) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let Ok(uri) = format!("/{}{query}", parts.join("/")).parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}
