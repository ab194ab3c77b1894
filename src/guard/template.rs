//! The guarded tables, what they really look like in a file, and their guards written over that.
//!
//! | marker of a guard file | becomes |
//! |---|---|
//! | `row` | the facts of the row: its columns, what changes, what is mistyped, whether a key is taken |
//! | `write` | what `acl_complete_write` is told: the action, what changes, the rowid of a new row |
//! | `audit row` | the statement of `sql/guards/audit_row.sql` |
//! | `audit KIND, KEY` | the same, where a row is due for this record |
//!
//! The markers of further tables stand in `further.rs`.

use rusqlite::Connection;

use super::writer::{expand, is_plain, literal, quote, statements};
use crate::error::{Error, Result};
use crate::sql_text::lexer::{Kind, tokens};

/// The guarded tables and their guards, parents first.
pub(crate) const GUARDED: [(&str, &str); 17] = [
    ("users", include_str!("../../sql/guards/users.sql")),
    ("repos", include_str!("../../sql/guards/repos.sql")),
    ("boards", include_str!("../../sql/guards/boards.sql")),
    ("worktrees", include_str!("../../sql/guards/worktrees.sql")),
    ("worktree_owners", include_str!("../../sql/guards/worktree_owners.sql")),
    ("sessions", include_str!("../../sql/guards/sessions.sql")),
    ("tasks", include_str!("../../sql/guards/tasks.sql")),
    ("messages", include_str!("../../sql/guards/messages.sql")),
    ("groups", include_str!("../../sql/guards/groups.sql")),
    ("group_memberships", include_str!("../../sql/guards/group_memberships.sql")),
    ("worktree_group_grants", include_str!("../../sql/guards/worktree_group_grants.sql")),
    ("acl_rules", include_str!("../../sql/guards/acl_rules.sql")),
    ("acl_settings", include_str!("../../sql/guards/acl_settings.sql")),
    ("acl_epoch", include_str!("../../sql/guards/acl_epoch.sql")),
    ("acl_audit", include_str!("../../sql/guards/acl_audit.sql")),
    ("acl_tables", include_str!("../../sql/guards/acl_tables.sql")),
    ("acl_meta", include_str!("../../sql/guards/acl_meta.sql")),
];

const AUDIT_ROW: &str = include_str!("../../sql/guards/audit_row.sql");

/// The references that inheritance of permission rests on, as table, column and parent. Without one
/// a deletion would leave orphans, and whoever makes a new parent of the same id would get them.
const REFERENCES: [(&str, &str, &str); 10] = [
    ("worktrees", "repo_id", "repos"),
    ("worktree_owners", "worktree_id", "worktrees"),
    ("worktree_owners", "user_id", "users"),
    ("sessions", "worktree_id", "worktrees"),
    ("tasks", "session_id", "sessions"),
    ("messages", "session_id", "sessions"),
    ("group_memberships", "group_id", "groups"),
    ("group_memberships", "user_id", "users"),
    ("worktree_group_grants", "worktree_id", "worktrees"),
    ("worktree_group_grants", "group_id", "groups"),
];

/// The columns that are each table's key. Without a unique one, two rows could have the same id.
const KEYS: [(&str, &[&str]); 17] = [
    ("users", &["user_id"]),
    ("repos", &["repo_id"]),
    ("boards", &["board_id"]),
    ("worktrees", &["worktree_id"]),
    ("worktree_owners", &["worktree_id", "user_id"]),
    ("sessions", &["session_id"]),
    ("tasks", &["task_id"]),
    ("messages", &["message_id"]),
    ("groups", &["group_id"]),
    ("group_memberships", &["group_id", "user_id"]),
    ("worktree_group_grants", &["worktree_id", "group_id"]),
    ("acl_rules", &["resource", "operation"]),
    ("acl_settings", &["name"]),
    ("acl_epoch", &["one"]),
    ("acl_audit", &["seq"]),
    ("acl_tables", &["name"]),
    ("acl_meta", &["name"]),
];

/// Whether every file has a table of this name under guard.
pub(crate) fn is_guarded(table: &str) -> bool {
    GUARDED.iter().any(|(guarded, _)| table.eq_ignore_ascii_case(guarded))
}

