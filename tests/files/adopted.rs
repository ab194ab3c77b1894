//! Adoption loses nothing of a file that Agor made, and leaves one that it refuses byte for byte as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aclite::rusqlite::Connection;
use aclite::{
    Actor, AdoptReport, Adoption, EndingOutcome, Error, NewTask, Sharing, Store, TaskPatch, TaskStatus, WorktreePatch,
};
use tempfile::tempdir;

use crate::support::file::{
    GUARDED, agor, agor_with, beside, bytes, content, content_again, raw, schema, tamper, texts,
};
use crate::support::{self, ask, audit_after, verdict};

fn adopt(path: &Path) -> AdoptReport {
    Adoption::new().run(path).unwrap()
}

fn counts(report: &AdoptReport) -> BTreeMap<&str, u64> {
    report.rows.iter().map(|(table, rows)| (table.as_str(), *rows)).collect()
}

#[test]
fn nothing_is_lost_and_what_was_missing_is_there() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let (before, old_schema) = (content(&path), schema(&path));
    let old_shape: BTreeMap<_, _> = before.keys().map(|table| (table.clone(), shape(&raw(&path), table))).collect();
    let report = adopt(&path);

    assert_eq!(content_again(&path, &before), before, "every row of every table and column that was there");
    let new_schema = schema(&path);
    for ((kind, name), sql) in &old_schema {
        let now = new_schema.get(&(kind.clone(), name.clone()));
        if kind == "table" && GUARDED.contains(&name.as_str()) {
            // Columns were added to it, after those that it had; its constraints follow them.
            assert_eq!(&shape(&raw(&path), name)[..old_shape[name].len()], old_shape[name], "{name}");
            let last = |sql: &str| sql.rsplit('\n').take(2).map(str::to_owned).collect::<Vec<_>>();
            assert!(name == "users" || last(now.unwrap()) == last(sql), "{name}: {now:?}");
        } else {
            assert_eq!(now, Some(sql), "{kind} {name}");
        }
    }
    for table in GUARDED {
        assert!(new_schema.contains_key(&("table".to_owned(), table.to_owned())), "{table}");
    }
    let held = counts(&report);
    for (table, rows) in [("users", 4), ("repos", 1), ("boards", 1), ("worktrees", 3), ("sessions", 3), ("tasks", 2)] {
        assert_eq!(held[table], rows, "{table}");
    }
    assert_eq!((held["messages"], held["worktree_owners"]), (3, 3));
    let mut expected = AdoptReport::default();
    expected.tables =
        GUARDED.iter().filter(|table| !before.contains_key(**table)).map(|table| (*table).to_owned()).collect();
    expected.columns =
        ["users.unix_username", "worktrees.others_can", "worktrees.others_fs_access", "worktrees.unix_group"]
            .into_iter()
            .chain(["sessions.unix_username"])
            .map(str::to_owned)
            .collect();
    expected.owners = 3;
    expected.rows.clone_from(&report.rows);
    assert_eq!(report, expected, "and nothing else is reported");
}

/// Each column of a table: its name, type, default, and whether it is required or of the key.
fn shape(conn: &Connection, table: &str) -> Vec<String> {
    texts(
        conn,
        &format!(
            "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || ifnull(dflt_value, '') || ' ' || pk
             FROM pragma_table_xinfo('{table}') ORDER BY cid"
        ),
    )
}

#[test]
fn creators_own_their_worktrees_afterwards() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    adopt(&path);
    let conn = raw(&path);
    assert_eq!(
        texts(&conn, "SELECT worktree_id || ' ' || user_id || ' ' || created_at FROM worktree_owners ORDER BY 1"),
        ["w-ada ada 1700000000020", "w-bo bo 1700000000021", "w-cy cy 1700000000022"]
    );
    assert_eq!(
        texts(
            &conn,
            "SELECT user_id || ' ' || level || ' ' || source FROM acl_access WHERE worktree_id = 'w-bo' ORDER BY 1"
        ),
        ["ada view others", "bo all owner", "cy view others", "vi view others"]
    );
    let audited =
        "SELECT actor_kind || ' ' || operation || ' ' || resource || ' ' || verdict || ' ' || why FROM acl_audit";
    assert_eq!(texts(&conn, audited), ["system create meta allowed adopted"]);
}

#[test]
fn the_guards_are_in_force_afterwards() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    adopt(&path);
    assert_guarded(&path);

    let store = Store::open(&path).unwrap();
    assert!(store.check().unwrap().is_clean());
    let done = || TaskPatch::new().status(TaskStatus::Completed);
    for (who, outcome) in [("vi", "denied"), ("cy", "denied"), ("nobody", "hidden")] {
        let refused = store.write(&Actor::user(who), |tx| tx.tasks().patch("t-2", done()));
        assert_eq!(verdict(&refused), outcome, "{who}");
    }
    let patched = store.write(&Actor::executor("bo", "s-bo", "t-2"), |tx| tx.tasks().finish("t-2", done())).unwrap();
    assert_eq!(patched.ended, EndingOutcome::First);
    // A status and a column that nobody here has heard of are still what they were.
    assert_eq!(ask::<String>(&store, "SELECT status FROM sessions WHERE session_id = 's-cy'"), "a word of tomorrow");
    let shared = store.write(&Actor::user("bo"), |tx| {
        tx.worktrees().patch("w-bo", WorktreePatch::new().others_can(Sharing::Session))
    });
    assert_eq!(verdict(&shared), "ok");
    assert_eq!(verdict(&store.write(&Actor::user("cy"), |tx| tx.tasks().create(NewTask::new("s-bo")))), "denied");
}

