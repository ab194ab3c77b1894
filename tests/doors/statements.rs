//! `tx.sql()` refuses definitions, pragmas and transaction control, shows no secret, and runs as its actor.

use aclite::{Actor, Sharing, Store};
use rusqlite::Connection;

use super::world::{MESSAGE, TASK, everything, new_message, new_task, refused, run, store};
use crate::support::file::content;
use crate::support::{ask, audit_after, last_seq, places, raw, sql, system, verdict, world_at};

/// Whoever can define a trigger can end ours, and whoever can switch foreign keys off can make orphans.
#[test]
fn definitions_pragmas_and_transaction_control_are_refused() {
    let store = store();
    let mut attempts: Vec<String> = [
        // TEMP objects: a TEMP trigger with RAISE(IGNORE) ends our AFTER triggers; a TEMP table shadows.
        "CREATE TEMP TRIGGER g AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER temp.g BEFORE INSERT ON main.acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TABLE acl_settings (name, value)",
        "CREATE TEMP TABLE tasks (a)",
        "CREATE TEMPORARY TABLE tasks AS SELECT 1",
        "CREATE TABLE temp.users (user_id, role)",
        "CREATE TEMP VIEW users AS SELECT 'cy' AS user_id, 'superadmin' AS role",
        "CREATE TEMP VIEW tasks AS SELECT 1",
        // Definitions.
        "CREATE TABLE mine (a)",
        "CREATE VIRTUAL TABLE mine USING fts5(a)",
        "CREATE INDEX mine ON tasks (status)",
        "CREATE UNIQUE INDEX mine ON tasks (status)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN SELECT 1; END",
        "DROP TABLE tasks",
        "DROP INDEX tasks_session_created_idx",
        "ALTER TABLE tasks RENAME TO jobs",
        "ALTER TABLE tasks RENAME COLUMN status TO state",
        "ALTER TABLE tasks ADD COLUMN mine",
        "ALTER TABLE tasks DROP COLUMN started_at",
        "REINDEX",
        "ANALYZE",
        "UPDATE sqlite_schema SET sql = ''",
        "DELETE FROM sqlite_schema WHERE type = 'trigger'",
        "INSERT INTO sqlite_schema VALUES ('table', 'a', 'a', 1, '')",
        // Pragmas, in each of their shapes.
        "PRAGMA foreign_keys = 0",
        "PRAGMA foreign_keys",
        "PRAGMA main.foreign_keys(0)",
        "PRAGMA recursive_triggers = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA ignore_check_constraints = 1",
        "PRAGMA defer_foreign_keys = 1",
        "PRAGMA trusted_schema = 1",
        "PRAGMA user_version = 9",
        "PRAGMA query_only = 0",
        "PRAGMA journal_mode = OFF",
        "SELECT * FROM pragma_foreign_keys(0)",
        "SELECT * FROM pragma_foreign_keys",
        "WITH p AS (SELECT * FROM pragma_foreign_keys(0)) SELECT * FROM p",
        "SELECT * FROM pragma_recursive_triggers",
        "SELECT * FROM pragma_writable_schema",
        "SELECT * FROM pragma_table_info('tasks')",
        "SELECT (SELECT * FROM pragma_user_version)",
        // Other files.
        "ATTACH ':memory:' AS other",
        "ATTACH 'other.db' AS other",
        "DETACH main",
        "DETACH temp",
        // Transactions.
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT mine",
        "RELEASE acl_whole",
        "ROLLBACK TO acl_whole",
        "ROLLBACK TO SAVEPOINT mine",
    ]
    .map(str::to_owned)
    .to_vec();
    for trigger in ["acl_tasks_before_update", "acl_acl_audit_before_delete"] {
        attempts.push(format!("DROP TRIGGER {trigger}"));
        attempts.push(format!("DROP TRIGGER IF EXISTS main.\"{trigger}\""));
    }
    attempts.push("DROP VIEW acl_held".to_owned());
    for actor in [Actor::user("cy"), Actor::user("su"), system()] {
        let before = everything(&store);
        for statement in &attempts {
            let outcome = run(&store, &actor, statement);
            assert_eq!(verdict(&outcome), "invalid", "{statement}: {outcome:?}");
        }
        // SQLite refuses these by itself, when they run.
        for statement in ["VACUUM", "VACUUM INTO 'copy.db'", "SELECT load_extension('x')"] {
            assert!(run(&store, &actor, statement).is_err(), "{statement}");
        }
        assert_eq!(everything(&store), before);
    }
    assert!(store.check().unwrap().is_clean());
    // A transaction in which such a thing was tried goes on.
    store
        .write(&Actor::user("cy"), |tx| {
            for statement in &attempts {
                assert_eq!(verdict(&tx.sql().execute(statement, [])), "invalid", "{statement}");
            }
            tx.sql().execute("UPDATE tasks SET data = '{\"still\":1}' WHERE task_id = 't-x'", [])
        })
        .unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT json_extract(data, '$.still') FROM tasks WHERE task_id = 't-x'"), 1);
}

