//! Columns, parts, and stores that can be watched and that misbehave on request.

use std::fmt;
use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use export::cell::{Cell, CellSink, Stopped};
use export::compress::{Format, Level};
use export::csv::{Column, Encoder, Style};
use export::destination::Destination;
use export::file::{self, FileSpec, FinishedFile, Limits, Progress};
use futures_core::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use tokio::runtime::Runtime;

/// `c1`, `c2`, … none masked.
pub fn columns(count: usize) -> Vec<Column> {
    (1..=count).map(|n| Column { header: format!("c{n}"), masked: false }).collect()
}

pub fn spec(columns_: usize, threads: usize) -> FileSpec {
    FileSpec {
        columns: columns(columns_),
        style: Style::default(),
        format: Format::Csv,
        level: Level::default(),
        encrypt_to: None,
        threads: NonZeroUsize::new(threads).unwrap(),
    }
}

/// What the readers of these tests fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("{0}")]
    Because(&'static str),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

pub type BoxedPart = Box<dyn FnOnce(&mut dyn CellSink) -> Result<(), Broken> + Send>;

/// Only for the types: closures are told what they are.
pub fn part(read: impl FnOnce(&mut dyn CellSink) -> Result<(), Broken> + Send + 'static) -> BoxedPart {
    Box::new(read)
}

/// A row of one text.
pub fn row(sink: &mut dyn CellSink, text: &str) -> Result<(), Stopped> {
    sink.cell(Cell::Text(text));
    sink.end_row()
}

/// 1 KiB with the LF.
pub fn kibibyte() -> String {
    "x".repeat(1023)
}

pub type Rows = Vec<Vec<Option<String>>>;

/// Rows in parts that end before the rows of the given numbers.
pub fn parts(rows: &Rows, cuts: &[usize]) -> Vec<BoxedPart> {
    let mut cuts = cuts.to_vec();
    cuts.sort_unstable();
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([rows.len()]);
    let parts = starts.zip(ends).map(|(start, end)| {
        let rows = rows[start..end].to_vec();
        part(move |sink| {
            for row in &rows {
                row.iter().for_each(|cell| sink.cell(cell.as_deref().map_or(Cell::Null, Cell::Text)));
                sink.end_row()?;
            }
            Ok(())
        })
    });
    parts.collect()
}

/// Header line and rows as one encoder writes them.
pub fn expected(spec: &FileSpec, rows: &[Vec<Option<String>>]) -> Vec<u8> {
    let mut encoder = Encoder::new(&spec.columns, &spec.style);
    encoder.header(&spec.columns);
    for row in rows {
        row.iter().for_each(|cell| encoder.cell(cell.as_deref().map_or(Cell::Null, Cell::Text)));
        encoder.end_row().unwrap();
    }
    encoder.take(Vec::new())
}

pub const FORMATS: [Format; 3] = [Format::Csv, Format::Gzip, Format::Zip];

/// The CSV in a stored file, which has to be of one piece: one gzip member, one entry.
pub fn unpacked(format: Format, stored: &[u8]) -> Vec<u8> {
    let mut csv = Vec::new();
    match format {
        Format::Csv => csv.extend_from_slice(stored),
        Format::Gzip => {
            let mut member = flate2::bufread::GzDecoder::new(stored);
            member.read_to_end(&mut csv).unwrap();
            assert!(member.into_inner().is_empty(), "something follows the member");
        }
        Format::Zip => {
            // As a reader that streams: what is in the local header, and the descriptor behind the data.
            let word = |at: usize| u32::from_le_bytes(stored[at..at + 4].try_into().unwrap());
            assert_eq!((word(0), word(18), word(22)), (0x0403_4b50, 0, 0));
            let start = 30 + usize::from(u16::from_le_bytes([stored[26], stored[27]]));
            let mut entry = flate2::bufread::DeflateDecoder::new(&stored[start..]);
            entry.read_to_end(&mut csv).unwrap();
            let deflated = entry.total_in() as usize;
            let (end, crc) = (start + deflated, flate2_crc(&csv));
            assert_eq!(
                [word(end), word(end + 4), word(end + 8), word(end + 12), word(end + 16)],
                [0x0807_4b50, crc, deflated as u32, csv.len() as u32, 0x0201_4b50]
            );
        }
    }
    csv
}

fn flate2_crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A place to write to, with the runtime that it needs.
pub struct Place {
    pub store: Arc<dyn ObjectStore>,
    pub runtime: Runtime,
}

impl Place {
    pub fn new(store: impl ObjectStore) -> Place {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        Place { store: Arc::new(store), runtime }
    }

    pub fn memory() -> Place {
        Place::new(InMemory::new())
    }

    pub fn destination(&self) -> Destination {
        Destination::new(self.store.clone(), path(), self.runtime.handle().clone())
    }

    pub fn write(
        &self,
        spec: &FileSpec,
        progress: &Progress,
        parts: impl IntoIterator<Item = BoxedPart, IntoIter: Send>,
    ) -> std::result::Result<FinishedFile, file::Error<Broken>> {
        file::write(parts, spec, &self.destination(), progress)
    }

    pub fn write_segments(
        &self,
        spec: &FileSpec,
        limits: &Limits,
        progress: &Progress,
        parts: impl IntoIterator<Item = BoxedPart, IntoIter: Send>,
    ) -> std::result::Result<Vec<FinishedFile>, file::Error<Broken>> {
        let handle = self.runtime.handle();
        let destination = |n| Destination::new(self.store.clone(), segment(n), handle.clone());
        file::write_segments(parts, spec, limits, destination, progress)
    }

    /// The stored object; `None` if there is none.
    pub fn read(&self) -> Option<Vec<u8>> {
        self.read_from(&path())
    }

    pub fn read_segment(&self, number: usize) -> Option<Vec<u8>> {
        self.read_from(&segment(number))
    }

    fn read_from(&self, path: &Path) -> Option<Vec<u8>> {
        self.runtime.block_on(async {
            match self.store.get(path).await {
                Ok(object) => Some(object.bytes().await.unwrap().to_vec()),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        })
    }
}

fn path() -> Path {
    Path::from("attempt/file.csv")
}

fn segment(number: usize) -> Path {
    Path::from(format!("attempt/segment{number}.csv"))
}

/// What a [`Watched`] store was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The whole object at once.
    Put,
    Begin,
    Chunk(usize),
    Complete,
    Abort,
}

/// What a [`Watched`] store does amiss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Begin,
    /// The chunk of this number, from 0.
    Chunk(usize),
    Complete,
    Put,
    /// No chunk is ever done.
    Hang,
    /// Panics when it is given a second chunk.
    Panic,
}

