//! Sealed reading: what SQL that nobody trusts is shown, and everything it tries beyond that.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aclite::rusqlite::types::Value;
use aclite::{
    Actor, Error, GroupQuery, MessageQuery, Result, Sealed, SessionQuery, Sharing, Store, TaskQuery, UserQuery,
};
use tempfile::TempDir;

use crate::support::file::{self, past_guards};
use crate::support::{add_user, message, places, session, sql, system, task, verdict, worktree, world, world_at};

/// The three places of [`places`], in which others hold nothing on `w`, with secrets in every row that can hold one.
fn house() -> (TempDir, Store) {
    house_with(Sharing::None)
}

fn house_with(on_w: Sharing) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("house.db"));
    places(&store, on_w);
    sql(&store, r#"UPDATE sessions SET data = '{"title":"x","mcp_token":"s3cret"}'"#);
    sql(
        &store,
        r#"UPDATE users SET data = '{"api_keys":{"A":"s3cret","B":null},"env_vars":{"E":"s3cret"},"dark":true}'"#,
    );
    (dir, store)
}

fn sealed(store: &Store, actor: &Actor) -> Sealed {
    store.sealed(actor).unwrap()
}

fn bo() -> Actor {
    Actor::user("bo")
}

/// The rows as text, values by `|`.
fn rows(sealed: &Sealed, sql: &str) -> Result<Vec<String>> {
    let columns = sealed.columns(sql)?.len();
    sealed.query(sql, [], |row| {
        let values = (0..columns).map(|column| row.get::<_, Value>(column));
        let values = values.map(|value| Ok(shown(&value?))).collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(values.join("|"))
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("x{}", bytes.len()),
    }
}

#[track_caller]
fn all(sealed: &Sealed, sql: &str) -> Vec<String> {
    rows(sealed, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

const TABLES: [&str; 11] = [
    "worktrees",
    "sessions",
    "tasks",
    "messages",
    "users",
    "repos",
    "boards",
    "groups",
    "group_memberships",
    "worktree_owners",
    "worktree_group_grants",
];

// ---- what is shown ------------------------------------------------------------------------------

#[test]
fn tables_show_what_the_actor_may_view() {
    let (_dir, store) = house();
    for (actor, tasks, users) in [
        (bo(), "t-v,t-w", 6),
        (Actor::user("cy"), "t-x", 6),
        (Actor::user("ada"), "", 6),
        (Actor::user("vi"), "", 6),
        (Actor::user("su"), "t-v,t-w,t-x", 6),
        (Actor::user("nobody"), "", 0),
        (Actor::executor("bo", "s-w", "t-w"), "t-w", 0),
        (Actor::executor("bo", "s-w", "t-v"), "", 0),
        (Actor::executor("cy", "s-w", "t-w"), "", 0),
        (Actor::service("scheduler"), "t-v,t-w,t-x", 6),
        (system(), "t-v,t-w,t-x", 6),
    ] {
        let sealed = sealed(&store, &actor);
        let shown = all(&sealed, "SELECT task_id FROM tasks ORDER BY task_id").join(",");
        assert_eq!(shown, tasks, "{actor:?}");
        assert_eq!(all(&sealed, "SELECT count(*) FROM users"), [users.to_string()], "{actor:?}");
    }
}

#[test]
fn nobody_and_a_store_in_memory_get_no_sealed_connection() {
    let (_dir, store) = house();
    assert_eq!(verdict(&store.sealed(&Actor::Anonymous)), "not_authenticated");
    assert_eq!(verdict(&store.sealed(&Actor::user("anonymous"))), "not_authenticated");
    let refused = world().sealed(&bo()).unwrap_err();
    assert_eq!(refused.to_string(), "`store` is in memory: only one that a file holds can be sealed");
}

#[test]
fn a_file_that_was_tampered_with_is_not_read() {
    let (dir, store) = house();
    file::tamper(
        &dir.path().join("house.db"),
        "DROP VIEW acl_held; CREATE VIEW acl_held (worktree_id, user_id, held) AS
         SELECT worktree_id, user_id, '4 owner' FROM worktrees, users",
    );
    assert_eq!(verdict(&store.sealed(&Actor::user("cy"))), "tampered");
}

/// An adopted file has types, orders and columns of its own.
#[test]
fn an_adopted_file_shows_the_same_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = file::agor(dir.path());
    aclite::Adoption::new().run(&path).unwrap();
    let sealed = sealed(&Store::open(&path).unwrap(), &system());
    let raw = file::raw(&path);
    for table in TABLES {
        let count: i64 = raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let shown = all(&sealed, &format!("SELECT * FROM {table}"));
        assert_eq!(i64::try_from(shown.len()).unwrap(), count, "{table}");
    }
    let ids = file::texts(&raw, "SELECT session_id FROM sessions");
    for id in ids {
        let found = sealed.query_row("SELECT session_id FROM sessions WHERE session_id = ?1", [&id], |row| row.get(0));
        assert_eq!(found.unwrap(), Some(id));
    }
}

#[test]
fn secrets_are_in_no_table() {
    let (_dir, store) = house();
    for actor in [bo(), Actor::user("su"), system(), Actor::executor("bo", "s-w", "t-w")] {
        let sealed = sealed(&store, &actor);
        for table in TABLES {
            for row in all(&sealed, &format!("SELECT * FROM {table}")) {
                assert!(!row.contains("s3cret") && !row.contains("hash of"), "{actor:?}: {row}");
            }
        }
    }
    let sealed = sealed(&store, &bo());
    assert_eq!(all(&sealed, "SELECT data FROM sessions WHERE session_id = 's-w'"), [r#"{"title":"x"}"#]);
    let user = r#"{"api_keys":{"A":true},"env_vars":{"E":true},"dark":true}"#;
    assert_eq!(all(&sealed, "SELECT data FROM users WHERE user_id = 'ada'"), [user]);
    let found = "SELECT count(*) FROM users WHERE data LIKE '%s3cret%' OR data > '{\"api_keys\":{\"A\":\"s3' AND data < '{\"api_keys\":{\"A\":\"s4'";
    assert_eq!(all(&sealed, found), ["0"]);
    let by_value = r#"SELECT count(*) FROM sessions WHERE data = '{"title":"x","mcp_token":"s3cret"}'"#;
    assert_eq!(all(&sealed, by_value), ["0"]);
}

#[test]
fn a_secret_that_is_spelled_or_stored_oddly_is_not_shown() {
    let (dir, store) = house();
    let path = dir.path().join("house.db");
    for (table, key, stored, expected) in [
        ("sessions", "session_id = 's-w'", r#"{"mcp_token":"s3cret","a":1,"mcp_token":"s3cret"}"#, r#"{"a":1}"#),
        ("sessions", "session_id = 's-w'", r#"{"mcp\u005ftoken":"s3cret"}"#, "{}"),
        ("sessions", "session_id = 's-w'", r#"{"mcp_token":"s3cret""#, "NULL"),
        ("sessions", "session_id = 's-w'", r#"["s3cret"]"#, "NULL"),
        (
            "users",
            "user_id = 'bo'",
            r#"{"api_keys":"s3cret","\u0065nv_vars":["s3cret"]}"#,
            r#"{"api_keys":true,"env_vars":true}"#,
        ),
        (
            "users",
            "user_id = 'bo'",
            r#"{"api_keys":{"A":"s3cret"},"api_keys":{"B":"s3cret"}}"#,
            r#"{"api_keys":{"B":true}}"#,
        ),
        ("users", "user_id = 'bo'", "s3cret", "NULL"),
    ] {
        past_guards(&path, table, &format!("UPDATE {table} SET data = '{stored}' WHERE {key}"));
        let sealed = sealed(&store, &bo());
        assert_eq!(all(&sealed, &format!("SELECT data FROM {table} WHERE {key}")), [expected], "{stored}");
    }
    past_guards(&path, "sessions", "UPDATE sessions SET data = CAST('{\"mcp_token\":\"s3cret\"}' AS blob)");
    for row in all(&sealed(&store, &bo()), "SELECT data, typeof(data) FROM sessions") {
        assert!(row == r"{}|text" || row == "NULL|null", "{row}");
    }
}

#[test]
fn rowids_are_not_shown() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for table in TABLES {
        for name in ["rowid", "_rowid_", "oid"] {
            let refused = rows(&sealed, &format!("SELECT {name} FROM {table}"));
            assert_eq!(verdict(&refused), "invalid", "{table}.{name}: {refused:?}");
        }
    }
}

// ---- attacks ------------------------------------------------------------------------------------

#[test]
fn what_is_no_plain_question_is_refused() {
    let (dir, store) = house_with(Sharing::Prompt);
    let sealed = sealed(&store, &bo());
    let before = file::content(&dir.path().join("house.db"));
    let out = dir.path().join("out.db");
    let out = out.display();
    for attack in [
        "INSERT INTO tasks (task_id) VALUES ('t')".to_owned(),
        "INSERT INTO temp.tasks SELECT * FROM tasks".to_owned(),
        "INSERT OR REPLACE INTO tasks SELECT * FROM tasks".to_owned(),
        "REPLACE INTO users SELECT * FROM users".to_owned(),
        "INSERT INTO tasks (task_id) VALUES ('t') ON CONFLICT DO UPDATE SET status = 'x'".to_owned(),
        "UPDATE tasks SET status = 'completed'".to_owned(),
        "UPDATE tasks SET status = 'completed' WHERE 0".to_owned(),
        "DELETE FROM tasks".to_owned(),
        "DELETE FROM tasks WHERE 0 RETURNING *".to_owned(),
        "WITH x AS (SELECT 1) DELETE FROM tasks".to_owned(),
        "INSERT INTO sqlite_temp_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (y)')".to_owned(),
        "UPDATE sqlite_temp_schema SET sql = ''".to_owned(),
        "UPDATE sqlite_schema SET sql = ''".to_owned(),
        "DELETE FROM sqlite_master".to_owned(),
        "CREATE TABLE x (y)".to_owned(),
        "CREATE TABLE main.tasks AS SELECT 1".to_owned(),
        "CREATE TEMP TABLE x (y)".to_owned(),
        "CREATE TEMP TABLE x AS SELECT * FROM tasks".to_owned(),
        "CREATE VIEW x AS SELECT 1".to_owned(),
        "CREATE TEMP VIEW tasks AS SELECT 1".to_owned(),
        "CREATE TEMP VIEW v AS SELECT * FROM main.tasks".to_owned(),
        "CREATE INDEX x ON tasks (status)".to_owned(),
        "CREATE TEMP TRIGGER x AFTER INSERT ON tasks BEGIN SELECT 1; END".to_owned(),
        "CREATE VIRTUAL TABLE temp.x USING aclite(tasks)".to_owned(),
        "CREATE VIRTUAL TABLE temp.x USING aclite(acl_audit)".to_owned(),
        "CREATE VIRTUAL TABLE x USING fts5(y)".to_owned(),
        "CREATE VIRTUAL TABLE x USING rtree(a, b, c)".to_owned(),
        "DROP TABLE tasks".to_owned(),
        "DROP TABLE temp.tasks".to_owned(),
        "DROP TABLE IF EXISTS temp.users".to_owned(),
        "ALTER TABLE tasks RENAME TO x".to_owned(),
        "ALTER TABLE temp.tasks ADD COLUMN x".to_owned(),
        format!("ATTACH '{}' AS f", dir.path().join("house.db").display()),
        "ATTACH ':memory:' AS m".to_owned(),
        "DETACH main".to_owned(),
        "DETACH temp".to_owned(),
        "VACUUM".to_owned(),
        format!("VACUUM INTO '{out}'"),
        format!("VACUUM temp INTO '{out}'"),
        "REINDEX".to_owned(),
        "ANALYZE".to_owned(),
        "ANALYZE temp".to_owned(),
        "BEGIN".to_owned(),
        "BEGIN IMMEDIATE".to_owned(),
        "COMMIT".to_owned(),
        "END".to_owned(),
        "ROLLBACK".to_owned(),
        "SAVEPOINT x".to_owned(),
        "RELEASE x".to_owned(),
        "ROLLBACK TO x".to_owned(),
        "PRAGMA query_only = 0".to_owned(),
        "PRAGMA writable_schema = 1".to_owned(),
        "PRAGMA trusted_schema = 1".to_owned(),
        "PRAGMA temp_store = 2".to_owned(),
        "PRAGMA cache_size = 1000000".to_owned(),
        "PRAGMA database_list".to_owned(),
        "PRAGMA table_info(tasks)".to_owned(),
        "PRAGMA temp.table_info(tasks)".to_owned(),
        "PRAGMA function_list".to_owned(),
        "PRAGMA module_list".to_owned(),
        "PRAGMA data_version".to_owned(),
        "PRAGMA hard_heap_limit = 1".to_owned(),
        "PRAGMA soft_heap_limit = 1".to_owned(),
        "PRAGMA temp_store_directory = '/'".to_owned(),
        "PRAGMA schema_version".to_owned(),
        "PRAGMA integrity_check".to_owned(),
        "PRAGMA threads = 8".to_owned(),
        "PRAGMA shrink_memory".to_owned(),
        "PRAGMA optimize".to_owned(),
        "PRAGMA no_such_pragma".to_owned(),
        // It would show addresses of this process.
        "EXPLAIN SELECT * FROM tasks".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT 1; DELETE FROM tasks".to_owned(),
    ] {
        let refused = rows(&sealed, &attack);
        assert_eq!(verdict(&refused), "invalid", "{attack}: {refused:?}");
    }
    assert!(!dir.path().join("out.db").exists());
    assert_eq!(file::content(&dir.path().join("house.db")), before);
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"], "the seal still holds");
}

#[test]
fn no_other_table_can_be_named() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for attack in [
        "SELECT * FROM main.tasks",
        "SELECT count(*) FROM main.tasks",
        "SELECT 1 FROM main.users",
        "SELECT * FROM main.sessions JOIN tasks USING (session_id)",
        "SELECT * FROM tasks NATURAL JOIN main.sessions",
        "SELECT * FROM tasks FULL JOIN main.users ON 1",
        "SELECT main.tasks.task_id FROM tasks",
        "WITH tasks AS (SELECT * FROM main.tasks) SELECT * FROM tasks",
        "WITH x AS (SELECT password FROM main.users) SELECT * FROM x",
        "SELECT (SELECT group_concat(task_id) FROM main.tasks)",
        "SELECT * FROM acl_audit",
        "SELECT * FROM acl_held",
        "SELECT * FROM acl_rules",
        "SELECT * FROM temp.acl_epoch",
        "SELECT * FROM acl_settings NATURAL JOIN users",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM sqlite_master",
        "SELECT count(*) FROM sqlite_schema",
        "SELECT 1 FROM sqlite_master",
        "SELECT * FROM main.sqlite_schema",
        "SELECT count(*) FROM main.sqlite_schema",
        "SELECT * FROM sqlite_temp_schema",
        "SELECT * FROM sqlite_temp_master",
        "SELECT count(*) FROM sqlite_temp_schema",
        "SELECT count(*) FROM temp.sqlite_schema",
        "SELECT * FROM temp.sqlite_master",
        "SELECT rootpage FROM sqlite_temp_master",
        "SELECT * FROM sqlite_stat1",
        "SELECT * FROM sqlite_stat4",
        "SELECT * FROM sqlite_sequence",
        "SELECT * FROM dbstat",
        "SELECT count(*) FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM sqlite_dbdata",
        "SELECT * FROM sqlite_stmt",
        "SELECT * FROM sqlite_memstat",
        "SELECT * FROM bytecode('SELECT 1')",
        "SELECT * FROM tables_used('SELECT * FROM tasks')",
        "SELECT * FROM generate_series(1, 2)",
        "SELECT * FROM completion('s')",
        "SELECT * FROM fts5vocab",
        "SELECT * FROM fts3tokenize",
        "SELECT * FROM aclite",
        "SELECT * FROM aclite('acl_audit')",
        "SELECT * FROM rtreecheck",
        "SELECT * FROM pragma_table_info('tasks')",
        "SELECT count(*) FROM pragma_table_info('tasks')",
        "SELECT * FROM pragma_database_list",
        "SELECT count(*) FROM pragma_database_list",
        "SELECT * FROM pragma_function_list",
        "SELECT * FROM pragma_compile_options",
        "SELECT * FROM pragma_data_version",
        "SELECT * FROM pragma_query_only('0')",
        "SELECT * FROM temp.pragma_table_info('tasks')",
        "SELECT * FROM users JOIN pragma_table_list USING (name)",
        "SELECT name FROM users FULL JOIN pragma_table_list USING (name)",
        "SELECT name FROM users FULL JOIN pragma_function_list USING (name)",
        "SELECT name FROM users NATURAL FULL JOIN pragma_module_list",
        "SELECT name FROM users FULL JOIN pragma_database_list USING (name)",
        "SELECT * FROM users FULL JOIN sqlite_master USING (name)",
    ] {
        let refused = rows(&sealed, attack);
        assert_eq!(verdict(&refused), "invalid", "{attack}: {refused:?}");
    }
}

/// The authorizer is not asked for columns that a join unites. There is nothing behind them: at most the names of the
/// tables that are shown.
#[test]
fn columns_that_a_join_unites_show_nothing_more() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &Actor::user("cy"));
    let visible: BTreeSet<&str> = ["w-x", "s-x", "t-x", "m-x"].into();
    for sql in [
        "SELECT session_id FROM tasks FULL JOIN sessions USING (session_id)",
        "SELECT session_id FROM messages NATURAL FULL JOIN tasks",
        "SELECT worktree_id FROM worktrees FULL JOIN sessions USING (worktree_id)",
        "SELECT worktree_id FROM worktree_owners FULL JOIN worktrees USING (worktree_id)",
        "SELECT task_id FROM tasks NATURAL FULL JOIN messages",
        "SELECT session_id FROM (SELECT session_id FROM tasks) FULL JOIN sessions USING (session_id)",
        "SELECT session_id FROM tasks AS a RIGHT JOIN tasks AS b USING (session_id)",
    ] {
        for row in all(&sealed, sql) {
            assert!(row.split('|').all(|value| visible.contains(value) || value == "NULL"), "{sql}: {row}");
        }
    }
    let names = rows(&sealed, "SELECT name FROM sqlite_master FULL JOIN users USING (name)");
    for name in names.unwrap_or_default() {
        assert!(TABLES.contains(&name.as_str()) || name == "NULL", "{name}");
    }
}

#[test]
fn functions_only_compute() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for attack in [
        "load_extension('x')",
        "readfile('/etc/passwd')",
        "writefile('x', 'x')",
        "edit('x')",
        "fts3_tokenizer('simple')",
        "fts5(1)",
        "randomblob(16)",
        "zeroblob(16)",
        "sqlite_compileoption_get(1)",
        "sqlite_compileoption_used('x')",
        "sqlite_source_id()",
        "sqlite_log(1, 'x')",
        "sqlite_offset(task_id)",
        "changes()",
        "total_changes()",
        "last_insert_rowid()",
        "json_patch('{}', '{}')",
        "match('a', 'b')",
        "acl_login('su')",
        "acl_guard('task', 'get')",
        "acl_may_get('task')",
        "acl_known(1, 2, 3, 4)",
        "acl_merge('{}', '{}')",
        "acl_shown_user(task_id)",
        "acl_seal()",
    ] {
        let refused = rows(&sealed, &format!("SELECT {attack} FROM tasks"));
        assert_eq!(verdict(&refused), "invalid", "{attack}: {refused:?}");
    }
    for (allowed, expected) in [
        ("upper(task_id)", "T-W"),
        ("instr(task_id, 'w')", "3"),
        ("replace(task_id, 'w', 'x')", "t-x"),
        ("json_extract(data, '$.full_prompt')", "do"),
        ("data ->> 'full_prompt'", "do"),
        ("count(*) OVER ()", "1"),
        ("group_concat(task_id)", "t-w"),
        ("json_group_array(task_id)", "[\"t-w\"]"),
        ("(SELECT count(*) FROM json_each(data))", "1"),
        ("date(created_at / 1000, 'unixepoch') > '2020'", "1"),
        ("CASE WHEN task_id GLOB 't-*' AND task_id LIKE 'T-%' THEN 'y' END", "y"),
        ("printf('%05d', 7)", "00007"),
    ] {
        let sql = format!("SELECT {allowed} FROM tasks WHERE task_id = 't-w'");
        assert_eq!(all(&sealed, &sql), [expected], "{allowed}");
    }
}

// ---- existence ----------------------------------------------------------------------------------

#[test]
fn a_hidden_record_and_one_that_never_was_are_the_same() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &Actor::user("cy"));
    for question in [
        "SELECT * FROM tasks WHERE task_id = 't-?'",
        "SELECT count(*), max(created_at), sum(length(data)) FROM tasks WHERE session_id = 's-?'",
        "SELECT * FROM tasks WHERE task_id IN ('t-?', 't-x') ORDER BY task_id LIMIT 1",
        "SELECT * FROM messages WHERE session_id = 's-?' AND \"index\" >= 0",
        "SELECT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = 'w-?')",
        "SELECT count(*) FROM sessions WHERE session_id > 's-?' OR session_id = 's-?'",
        "SELECT * FROM sessions WHERE worktree_id = 'w-?' AND json_extract(data, '$.x[') = 1",
        "SELECT * FROM worktree_owners WHERE worktree_id = 'w-?'",
        "EXPLAIN QUERY PLAN SELECT * FROM tasks WHERE task_id = 't-?' ORDER BY created_at",
        "EXPLAIN QUERY PLAN SELECT * FROM worktrees NATURAL JOIN sessions WHERE worktree_id = 'w-?'",
    ] {
        let told = |letter: &str| {
            let told = format!("{:?}", rows(&sealed, &question.replace('?', letter)));
            told.replace(&format!("-{letter}"), "-?")
        };
        assert_eq!(told("v"), told("q"), "{question}");
    }
}

#[test]
fn plans_do_not_tell_how_many_rows_there_are() {
    let (_dir, store) = house();
    let plan = |actor: &Actor| {
        let sealed = sealed(&store, actor);
        let joins = "SELECT * FROM tasks JOIN sessions USING (session_id) JOIN messages USING (session_id) ORDER BY 1";
        all(&sealed, &format!("EXPLAIN QUERY PLAN {joins}"))
    };
    let before = plan(&Actor::user("cy"));
    for number in 0..300 {
        task(&store, &format!("t-more-{number}"), "s-v", "bo");
    }
    let raw = file::raw(store.path());
    raw.execute_batch("ANALYZE").unwrap();
    assert_eq!(plan(&Actor::user("cy")), before);
    assert_eq!(plan(&system()), before, "whoever asks");
    for line in &before {
        assert!(!line.contains("acl_") && !line.contains("main."), "{line}");
    }
}

/// What the reader's failure is stays with the embedder.
#[test]
fn sql_is_not_told_why_the_reader_failed() {
    let (dir, store) = house();
    let sealed = sealed(&store, &bo());
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
    // Renaming makes SQLite read every trigger and view anew, which takes the functions that they call.
    let renamed = "ALTER TABLE tasks RENAME COLUMN completed_at TO hidden";
    file::raw_with_functions(&dir.path().join("house.db")).execute_batch(renamed).unwrap();
    let error = rows(&sealed, "SELECT completed_at FROM tasks").unwrap_err();
    assert_eq!((error.code(), error.public().message.as_str()), ("storage", "the database failed"));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("completed_at"));
    assert!(rows(&sealed, "SELECT count(*) FROM sessions").is_ok(), "another table is unharmed");
}

