//! An error tells the daemon's log the whole reason, and its caller only what the caller may know.

use std::error::Error as _;
use std::time::Duration;

use aclite::{
    Actor, Conflict, ConflictKind, Error, Incompatible, MessagePatch, NewTask, NewWorktree, OpenOptions, Result,
    SessionPatch, Sharing, Store, TaskPatch, TaskStatus, WorktreePatch,
};
use serde_json::json;
use tempfile::tempdir;

use crate::support::file::{agor, past_guards, raw, tamper};
use crate::support::{message, session, sql, system, task, worktree, world, world_at};

/// `bo`'s worktree `w`, which others may view, and `hidden`, which they may not; in each a session, task and message.
fn populated() -> Store {
    let store = world();
    for (id, others) in [("w", Sharing::View), ("hidden", Sharing::None)] {
        worktree(&store, id, "bo", others);
        let of = |kind: &str| format!("{kind}-{id}");
        session(&store, &of("s"), id, "bo");
        task(&store, &of("t"), &of("s"), "bo");
        message(&store, &of("m"), &of("s"), Some(&of("t")));
    }
    store
}

fn done() -> TaskPatch {
    TaskPatch::new().status(TaskStatus::Completed)
}

/// One error, whole: its code and status, what the log gets, what the caller gets.
fn row(name: &str, error: &Error) -> String {
    let public = error.public();
    // Nobody may learn from the status what the words hide.
    assert_eq!(public.status == 404, public.code == "not_found", "{name}");
    let mut row = format!("{name}: {} {}\n  log:    {error}\n", error.code(), error.http_status());
    row.push_str(&format!("  public: {} {} {}\n", public.code, public.status, public.message));
    row
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.unwrap_err()
}

