//! The records of a joined object, straight from its table.

use std::sync::{Arc, atomic::AtomicBool};

use rusqlite::Connection;

use super::{
    page::{Leaf, Malformed, Page},
    pages::{DbPages, Table},
    plan::Join,
    record::{Layout, Value},
    tree::{MOST_LEVELS, Pages as _, Walk},
};
use crate::{Result, sql::names};

/// Reads an object on one connection.
pub(super) struct Records {
    table: Table,
    leaves: DbPages,
    chain: DbPages,
    fields: Fields,
}

/// What is needed of a record.
pub(super) struct Fields {
    layout: Layout,
    id: usize,
    deleted: usize,
    wanted: Vec<usize>,
}

impl Records {
    pub(super) fn open(connection: &Connection, join: &Join) -> Result<Records> {
        let table = Table::find(connection, &join.object)?;
        let (id, deleted) = (table.column("Id")?, table.column(names::DELETED)?);
        let wanted = join.fields.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        let layout = Layout::up_to(&[&[id, deleted], &*wanted].concat());
        let (leaves, chain) = (DbPages::open(connection)?, DbPages::open(connection)?);
        Ok(Records { table, leaves, chain, fields: Fields { layout, id, deleted, wanted } })
    }

    /// How many values each has.
    pub(super) fn width(&self) -> usize {
        self.fields.wanted.len()
    }

    pub(super) fn obey(&mut self, cancelled: &Arc<AtomicBool>) {
        self.leaves.obey(cancelled);
    }

    pub(super) fn rest(&mut self) {
        self.leaves.rest();
        self.chain.rest();
    }

    /// Shows all records that live, in the order of the table.
    pub(super) fn each(&mut self, mut see: impl FnMut(Live<'_>) -> Result<()>) -> Result<()> {
        let Records { table, leaves, chain, fields } = self;
        let mut walk = Walk {
            shape: table.shape,
            first: i64::MIN,
            last: i64::MAX,
            leaves,
            chain,
            long: &mut Vec::new(),
            before: None,
            see: |record: &[u8]| fields.live(record)?.map_or(Ok(()), &mut see),
        };
        walk.run(table.root)
    }

    /// Copies the leaf in which a row stands, or where it would.
    fn copy_leaf(&mut self, row: i64, copy: &mut Vec<u8>) -> Result<()> {
        let mut number = self.table.root;
        for _ in 0..MOST_LEVELS {
            let bytes = self.leaves.page(number)?;
            number = match Page::parse(bytes, self.table.shape)? {
                Page::Interior(interior) => interior.children(row, row)?.first().copied().unwrap_or(0),
                Page::Leaf(_) => {
                    copy.clear();
                    copy.extend_from_slice(bytes);
                    return Ok(());
                }
            };
        }
        Err(Malformed("a tree that is too deep").into())
    }

    fn leaf<'a>(&self, copy: &'a [u8]) -> Result<Leaf<'a>> {
        match Page::parse(copy, self.table.shape)? {
            Page::Leaf(leaf) => Ok(leaf),
            Page::Interior(_) => Err(Malformed("a leaf that is none").into()),
        }
    }
}

/// A record that lives.
pub(super) struct Live<'a> {
    pub(super) id: &'a [u8],
    record: &'a [u8],
    fields: &'a Fields,
}

impl<'a> Live<'a> {
    /// In the order of [`Join::fields`].
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let Live { record, fields, .. } = *self;
        fields.wanted.iter().map(move |field| fields.layout.value(record, *field))
    }
}

impl Fields {
    fn live<'a>(&'a mut self, record: &'a [u8]) -> Result<Option<Live<'a>>, Malformed> {
        self.layout.find(record)?;
        let fields = &*self;
        let is_live = fields.layout.value(record, fields.deleted) == Value::Integer(0);
        // No text is equal to what is none.
        let Value::Text(id) = fields.layout.value(record, fields.id) else { return Ok(None) };
        Ok(is_live.then_some(Live { id, record, fields }))
    }
}

/// Guesses which record is joined next: what was loaded in one order often joins what was loaded in the same, so it stands
/// right behind the last one.
pub(super) struct Neighbour {
    /// The leaf in which that stands; empty as long as there is none.
    leaf: Vec<u8>,
    /// The row of the leaf that comes next.
    next: usize,
    /// Right guesses less wrong ones, within bounds. None left: it has given up.
    luck: u32,
}

/// So many wrong guesses cost little.
const LUCK: u32 = 32;
/// What is right for long must not be tried in vain for long.
const MOST_LUCK: u32 = 128;
/// Rows that are looked at behind the last one: some may be deleted, or joined by nothing.
const REACH: usize = 3;

impl Neighbour {
    pub(super) fn new() -> Neighbour {
        Neighbour { leaf: Vec::new(), next: 0, luck: LUCK }
    }

    /// Finds the record with an Id, if it stands near.
    pub(super) fn guess<'a>(&'a mut self, records: &'a mut Records, id: &[u8]) -> Result<Option<Live<'a>>> {
        if self.luck == 0 || self.leaf.is_empty() {
            return Ok(None);
        }
        let mut found = None;
        for _ in 0..REACH {
            let leaf = records.leaf(&self.leaf)?;
            if self.next >= leaf.rows() {
                // The leaves of a tree do not know their neighbours.
                let Some(last) = leaf.rows().checked_sub(1) else { break };
                let last = leaf.row(last)?.number;
                self.go_behind(records, last)?;
                if self.next >= records.leaf(&self.leaf)?.rows() {
                    break;
                }
            }
            let row = records.leaf(&self.leaf)?.row(self.next)?;
            self.next += 1;
            if row.rest.is_none() && records.fields.live(row.local)?.is_some_and(|live| live.id == id) {
                found = Some(self.next - 1);
                break;
            }
        }
        let Some(at) = found else {
            self.luck -= 1;
            return Ok(None);
        };
        self.luck = (self.luck + 1).min(MOST_LUCK);
        let row = records.leaf(&self.leaf)?.row(at)?;
        Ok(records.fields.live(row.local)?)
    }

    /// Stands behind a row.
    pub(super) fn go_behind(&mut self, records: &mut Records, row: i64) -> Result<()> {
        if self.luck == 0 {
            return Ok(());
        }
        let Some(next) = row.checked_add(1) else { return Ok(()) };
        records.copy_leaf(next, &mut self.leaf)?;
        let leaf = records.leaf(&self.leaf)?;
        self.next = leaf.rows();
        for at in 0..leaf.rows() {
            if leaf.row(at)?.number >= next {
                self.next = at;
                break;
            }
        }
        Ok(())
    }
}