// ---- snapshots ----------------------------------------------------------------------------------

#[test]
fn a_revocation_counts_for_the_next_statement() {
    let (_dir, store) = house_with(Sharing::View);
    let sealed = sealed(&store, &Actor::user("dee"));
    assert_eq!(all(&sealed, "SELECT task_id FROM tasks"), ["t-w"]);
    for (change, shown) in [
        ("UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-w'", ""),
        ("INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-x', 'dee', acl_now())", "t-x"),
        ("UPDATE acl_rules SET needs = 'system' WHERE resource = 'task' AND operation = 'get'", ""),
        ("UPDATE acl_rules SET needs = 'all' WHERE resource = 'task' AND operation = 'get'", "t-x"),
        ("UPDATE users SET role = 'viewer' WHERE user_id = 'dee'", ""),
        ("DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'get'", ""),
        ("DELETE FROM users WHERE user_id = 'dee'", ""),
    ] {
        sql(&store, change);
        assert_eq!(all(&sealed, "SELECT task_id FROM tasks").join(","), shown, "{change}");
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM users"), ["0"]);
}

#[test]
fn a_statement_keeps_the_snapshot_that_it_began_with() {
    let (_dir, store) = house_with(Sharing::View);
    for number in 0..50 {
        task(&store, &format!("t-{number:02}"), "s-w", "bo");
    }
    let sealed = sealed(&store, &Actor::user("dee"));
    let mut revoked = false;
    let seen = sealed
        .query("SELECT task_id, (SELECT count(*) FROM tasks), (SELECT count(*) FROM messages) FROM tasks", [], |row| {
            if !revoked {
                sql(&store, "UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-w'");
                revoked = true;
            }
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .unwrap();
    assert_eq!(seen.len(), 51);
    assert!(seen.iter().all(|(_, tasks, messages)| (*tasks, *messages) == (51, 1)));
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["0"]);
}

/// After each statement, however it ended, the log can be written back whole: nobody holds a snapshot.
#[test]
fn no_statement_leaves_a_snapshot_behind() {
    let (_dir, store) = house();
    let raw = file::raw(store.path());
    let free = || {
        sql(&store, "UPDATE worktrees SET needs_attention = 1 - needs_attention");
        let (busy, log, done): (i64, i64, i64) = raw
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        (busy, log == done)
    };
    let sealed = sealed(&store, &bo());
    assert_eq!(free(), (0, true));
    all(&sealed, "SELECT * FROM tasks");
    assert_eq!(free(), (0, true), "after a statement");
    sealed.query_row("SELECT * FROM tasks", [], |_| Ok(())).unwrap();
    assert_eq!(free(), (0, true), "after its first row");
    assert!(rows(&sealed, "SELECT json(substr(data, 2)) FROM tasks").is_err());
    assert_eq!(free(), (0, true), "after an error");
    let failed = sealed.query("SELECT * FROM tasks", [], |row| row.get::<_, i64>(0));
    assert!(failed.is_err());
    assert_eq!(free(), (0, true), "after an error of the caller's");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sealed.query("SELECT * FROM tasks", [], |_| -> rusqlite::Result<()> { panic!("of the caller's") })
    }));
    assert!(panicked.is_err());
    assert_eq!(free(), (0, true), "after a panic");
    sealed.set_time_limit(Duration::from_millis(50));
    let endless = "SELECT count(*) FROM tasks a, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)";
    assert!(rows(&sealed, endless).is_err());
    assert_eq!(free(), (0, true), "after a time-out");
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
}

