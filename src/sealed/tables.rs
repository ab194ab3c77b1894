//! What a sealed connection shows: these tables with these columns, and nothing else.
//!
//! A column that is not here is not shown, so a new one has to be decided on; a test compares the list with
//! `sql/tables/`.

use crate::record::{Record, Session as SessionRecord, User as UserRecord};
use crate::repository::Stored;

/// A table as a sealed connection shows it.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// How many columns, the first ones, make the key.
    pub(super) keys: usize,
    /// The alias of the table itself in `from`.
    pub(super) alias: &'static str,
    /// The table, and what decides about its rows: as [`Stored::FROM`], which calls the deciding record `t`.
    pub(super) from: &'static str,
    /// Whether the actor may get a row: [`Stored::may_get`] of the record that decides.
    pub(super) may_get: fn(&str) -> String,
    /// What the verdict on a row depends on beside its kind: worktree, creator and session. See `memo.rs`.
    pub(super) worktree: &'static str,
    pub(super) creator: &'static str,
    pub(super) session: &'static str,
    /// How the rows in a few worktrees are found.
    pub(super) join_path: Option<JoinPath>,
}

/// The way from the sessions or the worktrees that hold visible rows to those rows.
pub(super) struct JoinPath {
    /// What leads there.
    pub(super) by: Parent,
    /// The join after the parent's id, `d.id`.
    pub(super) join: &'static str,
    /// A world of one row a worktree, in which [`Table::may_get`] is asked: `?1` created it, in session `?2`.
    pub(super) world: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    Session,
    Worktree,
}

/// A column that is shown.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether few rows share a value.
    pub(super) selective: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    /// Open JSON, shown as it is but for lone surrogates.
    Data,
    /// Open JSON that may hold secrets, shown by this function.
    Redacted(&'static str),
}

impl Column {
    /// Whether the reader may compare and sort by it. Never by what holds secrets: what a comparison tells is read.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Integer)
    }

    pub(super) const fn sql_type(&self) -> &'static str {
        match self.kind {
            Kind::Integer => "integer",
            _ => "text",
        }
    }

    /// The expression that reads it from the table called `alias`.
    pub(super) fn read(&self, alias: &str) -> String {
        match self.kind {
            Kind::Data => format!("{SHOWN}({alias}.\"{}\")", self.name),
            Kind::Redacted(function) => format!("{function}({alias}.\"{}\")", self.name),
            _ => format!("{alias}.\"{}\"", self.name),
        }
    }
}

impl Table {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Its number in [`TABLES`].
    pub(super) fn number(&self) -> usize {
        TABLES.iter().position(|table| table.name == self.name).unwrap_or_default()
    }

    /// How SQLite is told of it. Without rowids: those of the real rows would tell how many are hidden.
    pub(super) fn declaration(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("\"{}\" {}", column.name, column.sql_type())).collect();
        let keys: Vec<&str> = self.columns.iter().take(self.keys).map(|column| column.name).collect();
        format!("CREATE TABLE x({}, PRIMARY KEY ({})) WITHOUT ROWID", columns.join(", "), keys.join(", "))
    }
}

/// The function that shows `data` which holds no secrets.
pub(super) const SHOWN: &str = "acl_shown";
/// The function that shows `data` of users, and the one for sessions.
pub(super) const REDACT_USER: &str = "acl_shown_user";
pub(super) const REDACT_SESSION: &str = "acl_shown_session";

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, selective: false }
}

const fn selective(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, selective: true }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer, selective: false }
}

const DATA: Column = Column { name: "data", kind: Kind::Data, selective: false };

const fn redacted(function: &'static str) -> Column {
    Column { name: "data", kind: Kind::Redacted(function), selective: false }
}

/// A world for records of a session: the session is `s`, the record `t`.
const OF_SESSION: &str = "(SELECT NULL AS task_id, NULL AS message_id, ?2 AS session_id) AS t
     CROSS JOIN (SELECT worktree_id, ?1 AS created_by FROM main.worktrees) AS s";
