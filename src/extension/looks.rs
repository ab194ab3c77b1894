//! The statements by which the guards look at a host's connection.
//!
//! Nothing stays prepared on such a connection, or it could not close. The guards' functions return these as values
//! instead: SQLite keeps a value in the program of the statement that runs, so all rows of that are looked at with the same.

use std::sync::OnceLock;

use rusqlite::Result;

use super::running;
use crate::guard::{Host, Object};
use crate::sqlite::{Columns, Prepared};

/// INVARIANT: each answers for the moment at which it runs. SQLite prepares a statement again where a schema, an attached
/// database or a switch has changed.
pub(super) struct Looks {
    host: Host,
    schema_version: Prepared,
    recursive_triggers: Prepared,
    databases: Prepared,
    /// Prepared where the connection has TEMP objects: asking for them would make the place for them.
    temp_objects: OnceLock<Prepared>,
}

const BUSY: &str = "it is being looked at already";

impl Looks {
    pub(super) fn prepare(host: Host) -> Result<Self> {
        Ok(Self {
            host,
            schema_version: running::prepare(host, "PRAGMA main.schema_version")?,
            recursive_triggers: running::prepare(host, "PRAGMA recursive_triggers")?,
            databases: running::prepare(host, "PRAGMA database_list")?,
            temp_objects: OnceLock::new(),
        })
    }

    pub(super) fn schema_version(&self) -> Result<i64, String> {
        integer(&self.schema_version)
    }

    pub(super) fn recursive_triggers(&self) -> Result<bool, String> {
        integer(&self.recursive_triggers).map(|on| on == 1)
    }

    /// The connection's databases: number, name and file.
    pub(super) fn databases(&self) -> Result<Vec<(i64, String, String)>, String> {
        rows(&self.databases, |row| (row.integer(0), row.text(1).into_owned(), row.text(2).into_owned()))
    }

    pub(super) fn temp_objects(&self) -> Result<Vec<Object>, String> {
        let objects = match self.temp_objects.get() {
            Some(objects) => objects,
            None => {
                let sql = "SELECT type, name, tbl_name, sql FROM temp.sqlite_master";
                let prepared = running::prepare(self.host, sql).map_err(unread)?;
                self.temp_objects.get_or_init(|| prepared)
            }
        };
        let text = |row: &Columns<'_>, column| row.text(column).into_owned();
        rows(objects, |row| Object {
            kind: text(row, 0),
            name: text(row, 1),
            table: text(row, 2),
            sql: text(row, 3),
            is_temp: true,
        })
    }
}

fn integer(statement: &Prepared) -> Result<i64, String> {
    rows(statement, |row| row.integer(0))?.pop().ok_or_else(|| "it does not answer".to_owned())
}

fn rows<T>(statement: &Prepared, read: impl Fn(&Columns<'_>) -> T) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    let ran = statement.run(&[], |row| found.push(read(row))).map_err(unread)?;
    if ran.is_some() { Ok(found) } else { Err(BUSY.to_owned()) }
}

/// Why a connection can't be looked at.
pub(super) fn unread(error: rusqlite::Error) -> String {
    format!("the connection can't be looked at: {error}")
}
