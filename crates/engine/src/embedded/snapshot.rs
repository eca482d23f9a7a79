//! One consistent view, readable by several threads.

use std::{
    mem,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use rusqlite::Connection;
use zoql::{Catalog, bound, catalog::ObjectId};

use super::{Shared, part, position, raw::Reader, scan};
use crate::{
    Part, Position, Result, Rows, Snapshot,
    error::{Error, Kind},
    source::Which,
    sql,
};

/// Rows per part: enough to make the start of a statement cheap, few enough that parts waiting for their turn are small.
const PART_ROWS: i64 = 10_000;

/// How many steps of SQLite's machine may pass before a running statement looks whether it was cancelled: some
/// microseconds.
const STEPS: i32 = 10_000;

pub(super) struct Embedded {
    view: Arc<View>,
    catalog: Arc<Catalog>,
    position: Position,
    taken_at: Timestamp,
}

/// The read transactions of a snapshot.
pub(super) struct View {
    shared: Arc<Shared>,
    free: Mutex<Vec<Reader>>,
    returned: Condvar,
    cancelled: Arc<AtomicBool>,
}

impl Embedded {
    /// Opens a read transaction for each reader and makes sure that all of them see the same: transactions that were
    /// begun before a load was committed are begun again.
    pub(super) fn begin(shared: &Arc<Shared>) -> Result<Embedded> {
        // Before the view: a load that it does not show is then later than it.
        let taken_at = (shared.clock)();
        let mut readers = Vec::with_capacity(shared.readers);
        while readers.len() < shared.readers {
            let reader = shared.take_reader()?;
            reader.connection().execute_batch("BEGIN")?;
            readers.push((last_load(reader.connection())?, reader));
        }
        let newest = |readers: &[(i64, Reader)]| readers.iter().map(|(load, _)| *load).max().unwrap_or(0);
        while readers.iter().any(|(load, _)| *load < newest(&readers)) {
            let target = newest(&readers);
            for (load, reader) in readers.iter_mut().filter(|(load, _)| *load < target) {
                reader.connection().execute_batch("ROLLBACK; BEGIN")?;
                *load = last_load(reader.connection())?;
            }
        }

        let position = position::last(readers[0].1.connection())?;
        let catalog = shared.catalog(readers[0].1.connection())?;
        let cancelled = Arc::new(AtomicBool::new(false));
        for (_, reader) in &mut readers {
            let cancelled = Arc::clone(&cancelled);
            reader.connection_mut().progress_handler(STEPS, Some(move || cancelled.load(Ordering::Relaxed)))?;
        }
        let view = View {
            shared: Arc::clone(shared),
            free: Mutex::new(readers.into_iter().map(|(_, reader)| reader).collect()),
            returned: Condvar::new(),
            cancelled,
        };
        Ok(Embedded { view: Arc::new(view), catalog, position, taken_at })
    }
}

fn last_load(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(load), 0) FROM _load")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

impl Snapshot for Embedded {
    fn position(&self) -> &Position {
        &self.position
    }

    fn position_before(&self, at: Timestamp) -> Result<Position> {
        self.view.with_reader(|reader| position::last_before(reader.connection(), at))
    }

    fn has_passed(&self, position: &Position) -> Result<bool> {
        self.view.with_reader(|reader| position::is_passed(reader.connection(), position))
    }

    fn later(&self, one: Position, other: Position) -> Result<Position> {
        Ok(if position::load(&one)? < position::load(&other)? { other } else { one })
    }

    fn knows_deletions_since(&self, object: ObjectId, position: &Position) -> Result<bool> {
        let since = position::load(position)?;
        let object = &self.catalog.object(object).name;
        self.view.with_reader(|reader| {
            let mut statement = reader.connection().prepare_cached(
                "SELECT coalesce(max(load), 0) FROM (
                     SELECT load FROM _forgotten WHERE object = ? UNION ALL SELECT load FROM _purged)",
            )?;
            let forgotten: i64 = statement.query_row([object], |row| row.get(0))?;
            Ok(forgotten <= since)
        })
    }

    fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn parts(&self, query: &bound::Query, rows: &Rows) -> Result<Vec<Box<dyn Part>>> {
        let (since, until, deleted) = match &rows.which {
            Which::Changed { since, until, deleted, .. } => {
                let number = |position: &Option<Position>| position.as_ref().map(position::load).transpose();
                (position::load(since)?, number(until)?, number(deleted)?)
            }
            Which::Live | Which::LiveAndDeleted => (0, None, None),
        };
        // Changes are found through an index, in one go.
        let ranged = !sql::is_one_part(query) && !matches!(rows.which, Which::Changed { .. });
        let object = &self.catalog.object(query.base).name;
        let filled = match &rows.which {
            Which::Changed { updated_since: Some(_), .. } => {
                self.view.with_reader(|reader| filled(reader.connection(), object))?
            }
            _ => 0,
        };
        let flagged = rows.flag.is_some();
        let scope = sql::Scope { which: &rows.which, since, until, deleted, filled, ranged, flagged };
        let statement = sql::select(&self.catalog, query, self.taken_at, &scope)?;
        let scanned = ranged && self.view.shared.scans;
        let scan = scanned.then(|| scan::Plan::of(&self.catalog, query, rows, self.taken_at)).flatten();
        let plan = Arc::new(part::Plan::new(statement, query, rows.flag, scan));
        let part_of = |range| -> Box<dyn Part> {
            Box::new(part::Embedded { view: Arc::clone(&self.view), plan: Arc::clone(&plan), range })
        };
        if !ranged {
            return Ok(vec![part_of(None)]);
        }
        let (first, last) = self.view.with_reader(|reader| row_range(reader.connection(), object))?;
        let starts = (first..=last).step_by(PART_ROWS as usize);
        Ok(starts.map(|start| part_of(Some((start, start.saturating_add(PART_ROWS - 1))))).collect())
    }

    fn cancel(&self) {
        self.view.cancelled.store(true, Ordering::Relaxed);
    }
}

