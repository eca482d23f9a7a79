//! Notes what has been sent of result files, so that it is known when a client has all of one: at once, or in parts.
//!
//! Sent are bytes that the system has taken to send them. hyper says so by dropping a buffer: it does that when the buffer
//! has been written, and besides only with its connection, which is why the [`Connection`] must still be there. It does not
//! ask a body for more once its length is reached, so the end of the body would say nothing. That the client has read what
//! was sent, or stored it, nobody knows before the client says so.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::{
    app::App,
    job::FileId,
    store::{Sent, Store},
};

/// In the extensions of a request: whether its connection is still there.
#[derive(Clone)]
pub(super) struct Connection(Weak<()>);

/// In the extensions of an answer: the bytes of a file that it is made of.
#[derive(Clone)]
pub(super) struct Part {
    pub file: FileId,
    pub range: Range<u64>,
}

/// What has been sent and not been written down yet.
#[derive(Default)]
pub struct Notes {
    queue: Mutex<VecDeque<Sent>>,
    writing: tokio::sync::Mutex<()>,
}

impl Connection {
    /// There for as long as the life that it comes with.
    pub fn new() -> (Arc<()>, Connection) {
        let life = Arc::new(());
        let connection = Connection(Arc::downgrade(&life));
        (life, connection)
    }

    fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Notes {
    /// Writes down what has been sent until now, all at once, however many pieces somebody fetches a file in. Whoever asks the
    /// store what a client has comes here first.
    pub async fn write(&self, store: &dyn Store) {
        let _turn = self.writing.lock().await;
        let parts: Vec<Sent> = self.queue().iter().cloned().collect();
        if parts.is_empty() {
            return;
        }
        if let Err(error) = store.sent(&parts).await {
            tracing::warn!(%error, "cannot note downloads");
        }
        // Only now: who gives up waiting leaves them to the next.
        self.queue().drain(..parts.len());
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Sent>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what has been sent of answers that are made of a file. Stands around whatever changes bodies.
pub(super) async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    let mut response = next.run(request).await;
    let (Some(connection), Some(part)) = (connection, response.extensions_mut().remove::<Part>()) else {
        return response;
    };
    let sending = Arc::new(Sending {
        app,
        connection,
        part,
        is_packed: response.headers().contains_key(header::CONTENT_ENCODING),
        passed: AtomicU64::new(0),
        taken: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    response.map(|body| sending.watch(body))
}

/// An answer on its way. It ends when hyper has dropped its body and all of its buffers.
struct Sending {
    app: Arc<App>,
    connection: Connection,
    part: Part,
    /// Whether what is sent are not the bytes of the file, but packed ones.
    is_packed: bool,
    /// Bytes that were handed to hyper.
    passed: AtomicU64,
    /// Those of them that the system has taken.
    taken: AtomicU64,
    /// Whether the body was asked for more and had none.
    is_over: AtomicBool,
}

impl Sending {
    fn watch(self: Arc<Self>, body: Body) -> Body {
        let ending = self.clone();
        let end = stream::poll_fn(move |_| {
            ending.is_over.store(true, Relaxed);
            None.into()
        });
        let chunks = body.into_data_stream().map(move |chunk| {
            chunk.map(|bytes| {
                self.passed.fetch_add(bytes.len() as u64, Relaxed);
                Bytes::from_owner(Chunk { bytes, sending: self.clone() })
            })
        });
        Body::from_stream(chunks.chain(end))
    }

    /// What has been sent of the file. Of an answer that breaks off, what was sent counts: a client that goes on begins where
    /// it has lost it, or before. Of packed bytes nobody can tell which of the file they are, so they count if they are all.
    fn sent(&self) -> Range<u64> {
        let Range { start, end } = self.part.range;
        let taken = self.taken.load(Relaxed);
        if !self.is_packed {
            return start..end.min(start + taken);
        }
        let is_all = self.is_over.load(Relaxed) && taken == self.passed.load(Relaxed);
        if is_all { start..end } else { start..start }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let range = self.sent();
        if range.is_empty() {
            return;
        }
        let app = self.app.clone();
        app.doors.sent.queue().push_back(Sent { file: self.part.file, range, at: app.clock.now() });
        // Without a runtime the server is coming to its end, and writes down what is left.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { app.doors.sent.write(&*app.store).await });
        }
    }
}

/// A buffer of hyper's.
struct Chunk {
    bytes: Bytes,
    sending: Arc<Sending>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if self.sending.connection.is_there() {
            self.sending.taken.fetch_add(self.bytes.len() as u64, Relaxed);
        }
    }
}
