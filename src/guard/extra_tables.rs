//! The daemon's further tables under the same guards: tables whose rows belong to a session or to a worktree.

use rusqlite::Connection;

use super::template::Table;
use super::writer::{is_plain, literal, quote};
use crate::catalog;
use crate::error::{Error, Incompatible, Result};
use crate::operation::Resource;

/// The guards of such a table.
const GUARDS: &str = include_str!("../../sql/guards/extra_table.sql");

/// One such table, as the row of `acl_tables` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtraTable {
    pub(crate) name: String,
    /// The column that names the parent.
    pub(crate) parent_column: String,
    /// What the parent is: a session or a worktree.
    pub(crate) parent: Resource,
}

/// The further tables of this file, by name; none where the list itself is missing.
pub(crate) fn list(conn: &Connection) -> Result<Vec<ExtraTable>> {
    let failed = |error| Error::of_file("reading the list of further tables", error);
    let mut there = conn
        .prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'acl_tables'")
        .map_err(failed)?;
    if !there.exists([]).map_err(failed)? {
        return Ok(Vec::new());
    }
    let mut rows = conn.prepare("SELECT name, via, parent FROM main.acl_tables ORDER BY name").map_err(failed)?;
    let rows = rows
        .query_map([], |row| {
            let parent: String = row.get(2)?;
            let parent = if parent == "session" { Resource::Session } else { Resource::Worktree };
            Ok(ExtraTable { name: row.get(0)?, parent_column: row.get(1)?, parent })
        })
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

impl ExtraTable {
    /// Table and key of the parent.
    const fn parent_table(&self) -> (&'static str, &'static str) {
        let parent = match self.parent {
            Resource::Session => catalog::of(Resource::Session),
            _ => catalog::of(Resource::Worktree),
        };
        (parent.name, parent.key[0])
    }

    /// What keeps this table from being guarded, if anything: an unsound shape, a name that guards can't carry, a
    /// reference to the parent that does not delete with it.
    pub(super) fn problems(&self, conn: &Connection, table: &Table) -> Result<Vec<String>> {
        let failed = |error| Error::of_file(format!("the shape of table `{}`", self.name), error);
        let mut problems = table.problems.clone();
        let plain = |name: &str| {
            name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
                && name.starts_with(|char: char| char.is_ascii_alphabetic())
        };
        // A rule of that name would be the rule of something else.
        let lower = self.name.to_ascii_lowercase();
        let taken = Resource::known(&lower).is_some();
        if !plain(&self.name) || taken || lower.starts_with("acl_") || lower.starts_with("sqlite_") {
            problems.push(format!("table `{}` has a name that guards can't carry", self.name));
        }
        if !is_plain(&self.parent_column) {
            problems.push(format!(
                "column {:?} of table `{}` has a name that guards can't carry",
                self.parent_column, self.name
            ));
        }
        if !table.has_column(&self.parent_column) {
            problems.push(format!("there is no column `{}.{}`", self.name, self.parent_column));
        }
        let (parent, _) = self.parent_table();
        let mut reference = conn
            .prepare(
                "SELECT 1 FROM pragma_foreign_key_list(?1, 'main')
                 WHERE \"from\" = ?2 COLLATE NOCASE AND \"table\" = ?3 COLLATE NOCASE AND on_delete = 'CASCADE'",
            )
            .map_err(failed)?;
        if !reference.exists([&self.name, &self.parent_column, parent]).map_err(failed)? {
            problems.push(format!(
                "column `{}.{}` does not reference `{parent}` with ON DELETE CASCADE",
                self.name, self.parent_column
            ));
        }
        Ok(problems)
    }

    /// The guards of this table.
    pub(super) fn guards(&self, conn: &Connection, table: &Table) -> Result<Vec<String>> {
        let (_, parent_key) = self.parent_table();
        let (parent_facts, session) = match self.parent {
            Resource::Session => ("acl_session_facts", "p.session_id"),
            _ => ("acl_worktree_facts", "NULL"),
        };
        let mut fixed = table.key().to_vec();
        fixed.push(self.parent_column.clone());
        for stamp in ["created_by", "created_at"] {
            if table.has_column(stamp) {
                fixed.push(stamp.to_owned());
            }
        }
        let (removed_parents, set_null) = references(conn, &self.name)?;
        let parent_column = quote(&self.parent_column);
        table.expand(GUARDS, |marker| {
            Some(match marker {
                "table" => quote(&self.name),
                "table name" => literal(&self.name),
                "table prefix" => literal(&format!("{}/", self.name)),
                "parent kind" => literal(self.parent.as_str()),
                "parent facts" => parent_facts.to_owned(),
                "parent key" => parent_key.to_owned(),
                "parent column" => parent_column.clone(),
                "session" => session.to_owned(),
                // A row that has no key before it is there goes by its parent.
                "new key" => table.new_key().unwrap_or_else(|| format!("NEW.{parent_column}")),
                "old key" => table.old_key(),
                "fixed columns" => literal(&fixed.join("\n").to_ascii_lowercase()),
                "set null" => set_null.clone(),
                "removed parents" => removed_parents.clone(),
                // The name is plain, or the table is refused; see `problems`.
                trigger => format!("acl_{}_{}", self.name, trigger.strip_prefix("trigger ")?),
            })
        })
    }

    /// The part of the children's list in the guard of a removed `ancestor` that stands for this table.
    fn children(&self, ancestor: &str) -> String {
        let (name, table, parent_column) = (&self.name, quote(&self.name), quote(&self.parent_column));
        let (of_session, of_worktree) = (self.parent == Resource::Session, self.parent == Resource::Worktree);
        match ancestor {
            "session" if of_session => {
                format!("\n        UNION ALL\n        SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {table} WHERE {parent_column} = OLD.session_id)")
            }
            "worktree" if of_session => format!(
                "\n        UNION ALL\n        SELECT DISTINCT '{name}', s.created_by IS acl_actor() FROM sessions AS s
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM {table} AS r WHERE r.{parent_column} = s.session_id)"
            ),
            "worktree" if of_worktree => format!(
                "\n        UNION ALL\n        SELECT '{name}', OLD.created_by IS acl_actor()
        WHERE EXISTS (SELECT 1 FROM {table} AS r WHERE r.{parent_column} = OLD.worktree_id)"
            ),
            "repo" if of_session => format!(
                "\n        UNION ALL\n        SELECT DISTINCT '{name}', s.worktree_id, s.created_by IS acl_actor()
        FROM worktrees AS w JOIN sessions AS s ON s.worktree_id = w.worktree_id WHERE w.repo_id = OLD.repo_id
          AND EXISTS (SELECT 1 FROM {table} AS r WHERE r.{parent_column} = s.session_id)"
            ),
            "repo" if of_worktree => format!(
                "\n        UNION ALL\n        SELECT '{name}', w.worktree_id, w.created_by IS acl_actor() FROM worktrees AS w
        WHERE w.repo_id = OLD.repo_id AND EXISTS (SELECT 1 FROM {table} AS r WHERE r.{parent_column} = w.worktree_id)"
            ),
            _ => String::new(),
        }
    }
}

