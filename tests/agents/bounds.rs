//! What an agent writes and what it doesn't, statement by statement; its user may all of it.

use aclite::{
    Actor, AgenticTool, MessagePatch, MessageRole, MessageType, NewBoard, NewMessage, NewSession, NewTask, NewUser,
    NewWorktree, Result, SessionPatch, Sharing, TaskPatch, Tx, UserPatch, WorktreePatch,
};
use serde_json::json;

use crate::estate::{agent, bo, daemon, estate};
use crate::support::{attempt, sql, verdict};

#[test]
fn an_agent_manages_no_users_groups_owners_and_grants() {
    estate().check_all(&[
        ("denied", "INSERT INTO users (user_id, created_at, email, password, role, data) VALUES ('n', acl_now(), 'n@x', 'h', 'member', '{}')"),
        ("denied", "UPDATE users SET role = 'viewer' WHERE user_id = 'dee'"),
        ("denied", "UPDATE users SET unix_username = 'root' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET email = 'mallory@x' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET password = 'h' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET name = 'x' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET data = '{\"api_keys\":{\"a\":\"k\"}}' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET data = '{\"env_vars\":{\"LD_PRELOAD\":\"x\"}}' WHERE user_id = 'bo'"),
        ("denied", "UPDATE users SET data = '{\"preferences\":{}}' WHERE user_id = 'bo'"),
        ("denied", "DELETE FROM users WHERE user_id = 'vi'"),
        ("denied", "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('n', 'n', 'n', 'bo', acl_now())"),
        ("denied", "UPDATE groups SET archived = 1 WHERE group_id = 'g'"),
        ("denied", "DELETE FROM groups WHERE group_id = 'g'"),
        ("denied", "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'bo', 'bo', acl_now())"),
        ("denied", "DELETE FROM group_memberships WHERE user_id = 'cy'"),
        ("denied", "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('v', 'cy', acl_now())"),
        ("denied", "DELETE FROM worktree_owners WHERE worktree_id = 'w' AND user_id = 'dee'"),
        ("denied", "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('w', 'h', 'view', 'bo', acl_now())"),
        ("denied", "UPDATE worktree_group_grants SET can = 'all'"),
        ("denied", "DELETE FROM worktree_group_grants"),
    ]);
}

