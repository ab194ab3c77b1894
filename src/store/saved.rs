//! Saving aside what aclite keeps on tables that are not its own, while a file is detached.
//!
//! Each table has a copy `acl_saved_TABLE` with its key, its time of creation and what is saved. `restore.rs` puts it back.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::added::Added;
use super::schema::{columns, has_table};
use crate::catalog;
use crate::error::{Error, Result};
use crate::guard::quote;

/// What is saved whether adoption added it or not: levels, owners, unix names, groups and what they are granted.
pub(super) const ALWAYS: [(&str, &[&str]); 7] = [
    ("users", &["unix_username"]),
    ("worktrees", &["others_can", "others_fs_access", "unix_group"]),
    ("worktree_owners", &["created_at"]),
    ("sessions", &["unix_username"]),
    ("groups", &["archived"]),
    ("group_memberships", &["created_at"]),
    ("worktree_group_grants", &["can"]),
];

/// What an adoption keeps beside the copies while it restores them: which worktrees were guarded once, which the audit knows, and
/// which sessions may be new or not.
const LISTS: [&str; 3] = ["known", "audited", "doubted"];

/// Names of columns, for SQL.
fn list(columns: &[&str]) -> String {
    columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")
}

/// The table that holds what was saved of `table`.
pub(super) fn copy_of(table: &str) -> String {
    format!("acl_saved_{table}")
}

/// Whether it is a table in which something is saved.
pub(super) fn is_copy(name: &str) -> bool {
    name.strip_prefix("acl_saved_")
        .is_some_and(|table| catalog::TABLES.iter().any(|known| known.name == table && !known.is_aclites()))
}

/// Copies what is to be restored later, and says how many rows of which tables it took.
pub(super) fn save(conn: &Connection, added: &Added) -> Result<Vec<(String, u64)>> {
    let failed = |error| Error::of_file("saving levels, owners and unix names aside", error);
    forget(conn)?;
    let mut saved = Vec::new();
    for table in catalog::TABLES.iter().filter(|table| !table.is_aclites()) {
        let wanted = ALWAYS.iter().find(|(name, _)| *name == table.name).map(|(_, columns)| *columns);
        let is_whole = added.has_table(table.name);
        if wanted.is_none() && !is_whole && added.columns_of(table.name).next().is_none() {
            continue;
        }
        // A file that was tampered with may lack anything.
        if !has_table(conn, table.name)? {
            continue;
        }
        let there = columns(conn, table.name)?;
        let takes = |column: &&String| {
            is_whole
                || table.key.contains(&column.as_str())
                || *column == "created_at"
                || wanted.is_some_and(|wanted| wanted.contains(&column.as_str()))
                || added.columns_of(table.name).any(|added| added == *column)
        };
        if !table.key.iter().all(|key| there.iter().any(|column| column == key)) {
            continue;
        }
        let taken: Vec<String> = there.iter().filter(takes).map(|column| quote(column)).collect();
        let (copy, key) = (quote(&copy_of(table.name)), list(table.key));
        conn.execute_batch(&format!(
            "CREATE TABLE main.{copy} AS SELECT {} FROM main.{}; CREATE INDEX main.{} ON {copy} ({key})",
            taken.join(", "),
            quote(table.name),
            quote(&format!("{}_key", copy_of(table.name))),
        ))
        .map_err(failed)?;
        let rows: i64 =
            conn.query_row(&format!("SELECT count(*) FROM main.{copy}"), [], |row| row.get(0)).map_err(failed)?;
        saved.push((table.name.to_owned(), rows.unsigned_abs()));
    }
    conn.execute("INSERT INTO main.acl_meta (name, value) VALUES ('detached_at', acl_now())", []).map_err(failed)?;
    Ok(saved)
}

/// Drops what was saved.
pub(super) fn forget(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("dropping what was saved aside", error);
    for name in catalog::TABLES.iter().map(|table| table.name).chain(LISTS) {
        conn.execute_batch(&format!("DROP TABLE IF EXISTS main.{}", quote(&copy_of(name)))).map_err(failed)?;
    }
    conn.execute("DELETE FROM main.acl_meta WHERE name = 'detached_at'", []).map(drop).map_err(failed)
}

/// Whether the copy of `table` is there with everything that [`save`] puts into it.
pub(super) fn is_whole(conn: &Connection, table: &catalog::Table) -> Result<bool> {
    let copy = copy_of(table.name);
    if !has_table(conn, &copy)? {
        return Ok(false);
    }
    let there = columns(conn, &copy)?;
    let always = ALWAYS.iter().filter(|(name, _)| *name == table.name).flat_map(|(_, columns)| *columns);
    Ok(table.key.iter().chain(&["created_at"]).chain(always).all(|column| there.iter().any(|name| name == column)))
}

/// Puts an empty copy of `table` in the place of one that is missing or was altered: nothing is saved then.
pub(super) fn replace_by_empty(conn: &Connection, table: &catalog::Table) -> Result<()> {
    let always = ALWAYS.iter().filter(|(name, _)| *name == table.name).flat_map(|(_, columns)| *columns);
    let columns: BTreeSet<&str> = table.key.iter().chain(&["created_at"]).chain(always).copied().collect();
    let copy = quote(&copy_of(table.name));
    let columns = list(&columns.into_iter().collect::<Vec<_>>());
    conn.execute_batch(&format!("DROP TABLE IF EXISTS main.{copy}; CREATE TABLE main.{copy} ({columns})"))
        .map_err(|error| Error::of_file("reading what was saved aside", error))
}
