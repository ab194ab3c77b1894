//! A detached file is free for every program but aclite, and whole again after it was adopted.

use std::path::{Path, PathBuf};

use aclite::{Actor, Adoption, Sharing, Store, TableGuard};
use tempfile::{TempDir, tempdir};

use crate::support::file::{GUARDED, agor_with, bytes, raw, schema, tamper, texts};
use crate::support::{places, system, verdict, world_at};

const NOTES: &str =
    "CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)";

/// A file with three places and the further table `notes`, and a store on it.
fn guarded() -> (TempDir, PathBuf, Store) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    raw(&path).execute_batch(&format!("{NOTES}; INSERT INTO notes VALUES ('n', 's-v')")).unwrap();
    store.guard_table(&system(), "notes", TableGuard::of_session("session_id")).unwrap();
    (dir, path, store)
}

fn detached() -> (TempDir, PathBuf) {
    let (dir, path, store) = guarded();
    drop(store);
    Store::detach(&path).unwrap();
    (dir, path)
}

fn adopt(path: &Path) {
    assert!(!Adoption::new().run(path).unwrap().already);
}

/// The triggers that refuse aclite on the tables that were guarded, each with its table.
fn refusing(path: &Path) -> Vec<String> {
    let all =
        "SELECT name || ' on ' || tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'acl_*_detached_*'
               AND tbl_name NOT GLOB 'acl_saved_*' ORDER BY 1";
    texts(&raw(path), all)
}

/// The tables in which something is saved, each once for each of its triggers.
fn saved(path: &Path) -> Vec<String> {
    texts(
        &raw(path),
        "SELECT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name GLOB 'acl_saved_*' AND name GLOB 'acl_acl_saved_*_detached_*'",
    )
}

#[test]
fn a_detached_file_has_one_trigger_for_each_table_and_event_and_nothing_else_of_ours() {
    let (_dir, path) = detached();
    let tables = GUARDED.iter().copied().chain(["notes"]);
    let mut expected: Vec<String> = tables
        .flat_map(|table| {
            ["insert", "update", "delete"].map(|event| format!("acl_{table}_detached_{event} on {table}"))
        })
        .collect();
    expected.sort();
    assert_eq!(refusing(&path), expected);
    let saved = saved(&path);
    assert_eq!(saved.len(), 3 * 7, "{saved:?}");
    let all = "SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view')";
    assert_eq!(texts(&raw(&path), all).len(), expected.len() + saved.len());
}

/// What a migration does, on a connection of any other program, under either setting.
#[test]
fn any_other_program_writes_every_table() {
    let (_dir, path) = detached();
    for trusted in ["ON", "OFF"] {
        let conn = raw(&path);
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = {trusted}; BEGIN")).unwrap();
        for table in GUARDED.iter().copied().chain(["notes"]) {
            let columns = texts(&conn, &format!("SELECT '\"' || name || '\"' FROM pragma_table_info('{table}')"));
            let column = &columns[columns.len() - 1];
            conn.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * FROM {table}")).unwrap();
            for write in [
                format!("UPDATE {table} SET {column} = {column}"),
                format!("DELETE FROM {table}"),
                format!("INSERT INTO {table} SELECT * FROM kept"),
                format!("REPLACE INTO {table} SELECT * FROM kept"),
            ] {
                let changed = conn.execute(&write, []).unwrap_or_else(|error| panic!("{write}: {error}"));
                let rows: u32 = conn.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
                assert_eq!(changed, rows as usize, "{write}");
            }
            conn.execute_batch("DROP TABLE kept").unwrap();
        }
        conn.execute_batch(
            "ALTER TABLE tasks RENAME COLUMN status TO state; ALTER TABLE tasks DROP COLUMN data; ROLLBACK",
        )
        .unwrap();
    }
}

#[test]
fn a_store_that_has_it_open_is_told_to_wait_for_an_adoption() {
    let (_dir, path, store) = guarded();
    Store::detach(&path).unwrap();
    let before = bytes(&path);
    for actor in [system(), Actor::user("bo")] {
        let patched = store.write(&actor, |tx| tx.tasks().patch("t-v", aclite::TaskPatch::new().set("model", "x")));
        assert_eq!(verdict(&patched), "detached", "{patched:?}");
        let written = store.write(&actor, |tx| tx.sql().execute("UPDATE tasks SET status = 'failed'", []));
        assert_eq!(verdict(&written), "detached", "{written:?}");
    }
    assert!(bytes(&path) == before);
    adopt(&path);
    store
        .write(&Actor::user("bo"), |tx| tx.sql().execute("UPDATE tasks SET data = '{}' WHERE task_id = 't-v'", []))
        .unwrap();
    let refused = store.write(&Actor::user("cy"), |tx| tx.sql().execute("DELETE FROM tasks WHERE task_id = 't-v'", []));
    assert_eq!(verdict(&refused), "hidden");
}

#[test]
fn adopted_again_its_schema_is_what_it_was() {
    let (_dir, path, store) = guarded();
    drop(store);
    let before = schema(&path);
    for _ in 0..2 {
        Store::detach(&path).unwrap();
        Adoption::new().dry_run(true).run(&path).unwrap();
        assert_eq!(refusing(&path).len(), 3 * (GUARDED.len() + 1), "a dry run leaves them");
        adopt(&path);
        assert_eq!(schema(&path), before);
        assert!(Store::inspect(&path).unwrap().is_clean());
    }
    // And what a first adoption of the same tables makes.
    let dir = tempdir().unwrap();
    let path = agor_with(dir.path(), |sql| sql);
    Adoption::new().run(&path).unwrap();
    let fresh = schema(&path);
    Store::detach(&path).unwrap();
    adopt(&path);
    assert_eq!(schema(&path), fresh);
}

