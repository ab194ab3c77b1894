//! What a sealed connection costs: its statements against the same on the file itself, unfiltered.
//!
//! `cargo bench --bench sealed` measures; `-- --quick` only shows that it works.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that can't go on stops"
)]

#[path = "../patch/harness.rs"]
mod harness;
mod world;

use std::time::Duration;

use aclite::{Actor, Sealed, Store};
use harness::{Effort, Row, compare, print};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use world::{Size, World};

const NEWEST: &str = "SELECT * FROM tasks ORDER BY created_at DESC LIMIT 50";
const SESSION: &str = "SELECT * FROM messages WHERE session_id = ?1 ORDER BY \"index\"";
const ONE: &str = "SELECT * FROM tasks WHERE task_id = ?1";
const COUNT: &str = "SELECT status, count(*) FROM tasks GROUP BY status";

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let dir = tempfile::tempdir().expect("a folder for the files");
    let (small, large) = (Size { sessions: 1_000, tasks: 10 }, Size { sessions: 20_000, tasks: 50 });
    let sizes: &[Size] = if quick { &[small] } else { &[small, large] };
    let mut rows = Vec::new();
    for size in sizes {
        let total = size.sessions * size.tasks;
        eprintln!("making a file of {total} tasks and as many messages");
        let world = World::new(dir.path(), *size).expect("a file");
        eprintln!("measuring {total}");
        let effort = if quick { Effort { rounds: 3, calls: 3 } } else { Effort { rounds: 15, calls: 40 } };
        measure(&world, effort, total, &mut rows);
    }
    print(&rows);
    println!();
    println!("peak memory of this process: {}", peak());
}

fn measure(world: &World, effort: Effort, total: usize, rows: &mut Vec<Row>) {
    let store = Store::open(&world.path).expect("the store");
    let raw = Connection::open_with_flags(&world.path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file");
    let sealed = |actor: &Actor| {
        let sealed = store.sealed(actor).expect("a sealed connection");
        sealed.set_time_limit(Duration::from_secs(60));
        sealed
    };
    let (one, tenth, all) = (sealed(&Actor::user("one")), sealed(&Actor::user("tenth")), sealed(&Actor::user("all")));
    let (session, task) = world.of_one();
    let executor = sealed(&Actor::executor("one", session.as_str(), task.as_str()));
    for (whom, sealed, target) in [
        ("1 worktree of 1000", &one, Some(5.0)),
        ("1 worktree in 10", &tenth, None),
        ("all worktrees", &all, None),
        ("an executor's session", &executor, None),
    ] {
        let shown = ask(sealed, NEWEST, None);
        assert_eq!(
            shown,
            if whom.starts_with("an") { world.size.tasks.min(50) } else { world.visible(whom).min(50) },
            "{whom}"
        );
        rows.push(compare(
            format!("newest 50 of {total} tasks, who sees {whom} ÷ unfiltered"),
            effort,
            target,
            |_| _ = ask(sealed, NEWEST, None),
            |_| _ = ask_raw(&raw, NEWEST, None),
        ));
    }
    for (what, sql, id, target) in
        [("one session's messages", SESSION, &session, Some(5.0)), ("one task by its id", ONE, &task, None)]
    {
        assert_eq!(ask(&one, sql, Some(id)), ask_raw(&raw, sql, Some(id)), "{what}");
        rows.push(compare(
            format!("{what} of {total} ÷ unfiltered"),
            effort,
            target,
            |_| _ = ask(&one, sql, Some(id)),
            |_| _ = ask_raw(&raw, sql, Some(id)),
        ));
    }
    let few = Effort { rounds: 3, calls: 1 };
    rows.push(compare(
        format!("all {total} tasks by status, who sees all ÷ unfiltered"),
        few,
        None,
        |_| _ = ask(&all, COUNT, None),
        |_| _ = ask_raw(&raw, COUNT, None),
    ));
    let touch = "UPDATE acl_settings SET value = value";
    rows.push(compare(
        format!("newest 50 of {total} after a change of rights ÷ unfiltered"),
        few,
        None,
        |_| {
            store.write(&Actor::system("benchmark"), |tx| tx.sql().execute(touch, [])).expect("a new epoch");
            ask(&one, NEWEST, None);
        },
        |_| _ = ask_raw(&raw, NEWEST, None),
    ));
}

/// How many rows a sealed connection gives; each value is read.
fn ask(sealed: &Sealed, sql: &str, id: Option<&str>) -> usize {
    sealed.query(sql, rusqlite::params_from_iter(id), read).expect("rows").len()
}

fn ask_raw(conn: &Connection, sql: &str, id: Option<&str>) -> usize {
    let mut statement = conn.prepare_cached(sql).expect("a statement");
    let rows = statement.query_map(rusqlite::params_from_iter(id), read).expect("rows");
    rows.collect::<Result<Vec<_>, _>>().expect("rows").len()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<Value>> {
    (0..row.as_ref().column_count()).map(|column| row.get(column)).collect()
}

/// What the process has held at most, as the system says.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
