//! A statement that is interrupted, at whatever step, leaves nothing behind that the next one could rest on.

use aclite::Actor;
use rusqlite::Connection;

use super::host::host;

use crate::support::raw::{act_as, run};
use crate::support::{ask, last_seq};

/// What bo may not do: writes to what others own, and to what nobody writes.
const REFUSED: [&str; 5] = [
    "DELETE FROM sessions WHERE session_id = 's-x'",
    "UPDATE users SET role = 'superadmin' WHERE user_id = 'bo'",
    "UPDATE acl_audit SET actor = 'cy' WHERE seq = 1",
    "UPDATE acl_rules SET needs = 'none'",
    "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-x', 'bo', 1)",
];

/// Interrupts what `work` does after this many steps of SQLite's virtual machine.
fn interrupted<T>(conn: &Connection, steps: u32, work: impl FnOnce() -> T) -> T {
    let mut left = steps;
    let stop = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    conn.progress_handler(1, Some(stop)).unwrap();
    let done = work();
    conn.progress_handler(0, None::<fn() -> bool>).unwrap();
    done
}

/// A removal told the guard of the first child, by a call of its own, that its parent is gone. Interrupted between the two, it
/// left that for the next row of all: whatever that was passed for a cascade's, unjudged and unaudited.
#[test]
fn no_write_passes_for_the_cascade_of_a_removal_that_was_interrupted() {
    let host = host();
    let conn = &host.conn;
    host.login("bo");
    let mut steps = 0;
    loop {
        steps += 1;
        conn.execute_batch("BEGIN").unwrap();
        let done = interrupted(conn, steps, || run(conn, "DELETE FROM sessions WHERE session_id = 's-w'"));
        if !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK").unwrap();
        }
        let refused = REFUSED[steps as usize % REFUSED.len()];
        assert!(run(conn, refused).is_err(), "interrupted after {steps} steps: {refused}");
        if done.is_ok() {
            break;
        }
    }
    assert!(steps > 300, "only {steps} steps");
}

/// A removal that is run again after it was interrupted is audited as any other.
#[test]
fn what_is_run_again_after_an_interruption_is_audited() {
    let host = host();
    let conn = &host.conn;
    host.login("bo");
    let mut removal = conn.prepare("DELETE FROM sessions WHERE session_id = ?1").unwrap();
    for steps in 1.. {
        if interrupted(conn, steps, || removal.execute(["s-w"])).is_ok() {
            break;
        }
        // The same statement, so at the same address: of another's session, and of its own.
        assert!(removal.execute(["s-x"]).is_err(), "interrupted after {steps} steps");
        conn.execute_batch("BEGIN").unwrap();
        removal.execute(["s-w"]).unwrap();
        let audited: i64 = conn
            .query_row(
                "SELECT count(*) FROM acl_audit WHERE record = 's-w' AND operation = 'remove' AND verdict = 'allowed'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(audited, 1, "interrupted after {steps} steps");
        conn.execute_batch("ROLLBACK").unwrap();
    }
}

/// The same of a creation and of an update that sets to NULL what named a removed parent.
#[test]
fn no_interruption_of_any_write_lets_another_pass() {
    for (actor, statement) in [
        (Actor::user("bo"), "DELETE FROM tasks WHERE task_id = 't-w'"),
        (Actor::user("bo"), "UPDATE tasks SET status = 'completed' WHERE task_id = 't-w'"),
        (
            Actor::user("bo"),
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
             VALUES ('n', 'r', acl_now(), 'bo', 'n', 'main', 70, '{}')",
        ),
        (
            Actor::user("bo"),
            "INSERT OR IGNORE INTO tasks (task_id, session_id, created_at, status, created_by, data)
                             VALUES ('t-w', 's-w', acl_now(), 'created', 'bo', '{}')",
        ),
    ] {
        let host = host();
        let conn = &host.conn;
        act_as(conn, &actor);
        for steps in (1..).step_by(7) {
            conn.execute_batch("BEGIN").unwrap();
            let done = interrupted(conn, steps, || run(conn, statement));
            if !conn.is_autocommit() {
                conn.execute_batch("ROLLBACK").unwrap();
            }
            let refused = REFUSED[steps as usize % REFUSED.len()];
            assert!(run(conn, refused).is_err(), "{statement}: interrupted after {steps} steps: {refused}");
            if done.is_ok() {
                break;
            }
        }
        let seq = last_seq(&host.store);
        assert_eq!(ask::<i64>(&host.store, "SELECT count(*) FROM sessions"), 3);
        assert_eq!(host.audit(seq), Vec::<String>::new());
    }
}