#[test]
fn a_statement_inside_another_is_refused() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    let inner = sealed.query("SELECT task_id FROM tasks", [], |_| Ok(rows(&sealed, "SELECT * FROM users").map(drop)));
    for inner in inner.unwrap() {
        assert!(inner.unwrap_err().to_string().contains("one statement at a time on a sealed connection"));
    }
}

// ---- bounds -------------------------------------------------------------------------------------

#[test]
fn a_statement_that_runs_for_ever_is_stopped() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    sealed.set_time_limit(Duration::from_millis(200));
    let long = "x".repeat(1 << 20);
    for runaway in [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT (i * 7 + 1) % 100000000 FROM n) SELECT max(i) FROM n".to_owned(),
        format!("SELECT count(*) FROM {}", (0..12).map(|at| format!("users AS u{at}")).collect::<Vec<_>>().join(", ")),
        "SELECT count(*) FROM users a, users b, users c, users d, users e, users f, users g, users h, users i WHERE a.email || b.email || c.email || d.email || e.email || f.email || g.email || h.email || i.email = 'x'".to_owned(),
        "WITH RECURSIVE n (i, t) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, t || 'x' FROM n) SELECT length(max(t)) FROM n ORDER BY 1".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n ORDER BY i % 1000, i DESC".to_owned(),
    ] {
        let started = Instant::now();
        let stopped = rows(&sealed, &runaway);
        let error = stopped.map(|rows| rows.len()).unwrap_err();
        assert_eq!(error.code(), "invalid", "{runaway}: {error}");
        assert!(started.elapsed() < Duration::from_secs(20), "{runaway}: {:?}", started.elapsed());
    }
    // A single call of a function can't be interrupted.
    sealed.set_time_limit(Duration::from_secs(60));
    for (call, expected) in
        [("instr(?1, ?2)", "0"), ("length(replace(?1, ?2, 'y'))", "1048576"), ("length(trim(?1, ?2))", "0")]
    {
        let found =
            sealed.query_row(&format!("SELECT CAST({call} AS text)"), [&long, &format!("{}y", &long[1..])], |row| {
                row.get::<_, String>(0)
            });
        assert_eq!(found.unwrap().unwrap(), expected, "{call}");
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"], "the next statement runs");
}

