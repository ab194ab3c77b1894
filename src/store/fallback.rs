//! The copy that a migration falls back to: made whole or not at all, held by one process, looked at before it is put back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::holders::holders;
use super::open::waited;
use super::schema::{Kind, kind, refused};
use crate::error::{Error, Incompatible, Result};

/// How long a lock is waited for.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// A copy that this process has in hand. Nobody else can put it back or remove it meanwhile: the connection keeps its lock, which
/// ends with the process.
#[derive(Debug)]
pub(super) struct Fallback {
    path: PathBuf,
    conn: Connection,
    identity: Identity,
}

/// What tells the copy from another file of its name.
type Identity = Option<(u64, u64)>;

impl Fallback {
    /// Copies the file as the connection sees it. A copy of that name is whole: it gets the name last, and takes no other's.
    pub(super) fn make(of: &Connection, path: &Path) -> Result<Self> {
        let part = beside(path, ".part");
        let failed = |error| Error::storage(format!("copying the file to `{}`", part.display()), error);
        remove(&part)?;
        make_private(&part).map_err(failed)?;
        let made = Connection::open(&part)
            .and_then(|mut target| {
                back_up(of, &mut target)?;
                // One file alone, also while it is read.
                target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
            })
            .map_err(|error| Error::of_file(format!("copying the file to `{}`", part.display()), error))
            .and_then(|()| name_it(&part, path));
        if made.is_err() {
            remove(&part)?;
        }
        made?;
        let identity = identity(path);
        Self::open(path, BUSY).inspect_err(|_| remove_own(path, identity))
    }

    /// Takes a copy that is there in hand.
    pub(super) fn open(path: &Path, busy: Duration) -> Result<Self> {
        let unfit = |problem: String| refused(Incompatible::CopyUnfit { copy: shown(path), problem });
        match fs::metadata(path) {
            // Reading a pipe or a device could wait for ever.
            Ok(file) if !file.is_file() => return Err(unfit("it is no file".to_owned())),
            // SQLite would make a database of it.
            Ok(file) if file.len() == 0 => return Err(unfit("it is empty".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(unfit(error.to_string())),
        }
        let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|conn| {
            conn.busy_timeout(busy)?;
            conn.execute_batch("PRAGMA main.locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")?;
            Ok(conn)
        });
        match opened {
            Ok(conn) => Ok(Self { path: path.to_owned(), conn, identity: identity(path) }),
            Err(error) if is(&error, &[ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked]) => {
                Err(refused(Incompatible::CopyInUse { copy: shown(path) }))
            }
            Err(error) => Err(unfit(error.to_string())),
        }
    }

    /// Fails unless it is a guarded file without damage.
    pub(super) fn check(&self) -> Result<()> {
        let unfit = |problem: String| refused(Incompatible::CopyUnfit { copy: shown(&self.path), problem });
        let problem: String = self
            .conn
            .query_row("PRAGMA main.integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| unfit(error.to_string()))?;
        if problem != "ok" {
            return Err(unfit(format!("it is damaged: {}", problem.replace('\n', " "))));
        }
        match kind(&self.conn) {
            Ok(Kind::Ours { generation: 1.., .. }) => Ok(()),
            Ok(Kind::Ours { .. }) => Err(unfit("its guards were taken out".to_owned())),
            Ok(Kind::Empty | Kind::Foreign) => Err(unfit("it is not one of aclite's files".to_owned())),
            Err(error) => Err(unfit(error.to_string())),
        }
    }

    /// Writes the copy into the file, in one transaction, and removes it. Nothing is written before the copy is checked.
    pub(super) fn put_back(self, path: &Path, before: &Before) -> Result<()> {
        self.check()?;
        let started = Instant::now();
        before.give_back(path)?;
        match self.write(path, before) {
            // Nobody works with what is no database any more: it can go.
            Err(Error::Incompatible(reason))
                if matches!(*reason, Incompatible::NotADatabase | Incompatible::Corrupt { .. })
                    && is_unreadable(path) =>
            {
                fs::File::create(path)
                    .map_err(|error| Error::storage(format!("emptying `{}`", path.display()), error))?;
                self.write(path, before)
            }
            written => written,
        }
        .map_err(|error| waited(error, started))?;
        self.remove()
    }

    fn write(&self, path: &Path, before: &Before) -> Result<()> {
        let failed = |error| Error::of_file(format!("putting `{}` back", self.path.display()), error);
        let mut target = Connection::open(path).map_err(failed)?;
        target.busy_timeout(BUSY).map_err(failed)?;
        // In WAL mode pages can't get another size, which the command may have given them. Where others have the file open it
        // stays in that mode, and the size too.
        let mode = |mode: &str| target.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()));
        let switched = match mode("DELETE") {
            Err(error) if !is(&error, &[ErrorCode::DatabaseBusy]) => return Err(failed(error)),
            switched => switched.is_ok(),
        };
        match back_up(&self.conn, &mut target) {
            Err(error) if !switched && is(&error, &[ErrorCode::ReadOnly]) => {
                return Err(refused(Incompatible::Held { by: holders(path) }));
            }
            written => written.map_err(failed)?,
        }
        if !before.has_log {
            return Ok(());
        }
        match target.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            // Opening the store switches it.
            Err(error) if is(&error, &[ErrorCode::DatabaseBusy]) => Ok(()),
            switched => switched.map_err(failed),
        }
    }

    /// Removes it; another file that has got its name stays.
    pub(super) fn remove(self) -> Result<()> {
        let Self { path, conn, identity: own } = self;
        drop(conn);
        if identity(&path) == own { remove(&path) } else { Ok(()) }
    }
}

