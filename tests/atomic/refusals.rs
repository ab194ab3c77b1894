//! A refusal leaves one audit row and no other change.

use aclite::{
    Actor, Error, MessagePatch, NewTask, Result, SessionPatch, Sharing, Store, TaskPatch, TaskStatus, WorktreePatch,
};

use super::world::{bo, cy, everything, fill, mark, note, store, told};
use crate::support::{ask, audit_after, last_seq, system, verdict, world_at};

// ---- refusals and misses ------------------------------------------------------------------------

/// One write that is refused, each in its own words in the audit.
type Attempt = (&'static str, fn(&aclite::Tx<'_>) -> Result<()>);

const REFUSED: [Attempt; 12] = [
    ("patch task t: denied", |tx| tx.tasks().patch("t", mark(1)).map(drop)),
    ("remove task t: denied", |tx| tx.tasks().remove("t")),
    ("patch task t: denied", |tx| tx.tasks().finish("t", TaskPatch::new().status(TaskStatus::Failed)).map(drop)),
    ("create task n: denied", |tx| tx.tasks().create(NewTask::new("s").id("n")).map(drop)),
    ("create message n: denied", |tx| tx.messages().create(note("s").id("n")).map(drop)),
    ("create message n: denied", |tx| tx.messages().create_many([note("s").id("n"), note("s").id("o")]).map(drop)),
    ("patch message m: denied", |tx| tx.messages().patch("m", MessagePatch::new().set("mark", 1)).map(drop)),
    ("report session s: denied", |tx| tx.sessions().patch("s", SessionPatch::new().archived(true)).map(drop)),
    ("remove session s: denied", |tx| tx.sessions().remove("s")),
    ("share worktree w: denied", |tx| {
        tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::All)).map(drop)
    }),
    ("create owner w/cy: denied", |tx| tx.worktrees().add_owner("w", "cy").map(drop)),
    ("patch task none: missing", |tx| tx.tasks().patch("none", mark(1)).map(drop)),
];

/// Whether the closure passes the refusal on or goes on as if nothing were, the audit gets one row.
#[test]
fn a_refusal_leaves_one_audit_row_and_no_other_change() {
    let store = store();
    let before = everything(&store);
    for (expected, attempt) in REFUSED {
        let seq = last_seq(&store);
        let outcome = store.write(&cy(), attempt);
        assert!(matches!(outcome, Err(Error::Denied(_) | Error::NotFound(_))), "{expected}: {outcome:?}");
        assert_eq!(told(&store, seq), [expected], "passed on");

        let seq = last_seq(&store);
        store
            .write(&cy(), |tx| {
                let _ = attempt(tx);
                Ok(())
            })
            .unwrap();
        assert_eq!(told(&store, seq), [expected], "swallowed");
        assert_eq!(everything(&store), before, "{expected}");
    }
}

#[test]
fn a_swallowed_refusal_spoils_nothing_around_it() {
    let store = store();
    let seq = last_seq(&store);
    store
        .write(&bo(), |tx| {
            tx.tasks().patch("t", mark(1))?;
            assert_eq!(verdict(&tx.tasks().patch("none", mark(1))), "not_found");
            assert_eq!(
                verdict(&tx.tasks().patch("u", TaskPatch::from_json(serde_json::json!({"session_id": "x"}))?)),
                "immutable"
            );
            tx.tasks().patch("u", mark(2)).map(drop)
        })
        .unwrap();
    let mut found = told(&store, seq);
    found.sort();
    assert_eq!(
        found,
        ["patch task none: missing", "patch task t: allowed", "patch task u: allowed", "patch task u: denied"]
    );
    assert_eq!(ask::<i64>(&store, "SELECT sum(json_extract(data, '$.mark')) FROM tasks"), 3);
}

