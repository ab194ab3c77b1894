//! Every way to write a row meets the guard.
//!
//! Guards made of triggers have been got round in many ways, each of which works unless something
//! stops it. Here each is tried as a user with too few rights: on our connection through `tx.sql()`,
//! on a host's that has loaded the extension, and on a plain one that knows nothing of aclite.

use std::io::Write as _;
use std::ops::Deref;
use std::path::Path;
use std::process::{Command, Stdio};

use aclite::{Actor, Error, Result, Sharing, Store, TableGuard};
use rusqlite::{Connection, OpenFlags};

use crate::support::file::{GUARDED as TABLES, content, host};
use crate::support::{ask, audit_after, last_seq, message, places, raw, sql, system, task, verdict, world_at};

/// A store and a host's connection to the same file.
struct Doors {
    store: Store,
    raw: Connection,
    _dir: tempfile::TempDir,
}

impl Deref for Doors {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

fn store() -> Doors {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("doors.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    let raw = raw::open(&path);
    Doors { store, raw, _dir: dir }
}

/// What everything but the audit holds, to be compared.
fn everything(store: &Store) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|table| **table != "acl_audit") {
        rows.extend(
            store
                .write(&system(), |tx| {
                    tx.sql().query(&format!("SELECT rowid, * FROM {table} ORDER BY 1"), [], |row| {
                        let columns = row.as_ref().column_count();
                        let values: Vec<String> =
                            (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
                        Ok(format!("{table} {values:?}"))
                    })
                })
                .unwrap(),
        );
    }
    rows
}

fn run(store: &Store, actor: &Actor, statement: &str) -> Result<usize> {
    store.write(actor, |tx| tx.sql().execute(statement, []))
}

/// Tries each statement as `cy`; it must fail with this verdict, and nothing may have changed but the audit.
#[track_caller]
fn refused(doors: &Doors, attempts: &[(&str, &str)]) {
    refused_to(doors, &Actor::user("cy"), attempts);
}

#[track_caller]
fn refused_to(doors: &Doors, actor: &Actor, attempts: &[(&str, &str)]) {
    let before = everything(doors);
    // SQL has no word for a service.
    let at_raw = !matches!(actor, Actor::Service(_));
    if at_raw {
        raw::act_as(&doors.raw, actor);
    }
    for (expected, statement) in attempts {
        let outcome = run(doors, actor, statement);
        assert_eq!(verdict(&outcome), *expected, "{statement}: {outcome:?}");
        assert_eq!(everything(doors), before, "{statement}");
        if !at_raw {
            continue;
        }
        let raw = raw::run(&doors.raw, statement);
        assert_eq!(everything(doors), before, "at the raw door: {statement}: {raw:?}");
        // What is refused for its text alone does no harm there, or is refused by something else.
        if *expected != "invalid" {
            let told = outcome.unwrap_err().public().message;
            assert_eq!(raw, Err(format!("aclite: {told}")), "at the raw door: {statement}");
        }
    }
}

/// The columns of a new task or message, for one row in parentheses.
const TASK: &str = "INTO tasks (task_id, session_id, created_at, status, created_by, data)";
const MESSAGE: &str =
    "INTO messages (message_id, session_id, task_id, created_at, type, role, \"index\", timestamp, data)";

fn new_task(id: &str, session: &str) -> String {
    format!("('{id}', '{session}', acl_now(), 'created', 'cy', '{{}}')")
}

fn new_message(id: &str, session: &str) -> String {
    format!("('{id}', '{session}', NULL, acl_now(), 'user', 'user', 9, acl_now(), '{{}}')")
}

// ---- REPLACE, IGNORE, UPSERT, rowids ----------------------------------------------------------

/// `INSERT OR REPLACE` with the id of another's record made that record and all its children
/// vanish, and no DELETE trigger ran.
#[test]
fn insert_or_replace_takes_nobodys_place() {
    let store = store();
    for word in ["OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", ""] {
        // Into a session of cy's own, with an id that is taken: what is there is not cy's to know.
        for id in ["t-w", "t-v", "t-x"] {
            refused(&store, &[("conflict", &format!("INSERT {word} {TASK} VALUES {}", new_task(id, "s-x")))]);
        }
        for id in ["m-w", "m-v", "m-x"] {
            refused(&store, &[("conflict", &format!("INSERT {word} {MESSAGE} VALUES {}", new_message(id, "s-x")))]);
        }
        // Into sessions of others.
        let (seen, hidden) = (new_task("t-new", "s-w"), new_task("t-new", "s-v"));
        refused(
            &store,
            &[
                ("denied", &format!("INSERT {word} {TASK} VALUES {seen}")),
                ("hidden", &format!("INSERT {word} {TASK} VALUES {hidden}")),
                ("not_found", &format!("INSERT {word} {TASK} VALUES {}", new_task("t-new", "s-none"))),
            ],
        );
    }
    let session =
        "INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)";
    let worktree = "INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)";
    for id in ["v", "w", "x"] {
        refused(
            &store,
            &[
                (
                    "conflict",
                    &format!(
                        "INSERT OR REPLACE {session} VALUES ('s-{id}', acl_now(), 'cy', 'idle', 'codex', 'w-x', 'cy', '{{}}')"
                    ),
                ),
                (
                    "conflict",
                    &format!(
                        "INSERT OR REPLACE {worktree} VALUES ('w-{id}', 'r', acl_now(), 'cy', 'mine', 'main', 99, '{{}}')"
                    ),
                ),
            ],
        );
    }
    // REPLACE is a word of its own.
    refused(&store, &[("conflict", &format!("REPLACE {TASK} VALUES {}", new_task("t-v", "s-x")))]);
}

/// A row of each guarded table as SQL: its columns, its values, and its rowid.
fn rows_as_sql(store: &Doors) -> Vec<(&'static str, String, String, i64)> {
    let ask = |sql: &str| store.raw.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
    let empty = [
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'bo', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w-v', 'g', 'view', acl_now())",
    ];
    empty.iter().for_each(|statement| sql(store, statement));
    let tables = TABLES.iter().filter(|table| **table != "acl_tables");
    tables
        .map(|table| {
            let columns =
                ask(&format!("SELECT group_concat('\"' || name || '\"', ', ') FROM pragma_table_info('{table}')"));
            let quoted: Vec<String> = columns.split(", ").map(|column| format!("quote({column})")).collect();
            let from = format!("FROM {table} ORDER BY rowid DESC LIMIT 1");
            let values = ask(&format!("SELECT {} {from}", quoted.join(" || ', ' || ")));
            let rowid = ask(&format!("SELECT rowid || '' {from}")).parse().unwrap();
            (*table, columns, values, rowid)
        })
        .collect()
}

/// The same on every guarded table: whatever stands there, no way of writing takes its place.
#[test]
fn on_no_table_a_row_is_replaced_or_upserted() {
    let store = store();
    let rows = rows_as_sql(&store);
    assert_eq!(rows.len(), TABLES.len() - 1, "all but the one that is empty");
    let before = everything(&store);
    raw::act_as(&store.raw, &Actor::user("cy"));
    for (table, columns, values, rowid) in rows {
        let first = columns.split(", ").next().unwrap();
        let last = columns.split(", ").last().unwrap();
        for statement in [
            format!("INSERT INTO {table} ({columns}) VALUES ({values})"),
            format!("INSERT OR REPLACE INTO {table} ({columns}) VALUES ({values})"),
            format!("REPLACE INTO {table} ({columns}) VALUES ({values})"),
            format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({values})"),
            format!("INSERT OR FAIL INTO {table} ({columns}) VALUES ({values})"),
            format!("INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING"),
            format!("INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO UPDATE SET {last} = 'x'"),
            format!("INSERT OR REPLACE INTO {table} (rowid, {columns}) VALUES ({rowid}, {values})"),
            format!("UPDATE OR REPLACE {table} SET rowid = rowid + 1"),
            format!("UPDATE {table} SET rowid = -1 WHERE rowid = {rowid}"),
            format!("UPDATE OR REPLACE {table} SET {first} = {first} || 'x' WHERE rowid = {rowid}"),
        ] {
            let api = run(&store, &Actor::user("cy"), &statement);
            assert!(api.is_err(), "{statement}");
            assert_eq!(everything(&store), before, "{statement}");
            let raw = raw::run(&store.raw, &statement);
            // A key that is an integer takes no text at all.
            let refused = |text: &String| text.starts_with("aclite: ") || text == "datatype mismatch";
            assert!(raw.as_ref().is_err_and(refused), "at the raw door: {statement}: {raw:?}");
            assert_eq!(everything(&store), before, "at the raw door: {statement}");
        }
    }
}

/// Not only the key: a row also loses its place to another by its rowid, or by any unique index.
#[test]
fn no_row_is_replaced_by_its_rowid_or_another_unique_key() {
    let store = store();
    let rowid: i64 = ask(&store, "SELECT rowid FROM tasks WHERE task_id = 't-v'");
    let with_rowid = TASK.replace("(task_id", "(rowid, task_id");
    for word in ["OR REPLACE", "OR IGNORE", ""] {
        let values = new_task("t-new", "s-x").replacen('(', &format!("({rowid}, "), 1);
        refused(&store, &[("conflict", &format!("INSERT {word} {with_rowid} VALUES {values}"))]);
    }
    let user = "INTO users (user_id, created_at, email, password, role, data)";
    refused_to(
        &store,
        &Actor::user("ada"),
        &[
            (
                "conflict",
                &format!("INSERT OR REPLACE {user} VALUES ('new', acl_now(), 'su@example.com', 'h', 'member', '{{}}')"),
            ),
            ("conflict", "UPDATE OR REPLACE users SET email = 'bo@example.com' WHERE user_id = 'cy'"),
            ("conflict", "UPDATE OR REPLACE users SET email = 'bo@example.com' WHERE user_id = 'ada'"),
        ],
    );
    refused(
        &store,
        &[(
            "conflict",
            "INSERT OR REPLACE INTO repos (repo_id, created_at, slug, data) VALUES ('mine', acl_now(), 'r', '{}')",
        )],
    );
    refused_to(
        &store,
        &system(),
        &[(
            "conflict",
            "INSERT OR REPLACE INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-v', 'bo', acl_now())",
        )],
    );
}

/// In a BEFORE INSERT trigger the rowid is -1 where none was given. A row that really has the
/// rowid -1 would look like every new row's own place, and keep everybody from creating any.
#[test]
fn a_row_with_the_rowid_minus_one_keeps_nobody_out() {
    let store = store();
    for (table, with_rowid, values) in [
        ("tasks", TASK.replace("(task_id", "(rowid, task_id"), new_task("t-odd", "s-x")),
        ("messages", MESSAGE.replace("(message_id", "(rowid, message_id"), new_message("m-odd", "s-x")),
    ] {
        let values = values.replacen('(', "(-1, ", 1);
        for word in ["", "OR REPLACE"] {
            let _ = run(
                &store,
                &Actor::user("cy"),
                &format!("INSERT {word} INTO {}", &format!("{with_rowid} VALUES {values}")[5..]),
            );
        }
        assert_eq!(ask::<i64>(&store, &format!("SELECT count(*) FROM {table} WHERE rowid < 0")), 0, "{table}");
    }
    task(&store, "t-after", "s-w", "bo");
    message(&store, "m-after", "s-w", None);
}

#[test]
fn update_or_replace_moves_no_row_onto_anothers_key() {
    let store = store();
    for word in ["OR REPLACE", "OR IGNORE", "OR FAIL", ""] {
        refused(
            &store,
            &[
                ("immutable", &format!("UPDATE {word} tasks SET task_id = 't-v' WHERE task_id = 't-x'")),
                ("immutable", &format!("UPDATE {word} messages SET message_id = 'm-v' WHERE message_id = 'm-x'")),
                ("immutable", &format!("UPDATE {word} sessions SET session_id = 's-v' WHERE session_id = 's-x'")),
                ("immutable", &format!("UPDATE {word} worktrees SET worktree_id = 'w-v' WHERE worktree_id = 'w-x'")),
            ],
        );
    }
}

/// `UPDATE OF column` triggers do not see `SET rowid =`.
#[test]
fn a_rowid_never_changes() {
    let store = store();
    let rowid: i64 = ask(&store, "SELECT rowid FROM tasks WHERE task_id = 't-v'");
    for word in ["OR REPLACE", "OR IGNORE", ""] {
        for name in ["rowid", "oid", "_rowid_"] {
            for to in [rowid, 77, -1] {
                let verdict = "immutable";
                refused(&store, &[(verdict, &format!("UPDATE {word} tasks SET {name} = {to} WHERE task_id = 't-x'"))]);
            }
        }
    }
    refused_to(
        &store,
        &system(),
        &[
            ("immutable", "UPDATE tasks SET rowid = 77 WHERE task_id = 't-x'"),
            ("immutable", "UPDATE users SET rowid = rowid + 100"),
            ("immutable", "UPDATE worktree_owners SET rowid = rowid + 100"),
        ],
    );
}

/// UPSERT's BEFORE INSERT trigger runs for a row that is updated then.
#[test]
fn upsert_writes_no_row_that_is_there() {
    let store = store();
    for id in ["t-w", "t-v", "t-x"] {
        for then in ["NOTHING", "UPDATE SET data = '{\"mine\":1}'", "UPDATE SET session_id = 's-x'"] {
            let values = new_task(id, "s-x");
            refused(&store, &[("conflict", &format!("INSERT {TASK} VALUES {values} ON CONFLICT (task_id) DO {then}"))]);
        }
    }
}

/// A guard on OLD alone let rows be moved away, one on NEW alone let them be taken.
#[test]
fn rows_do_not_move_between_parents() {
    let store = store();
    refused(
        &store,
        &[
            ("immutable", "UPDATE tasks SET session_id = 's-v' WHERE task_id = 't-x'"),
            ("hidden", "UPDATE tasks SET session_id = 's-x' WHERE task_id = 't-v'"),
            ("denied", "UPDATE tasks SET session_id = 's-x' WHERE task_id = 't-w'"),
            ("immutable", "UPDATE messages SET session_id = 's-v' WHERE message_id = 'm-x'"),
            ("hidden", "UPDATE messages SET session_id = 's-x' WHERE message_id = 'm-v'"),
            ("immutable", "UPDATE sessions SET worktree_id = 'w-v' WHERE session_id = 's-x'"),
            ("hidden", "UPDATE sessions SET worktree_id = 'w-x' WHERE session_id = 's-v'"),
            ("invalid", "UPDATE messages SET task_id = 't-v' WHERE message_id = 'm-x'"),
            ("invalid", "UPDATE messages SET task_id = 't-w' WHERE message_id = 'm-x'"),
            // No rule says that anybody may, and to the daemon it is immutable.
            ("denied", "UPDATE worktree_owners SET worktree_id = 'w-v' WHERE user_id = 'cy'"),
        ],
    );
}

#[test]
fn update_from_and_update_of_many_meet_the_guard_row_by_row() {
    let store = store();
    refused(
        &store,
        &[
            ("hidden", "UPDATE tasks SET data = '{\"x\":1}' FROM (SELECT 't-v' AS id) AS f WHERE tasks.task_id = f.id"),
            (
                "denied",
                "UPDATE tasks SET data = '{\"x\":1}' FROM sessions AS s WHERE s.session_id = tasks.session_id AND s.session_id IN ('s-x', 's-w')",
            ),
            // All of them, of which one is cy's own.
            ("hidden", "UPDATE tasks SET data = '{\"x\":1}' WHERE task_id IN ('t-x', 't-v')"),
            ("denied", "UPDATE OR IGNORE tasks SET data = '{\"x\":1}' WHERE task_id IN ('t-x', 't-w')"),
            ("denied", "UPDATE OR FAIL tasks SET data = '{\"x\":1}' WHERE task_id IN ('t-x', 't-w')"),
            (
                "denied",
                "WITH mine AS (SELECT 't-w' AS id) UPDATE tasks SET data = '{\"x\":1}' WHERE task_id IN (SELECT id FROM mine)",
            ),
        ],
    );
}

#[test]
fn deletes_meet_the_guard_row_by_row() {
    let store = store();
    refused(
        &store,
        &[
            ("denied", "DELETE FROM tasks WHERE task_id = 't-w' RETURNING *"),
            ("hidden", "DELETE FROM tasks WHERE task_id = 't-v' RETURNING *"),
            ("denied", "DELETE FROM tasks WHERE task_id IN ('t-x', 't-w')"),
            ("denied", "DELETE FROM tasks"),
            ("denied", "DELETE FROM messages"),
            ("denied", "DELETE FROM sessions"),
            ("denied", "DELETE FROM worktrees"),
            ("denied", "DELETE FROM worktree_owners"),
            ("denied", "DELETE FROM users"),
            ("denied", "DELETE FROM repos"),
            ("denied", "DELETE FROM acl_rules"),
            ("denied", "DELETE FROM acl_audit"),
            ("denied", "DELETE FROM acl_epoch"),
            ("denied", "DELETE FROM acl_meta"),
        ],
    );
}

/// `OR FAIL` keeps the rows before the failing one, `OR IGNORE` those around it. A guard's refusal does neither.
#[test]
fn of_a_statement_with_one_forbidden_row_nothing_is_written() {
    let store = store();
    let (mine, seen, hidden) = (new_task("t-1", "s-x"), new_task("t-2", "s-w"), new_task("t-3", "s-v"));
    for word in ["", "OR FAIL", "OR IGNORE", "OR REPLACE", "OR ABORT", "OR ROLLBACK"] {
        refused(
            &store,
            &[
                ("denied", &format!("INSERT {word} {TASK} VALUES {mine}, {seen}")),
                ("hidden", &format!("INSERT {word} {TASK} VALUES {mine}, {hidden}")),
                ("denied", &format!("INSERT {word} {TASK} VALUES {seen}, {mine} RETURNING task_id")),
                (
                    "hidden",
                    &format!(
                        "INSERT {word} {TASK} SELECT 'copy-' || task_id, session_id, acl_now(), status, 'cy', '{{}}' FROM tasks WHERE task_id IN ('t-x', 't-v')"
                    ),
                ),
            ],
        );
    }
    // And the same where every row is permitted.
    assert_eq!(
        run(&store, &Actor::user("cy"), &format!("INSERT {TASK} VALUES {mine}, {}", new_task("t-2", "s-x"))).unwrap(),
        2
    );
}

// ---- what is no plain text ----------------------------------------------------------------------

/// `'completed'` as a blob, or with a NUL behind it, is another word to SQLite than to a program
/// that reads it; of a repeated JSON key SQLite reads the first, others the last.
#[test]
fn what_is_no_plain_text_is_refused() {
    let store = store();
    let deep = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels), "1") + &"}".repeat(levels);
    let mine = "WHERE task_id = 't-x'";
    refused(
        &store,
        &[
            ("invalid", &format!("UPDATE tasks SET status = CAST('running' AS blob) {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = 'running' || char(0) {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = char(0) || 'running' {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = '' {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = NULL {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = CAST('completed' AS blob), completed_at = 1 {mine}")),
            ("invalid", &format!("UPDATE tasks SET status = 'completed', completed_at = 'now' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = CAST('{{}}' AS blob) {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"a\":1}}' || char(0) {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = NULL {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = 7 {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '[]' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"a\":1,}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"a\":1}} {{}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"a\":1,\"a\":2}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"b\":{{\"a\":1,\"a\":2}}}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"b\":[{{\"\\u0061\":1,\"a\":2}}]}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"status\":\"completed\"}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"st\\u0061tus\":\"completed\"}}' {mine}")),
            ("invalid", &format!("UPDATE tasks SET data = '{}' {mine}", deep(128))),
            ("invalid", &format!("UPDATE tasks SET data = '{}' {mine}", deep(900))),
            ("invalid", &format!("UPDATE tasks SET data = '{{\"a\":18446744073709551616}}' {mine}")),
            ("invalid", &format!("INSERT {TASK} VALUES (NULL, 's-x', acl_now(), 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('', 's-x', acl_now(), 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES (x'61', 's-x', acl_now(), 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('a' || char(0), 's-x', acl_now(), 'created', 'cy', '{{}}')")),
            (
                "invalid",
                &format!("INSERT {TASK} VALUES ('{}', 's-x', acl_now(), 'created', 'cy', '{{}}')", "i".repeat(65)),
            ),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', acl_now(), 'created', 'bo', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', acl_now(), 'created', NULL, '{{}}')")),
            (
                "invalid",
                &format!("INSERT {TASK} VALUES ('a', 's-x', acl_now(), 'created', CAST('cy' AS blob), '{{}}')"),
            ),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', 0, 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', acl_now() + 3600000, 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', 'now', 'created', 'cy', '{{}}')")),
            ("invalid", &format!("INSERT {TASK} VALUES ('a', 's-x', NULL, 'created', 'cy', '{{}}')")),
            // A parent that is no text is no parent.
            ("not_found", &format!("INSERT {TASK} VALUES ('a', NULL, acl_now(), 'created', 'cy', '{{}}')")),
        ],
    );
    for parent in ["CAST('s-x' AS blob)", "'s-x' || char(0)", "'S-X'", "'s-x '"] {
        let outcome = run(
            &store,
            &Actor::user("cy"),
            &format!("INSERT {TASK} VALUES ('a', {parent}, acl_now(), 'created', 'cy', '{{}}')"),
        );
        assert!(matches!(outcome, Err(Error::NotFound(_) | Error::Invalid(_))), "{parent}: {outcome:?}");
    }
    // The deepest that is allowed, and then what is ordinary.
    for data in [deep(127), "{\"a\":\"\\u0000\"}".to_owned(), "{}".to_owned()] {
        run(&store, &Actor::user("cy"), &format!("UPDATE tasks SET data = '{data}' {mine}")).unwrap();
    }
}

