//! A statement that was told SQLITE_BUSY and not reset, as libsql leaves it, neither keeps a connection from another
//! sign-in nor lets one into a statement that writes.
#![expect(unsafe_code, reason = "rusqlite resets a statement that fails; here it has to stay as it is")]

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::host::{Host, host, text};
use crate::support::last_seq;
use crate::support::raw::run;

/// A write that bo may make and dee may not, who may only view the task.
const PATCH: &str = "UPDATE tasks SET data = acl_merge(data, '{\"x\":1}') WHERE task_id = 't-w'";

/// A statement of a host's that steps it by itself.
struct Statement<'c> {
    raw: *mut ffi::sqlite3_stmt,
    _of: &'c Connection,
}

impl<'c> Statement<'c> {
    fn new(conn: &'c Connection, sql: &str) -> Self {
        let mut raw = ptr::null_mut();
        let sql = CString::new(sql).unwrap();
        // SAFETY: the connection outlives the statement; the text ends with a NUL.
        let code = unsafe { ffi::sqlite3_prepare_v2(conn.handle(), sql.as_ptr(), -1, &raw mut raw, ptr::null_mut()) };
        assert_eq!(code, ffi::SQLITE_OK);
        Self { raw, _of: conn }
    }

    /// The primary result code.
    fn step(&self) -> i32 {
        // SAFETY: the statement is not finalized before it is dropped.
        unsafe { ffi::sqlite3_step(self.raw) & 0xff }
    }

    fn is_busy(&self) -> bool {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_stmt_busy(self.raw) != 0 }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        unsafe { ffi::sqlite3_finalize(self.raw) };
    }
}

