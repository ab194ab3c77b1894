//! All of it or nothing: what a refusal, a miss, an error, a panic, a locked or a damaged file leave behind.
//!
//! The original hook swallowed the errors of its own look-ups: a run that could not be checked
//! failed with "session_id not found", and nobody learned why. Here a refusal leaves one audit row
//! and no other change, and a failure of the database is called one: never a denial, never "not
//! found", never success.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use aclite::{
    Actor, Adoption, Error, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage, NewTask, OpenOptions,
    Result, SessionPatch, Sharing, Store, TaskPatch, TaskQuery, TaskStatus, WorktreePatch,
};
use rusqlite::Connection;

use crate::support::race::{self, Gate, Stage, job};
use crate::support::{
    self, ask, audit_after, last_seq, message, session, sql, system, task, verdict, worktree, world, world_at,
};

/// `bo` owns `w` with the session `s`, tasks `t` and `u`, message `m`; others, such as `cy`, hold `view`.
fn fill(store: &Store) {
    worktree(store, "w", "bo", Sharing::View);
    session(store, "s", "w", "bo");
    task(store, "t", "s", "bo");
    task(store, "u", "s", "bo");
    message(store, "m", "s", Some("t"));
}

fn store() -> Store {
    let store = world();
    fill(&store);
    store
}

fn bo() -> Actor {
    Actor::user("bo")
}

fn cy() -> Actor {
    Actor::user("cy")
}

fn mark(value: i64) -> TaskPatch {
    TaskPatch::new().set("mark", value)
}

fn note(session: &str) -> NewMessage {
    NewMessage::new(session, MessageType::User, MessageRole::User, "hello")
}

/// A text of everything but the audit.
fn everything(store: &Store) -> String {
    ask(
        store,
        "SELECT group_concat(line, char(10)) FROM (
           SELECT quote(worktree_id) || quote(others_can) || quote(name) || quote(updated_at) AS line FROM worktrees
           UNION ALL SELECT quote(session_id) || quote(status) || quote(ready_for_prompt) || quote(data) || quote(updated_at) FROM sessions
           UNION ALL SELECT quote(task_id) || quote(status) || quote(completed_at) || quote(data) FROM tasks
           UNION ALL SELECT quote(message_id) || quote(task_id) || quote(data) FROM messages
           UNION ALL SELECT quote(worktree_id) || quote(user_id) FROM worktree_owners
           UNION ALL SELECT quote(user_id) || quote(role) FROM users
           UNION ALL SELECT quote(epoch) FROM acl_epoch)",
    )
}

/// The audit after `seq`, as `OPERATION RESOURCE RECORD: VERDICT`.
fn told(store: &Store, seq: i64) -> Vec<String> {
    let rows = audit_after(store, seq).into_iter();
    rows.map(|row| format!("{} {} {}: {}", row.operation, row.resource, row.record, row.verdict)).collect()
}

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

// ---- closures -----------------------------------------------------------------------------------

/// An error type of the embedder's.
#[derive(Debug)]
struct Mine(String);

impl From<Error> for Mine {
    fn from(error: Error) -> Self {
        Self(error.code().to_owned())
    }
}

#[test]
fn an_error_or_a_panic_in_a_closure_undoes_it_and_leaves_the_store_usable() {
    let store = store();
    let (before, seq) = (everything(&store), last_seq(&store));
    let outcome = store.try_write(&bo(), |tx| {
        tx.tasks().patch("t", mark(1))?;
        tx.sessions().remove("s")?;
        Err::<(), _>(Mine("changed my mind".to_owned()))
    });
    assert_eq!(outcome.unwrap_err().0, "changed my mind");
    assert_eq!((everything(&store), told(&store, seq)), (before.clone(), vec![]));

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.write(&bo(), |tx| -> Result<()> {
            tx.tasks().patch("t", mark(1))?;
            assert!(tx.tasks().patch("none", mark(1)).is_err());
            panic!("in the middle of it")
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"in the middle of it"));
    assert_eq!((everything(&store), told(&store, seq)), (before.clone(), vec!["patch task none: missing".to_owned()]));

    // In the middle of a statement of its own, and of a read.
    for _ in 0..3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.write(&bo(), |tx| {
                tx.sql().query(
                    "UPDATE tasks SET data = '{\"mark\":1}' RETURNING task_id",
                    [],
                    |_| -> rusqlite::Result<()> { panic!("in the middle of a statement") },
                )
            })
        }));
        assert!(panicked.is_err());
        let panicked = catch_unwind(AssertUnwindSafe(|| store.read(&bo(), |_| -> Result<()> { panic!("in a read") })));
        assert!(panicked.is_err());
    }
    assert_eq!(everything(&store), before);
    // Nobody's rights are left over: whoever comes next is himself.
    assert_eq!(verdict(&store.write(&cy(), |tx| tx.tasks().patch("t", mark(1)))), "denied");
    assert_eq!(verdict(&store.write(&Actor::Anonymous, |tx| tx.tasks().patch("t", mark(1)))), "not_authenticated");
    assert_eq!(verdict(&store.write(&bo(), |tx| tx.tasks().patch("t", mark(1)))), "ok");
    // Nor is the way in for SQL of others left open to secrets.
    let secret =
        store.write(&cy(), |tx| tx.sql().query_row("SELECT password FROM users", [], |row| row.get::<_, String>(0)));
    assert_eq!(verdict(&secret), "invalid");
}

