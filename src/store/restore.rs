//! Putting back what was saved aside, when a file that was detached is adopted again.
//!
//! It fails closed. Of a saved and a present level the lower holds. A worktree that was guarded once and has no saved level gives
//! others nothing. What was removed meanwhile stays removed, and a right that was given meanwhile is withdrawn, since no guard judged
//! it. A record counts as the saved one only with the same time of creation: another one of the same id gets nothing. Only a session
//! keeps its stamp by its id alone, since that takes from it.
//!
//! Worktrees and sessions that can't be told from what was guarded are closed. A migration may have given them other ids or times.

use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use super::added::{self, Added};
use super::saved::{self, ALWAYS, copy_of};
use super::schema::{columns, has_table, names};
use crate::catalog;
use crate::error::{Error, Result};
use crate::guard::quote;
use crate::level::Level;

/// A table whose rows are rights: `(what grants it, who gets it)`, each a column and the condition under which the record that
/// it names is the one that was saved.
struct Rights {
    table: &'static str,
    of: (&'static str, &'static str),
    to: (&'static str, &'static str),
}

const SAME_WORKTREE: &str = "SELECT worktree_id FROM main.acl_saved_known WHERE is_same";
const SAME_USER: &str = "SELECT u.user_id FROM main.users AS u JOIN main.acl_saved_users AS s ON s.user_id = u.user_id WHERE s.created_at IS u.created_at";
const SAME_GROUP: &str = "SELECT g.group_id FROM main.groups AS g JOIN main.acl_saved_groups AS s ON s.group_id = g.group_id WHERE s.created_at IS g.created_at";

/// In the order in which they refer to one another.
const RIGHTS: [Rights; 3] = [
    Rights { table: "worktree_owners", of: ("worktree_id", SAME_WORKTREE), to: ("user_id", SAME_USER) },
    Rights { table: "group_memberships", of: ("group_id", SAME_GROUP), to: ("user_id", SAME_USER) },
    Rights { table: "worktree_group_grants", of: ("worktree_id", SAME_WORKTREE), to: ("group_id", SAME_GROUP) },
];

/// Puts back what is saved. `taken` is what was taken back when the file was detached, `fresh` what this adoption has added.
///
/// Leaves the copies for the attribution of what is new, which has to know what was saved.
pub(super) fn restore(conn: &Connection, taken: &Added, fresh: &Added) -> Result<Restored> {
    let mut report = Restored::default();
    let lost = complete_copies(conn)?;
    know_worktrees(conn, lost.contains(&"worktrees"))?;
    doubt_sessions(conn)?;
    let restoring = Restoring { conn, taken, fresh };
    restoring.levels(&mut report)?;
    restoring.unix_names(&mut report)?;
    restoring.close_sessions(lost.contains(&"sessions"), &mut report)?;
    restoring.groups(&mut report)?;
    for rights in &RIGHTS {
        restoring.rights(rights, &mut report)?;
    }
    restoring.grants(&mut report)?;
    restoring.other_columns(&mut report)?;
    restoring.further_tables(&mut report)?;
    // Who remembers a verdict goes by it.
    conn.execute("UPDATE main.acl_epoch SET epoch = epoch + 1", [])
        .map_err(|error| Error::of_file("raising the epoch", error))?;
    Ok(report)
}

/// What came of it; [`AdoptReport`](super::AdoptReport) says what each list is.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) restored: Vec<(String, u64)>,
    pub(super) closed: Vec<String>,
    pub(super) lowered: Vec<String>,
    pub(super) withdrawn: Vec<String>,
    pub(super) gone: Vec<String>,
}

impl Restored {
    /// Notes how many saved rows hold again; nothing where there were none.
    fn restore(&mut self, what: &str, rows: u64) {
        if rows > 0 {
            self.restored.push((what.to_owned(), rows));
        }
    }
}

/// Whether a worktree may get its creator as its owner: one that is new may, one that was guarded once keeps the owners that it has.
pub(super) const MAY_BE_ATTRIBUTED: &str = "AND w.worktree_id NOT IN (SELECT worktree_id FROM main.acl_saved_known)";

