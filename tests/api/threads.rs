//! Which values may move to another thread, and which several threads may use at the same time.

use aclite::{
    Access, Actor, AdoptReport, AuditRow, Board, BoardPatch, CheckReport, Credentials, Cursor, Error, Grant, Group,
    GroupPatch, Membership, Message, MessagePatch, MessageQuery, NewBoard, NewGroup, NewMessage, NewRepo, NewSession,
    NewTask, NewUser, NewWorktree, OpenOptions, Page, PatchedTask, PublicError, Repo, RepoPatch, Sealed, Session,
    SessionPatch, SessionQuery, Store, TableGuard, Task, TaskId, TaskPatch, TaskQuery, Time, User, UserPatch,
    UserQuery, Worktree, WorktreeOwner, WorktreePatch, WorktreeQuery,
};

/// Compiles only where every type given is `Send` and `Sync`.
macro_rules! shared_by_threads {
    ($($type:ty),* $(,)?) => {
        $( shared::<$type>(); )*
    };
}

fn shared<T: Send + Sync + 'static>() {}

#[test]
fn threads_share_stores_actors_errors_and_records() {
    shared_by_threads!(Store, OpenOptions, TableGuard, Actor, TaskId, Time, Cursor);
    shared_by_threads!(Error, PublicError, AdoptReport, CheckReport, AuditRow, Access, Credentials);
    shared_by_threads!(Board, Grant, Group, Membership, Message, Repo, Session, Task, User, Worktree, WorktreeOwner);
    shared_by_threads!(NewBoard, NewGroup, NewMessage, NewRepo, NewSession, NewTask, NewUser, NewWorktree);
    shared_by_threads!(
        BoardPatch,
        GroupPatch,
        MessagePatch,
        RepoPatch,
        SessionPatch,
        TaskPatch,
        UserPatch,
        WorktreePatch
    );
    shared_by_threads!(MessageQuery, SessionQuery, TaskQuery, UserQuery, WorktreeQuery, Page<Task>, PatchedTask);
}

#[test]
fn a_sealed_connection_moves_to_another_thread() {
    fn moves<T: Send + 'static>() {}
    moves::<Sealed>();
}