/// What the marker `extra_tables ANCESTOR` becomes: the children in `extra_tables`.
pub(super) fn children(marker: &str, extra_tables: &[ExtraTable]) -> Option<String> {
    let ancestor = marker.strip_prefix("extra_tables ")?;
    Some(extra_tables.iter().map(|table| table.children(ancestor)).collect())
}

/// The facts by which the guards of table `name` learn of a cascade: of references that delete, and of those that set NULL.
fn references(conn: &Connection, name: &str) -> Result<(String, String)> {
    let failed = |error| Error::of_file(format!("the references of table `{name}`"), error);
    let mut list = conn
        .prepare("SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list(?1, 'main') ORDER BY id")
        .map_err(failed)?;
    let mut rows = list.query([name]).map_err(failed)?;
    let (mut removed_parents, mut set_null) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        let (from, parent, then): (String, String, String) =
            (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?, row.get(3).map_err(failed)?);
        let to: Option<String> = row.get(2).map_err(failed)?;
        let Some((resource, key)) = parent_of(&parent.to_ascii_lowercase()) else { continue };
        let to = to.unwrap_or_else(|| key.to_owned());
        // A removal under way is known by the parent's key: another column of the same text would pass for it.
        if !to.eq_ignore_ascii_case(key) && matches!(then.as_str(), "CASCADE" | "SET NULL") {
            let problem = format!(
                "column `{name}.{from}` references `{parent}.{to}`, which is not its key: guards could not tell whose cascade it is"
            );
            return Err(Error::Incompatible(Box::new(Incompatible::Shape { problems: vec![problem] })));
        }
        let (column, to) = (quote(&from), quote(&to));
        let parent = quote(&parent);
        match then.as_str() {
            "CASCADE" => removed_parents.push(format!(
                "CASE WHEN typeof(OLD.{column}) = 'text' AND NOT EXISTS (SELECT 1 FROM {parent} WHERE {to} = OLD.{column})
        THEN json_array(NULL, '{resource}', OLD.{column}) END"
            )),
            "SET NULL" => set_null.push(format!(
                "CASE WHEN typeof(OLD.{column}) = 'text' AND NEW.{column} IS NULL
        AND NOT EXISTS (SELECT 1 FROM {parent} WHERE {to} = OLD.{column}) THEN json_array({}, '{resource}', OLD.{column}) END",
                literal(&from.to_ascii_lowercase())
            )),
            _ => {}
        }
    }
    let array = |parents: Vec<String>| format!("json_array({})", parents.join(", "));
    Ok((array(removed_parents), array(set_null)))
}

/// What the rows of a guarded table are, and their key; of aclite's own tables, and where the key is more than one
/// column, nothing.
fn parent_of(table: &str) -> Option<(&'static str, &'static str)> {
    let table = catalog::named(table).filter(|table| !table.is_aclites())?;
    if let [key] = table.key { Some((table.resource.as_str(), key)) } else { None }
}
