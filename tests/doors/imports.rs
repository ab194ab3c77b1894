//! The daemon imports what is old, as it was: at every door. Users don't.

use aclite::{
    Actor, AgenticTool, Level, MessageRole, MessageType, NewBoard, NewMessage, NewRepo, NewSession, NewTask, NewUser,
    NewWorktree, Sharing, TaskStatus, Time,
};
use serde_json::json;

use super::host::host;
use super::support::raw::{act_as, run};
use super::support::{ask, audit_after, last_seq, system};

/// Statements with what is old: rows of 1970 and after. `CREATOR` stands for who created them.
const OLD: [&str; 8] = [
    "INSERT INTO users (user_id, created_at, updated_at, email, password, role, data, unix_username)
     VALUES ('old', 0, 5, 'old', 'p', 'member', '{}', 'root')",
    "INSERT INTO repos (repo_id, created_at, updated_at, slug, data) VALUES ('old', 1, 5, 'old', '{}')",
    "INSERT INTO boards (board_id, created_at, updated_at, created_by, name, data)
     VALUES ('old', 2, 5, 'CREATOR', 'old', '{}')",
    "INSERT INTO worktrees (worktree_id, repo_id, created_at, updated_at, created_by, name, ref, worktree_unique_id, data)
     VALUES ('old', 'r', 3, 5, 'CREATOR', 'old', 'main', 77, '{}')",
    "INSERT INTO sessions (session_id, created_at, updated_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
     VALUES ('old', 4, 5, 'CREATOR', 'idle', 'codex', 'w-x', UNIX, '{}')",
    "INSERT INTO tasks (task_id, session_id, created_at, completed_at, status, created_by, data)
     VALUES ('old', 's-x', 5, 6, 'completed', 'CREATOR', '{}')",
    "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data)
     VALUES ('old-2', 's-x', 6, 'stopped', 'CREATOR', '{}')",
    "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
     VALUES ('old', 's-x', 7, 'user', 'user', 70, 7, '{}')",
];

fn by(statement: &str, creator: &str) -> String {
    let unix = match creator {
        "anonymous" => "NULL",
        // Neither the present name of the creator nor none.
        _ => "'long-ago'",
    };
    statement.replace("CREATOR", creator).replace("UNIX", unix)
}

#[test]
fn the_daemon_imports_old_rows_as_they_are() {
    for creator in ["cy", "anonymous"] {
        for door in ["system", "service", "host"] {
            let host = host();
            act_as(&host.conn, &system());
            let seq = last_seq(&host.store);
            for statement in OLD.map(|old| by(old, creator)) {
                let done = match door {
                    "host" => run(&host.conn, &statement),
                    "system" => host
                        .store
                        .write(&system(), |tx| tx.sql().execute(&statement, []))
                        .map_err(|error| error.to_string()),
                    _ => host
                        .store
                        .write(&Actor::service("seeds"), |tx| tx.sql().execute(&statement, []))
                        .map_err(|error| error.to_string()),
                };
                done.unwrap_or_else(|error| panic!("{door} {statement}: {error}"));
            }
            let told = |sql: &str| ask::<String>(&host.store, sql);
            for (table, key, times) in [
                ("users", "user_id", "05"),
                ("repos", "repo_id", "15"),
                ("boards", "board_id", "25"),
                ("worktrees", "worktree_id", "35"),
                ("sessions", "session_id", "45"),
            ] {
                let stamps = told(&format!("SELECT created_at || updated_at FROM {table} WHERE {key} = 'old'"));
                assert_eq!(stamps, times, "{door} {table}");
            }
            let stamp = told("SELECT ifnull(unix_username, 'none') FROM sessions WHERE session_id = 'old'");
            assert_eq!(stamp, if creator == "cy" { "long-ago" } else { "none" });
            assert_eq!(told("SELECT created_at || completed_at FROM tasks WHERE task_id = 'old'"), "56");
            // Nobody knows when it ended: no time is made up.
            assert_eq!(told("SELECT created_at || ifnull(completed_at, '?') FROM tasks WHERE task_id = 'old-2'"), "6?");
            // `anonymous` owns nothing.
            let owners =
                told("SELECT count(*) || ifnull(max(user_id), '') FROM worktree_owners WHERE worktree_id = 'old'");
            assert_eq!(owners, if creator == "cy" { "1cy" } else { "0" });
            let held = host.store.access(&system(), "old", "cy").unwrap().held.level;
            assert_eq!(held, if creator == "cy" { Level::All } else { Level::View });
            let told =
                audit_after(&host.store, seq).into_iter().filter(|row| row.resource == "worktree").collect::<Vec<_>>();
            assert_eq!(told.len(), 1);
        }
    }
}

/// A worktree without an owner is as new to who may what as one with.
#[test]
fn a_worktree_of_nobodys_raises_the_epoch() {
    let host = host();
    let epoch = || ask::<i64>(&host.store, "SELECT epoch FROM acl_epoch");
    for creator in ["anonymous", "cy"] {
        let before = epoch();
        let new = NewWorktree::new("r").name("n").git_ref("main").created_by(creator).others_can(Sharing::View);
        host.store.write(&system(), |tx| tx.worktrees().create(new)).unwrap();
        assert_eq!(epoch(), before + 1, "{creator}");
    }
}

