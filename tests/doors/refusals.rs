//! A statement refused on a host's connection writes nothing and leaves its row in the audit.

use rusqlite::Connection;

use super::host::{Host, PATCH, host};
use crate::support::raw::run;
use crate::support::{audit_after, last_seq};

/// A refused statement is rolled back, and nothing that it wrote itself could stay.
#[test]
fn a_refused_statement_is_in_the_audit_when_it_returns() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.refuses(PATCH, "there is no task `t-v`");
    assert_eq!(host.audit(seq), ["cy denied patch t-v"]);
    let row = audit_after(&host.store, seq).remove(0);
    assert_eq!((row.door.as_str(), row.held.as_deref(), row.needed.as_deref()), ("sql", Some("none"), Some("prompt")));
}

#[test]
fn a_refusal_inside_a_transaction_is_in_the_audit_when_that_is_over() {
    let denied = "cy denied patch t-v";
    for (script, when) in [
        ("BEGIN; !; ROLLBACK", "at once"),
        ("BEGIN IMMEDIATE; !; ROLLBACK", "at once"),
        ("SAVEPOINT a; !; ROLLBACK TO a; RELEASE a; SELECT acl_login('cy')", "at once"),
        ("BEGIN; SAVEPOINT a; !; ROLLBACK TO a; ROLLBACK", "at once"),
        ("BEGIN; !; COMMIT; SELECT acl_login('cy')", "at once"),
        ("BEGIN; !; INSERT INTO mine VALUES (1); COMMIT; !", "twice"),
        ("BEGIN; INSERT INTO mine VALUES (1); !; COMMIT", "on close"),
        ("BEGIN; !", "on close"),
    ] {
        let host = host();
        host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
        host.login("cy");
        let seq = last_seq(&host.store);
        for statement in script.split("; ") {
            if statement == "!" {
                host.refuses(PATCH, "no task")
            } else {
                run(&host.conn, statement).map(drop).expect(statement)
            }
        }
        match when {
            "at once" => assert_eq!(host.audit(seq), [denied], "{script}"),
            "twice" => assert_eq!(host.audit(seq), [denied, denied], "{script}"),
            _ => assert_eq!(host.audit(seq), [""; 0], "{script}"),
        }
        let Host { store, conn, .. } = host;
        conn.close().unwrap();
        let after = audit_after(&store, seq).into_iter().filter(|row| row.verdict == "denied").count();
        assert_eq!(after, if when == "twice" { 2 } else { 1 }, "{script}");
    }
}

/// While another process has the lock, refusals wait, in their order; they are written with a later one.
#[test]
fn refusals_wait_for_a_file_that_is_locked() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.conn.execute_batch("BEGIN").unwrap();
    host.refuses(PATCH, "no task");
    host.refuses("DELETE FROM sessions WHERE session_id = 's-v'", "no session");
    let other = Connection::open(&host.path).unwrap();
    host.conn.execute_batch("COMMIT").unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    run(&host.conn, "SELECT acl_login('cy')").unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(host.audit(seq), [""; 0]);
    let Host { store, conn, dir, .. } = host;
    conn.close().unwrap();
    let rows: Vec<String> = audit_after(&store, seq).into_iter().map(|row| row.record).collect();
    assert_eq!(rows, ["t-v", "s-v"]);
    drop(dir);
}