#[test]
fn several_statements_are_no_statement() {
    let store = store();
    refused(
        &store,
        &[
            ("invalid", "SELECT 1; DELETE FROM tasks"),
            ("invalid", "UPDATE tasks SET data = '{}' WHERE task_id = 't-x'; PRAGMA foreign_keys = 0"),
            ("invalid", "SELECT"),
            ("invalid", "not a statement"),
            ("invalid", "EXPLAIN"),
        ],
    );
}

/// `OR ROLLBACK` ends the whole transaction, and every later statement of the closure would commit
/// by itself.
#[test]
fn or_rollback_leaves_nothing_that_commits_by_itself() {
    let store = store();
    // The guard lets it pass, and the table's own NOT NULL does not.
    let ending = format!(
        "INSERT OR ROLLBACK {}",
        format!("{MESSAGE} VALUES {}", new_message("m-1", "s-x")).replace("9, acl_now()", "9, NULL")
    );
    let before = everything(&store);
    let seq = last_seq(&store);
    let mut later = Vec::new();
    let outcome = store.write(&Actor::user("cy"), |tx| {
        tx.sql().execute("UPDATE tasks SET data = '{\"before\":1}' WHERE task_id = 't-x'", [])?;
        later.push(verdict(&tx.sql().execute(&ending, [])));
        later.push(verdict(&tx.sql().execute("UPDATE tasks SET data = '{\"after\":1}' WHERE task_id = 't-x'", [])));
        later.push(verdict(&tx.tasks().patch("t-x", aclite::TaskPatch::new().set("after", 1))));
        later.push(verdict(&tx.tasks().get("t-x")));
        later.push(verdict(&tx.tasks().finish("t-x", aclite::TaskPatch::new().status(aclite::TaskStatus::Failed))));
        later.push(verdict(&tx.tasks().remove("t-x")));
        later.push(verdict(&tx.messages().create_many([])));
        Ok(())
    });
    assert_eq!(verdict(&outcome), "storage");
    assert_eq!(later, ["storage"; 7], "{later:?}");
    assert_eq!(everything(&store), before);
    assert_eq!(audit_after(&store, seq).len(), 0, "what was rolled back was never allowed");

    // The same with a refusal before it: that alone is told.
    let outcome = store.write(&Actor::user("cy"), |tx| {
        assert_eq!(verdict(&tx.tasks().patch("t-v", aclite::TaskPatch::new().set("a", 1))), "hidden");
        let _ = tx.sql().execute(&ending, []);
        Ok(())
    });
    assert_eq!(verdict(&outcome), "storage");
    assert_eq!(everything(&store), before);
    run(&store, &Actor::user("cy"), "UPDATE tasks SET data = '{\"well\":1}' WHERE task_id = 't-x'").unwrap();
    let told: Vec<_> = audit_after(&store, seq).into_iter().map(|row| (row.record, row.verdict)).collect();
    assert_eq!(told, [("t-v", "denied"), ("t-x", "allowed")].map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// A statement that passes the guard and breaks a constraint leaves no row and no audit row, under any clause.
#[test]
fn a_constraint_after_the_guard_leaves_neither_row_nor_audit() {
    let store = store();
    let broken = |word: &str, id: &str| {
        format!(
            "INSERT {word} {}",
            format!("{MESSAGE} VALUES {}", new_message(id, "s-x")).replace("9, acl_now()", "9, NULL")
        )
    };
    sql(&store, "UPDATE acl_rules SET audit = 'all' WHERE resource = 'message'");
    let seq = last_seq(&store);
    refused(
        &store,
        &[
            ("invalid", &broken("", "m-1")),
            ("invalid", &broken("OR FAIL", "m-1")),
            ("invalid", &broken("OR REPLACE", "m-1")),
        ],
    );
    assert_eq!(run(&store, &Actor::user("cy"), &broken("OR IGNORE", "m-1")).unwrap(), 0);
    assert_eq!(audit_after(&store, seq).len(), 0);
    // Of two rows the ignored one leaves nothing behind for the other.
    let two = format!("{}, {}", broken("OR IGNORE", "m-1"), new_message("m-2", "s-x"));
    assert_eq!(run(&store, &Actor::user("cy"), &two).unwrap(), 1);
    let rows = audit_after(&store, seq);
    assert_eq!(rows.iter().map(|row| row.record.as_str()).collect::<Vec<_>>(), ["m-2"]);
}

/// SQLite asks its authorizer for each column that a statement names, but not for those by which
/// `USING` or `NATURAL` joins: a FULL JOIN handed out every password hash and every session's token.
#[test]
fn secrets_are_in_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = world_at(&path);
    places(&store, Sharing::View);
    let token = aclite::SessionPatch::new().set("mcp_token", "t0ken");
    store.write(&system(), |tx| tx.sessions().patch("s-x", token)).unwrap();
    // Statistics hold samples of what is indexed.
    Connection::open(&path).unwrap().execute_batch("ANALYZE").unwrap();
    let attempts = [
        "SELECT password FROM users FULL JOIN (SELECT NULL AS password) AS p USING (password)",
        "SELECT password FROM users FULL JOIN (SELECT NULL AS password) AS p uSiNg(\"password\")",
        "SELECT password, $a(') FROM users FULL JOIN (SELECT NULL AS password) AS p USING (password) WHERE $b(') IS NULL",
        "SELECT /*' */ password FROM users FULL JOIN (SELECT NULL AS password) AS p/**/USING/**/(password) -- '",
        "SELECT password FROM users NATURAL FULL JOIN (SELECT NULL AS password) AS p",
        "SELECT * FROM users AS a NATURAL FULL JOIN users AS b",
        "SELECT * FROM sessions AS a NATURAL FULL JOIN \"sessions\" AS b",
        "SELECT data FROM sessions FULL JOIN (SELECT NULL AS data) AS p USING (data)",
        "SELECT p.password FROM (SELECT 'hash of bo' AS password) AS p JOIN users USING (password)",
        "SELECT count(*) FROM (SELECT 'hash of bo' AS password) AS p NATURAL JOIN users",
        "SELECT password FROM users",
        "SELECT * FROM users",
        "SELECT max(data) FROM sessions",
        "SELECT name FROM users ORDER BY password",
        "SELECT name FROM users GROUP BY password",
        "SELECT count(*) FROM users WHERE password GLOB 'h*'",
        "SELECT 1 FROM users WHERE (user_id, password) > ('a', 'b')",
        "WITH q AS (SELECT * FROM users) SELECT * FROM q",
        "WITH acl_access AS (SELECT * FROM main.users) SELECT * FROM acl_access",
        "WITH acl_held AS (SELECT data AS held FROM main.sessions) SELECT held FROM acl_held",
        "SELECT (SELECT data FROM sessions LIMIT 1)",
        "UPDATE users SET name = password WHERE user_id = 'cy'",
        "UPDATE users SET name = 'x' WHERE user_id = 'cy' RETURNING password",
        "UPDATE users SET name = u.password FROM users AS u WHERE users.user_id = 'cy'",
        "DELETE FROM sessions WHERE session_id = 's-x' RETURNING data",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) SELECT user_id, acl_now(), 'cy', password, '{}' FROM users",
        "SELECT sample FROM sqlite_stat4",
        "SELECT * FROM sqlite_stat4 WHERE idx = 'sessions_mcp_token_idx'",
        "SELECT * FROM sqlite_stat1",
    ];
    for actor in ["cy", "su", "ada"] {
        for statement in attempts {
            let outcome = store.write(&Actor::user(actor), |tx| {
                tx.sql().query(statement, [], |row| {
                    Ok((0..row.as_ref().column_count()).map(|at| format!("{:?}", row.get_ref(at))).collect::<String>())
                })
            });
            assert_eq!(verdict(&outcome), "invalid", "{statement}: {outcome:?}");
        }
    }
    // What is no secret is joined as ever.
    for statement in [
        "SELECT task_id FROM tasks JOIN messages USING (task_id)",
        "SELECT task_id FROM tasks JOIN sessions USING (session_id)",
        "SELECT u.name FROM users AS u JOIN worktree_owners AS o ON o.user_id = u.user_id",
    ] {
        store.write(&Actor::user("cy"), |tx| tx.sql().query(statement, [], |_| Ok(()))).unwrap();
    }
}

