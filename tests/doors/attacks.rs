//! Each attack that was once tried fails: on secrets, on hidden records, on rows of others, on the audit.

use aclite::{
    Actor, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage, NewWorktree, Result, Sharing, Store,
    TaskPatch, WorktreeQuery,
};

use crate::support::{ask, audit_after, file, last_seq, message, places, sql, system, verdict, world, world_at};

fn store() -> Store {
    let store = world();
    places(&store, Sharing::Prompt);
    store
}

fn run(store: &Store, actor: &Actor, statement: &str) -> Result<usize> {
    store.write(actor, |tx| tx.sql().execute(statement, []))
}

/// Runs definitions as the program does that shares the file.
fn define(path: &std::path::Path, statements: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(statements).unwrap();
}

// ---- secrets ----------------------------------------------------------------------------------

/// `INSERT INTO copy SELECT * FROM sessions`, where `copy` has the same columns and no index, is done by
/// SQLite record by record, and it names no column to the authorizer.
#[test]
fn a_copy_of_a_whole_table_takes_no_secret_along() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store = world_at(&path);
    places(&store, Sharing::Prompt);
    sql(&store, "UPDATE sessions SET data = '{\"mcp_token\":\"s3cret\"}' WHERE session_id = 's-v'");
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    for table in ["sessions", "users"] {
        let mut made: String = conn
            .query_row("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", [table], |row| row.get(0))
            .unwrap();
        for (word, with) in [
            (format!("TABLE {table}"), format!("TABLE copy_of_{table}")),
            ("PRIMARY KEY".into(), String::new()),
            ("REFERENCES boards (board_id) ON DELETE SET NULL".into(), String::new()),
            ("REFERENCES sessions (session_id) ON DELETE SET NULL".into(), String::new()),
            ("REFERENCES worktrees (worktree_id) ON DELETE CASCADE".into(), String::new()),
        ] {
            made = made.replace(&word, &with);
        }
        conn.execute_batch(&made).unwrap();
    }
    drop(conn);
    let store = Store::open(&path).unwrap();
    for table in ["sessions", "users"] {
        let copied = run(&store, &Actor::user("cy"), &format!("INSERT INTO copy_of_{table} SELECT * FROM {table}"));
        assert_eq!(verdict(&copied), "invalid", "{table}: {copied:?}");
        assert_eq!(ask::<i64>(&store, &format!("SELECT count(*) FROM copy_of_{table}")), 0, "{table}");
    }
    let copied = run(&store, &system(), "INSERT INTO copy_of_sessions SELECT * FROM sessions");
    assert_eq!(copied.unwrap(), 3, "the daemon may read secrets, so it may copy them");
}

/// Whoever adds a generated column to a table with secrets gives them another name.
#[test]
fn a_generated_column_shows_no_secret_under_another_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    drop(world_at(&path));
    define(&path, "ALTER TABLE sessions ADD COLUMN token text AS (json_extract(data, '$.mcp_token'))");
    let opened = Store::open(&path);
    assert_eq!(verdict(&opened), "tampered", "{opened:?}");
}

/// Every table of SQLite's own that could show pages, samples or statements.
#[test]
fn no_table_of_sqlites_own_shows_secrets() {
    let store = store();
    for statement in [
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM sqlite_stat1",
        "SELECT * FROM sqlite_stmt",
        "SELECT * FROM bytecode('SELECT data FROM sessions')",
        "SELECT * FROM pragma_table_info('users')",
        "EXPLAIN SELECT data FROM sessions",
        "EXPLAIN QUERY PLAN SELECT data FROM sessions",
    ] {
        let shown = store.write(&Actor::user("cy"), |tx| tx.sql().query(statement, [], |_| Ok(())));
        assert_eq!(verdict(&shown), "invalid", "{statement}: {shown:?}");
    }
}

// ---- existence --------------------------------------------------------------------------------

