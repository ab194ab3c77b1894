//! An executor writes its task, its session and its messages, and only what an executor reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[path = "../support/mod.rs"]
mod support;

use aclite::{
    Actor, AgenticTool, MessagePatch, MessageQuery, NewSession, NewTask, NewWorktree, Result, SessionPatch,
    SessionQuery, Sharing, TaskId, TaskPatch, TaskQuery, Time, Tx, WorktreePatch, WorktreeQuery,
};
use serde_json::{Value, json};
use support::office::{check, executor, office, request, said};
use support::{add_user, attempt, places, sql, task, verdict, world};

#[test]
fn an_executor_reports_these_fields_of_its_task_and_no_other() {
    let store = office();
    let time = Time::now().as_millis();
    for (field, value, expected) in [
        ("status", json!("completed"), "ok"),
        ("completed_at", json!(time), "ok"),
        ("git_state", json!({"sha_at_end": "abc"}), "ok"),
        ("message_range", json!({"start_index": 0}), "ok"),
        ("model", json!("m"), "ok"),
        ("raw_sdk_response", json!({"a": 1}), "ok"),
        ("normalized_sdk_response", json!({"a": 1}), "ok"),
        ("computed_context_window", json!(1), "ok"),
        ("tool_use_count", json!(1), "ok"),
        ("duration_ms", json!(1), "ok"),
        ("agent_session_id", json!("x"), "ok"),
        ("error_message", json!("x"), "ok"),
        ("report", json!("x"), "ok"),
        ("permission_request", json!({"request_id": "q"}), "ok"),
        ("started_at", json!(time), "denied"),
        ("created_at", json!(time - 1), "denied"),
        ("created_by", json!("cy"), "denied"),
        ("session_id", json!("s2"), "denied"),
        ("task_id", json!("new"), "denied"),
        ("description", json!("x"), "denied"),
        ("full_prompt", json!("x"), "denied"),
        ("anything_else", json!(1), "denied"),
        ("Model", json!("x"), "denied"),
    ] {
        let patch = || TaskPatch::from_json(json!({"model": "m", field: value})).unwrap();
        let alone =
            attempt(&store, &executor(), |tx| tx.tasks().patch("t", TaskPatch::new().set(field, value.clone())));
        let among = attempt(&store, &executor(), |tx| tx.tasks().patch("t", patch()));
        check(&alone, expected, field);
        check(&among, expected, field);
    }
    // The same in SQL of the embedder's own.
    for (set, expected) in [
        ("status = 'completed', completed_at = acl_now()", "ok"),
        ("data = '{\"full_prompt\":\"do\",\"model\":\"m\"}'", "ok"),
        ("data = '{\"full_prompt\":\"do\",\"other\":1}'", "denied"),
        ("data = '{}'", "denied"),
        ("started_at = 5", "denied"),
        ("status = 'stopped', completed_at = 5", "denied"),
    ] {
        let raw = attempt(&store, &executor(), |tx| {
            tx.sql().execute(&format!("UPDATE tasks SET {set} WHERE task_id = 't'"), [])
        });
        check(&raw, expected, set);
    }
}

#[test]
fn an_executor_says_four_words_and_nothing_gets_it_out_of_stopping_but_an_end() {
    let store = office();
    #[rustfmt::skip]
    let words = [
        // from                  running   awaiting_permission  completed  failed    created   stopping  stopped   paused
        ("created",             ["ok",     "ok",                "ok",      "ok",     "ok",     "denied", "denied", "denied"]),
        ("running",             ["ok",     "ok",                "ok",      "ok",     "denied", "denied", "denied", "denied"]),
        ("awaiting_permission", ["ok",     "ok",                "ok",      "ok",     "denied", "denied", "denied", "denied"]),
        ("stopping",            ["denied", "denied",            "ok",      "ok",     "denied", "ok",     "denied", "denied"]),
    ];
    let next = ["running", "awaiting_permission", "completed", "failed", "created", "stopping", "stopped", "paused"];
    for (from, expected) in words {
        sql(&store, &format!("UPDATE tasks SET status = '{from}'"));
        for (to, expected) in next.iter().zip(expected) {
            let said = attempt(&store, &executor(), |tx| tx.tasks().patch("t", TaskPatch::new().status(*to)));
            // The word that is stored already changes nothing.
            check(&said, expected, &format!("{from} to {to}"));
        }
    }
}

