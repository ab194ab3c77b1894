//! Makes the file of which every scene gets a copy. The head of `steps.txt` lists what is in it.

use std::path::Path;

use aclite::{SessionPatch, Sharing, TaskPatch, TaskStatus, UserId};

use crate::support::{add_user, message, places, session, sql, system, task, worktree, world_at};

/// Makes the file at `path` and closes it, so that it is one file without a log.
pub(crate) fn make(path: &Path) {
    let store = world_at(path);
    places(&store, Sharing::View);
    worktree(&store, "w-s", "bo", Sharing::Session);
    session(&store, "s-s", "w-s", "bo");
    task(&store, "t-s", "s-s", "bo");
    message(&store, "m-s", "s-s", Some("t-s"));
    task(&store, "t-done", "s-w", "bo");
    for (id, email) in [("two-1", "two@example.com"), ("two-2", "TWO@example.com")] {
        add_user(&store, id, "member");
        sql(&store, &format!("UPDATE users SET email = '{email}' WHERE user_id = '{id}'"));
    }
    store
        .write(&system(), |tx| {
            tx.tasks().patch("t-done", TaskPatch::new().status(TaskStatus::Completed))?;
            tx.sessions().patch("s-w", SessionPatch::new().set("mcp_token", "w-token"))
        })
        .expect("the daemon ends a task and keeps a token");
    let keys = "UPDATE users SET data = '{\"api_keys\":{\"ANTHROPIC\":\"bo-key\"}}' WHERE user_id = 'bo'";
    store
        .write(&aclite::Actor::User(UserId::from("bo")), |tx| tx.sql().execute(keys, []))
        .expect("bo keeps a key of his");
}