/// Identity is bound to the transaction: a statement that was prepared for one actor serves no other.
#[test]
fn a_statement_runs_as_whoever_runs_it() {
    let store = store();
    let statement = "UPDATE tasks SET data = '{\"by\":1}' WHERE task_id = 't-v'";
    for (actor, expected) in [
        (Actor::user("bo"), "ok"),
        (Actor::user("cy"), "hidden"),
        (Actor::Anonymous, "not_authenticated"),
        (Actor::user("anonymous"), "not_authenticated"),
        (Actor::user(""), "not_authenticated"),
        (Actor::user("nobody"), "hidden"),
        (Actor::user("bo"), "ok"),
    ] {
        assert_eq!(verdict(&run(&store, &actor, statement)), expected, "{actor:?}");
        let patched = store.write(&actor, |tx| tx.tasks().patch("t-v", aclite::TaskPatch::new().set("a", 1)));
        assert_eq!(verdict(&patched), expected, "{actor:?}");
    }
}

/// A trigger acts under the rights of whoever fires it. One that somebody leaves on a table of his own, and
/// that writes users, makes him an administrator as soon as an administrator deletes his session.
#[test]
fn a_trigger_of_somebody_elses_writes_no_guarded_table() {
    let trap = "CREATE TABLE notes (s text REFERENCES sessions (session_id) ON DELETE CASCADE);
        INSERT INTO notes VALUES ('s-x');
        CREATE TRIGGER trap AFTER DELETE ON notes BEGIN
          UPDATE 'users' SET role = 'admin', updated_at = 1 WHERE user_id = 'cy';
        END";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = world_at(&path);
    places(&store, Sharing::View);
    // Through no store: one that finds the file altered reads nothing.
    let everything = || {
        let mut rows = content(&path);
        rows.retain(|table, _| !["notes", "acl_audit"].contains(&table.as_str()));
        rows
    };
    let before = everything();
    // Called as a guard of a further table is, and as our views are, it fires no more.
    for name in ["acl_notes_after_delete", "acl_held"] {
        let named = trap.replace("trap", name);
        Connection::open(&path).unwrap().execute_batch(&named).unwrap();
        let fired = run(&store, &system(), "DELETE FROM notes");
        assert_eq!(verdict(&fired), "tampered", "{name}: {fired:?}");
        assert_eq!(verdict(&Store::open(&path)), "tampered", "{name}");
        Connection::open(&path).unwrap().execute_batch("DROP TABLE notes").unwrap();
    }
    Connection::open(&path).unwrap().execute_batch(trap).unwrap();
    // A store that is open already fires no such trigger, whoever acts and however.
    for actor in [Actor::user("cy"), Actor::user("su"), system()] {
        let removed = store.write(&actor, |tx| tx.sessions().remove("s-x"));
        assert_eq!(verdict(&removed), "tampered", "{actor:?}: {removed:?}");
        for statement in ["DELETE FROM notes", "DELETE FROM sessions WHERE session_id = 's-x'"] {
            let fired = run(&store, &actor, statement);
            assert_eq!(verdict(&fired), "tampered", "{actor:?}: {statement}: {fired:?}");
        }
    }
    assert_eq!(everything(), before);
    // It is found when the file is opened or checked, and a host's guards refuse every write meanwhile.
    assert_eq!(verdict(&Store::open(&path)), "tampered");
    let report = store.check().unwrap();
    assert_eq!(report.altered, ["trigger `trap` writes `users` under the rights of whoever fires it"]);
    let host = raw::open(&path);
    raw::act_as(&host, &Actor::user("su"));
    let fired = raw::run(&host, "DELETE FROM sessions WHERE session_id = 's-x'").unwrap_err();
    assert!(fired.contains("trigger `trap` writes `users`"), "{fired}");
    assert_eq!(everything(), before);
    // One that only reads guarded tables is no matter.
    let reads = "DROP TRIGGER trap; CREATE TRIGGER reads AFTER DELETE ON notes BEGIN INSERT INTO notes SELECT user_id FROM users WHERE 0; END";
    Connection::open(&path).unwrap().execute_batch(reads).unwrap();
    Store::open(&path).unwrap();
    // The store that is open goes on too.
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM notes"), 1);
    store.write(&system(), |tx| tx.sessions().remove("s-x")).unwrap();
}

/// A duplicate id says that it is taken, and nothing of by whom or whether it may be seen.
#[test]
fn a_hidden_key_tells_no_more_than_that_it_is_taken() {
    let store = store();
    let told = |id: &str| {
        let error =
            run(&store, &Actor::user("cy"), &format!("INSERT {TASK} VALUES {}", new_task(id, "s-x"))).unwrap_err();
        error.public().message.replace(id, "ID")
    };
    assert_eq!(told("t-v"), told("t-x"));
    // Where the caller may not write at all, not even that.
    for id in ["t-v", "t-none"] {
        refused(&store, &[("hidden", &format!("INSERT {TASK} VALUES {}", new_task(id, "s-v")))]);
    }
    // Of an id that the caller sees, SQLite says that it is there.
    assert_eq!(
        verdict(&run(&store, &Actor::user("cy"), &format!("INSERT {TASK} VALUES {}", new_task("t-x", "s-v")))),
        "conflict"
    );
}
