//! How refusals on a host's connection reach the audit.
//!
//! SQLite rolls a refused statement back, and an audit row with it. So the row is written by a
//! connection of our own, when the transaction is over and its lock is free.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hosted::HostConnection;
use crate::actor::Actor;
use crate::audit::Entry;
use crate::error::{Error, Result};
use crate::guard::lock;
use crate::store::{Conn, record};

/// How long a refusal waits for another process to give the file free.
const BUSY: Duration = Duration::from_secs(1);
/// How long nothing is tried after that was not enough.
const PAUSE: Duration = Duration::from_secs(5);
/// How many names of the daemon's are remembered on a connection.
const MOST_ANNOUNCED: usize = 100;

/// Writes audit rows beside a host's connection. Dropped with the connection's functions, and writes what is left then.
pub(super) struct Recorder {
    hosted: Arc<HostConnection>,
    /// The file, or why it can't be written by a connection of ours.
    place: Result<PathBuf, String>,
    /// What tells that file from one that was put in its place.
    identity: Option<(u64, u64)>,
    /// When a row could not be written last.
    failed: Mutex<Option<Instant>>,
    /// As whom the daemon has acted on this connection, kind and name: the audit has a row of each.
    announced: Mutex<HashSet<(&'static str, String)>>,
    /// The process whose refusals these are. A fork has them too, and would write them once more.
    process: u32,
}

/// The device and the number of a file; nothing where there is none, or where files have no numbers.
fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

impl Recorder {
    pub(super) fn new(hosted: Arc<HostConnection>, place: Result<PathBuf, String>) -> Self {
        let identity = place.as_deref().ok().and_then(identity);
        let (failed, announced) = (Mutex::default(), Mutex::default());
        Self { hosted, place, identity, failed, announced, process: std::process::id() }
    }

    /// Whether the path still leads to the file that it led to at first. A file that was not there then has just been made.
    pub(super) fn is_same_file(&self) -> bool {
        self.identity.is_none() || self.place.as_deref().map_or(true, |path| identity(path) == self.identity)
    }

    /// Writes the refusals that wait. Called when the host's connection holds no lock.
    ///
    /// What can't be written waits for the next call.
    pub(super) fn flush(&self) {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return;
        }
        let refused = self.hosted.take_refused();
        if refused.is_empty() || self.process != std::process::id() {
            return;
        }
        if let Err(why) = &self.place {
            tracing::error!(lost = refused.len(), why, "audit rows of refusals can't be written");
            return;
        }
        if let Err(error) = self.write(&refused) {
            tracing::error!(waiting = refused.len(), %error, "audit rows of refusals could not be written");
            self.hosted.put_back(refused);
        }
    }

    /// Whether the audit says already that `actor` acts on this connection, to this file.
    pub(super) fn has_announced(&self, actor: &Actor) -> bool {
        lock(&self.announced).contains(&(actor.kind(), actor.id().to_owned())) && self.is_same_file()
    }

    /// Writes that `actor` acts on this connection.
    ///
    /// # Errors
    /// As [`Recorder::write`]. It is not announced then.
    pub(super) fn announce(&self, actor: &Actor, entry: Entry) -> Result<()> {
        self.write(&[entry])?;
        let mut announced = lock(&self.announced);
        // Reasons that hold a time or an id are always new: of these none is worth keeping.
        if announced.len() >= MOST_ANNOUNCED {
            announced.clear();
        }
        announced.insert((actor.kind(), actor.id().to_owned()));
        Ok(())
    }

    /// Writes `entries` in a transaction of our own.
    ///
    /// # Errors
    /// `Invalid` where a second connection can't write the database; `Busy`, `Storage`. Nothing is written then.
    pub(super) fn write(&self, entries: &[Entry]) -> Result<()> {
        let path = self
            .place
            .as_ref()
            .map_err(|why| Error::invalid("database", format!("can't be written by a second connection: {why}")))?;
        if !self.is_same_file() {
            return Err(Error::invalid("database", "is not the file any more that it was"));
        }
        // Opened for this alone: a connection that stayed would keep the file from its owner, and a fork would share it.
        let written = Conn::open(path, false, BUSY).and_then(|conn| record(&conn, entries, BUSY));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = written.is_err().then(Instant::now);
        written
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        *self.failed.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        self.flush();
        let lost = self.hosted.take_refused().len();
        if lost > 0 {
            tracing::error!(lost, "audit rows of refusals were lost");
        }
    }
}