#[test]
fn a_scan_over_hidden_rows_is_stopped_too() {
    let (_dir, store) = house();
    sql(
        &store,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
         SELECT printf('t-%05d', i), 's-v', acl_now(), 'bo', 'created', '{}' FROM n",
    );
    let sealed = sealed(&store, &Actor::user("cy"));
    sealed.set_time_limit(Duration::from_millis(1));
    let error = rows(&sealed, "SELECT count(*) FROM tasks").unwrap_err();
    assert_eq!(error.to_string(), "`sql` takes longer than 1ms");
}

#[test]
fn large_values_and_large_statements_are_refused() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for attack in [
        "SELECT printf('%100000000d', 1)".to_owned(),
        "SELECT printf('%*d', 100000000, 1)".to_owned(),
        "SELECT replace(printf('%1000000d', 1), ' ', printf('%1000000d', 1))".to_owned(),
        "SELECT hex(printf('%10000000d', 1))".to_owned(),
        "WITH RECURSIVE d (t) AS (SELECT 'xxxxxxxx' UNION ALL SELECT t || t FROM d) SELECT t FROM d".to_owned(),
        "SELECT group_concat(a.data || b.data) FROM users a, users b, users c, users d, users e, users f, users g"
            .to_owned(),
        "SELECT json_group_array(a.data) FROM users a, users b, users c, users d, users e, users f, users g, users h"
            .to_owned(),
        format!("SELECT {}", vec!["1"; 200].join(", ")),
        format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200)) + &" + 1".repeat(200),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(100)),
        format!("SELECT char({})", vec!["1"; 100].join(", ")),
        format!("SELECT '{}'", "x".repeat(70_000)),
        format!("SELECT 'x' LIKE '{}'", "%x".repeat(100)),
        format!("SELECT 'x' GLOB '{}'", "*x".repeat(100)),
        "SELECT ?1000".to_owned(),
        "SELECT printf('%10000000d', 1) FROM users a, users b, users c".to_owned(),
    ] {
        let refused = rows(&sealed, &attack);
        assert_eq!(verdict(&refused), "invalid", "{attack:.100}: {:?}", refused.map(|rows| rows.len()));
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
}

