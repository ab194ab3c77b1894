//! A connection is sealed by one plain statement, whole or not at all.

use super::host::{Host, host, text};
use crate::support::raw::run;

/// The file is taken away under the statement that seals: one that reads it would read freed memory.
#[test]
fn only_a_statement_that_does_nothing_else_seals() {
    let host = host();
    host.login("cy");
    for statement in [
        "SELECT length(acl_seal()), length(data) FROM messages",
        "SELECT acl_seal() FROM tasks",
        "SELECT acl_seal(), 1",
        "SELECT (SELECT acl_seal())",
        "SELECT acl_seal() UNION SELECT 1",
        "SELECT acl_seal() FROM json_each('[1,2]')",
        "WITH s AS (SELECT acl_seal()) SELECT * FROM s",
        "UPDATE users SET name = acl_seal() WHERE user_id = 'cy'",
        "INSERT INTO tasks (task_id) VALUES (acl_seal())",
        "CREATE TABLE mine AS SELECT acl_seal()",
        "EXPLAIN QUERY PLAN SELECT * FROM tasks WHERE task_id = acl_seal()",
    ] {
        let outcome = run(&host.conn, statement);
        assert!(
            outcome.as_ref().is_err_and(|text| text.contains("acl_seal")) || statement.starts_with("EXPLAIN"),
            "{statement}: {outcome:?}"
        );
        assert!(text(&host.conn, "SELECT acl_whoami()").contains(r#""sealed":false"#), "{statement}");
        assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks"), "3", "{statement}");
    }
    let mut open = host.conn.prepare("SELECT task_id FROM tasks").unwrap();
    let mut rows = open.query([]).unwrap();
    rows.next().unwrap().unwrap();
    host.refuses("SELECT acl_seal()", "no other statement");
    drop(rows);
    drop(open);
    assert_eq!(text(&host.conn, " select ACL_SEAL ( ) ; "), "sealed");
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks"), "2", "what cy may view");
}

/// A host's own authorizer could forbid a step half-way, and leave the file readable behind a seal that says it holds.
#[test]
fn a_hosts_own_hooks_do_not_break_a_seal_half_way() {
    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
    /// Whether the seal holds: either it was never begun, or nothing is left to read.
    #[track_caller]
    fn holds(host: &Host, sealed: &Result<usize, String>, when: &str) {
        let begun = run(&host.conn, "SELECT acl_whoami()").is_err()
            || text(&host.conn, "SELECT acl_whoami()").contains(r#""sealed":true"#);
        assert!(begun || sealed.is_err(), "{when}");
        for statement in
            ["SELECT password FROM main.users", "SELECT password FROM users", "SELECT sql FROM main.sqlite_schema"]
        {
            let read = run(&host.conn, statement);
            assert!(!begun || read.is_err(), "{when}: {statement}: {read:?}, after {sealed:?}");
        }
    }
    let first = host();
    first.login("cy");
    let deny = |asked: AuthContext<'_>| match asked.action {
        AuthAction::Attach { .. } | AuthAction::CreateVtable { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    first.conn.authorizer(Some(deny)).unwrap();
    let sealed = run(&first.conn, "SELECT acl_seal()");
    assert_eq!(sealed, Ok(1), "the host's authorizer gave way");
    holds(&first, &sealed, "an authorizer");
    for most in (0..400).step_by(20) {
        let host = host();
        host.login("cy");
        let mut steps = 0;
        let stop = move || {
            steps += 1;
            steps > most
        };
        host.conn.progress_handler(1, Some(stop)).unwrap();
        let sealed = run(&host.conn, "SELECT acl_seal()");
        if sealed.is_err() {
            host.conn.progress_handler(0, None::<fn() -> bool>).unwrap();
        }
        holds(&host, &sealed, &format!("stopped after {most} steps"));
    }
}
