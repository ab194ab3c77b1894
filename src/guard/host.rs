//! What only SQLite's own interface says of a connection: its switches, and the statements that run on it.
#![expect(unsafe_code, reason = "SQLite answers this only through calls on the connection's handle")]

use std::ffi::{CStr, c_char, c_int};
use std::path::PathBuf;
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::audit::insert_sql;
use crate::sqlite::Prepared;

/// The connection whose functions ask. Lives in these functions only, which SQLite drops with the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host(*mut ffi::sqlite3);

// SAFETY: the pointer is used only inside calls of the connection's own SQL functions. SQLite makes
// these on the one thread that uses the connection at that moment.
unsafe impl Send for Host {}
// SAFETY: as above; what is read are flags and lists that this thread alone touches now.
unsafe impl Sync for Host {}

/// Whether the file that the connection has open is no longer the one at its path: it was moved, removed or
/// replaced. A system that does not answer counts as one where that can't happen.
pub(crate) fn has_moved(conn: &Connection) -> bool {
    let mut moved: c_int = 0;
    let place: *mut c_int = &raw mut moved;
    // SAFETY: the connection is open while it is borrowed, and no other thread uses it meanwhile. The name ends
    // with a NUL. The verb takes a pointer to the int that receives the answer, which outlives the call.
    let code = unsafe {
        ffi::sqlite3_file_control(conn.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_HAS_MOVED, place.cast())
    };
    code == ffi::SQLITE_OK && moved != 0
}

/// A statement that has begun and not ended.
pub(crate) struct Running<'a> {
    /// Its text; nothing where it was prepared in a way that keeps none.
    pub(crate) text: Option<&'a CStr>,
    /// Whether it may write.
    pub(crate) writes: bool,
    /// Where it lies: what tells it from others that run now, not from one that ended.
    pub(crate) address: usize,
}

impl Host {
    pub(crate) fn of(conn: &Connection) -> Self {
        // SAFETY: the handle is kept by functions registered on this very connection, so it outlives none of them.
        Self(unsafe { conn.handle() })
    }

    /// Whether foreign keys are enforced. A connection that does not answer counts as one that does not.
    pub(super) fn foreign_keys(&self) -> bool {
        let mut on: c_int = 0;
        // SAFETY: the connection is open, since one of its functions is running. The verb takes an
        // int (-1: ask only) and a pointer to the int that receives the answer.
        let code =
            unsafe { ffi::sqlite3_db_config(self.0, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, -1 as c_int, &raw mut on) };
        code == ffi::SQLITE_OK && on == 1
    }

    /// Whether a transaction is open on any of the connection's databases, be it that of a statement.
    pub(super) fn reads(&self) -> bool {
        // SAFETY: the connection is open, since one of its functions is running; NULL asks about all of them.
        unsafe { ffi::sqlite3_txn_state(self.0, ptr::null()) != ffi::SQLITE_TXN_NONE }
    }

    /// Calls `look` with each statement that runs now, until it says no.
    pub(crate) fn all_running(&self, mut look: impl FnMut(Running<'_>) -> bool) -> bool {
        let mut statement = ptr::null_mut();
        loop {
            // SAFETY: the connection is open, since one of its functions is running, on this thread. No
            // statement ends before this call returns, so each pointer and text stays good meanwhile.
            let running = unsafe {
                statement = ffi::sqlite3_next_stmt(self.0, statement);
                if statement.is_null() {
                    return true;
                }
                if ffi::sqlite3_stmt_busy(statement) == 0 {
                    continue;
                }
                let text = ffi::sqlite3_sql(statement);
                Running {
                    text: (!text.is_null()).then(|| CStr::from_ptr(text)),
                    writes: ffi::sqlite3_stmt_readonly(statement) == 0,
                    address: statement.addr(),
                }
            };
            if !look(running) {
                return false;
            }
        }
    }

    /// The file of the main database; nothing where no other connection of ours could open the same:
    /// in memory, or where a way of the host's own leads to it.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        // SAFETY: the connection is open on this thread. Both names end with a NUL and stay good until
        // the call returns; the name of the way is ours to free.
        unsafe {
            let mut way: *mut c_char = ptr::null_mut();
            let place: *mut *mut c_char = &raw mut way;
            ffi::sqlite3_file_control(self.0, c"main".as_ptr(), ffi::SQLITE_FCNTL_VFSNAME, place.cast());
            let default = ffi::sqlite3_vfs_find(ptr::null());
            let usual = !way.is_null() && !default.is_null() && CStr::from_ptr(way) == CStr::from_ptr((*default).zName);
            ffi::sqlite3_free(way.cast());
            let name = ffi::sqlite3_db_filename(self.0, c"main".as_ptr());
            if !usual || name.is_null() {
                return None;
            }
            let name = CStr::from_ptr(name).to_str().ok()?;
            (!name.is_empty()).then(|| PathBuf::from(name))
        }
    }

    /// Prepares the insert of audit rows.
    pub(super) fn prepare_audit_insert(&self, persistent: bool) -> rusqlite::Result<Prepared> {
        // SAFETY: the connection is open, since one of its functions is running, or its owner calls. The context of a
        // connection of ours lets the insert go before that closes; on a host's it lives as long as a running statement.
        unsafe { Prepared::new(self.0, &insert_sql(), persistent) }
    }

    /// The connection itself, for SQL of ours. It keeps no statement beyond the call: a host could
    /// not close it then.
    pub(super) fn connection(&self) -> rusqlite::Result<Connection> {
        // SAFETY: the connection is open, since one of its functions is running; what is made of a
        // handle does not close it.
        unsafe { Connection::from_handle(self.0) }
    }
}