/// Each level names the one below twice: preparing this would take memory and time without end.
#[test]
fn a_statement_that_unfolds_without_end_is_stopped() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    sealed.set_time_limit(Duration::from_millis(300));
    let mut bomb = "WITH a0 AS (SELECT 1 AS x)".to_owned();
    for level in 1..60 {
        bomb += &format!(", a{level} AS (SELECT p.x FROM a{0} AS p, a{0} AS q)", level - 1);
    }
    let started = Instant::now();
    let stopped = rows(&sealed, &format!("{bomb} SELECT * FROM a59"));
    assert_eq!(verdict(&stopped), "invalid", "{stopped:?}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"], "the next statement runs");
}

#[test]
fn a_message_of_the_greatest_size_can_be_read() {
    let (_dir, store) = house();
    let content = "x".repeat((16 << 20) - 64);
    let new = aclite::NewMessage::new("s-w", aclite::MessageType::User, aclite::MessageRole::User, content).id("m-big");
    store.write(&system(), |tx| tx.messages().create(new)).unwrap();
    let sealed = sealed(&store, &bo());
    let sql = "SELECT data FROM messages WHERE message_id = 'm-big' ORDER BY length(data)";
    let length = sealed.query_row(sql, [], |row| Ok(row.get_ref(0)?.as_str()?.len())).unwrap();
    assert!(length.unwrap() > (16 << 20) - 64);
}

