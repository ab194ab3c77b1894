//! Only the daemon writes rules and settings; nobody writes the audit or calls the guards' functions.

use aclite::rusqlite::types::Value as Sql;
use aclite::{Result, Tx};

use super::town::{actor, check, town};
use crate::support::{ask, attempt, sql, system, verdict};

// ---- what only the daemon writes ----------------------------------------------------------------

#[test]
fn rules_and_settings_are_the_daemons() {
    let store = town();
    let told = [
        ("bo", "denied"),
        ("ada", "denied"),
        ("su", "denied"),
        ("executor", "denied"),
        ("ghost", "hidden"),
        ("nobody", "not_authenticated"),
        ("system", "ok"),
        ("service", "ok"),
    ];
    for statement in [
        "UPDATE acl_rules SET needs = 'none' WHERE resource = 'task'",
        "DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'get'",
        "INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'share', 'view')",
        "UPDATE acl_settings SET value = 'on' WHERE name = 'allow_superadmin'",
        "DELETE FROM acl_settings",
        "INSERT INTO acl_settings (name, value) VALUES ('other', 'on')",
    ] {
        check(&store, statement, &told);
    }
    // No rule can give what is not a rule's to give.
    sql(
        &store,
        "UPDATE acl_rules SET needs = 'signed-in', needs_if_own = NULL WHERE resource IN ('rule', 'setting', 'user')",
    );
    check(
        &store,
        "UPDATE users SET role = 'superadmin' WHERE user_id = 'cy'",
        &[("cy", "denied"), ("bo", "denied"), ("ada", "denied")],
    );
    check(&store, "UPDATE users SET role = 'admin' WHERE user_id = 'cy'", &[("cy", "denied"), ("bo", "ok")]);
}

#[test]
fn the_audit_only_grows_and_only_by_what_was_decided() {
    let store = town();
    let everybody = ["bo", "ada", "su", "executor", "system", "service"];
    let row = "(seq, at, door, actor_kind, actor, operation, resource, record, verdict, epoch)";
    for statement in [
        format!("INSERT INTO acl_audit {row} VALUES (9999, acl_now(), 'api', 'user', 'bo', 'patch', 'task', 't', 'allowed', 1)"),
        format!("INSERT INTO acl_audit {row} SELECT max(seq) + 1, acl_now(), 'sql', 'system', 'test', 'patch', 'task', 't', 'allowed', (SELECT epoch FROM acl_epoch) FROM acl_audit"),
        "INSERT INTO acl_audit SELECT max(seq) + 1, at, door, actor_kind, actor, operation, resource, record, session_id,
            worktree_id, verdict, needed, held, why, fields, epoch FROM acl_audit".to_owned(),
        "INSERT OR REPLACE INTO acl_audit SELECT * FROM acl_audit".to_owned(),
        "INSERT OR IGNORE INTO acl_audit SELECT * FROM acl_audit".to_owned(),
        "UPDATE acl_audit SET verdict = 'denied'".to_owned(),
        "UPDATE acl_audit SET seq = seq + 1000".to_owned(),
        "UPDATE OR REPLACE acl_audit SET seq = 1".to_owned(),
        "UPDATE acl_audit SET seq = seq".to_owned(),
        "DELETE FROM acl_audit".to_owned(),
        "DELETE FROM acl_audit WHERE seq = (SELECT max(seq) FROM acl_audit) RETURNING *".to_owned(),
    ] {
        check(&store, &statement, &everybody.map(|who| (who, "denied")));
    }
    let (count, last): (i64, i64) =
        (ask(&store, "SELECT count(*) FROM acl_audit"), ask(&store, "SELECT max(seq) FROM acl_audit"));
    assert_eq!(count, last, "numbers have no gaps: nothing is missing");
    for (who, expected) in [("bo", "denied"), ("su", "denied"), ("nobody", "not_authenticated"), ("system", "ok")] {
        assert_eq!(verdict(&store.read(&actor(who), |tx| tx.audit().tail(1))), expected, "{who}");
    }
}

