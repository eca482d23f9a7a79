//! A file that grows beside its place, piece by piece, and outlives the process.
//!
//! The bytes lie where they belong in `NAME.ID.part`. `NAME.ID.part.got` says which of them are there: its first line is
//! the version that they are of, every other one a range. Bytes are written first and their line after, so whatever a line
//! names is there, however the process ends; should the whole system die in between, the digest finds it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    iter,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    wanted::safe_name,
    whole::{self, Version},
};
use crate::client::{Error, Result};

/// Bytes after which a piece notes how far it has come.
const NOTE: u64 = 1 << 20;

pub struct Part {
    path: PathBuf,
    /// Locked as long as it is open: two downloads to one place would spoil each other.
    notes: Mutex<File>,
    length: u64,
    /// What was there when it was opened.
    got: Vec<Range<u64>>,
}

/// Where the file of an id grows: the next job's file of the same name does not continue it.
pub fn path_of(place: &Path, file: &str) -> PathBuf {
    with_ending(place, &format!(".{}.part", safe_name(file).unwrap_or_default()))
}

fn notes_of(part: &Path) -> PathBuf {
    with_ending(part, ".got")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// How many bytes are there to be continued.
pub fn kept(place: &Path, file: &str) -> u64 {
    let notes = fs::read_to_string(notes_of(&path_of(place, file))).unwrap_or_default();
    ranges(&notes).map(|range| range.end - range.start).sum()
}

/// Removes what may be there. What cannot be removed harms nobody, and its name says what it is.
pub fn remove(place: &Path, file: &str) {
    let part = path_of(place, file);
    let _ = fs::remove_file(notes_of(&part));
    let _ = fs::remove_file(part);
}

impl Part {
    /// Opens what there is of this version, or begins.
    pub fn open(place: &Path, file: &str, version: &Version<'_>) -> io::Result<Part> {
        let path = path_of(place, file);
        let mut notes = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(notes_of(&path))?;
        notes.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::other("another process downloads this file"),
            fs::TryLockError::Error(error) => error,
        })?;
        let mut text = String::new();
        // Notes that are no text are not ours.
        let is_read = notes.read_to_string(&mut text).is_ok();
        let head = format!("{} {}", version.etag, version.length);
        let bytes = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        let there = bytes.metadata()?.len();
        let got: Vec<Range<u64>> = ranges(&text).collect();
        let is_ours = is_read && text.lines().next() == Some(&head);
        if is_ours && there <= version.length && got.iter().all(|range| range.end <= there) {
            // A line that was cut off ends here.
            notes.write_all(if text.ends_with('\n') { b"" } else { b"\n" })?;
            return Ok(Part { path, notes: Mutex::new(notes), length: version.length, got });
        }
        bytes.set_len(0)?;
        notes.set_len(0)?;
        notes.rewind()?;
        notes.write_all(format!("{head}\n").as_bytes())?;
        Ok(Part { path, notes: Mutex::new(notes), length: version.length, got: Vec::new() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ranges that were not there when it was opened, none longer than `most`.
    pub fn missing(&self, most: u64) -> Vec<Range<u64>> {
        let mut got = self.got.clone();
        got.sort_by_key(|range| range.start);
        let mut pieces = Vec::new();
        let mut at = 0;
        for there in got.into_iter().chain(iter::once(self.length..self.length)) {
            while at < there.start {
                let end = there.start.min(at + most);
                pieces.push(at..end);
                at = end;
            }
            at = at.max(there.end);
        }
        pieces
    }

    /// A piece to be written from its first byte on.
    pub fn piece(&self, first: u64) -> io::Result<Piece<'_>> {
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(first))?;
        Ok(Piece { part: self, file, unnoted: first..first })
    }

    /// Gives the file its name, if it is what it should be; if not, nothing of it is kept.
    pub fn finish(self, place: &Path, version: &Version<'_>) -> Result<()> {
        let failed = |error| Error::File { path: self.path.clone(), error };
        let file = File::open(&self.path).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        if whole::sha256(file).map_err(failed)? != version.digest {
            let _ = fs::remove_file(notes_of(&self.path));
            let _ = fs::remove_file(&self.path);
            return Err(Error::OtherDigest);
        }
        fs::rename(&self.path, place).map_err(failed)?;
        let _ = fs::remove_file(notes_of(&self.path));
        Ok(())
    }

    fn note(&self, range: &Range<u64>) -> io::Result<()> {
        // One write: no other line comes in between.
        let line = format!("{} {}\n", range.start, range.end);
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

/// A range of a part, being written.
pub struct Piece<'a> {
    part: &'a Part,
    file: File,
    /// Written, and not yet noted.
    unnoted: Range<u64>,
}

impl Piece<'_> {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unnoted.end += bytes.len() as u64;
        if self.unnoted.end - self.unnoted.start < NOTE { Ok(()) } else { self.note() }
    }

    /// Notes what has been written.
    pub fn note(&mut self) -> io::Result<()> {
        if self.unnoted.is_empty() {
            return Ok(());
        }
        self.part.note(&self.unnoted)?;
        self.unnoted.start = self.unnoted.end;
        Ok(())
    }
}

