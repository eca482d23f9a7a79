//! Loads: transactions that bring rows in and take rows out, over any number of objects.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use export::Cell;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ErrorCode, Statement, types::Null};
use zoql::{
    Catalog,
    catalog::{FieldId, FieldType, ObjectId},
};

use super::{Clock, Shared, connection, position, schema};
use crate::{
    Position, Result,
    error::{Error, Kind},
    sql::{schema as table, write},
};

/// How far the clocks of machines that load into the same data may be apart without a word about it.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// An uncommitted load. Readers see nothing of it; dropped, it never was.
pub struct Load {
    connection: Connection,
    catalog: Arc<Catalog>,
    clock: Clock,
    number: i64,
    /// When it began: what rows without dates of their own are given.
    at: Timestamp,
    /// Objects that were empty and are being filled, and by which fields. They have no indexes until
    /// [`Load::build_indexes`]: sorting once at the end is much faster than keeping a tree in order.
    filling: HashMap<ObjectId, Vec<FieldId>>,
    /// Rows that gave way to a later one with the same Id, in objects that were filled.
    duplicates: HashMap<ObjectId, u64>,
    /// Objects whose Ids are being remembered, for [`Load::delete_unseen`].
    whole: HashSet<ObjectId>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Inserted,
    Updated,
    Unchanged,
    Deleted,
}

impl Load {
    /// Waits for a load that runs, but no longer than `patience`.
    pub(super) fn begin(shared: &Shared, clock: Clock, patience: Duration) -> Result<Load> {
        let connection = connection::loader(&shared.path)?;
        connection.busy_timeout(patience)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let (number, last): (i64, Option<i64>) =
            connection.query_row("SELECT coalesce(max(load), 0) + 1, max(at) FROM _load", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let last = last.and_then(|last| Timestamp::from_microsecond(last).ok()).unwrap_or(Timestamp::MIN);
        // Time never goes back in the history of loads, whatever clocks do.
        let at = clock().max(last);
        let catalog = shared.catalog(&connection)?;
        Ok(Load {
            connection,
            catalog,
            clock,
            number,
            at,
            filling: HashMap::new(),
            duplicates: HashMap::new(),
            whole: HashSet::new(),
        })
    }

    /// The instant of the load before, if the clock is far from it: another machine's clock is ahead, or this one's was. Until
    /// then, loads are taken for later than they are.
    pub fn ahead_of_the_clock(&self) -> Option<Timestamp> {
        Some(self.at).filter(|at| at.duration_since((self.clock)()) > SKEW)
    }

    /// The catalog, with the custom fields that were added in this load.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The field of that name, added if there is none. Fields that exist keep their type.
    pub fn add_custom_field(&mut self, object: ObjectId, name: &str, field_type: FieldType) -> Result<FieldId> {
        if let Some(known) = self.catalog.object(object).find_field(name) {
            return Ok(known);
        }
        let catalog = Arc::make_mut(&mut self.catalog);
        let id = catalog.add_custom_field(object, name, field_type);
        let object = catalog.object(object);
        schema::add_custom_field(&self.connection, object, object.field(id))?;
        Ok(id)
    }

    /// A writer of rows of one object, with these fields in this order, `Id` among them.
    pub fn rows(&mut self, object: ObjectId, fields: &[FieldId]) -> Result<RowWriter<'_>> {
        let id = fields.iter().position(|field| *field == FieldId(0));
        let id = id.ok_or_else(|| Error::input(format!("{}: rows without an Id", self.catalog.object(object).name)))?;
        let plain = self.fill_or_find(object, fields)?;

        let described = self.catalog.object(object);
        let names: Vec<&str> = fields.iter().map(|field| described.field(*field).name.as_str()).collect();
        let upsert = write::upsert(described, &names, plain);
        let mut statement = self.connection.prepare(&upsert.text)?;
        statement.raw_bind_parameter(upsert.load, self.number)?;
        if let Some(at) = upsert.at {
            statement.raw_bind_parameter(at, self.at.as_microsecond())?;
        }
        if !plain {
            self.connection.execute_batch(&write::forget_last_row())?;
        }
        if !names.contains(&write::UPDATED_DATE) {
            // Its rows do not say themselves how recent they are.
            self.connection
                .execute("DELETE FROM _filled WHERE (object, load) = (?, ?)", (&described.name, self.number))?;
        }
        let seen =
            self.whole.contains(&object).then(|| self.connection.prepare(&write::remember_seen())).transpose()?;
        Ok(RowWriter {
            statement,
            seen,
            connection: &self.connection,
            number: self.number,
            fields: fields.len(),
            id,
            deleted: upsert.deleted,
            last_row: write::NO_ROW,
        })
    }