/// A world for sessions and worktrees themselves: the record is `t`.
const OF_WORKTREE: &str = "(SELECT worktree_id, ?1 AS created_by, ?2 AS session_id FROM main.worktrees) AS t";
/// Every table that is shown.
pub(super) const TABLES: [Table; 11] = [
    Table {
        name: "worktrees",
        columns: &[
            selective("worktree_id"),
            text("repo_id"),
            integer("created_at"),
            integer("updated_at"),
            text("created_by"),
            text("name"),
            text("ref"),
            integer("worktree_unique_id"),
            text("board_id"),
            text("start_command"),
            text("stop_command"),
            text("health_check_url"),
            text("app_url"),
            text("logs_command"),
            integer("schedule_enabled"),
            text("schedule_cron"),
            integer("schedule_last_triggered_at"),
            integer("schedule_next_run_at"),
            integer("needs_attention"),
            integer("archived"),
            integer("archived_at"),
            text("archived_by"),
            text("filesystem_status"),
            DATA,
            text("others_can"),
            text("others_fs_access"),
            text("unix_group"),
        ],
        keys: 1,
        alias: "t",
        from: crate::record::Worktree::FROM,
        may_get: crate::record::Worktree::may_get,
        worktree: "t.worktree_id",
        creator: "t.created_by",
        session: "NULL",
        join_path: Some(JoinPath {
            by: Parent::Worktree,
            join: "main.worktrees AS t ON t.worktree_id = d.id",
            world: OF_WORKTREE,
        }),
    },
    Table {
        name: "sessions",
        columns: &[
            selective("session_id"),
            integer("created_at"),
            integer("updated_at"),
            text("created_by"),
            text("status"),
            text("agentic_tool"),
            text("board_id"),
            selective("parent_session_id"),
            selective("forked_from_session_id"),
            selective("worktree_id"),
            integer("scheduled_run_at"),
            integer("scheduled_from_worktree"),
            integer("ready_for_prompt"),
            integer("archived"),
            text("archived_reason"),
            text("unix_username"),
            redacted(REDACT_SESSION),
        ],
        keys: 1,
        alias: "t",
        from: SessionRecord::FROM,
        may_get: SessionRecord::may_get,
        worktree: "t.worktree_id",
        creator: "t.created_by",
        session: "t.session_id",
        join_path: Some(JoinPath {
            by: Parent::Session,
            join: "main.sessions AS t ON t.session_id = d.id",
            world: OF_WORKTREE,
        }),
    },
    Table {
        name: "tasks",
        columns: &[
            selective("task_id"),
            selective("session_id"),
            integer("created_at"),
            integer("started_at"),
            integer("completed_at"),
            text("status"),
            text("created_by"),
            DATA,
        ],
        keys: 1,
        alias: "t",
        from: crate::record::Task::FROM,
        may_get: crate::record::Task::may_get,
        worktree: "s.worktree_id",
        creator: "s.created_by",
        session: "t.session_id",
        join_path: Some(JoinPath {
            by: Parent::Session,
            join: "main.sessions AS s ON s.session_id = d.id CROSS JOIN main.tasks AS t ON t.session_id = s.session_id",
            world: OF_SESSION,
        }),
    },
    Table {
        name: "messages",
        columns: &[
            selective("message_id"),
            integer("created_at"),
            selective("session_id"),
            selective("task_id"),
            text("type"),
            text("role"),
            integer("index"),
            integer("timestamp"),
            text("content_preview"),
            text("parent_tool_use_id"),
            text("status"),
            integer("queue_position"),
            DATA,
        ],
        keys: 1,
        alias: "t",
        from: crate::record::Message::FROM,
        may_get: crate::record::Message::may_get,
        worktree: "s.worktree_id",
        creator: "s.created_by",
        session: "t.session_id",
        join_path: Some(JoinPath {
            by: Parent::Session,
            join: "main.sessions AS s ON s.session_id = d.id CROSS JOIN main.messages AS t ON t.session_id = s.session_id",
            world: OF_SESSION,
        }),
    },
    Table {
        name: "users",
        columns: &[
            selective("user_id"),
            integer("created_at"),
            integer("updated_at"),
            selective("email"),
            text("name"),
            text("emoji"),
            text("role"),
            integer("onboarding_completed"),
            redacted(REDACT_USER),
            text("unix_username"),
        ],
        keys: 1,
        alias: "t",
        from: UserRecord::FROM,
        may_get: UserRecord::may_get,
        worktree: "''",
        creator: "t.user_id",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "repos",
        columns: &[selective("repo_id"), integer("created_at"), integer("updated_at"), selective("slug"), DATA],
        keys: 1,
        alias: "t",
        from: crate::record::Repo::FROM,
        may_get: crate::record::Repo::may_get,
        worktree: "''",
        creator: "NULL",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "boards",
        columns: &[
            selective("board_id"),
            integer("created_at"),
            integer("updated_at"),
            text("created_by"),
            text("name"),
            selective("slug"),
            DATA,
        ],
        keys: 1,
        alias: "t",
        from: crate::record::Board::FROM,
        may_get: crate::record::Board::may_get,
        worktree: "''",
        creator: "NULL",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "groups",
        columns: &[
            selective("group_id"),
            text("name"),
            selective("slug"),
            text("description"),
            integer("archived"),
            text("created_by"),
            integer("created_at"),
            integer("updated_at"),
        ],
        keys: 1,
        alias: "t",
        from: crate::record::Group::FROM,
        may_get: crate::record::Group::may_get,
        worktree: "''",
        creator: "NULL",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "group_memberships",
        columns: &[selective("group_id"), selective("user_id"), text("added_by"), integer("created_at")],
        keys: 2,
        alias: "x",
        from: "main.group_memberships AS x LEFT JOIN main.groups AS t ON t.group_id = x.group_id",
        may_get: crate::record::Group::may_get,
        worktree: "''",
        creator: "NULL",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "worktree_owners",
        columns: &[selective("worktree_id"), selective("user_id"), integer("created_at")],
        keys: 2,
        alias: "x",
        from: "main.worktree_owners AS x LEFT JOIN main.worktrees AS t ON t.worktree_id = x.worktree_id",
        may_get: crate::record::Worktree::may_get,
        worktree: "t.worktree_id",
        creator: "t.created_by",
        session: "NULL",
        join_path: None,
    },
    Table {
        name: "worktree_group_grants",
        columns: &[
            selective("worktree_id"),
            selective("group_id"),
            text("can"),
            text("created_by"),
            integer("created_at"),
            integer("updated_at"),
        ],
        keys: 2,
        alias: "x",
        from: "main.worktree_group_grants AS x LEFT JOIN main.worktrees AS t ON t.worktree_id = x.worktree_id",
        may_get: crate::record::Worktree::may_get,
        worktree: "t.worktree_id",
        creator: "t.created_by",
        session: "NULL",
        join_path: None,
    },
];