/// How the file was before the migration, beside its content.
#[derive(Debug)]
pub(super) struct Before {
    permissions: Option<fs::Permissions>,
    /// The user and the group that it belonged to.
    owner: Option<(u32, u32)>,
    /// Whether it was in WAL mode.
    has_log: bool,
}

impl Before {
    /// Where nobody knows any more: only its owner may read a file that is gone, and the store uses WAL mode.
    pub(super) const UNKNOWN: Self = Self { permissions: None, owner: None, has_log: true };

    pub(super) fn look(path: &Path, conn: &Connection) -> Result<Self> {
        let file =
            fs::metadata(path).map_err(|error| Error::storage(format!("looking at `{}`", path.display()), error))?;
        let mode: String = conn
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .map_err(|error| Error::of_file("reading the journal mode", error))?;
        #[cfg(unix)]
        let owner = {
            use std::os::unix::fs::MetadataExt;
            Some((file.uid(), file.gid()))
        };
        #[cfg(not(unix))]
        let owner = None;
        Ok(Self { permissions: Some(file.permissions()), owner, has_log: mode.eq_ignore_ascii_case("wal") })
    }

    /// Gives the file its permissions and its owner again. Makes it where it is gone, so that nobody can read it meanwhile who
    /// could not before.
    fn give_back(&self, path: &Path) -> Result<()> {
        let failed = |error| Error::storage(format!("giving `{}` its permissions back", path.display()), error);
        match make_private(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let present = fs::metadata(path).map_err(failed)?;
        #[cfg(unix)]
        if let Some((user, group)) = self.owner {
            use std::os::unix::fs::MetadataExt;
            if (present.uid(), present.gid()) != (user, group)
                && let Err(error) = std::os::unix::fs::chown(path, Some(user), Some(group))
            {
                // Only a superuser may change the owner; otherwise the process that made the file again owns it now.
                tracing::warn!(%error, path = %path.display(), "the file could not be given back to its owner");
            }
        }
        match &self.permissions {
            Some(permissions) if *permissions != present.permissions() => {
                fs::set_permissions(path, permissions.clone()).map_err(failed)
            }
            _ => Ok(()),
        }
    }
}

/// Gives the whole copy its name, unless the name is taken.
fn name_it(part: &Path, path: &Path) -> Result<()> {
    let taken = || refused(Incompatible::Interrupted { copy: shown(path) });
    match fs::hard_link(part, path) {
        Ok(()) => remove(part),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
        // A file system without hard links. The lock on the file that was copied keeps others from making a copy now.
        Err(_) if path.exists() => Err(taken()),
        Err(_) => fs::rename(part, path)
            .map_err(|error| Error::storage(format!("naming the copy `{}`", path.display()), error)),
    }
}

/// Makes an empty file, where there is none, that only its owner may read: it will hold what the file holds.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Whether SQLite can't read the file, whatever is done with it.
fn is_unreadable(path: &Path) -> bool {
    let read = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|conn| conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    read.is_err_and(|error| is(&error, &[ErrorCode::NotADatabase, ErrorCode::DatabaseCorrupt]))
}

/// Copies a whole database into another, or fails once the lock was not free in time.
fn back_up(source: &Connection, target: &mut Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    let backup = Backup::new(source, target)?;
    loop {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked if started.elapsed() > BUSY => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn is(error: &rusqlite::Error, codes: &[ErrorCode]) -> bool {
    error.sqlite_error_code().is_some_and(|code| codes.contains(&code))
}

/// Which file has this name, as far as the system says.
fn identity(path: &Path) -> Identity {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// After a failure that is told already.
fn remove_own(path: &Path, own: Identity) {
    if identity(path) == own
        && let Err(error) = remove(path)
    {
        tracing::error!(%error, "a copy could not be removed");
    }
}

/// Removes a file that may be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::storage(format!("removing `{}`", path.display()), error))
        }
        _ => Ok(()),
    }
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
