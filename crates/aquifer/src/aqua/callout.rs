//! Callouts: what is said when a job has ended, to whom, and how a callout shows under its job.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::word::Time;
use crate::{
    callout::{address, signature::Secret},
    config,
    job::{Callout, Job, JobId, Spec, State, Try},
};

/// A callout as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same in every try, so that a receiver can tell them from another message.
    pub id: String,
    pub method: &'static str,
    pub url: String,
    /// JSON, if there is a body.
    pub body: Option<String>,
    /// User and password.
    pub basic: Option<(String, String)>,
    /// What it is signed with, if anything.
    pub secrets: Vec<Secret>,
}

/// What stands for something in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    JobId,
    JobStatus,
    PartnerName,
    EventCategory,
    EventTimestamp,
}

/// The last five are the original's merge fields for this event; `notifyUrl` has the first two.
const FIELDS: [(&str, Field); 7] = [
    ("${JOBID}", Field::JobId),
    ("${STATUS}", Field::JobStatus),
    ("<Aqua.JobId>", Field::JobId),
    ("<Aqua.JobStatus>", Field::JobStatus),
    ("<Aqua.PartnerName>", Field::PartnerName),
    ("<Event.Category>", Field::EventCategory),
    ("<Event.Timestamp>", Field::EventTimestamp),
];

/// The number of the event in the original: the end of an AQuA job.
const CATEGORY: &str = "2610";

/// All but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with merge fields in it, all of which there are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(String);

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Template, String> {
        let named = text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(name, _)| name);
        let is_field = |name: &&str| name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        for name in named.filter(is_field) {
            if !FIELDS.iter().any(|(field, _)| *field == format!("<{name}>")) {
                let known: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
                return Err(format!("there is no merge field <{name}>; those are {}", known.join(", ")));
            }
        }
        Ok(Template(text))
    }
}

