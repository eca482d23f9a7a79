//! Sessions and their increments: what there was, that it has arrived, and once more.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{jobs, respond};
use crate::{
    app::App,
    aqua::{
        Error, answer,
        body::{JobOrError, PlatformError},
        increments::{self, Done, Increments, Sessions},
    },
    job::{BatchState, Increment, Job, JobId, Reads, SessionKey, Spec},
    store::{Client, KeyedRequest},
    tenant::Tenant,
};

/// Increments, or sessions, in one answer.
const LIMIT: u32 = 100;
const MOST: u32 = 1000;

/// The sessions
///
/// Those of the newest jobs first. A session is there once a job of it has completed, for clients that may see its last one.
/// Ours.
#[utoipa::path(
    get,
    path = "/v1/batch-query/sessions",
    operation_id = "listSessions",
    tag = "Sessions",
    params(("limit" = Option<u32>, Query, description = "How many at most, 100 unless said", minimum = 1, maximum = 1000)),
    responses((status = 200, description = "The sessions", body = Sessions<'static>)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Error> {
    let Page { limit, .. } = page(asked)?;
    let mut seen = Vec::new();
    for session in app.store.sessions(&tenant.name, limit).await? {
        // What the job of a session read whose job is gone, nobody knows: it may have been anything.
        let anything = Reads::default();
        let reads = session.last_job.as_ref().map_or(&anything, |job| &job.reads);
        if may_see(&client, &tenant, reads).await? {
            seen.push(session);
        }
    }
    Ok(respond::json(StatusCode::OK, &increments::sessions(&seen, &tenant.settings.zone())))
}

/// The increments of a session
///
/// Oldest first: the last ones, or those that follow `after`. Ours.
#[utoipa::path(
    get,
    path = "/v1/batch-query/sessions/{partner}/{project}",
    operation_id = "listIncrements",
    tag = "Sessions",
    params(
        ("partner" = String, Path), ("project" = String, Path),
        ("after" = Option<u32>, Query, description = "A number that they come after; 0 begins with the first"),
        ("limit" = Option<u32>, Query, description = "How many at most, 100 unless said", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "The increments", body = Increments<'static>),
        (status = 404, description = "No job of the session has completed", body = PlatformError),
    ),
)]
pub async fn increments(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project)): Path<(String, String)>,
    RawQuery(asked): RawQuery,
) -> Result<Response, Error> {
    let Page { after, limit } = page(asked)?;
    let key = SessionKey { partner, project };
    app.doors.sent.write(&*app.store).await;
    let session = app.store.session(&tenant.name, &key).await?;
    if session.last.is_none() {
        return Err(Error::NoSuchSession);
    }
    let after = after.unwrap_or(session.increments.saturating_sub(limit));
    let found = app.store.increments(&tenant.name, &key, after, limit).await?;
    // Others may have come since the session was read; they are for the next time.
    let next = found.last().map(|last| last.number).filter(|last| *last < session.increments);
    let mut seen = Vec::new();
    for increment in found {
        if may_see(&client, &tenant, &increment.job.spec.reads).await? {
            seen.push(increment);
        }
    }
    Ok(respond::json(StatusCode::OK, &increments::list(&key, &seen, next, &tenant.settings.zone())))
}

/// Say that an increment has arrived
///
/// To be said once it is stored: of a download the server knows only that it has been sent. Ours.
#[utoipa::path(
    post,
    path = "/v1/batch-query/sessions/{partner}/{project}/increments/{number}/ack",
    operation_id = "acknowledgeIncrement",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path), ("number" = u32, Path, example = 1)),
    responses(
        (status = 200, description = "It is noted", body = Done),
        (status = 404, description = "There is no such increment", body = PlatformError),
    ),
)]
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let key = SessionKey { partner, project };
    let number = find(&app, &client, &tenant, &key, &number).await?.number;
    if !app.store.acknowledge(&client.tenant, &key, number, app.clock.now()).await? {
        return Err(Error::NoSuchIncrement);
    }
    Ok(respond::json(StatusCode::OK, &increments::DONE))
}

/// Return an increment once more
///
/// Submits a job with the windows of the increment. Ours.
#[utoipa::path(
    post,
    path = "/v1/batch-query/sessions/{partner}/{project}/increments/{number}/replay",
    operation_id = "replayIncrement",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path), ("number" = u32, Path, example = 1)),
    responses(
        (status = 200, description = "The job", body = JobOrError),
        (status = 404, description = "There is no such increment", body = PlatformError),
    ),
)]
pub async fn replay(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    key: Option<Extension<KeyedRequest>>,
    Path((partner, project, number)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let session = SessionKey { partner, project };
    let Increment { job: original, number, .. } = find(&app, &client, &tenant, &session, &number).await?;
    // It ends at the snapshot: a row of the window may have changed since, and is then found only behind its end.
    let spec = Spec { replay: Some(number), offset: None, reads_masked: client.reads_masked, ..original.spec };
    let now = app.clock.now();
    let mut job = Job::new(JobId::new(now), client.tenant.clone(), spec, Vec::new(), now);
    for (at, batch) in original.batches.iter().enumerate() {
        job.batches[at].will_be_full = batch.is_full();
        if batch.state == BatchState::Skipped {
            job.skip(at, &batch.message);
        }
    }
    jobs::store(&app, &client, &tenant, key, &job, &answer::submitted(&job, &tenant.settings)).await
}

async fn find(
    app: &App,
    client: &Client,
    tenant: &Tenant,
    session: &SessionKey,
    number: &str,
) -> Result<Increment, Error> {
    let number = number.parse().map_err(|_| Error::NoSuchIncrement)?;
    let increment = app.store.increment(&tenant.name, session, number).await?.ok_or(Error::NoSuchIncrement)?;
    let may = may_see(client, tenant, &increment.job.spec.reads).await?;
    may.then_some(increment).ok_or(Error::NoSuchIncrement)
}

/// Here, what a client may not see is as if it were not there.
async fn may_see(client: &Client, tenant: &Tenant, reads: &Reads) -> Result<bool, Error> {
    match jobs::may_see(client, tenant, reads).await {
        Ok(()) => Ok(true),
        Err(Error::NotAuthorized) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Which part of a list is asked for.
struct Page {
    after: Option<u32>,
    limit: u32,
}

fn page(asked: Option<String>) -> Result<Page, Error> {
    let mut page = Page { after: None, limit: LIMIT };
    for (name, value) in form_urlencoded::parse(asked.unwrap_or_default().as_bytes()) {
        let number = || value.parse().map_err(|_| Error::BadPage);
        match &*name {
            "after" => page.after = Some(number()?),
            "limit" => page.limit = number()?,
            _ => {}
        }
    }
    if (1..=MOST).contains(&page.limit) { Ok(page) } else { Err(Error::BadPage) }
}
