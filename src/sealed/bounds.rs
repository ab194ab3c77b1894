//! The bounds of a sealed connection: limits, what a statement may ask for, how long it may run.
#![expect(unsafe_code, reason = "rusqlite sets hooks only on connections that it owns, and a host owns its own")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::clock::Clock;
use super::tables::Table;
use super::{allowed, bounded_functions, expansion};
use crate::error::{Error, Result};

/// How many steps of SQLite's machine pass between two looks at the clock.
pub(super) const STEPS: c_int = 50;

/// What a sealed statement may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How long it may run.
    pub(crate) time: Duration,
    /// Whether a thread has to watch the time, since SQLite was built without progress handlers.
    pub(crate) watched: bool,
    /// How many bytes of SQLite's memory it may add; SQLite counts what the whole process holds.
    pub(crate) memory: i64,
    /// How many bytes one value or row may have. A single step of SQLite's machine makes a value, and a statement can
    /// make many between two looks at the clock.
    pub(crate) length: i32,
    /// How many it may have in a statement that reads a stored value of that size. A message may hold 16 MiB.
    pub(crate) stored: i32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), watched: false, memory: 256 << 20, length: 2 << 20, stored: 17 << 20 }
    }
}

/// Sets the limits of `conn`, each with its reason.
pub(super) fn limit(conn: &Connection, bounds: &Bounds) -> Result<()> {
    for (limit, most) in [
        (ffi::SQLITE_LIMIT_LENGTH, bounds.length),
        // Preparing takes time and memory that older SQLites don't let us bound.
        (ffi::SQLITE_LIMIT_SQL_LENGTH, i32::try_from(expansion::LENGTH).unwrap_or(i32::MAX)),
        (ffi::SQLITE_LIMIT_VDBE_OP, 100_000),
        (ffi::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        // Between two looks at the clock each of these may be a value of full length.
        (ffi::SQLITE_LIMIT_COLUMN, 80),
        (ffi::SQLITE_LIMIT_FUNCTION_ARG, 24),
        // The time that LIKE takes grows with the length of text times pattern, in one step.
        (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64),
        (ffi::SQLITE_LIMIT_VARIABLE_NUMBER, 999),
        (ffi::SQLITE_LIMIT_ATTACHED, 0),
        (ffi::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
        // A thread of SQLite's own would not be seen by the clock.
        (ffi::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        // SAFETY: the connection is open; a limit is a number, and one that SQLite does not know it ignores.
        unsafe { ffi::sqlite3_limit(conn.handle(), limit, most) };
    }
    Ok(())
}

/// Denies `conn` everything, where sealing it broke off.
pub(crate) fn close(conn: &Connection) -> Result<()> {
    unsafe extern "C" fn deny(
        _: *mut c_void,
        _: c_int,
        _: *const c_char,
        _: *const c_char,
        _: *const c_char,
        _: *const c_char,
    ) -> c_int {
        ffi::SQLITE_DENY
    }
    // SAFETY: the connection is open, and the callback needs nothing.
    checked(unsafe { ffi::sqlite3_set_authorizer(conn.handle(), Some(deny), ptr::null_mut()) })
}

/// Leaves no virtual table but ours, called `module`, and those of JSON.
pub(super) fn drop_modules(conn: &Connection, module: &CStr) -> Result<()> {
    let mut keep = [module.as_ptr(), c"json_each".as_ptr(), c"json_tree".as_ptr(), ptr::null()];
    // SAFETY: the connection is open; the list of C strings ends in NULL, and SQLite only reads it.
    checked(unsafe { ffi::sqlite3_drop_modules(conn.handle(), keep.as_mut_ptr()) })
}

/// Sets the hooks: clock and authorizer. From here on nothing in SQL undoes the seal. `bounded_functions` says whether
/// the functions of [`bounded_functions`](super::bounded_functions) are ours on this connection; SQLite's own are not allowed.
pub(super) fn hook(conn: &Connection, clock: &Arc<Clock>, bounds: &Bounds, bounded_functions: bool) -> Result<()> {
    // SAFETY: reading the handle changes nothing; it is used in calls of this connection only.
    let db = unsafe { conn.handle() };
    let watch = Watch { db, clock: Arc::clone(clock), length: bounds.length, bounded_functions };
    // Lives until the process ends, since SQLite tells nobody when it drops a hook. It is a few words.
    let watch = Box::into_raw(Box::new(watch)).cast::<c_void>();
    // SAFETY: the connection is open, the callbacks match SQLite's types, and what they are given lives for ever.
    unsafe {
        checked(ffi::sqlite3_trace_v2(db, ffi::SQLITE_TRACE_STMT as c_uint, Some(begins), watch))?;
        ffi::sqlite3_progress_handler(db, STEPS, Some(progresses), watch);
        checked(ffi::sqlite3_set_authorizer(db, Some(authorize), watch))
    }
}

/// Bytes that SQLite's memory holds, in the whole process; 0 where the host switched counting off.
pub(super) fn memory() -> i64 {
    // SAFETY: reads one counter.
    unsafe { ffi::sqlite3_memory_used() }
}

/// Lets the statement that runs have values of `bytes` bytes and some more, up to `most`.
///
/// # Safety
/// `db` must be an open connection that this thread uses.
pub(super) unsafe fn make_room(db: *mut ffi::sqlite3, bytes: c_int, most: c_int) {
    let wanted = bytes.saturating_add(1 << 20).min(most);
    // SAFETY: the caller guarantees the connection; a limit is a number, and -1 only asks.
    unsafe {
        if wanted > ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, -1) {
            ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, wanted);
        }
    }
}

/// Whether more than this many statements of the connection are under way.
///
/// # Safety
/// `db` must be an open connection that this thread uses.
pub(super) unsafe fn are_busy(db: *mut ffi::sqlite3, most: usize) -> bool {
    let (mut statement, mut busy) = (ptr::null_mut(), 0);
    loop {
        // SAFETY: the connection is open, and the statement is one of its own or NULL, for the first.
        statement = unsafe { ffi::sqlite3_next_stmt(db, statement) };
        if statement.is_null() {
            return false;
        }
        // SAFETY: the connection has just named the statement.
        busy += usize::from(unsafe { ffi::sqlite3_stmt_busy(statement) } != 0);
        if busy > most {
            return true;
        }
    }
}

fn checked(code: c_int) -> Result<()> {
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    Err(Error::storage("sealing a connection", rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)))
}

