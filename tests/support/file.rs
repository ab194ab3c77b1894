//! Makes and reads files as other programs do: without aclite's functions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use aclite::rusqlite::types::Value;
use aclite::rusqlite::{Connection, config::DbConfig};

/// The SQL of a database that Agor made before it had access control.
pub const AGOR: &str = include_str!("agor.sql");

/// The tables that aclite guards in every file.
pub const GUARDED: [&str; 17] = [
    "users",
    "repos",
    "boards",
    "worktrees",
    "worktree_owners",
    "sessions",
    "tasks",
    "messages",
    "groups",
    "group_memberships",
    "worktree_group_grants",
    "acl_rules",
    "acl_settings",
    "acl_epoch",
    "acl_audit",
    "acl_tables",
    "acl_meta",
];

/// A file of Agor's in `dir`.
pub fn agor(dir: &Path) -> PathBuf {
    agor_with(dir, |sql| sql)
}

/// A file of Agor's in `dir`, made by changed SQL.
pub fn agor_with(dir: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    let path = dir.join("agor.db");
    let changed = change(AGOR.to_owned());
    raw(&path).execute_batch(&changed).expect("the SQL of the file runs");
    path
}

/// A connection as another program has one, which may write the schema table too.
pub fn raw(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("the file opens");
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false).expect("a setting is set");
    conn
}

/// The same where functions that ask who acts are known, and nobody does: views that call them can be read then.
pub fn raw_with_functions(path: &Path) -> Connection {
    use rusqlite::functions::{Context, FunctionFlags};
    let conn = raw(path);
    for function in ["acl_actor", "acl_task", "acl_session", "acl_holder", "acl_agent_session"] {
        let nobody = |_: &Context<'_>| Ok(None::<String>);
        conn.create_scalar_function(function, 0, FunctionFlags::SQLITE_INNOCUOUS, nobody).expect("a function is set");
    }
    let never = |_: &Context<'_>| Ok(false);
    conn.create_scalar_function("acl_same_key", 3, FunctionFlags::SQLITE_INNOCUOUS, never).expect("a function is set");
    conn
}

/// Runs `sql` as another program, without foreign keys.
pub fn tamper(path: &Path, sql: &str) {
    let conn = raw(path);
    conn.execute_batch("PRAGMA foreign_keys = OFF").expect("a pragma runs");
    conn.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Runs `sql` as another program, past the guards of `table`, which it puts back.
pub fn past_guards(path: &Path, table: &str, sql: &str) {
    let of = |what: &str| format!("SELECT {what} FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'");
    let (names, guards) = (texts(&raw(path), &of("name")), texts(&raw(path), &of("sql")));
    let drops = names.iter().map(|name| format!("DROP TRIGGER {name};")).collect::<String>();
    tamper(path, &format!("BEGIN; {drops} {sql}; {}; COMMIT", guards.join(";\n")));
}

/// The bytes of the file and of the log beside it.
pub fn bytes(path: &Path) -> (Vec<u8>, Vec<u8>) {
    (std::fs::read(path).unwrap_or_default(), std::fs::read(beside(path, "-wal")).unwrap_or_default())
}

/// The file that SQLite keeps beside `path` with this ending.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Every row of every table: by table, then its columns' names, then rows in the order of their rowids.
pub type Content = BTreeMap<String, (Vec<String>, Vec<Vec<Value>>)>;

/// Reads everything that is in the file.
pub fn content(path: &Path) -> Content {
    let conn = raw(path);
    texts(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .into_iter()
        .map(|table| {
            let columns = texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
            let rows = rows_of(&conn, &table, &columns);
            (table, (columns, rows))
        })
        .collect()
}

/// The same tables and columns as in `before`, as they are now.
pub fn content_again(path: &Path, before: &Content) -> Content {
    let conn = raw(path);
    let again = |(table, (columns, _)): (&String, &(Vec<String>, _))| {
        (table.clone(), (columns.clone(), rows_of(&conn, table, columns)))
    };
    before.iter().map(again).collect()
}

fn rows_of(conn: &Connection, table: &str, columns: &[String]) -> Vec<Vec<Value>> {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let mut rows = conn
        .prepare(&format!("SELECT rowid, {} FROM \"{table}\" ORDER BY rowid", names.join(", ")))
        .expect("a table can be read");
    let rows =
        rows.query_map([], |row| (0..=columns.len()).map(|index| row.get(index)).collect()).expect("it has rows");
    rows.collect::<Result<_, _>>().expect("its rows can be read")
}

/// The texts in the first column of a query.
pub fn texts(conn: &Connection, sql: &str) -> Vec<String> {
    let mut rows = conn.prepare(sql).expect("a query is sound");
    let rows = rows.query_map([], |row| row.get(0)).expect("a query runs");
    rows.collect::<Result<_, _>>().expect("its rows can be read")
}

/// The SQL of everything in the schema, by kind and name.
pub fn schema(path: &Path) -> BTreeMap<(String, String), String> {
    let conn = raw(path);
    let mut rows = conn.prepare("SELECT type, name, ifnull(sql, '') FROM sqlite_schema").expect("the schema is there");
    let rows = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).expect("it has rows");
    rows.collect::<Result<_, _>>().expect("its rows can be read")
}

/// A program that tests use where the machine has it. Without it they say so; where
/// `ACLITE_REQUIRE_HOSTS` is 1, they fail.
pub fn host(program: &str) -> Option<&str> {
    there(program, Command::new(program).arg("--version")).then_some(program)
}

/// The same for whatever `probe` asks for: it is there where that succeeds.
pub fn there(what: &str, probe: &mut Command) -> bool {
    if probe.output().is_ok_and(|out| out.status.success()) {
        return true;
    }
    assert!(std::env::var_os("ACLITE_REQUIRE_HOSTS").is_none_or(|value| value != "1"), "`{what}` is not here");
    eprintln!("SKIPPED: `{what}` is not here");
    false
}
