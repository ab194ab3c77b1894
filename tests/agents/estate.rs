//! A store in which `bo` may do nearly everything, his agent, and a host's connection to the same file.

use aclite::{Actor, Sharing, Store};
use rusqlite::Connection;

use crate::support::{attempt, message, raw, session, sql, system, task, verdict, worktree, world_at};

pub(crate) struct Estate {
    pub(crate) store: Store,
    pub(crate) raw: Connection,
    _dir: tempfile::TempDir,
}

/// `bo`, an administrator, owns the worktrees `w`, where others may prompt, and `v`. His sessions in `w`: `s`, of the agent, and
/// `twin`, both permitted to accept edits; `free`, permitted everything; `text`, whose permissions are that as a text; `codex`,
/// of another tool; `plain`, of which nothing is said. In `v` his `far`, permitted as `s`. `cy`'s session `hers` in `w`. Each with
/// a task and a message of its name; in `s` also `cy`'s task `visit`, and the messages `prompt`, `queued` and `ask`.
pub(crate) fn estate() -> Estate {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("estate.db");
    let store = world_at(&path);
    sql(&store, "UPDATE users SET role = 'admin' WHERE user_id = 'bo'");
    worktree(&store, "w", "bo", Sharing::Prompt);
    worktree(&store, "v", "bo", Sharing::None);
    for (id, place, creator, config) in [
        ("s", "w", "bo", r#"{"permission_config":{"mode":"acceptEdits","allow":["ls"]},"model_config":{"model":"m"}}"#),
        ("twin", "w", "bo", r#"{"title":"x","permission_config": {"mode" : "acceptEdits","allow":["ls"]}}"#),
        ("free", "w", "bo", r#"{"permission_config":{"mode":"bypassPermissions"}}"#),
        ("text", "w", "bo", r#"{"permission_config":"{\"mode\":\"acceptEdits\",\"allow\":[\"ls\"]}"}"#),
        ("codex", "w", "bo", r#"{"permission_config":{"mode":"acceptEdits","allow":["ls"]}}"#),
        ("plain", "w", "bo", "{}"),
        ("far", "v", "bo", r#"{"permission_config":{"mode":"acceptEdits","allow":["ls"]}}"#),
        ("hers", "w", "cy", r#"{"permission_config":{"mode":"acceptEdits","allow":["ls"]}}"#),
    ] {
        session(&store, id, place, creator);
        task(&store, id, id, creator);
        message(&store, id, id, Some(id));
        let tool = if id == "codex" { "codex" } else { "claude-code" };
        let set = format!("UPDATE sessions SET agentic_tool = '{tool}', data = '{config}' WHERE session_id = '{id}'");
        sql(&store, &set);
    }
    task(&store, "visit", "s", "cy");
    for (id, set) in [
        ("prompt", "type = 'user', role = 'user'"),
        ("queued", "status = 'queued', queue_position = 1"),
        ("ask", "type = 'permission_request', role = 'system'"),
    ] {
        message(&store, id, "s", None);
        sql(&store, &format!("UPDATE messages SET {set} WHERE message_id = '{id}'"));
    }
    for statement in [
        "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now()), ('h', 'h', 'h', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'cy', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'session', acl_now())",
        "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', 'dee', acl_now())",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('empty', acl_now(), 'empty', '{}')",
        "UPDATE tasks SET status = 'awaiting_permission' WHERE task_id = 's'",
    ] {
        sql(&store, statement);
    }
    let raw = raw::open(&path);
    Estate { store, raw, _dir: dir }
}

pub(crate) fn bo() -> Actor {
    Actor::user("bo")
}

/// The agent of `s`.
pub(crate) fn agent() -> Actor {
    Actor::agent("bo", "s")
}

impl Estate {
    /// Tries `statement` as `actor` through `tx.sql()` and on the host's connection, and undoes it.
    #[track_caller]
    pub(crate) fn check(&self, actor: &Actor, statement: &str, expected: &str) {
        let inside = attempt(&self.store, actor, |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&inside), expected, "{statement}\nby {actor:?}: {inside:?}");
        raw::act_as(&self.raw, actor);
        self.raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        let outside = raw::run(&self.raw, statement);
        self.raw.execute_batch("ROLLBACK").unwrap();
        let told =
            inside.map(|_| ()).map_err(|error| format!("aclite: {}: {}", error.public().code, error.public().message));
        assert_eq!(outside.map(|_| ()), told, "{statement}\nby {actor:?}, on a host's connection");
    }

    /// What the agent may, and what only its user may.
    #[track_caller]
    pub(crate) fn check_all(&self, statements: &[(&str, &str)]) {
        for (expected, statement) in statements {
            self.check(&agent(), statement, expected);
            // But for the agent's bounds it would pass: else the case shows nothing.
            self.check(&bo(), statement, "ok");
        }
    }
}

pub(crate) fn daemon() -> Actor {
    system()
}
