//! Two worktrees with sessions, tasks and messages of `bo` and `cy`, and the executor of one task.

use aclite::{Actor, MessageRole, MessageType, NewMessage, Result, Sharing, Store};
use serde_json::{Value, json};

use super::{message, session, sql, system, task, verdict, worktree, world};

/// `bo`'s worktree `w`, where others may prompt: session `s` with `bo`'s running task `t`, his
/// `other` and `cy`'s `hers`, a message of each, the open permission request `ask` of `t`, and `loose`
/// of no task. Session `s2` with task `t2` and message `m2`. `cy`'s hidden worktree `far`: `fs`, `ft`, `fm`.
pub fn office() -> Store {
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

pub fn bo() -> Actor {
    Actor::user("bo")
}

/// The agent that works on `t` for `bo`.
pub fn executor() -> Actor {
    Actor::executor("bo", "s", "t")
}

/// A permission request of `t` with this content.
pub fn request(content: Value) -> NewMessage {
    NewMessage::new("s", MessageType::PermissionRequest, MessageRole::System, content)
        .task_id(aclite::TaskId::from("t"))
}

pub fn said(session: &str, task: Option<&str>) -> NewMessage {
    let new = NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, "hello");
    task.into_iter().fold(new, |new, task| new.task_id(aclite::TaskId::from(task)))
}

#[track_caller]
pub fn check<T: std::fmt::Debug>(outcome: &Result<T>, expected: &str, what: &str) {
    assert_eq!(verdict(outcome), expected, "{what}: {outcome:?}");
}

/// The error in words, as the daemon's log has them.
#[track_caller]
pub fn check_told<T: std::fmt::Debug>(outcome: &Result<T>, code: &str, words: &str) {
    let error = outcome.as_ref().unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, words));
}