/// Whether a session may get its creator's unix name: one that is new may, the others have their stamps from before.
pub(super) const MAY_BE_STAMPED: &str = "AND session_id NOT IN (SELECT session_id FROM main.acl_saved_sessions)
    AND session_id NOT IN (SELECT session_id FROM main.acl_saved_doubted)";

/// The stamp of a session that may have lost its own. No unix user is called so, so that nobody prompts it.
const UNKNOWN: &str = "(unknown)";

/// Whether a record was made after the file was detached, by its time of creation. A time in another unit than milliseconds lies
/// before that or beyond the next day.
const IS_LATER: &str = "typeof(t.created_at) = 'integer'
    AND t.created_at > ifnull((SELECT value FROM main.acl_meta WHERE name = 'detached_at'), 9e999)
    AND t.created_at <= acl_now() + 86400000";

/// Puts empty copies where some are missing. Says of which tables.
fn complete_copies(conn: &Connection) -> Result<Vec<&'static str>> {
    let mut lost = Vec::new();
    for table in catalog::TABLES.iter().filter(|table| ALWAYS.iter().any(|(name, _)| *name == table.name)) {
        if !saved::is_whole(conn, table)? {
            saved::replace_by_empty(conn, table)?;
            lost.push(table.name);
        }
    }
    Ok(lost)
}

/// Lists the worktrees that were guarded once, or may have been, in `acl_saved_known`: whether each is the one that was saved.
///
/// One is new if it has no saved row, the audit does not know it, it was created after the file was detached, and every worktree
/// that was saved is there: what is missing may be this one, under another id. None is where the worktrees' copy is `lost`.
fn know_worktrees(conn: &Connection, lost: bool) -> Result<()> {
    let failed = |error| Error::of_file("looking which worktrees were guarded", error);
    conn.execute_batch(
        "CREATE TABLE main.acl_saved_known (worktree_id PRIMARY KEY, is_same);
         CREATE TABLE main.acl_saved_audited AS SELECT DISTINCT worktree_id FROM main.acl_audit
         WHERE verdict = 'allowed' AND worktree_id IS NOT NULL",
    )
    .map_err(failed)?;
    conn.execute(
        &format!(
            "INSERT OR IGNORE INTO main.acl_saved_known
             SELECT t.worktree_id, s.worktree_id IS NOT NULL AND s.created_at IS t.created_at
             FROM main.worktrees AS t LEFT JOIN main.acl_saved_worktrees AS s ON s.worktree_id = t.worktree_id
             WHERE ?1 OR s.worktree_id IS NOT NULL OR t.worktree_id IN (SELECT worktree_id FROM main.acl_saved_audited)
                OR NOT ({IS_LATER})
                OR EXISTS (SELECT 1 FROM main.acl_saved_worktrees AS missing WHERE NOT EXISTS (SELECT 1 FROM main.worktrees AS w
                     WHERE w.worktree_id = missing.worktree_id AND w.created_at IS missing.created_at))"
        ),
        [lost],
    )
    .map_err(failed)
    .map(drop)
}

/// A session whose stamp was saved, and that is not there under its id.
const LOST_STAMP: &str =
    "EXISTS (SELECT 1 FROM main.acl_saved_sessions AS missing WHERE missing.unix_username IS NOT NULL
    AND missing.session_id NOT IN (SELECT session_id FROM main.sessions))";

/// Lists the sessions that are neither saved nor certainly new, in `acl_saved_doubted`.
fn doubt_sessions(conn: &Connection) -> Result<()> {
    conn.execute_batch(&format!(
        "CREATE TABLE main.acl_saved_doubted (session_id PRIMARY KEY);
         INSERT OR IGNORE INTO main.acl_saved_doubted SELECT t.session_id FROM main.sessions AS t
         WHERE t.session_id NOT IN (SELECT session_id FROM main.acl_saved_sessions) AND (NOT ({IS_LATER}) OR {LOST_STAMP})"
    ))
    .map_err(|error| Error::of_file("looking which sessions are new", error))
}

