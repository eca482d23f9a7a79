//! Submit, status, cancel, last completed job.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{describe, respond, to_the_end};
use crate::{
    app::App,
    aqua::{
        Error,
        answer::{self, JobAnswer},
        body::JobOrError,
        callout, error,
        request::SubmitRequest,
        submit,
    },
    job::{
        Encryption, Event, Identity, Job, JobId, Reads, SessionKey, Spec,
        session::{Start, Undelivered},
    },
    past::Past,
    recipient,
    store::{Client, KeyedRequest, Refusal},
    tenant::Tenant,
};

/// Submit a job
///
/// When the answer is here, the job is on disk. A job that is refused is answered with status 200, too, and has no `id`.
#[utoipa::path(
    post,
    path = "/v1/batch-query",
    operation_id = "submitJob",
    tag = "Jobs",
    request_body = SubmitRequest,
    responses((status = 200, description = "The job, or why there is none", body = JobAnswer<'static>, links(
        ("status" = (operation_id = "jobStatus", parameters(("id" = "$response.body#/id")))),
        ("cancel" = (operation_id = "cancelJob", parameters(("id" = "$response.body#/id")))),
        ("manifest" = (operation_id = "jobManifest", parameters(("id" = "$response.body#/id")))),
    ))),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    key: Option<Extension<KeyedRequest>>,
    body: Body,
) -> Result<Response, Error> {
    let body = super::body::read(&app, body, app.config.server.body_bytes).await?;
    let mut request = submit::read(&body)?;
    request.spec.callout = callout::is_wanted(&request.spec, &tenant.settings);
    let accepted = async {
        let (job, warnings) = prepare(&app, &client, &tenant, request.clone()).await?;
        let told = Job { warnings: [&*job.warnings, &*warnings].concat(), ..job.clone() };
        store(&app, &client, &tenant, key, &job, &answer::submitted(&told, &tenant.settings)).await
    };
    match accepted.await {
        Ok(response) => Ok(response),
        Err(error) => refuse(&app, &client, &tenant, &request.spec, error).await,
    }
}

/// The job of a request, if nothing is against it, and warnings that are true only now: what is true when the job begins, its
/// batches will say.
pub(super) async fn prepare(
    app: &App,
    client: &Client,
    tenant: &Arc<Tenant>,
    mut request: submit::Request,
) -> Result<(Job, Vec<String>), Error> {
    let mut past = None;
    if let Some(key) = request.spec.session() {
        app.doors.sent.write(&*app.store).await;
        let read = Past::read(&*app.store, tenant, &key).await?;
        if request.spec.wants_last_queries() && !read.queries().is_empty() {
            may_see_last(app, client, tenant, &key).await?;
        }
        submit::settle(&mut request, &tenant.settings, read.queries())?;
        past = Some(read);
    }
    request.spec.reads_masked = client.reads_masked;
    let (request, checked) = check(client, tenant, request).await?;
    let submit::Checked { mut warnings, reads, skipped, identities } = checked;
    let spec = Spec { reads, ..request.spec };
    warnings.extend(callout::warning(&spec, &tenant.settings, &app.config.callout.allow));
    let now = app.clock.now();
    if spec.encryption == Encryption::Pgp {
        recipient::of_tenant(&*app.store, &tenant.name, now).await?;
    }
    let mut job = Job::new(JobId::new(now), client.tenant.clone(), spec, warnings, now);
    for skipped in skipped {
        job.skip(skipped.query, &error::no_permission(&skipped.objects));
    }
    let mut undelivered = Vec::new();
    if let Some(past) = past {
        undelivered = expect(app, &mut job, &identities, &past).await?;
    }
    Ok((job, answer::undelivered(undelivered.into_iter())))
}

/// Stores a new job together with the answer to its request.
pub(super) async fn store(
    app: &Arc<App>,
    client: &Client,
    tenant: &Tenant,
    key: Option<Extension<KeyedRequest>>,
    job: &Job,
    answer: &impl Serialize,
) -> Result<Response, Error> {
    let answer = respond::to_keep(StatusCode::OK, answer)?;
    let (app, client, job) = (app.clone(), client.name.clone(), job.clone());
    let most = tenant.settings.limits.open_jobs();
    to_the_end(async move {
        app.store.insert(&job, most, key.as_deref().map(|key| (key, &answer))).await?;
        let (queries, replay) = (job.batches.len(), job.spec.replay);
        tracing::info!(job = %job.id, client, queries, replay, "submitted");
        app.runner.wake();
        Ok(answer.into_response())
    })
    .await
}

/// Holds a request against the rules, off the async threads: many long queries take a while to compile.
async fn check(
    client: &Client,
    tenant: &Arc<Tenant>,
    request: submit::Request,
) -> Result<(submit::Request, submit::Checked), Error> {
    let catalog = describe::catalog(tenant).await?;
    let (rights, tenant) = (client.rights.clone(), tenant.clone());
    let checking = tokio::task::spawn_blocking(move || {
        let rules = submit::Rules { rights: &rights, tenant: &tenant.settings, catalog: &catalog };
        let checked = submit::check(&request, &rules)?;
        Ok((request, checked))
    });
    checking.await.map_err(|error| Error::Internal(error.to_string()))?
}

