//! Everything a client can be told to have gone wrong, mapped to the wire in one place.
//!
//! Wording is API: clients compare it. A fault of an AQuA request is an answer with status 200 (tap-zuora's discovery
//! stops on any other, zacc shows the text only then); the platform around it uses statuses.

use jiff::Timestamp;
use zoql::{Code, Diagnostic};

use crate::job::Query;

/// Why a request is not done.
#[derive(Debug)]
pub enum Error {
    /// Not JSON, not unpackable, or a value of the wrong kind. What exactly is for the log: the original does not say.
    Malformed(String),
    /// No credentials, or none that are known.
    Unauthenticated,
    /// No such route.
    NoSuchRoute,
    /// The route has no such method.
    NoSuchMethod,
    NoSuchJob,
    /// A job that has ended cannot be cancelled.
    JobHasEnded,
    NoLastJob,
    NoSuchSession,
    NoSuchIncrement,
    /// A part of a list that cannot be meant.
    BadPage,
    /// The job is not known, or has not ended, or nobody is to be told of its end.
    NoCallout,
    /// More than so many.
    TooManyQueries(usize),
    Queries(Vec<QueryFault>),
    /// `deleted` in a stateless job without `forceExport`.
    DeletedInStateless(Vec<QueryFault>),
    LongNotifyUrl,
    BadIncrementalTime,
    BadOffset,
    NoQueries,
    /// `deleted` of an object without soft delete.
    DeletedUnsupported(Vec<QueryFault>),
    UnknownPartner,
    /// In `convertToCurrencies`.
    UnknownCurrency(Vec<QueryFault>),
    /// Every query of a job reads objects that the client may not read, and which they are.
    NoPermission {
        objects: Vec<String>,
        faults: Vec<QueryFault>,
    },
    /// The client may not read what a job reads, and so not see the job.
    NotAuthorized,
    /// A file or object that the client may not read, and which it is.
    Forbidden(String),
    /// A change that a page of another site makes a browser ask for.
    CrossSite,
    /// An entity or organisation that there is not, or not for this client.
    NoSuchOwner(String),
    TooManyJobs,
    /// The result cannot be encrypted, and why.
    NoRecipient(String),
    NoSuchFile,
    /// The file was there until its time was over.
    FilePurged,
    /// The file is not one of those that `If-Match` names.
    OtherFile,
    /// The range that was asked for lies outside the file.
    NoSuchRange {
        bytes: u64,
    },
    /// Of which there is nothing to describe.
    NoSuchObject(String),
    /// An object export that is refused; the code is one word in capitals.
    Export {
        code: &'static str,
        message: String,
        place: Option<Place>,
    },
    NoSuchExport,
    /// A ZOQL query that is refused; the code is one word in capitals.
    Action {
        code: &'static str,
        message: String,
        place: Option<Place>,
    },
    /// The first request with this `Idempotency-Key` is not answered yet.
    KeyInUse,
    /// An `Idempotency-Key` that belongs to a request of another kind.
    KeyOfAnother,
    /// More requests than a limit allows; in so many seconds it may allow more.
    TooManyRequests {
        retry_after: u64,
    },
    Token {
        error: TokenError,
        at: Timestamp,
    },
    /// A fault of ours; the text is for the log.
    Internal(String),
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// With the status that the tenant's quirks say.
    UnknownClient {
        status: u16,
    },
    WrongSecret,
    Deactivated,
    WrongGrantType,
    /// The body is too long, or broke off.
    Malformed,
}

/// What is wrong with one query, or with what was said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryFault {
    /// Which of the job's queries, counted from 0.
    pub query: usize,
    pub name: Option<String>,
    pub code: String,
    pub message: String,
    /// The original's wording.
    pub classic: String,
    /// Where in its text, if that is at fault.
    pub place: Option<Place>,
    pub note: Option<String>,
    pub help: Option<String>,
}

/// Where in the text of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Counted from 1, in characters.
    pub line: usize,
    pub column: usize,
    /// In bytes of the query.
    pub start: usize,
    pub end: usize,
}

/// What goes over the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    pub status: u16,
    pub body: Body,
}

