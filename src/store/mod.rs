//! The store: one writing connection, a few reading ones, and the closures that run on them.

mod added;
mod adopt;
mod connection;
mod detach;
mod holders;
mod migrate;
mod open;
mod options;
mod pool;
mod restore;
mod saved;
mod schema;
mod spelling;
mod sql;
mod suitable;
mod tables;
#[cfg(test)]
mod tests;
mod tx;
mod unreadable;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use once_cell::sync::OnceCell;

use crate::actor::Actor;
use crate::audit::Entry;
use crate::error::{Error, Result};
use pool::{ReentryGuard, Slot};

pub use adopt::{AdoptReport, Adoption};
pub use detach::DetachReport;
pub use migrate::Migration;
pub use open::{CheckReport, RuleDifference};
pub use options::{Durability, OpenOptions};
pub use sql::Sql;
pub use tables::TableGuard;
pub use tx::{ReadTx, Tx};

pub(crate) use connection::Conn;
#[cfg(feature = "extension")]
pub(crate) use open::inspect;
pub(crate) use open::verify_file;
#[cfg(feature = "extension")]
pub(crate) use tx::record;
pub(crate) use tx::{op, traced};

/// A guarded database: the daemon's data layer.
///
/// Cheap to clone; all clones are the same store, and any thread may use them. Several processes
/// may have the same file open.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Which file the writer has open: readers that are opened later have to open the same.
    identity: open::Identity,
    options: OpenOptions,
    writer: Slot,
    /// Opened when first needed. Empty where the store is in memory: reads run on the writer then.
    readers: Vec<OnceCell<Slot>>,
    turn: AtomicUsize,
    /// Refusals whose audit rows could not be written yet: the next transaction writes them.
    backlog: Mutex<Vec<Entry>>,
}

