//! Each kind of error reaches a host as a result code and a text that begins with its word.

use std::collections::BTreeSet;

use aclite::{Sharing, Store};
use rusqlite::{Connection, ffi};

use super::host::{Host, PATCH, host};
use crate::support::raw::{self, refusal, run};
use crate::support::{add_user, message, places, session, sql, system, task, worktree, world_at};

/// A statement after what it needs (who is signed in, and statements); its result code, the word, and some of what follows where
/// that matters.
const REFUSALS: &[(&str, &str, i32, &str, &str)] = &[
    ("", PATCH, ffi::SQLITE_AUTH_USER, "not_authenticated", "not signed in"),
    ("", "SELECT acl_login('nobody')", ffi::SQLITE_AUTH_USER, "not_authenticated", "no such user"),
    ("", "SELECT acl_seal()", ffi::SQLITE_AUTH_USER, "not_authenticated", "nobody is signed in"),
    (
        "cy",
        "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'",
        ffi::SQLITE_AUTH,
        "denied",
        "may not patch task `t-w`: needs",
    ),
    ("cy", "UPDATE acl_rules SET needs = 'none'", ffi::SQLITE_AUTH, "denied", "may not "),
    ("cy", "DELETE FROM acl_audit", ffi::SQLITE_AUTH, "denied", "may not "),
    ("cy", "INSERT INTO acl_audit (at) VALUES (1)", ffi::SQLITE_AUTH, "denied", "may not "),
    (
        "cy",
        "UPDATE users SET name = acl_login('bo') WHERE user_id = 'cy'",
        ffi::SQLITE_AUTH,
        "denied",
        "acl_login() can't be called",
    ),
    ("cy", PATCH, ffi::SQLITE_AUTH, "not_found", "there is no task `t-v`"),
    (
        "cy",
        "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('n', 's-v', acl_now(), 'created', 'cy', '{}')",
        ffi::SQLITE_AUTH,
        "not_found",
        "there is no session `s-v`",
    ),
    (
        "bo",
        "UPDATE tasks SET session_id = 's-w' WHERE task_id = 't-v'",
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        "immutable",
        "`session_id` of task `t-v` can't change",
    ),
    (
        "bo",
        "UPDATE tasks SET status = 'failed' WHERE task_id = 't-ended'",
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        "conflict",
        "task `t-ended` has ended as `completed`",
    ),
    (
        "drifted",
        "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('n', 's-drifted', acl_now(), 'created', 'drifted', '{}')",
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        "identity_drift",
        "session `s-drifted` runs as unix user `drifted`",
    ),
    ("", "SELECT acl_login('BO@example.com')", ffi::SQLITE_CONSTRAINT_TRIGGER, "ambiguous", ""),
    ("bo", "UPDATE tasks SET data = '[]' WHERE task_id = 't-v'", ffi::SQLITE_CONSTRAINT_TRIGGER, "invalid", "`data` "),
    (
        "bo",
        "UPDATE tasks SET data = acl_merge(data, '[]') WHERE task_id = 't-v'",
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        "invalid",
        "`data` can't be merged",
    ),
    ("", "SELECT acl_merge('{}', 1)", ffi::SQLITE_CONSTRAINT_TRIGGER, "invalid", "`data` can't be merged"),
    ("", "SELECT acl_login(1)", ffi::SQLITE_CONSTRAINT_TRIGGER, "invalid", ""),
    ("", "SELECT acl_login('bo', 'now')", ffi::SQLITE_CONSTRAINT_TRIGGER, "invalid", "the "),
    ("", "SELECT acl_system('')", ffi::SQLITE_CONSTRAINT_TRIGGER, "invalid", ""),
    (
        "bo / PRAGMA foreign_keys = 0",
        PATCH,
        ffi::SQLITE_ERROR,
        "storage",
        "the guard can't verify this connection: `foreign_keys` is off",
    ),
    (
        "bo / CREATE TEMP TRIGGER own AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END",
        PATCH,
        ffi::SQLITE_ERROR,
        "storage",
        "the guard can't verify this connection: ",
    ),
    (
        "bo / BEGIN",
        "SELECT acl_seal()",
        ffi::SQLITE_CONSTRAINT_TRIGGER,
        "conflict",
        "that needs a connection with no transaction open",
    ),
    ("bo / BEGIN", "SELECT acl_system('repair')", ffi::SQLITE_CONSTRAINT_TRIGGER, "conflict", ""),
    (
        "bo / DROP TRIGGER acl_tasks_after_update",
        "SELECT acl_seal()",
        ffi::SQLITE_ERROR,
        "tampered",
        "the guards of this file were tampered with",
    ),
];

