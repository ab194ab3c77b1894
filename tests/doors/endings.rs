//! What a writer of SQL leaves out is filled in, and a late report leaves the ending alone: in the same statement, once.

use aclite::{Actor, Store, TaskPatch, TaskStatus, Time};

use super::host::{Handle, Host, host, host_with, text, with_task_constraint};
use super::support::raw::{self, run};
use super::support::{ask, audit_after, last_seq, sql, system};

/// A statement is run as `actor` by `tx.sql()`, and on the connection of a host; each on a file of its own. The store then
/// tells what became of it, and the audit after the number that is given.
fn at_both_doors(actor: &Actor, before: &[&str], statement: &str, look: impl Fn(&Host, i64)) {
    for hosted in [false, true] {
        let host = host();
        before.iter().for_each(|before| sql(&host.store, before));
        let seq;
        if hosted {
            raw::act_as(&host.conn, actor);
            seq = last_seq(&host.store);
            run(&host.conn, statement).unwrap_or_else(|error| panic!("{statement} by {actor:?}: {error}"));
        } else {
            seq = last_seq(&host.store);
            let done = host.store.write(actor, |tx| tx.sql().execute(statement, []));
            done.unwrap_or_else(|error| panic!("{statement} by {actor:?}: {error}"));
        }
        look(&host, seq);
    }
}

fn reporters() -> [Actor; 3] {
    [system(), Actor::service("runner"), Actor::executor("bo", "s-v", "t-v")]
}

/// Status and time of `t-v`, and what its audit row says after `seq`: its fields and its reason.
fn told(host: &Host, seq: i64) -> (String, Option<i64>, Vec<(String, String)>) {
    let task = host.store.read(&system(), |tx| tx.tasks().get("t-v")).unwrap();
    let row = |row: aclite::AuditRow| {
        assert_eq!(row.verdict, "allowed");
        (row.fields.unwrap_or_default(), row.why.unwrap_or_default())
    };
    let rows = audit_after(&host.store, seq).into_iter().map(row).collect();
    (task.status.to_string(), task.completed_at.map(Time::as_millis), rows)
}

// ---- what is left out -------------------------------------------------------------------------------

/// Agor ends tasks without a time. That was refused, and finished runs stayed running.
#[test]
fn an_ending_without_a_time_gets_the_present_one() {
    for actor in reporters().into_iter().chain([Actor::user("bo")]) {
        for statement in [
            "UPDATE tasks SET status = 'completed' WHERE task_id = 't-v'",
            "UPDATE tasks SET status = 'completed', completed_at = NULL WHERE task_id = 't-v'",
        ] {
            let before = Time::now().as_millis();
            at_both_doors(&actor, &[], statement, |host, seq| {
                let (status, time, rows) = told(host, seq);
                assert_eq!(status, "completed");
                assert!(time.is_some_and(|time| (before..=Time::now().as_millis()).contains(&time)), "{time:?}");
                assert_eq!(rows.len(), 1, "one row, of what is stored: {rows:?}");
                assert_eq!(rows[0].0, "status completed_at");
            });
        }
        let given = "UPDATE tasks SET status = 'failed', completed_at = created_at - 5 WHERE task_id = 't-v'";
        at_both_doors(&actor, &[], given, |host, seq| {
            let created = host.store.read(&system(), |tx| tx.tasks().get("t-v")).unwrap().created_at.as_millis();
            assert_eq!(told(host, seq).1, Some(created - 5));
        });
    }
    // Created as ended.
    let born = "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data)
                VALUES ('born', 's-v', acl_now(), 'failed', 'bo', '{}')";
    at_both_doors(&Actor::user("bo"), &[], born, |host, seq| {
        let task = host.store.read(&system(), |tx| tx.tasks().get("born")).unwrap();
        assert!(task.completed_at.is_some_and(|time| time >= task.created_at));
        assert_eq!(audit_after(&host.store, seq).len(), 1);
    });
}

