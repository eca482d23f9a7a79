//! `POST /v1/action/query` and `queryMore`: ZOQL, a page of records at a time.
//!
//! A result that is longer than its first page is read on while the client asks for more: a thread reads the snapshot
//! and waits whenever it is a page ahead. So all pages show one snapshot, and what waits takes two pages of memory and
//! a read transaction. Both are bounded: a tenant has ten such results, of which the oldest gives way, and each ends
//! when nobody has asked for a quarter of an hour. A locator works once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use engine::{Rows, Snapshot};
use export::{Cell, CellSink, Stopped};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use zoql::bound;

use super::respond;
use crate::{
    app::App,
    aqua::{
        Error,
        action::{self, Page, Records},
        body::{ActionError, PlatformError},
        request::{ActionRequest, LocatorRequest},
    },
    secret,
    store::Client,
    tenant::Tenant,
};

/// How long a result waits for the next question, as in the original.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// Results of a tenant that wait.
const MOST: usize = 10;

/// The time for one answer, as in the original.
const ANSWER_SECONDS: u32 = 120;

/// The results that wait, by the first part of their locators.
#[derive(Default)]
pub struct Cursors {
    waiting: Mutex<HashMap<String, Cursor>>,
}

/// A result that is being read.
struct Cursor {
    tenant: String,
    /// Who may go on reading.
    client: String,
    /// Records handed over so far.
    position: u64,
    /// Of the whole result, once it is known.
    size: u64,
    pages: mpsc::Receiver<engine::Result<Read>>,
    snapshot: Arc<dyn Snapshot>,
    expires_at: Timestamp,
}

/// What the reading thread says.
enum Read {
    Size(u64),
    Records { records: Box<RawValue>, rows: u64 },
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // Whoever still reads for it stops.
        self.snapshot.cancel();
    }
}

impl Cursors {
    /// Lets go of what nobody has asked for in time.
    pub fn expire(&self, now: Timestamp) {
        self.lock().retain(|_, cursor| cursor.expires_at > now);
    }

    /// Keeps a cursor until somebody comes with the locator.
    fn keep(&self, cursor: Cursor) -> String {
        let key = secret::hex(&secret::random::<16>());
        let locator = format!("{key}-{}", cursor.position);
        let mut waiting = self.lock();
        let mut of_tenant: Vec<(Timestamp, String)> = waiting
            .iter()
            .filter(|(_, other)| other.tenant == cursor.tenant)
            .map(|(key, other)| (other.expires_at, key.clone()))
            .collect();
        of_tenant.sort();
        for (_, oldest) in of_tenant.iter().rev().skip(MOST - 1) {
            waiting.remove(oldest);
        }
        waiting.insert(key, cursor);
        locator
    }

    fn take(&self, client: &str, locator: &str) -> Option<Cursor> {
        let (key, position) = locator.rsplit_once('-')?;
        let mut waiting = self.lock();
        let cursor = waiting.get(key)?;
        let is_right = cursor.client == client && cursor.position.to_string() == position;
        if is_right { waiting.remove(key) } else { None }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cursor>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ask a ZOQL query
///
/// Its first page of records. A longer result has a `queryLocator` with which to ask for more.
#[utoipa::path(
    post,
    path = "/v1/action/query",
    operation_id = "query",
    tag = "ZOQL",
    params(("X-Zuora-WSDL-Version" = Option<String>, Header, description = "The version of the object model, 79 unless said")),
    request_body = ActionRequest,
    responses(
        (status = 200, description = "Records", body = Page),
        (status = 400, description = "What is wrong with the query", body = ActionError),
        (status = 403, description = "The client may not read it", body = PlatformError),
    ),
)]
pub async fn query(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let query = action::read_query(&read(&app, body).await?)?;
    let version = headers.get("x-zuora-wsdl-version").and_then(|version| version.to_str().ok()?.parse().ok());
    let version = version.unwrap_or(action::DEFAULT_API_VERSION);
    app.doors.cursors.expire(app.clock.now());
    let deadline = deadline(&app);
    let now = app.clock.now();
    let cursor = tokio::task::spawn_blocking(move || open(&client, &tenant, &query, version, now)).await;
    answer(&app, cursor.map_err(|error| Error::Internal(error.to_string()))??, deadline).await
}

/// The next page of records
///
/// A locator works once, for a quarter of an hour.
#[utoipa::path(
    post,
    path = "/v1/action/queryMore",
    operation_id = "queryMore",
    tag = "ZOQL",
    request_body = LocatorRequest,
    responses(
        (status = 200, description = "Records", body = Page),
        (status = 400, description = "The locator is none, or no longer", body = ActionError),
    ),
)]
pub async fn query_more(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    body: Body,
) -> Result<Response, Error> {
    let locator = action::read_locator(&read(&app, body).await?)?;
    app.doors.cursors.expire(app.clock.now());
    let cursor = app.doors.cursors.take(&client.id, &locator).ok_or_else(action::no_such_locator)?;
    answer(&app, cursor, deadline(&app)).await
}

