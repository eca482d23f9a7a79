//! Which path is whose. All routes are added with what they say of themselves, so the document has every one.

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    action, callout, describe,
    document::{self, also_at, old_prefix_too},
    download, export, jobs, manifest, sessions, token,
};
use crate::app::App;

/// For clients that have said who they are.
pub fn guarded() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(old_prefix_too(routes!(jobs::submit)))
        .routes(old_prefix_too(routes!(jobs::status, jobs::cancel)))
        .routes(old_prefix_too(routes!(manifest::of_job)))
        .routes(old_prefix_too(routes!(callout::status)))
        .routes(old_prefix_too(routes!(callout::redeliver)))
        .routes(old_prefix_too(routes!(jobs::last_completed)))
        .routes(old_prefix_too(routes!(sessions::list)))
        .routes(old_prefix_too(routes!(sessions::increments)))
        .routes(old_prefix_too(routes!(sessions::acknowledge)))
        .routes(old_prefix_too(routes!(sessions::replay)))
        .routes(also_at(
            routes!(download::file),
            &["/v1/file/{id}", "/v1/batch-query/file/{id}", "/apps/api/file/{id}", "/apps/api/batch-query/file/{id}"],
        ))
        .routes(routes!(download::status))
        .routes(old_prefix_too(routes!(describe::list)))
        .routes(old_prefix_too(routes!(describe::object)))
        .routes(old_prefix_too(routes!(describe::object_of_version)))
        .routes(routes!(export::create))
        .routes(routes!(export::status, export::delete))
        .routes(routes!(action::query))
        .routes(routes!(action::query_more))
}

/// For anybody.
pub fn open() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(token::token))
        .routes(routes!(super::health))
        .routes(routes!(document::openapi))
}
