//! The guarded tables, what they really look like in a file, and their guards written over that.
//!
//! | marker of a guard file | becomes |
//! |---|---|
//! | `columns` | statements that hand all columns over but the last chunk; nothing for most tables |
//! | `row` | which rows have a key of a new one; or whether a changed key is taken, and whether the rowid changes; then the last chunk of columns |
//! | `rowid` | the rowid of the new row; NULL for a table without |
//!
//! `/*: held */` names a fact: [`check_facts`] compares it with the contract. The markers of further tables stand in
//! `extra_tables.rs`.

use rusqlite::Connection;

use super::writer::{expand, is_plain, literal, quote, statements};
use crate::catalog;
use crate::error::{Error, Result};
use crate::facts::{Affinity, CHILD, contract};
use crate::operation::{Action, Operation, Resource};
use crate::sql_text::lexer::{Kind, tokens};

/// How many columns one call hands over: with two values each, far fewer than the arguments that a function may have,
/// also where a host allows fewer.
const CHUNK: usize = 24;

/// The type of values that a column of this declared type holds. By SQLite's own rules of affinity.
pub(crate) fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |word: &&str| declared.contains(*word);
    if has(&"INT") {
        Affinity::Integer
    } else if ["CHAR", "CLOB", "TEXT"].iter().any(has) {
        Affinity::Text
    } else {
        Affinity::Any
    }
}

/// What a table really looks like in this file.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    columns: Vec<(String, Affinity)>,
    /// The columns of the primary key.
    primary: Vec<String>,
    /// Each unique index: its columns with their collations, and whether it is the primary key.
    unique: Vec<(Vec<(String, String)>, bool)>,
    /// A name for the rowid that no column shadows.
    rowid: Option<&'static str>,
    /// What keeps guards from being sound on this table.
    pub(crate) problems: Vec<String>,
}

impl Table {
    /// Reads the shape of table `name`, which must exist.
    pub(crate) fn read(conn: &Connection, name: &str) -> Result<Self> {
        let failed = |error| Error::of_file(format!("the shape of table `{name}`"), error);
        Self::read_shape(conn, name).map_err(failed)
    }

