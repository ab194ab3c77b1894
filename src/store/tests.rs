//! What no public call can reach: foreign keys switched off, the statements that SQLite runs, the
//! memory of a connection.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::*;
use crate::record::{AgenticTool, NewMessage, NewSession, NewTask, NewWorktree, Sharing, TaskPatch, TaskStatus};
use crate::record::{MessageRole, MessageType};

/// `bo` owns `w` with the session `s`, its task `t` and message `m`; `cy` is a stranger there, and
/// has the fork `f` of `s` in a worktree `v` of his own.
fn store(path: &Path) -> Store {
    let store = OpenOptions::new().durability(Durability::Normal).open(path).unwrap();
    let daemon = Actor::system("test");
    store
        .write(&daemon, |tx| {
            for user in ["bo", "cy"] {
                let sql = "INSERT INTO users (user_id, created_at, email, password, role, data)
                    VALUES (?1, acl_now(), ?1, 'hash', 'member', '{}')";
                tx.sql().execute(sql, [user])?;
            }
            tx.sql().execute(
                "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', acl_now(), 'r', '{}')",
                [],
            )?;
            for (id, owner) in [("w", "bo"), ("v", "cy")] {
                tx.worktrees().create(
                    NewWorktree::new("r").name(id).git_ref("main").id(id).created_by(owner).others_can(Sharing::None),
                )?;
            }
            tx.sessions().create(NewSession::new("w", AgenticTool::Codex).id("s").created_by("bo"))?;
            tx.tasks().create(NewTask::new("s").id("t").created_by("bo"))?;
            let message = NewMessage::new("s", MessageType::User, MessageRole::User, "hello").id("m");
            tx.messages().create(message.task_id(crate::record::TaskId::from("t")))
        })
        .unwrap();
    store
        .write(&daemon, |tx| {
            tx.sql().execute("UPDATE worktrees SET others_can = 'view' WHERE worktree_id = 'w'", [])?;
            let fork = NewSession::new("v", AgenticTool::Codex).id("f").created_by("cy");
            tx.sessions().create(fork.forked_from_session_id(crate::record::SessionId::from("s")))?;
            tx.sql().execute("UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w'", [])
        })
        .unwrap();
    store
}

fn memory() -> Store {
    store(Path::new(":memory:"))
}

/// Does something to the writing connection itself, which no caller can.
fn writer<T>(store: &Store, work: impl FnOnce(&Conn) -> T) -> T {
    work(&store.inner.writer.take(Instant::now(), Duration::from_secs(5)).unwrap())
}

fn foreign_keys(store: &Store, on: bool) {
    writer(store, |conn| conn.raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, on)).unwrap();
}

/// A text of all rows but the audit's.
fn everything(store: &Store) -> String {
    let dump = "SELECT group_concat(line, char(10)) FROM (
        SELECT 'w ' || quote(worktree_id) || quote(board_id) || quote(data) AS line FROM worktrees
        UNION ALL SELECT 's ' || quote(session_id) || quote(forked_from_session_id) || quote(data) FROM sessions
        UNION ALL SELECT 't ' || quote(task_id) || quote(status) || quote(data) FROM tasks
        UNION ALL SELECT 'm ' || quote(message_id) || quote(task_id) || quote(data) FROM messages
        UNION ALL SELECT 'o ' || quote(worktree_id) || quote(user_id) FROM worktree_owners
        UNION ALL SELECT 'u ' || quote(user_id) || quote(role) FROM users)";
    writer(store, |conn| conn.raw.query_row(dump, [], |row| row.get(0))).unwrap()
}

