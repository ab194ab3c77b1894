//! A call that writes several rows writes all of them or none.

use aclite::{NewMessage, TaskPatch, TaskStatus};

use super::world::{bo, cy, everything, mark, note, store, told};
use crate::support::{ask, audit_after, last_seq, session, sql, task, verdict};

#[test]
fn create_many_creates_all_or_none() {
    let store = store();
    sql(&store, "UPDATE acl_rules SET audit = 'all' WHERE resource = 'message'");
    session(&store, "s2", "w", "bo");
    task(&store, "t2", "s2", "bo");
    let before = everything(&store);
    let many = |count: usize| (0..count).map(|n| note("s").id(format!("n{n:04}")));
    let with = |odd: NewMessage| many(3).chain([odd]).chain([note("s").id("last")]).collect::<Vec<_>>();
    for (what, messages, code) in [
        ("more than 1000", many(1001).collect(), "invalid"),
        ("two sessions", with(note("s2").id("odd")), "invalid"),
        ("one id twice", with(note("s").id("n0001")), "conflict"),
        ("an id that is taken", with(note("s").id("m")), "conflict"),
        ("a foreign task", with(note("s").id("odd").task_id(aclite::TaskId::from("none"))), "invalid"),
        ("a task of another session", with(note("s").id("odd").task_id(aclite::TaskId::from("t2"))), "invalid"),
        ("no session", vec![note("none")], "not_found"),
        ("a bad id", with(note("s").id("")), "invalid"),
    ] {
        let seq = last_seq(&store);
        let outcome = store.write(&bo(), |tx| tx.messages().create_many(messages.clone()));
        assert_eq!(verdict(&outcome), code, "{what}: {outcome:?}");
        assert_eq!(everything(&store), before, "{what}, passed on");
        // Swallowed, and something else done.
        store
            .write(&bo(), |tx| {
                let _ = tx.messages().create_many(messages);
                Ok(())
            })
            .unwrap();
        assert_eq!(everything(&store), before, "{what}, swallowed");
        let rows = audit_after(&store, seq);
        assert!(rows.iter().all(|row| !row.is_allowed()), "{what}: {rows:?}");
    }
    let made = store.write(&bo(), |tx| tx.messages().create_many(many(1000))).unwrap();
    assert_eq!(made.len(), 1000);
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM messages WHERE session_id = 's'"), 1001, "with `m`");
    let indexes: Vec<i64> = made.iter().map(|message| message.index).collect();
    assert_eq!(indexes, (indexes[0]..indexes[0] + 1000).collect::<Vec<_>>(), "each after the one before");
    assert!(store.write(&bo(), |tx| tx.messages().create_many([])).unwrap().is_empty());
}

/// A task that ended while its session went on waiting for it: the daemon wrote them one after the other.
#[test]
fn finish_ends_the_task_and_its_session_or_neither() {
    let store = store();
    // `cy` may patch the task and not its session.
    sql(&store, "UPDATE worktrees SET others_can = 'prompt'");
    sql(&store, "UPDATE acl_rules SET needs = 'owner' WHERE resource = 'session' AND operation = 'report'");
    let (before, seq) = (everything(&store), last_seq(&store));
    let done = || TaskPatch::new().status(TaskStatus::Completed).set("report", "done");
    assert_eq!(verdict(&store.write(&cy(), |tx| tx.tasks().finish("t", done()))), "denied");
    assert_eq!(everything(&store), before);
    store
        .write(&cy(), |tx| {
            let _ = tx.tasks().finish("t", done());
            Ok(())
        })
        .unwrap();
    assert_eq!(everything(&store), before, "swallowed");
    assert_eq!(told(&store, seq), ["report session s: denied"; 2]);
    // What else the closure did stays.
    let seq = last_seq(&store);
    store
        .write(&cy(), |tx| {
            tx.tasks().patch("u", mark(1))?;
            assert_eq!(verdict(&tx.tasks().finish("t", done())), "denied");
            tx.tasks().patch("u", mark(2)).map(drop)
        })
        .unwrap();
    let mut rows = told(&store, seq);
    rows.sort();
    assert_eq!(rows, ["patch task u: allowed", "patch task u: allowed", "report session s: denied"]);
    assert_eq!(ask::<String>(&store, "SELECT status FROM tasks WHERE task_id = 't'"), "created");
    let finished = store.write(&bo(), |tx| tx.tasks().finish("t", done())).unwrap();
    assert!(finished.task.completed_at.is_some());
    assert!(store.read(&bo(), |tx| tx.sessions().get("s")).unwrap().ready_for_prompt);
}