/// What was allowed and then rolled back was never done: its audit rows vanish, the refusal's stays.
#[test]
fn what_is_rolled_back_leaves_only_its_refusals() {
    let store = store();
    let (before, seq) = (everything(&store), last_seq(&store));
    let outcome = store.write(&bo(), |tx| {
        tx.tasks().patch("t", mark(1))?;
        tx.messages().remove("m")?;
        tx.worktrees().add_owner("w", "dee")?;
        assert_eq!(verdict(&tx.tasks().remove("none")), "not_found");
        tx.tasks().patch("u", TaskPatch::from_json(serde_json::json!({"created_by": "cy"}))?).map(drop)
    });
    assert_eq!(verdict(&outcome), "immutable");
    assert_eq!(everything(&store), before);
    assert_eq!(told(&store, seq), ["remove task none: missing", "patch task u: denied"]);
}

#[test]
fn misses_and_strangers_with_no_name_are_audited() {
    let store = store();
    for (actor, attempt, code, expected) in [
        (bo(), "task", "not_found", "remove task none: missing"),
        (bo(), "session", "not_found", "remove session none: missing"),
        (bo(), "message", "not_found", "remove message none: missing"),
        (bo(), "worktree", "not_found", "remove worktree none: missing"),
        (system(), "task", "not_found", "remove task none: missing"),
        (Actor::Anonymous, "task", "not_authenticated", "remove task none: denied"),
    ] {
        let seq = last_seq(&store);
        let outcome = store.write(&actor, |tx| match attempt {
            "task" => tx.tasks().remove("none"),
            "session" => tx.sessions().remove("none"),
            "message" => tx.messages().remove("none"),
            _ => tx.worktrees().remove("none"),
        });
        assert_eq!(verdict(&outcome), code);
        assert_eq!(told(&store, seq), [expected]);
    }
}

/// Between a look and a write the record can go: the answer is the same as if it had never been.
#[test]
fn what_another_store_deleted_is_not_found_and_not_resurrected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let (one, other) = (world_at(&path), Store::open(&path).unwrap());
    fill(&one);
    other.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
    one.write(&bo(), |tx| tx.tasks().remove("t")).unwrap();
    for attempt in
        [
            verdict(&other.write(&bo(), |tx| tx.tasks().patch("t", mark(1)))),
            verdict(&other.write(&bo(), |tx| tx.tasks().finish("t", TaskPatch::new().status(TaskStatus::Completed)))),
            verdict(&other.write(&bo(), |tx| tx.tasks().remove("t"))),
            verdict(&other.write(&Actor::executor("bo", "s", "t"), |tx| {
                tx.tasks().patch("t", TaskPatch::new().set("model", "x"))
            })),
            verdict(&other.read(&bo(), |tx| tx.tasks().get("t"))),
        ]
    {
        assert_eq!(attempt, "not_found");
    }
    assert_eq!(ask::<i64>(&one, "SELECT count(*) FROM tasks WHERE task_id = 't'"), 0);
    let missing = audit_after(&one, 0).into_iter().filter(|row| row.verdict == "missing").count();
    assert_eq!(missing, 4);
}

// ---- all or nothing -----------------------------------------------------------------------------

/// Refusals whose transaction was lost are written by the next one, or when the store is closed.
#[test]
fn refusals_of_a_lost_transaction_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = world_at(&path);
    fill(&store);
    // It passes the guard; the table's own NOT NULL ends the transaction.
    let lose = |store: &Store, id: &str| {
        let outcome = store.write(&bo(), |tx| {
            tx.tasks().patch("t", mark(1))?;
            assert_eq!(verdict(&tx.tasks().patch(id, mark(1))), "not_found");
            let _ = tx.sql().execute(
                "INSERT OR ROLLBACK INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
                 VALUES ('x', 's', acl_now(), 'user', 'user', 1, NULL, '{}')",
                [],
            );
            Ok(())
        });
        assert_eq!(verdict(&outcome), "storage");
    };
    let seq = last_seq(&store);
    lose(&store, "none-1");
    assert_eq!(told(&store, seq), Vec::<String>::new());
    store.write(&bo(), |tx| tx.tasks().patch("u", mark(1))).unwrap();
    let mut rows = told(&store, seq);
    rows.sort();
    assert_eq!(rows, ["patch task none-1: missing", "patch task u: allowed"]);

    lose(&store, "none-2");
    let seq = last_seq(&store);
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(told(&store, seq), ["patch task none-2: missing"]);
}