#[test]
fn to_detach_it_twice_is_an_error_and_changes_nothing() {
    let (_dir, path) = detached();
    let (before, triggers) = (bytes(&path), refusing(&path));
    assert_eq!(Store::detach(&path).unwrap_err().code(), "incompatible");
    for result in [Store::open(&path).map(drop), Store::inspect(&path).map(drop)] {
        assert_eq!(result.unwrap_err().to_string(), "the guards of this file were taken out: adopt it again");
    }
    assert!(bytes(&path) == before && refusing(&path) == triggers);
}

/// Names that begin as ours do are not kept only because a file is detached.
#[test]
fn a_trigger_or_view_of_somebody_elses_is_in_the_way_still() {
    for (made, named) in [
        ("CREATE TRIGGER mine AFTER INSERT ON tasks BEGIN DELETE FROM boards; END", "trigger `mine`"),
        ("CREATE TRIGGER acl_mine AFTER INSERT ON tasks BEGIN SELECT 1; END", "trigger `acl_mine`"),
        ("CREATE VIEW acl_held AS SELECT 1", "view `acl_held`"),
    ] {
        let (_dir, path) = detached();
        raw(&path).execute_batch(made).unwrap();
        let before = bytes(&path);
        let error = Adoption::new().run(&path).unwrap_err().to_string();
        assert!(error.contains(named), "{made}: {error}");
        assert!(bytes(&path) == before, "{made}");
    }
}

/// A trigger follows its table to another name, and is gone with it.
#[test]
fn tables_that_a_migration_renamed_dropped_or_rebuilt_are_adopted_again() {
    let rebuilt = |table: &str, other: &str| {
        format!(
            "CREATE TABLE {other} AS SELECT * FROM {table} WHERE 0; DROP TABLE {other};
             ALTER TABLE {table} RENAME TO {other}; {}",
            texts(&raw(&detached().1), &format!("SELECT sql FROM sqlite_schema WHERE name = '{table}'")).remove(0)
        )
    };
    for (migration, left) in [
        // The old table stays under another name, with its triggers.
        (format!("{}; INSERT INTO tasks SELECT * FROM old_tasks", rebuilt("tasks", "old_tasks")), 54),
        (
            format!(
                "{}; INSERT INTO tasks SELECT * FROM old_tasks; DROP TABLE old_tasks",
                rebuilt("tasks", "old_tasks")
            ),
            51,
        ),
        ("ALTER TABLE notes RENAME TO jottings; ALTER TABLE jottings RENAME TO notes".to_owned(), 54),
        (format!("DROP TABLE notes; {NOTES}"), 51),
        ("DROP TABLE notes; DELETE FROM acl_tables".to_owned(), 51),
        ("ALTER TABLE notes RENAME TO jottings; UPDATE acl_tables SET name = 'jottings'".to_owned(), 54),
        ("DROP TABLE worktree_group_grants; DROP TABLE group_memberships; DROP TABLE groups".to_owned(), 45),
        ("DROP TRIGGER acl_tasks_detached_insert".to_owned(), 53),
    ] {
        let (_dir, path) = detached();
        let conn = raw(&path);
        conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON").unwrap();
        conn.execute_batch(&migration).unwrap_or_else(|error| panic!("{migration}: {error}"));
        drop(conn);
        assert_eq!(refusing(&path).len(), left, "{migration}");
        adopt(&path);
        assert_eq!(refusing(&path), Vec::<String>::new(), "{migration}");
        assert_eq!(saved(&path), Vec::<String>::new(), "{migration}");
        assert!(Store::open(&path).unwrap().check().unwrap().is_clean(), "{migration}");
    }
}

/// A table that is gone can't be guarded: the file stays detached, and refuses aclite as before.
#[test]
fn a_failed_adoption_leaves_the_refusing_triggers() {
    let (_dir, path) = detached();
    tamper(&path, "DROP TABLE messages");
    let triggers = refusing(&path);
    assert_eq!(Adoption::new().run(&path).unwrap_err().code(), "incompatible");
    assert_eq!(refusing(&path), triggers);
    assert_eq!(triggers.len(), 51);
}

/// Whatever was done to a file, it can be detached, and what is there of its tables refuses aclite then.
#[test]
fn a_file_that_was_tampered_with_is_detached_all_the_same() {
    for (tampering, left) in [
        ("DROP TABLE notes", 51),
        ("DROP TABLE acl_tables", 48),
        ("DROP TABLE acl_tables; CREATE TABLE acl_tables (other)", 51),
        (
            "DROP TABLE acl_tables; CREATE TABLE acl_tables (name, via, parent); INSERT INTO acl_tables VALUES (x'00', 1, 2), (NULL, 1, 2)",
            51,
        ),
        (
            "DROP TABLE acl_tables; CREATE TABLE acl_tables (name, via, parent); INSERT INTO acl_tables VALUES ('a\"b', 1, 2); CREATE TABLE \"a\"\"b\" (c)",
            54,
        ),
        ("DROP TABLE tasks; CREATE VIEW tasks AS SELECT 1 AS task_id", 51),
        ("DROP TABLE tasks; CREATE VIRTUAL TABLE tasks USING fts5(body)", 51),
        ("CREATE TRIGGER ACL_TASKS_DETACHED_INSERT AFTER INSERT ON tasks BEGIN SELECT 1; END", 54),
    ] {
        let (_dir, path, store) = guarded();
        drop(store);
        let triggers =
            texts(&raw(&path), "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'").join(";");
        tamper(&path, &format!("{triggers}; {tampering}"));
        Store::detach(&path).unwrap_or_else(|error| panic!("{tampering}: {error}"));
        assert_eq!(refusing(&path).len(), left, "{tampering}");
    }
}
