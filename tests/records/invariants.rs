//! What holds whoever asks: an executor's scope, what never changes, stamps, endings, and the shape of data.

use aclite::{
    Actor, AgenticTool, ConflictKind, Ended, Error, Message, MessagePatch, MessageQuery, MessageRole, MessageType,
    NewMessage, NewSession, NewTask, NewWorktree, Result, Session, SessionPatch, SessionQuery, Sharing, Store, Task,
    TaskPatch, TaskQuery, TaskStatus, Time, Tx, WorktreePatch, WorktreeQuery,
};
use serde_json::{Value, json};

use crate::support::file::past_guards;
use crate::support::{self, add_user, ask, attempt, message, session, sql, system, task, verdict, worktree, world};

/// `bo`'s worktree `w`, where others may prompt: session `s` with `bo`'s running task `t`, his
/// `other` and `cy`'s `hers`, a message of each, the open permission request `ask` of `t`, and `loose`
/// of no task. Session `s2` with task `t2` and message `m2`. `cy`'s hidden worktree `far`: `fs`, `ft`, `fm`.
fn office() -> Store {
    let store = world();
    worktree(&store, "w", "bo", Sharing::Prompt);
    worktree(&store, "far", "cy", Sharing::None);
    for (s, w, creator) in [("s", "w", "bo"), ("s2", "w", "bo"), ("fs", "far", "cy")] {
        session(&store, s, w, creator);
    }
    for (t, s, creator) in
        [("t", "s", "bo"), ("other", "s", "bo"), ("hers", "s", "cy"), ("t2", "s2", "bo"), ("ft", "fs", "cy")]
    {
        task(&store, t, s, creator);
    }
    for (m, s, t) in [
        ("m", "s", Some("t")),
        ("m-other", "s", Some("other")),
        ("m-hers", "s", Some("hers")),
        ("loose", "s", None),
        ("m2", "s2", Some("t2")),
        ("fm", "fs", Some("ft")),
    ] {
        message(&store, m, s, t);
    }
    let request = request(json!({"request_id": "q", "status": "pending"})).id("ask");
    store.write(&system(), |tx| tx.messages().create(request)).unwrap();
    sql(&store, "UPDATE tasks SET status = 'running'");
    store
}

fn bo() -> Actor {
    Actor::user("bo")
}

/// The agent that works on `t` for `bo`.
fn executor() -> Actor {
    Actor::executor("bo", "s", "t")
}

/// A permission request of `t` with this content.
fn request(content: Value) -> NewMessage {
    NewMessage::new("s", MessageType::PermissionRequest, MessageRole::System, content)
        .task_id(aclite::TaskId::from("t"))
}

fn said(session: &str, task: Option<&str>) -> NewMessage {
    let new = NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, "hello");
    task.into_iter().fold(new, |new, task| new.task_id(aclite::TaskId::from(task)))
}

#[track_caller]
fn check<T: std::fmt::Debug>(outcome: &Result<T>, expected: &str, what: &str) {
    assert_eq!(verdict(outcome), expected, "{what}: {outcome:?}");
}

/// The error in words, as the daemon's log has them.
#[track_caller]
fn check_told<T: std::fmt::Debug>(outcome: &Result<T>, code: &str, words: &str) {
    let error = outcome.as_ref().unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, words));
}

// ---- an executor's scope ------------------------------------------------------------------------

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
        ("status = 'completed', completed_at = 5", "ok"),
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
            Box::new(|tx| tx.worktrees().create(NewWorktree::new("r", "n", "main")).map(drop)),
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

// ---- what never changes -------------------------------------------------------------------------

#[test]
fn authority_is_the_stored_parent_whatever_the_patch_says() {
    let store = office();
    let patches = |session: &str| {
        let patch = json!({"session_id": session, "model": "m"});
        (TaskPatch::from_json(patch.clone()).unwrap(), MessagePatch::from_json(patch).unwrap())
    };
    #[rustfmt::skip]
    let spoofs = [
        // who             task   message  says    told
        (bo(),             "t",   "m",     "s",    "ok"),
        (bo(),             "t",   "m",     "s2",   "immutable"),
        (bo(),             "t",   "m",     "nope", "immutable"),
        (system(),         "t",   "m",     "s2",   "immutable"),
        (executor(),       "t",   "m",     "s",    "ok"),
        (executor(),       "t",   "m",     "s2",   "denied"),
        // Whoever can reach `s` reaches no more by saying so.
        (bo(),             "ft",  "fm",    "s",    "hidden"),
        (executor(),       "ft",  "fm",    "s",    "hidden"),
        (Actor::user("vi"), "t",  "m",     "s",    "denied"),
    ];
    for (actor, task, message, says, expected) in spoofs {
        let (of_task, of_message) = patches(says);
        let what = format!("{actor:?} says `{says}`");
        check(&attempt(&store, &actor, |tx| tx.tasks().patch(task, of_task)), expected, &what);
        // An executor's message has no more fields than others'; its session is as fixed.
        let expected = if actor == executor() && says == "s2" { "immutable" } else { expected };
        check(&attempt(&store, &actor, |tx| tx.messages().patch(message, of_message)), expected, &what);
    }
}

#[test]
fn these_columns_never_change_at_either_door_for_anybody() {
    let store = office();
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
    );
    sql(
        &store,
        "INSERT INTO groups (group_id, created_at, created_by, name, slug) VALUES ('g', acl_now(), 'bo', 'g', 'g')",
    );
    sql(
        &store,
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'cy', 'bo', acl_now())",
    );
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, created_by, created_at) VALUES ('w', 'g', 'bo', acl_now())",
    );
    #[rustfmt::skip]
    let columns = [
        ("worktrees", "worktree_id = 'w'", "worktree_id repo_id created_by created_at rowid"),
        ("sessions",  "session_id = 's'",  "session_id worktree_id unix_username created_by created_at rowid"),
        ("tasks",     "task_id = 't'",     "task_id session_id created_by created_at rowid"),
        ("messages",  "message_id = 'm'",  "message_id session_id created_at rowid"),
        ("users",     "user_id = 'cy'",    "user_id created_at rowid"),
        ("repos",     "repo_id = 'r'",     "repo_id created_at rowid"),
        ("boards",    "board_id = 'b'",    "board_id created_by created_at rowid"),
        ("groups",    "group_id = 'g'",    "group_id created_by created_at rowid"),
        ("worktree_owners", "worktree_id = 'w'", "worktree_id user_id created_at rowid"),
        ("group_memberships", "group_id = 'g'", "group_id user_id added_by created_at rowid"),
        ("worktree_group_grants", "group_id = 'g'", "worktree_id group_id created_by created_at rowid"),
        ("acl_rules", "resource = 'task' AND operation = 'get'", "resource operation rowid"),
        ("acl_settings", "name = 'allow_superadmin'", "name rowid"),
    ];
    for (table, row, names) in columns {
        for column in names.split(' ') {
            let number = matches!(column, "created_at" | "rowid");
            for value in if number { ["12345", "NULL", "created_at + 1"] } else { ["'other'", "NULL", "''"] } {
                if column == "rowid" && value != "12345" {
                    continue;
                }
                let statement = format!("UPDATE {table} SET {column} = {value} WHERE {row}");
                let outcome = attempt(&store, &system(), |tx| tx.sql().execute(&statement, []));
                check_told_field(&outcome, column, &statement);
            }
            let statement = format!("UPDATE {table} SET {column} = {column} WHERE {row}");
            let outcome = attempt(&store, &system(), |tx| tx.sql().execute(&statement, []));
            check(&outcome, "ok", &statement);
        }
    }
    // Beside the daemon, an owner; and at the API.
    type Patch = fn(&Tx<'_>, Value) -> Result<()>;
    let api: [(&str, Patch, &str); 4] = [
        ("worktrees", |tx, patch| tx.worktrees().patch("w", WorktreePatch::from_json(patch)?).map(drop), "w"),
        ("sessions", |tx, patch| tx.sessions().patch("s", SessionPatch::from_json(patch)?).map(drop), "s"),
        ("tasks", |tx, patch| tx.tasks().patch("t", TaskPatch::from_json(patch)?).map(drop), "t"),
        ("messages", |tx, patch| tx.messages().patch("m", MessagePatch::from_json(patch)?).map(drop), "m"),
    ];
    for (table, patch, _) in api {
        let (_, row, names) = columns.iter().find(|(name, ..)| *name == table).unwrap();
        for column in names.split(' ').filter(|column| *column != "rowid") {
            let other = if column == "created_at" { json!(12345) } else { json!("other") };
            let stored: rusqlite::types::Value = ask(&store, &format!("SELECT {column} FROM {table} WHERE {row}"));
            let stored = match stored {
                rusqlite::types::Value::Integer(time) => json!(Time::from_millis(time).to_string()),
                rusqlite::types::Value::Text(text) => json!(text),
                other => panic!("{column}: {other:?}"),
            };
            for actor in [bo(), system(), Actor::service("mcp")] {
                let changed = attempt(&store, &actor, |tx| patch(tx, json!({column: other})));
                check_told_field(&changed, column, &format!("{table} by {actor:?}"));
                let same = attempt(&store, &actor, |tx| patch(tx, json!({column: stored})));
                check(&same, "ok", &format!("{table}.{column} with its stored value by {actor:?}"));
            }
            let raw = format!("UPDATE {table} SET {column} = 'other' WHERE {row}");
            check_told_field(&attempt(&store, &bo(), |tx| tx.sql().execute(&raw, [])), column, &raw);
        }
    }
}

