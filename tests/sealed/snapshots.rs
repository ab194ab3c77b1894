//! Each sealed statement reads one state of the file and leaves no lock or snapshot behind, also beside others.

use std::time::Duration;

use aclite::{Actor, Sharing};

use super::house::{all, bo, house, house_with, rows, sealed};
use crate::support::file::{self};
use crate::support::{add_user, sql, system, task};

// ---- snapshots ----------------------------------------------------------------------------------

#[test]
fn a_revocation_counts_for_the_next_statement() {
    let (_dir, store) = house_with(Sharing::View);
    let sealed = sealed(&store, &Actor::user("dee"));
    assert_eq!(all(&sealed, "SELECT task_id FROM tasks"), ["t-w"]);
    for (change, shown) in [
        ("UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-w'", ""),
        ("INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-x', 'dee', acl_now())", "t-x"),
        ("UPDATE acl_rules SET needs = 'system' WHERE resource = 'task' AND operation = 'get'", ""),
        ("UPDATE acl_rules SET needs = 'all' WHERE resource = 'task' AND operation = 'get'", "t-x"),
        ("UPDATE users SET role = 'viewer' WHERE user_id = 'dee'", ""),
        ("DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'get'", ""),
        ("DELETE FROM users WHERE user_id = 'dee'", ""),
    ] {
        sql(&store, change);
        assert_eq!(all(&sealed, "SELECT task_id FROM tasks").join(","), shown, "{change}");
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM users"), ["0"]);
}

#[test]
fn a_statement_keeps_the_snapshot_that_it_began_with() {
    let (_dir, store) = house_with(Sharing::View);
    for number in 0..50 {
        task(&store, &format!("t-{number:02}"), "s-w", "bo");
    }
    let sealed = sealed(&store, &Actor::user("dee"));
    let mut revoked = false;
    let seen = sealed
        .query("SELECT task_id, (SELECT count(*) FROM tasks), (SELECT count(*) FROM messages) FROM tasks", [], |row| {
            if !revoked {
                sql(&store, "UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-w'");
                revoked = true;
            }
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .unwrap();
    assert_eq!(seen.len(), 51);
    assert!(seen.iter().all(|(_, tasks, messages)| (*tasks, *messages) == (51, 1)));
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["0"]);
}

/// After each statement, however it ended, the log can be written back whole: nobody holds a snapshot.
#[test]
fn no_statement_leaves_a_snapshot_behind() {
    let (_dir, store) = house();
    let raw = file::raw(store.path());
    let free = || {
        sql(&store, "UPDATE worktrees SET needs_attention = 1 - needs_attention");
        let (busy, log, done): (i64, i64, i64) = raw
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        (busy, log == done)
    };
    let sealed = sealed(&store, &bo());
    assert_eq!(free(), (0, true));
    all(&sealed, "SELECT * FROM tasks");
    assert_eq!(free(), (0, true), "after a statement");
    sealed.query_row("SELECT * FROM tasks", [], |_| Ok(())).unwrap();
    assert_eq!(free(), (0, true), "after its first row");
    assert!(rows(&sealed, "SELECT json(substr(data, 2)) FROM tasks").is_err());
    assert_eq!(free(), (0, true), "after an error");
    let failed = sealed.query("SELECT * FROM tasks", [], |row| row.get::<_, i64>(0));
    assert!(failed.is_err());
    assert_eq!(free(), (0, true), "after an error of the caller's");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sealed.query("SELECT * FROM tasks", [], |_| -> rusqlite::Result<()> { panic!("of the caller's") })
    }));
    assert!(panicked.is_err());
    assert_eq!(free(), (0, true), "after a panic");
    sealed.set_time_limit(Duration::from_millis(50));
    let endless = "SELECT count(*) FROM tasks a, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)";
    assert!(rows(&sealed, endless).is_err());
    assert_eq!(free(), (0, true), "after a time-out");
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
}

#[test]
fn a_statement_inside_another_is_refused() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    let inner = sealed.query("SELECT task_id FROM tasks", [], |_| Ok(rows(&sealed, "SELECT * FROM users").map(drop)));
    for inner in inner.unwrap() {
        assert!(inner.unwrap_err().to_string().contains("one statement at a time on a sealed connection"));
    }
}

// ---- many at once -------------------------------------------------------------------------------

#[test]
fn many_sealed_connections_read_while_a_writer_writes() {
    let (_dir, store) = house_with(Sharing::View);
    add_user(&store, "eve", "member");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = ["bo", "cy", "dee", "eve"]
            .map(|user| {
                let (store, stop) = (&store, &stop);
                scope.spawn(move || {
                    let sealed = sealed(store, &Actor::user(user));
                    let mut reads = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) || reads < 20 {
                        let counts = "SELECT (SELECT count(*) FROM tasks WHERE session_id = 's-w') = (SELECT count(*) FROM messages WHERE session_id = 's-w')";
                        assert_eq!(all(&sealed, counts), ["1"], "{user}: one statement, one snapshot");
                        let hidden = all(&sealed, "SELECT count(*) FROM tasks WHERE session_id = 's-v'");
                        assert!(user == "bo" || hidden == ["0"], "{user}");
                        reads += 1;
                    }
                })
            })
            .into_iter()
            .collect();
        for number in 0..40 {
            store
                .write(&system(), |tx| {
                    let id = format!("t-{number}");
                    tx.tasks().create(aclite::NewTask::new("s-w").id(id.clone()).created_by("bo"))?;
                    let said =
                        aclite::NewMessage::new("s-w", aclite::MessageType::User, aclite::MessageRole::User, "x");
                    tx.messages().create(said.id(format!("m-{number}")))
                })
                .unwrap();
            let can = if number % 2 == 0 { "none" } else { "view" };
            sql(&store, &format!("UPDATE worktrees SET others_can = '{can}' WHERE worktree_id = 'w-w'"));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_sealed_connection_goes_from_thread_to_thread() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    let sealed = std::thread::spawn(move || {
        assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
        sealed
    });
    assert_eq!(all(&sealed.join().unwrap(), "SELECT count(*) FROM tasks"), ["2"]);
}
