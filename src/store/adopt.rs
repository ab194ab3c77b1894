//! Adopting a file that another program made: its tables get what they lack, and our guards.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::added::{self, Added, Before};
use super::connection::Conn;
use super::open::{done, in_transaction, install, set_version, sound, waited, writable, write_ahead};
use super::restore::{MAY_BE_ATTRIBUTED, MAY_BE_STAMPED, Restored, restore};
use super::schema::{Kind, NEWEST, VERSIONS, columns, has_table, kind, names, not_ours, refused};
use super::{saved, spelling, suitable, unreadable};
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
    /// Of a file that was detached: what was saved and holds again, as `(table or table.column, rows)`.
    pub restored: Vec<(String, u64)>,
    /// What can't be told from what was guarded, and has nothing saved, as `table ID column`. Others hold `none` on such a worktree, and
    /// its creator does not become its owner; such a session has the stamp `(unknown)`, and nobody prompts it.
    pub closed: Vec<String>,
    /// Levels that were lowered since the file was detached, and stay so.
    pub lowered: Vec<String>,
    /// Rights and unix names that were given while no guard could judge it, and are taken away or replaced by the saved ones.
    pub withdrawn: Vec<String>,
    /// What was saved and is not restored: it, or a record that it names, was removed or replaced since.
    pub gone: Vec<String>,
    /// How many rows each guarded table holds, as `(table, rows)`; aclite's own are left out.
    pub rows: Vec<(String, u64)>,
    /// Worktrees without an owner, because no user is their creator: superadmins and the daemon manage them.
    pub unowned: Vec<String>,
    /// Sessions whose creator is no user: they belong to nobody.
    pub unattributed: Vec<String>,
    /// Rows that name a parent that is not there, as `table rowid N: no PARENT`. Nobody but a cascade can touch them.
    pub orphans: Vec<String>,
    /// Rows that can't be read, or not their `data`, as `table ID: WHY; WHAT TO DO`; a hundred of each table, and how
    /// many more there are. Reading one is a storage error.
    pub unreadable: Vec<String>,
    /// Rows that are read with something changed: a lone surrogate, digits, a repeated key. As those of `unreadable`.
    pub inexact: Vec<String>,
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
        let conn = writable(path, BUSY)?;
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
            Kind::Empty => return Err(refused(Incompatible::Empty)),
            // What has Agor's tables goes on, and so does what only lacks some.
            Kind::Foreign => match not_ours(raw)? {
                Error::Incompatible(reason) if *reason == Incompatible::NotAdopted => false,
                error => return Err(error),
            },
        };
        if detached {
            guard::accept_ourselves(raw)?;
        }
        suitable::check_encoding(raw)?;
        check_shape(raw, detached)?;
        suitable::check_rowids(raw)?;
        self.step("checking its integrity");
        let rebuilt = check_integrity(raw)?;
        suitable::check_rows(raw, detached)?;
        self.step("adding tables and columns");
        let mut report = AdoptReport::default();
        if rebuilt {
            report.notes.push(
                "the index `sessions_mcp_token_idx` held what another version of SQLite read, and was built anew"
                    .to_owned(),
            );
        }
        for (table, rows) in spelling::spell_plainly(raw)? {
            report.notes.push(format!(
                "`data` of {table}: in {rows} rows a key was spelled with an escape, which not every SQLite finds; it is spelled plainly now"
            ));
        }
        let before = Before::look(raw)?;
        // An older aclite took nothing back when it detached a file, and kept no record.
        let earlier = if detached { added::read(raw)? } else { Added::default() };
        let (taken, kept) = if detached && !added::is_recorded(raw)? {
            (Added::default(), earlier)
        } else {
            (earlier, Added::default())
        };
        let stamps = complete(raw, &mut report)?;
        let fresh = before.added(raw, &report.columns)?;
        if detached {
            self.step("restoring what was saved aside");
            let Restored { restored, closed, lowered, withdrawn, gone } = restore(raw, &taken, &fresh)?;
            report = AdoptReport { restored, closed, lowered, withdrawn, gone, ..report };
        }
        guard::check_tables(raw)?;
        self.step("attributing worktrees and sessions");
        attribute(raw, stamps, detached, &mut report)?;
        saved::forget(raw)?;
        added::write(raw, &fresh.and(kept))?;
        self.step("looking through the rows");
        survey(raw, &mut report)?;
        self.step("installing the guards");
        install(conn, Action::Create, if detached { "adopted again" } else { "adopted" })?;
        sound(raw)?;
        report.left_alone = guard::examine(raw)?.1;
        Ok(report)
    }
}

