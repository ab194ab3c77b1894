//! What the tests share: a store with users and worktrees in it, and a few calls of the API.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "each test binary uses a part of it, what can't be made is a failed test, and processes talk by their output"
)]

pub mod chain;
pub mod extension;
pub mod file;
pub mod office;
pub mod race;
pub mod raw;

use std::path::Path;

use aclite::{
    Actor, AgenticTool, AuditRow, Error, MessageRole, MessageType, NewMessage, NewSession, NewTask, NewWorktree,
    Result, Sharing, Store, Tx,
};

/// The daemon that prepares worlds and looks at them afterwards.
pub fn system() -> Actor {
    Actor::system("test")
}

/// A store in memory with these users: `ada` (admin), `bo`, `cy`, `dee` (members), `vi` (viewer),
/// `su` (superadmin), each with their name as unix name, and the repo `r`.
pub fn world() -> Store {
    let store = Store::open(":memory:").expect("a store in memory opens");
    populate(&store);
    store
}

/// The same in the file `path`.
pub fn world_at(path: &Path) -> Store {
    let store = Store::open(path).expect("a new file opens");
    populate(&store);
    store
}

fn populate(store: &Store) {
    for (name, role) in [
        ("ada", "admin"),
        ("bo", "member"),
        ("cy", "member"),
        ("dee", "member"),
        ("vi", "viewer"),
        ("su", "superadmin"),
    ] {
        add_user(store, name, role);
    }
    store
        .write(&system(), |tx| {
            tx.sql()
                .execute("INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', acl_now(), 'r', '{}')", [])
        })
        .expect("the daemon makes a repo");
}

/// Adds a user whose id, e-mail and unix name come from `name`.
pub fn add_user(store: &Store, name: &str, role: &str) {
    store
        .write(&system(), |tx| {
            tx.sql().execute(
                "INSERT INTO users (user_id, created_at, email, password, role, data, unix_username)
                 VALUES (?1, acl_now(), ?1 || '@example.com', 'hash of ' || ?1, ?2, '{}', ?1)",
                [name, role],
            )
        })
        .expect("the daemon makes a user");
}

/// `owner`'s worktree `id` of the repo `r`, in which others hold `others`.
pub fn worktree(store: &Store, id: &str, owner: &str, others: Sharing) {
    store
        .write(&system(), |tx| {
            tx.worktrees()
                .create(NewWorktree::new("r").name(id).git_ref("main").id(id).created_by(owner).others_can(others))
        })
        .expect("the daemon makes a worktree");
}

/// `creator`'s session `id` in `worktree`.
pub fn session(store: &Store, id: &str, worktree: &str, creator: &str) {
    store
        .write(&system(), |tx| {
            tx.sessions().create(NewSession::new(worktree, AgenticTool::ClaudeCode).id(id).created_by(creator))
        })
        .expect("the daemon makes a session");
}

/// `creator`'s task `id` in `session`.
pub fn task(store: &Store, id: &str, session: &str, creator: &str) {
    store
        .write(&system(), |tx| {
            tx.tasks().create(NewTask::new(session).id(id).created_by(creator).set("full_prompt", "do"))
        })
        .expect("the daemon makes a task");
}

/// The message `id` in `session`, of `task` where that is given.
pub fn message(store: &Store, id: &str, session: &str, task: Option<&str>) {
    let mut new = NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, "hello").id(id);
    if let Some(task) = task {
        new = new.task_id(aclite::TaskId::from(task));
    }
    store.write(&system(), |tx| tx.messages().create(new)).expect("the daemon makes a message");
}

/// Three places, each a worktree with a session, a task and a message (`w-w`, `s-w`, `t-w`, `m-w`; likewise `v` and `x`).
/// `bo` owns `w` and `v`, `cy` owns `x`; others hold `on_w` on `w`, and nothing on `v` and `x`.
pub fn places(store: &Store, on_w: Sharing) {
    for (name, owner, others) in [("w", "bo", on_w), ("v", "bo", Sharing::None), ("x", "cy", Sharing::None)] {
        worktree(store, &format!("w-{name}"), owner, others);
        session(store, &format!("s-{name}"), &format!("w-{name}"), owner);
        task(store, &format!("t-{name}"), &format!("s-{name}"), owner);
        message(store, &format!("m-{name}"), &format!("s-{name}"), Some(&format!("t-{name}")));
    }
}

/// Runs one statement as the daemon.
pub fn sql(store: &Store, sql: &str) {
    store.write(&system(), |tx| tx.sql().execute(sql, [])).expect("the daemon's statement runs");
}

/// Asks for one value as the daemon.
pub fn ask<T: rusqlite::types::FromSql>(store: &Store, sql: &str) -> T {
    store
        .write(&system(), |tx| tx.sql().query_row(sql, [], |row| row.get(0)))
        .expect("the daemon's question is answered")
}

/// The audit rows after `seq`.
pub fn audit_after(store: &Store, seq: i64) -> Vec<AuditRow> {
    store.read(&system(), |tx| tx.audit().after(seq, 100_000)).expect("the daemon reads the audit")
}

/// The number of the last audit row.
pub fn last_seq(store: &Store) -> i64 {
    store.read(&system(), |tx| tx.audit().tail(1)).expect("the daemon reads the audit").last().map_or(0, |row| row.seq)
}

/// How an outcome is called in tables: `ok` or the error's code, `hidden` where the caller may not view the record.
pub fn verdict<T>(outcome: &Result<T>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(error @ Error::Denied(_)) if !error.is_visible() => "hidden",
        Err(error) => error.code(),
    }
}

/// The end of a closure that leaves nothing behind.
struct Undone;

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        panic!("the transaction itself failed: {error}")
    }
}

/// What became of `work`, which is undone.
pub fn attempt<T>(store: &Store, actor: &Actor, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    let mut outcome = None;
    let _ = store.try_write(actor, |tx| {
        outcome = Some(work(tx));
        Err::<(), Undone>(Undone)
    });
    outcome.expect("the closure ran")
}

/// A connection that writes what no guard lets in: one with the file and functions of our names,
/// which is where the defence ends.
pub fn forger(path: &Path) -> rusqlite::Connection {
    let file = rusqlite::Connection::open(path).expect("a forger works");
    let flags = rusqlite::functions::FunctionFlags::SQLITE_INNOCUOUS;
    for (name, answer) in [
        ("acl_guard", 1),
        ("acl_row", 1),
        ("acl_removed_parent", 1),
        ("acl_first_owner", 1),
        ("acl_complete_write", 0),
        ("acl_is_direct", 0),
        ("acl_guard_audit", 1),
        ("acl_same_key", 0),
    ] {
        file.create_scalar_function(name, -1, flags, move |_| Ok(answer)).expect("a forger works");
    }
    for name in ["acl_actor", "acl_session", "acl_task", "acl_holder", "acl_agent_session"] {
        file.create_scalar_function(name, -1, flags, |_| Ok(rusqlite::types::Null)).expect("a forger works");
    }
    file.pragma_update(None, "ignore_check_constraints", true).expect("a forger works");
    file
}
