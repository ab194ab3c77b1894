//! What a guarded patch costs: against the bare UPDATE, and against looking everything up first.
//!
//! `cargo bench` measures; `cargo bench -- --quick` only shows that it works. `--count CALLS`, and `--data` after it, makes
//! that many audited patches and no more, for whoever counts their instructions.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that can't go on stops"
)]

mod harness;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use aclite::{Actor, Durability, MessageId, MessageRole, MessageType, NewMessage, Store, Task, TaskPatch};
use harness::{Effort, compare, print};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value, json};
use world::World;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--count") {
        let calls = arguments.get(at + 1).and_then(|calls| calls.parse().ok()).expect("a number of calls");
        return count(calls, arguments.iter().any(|argument| argument == "--data"));
    }
    let quick = std::env::args().any(|arg| arg == "--quick");
    let dir = tempfile::tempdir().expect("a folder for the files");
    let sizes: &[usize] = if quick { &[1_000] } else { &[1_000, 100_000] };
    let mut rows = Vec::new();
    for size in sizes {
        eprintln!("making a file of {size} tasks");
        let world = World::new(dir.path(), *size).expect("the files");
        let small = *size == 1_000;
        for (durability, word, target) in [(Durability::Normal, "Normal", 1.8), (Durability::Full, "Full", 1.15)] {
            eprintln!("measuring {size} tasks, {word}");
            let normal = durability == Durability::Normal;
            let rounds = if normal { 9 } else { 3 };
            let effort = if quick { Effort { rounds: 3, calls: 20 } } else { Effort { rounds, calls: 2_000 } };
            let raw = world.raw(durability).expect("the unguarded file");
            let store = world.store(durability);
            audit_task_patches(&store, "all");
            rows.push(compare(
                format!("audited patch ÷ raw, {size} tasks, {word}"),
                effort,
                small.then_some(target),
                |call| guarded(&store, &world.task(call)),
                |call| bare(&raw, &world.task(call)),
            ));
            rows.push(compare(
                format!("audited patch ÷ six statements, {size} tasks, {word}"),
                effort,
                normal.then_some(if small { 0.95 } else { 0.75 }),
                |call| guarded(&store, &world.task(call)),
                |call| chain(&raw, &world.task(call)),
            ));
            rows.push(compare(
                format!("audited patch ÷ raw + audit, {size} tasks, {word}"),
                effort,
                normal.then_some(1.05),
                |call| guarded(&store, &world.task(call)),
                |call| audited(&raw, &world.task(call)),
            ));
            if normal && small {
                rows.push(compare(
                    "messages().create ÷ raw INSERT",
                    effort,
                    Some(1.2),
                    |call| create(&store, &world.session(call), call, 1),
                    |call| insert(&raw, &world.session(call), call, 1),
                ));
                let turns = Effort { calls: effort.calls.div_ceil(1_000), ..effort };
                rows.push(compare(
                    "messages().create_many of 1000 ÷ 1000 raw INSERTs",
                    turns,
                    Some(1.5),
                    |call| create(&store, &world.session(call), call, 1_000),
                    |call| insert(&raw, &world.session(call), call, 1_000),
                ));
            }
            audit_task_patches(&store, "refusals");
            rows.push(compare(
                format!("unaudited patch ÷ raw, {size} tasks, {word}"),
                effort,
                normal.then_some(if small { 1.25 } else { 1.15 }),
                |call| guarded(&store, &world.task(call)),
                |call| bare(&raw, &world.task(call)),
            ));
        }
    }
    print(&rows);
}

/// What an executor reports now and then. Never the same twice: SQLite does not write what is there already.
fn report() -> Value {
    static REPORTS: AtomicUsize = AtomicUsize::new(1_000_000);
    let report = REPORTS.fetch_add(1, Ordering::Relaxed);
    json!({ "git_state": { "sha_at_end": format!("{report:040x}") }, "tool_use_count": report })
}

/// So many audited patches, whose records are asked for their `data` or not.
fn count(calls: usize, with_data: bool) {
    let dir = tempfile::tempdir().expect("a folder for the files");
    let world = World::new(dir.path(), 1_000).expect("the files");
    let store = world.store(Durability::Normal);
    audit_task_patches(&store, "all");
    for call in 0..calls {
        if with_data { guarded(&store, &world.task(call)) } else { drop(unread(&store, &world.task(call))) }
    }
}

/// As [`guarded`], but nobody asks for the record's `data`.
#[inline(never)]
fn unread(store: &Store, task: &str) -> Task {
    let patch = TaskPatch::from_json(report()).expect("a patch");
    let patched = store.write(&Actor::user(World::OWNER), |tx| tx.tasks().patch(task, patch)).expect("allowed");
    assert_eq!(patched.task.task_id.as_str(), task);
    patched.task
}

