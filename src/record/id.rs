//! Identifiers: text, and a type of its own for each kind of record.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Value as Sql, ValueRef};
use serde::{Deserialize, Serialize};

use super::column::{self, Field, Kind};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)*) => { $(
        $(#[$meta])*
        ///
        /// Made here it is a version 7 UUID; a database from elsewhere may hold other text.
        ///
        /// Methods take it as `impl Into`: a `&str` for brevity, or this type, which no other kind of id can stand in for.
        /// Keep ids in their types where a method takes two; then the compiler notices when they are swapped.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id: a version 7 UUID. Later ones sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "each is another; a default would be the same")]
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7().to_string())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&String> for $name {
            fn from(id: &String) -> Self {
                Self(id.clone())
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                column::text(value).map(Self::from)
            }
        }

        impl Field for $name {
            const KIND: Kind = Kind::Id;

            fn into_sql(self) -> Sql {
                Sql::Text(self.0)
            }
        }
    )* };
}

ids! {
    /// Identifies a user.
    UserId;
    /// Identifies a worktree.
    WorktreeId;
    /// Identifies a session.
    SessionId;
    /// Identifies a task.
    TaskId;
    /// Identifies a message.
    MessageId;
    /// Identifies a repository that worktrees belong to.
    RepoId;
    /// Identifies a board.
    BoardId;
    /// Identifies a group of users.
    GroupId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::check_id;

    #[test]
    fn new_ids_differ_and_sort_by_age() {
        let ids: Vec<TaskId> = (0..100).map(|_| TaskId::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        check_id("task_id", ids[0].as_str()).unwrap();
        assert_eq!(uuid::Uuid::parse_str(ids[0].as_str()).unwrap().get_version_num(), 7);
    }

    #[test]
    fn impossible_ids_are_refused_by_name() {
        for (id, problem) in [
            (String::new(), "`task_id` may not be empty"),
            ("x".repeat(65), "`task_id` may not be longer than 64 bytes"),
            ("é".repeat(33), "`task_id` may not be longer than 64 bytes"),
            ("a\0b".to_owned(), "`task_id` may not hold a NUL"),
        ] {
            assert_eq!(check_id("task_id", &id).unwrap_err().to_string(), problem);
        }
        check_id("task_id", &"x".repeat(64)).unwrap();
        check_id("task_id", "not a uuid; '%_").unwrap();
    }

    #[test]
    fn json_and_sql_hold_plain_text() {
        let id = UserId::from("u-1");
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""u-1""#);
        assert_eq!(serde_json::from_str::<UserId>(r#""u-1""#).unwrap(), id);
        assert_eq!(UserId::column_result(ValueRef::Text(b"u-1")).unwrap(), id);
        for value in [ValueRef::Null, ValueRef::Integer(1), ValueRef::Blob(b"u-1"), ValueRef::Text(b"u\0")] {
            assert!(UserId::column_result(value).is_err(), "{value:?}");
        }
    }
}