#[test]
fn refusals() {
    let store = populated();
    let as_user = |name: &str| Actor::user(name);
    let mut said = String::new();
    let mut say = |name: &str, error: Error| said.push_str(&row(name, &error));

    say("nobody signed in", refused(store.write(&Actor::Anonymous, |tx| tx.tasks().patch("t-w", done()))));
    say("a level is missing", refused(store.write(&as_user("cy"), |tx| tx.tasks().patch("t-w", done()))));
    say("a viewer owns nothing", refused(store.write(&as_user("vi"), |tx| tx.tasks().create(NewTask::new("s-w")))));
    say(
        "a role is missing",
        refused(store.write(&as_user("vi"), |tx| {
            tx.worktrees().create(NewWorktree::new("r").name("n").git_ref("main").id("n"))
        })),
    );
    say(
        "only owners share",
        refused(
            store.write(&as_user("cy"), |tx| tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::All))),
        ),
    );
    say("hidden", refused(store.write(&as_user("cy"), |tx| tx.tasks().patch("t-hidden", done()))));
    say("hidden from a reader", refused(store.read(&as_user("cy"), |tx| tx.messages().get("m-hidden"))));
    say("a hidden parent", refused(store.write(&as_user("cy"), |tx| tx.tasks().create(NewTask::new("s-hidden")))));
    say(
        "out of an executor's scope",
        refused(store.write(&Actor::executor("bo", "s-w", "t-w"), |tx| tx.tasks().remove("t-w"))),
    );
    say("the audit is the daemon's", refused(store.read(&as_user("bo"), |tx| tx.audit().tail(1))));
    say("no such record", refused(store.write(&as_user("bo"), |tx| tx.tasks().patch("nowhere", done()))));
    say("no such parent", refused(store.write(&as_user("bo"), |tx| tx.tasks().create(NewTask::new("nowhere")))));
    let moved = TaskPatch::from_json(json!({ "status": "completed", "session_id": "s-hidden" })).unwrap();
    say("never changeable", refused(store.write(&as_user("bo"), |tx| tx.tasks().patch("t-w", moved))));
    say(
        "a duplicate",
        refused(store.write(&as_user("bo"), |tx| tx.tasks().create(NewTask::new("s-w").id("t-hidden")))),
    );
    say("the last owner", refused(store.write(&as_user("bo"), |tx| tx.worktrees().remove_owner("w", "bo"))));
    store.write(&as_user("bo"), |tx| tx.tasks().patch("t-w", done())).unwrap();
    let late = TaskPatch::new().status(TaskStatus::Stopped);
    say("ended already", refused(store.write(&as_user("bo"), |tx| tx.tasks().patch("t-w", late))));
    sql(&store, "UPDATE users SET unix_username = 'robert' WHERE user_id = 'bo'");
    say("identity drift", refused(store.write(&as_user("bo"), |tx| tx.tasks().create(NewTask::new("s-w")))));
    sql(&store, "UPDATE users SET unix_username = NULL WHERE user_id = 'bo'");
    say("identity drift to none", refused(store.write(&as_user("bo"), |tx| tx.tasks().create(NewTask::new("s-w")))));
    for id in ["0a1b2c3d-0000-7000-8000-000000000001", "0a1b2c3d-0000-7000-8000-000000000002"] {
        session(&store, id, "w", "cy");
    }
    say("ambiguous", refused(store.read(&as_user("cy"), |tx| tx.sessions().resolve("0a1b2c"))));
    say("too short a prefix", refused(store.read(&as_user("cy"), |tx| tx.sessions().resolve("0a1"))));
    say("no object", TaskPatch::from_json(json!([])).unwrap_err());
    say("a wrong type", SessionPatch::from_json(json!({ "archived": "yes" })).unwrap_err());
    say(
        "a column's name in data",
        refused(store.write(&as_user("bo"), |tx| {
            tx.sql().execute("UPDATE tasks SET data = json_set(data, '$.status', 'x') WHERE task_id = 't-w'", [])
        })),
    );
    insta::assert_snapshot!(said, @r#"
    nobody signed in: not_authenticated 401
      log:    not signed in
      public: not_authenticated 401 not signed in
    a level is missing: denied 403
      log:    may not patch task `t-w`: needs `prompt`, holds `view` (others) on worktree `w`
      public: denied 403 may not patch task `t-w`: needs `prompt`, holds `view` (others) on worktree `w`
    a viewer owns nothing: denied 403
      log:    may not create a task in session `s-w`: needs `prompt`, holds `view` (others) on worktree `w`
      public: denied 403 may not create a task in session `s-w`: needs `prompt`, holds `view` (others) on worktree `w`
    a role is missing: denied 403
      log:    may not create worktree `n`: needs `role:member`, holds `none` (role viewer)
      public: denied 403 may not create worktree `n`: needs `role:member`, holds `none` (role viewer)
    only owners share: denied 403
      log:    may not share worktree `w`: needs `owner`, holds `view` (others) on worktree `w`
      public: denied 403 may not share worktree `w`: needs `owner`, holds `view` (others) on worktree `w`
    hidden: denied 403
      log:    may not patch task `t-hidden`: needs `prompt`, holds `none` (others) on worktree `hidden`
      public: not_found 404 there is no task `t-hidden`
    hidden from a reader: denied 403
      log:    may not get message `m-hidden`: needs `view`, holds `none` (others) on worktree `hidden`
      public: not_found 404 there is no message `m-hidden`
    a hidden parent: denied 403
      log:    may not create a task in session `s-hidden`: needs `prompt`, holds `none` (others) on worktree `hidden`
      public: not_found 404 there is no session `s-hidden`
    out of an executor's scope: denied 403
      log:    may not remove task `t-w` on worktree `w`: an executor only reports on its task
      public: denied 403 may not remove task `t-w` on worktree `w`: an executor only reports on its task
    the audit is the daemon's: denied 403
      log:    may not get an audit: needs `system`, holds `none` (nothing): only the daemon may
      public: denied 403 may not get an audit: needs `system`, holds `none` (nothing): only the daemon may
    no such record: not_found 404
      log:    there is no task `nowhere`
      public: not_found 404 there is no task `nowhere`
    no such parent: not_found 404
      log:    there is no session `nowhere`
      public: not_found 404 there is no session `nowhere`
    never changeable: immutable 403
      log:    `session_id` of task `t-w` can't change
      public: immutable 403 `session_id` of task `t-w` can't change
    a duplicate: conflict 409
      log:    task `t-hidden` exists already
      public: conflict 409 task `t-hidden` exists already
    the last owner: conflict 409
      log:    user `bo` is the last owner of worktree `w`
      public: conflict 409 user `bo` is the last owner of worktree `w`
    ended already: conflict 409
      log:    task `t-w` has ended as `completed`
      public: conflict 409 task `t-w` has ended as `completed`
    identity drift: identity_drift 403
      log:    session `s-w` runs as unix user `bo`, and its creator is now `robert`
      public: identity_drift 403 session `s-w` runs as unix user `bo`, and its creator is now `robert`
    identity drift to none: identity_drift 403
      log:    session `s-w` runs as unix user `bo`, and its creator is now without one
      public: identity_drift 403 session `s-w` runs as unix user `bo`, and its creator is now without one
    ambiguous: ambiguous 400
      log:    2 ids start with `0a1b2c`
      public: ambiguous 400 2 ids start with `0a1b2c`
    too short a prefix: invalid 400
      log:    `prefix` must be 6 to 32 hexadecimal digits
      public: invalid 400 `prefix` must be 6 to 32 hexadecimal digits
    no object: invalid 400
      log:    `patch` must be a JSON object
      public: invalid 400 `patch` must be a JSON object
    a wrong type: invalid 400
      log:    `archived` must be true or false
      public: invalid 400 `archived` must be true or false
    a column's name in data: invalid 400
      log:    `status` is a column and can't be a key of `data` too
      public: invalid 400 `status` is a column and can't be a key of `data` too
    "#);
}

