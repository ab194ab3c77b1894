//! A value that only one JSON reader takes for another is a change like any other.
//!
//! A reader of JSON in this library took `{"$serde_json::private::RawValue":"…"}` for the text in it. Wrapped so, a value
//! counted as unchanged: whoever held `session` destroyed the token of their session, an administrator another's keys, and
//! the audit named no field. Text is read by a reader now that knows no such names.

use aclite::{Actor, AgenticTool, NewSession, NewTask, SessionPatch, Sharing, TaskPatch};
use serde_json::{Value, json};

use crate::support::{ask, audit_after, last_seq, places, sql, system, verdict, world};

/// The value behind the private name, as text.
fn wrapped(value: &Value) -> Value {
    json!({ "$serde_json::private::RawValue": value.to_string() })
}

#[test]
fn a_wrapped_value_is_another_value() {
    let store = world();
    places(&store, Sharing::Session);
    let dee = Actor::user("dee");
    store
        .write(&dee, |tx| {
            let new = NewSession::new("w-w", AgenticTool::ClaudeCode)
                .id("s-d")
                .set("permission_config", json!({"mode": "ask"}));
            tx.sessions().create(new)
        })
        .unwrap();
    store.write(&system(), |tx| tx.sessions().patch("s-d", SessionPatch::new().set("mcp_token", "token"))).unwrap();
    sql(&store, r#"UPDATE users SET data = '{"api_keys":{"A":"secret"}}' WHERE user_id = 'bo'"#);
    let before = ask::<String>(&store, "SELECT group_concat(data) FROM sessions")
        + &ask::<String>(&store, "SELECT data FROM users WHERE user_id = 'bo'");
    let executor = Actor::executor("bo", "s-w", "t-w");
    let prompt: Value =
        serde_json::from_str(&ask::<String>(&store, "SELECT data FROM tasks WHERE task_id = 't-w'")).unwrap();
    let data = |table: &str, key: &str, id: &str, data: Value| {
        format!("UPDATE {table} SET data = '{data}' WHERE {key} = '{id}'")
    };
    let token = json!({"permission_config": {"mode": "ask"}, "mcp_token": wrapped(&json!("token"))});
    let keys = |value: &Value| json!({ "api_keys": wrapped(value) });
    for (who, outcome) in [
        (
            "dee, her token by patch",
            verdict(&store.write(&dee, |tx| {
                tx.sessions().patch("s-d", SessionPatch::new().set("mcp_token", wrapped(&json!("token"))))
            })),
        ),
        (
            "dee, her set-up by patch",
            verdict(&store.write(&dee, |tx| {
                tx.sessions()
                    .patch("s-d", SessionPatch::new().set("permission_config", wrapped(&json!({"mode": "ask"}))))
            })),
        ),
        (
            "dee, her token by SQL",
            verdict(
                &store.write(&dee, |tx| tx.sql().execute(&data("sessions", "session_id", "s-d", token.clone()), [])),
            ),
        ),
        (
            "ada, bo's keys as they are",
            verdict(&store.write(&Actor::user("ada"), |tx| {
                tx.sql().execute(&data("users", "user_id", "bo", keys(&json!({"A": "secret"}))), [])
            })),
        ),
        (
            "ada, bo's keys as guessed",
            verdict(&store.write(&Actor::user("ada"), |tx| {
                tx.sql().execute(&data("users", "user_id", "bo", keys(&json!({"A": "guess"}))), [])
            })),
        ),
        (
            "an executor, the prompt",
            verdict(&store.write(&executor, |tx| {
                tx.tasks().patch("t-w", TaskPatch::new().set("full_prompt", wrapped(&prompt["full_prompt"])))
            })),
        ),
    ] {
        assert_eq!(outcome, "denied", "{who}");
    }
    let after = ask::<String>(&store, "SELECT group_concat(data) FROM sessions")
        + &ask::<String>(&store, "SELECT data FROM users WHERE user_id = 'bo'");
    assert_eq!(after, before);
    // Whoever may change it changes it, and the audit says so.
    let seq = last_seq(&store);
    let patched = store.write(&Actor::user("bo"), |tx| {
        tx.tasks().patch("t-w", TaskPatch::new().set("full_prompt", wrapped(&prompt["full_prompt"])))
    });
    assert_eq!(patched.unwrap().task.data().unwrap()["full_prompt"], wrapped(&prompt["full_prompt"]));
    assert_eq!(audit_after(&store, seq)[0].fields.as_deref(), Some("data.full_prompt"));
}

/// Each level began a reader of its own, with a limit of depth of its own: reading what was stored used up the stack.
#[test]
fn wrapped_values_can_be_read_back_at_any_depth() {
    let store = world();
    places(&store, Sharing::Session);
    let mut value = json!(1);
    for _ in 0..14 {
        value = json!([wrapped(&value), 1]);
    }
    for (id, value) in [("deep", value), ("no-json", json!({ "$serde_json::private::RawValue": "not json" }))] {
        let created =
            store.write(&Actor::user("bo"), |tx| tx.tasks().create(NewTask::new("s-w").id(id).set("a", value.clone())));
        assert_eq!(created.unwrap().data().unwrap()["a"], value, "{id}");
        let read = store.read(&Actor::user("bo"), |tx| tx.tasks().get(id)).unwrap();
        assert_eq!(read.data().unwrap()["a"], value, "{id}");
    }
}
