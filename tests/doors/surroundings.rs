//! TEMP objects, attached files, pragmas, altered guards and nested statements open no way past the guards.

use aclite::Store;
use rusqlite::Connection;

use super::host::{PATCH, host, text};
use crate::support::raw::run;
use crate::support::{self, last_seq, world_at};

// ---- TEMP objects, attached files ---------------------------------------------------------------

/// A TEMP trigger with RAISE(IGNORE) ends our own triggers: the write stands, its audit row does not.
#[test]
fn guards_refuse_while_a_temp_trigger_could_end_them() {
    let host = host();
    host.login("bo");
    for trigger in [
        "AFTER UPDATE ON main.tasks BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE INSERT ON main.acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "AFTER INSERT ON acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON acl_epoch BEGIN SELECT RAISE(IGNORE); END",
        "AFTER UPDATE OF data ON TASKS BEGIN SELECT raise(ignore) WHERE new.data = ''; END",
    ] {
        host.conn.execute_batch(&format!("CREATE TEMP TRIGGER mine {trigger}")).unwrap();
        let seq = last_seq(&host.store);
        let outcome = run(&host.conn, PATCH);
        // A trigger that gives up before the guard leaves nothing written.
        assert!(outcome.is_err() || outcome == Ok(0), "{trigger}");
        let data: String = text(&host.conn, "SELECT data FROM main.tasks WHERE task_id = 't-v'");
        assert!(!data.contains("me"), "{trigger}: {outcome:?}");
        assert_eq!(host.audit(seq).len(), 0, "{trigger}");
        assert!(text(&host.conn, "SELECT acl_check()").contains("TEMP trigger `mine`"), "{trigger}");
        host.conn.execute_batch("DROP TRIGGER mine").unwrap();
    }
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

/// Whatever is called as our tables and views are, guards and identity read those of the file.
#[test]
fn temp_objects_with_our_names_shadow_nothing() {
    let host = host();
    host.conn
        .execute_batch(
            "CREATE TEMP TABLE users (user_id, email, role);
             INSERT INTO temp.users VALUES ('cy', 'cy', 'superadmin'), ('mallory', 'm@x', 'superadmin');
             CREATE TEMP TABLE worktree_owners (worktree_id, user_id);
             INSERT INTO temp.worktree_owners VALUES ('w-v', 'cy');
             CREATE TEMP VIEW acl_held AS SELECT 'w-v' AS worktree_id, 'cy' AS user_id, '4 owner' AS held;
             CREATE TEMP VIEW acl_rule AS SELECT 'task' AS resource, 'patch' AS operation, 'none||never' AS rule;
             CREATE TEMP TABLE acl_rules (resource, operation, needs, needs_if_own, audit);
             CREATE TEMP TABLE acl_settings (name, value);
             CREATE TEMP TABLE sessions (session_id, worktree_id, created_by);
             INSERT INTO temp.sessions VALUES ('s-v', 'w-x', 'cy');
             CREATE TEMP TABLE acl_tables (name, via, parent);
             CREATE TEMP TABLE sqlite_guards (x);",
        )
        .unwrap_or_else(|error| assert!(error.to_string().contains("reserved"), "{error}"));
    host.refuses("SELECT acl_login('mallory')", "no such user");
    host.login("cy");
    host.refuses(PATCH, "there is no task `t-v`");
    host.refuses("UPDATE tasks SET data = '{}' WHERE task_id = 't-w'", "may not patch task `t-w`");
    // What the writer means, the writer gets: this table is their own.
    assert_eq!(run(&host.conn, "UPDATE users SET role = 'member'"), Ok(0));
    host.login("bo");
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

/// The same file under a second name, a file with guards of its own, and one with guards that let everything pass.
#[test]
fn guards_refuse_while_another_guarded_file_is_attached() {
    let host = host();
    let (genuine, forged) = (host.dir.path().join("genuine.db"), host.dir.path().join("forged.db"));
    drop(world_at(&genuine));
    Connection::open(&forged)
        .unwrap()
        .execute_batch("CREATE TABLE tasks (task_id, status); CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks BEGIN SELECT acl_guard('worktree', 'create', 'id', 'w-v'); END; INSERT INTO tasks VALUES (1, 2)")
        .unwrap();
    for path in [&host.path, &genuine, &forged] {
        host.conn.execute("ATTACH ?1 AS other", [path.to_str().unwrap()]).unwrap();
        host.login("bo");
        for statement in [PATCH, "UPDATE other.tasks SET status = 'failed'", "UPDATE other.users SET name = 'x'"] {
            let outcome = run(&host.conn, statement);
            // The forged file's own table is no more guarded than its owner wants.
            let text = outcome.err().filter(|_| path != &forged || statement == PATCH);
            let refused = text.as_ref().is_some_and(|text| text.contains("can't verify"));
            // There is no task in the genuine one, so none to be judged.
            let nothing = path == &genuine && statement.contains("other.tasks");
            assert!(
                refused || nothing || (path == &forged && statement != PATCH),
                "{}: {statement}: {text:?}",
                path.display()
            );
        }
        assert_eq!(host.status("t-v"), "created");
        assert!(text(&host.conn, "SELECT acl_check()").contains("is attached as `other`"), "{}", path.display());
        host.conn.execute_batch("DETACH other").unwrap();
    }
    // A file of one's own without guards is no hindrance.
    host.conn
        .execute_batch("ATTACH ':memory:' AS other; CREATE TABLE other.notes (a); INSERT INTO other.notes VALUES (1)")
        .unwrap();
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

// ---- pragmas and definitions --------------------------------------------------------------------

/// Each switch that has been used to get round triggers: the guard refuses, or it makes no difference.
#[test]
fn no_pragma_opens_a_way_round() {
    for (pragma, bo) in [
        ("foreign_keys = OFF", "`foreign_keys` is off"),
        ("recursive_triggers = OFF", "`recursive_triggers` is off"),
        ("query_only = ON", "readonly"),
        ("trusted_schema = OFF", ""),
        ("trusted_schema = ON", ""),
        ("ignore_check_constraints = ON", ""),
        ("defer_foreign_keys = ON", ""),
        ("writable_schema = ON", ""),
        ("legacy_alter_table = ON", ""),
        ("reverse_unordered_selects = ON", ""),
        ("cell_size_check = OFF", ""),
        ("locking_mode = NORMAL", ""),
        ("temp_store = MEMORY", ""),
        ("temp.schema_version = 1", ""),
        ("full_column_names = ON", ""),
        ("user_version = 7", ""),
    ] {
        let host = host();
        run(&host.conn, &format!("PRAGMA {pragma}")).unwrap();
        host.login("cy");
        for statement in [
            PATCH,
            "INSERT OR REPLACE INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('t-v', 's-x', acl_now(), 'created', 'cy', '{}')",
            "UPDATE OR REPLACE tasks SET task_id = 't-v' WHERE task_id = 't-x'",
            "INSERT OR REPLACE INTO tasks (rowid, task_id, session_id, created_at, status, created_by, data) SELECT rowid, 't-n', 's-x', acl_now(), 'created', 'cy', '{}' FROM tasks WHERE task_id = 't-v'",
            "DELETE FROM sessions WHERE session_id = 's-v'",
            "UPDATE sessions SET worktree_id = 'w-v' WHERE session_id = 's-x'",
        ] {
            let outcome = run(&host.conn, statement);
            assert!(outcome.is_err(), "{pragma}: {statement}");
            assert_eq!(host.status("t-v"), "created", "{pragma}: {statement}");
        }
        host.login("bo");
        match run(&host.conn, PATCH) {
            Ok(_) => assert_eq!(bo, "", "{pragma}"),
            Err(text) => assert!(!bo.is_empty() && text.contains(bo), "{pragma}: {text}"),
        }
    }
}

/// Whoever owns the connection can take the guards away. Then this is what is left: other guards refuse
/// every write, the check names it, and the file is not opened any more.
#[test]
fn guards_that_were_taken_away_are_missed() {
    for (tamper, missed) in [
        ("DROP TRIGGER acl_tasks_before_update", "acl_tasks_before_update"),
        ("DROP TRIGGER acl_tasks_before_update; DROP TRIGGER acl_tasks_after_update", "acl_tasks_before_update"),
        (
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'acl_users_before_insert'; PRAGMA writable_schema = RESET",
            "acl_users_before_insert",
        ),
        (
            "DROP VIEW acl_held; CREATE VIEW acl_held (worktree_id, user_id, held) AS SELECT 'w-v', 'cy', '4 owner'",
            "acl_held",
        ),
        ("CREATE TRIGGER mine BEFORE UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END", "mine"),
        ("ALTER TABLE tasks ADD COLUMN more", "tasks"),
        ("ALTER TABLE tasks RENAME TO jobs", "tasks"),
        ("ALTER TABLE tasks RENAME COLUMN status TO state", "tasks"),
        ("DROP TABLE acl_meta", "acl_meta"),
    ] {
        let host = host();
        host.login("bo");
        assert_eq!(run(&host.conn, PATCH), Ok(0));
        let Err(error) = host.conn.execute_batch(tamper) else {
            let checked = text(&host.conn, "SELECT acl_check()");
            assert!(checked.contains(missed) && checked.contains(r#""clean":false"#), "{tamper}: {checked}");
            let others = run(&host.conn, "UPDATE users SET name = 'x' WHERE user_id = 'bo'");
            assert!(others.as_ref().is_err_and(|text| text.contains("can't verify")), "{tamper}: {others:?}");
            let opened = Store::open(&host.path);
            assert_eq!(support::verdict(&opened), "tampered", "{tamper}");
            continue;
        };
        // SQLite itself or a guard forbids it.
        assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#), "{tamper}: {error}");
    }
}

/// A version that is not ours makes the file another program's, and the next opening says so.
#[test]
fn a_version_that_was_changed_is_found_at_the_next_opening() {
    let host = host();
    run(&host.conn, "PRAGMA user_version = 7").unwrap();
    assert_eq!(support::verdict(&Store::open(&host.path)), "incompatible");
    assert!(run(&host.conn, "SELECT acl_check()").unwrap_err().contains("version 7"));
}

// ---- writes by way of something else ------------------------------------------------------------

#[test]
fn a_write_by_way_of_a_view_a_trigger_or_a_nested_statement_meets_the_guard() {
    let host = host();
    host.login("cy");
    host.conn
        .execute_batch(
            "CREATE TEMP VIEW jobs AS SELECT task_id, data FROM tasks;
             CREATE TEMP TRIGGER through INSTEAD OF UPDATE ON jobs BEGIN UPDATE tasks SET data = NEW.data WHERE task_id = OLD.task_id; END;
             CREATE TABLE mine (a);
             CREATE TEMP TRIGGER own AFTER INSERT ON mine BEGIN DELETE FROM tasks WHERE task_id = NEW.a; END;
             CREATE TEMP TABLE tempting (a);
             CREATE TEMP TRIGGER owned AFTER INSERT ON tempting BEGIN UPDATE tasks SET status = 'failed' WHERE task_id = NEW.a; END;",
        )
        .unwrap();
    for statement in [
        "UPDATE jobs SET data = '{}' WHERE task_id = 't-v'",
        "INSERT INTO mine VALUES ('t-v')",
        "INSERT INTO tempting VALUES ('t-v')",
        "WITH theirs AS (SELECT task_id FROM tasks WHERE task_id = 't-v') DELETE FROM tasks WHERE task_id IN (SELECT task_id FROM theirs)",
        "UPDATE tasks SET data = s.data FROM sessions AS s WHERE s.session_id = tasks.session_id AND task_id = 't-v'",
    ] {
        host.refuses(statement, "there is no task `t-v`");
    }
    // A function of the host's that writes while a statement of cy's own reads or writes.
    let path = host.path.clone();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    let nested = move |call: &rusqlite::functions::Context<'_>| {
        let _ = &path;
        #[expect(unsafe_code, reason = "the connection that runs the function is the one that it writes on")]
        // SAFETY: it is used on this thread and only while the function runs.
        let conn = unsafe { call.get_connection()? };
        Ok(match run(&conn, &call.get::<String>(0)?) {
            Ok(rows) => format!("{rows} rows"),
            Err(text) => text,
        })
    };
    host.conn.create_scalar_function("nested", 1, flags, nested).unwrap();
    let quoted = PATCH.replace('\'', "''");
    for outer in ["SELECT", "INSERT INTO mine SELECT", "UPDATE mine SET a ="] {
        host.conn.execute_batch("INSERT INTO mine VALUES (1)").unwrap();
        let _ = run(&host.conn, &format!("{outer} nested('{quoted}')"));
        assert!(!text(&host.conn, "SELECT data FROM tasks WHERE task_id = 't-v'").contains("me"), "{outer}");
        let _ = run(&host.conn, &format!("{outer} nested('SELECT acl_login(''bo'')')"));
        if outer != "SELECT" {
            assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{outer}");
        }
        host.login("cy");
    }
    assert_eq!(host.status("t-v"), "created");
}

#[test]
fn of_a_statement_with_one_forbidden_row_nothing_is_written_here_either() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.refuses("UPDATE tasks SET data = '{\"x\":1}'", "aclite: ");
    host.refuses("INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('a', 's-x', acl_now(), 'created', 'cy', '{}'), ('b', 's-v', acl_now(), 'created', 'cy', '{}')", "there is no session `s-v`");
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks WHERE data <> '{\"full_prompt\":\"do\"}'"), "0");
    assert!(host.audit(seq).iter().all(|row| !row.contains("allowed")), "{:?}", host.audit(seq));
}
