//! The command does what each subcommand says, and tells by exit code and output what it refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::file::{agor, beside, bytes, raw, tamper};
use tempfile::tempdir;

fn aclite(args: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aclite")).args(args).arg(file).output().unwrap()
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// Runs it and expects success: a result on stdout, silence on stderr.
#[track_caller]
fn works(args: &[&str], file: &Path) -> String {
    let output = aclite(args, file);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert_eq!(err, "");
    assert!(!out.is_empty());
    out.replace(&file.display().to_string(), "FILE")
}

/// Runs it and expects this exit code: silence on stdout, a reason on stderr.
#[track_caller]
fn fails(code: i32, args: &[&str], file: &Path) -> String {
    let output = aclite(args, file);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert_eq!(out, "");
    err.replace(&file.display().to_string(), "FILE")
}

#[track_caller]
fn json(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    let value: Value = serde_json::from_str(text).unwrap();
    assert!(value.is_object());
    value
}

#[test]
fn help_says_everything() {
    let help = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_aclite")).args(args).output().unwrap();
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
        out
    };
    insta::assert_snapshot!(help(&["--help"]), @r#"
    Makes, adopts, releases and checks databases whose permissions SQLite itself enforces

    Usage: aclite [OPTIONS] <COMMAND>

    Commands:
      init         Make a new file: tables, default rules, guards
      adopt        Put the guards into a file that Agor made
      detach       Take the guards out, for a migration of another program
      guard-table  Put a further table under the same guards as sessions and tasks
      check        Say whether the guards are exactly those that this version installs
      help         Print this message or the help of the given subcommand(s)

    Options:
          --json     Print results, and errors, as one JSON object
      -h, --help     Print help
      -V, --version  Print version

    Exit codes:
      0  done; for `check`: the guards are as they should be
      1  the file is not as it should be: no such file, not a database, damaged, of another
         version or shape, not adopted, guards missing or altered; nothing was changed
      2  the command was called wrongly
      3  the file stayed locked by another program; trying again is sound
      4  reading, writing or printing failed

    Results go to stdout, errors and progress to stderr.

    Examples:
      aclite init agor.db                 a new file
      aclite adopt agor.db --dry-run      what adopting a file of Agor's would do
      aclite adopt agor.db                put the guards in
      aclite check agor.db && echo fine   are they still what they were?
      aclite --json check agor.db         the same for a program
    "#);
    insta::assert_snapshot!(help(&["adopt", "--help"]), @r#"
    Put the guards into a file that Agor made

    Usage: aclite adopt [OPTIONS] <FILE>

    Arguments:
      <FILE>  The file to adopt

    Options:
          --dry-run  Report what would be done, and leave the file as it is
          --json     Print results, and errors, as one JSON object
      -h, --help     Print help

    Adds the tables, columns and indexes that are missing, makes each worktree's creator its owner
    where it has none, stamps sessions with their creator's unix name where they had no place for
    one, installs the guards, and lists what it did and what it could not attribute. All of it is
    one transaction: a file that is refused stays byte for byte as it was. Adopting a file again
    does nothing. Stop the daemon first, and keep a copy.

    Examples:
      aclite adopt agor.db --dry-run
      aclite adopt agor.db
    "#);
    insta::assert_snapshot!(help(&["check", "--help"]), @r#"
    Say whether the guards are exactly those that this version installs

    Usage: aclite check [OPTIONS] <FILE>

    Arguments:
      <FILE>  The file to check

    Options:
          --json    Print results, and errors, as one JSON object
          --repair  Put missing and altered guards in again, which the audit then says
      -h, --help    Print help

    Looks only, unless --repair is given. Rules that differ from the default ones are listed: they
    are an operator's policy, and no fault. A guard that is missing or altered is one, and so is a
    trigger of somebody else's on a guarded table: the exit code is 1 then.

    Examples:
      aclite check agor.db
      aclite check agor.db --repair
    "#);
    for command in ["init", "adopt", "detach", "guard-table", "check"] {
        assert!(
            help(&[command, "--help"]).contains(&format!("\n  aclite {command} agor.db")),
            "{command} has an example"
        );
    }
    assert_eq!(help(&["--version"]), format!("aclite {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_call_is_exit_code_two() {
    for args in [&[][..], &["init"], &["polish", "a.db"], &["check", "a.db", "--dry-run"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_aclite")).args(args).output().unwrap();
        let (out, err) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(out, "");
        assert!(err.contains("Usage"), "{err}");
    }
}

#[test]
fn init_makes_a_file_that_check_finds_sound() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    insta::assert_snapshot!(works(&["init"], &path), @"`FILE` is ready: tables, default rules and guards");
    insta::assert_snapshot!(works(&["check"], &path), @"the guards of `FILE` are as they should be");
    assert!(!beside(&path, "-wal").exists(), "everything is in the one file");
}

#[test]
fn init_takes_an_empty_file_and_no_other() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("empty.db");
    std::fs::write(&path, "").unwrap();
    works(&["init"], &path);

    let sound = bytes(&path);
    insta::assert_snapshot!(fails(1, &["init"], &path), @"aclite: `FILE` exists already and is not empty: `adopt` takes a file of Agor's, `check` one of aclite's");
    assert_eq!(bytes(&path), sound);

    let letter = dir.path().join("letter.txt");
    std::fs::write(&letter, "dear ada").unwrap();
    fails(1, &["init"], &letter);
    assert_eq!(std::fs::read(&letter).unwrap(), b"dear ada");
    let refused = json(&fails(1, &["--json", "init"], &letter));
    assert_eq!(refused["error"]["code"], "not_empty");
}

#[test]
fn init_where_no_file_can_be_is_a_storage_failure() {
    let dir = tempdir().unwrap();
    insta::assert_snapshot!(fails(4, &["init"], &dir.path().join("no/such/directory/new.db")), @"aclite: opening `FILE`: unable to open database file: FILE");
}

#[test]
fn adopt_tells_what_it_did() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let before = bytes(&path);
    insta::assert_snapshot!(works(&["adopt", "--dry-run"], &path), @r#"
    `FILE` can be adopted
     table                  rows
     users                  4
     repos                  1
     boards                 1
     worktrees              3
     worktree_owners        3
     sessions               3
     tasks                  2
     messages               3
     groups                 0
     group_memberships      0
     worktree_group_grants  0
    owners would be added: 3
    sessions would be stamped with a unix name: 0
    tables would be added:
      worktree_owners
      groups
      group_memberships
      worktree_group_grants
      acl_rules
      acl_settings
      acl_epoch
      acl_audit
      acl_tables
      acl_meta
    columns would be added:
      users.unix_username
      worktrees.others_can
      worktrees.others_fs_access
      worktrees.unix_group
      sessions.unix_username
    "#);
    assert_eq!(bytes(&path), before, "a dry run leaves the file as it is");
    insta::assert_snapshot!(works(&["adopt"], &path), @r#"
    `FILE` is adopted
     table                  rows
     users                  4
     repos                  1
     boards                 1
     worktrees              3
     worktree_owners        3
     sessions               3
     tasks                  2
     messages               3
     groups                 0
     group_memberships      0
     worktree_group_grants  0
    owners added: 3
    sessions stamped with a unix name: 0
    tables added:
      worktree_owners
      groups
      group_memberships
      worktree_group_grants
      acl_rules
      acl_settings
      acl_epoch
      acl_audit
      acl_tables
      acl_meta
    columns added:
      users.unix_username
      worktrees.others_can
      worktrees.others_fs_access
      worktrees.unix_group
      sessions.unix_username
    "#);
    insta::assert_snapshot!(works(&["adopt"], &path), @"`FILE` was adopted before; nothing was done");
    works(&["check"], &path);
}

#[test]
fn adopt_lists_what_it_could_not_attribute() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    tamper(
        &path,
        "UPDATE worktrees SET created_by = 'anonymous' WHERE worktree_id = 'w-bo';
         UPDATE sessions SET created_by = 'ghost' WHERE session_id = 's-bo';
         UPDATE tasks SET session_id = 'nowhere' WHERE task_id = 't-2';
         UPDATE messages SET data = 'torn' WHERE message_id = 'm-3';
         UPDATE sessions SET data = '{\"status\":\"idle\"}' WHERE session_id = 's-cy';",
    );
    let said = works(&["adopt"], &path);
    insta::assert_snapshot!(said.split_once("columns added:").unwrap().1, @r#"
      users.unix_username
      worktrees.others_can
      worktrees.others_fs_access
      worktrees.unix_group
      sessions.unix_username
    worktrees without an owner: only superadmins and the daemon manage them:
      w-bo
    sessions whose creator is no user: they are nobody's own:
      s-bo
    rows whose parent is missing: nothing but the deletion of a parent can touch them:
      tasks rowid 2: no sessions
    rows whose `data` is no JSON object: they can't be read:
      messages m-3
    keys of `data` that are columns too: the column counts:
      sessions.status
    "#);
}

#[test]
fn adopt_in_json() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let dry = json(&works(&["--json", "adopt", "--dry-run"], &path));
    let done = json(&works(&["adopt", "--json"], &path));
    assert_eq!((&dry["dry_run"], &done["dry_run"]), (&true.into(), &false.into()));
    assert_eq!((&dry["owners"], &done["owners"]), (&3.into(), &3.into()));
    assert_eq!(dry["columns"], done["columns"]);
    assert_eq!(json(&works(&["--json", "adopt"], &path))["already"], true);
}

#[test]
fn refusals_name_their_reason() {
    let dir = tempdir().unwrap();
    let missing = dir.path().join("missing.db");
    for command in ["adopt", "detach", "check"] {
        assert_eq!(fails(1, &[command], &missing), "aclite: there is no such file\n");
        assert!(!missing.exists(), "{command} makes no file");
    }
    fails(1, &["check", "--repair"], &missing);
    assert!(!missing.exists());

    let letter = dir.path().join("letter.txt");
    std::fs::write(&letter, "dear ada ".repeat(200)).unwrap();
    for command in ["adopt", "detach", "check"] {
        assert_eq!(fails(1, &[command], &letter), "aclite: the file is not an sqlite database\n");
    }
    let path = agor(dir.path());
    for command in ["detach", "check"] {
        assert_eq!(
            fails(1, &[command], &path),
            "aclite: the file holds tables that aclite does not guard yet: adopt it first\n"
        );
    }
    let refused = json(&fails(1, &["--json", "check"], &path));
    assert_eq!(refused["error"]["code"], "incompatible");
}

#[test]
fn detach_and_adopt_again() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    works(&["adopt"], &path);
    insta::assert_snapshot!(works(&["detach"], &path), @"nothing guards `FILE` any more; adopt it again after the migration");
    insta::assert_snapshot!(fails(1, &["check"], &path), @"aclite: the guards of this file were taken out: adopt it again");
    insta::assert_snapshot!(fails(1, &["detach"], &path), @"aclite: the guards of this file were taken out: adopt it again");
    tamper(&path, "ALTER TABLE tasks ADD COLUMN shine integer; UPDATE tasks SET shine = 1");
    works(&["adopt"], &path);
    works(&["check"], &path);
    let done = json(&works(&["--json", "detach"], &path));
    assert_eq!(done["detached"], true);
}

#[test]
fn guard_table_puts_a_further_table_under_the_guards() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    works(&["adopt"], &path);
    let file = path.display().to_string();
    tamper(
        &path,
        "CREATE TABLE marks (mark_id text PRIMARY KEY, worktree_id text REFERENCES worktrees (worktree_id) ON DELETE CASCADE)",
    );
    let table = Path::new("marks");
    let rules = ["--create", "prompt,session", "--remove", "owner"];
    let done = works(&[&["guard-table", "--worktree", "worktree_id"], &rules[..], &[&file]].concat(), table);
    assert!(done.contains("is guarded; its rules are rows of acl_rules"), "{done}");
    let found: String = raw(&path)
        .query_row(
            "SELECT group_concat(operation || ' ' || needs || ifnull(' ' || needs_if_own, '')) FROM acl_rules WHERE resource = 'marks'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(found, "create prompt session,patch all,remove owner");
    works(&["check"], &path);
    let again = json(&works(&["--json", "guard-table", "--worktree", "worktree_id", &file], table));
    assert_eq!(again["guarded"], "FILE");
    let wrong = fails(1, &["guard-table", "--session", "worktree_id", &file], Path::new("nothing"));
    assert!(wrong.contains("there is no table"), "{wrong}");
    fails(2, &["guard-table", &file], table);
    fails(2, &["guard-table", "--session", "a", "--worktree", "b", &file], table);
    fails(2, &["guard-table", "--session", "a", "--create", "everything", &file], table);
}

#[test]
fn check_finds_and_repairs() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    works(&["init"], &path);
    tamper(
        &path,
        "DROP TRIGGER acl_tasks_before_update;
         DROP VIEW acl_rule; CREATE VIEW acl_rule AS SELECT 'task' AS resource, 'patch' AS operation, 'none||never' AS rule;",
    );
    let before = bytes(&path);
    for _ in 0..2 {
        // What a check finds is its result: it goes to stdout, and the exit code says that it is bad.
        let output = aclite(&["check"], &path);
        let (out, err) = texts(&output);
        assert_eq!((output.status.code(), err.as_str()), (Some(1), ""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(out.replace(&path.display().to_string(), "FILE"), @r#"
            the guards of `FILE` are not what this version installs
            missing:
              trigger `acl_tasks_before_update`
            altered, or not aclite's:
              view `acl_rule`
            "#);
        }
        assert_eq!(bytes(&path), before, "a check changes nothing");
    }
    let output = aclite(&["--json", "check"], &path);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&texts(&output).0);
    assert_eq!(report["clean"], false);
    assert_eq!(report["missing"], serde_json::json!(["trigger `acl_tasks_before_update`"]));
    assert_eq!(report["altered"], serde_json::json!(["view `acl_rule`"]));

    works(&["check", "--repair"], &path);
    assert_eq!(json(&works(&["--json", "check"], &path))["clean"], true);
}

#[test]
fn what_repair_cant_mend_is_an_error() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    works(&["init"], &path);
    tamper(&path, "CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN DELETE FROM boards; END");
    insta::assert_snapshot!(fails(1, &["check", "--repair"], &path), @"aclite: the guards of this file were tampered with; altered: trigger `mine` on `tasks` is not aclite's: it writes `boards`");
    let refused = json(&fails(1, &["check", "--repair", "--json"], &path));
    assert_eq!(refused["error"]["code"], "tampered");
    assert_eq!(
        refused["error"]["altered"],
        serde_json::json!(["trigger `mine` on `tasks` is not aclite's: it writes `boards`"])
    );
}

#[test]
fn check_and_adopt_list_triggers_of_others_that_stay() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    works(&["init"], &path);
    tamper(
        &path,
        "CREATE TABLE outbox (a); CREATE TRIGGER posts AFTER UPDATE ON tasks BEGIN INSERT INTO outbox VALUES (new.status); END",
    );
    let left = "trigger `posts` on `tasks` writes `outbox`";
    let told = format!("triggers of others that stay, since they write no guarded table:\n  {left}\n");
    assert!(works(&["check"], &path).contains(&told));
    assert_eq!(json(&works(&["--json", "check"], &path))["left_alone"], serde_json::json!([left]));
    works(&["detach"], &path);
    assert!(works(&["adopt"], &path).contains(&told));
}

#[test]
fn check_lists_changed_rules_as_policy() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    works(&["init"], &path);
    let store = aclite::Store::open(&path).unwrap();
    let change = "UPDATE acl_rules SET needs = 'all' WHERE resource = 'task' AND operation = 'create'";
    store.write(&aclite::Actor::system("policy"), |tx| tx.sql().execute(change, [])).unwrap();
    drop(store);
    insta::assert_snapshot!(works(&["check"], &path), @r#"
    the guards of `FILE` are as they should be
    rules that differ from the default ones, which is policy and no fault:
     rule         default             here
     task create  prompt|session|all  all|session|all
    "#);
}

#[test]
fn a_locked_file_is_exit_code_three_after_a_word_of_progress() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let other = raw(&path);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let said = fails(3, &["adopt"], &path);
    let (progress, error) = said.split_once('\n').unwrap();
    assert_eq!(progress, "aclite: opening the file …");
    let waited: u64 = error
        .trim()
        .trim_start_matches("aclite: the database was locked for ")
        .trim_end_matches(" ms")
        .parse()
        .unwrap();
    assert!(waited >= 1000, "{error}");
}

#[test]
fn a_closed_stdout_is_a_failure_and_no_panic() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("SKIPPED: no /dev/full here");
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_aclite")).arg("init").arg(&path).stdout(full).output().unwrap();
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(4));
    assert!(err.starts_with("aclite: the result could not be printed: "), "{err}");
}