#[test]
fn the_epoch_goes_up_by_one_and_the_installation_is_nobodys() {
    let store = town();
    let everybody = ["bo", "ada", "su", "executor", "system", "service"];
    for statement in [
        "UPDATE acl_epoch SET epoch = epoch + 2",
        "UPDATE acl_epoch SET epoch = epoch",
        "UPDATE acl_epoch SET epoch = epoch - 1",
        "UPDATE acl_epoch SET epoch = 1",
        "UPDATE acl_epoch SET epoch = (epoch + 1) || ''",
        "UPDATE acl_epoch SET epoch = epoch + 1.0",
        "UPDATE acl_epoch SET one = 2, epoch = epoch + 1",
        "UPDATE acl_epoch SET epoch = NULL",
        "DELETE FROM acl_epoch",
        "INSERT INTO acl_epoch (one, epoch) VALUES (1, 1)",
        "INSERT OR REPLACE INTO acl_epoch (one, epoch) VALUES (1, 1)",
        "INSERT OR REPLACE INTO acl_epoch SELECT one, epoch + 1 FROM acl_epoch",
        "UPDATE acl_meta SET value = 0",
        "UPDATE acl_meta SET value = value",
        "DELETE FROM acl_meta",
        "INSERT INTO acl_meta (name, value) VALUES ('x', 1)",
        "INSERT OR REPLACE INTO acl_meta SELECT * FROM acl_meta",
    ] {
        let integer = statement.contains("|| ''") || statement.contains("1.0");
        for who in everybody {
            let outcome = attempt(&store, &actor(who), |tx| {
                tx.sql().execute(statement, [])?;
                tx.sql().query_row("SELECT typeof(epoch) FROM acl_epoch", [], |row| row.get::<_, String>(0))
            });
            // A column of integers makes an integer of what looks like one: that is one step up.
            let harmless = integer && matches!(&outcome, Ok(kind) if kind == "integer");
            assert!(harmless || verdict(&outcome) == "denied", "{statement}\nby {who}: {outcome:?}");
        }
    }
    check(&store, "UPDATE acl_epoch SET epoch = epoch + 1", &everybody.map(|who| (who, "ok")));
    check(&store, "UPDATE acl_epoch SET epoch = epoch + 1", &[("nobody", "not_authenticated")]);
}

#[test]
fn every_change_of_who_may_what_raises_the_epoch() {
    let store = town();
    let raised = [
        ("INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', 'cy', acl_now())", true),
        ("DELETE FROM worktree_owners WHERE user_id = 'cy'", true),
        (
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
             VALUES ('n', 'r', acl_now(), 'bo', 'n', 'main', 9, '{}')",
            true,
        ),
        ("UPDATE worktrees SET others_can = NULL WHERE worktree_id = 'n'", true),
        ("UPDATE worktrees SET others_can = NULL WHERE worktree_id = 'n'", false),
        ("DELETE FROM worktrees WHERE worktree_id = 'n'", true),
        ("UPDATE worktrees SET others_can = 'prompt'", true),
        ("UPDATE worktrees SET name = 'x'", false),
        ("UPDATE users SET role = 'viewer' WHERE user_id = 'dee'", true),
        ("UPDATE users SET name = 'x' WHERE user_id = 'dee'", false),
        ("UPDATE groups SET archived = 1", true),
        ("INSERT INTO groups (group_id, name, slug, created_at) VALUES ('n', 'n', 'n', acl_now())", true),
        ("INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('n', 'cy', acl_now())", true),
        ("DELETE FROM group_memberships WHERE group_id = 'n'", true),
        ("DELETE FROM groups WHERE group_id = 'n'", true),
        ("UPDATE worktree_group_grants SET can = 'view'", true),
        ("DELETE FROM worktree_group_grants", true),
        (
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'all', acl_now())",
            true,
        ),
        ("UPDATE acl_rules SET needs = 'all' WHERE resource = 'task' AND operation = 'create'", true),
        ("INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'share', 'view')", true),
        ("DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'share'", true),
        ("UPDATE acl_settings SET value = 'off'", true),
        ("INSERT INTO acl_settings (name, value) VALUES ('other', 'on')", true),
        ("DELETE FROM acl_settings WHERE name = 'other'", true),
        (
            "INSERT INTO users (user_id, created_at, email, password, data) VALUES ('n', acl_now(), 'n', 'h', '{}')",
            true,
        ),
        ("DELETE FROM users WHERE user_id = 'n'", true),
        ("UPDATE tasks SET status = 'running'", false),
        ("UPDATE sessions SET archived = 1", false),
        ("DELETE FROM sessions", false),
        ("DELETE FROM worktrees WHERE worktree_id = 'w'", true),
    ];
    for (statement, raises) in raised {
        let before: i64 = ask(&store, "SELECT epoch FROM acl_epoch");
        sql(&store, statement);
        let after: i64 = ask(&store, "SELECT epoch FROM acl_epoch");
        assert_eq!(after > before, raises, "{statement}: {before}, {after}");
    }
}

