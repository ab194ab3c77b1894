//! One connection as aclite uses it: its pragmas, its functions, its authorizer.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags};

use super::options::Durability;
use crate::audit::Entry;
use crate::catalog;
use crate::error::{Error, Result, Subject};
use crate::guard::{Context, Host, has_moved, is_ours_alone, register};
use crate::operation::Resource;
use crate::sqlite::KeptConnection;

/// How many prepared statements a connection keeps: more than all that the repositories usually make.
const STATEMENTS: usize = 256;

/// Whose SQL a connection is preparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Author {
    /// aclite's.
    Aclite = 0,
    /// The embedder's, for the daemon itself.
    Daemon = 1,
    /// The embedder's, for somebody who may not see secrets.
    Embedder = 2,
}

/// A connection with its memory.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) raw: KeptConnection,
    pub(crate) context: Arc<Context>,
    author: Arc<AtomicU8>,
    /// How many rows had ever changed on this connection when its transaction began.
    began: Cell<u64>,
    /// The version of the schema with which the file was last found sound; nothing before it was looked at.
    checked: Cell<Option<i64>>,
    /// Whether a file of its own holds the database, which can be moved away.
    in_file: bool,
}

impl Conn {
    /// Opens `path` and sets the connection up. The file is created only where `create` says so.
    pub(crate) fn open(path: &Path, create: bool, busy: Duration) -> Result<Self> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
        Self::open_with(path, path, flags, busy)
    }

    /// Opens a file that this process can only read and that nobody has open: without locks, and without the files that SQLite
    /// would make beside it and could not remove.
    pub(super) fn open_unchanging(path: &Path, busy: Duration) -> Result<Self> {
        let mut uri = "file:".to_owned();
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
                byte => uri.push_str(&format!("%{byte:02x}")),
            }
        }
        uri.push_str("?immutable=1");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Self::open_with(path, Path::new(&uri), flags, busy)
    }

    fn open_with(path: &Path, name: &Path, flags: OpenFlags, busy: Duration) -> Result<Self> {
        let failed = |error| Error::of_file(format!("opening `{}`", path.display()), error);
        let raw = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
        let in_file = raw.path().is_some_and(|path| !path.is_empty());
        let conn = Self {
            raw: KeptConnection::new(raw),
            context: Arc::default(),
            author: Arc::default(),
            began: Cell::default(),
            checked: Cell::default(),
            in_file,
        };
        conn.prepare(busy).map_err(failed)?;
        Ok(conn)
    }

    /// Every setting of a connection, each with its reason. None of them changes the file.
    fn prepare(&self, busy: Duration) -> rusqlite::Result<()> {
        let conn = &self.raw;
        conn.busy_timeout(busy)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        // Without foreign keys a record's parent may be anything: the guards refuse then.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
        // No writable_schema, no writing to shadow tables: nothing takes a guard away.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // Schema text calls only functions that are marked INNOCUOUS. A host's SQLite may be so old that JSON's
        // are not, and an index calls those; there, nothing is registered on the connection but what we bring.
        #[cfg(feature = "bundled")]
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        // Otherwise each new value of a parameter can make a join be planned again, after ANALYZE.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // A mistyped column name is an error, never a text.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
        // A row that REPLACE deletes meets the guard of deletion.
        conn.pragma_update(None, "recursive_triggers", true)?;
        register(conn, &self.context)?;
        let author = Arc::clone(&self.author);
        conn.authorizer(Some(move |asked: AuthContext<'_>| authorize(author.load(Ordering::Relaxed), &asked)))
    }

    /// How much a power loss may take back. Outside transactions only.
    pub(crate) fn set_durability(&self, durability: Durability) -> rusqlite::Result<()> {
        self.raw.pragma_update(None, "synchronous", durability.pragma())
    }

    /// Notes that a transaction begins.
    pub(crate) fn mark(&self) {
        self.began.set(self.raw.total_changes());
    }

    /// Whether any row has changed since [`Conn::mark`], cascades and triggers included.
    pub(crate) fn changed(&self) -> bool {
        self.raw.total_changes() != self.began.get()
    }

    /// Whether the file is no longer the one at its path.
    pub(super) fn has_moved(&self) -> bool {
        self.in_file && has_moved(&self.raw)
    }

    /// Runs `check` unless the schema is the one with which it last succeeded on this connection.
    ///
    /// For the beginning of a transaction, before it changes anything: the number of a schema that is not
    /// committed can be given to another one later.
    pub(super) fn check_schema(&self, check: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let failed = |error| Error::of_file("reading the version of the schema", error);
        let version = self.raw.ask_kept(|kept| &kept.schema_version).map_err(failed)?;
        if version.is_none() || self.checked.get() != version {
            check(&self.raw)?;
            self.checked.set(version);
        }
        Ok(())
    }

    /// Runs `work` with the authorizer set for SQL of this author. They nest: a statement that hands
    /// out rows may have others run in between.
    pub(crate) fn authored<T>(&self, author: Author, work: impl FnOnce() -> T) -> T {
        struct Back<'a>(&'a AtomicU8, u8);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.store(self.1, Ordering::Relaxed);
            }
        }
        let _back = Back(&self.author, self.author.swap(author as u8, Ordering::Relaxed));
        work()
    }

    /// Writes `entries` into the audit, in the transaction that is open.
    pub(crate) fn append_audit(&self, entries: &[Entry]) -> Result<()> {
        let host = Host::of(&self.raw);
        for entry in entries {
            let written = self.context.write_audit(&host, entry);
            if written.map_err(|error| Error::storage("writing the audit", error))?.is_none() {
                return Err(Error::broken("an audit row did not stay"));
            }
        }
        Ok(())
    }

    /// What a failed statement means: the refusal that the guard left, or the failure itself.
    pub(crate) fn failure(&self, doing: &str, subject: &Subject, error: rusqlite::Error) -> (Error, Option<Entry>) {
        match self.context.take_refusal() {
            Some(refused) => refused,
            None => (Error::of_record(doing, subject, error), None),
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.context.close();
    }
}