    fn read_shape(conn: &Connection, name: &str) -> rusqlite::Result<Self> {
        let known = catalog::named(name);
        let mut columns = Vec::new();
        let mut primary = Vec::new();
        let mut problems = Vec::new();
        let mut shape = conn.prepare("SELECT name, hidden, pk, type FROM pragma_table_xinfo(?1, 'main')")?;
        let mut rows = shape.query([name])?;
        while let Some(row) = rows.next()? {
            let (column, hidden): (String, i64) = (row.get(0)?, row.get(1)?);
            if row.get(2)? {
                primary.push(column.clone());
            }
            if !is_plain(&column) {
                problems.push(format!("table `{name}` has a column whose name guards can't carry: {column:?}"));
            }
            // What is made of a secret is one too, and has a name that nobody knows for one.
            if matches!(hidden, 2 | 3) && known.is_some_and(|known| known.secret_columns().next().is_some()) {
                problems.push(format!("column `{name}.{column}` is generated, and could show secrets"));
            }
            // A generated column changes only with those that it is made of.
            if hidden != 0 {
                continue;
            }
            columns.push((column, affinity(&row.get::<_, String>(3)?)));
        }
        let mut unique = Vec::new();
        let mut indexes =
            conn.prepare("SELECT name, origin, partial, \"unique\" FROM pragma_index_list(?1, 'main')")?;
        let mut rows = indexes.query([name])?;
        while let Some(row) = rows.next()? {
            let (index, origin, partial): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if !is_plain(&index) {
                problems.push(format!("table `{name}` has an index whose name guards can't carry: {index:?}"));
            }
            if !row.get::<_, bool>(3)? {
                continue;
            }
            let mut parts = Vec::new();
            let mut terms = conn.prepare("SELECT name, coll FROM pragma_index_xinfo(?1, 'main') WHERE key")?;
            let mut terms = terms.query([&index])?;
            while let Some(term) = terms.next()? {
                let (column, collation): (Option<String>, String) = (term.get(0)?, term.get(1)?);
                if !is_plain(&collation) {
                    problems
                        .push(format!("table `{name}` has a collation whose name guards can't carry: {collation:?}"));
                }
                parts.push((column, collation));
            }
            let columns: Option<Vec<_>> = parts.into_iter().map(|(column, coll)| Some((column?, coll))).collect();
            match columns {
                Some(columns) if !partial => unique.push((columns, origin == "pk")),
                _ => problems.push(format!("unique index `{index}` of table `{name}` is partial or on an expression")),
            }
        }
        if let Some(key) = known.map(|known| known.key)
            && !is_key(key, primary.iter())
            && !unique.iter().any(|(columns, _)| is_key(key, columns.iter().map(|(name, _)| name)))
        {
            problems.push(format!("table `{name}` has no key on {}", key.join(", ")));
        }
        let mut reference = conn.prepare(
            "SELECT 1 FROM pragma_foreign_key_list(?1, 'main') WHERE \"from\" = ?2 COLLATE NOCASE AND \"table\" = ?3 COLLATE NOCASE",
        )?;
        for (column, parent) in known.map(|known| known.parents).unwrap_or_default() {
            if !reference.exists([name, column, parent])? {
                problems.push(format!("column `{name}.{column}` does not reference `{parent}`"));
            }
        }
        let sql: String =
            conn.query_row("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1", [name], |row| {
                row.get(0)
            })?;
        let words = words(&sql);
        let follows = |first: &str, second: &str| words.windows(2).any(|pair| pair[0] == first && pair[1] == second);
        if follows("ON", "CONFLICT") {
            problems.push(format!("table `{name}` has an `ON CONFLICT` clause, which could pass by the guards"));
        }
        if words.iter().any(|word| word == "COLLATE") {
            problems.push(format!("table `{name}` has a `COLLATE` clause, which could make different ids equal"));
        }
        let without_rowid = follows("WITHOUT", "ROWID");
        let is_free = |alias: &&str| !columns.iter().any(|(column, _)| column.eq_ignore_ascii_case(alias));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| !without_rowid);
        if rowid.is_none() && !without_rowid {
            problems.push(format!("table `{name}` has columns that hide its rowid"));
        }
        Ok(Self { name: name.to_owned(), columns, primary, unique, rowid, problems })
    }

    /// Whether there is a column of this name, in whatever case.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column.eq_ignore_ascii_case(name))
    }

    /// The columns of the primary key; none where a row has its rowid alone.
    pub(super) fn key(&self) -> &[String] {
        &self.primary
    }

    /// The key of the `OLD` row as one text.
    pub(super) fn old_key(&self) -> String {
        if self.primary.is_empty() { format!("OLD.{}", self.rowid.unwrap_or("rowid")) } else { self.key_of("OLD") }
    }

    /// The key of the `NEW` row as one text, where it is known before the insert; a number that SQLite is to give is not.
    pub(super) fn new_key(&self) -> Option<String> {
        let given = match &self.primary[..] {
            [] => false,
            [column] => !self.columns.iter().any(|(name, kind)| name == column && *kind == Affinity::Integer),
            _ => true,
        };
        given.then(|| self.key_of("NEW"))
    }

    fn key_of(&self, row: &str) -> String {
        joined(self.primary.iter().map(|column| format!("{row}.{}", quote(column))))
    }

    /// The statements of a guard file, expanded over this table. `more` answers the markers that are not every table's.
    pub(super) fn expand(&self, file: &str, more: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
        let written = |statement: String| {
            check_facts(&statement)?;
            expand(&statement, |marker| self.fill(&statement, marker).or_else(|| more(marker)))
        };
        statements(file).into_iter().map(written).collect()
    }

    /// What a marker of this statement becomes.
    fn fill(&self, statement: &str, marker: &str) -> Option<String> {
        let updates = statement.contains(" BEFORE UPDATE ON ");
        let last = self.columns.chunks(CHUNK).next_back().unwrap_or_default();
        Some(match marker {
            "columns" => {
                let (_, call) = statement.split_once("acl_guard(")?;
                let asked: Vec<&str> = call.splitn(3, ',').take(2).collect();
                let chunks = self.columns.chunks(CHUNK);
                let earlier = chunks.len() - 1;
                chunks.take(earlier).map(|chunk| self.hand_over(&asked.join(","), chunk, updates)).collect()
            }
            "row" => {
                let taken = match updates {
                    true => format!("{}, {}", self.key_taken(), self.rowid_changed()),
                    false => self.taken_rows(),
                };
                format!(", {taken}, {}, {}", self.columns.len().div_ceil(CHUNK), chunk(last, updates))
            }
            "rowid" => self.rowid.map_or_else(|| "NULL".to_owned(), |rowid| format!("NEW.{rowid}")),
            _ => return None,
        })
    }

    /// The statement that hands a chunk of columns over to the guard that follows.
    fn hand_over(&self, asked: &str, columns: &[(String, Affinity)], updates: bool) -> String {
        format!("SELECT acl_row({asked}, {});\n  ", chunk(columns, updates))
    }

    fn rowid_changed(&self) -> String {
        self.rowid.map_or_else(|| "0".to_owned(), |rowid| format!("OLD.{rowid} IS NOT NEW.{rowid}"))
    }

    /// Which rows have a key of the new one: by what these are found, how many keys there are, and of each the row that
    /// has it, or NULL.
    fn taken_rows(&self) -> String {
        let table = quote(&self.name);
        let (by, found) = match self.rowid {
            Some(rowid) => (rowid, rowid.to_owned()),
            None => ("key", joined(self.primary.iter().map(|column| quote(column)))),
        };
        let mut terms = Vec::new();
        if let Some(rowid) = self.rowid {
            // Where none is given it is -1 here, a place that `acl_complete_write` keeps empty.
            terms.push(format!("(SELECT {found} FROM {table} WHERE {rowid} = NEW.{rowid})"));
        }
        for (columns, _) in &self.unique {
            terms.push(format!("(SELECT {found} FROM {table} WHERE {})", has_key(columns)));
        }
        let count = terms.len().to_string();
        [vec![literal(by), count], terms].concat().join(", ")
    }

    /// Whether another row has a key of the changed one.
    fn key_taken(&self) -> String {
        let table = quote(&self.name);
        let mut terms = Vec::new();
        // The primary key can't change.
        for (columns, _) in self.unique.iter().filter(|(_, primary)| !primary) {
            // Without a rowid a row is told from others by its primary key.
            let other = match self.rowid {
                Some(rowid) => format!("{rowid} IS NOT OLD.{rowid}"),
                None => {
                    let differs = |column: &String| format!("{0} IS NOT OLD.{0}", quote(column));
                    format!("({})", self.primary.iter().map(differs).collect::<Vec<_>>().join(" OR "))
                }
            };
            terms.push(format!("EXISTS (SELECT 1 FROM {table} WHERE {} AND {other})", has_key(columns)));
        }
        if terms.is_empty() { "0".to_owned() } else { format!("({})", terms.join(" OR ")) }
    }
}

