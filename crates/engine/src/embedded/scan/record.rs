//! A row's record: <https://www.sqlite.org/fileformat2.html#record_format>.
//!
//! As [`super::page`], takes any bytes and needs only the standard library.

use super::page::{Malformed, varint};

/// A stored value. A text is whatever bytes are there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// Where the values of a record stand; used again from row to row.
pub struct Layout {
    values: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    kind: u32,
    start: u32,
}

const ABSENT: Place = Place { kind: 0, start: 0 };

const PAST_THE_END: Malformed = Malformed("a record that is longer than it says");

impl Layout {
    /// Of records of which the first so many values are of interest.
    pub fn new(columns: usize) -> Layout {
        Layout { values: vec![ABSENT; columns] }
    }

    /// Finds the values of a record. It may have fewer than the table has columns, when columns were added after it was
    /// written: the missing ones are null, for no column of ours has another default.
    #[inline]
    pub fn find(&mut self, record: &[u8]) -> Result<(), Malformed> {
        let (header, size) = varint(record).ok_or(PAST_THE_END)?;
        let header = usize::try_from(header).map_err(|_| PAST_THE_END)?;
        let mut kinds = record.get(size..header).ok_or(PAST_THE_END)?;
        let mut start = header;
        for place in &mut self.values {
            let (kind, length) = match *kinds {
                [kind @ 0..0x80, ref rest @ ..] => {
                    kinds = rest;
                    (u32::from(kind), usize::from(SHORT[usize::from(kind)]))
                }
                [] => (0, 0),
                _ => {
                    let (kind, size) = varint(kinds).ok_or(PAST_THE_END)?;
                    kinds = &kinds[size..];
                    let kind = u32::try_from(kind).map_err(|_| PAST_THE_END)?;
                    (kind, length(kind))
                }
            };
            *place = Place { kind, start: start as u32 };
            start += length;
        }
        // No record is so long that a place in it is none in 32 bits.
        if start > record.len() || u32::try_from(start).is_err() { Err(PAST_THE_END) } else { Ok(()) }
    }

    /// A value of the record that was shown to [`Layout::find`].
    #[inline(always)]
    pub fn value<'a>(&self, record: &'a [u8], column: usize) -> Value<'a> {
        let Place { kind, start } = self.values.get(column).copied().unwrap_or(ABSENT);
        let bytes = record.get(start as usize..).unwrap_or_default();
        match kind {
            12.. => {
                let bytes = bytes.get(..length(kind)).unwrap_or_default();
                if kind % 2 == 1 { Value::Text(bytes) } else { Value::Blob(bytes) }
            }
            1 => Value::Integer(integer::<1>(bytes)),
            2 => Value::Integer(integer::<2>(bytes)),
            3 => Value::Integer(integer::<3>(bytes)),
            4 => Value::Integer(integer::<4>(bytes)),
            5 => Value::Integer(integer::<6>(bytes)),
            6 => Value::Integer(integer::<8>(bytes)),
            7 => Value::Real(f64::from_bits(integer::<8>(bytes) as u64)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            // 10 and 11 are reserved; SQLite reads them as nulls.
            _ => Value::Null,
        }
    }
}

/// The bytes of a value of a kind.
#[inline(always)]
const fn length(kind: u32) -> usize {
    match kind {
        0 | 8..12 => 0,
        1..5 => kind as usize,
        5 => 6,
        6 | 7 => 8,
        _ => (kind as usize - 12) / 2,
    }
}

/// The same for the kinds of one byte, which most are.
const SHORT: [u8; 128] = {
    let mut lengths = [0; 128];
    let mut kind = 0;
    while kind < 128 {
        lengths[kind] = length(kind as u32) as u8;
        kind += 1;
    }
    lengths
};

/// A signed big-endian number.
#[inline(always)]
fn integer<const N: usize>(bytes: &[u8]) -> i64 {
    let Some(bytes) = bytes.first_chunk::<N>() else { return 0 };
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes);
    i64::from_be_bytes(wide) >> (64 - 8 * N)
}