/// What SQL that is not ours may do. Ours may do everything else.
///
/// The name of the accessing trigger can be imitated by a common table expression, so SQL that is
/// not ours may not even spell the names of ours ([`spells_ours`](crate::guard::spells_ours)).
///
/// Ours may not fire a trigger of somebody else's that writes guarded tables: it would do so under the
/// rights of whoever acts now.
fn authorize(author: u8, asked: &AuthContext<'_>) -> Authorization {
    if let AuthAction::Insert { table_name } | AuthAction::Update { table_name, .. } | AuthAction::Delete { table_name } =
        asked.action
        && asked.accessor.is_some_and(|name| !may_write(name, table_name))
    {
        return Authorization::Deny;
    }
    if author == Author::Aclite as u8 {
        return Authorization::Allow;
    }
    let allowed = match asked.action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Function { .. } => true,
        AuthAction::Read { table_name, column_name } => {
            let secret = is_secret(table_name, column_name) && author == Author::Embedder as u8;
            !secret || asked.accessor.is_some_and(is_ours_alone)
        }
        AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name } => !table_name.to_ascii_lowercase().starts_with("sqlite_"),
        // FTS5 asks so whether its tables have changed, inside whatever writes or reads them.
        AuthAction::Pragma { pragma_name, pragma_value: None } => pragma_name.eq_ignore_ascii_case("data_version"),
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Whether what is called `accessor` may write the table: guards of the tables that every file has write what they
/// like, those of further tables the audit, and triggers of others no guarded table.
fn may_write(accessor: &str, table: &str) -> bool {
    if !catalog::is_guarded(table) {
        return true;
    }
    let of = |guarded: &str| {
        let event = accessor.strip_prefix("acl_").and_then(|rest| rest.strip_prefix(guarded));
        event.is_some_and(|event| event.starts_with("_before_") || event.starts_with("_after_"))
    };
    let audit = table.eq_ignore_ascii_case("acl_audit") && is_ours_alone(accessor);
    audit || catalog::TABLES.iter().any(|table| of(table.name))
}

/// The columns that hold secrets. The samples of ANALYZE are among them: they hold values of indexes, and a
/// session's token is indexed.
fn is_secret(table: &str, column: &str) -> bool {
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    table.to_ascii_lowercase().starts_with("sqlite_stat")
        // How the file is laid out is for the daemon.
        || is(table, "dbstat")
        || catalog::named(table).is_some_and(|table| table.secret_columns().any(|secret| is(column, secret)))
}

/// The record that a statement which is not about a single one speaks of.
pub(crate) fn the_file() -> Subject {
    Subject { resource: Resource::Meta, id: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each setting is for stands where it is made; here, that it is.
    #[test]
    fn every_connection_has_these_settings() {
        let conn = Conn::open(Path::new(":memory:"), true, Duration::from_millis(70)).unwrap();
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        ] {
            assert_eq!(conn.raw.db_config(setting).unwrap(), on, "{setting:?}");
        }
        for (pragma, value) in [("recursive_triggers", 1), ("foreign_keys", 1), ("busy_timeout", 70)] {
            let found: i64 = conn.raw.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
            assert_eq!(found, value, "{pragma}");
        }
    }

    /// The check of the file refuses such triggers first, as far as it can read their text. SQLite reads them as they run.
    #[test]
    fn a_trigger_of_somebody_elses_that_writes_guarded_tables_is_not_prepared() {
        let conn = Conn::open(Path::new(":memory:"), true, Duration::ZERO).unwrap();
        conn.raw
            .execute_batch("CREATE TABLE users (role); CREATE TABLE notes (a); INSERT INTO notes VALUES (1)")
            .unwrap();
        for name in ["trap", "acl_notes_after_delete", "acl_held"] {
            let trap =
                format!("CREATE TRIGGER {name} AFTER DELETE ON notes BEGIN UPDATE users SET role = 'admin'; END");
            conn.raw.execute_batch(&trap).unwrap();
            for author in [Author::Aclite, Author::Daemon, Author::Embedder] {
                let fired = conn.authored(author, || conn.raw.prepare("DELETE FROM notes").map(drop));
                assert!(fired.is_err_and(|error| error.to_string().contains("not authorized")), "{name} {author:?}");
            }
            conn.raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
            conn.authored(Author::Embedder, || conn.raw.prepare("DELETE FROM notes").map(drop)).unwrap();
        }
    }
}
