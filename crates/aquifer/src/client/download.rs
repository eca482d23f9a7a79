//! Result files, from the server to standard output or a directory.
//!
//! A file grows beside its place and gets its name when it is whole and checked: what has the name is complete. Several
//! come at one time, and several pieces of a long one, if the server knows ranges and tells a digest by which the pieces
//! are checked together; what breaks off is then continued where it broke, now or when the command is run again. From
//! other servers, the original among them, a file comes in one piece, and from the start if that breaks.

mod part;
mod side;
mod stream;
mod wanted;
mod whole;

pub use stream::SkipHeader;
pub use wanted::{Wanted, wanted};
pub use whole::sha256;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    num::NonZeroUsize,
    ops::Range,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ureq::{Body, http::Response};

use super::{Client, Error, Result, interrupt::Interrupt};
use part::Part;
use side::{Connection, Connections, side_by_side};
use whole::{Version, Whole};

/// What the downloads of one command have in common.
pub struct Downloads<'a> {
    client: &'a Client,
    interrupt: &'a Interrupt,
    connections: Connections,
    bars: MultiProgress,
}

/// What a name stands for now.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    Written,
    /// It was there already, the same.
    Present,
}

/// Bytes of a piece: large enough that a request for each costs nothing.
const PIECE: u64 = 16 << 20;

/// How often in a row a download may fail without getting any further: half a minute.
const ATTEMPTS: u32 = 8;

/// How often one that came out wrong is begun anew.
const ANEW: u32 = 2;

/// The pause after a second such failure; it doubles with each. After the first there is none.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest time that a busy server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

