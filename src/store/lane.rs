//! Waiting for a connection, and noticing who would wait for himself.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Conn;
use crate::error::{Error, Result};

/// A connection: one caller has it at a time, others wait until their time is up.
#[derive(Debug)]
pub(super) struct Lane {
    conn: Mutex<Option<Conn>>,
    freed: Condvar,
}

impl Lane {
    pub(super) fn new(conn: Conn) -> Self {
        Self { conn: Mutex::new(Some(conn)), freed: Condvar::new() }
    }

    /// Takes the connection, waiting for up to `timeout` since `started`.
    pub(super) fn take(&self, started: Instant, timeout: Duration) -> Result<Taken<'_>> {
        let mut slot = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(conn) = slot.take() {
                return Ok(Taken { lane: self, conn: Some(conn) });
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(Error::Busy(started.elapsed()));
            }
            (slot, _) = self.freed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The connection while a caller has it; dropping it lets the next one in.
pub(super) struct Taken<'a> {
    lane: &'a Lane,
    conn: Option<Conn>,
}

impl Deref for Taken<'_> {
    type Target = Conn;

    #[expect(clippy::expect_used, reason = "INVARIANT: only `drop` takes the connection out")]
    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("the connection is there until it is dropped")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.lane.conn.lock().unwrap_or_else(PoisonError::into_inner) = self.conn.take();
        self.lane.freed.notify_one();
    }
}

thread_local! {
    /// The stores whose closures this thread is inside of.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Marks that this thread is inside a closure of a store, until dropped.
pub(super) struct Inside(usize);

impl Inside {
    /// # Errors
    /// `Nested` where it is already: waiting for the connection would be waiting for itself.
    pub(super) fn enter(store: usize) -> Result<Self> {
        INSIDE.with_borrow_mut(|inside| {
            if inside.contains(&store) {
                return Err(Error::Nested);
            }
            inside.push(store);
            Ok(Self(store))
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.retain(|store| *store != self.0));
    }
}