#[test]
fn a_store_called_from_inside_its_own_closure_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for store in [world(), world_at(&dir.path().join("file"))] {
        fill(&store);
        let clone = store.clone();
        let nested = || {
            [
                verdict(&clone.write(&bo(), |tx| tx.tasks().patch("t", mark(1)).map(drop))),
                verdict(&clone.read(&bo(), |tx| tx.tasks().get("t").map(drop))),
                verdict(&clone.try_write(&bo(), |_| Ok::<(), Error>(()))),
                verdict(&clone.check()),
            ]
        };
        assert_eq!(store.write(&bo(), |_| Ok(nested())).unwrap(), ["nested"; 4]);
        assert_eq!(store.read(&bo(), |_| Ok(nested())).unwrap(), ["nested"; 4]);
        // The closure goes on, and another store is another matter.
        let other = world();
        store
            .write(&bo(), |tx| {
                assert_eq!(verdict(&store.read(&bo(), |tx| tx.tasks().get("t"))), "nested");
                other.write(&system(), |tx| tx.sql().execute("UPDATE users SET name = 'x'", []))?;
                other.read(&bo(), |_| Ok(()))?;
                assert_eq!(verdict(&store.read(&bo(), |tx| tx.tasks().get("t"))), "nested");
                tx.tasks().patch("t", mark(7)).map(drop)
            })
            .unwrap();
        assert_eq!(nested(), ["ok"; 4]);
    }
}

/// A repository call while a statement of the embedder's is still handing out rows is aclite's own
/// all the same, and takes nothing from the other.
#[test]
fn repositories_work_while_a_statement_hands_out_rows() {
    let store = store();
    let found = store
        .write(&bo(), |tx| {
            tx.sql().query("SELECT task_id FROM tasks ORDER BY task_id", [], |row| {
                let id: String = row.get(0)?;
                let session = tx.sessions().get("s");
                let patched = tx.tasks().patch(id.as_str(), mark(5));
                let finished = tx.tasks().finish(id.as_str(), TaskPatch::new().status(TaskStatus::Completed));
                let secret = tx.sql().execute("SELECT password FROM users", []);
                Ok((verdict(&session), verdict(&patched), verdict(&finished), verdict(&secret)))
            })
        })
        .unwrap();
    assert_eq!(found, [("ok", "ok", "ok", "invalid"); 2]);
}

// ---- locks --------------------------------------------------------------------------------------

/// Holds the write lock of a file until it is let go.
fn hold(job: &[String], gate: &mut dyn Gate) -> String {
    let conn = Connection::open(&job[0]).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    gate.stop("locked");
    conn.execute_batch("ROLLBACK").unwrap();
    "let go".to_owned()
}

/// In the other process: what holds the lock there. Here: nothing.
#[test]
fn other_process() {
    race::serve(hold);
}

#[test]
fn a_locked_file_is_busy_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mut stage) in
        [("threads", Stage::Threads(hold)), ("processes", Stage::processes(1, "undone::other_process"))]
    {
        let path = dir.path().join(name);
        let file = world_at(&path);
        fill(&file);
        let store = OpenOptions::new().busy_timeout(Duration::from_millis(30)).open(&path).unwrap();
        let (before, seq) = (everything(&file), last_seq(&file));
        let mut parties = stage.start(&[job(&[path.to_str().unwrap()])]);
        parties[0].run_to("locked");
        let mut ran = false;
        let outcome = store.write(&bo(), |tx| {
            ran = true;
            tx.tasks().patch("t", mark(1))
        });
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Busy(_)), "{error:?}");
        assert_eq!((error.code(), error.http_status(), error.public().code), ("busy", 503, "busy"));
        assert!(!ran, "the closure is not run for nothing");
        // Reading goes on.
        store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
        assert_eq!(parties[0].go_on(), "let go");
        drop(parties);
        assert_eq!((everything(&file), told(&file, seq)), (before, vec![]));
        store.write(&bo(), |tx| tx.tasks().patch("t", mark(1))).unwrap();
    }
}

