//! Reads files of rows: CSV and NDJSON, plain or gzipped.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;
use jiff::tz::TimeZone;
use zoql::{
    Catalog,
    catalog::{FieldId, FieldType, ObjectId},
};

use super::{
    Options,
    batch::{Batch, Rejected, Shape},
    csv::Csv,
    headers::{self, Meaning},
    json::Json,
    values,
};
use crate::{Error, Result, embedded::Load};

const BUFFER_BYTES: usize = 256 * 1024;

/// Whether a file of that name has rows.
pub(super) fn has_rows(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".csv", ".ndjson", ".jsonl"].iter().any(|extension| name.ends_with(extension))
}

/// A file whose rows come in batches.
pub(super) enum Rows {
    Csv(Box<Csv>),
    Json(Box<Json>),
}

/// Opens a file and finds out what it is: the first byte of an NDJSON file is a brace.
pub(super) fn open(load: &mut Load, object: ObjectId, path: &Path, options: &Options) -> Result<Rows> {
    let (mut bytes, source) = open_bytes(path, options.zone.clone())?;
    let start = bytes.fill_buf().map_err(|error| Error::io(path, error))?;
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => Err(Error::input(format!("{}: the file is empty: not even a header line", path.display()))),
        Some(b'{') => Json::open(load, object, source, bytes, options.custom).map(|json| Rows::Json(Box::new(json))),
        Some(_) => Csv::open(load, object, source, bytes, options.custom).map(|csv| Rows::Csv(Box::new(csv))),
    }
}

pub(super) type Bytes = Box<dyn BufRead + Send>;

/// The bytes of a file, unpacked, and how many of the packed ones have been read.
pub(super) fn open_bytes(path: &Path, zone: TimeZone) -> Result<(Bytes, Source)> {
    let read = Arc::new(AtomicU64::new(0));
    let raw: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| Error::io(path, error))?)
    };
    let mut bytes = BufReader::with_capacity(BUFFER_BYTES, Counting { raw, read: Arc::clone(&read) });
    let is_gzip = bytes.fill_buf().map_err(|error| Error::io(path, error))?.starts_with(&[0x1f, 0x8b]);
    let bytes: Bytes = if is_gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(bytes)))
    } else {
        Box::new(bytes)
    };
    Ok((bytes, Source { path: path.to_owned(), read, zone }))
}

struct Counting {
    raw: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What both kinds of files know of themselves.
pub(super) struct Source {
    pub path: PathBuf,
    read: Arc<AtomicU64>,
    pub zone: TimeZone,
}

impl Source {
    /// Bytes read so far, as they lie on the disk.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn fault(&self, line: u64, what: impl std::fmt::Display) -> Error {
        Error::input(format!("{}:{line}: {what}", self.path.display()))
    }
}

/// Which columns are used, and for what.
pub(super) struct Columns {
    /// Names, as the file has them.
    pub names: Arc<Vec<String>>,
    /// For each field of the shape, the column it comes from.
    used: Vec<usize>,
    /// The column of the Id.
    id: usize,
    shape: Arc<Shape>,
    deleted: Option<usize>,
    pub unmatched: Vec<String>,
}

impl Columns {
    /// `None` if no column is the Id.
    pub(super) fn new(load: &mut Load, object: ObjectId, names: Vec<String>, custom: bool) -> Result<Option<Columns>> {
        let mut meanings = headers::match_columns(load.catalog(), object, names.iter().map(String::as_str));
        if custom {
            for (name, meaning) in names.iter().zip(&mut meanings).filter(|(_, meaning)| **meaning == Meaning::Unknown)
            {
                if let Some(name) = headers::custom_name(name) {
                    *meaning = Meaning::Field(load.add_custom_field(object, &name, FieldType::Text)?);
                }
            }
        }
        let described = load.catalog().object(object);
        let mut columns = Columns {
            names: Arc::default(),
            used: vec![],
            id: 0,
            shape: Arc::default(),
            deleted: None,
            unmatched: vec![],
        };
        let mut shape = Shape::new();
        for (at, meaning) in meanings.into_iter().enumerate() {
            match meaning {
                Meaning::Field(field) => {
                    if field == FieldId(0) {
                        columns.id = at;
                    }
                    columns.used.push(at);
                    shape.push((field, described.field(field).field_type));
                }
                Meaning::Deleted if columns.deleted.is_none() => columns.deleted = Some(at),
                Meaning::Deleted | Meaning::Unknown | Meaning::Repeated => columns.unmatched.push(names[at].clone()),
            }
        }
        let has_id = shape.iter().any(|(field, _)| *field == FieldId(0));
        columns.shape = Arc::new(shape);
        columns.names = Arc::new(names);
        Ok(has_id.then_some(columns))
    }

