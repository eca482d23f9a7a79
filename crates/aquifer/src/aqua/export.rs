//! Object exports: a job of one query in the words of `/v1/object/export`.

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Error,
    action::Datetime,
    error::{Place, QueryFault},
    lenient::{self, Wrong},
    submit,
};
use crate::job::{FileId, Format, Job, JobId, Language, Query, Spec, State};

/// Reads a request, `{"Format": "csv", "Query": "select Id from Account"}` with `Name` and `Zip` if wanted, as the submit
/// that it stands for: stateless, with API names for headers, and one file.
pub fn read(body: &[u8], utc: bool) -> Result<submit::Request, Error> {
    let spec = spec(body, utc).map_err(|Wrong(why)| invalid(why, None))?;
    Ok(submit::Request { spec, incremental_time: None, offset: None })
}

fn spec(body: &[u8], utc: bool) -> Result<Spec, Wrong> {
    let value = lenient::parse(body)?;
    let request = lenient::object(&value, "the request")?;
    lenient::word(request, "Format", &[("csv", ())], ())?;
    if lenient::flag(request, "Encrypted")? == Some(true) {
        return Err(Wrong("`Encrypted` cannot be true: exports are not encrypted here".to_owned()));
    }
    let text = lenient::long_text(request, "Query")?.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Wrong("`Query` is missing".to_owned()))?;
    let zip = lenient::flag(request, "Zip")?.unwrap_or(false);
    let query = Query {
        name: None,
        text,
        language: Language::Export,
        api_version: submit::DEFAULT_API_VERSION,
        deleted: None,
        convert_to_currencies: None,
    };
    Ok(Spec {
        name: lenient::text(request, "Name")?,
        format: if zip { Format::Zip } else { Format::Csv },
        api_names: true,
        utc,
        export: Some(true),
        ..Spec::of(vec![query])
    })
}

/// A refusal of a submit, in this door's form. tap-zuora goes on only if an unknown object says `noSuchDataSource`.
pub fn refused(error: Error) -> Error {
    match error {
        Error::Queries(faults) => faults.first().map_or_else(|| invalid(String::new(), None), fault),
        Error::TooManyJobs => {
            let message = "There are too many concurrent exports.".to_owned();
            Error::Export { code: "LIMIT_EXCEEDED", message, place: None }
        }
        Error::NoSuchJob => Error::NoSuchExport,
        Error::NoPermission { objects, .. } => Error::Forbidden(objects.join(", ")),
        Error::NotAuthorized => Error::Forbidden("this export".to_owned()),
        other => other,
    }
}

fn fault(fault: &QueryFault) -> Error {
    let is_unknown = ["no-such-object", "object-too-new"].contains(&fault.code.as_str());
    let word = if is_unknown { ": noSuchDataSource" } else { "" };
    invalid(format!("{}{word}", fault.classic), fault.place)
}

fn invalid(message: String, place: Option<Place>) -> Error {
    Error::Export { code: "INVALID_VALUE", message, place }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = ExportCreated)]
pub struct Created {
    success: bool,
    id: JobId,
}

pub fn created(job: &Job) -> Created {
    Created { success: true, id: job.id }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportDeleted)]
pub struct Deleted {
    success: bool,
    id: JobId,
}

pub fn deleted(job: &Job) -> Deleted {
    Deleted { success: true, id: job.id }
}

/// Whether a job is one that this door may show. Of one that does not say so itself it shows what may have been an export:
/// stateless, and of one query.
pub fn is_export(job: &Job) -> bool {
    job.spec.export.unwrap_or_else(|| job.spec.session().is_none() && job.batches.len() == 1)
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Export<'a> {
    id: JobId,
    created_date: Datetime,
    updated_date: Datetime,
    encrypted: bool,
    #[schema(pattern = "^csv$", example = "csv")]
    format: &'static str,
    #[schema(required)]
    name: Option<&'a str>,
    #[schema(required)]
    query: Option<&'a str>,
    /// In bytes, once it is completed.
    size: u64,
    status: ExportStatus,
    #[schema(required)]
    status_reason: Option<&'a str>,
    zip: bool,
    /// Once it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<FileId>,
}

/// Title Case here, and one l.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub enum ExportStatus {
    Pending,
    Processing,
    Completed,
    Failed,
    Canceled,
}

pub fn status<'a>(job: &'a Job, zone: &TimeZone) -> Export<'a> {
    let files = || job.batches.iter().filter_map(|batch| batch.output.as_ref()).flat_map(|output| &output.files);
    let file_id = files().next().filter(|_| job.state == State::Completed).map(|file| file.id);
    Export {
        id: job.id,
        created_date: Datetime::new(job.submitted_at, zone),
        updated_date: Datetime::new(job.ended_at.unwrap_or(job.submitted_at), zone),
        encrypted: false,
        format: "csv",
        name: job.spec.name.as_deref(),
        query: job.spec.queries.first().map(|query| query.text.as_str()),
        size: file_id.map_or(0, |_| files().map(|file| file.bytes).sum()),
        status: match job.state {
            State::Submitted => ExportStatus::Pending,
            State::Executing => ExportStatus::Processing,
            State::Completed => ExportStatus::Completed,
            State::Aborted | State::Error => ExportStatus::Failed,
            State::Cancelled => ExportStatus::Canceled,
        },
        status_reason: job.fault.as_ref().map(|fault| fault.message.as_str()),
        zip: job.spec.format == Format::Zip,
        file_id,
    }
}
