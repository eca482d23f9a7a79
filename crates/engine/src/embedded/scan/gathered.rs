//! Joined objects that are small enough to be kept whole.
//!
//! A lookup by Id costs SQLite searches in two trees that do not fit into its cache: some microseconds. Where a query has
//! made many, all records of the object are read once instead, in the order of the table, and every reader of the query
//! finds them here.

use std::{
    hash::BuildHasher as _,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{lookup::Stored, record::Value, records::Records};
use crate::{
    Result,
    error::{Error, Kind},
};

/// What the readers of a query share: of each of its joins, all records, once somebody has read them.
pub(super) struct Shared {
    objects: Vec<OnceLock<Option<Arc<Gathered>>>>,
    /// How many bytes there is room for.
    left: Mutex<usize>,
}

/// Bytes that all objects of a query may take together.
const ROOM: usize = 36 << 20;

impl Shared {
    pub(super) fn new(joins: usize) -> Shared {
        Shared { objects: (0..joins).map(|_| OnceLock::new()).collect(), left: Mutex::new(ROOM) }
    }

    /// The records of a join, if they are here.
    pub(super) fn get(&self, join: usize) -> Option<Arc<Gathered>> {
        self.objects.get(join)?.get()?.clone()
    }

    /// The same, read first if nobody has. `None` if there is no room for them, or they cannot be read: then lookups go on,
    /// and say what is wrong.
    pub(super) fn gather(&self, join: usize, records: &mut Records) -> Option<Arc<Gathered>> {
        let gathered = self.objects.get(join)?.get_or_init(|| {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            let gathered = gather(records, *left).ok()?;
            *left -= gathered.size();
            Some(Arc::new(gathered))
        });
        gathered.clone()
    }
}

fn gather(records: &mut Records, room: usize) -> Result<Gathered> {
    let mut gathered = Gathered::new(records.width());
    records.each(|live| {
        gathered.add(live.id, live.values())?;
        if gathered.size() > room { Err(unfit("there is no room for it")) } else { Ok(()) }
    })?;
    gathered.bytes.shrink_to_fit();
    Ok(gathered)
}

/// The live records of an object, by Id.
pub(super) struct Gathered {
    hasher: DefaultHashBuilder,
    /// Where records begin, by the hashes of their Ids.
    places: HashTable<u32>,
    /// Of each record the Id, then its values, each after a byte that says what it is.
    bytes: Vec<u8>,
    fields: usize,
}

/// What the byte before a value says; below these, it is the length of a text.
const NULL: u8 = 253;
const INTEGER: u8 = 254;
/// A text whose length comes next.
const LONG: u8 = 255;

impl Gathered {
    fn new(fields: usize) -> Gathered {
        Gathered { hasher: DefaultHashBuilder::default(), places: HashTable::new(), bytes: Vec::new(), fields }
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.places.allocation_size()
    }

    fn add<'a>(&mut self, id: &[u8], values: impl Iterator<Item = Value<'a>>) -> Result<()> {
        let place = u32::try_from(self.bytes.len()).map_err(|_| unfit("it is too long"))?;
        self.push(Value::Text(id))?;
        for value in values {
            self.push(value)?;
        }
        let Gathered { hasher, places, bytes, .. } = self;
        // Ids are unique among live records.
        places.insert_unique(hasher.hash_one(id), place, |place| hasher.hash_one(id_at(bytes, *place)));
        Ok(())
    }

    fn push(&mut self, value: Value<'_>) -> Result<()> {
        match value {
            Value::Null => self.bytes.push(NULL),
            Value::Integer(integer) => {
                self.bytes.push(INTEGER);
                self.bytes.extend_from_slice(&integer.to_le_bytes());
            }
            Value::Text(text) => {
                match u8::try_from(text.len()) {
                    Ok(length) if length < NULL => self.bytes.push(length),
                    _ => {
                        let length = u32::try_from(text.len()).map_err(|_| unfit("it has a text that is too long"))?;
                        self.bytes.push(LONG);
                        self.bytes.extend_from_slice(&length.to_le_bytes());
                    }
                }
                self.bytes.extend_from_slice(text);
            }
            Value::Real(_) | Value::Blob(_) => return Err(unfit("it has a value of another kind")),
        }
        Ok(())
    }

    /// Finds the values of the record with this Id, as places in [`Gathered::texts`]; false if there is none.
    pub(super) fn find(&self, id: &[u8], values: &mut Vec<Stored>) -> bool {
        values.clear();
        let found = self.places.find(self.hasher.hash_one(id), |place| id_at(&self.bytes, *place) == id);
        let Some(place) = found else { return false };
        let mut at = *place as usize;
        pull(&self.bytes, &mut at);
        values.extend((0..self.fields).map_while(|_| pull(&self.bytes, &mut at)));
        true
    }

    pub(super) fn texts(&self) -> &[u8] {
        &self.bytes
    }
}

/// The Id of the record that begins there.
fn id_at(bytes: &[u8], place: u32) -> &[u8] {
    match pull(bytes, &mut (place as usize)) {
        Some(Stored::Text { start, end }) => &bytes[start..end],
        _ => &[],
    }
}

/// Reads the value at a place, and moves on to the next one.
fn pull(bytes: &[u8], at: &mut usize) -> Option<Stored> {
    let (kind, rest) = bytes.get(*at..)?.split_first()?;
    let start = *at + 1;
    let (value, end) = match *kind {
        NULL => (Stored::Null, start),
        INTEGER => (Stored::Integer(i64::from_le_bytes(*rest.first_chunk()?)), start + 8),
        LONG => {
            let (start, length) = (start + 4, u32::from_le_bytes(*rest.first_chunk()?) as usize);
            (Stored::Text { start, end: start + length }, start + length)
        }
        length => {
            let end = start + usize::from(length);
            (Stored::Text { start, end }, end)
        }
    };
    *at = end;
    Some(value)
}

fn unfit(why: &str) -> Error {
    Error::new(Kind::Internal, format!("the object is not kept: {why}"))
}
