//! An id or prefix finds what its reader may view; what can be no id is refused at every method.

use aclite::{
    Actor, AgenticTool, Error, MessagePatch, MessageQuery, NewSession, NewTask, NewWorktree, Result, SessionPatch,
    SessionQuery, Sharing, Store, TaskPatch, TaskQuery, Tx, WorktreePatch, WorktreeQuery,
};

use crate::support::office::{bo, check, check_told, office, said};
use crate::support::{ask, attempt, session, task, worktree, world};

// ---- ids and prefixes ---------------------------------------------------------------------------

#[test]
fn a_prefix_finds_what_its_reader_may_view_and_nothing_else() {
    let store = world();
    worktree(&store, "w", "bo", Sharing::None);
    worktree(&store, "far", "cy", Sharing::None);
    for (id, w, creator) in [
        ("0199aaaa-0000-7000-8000-000000000001", "w", "bo"),
        ("0199aaaa-0000-7000-8000-000000000002", "far", "cy"),
        ("0199bbbb-0000-7000-8000-000000000003", "w", "bo"),
        ("0199bbbb-0000-7000-8000-000000000004", "w", "bo"),
    ] {
        session(&store, id, w, creator);
        task(&store, id, id, creator);
    }
    #[rustfmt::skip]
    let prefixes = [
        // prefix                                 bo             cy             su
        ("0199aaaa",                             "…1",          "…2",          "2 ambiguous"),
        ("0199AAAA-00",                          "…1",          "…2",          "2 ambiguous"),
        ("0199aaaa000070008000000000000001",     "…1",          "not_found",   "…1"),
        ("0199aaaa-0000-7000-8000-000000000002", "not_found",   "…2",          "…2"),
        ("0199bbbb",                             "2 ambiguous", "not_found",   "2 ambiguous"),
        ("0199bb",                               "2 ambiguous", "not_found",   "2 ambiguous"),
        ("0199cc",                               "not_found",   "not_found",   "not_found"),
        ("0199a",                                "invalid",     "invalid",     "invalid"),
        ("0199%%%%",                             "invalid",     "invalid",     "invalid"),
        ("0199a_",                               "invalid",     "invalid",     "invalid"),
        ("0199a*",                               "invalid",     "invalid",     "invalid"),
        ("",                                     "invalid",     "invalid",     "invalid"),
    ];
    for (prefix, bo, cy, su) in prefixes {
        for (user, expected) in [("bo", bo), ("cy", cy), ("su", su)] {
            check_prefix(&store, user, prefix, expected);
        }
    }
    let nobody = store.read(&Actor::Anonymous, |tx| tx.tasks().resolve("0199aaaa"));
    check(&nobody, "not_authenticated", "nobody");
    let hidden = store.read(&bo(), |tx| tx.tasks().resolve("0199aaaa-0000-7000-8000-000000000002")).unwrap_err();
    let missing = store.read(&bo(), |tx| tx.tasks().resolve("0199aaaa-0000-7000-8000-000000000009")).unwrap_err();
    assert_eq!(hidden.to_string().replace("002", "009"), missing.to_string());
}

#[track_caller]
fn check_prefix(store: &Store, user: &str, prefix: &str, expected: &str) {
    let actor = Actor::user(user);
    let told = |outcome: Result<String>| match outcome {
        Ok(id) => format!("…{}", id.chars().next_back().unwrap()),
        Err(Error::Ambiguous(ambiguous)) => format!("{} ambiguous", ambiguous.count()),
        Err(error) => error.code().to_owned(),
    };
    let task = store.read(&actor, |tx| tx.tasks().resolve(prefix).map(|id| id.to_string()));
    let session = store.read(&actor, |tx| tx.sessions().resolve(prefix).map(|id| id.to_string()));
    assert_eq!((told(task).as_str(), told(session).as_str()), (expected, expected), "{user}: {prefix}");
}

