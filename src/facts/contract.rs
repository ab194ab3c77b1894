//! The contract between guards and verdict: every fact, and which of them each guard passes, in order.
//!
//! A guard file names each argument by a comment, `/*: held */ s.held`. The writer compares these names with the
//! lists here when it expands the file, so a fact that is unknown, missing or out of order fails an installation.

use crate::operation::{Action, Operation, Resource};

macro_rules! facts {
    ($($(#[$meta:meta])* $fact:ident = $name:literal,)*) => {
        /// One thing that a verdict can rest on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Fact { $($(#[$meta])* $fact,)* }

        impl Fact {
            /// Its name in guard files and messages: of a column that the writer gives, the column's.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$fact => $name,)* }
            }
        }
    };
}

facts! {
    /// The record's key, as text.
    Id = "id",
    // ---- where it belongs, and who asks ----
    /// The parent that a new record names.
    Parent = "parent",
    /// What the parent of a further table's row is.
    ParentKind = "parent_kind",
    ParentExists = "parent_exists",
    /// The stored session that it belongs to.
    Session = "session",
    /// The stored worktree that it belongs to.
    Worktree = "worktree",
    /// What the actor holds on the worktree: `RANK SOURCE`.
    Held = "held",
    /// Whether the record, or its session, is the actor's own.
    Own = "own",
    /// The actor's role; NULL where the user does not exist.
    ActorRole = "actor_role",
    /// Whether the executor's task is its user's, and of its session.
    Scope = "scope",
    /// Whether the acting agent writes in the session; NULL where none acts.
    Reach = "reach",
    /// The `data` of the agent's session, where a new one is of the same worktree and tool.
    AgentData = "agent_data",
    // ---- a parent that is gone: its id, where an update sets to NULL what named it, or a removal would follow it ----
    RemovedSession = "removed_session",
    RemovedWorktree = "removed_worktree",
    RemovedRepo = "removed_repo",
    RemovedUser = "removed_user",
    RemovedGroup = "removed_group",
    RemovedBoard = "removed_board",
    RemovedTask = "removed_task",
    RemovedParentSession = "removed_parent_session",
    RemovedFork = "removed_fork",
    /// Those of a further table's row, as a JSON array of column (NULL in a removal), kind and id.
    RemovedParents = "removed_parents",
    // ---- rules, each as `NEEDS|NEEDS_IF_OWN|AUDIT` ----
    Rule = "rule",
    ReportRule = "report_rule",
    ShareRule = "share_rule",
    AdministerRule = "administer_rule",
    // ---- what is looked up for invariants ----
    /// Whether rows are left that name this id as their parent.
    LeftBehind = "left_behind",
    CreatorExists = "creator_exists",
    UserExists = "user_exists",
    GroupExists = "group_exists",
    /// The unix name with which the session was stamped.
    SessionUnixName = "session_unix_name",
    /// The unix name that the session's creator has now.
    CreatorUnixName = "creator_unix_name",
    /// The session of the task that a message names.
    TaskSession = "task_session",
    /// What the creator of a session holds where its parent session is.
    ParentSessionHeld = "parent_session_held",
    /// What the creator of a session holds where its fork origin is.
    ForkHeld = "fork_held",
    /// Whether the worktree has no owner yet.
    First = "first",
    /// Whether nobody else could manage the worktree.
    Last = "last",
    /// The worktrees that nobody else could manage, one a line.
    LastOwnerOf = "last_owner_of",
    /// Who created the worktree.
    WorktreeCreator = "worktree_creator",
    /// Whether the epoch goes up by one.
    Raised = "raised",
    /// The columns of a further table that never change, one a line.
    Immutable = "immutable",
    // ---- columns ----
    Status = "status",
    OldStatus = "old_status",
    CompletedAt = "completed_at",
    OldCompletedAt = "old_completed_at",
    Data = "data",
    OldData = "old_data",
    CreatedBy = "created_by",
    /// Who created the stored record, where `own` speaks of its session.
    OldCreatedBy = "old_created_by",
    CreatedAt = "created_at",
    UpdatedAt = "updated_at",
    Type = "type",
    OldType = "old_type",
    Role = "role",
    OldRole = "old_role",
    Index = "index",
    /// The task that a message names.
    Task = "task",
    OldTask = "old_task",
    OldSession = "old_session",
    UnixUsername = "unix_username",
    AgenticTool = "agentic_tool",
    /// The parent session that is newly named.
    ParentSession = "parent_session",
    /// The fork origin that is newly named.
    Fork = "fork",
    Email = "email",
    Slug = "slug",
    WorktreeUniqueId = "worktree_unique_id",
    OthersCan = "others_can",
    Can = "can",
    /// The user of an ownership or a membership.
    User = "user",
    /// The group of a grant.
    Group = "group",
}

/// The facts that the guard of `asked` passes, in the order of its arguments.
#[rustfmt::skip] // a line a fact would hide what guards have in common
pub(crate) const fn contract(asked: Operation) -> &'static [Fact] {
    use Fact::*;
    match (asked.resource, asked.action) {
        (Resource::Worktree | Resource::Owner | Resource::Grant, Action::Get) => &[Id, Worktree, Held, Own, Rule],
        (Resource::Session | Resource::Task | Resource::Message, Action::Get) => &[
            Id, Session, Worktree, Held, Own, Scope, Rule,
        ],
        (Resource::User | Resource::Group | Resource::Membership | Resource::Board | Resource::Repo, Action::Get) => &[
            Id, ActorRole, Own, Rule,
        ],
        (Resource::Worktree, Action::Create) => &[
            Id, Parent, ParentExists, Worktree, ActorRole, Own, Rule, LeftBehind, CreatedBy, CreatorExists,
            WorktreeUniqueId, OthersCan, CreatedAt, UpdatedAt, Data,
        ],
        (Resource::Worktree, Action::Patch) => &[
            Id, RemovedBoard, Worktree, Held, Own, Rule, ShareRule, WorktreeUniqueId, OthersCan, UpdatedAt, OldData, Data,
        ],
        (Resource::Worktree, Action::Remove) => &[Id, RemovedRepo, Worktree, Held, Own, Rule],
        (Resource::Owner, Action::Create) => &[
            Id, Parent, ParentExists, Worktree, Held, Own, Rule, User, UserExists, First, WorktreeCreator,
            CreatedAt,
        ],
        (Resource::Owner, Action::Patch) => &[Id, Worktree, Held, Own, Rule],
        (Resource::Owner, Action::Remove) => &[Id, RemovedWorktree, RemovedUser, Worktree, Held, Own, Rule, User, Last],
        (Resource::Grant, Action::Create) => &[
            Id, Parent, ParentExists, Worktree, Held, Own, Rule, Group, GroupExists, Can, CreatedBy,
            CreatorExists, CreatedAt, UpdatedAt,
        ],
        (Resource::Grant, Action::Patch) => &[Id, Worktree, Held, Own, Rule, Can, UpdatedAt],
        (Resource::Grant, Action::Remove) => &[Id, RemovedWorktree, RemovedGroup, Worktree, Held, Own, Rule],
        (Resource::Session, Action::Create) => &[
            Id, Parent, ParentExists, Worktree, Held, Own, Rule, LeftBehind, CreatedBy, CreatorExists,
            UnixUsername, CreatorUnixName, ParentSession, ParentSessionHeld, Fork, ForkHeld, AgentData, CreatedAt, UpdatedAt,
            Status, AgenticTool, Data,
        ],
        (Resource::Session, Action::Patch) => &[
            Id, RemovedBoard, RemovedParentSession, RemovedFork, Session, Worktree, Held, Own, Scope, Reach, Rule, ReportRule, ParentSession, ParentSessionHeld, Fork,
            ForkHeld, UpdatedAt, Status, AgenticTool, OldData, Data,
        ],
        (Resource::Session, Action::Remove) => &[Id, RemovedWorktree, Session, Worktree, Held, Own, Rule],
        (Resource::Task, Action::Remove) => &[Id, RemovedSession, Session, Worktree, Held, Own, OldCreatedBy, Rule],
        (Resource::Message, Action::Remove) => &[Id, RemovedSession, Session, Worktree, Held, Own, Rule, OldStatus, OldType],
        (Resource::Task, Action::Create) => &[
            Id, Parent, ParentExists, Session, Worktree, Held, Own, Reach, Rule, LeftBehind, SessionUnixName,
            CreatorUnixName, CreatedBy, CreatorExists, CreatedAt, Status, CompletedAt, Data,
        ],
        (Resource::Task, Action::Patch) => &[
            Id, Session, Worktree, Held, Own, Scope, Reach, OldCreatedBy, Rule, OldStatus, Status, OldCompletedAt,
            CompletedAt, OldData, Data,
        ],
        (Resource::Message, Action::Create) => &[
            Id, Parent, ParentExists, Session, Worktree, Held, Own, Scope, Reach, Rule, SessionUnixName,
            CreatorUnixName, Task, TaskSession, CreatedAt, Type, Role, Index, Data,
        ],
        (Resource::Message, Action::Patch) => &[
            Id, RemovedTask, Session, Worktree, Held, Own, Scope, Reach, Rule, OldTask, Task, TaskSession, OldSession, OldStatus,
            OldType, Type, Role, Index, OldData, Data,
        ],
        (Resource::User, Action::Create) => &[Id, ActorRole, Own, Rule, LeftBehind, Role, Email, CreatedAt, UpdatedAt, Data],
        (Resource::User, Action::Patch) => &[
            Id, ActorRole, Own, Rule, AdministerRule, OldRole, Role, Email, LastOwnerOf, UpdatedAt, OldData,
            Data,
        ],
        (Resource::User, Action::Remove) => &[Id, ActorRole, Own, Rule, OldRole, LastOwnerOf],
        (Resource::Group, Action::Create) => &[
            Id, ActorRole, Own, Rule, LeftBehind, CreatedBy, CreatorExists, Slug, CreatedAt, UpdatedAt,
        ],
        (Resource::Group, Action::Patch) => &[Id, ActorRole, Own, Rule, Slug, UpdatedAt],
        (Resource::Membership, Action::Create) => &[
            Id, Parent, ParentExists, ActorRole, Own, Rule, User, UserExists, CreatedBy, CreatorExists,
            CreatedAt,
        ],
        (Resource::Board, Action::Create) => &[
            Id, ActorRole, Own, Rule, CreatedBy, CreatorExists, CreatedAt, UpdatedAt, Data,
        ],
        (Resource::Repo, Action::Create) => &[Id, ActorRole, Own, Rule, LeftBehind, CreatedAt, UpdatedAt, Data],
        (Resource::Board | Resource::Repo, Action::Patch) => &[Id, ActorRole, Own, Rule, UpdatedAt, OldData, Data],
        (Resource::Group | Resource::Board | Resource::Repo, Action::Remove)
        | (Resource::Membership, Action::Patch)
        | (Resource::Rule | Resource::Setting, Action::Create | Action::Patch | Action::Remove) => &[
            Id, ActorRole, Own, Rule,
        ],
        (Resource::Membership, Action::Remove) => &[Id, RemovedGroup, RemovedUser, ActorRole, Own, Rule],
        (Resource::Row, Action::Create) => &[Id, ParentKind, Parent, ParentExists, Session, Worktree, Held, Own, Rule],
        (Resource::Row, Action::Patch) => &[Id, RemovedParents, Session, Worktree, Held, Own, Rule, Immutable],
        (Resource::Row, Action::Remove) => &[Id, RemovedParents, Session, Worktree, Held, Own, Rule],
        (Resource::Epoch, Action::Patch) => &[Id, Raised],
        _ => &[Id],
    }
}

/// What a fact says is gone: what that is, and the column that named it, where an update sets that to NULL.
pub(crate) const fn removed(fact: Fact) -> Option<(Resource, Option<&'static str>)> {
    Some(match fact {
        Fact::RemovedSession => (Resource::Session, None),
        Fact::RemovedWorktree => (Resource::Worktree, None),
        Fact::RemovedRepo => (Resource::Repo, None),
        Fact::RemovedUser => (Resource::User, None),
        Fact::RemovedGroup => (Resource::Group, None),
        Fact::RemovedBoard => (Resource::Board, Some("board_id")),
        Fact::RemovedTask => (Resource::Task, Some("task_id")),
        Fact::RemovedParentSession => (Resource::Session, Some("parent_session_id")),
        Fact::RemovedFork => (Resource::Session, Some("forked_from_session_id")),
        _ => return None,
    })
}

/// The facts that a guard passes of what a cascade would remove, in the order of its arguments.
pub(crate) const CHILD: &[Fact] = &[Fact::Worktree, Fact::Held, Fact::Own, Fact::Rule];