/// The tables that say when a row was last changed, and a statement that changes one, that inserts one, and its key.
const STAMPED: [(&str, &str, &str, &str); 7] = [
    (
        "users",
        "INSERT INTO users (user_id, created_at, email, password, role, data) VALUES ('n', acl_now(), 'n', 'p', 'member', '{}')",
        "UPDATE users SET name = 'N' WHERE user_id = 'n'",
        "user_id = 'n'",
    ),
    (
        "repos",
        "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('n', acl_now(), 'n', '{}')",
        "UPDATE repos SET slug = 'm' WHERE repo_id = 'n'",
        "repo_id = 'n'",
    ),
    (
        "boards",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', 'n', '{}')",
        "UPDATE boards SET name = 'm' WHERE board_id = 'n'",
        "board_id = 'n'",
    ),
    (
        "worktrees",
        "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
         VALUES ('n', 'r', acl_now(), 'bo', 'n', 'main', 99, '{}')",
        "UPDATE worktrees SET others_can = 'all' WHERE worktree_id = 'n'",
        "worktree_id = 'n'",
    ),
    (
        "sessions",
        "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
         VALUES ('n', acl_now(), 'bo', 'idle', 'codex', 'w-v', 'bo', '{}')",
        "UPDATE sessions SET status = 'running' WHERE session_id = 'n'",
        "session_id = 'n'",
    ),
    (
        "groups",
        "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('n', 'n', 'n', 'su', acl_now())",
        "UPDATE groups SET archived = 1 WHERE group_id = 'n'",
        "group_id = 'n'",
    ),
    (
        "worktree_group_grants",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at)
         VALUES ('w-v', 'g', 'view', 'bo', acl_now())",
        "UPDATE worktree_group_grants SET can = 'all' WHERE worktree_id = 'w-v' AND group_id = 'g'",
        "worktree_id = 'w-v' AND group_id = 'g'",
    ),
];

const GROUP: &str = "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())";

