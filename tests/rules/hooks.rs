//! The calls that a daemon's request hooks guarded are judged by the record's id alone.
//!
//! Nobody sends a `session_id`: the database finds the session and asks its worktree.

use aclite::{
    Actor, AgenticTool, AuditRow, EndingOutcome, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage,
    NewSession, NewTask, Result, SessionPatch, Sharing, Store, TaskPatch, TaskQuery, TaskStatus, Time, Tx,
    WorktreePatch,
};
use serde_json::{Value, json};

use crate::support::{audit_after, last_seq, message, session, sql, system, task, verdict, worktree, world};

/// `bo`'s worktree `w`, hidden from all others, with session `s`, its running task `t`, the message
/// `m` and the open permission request `ask`. Beside it `cy`'s own: `w2`, `s2`, `t2`.
fn shop() -> Store {
    let store = world();
    for (w, s, t, owner) in [("w", "s", "t", "bo"), ("w2", "s2", "t2", "cy")] {
        worktree(&store, w, owner, Sharing::None);
        session(&store, s, w, owner);
        task(&store, t, s, owner);
    }
    message(&store, "m", "s", Some("t"));
    let ask = json!({"request_id": "q-1", "status": "pending", "tool": "Bash"});
    let ask = NewMessage::new("s", MessageType::PermissionRequest, MessageRole::System, ask).id("ask");
    store.write(&system(), |tx| tx.messages().create(ask)).unwrap();
    sql(&store, "UPDATE tasks SET status = 'running' WHERE task_id = 't'");
    store
}