#[test]
fn no_statement_reaches_the_functions_that_admit_writes() {
    let store = town();
    let spellings = [
        "SELECT acl_guard('task', 'patch')",
        "SELECT ACL_GUARD('task', 'patch')",
        "SELECT \"acl_guard\"('task', 'patch')",
        "SELECT [acl_guard]('task', 'patch')",
        "SELECT `acl_guard`('task', 'patch')",
        "SELECT acl_guard /* */ ('task', 'patch')",
        "SELECT acl_guard_child('worktree', 'w', 'session')",
        "SELECT acl_guard_audit()",
        "SELECT acl_row('task', 'patch', '')",
        "SELECT acl_complete_write('task', 't')",
        "SELECT acl_is_direct('task', 't')",
        "SELECT acl_get('task')",
        "SELECT acl_may_get('task')",
        "SELECT acl_session()",
        "SELECT acl_task()",
        "SELECT acl_next_status('running', 'stopped')",
        "SELECT acl_next_completed_at('running', 'stopped', NULL, NULL)",
        "WITH acl_tasks_before_update AS (SELECT 1) SELECT * FROM acl_tasks_before_update",
        "WITH \"ACL_tasks_before_update\" AS (SELECT 1) SELECT 1",
        "SELECT (SELECT acl_guard('owner', 'create', 'first_owner_due', 1))",
        "SELECT 1 WHERE EXISTS (SELECT acl_complete_write('worktree', 'w'))",
        "UPDATE tasks SET status = acl_guard('task', 'patch') WHERE task_id = 't'",
        "UPDATE tasks SET status = 'x' WHERE acl_complete_write('task', 't')",
        "DELETE FROM tasks WHERE acl_complete_write('task', task_id) RETURNING acl_row('task', 'patch', '')",
        "INSERT INTO worktree_owners SELECT 'w', 'cy', acl_guard('worktree', 'create', 'id', 'w')",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', acl_row('task', 'patch', ''), '{}')",
        "SELECT count(*) FILTER (WHERE acl_complete_write('task', 't')) FROM tasks",
        "SELECT 1 ORDER BY acl_guard('task', 'patch')",
        "SELECT 1 LIMIT acl_guard('task', 'patch')",
    ];
    for statement in spellings {
        for who in ["bo", "su", "system"] {
            let outcome = attempt(&store, &actor(who), |tx| tx.sql().query(statement, [], |row| row.get::<_, Sql>(0)));
            assert_eq!(verdict(&outcome), "invalid", "{statement}\nby {who}: {outcome:?}");
        }
    }
    for (statement, who, value) in [
        ("SELECT acl_actor()", "bo", Sql::Text("bo".into())),
        ("SELECT acl_actor()", "executor", Sql::Text("bo".into())),
        ("SELECT acl_actor()", "system", Sql::Null),
        (
            "SELECT acl_merge('{\"a\":{\"b\":1}}', '{\"a\":{\"c\":2}}')",
            "bo",
            Sql::Text("{\"a\":{\"b\":1,\"c\":2}}".into()),
        ),
    ] {
        let told = attempt(&store, &actor(who), |tx| tx.sql().query_row(statement, [], |row| row.get::<_, Sql>(0)));
        assert_eq!(told.unwrap(), value, "{statement} by {who}");
    }
}

// ---- secrets ------------------------------------------------------------------------------------

#[test]
fn one_closure_cannot_pass_its_rights_to_the_next() {
    let store = town();
    let statement = "UPDATE tasks SET status = 'running'";
    let by = |who: &str, work: &dyn Fn(&Tx<'_>) -> Result<usize>| {
        verdict(&store.write(&actor(who), |tx| work(tx))).to_owned()
    };
    assert_eq!(by("system", &|tx| tx.sql().execute(statement, [])), "ok");
    assert_eq!(by("cy", &|tx| tx.sql().execute(statement, [])), "denied");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(&system(), |tx| -> Result<()> {
            tx.sql().execute(statement, [])?;
            panic!("in the closure")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(by("cy", &|tx| tx.sql().execute(statement, [])), "denied");
    assert_eq!(by("nobody", &|tx| tx.sql().execute(statement, [])), "not_authenticated");
    assert_eq!(by("bo", &|tx| tx.sql().execute(statement, [])), "ok");
}
