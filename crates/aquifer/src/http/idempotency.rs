//! `Idempotency-Key`: a POST that is sent again with its key is not done again, but answered as the first time.
//!
//! The first answer, whatever it is, is kept for 24 hours. Keys belong to their tenant. A key is claimed once the request is
//! here whole: an upload that broke off has not been answered, and may be sent again. From then on the work goes on when the
//! client hangs up: then the answer is there when it comes back. The answer to a request that makes a job is kept together with
//! the job, so that a crash leaves both or neither.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use futures::FutureExt as _;
use jiff::SignedDuration;

use super::{body, respond, to_the_end};
use crate::{
    app::App,
    aqua::Error,
    store::{Claim, Client, KeptAnswer, KeyedRequest},
};

const MOST_CHARACTERS: usize = 255;

/// How long an answer that could not be kept rests before that is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(5);

pub async fn idempotent(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let Some(key) = request.headers().get("idempotency-key").filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().map_err(|error| Error::Malformed(format!("Idempotency-Key: {error}")))?.to_owned();
    if key.is_empty() || key.len() > MOST_CHARACTERS {
        return Err(Error::Malformed(format!("Idempotency-Key must have 1 to {MOST_CHARACTERS} characters")));
    }
    let mut target = format!("POST {}", request.uri());
    if client.rights.are_limited() {
        // What another client was answered may be more than this one may see.
        target += &format!(" {} {}", client.id, client.rights);
    }
    let keyed = KeyedRequest { tenant: client.tenant, key, target };
    let (head, body) = request.into_parts();
    let body = body::read(&app, body, app.config.server.body_bytes).await?;
    let mut request = Request::from_parts(head, body.into());
    // A handler that stores something may store the answer with it.
    request.extensions_mut().insert(keyed.clone());
    match app.store.claim_key(&keyed, app.clock.now()).await? {
        Claim::New => {
            to_the_end(async move {
                // A panic is an answer like any other, and is kept like any other.
                let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
                keep(app, keyed, answer.unwrap_or_else(respond::panicked)).await
            })
            .await
        }
        Claim::Unanswered => Err(Error::KeyInUse),
        Claim::OfAnother => Err(Error::KeyOfAnother),
        Claim::Answered(answer) => Ok(answer.into_response()),
    }
}

/// Keeps an answer for whoever sends the request again. It is given in any case, for the work is done.
async fn keep(app: Arc<App>, keyed: KeyedRequest, response: Response) -> Result<Response, Error> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Error::Internal(error.to_string()))?;
    let header =
        |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    let headers = head.headers.iter().filter_map(header).collect();
    let answer = KeptAnswer { status: head.status.as_u16(), headers, body: body.to_vec() };
    if let Err(error) = app.store.answer_key(&keyed, &answer).await {
        tracing::error!(%error, "cannot keep an answer for its Idempotency-Key yet");
        tokio::spawn(keep_later(app, keyed, answer));
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Until it succeeds the key is in use: to do the request once more would be worse.
async fn keep_later(app: Arc<App>, keyed: KeyedRequest, answer: KeptAnswer) {
    loop {
        app.clock.sleep_until(app.clock.now() + RETRY).await;
        match app.store.answer_key(&keyed, &answer).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "still cannot keep an answer for its Idempotency-Key"),
        }
    }
}
