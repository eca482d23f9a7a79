//! The end of the line: bytes digested, counted and uploaded.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{FinishedFile, Progress};
use crate::destination::{Destination, Refused, Upload};

/// A file being stored. Dropped before it is finished, nothing of it is left.
pub(super) struct Output<'a> {
    upload: Upload,
    digest: Sha256,
    bytes: u64,
    progress: &'a Progress,
}

impl<'a> Output<'a> {
    pub(super) fn begin(destination: &Destination, progress: &'a Progress) -> Output<'a> {
        Output { upload: destination.begin(), digest: Sha256::new(), bytes: 0, progress }
    }

    pub(super) fn write(&mut self, bytes: Bytes, stopped: impl Fn() -> bool) -> Result<(), Refused> {
        let length = bytes.len() as u64;
        self.digest.update(&bytes);
        self.upload.put(bytes, stopped)?;
        self.bytes += length;
        self.progress.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn finish(self, rows: u64, stopped: impl Fn() -> bool) -> Result<FinishedFile, Refused> {
        self.upload.finish(stopped)?;
        Ok(FinishedFile { rows, bytes: self.bytes, sha256: self.digest.finalize().into() })
    }
}