/// Whether a row has the key of the new one in these columns of a unique index.
fn has_key(columns: &[(String, String)]) -> String {
    let equal = columns.iter().map(|(column, collation)| {
        let column = quote(column);
        format!("{column} = NEW.{column} COLLATE {}", quote(collation))
    });
    equal.collect::<Vec<_>>().join(" AND ")
}

/// The columns of a key as one text.
fn joined(columns: impl Iterator<Item = String>) -> String {
    columns.collect::<Vec<_>>().join(" || '/' || ")
}

/// A chunk of columns, as arguments: their list, and of each the old value in an update, and the new one.
fn chunk(columns: &[(String, Affinity)], updates: bool) -> String {
    // SQLite takes `Session_ID` for `session_id`, and so does the verdict.
    let line = |(name, kind): &(String, Affinity)| format!("{}{}", kind.letter(), name.to_ascii_lowercase());
    let mut arguments = literal(&columns.iter().map(line).collect::<Vec<_>>().join("\n"));
    for (name, _) in columns {
        let column = quote(name);
        let old = if updates { format!(", OLD.{column}") } else { String::new() };
        arguments.push_str(&format!("{old}, NEW.{column}"));
    }
    arguments
}

/// Fails unless the guards that a statement calls pass the facts of their contracts, each by its name and in order.
fn check_facts(statement: &str) -> Result<()> {
    let mut calls: Vec<&str> = statement.split("SELECT acl_guard").skip(1).collect();
    calls.retain(|call| !call.starts_with("_audit"));
    for call in calls {
        let (head, rest) = call.split_once('(').unwrap_or_default();
        let words: Vec<&str> = rest.splitn(3, ',').map(|word| word.trim_matches([' ', '\''])).collect();
        let known = match (head, &words[..]) {
            ("_child", _) => Some(CHILD),
            (_, [resource, action, ..]) => Resource::known(resource)
                .zip(Action::known(action))
                .map(|(resource, action)| contract(Operation::new(resource, action))),
            _ => None,
        };
        let passed: Vec<&str> =
            rest.split("/*:").skip(1).filter_map(|name| name.split_once("*/")).map(|(name, _)| name.trim()).collect();
        let wanted: Vec<&str> = known.unwrap_or_default().iter().map(|fact| fact.name()).collect();
        if passed != wanted {
            return Err(Error::broken(format!(
                "a guard file passes the facts {passed:?} to acl_guard{head}({}), whose contract is {wanted:?}",
                words[..words.len().min(2)].join(", ")
            )));
        }
    }
    Ok(())
}

