//! Encoded rows on their way from a worker to the store, in buffers that are used again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::compress::{Checksum, Compressor};

/// A worker hands over its buffer when it holds this much: little enough to stay in a core's cache until digested.
pub(super) const BLOCK: usize = 256 << 10;

/// Room for the row that takes a buffer past [`BLOCK`].
const CAPACITY: usize = BLOCK + (16 << 10);

/// Some rows, whole ones: as CSV, or as the piece of a deflate stream that the CSV became.
pub(super) struct Block {
    pub(super) bytes: Buffer,
    pub(super) rows: u64,
    /// Of the CSV, if it was deflated.
    pub(super) csv: Checksum,
}

impl Block {
    pub(super) fn of_csv(bytes: Buffer, rows: u64) -> Block {
        Block { bytes, rows, csv: Checksum::default() }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.as_ref().len() as u64
    }

    /// Takes a block of CSV.
    pub(super) fn deflate(self, compressor: &mut Compressor) -> Block {
        let csv = self.bytes.as_ref();
        let mut deflated = self.bytes.pool.take();
        deflated.clear();
        compressor.append(csv, &mut deflated);
        Block { bytes: self.bytes.pool.buffer(deflated), rows: self.rows, csv: Checksum::of(csv) }
    }
}

/// Bytes whose memory goes back to its pool when nobody needs them any more.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    pool: Pool,
}

/// Buffers not in use. How many there are is bounded by what may be on its way at a time.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A buffer to be filled. What it holds already means nothing.
    pub(super) fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_else(|| Vec::with_capacity(CAPACITY))
    }

    pub(super) fn buffer(&self, bytes: Vec<u8>) -> Buffer {
        Buffer { bytes, pool: self.clone() }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // A huge row must not keep its memory for ever, nor a tiny buffer make others grow.
        if (CAPACITY..=2 * CAPACITY).contains(&bytes.capacity()) {
            self.pool.free().push(bytes);
        }
    }
}
