//! What a job was asked to do, in our words: everything optional decided, everything wrong refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Stored with the job, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    pub name: Option<String>,
    /// As it was received, `1.1`.
    pub protocol_version: String,
    pub format: Format,
    pub encryption: Encryption,
    pub partner: Option<String>,
    pub project: Option<String>,
    /// Headers are API names, not labels.
    pub api_names: bool,
    /// Datetimes in UTC, not in the tenant's zone.
    pub utc: bool,
    /// The session's last queries too. Means nothing in a stateless job, but is said back.
    pub use_last_queries: bool,
    pub null_replacement: Option<String>,
    pub notify_url: Option<String>,
    /// Whether a callout tells of its end: the tenant's, or a call of `notify_url`.
    #[serde(default)]
    pub callout: bool,
    /// Whether the request named its source of data; there is one only, so all that is left to do is to say it back.
    pub names_source: bool,
    /// Seconds by which the windows of a stateful job end before its snapshot.
    pub offset: Option<u32>,
    /// The instant at which the windows of a stateful job begin, wherever its session stands.
    pub incremental_time: Option<Timestamp>,
    /// Whether the client that submitted the job may read masked fields, which it can in encrypted files only. Jobs from
    /// before clients could be allowed to say nothing.
    #[serde(default)]
    pub reads_masked: bool,
    /// The increment of the session whose windows are returned once more.
    pub replay: Option<u32>,
    /// Whether the job is an object export, whose result is one file whatever the settings say of segments. `None`: not known,
    /// in jobs from before this was noted.
    #[serde(default)]
    pub export: Option<bool>,
    pub queries: Vec<Query>,
    #[serde(default)]
    pub reads: Reads,
}

/// What a job reads: only who may read all of it may see the job and its files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reads {
    /// Names of objects, sorted. `None`: any, in jobs from before this was noted.
    pub objects: Option<Vec<String>>,
    /// Only rows of these entities; `None`: of all.
    pub entities: Option<Vec<String>>,
    /// The same for organisations.
    pub orgs: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub name: Option<String>,
    pub text: String,
    pub language: Language,
    /// The whole part of a WSDL version, 137.
    pub api_version: u16,
    pub deleted: Option<Deleted>,
    pub convert_to_currencies: Option<String>,
}

/// An extra first column that says whether a row is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub column: String,
    pub flag: Flag,
    /// Deleted rows in a stateless job too.
    pub force_export: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Gzip,
    Zip,
}

impl Format {
    /// What follows the point in the name of a result file.
    pub fn extension(self, encryption: Encryption) -> &'static str {
        match (self, encryption) {
            (Format::Csv, Encryption::None) => "csv",
            (Format::Gzip, Encryption::None) => "csv.gz",
            (Format::Zip, Encryption::None) => "csv.zip",
            (Format::Csv, Encryption::Pgp) => "csv.pgp",
            (Format::Gzip, Encryption::Pgp) => "csv.gz.pgp",
            (Format::Zip, Encryption::Pgp) => "csv.zip.pgp",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    None,
    Pgp,
}

/// How a deleted flag is spelled: `true` and `false`, or `1` and `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    Boolean,
    Numeric,
}

impl From<Flag> for engine::Flag {
    fn from(flag: Flag) -> engine::Flag {
        match flag {
            Flag::Boolean => engine::Flag::Boolean,
            Flag::Numeric => engine::Flag::Numeric,
        }
    }
}

/// What a query is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Zoql,
    Export,
}

impl From<Language> for zoql::Language {
    fn from(language: Language) -> zoql::Language {
        match language {
            Language::Zoql => zoql::Language::Zoql,
            Language::Export => zoql::Language::Export,
        }
    }
}

/// Which session a stateful job belongs to; partner and project compare exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub partner: String,
    pub project: String,
}

impl Spec {
    /// A job of queries about which nothing else was said.
    pub fn of(queries: Vec<Query>) -> Spec {
        Spec {
            name: None,
            protocol_version: "1.0".to_owned(),
            format: Format::Csv,
            encryption: Encryption::None,
            partner: None,
            project: None,
            api_names: false,
            utc: false,
            use_last_queries: false,
            null_replacement: None,
            notify_url: None,
            callout: false,
            names_source: false,
            offset: None,
            incremental_time: None,
            reads_masked: false,
            replay: None,
            export: Some(false),
            queries,
            reads: Reads::default(),
        }
    }

    /// Whether each of its results is one file, however long.
    pub fn has_one_file(&self) -> bool {
        self.export == Some(true)
    }

    /// Whether its files have the values of masked fields, and its queries may be about them.
    pub fn shows_masked(&self) -> bool {
        self.reads_masked && self.encryption == Encryption::Pgp
    }

    /// Whether the results of a query have such values.
    pub fn unmasks(&self, query: &zoql::bound::Query) -> bool {
        self.shows_masked() && query.columns.iter().any(|column| column.masked)
    }

    /// Whether it has the last queries of its session, if that has any.
    pub fn wants_last_queries(&self) -> bool {
        self.queries.is_empty() || self.use_last_queries
    }

    /// A job is stateful from protocol version 1.1 on, if it names both partner and project; otherwise stateless,
    /// silently.
    pub fn session(&self) -> Option<SessionKey> {
        let stateful = self.protocol_version.parse::<f64>().is_ok_and(|version| version >= 1.1);
        let (Some(partner), Some(project), true) = (&self.partner, &self.project, stateful) else { return None };
        Some(SessionKey { partner: partner.clone(), project: project.clone() })
    }
}

/// For tests, of which each says only what it is about.
#[cfg(test)]
mod samples {
    use super::{Language, Query, Spec};

    impl Spec {
        /// The same as a stateful job.
        pub fn in_session(self, partner: &str, project: &str) -> Spec {
            Spec {
                protocol_version: "1.1".into(),
                partner: Some(partner.into()),
                project: Some(project.into()),
                ..self
            }
        }
    }

    impl Query {
        /// A query in Export ZOQL that has nothing but its text.
        pub fn of(text: &str) -> Query {
            Query {
                name: None,
                text: text.into(),
                language: Language::Export,
                api_version: 137,
                deleted: None,
                convert_to_currencies: None,
            }
        }
    }
}
