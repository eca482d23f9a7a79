//! What becomes of rows that cannot be loaded.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::batch::{Batch, Rejected};
use crate::{Error, Result};

/// How many faults an error lists.
const LISTED: usize = 10;

/// The column that says what was wrong; loading the mended file again, it matches nothing and is left out.
const WHY: &str = "_rejected";

/// Gives up because of bad rows: the error names file, line, column and why.
pub(super) fn refuse(path: &Path, rejected: &[Rejected]) -> Result<()> {
    if rejected.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> =
        rejected.iter().take(LISTED).map(|row| format!("{}:{}", path.display(), describe(row))).collect();
    if rejected.len() > LISTED {
        lines.push(format!("and {} more in the same {} rows", rejected.len() - LISTED, super::batch::ROWS));
    }
    lines.push("nothing was loaded; --on-error skip loads the other rows and writes these to a file".to_owned());
    Err(Error::input(lines.join("\n")))
}

fn describe(row: &Rejected) -> String {
    match &row.column {
        Some(column) => format!("{}: column {column}: {}", row.line, row.why),
        None => format!("{}: {}", row.line, row.why),
    }
}

/// A file of rejected rows, made when there is the first one: CSV, the rows as they came and what was wrong with them.
pub(super) struct Rejects {
    path: PathBuf,
    writer: Option<::csv::Writer<File>>,
}

impl Rejects {
    pub(super) fn new(path: &Path) -> Rejects {
        Rejects { path: path.to_owned(), writer: None }
    }

    pub(super) fn keep(&mut self, file: &Path, batch: &Batch) -> Result<()> {
        for row in &batch.rejected {
            let why = format!("{}:{}", file.display(), describe(row));
            let values = row.values.iter().map(String::as_str).chain([why.as_str()]);
            match &mut self.writer {
                Some(writer) => writer.write_record(values),
                None => {
                    let created = File::create(&self.path).map_err(|error| Error::io(&self.path, error))?;
                    let writer = self.writer.insert(::csv::WriterBuilder::new().flexible(true).from_writer(created));
                    let header = batch.header.iter().map(String::as_str).chain([WHY]);
                    writer.write_record(header).and_then(|()| writer.write_record(values))
                }
            }
            .map_err(|error| Error::io(&self.path, io::Error::other(error)))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        let Some(mut writer) = self.writer else { return Ok(()) };
        writer.flush().map_err(|error| Error::io(&self.path, error))
    }
}