#[test]
fn failures() {
    let mut said = String::new();
    let mut say = |name: &str, error: Error| said.push_str(&row(name, &error));
    let store = world();
    say("busy", Error::Busy(Duration::from_millis(5000)));
    say("nested", refused(store.write(&system(), |_| store.write(&system(), |_| Ok(())))));

    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::View);
    session(&store, "s", "w", "bo");
    message(&store, "m", "s", None);
    drop(store);
    past_guards(&path, "messages", "UPDATE messages SET data = 'torn' WHERE message_id = 'm'");
    let store = Store::open(&path).unwrap();
    let torn = refused(store.read(&system(), |tx| tx.messages().get("m")?.data().cloned()));
    assert!(torn.source().is_some(), "the cause is kept: {torn:?}");
    say("a torn row, read", torn);
    let torn = refused(store.write(&system(), |tx| tx.messages().patch("m", MessagePatch::new().set("x", 1))));
    say("a torn row, patched", torn);
    drop(store);
    tamper(&path, "DROP TRIGGER acl_tasks_before_update; DROP VIEW acl_rule; CREATE VIEW acl_rule AS SELECT 1 AS rule");
    say("tampered", refused(Store::open(&path)));
    let path = dir.path().join("open.db");
    let store = world_at(&path);
    Store::detach(&path).unwrap();
    say("detached while it was open", refused(store.write(&system(), |_| Ok(()))));
    insta::assert_snapshot!(said, @r#"
    busy: busy 503
      log:    the database was locked for 5000 ms
      public: busy 503 the database was locked for 5000 ms
    nested: nested 500
      log:    the store was called from inside its own closure
      public: nested 500 the database failed
    a torn row, read: storage 500
      log:    message `m`: column `data`: a value is missing at byte 0
      public: storage 500 the database failed
    a torn row, patched: storage 500
      log:    the guard of message `m` can't decide: the stored `data` is not JSON: a value is missing at byte 0; a status can be set, and System and Service can store another `data`
      public: storage 500 the database failed
    tampered: tampered 500
      log:    the guards of this file were tampered with; missing: trigger `acl_tasks_before_update`; altered: view `acl_rule`
      public: tampered 500 the database failed
    detached while it was open: detached 500
      log:    the guards of this file were taken out while it was open: run `aclite adopt FILE` to put them in again
      public: detached 500 the database failed
    "#);
}

#[cfg(unix)]
#[test]
fn a_moved_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    std::fs::rename(&path, dir.path().join("away.db")).unwrap();
    insta::assert_snapshot!(row("moved while it was open", &refused(store.write(&system(), |_| Ok(())))), @r"
    moved while it was open: storage 500
      log:    the file was moved, removed or replaced while it was open: open the store again
      public: storage 500 the database failed
    ");
}