#[track_caller]
fn check_told_field<T: std::fmt::Debug>(outcome: &Result<T>, field: &str, what: &str) {
    match outcome {
        Err(Error::Immutable(immutable)) => assert_eq!(immutable.field(), field, "{what}"),
        _ => panic!("{what}: {outcome:?}"),
    }
}

#[test]
fn clients_may_send_whole_records_back() {
    let store = office();
    sql(&store, "UPDATE sessions SET data = '{\"title\":\"x\",\"mcp_token\":\"secret\"}' WHERE session_id = 's'");
    let whole = |tx: &Tx<'_>| -> Result<Vec<Value>> {
        let (task, message) = (tx.tasks().get("t")?, tx.messages().get("m")?);
        let (session, worktree) = (tx.sessions().get("s")?, tx.worktrees().get("w")?);
        let json = [
            serde_json::to_value(task),
            serde_json::to_value(message),
            serde_json::to_value(session),
            serde_json::to_value(worktree),
        ];
        Ok(json.into_iter().map(|json| json.unwrap()).collect())
    };
    let before = store.write(&bo(), |tx| whole(tx)).unwrap();
    // `cy` may prompt, so of the worktree she may send nothing that changes; of the session its run-state.
    for actor in [bo(), Actor::user("cy")] {
        let sent = before.clone();
        let outcome = store.write(&actor, |tx| {
            let [task, message, session, _] = <[Value; 4]>::try_from(sent).unwrap();
            tx.tasks().patch("t", TaskPatch::from_json(task)?)?;
            tx.messages().patch("m", MessagePatch::from_json(message)?)?;
            tx.sessions().patch("s", SessionPatch::from_json(session)?.status("running"))
        });
        check(&outcome, "ok", &format!("{actor:?}"));
    }
    let worktree = before[3].clone();
    check(&store.write(&bo(), |tx| tx.worktrees().patch("w", WorktreePatch::from_json(worktree)?)), "ok", "worktree");
    let mut after = store.write(&bo(), |tx| whole(tx)).unwrap();
    let mut before = before;
    assert_eq!(after[2]["status"], "running");
    for json in before.iter_mut().chain(&mut after) {
        for stamp in ["updated_at", "status"] {
            json.as_object_mut().unwrap().remove(stamp);
        }
    }
    assert_eq!(before, after);
    let token: String = ask(&store, "SELECT json_extract(data, '$.mcp_token') FROM sessions WHERE session_id = 's'");
    assert_eq!(token, "secret", "what a client does not see it does not take away");
}

#[test]
fn the_store_says_when_a_record_last_changed() {
    let store = office();
    let old = "2001-01-01T00:00:00.000Z";
    let patched = store.write(&bo(), |tx| {
        tx.sessions().patch("s", SessionPatch::from_json(json!({"updated_at": old, "title": "x"}))?)
    });
    assert!(patched.unwrap().updated_at.unwrap().to_string().as_str() > old);
    let raw =
        attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE sessions SET updated_at = 5 WHERE session_id = 's'", []));
    check(&raw, "invalid", "another time than the present");
    let raw = attempt(&store, &bo(), |tx| {
        tx.sql().execute("UPDATE sessions SET updated_at = acl_now(), archived = 1 WHERE session_id = 's'", [])
    });
    check(&raw, "ok", "the present time");
}

// ---- identity, owners, tasks of messages, origins -----------------------------------------------

#[test]
fn a_session_runs_as_the_unix_user_of_its_creation_or_not_at_all() {
    let store = office();
    add_user(&store, "eve", "member");
    sql(&store, "UPDATE users SET unix_username = NULL WHERE user_id = 'eve'");
    session(&store, "unstamped", "w", "eve");
    let create = |actor: &Actor, session: &str| {
        let task = attempt(&store, actor, |tx| tx.tasks().create(NewTask::new(session).created_by("bo")));
        let message = attempt(&store, actor, |tx| tx.messages().create(said(session, None)));
        assert_eq!(verdict(&task), verdict(&message), "{actor:?} {session}");
        task
    };
    #[rustfmt::skip]
    let drifts = [
        // bo's name now           in `s` of bo      in eve's `unstamped`
        ("'bo'",                  "ok",             "ok"),
        ("'bo2'",                 "identity_drift", "ok"),
        ("NULL",                  "identity_drift", "ok"),
        ("'Bo'",                  "identity_drift", "ok"),
        ("'bo'",                  "ok",             "ok"),
    ];
    for (name, in_s, unstamped) in drifts {
        sql(&store, &format!("UPDATE users SET unix_username = {name} WHERE user_id = 'bo'"));
        sql(&store, &format!("UPDATE users SET unix_username = {name} WHERE user_id = 'eve'"));
        for actor in [bo(), system()] {
            check(&create(&actor, "s"), in_s, &format!("{actor:?} as {name}"));
            check(&create(&actor, "unstamped"), unstamped, &format!("{actor:?} as {name}, unstamped"));
        }
        // What runs already may still be told about.
        let patch = attempt(&store, &executor(), |tx| tx.tasks().finish("t", TaskPatch::new().status("completed")));
        check(&patch, "ok", name);
    }
    sql(&store, "UPDATE users SET unix_username = 'bo2' WHERE user_id = 'bo'");
    let drift = create(&bo(), "s").unwrap_err();
    assert_eq!(drift.to_string(), "session `s` runs as unix user `bo`, and its creator is now `bo2`");
    let stamp = attempt(&store, &bo(), |tx| tx.sessions().create(NewSession::new("w", AgenticTool::Codex))).unwrap();
    assert_eq!(stamp.unix_username.as_deref(), Some("bo2"));
}