/// What the hooks need.
struct Watch {
    db: *mut ffi::sqlite3,
    clock: Arc<Clock>,
    length: i32,
    bounded_functions: bool,
}

/// Called as a statement begins to run. Nothing in it panics.
unsafe extern "C" fn begins(_: c_uint, watch: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    // SAFETY: `hook` made it, for ever.
    let watch = unsafe { &*watch.cast::<Watch>() };
    // SAFETY: the connection is open, since it calls; the limit is a number.
    unsafe {
        // One that began before keeps its time.
        if !are_busy(watch.db, 1) {
            watch.clock.start(memory());
        }
        ffi::sqlite3_limit(watch.db, ffi::SQLITE_LIMIT_LENGTH, watch.length);
    }
    0
}

/// Called now and then while a statement runs or is prepared. Nothing in it panics.
unsafe extern "C" fn progresses(watch: *mut c_void) -> c_int {
    // SAFETY: `hook` made it, for ever.
    let watch = unsafe { &*watch.cast::<Watch>() };
    // SAFETY: the connection is open, since it calls.
    let running = unsafe { are_busy(watch.db, 0) };
    c_int::from(watch.clock.is_over(running, memory()))
}

/// Called for each thing that a statement asks for as it is prepared. Denies what it does not know.
unsafe extern "C" fn authorize(
    watch: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    _: *const c_char,
) -> c_int {
    // SAFETY: `hook` made it, for ever.
    let Watch { clock, bounded_functions, .. } = unsafe { &*watch.cast::<Watch>() };
    if clock.is_declaring() {
        return ffi::SQLITE_OK;
    }
    // SAFETY: SQLite passes C strings that live through the call, or NULL.
    let text = |text: *const c_char| unsafe { (!text.is_null()).then(|| CStr::from_ptr(text)) };
    let text = |pointer| text(pointer).map(|text| text.to_str().unwrap_or("?"));
    let allowed = match action {
        ffi::SQLITE_SELECT | ffi::SQLITE_RECURSIVE => true,
        ffi::SQLITE_FUNCTION => text(second)
            .is_some_and(|name| allowed::function(name) && (*bounded_functions || !bounded_functions::replaces(name))),
        ffi::SQLITE_READ => may_read(text(first).unwrap_or("?"), text(second).unwrap_or("?"), text(database)),
        _ => false,
    };
    if allowed { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
}

/// Whether a statement may read this column. There is no file behind the connection: this is the second wall.
fn may_read(table: &str, column: &str, database: Option<&str>) -> bool {
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    let json = ["json_each", "json_tree"].iter().any(|name| is(table, name));
    match database {
        Some(database) if is(database, "temp") => Table::named(&table.to_ascii_lowercase()).is_some(),
        Some(database) if is(database, "main") => json,
        // A table of which no column is read, by the name that stands in the statement: it may be that of a common
        // table expression, but of nothing that is SQLite's.
        None if column.is_empty() => {
            let name = table.to_ascii_lowercase();
            !["sqlite_", "pragma_", "dbstat"].iter().any(|start| name.starts_with(start))
        }
        _ => false,
    }
}