const STATEMENTS: [&str; 14] = [
    "UPDATE tasks SET data = '{\"a\":1}' WHERE task_id = 't'",
    "UPDATE messages SET task_id = NULL WHERE message_id = 'm'",
    "UPDATE sessions SET forked_from_session_id = NULL WHERE session_id = 'f'",
    "UPDATE sessions SET archived = 1",
    "UPDATE worktrees SET name = 'x'",
    "UPDATE users SET name = 'x' WHERE user_id = 'bo'",
    "DELETE FROM messages WHERE message_id = 'm'",
    "DELETE FROM tasks WHERE task_id = 't'",
    "DELETE FROM sessions WHERE session_id = 's'",
    "DELETE FROM worktrees WHERE worktree_id = 'w'",
    "DELETE FROM repos",
    "DELETE FROM users WHERE user_id = 'cy'",
    "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('n', 's', acl_now(), 'created', 'bo', '{}')",
    "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', 'n', '{}')",
];

/// With foreign keys off a deleted session leaves its tasks behind, and a new session of that id takes them over.
#[test]
fn without_foreign_keys_nothing_is_written() {
    let store = memory();
    let before = everything(&store);
    foreign_keys(&store, false);
    for actor in [Actor::user("bo"), Actor::user("cy"), Actor::system("test"), Actor::service("test")] {
        for statement in STATEMENTS {
            let outcome = store.write(&actor, |tx| tx.sql().execute(statement, []));
            let Err(Error::Storage(problem)) = outcome else { panic!("{actor:?}: {statement}: {outcome:?}") };
            assert!(problem.to_string().contains("foreign_keys"), "{problem}");
        }
        let patched = store.write(&actor, |tx| tx.tasks().patch("t", TaskPatch::new().set("a", 1)));
        assert!(matches!(patched, Err(Error::Storage(_))), "{patched:?}");
        assert!(matches!(store.write(&actor, |tx| tx.sessions().remove("s")), Err(Error::Storage(_))));
    }
    assert_eq!(everything(&store), before);
    foreign_keys(&store, true);
    store.write(&Actor::user("bo"), |tx| tx.sessions().remove("s")).unwrap();
}

/// With the parent gone, deleting a child and setting its reference to NULL look exactly as the cascade does.
#[test]
fn an_orphan_gives_nobody_the_cascades_pass() {
    let store = memory();
    foreign_keys(&store, false);
    writer(&store, |conn| {
        crate::guard::remove(&conn.raw)?;
        conn.raw
            .execute_batch("DELETE FROM sessions WHERE session_id = 's'")
            .map_err(|error| Error::storage("", error))?;
        crate::guard::install(&conn.raw)
    })
    .unwrap();
    let before = everything(&store);
    let like_a_cascade = [
        "DELETE FROM tasks WHERE task_id = 't'",
        "DELETE FROM messages WHERE message_id = 'm'",
        "UPDATE messages SET task_id = NULL WHERE message_id = 'm'",
        "UPDATE sessions SET forked_from_session_id = NULL WHERE session_id = 'f'",
    ];
    for actor in [Actor::user("bo"), Actor::user("cy"), Actor::system("test")] {
        for statement in like_a_cascade {
            let outcome = store.write(&actor, |tx| tx.sql().execute(statement, []));
            assert!(matches!(outcome, Err(Error::Storage(_))), "{actor:?}: {statement}: {outcome:?}");
        }
    }
    foreign_keys(&store, true);
    for statement in like_a_cascade {
        let outcome = store.write(&Actor::user("bo"), |tx| tx.sql().execute(statement, []));
        assert!(matches!(outcome, Err(Error::Storage(_) | Error::Denied(_))), "{statement}: {outcome:?}");
    }
    assert_eq!(everything(&store), before);
}

thread_local! {
    static RAN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The statements that SQLite ran, without those of triggers.
fn traced<T>(store: &Store, work: impl FnOnce() -> T) -> (T, Vec<String>) {
    fn note(event: TraceEvent<'_>) {
        if let TraceEvent::Stmt(_, sql) = event
            && !sql.starts_with("--")
        {
            // What a foreign key does is told under the name of the deletion that it serves.
            RAN.with_borrow_mut(|ran| {
                if !sql.starts_with("DELETE") || ran.last().is_none_or(|last| last != sql) {
                    ran.push(sql.to_owned());
                }
            });
        }
    }
    RAN.with_borrow_mut(Vec::clear);
    writer(store, |conn| conn.raw.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)));
    let value = work();
    writer(store, |conn| conn.raw.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, None));
    (value, RAN.with_borrow_mut(std::mem::take))
}

