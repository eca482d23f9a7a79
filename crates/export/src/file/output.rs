//! The end of the line: blocks in order, digested, counted and uploaded.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::block::Block;
use super::{FinishedFile, Progress};
use crate::destination::{Destination, Refused, Upload};

pub(super) struct Output<'a> {
    upload: Upload,
    digest: Sha256,
    rows: u64,
    bytes: u64,
    progress: &'a Progress,
}

impl<'a> Output<'a> {
    pub(super) fn begin(destination: &Destination, progress: &'a Progress) -> Output<'a> {
        Output { upload: destination.begin(), digest: Sha256::new(), rows: 0, bytes: 0, progress }
    }

    pub(super) fn write(&mut self, block: Block, stopped: impl Fn() -> bool) -> Result<(), Refused> {
        let (bytes, rows) = (block.bytes.as_ref(), block.rows);
        let length = bytes.len() as u64;
        self.digest.update(bytes);
        self.upload.put(Bytes::from_owner(block.bytes), stopped)?;
        self.rows += rows;
        self.bytes += length;
        self.progress.rows.fetch_add(rows, Ordering::Relaxed);
        self.progress.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn finish(self, stopped: impl Fn() -> bool) -> Result<FinishedFile, Refused> {
        self.upload.finish(stopped)?;
        Ok(FinishedFile { rows: self.rows, bytes: self.bytes, sha256: self.digest.finalize().into() })
    }

    pub(super) fn abort(self) {
        self.upload.abort();
    }
}