// ---- many at once -------------------------------------------------------------------------------

#[test]
fn many_sealed_connections_read_while_a_writer_writes() {
    let (_dir, store) = house_with(Sharing::View);
    add_user(&store, "eve", "member");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = ["bo", "cy", "dee", "eve"]
            .map(|user| {
                let (store, stop) = (&store, &stop);
                scope.spawn(move || {
                    let sealed = sealed(store, &Actor::user(user));
                    let mut reads = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) || reads < 20 {
                        let counts = "SELECT (SELECT count(*) FROM tasks WHERE session_id = 's-w') = (SELECT count(*) FROM messages WHERE session_id = 's-w')";
                        assert_eq!(all(&sealed, counts), ["1"], "{user}: one statement, one snapshot");
                        let hidden = all(&sealed, "SELECT count(*) FROM tasks WHERE session_id = 's-v'");
                        assert!(user == "bo" || hidden == ["0"], "{user}");
                        reads += 1;
                    }
                })
            })
            .into_iter()
            .collect();
        for number in 0..40 {
            store
                .write(&system(), |tx| {
                    let id = format!("t-{number}");
                    tx.tasks().create(aclite::NewTask::new("s-w").id(id.clone()).created_by("bo"))?;
                    let said =
                        aclite::NewMessage::new("s-w", aclite::MessageType::User, aclite::MessageRole::User, "x");
                    tx.messages().create(said.id(format!("m-{number}")))
                })
                .unwrap();
            let can = if number % 2 == 0 { "none" } else { "view" };
            sql(&store, &format!("UPDATE worktrees SET others_can = '{can}' WHERE worktree_id = 'w-w'"));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn a_sealed_connection_goes_from_thread_to_thread() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    let sealed = std::thread::spawn(move || {
        assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
        sealed
    });
    assert_eq!(all(&sealed.join().unwrap(), "SELECT count(*) FROM tasks"), ["2"]);
}

