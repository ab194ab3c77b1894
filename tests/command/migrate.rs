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
        (all_but(""), "there is no file `"),
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

/// Kills a migration in the middle: the file is detached, and its copy stays.
fn interrupted() -> (TempDir, PathBuf, Whole) {
    let (dir, path) = guarded();
    let before = whole(&path);
    let mut child = started(&path, &["sh", "-c", "touch running; exec sleep 60"]);
    wait_for(&path.with_file_name("running"));
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(path.with_file_name("running")).unwrap();
    (dir, path, before)
}

/// What is no sound copy of a guarded file never reaches the file, and stays to be looked at.
#[test]
fn a_copy_that_is_damaged_is_not_put_back() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage, &str); 7] = [
        ("cut", |copy| copy[..9000].to_vec(), "malformed"),
        ("cut at a page", |copy| copy[..8192].to_vec(), "malformed"),
        ("text", |_| b"dear ada".to_vec(), "file is not a database"),
        ("long text", |_| b"dear ada\n".repeat(2000), "file is not a database"),
        ("empty", |_| Vec::new(), "it is empty"),
        (
            "overwritten",
            |mut copy| {
                copy[110..130].fill(0xff);
                copy
            },
            "malformed",
        ),
        (
            "overwritten later",
            |mut copy| {
                copy[4096 * 3..4096 * 3 + 64].fill(0xff);
                copy
            },
            "damaged",
        ),
    ];
    let (dir, path, _) = interrupted();
    let sound = std::fs::read(copy_of(&path)).unwrap();
    for (name, damage, told) in damages {
        let damaged = damage(sound.clone());
        std::fs::write(copy_of(&path), &damaged).unwrap();
        let file = bytes(&path);
        let said = fails(1, &["migrate", "--undo"], &path);
        assert!(
            said.starts_with("aclite: the copy `FILE.before-migration` can't be put back") && said.contains(told),
            "{name}: {said}"
        );
        assert!(bytes(&path) == file && std::fs::read(copy_of(&path)).unwrap() == damaged, "{name}: something changed");
    }
    // Sound databases that are no copy of a guarded file.
    let foreign = agor(&{
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        other
    });
    for (name, other) in [("not guarded", foreign), ("detached", path.clone())] {
        std::fs::write(copy_of(&path), bytes(&other).0).unwrap();
        let file = bytes(&path);
        let said = fails(1, &["migrate", "--undo"], &path);
        assert!(said.contains("can't be put back"), "{name}: {said}");
        assert!(bytes(&path) == file && copy_of(&path).exists(), "{name}: something changed");
    }
    // The same where the command damaged it and failed.
    let (_dir, path) = guarded();
    let output =
        migrate(&path, &["sh", "-c", "head -c 9000 /dev/zero | dd of=\"$FILE.before-migration\" conv=notrunc; exit 3"]);
    let (_, err) = texts(&output);
    let last = err.lines().last().unwrap();
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(
        last.contains("the command `sh` failed (exit status: 3)") && !last.contains("is what it was before"),
        "{last}"
    );
    assert!(last.contains("put it back with `aclite migrate --undo FILE`"), "{last}");
    assert!(copy_of(&path).exists() && Store::inspect(&path).unwrap_err().to_string().contains("taken out"));
}

/// Work that was done since the copy was made is not overwritten without a word.
#[test]
fn a_file_that_is_not_the_detached_one_is_not_overwritten() {
    let (_dir, path, before) = interrupted();
    let copy = bytes(&copy_of(&path));
    works(&["adopt"], &path);
    tamper(&path, "INSERT INTO notes VALUES ('since')");
    let file = whole(&path);
    let said = fails(1, &["migrate", "--undo"], &path);
    assert_eq!(
        said,
        "aclite: the file is not the one that was detached: it was adopted after the copy was made; to keep it as it is, remove the copy `FILE.before-migration`; to go back all the same, move the file away, with `FILE-wal` and `FILE-shm`, and undo again\n"
    );
    assert!(whole(&path) == file && bytes(&copy_of(&path)) == copy);

    std::fs::remove_file(&path).unwrap();
    raw(&path).execute_batch("CREATE TABLE recipes (name)").unwrap();
    let file = bytes(&path);
    assert!(fails(1, &["migrate", "--undo"], &path).contains("it is another one"));
    assert!(bytes(&path) == file && bytes(&copy_of(&path)) == copy);

    std::fs::remove_file(&path).unwrap();
    works(&["migrate", "--undo"], &path);
    assert_unchanged(&path, &before);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "nobody may read it who could not read the copy");
}

/// The copy is in the hand of the migration that made it until that ends.
#[test]
fn a_second_migration_and_an_undoing_leave_the_copy_of_the_first() {
    let (_dir, path) = guarded();
    let before = whole(&path);
    let first =
        started(&path, &["sh", "-c", "touch running; while [ ! -e go ]; do sleep 0.02; done; rm go running; exit 5"]);
    wait_for(&path.with_file_name("running"));
    let copy = bytes(&copy_of(&path));
    let told = "another process migrates this file or undoes a migration";
    let second = migrate(&path, &["touch", "ran"]);
    assert_eq!(second.status.code(), Some(3), "{:?}", texts(&second));
    assert!(texts(&second).1.lines().last().unwrap().contains(told), "{:?}", texts(&second));
    assert!(fails(3, &["migrate", "--undo"], &path).contains(told));
    assert!(bytes(&copy_of(&path)) == copy && !path.with_file_name("ran").exists());
    std::fs::write(path.with_file_name("go"), "").unwrap();
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(5));
    assert_unchanged(&path, &before);
}

