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

/// Where some values of a record stand; used again from row to row.
pub struct Layout {
    /// In the order of the record.
    wanted: Vec<Wanted>,
    values: Vec<Place>,
}

struct Wanted {
    /// How many values before it nobody wants.
    skipped: usize,
    /// Its number in [`Layout::values`].
    value: usize,
}

#[derive(Clone, Copy)]
struct Place {
    kind: u32,
    start: u32,
}

const ABSENT: Place = Place { kind: 0, start: 0 };

const PAST_THE_END: Malformed = Malformed("a record that is longer than it says");

impl Layout {
    /// Of the values in these columns, which all differ. They are then numbered as they are named here, from 0.
    pub fn new(columns: &[usize]) -> Layout {
        let mut sorted: Vec<(usize, usize)> =
            columns.iter().enumerate().map(|(value, column)| (*column, value)).collect();
        sorted.sort_unstable();
        let mut next = 0;
        let wanted = sorted.into_iter().map(|(column, value)| {
            let skipped = column.saturating_sub(next);
            next = column + 1;
            Wanted { skipped, value }
        });
        Layout { wanted: wanted.collect(), values: vec![ABSENT; columns.len()] }
    }

    /// Finds the values of a record. It may have fewer than the table has columns, when columns were added after it was
    /// written: the missing ones are null, for no column of ours has another default.
    #[inline]
    pub fn find(&mut self, record: &[u8]) -> Result<(), Malformed> {
        let (header, size) = varint(record).ok_or(PAST_THE_END)?;
        let mut start = usize::try_from(header).map_err(|_| PAST_THE_END)?;
        let mut kinds = Kinds(record.get(size..start).ok_or(PAST_THE_END)?);
        for Wanted { skipped, value } in &self.wanted {
            start += kinds.skip(*skipped)?;
            let (kind, length) = kinds.next()?;
            if let Some(place) = self.values.get_mut(*value) {
                *place = Place { kind, start: start as u32 };
            }
            start += length;
        }
        // No record is so long that a place in it is none in 32 bits.
        if start > record.len() || u32::try_from(start).is_err() { Err(PAST_THE_END) } else { Ok(()) }
    }

    /// A value that is a text.
    #[inline(always)]
    pub fn text<'a>(&self, record: &'a [u8], value: usize) -> Option<&'a [u8]> {
        let Place { kind, start } = *self.values.get(value)?;
        let start = start as usize;
        if kind > 12 && kind % 2 == 1 { record.get(start..start + length(kind)) } else { None }
    }

    /// A value that is a whole number.
    #[inline(always)]
    pub fn integer(&self, record: &[u8], value: usize) -> Option<i64> {
        let Place { kind, start } = *self.values.get(value)?;
        match kind {
            1..=6 => {
                // One path for all lengths, where eight bytes are left.
                let bytes = record.get(start as usize..)?.first_chunk()?;
                Some(i64::from_be_bytes(*bytes) >> (64 - 8 * length(kind)))
            }
            8 | 9 => Some(i64::from(kind) - 8),
            _ => None,
        }
    }

    /// A value of the record that was shown to [`Layout::find`].
    #[inline]
    pub fn value<'a>(&self, record: &'a [u8], value: usize) -> Value<'a> {
        let Place { kind, start } = self.values.get(value).copied().unwrap_or(ABSENT);
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

/// The kinds of the values of a record that are still to come.
struct Kinds<'a>(&'a [u8]);

impl Kinds<'_> {
    /// The next kind and its bytes. Null at the end.
    #[inline(always)]
    fn next(&mut self) -> Result<(u32, usize), Malformed> {
        match *self.0 {
            [kind @ 0..0x80, ref rest @ ..] => {
                self.0 = rest;
                Ok((u32::from(kind), usize::from(SHORT[usize::from(kind)])))
            }
            [] => Ok((0, 0)),
            _ => {
                let (kind, size) = varint(self.0).ok_or(PAST_THE_END)?;
                self.0 = &self.0[size..];
                let kind = u32::try_from(kind).map_err(|_| PAST_THE_END)?;
                Ok((kind, length(kind)))
            }
        }
    }

    /// The bytes of the next so many values. Wide tables have many that nobody wants, so this is most of the work of a
    /// scan: it looks at one after the other only where one byte is not enough for a kind.
    #[inline(always)]
    fn skip(&mut self, values: usize) -> Result<usize, Malformed> {
        if let Some((skipped, rest)) = self.0.split_at_checked(values) {
            let (mut bytes, mut seen) = (0, 0);
            for kind in skipped {
                bytes += u32::from(SHORT[usize::from(*kind)]);
                seen |= kind;
            }
            if seen < 0x80 {
                self.0 = rest;
                return Ok(bytes as usize);
            }
        }
        self.skip_slowly(values)
    }

    #[inline(never)]
    fn skip_slowly(&mut self, values: usize) -> Result<usize, Malformed> {
        (0..values).try_fold(0, |bytes, _| Ok(bytes + self.next()?.1))
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

/// The same by the first byte of a kind, of which most have no other. Nothing for those that have.
const SHORT: [u8; 256] = {
    let mut lengths = [0; 256];
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
