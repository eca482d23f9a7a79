//! Joined records, looked up by Id and remembered.

use std::{
    mem,
    sync::{Arc, atomic::AtomicBool},
};

use rusqlite::{Connection, types::ValueRef};

use super::{
    gathered::{Gathered, Shared},
    plan::{Join, Plan, Source},
    record::{Layout, Value},
    records::{Neighbour, Records},
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
/// stand together often join the same record. After many searches, an object that is small enough is gathered whole.
struct Lookup {
    /// The Id that is looked up.
    key: Source,
    statement: Statement,
    slots: Vec<Slot>,
    searches: u32,
    records: Records,
    neighbour: Neighbour,
    gathered: Option<Arc<Gathered>>,
    /// The one that was found last in `gathered`, or that there was none.
    last: Slot,
    current: Current,
    /// Whether that is what the row before has joined.
    is_as_before: bool,
}

/// What the current row joins.
#[derive(Clone, Copy, PartialEq)]
enum Current {
    /// There is no row yet.
    Unknown,
    Nothing,
    Slot(usize),
    /// [`Lookup::last`], whose texts are in [`Lookup::gathered`].
    Last,
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
pub(super) enum Stored {
    Null,
    Integer(i64),
    Text { start: usize, end: usize },
}

/// Searches that have taken about as long as to gather what there is room for.
const MANY_SEARCHES: u32 = 8192;

/// Slots of all lookups of a query together.
const SLOTS: usize = 4096;

/// A record with longer texts goes to a slot that all of its kind share, so that memory stays small.
const LONGEST: usize = 1024;

impl Lookups {
    /// Given the places of the base table's columns that the plan names.
    pub(super) fn prepare(connection: &Connection, plan: &Plan, base: &[usize]) -> Result<Lookups> {
        let slots = SLOTS / plan.joins.len().max(1);
        let lookup = |(at, join): (usize, &Join)| -> Result<Lookup> {
            let mut lookup = Lookup {
                key: join.key.placed(base),
                statement: Statement::prepare(connection, &join.statement())?,
                slots: Vec::new(),
                searches: 0,
                records: Records::open(connection, join)?,
                neighbour: Neighbour::new(),
                gathered: plan.shared.get(at),
                last: Slot::default(),
                current: Current::Unknown,
                is_as_before: false,
            };
            lookup.slots.resize_with(slots + 1, Slot::default);
            Ok(lookup)
        };
        Ok(Lookups { all: plan.joins.iter().enumerate().map(lookup).collect::<Result<_>>()? })
    }

    /// What comes is no longer compared to what was.
    pub(super) fn begin(&mut self) {
        self.all.iter_mut().for_each(|lookup| lookup.current = Current::Unknown);
    }

    /// Finds what a row of the base table joins.
    pub(super) fn follow(&mut self, shared: &Shared, record: &[u8], layout: &Layout) -> Result<()> {
        for at in 0..self.all.len() {
            let (parents, rest) = self.all.split_at_mut(at);
            let lookup = &mut rest[0];
            match value(parents, lookup.key, record, layout) {
                Value::Text(key) => {
                    if lookup.searches == MANY_SEARCHES {
                        lookup.gathered = shared.gather(at, &mut lookup.records);
                        lookup.searches += 1;
                    }
                    lookup.find(key)?;
                }
                Value::Null => {
                    lookup.is_as_before = lookup.current == Current::Nothing;
                    lookup.current = Current::Nothing;
                }
                _ => return Err(Error::new(Kind::Corrupt, "the data file has an Id that is no text")),
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn value<'a>(&'a self, source: Source, record: &'a [u8], layout: &Layout) -> Value<'a> {
        value(&self.all, source, record, layout)
    }

    /// Whether these joins have found what the row before has joined.
    #[inline]
    pub(super) fn are_as_before(&self, joins: &[usize]) -> bool {
        joins.iter().all(|join| self.all.get(*join).is_some_and(|lookup| lookup.is_as_before))
    }

    /// Stops when the flag is raised.
    pub(super) fn obey(&mut self, cancelled: &Arc<AtomicBool>) {
        self.all.iter_mut().for_each(|lookup| lookup.records.obey(cancelled));
    }

    pub(super) fn rest(&mut self) {
        for lookup in &mut self.all {
            lookup.statement.reset();
            lookup.records.rest();
        }
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
        let (slot, texts) = match (self.current, &self.gathered) {
            (Current::Slot(slot), _) => (&self.slots[slot], self.slots[slot].texts.as_slice()),
            (Current::Last, Some(gathered)) => (&self.last, gathered.texts()),
            (Current::Unknown | Current::Nothing | Current::Last, _) => return Value::Null,
        };
        match slot.values.get(value) {
            Some(Stored::Integer(integer)) => Value::Integer(*integer),
            Some(Stored::Text { start, end }) => Value::Text(&texts[*start..*end]),
            Some(Stored::Null) | None => Value::Null,
        }
    }

    fn find(&mut self, key: &[u8]) -> Result<()> {
        let before = match self.current {
            Current::Unknown | Current::Nothing => None,
            Current::Slot(slot) => Some(&self.slots[slot]),
            Current::Last => Some(&self.last),
        };
        self.is_as_before = before.is_some_and(|slot| slot.key == key && !key.is_empty());
        if self.is_as_before {
            return Ok(());
        }
        if let Some(gathered) = &self.gathered {
            let last = &mut self.last;
            if last.key != key || key.is_empty() {
                last.key.clear();
                last.key.extend_from_slice(key);
                // Without one it has no values, and all of them are null.
                gathered.find(key, &mut last.values);
            }
            self.current = Current::Last;
            return Ok(());
        }
        let shared = self.slots.len() - 1;
        let own = slot_of(key, shared);
        for slot in [own, shared] {
            if self.slots[slot].key == key && !key.is_empty() {
                self.current = Current::Slot(slot);
                return Ok(());
            }
        }
        self.searches = self.searches.saturating_add(u32::from(self.searches < MANY_SEARCHES));
        let mut found = mem::take(&mut self.slots[own]);
        let filled = self.fill(&mut found, key);
        let slot = if found.texts.len() + key.len() > LONGEST { shared } else { own };
        self.slots[slot] = found;
        self.current = Current::Slot(slot);
        filled
    }

    fn fill(&mut self, slot: &mut Slot, key: &[u8]) -> Result<()> {
        slot.key.clear();
        slot.values.clear();
        slot.texts.clear();
        if let Some(live) = self.neighbour.guess(&mut self.records, key)? {
            live.values().try_for_each(|value| slot.push(value))?;
        } else {
            self.search(slot, key)?;
        }
        slot.key.extend_from_slice(key);
        Ok(())
    }

    fn search(&mut self, slot: &mut Slot, key: &[u8]) -> Result<()> {
        let statement = &mut self.statement;
        statement.reset();
        statement.bind_text(1, raw::utf8(key).ok_or_else(part::not_utf8)?)?;
        let Some(row) = statement.step()? else { return Ok(()) };
        let fields = self.records.width();
        (0..fields).try_for_each(|field| slot.push(row.value(field).into()))?;
        match row.value(fields) {
            ValueRef::Integer(row) => self.neighbour.go_behind(&mut self.records, row),
            other => Err(part::unexpected(other.into())),
        }
    }
}

impl Slot {
    fn push(&mut self, value: Value<'_>) -> Result<()> {
        self.values.push(match value {
            Value::Null => Stored::Null,
            Value::Integer(integer) => Stored::Integer(integer),
            Value::Text(text) => {
                let start = self.texts.len();
                self.texts.extend_from_slice(text);
                Stored::Text { start, end: self.texts.len() }
            }
            other => return Err(part::unexpected(other)),
        });
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
