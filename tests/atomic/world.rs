//! A store with one worktree, session, two tasks and a message; what it holds, and what its audit says.

use aclite::{Actor, MessageRole, MessageType, NewMessage, Sharing, Store, TaskPatch};

use crate::support::{ask, audit_after, message, session, task, worktree, world};

/// `bo` owns `w` with the session `s`, tasks `t` and `u`, message `m`; others, such as `cy`, hold `view`.
pub(crate) fn fill(store: &Store) {
    worktree(store, "w", "bo", Sharing::View);
    session(store, "s", "w", "bo");
    task(store, "t", "s", "bo");
    task(store, "u", "s", "bo");
    message(store, "m", "s", Some("t"));
}

pub(crate) fn store() -> Store {
    let store = world();
    fill(&store);
    store
}

pub(crate) fn bo() -> Actor {
    Actor::user("bo")
}

pub(crate) fn cy() -> Actor {
    Actor::user("cy")
}

pub(crate) fn mark(value: i64) -> TaskPatch {
    TaskPatch::new().set("mark", value)
}

pub(crate) fn note(session: &str) -> NewMessage {
    NewMessage::new(session, MessageType::User, MessageRole::User, "hello")
}

/// A text of everything but the audit.
pub(crate) fn everything(store: &Store) -> String {
    ask(
        store,
        "SELECT group_concat(line, char(10)) FROM (
           SELECT quote(worktree_id) || quote(others_can) || quote(name) || quote(updated_at) AS line FROM worktrees
           UNION ALL SELECT quote(session_id) || quote(status) || quote(ready_for_prompt) || quote(data) || quote(updated_at) FROM sessions
           UNION ALL SELECT quote(task_id) || quote(status) || quote(completed_at) || quote(data) FROM tasks
           UNION ALL SELECT quote(message_id) || quote(task_id) || quote(data) FROM messages
           UNION ALL SELECT quote(worktree_id) || quote(user_id) FROM worktree_owners
           UNION ALL SELECT quote(user_id) || quote(role) FROM users
           UNION ALL SELECT quote(epoch) FROM acl_epoch)",
    )
}

/// The audit after `seq`, as `OPERATION RESOURCE RECORD: VERDICT`.
pub(crate) fn told(store: &Store, seq: i64) -> Vec<String> {
    let rows = audit_after(store, seq).into_iter();
    rows.map(|row| format!("{} {} {}: {}", row.operation, row.resource, row.record, row.verdict)).collect()
}
