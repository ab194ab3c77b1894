//! Opening a file: what it is, what it lacks, and whether its guards are ours.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::Store;
use super::connection::Conn;
use super::options::OpenOptions;
use super::schema::{Kind, NEWEST, VERSIONS, kind, not_ours, refused};
use super::spelling;
use crate::actor::Actor;
use crate::audit::{Door, Entry};
use crate::error::{Error, Incompatible, Result, Tampered};
use crate::guard::{self, GENERATION};
use crate::operation::{Action, Operation, Resource};

/// Opens the writing connection: creates, migrates, installs, checks.
pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Conn> {
    let started = Instant::now();
    let conn = if options.create && !path.exists() {
        Conn::open(path, true, options.busy_timeout)?
    } else {
        if is_abandoned(path) {
            // A store's connection would leave an index of the log beside a file that it then refuses.
            let conn = looking(path, options.busy_timeout)?;
            if let Kind::Foreign = kind(&conn.raw).map_err(|error| waited(error, started))? {
                return Err(not_ours(&conn.raw)?);
            }
        }
        existing(path, options.busy_timeout)?
    };
    refuse_read_only(path, &conn.raw)?;
    set_up(&conn, options, started).map_err(|error| waited(error, started))?;
    done(&conn.raw)?;
    Ok(conn)
}

/// Brings the file up to date, and sets what it and its connection keep.
fn set_up(conn: &Conn, options: &OpenOptions, started: Instant) -> Result<()> {
    // Usually there is nothing to do but to look, which locks nobody out.
    let up_to_date = in_transaction(&conn.raw, ["BEGIN", "COMMIT"], |raw| {
        if kind(raw)? != (Kind::Ours { version: NEWEST, generation: GENERATION }) {
            return Ok(false);
        }
        match conn.check_schema(sound) {
            Err(Error::Tampered(_)) => Ok(false),
            checked => checked.map(|()| true),
        }
    })?;
    if !up_to_date {
        in_transaction(&conn.raw, ["BEGIN IMMEDIATE", "COMMIT"], |_| bring_up(conn, options.create, options.repair))?;
    }
    write_ahead(&conn.raw, started, options.busy_timeout)?;
    conn.set_durability(options.durability).map_err(|error| Error::of_file("setting the durability", error))
}

/// Opens a file that has to be there, to look before anything is done to it.
///
/// A log that another program left beside it is not written back just because we looked; see [`done`].
pub(super) fn existing(path: &Path, busy: Duration) -> Result<Conn> {
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() => {}
        // Reading a pipe or a device could wait for ever.
        Ok(_) => return Err(refused(Incompatible::NotAFile)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => return Err(refused(Incompatible::Missing)),
            ErrorKind::PermissionDenied => return Err(refused(Incompatible::Unreadable)),
            _ => return Err(Error::storage(format!("looking at `{}`", path.display()), error)),
        },
    }
    let log = has_log(path);
    let conn = Conn::open(path, false, busy).map_err(unopened)?;
    conn.raw
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, log)
        .map_err(|error| Error::of_file("opening the file", error))?;
    Ok(conn)
}

/// Whether a log that is not written back lies beside the file.
fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Whether a program ended without writing its log back, and nobody has opened the file since.
fn is_abandoned(path: &Path) -> bool {
    has_log(path) && !beside(path, "-shm").exists()
}

/// Whether nobody has the file open in WAL mode, as far as the files beside it tell.
fn is_alone(path: &Path) -> bool {
    !beside(path, "-wal").exists() && !beside(path, "-shm").exists()
}

/// The file that SQLite keeps beside `path` with this ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens a file that has to be there, for a look or for one change. Where it is not changed, nothing is left beside it that
/// was not there: the index of an abandoned log is kept in memory, which needs the file alone.
pub(super) fn looking(path: &Path, busy: Duration) -> Result<Conn> {
    let abandoned = is_abandoned(path);
    let conn = existing(path, busy)?;
    if is_alone(path) && conn.raw.is_readonly("main").map_err(|error| Error::of_file("opening the file", error))? {
        return Conn::open_unchanging(path, busy).map_err(unopened);
    }
    if abandoned {
        conn.raw
            .pragma_update(None, "locking_mode", "EXCLUSIVE")
            .map_err(|error| Error::of_file("opening the file", error))?;
    }
    Ok(conn)
}

/// What it means where SQLite can't open a file that is there, or the log beside it.
fn unopened(error: Error) -> Error {
    let code = match &error {
        Error::Storage(storage) => storage.source.as_ref().and_then(|source| source.downcast_ref::<rusqlite::Error>()),
        _ => None,
    };
    match code.and_then(rusqlite::Error::sqlite_error_code) {
        Some(ErrorCode::CannotOpen) => refused(Incompatible::Unreadable),
        _ => error,
    }
}

