//! A client of any AQuA server: ours, or the original.
//!
//! ```text
//! connect::ServerArgs -> Client -> submit -> follow -> download
//! ```
//!
//! [`answer`] reads what servers say, in all forms they have for it; [`Error`] is what a command can do about it.

pub mod answer;
pub mod connect;
pub mod download;
mod error;
pub mod follow;
pub mod interrupt;
pub mod manifest;
pub mod sessions;

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use ureq::{Agent, Body, http::Response};

use answer::Job;
pub use error::{Error, Result};
use manifest::Manifest;

/// Who we are to the server.
#[derive(Clone)]
pub enum Credentials {
    /// Exchanged for a token at `/oauth/token`.
    Client { id: String, secret: String },
    /// Sent with every request.
    Basic { user: String, password: String },
}

/// A connection to one server.
pub struct Client {
    agent: Agent,
    /// Without a slash at the end.
    url: String,
    credentials: Credentials,
    token: Mutex<Option<String>>,
}

/// How long a server may take to begin its answer; the original gives up at 120 s itself.
const ANSWER: Duration = Duration::from_secs(150);
const CONNECT: Duration = Duration::from_secs(15);
/// How long nothing may come of a file: then the network is cut, and no one will ever say so.
const SILENCE: Duration = Duration::from_mins(2);

impl Client {
    pub fn new(url: &str, credentials: Credentials) -> Client {
        let config = Agent::config_builder()
            .user_agent(concat!("aquifer/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .build();
        let url = url.trim_end_matches('/').to_owned();
        Client { agent: config.new_agent(), url, credentials, token: Mutex::default() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Posts a job document as it is.
    pub fn submit(&self, document: &Value) -> Result<Job> {
        let url = format!("{}/v1/batch-query/", self.url);
        self.job(|agent, authorization| agent.post(&url).header("Authorization", authorization).send_json(document))
    }

    pub fn status(&self, id: &str) -> Result<Job> {
        let url = self.job_url(id);
        self.job(|agent, authorization| agent.get(&url).header("Authorization", authorization).call())
    }

    pub fn cancel(&self, id: &str) -> Result<Job> {
        let url = self.job_url(id);
        self.job(|agent, authorization| agent.delete(&url).header("Authorization", authorization).call())
    }

    /// The answer with a result file, its body not yet read.
    pub fn file(&self, id: &str) -> Result<Response<Body>> {
        self.bytes_of(id, &[])
    }

    /// The same with a range of the bytes, counted from 0, if the file is still the one with that `ETag`. If it is not, the
    /// server sends all of it: then the status is 200 and not 206.
    pub fn range_of_file(&self, id: &str, range: &Range<u64>, etag: &str) -> Result<Response<Body>> {
        self.bytes_of(id, &[("Range", &format!("bytes={}-{}", range.start, range.end - 1)), ("If-Range", etag)])
    }

    fn bytes_of(&self, id: &str, headers: &[(&str, &str)]) -> Result<Response<Body>> {
        let url = format!("{}/v1/files/{}", self.url, segment(id));
        let mut response = self.authorized(|agent, authorization| {
            // As it is: then the length and the digest of the answer are those of the file.
            let request = agent.get(&url).header("Authorization", authorization).header("Accept-Encoding", "identity");
            let request = request.config().timeout_per_read(Some(SILENCE)).build();
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).call()
        })?;
        let status = response.status().as_u16();
        if matches!(status, 200 | 206) {
            return Ok(response);
        }
        Err(answer::fault(status, &read(&mut response)?))
    }

    /// What an Aquifer server says of a job's files; none from others.
    pub fn manifest(&self, id: &str) -> Result<Option<Manifest>> {
        let url = format!("{}/manifest", self.job_url(id));
        let mut response =
            self.authorized(|agent, authorization| agent.get(&url).header("Authorization", authorization).call())?;
        let document = serde_json::from_str(&read(&mut response)?).ok();
        Ok(document.filter(|_| response.status() == 200).and_then(Manifest::of))
    }

    fn job_url(&self, id: &str) -> String {
        format!("{}/v1/batch-query/jobs/{}", self.url, segment(id))
    }

    fn job(&self, send: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>) -> Result<Job> {
        let mut response = self.authorized(send)?;
        let status = response.status().as_u16();
        answer::job(status, &read(&mut response)?)
    }

    /// Sends a request; if the server does not know the token any more, once again with a new one.
    fn authorized(&self, send: impl Fn(&Agent, &str) -> Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let unreachable = |error| Error::unreachable(&self.url, error);
        let sent = self.authorization()?;
        let response = send(&self.agent, &sent).map_err(unreachable)?;
        if response.status() != 401 {
            return Ok(response);
        }
        // Another thread may have renewed it meanwhile.
        self.token().take_if(|token| sent == bearer(token));
        let renewed = self.authorization()?;
        if renewed == sent { Ok(response) } else { send(&self.agent, &renewed).map_err(unreachable) }
    }

    /// The value of the header: `Bearer …`, `Basic …`.
    fn authorization(&self) -> Result<String> {
        let (id, secret) = match &self.credentials {
            Credentials::Client { id, secret } => (id.as_str(), secret.as_str()),
            Credentials::Basic { user, password } => {
                return Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))));
            }
        };
        // Locked until there is one: all who need it wait for the same.
        let mut token = self.token();
        match &mut *token {
            Some(token) => Ok(bearer(token)),
            none => Ok(bearer(none.insert(self.new_token(id, secret)?))),
        }
    }

    fn token(&self) -> MutexGuard<'_, Option<String>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_token(&self, id: &str, secret: &str) -> Result<String> {
        let form = [("client_id", id), ("client_secret", secret), ("grant_type", "client_credentials")];
        let sent = self.agent.post(format!("{}/oauth/token", self.url)).send_form(form);
        let mut response = sent.map_err(|error| Error::unreachable(&self.url, error))?;
        let status = response.status().as_u16();
        answer::token(status, &read(&mut response)?)
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A whole answer; those that are not files are small.
fn read(response: &mut Response<Body>) -> Result<String> {
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    if matches!(response.status().as_u16(), 429 | 502..=504) {
        return Err(Error::Busy {
            status: response.status().as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
        });
    }
    let text = response.body_mut().with_config().limit(64 << 20).lossy_utf8(true).read_to_string();
    text.map_err(|error| Error::Broken(error.to_string()))
}

/// An id as part of a path.
fn segment(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}
