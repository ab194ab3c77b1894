//! Taking the guards out of a file, and with them everything that adoption added to the tables of another program.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Store;
use super::added::{self, Added};
use super::connection::Conn;
use super::open::{done, in_transaction, note, waited, writable};
use super::saved;
use super::schema::{Kind, columns, kind, not_ours, refused};
use crate::error::{Error, Incompatible, Result};
use crate::guard::{self, quote};
use crate::operation::Action;

/// How long it waits for other programs to give the file free.
const BUSY: Duration = Duration::from_secs(5);

/// What a detachment took back and what it saved.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct DetachReport {
    /// What was saved aside for the next adoption, as `(table, rows)`.
    pub saved: Vec<(String, u64)>,
    /// The tables that adoption had added, and that are taken back.
    pub tables: Vec<String>,
    /// The columns that adoption had added, and that are taken back, as `table.column`.
    pub columns: Vec<String>,
    /// The indexes that adoption had added, and that are taken back.
    pub indexes: Vec<String>,
}

impl Store {
    /// Takes the guards out of the file, for a migration of another program; [`Adoption`](super::Adoption) puts them in again.
    ///
    /// What aclite keeps on tables that are not its own (levels, owners, unix names, grants) is saved aside in the file, in
    /// tables `acl_saved_…`, and the tables, columns and indexes that adoption added are taken back: the schema is what the
    /// other program's migrations expect. Audit, rules, settings and the list of further tables stay.
    ///
    /// Until the file is adopted again aclite does not open it, and stores that have it open answer `Detached`. Other programs
    /// write it as they like; small triggers on the tables that were guarded refuse aclite's own connections, and those of
    /// hosts that have loaded the extension. The audit says who took the guards out.
    ///
    /// # Errors
    /// `Incompatible` where the file is not ours or is detached already, and where a view, trigger, index or table of another
    /// program depends on what adoption added: the error names each, and nothing is changed. `Busy`, `Storage`.
    pub fn detach(path: impl AsRef<Path>) -> Result<DetachReport> {
        let started = Instant::now();
        let conn = writable(path.as_ref(), BUSY)?;
        let report = detach(&conn).map_err(|error| waited(error, started))?;
        done(&conn.raw)?;
        Ok(report)
    }
}

/// Detaches the file in one transaction.
pub(super) fn detach(conn: &Conn) -> Result<DetachReport> {
    in_transaction(&conn.raw, ["BEGIN IMMEDIATE", "COMMIT"], |raw| {
        match kind(raw)? {
            Kind::Ours { generation: 0, .. } => return Err(refused(Incompatible::Detached)),
            Kind::Ours { .. } => {}
            Kind::Empty | Kind::Foreign => return Err(not_ours(raw)?),
        }
        // The row goes through the guard of the audit, so it is written while that stands: an
        // altered one may not be there any more, and then the row is written all the same.
        note(conn, Action::Remove, "detached")?;
        guard::remove(raw)?;
        let added = added::read(raw)?;
        let saved = saved::save(raw, &added)?;
        take_back(raw, &added)?;
        // A file without a record gets one: it says what is taken back until the next adoption.
        added::write(raw, &added)?;
        raw.execute("UPDATE main.acl_meta SET value = 0 WHERE name = 'generation'", [])
            .map_err(|error| Error::of_file("detaching", error))?;
        guard::refuse_ourselves(raw)?;
        Ok(DetachReport {
            saved,
            tables: added.tables.into_iter().collect(),
            columns: added.columns.into_iter().map(|(table, column)| format!("{table}.{column}")).collect(),
            indexes: added.indexes.into_iter().collect(),
        })
    })
}

