//! Result files: where their bytes are, how they are opened, and what is swept.
//!
//! A file is written under its job's current attempt (`{job}/{attempt}/{file}.csv.gz`) and means nothing until the store
//! names it; whatever the store does not name is swept. So a runner may die at any moment.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    job::JobId,
    store::{Kept, PublishedFile, Store},
};

#[derive(Debug, Clone)]
pub struct Results {
    files: Arc<dyn ObjectStore>,
    dir: PathBuf,
}

impl Results {
    /// Keeps the files in a folder, made if it is not there.
    pub fn folder(dir: PathBuf) -> anyhow::Result<Results> {
        Ok(Results { files: Arc::new(export::destination::folder(&dir)?), dir })
    }

    /// Where to write the file of a key. To be called on the runtime or one of its blocking threads.
    pub fn destination(&self, path: &str) -> export::Destination {
        let handle = tokio::runtime::Handle::current();
        export::Destination::new(self.files.clone(), path.into(), handle).in_folder(&self.dir)
    }

    /// The bytes of a file, or of a range of it, as a stream: memory stays flat, however long it is and however slowly it is
    /// read. What has been opened can be read to its end, even if the file is swept meanwhile.
    pub async fn open(
        &self,
        file: &PublishedFile,
        range: Option<Range<u64>>,
    ) -> object_store::Result<BoxStream<'static, object_store::Result<Bytes>>> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.files.get_opts(&file.path.as_str().into(), options).await?;
        Ok(match found.payload {
            GetResultPayload::File(file, _) => in_chunks(file, found.range).boxed(),
            GetResultPayload::Stream(bytes) => bytes,
        })
    }

    /// Deletes what the store does not name: what dead runners left, cancelled jobs, purged files.
    ///
    /// The folder is listed first and the store asked then, so a file that is published meanwhile is found to be named. What
    /// cannot be deleted is said, and left for the next time.
    pub async fn sweep(&self, store: &dyn Store) -> anyhow::Result<()> {
        for (name, path) in entries(&self.dir)? {
            let Ok(job) = name.parse() else {
                tracing::warn!(path = %path.display(), "this is not ours, and is left where it is");
                continue;
            };
            if let Err(error) = self.sweep_job(store, job).await {
                tracing::warn!(%job, %error, "cannot sweep its files");
            }
        }
        Ok(())
    }

    /// The same for one job.
    pub async fn sweep_job(&self, store: &dyn Store, job: JobId) -> anyhow::Result<()> {
        let dir = self.dir.join(job.to_string());
        let found = leaves(&dir)?;
        let kept = store.kept(job).await?;
        for path in found {
            if self.is_kept(&path, &kept) {
                continue;
            }
            match delete(&path) {
                Ok(()) => tracing::debug!(path = %path.display(), "swept"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "cannot be deleted"),
            }
        }
        if kept.attempt.is_some() {
            return Ok(());
        }
        // Only empty folders let themselves be removed.
        for (_, attempt) in entries(&dir)? {
            let _ = std::fs::remove_dir(attempt);
        }
        let _ = std::fs::remove_dir(dir);
        Ok(())
    }

    fn is_kept(&self, path: &Path, kept: &Kept) -> bool {
        let Ok(key) = path.strip_prefix(&self.dir) else { return true };
        let being_written = kept.attempt.as_ref().is_some_and(|attempt| key.starts_with(attempt));
        being_written || kept.files.iter().any(|file| key == Path::new(file))
    }
}

/// Bytes that are read at one time. [`object_store`]'s own 8 KiB cost ten times the CPU, in changes of threads; four times as
/// much is hardly faster.
const CHUNK: u64 = 64 << 10;

/// Chunks of one reader that are in memory at one time: one on its way, one being read.
const CHUNKS: usize = 2;

/// A chunk, and its place among those of its reader, which is free again when the chunk has been sent.
struct Chunk {
    bytes: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A range of a file, read by threads that may block. Whoever is handed the chunks may hoard them, as HTTP does for readers
/// that are slow; so there are only so many.
fn in_chunks(file: File, range: Range<u64>) -> impl Stream<Item = object_store::Result<Bytes>> {
    let places = Arc::new(Semaphore::new(CHUNKS));
    let failed = |source| object_store::Error::Generic { store: "folder", source };
    stream::try_unfold((file, range), move |(mut file, left)| {
        let places = places.clone();
        async move {
            if left.is_empty() {
                return Ok(None);
            }
            let _place = places.acquire_owned().await.map_err(|error| failed(error.into()))?;
            let read = tokio::task::spawn_blocking(move || {
                let length = CHUNK.min(left.end - left.start);
                let mut bytes = Vec::with_capacity(length as usize);
                file.seek(SeekFrom::Start(left.start))?;
                if file.by_ref().take(length).read_to_end(&mut bytes)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let left = left.start + bytes.len() as u64..left.end;
                Ok(Some((Bytes::from_owner(Chunk { bytes, _place }), (file, left))))
            });
            read.await.map_err(|error| failed(error.into()))?.map_err(|error: io::Error| failed(error.into()))
        }
    })
}

/// The files two levels below a job's folder, unfinished uploads among them.
fn leaves(job: &Path) -> io::Result<Vec<PathBuf>> {
    let mut leaves = Vec::new();
    for (_, attempt) in entries(job)? {
        leaves.extend(entries(&attempt)?.into_iter().map(|(_, path)| path));
    }
    Ok(leaves)
}

/// Names and paths in a folder; none if it is gone.
fn entries(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))).collect()
}

fn delete(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
