//! What is done to what: the words of `acl_rules.resource` and `acl_rules.operation`.

use std::fmt;

use crate::word::as_word;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// Every value, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that stands for it in the database, the audit and errors.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value that `word` stands for.
            pub(crate) fn known(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }

            const WORDS: &[&'static str] = &[$($word,)*];
        }

        as_word!($name, $kind, $name::WORDS, strict);
    };
}

words! {
    /// A kind of record that aclite guards.
    Resource, "resource" {
        /// A worktree: where permission lives.
        Worktree = "worktree",
        /// An owner of a worktree: a row of `worktree_owners`.
        Owner = "owner",
        /// What a group holds on a worktree: a row of `worktree_group_grants`.
        Grant = "grant",
        /// A session in a worktree.
        Session = "session",
        /// A task of a session.
        Task = "task",
        /// A message of a session.
        Message = "message",
        /// A user.
        User = "user",
        /// A group of users.
        Group = "group",
        /// A user's membership of a group.
        Membership = "membership",
        /// A board.
        Board = "board",
        /// A repository that worktrees belong to.
        Repo = "repo",
        /// A row of one of the daemon's further tables.
        Row = "row",
        /// A row of `acl_rules`.
        Rule = "rule",
        /// A row of `acl_settings`.
        Setting = "setting",
        /// A row of `acl_audit`.
        Audit = "audit",
        /// The one row of `acl_epoch`.
        Epoch = "epoch",
        /// A row of `acl_meta`, which aclite keeps for itself.
        Meta = "meta",
    }
}

words! {
    /// What is done to a record.
    Action, "operation" {
        /// Read one, or list many.
        Get = "get",
        /// Make a new one.
        Create = "create",
        /// Change fields.
        Patch = "patch",
        /// Change only a session's run-state fields.
        Report = "report",
        /// Change who else may use a worktree: `others_can`, `others_fs_access`, `unix_group`.
        Share = "share",
        /// Change what only an administrator may of a user: `role`, `unix_username`.
        Administer = "administer",
        /// Delete.
        Remove = "remove",
    }
}

/// One thing that is asked for: an action on a kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Operation {
    /// The kind of record.
    pub resource: Resource,
    /// What is done to it.
    pub action: Action,
}

impl Operation {
    /// The operation `action` on `resource`.
    #[must_use]
    pub const fn new(resource: Resource, action: Action) -> Self {
        Self { resource, action }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.resource)
    }
}
