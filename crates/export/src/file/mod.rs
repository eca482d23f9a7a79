//! Writing result files: parts read, encoded and deflated by several threads, put in order, digested and stored.
//!
//! ```text
//! worker: part -> Encoder -> deflate -> block --+
//! worker: part -> Encoder -> deflate -> block --+--> Window --> Contents --> encrypt --> Output
//!                                                    in order   framed                   digested, stored
//! ```

mod block;
mod contents;
mod encrypted;
mod output;
mod window;
mod work;

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::cell::CellSink;
use crate::compress::{Compressor, Format, Frame, Level};
use crate::csv::{Column, Style};
use crate::destination::{Destination, Refused};
use crate::encrypt::Recipient;
use block::Pool;
use contents::{Blocks, Contents, Header};
use output::Output;
use window::Window;

/// What a file is like and what may be spent on it.
#[derive(Debug, Clone)]
pub struct FileSpec {
    pub columns: Vec<Column>,
    pub style: Style,
    pub format: Format,
    /// Of no effect on plain CSV.
    pub level: Level,
    /// Makes the file an OpenPGP message to this key. The plain text is in memory only.
    pub encrypt_to: Option<Recipient>,
    /// How many parts are read, encoded and deflated at a time. One more thread, the caller's, digests and stores.
    pub threads: NonZeroUsize,
}

impl FileSpec {
    fn compressor(&self) -> Option<Compressor> {
        (self.format != Format::Csv).then(|| Compressor::new(self.level))
    }

    /// What so many bytes are at most when they are stored.
    fn max_stored(&self, length: u64) -> u64 {
        self.encrypt_to.as_ref().map_or(length, |recipient| recipient.max_encrypted(length))
    }
}

/// When a file is full and the rows go on in another one. `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Every file but the last has exactly so many, unless it has to end earlier for its bytes.
    pub rows: Option<NonZeroU64>,
    /// Of the file as it is stored, deflated and encrypted. A file stays below by less than two blocks of deflated
    /// rows, and is larger only if it has a single row. Where files are cut depends on the parts, not on threads.
    pub bytes: Option<NonZeroU64>,
}

/// How far a file is, and whether it is still wanted. Shared with whoever wants to know; adds up over the files
/// written with it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rows that are encoded, in order and on their way into the store, the header line not among them.
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
    let (_, file) = write_files(parts, spec, &Limits::default(), |_| destination.clone(), progress)?;
    Ok(file)
}

/// Writes the same rows into as many files as the limits make necessary, in order and each with the header line: one
/// file at least, and none without rows beside others. `destination` is asked where the file of a number goes, from 0,
/// when that file begins.
///
/// As [`write`] otherwise. While a file is being finished the next one is written. If there is an error, none of the
/// files is left.
pub fn write_segments<P, E>(
    parts: impl IntoIterator<Item = P, IntoIter: Send>,
    spec: &FileSpec,
    limits: &Limits,
    destination: impl FnMut(usize) -> Destination,
    progress: &Progress,
) -> Result<Vec<FinishedFile>, Error<E>>
where
    P: FnOnce(&mut dyn CellSink) -> Result<(), E> + Send,
    E: Send,
{
    let (mut files, last) = write_files(parts, spec, limits, destination, progress)?;
    files.push(last);
    Ok(files)
}

/// The last file, of which there always is one, comes apart from the others.
fn write_files<P, E>(
    parts: impl IntoIterator<Item = P, IntoIter: Send>,
    spec: &FileSpec,
    limits: &Limits,
    mut destination: impl FnMut(usize) -> Destination,
    progress: &Progress,
) -> Result<(Vec<FinishedFile>, FinishedFile), Error<E>>
where
    P: FnOnce(&mut dyn CellSink) -> Result<(), E> + Send,
    E: Send,
{
    let pool = Pool::default();
    let window = Window::new(parts.into_iter(), spec.threads.get(), progress);
    let header = Header::new(spec, &pool);
    let stopped = || window.is_stopped();
    // Where the files before the last one are, or are about to be.
    let mut earlier = Vec::new();
    let written = thread::scope(|scope| -> Result<_, Refused> {
        let _stop = window.stop_at_the_end();
        for _ in 0..spec.threads.get() {
            scope.spawn(|| work::work(&window, spec, &pool));
        }
        let mut take = || window.next_block();
        let mut blocks = Blocks::new(&mut take, spec, &pool);
        let mut files = Vec::new();
        let mut finishing = None;
        loop {
            let destination = destination(earlier.len());
            let frame = Frame::new(spec.format, destination.entry_name());
            let contents = Contents::new(&mut blocks, &header, frame, spec, limits, progress);
            let full = Full::write(contents, Output::begin(&destination, progress), spec, stopped)?;
            let are_left = blocks.are_left()?;
            if let Some(thread) = finishing.take() {
                files.push(join(thread)?);
            }
            if !are_left {
                return Ok((files, full));
            }
            earlier.push(destination);
            finishing = Some(scope.spawn(move || full.finish(stopped)));
        }
    });
    // A failed part comes first: it stops the writer as well, which then knows no reason of its own.
    let finished = match (window.into_failure(), written) {
        (Some(error), _) => Err(error),
        (None, Ok((files, last))) => match last.finish(|| progress.is_cancelled()) {
            Ok(last) => Ok((files, last)),
            Err(refused) => Err(refused.into()),
        },
        (None, Err(refused)) => Err(refused.into()),
    };
    if finished.is_err() {
        earlier.iter().for_each(Destination::delete);
    }
    finished
}

/// A file that has all its bytes and is not seen yet.
struct Full<'a> {
    output: Output<'a>,
    rows: u64,
}

impl<'a> Full<'a> {
    fn write(
        mut contents: Contents<'_, '_>,
        mut output: Output<'a>,
        spec: &FileSpec,
        stopped: impl Fn() -> bool,
    ) -> Result<Full<'a>, Refused> {
        match &spec.encrypt_to {
            Some(recipient) => encrypted::write(recipient, &mut contents, &mut output, stopped)?,
            None => {
                while let Some(bytes) = contents.next()? {
                    output.write(bytes, &stopped)?;
                }
            }
        }
        Ok(Full { output, rows: contents.rows() })
    }

    fn finish(self, stopped: impl Fn() -> bool) -> Result<FinishedFile, Refused> {
        self.output.finish(self.rows, stopped)
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
