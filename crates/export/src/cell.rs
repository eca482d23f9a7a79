//! What a row is made of.

use std::fmt;

/// One value on its way from a database into a file. Text borrows from the database's own buffer: nothing is copied
/// until it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Integer(i64),
    /// Canonical: shortest plain form, `77.86`, `0`, `-0.5`. It is written as it is.
    Decimal(&'a str),
    Boolean(bool),
    Date(Date),
    Datetime(Timestamp),
}

/// Takes the cells of a part, row by row, in column order.
///
/// Cells that stand together may be a *run*: some that are often those of the row before, such as what rows join. A sink may
/// keep how it wrote them, and write them once more without being shown them. Runs are numbered from 0, and each has its own
/// columns.
pub trait CellSink {
    fn cell(&mut self, cell: Cell<'_>);

    /// The cells that follow, up to [`CellSink::end_run`], are a run.
    fn begin_run(&mut self) {}

    fn end_run(&mut self, _run: usize) {}

    /// Takes the cells of a run as they were when it was ended last. False if they have not been kept: then they must be shown.
    fn repeat_run(&mut self, _run: usize) -> bool {
        false
    }

    /// Ends a row. An error means that nobody wants more rows (cancelled, over a limit, storage failed): the reader stops and hands it up.
    fn end_row(&mut self) -> Result<(), Stopped>;
}

/// The sink takes no more rows. Why is known to whoever owns the sink; a reader only has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader was told to stop")]
pub struct Stopped;

/// A calendar date, kept as the ten characters of ISO 8601 that files show and SQLite stores: years 0000 to 9999.
/// Reading and writing it are then one copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date([u8; 10]);

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Date {
    /// `None` unless the bytes look like `dddd-dd-dd`. Whether the day exists is the business of who stored it.
    pub fn from_iso(text: &[u8]) -> Option<Date> {
        let iso: [u8; 10] = text.try_into().ok()?;
        // Two words of eight bytes that overlap.
        let looks_right = has_form(iso.first_chunk()?, b"0000-00-") && has_form(iso.last_chunk()?, b"00-00-00");
        looks_right.then_some(Date(iso))
    }

    /// `2026-02-28`
    pub fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        // Digits and hyphens, all of it: `from_iso` let nothing else in.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Whether there is a digit for each `0`, and the same byte for every other one.
#[inline(always)]
fn has_form(bytes: &[u8; 8], form: &[u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // What is left of a digit is at most 9, of others nothing. More than that reaches the highest bit of its byte.
    let rest = u64::from_le_bytes(*bytes) ^ u64::from_le_bytes(*form);
    let room = u64::from_le_bytes(form.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f }));
    (rest | rest.wrapping_add(room)) & HIGH == 0
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    /// As the bytes are read one by one.
    fn looks_right(iso: &[u8; 10]) -> bool {
        iso.iter().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() })
    }

    #[test]
    fn a_date_has_digits_and_hyphens_and_nothing_else() {
        for at in 0..10 {
            for byte in 0..=255 {
                for date in [b"0000-00-00", b"9999-99-99", b"2026-02-28"] {
                    let mut iso = *date;
                    iso[at] = byte;
                    assert_eq!(Date::from_iso(&iso).is_some(), looks_right(&iso), "{iso:?}");
                }
            }
        }
        assert_eq!(Date::from_iso(b"2026-02-2"), None);
        assert_eq!(Date::from_iso(b"2026-02-281"), None);
    }
}
