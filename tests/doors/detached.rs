//! In a detached file no connection that knows aclite writes past guards that are not there, and every other may.

use std::path::{Path, PathBuf};

use aclite::{Adoption, Sharing, Store, TableGuard};
use rusqlite::Connection;
use tempfile::TempDir;

use super::host::text;
use crate::support::file::content;
use crate::support::raw::{self, run};
use crate::support::{places, system, task, world_at};

const TOLD: &str =
    "aclite: detached: the guards of this file were taken out: run `aclite adopt FILE` to put them in again";

/// Every way to write a row, each of which changes one at least.
const WRITES: &[&str] = &[
    "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('n', 's-v', 0, 'created', '{}')",
    "INSERT OR IGNORE INTO tasks (task_id, session_id, created_at, status, data) VALUES ('n', 's-v', 0, 'created', '{}')",
    "INSERT OR FAIL INTO tasks (task_id, session_id, created_at, status, data) VALUES ('n', 's-v', 0, 'created', '{}')",
    "INSERT OR ROLLBACK INTO tasks (task_id, session_id, created_at, status, data) VALUES ('n', 's-v', 0, 'created', '{}')",
    "INSERT OR REPLACE INTO tasks SELECT * FROM tasks WHERE task_id = 't-v'",
    "REPLACE INTO tasks (task_id, session_id, created_at, status, data) VALUES ('t-v', 's-v', 0, 'failed', '{}')",
    "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('t-v', 's-v', 0, 'x', '{}')
       ON CONFLICT (task_id) DO UPDATE SET status = 'failed'",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
       INSERT INTO tasks (task_id, session_id, created_at, status, data) SELECT 'n' || i, 's-v', 0, 'created', '{}' FROM n",
    "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v'",
    "UPDATE OR IGNORE tasks SET status = 'failed'",
    "UPDATE OR REPLACE tasks SET task_id = 'other' WHERE task_id = 't-n'",
    "UPDATE tasks SET status = u.name FROM (SELECT 'failed' AS name) AS u WHERE task_id = 't-v'",
    "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v' RETURNING status",
    "DELETE FROM tasks WHERE task_id = 't-v'",
    "DELETE FROM tasks",
    "DELETE FROM messages RETURNING message_id",
    // Cascades: from a table that was guarded, and to one from a table that never was.
    "DELETE FROM worktrees WHERE worktree_id = 'w-v'",
    "DELETE FROM tags",
    "UPDATE tags SET tag = 'other'",
    "INSERT OR IGNORE INTO notes VALUES ('o', 's-v', NULL)",
    // By triggers of somebody else's.
    "INSERT INTO trap VALUES (1)",
    "INSERT INTO through VALUES ('t-v')",
    // Policy, audit, and the very row that says that the file is detached.
    "INSERT INTO worktree_owners VALUES ('w-v', 'cy', 0)",
    "UPDATE users SET role = 'superadmin'",
    "UPDATE acl_rules SET needs = 'signed-in'",
    "DELETE FROM acl_audit",
    "UPDATE acl_meta SET value = 3 WHERE name = 'generation'",
    // What was saved for the next adoption.
    "UPDATE acl_saved_worktrees SET others_can = 'all'",
    "INSERT INTO acl_saved_worktree_owners VALUES ('w-v', 'cy', 0)",
    "DELETE FROM acl_saved_users",
    "UPDATE acl_meta SET value = 9e18 WHERE name = 'detached_at'",
];

/// A file with three places, a further table under guard, and a few objects of the daemon's own.
fn guarded() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    task(&store, "t-n", "s-v", "bo");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE tags (tag text PRIMARY KEY);
             CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE,
               tag text REFERENCES tags (tag) ON DELETE CASCADE ON UPDATE CASCADE);
             INSERT INTO tags VALUES ('a');
             INSERT INTO notes VALUES ('n', 's-v', 'a');
             CREATE TABLE trap (a)",
        )
        .unwrap();
    store.guard_table(&system(), "notes", TableGuard::of_session("session_id")).unwrap();
    (dir, path)
}

