//! The one statement that writes an audit row.

use rusqlite::Result;

use super::{COLUMNS, Entry};
use crate::sqlite::Prepared;

/// Its text. SQLite gives the number; the epoch is the one of now.
pub(crate) fn insert_sql() -> String {
    let values: Vec<String> = (1..=COLUMNS.len()).map(|number| format!("?{number}")).collect();
    format!(
        "INSERT INTO main.acl_audit ({}, epoch) VALUES ({}, (SELECT epoch FROM main.acl_epoch))",
        COLUMNS.join(", "),
        values.join(", ")
    )
}

/// Writes `entry` by the prepared statement, and returns whether exactly one row is there for it.
pub(crate) fn insert(statement: &Prepared, entry: &Entry) -> Result<bool> {
    Ok(statement.run(&entry.values(), |_| {})? == Some(1))
}