/// One patch through the store: look-up, verdict, merge, write, audit and read-back, its `data` parsed.
#[inline(never)]
fn guarded(store: &Store, task: &str) {
    assert!(unread(store, task).data().expect("an object").contains_key("tool_use_count"));
}

/// The same UPDATE, prepared, in its own transaction, with nobody asking.
fn bare(conn: &Connection, task: &str) {
    let mut update =
        conn.prepare_cached("UPDATE tasks SET data = json_patch(data, ?1) WHERE task_id = ?2").expect("a statement");
    assert_eq!(update.execute([report().to_string(), task.to_owned()]).expect("an update"), 1);
}

/// What a careful daemon does by hand: load task, session, worktree and owner, then update, then audit.
/// Loading a record is reading its row and parsing its `data`, as the store does with the one it returns.
fn chain(conn: &Connection, task: &str) {
    let run = |sql: &str| conn.prepare_cached(sql).expect("a statement");
    let load = |sql: &str, id: &str| -> (Option<String>, Map<String, Value>) {
        let (field, data): (_, String) =
            run(sql).query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).expect("a record");
        (field, serde_json::from_str(&data).expect("an object"))
    };
    run("BEGIN IMMEDIATE").execute([]).expect("a lock");
    let (session, _) = load("SELECT session_id, data FROM tasks WHERE task_id = ?1", task);
    let session = session.expect("a session");
    let (worktree, _) = load("SELECT worktree_id, data, created_by FROM sessions WHERE session_id = ?1", &session);
    let worktree = worktree.expect("a worktree");
    let (others, _) = load("SELECT others_can, data FROM worktrees WHERE worktree_id = ?1", &worktree);
    let owner: Option<i64> = run("SELECT 1 FROM worktree_owners WHERE worktree_id = ?1 AND user_id = ?2")
        .query_row([&worktree, World::OWNER], |row| row.get(0))
        .optional()
        .expect("an owner");
    assert!(owner.is_some() || matches!(others.as_deref(), Some("prompt" | "all")));
    bare(conn, task);
    note(conn, task);
    run("COMMIT").execute([]).expect("a commit");
}

/// The bare UPDATE and an audit row in one transaction: what anybody pays who wants an audit at all.
fn audited(conn: &Connection, task: &str) {
    let run = |sql: &str| conn.prepare_cached(sql).expect("a statement");
    run("BEGIN IMMEDIATE").execute([]).expect("a lock");
    bare(conn, task);
    note(conn, task);
    run("COMMIT").execute([]).expect("a commit");
}

/// An audit row of five columns.
fn note(conn: &Connection, task: &str) {
    conn.prepare_cached("INSERT INTO audit (at, who, what, record, verdict) VALUES (?1, ?2, 'patch', ?3, 'allowed')")
        .and_then(|mut insert| insert.execute(params![0, World::OWNER, task]))
        .expect("an audit row");
}

/// What a message says: half a kilobyte.
fn content() -> String {
    "The build fails in one test, which I am looking at now. ".repeat(9)
}

/// So many messages of one session, through the store.
fn create(store: &Store, session: &str, call: usize, many: usize) {
    let place = |number: usize| i64::try_from(call * many + number).expect("a place");
    let message = |number| {
        NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, content()).index(place(number))
    };
    let created = store.write(&Actor::user(World::OWNER), |tx| match many {
        1 => tx.messages().create(message(0)).map(|_| 1),
        many => tx.messages().create_many((0..many).map(message)).map(|messages| messages.len()),
    });
    assert_eq!(created.expect("allowed"), many);
}

/// The same rows by a bare INSERT, in one transaction.
fn insert(conn: &Connection, session: &str, call: usize, many: usize) {
    let run = |sql: &str| conn.prepare_cached(sql).expect("a statement");
    run("BEGIN IMMEDIATE").execute([]).expect("a lock");
    for number in 0..many {
        let content = content();
        let preview: String = content.chars().take(200).collect();
        run("INSERT INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, content_preview, data)
             VALUES (?1, 0, ?2, 'assistant', 'assistant', ?3, 0, ?4, ?5)")
        .execute(params![
            MessageId::new().to_string(),
            session,
            i64::try_from(call * many + number).expect("a place"),
            preview,
            json!({ "content": content }).to_string()
        ])
        .expect("a message");
    }
    run("COMMIT").execute([]).expect("a commit");
}

/// Which patches of tasks leave an audit row: `all` or `refusals`.
fn audit_task_patches(store: &Store, which: &str) {
    let sql = "UPDATE acl_rules SET audit = ?1 WHERE resource = 'task' AND operation = 'patch'";
    store.write(&Actor::system("benchmark"), |tx| tx.sql().execute(sql, [which])).expect("a rule");
}
