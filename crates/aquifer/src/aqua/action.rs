//! ZOQL queries and their records: `/v1/action/query` and `/v1/action/queryMore`.

use export::{Cell, CellSink, Stopped};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use zoql::{ApiVersion, Catalog, Code, Compiled, Diagnostic, Language, Options, bound};

use super::{
    Error,
    error::Place,
    lenient::{self, Wrong},
};

/// Records in one answer, at most, and unless fewer are asked for.
pub const BATCH_SIZE: usize = 2000;

/// The WSDL version of a query that does not say with `X-Zuora-WSDL-Version`: actions have an older one than jobs.
pub const DEFAULT_API_VERSION: ApiVersion = ApiVersion(79);

/// `{"queryString": "select Id from Account", "conf": {"batchSize": 2000}}`
#[derive(Debug, PartialEq)]
pub struct Query {
    pub text: String,
    pub batch_size: usize,
}

pub fn read_query(body: &[u8]) -> Result<Query, Error> {
    let read = || -> Result<Query, Wrong> {
        let value = lenient::parse(body)?;
        let request = lenient::object(&value, "the request")?;
        let text =
            lenient::long_text(request, "queryString")?.ok_or_else(|| Wrong("`queryString` is missing".to_owned()))?;
        let size = match lenient::present(request, "conf") {
            Some(conf) => lenient::number(lenient::object(conf, "conf")?, "batchSize")?,
            None => None,
        };
        // As in the original, whose default is 0: as many as there may be, as for every number above.
        let batch_size = match size.as_deref().map_or(Some(0), lenient::whole) {
            Some(0) => BATCH_SIZE,
            Some(size) => BATCH_SIZE.min(size as usize),
            None => return Err(Wrong("`batchSize` must be a whole number".to_owned())),
        };
        Ok(Query { text, batch_size })
    };
    read().map_err(invalid)
}

/// `{"queryLocator": "…-2000"}`
pub fn read_locator(body: &[u8]) -> Result<String, Error> {
    let read = || -> Result<String, Wrong> {
        let value = lenient::parse(body)?;
        let locator = lenient::text(lenient::object(&value, "the request")?, "queryLocator")?;
        locator.ok_or_else(|| Wrong("`queryLocator` is missing".to_owned()))
    };
    read().map_err(invalid)
}

fn invalid(Wrong(why): Wrong) -> Error {
    Error::Action { code: "INVALID_VALUE", message: why, place: None }
}

pub fn no_such_locator() -> Error {
    let message = "invalid query locator, or its time is over".to_owned();
    Error::Action { code: "INVALID_QUERY_LOCATOR", message, place: None }
}

pub fn timed_out(seconds: u32) -> Error {
    let message = format!("the query took longer than {seconds} s");
    Error::Action { code: "QUERY_TIMEOUT", message, place: None }
}

pub fn compile(
    text: &str,
    catalog: &Catalog,
    compat: zoql::Compat,
    api_version: ApiVersion,
    zone: &TimeZone,
) -> Result<Compiled, Error> {
    let tenant_zone = zone.clone();
    // Answers are never encrypted, so they show masked values to nobody.
    let options = Options { language: Language::Zoql, compat, api_version, tenant_zone, uses_masked: false };
    zoql::compile(text, catalog, &options).map_err(|faults| fault(text, compat, &faults))
}

/// The first fault, in the words of the API for objects.
fn fault(text: &str, compat: zoql::Compat, faults: &[Diagnostic]) -> Error {
    let Some(first) = faults.first() else { return Error::Internal("a query failed without a fault".to_owned()) };
    let at_fault = text.get(first.span.start..first.span.end).unwrap_or_default();
    let (code, message) = match first.code {
        Code::NoSuchObject | Code::ObjectTooNew => ("INVALID_TYPE", format!("invalid type for query: {at_fault}")),
        Code::NoSuchField | Code::FieldTooNew => {
            let object = zoql::parse(text, Language::Zoql, compat).query.map(|query| query.from.value);
            ("INVALID_FIELD", format!("invalid field for query: {}.{at_fault}", object.unwrap_or_default()))
        }
        Code::InvalidValue | Code::NoSuchZone => ("INVALID_VALUE", first.message.clone()),
        _ => ("MALFORMED_QUERY", format!("You have an error in your ZOQL syntax: {}", first.message)),
    };
    Error::Action { code, message, place: Some(Place::of(text, first)) }
}

