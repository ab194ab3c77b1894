//! The entry point that SQLite calls when it loads the library, and the one hook that it needs.
#![expect(unsafe_code, reason = "a host calls the entry point through a C interface")]

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Weak};

use rusqlite::{Connection, ffi};

use super::recorder::Recorder;
use crate::guard::failed;

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
            let text = format!("aclite: incompatible: needs SQLite 3.34.1 or later; this is {major}.{minor}.{patch}");
            // SAFETY: as above.
            return unsafe { refuse(error, calls, &text) };
        }
        // SAFETY: as above.
        None => return unsafe { refuse(error, calls, "aclite: incompatible: this SQLite does not say its version") },
    }
    // SAFETY: the version says that all fields of the table of 3.34.1 are there. A call is absent where it was left out.
    let absent = unsafe {
        [
            ((*calls).set_authorizer.is_none(), "SQLITE_OMIT_AUTHORIZATION"),
            ((*calls).create_module_v2.is_none(), "SQLITE_OMIT_VIRTUALTABLE"),
        ]
    };
    if let Some((_, option)) = absent.iter().find(|(absent, _)| *absent) {
        let text =
            format!("aclite: incompatible: this SQLite was compiled with {option}: aclite needs what that leaves out");
        // SAFETY: as above.
        return unsafe { refuse(error, calls, &text) };
    }
    // Our calls into SQLite go through one table for the whole process.
    if let Err(first) = CALLS.compare_exchange(ptr::null_mut(), calls, Ordering::AcqRel, Ordering::Acquire)
        && first != calls
    {
        // SAFETY: as above.
        return unsafe {
            refuse(error, calls, "aclite: incompatible: another SQLite of this process has loaded it already")
        };
    }
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the version says that all fields of the table of 3.34.1 are there.
        let mut known = unsafe { *calls };
        PROGRESS.store(known.progress_handler.is_some(), Ordering::Release);
        known.progress_handler.get_or_insert(no_progress);
        // SAFETY: all three are as SQLite gave them, and its version has been looked at. The bindings copy the table.
        unsafe { Connection::extension_init2(db, error, &raw mut known, on_load) }
    }));
    match loaded {
        Ok(code) => code,
        // SAFETY: as above.
        Err(_) => unsafe { refuse(error, calls, "aclite: storage: loading failed") },
    }
}

/// Stands in where the host's SQLite was compiled without progress handlers, better-sqlite3's for one:
/// rusqlite takes its own off every connection that it closes.
unsafe extern "C" fn no_progress(
    _: *mut ffi::sqlite3,
    _: c_int,
    _: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    _: *mut c_void,
) {
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

/// The table of calls of the SQLite that loaded us first.
static CALLS: AtomicPtr<ffi::sqlite3_api_routines> = AtomicPtr::new(ptr::null_mut());

/// Whether that SQLite has progress handlers.
static PROGRESS: AtomicBool = AtomicBool::new(true);

/// Makes the connection a guarded door. The library stays loaded: what it left behind at one that was
/// closed stays callable.
fn on_load(conn: Connection) -> rusqlite::Result<bool> {
    // Loading once more must not forget that who acts is final.
    if super::is_loaded(&conn) {
        return Ok(true);
    }
    // SAFETY: the table is that of the SQLite that calls us, which says its own version.
    let detach_main = unsafe { DetachMain::of(CALLS.load(Ordering::Acquire), ffi::sqlite3_libversion_number()) };
    let recorder = super::load(&conn, detach_main)?;
    // A statement that was refused is rolled back: right then its lock is free, and the audit can be written.
    let weak = Box::into_raw(Box::new(Arc::downgrade(&recorder)));
    // SAFETY: the connection is open. The box is never freed, so the hook finds it whenever it is
    // called; the recorder in it may be gone by then.
    unsafe { ffi::sqlite3_rollback_hook(conn.handle(), Some(on_rollback), weak.cast()) };
    Ok(true)
}

/// SQLite's table of calls as it goes on after what our bindings know, from 3.34.1 to 3.39.
#[repr(C)]
struct Later {
    known: ffi::sqlite3_api_routines,
    /// changes64, total_changes64, autovacuum_pages, error_offset, vtab_rhs_value, vtab_distinct,
    /// vtab_in, vtab_in_first, vtab_in_next.
    unused: [*const c_void; 9],
    deserialize: Option<Deserialize>,
}

/// `sqlite3_deserialize`.
type Deserialize = unsafe extern "C" fn(
    *mut ffi::sqlite3,
    *const c_char,
    *mut u8,
    ffi::sqlite3_int64,
    ffi::sqlite3_int64,
    c_uint,
) -> c_int;

/// The first SQLite whose table of calls has `sqlite3_deserialize`: 3.39.
const DESERIALIZES: c_int = 3_039_000;

/// How a connection loses its main database: an empty one in memory takes the place. And whether its
/// statements can be stopped as they run.
#[derive(Clone, Copy)]
pub(super) struct DetachMain {
    deserialize: Deserialize,
    progress: bool,
}

impl DetachMain {
    /// # Safety
    /// `calls` is SQLite's own table, and `version` what it says it is of.
    unsafe fn of(calls: *const ffi::sqlite3_api_routines, version: c_int) -> Option<Self> {
        if version < DESERIALIZES {
            return None;
        }
        // SAFETY: a table of this version is as long as `Later`, and only ever grew at its end.
        let deserialize = unsafe { (*calls.cast::<Later>()).deserialize };
        deserialize.map(|deserialize| Self { deserialize, progress: PROGRESS.load(Ordering::Acquire) })
    }

    /// Whether statements can be stopped by a progress handler.
    pub(super) fn progresses(&self) -> bool {
        self.progress
    }

    /// Puts an empty database that can't be written in the place of the main one of `conn`.
    pub(super) fn run(&self, conn: &Connection) -> rusqlite::Result<()> {
        // SAFETY: the connection is open on this thread, with no transaction and no other statement
        // running, which the caller made sure of. No bytes are handed over, so none have to live on.
        let code = unsafe {
            // The host's own would be asked about what happens now, and could break it off half-way.
            ffi::sqlite3_set_authorizer(conn.handle(), None, ptr::null_mut());
            ffi::sqlite3_progress_handler(conn.handle(), 0, None, ptr::null_mut());
            (self.deserialize)(
                conn.handle(),
                c"main".as_ptr(),
                ptr::null_mut(),
                0,
                0,
                ffi::SQLITE_DESERIALIZE_READONLY as c_uint,
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(failed("the connection did not give its file up")) }
    }
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