    /// Whether rows of the object can be written without looking for older ones. As long as an object that was empty is
    /// given rows of one shape, they can.
    fn fill_or_find(&mut self, object: ObjectId, fields: &[FieldId]) -> Result<bool> {
        if let Some(filling) = self.filling.get(&object) {
            if filling == fields {
                return Ok(true);
            }
            self.build_indexes(object)?;
            return Ok(false);
        }
        if !self.is_empty(object)? {
            return Ok(false);
        }
        for index in table::indexes(&self.catalog, object) {
            self.connection.execute_batch(&table::drop_index(&index.name))?;
        }
        let name = &self.catalog.object(object).name;
        self.connection.execute("REPLACE INTO _filled (object, load) VALUES (?, ?)", (name, self.number))?;
        self.filling.insert(object, fields.to_vec());
        Ok(true)
    }

    fn is_empty(&self, object: ObjectId) -> Result<bool> {
        let statement = write::is_empty(&self.catalog.object(object).name);
        Ok(self.connection.query_row(&statement, [], |row| row.get(0))?)
    }

    /// Ends the filling of an object. Of rows with one Id, the last one stays.
    fn build_indexes(&mut self, object: ObjectId) -> Result<()> {
        if self.filling.remove(&object).is_none() {
            return Ok(());
        }
        for index in table::indexes(&self.catalog, object) {
            match self.connection.execute_batch(&index.create) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    let name = &self.catalog.object(object).name;
                    let dropped = self.connection.execute(&write::drop_duplicates(name), [])?;
                    *self.duplicates.entry(object).or_default() += dropped as u64;
                    self.connection.execute_batch(&index.create)?;
                }
                built => built?,
            }
        }
        Ok(())
    }

    /// Deletes rows of an object by their Ids.
    pub fn deleter(&mut self, object: ObjectId) -> Result<Deleter<'_>> {
        self.build_indexes(object)?;
        let statement = self.connection.prepare(&write::delete(&self.catalog.object(object).name))?;
        Ok(Deleter { statement, number: self.number })
    }

    /// Says that what comes is the whole object: Ids are remembered from here on.
    pub fn begin_whole(&mut self, object: ObjectId) -> Result<()> {
        // What an empty object is filled with is the whole of it.
        if !self.filling.contains_key(&object) && !self.is_empty(object)? {
            self.connection.execute_batch(&write::forget_seen())?;
            self.whole.insert(object);
        }
        Ok(())
    }

    /// Deletes the rows that have not been written since [`Load::begin_whole`]; answers how many.
    pub fn delete_unseen(&mut self, object: ObjectId) -> Result<u64> {
        if !self.whole.remove(&object) {
            return Ok(0);
        }
        let statement = write::delete_unseen(&self.catalog.object(object).name);
        let deleted = self.connection.execute(&statement, [self.number])?;
        Ok(deleted as u64)
    }

    /// Builds what indexes are left to build, object by object, saying which before each. [`Load::commit`] does it
    /// too; this is for those who want to show that something is happening.
    pub fn finish(&mut self, mut building: impl FnMut(&str)) -> Result<()> {
        let mut objects: Vec<ObjectId> = self.filling.keys().copied().collect();
        objects.sort_unstable();
        for object in objects {
            building(&self.catalog.object(object).name);
            self.build_indexes(object)?;
        }
        Ok(())
    }

    /// Forgets rows of all objects that were deleted before an instant.
    pub(super) fn purge_deleted(&self, before: Timestamp) -> Result<u64> {
        let mut statement = self.connection.prepare("SELECT coalesce(max(load), 0) FROM _load WHERE at < ?")?;
        let last: i64 = statement.query_row([before.as_microsecond()], |row| row.get(0))?;
        let mut purged = 0;
        for (_, object) in self.catalog.objects() {
            let newest = self.connection.query_row(&write::last_to_purge(&object.name), [last], |row| row.get(0))?;
            let Some(newest): Option<i64> = newest else { continue };
            self.connection.execute("REPLACE INTO _forgotten (object, load) VALUES (?, ?)", (&object.name, newest))?;
            purged += self.connection.execute(&write::purge(&object.name), [last])?;
        }
        Ok(purged as u64)
    }

    /// How many of the rows that were [`Change::Inserted`] gave way to a later one with the same Id, by object. Known after
    /// [`Load::finish`].
    pub fn duplicates(&self) -> impl Iterator<Item = (ObjectId, u64)> {
        self.duplicates.iter().map(|(object, rows)| (*object, *rows))
    }

    /// Puts on the disk what there is so far: of a large load that takes a while, and committing it is to take but a moment.
    fn sync(&self) -> Result<()> {
        self.connection.cache_flush()?;
        let log = PathBuf::from(format!("{}-wal", self.connection.path().unwrap_or_default()));
        // SQLite has no locks on this file that would go with ours.
        File::options().write(true).open(&log).and_then(|file| file.sync_data()).map_err(|error| Error::io(&log, error))
    }

    /// Makes everything visible at once.
    pub fn commit(mut self) -> Result<Position> {
        self.finish(|_| {})?;
        self.sync()?;
        // Its instant is when it can be seen, not when it began: who asks for what has changed since his last snapshot must find
        // a load that was under way then.
        let at = (self.clock)().max(self.at).as_microsecond();
        let position = position::of(self.number, at)?;
        self.connection.execute("INSERT INTO _load (load, at) VALUES (?, ?)", [self.number, at])?;
        self.connection.execute_batch("COMMIT")?;
        // The log of a large load is large. Moving it into the file is upkeep that need not succeed now: readers of
        // older snapshots may still need it.
        self.connection.busy_timeout(Duration::ZERO)?;
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(truncate)", [], |_| Ok(())) {
            tracing::debug!(%error, "the log stays for now");
        }
        Ok(position)
    }
}

