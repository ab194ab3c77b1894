//! No SQL of a host's forges what the guards remember, an audit row, or a row that can't be read back.

use aclite::Actor;
use rusqlite::Connection;

use super::host::{PATCH, host, text};
use crate::support::raw::{self, run};
use crate::support::{self, last_seq, world_at};

/// Each step of forging an open write, a first owner or an audit row, as SQL of one's own.
#[test]
fn what_the_guards_remember_cannot_be_forged() {
    let host = host();
    let facts = "'w-v', 'r', 1, 'w-v', 'member', 1, 'role:member||all', 0, 'cy', 1, 1, NULL, acl_now(), '{}', \
                 0, 1, 'tworktree_id', 'w-v'";
    let guard = format!("acl_guard('worktree', 'create', {facts})");
    let owner = "INSERT INTO worktree_owners (worktree_id, user_id, created_at)";
    host.login("cy");
    let seq = last_seq(&host.store);
    for statement in [
        format!("SELECT {guard}"),
        format!("SELECT \"ACL_guard\"('worktree', 'create', {facts})"),
        format!("{owner} SELECT 'w-v', 'cy', acl_now() WHERE {guard}"),
        format!("{owner} SELECT 'w-v', 'cy', acl_now() WHERE acl_first_owner('w-v', 'cy')"),
        format!(
            "WITH acl_worktrees_after_insert AS (SELECT {guard} AS x) {owner} SELECT 'w-v', 'cy', acl_now() FROM acl_worktrees_after_insert"
        ),
        "SELECT acl_first_owner('w-v', 'cy')".to_owned(),
        "SELECT acl_complete_write('task', 'patch', 't-v', NULL)".to_owned(),
        "SELECT acl_guard_audit()".to_owned(),
        "SELECT acl_row('task', 'patch', 'ttask_id', 'x')".to_owned(),
        "SELECT acl_guard_child('session', 's-v', 'task')".to_owned(),
    ] {
        host.refuses(&statement, "aclite: ");
    }
    // The same by way of something that is defined first, so that no statement has to name it.
    for define in [
        format!("CREATE TEMP VIEW forge AS SELECT {guard} AS x"),
        "CREATE TEMP VIEW forge AS SELECT acl_first_owner('w-v', 'cy') AS x".to_owned(),
        "CREATE TEMP VIEW forge AS WITH acl_tasks_before_update AS (SELECT acl_complete_write('task', 'patch', 't-v', NULL) AS x) SELECT x FROM acl_tasks_before_update".to_owned(),
        format!("CREATE TEMP TABLE forge (x CHECK ({guard}))"),
        format!("CREATE VIEW forge AS SELECT {guard} AS x"),
        format!("CREATE TABLE forge (x CHECK ({guard}))"),
    ] {
        host.conn.execute_batch(&define).unwrap();
        let insert = if define.contains("TABLE") { "INSERT INTO forge VALUES (1)" } else { "SELECT x FROM forge" };
        let forged = run(&host.conn, insert);
        assert!(forged.is_err() || define.contains("first_owner"), "{define}: {forged:?}");
        host.refuses(&format!("{owner} VALUES ('w-v', 'cy', acl_now())"), "");
        host.refuses(&format!("{owner} SELECT 'w-v', 'cy', x FROM (SELECT 1 AS x)"), "");
        // While it is there the guards refuse every write, whoever asks.
        host.login("bo");
        host.refuses(PATCH, "can't verify this connection");
        host.login("cy");
        let kind = if define.contains("VIEW") { "VIEW" } else { "TABLE" };
        host.conn.execute_batch(&format!("DROP {kind} forge")).unwrap();
    }
    host.login("bo");
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    let written: Vec<_> = host.audit(seq).into_iter().filter(|row| row.contains("allowed")).collect();
    assert_eq!(written, ["bo allowed patch t-v"], "nothing forged is in the audit");
}

/// Who only names a function of the guards' has tried to write nothing, and no row says so.
#[test]
fn a_function_that_is_named_directly_leaves_no_audit_row() {
    for actor in [Actor::user("cy"), Actor::executor("bo", "s-v", "t-v"), Actor::service("runner")] {
        let host = host();
        raw::act_as(&host.conn, &actor);
        let seq = last_seq(&host.store);
        for function in [
            "acl_guard_audit()",
            "acl_guard('audit', 'remove', 1)",
            "acl_guard('task', 'remove', 't-v', 's-v', 'v', '4 owner', 1, 'bo', 'all||all')",
            "acl_guard_child('session', 's-v', 'task', 's-v', 'w-v', NULL, 0, 'all||all')",
            "acl_complete_write('task', 'patch', 't-v', -1)",
            "acl_first_owner('w-v', 'cy')",
            "acl_row('task', 'patch', 'ttask_id', 'x')",
        ] {
            host.refuses(&format!("SELECT {function}"), "aclite: ");
            host.conn.execute_batch(&format!("CREATE TEMP VIEW named AS SELECT {function} AS x")).unwrap();
            host.refuses("SELECT x FROM named", "aclite: ");
            host.conn.execute_batch("DROP VIEW temp.named").unwrap();
        }
        host.login("cy");
        assert_eq!(host.audit(seq), [""; 0], "{actor:?}");
        // Who does try to write the audit is in it.
        host.refuses("INSERT INTO acl_audit (seq) SELECT 1", "aclite: denied: ");
        assert_eq!(host.audit(seq).len(), 1, "{actor:?}");
    }
}

