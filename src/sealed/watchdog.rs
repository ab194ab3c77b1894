//! Stops statements that run too long where SQLite was built without progress handlers, as better-sqlite3's is.
#![expect(
    unsafe_code,
    reason = "only a handle can be interrupted, and rusqlite's lives no longer than the call that seals"
)]

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::bounds;
use super::clock::Clock;
use crate::error::{Error, Result};

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The connections to interrupt: the sealed one, and its reader's. They are open while they stand here.
struct Watched([*mut ffi::sqlite3; 2]);

// SAFETY: the one call that is made with them may be made from any thread while they are open.
unsafe impl Send for Watched {}

/// A thread that looks at the clock. It ends soon after this is dropped.
pub(super) struct Watchdog(Arc<Mutex<Option<Watched>>>);

impl Watchdog {
    /// Watches `conn` and `reader`, which have to stay open until this is dropped.
    pub(super) fn new(conn: &Connection, reader: &Connection, clock: Arc<Clock>) -> Result<Self> {
        // SAFETY: the handles are used under the lock, and gone from there before either connection is closed.
        let watched = Arc::new(Mutex::new(Some(Watched(unsafe { [conn.handle(), reader.handle()] }))));
        let watch = Arc::clone(&watched);
        let mut stopped = None;
        let thread = thread::Builder::new().name("aclite seal".to_owned()).spawn(move || {
            loop {
                thread::sleep(PAUSE);
                let watched = watch.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(Watched(handles)) = &*watched else { return };
                // Once a statement: one that has ended is interrupted in vain, the next would be in its place.
                let statement = clock.statement();
                if stopped != Some(statement) && clock.is_over(true, bounds::memory()) {
                    stopped = Some(statement);
                    // SAFETY: the connections are open while the lock is held.
                    handles.iter().for_each(|handle| unsafe { ffi::sqlite3_interrupt(*handle) });
                }
            }
        });
        thread.map_err(|error| Error::storage("sealing a connection", error))?;
        Ok(Self(watched))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
