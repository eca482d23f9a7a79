//! Deflating pieces that go together, and inflating one of them again.

use zlib_rs::crc32::{crc32, crc32_combine};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use super::Level;

/// 32 KiB, the largest that the format has.
const WINDOW_BITS: u8 = 15;

/// How much room the output is given at a time.
const ROOM: usize = 64 << 10;

/// CRC-32 and length of some CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checksum {
    pub(crate) crc: u32,
    pub(crate) length: u64,
}

impl Checksum {
    pub(crate) fn of(csv: &[u8]) -> Checksum {
        Checksum { crc: crc32(0, csv), length: csv.len() as u64 }
    }

    /// That of the CSV with `next` behind it.
    pub(crate) fn then(self, next: Checksum) -> Checksum {
        Checksum { crc: crc32_combine(self.crc, next.crc, next.length), length: self.length + next.length }
    }
}

/// Deflates pieces, in memory that is used again.
pub(crate) struct Compressor(Deflate);

impl Compressor {
    pub(crate) fn new(level: Level) -> Compressor {
        Compressor(Deflate::new(i32::from(level.0), false, WINDOW_BITS))
    }

    /// Appends the piece of a stream that `csv` becomes; nothing becomes nothing.
    #[expect(clippy::expect_used, reason = "deflate fails on a broken state only, which no input can bring about")]
    pub(crate) fn append(&mut self, csv: &[u8], out: &mut Vec<u8>) {
        if csv.is_empty() {
            return;
        }
        self.0.reset();
        loop {
            let (start, before) = (out.len(), self.0.total_out());
            out.resize(start + ROOM, 0);
            let rest = &csv[self.0.total_in() as usize..];
            self.0.compress(rest, &mut out[start..], DeflateFlush::SyncFlush).expect("a state that is not broken");
            let written = (self.0.total_out() - before) as usize;
            out.truncate(start + written);
            // Room was left, so everything is out, the flush too.
            if written < ROOM {
                return;
            }
        }
    }
}

/// The CSV of a piece, which is `length` bytes long.
#[expect(clippy::expect_used, reason = "the piece comes from our own compressor")]
pub(crate) fn inflate(piece: &[u8], length: u64) -> Vec<u8> {
    let mut csv = vec![0; length as usize];
    let mut inflate = Inflate::new(false, WINDOW_BITS);
    inflate.decompress(piece, &mut csv, InflateFlush::SyncFlush).expect("a deflated piece");
    assert_eq!(inflate.total_out(), length, "a whole piece");
    csv
}