/// By way of a TEMP view the functions can be called without any statement that spells them.
#[test]
fn a_view_neither_completes_a_write_nor_makes_an_audit_row() {
    let host = host();
    host.login("cy");
    // An open write is what a forger starts from.
    let ignored = "INSERT OR IGNORE INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
                   VALUES ('ghost', 'r', acl_now(), 'cy', NULL, 'main', 71, '{}')";
    assert_eq!(run(&host.conn, ignored), Ok(0));
    let seq = last_seq(&host.store);
    for (view, function) in [
        ("complete", "acl_complete_write('worktree', 'create', 'ghost', NULL)"),
        ("child", "acl_guard_child('worktree', 'ghost', 'task', 'v', '3 group superheroes', 0, 'all||all')"),
        ("owner", "acl_first_owner('ghost', 'cy')"),
        ("guard", "acl_guard('task', 'remove', 't-v', 's-v', 'v', '4 owner', 1, 'all||all')"),
    ] {
        host.conn.execute_batch(&format!("CREATE TEMP VIEW {view} AS SELECT {function} AS x")).unwrap();
        for statement in [format!("SELECT x FROM {view}"), format!("CREATE TABLE mine AS SELECT x FROM {view}")] {
            host.refuses(&statement, "names a function of aclite's");
        }
        host.conn.execute_batch(&format!("DROP VIEW temp.{view}")).unwrap();
    }
    // A file that is attached shows innocent views to whoever asks, and others to SQLite.
    let file = host.dir.path().join("mine.db");
    Connection::open(&file).unwrap().execute_batch("CREATE VIEW innocent AS SELECT 1 AS x").unwrap();
    host.conn.execute("ATTACH ?1 AS mine", [file.to_str().unwrap()]).unwrap();
    host.refuses(PATCH, "a file is attached as `mine`");
    host.conn.execute_batch("DETACH mine").unwrap();
    assert_eq!(host.audit(seq), [""; 0]);
}

/// A write inside a write, of the same row, let the audit tell of the one what the other had done.
#[test]
fn no_write_is_audited_as_another() {
    let host = host();
    host.login("bo");
    host.conn
        .execute_batch(
            "CREATE TABLE mine (m text REFERENCES messages (message_id) ON DELETE CASCADE);
             INSERT INTO mine VALUES ('m-w');
             CREATE TEMP TRIGGER tm AFTER DELETE ON mine BEGIN
               INSERT OR IGNORE INTO messages (message_id, created_at, session_id, type, role, \"index\", timestamp, data)
               VALUES (OLD.m, acl_now(), 's-w', 'user', 'user', 1, NULL, '{}');
             END",
        )
        .unwrap();
    let seq = last_seq(&host.store);
    host.refuses("DELETE FROM messages WHERE message_id = 'm-w'", "aclite: ");
    assert_eq!(host.audit(seq), [""; 0]);
    host.conn.execute_batch("DROP TRIGGER tm").unwrap();
    assert_eq!(run(&host.conn, "DELETE FROM messages WHERE message_id = 'm-w'"), Ok(0));
    assert_eq!(host.audit(seq), ["bo allowed remove m-w"]);
}

/// A rolled back definition gives its number to the next one, which then passed for sound.
#[test]
fn guards_are_remembered_as_sound_only_once_committed() {
    let host = host();
    host.login("bo");
    host.conn.execute_batch("BEGIN; CREATE TABLE junk (x)").unwrap();
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    host.conn
        .execute_batch("ROLLBACK; CREATE TRIGGER evil AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END")
        .unwrap();
    host.refuses(PATCH, "trigger `evil` on `tasks` is not aclite's");
    for script in ["BEGIN; SAVEPOINT a; CREATE TABLE junk (x)", "SAVEPOINT a; CREATE TABLE junk (x)"] {
        host.conn.execute_batch(&format!("DROP TRIGGER evil; {script}")).unwrap();
        assert_eq!(run(&host.conn, PATCH), Ok(0), "{script}");
        host.conn
            .execute_batch("ROLLBACK TO a; CREATE TRIGGER evil AFTER UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END")
            .unwrap();
        host.refuses(PATCH, "trigger `evil` on `tasks` is not aclite's");
        host.conn.execute_batch("COMMIT").unwrap();
    }
}

/// Text that only looks like text made the row unreadable: nobody could patch it through the API any more.
#[test]
fn nobody_makes_a_row_that_cannot_be_read_back() {
    let host = host();
    host.login("cy");
    for (value, column) in
        [("CAST(x'ff00fe' AS text)", "email"), ("'a' || char(0) || 'b'", "email"), ("CAST(x'c0' AS text)", "email")]
    {
        let statement = format!("UPDATE users SET {column} = {value}, updated_at = acl_now() WHERE user_id = 'cy'");
        host.refuses(&statement, &format!("`{column}`"));
    }
    let task = "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('t-odd', 's-x', acl_now(), CAST(x'ff' AS text), 'cy', '{}')";
    host.refuses(task, "`status`");
    let patch = aclite::UserPatch::new().role(aclite::Role::Viewer);
    host.store.write(&support::system(), |tx| tx.users().patch("cy", patch)).unwrap();
}

/// More rows than triggers can nest, each with an epoch to raise or a write left open.
#[test]
fn a_statement_of_many_rows_is_judged_row_by_row() {
    let host = host();
    raw::act_as(&host.conn, &Actor::system("many"));
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2600)";
    let users = format!(
        "{numbers} INSERT INTO users (user_id, created_at, email, password, role, data)
         SELECT 'many-' || i, acl_now(), 'many-' || i, 'h', 'member', '{{}}' FROM n"
    );
    assert_eq!(run(&host.conn, &users), Ok(0));
    host.login("cy");
    let worktrees = format!(
        "{numbers} INSERT OR IGNORE INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
         SELECT 'many-' || i, 'r', acl_now(), 'cy', CASE WHEN i > 2500 THEN 'n' END, 'main', 1000 + i, '{{}}' FROM n"
    );
    assert_eq!(run(&host.conn, &worktrees), Ok(0));
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM worktrees WHERE created_by = 'cy'"), "101");
}