/// A host that waits for no lock, and another program that holds the one for writing.
fn locked() -> (Host, Connection) {
    let host = host();
    host.conn.busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(&host.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (host, other)
}

/// Statements that wait for a lock, each of a kind.
const WAITING: [&str; 5] = [
    "BEGIN IMMEDIATE",
    " begin exclusive transaction",
    PATCH,
    "INSERT INTO mine VALUES (acl_actor()) RETURNING a",
    "CREATE TABLE theirs AS SELECT acl_actor()",
];

#[test]
fn who_waits_for_a_lock_writes_nothing_and_others_may_sign_in() {
    for sql in WAITING {
        let (host, other) = locked();
        other.execute_batch("COMMIT; CREATE TABLE mine (a); BEGIN IMMEDIATE").unwrap();
        host.login("bo");
        let waits = Statement::new(&host.conn, sql);
        assert_eq!((waits.step(), waits.is_busy()), (ffi::SQLITE_BUSY, true), "{sql}");
        // Whoever reads meanwhile has no lock for writing either.
        let reads = Statement::new(&host.conn, "SELECT task_id FROM tasks");
        assert_eq!(reads.step(), ffi::SQLITE_ROW);
        for user in ["dee", "bo"] {
            assert_eq!(text(&host.conn, &format!("SELECT acl_login('{user}')")), user, "{sql}");
        }
        drop(reads);
        let checked = text(&host.conn, "SELECT json_extract(acl_check(), '$.connection')");
        assert!(checked.contains("a statement was told SQLITE_BUSY"), "{sql}: {checked}");
        drop(waits);
        let checked = text(&host.conn, "SELECT acl_check()");
        assert!(checked.contains(r#""connection":null"#), "{sql}: {checked}");
        host.login("dee");
        other.execute_batch("COMMIT").unwrap();
        let seq = last_seq(&host.store);
        assert!(run(&host.conn, PATCH).unwrap_err().contains("may not patch"), "{sql}");
        assert_eq!(host.audit(seq), ["dee denied patch t-w"], "{sql}");
    }
}

/// While it waits, later writes seem to succeed and are lost: the check names it for as long as it does.
#[test]
fn what_keeps_writes_from_being_committed_is_named_until_it_is_over() {
    for sql in WAITING {
        let (host, other) = locked();
        other.execute_batch("COMMIT; CREATE TABLE mine (a); BEGIN IMMEDIATE").unwrap();
        host.login("bo");
        let waits = Statement::new(&host.conn, sql);
        assert_eq!(waits.step(), ffi::SQLITE_BUSY, "{sql}");
        other.execute_batch("COMMIT").unwrap();
        let named = |when: &str| {
            let connection = text(&host.conn, "SELECT ifnull(json_extract(acl_check(), '$.connection'), 'nothing')");
            assert!(connection.contains("SQLite commits nothing until it is"), "{sql}, {when}: {connection}");
            assert_eq!(text(&host.conn, "SELECT json_extract(acl_check(), '$.clean') || ''"), "0", "{sql}, {when}");
        };
        named("before");
        for round in ["once", "twice"] {
            run(&host.conn, "UPDATE users SET name = 'Lost' WHERE user_id = 'bo'").unwrap();
            named(round);
        }
        let name = || -> Option<String> {
            other.query_row("SELECT name FROM users WHERE user_id = 'bo'", [], |row| row.get(0)).unwrap()
        };
        assert_ne!(name().as_deref(), Some("Lost"), "{sql}: another connection sees nothing of it");
        drop(waits);
        let checked = text(&host.conn, "SELECT acl_check()");
        assert!(checked.contains(r#""connection":null"#), "{sql}: {checked}");
        run(&host.conn, "UPDATE users SET name = 'Kept' WHERE user_id = 'bo'").unwrap();
        assert_eq!(name().as_deref(), Some("Kept"), "{sql}");
    }
    // A cursor of RETURNING that is open does the same.
    let host = host();
    host.login("bo");
    host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
    let returns = Statement::new(&host.conn, "INSERT INTO mine VALUES (1), (2) RETURNING a");
    assert_eq!(returns.step(), ffi::SQLITE_ROW);
    assert!(text(&host.conn, "SELECT acl_check()").contains("a statement that writes has not ended"));
    drop(returns);
    assert!(text(&host.conn, "SELECT acl_check()").contains(r#""connection":null"#));
}

/// It goes on where it stopped when it is stepped once more, and is judged for who acts then.
#[test]
fn a_statement_that_waited_is_judged_for_who_acts_when_it_goes_on() {
    for (first, then, code) in [("bo", "dee", ffi::SQLITE_AUTH), ("dee", "bo", ffi::SQLITE_DONE)] {
        let (host, other) = locked();
        host.login(first);
        let waits = Statement::new(&host.conn, PATCH);
        assert_eq!(waits.step(), ffi::SQLITE_BUSY);
        host.login(then);
        other.execute_batch("COMMIT").unwrap();
        let seq = last_seq(&host.store);
        assert_eq!(waits.step(), code, "{first}, then {then}");
        drop(waits);
        host.login(first);
        let verdict = if code == ffi::SQLITE_DONE { "allowed" } else { "denied" };
        assert_eq!(host.audit(seq), [format!("{then} {verdict} patch t-w")]);
    }
}

/// `BEGIN` writes no rows, however often it is tried in vain; what writes or may go on to write keeps its author.
#[test]
fn nobody_signs_in_while_something_writes_beside_a_begin_that_waits() {
    let (host, other) = locked();
    host.login("bo");
    let begin = Statement::new(&host.conn, "BEGIN IMMEDIATE");
    assert_eq!(begin.step(), ffi::SQLITE_BUSY);
    other.execute_batch("COMMIT; CREATE TABLE mine (a)").unwrap();
    host.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    host.login("dee");
    let returns = Statement::new(&host.conn, "INSERT INTO mine VALUES (1), (2) RETURNING a");
    assert_eq!(returns.step(), ffi::SQLITE_ROW);
    host.refuses("SELECT acl_login('bo')", "can't be called while a statement writes");
    drop(returns);
    host.login("bo");
    drop(begin);
    // One that waited in vain before may go on inside of this transaction: it counts as one that writes then.
    host.conn.execute_batch("ROLLBACK").unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waits = Statement::new(&host.conn, PATCH);
    assert_eq!(waits.step(), ffi::SQLITE_BUSY);
    other.execute_batch("COMMIT").unwrap();
    host.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    host.refuses("SELECT acl_login('dee')", "can't be called while a statement writes");
    drop(waits);
    host.login("dee");
}

/// TEMP tables and attached databases have transactions of their own.
#[test]
fn a_write_anywhere_keeps_its_author() {
    for set_up in ["CREATE TEMP TABLE mine (a)", "ATTACH ':memory:' AS aside; CREATE TABLE aside.mine (a)"] {
        let (host, _other) = locked();
        host.conn.execute_batch(set_up).unwrap();
        host.login("cy");
        let returns = Statement::new(&host.conn, "INSERT INTO mine VALUES (1), (2) RETURNING a");
        assert_eq!(returns.step(), ffi::SQLITE_ROW, "{set_up}");
        host.refuses("SELECT acl_login('bo')", "can't be called while a statement writes");
        drop(returns);
        host.refuses("INSERT INTO mine SELECT acl_login('bo')", "can't be called while a statement writes");
        assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""));
    }
}

/// A statement that may write evaluates nothing before it has its locks, but for VACUUM INTO, which takes none.
#[test]
fn a_statement_that_may_write_does_not_sign_in_itself() {
    let (host, other) = locked();
    host.login("cy");
    host.refuses("VACUUM INTO acl_login('bo')", "can't be called while a statement writes");
    let waits = Statement::new(&host.conn, "UPDATE tasks SET status = acl_login('bo') WHERE task_id = 't-v'");
    assert_eq!(waits.step(), ffi::SQLITE_BUSY);
    assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waits.step(), ffi::SQLITE_AUTH);
    assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""));
}

/// After a ROLLBACK a cursor of RETURNING may hold rows that were computed before: they are stored nowhere.
#[test]
fn a_cursor_whose_transaction_was_rolled_back_writes_nothing_for_whoever_signs_in() {
    let host = host();
    host.login("bo");
    host.conn.execute_batch("CREATE TABLE mine (a); BEGIN").unwrap();
    let returns = Statement::new(&host.conn, "INSERT INTO mine VALUES (acl_actor()), (acl_actor()) RETURNING a");
    assert_eq!(returns.step(), ffi::SQLITE_ROW);
    host.conn.execute_batch("ROLLBACK").unwrap();
    host.login("dee");
    while returns.step() == ffi::SQLITE_ROW {}
    drop(returns);
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM mine"), "0");
}
