//! Pages as SQLite hands them out, and where tables are in them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, types::ValueRef};

use super::{
    page::{Malformed, Shape},
    tree::Pages,
};
use crate::{
    Result,
    embedded::raw::Statement,
    error::{Error, Kind},
    sql::pages as sql,
};

/// Whether this SQLite shows its pages: how it was compiled decides.
pub(crate) fn are_shown(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row(sql::ARE_SHOWN, [], |row| row.get(0))?)
}

/// Reads pages in the transaction of its connection.
pub(super) struct DbPages {
    statement: Statement,
    count: u32,
    cancelled: Arc<AtomicBool>,
}

impl DbPages {
    pub(super) fn open(connection: &Connection) -> Result<DbPages> {
        let count = connection.query_row(sql::COUNT, [], |row| row.get(0))?;
        Ok(DbPages { statement: Statement::prepare(connection, sql::PAGE)?, count, cancelled: Arc::default() })
    }

    /// Stops when the flag is raised.
    pub(super) fn obey(&mut self, cancelled: &Arc<AtomicBool>) {
        self.cancelled = Arc::clone(cancelled);
    }

    pub(super) fn rest(&mut self) {
        self.statement.reset();
    }
}

impl Pages for DbPages {
    type Error = Error;

    fn page(&mut self, number: u32) -> Result<&[u8]> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Stopped, "the snapshot was cancelled"));
        }
        self.statement.reset();
        self.statement.bind_integer(1, number.into())?;
        match self.statement.step()?.map(|row| row.value(0)) {
            Some(ValueRef::Blob(bytes)) => Ok(bytes),
            _ => Err(Malformed("a pointer to a page that is not there").into()),
        }
    }

    fn count(&self) -> u32 {
        self.count
    }
}

/// A table in the file.
pub(super) struct Table {
    pub(super) root: u32,
    pub(super) shape: Shape,
    name: String,
    /// The places of its columns in a record.
    columns: HashMap<String, u32>,
}

impl Table {
    pub(super) fn find(connection: &Connection, name: &str) -> Result<Table> {
        let root = connection.prepare_cached(sql::ROOT)?.query_row([name], |row| row.get(0))?;
        let mut columns = connection.prepare_cached(sql::COLUMNS)?;
        let columns = columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut pages = DbPages::open(connection)?;
        let header = pages.page(1)?;
        // https://www.sqlite.org/fileformat2.html#the_database_header
        let reserved = header.get(20).copied().unwrap_or(0);
        let shape = Shape::new(header.len(), reserved.into()).ok_or(Malformed("pages of an impossible size"))?;
        Ok(Table { root, shape, name: name.to_owned(), columns })
    }

    pub(super) fn column(&self, name: &str) -> Result<usize> {
        let missing = || Error::new(Kind::Internal, format!("{} has no column {name}", self.name));
        self.columns.get(name).map(|place| *place as usize).ok_or_else(missing)
    }
}
