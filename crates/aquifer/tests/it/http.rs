//! A plain HTTP client: what is not set is not sent, and nothing is unpacked.

use serde_json::Value;
use ureq::{Agent, http};

pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    pub async fn send(self, url: &str) -> Answer {
        let url = format!("{url}{}", self.path);
        tokio::task::spawn_blocking(move || self.exchange(&url)).await.unwrap()
    }

    fn exchange(self, url: &str) -> Answer {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).accept("").user_agent("");
        let agent = config.build().new_agent();
        let mut request = http::Request::builder().method(self.method.as_str()).uri(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = match self.body.is_empty() {
            true => agent.run(request.body(()).unwrap()),
            false => agent.run(request.body(self.body.as_slice()).unwrap()),
        };
        let (parts, mut body) = answer.unwrap().into_parts();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }
}
