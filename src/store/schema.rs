//! The versions of the tables, and what a file is before anything is done to it.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use crate::catalog;
use crate::error::{Error, Incompatible, Result};
use crate::guard::{self, GENERATION};

/// One version: its tables, and its indexes, which may need columns that adoption adds first.
pub(super) struct Version {
    pub(super) tables: &'static str,
    pub(super) indexes: &'static str,
}

/// Every version that was ever released, in order; new ones are appended. `user_version` counts them.
pub(super) const VERSIONS: [Version; 1] = [Version {
    tables: include_str!("../../sql/tables/0001_tables.sql"),
    indexes: include_str!("../../sql/tables/0001_indexes.sql"),
}];

/// The newest version.
pub(super) const NEWEST: i64 = VERSIONS.len() as i64;

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It holds no table.
    Empty,
    /// It is ours, of this version, with guards of this generation; 0: they were taken out.
    Ours { version: i64, generation: i64 },
    /// It is another program's.
    Foreign,
}

/// Looks what the file is. Run inside a transaction where the answer has to last.
///
/// # Errors
/// `Incompatible` where it is a newer file of ours, or another program keeps a version in it;
/// `Tampered` where it is ours and the table that says so is gone.
pub(super) fn kind(conn: &Connection) -> Result<Kind> {
    let failed = |error| Error::of_file("reading the file", error);
    let incompatible = |found| Err(Error::Incompatible(Box::new(found)));
    let version: i64 = conn.query_row("PRAGMA main.user_version", [], |row| row.get(0)).map_err(failed)?;
    if has_table(conn, "acl_meta")? {
        let generation: Option<i64> = conn
            .query_row("SELECT value FROM main.acl_meta WHERE name = 'generation'", [], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        // Without the row, nobody said that the guards were taken out: the check finds it missing.
        let generation = generation.unwrap_or(GENERATION);
        if version > NEWEST {
            return incompatible(Incompatible::Newer { found: version, known: NEWEST });
        }
        if generation > GENERATION {
            return incompatible(Incompatible::Newer { found: generation, known: GENERATION });
        }
        return Ok(Kind::Ours { version, generation });
    }
    if has_table(conn, "acl_audit")? && has_table(conn, "acl_rules")? {
        return Err(Error::Tampered(Box::new(guard::beyond_repair(conn)?)));
    }
    let tables = tables(conn)?;
    if version != 0 && (tables.is_empty() || is_agors(&tables)) {
        return incompatible(Incompatible::UserVersionTaken { found: version });
    }
    Ok(if tables.is_empty() { Kind::Empty } else { Kind::Foreign })
}

/// The tables of the file, without SQLite's own.
fn tables(conn: &Connection) -> Result<Vec<String>> {
    names(
        conn,
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
    )
}

/// Whether so many of Agor's tables are among these that it is a file of Agor's, if one that lacks some.
fn is_agors(tables: &[String]) -> bool {
    let is_there = |table: &&catalog::Table| tables.iter().any(|name| name.eq_ignore_ascii_case(table.name));
    catalog::TABLES.iter().filter(|table| !table.required.is_empty()).filter(is_there).count() > 2
}

pub(super) fn has_table(conn: &Connection, name: &str) -> Result<bool> {
    conn.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")
        .and_then(|mut found| found.exists([name]))
        .map_err(|error| Error::of_file("reading the schema", error))
}

/// The columns of a table, in small letters.
pub(super) fn columns(conn: &Connection, table: &str) -> Result<Vec<String>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut names = conn.prepare("SELECT lower(name) FROM pragma_table_info(?1, 'main')").map_err(failed)?;
    let names = names.query_map([table], |row| row.get(0)).map_err(failed)?;
    names.collect::<Result<_, _>>().map_err(failed)
}

/// The first column of a query, as texts to be read by people.
pub(super) fn names(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    let failed = |error| Error::of_file("looking through the rows", error);
    let mut found = conn.prepare(sql).map_err(failed)?;
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let found = found.query_map([], |row| Ok(text(row.get_ref(0)?))).map_err(failed)?;
    found.collect::<Result<_, _>>().map_err(failed)
}

/// The error for a file that can't be used for this reason.
pub(super) fn refused(reason: Incompatible) -> Error {
    Error::Incompatible(Box::new(reason))
}

/// The error for a file that is not one of aclite's: what it is instead, and what to do.
pub(super) fn not_ours(conn: &Connection) -> Result<Error> {
    let failed = |error| Error::of_file("reading the schema", error);
    let tables = tables(conn)?;
    if tables.is_empty() {
        return Ok(refused(Incompatible::Empty));
    }
    if is_agors(&tables) {
        return Ok(refused(Incompatible::NotAdopted));
    }
    let application: i64 = conn.query_row("PRAGMA main.application_id", [], |row| row.get(0)).map_err(failed)?;
    Ok(refused(Incompatible::Foreign { application, tables }))
}