#[test]
fn the_time_of_the_last_change_is_filled_in_on_every_table_that_has_it() {
    for (table, insert, update, key) in STAMPED {
        for hosted in [false, true] {
            let host = host();
            sql(&host.store, GROUP);
            // Whoever may: a superadmin may all of these, but names himself.
            let (actor, insert) = (Actor::user("su"), insert.replace("'bo'", "'su'"));
            raw::act_as(&host.conn, &actor);
            let write = |statement: &str| {
                if hosted {
                    run(&host.conn, statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
                } else {
                    let done = host.store.write(&actor, |tx| tx.sql().execute(statement, []));
                    assert_eq!(done.unwrap_or_else(|error| panic!("{statement}: {error}")), 1, "{statement}");
                }
            };
            let of = |column: &str| -> Option<i64> {
                ask(&host.store, &format!("SELECT {column} FROM {table} WHERE {key}"))
            };
            let epoch = || ask::<i64>(&host.store, "SELECT epoch FROM acl_epoch");
            let seq = last_seq(&host.store);
            write(&insert);
            assert_eq!(of("updated_at"), of("created_at"), "{table}");
            let rows = audit_after(&host.store, seq);
            assert_eq!(rows.len(), 1, "{table}: {rows:?}");
            let stamped = || assert!(of("updated_at").is_some_and(|time| time > 1_000_000), "{table}");
            sql(&host.store, &format!("UPDATE {table} SET updated_at = 7 WHERE {key}"));
            assert_eq!(of("updated_at"), Some(7), "{table}: the daemon's is as given");
            let (seq, raised) = (last_seq(&host.store), epoch());
            write(update);
            stamped();
            assert_eq!(audit_after(&host.store, seq).len(), 1, "{table}");
            assert!(epoch() - raised <= 1, "{table}: a change raises the epoch once");
            sql(&host.store, &format!("UPDATE {table} SET updated_at = 7 WHERE {key}"));
            write(&update.replace("SET ", "SET updated_at = NULL, "));
            stamped();
            // A statement that changes nothing is no change.
            sql(&host.store, &format!("UPDATE {table} SET updated_at = 7 WHERE {key}"));
            write(&format!("UPDATE {table} SET updated_at = updated_at WHERE {key}"));
            assert_eq!(of("updated_at"), Some(7), "{table}");
            // A user's is now.
            let told = host
                .store
                .write(&actor, |tx| tx.sql().execute(&format!("UPDATE {table} SET updated_at = 8 WHERE {key}"), []));
            assert!(told.unwrap_err().to_string().starts_with("`updated_at` must be the present time, "), "{table}");
        }
    }
}

#[test]
fn a_cascade_fills_nothing_in() {
    at_both_doors(
        &system(),
        &[
            "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
            "UPDATE worktrees SET board_id = 'b', updated_at = 7 WHERE worktree_id = 'w-v'",
            "UPDATE sessions SET board_id = 'b', updated_at = 7 WHERE session_id = 's-v'",
        ],
        "DELETE FROM boards WHERE board_id = 'b'",
        |host, seq| {
            for (table, key) in [("worktrees", "worktree_id = 'w-v'"), ("sessions", "session_id = 's-v'")] {
                let left = format!("SELECT ifnull(board_id, 'none') || updated_at FROM {table} WHERE {key}");
                assert_eq!(ask::<String>(&host.store, &left), "none7", "{table}");
            }
            assert_eq!(audit_after(&host.store, seq).len(), 1);
        },
    );
}

// ---- late reports -------------------------------------------------------------------------------------

const STOPPED: &str = "UPDATE tasks SET status = 'stopped', completed_at = 5000 WHERE task_id = 't-v'";
/// As a file that was adopted has it: nobody knows when.
const UNTIMED: &str = "stopped without a time";

#[test]
fn a_late_report_keeps_its_fields_and_leaves_the_ending() {
    let report = r#"data = '{"full_prompt":"do","report":"late"}'"#;
    for actor in reporters() {
        for (set, fields) in [
            (format!("status = 'completed', completed_at = acl_now(), {report}"), "data.report"),
            (format!("status = 'completed', {report}"), "data.report"),
            (format!("status = 'failed', completed_at = NULL, {report}"), "data.report"),
            (format!("status = 'running', {report}"), "data.report"),
            (format!("completed_at = 9, {report}"), "data.report"),
            (format!("completed_at = NULL, {report}"), "data.report"),
            (report.to_owned(), "data.report"),
            ("status = 'completed'".to_owned(), ""),
        ] {
            let statement = format!("UPDATE tasks SET {set} WHERE task_id = 't-v'");
            at_both_doors(&actor, &[STOPPED], &statement, |host, seq| {
                let (status, time, rows) = told(host, seq);
                assert_eq!((status.as_str(), time), ("stopped", Some(5000)), "{actor:?}: {set}");
                assert_eq!(rows.len(), 1, "{actor:?}: {set}: {rows:?}");
                assert_eq!(rows[0].0, fields, "{actor:?}: {set}");
                assert_eq!(rows[0].1.ends_with(", already stopped"), set.contains("status"), "{set}: {}", rows[0].1);
                let task = host.store.read(&system(), |tx| tx.tasks().get("t-v")).unwrap();
                assert_eq!(task.data().unwrap().contains_key("report"), !fields.is_empty(), "{set}");
            });
        }
    }
}

/// Both doors say the same of the same late report.
#[test]
fn a_late_report_by_the_api_is_told_alike() {
    let host = host();
    sql(&host.store, STOPPED);
    for actor in reporters() {
        let seq = last_seq(&host.store);
        host.store
            .write(&actor, |tx| {
                tx.tasks().patch("t-v", TaskPatch::new().status(TaskStatus::Completed).set("report", actor.id()))
            })
            .unwrap();
        let (api, why) = (told(&host, seq).2, if actor.is_daemon() { "" } else { "owner" });
        host.store
            .write(&actor, |tx| {
                tx.sql().execute("UPDATE tasks SET status = 'completed', data = '{}' WHERE task_id = 't-v'", [])
            })
            .unwrap();
        let rows = told(&host, seq).2;
        assert_eq!(rows[1].1, api[0].1, "the same reason");
        assert!(api[0].1.starts_with(why) && api[0].1.ends_with(", already stopped"), "{api:?}");
        assert_eq!(api[0].0, "data.report");
    }
}

/// A user's change of an ending is a conflict, also together with fields that he may change.
#[test]
fn a_users_change_of_an_ending_stays_a_conflict() {
    for set in ["status = 'completed'", "status = 'running', data = '{}'", "completed_at = 9", "completed_at = NULL"] {
        let host = host();
        sql(&host.store, STOPPED);
        let statement = format!("UPDATE tasks SET {set} WHERE task_id = 't-v'");
        let error = host.store.write(&Actor::user("bo"), |tx| tx.sql().execute(&statement, [])).unwrap_err();
        assert_eq!(error.code(), "conflict", "{set}");
        host.login("bo");
        assert!(run(&host.conn, &statement).unwrap_err().contains("has ended as `stopped`"), "{set}");
        assert_eq!(host.status("t-v"), "stopped");
    }
}

/// The word with which a statement is refused at both doors of this host, `ok` where it is not, and the text. Nothing of it stays.
fn verdict_at_both_doors(host: &Host, actor: &Actor, statement: &str) -> String {
    // No error is a closure that undoes what it did.
    let by_store = host.store.try_write::<(), Option<aclite::Error>>(actor, |tx| {
        let rows = tx.sql().execute(statement, [])?;
        assert_eq!(rows, 1, "{statement}");
        Err(None)
    });
    raw::act_as(&host.conn, actor);
    host.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let by_host = run(&host.conn, statement);
    host.conn.execute_batch("ROLLBACK").unwrap();
    match (by_store.unwrap_err(), by_host) {
        (None, Ok(_)) => "ok".to_owned(),
        (Some(error), Err(text)) => {
            assert!(text.contains(&format!("aclite: {}: ", error.code())), "{statement} by {actor:?}: {text}");
            format!("{}: {error}", error.code())
        }
        (store, host) => panic!("{statement} by {actor:?}: {store:?}, but {host:?}"),
    }
}

/// What happened did so by now, as far as clocks agree, and to a row not before it was there; the daemon imports what is old.
#[test]
fn a_time_that_is_written_is_none_of_the_future_nor_of_before_the_row() {
    let host = host();
    let columns = [
        ("tasks", "completed_at", "task_id = 't-v'", true),
        ("tasks", "started_at", "task_id = 't-v'", true),
        ("messages", "timestamp", "message_id = 'm-v'", false),
        ("worktrees", "archived_at", "worktree_id = 'w-v'", true),
        ("worktrees", "schedule_last_triggered_at", "worktree_id = 'w-v'", false),
    ];
    let daemon = [system(), Actor::service("runner")];
    for (table, column, key, to_row) in columns {
        for actor in [&Actor::user("bo"), &daemon[0], &daemon[1]] {
            let old = if to_row && !actor.is_daemon() { "invalid" } else { "ok" };
            for (time, expected) in [
                ("acl_now()", "ok"),
                ("acl_now() + 30000", "ok"),
                ("created_at - 30000", "ok"),
                ("acl_now() + 90000", "invalid"),
                ("99999999999999", "invalid"),
                ("9223372036854775807", "invalid"),
                ("-5", "invalid"),
                ("created_at - 90000", old),
                ("5", old),
            ] {
                let told =
                    verdict_at_both_doors(&host, actor, &format!("UPDATE {table} SET {column} = {time} WHERE {key}"));
                assert!(told.starts_with(expected), "{actor:?}: {column} = {time}: {told}");
                let bounds = format!("invalid: `{column}` must be a time from ");
                assert!(expected == "ok" || told.starts_with(&bounds), "{told}");
            }
        }
    }
    // What an executor reports, and an agent says.
    for actor in [Actor::executor("bo", "s-v", "t-v"), Actor::agent("bo", "s-v")] {
        for (time, expected) in
            [("acl_now()", "ok"), ("99999999999999", "invalid"), ("-5", "invalid"), ("5", "invalid")]
        {
            let statement =
                format!("UPDATE tasks SET status = 'completed', completed_at = {time} WHERE task_id = 't-v'");
            let told = verdict_at_both_doors(&host, &actor, &statement);
            assert!(told.starts_with(expected), "{actor:?}: {time}: {told}");
        }
    }
    // New rows, imported ones too. A plan may be of the future.
    for (times, expected) in [
        ("acl_now() - 900000, acl_now() - 800000, acl_now() - 700000", "ok"),
        ("acl_now() - 900000, NULL, acl_now() + 1000000000", "invalid"),
        ("acl_now() - 900000, acl_now() + 1000000000, NULL", "invalid"),
        ("acl_now() - 900000, -1, NULL", "invalid"),
    ] {
        let statement = format!(
            "INSERT INTO tasks (created_at, started_at, completed_at, task_id, session_id, status, created_by, data)
             VALUES ({times}, 'n', 's-v', 'completed', 'bo', '{{}}')"
        );
        for actor in &daemon {
            let told = verdict_at_both_doors(&host, actor, &statement);
            assert!(told.starts_with(expected), "{actor:?}: {times}: {told}");
        }
    }
    let plan = "UPDATE worktrees SET schedule_next_run_at = acl_now() + 1000000000 WHERE worktree_id = 'w-v'";
    assert_eq!(verdict_at_both_doors(&host, &Actor::user("bo"), plan), "ok");
}

/// A repository's patch is bounded alike, and a time that merely stays is no matter.
#[test]
fn a_time_that_stays_is_no_reason_to_refuse() {
    let host = host();
    let future = TaskPatch::new().status(TaskStatus::Completed).set("completed_at", "2999-01-01T00:00:00.000Z");
    for actor in reporters().into_iter().chain([Actor::user("bo")]) {
        let refused = host.store.write(&actor, |tx| tx.tasks().patch("t-v", future.clone())).unwrap_err();
        assert!(refused.to_string().starts_with("`completed_at` must be a time from "), "{refused}");
    }
    super::support::file::past_guards(
        &host.path,
        "tasks",
        "UPDATE tasks SET started_at = 99999999999999, completed_at = 99999999999999 WHERE task_id = 't-v'",
    );
    let host = reopened(&host);
    let (bo, patch) = (Actor::user("bo"), |tx: &aclite::Tx<'_>, patch| tx.tasks().patch("t-v", patch));
    host.store.write(&bo, |tx| patch(tx, TaskPatch::new().set("report", "x"))).unwrap();
    // But an ending is not given a time of the future that was left there.
    let before = Time::now();
    let ended = host.store.write(&bo, |tx| patch(tx, TaskPatch::new().status(TaskStatus::Completed))).unwrap().task;
    let time = ended.completed_at.unwrap();
    assert!(before <= time && time <= Time::now(), "{time}");
}

/// What an older program stored in the place of a status, an id or a time keeps no task from being ended by the daemon.
#[test]
fn no_row_is_beyond_ending_whatever_its_status_id_or_time_is() {
    let odd = [
        ("status", "x'72756e'"),
        ("status", "5"),
        ("status", "''"),
        ("status", "'run' || char(0)"),
        ("status", "'completed' || char(0)"),
        ("status", "CAST(x'ff' AS text)"),
        ("status", "CAST('completed' AS blob)"),
        ("completed_at", "'abc'"),
        ("completed_at", "CAST(x'ff' AS text)"),
        ("completed_at", "x'00'"),
        ("completed_at", "1.5"),
        ("completed_at", "-1"),
        ("started_at", "'abc'"),
        ("created_at", "'abc'"),
        ("task_id", "x'6162'"),
        ("task_id", "'a' || char(0) || 'b'"),
        ("task_id", "CAST(x'ff' AS text)"),
        ("task_id", "''"),
    ];
    let sets = [
        "status = 'stopped'",
        "status = 'stopped', completed_at = acl_now()",
        "status = 'running'",
        "completed_at = acl_now()",
        "data = '{}'",
    ];
    for (column, value) in odd {
        let host = host();
        let rowid: i64 = ask(&host.store, "SELECT rowid FROM tasks WHERE task_id = 't-v'");
        let spoil = format!("UPDATE tasks SET {column} = {value} WHERE rowid = {rowid}");
        super::support::file::past_guards(&host.path, "tasks", &spoil);
        let host = reopened(&host);
        for actor in [system(), Actor::service("runner")] {
            for set in sets {
                let told =
                    verdict_at_both_doors(&host, &actor, &format!("UPDATE tasks SET {set} WHERE rowid = {rowid}"));
                assert_eq!(told, "ok", "{column} = {value}, then {set} by {actor:?}");
            }
        }
        // The repository ends it too, and says that it did.
        let stopped = || TaskPatch::new().status(TaskStatus::Stopped);
        match host.store.write(&system(), |tx| tx.tasks().finish("t-v", stopped())) {
            Ok(ended) => assert_eq!(ended.ended, aclite::EndingOutcome::First, "{column} = {value}"),
            Err(error) => assert!(matches!(column, "task_id" | "started_at" | "created_at"), "{value}: {error}"),
        }
        let statement = format!("UPDATE tasks SET status = 'stopped' WHERE rowid = {rowid}");
        host.store.write(&system(), |tx| tx.sql().execute(&statement, [])).unwrap();
        let ended = format!("SELECT status || typeof(completed_at) FROM tasks WHERE rowid = {rowid}");
        assert_eq!(ask::<String>(&host.store, &ended), "stoppedinteger", "{column} = {value}");
    }
}

/// What nobody can read there keeps no ending from staying.
#[test]
fn an_ending_stays_whatever_its_time_is() {
    for time in ["CAST(x'ff' AS text)", "x'00'", "'abc'", "1.5", "'a' || char(0)"] {
        let host = host();
        let spoil = format!("UPDATE tasks SET status = 'stopped', completed_at = {time} WHERE task_id = 't-v'");
        super::support::file::past_guards(&host.path, "tasks", &spoil);
        let host = reopened(&host);
        for actor in reporters() {
            let late =
                "UPDATE tasks SET status = 'completed', completed_at = acl_now(), data = '{}' WHERE task_id = 't-v'";
            host.store.write(&actor, |tx| tx.sql().execute(late, [])).unwrap();
            raw::act_as(&host.conn, &actor);
            run(&host.conn, late).unwrap();
            let stays =
                format!("SELECT status = 'stopped' AND completed_at IS {time} FROM tasks WHERE task_id = 't-v'");
            assert!(ask::<bool>(&host.store, &stays), "{actor:?}: {time}");
        }
    }
}

/// An ending whose time nobody knows, as adopted files have it, gets one from a report of the same ending, not of another.
#[test]
fn an_ending_without_a_time_takes_one_from_a_report_of_its_own() {
    for (set, time) in [
        ("status = 'stopped', completed_at = 9", Some(9)),
        ("completed_at = 9", Some(9)),
        ("status = 'completed', completed_at = 9", None),
        ("status = 'completed'", None),
        ("status = 'stopped'", None),
    ] {
        let host = host();
        super::support::file::past_guards(
            &host.path,
            "tasks",
            "UPDATE tasks SET status = 'stopped', completed_at = NULL WHERE task_id = 't-v'",
        );
        let host = reopened(&host);
        let update = format!("UPDATE tasks SET {set} WHERE task_id = 't-v'");
        host.store.write(&system(), |tx| tx.sql().execute(&update, [])).unwrap();
        let (status, stored, _) = told(&host, last_seq(&host.store));
        assert_eq!((status.as_str(), stored), ("stopped", time), "{UNTIMED}: {set}");
    }
}

fn reopened(host: &Host) -> Host {
    let (store, conn) = (Store::open(&host.path).unwrap(), raw::open(&host.path));
    Host { store, conn, path: host.path.clone(), dir: tempfile::tempdir().unwrap() }
}

// ---- how statements go ------------------------------------------------------------------------------------

/// Many rows, UPDATE … FROM, a CTE, an upsert, RETURNING, the counters of the connection, a savepoint.
#[test]
fn every_row_of_a_statement_is_completed_once() {
    let host = host();
    let conn = host.login("bo");
    let many = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                SELECT 'bulk-' || i, 's-v', acl_now(), 'bo', iif(i % 2, 'running', 'failed'), '{}' FROM n";
    let seq = last_seq(&host.store);
    assert_eq!(conn.execute(many, []).unwrap(), 500);
    let last: i64 = conn.query_row("SELECT max(rowid) FROM tasks", [], |row| row.get(0)).unwrap();
    assert_eq!((conn.changes(), conn.last_insert_rowid()), (500, last));
    let timed = "SELECT count(completed_at) || '' FROM tasks WHERE task_id LIKE 'bulk-%'";
    assert_eq!(text(conn, timed), "250");
    assert_eq!(
        conn.execute("UPDATE tasks SET status = 'completed' WHERE task_id LIKE 'bulk-%' AND status = 'running'", [])
            .unwrap(),
        250
    );
    assert_eq!((conn.changes(), conn.last_insert_rowid()), (250, last));
    assert_eq!(text(conn, timed), "500");
    assert_eq!(audit_after(&host.store, seq).len(), 750);
    // What RETURNING shows is what was sent.
    let shown: Option<i64> = conn
        .query_row("UPDATE tasks SET status = 'failed' WHERE task_id = 't-v' RETURNING completed_at", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(shown, None);
    let stored = host.store.read(&system(), |tx| tx.tasks().get("t-v")).unwrap();
    assert!(stored.completed_at.is_some());
    // Rows that another table names.
    conn.execute_batch("CREATE TEMP TABLE done (t, s); INSERT INTO done VALUES ('t-w', 'failed')").unwrap();
    conn.execute("UPDATE tasks SET status = d.s FROM temp.done AS d WHERE d.t = task_id", []).unwrap();
    assert_eq!(text(conn, "SELECT status || (completed_at > 0) FROM tasks WHERE task_id = 't-w'"), "failed1");
    // What is undone takes everything along, and leaves nothing due.
    let made = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                VALUES ('late', 's-v', acl_now(), 'bo', 'running', '{}')";
    conn.execute_batch(&format!(
        "BEGIN; {made}; SAVEPOINT a; UPDATE tasks SET status = 'failed' WHERE task_id = 'late'; ROLLBACK TO a"
    ))
    .unwrap();
    assert_eq!(text(conn, "SELECT status || ifnull(completed_at, '') FROM tasks WHERE task_id = 'late'"), "running");
    conn.execute_batch("UPDATE tasks SET status = 'stopping' WHERE task_id = 'late'; COMMIT").unwrap();
    assert_eq!(text(conn, "SELECT status || ifnull(completed_at, '') FROM tasks WHERE task_id = 'late'"), "stopping");
    // Nothing is left prepared.
    let Host { conn, .. } = host;
    conn.close().map_err(|(_, error)| error).unwrap();
}

/// A statement that completes many rows prepares what it needs once.
#[test]
fn a_bulk_prepares_its_completion_once() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
    let host = host();
    let conn = host.login("bo");
    let many = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
                SELECT 'bulk-' || i, 's-v', acl_now(), 'bo', 'running', '{}' FROM n";
    conn.execute(many, []).unwrap();
    let prepared = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&prepared);
    conn.authorizer(Some(move |asked: AuthContext<'_>| {
        let completes = matches!(asked.action, AuthAction::Update { table_name: "tasks", column_name: "completed_at" });
        counter.fetch_add(usize::from(completes && asked.accessor.is_none()), Ordering::Relaxed);
        Authorization::Allow
    }))
    .unwrap();
    assert_eq!(conn.execute("UPDATE tasks SET status = 'failed' WHERE task_id LIKE 'bulk-%'", []).unwrap(), 300);
    assert_eq!(prepared.load(Ordering::Relaxed), 1);
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).unwrap();
}

