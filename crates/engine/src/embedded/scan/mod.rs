//! Bulk reading without SQL: all rows of an object, and what they join to-one, straight from the pages of its table.
//!
//! A third of the time of a bulk export went into SQLite's machine and its calls for every value. So the leaves of the
//! table's tree are read here, in the same read transaction as everything else, through SQLite's own table of pages
//! (<https://www.sqlite.org/dbpage.html>): that one reads through the pager, which knows the log and the transaction. Cells
//! borrow from the page.
//!
//! ```text
//! Plan::of(bound::Query)  ->  Scanner::open (one a connection)  ->  tree::Walk  ->  page, record  ->  cells
//! ```
//!
//! It answers what it can answer exactly as SQL does, and [`Plan::of`] gives up on everything else. It never writes, never
//! looks at the file itself, never decides what a transaction sees, and reads no index: those of joined records are
//! SQLite's business.

mod filter;
mod gathered;
mod lookup;
pub mod page;
mod pages;
mod plan;
pub mod record;
mod records;
#[cfg(test)]
mod tests;
pub mod tree;

use std::sync::{Arc, atomic::AtomicBool};

use export::{Cell, CellSink, Date, Timestamp};
use rusqlite::Connection;

use super::{part::Decoder, raw};
use crate::{Error, Result, error::Kind};
use lookup::Lookups;
use page::Malformed;
use pages::{DbPages, Table};
use plan::{DELETED, Source};
use record::{Layout, Value};
use tree::Walk;

pub(super) use pages::are_shown as is_possible;
pub(super) use plan::Plan;

/// Reads the parts of one query on one connection.
pub(super) struct Scanner {
    plan: Arc<Plan>,
    table: Table,
    leaves: DbPages,
    chain: DbPages,
    long: Vec<u8>,
    layout: Layout,
    /// The places of the base table's columns that the plan names.
    base: Vec<usize>,
    /// The columns of the plan, with such places.
    pieces: Vec<Piece>,
    lookups: Lookups,
}

/// Columns that stand together.
enum Piece {
    Base(Vec<(usize, Decoder)>),
    /// A run (see [`CellSink`]): often the row before has joined the same.
    Joined {
        joins: Vec<usize>,
        columns: Vec<(Source, Decoder)>,
    },
}

/// `base` are the places of the columns that the plan names.
fn pieces(plan: &Plan, base: &[usize]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (source, decoder) in &plan.columns {
        match (source.placed(base), pieces.last_mut()) {
            (Source::Base(column), Some(Piece::Base(columns))) => columns.push((column, *decoder)),
            (Source::Base(column), _) => pieces.push(Piece::Base(vec![(column, *decoder)])),
            (joined @ Source::Joined { join, .. }, Some(Piece::Joined { joins, columns })) => {
                columns.push((joined, *decoder));
                if !joins.contains(&join) {
                    joins.push(join);
                }
            }
            (joined @ Source::Joined { join, .. }, _) => {
                pieces.push(Piece::Joined { joins: vec![join], columns: vec![(joined, *decoder)] });
            }
        }
    }
    pieces
}

impl Scanner {
    pub(super) fn open(connection: &Connection, plan: &Arc<Plan>) -> Result<Scanner> {
        let table = Table::find(connection, &plan.object)?;
        let base = plan.base.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        Ok(Scanner {
            plan: Arc::clone(plan),
            leaves: DbPages::open(connection)?,
            chain: DbPages::open(connection)?,
            long: Vec::new(),
            layout: Layout::up_to(&base),
            pieces: pieces(plan, &base),
            lookups: Lookups::prepare(connection, plan, &base)?,
            base,
            table,
        })
    }

    pub(super) fn is_for(&self, plan: &Arc<Plan>) -> bool {
        Arc::ptr_eq(&self.plan, plan)
    }

    /// Ends every statement.
    pub(super) fn rest(&mut self) {
        self.leaves.rest();
        self.chain.rest();
        self.lookups.rest();
    }