#[test]
fn incompatible_files() {
    let dir = tempdir().unwrap();
    let fresh = |name: &str| dir.path().join(name);
    let mut said = String::new();
    let mut say = |name: &str, error: Error| {
        assert!(matches!(error, Error::Incompatible(_)), "{name}: {error:?}");
        said.push_str(&row(name, &error));
    };

    say("missing", refused(OpenOptions::new().create(false).open(fresh("missing.db"))));
    std::fs::write(fresh("letter"), "dear ada").unwrap();
    say("no database", refused(Store::open(fresh("letter"))));
    let path = agor(dir.path());
    say("not adopted", refused(Store::open(&path)));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..112].fill(0xff);
    std::fs::write(fresh("damaged"), bytes).unwrap();
    say("damaged", refused(Store::open(fresh("damaged"))));
    tamper(&path, "PRAGMA user_version = 7");
    say("user_version taken", refused(Store::open(&path)));
    tamper(&path, "PRAGMA user_version = 0; ALTER TABLE sessions RENAME COLUMN worktree_id TO branch_id");
    say("branches", refused(aclite::Adoption::new().run(&path)));
    tamper(&path, "ALTER TABLE sessions RENAME COLUMN branch_id TO whose; DROP TABLE messages");
    say("another shape", refused(aclite::Adoption::new().run(&path)));

    let path = fresh("acl.db");
    drop(Store::open(&path).unwrap());
    tamper(&path, "PRAGMA user_version = 99");
    say("newer", refused(Store::open(&path)));
    tamper(&path, "PRAGMA user_version = 1");
    let mut mode = std::fs::metadata(&path).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&path, mode.clone()).unwrap();
    say("read-only", refused(Store::open(&path)));
    #[expect(clippy::permissions_set_readonly_false, reason = "the file lies in a directory of the test's own")]
    mode.set_readonly(false);
    std::fs::set_permissions(&path, mode).unwrap();
    Store::detach(&path).unwrap();
    say("detached", refused(Store::open(&path)));
    insta::assert_snapshot!(said, @r#"
    missing: incompatible 500
      log:    there is no such file
      public: incompatible 500 the database failed
    no database: incompatible 500
      log:    the file is not an sqlite database, or it is encrypted
      public: incompatible 500 the database failed
    not adopted: incompatible 500
      log:    the file holds tables that aclite does not guard yet: adopt it first
      public: incompatible 500 the database failed
    damaged: incompatible 500
      log:    the database is damaged: database disk image is malformed
      public: incompatible 500 the database failed
    user_version taken: incompatible 500
      log:    another program keeps its version, 7, in `user_version` of this file, where aclite keeps its own: where nothing needs it, set it to 0
      public: incompatible 500 the database failed
    branches: incompatible 500
      log:    the file calls worktrees `branches`, a later shape than this aclite knows
      public: incompatible 500 the database failed
    another shape: incompatible 500
      log:    the file can't be adopted: there is no column `sessions.worktree_id`, there is no table `messages`
      public: incompatible 500 the database failed
    newer: incompatible 500
      log:    the file has version 99, this aclite knows versions up to 1
      public: incompatible 500 the database failed
    read-only: incompatible 500
      log:    the file can't be written
      public: incompatible 500 the database failed
    detached: incompatible 500
      log:    the guards of this file were taken out: adopt it again
      public: incompatible 500 the database failed
    "#);
}

