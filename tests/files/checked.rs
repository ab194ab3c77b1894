//! Opening refuses a file whose guards are not exactly ours, and repairs them only when asked.

use std::path::{Path, PathBuf};

use aclite::{Actor, Adoption, Error, OpenOptions, Sharing, Store};
use tempfile::{TempDir, tempdir};

use crate::support::file::{agor, bytes, raw, tamper, texts};
use crate::support::{self, ask, audit_after, last_seq, session, sql, task, worktree, world_at};

/// A file with `bo`'s worktree, session and task in it.
fn lived_in() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::View);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    (dir, path)
}

fn repair(path: &Path) -> aclite::Result<Store> {
    OpenOptions::new().repair(true).open(path)
}

/// What was done to a file, by which SQL, and whether putting the guards in again mends it.
const TAMPERED: &[(&str, &str, bool)] = &[
    ("a trigger was dropped", "DROP TRIGGER acl_tasks_before_update", true),
    ("a bookkeeping trigger was dropped", "DROP TRIGGER acl_worktrees_after_update", true),
    (
        "a trigger was altered",
        "DROP TRIGGER acl_tasks_before_update;
         CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks BEGIN SELECT 1; END",
        true,
    ),
    (
        "a trigger was moved to another table",
        "DROP TRIGGER acl_tasks_before_update;
         CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON group_memberships BEGIN SELECT 1; END",
        true,
    ),
    ("one letter of a trigger was altered", "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, '''patch''', '''match''') WHERE name = 'acl_messages_before_update'", true),
    (
        "a view was altered",
        "DROP VIEW acl_access; CREATE VIEW acl_access AS SELECT worktree_id, user_id, 'all' AS level, 4 AS rank, 'me' AS source
         FROM worktrees, users",
        true,
    ),
    ("a view was dropped", "DROP VIEW acl_held", true),
    ("a view was replaced by a table", "DROP VIEW acl_rule; CREATE TABLE acl_rule (resource, operation, rule)", false),
    ("all of it was dropped", ALL_DROPPED, true),
    ("a table is missing", "DROP TABLE messages", false),
    ("a table of ours is missing", "DROP TABLE acl_rules", false),
    ("the audit is missing", "DROP TABLE acl_audit", false),
    ("the table that says what the file is, is missing", "DROP TABLE acl_meta", false),
    (
        "the generation is missing",
        "DROP TRIGGER acl_acl_meta_before_delete; DELETE FROM acl_meta; CREATE TRIGGER acl_acl_meta_before_delete
         BEFORE DELETE ON acl_meta BEGIN SELECT 1; END",
        true,
    ),
    ("the epoch is missing", "DROP TRIGGER acl_acl_epoch_before_delete; DELETE FROM acl_epoch", true),
    (
        "a column replaces on conflict",
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'task_id text PRIMARY KEY NOT NULL',
           'task_id text PRIMARY KEY ON CONFLICT REPLACE NOT NULL') WHERE name = 'tasks'",
        false,
    ),
    (
        "a reference was taken away",
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'REFERENCES sessions (session_id) ON DELETE CASCADE', '') WHERE name = 'tasks'",
        false,
    ),
    ("a foreign trigger was added", "CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN SELECT raise(IGNORE); END", false),
    ("a foreign trigger with a name like ours", "CREATE TRIGGER acl_mine AFTER UPDATE ON tasks BEGIN SELECT 1; END", true),
    ("a view forges", "CREATE VIEW forge AS SELECT acl_guard('task', 'patch', 'id', 't') AS x", false),
    ("a CHECK forges", "CREATE TABLE forge (x CHECK (length(x))); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'length', 'acl_row') WHERE name = 'forge'", false),
    ("a view without a name forges", "CREATE VIEW \"\" AS SELECT acl_row('task', 'patch', '') AS x", false),
    ("a view whose name begins ours forges", "CREATE VIEW ac AS SELECT acl_complete_write('task', 't', 'patch', '', NULL) AS x", false),
    ("a trigger called as a view of ours", "CREATE TRIGGER acl_held BEFORE UPDATE ON tasks BEGIN SELECT raise(IGNORE); END", true),
    ("a trigger elsewhere called as a view of ours", "CREATE TABLE mine (a); CREATE TRIGGER acl_rule AFTER INSERT ON mine BEGIN UPDATE users SET role = 'admin'; END", true),
    ("a trigger elsewhere writes", "CREATE TABLE mine (a); CREATE TRIGGER trap AFTER INSERT ON mine BEGIN UPDATE \u{feff}users SET role = 'admin'; END", false),
    ("a trigger elsewhere forges", "CREATE TABLE mine (a); CREATE TRIGGER forge AFTER INSERT ON mine BEGIN SELECT acl_complete_write('task', 't', 1); END", false),
    ("a column was added", "ALTER TABLE tasks ADD COLUMN priority integer", true),
    ("a unique index was added", "CREATE UNIQUE INDEX one_name ON worktrees (repo_id, name)", true),
    ("a unique index was dropped", "DROP INDEX users_email_unique", true),
    ("a partial unique index was added", "CREATE UNIQUE INDEX one_runs ON tasks (session_id) WHERE status = 'running'", false),
];

