//! What a host's connection leaves behind, in a schema or in memory, opens no door later.

use super::host::{Host, PATCH, host, text};
use crate::support::raw::{self, run};
use crate::support::{last_seq, system};

/// OR FAIL hands itself down to what a trigger writes: a CHECK that somebody added to `acl_epoch` stopped the trigger, and
/// the row stayed, without audit row and without a raised epoch. Guards of that table name no columns, so nothing noticed.
#[test]
fn nothing_is_added_to_aclites_own_tables() {
    for (added, named) in [
        ("ALTER TABLE acl_epoch ADD COLUMN c INTEGER CHECK (epoch <= 100)", "table `acl_epoch`"),
        ("ALTER TABLE acl_audit ADD COLUMN c INTEGER CHECK (verdict = 'allowed')", "table `acl_audit`"),
        (
            "CREATE INDEX mine ON acl_audit (abs(CASE verdict WHEN 'allowed' THEN 1 ELSE -9223372036854775808 END))",
            "index `mine`",
        ),
        ("ALTER TABLE acl_meta ADD COLUMN c", "table `acl_meta`"),
    ] {
        let host = host();
        host.conn.execute_batch(added).unwrap();
        assert!(text(&host.conn, "SELECT acl_check()").contains(named), "{added}");
        host.login("bo");
        for write in [PATCH, "UPDATE OR FAIL worktrees SET others_can = 'all' WHERE worktree_id = 'w-v'"] {
            host.refuses(write, named);
        }
    }
}

/// Autocommit reads true while a statement that writes is half read, and what it did is undone with it. A version of the
/// schema that was seen then was remembered as sound, and given again to one without a guard.
#[test]
fn a_schema_that_is_not_committed_is_not_remembered() {
    let host = host();
    host.conn
        .execute_batch("CREATE TABLE junk (id integer PRIMARY KEY, x); INSERT INTO junk VALUES (1, 1), (2, 2)")
        .unwrap();
    let conn = host.login("bo");
    let mut half = conn.prepare("UPDATE junk SET x = x + 1 RETURNING id").unwrap();
    let mut rows = half.query([]).unwrap();
    rows.next().unwrap().unwrap();
    conn.execute_batch("CREATE TABLE more (a)").unwrap();
    assert_eq!(run(conn, PATCH), Ok(0), "the guards are sound now");
    conn.execute_batch("INSERT OR ROLLBACK INTO junk VALUES (1, 1)").unwrap_err();
    drop(rows);
    drop(half);
    conn.execute_batch("DROP TRIGGER acl_tasks_after_update").unwrap();
    host.refuses(PATCH, "acl_tasks_after_update");
}

/// The guards of a table know the cascade of a parent by its key. A column that references another column of a guarded
/// table could hold the key of one parent and the value of another.
#[test]
fn a_table_that_references_no_key_is_not_guarded() {
    let host = host();
    host.conn
        .execute_batch("
                        CREATE TABLE slugged (k text PRIMARY KEY, session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
                          slug text REFERENCES boards (slug) ON DELETE CASCADE)")
        .unwrap();
    let refused =
        host.store.guard_table(&system(), "slugged", aclite::TableGuard::of_session("session_id")).unwrap_err();
    assert!(
        refused.to_string().contains("column `slugged.slug` references `boards.slug`, which is not its key"),
        "{refused}"
    );
}

/// RETURNING is computed before the AFTER trigger. A function of the host's that rolls back there undid the write, and its
/// audit row was committed alone.
#[test]
fn no_audit_row_stays_of_a_write_that_was_rolled_back() {
    let Host { conn, store, .. } = &host();
    raw::act_as(conn, &aclite::Actor::user("bo"));
    let seq = last_seq(store);
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    conn.create_scalar_function("undo", 0, flags, |call| {
        // SAFETY: the connection is open while one of its functions runs.
        #[expect(unsafe_code, reason = "a host's own function may use its connection")]
        let conn = unsafe { call.get_connection()? };
        conn.execute_batch("ROLLBACK").map(|()| 1)
    })
    .unwrap();
    conn.execute_batch("BEGIN").unwrap();
    let undone = run(conn, &format!("{PATCH} RETURNING undo()"));
    assert!(undone.is_err(), "{undone:?}");
    assert!(crate::support::audit_after(store, seq).is_empty());
}
