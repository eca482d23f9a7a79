//! Pages for people: what a browser shows of a server.
//!
//! Plain HTML, made here and complete without scripts; one stylesheet, nothing from elsewhere. [`layout`] is what all pages
//! have in common.

mod docs;
mod job;
mod jobs;
pub mod layout;
mod schema;
mod welcome;
mod words;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{app::App, http::download};

/// The pages for anybody. They are no part of the API, and its document leaves them out.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(welcome::welcome))
        .route(docs::PATH, get(docs::docs))
        .route(layout::STYLE, get(layout::style))
}

/// Those for who has said who they are.
pub fn guarded_routes() -> Router<Arc<App>> {
    Router::new()
        .route(jobs::PATH, get(jobs::list))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/files/{id}", get(download::file))
}
