//! Where a finished file goes: one object of an object store, seen only when it is complete.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayloadMut, Result, WriteMultipart};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::compress::entry_name;

/// Bytes of a chunk for a store that may be far away. S3 wants parts of at least 5 MiB and at most 10,000 of them: enough for
/// 78 GiB.
const CHUNK: usize = 8 << 20;

/// Bytes of a chunk for a [`folder`]: what was just encoded is still in the processor's cache when it is written, and less
/// memory is on its way.
const FOLDER_CHUNK: usize = 1 << 20;

/// After so many bytes the disk of a folder is told to begin with them.
const WRITE_BACK: usize = 64 << 20;

/// What is shorter is copied together: it may fill only a part of the memory that it holds, as deflated rows do.
const WORTH_KEEPING: usize = 192 << 10;

/// Chunks on their way at a time.
const CONCURRENCY: usize = 3;

/// How often a wait for the store looks up whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(5);

/// Opens a folder, created if need be, as a store whose complete objects survive a power loss.
///
/// An upload goes into a file of its own beside the final one, `name#1`; completing it syncs the file, renames it and
/// syncs the folder.
pub fn folder(path: &std::path::Path) -> Result<LocalFileSystem> {
    std::fs::create_dir_all(path).map_err(|source| Error::Generic { store: "folder", source: Box::new(source) })?;
    Ok(LocalFileSystem::new_with_prefix(path)?.with_fsync(true))
}

/// One object to be written.
#[derive(Debug, Clone)]
pub struct Destination {
    store: Arc<dyn ObjectStore>,
    path: Path,
    handle: Handle,
    entry: String,
    chunk: usize,
    /// Where the object's file is, if the store is a folder.
    file: Option<PathBuf>,
}

impl Destination {
    /// `handle` is a multi-thread runtime's, with time enabled: uploads go on while nobody waits for them.
    pub fn new(store: Arc<dyn ObjectStore>, path: Path, handle: Handle) -> Destination {
        let name = path.filename().unwrap_or_default();
        let entry = name.strip_suffix(".pgp").unwrap_or(name);
        let entry = entry_name(entry.strip_suffix(".zip").unwrap_or(entry), 1);
        Destination { store, path, handle, entry, chunk: CHUNK, file: None }
    }

    /// In a zip archive the CSV is called so, with `.csv` at the end and without what no file may be called; from the second
    /// of several of one name on, with its `number` before that. Not set, it has the object's name without `.zip` and
    /// `.pgp`.
    pub fn entry(mut self, name: &str, number: usize) -> Destination {
        self.entry = entry_name(name, number);
        self
    }

    /// Has the store take so many bytes at a time, and what is shorter at once.
    pub fn in_chunks_of(self, bytes: usize) -> Destination {
        Destination { chunk: bytes, ..self }
    }

    /// Says that the store is the [`folder`] with this path.
    pub fn in_folder(self, root: &std::path::Path) -> Destination {
        let file = Some(root.join(self.path.as_ref()));
        Destination { file, ..self }.in_chunks_of(FOLDER_CHUNK)
    }

    pub(crate) fn entry_name(&self) -> &str {
        &self.entry
    }

    /// Removes the object. What cannot be removed is garbage to sweep.
    pub(crate) fn delete(&self) {
        let _ = self.handle.block_on(self.store.delete(&self.path));
    }

    pub(crate) fn begin(&self) -> Upload {
        Upload { to: self.clone(), state: State::Small(PutPayloadMut::new()) }
    }
}

/// An object being written. Nothing of it can be seen before [`Upload::finish`]; dropping it instead aborts it.
///
/// Its methods block, so they belong on plain threads.
pub(crate) struct Upload {
    to: Destination,
    state: State,
}

enum State {
    /// Less than one chunk so far. If that is all, one request stores it.
    Small(PutPayloadMut),
    Large(WriteMultipart, Option<WriteBack>),
    /// Finished or aborted.
    Over,
}

/// Why an upload did not take what it was given.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The caller asked to stop while the store was busy.
    Stopped,
    Storage(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Storage(error)
    }
}