/// A merge is computed before the guard speaks. One that failed told a stranger that the record is there: by a stored
/// `data` that can't be merged with anything.
#[test]
fn damaged_data_says_nothing_of_a_hidden_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store = world_at(&path);
    places(&store, Sharing::Prompt);
    Store::detach(&path).unwrap();
    drop(store);
    define(
        &path,
        "UPDATE tasks SET data = '[1]' WHERE task_id = 't-v'; UPDATE tasks SET data = x'00' WHERE task_id = 't-w'; UPDATE messages SET data = x'ff' WHERE message_id = 'm-v'",
    );
    aclite::Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let cy = Actor::user("cy");
    let patched = store.write(&cy, |tx| tx.tasks().patch("t-v", TaskPatch::new().set("model", "x")));
    assert_eq!(verdict(&patched), "hidden", "{patched:?}");
    let patched = store.write(&cy, |tx| tx.messages().patch("m-v", MessagePatch::new().set("content", "x")));
    assert_eq!(verdict(&patched), "hidden", "{patched:?}");
    let patched = store.write(&cy, |tx| tx.tasks().patch("t-w", TaskPatch::new().set("model", "x")));
    assert_eq!(verdict(&patched), "storage", "{patched:?}");
}

// ---- rows that spoil it for others --------------------------------------------------------------

/// Any member could number a worktree of theirs with the greatest integer there is, and nobody
/// could create a worktree any more: the next number was no integer.
#[test]
fn no_number_of_a_worktree_keeps_others_from_creating_theirs() {
    let store = store();
    let create = |actor: &str, number: Option<i64>| {
        let mut new = NewWorktree::new("r").name("mine").git_ref("main");
        if let Some(number) = number {
            new = new.worktree_unique_id(number);
        }
        store.write(&Actor::user(actor), |tx| tx.worktrees().create(new))
    };
    for (number, expected) in [(i64::MAX, "invalid"), (i64::MIN, "invalid"), ((1 << 53) - 1, "ok")] {
        let created = create("cy", Some(number));
        assert_eq!(verdict(&created), expected, "{number}: {created:?}");
    }
    for number in ["'z'", "1.5", "9223372036854775807", "-9223372036854775807 - 1"] {
        let statement = format!("UPDATE worktrees SET worktree_unique_id = {number} WHERE worktree_id = 'w-x'");
        let numbered = run(&store, &Actor::user("cy"), &statement);
        assert_eq!(verdict(&numbered), "invalid", "{number}: {numbered:?}");
    }
    let (first, second) = (create("dee", None).unwrap(), create("dee", None).unwrap());
    assert!(first.worktree_unique_id > 0 && second.worktree_unique_id > 0);
    assert_ne!(first.worktree_unique_id, second.worktree_unique_id);
    let seen: i64 = ask(&store, "SELECT count(*) FROM worktrees WHERE worktree_unique_id = 4");
    assert!(seen <= 1, "a number is a worktree's own");
}

/// The same with the index of a message: the agent could say nothing more in that session, and
/// one that is no integer kept the session's messages from being listed.
#[test]
fn no_index_of_a_message_silences_its_session() {
    let store = store();
    let say = |actor: &Actor, index: Option<i64>| {
        let mut new = NewMessage::new("s-w", MessageType::Assistant, MessageRole::Assistant, "hello");
        if let Some(index) = index {
            new = new.index(index);
        }
        store.write(actor, |tx| tx.messages().create(new))
    };
    let cy = Actor::user("cy");
    for (index, expected) in [(i64::MAX, "invalid"), (i64::MIN, "invalid"), ((1 << 53) - 1, "ok")] {
        let said = say(&cy, Some(index));
        assert_eq!(verdict(&said), expected, "{index}: {said:?}");
    }
    for index in ["'z'", "1.5", "x'00'", "9223372036854775807"] {
        let spoiled = run(&store, &cy, &format!("UPDATE messages SET \"index\" = {index} WHERE message_id = 'm-w'"));
        assert_eq!(verdict(&spoiled), "invalid", "{index}: {spoiled:?}");
    }
    say(&Actor::user("bo"), None).unwrap();
    let page = store.read(&Actor::user("bo"), |tx| tx.messages().find(&MessageQuery::new().session("s-w"))).unwrap();
    assert!(page.unreadable.is_empty() && page.items.len() >= 2, "{page:?}");
}

