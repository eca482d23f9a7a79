//! A prepared statement, read without detours: asking for values with fewer calls took a quarter off the time of reading
//! and encoding. The only unsafe code of the crate.
#![expect(unsafe_code, reason = "the library's safe interface asks more questions for each cell than this")]

use std::{
    ffi::{CStr, c_int},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use rusqlite::{Connection, Error, Result, ffi, types::ValueRef};

use super::scan::{self, Scanner};

/// A connection that only reads, and the statement it ran last: the parts of a query run the same one again and again.
pub(super) struct Reader {
    // Before the connection: statements are finalized before it is closed.
    last: Option<Statement>,
    scanner: Option<Scanner>,
    connection: Connection,
}

impl Reader {
    /// The connection must have been opened without a mutex of its own (`SQLITE_OPEN_NO_MUTEX`): [`Row::value`] needs that.
    pub(super) fn new(connection: Connection) -> Reader {
        Reader { last: None, scanner: None, connection }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The statement, ready to be bound and stepped. Prepared, unless it was the last one too. [`Reader::rest`] afterwards.
    pub(super) fn statement(&mut self, text: &str) -> Result<&mut Statement> {
        let last = match self.last.take() {
            Some(last) if last.text == text => last,
            _ => Statement::prepare(&self.connection, text)?,
        };
        Ok(self.last.insert(last))
    }

    /// What scans for a plan, kept until another plan's turn comes. [`Reader::rest`] afterwards.
    pub(super) fn scanner(&mut self, plan: &Arc<scan::Plan>) -> crate::Result<&mut Scanner> {
        let scanner = match self.scanner.take() {
            Some(scanner) if scanner.is_for(plan) => scanner,
            _ => Scanner::open(&self.connection, plan)?,
        };
        Ok(self.scanner.insert(scanner))
    }

    /// Ends what is under way: as long as a statement is, so is its transaction.
    pub(super) fn rest(&mut self) {
        self.last.iter_mut().for_each(Statement::reset);
        self.scanner.iter_mut().for_each(Scanner::rest);
    }

    /// Forgets what was found in the transaction that now ends.
    pub(super) fn forget(&mut self) {
        self.scanner = None;
    }
}

/// Belongs to the connection that prepared it, and is kept beside it in a [`Reader`], which drops it first.
pub(super) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    text: String,
    columns: usize,
}

// SAFETY: SQLite ties neither connections nor statements to threads, as long as two do not use them at once. A statement
// moves with its connection, inside of one `Reader`.
unsafe impl Send for Statement {}

impl Statement {
    pub(super) fn prepare(connection: &Connection, text: &str) -> Result<Statement> {
        let length = c_int::try_from(text.len()).map_err(|_| Error::InvalidQuery)?;
        let mut raw = ptr::null_mut();
        // SAFETY: the handle is that of an open connection, the text is as long as we say, and `raw` takes one pointer.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                connection.handle(),
                text.as_ptr().cast(),
                length,
                ffi::SQLITE_PREPARE_PERSISTENT as _,
                &raw mut raw,
                ptr::null_mut(),
            )
        };
        if code != ffi::SQLITE_OK {
            // SAFETY: the handle is that of an open connection.
            return Err(unsafe { failure(connection.handle(), code) });
        }
        // A text without a statement makes none.
        let raw = NonNull::new(raw).ok_or(Error::InvalidQuery)?;
        // SAFETY: `raw` is a statement.
        let columns = unsafe { ffi::sqlite3_column_count(raw.as_ptr()) };
        Ok(Statement { raw, text: text.to_owned(), columns: columns.unsigned_abs() as usize })
    }

    pub(super) fn reset(&mut self) {
        // SAFETY: `raw` is a statement. Its code repeats what the last step has reported already.
        unsafe { ffi::sqlite3_reset(self.raw.as_ptr()) };
    }

    /// The number of a named parameter.
    pub(super) fn parameter(&self, name: &CStr) -> Option<usize> {
        // SAFETY: `raw` is a statement, and the name ends with a NUL.
        let number = unsafe { ffi::sqlite3_bind_parameter_index(self.raw.as_ptr(), name.as_ptr()) };
        (number > 0).then_some(number.unsigned_abs() as usize)
    }

    /// Parameters are numbered from 1.
    pub(super) fn bind_integer(&mut self, parameter: usize, value: i64) -> Result<()> {
        // SAFETY: `raw` is a statement; a number that is no parameter is an error of SQLite's.
        self.check(unsafe { ffi::sqlite3_bind_int64(self.raw.as_ptr(), number(parameter), value) })
    }

    pub(super) fn bind_text(&mut self, parameter: usize, value: &str) -> Result<()> {
        let length = c_int::try_from(value.len()).map_err(|_| Error::InvalidQuery)?;
        // SAFETY: as above; the text is as long as we say, and SQLITE_TRANSIENT makes SQLite copy it.
        self.check(unsafe {
            ffi::sqlite3_bind_text(
                self.raw.as_ptr(),
                number(parameter),
                value.as_ptr().cast(),
                length,
                ffi::SQLITE_TRANSIENT(),
            )
        })
    }

    /// The next row; none at the end.
    pub(super) fn step(&mut self) -> Result<Option<Row<'_>>> {
        // SAFETY: `raw` is a statement.
        match unsafe { ffi::sqlite3_step(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(Some(Row { statement: self })),
            ffi::SQLITE_DONE => Ok(None),
            code => self.check(code).map(|()| None),
        }
    }

    fn check(&self, code: c_int) -> Result<()> {
        if code == ffi::SQLITE_OK {
            return Ok(());
        }
        // SAFETY: `raw` is a statement of an open connection.
        Err(unsafe { failure(ffi::sqlite3_db_handle(self.raw.as_ptr()), code) })
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: `raw` is a statement, its connection is still open, and nobody uses it after this.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

/// A row, until the statement moves on.
pub(super) struct Row<'a> {
    statement: &'a Statement,
}

