//! What can be queried: the list of objects, and one of them.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, RawQuery},
    http::HeaderMap,
    response::Response,
};
use zoql::{ApiVersion, Catalog};

use super::respond;
use crate::{
    aqua::{Error, body::PlatformError, describe::View},
    store::Client,
    tenant::Tenant,
};

/// The objects that can be queried
#[utoipa::path(
    get,
    path = "/v1/describe",
    operation_id = "describeAll",
    tag = "Object model",
    responses((status = 200, description = "The list", body = String, content_type = "text/xml;charset=UTF-8")),
)]
pub async fn list(
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (catalog, base_url) = (&*catalog(&tenant).await?, &base_url(&headers));
    let view = View::new(&client.rights, &tenant.settings, catalog, base_url);
    Ok(respond::xml(view.list()))
}

/// An object, its fields and what is joined to it
#[utoipa::path(
    get,
    path = "/v1/describe/{object}",
    operation_id = "describeObject",
    tag = "Object model",
    params(
        ("object" = String, Path, example = "Account"),
        ("showRelationships" = Option<bool>, Query, description = "Say of each related object how it is reached"),
    ),
    responses(
        (status = 200, description = "The object", body = String, content_type = "text/xml;charset=UTF-8"),
        (status = 403, description = "The client may not read it", body = PlatformError),
        (status = 404, description = "There is no such object", body = String, content_type = "text/xml;charset=UTF-8"),
    ),
)]
pub async fn object(
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(name): Path<String>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    describe(&client, &tenant, &name, ApiVersion::LATEST, asked, &headers).await
}

/// An object as a WSDL version has it
#[utoipa::path(
    get,
    path = "/v1/{wsdl}/describe/{object}",
    operation_id = "describeObjectOfVersion",
    tag = "Object model",
    params(
        ("wsdl" = String, Path, description = "`84` or `91.0`; what is no version is no route", example = "91.0"),
        ("object" = String, Path, example = "Account"),
        ("showRelationships" = Option<bool>, Query, description = "Say of each related object how it is reached"),
    ),
    responses(
        (status = 200, description = "The object", body = String, content_type = "text/xml;charset=UTF-8"),
        (status = 403, description = "The client may not read it", body = PlatformError),
        (status = 404, description = "There is no such object, or no such route", content(
            (String = "text/xml;charset=UTF-8"), (PlatformError = "application/json"),
        )),
    ),
)]
pub async fn object_of_version(
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((wsdl, name)): Path<(String, String)>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let wsdl = wsdl.parse().map_err(|_| Error::NoSuchRoute)?;
    describe(&client, &tenant, &name, wsdl, asked, &headers).await
}

async fn describe(
    client: &Client,
    tenant: &Tenant,
    name: &str,
    wsdl: ApiVersion,
    asked: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let relationships = form_urlencoded::parse(asked.unwrap_or_default().as_bytes())
        .any(|(key, value)| key == "showRelationships" && value.eq_ignore_ascii_case("true"));
    let (catalog, base_url) = (&*catalog(tenant).await?, &base_url(headers));
    let view = View { wsdl, relationships, ..View::new(&client.rights, &tenant.settings, catalog, base_url) };
    Ok(respond::xml(view.object(name)?))
}

/// The object model of a tenant's data, with its custom fields.
pub(super) async fn catalog(tenant: &Tenant) -> Result<Arc<Catalog>, Error> {
    let source = tenant.source.clone();
    let catalog = tokio::task::spawn_blocking(move || source.catalog()).await;
    catalog.map_err(|error| Error::Internal(error.to_string()))?.map_err(|error| Error::Internal(error.to_string()))
}

/// As the client, or the proxy before us, calls this server.
fn base_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text("host").unwrap_or("localhost"))
}