/// A column's name once became part of a guard: a first column was called like a placeholder of the guard files, so that
/// what it became was expanded again, and a second one closed the literal around it and added a fact of its own. The check
/// compared the file with what this version would install, which was the same, and called it clean.
#[test]
fn names_of_a_file_never_become_sql() {
    for (name, sql) in [
        ("a placeholder", "ALTER TABLE tasks ADD COLUMN \"{{changed}}\" text"),
        ("a marker", "ALTER TABLE tasks ADD COLUMN \"/*+ row */\" text"),
        ("the end of a sample", "ALTER TABLE messages ADD COLUMN \"/*-*/\" text"),
        ("the end of a literal", "ALTER TABLE tasks ADD COLUMN \"x', 'held', '4 owner', 'y\" text"),
        ("the end of a name", "ALTER TABLE users ADD COLUMN \"a\"\"b\" text"),
        ("a comment", "ALTER TABLE tasks ADD COLUMN \"a -- b\" text"),
        ("a line break", "ALTER TABLE tasks ADD COLUMN \"a\nb\" text"),
        ("an index", "CREATE INDEX \"i'; --\" ON tasks (status)"),
        ("a unique index", "CREATE UNIQUE INDEX \"i{{taken}}\" ON tasks (task_id, status)"),
    ] {
        let (_dir, path) = lived_in();
        tamper(&path, sql);
        for generation in [None, Some(OLDER)] {
            if let Some(generation) = generation {
                set_generation(&path, generation);
            }
            for result in [Store::open(&path), repair(&path)] {
                let error = result.expect_err(name);
                assert!(matches!(error.code(), "tampered" | "incompatible"), "{name}: {error}");
                let said = error.to_string();
                assert!(said.contains("guards can't carry"), "{name}: {said}");
                assert!(!said.contains('\n'), "{name}: the name is printed escaped: {said}");
            }
        }
    }
    let (_dir, path) = lived_in();
    tamper(&path, "ALTER TABLE tasks ADD COLUMN \"{{changed}}\" text");
    insta::assert_snapshot!(
        Store::open(&path).unwrap_err(),
        @r#"the guards of this file were tampered with; altered: table `tasks` has a column whose name guards can't carry: "{{changed}}""#
    );
}

const ALL_DROPPED: &str = "
    PRAGMA writable_schema = ON;
    DELETE FROM sqlite_schema WHERE type IN ('trigger', 'view')";

