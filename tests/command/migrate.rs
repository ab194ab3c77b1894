//! `aclite migrate` runs another program's migration over a guarded file, and where that fails the file is what it was before.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aclite::{Error, Incompatible, Migration, Store};
use tempfile::{TempDir, tempdir};

use super::{fails, json, texts, works};
use crate::support::file::{agor, beside, bytes, content, raw, schema, tamper};
use crate::support::{sql, system, verdict};

/// A guarded file in which every level is in use, and a table of the daemon's own.
fn guarded() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    works(&["adopt"], &path);
    let store = Store::open(&path).unwrap();
    sql(&store, "UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-bo'");
    drop(store);
    tamper(&path, "CREATE TABLE notes (note)");
    (dir, path)
}

fn migrate(path: &Path, command: &[&str]) -> Output {
    started(path, command).wait_with_output().unwrap()
}

fn started(path: &Path, command: &[&str]) -> Child {
    let mut aclite = Command::new(env!("CARGO_BIN_EXE_aclite"));
    aclite.arg("migrate").arg(path).arg("--").args(command).env("FILE", path).current_dir(path.parent().unwrap());
    aclite.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// This program, as the migration of another one: it runs the SQL on the file that the environment names.
fn running(sql: &str) -> Vec<String> {
    let me = std::env::current_exe().unwrap().display().to_string();
    ["env", &format!("ACLITE_TEST_MIGRATION={sql}"), &me, "migrate::migration", "--exact", "--nocapture"]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn migration() {
    let Ok(sql) = std::env::var("ACLITE_TEST_MIGRATION") else { return };
    raw(Path::new(&std::env::var_os("FILE").unwrap())).execute_batch(&sql).unwrap();
}

fn copy_of(path: &Path) -> PathBuf {
    beside(path, ".before-migration")
}

/// The whole file: what is in it, and how it is made.
type Whole = (crate::support::file::Content, std::collections::BTreeMap<(String, String), String>);

fn whole(path: &Path) -> Whole {
    (content(path), schema(path))
}

/// The file is what it was, and nothing lies beside it.
#[track_caller]
fn assert_unchanged(path: &Path, before: &Whole) {
    assert!(whole(path) == *before, "the file differs");
    assert!(Store::inspect(path).unwrap().is_clean());
    assert_eq!(crate::support::file::texts(&raw(path), "PRAGMA integrity_check"), ["ok"]);
    let mut beside: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    beside.retain(|name| name.to_string_lossy() != path.file_name().unwrap().to_string_lossy());
    assert_eq!(beside, Vec::<std::ffi::OsString>::new());
}

#[test]
fn a_migration_changes_the_file_and_keeps_its_rights() {
    let (_dir, path) = guarded();
    let command =
        running("ALTER TABLE worktrees ADD COLUMN others_can text DEFAULT 'view'; ALTER TABLE tasks ADD COLUMN shine");
    let output = migrate(&path, &command.iter().map(String::as_str).collect::<Vec<_>>());
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("is adopted\n") && out.contains("saved when the file was detached, and restored:"), "{out}");
    let steps: Vec<String> = err.lines().map(|line| line.replace(&path.display().to_string(), "FILE")).collect();
    assert_eq!(
        steps[..4],
        [
            "aclite: looking whether other programs have the file open …",
            "aclite: copying the file to `FILE.before-migration` …",
            "aclite: taking out the guards …",
            "aclite: running the command …",
        ]
    );
    assert_eq!(steps.last().unwrap(), "aclite: removing the copy …");
    assert!(!copy_of(&path).exists());
    let store = Store::open(&path).unwrap();
    assert!(store.check().unwrap().is_clean());
    let hidden = store.read(&aclite::Actor::user("cy"), |tx| tx.tasks().get("t-2"));
    assert_eq!(verdict(&hidden), "hidden", "the level is the saved one");
    store.write(&system(), |tx| tx.sql().execute("UPDATE tasks SET shine = 1", [])).unwrap();
}

#[test]
fn a_command_that_fails_has_its_exit_code_passed_on() {
    for (command, code, told) in [
        (&["sh", "-c", "exit 7"][..], 7, "the command `sh` failed (exit status: 7): the file is what it was before"),
        (&["false"], 1, "the command `false` failed (exit status: 1)"),
        (&["sh", "-c", "echo half >> $FILE; exit 3"], 3, "(exit status: 3)"),
        (&["sh", "-c", "kill -9 $$"], 137, "(signal: 9 (SIGKILL))"),
        (&["no-such-program"], 127, "the command `no-such-program` could not be run"),
        (&["/"], 126, "the command `/` could not be run"),
    ] {
        let (_dir, path) = guarded();
        let before = whole(&path);
        let output = migrate(&path, command);
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), out.as_str()), (Some(code), ""), "{command:?}: {err}");
        assert!(err.lines().last().unwrap().contains(told), "{command:?}: {err}");
        assert_unchanged(&path, &before);
    }
}

