//! Triggers of others on guarded tables: what only writes tables of its owner's stays and fires, and no other.

use aclite::{Actor, Adoption, MessagePatch, MessageRole, MessageType, NewMessage, Store, TaskPatch};
use rusqlite::Connection;

use super::host::{Host, PATCH, host, text};
use crate::support::raw::run;
use crate::support::{ask, last_seq, system, verdict};

/// A search index over messages as FTS5's documentation makes it, the counts that sqlite-utils keeps, and an outbox.
const HARMLESS: &str = "
    CREATE VIRTUAL TABLE messages_fts USING fts5(content_preview, content='messages', content_rowid='rowid');
    CREATE TRIGGER messages_ai AFTER INSERT ON messages BEGIN
      INSERT INTO messages_fts(rowid, content_preview) VALUES (new.rowid, new.content_preview);
    END;
    CREATE TRIGGER messages_ad AFTER DELETE ON messages BEGIN
      INSERT INTO messages_fts(messages_fts, rowid, content_preview) VALUES('delete', old.rowid, old.content_preview);
    END;
    CREATE TRIGGER messages_au AFTER UPDATE ON messages BEGIN
      INSERT INTO messages_fts(messages_fts, rowid, content_preview) VALUES('delete', old.rowid, old.content_preview);
      INSERT INTO messages_fts(rowid, content_preview) VALUES (new.rowid, new.content_preview);
    END;
    INSERT INTO messages_fts(messages_fts) VALUES ('rebuild');
    CREATE TABLE [_counts] ([table] TEXT PRIMARY KEY, count INTEGER DEFAULT 0);
    INSERT INTO _counts SELECT 'tasks', count(*) FROM tasks;
    CREATE TRIGGER [tasks_counts_insert] AFTER INSERT ON [tasks] BEGIN
      INSERT OR REPLACE INTO [_counts] VALUES ('tasks', COALESCE((SELECT count FROM [_counts] WHERE [table] = 'tasks'), 0) + 1);
    END;
    CREATE TRIGGER [tasks_counts_delete] AFTER DELETE ON [tasks] BEGIN
      INSERT OR REPLACE INTO [_counts] VALUES ('tasks', COALESCE((SELECT count FROM [_counts] WHERE [table] = 'tasks'), 0) - 1);
    END;
    CREATE TABLE outbox (id INTEGER PRIMARY KEY, what TEXT, who TEXT UNIQUE, times INTEGER DEFAULT 1);
    CREATE TRIGGER outbox_status AFTER UPDATE OF status ON tasks WHEN new.status IS NOT old.status BEGIN
      INSERT INTO outbox (what, who) VALUES (new.status, new.task_id)
        ON CONFLICT (who) DO UPDATE SET what = excluded.what, times = times + 1;
    END;";

/// A file with three places and the harmless triggers.
fn busy_file() -> Host {
    let host = host();
    host.conn.execute_batch(HARMLESS).unwrap();
    host
}

/// Adds `sql` to the file, as another program does.
fn add(host: &Host, sql: &str) {
    Connection::open(&host.path).unwrap().execute_batch(sql).unwrap();
}

/// What the index finds for a word is what the table holds.
#[track_caller]
fn index_is_true(host: &Host) {
    let conn = Connection::open(&host.path).unwrap();
    conn.execute_batch("INSERT INTO messages_fts(messages_fts, rank) VALUES ('integrity-check', 1)").unwrap();
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(
        number("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'found'"),
        number("SELECT count(*) FROM messages WHERE content_preview LIKE '%found%'")
    );
    assert_eq!(number("SELECT count FROM _counts"), number("SELECT count(*) FROM tasks"));
}

