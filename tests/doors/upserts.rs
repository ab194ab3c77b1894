//! An upsert is judged by what it does to the row that is there; onto a hidden row it is refused like a taken id.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aclite::{Actor, Error};

use super::host::{Handle, Host, host, host_with, text, with_task_constraint};
use super::support::raw::{act_as, run};
use super::support::{ask, audit_after, last_seq, sql, system};
use super::world::{TASK, new_task};

const IN_PLACE: &str = "can't be replaced: use `ON CONFLICT DO UPDATE`";

/// Runs the statement as `actor` by `tx.sql()`, or as a host's. The text of the error is that of a host.
fn at(host: &Host, hosted: bool, actor: &Actor, statement: &str) -> Result<(), String> {
    if hosted {
        act_as(&host.conn, actor);
        return run(&host.conn, statement).map(drop);
    }
    let done = host.store.write(actor, |tx| tx.sql().execute(statement, []));
    done.map(drop).map_err(|error| match &error {
        Error::Storage(_) => error.to_string(),
        _ => format!("aclite: {}: {}", error.public().code, error.public().message),
    })
}

fn tasks(host: &Host) -> String {
    ask(
        &host.store,
        "SELECT group_concat(x, '|') FROM (SELECT task_id || session_id || created_by || status || data AS x FROM tasks ORDER BY 1)",
    )
}

fn verdicts(host: &Host, seq: i64) -> Vec<String> {
    audit_after(&host.store, seq)
        .into_iter()
        .map(|row| format!("{} {} {}", row.verdict, row.operation, row.record))
        .collect()
}

fn upsert(id: &str, then: &str) -> String {
    format!("INSERT {TASK} VALUES {} ON CONFLICT (task_id) DO {then}", new_task(id, "s-x"))
}

// ---- what an upsert does ------------------------------------------------------------------------------