#[test]
fn a_locked_file_is_busy_and_says_for_how_long() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    drop(world_at(&path));
    let store = OpenOptions::new().busy_timeout(Duration::from_millis(50)).open(&path).unwrap();
    let other = raw(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = refused(store.write(&system(), |_| Ok(())));
    assert!(matches!(error, Error::Busy(waited) if waited >= Duration::from_millis(40)), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    store.write(&system(), |_| Ok(())).unwrap();
}

/// Word for word: whoever may not view a record learns no more than that it is not there.
#[test]
fn a_hidden_record_is_told_like_one_that_never_was() {
    let (store, empty) = (populated(), world());
    let cy = Actor::user("cy");
    let executor = Actor::executor("cy", "s-w", "t-w");
    for actor in [&cy, &executor, &Actor::user("nobody")] {
        type Ask = fn(&Store, &Actor) -> Error;
        let asked: [(&str, Ask); 14] = [
            ("get worktree", |store, actor| store.read(actor, |tx| tx.worktrees().get("hidden")).unwrap_err()),
            ("get session", |store, actor| store.read(actor, |tx| tx.sessions().get("s-hidden")).unwrap_err()),
            ("get task", |store, actor| store.read(actor, |tx| tx.tasks().get("t-hidden")).unwrap_err()),
            ("get message", |store, actor| store.read(actor, |tx| tx.messages().get("m-hidden")).unwrap_err()),
            ("owners", |store, actor| store.read(actor, |tx| tx.worktrees().owners("hidden")).unwrap_err()),
            ("patch worktree", |store, actor| {
                let patch = WorktreePatch::new().others_can(Sharing::All);
                store.write(actor, |tx| tx.worktrees().patch("hidden", patch)).unwrap_err()
            }),
            ("patch session", |store, actor| {
                let patch = SessionPatch::new().set("title", "mine");
                store.write(actor, |tx| tx.sessions().patch("s-hidden", patch)).unwrap_err()
            }),
            ("patch task", |store, actor| store.write(actor, |tx| tx.tasks().patch("t-hidden", done())).unwrap_err()),
            ("spoof a task", |store, actor| {
                let patch = TaskPatch::from_json(json!({ "status": "completed", "session_id": "s-w" })).unwrap();
                store.write(actor, |tx| tx.tasks().patch("t-hidden", patch)).unwrap_err()
            }),
            ("finish task", |store, actor| store.write(actor, |tx| tx.tasks().finish("t-hidden", done())).unwrap_err()),
            ("patch message", |store, actor| {
                let patch = MessagePatch::new().set("x", 1);
                store.write(actor, |tx| tx.messages().patch("m-hidden", patch)).unwrap_err()
            }),
            ("remove session", |store, actor| store.write(actor, |tx| tx.sessions().remove("s-hidden")).unwrap_err()),
            ("remove message", |store, actor| store.write(actor, |tx| tx.messages().remove("m-hidden")).unwrap_err()),
            ("create task", |store, actor| {
                store.write(actor, |tx| tx.tasks().create(NewTask::new("s-hidden"))).unwrap_err()
            }),
        ];
        for (name, ask) in asked {
            let (hidden, never) = (ask(&store, actor).public(), ask(&empty, actor).public());
            assert_eq!(hidden, never, "{actor:?}: {name}");
            assert_eq!((hidden.code, hidden.status), ("not_found", 404), "{name}");
            let body = serde_json::to_string(&hidden).unwrap();
            assert!(!body.contains("bo") && !body.contains("none"), "{body}");
        }
    }
}

#[test]
fn the_daemon_learns_the_whole_reason() {
    let store = populated();
    let error = refused(store.write(&Actor::user("cy"), |tx| tx.tasks().patch("t-hidden", done())));
    assert!(error.is_denied() && !error.is_visible() && !error.is_not_found());
    let Error::Denied(denied) = &error else { panic!("{error:?}") };
    assert_eq!(
        (denied.resource().as_str(), denied.operation().action.as_str(), denied.id()),
        ("task", "patch", "t-hidden")
    );
    assert_eq!(denied.worktree(), Some("hidden"));
    assert_eq!(denied.held().level.as_str(), "none");

    let error = refused(store.write(&Actor::user("bo"), |tx| tx.worktrees().remove_owner("w", "bo")));
    let Error::Conflict(conflict) = error else { panic!("{error:?}") };
    let of = |conflict: &Conflict| conflict.kind().clone();
    assert_eq!(of(&conflict), ConflictKind::LastOwner(vec!["w".to_owned()]));
}

/// No error of the database's own tells a caller anything, whatever its cause says.
#[test]
fn failures_say_nothing_in_public() {
    let kinds = [
        Incompatible::Corrupt { problem: "secret".to_owned() },
        Incompatible::Shape { problems: vec!["secret".to_owned()] },
        Incompatible::Newer { found: 2, known: 1 },
    ];
    for kind in kinds {
        let error = Error::Incompatible(Box::new(kind));
        assert_eq!(error.public().message, "the database failed");
        assert_eq!((error.http_status(), error.public().status), (500, 500));
    }
    assert_eq!(Error::Detached.public().message, "the database failed");
}