/// One request: how many records it gave or changed.
type Call = fn(&Tx<'_>) -> Result<usize>;

fn new_message() -> NewMessage {
    NewMessage::new("s", MessageType::User, MessageRole::User, "more")
}

#[test]
fn the_eleven_hooks() {
    #[rustfmt::skip]
    let hooks: [(&str, Call, &str, &str, &str, &str); 11] = [
        //                                                                                             owner  viewer    stranger  nobody
        ("messages get",    |tx| tx.messages().get("m").map(|_| 1),                                    "ok 1", "ok 1",   "hidden", "not_authenticated"),
        ("messages create", |tx| tx.messages().create(new_message()).map(|_| 1),                       "ok 1", "denied", "hidden", "not_authenticated"),
        ("messages patch",  |tx| tx.messages().patch("m", MessagePatch::new().index(7)).map(|_| 1),    "ok 1", "denied", "hidden", "not_authenticated"),
        ("messages remove", |tx| tx.messages().remove("m").map(|()| 1),                                "ok 1", "denied", "hidden", "not_authenticated"),
        ("sessions get",    |tx| tx.sessions().get("s").map(|_| 1),                                    "ok 1", "ok 1",   "hidden", "not_authenticated"),
        ("sessions patch",  |tx| tx.sessions().patch("s", SessionPatch::new().archived(true)).map(|_| 1), "ok 1", "denied", "hidden", "not_authenticated"),
        ("sessions remove", |tx| tx.sessions().remove("s").map(|()| 1),                                "ok 1", "denied", "hidden", "not_authenticated"),
        ("tasks get",       |tx| tx.tasks().get("t").map(|_| 1),                                       "ok 1", "ok 1",   "hidden", "not_authenticated"),
        ("tasks create",    |tx| tx.tasks().create(NewTask::new("s")).map(|_| 1),                      "ok 1", "denied", "hidden", "not_authenticated"),
        ("tasks patch",     |tx| tx.tasks().patch("t", TaskPatch::new().status("completed")).map(|_| 1), "ok 1", "denied", "hidden", "not_authenticated"),
        // A hidden session is one without tasks.
        ("tasks find",      |tx| tx.tasks().find(&TaskQuery::new().session("s")).map(|page| page.items.len()), "ok 1", "ok 1", "ok 0", "ok 0"),
    ];
    for (hook, call, owner, viewer, stranger, nobody) in hooks {
        // `vi` is made an owner: a viewer may look and nothing else.
        let store = shop();
        store.write(&system(), |tx| tx.worktrees().add_owner("w", "vi")).unwrap();
        check(&store, hook, &Actor::Anonymous, call, nobody);
        check(&store, hook, &Actor::user("cy"), call, stranger);
        check(&store, hook, &Actor::user("vi"), call, viewer);
        check(&store, hook, &Actor::user("bo"), call, owner);
    }
}

#[track_caller]
fn check(store: &Store, hook: &str, actor: &Actor, call: Call, expected: &str) {
    let before = last_seq(store);
    let outcome = store.write(actor, call);
    let told = outcome.as_ref().map_or_else(|_| verdict(&outcome).to_owned(), |count| format!("ok {count}"));
    assert_eq!(told, expected, "{hook} by {actor:?}: {outcome:?}");
    let refused = audit_after(store, before).iter().filter(|row| !row.is_allowed()).count();
    let reads = hook.ends_with("get") || hook.ends_with("find");
    assert_eq!(refused, usize::from(outcome.is_err() && !reads), "{hook} by {actor:?}: each refused write is audited");
}

#[test]
fn a_hidden_record_is_refused_in_the_words_for_one_that_never_was() {
    let store = shop();
    let cy = Actor::user("cy");
    let public = |call: &dyn Fn(&Tx<'_>) -> Result<()>| store.write(&cy, |tx| call(tx)).unwrap_err().public();
    type Call<'a> = &'a dyn Fn(&Tx<'_>, &str) -> Result<()>;
    let calls: [(&str, &str, Call<'_>); 21] = [
        ("task get", "t", &|tx, id| tx.tasks().get(id).map(drop)),
        ("task patch", "t", &|tx, id| tx.tasks().patch(id, TaskPatch::new().set("model", "x")).map(drop)),
        ("task remove", "t", &|tx, id| tx.tasks().remove(id)),
        ("message get", "m", &|tx, id| tx.messages().get(id).map(drop)),
        ("message patch", "m", &|tx, id| tx.messages().patch(id, MessagePatch::new().index(1)).map(drop)),
        ("message remove", "m", &|tx, id| tx.messages().remove(id)),
        ("session get", "s", &|tx, id| tx.sessions().get(id).map(drop)),
        ("session patch", "s", &|tx, id| tx.sessions().patch(id, SessionPatch::new().archived(true)).map(drop)),
        ("session remove", "s", &|tx, id| tx.sessions().remove(id)),
        ("task create", "s", &|tx, id| tx.tasks().create(NewTask::new(id)).map(drop)),
        ("message create", "s", &|tx, id| {
            tx.messages().create(NewMessage::new(id, MessageType::User, MessageRole::User, "x")).map(drop)
        }),
        ("messages create", "s", &|tx, id| {
            let said = || NewMessage::new(id, MessageType::User, MessageRole::User, "x");
            tx.messages().create_many([said(), said()]).map(drop)
        }),
        ("task finish", "t", &|tx, id| tx.tasks().finish(id, TaskPatch::new().status("failed")).map(drop)),
        ("session create", "w", &|tx, id| {
            tx.sessions().create(NewSession::new(id, AgenticTool::Codex).set("parent_session_id", "s")).map(drop)
        }),
        ("worktree get", "w", &|tx, id| tx.worktrees().get(id).map(drop)),
        ("worktree remove", "w", &|tx, id| tx.worktrees().remove(id)),
        ("worktree share", "w", &|tx, id| tx.worktrees().patch(id, WorktreePatch::new().others_can(None)).map(drop)),
        ("worktree patch", "w", &|tx, id| tx.worktrees().patch(id, WorktreePatch::new().name("x")).map(drop)),
        ("owner list", "w", &|tx, id| tx.worktrees().owners(id).map(drop)),
        ("owner create", "w", &|tx, id| tx.worktrees().add_owner(id, "cy").map(drop)),
        ("owner remove", "w", &|tx, id| tx.worktrees().remove_owner(id, "bo")),
    ];
    for (name, id, call) in calls {
        let (hidden, missing) = (public(&|tx| call(tx, id)), public(&|tx| call(tx, &format!("{id}?"))));
        assert_eq!((hidden.code, hidden.status), (missing.code, missing.status), "{name}");
        assert_eq!(hidden.message, missing.message.replace("?`", "`"), "{name}");
        assert_eq!(hidden.code, "not_found", "{name}");
    }
    // Nor does an owner's removal tell who owns a hidden worktree.
    let removal = |user: &str| public(&|tx| tx.worktrees().remove_owner("w", user));
    assert_eq!(removal("bo"), removal("dee"));
}

#[test]
fn find_by_a_hidden_session_is_an_empty_page_for_messages_too() {
    let store = shop();
    for (actor, seen) in [(Actor::user("bo"), 2), (Actor::user("cy"), 0), (Actor::Anonymous, 0)] {
        let page = store.read(&actor, |tx| tx.messages().find(&MessageQuery::new().session("s"))).unwrap();
        assert_eq!((page.items.len(), page.next, page.unreadable.len()), (seen, None, 0), "{actor:?}");
    }
}

#[test]
fn creating_without_a_session_is_invalid() {
    let store = shop();
    let told = |outcome: Result<()>| outcome.unwrap_err().to_string();
    let bo = Actor::user("bo");
    let task = store.write(&bo, |tx| tx.tasks().create(NewTask::from_json(json!({"full_prompt": "x"}))?).map(drop));
    assert_eq!(told(task), "`session_id` is required");
    let message = json!({"type": "user", "role": "user", "content": "x"});
    let message = store.write(&bo, |tx| tx.messages().create(NewMessage::from_json(message)?).map(drop));
    assert_eq!(told(message), "`session_id` is required");
    let null = store.write(&bo, |tx| tx.tasks().create(NewTask::from_json(json!({"session_id": null}))?).map(drop));
    assert_eq!(told(null), "`session_id` may not be null");
    let session = json!({"agentic_tool": "codex"});
    let session = store.write(&bo, |tx| tx.sessions().create(NewSession::from_json(session)?).map(drop));
    assert_eq!(told(session), "`worktree_id` is required");
}

// ---- who writes what --------------------------------------------------------------------------

/// What a writer patches.
#[derive(Debug, Clone, Copy)]
enum Of {
    Task,
    Session,
    Worktree,
    Message,
    Request,
}

impl Of {
    /// Its id in `bo`'s worktree, and what the audit calls it.
    const fn record(self) -> (&'static str, &'static str) {
        match self {
            Self::Task => ("t", "task"),
            Self::Session => ("s", "session"),
            Self::Worktree => ("w", "worktree"),
            Self::Message => ("m", "message"),
            Self::Request => ("ask", "message"),
        }
    }

    /// Patches it, and returns it as JSON.
    fn patch(self, tx: &Tx<'_>, patch: Value) -> Result<Value> {
        let (id, _) = self.record();
        let json = match self {
            Self::Task => serde_json::to_value(tx.tasks().patch(id, TaskPatch::from_json(patch)?)?.task),
            Self::Session => serde_json::to_value(tx.sessions().patch(id, SessionPatch::from_json(patch)?)?),
            Self::Worktree => serde_json::to_value(tx.worktrees().patch(id, WorktreePatch::from_json(patch)?)?),
            Self::Message | Self::Request => {
                serde_json::to_value(tx.messages().patch(id, MessagePatch::from_json(patch)?)?)
            }
        };
        Ok(json.unwrap())
    }
}

#[test]
fn who_writes_what() {
    let executor = || Actor::executor("bo", "s", "t");
    let stop = || Actor::system("stop handler");
    let daemon = || Actor::system("daemon");
    let person = || Actor::user("bo");
    let ended = Time::now().to_string();
    let success = json!({
        "status": "completed", "completed_at": ended, "git_state": {"sha_at_end": "abc", "ref_at_end": "main"},
        "message_range": {"start_index": 0, "end_index": 9}, "tool_use_count": 3, "duration_ms": 1200, "model": "m-1",
        "raw_sdk_response": {"usage": {"input_tokens": 10}}, "computed_context_window": 4000,
    });
    let approval = json!({"content": {"status": "approved", "approved_by": "bo", "approved_at": ended}});
    let request = json!({"status": "awaiting_permission", "permission_request": {"request_id": "q-1"}});
    let calls: Vec<(&str, Actor, Of, Vec<Value>)> = vec![
        ("success", executor(), Of::Task, vec![success]),
        (
            "a short success",
            executor(),
            Of::Task,
            vec![json!({"status": "completed", "completed_at": ended, "model": "m"})],
        ),
        (
            "failure",
            executor(),
            Of::Task,
            vec![json!({"status": "failed", "completed_at": ended, "git_state": {"dirty": true}})],
        ),
        ("failure with a report", executor(), Of::Task, vec![json!({"status": "failed", "report": "it broke"})]),
        ("start", executor(), Of::Task, vec![json!({"status": "running"})]),
        ("the model alone", executor(), Of::Task, vec![json!({"model": "m-1"})]),
        ("a question", executor(), Of::Task, vec![request]),
        (
            "the range, late",
            executor(),
            Of::Task,
            vec![
                json!({"status": "completed", "completed_at": ended}),
                json!({"message_range": {"start_index": 0, "end_index": 3}}),
            ],
        ),
        (
            "stop",
            stop(),
            Of::Task,
            vec![json!({"status": "stopping"}), json!({"status": "stopped", "completed_at": ended})],
        ),
        ("after an ending", stop(), Of::Session, vec![json!({"ready_for_prompt": true, "status": "idle"})]),
        ("the agent's own session", executor(), Of::Session, vec![json!({"sdk_session_id": "oc-1"})]),
        ("the token", daemon(), Of::Session, vec![json!({"mcp_token": "secret"})]),
        ("the count", daemon(), Of::Session, vec![json!({"message_count": 12})]),
        ("the tasks", daemon(), Of::Session, vec![json!({"tasks": ["t"]})]),
        ("the genealogy", daemon(), Of::Session, vec![json!({"genealogy": {"parent": "p", "children": ["c"]}})]),
        ("a title", person(), Of::Session, vec![json!({"title": "Fix the build"})]),
        ("archiving", person(), Of::Session, vec![json!({"archived": true, "archived_reason": "done"})]),
        ("permission settings", person(), Of::Session, vec![json!({"permission_config": {"mode": "ask"}})]),
        ("model settings", person(), Of::Session, vec![json!({"model_config": {"model": "m-2"}})]),
        ("sharing", person(), Of::Worktree, vec![json!({"others_can": "view"})]),
        ("notes", person(), Of::Worktree, vec![json!({"notes": "mind the gap"})]),
        ("off its board", person(), Of::Worktree, vec![json!({"board_id": null})]),
        ("a queued prompt", person(), Of::Message, vec![json!({"status": "queued", "queue_position": 1})]),
        ("a decision", person(), Of::Request, vec![approval]),
    ];
    for (what, actor, of, patches) in calls {
        assert!(patches.iter().all(|patch| patch.get("session_id").is_none()), "{what}");
        let stranger = match &actor {
            Actor::Executor { .. } => Actor::executor("cy", "s2", "t2"),
            _ => Actor::user("cy"),
        };
        let store = shop();
        check_write(&store, what, &stranger, of, &patches[0], false);
        for patch in &patches {
            check_write(&store, what, &actor, of, patch, true);
        }
    }
}

/// The patch is decided by `bo`'s session and worktree, whoever writes; where it is allowed, all of it is stored.
#[track_caller]
fn check_write(store: &Store, what: &str, actor: &Actor, of: Of, patch: &Value, allowed: bool) {
    let before = last_seq(store);
    let outcome = store.write(actor, |tx| of.patch(tx, patch.clone()));
    assert_eq!(verdict(&outcome), if allowed { "ok" } else { "hidden" }, "{what} by {actor:?}: {outcome:?}");
    let rows = audit_after(store, before);
    let [row] = rows.as_slice() else { panic!("{what}: {rows:?}") };
    let session = if matches!(of, Of::Worktree) { None } else { Some("s") };
    let AuditRow { actor_kind, verdict, record, resource, session_id, worktree_id, .. } = row;
    assert_eq!(actor_kind, actor.kind(), "{what}");
    assert_eq!(verdict, if allowed { "allowed" } else { "denied" }, "{what}");
    assert_eq!((record.as_str(), resource.as_str()), of.record(), "{what}");
    assert_eq!((session_id.as_deref(), worktree_id.as_deref()), (session, Some("w")), "{what}");
    if let Ok(record) = outcome {
        for (key, value) in patch.as_object().unwrap().iter().filter(|(key, _)| *key != "mcp_token") {
            assert!(holds(&record, key, value), "{what}: `{key}` of {record}");
        }
        assert!(record.get("mcp_token").is_none(), "{what}: {record}");
    }
}

/// Whether `record` holds `value`, merged, at `key`. A column that is NULL is left out of JSON.
fn holds(record: &Value, key: &str, value: &Value) -> bool {
    match (record.get(key), value) {
        (None, value) => value.is_null(),
        (Some(Value::Object(_)), Value::Object(parts)) => {
            parts.iter().all(|(part, value)| holds(&record[key], part, value))
        }
        (Some(stored), value) => stored == value,
    }
}

#[test]
fn a_token_that_the_daemon_wrote_leads_to_its_session() {
    let store = shop();
    let daemon = Actor::service("mcp");
    store.write(&daemon, |tx| tx.sessions().patch("s", SessionPatch::new().set("mcp_token", "secret"))).unwrap();
    let found = store.read(&daemon, |tx| tx.sessions().by_mcp_token("secret")).unwrap();
    assert_eq!((found.session_id.as_str(), &found.data().unwrap()["mcp_token"]), ("s", &json!("secret")));
}

#[test]
fn a_restarted_daemon_stops_what_was_running() {
    let store = shop();
    sql(&store, "UPDATE tasks SET status = 'awaiting_permission' WHERE task_id = 't2'");
    let refused = store.write(&Actor::user("bo"), |tx| tx.tasks().close_orphaned());
    assert_eq!(verdict(&refused), "denied");
    let closed = store.write(&Actor::system("restart"), |tx| tx.tasks().close_orphaned()).unwrap();
    assert_eq!(closed.items.len(), 2);
    assert!(closed.items.iter().all(|task| task.status == TaskStatus::Stopped && task.completed_at.is_some()));
    let late = |tx: &Tx<'_>| tx.tasks().patch("t", TaskPatch::new().status("completed").set("model", "m"));
    let late = store.write(&Actor::executor("bo", "s", "t"), late).unwrap();
    assert_eq!(
        (late.ended, &late.task.data().unwrap()["model"]),
        (EndingOutcome::AlreadyEnded(TaskStatus::Stopped), &json!("m"))
    );
}

#[test]
fn an_executors_messages_arrive_one_by_one_and_in_bulk() {
    let store = shop();
    let said = |text: &str| {
        NewMessage::new("s", MessageType::Assistant, MessageRole::Assistant, text).task_id(aclite::TaskId::from("t"))
    };
    let (own, other) = (Actor::executor("bo", "s", "t"), Actor::executor("cy", "s2", "t2"));
    for (actor, expected) in [(&other, "hidden"), (&own, "ok")] {
        let one = store.write(actor, |tx| tx.messages().create(said("one")));
        assert_eq!(verdict(&one), expected, "{actor:?}");
        let many = store.write(actor, |tx| tx.messages().create_many((0..50).map(|n| said(&format!("message {n}")))));
        assert_eq!(verdict(&many), expected, "{actor:?}");
    }
    let query = MessageQuery::new().session("s").task("t").limit(1000);
    let page = store.read(&Actor::user("bo"), |tx| tx.messages().find(&query)).unwrap();
    let order: Vec<i64> = page.items.iter().map(|message| message.index).collect();
    assert_eq!(page.items.len(), 52, "`m`, one, and fifty");
    assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "in the order of their index: {order:?}");
}
