//! One transaction: its beginning and end, and what repositories run in it.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::connection::{Author, Conn, the_file};
use super::open::{moved, unchanged};
use super::trace_failure;
use crate::actor::Actor;
use crate::audit::{Door, Entry};
use crate::error::{Error, Result, Subject};
use crate::guard::Ending;
use crate::operation::{Action, Operation, Resource};
use crate::record::{Record, Source, check_id};
use crate::verdict;

/// A transaction that reads: what a closure of [`Store::read`](crate::Store::read) gets.
#[derive(Debug)]
pub struct ReadTx<'c> {
    conn: &'c Conn,
    actor: Actor,
}

/// A transaction that reads and writes: what a closure of [`Store::write`](crate::Store::write) gets.
#[derive(Debug)]
pub struct Tx<'c> {
    read: ReadTx<'c>,
    /// The audit entries of what was refused or not found; written when the transaction ends.
    refused: RefCell<Vec<Entry>>,
    /// Whether a row was written that could not be read back: its caller was told of a failure, so
    /// nothing of this transaction may stay, whatever its closure makes of that.
    unreadable_write: Cell<bool>,
}

impl<'c> Deref for Tx<'c> {
    type Target = ReadTx<'c>;

    fn deref(&self) -> &ReadTx<'c> {
        &self.read
    }
}

impl<'c> ReadTx<'c> {
    fn new(conn: &'c Conn, actor: &Actor) -> Self {
        conn.context.bind(actor);
        Self { conn, actor: actor.clone() }
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn raw(&self) -> &Connection {
        &self.conn.raw
    }

    pub(super) fn conn(&self) -> &Conn {
        self.conn
    }

    /// Runs a query of ours and reads each row with `read`.
    pub(crate) fn rows<T>(
        &self,
        doing: &str,
        sql: &str,
        params: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.ensure_open()?;
        self.conn.context.start(Door::Api);
        let failed = |error| self.conn.failure(doing, &the_file(), error).0;
        self.as_aclite(|| {
            let mut statement = self.raw().prepare_cached(sql).map_err(failed)?;
            let mut rows = statement.query(params_from_iter(params)).map_err(failed)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                found.push(read(row)?);
            }
            Ok(found)
        })
    }

    /// Runs statements of ours, also where one of the embedder's is under way.
    pub(crate) fn as_aclite<T>(&self, work: impl FnOnce() -> T) -> T {
        self.conn.authored(Author::Aclite, work)
    }

    /// Fails once the transaction is gone: a statement of SQL that was not ours may have ended it
    /// (`OR ROLLBACK`), and what came after it would commit by itself.
    pub(super) fn ensure_open(&self) -> Result<()> {
        if self.raw().is_autocommit() {
            return Err(Error::broken("a statement ended the transaction; nothing of it was stored"));
        }
        Ok(())
    }

    /// The refusal that the last read left behind.
    pub(crate) fn take_refusal(&self) -> Option<Error> {
        self.conn.context.take_refusal().map(|(error, _)| error)
    }
}

