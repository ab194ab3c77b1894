//! The store tells `tracing` operation, resource, verdict and duration, and never content.
//!
//! A process of its own: `tracing` remembers for the whole process whether a place in the code is of interest, and a
//! test that listens to nothing could settle that for those that listen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use aclite::{Actor, MessagePatch, SessionPatch, Sharing, Store, TaskPatch, TaskQuery};
use support::file::{self, past_guards};
use support::{message, session, sql, system, task, verdict, worktree, world};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is traced while `work` runs.
fn traced(work: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn prepared() -> Store {
    let store = world();
    worktree(&store, "w", "bo", Sharing::View);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    message(&store, "m", "s", Some("t"));
    store
}

#[test]
fn each_verdict_has_its_level_and_says_how_long_it_took() {
    let store = prepared();
    let (bo, cy) = (Actor::user("bo"), Actor::user("cy"));
    let done = traced(|| {
        store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().set("model", "x"))).unwrap();
    });
    assert!(
        done.contains("DEBUG") && done.contains("operation=\"patch\" resource=\"task\" verdict=\"allowed\""),
        "{done}"
    );
    assert!(done.contains("elapsed_us="), "{done}");

    let refused = traced(|| {
        let refused = store.write(&cy, |tx| tx.tasks().patch("t", TaskPatch::new().set("model", "x")));
        assert_eq!(verdict(&refused), "denied");
    });
    assert!(refused.contains("WARN") && refused.contains("verdict=\"denied\""), "{refused}");

    let read = traced(|| {
        store.read(&cy, |tx| tx.tasks().get("t").and_then(|_| tx.tasks().find(&TaskQuery::new()))).unwrap();
        assert_eq!(verdict(&store.read(&cy, |tx| tx.tasks().get("nothing"))), "not_found");
    });
    assert!(read.contains("operation=\"get\" resource=\"task\" verdict=\"allowed\""), "{read}");
    assert!(read.contains("verdict=\"not_found\""), "{read}");
}

/// One call each, by somebody who gets nothing by it, and the words that its trace has.
type Refused = (&'static str, fn(&Store, &Actor) -> &'static str, &'static str);

/// Whatever the way: a refusal is one line, a warning, with the operation, the resource and the verdict.
#[test]
fn every_refusal_is_a_warning() {
    let store = prepared();
    let long = || "x".repeat(65);
    let (get, patch, remove) = ("operation=\"get\"", "operation=\"patch\"", "operation=\"remove\"");
    let refused: [Refused; 16] = [
        ("nobody", |store, _| verdict(&store.read(&Actor::Anonymous, |tx| tx.tasks().get("t"))), get),
        ("nobody, no id", |store, _| verdict(&store.read(&Actor::Anonymous, |tx| tx.tasks().get(""))), get),
        ("no id", |store, cy| verdict(&store.read(cy, |tx| tx.sessions().get(""))), get),
        ("a token", |store, cy| verdict(&store.read(cy, |tx| tx.sessions().by_mcp_token("x"))), get),
        ("no such token", |store, _| verdict(&store.read(&system(), |tx| tx.sessions().by_mcp_token("x"))), get),
        ("resolve", |store, cy| verdict(&store.read(cy, |tx| tx.tasks().resolve("0199aaaa"))), get),
        ("no prefix", |store, cy| verdict(&store.read(cy, |tx| tx.worktrees().resolve("%"))), get),
        (
            "nobody resolves",
            |store, _| verdict(&store.read(&Actor::Anonymous, |tx| tx.sessions().resolve("0199aa"))),
            get,
        ),
        ("audit", |store, cy| verdict(&store.read(cy, |tx| tx.audit().tail(1))), get),
        ("audit after", |store, cy| verdict(&store.read(cy, |tx| tx.audit().after(0, 1))), get),
        ("owners", |store, cy| verdict(&store.read(cy, |tx| tx.worktrees().owners("none"))), get),
        ("a limit", |store, cy| verdict(&store.read(cy, |tx| tx.tasks().find(&TaskQuery::new().limit(0)))), get),
        ("close_orphaned", |store, cy| verdict(&store.write(cy, |tx| tx.tasks().close_orphaned())), patch),
        ("no id to remove", |store, cy| verdict(&store.write(cy, |tx| tx.messages().remove(""))), remove),
        (
            "SQL",
            |store, cy| verdict(&store.write(cy, |tx| tx.sql().execute("DELETE FROM messages", []))),
            "operation=\"remove\" resource=\"message\"",
        ),
        (
            "SQL that is not allowed",
            |store, cy| verdict(&store.write(cy, |tx| tx.sql().execute("PRAGMA foreign_keys = 0", []))),
            "operation=\"run\" resource=\"sql\"",
        ),
    ];
    for (what, call, words) in refused {
        let mut verdict = "";
        let said = traced(|| verdict = call(&store, &Actor::user("cy")));
        assert_ne!(verdict, "ok", "{what}");
        let verdict = format!("verdict=\"{}\"", verdict.replace("hidden", "denied"));
        let warnings: Vec<&str> = said.lines().filter(|line| line.trim_start().starts_with("WARN")).collect();
        assert_eq!(warnings.len(), 1, "{what}: {said}");
        assert!(warnings[0].contains(words) && warnings[0].contains(&verdict), "{what}: {said}");
        assert!(warnings[0].contains("elapsed_us="), "{what}: {said}");
    }
    let bo = Actor::user("bo");
    let owner =
        traced(|| assert_eq!(verdict(&store.write(&bo, |tx| tx.worktrees().add_owner(long(), "cy"))), "invalid"));
    assert!(owner.contains("WARN") && owner.contains("resource=\"owner\" verdict=\"invalid\""), "{owner}");
    let allowed = traced(|| {
        store.write(&bo, |tx| tx.sql().execute("SELECT 's3cret'", [])).unwrap();
    });
    assert!(allowed.contains("DEBUG") && allowed.contains("operation=\"run\" resource=\"sql\""), "{allowed}");
    assert!(!allowed.contains("s3cret"), "{allowed}");
}

#[test]
fn a_tampered_file_is_an_error_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daemon.db");
    drop(Store::open(&path).unwrap());
    file::tamper(&path, "DROP TRIGGER acl_tasks_before_update");
    let said = traced(|| assert_eq!(verdict(&Store::open(&path)), "tampered"));
    assert!(said.contains("ERROR") && said.contains("code=\"tampered\""), "{said}");
}