    /// Shows the rows of a range of row numbers to the sink, until the flag is raised.
    pub(super) fn read(
        &mut self,
        (first, last): (i64, i64),
        cancelled: &Arc<AtomicBool>,
        sink: &mut dyn CellSink,
    ) -> Result<()> {
        self.leaves.obey(cancelled);
        self.lookups.obey(cancelled);
        let Scanner { plan, layout, base, pieces, lookups, .. } = self;
        let deleted = base[DELETED];
        // The sink may be another one than last time.
        lookups.begin();
        let mut walk = Walk {
            shape: self.table.shape,
            first,
            last,
            leaves: &mut self.leaves,
            chain: &mut self.chain,
            long: &mut self.long,
            before: None,
            see: |record: &[u8]| {
                layout.find(record)?;
                let is_deleted = layout.value(record, deleted) != Value::Integer(0);
                if is_deleted && !plan.deleted_too {
                    return Ok(());
                }
                if let Some(filter) = &plan.filter
                    && !filter.takes(&|column: usize| layout.value(record, base[column]))?
                {
                    return Ok(());
                }
                lookups.follow(&plan.shared, record, layout)?;
                if let Some(flag) = plan.flag {
                    sink.cell(flag.cell(Value::Integer(is_deleted.into()))?);
                }
                for (run, piece) in pieces.iter().enumerate() {
                    match piece {
                        Piece::Base(columns) => {
                            for (column, decoder) in columns {
                                show(*decoder, layout, record, *column, sink)?;
                            }
                        }
                        Piece::Joined { joins, .. } if lookups.are_as_before(joins) && sink.repeat_run(run) => {}
                        Piece::Joined { columns, .. } => {
                            sink.begin_run();
                            for (source, decoder) in columns {
                                show_any(*decoder, lookups.value(*source, record, layout), sink)?;
                            }
                            sink.end_run(run);
                        }
                    }
                }
                Ok(sink.end_row()?)
            },
        };
        walk.run(self.table.root).map_err(|error| match error.kind {
            Kind::Corrupt => error.context(&plan.object),
            _ => error,
        })
    }
}

/// Shows a value of a record. The usual kind of value of each type goes a short way.
#[inline(always)]
fn show(decoder: Decoder, layout: &Layout, record: &[u8], column: usize, sink: &mut dyn CellSink) -> Result<()> {
    match decoder {
        Decoder::Text if let Some(text) = ascii(layout, record, column) => sink.cell(Cell::Text(text)),
        Decoder::Decimal if let Some(text) = ascii(layout, record, column) => sink.cell(Cell::Decimal(text)),
        Decoder::Date if let Some(date) = layout.text(record, column).and_then(Date::from_iso) => {
            sink.cell(Cell::Date(date));
        }
        Decoder::Integer if let Some(integer) = layout.integer(record, column) => sink.cell(Cell::Integer(integer)),
        Decoder::Boolean if let Some(integer) = layout.integer(record, column) => {
            sink.cell(Cell::Boolean(integer != 0));
        }
        Decoder::Datetime if let Some(micros) = layout.integer(record, column) => {
            sink.cell(Cell::Datetime(Timestamp(micros)));
        }
        _ => show_any(decoder, layout.value(record, column), sink)?,
    }
    Ok(())
}

#[inline(always)]
fn ascii<'a>(layout: &Layout, record: &'a [u8], column: usize) -> Option<&'a str> {
    layout.text(record, column).and_then(raw::ascii)
}

#[inline(never)]
fn show_any(decoder: Decoder, value: Value<'_>, sink: &mut dyn CellSink) -> Result<()> {
    sink.cell(decoder.cell(value)?);
    Ok(())
}

impl From<Malformed> for Error {
    fn from(Malformed(what): Malformed) -> Error {
        Error::new(Kind::Corrupt, format!("the data file has {what}"))
    }
}
