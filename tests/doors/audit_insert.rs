//! The audit row of a host's write is a statement inside the statement: the host sees it, and can refuse it, not evade it.

use super::host::{Host, PATCH, host, text};
use super::support::raw::run;
use super::support::{audit_after, last_seq};

/// The insert of an audit row that a host's authorizer sees: no trigger is named for it.
fn is_audit_insert(asked: &rusqlite::hooks::AuthContext<'_>) -> bool {
    matches!(asked.action, rusqlite::hooks::AuthAction::Insert { table_name: "acl_audit" }) && asked.accessor.is_none()
}

/// A host's authorizer sees the insert of the audit row. Where it denies that, the write is refused: nothing is
/// written that the audit does not know.
#[test]
fn an_authorizer_that_denies_the_audit_row_stops_the_write() {
    use rusqlite::hooks::{AuthContext, Authorization};
    let host = host();
    let conn = host.login("bo");
    let (seq, before) = (last_seq(&host.store), text(conn, "SELECT data FROM tasks WHERE task_id = 't-v'"));
    for answer in [Authorization::Deny, Authorization::Ignore] {
        let deny = move |asked: AuthContext<'_>| if is_audit_insert(&asked) { answer } else { Authorization::Allow };
        conn.authorizer(Some(deny)).unwrap();
        host.refuses(PATCH, "");
        conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).unwrap();
        assert_eq!(text(conn, "SELECT data FROM tasks WHERE task_id = 't-v'"), before);
        assert!(host.audit(seq).is_empty());
    }
    assert_eq!(run(conn, PATCH), Ok(0));
    assert_eq!(host.audit(seq), ["bo allowed patch t-v"]);
}

/// A statement that writes many rows prepares the insert of their audit rows once. Afterwards nothing is left prepared:
/// the host can close its connection, also in the middle of a transaction.
#[test]
fn a_bulk_prepares_its_audit_once_and_leaves_nothing_behind() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let host = host();
    let conn = host.login("bo");
    let seq = last_seq(&host.store);
    let prepared = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&prepared);
    conn.authorizer(Some(move |asked: rusqlite::hooks::AuthContext<'_>| {
        counter.fetch_add(usize::from(is_audit_insert(&asked)), Ordering::Relaxed);
        rusqlite::hooks::Authorization::Allow
    }))
    .unwrap();
    let many = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                SELECT 'bulk-' || i, 's-v', acl_now(), 'bo', 'created', '{}' FROM n";
    conn.execute_batch("BEGIN").unwrap();
    assert_eq!(conn.execute(many, []).unwrap(), 2000);
    assert_eq!(prepared.swap(0, Ordering::Relaxed), 1);
    assert_eq!(conn.execute("UPDATE tasks SET status = 'running' WHERE task_id LIKE 'bulk-%'", []).unwrap(), 2000);
    assert_eq!(prepared.swap(0, Ordering::Relaxed), 1);
    // The host's own counters know nothing of the audit rows.
    let last: i64 = conn.query_row("SELECT max(rowid) FROM tasks", [], |row| row.get(0)).unwrap();
    assert_eq!((conn.changes(), conn.last_insert_rowid()), (2000, last));
    // What RETURNING hands out row by row is written by then; whoever stops half-way has kept all of it.
    let mut returning =
        conn.prepare("UPDATE tasks SET status = 'stopping' WHERE task_id LIKE 'bulk-%' RETURNING 1").unwrap();
    let mut rows = returning.query([]).unwrap();
    rows.next().unwrap().unwrap();
    drop(rows);
    drop(returning);
    conn.execute_batch("COMMIT; BEGIN").unwrap();
    assert_eq!(run(conn, PATCH), Ok(0));
    let Host { conn, store, .. } = host;
    conn.close().map_err(|(_, error)| error).unwrap();
    assert_eq!(audit_after(&store, seq).len(), 6000);
}
