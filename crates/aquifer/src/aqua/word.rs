//! The words of the wire for what a job is and does.

use serde::Serialize;
use utoipa::ToSchema;

use crate::job;

/// A job's status: lower case, two l's; never `failed`, which no client of the original has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Submitted,
    Executing,
    Completed,
    Aborted,
    Cancelled,
    /// The job took too long; or a submit that was refused: there is no job.
    Error,
}

impl From<job::State> for JobStatus {
    fn from(state: job::State) -> JobStatus {
        match state {
            job::State::Submitted => JobStatus::Submitted,
            job::State::Executing => JobStatus::Executing,
            job::State::Completed => JobStatus::Completed,
            job::State::Aborted => JobStatus::Aborted,
            job::State::Cancelled => JobStatus::Cancelled,
            job::State::Error => JobStatus::Error,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchStatus {
    Pending,
    Executing,
    Completed,
    Aborted,
    Cancelled,
    #[serde(rename = "deleted_notallowed")]
    DeletedNotAllowed,
    /// Who submitted it may not read what it asks for.
    Error,
}

impl From<job::BatchState> for BatchStatus {
    fn from(state: job::BatchState) -> BatchStatus {
        match state {
            job::BatchState::Pending => BatchStatus::Pending,
            job::BatchState::Executing => BatchStatus::Executing,
            job::BatchState::Completed => BatchStatus::Completed,
            job::BatchState::Aborted => BatchStatus::Aborted,
            job::BatchState::Cancelled => BatchStatus::Cancelled,
            job::BatchState::DeletedNotAllowed => BatchStatus::DeletedNotAllowed,
            job::BatchState::Skipped => BatchStatus::Error,
        }
    }
}

/// Upper case, whatever was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Format {
    Csv,
    Gzip,
    Zip,
}

impl From<job::Format> for Format {
    fn from(format: job::Format) -> Format {
        match format {
            job::Format::Csv => Format::Csv,
            job::Format::Gzip => Format::Gzip,
            job::Format::Zip => Format::Zip,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    None,
    Pgp,
}

impl From<job::Encryption> for Encryption {
    fn from(encryption: job::Encryption) -> Encryption {
        match encryption {
            job::Encryption::None => Encryption::None,
            job::Encryption::Pgp => Encryption::Pgp,
        }
    }
}

/// The language of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchType {
    ZoqlExport,
    Zoql,
}

impl From<job::Language> for BatchType {
    fn from(language: job::Language) -> BatchType {
        match language {
            job::Language::Export => BatchType::ZoqlExport,
            job::Language::Zoql => BatchType::Zoql,
        }
    }
}

/// How a deleted flag is spelled: `true` and `false`, or `1` and `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum DeletedFormat {
    Boolean,
    Numeric,
}

impl From<job::Flag> for DeletedFormat {
    fn from(flag: job::Flag) -> DeletedFormat {
        match flag {
            job::Flag::Boolean => DeletedFormat::Boolean,
            job::Flag::Numeric => DeletedFormat::Numeric,
        }
    }
}

/// `2021-01-18T17:13:48+0000`: no colon in the offset, no fraction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$", example = "2026-11-21T12:00:00-0800")]
pub struct Time(String);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Time {
    pub fn new(at: jiff::Timestamp, zone: &jiff::tz::TimeZone) -> Time {
        Time(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%z").to_string())
    }
}
