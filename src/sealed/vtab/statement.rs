//! A statement of the private reader that is stepped row by row, and hands its values on as SQLite has them.
#![expect(unsafe_code, reason = "rusqlite's statements borrow their connection, and ours live beside it in one struct")]

use std::ffi::{CStr, c_int};
use std::ptr;

use rusqlite::{Connection, ffi};

/// A prepared statement.
///
/// INVARIANT: it is dropped before its connection. Cursors and the cache hold it, and both end before the reader.
pub(super) struct Statement(*mut ffi::sqlite3_stmt);

/// A code of SQLite's that says what failed.
pub(super) type Code = c_int;

impl Statement {
    pub(super) fn prepare(conn: &Connection, sql: &str) -> Result<Self, rusqlite::Error> {
        let mut statement = ptr::null_mut();
        let length = c_int::try_from(sql.len()).unwrap_or(c_int::MAX);
        // SAFETY: the connection is open and the text has this length; SQLite writes the statement's address.
        let code = unsafe {
            let flags = ffi::SQLITE_PREPARE_PERSISTENT as std::ffi::c_uint;
            ffi::sqlite3_prepare_v3(
                conn.handle(),
                sql.as_ptr().cast(),
                length,
                flags,
                &raw mut statement,
                ptr::null_mut(),
            )
        };
        if code == ffi::SQLITE_OK && !statement.is_null() { Ok(Self(statement)) } else { Err(failure(conn, code)) }
    }

    /// Binds a value of another connection to the parameter in this place, counted from 1.
    ///
    /// # Safety
    /// `value` must be a value that SQLite has just passed to us.
    pub(super) unsafe fn bind_value(&self, place: usize, value: *mut ffi::sqlite3_value) -> Code {
        // SAFETY: the statement lives, and the caller guarantees the value, which SQLite copies.
        unsafe { ffi::sqlite3_bind_value(self.0, place_of(place), value) }
    }

    pub(super) fn bind_int(&self, place: usize, number: i64) -> Code {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_bind_int64(self.0, place_of(place), number) }
    }

    pub(super) fn bind_text(&self, place: usize, text: &str) -> Code {
        let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        // SAFETY: the statement lives, and the text has this length; SQLite copies it.
        unsafe {
            ffi::sqlite3_bind_text(self.0, place_of(place), text.as_ptr().cast(), length, ffi::SQLITE_TRANSIENT())
        }
    }

    /// Goes to the next row; whether there is one.
    pub(super) fn step(&self) -> Result<bool, Code> {
        // SAFETY: the statement lives.
        match unsafe { ffi::sqlite3_step(self.0) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(code),
        }
    }

    /// How many bytes a column of this row has, if it is text or a blob.
    pub(super) fn bytes(&self, column: usize) -> c_int {
        // SAFETY: the statement lives. A number is not turned into text.
        unsafe {
            match ffi::sqlite3_column_type(self.0, place_of(column)) {
                ffi::SQLITE_TEXT | ffi::SQLITE_BLOB => ffi::sqlite3_column_bytes(self.0, place_of(column)),
                _ => 0,
            }
        }
    }

    /// Makes a column of this row the result of `context`.
    ///
    /// # Safety
    /// `context` must be one that SQLite has just passed to us, and the statement must stand on a row.
    pub(super) unsafe fn result(&self, context: *mut ffi::sqlite3_context, column: usize) {
        // SAFETY: the statement lives and stands on a row; SQLite copies the value.
        unsafe { ffi::sqlite3_result_value(context, ffi::sqlite3_column_value(self.0, place_of(column))) }
    }

    /// Ends its run, so that it holds no snapshot, and forgets its values.
    pub(super) fn reset(&self) {
        // SAFETY: the statement lives. What a failed step said is said again here.
        unsafe {
            ffi::sqlite3_reset(self.0);
            ffi::sqlite3_clear_bindings(self.0);
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: nobody else has the statement.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

/// The error that a code stands for, in the words of the connection where it happened.
pub(super) fn failure(conn: &Connection, code: Code) -> rusqlite::Error {
    // SAFETY: the connection is open, and its text is copied before anything else happens on it.
    let text = unsafe {
        let text = ffi::sqlite3_errmsg(conn.handle());
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), text)
}

fn place_of(place: usize) -> c_int {
    c_int::try_from(place).unwrap_or(c_int::MAX)
}