/// What a sealed connection shows of a stored `data`.
pub(super) fn redact(function: &str, text: &str) -> Option<String> {
    fn of<R: Record>(text: &str) -> Option<String> {
        crate::record::redact::<R>(text)
    }
    match function {
        REDACT_USER => of::<UserRecord>(text),
        REDACT_SESSION => of::<SessionRecord>(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A column of the file that no sealed connection shows, each for a reason.
    const WITHHELD: [(&str, &str); 1] = [("users", "password")];

    #[test]
    fn every_column_of_a_new_file_is_shown_or_withheld() {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch(include_str!("../../sql/tables/0001_tables.sql")).unwrap();
        for table in &TABLES {
            let mut columns = file
                .prepare("SELECT name, lower(type) FROM pragma_table_info(?1)")
                .unwrap()
                .query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .collect::<Result<Vec<(String, String)>, _>>()
                .unwrap();
            columns.retain(|(name, _)| !WITHHELD.contains(&(table.name, name)));
            let shown: Vec<(String, String)> =
                table.columns.iter().map(|column| (column.name.to_owned(), column.sql_type().to_owned())).collect();
            assert_eq!(shown, columns, "{}", table.name);
        }
    }

    #[test]
    fn what_a_record_hides_a_sealed_connection_hides() {
        let user = r#"{"\u0061pi_keys":{"A":"s3cret","B":null},"env_vars":"s3cret","api_keys":{"C":"s3cret"},"password":"s3cret","x":1}"#;
        assert_eq!(redact(REDACT_USER, user).unwrap(), r#"{"api_keys":{"C":true},"env_vars":true,"x":1}"#);
        let session = r#"{"mcp_token":"s3cret","a":1,"mcp\u005ftoken":"s3cret","m\u0063p_token":["s3cret"]}"#;
        assert_eq!(redact(REDACT_SESSION, session).unwrap(), r#"{"a":1}"#);
        for unreadable in ["", "[\"s3cret\"]", "\"s3cret\"", "{\"mcp_token\":\"s3cret\"", "{'mcp_token':'s3cret'}"] {
            assert_eq!(redact(REDACT_SESSION, unreadable), None, "{unreadable}");
            assert_eq!(redact(REDACT_USER, unreadable), None, "{unreadable}");
        }
    }
}
