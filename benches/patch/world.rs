//! The files that are measured: the same rows, once guarded and once not.

use std::path::{Path, PathBuf};

use aclite::{Adoption, Durability, OpenOptions, Store};
use rusqlite::{Connection, params};
use serde_json::json;

/// A guarded file and an unguarded one with the same rows.
pub(crate) struct World {
    guarded: PathBuf,
    raw: PathBuf,
    pub(crate) tasks: usize,
}

/// How many tasks a session has.
const PER_SESSION: usize = 100;
/// How many sessions a worktree has.
const PER_WORKTREE: usize = 20;

impl World {
    /// Makes both files in `dir`, with this many tasks of about 1.3 KB each.
    pub(crate) fn new(dir: &Path, tasks: usize) -> rusqlite::Result<Self> {
        let (guarded, raw) = (dir.join(format!("guarded-{tasks}.db")), dir.join(format!("raw-{tasks}.db")));
        Store::open(&guarded).and_then(|_| Store::detach(&guarded)).expect("a new file");
        fill(&Connection::open(&guarded)?, tasks)?;
        std::fs::copy(&guarded, &raw).expect("a copy");
        let unguarded = Connection::open(&raw)?;
        // A detached file has triggers that refuse aclite, which cost others a little.
        let triggers: Vec<String> = unguarded
            .prepare("SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        unguarded.execute_batch(&triggers.join(";"))?;
        unguarded.execute_batch(
            "DROP TABLE acl_audit; CREATE TABLE audit (seq integer PRIMARY KEY, at, who, what, record, verdict)",
        )?;
        Adoption::new().run(&guarded).expect("guards");
        // What a daemon's file has after some time: statistics, which the planner then uses.
        for path in [&guarded, &raw] {
            Connection::open(path)?.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")?;
        }
        Ok(Self { guarded, raw, tasks })
    }

    pub(crate) fn store(&self, durability: Durability) -> Store {
        OpenOptions::new().durability(durability).open(&self.guarded).expect("the store")
    }

    /// A connection to the unguarded file with the pragmas that the store sets.
    pub(crate) fn raw(&self, durability: Durability) -> rusqlite::Result<Connection> {
        let conn = Connection::open(&self.raw)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", if durability == Durability::Full { "FULL" } else { "NORMAL" })?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "recursive_triggers", true)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    }

    /// The id of a task: each call another, all over the file.
    pub(crate) fn task(&self, call: usize) -> String {
        id("task", call.wrapping_mul(7919) % self.tasks)
    }

    /// The id of a session: each call another.
    pub(crate) fn session(&self, call: usize) -> String {
        id("session", call % (self.tasks / PER_SESSION))
    }

    /// The user who owns every worktree.
    pub(crate) const OWNER: &'static str = "user-00000000-0000-7000-8000-000000000000";
}

/// An id that looks like the real ones.
fn id(kind: &str, number: usize) -> String {
    format!("{kind}-{number:08x}-0000-7000-8000-000000000000")
}

fn fill(conn: &Connection, tasks: usize) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN; INSERT INTO repos VALUES ('r', 0, NULL, 'r', '{}')")?;
    for user in 0..20 {
        let user = id("user", user);
        conn.execute(
            "INSERT INTO users (user_id, created_at, email, password, role, data) VALUES (?1, 0, ?1, 'hash', 'member', '{}')",
            [&user],
        )?;
    }
    let prompt = "Please look into the failing build, find out why, and mend it. ".repeat(12);
    for number in 0..tasks {
        let (session, worktree) =
            (id("session", number / PER_SESSION), id("worktree", number / PER_SESSION / PER_WORKTREE));
        if number % (PER_SESSION * PER_WORKTREE) == 0 {
            conn.execute(
                "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
                 VALUES (?1, 'r', 0, ?2, ?1, 'main', 1, '{}')",
                [&worktree, World::OWNER],
            )?;
            conn.execute("INSERT INTO worktree_owners VALUES (?1, ?2, 0)", [&worktree, World::OWNER])?;
        }
        if number % PER_SESSION == 0 {
            conn.execute(
                "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, data)
                 VALUES (?1, 0, ?2, 'running', 'codex', ?3, '{}')",
                [&session, World::OWNER, &worktree],
            )?;
        }
        let data = json!({
            "description": format!("task {number}"),
            "full_prompt": prompt,
            "message_range": { "start_index": 0, "end_index": 12, "start_timestamp": "2026-01-01T00:00:00.000Z" },
            "git_state": { "ref_at_start": "main", "sha_at_start": "0123456789abcdef0123456789abcdef01234567" },
            "model": "claude-sonnet-4-5",
            "tool_use_count": 3,
        });
        conn.execute(
            "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES (?1, ?2, ?3, 'running', ?4, ?5)",
            params![id("task", number), session, number as i64, World::OWNER, data.to_string()],
        )?;
    }
    conn.execute_batch("COMMIT")
}