#[test]
fn do_update_is_judged_as_the_update_that_it_is() {
    for hosted in [false, true] {
        let host = host();
        let (bo, cy) = (Actor::user("bo"), Actor::user("cy"));
        let then = r#"UPDATE SET data = '{"by":"upsert"}'"#;
        // The new row that nobody stores need not be one that bo may create.
        let seq = last_seq(&host.store);
        at(&host, hosted, &bo, &upsert("t-w", then)).unwrap();
        assert_eq!(verdicts(&host, seq), ["allowed patch t-w"]);
        assert!(tasks(&host).contains(r#"t-ws-wbocreated{"by":"upsert"}"#), "{}", tasks(&host));
        // cy may view it, and no more.
        let (seq, before) = (last_seq(&host.store), tasks(&host));
        let told = at(&host, hosted, &cy, &upsert("t-w", then)).unwrap_err();
        assert!(told.starts_with("aclite: "), "{told}");
        assert_eq!((verdicts(&host, seq), tasks(&host)), (vec!["denied patch t-w".to_owned()], before.clone()));
        for then in ["UPDATE SET session_id = 's-x'", "UPDATE SET created_by = 'cy'", "UPDATE SET task_id = 't-new'"] {
            let told = at(&host, hosted, &bo, &upsert("t-w", then)).unwrap_err();
            assert!(told.contains("can't change"), "{then}: {told}");
        }
        assert_eq!(tasks(&host), before);
        // What is left out is filled in there too, and the first ending wins.
        at(&host, hosted, &bo, &upsert("t-w", "UPDATE SET status = 'failed'")).unwrap();
        at(&host, hosted, &system(), &upsert("t-w", "UPDATE SET status = 'completed'")).unwrap();
        assert_eq!(
            ask::<String>(&host.store, "SELECT status || (completed_at > 9) FROM tasks WHERE task_id = 't-w'"),
            "failed1"
        );
        // A condition that does not hold leaves the row.
        let seq = last_seq(&host.store);
        at(&host, hosted, &cy, &upsert("t-w", "UPDATE SET data = '{}' WHERE false")).unwrap();
        assert!(verdicts(&host, seq).is_empty());
        // A new one is created, with the rights that this takes.
        at(&host, hosted, &cy, &upsert("t-new", then)).unwrap();
        assert_eq!(verdicts(&host, seq), ["allowed create t-new"]);
    }
}

#[test]
fn do_nothing_does_nothing() {
    for hosted in [false, true] {
        let host = host();
        let (seq, before) = (last_seq(&host.store), tasks(&host));
        let ignore = format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-w", "s-x"));
        for statement in [upsert("t-w", "NOTHING"), ignore] {
            for actor in [Actor::user("cy"), Actor::user("vi"), Actor::user("bo"), system()] {
                at(&host, hosted, &actor, &statement).unwrap();
            }
            assert_eq!(
                at(&host, hosted, &Actor::Anonymous, &statement).unwrap_err(),
                "aclite: not_authenticated: not signed in"
            );
        }
        assert_eq!(tasks(&host), before);
        let written =
            verdicts(&host, seq).into_iter().filter(|row| row.starts_with("allowed") && !row.ends_with("connection"));
        assert_eq!(written.count(), 0);
    }
}

/// A plain INSERT gets SQLite's own error; by `tx.sql()` the words of the API.
#[test]
fn a_plain_insert_fails_as_sqlite_says() {
    let host = host();
    let before = tasks(&host);
    for word in ["", "OR ABORT", "OR FAIL", "OR ROLLBACK"] {
        let insert = format!("INSERT {word} {TASK} VALUES {}", new_task("t-w", "s-x"));
        assert_eq!(
            at(&host, true, &Actor::user("cy"), &insert).unwrap_err(),
            "UNIQUE constraint failed: tasks.task_id"
        );
        if word != "OR ROLLBACK" {
            let error = host.store.write(&Actor::user("cy"), |tx| tx.sql().execute(&insert, [])).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("conflict", "task `t-w` exists already"));
        }
    }
    assert_eq!(tasks(&host), before);
}

#[test]
fn replace_says_what_to_use() {
    for hosted in [false, true] {
        let host = host();
        let children = "SELECT group_concat(message_id) FROM messages";
        let (before, messages, seq) = (tasks(&host), ask::<String>(&host.store, children), last_seq(&host.store));
        // bo and the daemon may remove it, cy may only view it.
        for actor in [Actor::user("bo"), system(), Actor::user("cy")] {
            for statement in ["INSERT OR REPLACE", "REPLACE"] {
                let told = at(&host, hosted, &actor, &format!("{statement} {TASK} VALUES {}", new_task("t-w", "s-w")))
                    .unwrap_err();
                assert!(told.contains(IN_PLACE), "{actor:?}: {told}");
            }
        }
        assert_eq!((tasks(&host), ask::<String>(&host.store, children)), (before, messages));
        assert!(
            verdicts(&host, seq).iter().all(|row| row.starts_with("conflict remove") || row.ends_with("connection")),
            "{:?}",
            verdicts(&host, seq)
        );
    }
}

/// New rows and rows that are there in one statement: each is judged by what becomes of it.
#[test]
fn a_bulk_judges_each_row_by_what_becomes_of_it() {
    let host = host();
    let conn = host.login("bo");
    let rows = |from: i64, to: i64| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
                 SELECT 'bulk-' || i, 's-v', acl_now(), 'created', 'bo', '{{}}' FROM n WHERE true"
        )
    };
    assert_eq!(conn.execute(&format!("INSERT {TASK} {}", rows(1, 200)), []).unwrap(), 200);
    let seq = last_seq(&host.store);
    assert_eq!(conn.execute(&format!("INSERT OR IGNORE {TASK} {}", rows(101, 300)), []).unwrap(), 100);
    assert_eq!(audit_after(&host.store, seq).len(), 100);
    let seq = last_seq(&host.store);
    let update = format!("INSERT {TASK} {} ON CONFLICT DO UPDATE SET status = 'running'", rows(201, 400));
    assert_eq!(conn.execute(&update, []).unwrap(), 200);
    assert_eq!(audit_after(&host.store, seq).iter().filter(|row| row.operation == "patch").count(), 100);
    assert_eq!(audit_after(&host.store, seq).len(), 200);
    // One that is hidden in the middle undoes them all.
    let (seq, before) = (last_seq(&host.store), tasks(&host));
    let cys = |word: &str| {
        format!(
            "INSERT {word} {TASK} VALUES {}, {}, {}",
            new_task("t-x", "s-x"),
            new_task("t-v", "s-x"),
            new_task("t-n", "s-x")
        )
    };
    act_as(&host.conn, &Actor::user("cy"));
    assert!(run(&host.conn, &cys("OR IGNORE")).unwrap_err().contains("exists already"));
    assert_eq!(tasks(&host), before);
    assert_eq!(verdicts(&host, seq), ["conflict create t-v"]);
    let Host { conn, .. } = host;
    conn.close().map_err(|(_, error)| error).unwrap();
}

