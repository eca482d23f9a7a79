//! The forms of errors, as JSON. Clients tell them apart by their keys, so there are no others.

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    action::Datetime,
    answer::JobAnswer,
    error::{Body, QueryFault},
    manifest::Manifest,
};
use crate::secret;

/// AQuA's own, for jobs that are not there or cannot be cancelled. With status 200; 500 if the fault is ours.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AquaError {
    #[schema(pattern = r"^900\d\d$", example = "90002")]
    error_code: &'static str,
    #[schema(example = "Invalid Job Id.")]
    message: String,
}

/// The platform's, for what is wrong with a request whatever it asks for. A malformed one is answered with status 200.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformError {
    #[schema(example = false)]
    success: bool,
    #[schema(pattern = "^[0-9a-f]{16}$", example = "4f1c9a02d6b85e37")]
    process_id: String,
    #[schema(minimum = 10_000_000, maximum = 99_999_999, example = 50_000_090)]
    code: u32,
    #[schema(example = "Oops, request is malformed. Please check your request.")]
    message: String,
    /// The same once more: some clients look only here.
    #[schema(min_items = 1, max_items = 1)]
    reasons: [Reason; 1],
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Reason {
    #[schema(example = 50_000_090)]
    code: u32,
    #[schema(example = "Oops, request is malformed. Please check your request.")]
    message: String,
}

/// That of the token route.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenError {
    timestamp: Datetime,
    #[schema(minimum = 400, maximum = 403, example = 401)]
    status: u16,
    #[schema(example = "Unauthorized")]
    error: &'static str,
    #[schema(example = "Invalid client secret")]
    message: &'static str,
    #[schema(example = "/oauth/token")]
    path: &'static str,
}

/// That of `/v1/object`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ObjectError {
    #[schema(example = false)]
    success: bool,
    #[schema(min_items = 1, max_items = 1)]
    errors: [ObjectReason; 1],
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ObjectReason {
    #[schema(example = "INVALID_VALUE")]
    code: &'static str,
    #[schema(example = "The requested data source could not be found: noSuchDataSource")]
    message: String,
    /// Of the query, counted from 1, if it is at fault. Ours, as is the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 1)]
    line: Option<usize>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 16)]
    column: Option<usize>,
}

/// An object that is not there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoRecords {
    #[schema(required)]
    records: Option<Vec<String>>,
    #[schema(example = true)]
    done: bool,
    #[schema(maximum = 0, example = 0)]
    size: u64,
}

/// That of `/v1/action`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionError {
    #[schema(pattern = "^fns:[A-Z_]+$", example = "fns:INVALID_FIELD")]
    faultcode: String,
    #[schema(example = "invalid field for query: Account.Nme")]
    faultstring: String,
    /// Of the query, counted from 1, if it is at fault. Ours, as is the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 1)]
    line: Option<usize>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 8)]
    column: Option<usize>,
}

/// A body in one of the forms; XML has a writer of its own.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Form {
    Aqua(AquaError),
    Platform(PlatformError),
    Token(TokenError),
    Object(ObjectError),
    NoRecords(NoRecords),
    Action(ActionError),
}

/// The body of an error that has no job to speak of. `status` is the answer's.
pub fn form(body: Body, status: u16) -> Form {
    match body {
        Body::Aqua { code, message } => Form::Aqua(AquaError { error_code: code, message }),
        Body::Platform { code, message } | Body::Xml { code, message } => Form::Platform(PlatformError {
            success: false,
            process_id: secret::hex(&secret::random::<8>()),
            code,
            message: message.clone(),
            reasons: [Reason { code, message }],
        }),
        Body::OAuth { error, message, at } => Form::Token(TokenError {
            timestamp: Datetime::new(at, &TimeZone::UTC),
            status,
            error,
            message,
            path: "/oauth/token",
        }),
        Body::Object { code, message, place } => {
            let (line, column) = place.map(|place| (place.line, place.column)).unzip();
            Form::Object(ObjectError { success: false, errors: [ObjectReason { code, message, line, column }] })
        }
        Body::NoRecords => Form::NoRecords(NoRecords { records: None, done: true, size: 0 }),
        Body::Action { code, message, place } => {
            let (line, column) = place.map(|place| (place.line, place.column)).unzip();
            Form::Action(ActionError { faultcode: format!("fns:{code}"), faultstring: message, line, column })
        }
    }
}

/// What is wrong with one query, and where, if its text is at fault. Ours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault<'a> {
    /// Which of the request's queries, counted from 0.
    #[schema(example = 0)]
    query: usize,
    /// The query's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Accounts")]
    name: Option<&'a str>,
    /// What kind of fault: the words are stable.
    #[schema(example = "no-such-field")]
    code: &'a str,
    #[schema(example = "There is no field named Nme")]
    message: &'a str,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 1)]
    line: Option<usize>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 8)]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Span>,
    /// The rule, or a fact that explains the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "did you mean Name?")]
    help: Option<&'a str>,
}

/// Bytes of the query.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    #[schema(example = 7)]
    start: usize,
    #[schema(example = 10)]
    end: usize,
}

pub fn fault(fault: &QueryFault) -> Fault<'_> {
    Fault {
        query: fault.query,
        name: fault.name.as_deref(),
        code: &fault.code,
        message: &fault.message,
        line: fault.place.map(|place| place.line),
        column: fault.place.map(|place| place.column),
        span: fault.place.map(|place| Span { start: place.start, end: place.end }),
        note: fault.note.as_deref(),
        help: fault.help.as_deref(),
    }
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum JobOrError {
    Job(Box<JobAnswer<'static>>),
    Error(AquaError),
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ManifestOrError {
    Manifest(Manifest<'static>),
    Error(AquaError),
}