/// The same for a file that is to be changed. Nothing is written to it before a transaction of ours commits.
pub(super) fn writable(path: &Path, busy: Duration) -> Result<Conn> {
    let conn = looking(path, busy)?;
    refuse_read_only(path, &conn.raw)?;
    Ok(conn)
}

/// After a change of ours: closing the file may write its log back, as usual.
pub(super) fn done(conn: &Connection) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        .map(|_| ())
        .map_err(|error| Error::of_file("closing the file", error))
}

/// Says how long a lock was waited for.
pub(super) fn waited(error: Error, started: Instant) -> Error {
    if matches!(error, Error::Busy(_)) { Error::Busy(started.elapsed()) } else { error }
}

/// What tells a file from all others that exist at the same time; nothing where the system does not say.
pub(super) type Identity = Option<(u64, u64)>;

/// Which file the writing connection has open.
pub(super) fn identity(conn: &Conn) -> Result<Identity> {
    let found = at_path(conn);
    // Asked afterwards: the file at the path was then the connection's own when it was looked at.
    if conn.has_moved() { Err(moved()) } else { Ok(found) }
}

/// Which file is at the connection's path. The file itself is not opened for that: closing it would give up the
/// locks that this process holds on it.
fn at_path(conn: &Conn) -> Identity {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let path = conn.raw.path().filter(|path| !path.is_empty())?;
        std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = conn;
        None
    }
}

/// The error where the store has another file open than the one at its path.
pub(super) fn moved() -> Error {
    Error::broken("the file was moved, removed or replaced while it was open: open the store again")
}

/// Opens a connection that only reads the file `expected`, which the writing connection has open.
pub(super) fn reader(path: &Path, expected: Identity, options: &OpenOptions) -> Result<Conn> {
    if !path.exists() {
        return Err(moved());
    }
    let conn = Conn::open(path, false, options.busy_timeout)?;
    if at_path(&conn) != expected {
        return Err(moved());
    }
    conn.raw.pragma_update(None, "query_only", true).map_err(|error| Error::of_file("opening a reader", error))?;
    Ok(conn)
}

/// A file that only its permissions keep from being written says so before anything else fails.
pub(super) fn refuse_read_only(path: &Path, conn: &Connection) -> Result<()> {
    let by_mode = std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly());
    // Asking is the first read of the file.
    let by_sqlite = conn.is_readonly("main").map_err(|error| unopened(Error::of_file("opening the file", error)))?;
    if by_mode || by_sqlite { Err(Error::Incompatible(Box::new(Incompatible::ReadOnly))) } else { Ok(()) }
}

/// Runs `work` in a transaction with this beginning and, where it succeeds, this end; else it is rolled back.
pub(super) fn in_transaction<T>(
    conn: &Connection,
    [begin, end]: [&str; 2],
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    conn.execute_batch(begin).map_err(|error| Error::of_file("beginning a transaction", error))?;
    let done = work(conn).and_then(|value| {
        conn.execute_batch(end).map_err(|error| Error::of_file("committing", error))?;
        Ok(value)
    });
    if !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
    done
}

/// Creates, migrates, re-installs or repairs, inside one write transaction: what the file is, is
/// read here again, since another process may just have done it.
fn bring_up(conn: &Conn, create: bool, repair: bool) -> Result<()> {
    let raw = &conn.raw;
    match kind(raw)? {
        Kind::Foreign => return Err(not_ours(raw)?),
        Kind::Ours { generation: 0, .. } => return Err(refused(Incompatible::Detached)),
        Kind::Empty if !create => return Err(refused(Incompatible::Empty)),
        Kind::Empty => {
            migrate(raw, 0)?;
            install(conn, Action::Create, "new file")?;
        }
        Kind::Ours { version, generation } if version < NEWEST || generation < GENERATION => {
            guard::remove(raw)?;
            migrate(raw, version)?;
            let lost = guard::beyond_repair(raw)?;
            if lost != Tampered::default() {
                return Err(Error::Tampered(Box::new(lost)));
            }
            // Earlier guards let in what only some versions of SQLite find.
            spelling::rebuild_index(raw)?;
            spelling::spell_plainly(raw)?;
            install(conn, Action::Patch, &format!("from generation {generation}"))?;
            sound(raw)?;
        }
        Kind::Ours { .. } => {
            let found = guard::check(raw)?;
            if found != Tampered::default() {
                if !repair {
                    return Err(Error::Tampered(Box::new(found)));
                }
                restore(conn, &found)?;
            }
        }
    }
    Ok(())
}

