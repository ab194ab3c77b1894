//! What aclite knows of each guarded table, in one entry. Who may do what is not here: see `sql/` and the verdict.

use crate::operation::Resource;

/// A table that every file has, under guard.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What a row of it is.
    pub(crate) resource: Resource,
    /// The columns of its key. Without a unique one, two rows could have the same id.
    pub(crate) key: &'static [&'static str],
    /// The references that inheritance of permission rests on: a column, and the table that it names. Without one a
    /// deletion would leave orphans, and whoever makes a new parent of the same id would get them.
    pub(crate) parents: &'static [(&'static str, &'static str)],
    /// Whether permission on a row comes from a worktree.
    pub(crate) in_worktree: bool,
    /// The columns without which a table of an older program is not the one that we know. All others can be added.
    pub(crate) required: &'static [&'static str],
    /// The columns that change under the rule `patch`, where every other needs a stricter one; nothing where none does.
    pub(crate) open: Option<&'static [&'static str]>,
    /// The columns of text that carries no authority: what people and agents say, which is stored and read whatever it
    /// holds. Every other column of text holds UTF-8 without NUL.
    pub(crate) free: &'static [&'static str],
    /// What a running agent reports: columns, and keys of `data`.
    pub(crate) report: (&'static [&'static str], &'static [&'static str]),
    /// What an agent may write here; nothing where it writes none of its rows.
    pub(crate) agent: Option<AgentMay>,
    /// The columns that say when something happened, beside the stamps: never in the future. Plans are not among them.
    pub(crate) times: &'static [When],
    /// The columns that nobody may change.
    pub(crate) fixed: &'static [&'static str],
    pub(crate) secrets: Secrets,
    /// Its guards: a file of `sql/guards/`.
    pub(crate) guards: &'static str,
}

/// A column that says when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) column: &'static str,
    /// Whether it happened to the row itself, and so not before that was created.
    pub(crate) to_row: bool,
}

/// When something happened to the row.
const fn to_row(column: &'static str) -> When {
    When { column, to_row: true }
}

/// When something happened that the row tells of.
const fn told(column: &'static str) -> When {
    When { column, to_row: false }
}

/// What an agent may write in a table: nothing but this, so that what a newer daemon adds is not an agent's to give.
///
/// A column or key is listed only where an agent gains nothing by it that its user did not decide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgentMay {
    /// The columns that it may give to a new row.
    pub(crate) new: &'static [&'static str],
    /// The columns that it may give to a new row at these values only: what a row has that says nothing of them, or less.
    pub(crate) bounded: &'static [(&'static str, &'static [&'static str])],
    /// The columns that it may give to a new row and change.
    pub(crate) open: &'static [&'static str],
    /// The keys of `data` that it may give and change.
    pub(crate) keys: &'static [&'static str],
    /// The keys of `data` that it may give to a new row as its own session has them.
    pub(crate) inherited: &'static [&'static str],
}

/// What nobody may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secrets {
    /// Columns that are written and never read.
    pub(crate) columns: &'static [&'static str],
    /// Keys of `data` that reading leaves out.
    pub(crate) hidden: &'static [&'static str],
    /// Keys of `data` of which reading tells what is set, and not to what.
    pub(crate) masked: &'static [&'static str],
}

const NO_SECRETS: Secrets = Secrets { columns: &[], hidden: &[], masked: &[] };

