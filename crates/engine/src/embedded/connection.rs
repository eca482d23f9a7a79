//! Connections to the data file, set up for what they are for.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::functions;
use crate::{
    Result,
    error::{Error, Kind},
};

/// Bytes of a page. Large rows and long scans like large pages; a changed row still rewrites only a few of them.
const PAGE_BYTES: u32 = 8192;
/// What a reader keeps of the upper levels of the trees it looks things up in; the rest is in the system's page cache.
const READER_CACHE_KIB: i64 = 16 * 1024;
/// A loader's cache also bounds the memory that sorting an index takes.
const LOADER_CACHE_KIB: i64 = 48 * 1024;
/// How long a loader waits for another one to finish. A first load of a large object takes minutes.
pub(crate) const LOADER_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a reader waits for the moment in which a file is being recovered or made.
const READER_PATIENCE: Duration = Duration::from_secs(30);
/// A log that once grew large is cut back to this, in bytes, when it is empty again.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// Each statement of a worker is one of a few: a query's, or an object's upsert.
const STATEMENTS: usize = 64;

/// Told apart from other people's SQLite files by this number: "Aqfr".
pub(crate) const APPLICATION_ID: i32 = 0x4171_6672;
/// The layout of the file; a newer one is refused, not guessed at.
pub(crate) const LAYOUT: i32 = 1;

pub(crate) fn reader(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    connection.busy_timeout(READER_PATIENCE)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true)?;
    functions::register(&connection)?;
    Ok(connection)
}

pub(crate) fn loader(path: &Path) -> Result<Connection> {
    let connection = open(path)?;
    connection.busy_timeout(LOADER_PATIENCE)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A load that was reported is on the disk.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -LOADER_CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    connection.pragma_update(None, "temp_store", "file")?;
    // Sorting an index may use a second core.
    connection.pragma_update(None, "threads", 1)?;
    functions::register(&connection)?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| Error::from(error).context(path.display()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    spill_beside(path, &connection)?;
    Ok(connection)
}

/// What a sort has no room for is written to files without a name: rows in clear, of encrypted jobs too, which have no
/// business on another disk than the data. SQLite has one such folder for all connections of a process, and guards it by a
/// lock; where tenants have folders of their own it is that of any of them. A path that is no text leaves SQLite its choice.
fn spill_beside(path: &Path, connection: &Connection) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Some(folder) = folder.to_str() {
        connection.pragma_update(None, "temp_store_directory", folder)?;
    }
    Ok(())
}

/// Refuses a file that is not ours or that a newer Aquifer made.
pub(crate) fn check_layout(connection: &Connection, path: &Path) -> Result<()> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, layout) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, layout) {
        (APPLICATION_ID, LAYOUT) => Ok(()),
        (0, 0) if tables == 0 => Ok(()),
        (APPLICATION_ID, newer) => Err(Error::new(
            Kind::Corrupt,
            format!("{}: made by another Aquifer (layout {newer}, this one reads {LAYOUT})", path.display()),
        )),
        _ => Err(Error::new(Kind::Corrupt, format!("{}: not an Aquifer data file", path.display()))),
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    /// Open files whose names are gone.
    fn nameless() -> Vec<PathBuf> {
        let open =
            fs::read_dir("/proc/self/fd").expect("a list").filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.filter(|path| path.to_string_lossy().ends_with(" (deleted)")).collect()
    }

    fn sorts_beside(path: &Path) -> bool {
        let connection = reader(path).expect("opens");
        connection.pragma_update(None, "cache_size", 1).expect("a small cache");
        let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000)
                    SELECT hex(randomblob(100)) AS text FROM n ORDER BY text";
        let mut sorted = connection.prepare(rows).expect("a statement");
        let mut sorted = sorted.query([]).expect("rows");
        assert!(sorted.next().expect("a row").is_some());
        let folder = path.parent().expect("a folder").canonicalize().expect("it is there");
        nameless().iter().any(|path| path.parent() == Some(&folder))
    }

    #[test]
    fn what_is_spilled_lies_beside_the_data_and_has_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.sqlite");
        // Other tests of this process open data of their own: then theirs is the folder.
        assert!((0..100).any(|_| sorts_beside(&path)));
        let names: Vec<_> =
            fs::read_dir(folder.path()).expect("a list").map(|entry| entry.expect("a file").file_name()).collect();
        assert!(names.iter().all(|name| name.to_string_lossy().starts_with("data.sqlite")), "{names:?}");
    }
}
