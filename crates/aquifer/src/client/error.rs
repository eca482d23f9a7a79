//! What can go wrong between us and a server.

use std::{io, path::PathBuf, time::Duration};

use super::answer::Fault;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or none that works.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The server is there and has no time.
    #[error("the server is busy (status {status})")]
    Busy { status: u16, retry_after: Option<Duration> },
    /// The server does not accept the credentials.
    #[error("the server refuses the credentials: {0}")]
    Unauthorized(String),
    /// The server understood, and says no. `faults` is empty unless the queries are wrong and the server is one of ours.
    #[error("{}{message}", code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
    Refused { code: Option<String>, message: String, faults: Vec<Fault> },
    /// Not what an AQuA server says.
    #[error("the server answered with status {status} and this is not AQuA: {text}")]
    Strange { status: u16, text: String },
    /// An answer that ended too early.
    #[error("the answer is broken: {0}")]
    Broken(String),
    /// Another version than the one that a download has begun with.
    #[error("the file has become another one on the server")]
    Changed,
    #[error("the file's SHA-256 is another than the server says")]
    OtherDigest,
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    /// Standard output is closed, mostly.
    #[error("cannot write: {0}")]
    Output(io::Error),
    /// By Ctrl-C; the job goes on.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub fn unreachable(url: &str, error: ureq::Error) -> Error {
        let reason = match error {
            ureq::Error::HostNotFound => "there is no such host".to_owned(),
            other => other.to_string(),
        };
        Error::Unreachable { url: url.to_owned(), reason }
    }

    /// Whether the same request may do later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::Busy { .. } | Error::Broken(_))
    }
}