/// A program without aclite's functions can read every guarded table, and write none.
#[track_caller]
fn assert_guarded(path: &Path) {
    let conn = raw(path);
    for table in GUARDED {
        let columns = texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let first = &columns[0];
        let values: Vec<&str> = columns.iter().map(|_| "1").collect();
        let insert = format!("INSERT INTO {table} VALUES ({})", values.join(", "));
        let update = format!("UPDATE {table} SET \"{first}\" = \"{first}\"");
        for statement in [insert, update, format!("DELETE FROM {table}")] {
            // A statement about no row meets no guard, so it is prepared: that fails already.
            let refused = conn.prepare(&statement).and_then(|mut statement| statement.execute([])).unwrap_err();
            assert!(refused.to_string().contains("no such function: acl_"), "{statement}: {refused}");
        }
        conn.prepare(&format!("SELECT * FROM {table}")).and_then(|mut all| all.exists([])).unwrap();
    }
}

#[test]
fn a_second_adoption_does_nothing() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    adopt(&path);
    let adopted = bytes(&path);
    assert_eq!(adopted.1.len(), 0, "the log is written back");
    for dry in [true, false] {
        let again = Adoption::new().dry_run(dry).run(&path).unwrap();
        let mut expected = AdoptReport::default();
        (expected.already, expected.dry_run) = (true, dry);
        assert_eq!(again, expected);
        assert_eq!(bytes(&path), adopted);
    }
}

#[test]
fn a_dry_run_reports_the_same_and_leaves_the_file_as_it_is() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let before = bytes(&path);
    let dry = Adoption::new().dry_run(true).run(&path).unwrap();
    assert_eq!(bytes(&path), before);
    assert!(!beside(&path, "-journal").exists() && !beside(&path, "-wal").exists());
    let mut expected = adopt(&path);
    expected.dry_run = true;
    assert_eq!(dry, expected);
}

#[test]
fn a_dry_run_of_a_file_larger_than_the_cache_leaves_it_as_it_is() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    // More changed pages than SQLite keeps in memory, so that some reach the file before they are undone.
    tamper(
        &path,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, data)
         SELECT 'more-' || i, i, 'bo', 'idle', 'codex', 'w-bo', '{}' FROM n;
         ALTER TABLE users ADD COLUMN unix_username text;
         UPDATE users SET unix_username = 'u-' || user_id;",
    );
    let before = bytes(&path);
    let dry = Adoption::new().dry_run(true).run(&path).unwrap();
    assert_eq!(dry.stamped, 30_003);
    assert!(bytes(&path) == before, "the file differs");
}

#[test]
fn progress_names_each_step() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let steps = std::cell::RefCell::new(Vec::new());
    Adoption::new().progress(|step| steps.borrow_mut().push(step.to_owned())).run(&path).unwrap();
    assert_eq!(steps.borrow().first().map(String::as_str), Some("checking the file"));
    assert_eq!(steps.borrow().last().map(String::as_str), Some("installing the guards"));
}

#[test]
fn owners_and_stamps_that_are_there_stay() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    tamper(
        &path,
        "ALTER TABLE users ADD COLUMN unix_username text;
         ALTER TABLE sessions ADD COLUMN unix_username text;
         UPDATE users SET unix_username = 'unix-' || user_id;
         UPDATE sessions SET unix_username = 'old-name' WHERE session_id = 's-bo';
         CREATE TABLE worktree_owners (
           worktree_id text(36) NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
           user_id text(36) NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
           created_at integer, PRIMARY KEY (worktree_id, user_id));
         INSERT INTO worktree_owners VALUES ('w-ada', 'cy', 17), ('w-ada', 'bo', NULL);",
    );
    let before = content(&path);
    let report = adopt(&path);
    let conn = raw(&path);
    let owners = "SELECT worktree_id || ' ' || user_id FROM worktree_owners ORDER BY 1";
    assert_eq!(texts(&conn, owners), ["w-ada bo", "w-ada cy", "w-bo bo", "w-cy cy"], "ada did not take hers back");
    assert_eq!((report.owners, report.stamped), (2, 0));
    let stamps = "SELECT ifnull(unix_username, 'none') FROM sessions ORDER BY session_id";
    assert_eq!(
        texts(&conn, stamps),
        ["none", "old-name", "none"],
        "a session without a stamp runs as the daemon: on purpose"
    );
    assert_eq!(content_again(&path, &before)["sessions"], before["sessions"]);
    assert_eq!(content_again(&path, &before)["users"], before["users"]);
}

#[test]
fn sessions_are_stamped_where_there_was_no_place_for_a_stamp() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    tamper(
        &path,
        "ALTER TABLE users ADD COLUMN unix_username text;
         UPDATE users SET unix_username = 'unix-' || user_id WHERE user_id <> 'cy'",
    );
    let report = adopt(&path);
    assert_eq!(report.stamped, 2);
    let stamps = "SELECT session_id || ' ' || ifnull(unix_username, 'none') FROM sessions ORDER BY 1";
    assert_eq!(texts(&raw(&path), stamps), ["s-ada unix-ada", "s-bo unix-bo", "s-cy none"]);
}