/// Until when a request that comes now must be answered.
fn deadline(app: &App) -> Timestamp {
    app.clock.now() + SignedDuration::from_secs(i64::from(ANSWER_SECONDS))
}

async fn read(app: &App, body: Body) -> Result<bytes::Bytes, Error> {
    super::body::read(app, body, app.config.server.body_bytes).await
}

fn open(
    client: &Client,
    tenant: &Tenant,
    query: &action::Query,
    version: zoql::ApiVersion,
    now: Timestamp,
) -> Result<Cursor, Error> {
    let (zone, compat) = (tenant.settings.zone(), tenant.settings.zoql.compat.into());
    let snapshot = tenant.source.begin().map_err(failed)?;
    let mut compiled = action::compile(&query.text, snapshot.catalog(), compat, version, &zone)?;
    let (rights, owners) = (&client.rights, &tenant.settings.owners);
    let denied = rights.denied(&compiled.query, snapshot.catalog(), owners);
    if !denied.is_empty() {
        return Err(Error::Forbidden(denied.join(", ")));
    }
    rights.rows().restrict(&mut compiled.query, snapshot.catalog(), owners);
    let (send, pages) = mpsc::channel(1);
    let (reading, most) = (snapshot.clone(), query.batch_size);
    std::thread::Builder::new()
        .name("zoql".to_owned())
        .spawn(move || {
            if let Err(error) = read_all(&*reading, &compiled.query, zone, most, &send) {
                // Nobody is left to hear it if the cursor is gone.
                let _ = send.blocking_send(Err(error));
            }
        })
        .map_err(|error| Error::Internal(format!("no thread for a query: {error}")))?;
    let expires_at = now + PATIENCE;
    let (tenant, client) = (tenant.name.clone(), client.id.clone());
    Ok(Cursor { tenant, client, position: 0, size: 0, pages, snapshot, expires_at })
}

/// Counts, then reads, a page ahead of the client at most.
fn read_all(
    snapshot: &dyn Snapshot,
    query: &bound::Query,
    zone: TimeZone,
    most: usize,
    send: &mpsc::Sender<engine::Result<Read>>,
) -> engine::Result<()> {
    let tell = |read| send.blocking_send(Ok(read)).map_err(|_| Stopped);
    tell(Read::Size(count(snapshot, query)?))?;
    let hand_over = |records, rows| tell(Read::Records { records, rows });
    let mut records = Records::new(query, snapshot.catalog(), zone, most, hand_over);
    for part in snapshot.parts(query, &Rows::LIVE)? {
        part.read(&mut records)?;
    }
    Ok(records.finish()?)
}

fn count(snapshot: &dyn Snapshot, query: &bound::Query) -> engine::Result<u64> {
    let expr = bound::Expr::CountAll;
    let column = bound::Column { expr, name: String::new(), label: String::new(), masked: false };
    let counting = bound::Query { columns: vec![column], order_by: Vec::new(), ..query.clone() };
    let mut count = Count(0);
    for part in snapshot.parts(&counting, &Rows::LIVE)? {
        part.read(&mut count)?;
    }
    Ok(count.0)
}

struct Count(u64);

impl CellSink for Count {
    fn cell(&mut self, cell: Cell<'_>) {
        if let Cell::Integer(count) = cell {
            self.0 += count.unsigned_abs();
        }
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}

async fn answer(app: &App, mut cursor: Cursor, deadline: Timestamp) -> Result<Response, Error> {
    let records = tokio::select! {
        records = next(&mut cursor) => records?,
        () = app.clock.sleep_until(deadline) => return Err(action::timed_out(ANSWER_SECONDS)),
    };
    let size = cursor.size;
    let locator = if cursor.position < size {
        cursor.expires_at = app.clock.now() + PATIENCE;
        Some(app.doors.cursors.keep(cursor))
    } else {
        None
    };
    Ok(respond::json(StatusCode::OK, &Page::new(size, records, locator)))
}

async fn next(cursor: &mut Cursor) -> Result<Box<RawValue>, Error> {
    loop {
        match cursor.pages.recv().await {
            Some(Ok(Read::Size(size))) => cursor.size = size,
            Some(Ok(Read::Records { records, rows })) => {
                cursor.position += rows;
                return Ok(records);
            }
            Some(Err(error)) => return Err(failed(error)),
            None => return Err(Error::Internal("a query ended without its records".to_owned())),
        }
    }
}

fn failed(error: engine::Error) -> Error {
    Error::Internal(format!("a query failed: {error}"))
}
