//! What only SQLite's own interface says of a connection.
#![expect(unsafe_code, reason = "SQLite answers this only through calls on the connection's handle")]

use std::ffi::c_int;

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

impl Host {
    pub(crate) fn of(conn: &Connection) -> Self {
        // SAFETY: the handle is kept by functions registered on this very connection, so it outlives none of them.
        Self(unsafe { conn.handle() })
    }

    /// The handle, for calls inside of a function of this connection.
    #[cfg(feature = "extension")]
    pub(crate) const fn handle(self) -> *mut ffi::sqlite3 {
        self.0
    }

    /// Whether foreign keys are enforced. A connection that does not answer counts as one that does not.
    pub(crate) fn foreign_keys(&self) -> bool {
        let mut on: c_int = 0;
        // SAFETY: the connection is open, since one of its functions is running. The verb takes an
        // int (-1: ask only) and a pointer to the int that receives the answer.
        let code =
            unsafe { ffi::sqlite3_db_config(self.0, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, -1 as c_int, &raw mut on) };
        code == ffi::SQLITE_OK && on == 1
    }

    /// Whether a transaction that writes is open on the main database.
    pub(super) fn writes(&self) -> bool {
        // SAFETY: the connection is open, since one of its functions is running; the name ends with a NUL.
        unsafe { ffi::sqlite3_txn_state(self.0, c"main".as_ptr()) == ffi::SQLITE_TXN_WRITE }
    }

    /// Prepares the insert of audit rows.
    pub(crate) fn prepare_audit_insert(&self, persistent: bool) -> rusqlite::Result<Prepared> {
        self.prepare(&insert_sql(), persistent)
    }

    /// Prepares a statement that the context keeps.
    pub(super) fn prepare(&self, sql: &str, persistent: bool) -> rusqlite::Result<Prepared> {
        // SAFETY: the connection is open, since one of its functions is running, or its owner calls. The context of a
        // connection of ours lets the statement go before that closes; on a host's it lives as long as a running one.
        unsafe { Prepared::new(self.0, sql, persistent) }
    }
}
