//! Adopting a file that another program made: its tables get what they lack, and our guards.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Store;
use super::connection::Conn;
use super::open::{
    done, existing, in_transaction, install, note, refuse_read_only, set_version, sound, waited, write_ahead,
};
use super::schema::{Kind, NEWEST, VERSIONS, has_table, kind};
use crate::catalog;
use crate::error::{Error, Incompatible, Result};
use crate::guard::{self, GENERATION, quote};
use crate::operation::Action;
use crate::sql_text::lexer::{Token, tokens};

/// How long an adoption waits for other programs to give the file free.
const BUSY: Duration = Duration::from_secs(5);

/// How to adopt a file.
///
/// ```no_run
/// let report = aclite::Adoption::new().dry_run(true).run("agor.db")?;
/// println!("{} worktrees would get an owner", report.owners);
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct Adoption<'a> {
    dry_run: bool,
    progress: Option<Progress<'a>>,
}

/// Is told each step as it begins.
type Progress<'a> = Box<dyn Fn(&str) + 'a>;

impl std::fmt::Debug for Adoption<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adoption").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

/// What an adoption did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct AdoptReport {
    /// Whether the file was adopted before, and nothing was done.
    pub already: bool,
    /// Whether this was a dry run, and nothing was written.
    pub dry_run: bool,
    /// The tables that were added.
    pub tables: Vec<String>,
    /// The columns that were added, as `table.column`.
    pub columns: Vec<String>,
    /// How many worktrees got their creator as their owner.
    pub owners: u64,
    /// How many sessions were stamped with their creator's unix name.
    pub stamped: u64,
    /// How many rows each guarded table holds, as `(table, rows)`; aclite's own are left out.
    pub rows: Vec<(String, u64)>,
    /// Worktrees without an owner, because no user is their creator: superadmins and the daemon manage them.
    pub unowned: Vec<String>,
    /// Sessions whose creator is no user: they belong to nobody.
    pub unattributed: Vec<String>,
    /// Rows that name a parent that is not there, as `table rowid N: no PARENT`. Nobody but a cascade can touch them.
    pub orphans: Vec<String>,
    /// Rows whose `data` is no JSON object, as `table ID`. Reading one is a storage error.
    pub unreadable: Vec<String>,
    /// Keys of `data` that are columns too, as `table.key`. The column wins.
    pub shadowed: Vec<String>,
    /// Triggers of others on guarded tables, with what they write. They stay, and fire as before.
    pub left_alone: Vec<String>,
    /// What an operator should know.
    pub notes: Vec<String>,
}

