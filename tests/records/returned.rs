//! A method that writes returns the record as it is stored: what a SELECT finds right afterwards.

use super::support::{system, world};
use aclite::{
    AgenticTool, BoardPatch, GroupPatch, MessagePatch, MessageRole, MessageType, NewBoard, NewGroup, NewMessage,
    NewRepo, NewSession, NewTask, NewUser, NewWorktree, RepoPatch, SessionPatch, SessionStatus, Sharing, TaskPatch,
    TaskStatus, UserPatch, WorktreePatch,
};

/// Every create and every patch, with a field of each type, NULL set and taken away, and `data` merged.
#[test]
fn every_record_that_a_method_returns_is_the_one_that_a_select_finds() {
    let store = world();
    let daemon = system();
    store
        .write(&daemon, |tx| {
            let new = NewUser::new("new@example.com")
                .password("hash")
                .id("u-new")
                .name("New".to_owned())
                .set("api_keys", serde_json::json!({ "a": "b" }));
            assert_eq!(tx.users().create(new)?, tx.users().get("u-new")?);
            let patch = UserPatch::new()
                .emoji("x".to_owned())
                .onboarding_completed(true)
                .set("preferences", serde_json::json!({ "n": 1 }));
            assert_eq!(tx.users().patch("u-new", patch)?, tx.users().get("u-new")?);

            let new =
                NewRepo::new("slug").id("r-new").set("name", "Name").set("deep", serde_json::json!({ "a": [1, 2.5] }));
            assert_eq!(tx.repos().create(new)?, tx.repos().get("r-new")?);
            assert_eq!(
                tx.repos().patch("r-new", RepoPatch::new().set("deep", serde_json::json!({ "b": null })))?,
                tx.repos().get("r-new")?
            );

            assert_eq!(
                tx.boards().create(NewBoard::new("Board").id("b-new").created_by("u-new"))?,
                tx.boards().get("b-new")?
            );
            assert_eq!(tx.boards().patch("b-new", BoardPatch::new().set("color", "red"))?, tx.boards().get("b-new")?);

            let new = NewWorktree::new("r-new")
                .name("name")
                .git_ref("main")
                .id("w-new")
                .created_by("u-new")
                .others_can(Sharing::View);
            assert_eq!(tx.worktrees().create(new)?, tx.worktrees().get("w-new")?);
            let patch = WorktreePatch::new().board_id(Some("b-new".into())).archived(true).set("notes", "x");
            assert_eq!(tx.worktrees().patch("w-new", patch)?, tx.worktrees().get("w-new")?);
            assert_eq!(
                tx.worktrees().patch("w-new", WorktreePatch::new().board_id(None))?,
                tx.worktrees().get("w-new")?
            );

            let added = tx.worktrees().add_owner("w-new", "bo")?;
            assert!(tx.worktrees().owners("w-new")?.contains(&added));
            let group = tx.groups().create(NewGroup::new("Devs").slug("devs").id("g-new"))?;
            assert_eq!(group, tx.groups().get("g-new")?);
            assert_eq!(tx.groups().patch("g-new", GroupPatch::new().archived(true))?, tx.groups().get("g-new")?);
            let member = tx.groups().add_member("g-new", "u-new")?;
            assert_eq!(tx.groups().members("g-new")?, [member]);
            for can in [Sharing::Prompt, Sharing::All] {
                let grant = tx.worktrees().set_grant("w-new", "g-new", can)?;
                assert_eq!(tx.worktrees().grants("w-new")?, [grant]);
            }

            let new =
                NewSession::new("w-new", AgenticTool::ClaudeCode).id("s-new").created_by("u-new").set("title", "T");
            assert_eq!(tx.sessions().create(new)?, tx.sessions().get("s-new")?);
            let patch = SessionPatch::new()
                .status(SessionStatus::Running)
                .ready_for_prompt(false)
                .set("git_state", serde_json::json!({ "sha": "x" }));
            assert_eq!(tx.sessions().patch("s-new", patch)?, tx.sessions().get("s-new")?);

            let new = NewTask::new("s-new").id("t-new").created_by("u-new").set("full_prompt", "\u{e9}\u{1f600}");
            assert_eq!(tx.tasks().create(new)?, tx.tasks().get("t-new")?);
            for patch in
                [TaskPatch::new(), TaskPatch::new().set("a", 1), TaskPatch::new().status(TaskStatus::Completed)]
            {
                assert_eq!(tx.tasks().patch("t-new", patch)?.task, tx.tasks().get("t-new")?);
            }

            let new =
                |id: &str| NewMessage::new("s-new", MessageType::User, MessageRole::User, 1).id(id).set("content", "c");
            assert_eq!(tx.messages().create(new("m-1"))?, tx.messages().get("m-1")?);
            for message in tx.messages().create_many(vec![new("m-2"), new("m-3")])? {
                assert_eq!(message, tx.messages().get(message.message_id.clone())?);
            }
            let patch = MessagePatch::new().task_id(Some("t-new".into())).set("content", serde_json::json!([1]));
            assert_eq!(tx.messages().patch("m-1", patch)?, tx.messages().get("m-1")?);
            Ok::<(), aclite::Error>(())
        })
        .unwrap();
}
