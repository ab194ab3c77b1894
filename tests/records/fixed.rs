//! Ids, parents, creators and times of creation never change, whoever writes and at whichever door.

use aclite::{Actor, Error, MessagePatch, Result, SessionPatch, TaskPatch, Time, Tx, WorktreePatch};
use serde_json::{Value, json};

use crate::support::office::{bo, check, executor, office};
use crate::support::{ask, attempt, sql, system};

#[test]
fn authority_is_the_stored_parent_whatever_the_patch_says() {
    let store = office();
    let patches = |session: &str| {
        let patch = json!({"session_id": session, "model": "m"});
        (TaskPatch::from_json(patch.clone()).unwrap(), MessagePatch::from_json(patch).unwrap())
    };
    #[rustfmt::skip]
    let spoofs = [
        // who             task   message  says    told
        (bo(),             "t",   "m",     "s",    "ok"),
        (bo(),             "t",   "m",     "s2",   "immutable"),
        (bo(),             "t",   "m",     "nope", "immutable"),
        (system(),         "t",   "m",     "s2",   "immutable"),
        (executor(),       "t",   "m",     "s",    "ok"),
        (executor(),       "t",   "m",     "s2",   "denied"),
        // Whoever can reach `s` reaches no more by saying so.
        (bo(),             "ft",  "fm",    "s",    "hidden"),
        (executor(),       "ft",  "fm",    "s",    "hidden"),
        (Actor::user("vi"), "t",  "m",     "s",    "denied"),
    ];
    for (actor, task, message, says, expected) in spoofs {
        let (of_task, of_message) = patches(says);
        let what = format!("{actor:?} says `{says}`");
        check(&attempt(&store, &actor, |tx| tx.tasks().patch(task, of_task)), expected, &what);
        // An executor's message has no more fields than others'; its session is as fixed.
        let expected = if actor == executor() && says == "s2" { "immutable" } else { expected };
        check(&attempt(&store, &actor, |tx| tx.messages().patch(message, of_message)), expected, &what);
    }
}

#[test]
fn these_columns_never_change_at_either_door_for_anybody() {
    let store = office();
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
    );
    sql(
        &store,
        "INSERT INTO groups (group_id, created_at, created_by, name, slug) VALUES ('g', acl_now(), 'bo', 'g', 'g')",
    );
    sql(
        &store,
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'cy', 'bo', acl_now())",
    );
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, created_by, created_at) VALUES ('w', 'g', 'bo', acl_now())",
    );
    #[rustfmt::skip]
    let columns = [
        ("worktrees", "worktree_id = 'w'", "worktree_id repo_id created_by created_at rowid"),
        ("sessions",  "session_id = 's'",  "session_id worktree_id unix_username created_by created_at rowid"),
        ("tasks",     "task_id = 't'",     "task_id session_id created_by created_at rowid"),
        ("messages",  "message_id = 'm'",  "message_id session_id created_at rowid"),
        ("users",     "user_id = 'cy'",    "user_id created_at rowid"),
        ("repos",     "repo_id = 'r'",     "repo_id created_at rowid"),
        ("boards",    "board_id = 'b'",    "board_id created_by created_at rowid"),
        ("groups",    "group_id = 'g'",    "group_id created_by created_at rowid"),
        ("worktree_owners", "worktree_id = 'w'", "worktree_id user_id created_at rowid"),
        ("group_memberships", "group_id = 'g'", "group_id user_id added_by created_at rowid"),
        ("worktree_group_grants", "group_id = 'g'", "worktree_id group_id created_by created_at rowid"),
        ("acl_rules", "resource = 'task' AND operation = 'get'", "resource operation rowid"),
        ("acl_settings", "name = 'allow_superadmin'", "name rowid"),
    ];
    for (table, row, names) in columns {
        for column in names.split(' ') {
            let number = matches!(column, "created_at" | "rowid");
            for value in if number { ["12345", "NULL", "created_at + 1"] } else { ["'other'", "NULL", "''"] } {
                if column == "rowid" && value != "12345" {
                    continue;
                }
                let statement = format!("UPDATE {table} SET {column} = {value} WHERE {row}");
                let outcome = attempt(&store, &system(), |tx| tx.sql().execute(&statement, []));
                check_told_field(&outcome, column, &statement);
            }
            let statement = format!("UPDATE {table} SET {column} = {column} WHERE {row}");
            let outcome = attempt(&store, &system(), |tx| tx.sql().execute(&statement, []));
            check(&outcome, "ok", &statement);
        }
    }
    // Beside the daemon, an owner; and at the API.
    type Patch = fn(&Tx<'_>, Value) -> Result<()>;
    let api: [(&str, Patch, &str); 4] = [
        ("worktrees", |tx, patch| tx.worktrees().patch("w", WorktreePatch::from_json(patch)?).map(drop), "w"),
        ("sessions", |tx, patch| tx.sessions().patch("s", SessionPatch::from_json(patch)?).map(drop), "s"),
        ("tasks", |tx, patch| tx.tasks().patch("t", TaskPatch::from_json(patch)?).map(drop), "t"),
        ("messages", |tx, patch| tx.messages().patch("m", MessagePatch::from_json(patch)?).map(drop), "m"),
    ];
    for (table, patch, _) in api {
        let (_, row, names) = columns.iter().find(|(name, ..)| *name == table).unwrap();
        for column in names.split(' ').filter(|column| *column != "rowid") {
            let other = if column == "created_at" { json!(12345) } else { json!("other") };
            let stored: rusqlite::types::Value = ask(&store, &format!("SELECT {column} FROM {table} WHERE {row}"));
            let stored = match stored {
                rusqlite::types::Value::Integer(time) => json!(Time::from_millis(time).to_string()),
                rusqlite::types::Value::Text(text) => json!(text),
                other => panic!("{column}: {other:?}"),
            };
            for actor in [bo(), system(), Actor::service("mcp")] {
                let changed = attempt(&store, &actor, |tx| patch(tx, json!({column: other})));
                check_told_field(&changed, column, &format!("{table} by {actor:?}"));
                let same = attempt(&store, &actor, |tx| patch(tx, json!({column: stored})));
                check(&same, "ok", &format!("{table}.{column} with its stored value by {actor:?}"));
            }
            let raw = format!("UPDATE {table} SET {column} = 'other' WHERE {row}");
            check_told_field(&attempt(&store, &bo(), |tx| tx.sql().execute(&raw, [])), column, &raw);
        }
    }
}

