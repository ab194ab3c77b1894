//! What adoption added to the tables of another program, so that it can be taken back.
//!
//! `acl_meta` keeps it: a row `adopted`, and one row `added table T`, `added column T.C` or `added index I` for each thing.
//! While the file is detached these rows say what was taken back.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::schema::VERSIONS;
use crate::catalog;
use crate::error::{Error, Result};
use crate::guard::quote;
use crate::sql_text::lexer::tokens;

/// What adoption added; nothing of what belongs to aclite alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) tables: BTreeSet<String>,
    /// Each with its table.
    pub(super) columns: BTreeSet<(String, String)>,
    pub(super) indexes: BTreeSet<String>,
}

impl Added {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.tables.contains(table)
    }

    /// The columns that were added to `table`.
    pub(super) fn columns_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        self.columns.iter().filter(move |(of, _)| of == table).map(|(_, column)| column.as_str())
    }

    /// Whether `column` of `table` was added, alone or with its table.
    pub(super) fn has_column(&self, table: &str, column: &str) -> bool {
        self.has_table(table) || self.columns_of(table).any(|added| added == column)
    }

    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.tables.extend(other.tables);
        self.columns.extend(other.columns);
        self.indexes.extend(other.indexes);
        self
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let tables = self.tables.iter().map(|table| format!("added table {table}"));
        let columns = self.columns.iter().map(|(table, column)| format!("added column {table}.{column}"));
        let indexes = self.indexes.iter().map(|index| format!("added index {index}"));
        tables.chain(columns).chain(indexes)
    }
}

/// What an earlier adoption of this file added. A file that an older aclite adopted has no record: what has the very
/// text that adoption writes was added then.
pub(super) fn read(conn: &Connection) -> Result<Added> {
    let failed = |error| Error::of_file("reading what adoption added", error);
    let mut rows = conn
        .prepare("SELECT name FROM main.acl_meta WHERE name = 'adopted' OR name GLOB 'added *' ORDER BY name")
        .map_err(failed)?;
    let rows = rows.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    let names: Vec<String> = rows.collect::<Result<_, _>>().map_err(failed)?;
    if names.is_empty() {
        return by_text(conn);
    }
    let mut added = Added::default();
    for name in &names {
        let Some((kind, what)) = name.strip_prefix("added ").and_then(|rest| rest.split_once(' ')) else { continue };
        match (kind, what.split_once('.')) {
            ("table", _) => drop(added.tables.insert(what.to_owned())),
            ("column", Some((table, column))) => drop(added.columns.insert((table.to_owned(), column.to_owned()))),
            ("index", _) => drop(added.indexes.insert(what.to_owned())),
            _ => {}
        }
    }
    // Only what an adoption can have added is ever dropped, whatever the rows say.
    let model = model()?;
    added.tables.retain(|table| is_addable(table));
    added.columns.retain(|(table, column)| {
        catalog::named(table).is_some_and(|known| is_core(table) && !known.required.contains(&column.as_str()))
    });
    let known: BTreeSet<String> = indexes(&model)?.into_iter().map(|(name, _, _)| name).collect();
    added.indexes.retain(|index| known.contains(index));
    Ok(added)
}

/// Whether the file has a record of what adoption added.
pub(super) fn is_recorded(conn: &Connection) -> Result<bool> {
    conn.prepare("SELECT 1 FROM main.acl_meta WHERE name = 'adopted'")
        .and_then(|mut record| record.exists([]))
        .map_err(|error| Error::of_file("reading what adoption added", error))
}

/// Writes the record of this adoption, in place of an earlier one.
pub(super) fn write(conn: &Connection, added: &Added) -> Result<()> {
    let failed = |error| Error::of_file("recording what adoption added", error);
    conn.execute("DELETE FROM main.acl_meta WHERE name = 'adopted' OR name GLOB 'added *'", []).map_err(failed)?;
    let mut insert = conn.prepare("INSERT INTO main.acl_meta (name, value) VALUES (?1, 1)").map_err(failed)?;
    for name in std::iter::once("adopted".to_owned()).chain(added.names()) {
        insert.execute([name]).map_err(failed)?;
    }
    Ok(())
}

/// The tables and indexes of the file that adoption may add to.
#[derive(Debug)]
pub(super) struct Before(BTreeSet<(String, String)>);

impl Before {
    /// Notes what is there before an adoption adds anything.
    pub(super) fn look(conn: &Connection) -> Result<Self> {
        objects(conn).map(Self)
    }

    /// What has come since, given the columns that were added as `table.column`.
    pub(super) fn added(&self, conn: &Connection, columns: &[String]) -> Result<Added> {
        let mut added = Added::default();
        for (kind, name) in objects(conn)?.difference(&self.0) {
            match kind.as_str() {
                "table" if is_addable(name) => drop(added.tables.insert(name.clone())),
                "index" => drop(added.indexes.insert(name.clone())),
                _ => {}
            }
        }
        added.columns = columns
            .iter()
            .filter_map(|name| name.split_once('.'))
            .map(|(table, column)| (table.to_owned(), column.to_owned()))
            .collect();
        Ok(added)
    }
}

