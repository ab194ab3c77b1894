//! Text that carries no authority is stored as it came and never keeps a row from being written, read or ended. Text
//! that carries some is strict.

use std::path::Path;

use aclite::{
    Actor, Error, MessagePatch, NewMessage, NewTask, SessionPatch, SessionStatus, Sharing, Store, TaskPatch, TaskQuery,
    TaskStatus,
};
use rusqlite::Connection;

use crate::support::file::{past_guards, texts};
use crate::support::raw::{self, run};
use crate::support::{ask, places, sql, system, verdict, world_at};

/// A file with the three places of `places`, where `bo` has the task `t-w` in `s-w`, and a host's connection as System.
struct Desk {
    store: Store,
    host: Connection,
    path: std::path::PathBuf,
    dir: tempfile::TempDir,
}

fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.db");
    let store = world_at(&path);
    places(&store, Sharing::Prompt);
    sql(&store, "UPDATE tasks SET status = 'running'");
    let host = raw::open(&path);
    raw::act_as(&host, &system());
    Desk { store, host, path, dir }
}

fn bo() -> Actor {
    Actor::user("bo")
}

fn stored(path: &Path, sql: &str) -> String {
    texts(&Connection::open(path).unwrap(), sql).join(";")
}

/// What JavaScript's `substring` leaves of an emoji, a NUL, digits that no number holds, and spaces.
const ODD: &str = r#"{ "cut":"🎉 \ud83c", "\udf89":["\uD83C"], "nul":"\u0000", "big":123456789012345678901234567890.10, "far":-1e999 }"#;

// ---- data ---------------------------------------------------------------------------------------

#[test]
fn data_is_stored_as_it_came_at_every_door() {
    let Desk { store, host, path, dir: _dir } = desk();
    let task = format!(r#"{{"task_id":"api","session_id":"s-w","report":{ODD},"\ud83c":{ODD}}}"#);
    let made = store.write(&bo(), |tx| tx.tasks().create(NewTask::from_json_str(&task)?)).unwrap();
    let kept = format!(r#"{{"report":{ODD},"\ud83c":{ODD}}}"#);
    assert_eq!(made.data_text().unwrap(), kept);
    let create = "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data) VALUES (?1, 's-w', acl_now(), 'bo', 'created', ?2)";
    store.write(&bo(), |tx| tx.sql().execute(create, ["sql", kept.as_str()])).unwrap();
    let now = create.replace("acl_now()", "CAST(strftime('%s', 'now') AS integer) * 1000");
    host.execute(&now, ["host", kept.as_str()]).unwrap();
    for id in ["api", "sql", "host"] {
        assert_eq!(stored(&path, &format!("SELECT data FROM tasks WHERE task_id = '{id}'")), kept, "{id}");
        // It is read at every door of the API.
        let task = store.read(&bo(), |tx| tx.tasks().get(id)).unwrap();
        let data = task.data().unwrap();
        assert_eq!(data["report"]["cut"], "🎉 \u{fffd}", "{id}");
        assert_eq!(data["\u{fffd}"]["\u{fffd}"][0], "\u{fffd}", "{id}");
        assert_eq!(data["report"]["nul"], "\0", "{id}");
        assert_eq!(data["report"]["big"], 1.234_567_890_123_456_8e29, "{id}");
        assert_eq!(data["report"]["far"], f64::MIN, "{id}");
        assert_eq!(task.data_text().unwrap(), kept, "{id}");
        let json = serde_json::to_string(&task).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["report"]["cut"], "🎉 \u{fffd}", "{id}");
        assert_eq!(serde_json::to_value(&task).unwrap()["report"], data["report"], "{id}");
    }
    let listed = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().session("s-w"))).unwrap();
    assert_eq!((listed.items.len(), listed.unreadable.len()), (4, 0));
}

