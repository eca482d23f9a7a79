//! A job's callout: how it stands, and once more.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::respond;
use crate::{
    app::App,
    aqua::{Error, callout},
    tenant::Tenant,
};

pub async fn status(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = id.parse().map_err(|_| Error::NoCallout)?;
    let found = app.store.callout(&tenant.name, id).await?.ok_or(Error::NoCallout)?;
    Ok(respond::json(StatusCode::OK, &callout::answer(&found, &tenant.settings.zone())))
}

pub async fn redeliver(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = id.parse().map_err(|_| Error::NoCallout)?;
    let found = app.store.redeliver(&tenant.name, id, app.clock.now()).await?.ok_or(Error::NoCallout)?;
    app.callouts.wake();
    Ok(respond::json(StatusCode::OK, &callout::answer(&found, &tenant.settings.zone())))
}