/// Puts the guards in again. What no installation mends (a missing table, a foreign trigger) stays refused.
fn restore(conn: &Conn, found: &Tampered) -> Result<()> {
    // A new table in the place of a missing one would hide that its rows are gone.
    if guard::beyond_repair(&conn.raw)? != Tampered::default() {
        return Err(Error::Tampered(Box::new(found.clone())));
    }
    install(
        conn,
        Action::Patch,
        &format!("repaired: {}", [&found.missing[..], &found.altered[..]].concat().join(", ")),
    )
    .map_err(|error| match error {
        Error::Incompatible(_) => Error::Tampered(Box::new(found.clone())),
        error => error,
    })?;
    sound(&conn.raw)
}

/// Fails unless everything is as this version installs it.
pub(super) fn sound(conn: &Connection) -> Result<()> {
    let found = guard::check(conn)?;
    if found == Tampered::default() { Ok(()) } else { Err(Error::Tampered(Box::new(found))) }
}

/// Fails unless the file is ours, of this version, and everything in it is as this version installs it.
pub(crate) fn verify_file(conn: &Connection) -> Result<()> {
    match kind(conn)? {
        Kind::Ours { generation: 0, .. } => Err(refused(Incompatible::Detached)),
        Kind::Empty | Kind::Foreign => Err(not_ours(conn)?),
        Kind::Ours { .. } => sound(conn),
    }
}

/// Fails unless the file that a store has open is still the one at its path, and sound. Run first in each
/// transaction: other processes may have done anything to the file since the last.
pub(super) fn unchanged(conn: &Conn) -> Result<()> {
    if conn.has_moved() {
        return Err(moved());
    }
    conn.check_schema(|raw| match verify_file(raw) {
        Err(Error::Incompatible(reason)) if *reason == Incompatible::Detached => Err(Error::Detached),
        checked => checked,
    })
}

/// Applies the versions after `from`.
pub(super) fn migrate(conn: &Connection, from: i64) -> Result<()> {
    let failed = |error| Error::of_file("creating the tables", error);
    for version in VERSIONS.iter().skip(usize::try_from(from).unwrap_or_default()) {
        conn.execute_batch(version.tables).map_err(failed)?;
        conn.execute_batch(version.indexes).map_err(failed)?;
    }
    set_version(conn)
}

pub(super) fn set_version(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "user_version", NEWEST).map_err(|error| Error::of_file("writing the version", error))
}

/// Seeds, installs the guards, and says so in the audit, which they guard by then.
pub(super) fn install(conn: &Conn, action: Action, why: &str) -> Result<()> {
    guard::remove(&conn.raw)?;
    guard::seed(&conn.raw)?;
    guard::install(&conn.raw)?;
    note(conn, action, why)
}

/// One audit row about the guards themselves.
pub(super) fn note(conn: &Conn, action: Action, why: &str) -> Result<()> {
    let asked = Operation::new(Resource::Meta, action);
    let mut entry = Entry::new(&Actor::system("installation"), Door::Api, asked, "guards", "allowed");
    entry.why = why.to_owned();
    conn.append_audit(&[entry])
}

/// Switches the file to write-ahead logging, which readers and the writer share without waiting.
///
/// SQLite does not wait for its lock here, so we do.
pub(super) fn write_ahead(conn: &Connection, started: Instant, timeout: Duration) -> Result<()> {
    loop {
        match conn.query_row("PRAGMA main.journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(_) => return Ok(()),
            Err(error) => match Error::of_file("switching to write-ahead logging", error) {
                Error::Busy(_) if started.elapsed() < timeout => std::thread::sleep(Duration::from_millis(5)),
                error => return Err(error),
            },
        }
    }
}

/// What a check of the file found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// What of aclite's should be in the file and is not.
    pub missing: Vec<String>,
    /// What is in the file and is not as it should be, or should not be there.
    pub altered: Vec<String>,
    /// Triggers of others on guarded tables, with what they write. They write no guarded table, and stay.
    pub left_alone: Vec<String>,
    /// Whether the file is of an earlier version, so that the guards can't be compared. Opening it
    /// brings it up to date.
    pub outdated: bool,
    /// Where the rules differ from the default ones: policy of an operator, not a fault.
    pub rules: Vec<RuleDifference>,
}

impl CheckReport {
    /// Whether the guards are as this version installs them. Rules may differ all the same.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.altered.is_empty() && !self.outdated
    }

    /// What to do where a migration of another program added or removed columns of guarded tables; nothing elsewhere.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        Tampered { missing: Vec::new(), altered: self.altered.clone() }.remedy()
    }
}