/// A privileged helper acts on commands, schedules, places and the unix group; levels are the owner's to decide.
#[test]
fn an_agent_sets_no_level_and_nothing_that_the_daemon_runs_or_trusts() {
    const NEW: &str =
        "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data";
    let new = |columns: &str, data: &str, values: &str| {
        format!("{NEW}{columns}) VALUES ('n', 'r', acl_now(), 'bo', 'n', 'main', 9, '{data}'{values})")
    };
    let set = |set: &str| format!("UPDATE worktrees SET {set} WHERE worktree_id = 'w'");
    let estate = estate();
    for (expected, statement) in [
        ("ok", new("", "{}", "")),
        ("ok", new("", r#"{"notes":"n","issue_url":"i","pull_request_url":"p"}"#, "")),
        ("ok", new(", others_can, others_fs_access", "{}", ", 'none', 'none'")),
        ("ok", new(", others_can, others_fs_access", "{}", ", 'view', 'read'")),
        ("ok", new(", others_can, others_fs_access, schedule_enabled", "{}", ", NULL, NULL, 0")),
        ("denied", new(", others_can", "{}", ", 'session'")),
        ("denied", new(", others_can", "{}", ", 'all'")),
        ("denied", new(", others_fs_access", "{}", ", 'write'")),
        ("denied", new(", start_command", "{}", ", 'sh'")),
        ("denied", new(", stop_command", "{}", ", 'sh'")),
        ("denied", new(", logs_command", "{}", ", 'sh'")),
        ("denied", new(", health_check_url", "{}", ", 'http://x'")),
        ("denied", new(", app_url", "{}", ", 'http://x'")),
        ("denied", new(", schedule_enabled", "{}", ", 1")),
        ("denied", new(", schedule_cron", "{}", ", '* * * * *'")),
        ("denied", new("", r#"{"path":"/etc"}"#, "")),
        ("denied", new("", r#"{"schedule":{"prompt":"x"}}"#, "")),
        ("denied", new("", r#"{"custom_context":{}}"#, "")),
        ("denied", new("", r#"{"environment_instance":{"process":{"pid":1}}}"#, "")),
        ("denied", new("", r#"{"whatever":1}"#, "")),
        ("ok", set("archived = 1, archived_at = 5, archived_by = 'bo', needs_attention = 1, board_id = 'b'")),
        ("ok", set(r#"data = '{"notes":"n","issue_url":"i","pull_request_url":"p"}'"#)),
        ("denied", set("others_can = 'none'")),
        ("denied", set("others_can = 'all'")),
        ("denied", set("others_fs_access = 'write'")),
        ("denied", set("start_command = 'sh'")),
        ("denied", set("stop_command = 'sh'")),
        ("denied", set("logs_command = 'sh'")),
        ("denied", set("health_check_url = 'http://x'")),
        ("denied", set("app_url = 'http://x'")),
        ("denied", set("schedule_enabled = 1")),
        ("denied", set("schedule_cron = '* * * * *'")),
        ("denied", set("name = '$(sh)'")),
        ("denied", set("ref = '--upload-pack=sh'")),
        ("denied", set("worktree_unique_id = 7")),
        ("denied", set("filesystem_status = 'cleaned'")),
        ("denied", set(r#"data = '{"path":"/etc"}'"#)),
        ("denied", set(r#"data = '{"schedule":{}}'"#)),
        ("denied", set(r#"data = '{"custom_context":{}}'"#)),
        ("denied", set(r#"data = '{"notes":"n","whatever":1}'"#)),
        // What it says of places and commands makes a repo; a board's zones hold prompts for whoever moves something there.
        ("denied", "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('n', acl_now(), 'n', '{}')".to_owned()),
        ("denied", "UPDATE repos SET slug = 'x' WHERE repo_id = 'r'".to_owned()),
        ("denied", "UPDATE repos SET data = '{\"environment_config\":{\"up_command\":\"sh\"}}' WHERE repo_id = 'r'".to_owned()),
        ("denied", "DELETE FROM repos WHERE repo_id = 'empty'".to_owned()),
        ("ok", "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', 'n', '{\"icon\":\"i\"}')".to_owned()),
        ("denied", "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', 'n', '{\"objects\":{}}')".to_owned()),
        ("ok", "UPDATE boards SET name = 'x', data = '{\"description\":\"d\"}' WHERE board_id = 'b'".to_owned()),
        ("denied", "UPDATE boards SET data = '{\"objects\":{\"z\":{\"trigger\":{\"template\":\"rm\"}}}}' WHERE board_id = 'b'".to_owned()),
        ("ok", "DELETE FROM boards WHERE board_id = 'b'".to_owned()),
    ] {
        estate.check_all(&[(expected, &statement)]);
    }
    // Not its user's either.
    for statement in ["UPDATE acl_settings SET value = 'off'", "DELETE FROM acl_rules", "DELETE FROM acl_audit"] {
        for actor in [agent(), bo()] {
            assert_eq!(verdict(&attempt(&estate.store, &actor, |tx| tx.sql().execute(statement, []))), "denied");
        }
    }
}

#[test]
fn an_agent_widens_no_permissions_of_a_session() {
    let new = |place: &str, tool: &str, data: &str, more: (&str, &str)| {
        format!(
            "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data{})
             VALUES ('n', acl_now(), 'bo', 'idle', '{tool}', '{place}', 'bo', '{data}'{})",
            more.0, more.1
        )
    };
    let (none, same) = (("", ""), r#"{"permission_config":{"allow":["ls"],"mode":"acceptEdits"}}"#);
    let set = |set: &str| format!("UPDATE sessions SET {set} WHERE session_id = 's'");
    // SQL reads `data` of sessions, where the token is, for the daemon alone: so it is written whole.
    let data = |more: &str| {
        let config = r#""permission_config":{"mode":"acceptEdits","allow":["ls"]},"model_config":{"model":"m"}"#;
        set(&format!("data = '{{{config},{more}}}'"))
    };
    let estate = estate();
    for (expected, statement) in [
        ("ok", new("w", "claude-code", r#"{"title":"t","description":"d","contextFiles":[],"custom_context":{}}"#, none)),
        ("ok", new("w", "codex", "{}", none)),
        ("ok", new("v", "claude-code", "{}", none)),
        ("ok", new("w", "claude-code", "{}", (", parent_session_id", ", 's'"))),
        ("ok", new("w", "claude-code", "{}", (", forked_from_session_id", ", 's'"))),
        // As its own session has it, in the same place with the same tool: its user decided that.
        ("ok", new("w", "claude-code", same, none)),
        ("ok", new("w", "claude-code", r#"{"title":"t","model_config":{"model":"m"}}"#, none)),
        ("denied", new("w", "codex", same, none)),
        ("denied", new("v", "claude-code", same, none)),
        ("denied", new("w", "claude-code", r#"{"permission_config":{"mode":"acceptEdits"}}"#, none)),
        ("denied", new("w", "claude-code", r#"{"permission_config":{"mode":"bypassPermissions"}}"#, none)),
        ("denied", new("w", "claude-code", r#"{"permission_config":null}"#, none)),
        ("denied", new("w", "claude-code", r#"{"model_config":{"model":"dearer"}}"#, none)),
        ("denied", new("w", "claude-code", r#"{"sdk_session_id":"x"}"#, none)),
        ("denied", new("w", "claude-code", r#"{"mcp_servers":["x"]}"#, none)),
        ("denied", new("w", "claude-code", "{}", (", scheduled_from_worktree", ", 1"))),
        ("denied", new("w", "claude-code", "{}", (", scheduled_run_at", ", 5"))),
        ("ok", set("status = 'idle', ready_for_prompt = 1, archived = 1, archived_reason = 'x', board_id = 'b'")),
        ("ok", data(r#""title":"x","description":"y","genealogy":{"children":[]},"git_state":{}"#)),
        ("ok", data(r#""tasks":[],"message_count":3,"contextFiles":[],"custom_context":{}"#)),
        ("denied", set(r#"data = '{"permission_config":{"mode":"bypassPermissions","allow":["ls"]},"model_config":{"model":"m"}}'"#)),
        ("denied", set(r#"data = '{"permission_config":{},"model_config":{"model":"m"}}'"#)),
        ("denied", set(r#"data = '{"model_config":{"model":"m"}}'"#)),
        ("denied", set(r#"data = '{"permission_config":{"mode":"acceptEdits","allow":["ls"]},"model_config":{"model":"dearer"}}'"#)),
        ("denied", data(r#""sdk_session_id":"x""#)),
        ("denied", data(r#""mcp_servers":[]"#)),
        ("denied", set("agentic_tool = 'codex'")),
        ("denied", set("parent_session_id = 'free'")),
        ("denied", set("forked_from_session_id = 'free'")),
        ("denied", set("scheduled_run_at = 5")),
        ("denied", set("status = 'running'")),
        ("denied", "UPDATE sessions SET data = '{\"permission_config\":{\"mode\":\"bypassPermissions\"}}' WHERE session_id = 'plain'".to_owned()),
        ("denied", "UPDATE sessions SET data = '{\"permission_config\":{\"mode\":\"bypassPermissions\"}}' WHERE session_id = 'twin'".to_owned()),
    ] {
        estate.check_all(&[(expected, &statement)]);
    }
    // The token is the daemon's to set, and the creator is the agent's user.
    for statement in [data(r#""mcp_token":"x""#), new("w", "claude-code", r#"{"mcp_token":"x"}"#, none)] {
        estate.check(&agent(), &statement, "denied");
    }
    estate.check(&agent(), &new("w", "claude-code", "{}", none).replace("'bo', 'idle'", "'cy', 'idle'"), "invalid");
    let disguised = new("w", "claude-code", r#"{"permission\u005fconfig":{"mode":"bypassPermissions"}}"#, none);
    estate.check(&agent(), &disguised, "denied");
    // Who spells a key so that not every reader finds it, changes it; and nobody may.
    for respelled in [
        r#"data = '{"permission\u005fconfig":{"mode":"acceptEdits","allow":["ls"]},"model_config":{"model":"m"}}'"#,
        r#"data = '{"\u0070ermission_config":{"mode":"acceptEdits","allow":["ls"]},"model_config":{"model":"m"}}'"#,
        r#"data = '{"permission_config":{"mode":"acceptEdits","allow":["ls"]},"model\u005fconfig":{"model":"m"}}'"#,
    ] {
        estate.check(&agent(), &set(respelled), "denied");
        estate.check(&bo(), &set(respelled), "invalid");
    }
    estate.check(&agent(), &data(r#""ti\u0074le":"x""#), "invalid");
    // Deeper down it is its user's to write as he likes.
    let inside = set(
        r#"data = '{"permission_config":{"m\u006fde":"acceptEdits","allow":["ls"]},"model_config":{"model":"m"}}'"#,
    );
    estate.check_all(&[("denied", &inside)]);
}

/// What is written into a session is done with that session's permissions, keys and unix name.
#[test]
fn an_agent_writes_in_its_own_session_and_those_that_are_permitted_the_same() {
    let estate = estate();
    for (session, expected) in [
        ("s", "ok"),
        ("twin", "ok"),
        ("far", "ok"),
        ("free", "denied"),
        ("text", "denied"),
        ("codex", "denied"),
        ("plain", "denied"),
        ("hers", "denied"),
    ] {
        for statement in [
            format!(
                "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data) VALUES ('n', '{session}', acl_now(), 'bo', 'queued', '{{\"full_prompt\":\"go\"}}')"
            ),
            format!(
                "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data) VALUES ('n', '{session}', acl_now(), 'assistant', 'assistant', 9, 9, '{{\"content\":\"x\"}}')"
            ),
            format!(
                "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, status, queue_position, data) VALUES ('n', '{session}', acl_now(), 'user', 'user', 9, 9, 'queued', 1, '{{\"content\":\"x\"}}')"
            ),
            format!("UPDATE messages SET data = '{{\"content\":\"x\"}}' WHERE message_id = '{session}'"),
            format!("UPDATE sessions SET archived = 1 WHERE session_id = '{session}'"),
            format!("UPDATE tasks SET data = json_set(data, '$.full_prompt', 'x') WHERE task_id = '{session}'"),
            format!("UPDATE tasks SET data = json_set(data, '$.report', 'x') WHERE task_id = '{session}'"),
        ] {
            estate.check_all(&[(expected, &statement)]);
        }
    }
    estate.check_all(&[
        ("ok", "DELETE FROM sessions WHERE session_id = 'free'"),
        ("ok", "DELETE FROM tasks WHERE task_id = 'free'"),
        ("ok", "DELETE FROM messages WHERE message_id = 'free'"),
        ("denied", "DELETE FROM sessions WHERE session_id = 'hers'"),
        ("denied", "DELETE FROM tasks WHERE task_id = 'hers'"),
        ("denied", "DELETE FROM messages WHERE message_id = 'hers'"),
        // It holds `hers`.
        ("denied", "DELETE FROM worktrees WHERE worktree_id = 'w'"),
        ("ok", "DELETE FROM worktrees WHERE worktree_id = 'v'"),
    ]);
}

#[test]
fn an_agent_touches_no_prompt_and_no_decision_of_others() {
    let ask = |content: &str| {
        format!(
            "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data) VALUES ('n', 's', acl_now(), 'permission_request', 'system', 9, 9, '{{\"content\":{content}}}')"
        )
    };
    let estate = estate();
    for (expected, statement) in [
        ("denied", "UPDATE messages SET data = '{\"content\":{\"status\":\"approved\",\"approved_by\":\"bo\"}}' WHERE message_id = 'ask'".to_owned()),
        ("denied", "UPDATE messages SET data = '{\"content\":{\"status\":\"denied\"}}' WHERE message_id = 'ask'".to_owned()),
        ("denied", "UPDATE messages SET type = 'assistant' WHERE message_id = 'ask'".to_owned()),
        ("denied", "UPDATE messages SET type = 'permission_request' WHERE message_id = 's'".to_owned()),
        ("denied", "DELETE FROM messages WHERE message_id = 'ask'".to_owned()),
        ("denied", ask("{\"status\":\"approved\"}")),
        ("denied", ask("{\"status\":\"pending\"}")),
        ("denied", ask("[]")),
        ("denied", "UPDATE tasks SET data = json_set(data, '$.permission_request', json('{\"approved_by\":\"bo\"}')) WHERE task_id = 's'".to_owned()),
        ("denied", "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data) VALUES ('n', 's', acl_now(), 'bo', 'created', '{\"permission_request\":{}}')".to_owned()),
        ("denied", "UPDATE tasks SET status = 'running' WHERE task_id = 's'".to_owned()),
        ("ok", "UPDATE tasks SET status = 'stopping' WHERE task_id = 's'".to_owned()),
        ("ok", "UPDATE tasks SET status = 'stopped', completed_at = 5 WHERE task_id = 's'".to_owned()),
        ("denied", "UPDATE tasks SET status = 'running' WHERE task_id = 'twin'".to_owned()),
        ("denied", "UPDATE tasks SET status = 'queued' WHERE task_id = 'twin'".to_owned()),
        // Of `cy`'s in the agent's own session.
        ("denied", "UPDATE tasks SET data = json_set(data, '$.full_prompt', 'x') WHERE task_id = 'visit'".to_owned()),
        ("denied", "UPDATE tasks SET data = json_set(data, '$.report', 'x') WHERE task_id = 'visit'".to_owned()),
        ("denied", "UPDATE tasks SET status = 'stopping' WHERE task_id = 'visit'".to_owned()),
        ("denied", "DELETE FROM tasks WHERE task_id = 'visit'".to_owned()),
        ("ok", "DELETE FROM tasks WHERE task_id = 's'".to_owned()),
        // A message does not say whose it is.
        ("denied", "UPDATE messages SET data = '{\"content\":\"x\"}' WHERE message_id = 'prompt'".to_owned()),
        ("denied", "UPDATE messages SET content_preview = 'x' WHERE message_id = 'prompt'".to_owned()),
        ("denied", "DELETE FROM messages WHERE message_id = 'prompt'".to_owned()),
        ("denied", "UPDATE messages SET data = '{\"content\":\"x\"}' WHERE message_id = 'queued'".to_owned()),
        ("denied", "UPDATE messages SET queue_position = 9 WHERE message_id = 'queued'".to_owned()),
        ("denied", "UPDATE messages SET status = NULL WHERE message_id = 'queued'".to_owned()),
        ("denied", "DELETE FROM messages WHERE message_id = 'queued'".to_owned()),
        ("denied", "UPDATE messages SET status = 'queued' WHERE message_id = 's'".to_owned()),
        ("denied", "UPDATE messages SET role = 'user' WHERE message_id = 's'".to_owned()),
        ("denied", "UPDATE messages SET task_id = 'visit' WHERE message_id = 's'".to_owned()),
        ("denied", "UPDATE messages SET data = '{\"metadata\":{}}' WHERE message_id = 's'".to_owned()),
        ("ok", "UPDATE messages SET data = '{\"content\":\"x\",\"tool_uses\":[]}', \"index\" = 8, content_preview = 'x' WHERE message_id = 's'".to_owned()),
        ("ok", "DELETE FROM messages WHERE message_id = 's'".to_owned()),
    ] {
        estate.check_all(&[(expected, &statement)]);
    }
}

/// The same by methods, as a daemon serves the tools of a session's agent.
#[test]
fn the_methods_know_the_same_bounds() {
    let estate = estate();
    let free = || json!({"mode": "bypassPermissions"});
    type Call<'a> = Box<dyn Fn(&Tx<'_>) -> Result<()> + 'a>;
    let calls: Vec<(&str, &str, Call<'_>)> = vec![
        ("a prompt", "ok", Box::new(|tx| tx.tasks().create(NewTask::new("s").set("full_prompt", "go")).map(drop))),
        ("a prompt to freer hands", "denied", Box::new(|tx| tx.tasks().create(NewTask::new("free")).map(drop))),
        ("a prompt to another", "denied", Box::new(|tx| tx.tasks().create(NewTask::new("hers")).map(drop))),
        ("a message", "ok", Box::new(|tx| tx.messages().create(said("s", MessageType::Assistant)).map(drop))),
        ("messages", "ok", Box::new(|tx| tx.messages().create_many([said("s", MessageType::User)]).map(drop))),
        (
            "messages to another",
            "denied",
            Box::new(|tx| tx.messages().create_many([said("hers", MessageType::User)]).map(drop)),
        ),
        (
            "a request",
            "denied",
            Box::new(|tx| tx.messages().create(said("s", MessageType::PermissionRequest)).map(drop)),
        ),
        (
            "an answer",
            "denied",
            Box::new(|tx| {
                tx.messages().patch("ask", MessagePatch::new().set("content", json!({"status": "approved"}))).map(drop)
            }),
        ),
        (
            "its permissions",
            "denied",
            Box::new(|tx| tx.sessions().patch("s", SessionPatch::new().set("permission_config", free())).map(drop)),
        ),
        ("its title", "ok", Box::new(|tx| tx.sessions().patch("s", SessionPatch::new().set("title", "x")).map(drop))),
        (
            "a child",
            "ok",
            Box::new(|tx| {
                let child =
                    NewSession::new("w", AgenticTool::ClaudeCode).parent_session_id(aclite::SessionId::from("s"));
                tx.sessions().create(child.set("title", "x")).map(drop)
            }),
        ),
        (
            "a free child",
            "denied",
            Box::new(|tx| {
                let child =
                    NewSession::new("w", AgenticTool::ClaudeCode).parent_session_id(aclite::SessionId::from("s"));
                tx.sessions().create(child.set("permission_config", free())).map(drop)
            }),
        ),
        ("a worktree", "ok", Box::new(|tx| tx.worktrees().create(tree()).map(drop))),
        ("an open worktree", "denied", Box::new(|tx| tx.worktrees().create(tree().others_can(Sharing::All)).map(drop))),
        (
            "a level",
            "denied",
            Box::new(|tx| tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::All)).map(drop)),
        ),
        ("an owner", "denied", Box::new(|tx| tx.worktrees().add_owner("v", "cy").map(drop))),
        ("its user", "denied", Box::new(|tx| tx.users().patch("bo", UserPatch::new().name("x".to_owned())).map(drop))),
        ("a user", "denied", Box::new(|tx| tx.users().create(NewUser::new("n@x").password("h")).map(drop))),
        ("a board", "ok", Box::new(|tx| tx.boards().create(NewBoard::new("n")).map(drop))),
        ("a membership", "denied", Box::new(|tx| tx.groups().add_member("g", "bo").map(drop))),
        ("a stop", "ok", Box::new(|tx| tx.tasks().patch("s", TaskPatch::new().status("stopping")).map(drop))),
        ("a start", "denied", Box::new(|tx| tx.tasks().patch("s", TaskPatch::new().status("running")).map(drop))),
    ];
    for (what, expected, call) in calls {
        let asked = attempt(&estate.store, &agent(), &call);
        assert_eq!(verdict(&asked), expected, "{what}: {asked:?}");
        let his = attempt(&estate.store, &bo(), &call);
        assert_eq!(verdict(&his), "ok", "{what}, by its user: {his:?}");
    }
}

fn said(session: &str, kind: MessageType) -> NewMessage {
    NewMessage::new(session, kind, MessageRole::User, "hello")
}

fn tree() -> NewWorktree {
    NewWorktree::new("r").name("n").git_ref("main")
}

/// A table of the daemon's own may hold anything, such as which MCP servers a session has.
#[test]
fn an_agent_writes_no_further_table() {
    let estate = estate();
    let store = &estate.store;
    let table = "CREATE TABLE session_servers (id text PRIMARY KEY NOT NULL, name text,
         session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE)";
    estate.raw.execute_batch(table).unwrap();
    let guard = aclite::TableGuard::of_session("session_id");
    store.guard_table(&daemon(), "session_servers", guard).unwrap();
    estate.check_all(&[("denied", "INSERT INTO session_servers VALUES ('n', 'shell', 's')")]);
    sql(store, "INSERT INTO session_servers VALUES ('a', 'files', 's'), ('c', 'files', 'free')");
    estate.check_all(&[
        ("denied", "UPDATE session_servers SET name = 'shell' WHERE id = 'a'"),
        ("denied", "DELETE FROM session_servers WHERE id = 'a'"),
        // They go with a session that it may remove.
        ("ok", "DELETE FROM sessions WHERE session_id = 'free'"),
    ]);
}

/// It holds no more than its user, whatever its session.
#[test]
fn an_agents_users_rights_count() {
    let estate = estate();
    let hers = Actor::agent("cy", "hers");
    for (others, expected) in [("prompt", "ok"), ("session", "ok"), ("view", "denied"), ("none", "hidden")] {
        sql(&estate.store, "DELETE FROM worktree_group_grants");
        sql(&estate.store, &format!("UPDATE worktrees SET others_can = '{others}' WHERE worktree_id = 'w'"));
        estate.check(&hers, "UPDATE tasks SET data = json_set(data, '$.report', 'x') WHERE task_id = 'hers'", expected);
    }
}