// ---- the same as the lists ----------------------------------------------------------------------

#[test]
fn the_same_is_shown_as_in_the_lists_whatever_the_rules_say() {
    let (_dir, store) = house_with(Sharing::Session);
    worktree(&store, "w-y", "cy", Sharing::View);
    session(&store, "s-y", "w-w", "dee");
    task(&store, "t-y", "s-y", "dee");
    message(&store, "m-y", "s-y", Some("t-y"));
    sql(&store, "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())");
    sql(&store, "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'vi', acl_now())");
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w-x', 'g', 'all', acl_now())",
    );
    for rule in [
        "UPDATE acl_rules SET needs = needs",
        "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'task' AND operation = 'get'",
        "UPDATE acl_rules SET needs_if_own = 'session' WHERE resource = 'task' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'owner' WHERE resource = 'message' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'role:admin', needs_if_own = 'self' WHERE resource = 'user' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'system' WHERE resource = 'group' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'self' WHERE resource = 'session' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'all' WHERE resource = 'worktree' AND operation = 'get'",
        "UPDATE acl_settings SET value = 'off'",
    ] {
        sql(&store, rule);
        for actor in [
            bo(),
            Actor::user("ada"),
            Actor::user("cy"),
            Actor::user("dee"),
            Actor::user("vi"),
            Actor::user("su"),
            Actor::user("nobody"),
            Actor::executor("dee", "s-y", "t-y"),
            Actor::executor("bo", "s-v", "t-v"),
            Actor::executor("bo", "s-v", "t-y"),
            Actor::service("scheduler"),
            system(),
        ] {
            same(&store, &actor, rule);
        }
    }
}

