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
    // A refusal leaves whoever acted.
    assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"bo\""));
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
             CREATE VIEW stored AS SELECT acl_logout() AS who;
             CREATE TEMP TRIGGER t AFTER INSERT ON mine BEGIN SELECT acl_login('bo'); END;",
        )
        .unwrap();
    for statement in [
        "SELECT * FROM v",
        "SELECT * FROM s",
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
    for statement in
        ["SELECT acl_login('bo')", "SELECT acl_login('cy')", "SELECT acl_logout()", "SELECT acl_system('x')"]
    {
        host.refuses(statement, "final");
    }
    assert_eq!(text(&host.conn, "SELECT acl_whoami()"), r#"{"kind":"user","id":"cy","final":true,"sealed":false}"#);
    host.refuses(PATCH, "there is no task `t-v`");
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