/// An answer with records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Of the whole result.
    size: u64,
    /// Their fields as they are named in the object model; a null one is left out.
    #[schema(value_type = Vec<HashMap<String, Value>>, example = json!([{ "Id": "11111111111111111111111111111101", "Balance": 77.86 }]))]
    records: Box<RawValue>,
    /// Where the next answer begins; absent in the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    query_locator: Option<String>,
    done: bool,
}

impl Page {
    pub fn new(size: u64, records: Box<RawValue>, query_locator: Option<String>) -> Page {
        Page { size, records, done: query_locator.is_none(), query_locator }
    }
}

/// Rows become JSON records, and so many records a batch, which goes to whoever asked for it.
pub struct Records<F> {
    /// The key of each column as JSON has it, and whether its values are hidden.
    columns: Vec<(String, bool)>,
    zone: TimeZone,
    most: usize,
    hand_over: F,
    /// A JSON array without its end.
    out: Vec<u8>,
    rows: usize,
    column: usize,
    is_first_key: bool,
}

impl<F: FnMut(Box<RawValue>, u64) -> Result<(), Stopped>> Records<F> {
    /// Hands over `most` records at a time, and how many they are; [`Records::finish`] hands over the rest, maybe none.
    pub fn new(query: &bound::Query, catalog: &Catalog, zone: TimeZone, most: usize, hand_over: F) -> Records<F> {
        let key = |column: &bound::Column| {
            let name = match column.expr.field() {
                Some(field) => &catalog.object(field.object).field(field.field).name,
                None => &column.name,
            };
            (serde_json::Value::from(name.as_str()).to_string(), column.masked)
        };
        Records {
            columns: query.columns.iter().map(key).collect(),
            zone,
            most,
            hand_over,
            out: Vec::new(),
            rows: 0,
            column: 0,
            is_first_key: true,
        }
    }

    pub fn finish(mut self) -> Result<(), Stopped> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        let mut out = std::mem::take(&mut self.out);
        if out.is_empty() {
            out.push(b'[');
        }
        out.push(b']');
        let rows = std::mem::take(&mut self.rows) as u64;
        let array = String::from_utf8(out).map_err(|_| Stopped)?;
        (self.hand_over)(RawValue::from_string(array).map_err(|_| Stopped)?, rows)
    }

    fn value(&mut self, cell: Cell<'_>, masked: bool) {
        // Numbers go as they are: a decimal must not pass through a float.
        match cell {
            Cell::Null => {}
            _ if masked => self.text("******"),
            Cell::Text(text) => self.text(text),
            Cell::Integer(value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Cell::Decimal(text) => self.out.extend_from_slice(text.as_bytes()),
            Cell::Boolean(value) => self.out.extend_from_slice(if value { b"true" } else { b"false" }),
            Cell::Date(date) => self.text(date.as_str()),
            Cell::Datetime(at) => {
                let at = Timestamp::from_microsecond(at.0).unwrap_or_default();
                self.text(&Datetime::new(at, &self.zone).0);
            }
        }
    }

    fn text(&mut self, text: &str) {
        // Writing a text to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.out, text);
    }
}

impl<F: FnMut(Box<RawValue>, u64) -> Result<(), Stopped>> CellSink for Records<F> {
    fn cell(&mut self, cell: Cell<'_>) {
        if self.column == 0 {
            self.out.extend_from_slice(if self.rows == 0 { b"[{" } else { b",{" });
            self.is_first_key = true;
        }
        let column = self.column;
        self.column += 1;
        // A null field is not in the record.
        if cell == Cell::Null {
            return;
        }
        if !std::mem::take(&mut self.is_first_key) {
            self.out.push(b',');
        }
        let masked = self.columns[column].1;
        self.out.extend_from_slice(self.columns[column].0.as_bytes());
        self.out.push(b':');
        self.value(cell, masked);
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.out.push(b'}');
        self.column = 0;
        self.rows += 1;
        if self.rows == self.most { self.flush() } else { Ok(()) }
    }
}

/// `2016-05-23T09:12:13.000-07:00`: with milliseconds and a colon in the offset, unlike in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$", example = "2026-11-21T12:00:00.000-08:00")]
pub struct Datetime(String);

impl Datetime {
    pub fn new(at: Timestamp, zone: &TimeZone) -> Datetime {
        Datetime(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string())
    }
}
