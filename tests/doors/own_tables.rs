//! Nobody writes aclite's own tables or calls the guards' functions from outside.

use aclite::Actor;

use super::world::{refused, refused_to, run, store};
use crate::support::{ask, audit_after, last_seq, system, verdict};

/// The audit and the epoch are written by triggers; SQL that looks like a trigger's must not be.
#[test]
fn aclites_own_tables_are_not_written_from_outside() {
    let store = store();
    let row = "INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, verdict, epoch)
        SELECT max(seq) + 1, acl_now(), 'api', 'user', 'cy', 'patch', 'task', 't-v', 'allowed', (SELECT epoch FROM acl_epoch) FROM acl_audit";
    let everybody = [Actor::user("cy"), Actor::user("ada"), Actor::user("su"), system(), Actor::service("s")];
    for actor in &everybody {
        refused_to(
            &store,
            actor,
            &[
                ("denied", &format!("INSERT {row}")),
                ("denied", &format!("INSERT OR REPLACE {row}")),
                ("denied", &format!("INSERT OR IGNORE {row}")),
                ("denied", "UPDATE acl_audit SET verdict = 'denied'"),
                ("denied", "UPDATE acl_audit SET seq = seq + 1000"),
                ("denied", "DELETE FROM acl_audit WHERE seq = 1"),
                ("denied", "INSERT INTO acl_epoch (one, epoch) VALUES (2, 7)"),
                ("denied", "INSERT OR REPLACE INTO acl_epoch (one, epoch) VALUES (1, 7)"),
                ("denied", "UPDATE acl_epoch SET epoch = epoch + 2"),
                ("denied", "UPDATE acl_epoch SET epoch = epoch - 1"),
                ("denied", "UPDATE acl_epoch SET epoch = epoch + 1.5"),
                ("denied", "UPDATE acl_epoch SET epoch = 'x'"),
                ("denied", "UPDATE acl_epoch SET epoch = NULL"),
                ("denied", "UPDATE acl_epoch SET one = 2, epoch = epoch + 1"),
                ("denied", "DELETE FROM acl_epoch"),
                ("denied", "INSERT INTO acl_meta (name, value) VALUES ('x', 1)"),
                ("denied", "INSERT OR REPLACE INTO acl_meta (name, value) VALUES ('generation', 0)"),
                ("denied", "UPDATE acl_meta SET value = 0"),
                ("denied", "DELETE FROM acl_meta"),
            ],
        );
    }
    for actor in &everybody[..3] {
        refused_to(
            &store,
            actor,
            &[
                ("denied", "INSERT INTO acl_rules (resource, operation, needs) VALUES ('x', 'y', 'none')"),
                (
                    "denied",
                    "INSERT OR REPLACE INTO acl_rules (resource, operation, needs) VALUES ('task', 'patch', 'none')",
                ),
                ("denied", "UPDATE acl_rules SET needs = 'none'"),
                ("denied", "DELETE FROM acl_rules"),
                ("denied", "INSERT INTO acl_settings (name, value) VALUES ('x', 'on')"),
                ("denied", "UPDATE acl_settings SET value = 'off'"),
                ("denied", "DELETE FROM acl_settings"),
            ],
        );
    }
    // Anybody may raise the epoch by one: that only makes caches look again.
    assert_eq!(run(&store, &Actor::user("cy"), "UPDATE acl_epoch SET epoch = epoch + 1").unwrap(), 1);
}

/// The admission of a first owner is in the connection's memory: SQL can neither make nor keep one.
#[test]
fn the_admission_of_a_first_owner_cannot_be_forged() {
    let store = store();
    let owner = "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES";
    refused(
        &store,
        &[
            ("hidden", &format!("{owner} ('w-v', 'cy', acl_now())")),
            ("denied", &format!("{owner} ('w-w', 'cy', acl_now())")),
            ("not_found", &format!("{owner} ('w-none', 'cy', acl_now())")),
        ],
    );
    let seq = last_seq(&store);
    // A worktree made and, in the same transaction, taken over by somebody else.
    let outcome = store.write(&Actor::user("cy"), |tx| {
        tx.sql().execute(
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
             VALUES ('w-new', 'r', acl_now(), 'cy', 'new', 'main', 50, '{}')",
            [],
        )?;
        let second = tx.sql().execute(&format!("{owner} ('w-v', 'cy', acl_now())"), []);
        assert_eq!(verdict(&second), "hidden");
        tx.sql().execute("UPDATE worktrees SET created_by = 'bo' WHERE worktree_id = 'w-new'", [])
    });
    assert_eq!(verdict(&outcome), "immutable");
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM worktrees WHERE worktree_id = 'w-new'"), 0);
    assert_eq!(
        audit_after(&store, seq).iter().map(|row| row.verdict.as_str()).collect::<Vec<_>>(),
        ["denied", "denied"]
    );
}

/// The functions that guards call are not for SQL from outside: with them anybody could write the audit.
#[test]
fn the_guards_functions_are_not_for_others() {
    let store = store();
    for actor in [Actor::user("cy"), system()] {
        refused_to(
            &store,
            &actor,
            &[
                ("invalid", "SELECT acl_guard('task', 'patch', 'id', 't-v')"),
                ("invalid", "SELECT \"acl_guard\"('task', 'patch', 'id', 't-v')"),
                ("invalid", "SELECT ACL_GUARD_CHILD('session', 's-v', 'task')"),
                ("invalid", "SELECT acl_row('task', 'patch', '')"),
                ("invalid", "SELECT acl_complete_write('task', 't-v')"),
                ("invalid", "SELECT acl_guard_audit()"),
                ("invalid", "SELECT [acl_next_status]('created', 'completed')"),
                ("invalid", "UPDATE tasks SET status = acl_next_status(status, 'completed')"),
                ("invalid", "WITH acl_tasks_before_update AS (SELECT 1) SELECT * FROM acl_tasks_before_update"),
            ],
        );
    }
}