#[test]
fn an_index_counts_and_an_outbox_work_under_a_user_through_the_api() {
    let host = busy_file();
    let store = Store::open(&host.path).unwrap();
    let bo = Actor::user("bo");
    let seq = last_seq(&store);
    let message = |id: &str| NewMessage::new("s-w", MessageType::User, MessageRole::User, "to be found").id(id);
    store.write(&bo, |tx| tx.messages().create(message("m-1"))).unwrap();
    store.write(&bo, |tx| tx.messages().create_many(vec![message("m-2"), message("m-3")])).unwrap();
    store.write(&bo, |tx| tx.messages().patch("m-1", MessagePatch::new().set("content", "lost"))).unwrap();
    store.write(&bo, |tx| tx.tasks().patch("t-w", TaskPatch::new().status(aclite::TaskStatus::Running))).unwrap();
    store
        .write(&bo, |tx| {
            let rename = "UPDATE messages SET content_preview = 'found again' WHERE session_id = 's-w'";
            tx.sql().execute(rename, [])?;
            tx.sql().execute("UPDATE tasks SET status = 'queued' WHERE task_id = 't-w'", [])
        })
        .unwrap();
    index_is_true(&host);
    assert_eq!(ask::<String>(&store, "SELECT what || ' ' || who || ' ' || times FROM outbox"), "queued t-w 2");
    store.write(&bo, |tx| tx.sessions().remove("s-w")).unwrap();
    index_is_true(&host);
    let refused = store.write(&Actor::user("cy"), |tx| tx.tasks().patch("t-v", TaskPatch::new().set("a", 1)));
    assert_eq!(verdict(&refused), "hidden");
    let audited = host.audit(seq);
    for row in ["bo allowed patch t-w", "bo allowed remove s-w", "cy denied patch t-v"] {
        assert!(audited.contains(&row.to_owned()), "{row}: {audited:?}");
    }
}

#[test]
fn they_work_under_a_user_at_the_raw_door() {
    let host = busy_file();
    host.login("bo");
    let seq = last_seq(&host.store);
    let row =
        |id: &str| format!("('{id}', 's-w', 't-w', acl_now(), 'user', 'user', 9, acl_now(), 'to be found', '{{}}')");
    let columns =
        "message_id, session_id, task_id, created_at, type, role, \"index\", timestamp, content_preview, data";
    for statement in [
        // Of many rows: while the second is judged, FTS5 keeps open what it wrote for the first.
        &format!("INSERT INTO messages ({columns}) VALUES {}, {}, {}", row("m-1"), row("m-2"), row("m-3")),
        "UPDATE messages SET content_preview = 'found again' WHERE session_id = 's-w'",
        "UPDATE messages SET content_preview = 'lost' WHERE message_id = 'm-2'",
        "DELETE FROM messages WHERE message_id = 'm-3'",
        "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('t-1', 's-w', acl_now(), 'created', 'bo', '{}')",
        "UPDATE tasks SET status = 'running' WHERE task_id = 't-1'",
        "SELECT acl_login('bo')",
    ] {
        run(&host.conn, statement).expect(statement);
        index_is_true(&host);
    }
    assert_eq!(text(&host.conn, "SELECT what || ' ' || who FROM outbox"), "running t-1");
    assert_eq!(text(&host.conn, "SELECT json_extract(acl_check(), '$.clean') || ''"), "1");
    run(&host.conn, "DELETE FROM sessions WHERE session_id = 's-w'").unwrap();
    index_is_true(&host);
    // A refused statement takes what its triggers wrote along.
    host.login("cy");
    host.refuses(
        "UPDATE messages SET content_preview = 'found' WHERE message_id IN ('m-x', 'm-v')",
        "no message `m-v`",
    );
    index_is_true(&host);
    assert_eq!(
        host.audit(seq).iter().filter(|row| row.starts_with("bo allowed create m-")).count(),
        0,
        "not audited by rule"
    );
    for row in ["bo allowed create t-1", "bo allowed patch t-1", "bo allowed remove s-w", "cy denied patch m-v"] {
        assert!(host.audit(seq).contains(&row.to_owned()), "{row}: {:?}", host.audit(seq));
    }
    // Inside of a transaction as well, with the seal at the end.
    host.login("bo");
    host.conn
        .execute_batch("BEGIN; UPDATE messages SET content_preview = 'found' WHERE session_id = 's-v'; COMMIT")
        .unwrap();
    index_is_true(&host);
    assert_eq!(text(&host.conn, "SELECT acl_seal()"), "sealed");
}