/// A migration that says that it went well, and left something that can't be adopted.
#[test]
fn what_cant_be_adopted_afterwards_is_undone() {
    let all_but = |kept: &str| format!("rm -f \"$FILE\"; {kept}");
    for (script, told) in [
        (all_but(""), "there is no such file"),
        (all_but("echo dear ada > \"$FILE\""), "not an sqlite database"),
        (all_but("head -c 20000 \"$FILE.before-migration\" > \"$FILE\""), "damaged"),
        (all_but("touch \"$FILE\""), "the file is empty"),
        ("head -c 5000 /dev/urandom > \"$FILE\"".to_owned(), "not an sqlite database"),
        (": > \"$FILE\"".to_owned(), "the file is empty"),
    ] {
        let (_dir, path) = guarded();
        let before = whole(&path);
        let output = migrate(&path, &["sh", "-c", &script]);
        let (_, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{script}: {err}");
        assert!(err.lines().last().unwrap().contains(told), "{script}: {err}");
        assert_unchanged(&path, &before);
    }
    for (sql, told) in [
        ("PRAGMA foreign_keys = OFF; DROP TABLE messages", "there is no table `messages`"),
        ("ALTER TABLE worktrees RENAME TO branches", "calls worktrees `branches`"),
        (
            "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; DROP TABLE tasks; VACUUM; PRAGMA journal_mode = WAL",
            "there is no table `tasks`",
        ),
        ("PRAGMA journal_mode = DELETE; DROP TABLE tasks; PRAGMA journal_mode = WAL", "there is no table `tasks`"),
    ] {
        let (_dir, path) = guarded();
        let before = whole(&path);
        let command = running(sql);
        let output = migrate(&path, &command.iter().map(String::as_str).collect::<Vec<_>>());
        let (_, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{sql}: {err}");
        assert!(err.lines().last().unwrap().contains(told), "{sql}: {err}");
        assert_unchanged(&path, &before);
    }
}

/// A copy that was renamed into its place would be another file than the one that a process has open.
#[test]
fn a_process_that_opened_the_file_meanwhile_writes_into_the_restored_one() {
    let (_dir, path) = guarded();
    let script = "touch running; while [ ! -e go ]; do sleep 0.02; done; exit 5";
    let child = started(&path, &["sh", "-c", script]);
    wait_for(&path.with_file_name("running"));
    let other = raw(&path);
    other.execute_batch("INSERT INTO notes VALUES ('while it ran')").unwrap();
    std::fs::write(path.with_file_name("go"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{:?}", texts(&output));
    other.execute_batch("INSERT INTO notes VALUES ('afterwards')").unwrap();
    let refused = other.execute_batch("DELETE FROM tasks").unwrap_err().to_string();
    assert!(refused.contains("no such function: acl_"), "{refused}");
    drop(other);
    let notes: String = raw(&path).query_row("SELECT group_concat(note) FROM notes", [], |row| row.get(0)).unwrap();
    assert_eq!(notes, "afterwards");
    assert!(Store::inspect(&path).unwrap().is_clean());
}

#[track_caller]
fn wait_for(path: &Path) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "{path:?} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_file_that_others_have_open_is_refused() {
    let me = format!("process {} (", std::process::id());
    for (name, mode, sql) in [
        ("an idle connection in WAL mode", "WAL", "SELECT count(*) FROM users"),
        ("a reader", "WAL", "BEGIN; SELECT count(*) FROM users"),
        ("a writer", "WAL", "BEGIN IMMEDIATE"),
        ("a reader without a log", "DELETE", "BEGIN; SELECT count(*) FROM users"),
        ("an idle connection without a log", "DELETE", "SELECT count(*) FROM users"),
    ] {
        let (_dir, path) = guarded();
        let before = whole(&path);
        raw(&path).query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(())).unwrap();
        let other = raw(&path);
        for statement in sql.split("; ") {
            other.prepare(statement).unwrap().query([]).unwrap().next().unwrap();
        }
        let output = migrate(&path, &["touch", "ran"]);
        let (_, err) = texts(&output);
        assert_eq!(output.status.code(), Some(3), "{name}: {err}");
        let last = err.lines().last().unwrap();
        assert!(last.starts_with("aclite: other programs have the file open: ") && last.contains(&me), "{name}: {err}");
        assert!(!path.with_file_name("ran").exists(), "{name}: the command ran");
        drop(other);
        assert_unchanged(&path, &before);
    }
}

/// In the process itself only the lock tells.
#[test]
fn a_file_that_this_process_has_open_is_refused_too() {
    let (_dir, path) = guarded();
    let store = Store::open(&path).unwrap();
    let error = Migration::new().run(&path, || Err::<(), Error>(Error::NotAuthenticated)).unwrap_err();
    assert!(
        matches!(&error, Error::Incompatible(reason) if matches!(**reason, Incompatible::Held { .. })),
        "{error:?}"
    );
    drop(store);
    let before = whole(&path);
    let error = Migration::new().run(&path, || Err::<(), Error>(Error::NotAuthenticated)).unwrap_err();
    assert!(matches!(error, Error::NotAuthenticated), "{error:?}");
    assert_unchanged(&path, &before);
}

#[test]
fn what_cant_be_detached_is_not_migrated() {
    let (_dir, path) = guarded();
    tamper(&path, "CREATE VIEW shared AS SELECT name FROM worktrees WHERE others_can <> 'none'");
    let before = whole(&path);
    let output = migrate(&path, &["touch", "ran"]);
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.lines().last().unwrap().contains("view `shared` (no such column: others_can)"), "{err}");
    assert_unchanged(&path, &before);
    assert!(!path.with_file_name("ran").exists());

    let dir = tempdir().unwrap();
    let foreign = agor(dir.path());
    let before = bytes(&foreign);
    assert_eq!(migrate(&foreign, &["true"]).status.code(), Some(1), "not adopted");
    assert!(bytes(&foreign) == before && !copy_of(&foreign).exists());
    assert_eq!(migrate(&dir.path().join("missing.db"), &["true"]).status.code(), Some(1));
    assert!(!dir.path().join("missing.db").exists());
}

/// Nobody can put the copy back then but whoever comes next.
#[test]
fn a_migration_whose_aclite_was_killed_is_undone_later() {
    let (_dir, path) = guarded();
    let before = whole(&path);
    let mut child = started(&path, &["sh", "-c", "touch running; exec sleep 60"]);
    wait_for(&path.with_file_name("running"));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).ok();
    std::fs::remove_file(path.with_file_name("running")).unwrap();
    assert!(said.contains(&format!("copying the file to `{}`", copy_of(&path).display())), "{said}");
    let mode = std::fs::metadata(copy_of(&path)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the copy holds what the file holds");
    assert!(Store::inspect(&path).unwrap_err().to_string().contains("taken out"));
    // A migration that begins anew would lose the copy.
    let again = migrate(&path, &["true"]);
    let told = texts(&again).1;
    assert_eq!(again.status.code(), Some(1));
    assert!(told.contains("put it back with `aclite migrate --undo FILE`"), "{told}");

    assert_eq!(works(&["migrate", "--undo"], &path), "`FILE` is what it was before the migration\n");
    assert_unchanged(&path, &before);
    let none = fails(1, &["migrate", "--undo"], &path);
    assert_eq!(none, "aclite: there is no copy of a migration to put back: no file `FILE.before-migration`\n");
    assert_unchanged(&path, &before);
}

/// A copy that is not whole has another name, and is never put back.
#[test]
fn a_copy_that_was_interrupted_is_made_anew() {
    let (_dir, path) = guarded();
    std::fs::write(beside(&path, ".before-migration.part"), "half").unwrap();
    let before = whole(&path);
    fails(1, &["migrate", "--undo"], &path);
    let output = migrate(&path, &["sh", "-c", "exit 9"]);
    assert_eq!(output.status.code(), Some(9), "{:?}", texts(&output));
    assert_unchanged(&path, &before);
}

#[test]
fn migrate_in_json_and_called_wrongly() {
    let (_dir, path) = guarded();
    let file = path.display().to_string();
    let output =
        Command::new(env!("CARGO_BIN_EXE_aclite")).args(["--json", "migrate", &file, "--", "true"]).output().unwrap();
    let report = json(&texts(&output).0);
    assert_eq!((&report["already"], report["restored"].as_array().unwrap().len()), (&false.into(), 3));
    let output =
        Command::new(env!("CARGO_BIN_EXE_aclite")).args(["--json", "migrate", &file, "--", "false"]).output().unwrap();
    assert_eq!(json(texts(&output).1.lines().last().unwrap())["error"]["code"], "command");
    for args in [&["migrate", &file][..], &["migrate", "--undo", &file, "--", "true"], &["migrate", &file, "true"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_aclite")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