/// A table of which none of the optional things hold.
const fn plain(name: &'static str, resource: Resource, key: &'static [&'static str], guards: &'static str) -> Table {
    Table {
        name,
        resource,
        key,
        parents: &[],
        in_worktree: false,
        required: &[],
        open: None,
        free: &[],
        report: (&[], &[]),
        agent: None,
        times: &[],
        fixed: &[],
        secrets: NO_SECRETS,
        guards,
    }
}

const USERS: Table = Table {
    required: &["user_id", "created_at", "email", "password", "role", "data"],
    open: Some(&["email", "password", "name", "emoji", "onboarding_completed"]),
    free: &["name", "emoji"],
    fixed: &["user_id", "created_at"],
    secrets: Secrets { columns: &["password"], hidden: &[], masked: &["api_keys", "env_vars"] },
    ..plain("users", Resource::User, &["user_id"], include_str!("../sql/guards/users.sql"))
};

const REPOS: Table = Table {
    required: &["repo_id", "created_at", "slug", "data"],
    fixed: &["repo_id", "created_at"],
    ..plain("repos", Resource::Repo, &["repo_id"], include_str!("../sql/guards/repos.sql"))
};

const BOARDS: Table = Table {
    required: &["board_id", "created_at", "name", "data"],
    // Not `objects`: the zones in it hold prompts that run for whoever moves something there.
    agent: Some(AgentMay {
        new: &["board_id", "created_at", "updated_at", "created_by"],
        bounded: &[],
        open: &["name", "slug"],
        keys: &["description", "color", "icon"],
        inherited: &[],
    }),
    free: &["name"],
    fixed: &["board_id", "created_by", "created_at"],
    ..plain("boards", Resource::Board, &["board_id"], include_str!("../sql/guards/boards.sql"))
};

const WORKTREES: Table = Table {
    parents: &[("repo_id", "repos")],
    in_worktree: true,
    required: &["worktree_id", "repo_id", "created_at", "created_by", "name", "ref", "worktree_unique_id", "data"],
    open: Some(&[
        "name",
        "ref",
        "worktree_unique_id",
        "board_id",
        "start_command",
        "stop_command",
        "health_check_url",
        "app_url",
        "logs_command",
        "schedule_enabled",
        "schedule_cron",
        "schedule_last_triggered_at",
        "schedule_next_run_at",
        "needs_attention",
        "archived",
        "archived_at",
        "archived_by",
        "filesystem_status",
    ]),
    // Not what a privileged helper acts on: commands, schedules, places, the unix group, and names that commands are made of.
    agent: Some(AgentMay {
        new: &["worktree_id", "repo_id", "created_at", "updated_at", "created_by", "name", "ref", "worktree_unique_id"],
        bounded: &[
            ("others_can", &["none", "view"]),
            ("others_fs_access", &["none", "read"]),
            ("schedule_enabled", &["0"]),
        ],
        open: &["board_id", "needs_attention", "archived", "archived_at", "archived_by"],
        keys: &["notes", "issue_url", "pull_request_url"],
        inherited: &[],
    }),
    free: &[
        "name",
        "ref",
        "start_command",
        "stop_command",
        "health_check_url",
        "app_url",
        "logs_command",
        "schedule_cron",
    ],
    times: &[to_row("archived_at"), told("schedule_last_triggered_at")],
    fixed: &["worktree_id", "repo_id", "created_by", "created_at"],
    ..plain("worktrees", Resource::Worktree, &["worktree_id"], include_str!("../sql/guards/worktrees.sql"))
};

const OWNERS: Table = Table {
    parents: &[("worktree_id", "worktrees"), ("user_id", "users")],
    in_worktree: true,
    fixed: &["worktree_id", "user_id", "created_at"],
    ..plain(
        "worktree_owners",
        Resource::Owner,
        &["worktree_id", "user_id"],
        include_str!("../sql/guards/worktree_owners.sql"),
    )
};

const SESSIONS: Table = Table {
    parents: &[("worktree_id", "worktrees")],
    in_worktree: true,
    required: &["session_id", "created_at", "created_by", "status", "agentic_tool", "worktree_id", "data"],
    free: &["archived_reason"],
    report: (
        &["status", "ready_for_prompt", "archived", "archived_reason"],
        &[
            "tasks",
            "sdk_session_id",
            "git_state",
            "message_count",
            "current_context_usage",
            "context_window_limit",
            "last_context_update_at",
        ],
    ),
    // Not `permission_config` nor `model_config`, but for what its own session has; nor which conversation is resumed.
    agent: Some(AgentMay {
        new: &[
            "session_id",
            "created_at",
            "updated_at",
            "created_by",
            "agentic_tool",
            "parent_session_id",
            "forked_from_session_id",
            "worktree_id",
            "unix_username",
        ],
        bounded: &[("scheduled_from_worktree", &["0"])],
        open: &["status", "board_id", "ready_for_prompt", "archived", "archived_reason"],
        keys: &[
            "title",
            "description",
            "contextFiles",
            "custom_context",
            "genealogy",
            "tasks",
            "git_state",
            "message_count",
            "current_context_usage",
            "context_window_limit",
            "last_context_update_at",
        ],
        inherited: &["permission_config", "model_config"],
    }),
    fixed: &["session_id", "worktree_id", "unix_username", "created_by", "created_at"],
    secrets: Secrets { columns: &[], hidden: &["mcp_token"], masked: &[] },
    ..plain("sessions", Resource::Session, &["session_id"], include_str!("../sql/guards/sessions.sql"))
};

const TASKS: Table = Table {
    parents: &[("session_id", "sessions")],
    in_worktree: true,
    required: &["task_id", "session_id", "created_at", "status", "created_by", "data"],
    report: (
        &["status", "completed_at"],
        &[
            "git_state",
            "message_range",
            "model",
            "raw_sdk_response",
            "normalized_sdk_response",
            "computed_context_window",
            "tool_use_count",
            "duration_ms",
            "agent_session_id",
            "error_message",
            "report",
            "permission_request",
        ],
    ),
    // A report, and the prompt; not `permission_request`, where the answer stands too.
    agent: Some(AgentMay {
        new: &["task_id", "session_id", "created_at", "created_by"],
        bounded: &[],
        open: &["status", "started_at", "completed_at"],
        keys: &[
            "description",
            "full_prompt",
            "git_state",
            "message_range",
            "model",
            "raw_sdk_response",
            "normalized_sdk_response",
            "computed_context_window",
            "tool_use_count",
            "duration_ms",
            "agent_session_id",
            "error_message",
            "report",
        ],
        inherited: &[],
    }),
    times: &[to_row("started_at"), to_row("completed_at")],
    fixed: &["task_id", "session_id", "created_by", "created_at"],
    ..plain("tasks", Resource::Task, &["task_id"], include_str!("../sql/guards/tasks.sql"))
};

const MESSAGES: Table = Table {
    parents: &[("session_id", "sessions")],
    in_worktree: true,
    required: &["message_id", "created_at", "session_id", "task_id", "type", "role", "index", "timestamp", "data"],
    agent: Some(AgentMay {
        new: &["message_id", "session_id", "task_id", "created_at", "type", "role", "status", "queue_position"],
        bounded: &[],
        open: &["index", "timestamp", "content_preview", "parent_tool_use_id"],
        keys: &["content", "tool_uses"],
        inherited: &[],
    }),
    free: &["content_preview"],
    // A transcript that is taken over tells of what was said before.
    times: &[told("timestamp")],
    fixed: &["message_id", "session_id", "created_at"],
    ..plain("messages", Resource::Message, &["message_id"], include_str!("../sql/guards/messages.sql"))
};

const GROUPS: Table = Table {
    free: &["name", "description"],
    fixed: &["group_id", "created_by", "created_at"],
    ..plain("groups", Resource::Group, &["group_id"], include_str!("../sql/guards/groups.sql"))
};

const MEMBERSHIPS: Table = Table {
    parents: &[("group_id", "groups"), ("user_id", "users")],
    fixed: &["group_id", "user_id", "added_by", "created_at"],
    ..plain(
        "group_memberships",
        Resource::Membership,
        &["group_id", "user_id"],
        include_str!("../sql/guards/group_memberships.sql"),
    )
};

const GRANTS: Table = Table {
    parents: &[("worktree_id", "worktrees"), ("group_id", "groups")],
    in_worktree: true,
    fixed: &["worktree_id", "group_id", "created_by", "created_at"],
    ..plain(
        "worktree_group_grants",
        Resource::Grant,
        &["worktree_id", "group_id"],
        include_str!("../sql/guards/worktree_group_grants.sql"),
    )
};

const RULES: Table = Table {
    fixed: &["resource", "operation"],
    ..plain("acl_rules", Resource::Rule, &["resource", "operation"], include_str!("../sql/guards/acl_rules.sql"))
};

const SETTINGS: Table = Table {
    fixed: &["name"],
    ..plain("acl_settings", Resource::Setting, &["name"], include_str!("../sql/guards/acl_settings.sql"))
};

const EPOCH: Table = plain("acl_epoch", Resource::Epoch, &["one"], include_str!("../sql/guards/acl_epoch.sql"));
const AUDIT: Table = plain("acl_audit", Resource::Audit, &["seq"], include_str!("../sql/guards/acl_audit.sql"));
const LISTED: Table = plain("acl_tables", Resource::Meta, &["name"], include_str!("../sql/guards/acl_tables.sql"));
const META: Table = plain("acl_meta", Resource::Meta, &["name"], include_str!("../sql/guards/acl_meta.sql"));

/// A further table of the daemon's, of which a file's own list says the rest. Its rows belong to a session or a worktree.
const FURTHER: Table = Table { in_worktree: true, ..plain("", Resource::Row, &[], "") };

/// Every guarded table, parents first.
pub(crate) static TABLES: [Table; 17] = [
    USERS,
    REPOS,
    BOARDS,
    WORKTREES,
    OWNERS,
    SESSIONS,
    TASKS,
    MESSAGES,
    GROUPS,
    MEMBERSHIPS,
    GRANTS,
    RULES,
    SETTINGS,
    EPOCH,
    AUDIT,
    LISTED,
    META,
];

/// The table whose rows are of this kind.
pub(crate) const fn of(resource: Resource) -> &'static Table {
    match resource {
        Resource::User => &USERS,
        Resource::Repo => &REPOS,
        Resource::Board => &BOARDS,
        Resource::Worktree => &WORKTREES,
        Resource::Owner => &OWNERS,
        Resource::Session => &SESSIONS,
        Resource::Task => &TASKS,
        Resource::Message => &MESSAGES,
        Resource::Group => &GROUPS,
        Resource::Membership => &MEMBERSHIPS,
        Resource::Grant => &GRANTS,
        Resource::Rule => &RULES,
        Resource::Setting => &SETTINGS,
        Resource::Epoch => &EPOCH,
        Resource::Audit => &AUDIT,
        Resource::Meta => &META,
        Resource::Row => &FURTHER,
    }
}