#[test]
fn check_and_adoption_say_which_are_left_alone() {
    let host = busy_file();
    let left = [
        "trigger `messages_ad` on `messages` writes `messages_fts`",
        "trigger `messages_ai` on `messages` writes `messages_fts`",
        "trigger `messages_au` on `messages` writes `messages_fts`",
        "trigger `outbox_status` on `tasks` writes `outbox`",
        "trigger `tasks_counts_delete` on `tasks` writes `_counts`",
        "trigger `tasks_counts_insert` on `tasks` writes `_counts`",
    ];
    let report = host.store.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.left_alone, left);
    Store::detach(&host.path).unwrap();
    let report = Adoption::new().run(&host.path).unwrap();
    assert_eq!(report.left_alone, left);
    Store::open(&host.path).unwrap();
    index_is_true(&host);

    add(&host, "CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN UPDATE outbox SET times = 0; DELETE FROM sessions; END");
    let report = Store::inspect(&host.path).unwrap();
    let why = "trigger `bad` on `tasks` is not aclite's: it writes `sessions`";
    assert_eq!((report.altered, report.left_alone.len()), (vec![why.to_owned()], left.len()));
    Store::detach(&host.path).unwrap();
    assert!(Adoption::new().run(&host.path).unwrap_err().to_string().contains(&format!("{why}; drop it first")));
}