/// One rule that differs from the default one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RuleDifference {
    /// The rule: its resource and its operation.
    pub rule: String,
    /// What the default says, `NEEDS|NEEDS_IF_OWN|AUDIT`; nothing where there is no such default.
    pub default: Option<String>,
    /// What the file says; nothing where it lacks the rule.
    pub found: Option<String>,
}

/// Checks guards and rules, in one snapshot.
pub(super) fn report(conn: &Conn) -> Result<CheckReport> {
    in_transaction(&conn.raw, ["BEGIN", "COMMIT"], look)
}

fn look(raw: &Connection) -> Result<CheckReport> {
    match kind(raw)? {
        Kind::Ours { generation: 0, .. } => return Err(refused(Incompatible::Detached)),
        Kind::Empty | Kind::Foreign => return Err(not_ours(raw)?),
        Kind::Ours { version, generation } if version < NEWEST || generation < GENERATION => {
            return Ok(CheckReport { outdated: true, ..CheckReport::default() });
        }
        Kind::Ours { .. } => {}
    }
    let (Tampered { missing, altered }, left_alone) = guard::examine(raw)?;
    let has_rules = !missing.iter().any(|item| item == "table `acl_rules`");
    let rules = if has_rules { rule_differences(raw)? } else { Vec::new() };
    Ok(CheckReport { missing, altered, left_alone, outdated: false, rules })
}

/// Checks guards and rules of what `conn` has open, inside of a statement of its own.
#[cfg(feature = "extension")]
pub(crate) fn inspect(conn: &Connection) -> Result<CheckReport> {
    or_tampered(look(conn))
}

/// What keeps a file from being checked to the end is a finding too.
fn or_tampered(report: Result<CheckReport>) -> Result<CheckReport> {
    match report {
        Err(Error::Tampered(found)) => {
            Ok(CheckReport { missing: found.missing, altered: found.altered, ..CheckReport::default() })
        }
        report => report,
    }
}

impl Store {
    /// Checks the guards and rules of the file `path` and changes nothing, whatever it finds. The
    /// file may be one that can only be read, or that [`Store::open`] refuses as tampered with.
    ///
    /// ```no_run
    /// let report = aclite::Store::inspect("agor.db")?;
    /// assert!(report.is_clean(), "{report:?}");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Incompatible` where the file is not ours or its guards were taken out; `Busy`, `Storage`.
    /// What the check finds is in its report, not an error.
    pub fn inspect(path: impl AsRef<Path>) -> Result<CheckReport> {
        let started = Instant::now();
        let (path, busy) = (path.as_ref(), Duration::from_secs(5));
        let mut found = report(&looking(path, busy)?).map_err(unopened);
        // A directory that can't be written keeps SQLite from reading a file in WAL mode, which nobody has open.
        let is_kept = |error: &Error| matches!(error, Error::Incompatible(reason) if matches!(**reason, Incompatible::ReadOnly | Incompatible::Unreadable));
        if found.as_ref().is_err_and(is_kept) && is_alone(path) {
            found = report(&Conn::open_unchanging(path, busy).map_err(unopened)?);
        }
        or_tampered(found).map_err(|error| waited(error, started))
    }
}

fn rule_differences(conn: &Connection) -> Result<Vec<RuleDifference>> {
    use std::collections::BTreeMap;
    const RULES: &str =
        "SELECT resource || ' ' || operation, needs || '|' || ifnull(needs_if_own, '') || '|' || audit FROM acl_rules";
    let failed = |error| Error::of_file("reading the rules", error);
    let read = |conn: &Connection| -> rusqlite::Result<BTreeMap<String, String>> {
        conn.prepare(RULES)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let fresh = Connection::open_in_memory().map_err(failed)?;
    migrate(&fresh, 0)?;
    guard::seed(&fresh)?;
    let (default, found) = (read(&fresh).map_err(failed)?, read(conn).map_err(failed)?);
    let names: std::collections::BTreeSet<&String> = default.keys().chain(found.keys()).collect();
    let differs = |rule: &&String| default.get(*rule) != found.get(*rule);
    Ok(names
        .into_iter()
        .filter(differs)
        .map(|rule| RuleDifference {
            rule: rule.clone(),
            default: default.get(rule).cloned(),
            found: found.get(rule).cloned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    /// What only the connection knows: SQLite's word for how much a loss of power may take back.
    #[test]
    fn durability_reaches_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        for (durability, synchronous) in [(Durability::Full, 2), (Durability::Normal, 1)] {
            let options = OpenOptions::new().durability(durability);
            let conn = open(&dir.path().join("new.db"), &options).unwrap();
            let found: i64 = conn.raw.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(found, synchronous, "{durability:?}");
        }
        assert_eq!(OpenOptions::new().durability, Durability::Full);
    }
}
