//! Attacks on a host's connection that has loaded the extension.
//!
//! What holds at every door is in `doors.rs` and `grid.rs`, which try it here too. This is what only a
//! host's connection can do: define TEMP objects, attach files, switch pragmas, change who acts.

use std::path::PathBuf;

use aclite::{Actor, Sharing, Store};
use rusqlite::Connection;

use crate::support::raw::{self, run};
use crate::support::{self, audit_after, extension, file, forger, last_seq, places, world_at};

/// A file with three places (see `places`; others may view `w`), a store on it and a host's connection.
struct Host {
    store: Store,
    conn: Connection,
    path: PathBuf,
    dir: tempfile::TempDir,
}

fn host() -> Host {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raw.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    let conn = raw::open(&path);
    Host { store, conn, path, dir }
}

impl Host {
    /// The connection, on which `user` acts.
    fn login(&self, user: &str) -> &Connection {
        raw::act_as(&self.conn, &Actor::user(user));
        &self.conn
    }

    /// As the file has it: a store reads nothing where it finds the guards altered.
    fn status(&self, task: &str) -> String {
        let conn = Connection::open(&self.path).unwrap();
        conn.query_row("SELECT status FROM tasks WHERE task_id = ?1", [task], |row| row.get(0)).unwrap()
    }

    /// The verdicts, actors and records of the audit after `seq`.
    fn audit(&self, seq: i64) -> Vec<String> {
        let row = |row: aclite::AuditRow| format!("{} {} {} {}", row.actor, row.verdict, row.operation, row.record);
        audit_after(&self.store, seq).into_iter().map(row).collect()
    }

    /// Fails unless `statement` is refused with a text that holds `told`, and `t-v` stays as it is.
    #[track_caller]
    fn refuses(&self, statement: &str, told: &str) {
        let outcome = run(&self.conn, statement);
        let text = outcome.expect_err(statement);
        assert!(text.contains(told), "{statement}: {text}");
        assert_eq!(self.status("t-v"), "created", "{statement}");
    }
}

fn text(conn: &Connection, sql: &str) -> String {
    conn.query_row(sql, [], |row| row.get(0)).expect(sql)
}

/// A write of `bo`'s own, which `bo` may, and nobody else.
const PATCH: &str = "UPDATE tasks SET data = '{\"by\":\"me\"}' WHERE task_id = 't-v'";

// ---- loading ----------------------------------------------------------------------------------

/// An extension built for a later SQLite aborted the whole process when an older one loaded it.
#[test]
#[expect(unsafe_code, reason = "it plays the part of SQLite, which is written in C")]
fn a_host_that_is_too_old_or_odd_gets_a_text() {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::ptr;
    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        fn malloc(size: usize) -> *mut c_void;
    }
    unsafe extern "C" fn allot(size: c_int) -> *mut c_void {
        // SAFETY: any size may be asked for.
        unsafe { malloc(usize::try_from(size).unwrap()) }
    }
    unsafe extern "C" fn no_room(_: c_int) -> *mut c_void {
        ptr::null_mut()
    }
    unsafe extern "C" fn old() -> c_int {
        3_034_000
    }
    unsafe extern "C" fn ancient() -> c_int {
        3_007_000
    }
    type Entry = unsafe extern "C" fn(*mut c_void, *mut *mut c_char, *const [*const c_void; 300]) -> c_int;
    // The places of `malloc` and `libversion_number` in SQLite's table of calls.
    let table = |malloc: *const c_void, version: *const c_void| {
        let mut table = [ptr::null(); 300];
        (table[MALLOC], table[VERSION]) = (malloc, version);
        table
    };
    let path = CString::new(extension::extension().to_str().unwrap()).unwrap();
    // SAFETY: the library is this crate's extension; its entry point has this shape.
    let entry = unsafe {
        let library = dlopen(path.as_ptr(), 2);
        assert!(!library.is_null());
        let entry = dlsym(library, c"sqlite3_extension_init".as_ptr());
        assert!(!entry.is_null(), "the default entry point");
        std::mem::transmute::<*mut c_void, Entry>(entry)
    };
    let (room, none) = (allot as *const c_void, no_room as *const c_void);
    for (malloc, version, told) in [
        (room, old as *const c_void, Some("aclite needs SQLite 3.34.1 or later; this is 3.34.0")),
        (room, ancient as *const c_void, Some("aclite needs SQLite 3.34.1 or later; this is 3.7.0")),
        (room, ptr::null(), Some("aclite: this SQLite does not say its version")),
        (none, old as *const c_void, None),
        (ptr::null(), old as *const c_void, None),
    ] {
        let (table, mut error) = (table(malloc, version), ptr::null_mut());
        // SAFETY: the connection is never looked at, since the version forbids it.
        let text = unsafe {
            assert_eq!(entry(ptr::without_provenance_mut(8), &raw mut error, &raw const table), 1, "{told:?}");
            (!error.is_null()).then(|| CStr::from_ptr(error).to_str().unwrap().to_owned())
        };
        assert_eq!(text.as_deref(), told);
        // SAFETY: as above; a host may ask for no text.
        assert_eq!(unsafe { entry(ptr::without_provenance_mut(8), ptr::null_mut(), &raw const table) }, 1);
    }
    // SAFETY: as above; a host without a table gets no text, since nothing can be allotted.
    assert_eq!(unsafe { entry(ptr::without_provenance_mut(8), ptr::null_mut(), ptr::null()) }, 1);
}