#[track_caller]
fn check_told_field<T: std::fmt::Debug>(outcome: &Result<T>, field: &str, what: &str) {
    match outcome {
        Err(Error::Immutable(immutable)) => assert_eq!(immutable.field(), field, "{what}"),
        _ => panic!("{what}: {outcome:?}"),
    }
}

#[test]
fn clients_may_send_whole_records_back() {
    let store = office();
    sql(&store, "UPDATE sessions SET data = '{\"title\":\"x\",\"mcp_token\":\"secret\"}' WHERE session_id = 's'");
    let whole = |tx: &Tx<'_>| -> Result<Vec<Value>> {
        let (task, message) = (tx.tasks().get("t")?, tx.messages().get("m")?);
        let (session, worktree) = (tx.sessions().get("s")?, tx.worktrees().get("w")?);
        let json = [
            serde_json::to_value(task),
            serde_json::to_value(message),
            serde_json::to_value(session),
            serde_json::to_value(worktree),
        ];
        Ok(json.into_iter().map(|json| json.unwrap()).collect())
    };
    let before = store.write(&bo(), |tx| whole(tx)).unwrap();
    // `cy` may prompt, so of the worktree she may send nothing that changes; of the session its run-state.
    for actor in [bo(), Actor::user("cy")] {
        let sent = before.clone();
        let outcome = store.write(&actor, |tx| {
            let [task, message, session, _] = <[Value; 4]>::try_from(sent).unwrap();
            tx.tasks().patch("t", TaskPatch::from_json(task)?)?;
            tx.messages().patch("m", MessagePatch::from_json(message)?)?;
            tx.sessions().patch("s", SessionPatch::from_json(session)?.status("running"))
        });
        check(&outcome, "ok", &format!("{actor:?}"));
    }
    let worktree = before[3].clone();
    check(&store.write(&bo(), |tx| tx.worktrees().patch("w", WorktreePatch::from_json(worktree)?)), "ok", "worktree");
    let mut after = store.write(&bo(), |tx| whole(tx)).unwrap();
    let mut before = before;
    assert_eq!(after[2]["status"], "running");
    for json in before.iter_mut().chain(&mut after) {
        for stamp in ["updated_at", "status"] {
            json.as_object_mut().unwrap().remove(stamp);
        }
    }
    assert_eq!(before, after);
    let token: String = ask(&store, "SELECT json_extract(data, '$.mcp_token') FROM sessions WHERE session_id = 's'");
    assert_eq!(token, "secret", "what a client does not see it does not take away");
}

#[test]
fn the_store_says_when_a_record_last_changed() {
    let store = office();
    let old = "2001-01-01T00:00:00.000Z";
    let patched = store.write(&bo(), |tx| {
        tx.sessions().patch("s", SessionPatch::from_json(json!({"updated_at": old, "title": "x"}))?)
    });
    assert!(patched.unwrap().updated_at.unwrap().to_string().as_str() > old);
    let raw =
        attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE sessions SET updated_at = 5 WHERE session_id = 's'", []));
    check(&raw, "invalid", "another time than the present");
    let raw = attempt(&store, &bo(), |tx| {
        tx.sql().execute("UPDATE sessions SET updated_at = acl_now(), archived = 1 WHERE session_id = 's'", [])
    });
    check(&raw, "ok", "the present time");
}
