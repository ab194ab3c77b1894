//! What a transaction gives access to: one repository for each kind of record.

use super::{
    Access, Audit, Boards, BoardsMut, Groups, GroupsMut, Messages, MessagesMut, Repos, ReposMut, Sessions, SessionsMut,
    Tasks, TasksMut, Users, UsersMut, Worktrees, WorktreesMut,
};
use crate::actor::Actor;
use crate::error::Result;
use crate::record::{UserId, WorktreeId};
use crate::store::{ReadTx, Store, Tx};

impl ReadTx<'_> {
    /// The users.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users::new(self)
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        Groups::new(self)
    }

    /// The boards.
    #[must_use]
    pub fn boards(&self) -> Boards<'_> {
        Boards::new(self)
    }

    /// The repos.
    #[must_use]
    pub fn repos(&self) -> Repos<'_> {
        Repos::new(self)
    }

    /// The worktrees.
    #[must_use]
    pub fn worktrees(&self) -> Worktrees<'_> {
        Worktrees::new(self)
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions::new(self)
    }

    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self)
    }

    /// The messages.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages::new(self)
    }

    /// The audit.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        Audit::new(self)
    }
}

impl Tx<'_> {
    /// The users.
    #[must_use]
    pub fn users(&self) -> UsersMut<'_> {
        UsersMut::new(self)
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> GroupsMut<'_> {
        GroupsMut::new(self)
    }

    /// The boards.
    #[must_use]
    pub fn boards(&self) -> BoardsMut<'_> {
        BoardsMut::new(self)
    }

    /// The repos.
    #[must_use]
    pub fn repos(&self) -> ReposMut<'_> {
        ReposMut::new(self)
    }

    /// The worktrees.
    #[must_use]
    pub fn worktrees(&self) -> WorktreesMut<'_> {
        WorktreesMut::new(self)
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> SessionsMut<'_> {
        SessionsMut::new(self)
    }

    /// The tasks.
    #[must_use]
    pub fn tasks(&self) -> TasksMut<'_> {
        TasksMut::new(self)
    }

    /// The messages.
    #[must_use]
    pub fn messages(&self) -> MessagesMut<'_> {
        MessagesMut::new(self)
    }
}

impl Store {
    /// What `user` holds on `worktree`, where it comes from, and every grant that contributes.
    ///
    /// For whoever may view the worktree. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    /// use aclite::{Actor, Level, NewRepo, NewUser, NewWorktree, Store};
    /// let store = Store::open(":memory:")?;
    /// store.write(&Actor::system("first start"), |tx| {
    ///     tx.users().create(NewUser::new("ada@example.com").password("hash").id("ada"))?;
    ///     tx.repos().create(NewRepo::new("acme/app").id("r"))?;
    ///     tx.worktrees().create(NewWorktree::new("r").name("fix").git_ref("main").id("w").created_by("ada"))
    /// })?;
    /// let access = store.access(&Actor::user("ada"), "w", "ada")?;
    /// assert_eq!((access.held.level, access.held.source.as_str()), (Level::All, "owner"));
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`; `Nested`, `Busy`, `Storage`.
    pub fn access(&self, actor: &Actor, worktree: impl Into<WorktreeId>, user: impl Into<UserId>) -> Result<Access> {
        self.read(actor, |tx| tx.worktrees().access(worktree, user))
    }
}
