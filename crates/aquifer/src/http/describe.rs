//! What can be queried: the list of objects, and one of them.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension,
    extract::{Path, RawQuery},
    http::HeaderMap,
    response::Response,
};
use zoql::{ApiVersion, Catalog};

use super::respond;
use crate::{
    aqua::{Error, describe::View},
    store::Client,
    tenant::Tenant,
};

pub async fn list(
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (catalog, base_url) = (&*catalog(&tenant).await?, &base_url(&headers));
    let (rights, owners) = (&client.rights, &tenant.settings.owners);
    let view = View { catalog, rights, owners, wsdl: ApiVersion::LATEST, base_url, relationships: false };
    Ok(respond::xml(view.list()))
}

/// `{object}`, and maybe the `{wsdl}` version in which it is to be shown.
pub async fn object(
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(names): Path<HashMap<String, String>>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let wsdl = match names.get("wsdl") {
        Some(wsdl) => wsdl.parse().map_err(|_| Error::NoSuchRoute)?,
        None => ApiVersion::LATEST,
    };
    let name = names.get("object").map(String::as_str).unwrap_or_default();
    let relationships = form_urlencoded::parse(asked.unwrap_or_default().as_bytes())
        .any(|(key, value)| key == "showRelationships" && value.eq_ignore_ascii_case("true"));
    let (catalog, base_url) = (&*catalog(&tenant).await?, &base_url(&headers));
    let (rights, owners) = (&client.rights, &tenant.settings.owners);
    let view = View { catalog, rights, owners, wsdl, base_url, relationships };
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
