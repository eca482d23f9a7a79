//! Object exports: a job of one query in the words of `/v1/object/export`.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    Error,
    action::datetime,
    error::QueryFault,
    lenient::{self, Wrong},
    submit,
};
use crate::job::{Format, Job, State};

/// Reads a request, `{"Format": "csv", "Query": "select Id from Account"}` with `Name` and `Zip` if wanted, as the submit
/// that it stands for: stateless, with API names for headers.
pub fn read(body: &[u8], utc: bool) -> Result<submit::Request, Error> {
    let submit = lenient::parse(body).and_then(|value| as_submit(&value, utc)).map_err(|Wrong(why)| invalid(why))?;
    submit::read(submit.to_string().as_bytes())
}

fn as_submit(value: &Value, utc: bool) -> Result<Value, Wrong> {
    let request = lenient::object(value, "the request")?;
    lenient::word(request, "Format", &[("csv", ())], ())?;
    if lenient::flag(request, "Encrypted")? == Some(true) {
        return Err(Wrong("`Encrypted` cannot be true: exports are not encrypted here".to_owned()));
    }
    let query = lenient::non_empty(request, "Query")?.ok_or_else(|| Wrong("`Query` is missing".to_owned()))?;
    let zip = lenient::flag(request, "Zip")?.unwrap_or(false);
    Ok(json!({
        "name": lenient::text(request, "Name")?,
        "format": if zip { "zip" } else { "csv" },
        "useQueryLabels": true,
        "dateTimeUtc": utc,
        "queries": [{ "query": query, "type": "zoqlexport" }],
    }))
}

/// A refusal of a submit, in this door's form. tap-zuora goes on only if an unknown object says `noSuchDataSource`.
pub fn refused(error: Error) -> Error {
    match error {
        Error::Queries(faults) => faults.first().map_or_else(|| invalid(String::new()), fault),
        Error::TooManyJobs => {
            Error::Export { code: "LIMIT_EXCEEDED", message: "There are too many concurrent exports.".to_owned() }
        }
        Error::NoSuchJob => Error::NoSuchExport,
        Error::NoPermission(objects) => Error::Forbidden(objects.join(", ")),
        Error::NotAuthorized => Error::Forbidden("this export".to_owned()),
        other => other,
    }
}

fn fault(fault: &QueryFault) -> Error {
    let is_unknown = ["no-such-object", "object-too-new"].contains(&fault.code.as_str());
    if is_unknown { invalid(format!("{}: noSuchDataSource", fault.classic)) } else { invalid(fault.classic.clone()) }
}

fn invalid(message: String) -> Error {
    Error::Export { code: "INVALID_VALUE", message }
}

pub fn created(job: &Job) -> Value {
    json!({ "Success": true, "Id": job.id })
}

pub fn deleted(job: &Job) -> Value {
    json!({ "success": true, "id": job.id })
}

/// Whether a job is one that this door may show: stateless, and of one query.
pub fn is_export(job: &Job) -> bool {
    job.spec.session().is_none() && job.batches.len() == 1
}

/// Title Case statuses, `Canceled` with one l; `FileId` only when completed.
pub fn status(job: &Job, zone: &TimeZone) -> Value {
    let status = match job.state {
        State::Submitted => "Pending",
        State::Executing => "Processing",
        State::Completed => "Completed",
        State::Aborted | State::Error => "Failed",
        State::Cancelled => "Canceled",
    };
    let mut answer = json!({
        "Id": job.id,
        "CreatedDate": datetime(job.submitted_at, zone),
        "UpdatedDate": datetime(job.ended_at.unwrap_or(job.submitted_at), zone),
        "Encrypted": false,
        "Format": "csv",
        "Name": job.spec.name,
        "Query": job.spec.queries.first().map(|query| &query.text),
        "Size": 0,
        "Status": status,
        "StatusReason": job.fault.as_ref().map(|fault| &fault.message),
        "Zip": job.spec.format == Format::Zip,
    });
    let files = || job.batches.iter().filter_map(|batch| batch.output.as_ref()).flat_map(|output| &output.files);
    if let Some(file) = files().next().filter(|_| job.state == State::Completed) {
        answer["FileId"] = json!(file.id);
        answer["Size"] = files().map(|file| file.bytes).sum::<u64>().into();
    }
    answer
}
