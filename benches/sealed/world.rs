//! The file that is measured: a thousand worktrees, whose tasks come one after the other in turn.

use std::path::{Path, PathBuf};

use aclite::{Adoption, Store};
use rusqlite::{Connection, params};
use serde_json::json;

/// How many worktrees there are.
const WORKTREES: usize = 1000;

#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) sessions: usize,
    /// How many tasks, and how many messages, a session has.
    pub(crate) tasks: usize,
}

pub(crate) struct World {
    pub(crate) path: PathBuf,
    pub(crate) size: Size,
}

impl World {
    /// Makes the file. `one` owns worktree 500, `tenth` every tenth, `all` all of them; others see nothing.
    pub(crate) fn new(dir: &Path, size: Size) -> rusqlite::Result<Self> {
        let path = dir.join(format!("sealed-{}.db", size.sessions));
        Store::open(&path).and_then(|_| Store::detach(&path)).expect("a new file");
        let conn = Connection::open(&path)?;
        conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF")?;
        fill(&conn, size)?;
        drop(conn);
        eprintln!("putting it under guard");
        Adoption::new().run(&path).expect("guards");
        Connection::open(&path)?.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(Self { path, size })
    }

    /// A session and a task of `one`.
    pub(crate) fn of_one(&self) -> (String, String) {
        (id("session", 500), id("task", 500))
    }

    /// How many tasks somebody sees.
    pub(crate) fn visible(&self, whom: &str) -> usize {
        let all = self.size.sessions * self.size.tasks;
        match whom {
            "1 worktree of 1000" => all / WORKTREES,
            "1 worktree in 10" => all / 10,
            _ => all,
        }
    }
}

/// An id that looks like the real ones.
fn id(kind: &str, number: usize) -> String {
    format!("{kind}-{number:08x}-0000-7000-8000-000000000000")
}

fn fill(conn: &Connection, size: Size) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN; INSERT INTO repos VALUES ('r', 0, NULL, 'r', '{}')")?;
    for user in ["one", "tenth", "all"] {
        conn.execute(
            "INSERT INTO users (user_id, created_at, email, password, role, data) VALUES (?1, 0, ?1, 'hash', 'member', '{}')",
            [user],
        )?;
    }
    for number in 0..WORKTREES {
        let worktree = id("worktree", number);
        conn.execute(
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data, others_can)
             VALUES (?1, 'r', 0, 'all', ?1, 'main', 1, '{}', 'none')",
            [&worktree],
        )?;
        for owner in [Some("all"), (number == 500).then_some("one"), (number % 10 == 1).then_some("tenth")] {
            conn.execute(
                "INSERT INTO worktree_owners SELECT ?1, ?2, 0 WHERE ?2 IS NOT NULL",
                params![worktree, owner],
            )?;
        }
    }
    for number in 0..size.sessions {
        let owner = if number % WORKTREES == 500 { "one" } else { "all" };
        conn.execute(
            "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, data)
             VALUES (?1, 0, ?2, 'running', 'codex', ?3, '{}')",
            [id("session", number), owner.to_owned(), id("worktree", number % WORKTREES)],
        )?;
    }
    let prompt = "Please look into the failing build, find out why, and mend it. ".repeat(6);
    let data = json!({ "full_prompt": prompt, "model": "claude-sonnet-4-5", "tool_use_count": 3 }).to_string();
    let said = json!({ "content": prompt }).to_string();
    for number in 0..size.sessions * size.tasks {
        if number % 100_000 == 99_999 {
            eprintln!("  {} rows", number + 1);
        }
        let session = number % size.sessions;
        let owner = if session % WORKTREES == 500 { "one" } else { "all" };
        let (session, at) = (id("session", session), i64::try_from(number).unwrap_or_default());
        conn.prepare_cached(
            "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES (?1, ?2, ?3, 'running', ?4, ?5)",
        )?
        .execute(params![id("task", number), session, at, owner, data])?;
        conn.prepare_cached(
            "INSERT INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data)
             VALUES (?1, ?2, ?3, 'user', 'user', ?4, ?2, ?5)",
        )?
        .execute(params![
            id("message", number),
            at,
            session,
            at / i64::try_from(size.sessions).unwrap_or(1),
            said
        ])?;
    }
    conn.execute_batch("COMMIT")
}
