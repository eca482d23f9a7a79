//! CSV files.

use std::mem;

use csv::{ByteRecord, ReaderBuilder, StringRecord};
use zoql::catalog::ObjectId;

use super::{
    batch::{Batch, Rejected},
    files::{Bytes, Columns, Source},
};
use crate::{Result, embedded::Load};

pub(super) struct Csv {
    source: Source,
    pub columns: Columns,
    reader: csv::Reader<Bytes>,
    record: ByteRecord,
}

impl Csv {
    /// Reads the header line and matches its columns.
    pub(super) fn open(load: &mut Load, object: ObjectId, source: Source, bytes: Bytes, custom: bool) -> Result<Csv> {
        // Rows of another width are for us to refuse, with their place.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = reader.headers().map_err(|error| source.fault(1, error))?;
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let listed = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        let columns = Columns::new(load, object, names, custom)?.ok_or_else(|| {
            let object = &load.catalog().object(object).name;
            source.fault(1, format!("no column is the Id of {object}; the header begins: {listed}"))
        })?;
        Ok(Csv { source, columns, reader, record: ByteRecord::new() })
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = self.columns.batch();
        while !batch.is_full() {
            let line = self.reader.position().line();
            if !self.reader.read_byte_record(&mut self.record).map_err(|error| self.source.fault(line, error))? {
                break;
            }
            match StringRecord::from_byte_record(mem::take(&mut self.record)) {
                Ok(text) => {
                    // The reader does not tell `""` from nothing, and most writers mean null by both.
                    let value = |at: usize| Some(&text[at]).filter(|value| !value.is_empty());
                    self.columns.push(&mut batch, text.len(), value, line, &self.source.zone);
                    self.record = text.into_byte_record();
                }
                Err(error) => {
                    let column = self.columns.names.get(error.utf8_error().field()).cloned();
                    let bytes = error.into_byte_record();
                    let values = bytes.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
                    batch.rejected.push(Rejected { line, column, why: "not UTF-8".to_owned(), values });
                }
            }
        }
        batch.read = self.source.read();
        Ok((batch.len() + batch.rejected.len() > 0).then_some(batch))
    }
}
