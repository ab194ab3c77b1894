//! The command does what each subcommand says, and tells by exit code and output what it refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[cfg(unix)]
mod migrate;
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
    Makes, adopts, migrates and checks databases whose permissions SQLite itself enforces

    Usage: aclite [OPTIONS] <COMMAND>

    Commands:
      init         Make a new file: tables, default rules, guards
      adopt        Put the guards into a file that Agor made
      detach       Take the guards out, for a migration of another program
      migrate      Run another program's migration over a guarded file
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
      3  another program has the file locked, or, for `migrate`, open; trying again is sound
      4  reading, writing or printing failed
    For `migrate` it is the command's own where the command fails.

    Results go to stdout, errors and progress to stderr.

    Examples:
      aclite init agor.db                 a new file
      aclite adopt agor.db --dry-run      what adopting a file of Agor's would do
      aclite adopt agor.db                put the guards in
      aclite migrate agor.db -- CMD       run a migration of Agor's over the guarded file
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

    A file that was detached gets back what was saved: levels, owners, unix names, groups and grants.
    The lower of a saved and a present level holds. What was removed meanwhile stays removed, what
    was given meanwhile is withdrawn, and a worktree without a saved level is closed to others. The
    report lists each.

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
    for command in ["init", "adopt", "detach", "migrate", "guard-table", "check"] {
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
    rows that can't be read, or not in full:
      messages m-3: column `data` is not what a reader can take: a value is missing at byte 0; its status can be set; System and Service can store another `data`
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
        assert_eq!(fails(1, &[command], &missing), "aclite: there is no file `FILE`\n");
        assert!(!missing.exists(), "{command} makes no file");
    }
    fails(1, &["check", "--repair"], &missing);
    assert!(!missing.exists());

    let letter = dir.path().join("letter.txt");
    std::fs::write(&letter, "dear ada ".repeat(200)).unwrap();
    for command in ["adopt", "detach", "check"] {
        assert_eq!(fails(1, &[command], &letter), "aclite: the file is not an sqlite database, or it is encrypted\n");
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

/// What is no file of aclite's is named, and `--repair` makes nothing of it.
#[test]
fn check_touches_nothing_that_is_not_aclites() {
    let dir = tempdir().unwrap();
    let made = |name: &str, sql: &str| {
        let path = dir.path().join(name);
        tamper(&path, sql);
        path
    };
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    for (path, told) in [
        (empty, "aclite: the file is empty: `aclite init FILE` makes it one of aclite's\n"),
        (
            made("other.db", "PRAGMA journal_mode = WAL; CREATE TABLE a (b)"),
            "aclite: the file is another program's and not Agor's: it holds `a`\n",
        ),
        (dir.path().to_owned(), "aclite: it is a directory or a device, not a file\n"),
    ] {
        let there = || {
            let mut names: Vec<_> =
                std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (before, names) = (bytes(&path), there());
        for command in [&["check"][..], &["check", "--repair"], &["detach"], &["guard-table", "--session", "a", "FILE"]]
        {
            let said = if let ["guard-table", ..] = command {
                let table = ["guard-table", "--session", "a", path.to_str().unwrap()];
                fails(1, &table, Path::new("a-table"))
            } else {
                fails(1, command, &path)
            };
            assert_eq!(said, told, "{command:?}");
            assert!(bytes(&path) == before && there() == names, "{command:?}: something was touched");
        }
    }
}

/// Root reads and writes everything, so another user asks.
#[cfg(unix)]
#[test]
fn what_permissions_forbid_is_said() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let dir = tempdir().unwrap();
    let mode = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let program = dir.path().join("aclite");
    std::fs::copy(env!("CARGO_BIN_EXE_aclite"), &program).unwrap();
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let path = inside.join("a.db");
    works(&["init"], &path);
    mode(dir.path(), 0o755);
    let is_root = std::fs::metadata(&path).unwrap().uid() == 0;
    let ask = |args: &[&str]| {
        let mut command = Command::new(&program);
        if is_root {
            command.uid(65534).gid(65534);
        }
        let output = command.args(args).arg(&path).output().unwrap();
        let (out, err) = texts(&output);
        (output.status.code(), format!("{out}{err}").replace(&path.display().to_string(), "FILE"))
    };
    let forbidden = "aclite: the file can't be opened: its permissions or those of its directory forbid it (in WAL mode SQLite writes beside the file)\n";
    let readonly = "aclite: `FILE` can't be written: its permissions, those of its directory or its file system forbid it; run this as its owner, or make both writable\n";
    let before = bytes(&path);
    // The file can't be read; the directory can't be entered.
    for (file, directory) in [(0o000, 0o755), (0o644, 0o000)] {
        mode(&path, file);
        mode(&inside, directory);
        for args in [&["check"][..], &["check", "--repair"], &["adopt"], &["detach"]] {
            assert_eq!(ask(args), (Some(1), forbidden.to_owned()), "{file:o} {directory:o} {args:?}");
        }
        mode(&inside, 0o755);
    }
    // It can be read: the file in a directory that can be written, and the other way round.
    for (file, directory) in [(0o444, 0o777), (0o666, 0o555)] {
        mode(&path, file);
        mode(&inside, directory);
        assert_eq!(ask(&["check"]), (Some(0), "the guards of `FILE` are as they should be\n".to_owned()), "{file:o}");
        for args in [&["adopt"][..], &["detach"]] {
            assert_eq!(ask(args), (Some(1), readonly.to_owned()), "{file:o} {args:?}");
        }
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 1, "nothing is left beside it");
    }
    mode(&inside, 0o755);
    assert!(bytes(&path) == before);
}