#[test]
fn what_cant_be_attributed_or_read_is_reported() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    tamper(
        &path,
        "UPDATE worktrees SET created_by = 'anonymous' WHERE worktree_id = 'w-ada';
         UPDATE worktrees SET created_by = 'ghost' WHERE worktree_id = 'w-cy';
         UPDATE sessions SET created_by = 'anonymous' WHERE session_id = 's-ada';
         UPDATE sessions SET created_by = 'ghost' WHERE session_id = 's-cy';
         INSERT INTO users (user_id, created_at, email, password, data) VALUES ('anonymous', 1, 'x', 'x', '{}');
         UPDATE tasks SET session_id = 'nowhere' WHERE task_id = 't-2';
         INSERT INTO session_mcp_servers VALUES ('nowhere', 'mcp', 1);
         UPDATE messages SET data = 'torn' WHERE message_id = 'm-1';
         UPDATE messages SET data = '[1]' WHERE message_id = 'm-2';
         UPDATE messages SET data = CAST('{}' AS blob) WHERE message_id = 'm-3';
         UPDATE tasks SET data = '{\"status\":\"failed\",\"model\":\"m\",\"session_id\":\"s-bo\"}' WHERE task_id = 't-1';",
    );
    let before = content(&path);
    let report = adopt(&path);
    assert_eq!(report.unowned, ["w-ada", "w-cy"], "no user called anonymous owns what anonymous made");
    assert_eq!(report.unattributed, ["s-ada", "s-cy"]);
    assert_eq!(report.orphans, ["tasks rowid 2: no sessions"], "tables that aclite does not know are not its concern");
    let mend = "its status can be set; System and Service can store another `data`";
    assert_eq!(
        report.unreadable,
        [
            format!("messages m-1: column `data` is not what a reader can take: a value is missing at byte 0; {mend}"),
            format!("messages m-2: column `data` is not a JSON object; {mend}"),
            format!("messages m-3: column `data` is not text without NUL; {mend}"),
        ]
    );
    assert_eq!(report.inexact, Vec::<String>::new());
    assert_eq!(report.shadowed, ["tasks.session_id", "tasks.status"]);
    assert_eq!(content_again(&path, &before), before, "none of it is mended");

    let store = Store::open(&path).unwrap();
    let torn = store.read(&support::system(), |tx| tx.messages().get("m-1")?.data().cloned()).unwrap_err();
    assert_eq!(torn.code(), "storage");
    assert!(torn.to_string().contains("m-1"), "{torn}");
    let task = store.read(&support::system(), |tx| tx.tasks().get("t-1")).unwrap();
    assert_eq!(task.status, TaskStatus::Completed, "the column counts");
}

#[test]
fn a_check_on_others_can_without_session_is_noted() {
    let with_column = |check: &str| {
        let dir = tempdir().unwrap();
        let column = format!("`data` text NOT NULL,\n  `others_can` text DEFAULT 'view'{check},\n  `schedule_enabled`");
        let path = agor_with(dir.path(), |sql| {
            assert_eq!(sql.matches("`data` text NOT NULL,\n  `schedule_enabled`").count(), 1);
            sql.replace("`data` text NOT NULL,\n  `schedule_enabled`", &column)
        });
        let notes = adopt(&path).notes;
        let store = Store::open(&path).unwrap();
        let shared = store.write(&Actor::user("bo"), |tx| {
            tx.worktrees().patch("w-bo", WorktreePatch::new().others_can(Sharing::Session))
        });
        (notes, verdict(&shared))
    };
    let old = with_column(" CHECK (`others_can` IN ('none', 'view', 'prompt', 'all'))");
    insta::assert_snapshot!(old.0.join("\n"), @"the CHECK on worktrees.others_can refuses `session`: that level can't be given to others before the table is rebuilt");
    assert_eq!(old.1, "invalid");
    for check in
        ["", " CHECK (others_can in ('none','view','session','prompt','all'))", " CHECK (length('session)') > 0)"]
    {
        assert_eq!(with_column(check), (vec![], "ok"), "{check}");
    }
}

#[test]
fn the_least_that_a_file_may_have_becomes_a_whole_one() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("least.db");
    raw(&path)
        .execute_batch(
            "CREATE TABLE users (user_id PRIMARY KEY, created_at, email UNIQUE, password, role, data);
             CREATE TABLE repos (repo_id PRIMARY KEY, created_at, slug UNIQUE, data);
             CREATE TABLE boards (board_id PRIMARY KEY, created_at, name, data);
             CREATE TABLE worktrees (worktree_id text PRIMARY KEY, repo_id REFERENCES repos ON DELETE CASCADE, created_at,
               created_by, name, ref, worktree_unique_id, data);
             CREATE TABLE sessions (session_id text PRIMARY KEY, created_at, created_by, status, agentic_tool,
               worktree_id REFERENCES worktrees ON DELETE CASCADE, data);
             CREATE TABLE tasks (task_id text PRIMARY KEY, session_id REFERENCES sessions ON DELETE CASCADE, created_at,
               status, created_by, data);
             CREATE TABLE messages (message_id text PRIMARY KEY, session_id REFERENCES sessions ON DELETE CASCADE,
               task_id REFERENCES tasks ON DELETE SET NULL, created_at, type, role, \"index\", timestamp, data);
             INSERT INTO users VALUES ('ada', 1, 'a@example.com', 'hash', 'admin', '{}');
             INSERT INTO repos VALUES ('r', 1, 'r', '{}');
             INSERT INTO boards VALUES ('b', 1, 'b', '{}');
             INSERT INTO worktrees VALUES ('w', 'r', 1, 'ada', 'w', 'main', 1, '{}');
             INSERT INTO sessions VALUES ('s', 1, 'ada', 'idle', 'codex', 'w', '{}');",
        )
        .unwrap();
    adopt(&path);
    let fresh = dir.path().join("fresh.db");
    drop(Store::open(&fresh).unwrap());
    let (conn, model) = (raw(&path), raw(&fresh));
    let references = |conn: &Connection, table: &str| {
        texts(
            conn,
            &format!(
                "SELECT \"from\" || ' ' || \"table\" || ' ' || on_delete FROM pragma_foreign_key_list('{table}') ORDER BY 1"
            ),
        )
    };
    for table in GUARDED {
        let columns = format!("SELECT name FROM pragma_table_info('{table}') ORDER BY 1");
        assert_eq!(texts(&conn, &columns), texts(&model, &columns), "{table}");
        assert_eq!(references(&conn, table), references(&model, table), "{table}");
    }
    drop((conn, model));

    let store = Store::open(&path).unwrap();
    support::sql(&store, "UPDATE worktrees SET board_id = 'b' WHERE worktree_id = 'w'");
    support::sql(&store, "DELETE FROM boards WHERE board_id = 'b'");
    assert_eq!(ask::<Option<String>>(&store, "SELECT board_id FROM worktrees"), None);
    assert_eq!(verdict(&store.write(&Actor::user("ada"), |tx| tx.tasks().create(NewTask::new("s")))), "ok");
}

