//! Joined records, looked up by Id and remembered.

use std::mem;

use rusqlite::{Connection, types::ValueRef};

use super::{
    plan::{Join, Source},
    record::{Layout, Value},
};
use crate::{
    Result,
    embedded::{
        part,
        raw::{self, Statement},
    },
    error::{Error, Kind},
};

/// The lookups of a query, parents before children.
pub(super) struct Lookups {
    all: Vec<Lookup>,
}

/// Finds records of one object. What was found stays in one of a fixed number of slots, that of its Id's hash: rows that
/// stand together often join the same record, and small objects are joined again and again.
struct Lookup {
    /// The Id that is looked up.
    key: Source,
    statement: Statement,
    fields: usize,
    slots: Vec<Slot>,
    /// The slot of the current row; none if it joins nothing.
    current: Option<usize>,
}

#[derive(Default)]
struct Slot {
    /// Empty as long as the slot is.
    key: Vec<u8>,
    /// By field; empty if there is no such record.
    values: Vec<Stored>,
    /// What texts are made of.
    texts: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Stored {
    Null,
    Integer(i64),
    Text { start: usize, end: usize },
}

/// Slots of all lookups of a query together.
const SLOTS: usize = 4096;

/// A record with longer texts goes to a slot that all of its kind share, so that memory stays small.
const LONGEST: usize = 1024;

impl Lookups {
    pub(super) fn prepare(connection: &Connection, joins: &[Join]) -> Result<Lookups> {
        let slots = SLOTS / joins.len().max(1);
        let lookup = |join: &Join| -> Result<Lookup> {
            let mut lookup = Lookup {
                key: join.key,
                statement: Statement::prepare(connection, &join.statement())?,
                fields: join.fields.len(),
                slots: Vec::new(),
                current: None,
            };
            lookup.slots.resize_with(slots + 1, Slot::default);
            Ok(lookup)
        };
        Ok(Lookups { all: joins.iter().map(lookup).collect::<Result<_>>()? })
    }

    /// Finds what a row of the base table joins.
    pub(super) fn follow(&mut self, record: &[u8], layout: &Layout) -> Result<()> {
        for at in 0..self.all.len() {
            let (parents, rest) = self.all.split_at_mut(at);
            let lookup = &mut rest[0];
            match value(parents, lookup.key, record, layout) {
                Value::Text(key) => lookup.find(key)?,
                Value::Null => lookup.current = None,
                _ => return Err(Error::new(Kind::Corrupt, "the data file has an Id that is no text")),
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn value<'a>(&'a self, source: Source, record: &'a [u8], layout: &Layout) -> Value<'a> {
        value(&self.all, source, record, layout)
    }

    pub(super) fn rest(&mut self) {
        self.all.iter_mut().for_each(|lookup| lookup.statement.reset());
    }
}

#[inline]
fn value<'a>(lookups: &'a [Lookup], source: Source, record: &'a [u8], layout: &Layout) -> Value<'a> {
    match source {
        Source::Base(column) => layout.value(record, column),
        Source::Joined { join, value } => lookups.get(join).map_or(Value::Null, |lookup| lookup.value(value)),
    }
}

impl Lookup {
    fn value(&self, value: usize) -> Value<'_> {
        let Some(slot) = self.current.and_then(|slot| self.slots.get(slot)) else { return Value::Null };
        match slot.values.get(value) {
            Some(Stored::Integer(integer)) => Value::Integer(*integer),
            Some(Stored::Text { start, end }) => Value::Text(&slot.texts[*start..*end]),
            Some(Stored::Null) | None => Value::Null,
        }
    }

    fn find(&mut self, key: &[u8]) -> Result<()> {
        let shared = self.slots.len() - 1;
        let own = slot_of(key, shared);
        for slot in [own, shared] {
            if self.slots[slot].key == key && !key.is_empty() {
                self.current = Some(slot);
                return Ok(());
            }
        }
        let mut found = mem::take(&mut self.slots[own]);
        let filled = self.fill(&mut found, key);
        let slot = if found.texts.len() + key.len() > LONGEST { shared } else { own };
        self.slots[slot] = found;
        self.current = Some(slot);
        filled
    }

    fn fill(&mut self, slot: &mut Slot, key: &[u8]) -> Result<()> {
        let statement = &mut self.statement;
        slot.key.clear();
        slot.values.clear();
        slot.texts.clear();
        statement.reset();
        statement.bind_text(1, raw::utf8(key).ok_or_else(part::not_utf8)?)?;
        if let Some(row) = statement.step()? {
            for field in 0..self.fields {
                let value = match row.value(field) {
                    ValueRef::Null => Stored::Null,
                    ValueRef::Integer(integer) => Stored::Integer(integer),
                    ValueRef::Text(text) => {
                        let start = slot.texts.len();
                        slot.texts.extend_from_slice(text);
                        Stored::Text { start, end: slot.texts.len() }
                    }
                    other => return Err(part::unexpected(other.into())),
                };
                slot.values.push(value);
            }
        }
        slot.key.extend_from_slice(key);
        Ok(())
    }
}

/// One of so many slots. Ids that differ do so in their last bytes, as a rule.
fn slot_of(key: &[u8], slots: usize) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mixed = (word(key.last_chunk()) ^ word(key.first_chunk()).rotate_left(17) ^ key.len() as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The upper half of the product is that which every bit has an influence on.
    ((mixed >> 32) as usize * slots) >> 32
}
