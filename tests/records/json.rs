//! Each record reads as JSON what it was given as JSON.

use aclite::{
    Actor, BoardPatch, GroupPatch, MessagePatch, NewBoard, NewGroup, NewMessage, NewRepo, NewSession, NewTask, NewUser,
    NewWorktree, RepoPatch, Result, SessionPatch, Sharing, Store, TaskPatch, Time, Tx, UserPatch, WorktreePatch,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{self, system, world};

/// A record as a client reads it.
fn whole(record: impl Serialize) -> Value {
    serde_json::to_value(record).unwrap()
}

/// The same. The times that the store sets are not the same twice.
fn read(record: &impl Serialize) -> Value {
    let mut value = whole(record);
    for stamp in ["created_at", "updated_at", "timestamp", "started_at", "completed_at"] {
        if let Some(time) = value.get_mut(stamp) {
            let text = time.as_str().unwrap_or_default();
            assert!(text.len() == 24 && text.ends_with('Z'), "{stamp} is RFC 3339 with milliseconds: {text}");
            *time = json!("…");
        }
    }
    value
}

#[track_caller]
fn write<T>(store: &Store, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
    store.write(&Actor::user("bo"), work).unwrap()
}

/// A worktree `w` of bo's, with the session `s` and the task `t`.
fn shop() -> Store {
    let store = world();
    support::worktree(&store, "w", "bo", Sharing::Prompt);
    support::session(&store, "s", "w", "bo");
    support::task(&store, "t", "s", "bo");
    store
}

#[test]
fn a_task_goes_round() {
    let store = shop();
    let sent = json!({
        "task_id": "t-1", "session_id": "s", "status": "running", "started_at": Time::now().to_string(),
        "description": "Fix it", "full_prompt": "Please fix it", "model": null,
        "message_range": { "start_index": 3, "end_index": 3, "start_timestamp": "2026-01-02T03:04:05.678Z" },
        "git_state": { "ref_at_start": "main", "sha_at_start": "a1" }, "tool_use_count": 0,
    });
    let created = write(&store, |tx| tx.tasks().create(NewTask::from_json(sent)?));
    insta::assert_json_snapshot!(read(&created), @r#"
    {
      "task_id": "t-1",
      "session_id": "s",
      "created_at": "…",
      "started_at": "…",
      "status": "running",
      "created_by": "bo",
      "description": "Fix it",
      "full_prompt": "Please fix it",
      "model": null,
      "message_range": {
        "start_index": 3,
        "end_index": 3,
        "start_timestamp": "2026-01-02T03:04:05.678Z"
      },
      "git_state": {
        "ref_at_start": "main",
        "sha_at_start": "a1"
      },
      "tool_use_count": 0
    }
    "#);
    // The whole record with a change in it: what is as it was is no change.
    let mut back = whole(&created);
    back["git_state"] = json!({ "sha_at_end": "b2" });
    back["model"] = json!("claude-sonnet-4-5");
    let patched = write(&store, |tx| tx.tasks().patch("t-1", TaskPatch::from_json(back)?)).task;
    assert_eq!(
        patched.data().unwrap()["git_state"],
        json!({ "ref_at_start": "main", "sha_at_start": "a1", "sha_at_end": "b2" })
    );
    assert_eq!(
        (patched.data().unwrap()["model"].as_str(), patched.started_at),
        (Some("claude-sonnet-4-5"), created.started_at)
    );
}

#[test]
fn a_message_goes_round() {
    let store = shop();
    let sent = json!({
        "message_id": "m-1", "session_id": "s", "task_id": "t", "type": "assistant", "role": "assistant", "index": 4,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "content": [{ "type": "text", "text": "Done." }, { "type": "tool_use", "name": "Bash", "input": {} }],
        "tool_uses": [{ "name": "Bash" }], "metadata": { "model": "m" },
    });
    let created = write(&store, |tx| tx.messages().create(NewMessage::from_json(sent)?));
    assert_eq!(created.timestamp.to_string(), "2026-01-02T03:04:05.678Z");
    insta::assert_json_snapshot!(read(&created), @r#"
    {
      "message_id": "m-1",
      "created_at": "…",
      "session_id": "s",
      "task_id": "t",
      "type": "assistant",
      "role": "assistant",
      "index": 4,
      "timestamp": "…",
      "content_preview": "Done.",
      "content": [
        {
          "type": "text",
          "text": "Done."
        },
        {
          "type": "tool_use",
          "name": "Bash",
          "input": {}
        }
      ],
      "tool_uses": [
        {
          "name": "Bash"
        }
      ],
      "metadata": {
        "model": "m"
      }
    }
    "#);
    let back = MessagePatch::from_json(whole(&created)).unwrap();
    assert_eq!(write(&store, |tx| tx.messages().patch("m-1", back)), created);
}

#[test]
fn a_session_goes_round() {
    let store = shop();
    let sent = json!({
        "session_id": "s-1", "worktree_id": "w", "agentic_tool": "codex", "status": "idle", "ready_for_prompt": true,
        "title": "Fix it", "git_state": { "ref": "main" }, "genealogy": { "children": [] }, "tasks": [],
        "message_count": 0, "permission_config": { "mode": "ask" },
    });
    let created = write(&store, |tx| tx.sessions().create(NewSession::from_json(sent)?));
    insta::assert_json_snapshot!(read(&created), @r#"
    {
      "session_id": "s-1",
      "created_at": "…",
      "updated_at": "…",
      "created_by": "bo",
      "status": "idle",
      "agentic_tool": "codex",
      "worktree_id": "w",
      "scheduled_from_worktree": false,
      "ready_for_prompt": true,
      "archived": false,
      "unix_username": "bo",
      "title": "Fix it",
      "git_state": {
        "ref": "main"
      },
      "genealogy": {
        "children": []
      },
      "tasks": [],
      "message_count": 0,
      "permission_config": {
        "mode": "ask"
      }
    }
    "#);
    // The daemon's token is none of the client's: the whole record sent back leaves it alone.
    store.write(&system(), |tx| tx.sessions().patch("s-1", SessionPatch::new().set("mcp_token", "s3cret"))).unwrap();
    let shown = store.read(&Actor::user("bo"), |tx| tx.sessions().get("s-1")).unwrap();
    let back = SessionPatch::from_json(whole(&shown)).unwrap().archived(true);
    let patched = write(&store, |tx| tx.sessions().patch("s-1", back));
    assert!(patched.archived && !serde_json::to_string(&patched).unwrap().contains("s3cret"));
    store.read(&system(), |tx| tx.sessions().by_mcp_token("s3cret")).unwrap();
}

#[test]
fn a_worktree_goes_round() {
    let store = shop();
    let sent = json!({
        "worktree_id": "w-1", "repo_id": "r", "name": "fix", "ref": "main", "worktree_unique_id": 7,
        "others_can": "session", "notes": "careful", "path": "/srv/fix", "schedule_enabled": false,
    });
    let created = write(&store, |tx| tx.worktrees().create(NewWorktree::from_json(sent)?));
    insta::assert_json_snapshot!(read(&created), @r#"
    {
      "worktree_id": "w-1",
      "repo_id": "r",
      "created_at": "…",
      "updated_at": "…",
      "created_by": "bo",
      "name": "fix",
      "ref": "main",
      "worktree_unique_id": 7,
      "schedule_enabled": false,
      "needs_attention": false,
      "archived": false,
      "others_can": "session",
      "others_fs_access": "read",
      "notes": "careful",
      "path": "/srv/fix"
    }
    "#);
    let back = WorktreePatch::from_json(whole(&created)).unwrap().set("notes", "done");
    assert_eq!(write(&store, |tx| tx.worktrees().patch("w-1", back)).data().unwrap()["notes"], "done");
}

#[test]
fn people_and_what_they_share_go_round() {
    let store = shop();
    let daemon = |work: &dyn Fn(&Tx<'_>) -> Result<Value>| store.write(&system(), |tx| work(tx)).unwrap();
    let user = daemon(&|tx| {
        let sent = json!({
            "user_id": "u-1", "email": "eve@example.com", "password": "hash", "name": "Eve", "emoji": "⭐", "role": "member",
            "onboarding_completed": true, "preferences": { "dark": true }, "env_vars": { "A": "s3cret" },
        });
        Ok(read(&tx.users().create(NewUser::from_json(sent)?)?))
    });
    insta::assert_json_snapshot!(user, @r#"
    {
      "user_id": "u-1",
      "created_at": "…",
      "updated_at": "…",
      "email": "eve@example.com",
      "name": "Eve",
      "emoji": "⭐",
      "role": "member",
      "onboarding_completed": true,
      "preferences": {
        "dark": true
      },
      "env_vars": {
        "A": true
      }
    }
    "#);
    let rest = daemon(&|tx| {
        let group = json!({ "group_id": "g", "name": "Developers", "slug": "devs", "description": null });
        let board = json!({ "board_id": "b", "name": "Plan", "slug": "plan", "created_by": "bo", "objects": {} });
        let repo = json!({ "repo_id": "r-1", "slug": "acme/app", "remote_url": "git@example.com:app" });
        Ok(json!({
            "group": read(&tx.groups().create(NewGroup::from_json(group)?)?),
            "membership": read(&tx.groups().add_member("g", "bo")?),
            "grant": read(&tx.worktrees().set_grant("w", "g", Sharing::Prompt)?),
            "board": read(&tx.boards().create(NewBoard::from_json(board)?)?),
            "repo": read(&tx.repos().create(NewRepo::from_json(repo)?)?),
        }))
    });
    insta::assert_json_snapshot!(rest, @r#"
    {
      "group": {
        "group_id": "g",
        "name": "Developers",
        "slug": "devs",
        "archived": false,
        "created_at": "…",
        "updated_at": "…"
      },
      "membership": {
        "group_id": "g",
        "user_id": "bo",
        "created_at": "…"
      },
      "grant": {
        "worktree_id": "w",
        "group_id": "g",
        "can": "prompt",
        "created_at": "…",
        "updated_at": "…"
      },
      "board": {
        "board_id": "b",
        "created_at": "…",
        "updated_at": "…",
        "created_by": "bo",
        "name": "Plan",
        "slug": "plan",
        "objects": {}
      },
      "repo": {
        "repo_id": "r-1",
        "created_at": "…",
        "updated_at": "…",
        "slug": "acme/app",
        "remote_url": "git@example.com:app"
      }
    }
    "#);
    // Whole records sent back change nothing.
    store
        .write(&system(), |tx| {
            tx.users().patch("u-1", UserPatch::from_json(whole(tx.users().get("u-1")?))?)?;
            tx.groups().patch("g", GroupPatch::from_json(whole(tx.groups().get("g")?))?)?;
            tx.boards().patch("b", BoardPatch::from_json(whole(tx.boards().get("b")?))?)?;
            tx.repos().patch("r-1", RepoPatch::from_json(whole(tx.repos().get("r-1")?))?)
        })
        .unwrap();
    let kept = store.read(&system(), |tx| tx.users().credentials("eve@example.com")).unwrap();
    assert_eq!((kept.password.as_str(), &kept.env_vars["A"]), ("hash", &json!("s3cret")));
    // A group has no open part: a key that is no field is an error, not lost.
    let unknown = GroupPatch::from_json(json!({ "colour": "red" }));
    assert_eq!(unknown.unwrap_err().to_string(), "`colour` is no field");
}