impl Drop for ReadTx<'_> {
    fn drop(&mut self) {
        self.conn.context.unbind();
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Conn, actor: &Actor) -> Self {
        Self { read: ReadTx::new(conn, actor), refused: RefCell::default(), unreadable_write: Cell::default() }
    }

    /// Ends it: nobody acts any more. Returns what was refused, and whether it may be committed.
    pub(super) fn finish(self) -> (Vec<Entry>, bool) {
        (self.refused.take(), !self.unreadable_write.get())
    }

    /// Runs a statement of ours that creates or patches one record, and returns the record as it is stored now.
    ///
    /// `ids` are those that the caller gave, with their columns: a malformed one is `Invalid`. No row: the record is
    /// not there, which the audit is told.
    pub(crate) fn write_one<R: Record>(
        &self,
        asked: Operation,
        id: &str,
        ids: &[(&str, &str)],
        sql: &str,
        params: &[Value],
    ) -> Result<(R, Option<Ending>)> {
        let (record, ending) = self.write_one_anyway(asked, id, ids, sql, params)?;
        // A write whose record can't be told is one whose caller was told of a failure.
        self.unreadable_write.set(self.unreadable_write.get() || record.is_err());
        Ok((record?, ending))
    }

    /// As [`Tx::write_one`], for a write that stays where its record can't be read: whatever else stands in its row, a
    /// task can be ended.
    pub(crate) fn write_one_anyway<R: Record>(
        &self,
        asked: Operation,
        id: &str,
        ids: &[(&str, &str)],
        sql: &str,
        params: &[Value],
    ) -> Result<(Result<R>, Option<Ending>)> {
        self.run(asked, id, ids, sql, params, || {
            let context = &self.conn.context;
            let unread = || Error::broken(format!("{asked} `{id}`: the statement left no record"));
            let record = context.take_stored().ok_or_else(unread).and_then(|row| R::read(Source::Stored(&row)));
            Ok((record, context.take_ending()))
        })
    }

    /// Runs a statement of ours that removes one record. `ids` as for [`Tx::write_one`].
    pub(crate) fn remove_one(
        &self,
        asked: Operation,
        id: &str,
        ids: &[(&str, &str)],
        sql: &str,
        params: &[Value],
    ) -> Result<()> {
        self.run(asked, id, ids, sql, params, || Ok(()))
    }

    /// Runs a statement that writes one record, and then `read`.
    fn run<T>(
        &self,
        asked: Operation,
        id: &str,
        ids: &[(&str, &str)],
        sql: &str,
        params: &[Value],
        read: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let span = tracing::debug_span!("write", operation = asked.action.as_str(), resource = asked.resource.as_str());
        let _entered = span.enter();
        traced(asked, || {
            self.ensure_open()?;
            self.conn.context.start_write(asked.resource);
            // A malformed id is not written to the audit.
            for (column, id) in ids {
                check_id(column, id)?;
            }
            // A statement that finds no row calls no guard, so it can't tell who is signed in.
            if let Err(refusal) = verdict::signed_in(&self.actor) {
                self.refuse(asked, id, "denied", "not signed in".to_owned());
                return Err(refusal.into());
            }
            let failed = |error| {
                let subject = Subject { resource: asked.resource, id: id.to_owned() };
                let (error, entry) = self.conn.failure(&format!("{asked} `{id}`"), &subject, error);
                self.refused.borrow_mut().extend(entry);
                error
            };
            let run = || self.raw().prepare_cached(sql)?.execute(params_from_iter(params));
            if self.as_aclite(run).map_err(failed)? == 0 {
                self.refuse(asked, id, "missing", format!("no {}", asked.resource));
                return Err(Error::not_found(asked.resource, id));
            }
            read()
        })
    }

    /// Keeps the audit entry of a refusal that no guard gave.
    fn refuse(&self, asked: Operation, id: &str, verdict: &'static str, why: String) {
        let mut entry = Entry::new(&self.actor, Door::Api, asked, id, verdict);
        entry.explain(&self.actor, &why);
        self.refused.borrow_mut().push(entry);
    }

    /// Runs `work` so that either all of its writes remain or none.
    pub(crate) fn all_or_nothing<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let failed = |error| Error::storage("a savepoint", error);
        self.ensure_open()?;
        self.as_aclite(|| self.raw().execute_batch("SAVEPOINT acl_whole")).map_err(failed)?;
        let unreadable_write = self.unreadable_write.get();
        let done = work();
        if self.raw().is_autocommit() {
            return done.and_then(|value| self.ensure_open().map(|()| value));
        }
        let end = if done.is_ok() { "RELEASE acl_whole" } else { "ROLLBACK TO acl_whole; RELEASE acl_whole" };
        self.as_aclite(|| self.raw().execute_batch(end)).map_err(failed)?;
        if done.is_err() {
            // What could not be read back is undone with the rest.
            self.unreadable_write.set(unreadable_write);
        }
        done
    }

    /// Refuses everybody but the daemon, and keeps the audit entry of that.
    pub(crate) fn daemon_only(&self, asked: Operation) -> Result<()> {
        let Err(refusal) = verdict::daemon_only(&self.actor, asked, "") else { return Ok(()) };
        self.refuse(asked, "", "denied", "only the daemon may".to_owned());
        traced(asked, || Err(refusal.into()))
    }

    /// Keeps the audit entry of a refusal.
    pub(super) fn refused(&self, entry: Option<Entry>) {
        self.refused.borrow_mut().extend(entry);
    }
}

/// Runs `work` and says how it went.
pub(crate) fn traced<T>(asked: Operation, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let done = work();
    trace(asked.action.as_str(), asked.resource.as_str(), started, done.as_ref().err());
    done
}