#[test]
fn users_import_nothing() {
    let host = host();
    for old in OLD {
        let statement = by(old, "su");
        let error = host.store.write(&Actor::user("su"), |tx| tx.sql().execute(&statement, [])).unwrap_err();
        assert!(error.to_string().contains(" must be "), "{statement}: {error}");
        host.login("su");
        assert!(run(&host.conn, &statement).unwrap_err().contains(" must be "), "{statement}");
        let error = host.store.write(&Actor::user("su"), |tx| tx.sql().execute(&by(old, "anonymous"), [])).unwrap_err();
        assert!(error.to_string().contains(" must be "), "{old}: {error}");
    }
    // Only the times of a row's own table are old.
    for (table, key) in [("boards", "board_id"), ("worktrees", "worktree_id"), ("sessions", "session_id")] {
        let columns = match table {
            "boards" => "(board_id, created_at, updated_at, created_by, name, data) VALUES ('n', acl_now(), 5, 'su', 'n', '{}')",
            "worktrees" => {
                "(worktree_id, repo_id, created_at, updated_at, created_by, name, ref, worktree_unique_id, data)
                 VALUES ('n', 'r', acl_now(), 5, 'su', 'n', 'main', 78, '{}')"
            }
            _ => {
                "(session_id, created_at, updated_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
                 VALUES ('n', acl_now(), 5, 'su', 'idle', 'codex', 'w-x', 'su', '{}')"
            }
        };
        let error = host
            .store
            .write(&Actor::user("su"), |tx| tx.sql().execute(&format!("INSERT INTO {table} {columns}"), []))
            .unwrap_err();
        assert!(error.to_string().starts_with("`updated_at` must be the present time"), "{key}: {error}");
    }
}

#[test]
fn nothing_is_imported_from_the_future_or_from_nobody() {
    let host = host();
    act_as(&host.conn, &system());
    for (statement, told) in [
        (by(OLD[5], "cy").replace(", 5, 6,", ", acl_now() + 3600000, 6,"), "`created_at` must be the present time, "),
        (by(OLD[5], "cy").replace(", 5, 6,", ", -1, 6,"), "`created_at` must be the present time, "),
        (by(OLD[3], "cy").replace(", 3, 5,", ", 3, acl_now() + 3600000,"), "`updated_at` must be the present time, "),
        (by(OLD[3], "ghost"), "`created_by` must name an existing user, or be `anonymous`"),
        (by(OLD[4], "anonymous").replace("NULL", "'root'"), "`unix_username` must be NULL"),
        (
            "UPDATE sessions SET updated_at = acl_now() + 3600000 WHERE session_id = 's-x'".to_owned(),
            "`updated_at` must be the present time, ",
        ),
    ] {
        let error = host.store.write(&system(), |tx| tx.sql().execute(&statement, [])).unwrap_err();
        assert!(error.to_string().starts_with(told), "{statement}: {error}");
        let told = told.split('`').nth(1).unwrap();
        assert!(run(&host.conn, &statement).unwrap_err().contains(told), "{statement}");
    }
}

/// By the API too, where the daemon names a creator: what it says of old records is kept, a user's is not.
#[test]
fn the_api_imports_for_the_daemon_alone() {
    let host = host();
    let old = json!("2001-02-03T04:05:06.000Z");
    let when = Time::from_millis(981_173_106_000);
    let write = |actor: &Actor, creator: &str| {
        let creator = creator.to_owned();
        host.store.write(actor, |tx| {
            let session = NewSession::new("w-x", AgenticTool::Codex)
                .created_by(creator.clone())
                .set("created_at", old.clone())
                .set("updated_at", old.clone())
                .set("unix_username", if creator == "anonymous" { json!(null) } else { json!("long-ago") });
            let session = tx.sessions().create(session)?;
            let task = NewTask::new("s-x")
                .created_by(creator.clone())
                .status(TaskStatus::Stopped)
                .set("created_at", old.clone());
            let task = tx.tasks().create(task)?;
            assert_eq!(task, tx.tasks().get(task.task_id.clone())?);
            let worktree = NewWorktree::new("r")
                .name("n")
                .git_ref("main")
                .created_by(creator.clone())
                .set("created_at", old.clone());
            let worktree = tx.worktrees().create(worktree)?;
            let message =
                NewMessage::new("s-x", MessageType::User, MessageRole::User, "x").set("created_at", old.clone());
            let message = tx.messages().create(message)?;
            let board =
                tx.boards().create(NewBoard::new("b").created_by(creator.clone()).set("created_at", old.clone()))?;
            Ok((session, task, worktree, message, board))
        })
    };
    for creator in ["cy", "anonymous"] {
        let (session, task, worktree, message, board) = write(&system(), creator).unwrap();
        let stamp = (creator == "cy").then_some("long-ago");
        assert_eq!(
            (session.created_at, session.updated_at, session.unix_username.as_deref()),
            (when, Some(when), stamp)
        );
        assert_eq!((task.created_at, task.completed_at), (when, None));
        assert_eq!(
            (worktree.created_at, worktree.updated_at, worktree.created_by.as_str()),
            (when, Some(when), creator)
        );
        assert_eq!((message.created_at, board.created_at, board.updated_at), (when, when, Some(when)));
        let owners = host.store.read(&system(), |tx| tx.worktrees().owners(worktree.worktree_id)).unwrap();
        assert_eq!(owners.len(), usize::from(creator == "cy"));
    }
    let (session, task, worktree, message, board) = write(&Actor::user("cy"), "cy").unwrap();
    assert_eq!(session.unix_username.as_deref(), Some("cy"));
    assert!(task.completed_at.is_some());
    for time in [session.created_at, task.created_at, worktree.created_at, message.created_at, board.created_at] {
        assert!(time > when);
    }
    let (user, repo) = host
        .store
        .write(&system(), |tx| {
            let user = NewUser::new("x@example.com").password("p").set("created_at", old.clone());
            Ok((tx.users().create(user)?, tx.repos().create(NewRepo::new("x").set("created_at", old.clone()))?))
        })
        .unwrap();
    assert_eq!((user.created_at, repo.created_at), (when, when));
}
