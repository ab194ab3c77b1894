//! The versions of the tables, and what a file is before anything is done to it.

use rusqlite::{Connection, OptionalExtension};

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
    if version != 0 {
        return incompatible(Incompatible::UserVersionTaken { found: version });
    }
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM main.sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
        .map_err(failed)?;
    Ok(if tables == 0 { Kind::Empty } else { Kind::Foreign })
}

pub(super) fn has_table(conn: &Connection, name: &str) -> Result<bool> {
    conn.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1")
        .and_then(|mut found| found.exists([name]))
        .map_err(|error| Error::of_file("reading the schema", error))
}