#[test]
fn an_executor_touches_its_task_its_session_and_its_messages_only() {
    let store = office();
    let answer = json!({"status": "approved", "approved_by": "bo", "approved_at": "2026-01-01T00:00:00Z"});
    let patch = |tx: &Tx<'_>, id: &str| tx.tasks().patch(id, TaskPatch::new().set("model", "m")).map(drop);
    let report = |tx: &Tx<'_>, id: &str, key: &str, value: Value| {
        tx.sessions().patch(id, SessionPatch::new().set(key, value)).map(drop)
    };
    let edit = |tx: &Tx<'_>, id: &str| tx.messages().patch(id, MessagePatch::new().set("content", "x")).map(drop);
    let move_to = |tx: &Tx<'_>, id: &str, task: Value| {
        tx.messages().patch(id, MessagePatch::new().set("task_id", task)).map(drop)
    };
    type Call<'a> = Box<dyn Fn(&Tx<'_>) -> Result<()> + 'a>;
    let calls: Vec<(&str, Call<'_>, &str)> = vec![
        ("another task of the session", Box::new(|tx| patch(tx, "other")), "denied"),
        ("another user's task", Box::new(|tx| patch(tx, "hers")), "denied"),
        ("a task of another session", Box::new(|tx| patch(tx, "t2")), "denied"),
        ("a hidden task", Box::new(|tx| patch(tx, "ft")), "hidden"),
        ("its session's status", Box::new(|tx| report(tx, "s", "status", json!("running"))), "ok"),
        ("its session's readiness", Box::new(|tx| report(tx, "s", "ready_for_prompt", json!(true))), "ok"),
        ("its session's archive", Box::new(|tx| report(tx, "s", "archived", json!(true))), "ok"),
        ("its session's archive reason", Box::new(|tx| report(tx, "s", "archived_reason", json!("x"))), "ok"),
        ("its session's tasks", Box::new(|tx| report(tx, "s", "tasks", json!(["t"]))), "ok"),
        ("its session's agent", Box::new(|tx| report(tx, "s", "sdk_session_id", json!("x"))), "ok"),
        ("its session's git state", Box::new(|tx| report(tx, "s", "git_state", json!({}))), "ok"),
        ("its session's count", Box::new(|tx| report(tx, "s", "message_count", json!(1))), "ok"),
        ("its session's usage", Box::new(|tx| report(tx, "s", "current_context_usage", json!(1))), "ok"),
        ("its session's window", Box::new(|tx| report(tx, "s", "context_window_limit", json!(1))), "ok"),
        ("its session's update", Box::new(|tx| report(tx, "s", "last_context_update_at", json!(1))), "ok"),
        ("its session's title", Box::new(|tx| report(tx, "s", "title", json!("x"))), "denied"),
        ("its session's token", Box::new(|tx| report(tx, "s", "mcp_token", json!("x"))), "denied"),
        ("its session's board", Box::new(|tx| report(tx, "s", "board_id", json!("b"))), "denied"),
        ("its session's permissions", Box::new(|tx| report(tx, "s", "permission_config", json!({}))), "denied"),
        ("another session", Box::new(|tx| report(tx, "s2", "status", json!("running"))), "denied"),
        ("its message", Box::new(|tx| edit(tx, "m")), "ok"),
        ("a message of another task", Box::new(|tx| edit(tx, "m-other")), "denied"),
        ("a message of no task", Box::new(|tx| edit(tx, "loose")), "denied"),
        ("its permission request", Box::new(|tx| edit(tx, "ask")), "denied"),
        (
            "its message's type",
            Box::new(|tx| tx.messages().patch("m", MessagePatch::new().kind("permission_request")).map(drop)),
            "denied",
        ),
        (
            "its request's type",
            Box::new(|tx| tx.messages().patch("ask", MessagePatch::new().kind("assistant")).map(drop)),
            "denied",
        ),
        ("a message of its task", Box::new(|tx| tx.messages().create(said("s", Some("t"))).map(drop)), "ok"),
        (
            "a message of another task",
            Box::new(|tx| tx.messages().create(said("s", Some("other"))).map(drop)),
            "denied",
        ),
        ("a message of no task", Box::new(|tx| tx.messages().create(said("s", None)).map(drop)), "denied"),
        ("a message elsewhere", Box::new(|tx| tx.messages().create(said("s2", Some("t2"))).map(drop)), "denied"),
        ("an open request", Box::new(|tx| tx.messages().create(request(json!({"status": "pending"}))).map(drop)), "ok"),
        ("an answered request", Box::new(|tx| tx.messages().create(request(answer.clone())).map(drop)), "denied"),
        (
            "a request approved by",
            Box::new(|tx| tx.messages().create(request(json!({"approved_by": "bo"}))).map(drop)),
            "denied",
        ),
        (
            "a request approved at",
            Box::new(|tx| tx.messages().create(request(json!({"status": "pending", "approved_at": 5}))).map(drop)),
            "denied",
        ),
        (
            "a request that is denied",
            Box::new(|tx| tx.messages().create(request(json!({"status": "denied"}))).map(drop)),
            "denied",
        ),
        ("another's message made its own", Box::new(|tx| move_to(tx, "m-hers", json!("t"))), "denied"),
        ("a loose message made its own", Box::new(|tx| move_to(tx, "loose", json!("t"))), "denied"),
        ("its message put under another's task", Box::new(|tx| move_to(tx, "m", json!("hers"))), "denied"),
        ("its message let go", Box::new(|tx| move_to(tx, "m", json!(null))), "denied"),
        ("its message where it is", Box::new(|tx| move_to(tx, "m", json!("t"))), "ok"),
        ("removing its message", Box::new(|tx| tx.messages().remove("m")), "denied"),
        ("removing its task", Box::new(|tx| tx.tasks().remove("t")), "denied"),
        ("removing its session", Box::new(|tx| tx.sessions().remove("s")), "denied"),
        ("removing its worktree", Box::new(|tx| tx.worktrees().remove("w")), "denied"),
        ("removing an owner", Box::new(|tx| tx.worktrees().remove_owner("w", "bo")), "denied"),
        ("a new task", Box::new(|tx| tx.tasks().create(NewTask::new("s")).map(drop)), "denied"),
        (
            "a new session",
            Box::new(|tx| tx.sessions().create(NewSession::new("w", AgenticTool::Codex)).map(drop)),
            "denied",
        ),
        (
            "a new worktree",
            Box::new(|tx| tx.worktrees().create(NewWorktree::new("r").name("n").git_ref("main")).map(drop)),
            "denied",
        ),
        ("a new owner", Box::new(|tx| tx.worktrees().add_owner("w", "cy").map(drop)), "denied"),
        ("the worktree", Box::new(|tx| tx.worktrees().patch("w", WorktreePatch::new().name("x")).map(drop)), "denied"),
        (
            "its user",
            Box::new(|tx| tx.sql().execute("UPDATE users SET name = 'x' WHERE user_id = 'bo'", []).map(drop)),
            "denied",
        ),
        (
            "a board",
            Box::new(|tx| {
                tx.sql().execute("INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')", []).map(drop)
            }),
            "denied",
        ),
        ("reading its session", Box::new(|tx| tx.sessions().get("s").map(drop)), "ok"),
        ("reading another session", Box::new(|tx| tx.sessions().get("s2").map(drop)), "denied"),
        ("reading a task of its session", Box::new(|tx| tx.tasks().get("other").map(drop)), "ok"),
        ("reading a task elsewhere", Box::new(|tx| tx.tasks().get("t2").map(drop)), "denied"),
        ("reading a message of its session", Box::new(|tx| tx.messages().get("m-hers").map(drop)), "ok"),
        ("reading a message elsewhere", Box::new(|tx| tx.messages().get("m2").map(drop)), "denied"),
        ("reading the worktree", Box::new(|tx| tx.worktrees().get("w").map(drop)), "denied"),
        ("reading what is hidden", Box::new(|tx| tx.sessions().get("fs").map(drop)), "hidden"),
    ];
    for (what, call, expected) in calls {
        check(&attempt(&store, &executor(), call), expected, what);
    }
    let (sessions, tasks, messages, worktrees) = store
        .read(&executor(), |tx| {
            let sessions = tx.sessions().find(&SessionQuery::new())?.items;
            let tasks = tx.tasks().find(&TaskQuery::new())?.items;
            let messages = tx.messages().find(&MessageQuery::new())?.items;
            Ok((sessions, tasks, messages, tx.worktrees().find(&WorktreeQuery::new())?.items))
        })
        .unwrap();
    assert_eq!((sessions.len(), tasks.len(), messages.len(), worktrees.len()), (1, 3, 5, 0));
}

