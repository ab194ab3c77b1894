//! No way to insert, replace, update, move or delete a row gets past the guards.
//!
//! Each is tried as a user with too few rights: through `tx.sql()`, and on the connection of a host that has loaded the extension.

use aclite::{Actor, Error};

use super::world::{Doors, MESSAGE, TASK, everything, new_message, new_task, refused, refused_to, run, store};
use crate::support::file::GUARDED as TABLES;
use crate::support::{ask, message, raw, sql, system, task};

// ---- REPLACE, IGNORE, UPSERT, rowids ------------------------------------------------------------

/// `INSERT OR REPLACE` with the id of another's record made that record and all its children
/// vanish, and no DELETE trigger ran.
#[test]
fn insert_or_replace_takes_nobodys_place() {
    let store = store();
    for word in ["OR REPLACE", "OR IGNORE", "OR FAIL", "OR ABORT", ""] {
        // Into a session of cy's own, with an id that is taken: what is there is not cy's to know. Where it is, see `upserts.rs`.
        refused(&store, &[("conflict", &format!("INSERT {word} {TASK} VALUES {}", new_task("t-v", "s-x")))]);
        refused(&store, &[("conflict", &format!("INSERT {word} {MESSAGE} VALUES {}", new_message("m-v", "s-x")))]);
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
    // Who only views: boards and groups, and of worktrees one.
    let vi = Actor::user("vi");
    raw::act_as(&store.raw, &vi);
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
            let api = run(&store, &vi, &statement);
            // Nothing happens onto a row that is there to see.
            let ignores = statement.contains("OR IGNORE") || statement.contains("DO NOTHING");
            assert!(if ignores { api.as_ref().map_or(0, |rows| *rows) == 0 } else { api.is_err() }, "{statement}");
            assert_eq!(everything(&store), before, "{statement}");
            let raw = raw::run(&store.raw, &statement);
            // A key that is an integer takes no text at all.
            let refused = |text: &String| {
                text.starts_with("aclite: ")
                    || text == "datatype mismatch"
                    || text.starts_with("UNIQUE constraint failed")
            };
            assert!(raw.as_ref().map_or_else(refused, |_| ignores), "at the raw door: {statement}: {raw:?}");
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
fn upsert_writes_no_hidden_row_that_is_there() {
    let store = store();
    for then in ["NOTHING", "UPDATE SET data = '{\"mine\":1}'", "UPDATE SET session_id = 's-x'"] {
        let values = new_task("t-v", "s-x");
        refused(&store, &[("conflict", &format!("INSERT {TASK} VALUES {values} ON CONFLICT (task_id) DO {then}"))]);
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