#[test]
fn a_tampered_file_is_refused_and_mended_only_when_asked() {
    let mut said = String::new();
    for (name, sql, mendable) in TAMPERED {
        let (_dir, path) = lived_in();
        tamper(&path, sql);
        let before = bytes(&path);

        let refused = Store::open(&path).expect_err(name);
        let Error::Tampered(found) = &refused else { panic!("{name}: {refused:?}") };
        assert!(bytes(&path) == before, "{name}: opening changed the file");
        said.push_str(&format!("{name}: {}\n", summary(&refused)));
        let report = Store::inspect(&path).unwrap();
        assert_eq!((&report.missing[..], &report.altered[..]), (found.missing(), found.altered()), "{name}");
        assert!(bytes(&path) == before, "{name}: looking changed the file");
        assert_eq!(Adoption::new().run(&path).expect_err(name).code(), "tampered", "{name}");
        assert!(bytes(&path) == before, "{name}: adopting changed the file");

        match repair(&path) {
            Ok(store) => {
                assert!(*mendable, "{name} can't be mended");
                assert!(store.check().unwrap().is_clean(), "{name}");
                assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks"), 1);
                let row = audit_after(&store, 0).pop().unwrap();
                let is = [&row.actor_kind, &row.operation, &row.resource, &row.verdict];
                assert_eq!(is, ["system", "patch", "meta", "allowed"], "{name}");
                let why = row.why.unwrap();
                for item in found.missing().iter().chain(found.altered()) {
                    assert!(why.contains(item), "{name}: {why}");
                }
                drop(store);
                Store::open(&path).expect(name);
            }
            Err(error) => {
                assert!(!mendable, "{name}: {error}");
                assert!(matches!(error, Error::Tampered(_)), "{name}: {error:?}");
                assert!(bytes(&path) == before, "{name}: a failed repair changed the file");
            }
        }
    }
    insta::assert_snapshot!(said, @r#"
    a trigger was dropped: the guards of this file were tampered with; missing: trigger `acl_tasks_before_update`
    a bookkeeping trigger was dropped: the guards of this file were tampered with; missing: trigger `acl_worktrees_after_update`
    a trigger was altered: the guards of this file were tampered with; altered: trigger `acl_tasks_before_update`
    a trigger was moved to another table: the guards of this file were tampered with; altered: trigger `acl_tasks_before_update`
    one letter of a trigger was altered: the guards of this file were tampered with; altered: trigger `acl_messages_before_update`
    a view was altered: the guards of this file were tampered with; altered: view `acl_access`
    a view was dropped: the guards of this file were tampered with; missing: view `acl_held`
    a view was replaced by a table: the guards of this file were tampered with; altered: view `acl_rule` is a table
    all of it was dropped: the guards of this file were tampered with; missing: view `acl_granted`, view `acl_held`, view `acl_access`, view `acl_rule`, view `acl_session_facts`, view `acl_worktree_facts`, view `acl_actor_facts …
    a table is missing: the guards of this file were tampered with; missing: table `messages`: a table is not made anew, since its rows would be missing still: put the file back from a backup
    a table of ours is missing: the guards of this file were tampered with; missing: table `acl_rules`: a table is not made anew, since its rows would be missing still: put the file back from a backup
    the audit is missing: the guards of this file were tampered with; missing: table `acl_audit`: a table is not made anew, since its rows would be missing still: put the file back from a backup
    the table that says what the file is, is missing: the guards of this file were tampered with; missing: table `acl_meta`: a table is not made anew, since its rows would be missing still: put the file back from a backup
    the generation is missing: the guards of this file were tampered with; missing: row `generation` of `acl_meta`; altered: trigger `acl_acl_meta_before_delete`
    the epoch is missing: the guards of this file were tampered with; missing: the row of `acl_epoch`, trigger `acl_acl_epoch_before_delete`
    a column replaces on conflict: the guards of this file were tampered with; altered: table `tasks` has an `ON CONFLICT` clause, which could pass by the guards
    a reference was taken away: the guards of this file were tampered with; altered: column `tasks.session_id` does not reference `sessions`
    a foreign trigger was added: the guards of this file were tampered with; altered: trigger `mine` on `tasks` is not aclite's: it can RAISE(IGNORE), which ends aclite's own
    a foreign trigger with a name like ours: the guards of this file were tampered with; altered: trigger `acl_mine` on `tasks` is not aclite's: it has a name of aclite's
    a view forges: the guards of this file were tampered with; altered: view `forge` names `acl_guard`, which only aclite's triggers may
    a CHECK forges: the guards of this file were tampered with; altered: table `forge` names `acl_row`, which only aclite's triggers may
    a view without a name forges: the guards of this file were tampered with; altered: view `` names `acl_row`, which only aclite's triggers may
    a view whose name begins ours forges: the guards of this file were tampered with; altered: view `ac` names `acl_complete_write`, which only aclite's triggers may
    a trigger called as a view of ours: the guards of this file were tampered with; altered: trigger `acl_held` on `tasks` is not aclite's: it has a name of aclite's
    a trigger elsewhere called as a view of ours: the guards of this file were tampered with; altered: trigger `acl_rule` writes `users` under the rights of whoever fires it
    a trigger elsewhere writes: the guards of this file were tampered with; altered: trigger `trap` writes `users` under the rights of whoever fires it
    a trigger elsewhere forges: the guards of this file were tampered with; altered: trigger `forge` names `acl_complete_write`, which only aclite's triggers may
    a column was added: the guards of this file were tampered with; altered: trigger `acl_tasks_before_insert` (columns came or went: `priority`), trigger `acl_tasks_before_update` (columns came or went: `priority`): run `ac …
    a unique index was added: the guards of this file were tampered with; altered: trigger `acl_worktrees_before_insert`, trigger `acl_worktrees_before_update`
    a unique index was dropped: the guards of this file were tampered with; altered: trigger `acl_users_before_insert`, trigger `acl_users_before_update`
    a partial unique index was added: the guards of this file were tampered with; altered: unique index `one_runs` of table `tasks` is partial or on an expression
    "#);
}

/// The error's words, cut short where they list everything.
fn summary(error: &Error) -> String {
    let text = error.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

#[test]
fn a_mended_guard_guards() {
    let (_dir, path) = lived_in();
    tamper(&path, "DROP TRIGGER acl_tasks_before_update; DROP TRIGGER acl_tasks_before_delete");
    let store = repair(&path).unwrap();
    let refused = store.write(&Actor::user("cy"), |tx| tx.sql().execute("DELETE FROM tasks", []));
    assert_eq!(support::verdict(&refused), "denied");
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks"), 1);
}

#[test]
fn repairing_a_sound_file_changes_nothing() {
    let (_dir, path) = lived_in();
    let before = bytes(&path);
    drop(repair(&path).unwrap());
    assert!(bytes(&path) == before);
    let store = repair(&path).unwrap();
    assert!(audit_after(&store, 0).iter().all(|row| row.resource != "meta" || row.operation == "create"));
}

#[test]
fn the_epoch_never_goes_back() {
    let (_dir, path) = lived_in();
    let conn = raw(&path);
    let last: i64 = conn.query_row("SELECT epoch FROM acl_epoch", [], |row| row.get(0)).unwrap();
    assert!(last > 1);
    drop(conn);
    tamper(&path, "DROP TRIGGER acl_acl_epoch_before_delete; DELETE FROM acl_epoch");
    let store = repair(&path).unwrap();
    assert!(ask::<i64>(&store, "SELECT epoch FROM acl_epoch") >= last);
}

#[test]
fn a_store_that_is_open_notices_too() {
    let (_dir, path) = lived_in();
    let store = Store::open(&path).unwrap();
    assert!(store.check().unwrap().is_clean());
    tamper(&path, "DROP TRIGGER acl_users_before_update");
    assert_eq!(store.check().unwrap().missing, ["trigger `acl_users_before_update`"]);
}

/// Writes what `acl_meta` says, past its guard, which is put back.
fn set_generation(path: &Path, generation: i64) {
    let guard = texts(&raw(path), "SELECT sql FROM sqlite_schema WHERE name = 'acl_acl_meta_before_update'").remove(0);
    tamper(
        path,
        &format!("DROP TRIGGER acl_acl_meta_before_update; UPDATE acl_meta SET value = {generation}; {guard}"),
    );
}

/// Lower than any that was released, so that it stands for an older one whatever the present one is.
const OLDER: i64 = -1;

#[test]
fn a_newer_file_is_refused() {
    let (_dir, path) = lived_in();
    set_generation(&path, 99);
    let before = bytes(&path);
    for result in [
        Store::open(&path).map(drop),
        repair(&path).map(drop),
        Store::detach(&path).map(drop),
        Store::inspect(&path).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, Error::Incompatible(kind) if matches!(**kind, aclite::Incompatible::Newer { found: 99, .. }))
        );
    }
    assert!(bytes(&path) == before);
    set_generation(&path, 1);
    tamper(&path, "PRAGMA user_version = 99");
    assert_eq!(
        Store::open(&path).unwrap_err().to_string(),
        "the file has version 99, this aclite knows versions up to 1"
    );
}

