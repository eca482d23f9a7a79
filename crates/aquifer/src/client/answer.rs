//! What servers answer. Errors come in many forms, some of them with status 200; all of them end up in one message.

use serde::Deserialize;
use serde_json::Value;

use super::{Error, Result};

/// A job, as the server last told.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub status: String,
    /// `csv`, `zip`, `gzip`
    pub format: String,
    /// With OpenPGP.
    pub is_encrypted: bool,
    pub message: Option<String>,
    pub warnings: Vec<String>,
    pub start_time: Option<String>,
    pub batches: Vec<Batch>,
    /// The answer itself.
    pub raw: Value,
}

/// One query of a job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub name: Option<String>,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub record_count: u64,
    /// Our servers say how far a running query is.
    pub rows_so_far: Option<u64>,
    #[serde(default)]
    pub message: Option<String>,
    file_id: Option<String>,
    segments: Option<Vec<String>>,
}

/// A fault of one query, as our servers tell it.
#[derive(Debug, Clone, Deserialize)]
pub struct Fault {
    /// Which of the queries, from 0.
    #[serde(default)]
    pub query: usize,
    pub name: Option<String>,
    #[serde(default)]
    pub code: String,
    pub message: String,
    pub span: Option<Span>,
    pub note: Option<String>,
    pub help: Option<String>,
    /// The text that the span is of; not in the answer's own list, but in its batches.
    #[serde(skip)]
    pub text: String,
}

/// In bytes of the query.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Completed,
    Failed,
    Cancelled,
}

impl Job {
    /// None while it may still change. `failed` and one l are not in the protocol, but have been seen.
    pub fn end(&self) -> Option<End> {
        let skipped = self.batches.iter().any(|batch| batch.status.eq_ignore_ascii_case("error"));
        match self.status.to_ascii_lowercase().as_str() {
            // Queries that were skipped for want of permission have no files.
            "completed" if skipped => Some(End::Failed),
            "completed" => Some(End::Completed),
            "aborted" | "error" | "failed" => Some(End::Failed),
            "cancelled" | "canceled" => Some(End::Cancelled),
            _ => None,
        }
    }

    /// Why it failed: what the batches say, or the job itself.
    pub fn failure(&self) -> Vec<String> {
        let batches = self.batches.iter().zip(1..);
        let said: Vec<String> = batches
            .filter(|(batch, _)| batch.status != "completed")
            .filter_map(|(batch, number)| {
                let message = batch.message.as_deref().filter(|message| !message.is_empty())?;
                Some(format!("{}: {message}", batch.title(number)))
            })
            .collect();
        if said.is_empty() { self.message.iter().cloned().collect() } else { said }
    }
}

impl Batch {
    pub fn files(&self) -> &[String] {
        match (&self.segments, &self.file_id) {
            (Some(segments), _) => segments,
            (None, Some(file)) => std::slice::from_ref(file),
            (None, None) => &[],
        }
    }

    /// Its name, or its number from 1.
    pub fn title(&self, number: usize) -> String {
        self.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("query {number}"))
    }
}

/// Reads an answer about a job.
pub fn job(status: u16, text: &str) -> Result<Job> {
    let Ok(raw) = serde_json::from_str::<Value>(text) else { return Err(fault(status, text)) };
    // A job that failed carries an error code too; only what has no id is no job.
    let (Some(id), true) = (string(&raw, "id"), (200..300).contains(&status)) else { return Err(fault(status, text)) };
    let batches = Vec::deserialize(raw.get("batches").unwrap_or(&Value::Array(Vec::new())));
    let batches = batches.map_err(|error| Error::Strange { status, text: format!("batches: {error}") })?;
    let warnings = raw.get("warnings").and_then(Value::as_array).into_iter().flatten();
    Ok(Job {
        id,
        status: string(&raw, "status").unwrap_or_default(),
        format: string(&raw, "format").unwrap_or_default().to_ascii_lowercase(),
        is_encrypted: string(&raw, "encrypted").is_some_and(|how| how.eq_ignore_ascii_case("pgp")),
        message: string(&raw, "message"),
        warnings: warnings.filter_map(|warning| Some(warning.as_str()?.to_owned())).collect(),
        start_time: string(&raw, "startTime"),
        batches,
        raw,
    })
}

/// Reads an answer that is a document, of servers that have it.
pub fn document(status: u16, text: &str) -> Result<Value> {
    let is_answer = |body: &Value| status == 200 && body["success"] == true;
    serde_json::from_str(text).ok().filter(is_answer).ok_or_else(|| fault(status, text))
}

/// Reads an answer to a token request.
pub fn token(status: u16, text: &str) -> Result<String> {
    let token = serde_json::from_str::<Value>(text).ok().and_then(|body| string(&body, "access_token"));
    match (status, token) {
        (200, Some(token)) => Ok(token),
        // Which status servers give for which wrong credential differs.
        (400 | 401 | 403, _) => {
            let said = serde_json::from_str(text).ok().and_then(|body| message(&body));
            Err(Error::Unauthorized(said.unwrap_or_else(|| format!("status {status}"))))
        }
        _ => Err(fault(status, text)),
    }
}

/// Reads an answer that is not what was asked for.
pub fn fault(status: u16, text: &str) -> Error {
    let too_large = text.trim().strip_prefix("<security:max-object-size>");
    if let Some(limit) = too_large.and_then(|rest| rest.split('<').next()) {
        let message = format!("the server delivers no file of more than {limit}");
        return Error::Refused { code: None, message, faults: Vec::new() };
    }
    let body: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    match (status, message(&body)) {
        (401, said) => Error::Unauthorized(said.unwrap_or_else(|| format!("status {status}"))),
        (500.., said) => Error::Strange { status, text: said.unwrap_or_else(|| beginning(text)) },
        (_, Some(message)) => Error::Refused { code: code(&body), message, faults: faults(&body) },
        (404, None) => {
            Error::Refused { code: None, message: "there is no such thing here".to_owned(), faults: Vec::new() }
        }
        (_, None) => Error::Strange { status, text: beginning(text) },
    }
}

