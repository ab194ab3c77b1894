//! A detached file refuses aclite's own connections, and no other program's.
//!
//! The triggers of `sql/detached.sql` must not fail on a connection without aclite's functions, so they ask a function that
//! every SQLite has, `sqlite_compileoption_used`. [`register`] overrides it on each connection of aclite's.

use std::sync::OnceLock;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result as SqlResult};

use super::writer::{expand, quote, statements};
use crate::catalog;
use crate::error::{Error, Result};

const TRIGGERS: &str = include_str!("../../sql/detached.sql");

/// The option that only aclite's connections have.
const OPTION: &str = "ACLITE";

/// What this process's SQLite was compiled with, as `PRAGMA compile_options` lists it.
static COMPILED_WITH: OnceLock<Vec<String>> = OnceLock::new();

/// Puts the refusing triggers on every guarded table of the file that is there, after its guards were taken out.
///
/// Runs inside the caller's transaction.
pub(crate) fn refuse_ourselves(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("marking the tables as detached", error);
    for (name, table) in tables(conn).map_err(failed)? {
        let trigger = |event: &str| quote(&format!("acl_{name}_detached_{event}"));
        for event in ["insert", "update", "delete"] {
            // Another program's trigger may have the same name in capitals.
            conn.execute_batch(&format!("DROP TRIGGER IF EXISTS main.{}", trigger(event))).map_err(failed)?;
        }
        let filled = expand(TRIGGERS, |marker| {
            Some(match marker {
                "table" => quote(&table),
                marker => trigger(marker.strip_prefix("trigger ")?),
            })
        })?;
        for statement in statements(&filled) {
            conn.execute_batch(&statement).map_err(failed)?;
        }
    }
    Ok(())
}

/// The tables that guards are for and that can carry a trigger: the names by which aclite knows them, and their own.
fn tables(conn: &Connection) -> SqlResult<Vec<(String, String)>> {
    let mut names: Vec<String> = catalog::TABLES.iter().map(|table| table.name.to_owned()).collect();
    // In a file that was tampered with the list of further tables may have another shape, and names nothing then.
    if let Ok(mut extra_tables) = conn.prepare("SELECT name FROM main.acl_tables WHERE typeof(name) = 'text'") {
        names.extend(extra_tables.query_map([], |row| row.get(0))?.collect::<SqlResult<Vec<String>>>()?);
    }
    // What was saved aside: a raised level would hold after the next adoption.
    let mut saved =
        conn.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name GLOB 'acl_saved_*'")?;
    names.extend(saved.query_map([], |row| row.get(0))?.collect::<SqlResult<Vec<String>>>()?);
    let mut own = conn.prepare(
        "SELECT name FROM main.sqlite_schema
         WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'",
    )?;
    let mut found = Vec::new();
    for name in names {
        let tables = own.query_map([&name], |row| row.get(0))?.collect::<SqlResult<Vec<String>>>()?;
        found.extend(tables.into_iter().map(|table| (name.clone(), table)));
    }
    Ok(found)
}

/// Takes the refusing triggers out, also from a table that has another name by now.
///
/// Runs inside the caller's transaction.
pub(crate) fn accept_ourselves(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("taking out the marks of a detached file", error);
    let mut triggers = conn
        .prepare(
            "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND (name GLOB 'acl_*_detached_insert'
             OR name GLOB 'acl_*_detached_update' OR name GLOB 'acl_*_detached_delete')",
        )
        .map_err(failed)?;
    let names = triggers.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    for name in names.collect::<SqlResult<Vec<_>>>().map_err(failed)? {
        conn.execute_batch(&format!("DROP TRIGGER main.{}", quote(&name))).map_err(failed)?;
    }
    Ok(())
}

/// Registers `sqlite_compileoption_used` on `conn`: yes for [`OPTION`], and for others what SQLite's own answers.
pub(super) fn register(conn: &Connection) -> SqlResult<()> {
    if COMPILED_WITH.get().is_none() {
        let mut options = conn.prepare("PRAGMA compile_options")?;
        let options = options.query_map([], |row| row.get(0))?.collect::<SqlResult<Vec<String>>>()?;
        // Another thread may have been faster; the list is the same.
        let _ = COMPILED_WITH.set(options);
    }
    // As UTF-16 it is added beside SQLite's own, and found before that. To replace one of the same encoding is an error while
    // a statement runs, and `SELECT load_extension(…)` is one. INNOCUOUS and not DETERMINISTIC, as SQLite's own is.
    let flags = FunctionFlags::SQLITE_UTF16 | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("sqlite_compileoption_used", 1, flags, |call| {
        Ok(match call.get_raw(0) {
            ValueRef::Null => None,
            ValueRef::Text(option) | ValueRef::Blob(option) => Some(is_used(option)),
            // No option's name is a number.
            ValueRef::Integer(_) | ValueRef::Real(_) => Some(false),
        })
    })
}

