//! Who acts on a host's connection changes only by a plain statement that signs in or out.

use rusqlite::Connection;

use super::host::{PATCH, host, text};
use crate::support::raw::{self, run};
use crate::support::{self, last_seq};

#[test]
fn a_user_signs_in_by_id_or_by_an_address_that_is_theirs_alone() {
    let host = host();
    for (name, told) in [("bo", "bo"), ("bo@example.com", "bo"), ("BO@Example.Com", "bo")] {
        assert_eq!(text(&host.conn, &format!("SELECT acl_login('{name}')")), told);
    }
    // One user's id is another's address: the id is plainer. Two addresses differ in their case only.
    support::add_user(&host.store, "x", "member");
    support::sql(&host.store, "UPDATE users SET email = 'cy' WHERE user_id = 'x'");
    support::sql(&host.store, "UPDATE users SET email = 'Dee@example.com' WHERE user_id = 'vi'");
    for (name, told) in [("cy", "cy"), ("dee@example.com", "dee"), ("Dee@example.com", "vi"), ("bo", "bo")] {
        assert_eq!(text(&host.conn, &format!("SELECT acl_login('{name}')")), told);
    }
    for (name, told) in [
        ("'DEE@example.com'", "more than one user"),
        ("'nobody'", "no such user"),
        ("''", "no such user"),
        ("NULL", "must be text"),
        ("7", "must be text"),
        ("x'626f'", "must be text"),
        ("'bo' || char(0)", "must be text"),
        ("'bo', 'last'", "can only be `final`"),
        ("'bo', NULL", "must be text"),
    ] {
        host.refuses(&format!("SELECT acl_login({name})"), told);
    }
}

/// A write that all actors of `s-v` may.
const REPORT: &str = "UPDATE sessions SET archived = 1 - archived WHERE session_id = 's-v'";

