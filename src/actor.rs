//! Who acts.

use crate::record::{SessionId, TaskId, UserId};

/// Who a piece of work is done for. Every read and every write takes one, so forgetting it does not compile.
///
/// ```
/// use aclite::Actor;
/// let person = Actor::user("u-ada");
/// let executor = Actor::executor("u-ada", "s-1", "t-1");
/// let agent = Actor::agent("u-ada", "s-1");
/// let daemon = Actor::system("stop handler");
/// assert_eq!(person.kind(), "user");
/// assert_eq!(executor.user_id().map(|id| id.as_str()), Some("u-ada"));
/// assert_eq!(agent.session_id().map(|id| id.as_str()), Some("s-1"));
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
    /// An agent that acts by itself, through the token of the session that it runs in: its user's rights without what
    /// would give it, or anybody, more than its user decided (docs/rbac.md lists it). Each statement verifies that the
    /// session exists and was created by the user; else the agent has no rights.
    Agent {
        /// The user who created the session.
        user: UserId,
        /// The session that the agent runs in.
        session: SessionId,
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

    /// The process that reports on `task` of `session` for `user`.
    pub fn executor(user: impl Into<UserId>, session: impl Into<SessionId>, task: impl Into<TaskId>) -> Self {
        Self::Executor { user: user.into(), session: session.into(), task: task.into() }
    }

    /// The agent of `session`, which `user` created: whoever sends the session's token.
    ///
    /// A daemon makes it of the session that the token leads to:
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// store.write(&daemon, |tx| tx.sessions().patch("s-1", SessionPatch::new().set("mcp_token", "token")))?;
    /// let session = store.read(&daemon, |tx| tx.sessions().by_mcp_token("token"))?;
    /// let agent = Actor::agent(session.created_by, session.session_id);
    ///
    /// store.write(&agent, |tx| tx.tasks().create(NewTask::new("s-1").set("full_prompt", "Go on")))?;
    /// let free = SessionPatch::new().set("permission_config", serde_json::json!({"mode": "bypassPermissions"}));
    /// let refused = store.write(&agent, |tx| tx.sessions().patch("s-1", free));
    /// assert!(matches!(refused, Err(Error::Denied(_))));
    /// # Ok::<(), aclite::Error>(())
    /// ```
    pub fn agent(user: impl Into<UserId>, session: impl Into<SessionId>) -> Self {
        Self::Agent { user: user.into(), session: session.into() }
    }

    /// The daemon's service of this name.
    pub fn service(name: impl Into<String>) -> Self {
        Self::Service(name.into())
    }

    /// The daemon itself, for this reason.
    pub fn system(reason: impl Into<String>) -> Self {
        Self::System(reason.into())
    }

    /// The word for this kind of actor in the audit: `user`, `executor`, `agent`, `service`, `system`, `anonymous`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Executor { .. } => "executor",
            Self::Agent { .. } => "agent",
            Self::Service(_) => "service",
            Self::System(_) => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The name in the audit: the user's id, the service's name, the system's reason; empty for nobody.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(user) | Self::Executor { user, .. } | Self::Agent { user, .. } => user.as_str(),
            Self::Service(name) => name,
            Self::System(reason) => reason,
            Self::Anonymous => "",
        }
    }

    /// The user whose rights count, where there is one.
    #[must_use]
    pub const fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::User(user) | Self::Executor { user, .. } | Self::Agent { user, .. } => Some(user),
            _ => None,
        }
    }

    /// The session that an executor or an agent runs in.
    #[must_use]
    pub const fn session_id(&self) -> Option<&SessionId> {
        match self {
            Self::Executor { session, .. } | Self::Agent { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Whether this is the daemon itself, which needs no level.
    #[must_use]
    pub const fn is_daemon(&self) -> bool {
        matches!(self, Self::Service(_) | Self::System(_))
    }
}
