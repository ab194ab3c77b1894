//! A task ends once: the first ending and its time stay, and a report that comes later is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[path = "../support/mod.rs"]
mod support;

use aclite::{Actor, EndingOutcome, NewTask, Sharing, TaskPatch, TaskStatus, Time};
use serde_json::{Value, json};
use support::office::{bo, check, check_told, executor, office};
use support::{ask, attempt, places, sql, system, verdict, world};

#[test]
fn the_first_ending_wins_and_no_report_is_lost() {
    let service = || Actor::service("scheduler");
    #[rustfmt::skip]
    let endings = [
        // stored      reports            then        told         stays       ended
        ("running",   bo(),       "stopped",   "ok",       "stopped",   "first"),
        ("running",   executor(), "completed", "ok",       "completed", "first"),
        ("running",   system(),   "stopped",   "ok",       "stopped",   "first"),
        ("stopped",   bo(),       "completed", "conflict", "stopped",   ""),
        ("stopped",   bo(),       "running",   "conflict", "stopped",   ""),
        ("completed", bo(),       "stopped",   "conflict", "completed", ""),
        ("failed",    bo(),       "failed",    "ok",       "failed",    "no"),
        ("stopped",   executor(), "completed", "ok",       "stopped",   "already"),
        ("stopped",   executor(), "running",   "ok",       "stopped",   "already"),
        ("completed", executor(), "failed",    "ok",       "completed", "already"),
        ("completed", executor(), "completed", "ok",       "completed", "already"),
        ("completed", system(),   "stopped",   "ok",       "completed", "already"),
        ("completed", service(),  "stopped",   "ok",       "completed", "already"),
        ("failed",    system(),   "stopping",  "ok",       "failed",    "already"),
    ];
    for (stored, actor, status, told, stays, ended) in endings {
        let store = office();
        let over = !matches!(stored, "running");
        let completed_at = if over { "5000" } else { "NULL" };
        sql(
            &store,
            &format!("UPDATE tasks SET status = '{stored}', completed_at = {completed_at} WHERE task_id = 't'"),
        );
        let what = format!("{stored}, then {status} by {actor:?}");
        let patch = json!({"status": status, "git_state": {"sha_at_end": "abc"}, "message_range": {"end_index": 3}});
        let outcome = store.write(&actor, |tx| tx.tasks().patch("t", TaskPatch::from_json(patch)?));
        check(&outcome, told, &what);
        let task = store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
        assert_eq!(task.status.as_str(), stays, "{what}");
        assert_eq!(task.completed_at.is_some(), task.status.is_final(), "{what}");
        assert!(!over || task.completed_at == Some(Time::from_millis(5000)), "{what}: the time of the ending stays");
        match outcome {
            Ok(patched) => {
                assert_eq!(patched.task, task, "{what}");
                assert_eq!(task.data().unwrap()["git_state"]["sha_at_end"], "abc", "{what}: no report is lost");
                assert_eq!(task.data().unwrap()["message_range"]["end_index"], 3, "{what}");
                let became = match patched.ended {
                    EndingOutcome::First => "first",
                    EndingOutcome::No => "no",
                    EndingOutcome::AlreadyEnded(status) => {
                        assert_eq!(status.as_str(), stays, "{what}");
                        "already"
                    }
                };
                assert_eq!(became, ended, "{what}");
            }
            Err(error) => {
                assert_eq!(error.to_string(), format!("task `t` has ended as `{stored}`"), "{what}");
                assert!(task.data().unwrap().get("git_state").is_none(), "{what}: a conflict writes nothing");
            }
        }
    }
}

#[test]
fn a_user_may_still_add_to_a_task_that_has_ended() {
    let store = office();
    sql(&store, "UPDATE tasks SET status = 'stopped', completed_at = 5 WHERE task_id = 't'");
    let patch = store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("report", "by hand")));
    assert_eq!(patch.unwrap().ended, EndingOutcome::No);
    for (actor, told) in [(bo(), "conflict"), (executor(), "ok"), (system(), "ok")] {
        let raw = attempt(&store, &actor, |tx| {
            tx.sql().execute("UPDATE tasks SET status = 'completed' WHERE task_id = 't'", [])
        });
        check(&raw, told, &format!("{actor:?}"));
        assert_eq!(ask::<String>(&store, "SELECT status || completed_at FROM tasks WHERE task_id = 't'"), "stopped5");
    }
}

