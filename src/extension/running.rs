//! What only SQLite's own interface says of a host's connection: the statements that run on it, its transaction.
#![expect(unsafe_code, reason = "SQLite answers this only through calls on the connection's handle")]

use std::ffi::CStr;
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::guard::Host;
use crate::sql_text::search;
use crate::sqlite::Prepared;

/// A statement that has begun and not ended.
pub(super) struct Running<'a> {
    /// Its text; nothing where it was prepared in a way that keeps none.
    pub(super) text: Option<&'a CStr>,
    /// Whether it takes a lock for writing.
    pub(super) locks: bool,
    /// Whether it may write rows. `BEGIN IMMEDIATE` takes a lock and writes none.
    pub(super) writes: bool,
    /// Where it lies: what tells it from others that run now, not from one that ended.
    pub(super) address: usize,
}

/// Whether a transaction is open on any of the connection's databases, be it that of a statement.
pub(super) fn reads(host: Host) -> bool {
    // SAFETY: the connection is open, since one of its functions is running; NULL asks about all of them.
    unsafe { ffi::sqlite3_txn_state(host.handle(), ptr::null()) != ffi::SQLITE_TXN_NONE }
}

/// Whether a transaction that writes is open on any of the connection's databases, be it that of a statement.
pub(super) fn may_write(host: Host) -> bool {
    // SAFETY: as for `reads`.
    unsafe { ffi::sqlite3_txn_state(host.handle(), ptr::null()) == ffi::SQLITE_TXN_WRITE }
}

/// Calls `look` with each statement that runs now, until it says no.
pub(super) fn all_running(host: Host, mut look: impl FnMut(Running<'_>) -> bool) -> bool {
    let mut statement = ptr::null_mut();
    loop {
        // SAFETY: the connection is open, since one of its functions is running, on this thread. No
        // statement ends before this call returns, so each pointer and text stays good meanwhile.
        let running = unsafe {
            statement = ffi::sqlite3_next_stmt(host.handle(), statement);
            if statement.is_null() {
                return true;
            }
            if ffi::sqlite3_stmt_busy(statement) == 0 {
                continue;
            }
            let text = ffi::sqlite3_sql(statement);
            let text = (!text.is_null()).then(|| CStr::from_ptr(text));
            let begins = text.is_some_and(|text| search::begins_with(text.to_bytes(), "BEGIN"));
            let locks = ffi::sqlite3_stmt_readonly(statement) == 0;
            Running { text, locks, writes: locks && !begins, address: statement.addr() }
        };
        if !look(running) {
            return false;
        }
    }
}

/// The connection itself, for SQL of ours. It keeps no statement beyond the call: a host could
/// not close it then.
pub(super) fn connection(host: Host) -> rusqlite::Result<Connection> {
    // SAFETY: the connection is open, since one of its functions is running; what is made of a
    // handle does not close it.
    unsafe { Connection::from_handle(host.handle()) }
}

/// Prepares a statement of ours, for as long as one of the host's keeps it.
pub(super) fn prepare(host: Host, sql: &str) -> rusqlite::Result<Prepared> {
    // SAFETY: the connection is open, since one of its functions is running. Whoever keeps the result is a statement of
    // the connection, or lets it go before its call returns.
    unsafe { Prepared::new(host.handle(), sql, false) }
}