#[test]
fn detach_and_adopt_again() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    works(&["adopt"], &path);
    insta::assert_snapshot!(works(&["detach"], &path), @r#"
    nothing guards `FILE` any more; adopt it again after the migration
    saved aside for that:
      users: 4
      worktrees: 3
      worktree_owners: 3
      sessions: 3
      groups: 0
      group_memberships: 0
      worktree_group_grants: 0
    tables taken back:
      group_memberships
      groups
      worktree_group_grants
      worktree_owners
    columns taken back:
      sessions.unix_username
      users.unix_username
      worktrees.others_can
      worktrees.others_fs_access
      worktrees.unix_group
    indexes taken back:
      group_memberships_user_idx
      groups_slug_unique
      messages_created_idx
      messages_task_id_idx
      sessions_board_idx
      sessions_created_idx
      sessions_forked_from_idx
      sessions_mcp_token_idx
      sessions_parent_idx
      tasks_created_idx
      tasks_session_created_idx
      worktree_group_grants_group_idx
      worktree_owners_user_idx
      worktrees_board_idx
      worktrees_created_idx
    "#);
    insta::assert_snapshot!(fails(1, &["check"], &path), @"aclite: the guards of this file were taken out: adopt it again");
    insta::assert_snapshot!(fails(1, &["detach"], &path), @"aclite: the guards of this file were taken out: adopt it again");
    tamper(
        &path,
        "ALTER TABLE tasks ADD COLUMN shine integer; UPDATE tasks SET shine = 1; DELETE FROM acl_saved_worktrees WHERE worktree_id = 'w-cy';
         DELETE FROM users WHERE user_id = 'bo'",
    );
    let said = works(&["adopt"], &path);
    insta::assert_snapshot!(said.split_once("unix name: 0\n").unwrap().1.split_once("tables added:").unwrap().0, @r#"
    saved when the file was detached, and restored:
      worktrees.others_can: 2
      worktrees.others_fs_access: 2
      worktree_owners: 1
    can't be told from what was guarded, and closed: others hold `none`, sessions have the stamp `(unknown)`:
      worktrees w-cy others_can
      worktrees w-cy others_fs_access
    saved, and not restored: removed or replaced meanwhile:
      worktree_owners w-bo bo
      worktree_owners w-cy cy
    "#);
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
    assert_eq!(wrong, "aclite: table `FILE` can't be guarded: there is no table `FILE`\n");
    let wrong = fails(2, &["guard-table", "--session", "session_id", &file], Path::new("tasks"));
    assert_eq!(wrong, "aclite: `table` is guarded already: it is one of aclite's own\n");
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
fn a_table_that_is_missing_is_told_with_what_to_do() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("new.db");
    works(&["init"], &path);
    tamper(&path, "DROP TABLE acl_epoch");
    let told = "a table is not made anew, since its rows would be missing still: put the file back from a backup\n";
    for args in [&["check"][..], &["check", "--repair"]] {
        let (out, err) = texts(&aclite(args, &path));
        assert!(format!("{out}{err}").ends_with(told), "{args:?}: {out}{err}");
    }
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