#[test]
fn a_file_in_wal_mode_is_adopted_with_what_its_log_holds() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let other = raw(&path);
    other
        .execute_batch("PRAGMA journal_mode = WAL; UPDATE users SET name = 'Ada, late' WHERE user_id = 'ada'")
        .unwrap();
    assert!(!bytes(&path).1.is_empty());
    // The other program crashed: nobody writes its log back.
    let copy = dir.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(beside(&path, "-wal"), beside(&copy, "-wal")).unwrap();
    drop(other);

    let before = bytes(&copy);
    Adoption::new().dry_run(true).run(&copy).unwrap();
    assert!(bytes(&copy) == before, "a dry run writes no log back");
    adopt(&copy);
    assert!(bytes(&copy).1.is_empty(), "what an adoption did is in the one file");
    let store = Store::open(&copy).unwrap();
    assert_eq!(ask::<String>(&store, "SELECT name FROM users WHERE user_id = 'ada'"), "Ada, late");
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM worktree_owners"), 3);
}

#[test]
fn a_refused_file_in_wal_mode_keeps_its_log() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let other = raw(&path);
    other
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TRIGGER mine AFTER INSERT ON tasks BEGIN DELETE FROM boards; END",
        )
        .unwrap();
    let copy = dir.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(beside(&path, "-wal"), beside(&copy, "-wal")).unwrap();
    let before = bytes(&copy);
    assert_eq!(Adoption::new().run(&copy).unwrap_err().code(), "incompatible");
    assert!(bytes(&copy) == before);
}

/// Makes a file that adoption has to refuse, in the directory.
type Make = fn(&Path) -> PathBuf;

