//! How much: access levels, user roles, what a rule may need, and what somebody holds.

use crate::word::as_word;

/// How much access a user holds on a worktree, and so on everything in it.
///
/// Levels are ordered: each includes those before it.
///
/// ```
/// use aclite::Level;
/// assert!(Level::View < Level::Prompt);
/// assert_eq!("prompt".parse(), Ok(Level::Prompt));
/// assert_eq!(Level::Prompt.as_str(), "prompt");
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

    const WORDS: &[&'static str] = &["none", "view", "session", "prompt", "all"];

    /// The word that stands for this level in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::View => "view",
            Self::Session => "session",
            Self::Prompt => "prompt",
            Self::All => "all",
        }
    }

    /// The level that `word` stands for, or `None` where it stands for none.
    pub(crate) fn known(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// The level of a `rank` in the view `acl_access` (0 to 4); anything else is no access.
    pub(crate) fn from_rank(rank: i64) -> Self {
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied()).unwrap_or(Self::None)
    }
}

as_word!(Level, "level", Level::WORDS, strict);

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
    const WORDS: &[&'static str] = &["none", "viewer", "member", "admin", "superadmin"];

    /// The rank of the word in `users.role`; a word that this version does not know is [`RoleRank::Unknown`].
    pub(crate) fn of_role(word: &str) -> Self {
        Self::known(word).unwrap_or(Self::Unknown)
    }

    /// The rank that `word` stands for; `owner` is the old name of `superadmin`.
    pub(crate) fn known(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::Unknown,
            "viewer" => Self::Viewer,
            "member" => Self::Member,
            "admin" => Self::Admin,
            "superadmin" | "owner" => Self::Superadmin,
            _ => return None,
        })
    }

    /// The word for this rank in errors and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "none",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Superadmin => "superadmin",
        }
    }
}

as_word!(RoleRank, "role", RoleRank::WORDS, strict);

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
    /// The words that a rule may hold.
    const WORDS: &[&'static str] = &[
        "none",
        "view",
        "session",
        "prompt",
        "all",
        "owner",
        "self",
        "role:member",
        "role:admin",
        "signed-in",
        "system",
    ];

    /// The need that `word` stands for in a rule; another word is `None`, and a rule that holds one refuses.
    pub(crate) fn of_rule(word: &str) -> Option<Self> {
        Self::WORDS.contains(&word).then(|| Self::known(word)).flatten()
    }

    /// The need that `word` stands for, in a rule or in an error.
    fn known(word: &str) -> Option<Self> {
        Some(match word {
            "owner" => Self::Owner,
            "self" => Self::Own,
            "signed-in" => Self::SignedIn,
            "system" => Self::System,
            _ => match word.strip_prefix("role:") {
                Some(role) => Self::Role(RoleRank::known(role).filter(|rank| rank.as_str() == role)?),
                None => Self::Level(Level::known(word)?),
            },
        })
    }

    /// The word that stands for this need in `acl_rules`, and in errors. A rule holds no role but `role:member` and
    /// `role:admin`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Level(level) => level.as_str(),
            Self::Owner => "owner",
            Self::Own => "self",
            Self::Role(RoleRank::Admin) => "role:admin",
            Self::Role(RoleRank::Member) => "role:member",
            Self::Role(RoleRank::Superadmin) => "role:superadmin",
            Self::Role(RoleRank::Viewer) => "role:viewer",
            Self::Role(RoleRank::Unknown) => "role:none",
            Self::SignedIn => "signed-in",
            Self::System => "system",
        }
    }
}

as_word!(Need, "need", Need::WORDS, strict);

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