#[test]
fn an_older_file_gets_the_present_guards_and_the_audit_says_so() {
    let (_dir, path) = lived_in();
    // An older version had another view, a trigger that this one has no more, and lacked one that it has.
    tamper(
        &path,
        "DROP VIEW acl_rule; CREATE VIEW acl_rule AS SELECT resource, operation, needs AS rule FROM acl_rules;
         CREATE TRIGGER acl_tasks_before_anything BEFORE UPDATE ON tasks BEGIN SELECT 1; END;
         DROP TRIGGER acl_tasks_after_delete",
    );
    set_generation(&path, OLDER);
    let before = bytes(&path);
    let report = Store::inspect(&path).unwrap();
    assert!(report.outdated && !report.is_clean());
    assert!(Adoption::new().run(&path).unwrap().already);
    assert!(bytes(&path) == before, "looking changes nothing");

    let store = Store::open(&path).unwrap();
    assert!(store.check().unwrap().is_clean());
    let row = audit_after(&store, 0).pop().unwrap();
    assert_eq!((row.operation.as_str(), row.resource.as_str()), ("patch", "meta"));
    insta::assert_snapshot!(row.why.unwrap(), @"from generation -1");
    let seq = last_seq(&store);
    drop(store);
    assert_eq!(last_seq(&Store::open(&path).unwrap()), seq, "once");
}