/// The guarded table of this name, in whatever case.
pub(crate) fn named(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

/// Whether every file has a table of this name under guard.
pub(crate) fn is_guarded(name: &str) -> bool {
    named(name).is_some()
}

/// The tables that hold secrets.
pub(crate) fn with_secrets() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.secret_columns().next().is_some())
}

impl Table {
    /// The columns that hold secrets, whole or in a key of `data`.
    pub(crate) fn secret_columns(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.secrets.hidden.iter().chain(self.secrets.masked);
        self.secrets.columns.iter().copied().chain(keys.take(1).map(|_| "data"))
    }

    /// The keys of `data` that hold secrets.
    pub(crate) fn secret_keys(&self) -> impl Iterator<Item = &'static str> {
        self.secrets.hidden.iter().chain(self.secrets.masked).copied()
    }

    /// Whether this column holds text that carries no authority. Of a further table only the key and the parent carry any,
    /// and guards compare these with what is stored.
    pub(crate) fn is_free(&self, column: &str) -> bool {
        self.resource == Resource::Row || self.free.contains(&column)
    }

    /// Whether it belongs to aclite alone.
    pub(crate) fn is_aclites(&self) -> bool {
        self.name.starts_with("acl_")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rusqlite::Connection;

    use super::*;

    /// A column that an entry names is one of the table's.
    #[test]
    fn entries_name_columns_that_are_there() {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch(include_str!("../sql/tables/0001_tables.sql")).unwrap();
        for table in &TABLES {
            let mut list = file.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
            let columns: HashSet<String> =
                list.query_map([table.name], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            let parents = table.parents.iter().map(|(column, _)| column);
            let lists =
                [table.key, table.required, table.open.unwrap_or_default(), table.free, table.report.0, table.fixed];
            let bounded: Vec<&str> =
                table.agent.iter().flat_map(|may| may.bounded).map(|(column, _)| *column).collect();
            let agents = table.agent.iter().flat_map(|may| may.new.iter().chain(may.open)).chain(&bounded);
            let times: Vec<&str> = table.times.iter().map(|when| when.column).collect();
            let agents = agents.chain(&times);
            for column in lists.into_iter().flatten().chain(table.secrets.columns).chain(parents).chain(agents) {
                assert!(columns.contains(*column), "{}.{column}", table.name);
            }
            assert!(table.parents.iter().all(|(_, parent)| is_guarded(parent)), "{}", table.name);
        }
    }

    /// A key that the catalog names is one that no spelling disguises unseen.
    #[test]
    fn keys_of_data_are_words() {
        for table in &TABLES {
            let agents = table.agent.iter().flat_map(|may| may.keys.iter().chain(may.inherited));
            for key in table.secret_keys().chain(table.report.1.iter().copied()).chain(agents.copied()) {
                assert!(crate::json::is_word(key.as_bytes()), "{}: {key}", table.name);
            }
        }
    }

    #[test]
    fn each_kind_of_record_has_one_table() {
        for table in &TABLES {
            let found = of(table.resource);
            assert!(found.name == table.name || table.resource == Resource::Meta, "{}", table.name);
        }
    }
}
