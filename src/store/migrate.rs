//! A migration of another program: the guards are taken out, its command runs, and the guards are put in again. Where anything
//! of that fails, the file is what it was before.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::adopt::{AdoptReport, Adoption};
use super::connection::Conn;
use super::detach::detach;
use super::fallback::{BUSY, Before, Fallback, beside};
use super::holders::holders;
use super::open::{done, existing, looking, refuse_read_only, waited};
use super::schema::{Kind, kind, not_ours, refused};
use crate::error::{Error, Incompatible, Result};

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
    /// migrated. [`Migration::undo`] puts the copy back later. While this runs nobody else can put it back or remove it by aclite.
    ///
    /// `work` runs without a lock on the file, since it has to write it. What other processes write meanwhile is lost when the
    /// copy is put back.
    ///
    /// # Errors
    /// `Incompatible` where other processes have the file open (an idle connection to a file in WAL mode is seen by its lock;
    /// one to a file in another mode only on Linux, and only where this user may look at the process), where the copy
    /// of an earlier migration is there or another one runs, and as [`Store::detach`](super::Store::detach); what `work` returns; as
    /// [`Adoption::run`]; `Busy`, `Storage`.
    pub fn run<E: From<Error> + std::fmt::Display>(
        self,
        path: impl AsRef<Path>,
        work: impl FnOnce() -> Result<(), E>,
    ) -> Result<AdoptReport, E> {
        let path = path.as_ref();
        let copy = Self::copy_of(path);
        let (fallback, before) = self.prepare(path, &copy)?;
        self.step("running the command");
        let done = work().and_then(|()| {
            self.step("adopting the file");
            Ok(Adoption::new().progress(|step| self.step(step)).run(path)?)
        });
        match done {
            Ok(report) => {
                self.step("removing the copy");
                fallback.remove()?;
                Ok(report)
            }
            Err(failure) => {
                self.step("putting the copy back");
                match fallback.put_back(path, &before) {
                    Ok(()) => Err(failure),
                    Err(error) => Err(Error::broken(format!(
                        "the migration failed ({failure}), and the copy of the file could not be put back ({error}): the file is detached, or half migrated; the copy stays at `{}`: mend the cause and put it back with `aclite migrate --undo FILE`",
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
    /// `Incompatible` where there is no copy, where it is damaged or none of a guarded file, where the migration still runs, and
    /// where the file is not the one that was detached: it was adopted since, or is another one. The copy and the file stay then.
    /// `Busy`; `Storage`, and the copy stays.
    pub fn undo(path: impl AsRef<Path>) -> Result<()> {
        let (path, started) = (path.as_ref(), Instant::now());
        let copy = Self::copy_of(path);
        if !copy.exists() {
            return Err(refused(Incompatible::NoCopy { copy: copy.display().to_string() }));
        }
        let fallback = Fallback::open(&copy, Duration::ZERO)?;
        fallback.check()?;
        refuse_changed(path, &copy).map_err(|error| waited(error, started))?;
        fallback.put_back(path, &Before::UNKNOWN)
    }

    fn step(&self, step: &str) {
        if let Some(progress) = &self.progress {
            progress(step);
        }
    }

    /// Copies and detaches the file under one exclusive lock, which ends with this.
    fn prepare(&self, path: &Path, copy: &Path) -> Result<(Fallback, Before)> {
        let started = Instant::now();
        refuse_copy(copy)?;
        self.step("looking whether other programs have the file open");
        // A file that is not aclite's is not locked either.
        refuse_unguarded(&looking(path, BUSY)?).map_err(|error| waited(error, started))?;
        let conn = alone(path)?;
        // Before the lock another migration may have come first.
        refuse_copy(copy)?;
        refuse_unguarded(&conn)?;
        let before = Before::look(path, &conn.raw)?;
        self.step(&format!("copying the file to `{}`", copy.display()));
        let fallback = Fallback::make(&conn.raw, copy)?;
        self.step("taking out the guards");
        match detach(&conn).and_then(|_| done(&conn.raw)) {
            Ok(()) => Ok((fallback, before)),
            Err(error) => {
                // The file is what it was.
                fallback.remove()?;
                Err(error)
            }
        }
    }
}

/// Fails where a copy is there: of a migration that runs, or of one that was interrupted.
fn refuse_copy(copy: &Path) -> Result<()> {
    if !copy.exists() {
        return Ok(());
    }
    match Fallback::open(copy, Duration::ZERO) {
        Err(Error::Incompatible(reason)) if matches!(*reason, Incompatible::CopyInUse { .. }) => {
            Err(Error::Incompatible(reason))
        }
        _ => Err(refused(Incompatible::Interrupted { copy: copy.display().to_string() })),
    }
}

/// Fails unless the file is one of ours that has its guards.
fn refuse_unguarded(conn: &Conn) -> Result<()> {
    match kind(&conn.raw)? {
        Kind::Ours { generation: 0, .. } => Err(refused(Incompatible::Detached)),
        Kind::Ours { .. } => Ok(()),
        Kind::Empty | Kind::Foreign => Err(not_ours(&conn.raw)?),
    }
}

/// Fails where the file is not the one that was detached, so that the copy would overwrite something else. What is gone, empty or
/// no database can be what a migration left.
fn refuse_changed(path: &Path, copy: &Path) -> Result<()> {
    let changed =
        |found: &str| refused(Incompatible::NotDetached { copy: copy.display().to_string(), found: found.to_owned() });
    let found = match looking(path, BUSY) {
        Ok(conn) => kind(&conn.raw),
        Err(error) => Err(error),
    };
    match found {
        Ok(Kind::Ours { generation: 0, .. } | Kind::Empty) => Ok(()),
        Ok(Kind::Ours { .. }) => Err(changed("it was adopted after the copy was made")),
        Ok(Kind::Foreign) => Err(changed("it is another one")),
        Err(Error::Incompatible(reason)) => match *reason {
            Incompatible::Missing | Incompatible::NotADatabase | Incompatible::Corrupt { .. } => Ok(()),
            Incompatible::Newer { .. } | Incompatible::UserVersionTaken { .. } => Err(changed("it is another one")),
            reason => Err(refused(reason)),
        },
        Err(Error::Tampered(_)) => Err(changed("it is another one")),
        Err(error) => Err(error),
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
