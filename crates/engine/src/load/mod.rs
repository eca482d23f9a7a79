//! Loading files: CSV and NDJSON, plain or gzipped, into the embedded data.
//!
//! One thread reads and types rows, batch by batch; the caller's thread writes them. All files of a call are one load: a
//! reader of the data sees all of them or none.

mod batch;
mod csv;
mod files;
mod headers;
mod json;
mod rejects;
mod values;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use export::Cell;
use jiff::tz::TimeZone;
use zoql::{
    Catalog,
    catalog::{FieldId, ObjectId},
};

use crate::{
    Error, Result,
    embedded::{Change, Load},
    error::Kind,
};
use batch::Batch;
use rejects::Rejects;

/// Batches that may wait between the two threads.
const WAITING: usize = 4;

/// A file and the object whose rows it has.
#[derive(Debug, Clone)]
pub struct Input {
    pub object: String,
    /// `-` is the standard input.
    pub path: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Where datetimes without an offset are.
    pub zone: TimeZone,
    /// Keeps columns that match nothing as custom fields.
    pub custom: bool,
    /// Says that the files are the whole of their objects: rows they lack are deleted.
    pub whole: bool,
    /// Leaves out rows with bad values and writes them to this file, instead of giving up.
    pub rejects: Option<PathBuf>,
}

/// What a call is doing, told often.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Reading a file: bytes so far, as they lie on the disk, and rows.
    Reading {
        path: &'a Path,
        bytes: u64,
        rows: u64,
    },
    /// Sorting the indexes of an object.
    Indexing {
        object: &'a str,
    },
    Committing,
}

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub objects: BTreeMap<String, Counts>,
    /// Columns that were left out, by file.
    pub unmatched: BTreeMap<PathBuf, Vec<String>>,
}

impl Report {
    fn counts(&mut self, catalog: &Catalog, object: ObjectId) -> &mut Counts {
        self.objects.entry(catalog.object(object).name.clone()).or_default()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub inserted: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub rejected: u64,
}

impl Counts {
    fn add(&mut self, change: Change) {
        match change {
            Change::Inserted => self.inserted += 1,
            Change::Updated => self.updated += 1,
            Change::Unchanged => self.unchanged += 1,
            Change::Deleted => self.deleted += 1,
        }
    }
}

/// The files of a directory that have rows, with their objects by their names: `zuora_invoice_item_data.csv`,
/// `Account.ndjson.gz`. A file of rows whose object cannot be told is an error.
pub fn directory(catalog: &Catalog, directory: &Path) -> Result<Vec<Input>> {
    let failed = |error| Error::io(directory, error);
    let mut inputs = Vec::new();
    for entry in directory.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !path.is_file() || !files::has_rows(&name) {
            continue;
        }
        let object = headers::object_named(catalog, &name)
            .ok_or_else(|| Error::input(format!("{}: the name names no object", path.display())))?;
        inputs.push(Input { object: catalog.object(object).name.clone(), path });
    }
    if inputs.is_empty() {
        return Err(Error::input(format!("{}: no .csv, .ndjson or .jsonl files", directory.display())));
    }
    inputs.sort_by(|a, b| (&a.object, &a.path).cmp(&(&b.object, &b.path)));
    Ok(inputs)
}

