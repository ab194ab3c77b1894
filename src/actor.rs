//! Who acts.

use crate::record::{SessionId, TaskId, UserId};

/// Who a piece of work is done for. Every read and every write takes one, so forgetting it does not compile.
///
/// ```
/// use aclite::Actor;
/// let person = Actor::user("u-ada");
/// let agent = Actor::executor("u-ada", "s-1", "t-1");
/// let daemon = Actor::system("stop handler");
/// assert_eq!(person.kind(), "user");
/// assert_eq!(agent.user_id().map(|id| id.as_str()), Some("u-ada"));
/// assert_eq!(daemon.id(), "stop handler");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// A person's request, over any transport. All rules apply.
    User(UserId),
    /// An agent process that reports on one task, for the user who prompted it: that user's rules
    /// and the scope of that one task. Each statement verifies that the task is in the session and
    /// was created by the user.
    Executor {
        /// The user who prompted.
        user: UserId,
        /// The session that the agent runs in.
        session: SessionId,
        /// The one task that it reports on.
        task: TaskId,
    },
    /// A named service of the daemon. Needs no level, but the invariants hold for it; audited by its name.
    Service(String),
    /// The daemon itself, with its reason. Needs no level, but the invariants hold for it; audited with the reason.
    System(String),
    /// Nobody signed in: lists are empty, everything else is refused.
    Anonymous,
}

impl Actor {
    /// The user with this id.
    pub fn user(id: impl Into<UserId>) -> Self {
        Self::User(id.into())
    }

    /// The agent that reports on `task` of `session` for `user`.
    pub fn executor(user: impl Into<UserId>, session: impl Into<SessionId>, task: impl Into<TaskId>) -> Self {
        Self::Executor { user: user.into(), session: session.into(), task: task.into() }
    }

    /// The daemon's service of this name.
    pub fn service(name: impl Into<String>) -> Self {
        Self::Service(name.into())
    }

    /// The daemon itself, for this reason.
    pub fn system(reason: impl Into<String>) -> Self {
        Self::System(reason.into())
    }

    /// The word for this kind of actor in the audit: `user`, `executor`, `service`, `system`, `anonymous`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Executor { .. } => "executor",
            Self::Service(_) => "service",
            Self::System(_) => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name in the audit: the user's id, the service's name, the system's reason; empty for nobody.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(user) | Self::Executor { user, .. } => user.as_str(),
            Self::Service(name) => name,
            Self::System(reason) => reason,
            Self::Anonymous => "",
        }
    }

    /// The user whose rights count, where there is one.
    #[must_use]
    pub const fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::User(user) | Self::Executor { user, .. } => Some(user),
            _ => None,
        }
    }

    /// Whether this is the daemon itself, which needs no level.
    #[must_use]
    pub const fn is_daemon(&self) -> bool {
        matches!(self, Self::Service(_) | Self::System(_))
    }
}