impl<'a> Row<'a> {
    /// The value of a column, counted from 0. Null where there is no such column.
    pub(super) fn value(&self, column: usize) -> ValueRef<'a> {
        if column >= self.statement.columns {
            return ValueRef::Null;
        }
        // SAFETY: the statement stands on a row, and has the column. What `sqlite3_column_value` gives may be read like a
        // value of our own because the connection has no mutex (https://www.sqlite.org/c3ref/value.html, "there is no
        // distinction"). Texts and blobs live until the statement moves, which the borrow of it forbids for `'a`.
        unsafe {
            let value = ffi::sqlite3_column_value(self.statement.raw.as_ptr(), column as c_int);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => ValueRef::Text(bytes(value)),
                ffi::SQLITE_BLOB => ValueRef::Blob(bytes(value)),
                _ => ValueRef::Null,
            }
        }
    }
}

/// The bytes of a text or a blob. Those of a text are UTF-8, as our files are, and asking for them as if it were a blob
/// spares SQLite the NUL at their end.
///
/// # Safety
///
/// `value` is a text or a blob, and stays as it is for `'a`.
unsafe fn bytes<'a>(value: *mut ffi::sqlite3_value) -> &'a [u8] {
    // SAFETY: by the caller's word.
    let (start, length) = unsafe { (ffi::sqlite3_value_blob(value), ffi::sqlite3_value_bytes(value)) };
    if start.is_null() {
        return &[];
    }
    // SAFETY: there are so many bytes, says SQLite.
    unsafe { slice::from_raw_parts(start.cast(), length.unsigned_abs() as usize) }
}

/// A stored text, unless it is none.
pub(super) fn utf8(text: &[u8]) -> Option<&str> {
    ascii(text).or_else(|| str::from_utf8(text).ok())
}

/// A stored text, if it is ASCII. Most are, and short: then this is much less than a call of the library's.
#[inline(always)]
pub(super) fn ascii(text: &[u8]) -> Option<&str> {
    // SAFETY: ASCII is UTF-8.
    is_ascii(text).then(|| unsafe { str::from_utf8_unchecked(text) })
}

#[inline(always)]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u128 = 0x8080_8080_8080_8080_8080_8080_8080_8080;
    // What covers the text may overlap.
    if text.len() > 32 {
        text.is_ascii()
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        (u128::from_ne_bytes(*first) | u128::from_ne_bytes(*last)) & HIGH == 0
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH as u64 == 0
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH as u32 == 0
    } else {
        text.iter().fold(0, |all, byte| all | byte) < 0x80
    }
}

/// # Safety
///
/// `connection` is open.
unsafe fn failure(connection: *mut ffi::sqlite3, code: c_int) -> Error {
    // SAFETY: by the caller's word; the message is valid until the next call, and copied before it.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(connection)) };
    Error::SqliteFailure(ffi::Error::new(code), Some(message.to_string_lossy().into_owned()))
}

fn number(parameter: usize) -> c_int {
    // No statement has as many; SQLite says so.
    c_int::try_from(parameter).unwrap_or(c_int::MAX)
}
