//! What clients may send, for the document. [`super::submit`], [`super::export`] and [`super::action`] read it, more
//! leniently: unknown keys are ignored, null is the same as absent, words may be in any case.

use serde::Serialize;
use utoipa::ToSchema;

/// A job: queries, and how their results are to come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "name": "nightly",
    "format": "csv",
    "version": "1.1",
    "partner": "acme",
    "project": "nightly",
    "useQueryLabels": true,
    "dateTimeUtc": true,
    "queries": [{
        "name": "Accounts",
        "query": "select Id, Name, Balance, UpdatedDate from Account",
        "type": "zoqlexport",
        "deleted": { "column": "Deleted", "format": "Boolean" },
    }],
}))]
pub struct SubmitRequest {
    /// Said back.
    #[schema(max_length = 4096)]
    name: Option<String>,
    #[schema(default = "csv")]
    format: Option<RequestFormat>,
    /// From 1.1 on, a job with `partner` and `project` is stateful: it belongs to a session and returns what is new in it.
    #[schema(default = "1.0")]
    version: Option<Number>,
    /// At most 50. Empty or absent, a stateful job repeats the queries of its session's last one.
    queries: Option<Vec<QueryRequest>>,
    /// `pgp`: to the tenant's key.
    #[schema(default = "none")]
    encrypted: Option<RequestEncryption>,
    /// Headers are API names, `Account.Id`, and not labels, `Account: ID`.
    #[schema(default = false)]
    use_query_labels: Option<Flag>,
    /// Datetimes in UTC, and not in the tenant's zone.
    #[schema(default = false)]
    date_time_utc: Option<Flag>,
    #[schema(example = "acme", max_length = 4096)]
    partner: Option<String>,
    #[schema(example = "nightly", max_length = 4096)]
    project: Option<String>,
    /// Where the windows of a stateful job begin, wherever its session stands. Without an offset, Pacific time with the
    /// profile `us`, UTC with `eu`.
    #[schema(example = "2026-11-01 00:00:00")]
    incremental_time: Option<String>,
    /// Seconds by which the windows of a stateful job end before its snapshot, 0 to 3600.
    offset: Option<Number>,
    /// Called when the job has ended, with `${JOBID}` and `${STATUS}` filled in.
    #[schema(max_length = 4999)]
    notify_url: Option<String>,
    /// What stands for a null in the files.
    #[schema(default = "", max_length = 4096)]
    null_replacement: Option<String>,
    /// The queries of the session's last job, too.
    #[schema(default = false)]
    use_last_completed_job_queries: Option<Flag>,
    /// Said back as `LIVE`.
    #[schema(max_length = 4096)]
    source_data: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryRequest {
    /// Said back; need not be unique.
    #[schema(max_length = 4096)]
    name: Option<String>,
    /// At most 20,000 characters.
    #[schema(example = "select Id, Name from Account")]
    query: String,
    #[serde(rename = "type")]
    #[schema(default = "zoqlexport")]
    batch_type: Option<super::word::BatchType>,
    /// The version of the object model that the query sees.
    #[schema(default = "153.0")]
    api_version: Option<Number>,
    /// Three-letter codes with commas between them.
    #[schema(example = "EUR,GBP", max_length = 4096)]
    convert_to_currencies: Option<String>,
    deleted: Option<DeletedRequest>,
}

/// Deleted rows too, and a first column that says which they are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedRequest {
    #[schema(example = "Deleted", min_length = 1, max_length = 4096)]
    column: String,
    format: Option<super::word::DeletedFormat>,
    /// In a stateless job, too.
    #[schema(default = false)]
    force_export: Option<Flag>,
}

/// In any case.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequestFormat {
    Csv,
    Gzip,
    Zip,
}

/// In any case.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequestEncryption {
    None,
    Pgp,
}

/// A boolean, or the word for one, in any case: tap-zuora, zacc and Gobblin send words.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Flag {
    Boolean(bool),
    Word(FlagWord),
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagWord {
    True,
    False,
}

/// A number, or its digits as a string.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Number {
    Number(f64),
    Digits(Digits),
}

#[derive(Serialize, ToSchema)]
#[schema(pattern = r"^\d{1,4}(\.\d{1,2})?$", example = "1.1")]
pub struct Digits(String);

/// One query, one file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(example = json!({ "Format": "csv", "Query": "select Id, Name from Account" }))]
pub struct ExportRequest {
    format: Option<ExportFormat>,
    #[schema(example = "select Id, Name from Account", min_length = 1)]
    query: String,
    /// Said back.
    #[schema(max_length = 4096)]
    name: Option<String>,
    #[schema(default = false)]
    zip: Option<Flag>,
    /// Only false is possible.
    #[schema(default = false)]
    encrypted: Option<Flag>,
}

/// In any case.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    Csv,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "queryString": "select Id, Name from Account", "conf": { "batchSize": 200 } }))]
pub struct ActionRequest {
    /// ZOQL.
    #[schema(example = "select Id, Name from Account where Balance > 0")]
    query_string: String,
    conf: Option<ActionConf>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionConf {
    /// Records in an answer. There are never more than 2,000; 0 means as many as there may be.
    #[schema(minimum = 0, maximum = 4_294_967_295_u32, default = 2000)]
    batch_size: Option<u32>,
}

/// The pages that follow are as long as the first: a `conf` here is ignored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "queryLocator": "5f0c3e9a7b1d48620f9e8d7c6b5a4031-2000" }))]
pub struct LocatorRequest {
    query_locator: String,
}

/// A form. The credentials may stand in `Authorization: Basic` instead.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "grant_type": "client_credentials",
    "client_id": "8f3a5a52-93a6-4f2e-9d5c-0a4b1c7d6e21",
    "client_secret": "3Xk9vQ2mT7pL5wR8nZ4cB6hJ1fD0sGyA",
}))]
pub struct TokenRequest {
    grant_type: GrantType,
    client_id: Option<String>,
    client_secret: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    ClientCredentials,
}
