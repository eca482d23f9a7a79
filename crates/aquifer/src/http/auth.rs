//! Who is asking. Every route takes every form: real clients send Bearer to `/apps/api` and Basic to `/v1`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{app::App, aqua::Error, secret, store::Client};

/// Lets a request pass that comes from a known client, and tells the handler which one, and whose data it may see.
pub async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Error> {
    let client = client_of(&app, request.headers()).await?;
    // The settings may have lost the tenant since the client was made.
    let tenant = app.tenants.get(&client.tenant).cloned().ok_or(Error::Unauthenticated)?;
    tracing::debug!(client = client.name, tenant = tenant.name, "authenticated");
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(tenant);
    Ok(next.run(request).await)
}

async fn client_of(app: &App, headers: &HeaderMap) -> Result<Client, Error> {
    if let Some(token) = bearer(headers) {
        let client = app.store.client_of_token(&secret::token_key(token), app.clock.now()).await?;
        return client.ok_or(Error::Unauthenticated);
    }
    let (id, password) = basic(headers).or_else(|| key_headers(headers)).ok_or(Error::Unauthenticated)?;
    let client = app.store.client(&id).await?.filter(|client| client.revoked_at.is_none());
    client.filter(|client| secret::is_right(&password, &client.secret_hash)).ok_or(Error::Unauthenticated)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = authorization(headers)?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// `Authorization: Basic`. A password may hold colons, a user name may not.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = authorization(headers)?;
    let decoded = STANDARD.decode(encoded).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (user, password) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// `apiAccessKeyId` and `apiSecretAccessKey`, from before there were tokens.
fn key_headers(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Some((text("apiaccesskeyid")?, text("apisecretaccesskey")?))
}

fn authorization(headers: &HeaderMap) -> Option<(&str, &str)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    Some((scheme, rest.trim()))
}