// ---- attacks ------------------------------------------------------------------------------------------------

/// A constraint of the table that refuses the completed row undoes the whole statement under every OR clause: under OR
/// IGNORE the completion was passed over and another ending stayed, under OR FAIL the row stayed without an audit row.
#[test]
fn a_row_that_cant_be_completed_is_not_written() {
    for (constraint, first, then) in [
        // The time that is filled in.
        ("CHECK (completed_at IS NULL)", None, "SET status = 'failed'"),
        // The ending that is restored.
        (
            "CHECK (status <> 'stopped' OR data NOT LIKE '%late%')",
            Some("UPDATE tasks SET status = 'stopped', completed_at = 5000 WHERE task_id = 't-v'"),
            r#"SET status = 'completed', data = '{"late":1}'"#,
        ),
    ] {
        let Host { store, conn, dir: _dir, .. } = host_with(|tables| with_task_constraint(tables, constraint));
        first.iter().for_each(|first| sql(&store, first));
        raw::act_as(&conn, &system());
        let state =
            || -> String { ask(&store, "SELECT group_concat(status || ifnull(completed_at, '') || data) FROM tasks") };
        for word in ["", "OR ABORT", "OR IGNORE", "OR FAIL", "OR REPLACE", "OR ROLLBACK"] {
            let (before, seq) = (state(), last_seq(&store));
            let statement = format!("UPDATE {word} tasks {then} WHERE task_id = 't-v'");
            assert!(run(&conn, &statement).unwrap_err().contains("CHECK"), "{statement}");
            let by_sql = store.write(&system(), |tx| tx.sql().execute(&statement, []));
            assert!(by_sql.is_err(), "{statement}");
            assert_eq!((state(), audit_after(&store, seq).len()), (before, 0), "{statement}");
        }
    }
}

