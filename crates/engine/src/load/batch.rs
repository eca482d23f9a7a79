//! Rows on their way from a file to the database: parsed, typed, many at a time.

use std::{ops::Range, sync::Arc};

use export::{Cell, Date, Timestamp};
use jiff::tz::TimeZone;
use zoql::catalog::{FieldId, FieldType};

use super::values::{self, Value};

/// Rows that are handed over at once: enough that the handing over costs nothing, few enough to be small.
pub(super) const ROWS: usize = 2_000;

/// What the rows of a batch have in common: the fields they give, in order, with their types.
pub(super) type Shape = Vec<(FieldId, FieldType)>;

/// Rows of one object and one shape. Texts lie in one buffer; a cell knows where.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub shape: Arc<Shape>,
    /// The columns of the file, as it names them.
    pub header: Arc<Vec<String>>,
    text: String,
    cells: Vec<Stored>,
    deleted: Vec<bool>,
    pub rejected: Vec<Rejected>,
    /// Bytes of the file that were read when the batch was complete, as they lie on the disk.
    pub read: u64,
}

/// A row that cannot be loaded.
#[derive(Debug, Clone)]
pub(super) struct Rejected {
    pub line: u64,
    /// The column at fault, if it is one.
    pub column: Option<String>,
    pub why: String,
    /// The row's values, as the file has them.
    pub values: Vec<String>,
}

#[derive(Debug, Clone)]
enum Stored {
    Null,
    Text(Range<usize>),
    Decimal(Range<usize>),
    Integer(i64),
    Boolean(bool),
    Date(Date),
    Datetime(Timestamp),
}

/// A value that does not fit: which of the shape's fields, and why.
#[derive(Debug)]
pub(super) struct Misfit {
    pub at: usize,
    pub why: String,
}

impl Batch {
    pub(super) fn new(shape: Arc<Shape>, header: Arc<Vec<String>>) -> Batch {
        Batch { shape, header, ..Batch::default() }
    }

    /// Accepted rows.
    pub(super) fn len(&self) -> usize {
        self.deleted.len()
    }

    /// Whether it is time to hand the batch over.
    pub(super) fn is_full(&self) -> bool {
        self.deleted.len() + self.rejected.len() >= ROWS
    }

    /// Adds a row, its values in the shape's order, all of it or nothing. `None` is null.
    pub(super) fn push<'a>(
        &mut self,
        values: impl Iterator<Item = Option<&'a str>>,
        deleted: bool,
        zone: &TimeZone,
    ) -> Result<(), Misfit> {
        let (texts, cells) = (self.text.len(), self.cells.len());
        let shape = Arc::clone(&self.shape);
        for (at, ((_, field_type), value)) in shape.iter().zip(values).enumerate() {
            let Some(text) = value else {
                self.cells.push(Stored::Null);
                continue;
            };
            match values::parse(text, *field_type, zone) {
                Ok(parsed) => self.keep(parsed, text),
                Err(why) => {
                    self.text.truncate(texts);
                    self.cells.truncate(cells);
                    return Err(Misfit { at, why });
                }
            }
        }
        self.deleted.push(deleted);
        Ok(())
    }

    fn keep(&mut self, value: Value, text: &str) {
        let stored = match value {
            Value::Null => Stored::Null,
            Value::Text => Stored::Text(self.copy(text)),
            Value::Decimal => Stored::Decimal(self.copy(text)),
            Value::RewrittenDecimal(text) => Stored::Decimal(self.copy(&text)),
            Value::Integer(integer) => Stored::Integer(integer),
            Value::Boolean(boolean) => Stored::Boolean(boolean),
            Value::Date(date) => Stored::Date(date),
            Value::Datetime(at) => Stored::Datetime(at),
        };
        self.cells.push(stored);
    }

    fn copy(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// The cells of a row, into a buffer of the caller's, and whether it is deleted.
    pub(super) fn row<'a>(&'a self, row: usize, cells: &mut Vec<Cell<'a>>) -> bool {
        let width = self.shape.len();
        cells.clear();
        cells.extend(self.cells[row * width..][..width].iter().map(|stored| match stored {
            Stored::Null => Cell::Null,
            Stored::Text(range) => Cell::Text(&self.text[range.clone()]),
            Stored::Decimal(range) => Cell::Decimal(&self.text[range.clone()]),
            Stored::Integer(integer) => Cell::Integer(*integer),
            Stored::Boolean(boolean) => Cell::Boolean(*boolean),
            Stored::Date(date) => Cell::Date(*date),
            Stored::Datetime(at) => Cell::Datetime(*at),
        }));
        self.deleted[row]
    }
}
