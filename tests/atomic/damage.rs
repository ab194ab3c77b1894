//! Damaged data and damaged pages are reported as a storage error: never as a denial, as not found, or as success.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use aclite::{Actor, Adoption, Error, MessageQuery, SessionPatch, Sharing, Store, TaskPatch, TaskQuery, TaskStatus};
use rusqlite::Connection;

use super::world::{bo, cy, fill, mark, told};
use crate::support::{ask, last_seq, session, sql, system, task, verdict, worktree, world_at};

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
        "UPDATE tasks SET status = x'ff' WHERE task_id = 't';
         INSERT INTO messages SELECT 'm2', created_at, session_id, task_id, x'ff', role, 1, timestamp, content_preview,
           parent_tool_use_id, status, queue_position, data FROM messages WHERE message_id = 'm';
         INSERT INTO messages SELECT 'm3', created_at, session_id, task_id, type, role, 2, timestamp, content_preview,
           parent_tool_use_id, status, queue_position, '7' FROM messages WHERE message_id = 'm'",
    );
    let page = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new())).unwrap();
    assert_eq!(page.items.iter().map(|task| task.task_id.as_str()).collect::<Vec<_>>(), ["u"]);
    let [Error::Storage(problem)] = &page.unreadable[..] else { panic!("{:?}", page.unreadable) };
    assert!(problem.to_string().contains("task `t`"), "{problem}");
    let page = store.read(&bo(), |tx| tx.messages().find(&MessageQuery::new().session("s"))).unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (2, 1));
    // Of a record whose `data` alone is damaged the rest is there.
    let told = page.items.iter().find(|message| message.message_id.as_str() == "m3").unwrap().data().unwrap_err();
    assert_eq!(told.to_string(), "message `m3`: column `data` is not a JSON object");
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
