//! A plain connection, which knows nothing of aclite, reads everything and writes nothing.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use aclite::{Sharing, Store, TableGuard};
use rusqlite::{Connection, OpenFlags};

use super::world::everything;
use crate::support::file::{GUARDED as TABLES, host};
use crate::support::{places, sql, system, world_at};

/// Writes that any plain connection may try: on each table one of each kind, whatever its columns.
fn plain_writes(conn: &Connection, schema: &str) -> Vec<String> {
    let mut statements = Vec::new();
    for table in TABLES {
        let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1, ?2)").unwrap();
        let columns: Vec<String> =
            columns.query_map([table, schema], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let table = format!("{schema}.{table}");
        let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let first = &quoted[0];
        for word in ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"] {
            let values = vec!["'1'"; quoted.len()].join(", ");
            statements.push(format!("{word} INTO {table} ({}) VALUES ({values})", quoted.join(", ")));
        }
        for word in ["UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"] {
            statements.push(format!("{word} {table} SET {first} = {first}"));
        }
        statements.push(format!("DELETE FROM {table}"));
    }
    statements
}

fn file_with_everything(path: &Path) -> Store {
    let store = world_at(path);
    places(&store, Sharing::View);
    for statement in [
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('g', 'g', 'g', 'ada', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'cy', 'ada', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('w-w', 'g', 'view', 'bo', acl_now())",
    ] {
        sql(&store, statement);
    }
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
        )
        .unwrap();
    store.guard_table(&system(), "notes", TableGuard::of_session("session_id")).unwrap();
    store
}

const READS: [&str; 3] = ["acl_access", "acl_rules", "acl_audit"];

/// A host that never heard of aclite, such as a backup script or a database browser.
#[test]
fn a_plain_connection_reads_everything_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = file_with_everything(&path);
    let before = everything(&store);
    let conn = Connection::open(&path).unwrap();
    let statements = plain_writes(&conn, "main");
    assert_eq!(statements.len(), TABLES.len() * 7);
    for foreign_keys in ["ON", "OFF"] {
        conn.execute_batch(&format!("PRAGMA foreign_keys = {foreign_keys}")).unwrap();
        for statement in &statements {
            let error = conn.execute(statement, []).expect_err(statement).to_string();
            assert!(error.contains("no such function: acl_"), "{statement}: {error}");
        }
    }
    for table in TABLES.iter().chain(&READS) {
        let rows: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table}");
        let mut all = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let mut all = all.query([]).unwrap();
        while all.next().unwrap().is_some() {}
    }
    let level: String = conn
        .query_row("SELECT level FROM acl_access WHERE worktree_id = 'w-v' AND user_id = 'bo'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(level, "all");
    drop(conn);
    assert_eq!(everything(&store), before);

    // Attached to a file of its own, whose tables and triggers could be anything.
    let conn = Connection::open_in_memory().unwrap();
    conn.execute("ATTACH ?1 AS guarded", [path.to_str()]).unwrap();
    conn.execute_batch("CREATE TABLE acl_settings (name, value); CREATE TABLE users (user_id, role)").unwrap();
    for statement in plain_writes(&conn, "guarded") {
        let error = conn.execute(&statement, []).expect_err(&statement).to_string();
        assert!(error.contains("no such function: acl_"), "{statement}: {error}");
    }
    drop(conn);
    assert_eq!(everything(&store), before);

    // A reader without the right to write looks all the same.
    let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(conn.query_row("SELECT count(*) FROM acl_access", [], |row| row.get::<_, i64>(0)).unwrap() > 0);
}

/// The same in the stock shell, whose SQLite is older than ours.
#[test]
fn the_stock_shell_reads_everything_and_writes_nothing() {
    let Some(program) = host("sqlite3") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = file_with_everything(&path);
    let before = everything(&store);
    let shell = |input: &str| {
        let mut child = Command::new(program)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let statements = plain_writes(&Connection::open(&path).unwrap(), "main");
    let (_, errors) = shell(&(statements.join(";\n") + ";\n"));
    let refusals = errors.lines().filter(|line| line.contains("no such function: acl_")).count();
    assert_eq!(refusals, statements.len(), "{errors}");
    assert_eq!(everything(&store), before);

    for table in TABLES.iter().chain(&READS) {
        let (rows, errors) = shell(&format!("SELECT * FROM {table};\n"));
        assert!(!rows.is_empty() && errors.is_empty(), "{table}: {errors}");
    }
    let (held, _) = shell("SELECT level, source FROM acl_access WHERE worktree_id = 'w-x' AND user_id = 'cy';\n");
    assert_eq!(held.trim(), "all|owner");
}
