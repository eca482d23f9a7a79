//! Who is asking. Every route takes every form: real clients send Bearer to `/apps/api` and Basic to `/v1`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::owners;
use crate::{app::App, aqua::Error, secret, store::Client, web::layout};

/// Lets a request pass that comes from a known client, and tells the handler which one, whose data it may see, and how much
/// of it: the client's rights, as far as the request has not narrowed them.
pub async fn authenticate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Result<Response, Error> {
    if is_forged(request.method(), request.headers()) {
        return Err(Error::CrossSite);
    }
    let mut client = client_of(&app, request.headers()).await?;
    // The settings may have lost the tenant since the client was made.
    let tenant = app.tenants.get(&client.tenant).cloned().ok_or(Error::Unauthenticated)?;
    client.rights = owners::narrowed(client.rights, &tenant.settings.owners, request.headers())?;
    tracing::debug!(client = client.name, tenant = tenant.name, "authenticated");
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(tenant);
    Ok(next.run(request).await)
}

/// The same for pages: a browser then asks its user for a client's id and secret.
pub async fn authenticate_browser(state: State<Arc<App>>, request: Request, next: Next) -> Response {
    match authenticate(state, request, next).await {
        Ok(response) => response,
        Err(Error::Unauthenticated) => ([(header::WWW_AUTHENTICATE, CHALLENGE)], layout::stranger()).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Browsers show the realm, or not.
const CHALLENGE: &str = "Basic realm=\"Aquifer: client id and secret\", charset=\"UTF-8\"";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether it is a page of another site that wants something changed. A browser that has been told a password for our pages
/// sends it along with whatever any page asks of this server; tokens and key headers it does not know. What is no browser
/// says nothing of sites and origins.
fn is_forged(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() || !is_basic(headers) {
        return false;
    }
    let text = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    match (text(SEC_FETCH_SITE), text(header::ORIGIN)) {
        (Some(site), _) => [&b"cross-site"[..], b"same-site"].contains(&site),
        (None, Some(origin)) => {
            let origin = Uri::try_from(origin).ok();
            let authority = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str().as_bytes());
            authority.is_none_or(|authority| text(header::HOST) != Some(authority))
        }
        (None, None) => false,
    }
}

async fn client_of(app: &App, headers: &HeaderMap) -> Result<Client, Error> {
    if let Some(token) = bearer(headers) {
        let client = app.store.client_of_token(&secret::token_key(token), app.clock.now()).await?;
        return client.ok_or(Error::Unauthenticated);
    }
    let (id, password) = basic(headers).or_else(|| key_headers(headers)).ok_or(Error::Unauthenticated)?;
    let client = app.store.client(&id).await?.filter(|client| client.revoked_at.is_none());
    // Who it is not is told fast only of ids that nobody guesses.
    if Uuid::try_parse(&id).is_ok() {
        client.filter(|client| client.has_secret(&password, app.clock.now())).ok_or(Error::Unauthenticated)
    } else {
        let is_right = is_right_password(app, &id, client.as_ref(), &password).await?;
        client.filter(|_| is_right).ok_or(Error::Unauthenticated)
    }
}

async fn is_right_password(app: &App, name: &str, user: Option<&Client>, password: &str) -> Result<bool, Error> {
    let (now, passwords) = (app.clock.now(), &app.doors.passwords);
    let hash = user.map(|user| &*user.secret_hash);
    if hash.is_some_and(|hash| passwords.remember(password, hash, now)) {
        return Ok(true);
    }
    // The same limit for all: it must not tell names that there are from others.
    app.doors.throttle.password(name, app.config.tenant.limits.passwords_per_minute, now)?;
    passwords.check(password, hash, now).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = authorization(headers)?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// `Authorization: Basic`. A password may hold colons, a user name may not.
pub fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (_, encoded) = authorization(headers).filter(|_| is_basic(headers))?;
    let decoded = text(&STANDARD.decode(encoded).ok()?);
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn is_basic(headers: &HeaderMap) -> bool {
    authorization(headers).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
}

/// UTF-8, or Latin-1, which Python's requests makes of names and passwords.
fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// `apiAccessKeyId` and `apiSecretAccessKey`, from before there were tokens.
fn key_headers(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name| headers.get(name).map(|value| text(value.as_bytes()));
    Some((text("apiaccesskeyid")?, text("apisecretaccesskey")?))
}

fn authorization(headers: &HeaderMap) -> Option<(&str, &str)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    Some((scheme, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_latin_1() {
        for bytes in [&b"Schl\xfcssel"[..], "Schlüssel".as_bytes()] {
            let mut headers = HeaderMap::new();
            headers.insert("apiaccesskeyid", HeaderValue::from_static("eva"));
            headers.insert("apisecretaccesskey", HeaderValue::from_bytes(bytes).unwrap());
            assert_eq!(key_headers(&headers), Some(("eva".to_owned(), "Schlüssel".to_owned())));
            let encoded = STANDARD.encode([b"eva:", bytes].concat());
            headers.insert(header::AUTHORIZATION, format!("Basic {encoded}").parse().unwrap());
            assert_eq!(basic(&headers), Some(("eva".to_owned(), "Schlüssel".to_owned())));
        }
    }
}
