//! Answers as HTTP.

use std::any::Any;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    aqua::{Error, body, describe, error::Body},
    recipient,
    store::{self, KeptAnswer},
};

const JSON: &str = "application/json;charset=UTF-8";

pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, JSON)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The same, for a request that may have a key: so that it can be kept before it is given.
pub fn to_keep(status: StatusCode, body: &impl Serialize) -> Result<KeptAnswer, Error> {
    let body = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(KeptAnswer { status: status.as_u16(), headers: vec![(header::CONTENT_TYPE.to_string(), JSON.to_owned())], body })
}

impl IntoResponse for KeptAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.body).into_response();
        response.headers_mut().clear();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

pub fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], text).into_response()
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match &self {
            Error::Internal(why) => tracing::error!(why, "a request failed by a fault of ours"),
            Error::Malformed(why) => tracing::info!(why, "a malformed request"),
            _ => {}
        }
        let wire = self.wire();
        let status = StatusCode::from_u16(wire.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match wire.body {
            Body::Xml { code, message } => (status, xml(describe::error(code, &message))).into_response(),
            form => json(status, &body::form(form, wire.status)),
        };
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Error::TooManyRequests { retry_after } = self {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
        }
        if let Error::NoSuchRange { bytes } = self
            && let Ok(range) = HeaderValue::from_str(&format!("bytes */{bytes}"))
        {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

impl From<recipient::Error> for Error {
    fn from(error: recipient::Error) -> Error {
        match error {
            recipient::Error::Store(error) => error.into(),
            error @ (recipient::Error::NoKey | recipient::Error::Key(_)) => Error::NoRecipient(error.to_string()),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        match error {
            store::Error::NoSuchJob => Error::NoSuchJob,
            store::Error::TooManyJobs => Error::TooManyJobs,
            // All that a client can do to a job is to cancel it.
            store::Error::Illegal(_) => Error::JobHasEnded,
            error @ (store::Error::LeaseLost | store::Error::Newer { .. } | store::Error::Database(_)) => {
                Error::Internal(error.to_string())
            }
        }
    }
}

/// A handler that panicked has answered nothing: this is its answer.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::Internal(format!("panicked: {}", text.unwrap_or("without a text"))).into_response()
}
