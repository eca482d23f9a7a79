//! A CSV text as rows whose cells have names.

use std::rc::Rc;

use csv::StringRecord;

use super::{Error, nearest};

/// What a file may have for columns, in any order.
pub(super) struct Columns {
    pub file: &'static str,
    pub needed: &'static [&'static str],
    pub optional: &'static [&'static str],
}

impl Columns {
    fn all(&self) -> impl Iterator<Item = &'static str> {
        self.needed.iter().chain(self.optional).copied()
    }
}

pub(super) struct Row {
    file: &'static str,
    line: u64,
    /// What each cell of the record is called.
    header: Rc<[&'static str]>,
    record: StringRecord,
}

/// The rows of a file, in its order. An empty text has none.
pub(super) fn rows(columns: &Columns, text: &str) -> Result<Vec<Row>, Error> {
    let mut records = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let mut records = records.records();
    let Some(header) = records.next() else { return Ok(Vec::new()) };
    let header: Rc<[_]> = read_header(columns, &header.map_err(|error| unreadable(columns, &error))?)?.into();
    records
        .map(|record| {
            let record = record.map_err(|error| unreadable(columns, &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row = Row { file: columns.file, line, header: Rc::clone(&header), record };
            match columns.needed.iter().find(|column| row.get(column).is_empty()) {
                Some(column) => Err(row.error(column, "the cell is empty")),
                None => Ok(row),
            }
        })
        .collect()
}

/// The column that each cell of a row belongs to.
fn read_header(columns: &Columns, header: &StringRecord) -> Result<Vec<&'static str>, Error> {
    let fault = |column: &str, why: String| Error { file: columns.file, line: 1, column: Some(column.to_owned()), why };
    let mut names: Vec<&'static str> = Vec::with_capacity(header.len());
    // A byte order mark is what spreadsheets begin a file with.
    for cell in header.iter().map(|cell| cell.trim_start_matches('\u{feff}').trim()) {
        let Some(name) = columns.all().find(|name| *name == cell) else {
            let why = match nearest(columns.all(), cell).first() {
                Some(near) => format!("there is no such column; did you mean `{near}`?"),
                None => format!("there is no such column; there are {}", columns.all().collect::<Vec<_>>().join(", ")),
            };
            return Err(fault(cell, why));
        };
        if names.contains(&name) {
            return Err(fault(name, "the column stands twice".to_owned()));
        }
        names.push(name);
    }
    match columns.needed.iter().find(|needed| !names.contains(needed)) {
        Some(missing) => Err(fault(missing, "the column is missing".to_owned())),
        None => Ok(names),
    }
}

fn unreadable(columns: &Columns, error: &csv::Error) -> Error {
    let why = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} cells, the header {expected_len}")
        }
        _ => error.to_string(),
    };
    Error { file: columns.file, line: error.position().map_or(0, csv::Position::line), column: None, why }
}

impl Row {
    /// The cell's text, empty where the file leaves the column out.
    pub fn get(&self, column: &str) -> &str {
        let position = self.header.iter().position(|name| *name == column);
        position.and_then(|position| self.record.get(position)).map_or("", str::trim)
    }

    pub fn text(&self, column: &str) -> Option<String> {
        Some(self.get(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub fn text_or(&self, column: &str, default: impl FnOnce() -> String) -> String {
        self.text(column).unwrap_or_else(default)
    }

    pub fn yes_or(&self, column: &'static str, default: bool) -> Result<bool, Error> {
        match self.get(column) {
            "yes" => Ok(true),
            "no" => Ok(false),
            "" => Ok(default),
            word => Err(self.error(column, format!("`{word}` is neither yes nor no"))),
        }
    }

    /// A name that queries can spell.
    pub fn name(&self, column: &'static str) -> Result<&str, Error> {
        let name = self.get(column);
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if letters && name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Ok(name);
        }
        Err(self.error(column, format!("`{name}` is not a name: letters, digits and `_`, a letter first")))
    }

    pub fn error(&self, column: &str, why: impl Into<String>) -> Error {
        Error { file: self.file, line: self.line, column: Some(column.to_owned()), why: why.into() }
    }

    /// A fault of the row as a whole.
    pub fn fault(&self, why: impl Into<String>) -> Error {
        Error { file: self.file, line: self.line, column: None, why: why.into() }
    }
}
