//! The extension works with what each host has of its own: hooks, dot commands, transactions, threads, exits.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tempfile::TempDir;

use super::drive::{
    BETTER_SQLITE3_MODULE, LIBSQL_MODULE, Module, NODE_SQLITE_MODULE, here, load, python_command, python_is_there,
};
use super::world;

use crate::support::extension::extension;
use crate::support::file::{host, raw, texts};

/// A write that dee, who may only view the task, is refused. It is allowed to bo, who owns its worktree.
const REFUSED: &str = "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'";

pub(super) fn prepared() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("habit.db");
    world::make(&path);
    (dir, path)
}

/// Who was refused what, as the audit has it.
fn denials(path: &Path) -> Vec<String> {
    let denied = "SELECT actor || ' ' || record FROM acl_audit WHERE door = 'sql' AND verdict = 'denied' ORDER BY seq";
    texts(&raw(path), denied)
}

#[test]
fn python_has_its_own_transactions_cursors_and_threads() {
    if !python_is_there() {
        return;
    }
    let (_dir, path) = prepared();
    let mut python = python_command();
    let (_, said) = succeeds(told(&mut python, &path).arg(here("tests/hosts/habits.py")));
    eprintln!("{}", said.lines().next().unwrap());
    let ran = said.split_once("\nRan ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    assert!(ran >= Some(15) && said.trim_end().ends_with("OK"), "{said}");
}

#[test]
fn better_sqlite3_has_its_own_transactions_iterators_and_workers() {
    plays_in_node(&BETTER_SQLITE3_MODULE, "tests/hosts/habits.cjs", 14);
}

#[test]
fn libsql_has_its_own_ciphers_statements_and_client() {
    plays_in_node(&LIBSQL_MODULE, "tests/hosts/habits_libsql.cjs", 8);
}

#[test]
fn node_sqlite_has_its_own_options_and_changesets() {
    plays_in_node(&NODE_SQLITE_MODULE, "tests/hosts/habits_node_sqlite.cjs", 5);
}

/// Plays the tests of `script`, which are so many at least, in the runtime of `module`.
#[track_caller]
fn plays_in_node(module: &Module, script: &str, at_least: usize) {
    if !module.is_there() {
        return;
    }
    let (_dir, path) = prepared();
    let mut node = module.command();
    let (said, _) = succeeds(told(&mut node, &path).args(["--test", "--test-reporter=tap"]).arg(here(script)));
    let count = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("# {what} ")));
        line.unwrap_or_else(|| panic!("{said}")).parse::<usize>().unwrap()
    };
    eprintln!("{}", said.lines().find(|line| line.contains(", SQLite ")).unwrap_or(&said));
    assert!(
        count("pass") >= at_least && count("fail") + count("skipped") + count("todo") + count("cancelled") == 0,
        "{said}"
    );
}

/// `command`, which finds extension and prepared file in its environment.
pub(super) fn told<'c>(command: &'c mut Command, path: &Path) -> &'c mut Command {
    command.env("ACLITE_TEST_EXTENSION", extension()).env("ACLITE_TEST_WORLD", path)
}

pub(super) fn succeeds(command: &mut Command) -> (String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (said, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {said}{errors}");
    (said, errors)
}

/// Runs the shell in the directory of the extension; tells what it said, and its exit code.
fn shell(path: &Path, options: &[&str], input: &str) -> (String, String, Option<i32>) {
    let script = path.with_extension("sql");
    std::fs::write(&script, input).unwrap();
    let mut shell = Command::new("sqlite3");
    shell.args(options).arg(path).current_dir(extension().parent().unwrap());
    let Output { status, stdout, stderr } = shell.stdin(File::open(&script).unwrap()).output().unwrap();
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), status.code())
}

#[test]
fn the_shell_loads_by_a_relative_path_without_the_ending() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = prepared();
    for load in [".load ./libaclite", "SELECT load_extension('./libaclite') IS NULL;"] {
        let (said, errors, _) = shell(&path, &[], &format!("{load}\nSELECT acl_login('bo');\n"));
        assert!(said.ends_with("bo\n") && errors.is_empty(), "{load}: {said}{errors}");
    }
}

#[test]
fn the_shells_safe_mode_loads_nothing_itself_and_keeps_what_was_loaded_before() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = prepared();
    let (_, errors, code) = shell(&path, &["-safe"], ".load ./libaclite\n");
    assert!(errors.contains("cannot run .load in safe mode") && code == Some(1), "{errors}");

    let steps = format!(
        "SELECT acl_login('dee');\n{REFUSED};\nUPDATE users SET name = 'Dee' WHERE user_id = 'dee' RETURNING name;\n"
    );
    let (said, errors, _) = shell(&path, &["-cmd", ".load ./libaclite", "-safe"], &steps);
    assert_eq!(said, "dee\nDee\n");
    assert!(errors.contains("aclite: denied: may not patch task `t-w`") && errors.lines().count() == 1, "{errors}");
    assert_eq!(denials(&path), ["dee t-w"]);
}