/// A unique index on what is filled in: REPLACE would delete another row for it.
#[test]
fn a_completion_replaces_no_other_row() {
    let Host { store, conn, dir: _dir, .. } =
        host_with(|tables| with_task_constraint(tables, "UNIQUE (status, completed_at)"));
    sql(&store, "UPDATE tasks SET status = 'stopped', completed_at = 5000 WHERE task_id = 't-v'");
    sql(&store, "UPDATE tasks SET status = 'failed', completed_at = 5000 WHERE task_id = 't-w'");
    raw::act_as(&conn, &system());
    for word in ["", "OR IGNORE", "OR REPLACE", "OR FAIL"] {
        // The late report is of another ending, whose place is taken; what is stored is the first, whose is its own.
        let statement = format!("UPDATE {word} tasks SET status = 'failed' WHERE task_id = 't-v'");
        let done = run(&conn, &statement);
        let tasks: i64 = ask(&store, "SELECT count(*) FROM tasks");
        assert_eq!(tasks, 3, "{statement}: {done:?}");
        assert_eq!(ask::<String>(&store, "SELECT status FROM tasks WHERE task_id = 't-v'"), "stopped", "{done:?}");
        assert_eq!(ask::<String>(&store, "SELECT status FROM tasks WHERE task_id = 't-w'"), "failed", "{done:?}");
    }
}