/// Writes rows of one object.
pub struct RowWriter<'load> {
    connection: &'load Connection,
    statement: Statement<'load>,
    seen: Option<Statement<'load>>,
    number: i64,
    /// Cells a row has.
    fields: usize,
    /// Which of them is the Id.
    id: usize,
    /// The statement's parameter for the deleted flag.
    deleted: usize,
    /// The number of the row that was inserted last. SQLite counts up, so an update is what leaves it as it was.
    last_row: i64,
}

impl RowWriter<'_> {
    /// Inserts or updates by Id. Fields that the writer does not have keep their values, and are null in a new row, but
    /// for CreatedDate and UpdatedDate: they are then the load's instant.
    pub fn upsert(&mut self, cells: &[Cell<'_>]) -> Result<Change> {
        self.write(cells, 0)
    }

    /// The same for a row that is known to be deleted: its values are its last ones.
    pub fn upsert_deleted(&mut self, cells: &[Cell<'_>]) -> Result<Change> {
        self.write(cells, self.number)
    }

    fn write(&mut self, cells: &[Cell<'_>], deleted: i64) -> Result<Change> {
        if cells.len() != self.fields {
            let fault = format!("a row of {} cells for {} fields", cells.len(), self.fields);
            return Err(Error::new(Kind::Internal, fault));
        }
        let Cell::Text(id) = cells[self.id] else {
            return Err(Error::input("a row without an Id"));
        };
        for (at, cell) in cells.iter().enumerate() {
            let (statement, at) = (&mut self.statement, at + 1);
            match *cell {
                Cell::Null => statement.raw_bind_parameter(at, Null)?,
                Cell::Text(text) | Cell::Decimal(text) => statement.raw_bind_parameter(at, text)?,
                Cell::Integer(integer) => statement.raw_bind_parameter(at, integer)?,
                Cell::Boolean(boolean) => statement.raw_bind_parameter(at, boolean)?,
                Cell::Date(date) => statement.raw_bind_parameter(at, date.as_str())?,
                Cell::Datetime(instant) => statement.raw_bind_parameter(at, instant.0)?,
            }
        }
        self.statement.raw_bind_parameter(self.deleted, deleted)?;
        let written = self.statement.raw_execute()?;
        if let Some(seen) = &mut self.seen {
            seen.execute([id])?;
        }
        let row = self.connection.last_insert_rowid();
        Ok(match (written, row == self.last_row) {
            (0, _) => Change::Unchanged,
            (_, true) if deleted == 0 => Change::Updated,
            (_, true) => Change::Deleted,
            (_, false) => {
                self.last_row = row;
                if deleted == 0 { Change::Inserted } else { Change::Deleted }
            }
        })
    }
}

/// Deletes rows of one object.
pub struct Deleter<'load> {
    statement: Statement<'load>,
    number: i64,
}

impl Deleter<'_> {
    /// [`Change::Unchanged`] if no live row has the Id.
    pub fn delete(&mut self, id: &str) -> Result<Change> {
        let deleted = self.statement.execute((id, self.number))?;
        Ok(if deleted == 0 { Change::Unchanged } else { Change::Deleted })
    }
}