/// Whoever is not signed in could fill the disk with what he is refused for.
#[test]
fn the_audit_keeps_no_more_of_a_refusal_than_it_needs() {
    let host = host();
    host.refuses(&format!("INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('{}', 's-x', acl_now(), 'created', 'cy', '{{}}')", "x".repeat(100_000)), "aclite: ");
    host.login("cy");
    run(&host.conn, &format!("UPDATE tasks SET data = '{{\"{}\":1}}' WHERE task_id = 't-x'", "k".repeat(100_000)))
        .unwrap();
    raw::act_as(&host.conn, &Actor::system("r".repeat(100_000)));
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    let longest =
        "SELECT max(length(record || actor || ifnull(fields, '') || ifnull(session_id, ''))) || '' FROM acl_audit";
    let longest: usize = text(&host.conn, longest).parse().unwrap();
    assert!(longest < 1500, "{longest}");
}

/// What somebody can do to a file that takes the place of ours, and to the definitions in it.
#[test]
fn neither_another_file_nor_an_odd_definition_confuses_the_extension() {
    let host = host();
    host.login("bo");
    host.conn.execute_batch("CREATE TABLE latin (a)").unwrap();
    let plain = Connection::open(&host.path).unwrap();
    plain
        .execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = CAST(x'435245415445205441424c45206c6174696e20286129202d2d20fc' AS text) WHERE name = 'latin'; PRAGMA schema_version = 4711")
        .unwrap();
    drop(plain);
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#));
    std::fs::rename(&host.path, host.dir.path().join("elsewhere.db")).unwrap();
    drop(world_at(&host.path));
    for statement in ["SELECT acl_check()", "SELECT acl_adopt()", "SELECT acl_seal()", "SELECT acl_system('x')"] {
        let outcome = run(&host.conn, statement).expect_err(statement);
        assert!(
            outcome.contains("another file") || outcome.contains("not the file any more"),
            "{statement}: {outcome}"
        );
    }
    // Functions without arguments are wrong calls, and no more.
    for function in ["acl_guard", "acl_guard_child", "acl_may_get", "acl_get", "acl_row"] {
        let outcome = run(&host.conn, &format!("SELECT {function}()"));
        assert!(
            outcome.as_ref().is_ok() || outcome.as_ref().is_err_and(|text| text.starts_with("aclite: ")),
            "{function}: {outcome:?}"
        );
    }
}

/// A row that OR IGNORE passes over has met the BEFORE guard and never meets the AFTER trigger: the write that it left open allows nothing.
#[test]
fn a_write_left_open_is_of_no_use() {
    let host = host();
    host.login("cy");
    let worktree = "INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data, schedule_enabled)";
    let values = "('w-later', 'r', acl_now(), 'cy', 'later', 'main', 70, '{}', NULL)";
    // NOT NULL is looked at after the guard.
    assert_eq!(run(&host.conn, &format!("INSERT OR IGNORE {worktree} VALUES {values}")), Ok(0));
    raw::act_as(&host.conn, &Actor::system("another"));
    run(
        &host.conn,
        &format!("INSERT {worktree} VALUES ('w-later', 'r', acl_now(), 'bo', 'later', 'main', 70, '{{}}', 0)"),
    )
    .unwrap();
    host.login("cy");
    host.refuses(
        "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-later', 'cy', acl_now())",
        "may not create an owner",
    );
}