/// Look-up, verdict, merge, write, read-back and audit: five statements once, with a gap after each.
#[test]
fn a_write_is_one_statement_between_begin_and_commit() {
    let store = memory();
    let bo = Actor::user("bo");
    let executor = Actor::executor("bo", "s", "t");
    let patch = || TaskPatch::new().set("a", 1).status(TaskStatus::Running);
    let note = || NewMessage::new("s", MessageType::User, MessageRole::User, "x");
    let title = crate::record::SessionPatch::new().set("title", "x");
    type Write<'a> = (&'a str, &'a Actor, Box<dyn FnOnce(&Tx<'_>) -> Result<()>>);
    let writes: Vec<Write<'_>> = vec![
        ("UPDATE main.tasks", &bo, Box::new(move |tx| tx.tasks().patch("t", patch()).map(drop))),
        (
            "UPDATE main.tasks",
            &executor,
            Box::new(move |tx| tx.tasks().patch("t", TaskPatch::new().set("model", "x")).map(drop)),
        ),
        ("UPDATE main.sessions", &bo, Box::new(move |tx| tx.sessions().patch("s", title).map(drop))),
        ("INSERT INTO main.messages", &bo, Box::new(move |tx| tx.messages().create(note()).map(drop))),
        ("INSERT INTO main.tasks", &bo, Box::new(|tx| tx.tasks().create(NewTask::new("s")).map(drop))),
        ("DELETE FROM main.messages", &bo, Box::new(|tx| tx.messages().remove("m"))),
        ("DELETE FROM main.worktrees", &bo, Box::new(|tx| tx.worktrees().remove("w"))),
    ];
    for (statement, actor, write) in writes {
        let (done, ran) = traced(&store, || store.write(actor, write));
        done.unwrap();
        assert_eq!(ran.len(), 4, "{ran:#?}");
        let around = [ran[0].as_str(), ran[1].as_str(), ran[3].as_str()];
        assert_eq!(around, ["BEGIN IMMEDIATE", "PRAGMA main.schema_version", "COMMIT"]);
        assert!(ran[2].starts_with(statement), "{ran:#?}");
    }
}

/// A refusal costs one more statement, its audit row, in the transaction that it already has.
#[test]
fn a_refusal_never_gives_up_the_lock_before_it_is_audited() {
    let store = memory();
    for id in ["t", "none"] {
        let (done, ran) =
            traced(&store, || store.write(&Actor::user("cy"), |tx| tx.tasks().patch(id, TaskPatch::new().set("a", 1))));
        assert!(done.is_err());
        assert_eq!(ran.len(), 5, "{ran:#?}");
        assert_eq!((ran[0].as_str(), ran[4].as_str()), ("BEGIN IMMEDIATE", "COMMIT"));
        assert!(ran[3].trim_start().starts_with("INSERT INTO main.acl_audit"), "{ran:#?}");
    }
}

/// Refusals whose audit rows could not be written are written by whoever comes next, or at the end.
#[test]
fn refusals_that_could_not_be_audited_wait_for_the_next_write_or_the_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = store(&path);
    let refused = |record: &str| {
        let asked = crate::operation::Operation::new(crate::operation::Resource::Task, crate::operation::Action::Patch);
        vec![Entry::new(&Actor::user("cy"), crate::audit::Door::Api, asked, record, "denied")]
    };
    let denied = |store: &Store| -> Vec<String> {
        let rows = store.read(&Actor::system("test"), |tx| tx.audit().after(0, 1000)).unwrap();
        rows.into_iter().filter(|row| row.verdict == "denied").map(|row| row.record).collect()
    };
    store.keep(refused("first"));
    assert!(denied(&store).is_empty());
    // Of a write that fails too.
    store.write(&Actor::user("bo"), |_| -> Result<()> { Err(Error::Nested) }).unwrap_err();
    assert_eq!(denied(&store), ["first"]);
    store.keep(refused("second"));
    store.write(&Actor::user("bo"), |_| Ok(())).unwrap();
    assert_eq!(denied(&store), ["first", "second"]);
    store.keep(refused("last"));
    drop(store);
    assert_eq!(denied(&Store::open(&path).unwrap()), ["first", "second", "last"]);
}

