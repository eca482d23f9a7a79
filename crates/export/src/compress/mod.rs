//! What CSV is stored as: itself, one gzip member, or a zip archive of one entry.
//!
//! A deflate stream is a sequence of blocks. Each piece of CSV is deflated by itself, on any thread, into blocks that
//! end on a byte (a sync flush) and are not marked as the last ones, so that pieces put one after the other are one
//! stream. Their checksums are combined, and [`Frame`] puts the beginning and the end around them. No piece refers
//! back to the one before it: that would save 1 % at most (level 2, pieces of 256 KiB) and tie them to each other.

mod deflate;
mod gzip;
mod zip;

use std::fmt;

pub(crate) use deflate::{Checksum, Compressor, inflate};
pub(crate) use zip::entry_name;

/// What the CSV becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    #[default]
    Csv,
    /// One gzip member (RFC 1952), without a name or a time.
    Gzip,
    /// An archive of one deflated entry, of which nothing is known when it begins; zip64 only when a size needs it.
    Zip,
}

/// How hard to compress: 1, fast, to 9, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// `None` unless it is one of 1 to 9.
    pub fn new(level: u8) -> Option<Level> {
        (1..=9).contains(&level).then_some(Level(level))
    }
}

impl Default for Level {
    /// 2: the fastest whose files are not larger than those of `gzip -1`. Level 1 is half as fast again and 28 %
    /// larger, level 6 costs three times as much and is 20 % smaller (rows of invoice items, see `bench/README.md`).
    fn default() -> Level {
        Level(2)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What stands around the pieces of a file.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    None,
    Gzip,
    Zip(zip::Entry),
}

/// The last block of a deflate stream: an empty one with the fixed codes.
const LAST_BLOCK: [u8; 2] = [3, 0];

impl Frame {
    /// `entry` is what the CSV is called in an archive.
    pub(crate) fn new(format: Format, entry: &str) -> Frame {
        match format {
            Format::Csv => Frame::None,
            Format::Gzip => Frame::Gzip,
            Format::Zip => Frame::Zip(zip::Entry::new(entry)),
        }
    }

    pub(crate) fn opening(&self) -> Vec<u8> {
        match self {
            Frame::None => Vec::new(),
            Frame::Gzip => gzip::HEADER.to_vec(),
            Frame::Zip(entry) => entry.opening(),
        }
    }

    /// `csv` is of all the CSV, `deflated` the length of its pieces.
    pub(crate) fn closing(&self, csv: Checksum, deflated: u64) -> Vec<u8> {
        let around = match self {
            Frame::None => return Vec::new(),
            Frame::Gzip => gzip::trailer(csv),
            Frame::Zip(entry) => entry.closing(csv, deflated + LAST_BLOCK.len() as u64),
        };
        [&LAST_BLOCK[..], &around].concat()
    }

    /// The longest that [`Frame::closing`] can be.
    pub(crate) fn max_closing(&self) -> u64 {
        self.closing(Checksum { crc: 0, length: u64::MAX }, u64::MAX / 2).len() as u64
    }
}