/// The type of values that a column of this declared type holds: `integer`, `text`, or nothing certain. By SQLite's own
/// rules of affinity.
pub(crate) fn affinity(declared: &str) -> Option<&'static str> {
    let declared = declared.to_ascii_uppercase();
    let has = |word: &&str| declared.contains(*word);
    if has(&"INT") { Some("integer") } else { ["CHAR", "CLOB", "TEXT"].iter().any(has).then_some("text") }
}

/// What a table really looks like in this file.
#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    columns: Vec<String>,
    /// The columns of the primary key.
    primary: Vec<String>,
    /// The columns that are declared as text or as integers.
    typed: Vec<(String, &'static str)>,
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
        let mut columns = Vec::new();
        let mut typed = Vec::new();
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
            if matches!(hidden, 2 | 3) && matches!(name, "users" | "sessions") {
                problems.push(format!("column `{name}.{column}` is generated, and could show secrets"));
            }
            // A generated column changes only with those that it is made of.
            if hidden != 0 {
                continue;
            }
            typed.extend(affinity(&row.get::<_, String>(3)?).map(|kind| (column.clone(), kind)));
            columns.push(column);
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
        for (_, key) in KEYS.iter().filter(|(table, _)| *table == name) {
            if !is_key(key, primary.iter())
                && !unique.iter().any(|(columns, _)| is_key(key, columns.iter().map(|(name, _)| name)))
            {
                problems.push(format!("table `{name}` has no key on {}", key.join(", ")));
            }
        }
        let mut reference = conn.prepare(
            "SELECT 1 FROM pragma_foreign_key_list(?1, 'main') WHERE \"from\" = ?2 COLLATE NOCASE AND \"table\" = ?3 COLLATE NOCASE",
        )?;
        for (_, column, parent) in REFERENCES.iter().filter(|(table, ..)| *table == name) {
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
        let is_free = |alias: &&str| !columns.iter().any(|column| column.eq_ignore_ascii_case(alias));
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| !without_rowid);
        if rowid.is_none() && !without_rowid {
            problems.push(format!("table `{name}` has columns that hide its rowid"));
        }
        Ok(Self { name: name.to_owned(), columns, primary, typed, unique, rowid, problems })
    }

    /// Whether there is a column of this name, in whatever case.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.eq_ignore_ascii_case(name))
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
            [column] => !self.typed.iter().any(|(name, kind)| name == column && *kind == "integer"),
            _ => true,
        };
        given.then(|| self.key_of("NEW"))
    }

    fn key_of(&self, row: &str) -> String {
        let columns: Vec<String> = self.primary.iter().map(|column| format!("{row}.{}", quote(column))).collect();
        columns.join(" || '/' || ")
    }

    /// The statements of a guard file, expanded over this table. `more` answers the markers that are not every table's.
    pub(super) fn expand(&self, file: &str, more: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
        let written =
            |statement: String| expand(&statement, |marker| self.fill(&statement, marker).or_else(|| more(marker)));
        statements(file).into_iter().map(written).collect()
    }

    /// What a marker of this statement becomes.
    fn fill(&self, statement: &str, marker: &str) -> Option<String> {
        let updates = statement.contains(" BEFORE UPDATE ON ");
        Some(match marker.split_once(' ').map_or((marker, ""), |(name, of)| (name, of.trim())) {
            ("row", "") => self.row(updates),
            ("write", "") => self.write(statement),
            ("audit", "row") => audit_row("VALUES (", ")")?,
            ("audit", record) => {
                audit_row("SELECT ", &format!(" WHERE acl_complete_write({record}{})", self.write(statement)))?
            }
            _ => return None,
        })
    }

    /// The facts that every row has.
    fn row(&self, updates: bool) -> String {
        // SQLite takes `Session_ID` for `session_id`, and so does the verdict.
        let columns = literal(&self.columns.join("\n").to_ascii_lowercase());
        let changed = match updates {
            true => format!(" 'changed', {}, 'rowid_changed', {},", self.changed(), self.moved()),
            false => String::new(),
        };
        format!(
            ", 'columns', {columns},{changed} 'mistyped', {}, 'key_taken', {}",
            self.odd(updates),
            self.taken(updates)
        )
    }

    fn write(&self, statement: &str) -> String {
        if statement.contains(" AFTER INSERT ON ") {
            let rowid = self.rowid.map_or_else(|| "NULL".to_owned(), |rowid| format!("NEW.{rowid}"));
            format!(", 'create', NULL, {rowid}")
        } else if statement.contains(" AFTER UPDATE ON ") {
            format!(", 'patch', {}, NULL", self.changed())
        } else {
            ", 'remove', NULL, NULL".to_owned()
        }
    }

    fn odd(&self, update: bool) -> String {
        let mut cases = String::new();
        for (name, kind) in &self.typed {
            let column = quote(name);
            let changed = if update { format!(" AND OLD.{column} IS NOT NEW.{column}") } else { String::new() };
            let told = literal(&format!("{kind} {}", name.to_ascii_lowercase()));
            cases.push_str(&format!(
                " WHEN typeof(NEW.{column}) <> '{kind}' AND NEW.{column} IS NOT NULL{changed} THEN {told}"
            ));
        }
        if cases.is_empty() { "NULL".to_owned() } else { format!("CASE{cases}{} END", self.garbled(update)) }
    }

    /// What finds text that no reader could read back.
    fn garbled(&self, update: bool) -> String {
        let texts: Vec<&String> = self.typed.iter().filter(|(_, kind)| *kind == "text").map(|(name, _)| name).collect();
        if texts.is_empty() {
            return String::new();
        }
        let names: Vec<String> = texts.iter().map(|name| name.to_ascii_lowercase()).collect();
        let value = |name: &&String| {
            let column = quote(name);
            if update {
                format!("CASE WHEN OLD.{column} IS NOT NEW.{column} THEN NEW.{column} END")
            } else {
                format!("NEW.{column}")
            }
        };
        let values: Vec<String> = texts.iter().map(value).collect();
        format!(" ELSE acl_undecodable({}, {})", literal(&names.join("\n")), values.join(", "))
    }

    fn changed(&self) -> String {
        let digit = |column: &String| {
            let column = quote(column);
            format!("(OLD.{column} COLLATE BINARY IS NOT NEW.{column})")
        };
        self.columns.iter().map(digit).collect::<Vec<_>>().join(" || ")
    }

    fn moved(&self) -> String {
        self.rowid.map_or_else(|| "0".to_owned(), |rowid| format!("OLD.{rowid} IS NOT NEW.{rowid}"))
    }

    fn taken(&self, update: bool) -> String {
        let table = quote(&self.name);
        let mut terms = Vec::new();
        if let (Some(rowid), false) = (self.rowid, update) {
            // Where none is given it is -1 here, a place that `acl_complete_write` keeps empty.
            terms.push(format!("EXISTS (SELECT 1 FROM {table} WHERE {rowid} = NEW.{rowid})"));
        }
        for (columns, primary) in &self.unique {
            // The primary key can't change.
            if update && *primary {
                continue;
            }
            let equal = columns.iter().map(|(column, collation)| {
                let column = quote(column);
                format!("{column} = NEW.{column} COLLATE {}", quote(collation))
            });
            let mut condition = equal.collect::<Vec<_>>().join(" AND ");
            if update {
                let rowid = self.rowid.unwrap_or("rowid");
                condition = format!("{condition} AND {rowid} IS NOT OLD.{rowid}");
            }
            terms.push(format!("EXISTS (SELECT 1 FROM {table} WHERE {condition})"));
        }
        if terms.is_empty() { "0".to_owned() } else { format!("({})", terms.join(" OR ")) }
    }
}

/// The statement that inserts the audit row which is due, its values between `open` and `close`; nothing where its file is faulty.
fn audit_row(open: &str, close: &str) -> Option<String> {
    let fill = |marker: &str| match marker {
        "open" => Some(open.to_owned()),
        "close" => Some(close.to_owned()),
        _ => None,
    };
    let (_, insert) = AUDIT_ROW.split_once("INSERT INTO")?;
    Some(format!("INSERT INTO{}", expand(insert.trim_end(), fill).ok()?))
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
    fn taken_asks_every_unique_index() {
        let table = table("CREATE TABLE t (a text PRIMARY KEY, \"b\"\"c\" text UNIQUE, rowid int)");
        let (insert, update) = (table.taken(false), table.taken(true));
        assert!(insert.contains("_rowid_ = NEW._rowid_") && insert.contains("\"a\" = NEW.\"a\""), "{insert}");
        assert!(insert.contains("\"b\"\"c\" = NEW.\"b\"\"c\""), "{insert}");
        assert!(!update.contains("\"a\" =") && update.contains("_rowid_ IS NOT OLD._rowid_"), "{update}");
    }
}