impl Upload {
    /// Takes bytes, without copying them unless they are few. Blocks while too many chunks are on their way.
    pub(crate) fn put(&mut self, bytes: Bytes, stopped: impl Fn() -> bool) -> std::result::Result<(), Refused> {
        match &mut self.state {
            State::Small(payload) if payload.content_length() + bytes.len() < self.to.chunk => {
                match bytes.len() < WORTH_KEEPING {
                    true => payload.extend_from_slice(&bytes),
                    false => payload.push(bytes),
                }
                Ok(())
            }
            _ => {
                let handle = self.to.handle.clone();
                handle.block_on(unless(stopped, self.put_large(bytes)))
            }
        }
    }

    async fn put_large(&mut self, bytes: Bytes) -> Result<()> {
        if let State::Small(payload) = &mut self.state {
            let payload = std::mem::take(payload);
            let upload = self.to.store.put_multipart(&self.to.path).await?;
            let mut large = WriteMultipart::new_with_chunk_size(upload, self.to.chunk);
            payload.freeze().into_iter().for_each(|bytes| large.put(bytes));
            self.state = State::Large(large, self.to.file.as_deref().map(WriteBack::new));
        }
        if let State::Large(large, write_back) = &mut self.state {
            large.wait_for_capacity(CONCURRENCY).await?;
            write_back.iter_mut().for_each(|write_back| write_back.put(bytes.len()));
            match bytes.len() < WORTH_KEEPING {
                true => large.write(&bytes),
                false => large.put(bytes),
            }
        }
        Ok(())
    }

    /// Makes the object visible, whole. Can be stopped until the last chunk is on its way.
    pub(crate) fn finish(mut self, stopped: impl Fn() -> bool) -> std::result::Result<(), Refused> {
        let to = self.to.clone();
        match &mut self.state {
            _ if stopped() => return Err(Refused::Stopped),
            State::Large(large, _) => to.handle.block_on(unless(stopped, large.wait_for_capacity(1)))?,
            State::Small(_) | State::Over => {}
        }
        let stored = to.handle.block_on(async {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Small(payload) => to.store.put(&to.path, payload.into()).await.map(drop),
                // Aborts itself if it fails.
                State::Large(large, _) => large.finish().await.map(drop),
                State::Over => Ok(()),
            }
        });
        Ok(stored?)
    }
}

impl Drop for Upload {
    /// Removes what was uploaded. What cannot be removed is garbage to sweep: it is not visible as an object.
    fn drop(&mut self) {
        if let State::Large(large, _) = std::mem::replace(&mut self.state, State::Over) {
            match std::thread::panicking() {
                // In the background: should the store panic again, here it would end the process.
                true => drop(self.to.handle.spawn(large.abort())),
                false => drop(self.to.handle.block_on(large.abort())),
            }
        }
    }
}

/// Has the disk write what has been uploaded into a folder so far. The sync at the end would wait for all that the system has
/// put off until then: of a large file it had put off most.
struct WriteBack {
    /// As the store names a file until it is complete. Should that have another name, nothing is lost but time.
    staged: PathBuf,
    /// Since the last time.
    bytes: usize,
    running: Option<JoinHandle<()>>,
}

impl WriteBack {
    fn new(file: &std::path::Path) -> WriteBack {
        let mut staged = file.as_os_str().to_owned();
        staged.push("#1");
        WriteBack { staged: staged.into(), bytes: 0, running: None }
    }

    fn put(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes < WRITE_BACK || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.bytes = 0;
        let staged = self.staged.clone();
        // Whether it succeeds, the sync at the end will say.
        self.running = Some(tokio::task::spawn_blocking(move || {
            let _ = File::open(staged).and_then(|file| file.sync_data());
        }));
    }
}

/// Waits for the work, or until it is not wanted any more. Flags ring no bell, so somebody has to look.
async fn unless<T>(
    stopped: impl Fn() -> bool,
    work: impl Future<Output = Result<T>>,
) -> std::result::Result<T, Refused> {
    let stop = async {
        while !stopped() {
            tokio::time::sleep(LOOK_UP).await;
        }
    };
    tokio::select! {
        biased;
        done = work => Ok(done?),
        () = stop => Err(Refused::Stopped),
    }
}