/// Where they stand in SQLite's table of calls, for good: it only grows at its end.
const MALLOC: usize = 68;
const VERSION: usize = 67;

#[test]
fn loading_switches_on_what_the_guards_rest_on() {
    let host = host();
    for pragma in ["foreign_keys", "recursive_triggers"] {
        assert_eq!(host.conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap(), 1, "{pragma}");
    }
    assert_eq!(text(&host.conn, "SELECT acl_version()"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&host.conn, "SELECT acl_whoami()"), r#"{"kind":"anonymous","id":"","final":false,"sealed":false}"#);
}

/// Where nothing is guarded, the extension loads and says so.
#[test]
fn a_database_without_guards_has_nobody_to_sign_in() {
    let conn = Connection::open_in_memory().unwrap();
    raw::load(&conn).unwrap();
    for (statement, told) in [
        ("SELECT acl_login('bo')", "no guards"),
        ("SELECT acl_check()", "in no file"),
        ("SELECT acl_adopt()", "in no file"),
        ("SELECT acl_system('x')", "it is in memory"),
        ("SELECT acl_seal()", "nobody is signed in"),
    ] {
        let outcome = run(&conn, statement).expect_err(statement);
        assert!(outcome.contains(told), "{statement}: {outcome}");
    }
}

// ---- who acts ---------------------------------------------------------------------------------

#[test]
fn a_user_signs_in_by_id_or_by_an_address_that_is_theirs_alone() {
    let host = host();
    for (name, told) in [("bo", "bo"), ("bo@example.com", "bo"), ("BO@Example.Com", "bo")] {
        assert_eq!(text(&host.conn, &format!("SELECT acl_login('{name}')")), told);
    }
    // One user's id is another's address: the id is plainer. Two addresses differ in their case only.
    support::add_user(&host.store, "x", "member");
    support::sql(&host.store, "UPDATE users SET email = 'cy' WHERE user_id = 'x'");
    support::sql(&host.store, "UPDATE users SET email = 'Dee@example.com' WHERE user_id = 'vi'");
    for (name, told) in [("cy", "cy"), ("dee@example.com", "dee"), ("Dee@example.com", "vi"), ("bo", "bo")] {
        assert_eq!(text(&host.conn, &format!("SELECT acl_login('{name}')")), told);
    }
    for (name, told) in [
        ("'DEE@example.com'", "more than one user"),
        ("'nobody'", "no such user"),
        ("''", "no such user"),
        ("NULL", "must be text"),
        ("7", "must be text"),
        ("x'626f'", "must be text"),
        ("'bo' || char(0)", "must be text"),
        ("'bo', 'last'", "can only be `final`"),
        ("'bo', NULL", "must be text"),
    ] {
        host.refuses(&format!("SELECT acl_login({name})"), told);
    }
    // A refusal leaves whoever acted.
    assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"bo\""));
}

/// SET, VALUES and sub-queries are evaluated before the guard of the row.
#[test]
fn nobody_becomes_another_inside_a_statement_that_writes() {
    let host = host();
    host.login("cy");
    host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
    for statement in [
        "UPDATE tasks SET status = acl_login('bo') WHERE task_id = 't-v'",
        "UPDATE tasks SET data = json_object('x', acl_login('bo')) WHERE task_id = 't-v'",
        "UPDATE tasks SET status = 'failed' WHERE task_id = 't-v' AND acl_login('bo') = 'bo'",
        "UPDATE tasks SET status = 'failed' FROM (SELECT acl_login('bo') AS who) WHERE task_id = 't-v'",
        "WITH boss AS (SELECT acl_login('bo') AS who) UPDATE tasks SET status = (SELECT who FROM boss) WHERE task_id = 't-v'",
        "DELETE FROM tasks WHERE task_id = 't-v' AND acl_system('x') <> ''",
        "INSERT INTO mine VALUES (acl_login('bo'))",
        "INSERT INTO mine SELECT acl_system('x')",
        "INSERT INTO mine VALUES (1) RETURNING acl_login('bo')",
        "INSERT INTO mine VALUES (acl_logout())",
        "CREATE TABLE theirs AS SELECT acl_login('bo')",
        "REPLACE INTO mine VALUES ((SELECT max(acl_login('bo')) FROM users))",
    ] {
        // Where the function's turn comes after the guard's, the guard refuses.
        host.refuses(statement, "aclite: ");
        assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{statement}");
    }
    // Nor while one that returns rows is not over.
    let mut half = host.conn.prepare("INSERT INTO mine VALUES (1), (2) RETURNING a").unwrap();
    let mut rows = half.query([]).unwrap();
    rows.next().unwrap().unwrap();
    host.refuses("SELECT acl_login('bo')", "can't be called while a statement writes");
    drop(rows);
    drop(half);
    host.login("bo");
}