/// Says of each batch of a session's new job whether it is going to be all that lives, as far as is known. Answers what the
/// client may have lost before.
async fn expect(app: &App, job: &mut Job, identities: &[Identity], past: &Past) -> Result<Vec<Undelivered>, Error> {
    if job.spec.incremental_time.is_some() {
        job.batches.iter_mut().for_each(|batch| batch.will_be_full = false);
        return Ok(Vec::new());
    }
    let lifetime = app.config.retention.sessions();
    let mut undelivered = Vec::new();
    for ((batch, query), identity) in job.batches.iter_mut().zip(&job.spec.queries).zip(identities) {
        let name = query.name.as_deref();
        let next = past.next(&*app.store, identity, name, job.submitted_at, lifetime).await?;
        batch.will_be_full = matches!(next.start, Start::Full(_));
        undelivered.extend(next.undelivered);
    }
    Ok(undelivered)
}

/// Says why there is no job, and keeps it for whoever is asked later.
async fn refuse(app: &App, client: &Client, tenant: &Tenant, spec: &Spec, error: Error) -> Result<Response, Error> {
    let wire = error.wire();
    let (200, error::Body::Aqua { code, message }) = (wire.status, wire.body) else { return Err(error) };
    // Not as `message`, which would be logged as it is: it holds what the client wrote, line breaks too.
    tracing::info!(client = client.name, code, why = message, "refused");
    let refusal = Refusal {
        tenant: client.tenant.clone(),
        client: client.id.clone(),
        at: app.clock.now(),
        code: code.to_owned(),
        message: message.clone(),
    };
    app.store.add_refusal(&refusal).await?;
    let answer = answer::refused(spec, code, message, error.faults(), tenant.settings.quirks);
    Ok(respond::json(StatusCode::OK, &answer))
}

/// How a job is doing
#[utoipa::path(
    get,
    path = "/v1/batch-query/jobs/{id}",
    operation_id = "jobStatus",
    tag = "Jobs",
    params(("id" = JobId, Path)),
    responses((status = 200, description = "The job, or that there is none", body = JobOrError, links(
        ("file" = (operation_id = "downloadFile", parameters(("id" = "$response.body#/batches/0/fileId")))),
        ("fileStatus" = (operation_id = "fileStatus", parameters(("id" = "$response.body#/batches/0/fileId")))),
    ))),
)]
pub async fn status(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = find(&app, &client, &tenant, &id).await?;
    Ok(job_response(&app, &tenant, &job))
}

/// Cancel a job
///
/// Takes effect at once, and nothing more is published. A job that has ended is not cancelled: 90003.
#[utoipa::path(
    delete,
    path = "/v1/batch-query/jobs/{id}",
    operation_id = "cancelJob",
    tag = "Jobs",
    params(("id" = JobId, Path)),
    responses((status = 200, description = "The cancelled job, or why it is not", body = JobOrError)),
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id = find(&app, &client, &tenant, &id).await?.id;
    let job = end(&app, &client, id).await?;
    Ok(job_response(&app, &tenant, &job))
}

/// Cancels a job that the client may see.
pub(super) async fn end(app: &Arc<App>, client: &Client, id: JobId) -> Result<Job, Error> {
    let (app, client) = (app.clone(), client.name.clone());
    to_the_end(async move {
        let job = app.store.apply(id, None, Event::Cancelled { at: app.clock.now() }).await?;
        app.runner.cancel(id);
        // Its session's next one may go now.
        app.runner.wake();
        app.callouts.wake();
        tracing::info!(job = %id, client, "cancelled");
        Ok(job)
    })
    .await
}

/// The last completed job of a session
#[utoipa::path(
    get,
    path = "/v1/batch-query/jobs/partner/{partner}/project/{project}",
    operation_id = "lastCompletedJob",
    tag = "Sessions",
    params(("partner" = String, Path), ("project" = String, Path)),
    responses((status = 200, description = "The job, or that there is none", body = JobOrError)),
)]
pub async fn last_completed(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path((partner, project)): Path<(String, String)>,
) -> Result<Response, Error> {
    let session = SessionKey { partner, project };
    let job = app.store.last_completed(&client.tenant, &session).await?.ok_or(Error::NoLastJob)?;
    may_see(&client, &tenant, &job.spec.reads).await?;
    Ok(job_response(&app, &tenant, &job))
}

/// Whoever may not see a session's last job must not be given its queries either.
async fn may_see_last(app: &App, client: &Client, tenant: &Tenant, session: &SessionKey) -> Result<(), Error> {
    if !client.rights.are_limited() {
        return Ok(());
    }
    // Sessions outlive their jobs; then nobody knows any more what those read.
    let last = app.store.last_completed(&client.tenant, session).await?.ok_or(Error::NotAuthorized)?;
    may_see(client, tenant, &last.spec.reads).await
}

/// The tenant's job of that id, if the client may see it.
pub async fn find(app: &App, client: &Client, tenant: &Tenant, id: &str) -> Result<Job, Error> {
    let id = id.parse().map_err(|_| Error::NoSuchJob)?;
    let job = app.store.job(&tenant.name, id).await?.ok_or(Error::NoSuchJob)?;
    may_see(client, tenant, &job.spec.reads).await?;
    Ok(job)
}

/// Whoever may not read all that a job reads must not see it, nor its files.
pub async fn may_see(client: &Client, tenant: &Tenant, reads: &Reads) -> Result<(), Error> {
    // Most clients may read everything, and need not wait for the object model.
    let may = !client.rights.are_limited()
        || client.rights.cover(reads, &*describe::catalog(tenant).await?, &tenant.settings.owners);
    if may { Ok(()) } else { Err(Error::NotAuthorized) }
}

fn job_response(app: &App, tenant: &Tenant, job: &Job) -> Response {
    let rows_so_far = |batch| app.runner.rows_so_far(job.id, batch);
    respond::json(StatusCode::OK, &answer::status(job, &tenant.settings, &rows_so_far)).into_response()
}
