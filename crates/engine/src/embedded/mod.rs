//! The embedded source: one SQLite file per tenant, a table per object, real columns per field.
//!
//! Every load has a number. A row remembers the load that last changed it and the one that deleted it, so a position in
//! the history is a load number, and what changed since is a range of an index. Readers see the last committed load;
//! loaders wait for each other and never for readers.

mod connection;
pub(crate) mod functions;
mod load;
mod part;
mod position;
mod raw;
mod scan;
mod schema;
mod snapshot;

use std::{
    fs, mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::Connection;
use zoql::Catalog;

use raw::Reader;

pub use load::{Change, Deleter, Load, RowWriter};

use crate::{Error, Result, Snapshot, Source, error::Kind};

/// Where snapshots take their instant from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Data in one SQLite file.
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    configured: Arc<Catalog>,
    clock: Clock,
    /// How many readers share the work of one query.
    readers: usize,
    /// Whether what can be read without SQL is.
    scans: bool,
    /// Readers nobody uses: opening one reads the whole schema, which takes longer than a small query.
    idle: Mutex<Vec<Reader>>,
    /// The catalog with the custom fields of the data, by their number: fields are added, never removed.
    extended: Mutex<(i64, Arc<Catalog>)>,
}

impl Embedded {
    /// Opens the data in a file, making it if there is none, and brings its tables up to the catalog.
    pub fn open(path: &Path, catalog: Arc<Catalog>, clock: Clock) -> Result<Embedded> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        let mut connection = connection::loader(path)?;
        connection::check_layout(&connection, path)?;
        schema::bring_up_to(&mut connection, &catalog)?;
        let readers = thread::available_parallelism().map_or(1, usize::from);
        let shared = Shared {
            path: path.to_owned(),
            extended: Mutex::new((0, Arc::clone(&catalog))),
            configured: catalog,
            clock,
            readers,
            scans: scan::is_possible(&connection)?,
            idle: Mutex::default(),
        };
        Ok(Embedded { shared: Arc::new(shared) })
    }

    /// The same data with another number of readers per snapshot; the answers are the same.
    pub fn with_readers(self, readers: usize) -> Embedded {
        let shared = Shared { readers: readers.max(1), ..self.shared.alike() };
        Embedded { shared: Arc::new(shared) }
    }

    /// The same data read by SQL only; the answers are the same.
    pub fn without_scan(self) -> Embedded {
        let shared = Shared { scans: false, ..self.shared.alike() };
        Embedded { shared: Arc::new(shared) }
    }

    /// Starts a load: one transaction over any number of objects. Waits while another load runs.
    pub fn begin_load_now(&self) -> Result<Load> {
        Load::begin(&self.shared, Arc::clone(&self.shared.clock), connection::LOADER_PATIENCE)
    }

    /// The same as if it were another time, from its beginning to its end: for histories that are made up.
    pub fn begin_load(&self, at: Timestamp) -> Result<Load> {
        Load::begin(&self.shared, Arc::new(move || at), connection::LOADER_PATIENCE)
    }

    /// Whether no load was ever committed.
    pub fn is_empty(&self) -> Result<bool> {
        let reader = self.shared.take_reader()?;
        let empty = reader.connection().query_row("SELECT NOT EXISTS (SELECT * FROM _load)", [], |row| row.get(0))?;
        self.shared.give_back([reader]);
        Ok(empty)
    }
}

impl Source for Embedded {
    fn catalog(&self) -> Result<Arc<Catalog>> {
        let reader = self.shared.take_reader()?;
        let catalog = self.shared.catalog(reader.connection())?;
        self.shared.give_back([reader]);
        Ok(catalog)
    }

    fn begin(&self) -> Result<Arc<dyn Snapshot>> {
        Ok(Arc::new(snapshot::Embedded::begin(&self.shared)?))
    }

    /// A change like any other, but one that can wait: while a load runs, it is for the next time.
    fn purge_deleted(&self, before: Timestamp) -> Result<u64> {
        let load = match Load::begin(&self.shared, Arc::clone(&self.shared.clock), Duration::ZERO) {
            Err(error) if error.kind == Kind::Busy => return Ok(0),
            load => load?,
        };
        let purged = load.purge_deleted(before)?;
        if purged > 0 {
            load.commit()?;
        }
        Ok(purged)
    }

    /// Moves what can be moved of the log into the file, and renews the statistics that SQLite's planner goes by where they
    /// are out of date. (Freed pages are used again by later loads; the file is not shrunk.) Readers that rest are closed.
    fn tidy(&self) -> Result<()> {
        drop(mem::take(&mut *self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner)));
        let connection = connection::loader(&self.shared.path)?;
        connection.busy_timeout(Duration::ZERO)?;
        match connection.execute_batch("PRAGMA wal_checkpoint(passive); PRAGMA optimize").map_err(Error::from) {
            Err(error) if error.kind != Kind::Busy => Err(error),
            _ => Ok(()),
        }
    }
}

impl Shared {
    /// The same without readers that are open.
    fn alike(&self) -> Shared {
        let extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Shared {
            path: self.path.clone(),
            configured: Arc::clone(&self.configured),
            clock: Arc::clone(&self.clock),
            readers: self.readers,
            scans: self.scans,
            idle: Mutex::default(),
            extended: Mutex::new(extended),
        }
    }

    fn take_reader(&self) -> Result<Reader> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Ok(Reader::new(connection::reader(&self.path)?)), Ok)
    }

    /// Keeps readers for the next snapshots: those of two at a time, and closes the rest.
    fn give_back(&self, readers: impl IntoIterator<Item = Reader>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let room = (2 * self.readers).saturating_sub(idle.len());
        idle.extend(readers.into_iter().take(room));
    }

    /// The configured catalog and the custom fields that a connection sees.
    fn catalog(&self, connection: &Connection) -> Result<Arc<Catalog>> {
        let known: i64 = connection.query_row("SELECT count(*) FROM _field WHERE custom", [], |row| row.get(0))?;
        let mut extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner);
        if extended.0 != known {
            *extended = (known, Arc::new(schema::with_custom_fields(connection, &self.configured)?));
        }
        Ok(Arc::clone(&extended.1))
    }
}