/// Every reason to refuse a file.
const REFUSED: &[(&str, Make)] = &[
    ("of the time of branches", |dir| {
        changed(
            dir,
            "ALTER TABLE worktrees RENAME TO branches; ALTER TABLE sessions RENAME COLUMN worktree_id TO branch_id",
        )
    }),
    ("branches in sessions only", |dir| changed(dir, "ALTER TABLE sessions ADD COLUMN branch_id text")),
    ("a newer aclite file", |dir| {
        let path = ours(dir);
        tamper(&path, "PRAGMA user_version = 99");
        path
    }),
    ("an aclite file with newer guards", |dir| {
        let path = ours(dir);
        tamper(
            &path,
            "DROP TRIGGER acl_acl_meta_before_update; UPDATE acl_meta SET value = 99 WHERE name = 'generation'",
        );
        path
    }),
    ("an aclite file that was tampered with", |dir| {
        let path = ours(dir);
        tamper(&path, "DROP TRIGGER acl_tasks_before_delete");
        path
    }),
    ("no database", |dir| written(dir, &b"dear ada, this is a letter. ".repeat(100))),
    ("no database, and short", |dir| written(dir, b"dear ada")),
    ("an empty file", |dir| written(dir, b"")),
    ("no file", |dir| dir.join("missing.db")),
    ("damaged: a page of tasks", |dir| {
        let path = agor(dir);
        let root: i64 = raw(&path)
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'tasks'", [], |row| row.get(0))
            .unwrap();
        flip(&path, usize::try_from(root - 1).unwrap() * 4096, 64);
        path
    }),
    ("damaged: the schema", |dir| {
        let path = agor(dir);
        flip(&path, 100, 12);
        path
    }),
    ("damaged: cut short", |dir| {
        let path = agor(dir);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        path
    }),
    ("not to be written", |dir| {
        let path = agor(dir);
        let mut mode = std::fs::metadata(&path).unwrap().permissions();
        mode.set_readonly(true);
        std::fs::set_permissions(&path, mode).unwrap();
        path
    }),
    ("user_version taken", |dir| changed(dir, "PRAGMA user_version = 7")),
    ("columns missing", |dir| {
        changed(dir, "ALTER TABLE sessions DROP COLUMN agentic_tool; ALTER TABLE repos RENAME COLUMN data TO stuff")
    }),
    ("a table missing", |dir| changed(dir, "DROP TABLE messages")),
    ("another program's `groups`", |dir| changed(dir, "CREATE TABLE groups (id integer PRIMARY KEY, title text)")),
    ("a view where a table goes", |dir| changed(dir, "CREATE VIEW groups AS SELECT 1 AS group_id")),
    ("a view with a name of ours", |dir| changed(dir, "CREATE VIEW acl_access AS SELECT 1 AS level")),
    ("a table with a name of ours", |dir| changed(dir, "CREATE TABLE acl_access (level)")),
    ("a foreign trigger", |dir| {
        changed(dir, "CREATE TRIGGER touch AFTER UPDATE ON tasks BEGIN UPDATE sessions SET updated_at = 1; END")
    }),
    ("ON CONFLICT REPLACE", |dir| {
        agor_with(dir, |sql| sql.replace("`slug` text NOT NULL,", "`slug` text NOT NULL UNIQUE ON CONFLICT REPLACE,"))
    }),
    ("COLLATE", |dir| {
        agor_with(dir, |sql| {
            sql.replace("`task_id` text(36) PRIMARY KEY", "`task_id` text(36) COLLATE NOCASE PRIMARY KEY")
        })
    }),
    ("a key missing", |dir| {
        agor_with(dir, |sql| {
            sql.replace("`message_id` text(36) PRIMARY KEY NOT NULL", "`message_id` text(36) NOT NULL")
        })
    }),
    ("a key missing that others refer to", |dir| {
        agor_with(dir, |sql| sql.replace("`user_id` text(36) PRIMARY KEY NOT NULL", "`user_id` text(36) NOT NULL"))
    }),
    ("a reference missing", |dir| {
        agor_with(dir, |sql| {
            sql.replace("FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade,\n  FOREIGN KEY (`task_id`)", "FOREIGN KEY (`task_id`)")
        })
    }),
    ("UTF-16, little-endian", |dir| agor_with(dir, |sql| format!("PRAGMA encoding = 'UTF-16le'; {sql}"))),
    ("UTF-16, big-endian", |dir| agor_with(dir, |sql| format!("PRAGMA encoding = 'UTF-16be'; {sql}"))),
    ("WITHOUT ROWID", |dir| {
        agor_with(dir, |sql| {
            let end = "REFERENCES `tasks`(`task_id`) ON UPDATE no action ON DELETE set null\n)";
            assert_eq!(sql.matches(end).count(), 1);
            sql.replace(end, &format!("{end} WITHOUT /* */ ROWID"))
        })
    }),
    ("WITHOUT ROWID, several", |dir| {
        agor_with(dir, |sql| {
            sql.replace(
                "`slug` text NOT NULL, `data` text NOT NULL\n)",
                "`slug` text NOT NULL, `data` text NOT NULL\n) without rowid",
            )
            .replace("`slug` text, `data` text NOT NULL\n)", "`slug` text, `data` text NOT NULL\n) WITHOUT ROWID")
        })
    }),
    ("owners WITHOUT ROWID", |dir| {
        changed(dir, "CREATE TABLE worktree_owners (worktree_id text REFERENCES worktrees ON DELETE CASCADE, user_id text REFERENCES users ON DELETE CASCADE,
          created_at integer, PRIMARY KEY (worktree_id, user_id)) WITHOUT ROWID")
    }),
    ("e-mails that differ in case only", |dir| {
        changed(
            dir,
            "UPDATE users SET email = 'ADA@example.com' WHERE user_id = 'bo'; UPDATE users SET email = 'vi@Example.com' WHERE user_id = 'cy'",
        )
    }),
    ("one e-mail three times", |dir| {
        changed(dir, "DROP INDEX users_email_unique; UPDATE users SET email = 'ada@example.com' WHERE user_id <> 'vi'")
    }),
    ("one slug of two repos, and of two boards", |dir| {
        changed(
            dir,
            "DROP INDEX repos_slug_unique; INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r-2', 1, 'org/repo', '{}');
             DROP INDEX boards_slug_unique; INSERT INTO boards (board_id, created_at, name, slug, data)
               VALUES ('b-2', 1, 'n', 'main', '{}'), ('b-3', 1, 'n', NULL, '{}'), ('b-4', 1, 'n', NULL, '{}')",
        )
    }),
    ("more e-mails than one wants to read", |dir| {
        changed(
            dir,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
             INSERT INTO users (user_id, created_at, email, password, data)
             SELECT 'u-' || i || s.s, 1, s.s || i, 'x', '{}' FROM n, (SELECT 'm' AS s UNION ALL SELECT 'M') AS s",
        )
    }),
    ("another program's file", |dir| {
        let path = dir.join("other.db");
        tamper(&path, "PRAGMA application_id = 252006675; CREATE TABLE places (a); CREATE TABLE marks (b)");
        path
    }),
    ("another program's file with a version", |dir| {
        let path = dir.join("other.db");
        tamper(&path, "PRAGMA user_version = 5; CREATE TABLE users (a); CREATE TABLE b (a); CREATE TABLE c (a); CREATE TABLE d (a);
          CREATE TABLE e (a); CREATE TABLE f (a); CREATE TABLE g (a)");
        path
    }),
    ("a directory", |dir| {
        std::fs::create_dir(dir.join("a.db")).unwrap();
        dir.join("a.db")
    }),
    ("a partial unique index", |dir| {
        changed(dir, "CREATE UNIQUE INDEX one_runs ON tasks (session_id) WHERE status = 'running'")
    }),
];

fn ours(dir: &Path) -> PathBuf {
    let path = dir.join("ours.db");
    drop(Store::open(&path).unwrap());
    path
}

fn changed(dir: &Path, sql: &str) -> PathBuf {
    let path = agor(dir);
    tamper(&path, sql);
    path
}

fn written(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join("written.db");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn flip(path: &Path, from: usize, count: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[from..from + count].iter_mut().for_each(|byte| *byte = !*byte);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn each_refusal_says_why_and_leaves_the_file_as_it_was() {
    let mut said = String::new();
    for (name, make) in REFUSED {
        let dir = tempdir().unwrap();
        let path = make(dir.path());
        let before = bytes(&path);
        let modified = std::fs::metadata(&path).and_then(|file| file.modified()).ok();
        for dry in [true, false] {
            let error = Adoption::new().dry_run(dry).run(&path).expect_err(name);
            assert!(matches!(error, Error::Incompatible(_) | Error::Tampered(_)), "{name}: {error:?}");
            assert!(bytes(&path) == before, "{name}: the file differs");
            assert_eq!(std::fs::metadata(&path).and_then(|file| file.modified()).ok(), modified, "{name}: touched");
            assert_eq!(error.public().message, "the database failed", "{name}");
            if !dry {
                said.push_str(&format!("{name}: {error}\n"));
            }
        }
        for ending in ["-journal", "-wal", "-shm"] {
            assert!(!beside(&path, ending).exists(), "{name}: {ending} was left behind");
        }
    }
    insta::assert_snapshot!(said, @r#"
    of the time of branches: the file calls worktrees `branches`, a later shape than this aclite knows
    branches in sessions only: the file calls worktrees `branches`, a later shape than this aclite knows
    a newer aclite file: the file has version 99, this aclite knows versions up to 1
    an aclite file with newer guards: the file has version 99, this aclite knows versions up to 4
    an aclite file that was tampered with: the guards of this file were tampered with; missing: trigger `acl_tasks_before_delete`
    no database: the file is not an sqlite database, or it is encrypted
    no database, and short: the file is not an sqlite database, or it is encrypted
    an empty file: the file is empty: `aclite init FILE` makes it one of aclite's
    no file: there is no such file
    damaged: a page of tasks: the database is damaged: *** in database main ***
    Tree 14 page 14: btreeInitPage() returns error code 11
    damaged: the schema: the database is damaged: database disk image is malformed
    damaged: cut short: the database is damaged: database disk image is malformed
    not to be written: the file can't be written
    user_version taken: another program keeps its version, 7, in `user_version` of this file, where aclite keeps its own: where nothing needs it, set it to 0
    columns missing: the file can't be adopted: there is no column `repos.data`, there is no column `sessions.agentic_tool`
    a table missing: the file can't be adopted: there is no table `messages`
    another program's `groups`: the file can't be adopted: there is no column `groups.group_id`, there is no column `groups.name`, there is no column `groups.slug`, there is no column `groups.created_at`
    a view where a table goes: the file can't be adopted: view `groups` is in the way
    a view with a name of ours: the file can't be adopted: view `acl_access` is in the way
    a table with a name of ours: the file can't be adopted: table `acl_access` is in the way
    a foreign trigger: the file can't be adopted: trigger `touch` on `tasks` is not aclite's: it writes `sessions`; drop it first
    ON CONFLICT REPLACE: the file can't be adopted: table `repos` has an `ON CONFLICT` clause, which could pass by the guards
    COLLATE: the file can't be adopted: table `tasks` has a `COLLATE` clause, which could make different ids equal
    a key missing: the file can't be adopted: table `messages` has no key on message_id
    a key missing that others refer to: the file can't be adopted: table `users` has no key on user_id
    a reference missing: the file can't be adopted: column `messages.session_id` does not reference `sessions`
    UTF-16, little-endian: the file stores texts as UTF-16le, and guards read UTF-8: copy it by `sqlite3 OLD .dump | sqlite3 NEW`, and adopt the copy
    UTF-16, big-endian: the file stores texts as UTF-16be, and guards read UTF-8: copy it by `sqlite3 OLD .dump | sqlite3 NEW`, and adopt the copy
    WITHOUT ROWID: the file can't be adopted: table `messages` is WITHOUT ROWID, and guards know rows by their rowid: make a new table without that clause, copy the rows, drop the old one and rename the new one
    WITHOUT ROWID, several: the file can't be adopted: tables `repos`, `boards` are WITHOUT ROWID, and guards know rows by their rowid: make a new table without that clause, copy the rows, drop the old one and rename the new one
    owners WITHOUT ROWID: the file can't be adopted: table `worktree_owners` is WITHOUT ROWID, and guards know rows by their rowid: make a new table without that clause, copy the rows, drop the old one and rename the new one
    e-mails that differ in case only: the file can't be adopted: users ada, bo share the email `ada@example.com`; users cy, vi share the email `vi@example.com`: give each row a value of its own, or remove the rows that are not needed, and adopt the file then
    one e-mail three times: the file can't be adopted: users ada, bo, cy share the email `ada@example.com`: give each row a value of its own, or remove the rows that are not needed, and adopt the file then
    one slug of two repos, and of two boards: the file can't be adopted: repos r, r-2 share the slug `org/repo`; boards b, b-2 share the slug `main`: give each row a value of its own, or remove the rows that are not needed, and adopt the file then
    more e-mails than one wants to read: the file can't be adopted: users u-10m, u-10M share the email `m10`; users u-11m, u-11M share the email `m11`; users u-12m, u-12M share the email `m12`; users u-13m, u-13M share the email `m13`; users u-14m, u-14M share the email `m14`; users u-15m, u-15M share the email `m15`; users u-16m, u-16M share the email `m16`; users u-17m, u-17M share the email `m17`; users u-18m, u-18M share the email `m18`; users u-19m, u-19M share the email `m19`; users u-1m, u-1M share the email `m1`; users u-20m, u-20M share the email `m20`; users u-21m, u-21M share the email `m21`; users u-22m, u-22M share the email `m22`; users u-23m, u-23M share the email `m23`; users u-24m, u-24M share the email `m24`; users u-25m, u-25M share the email `m25`; users u-26m, u-26M share the email `m26`; users u-27m, u-27M share the email `m27`; users u-28m, u-28M share the email `m28`; and 10 more: give each row a value of its own, or remove the rows that are not needed, and adopt the file then
    another program's file: the file is another program's and not Agor's: it holds `marks`, `places`, application id 0xf055113
    another program's file with a version: the file is another program's and not Agor's: it holds `b`, `c`, `d`, `e`, `f` and 2 more
    a directory: it is a directory or a device, not a file
    a partial unique index: the file can't be adopted: unique index `one_runs` of table `tasks` is partial or on an expression
    "#);
}

/// A file that was detached for a migration is whole again, with what the migration brought.
#[test]
fn a_detached_file_is_adopted_again() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    adopt(&path);
    Store::detach(&path).unwrap();
    // The way Agor's own migrations rebuild a table.
    raw(&path)
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             CREATE TABLE new_tasks (task_id text(36) PRIMARY KEY NOT NULL, session_id text(36) NOT NULL
               REFERENCES sessions (session_id) ON DELETE CASCADE, created_at integer NOT NULL, started_at integer,
               completed_at integer, status text NOT NULL, created_by text(36) DEFAULT 'anonymous' NOT NULL,
               priority integer, data text NOT NULL);
             INSERT INTO new_tasks (task_id, session_id, created_at, completed_at, status, created_by, data)
               SELECT task_id, session_id, created_at, completed_at, status, created_by, data FROM tasks;
             DROP TABLE tasks;
             ALTER TABLE new_tasks RENAME TO tasks;
             UPDATE tasks SET priority = 3;",
        )
        .unwrap();
    let report = adopt(&path);
    assert!(!report.already);
    assert_eq!((report.owners, report.stamped, report.columns.len()), (0, 0, 5), "what was taken back is there again");
    assert_guarded(&path);
    let store = Store::open(&path).unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT sum(priority) FROM tasks"), 6);
    let why: Vec<_> = audit_after(&store, 0).into_iter().map(|row| (row.operation, row.why.unwrap())).collect();
    let expected = [("create", "adopted"), ("remove", "detached"), ("create", "adopted again")];
    assert_eq!(why, expected.map(|(operation, why)| (operation.to_owned(), why.to_owned())));
    // A new column counts as restricted: an executor may not touch it.
    let refused = store.write(&Actor::executor("bo", "s-bo", "t-2"), |tx| {
        tx.sql().execute("UPDATE tasks SET priority = 9 WHERE task_id = 't-2'", [])
    });
    assert_eq!(verdict(&refused), "denied");
}

/// SQLite takes `Session_ID` for `session_id`: guards that did not would let a task be moved.
#[test]
fn names_in_capitals_are_the_same_names() {
    let dir = tempdir().unwrap();
    let path = agor_with(dir.path(), |sql| {
        sql.replace(
            "`session_id` text(36) NOT NULL,\n  `created_at` integer NOT NULL, `completed_at`",
            "`Session_ID` text(36) NOT NULL,\n  `created_at` integer NOT NULL, `completed_at`",
        )
        .replace(
            "`archived_by` text(36), `filesystem_status` text",
            "`archived_by` text(36), `filesystem_status` text, `Others_Can` text",
        )
    });
    assert!(schema(&path)[&("table".to_owned(), "tasks".to_owned())].contains("`Session_ID`"));
    let report = adopt(&path);
    assert!(!report.columns.contains(&"worktrees.others_can".to_owned()), "{report:?}");
    let store = Store::open(&path).unwrap();
    support::session(&store, "s-bo-2", "w-bo", "bo");
    let moved = store.write(&Actor::user("bo"), |tx| {
        tx.sql().execute("UPDATE tasks SET session_id = 's-bo-2' WHERE task_id = 't-2'", [])
    });
    assert_eq!(verdict(&moved), "immutable");
    let patched = store.write(&Actor::user("bo"), |tx| tx.tasks().patch("t-2", TaskPatch::new().set("model", "m")));
    assert_eq!(verdict(&patched), "ok");
}

/// The file that Agor itself wrote, where the variable names it.
#[test]
fn a_file_that_agor_wrote() {
    let Some(original) = std::env::var_os("ACLITE_AGOR_FILE") else {
        eprintln!("SKIPPED: ACLITE_AGOR_FILE names no file of Agor's");
        return;
    };
    let dir = tempdir().unwrap();
    let path = dir.path().join("agor.db");
    std::fs::write(&path, std::fs::read(original).unwrap()).unwrap();
    let before = content(&path);
    let report = adopt(&path);
    assert_eq!(content_again(&path, &before), before);
    let held = counts(&report);
    let counted = [("users", 4), ("repos", 1), ("worktrees", 3), ("sessions", 6), ("tasks", 24), ("messages", 120)];
    for (table, rows) in counted {
        assert_eq!((held[table], before[table].1.len()), (rows, usize::try_from(rows).unwrap()), "{table}");
    }
    assert_eq!((report.owners, held["worktree_owners"], report.stamped), (3, 3, 0));
    for found in [
        &report.unowned,
        &report.unattributed,
        &report.orphans,
        &report.unreadable,
        &report.inexact,
        &report.shadowed,
        &report.notes,
    ] {
        assert_eq!(found, &Vec::<String>::new());
    }
    let conn = raw(&path);
    let roles = "SELECT email || ' ' || role FROM users ORDER BY 1";
    let expected = ["ada@example.com admin", "bo@example.com member", "cy@example.com member", "vi@example.com viewer"];
    assert_eq!(texts(&conn, roles), expected);
    let owners = "SELECT u.email FROM worktrees AS w JOIN worktree_owners AS o USING (worktree_id)
                  JOIN users AS u USING (user_id) WHERE o.user_id = w.created_by ORDER BY w.created_at";
    assert_eq!(texts(&conn, owners), ["ada@example.com", "bo@example.com", "cy@example.com"]);
    drop(conn);
    assert_guarded(&path);
    let adopted = bytes(&path);
    assert!(adopt(&path).already);
    assert!(bytes(&path) == adopted);
    assert!(Store::open(&path).unwrap().check().unwrap().is_clean());
}

/// What the API can't read, or not in full, is listed: which row, why, and what to do. No list is endless.
#[test]
fn what_the_api_cannot_read_in_full_is_listed() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let nested = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    tamper(
        &path,
        &format!(
            r#"UPDATE tasks SET data = '{nested}' WHERE task_id = 't-1';
               UPDATE tasks SET started_at = 'soon' WHERE task_id = 't-2';
               UPDATE messages SET data = '{{"content":"\ud83c"}}' WHERE message_id = 'm-1';
               UPDATE messages SET data = '{{"n":123456789012345678901}}' WHERE message_id = 'm-2';
               UPDATE messages SET data = '{{"k":{{"a":1,"a":2}}}}' WHERE message_id = 'm-3';
               UPDATE users SET name = CAST(x'ff' AS text) WHERE user_id = 'u-ada';"#,
        ),
    );
    let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 150)
                INSERT INTO boards (board_id, created_at, name, data) SELECT printf('b-%03d', n), 1, 'b', '[]' FROM n";
    tamper(&path, many);
    let report = adopt(&path);
    let stays = "what is stored stays as it is";
    let boards: Vec<&String> = report.unreadable.iter().filter(|row| row.starts_with("boards")).collect();
    assert_eq!((boards.len(), boards[100].as_str()), (101, "boards: 50 more rows"));
    let others: Vec<&String> = report.unreadable.iter().filter(|row| !row.starts_with("boards")).collect();
    assert_eq!(
        others,
        [
            "tasks t-1: column `data` is not what a reader can take: nested deeper than 127 levels at byte 131; its status can be set; System and Service can store another `data`",
            "tasks t-2: column `started_at` is not integer milliseconds; put it right by SQL as System, or, where it never changes, while the file is detached",
        ]
    );
    let ada = report.inexact.iter().find(|row| row.starts_with("users"));
    assert!(ada.is_none_or(|row| row.ends_with(&format!("column `name` is not UTF-8, and read with U+FFFD; {stays}"))));
    let messages: Vec<&String> = report.inexact.iter().filter(|row| row.starts_with("messages")).collect();
    assert_eq!(
        messages,
        [
            &format!("messages m-1: column `data` holds a lone surrogate, read as U+FFFD; {stays}"),
            &format!(
                "messages m-2: column `data` holds a number with more digits than `data()` gives; `data_text()` and JSON text have them all; {stays}"
            ),
            &format!("messages m-3: column `data` holds a repeated key `a`, of which the last one counts; {stays}"),
        ]
    );
    // What it says of the rows is so.
    let store = Store::open(&path).unwrap();
    let ended = "UPDATE tasks SET status = 'stopped', completed_at = 5 WHERE task_id = 't-1' AND status <> 'completed'";
    store.write(&support::system(), |tx| tx.sql().execute(ended, [])).unwrap();
    store
        .write(&support::system(), |tx| tx.sql().execute("UPDATE tasks SET data = '{}' WHERE task_id = 't-1'", []))
        .unwrap();
    store
        .write(&support::system(), |tx| tx.sql().execute("UPDATE tasks SET started_at = 5 WHERE task_id = 't-2'", []))
        .unwrap();
    for id in ["t-1", "t-2"] {
        store.read(&support::system(), |tx| tx.tasks().get(id)?.data().cloned()).unwrap();
    }
}