fn same(store: &Store, actor: &Actor, world: &str) {
    let sealed = sealed(store, actor);
    macro_rules! list {
        ($repository:ident, $query:expr, $id:ident) => {{
            let page = store.read(actor, |tx| tx.$repository().find(&$query.limit(1000))).unwrap();
            let mut listed: Vec<String> = page.items.iter().map(|item| item.$id.to_string()).collect();
            listed.sort();
            let id = stringify!($id);
            let table = stringify!($repository);
            assert_eq!(all(&sealed, &format!("SELECT {id} FROM {table} ORDER BY {id}")), listed, "{actor:?}: {world}");
            listed
        }};
    }
    let worktrees = list!(worktrees, aclite::WorktreeQuery::new(), worktree_id);
    list!(sessions, SessionQuery::new(), session_id);
    list!(tasks, TaskQuery::new(), task_id);
    list!(messages, MessageQuery::new(), message_id);
    list!(users, UserQuery::new(), user_id);
    list!(repos, aclite::RepoQuery::new(), repo_id);
    list!(boards, aclite::BoardQuery::new(), board_id);
    let groups = list!(groups, GroupQuery::new(), group_id);
    let hanging = |table: &str| all(&sealed, &format!("SELECT DISTINCT worktree_id FROM {table} ORDER BY 1"));
    assert_eq!(hanging("worktree_owners"), worktrees, "{actor:?}: {world}");
    let granted: Vec<String> = worktrees.iter().filter(|id| *id == "w-x").cloned().collect();
    assert_eq!(hanging("worktree_group_grants"), granted, "{actor:?}: {world}");
    assert_eq!(all(&sealed, "SELECT DISTINCT group_id FROM group_memberships"), groups, "{actor:?}: {world}");
}

#[test]
fn errors_are_the_callers_where_the_statement_is_wrong() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for (sql, told) in [
        ("SELECT * FROM nothing", "`sql` is no statement: no such table: nothing"),
        ("SELECT nothing FROM tasks", "`sql` is no statement: no such column: nothing"),
        ("SELEC", "`sql` is no statement: incomplete input"),
        ("SELECT password FROM users", "`sql` is no statement: no such column: password"),
    ] {
        let error: Error = rows(&sealed, sql).unwrap_err();
        assert!(error.to_string().starts_with(told) || error.code() == "invalid", "{error}");
    }
    assert!(
        sealed.query_row("SELECT task_id FROM tasks WHERE 0", [], |row| row.get::<_, String>(0)).unwrap().is_none()
    );
}