impl<'a> Adoption<'a> {
    /// Adopts for real, in silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to undo everything at the end, and only report. Default: no.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Calls `progress` with a word for each step as it begins.
    pub fn progress(mut self, progress: impl Fn(&str) + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Adopts the file `path`, in one transaction. A file that was adopted before is left as it is.
    ///
    /// Nothing is lost: tables, columns and indexes that aclite does not know stay untouched. A file
    /// without owners gets each worktree's creator as its owner, and sessions the unix name of theirs.
    ///
    /// # Errors
    /// `Incompatible` with the reason, and the file stays byte for byte as it was; `Busy`, `Storage`.
    pub fn run(self, path: impl AsRef<Path>) -> Result<AdoptReport> {
        let path = path.as_ref();
        let started = Instant::now();
        let conn = open(path)?;
        let end = if self.dry_run { "ROLLBACK" } else { "COMMIT" };
        let mut report = in_transaction(&conn.raw, ["BEGIN IMMEDIATE", end], |_| self.adopt(&conn))
            .map_err(|error| waited(error, started))?;
        report.dry_run = self.dry_run;
        if !self.dry_run && !report.already {
            match write_ahead(&conn.raw, started, BUSY) {
                // The file is adopted; opening the store switches it.
                Err(Error::Busy(_)) => tracing::warn!("another program keeps the file from write-ahead logging"),
                switched => switched?,
            }
            done(&conn.raw)?;
        }
        Ok(report)
    }

    fn step(&self, step: &str) {
        if let Some(progress) = &self.progress {
            progress(step);
        }
    }

    fn adopt(&self, conn: &Conn) -> Result<AdoptReport> {
        let raw = &conn.raw;
        self.step("checking the file");
        let detached = match kind(raw)? {
            Kind::Ours { generation: 0, .. } => true,
            // Opening brings an earlier one up to date.
            Kind::Ours { version, generation } if version < NEWEST || generation < GENERATION => {
                return Ok(AdoptReport { already: true, ..AdoptReport::default() });
            }
            Kind::Ours { .. } => {
                sound(raw)?;
                return Ok(AdoptReport { already: true, ..AdoptReport::default() });
            }
            Kind::Empty | Kind::Foreign => false,
        };
        if detached {
            guard::accept_ourselves(raw)?;
        }
        check_shape(raw)?;
        self.step("checking its integrity");
        check_integrity(raw)?;
        self.step("adding tables and columns");
        let mut report = AdoptReport::default();
        let stamps = complete(raw, &mut report)?;
        guard::check_tables(raw)?;
        self.step("attributing worktrees and sessions");
        attribute(raw, stamps, &mut report)?;
        self.step("looking through the rows");
        survey(raw, &mut report)?;
        self.step("installing the guards");
        install(conn, Action::Create, if detached { "adopted again" } else { "adopted" })?;
        sound(raw)?;
        report.left_alone = guard::examine(raw)?.1;
        Ok(report)
    }
}

impl Store {
    /// Takes the guards out of the file, for a migration of another program that rebuilds tables;
    /// [`Adoption`] puts them in again. The audit says so. Until then aclite does not open the file, and
    /// stores that have it open answer `Detached`. Other programs write it as they like; small triggers on the tables
    /// that were guarded refuse aclite's own connections, and those of hosts that have loaded the extension.
    ///
    /// # Errors
    /// `Incompatible` where the file is not ours or detached already; `Busy`, `Storage`.
    pub fn detach(path: impl AsRef<Path>) -> Result<()> {
        let started = Instant::now();
        let conn = open(path.as_ref())?;
        in_transaction(&conn.raw, ["BEGIN IMMEDIATE", "COMMIT"], |raw| {
            match kind(raw)? {
                Kind::Ours { generation: 0, .. } => return Err(refused(Incompatible::Detached)),
                Kind::Ours { .. } => {}
                Kind::Empty | Kind::Foreign => return Err(refused(Incompatible::NotAdopted)),
            }
            // The row goes through the guard of the audit, so it is written while that stands: an
            // altered one may not be there any more, and then the row is written all the same.
            note(&conn, Action::Remove, "detached")?;
            guard::remove(raw)?;
            raw.execute("UPDATE main.acl_meta SET value = 0 WHERE name = 'generation'", [])
                .map_err(|error| Error::of_file("detaching", error))?;
            guard::refuse_ourselves(raw)
        })
        .map_err(|error| waited(error, started))?;
        done(&conn.raw)
    }
}

fn refused(reason: Incompatible) -> Error {
    Error::Incompatible(Box::new(reason))
}

/// Opens a file that has to be there. Nothing is written to it before a transaction of ours commits.
fn open(path: &Path) -> Result<Conn> {
    let conn = existing(path, BUSY)?;
    refuse_read_only(path, &conn.raw)?;
    Ok(conn)
}

/// Refuses a file whose tables are not those that we know.
fn check_shape(conn: &Connection) -> Result<()> {
    if has_table(conn, "branches")?
        || has_table(conn, "branch_owners")?
        || columns(conn, "sessions")?.contains(&"branch_id".to_owned())
    {
        return Err(refused(Incompatible::Branches));
    }
    let failed = |error| Error::of_file("reading the schema", error);
    let mut problems = Vec::new();
    for catalog::Table { name: table, required, .. } in
        catalog::TABLES.iter().filter(|table| !table.required.is_empty())
    {
        if !has_table(conn, table)? {
            problems.push(format!("there is no table `{table}`"));
            continue;
        }
        let found = columns(conn, table)?;
        let missing = required.iter().filter(|column| !found.iter().any(|name| name == *column));
        problems.extend(missing.map(|column| format!("there is no column `{table}.{column}`")));
    }
    let mut foreign = conn
        .prepare("SELECT type, name, tbl_name FROM main.sqlite_schema WHERE type IN ('table', 'trigger', 'view')")
        .map_err(failed)?;
    let rows = foreign
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .map_err(failed)?;
    for row in rows {
        let (kind, name, table) = row.map_err(failed)?;
        let guarded = catalog::is_guarded(&table);
        let ours = name.to_ascii_lowercase().starts_with("acl_");
        let in_the_way = match kind.as_str() {
            "table" => ours && !guarded,
            // Triggers of others are judged below.
            "trigger" => ours,
            _ => ours || guarded,
        };
        if in_the_way {
            problems.push(format!("{kind} `{name}` is in the way"));
        }
    }
    let foreign = guard::foreign_triggers(conn)?.refused.into_iter();
    problems.extend(foreign.map(|(_, why)| format!("{why}; drop it first")));
    if problems.is_empty() { Ok(()) } else { Err(refused(Incompatible::Shape { problems })) }
}

fn check_integrity(conn: &Connection) -> Result<()> {
    let problem: String = conn
        .query_row("PRAGMA main.integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| Error::of_file("checking the integrity", error))?;
    if problem == "ok" { Ok(()) } else { Err(refused(Incompatible::Corrupt { problem })) }
}

fn columns(conn: &Connection, table: &str) -> Result<Vec<String>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut names = conn.prepare("SELECT lower(name) FROM pragma_table_info(?1, 'main')").map_err(failed)?;
    let names = names.query_map([table], |row| row.get(0)).map_err(failed)?;
    names.collect::<Result<_, _>>().map_err(failed)
}

/// Adds the tables, columns and indexes that are missing. Says whether sessions need stamps.
fn complete(conn: &Connection, report: &mut AdoptReport) -> Result<bool> {
    let failed = |error| Error::of_file("adding what is missing", error);
    // What each table should have, from the same files that make a new one.
    let model = Connection::open_in_memory().map_err(failed)?;
    for version in &VERSIONS {
        model.execute_batch(version.tables).map_err(failed)?;
    }
    for catalog::Table { name: table, .. } in &catalog::TABLES {
        if !has_table(conn, table)? {
            report.tables.push((*table).to_owned());
        }
    }
    for version in &VERSIONS {
        conn.execute_batch(version.tables).map_err(failed)?;
    }
    let mut problems = Vec::new();
    for catalog::Table { name: table, .. } in &catalog::TABLES {
        let found = columns(conn, table)?;
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
                if let Some(parent) = row.get::<_, Option<String>>(4)? {
                    let (key, then): (String, String) = (row.get(5)?, row.get(6)?);
                    definition =
                        format!("{definition} REFERENCES {} ({}) ON DELETE {then}", quote(&parent), quote(&key));
                }
                // What older rows would hold in it, nobody can say.
                let addable = !required || default.is_some();
                Ok((name, addable.then_some(definition)))
            })
            .map_err(failed)?;
        for column in wanted {
            let (name, definition) = column.map_err(failed)?;
            if found.contains(&name) {
                continue;
            }
            let Some(definition) = definition else {
                problems.push(format!("there is no column `{table}.{name}`"));
                continue;
            };
            conn.execute_batch(&format!("ALTER TABLE main.{} ADD COLUMN {definition}", quote(table)))
                .map_err(failed)?;
            report.columns.push(format!("{table}.{name}"));
        }
    }
    if !problems.is_empty() {
        return Err(refused(Incompatible::Shape { problems }));
    }
    for version in &VERSIONS {
        conn.execute_batch(version.indexes).map_err(failed)?;
    }
    set_version(conn)?;
    if !accepts_session(conn)? {
        report.notes.push(
            "the CHECK on worktrees.others_can refuses `session`: that level can't be given to others before the table is rebuilt"
                .to_owned(),
        );
    }
    Ok(report.columns.iter().any(|column| column == "sessions.unix_username"))
}