/// NULL is different from everything with `<>`, so a change from or to NULL was none.
#[test]
fn a_change_to_or_from_null_is_a_change() {
    let store = store();
    sql(&store, "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'session' AND operation = 'report'");
    sql(&store, "UPDATE worktrees SET others_can = 'prompt' WHERE worktree_id = 'w-w'");
    refused(
        &store,
        &[
            ("denied", "UPDATE sessions SET board_id = NULL, parent_session_id = 's-x' WHERE session_id = 's-w'"),
            ("denied", "UPDATE sessions SET scheduled_run_at = 5 WHERE session_id = 's-w'"),
            ("immutable", "UPDATE sessions SET unix_username = NULL WHERE session_id = 's-x'"),
            ("immutable", "UPDATE tasks SET created_by = NULL WHERE task_id = 't-x'"),
            ("denied", "UPDATE worktrees SET others_can = NULL WHERE worktree_id = 'w-w'"),
        ],
    );
}

// ---- aclite's own tables ------------------------------------------------------------------------

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
                ("invalid", "SELECT acl_entry('actor')"),
                ("invalid", "SELECT acl_complete_write('task', 't-v')"),
                ("invalid", "SELECT acl_guard_audit(1, 2, 3)"),
                ("invalid", "SELECT [acl_next_status]('created', 'completed')"),
                ("invalid", "UPDATE tasks SET status = acl_next_status(status, 'completed')"),
                ("invalid", "WITH acl_tasks_before_update AS (SELECT 1) SELECT * FROM acl_tasks_before_update"),
            ],
        );
    }
}