/// A key that is spelled with an escape is found by its name in some versions of SQLite only: adoption spells it plainly, and
/// says so.
#[test]
fn keys_that_not_every_sqlite_finds_are_spelled_plainly() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let data = |table: &str| texts(&raw(&path), &format!("SELECT data FROM {table} ORDER BY rowid LIMIT 1")).remove(0);
    tamper(
        &path,
        r#"UPDATE sessions SET data = '{ "mcp\u005ftoken" : "tok", "caf\u00e9":1,"in":{"\u0061":1} }' WHERE rowid = (SELECT min(rowid) FROM sessions);
           UPDATE users SET data = '{"api_keys":{"A":"old"},"api\u005fkeys":{"A":"new"}}' WHERE rowid = (SELECT min(rowid) FROM users);
           UPDATE tasks SET data = '{"\u0061":1' WHERE rowid = (SELECT min(rowid) FROM tasks);"#,
    );
    let before = bytes(&path);
    let dry = Adoption::new().dry_run(true).run(&path).unwrap();
    assert_eq!(bytes(&path), before, "a dry run changes nothing");
    let report = adopt(&path);
    let told = |table: &str| {
        format!(
            "`data` of {table}: in 1 rows a key was spelled with an escape, which not every SQLite finds; it is spelled plainly now"
        )
    };
    assert_eq!(report.notes, [told("users"), told("sessions")]);
    assert_eq!(dry.notes, report.notes);
    assert_eq!(data("sessions"), r#"{"mcp_token":"tok","caf\u00e9":1,"in":{"\u0061":1}}"#);
    assert_eq!(data("users"), r#"{"api_keys":{"A":"new"}}"#, "the last one counted");
    assert_eq!(data("tasks"), r#"{"\u0061":1"#, "what is no JSON stays");
    let store = Store::open(&path).unwrap();
    store.read(&support::system(), |tx| tx.sessions().by_mcp_token("tok")).unwrap();
    assert_eq!(texts(&raw(&path), "PRAGMA integrity_check"), ["ok"]);
}

/// The index of tokens as another version of SQLite may have left it: it is built anew, and no file is lost for it.
#[test]
fn a_file_whose_index_another_sqlite_wrote_is_adopted_again() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = support::world_at(&path);
    support::places(&store, Sharing::None);
    support::sql(&store, "UPDATE sessions SET data = '{\"mcp_token\":\"tok\"}' WHERE session_id = 's-w'");
    drop(store);
    Store::detach(&path).unwrap();
    let index = texts(&raw(&path), "SELECT sql FROM sqlite_schema WHERE name = 'sessions_mcp_token_idx'").remove(0);
    let conn = raw(&path);
    conn.execute_batch("DROP INDEX sessions_mcp_token_idx; CREATE INDEX sessions_mcp_token_idx ON sessions (session_id) WHERE 0; PRAGMA writable_schema = ON").unwrap();
    conn.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'sessions_mcp_token_idx'", [index]).unwrap();
    drop(conn);
    assert_ne!(texts(&raw(&path), "PRAGMA integrity_check"), ["ok"], "else this shows nothing");
    let report = adopt(&path);
    assert_eq!(
        report.notes,
        ["the index `sessions_mcp_token_idx` held what another version of SQLite read, and was built anew"]
    );
    assert_eq!(texts(&raw(&path), "PRAGMA integrity_check"), ["ok"]);
    let store = Store::open(&path).unwrap();
    store.read(&support::system(), |tx| tx.sessions().by_mcp_token("tok")).unwrap();
}