impl Store {
    /// Opens the store in the file `path`, creating it where there is none; `:memory:` is a store
    /// that no file holds.
    ///
    /// A new file gets its tables, default rules and guards. A file of ours is checked, and brought
    /// up to date where it is older.
    ///
    /// # Errors
    /// `Tampered` where guards are missing or altered (see [`OpenOptions::repair`]), `Incompatible`
    /// where the file is another program's, newer, damaged or not to be written, `Busy`, `Storage`.
    ///
    /// ```
    /// let store = aclite::Store::open(":memory:")?;
    /// assert!(store.check()?.is_clean());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().open(path)
    }

    fn open_with(path: &Path, options: OpenOptions) -> Result<Self> {
        let writer = open::open(path, &options).inspect_err(trace_failure)?;
        let identity = open::identity(&writer).inspect_err(trace_failure)?;
        let readers = if path == Path::new(":memory:") { 0 } else { options.readers };
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                identity,
                options,
                writer: Slot::new(writer),
                readers: (0..readers).map(|_| OnceCell::new()).collect(),
                turn: AtomicUsize::new(0),
                backlog: Mutex::default(),
            }),
        })
    }

    /// Runs `work` for `actor` in one transaction, and commits it where `work` succeeds.
    ///
    /// Each write in it is judged as it is made: look-up, verdict and write are one statement.
    /// Where `work` fails or panics, nothing of it remains but the audit rows of what was refused;
    /// a panic goes on afterwards, and the store stays usable.
    ///
    /// ```
    /// use aclite::{Actor, Store, TaskPatch, TaskStatus};
    /// let store = Store::open(":memory:")?;
    /// let refused = store.write(&Actor::Anonymous, |tx| {
    ///     tx.tasks().patch("t-1", TaskPatch::new().status(TaskStatus::Completed))
    /// });
    /// assert_eq!(refused.unwrap_err().code(), "not_authenticated");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `work` returns; `Busy` where the write lock was not free in time; `Nested` from inside
    /// another closure of this store; `Storage` where the transaction could not be committed, or the file was moved or
    /// replaced; `Detached`, `Tampered`, `Incompatible` where somebody changed its guards since it was opened.
    pub fn write<T>(&self, actor: &Actor, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.try_write(actor, work)
    }

    /// Like [`Store::write`], for closures with an error type of their own.
    ///
    /// # Errors
    /// As [`Store::write`], converted.
    pub fn try_write<T, E: From<Error>>(
        &self,
        actor: &Actor,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = &*self.inner;
        let _reentry = ReentryGuard::enter(self.identity())?;
        let started = Instant::now();
        let conn = inner.writer.take(started, inner.options.busy_timeout)?;
        tx::begin_checked(&conn, started, inner.options.busy_timeout).inspect_err(trace_failure)?;
        let tx = Tx::new(&conn, actor);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&tx)));
        let mut refused = std::mem::take(&mut *inner.backlog.lock().unwrap_or_else(PoisonError::into_inner));
        let (refused_now, sound) = tx.finish();
        refused.extend(refused_now);
        match outcome {
            Ok(Ok(_)) if !sound => {
                self.undo(&conn, refused);
                Err(Error::broken("a written row could not be read back; nothing of the transaction was stored").into())
            }
            Ok(Ok(value)) => match tx::commit(&conn, &refused) {
                Ok(()) => Ok(value),
                Err(error) => {
                    self.keep(refused);
                    trace_failure(&error);
                    Err(error.into())
                }
            },
            Ok(Err(error)) => {
                self.undo(&conn, refused);
                Err(error)
            }
            Err(panic) => {
                self.undo(&conn, refused);
                drop(conn);
                resume_unwind(panic)
            }
        }
    }

    /// Runs `work` for `actor` on one snapshot of the database; it can only read.
    ///
    /// ```
    /// use aclite::{Actor, Store, TaskQuery};
    /// let store = Store::open(":memory:")?;
    /// let page = store.read(&Actor::user("u-1"), |tx| tx.tasks().find(&TaskQuery::new()))?;
    /// assert!(page.items.is_empty());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `work` returns; `Nested` from inside another closure of this store; `Busy`; `Storage`, `Detached`,
    /// `Tampered`, `Incompatible` as [`Store::write`].
    pub fn read<T>(&self, actor: &Actor, work: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
        self.try_read(actor, work)
    }

    /// Like [`Store::read`], for closures with an error type of their own.
    ///
    /// # Errors
    /// As [`Store::read`], converted.
    pub fn try_read<T, E: From<Error>>(
        &self,
        actor: &Actor,
        work: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = &*self.inner;
        let _reentry = ReentryGuard::enter(self.identity())?;
        let started = Instant::now();
        if inner.readers.is_empty() {
            let conn = inner.writer.take(started, inner.options.busy_timeout)?;
            return tx::read(&conn, actor, true, work);
        }
        let open = || open::reader(&inner.path, inner.identity, &inner.options).map(Slot::new);
        for cell in &inner.readers {
            if let Some(conn) = cell.get_or_try_init(open)?.try_take() {
                return tx::read(&conn, actor, false, work);
            }
        }
        // All are busy: wait for one, for each in turn.
        let turn = inner.turn.fetch_add(1, Ordering::Relaxed) % inner.readers.len();
        let conn = inner.readers[turn].get_or_try_init(open)?.take(started, inner.options.busy_timeout)?;
        tx::read(&conn, actor, false, work)
    }

    /// Checks the file's guards and rules now, as opening does.
    ///
    /// # Errors
    /// `Busy`, `Nested`, `Storage`. What the check finds is in its report, not an error.
    pub fn check(&self) -> Result<CheckReport> {
        let inner = &*self.inner;
        let _reentry = ReentryGuard::enter(self.identity())?;
        let conn = inner.writer.take(Instant::now(), inner.options.busy_timeout)?;
        open::report(&conn)
    }

    /// How long a call waits for others.
    pub(crate) fn busy_timeout(&self) -> std::time::Duration {
        self.inner.options.busy_timeout
    }

    /// What tells this store from others, for closures inside closures.
    fn identity(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    /// The writing connection, waited for since `started`.
    fn writer(&self, started: Instant) -> Result<pool::Lease<'_>> {
        self.inner.writer.take(started, self.inner.options.busy_timeout)
    }

    /// Where the store is; `:memory:` where no file holds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Undoes the transaction, then writes what was refused in it.
    fn undo(&self, conn: &Conn, refused: Vec<Entry>) {
        if let Err(error) = tx::undo(conn, &refused) {
            trace_failure(&error);
            self.keep(refused);
        }
    }

    /// Keeps refusals for the next transaction to write.
    fn keep(&self, refused: Vec<Entry>) {
        self.inner.backlog.lock().unwrap_or_else(PoisonError::into_inner).extend(refused);
    }
}

impl Drop for Inner {
    /// Writes refusals that no later transaction took along.
    fn drop(&mut self) {
        let refused = std::mem::take(self.backlog.get_mut().unwrap_or_else(PoisonError::into_inner));
        if refused.is_empty() {
            return;
        }
        let written = self.writer.take(Instant::now(), self.options.busy_timeout).and_then(|conn| {
            tx::begin_checked(&conn, Instant::now(), self.options.busy_timeout)?;
            tx::commit(&conn, &refused)
        });
        if let Err(error) = written {
            tracing::error!(lost = refused.len(), %error, "audit rows of refusals could not be written");
        }
    }
}

/// Says that the database itself failed.
fn trace_failure(error: &Error) {
    if matches!(error, Error::Storage(_) | Error::Tampered(_) | Error::Detached | Error::Incompatible(_)) {
        tracing::error!(code = error.code(), %error, "the store failed");
    }
}
