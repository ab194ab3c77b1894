//! Putting the guards into a file, and taking them out.

use rusqlite::Connection;

use super::extra_tables;
use super::template::Table;
use super::writer::{quote, statements};
use crate::catalog;
use crate::error::{Error, Incompatible, Result};

const ACCESS: &str = include_str!("../../sql/access.sql");
const FACTS: &str = include_str!("../../sql/facts.sql");
const RULES: &str = include_str!("../../sql/rules.sql");

/// Raised whenever a released view or guard changes. A file with an older one gets the present one
/// when it is opened; one with a newer is not opened.
pub(crate) const GENERATION: i64 = 4;

/// Something that an installation puts into the schema.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) sql: String,
}

/// Everything that belongs into this file's schema, given its tables as they are.
pub(super) fn objects(conn: &Connection) -> Result<Vec<Object>> {
    let mut objects = views();
    let mut problems = Vec::new();
    let extra_tables = extra_tables::list(conn)?;
    for known in &catalog::TABLES {
        let table = Table::read(conn, known.name)?;
        let guards = table.expand(known.guards, |marker| extra_tables::children(marker, &extra_tables))?;
        objects.extend(guards.into_iter().map(|sql| object("trigger", sql)));
        problems.extend(table.problems);
    }
    for guarded in &extra_tables {
        let table = Table::read(conn, &guarded.name)?;
        objects.extend(guarded.guards(conn, &table)?.into_iter().map(|sql| object("trigger", sql)));
        problems.extend(guarded.problems(conn, &table)?);
    }
    if problems.is_empty() { Ok(objects) } else { Err(Error::Incompatible(Box::new(Incompatible::Shape { problems }))) }
}

/// Fails with what keeps guards from being sound on this file's tables, which must all be there.
pub(crate) fn check_tables(conn: &Connection) -> Result<()> {
    objects(conn).map(drop)
}

pub(super) fn views() -> Vec<Object> {
    [ACCESS, FACTS].into_iter().flat_map(statements).map(|sql| object("view", sql)).collect()
}

fn object(kind: &'static str, sql: String) -> Object {
    let name = sql.split_whitespace().nth(2).unwrap_or_default().to_owned();
    Object { kind, name, sql }
}

/// Installs views and guards, in place of any that are there.
///
/// Runs inside the caller's transaction.
pub(crate) fn install(conn: &Connection) -> Result<()> {
    remove(conn)?;
    for object in objects(conn)? {
        conn.execute_batch(&object.sql)
            .map_err(|error| Error::of_file(format!("installing `{}`", object.name), error))?;
    }
    Ok(())
}

/// Writes the default rules and settings where absent, and the generation of what is installed.
///
/// Runs inside the caller's transaction, before [`install`]: afterwards the guards forbid it.
pub(crate) fn seed(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("writing the default rules", error);
    conn.execute_batch(RULES).map_err(failed)?;
    conn.execute("INSERT OR REPLACE INTO acl_meta (name, value) VALUES ('generation', ?1)", [GENERATION])
        .map_err(failed)?;
    Ok(())
}

/// Takes out every view and trigger whose name says that it is aclite's, whatever generation it is of.
///
/// Runs inside the caller's transaction.
pub(crate) fn remove(conn: &Connection) -> Result<()> {
    let failed = |error| Error::of_file("taking out the guards", error);
    let mut ours = conn
        .prepare(
            "SELECT type, name FROM main.sqlite_schema
             WHERE (type = 'trigger' AND name GLOB 'acl_*') OR (type = 'view' AND name GLOB 'acl_*')",
        )
        .map_err(failed)?;
    let drops = ours.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).map_err(failed)?;
    let drops = drops.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    for (kind, name) in drops {
        conn.execute_batch(&format!("DROP {kind} main.{}", quote(&name))).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::config::DbConfig;

    use crate::actor::Actor;
    use crate::store::Store;

    /// A newcomer can load each guard file into any SQLite: with its markers left in, it is plain SQL.
    #[test]
    fn guard_files_load_as_they_stand() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../../sql/tables/0001_tables.sql")).unwrap();
        conn.execute_batch("CREATE TABLE notes (note_id text PRIMARY KEY, session_id text)").unwrap();
        conn.execute_batch(super::ACCESS).unwrap();
        conn.execute_batch(super::FACTS).unwrap();
        for table in &super::catalog::TABLES {
            conn.execute_batch(table.guards).unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
        conn.execute_batch(include_str!("../../sql/guards/extra_table.sql")).unwrap();
        conn.execute_batch(include_str!("../../sql/detached.sql")).unwrap();
    }

    /// Every step of a statement's plan and of the triggers that it runs.
    fn plan(sql: &str) -> Vec<String> {
        let store = Store::open(":memory:").unwrap();
        let plan = store.write(&Actor::system("plan"), |tx| {
            tx.raw().set_db_config(DbConfig::SQLITE_DBCONFIG_TRIGGER_EQP, true).unwrap();
            // A step without a text begins a trigger.
            tx.rows("a plan", &format!("EXPLAIN QUERY PLAN {sql}"), &[], |row| {
                Ok(row.get::<_, Option<String>>(3).unwrap())
            })
        });
        plan.unwrap().into_iter().flatten().collect()
    }

    #[test]
    fn guards_look_everything_up_by_key() {
        for sql in [
            "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('t', 's', 0, 'x', '{}')",
            "UPDATE tasks SET status = 'x' WHERE task_id = 't'",
            "DELETE FROM tasks WHERE task_id = 't'",
            "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
             VALUES ('m', 's', 0, 'user', 'user', 0, 0, '{}')",
            "UPDATE messages SET status = 'x' WHERE message_id = 'm'",
            "DELETE FROM messages WHERE message_id = 'm'",
            "UPDATE sessions SET status = 'x' WHERE session_id = 's'",
            "DELETE FROM sessions WHERE session_id = 's'",
            "UPDATE worktrees SET name = 'x' WHERE worktree_id = 'w'",
            "DELETE FROM worktrees WHERE worktree_id = 'w'",
            "DELETE FROM users WHERE user_id = 'u'",
            "DELETE FROM repos WHERE repo_id = 'r'",
        ] {
            let steps = plan(sql);
            assert!(steps.len() > 4, "the plan shows the guards: {steps:?}");
            for step in steps {
                // A coroutine or a constant row is no table; the epoch has one row.
                let harmless = ["CONSTANT ROW", "SCAN c", "SCAN (subquery", "acl_epoch"];
                assert!(!step.starts_with("SCAN") || harmless.iter().any(|word| step.contains(word)), "{sql}: {step}");
            }
        }
    }
}