/// The numbers of the first and last row of a table; an empty range for an empty one.
fn row_range(connection: &Connection, object: &str) -> Result<(i64, i64)> {
    let statement = sql::row_range(object);
    Ok(connection.query_row(&statement, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The load that filled an object with rows that say how recent they are; 0 for data that was loaded before this was written
/// down.
fn filled(connection: &Connection, object: &str) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(load), 0) FROM _filled WHERE object = ?")?;
    Ok(statement.query_row([object], |row| row.get(0))?)
}

impl View {
    /// Raised when nobody wants to read any more.
    pub(super) fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    /// Runs something in the view, on a connection of its own; waits while all are in use.
    pub(super) fn with_reader<T>(&self, work: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = loop {
            match free.pop() {
                Some(reader) => break reader,
                None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let mut borrowed = Borrowed { view: self, reader: Some(reader) };
        match &mut borrowed.reader {
            Some(reader) => work(reader),
            None => Err(Error::new(Kind::Internal, "a borrowed reader is gone")),
        }
    }
}

/// Gives a reader back, whatever happens to the work.
struct Borrowed<'a> {
    view: &'a View,
    reader: Option<Reader>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut reader = self.reader.take();
        reader.iter_mut().for_each(Reader::rest);
        let mut free = self.view.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(reader);
        self.view.returned.notify_one();
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let readers = mem::take(&mut *self.free.lock().unwrap_or_else(PoisonError::into_inner));
        // One that cannot be reset is closed instead.
        let reset = |mut reader: Reader| -> rusqlite::Result<Reader> {
            reader.forget();
            reader.connection_mut().progress_handler(0, None::<fn() -> bool>)?;
            reader.connection().execute_batch("ROLLBACK")?;
            Ok(reader)
        };
        self.shared.give_back(readers.into_iter().filter_map(|reader| reset(reader).ok()));
    }
}
