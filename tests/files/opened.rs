//! Opening makes a new file whole, also for many at once; a crash loses no acknowledged write.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use aclite::rusqlite::Connection;
use aclite::{Actor, Durability, Error, Incompatible, OpenOptions, Sharing, Store, TaskPatch, TaskStatus};
use tempfile::tempdir;

use crate::support::file::{bytes, host, past_guards, raw, raw_with_functions, tamper, texts};
use crate::support::{self, add_user, ask, audit_after, session, sql, task, worktree, world_at};

/// How many open a file at the same time.
const MANY: usize = 8;
/// How often they do: more than the few rounds in which a race that exists has been seen not to show.
const ROUNDS: usize = 12;

/// Names the file for a copy of this program that plays one of many.
const CHILD: &str = "ACLITE_TEST_CHILD";

/// What the copies do: wait for the starting gun, open, write, and say that it went well.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    println!("\nready");
    // Everybody is let go at once: the parent closes the pipe.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let store = Store::open(&path).unwrap();
    assert!(store.check().unwrap().is_clean());
    add_user(&store, &format!("u-{}", std::process::id()), "member");
    println!("\nopened");
    if std::env::var_os("ACLITE_TEST_CRASH").is_some() {
        std::process::abort();
    }
}

fn start(path: &Path, crash: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["opened::child", "--exact", "--nocapture"]).env(CHILD, path);
    if crash {
        command.env("ACLITE_TEST_CRASH", "1");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for_line(child: &mut Child, line: &str) {
    let out = BufReader::new(child.stdout.as_mut().unwrap());
    assert!(out.lines().map_while(Result::ok).any(|said| said == line), "a child never said `{line}`");
}

#[test]
fn eight_processes_open_one_new_file_at_once() {
    for round in 0..ROUNDS {
        let dir = tempdir().unwrap();
        let path = dir.path().join("new.db");
        let mut children: Vec<Child> = (0..MANY).map(|_| start(&path, false)).collect();
        children.iter_mut().for_each(|child| wait_for_line(child, "ready"));
        assert!(!path.exists());
        children.iter_mut().for_each(|child| drop(child.stdin.take()));
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_new_and_sound(&path);
    }
}

#[test]
fn eight_threads_open_one_new_file_at_once() {
    for _ in 0..ROUNDS {
        let dir = tempdir().unwrap();
        let path = dir.path().join("new.db");
        let gun = Barrier::new(MANY);
        std::thread::scope(|scope| {
            for number in 0..MANY {
                let (path, gun) = (&path, &gun);
                scope.spawn(move || {
                    gun.wait();
                    let store = Store::open(path).unwrap();
                    assert!(store.check().unwrap().is_clean());
                    add_user(&store, &format!("u-{number}"), "member");
                });
            }
        });
        assert_new_and_sound(&path);
    }
}

/// It was made once, its guards are as they should be, and each of the many has written to it.
#[track_caller]
fn assert_new_and_sound(path: &Path) {
    let store = Store::open(path).unwrap();
    assert!(store.check().unwrap().is_clean());
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM users"), i64::try_from(MANY).unwrap());
    let made: Vec<_> = audit_after(&store, 0).into_iter().filter(|row| row.resource == "meta").collect();
    assert_eq!(made.len(), 1, "{made:?}");
    drop(store);
    assert_eq!(texts(&raw(path), "PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn an_acknowledged_write_survives_the_crash_of_its_process() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    let mut child = start(&path, true);
    wait_for_line(&mut child, "ready");
    drop(child.stdin.take());
    wait_for_line(&mut child, "opened");
    assert!(!child.wait().unwrap().success(), "it crashed");
    let store = Store::open(&path).unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM users"), 1);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn either_durability_keeps_what_was_written() {
    for durability in [Durability::Full, Durability::Normal] {
        let dir = tempdir().unwrap();
        let path = dir.path().join("new.db");
        let open = || OpenOptions::new().durability(durability).open(&path).unwrap();
        add_user(&open(), "bo", "member");
        assert_eq!(ask::<i64>(&open(), "SELECT count(*) FROM users"), 1);
    }
}

#[test]
fn a_missing_file_is_made_only_where_that_is_wanted() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("missing.db");
    let error = OpenOptions::new().create(false).open(&path).unwrap_err();
    assert!(matches!(&error, Error::Incompatible(kind) if **kind == Incompatible::Missing), "{error:?}");
    assert!(!path.exists());
    drop(OpenOptions::new().create(true).open(&path).unwrap());
    drop(OpenOptions::new().create(false).open(&path).unwrap());
}

#[test]
fn an_empty_file_becomes_a_new_one_only_where_that_is_wanted() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("empty.db");
    std::fs::write(&path, "").unwrap();
    let error = OpenOptions::new().create(false).repair(true).open(&path).unwrap_err();
    assert!(matches!(&error, Error::Incompatible(kind) if **kind == Incompatible::Empty), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert!(OpenOptions::new().create(true).open(&path).unwrap().check().unwrap().is_clean());
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("letter.txt");
    std::fs::write(&path, "dear ada").unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(&error, Error::Incompatible(kind) if **kind == Incompatible::NotADatabase), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"dear ada");
    let error = Store::open(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), "it is a directory or a device, not a file");
}