/// The guard of the audit lets one row in, and only where the one statement that writes such rows is about to run.
/// While it runs every other guard refuses: what comes then is a callback that came back in.
#[test]
fn the_audit_takes_one_row_at_a_time_and_nothing_is_written_meanwhile() {
    const ROW: &str = "INSERT INTO acl_audit (at, door, actor_kind, actor, operation, resource, record, verdict, epoch)
                       VALUES (0, 'api', 'user', 'cy', 'patch', 'task', 't', 'allowed', 1)";
    let store = memory();
    writer(&store, |conn| {
        conn.context.bind(&Actor::user("bo"));
        assert!(conn.raw.execute(ROW, []).is_err(), "nothing was admitted");
        conn.context.state().admitted = true;
        assert!(conn.raw.execute(ROW, []).is_ok());
        assert!(conn.raw.execute(ROW, []).is_err(), "what was admitted is there");
        let patch = || conn.raw.execute("UPDATE tasks SET status = 'running' WHERE task_id = 't'", []);
        conn.context.state().auditing = true;
        let refused = patch().unwrap_err().to_string();
        assert!(refused.contains("an audit row is being written"), "{refused}");
        let nested = conn.append_audit(&[Entry::new(
            &Actor::user("cy"),
            crate::audit::Door::Api,
            crate::operation::Operation::new(crate::operation::Resource::Task, crate::operation::Action::Patch),
            "t",
            "allowed",
        )]);
        assert_eq!(nested.unwrap_err().to_string(), "an audit row did not stay");
        conn.context.state().auditing = false;
        patch().unwrap();
        conn.context.unbind();
    });
}

/// Reading takes one connection's snapshot and can't write, on whichever connection it runs.
#[test]
fn a_read_cannot_write_even_where_it_shares_the_writing_connection() {
    let dir = tempfile::tempdir().unwrap();
    for store in [memory(), store(&dir.path().join("file"))] {
        let before = everything(&store);
        for statement in STATEMENTS.iter().chain(&["CREATE TABLE mine (a)", "PRAGMA user_version = 9"]) {
            let written = store.read(&Actor::user("bo"), |tx| Ok(tx.raw().execute(statement, []).map(drop)));
            assert!(written.unwrap().is_err(), "{statement}");
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.read(&Actor::user("bo"), |tx| -> Result<()> {
                tx.tasks().get("t")?;
                panic!("in the middle of a read")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(everything(&store), before);
        store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t", TaskPatch::new().set("a", 1))).unwrap();
        store.read(&Actor::user("bo"), |tx| tx.tasks().get("t")).unwrap();
    }
}

/// Whatever becomes of a closure, nobody acts when it is over, and the connection alone writes nothing.
#[test]
fn nobody_acts_outside_a_closure() {
    let store = memory();
    let bo = Actor::user("bo");
    let mut endings: Vec<Box<dyn FnMut()>> = vec![
        Box::new(|| store.write(&bo, |tx| tx.tasks().patch("t", TaskPatch::new().set("a", 1)).map(drop)).unwrap()),
        Box::new(|| assert!(store.write(&bo, |tx| tx.tasks().remove("none")).is_err())),
        Box::new(|| assert!(store.write(&bo, |_| -> Result<()> { Err(Error::Nested) }).is_err())),
        Box::new(|| {
            let panicked = catch_unwind(AssertUnwindSafe(|| store.write(&bo, |_| -> Result<()> { panic!("!") })));
            assert!(panicked.is_err());
        }),
        Box::new(|| store.read(&bo, |tx| tx.tasks().get("t").map(drop)).unwrap()),
        Box::new(|| {
            let panicked = catch_unwind(AssertUnwindSafe(|| store.read(&bo, |_| -> Result<()> { panic!("!") })));
            assert!(panicked.is_err());
        }),
    ];
    for end in &mut endings {
        end();
        writer(&store, |conn| {
            assert!(conn.context.state().actor.is_none());
            assert!(conn.raw.is_autocommit());
            for statement in STATEMENTS {
                assert!(conn.raw.execute(statement, []).is_err(), "{statement}");
            }
        });
    }
}

/// Each of many readers that panic leaves its connection to the next one.
#[test]
fn a_reader_whose_closure_panicked_serves_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("file"));
    for _ in 0..6 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.read(&Actor::user("bo"), |_| -> Result<()> { panic!("in a read") })
        }));
        assert!(panicked.is_err());
    }
    let opened = store.inner.readers.iter().filter(|reader| reader.get().is_some()).count();
    assert_eq!(opened, 1, "one at a time, so one connection serves them all");
    store.read(&Actor::user("bo"), |tx| tx.tasks().get("t")).unwrap();
}