fn detach(path: &Path) {
    Store::detach(path).unwrap();
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER trap_after AFTER INSERT ON trap BEGIN UPDATE tasks SET status = 'failed'; END;
             CREATE VIEW through AS SELECT task_id FROM tasks;
             CREATE TRIGGER through_insert INSTEAD OF INSERT ON through BEGIN DELETE FROM tasks WHERE task_id = NEW.task_id; END",
        )
        .unwrap();
}

/// A host's connection, on which `bo` has signed in.
fn signed_in(path: &Path) -> Connection {
    let conn = raw::open(path);
    assert_eq!(text(&conn, "SELECT acl_login('bo')"), "bo");
    conn
}

/// Each statement fails, with the remedy in its text, and nothing has changed.
#[track_caller]
fn refuses_all(conn: &Connection, path: &Path, what: &str) {
    let before = content(path);
    for write in WRITES {
        assert_eq!(run(conn, write), Err(TOLD.to_owned()), "{what}: {write}");
    }
    assert!(content(path) == before, "{what}");
}

#[test]
fn a_program_without_aclite_writes_in_every_way() {
    let (_dir, path) = guarded();
    detach(&path);
    for trusted in ["ON", "OFF"] {
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = {trusted}")).unwrap();
        for write in WRITES {
            conn.execute_batch("BEGIN").unwrap();
            let before = conn.total_changes();
            run(&conn, write).unwrap_or_else(|error| panic!("{write}: {error}"));
            assert!(conn.total_changes() > before, "{write} changes something");
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
}

#[test]
fn a_host_that_was_signed_in_before_is_refused() {
    let (_dir, path) = guarded();
    let conn = signed_in(&path);
    // One that it has prepared, and has run.
    let mut kept = conn.prepare("UPDATE tasks SET status = status WHERE task_id = 't-v'").unwrap();
    assert_eq!(kept.execute([]), Ok(1));
    detach(&path);
    let before = content(&path);
    assert_eq!(kept.execute([]).unwrap_err().to_string(), TOLD);
    refuses_all(&conn, &path, "signed in before");
    for switches in [
        "PRAGMA trusted_schema = OFF",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA foreign_keys = ON; PRAGMA defer_foreign_keys = ON",
    ] {
        conn.execute_batch(switches).unwrap();
        refuses_all(&conn, &path, switches);
    }
    // In a transaction of its own too; what else it does there stays.
    conn.execute_batch("BEGIN; SAVEPOINT s").unwrap();
    assert_eq!(run(&conn, WRITES[0]), Err(TOLD.to_owned()));
    conn.execute_batch("RELEASE s; INSERT INTO tags VALUES ('b'); COMMIT").unwrap();
    assert_eq!(text(&conn, "SELECT group_concat(tag) FROM tags"), "a,b");
    run(&conn, "DELETE FROM tags WHERE tag = 'b'").unwrap();
    // Nobody who acts is nobody whom it lets through.
    run(&conn, "SELECT acl_logout()").unwrap();
    refuses_all(&conn, &path, "signed out");
    assert!(content(&path) == before);
}

#[test]
fn a_host_that_loads_the_extension_afterwards_is_refused() {
    let (_dir, path) = guarded();
    detach(&path);
    let conn = Connection::open(&path).unwrap();
    // Prepared by a program that did not know aclite yet.
    let mut kept = conn.prepare(WRITES[8]).unwrap();
    conn.execute_batch("BEGIN").unwrap();
    assert_eq!(kept.execute([]), Ok(1));
    conn.execute_batch("ROLLBACK").unwrap();
    raw::load(&conn).unwrap();
    assert_eq!(kept.execute([]).unwrap_err().to_string(), TOLD);
    for (sign_in, told) in [
        ("SELECT acl_login('bo')", "run `aclite adopt FILE`"),
        ("SELECT acl_login('bo', 'final')", "run `aclite adopt FILE`"),
        ("SELECT acl_system('repair')", "run `aclite adopt FILE`"),
        ("SELECT acl_seal()", "nobody is signed in"),
        ("SELECT acl_check()", "adopt it again"),
    ] {
        let error = run(&conn, sign_in).unwrap_err();
        assert!(error.contains(told), "{sign_in}: {error}");
    }
    assert!(text(&conn, "SELECT acl_whoami()").contains("anonymous"));
    refuses_all(&conn, &path, "loaded afterwards");
}

#[test]
fn a_detached_file_that_is_attached_refuses_too() {
    let (dir, path) = guarded();
    detach(&path);
    let other = dir.path().join("other.db");
    drop(world_at(&other));
    for main in [other.to_str().unwrap(), ":memory:"] {
        let conn = raw::open(Path::new(main));
        conn.execute("ATTACH ?1 AS d", [path.to_str().unwrap()]).unwrap();
        let before = content(&path);
        for write in [
            "INSERT INTO d.tasks (task_id, session_id, created_at, status, data) VALUES ('n', 's-v', 0, 'created', '{}')",
            "UPDATE d.tasks SET status = 'failed'",
            "DELETE FROM d.sessions",
        ] {
            assert_eq!(run(&conn, write), Err(TOLD.to_owned()), "{main}: {write}");
        }
        assert!(content(&path) == before);
    }
}

/// The rebuilt table has no trigger: nobody signs in, until the guards are back. It is where the defence ends: a connection
/// that does not ask writes this table as any other program does.
#[test]
fn nobody_signs_in_where_a_migration_has_rebuilt_a_table() {
    let (_dir, path) = guarded();
    let before = signed_in(&path);
    detach(&path);
    let bare = Connection::open(&path).unwrap();
    let sql = text(&bare, "SELECT sql FROM sqlite_schema WHERE name = 'tasks'");
    bare.execute_batch(&format!(
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; DROP VIEW through; DROP TRIGGER trap_after;
         ALTER TABLE tasks RENAME TO old_tasks; {sql}; INSERT INTO tasks SELECT * FROM old_tasks; DROP TABLE old_tasks"
    ))
    .unwrap();
    let after = raw::open(&path);
    for conn in [&before, &after] {
        for user in ["'bo'", "'bo@example.com'", "'nobody'", "'bo', 'final'"] {
            assert_eq!(run(conn, &format!("SELECT acl_login({user})")), Err(TOLD.to_owned()), "{user}");
        }
        let write = "UPDATE messages SET status = 'x' WHERE message_id = 'm-v'";
        assert_eq!(run(conn, write), Err(TOLD.to_owned()), "the other tables refuse");
        assert_eq!(run(conn, "UPDATE tasks SET status = status"), Ok(0));
    }
    assert!(text(&after, "SELECT acl_whoami()").contains("anonymous"));
    Adoption::new().run(&path).unwrap();
    for conn in [&before, &after] {
        assert_eq!(text(conn, "SELECT acl_login('cy')"), "cy");
        let refused = run(conn, "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v'");
        assert_eq!(refused, Err("aclite: not_found: there is no task `t-v`".to_owned()));
    }
}

#[test]
fn adopted_again_the_guards_decide_again() {
    let (_dir, path) = guarded();
    let before = signed_in(&path);
    detach(&path);
    let after = raw::open(&path);
    Connection::open(&path).unwrap().execute_batch("DROP VIEW through; DROP TRIGGER trap_after").unwrap();
    // A host does it by SQL.
    assert!(text(&after, "SELECT acl_adopt()").contains(r#""already":false"#));
    let left = "SELECT CAST(count(*) AS text) FROM sqlite_schema WHERE name GLOB 'acl_*_detached_*'";
    assert_eq!(text(&after, left), "0");
    assert_eq!(text(&after, "SELECT acl_login('cy')"), "cy");
    let patch = "UPDATE tasks SET data = '{\"by\":\"me\"}' WHERE task_id = 't-v'";
    assert_eq!(run(&before, patch), Ok(0), "bo still acts there");
    assert_eq!(run(&after, patch), Err("aclite: not_found: there is no task `t-v`".to_owned()));
    let bare = Connection::open(&path).unwrap();
    assert!(run(&bare, patch).unwrap_err().contains("no such function: acl_"));
}

/// The extension's own function is beside the host's, whatever runs while it is loaded.
#[test]
fn other_options_are_what_the_host_says_they_are() {
    let bare = Connection::open_in_memory().unwrap();
    let conn = Connection::open_in_memory().unwrap();
    let mut running = conn.prepare("SELECT 1 UNION ALL SELECT 2").unwrap();
    let mut rows = running.query([]).unwrap();
    rows.next().unwrap().unwrap();
    raw::load(&conn).unwrap();
    drop(rows);
    let options = "SELECT group_concat(compile_options || sqlite_compileoption_used(compile_options)
        || sqlite_compileoption_used('SQLITE_' || lower(compile_options)) || sqlite_compileoption_used(substr(compile_options, 2)))
        FROM pragma_compile_options";
    assert_eq!(text(&conn, options), text(&bare, options));
    for (option, expected) in [("ACLITE", [0, 1]), ("ACLITE2", [0, 0]), ("THREADSAFE", [1, 1])] {
        let ask = format!("SELECT sqlite_compileoption_used('{option}')");
        let found = [&bare, &conn].map(|conn| conn.query_row(&ask, [], |row| row.get::<_, i64>(0)).unwrap());
        assert_eq!(found, expected, "{option}");
    }
}

/// A host without the command adopts again by SQL, and what was saved is restored there too.
#[test]
fn a_host_adopts_it_again_and_the_levels_are_back() {
    let (_dir, path) = guarded();
    detach(&path);
    let conn = raw::open(&path);
    // Objects of the daemon's own that would write guarded tables are in the way.
    let plain = Connection::open(&path).unwrap();
    plain
        .execute_batch("DROP TRIGGER trap_after; DROP TRIGGER through_insert; UPDATE worktrees SET others_can = 'all'")
        .unwrap();
    drop(plain);
    let report: serde_json::Value = serde_json::from_str(&text(&conn, "SELECT acl_adopt()")).unwrap();
    assert_eq!(report["already"], false);
    assert_eq!(report["withdrawn"].as_array().unwrap().len(), 3, "{report}");
    let conn = raw::open(&path);
    assert_eq!(
        text(&conn, "SELECT group_concat(others_can) FROM (SELECT others_can FROM worktrees ORDER BY worktree_id)"),
        "none,view,none"
    );
    assert_eq!(text(&conn, "SELECT acl_login('cy')"), "cy");
    let refused = run(&conn, "UPDATE tasks SET data = '{}' WHERE task_id = 't-v'").unwrap_err();
    assert!(refused.starts_with("aclite: "), "{refused}");
}

/// The refusal that follows a column of somebody else's names what to do.
#[test]
fn a_column_that_was_added_under_the_guards_is_told_with_its_remedy() {
    let (_dir, path) = guarded();
    let conn = signed_in(&path);
    Connection::open(&path).unwrap().execute_batch("ALTER TABLE tasks ADD COLUMN shine").unwrap();
    let write = "UPDATE tasks SET data = '{\"model\":\"m\"}' WHERE task_id = 't-v'";
    let refused = run(&conn, write).unwrap_err();
    assert!(refused.contains("run `aclite check FILE --repair`"), "{refused}");
    drop(aclite::OpenOptions::new().repair(true).open(&path).unwrap());
    run(&conn, write).unwrap();
}

/// What a host has open may be anybody's file.
#[test]
fn a_check_of_what_is_not_aclites_says_what_it_is_and_touches_nothing() {
    for (make, told) in [
        ("", "the file is empty"),
        ("CREATE TABLE a (b)", "the file is another program's and not Agor's: it holds `a`"),
        ("PRAGMA journal_mode = WAL; CREATE TABLE a (b)", "the file is another program's and not Agor's: it holds `a`"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch(make).unwrap();
        let before = std::fs::read(&path).unwrap();
        let conn = raw::open(&path);
        for ask in ["SELECT acl_check()", "SELECT acl_adopt()"] {
            let refused = conn.query_row(ask, [], |row| row.get::<_, String>(0)).unwrap_err().to_string();
            assert!(refused.contains(told), "{make}, {ask}: {refused}");
        }
        drop(conn);
        assert!(std::fs::read(&path).unwrap() == before, "{make}: the file differs");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{make}: something is beside it");
    }
}
