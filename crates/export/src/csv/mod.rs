//! Rows as CSV: RFC 4180 with LF, UTF-8, quotes only where they are needed.
//!
//! [`Encoder`] appends to one buffer that its owner takes away from time to time. Nothing is allocated per cell, and a
//! text that needs no quotes is one copy after one scan.

mod datetime;
mod room;
mod runs;
mod text;

use jiff::tz::TimeZone;

use crate::cell::{Cell, CellSink, Date, Stopped, Timestamp};
use datetime::DatetimeWriter;
use room::Room;
use runs::Runs;
use text::Texts;

/// How the cells of a file are written; one for the whole file.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Stands where a value is null. Quoted like any text, never guarded.
    pub null_replacement: String,
    pub datetimes: DatetimeStyle,
    /// Writes an empty text as `""`, so that it differs from a null.
    pub distinguish_empty: bool,
    /// Puts an apostrophe before a text that a spreadsheet would read as a formula. Changes data.
    pub injection_guard: bool,
}

/// How a datetime is written: `2026-02-28T05:07:32-0800`.
#[derive(Debug, Clone)]
pub struct DatetimeStyle {
    pub zone: TimeZone,
    /// `-08:00`, as API versions up to 68 have it.
    pub colon_in_offset: bool,
    /// Writes an instant that is midnight in America/Los_Angeles as the date there: API versions up to 68.
    pub date_at_midnight_los_angeles: bool,
}

impl Default for DatetimeStyle {
    /// As `dateTimeUtc: true` asks for.
    fn default() -> DatetimeStyle {
        DatetimeStyle { zone: TimeZone::UTC, colon_in_offset: false, date_at_midnight_los_angeles: false }
    }
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the header line.
    pub header: String,
    /// Written as `******`, whatever the value; a null stays a null.
    pub masked: bool,
}

/// Turns cells into lines. Takes any cell without fail: as a [`CellSink`] it never stops.
pub struct Encoder {
    out: Room,
    /// The cell that comes next, counted from 0.
    column: usize,
    width: usize,
    /// By column; empty if no column is masked.
    masked: Vec<bool>,
    /// With its comma.
    null: Vec<u8>,
    texts: Texts,
    datetimes: DatetimeWriter,
    /// See [`Encoder::end_lonely_row`].
    lonely: bool,
    /// Kept only for a lonely column.
    row_start: usize,
    runs: Runs,
}

impl Encoder {
    pub fn new(columns: &[Column], style: &Style) -> Encoder {
        let mut texts = Texts::new(style);
        let mut null = Room::default();
        if !style.null_replacement.is_empty() {
            texts.write_unguarded(&style.null_replacement, &mut null);
        }
        null.push(b",");
        Encoder {
            out: Room::default(),
            column: 0,
            width: columns.len(),
            masked: match columns.iter().any(|column| column.masked) {
                true => columns.iter().map(|column| column.masked).collect(),
                false => Vec::new(),
            },
            null: null.as_bytes().to_owned(),
            texts,
            datetimes: DatetimeWriter::new(&style.datetimes, columns.len()),
            lonely: columns.len() == 1 && !style.distinguish_empty,
            row_start: 0,
            runs: Runs::default(),
        }
    }

    /// Writes the header line.
    pub fn header(&mut self, columns: &[Column]) {
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                self.out.push(b",");
            }
            self.texts.write_unguarded(&column.header, &mut self.out);
        }
        self.out.push(b"\n");
        self.row_start = self.out.len();
    }

    /// The bytes written so far and not yet taken.
    pub fn as_bytes(&self) -> &[u8] {
        self.out.as_bytes()
    }

    /// Hands over what is written and goes on in `next`, whose bytes mean nothing. To be called between rows.
    pub fn take(&mut self, next: Vec<u8>) -> Vec<u8> {
        debug_assert_eq!(self.column, 0, "taken in the middle of a row");
        self.row_start = 0;
        self.out.take(next)
    }

    /// Most readers of CSV skip an empty line, and the row with it. So in a file of one column an empty cell is written
    /// `""`. Where that would mean an empty text (`distinguish_empty`) the line stays empty.
    fn end_lonely_row(&mut self) {
        if self.out.len() == self.row_start + 1 {
            self.out.truncate(self.row_start);
            self.out.push(b"\"\",");
        }
        self.row_start = self.out.len();
    }
}

/// Where the first so many rows of some CSV end. Takes whole rows.
pub(crate) fn row_end(csv: &[u8], rows: u64) -> usize {
    let mut quoted = false;
    let mut left = rows;
    // A doubled quote ends the quoted text and begins it again.
    for at in memchr::memchr2_iter(b'"', b'\n', csv) {
        match csv[at] {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ if left == 1 => return at + 1,
            _ => left -= 1,
        }
    }
    csv.len()
}

impl CellSink for Encoder {
    /// Ends every cell with a comma; that of the last one becomes the end of the line.
    ///
    /// Each kind is a function of its own that is jumped to, so that none saves registers for another.
    #[inline]
    fn cell(&mut self, cell: Cell<'_>) {
        let masked = self.masked.get(self.column).is_some_and(|masked| *masked);
        self.column += 1;
        match cell {
            Cell::Null => self.null(),
            _ if masked => self.constant(b"******,"),
            Cell::Text(text) => self.text(text),
            Cell::Integer(value) => self.integer(value),
            Cell::Decimal(text) => self.decimal(text),
            Cell::Boolean(true) => self.constant(b"true,"),
            Cell::Boolean(false) => self.constant(b"false,"),
            Cell::Date(date) => self.date(date),
            Cell::Datetime(at) => self.datetime(at),
        }
    }

    #[inline]
    fn begin_run(&mut self) {
        self.runs.begin(self.out.len(), self.column);
    }

    #[inline]
    fn end_run(&mut self, run: usize) {
        self.runs.end(run, self.out.as_bytes(), self.column);
    }

    #[inline]
    fn repeat_run(&mut self, run: usize) -> bool {
        let Some((bytes, cells)) = self.runs.get(run) else { return false };
        self.out.push(bytes);
        self.column += cells;
        true
    }

    #[inline]
    fn end_row(&mut self) -> Result<(), Stopped> {
        debug_assert_eq!(self.column, self.width, "a row has as many cells as the file has columns");
        self.column = 0;
        if self.lonely {
            self.end_lonely_row();
        }
        if let Some(comma) = self.out.last_mut() {
            *comma = b'\n';
        }
        Ok(())
    }
}

impl Encoder {
    #[inline(never)]
    fn null(&mut self) {
        match self.null.len() {
            1 => self.out.push_array(b","),
            _ => self.out.push(&self.null),
        }
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        if !self.texts.put_at_once(text.as_bytes(), &mut self.out) {
            self.texts.put(text.as_bytes(), &mut self.out);
        }
    }

    #[inline(never)]
    fn integer(&mut self, value: i64) {
        text::put_cell(itoa::Buffer::new().format(value).as_bytes(), &mut self.out);
    }

    #[inline(never)]
    fn decimal(&mut self, text: &str) {
        text::put_cell(text.as_bytes(), &mut self.out);
    }

    #[inline(never)]
    fn date(&mut self, date: Date) {
        let mut cell = [b','; 11];
        cell[..10].copy_from_slice(date.as_bytes());
        self.out.push_array(&cell);
    }

    #[inline(never)]
    fn datetime(&mut self, at: Timestamp) {
        self.datetimes.write_cell(at, self.column - 1, &mut self.out);
    }

    #[inline(never)]
    fn constant<const N: usize>(&mut self, cell: &[u8; N]) {
        self.out.push_array(cell);
    }
}
