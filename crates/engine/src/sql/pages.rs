//! The tables in which SQLite tells of itself.

/// Whether there is a table of pages.
pub(crate) const ARE_SHOWN: &str = "SELECT sqlite_compileoption_used('ENABLE_DBPAGE_VTAB')";

/// The page with the number `?1`.
pub(crate) const PAGE: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";

pub(crate) const COUNT: &str = "PRAGMA page_count";

/// The page at the root of the table `?1`.
pub(crate) const ROOT: &str = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1";

/// The columns of the table `?1` and their places, from 0.
pub(crate) const COLUMNS: &str = "SELECT name, cid FROM pragma_table_info(?1)";
