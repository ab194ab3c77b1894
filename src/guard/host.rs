//! One question to the host's SQLite that SQL can't ask inside a trigger: are foreign keys enforced?
#![expect(unsafe_code, reason = "SQLite answers this only through sqlite3_db_config on the connection's handle")]

use std::ffi::c_int;

use rusqlite::{Connection, ffi};

/// The connection whose functions ask. Lives in these functions only, which SQLite drops with the connection.
pub(super) struct Host(*mut ffi::sqlite3);

// SAFETY: the pointer is used only inside calls of the connection's own SQL functions. SQLite makes
// these on the one thread that uses the connection at that moment.
unsafe impl Send for Host {}
// SAFETY: as above; `foreign_keys` reads one flag and changes nothing.
unsafe impl Sync for Host {}

impl Host {
    pub(super) fn of(conn: &Connection) -> Self {
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
}