#[test]
fn wildcards_and_quotes_in_ids_are_just_characters() {
    let store = office();
    for id in ["%", "_", "*", "t%", "' OR 1 --", "\"", "?1", "{{moved}}", "é", "a b"] {
        let get = store.read(&bo(), |tx| tx.tasks().get(id));
        check(&get, "not_found", id);
        check(&attempt(&store, &bo(), |tx| tx.tasks().remove(id)), "not_found", id);
        let page = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().session(id))).unwrap();
        assert!(page.items.is_empty(), "{id}");
        let created = store.write(&bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))).unwrap();
        assert_eq!(created.task_id.as_str(), id);
        let patched = store.write(&bo(), |tx| tx.tasks().patch(id, TaskPatch::new().set("model", "m"))).unwrap();
        assert_eq!(patched.task.task_id.as_str(), id);
    }
    let patched: i64 = ask(&store, "SELECT count(*) FROM tasks WHERE json_extract(data, '$.model') = 'm'");
    assert_eq!(patched, 10, "each patch found its one row");
}

// ---- data ---------------------------------------------------------------------------------------

/// Every method that takes an id, and every filter: what can be no id is no id there either.
#[test]
fn an_id_that_nothing_can_have_is_invalid_at_every_method() {
    let store = office();
    let (board, repo) = ("board_id", "repo_id");
    type Call<'a> = Box<dyn Fn(&Tx<'_>, &str) -> Result<()> + 'a>;
    let calls: Vec<(&str, &str, Call<'_>)> = vec![
        ("task get", "task_id", Box::new(|tx, id| tx.tasks().get(id).map(drop))),
        (
            "task patch",
            "task_id",
            Box::new(|tx, id| tx.tasks().patch(id, TaskPatch::new().set("model", "m")).map(drop)),
        ),
        (
            "task finish",
            "task_id",
            Box::new(|tx, id| tx.tasks().finish(id, TaskPatch::new().status("failed")).map(drop)),
        ),
        ("task remove", "task_id", Box::new(|tx, id| tx.tasks().remove(id))),
        ("task create", "task_id", Box::new(|tx, id| tx.tasks().create(NewTask::new("s").id(id)).map(drop))),
        ("task of", "session_id", Box::new(|tx, id| tx.tasks().create(NewTask::new(id)).map(drop))),
        ("task for", "created_by", Box::new(|tx, id| tx.tasks().create(NewTask::new("s").created_by(id)).map(drop))),
        ("tasks of", "session_id", Box::new(|tx, id| tx.tasks().find(&TaskQuery::new().session(id)).map(drop))),
        ("tasks by", "created_by", Box::new(|tx, id| tx.tasks().find(&TaskQuery::new().created_by(id)).map(drop))),
        ("task prefix", "prefix", Box::new(|tx, id| tx.tasks().resolve(id).map(drop))),
        ("message get", "message_id", Box::new(|tx, id| tx.messages().get(id).map(drop))),
        ("message patch", "message_id", Box::new(|tx, id| tx.messages().patch(id, MessagePatch::new()).map(drop))),
        ("message remove", "message_id", Box::new(|tx, id| tx.messages().remove(id))),
        ("message create", "message_id", Box::new(|tx, id| tx.messages().create(said("s", None).id(id)).map(drop))),
        ("message in", "session_id", Box::new(|tx, id| tx.messages().create(said(id, None)).map(drop))),
        ("message of", "task_id", Box::new(|tx, id| tx.messages().create(said("s", Some(id))).map(drop))),
        ("messages in", "session_id", Box::new(|tx, id| tx.messages().create_many([said(id, None)]).map(drop))),
        (
            "message to",
            "task_id",
            Box::new(|tx, id| tx.messages().patch("m", MessagePatch::new().set("task_id", id)).map(drop)),
        ),
        (
            "messages of",
            "session_id",
            Box::new(|tx, id| tx.messages().find(&MessageQuery::new().session(id)).map(drop)),
        ),
        ("messages to", "task_id", Box::new(|tx, id| tx.messages().find(&MessageQuery::new().task(id)).map(drop))),
        ("session get", "session_id", Box::new(|tx, id| tx.sessions().get(id).map(drop))),
        (
            "session patch",
            "session_id",
            Box::new(|tx, id| tx.sessions().patch(id, SessionPatch::new().archived(true)).map(drop)),
        ),
        (
            "session board",
            board,
            Box::new(|tx, id| tx.sessions().patch("s", SessionPatch::new().set("board_id", id)).map(drop)),
        ),
        ("session remove", "session_id", Box::new(|tx, id| tx.sessions().remove(id))),
        (
            "session in",
            "worktree_id",
            Box::new(|tx, id| tx.sessions().create(NewSession::new(id, AgenticTool::Codex)).map(drop)),
        ),
        (
            "sessions in",
            "worktree_id",
            Box::new(|tx, id| tx.sessions().find(&SessionQuery::new().worktree(id)).map(drop)),
        ),
        (
            "sessions by",
            "created_by",
            Box::new(|tx, id| tx.sessions().find(&SessionQuery::new().created_by(id)).map(drop)),
        ),
        ("session prefix", "prefix", Box::new(|tx, id| tx.sessions().resolve(id).map(drop))),
        ("worktree get", "worktree_id", Box::new(|tx, id| tx.worktrees().get(id).map(drop))),
        (
            "worktree patch",
            "worktree_id",
            Box::new(|tx, id| tx.worktrees().patch(id, WorktreePatch::new().name("x")).map(drop)),
        ),
        ("worktree remove", "worktree_id", Box::new(|tx, id| tx.worktrees().remove(id))),
        (
            "worktree of",
            repo,
            Box::new(|tx, id| tx.worktrees().create(NewWorktree::new(id).name("n").git_ref("main")).map(drop)),
        ),
        ("worktrees of", repo, Box::new(|tx, id| tx.worktrees().find(&WorktreeQuery::new().repo(id)).map(drop))),
        (
            "worktrees by",
            "created_by",
            Box::new(|tx, id| tx.worktrees().find(&WorktreeQuery::new().created_by(id)).map(drop)),
        ),
        ("worktree prefix", "prefix", Box::new(|tx, id| tx.worktrees().resolve(id).map(drop))),
        ("owners", "worktree_id", Box::new(|tx, id| tx.worktrees().owners(id).map(drop))),
        ("owner of", "worktree_id", Box::new(|tx, id| tx.worktrees().add_owner(id, "cy").map(drop))),
        ("new owner", "user_id", Box::new(|tx, id| tx.worktrees().add_owner("w", id).map(drop))),
        ("owner gone from", "worktree_id", Box::new(|tx, id| tx.worktrees().remove_owner(id, "bo"))),
        ("owner gone", "user_id", Box::new(|tx, id| tx.worktrees().remove_owner("w", id))),
    ];
    for (what, field, call) in calls {
        for id in ["", &"x".repeat(65), &"é".repeat(33), "a\0b"] {
            let outcome = attempt(&store, &bo(), |tx| call(tx, id));
            let Err(Error::Invalid(invalid)) = &outcome else { panic!("{what} `{id}`: {outcome:?}") };
            assert_eq!(invalid.field(), field, "{what}");
            assert!(id.is_empty() || !outcome.unwrap_err().to_string().contains(id), "{what}: not repeated");
        }
        // 64 bytes are an id that nobody has, or that anybody may have.
        let outcome = attempt(&store, &bo(), |tx| call(tx, &"x".repeat(64)));
        let id_is_none = matches!(&outcome, Err(Error::Invalid(invalid)) if invalid.problem().contains("64 bytes"));
        assert!(!id_is_none, "{what}: {outcome:?}");
    }
}

#[test]
fn an_id_that_is_taken_is_a_conflict_that_says_nothing_more() {
    let store = office();
    for (id, of) in [("t2", "one that she may view"), ("ft", "a hidden one")] {
        let dee = Actor::user("dee");
        let created = attempt(&store, &dee, |tx| tx.tasks().create(NewTask::new("s").id(id)));
        check_told(&created, "conflict", &format!("task `{id}` exists already"));
        let raw = format!(
            "INSERT OR REPLACE INTO tasks (task_id, session_id, created_at, created_by, status, data)
             VALUES ('{id}', 's', acl_now(), 'dee', 'created', '{{}}')"
        );
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&raw, [])), "conflict", of);
        let upsert = raw.replace("OR REPLACE ", "") + " ON CONFLICT (task_id) DO UPDATE SET status = 'completed'";
        // SQL may patch what dee may patch, and leave what she may view.
        let told = if id == "t2" { "ok" } else { "conflict" };
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&upsert, [])), told, of);
        let ignore = raw.replace("REPLACE", "IGNORE");
        check(&attempt(&store, &dee, |tx| tx.sql().execute(&ignore, [])), told, of);
    }
}