/// Whether the table's own CHECK lets `others_can` be `session`.
fn accepts_session(conn: &Connection) -> Result<bool> {
    let sql: String = conn
        .query_row("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = 'worktrees'", [], |row| {
            row.get(0)
        })
        .map_err(|error| Error::of_file("reading the schema", error))?;
    let tokens: Vec<Token<'_>> = tokens(&sql).collect();
    let refuses = |check: &[Token<'_>]| {
        let column = |token: &Token<'_>| token.name().is_some_and(|name| name.eq_ignore_ascii_case("others_can"));
        check.iter().any(column) && !check.iter().any(|token| token.text == "'session'")
    };
    Ok(!checks(&tokens).any(refuses))
}

/// Each CHECK among the tokens of a table, from its parenthesis on.
fn checks<'t>(tokens: &'t [Token<'t>]) -> impl Iterator<Item = &'t [Token<'t>]> {
    let begins = (1..tokens.len()).filter(|at| tokens[at - 1].is("check") && tokens[*at].is("("));
    begins.map(|at| {
        let mut depth = 0;
        let closes = |token: &Token<'_>| {
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
            depth == 0
        };
        let end = tokens[at..].iter().position(closes).unwrap_or(tokens.len() - at);
        &tokens[at..at + end]
    })
}