/// Says how an operation went: never with content.
pub(super) fn trace(operation: &str, resource: &str, started: Instant, error: Option<&Error>) {
    let elapsed_us = started.elapsed().as_micros();
    match error {
        None => tracing::debug!(operation, resource, verdict = "allowed", elapsed_us),
        Some(error @ (Error::Storage(_) | Error::Tampered(_))) => {
            tracing::error!(operation, resource, verdict = error.code(), elapsed_us);
        }
        Some(error) => tracing::warn!(operation, resource, verdict = error.code(), elapsed_us),
    }
}

/// Takes the write lock, waiting for other processes until `timeout` since `started` is over.
pub(super) fn begin(conn: &Conn, started: Instant, timeout: Duration) -> Result<()> {
    let left = timeout.saturating_sub(started.elapsed());
    let begun = conn.raw.busy_timeout(left).and_then(|()| conn.raw.run_kept(|kept| &kept.begin_immediate));
    conn.mark();
    begun.map_err(|error| match Error::of_record("beginning a transaction", &the_file(), error) {
        Error::Busy(_) => Error::Busy(started.elapsed()),
        error => error,
    })
}

/// Like [`begin`], and fails where the file is no longer as it was checked: nothing may be written then.
pub(super) fn begin_checked(conn: &Conn, started: Instant, timeout: Duration) -> Result<()> {
    begin(conn, started, timeout).map_err(|error| if conn.has_moved() { moved() } else { error })?;
    unchanged(conn).inspect_err(|_| roll_back(conn))
}

/// Commits, with the audit rows of what was refused on the way. Where that fails nothing is stored.
pub(super) fn commit(conn: &Conn, refused: &[Entry]) -> Result<()> {
    if conn.raw.is_autocommit() {
        return Err(Error::broken("a statement ended the transaction; nothing of it was stored"));
    }
    let committed = conn.append_audit(refused).and_then(|()| {
        conn.raw.run_kept(|kept| &kept.commit).map_err(|error| Error::of_record("committing", &the_file(), error))
    });
    committed.inspect_err(|_| roll_back(conn))
}

/// Commits `entries` alone, waiting up to `timeout` for other processes.
#[cfg(feature = "extension")]
pub(crate) fn record(conn: &Conn, entries: &[Entry], timeout: Duration) -> Result<()> {
    begin(conn, Instant::now(), timeout)?;
    commit(conn, entries)
}

/// Undoes what the transaction changed, and commits the audit rows of what was refused in it.
///
/// A statement that was refused has left nothing behind. Where no other has changed anything there
/// is nothing to undo, and the lock is not given up before the audit has its rows.
pub(super) fn undo(conn: &Conn, refused: &[Entry]) -> Result<()> {
    if refused.is_empty() {
        roll_back(conn);
        return Ok(());
    }
    let untouched = !conn.raw.is_autocommit() && !conn.changed();
    if !untouched {
        roll_back(conn);
        conn.raw.run_kept(|kept| &kept.begin_immediate).map_err(|error| Error::storage("auditing refusals", error))?;
        unchanged(conn).inspect_err(|_| roll_back(conn))?;
    }
    commit(conn, refused)
}

fn roll_back(conn: &Conn) {
    if conn.raw.is_autocommit() {
        return;
    }
    if let Err(error) = execute(conn, "ROLLBACK") {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}

fn execute(conn: &Conn, sql: &str) -> rusqlite::Result<()> {
    conn.raw.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Runs `work` on one snapshot. `shared` says that the connection also writes, and has to be kept from it.
pub(super) fn read<T, E: From<Error>>(
    conn: &Conn,
    actor: &Actor,
    shared: bool,
    work: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    struct End<'a>(&'a Conn, bool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            roll_back(self.0);
            if self.1
                && let Err(error) = execute(self.0, "PRAGMA query_only = 0")
            {
                tracing::error!(%error, "the connection can't write any more");
            }
        }
    }
    let failed = |error| Error::of_record("beginning to read", &the_file(), error);
    if shared {
        execute(conn, "PRAGMA query_only = 1").map_err(failed)?;
    }
    let _end = End(conn, shared);
    conn.raw.run_kept(|kept| &kept.begin).map_err(failed)?;
    // This reads, so what is checked and what `work` reads are one snapshot.
    unchanged(conn).inspect_err(trace_failure)?;
    let tx = ReadTx::new(conn, actor);
    work(&tx)
}

/// The operation `action` on `resource`, for repositories.
pub(crate) const fn op(resource: Resource, action: Action) -> Operation {
    Operation::new(resource, action)
}