/// Drops what adoption added. Where something of another program depends on it, the error names all of that.
fn take_back(conn: &Connection, added: &Added) -> Result<()> {
    if added.is_empty() {
        return Ok(());
    }
    let failed = |error| Error::of_file("taking back what adoption added", error);
    let mut dependents = on_added_tables(conn, added)?;
    // SQLite names one dependent at a time. Each is dropped in its turn, to see the next, and all of it is undone.
    loop {
        conn.execute_batch("SAVEPOINT attempt").map_err(failed)?;
        let Err(error) = drop_all(conn, added) else {
            conn.execute_batch("RELEASE attempt").map_err(failed)?;
            break;
        };
        conn.execute_batch("ROLLBACK TO attempt; RELEASE attempt").map_err(failed)?;
        let Some((kind, name, why)) = named_by(conn, &error.to_string()).map_err(failed)? else {
            return Err(failed(error));
        };
        dependents.push(format!("{kind} `{name}` ({why})"));
        if kind == "table" {
            break;
        }
        conn.execute_batch(&format!("DROP {kind} main.{}", quote(&name))).map_err(failed)?;
    }
    if dependents.is_empty() { Ok(()) } else { Err(refused(Incompatible::Dependents { dependents })) }
}

/// What would be lost with the tables that adoption added: what others put on them, and what references them.
fn on_added_tables(conn: &Connection, added: &Added) -> Result<Vec<String>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut dependents = Vec::new();
    let model = added::model()?;
    let mut objects = conn
        .prepare(
            "SELECT type, name FROM main.sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', 'trigger')
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        .map_err(failed)?;
    let mut references = conn
        .prepare(
            "SELECT DISTINCT t.name FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name, 'main') AS f
             WHERE t.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE",
        )
        .map_err(failed)?;
    for table in &added.tables {
        let rows = objects.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        for object in rows.map_err(failed)? {
            let (kind, name) = object.map_err(failed)?;
            if !added.indexes.contains(&name) {
                dependents.push(format!("{kind} `{name}` (on table `{table}`, which is taken back)"));
            }
        }
        for child in references.query_map([table], |row| row.get::<_, String>(0)).map_err(failed)? {
            let child = child.map_err(failed)?;
            if !added.has_table(&child) {
                dependents.push(format!("table `{child}` (references `{table}`, which is taken back)"));
            }
        }
        let known: BTreeSet<String> = added::wanted(&model, table)?.into_iter().map(|column| column.name).collect();
        for column in columns(conn, table)? {
            if !known.contains(&column) {
                dependents.push(format!("column `{table}.{column}` (of a table that is taken back)"));
            }
        }
    }
    Ok(dependents)
}

/// Drops indexes, tables and columns, and has SQLite read every view and trigger that is left.
fn drop_all(conn: &Connection, added: &Added) -> rusqlite::Result<()> {
    for index in &added.indexes {
        conn.execute_batch(&format!("DROP INDEX IF EXISTS main.{}", quote(index)))?;
    }
    // Children first: dropping a parent deletes what references it.
    for table in crate::catalog::TABLES.iter().rev().filter(|table| added.has_table(table.name)) {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS main.{}", quote(table.name)))?;
    }
    for (table, column) in &added.columns {
        if has_column(conn, table, column)? {
            conn.execute_batch(&format!("ALTER TABLE main.{} DROP COLUMN {}", quote(table), quote(column)))?;
        }
    }
    // DROP COLUMN reads the whole schema, DROP TABLE does not.
    conn.execute_batch(
        "CREATE TABLE main.acl_probe (a, b); ALTER TABLE main.acl_probe DROP COLUMN b; DROP TABLE main.acl_probe",
    )
}

fn has_column(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    conn.prepare("SELECT 1 FROM pragma_table_info(?1, 'main') WHERE name = ?2 COLLATE NOCASE")?.exists([table, column])
}

/// The object that SQLite's error about a changed schema names, and what it says of it: `error in view v: …`.
fn named_by(conn: &Connection, error: &str) -> rusqlite::Result<Option<(String, String, String)>> {
    let mut objects = conn.prepare("SELECT type, name FROM main.sqlite_schema ORDER BY length(name) DESC")?;
    let objects = objects.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for object in objects {
        let (kind, name) = object?;
        let rest = error.strip_prefix(&format!("error in {kind} {name}"));
        let why = rest.and_then(|rest| rest.strip_prefix(" after drop column").unwrap_or(rest).strip_prefix(": "));
        if let Some(why) = why {
            let why = why.split(" in ALTER TABLE").next().unwrap_or(why).to_owned();
            return Ok(Some((kind, name, why)));
        }
    }
    Ok(None)
}