/// The text of what a patch does not touch stays, to the byte: also one level down, and also where all of it comes back.
#[test]
fn a_patch_keeps_the_bytes_of_what_it_does_not_touch() {
    let Desk { store, host, path, dir: _dir } = desk();
    let before = format!(r#"{{"report":{ODD},"a":1,"in":{{"big":18446744073709551616,"b":1}}}}"#);
    let after = before.replace(r#""a":1"#, r#""a":2"#).replace(r#""b":1"#, r#""b":2"#);
    let patch = r#"{"a":2,"in":{"b":2}}"#;
    let set = || sql(&store, &format!("UPDATE tasks SET data = '{before}' WHERE task_id = 't-w'"));
    let data = || stored(&path, "SELECT data FROM tasks WHERE task_id = 't-w'");
    set();
    store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::from_json_str(patch)?)).unwrap();
    assert_eq!(data(), after, "from text");
    set();
    store
        .write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::from_json(serde_json::from_str(patch).unwrap())?))
        .unwrap();
    assert_eq!(data(), after, "from a value");
    for door in ["sql", "host"] {
        set();
        let merge = format!("UPDATE tasks SET data = acl_merge(data, '{patch}') WHERE task_id = 't-w'");
        match door {
            "sql" => drop(store.write(&bo(), |tx| tx.sql().execute(&merge, [])).unwrap()),
            _ => drop(host.execute(&merge, []).unwrap()),
        }
        assert_eq!(data(), after, "{door}");
    }
    // A client that sends the whole record back has seen neither the digits nor the surrogate.
    let seen = store.read(&bo(), |tx| tx.tasks().get("t-w")).unwrap();
    for whole in
        [serde_json::to_value(&seen).unwrap(), serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap()]
    {
        let mut whole = whole;
        // A key that holds a surrogate has no name that could come back.
        whole["report"].as_object_mut().unwrap().retain(|key, _| key != "\u{fffd}");
        store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::from_json(whole)?)).unwrap();
        assert_eq!(data(), after, "a whole record sent back");
    }
    // As text, JSON has every digit that is stored.
    let text = serde_json::to_string(&seen).unwrap();
    assert!(text.contains("18446744073709551616,"), "{text}");
}

#[test]
fn nothing_of_ours_bounds_how_long_a_text_is() {
    let Desk { store, host, path, dir: _dir } = desk();
    let long = "x".repeat(17 << 20);
    let message =
        NewMessage::new("s-w", "user".into(), "user".into(), long.as_str()).id("m-1").content_preview(long.clone());
    let more = NewMessage::new("s-w", "user".into(), "user".into(), long.as_str()).id("m-2");
    store.write(&bo(), |tx| tx.messages().create_many([message, more])).unwrap();
    store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("report", long.as_str()))).unwrap();
    store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("model", "m"))).unwrap();
    let patch = "UPDATE tasks SET data = acl_merge(data, json_object('error_message', ?1)) WHERE task_id = 't-w'";
    store.write(&bo(), |tx| tx.sql().execute(patch, [long.as_str()])).unwrap();
    host.execute("UPDATE messages SET content_preview = ?1 WHERE message_id = 'm-2'", [long.as_str()]).unwrap();
    let lengths = "SELECT 'long' FROM tasks WHERE task_id = 't-w' AND length(data) > 34 * 1024 * 1024 UNION ALL
                   SELECT 'long' FROM messages WHERE message_id IN ('m-1', 'm-2') AND length(content_preview) = 17 * 1024 * 1024";
    assert_eq!(stored(&path, lengths), "long;long;long");
    let message = store.read(&bo(), |tx| tx.messages().get("m-2")).unwrap();
    assert_eq!(message.content_preview.map(|text| text.len()), Some(17 << 20));
    store.write(&bo(), |tx| tx.tasks().finish("t-w", TaskPatch::new().status(TaskStatus::Completed))).unwrap();
}

// ---- columns ------------------------------------------------------------------------------------