#[test]
fn the_last_owner_stays() {
    let store = office();
    let remove = |tx: &Tx<'_>, user: &str| tx.worktrees().remove_owner("w", user);
    let last = |outcome: &Result<()>| match outcome {
        Err(Error::Conflict(conflict)) => conflict.kind() == &ConflictKind::LastOwner(vec!["w".to_owned()]),
        _ => false,
    };
    for actor in [bo(), system(), Actor::user("su")] {
        assert!(last(&attempt(&store, &actor, |tx| remove(tx, "bo"))), "{actor:?}");
        let raw = attempt(&store, &actor, |tx| {
            tx.sql().execute("DELETE FROM worktree_owners WHERE worktree_id = 'w'", []).map(drop)
        });
        assert!(last(&raw), "{actor:?}");
    }
    // An owner who only may view manages nothing.
    store.write(&bo(), |tx| tx.worktrees().add_owner("w", "vi")).unwrap();
    assert!(last(&attempt(&store, &bo(), |tx| remove(tx, "bo"))));
    check(&attempt(&store, &bo(), |tx| remove(tx, "vi")), "ok", "the viewer may go");
    let swapped = attempt(&store, &bo(), |tx| {
        tx.worktrees().add_owner("w", "cy")?;
        remove(tx, "bo")?;
        remove(tx, "cy")
    });
    check(&swapped, "denied", "who is no owner any more removes nobody");
    let all = attempt(&store, &system(), |tx| {
        tx.worktrees().add_owner("w", "cy")?;
        tx.sql().execute("DELETE FROM worktree_owners WHERE worktree_id = 'w'", [])
    });
    check(&all, "conflict", "both in one statement");
}

#[test]
fn a_message_names_a_task_of_its_own_session() {
    let store = office();
    let words = "`task_id` is not a task of this session";
    for task in ["t2", "ft", "nope"] {
        for actor in [bo(), system()] {
            check_told(&attempt(&store, &actor, |tx| tx.messages().create(said("s", Some(task)))), "invalid", words);
            let patch =
                attempt(&store, &actor, |tx| tx.messages().patch("m", MessagePatch::new().set("task_id", task)));
            check_told(&patch, "invalid", words);
            let raw = format!("UPDATE messages SET task_id = '{task}' WHERE message_id = 'm'");
            check_told(&attempt(&store, &actor, |tx| tx.sql().execute(&raw, [])), "invalid", words);
        }
    }
    for task in [json!("other"), json!("hers"), json!(null)] {
        let patch =
            attempt(&store, &bo(), |tx| tx.messages().patch("m", MessagePatch::new().set("task_id", task.clone())));
        check(&patch, "ok", &task.to_string());
    }
}

#[test]
fn a_session_comes_from_where_its_creator_may_look() {
    let store = office();
    let words = |field: &str| format!("`{field}` is not a session that its creator may view");
    worktree(&store, "look", "dee", Sharing::View);
    session(&store, "seen", "look", "dee");
    for field in ["parent_session_id", "forked_from_session_id"] {
        #[rustfmt::skip]
        let origins = [
            // who creates   for whom  from   told
            (bo(),          None,       "s2",   "ok"),
            (bo(),          None,       "fs",   "invalid"),
            (bo(),          None,       "nope", "invalid"),
            (Actor::user("cy"), None,   "fs",   "ok"),
            (Actor::user("cy"), None,   "seen", "ok"),      // to look is enough
            (Actor::user("su"), None,   "fs",   "ok"),
            (system(),      Some("bo"), "fs",   "invalid"), // the daemon may look; `bo` may not
            (system(),      Some("cy"), "fs",   "ok"),
        ];
        sql(&store, "UPDATE worktrees SET others_can = 'session' WHERE worktree_id = 'w'");
        for (actor, creator, origin, expected) in origins {
            let new = NewSession::new("w", AgenticTool::Codex).set(field, origin);
            let new = creator.into_iter().fold(new, |new, creator| new.created_by(creator));
            let created = attempt(&store, &actor, |tx| tx.sessions().create(new));
            check(&created, expected, &format!("{field} {origin} by {actor:?}"));
            if expected == "invalid" {
                check_told(&created, "invalid", &words(field));
            }
        }
        for (origin, expected) in [("s2", "ok"), ("fs", "invalid"), ("nope", "invalid")] {
            for actor in [bo(), system(), Actor::user("su")] {
                let patch =
                    attempt(&store, &actor, |tx| tx.sessions().patch("s", SessionPatch::new().set(field, origin)));
                check(&patch, expected, &format!("patching {field} to {origin} by {actor:?}"));
                let raw = format!("UPDATE sessions SET {field} = '{origin}' WHERE session_id = 's'");
                check(&attempt(&store, &actor, |tx| tx.sql().execute(&raw, [])), expected, &raw);
            }
        }
    }
}

// ---- the first ending wins ----------------------------------------------------------------------

#[test]
fn the_first_ending_wins_and_no_report_is_lost() {
    let service = || Actor::service("scheduler");
    #[rustfmt::skip]
    let endings = [
        // stored      reports            then        told         stays       ended
        ("running",   bo(),       "stopped",   "ok",       "stopped",   "first"),
        ("running",   executor(), "completed", "ok",       "completed", "first"),
        ("running",   system(),   "stopped",   "ok",       "stopped",   "first"),
        ("stopped",   bo(),       "completed", "conflict", "stopped",   ""),
        ("stopped",   bo(),       "running",   "conflict", "stopped",   ""),
        ("completed", bo(),       "stopped",   "conflict", "completed", ""),
        ("failed",    bo(),       "failed",    "ok",       "failed",    "no"),
        ("stopped",   executor(), "completed", "ok",       "stopped",   "already"),
        ("stopped",   executor(), "running",   "ok",       "stopped",   "already"),
        ("completed", executor(), "failed",    "ok",       "completed", "already"),
        ("completed", executor(), "completed", "ok",       "completed", "already"),
        ("completed", system(),   "stopped",   "ok",       "completed", "already"),
        ("completed", service(),  "stopped",   "ok",       "completed", "already"),
        ("failed",    system(),   "stopping",  "ok",       "failed",    "already"),
    ];
    for (stored, actor, status, told, stays, ended) in endings {
        let store = office();
        let over = !matches!(stored, "running");
        let completed_at = if over { "5000" } else { "NULL" };
        sql(
            &store,
            &format!("UPDATE tasks SET status = '{stored}', completed_at = {completed_at} WHERE task_id = 't'"),
        );
        let what = format!("{stored}, then {status} by {actor:?}");
        let patch = json!({"status": status, "git_state": {"sha_at_end": "abc"}, "message_range": {"end_index": 3}});
        let outcome = store.write(&actor, |tx| tx.tasks().patch("t", TaskPatch::from_json(patch)?));
        check(&outcome, told, &what);
        let task = store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
        assert_eq!(task.status.word(), stays, "{what}");
        assert_eq!(task.completed_at.is_some(), task.status.is_final(), "{what}");
        assert!(!over || task.completed_at == Some(Time::from_millis(5000)), "{what}: the time of the ending stays");
        match outcome {
            Ok(patched) => {
                assert_eq!(patched.task, task, "{what}");
                assert_eq!(task.data["git_state"]["sha_at_end"], "abc", "{what}: no report is lost");
                assert_eq!(task.data["message_range"]["end_index"], 3, "{what}");
                let became = match patched.ended {
                    Ended::First => "first",
                    Ended::No => "no",
                    Ended::AlreadyEnded(status) => {
                        assert_eq!(status.word(), stays, "{what}");
                        "already"
                    }
                };
                assert_eq!(became, ended, "{what}");
            }
            Err(error) => {
                assert_eq!(error.to_string(), format!("task `t` has ended as `{stored}`"), "{what}");
                assert!(task.data.get("git_state").is_none(), "{what}: a conflict writes nothing");
            }
        }
    }
}

