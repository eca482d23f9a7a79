//! What can go wrong behind the languages.

use std::{fmt, io, path::PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One fault: what kind it is, so that callers can decide, and what happened, so that people can.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another process holds what this one needs; later it may not.
    Busy,
    /// The disk: full, broken, not permitted.
    Storage,
    /// The data file is damaged or was made by a newer Aquifer.
    Corrupt,
    /// What the caller gave is wrong: a value that does not fit, an unknown object, a file that is not CSV.
    Input,
    /// The sink wanted no more rows.
    Stopped,
    /// A fault of ours.
    Internal,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None }
    }

    pub fn input(message: impl Into<String>) -> Error {
        Error::new(Kind::Input, message)
    }

    pub fn io(path: impl Into<PathBuf>, error: io::Error) -> Error {
        let kind = if error.kind() == io::ErrorKind::NotFound { Kind::Input } else { Kind::Storage };
        Error { kind, message: format!("{}: {error}", path.into().display()), source: Some(Box::new(error)) }
    }

    /// Says what was being done when the fault happened.
    pub fn context(mut self, doing: impl fmt::Display) -> Error {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Whether the same call may succeed later, with nothing changed but time.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, Kind::Busy | Kind::Storage)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, OperationInterrupted,
            PermissionDenied, ReadOnly, SystemIoFailure,
        };
        let kind = match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Kind::Busy,
            Some(DiskFull | SystemIoFailure | CannotOpen | PermissionDenied | ReadOnly) => Kind::Storage,
            Some(DatabaseCorrupt | NotADatabase) => Kind::Corrupt,
            Some(OperationInterrupted) => Kind::Stopped,
            _ => Kind::Internal,
        };
        Error { kind, message: error.to_string(), source: Some(Box::new(error)) }
    }
}

impl From<export::Stopped> for Error {
    fn from(stopped: export::Stopped) -> Error {
        Error { kind: Kind::Stopped, message: stopped.to_string(), source: Some(Box::new(stopped)) }
    }
}