#[test]
fn a_refusal_ends_the_shell_that_was_told_to_bail_and_is_in_the_audit() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = prepared();
    let steps = format!(".load ./libaclite\nSELECT acl_login('dee');\n{REFUSED};\nSELECT 'still here';\n");
    let (said, _, code) = shell(&path, &["-bail"], &steps);
    assert_eq!((said.as_str(), code), ("dee\n", Some(1)));
    assert_eq!(denials(&path), ["dee t-w"]);
}

/// In a transaction a refusal waits for its end: `.quit` closes the connection, an exit code ends the process.
#[test]
fn the_shell_keeps_a_refusal_of_an_open_transaction_unless_it_exits_with_a_code() {
    if host("sqlite3").is_none() {
        return;
    }
    for (end, kept) in
        [("", true), (".quit", true), (".exit", true), ("COMMIT;", true), ("ROLLBACK;", true), (".exit 3", false)]
    {
        let (_dir, path) = prepared();
        let steps = format!(".load ./libaclite\nSELECT acl_login('dee');\nBEGIN;\n{REFUSED};\n{end}\n");
        let (_, errors, _) = shell(&path, &[], &steps);
        assert!(errors.contains("aclite: denied: may not patch task `t-w`"), "{end}: {errors}");
        assert_eq!(denials(&path).len(), usize::from(kept), "`{end}`");
    }
}

#[test]
fn another_file_in_the_same_shell_has_no_user() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = prepared();
    let steps = format!(".load ./libaclite\nSELECT acl_login('bo');\n.open {}\n{REFUSED};\n", path.display());
    let (_, errors, _) = shell(&path, &[], &steps);
    assert!(errors.contains("no such function: acl_"), "{errors}");
}

/// Loading the extension once more, by a statement or by the host, does not forget a final sign-in.
#[test]
fn a_final_sign_in_outlives_a_second_loading() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = prepared();
    for again in ["SELECT load_extension('./libaclite') IS NULL;", ".load ./libaclite"] {
        let steps = format!(
            ".load ./libaclite\nSELECT acl_login('dee', 'final');\n{again}\nSELECT acl_whoami();\nSELECT acl_login('bo');\n"
        );
        let (said, errors, _) = shell(&path, &[], &steps);
        assert!(
            said.ends_with("{\"kind\":\"user\",\"id\":\"dee\",\"final\":true,\"sealed\":false}\n"),
            "{again}: {said}"
        );
        assert!(errors.contains("aclite: denied: who acts on this connection is final"), "{again}: {errors}");
    }
}

/// A connection has one rollback hook, and a host that sets its own takes the extension's away: the
/// refusal then waits for the next sign-in or for the end of the connection.
#[test]
fn a_hosts_own_rollback_hook_delays_a_refusal_and_loses_none() {
    for signs_in in [true, false] {
        let (_dir, path) = prepared();
        let db = Connection::open(&path).unwrap();
        load(&db, extension());
        let login = || db.query_row("SELECT acl_login('dee')", [], |row| row.get::<_, String>(0)).unwrap();
        login();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        db.rollback_hook(Some(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }))
        .unwrap();
        assert!(db.execute(REFUSED, []).is_err());
        assert_eq!((calls.load(Ordering::Relaxed), denials(&path).len()), (1, 0));
        if signs_in {
            login();
            assert_eq!(denials(&path), ["dee t-w"]);
        }
        drop(db);
        assert_eq!(denials(&path), ["dee t-w"]);
    }
}

/// A host may veto commits. What it vetoes is not written, and its audit row neither.
#[test]
fn a_hosts_commit_hook_takes_the_audit_row_along() {
    let (_dir, path) = prepared();
    let db = Connection::open(&path).unwrap();
    load(&db, extension());
    db.query_row("SELECT acl_login('bo')", [], |row| row.get::<_, String>(0)).unwrap();
    db.commit_hook(Some(|| true)).unwrap();
    let vetoed = db.execute(REFUSED, []).unwrap_err();
    assert_eq!(vetoed.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{vetoed}");
    db.commit_hook(None::<fn() -> bool>).unwrap();
    let found = texts(&raw(&path), "SELECT status FROM tasks WHERE task_id = 't-w'");
    let audited = texts(&raw(&path), "SELECT record FROM acl_audit WHERE door = 'sql' AND resource = 'task'");
    assert_eq!((found, audited), (vec!["created".to_owned()], vec![]));
}