/// Each makes a trigger that could write what is guarded, or end our own, and says how it is told.
const REFUSED: &[(&str, &str)] = &[
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN UPDATE tasks SET status = 'failed'; END", "it writes `tasks`"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN /* log */ UPDATE --\n OR IGNORE [Tasks] SET status = 'failed'; END", "it writes `tasks`"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT OR REPLACE INTO 'USERS' SELECT * FROM users; END", "it writes `users`"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks WHEN new.data <> 'INTO outbox' BEGIN REPLACE INTO `worktree_owners` VALUES ('w-v', 'cy', 1); END", "it writes `worktree_owners`"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (1, 1) ON CONFLICT (a) DO UPDATE SET b = 1; DELETE FROM \"users\"; END", "it writes `users`"),
    ("CREATE TRIGGER bad BEFORE UPDATE OF status ON tasks BEGIN DELETE FROM acl_audit; END", "it writes `acl_audit`"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO users WITH log AS (SELECT 1) SELECT * FROM users; END", "it writes `users`"),
    // By way of another trigger, of a view, of a foreign key, of more than one.
    ("CREATE TRIGGER bad AFTER INSERT ON log BEGIN UPDATE users SET role = 'admin'; END;
      CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (1, 1); END", "it fires `bad` on `log`: it writes `users`"),
    ("CREATE VIEW jobs AS SELECT * FROM tasks;
      CREATE TRIGGER bad INSTEAD OF DELETE ON jobs BEGIN DELETE FROM tasks WHERE task_id = old.task_id; END;
      CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN DELETE FROM jobs; END", "it fires `bad` on `jobs`: it writes `tasks`"),
    ("CREATE TABLE kinds (kind text PRIMARY KEY); ALTER TABLE outer_notes ADD COLUMN kind text REFERENCES kinds (kind) ON DELETE CASCADE;
      CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN DELETE FROM kinds; END", "foreign keys lead from `kinds` to `outer_notes`: it writes `outer_notes`"),
    ("CREATE TABLE kinds (kind text PRIMARY KEY); CREATE TABLE more (kind text PRIMARY KEY REFERENCES KINDS ON UPDATE SET NULL);
      ALTER TABLE outer_notes ADD COLUMN kind text REFERENCES more (kind) ON UPDATE SET NULL;
      CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN UPDATE kinds SET kind = 1; END", "foreign keys lead from `more` to `outer_notes`"),
    ("CREATE TABLE kinds (kind text PRIMARY KEY); ALTER TABLE outer_notes ADD COLUMN kind text REFERENCES kinds (kind) ON DELETE SET DEFAULT;
      CREATE TRIGGER elsewhere AFTER DELETE ON log BEGIN DELETE FROM kinds; END", "trigger `elsewhere` writes `outer_notes`, by way of `kinds`, under the rights"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO outer_notes (id) VALUES (1); END", "it writes `outer_notes`"),
    // What is not known.
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO \"tasks \" VALUES (1); END", "it writes `tasks `, which is not there"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN DELETE FROM sqlite_sequence; END", "SQLite's own"),
    ("CREATE VIRTUAL TABLE words USING fts5vocab('messages_fts', 'row');
      CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO words VALUES (1, 1, 1); END", "a virtual table of the unknown module `fts5vocab`"),
    // What ends our own triggers, or a statement halfway.
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END", "RAISE(IGNORE)"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks WHEN raise/**/(\"ignore\" , '') BEGIN SELECT 1; END", ""),
    ("CREATE TRIGGER bad BEFORE DELETE ON messages BEGIN SELECT CASE WHEN old.type = 'x' THEN RAISE ( -- \n ignore ) END; END", "RAISE(IGNORE)"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN SELECT RAISE(FAIL, 'x'); END", "it can FAIL"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT OR FAIL INTO log VALUES (1, 1); END", "it can FAIL"),
    ("CREATE TRIGGER bad AFTER INSERT ON log BEGIN SELECT RAISE(FAIL, 'x'); END;
      CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (1, 1); END", "it fires `bad` on `log`: it can FAIL"),
    ("CREATE TABLE once (a UNIQUE ON CONFLICT FAIL); CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO once VALUES (1); END", "whose constraints FAIL"),
    ("CREATE TABLE noted (s text REFERENCES sessions (session_id) ON DELETE CASCADE);
      CREATE TRIGGER bad AFTER DELETE ON noted BEGIN SELECT RAISE(FAIL, 'x'); END", "trigger `bad` on `noted` can FAIL"),
    // Names of ours, tables of ours.
    ("CREATE TRIGGER acl_bad AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (1, 1); END", "it has a name of aclite's"),
    ("CREATE TRIGGER bad AFTER INSERT ON acl_audit BEGIN INSERT INTO log VALUES (1, 1); END", "aclite's own tables"),
    ("CREATE TRIGGER bad AFTER UPDATE ON tasks BEGIN INSERT INTO log SELECT acl_guard(1), 1; END", "names `acl_guard`"),
];

/// A file with the harmless triggers, a table `log`, and a further table under guard, `outer_notes`.
fn surrounded() -> Host {
    let host = busy_file();
    add(
        &host,
        "CREATE TABLE log (a UNIQUE, b); CREATE TABLE outer_notes (id text PRIMARY KEY NOT NULL, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
    );
    let guard = aclite::TableGuard::of_session("session_id");
    Store::open(&host.path).unwrap().guard_table(&system(), "outer_notes", guard).unwrap();
    host
}

#[test]
fn a_trigger_that_could_write_what_is_guarded_or_end_our_own_is_refused_at_every_door() {
    for &(made, told) in REFUSED {
        let host = surrounded();
        host.login("bo");
        assert_eq!(run(&host.conn, "UPDATE tasks SET data = '{}' WHERE task_id = 't-v'"), Ok(0), "{made}");
        let conn = Connection::open(&host.path).unwrap();
        if let Err(error) = conn.execute_batch(made) {
            assert!(told.is_empty(), "{made}: {error}");
            continue;
        }
        // What was sound a moment ago is looked at again.
        let refused = run(&host.conn, PATCH).expect_err(made);
        // Of what is not there or can't be written SQLite finds it first.
        let by_sqlite = refused.starts_with("no such table: ") || refused.contains("may not be modified");
        let by_guard = refused.starts_with("aclite: storage: the guard can't verify this connection: ");
        assert!(by_sqlite || by_guard, "{made}: {refused}");
        let found = Store::inspect(&host.path).unwrap().altered;
        assert!(found.iter().any(|found| found.contains(told)), "{made}: {found:?}");
        assert!(by_sqlite || refused.contains(&found[0]), "{refused}: {found:?}");
        assert_eq!(verdict(&Store::open(&host.path)), "tampered", "{made}");
        let written = host.store.write(&system(), |tx| tx.tasks().patch("t-v", TaskPatch::new().set("a", 1)));
        assert_eq!(verdict(&written), "tampered", "{made}");
    }
}

/// What looks like it and is harmless, which is why each is named.
#[test]
fn what_only_looks_so_is_left_alone() {
    for made in [
        "CREATE TABLE \"tasks \" (a); CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO \"tasks \" VALUES (1); END",
        "CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO log SELECT 'UPDATE users' || new.rowid, (SELECT count(*) FROM users); END",
        "CREATE TRIGGER good BEFORE UPDATE ON tasks WHEN new.data LIKE '%RAISE(IGNORE)%' BEGIN /* DELETE FROM users; */ UPDATE log SET a = 1; END",
        "CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN SELECT RAISE(ABORT, 'no') WHERE new.status = 'never'; END",
        "CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN SELECT 1; END",
        "CREATE VIEW shown AS SELECT 1 AS a; CREATE TRIGGER through INSTEAD OF INSERT ON shown BEGIN INSERT INTO log VALUES (new.a, 1); END;
         CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO shown VALUES (new.rowid); END",
        "CREATE TABLE sub (a REFERENCES log (a) ON DELETE CASCADE); CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN DELETE FROM log; END",
        "CREATE VIRTUAL TABLE boxes USING rtree(id, a, b); CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO boxes VALUES (new.rowid, 1, 2); END",
        "CREATE VIRTUAL TABLE old USING fts4(a); CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO old (a) VALUES (new.data); END",
        "CREATE TRIGGER again AFTER INSERT ON log BEGIN DELETE FROM log WHERE a < 0; END; CREATE TRIGGER good AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (new.rowid, 2); END",
    ] {
        let host = surrounded();
        add(&host, made);
        host.login("bo");
        assert_eq!(run(&host.conn, PATCH), Ok(0), "{made}");
        assert!(Store::inspect(&host.path).unwrap().is_clean(), "{made}");
        let store = Store::open(&host.path).unwrap();
        let seq = last_seq(&store);
        store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("a", 1))).unwrap();
        assert_eq!(host.audit(seq), ["bo allowed patch t-w"], "{made}");
    }
}

/// RAISE(IGNORE) ends what the trigger does that fired it, and no more: our AFTER triggers run, and the audit says so.
#[test]
fn ignoring_further_in_ends_nothing_of_ours() {
    let host = surrounded();
    add(&host, "CREATE TRIGGER inner AFTER INSERT ON log BEGIN SELECT RAISE(IGNORE); END;
                CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (new.rowid, 1); INSERT INTO log VALUES (-new.rowid, 1); END");
    host.login("bo");
    let seq = last_seq(&host.store);
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM log"), "2");
    let store = Store::open(&host.path).unwrap();
    store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("a", 1))).unwrap();
    assert_eq!(host.audit(seq), ["bo allowed patch t-v", "bo allowed patch t-w"]);
}

/// OR FAIL of the outermost statement counts in triggers too. One of others, fired before ours, would fail and leave the
/// write without its audit row.
#[test]
fn a_statement_that_fails_halfway_keeps_no_write_without_its_audit_row() {
    let host = surrounded();
    add(
        &host,
        "CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (1, 1); END; INSERT INTO log VALUES (1, 1)",
    );
    host.login("bo");
    let seq = last_seq(&host.store);
    for clause in ["OR FAIL", "or/**/fail", "OR\n-- \nFAIL"] {
        let statement = PATCH.replacen("UPDATE", &format!("UPDATE {clause}"), 1);
        host.refuses(&statement, "a statement says FAIL while there are triggers of others");
        let store = Store::open(&host.path).unwrap();
        let refused = store.write(&Actor::user("bo"), |tx| tx.sql().execute(&statement, []));
        assert_eq!(verdict(&refused), "invalid", "{statement}: {refused:?}");
    }
    // Without it the whole statement is undone, and the API does not take the log's row for the task's; with OR IGNORE the row of the log is passed over.
    host.refuses(PATCH, "UNIQUE constraint failed: log.a");
    assert!(!text(&host.conn, "SELECT data FROM tasks WHERE task_id = 't-v'").contains("me"));
    assert_eq!(host.audit(seq), [""; 0]);
    let store = Store::open(&host.path).unwrap();
    let failed = store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-v", TaskPatch::new().set("a", 1)));
    assert_eq!(verdict(&failed), "storage", "{failed:?}");
    assert_eq!(run(&host.conn, &PATCH.replacen("UPDATE", "UPDATE OR IGNORE", 1)), Ok(0));
    assert_eq!(host.audit(seq), ["bo allowed patch t-v"]);
    // Where nobody else has triggers, it is as good as any other clause.
    let alone = super::host::host();
    alone.login("bo");
    assert_eq!(run(&alone.conn, &PATCH.replacen("UPDATE", "UPDATE OR FAIL", 1)), Ok(0));
}

/// ROLLBACK takes the whole transaction, what was audited in it too; nothing is left that nobody stands for.
#[test]
fn a_trigger_that_rolls_back_leaves_nothing() {
    let host = surrounded();
    add(
        &host,
        "CREATE TRIGGER back AFTER UPDATE ON tasks WHEN new.task_id = 't-v' BEGIN SELECT RAISE(ROLLBACK, 'not so'); END",
    );
    host.login("bo");
    let seq = last_seq(&host.store);
    host.conn.execute_batch("BEGIN").unwrap();
    run(&host.conn, "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'").unwrap();
    host.refuses(PATCH, "not so");
    assert!(host.conn.is_autocommit());
    assert_eq!(host.status("t-w"), "created");
    let store = Store::open(&host.path).unwrap();
    let undone = store.write(&Actor::user("bo"), |tx| {
        tx.tasks().patch("t-w", TaskPatch::new().set("a", 1))?;
        tx.tasks().patch("t-v", TaskPatch::new().set("a", 1))
    });
    assert_eq!(verdict(&undone), "storage", "{undone:?}");
    assert_eq!(host.audit(seq), [""; 0]);
    store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("a", 1))).unwrap();
    assert_eq!(host.audit(seq), ["bo allowed patch t-w"]);
}

#[test]
fn a_table_that_a_trigger_of_others_writes_is_not_put_under_guard() {
    let host = busy_file();
    add(&host, "CREATE TABLE notes (id text PRIMARY KEY NOT NULL, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE);
                CREATE TRIGGER notes_it AFTER UPDATE ON tasks BEGIN INSERT INTO notes VALUES (new.task_id, new.session_id); END");
    let store = Store::open(&host.path).unwrap();
    let refused = store.guard_table(&system(), "notes", aclite::TableGuard::of_session("session_id")).unwrap_err();
    assert_eq!(refused.code(), "tampered");
    assert!(
        refused.to_string().contains("trigger `notes_it` on `tasks` is not aclite's: it writes `notes`"),
        "{refused}"
    );
    assert!(store.check().unwrap().is_clean());
    store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("a", 1))).unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM notes"), 1);
}

