//! What a file must be like to be adopted, as far as its tables do not show it.

use rusqlite::Connection;

use super::schema::{columns, has_table, names, refused};
use crate::catalog;
use crate::error::{Error, Incompatible, Result};
use crate::guard::quote;
use crate::sql_text::lexer::{Token, tokens};

/// Fails where texts are not stored as UTF-8: guards compare bytes.
pub(super) fn check_encoding(conn: &Connection) -> Result<()> {
    let encoding: String = conn
        .query_row("PRAGMA main.encoding", [], |row| row.get(0))
        .map_err(|error| Error::of_file("reading the encoding", error))?;
    if encoding == "UTF-8" { Ok(()) } else { Err(refused(Incompatible::Encoding { found: encoding })) }
}

/// Fails where a table that guards know rows of by their rowid has none.
pub(super) fn check_rowids(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut definition =
        conn.prepare("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1").map_err(failed)?;
    let mut tables = Vec::new();
    for catalog::Table { name: table, .. } in catalog::TABLES.iter().filter(|table| !table.is_aclites()) {
        let rows = definition.query_map([table], |row| row.get::<_, String>(0)).map_err(failed)?;
        for sql in rows {
            let sql = sql.map_err(failed)?;
            let tokens: Vec<Token<'_>> = tokens(&sql).collect();
            if tokens.windows(2).any(|pair| pair[0].is("without") && pair[1].is("rowid")) {
                tables.push((*table).to_owned());
            }
        }
    }
    if tables.is_empty() { Ok(()) } else { Err(refused(Incompatible::WithoutRowid { tables })) }
}

/// How many groups of rows an error names.
const NAMED: usize = 20;

/// Fails where rows share what must be unique: users their e-mail, repos, boards and groups their slug.
///
/// Of a file that was guarded before, e-mails that differ in case only are its own affair: a migration must not fail for them.
pub(super) fn check_rows(conn: &Connection, guarded_before: bool) -> Result<()> {
    let mut rows = Vec::new();
    let email = if guarded_before { "email" } else { "lower(email)" };
    for (table, column, key, folded) in [
        ("users", "email", "user_id", email),
        ("repos", "slug", "repo_id", "slug"),
        ("boards", "slug", "board_id", "slug"),
        ("groups", "slug", "group_id", "slug"),
    ] {
        let wanted = [column, key];
        if !has_table(conn, table)?
            || !wanted
                .iter()
                .all(|name| columns(conn, table).is_ok_and(|there| there.iter().any(|column| column == name)))
        {
            continue;
        }
        let shared = format!(
            "SELECT '{table} ' || group_concat({key}, ', ') || ' share the {column} `' || max({column}) || '`' FROM main.{}
             WHERE {column} IS NOT NULL GROUP BY {folded} HAVING count(*) > 1 ORDER BY 1",
            quote(table)
        );
        rows.extend(names(conn, &shared)?);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let more = rows.len().saturating_sub(NAMED);
    rows.truncate(NAMED);
    Err(refused(Incompatible::Duplicates { rows, more }))
}
