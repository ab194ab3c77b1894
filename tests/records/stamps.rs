//! The store sets creator, user name and time of a new record, or checks that SQL sets the right ones.

use aclite::{
    Actor, AgenticTool, MessagePatch, MessageRole, MessageType, NewMessage, NewSession, NewTask, NewWorktree, Session,
    Store, Time,
};
use serde_json::{Value, json};

use crate::support::office::{bo, check, check_told, office, said};
use crate::support::{ask, attempt, system};

#[test]
fn whoever_writes_sql_supplies_the_right_stamps() {
    let store = office();
    let insert = |created_by: &str, unix: &str, time: &str| {
        format!(
            "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
             VALUES ('new', {time}, {created_by}, 'idle', 'codex', 'w', {unix}, '{{}}')"
        )
    };
    #[rustfmt::skip]
    let stamps = [
        // who      created_by       unix_username  created_at              told
        (bo(),     "'bo'",          "'bo'",        "acl_now()",            ""),
        (bo(),     "acl_actor()",   "'bo'",        "acl_now()",            ""),
        (bo(),     "'cy'",          "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "'anonymous'",   "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "NULL",          "'bo'",        "acl_now()",            "`created_by` must be `bo`"),
        (bo(),     "'bo'",          "'cy'",        "acl_now()",            "`unix_username` must be `bo`"),
        (bo(),     "'bo'",          "NULL",        "acl_now()",            "`unix_username` must be `bo`"),
        (bo(),     "'bo'",          "'bo'",        "0",                    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 3600000",  "`created_at` must be the present time, "),
        // Clocks differ: half a minute is the present still, a minute and a half is not.
        (bo(),     "'bo'",          "'bo'",        "acl_now() - 30000",    ""),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 30000",    ""),
        (bo(),     "'bo'",          "'bo'",        "acl_now() - 90000",    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "acl_now() + 90000",    "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "NULL",                 "`created_at` must be the present time, "),
        (bo(),     "'bo'",          "'bo'",        "'today'",              "`created_at` must be an integer"),
        (system(), "'cy'",          "'cy'",        "acl_now()",            ""),
        (system(), "'cy'",          "'bo'",        "acl_now()",            ""),
        (system(), "'ghost'",       "NULL",        "acl_now()",            "`created_by` must name an existing user"),
        (system(), "'anonymous'",   "NULL",        "acl_now()",            ""),
        (system(), "'anonymous'",   "'bo'",        "acl_now()",            "`unix_username` must be NULL"),
        (system(), "NULL",          "NULL",        "acl_now()",            "`created_by` must name an existing user"),
    ];
    for (actor, created_by, unix, time, told) in stamps {
        check_stamp(&store, &actor, &insert(created_by, unix, time), told);
    }
    // The column's default is nobody.
    let defaulted = "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('new', 's', acl_now(), 'created', '{}')";
    check_stamp(&store, &bo(), defaulted, "`created_by` must be `bo`");
    check_stamp(&store, &system(), defaulted, "");
    let worktree =
        "INSERT INTO worktrees (worktree_id, repo_id, created_at, name, ref, worktree_unique_id, needs_attention, data)
                    VALUES ('new', 'r', acl_now(), 'n', 'main', 9, 0, '{}')";
    check_stamp(&store, &bo(), worktree, "`created_by` must be `bo`");
    let board = "INSERT INTO boards (board_id, created_at, name, data) VALUES ('b', acl_now(), 'b', '{}')";
    check_stamp(&store, &bo(), board, "`created_by` must be `bo`");
    let group =
        "INSERT INTO groups (group_id, created_at, created_by, name, slug) VALUES ('g', acl_now(), 'bo', 'g', 'g')";
    check_stamp(&store, &Actor::user("ada"), group, "`created_by` must be `ada`");
    for (message_time, told) in [("acl_now()", ""), ("5", "`created_at` must be the present time, ")] {
        let message = format!(
            "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
             VALUES ('new', 's', {message_time}, 'user', 'user', 9, 5, '{{}}')"
        );
        check_stamp(&store, &bo(), &message, told);
    }
}

#[track_caller]
fn check_stamp(store: &Store, actor: &Actor, statement: &str, told: &str) {
    let outcome = attempt(store, actor, |tx| tx.sql().execute(statement, []));
    let words = outcome.as_ref().map_or_else(ToString::to_string, |_| String::new());
    assert!(if told.is_empty() { words.is_empty() } else { words.starts_with(told) }, "{statement}\n{outcome:?}");
}

#[test]
fn the_api_stamps_and_lets_nobody_name_another() {
    let store = office();
    let cy = Actor::user("cy");
    let others = attempt(&store, &cy, |tx| tx.tasks().create(NewTask::new("s").created_by("bo")));
    check_told(&others, "invalid", "`created_by` must be `cy`");
    let session = json!({
        "worktree_id": "w", "agentic_tool": "codex", "unix_username": "root", "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z",
    });
    let session: Session = attempt(&store, &cy, |tx| tx.sessions().create(NewSession::from_json(session)?)).unwrap();
    assert_eq!((session.unix_username.as_deref(), session.created_by.as_str()), (Some("cy"), "cy"));
    let year = Time::from_millis(1_700_000_000_000);
    assert!(session.created_at > year && session.updated_at.unwrap() > year);
    let daemon = attempt(&store, &system(), |tx| tx.tasks().create(NewTask::new("s")));
    check_told(&daemon, "invalid", "`created_by` is required of the daemon: for whom?");
    let nobody = attempt(&store, &Actor::user("anonymous"), |tx| tx.tasks().create(NewTask::new("s")));
    check(&nobody, "not_authenticated", "`anonymous` is never a user's id");
}

/// What nobody says of a new record: its id, where it stands, its place, its time, its preview.
#[test]
fn a_new_record_gets_what_nobody_says() {
    let store = office();
    let (task, session, worktree) = store
        .write(&bo(), |tx| {
            let session = tx.sessions().create(NewSession::new("w", AgenticTool::Codex))?;
            let worktree = tx.worktrees().create(NewWorktree::new("r").name("n").git_ref("main"))?;
            Ok((tx.tasks().create(NewTask::new("s"))?, session, worktree))
        })
        .unwrap();
    assert_eq!((task.status.as_str(), session.status.as_str()), ("created", "idle"));
    let ids = [task.task_id.to_string(), session.session_id.to_string(), worktree.worktree_id.to_string()];
    assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'), "{ids:?}");
    let numbers: i64 = ask(&store, "SELECT count(DISTINCT worktree_unique_id) FROM worktrees");
    assert_eq!((numbers, worktree.worktree_unique_id), (3, 3), "each worktree has a number of its own");

    let say = |new: NewMessage| store.write(&bo(), |tx| tx.messages().create(new)).unwrap();
    let before = Time::now();
    let (first, second) = (say(said("s2", None).index(40)), say(said("s2", None)));
    assert_eq!((first.index, second.index), (40, 41), "at the end of the session");
    assert_eq!(say(NewMessage::new(session.session_id, MessageType::User, MessageRole::User, "x")).index, 0);
    assert!(second.timestamp >= before && second.created_at >= before);
    let old = Time::from_millis(5);
    assert_eq!(say(said("s2", None).timestamp(old)).timestamp, old, "it may have been said before");

    let long = "é".repeat(250);
    for (content, preview) in [
        (json!("short"), Some("short".to_owned())),
        (json!(long), Some("é".repeat(200))),
        (
            json!([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]),
            Some("a\nb".to_owned()),
        ),
        (json!([]), Some(String::new())),
        (json!("a\0b"), Some("a\0b".to_owned())),
        (json!({"status": "pending"}), None),
        (json!(null), None),
    ] {
        let message = say(NewMessage::new("s", MessageType::User, MessageRole::User, content.clone()));
        assert_eq!(message.content_preview, preview, "{content}");
        assert_eq!(message.data().unwrap()["content"], content);
    }
    let patch = |patch: Value| {
        store.write(&bo(), |tx| tx.messages().patch("m", MessagePatch::from_json(patch)?)).unwrap().content_preview
    };
    assert_eq!(patch(json!({"content": "anew"})).as_deref(), Some("anew"), "it follows its content");
    assert_eq!(patch(json!({"status": "queued"})).as_deref(), Some("anew"));
    assert_eq!(patch(json!({"content": "more", "content_preview": "mine"})).as_deref(), Some("mine"));
}
