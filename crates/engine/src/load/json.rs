//! NDJSON files: an object a line. A key that a line lacks is null there.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead},
    path::Path,
};

use serde_json::value::RawValue;
use zoql::catalog::ObjectId;

use super::{
    batch::{Batch, Rejected},
    files::{self, Bytes, Columns, Source},
};
use crate::{Error, Result, embedded::Load};

/// An object, its values as they are written: numbers never become floats.
type Object<'a> = BTreeMap<String, &'a RawValue>;

pub(super) struct Json {
    source: Source,
    pub columns: Columns,
    lines: Lines,
    /// Where each key stands among the columns.
    places: HashMap<String, usize>,
}

impl Json {
    /// Reads the file once for its keys, and matches them; then it is read again for its rows.
    pub(super) fn open(load: &mut Load, object: ObjectId, source: Source, bytes: Bytes, custom: bool) -> Result<Json> {
        if source.path == Path::new("-") {
            return Err(
                source.fault(1, "NDJSON is read twice, which standard input cannot be: write it to a file first")
            );
        }
        let keys = keys(Lines::new(bytes), &source)?;
        let listed = keys.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        let places = keys.iter().enumerate().map(|(at, key)| (key.clone(), at)).collect();
        let columns = Columns::new(load, object, keys, custom)?.ok_or_else(|| {
            let object = &load.catalog().object(object).name;
            source.fault(1, format!("no key is the Id of {object}; the first keys are: {listed}"))
        })?;
        let (bytes, source) = files::open_bytes(&source.path, source.zone)?;
        Ok(Json { source, columns, lines: Lines::new(bytes), places })
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = self.columns.batch();
        while !batch.is_full() {
            let (number, line) = match self.lines.next().map_err(|error| Error::io(&self.source.path, error))? {
                None => break,
                Some((_, "")) => continue,
                Some(numbered) => numbered,
            };
            match values(line, &self.places) {
                Ok(values) => {
                    let value = |at: usize| values[at].as_deref();
                    self.columns.push(&mut batch, values.len(), value, number, &self.source.zone);
                }
                Err(why) => {
                    batch.rejected.push(Rejected { line: number, column: None, why, values: vec![line.to_owned()] });
                }
            }
        }
        batch.read = self.source.read();
        Ok((batch.len() + batch.rejected.len() > 0).then_some(batch))
    }
}

/// All keys of a file, in the order of their first appearance; lines that are no objects are for the second reading to
/// refuse.
fn keys(mut lines: Lines, source: &Source) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    while let Some((_, line)) = lines.next().map_err(|error| Error::io(&source.path, error))? {
        for key in serde_json::from_str::<Object<'_>>(line).unwrap_or_default().into_keys() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// The values of a line, by column; `None` for null and for what is missing.
fn values(line: &str, places: &HashMap<String, usize>) -> Result<Vec<Option<String>>, String> {
    let object: Object<'_> = serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
    let mut values = vec![None; places.len()];
    for (key, value) in object {
        let value = match value.get().as_bytes().first() {
            Some(b'n') => None,
            Some(b'"') => serde_json::from_str(value.get()).map_err(|error| format!("{key}: {error}"))?,
            Some(b'{' | b'[') => return Err(format!("{key} has a nested value")),
            _ => Some(value.get().to_owned()),
        };
        // Every key was seen in the first reading.
        if let Some(place) = places.get(&key) {
            values[*place] = value;
        }
    }
    Ok(values)
}

/// Lines, without their ends.
struct Lines {
    bytes: Bytes,
    line: String,
    number: u64,
}

impl Lines {
    fn new(bytes: Bytes) -> Lines {
        Lines { bytes, line: String::new(), number: 0 }
    }

    /// The next line and its number.
    fn next(&mut self) -> io::Result<Option<(u64, &str)>> {
        self.line.clear();
        self.number += 1;
        let more = self.bytes.read_line(&mut self.line)? > 0;
        Ok(more.then(|| (self.number, self.line.trim())))
    }
}