#[test]
fn no_view_and_no_trigger_changes_who_acts() {
    let host = host();
    host.login("cy");
    host.conn
        .execute_batch(
            "CREATE TABLE mine (a);
             CREATE TEMP VIEW v AS SELECT acl_login('bo') AS who;
             CREATE TEMP VIEW s AS SELECT acl_system('x') AS who;
             CREATE VIEW stored AS SELECT acl_logout() AS who;
             CREATE TEMP TRIGGER t AFTER INSERT ON mine BEGIN SELECT acl_login('bo'); END;",
        )
        .unwrap();
    for statement in [
        "SELECT * FROM v",
        "SELECT * FROM s",
        "SELECT * FROM stored",
        "INSERT INTO mine VALUES (1)",
        "SELECT count(*) FROM v WHERE who = 'bo'",
    ] {
        // SQLite forbids it to what is stored in the file; to TEMP objects aclite does.
        let text_of = run(&host.conn, statement).expect_err(statement);
        assert!(text_of.contains("unsafe use of") || text_of.contains("aclite: "), "{statement}: {text_of}");
        assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{statement}");
    }
}

/// A statement that was prepared while one user acted runs as whoever acts when it runs.
#[test]
fn a_cached_statement_never_runs_under_an_earlier_identity() {
    let host = host();
    let mut patch = host.conn.prepare(PATCH).unwrap();
    let mut who = host
        .conn
        .prepare(
            "SELECT acl_actor(), (SELECT level FROM acl_access WHERE user_id = acl_actor() AND worktree_id = 'w-v')",
        )
        .unwrap();
    let mut who =
        || who.query_row([], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))).unwrap();
    for (user, level, may) in
        [("bo", "all", true), ("cy", "none", false), ("su", "all", true), ("vi", "none", false), ("bo", "all", true)]
    {
        host.login(user);
        assert_eq!(patch.execute([]).is_ok(), may, "{user}");
        assert_eq!(who(), (Some(user.to_owned()), Some(level.to_owned())));
    }
    run(&host.conn, "SELECT acl_logout()").unwrap();
    assert!(patch.execute([]).unwrap_err().to_string().contains("not signed in"));
    assert_eq!(who(), (None, None));
}