/// A table may have more columns than one call of a function takes: they come in chunks. The verdict refuses unless each
/// chunk of this very row has arrived, and a column of any chunk is seen.
#[test]
fn every_column_of_a_wide_table_reaches_the_verdict_or_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wide.db");
    let store = store(&path);
    let columns: Vec<String> = (1..=199).map(|number| format!("c{number} text")).collect();
    let parent = "session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE";
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(&format!("CREATE TABLE wide (id text PRIMARY KEY NOT NULL, {parent}, {})", columns.join(", ")))
        .unwrap();
    let daemon = Actor::system("test");
    store.guard_table(&daemon, "wide", TableGuard::of_session("session_id")).unwrap();
    let run = |sql: &str| store.write(&daemon, |tx| tx.sql().execute(sql, []));
    assert_eq!(run("INSERT INTO wide (id, session_id, c7) VALUES ('x', 's', 'a')").unwrap(), 1);
    for column in [1, 24, 25, 100, 199] {
        assert_eq!(run(&format!("UPDATE wide SET c{column} = 'new' WHERE id = 'x'")).unwrap(), 1);
        let last = store.read(&daemon, |tx| tx.audit().tail(1)).unwrap();
        assert_eq!(last[0].fields.as_deref(), Some(format!("c{column}").as_str()));
        let odd = run(&format!("UPDATE wide SET c{column} = x'00' WHERE id = 'x'")).unwrap_err();
        assert_eq!(odd.to_string(), format!("`c{column}` must be plain text"));
    }
    writer(&store, |conn| {
        let guard: String = conn
            .raw
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'acl_wide_before_update'", [], |row| row.get(0))
            .unwrap();
        let first = guard.find("SELECT acl_row(").unwrap();
        let call = &guard[first..first + guard[first..].find(";\n").unwrap() + 1];
        // One chunk is left out, comes twice, or the last one only.
        for altered in [guard.replacen(call, "", 1), guard.replacen(call, &format!("{call} {call}"), 1)] {
            conn.context.bind(&daemon);
            conn.raw.execute_batch(&format!("BEGIN; DROP TRIGGER acl_wide_before_update; {altered}")).unwrap();
            let refused = conn.raw.execute("UPDATE wide SET c100 = 'more' WHERE id = 'x'", []).unwrap_err().to_string();
            assert!(refused.contains("was not handed over all columns of the row"), "{refused}");
            conn.raw.execute_batch("ROLLBACK").unwrap();
            conn.context.unbind();
        }
    });
}
