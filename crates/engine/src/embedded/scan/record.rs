//! A row's record: <https://www.sqlite.org/fileformat2.html#record_format>.
//!
//! As [`super::page`], takes any bytes and needs only the standard library.

use std::mem;

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
    /// By column of the table, up to the last one that is wanted: looking which are costs more than to find them all.
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    kind: u32,
    start: u32,
}

const ABSENT: Place = Place { kind: 0, start: 0 };

const PAST_THE_END: Malformed = Malformed("a record that is longer than it says");

impl Layout {
    /// Of these columns of the table, and those before them.
    pub fn up_to(columns: &[usize]) -> Layout {
        Layout { places: vec![ABSENT; columns.iter().max().map_or(0, |last| last + 1)] }
    }

    /// Finds the values of a record. It may have fewer than the table has columns, when columns were added after it was
    /// written: the missing ones are null, for no column of ours has another default.
    #[inline]
    pub fn find(&mut self, record: &[u8]) -> Result<(), Malformed> {
        let (header, size) = varint(record).ok_or(PAST_THE_END)?;
        let mut start = usize::try_from(header).map_err(|_| PAST_THE_END)?;
        let mut kinds = record.get(size..start).ok_or(PAST_THE_END)?;
        let mut places = self.places.as_mut_slice();
        loop {
            let found = find_short(kinds, places, &mut start);
            (places, kinds) = (&mut mem::take(&mut places)[found..], &kinds[found..]);
            if kinds.is_empty() {
                places.fill(ABSENT);
                break;
            }
            let Some((place, rest)) = places.split_first_mut() else { break };
            // A kind of more than one byte: a long text.
            let (kind, size) = varint(kinds).ok_or(PAST_THE_END)?;
            let kind = u32::try_from(kind).map_err(|_| PAST_THE_END)?;
            *place = Place { kind, start: start as u32 };
            start += length(kind);
            (places, kinds) = (rest, &kinds[size..]);
        }
        // No record is so long that a place in it is none in 32 bits.
        if start > record.len() || u32::try_from(start).is_err() { Err(PAST_THE_END) } else { Ok(()) }
    }

    #[inline(always)]
    fn place(&self, column: usize) -> Place {
        self.places.get(column).copied().unwrap_or(ABSENT)
    }

    /// A value that is a text.
    #[inline(always)]
    pub fn text<'a>(&self, record: &'a [u8], column: usize) -> Option<&'a [u8]> {
        let Place { kind, start } = self.place(column);
        let start = start as usize;
        if kind > 12 && kind % 2 == 1 { record.get(start..start + length(kind)) } else { None }
    }

    /// A value that is a whole number.
    #[inline(always)]
    pub fn integer(&self, record: &[u8], column: usize) -> Option<i64> {
        let Place { kind, start } = self.place(column);
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
    pub fn value<'a>(&self, record: &'a [u8], column: usize) -> Value<'a> {
        let Place { kind, start } = self.place(column);
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

/// Finds values up to one whose kind has more than one byte, which few have; says how many.
#[inline(always)]
fn find_short(kinds: &[u8], places: &mut [Place], start: &mut usize) -> usize {
    let mut find = |place: &mut Place, kind: u8| {
        *place = Place { kind: u32::from(kind), start: *start as u32 };
        *start += usize::from(SHORT[usize::from(kind)]);
    };
    let mut found = 0;
    // Eight at a time, which costs two thirds.
    for (places, kinds) in places.as_chunks_mut::<8>().0.iter_mut().zip(kinds.as_chunks::<8>().0) {
        if u64::from_ne_bytes(*kinds) & 0x8080_8080_8080_8080 != 0 {
            break;
        }
        places.iter_mut().zip(kinds).for_each(|(place, kind)| find(place, *kind));
        found += 8;
    }
    for (place, kind) in places[found..].iter_mut().zip(&kinds[found..]) {
        if *kind >= 0x80 {
            break;
        }
        find(place, *kind);
        found += 1;
    }
    found
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