/// On every table: the daemon upserts, and users do what they may.
#[test]
fn every_table_is_upserted() {
    for hosted in [false, true] {
        let host = host();
        sql(&host.store, "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())");
        sql(&host.store, "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'cy', acl_now())");
        sql(
            &host.store,
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w-w', 'g', 'view', acl_now())",
        );
        sql(
            &host.store,
            "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        );
        let may = |user: &str, statement: &str| at(&host, hosted, &Actor::user(user), statement);
        for (statement, then, may_update, may_not) in [
            (
                "INTO users (user_id, created_at, email, password, role, data) VALUES ('cy', 0, 'e', 'p', 'x', '')",
                "name = 'n'",
                "cy",
                "dee",
            ),
            (
                "INTO users (user_id, created_at, email, password, role, data) VALUES ('new', 0, 'cy@example.com', 'p', 'x', '')",
                "name = 'm'",
                "cy",
                "dee",
            ),
            ("INTO repos (repo_id, created_at, slug, data) VALUES ('r', 0, 's', '')", "slug = 'z'", "cy", "vi"),
            ("INTO boards (board_id, created_at, name, data) VALUES ('b', 0, 'c', '')", "name = 'z'", "cy", "vi"),
            (
                "INTO worktrees (worktree_id, repo_id, created_at, name, ref, worktree_unique_id, data) VALUES ('w-w', 'r', 0, 'n', 'x', 0, '')",
                "name = 'z'",
                "bo",
                "cy",
            ),
            (
                "INTO sessions (session_id, created_at, status, agentic_tool, worktree_id, data) VALUES ('s-w', 0, 'x', 'x', 'w-w', '')",
                "status = 'running'",
                "bo",
                "cy",
            ),
            (
                "INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data) VALUES ('m-w', 0, 's-w', 'x', 'x', 0, 0, '')",
                "content_preview = 'z'",
                "bo",
                "cy",
            ),
            ("INTO groups (group_id, name, slug, created_at) VALUES ('g', 'x', 'x', 0)", "name = 'z'", "ada", "cy"),
            (
                "INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w-w', 'g', 'all', 0)",
                "can = 'session'",
                "bo",
                "cy",
            ),
        ] {
            for user in [may_update, may_not, "dee"] {
                may(user, &format!("INSERT OR IGNORE {statement}"))
                    .unwrap_or_else(|error| panic!("{user} {statement}: {error}"));
            }
            let update = format!("INSERT {statement} ON CONFLICT DO UPDATE SET {then}");
            assert!(may(may_not, &update).is_err(), "{may_not} {update}");
            may(may_update, &update).unwrap_or_else(|error| panic!("{may_update} {update}: {error}"));
            let stored = then.split(" = ").next().unwrap();
            let table = statement.split(' ').nth(1).unwrap();
            let changed: i64 = ask(&host.store, &format!("SELECT count(*) FROM {table} WHERE {then}"));
            assert_eq!(changed, 1, "{stored} {update}");
            assert!(may(may_update, &format!("REPLACE {statement}")).unwrap_err().contains(IN_PLACE), "{statement}");
        }
        for statement in [
            "INSERT OR IGNORE INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-w', 'bo', 0)",
            "INSERT OR IGNORE INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'cy', 0)",
        ] {
            for user in ["bo", "cy", "vi"] {
                may(user, statement).unwrap_or_else(|error| panic!("{user} {statement}: {error}"));
            }
        }
        let hidden = "INSERT OR IGNORE INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-v', 'bo', 0)";
        assert!(may("cy", hidden).is_err());
        // The daemon's own tables.
        for statement in [
            "INSERT INTO acl_settings (name, value) VALUES ('allow_superadmin', 'x') ON CONFLICT (name) DO UPDATE SET value = 'off'",
            "INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'get', 'all') ON CONFLICT DO NOTHING",
        ] {
            assert!(may("su", statement).is_err(), "{statement}");
            at(&host, hosted, &system(), statement).unwrap();
        }
        assert_eq!(ask::<String>(&host.store, "SELECT value FROM acl_settings"), "off");
    }
}

/// An executor upserts within the bounds of its task.
#[test]
fn an_executor_upserts_what_it_may_patch() {
    let host = host();
    let executor = Actor::executor("bo", "s-v", "t-v");
    at(&host, false, &executor, &upsert("t-v", r#"UPDATE SET data = '{"full_prompt":"do","report":1}'"#)).unwrap();
    at(&host, false, &executor, &upsert("t-v", "NOTHING")).unwrap();
    // Another task of its user's is not there for it.
    for id in ["t-w", "t-x"] {
        for then in ["NOTHING", "UPDATE SET data = '{}'"] {
            assert!(at(&host, false, &executor, &upsert(id, then)).is_err(), "{id} {then}");
        }
    }
}

// ---- hidden rows -------------------------------------------------------------------------------------------

/// Whichever unique index it is by which a hidden row would be met, and whatever visible row another one meets.
#[test]
fn a_hidden_row_is_a_taken_id_by_whichever_key() {
    let host = host_with(|tables| with_task_constraint(tables, "UNIQUE (started_at)"));
    for (id, at) in [("t-v", 10), ("t-w", 20), ("t-x", 30)] {
        sql(&host.store, &format!("UPDATE tasks SET started_at = {at} WHERE task_id = '{id}'"));
    }
    let rowid = |id: &str| ask::<i64>(&host.store, &format!("SELECT rowid FROM tasks WHERE task_id = '{id}'"));
    let row = |rowid: &str, id: &str, started: i64, word: &str, then: &str| {
        format!(
            "INSERT {word} INTO tasks (rowid, task_id, session_id, created_at, started_at, status, created_by, data)
             VALUES ({rowid}, '{id}', 's-x', acl_now(), {started}, 'created', 'cy', '{{}}') {then}"
        )
    };
    let (hidden, before) = (rowid("t-v").to_string(), tasks(&host));
    for (rowid, id, started) in [
        ("NULL", "t-v", 99),
        ("NULL", "t-new", 10),
        (hidden.as_str(), "t-new", 99),
        // Beside one that cy may view.
        ("NULL", "t-x", 10),
        ("NULL", "t-v", 30),
        (hidden.as_str(), "t-x", 99),
        (hidden.as_str(), "t-w", 30),
    ] {
        for (word, then) in [
            ("", ""),
            ("OR IGNORE", ""),
            ("OR REPLACE", ""),
            ("", "ON CONFLICT DO NOTHING"),
            ("", "ON CONFLICT (task_id) DO UPDATE SET data = '{\"x\":1}'"),
            ("", "ON CONFLICT (started_at) DO UPDATE SET data = '{\"x\":1}'"),
        ] {
            let statement = row(rowid, id, started, word, then);
            for hosted in [false, true] {
                let told = at(&host, hosted, &Actor::user("cy"), &statement).unwrap_err();
                assert_eq!(told, format!("aclite: conflict: task `{id}` exists already"), "{statement}");
                assert_eq!(tasks(&host), before, "{statement}");
            }
        }
    }
    // Two that cy may view: nothing happens, or SQLite says which it is; nothing takes their places.
    for hosted in [false, true] {
        at(&host, hosted, &Actor::user("cy"), &row("NULL", "t-x", 20, "OR IGNORE", "")).unwrap();
        at(&host, hosted, &Actor::user("cy"), &row("NULL", "t-x", 20, "", "ON CONFLICT DO NOTHING")).unwrap();
        let told = at(&host, hosted, &Actor::user("cy"), &row("NULL", "t-x", 20, "OR REPLACE", "")).unwrap_err();
        assert!(told.contains(IN_PLACE), "{told}");
        let told = at(&host, hosted, &Actor::user("cy"), &row("NULL", "t-new", 20, "OR REPLACE", "")).unwrap_err();
        assert!(told.contains(IN_PLACE), "{told}");
        // The clause names one key, the row meets another too.
        let clause = "ON CONFLICT (started_at) DO UPDATE SET data = '{\"x\":1}'";
        assert!(at(&host, hosted, &Actor::user("cy"), &row("NULL", "t-x", 20, "", clause)).is_err());
        assert_eq!(tasks(&host), before);
    }
}

// ---- attacks: a row that no guard judged ------------------------------------------------------------------

/// Keys that are NULL, of another type, in another case: each is its own or none, by the rules of the column.
#[test]
fn keys_are_compared_as_the_index_compares_them() {
    let host = host();
    sql(
        &host.store,
        "INSERT INTO boards (board_id, created_at, created_by, name, slug, data) VALUES ('1', acl_now(), 'bo', 'b', '7', '{}')",
    );
    let board = |id: &str, slug: &str, word: &str| {
        format!(
            "INSERT {word} INTO boards (board_id, created_at, created_by, name, slug, data) VALUES ({id}, acl_now(), 'cy', 'evil', {slug}, '{{}}')"
        )
    };
    let names = || ask::<String>(&host.store, "SELECT group_concat(board_id || name, ' ') FROM boards");
    for hosted in [false, true] {
        let cy = Actor::user("cy");
        for (id, slug) in [("1", "'8'"), ("'1'", "'8'"), ("1", "NULL")] {
            at(&host, hosted, &cy, &board(id, slug, "OR IGNORE")).unwrap();
            assert!(
                at(&host, hosted, &cy, &board(id, slug, "OR REPLACE")).unwrap_err().contains(IN_PLACE),
                "{id} {slug}"
            );
        }
        for id in ["NULL", "x'31'", "''"] {
            for word in ["", "OR IGNORE", "OR REPLACE"] {
                assert!(at(&host, hosted, &cy, &board(id, "NULL", word)).is_err(), "{id} {word}");
            }
        }
        assert_eq!(names(), "1b");
    }
    // Another case is another id.
    let upper = format!("INSERT OR REPLACE {TASK} VALUES {}", new_task("T-X", "s-x"));
    at(&host, true, &Actor::user("cy"), &upper).unwrap();
    assert_eq!(ask::<i64>(&host.store, "SELECT count(*) FROM tasks WHERE lower(task_id) = 't-x'"), 2);
}

/// Between the BEFORE INSERT trigger and the insert REPLACE deletes the row; a TEMP trigger on a table that hangs on it
/// could then leave open a creation of the same id, which the AFTER trigger would take for that of the unjudged row.
#[test]
fn what_a_cascade_of_a_replaced_row_does_lets_nothing_in() {
    let host = host();
    host.login("bo");
    host.conn
        .execute_batch(
            "CREATE TABLE mine (m text REFERENCES messages (message_id) ON DELETE CASCADE);
             INSERT INTO mine VALUES ('m-w');
             CREATE TEMP TRIGGER tm AFTER DELETE ON mine BEGIN
               INSERT OR IGNORE INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data)
               VALUES (OLD.m, acl_now(), 's-w', 'user', 'user', 1, NULL, '{}');
             END",
        )
        .unwrap();
    let seq = last_seq(&host.store);
    let evil = "REPLACE INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data)
                VALUES ('m-w', 5, 's-x', 'user', 'user', 1, 5, '{}')";
    assert!(run(&host.conn, evil).unwrap_err().contains(IN_PLACE));
    // In a trigger, so that no statement spells it: bo may remove the row, and the cascade runs.
    host.conn
        .execute_batch(&format!(
            "CREATE TABLE jobs (a); CREATE TEMP TRIGGER job AFTER INSERT ON jobs BEGIN {evil}; END"
        ))
        .unwrap();
    // The creation that the cascade left open is met by the end of the removal.
    assert_eq!(
        run(&host.conn, "INSERT INTO jobs VALUES (1)").unwrap_err(),
        "aclite: storage: a row was written twice at once"
    );
    // By the rowid, under another id: the cascade leaves open a creation of just that.
    let rowid = text(&host.conn, "SELECT rowid || '' FROM messages WHERE message_id = 'm-w'");
    let other = evil.replace("(message_id", "(rowid, message_id").replace("('m-w'", &format!("({rowid}, 'm-new'"));
    host.conn
        .execute_batch(&format!(
            "DROP TRIGGER tm; DROP TRIGGER job;
             CREATE TEMP TRIGGER job AFTER INSERT ON jobs BEGIN {other}; END;
             CREATE TEMP TRIGGER tm AFTER DELETE ON mine BEGIN
               INSERT OR IGNORE INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data)
               VALUES ('m-new', acl_now(), 's-w', 'user', 'user', 1, NULL, '{{}}');
             END"
        ))
        .unwrap();
    assert!(run(&host.conn, "INSERT INTO jobs VALUES (1)").unwrap_err().contains("can't be replaced"));
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM messages WHERE message_id = 'm-new'"), "0");
    assert_eq!(text(&host.conn, "SELECT session_id FROM messages WHERE message_id = 'm-w'"), "s-w");
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM mine"), "1");
    assert!(host.audit(seq).iter().all(|row| row.contains("conflict")), "{:?}", host.audit(seq));
}

/// What a statement left unjudged refuses nothing to the next one, which SQLite may put into the same place in memory.
#[test]
fn an_unjudged_row_is_removed_by_the_next_statement_like_any_other() {
    let host = host();
    let conn = host.login("bo");
    for number in 0..20 {
        let id = format!("t-{number}");
        conn.execute(&format!("INSERT {TASK} VALUES ('{id}', 's-v', acl_now(), 'created', 'bo', '{{}}')"), []).unwrap();
        let ignored = format!("INSERT OR IGNORE {TASK} VALUES ('{id}', 's-v', acl_now(), 'created', 'bo', '{{}}')");
        assert_eq!(conn.execute(&ignored, []).unwrap(), 0);
        assert_eq!(conn.execute(&format!("DELETE FROM tasks WHERE task_id = '{id}'"), []).unwrap(), 1, "{id}");
        assert_eq!(conn.execute(&ignored, []).unwrap(), 1, "{id}");
        assert_eq!(conn.execute(&format!("DELETE FROM tasks WHERE task_id = '{id}'"), []).unwrap(), 1, "{id}");
    }
    // In one program too.
    conn.execute_batch("CREATE TABLE jobs (a)").unwrap();
    let body =
        format!("INSERT OR IGNORE {TASK} VALUES {}; DELETE FROM tasks WHERE task_id = 't-w'", new_task("t-w", "s-w"));
    conn.execute_batch(&format!("CREATE TEMP TRIGGER job AFTER INSERT ON jobs BEGIN {body}; END")).unwrap();
    assert_eq!(run(conn, "INSERT INTO jobs VALUES (1)"), Ok(0));
    assert_eq!(text(conn, "SELECT count(*) || '' FROM tasks WHERE task_id = 't-w'"), "0");
}

/// A row that was left unjudged earlier in the program of a trigger serves no other.
#[test]
fn an_unjudged_row_serves_no_later_one() {
    let host = host();
    let conn = host.login("cy");
    conn.execute_batch("CREATE TABLE jobs (a)").unwrap();
    for (steps, told) in [
        // Left unjudged, then another one that cy may not create.
        (
            vec![
                format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-w", "s-x")),
                format!("INSERT {TASK} VALUES {}", new_task("t-new", "s-v")),
            ],
            "aclite: ",
        ),
        (
            vec![
                format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-w", "s-x")),
                format!("INSERT {TASK} VALUES {}", new_task("t-new", "s-w")),
            ],
            "aclite: ",
        ),
        (
            vec![
                format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-x", "s-x")),
                format!("REPLACE {TASK} VALUES {}", new_task("t-w", "s-x")),
            ],
            "aclite: ",
        ),
        (
            vec![
                format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-x", "s-x")),
                "UPDATE tasks SET data = '{\"x\":1}' WHERE task_id = 't-w'".to_owned(),
            ],
            "aclite: ",
        ),
    ] {
        let before = tasks(&host);
        let body = steps.iter().map(|step| format!("{step};")).collect::<String>();
        conn.execute_batch(&format!("CREATE TEMP TRIGGER job AFTER INSERT ON jobs BEGIN {body} END")).unwrap();
        let error = run(conn, "INSERT INTO jobs VALUES (1)").unwrap_err();
        assert!(error.contains(told), "{body}: {error}");
        assert_eq!(tasks(&host), before, "{body}");
        conn.execute_batch("DROP TRIGGER job").unwrap();
    }
}

/// A host's callback removes the row that is there before the unjudged one would be put in: that is refused then.
#[test]
fn a_row_that_is_removed_meanwhile_gives_its_place_to_no_unjudged_one() {
    for (attempt, statement) in [
        ("DELETE FROM tasks WHERE task_id = 't-x'", format!("INSERT {TASK} VALUES {}", new_task("t-x", "s-v"))),
        (
            "DELETE FROM tasks WHERE task_id = 't-x'",
            format!("INSERT OR REPLACE {TASK} VALUES {}", new_task("t-x", "s-v")),
        ),
        (
            "DELETE FROM tasks WHERE task_id = 't-x'",
            format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-x", "s-v")),
        ),
        (
            "DELETE FROM sessions WHERE session_id = 's-x'",
            format!("INSERT OR IGNORE {TASK} VALUES {}", new_task("t-x", "s-v")),
        ),
    ] {
        let host = host();
        let conn = host.login("cy");
        // The callback comes once, at another step each time.
        for after in (0..400).step_by(5) {
            conn.execute_batch("BEGIN").unwrap();
            let (steps, inside, handle) = (AtomicUsize::new(0), AtomicBool::new(false), Handle::of(conn));
            let callback = move || {
                let handle = &handle;
                if !inside.load(Ordering::Relaxed) && steps.fetch_add(1, Ordering::Relaxed) == after {
                    inside.store(true, Ordering::Relaxed);
                    let _ = handle.run(attempt);
                }
                false
            };
            conn.progress_handler(1, Some(callback)).unwrap();
            let _ = run(conn, &statement);
            conn.progress_handler(1, None::<fn() -> bool>).unwrap();
            // cy may not write there: no row of hers may be in bo's session.
            let there = text(conn, "SELECT count(*) || '' FROM tasks WHERE session_id = 's-v' AND created_by = 'cy'");
            assert_eq!(there, "0", "{statement} after {after} steps");
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
}