/// The forms of error bodies.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `errorCode`, a string, and `message`.
    Aqua { code: &'static str, message: String },
    /// `success: false`, `code`, a number, and `message`.
    Platform { code: u32, message: String },
    /// The form of the token route.
    OAuth { error: &'static str, message: &'static str, at: Timestamp },
    /// `Success: false` and `Errors`, on `/v1/object`.
    Object { code: &'static str, message: String, place: Option<Place> },
    /// `records: null`: an object that is not there.
    NoRecords,
    /// `faultcode` and `faultstring`, on `/v1/action`.
    Action { code: &'static str, message: String, place: Option<Place> },
    /// Where files and describe speak XML.
    Xml { code: u32, message: String },
}

const NO_SUCH_ENTITY: u32 = 90_000_020;
const FORBIDDEN: u32 = 50_000_010;
const UNAUTHENTICATED: u32 = 90_000_011;
const MALFORMED: u32 = 50_000_090;
/// What is asked for is not there, or not as it is asked for: which numbers the original has beside 405, 412 and 416 is not
/// recorded.
const NOT_TO_BE_HAD: u32 = 50_000_040;
const CONFLICT: u32 = 50_000_050;
const TOO_MANY_REQUESTS: u32 = 50_000_070;

/// Without quotes and full stop, unlike the documentation: tap-zuora compares this text.
pub(super) const DELETED_UNSUPPORTED: &str = "Objects included in the queries do not support the querying of deleted \
                                              records. Remove Deleted section in the JSON request and retry the request";

/// The text of an error that is ours, whatever it was: it is in the log.
const INTERNAL_TEXT: &str = "Internal Server Error.";

impl Error {
    pub fn wire(&self) -> Wire {
        let aqua = |code, message: &str| Wire { status: 200, body: Body::Aqua { code, message: message.to_owned() } };
        let platform =
            |status, code, message: &str| Wire { status, body: Body::Platform { code, message: message.to_owned() } };
        match self {
            Error::Malformed(_) => platform(200, MALFORMED, "Oops, request is malformed. Please check your request."),
            Error::Unauthenticated => platform(401, UNAUTHENTICATED, "Authentication error"),
            Error::NoSuchRoute => platform(404, NOT_TO_BE_HAD, "There is no such resource."),
            Error::NoSuchMethod => platform(405, NOT_TO_BE_HAD, "The resource does not take this method."),
            Error::NoSuchJob => aqua("90002", "Invalid Job Id."),
            Error::JobHasEnded => aqua("90003", "Invalid Job Id for job cancellation."),
            Error::NoLastJob => aqua("90002", "Invalid Job Id."),
            Error::NoSuchSession => platform(404, NOT_TO_BE_HAD, "No job of this session has completed."),
            Error::NoSuchIncrement => platform(404, NOT_TO_BE_HAD, "The session has no such increment."),
            Error::BadPage => {
                platform(400, MALFORMED, "after and limit must be whole numbers, and limit one of 1 to 1000.")
            }
            Error::NoCallout => {
                platform(404, NOT_TO_BE_HAD, "There is no callout: not before the job's end, if at all.")
            }
            Error::TooManyQueries(most) => {
                aqua("90004", &format!("There are more than {most} queries in the AQuA input."))
            }
            Error::Queries(faults) if lack_only_count(faults) => aqua("90020", "Distinct column without Count."),
            Error::Queries(faults) => aqua(WRONG_QUERY, &syntax_error(faults)),
            Error::DeletedInStateless(_) => aqua("90012", "Stateless AQuA does not support deleted columns."),
            Error::LongNotifyUrl => aqua("90014", "notifyURL must be less than 5000 characters in length."),
            Error::BadIncrementalTime => aqua("90015", "The incremental timestamp is invalid."),
            Error::BadOffset => aqua("90015", "The incremental timestamp is invalid (offset is 0 to 3600 seconds)"),
            Error::NoQueries => aqua("90016", "There are no queries in the AQuA input."),
            Error::DeletedUnsupported(_) => aqua("90017", DELETED_UNSUPPORTED),
            Error::UnknownPartner => aqua("90019", "Partner ID is not recognized."),
            Error::UnknownCurrency(faults) => {
                let unknown = faults.first().map(|fault| &*fault.message).unwrap_or_default();
                aqua("90021", &format!("The currency is invalid: {unknown}."))
            }
            Error::NoPermission { objects, .. } => aqua(NO_PERMISSION, &no_permission(objects)),
            Error::NotAuthorized => aqua("90009", "User is not authorized."),
            Error::Forbidden(what) => platform(403, FORBIDDEN, &format!("You have no permission to read {what}.")),
            Error::CrossSite => platform(403, FORBIDDEN, "A page of another site cannot do this with your password."),
            Error::NoSuchOwner(id) => platform(400, NO_SUCH_ENTITY, &format!("Invalid entity or organization: {id}")),
            Error::TooManyJobs => aqua("90028", "There are too many concurrent jobs."),
            Error::NoRecipient(why) => aqua("90010", &format!("{INTERNAL_TEXT} Files cannot be encrypted: {why}.")),
            Error::NoSuchFile => platform(404, NOT_TO_BE_HAD, "There is no such file."),
            Error::FilePurged => {
                platform(404, NOT_TO_BE_HAD, "The file was purged: the time for which files are kept is over.")
            }
            Error::OtherFile => platform(412, NOT_TO_BE_HAD, "The file is none of those that If-Match names."),
            Error::NoSuchRange { .. } => platform(416, NOT_TO_BE_HAD, "The range lies outside the file."),
            Error::NoSuchObject(name) => Wire {
                status: 404,
                body: Body::Xml { code: NOT_TO_BE_HAD, message: format!("There is no object {name}.") },
            },
            Error::Export { code, message, place } => {
                Wire { status: 400, body: Body::Object { code, message: message.clone(), place: *place } }
            }
            Error::NoSuchExport => Wire { status: 404, body: Body::NoRecords },
            Error::Action { code, message, place } => {
                Wire { status: 400, body: Body::Action { code, message: message.clone(), place: *place } }
            }
            Error::KeyInUse => platform(409, CONFLICT, "The first request with this Idempotency-Key is still running."),
            Error::KeyOfAnother => {
                platform(422, CONFLICT, "This Idempotency-Key belongs to a request of another method or URL.")
            }
            Error::TooManyRequests { .. } => platform(429, TOO_MANY_REQUESTS, "request exceeded limit"),
            Error::Token { error, at } => error.wire(*at),
            Error::Internal(_) => Wire { status: 500, ..aqua("90010", INTERNAL_TEXT) },
        }
    }

    /// What is wrong with which query, if it is that.
    pub fn faults(&self) -> &[QueryFault] {
        match self {
            Error::Queries(faults)
            | Error::DeletedInStateless(faults)
            | Error::DeletedUnsupported(faults)
            | Error::UnknownCurrency(faults)
            | Error::NoPermission { faults, .. } => faults,
            _ => &[],
        }
    }
}

/// The code of queries that are skipped.
pub const NO_PERMISSION: &str = "90018";

pub fn no_permission(objects: &[impl AsRef<str>]) -> String {
    let objects: Vec<&str> = objects.iter().map(AsRef::as_ref).collect();
    let text = "You do not have permission to some of the objects in the queries; those queries are skipped";
    format!("{text} ({}).", objects.join(", "))
}

impl TokenError {
    fn wire(self, at: Timestamp) -> Wire {
        let (status, error, message) = match self {
            TokenError::UnknownClient { status: 400 } => (400, "Bad Request", "Invalid client id"),
            TokenError::UnknownClient { .. } => (401, "Unauthorized", "Invalid client id"),
            TokenError::WrongSecret => (401, "Unauthorized", "Invalid client secret"),
            TokenError::Deactivated => (403, "Forbidden", "User is deactivated"),
            TokenError::WrongGrantType => (400, "unsupported_grant_type", "grant_type must be client_credentials"),
            TokenError::Malformed => (400, "Bad Request", "The body is too long, or did not arrive whole"),
        };
        Wire { status, body: Body::OAuth { error, message, at } }
    }
}

impl QueryFault {
    pub fn new(index: usize, query: &Query, diagnostic: &Diagnostic) -> QueryFault {
        QueryFault {
            code: diagnostic.code.to_string(),
            classic: diagnostic.classic(),
            place: Some(Place::of(&query.text, diagnostic)),
            note: diagnostic.note.clone(),
            help: diagnostic.help.clone(),
            ..QueryFault::beside(index, query, "", diagnostic.message.clone())
        }
    }

    /// A fault of the text as a whole.
    pub fn too_long(index: usize, query: &Query, most: usize) -> QueryFault {
        let message = format!("The query has more than {most} characters");
        let whole = Place { line: 1, column: 1, start: 0, end: query.text.len() };
        QueryFault { place: Some(whole), ..QueryFault::beside(index, query, "too-long", message) }
    }

    /// Without what names objects and fields that the query does not.
    pub fn without_advice(self) -> QueryFault {
        QueryFault { note: None, help: None, ..self }
    }

    /// A fault of what is asked for beside the text.
    pub fn beside(index: usize, query: &Query, code: &str, message: String) -> QueryFault {
        QueryFault {
            query: index,
            name: query.name.clone(),
            code: code.to_owned(),
            classic: message.clone(),
            message,
            place: None,
            note: None,
            help: None,
        }
    }
}

impl Place {
    pub fn of(text: &str, diagnostic: &Diagnostic) -> Place {
        let start = text.floor_char_boundary(diagnostic.span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            start: diagnostic.span.start,
            end: diagnostic.span.end,
        }
    }
}

fn lack_only_count(faults: &[QueryFault]) -> bool {
    !faults.is_empty() && faults.iter().all(|fault| fault.code == Code::DistinctWithoutCount.as_str())
}

/// The code of queries that cannot be read.
pub const WRONG_QUERY: &str = "90005";

/// What the documentation has.
pub const SYNTAX_ERROR: &str = "There is a syntax error in one of the queries in the AQuA input";

/// With the reason in parentheses, as a live server adds it.
fn syntax_error(faults: &[QueryFault]) -> String {
    faults.first().map_or(SYNTAX_ERROR.to_owned(), |fault| format!("{SYNTAX_ERROR} ({})", fault.classic))
}