#[test]
fn opening_waits_for_others_only_so_long() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    let other = raw(&path);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let started = Instant::now();
    let error = OpenOptions::new().busy_timeout(Duration::from_millis(200)).open(&path).unwrap_err();
    let Error::Busy(waited) = error else { panic!("{error:?}") };
    assert!(waited >= Duration::from_millis(200) && waited <= started.elapsed(), "{waited:?}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    Store::open(&path).unwrap();
}

#[test]
fn opening_again_changes_nothing() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    drop(Store::open(&path).unwrap());
    let before = bytes(&path);
    drop(Store::open(&path).unwrap());
    assert!(bytes(&path) == before);
    let conn = raw(&path);
    assert_eq!(texts(&conn, "PRAGMA journal_mode"), ["wal"]);
}

#[test]
fn a_store_in_memory_is_its_own() {
    let (one, other) = (support::world(), Store::open(":memory:").unwrap());
    assert_eq!(ask::<i64>(&one, "SELECT count(*) FROM users"), 6);
    assert_eq!(ask::<i64>(&other, "SELECT count(*) FROM users"), 0);
    assert!(!Path::new(":memory:").exists());
}

/// What a new file holds, by name; the texts of guards are compared at every open anyway.
#[test]
fn the_schema_of_a_new_file() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    drop(Store::open(&path).unwrap());
    let conn = raw_with_functions(&path);
    let mut text = String::new();
    for table in
        texts(&conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
    {
        let of = |kind: &str| {
            texts(
                &conn,
                &format!("SELECT name FROM sqlite_schema WHERE type = '{kind}' AND tbl_name = '{table}' ORDER BY 1"),
            )
        };
        let columns = texts(&conn, &format!("SELECT name FROM pragma_table_info('{table}')"));
        text.push_str(&format!("table {table}\n  {}\n", columns.join(" ")));
        of("index").iter().for_each(|index| text.push_str(&format!("  index {index}\n")));
        of("trigger").iter().for_each(|trigger| text.push_str(&format!("  trigger {trigger}\n")));
    }
    for view in texts(&conn, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY 1") {
        let columns = texts(&conn, &format!("SELECT name FROM pragma_table_info('{view}')"));
        text.push_str(&format!("view {view}\n  {}\n", columns.join(" ")));
    }
    insta::assert_snapshot!("schema_of_a_new_file", text);
}

/// The shape of every table and index: what counts, whatever the text that made it.
fn shape(conn: &Connection) -> BTreeMap<String, Vec<String>> {
    let mut shape = BTreeMap::new();
    for table in texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1") {
        let facts = [
            format!(
                "SELECT json_array(name, lower(type), \"notnull\", dflt_value, pk, hidden) FROM pragma_table_xinfo('{table}') ORDER BY name"
            ),
            format!(
                "SELECT json_array(\"from\", \"table\", \"to\", on_update, on_delete) FROM pragma_foreign_key_list('{table}') ORDER BY 1"
            ),
            format!(
                "SELECT json_array(i.name, i.\"unique\", i.partial, x.seqno, x.name, x.desc, x.coll)
                 FROM pragma_index_list('{table}') AS i, pragma_index_xinfo(i.name) AS x WHERE x.key ORDER BY 1"
            ),
        ];
        shape.insert(table, facts.iter().flat_map(|sql| texts(conn, sql)).collect());
    }
    shape
}

/// A file of each released version, with something in it, brought up to date by opening it.
#[test]
fn every_released_version_becomes_a_fresh_one() {
    const RELEASED: [&str; 1] = [include_str!("frozen/v1.sql")];
    let dir = tempdir().unwrap();
    let fresh = dir.path().join("fresh.db");
    drop(Store::open(&fresh).unwrap());
    let fresh = shape(&raw(&fresh));
    for (index, released) in RELEASED.iter().enumerate() {
        let path = dir.path().join(format!("v{}.db", index + 1));
        // Guards are not kept here: they are of an older generation, whichever, and are put in anew.
        tamper(
            &path,
            &format!(
                "{released}
                 PRAGMA user_version = {};
                 INSERT INTO acl_meta (name, value) VALUES ('generation', -1);
                 INSERT INTO users (user_id, created_at, email, password, role, data) VALUES ('bo', 1, 'bo', 'hash', 'member', '{{}}');",
                index + 1
            ),
        );
        let store = Store::open(&path).unwrap();
        assert!(store.check().unwrap().is_clean());
        assert_eq!(ask::<String>(&store, "SELECT user_id FROM users"), "bo");
        drop(store);
        assert_eq!(shape(&raw(&path)), fresh, "version {}", index + 1);
    }
}