/// Whether these columns are the key, in whichever order.
fn is_key<'a>(key: &[&str], columns: impl Iterator<Item = &'a String>) -> bool {
    let mut columns: Vec<String> = columns.map(|column| column.to_ascii_lowercase()).collect();
    columns.sort();
    let mut key = key.to_vec();
    key.sort_unstable();
    columns == key
}

/// The bare words of a statement in upper case: no comments, literals or quoted names.
fn words(sql: &str) -> Vec<String> {
    tokens(sql).filter(|token| token.kind == Kind::Word).map(|token| token.text.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sql: &str) -> Table {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        Table::read(&conn, "t").unwrap()
    }

    #[test]
    fn words_leave_out_what_only_looks_like_one() {
        let sql =
            "CREATE TABLE t (a text DEFAULT 'ON CONFLICT', \"COLLATE\" int, -- ON CONFLICT\n b /* COLLATE */ int)";
        let words = words(sql);
        assert!(!words.contains(&"COLLATE".to_owned()) && !words.contains(&"CONFLICT".to_owned()), "{words:?}");
        assert!(words.contains(&"B".to_owned()));
    }

    #[test]
    fn unsound_tables_are_named() {
        let unsound = [
            ("CREATE TABLE t (a text PRIMARY KEY ON /**/ conflict replace)", "ON CONFLICT"),
            ("CREATE TABLE t (a text COLLATE NOCASE PRIMARY KEY)", "COLLATE"),
            ("CREATE TABLE t (a, b); CREATE UNIQUE INDEX i ON t (a) WHERE b", "partial"),
            ("CREATE TABLE t (a, b); CREATE UNIQUE INDEX i ON t (a + b)", "expression"),
            ("CREATE TABLE t (rowid, _rowid_, oid)", "rowid"),
        ];
        for (sql, problem) in unsound {
            let found = table(sql).problems;
            assert!(found.iter().any(|text| text.contains(problem)), "{sql}: {found:?}");
        }
        assert!(table("CREATE TABLE t (a text PRIMARY KEY, b text UNIQUE)").problems.is_empty());
    }

    #[test]
    fn guard_files_keep_the_contract() {
        for (known, faulty) in [
            ("/*: id */ OLD.task_id, ", ""),
            ("/*: id */", "/*: idd */"),
            ("/*: held */", "/*: own */"),
            ("/*: id */ OLD.task_id, ", "/*: id */ OLD.task_id, /*: status */ OLD.status, "),
            ("'task', 'patch'", "'task', 'patchh'"),
            ("'task', 'patch'", "'tusk', 'patch'"),
        ] {
            let file = catalog::of(Resource::Task).guards;
            let broken = statements(file).into_iter().filter(|sql| sql.contains("BEFORE UPDATE"));
            for sql in broken.map(|sql| sql.replacen(known, faulty, 1)) {
                assert!(check_facts(&sql).is_err(), "{known} {faulty}");
            }
        }
        for table in &catalog::TABLES {
            for sql in statements(table.guards) {
                check_facts(&sql).unwrap_or_else(|error| panic!("{}: {error}", table.name));
            }
        }
    }

    #[test]
    fn taken_asks_every_unique_index() {
        let table = table("CREATE TABLE t (a text PRIMARY KEY, \"b\"\"c\" text UNIQUE, rowid int)");
        let (insert, update) = (table.taken_rows(), table.key_taken());
        assert!(
            insert.starts_with("'_rowid_', 3, ")
                && insert.contains("_rowid_ = NEW._rowid_")
                && insert.contains("\"a\" = NEW.\"a\""),
            "{insert}"
        );
        assert!(insert.contains("\"b\"\"c\" = NEW.\"b\"\"c\""), "{insert}");
        assert!(!update.contains("\"a\" =") && update.contains("_rowid_ IS NOT OLD._rowid_"), "{update}");
    }
}