    /// Adds a row of `width` values to a batch, or what is wrong with it to the batch's rejected ones. `None` is null.
    pub(super) fn push<'a>(
        &self,
        batch: &mut Batch,
        width: usize,
        value: impl Fn(usize) -> Option<&'a str>,
        line: u64,
        zone: &TimeZone,
    ) {
        let text = |at| value(at).unwrap_or_default();
        let reject = |column: Option<usize>, why: String| Rejected {
            line,
            column: column.map(|at| self.names[at].clone()),
            why,
            values: (0..width).map(|at| text(at).to_owned()).collect(),
        };
        if width != self.names.len() {
            let why = format!("{width} values where the header has {} columns", self.names.len());
            return batch.rejected.push(reject(None, why));
        }
        if text(self.id).is_empty() {
            return batch.rejected.push(reject(Some(self.id), "a row without an Id".to_owned()));
        }
        let deleted = match self.deleted.map(|at| (at, text(at))) {
            None | Some((_, "")) => false,
            Some((at, flag)) => match values::boolean(flag) {
                Ok(deleted) => deleted,
                Err(why) => return batch.rejected.push(reject(Some(at), format!("{flag:?} is {why}"))),
            },
        };
        let used = self.used.iter().map(|at| value(*at));
        if let Err(misfit) = batch.push(used, deleted, zone) {
            let column = self.used[misfit.at];
            batch.rejected.push(reject(Some(column), format!("{:?} is {}", text(column), misfit.why)));
        }
    }

    pub(super) fn batch(&self) -> Batch {
        Batch::new(Arc::clone(&self.shape), Arc::clone(&self.names))
    }
}

impl Rows {
    /// The next rows; none at the end of the file.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        match self {
            Rows::Csv(csv) => csv.next_batch(),
            Rows::Json(json) => json.next_batch(),
        }
    }

    /// Columns that were left out.
    pub(super) fn unmatched(self) -> Vec<String> {
        match self {
            Rows::Csv(csv) => csv.columns.unmatched,
            Rows::Json(json) => json.columns.unmatched,
        }
    }
}

/// The Ids that a file lists: the `Id` column of a CSV, or, if its first line names no such column and has no comma, every
/// line.
pub(super) fn ids(
    catalog: &Catalog,
    object: ObjectId,
    path: &Path,
) -> Result<impl Iterator<Item = Result<String>> + use<>> {
    let (bytes, _) = open_bytes(path, TimeZone::UTC)?;
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let failed = |error: ::csv::Error| Error::input(format!("{}: {error}", path.display()));
    let mut first = ::csv::StringRecord::new();
    if !reader.read_record(&mut first).map_err(failed)? {
        return Err(Error::input(format!("{}: the file is empty", path.display())));
    }
    let meanings = headers::match_columns(catalog, object, &first);
    let column = meanings.iter().position(|meaning| *meaning == Meaning::Field(FieldId(0)));
    let (column, bare) = match column {
        Some(column) => (column, None),
        None if first.len() == 1 => (0, Some(first[0].to_owned())),
        None => return Err(Error::input(format!("{}: no column is an Id", path.display()))),
    };
    let path = path.to_owned();
    let rest = reader.into_records().map(move |record| {
        let record = record.map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
        Ok(record[column].to_owned())
    });
    Ok(bare.into_iter().map(Ok).chain(rest))
}
