//! Waiting for a connection, and noticing who would wait for himself.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Conn;
use crate::error::{Error, Result};

/// A connection: one caller has it at a time, others wait until their time is up.
#[derive(Debug)]
pub(super) struct Slot {
    idle: Mutex<Idle>,
    freed: Condvar,
}

/// The connection while nobody has it, and how many wait for it.
#[derive(Debug)]
struct Idle {
    conn: Option<Conn>,
    waiting: usize,
}

impl Slot {
    pub(super) fn new(conn: Conn) -> Self {
        Self { idle: Mutex::new(Idle { conn: Some(conn), waiting: 0 }), freed: Condvar::new() }
    }

    /// Takes the connection if nobody has it.
    pub(super) fn try_take(&self) -> Option<Lease<'_>> {
        let conn = self.lock().conn.take()?;
        Some(Lease { slot: self, conn: Some(conn) })
    }

    /// Takes the connection, waiting for up to `timeout` since `started`.
    pub(super) fn take(&self, started: Instant, timeout: Duration) -> Result<Lease<'_>> {
        let mut idle = self.lock();
        loop {
            if let Some(conn) = idle.conn.take() {
                return Ok(Lease { slot: self, conn: Some(conn) });
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(Error::Busy(started.elapsed()));
            }
            idle.waiting += 1;
            (idle, _) = self.freed.wait_timeout(idle, left).unwrap_or_else(PoisonError::into_inner);
            idle.waiting -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection while a caller has it; dropping it lets the next one in.
pub(super) struct Lease<'a> {
    slot: &'a Slot,
    conn: Option<Conn>,
}

impl Deref for Lease<'_> {
    type Target = Conn;

    #[expect(clippy::expect_used, reason = "INVARIANT: only `drop` takes the connection out")]
    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("the connection is there until it is dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut idle = self.slot.lock();
        idle.conn = self.conn.take();
        // A notification that nobody waits for is a system call all the same.
        if idle.waiting > 0 {
            self.slot.freed.notify_one();
        }
    }
}

thread_local! {
    /// The stores whose closures this thread is inside of.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Marks that this thread is inside a closure of a store, until dropped.
pub(super) struct ReentryGuard(usize);

impl ReentryGuard {
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

impl Drop for ReentryGuard {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.retain(|store| *store != self.0));
    }
}
