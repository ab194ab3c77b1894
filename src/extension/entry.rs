//! The entry point that SQLite calls when it loads the library, and the one hook that it needs.
#![expect(unsafe_code, reason = "a host calls the entry point through a C interface")]

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use rusqlite::{Connection, ffi};

use super::recorder::Recorder;

/// The oldest SQLite that has everything we call: 3.34.1.
const OLDEST: c_int = 3_034_001;

/// Called by SQLite on `.load`, `load_extension` and the like. It is the name that SQLite looks for
/// by default, so that no host has to give one.
///
/// # Safety
/// Only SQLite calls it, with a connection of its own, a place for an error's text or NULL, and its table of calls.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sqlite3_extension_init(
    db: *mut ffi::sqlite3,
    error: *mut *mut c_char,
    calls: *mut ffi::sqlite3_api_routines,
) -> c_int {
    if db.is_null() || calls.is_null() {
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: SQLite's table of calls begins with what it began with in 2006; nothing of what came
    // later is read before the version says that it is there.
    let version = unsafe { (*calls).libversion_number.map(|version| version()) };
    match version {
        Some(version) if version >= OLDEST => {}
        Some(version) => {
            let (major, minor, patch) = (version / 1_000_000, version / 1000 % 1000, version % 1000);
            let text = format!("aclite needs SQLite 3.34.1 or later; this is {major}.{minor}.{patch}");
            // SAFETY: as above.
            return unsafe { refuse(error, calls, &text) };
        }
        // SAFETY: as above.
        None => return unsafe { refuse(error, calls, "aclite: this SQLite does not say its version") },
    }
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: all three are as SQLite gave them, and its version has been looked at.
        unsafe { Connection::extension_init2(db, error, calls, on_load) }
    }));
    match loaded {
        Ok(code) => code,
        // SAFETY: as above.
        Err(_) => unsafe { refuse(error, calls, "aclite: loading failed") },
    }
}

/// Gives SQLite the text of an error, in memory that SQLite itself allotted and will free.
///
/// # Safety
/// As for [`sqlite3_extension_init`].
unsafe fn refuse(error: *mut *mut c_char, calls: *mut ffi::sqlite3_api_routines, text: &str) -> c_int {
    // SAFETY: `error` is NULL or a place for a pointer; what `malloc` gives is NULL or has room for
    // the text and its end.
    unsafe {
        let Some(malloc) = (*calls).malloc else { return ffi::SQLITE_ERROR };
        let Ok(room) = c_int::try_from(text.len() + 1) else { return ffi::SQLITE_ERROR };
        if !error.is_null() {
            let place = malloc(room).cast::<u8>();
            if !place.is_null() {
                place.copy_from_nonoverlapping(text.as_ptr(), text.len());
                place.add(text.len()).write(0);
                *error = place.cast();
            }
        }
    }
    ffi::SQLITE_ERROR
}

/// Makes the connection a guarded door. The library stays loaded: connections to come need not load it again,
/// and what it left behind at this one stays callable.
fn on_load(conn: Connection) -> rusqlite::Result<bool> {
    let recorder = super::load(&conn)?;
    // A statement that was refused is rolled back: right then its lock is free, and the audit can be written.
    let weak = Box::into_raw(Box::new(Arc::downgrade(&recorder)));
    // SAFETY: the connection is open. The box is never freed, so the hook finds it whenever it is
    // called; the recorder in it may be gone by then.
    unsafe { ffi::sqlite3_rollback_hook(conn.handle(), Some(on_rollback), weak.cast()) };
    Ok(true)
}

/// Called by SQLite when a transaction of the connection has been rolled back.
unsafe extern "C" fn on_rollback(recorder: *mut c_void) {
    // A panic must not cross into C; nobody is there to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: it is what `on_load` gave, which is never freed.
        let recorder = unsafe { &*recorder.cast::<Weak<Recorder>>() };
        if let Some(recorder) = recorder.upgrade() {
            recorder.flush();
        }
    }));
}