/// The ranges in notes. A line that was cut off names less than there is, or nothing.
fn ranges(notes: &str) -> impl Iterator<Item = Range<u64>> {
    notes.lines().skip(1).filter_map(|line| {
        let (first, end) = line.split_once(' ')?;
        Some(first.parse().ok()?..end.parse().ok()?).filter(|range: &Range<u64>| !range.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(length: u64) -> Version<'static> {
        Version { length, digest: "", etag: "\"v1\"" }
    }

    #[test]
    fn what_is_noted_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.csv");
        let part = Part::open(&place, "f", &version(100)).unwrap();
        assert_eq!(part.missing(60), [0..60, 60..100]);
        for (first, bytes) in [(60, 10), (0, 5), (20, 30), (70, 5)] {
            let mut piece = part.piece(first).unwrap();
            piece.write(&vec![1; bytes]).unwrap();
            piece.note().unwrap();
        }
        assert!(Part::open(&place, "f", &version(100)).is_err(), "one at a time");
        drop(part);
        assert_eq!(kept(&place, "f"), 50);
        assert_eq!(Part::open(&place, "f", &version(100)).unwrap().missing(60), [5..20, 50..60, 75..100]);

        // A line that was cut off counts for nothing, and those that follow it do.
        let notes = notes_of(&path_of(&place, "f"));
        let cut = |line: &str| fs::write(&notes, format!("{}{line}", fs::read_to_string(&notes).unwrap())).unwrap();
        cut("75 9");
        let part = Part::open(&place, "f", &version(100)).unwrap();
        assert_eq!(part.missing(60), [5..20, 50..60, 75..100]);
        part.note(&(5..20)).unwrap();
        drop(part);
        assert_eq!(Part::open(&place, "f", &version(100)).unwrap().missing(60), [50..60, 75..100]);
    }

    #[test]
    fn what_is_not_of_this_version_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.csv");
        let path = path_of(&place, "f");
        let begin = || {
            let part = Part::open(&place, "f", &version(100)).unwrap();
            let mut piece = part.piece(0).unwrap();
            piece.write(&[1; 50]).unwrap();
            piece.note().unwrap();
        };
        let is_anew = |version: &Version<'_>| {
            Part::open(&place, "f", version).unwrap().missing(100).len() == 1 && kept(&place, "f") == 0
        };
        begin();
        assert!(is_anew(&version(99)));
        begin();
        assert!(is_anew(&Version { etag: "\"v2\"", ..version(100) }));
        // Bytes that are gone, notes that are nonsense.
        begin();
        fs::remove_file(&path).unwrap();
        assert!(is_anew(&version(100)));
        fs::write(notes_of(&path), [0xff, b'\n', 0]).unwrap();
        assert!(is_anew(&version(100)));
    }
}