/// Fails unless `statement` is refused with this code, word and text.
#[track_caller]
fn refuses(conn: &Connection, statement: &str, (code, word, text): (i32, &str, &str)) {
    let (found, told) = refusal(conn, statement);
    assert_eq!(found, code, "{statement}: {told}");
    assert!(told.starts_with(&format!("aclite: {word}: {text}")), "{statement}: {told}");
}

fn prepared() -> Host {
    let host = host();
    // A session whose creator has another unix name by now, two users with one address but for its case, a task that has ended.
    add_user(&host.store, "drifted", "member");
    worktree(&host.store, "w-drifted", "drifted", Sharing::None);
    session(&host.store, "s-drifted", "w-drifted", "drifted");
    sql(&host.store, "UPDATE users SET unix_username = 'other' WHERE user_id = 'drifted'");
    sql(&host.store, "UPDATE users SET email = 'Bo@Example.com' WHERE user_id = 'vi'");
    task(&host.store, "t-ended", "s-v", "bo");
    sql(&host.store, "UPDATE tasks SET status = 'completed', completed_at = acl_now() WHERE task_id = 't-ended'");
    host
}

#[test]
fn every_refusal_has_the_code_and_the_word_of_its_kind() {
    let mut words = BTreeSet::new();
    for &(before, statement, code, word, text) in REFUSALS {
        let host = prepared();
        let mut before = before.split(" / ");
        if let Some(user) = before.next().filter(|user| !user.is_empty()) {
            host.login(user);
        }
        before.for_each(|first| run(&host.conn, first).map(drop).unwrap());
        refuses(&host.conn, statement, (code, word, text));
        words.insert(word);
    }
    // The others need a file or a lock of their own: below. `nested` and no other is the Rust API's alone.
    words.extend(["busy", "detached", "incompatible"]);
    assert_eq!(words.len(), 13, "{words:?}");
}

#[test]
fn a_file_that_is_locked_detached_or_not_guarded_has_its_own_words() {
    let host = host();
    let other = Connection::open(&host.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    refuses(&host.conn, "SELECT acl_system('repair')", (ffi::SQLITE_BUSY, "busy", ""));
    other.execute_batch("ROLLBACK").unwrap();

    host.login("bo");
    Store::detach(&host.path).unwrap();
    let detached =
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "detached", "the guards of this file were taken out: run `aclite adopt");
    refuses(&host.conn, PATCH, detached);
    refuses(&host.conn, "SELECT acl_seal()", (ffi::SQLITE_ERROR, "incompatible", ""));
    refuses(&host.conn, "SELECT acl_login('bo')", detached);

    let bare = raw::open(&host.dir.path().join("bare.db"));
    refuses(&bare, "SELECT acl_login('bo')", (ffi::SQLITE_ERROR, "incompatible", ""));
    refuses(&bare, "SELECT acl_check()", (ffi::SQLITE_ERROR, "incompatible", "the file "));
    let memory = Connection::open_in_memory().unwrap();
    raw::load(&memory).unwrap();
    refuses(&memory, "SELECT acl_adopt()", (ffi::SQLITE_ERROR, "incompatible", ""));
}