// ---- definitions, pragmas, transactions ----------------------------------------------------------

/// Whoever can define a trigger can end ours, and whoever can switch foreign keys off can make orphans.
#[test]
fn definitions_pragmas_and_transaction_control_are_refused() {
    let store = store();
    let mut attempts: Vec<String> = [
        // TEMP objects: a TEMP trigger with RAISE(IGNORE) ends our AFTER triggers; a TEMP table shadows.
        "CREATE TEMP TRIGGER g AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER temp.g BEFORE INSERT ON main.acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TEMP TABLE acl_settings (name, value)",
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
    for id in ["t-v", "t-x", "t-none"] {
        refused(&store, &[("hidden", &format!("INSERT {TASK} VALUES {}", new_task(id, "s-v")))]);
    }
}

// ---- a plain connection ----------------------------------------------------------------------------

/// Writes that any plain connection may try: on each table one of each kind, whatever its columns.
fn plain_writes(conn: &Connection, schema: &str) -> Vec<String> {
    let mut statements = Vec::new();
    for table in TABLES {
        let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1, ?2)").unwrap();
        let columns: Vec<String> =
            columns.query_map([table, schema], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let table = format!("{schema}.{table}");
        let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let first = &quoted[0];
        for word in ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"] {
            let values = vec!["'1'"; quoted.len()].join(", ");
            statements.push(format!("{word} INTO {table} ({}) VALUES ({values})", quoted.join(", ")));
        }
        for word in ["UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"] {
            statements.push(format!("{word} {table} SET {first} = {first}"));
        }
        statements.push(format!("DELETE FROM {table}"));
    }
    statements
}