/// The message of an error body of any form.
fn message(body: &Value) -> Option<String> {
    let nested = |list: &str, key: &str| string(body.get(list)?.get(0)?, key);
    string(body, "message")
        .or_else(|| nested("reasons", "message"))
        .or_else(|| nested("Errors", "Message"))
        .or_else(|| string(body, "faultstring"))
        .or_else(|| string(body, "error_description"))
        .or_else(|| string(body, "error"))
}

fn code(body: &Value) -> Option<String> {
    let nested = |list: &str, key: &str| string(body.get(list)?.get(0)?, key);
    string(body, "errorCode")
        .or_else(|| string(body, "code"))
        .or_else(|| nested("reasons", "code"))
        .or_else(|| nested("Errors", "Code"))
        .or_else(|| string(body, "faultcode"))
}

fn faults(body: &Value) -> Vec<Fault> {
    let listed = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let mut faults: Vec<Fault> = listed.filter_map(|fault| Fault::deserialize(fault).ok()).collect();
    for fault in &mut faults {
        let batch = body.get("batches").and_then(|batches| batches.get(fault.query));
        fault.text = batch.and_then(|batch| string(batch, "query")).unwrap_or_default();
    }
    faults
}

/// A text or a number, as text.
fn string(body: &Value, key: &str) -> Option<String> {
    match body.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.char_indices().nth(200).map_or(line.len(), |(end, _)| end);
    if line.is_empty() { "nothing".to_owned() } else { line[..end].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, body, and what a user is told. The forms are those of the wire reference, A to F.
    const FAULTS: &[(u16, &str, &str)] = &[
        (200, r#"{"errorCode":"90002","message":"Invalid Job Id."}"#, "90002: Invalid Job Id."),
        (200, r#"{"success":false,"code":50000090,"message":"Oops"}"#, "50000090: Oops"),
        (403, r#"{"reasons":[{"code":90000020,"message":"No such entity"}]}"#, "90000020: No such entity"),
        (400, r#"{"Success":false,"Errors":[{"Code":"INVALID_VALUE","Message":"Bad"}]}"#, "INVALID_VALUE: Bad"),
        (400, r#"{"faultcode":"fns:INVALID_SESSION","faultstring":"Gone"}"#, "fns:INVALID_SESSION: Gone"),
        (401, r#"{"message":"Authentication error"}"#, "the server refuses the credentials: Authentication error"),
        (404, "", "there is no such thing here"),
        (
            403,
            "<security:max-object-size>2047MB</security:max-object-size>",
            "the server delivers no file of more than 2047MB",
        ),
        (
            502,
            "<html>\n<b>Bad gateway",
            "the server answered with status 502 and this is not AQuA: <html> <b>Bad gateway",
        ),
        (200, "<html>", "the server answered with status 200 and this is not AQuA: <html>"),
    ];

    #[test]
    fn every_form_of_error_becomes_one_message() {
        for (status, body, said) in FAULTS {
            assert_eq!(job(*status, body).unwrap_err().to_string(), *said);
        }
    }

    #[test]
    fn an_aborted_job_is_a_job_although_it_has_an_error_code() {
        let body = r#"{"id":"8ad0","status":"aborted","errorCode":"90007","message":"aborted",
            "batches":[{"status":"completed","recordCount":3,"fileId":"f1","message":""},
                       {"name":"Second","status":"aborted","message":"You must specify a select."}]}"#;
        let job = job(200, body).unwrap();
        assert_eq!(job.end(), Some(End::Failed));
        assert_eq!(job.failure(), ["Second: You must specify a select."]);
        assert_eq!(job.batches[0].files(), ["f1"]);
        assert!(job.batches[1].files().is_empty());
    }

    #[test]
    fn a_completed_job_whose_queries_were_skipped_has_failed() {
        let body = r#"{"id":"8ad0","status":"completed","errorCode":"90018","message":"no permission",
            "batches":[{"status":"completed","fileId":"f1","message":""},{"status":"error","message":"no permission"}]}"#;
        let job = job(200, body).unwrap();
        assert_eq!((job.end(), job.failure()), (Some(End::Failed), vec!["query 2: no permission".to_owned()]));
    }

    #[test]
    fn faults_of_queries_find_the_text_they_are_about() {
        let body = r#"{"errorCode":"90005","message":"There is a syntax error","status":"error",
            "batches":[{"query":"select Id from Account"},{"query":"select Nme from Account"}],
            "errors":[{"query":1,"code":"no-such-field","message":"There is no field named Nme",
                       "line":1,"column":8,"span":{"start":7,"end":10},"help":"Name"}]}"#;
        let Err(Error::Refused { faults, .. }) = job(200, body) else { panic!("it has no id") };
        assert_eq!(&faults[0].text[7..10], "Nme");
    }

    #[test]
    fn a_token_is_refused_with_the_servers_reason() {
        assert_eq!(token(200, r#"{"access_token":"abc","expires_in":3599}"#).unwrap(), "abc");
        let refused = token(401, r#"{"status":401,"error":"Unauthorized","message":"Invalid client id"}"#);
        assert_eq!(refused.unwrap_err().to_string(), "the server refuses the credentials: Invalid client id");
    }
}