#[test]
fn an_executors_triple_is_verified_and_its_user_s_rights_count() {
    let store = office();
    add_user(&store, "eve", "member");
    #[rustfmt::skip]
    let triples = [
        (("bo",    "s",  "t"),    "t",    "ok"),
        (("cy",    "s",  "t"),    "t",    "denied"),  // may prompt here, and it is not her task
        (("cy",    "s",  "hers"), "hers", "ok"),
        (("bo",    "s",  "hers"), "hers", "denied"),
        (("bo",    "s2", "t"),    "t",    "denied"),
        (("bo",    "s",  "t2"),   "t2",   "denied"),
        (("bo",    "s",  "none"), "t",    "denied"),
        (("ghost", "s",  "t"),    "t",    "hidden"),
        (("bo",    "fs", "ft"),   "ft",   "hidden"),
    ];
    let patch =
        |actor: &Actor, id: &str| attempt(&store, actor, |tx| tx.tasks().patch(id, TaskPatch::new().set("model", "m")));
    for ((user, session, task), id, expected) in triples {
        let actor = Actor::executor(user, session, task);
        check(&patch(&actor, id), expected, &format!("{actor:?}"));
        let create = attempt(&store, &actor, |tx| {
            let session = if task == "ft" {
                "fs"
            } else if id == "t2" {
                "s2"
            } else {
                "s"
            };
            tx.messages().create(said(session, Some(id)))
        });
        check(&create, expected, &format!("a message of {actor:?}"));
        let report =
            attempt(&store, &actor, |tx| tx.sessions().patch(session, SessionPatch::new().set("message_count", 1)));
        check(&report, expected, &format!("the session of {actor:?}"));
        let read = store.read(&actor, |tx| tx.sessions().get(session));
        check(&read, expected, &format!("reading the session of {actor:?}"));
    }
    let hers = Actor::executor("cy", "s", "hers");
    for (others, expected) in [("prompt", "ok"), ("session", "denied"), ("view", "denied"), ("none", "hidden")] {
        sql(&store, &format!("UPDATE worktrees SET others_can = '{others}' WHERE worktree_id = 'w'"));
        check(&patch(&hers, "hers"), expected, others);
    }
}

/// An executor may patch the messages of its task, so it wrote one and handed it to another task.
#[test]
fn an_executor_hands_no_message_to_another_task() {
    let store = world();
    places(&store, Sharing::Prompt);
    task(&store, "t-other", "s-w", "bo");
    let agent = Actor::executor("bo", "s-w", "t-w");
    for task in [Some(TaskId::from("t-other")), None] {
        let moved = store.write(&agent, |tx| tx.messages().patch("m-w", MessagePatch::new().task_id(task.clone())));
        assert_eq!(verdict(&moved), "denied", "{task:?}: {moved:?}");
    }
    let kept = store.write(&agent, |tx| {
        tx.messages().patch("m-w", MessagePatch::new().task_id(TaskId::from("t-w")).set("content", "more"))
    });
    assert_eq!(verdict(&kept), "ok", "{kept:?}");
}