#[test]
fn a_row_that_the_guard_cannot_read_is_an_error_and_no_denial() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daemon.db");
    let store = support::world_at(&path);
    worktree(&store, "w", "bo", Sharing::View);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    past_guards(&path, "tasks", "UPDATE tasks SET status = x'00'");

    let said = traced(|| {
        let broken = store.write(&Actor::user("bo"), |tx| {
            let done = tx.sql().execute("UPDATE tasks SET status = 'completed', completed_at = acl_now()", []);
            assert_eq!(verdict(&done), "storage");
            tx.tasks().patch("t", TaskPatch::new().status(aclite::TaskStatus::Completed))
        });
        let error = broken.unwrap_err();
        assert_eq!(error.code(), "storage");
        assert!(error.to_string().contains("old_status"), "{error}");
    });
    assert!(said.contains("ERROR") && said.contains("verdict=\"storage\""), "{said}");
}

#[test]
fn neither_content_nor_secrets_are_traced() {
    let store = prepared();
    let secret = "s3cret-s3cret";
    let said = traced(|| {
        let token = SessionPatch::new().set("mcp_token", secret);
        store.write(&system(), |tx| tx.sessions().patch("s", token)).unwrap();
        store.read(&system(), |tx| tx.sessions().by_mcp_token(secret)).unwrap();
        assert_eq!(verdict(&store.read(&system(), |tx| tx.sessions().by_mcp_token("s3cret-wrong"))), "not_found");
        assert_eq!(verdict(&store.read(&Actor::user("bo"), |tx| tx.sessions().by_mcp_token(secret))), "denied");
        let content = MessagePatch::new().set("content", "s3cret-content");
        store.write(&Actor::user("bo"), |tx| tx.messages().patch("m", content.clone())).unwrap();
        assert_eq!(verdict(&store.write(&Actor::user("cy"), |tx| tx.messages().patch("m", content))), "denied");
        let wrong = TaskPatch::from_json(serde_json::json!({ "status": ["s3cret-status"] }));
        assert_eq!(verdict(&wrong), "invalid");
    });
    assert!(said.lines().count() > 4 && !said.contains("s3cret"), "{said}");
    sql(&store, "UPDATE acl_settings SET value = 'off' WHERE name = 'allow_superadmin'");
    let audit = format!("{:?}", support::audit_after(&store, 0));
    assert!(!audit.contains("s3cret"), "{audit}");
}