/// One that looked before the first had made its copy leaves both alone.
#[test]
fn a_migration_that_another_one_overtakes_leaves_its_copy() {
    let (_dir, path) = guarded();
    let before = whole(&path);
    let first = std::cell::RefCell::new(None);
    let overtaken = Migration::new().progress(|step| {
        if step.starts_with("looking") {
            let script = "touch running; while [ ! -e go ]; do sleep 0.02; done; rm go running; exit 5";
            *first.borrow_mut() = Some(started(&path, &["sh", "-c", script]));
            wait_for(&path.with_file_name("running"));
        }
    });
    let error = overtaken.run(&path, || Err::<(), Error>(Error::NotAuthenticated)).unwrap_err();
    assert!(error.to_string().contains("taken out"), "{error}");
    assert!(copy_of(&path).exists());
    std::fs::write(path.with_file_name("go"), "").unwrap();
    assert_eq!(first.take().unwrap().wait_with_output().unwrap().status.code(), Some(5));
    assert_unchanged(&path, &before);
}

/// Many at once: those that come too late change nothing, and the file and its copy are never lost.
#[test]
fn migrations_that_begin_at_the_same_time() {
    for _ in 0..4 {
        let (_dir, path) = guarded();
        let before = whole(&path);
        let command = ["sh", "-c", "test -s \"$FILE.before-migration\" && exit 7"];
        let all: Vec<Child> = (0..5).map(|_| started(&path, &command)).collect();
        for child in all {
            let output = child.wait_with_output().unwrap();
            // The file is open or detached, or this one came first.
            assert!([1, 3, 7].map(Some).contains(&output.status.code()), "{:?}", texts(&output));
        }
        assert_unchanged(&path, &before);
    }
}

/// What the command removed from there is no copy of ours.
#[test]
fn a_file_that_took_the_name_of_the_copy_stays() {
    let (_dir, path) = guarded();
    let before = whole(&path);
    let output =
        migrate(&path, &["sh", "-c", "rm \"$FILE.before-migration\"; echo mine > \"$FILE.before-migration\"; exit 6"]);
    assert_eq!(output.status.code(), Some(6), "{:?}", texts(&output));
    assert_eq!(std::fs::read(copy_of(&path)).unwrap(), b"mine\n");
    std::fs::remove_file(copy_of(&path)).unwrap();
    assert_unchanged(&path, &before);
}

#[test]
fn a_copy_goes_back_whatever_page_size_and_mode_the_command_left() {
    for (sql, leaves) in [
        ("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL", 8192),
        ("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM", 512),
    ] {
        let (_dir, path) = guarded();
        let before = whole(&path);
        let command = running(sql);
        let size = || raw(&path).query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0)).unwrap();
        let mut args = vec!["sh", "-c", "\"$@\" >/dev/null; cp \"$FILE\" left; exit 3", "sh"];
        args.extend(command.iter().map(String::as_str));
        let output = migrate(&path, &args);
        assert_eq!(output.status.code(), Some(3), "{sql}: {:?}", texts(&output));
        let left = path.with_file_name("left");
        let found: i64 = raw(&left).query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        std::fs::remove_file(&left).unwrap();
        for ending in ["-wal", "-shm"] {
            std::fs::remove_file(beside(&left, ending)).ok();
        }
        assert_eq!((found, size()), (leaves, 4096), "{sql}");
        assert_unchanged(&path, &before);
    }
}

/// Permissions and journal are part of what the file was.
#[test]
fn mode_and_journal_come_back_with_the_copy() {
    for (mode, journal) in [(0o600, "wal"), (0o640, "delete"), (0o600, "delete")] {
        for script in [
            "rm -f \"$FILE\" \"$FILE-wal\" \"$FILE-shm\"; exit 3",
            "chmod 666 \"$FILE\"; exit 3",
            "cp \"$FILE\" new; chmod 644 new; mv new \"$FILE\"; exit 3",
        ] {
            let (_dir, path) = guarded();
            raw(&path).query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(())).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let before = whole(&path);
            let output = migrate(&path, &["sh", "-c", script]);
            assert_eq!(output.status.code(), Some(3), "{:?}", texts(&output));
            let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(format!("{found:o}"), format!("{mode:o}"), "{script}");
            let found: String = raw(&path).query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            assert_eq!(found, journal, "{script}");
            assert_unchanged(&path, &before);
        }
    }
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
    let told = texts(&output).1;
    let lines: Vec<_> = told.lines().map(json).collect();
    assert_eq!(lines.last().unwrap()["error"]["code"], "command");
    assert!(lines.len() > 3 && lines[..lines.len() - 1].iter().all(|line| line["progress"].is_string()), "{told}");
    for args in [&["migrate", &file][..], &["migrate", "--undo", &file, "--", "true"], &["migrate", &file, "true"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_aclite")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