/// Made, dropped, renamed and attached after the look: what is there when a row is judged counts.
#[test]
fn what_changes_after_the_look_is_looked_at_again() {
    let host = surrounded();
    add(
        &host,
        "CREATE TABLE other (a); CREATE TRIGGER logs AFTER UPDATE ON tasks BEGIN INSERT INTO other VALUES (1); END",
    );
    host.login("bo");
    let store = Store::open(&host.path).unwrap();
    let patch = || store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-w", TaskPatch::new().set("a", 1)));
    let bad =
        "CREATE TRIGGER bad AFTER INSERT ON other BEGIN UPDATE users SET role = 'admin' WHERE user_id = 'cy'; END";
    for (change, back, told) in [
        (bad, "DROP TRIGGER bad", "it fires `bad` on `other`"),
        ("ALTER TABLE other RENAME TO gone; CREATE VIEW other AS SELECT 1 AS a", "", ""),
        (
            "DROP TABLE IF EXISTS other; DROP TABLE IF EXISTS gone; DROP VIEW IF EXISTS other",
            "CREATE TABLE other (a)",
            "which is not there",
        ),
    ] {
        for inside in [false, true] {
            let changed = if inside {
                host.conn.execute_batch(&format!("BEGIN; {change}"))
            } else {
                host.conn.execute_batch(change)
            };
            if changed.is_err() {
                host.conn.execute_batch("ROLLBACK").unwrap_or_default();
                continue;
            }
            let outcome = run(&host.conn, PATCH);
            if told.is_empty() {
                assert_eq!(outcome, Ok(0), "{change}");
            } else {
                assert!(outcome.as_ref().is_err_and(|text| text.contains(told)), "{change}: {outcome:?}");
            }
            if inside {
                host.conn.execute_batch("ROLLBACK").unwrap();
            } else {
                assert_eq!(verdict(&patch()), if told.is_empty() { "ok" } else { "tampered" }, "{change}");
                host.conn.execute_batch(back).unwrap();
            }
        }
        assert_eq!(run(&host.conn, "SELECT 1 FROM users WHERE user_id = 'cy' AND role = 'admin'"), Ok(0));
    }
}