/// Memory that tells what happens to it.
#[derive(Debug)]
pub struct Watched {
    inner: InMemory,
    fault: Fault,
    events: Mutex<Sender<Event>>,
}

impl Watched {
    pub fn new(fault: Fault) -> (Watched, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Watched { inner: InMemory::new(), fault, events: Mutex::new(sender) }, receiver)
    }

    fn tell(&self, event: Event) -> Sender<Event> {
        let events = self.events.lock().unwrap();
        // Nobody has to listen.
        let _ = events.send(event);
        events.clone()
    }
}

fn refused() -> object_store::Error {
    object_store::Error::Generic { store: "watched", source: "disk full".into() }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched")
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.tell(Event::Put);
        match self.fault {
            Fault::Put => Err(refused()),
            _ => self.inner.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let events = self.tell(Event::Begin);
        if self.fault == Fault::Begin {
            return Err(refused());
        }
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(WatchedUpload { inner, fault: self.fault, events, chunks: 0 }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct WatchedUpload {
    inner: Box<dyn MultipartUpload>,
    fault: Fault,
    events: Sender<Event>,
    chunks: usize,
}

#[async_trait]
impl MultipartUpload for WatchedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let _ = self.events.send(Event::Chunk(data.content_length()));
        self.chunks += 1;
        match self.fault {
            Fault::Chunk(n) if n + 1 == self.chunks => Box::pin(async { Err(refused()) }),
            Fault::Hang => Box::pin(std::future::pending()),
            Fault::Panic if self.chunks == 2 => panic!("a store with a bug"),
            _ => self.inner.put_part(data),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let _ = self.events.send(Event::Complete);
        match self.fault {
            Fault::Complete => Err(refused()),
            _ => self.inner.complete().await,
        }
    }

    async fn abort(&mut self) -> Result<()> {
        let _ = self.events.send(Event::Abort);
        self.inner.abort().await
    }
}