/// Refuses a file whose tables are not those that we know.
fn check_shape(conn: &Connection, detached: bool) -> Result<()> {
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
            "table" if detached && saved::is_copy(&name) => false,
            "table" => ours && !guarded,
            // Triggers of others are judged below.
            "trigger" => ours,
            _ => ours || guarded,
        };
        if in_the_way {
            problems.push(format!("{kind} `{name}` is in the way"));
        }
    }
    // SQLite puts no trigger on a virtual table.
    let virtuals = names(conn, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0 ORDER BY 1")?;
    problems.extend(virtuals.into_iter().filter(|name| catalog::is_guarded(name)).map(|name| {
        format!("table `{name}` is virtual, and can't be guarded: rename it by ALTER TABLE, or drop it, and adopt the file then")
    }));
    let foreign = guard::foreign_triggers(conn)?.refused.into_iter();
    problems.extend(foreign.map(|(_, why)| format!("{why}; drop it first")));
    if problems.is_empty() { Ok(()) } else { Err(refused(Incompatible::Shape { problems })) }
}

/// Returns whether the index of tokens had to be built anew for the file to be whole.
fn check_integrity(conn: &Connection) -> Result<bool> {
    let look = || -> Result<String> {
        conn.query_row("PRAGMA main.integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| Error::of_file("checking the integrity", error))
    };
    let problem = look()?;
    if problem == "ok" {
        return Ok(false);
    }
    // Where that fails, the first problem is the one to name.
    let mended = spelling::rebuild_index(conn).unwrap_or(false) && look()? == "ok";
    if mended { Ok(true) } else { Err(refused(Incompatible::Corrupt { problem: problem.replace('\n', " ") })) }
}

/// Adds the tables, columns and indexes that are missing. Says whether sessions need stamps.
fn complete(conn: &Connection, report: &mut AdoptReport) -> Result<bool> {
    let failed = |error| Error::of_file("adding what is missing", error);
    let model = added::model()?;
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
        for added::Wanted { name, definition, .. } in added::wanted(&model, table)? {
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
fn attribute(conn: &Connection, stamps: bool, detached: bool, report: &mut AdoptReport) -> Result<()> {
    let failed = |error| Error::of_file("attributing worktrees and sessions", error);
    let (new_worktrees, new_sessions) = if detached { (MAY_BE_ATTRIBUTED, MAY_BE_STAMPED) } else { ("", "") };
    let owners = conn
        .execute(
            &format!(
                "INSERT INTO main.worktree_owners (worktree_id, user_id, created_at)
                 SELECT w.worktree_id, w.created_by, w.created_at FROM main.worktrees AS w
                 JOIN main.users AS u ON u.user_id = w.created_by
                 WHERE w.created_by <> 'anonymous'
                   AND NOT EXISTS (SELECT 1 FROM main.worktree_owners AS o WHERE o.worktree_id = w.worktree_id) {new_worktrees}"
            ),
            [],
        )
        .map_err(failed)?;
    report.owners = owners as u64;
    if stamps {
        let stamped = conn
            .execute(
                &format!(
                    "UPDATE main.sessions SET unix_username = (SELECT unix_username FROM main.users WHERE user_id = sessions.created_by)
                     WHERE (SELECT unix_username FROM main.users WHERE user_id = sessions.created_by) IS NOT NULL {new_sessions}"
                ),
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
    let found = unreadable::look(conn)?;
    (report.unreadable, report.inexact) = (found.unreadable, found.inexact);
    for catalog::Table { name: table, .. } in catalog::TABLES.iter().filter(|table| table.required.contains(&"data")) {
        let damaged =
            "CASE WHEN typeof(data) = 'text' AND json_valid(data) THEN json_type(data) IS NOT 'object' ELSE 1 END";
        let shadowed = format!(
            "SELECT DISTINCT k.key FROM main.{table} AS t, json_each(CASE WHEN {damaged} THEN '{{}}' ELSE t.data END) AS k
             WHERE k.key IN (SELECT lower(name) FROM pragma_table_info('{table}', 'main')) ORDER BY 1"
        );
        report.shadowed.extend(names(conn, &shadowed)?.into_iter().map(|name| format!("{table}.{name}")));
    }
    Ok(())
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