impl Template {
    /// The URL as it would be, with something in the place of its fields.
    pub fn sample(&self) -> String {
        fill(&self.0, |_| "x".to_owned())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Once from the left to the right: what a field puts in is never read for fields.
fn fill(text: &str, value: impl Fn(Field) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['$', '<']) {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let found = FIELDS.iter().find_map(|(name, field)| Some((*field, from.strip_prefix(name)?)));
        rest = match found {
            Some((field, after)) => {
                filled.push_str(&value(field));
                after
            }
            None => {
                filled.push_str(&from[..1]);
                &from[1..]
            }
        };
    }
    filled + rest
}

/// Whether somebody is to be told when the job ends.
pub fn is_wanted(spec: &Spec, tenant: &config::Tenant) -> bool {
    spec.notify_url.is_some() || tenant.receiver(spec.partner.as_deref()).is_some()
}

/// Why the `notifyUrl` of a job will not be called, as far as that can be told when it is submitted.
pub fn warning(spec: &Spec, tenant: &config::Tenant, allow: &[address::Allowed]) -> Option<String> {
    let url = spec.notify_url.as_ref()?;
    let why = match tenant.receiver(spec.partner.as_deref()) {
        Some(_) => Some("the tenant's own callout is sent in its place".to_owned()),
        None => address::obstacle(&fill(url, |_| "x".to_owned()), allow),
    };
    why.map(|why| format!("notifyUrl will not be called: {why}"))
}

/// What is sent when the job has ended: the tenant's callout, or a call of `notifyUrl`. `None` if there is neither.
pub fn message(job: &Job, tenant: &config::Tenant) -> Option<Message> {
    let zone = tenant.zone();
    let text = |template: &str| fill(template, |field| value(field, job, &zone));
    let id = format!("msg_{}", job.id);
    let Some(receiver) = tenant.receiver(job.spec.partner.as_deref()) else {
        let url = url(job.spec.notify_url.as_ref()?, job, &zone);
        let secrets = tenant.callout_secrets.clone();
        return Some(Message { id, method: "GET", url, body: None, basic: None, secrets });
    };
    let fields = || FIELDS[2..].iter().map(|(field, _)| (field.trim_matches(['<', '>']).to_owned(), text(field)));
    let body: Option<BTreeMap<String, String>> = match &receiver.body {
        Some(body) => Some(body.iter().map(|(key, template)| (key.clone(), text(&template.0))).collect()),
        None => receiver.method.has_body().then(|| fields().collect()),
    };
    let secrets = if receiver.secrets.is_empty() { &tenant.callout_secrets } else { &receiver.secrets };
    Some(Message {
        id,
        method: receiver.method.name(),
        url: url(&receiver.url.0, job, &zone),
        body: body.map(|body| json!(body).to_string()),
        basic: receiver.credentials(),
        secrets: secrets.clone(),
    })
}

fn url(template: &str, job: &Job, zone: &TimeZone) -> String {
    fill(template, |field| escaped(&value(field, job, zone)))
}

fn value(field: Field, job: &Job, zone: &TimeZone) -> String {
    match field {
        Field::JobId => job.id.to_string(),
        Field::JobStatus => status(job.state).to_owned(),
        Field::PartnerName => job.spec.partner.clone().unwrap_or_default(),
        Field::EventCategory => CATEGORY.to_owned(),
        Field::EventTimestamp => Time::new(job.ended_at.unwrap_or(job.submitted_at), zone).to_string(),
    }
}

/// Capitalised, as nowhere else.
fn status(state: State) -> &'static str {
    match state {
        State::Submitted => "Submitted",
        State::Executing => "Executing",
        State::Completed => "Completed",
        State::Aborted => "Aborted",
        State::Cancelled => "Cancelled",
        State::Error => "Error",
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// How a callout stands, with its tries. What receivers answered, and why there was no answer, is for the operator alone:
/// whoever submits jobs could read with it what only the operator's network can, and learn which names there are in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalloutAnswer<'a> {
    success: bool,
    job_id: JobId,
    #[schema(pattern = "^(waiting|delivered|failed)$", example = "delivered")]
    state: &'static str,
    #[schema(required)]
    next_try_at: Option<Time>,
    tries: Vec<TryAnswer<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TryAnswer<'a> {
    at: Time,
    #[schema(example = "GET")]
    method: &'a str,
    /// Whole if it is the job's own `notifyUrl`; of what the tenant has set up, without the path.
    url: Cow<'a, str>,
    /// Of the answer, if there was one.
    #[schema(required)]
    status: Option<u16>,
    /// That there was none.
    #[schema(required)]
    error: Option<&'static str>,
    milliseconds: u64,
}

const NO_ANSWER: &str = "there was no answer, or the address is not one that may be called";

pub fn answer<'a>(callout: &'a Callout, zone: &TimeZone) -> CalloutAnswer<'a> {
    CalloutAnswer {
        success: true,
        job_id: callout.job.id,
        state: callout.state.name(),
        next_try_at: callout.due_at.map(|at| Time::new(at, zone)),
        tries: callout.tries.iter().map(|one| answer_try(one, &callout.job, zone)).collect(),
    }
}

fn answer_try<'a>(one: &'a Try, job: &Job, zone: &TimeZone) -> TryAnswer<'a> {
    let is_own = job.spec.notify_url.as_ref().is_some_and(|template| url(template, job, zone) == one.url);
    TryAnswer {
        at: Time::new(one.at, zone),
        method: &one.method,
        url: if is_own { one.url.as_str().into() } else { address::origin(&one.url).into() },
        status: one.outcome.status(),
        error: one.outcome.error().map(|_| NO_ANSWER),
        milliseconds: one.milliseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_in_once_and_the_rest_is_left() {
        let value = |field| match field {
            Field::PartnerName => "<Aqua.JobId>${STATUS}".to_owned(),
            field => format!("{field:?}"),
        };
        for (text, filled) in [
            ("https://example.com/?job=${JOBID}&as=${STATUS}", "https://example.com/?job=JobId&as=JobStatus"),
            ("<Aqua.PartnerName>/<Event.Category>", "<Aqua.JobId>${STATUS}/EventCategory"),
            ("$ ${OTHER} < <b>é</b> ${JOBID", "$ ${OTHER} < <b>é</b> ${JOBID"),
        ] {
            assert_eq!(fill(text, value), filled);
        }
        assert!(Template::try_from("1 < 2 > <b>".to_owned()).is_ok());
        let unknown = Template::try_from("<Aqua.JobID>".to_owned()).unwrap_err();
        assert!(unknown.contains("<Aqua.JobID>") && unknown.contains("<Aqua.JobId>"), "{unknown}");
    }
}
