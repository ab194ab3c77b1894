//! How long a statement has run, how much memory it has taken, and whether that is enough.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A pause between two looks at a statement that is being prepared, after which it is another statement.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a statement was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Time,
    Memory,
}

/// Watches the statements of one sealed connection, of which one runs at a time, and what its reader does for them.
#[derive(Debug)]
pub(super) struct Clock {
    zero: Instant,
    limit: AtomicU64,
    memory: i64,
    /// When the statement began, in nanoseconds since `zero`, and what SQLite's memory held then.
    started: AtomicU64,
    baseline: AtomicI64,
    /// Whether `started` is of a statement that is being prepared, and when that was last looked at.
    preparing: AtomicBool,
    looked: AtomicU64,
    statement: AtomicU64,
    stopped: AtomicU8,
    declaring: AtomicBool,
}

impl Clock {
    pub(super) fn new(limit: Duration, memory: i64) -> Self {
        let clock = Self {
            zero: Instant::now(),
            limit: AtomicU64::default(),
            memory,
            started: AtomicU64::default(),
            baseline: AtomicI64::default(),
            preparing: AtomicBool::new(true),
            looked: AtomicU64::default(),
            statement: AtomicU64::default(),
            stopped: AtomicU8::default(),
            declaring: AtomicBool::new(false),
        };
        clock.set_limit(limit);
        clock
    }

    /// Runs `work`, in which a table of ours declares itself: also anew, where SQLite has read its schema
    /// again. It asks the authorizer for that too.
    pub(super) fn declare<T>(&self, work: impl FnOnce() -> T) -> T {
        self.declaring.store(true, Ordering::Relaxed);
        let done = work();
        self.declaring.store(false, Ordering::Relaxed);
        done
    }

    /// Whether a table of ours declares itself now.
    pub(super) fn is_declaring(&self) -> bool {
        self.declaring.load(Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, limit: Duration) {
        self.limit.store(nanos(limit), Ordering::Relaxed);
    }

    pub(super) fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit.load(Ordering::Relaxed))
    }

    /// A statement begins to run, SQLite holding `memory` bytes.
    pub(super) fn start(&self, memory: i64) {
        self.reset(memory);
        self.preparing.store(false, Ordering::Relaxed);
        self.statement.fetch_add(1, Ordering::Relaxed);
    }

    fn reset(&self, memory: i64) {
        self.started.store(self.now(), Ordering::Relaxed);
        self.baseline.store(memory, Ordering::Relaxed);
        self.stopped.store(0, Ordering::Relaxed);
    }

    /// Which statement runs, counted from the seal.
    pub(super) fn statement(&self) -> u64 {
        self.statement.load(Ordering::Relaxed)
    }

    /// Whether the statement has had enough. `running` says whether one runs; else one is being prepared.
    pub(super) fn is_over(&self, running: bool, memory: i64) -> bool {
        let now = self.now();
        if !running {
            let last = self.looked.swap(now, Ordering::Relaxed);
            let another = now.saturating_sub(last) > nanos(PAUSE);
            if !self.preparing.swap(true, Ordering::Relaxed) || another {
                self.reset(memory);
            }
        }
        let stop = if now.saturating_sub(self.started.load(Ordering::Relaxed)) > self.limit.load(Ordering::Relaxed) {
            Stop::Time
        } else if memory.saturating_sub(self.baseline.load(Ordering::Relaxed)) > self.memory {
            Stop::Memory
        } else {
            return false;
        };
        self.stopped.store(if stop == Stop::Time { 1 } else { 2 }, Ordering::Relaxed);
        true
    }

    /// Why the last statement was stopped, if it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        match self.stopped.load(Ordering::Relaxed) {
            1 => Some(Stop::Time),
            2 => Some(Stop::Memory),
            _ => None,
        }
    }

    fn now(&self) -> u64 {
        nanos(self.zero.elapsed())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
