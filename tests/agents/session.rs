//! An agent acts for a session of its user's, as long as that is there.

use aclite::{Actor, SessionQuery, UserQuery, WorktreeQuery};

use crate::estate::{agent, bo, daemon, estate};
use crate::support::{attempt, raw, verdict};

/// A wrong pair has no rights at all, be the user a superadmin, and shows nothing.
#[test]
fn an_agents_pair_is_verified_by_each_statement() {
    let estate = estate();
    let statements = [
        "UPDATE boards SET name = 'x' WHERE board_id = 'b'",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), acl_actor(), 'n', '{}')",
        "UPDATE worktrees SET archived = 1 WHERE worktree_id = 'w'",
        "DELETE FROM worktrees WHERE worktree_id = 'v'",
        "DELETE FROM boards WHERE board_id = 'b'",
        "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
         VALUES ('n', 'r', acl_now(), acl_actor(), 'n', 'main', 9, '{}')",
        "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
         VALUES ('n', acl_now(), acl_actor(), 'idle', 'codex', 'w', acl_actor(), '{}')",
        "UPDATE sessions SET archived = 1 WHERE session_id = 's'",
        "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data) VALUES ('n', 's', acl_now(), acl_actor(), 'created', '{}')",
        "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
         VALUES ('n', 's', acl_now(), 'assistant', 'assistant', 9, 9, '{}')",
        "UPDATE messages SET content_preview = 'x' WHERE message_id = 's'",
        "UPDATE tasks SET data = '{\"report\":1,\"full_prompt\":\"do\"}' WHERE task_id = 's'",
    ];
    for statement in statements {
        estate.check(&agent(), statement, "ok");
    }
    for (user, session) in
        [("bo", "hers"), ("bo", "none"), ("bo", ""), ("cy", "s"), ("su", "s"), ("ghost", "s"), ("ghost", "none")]
    {
        let wrong = Actor::agent(user, session);
        for statement in statements {
            let outcome = attempt(&estate.store, &wrong, |tx| tx.sql().execute(statement, []));
            assert_eq!(verdict(&outcome), "hidden", "{statement} by {wrong:?}: {outcome:?}");
            assert!(outcome.unwrap_err().to_string().contains("the session is not this agent's, or it is gone"));
        }
        let seen = estate
            .store
            .read(&wrong, |tx| {
                let sessions = tx.sessions().find(&SessionQuery::new())?.items.len();
                let users = tx.users().find(&UserQuery::new())?.items.len();
                Ok((
                    sessions,
                    users,
                    tx.worktrees().find(&WorktreeQuery::new())?.items.len(),
                    verdict(&tx.boards().get("b")),
                ))
            })
            .unwrap();
        assert_eq!(seen, (0, 0, 0, "hidden"), "{wrong:?}");
        let sealed = estate.store.sealed(&wrong).unwrap();
        for table in ["sessions", "worktrees", "tasks", "messages", "users", "boards", "groups", "worktree_owners"] {
            let count: Vec<i64> = sealed.query(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(count, [0], "{table} to {wrong:?}");
        }
    }
    for nobody in [Actor::agent("anonymous", "s"), Actor::agent("", "s")] {
        let outcome = attempt(&estate.store, &nobody, |tx| tx.sql().execute(statements[0], []));
        assert_eq!(verdict(&outcome), "not_authenticated", "{nobody:?}");
    }
}

/// A token outlives its session in the hands of whoever has it.
#[test]
fn an_agent_ends_with_its_session() {
    let estate = estate();
    let patch = "UPDATE boards SET name = 'x' WHERE board_id = 'b'";
    raw::act_as(&estate.raw, &agent());
    let sealed = estate.store.sealed(&agent()).unwrap();
    let shown = |sql: &str| -> i64 { sealed.query(sql, [], |row| row.get(0)).unwrap()[0] };
    assert_eq!(raw::run(&estate.raw, patch), Ok(0));
    assert_eq!((shown("SELECT count(*) FROM sessions"), shown("SELECT count(*) FROM worktrees")), (8, 2));
    // In the very transaction, and with no word of access changed.
    estate.raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(raw::run(&estate.raw, "DELETE FROM sessions WHERE session_id = 's'"), Ok(0));
    let told = Err("aclite: not_found: there is no board `b`".to_owned());
    assert_eq!(raw::run(&estate.raw, patch), told);
    estate.raw.execute_batch("ROLLBACK").unwrap();
    assert_eq!(raw::run(&estate.raw, patch), Ok(0));

    estate.store.write(&bo(), |tx| tx.sessions().remove("s")).unwrap();
    assert_eq!(raw::run(&estate.raw, patch), told);
    assert_eq!(verdict(&attempt(&estate.store, &agent(), |tx| tx.sql().execute(patch, []))), "hidden");
    assert_eq!((shown("SELECT count(*) FROM sessions"), shown("SELECT count(*) FROM worktrees")), (0, 0));
    // A session of that id that another user created is not this agent's.
    let again = aclite::NewSession::new("w", aclite::AgenticTool::ClaudeCode).id("s").created_by("cy");
    estate.store.write(&daemon(), |tx| tx.sessions().create(again)).unwrap();
    assert_eq!(raw::run(&estate.raw, patch), told);
    assert_eq!(shown("SELECT count(*) FROM sessions"), 0);
}

/// A host's connection on which the agent's own SQL runs.
#[test]
fn an_agents_sealed_connection_ends_with_its_session() {
    let estate = estate();
    raw::act_as(&estate.raw, &agent());
    let ask = |sql: &str| -> i64 { estate.raw.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(raw::run(&estate.raw, "SELECT acl_seal()"), Ok(1));
    assert_eq!((ask("SELECT count(*) FROM sessions"), ask("SELECT count(*) FROM users")), (8, 6));
    let free = raw::run(&estate.raw, "SELECT acl_login('bo')").unwrap_err();
    assert!(free.contains("not authorized"), "{free}");
    estate.store.write(&bo(), |tx| tx.sessions().remove("s")).unwrap();
    assert_eq!((ask("SELECT count(*) FROM sessions"), ask("SELECT count(*) FROM users")), (0, 0));
}
