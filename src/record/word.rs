//! Words: columns that hold one of a few words. A word that we do not know is read and kept.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Value as Sql, ValueRef};
use serde::{Deserialize, Deserializer};

use super::column::{self, Field, Kind};
use crate::level::Level;
use crate::word::as_word;

macro_rules! words {
    ($($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)* })*) => { $(
        $(#[$meta])*
        ///
        /// `From` makes it of any text, as reading a record and serde do: a word that this version does not know is
        /// `Other`. `parse` takes known words only: for what a person typed.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word_meta])* $variant,)*
            /// A word that this version does not know, as it is stored.
            Other(String),
        }

        impl $name {
            /// The word that stands for it in the database and in JSON.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }

            /// The value for a known word.
            fn known(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            const WORDS: &[&'static str] = &[$($word,)*];
        }

        as_word!($name, $kind, $name::WORDS);

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                Self::known(word).unwrap_or_else(|| Self::Other(word.to_owned()))
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::known(&word).unwrap_or(Self::Other(word))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                column::text(value).map(Self::from)
            }
        }

        impl Field for $name {
            const KIND: Kind = Kind::Text;

            fn into_sql(self) -> Sql {
                Sql::Text(self.as_str().to_owned())
            }
        }
    )* };
}

words! {
    /// Where a task stands.
    ///
    /// ```
    /// use aclite::TaskStatus;
    /// assert!(TaskStatus::Stopped.is_final());
    /// assert_eq!(TaskStatus::from("awaiting_permission"), TaskStatus::AwaitingPermission);
    /// assert_eq!(TaskStatus::from("paused").as_str(), "paused");
    /// assert!("paused".parse::<TaskStatus>().is_err());
    /// ```
    TaskStatus, "task status" {
        /// Made, and not begun.
        Created = "created",
        /// The agent works on it.
        Running = "running",
        /// Somebody asked to stop it, and it has not stopped yet.
        Stopping = "stopping",
        /// The agent waits for a person's permission.
        AwaitingPermission = "awaiting_permission",
        /// Ended well.
        Completed = "completed",
        /// Ended by an error.
        Failed = "failed",
        /// Ended because somebody stopped it.
        Stopped = "stopped",
    }
    /// Where a session stands.
    SessionStatus, "session status" {
        /// No task runs.
        Idle = "idle",
        /// A task runs.
        Running = "running",
        /// The running task is being stopped.
        Stopping = "stopping",
        /// The agent waits for a person's permission.
        AwaitingPermission = "awaiting_permission",
        /// All its work is done.
        Completed = "completed",
        /// Ended by an error.
        Failed = "failed",
    }
    /// The agent that a session runs.
    AgenticTool, "agentic tool" {
        /// Claude Code.
        ClaudeCode = "claude-code",
        /// Codex.
        Codex = "codex",
        /// Gemini.
        Gemini = "gemini",
        /// OpenCode.
        OpenCode = "opencode",
    }
    /// What a message is.
    MessageType, "message type" {
        /// From a person.
        User = "user",
        /// From the agent.
        Assistant = "assistant",
        /// From the daemon.
        System = "system",
        /// The state of files, for going back to it.
        FileHistorySnapshot = "file-history-snapshot",
        /// The agent asks for permission.
        PermissionRequest = "permission_request",
    }
    /// Whom a message is from, for the model.
    MessageRole, "message role" {
        /// A person.
        User = "user",
        /// The agent.
        Assistant = "assistant",
        /// The daemon.
        System = "system",
    }
    /// How far a user's rights reach beyond worktrees.
    ///
    /// A role that we do not know gives nothing at all.
    Role, "role" {
        /// Holds `all` on every worktree while the setting `allow_superadmin` is on.
        Superadmin = "superadmin",
        /// The old name of `Superadmin`.
        Owner = "owner",
        /// Manages users, groups and boards.
        Admin = "admin",
        /// Anybody else.
        Member = "member",
        /// May look, nothing more.
        Viewer = "viewer",
    }
    /// What a worktree's `others_can` lets everyone do who does not own it: the words of [`Level`].
    ///
    /// A word that we do not know lets them do nothing.
    Sharing, "level" {
        /// Nothing.
        None = "none",
        /// Read.
        View = "view",
        /// Open sessions, and prompt their own.
        Session = "session",
        /// Prompt every session.
        Prompt = "prompt",
        /// Everything but what is kept for owners.
        All = "all",
    }
}

impl TaskStatus {
    /// Whether a task with this status has ended. The first ending stays.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped)
    }
}

impl From<Level> for Sharing {
    fn from(level: Level) -> Self {
        Self::from(level.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_round() {
        for word in ["created", "running", "stopping", "awaiting_permission", "completed", "failed", "stopped"] {
            let status = TaskStatus::from(word);
            assert!(!matches!(status, TaskStatus::Other(_)), "{word}");
            assert_eq!(status.to_string(), word);
        }
        assert_eq!(AgenticTool::from("opencode"), AgenticTool::OpenCode);
        assert_eq!(MessageType::from("file-history-snapshot"), MessageType::FileHistorySnapshot);
        for level in Level::ALL {
            assert_eq!(Sharing::from(level).as_str(), level.as_str());
            assert!(!matches!(Sharing::from(level), Sharing::Other(_)), "{level}");
        }
    }

    #[test]
    fn unknown_words_are_kept() {
        let status: SessionStatus = serde_json::from_str(r#""hibernating""#).unwrap();
        assert_eq!(status, SessionStatus::Other("hibernating".to_owned()));
        assert_eq!(serde_json::to_string(&status).unwrap(), r#""hibernating""#);
        assert_eq!(SessionStatus::column_result(ValueRef::Text(b"Idle")).unwrap(), SessionStatus::Other("Idle".into()));
        assert!(SessionStatus::column_result(ValueRef::Integer(1)).is_err());
        assert!(!TaskStatus::from("Completed").is_final());
    }
}
