//! Notes what has been sent of a result file, so that it is known when a client has all of it: at once, or in parts.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use crate::{app::App, job::FileId, store::PublishedFile};

/// The bytes of a range of a file. With the last of them it is written down that they were sent: by then, a client that has gone
/// has been noticed, but for what is still on its way. Of an answer that breaks off, what was sent counts: a client that goes
/// on begins where it has lost it, or before.
pub(super) fn noted<E, S: Stream<Item = Result<Bytes, E>>>(
    app: Arc<App>,
    file: &PublishedFile,
    range: Range<u64>,
    bytes: S,
) -> impl Stream<Item = Result<Bytes, E>> + use<E, S> {
    let has_all = file.downloaded_at.is_some();
    let mut sending = Sending { app, file: file.id, sent: range.start..range.start, end: range.end, is_noted: has_all };
    bytes.then(move |chunk| {
        let note = chunk.as_ref().ok().and_then(|chunk| sending.pass(chunk.len() as u64));
        async move {
            if let Some(note) = note {
                note.keep().await;
            }
            chunk
        }
    })
}

/// An answer on its way.
struct Sending {
    app: Arc<App>,
    file: FileId,
    sent: Range<u64>,
    end: u64,
    is_noted: bool,
}

impl Sending {
    /// Counts bytes; what is to be noted, if these are the last.
    fn pass(&mut self, bytes: u64) -> Option<Note> {
        self.sent.end += bytes;
        (self.sent.end >= self.end).then(|| self.note()).flatten()
    }

    fn note(&mut self) -> Option<Note> {
        let is_new = !std::mem::replace(&mut self.is_noted, true);
        is_new.then(|| Note { app: self.app.clone(), file: self.file, sent: self.sent.clone() })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        if let (Some(note), Ok(runtime)) = (self.note(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(note.keep());
        }
    }
}

struct Note {
    app: Arc<App>,
    file: FileId,
    sent: Range<u64>,
}

impl Note {
    async fn keep(self) {
        if let Err(error) = self.app.store.sent(self.file, self.sent, self.app.clock.now()).await {
            tracing::warn!(file = %self.file, %error, "cannot note the download");
        }
    }
}
