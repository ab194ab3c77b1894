//! The shortest story: a user's task is ended by its executor, and nobody else gets near it.

mod support;

use aclite::{Actor, Ended, Sharing, TaskPatch, TaskStatus};
use support::{message, session, task, verdict, worktree, world};

#[test]
fn an_executor_ends_its_task_and_a_stranger_does_not() {
    let store = world();
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    message(&store, "m", "s", Some("t"));
    let done = || TaskPatch::new().status(TaskStatus::Completed);

    let refused = store.write(&Actor::user("cy"), |tx| tx.tasks().patch("t", done()));
    assert_eq!(verdict(&refused), "hidden");
    let refused = store.write(&Actor::executor("cy", "s", "t"), |tx| tx.tasks().patch("t", done()));
    assert_eq!(verdict(&refused), "hidden");
    let patched = store.write(&Actor::executor("bo", "s", "t"), |tx| tx.tasks().finish("t", done())).unwrap();
    assert_eq!((patched.ended, patched.task.status), (Ended::First, TaskStatus::Completed));
    assert!(patched.task.completed_at.is_some());
}
