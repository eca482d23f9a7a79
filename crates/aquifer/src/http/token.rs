//! `POST /oauth/token`: client credentials for an access token.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{auth, respond};
use crate::{
    app::App,
    aqua::{
        Error,
        body::{PlatformError, TokenError},
        error,
        request::TokenRequest,
        token::Granted,
    },
    secret,
    store::{Client, Token},
};

/// Far more than two names and a secret need.
const BODY_BYTES: usize = 16 << 10;

/// A token for a client's id and secret
#[utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "token",
    tag = "Server",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = Granted),
        (status = 400, description = "Another `grant_type`, or a body that is too long or not whole", body = TokenError),
        (status = 401, description = "The client is not known, or the secret is wrong", body = TokenError),
        (status = 403, description = "The client was revoked", body = TokenError),
        (status = 429, description = "Too many requests for a token", body = PlatformError,
            headers(("Retry-After" = u64, description = "Seconds"))),
    ),
)]
pub async fn token(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Error> {
    let body = super::body::read(&app, body, BODY_BYTES).await.map_err(|error| unreadable(&app, error))?;
    let granted = grant(&app, &headers, &body).await?;
    let mut response = respond::json(StatusCode::OK, &granted);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A body that cannot be read is told of in this door's form.
fn unreadable(app: &App, error: Error) -> Error {
    match error {
        Error::Malformed(why) => {
            tracing::info!(why, "a malformed request for a token");
            Error::Token { error: error::TokenError::Malformed, at: app.clock.now() }
        }
        other => other,
    }
}

/// The credentials stand in the form or, from oauthlib, in `Authorization: Basic`; the form wins. Any Bearer token is
/// ignored: zuora-sdk sends the stale one when it asks for a fresh one.
async fn grant(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Granted, Error> {
    let now = app.clock.now();
    let unknown = app.config.tenant.quirks.unknown_client();
    let refused = |error| Error::Token { error, at: now };
    let form: HashMap<_, _> = form_urlencoded::parse(body).collect();
    let field = |name: &str| form.get(name).map(ToString::to_string);
    if field("grant_type").is_none_or(|grant_type| grant_type != "client_credentials") {
        return Err(refused(error::TokenError::WrongGrantType));
    }
    let credentials = field("client_id").zip(field("client_secret")).or_else(|| auth::basic(headers));
    let (id, password) = credentials.ok_or(refused(unknown))?;
    // Users log in with Basic or key headers only, as in the original.
    let client = app.store.client(&id).await?.filter(|client| !client.is_user());
    // Ids that are no client's have the limit of the tenant that there always is.
    let tenant = client.as_ref().and_then(|client| app.tenants.get(&client.tenant));
    let limit = tenant.map_or(&app.config.tenant, |tenant| &tenant.settings).limits.tokens_per_minute;
    let Some(client) = client else {
        app.doors.throttle.wrong_secret(None, limit, now)?;
        return Err(refused(unknown));
    };
    if !client.has_secret(&password, now) {
        app.doors.throttle.wrong_secret(Some(&client.id), limit, now)?;
        return Err(refused(error::TokenError::WrongSecret));
    }
    app.doors.throttle.token(&client.id, limit, now)?;
    if client.revoked_at.is_some() {
        return Err(refused(error::TokenError::Deactivated));
    }
    let access_token = secret::hex(&secret::random::<16>());
    let lifetime = app.config.retention.tokens();
    let token = Token { key: secret::token_key(&access_token), client: client.id.clone(), expires_at: now + lifetime };
    app.store.add_token(&token).await?;
    Ok(Granted {
        access_token,
        token_type: "bearer",
        // A little has passed already when the client reads this.
        expires_in: lifetime.as_secs() - 1,
        scope: scope(&client),
        jti: secret::hex(&secret::random::<16>()),
    })
}

/// The client, what it is limited to, and its tenant: `user.0123… entity.2c92… tenant.default`.
fn scope(client: &Client) -> String {
    let user = format!("user.{}", client.id.replace('-', ""));
    [user, client.rights.to_string(), format!("tenant.{}", client.tenant)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