#[test]
fn temp_triggers_are_judged_with_what_they_meet() {
    for (made, told) in [
        ("CREATE TEMP TABLE mine (a); CREATE TEMP TRIGGER t AFTER UPDATE ON tasks BEGIN INSERT INTO mine VALUES (1); END", ""),
        ("CREATE TEMP TRIGGER t AFTER UPDATE ON tasks BEGIN INSERT INTO log VALUES (new.rowid, 1); END", ""),
        ("CREATE TEMP TRIGGER t AFTER UPDATE OF status ON TASKS BEGIN SELECT 1; END", ""),
        ("CREATE TEMP TRIGGER t BEFORE UPDATE ON main.tasks BEGIN SELECT RAISE(IGNORE); END", "TEMP trigger `t` on `tasks` is not aclite's: it can RAISE(IGNORE)"),
        ("CREATE TEMP TRIGGER t AFTER UPDATE ON main.tasks BEGIN UPDATE users SET name = 'x'; END", "it writes `users`"),
        // A TEMP table hides the guarded one only for as long as it is there.
        ("CREATE TEMP TABLE users (name); CREATE TEMP TRIGGER t AFTER UPDATE ON main.tasks BEGIN UPDATE users SET name = 'x'; END", "it writes `users`"),
        ("CREATE TEMP VIEW log AS SELECT 1 AS a, 2 AS b; CREATE TEMP TRIGGER t AFTER UPDATE ON main.tasks BEGIN INSERT INTO log VALUES (1, 1); END;
          CREATE TEMP TRIGGER i INSTEAD OF INSERT ON temp.log BEGIN DELETE FROM messages; END", "it fires `i` on `log`: it writes `messages`"),
        ("CREATE TEMP TRIGGER t AFTER UPDATE ON main.tasks BEGIN INSERT INTO log VALUES (1, 1); END; CREATE TEMP TRIGGER l AFTER INSERT ON log BEGIN DELETE FROM messages; END", "it fires `l` on `log`: it writes `messages`"),
        // Of the file's own trigger, by a TEMP one on the table that it writes.
        ("CREATE TEMP TRIGGER l AFTER INSERT ON outbox BEGIN DELETE FROM messages; END", "it fires `l` on `outbox`: it writes `messages`"),
        ("ATTACH ':memory:' AS aux; CREATE TABLE aux.far (a); CREATE TEMP TRIGGER t AFTER UPDATE ON main.tasks BEGIN INSERT INTO far VALUES (1); END", "it writes `far`, which is not there"),
        ("CREATE TEMP TRIGGER acl_t AFTER UPDATE ON tasks BEGIN SELECT 1; END", "names a function of aclite's"),
        ("CREATE TEMP TRIGGER t AFTER INSERT ON acl_audit BEGIN SELECT 1; END", "aclite's own tables"),
        ("CREATE TEMP TABLE mine (s text); CREATE TEMP TRIGGER t AFTER UPDATE ON tasks BEGIN INSERT OR FAIL INTO mine VALUES (1); END", "it can FAIL"),
    ] {
        let host = surrounded();
        host.login("bo");
        host.conn.execute_batch(made).unwrap_or_else(|error| panic!("{made}: {error}"));
        let seq = last_seq(&host.store);
        let outcome = run(&host.conn, "UPDATE tasks SET status = 'running' WHERE task_id = 't-v'");
        let checked = text(&host.conn, "SELECT acl_check()");
        if told.is_empty() {
            assert_eq!(outcome, Ok(0), "{made}");
            assert_eq!(host.audit(seq), ["bo allowed patch t-v"], "{made}");
            assert!(checked.contains("\"connection\":null"), "{made}: {checked}");
        } else {
            // One that gives up before the guard leaves nothing written.
            assert!(outcome == Ok(0) || outcome.as_ref().is_err_and(|text| text.contains(told)), "{made}: {outcome:?}");
            assert_eq!(host.status("t-v"), "created", "{made}");
            assert!(checked.contains(told), "{made}: {checked}");
        }
    }
}

/// A function of the host's in a trigger can run SQL; that meets the guards as a statement of its own.
#[test]
fn a_hosts_function_in_a_trigger_writes_under_the_actors_rights_alone() {
    let host = surrounded();
    add(&host, "CREATE TRIGGER calls AFTER UPDATE ON tasks BEGIN INSERT INTO log SELECT nested(), 1; END");
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    let nested =
        |call: &rusqlite::functions::Context<'_>| {
            #[expect(unsafe_code, reason = "the connection that runs the function is the one that it writes on")]
            // SAFETY: it is used on this thread and only while the function runs.
            let conn = unsafe { call.get_connection()? };
            Ok(run(&conn, "UPDATE tasks SET status = 'failed', completed_at = acl_now() WHERE task_id = 't-v'")
                .unwrap_or(9) as i64)
        };
    host.conn.create_scalar_function("nested", 0, flags, nested).unwrap();
    host.login("cy");
    let seq = last_seq(&host.store);
    // The refusal inside forgets what the guard of the outer statement has allowed.
    host.refuses("UPDATE tasks SET status = 'running' WHERE task_id = 't-x'", "a write passed without its guard");
    assert_eq!(host.status("t-x"), "created");
    assert_eq!(host.audit(seq), ["cy denied patch t-v"]);
}