fn file_with_everything(path: &Path) -> Store {
    let store = world_at(path);
    places(&store, Sharing::View);
    for statement in [
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('g', 'g', 'g', 'ada', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'cy', 'ada', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('w-w', 'g', 'view', 'bo', acl_now())",
    ] {
        sql(&store, statement);
    }
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
        )
        .unwrap();
    store.guard_table(&system(), TableGuard::of_session("notes", "session_id")).unwrap();
    store
}

const READS: [&str; 3] = ["acl_access", "acl_rules", "acl_audit"];

/// A host that never heard of aclite, such as a backup script or a database browser.
#[test]
fn a_plain_connection_reads_everything_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = file_with_everything(&path);
    let before = everything(&store);
    let conn = Connection::open(&path).unwrap();
    let statements = plain_writes(&conn, "main");
    assert_eq!(statements.len(), TABLES.len() * 7);
    for foreign_keys in ["ON", "OFF"] {
        conn.execute_batch(&format!("PRAGMA foreign_keys = {foreign_keys}")).unwrap();
        for statement in &statements {
            let error = conn.execute(statement, []).expect_err(statement).to_string();
            assert!(error.contains("no such function: acl_"), "{statement}: {error}");
        }
    }
    for table in TABLES.iter().chain(&READS) {
        let rows: i64 = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table}");
        let mut all = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let mut all = all.query([]).unwrap();
        while all.next().unwrap().is_some() {}
    }
    let level: String = conn
        .query_row("SELECT level FROM acl_access WHERE worktree_id = 'w-v' AND user_id = 'bo'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(level, "all");
    drop(conn);
    assert_eq!(everything(&store), before);

    // Attached to a file of its own, whose tables and triggers could be anything.
    let conn = Connection::open_in_memory().unwrap();
    conn.execute("ATTACH ?1 AS guarded", [path.to_str()]).unwrap();
    conn.execute_batch("CREATE TABLE acl_settings (name, value); CREATE TABLE users (user_id, role)").unwrap();
    for statement in plain_writes(&conn, "guarded") {
        let error = conn.execute(&statement, []).expect_err(&statement).to_string();
        assert!(error.contains("no such function: acl_"), "{statement}: {error}");
    }
    drop(conn);
    assert_eq!(everything(&store), before);

    // A reader without the right to write looks all the same.
    let conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(conn.query_row("SELECT count(*) FROM acl_access", [], |row| row.get::<_, i64>(0)).unwrap() > 0);
}

/// The same in the stock shell, whose SQLite is older than ours.
#[test]
fn the_stock_shell_reads_everything_and_writes_nothing() {
    let Some(program) = host("sqlite3") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = file_with_everything(&path);
    let before = everything(&store);
    let shell = |input: &str| {
        let mut child = Command::new(program)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let statements = plain_writes(&Connection::open(&path).unwrap(), "main");
    let (_, errors) = shell(&(statements.join(";\n") + ";\n"));
    let refusals = errors.lines().filter(|line| line.contains("no such function: acl_")).count();
    assert_eq!(refusals, statements.len(), "{errors}");
    assert_eq!(everything(&store), before);

    for table in TABLES.iter().chain(&READS) {
        let (rows, errors) = shell(&format!("SELECT * FROM {table};\n"));
        assert!(!rows.is_empty() && errors.is_empty(), "{table}: {errors}");
    }
    let (held, _) = shell("SELECT level, source FROM acl_access WHERE worktree_id = 'w-x' AND user_id = 'cy';\n");
    assert_eq!(held.trim(), "all|owner");
}