/// Threads wait for one store's connection as processes do for the file.
#[test]
fn a_store_that_is_in_use_is_busy_to_its_other_threads() {
    let store = {
        let store = OpenOptions::new().busy_timeout(Duration::from_millis(30)).open(":memory:").unwrap();
        support::add_user(&store, "bo", "member");
        store
    };
    let outcome = store.write(&bo(), |_| {
        let elsewhere =
            |work: &(dyn Fn() -> &'static str + Sync)| std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        Ok([
            elsewhere(&|| verdict(&store.write(&bo(), |_| Ok(())))),
            elsewhere(&|| verdict(&store.read(&bo(), |_| Ok(())))),
            elsewhere(&|| verdict(&store.check())),
        ])
    });
    assert_eq!(outcome.unwrap(), ["busy"; 3]);
    assert_eq!(verdict(&store.write(&bo(), |_| Ok(()))), "ok");
}

/// Several readers at once, beside a writer, each on one snapshot: what was committed when it began to read.
#[test]
fn readers_see_what_is_committed_and_wait_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("file"));
    fill(&store);
    let marked = |tx: &aclite::ReadTx<'_>| Ok::<_, Error>(tx.tasks().get("t")?.data.get("mark").cloned());
    let (reading, committed) = (Barrier::new(5), Barrier::new(5));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                store
                    .read(&bo(), |tx| {
                        assert_eq!(marked(tx)?, None);
                        reading.wait();
                        committed.wait();
                        assert_eq!(marked(tx)?, None, "the same snapshot to the end");
                        assert_eq!(tx.messages().find(&MessageQuery::new().session("s"))?.items.len(), 1);
                        Ok(())
                    })
                    .unwrap();
                assert_eq!(store.read(&bo(), marked).unwrap(), Some(1.into()));
            });
        }
        store
            .write(&bo(), |tx| {
                reading.wait();
                tx.messages().remove("m")?;
                tx.tasks().patch("t", mark(1)).map(drop)
            })
            .unwrap();
        committed.wait();
    });
    // More of them than there are connections.
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(store.read(&bo(), marked).unwrap(), Some(1.into()));
                }
            });
        }
        for _ in 0..10 {
            store.write(&bo(), |tx| tx.tasks().patch("u", mark(2))).unwrap();
        }
    });
}

// ---- damage -------------------------------------------------------------------------------------

/// Changes a file's rows behind the guards' backs.
fn behind_the_guards(path: &Path, sql: &str) -> Store {
    Store::detach(path).unwrap();
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
    Adoption::new().run(path).unwrap();
    Store::open(path).unwrap()
}

/// Facts that can't be read give no verdict: the answer is that the database failed.
#[test]
fn facts_that_cannot_be_read_are_a_storage_error() {
    for (damage, who) in [
        ("UPDATE tasks SET status = CAST(status AS blob)", "bo"),
        ("UPDATE tasks SET status = status || char(0)", "bo"),
        ("UPDATE sessions SET worktree_id = CAST(worktree_id AS blob)", "bo"),
        ("UPDATE tasks SET data = CAST(data AS blob) WHERE task_id = 't'", "bo"),
        ("UPDATE tasks SET data = 'no JSON' WHERE task_id = 't'", "bo"),
        ("UPDATE tasks SET data = '[]' WHERE task_id = 't'", "bo"),
        ("UPDATE sessions SET worktree_id = 'w' || char(0)", "bo"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fill(&world_at(&path));
        let store = behind_the_guards(&path, &format!("PRAGMA foreign_keys = OFF; {damage}"));
        let seq = last_seq(&store);
        let patch = TaskPatch::new().status(TaskStatus::Running).set("mark", 1);
        let outcome = store.write(&Actor::user(who), |tx| tx.tasks().patch("t", patch.clone()));
        assert_eq!(verdict(&outcome), "storage", "{damage}: {outcome:?}");
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("`t`"), "it names the record: {error}");
        assert_eq!((error.http_status(), error.public().message.as_str()), (500, "the database failed"));
        assert_eq!(told(&store, seq), Vec::<String>::new(), "{damage}: a failure is no refusal");
    }
}