impl<'a> Downloads<'a> {
    /// At most `connections` at one time.
    pub fn new(client: &'a Client, interrupt: &'a Interrupt, connections: NonZeroUsize) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Downloads { client, interrupt, connections: Connections::new(connections), bars }
    }

    /// Fetches all files into a directory; `done` hears of each. If the server refuses one of them, the others are
    /// fetched all the same.
    pub fn save_all(&self, wanted: &[Wanted], dir: &Path, done: impl Fn(&Path) + Sync) -> Result<()> {
        let refused = Mutex::new(Ok(()));
        side_by_side(self.connections.all(), wanted, |wanted| {
            let path = dir.join(&wanted.name);
            match self.save(wanted, &path) {
                Ok(_) => self.bars.suspend(|| done(&path)),
                Err(Error::Refused { code, message, faults }) => {
                    let error = Error::Refused { code, message: format!("{}: {message}", wanted.name), faults };
                    *refused.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        refused.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches one file to a path.
    pub fn save(&self, wanted: &Wanted, path: &Path) -> Result<Saved> {
        let (mut failures, mut furthest, mut anew) = (0, part::kept(path, &wanted.file), 0);
        loop {
            let error = match self.attempt(wanted, path) {
                Err(error) if error.is_retryable() => error,
                Err(Error::Changed | Error::OtherDigest) if anew < ANEW => {
                    anew += 1;
                    continue;
                }
                outcome => return outcome,
            };
            let kept = part::kept(path, &wanted.file);
            failures = if kept > furthest { 1 } else { failures + 1 };
            furthest = furthest.max(kept);
            if failures == ATTEMPTS {
                return Err(error);
            }
            self.pause(failures, &error)?;
        }
    }

    fn attempt(&self, wanted: &Wanted, path: &Path) -> Result<Saved> {
        let failed = |error| Error::File { path: path.to_owned(), error };
        let connection = self.connections.take();
        let response = self.client.file(&wanted.file)?;
        let whole = Whole::of(&response).agreed(wanted)?;
        if whole.is_at(path).map_err(failed)? {
            part::remove(path, &wanted.file);
            return Ok(Saved::Present);
        }
        match whole.version() {
            Some(version) => self.save_in_pieces(wanted, path, &version, response, connection)?,
            None => self.save_in_one(wanted, path, &whole, response)?,
        }
        Ok(Saved::Written)
    }

    /// The answer that is there already is the beginning of the file, if that is missing.
    fn save_in_pieces(
        &self,
        wanted: &Wanted,
        path: &Path,
        version: &Version<'_>,
        response: Response<Body>,
        connection: Connection<'_>,
    ) -> Result<()> {
        let failed = |error| Error::File { path: path.to_owned(), error };
        let part = Part::open(path, &wanted.file, version).map_err(failed)?;
        let pieces = part.missing(PIECE);
        let bar = self.bar(&wanted.name, Some(version.length));
        bar.set_position(version.length - pieces.iter().map(|piece| piece.end - piece.start).sum::<u64>());
        let is_first = pieces.first().is_some_and(|piece| piece.start == 0);
        let first = Mutex::new(is_first.then_some((response, connection)));
        side_by_side(self.connections.all().min(pieces.len()), pieces, |piece| {
            let begun = (piece.start == 0).then(|| first.lock().unwrap_or_else(PoisonError::into_inner).take());
            let (response, _connection) = match begun.flatten() {
                Some(begun) => begun,
                None => {
                    let connection = self.connections.take();
                    self.interrupt.check()?;
                    (self.range(&wanted.file, &piece, version)?, connection)
                }
            };
            self.save_piece(&part, piece, response, &bar)
        })?;
        bar.set_message("checking");
        part.finish(path, version)
    }

    fn range(&self, file: &str, range: &Range<u64>, version: &Version<'_>) -> Result<Response<Body>> {
        let response = self.client.range_of_file(file, range, version.etag)?;
        if response.status() != 206 {
            return Err(Error::Changed);
        }
        let said = response.headers().get("Content-Range").and_then(|said| said.to_str().ok()).unwrap_or_default();
        let asked = format!("bytes {}-{}/{}", range.start, range.end - 1, version.length);
        if said != asked {
            return Err(Error::Broken(format!("{said:?} instead of {asked:?}")));
        }
        Ok(response)
    }

    fn save_piece(&self, part: &Part, range: Range<u64>, response: Response<Body>, bar: &ProgressBar) -> Result<()> {
        let failed = |error| Error::File { path: part.path().to_owned(), error };
        let length = range.end - range.start;
        let mut piece = part.piece(range.start).map_err(failed)?;
        let copied = self.copy(response, Some(length), |bytes| {
            bar.inc(bytes.len() as u64);
            piece.write(bytes).map_err(failed)
        });
        // Also of a piece that broke off.
        piece.note().map_err(failed)?;
        let copied = copied?;
        if copied == length { Ok(()) } else { Err(Error::Broken(format!("{copied} bytes of {length}"))) }
    }

    fn save_in_one(&self, wanted: &Wanted, path: &Path, whole: &Whole, response: Response<Body>) -> Result<()> {
        let part = part::path_of(path, &wanted.file);
        let saved = self.write_part(&wanted.name, &part, whole, response);
        if saved.is_err() {
            // It helps nobody; if it cannot be removed, its name says what it is.
            let _ = fs::remove_file(&part);
        }
        saved?;
        fs::rename(&part, path).map_err(|error| Error::File { path: path.to_owned(), error })
    }

    fn write_part(&self, name: &str, part: &Path, whole: &Whole, response: Response<Body>) -> Result<()> {
        let failed = |error| Error::File { path: part.to_owned(), error };
        let mut file = File::create(part).map_err(failed)?;
        let bar = self.bar(name, whole.length());
        let copied = self.copy(response, None, |bytes| {
            bar.inc(bytes.len() as u64);
            file.write_all(bytes).map_err(failed)
        })?;
        file.sync_all().map_err(failed)?;
        whole.check(copied, || File::open(part).and_then(sha256).map_err(failed))
    }

    /// Hands over the bytes of a body as they come, or the first `most` of them. Returns how many there were.
    fn copy(
        &self,
        response: Response<Body>,
        most: Option<u64>,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut body = body.take(most.unwrap_or(u64::MAX));
        let mut buffer = vec![0; 256 << 10];
        let mut copied = 0;
        loop {
            self.interrupt.check()?;
            match body.read(&mut buffer) {
                Ok(0) => return Ok(copied),
                Ok(read) => {
                    take(&buffer[..read])?;
                    copied += read as u64;
                }
                Err(error) => return Err(Error::Broken(error.to_string())),
            }
        }
    }

    fn pause(&self, failures: u32, error: &Error) -> Result<()> {
        let pause = if failures < 2 { Duration::ZERO } else { PAUSE * 2u32.pow(failures - 2) };
        match error {
            Error::Busy { retry_after: Some(wait), .. } => self.interrupt.wait((*wait).clamp(pause, LONGEST_PAUSE)),
            _ => self.interrupt.wait(pause),
        }
    }

    /// Shown while it lives, if standard error is a terminal.
    fn bar(&self, name: &str, length: Option<u64>) -> ProgressBar {
        let template = if length.is_some() {
            "{prefix}  {bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} {msg}"
        } else {
            "{prefix}  {spinner} {bytes}  {bytes_per_sec}"
        };
        let bar = self.bars.add(length.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.with_prefix(name.to_owned()).with_finish(indicatif::ProgressFinish::AndClear)
    }
}
