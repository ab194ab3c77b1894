//! A patch merges into `data`; what cannot be stored is refused, and nothing is written.

use aclite::{
    Actor, Message, NewMessage, NewSession, NewTask, SessionPatch, Sharing, Store, Task, TaskPatch, TaskQuery,
    TaskStatus, Tx,
};
use serde_json::{Value, json};

use crate::support::file::past_guards;
use crate::support::office::{bo, check, check_told, executor, office};
use crate::support::{self, ask, attempt, session, sql, system, task, worktree};

#[test]
fn a_patch_merges_deeply() {
    #[rustfmt::skip]
    let merges = [
        // stored                              patch                              left
        (r#"{"a":1}"#,                        r#"{"b":2}"#,                      r#"{"a":1,"b":2}"#),
        (r#"{"a":1}"#,                        r#"{"a":2}"#,                      r#"{"a":2}"#),
        (r#"{"a":{"b":{"c":1,"d":2}}}"#,      r#"{"a":{"b":{"c":3}}}"#,          r#"{"a":{"b":{"c":3,"d":2}}}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":{"c":{"d":1}}}"#,          r#"{"a":{"b":1,"c":{"d":1}}}"#),
        (r#"{"a":[1,2,3]}"#,                  r#"{"a":[4]}"#,                    r#"{"a":[4]}"#),
        (r#"{"a":[{"b":1}]}"#,                r#"{"a":[{"c":1}]}"#,              r#"{"a":[{"c":1}]}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":null}"#,                   r#"{"a":null}"#),
        (r#"{"a":null}"#,                     r#"{"a":{"b":1}}"#,                r#"{"a":{"b":1}}"#),
        (r#"{"a":{"b":1,"c":1}}"#,            r#"{"a":{"b":null}}"#,             r#"{"a":{"b":null,"c":1}}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":7}"#,                      r#"{"a":7}"#),
        (r#"{"a":{"b":1}}"#,                  r#"{"a":{}}"#,                     r#"{"a":{"b":1}}"#),
        (r#"{"a":1}"#,                        r#"{}"#,                           r#"{"a":1}"#),
        (r#"{"a":9223372036854775807}"#,      r#"{"b":0.1}"#,                    r#"{"a":9223372036854775807,"b":0.1}"#),
        (r#"{"é":"ü","":"empty"}"#,           r#"{"":"full"}"#,                  r#"{"é":"ü","":"full"}"#),
    ];
    let store = office();
    for (stored, patch, left) in merges {
        sql(&store, &format!("UPDATE tasks SET data = '{stored}' WHERE task_id = 't'"));
        let merged = attempt(&store, &bo(), |tx| {
            let task = tx.tasks().patch("t", TaskPatch::from_json_str(patch)?)?.task;
            let text: String =
                tx.sql().query_row("SELECT data FROM tasks WHERE task_id = 't'", [], |row| row.get(0))?;
            Ok((task, text))
        });
        let (task, text): (Task, String) = merged.unwrap();
        assert_eq!(text, left, "{stored} and {patch}");
        assert_eq!(serde_json::to_string(task.data().unwrap()).unwrap(), left, "{stored} and {patch}");
    }
}

/// The guard takes a merge's word for what changed. It must be a merge of this row's own `data`: one of
/// another text tells less than is changed.
#[test]
fn a_merge_of_another_text_hides_no_change() {
    let store = office();
    sql(&store, "UPDATE sessions SET data = '{\"title\":\"a\"}' WHERE session_id = 's'");
    let cy = Actor::user("cy");
    for (actor, statement, expected) in [
        (
            &cy,
            "UPDATE sessions SET data = acl_merge('{\"title\":\"b\"}', '{\"message_count\":1}') WHERE session_id = 's'",
            "denied",
        ),
        (
            &cy,
            "UPDATE sessions SET data = acl_merge('{\"title\":\"a\"}', '{\"message_count\":1}') WHERE session_id = 's'",
            "ok",
        ),
        (&cy, "UPDATE sessions SET data = acl_merge('{}', '{\"message_count\":1}') WHERE session_id = 's'", "denied"),
        (
            &bo(),
            "UPDATE sessions SET data = acl_merge('{\"mcp_token\":\"mine\"}', '{\"tasks\":[]}') WHERE session_id = 's'",
            "denied",
        ),
        (
            &executor(),
            "UPDATE tasks SET data = acl_merge('{\"full_prompt\":\"b\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "denied",
        ),
        (
            &executor(),
            "UPDATE tasks SET data = acl_merge('{\"full_prompt\":\"do\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "ok",
        ),
        (
            &bo(),
            "UPDATE tasks SET data = acl_merge('{\"status\":\"x\"}', '{\"model\":\"m\"}') WHERE task_id = 't'",
            "invalid",
        ),
    ] {
        let outcome = attempt(&store, actor, |tx| tx.sql().execute(statement, []));
        check(&outcome, expected, statement);
    }
}

#[test]
fn null_empties_a_column_that_may_be_empty_and_no_other() {
    let store = office();
    sql(&store, "UPDATE sessions SET archived_reason = 'x' WHERE session_id = 's'");
    let patch = |json: Value| attempt(&store, &bo(), |tx| tx.sessions().patch("s", SessionPatch::from_json(json)?));
    assert_eq!(patch(json!({"archived_reason": null})).unwrap().archived_reason, None);
    assert_eq!(patch(json!({"archived": true})).unwrap().archived_reason.as_deref(), Some("x"), "absent is left alone");
    check_told(&patch(json!({"status": null})), "invalid", "`status` may not be null");
    check_told(&patch(json!({"archived": null})), "invalid", "`archived` may not be null");
}

#[test]
fn words_and_keys_that_nobody_knows_are_kept() {
    let store = office();
    let patch = TaskPatch::new().status("hibernating").set("from_a_newer_daemon", json!({"a": [1]}));
    let task = store.write(&bo(), |tx| tx.tasks().patch("t", patch)).unwrap().task;
    assert_eq!(task.status, TaskStatus::Other("hibernating".to_owned()));
    assert_eq!(serde_json::to_value(&task).unwrap()["from_a_newer_daemon"], json!({"a": [1]}));
    let found = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().status(["hibernating".into()]))).unwrap();
    assert_eq!(found.items, [task]);
    let session =
        store.write(&bo(), |tx| tx.sessions().create(NewSession::new("w", "cursor".into()).status("dreaming")));
    let session = session.unwrap();
    assert_eq!((session.agentic_tool.as_str(), session.status.as_str()), ("cursor", "dreaming"));
    let message = NewMessage::new("s", "poem".into(), "muse".into(), json!({"verse": 1}));
    let message: Message = store.write(&bo(), |tx| tx.messages().create(message)).unwrap();
    assert_eq!((message.kind.as_str(), message.role.as_str()), ("poem", "muse"));
}

#[test]
fn a_column_wins_over_a_key_of_data() {
    let store = office();
    for actor in [bo(), system()] {
        let raw = "UPDATE tasks SET data = json_set(data, '$.status', 'completed') WHERE task_id = 't'";
        let raw = attempt(&store, &actor, |tx| tx.sql().execute(raw, []));
        check_told(&raw, "invalid", "`status` is a column and can't be a key of `data` too");
        let raw = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                   VALUES ('new', 's', acl_now(), 'bo', 'created', '{\"session_id\":\"s2\"}')";
        let raw = attempt(&store, &actor, |tx| tx.sql().execute(raw, []));
        check_told(&raw, "invalid", "`session_id` is a column and can't be a key of `data` too");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    drop(support::world_at(&path));
    let store = Store::open(&path).unwrap();
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    // An old row, from before anybody looked.
    let old = r#"UPDATE tasks SET data = '{"status":"completed","session_id":"other","model":"m"}'"#;
    past_guards(&path, "tasks", old);
    let task = store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
    assert_eq!((task.status.as_str(), task.session_id.as_str()), ("created", "s"));
    let json = serde_json::to_string(&task).unwrap();
    assert_eq!((json.matches("\"status\"").count(), json.matches("\"session_id\"").count()), (1, 1), "{json}");
    // Such a row can be worked with; the old keys may stay.
    let patched = store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("model", "n")));
    assert_eq!(patched.unwrap().task.data().unwrap()["model"], "n");
}

#[test]
fn what_cannot_be_stored_is_invalid_and_nothing_is_written() {
    let store = office();
    let deep = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    let stored = || -> String {
        ask(&store, "SELECT group_concat(task_id || status || ifnull(started_at, '-') || data) FROM tasks")
    };
    let before = stored();
    let patches: Vec<(&str, Value, &str)> = vec![
        ("a wrong type", json!({"status": 7}), "invalid"),
        ("a wrong time", json!({"started_at": "yesterday"}), "invalid"),
        ("no object", json!([1]), "invalid"),
        ("an empty id", json!({"session_id": ""}), "invalid"),
        ("a long id", json!({"session_id": "x".repeat(65)}), "invalid"),
        ("`data` itself", json!({"data": {"a": 1}}), "invalid"),
        ("128 levels", deep(128), "invalid"),
        ("127 levels", deep(127), "ok"),
        ("a number beyond", json!({"started_at": u64::MAX}), "invalid"),
    ];
    for (what, patch, expected) in patches {
        let run = |tx: &Tx<'_>| tx.tasks().patch("t", TaskPatch::from_json(patch)?);
        let outcome = if expected == "ok" { attempt(&store, &bo(), run) } else { store.write(&bo(), run) };
        check(&outcome, expected, what);
    }
    for (text, expected) in [
        (r#"{"n":9223372036854775808}"#, "ok"), // still of 64 bits, unsigned
        (r#"{"n":18446744073709551616}"#, "ok"),
        (r#"{"n":-9223372036854775809}"#, "ok"),
        (r#"{"n":1e999}"#, "ok"),
        (r#"{"a":1,"a":2}"#, "invalid"),
        (r#"{"a":{"b":1,"b":2}}"#, "invalid"),
        (r#"{"a":"#, "invalid"),
        (r#"{"a":NaN}"#, "invalid"),
        ("null", "invalid"),
        ("", "invalid"),
    ] {
        let outcome = attempt(&store, &bo(), |tx| tx.tasks().patch("t", TaskPatch::from_json_str(text)?));
        check(&outcome, expected, text);
        // As `data` of a statement. A text like this is what the guard has to refuse by itself.
        let raw =
            attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE tasks SET data = ?1 WHERE task_id = 't'", [text]));
        check(&raw, expected, &format!("{text} as SQL"));
    }
    for (what, set) in [
        ("a number", "data = 7"),
        ("nothing", "data = NULL"),
        ("a blob", "data = x'7b7d'"),
        ("an array", "data = '[]'"),
        ("a NUL", "data = '{\"a\":1}' || char(0)"),
        ("a status that is a blob", "status = x'6661696c6564'"),
        ("a status that is nothing", "status = NULL"),
        ("a status with a NUL", "status = 'running' || char(0)"),
        ("an empty status", "status = ''"),
    ] {
        let raw =
            store.write(&system(), |tx| tx.sql().execute(&format!("UPDATE tasks SET {set} WHERE task_id = 't'"), []));
        check(&raw, "invalid", what);
    }
    // The words of other tables, each as a blob, with a NUL, empty, and missing.
    for (table, row, columns) in [
        ("sessions", "session_id = 's'", "status agentic_tool"),
        ("messages", "message_id = 'm'", "type role"),
        ("users", "user_id = 'cy'", "role email"),
    ] {
        for column in columns.split(' ') {
            for value in ["x'61'", "'a' || char(0)", "''", "NULL"] {
                let raw = format!("UPDATE {table} SET {column} = {value} WHERE {row}");
                check(&attempt(&store, &system(), |tx| tx.sql().execute(&raw, [])), "invalid", &raw);
            }
        }
    }
    for id in ["", &"x".repeat(65), "a\0b"] {
        check(&store.read(&bo(), |tx| tx.tasks().get(id)), "invalid", "an id that nothing can have");
        check(
            &attempt(&store, &bo(), |tx| tx.tasks().patch(id, TaskPatch::new())),
            "invalid",
            "an id that nothing can have",
        );
        check(&attempt(&store, &bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))), "invalid", "a new one");
        let raw = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
                   VALUES (?1, 's', acl_now(), 'bo', 'created', '{}')";
        check(&attempt(&store, &bo(), |tx| tx.sql().execute(raw, [id])), "invalid", "a new one in SQL");
    }
    assert_eq!(stored(), before);
}

/// Columns that are declared as integers or as text hold nothing else: one odd value would make its row
/// unreadable for everybody.
#[test]
fn a_value_of_another_type_than_its_columns_is_refused() {
    let store = office();
    for (statement, message) in [
        ("UPDATE tasks SET started_at = 'soon' WHERE task_id = 't'", "`started_at` must be an integer"),
        ("UPDATE tasks SET completed_at = x'00' WHERE task_id = 't'", "`completed_at` must be an integer"),
        ("UPDATE messages SET \"index\" = 1.5 WHERE message_id = 'm'", "`index` must be an integer"),
        ("UPDATE messages SET content_preview = x'00' WHERE message_id = 'm'", "`content_preview` must be plain text"),
        ("UPDATE sessions SET archived = 'yes' WHERE session_id = 's'", "`archived` must be an integer"),
        (
            "UPDATE worktrees SET schedule_next_run_at = 'x' WHERE worktree_id = 'w'",
            "`schedule_next_run_at` must be an integer",
        ),
    ] {
        let outcome = store.write(&bo(), |tx| tx.sql().execute(statement, []));
        assert_eq!(outcome.unwrap_err().to_string(), message, "{statement}");
    }
    store
        .write(&bo(), |tx| tx.sql().execute("UPDATE tasks SET started_at = created_at || '' WHERE task_id = 't'", []))
        .unwrap();
    assert_eq!(
        ask::<String>(&store, "SELECT typeof(started_at) FROM tasks WHERE task_id = 't'"),
        "integer",
        "text that is an integer is one"
    );
}
