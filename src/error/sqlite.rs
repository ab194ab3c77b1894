//! What errors of SQLite mean: the one place that knows its codes.
//!
//! The same code means different things. A file that is being opened or checked can be unusable, which its operator can
//! change. On a record a constraint fails, which its caller can change, and damage is a failure of the database.

use std::time::Duration;

use rusqlite::{ErrorCode, ffi};

use super::{Code, Conflict, ConflictKind, Error, Incompatible, Subject, Told};
use crate::catalog;

impl Error {
    /// What `error` means where a file is opened, checked or changed as a whole.
    pub(crate) fn of_file(doing: impl Into<String>, error: rusqlite::Error) -> Self {
        let incompatible = match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Incompatible::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => Incompatible::Corrupt { problem: error.to_string() },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Incompatible::ReadOnly,
            _ => return Self::busy_or_storage(doing, error),
        };
        Self::Incompatible(Box::new(incompatible))
    }

    /// What `error` means where a statement is about this record, and no guard has spoken.
    pub(crate) fn of_record(doing: impl Into<String>, subject: &Subject, error: rusqlite::Error) -> Self {
        // The last word of `NOT NULL constraint failed: tasks.status`: names of the schema, never values.
        let named = || error.to_string().rsplit([' ', '.']).next().unwrap_or_default().to_owned();
        // A trigger of others can break a constraint of their own table: `UNIQUE constraint failed: log.id`.
        let text = error.to_string();
        let table = text.split_once(" constraint failed: ").and_then(|(_, named)| Some(named.split_once('.')?.0));
        if !subject.id.is_empty() && table.is_some_and(|table| !catalog::is_guarded(table)) {
            return Self::storage(doing, error);
        }
        match error.sqlite_extended_error_code() {
            Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID) => {
                Self::Conflict(Box::new(Conflict { subject: subject.clone(), kind: ConflictKind::Duplicate }))
            }
            Some(ffi::SQLITE_CONSTRAINT_NOTNULL) => Self::invalid(named(), "is required"),
            Some(ffi::SQLITE_CONSTRAINT_CHECK) => Self::invalid(named(), "is refused by a CHECK of the table"),
            Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Self::invalid("reference", "names a record that does not exist"),
            _ => Self::busy_or_storage(doing, error),
        }
    }

    /// The fault of SQL that somebody else wrote, where `error` says that the SQL or its parameters are at fault.
    pub(crate) fn of_text(error: &rusqlite::Error) -> Option<Self> {
        let problem = match error {
            rusqlite::Error::SqliteFailure(code, _) if code.code == ErrorCode::AuthorizationForStatementDenied => {
                format!("is not allowed here: {error}")
            }
            // The whole message repeats the text, which may hold values. Without `bundled` rusqlite has no such error.
            #[cfg(feature = "bundled")]
            rusqlite::Error::SqlInputError { msg, .. } => format!("is no statement: {msg}"),
            rusqlite::Error::MultipleStatement => "must be one statement".to_owned(),
            rusqlite::Error::InvalidParameterCount(..) | rusqlite::Error::InvalidParameterName(_) => error.to_string(),
            _ => return None,
        };
        Some(Self::invalid("sql", problem))
    }

    fn busy_or_storage(doing: impl Into<String>, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(Duration::ZERO),
            _ => Self::storage(doing, error),
        }
    }
}

impl Told {
    /// What SQLite is told where a function of ours fails because SQLite did.
    pub(crate) fn of_sqlite(error: &rusqlite::Error) -> Self {
        let code = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::Busy,
            _ => Code::Storage,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Resource;

    #[test]
    fn each_code_has_one_meaning_for_a_file_and_one_for_a_record() {
        let subject = Subject { resource: Resource::Task, id: "t".to_owned() };
        for (code, file, record) in [
            (ffi::SQLITE_NOTADB, "the file is not an sqlite database, or it is encrypted", "doing: words"),
            (ffi::SQLITE_CORRUPT, "the database is damaged: words", "doing: words"),
            (ffi::SQLITE_CORRUPT_INDEX, "the database is damaged: words", "doing: words"),
            (ffi::SQLITE_READONLY_DBMOVED, "the file can't be written", "doing: words"),
            (ffi::SQLITE_PERM, "the file can't be written", "doing: words"),
            (ffi::SQLITE_BUSY_SNAPSHOT, "the database was locked for 0 ms", "the database was locked for 0 ms"),
            (ffi::SQLITE_LOCKED, "the database was locked for 0 ms", "the database was locked for 0 ms"),
            (ffi::SQLITE_CONSTRAINT_UNIQUE, "doing: words", "task `t` exists already"),
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "doing: words", "task `t` exists already"),
            (ffi::SQLITE_CONSTRAINT_ROWID, "doing: words", "task `t` exists already"),
            (ffi::SQLITE_CONSTRAINT_NOTNULL, "doing: words", "`words` is required"),
            (ffi::SQLITE_CONSTRAINT_CHECK, "doing: words", "`words` is refused by a CHECK of the table"),
            (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "doing: words", "`reference` names a record that does not exist"),
            (ffi::SQLITE_CONSTRAINT_TRIGGER, "doing: words", "doing: words"),
            (ffi::SQLITE_FULL, "doing: words", "doing: words"),
            (ffi::SQLITE_IOERR_READ, "doing: words", "doing: words"),
        ] {
            let error = || rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("words".to_owned()));
            assert_eq!(Error::of_file("doing", error()).to_string(), file, "{code}");
            assert_eq!(Error::of_record("doing", &subject, error()).to_string(), record, "{code}");
        }
        for (table, code) in [("tasks", "conflict"), ("log", "storage")] {
            let text = format!("UNIQUE constraint failed: {table}.id");
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CONSTRAINT_UNIQUE), Some(text));
            assert_eq!(Error::of_record("doing", &subject, error).code(), code, "{table}");
        }
        let unread = Error::of_record("doing", &subject, rusqlite::Error::QueryReturnedNoRows);
        assert_eq!(unread.code(), "storage");
    }

    #[test]
    fn faults_of_a_text_are_its_authors() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        for (sql, problem) in [
            ("SELEC 1, 'value'", Some("`sql` is no statement: near \"SELEC\": syntax error")),
            ("SELECT 1; SELECT 2", Some("`sql` must be one statement")),
            ("SELECT ?1", Some("`sql` Wrong number of parameters passed to query. Got 0, needed 1")),
            ("SELECT abs(-9223372036854775808)", None),
        ] {
            let error = conn.query_row(sql, [], |_| Ok(())).unwrap_err();
            assert_eq!(Error::of_text(&error).map(|error| error.to_string()).as_deref(), problem, "{sql}");
        }
        let denied =
            rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_AUTH), Some("not authorized".to_owned()));
        let told = Error::of_text(&denied).map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("`sql` is not allowed here: not authorized"));
    }
}
