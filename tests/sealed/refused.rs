//! A sealed connection refuses what is no plain question, and tells nothing of what is hidden.

use std::collections::BTreeSet;

use aclite::{Actor, Error, Sharing};

use super::house::{TABLES, all, bo, house, house_with, rows, sealed};
use crate::support::file::{self};
use crate::support::{system, task, verdict};

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

// ---- the same as the lists ----------------------------------------------------------------------

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