#[test]
fn every_actor_signs_in_by_sql() {
    let host = host();
    for (statement, told, who) in [
        ("acl_login('bo')", "bo", r#"{"kind":"user","id":"bo","final":false,"sealed":false}"#),
        (
            "acl_executor('bo', 's-v', 't-v')",
            "bo",
            r#"{"kind":"executor","id":"bo","final":false,"sealed":false,"session":"s-v","task":"t-v"}"#,
        ),
        ("acl_agent('bo', 's-v')", "bo", r#"{"kind":"agent","id":"bo","final":false,"sealed":false,"session":"s-v"}"#),
        (
            "acl_service('scheduler')",
            "scheduler",
            r#"{"kind":"service","id":"scheduler","final":false,"sealed":false}"#,
        ),
        ("acl_system('repair')", "repair", r#"{"kind":"system","id":"repair","final":false,"sealed":false}"#),
    ] {
        assert_eq!(text(&host.conn, &format!("SELECT {statement}")), told);
        let (who, is): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(who).unwrap(),
            serde_json::from_str(&text(&host.conn, "SELECT acl_whoami()")).unwrap(),
        );
        assert_eq!(is, who);
        run(&host.conn, REPORT).expect(statement);
    }
    let seq = last_seq(&host.store);
    for statement in ["acl_executor('bo', 's-v', 't-v')", "acl_agent('bo', 's-v')", "acl_service('scheduler')"] {
        text(&host.conn, &format!("SELECT {statement}"));
        run(&host.conn, REPORT).unwrap();
        let title = "UPDATE sessions SET data = '{\"permission_config\":{}}' WHERE session_id = 's-v'";
        assert_eq!(run(&host.conn, title).is_ok(), statement.contains("service"), "{statement}");
    }
    assert_eq!(
        host.audit(seq),
        [
            "bo allowed report s-v",
            "bo denied patch s-v",
            "bo allowed report s-v",
            "bo denied patch s-v",
            "scheduler allowed patch s-v",
            "scheduler allowed patch s-v"
        ]
    );
}

/// A daemon that signs in, is refused, and goes on: it wrote as whoever had been there before.
#[test]
fn a_sign_in_that_fails_leaves_nobody_signed_in() {
    let host = host();
    for (call, told) in [
        ("acl_login('nobody')", "no such user"),
        ("acl_login(NULL)", "must be text"),
        ("acl_login('bo', 'last')", "can only be `final`"),
        ("acl_login('bo', NULL)", "must be text"),
        ("acl_login()", "acl_login() takes the user"),
        ("acl_login('bo', 'final', 'final')", "acl_login() takes the user"),
        ("acl_executor('ghost', 's-v', 't-v')", "no such user"),
        ("acl_executor('bo@example.com', 's-v', 't-v')", "no such user"),
        ("acl_executor('cy', 's-v', 't-v')", "`cy` has no task `t-v` in a session `s-v`"),
        ("acl_executor('bo', 's-w', 't-v')", "`bo` has no task `t-v` in a session `s-w`"),
        ("acl_executor('bo', 's-v', 'none')", "`bo` has no task `none`"),
        ("acl_executor('bo', 's-v')", "takes the user, the session, the task"),
        ("acl_executor('bo', 's-v', 7)", "the task must be text"),
        ("acl_executor('bo', 's-v', 't-v', 'x')", "can only be `final`"),
        ("acl_agent('ghost', 's-v')", "no such user"),
        ("acl_agent('cy', 's-v')", "`cy` has created no session `s-v`"),
        ("acl_agent('bo', 'none')", "`bo` has created no session `none`"),
        ("acl_agent('bo')", "takes the user, the session"),
        ("acl_agent('bo', x'00')", "the session must be text"),
        ("acl_service('')", "a service has a name"),
        ("acl_service()", "acl_service() takes the name"),
        ("acl_system('  ')", "for a reason"),
        ("acl_system(5)", "must be text"),
        ("acl_system('x', 'y')", "can only be `final`"),
    ] {
        for before in ["acl_login('bo')", "acl_agent('bo', 's-v')", "acl_system('set-up')"] {
            text(&host.conn, &format!("SELECT {before}"));
            run(&host.conn, PATCH).unwrap();
            host.refuses(&format!("SELECT {call}"), told);
            assert!(text(&host.conn, "SELECT acl_whoami()").contains("anonymous"), "{call}");
            host.refuses(PATCH, "not signed in");
        }
    }
    // In a transaction that a user began, nothing more is written; what was stays to be committed or not.
    host.login("bo").execute_batch("BEGIN").unwrap();
    run(&host.conn, PATCH).unwrap();
    host.refuses("SELECT acl_agent('bo', 'none')", "has created no session");
    host.refuses("SELECT acl_service('first time')", "outside of a transaction");
    host.refuses(PATCH, "not signed in");
    host.conn.execute_batch("COMMIT").unwrap();
    // Among the rows of one statement too: the rest of it is undone with the call that failed.
    host.login("bo");
    host.refuses(
        "SELECT acl_login(user_id || iif(user_id = 'cy', 'x', '')) FROM users ORDER BY user_id",
        "no such user",
    );
    host.refuses(PATCH, "not signed in");
}

/// SET, VALUES and sub-queries are evaluated before the guard of the row.
#[test]
fn nobody_becomes_another_inside_a_statement_that_writes() {
    let host = host();
    host.login("cy");
    host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
    for statement in [
        "UPDATE tasks SET status = acl_login('bo') WHERE task_id = 't-v'",
        "UPDATE tasks SET data = json_object('x', acl_login('bo')) WHERE task_id = 't-v'",
        "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v' AND acl_login('bo') = 'bo'",
        "UPDATE tasks SET status = 'failed' FROM (SELECT acl_login('bo') AS who) WHERE task_id = 't-v'",
        "WITH boss AS (SELECT acl_login('bo') AS who) UPDATE tasks SET status = (SELECT who FROM boss) WHERE task_id = 't-v'",
        "DELETE FROM tasks WHERE task_id = 't-v' AND acl_system('x') <> ''",
        "INSERT INTO mine VALUES (acl_login('bo'))",
        "INSERT INTO mine SELECT acl_system('x')",
        "INSERT INTO mine VALUES (1) RETURNING acl_login('bo')",
        "UPDATE tasks SET status = acl_login('nobody') WHERE task_id = 't-v'",
        "UPDATE tasks SET status = acl_executor('bo', 's-v', 't-v') WHERE task_id = 't-v'",
        "UPDATE tasks SET status = acl_executor() WHERE task_id = 't-v'",
        "UPDATE tasks SET status = acl_agent('bo', 's-v') WHERE task_id = 't-v'",
        "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v' AND acl_service('x') <> ''",
        "INSERT INTO mine VALUES (acl_agent('bo', 'none'))",
        "INSERT INTO mine VALUES (acl_logout())",
        "CREATE TABLE theirs AS SELECT acl_login('bo')",
        "REPLACE INTO mine VALUES ((SELECT max(acl_login('bo')) FROM users))",
    ] {
        // Where the function's turn comes after the guard's, the guard refuses.
        host.refuses(statement, "aclite: ");
        assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{statement}");
    }
    // Nor while one that returns rows is not over.
    let mut half = host.conn.prepare("INSERT INTO mine VALUES (1), (2) RETURNING a").unwrap();
    let mut rows = half.query([]).unwrap();
    rows.next().unwrap().unwrap();
    host.refuses("SELECT acl_login('bo')", "can't be called while a statement writes");
    drop(rows);
    drop(half);
    host.login("bo");
}

#[test]
fn no_view_and_no_trigger_changes_who_acts() {
    let host = host();
    host.login("cy");
    host.conn
        .execute_batch(
            "CREATE TABLE mine (a);
             CREATE TEMP VIEW v AS SELECT acl_login('bo') AS who;
             CREATE TEMP VIEW s AS SELECT acl_system('x') AS who;
             CREATE TEMP VIEW e AS SELECT acl_executor('bo', 's-v', 't-v') AS who;
             CREATE TEMP VIEW a AS SELECT acl_agent('bo', 'none') AS who;
             CREATE TEMP VIEW n AS SELECT acl_service('x') AS who;
             CREATE VIEW stored AS SELECT acl_logout() AS who;
             CREATE TEMP TRIGGER t AFTER INSERT ON mine BEGIN SELECT acl_login('bo'); END;",
        )
        .unwrap();
    for statement in [
        "SELECT * FROM v",
        "SELECT * FROM s",
        "SELECT * FROM e",
        "SELECT * FROM a",
        "SELECT * FROM n",
        "SELECT * FROM stored",
        "INSERT INTO mine VALUES (1)",
        "SELECT count(*) FROM v WHERE who = 'bo'",
    ] {
        // SQLite forbids it to what is stored in the file; to TEMP objects aclite does.
        let text_of = run(&host.conn, statement).expect_err(statement);
        assert!(text_of.contains("unsafe use of") || text_of.contains("aclite: "), "{statement}: {text_of}");
        assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{statement}");
    }
}

/// A statement that was prepared while one user acted runs as whoever acts when it runs.
#[test]
fn a_cached_statement_never_runs_under_an_earlier_identity() {
    let host = host();
    let mut patch = host.conn.prepare(PATCH).unwrap();
    let mut who = host
        .conn
        .prepare(
            "SELECT acl_actor(), (SELECT level FROM acl_access WHERE user_id = acl_actor() AND worktree_id = 'w-v')",
        )
        .unwrap();
    let mut who =
        || who.query_row([], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    for (user, level, may) in
        [("bo", "all", true), ("cy", "none", false), ("su", "all", true), ("vi", "none", false), ("bo", "all", true)]
    {
        host.login(user);
        assert_eq!(patch.execute([]).is_ok(), may, "{user}");
        assert_eq!(who(), (Some(user.to_owned()), Some(level.to_owned())));
    }
    run(&host.conn, "SELECT acl_logout()").unwrap();
    assert!(patch.execute([]).unwrap_err().to_string().contains("not signed in"));
    assert_eq!(who(), (None, None));
}

/// What is final stays so, also for somebody who may load the extension once more.
#[test]
fn who_acts_for_good_stays() {
    let host = host();
    assert_eq!(text(&host.conn, "SELECT acl_login('cy', 'final')"), "cy");
    raw::load(&host.conn).unwrap();
    for statement in [
        "SELECT acl_login('bo')",
        "SELECT acl_login('cy')",
        "SELECT acl_login('nobody')",
        "SELECT acl_login()",
        "SELECT acl_logout()",
        "SELECT acl_system('x')",
        "SELECT acl_service('x')",
        "SELECT acl_executor('bo', 's-v', 't-v')",
        "SELECT acl_agent('bo', 's-v')",
    ] {
        host.refuses(statement, "final");
    }
    assert_eq!(text(&host.conn, "SELECT acl_whoami()"), r#"{"kind":"user","id":"cy","final":true,"sealed":false}"#);
    host.refuses(PATCH, "there is no task `t-v`");
}

#[test]
fn every_actor_can_be_the_last() {
    for (call, kind) in [
        ("acl_login('bo', 'final')", "user"),
        ("acl_executor('bo', 's-v', 't-v', 'final')", "executor"),
        ("acl_agent('bo', 's-v', 'final')", "agent"),
        ("acl_service('scheduler', 'final')", "service"),
        ("acl_system('repair', 'final')", "system"),
    ] {
        let host = host();
        text(&host.conn, &format!("SELECT {call}"));
        host.refuses("SELECT acl_login('cy')", "final");
        let who: serde_json::Value = serde_json::from_str(&text(&host.conn, "SELECT acl_whoami()")).unwrap();
        assert_eq!((&who["kind"], &who["final"]), (&kind.into(), &true.into()), "{call}");
        run(&host.conn, REPORT).expect(call);
    }
}

#[test]
fn the_operators_door_is_in_the_audit_before_it_opens() {
    let host = host();
    let seq = last_seq(&host.store);
    for (statement, told) in [("SELECT acl_system('')", "for a reason"), ("SELECT acl_system(NULL)", "must be text")] {
        host.refuses(statement, told);
    }
    host.conn.execute_batch("BEGIN").unwrap();
    host.refuses("SELECT acl_system('repair')", "outside of a transaction");
    host.conn.execute_batch("COMMIT").unwrap();
    // Where the audit can't be written, nobody becomes the daemon.
    let other = Connection::open(&host.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    host.refuses("SELECT acl_system('repair')", "the audit can't be written");
    other.execute_batch("ROLLBACK").unwrap();
    host.refuses(PATCH, "not signed in");
    assert_eq!(text(&host.conn, "SELECT acl_system('repair')"), "repair");
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    assert_eq!(
        host.audit(seq),
        ["repair allowed administer connection", " denied patch t-v", "repair allowed patch t-v"],
        "a refusal that had to wait is written with the next row"
    );
}

/// A daemon that took its place for each piece of work wrote an audit row each time, through a connection that was opened
/// for that row and synchronised it.
#[test]
fn a_daemon_that_takes_turns_is_in_the_audit_once() {
    let host = host();
    let seq = last_seq(&host.store);
    // Another connection that has the file open sees by this number whether anybody has written it.
    let other = Connection::open(&host.path).unwrap();
    let written = || other.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
    let turn = |as_daemon: &str| {
        assert!(!text(&host.conn, &format!("SELECT {as_daemon}")).is_empty());
        host.login("bo");
    };
    let daemons = ["acl_system('stop handler')", "acl_service('scheduler')", "acl_service('stop handler')"];
    daemons.iter().for_each(|daemon| turn(daemon));
    let before = written();
    for _ in 0..100 {
        daemons.iter().for_each(|daemon| turn(daemon));
    }
    assert_eq!(written(), before, "three hundred turns write nothing");
    // Once it is there, also inside a transaction.
    host.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    turn("acl_system('stop handler')");
    host.conn.execute_batch("COMMIT").unwrap();
    // Another reason, and another connection, are others. A user of that name is none.
    turn("acl_system('restart')");
    let second = raw::open(&host.path);
    text(&second, "SELECT acl_system('restart')");
    assert_eq!(
        host.audit(seq),
        [
            "stop handler allowed administer connection",
            "scheduler allowed administer connection",
            "stop handler allowed administer connection",
            "restart allowed administer connection",
            "restart allowed administer connection",
        ]
    );
}

/// What the audit does not have yet is not taken for written.
#[test]
fn a_turn_that_was_refused_is_not_remembered() {
    let host = host();
    let seq = last_seq(&host.store);
    for call in ["acl_system('repair')", "acl_service('repair')"] {
        let other = Connection::open(&host.path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        host.refuses(&format!("SELECT {call}"), "the audit can't be written");
        other.execute_batch("ROLLBACK").unwrap();
        host.conn.execute_batch("BEGIN").unwrap();
        host.refuses(&format!("SELECT {call}"), "outside of a transaction");
        host.conn.execute_batch("ROLLBACK").unwrap();
        assert_eq!(text(&host.conn, &format!("SELECT {call}")), "repair");
    }
    assert_eq!(host.audit(seq), ["repair allowed administer connection", "repair allowed administer connection"]);
    // A file whose guards were taken out meanwhile has nobody to take a turn.
    aclite::Store::detach(&host.path).unwrap();
    for call in
        ["acl_system('repair')", "acl_service('repair')", "acl_agent('bo', 's-v')", "acl_executor('bo', 's-v', 't-v')"]
    {
        let refused = run(&host.conn, &format!("SELECT {call}")).unwrap_err();
        assert!(refused.contains("run `aclite adopt FILE`"), "{call}: {refused}");
    }
}