struct Restoring<'a> {
    conn: &'a Connection,
    taken: &'a Added,
    fresh: &'a Added,
}

impl Restoring<'_> {
    /// What others may do on each worktree, and on its files.
    fn levels(&self, report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file("restoring the levels of worktrees", error);
        for (column, rank) in [("others_can", rank_of_level as fn(&Word) -> u8), ("others_fs_access", rank_of_files)] {
            let mut pairs = self
                .conn
                .prepare(&format!(
                    "SELECT k.rowid, k.worktree_id, k.is_same, s.{column}, w.{column} FROM main.acl_saved_known AS k
                     JOIN main.worktrees AS w ON w.worktree_id = k.worktree_id
                     LEFT JOIN main.acl_saved_worktrees AS s ON k.is_same AND s.worktree_id = k.worktree_id ORDER BY 2"
                ))
                .map_err(failed)?;
            let pairs = pairs
                .query_map([], |row| {
                    let (saved, present) = (Word::of(row.get_ref(3)?), Word::of(row.get_ref(4)?));
                    Ok((row.get::<_, i64>(0)?, Word::of(row.get_ref(1)?), row.get::<_, bool>(2)?, saved, present))
                })
                .map_err(failed)?
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)?;
            let is_fresh = self.fresh.has_column("worktrees", column);
            let of_row = "WHERE worktree_id = (SELECT worktree_id FROM main.acl_saved_known WHERE rowid = ?1)";
            let saved = format!(
                "UPDATE main.worktrees AS w SET {column} = (SELECT s.{column} FROM main.acl_saved_worktrees AS s WHERE s.worktree_id = w.worktree_id) {of_row}"
            );
            let mut restore = self.conn.prepare(&saved).map_err(failed)?;
            let mut close =
                self.conn.prepare(&format!("UPDATE main.worktrees SET {column} = 'none' {of_row}")).map_err(failed)?;
            let mut restored = 0;
            for (row, id, is_same, saved, present) in pairs {
                if !is_same {
                    close.execute([row]).map_err(failed)?;
                    report.closed.push(format!("worktrees {id} {column}"));
                } else if !is_fresh && rank(&present) < rank(&saved) {
                    report.lowered.push(format!("worktrees {id} {column}: {present} from {saved}"));
                } else {
                    restored += 1;
                    if is_fresh || rank(&saved) < rank(&present) {
                        restore.execute([row]).map_err(failed)?;
                    }
                    if !is_fresh && rank(&saved) < rank(&present) {
                        report.withdrawn.push(format!("worktrees {id} {column}: {present}"));
                    }
                }
            }
            report.restore(&format!("worktrees.{column}"), restored);
        }
        Ok(())
    }

    /// Names that somebody runs as. A saved one holds; where the column stayed, one that was cleared in between stays cleared.
    /// A session's stamp is for good, whatever its other columns are.
    fn unix_names(&self, report: &mut Restored) -> Result<()> {
        for (table, key, column) in [
            ("users", "user_id", "unix_username"),
            ("worktrees", "worktree_id", "unix_group"),
            ("sessions", "session_id", "unix_username"),
        ] {
            let failed = |error| Error::of_file(format!("restoring `{table}.{column}`"), error);
            let may_be_empty = table == "sessions" || self.taken.has_column(table, column);
            let is_same = match table {
                "sessions" => format!("s.{key} = t.{key}"),
                _ => format!("s.{key} = t.{key} AND s.created_at IS t.created_at"),
            };
            let same = format!(
                "FROM main.acl_saved_{table} AS s WHERE {is_same} AND s.{column} IS NOT NULL AND (?1 OR t.{column} IS NOT NULL)"
            );
            // A name that is there and another one: no guard has judged it.
            report.withdrawn.extend(names(
                self.conn,
                &format!(
                    "SELECT '{table} ' || t.{key} || ' {column}: ' || t.{column} FROM main.{table} AS t, main.acl_saved_{table} AS s
                     WHERE {is_same} AND s.{column} IS NOT t.{column} AND s.{column} IS NOT NULL AND t.{column} IS NOT NULL ORDER BY 1"
                ),
            )?);
            self.conn
                .execute(
                    &format!(
                        "UPDATE main.{table} AS t SET {column} = s.{column} {same} AND s.{column} IS NOT t.{column}"
                    ),
                    [may_be_empty],
                )
                .map_err(failed)?;
            let restored: i64 = self
                .conn
                .query_row(
                    &format!("SELECT count(*) FROM main.{table} AS t WHERE EXISTS (SELECT 1 {same})"),
                    [may_be_empty],
                    |row| row.get(0),
                )
                .map_err(failed)?;
            report.restore(&format!("{table}.{column}"), restored.unsigned_abs());
        }
        Ok(())
    }

    /// A session without a stamp runs as the daemon. One that may have lost its stamp, or that would have got one if it were new,
    /// must not: it gets a stamp that is nobody's.
    fn close_sessions(&self, lost: bool, report: &mut Restored) -> Result<()> {
        let is_fresh = self.fresh.has_column("sessions", "unix_username");
        let doubted = format!(
            "FROM main.acl_saved_doubted AS d WHERE EXISTS (SELECT 1 FROM main.sessions AS t WHERE t.session_id = d.session_id
               AND t.unix_username IS NULL AND ({LOST_STAMP} OR {is_fresh} AND ({lost} OR t.created_by IN (
                 SELECT user_id FROM main.users WHERE unix_username IS NOT NULL))))"
        );
        report.closed.extend(names(
            self.conn,
            &format!("SELECT 'sessions ' || d.session_id || ' unix_username' {doubted} ORDER BY 1"),
        )?);
        let close = format!(
            "UPDATE main.sessions SET unix_username = '{UNKNOWN}' WHERE session_id IN (SELECT d.session_id {doubted})"
        );
        self.conn
            .execute(&close, [])
            .map(drop)
            .map_err(|error| Error::of_file("restoring `sessions.unix_username`", error))
    }

    /// Groups come back where their table was taken back. An archived one is archived again: its grants did not count.
    fn groups(&self, report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file("restoring groups", error);
        if self.taken.has_table("groups") {
            self.insert("groups", &["group_id"], report)?;
        }
        self.conn
            .execute(
                "UPDATE main.groups AS g SET archived = s.archived FROM main.acl_saved_groups AS s
                 WHERE s.group_id = g.group_id AND s.created_at IS g.created_at AND s.archived IS NOT 0 AND g.archived IS 0",
                [],
            )
            .map(drop)
            .map_err(failed)
    }

    /// Owners, members and grants: those of the saved ones that are still there, or that were taken back, and no others.
    fn rights(&self, Rights { table, of, to }: &Rights, report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file(format!("restoring `{table}`"), error);
        let copy = copy_of(table);
        let named = |row: &str| format!("'{table} ' || {row}.{} || ' ' || {row}.{}", of.0, to.0);
        let both = format!("s.{0} = t.{0} AND s.{1} = t.{1}", of.0, to.0);
        let stale = format!("s.{} NOT IN ({}) OR s.{} NOT IN ({})", of.0, of.1, to.0, to.1);
        // Of records that are gone, or are others now.
        report.gone.extend(names(
            self.conn,
            &format!("SELECT {} FROM main.{copy} AS s WHERE {stale} ORDER BY 1", named("s")),
        )?);
        self.conn
            .execute_batch(&format!(
                "DELETE FROM main.{table} AS t WHERE EXISTS (SELECT 1 FROM main.{copy} AS s WHERE {both}
                   AND s.created_at IS t.created_at AND ({stale}));
                 DELETE FROM main.{copy} AS s WHERE {stale};"
            ))
            .map_err(failed)?;
        let given = format!(
            "FROM main.{table} AS t WHERE t.{} IN ({}) AND NOT EXISTS (SELECT 1 FROM main.{copy} AS s WHERE {both})",
            of.0, of.1
        );
        report.withdrawn.extend(names(self.conn, &format!("SELECT {} {given} ORDER BY 1", named("t")))?);
        self.conn.execute(&format!("DELETE {given}"), []).map_err(failed)?;
        if self.taken.has_table(table) {
            return self.insert(table, &[of.0, to.0], report);
        }
        let removed = format!("FROM main.{copy} AS s WHERE NOT EXISTS (SELECT 1 FROM main.{table} AS t WHERE {both})");
        report.gone.extend(names(self.conn, &format!("SELECT {} {removed} ORDER BY 1", named("s")))?);
        self.count_restored(table, &both, report)
    }

    /// Reports how many of the saved rows `table` holds now; `both` says where a saved row `s` and a present row `t` are one.
    fn count_restored(&self, table: &str, both: &str, report: &mut Restored) -> Result<()> {
        let copy = copy_of(table);
        let there = format!(
            "SELECT count(*) FROM main.{copy} AS s WHERE EXISTS (SELECT 1 FROM main.{table} AS t WHERE {both})"
        );
        let there: i64 = self
            .conn
            .query_row(&there, [], |row| row.get(0))
            .map_err(|error| Error::of_file(format!("restoring `{table}`"), error))?;
        report.restore(table, there.unsigned_abs());
        Ok(())
    }

    /// Inserts the saved rows that are missing, one by one: a constraint of the table that is there now may refuse some.
    fn insert(&self, table: &str, key: &[&str], report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file(format!("restoring `{table}`"), error);
        let copy = copy_of(table);
        let present = columns(self.conn, table)?;
        let common: Vec<String> =
            columns(self.conn, &copy)?.into_iter().filter(|column| present.contains(column)).collect();
        let list = common.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
        let both = key.iter().map(|column| format!("t.{column} = s.{column}")).collect::<Vec<_>>().join(" AND ");
        let missing = format!(
            "SELECT rowid FROM main.{copy} AS s WHERE NOT EXISTS (SELECT 1 FROM main.{table} AS t WHERE {both})"
        );
        let mut missing = self.conn.prepare(&missing).map_err(failed)?;
        let missing = missing.query_map([], |row| row.get(0)).map_err(failed)?;
        let missing: Vec<i64> = missing.collect::<Result<_, _>>().map_err(failed)?;
        let insert = format!("INSERT INTO main.{table} ({list}) SELECT {list} FROM main.{copy} WHERE rowid = ?1");
        let mut insert = self.conn.prepare(&insert).map_err(failed)?;
        for row in missing {
            match insert.execute([row]) {
                Ok(_) => {}
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    let key = key.join(" || ' ' || ");
                    let name = format!("SELECT '{table} ' || {key} FROM main.{copy} WHERE rowid = {row}");
                    report.gone.extend(names(self.conn, &name)?);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        self.count_restored(table, &both, report)
    }

    /// What a group is granted on a worktree: the lower of the two levels.
    fn grants(&self, report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file("restoring the levels of grants", error);
        let mut pairs = self
            .conn
            .prepare(
                "SELECT s.rowid, t.worktree_id, t.group_id, s.can, t.can FROM main.worktree_group_grants AS t
                 JOIN main.acl_saved_worktree_group_grants AS s ON s.worktree_id = t.worktree_id AND s.group_id = t.group_id
                 WHERE s.can IS NOT t.can ORDER BY 1, 2",
            )
            .map_err(failed)?;
        let pairs = pairs
            .query_map([], |row| {
                let word = |at| row.get_ref(at).map(Word::of);
                Ok((row.get::<_, i64>(0)?, [word(1)?, word(2)?, word(3)?, word(4)?]))
            })
            .map_err(failed)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        let mut restore = self
            .conn
            .prepare(
                "UPDATE main.worktree_group_grants AS t SET can = s.can FROM main.acl_saved_worktree_group_grants AS s
                 WHERE s.rowid = ?1 AND s.worktree_id = t.worktree_id AND s.group_id = t.group_id",
            )
            .map_err(failed)?;
        for (row, [worktree, group, saved, present]) in pairs {
            let name = format!("worktree_group_grants {worktree} {group}");
            if rank_of_level(&present) < rank_of_level(&saved) {
                report.lowered.push(format!("{name}: {present} from {saved}"));
            } else {
                report.withdrawn.push(format!("{name}: {present}"));
                restore.execute([row]).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Columns that adoption had added and that give no right. Where a migration brought one since, a value that somebody put
    /// there stays: only NULL and the default give way.
    fn other_columns(&self, report: &mut Restored) -> Result<()> {
        let model = added::model()?;
        for table in catalog::TABLES.iter().filter(|table| !table.is_aclites()) {
            let (name, copy) = (table.name, copy_of(table.name));
            if !has_table(self.conn, &copy)? {
                continue;
            }
            let failed = |error| Error::of_file(format!("restoring columns of `{name}`"), error);
            let (there, [key]) = (columns(self.conn, &copy)?, table.key) else { continue };
            let wanted = added::wanted(&model, name)?;
            let is_right = |column: &str| ALWAYS.iter().any(|(of, columns)| *of == name && columns.contains(&column));
            let same = format!("s.{key} = t.{key} AND s.created_at IS t.created_at");
            for column in wanted.iter().filter(|column| self.taken.columns_of(name).any(|taken| taken == column.name)) {
                if is_right(&column.name) || !there.contains(&column.name) {
                    continue;
                }
                let field = quote(&column.name);
                let mut free = format!("t.{field} IS NULL");
                if let Some(default) = &column.default {
                    free = format!("{free} OR t.{field} IS {default}");
                }
                if self.fresh.has_column(name, &column.name) {
                    free = "1".to_owned();
                }
                let parent = match &column.parent {
                    Some((parent, key)) => {
                        format!(
                            "AND (s.{field} IS NULL OR s.{field} IN (SELECT {} FROM main.{}))",
                            quote(key),
                            quote(parent)
                        )
                    }
                    None => String::new(),
                };
                let restored = self
                    .conn
                    .execute(
                        &format!(
                            "UPDATE OR IGNORE main.{name} AS t SET {field} = s.{field} FROM main.{copy} AS s
                             WHERE {same} AND s.{field} IS NOT t.{field} AND ({free}) {parent}"
                        ),
                        [],
                    )
                    .map_err(failed)?;
                report.restore(&format!("{name}.{}", column.name), restored as u64);
                report.gone.extend(names(
                    self.conn,
                    &format!(
                        "SELECT '{name} ' || t.{key} || ' {}' FROM main.{name} AS t, main.{copy} AS s
                         WHERE {same} AND s.{field} IS NOT t.{field} ORDER BY 1",
                        column.name
                    ),
                )?);
            }
        }
        Ok(())
    }

    /// The list of further tables stayed. A table that the migration dropped is not on it any more.
    fn further_tables(&self, report: &mut Restored) -> Result<()> {
        let failed = |error| Error::of_file("reading the list of further tables", error);
        let mut kept = 0;
        for table in crate::guard::extra_tables(self.conn)? {
            if has_table(self.conn, &table.name)? {
                kept += 1;
                continue;
            }
            self.conn.execute("DELETE FROM main.acl_tables WHERE name = ?1", [&table.name]).map_err(failed)?;
            report.gone.push(format!("acl_tables {}", table.name));
        }
        report.restore("acl_tables", kept);
        Ok(())
    }
}

/// A value where a word is expected.
#[derive(Debug)]
enum Word {
    Null,
    Text(String),
    /// No text, or none that is UTF-8.
    Other,
}

impl Word {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Text(bytes) => str::from_utf8(bytes).map_or(Self::Other, |text| Self::Text(text.to_owned())),
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::Text(text) => text,
            Self::Other => "what is no word",
        })
    }
}

/// How much a level gives: NULL is the default, an unknown word nothing.
fn rank_of_level(word: &Word) -> u8 {
    match word {
        Word::Null => Level::View as u8,
        Word::Text(word) => Level::known(word).unwrap_or(Level::None) as u8,
        Word::Other => Level::None as u8,
    }
}

/// The same for access to a worktree's files.
fn rank_of_files(word: &Word) -> u8 {
    match word {
        Word::Null => 1,
        Word::Text(word) if word == "read" => 1,
        Word::Text(word) if word == "write" => 2,
        _ => 0,
    }
}
