//! How much: access levels, user roles, what a rule may need, and what somebody holds.

use std::fmt;

/// How much access a user holds on a worktree, and so on everything in it.
///
/// The order is the ladder: each level includes those before it.
///
/// ```
/// use aclite::Level;
/// assert!(Level::View < Level::Prompt);
/// assert_eq!(Level::from_word("prompt"), Some(Level::Prompt));
/// assert_eq!(Level::from_word("promt"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing: the worktree and all in it do not exist for this user.
    None,
    /// May read.
    View,
    /// May open sessions, and prompt their own.
    Session,
    /// May prompt every session.
    Prompt,
    /// May do everything but what is kept for owners.
    All,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 5] = [Self::None, Self::View, Self::Session, Self::Prompt, Self::All];

    /// The word that stands for this level in the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::View => "view",
            Self::Session => "session",
            Self::Prompt => "prompt",
            Self::All => "all",
        }
    }

    /// The level that `word` stands for, or `None` where it stands for none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }

    /// The level of a `rank` in the view `acl_access` (0 to 4); anything else is no access.
    pub(crate) fn from_rank(rank: i64) -> Self {
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied()).unwrap_or(Self::None)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How far a user's global role reaches, from the word in `users.role`.
///
/// A word we do not know is [`RoleRank::Unknown`] and reaches nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RoleRank {
    /// Not a user, or a role that we do not know.
    Unknown,
    /// May look, nothing more.
    Viewer,
    /// An ordinary user.
    Member,
    /// Manages users, groups and boards; gets no bypass on worktrees.
    Admin,
    /// Holds `all` on every worktree while the setting `allow_superadmin` is on.
    Superadmin,
}

impl RoleRank {
    /// The rank of the word in `users.role`; `owner` is the old name of `superadmin`.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "viewer" => Self::Viewer,
            "member" => Self::Member,
            "admin" => Self::Admin,
            "superadmin" | "owner" => Self::Superadmin,
            _ => Self::Unknown,
        }
    }

    /// The word for this rank in errors and in the audit.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "none",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Superadmin => "superadmin",
        }
    }
}

/// What a rule asks for: the words that `acl_rules.needs` and `needs_if_own` may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// At least this level on the worktree.
    Level(Level),
    /// To be an owner of the worktree whose role is not `viewer`, or a superadmin.
    Owner,
    /// The record is the acting user's own.
    Own,
    /// At least this global role.
    Role(RoleRank),
    /// To be a user.
    SignedIn,
    /// To be the daemon: `System` or `Service`.
    System,
}

impl Need {
    /// The need that `word` stands for; an unknown word is `None`, and a rule that holds one refuses.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "owner" => Self::Owner,
            "self" => Self::Own,
            "role:member" => Self::Role(RoleRank::Member),
            "role:admin" => Self::Role(RoleRank::Admin),
            "signed-in" => Self::SignedIn,
            "system" => Self::System,
            level => Self::Level(Level::from_word(level)?),
        })
    }

    /// The word that stands for this need in `acl_rules`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Level(level) => level.word(),
            Self::Owner => "owner",
            Self::Own => "self",
            Self::Role(RoleRank::Admin) => "role:admin",
            Self::Role(RoleRank::Superadmin) => "role:superadmin",
            Self::Role(_) => "role:member",
            Self::SignedIn => "signed-in",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a user holds on a worktree and where it comes from: one row of the view `acl_access`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// How much.
    pub level: Level,
    /// Where it comes from: `superadmin`, `owner`, `others`, `group NAME`, `viewer role` where that caps it, or `nothing`.
    pub source: String,
}

impl Held {
    /// What a stranger holds.
    #[must_use]
    pub fn nothing() -> Self {
        Self { level: Level::None, source: "nothing".to_owned() }
    }

    /// Whether this satisfies a rule that says `owner`.
    #[must_use]
    pub fn owns(&self) -> bool {
        self.level == Level::All && matches!(self.source.as_str(), "owner" | "superadmin")
    }
}