/// Upserts the rows of files by Id and commits the load.
pub fn load(mut load: Load, inputs: &[Input], options: &Options, on_step: &mut dyn FnMut(Step<'_>)) -> Result<Report> {
    let mut report = Report::default();
    let mut rejects = options.rejects.as_deref().map(Rejects::new);
    let objects = inputs.iter().map(|input| object(load.catalog(), &input.object)).collect::<Result<Vec<_>>>()?;
    if options.whole {
        objects.iter().try_for_each(|object| load.begin_whole(*object))?;
    }
    for (input, object) in inputs.iter().zip(&objects) {
        load_file(&mut load, input, *object, options, rejects.as_mut(), &mut report, on_step)?;
    }
    for object in &objects {
        report.counts(load.catalog(), *object).deleted += load.delete_unseen(*object)?;
    }
    load.finish(|object| on_step(Step::Indexing { object }))?;
    for (object, duplicates) in load.duplicates() {
        let counts = report.counts(load.catalog(), object);
        counts.inserted -= duplicates;
        counts.updated += duplicates;
    }
    on_step(Step::Committing);
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    load.commit()?;
    Ok(report)
}

/// Deletes the rows whose Ids a file lists and commits the load. The file is CSV with an `Id` column, or a bare list, an Id a
/// line.
pub fn delete(mut load: Load, input: &Input) -> Result<Counts> {
    let object = object(load.catalog(), &input.object)?;
    let ids = files::ids(load.catalog(), object, &input.path)?;
    let mut counts = Counts::default();
    let mut deleter = load.deleter(object)?;
    for id in ids {
        counts.add(deleter.delete(&id?)?);
    }
    drop(deleter);
    load.commit()?;
    Ok(counts)
}

fn object(catalog: &Catalog, name: &str) -> Result<ObjectId> {
    catalog.find(name).ok_or_else(|| {
        let names = catalog.objects().map(|(_, object)| object.name.as_str());
        let near = zoql::catalog::nearest(names, name).join(" or ");
        let hint = if near.is_empty() { String::new() } else { format!("; perhaps {near}") };
        Error::input(format!("there is no object named {name}{hint}"))
    })
}

fn load_file(
    load: &mut Load,
    input: &Input,
    object: ObjectId,
    options: &Options,
    mut rejects: Option<&mut Rejects>,
    report: &mut Report,
    on_step: &mut dyn FnMut(Step<'_>),
) -> Result<()> {
    let mut file = files::open(load, object, &input.path, options)?;
    let counts = report.counts(load.catalog(), object);
    let mut rows = 0;

    let (sender, batches) = mpsc::sync_channel::<Result<Batch>>(WAITING);
    let unmatched = thread::scope(|scope| -> Result<Vec<String>> {
        let reader = scope.spawn(move || {
            while let Some(batch) = file.next_batch().transpose() {
                let failed = batch.is_err();
                // Nobody receives any more: the writer has failed, and says why.
                if sender.send(batch).is_err() || failed {
                    break;
                }
            }
            file.unmatched()
        });
        let written = write_batches(load, object, &batches, |batch, changes| {
            changes.iter().for_each(|change| counts.add(*change));
            counts.rejected += batch.rejected.len() as u64;
            rows += batch.len() as u64;
            on_step(Step::Reading { path: &input.path, bytes: batch.read, rows });
            match &mut rejects {
                Some(rejects) => rejects.keep(&input.path, batch),
                None => rejects::refuse(&input.path, &batch.rejected),
            }
        });
        // A reader that waits for room must learn that nobody makes any.
        drop(batches);
        let unmatched =
            reader.join().map_err(|_| Error::new(Kind::Internal, "the thread that reads the file panicked"));
        written.and(unmatched)
    })?;
    if !unmatched.is_empty() {
        report.unmatched.insert(input.path.clone(), unmatched);
    }
    Ok(())
}

/// Writes batches as they come. A writer of rows serves as long as the shape stays the same, which is nearly always.
fn write_batches(
    load: &mut Load,
    object: ObjectId,
    batches: &mpsc::Receiver<Result<Batch>>,
    mut on_batch: impl FnMut(&Batch, &[Change]) -> Result<()>,
) -> Result<()> {
    let mut next = batches.recv().ok().transpose()?;
    let mut changes = Vec::new();
    while let Some(first) = next.take() {
        let shape = first.shape.clone();
        let fields: Vec<FieldId> = shape.iter().map(|(field, _)| *field).collect();
        let mut writer = load.rows(object, &fields)?;
        let mut batch = first;
        loop {
            changes.clear();
            let mut cells: Vec<Cell<'_>> = Vec::with_capacity(fields.len());
            for row in 0..batch.len() {
                let deleted = batch.row(row, &mut cells);
                changes.push(if deleted { writer.upsert_deleted(&cells)? } else { writer.upsert(&cells)? });
            }
            drop(cells);
            on_batch(&batch, &changes)?;
            match batches.recv().ok().transpose()? {
                Some(same) if same.shape == shape => batch = same,
                other => {
                    next = other;
                    break;
                }
            }
        }
    }
    Ok(())
}
