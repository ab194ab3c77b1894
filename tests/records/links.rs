//! A session runs as its creator, and a worktree keeps an owner; messages and sessions name only allowed records.

use aclite::{
    Actor, AgenticTool, ConflictKind, Error, MessagePatch, NewSession, NewTask, Result, SessionPatch, Sharing,
    TaskPatch, Tx,
};
use serde_json::json;

use crate::support::office::{bo, check, check_told, executor, office, said};
use crate::support::{add_user, attempt, session, sql, system, verdict, worktree};

#[test]
fn a_session_runs_as_the_unix_user_of_its_creation_or_not_at_all() {
    let store = office();
    add_user(&store, "eve", "member");
    sql(&store, "UPDATE users SET unix_username = NULL WHERE user_id = 'eve'");
    session(&store, "unstamped", "w", "eve");
    let create = |actor: &Actor, session: &str| {
        let task = attempt(&store, actor, |tx| tx.tasks().create(NewTask::new(session).created_by("bo")));
        let message = attempt(&store, actor, |tx| tx.messages().create(said(session, None)));
        assert_eq!(verdict(&task), verdict(&message), "{actor:?} {session}");
        task
    };
    #[rustfmt::skip]
    let drifts = [
        // bo's name now           in `s` of bo      in eve's `unstamped`
        ("'bo'",                  "ok",             "ok"),
        ("'bo2'",                 "identity_drift", "ok"),
        ("NULL",                  "identity_drift", "ok"),
        ("'Bo'",                  "identity_drift", "ok"),
        ("'bo'",                  "ok",             "ok"),
    ];
    for (name, in_s, unstamped) in drifts {
        sql(&store, &format!("UPDATE users SET unix_username = {name} WHERE user_id = 'bo'"));
        sql(&store, &format!("UPDATE users SET unix_username = {name} WHERE user_id = 'eve'"));
        for actor in [bo(), system()] {
            check(&create(&actor, "s"), in_s, &format!("{actor:?} as {name}"));
            check(&create(&actor, "unstamped"), unstamped, &format!("{actor:?} as {name}, unstamped"));
        }
        // What runs already may still be told about.
        let patch = attempt(&store, &executor(), |tx| tx.tasks().finish("t", TaskPatch::new().status("completed")));
        check(&patch, "ok", name);
    }
    sql(&store, "UPDATE users SET unix_username = 'bo2' WHERE user_id = 'bo'");
    let drift = create(&bo(), "s").unwrap_err();
    assert_eq!(drift.to_string(), "session `s` runs as unix user `bo`, and its creator is now `bo2`");
    let stamp = attempt(&store, &bo(), |tx| tx.sessions().create(NewSession::new("w", AgenticTool::Codex))).unwrap();
    assert_eq!(stamp.unix_username.as_deref(), Some("bo2"));
}

#[test]
fn the_last_owner_stays() {
    let store = office();
    let remove = |tx: &Tx<'_>, user: &str| tx.worktrees().remove_owner("w", user);
    let last = |outcome: &Result<()>| match outcome {
        Err(Error::Conflict(conflict)) => conflict.kind() == &ConflictKind::LastOwner(vec!["w".to_owned()]),
        _ => false,
    };
    for actor in [bo(), system(), Actor::user("su")] {
        assert!(last(&attempt(&store, &actor, |tx| remove(tx, "bo"))), "{actor:?}");
        let raw = attempt(&store, &actor, |tx| {
            tx.sql().execute("DELETE FROM worktree_owners WHERE worktree_id = 'w'", []).map(drop)
        });
        assert!(last(&raw), "{actor:?}");
    }
    // An owner who only may view manages nothing.
    store.write(&bo(), |tx| tx.worktrees().add_owner("w", "vi")).unwrap();
    assert!(last(&attempt(&store, &bo(), |tx| remove(tx, "bo"))));
    check(&attempt(&store, &bo(), |tx| remove(tx, "vi")), "ok", "the viewer may go");
    let swapped = attempt(&store, &bo(), |tx| {
        tx.worktrees().add_owner("w", "cy")?;
        remove(tx, "bo")?;
        remove(tx, "cy")
    });
    check(&swapped, "denied", "a user who no longer owns it removes nobody");
    let all = attempt(&store, &system(), |tx| {
        tx.worktrees().add_owner("w", "cy")?;
        tx.sql().execute("DELETE FROM worktree_owners WHERE worktree_id = 'w'", [])
    });
    check(&all, "conflict", "both in one statement");
}

#[test]
fn a_message_names_a_task_of_its_own_session() {
    let store = office();
    let words = "`task_id` is not a task of this session";
    for task in ["t2", "ft", "nope"] {
        for actor in [bo(), system()] {
            check_told(&attempt(&store, &actor, |tx| tx.messages().create(said("s", Some(task)))), "invalid", words);
            let patch =
                attempt(&store, &actor, |tx| tx.messages().patch("m", MessagePatch::new().set("task_id", task)));
            check_told(&patch, "invalid", words);
            let raw = format!("UPDATE messages SET task_id = '{task}' WHERE message_id = 'm'");
            check_told(&attempt(&store, &actor, |tx| tx.sql().execute(&raw, [])), "invalid", words);
        }
    }
    for task in [json!("other"), json!("hers"), json!(null)] {
        let patch =
            attempt(&store, &bo(), |tx| tx.messages().patch("m", MessagePatch::new().set("task_id", task.clone())));
        check(&patch, "ok", &task.to_string());
    }
}

#[test]
fn a_session_comes_from_where_its_creator_may_look() {
    let store = office();
    let words = |field: &str| format!("`{field}` is not a session that its creator may view");
    worktree(&store, "look", "dee", Sharing::View);
    session(&store, "seen", "look", "dee");
    for field in ["parent_session_id", "forked_from_session_id"] {
        #[rustfmt::skip]
        let origins = [
            // who creates   for whom  from   told
            (bo(),          None,       "s2",   "ok"),
            (bo(),          None,       "fs",   "invalid"),
            (bo(),          None,       "nope", "invalid"),
            (Actor::user("cy"), None,   "fs",   "ok"),
            (Actor::user("cy"), None,   "seen", "ok"),      // to look is enough
            (Actor::user("su"), None,   "fs",   "ok"),
            (system(),      Some("bo"), "fs",   "invalid"), // the daemon may look; `bo` may not
            (system(),      Some("cy"), "fs",   "ok"),
        ];
        sql(&store, "UPDATE worktrees SET others_can = 'session' WHERE worktree_id = 'w'");
        for (actor, creator, origin, expected) in origins {
            let new = NewSession::new("w", AgenticTool::Codex).set(field, origin);
            let new = creator.into_iter().fold(new, |new, creator| new.created_by(creator));
            let created = attempt(&store, &actor, |tx| tx.sessions().create(new));
            check(&created, expected, &format!("{field} {origin} by {actor:?}"));
            if expected == "invalid" {
                check_told(&created, "invalid", &words(field));
            }
        }
        for (origin, expected) in [("s2", "ok"), ("fs", "invalid"), ("nope", "invalid")] {
            for actor in [bo(), system(), Actor::user("su")] {
                let patch =
                    attempt(&store, &actor, |tx| tx.sessions().patch("s", SessionPatch::new().set(field, origin)));
                check(&patch, expected, &format!("patching {field} to {origin} by {actor:?}"));
                let raw = format!("UPDATE sessions SET {field} = '{origin}' WHERE session_id = 's'");
                check(&attempt(&store, &actor, |tx| tx.sql().execute(&raw, [])), expected, &raw);
            }
        }
    }
}
