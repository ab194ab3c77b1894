//! Keys of `data` that another program spelled with escapes, and the index that holds what SQLite reads of one.
//!
//! SQLite finds such a key by its name in some versions and not in others, so the index would hold for each version what the
//! others take for damage.

use rusqlite::{Connection, params};

use super::schema::has_table;
use crate::catalog;
use crate::error::{Error, Result};
use crate::guard::quote;
use crate::merge;

/// The index whose entries are read from `data`.
const INDEX: &str = "sessions_mcp_token_idx";

/// Spells the top-level keys of `data` plainly that are words and were spelled with escapes. Returns of how many rows, as
/// `(table, rows)`. What a row says stays the same.
pub(super) fn spell_plainly(conn: &Connection) -> Result<Vec<(&'static str, u64)>> {
    let failed = |error| Error::of_file("spelling keys of `data` plainly", error);
    let mut respelled = Vec::new();
    for catalog::Table { name: table, .. } in catalog::TABLES.iter().filter(|table| table.required.contains(&"data")) {
        if !has_table(conn, table)? {
            continue;
        }
        let mut plain = Vec::new();
        {
            let sql = format!(
                "SELECT rowid, data FROM main.{} WHERE typeof(data) = 'text' AND instr(data, '\\u') > 0",
                quote(table)
            );
            let mut statement = conn.prepare(&sql).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let rowid: i64 = row.get(0).map_err(failed)?;
                let data = row.get_ref(1).map_err(failed)?.as_bytes().unwrap_or_default();
                if let Some(data) = merge::plain_text(data).and_then(merge::undisguised) {
                    plain.push((rowid, data));
                }
            }
        }
        if plain.is_empty() {
            continue;
        }
        let sql = format!("UPDATE main.{} SET data = ?2 WHERE rowid = ?1", quote(table));
        let mut update = conn.prepare(&sql).map_err(failed)?;
        for (rowid, data) in &plain {
            update.execute(params![rowid, data]).map_err(failed)?;
        }
        respelled.push((*table, plain.len() as u64));
    }
    if !respelled.is_empty() {
        rebuild_index(conn)?;
    }
    Ok(respelled)
}

/// Builds the index of tokens anew, where it is there, from what this SQLite reads. Returns whether it is.
pub(super) fn rebuild_index(conn: &Connection) -> Result<bool> {
    let failed = |error| Error::of_file("building the index of tokens anew", error);
    let there = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'index' AND name = ?1)";
    let there: bool = conn.query_row(there, [INDEX], |row| row.get(0)).map_err(failed)?;
    if there {
        conn.execute_batch(&format!("REINDEX main.{INDEX}")).map_err(failed)?;
    }
    Ok(there)
}