/// A whole file of an older generation of guards, whose triggers had their facts written another way: it is opened, gets
/// the present guards, says so in its audit, and keeps what is in it.
#[test]
fn a_file_of_an_older_generation_is_brought_up_to_date() {
    for (generation, file) in [
        (1, include_str!("frozen/generation_1.sql")),
        (2, include_str!("frozen/generation_2.sql")),
        (3, include_str!("frozen/generation_3.sql")),
    ] {
        let dir = tempdir().unwrap();
        let path = dir.path().join("older.db");
        tamper(&path, file);
        assert_eq!(texts(&raw(&path), "SELECT name FROM sqlite_schema WHERE name GLOB 'acl_tasks_*'").len(), 6);
        let audited = texts(&raw(&path), "SELECT seq || why FROM acl_audit");
        // Its guards let keys be spelled so that SQLite finds them in some versions only.
        let spelled = |data: &str| {
            past_guards(
                &path,
                "repos",
                &format!("INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('odd', 1, 'odd', '{data}')"),
            );
        };
        spelled(r#"{"p\u0061th":"x"}"#);
        let store = Store::open(&path).unwrap();
        assert!(store.check().unwrap().is_clean());
        assert_eq!(ask::<i64>(&store, "SELECT value FROM acl_meta WHERE name = 'generation'"), 4);
        drop(store);
        let mut after = texts(&raw(&path), "SELECT seq || why FROM acl_audit");
        assert_eq!(after.pop(), Some(format!("2from generation {generation}")));
        assert_eq!(after, audited, "the audit keeps its rows");
        assert_eq!(texts(&raw(&path), "SELECT data FROM repos WHERE repo_id = 'odd'"), [r#"{"path":"x"}"#]);
        // It is worked with like a new one.
        let store = world_at(&path);
        worktree(&store, "w", "bo", Sharing::None);
        session(&store, "s", "w", "bo");
        task(&store, "t", "s", "bo");
        let patch = |user: &str| {
            let status = TaskPatch::new().status(TaskStatus::Completed);
            store.write(&Actor::user(user), |tx| tx.tasks().patch("t", status))
        };
        assert!(patch("cy").unwrap_err().is_denied());
        assert!(patch("bo").unwrap().task.completed_at.is_some());
    }
}

/// What the file holds can be read by the SQLite of an old distribution, without aclite.
#[test]
fn the_stock_shell_reads_the_file() {
    let Some(shell) = host("sqlite3") else { return };
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::Session);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    sql(&store, "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'Devs', 'devs', acl_now())");
    sql(&store, "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'cy', acl_now())");
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'prompt', acl_now())",
    );
    drop(store);
    let run = |statement: &str| {
        let output = Command::new(shell).arg("-batch").arg(&path).arg(statement).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let read = |statement: &str| {
        let (out, err) = run(statement);
        assert_eq!(err, "", "{statement}");
        out
    };
    assert!(read(".schema").contains("CREATE VIEW acl_access"));
    assert_eq!(read("PRAGMA integrity_check"), "ok\n");
    assert_eq!(
        read("SELECT user_id, level, rank, source FROM acl_access WHERE worktree_id = 'w' ORDER BY user_id"),
        "ada|session|2|others\nbo|all|4|owner\ncy|prompt|3|group devs\ndee|session|2|others\nsu|all|4|superadmin\nvi|view|1|viewer role\n"
    );
    assert_eq!(
        read("SELECT needs, needs_if_own FROM acl_rules WHERE resource = 'task' AND operation = 'create'"),
        "prompt|session\n"
    );
    assert_eq!(
        read("SELECT actor, operation, verdict FROM acl_audit WHERE resource = 'task'"),
        "test|create|allowed\n"
    );
    assert_eq!(read("SELECT count(*) > 0 FROM acl_rule"), "1\n");
    for write in ["UPDATE tasks SET status = 'failed'", "DELETE FROM acl_audit", "INSERT INTO acl_meta VALUES ('x', 1)"]
    {
        let (out, err) = run(write);
        assert_eq!(out, "");
        assert!(err.contains("no such function: acl_"), "{write}: {err}");
    }
}