/// A damaged page, wherever the guard looks: never a denial, never "not found", never success.
#[test]
fn a_damaged_page_is_a_storage_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = world_at(&path);
    fill(&store);
    store.write(&system(), |tx| tx.worktrees().add_owner("w", "dee")).unwrap();
    let page_size: u64 = 4096;
    let pages: Vec<(String, u32)> = store
        .write(&system(), |tx| {
            tx.sql().query(
                "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 1 AND tbl_name IN
                   ('tasks', 'sessions', 'worktrees', 'worktree_owners', 'users', 'acl_rules', 'acl_audit', 'acl_epoch')",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
        .unwrap();
    drop(store);
    let mut failed = Vec::new();
    for (name, page) in pages {
        let damaged = dir.path().join("damaged");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(dir.path().join(format!("damaged{suffix}")));
        }
        std::fs::copy(&path, &damaged).unwrap();
        let mut file = std::fs::File::options().read(true).write(true).open(&damaged).unwrap();
        file.seek(SeekFrom::Start(u64::from(page - 1) * page_size)).unwrap();
        let mut first = [0];
        file.read_exact(&mut first).unwrap();
        assert!([2, 5, 10, 13].contains(&first[0]), "{name}: the root of a tree is there");
        file.seek(SeekFrom::Start(u64::from(page - 1) * page_size)).unwrap();
        file.write_all(&vec![0xff; page_size as usize]).unwrap();
        drop(file);
        let store = match Store::open(&damaged) {
            Ok(store) => store,
            // The check at opening reads this page.
            Err(error) => {
                assert!(matches!(error.code(), "storage" | "incompatible"), "{name}: {error}");
                continue;
            }
        };
        let done = store.write(&Actor::user("dee"), |tx| tx.tasks().patch("t", mark(1)));
        match &done {
            // A page that this write has no need of.
            Ok(_) => {}
            Err(Error::Storage(_)) => failed.push(name.clone()),
            other => panic!("{name}: {other:?}"),
        }
        // To whom it would be refused, it is not refused for that.
        let refused = store.write(&cy(), |tx| tx.tasks().patch("t", mark(1)));
        assert!(matches!(refused, Err(Error::Storage(_) | Error::Denied(_))), "{name}: {refused:?}");
        if done.is_err() && !name.starts_with("acl_audit") {
            assert!(!matches!(&refused, Err(Error::NotFound(_)) | Ok(_)), "{name}");
        }
    }
    for table in ["tasks", "sessions", "worktrees", "users", "acl_rules", "acl_audit"] {
        assert!(failed.iter().any(|name| name.contains(table)), "{table} is read by the guard: {failed:?}");
    }
}

/// One unreadable row is named, and takes no other with it.
#[test]
fn an_unreadable_row_harms_no_other_in_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fill(&world_at(&path));
    let store = behind_the_guards(
        &path,
        "UPDATE tasks SET data = '{broken' WHERE task_id = 't';
         INSERT INTO messages SELECT 'm2', created_at, session_id, task_id, type, role, 1, timestamp, content_preview,
           parent_tool_use_id, status, queue_position, '7' FROM messages WHERE message_id = 'm'",
    );
    let page = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new())).unwrap();
    assert_eq!(page.items.iter().map(|task| task.task_id.as_str()).collect::<Vec<_>>(), ["u"]);
    let [Error::Storage(problem)] = &page.unreadable[..] else { panic!("{:?}", page.unreadable) };
    assert!(problem.to_string().contains("task `t`"), "{problem}");
    let page = store.read(&bo(), |tx| tx.messages().find(&MessageQuery::new().session("s"))).unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (1, 1));
    assert!(page.unreadable[0].to_string().contains("`m2`"), "{}", page.unreadable[0]);

    let got = store.read(&bo(), |tx| tx.tasks().get("t"));
    assert!(matches!(&got, Err(Error::Storage(problem)) if problem.to_string().contains("task `t`")), "{got:?}");
    // To a stranger it is no more there than any other.
    sql(&store, "UPDATE worktrees SET others_can = 'none'");
    assert_eq!(verdict(&store.read(&cy(), |tx| tx.tasks().get("t"))), "hidden");
    assert_eq!(verdict(&store.write(&cy(), |tx| tx.tasks().patch("t", mark(1)))), "hidden");
    let page = store.read(&cy(), |tx| tx.tasks().find(&TaskQuery::new())).unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (0, 0));
    // It can be removed, and the others written.
    store.write(&bo(), |tx| tx.tasks().patch("u", mark(1))).unwrap();
    store.write(&bo(), |tx| tx.tasks().remove("t")).unwrap();
    assert!(store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new())).unwrap().unreadable.is_empty());
}