#[test]
fn a_user_may_still_add_to_a_task_that_has_ended() {
    let store = office();
    sql(&store, "UPDATE tasks SET status = 'stopped', completed_at = 5 WHERE task_id = 't'");
    let patch = store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("report", "by hand")));
    assert_eq!(patch.unwrap().ended, Ended::No);
    // At the raw door nothing can be left out of a statement, so the daemon too gets the conflict.
    for actor in [bo(), executor(), system()] {
        let raw = attempt(&store, &actor, |tx| {
            tx.sql().execute("UPDATE tasks SET status = 'completed' WHERE task_id = 't'", [])
        });
        check(&raw, "conflict", &format!("{actor:?}"));
    }
}

#[test]
fn the_first_ending_has_a_time_its_own_or_now() {
    let store = office();
    let ended = |patch: Value| attempt(&store, &executor(), |tx| tx.tasks().patch("t", TaskPatch::from_json(patch)?));
    let given = ended(json!({"status": "completed", "completed_at": "2026-01-02T03:04:05.678Z"})).unwrap().task;
    assert_eq!(given.completed_at.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
    for patch in [json!({"status": "failed"}), json!({"status": "failed", "completed_at": null})] {
        let before = Time::now();
        let stamped = ended(patch).unwrap().task.completed_at.unwrap();
        assert!(before <= stamped && stamped <= Time::now());
    }
    // One that is created as ended has one too.
    let born = attempt(&store, &bo(), |tx| tx.tasks().create(NewTask::new("s").status(TaskStatus::Failed))).unwrap();
    assert!(born.completed_at.is_some());
    // A trigger can't fill it in: whoever writes SQL supplies it.
    let raw =
        attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE tasks SET status = 'failed' WHERE task_id = 't'", []));
    check_told(&raw, "invalid", "`completed_at` must be a time in ms where the task ends");
}

#[test]
fn finish_ends_the_task_and_frees_its_session_or_does_neither() {
    let store = office();
    sql(&store, "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
    let state = || -> (String, String) {
        let state: String =
            ask(&store, "SELECT s.status || ' ' || s.ready_for_prompt FROM sessions AS s WHERE s.session_id = 's'");
        (ask(&store, "SELECT status FROM tasks WHERE task_id = 't'"), state)
    };
    // An executor that may patch its task by a rule of the operator's, but not the session.
    sql(
        &store,
        "UPDATE acl_rules SET needs = 'system', needs_if_own = NULL WHERE resource = 'session' AND operation = 'report'",
    );
    let finish = || store.write(&executor(), |tx| tx.tasks().finish("t", TaskPatch::new().status("completed")));
    check(&finish(), "denied", "the session's part is refused");
    assert_eq!(state(), ("running".to_owned(), "running 0".to_owned()));
    // Nor does anything stay where the closure swallows the error.
    let swallowed = store.write(&executor(), |tx| {
        let _ = tx.tasks().finish("t", TaskPatch::new().status("completed"));
        Ok(())
    });
    check(&swallowed, "ok", "the closure itself");
    assert_eq!(state(), ("running".to_owned(), "running 0".to_owned()));
    sql(&store, "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'session' AND operation = 'report'");
    assert_eq!(finish().unwrap().ended, Ended::First);
    assert_eq!(state(), ("completed".to_owned(), "idle 1".to_owned()));
    sql(&store, "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
    assert_eq!(finish().unwrap().ended, Ended::AlreadyEnded(TaskStatus::Completed));
    assert_eq!(state(), ("completed".to_owned(), "running 0".to_owned()), "a late ending leaves the session alone");
}

// ---- stamps -------------------------------------------------------------------------------------

#[test]
fn whoever_writes_sql_supplies_the_right_stamps() {
    let store = office();
    let insert = |created_by: &str, unix: &str, time: &str| {
        format!(
            "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
             VALUES ('new', {time}, {created_by}, 'idle', 'codex', 'w', {unix}, '{{}}')"
        )
    };
    #[rustfmt::skip]
    let stamps = [
        // who      created_by       unix_username  created_at              told
        (bo(),     "'bo'",          "'bo'",        "acl_now()",            ""),
        (bo(),     "acl_actor()",   "'bo'",        "acl_now()",            ""),
        (bo(),     "'cy'",          "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "'anonymous'",   "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "NULL",          "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "'bo'",          "'cy'",        "acl_now()",            "`unix_username` must be `bo`"),
        (bo(),     "'bo'",          "NULL",        "acl_now()",            "`unix_username` must be `bo`"),
        (bo(),     "'bo'",          "'bo'",        "0",                    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 3600000",  "`created_at` must be the present time, "),
        // Clocks differ: half a minute is the present still, a minute and a half is not.
        (bo(),     "'bo'",          "'bo'",        "acl_now() - 30000",    ""),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 30000",    ""),
        (bo(),     "'bo'",          "'bo'",        "acl_now() - 90000",    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 90000",    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "NULL",                 "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "'today'",              "`created_at` must be an integer"),
        (system(), "'cy'",          "'cy'",        "acl_now()",            ""),
        (system(), "'cy'",          "'bo'",        "acl_now()",            "`unix_username` must be `cy`"),
        (system(), "'ghost'",       "NULL",        "acl_now()",            "`created_by` must name an existing user"),
        (system(), "'anonymous'",   "NULL",        "acl_now()",            "`created_by` must name an existing user"),
        (system(), "NULL",          "NULL",        "acl_now()",            "`created_by` must name an existing user"),
    ];
    for (actor, created_by, unix, time, told) in stamps {
        check_stamp(&store, &actor, &insert(created_by, unix, time), told);
    }
    // The column's default is nobody.
    let defaulted = "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('new', 's', acl_now(), 'created', '{}')";
    check_stamp(&store, &bo(), defaulted, "`created_by` must be `bo`");
    check_stamp(&store, &system(), defaulted, "`created_by` must name an existing user");
    let worktree =
        "INSERT INTO worktrees (worktree_id, repo_id, created_at, name, ref, worktree_unique_id, needs_attention, data)
                    VALUES ('new', 'r', acl_now(), 'n', 'main', 9, 0, '{}')";
    check_stamp(&store, &bo(), worktree, "`created_by` must be `bo`");
    let board = "INSERT INTO boards (board_id, created_at, name, data) VALUES ('b', acl_now(), 'b', '{}')";
    check_stamp(&store, &bo(), board, "`created_by` must be `bo`");
    let group =
        "INSERT INTO groups (group_id, created_at, created_by, name, slug) VALUES ('g', acl_now(), 'bo', 'g', 'g')";
    check_stamp(&store, &Actor::user("ada"), group, "`created_by` must be `ada`");
    for (message_time, told) in [("acl_now()", ""), ("5", "`created_at` must be the present time, ")] {
        let message = format!(
            "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
             VALUES ('new', 's', {message_time}, 'user', 'user', 9, 5, '{{}}')"
        );
        check_stamp(&store, &bo(), &message, told);
    }
}

#[track_caller]
fn check_stamp(store: &Store, actor: &Actor, statement: &str, told: &str) {
    let outcome = attempt(store, actor, |tx| tx.sql().execute(statement, []));
    let words = outcome.as_ref().map_or_else(ToString::to_string, |_| String::new());
    assert!(if told.is_empty() { words.is_empty() } else { words.starts_with(told) }, "{statement}\n{outcome:?}");
}

#[test]
fn the_api_stamps_and_lets_nobody_name_another() {
    let store = office();
    let cy = Actor::user("cy");
    let others = attempt(&store, &cy, |tx| tx.tasks().create(NewTask::new("s").created_by("bo")));
    check_told(&others, "invalid", "`created_by` must be `cy`");
    let session = json!({
        "worktree_id": "w", "agentic_tool": "codex", "unix_username": "root", "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z",
    });
    let session: Session = attempt(&store, &cy, |tx| tx.sessions().create(NewSession::from_json(session)?)).unwrap();
    assert_eq!((session.unix_username.as_deref(), session.created_by.as_str()), (Some("cy"), "cy"));
    let year = Time::from_millis(1_700_000_000_000);
    assert!(session.created_at > year && session.updated_at.unwrap() > year);
    let daemon = attempt(&store, &system(), |tx| tx.tasks().create(NewTask::new("s")));
    check_told(&daemon, "invalid", "`created_by` is required of the daemon: for whom?");
    let nobody = attempt(&store, &Actor::user("anonymous"), |tx| tx.tasks().create(NewTask::new("s")));
    check(&nobody, "not_authenticated", "`anonymous` is never a user's id");
}

/// What nobody says of a new record: its id, where it stands, its place, its time, its preview.
#[test]
fn a_new_record_gets_what_nobody_says() {
    let store = office();
    let (task, session, worktree) = store
        .write(&bo(), |tx| {
            let session = tx.sessions().create(NewSession::new("w", AgenticTool::Codex))?;
            let worktree = tx.worktrees().create(NewWorktree::new("r", "n", "main"))?;
            Ok((tx.tasks().create(NewTask::new("s"))?, session, worktree))
        })
        .unwrap();
    assert_eq!((task.status.word(), session.status.word()), ("created", "idle"));
    let ids = [task.task_id.to_string(), session.session_id.to_string(), worktree.worktree_id.to_string()];
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'), "{ids:?}");
    let numbers: i64 = ask(&store, "SELECT count(DISTINCT worktree_unique_id) FROM worktrees");
    assert_eq!((numbers, worktree.worktree_unique_id), (3, 3), "each worktree has a number of its own");

    let say = |new: NewMessage| store.write(&bo(), |tx| tx.messages().create(new)).unwrap();
    let before = Time::now();
    let (first, second) = (say(said("s2", None).index(40)), say(said("s2", None)));
    assert_eq!((first.index, second.index), (40, 41), "at the end of the session");
    assert_eq!(say(NewMessage::new(session.session_id, "user", "user", "x")).index, 0);
    assert!(second.timestamp >= before && second.created_at >= before);
    let old = Time::from_millis(5);
    assert_eq!(say(said("s2", None).timestamp(old)).timestamp, old, "it may have been said before");

    let long = "é".repeat(250);
    for (content, preview) in [
        (json!("short"), Some("short".to_owned())),
        (json!(long), Some("é".repeat(200))),
        (
            json!([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]),
            Some("a\nb".to_owned()),
        ),
        (json!([]), Some(String::new())),
        (json!("a\0b"), Some("ab".to_owned())),
        (json!({"status": "pending"}), None),
        (json!(null), None),
    ] {
        let message = say(NewMessage::new("s", "user", "user", content.clone()));
        assert_eq!(message.content_preview, preview, "{content}");
        assert_eq!(message.data["content"], content);
    }
    let patch = |patch: Value| {
        store.write(&bo(), |tx| tx.messages().patch("m", MessagePatch::from_json(patch)?)).unwrap().content_preview
    };
    assert_eq!(patch(json!({"content": "anew"})).as_deref(), Some("anew"), "it follows its content");
    assert_eq!(patch(json!({"status": "queued"})).as_deref(), Some("anew"));
    assert_eq!(patch(json!({"content": "more", "content_preview": "mine"})).as_deref(), Some("mine"));
}

// ---- ids and prefixes ---------------------------------------------------------------------------

#[test]
fn a_prefix_finds_what_its_reader_may_view_and_nothing_else() {
    let store = world();
    worktree(&store, "w", "bo", Sharing::None);
    worktree(&store, "far", "cy", Sharing::None);
    for (id, w, creator) in [
        ("0199aaaa-0000-7000-8000-000000000001", "w", "bo"),
        ("0199aaaa-0000-7000-8000-000000000002", "far", "cy"),
        ("0199bbbb-0000-7000-8000-000000000003", "w", "bo"),
        ("0199bbbb-0000-7000-8000-000000000004", "w", "bo"),
    ] {
        session(&store, id, w, creator);
        task(&store, id, id, creator);
    }
    #[rustfmt::skip]
    let prefixes = [
        // prefix                                 bo             cy             su
        ("0199aaaa",                             "…1",          "…2",          "2 ambiguous"),
        ("0199AAAA-00",                          "…1",          "…2",          "2 ambiguous"),
        ("0199aaaa000070008000000000000001",     "…1",          "not_found",   "…1"),
        ("0199aaaa-0000-7000-8000-000000000002", "not_found",   "…2",          "…2"),
        ("0199bbbb",                             "2 ambiguous", "not_found",   "2 ambiguous"),
        ("0199bb",                               "2 ambiguous", "not_found",   "2 ambiguous"),
        ("0199cc",                               "not_found",   "not_found",   "not_found"),
        ("0199a",                                "invalid",     "invalid",     "invalid"),
        ("0199%%%%",                             "invalid",     "invalid",     "invalid"),
        ("0199a_",                               "invalid",     "invalid",     "invalid"),
        ("0199a*",                               "invalid",     "invalid",     "invalid"),
        ("",                                     "invalid",     "invalid",     "invalid"),
    ];
    for (prefix, bo, cy, su) in prefixes {
        for (user, expected) in [("bo", bo), ("cy", cy), ("su", su)] {
            check_prefix(&store, user, prefix, expected);
        }
    }
    let nobody = store.read(&Actor::Anonymous, |tx| tx.tasks().resolve("0199aaaa"));
    check(&nobody, "not_authenticated", "nobody");
    let hidden = store.read(&bo(), |tx| tx.tasks().resolve("0199aaaa-0000-7000-8000-000000000002")).unwrap_err();
    let missing = store.read(&bo(), |tx| tx.tasks().resolve("0199aaaa-0000-7000-8000-000000000009")).unwrap_err();
    assert_eq!(hidden.to_string().replace("002", "009"), missing.to_string());
}

#[track_caller]
fn check_prefix(store: &Store, user: &str, prefix: &str, expected: &str) {
    let actor = Actor::user(user);
    let told = |outcome: Result<String>| match outcome {
        Ok(id) => format!("…{}", id.chars().next_back().unwrap()),
        Err(Error::Ambiguous(ambiguous)) => format!("{} ambiguous", ambiguous.count()),
        Err(error) => error.code().to_owned(),
    };
    let task = store.read(&actor, |tx| tx.tasks().resolve(prefix).map(|id| id.to_string()));
    let session = store.read(&actor, |tx| tx.sessions().resolve(prefix).map(|id| id.to_string()));
    assert_eq!((told(task).as_str(), told(session).as_str()), (expected, expected), "{user}: {prefix}");
}

#[test]
fn wildcards_and_quotes_in_ids_are_just_characters() {
    let store = office();
    for id in ["%", "_", "*", "t%", "' OR 1 --", "\"", "?1", "{{moved}}", "é", "a b"] {
        let get = store.read(&bo(), |tx| tx.tasks().get(id));
        check(&get, "not_found", id);
        check(&attempt(&store, &bo(), |tx| tx.tasks().remove(id)), "not_found", id);
        let page = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().session(id))).unwrap();
        assert!(page.items.is_empty(), "{id}");
        let created = store.write(&bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))).unwrap();
        assert_eq!(created.task_id.as_str(), id);
        let patched = store.write(&bo(), |tx| tx.tasks().patch(id, TaskPatch::new().set("model", "m"))).unwrap();
        assert_eq!(patched.task.task_id.as_str(), id);
    }
    let patched: i64 = ask(&store, "SELECT count(*) FROM tasks WHERE json_extract(data, '$.model') = 'm'");
    assert_eq!(patched, 10, "each patch found its one row");
}

// ---- data ---------------------------------------------------------------------------------------

#[test]
fn a_patch_merges_deeply() {
    #[rustfmt::skip]
    let merges = [
        // stored                              patch                              left
        (r#"{"a":1}"#,                        r#"{"b":2}"#,                      r#"{"a":1,"b":2}"#),
        (r#"{"a":1}"#,                        r#"{"a":2}"#,                      r#"{"a":2}"#),
        (r#"{"a":{"b":{"c":1,"d":2}}}"#,      r#"{"a":{"b":{"c":3}}}"#,          r#"{"a":{"b":{"c":3,"d":2}}}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":{"c":{"d":1}}}"#,          r#"{"a":{"b":1,"c":{"d":1}}}"#),
        (r#"{"a":[1,2,3]}"#,                  r#"{"a":[4]}"#,                    r#"{"a":[4]}"#),
        (r#"{"a":[{"b":1}]}"#,                r#"{"a":[{"c":1}]}"#,              r#"{"a":[{"c":1}]}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":null}"#,                   r#"{"a":null}"#),
        (r#"{"a":null}"#,                     r#"{"a":{"b":1}}"#,                r#"{"a":{"b":1}}"#),
        (r#"{"a":{"b":1,"c":1}}"#,            r#"{"a":{"b":null}}"#,             r#"{"a":{"b":null,"c":1}}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":7}"#,                      r#"{"a":7}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":{}}"#,                     r#"{"a":{"b":1}}"#),
        (r#"{"a":1}"#,                        r#"{}"#,                           r#"{"a":1}"#),
        (r#"{"a":9223372036854775807}"#,      r#"{"b":0.1}"#,                    r#"{"a":9223372036854775807,"b":0.1}"#),
        (r#"{"é":"ü","":"empty"}"#,           r#"{"":"full"}"#,                  r#"{"é":"ü","":"full"}"#),
    ];
    let store = office();
    for (stored, patch, left) in merges {
        sql(&store, &format!("UPDATE tasks SET data = '{stored}' WHERE task_id = 't'"));
        let merged = attempt(&store, &bo(), |tx| {
            let task = tx.tasks().patch("t", TaskPatch::from_json_str(patch)?)?.task;
            let text: String =
                tx.sql().query_row("SELECT data FROM tasks WHERE task_id = 't'", [], |row| row.get(0))?;
            Ok((task, text))
        });
        let (task, text): (Task, String) = merged.unwrap();
        assert_eq!(text, left, "{stored} and {patch}");
        assert_eq!(serde_json::to_string(&task.data).unwrap(), left, "{stored} and {patch}");
    }
}

/// The guard takes a merge's word for what changed. It must be a merge of this row's own `data`: one of
/// another text tells less than is changed.
#[test]
fn a_merge_of_another_text_hides_no_change() {
    let store = office();
    sql(&store, "UPDATE sessions SET data = '{\"title\":\"a\"}' WHERE session_id = 's'");
    let cy = Actor::user("cy");
    for (actor, statement, expected) in [
        (
            &cy,
            "UPDATE sessions SET data = acl_merge('{\"title\":\"b\"}', '{\"message_count\":1}') WHERE session_id = 's'",
            "denied",
        ),
        (
            &cy,
            "UPDATE sessions SET data = acl_merge('{\"title\":\"a\"}', '{\"message_count\":1}') WHERE session_id = 's'",
            "ok",
        ),
        (&cy, "UPDATE sessions SET data = acl_merge('{}', '{\"message_count\":1}') WHERE session_id = 's'", "denied"),
        (
            &bo(),
            "UPDATE sessions SET data = acl_merge('{\"mcp_token\":\"mine\"}', '{\"tasks\":[]}') WHERE session_id = 's'",
            "denied",
        ),
        (
            &executor(),
            "UPDATE tasks SET data = acl_merge('{\"full_prompt\":\"b\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "denied",
        ),
        (
            &executor(),
            "UPDATE tasks SET data = acl_merge('{\"full_prompt\":\"do\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "ok",
        ),
        (
            &bo(),
            "UPDATE tasks SET data = acl_merge('{\"status\":\"x\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "invalid",
        ),
    ] {
        let outcome = attempt(&store, actor, |tx| tx.sql().execute(statement, []));
        check(&outcome, expected, statement);
    }
}

#[test]
fn null_empties_a_column_that_may_be_empty_and_no_other() {
    let store = office();
    sql(&store, "UPDATE sessions SET archived_reason = 'x' WHERE session_id = 's'");
    let patch = |json: Value| attempt(&store, &bo(), |tx| tx.sessions().patch("s", SessionPatch::from_json(json)?));
    assert_eq!(patch(json!({"archived_reason": null})).unwrap().archived_reason, None);
    assert_eq!(patch(json!({"archived": true})).unwrap().archived_reason.as_deref(), Some("x"), "absent is left alone");
    check_told(&patch(json!({"status": null})), "invalid", "`status` may not be null");
    check_told(&patch(json!({"archived": null})), "invalid", "`archived` may not be null");
}

#[test]
fn words_and_keys_that_nobody_knows_are_kept() {
    let store = office();
    let patch = TaskPatch::new().status("hibernating").set("from_a_newer_daemon", json!({"a": [1]}));
    let task = store.write(&bo(), |tx| tx.tasks().patch("t", patch)).unwrap().task;
    assert_eq!(task.status, TaskStatus::Other("hibernating".to_owned()));
    assert_eq!(serde_json::to_value(&task).unwrap()["from_a_newer_daemon"], json!({"a": [1]}));
    let found = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().status(["hibernating".into()]))).unwrap();
    assert_eq!(found.items, [task]);
    let session = store.write(&bo(), |tx| tx.sessions().create(NewSession::new("w", "cursor").status("dreaming")));
    let session = session.unwrap();
    assert_eq!((session.agentic_tool.word(), session.status.word()), ("cursor", "dreaming"));
    let message = NewMessage::new("s", "poem", "muse", json!({"verse": 1}));
    let message: Message = store.write(&bo(), |tx| tx.messages().create(message)).unwrap();
    assert_eq!((message.kind.word(), message.role.word()), ("poem", "muse"));
}

#[test]
fn a_column_wins_over_a_key_of_data() {
    let store = office();
    for actor in [bo(), system()] {
        let raw = "UPDATE tasks SET data = json_set(data, '$.status', 'completed') WHERE task_id = 't'";
        let raw = attempt(&store, &actor, |tx| tx.sql().execute(raw, []));
        check_told(&raw, "invalid", "`status` is a column and can't be a key of `data` too");
        let raw = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                   VALUES ('new', 's', acl_now(), 'bo', 'created', '{\"session_id\":\"s2\"}')";
        let raw = attempt(&store, &actor, |tx| tx.sql().execute(raw, []));
        check_told(&raw, "invalid", "`session_id` is a column and can't be a key of `data` too");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    drop(support::world_at(&path));
    let store = Store::open(&path).unwrap();
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    // An old row, from before anybody looked.
    let old = r#"UPDATE tasks SET data = '{"status":"completed","session_id":"other","model":"m"}'"#;
    past_guards(&path, "tasks", old);
    let task = store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
    assert_eq!((task.status.word(), task.session_id.as_str()), ("created", "s"));
    let json = serde_json::to_string(&task).unwrap();
    assert_eq!((json.matches("\"status\"").count(), json.matches("\"session_id\"").count()), (1, 1), "{json}");
    // Such a row can be worked with; the old keys may stay.
    let patched = store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("model", "n")));
    assert_eq!(patched.unwrap().task.data["model"], "n");
}

#[test]
fn what_cannot_be_stored_is_invalid_and_nothing_is_written() {
    let store = office();
    let deep = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    let stored = || -> String {
        ask(&store, "SELECT group_concat(task_id || status || ifnull(started_at, '-') || data) FROM tasks")
    };
    let before = stored();
    let patches: Vec<(&str, Value, &str)> = vec![
        ("a wrong type", json!({"status": 7}), "invalid"),
        ("a wrong time", json!({"started_at": "yesterday"}), "invalid"),
        ("no object", json!([1]), "invalid"),
        ("an empty id", json!({"session_id": ""}), "invalid"),
        ("a long id", json!({"session_id": "x".repeat(65)}), "invalid"),
        ("`data` itself", json!({"data": {"a": 1}}), "invalid"),
        ("128 levels", deep(128), "invalid"),
        ("127 levels", deep(127), "ok"),
        ("too large", json!({"report": "x".repeat(16 << 20)}), "invalid"),
        ("a number beyond", json!({"started_at": u64::MAX}), "invalid"),
    ];
    for (what, patch, expected) in patches {
        let run = |tx: &Tx<'_>| tx.tasks().patch("t", TaskPatch::from_json(patch)?);
        let outcome = if expected == "ok" { attempt(&store, &bo(), run) } else { store.write(&bo(), run) };
        check(&outcome, expected, what);
    }
    for (text, expected) in [
        (r#"{"n":9223372036854775808}"#, "ok"), // still of 64 bits, unsigned
        (r#"{"n":18446744073709551616}"#, "invalid"),
        (r#"{"n":-9223372036854775809}"#, "invalid"),
        (r#"{"a":1,"a":2}"#, "invalid"),
        (r#"{"a":{"b":1,"b":2}}"#, "invalid"),
        (r#"{"a":"#, "invalid"),
        (r#"{"a":NaN}"#, "invalid"),
        ("null", "invalid"),
        ("", "invalid"),
    ] {
        let outcome = attempt(&store, &bo(), |tx| tx.tasks().patch("t", TaskPatch::from_json_str(text)?));
        check(&outcome, expected, text);
        // As `data` of a statement. A text like this is what the guard has to refuse by itself.
        let raw =
            attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE tasks SET data = ?1 WHERE task_id = 't'", [text]));
        check(&raw, expected, &format!("{text} as SQL"));
    }
    for (what, set) in [
        ("a number", "data = 7"),
        ("nothing", "data = NULL"),
        ("a blob", "data = x'7b7d'"),
        ("an array", "data = '[]'"),
        ("a NUL", "data = '{\"a\":1}' || char(0)"),
        ("a status that is a blob", "status = x'6661696c6564'"),
        ("a status that is nothing", "status = NULL"),
        ("a status with a NUL", "status = 'running' || char(0)"),
        ("an empty status", "status = ''"),
    ] {
        let raw =
            store.write(&system(), |tx| tx.sql().execute(&format!("UPDATE tasks SET {set} WHERE task_id = 't'"), []));
        check(&raw, "invalid", what);
    }
    // The words of other tables, each as a blob, with a NUL, empty, and missing.
    for (table, row, columns) in [
        ("sessions", "session_id = 's'", "status agentic_tool"),
        ("messages", "message_id = 'm'", "type role"),
        ("users", "user_id = 'cy'", "role email"),
    ] {
        for column in columns.split(' ') {
            for value in ["x'61'", "'a' || char(0)", "''", "NULL"] {
                let raw = format!("UPDATE {table} SET {column} = {value} WHERE {row}");
                check(&attempt(&store, &system(), |tx| tx.sql().execute(&raw, [])), "invalid", &raw);
            }
        }
    }
    for id in ["", &"x".repeat(65), "a\0b"] {
        check(&store.read(&bo(), |tx| tx.tasks().get(id)), "invalid", "an id that nothing can have");
        check(
            &attempt(&store, &bo(), |tx| tx.tasks().patch(id, TaskPatch::new())),
            "invalid",
            "an id that nothing can have",
        );
        check(&attempt(&store, &bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))), "invalid", "a new one");
        let raw = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                   VALUES (?1, 's', acl_now(), 'bo', 'created', '{}')";
        check(&attempt(&store, &bo(), |tx| tx.sql().execute(raw, [id])), "invalid", "a new one in SQL");
    }
    assert_eq!(stored(), before);
}

/// Every method that takes an id, and every filter: what can be no id is no id there either.
#[test]
fn an_id_that_nothing_can_have_is_invalid_at_every_method() {
    let store = office();
    let (board, repo) = ("board_id", "repo_id");
    type Call<'a> = Box<dyn Fn(&Tx<'_>, &str) -> Result<()> + 'a>;
    let calls: Vec<(&str, &str, Call<'_>)> = vec![
        ("task get", "task_id", Box::new(|tx, id| tx.tasks().get(id).map(drop))),
        (
            "task patch",
            "task_id",
            Box::new(|tx, id| tx.tasks().patch(id, TaskPatch::new().set("model", "m")).map(drop)),
        ),
        (
            "task finish",
            "task_id",
            Box::new(|tx, id| tx.tasks().finish(id, TaskPatch::new().status("failed")).map(drop)),
        ),
        ("task remove", "task_id", Box::new(|tx, id| tx.tasks().remove(id))),
        ("task create", "task_id", Box::new(|tx, id| tx.tasks().create(NewTask::new("s").id(id)).map(drop))),
        ("task of", "session_id", Box::new(|tx, id| tx.tasks().create(NewTask::new(id)).map(drop))),
        ("task for", "created_by", Box::new(|tx, id| tx.tasks().create(NewTask::new("s").created_by(id)).map(drop))),
        ("tasks of", "session_id", Box::new(|tx, id| tx.tasks().find(&TaskQuery::new().session(id)).map(drop))),
        ("tasks by", "created_by", Box::new(|tx, id| tx.tasks().find(&TaskQuery::new().created_by(id)).map(drop))),
        ("task prefix", "prefix", Box::new(|tx, id| tx.tasks().resolve(id).map(drop))),
        ("message get", "message_id", Box::new(|tx, id| tx.messages().get(id).map(drop))),
        ("message patch", "message_id", Box::new(|tx, id| tx.messages().patch(id, MessagePatch::new()).map(drop))),
        ("message remove", "message_id", Box::new(|tx, id| tx.messages().remove(id))),
        ("message create", "message_id", Box::new(|tx, id| tx.messages().create(said("s", None).id(id)).map(drop))),
        ("message in", "session_id", Box::new(|tx, id| tx.messages().create(said(id, None)).map(drop))),
        ("message of", "task_id", Box::new(|tx, id| tx.messages().create(said("s", Some(id))).map(drop))),
        ("messages in", "session_id", Box::new(|tx, id| tx.messages().create_many([said(id, None)]).map(drop))),
        (
            "message to",
            "task_id",
            Box::new(|tx, id| tx.messages().patch("m", MessagePatch::new().set("task_id", id)).map(drop)),
        ),
        (
            "messages of",
            "session_id",
            Box::new(|tx, id| tx.messages().find(&MessageQuery::new().session(id)).map(drop)),
        ),
        ("messages to", "task_id", Box::new(|tx, id| tx.messages().find(&MessageQuery::new().task(id)).map(drop))),
        ("session get", "session_id", Box::new(|tx, id| tx.sessions().get(id).map(drop))),
        (
            "session patch",
            "session_id",
            Box::new(|tx, id| tx.sessions().patch(id, SessionPatch::new().archived(true)).map(drop)),
        ),
        (
            "session board",
            board,
            Box::new(|tx, id| tx.sessions().patch("s", SessionPatch::new().set("board_id", id)).map(drop)),
        ),
        ("session remove", "session_id", Box::new(|tx, id| tx.sessions().remove(id))),
        (
            "session in",
            "worktree_id",
            Box::new(|tx, id| tx.sessions().create(NewSession::new(id, AgenticTool::Codex)).map(drop)),
        ),
        (
            "sessions in",
            "worktree_id",
            Box::new(|tx, id| tx.sessions().find(&SessionQuery::new().worktree(id)).map(drop)),
        ),
        (
            "sessions by",
            "created_by",
            Box::new(|tx, id| tx.sessions().find(&SessionQuery::new().created_by(id)).map(drop)),
        ),
        ("session prefix", "prefix", Box::new(|tx, id| tx.sessions().resolve(id).map(drop))),
        ("worktree get", "worktree_id", Box::new(|tx, id| tx.worktrees().get(id).map(drop))),
        (
            "worktree patch",
            "worktree_id",
            Box::new(|tx, id| tx.worktrees().patch(id, WorktreePatch::new().name("x")).map(drop)),
        ),
        ("worktree remove", "worktree_id", Box::new(|tx, id| tx.worktrees().remove(id))),
        ("worktree of", repo, Box::new(|tx, id| tx.worktrees().create(NewWorktree::new(id, "n", "main")).map(drop))),
        ("worktrees of", repo, Box::new(|tx, id| tx.worktrees().find(&WorktreeQuery::new().repo(id)).map(drop))),
        (
            "worktrees by",
            "created_by",
            Box::new(|tx, id| tx.worktrees().find(&WorktreeQuery::new().created_by(id)).map(drop)),
        ),
        ("worktree prefix", "prefix", Box::new(|tx, id| tx.worktrees().resolve(id).map(drop))),
        ("owners", "worktree_id", Box::new(|tx, id| tx.worktrees().owners(id).map(drop))),
        ("owner of", "worktree_id", Box::new(|tx, id| tx.worktrees().add_owner(id, "cy").map(drop))),
        ("new owner", "user_id", Box::new(|tx, id| tx.worktrees().add_owner("w", id).map(drop))),
        ("owner gone from", "worktree_id", Box::new(|tx, id| tx.worktrees().remove_owner(id, "bo"))),
        ("owner gone", "user_id", Box::new(|tx, id| tx.worktrees().remove_owner("w", id))),
    ];
    for (what, field, call) in calls {
        for id in ["", &"x".repeat(65), &"é".repeat(33), "a\0b"] {
            let outcome = attempt(&store, &bo(), |tx| call(tx, id));
            let Err(Error::Invalid(invalid)) = &outcome else { panic!("{what} `{id}`: {outcome:?}") };
            assert_eq!(invalid.field(), field, "{what}");
            assert!(id.is_empty() || !outcome.unwrap_err().to_string().contains(id), "{what}: not repeated");
        }
        // 64 bytes are an id that nobody has, or that anybody may have.
        let outcome = attempt(&store, &bo(), |tx| call(tx, &"x".repeat(64)));
        let id_is_none = matches!(&outcome, Err(Error::Invalid(invalid)) if invalid.problem().contains("64 bytes"));
        assert!(!id_is_none, "{what}: {outcome:?}");
    }
}

#[test]
fn an_id_that_is_taken_is_a_conflict_that_says_nothing_more() {
    let store = office();
    for (id, of) in [("t2", "one that she may view"), ("ft", "a hidden one")] {
        let dee = Actor::user("dee");
        let created = attempt(&store, &dee, |tx| tx.tasks().create(NewTask::new("s").id(id)));
        check_told(&created, "conflict", &format!("task `{id}` exists already"));
        let raw = format!(
            "INSERT OR REPLACE INTO tasks (task_id, session_id, created_at, created_by, status, data)
             VALUES ('{id}', 's', acl_now(), 'dee', 'created', '{{}}')"
        );
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&raw, [])), "conflict", of);
        let upsert = raw.replace("OR REPLACE ", "") + " ON CONFLICT (task_id) DO UPDATE SET status = 'completed'";
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&upsert, [])), "conflict", of);
        let ignore = raw.replace("REPLACE", "IGNORE");
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&ignore, [])), "conflict", of);
    }
}

#[test]
fn many_messages_are_of_one_session_a_thousand_at_most_and_all_or_none() {
    let store = office();
    let count = || -> i64 { ask(&store, "SELECT count(*) FROM messages") };
    let before = count();
    let create = |new: Vec<NewMessage>| store.write(&bo(), |tx| tx.messages().create_many(new));
    check(&create(vec![said("s", None), said("s2", None)]), "invalid", "two sessions");
    check(&create((0..1001).map(|_| said("s", None)).collect()), "invalid", "too many");
    check(&create(vec![said("s", None), said("s", Some("t2")), said("s", None)]), "invalid", "one of them is wrong");
    check(&create(vec![said("s", None).id("x"), said("s", None).id("x")]), "conflict", "one id twice");
    let swallowed = store.write(&bo(), |tx| {
        let _ = tx.messages().create_many([said("s", None), said("s", Some("nope"))]);
        Ok(())
    });
    check(&swallowed, "ok", "the closure");
    assert_eq!(count(), before);
    assert_eq!(create((0..1000).map(|_| said("s", None)).collect()).unwrap().len(), 1000);
    assert_eq!(count(), before + 1000);
    assert!(create(Vec::new()).unwrap().is_empty());
}

/// Columns that are declared as integers or as text hold nothing else: one odd value would make its row
/// unreadable for everybody.
#[test]
fn a_value_of_another_type_than_its_columns_is_refused() {
    let store = office();
    for (statement, message) in [
        ("UPDATE tasks SET started_at = 'soon' WHERE task_id = 't'", "`started_at` must be an integer"),
        ("UPDATE tasks SET completed_at = x'00' WHERE task_id = 't'", "`completed_at` must be an integer"),
        ("UPDATE messages SET \"index\" = 1.5 WHERE message_id = 'm'", "`index` must be an integer"),
        ("UPDATE messages SET content_preview = x'00' WHERE message_id = 'm'", "`content_preview` must be plain text"),
        ("UPDATE sessions SET archived = 'yes' WHERE session_id = 's'", "`archived` must be an integer"),
        (
            "UPDATE worktrees SET schedule_next_run_at = 'x' WHERE worktree_id = 'w'",
            "`schedule_next_run_at` must be an integer",
        ),
    ] {
        let outcome = store.write(&bo(), |tx| tx.sql().execute(statement, []));
        assert_eq!(outcome.unwrap_err().to_string(), message, "{statement}");
    }
    store.write(&bo(), |tx| tx.sql().execute("UPDATE tasks SET started_at = '5' WHERE task_id = 't'", [])).unwrap();
    assert_eq!(
        ask::<i64>(&store, "SELECT started_at FROM tasks WHERE task_id = 't'"),
        5,
        "text that is an integer is one"
    );
}

/// Status and time are one ending: neither changes afterwards.
#[test]
fn the_time_of_an_ending_stays_too() {
    let store = office();
    let bo = bo();
    let ended = store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().status(TaskStatus::Completed))).unwrap();
    for time in [Some(Time::from_millis(5)), None] {
        let later = store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().completed_at(time)));
        assert_eq!(verdict(&later), "conflict", "{time:?}");
        let late = store.write(&system(), |tx| tx.tasks().patch("t", TaskPatch::new().completed_at(time))).unwrap();
        assert_eq!(late.task.completed_at, ended.task.completed_at, "{time:?}");
    }
    let raw =
        store.write(&system(), |tx| tx.sql().execute("UPDATE tasks SET completed_at = NULL WHERE task_id = 't'", []));
    assert_eq!(verdict(&raw), "conflict");
}

#[test]
fn an_executor_does_not_give_its_messages_to_another_task() {
    let store = office();
    let moved = store
        .write(&executor(), |tx| tx.messages().patch("m", MessagePatch::new().task_id(aclite::TaskId::from("other"))));
    assert_eq!(verdict(&moved), "denied");
    store
        .write(&bo(), |tx| tx.messages().patch("m", MessagePatch::new().task_id(aclite::TaskId::from("other"))))
        .unwrap();
}