/// An older generation is replaced without a question, so it must not be a way to bring in what is refused elsewhere.
#[test]
fn an_older_file_with_a_foreign_trigger_or_without_a_table_is_refused() {
    for tampering in ["CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN DELETE FROM boards; END", "DROP TABLE messages"]
    {
        let (_dir, path) = lived_in();
        tamper(&path, tampering);
        set_generation(&path, OLDER);
        let before = bytes(&path);
        for result in [Store::open(&path), repair(&path)] {
            let error = result.unwrap_err();
            assert_eq!(error.code(), "tampered", "{error}");
        }
        assert!(bytes(&path) == before);
    }
}

#[test]
fn a_detached_file_is_refused_until_it_is_adopted_again() {
    let (_dir, path) = lived_in();
    Store::detach(&path).unwrap();
    let detached = bytes(&path);
    for result in [Store::open(&path), repair(&path)] {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "the guards of this file were taken out: adopt it again");
        assert_eq!(error.code(), "incompatible");
    }
    assert_eq!(Store::detach(&path).unwrap_err().code(), "incompatible");
    assert_eq!(Store::inspect(&path).unwrap_err().code(), "incompatible");
    assert!(bytes(&path) == detached);
    let conn = raw(&path);
    let left = "SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view') AND name NOT GLOB 'acl_*_detached_*'";
    assert_eq!(texts(&conn, left), Vec::<String>::new());
    // Another program's migration writes as it likes.
    conn.execute_batch("UPDATE tasks SET status = 'failed'; ALTER TABLE tasks ADD COLUMN priority integer").unwrap();
    let last = "SELECT actor_kind || ' ' || operation || ' ' || resource || ' ' || verdict || ' ' || why FROM acl_audit ORDER BY seq DESC LIMIT 1";
    assert_eq!(texts(&conn, last), ["system remove meta allowed detached"]);
    drop(conn);

    assert!(!Adoption::new().run(&path).unwrap().already);
    assert_eq!(texts(&raw(&path), last), ["system create meta allowed adopted again"]);
    assert!(Store::open(&path).unwrap().check().unwrap().is_clean());
}