/// Every table and index that has a name of its own.
fn objects(conn: &Connection) -> Result<BTreeSet<(String, String)>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut objects = conn
        .prepare("SELECT type, name FROM main.sqlite_schema WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        .map_err(failed)?;
    let rows = objects.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Whether it is one of the guarded tables that an Agor file may have.
fn is_core(table: &str) -> bool {
    catalog::TABLES.iter().any(|known| known.name == table && !known.is_aclites())
}

/// Whether adoption adds this table where it is missing.
fn is_addable(table: &str) -> bool {
    catalog::named(table).is_some_and(|known| known.name == table && known.required.is_empty() && !known.is_aclites())
}

/// An empty file of the present version, without guards.
pub(super) fn model() -> Result<Connection> {
    let failed = |error| Error::of_file("building the tables of this version", error);
    let model = Connection::open_in_memory().map_err(failed)?;
    for version in &VERSIONS {
        model.execute_batch(version.tables).map_err(failed)?;
        model.execute_batch(version.indexes).map_err(failed)?;
    }
    Ok(model)
}

/// A column that a guarded table should have.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// How it is added; nothing where older rows would have no value for it.
    pub(super) definition: Option<String>,
    pub(super) default: Option<String>,
    /// The table and the key that it references.
    pub(super) parent: Option<(String, String)>,
}

/// The columns that `table` has in the model.
pub(super) fn wanted(model: &Connection, table: &str) -> Result<Vec<Wanted>> {
    let failed = |error| Error::of_file("reading the tables of this version", error);
    let mut wanted = model
        .prepare(
            "SELECT c.name, c.type, c.\"notnull\", c.dflt_value, f.\"table\", f.\"to\", f.on_delete
             FROM pragma_table_info(?1) AS c LEFT JOIN pragma_foreign_key_list(?1) AS f ON f.\"from\" = c.name",
        )
        .map_err(failed)?;
    let wanted = wanted
        .query_map([table], |row| {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            let (required, default): (bool, Option<String>) = (row.get(2)?, row.get(3)?);
            let mut definition = format!("{} {kind}", quote(&name));
            if required {
                definition.push_str(" NOT NULL");
            }
            if let Some(default) = &default {
                definition = format!("{definition} DEFAULT {default}");
            }
            let mut parent = None;
            if let Some(table) = row.get::<_, Option<String>>(4)? {
                let (key, then): (String, String) = (row.get(5)?, row.get(6)?);
                definition = format!("{definition} REFERENCES {} ({}) ON DELETE {then}", quote(&table), quote(&key));
                parent = Some((table, key));
            }
            // What older rows would hold in it, nobody can say.
            let definition = (!required || default.is_some()).then_some(definition);
            Ok(Wanted { name, definition, default, parent })
        })
        .map_err(failed)?;
    wanted.collect::<Result<_, _>>().map_err(failed)
}

/// What has the text that adoption writes. A file that aclite made has nothing that was added.
fn by_text(conn: &Connection) -> Result<Added> {
    let failed = |error| Error::of_file("reading the schema", error);
    let model = model()?;
    let sql = |conn: &Connection, table: &str| -> Result<Option<String>> {
        let mut sql =
            conn.prepare("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1").map_err(failed)?;
        let mut rows = sql.query([table]).map_err(failed)?;
        rows.next().map_err(failed)?.map(|row| row.get(0)).transpose().map_err(failed)
    };
    let same = |table: &str| -> Result<bool> {
        let ours = sql(&model, table)?;
        Ok(sql(conn, table)?.zip(ours).is_some_and(|(found, ours)| is_same_text(&found, &ours)))
    };
    let mut added = Added::default();
    if same("users")? {
        return Ok(added);
    }
    for catalog::Table { name: table, required, .. } in catalog::TABLES.iter().filter(|table| !table.is_aclites()) {
        if is_addable(table) && same(table)? {
            added.tables.insert((*table).to_owned());
            continue;
        }
        let found = sql(conn, table)?.unwrap_or_default();
        for column in wanted(&model, table)? {
            let is_addable = !required.contains(&column.name.as_str());
            if is_addable && column.definition.is_some_and(|definition| found.contains(&format!(", {definition}"))) {
                added.columns.insert(((*table).to_owned(), column.name));
            }
        }
    }
    let found = indexes(conn)?;
    for (name, table, text) in indexes(&model)? {
        let is_ours = |(other, _, found): &&(String, String, String)| *other == name && is_same_text(found, &text);
        if is_core(&table) && found.iter().any(|index| is_ours(&index)) {
            added.indexes.insert(name);
        }
    }
    Ok(added)
}

/// Each index that has a text: its name, its table, the text.
fn indexes(conn: &Connection) -> Result<Vec<(String, String, String)>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut indexes = conn
        .prepare("SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .map_err(failed)?;
    let rows = indexes.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// Whether two definitions differ in nothing but spaces and comments.
fn is_same_text(one: &str, other: &str) -> bool {
    tokens(one).map(|token| token.text).eq(tokens(other).map(|token| token.text))
}
