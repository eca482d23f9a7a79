//! Writing one result file: parts read and encoded by several threads, put in order, digested and stored.
//!
//! ```text
//! worker: part -> Encoder -> block --+
//! worker: part -> Encoder -> block --+--> Window (in order, bounded) --> Output: digest, count, upload
//! ```
//!
//! What changes the bytes of a block by itself (compression of a block) belongs at the end of a worker, in
//! [`work::Sink::hand_over`]; what needs the whole stream (framing, encryption) belongs at the start of
//! [`output::Output::write`], before the digest, which is of what is stored.

mod block;
mod output;
mod window;
mod work;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::cell::CellSink;
use crate::csv::{Column, Encoder, Style};
use crate::destination::{Destination, Refused};
use block::{Block, Pool};
use output::Output;
use window::Window;

/// What a file is like and what may be spent on it.
#[derive(Debug, Clone)]
pub struct FileSpec {
    pub columns: Vec<Column>,
    pub style: Style,
    /// How many parts are read and encoded at a time. One more thread, the caller's, digests and stores.
    pub threads: NonZeroUsize,
}

/// How far a file is, and whether it is still wanted. Shared with whoever wants to know; adds up over the files
/// written with it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows that are encoded, in order and digested, the header line not among them.
    pub rows: AtomicU64,
    /// The bytes of these rows and of the header line, as stored.
    pub bytes: AtomicU64,
    /// Set it to stop. It takes effect at the next row of every part, and within milliseconds where nothing is read.
    pub cancelled: AtomicBool,
}

impl Progress {
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// A file that is stored and complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedFile {
    /// Without the header line.
    pub rows: u64,
    pub bytes: u64,
    /// Of the stored bytes.
    pub sha256: [u8; 32],
}

/// Why there is no file. Nothing of it is left in the store, as far as the store let us clean up.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// A part failed: of those that failed, the earliest in the file.
    #[error(transparent)]
    Source(E),
    #[error("storing the file failed")]
    Storage(#[source] object_store::Error),
    #[error("cancelled")]
    Cancelled,
    /// A part panicked with this message.
    #[error("a reader panicked: {0}")]
    Panicked(String),
}

/// Writes one file: the header line, then the parts' rows in the parts' order.
///
/// Memory is bounded by the number of threads, not by the number, length or speed of the parts: the part whose turn it
/// is streams, later ones wait when they are some MiB ahead. Parts of some MiB keep all threads busy; of much longer
/// ones only that whose turn it is makes progress.
///
/// Blocks, so call it on a plain thread and never from async code. A part must give up when its sink says
/// [`Stopped`](crate::Stopped): nothing else can stop it.
pub fn write<P, E>(
    parts: impl IntoIterator<Item = P, IntoIter: Send>,
    spec: &FileSpec,
    destination: &Destination,
    progress: &Progress,
) -> Result<FinishedFile, Error<E>>
where
    P: FnOnce(&mut dyn CellSink) -> Result<(), E> + Send,
    E: Send,
{
    let pool = Pool::default();
    let window = Window::new(parts.into_iter(), spec.threads.get(), progress);
    let mut output = Output::begin(destination, progress);
    let written: Result<(), Refused> = thread::scope(|scope| {
        let _stop = window.stop_at_the_end();
        for _ in 0..spec.threads.get() {
            scope.spawn(|| work::work(&window, spec, &pool));
        }
        output.write(header(spec, &pool), || window.is_stopped())?;
        while let Some(block) = window.next_block()? {
            output.write(block, || window.is_stopped())?;
        }
        Ok(())
    });
    // A failed part comes first: it stops the writer as well, which then knows no reason of its own.
    match (window.into_failure(), written) {
        (None, Ok(())) => Ok(output.finish(|| progress.is_cancelled())?),
        (Some(error), _) => {
            output.abort();
            Err(error)
        }
        (None, Err(refused)) => {
            output.abort();
            Err(refused.into())
        }
    }
}

fn header(spec: &FileSpec, pool: &Pool) -> Block {
    let mut encoder = Encoder::new(&spec.columns, &spec.style);
    encoder.header(&spec.columns);
    Block { bytes: pool.buffer(encoder.take(Vec::new())), rows: 0 }
}

impl<E> From<Refused> for Error<E> {
    /// Without a failed part, nothing but a cancellation stops the writer.
    fn from(refused: Refused) -> Error<E> {
        match refused {
            Refused::Stopped => Error::Cancelled,
            Refused::Storage(error) => Error::Storage(error),
        }
    }
}
