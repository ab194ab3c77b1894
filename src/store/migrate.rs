//! A migration of another program: the guards are taken out, its command runs, and the guards are put in again. Where anything
//! of that fails, the file is what it was before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::adopt::{AdoptReport, Adoption};
use super::connection::Conn;
use super::detach::detach;
use super::holders::holders;
use super::open::{done, existing, looking, refuse_read_only};
use super::schema::{Kind, kind, not_ours, refused};
use crate::error::{Error, Incompatible, Result};

/// How long a lock is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// How to run a migration of another program over a guarded file.
///
/// ```no_run
/// let report = aclite::Migration::new().run("agor.db", || -> Result<(), Box<dyn std::error::Error>> {
///     let status = std::process::Command::new("agor").args(["db", "migrate"]).status()?;
///     if status.success() { Ok(()) } else { Err(format!("the command failed: {status}").into()) }
/// })?;
/// println!("{:?}", report.restored);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Migration<'a> {
    progress: Option<Progress<'a>>,
}

/// Is told each step as it begins.
type Progress<'a> = Box<dyn Fn(&str) + 'a>;

impl std::fmt::Debug for Migration<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migration").finish_non_exhaustive()
    }
}

impl<'a> Migration<'a> {
    /// A migration in silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `progress` with a word for each step as it begins.
    pub fn progress(mut self, progress: impl Fn(&str) + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Where the copy of `path` lies while a migration runs.
    #[must_use]
    pub fn copy_of(path: &Path) -> PathBuf {
        beside(path, ".before-migration")
    }

    /// Copies the file, detaches it, runs `work`, and adopts it again. The copy is removed at the end.
    ///
    /// Where `work` or the adoption fails, the copy is put back into the file through SQLite, so that processes which have it
    /// open see it. The copy stays only where that fails too, or this process is killed: the file is detached then, or half
    /// migrated. [`Migration::undo`] puts the copy back later.
    ///
    /// `work` runs without a lock on the file, since it has to write it. What other processes write meanwhile is lost when the
    /// copy is put back.
    ///
    /// # Errors
    /// `Incompatible` where other processes have the file open (an idle connection to a file in WAL mode is seen by its lock;
    /// one to a file in another mode only on Linux, and only where this user may look at the process), where the copy
    /// of an earlier migration is there, and as [`Store::detach`](super::Store::detach); what `work` returns; as
    /// [`Adoption::run`]; `Busy`, `Storage`.
    pub fn run<E: From<Error> + std::fmt::Display>(
        self,
        path: impl AsRef<Path>,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<AdoptReport, E> {
        let path = path.as_ref();
        let copy = Self::copy_of(path);
        self.prepare(path, &copy)?;
        self.step("running the command");
        let done = work().and_then(|()| {
            self.step("adopting the file");
            Ok(Adoption::new().progress(|step| self.step(step)).run(path)?)
        });
        match done {
            Ok(report) => {
                self.step("removing the copy");
                remove(&copy)?;
                Ok(report)
            }
            Err(failure) => {
                self.step("putting the copy back");
                match put_back(path, &copy) {
                    Ok(()) => Err(failure),
                    Err(error) => Err(Error::broken(format!(
                        "the migration failed ({failure}), and its copy could not be put back ({error}): the copy is `{}`",
                        copy.display()
                    ))
                    .into()),
                }
            }
        }
    }

    /// Puts the copy of an interrupted migration back into the file, and removes it.
    ///
    /// # Errors
    /// `Incompatible` where there is no copy; `Busy`; `Storage`, and the copy stays then.
    pub fn undo(path: impl AsRef<Path>) -> Result<()> {
        let copy = Self::copy_of(path.as_ref());
        if !copy.exists() {
            return Err(refused(Incompatible::NoCopy { copy: copy.display().to_string() }));
        }
        put_back(path.as_ref(), &copy)
    }

    fn step(&self, step: &str) {
        if let Some(progress) = &self.progress {
            progress(step);
        }
    }

    /// Copies and detaches the file under one exclusive lock, which ends with this.
    fn prepare(&self, path: &Path, copy: &Path) -> Result<()> {
        if copy.exists() {
            return Err(refused(Incompatible::Interrupted { copy: copy.display().to_string() }));
        }
        self.step("looking whether other programs have the file open");
        {
            let conn = looking(path, BUSY)?;
            match kind(&conn.raw)? {
                Kind::Ours { generation: 0, .. } => return Err(refused(Incompatible::Detached)),
                Kind::Ours { .. } => {}
                Kind::Empty | Kind::Foreign => return Err(not_ours(&conn.raw)?),
            }
        }
        let conn = alone(path)?;
        self.step(&format!("copying the file to `{}`", copy.display()));
        make_copy(&conn, copy)?;
        self.step("taking out the guards");
        let detached = detach(&conn).and_then(|_| done(&conn.raw));
        if detached.is_err() {
            // The file is what it was.
            remove(copy)?;
        }
        detached
    }
}

/// Opens the file with a lock that nobody else can have any other beside.
fn alone(path: &Path) -> Result<Conn> {
    // A connection that is at work ends soon; an idle one stays.
    let conn = existing(path, Duration::from_secs(1))?;
    let locked = conn.raw.execute_batch("PRAGMA main.locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    match locked.map_err(|error| Error::of_file("locking the file", error)) {
        Err(Error::Busy(_)) => return Err(refused(Incompatible::Held { by: holders(path) })),
        locked => locked?,
    }
    refuse_read_only(path, &conn.raw)?;
    // Without a log an idle connection has no lock.
    let by = holders(path);
    if by.is_empty() { Ok(conn) } else { Err(refused(Incompatible::Held { by })) }
}

/// Copies the file as the connection sees it. A copy of that name is whole: it gets the name last.
fn make_copy(conn: &Conn, copy: &Path) -> Result<()> {
    let part = beside(copy, ".part");
    let failed = |error| Error::storage(format!("copying the file to `{}`", part.display()), error);
    remove(&part)?;
    // Only its owner may read it: it holds what the file holds.
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&part).map_err(failed)?;
    let copied = Connection::open(&part)
        .and_then(|mut target| {
            back_up(&conn.raw, &mut target)?;
            // One file alone, also while it is read.
            target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        })
        .map_err(|error| Error::of_file(format!("copying the file to `{}`", part.display()), error))
        .and_then(|()| fs::rename(&part, copy).map_err(failed));
    if copied.is_err() {
        remove(&part)?;
    }
    copied
}

/// Writes the copy into the file, in one transaction, and removes the copy.
fn put_back(path: &Path, copy: &Path) -> Result<()> {
    let failed = |error| Error::of_file(format!("putting `{}` back", copy.display()), error);
    let source = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let write = || {
        let mut target = Connection::open(path)?;
        target.busy_timeout(BUSY)?;
        // In WAL mode pages can't get another size, which the command may have given them. Where others have the file open it
        // stays in that mode, and the size too.
        let mode = |mode: &str| target.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()));
        match mode("DELETE") {
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => return Err(error),
            _ => {}
        }
        back_up(&source, &mut target)?;
        match target.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            // Opening the store switches it.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
            switched => switched,
        }
    };
    match write().map_err(failed) {
        // Nobody works with what is no database any more: it can go.
        Err(Error::Incompatible(reason))
            if matches!(*reason, Incompatible::NotADatabase | Incompatible::Corrupt { .. }) =>
        {
            fs::File::create(path).map_err(|error| Error::storage(format!("emptying `{}`", path.display()), error))?;
            write().map_err(failed)?;
        }
        written => written?,
    }
    drop(source);
    remove(copy)
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

/// Removes a file that may be there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::storage(format!("removing `{}`", path.display()), error))
        }
        _ => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
