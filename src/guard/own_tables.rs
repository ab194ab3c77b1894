//! Whether aclite's own tables are as an installation makes them.
//!
//! Guards write the epoch and the audit themselves. A CHECK or an index that somebody added there could make such a write
//! fail, and under OR FAIL the row that it is about would stay without it.

use std::collections::{HashMap, HashSet};

use super::writer::statements;
use crate::catalog;
use crate::sql_text::lexer::tokens;

const TABLES: &str = include_str!("../../sql/tables/0001_tables.sql");

/// What an earlier installation wrote in place of something, and what stands there now.
const FORMER: [(&str, &str); 1] = [(
    "verdict IN ('allowed', 'denied', 'missing', 'conflict')",
    "verdict = 'allowed' OR verdict = 'denied' OR verdict = 'missing' OR verdict = 'conflict'",
)];

/// The objects of a schema: kind and name, with the table and the text.
pub(super) type Schema = HashMap<(String, String), (String, String)>;

/// What of aclite's own tables is not as an installation makes it.
pub(super) fn altered(schema: &Schema) -> Vec<String> {
    let known: HashSet<Vec<String>> = definitions().map(|sql| normal(&sql)).collect();
    let mut altered = Vec::new();
    for table in catalog::TABLES.iter().filter(|table| table.is_aclites()) {
        let found = schema.get(&("table".to_owned(), table.name.to_owned()));
        if !found.is_some_and(|(_, sql)| known.contains(&normal(sql))) {
            altered.push(format!("table `{}`", table.name));
        }
    }
    for ((kind, name), (table, sql)) in schema {
        // An index without a text belongs to a key of the table.
        if kind == "index" && !sql.is_empty() && catalog::named(table).is_some_and(catalog::Table::is_aclites) {
            altered.push(format!("index `{name}` on `{table}` is not aclite's"));
        }
    }
    altered.sort();
    altered
}

/// Each table's definition, and the one that it had before.
fn definitions() -> impl Iterator<Item = String> {
    statements(TABLES).into_iter().flat_map(|sql| {
        let former = FORMER.iter().filter(|(_, now)| sql.contains(now)).map(|(former, now)| sql.replace(now, former));
        former.chain([sql.clone()]).collect::<Vec<_>>()
    })
}

/// The tokens of a definition, but for what SQLite does not keep.
fn normal(sql: &str) -> Vec<String> {
    let sql = sql.replacen("IF NOT EXISTS ", "", 1);
    tokens(&sql).map(|token| token.text.to_owned()).collect()
}