/// Neither the code nor the text tells a record that `cy` may not view from one that never was.
#[test]
fn a_hidden_record_fails_as_a_missing_one_does() {
    let host = host();
    host.login("cy");
    let task = |session: &str| {
        let columns = "task_id, session_id, created_at, status, created_by, data";
        format!("INSERT INTO tasks ({columns}) VALUES ('n', '{session}', acl_now(), 'created', 'cy', '{{}}')")
    };
    let (hidden, missing) = (refusal(&host.conn, &task("s-v")), refusal(&host.conn, &task("s-never")));
    assert_eq!((hidden.0, hidden.1.replace("s-v", "s-never")), missing);
}

/// No code of ours makes SQLite roll back more than the statement, under any OR clause but ROLLBACK.
#[test]
fn a_refusal_ends_its_statement_alone() {
    for (user, statement) in
        REFUSALS.iter().filter(|refusal| !refusal.0.contains('/')).map(|refusal| (refusal.0, refusal.1))
    {
        let host = prepared();
        host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
        if !user.is_empty() {
            host.login(user);
        }
        for clause in ["", " OR ABORT", " OR FAIL", " OR IGNORE"] {
            let statement = ["INSERT", "UPDATE"].iter().fold(statement.to_owned(), |statement, verb| {
                statement.strip_prefix(verb).map_or(statement.clone(), |rest| format!("{verb}{clause}{rest}"))
            });
            host.conn.execute_batch("BEGIN; INSERT INTO mine VALUES (1)").unwrap();
            let told = refusal(&host.conn, &statement);
            assert!(told.1.starts_with("aclite: "), "{statement}: {told:?}");
            assert!(!host.conn.is_autocommit(), "{statement}");
            assert_eq!(run(&host.conn, "DELETE FROM mine RETURNING a"), Ok(1), "{statement}");
            host.conn.execute_batch("ROLLBACK").unwrap();
        }
    }
}

/// On a connection of ours the typed error says everything, whatever SQLite was told.
#[test]
fn the_api_answers_with_the_whole_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("own.db"));
    places(&store, Sharing::View);
    task(&store, "t-2", "s-w", "bo");
    message(&store, "m-2", "s-w", Some("t-2"));
    let attempt = |user: &str, statement: &str| {
        store.write(&aclite::Actor::user(user), |tx| tx.sql().execute(statement, [])).unwrap_err()
    };
    let denied = attempt("cy", "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'");
    let aclite::Error::Denied(denied) = &denied else { panic!("{denied:?}") };
    assert_eq!((denied.id(), denied.worktree(), denied.held().level.as_str()), ("t-w", Some("w-w"), "view"));
    for (user, statement, code) in [
        ("cy", PATCH, "denied"),
        ("bo", "UPDATE tasks SET session_id = 's-w' WHERE task_id = 't-v'", "immutable"),
        ("bo", "UPDATE tasks SET data = '[]' WHERE task_id = 't-v'", "invalid"),
        ("bo", "UPDATE tasks SET data = acl_merge(data, '[]') WHERE task_id = 't-v'", "invalid"),
        ("bo", "PRAGMA foreign_keys = 0", "invalid"),
    ] {
        assert_eq!(attempt(user, statement).code(), code, "{statement}");
    }
    // A trigger of the embedder's that refuses with a code of ours says what it says, and is no refusal of aclite's.
    Connection::open(dir.path().join("own.db"))
        .unwrap()
        .execute_batch("CREATE TABLE notes (a); CREATE TRIGGER no BEFORE INSERT ON notes BEGIN SELECT RAISE(ABORT, 'aclite: denied: x'); END")
        .unwrap();
    let own = store.write(&system(), |tx| tx.sql().execute("INSERT INTO notes VALUES (1)", [])).unwrap_err();
    assert_eq!(own.code(), "storage");
}