/// Damage is no way to learn of a record that one may not view.
#[test]
fn a_stranger_learns_nothing_from_a_damaged_row() {
    for damage in [
        "data = CAST(data AS blob)",
        "data = 'no JSON'",
        "data = '[]'",
        "data = '{}' || char(0)",
        "status = CAST(status AS blob)",
        "status = status || char(0)",
        "completed_at = 'soon'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fill(&world_at(&path));
        let store =
            behind_the_guards(&path, &format!("UPDATE tasks SET {damage}; UPDATE worktrees SET others_can = 'none'"));
        let told = |error: Error| error.public();
        let never_was = told(store.read(&cy(), |tx| tx.tasks().get("none")).unwrap_err()).message.replace("none", "t");
        let patch = || mark(1).status(TaskStatus::Completed);
        for outcome in [
            store.read(&cy(), |tx| tx.tasks().get("t")).map(drop),
            store.write(&cy(), |tx| tx.tasks().patch("t", patch())).map(drop),
            store.write(&cy(), |tx| tx.tasks().finish("t", patch())).map(drop),
            store.write(&cy(), |tx| tx.sql().execute("UPDATE tasks SET data = '{}' WHERE task_id = 't'", [])).map(drop),
            store.write(&cy(), |tx| tx.tasks().remove("t")),
        ] {
            assert_eq!(told(outcome.unwrap_err()).message, never_was, "{damage}");
        }
    }
}

/// What is too large only once it is merged is the caller's fault all the same, and no failure of the database.
#[test]
fn a_merge_beyond_16_mib_is_invalid() {
    let store = store();
    let half = "x".repeat(9 << 20);
    store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("a", half.as_str()))).unwrap();
    let outcome = store.write(&bo(), |tx| tx.tasks().patch("t", TaskPatch::new().set("b", half.as_str())));
    assert_eq!(verdict(&outcome), "invalid");
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks WHERE json_extract(data, '$.b') IS NOT NULL"), 0);
}

/// A row that is written and can't be read back is a failure to its caller. A closure that swallows
/// it and goes on keeps nothing: half of what it was told would be there.
#[test]
fn a_write_that_could_not_be_read_back_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    drop(store);
    Store::detach(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE tasks SET started_at = 'soon'").unwrap();
    Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let outcome = store.write(&bo(), |tx| {
        let torn = tx.tasks().patch("t", TaskPatch::new().set("model", "x"));
        assert_eq!(verdict(&torn), "storage");
        tx.sessions().patch("s", SessionPatch::new().archived(true))
    });
    assert_eq!(verdict(&outcome), "storage");
    assert_eq!(ask::<i64>(&store, "SELECT archived FROM sessions"), 0);
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks WHERE json_extract(data, '$.model') IS NOT NULL"), 0);
}

// ---- all or nothing -----------------------------------------------------------------------------

#[test]
fn create_many_creates_all_or_none() {
    let store = store();
    sql(&store, "UPDATE acl_rules SET audit = 'all' WHERE resource = 'message'");
    session(&store, "s2", "w", "bo");
    let before = everything(&store);
    let many = |count: usize| (0..count).map(|n| note("s").id(format!("n{n:04}")));
    let with = |odd: NewMessage| many(3).chain([odd]).chain([note("s").id("last")]).collect::<Vec<_>>();
    for (what, messages, code) in [
        ("more than 1000", many(1001).collect(), "invalid"),
        ("two sessions", with(note("s2").id("odd")), "invalid"),
        ("one id twice", with(note("s").id("n0001")), "conflict"),
        ("an id that is taken", with(note("s").id("m")), "conflict"),
        ("a foreign task", with(note("s").id("odd").task_id(aclite::TaskId::from("none"))), "invalid"),
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
        assert!(rows.iter().all(|row| row.verdict != "allowed"), "{what}: {rows:?}");
    }
    let made = store.write(&bo(), |tx| tx.messages().create_many(many(1000))).unwrap();
    assert_eq!(made.len(), 1000);
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