/// Makes creators owners of worktrees without any, and stamps sessions where `stamps` says so.
fn attribute(conn: &Connection, stamps: bool, report: &mut AdoptReport) -> Result<()> {
    let failed = |error| Error::of_file("attributing worktrees and sessions", error);
    let owners = conn
        .execute(
            "INSERT INTO main.worktree_owners (worktree_id, user_id, created_at)
             SELECT w.worktree_id, w.created_by, w.created_at FROM main.worktrees AS w
             JOIN main.users AS u ON u.user_id = w.created_by
             WHERE w.created_by <> 'anonymous'
               AND NOT EXISTS (SELECT 1 FROM main.worktree_owners AS o WHERE o.worktree_id = w.worktree_id)",
            [],
        )
        .map_err(failed)?;
    report.owners = owners as u64;
    if stamps {
        let stamped = conn
            .execute(
                "UPDATE main.sessions SET unix_username = (SELECT unix_username FROM main.users WHERE user_id = sessions.created_by)
                 WHERE (SELECT unix_username FROM main.users WHERE user_id = sessions.created_by) IS NOT NULL",
                [],
            )
            .map_err(failed)?;
        report.stamped = stamped as u64;
    }
    report.unowned = names(
        conn,
        "SELECT worktree_id FROM main.worktrees AS w
         WHERE NOT EXISTS (SELECT 1 FROM main.worktree_owners AS o WHERE o.worktree_id = w.worktree_id) ORDER BY 1",
    )?;
    report.unattributed = names(
        conn,
        "SELECT session_id FROM main.sessions WHERE created_by = 'anonymous' OR created_by NOT IN (SELECT user_id FROM main.users)
         ORDER BY 1",
    )?;
    Ok(())
}

/// Counts the rows, and lists what is wrong with some.
fn survey(conn: &Connection, report: &mut AdoptReport) -> Result<()> {
    let failed = |error| Error::of_file("looking through the rows", error);
    for catalog::Table { name: table, .. } in catalog::TABLES.iter().filter(|table| !table.is_aclites()) {
        let count: i64 = conn
            .query_row(&format!("SELECT count(*) FROM main.{}", quote(table)), [], |row| row.get(0))
            .map_err(failed)?;
        report.rows.push(((*table).to_owned(), count.unsigned_abs()));
    }
    for catalog::Table { name: table, .. } in &catalog::TABLES {
        let mut check =
            conn.prepare("SELECT rowid, parent FROM pragma_foreign_key_check(?1, 'main')").map_err(failed)?;
        let orphans = check
            .query_map([table], |row| {
                let (rowid, parent): (Option<i64>, String) = (row.get(0)?, row.get(1)?);
                Ok(format!("{table} rowid {}: no {parent}", rowid.unwrap_or_default()))
            })
            .map_err(failed)?;
        report.orphans.extend(orphans.collect::<Result<Vec<_>, _>>().map_err(failed)?);
    }
    for catalog::Table { name: table, key, .. } in
        catalog::TABLES.iter().filter(|table| table.required.contains(&"data"))
    {
        let key = key[0];
        let damaged =
            "CASE WHEN typeof(data) = 'text' AND json_valid(data) THEN json_type(data) IS NOT 'object' ELSE 1 END";
        report.unreadable.extend(
            names(conn, &format!("SELECT ifnull({key}, rowid) FROM main.{table} WHERE {damaged}"))?
                .into_iter()
                .map(|id| format!("{table} {id}")),
        );
        let shadowed = format!(
            "SELECT DISTINCT k.key FROM main.{table} AS t, json_each(CASE WHEN {damaged} THEN '{{}}' ELSE t.data END) AS k
             WHERE k.key IN (SELECT lower(name) FROM pragma_table_info('{table}', 'main')) ORDER BY 1"
        );
        report.shadowed.extend(names(conn, &shadowed)?.into_iter().map(|name| format!("{table}.{name}")));
    }
    Ok(())
}

fn names(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    let failed = |error| Error::of_file("looking through the rows", error);
    let mut found = conn.prepare(sql).map_err(failed)?;
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let found = found.query_map([], |row| Ok(text(row.get_ref(0)?))).map_err(failed)?;
    found.collect::<Result<_, _>>().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_refuses_the_level_session_is_found() {
        for (rest, accepted) in [
            ("", true),
            ("CHECK (others_can IN ('none', 'view'))", false),
            ("CHECK/**/(\"Others_Can\" IN ('none', 'view'))", false),
            ("CHECK (others_can IN (')', 'session'))", true),
            ("CHECK (others_can IN ('none', 'SESSION'))", false),
            ("CHECK (others_can <> '' /* 'session' */)", false),
            ("/* CHECK (others_can = 'none') */", true),
            ("CHECK (others_can <> ''), CHECK (name <> 'session')", false),
        ] {
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(&format!("CREATE TABLE worktrees (name, health_check_url, others_can {rest})")).unwrap();
            assert_eq!(accepts_session(&conn).unwrap(), accepted, "{rest}");
        }
    }
}