/// A host's callback runs inside the statement that completes a row: when the row has been changed, and at any step. It
/// writes nothing under the cover of the completion.
#[test]
fn nothing_else_is_written_while_a_row_is_completed() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    for attempt in [
        // Another row, which bo may write as such; the same row, otherwise and just so; what bo may not.
        "UPDATE tasks SET status = 'failed' WHERE task_id = 't-w'",
        "UPDATE tasks SET completed_at = 9 WHERE task_id = 't-v'",
        "UPDATE tasks SET completed_at = completed_at WHERE task_id = 't-v'",
        "UPDATE tasks SET status = 'running', completed_at = 9 WHERE task_id = 't-v'",
        "UPDATE users SET role = 'admin' WHERE user_id = 'bo'",
        "DELETE FROM tasks WHERE task_id = 't-x'",
        "INSERT INTO acl_audit (at, door, actor_kind, actor, operation, resource, record, verdict, epoch)
         VALUES (1, 'sql', 'user', 'cy', 'patch', 'task', 't-v', 'allowed', 1)",
    ] {
        for stepwise in [false, true] {
            let host = host();
            let conn = host.login("bo");
            let outcomes = Arc::new(Mutex::new(Vec::new()));
            let (kept, inside, handle) = (Arc::clone(&outcomes), AtomicBool::new(false), Handle::of(conn));
            let callback = move || {
                let handle = &handle;
                if !inside.swap(true, Ordering::Relaxed) {
                    kept.lock().unwrap().push(handle.run(attempt));
                    inside.store(false, Ordering::Relaxed);
                }
            };
            if stepwise {
                let each = move || {
                    callback();
                    false
                };
                conn.progress_handler(1, Some(each)).unwrap();
            } else {
                conn.update_hook(Some(move |_: rusqlite::hooks::Action, _: &str, table: &str, _: i64| {
                    if table == "tasks" {
                        callback();
                    }
                }))
                .unwrap();
            }
            let done = run(conn, "UPDATE tasks SET status = 'completed' WHERE task_id = 't-v'");
            conn.progress_handler(1, None::<fn() -> bool>).unwrap();
            conn.update_hook(None::<fn(rusqlite::hooks::Action, &str, &str, i64)>).unwrap();
            let outcomes = outcomes.lock().unwrap();
            let stopped = |done: &Result<usize, String>| {
                done.as_ref().is_err_and(|text| text.contains("a row is being completed"))
            };
            if !stepwise && done.is_ok() {
                assert!(outcomes.iter().any(stopped), "{attempt}: {outcomes:?}");
            }
            // Whatever it wrote before or after, it wrote as bo. An ending has a time.
            assert_eq!(text(conn, "SELECT role FROM users WHERE user_id = 'bo'"), "member");
            assert_eq!(text(conn, "SELECT count(*) || '' FROM tasks"), "3");
            let time = text(conn, "SELECT typeof(completed_at) FROM tasks WHERE task_id = 't-v'");
            assert!(host.status("t-v") != "completed" || time == "integer", "{attempt}: {time}");
            let forged = audit_after(&host.store, 0).into_iter().filter(|row| row.actor == "cy").count();
            assert_eq!(forged, 0, "{attempt}");
        }
    }
}
