//! Worktrees: where permission lives.

use super::{BoardId, RepoId, Sharing, Time, UserId, WorktreeId};

record! {
    /// A checkout of a repository that sessions work in. Who may do what is decided on it, for it
    /// and for everything in it.
    Worktree in "worktrees", keyed by worktree_id: WorktreeId,
        created by NewWorktree, patched by WorktreePatch;
    keeps [];

    /// Its id. Given at creation, or made.
    worktree_id: WorktreeId = "worktree_id", fixed;
    /// The repository it is a checkout of. Never changes.
    repo_id: RepoId = "repo_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When it last changed. The store sets it.
    updated_at: Option<Time> = "updated_at", fixed;
    /// Who created it; `anonymous` where an older program did not know. Only `System` and `Service` may name another
    /// than the actor. Never changes.
    created_by: UserId = "created_by", new;
    /// Its name.
    name: String = "name", open;
    /// The git ref that it has checked out: the column `ref`.
    git_ref: String = "ref", open;
    /// A small number that is its own, for instance to derive ports from.
    worktree_unique_id: i64 = "worktree_unique_id", open;
    /// The board it is shown on.
    board_id: Option<BoardId> = "board_id", open;
    /// The command that starts its app.
    start_command: Option<String> = "start_command", open;
    /// The command that stops its app.
    stop_command: Option<String> = "stop_command", open;
    /// Where to ask whether its app is well.
    health_check_url: Option<String> = "health_check_url", open;
    /// Where its app is found.
    app_url: Option<String> = "app_url", open;
    /// The command that prints its app's log.
    logs_command: Option<String> = "logs_command", open;
    /// Whether sessions start on a schedule.
    schedule_enabled: bool = "schedule_enabled", open;
    /// The schedule, in the syntax of cron.
    schedule_cron: Option<String> = "schedule_cron", open;
    /// When the schedule last started a session. The scheduler sets it.
    schedule_last_triggered_at: Option<Time> = "schedule_last_triggered_at", open;
    /// When the schedule starts the next session. The scheduler sets it.
    schedule_next_run_at: Option<Time> = "schedule_next_run_at", open;
    /// Whether a person should look at it.
    needs_attention: bool = "needs_attention", open;
    /// Whether it is archived.
    archived: bool = "archived", open;
    /// When it was archived.
    archived_at: Option<Time> = "archived_at", open;
    /// Who archived it.
    archived_by: Option<UserId> = "archived_by", open;
    /// What became of its files. The daemon sets it.
    filesystem_status: Option<String> = "filesystem_status", open;
    /// What everyone may do who does not own it; NULL means `view`. Only owners change it.
    others_can: Option<Sharing> = "others_can", open;
    /// What everyone may do with its files who does not own it. Only owners change it.
    others_fs_access: Option<String> = "others_fs_access", open;
    /// The unix group of its files. Only owners change it.
    unix_group: Option<String> = "unix_group", open;
}

impl NewWorktree {
    /// A worktree of `repo_id`. It needs a name and a git ref too.
    ///
    /// ```
    /// use aclite::{NewWorktree, Sharing};
    /// let worktree = NewWorktree::new("r-1").name("fix-the-build").git_ref("main").others_can(Sharing::View);
    /// # let _ = worktree;
    /// ```
    pub fn new(repo_id: impl Into<RepoId>) -> Self {
        let repo_id: RepoId = repo_id.into();
        Self { draft: super::fields::Draft::new::<Worktree>().with("repo_id", repo_id) }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value as Sql;

    use super::super::row::tests::read;
    use super::*;

    #[test]
    fn json_has_the_names_of_columns() {
        let worktree: Worktree = read(concat!(
            "'w-1', 'r-1', 0, 1000, 'u-1', 'fix', 'main', 4, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, ",
            r#"1, 0, NULL, NULL, NULL, 'view', 'read', NULL, '{"notes":"n","ref":"other"}'"#,
        ))
        .unwrap();
        assert_eq!(
            serde_json::to_string(&worktree).unwrap(),
            concat!(
                r#"{"worktree_id":"w-1","repo_id":"r-1","created_at":"1970-01-01T00:00:00.000Z","#,
                r#""updated_at":"1970-01-01T00:00:01.000Z","created_by":"u-1","name":"fix","ref":"main","#,
                r#""worktree_unique_id":4,"schedule_enabled":false,"needs_attention":true,"archived":false,"#,
                r#""others_can":"view","others_fs_access":"read","notes":"n"}"#,
            )
        );
    }

    #[test]
    fn nullable_columns_can_be_emptied() {
        let patch = WorktreePatch::new().others_can(Sharing::Prompt).board_id(None).archived(true).git_ref("dev");
        let fields = patch.into_fields().unwrap();
        let columns: Vec<_> = fields.columns.iter().map(|(column, value)| (column.name, value.clone())).collect();
        assert_eq!(
            columns,
            [
                ("ref", Sql::Text("dev".into())),
                ("board_id", Sql::Null),
                ("archived", Sql::Integer(1)),
                ("others_can", Sql::Text("prompt".into())),
            ]
        );
    }
}
