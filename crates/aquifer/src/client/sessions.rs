//! What an Aquifer server says of sessions. The original tells of the last completed job, and nothing else.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use ureq::{Agent, Body, http::Response};

use super::{Client, Error, Result, answer, answer::Job, read, segment};

/// One of a tenant's sessions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub partner: String,
    pub project: String,
    pub increments: u32,
    pub last_job_id: Option<String>,
    pub last_completed_at: String,
}

/// What one job of a session has returned.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Increment {
    pub number: u32,
    pub job_id: String,
    pub acknowledged_at: Option<String>,
    pub replayed_at: Option<String>,
    pub delivered: bool,
    pub batches: Vec<Batch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub window: Option<Window>,
    /// Why it is everything, if it is.
    pub full_reason: Option<String>,
    pub record_count: u64,
    pub files: Vec<File>,
}

/// Without `from` it is everything.
#[derive(Debug, Deserialize)]
pub struct Window {
    pub from: Option<Mark>,
    pub to: Mark,
}

#[derive(Debug, Deserialize)]
pub struct Mark {
    pub at: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub rows: u64,
    pub downloaded_at: Option<String>,
}

/// What was said, and the answer itself.
pub struct Told<T> {
    pub what: T,
    pub raw: Value,
}

impl Client {
    /// The sessions of the newest jobs, at most so many.
    pub fn sessions(&self, most: u32) -> Result<Vec<Told<Session>>> {
        let url = format!("{}/v1/batch-query/sessions?limit={most}", self.url);
        told(
            self.document(|agent, authorization| agent.get(&url).header("Authorization", authorization).call())?,
            "sessions",
        )
    }

    /// The last increments of a session, oldest first, at most so many.
    pub fn increments(&self, partner: &str, project: &str, most: u32) -> Result<Vec<Told<Increment>>> {
        let url = format!("{}?limit={most}", self.session_url(partner, project));
        told(
            self.document(|agent, authorization| agent.get(&url).header("Authorization", authorization).call())?,
            "increments",
        )
    }

    pub fn acknowledge(&self, partner: &str, project: &str, increment: u32) -> Result<()> {
        let url = format!("{}/increments/{increment}/ack", self.session_url(partner, project));
        let post =
            |agent: &Agent, authorization: &str| agent.post(&url).header("Authorization", authorization).send_empty();
        self.document(post).map(drop)
    }

    /// Submits a job that returns an increment once more.
    pub fn replay(&self, partner: &str, project: &str, increment: u32) -> Result<Job> {
        let url = format!("{}/increments/{increment}/replay", self.session_url(partner, project));
        self.job(|agent, authorization| agent.post(&url).header("Authorization", authorization).send_empty())
    }

    /// The last completed job of a session.
    pub fn last_completed(&self, partner: &str, project: &str) -> Result<Job> {
        let (partner, project) = (segment(partner), segment(project));
        let url = format!("{}/v1/batch-query/jobs/partner/{partner}/project/{project}", self.url);
        self.job(|agent, authorization| agent.get(&url).header("Authorization", authorization).call())
    }

    fn session_url(&self, partner: &str, project: &str) -> String {
        format!("{}/v1/batch-query/sessions/{}/{}", self.url, segment(partner), segment(project))
    }

    fn document(&self, send: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>) -> Result<Value> {
        let mut response = self.authorized(send)?;
        let status = response.status().as_u16();
        answer::document(status, &read(&mut response)?)
    }
}

/// The members of a list.
fn told<T: DeserializeOwned>(mut document: Value, list: &str) -> Result<Vec<Told<T>>> {
    let Some(Value::Array(members)) = document.get_mut(list).map(Value::take) else {
        return Err(Error::Strange { status: 200, text: format!("no {list}") });
    };
    let strange = |error: serde_json::Error| Error::Strange { status: 200, text: format!("{list}: {error}") };
    members.into_iter().map(|raw| Ok(Told { what: T::deserialize(&raw).map_err(strange)?, raw })).collect()
}
