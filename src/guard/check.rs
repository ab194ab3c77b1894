//! Whether a file's guards are exactly those that this version installs.

use rusqlite::Connection;

use super::extra_tables;
use super::install::{objects, views};
use super::names::spelled;
use super::others::{Object, Others, Surroundings, cascades, listed};
use super::own_tables::{self, Schema};
use crate::catalog;
use crate::error::{Error, Incompatible, Result, Tampered};

/// The rows without which the guards do not know their own state, and how to ask for each.
const ROWS: [(&str, &str); 2] = [
    ("row `generation` of `acl_meta`", "SELECT 1 FROM main.acl_meta WHERE name = 'generation'"),
    ("the row of `acl_epoch`", "SELECT 1 FROM main.acl_epoch"),
];

/// What no installation mends: guarded tables that are not there, other tables where a view goes.
pub(crate) fn beyond_repair(conn: &Connection) -> Result<Tampered> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut there =
        conn.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1").map_err(failed)?;
    let mut found = Tampered::default();
    for table in &catalog::TABLES {
        if !there.exists([table.name]).map_err(failed)? {
            found.missing.push(format!("table `{}`", table.name));
        }
    }
    for table in extra_tables::list(conn)? {
        if !there.exists([&table.name]).map_err(failed)? {
            found.missing.push(format!("table `{}`", table.name));
        }
    }
    for view in views() {
        if there.exists([&view.name]).map_err(failed)? {
            found.altered.push(format!("view `{}` is a table", view.name));
        }
    }
    Ok(found)
}

/// The objects of the main database.
pub(super) fn schema(conn: &Connection) -> rusqlite::Result<Schema> {
    let mut schema =
        conn.prepare("SELECT type, name, tbl_name, CAST(ifnull(sql, '') AS blob) FROM main.sqlite_master")?;
    // A comment in somebody's definition need not be UTF-8.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let rows = schema.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, text(row.get(3)?)))))?;
    rows.collect()
}

/// What is missing or altered; nothing where all is as it should be.
pub(crate) fn check(conn: &Connection) -> Result<Tampered> {
    examine(conn).map(|(found, _)| found)
}

/// What is missing or altered, and the triggers of others that are left alone.
///
/// Looks at the guarded tables, at every view and trigger of ours, at triggers that are not, and at
/// whatever names functions of ours.
pub(crate) fn examine(conn: &Connection) -> Result<(Tampered, Vec<String>)> {
    let failed = |error| Error::of_file("reading the schema", error);
    let found = schema(conn).map_err(failed)?;
    let mut report = beyond_repair(conn)?;
    if report != Tampered::default() {
        return Ok((report, Vec::new()));
    }
    for (what, row) in ROWS {
        let mut there = conn.prepare(row).map_err(failed)?;
        if !there.exists([]).map_err(failed)? {
            report.missing.push(what.to_owned());
        }
    }
    let expected = match objects(conn) {
        Ok(expected) => expected,
        Err(Error::Incompatible(incompatible)) => {
            if let Incompatible::Shape { problems } = *incompatible {
                report.altered = problems;
            }
            return Ok((report, Vec::new()));
        }
        Err(error) => return Err(error),
    };
    report.altered.extend(own_tables::altered(&found));
    for object in &expected {
        match found.get(&(object.kind.to_owned(), object.name.clone())) {
            None => report.missing.push(format!("{} `{}`", object.kind, object.name)),
            Some((_, sql)) if *sql == object.sql => {}
            Some((_, sql)) => {
                let why = changed_columns(sql, &object.sql);
                report.altered.push(format!("{} `{}`{why}", object.kind, object.name));
            }
        }
    }
    let extra_tables = extra_tables::list(conn)?;
    // By kind and name: a trigger may be called as a view of ours is.
    let is_ours = |kind: &str, name: &str| expected.iter().any(|object| object.kind == kind && object.name == name);
    let is_guarded = |table: &str| {
        catalog::is_guarded(table) || extra_tables.iter().any(|guarded| table.eq_ignore_ascii_case(&guarded.name))
    };
    let objects = listed(&found);
    let others = if objects.iter().any(|object| object.kind == "trigger" && !is_ours("trigger", &object.name)) {
        let cascades = cascades(conn, "main").map_err(failed)?;
        let is_ours = |object: &Object| is_ours("trigger", &object.name);
        Surroundings::new(&objects, &cascades, &is_guarded, &is_ours).judge(true)
    } else {
        Others::default()
    };
    let problem = |kind: &str, name: &str, sql: &str| {
        if kind == "trigger" && others.refused.iter().any(|(refused, _)| refused == name) {
            return None;
        }
        // A view, a CHECK or an index that calls what only guards may call could forge what they remember.
        // Constraints of our own tables are named after them.
        let ours = kind == "table" && name.starts_with("acl_") && is_guarded(name);
        let constraint = |named: &str| ours && named.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
        let named = spelled(sql).find(|named| !constraint(named))?;
        Some(format!("{kind} `{name}` names `{named}`, which only aclite's triggers may"))
    };
    let not_ours = found.iter().filter(|((kind, name), _)| !is_ours(kind, name));
    let mut foreign: Vec<String> = not_ours.filter_map(|((kind, name), (_, sql))| problem(kind, name, sql)).collect();
    foreign.extend(others.refused.iter().map(|(_, why)| why.clone()));
    foreign.sort();
    report.altered.extend(foreign);
    Ok((report, others.left_alone))
}

/// The columns that only one of two versions of a guard knows: the table was changed under it.
fn changed_columns(found: &str, expected: &str) -> String {
    let known = |sql: &str| -> Vec<String> {
        let columns = sql.split(", NEW.\"").skip(1).filter_map(|rest| rest.split_once('"'));
        columns.map(|(name, _)| name.to_ascii_lowercase()).collect()
    };
    let (found, expected) = (known(found), known(expected));
    let only_found = found.iter().filter(|column| !expected.contains(column));
    let only_expected = expected.iter().filter(|column| !found.contains(column));
    let changed: Vec<String> = only_found.chain(only_expected).map(|column| format!("`{column}`")).collect();
    if changed.is_empty() || found.is_empty() {
        return String::new();
    }
    format!(" (columns came or went: {})", changed.join(", "))
}