#[test]
fn the_first_ending_has_a_time_its_own_or_now() {
    let store = office();
    let ended = |patch: Value| attempt(&store, &executor(), |tx| tx.tasks().patch("t", TaskPatch::from_json(patch)?));
    // By a clock that is a little behind.
    let time = Time::from_millis(Time::now().as_millis() - 10_000);
    let given = ended(json!({"status": "completed", "completed_at": time.to_string()})).unwrap().task;
    assert_eq!(given.completed_at, Some(time));
    for patch in [json!({"status": "failed"}), json!({"status": "failed", "completed_at": null})] {
        let before = Time::now();
        let stamped = ended(patch).unwrap().task.completed_at.unwrap();
        assert!(before <= stamped && stamped <= Time::now());
    }
    // One that is created as ended has one too.
    let born = attempt(&store, &bo(), |tx| tx.tasks().create(NewTask::new("s").status(TaskStatus::Failed))).unwrap();
    assert!(born.completed_at.is_some());
    let raw =
        attempt(&store, &bo(), |tx| tx.sql().execute("UPDATE tasks SET completed_at = 'soon' WHERE task_id = 't'", []));
    check_told(&raw, "invalid", "`completed_at` must be an integer");
}

#[test]
fn finish_ends_the_task_and_frees_its_session_or_does_neither() {
    let store = office();
    sql(&store, "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
    let state = || -> (String, String) {
        let state: String =
            ask(&store, "SELECT s.status || ' ' || s.ready_for_prompt FROM sessions AS s WHERE s.session_id = 's'");
        (ask(&store, "SELECT status FROM tasks WHERE task_id = 't'"), state)
    };
    // An executor that may patch its task by a rule of the operator's, but not the session.
    sql(
        &store,
        "UPDATE acl_rules SET needs = 'system', needs_if_own = NULL WHERE resource = 'session' AND operation = 'report'",
    );
    let finish = || store.write(&executor(), |tx| tx.tasks().finish("t", TaskPatch::new().status("completed")));
    check(&finish(), "denied", "the session's part is refused");
    assert_eq!(state(), ("running".to_owned(), "running 0".to_owned()));
    // Nor does anything stay where the closure swallows the error.
    let swallowed = store.write(&executor(), |tx| {
        let _ = tx.tasks().finish("t", TaskPatch::new().status("completed"));
        Ok(())
    });
    check(&swallowed, "ok", "the closure itself");
    assert_eq!(state(), ("running".to_owned(), "running 0".to_owned()));
    sql(&store, "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'session' AND operation = 'report'");
    assert_eq!(finish().unwrap().ended, EndingOutcome::First);
    assert_eq!(state(), ("completed".to_owned(), "idle 1".to_owned()));
    sql(&store, "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
    assert_eq!(finish().unwrap().ended, EndingOutcome::AlreadyEnded(TaskStatus::Completed));
    assert_eq!(state(), ("completed".to_owned(), "running 0".to_owned()), "a late ending leaves the session alone");
}

// ---- data ---------------------------------------------------------------------------------------

/// Status and time are one ending: neither changes afterwards.
#[test]
fn the_time_of_an_ending_stays_too() {
    let store = office();
    let bo = bo();
    let ended = store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().status(TaskStatus::Completed))).unwrap();
    for time in [Some(Time::from_millis(5)), None] {
        let later = store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().completed_at(time)));
        assert_eq!(verdict(&later), "conflict", "{time:?}");
        let late = store.write(&system(), |tx| tx.tasks().patch("t", TaskPatch::new().completed_at(time))).unwrap();
        assert_eq!(late.task.completed_at, ended.task.completed_at, "{time:?}");
    }
    let raw = store.write(&system(), |tx| {
        tx.sql().execute("UPDATE tasks SET completed_at = NULL WHERE task_id = 't'", [])?;
        tx.tasks().get("t")
    });
    assert_eq!(raw.unwrap().completed_at, ended.task.completed_at);
}

/// The time of an ending is part of it: an executor's SQL may no more change it than its report may.
#[test]
fn the_time_of_an_ending_stays_at_the_other_door_too() {
    let store = world();
    places(&store, Sharing::Prompt);
    sql(&store, "UPDATE tasks SET status = 'stopped', completed_at = 5000 WHERE task_id = 't-w'");
    for time in ["9", "NULL"] {
        for (actor, told) in
            [(Actor::executor("bo", "s-w", "t-w"), "ok"), (system(), "ok"), (Actor::user("bo"), "conflict")]
        {
            let moved = store.write(&actor, |tx| {
                tx.sql().execute(&format!("UPDATE tasks SET completed_at = {time} WHERE task_id = 't-w'"), [])
            });
            assert_eq!(verdict(&moved), told, "{actor:?}: {moved:?}");
            assert_eq!(ask::<i64>(&store, "SELECT completed_at FROM tasks WHERE task_id = 't-w'"), 5000);
        }
    }
}