/// Whether the connection has the compile-time option, by SQLite's own rules: in any case, with or without `SQLITE_`, with or
/// without the option's value, and up to the first NUL.
fn is_used(option: &[u8]) -> bool {
    let option = option.split(|byte| *byte == 0).next().unwrap_or_default();
    let prefixed = option.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"SQLITE_"));
    let option = if prefixed { &option[7..] } else { option };
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii();
    let is = |known: &str| {
        let (known, length) = (known.as_bytes(), option.len());
        known.get(..length).is_some_and(|start| start.eq_ignore_ascii_case(option))
            && !known.get(length).is_some_and(in_name)
    };
    is(OPTION) || COMPILED_WITH.get().is_some_and(|options| options.iter().any(|known| is(known)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::store::{Conn, Store};

    #[test]
    fn other_options_are_answered_as_sqlite_answers() {
        let bare = Connection::open_in_memory().unwrap();
        let ours = Conn::open(Path::new(":memory:"), true, Duration::ZERO).unwrap();
        let mut listed = bare.prepare("PRAGMA compile_options").unwrap();
        let listed: Vec<String> = listed.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(listed.len() > 10, "{listed:?}");
        let mut asked: Vec<String> = Vec::new();
        for option in &listed {
            let name = option.split('=').next().unwrap();
            for text in [option, name, &format!("SQLITE_{option}"), &format!("{name}="), &format!("{name}x")] {
                asked.push(format!("'{text}'"));
                asked.push(format!("'{}'", text.to_lowercase()));
            }
            asked.push(format!("'{}'", &name[..name.len() - 1]));
            asked.push(format!("'{option}' || char(0) || 'x'"));
            asked.push(format!("CAST('{option}' AS blob)"));
        }
        asked.extend(
            [
                "NULL",
                "''",
                "'SQLITE_'",
                "'sqlite_'",
                "x''",
                "x'00'",
                "x'ff'",
                "1",
                "4",
                "-1.5",
                "'='",
                "'é'",
                "' THREADSAFE'",
            ]
            .map(str::to_owned),
        );
        let answer = |conn: &Connection, option: &str| -> Option<i64> {
            let ask = format!("SELECT sqlite_compileoption_used({option})");
            conn.query_row(&ask, [], |row| row.get(0)).unwrap()
        };
        let mut used = 0;
        for option in asked {
            let expected = answer(&bare, &option);
            assert_eq!(answer(&ours.raw, &option), expected, "{option}");
            used += expected.unwrap_or_default();
        }
        assert!(used > 50, "{used}");
        for option in ["'ACLITE'", "'aclite'", "'SQLITE_ACLITE'"] {
            assert_eq!((answer(&bare, option), answer(&ours.raw, option)), (Some(0), Some(1)), "{option}");
        }
        // Nor may it stand in an index, as SQLite's own may not: that would be an index that no other program can read.
        for conn in [&bare, &*ours.raw] {
            conn.execute_batch("CREATE TABLE t (a)").unwrap();
            for indexed in ["(sqlite_compileoption_used('x'))", "(a) WHERE sqlite_compileoption_used('x')"] {
                let error = conn.execute_batch(&format!("CREATE INDEX i ON t {indexed}")).unwrap_err();
                assert!(error.to_string().contains("non-deterministic functions"), "{indexed}: {error}");
            }
        }
    }

    /// A store looks at the file before each transaction. A connection that did not is refused all the same.
    #[test]
    fn a_connection_that_does_not_look_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("detached.db");
        drop(Store::open(&path).unwrap());
        let before = Conn::open(&path, false, Duration::ZERO).unwrap();
        before.raw.execute_batch("BEGIN; ROLLBACK").unwrap();
        Store::detach(&path).unwrap();
        let after = Conn::open(&path, false, Duration::ZERO).unwrap();
        for conn in [&before.raw, &after.raw] {
            for catalog::Table { name: table, .. } in &catalog::TABLES {
                let columns: Vec<String> = conn
                    .prepare("SELECT name FROM pragma_table_info(?1)")
                    .unwrap()
                    .query_map([table], |row| row.get(0))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                let values = vec!["1"; columns.len()].join(", ");
                for verb in ["INSERT", "INSERT OR IGNORE", "REPLACE"] {
                    let error = conn.execute_batch(&format!("{verb} INTO {table} VALUES ({values})")).unwrap_err();
                    assert!(error.to_string().contains("run `aclite adopt FILE`"), "{verb} {table}: {error}");
                }
            }
            for write in [
                "UPDATE acl_meta SET value = 3",
                "DELETE FROM acl_meta",
                "DELETE FROM acl_rules WHERE resource = 'task'",
            ] {
                let error = conn.execute_batch(write).unwrap_err();
                assert!(error.to_string().contains("run `aclite adopt FILE`"), "{write}: {error}");
            }
        }
    }
}