/// A file whose guards were altered can be detached too: the way to start afresh.
#[test]
fn a_tampered_file_can_be_detached_and_adopted() {
    let (_dir, path) = lived_in();
    tamper(&path, "DROP TRIGGER acl_acl_audit_before_insert; DROP TRIGGER acl_tasks_before_update");
    Store::detach(&path).unwrap();
    Adoption::new().run(&path).unwrap();
    assert!(Store::open(&path).unwrap().check().unwrap().is_clean());
}

#[test]
fn a_file_that_was_not_adopted_is_not_opened() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let before = bytes(&path);
    for result in [Store::open(&path), repair(&path)] {
        assert_eq!(
            result.unwrap_err().to_string(),
            "the file holds tables that aclite does not guard yet: adopt it first"
        );
    }
    assert_eq!(Store::detach(&path).unwrap_err().code(), "incompatible");
    assert!(bytes(&path) == before);
}

/// What an operator changed is policy: listed, never counted as tampering, never set back.
#[test]
fn changed_rules_are_policy_and_stay() {
    let (_dir, path) = lived_in();
    let store = Store::open(&path).unwrap();
    sql(
        &store,
        "UPDATE acl_rules SET needs = 'all', needs_if_own = NULL WHERE resource = 'task' AND operation = 'create'",
    );
    sql(&store, "UPDATE acl_rules SET audit = 'all' WHERE resource = 'message' AND operation = 'create'");
    sql(&store, "UPDATE acl_settings SET value = 'off' WHERE name = 'allow_superadmin'");
    #[track_caller]
    fn assert_policy(store: &Store) {
        let report = store.check().unwrap();
        assert!(report.is_clean());
        let rules: Vec<String> = report
            .rules
            .iter()
            .map(|rule| format!("{}: {:?} -> {:?}", rule.rule, rule.default.as_deref(), rule.found.as_deref()))
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(rules.join("\n"), @r#"
            message create: Some("prompt|session|refusals") -> Some("prompt|session|all")
            task create: Some("prompt|session|all") -> Some("all||all")
            "#);
        }
        assert_eq!(ask::<String>(store, "SELECT value FROM acl_settings WHERE name = 'allow_superadmin'"), "off");
        let refused = store.write(&Actor::user("su"), |tx| tx.tasks().create(aclite::NewTask::new("s")));
        assert_eq!(support::verdict(&refused), "denied");
    }
    assert_policy(&store);
    drop(store);
    assert_policy(&Store::open(&path).unwrap());
    tamper(&path, "DROP TRIGGER acl_tasks_before_update");
    assert_policy(&repair(&path).unwrap());
    set_generation(&path, OLDER);
    assert_policy(&Store::open(&path).unwrap());
    Store::detach(&path).unwrap();
    Adoption::new().run(&path).unwrap();
    assert_policy(&Store::open(&path).unwrap());
}

#[test]
fn a_rule_that_was_removed_or_added_is_listed() {
    let (_dir, path) = lived_in();
    let store = Store::open(&path).unwrap();
    sql(&store, "DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'remove'");
    sql(&store, "INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'polish', 'all')");
    drop(store);
    let report = Store::inspect(&path).unwrap();
    assert!(report.is_clean());
    let rules: Vec<_> =
        report.rules.iter().map(|rule| (rule.rule.as_str(), rule.default.as_deref(), rule.found.as_deref())).collect();
    assert_eq!(rules, [("task polish", None, Some("all||all")), ("task remove", Some("all||all"), None)]);
}