/// A row of an adopted file whose place in the order can't be read made every list fail that would
/// have shown it.
#[test]
fn a_row_whose_order_cannot_be_read_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store = world_at(&path);
    places(&store, Sharing::Prompt);
    for n in 0..3 {
        message(&store, &format!("m-{n}"), "s-w", None);
    }
    Store::detach(&path).unwrap();
    drop(store);
    define(
        &path,
        "UPDATE messages SET \"index\" = 1.5, created_at = 'once' WHERE message_id = 'm-1'; UPDATE messages SET \"index\" = 'z', created_at = x'00' WHERE message_id = 'm-w'",
    );
    aclite::Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    for order in [aclite::Order::Ascending, aclite::Order::Descending] {
        for (query, all) in [(MessageQuery::new().session("s-w"), 4), (MessageQuery::new(), 6)] {
            for limit in [1, 2, 100] {
                let (mut good, mut bad, mut next) = (Vec::new(), 0, None);
                for _ in 0..10 {
                    let mut query = query.clone().order(order).limit(limit);
                    if let Some(cursor) = next.take() {
                        query = query.after(cursor);
                    }
                    let page = store.read(&system(), |tx| tx.messages().find(&query)).unwrap();
                    good.extend(page.items.into_iter().map(|message| message.message_id.to_string()));
                    bad += page.unreadable.len();
                    match page.next {
                        Some(cursor) => next = Some(cursor.to_string().parse().unwrap()),
                        None => break,
                    }
                }
                assert_eq!((good.len(), bad), (all - 2, 2), "{order:?} {limit}: {good:?}");
            }
        }
    }
}

/// What somebody holds is told with its source, the group's name. A name that is no plain text
/// made every guard fail for its members, and every list.
#[test]
fn no_name_of_a_group_locks_its_members_out() {
    let store = store();
    let ada = Actor::user("ada");
    for slug in ["'a' || char(0)", "CAST(x'ff' AS text)", "x'ff'", "''"] {
        let insert = format!(
            "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('g', 'g', {slug}, 'ada', acl_now())"
        );
        let made = run(&store, &ada, &insert);
        assert_eq!(verdict(&made), "invalid", "{slug}: {made:?}");
    }
    run(
        &store,
        &ada,
        "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('g', 'g', 'g', 'ada', acl_now())",
    )
    .unwrap();
    let renamed = run(&store, &ada, "UPDATE groups SET slug = 'a' || char(0) WHERE group_id = 'g'");
    assert_eq!(verdict(&renamed), "invalid", "{renamed:?}");
    run(
        &store,
        &ada,
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'cy', 'ada', acl_now())",
    )
    .unwrap();
    run(&store, &Actor::user("bo"), "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('w-w', 'g', 'all', 'bo', acl_now())")
        .unwrap();
    let page = store.read(&Actor::user("cy"), |tx| tx.worktrees().find(&WorktreeQuery::new())).unwrap();
    assert_eq!(page.items.len(), 2);
}

// ---- the audit --------------------------------------------------------------------------------

