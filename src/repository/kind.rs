//! The kinds of records that have a repository.

use crate::record::{
    Board, BoardId, Group, GroupId, Message, MessageId, Repo, RepoId, Session, SessionId, Task, TaskId, User, UserId,
    Worktree, WorktreeId,
};

/// A kind of record that has a repository of its own. There are no others than aclite's.
pub trait Kind: kinds::Sealed {
    /// Its id.
    type Id: From<String> + AsRef<str>;
}

/// Nobody outside can name this, and so make a kind.
mod kinds {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($record:ident: $id:ident,)*) => {
        $(
            impl kinds::Sealed for $record {}

            impl Kind for $record {
                type Id = $id;
            }
        )*
    };
}

kinds! {
    Board: BoardId,
    Group: GroupId,
    Message: MessageId,
    Repo: RepoId,
    Session: SessionId,
    Task: TaskId,
    User: UserId,
    Worktree: WorktreeId,
}