/// Every column of text, once free and once strict.
#[test]
fn free_text_takes_anything_and_authority_takes_plain_text() {
    let Desk { store, host, path, dir: _dir } = desk();
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, slug, data) VALUES ('b', acl_now(), 'bo', 'b', 'b', '{}');",
    );
    sql(&store, "INSERT INTO groups (group_id, created_at, name, slug) VALUES ('g', acl_now(), 'g', 'g')");
    let free = [
        ("users", "user_id = 'bo'", "name emoji"),
        ("boards", "board_id = 'b'", "name"),
        (
            "worktrees",
            "worktree_id = 'w-w'",
            "name ref start_command stop_command health_check_url app_url logs_command schedule_cron",
        ),
        ("sessions", "session_id = 's-w'", "archived_reason"),
        ("messages", "message_id = 'm-w'", "content_preview"),
        ("groups", "group_id = 'g'", "name description"),
    ];
    let strict = [
        ("users", "user_id = 'bo'", "email role unix_username password data"),
        ("boards", "board_id = 'b'", "slug data"),
        (
            "worktrees",
            "worktree_id = 'w-w'",
            "others_can others_fs_access unix_group archived_by filesystem_status data",
        ),
        ("sessions", "session_id = 's-w'", "status agentic_tool board_id data"),
        ("tasks", "task_id = 't-w'", "status data"),
        ("messages", "message_id = 'm-w'", "type role status parent_tool_use_id task_id data"),
        ("groups", "group_id = 'g'", "slug"),
        ("repos", "repo_id = 'r'", "slug data"),
    ];
    // A NUL, half of an emoji as JavaScript may hand it on, and what is no UTF-8 at all.
    for odd in ["'a' || char(0) || 'b'", "CAST(x'61eda0bc' AS text)", "CAST(x'ff00' AS text)"] {
        for (list, allowed) in [(&free[..], true), (&strict[..], false)] {
            for (table, row, columns) in list {
                for column in columns.split(' ') {
                    let update = format!("UPDATE {table} SET {column} = {odd} WHERE {row}");
                    let ours = store.write(&system(), |tx| tx.sql().execute(&update, []));
                    assert_eq!(verdict(&ours), if allowed { "ok" } else { "invalid" }, "{update}: {ours:?}");
                    let theirs = run(&host, &update);
                    assert_eq!(theirs.is_ok(), allowed, "{update}: {theirs:?}");
                    if allowed {
                        let same = format!("SELECT 'same' FROM {table} WHERE {row} AND hex({column}) = hex({odd})");
                        assert_eq!(stored(&path, &same), "same", "{update}");
                    }
                    let blob = format!("UPDATE {table} SET {column} = x'61' WHERE {row}");
                    assert_eq!(verdict(&store.write(&system(), |tx| tx.sql().execute(&blob, []))), "invalid", "{blob}");
                }
            }
        }
        // What was stored is read, and patched, whatever it is.
        store
            .read(&system(), |tx| {
                tx.users().get("bo")?;
                tx.boards().get("b")?;
                tx.worktrees().get("w-w")?;
                tx.groups().get("g")?;
                tx.sessions().get("s-w")?;
                tx.messages().get("m-w").map(drop)
            })
            .unwrap();
        store.write(&bo(), |tx| tx.sessions().patch("s-w", SessionPatch::new().archived(true))).unwrap();
        let before = stored(&path, "SELECT hex(content_preview) FROM messages WHERE message_id = 'm-w'");
        let patched =
            store.write(&bo(), |tx| tx.messages().patch("m-w", MessagePatch::new().set("note", "x"))).unwrap();
        assert_eq!(patched.content_preview, store.read(&bo(), |tx| tx.messages().get("m-w")).unwrap().content_preview);
        assert_eq!(stored(&path, "SELECT hex(content_preview) FROM messages WHERE message_id = 'm-w'"), before);
    }
    // Through Rust, from text and typed.
    let preview = |patch: MessagePatch| {
        store.write(&bo(), |tx| tx.messages().patch("m-w", patch)).map(|message| message.content_preview.unwrap())
    };
    assert_eq!(preview(MessagePatch::new().content_preview("a\0b".to_owned())).unwrap(), "a\0b");
    assert_eq!(preview(MessagePatch::from_json_str(r#"{"content":"\ud83c\u0000"}"#).unwrap()).unwrap(), "\u{fffd}\0");
    for strict in [r#"{"status":"a\u0000"}"#, r#"{"role":"a\ud83c"}"#, r#"{"parent_tool_use_id":"\ud83c"}"#] {
        assert_eq!(MessagePatch::from_json_str(strict).unwrap_err().code(), "invalid", "{strict}");
    }
}

// ---- what cannot be read ------------------------------------------------------------------------

/// What an older program may have left in `data`, and whether a key can be merged into it.
fn damaged() -> Vec<(String, bool)> {
    let deep = |levels: usize| format!("'{{\"deep\":{}{}}}'", "[".repeat(levels), "]".repeat(levels));
    vec![
        (r#"'{"a":"\ud83c"}'"#.to_owned(), true),
        (r#"'{"a":1,"a":2,"in":{"b":1,"b":2}}'"#.to_owned(), true),
        (deep(200), true),
        (deep(5000), true),
        ("'{\"status\":\"x\",\"a\":1}'".to_owned(), true),
        ("'no JSON'".to_owned(), false),
        ("''".to_owned(), false),
        ("'[1]'".to_owned(), false),
        ("'{\"a\":' || char(0) || '1}'".to_owned(), false),
        ("CAST(x'7b22ff227d' AS text)".to_owned(), false),
        ("x'7b7d'".to_owned(), false),
        ("7".to_owned(), false),
    ]
}

/// Agor's failure: a run that has finished stays running. No row is beyond ending, whatever its `data` is.
#[test]
fn every_row_can_be_ended_at_every_door() {
    for (data, _) in damaged() {
        let Desk { store, host, path, dir: _dir } = desk();
        for table in ["tasks", "sessions", "messages"] {
            past_guards(&path, table, &format!("UPDATE {table} SET data = {data}"));
        }
        let state = || {
            stored(
                &path,
                "SELECT t.status || ' ' || s.status || ' ' || s.ready_for_prompt FROM tasks AS t JOIN sessions AS s USING (session_id) WHERE t.task_id = 't-w'",
            )
        };
        let again = || {
            past_guards(&path, "tasks", "UPDATE tasks SET status = 'running', completed_at = NULL");
            past_guards(&path, "sessions", "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
        };
        let before = stored(&path, "SELECT group_concat(hex(data)) FROM tasks");
        for actor in [bo(), Actor::executor("bo", "s-w", "t-w"), Actor::service("s"), system()] {
            again();
            let done = TaskPatch::new().status(TaskStatus::Completed);
            let finished = store.write(&actor, |tx| tx.tasks().finish("t-w", done)).unwrap();
            assert_eq!(
                (finished.task.status, state().as_str()),
                (TaskStatus::Completed, "completed idle 1"),
                "{data:.40}"
            );
        }
        again();
        let closed = store.write(&system(), |tx| tx.tasks().close_orphaned()).unwrap();
        assert_eq!((closed.items.len(), closed.unreadable.len()), (3, 0), "{data:.40}");
        assert_eq!(state(), "stopped idle 1", "{data:.40}");
        let end = "UPDATE tasks SET status = 'failed', completed_at = acl_now() WHERE task_id = 't-w'";
        for actor in [bo(), Actor::executor("bo", "s-w", "t-w"), system()] {
            again();
            store.write(&actor, |tx| tx.sql().execute(end, [])).unwrap();
            assert_eq!(state(), "failed running 0", "{data:.40}");
        }
        again();
        host.execute(end, []).unwrap();
        host.execute("UPDATE sessions SET status = 'idle', ready_for_prompt = 1 WHERE session_id = 's-w'", []).unwrap();
        assert_eq!(state(), "failed idle 1", "{data:.40}");
        assert_eq!(
            stored(&path, "SELECT group_concat(hex(data)) FROM tasks"),
            before,
            "{data:.40}: nothing else changes"
        );
        // The rest of the row is read, too.
        assert_eq!(store.read(&bo(), |tx| tx.tasks().get("t-w")).unwrap().status, TaskStatus::Failed);
        let idle = SessionPatch::new().status(SessionStatus::Idle);
        assert_eq!(store.write(&bo(), |tx| tx.sessions().patch("s-w", idle)).unwrap().status, SessionStatus::Idle);
        store.write(&bo(), |tx| tx.tasks().remove("t-w")).unwrap();
    }
}

/// A token goes into any object, and into nothing else: there it is a failure that names the row, and the daemon can store
/// another `data`.
#[test]
fn a_token_is_set_beside_whatever_else_an_object_holds() {
    for (data, mergeable) in damaged() {
        let Desk { store, host, path, dir: _dir } = desk();
        past_guards(&path, "sessions", &format!("UPDATE sessions SET data = {data}"));
        let token = |token: &str| SessionPatch::new().set("mcp_token", token);
        let set = store.write(&system(), |tx| tx.sessions().patch("s-w", token("first")));
        assert_eq!(verdict(&set), if mergeable { "ok" } else { "storage" }, "{data:.40}: {set:?}");
        let merge = "UPDATE sessions SET data = acl_merge(data, '{\"mcp_token\":\"second\"}') WHERE session_id = 's-w'";
        let merged = run(&host, merge);
        assert_eq!(merged.is_ok(), mergeable, "{data:.40}: {merged:?}");
        if !mergeable {
            let told = set.unwrap_err().to_string();
            assert!(told.contains("`s-w`") && told.contains("the stored `data` is"), "{told}");
            let other = "UPDATE sessions SET data = '{\"mcp_token\":\"second\"}' WHERE session_id = 's-w'";
            assert_eq!(verdict(&store.write(&bo(), |tx| tx.sql().execute(other, []))), "denied", "{data:.40}");
            host.execute(other, []).unwrap();
        }
        let shown = store.read(&bo(), |tx| tx.sessions().get("s-w")).unwrap();
        assert!(!format!("{shown:?} {:?}", shown.data_text()).contains("second"), "{data:.40}");
        let found = store.read(&system(), |tx| tx.sessions().by_mcp_token("second"));
        // SQLite nests a thousand levels: a token beside more is set, and not found by it.
        match found {
            Ok(session) => assert_eq!(session.session_id.as_str(), "s-w"),
            Err(error) => assert!(matches!(error, Error::NotFound(_)) && data.len() > 9000, "{data:.40}: {error}"),
        }
    }
}

/// A host that writes whole records back ends a task whose `data` holds what aclite would refuse today.
#[test]
fn only_what_changes_of_data_is_checked() {
    let Desk { store, host, path, dir: _dir } = desk();
    let old = format!(r#"{{"deep":{}{},"twice":{{"k":1,"k":2}},"model":"a"}}"#, "[".repeat(300), "]".repeat(300));
    past_guards(&path, "tasks", &format!("UPDATE tasks SET data = '{old}'"));
    let new = old.replace(r#""model":"a""#, r#""model":"b","report":"\ud83c""#);
    let end = "UPDATE tasks SET status = 'completed', completed_at = acl_now(), data = ?1 WHERE task_id = 't-w'";
    store.write(&Actor::executor("bo", "s-w", "t-w"), |tx| tx.sql().execute(end, [new.as_str()])).unwrap();
    assert_eq!(stored(&path, "SELECT data FROM tasks WHERE task_id = 't-w'"), new);
    for worse in [new.replace("[[", "[[["), new.replace(r#""k":2"#, r#""k":3"#), new.replace("model", "deep")] {
        let told = host.execute("UPDATE tasks SET data = ?1 WHERE task_id = 't-w'", [worse.as_str()]).unwrap_err();
        assert!(told.to_string().contains("`data`"), "{told}");
    }
}

// ---- spelling -----------------------------------------------------------------------------------

/// SQLite up to 3.44 doesn't find a key that is spelled with an escape, and does since. What asks for a key by its name, an
/// index above all, must not depend on that: a word is spelled as it is, at every door.
#[test]
fn a_key_is_spelled_as_it_is() {
    let Desk { store, host, path, dir: _dir } = desk();
    let kept = r#"{"mcp_token":"T","permission_config":{"mode":"ask"},"title":"t"}"#;
    sql(&store, &format!("UPDATE sessions SET data = '{kept}' WHERE session_id = 's-w'"));
    let set = |data: &str| format!("UPDATE sessions SET data = '{data}' WHERE session_id = 's-w'");
    let merge = |patch: &str| format!("UPDATE sessions SET data = acl_merge(data, '{patch}') WHERE session_id = 's-w'");
    let executor = Actor::executor("bo", "s-w", "t-w");
    for (statement, key, merges) in [
        (set(&kept.replace("mcp_token", r"mcp\u005ftoken")), "mcp_token", false),
        (set(&kept.replace("permission_config", r"permission\u005fconfig")), "permission_config", false),
        (set(&kept.replace("title", r"t\u0069tle")), "title", false),
        (set(&kept.replace("\"title\"", r#""an\u006fther""#)), "another", false),
        (merge(r#"{"mcp\u005ftoken":"X"}"#), "mcp_token", true),
        (merge(r#"{"t\u0069tle":"t"}"#), "title", true),
    ] {
        let told = format!("the key `{key}` is spelled with an escape: spell it as it is");
        let ours = store.write(&system(), |tx| tx.sql().execute(&statement, [])).unwrap_err();
        assert_eq!((ours.code(), ours.to_string().contains(&told)), ("invalid", true), "{statement}: {ours}");
        raw::act_as(&host, &system());
        let theirs = run(&host, &statement).unwrap_err();
        assert!(theirs.starts_with("aclite: invalid: ") && theirs.ends_with(&told), "{statement}: {theirs}");
        // Whoever may not change the key may not respell it: `cy` holds `prompt` here.
        for actor in [Actor::user("cy"), executor.clone()] {
            let expected = if merges { "invalid" } else { "denied" };
            let refused = store.write(&actor, |tx| tx.sql().execute(&statement, []));
            assert_eq!(verdict(&refused), expected, "{statement}\nby {actor:?}: {refused:?}");
            raw::act_as(&host, &actor);
            let refused = run(&host, &statement).unwrap_err();
            assert!(refused.starts_with(&format!("aclite: {expected}: ")), "{statement}\nby {actor:?}: {refused}");
        }
    }
    assert_eq!(stored(&path, "SELECT data FROM sessions WHERE session_id = 's-w'"), kept);
    // The API reads keys, and writes them plainly.
    let patch = || SessionPatch::from_json_str(r#"{"mcp\u005ftoken":"X"}"#).unwrap();
    assert_eq!(verdict(&store.write(&Actor::user("cy"), |tx| tx.sessions().patch("s-w", patch()))), "denied");
    store.write(&system(), |tx| tx.sessions().patch("s-w", patch())).unwrap();
    let patched = kept.replace("\"T\"", "\"X\"");
    assert_eq!(stored(&path, "SELECT data FROM sessions WHERE session_id = 's-w'"), patched);
    // What has to be escaped, and what some writers escape, is spelled as anybody likes.
    for free in [r"a\u0020b", r"a\/b", r"\u003ca\u003e", r"caf\u00e9", r"\u0000", r"\ud83c", r#"a\"b"#] {
        let merged = merge(&format!(r#"{{"{free}":1}}"#));
        let ours = store.write(&system(), |tx| tx.sql().execute(&merged, []));
        assert_eq!(verdict(&ours), "ok", "{free}: {ours:?}");
        raw::act_as(&host, &system());
        run(&host, &set(&format!(r#"{{"{free}":1}}"#))).unwrap();
        assert_eq!(stored(&path, "SELECT data FROM sessions WHERE session_id = 's-w'"), format!(r#"{{"{free}":1}}"#));
    }
}

/// What an older program left is no reason to refuse what else is written; it is spelled plainly when it changes.
#[test]
fn an_escaped_key_that_is_there_stays_or_is_spelled_plainly() {
    let Desk { store, host, path, dir: _dir } = desk();
    let old = r#"{"m\u006fdel":"a","report":"r"}"#;
    let data = || stored(&path, "SELECT data FROM tasks WHERE task_id = 't-w'");
    past_guards(&path, "tasks", &format!("UPDATE tasks SET data = '{old}' WHERE task_id = 't-w'"));
    let executor = Actor::executor("bo", "s-w", "t-w");
    let whole = "UPDATE tasks SET status = 'completed', completed_at = acl_now(), data = ?1 WHERE task_id = 't-w'";
    store.write(&executor, |tx| tx.sql().execute(whole, [old.replace("\"r\"", "\"s\"").as_str()])).unwrap();
    assert_eq!(data(), r#"{"m\u006fdel":"a","report":"s"}"#);
    store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("model", "a"))).unwrap();
    assert_eq!(data(), r#"{"m\u006fdel":"a","report":"s"}"#, "nothing changes");
    store.write(&bo(), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("model", "b"))).unwrap();
    assert_eq!(data(), r#"{"model":"b","report":"s"}"#);
    past_guards(&path, "tasks", &format!("UPDATE tasks SET data = '{old}' WHERE task_id = 't-w'"));
    host.execute("UPDATE tasks SET data = acl_merge(data, '{\"model\":\"c\"}') WHERE task_id = 't-w'", []).unwrap();
    assert_eq!(data(), r#"{"model":"c","report":"r"}"#);
}

/// The index by which a token is found holds the same whatever SQLite writes it.
#[test]
fn a_token_is_text_that_every_reader_reads_alike() {
    let Desk { store, host, path, dir: _dir } = desk();
    for (token, expected) in [
        (r#""plain-Token_0""#, "ok"),
        (r#""a\"b\\c\/d é""#, "ok"),
        (r#""""#, "ok"),
        ("null", "ok"),
        (r#""a\u0000b""#, "invalid"),
        (r#""\ud83c""#, "invalid"),
        (r#""\u0041""#, "invalid"),
        ("7", "invalid"),
        ("1e999", "invalid"),
        ("true", "invalid"),
        (r#"{"a":"\u0000"}"#, "invalid"),
        (r#"["a"]"#, "invalid"),
    ] {
        for statement in [
            format!("UPDATE sessions SET data = '{{\"a\":1,\"mcp_token\":{token}}}' WHERE session_id = 's-w'"),
            format!(
                "UPDATE sessions SET data = acl_merge('{{}}', '{{\"mcp_token\":{token}}}') WHERE session_id = 's-w'"
            ),
            "UPDATE sessions SET data = '{}' WHERE session_id = 's-w'".to_owned(),
        ] {
            let expected = if statement.contains("'{}' WHERE") { "ok" } else { expected };
            let ours = store.write(&system(), |tx| tx.sql().execute(&statement, []));
            assert_eq!(verdict(&ours), expected, "{statement}: {ours:?}");
            let theirs = run(&host, &statement);
            assert_eq!(theirs.is_ok(), expected == "ok", "{statement}: {theirs:?}");
        }
        let patch = format!(r#"{{"mcp_token":{token}}}"#);
        let patch = store.write(&system(), |tx| tx.sessions().patch("s-w", SessionPatch::from_json_str(&patch)?));
        assert_eq!(verdict(&patch), expected, "{token}: {patch:?}");
    }
    assert_eq!(stored(&path, "PRAGMA integrity_check"), "ok");
}

// ---- secrets ------------------------------------------------------------------------------------

/// However a key is spelled and whatever stands beside it, a secret is no more shown than before, and hides nothing else.
#[test]
fn no_surrogate_hides_a_secret_or_shows_one() {
    let Desk { store, host, path, dir: _dir } = desk();
    for (data, left) in [
        (r#"{"\ud83c":1,"mcp_token":"s3cret","\ud83d":2}"#, r#"{"\ud83c":1,"\ud83d":2}"#),
        (r#"{"mcp\u005ftoken":"s3cret","a":"\ud83c"}"#, r#"{"a":"\ud83c"}"#),
        (r#"{"mcp_token\ud83c":"shown","mcp_token":"s3cret"}"#, r#"{"mcp_token\ud83c":"shown"}"#),
        (r#"{"a":{"mcp_token":"\ud83c"},"\u006dcp_token":"s3cret\ud83c"}"#, r#"{"a":{"mcp_token":"\ud83c"}}"#),
    ] {
        past_guards(&path, "sessions", &format!("UPDATE sessions SET data = '{data}' WHERE session_id = 's-w'"));
        let session = store.read(&bo(), |tx| tx.sessions().get("s-w")).unwrap();
        assert_eq!(session.data_text().unwrap(), left);
        assert!(!format!("{session:?}{}", serde_json::to_string(&session).unwrap()).contains("s3cret"), "{data}");
        let sealed = store.sealed(&bo()).unwrap();
        let shown =
            sealed.query("SELECT data FROM sessions WHERE session_id = 's-w'", [], |row| row.get::<_, String>(0));
        let shown = shown.unwrap().remove(0);
        assert!(!shown.contains("s3cret") && !shown.contains(r"\ud83"), "{shown}");
    }
    // Nobody but the daemon writes it, however it is spelled.
    for (statement, expected) in [
        (r#"UPDATE sessions SET data = '{"mcp\u005ftoken":"mine","\ud83c":1}' WHERE session_id = 's-w'"#, "denied"),
        (
            r#"UPDATE sessions SET data = acl_merge('{}', '{"\ud83c":1,"mcp_token":"mine"}') WHERE session_id = 's-w'"#,
            "denied",
        ),
        // No patch spells it so, whoever merges.
        (
            r#"UPDATE sessions SET data = acl_merge('{}', '{"\ud83c":1,"\u006dcp_token":"mine"}') WHERE session_id = 's-w'"#,
            "invalid",
        ),
    ] {
        assert_eq!(verdict(&store.write(&bo(), |tx| tx.sql().execute(statement, []))), expected, "{statement}");
        raw::act_as(&host, &bo());
        assert!(run(&host, statement).unwrap_err().contains("aclite"), "{statement}");
    }
    // Two keys that are read alike are two keys, and one key is one however it is spelled.
    let two = r#"UPDATE tasks SET data = '{"\ud83c":1,"\ud83d":2}' WHERE task_id = 't-w'"#;
    store.write(&bo(), |tx| tx.sql().execute(two, [])).unwrap();
    let data = store.read(&bo(), |tx| tx.tasks().get("t-w")).unwrap().data().unwrap().clone();
    assert_eq!(serde_json::to_string(&data).unwrap(), "{\"\u{fffd}\":1,\"\u{fffd}#2\":2}");
    let one = r#"UPDATE tasks SET data = '{"\ud83c":1,"\uD83C":2}' WHERE task_id = 't-w'"#;
    let twice = store.write(&bo(), |tx| tx.sql().execute(one, [])).unwrap_err();
    assert_eq!(twice.to_string(), r"`data` repeated key `\ud83c`");
    let told: String = ask(
        &store,
        "SELECT fields FROM acl_audit WHERE resource = 'task' AND verdict = 'allowed' ORDER BY seq DESC LIMIT 1",
    );
    assert_eq!(told, r#"data.full_prompt data."\u005cud83c" data."\u005cud83d""#, "told apart in the audit");
}
