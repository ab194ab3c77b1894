//! How a store is opened.

use std::path::Path;
use std::time::Duration;

use super::Store;
use crate::error::Result;

/// How much a loss of power may take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// An acknowledged write survives a loss of power.
    #[default]
    Full,
    /// A loss of power may take back the last acknowledged writes, revocations included; a crash of
    /// the process may not.
    Normal,
}

impl Durability {
    pub(super) const fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}

/// How to open a store: [`Store::open`] with something changed.
///
/// ```
/// use std::time::Duration;
/// use aclite::{Durability, OpenOptions};
/// let store = OpenOptions::new().durability(Durability::Normal).busy_timeout(Duration::from_secs(1)).open(":memory:")?;
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct OpenOptions {
    pub(super) create: bool,
    pub(super) repair: bool,
    pub(super) durability: Durability,
    pub(super) busy_timeout: Duration,
    pub(super) readers: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: true,
            repair: false,
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
        }
    }
}

impl OpenOptions {
    /// The defaults: create, do not repair, full durability, wait up to five seconds, four readers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a file that is not there is created, and one that is empty made one of aclite's. Default: yes.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether guards that are missing or altered are put in again, which the audit then says.
    /// Default: no; such a file is refused as tampered with.
    pub fn repair(mut self, repair: bool) -> Self {
        self.repair = repair;
        self
    }

    /// How much a loss of power may take back. Default: nothing.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a call waits for others before it is [`Busy`](crate::Error::Busy), counted from the
    /// moment it begins to wait. Default: five seconds. A read waits for other reads only, but in
    /// memory, where it shares the writing connection.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many reads may run at the same time, each on a connection that is opened when first
    /// needed; one more waits until another ends. At least one. Default: four.
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Opens the store in the file `path`; `:memory:` is a store that no file holds.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        Store::open_with(path.as_ref(), self)
    }
}