/// What is final stays so, also for somebody who may load the extension once more.
#[test]
fn who_acts_for_good_stays() {
    let host = host();
    assert_eq!(text(&host.conn, "SELECT acl_login('cy', 'final')"), "cy");
    raw::load(&host.conn).unwrap();
    for statement in
        ["SELECT acl_login('bo')", "SELECT acl_login('cy')", "SELECT acl_logout()", "SELECT acl_system('x')"]
    {
        host.refuses(statement, "final");
    }
    assert_eq!(text(&host.conn, "SELECT acl_whoami()"), r#"{"kind":"user","id":"cy","final":true,"sealed":false}"#);
    host.refuses(PATCH, "there is no task `t-v`");
}

#[test]
fn the_operators_door_is_in_the_audit_before_it_opens() {
    let host = host();
    let seq = last_seq(&host.store);
    for (statement, told) in [("SELECT acl_system('')", "for a reason"), ("SELECT acl_system(NULL)", "must be text")] {
        host.refuses(statement, told);
    }
    host.conn.execute_batch("BEGIN").unwrap();
    host.refuses("SELECT acl_system('repair')", "outside of a transaction");
    host.conn.execute_batch("COMMIT").unwrap();
    // Where the audit can't be written, nobody becomes the daemon.
    let other = Connection::open(&host.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    host.refuses("SELECT acl_system('repair')", "the audit can't be written");
    other.execute_batch("ROLLBACK").unwrap();
    host.refuses(PATCH, "not signed in");
    assert_eq!(text(&host.conn, "SELECT acl_system('repair')"), "repair");
    assert_eq!(run(&host.conn, PATCH), Ok(0));
    assert_eq!(
        host.audit(seq),
        ["repair allowed administer connection", " denied patch t-v", "repair allowed patch t-v"],
        "a refusal that had to wait is written with the next row"
    );
}

// ---- what only the guards may call ---------------------------------------------------------------

/// Each step of forging an open write, a first owner or an audit row, as SQL of one's own.
#[test]
fn what_the_guards_remember_cannot_be_forged() {
    let host = host();
    let facts = "'id', 'w-v', 'worktree', 'w-v', 'actor_role', 'member', 'own', 1, 'rule', 'role:member||all', 'parent', 'r', \
                 'parent_exists', 1, 'columns', '', 'odd', NULL, 'taken', 0, 'created_by', 'cy', 'creator_exists', 1, 'data', '{}'";
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
        "SELECT acl_complete_write('task', 't-v', 'patch', '0', NULL)".to_owned(),
        "SELECT acl_entry('why')".to_owned(),
        "SELECT acl_guard_audit(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)".to_owned(),
        "SELECT acl_guard_child('session', 's-v', 'task')".to_owned(),
    ] {
        host.refuses(&statement, "aclite: ");
    }
    // The same by way of something that is defined first, so that no statement has to name it.
    for define in [
        format!("CREATE TEMP VIEW forge AS SELECT {guard} AS x"),
        "CREATE TEMP VIEW forge AS SELECT acl_first_owner('w-v', 'cy') AS x".to_owned(),
        "CREATE TEMP VIEW forge AS WITH acl_tasks_before_update AS (SELECT acl_complete_write('task', 't-v', 'patch', '0', NULL) AS x) SELECT x FROM acl_tasks_before_update".to_owned(),
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

/// By way of a TEMP view the functions can be called without any statement that spells them.
#[test]
fn a_view_neither_books_a_write_nor_makes_an_audit_row() {
    let host = host();
    host.login("cy");
    // An account that is left open, which is what a forger starts from.
    let ignored = "INSERT OR IGNORE INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
                   VALUES ('ghost', 'r', acl_now(), 'cy', NULL, 'main', 71, '{}')";
    assert_eq!(run(&host.conn, ignored), Ok(0));
    let seq = last_seq(&host.store);
    for (view, function) in [
        ("book", "acl_complete_write('worktree', 'ghost', 'create', NULL, NULL)"),
        (
            "child",
            "acl_guard_child('worktree', 'ghost', 'task', 'worktree', 'v', 'held', '3 group superheroes', 'own', 0, 'rule', 'all||all')",
        ),
        ("owner", "acl_first_owner('ghost', 'cy')"),
        ("admit", "acl_guard_audit(1, 2, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)"),
        ("guard", "acl_guard('task', 'remove', 'id', 't-v')"),
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
fn no_write_is_booked_as_another() {
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
        [("CAST(x'ff00fe' AS text)", "name"), ("'a' || char(0) || 'b'", "name"), ("CAST(x'c0' AS text)", "emoji")]
    {
        let statement = format!("UPDATE users SET {column} = {value}, updated_at = acl_now() WHERE user_id = 'cy'");
        host.refuses(&statement, &format!("`{column}`"));
    }
    let task = "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('t-odd', 's-x', acl_now(), CAST(x'ff' AS text), 'cy', '{}')";
    host.refuses(task, "`status`");
    let patch = aclite::UserPatch::new().role(aclite::Role::Viewer);
    host.store.write(&support::system(), |tx| tx.users().patch("cy", patch)).unwrap();
}

/// More rows than triggers can nest, each with an epoch to raise or an account left open.
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
    for statement in ["SELECT acl_system('x')", "SELECT acl_check()", "SELECT acl_adopt()", "SELECT acl_seal()"] {
        let outcome = run(&host.conn, statement).expect_err(statement);
        assert!(
            outcome.contains("another file") || outcome.contains("not the file any more"),
            "{statement}: {outcome}"
        );
    }
    // Functions without arguments are wrong calls, and no more.
    for function in ["acl_guard", "acl_guard_child", "acl_may_get", "acl_get", "acl_undecodable"] {
        let outcome = run(&host.conn, &format!("SELECT {function}()"));
        assert!(
            outcome.as_ref().is_ok() || outcome.as_ref().is_err_and(|text| text.starts_with("aclite: ")),
            "{function}: {outcome:?}"
        );
    }
}

/// A row that OR IGNORE passes over has met the BEFORE guard and never meets the AFTER trigger: the write that it left open allows nothing.
#[test]
fn an_account_left_open_is_of_no_use() {
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

// ---- TEMP objects, attached files -------------------------------------------------------------

/// A TEMP trigger with RAISE(IGNORE) ends our own triggers: the write stands, its audit row does not.
#[test]
fn guards_refuse_while_a_temp_trigger_is_on_a_guarded_table() {
    let host = host();
    host.login("bo");
    for trigger in [
        "AFTER UPDATE ON main.tasks BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE INSERT ON main.acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "AFTER INSERT ON acl_audit BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON acl_epoch BEGIN SELECT RAISE(IGNORE); END",
        "AFTER UPDATE OF status ON TASKS BEGIN SELECT 1; END",
    ] {
        host.conn.execute_batch(&format!("CREATE TEMP TRIGGER mine {trigger}")).unwrap();
        let seq = last_seq(&host.store);
        let outcome = run(&host.conn, PATCH);
        // A trigger that gives up before the guard leaves nothing written.
        assert!(outcome.is_err() || outcome == Ok(0), "{trigger}");
        let data: String = text(&host.conn, "SELECT data FROM main.tasks WHERE task_id = 't-v'");
        assert!(!data.contains("me"), "{trigger}: {outcome:?}");
        assert_eq!(host.audit(seq).len(), 0, "{trigger}");
        assert!(text(&host.conn, "SELECT acl_check()").contains("TEMP trigger `mine`"), "{trigger}");
        host.conn.execute_batch("DROP TRIGGER mine").unwrap();
    }
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

/// Whatever is called as our tables and views are, guards and identity read those of the file.
#[test]
fn temp_objects_with_our_names_shadow_nothing() {
    let host = host();
    host.conn
        .execute_batch(
            "CREATE TEMP TABLE users (user_id, email, role);
             INSERT INTO temp.users VALUES ('cy', 'cy', 'superadmin'), ('mallory', 'm@x', 'superadmin');
             CREATE TEMP TABLE worktree_owners (worktree_id, user_id);
             INSERT INTO temp.worktree_owners VALUES ('w-v', 'cy');
             CREATE TEMP VIEW acl_held AS SELECT 'w-v' AS worktree_id, 'cy' AS user_id, '4 owner' AS held;
             CREATE TEMP VIEW acl_rule AS SELECT 'task' AS resource, 'patch' AS operation, 'none||never' AS rule;
             CREATE TEMP TABLE acl_rules (resource, operation, needs, needs_if_own, audit);
             CREATE TEMP TABLE acl_settings (name, value);
             CREATE TEMP TABLE sessions (session_id, worktree_id, created_by);
             INSERT INTO temp.sessions VALUES ('s-v', 'w-x', 'cy');
             CREATE TEMP TABLE acl_tables (name, via, parent);
             CREATE TEMP TABLE sqlite_guards (x);",
        )
        .unwrap_or_else(|error| assert!(error.to_string().contains("reserved"), "{error}"));
    host.refuses("SELECT acl_login('mallory')", "no such user");
    host.login("cy");
    host.refuses(PATCH, "there is no task `t-v`");
    host.refuses("UPDATE tasks SET data = '{}' WHERE task_id = 't-w'", "may not patch task `t-w`");
    // What the writer means, the writer gets: this table is their own.
    assert_eq!(run(&host.conn, "UPDATE users SET role = 'member'"), Ok(0));
    host.login("bo");
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

/// The same file under a second name, a file with guards of its own, and one with guards that let everything pass.
#[test]
fn guards_refuse_while_another_guarded_file_is_attached() {
    let host = host();
    let (genuine, forged) = (host.dir.path().join("genuine.db"), host.dir.path().join("forged.db"));
    drop(world_at(&genuine));
    Connection::open(&forged)
        .unwrap()
        .execute_batch("CREATE TABLE tasks (task_id, status); CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks BEGIN SELECT acl_guard('worktree', 'create', 'id', 'w-v'); END; INSERT INTO tasks VALUES (1, 2)")
        .unwrap();
    for path in [&host.path, &genuine, &forged] {
        host.conn.execute("ATTACH ?1 AS other", [path.to_str().unwrap()]).unwrap();
        host.login("bo");
        for statement in [PATCH, "UPDATE other.tasks SET status = 'failed'", "UPDATE other.users SET name = 'x'"] {
            let outcome = run(&host.conn, statement);
            // The forged file's own table is no more guarded than its owner wants.
            let text = outcome.err().filter(|_| path != &forged || statement == PATCH);
            let refused = text.as_ref().is_some_and(|text| text.contains("can't verify"));
            // There is no task in the genuine one, so none to be judged.
            let nothing = path == &genuine && statement.contains("other.tasks");
            assert!(
                refused || nothing || (path == &forged && statement != PATCH),
                "{}: {statement}: {text:?}",
                path.display()
            );
        }
        assert_eq!(host.status("t-v"), "created");
        assert!(text(&host.conn, "SELECT acl_check()").contains("is attached as `other`"), "{}", path.display());
        host.conn.execute_batch("DETACH other").unwrap();
    }
    // A file of one's own without guards is no hindrance.
    host.conn
        .execute_batch("ATTACH ':memory:' AS other; CREATE TABLE other.notes (a); INSERT INTO other.notes VALUES (1)")
        .unwrap();
    assert_eq!(run(&host.conn, PATCH), Ok(0));
}

// ---- pragmas and definitions ------------------------------------------------------------------

/// Each switch that has been used to get round triggers: the guard refuses, or it makes no difference.
#[test]
fn no_pragma_opens_a_way_round() {
    for (pragma, bo) in [
        ("foreign_keys = OFF", "`foreign_keys` is off"),
        ("recursive_triggers = OFF", "`recursive_triggers` is off"),
        ("query_only = ON", "readonly"),
        ("trusted_schema = OFF", ""),
        ("trusted_schema = ON", ""),
        ("ignore_check_constraints = ON", ""),
        ("defer_foreign_keys = ON", ""),
        ("writable_schema = ON", ""),
        ("legacy_alter_table = ON", ""),
        ("reverse_unordered_selects = ON", ""),
        ("cell_size_check = OFF", ""),
        ("locking_mode = NORMAL", ""),
        ("temp_store = MEMORY", ""),
        ("temp.schema_version = 1", ""),
        ("full_column_names = ON", ""),
        ("user_version = 7", ""),
    ] {
        let host = host();
        run(&host.conn, &format!("PRAGMA {pragma}")).unwrap();
        host.login("cy");
        for statement in [
            PATCH,
            "INSERT OR REPLACE INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('t-v', 's-x', acl_now(), 'created', 'cy', '{}')",
            "UPDATE OR REPLACE tasks SET task_id = 't-v' WHERE task_id = 't-x'",
            "INSERT OR REPLACE INTO tasks (rowid, task_id, session_id, created_at, status, created_by, data) SELECT rowid, 't-n', 's-x', acl_now(), 'created', 'cy', '{}' FROM tasks WHERE task_id = 't-v'",
            "DELETE FROM sessions WHERE session_id = 's-v'",
            "UPDATE sessions SET worktree_id = 'w-v' WHERE session_id = 's-x'",
        ] {
            let outcome = run(&host.conn, statement);
            assert!(outcome.is_err(), "{pragma}: {statement}");
            assert_eq!(host.status("t-v"), "created", "{pragma}: {statement}");
        }
        host.login("bo");
        match run(&host.conn, PATCH) {
            Ok(_) => assert_eq!(bo, "", "{pragma}"),
            Err(text) => assert!(!bo.is_empty() && text.contains(bo), "{pragma}: {text}"),
        }
    }
}

/// Whoever owns the connection can take the guards away. Then this is what is left: other guards refuse
/// every write, the check names it, and the file is not opened any more.
#[test]
fn guards_that_were_taken_away_are_missed() {
    for (tamper, missed) in [
        ("DROP TRIGGER acl_tasks_before_update", "acl_tasks_before_update"),
        ("DROP TRIGGER acl_tasks_before_update; DROP TRIGGER acl_tasks_after_update", "acl_tasks_before_update"),
        (
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'acl_users_before_insert'; PRAGMA writable_schema = RESET",
            "acl_users_before_insert",
        ),
        (
            "DROP VIEW acl_held; CREATE VIEW acl_held (worktree_id, user_id, held) AS SELECT 'w-v', 'cy', '4 owner'",
            "acl_held",
        ),
        ("CREATE TRIGGER mine BEFORE UPDATE ON tasks BEGIN SELECT RAISE(IGNORE); END", "mine"),
        ("ALTER TABLE tasks ADD COLUMN more", "tasks"),
        ("ALTER TABLE tasks RENAME TO jobs", "tasks"),
        ("ALTER TABLE tasks RENAME COLUMN status TO state", "tasks"),
        ("DROP TABLE acl_meta", "acl_meta"),
    ] {
        let host = host();
        host.login("bo");
        assert_eq!(run(&host.conn, PATCH), Ok(0));
        let Err(error) = host.conn.execute_batch(tamper) else {
            let checked = text(&host.conn, "SELECT acl_check()");
            assert!(checked.contains(missed) && checked.contains(r#""clean":false"#), "{tamper}: {checked}");
            let others = run(&host.conn, "UPDATE users SET name = 'x' WHERE user_id = 'bo'");
            assert!(others.as_ref().is_err_and(|text| text.contains("can't verify")), "{tamper}: {others:?}");
            let opened = Store::open(&host.path);
            assert_eq!(support::verdict(&opened), "tampered", "{tamper}");
            continue;
        };
        // SQLite itself or a guard forbids it.
        assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#), "{tamper}: {error}");
    }
}

/// A version that is not ours makes the file another program's, and the next opening says so.
#[test]
fn a_version_that_was_changed_is_found_at_the_next_opening() {
    let host = host();
    run(&host.conn, "PRAGMA user_version = 7").unwrap();
    assert_eq!(support::verdict(&Store::open(&host.path)), "incompatible");
    assert!(run(&host.conn, "SELECT acl_check()").unwrap_err().contains("version 7"));
}

// ---- writes by way of something else ----------------------------------------------------------

#[test]
fn a_write_by_way_of_a_view_a_trigger_or_a_nested_statement_meets_the_guard() {
    let host = host();
    host.login("cy");
    host.conn
        .execute_batch(
            "CREATE TEMP VIEW jobs AS SELECT task_id, data FROM tasks;
             CREATE TEMP TRIGGER through INSTEAD OF UPDATE ON jobs BEGIN UPDATE tasks SET data = NEW.data WHERE task_id = OLD.task_id; END;
             CREATE TABLE mine (a);
             CREATE TEMP TRIGGER own AFTER INSERT ON mine BEGIN DELETE FROM tasks WHERE task_id = NEW.a; END;
             CREATE TEMP TABLE tempting (a);
             CREATE TEMP TRIGGER owned AFTER INSERT ON tempting BEGIN UPDATE tasks SET status = 'failed' WHERE task_id = NEW.a; END;",
        )
        .unwrap();
    for statement in [
        "UPDATE jobs SET data = '{}' WHERE task_id = 't-v'",
        "INSERT INTO mine VALUES ('t-v')",
        "INSERT INTO tempting VALUES ('t-v')",
        "WITH theirs AS (SELECT task_id FROM tasks WHERE task_id = 't-v') DELETE FROM tasks WHERE task_id IN (SELECT task_id FROM theirs)",
        "UPDATE tasks SET data = s.data FROM sessions AS s WHERE s.session_id = tasks.session_id AND task_id = 't-v'",
    ] {
        host.refuses(statement, "there is no task `t-v`");
    }
    // A function of the host's that writes while a statement of cy's own reads or writes.
    let path = host.path.clone();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    let nested = move |call: &rusqlite::functions::Context<'_>| {
        let _ = &path;
        #[expect(unsafe_code, reason = "the connection that runs the function is the one that it writes on")]
        // SAFETY: it is used on this thread and only while the function runs.
        let conn = unsafe { call.get_connection()? };
        Ok(match run(&conn, &call.get::<String>(0)?) {
            Ok(rows) => format!("{rows} rows"),
            Err(text) => text,
        })
    };
    host.conn.create_scalar_function("nested", 1, flags, nested).unwrap();
    let quoted = PATCH.replace('\'', "''");
    for outer in ["SELECT", "INSERT INTO mine SELECT", "UPDATE mine SET a ="] {
        host.conn.execute_batch("INSERT INTO mine VALUES (1)").unwrap();
        let _ = run(&host.conn, &format!("{outer} nested('{quoted}')"));
        assert!(!text(&host.conn, "SELECT data FROM tasks WHERE task_id = 't-v'").contains("me"), "{outer}");
        let _ = run(&host.conn, &format!("{outer} nested('SELECT acl_login(''bo'')')"));
        if outer != "SELECT" {
            assert!(text(&host.conn, "SELECT acl_whoami()").contains("\"cy\""), "{outer}");
        }
        host.login("cy");
    }
    assert_eq!(host.status("t-v"), "created");
}

#[test]
fn of_a_statement_with_one_forbidden_row_nothing_is_written_here_either() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.refuses("UPDATE tasks SET data = '{\"x\":1}'", "aclite: ");
    host.refuses("INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES ('a', 's-x', acl_now(), 'created', 'cy', '{}'), ('b', 's-v', acl_now(), 'created', 'cy', '{}')", "there is no session `s-v`");
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks WHERE data <> '{\"full_prompt\":\"do\"}'"), "0");
    assert!(host.audit(seq).iter().all(|row| !row.contains("allowed")), "{:?}", host.audit(seq));
}

// ---- refusals in the audit --------------------------------------------------------------------

/// A refused statement is rolled back, and nothing that it wrote itself could stay.
#[test]
fn a_refused_statement_is_in_the_audit_when_it_returns() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.refuses(PATCH, "there is no task `t-v`");
    assert_eq!(host.audit(seq), ["cy denied patch t-v"]);
    let row = audit_after(&host.store, seq).remove(0);
    assert_eq!((row.door.as_str(), row.held.as_deref(), row.needed.as_deref()), ("sql", Some("none"), Some("prompt")));
}

#[test]
fn a_refusal_inside_a_transaction_is_in_the_audit_when_that_is_over() {
    let denied = "cy denied patch t-v";
    for (script, when) in [
        ("BEGIN; !; ROLLBACK", "at once"),
        ("BEGIN IMMEDIATE; !; ROLLBACK", "at once"),
        ("SAVEPOINT a; !; ROLLBACK TO a; RELEASE a; SELECT acl_login('cy')", "at once"),
        ("BEGIN; SAVEPOINT a; !; ROLLBACK TO a; ROLLBACK", "at once"),
        ("BEGIN; !; COMMIT; SELECT acl_login('cy')", "at once"),
        ("BEGIN; !; INSERT INTO mine VALUES (1); COMMIT; !", "twice"),
        ("BEGIN; INSERT INTO mine VALUES (1); !; COMMIT", "on close"),
        ("BEGIN; !", "on close"),
    ] {
        let host = host();
        host.conn.execute_batch("CREATE TABLE mine (a)").unwrap();
        host.login("cy");
        let seq = last_seq(&host.store);
        for statement in script.split("; ") {
            if statement == "!" {
                host.refuses(PATCH, "no task")
            } else {
                run(&host.conn, statement).map(drop).expect(statement)
            }
        }
        match when {
            "at once" => assert_eq!(host.audit(seq), [denied], "{script}"),
            "twice" => assert_eq!(host.audit(seq), [denied, denied], "{script}"),
            _ => assert_eq!(host.audit(seq), [""; 0], "{script}"),
        }
        let Host { store, conn, .. } = host;
        conn.close().unwrap();
        let after = audit_after(&store, seq).into_iter().filter(|row| row.verdict == "denied").count();
        assert_eq!(after, if when == "twice" { 2 } else { 1 }, "{script}");
    }
}

/// While another process has the lock, refusals wait, in their order; they are written with a later one.
#[test]
fn refusals_wait_for_a_file_that_is_locked() {
    let host = host();
    host.login("cy");
    let seq = last_seq(&host.store);
    host.conn.execute_batch("BEGIN").unwrap();
    host.refuses(PATCH, "no task");
    host.refuses("DELETE FROM sessions WHERE session_id = 's-v'", "no session");
    let other = Connection::open(&host.path).unwrap();
    host.conn.execute_batch("COMMIT").unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    run(&host.conn, "SELECT acl_login('cy')").unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(host.audit(seq), [""; 0]);
    let Host { store, conn, dir, .. } = host;
    conn.close().unwrap();
    let rows: Vec<String> = audit_after(&store, seq).into_iter().map(|row| row.record).collect();
    assert_eq!(rows, ["t-v", "s-v"]);
    drop(dir);
}

// ---- check and adoption -----------------------------------------------------------------------

#[test]
fn a_file_of_agors_is_adopted_by_sql() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agor.db");
    Connection::open(&path).unwrap().execute_batch(file::AGOR).unwrap();
    let conn = raw::open(&path);
    for (statement, told) in [("SELECT acl_login('u')", "no guards"), ("SELECT acl_check()", "adopt")] {
        let outcome = run(&conn, statement).expect_err(statement);
        assert!(outcome.contains(told), "{statement}: {outcome}");
    }
    conn.execute_batch("BEGIN").unwrap();
    assert!(run(&conn, "SELECT acl_adopt()").unwrap_err().contains("no transaction open"));
    conn.execute_batch("COMMIT").unwrap();
    let report: serde_json::Value = serde_json::from_str(&text(&conn, "SELECT acl_adopt()")).unwrap();
    assert_eq!(report["already"], false);
    let again: serde_json::Value = serde_json::from_str(&text(&conn, "SELECT acl_adopt()")).unwrap();
    assert_eq!(again["already"], true);
    assert!(text(&conn, "SELECT acl_check()").contains(r#""clean":true"#));
    let user: String = text(&conn, "SELECT user_id FROM users ORDER BY user_id LIMIT 1");
    assert_eq!(conn.query_row("SELECT acl_login(?1)", [&user], |row| row.get::<_, String>(0)).unwrap(), user);
    assert!(run(&conn, "DELETE FROM acl_audit").is_err());
}

/// A program that registers functions under our names has the file, and with it everything. It is where the defence ends.
#[test]
fn functions_of_our_names_are_the_end_of_the_defence() {
    let host = host();
    let file = forger(&host.path);
    file.execute("UPDATE tasks SET status = 'failed' WHERE task_id = 't-v'", []).unwrap();
    assert_eq!(host.status("t-v"), "failed");
    assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#), "the guards are as they were");
}

// ---- sealing ------------------------------------------------------------------------------------

/// The file is taken away under the statement that seals: one that reads it would read freed memory.
#[test]
fn only_a_statement_that_does_nothing_else_seals() {
    let host = host();
    host.login("cy");
    for statement in [
        "SELECT length(acl_seal()), length(data) FROM messages",
        "SELECT acl_seal() FROM tasks",
        "SELECT acl_seal(), 1",
        "SELECT (SELECT acl_seal())",
        "SELECT acl_seal() UNION SELECT 1",
        "SELECT acl_seal() FROM json_each('[1,2]')",
        "WITH s AS (SELECT acl_seal()) SELECT * FROM s",
        "UPDATE users SET name = acl_seal() WHERE user_id = 'cy'",
        "INSERT INTO tasks (task_id) VALUES (acl_seal())",
        "CREATE TABLE mine AS SELECT acl_seal()",
        "EXPLAIN QUERY PLAN SELECT * FROM tasks WHERE task_id = acl_seal()",
    ] {
        let outcome = run(&host.conn, statement);
        assert!(
            outcome.as_ref().is_err_and(|text| text.contains("acl_seal")) || statement.starts_with("EXPLAIN"),
            "{statement}: {outcome:?}"
        );
        assert!(text(&host.conn, "SELECT acl_whoami()").contains(r#""sealed":false"#), "{statement}");
        assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks"), "3", "{statement}");
    }
    let mut open = host.conn.prepare("SELECT task_id FROM tasks").unwrap();
    let mut rows = open.query([]).unwrap();
    rows.next().unwrap().unwrap();
    host.refuses("SELECT acl_seal()", "no other statement");
    drop(rows);
    drop(open);
    assert_eq!(text(&host.conn, " select ACL_SEAL ( ) ; "), "sealed");
    assert_eq!(text(&host.conn, "SELECT count(*) || '' FROM tasks"), "2", "what cy may view");
}

/// A host's own authorizer could forbid a step half-way, and leave the file readable behind a seal that says it holds.
#[test]
fn a_hosts_own_hooks_do_not_break_a_seal_half_way() {
    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
    /// Whether the seal holds: either it was never begun, or nothing is left to read.
    #[track_caller]
    fn holds(host: &Host, sealed: &Result<usize, String>, when: &str) {
        let begun = run(&host.conn, "SELECT acl_whoami()").is_err()
            || text(&host.conn, "SELECT acl_whoami()").contains(r#""sealed":true"#);
        assert!(begun || sealed.is_err(), "{when}");
        for statement in
            ["SELECT password FROM main.users", "SELECT password FROM users", "SELECT sql FROM main.sqlite_schema"]
        {
            let read = run(&host.conn, statement);
            assert!(!begun || read.is_err(), "{when}: {statement}: {read:?}, after {sealed:?}");
        }
    }
    let first = host();
    first.login("cy");
    let deny = |asked: AuthContext<'_>| match asked.action {
        AuthAction::Attach { .. } | AuthAction::CreateVtable { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    first.conn.authorizer(Some(deny)).unwrap();
    let sealed = run(&first.conn, "SELECT acl_seal()");
    assert_eq!(sealed, Ok(1), "the host's authorizer gave way");
    holds(&first, &sealed, "an authorizer");
    for most in (0..400).step_by(20) {
        let host = host();
        host.login("cy");
        let mut steps = 0;
        let stop = move || {
            steps += 1;
            steps > most
        };
        host.conn.progress_handler(1, Some(stop)).unwrap();
        let sealed = run(&host.conn, "SELECT acl_seal()");
        if sealed.is_err() {
            host.conn.progress_handler(0, None::<fn() -> bool>).unwrap();
        }
        holds(&host, &sealed, &format!("stopped after {most} steps"));
    }
}