/// The audit names changed fields, one after another. A key of `data` with a space in it passed for
/// another field's name.
#[test]
fn a_key_of_data_passes_for_no_other_field_in_the_audit() {
    let store = store();
    let seq = last_seq(&store);
    store
        .write(&Actor::user("cy"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("model status", 1).set("a\nb", 2)))
        .unwrap();
    let rows = audit_after(&store, seq);
    assert_eq!(rows[0].fields.as_deref(), Some(r#"data."model\u0020status" data."a\u000ab""#));
}

/// Nobody is signed in, and yet something is written: the refusal. Its record is what they asked for.
#[test]
fn an_id_that_can_be_none_is_not_kept_by_the_audit() {
    let store = store();
    let seq = last_seq(&store);
    for actor in [Actor::Anonymous, Actor::user("cy")] {
        for user in ["x".repeat(100_000), "a\0b".to_owned(), String::new()] {
            let added = store.write(&actor, |tx| tx.worktrees().add_owner("w-x", user.as_str()));
            assert_eq!(verdict(&added), "invalid", "{actor:?}: {added:?}");
            let removed = store.write(&actor, |tx| tx.worktrees().remove_owner("w-x", user.as_str()));
            assert_eq!(verdict(&removed), "invalid", "{actor:?}: {removed:?}");
        }
    }
    assert!(audit_after(&store, seq).is_empty());
}

// ---- damaged keys and busy readers ------------------------------------------------------------

/// In a file of another program an id may be NULL, or no plain text. A session that holds such a message
/// could not be removed any more.
#[test]
fn a_row_without_a_sound_id_goes_with_its_parent() {
    for odd in ["NULL", "x'ff'", "'a' || char(0) || 'b'", "CAST(x'ff' AS text)"] {
        let dir = tempfile::tempdir().unwrap();
        let path = file::agor_with(dir.path(), |sql| {
            sql.replace("`message_id` text(36) PRIMARY KEY NOT NULL", "`message_id` text(36) PRIMARY KEY")
        });
        let conn = rusqlite::Connection::open(&path).unwrap();
        let changed = conn.execute(
            &format!("UPDATE messages SET message_id = {odd} WHERE rowid = (SELECT min(rowid) FROM messages)"),
            [],
        );
        assert_eq!(changed, Ok(1), "{odd}");
        let session: String =
            conn.query_row("SELECT session_id FROM messages ORDER BY rowid LIMIT 1", [], |row| row.get(0)).unwrap();
        drop(conn);
        aclite::Adoption::new().run(&path).unwrap();
        let store = Store::open(&path).unwrap();
        let removed = store.write(&system(), |tx| tx.sessions().remove(session.as_str()));
        assert_eq!(verdict(&removed), "ok", "{odd}: {removed:?}");
    }
}

/// Readers wait for each other as writers do: so long and no longer. A closure that waits for
/// another thread's reading kept both waiting for ever.
#[test]
fn readers_that_wait_for_each_other_are_busy_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let store =
        aclite::OpenOptions::new().readers(1).busy_timeout(std::time::Duration::from_millis(50)).open(&path).unwrap();
    let count = |store: &Store| store.read(&system(), |tx| tx.tasks().running().map(|page| page.items.len()));
    let outcome = store.read(&system(), |_| {
        let other = store.clone();
        let (told, hears) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(count(&other)));
        Ok(hears.recv_timeout(std::time::Duration::from_secs(5)))
    });
    let inner = outcome.unwrap().expect("it does not wait for ever");
    assert_eq!(verdict(&inner), "busy", "{inner:?}");
    assert_eq!(count(&store).unwrap(), 0);
}

// ---- what holds -------------------------------------------------------------------------------

/// `OR REPLACE` puts a column's default in the place of NULL after the guard has seen the NULL.
#[test]
fn a_default_that_replaces_null_passes_no_guard() {
    let store = store();
    for (actor, expected, statement) in [
        ("bo", "immutable", "UPDATE OR REPLACE tasks SET created_by = NULL WHERE task_id = 't-w'"),
        ("ada", "invalid", "UPDATE OR REPLACE users SET role = NULL WHERE user_id = 'vi'"),
        ("vi", "denied", "UPDATE OR REPLACE users SET role = NULL WHERE user_id = 'vi'"),
        (
            "bo",
            "invalid",
            "INSERT OR REPLACE INTO tasks (task_id, session_id, created_at, status, created_by, data)
             VALUES ('t-new', 's-w', acl_now(), 'created', NULL, '{}')",
        ),
    ] {
        let written = run(&store, &Actor::user(actor), statement);
        assert_eq!(verdict(&written), expected, "{statement}: {written:?}");
    }
}

/// A closure that reads a row of its own SQL may write in between. Rights must not change by that.
#[test]
fn a_statement_inside_anothers_rows_changes_no_rights() {
    let store = store();
    let cy = Actor::user("cy");
    let outcome = store.write(&cy, |tx| {
        tx.sql().query("SELECT task_id FROM tasks ORDER BY 1", [], |_| {
            let read = tx.sql().query_row("SELECT data FROM sessions", [], |row| row.get::<_, String>(0));
            assert_eq!(verdict(&read), "invalid");
            let read = tx.sql().query_row("SELECT data FROM sessions", [], |row| row.get::<_, String>(0));
            assert_eq!(verdict(&read), "invalid");
            let hidden = tx.tasks().patch("t-v", TaskPatch::new().set("model", "x"));
            assert_eq!(verdict(&hidden), "hidden");
            Ok(())
        })
    });
    assert_eq!(outcome.unwrap().len(), 3);
    let read =
        store.write(&cy, |tx| tx.sql().query_row("SELECT data FROM sessions", [], |row| row.get::<_, String>(0)));
    assert_eq!(verdict(&read), "invalid");
}
