//! What a detached file had is restored by the next adoption, and wherever the two differ it fails closed.

use std::path::{Path, PathBuf};

use aclite::{Actor, AdoptReport, Adoption, NewGroup, Sharing, Store, TableGuard};
use tempfile::{TempDir, tempdir};

use crate::support::file::{agor, agor_with, bytes, past_guards, raw, schema, tamper, texts};
use crate::support::{sql, system};

/// Brings the columns of access control, as a later migration of Agor's does.
const SHARING: &str = "ALTER TABLE worktrees ADD COLUMN others_can text DEFAULT 'view';
    ALTER TABLE worktrees ADD COLUMN others_fs_access text DEFAULT 'read';
    ALTER TABLE worktrees ADD COLUMN unix_group text";
const NAMES: &str =
    "ALTER TABLE users ADD COLUMN unix_username text; ALTER TABLE sessions ADD COLUMN unix_username text";
const OWNERS: &str = "CREATE TABLE worktree_owners (
    worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE, created_at integer, PRIMARY KEY (worktree_id, user_id))";
const GROUPS: &str = "CREATE TABLE groups (group_id text PRIMARY KEY, name text NOT NULL, slug text NOT NULL UNIQUE, description text,
      archived integer NOT NULL DEFAULT 0, created_by text, created_at integer NOT NULL, updated_at integer);
    CREATE TABLE group_memberships (group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE,
      user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE, added_by text, created_at integer NOT NULL,
      PRIMARY KEY (group_id, user_id));
    CREATE TABLE worktree_group_grants (worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
      group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE, can text NOT NULL DEFAULT 'view', created_by text,
      created_at integer NOT NULL, updated_at integer, PRIMARY KEY (worktree_id, group_id))";

/// How a file is before aclite comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Agor {
    /// Without access control: adoption adds it, and a detachment takes it back.
    Old,
    /// With its own: it stays while the file is detached.
    New,
}

const BOTH: [Agor; 2] = [Agor::Old, Agor::New];

/// An adopted file in which this was done by the daemon.
fn adopted(agor_is: Agor, done: &str) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    if agor_is == Agor::New {
        tamper(&path, &format!("{SHARING}; {NAMES}; {OWNERS}; {GROUPS}"));
    }
    adopt(&path);
    let store = Store::open(&path).unwrap();
    for statement in done.split("; ").filter(|statement| !statement.is_empty()) {
        sql(&store, statement);
    }
    drop(store);
    (dir, path)
}

/// The same, detached and then changed by another program.
fn detached(agor_is: Agor, done: &str, meanwhile: &str) -> (TempDir, PathBuf) {
    let (dir, path) = adopted(agor_is, done);
    Store::detach(&path).unwrap();
    tamper(&path, meanwhile);
    (dir, path)
}

#[track_caller]
fn adopt(path: &Path) -> AdoptReport {
    let report = Adoption::new().run(path).unwrap();
    assert!(!report.already && Store::inspect(path).unwrap().is_clean());
    report
}

fn list(path: &Path, sql: &str) -> Vec<String> {
    texts(&raw(path), sql)
}

/// What somebody who owns nothing holds on a worktree.
fn others(path: &Path, worktree: &str) -> String {
    list(path, &format!("SELECT ifnull(others_can, 'view') FROM worktrees WHERE worktree_id = '{worktree}'")).remove(0)
}

fn owners(path: &Path) -> Vec<String> {
    list(path, "SELECT worktree_id || ' ' || user_id FROM worktree_owners ORDER BY 1")
}

/// NULL is `view`; a word that nobody knows is `none`.
fn rank(word: &str) -> usize {
    let word = if word == "NULL" { "view" } else { word };
    ["none", "view", "session", "prompt", "all"].iter().position(|level| *level == word).unwrap_or(0)
}

#[test]
fn of_a_saved_and_a_present_level_the_lower_holds() {
    let quoted = |word: &str| if word == "NULL" { word.to_owned() } else { format!("'{word}'") };
    let saved = ["none", "view", "session", "prompt", "all", "NULL"];
    let present = ["none", "view", "session", "prompt", "all", "NULL", "a word of tomorrow", ""];
    let pairs = || saved.iter().flat_map(|saved| present.iter().map(move |present| (*saved, *present))).enumerate();
    for agor_is in BOTH {
        // One worktree for each pair.
        let dir = tempdir().unwrap();
        let path = agor(dir.path());
        if agor_is == Agor::New {
            tamper(&path, &format!("{SHARING}; {NAMES}; {OWNERS}; {GROUPS}"));
        }
        for (number, _) in pairs() {
            tamper(
                &path,
                &format!(
                    "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
                     VALUES ('w-{number}', 'r', 1700000000023, 'bo', 'n', 'r', {number}, '{{}}')"
                ),
            );
        }
        adopt(&path);
        let set = |(number, word): (usize, &str)| {
            format!("UPDATE worktrees SET others_can = {} WHERE worktree_id = 'w-{number}'", quoted(word))
        };
        let store = Store::open(&path).unwrap();
        pairs().for_each(|(number, (saved, _))| sql(&store, &set((number, saved))));
        drop(store);
        Store::detach(&path).unwrap();
        if agor_is == Agor::Old {
            tamper(&path, SHARING);
        }
        tamper(&path, &pairs().map(|(number, (_, present))| set((number, present))).collect::<Vec<_>>().join(";"));
        let report = adopt(&path);
        for (number, (saved, present)) in pairs() {
            let worktree = format!("w-{number}");
            let (found, lower) = (rank(&others(&path, &worktree)), rank(saved).min(rank(present)));
            assert_eq!(found, lower, "{agor_is:?}: saved {saved}, present {present}");
            let start = format!("worktrees {worktree} others_can: ");
            let named = |list: &[String]| list.iter().any(|line| line.starts_with(&start));
            assert_eq!(named(&report.lowered), rank(present) < rank(saved), "saved {saved}, present {present}");
            assert_eq!(named(&report.withdrawn), rank(saved) < rank(present), "saved {saved}, present {present}");
        }
        assert_eq!(report.closed, Vec::<String>::new());
    }
}

#[test]
fn access_to_files_is_restored_in_the_same_way() {
    for (saved, present, holds) in [
        ("none", "write", "none"),
        ("write", "none", "none"),
        ("write", "read", "read"),
        ("read", "read", "read"),
        ("none", "read", "none"),
    ] {
        for agor_is in BOTH {
            let bring = if agor_is == Agor::Old { SHARING } else { "SELECT 1" };
            let (_dir, path) = detached(
                agor_is,
                &format!("UPDATE worktrees SET others_fs_access = '{saved}' WHERE worktree_id = 'w-bo'"),
                &format!("{bring}; UPDATE worktrees SET others_fs_access = '{present}'"),
            );
            adopt(&path);
            let found = list(&path, "SELECT others_fs_access FROM worktrees WHERE worktree_id = 'w-bo'");
            assert_eq!(found, [holds], "{agor_is:?}: saved {saved}, present {present}");
        }
    }
}

/// However the saved level was lost.
#[test]
fn a_worktree_that_was_guarded_and_has_no_saved_level_is_closed() {
    for agor_is in BOTH {
        for (lost, closed) in [
            ("DELETE FROM acl_saved_worktrees WHERE worktree_id = 'w-bo'", 1),
            ("DELETE FROM acl_saved_worktrees", 3),
            ("DROP TABLE acl_saved_worktrees", 3),
            ("DROP TABLE acl_saved_worktrees; CREATE TABLE acl_saved_worktrees (worktree_id, created_at)", 3),
            ("ALTER TABLE acl_saved_worktrees RENAME COLUMN others_can TO other", 3),
            (
                "DELETE FROM acl_meta WHERE name = 'detached_at'; DELETE FROM acl_saved_worktrees WHERE worktree_id = 'w-bo'",
                1,
            ),
            ("UPDATE acl_saved_worktrees SET created_at = NULL WHERE worktree_id = 'w-bo'", 1),
        ] {
            let (_dir, path) = detached(agor_is, "UPDATE worktrees SET others_can = 'prompt'", lost);
            let report = adopt(&path);
            assert_eq!(others(&path, "w-bo"), "none", "{agor_is:?} {lost}");
            assert_eq!(report.closed.len(), 2 * closed, "{agor_is:?} {lost}: {report:?}");
            let rest = if closed == 3 { "none" } else { "prompt" };
            assert_eq!([others(&path, "w-ada"), others(&path, "w-cy")], [rest, rest], "{agor_is:?} {lost}");
        }
    }
}

/// The owners too are gone with what was saved, and nobody becomes one by having created the worktree.
#[test]
fn without_anything_saved_nobody_gets_a_right_back() {
    let lost = "DROP TABLE acl_saved_worktrees; DROP TABLE acl_saved_worktree_owners; DROP TABLE acl_saved_users;
                DROP TABLE acl_saved_sessions; DROP TABLE acl_saved_groups; DROP TABLE acl_saved_group_memberships;
                DROP TABLE acl_saved_worktree_group_grants";
    let (_dir, path) = detached(Agor::Old, "", lost);
    let report = adopt(&path);
    assert_eq!((owners(&path), report.owners, report.restored), (vec![], 0, vec![]));
    assert_eq!(report.unowned, ["w-ada", "w-bo", "w-cy"]);
    assert_eq!(list(&path, "SELECT DISTINCT others_can FROM worktrees"), ["none"]);
    // A file's own owners are there still.
    let (_dir, path) = detached(Agor::New, "", lost);
    adopt(&path);
    assert_eq!(owners(&path), ["w-ada ada", "w-bo bo", "w-cy cy"]);
}

/// In an adopted file with owners of every kind: what became of each.
#[test]
fn owners_that_came_or_went_meanwhile() {
    let done = "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-bo', 'cy', acl_now()); \
                DELETE FROM worktree_owners WHERE worktree_id = 'w-bo' AND user_id = 'bo'; \
                INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-ada', 'cy', acl_now())";
    let before = ["w-ada ada", "w-ada cy", "w-bo cy", "w-cy cy"];
    let backfill =
        format!("{OWNERS}; INSERT INTO worktree_owners SELECT worktree_id, created_by, created_at FROM worktrees");
    for (name, agor_is, meanwhile, after, withdrawn, gone) in [
        ("nothing", Agor::Old, "SELECT 1", &before[..], &[][..], &[][..]),
        ("nothing", Agor::New, "SELECT 1", &before, &[], &[]),
        ("an empty table came", Agor::Old, OWNERS, &before, &[], &[]),
        // Whoever made bo's worktree is not its owner any more.
        ("a filled table came", Agor::Old, &backfill, &before, &["worktree_owners w-bo bo"], &[]),
        (
            "an owner was removed",
            Agor::New,
            "DELETE FROM worktree_owners WHERE worktree_id = 'w-ada' AND user_id = 'cy'",
            &["w-ada ada", "w-bo cy", "w-cy cy"],
            &[],
            &["worktree_owners w-ada cy"],
        ),
        (
            "the last owner was removed",
            Agor::New,
            "DELETE FROM worktree_owners WHERE worktree_id = 'w-cy'",
            &["w-ada ada", "w-ada cy", "w-bo cy"],
            &[],
            &["worktree_owners w-cy cy"],
        ),
        (
            "an owner was added",
            Agor::New,
            "INSERT INTO worktree_owners VALUES ('w-ada', 'vi', 1)",
            &before,
            &["worktree_owners w-ada vi"],
            &[],
        ),
        (
            "a user was removed",
            Agor::Old,
            "DELETE FROM users WHERE user_id = 'cy'",
            &["w-ada ada"],
            &[],
            &["worktree_owners w-ada cy", "worktree_owners w-bo cy", "worktree_owners w-cy cy"],
        ),
        (
            "a user is another of the same id",
            Agor::Old,
            "UPDATE users SET created_at = 5 WHERE user_id = 'cy'",
            &["w-ada ada"],
            &[],
            &["worktree_owners w-ada cy", "worktree_owners w-bo cy", "worktree_owners w-cy cy"],
        ),
        (
            "the same, and the table stayed",
            Agor::New,
            "UPDATE users SET created_at = 5 WHERE user_id = 'cy'",
            &["w-ada ada"],
            &[],
            &["worktree_owners w-ada cy", "worktree_owners w-bo cy", "worktree_owners w-cy cy"],
        ),
        (
            "a worktree was removed",
            Agor::Old,
            "DELETE FROM worktrees WHERE worktree_id = 'w-ada'",
            &["w-bo cy", "w-cy cy"],
            &[],
            &["worktree_owners w-ada ada", "worktree_owners w-ada cy"],
        ),
    ] {
        let (_dir, path) = detached(agor_is, done, meanwhile);
        let report = adopt(&path);
        assert_eq!(owners(&path), after, "{name}");
        assert_eq!(
            (&report.withdrawn[..], &report.gone[..]),
            (
                withdrawn.iter().map(|line: &&str| (*line).to_owned()).collect::<Vec<_>>().as_slice(),
                gone.iter().map(|line: &&str| (*line).to_owned()).collect::<Vec<_>>().as_slice()
            ),
            "{name}"
        );
        assert_eq!(report.owners, 0, "{name}");
    }
}

/// Another worktree of the same id can't be told from the guarded one with another time of creation: it is nobody's.
#[test]
fn a_worktree_that_was_made_anew_inherits_nothing() {
    for agor_is in BOTH {
        let (_dir, path) = detached(
            agor_is,
            "UPDATE worktrees SET others_can = 'all', unix_group = 'g' WHERE worktree_id = 'w-bo'; \
             INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-bo', 'cy', acl_now())",
            // Without foreign keys the old rows stay.
            "DELETE FROM worktrees WHERE worktree_id = 'w-bo';
             INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
             VALUES ('w-bo', 'r', 1700000000777, 'ada', 'new', 'new', 9, '{}')",
        );
        let report = adopt(&path);
        assert_eq!(owners(&path), ["w-ada ada", "w-cy cy"], "{agor_is:?}");
        assert_eq!(others(&path, "w-bo"), "none", "{agor_is:?}");
        assert_eq!(list(&path, "SELECT ifnull(unix_group, '-') FROM worktrees WHERE worktree_id = 'w-bo'"), ["-"]);
        assert_eq!((report.owners, &report.unowned[..]), (0, &["w-bo".to_owned()][..]));
        assert_eq!(report.closed, ["worktrees w-bo others_can", "worktrees w-bo others_fs_access"], "{agor_is:?}");
    }
}

/// Whoever made a worktree and was removed from its owners does not come back by a migration, whatever that does to ids and times.
#[test]
fn a_creator_who_was_removed_stays_removed() {
    let later = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer) + 60000";
    let all_ids =
        "UPDATE worktrees SET worktree_id = 'n-' || worktree_id; UPDATE sessions SET worktree_id = 'n-' || worktree_id";
    for agor_is in BOTH {
        for (meanwhile, closed) in [
            (all_ids.to_owned(), 3),
            (format!("{all_ids}; UPDATE worktrees SET created_at = {later}"), 3),
            (format!("{all_ids}; UPDATE worktrees SET created_at = created_at * 1000"), 3),
            ("UPDATE worktrees SET worktree_id = 'n-w-bo' WHERE worktree_id = 'w-bo'".to_owned(), 1),
            (
                format!("UPDATE worktrees SET worktree_id = 'n-w-bo', created_at = {later} WHERE worktree_id = 'w-bo'"),
                1,
            ),
            ("UPDATE worktrees SET created_at = created_at / 1000".to_owned(), 3),
            ("UPDATE worktrees SET created_at = created_at * 1000".to_owned(), 3),
            ("UPDATE worktrees SET created_at = created_at + 1".to_owned(), 3),
            ("UPDATE worktrees SET created_at = NULL".to_owned(), 3),
            ("UPDATE worktrees SET created_at = datetime('now')".to_owned(), 3),
            (format!("UPDATE worktrees SET created_at = {later}"), 3),
        ] {
            let (_dir, path) = detached(
                agor_is,
                "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w-bo', 'cy', acl_now()); \
                 DELETE FROM worktree_owners WHERE worktree_id = 'w-bo' AND user_id = 'bo'; \
                 UPDATE worktrees SET others_can = 'none'",
                &meanwhile.replace("created_at = NULL", "created_at = ''"),
            );
            let report = adopt(&path);
            assert_eq!(report.owners, 0, "{agor_is:?} {meanwhile}");
            assert!(!owners(&path).iter().any(|owner| owner.ends_with("w-bo bo")), "{agor_is:?} {meanwhile}");
            assert_eq!(report.closed.len(), 2 * closed, "{agor_is:?} {meanwhile}: {report:?}");
            assert_eq!(list(&path, "SELECT DISTINCT others_can FROM worktrees"), ["none"], "{agor_is:?} {meanwhile}");
        }
    }
}

/// Without a stamp a session would run as the daemon, and with a fresh one as whoever its creator is now.
#[test]
fn a_session_keeps_its_stamp_or_is_closed() {
    let later = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer) + 60000";
    let done = "UPDATE users SET unix_username = 'unix-' || user_id; \
                INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data) \
                  VALUES ('s-new', acl_now(), 'bo', 'idle', 'codex', 'w-bo', 'unix-bo', '{}'); \
                UPDATE users SET unix_username = 'later' WHERE user_id = 'bo'";
    let none = Vec::<String>::new();
    for (agor_is, meanwhile, stamps, closed) in [
        (
            Agor::Old,
            "UPDATE sessions SET created_at = created_at / 1000".to_owned(),
            ["-", "-", "-", "unix-bo"],
            none.clone(),
        ),
        (
            Agor::New,
            "UPDATE sessions SET created_at = created_at / 1000".to_owned(),
            ["-", "-", "-", "unix-bo"],
            none.clone(),
        ),
        (Agor::Old, format!("UPDATE sessions SET created_at = {later}"), ["-", "-", "-", "unix-bo"], none.clone()),
        (
            Agor::New,
            "UPDATE sessions SET created_at = 5, unix_username = 'root' WHERE session_id = 's-new'".to_owned(),
            ["-", "-", "-", "unix-bo"],
            none.clone(),
        ),
        (
            Agor::Old,
            "UPDATE sessions SET session_id = 's-other' WHERE session_id = 's-new'".to_owned(),
            ["-", "-", "-", "(unknown)"],
            vec!["sessions s-other unix_username".to_owned()],
        ),
        (
            Agor::Old,
            format!("UPDATE sessions SET session_id = 's-other', created_at = {later} WHERE session_id = 's-new'"),
            ["-", "-", "-", "(unknown)"],
            vec!["sessions s-other unix_username".to_owned()],
        ),
        (
            Agor::New,
            "UPDATE sessions SET session_id = 's-other', unix_username = NULL WHERE session_id = 's-new'".to_owned(),
            ["-", "-", "-", "(unknown)"],
            vec!["sessions s-other unix_username".to_owned()],
        ),
        // It takes its stamp along where the column stayed.
        (
            Agor::New,
            "UPDATE sessions SET session_id = 's-other' WHERE session_id = 's-new'".to_owned(),
            ["-", "-", "-", "unix-bo"],
            none.clone(),
        ),
    ] {
        let (_dir, path) = detached(agor_is, done, &meanwhile);
        let report = adopt(&path);
        let found = "SELECT ifnull(unix_username, '-') FROM sessions ORDER BY session_id";
        assert_eq!(list(&path, found), stamps, "{agor_is:?} {meanwhile}");
        assert_eq!((report.stamped, report.closed), (0, closed), "{agor_is:?} {meanwhile}");
    }
    let (_dir, path) =
        detached(Agor::Old, done, "UPDATE sessions SET session_id = 's-other' WHERE session_id = 's-new'");
    adopt(&path);
    let store = Store::open(&path).unwrap();
    let prompted = store
        .write(&Actor::user("bo"), |tx| tx.tasks().create(aclite::NewTask::new("s-other").id("t-other")).map(drop));
    assert_eq!(prompted.unwrap_err().code(), "identity_drift");
}

/// Where nobody has a unix name there is no stamp to lose.
#[test]
fn sessions_without_unix_names_stay_without() {
    let (_dir, path) = detached(
        Agor::Old,
        "",
        "UPDATE sessions SET session_id = 'n-' || session_id; UPDATE sessions SET created_at = created_at * 1000",
    );
    let report = adopt(&path);
    assert_eq!((report.closed, report.stamped), (vec![], 0));
    assert_eq!(list(&path, "SELECT DISTINCT ifnull(unix_username, '-') FROM sessions"), ["-"]);
}

/// What is new is as in a first adoption: its creator owns it, and others hold what its column says.
#[test]
fn what_was_made_meanwhile_is_new() {
    let later = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer) + 60000";
    let (_dir, path) = detached(
        Agor::Old,
        "UPDATE users SET unix_username = 'unix-' || user_id",
        &format!(
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
               VALUES ('w-new', 'r', {later}, 'cy', 'new', 'new', 9, '{{}}');
             INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, data)
               VALUES ('s-new', {later}, 'bo', 'idle', 'codex', 'w-new', '{{}}')"
        ),
    );
    let report = adopt(&path);
    assert_eq!(owners(&path), ["w-ada ada", "w-bo bo", "w-cy cy", "w-new cy"]);
    assert_eq!((others(&path, "w-new"), report.owners, report.stamped), ("view".to_owned(), 1, 1));
    let stamps = "SELECT session_id || ' ' || ifnull(unix_username, '-') FROM sessions ORDER BY 1";
    // The older ones had no stamp when they were saved: they run as the daemon, for good.
    assert_eq!(list(&path, stamps), ["s-ada -", "s-bo -", "s-cy -", "s-new unix-bo"]);
}

#[test]
fn stamps_and_unix_names() {
    let done = "UPDATE users SET unix_username = 'unix-' || user_id; \
                INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data) \
                  VALUES ('s-new', acl_now(), 'bo', 'idle', 'codex', 'w-bo', 'unix-bo', '{}'); \
                UPDATE users SET unix_username = 'later' WHERE user_id = 'bo'";
    let names = "SELECT 'user ' || user_id || ' ' || ifnull(unix_username, '-') FROM users WHERE user_id IN ('bo', 'cy')
                 UNION ALL SELECT 'session ' || session_id || ' ' || ifnull(unix_username, '-') FROM sessions WHERE session_id = 's-new'";
    for (name, agor_is, meanwhile, after) in [
        ("taken back", Agor::Old, "SELECT 1", ["later", "unix-cy", "unix-bo"]),
        ("brought, empty", Agor::Old, NAMES, ["later", "unix-cy", "unix-bo"]),
        (
            "brought, filled",
            Agor::Old,
            "ALTER TABLE users ADD COLUMN unix_username text; ALTER TABLE sessions ADD COLUMN unix_username text;
            UPDATE users SET unix_username = 'root'; UPDATE sessions SET unix_username = 'root'",
            ["later", "unix-cy", "unix-bo"],
        ),
        ("stayed", Agor::New, "SELECT 1", ["later", "unix-cy", "unix-bo"]),
        (
            "stayed and was changed",
            Agor::New,
            "UPDATE users SET unix_username = 'root'; UPDATE sessions SET unix_username = 'root'",
            ["later", "unix-cy", "unix-bo"],
        ),
        // A name that was taken away stays away; a session's stamp is for good.
        (
            "stayed and was cleared",
            Agor::New,
            "UPDATE users SET unix_username = NULL; UPDATE sessions SET unix_username = NULL",
            ["-", "-", "unix-bo"],
        ),
    ] {
        let (_dir, path) = detached(agor_is, done, meanwhile);
        let report = adopt(&path);
        let [bo, cy, session] = after;
        assert_eq!(
            list(&path, names),
            [format!("user bo {bo}"), format!("user cy {cy}"), format!("session s-new {session}")],
            "{name}"
        );
        assert_eq!(
            report.withdrawn.iter().any(|line| line.starts_with("users bo unix_username: root")),
            meanwhile.contains("root"),
            "{name}"
        );
        assert_eq!(report.stamped, 0, "{name}");
    }
}

#[test]
fn groups_members_and_grants() {
    let set_up = |agor_is| {
        let (dir, path) = adopted(agor_is, "");
        let store = Store::open(&path).unwrap();
        store
            .write(&system(), |tx| {
                for group in ["g", "old"] {
                    tx.groups().create(NewGroup::new(group).slug(group).id(group).created_by(Some("ada".into())))?;
                    tx.groups().add_member(group, "cy")?;
                }
                tx.worktrees().set_grant("w-ada", "g", Sharing::Prompt)?;
                tx.worktrees().set_grant("w-bo", "old", Sharing::All)?;
                tx.groups().archive("old").map(drop)
            })
            .unwrap();
        drop(store);
        Store::detach(&path).unwrap();
        (dir, path)
    };
    let all = "SELECT 'group ' || group_id || ' ' || archived FROM groups
               UNION ALL SELECT 'member ' || group_id || ' ' || user_id FROM group_memberships
               UNION ALL SELECT 'grant ' || worktree_id || ' ' || group_id || ' ' || can FROM worktree_group_grants ORDER BY 1";
    let before =
        ["grant w-ada g prompt", "grant w-bo old all", "group g 0", "group old 1", "member g cy", "member old cy"];
    let without = |left_out: &[&str]| {
        before.iter().filter(|line| !left_out.contains(line)).map(|line| (*line).to_owned()).collect::<Vec<_>>()
    };
    for (name, agor_is, meanwhile, after) in [
        ("nothing", Agor::Old, "SELECT 1", without(&[])),
        ("nothing", Agor::New, "SELECT 1", without(&[])),
        ("empty tables came", Agor::Old, GROUPS, without(&[])),
        (
            "a group was removed",
            Agor::New,
            "PRAGMA foreign_keys = ON; DELETE FROM groups WHERE group_id = 'g'",
            without(&["grant w-ada g prompt", "group g 0", "member g cy"]),
        ),
        (
            "a member was removed",
            Agor::New,
            "DELETE FROM group_memberships WHERE group_id = 'g'",
            without(&["member g cy"]),
        ),
        (
            "a grant was removed",
            Agor::New,
            "DELETE FROM worktree_group_grants WHERE group_id = 'g'",
            without(&["grant w-ada g prompt"]),
        ),
        ("a member was added", Agor::New, "INSERT INTO group_memberships VALUES ('g', 'vi', NULL, 5)", without(&[])),
        (
            "a grant was added",
            Agor::New,
            "INSERT INTO worktree_group_grants VALUES ('w-cy', 'g', 'all', NULL, 5, NULL)",
            without(&[]),
        ),
        ("a grant was raised", Agor::New, "UPDATE worktree_group_grants SET can = 'all'", without(&[])),
        ("a group was brought back", Agor::New, "UPDATE groups SET archived = 0", without(&[])),
        (
            "a user was removed",
            Agor::Old,
            "DELETE FROM users WHERE user_id = 'cy'",
            without(&["member g cy", "member old cy"]),
        ),
        (
            "a worktree was removed",
            Agor::Old,
            "DELETE FROM worktrees WHERE worktree_id = 'w-ada'",
            without(&["grant w-ada g prompt"]),
        ),
        (
            "a user is another",
            Agor::New,
            "UPDATE users SET created_at = 1 WHERE user_id = 'cy'",
            without(&["member g cy", "member old cy"]),
        ),
    ] {
        let (_dir, path) = set_up(agor_is);
        tamper(&path, meanwhile);
        adopt(&path);
        assert_eq!(list(&path, all), after, "{name} {agor_is:?}");
    }
    let (_dir, path) = set_up(Agor::New);
    tamper(&path, "UPDATE worktree_group_grants SET can = 'view'");
    let report = adopt(&path);
    assert_eq!(
        report.lowered,
        ["worktree_group_grants w-ada g: view from prompt", "worktree_group_grants w-bo old: view from all"]
    );
    // A group of the migration's own has the slug, and then the saved one, its members and its grants can't come back.
    let (_dir, path) = set_up(Agor::Old);
    tamper(&path, &format!("{GROUPS}; INSERT INTO groups VALUES ('other', 'g', 'g', NULL, 0, NULL, 9, NULL)"));
    let report = adopt(&path);
    assert_eq!(list(&path, all), ["grant w-bo old all", "group old 1", "group other 0", "member old cy"]);
    assert_eq!(report.gone, ["groups g", "group_memberships g cy", "worktree_group_grants w-ada g"]);
}

/// A reference that was saved may name what is gone.
#[test]
fn a_reference_to_what_is_gone_is_not_restored() {
    let least = |sql: String| {
        sql.replace("`board_id` text(36), `parent_session_id` text(36),", "`parent_session_id` text(36),").replace(
            "FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null,\n  FOREIGN KEY (`parent",
            "FOREIGN KEY (`parent",
        )
    };
    let dir = tempdir().unwrap();
    let path = agor_with(dir.path(), least);
    let report = adopt(&path);
    assert!(report.columns.contains(&"sessions.board_id".to_owned()), "{report:?}");
    let store = Store::open(&path).unwrap();
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('gone', acl_now(), 'ada', 'n', '{}')",
    );
    sql(&store, "UPDATE sessions SET board_id = 'gone' WHERE session_id = 's-ada'");
    sql(&store, "UPDATE sessions SET board_id = 'b' WHERE session_id = 's-bo'");
    drop(store);
    Store::detach(&path).unwrap();
    tamper(&path, "DELETE FROM boards WHERE board_id = 'gone'");
    let report = adopt(&path);
    let boards = "SELECT session_id || ' ' || ifnull(board_id, '-') FROM sessions ORDER BY 1";
    assert_eq!(list(&path, boards), ["s-ada -", "s-bo b", "s-cy -"]);
    assert_eq!(report.gone, ["sessions s-ada board_id"]);
}

/// Of a column that gives no right, a value that somebody put there stays.
#[test]
fn a_value_of_a_migration_is_not_overwritten() {
    let dir = tempdir().unwrap();
    let path = agor_with(dir.path(), |sql| {
        sql.replace(", `archived` integer DEFAULT false NOT NULL, `archived_reason` text", "")
    });
    adopt(&path);
    let store = Store::open(&path).unwrap();
    sql(&store, "UPDATE sessions SET archived = 1, archived_reason = 'saved'");
    drop(store);
    Store::detach(&path).unwrap();
    tamper(
        &path,
        "ALTER TABLE sessions ADD COLUMN archived integer DEFAULT 0 NOT NULL; ALTER TABLE sessions ADD COLUMN archived_reason text;
         UPDATE sessions SET archived_reason = 'present' WHERE session_id = 's-bo'",
    );
    let report = adopt(&path);
    let found = "SELECT session_id || ' ' || archived || ' ' || archived_reason FROM sessions ORDER BY 1";
    assert_eq!(list(&path, found), ["s-ada 1 saved", "s-bo 1 present", "s-cy 1 saved"]);
    assert_eq!(report.gone, ["sessions s-bo archived_reason"]);
}

#[test]
fn a_further_table_is_guarded_again_or_is_named() {
    for (meanwhile, guarded, gone) in [
        ("SELECT 1", &["session_mcp_servers"][..], &[][..]),
        ("ALTER TABLE session_mcp_servers ADD COLUMN shine", &["session_mcp_servers"], &[]),
        ("DROP TABLE session_mcp_servers", &[], &["acl_tables session_mcp_servers"]),
    ] {
        let (_dir, path) = adopted(Agor::Old, "");
        Store::open(&path)
            .unwrap()
            .guard_table(&system(), "session_mcp_servers", TableGuard::of_session("session_id"))
            .unwrap();
        Store::detach(&path).unwrap();
        tamper(&path, meanwhile);
        let report = adopt(&path);
        assert_eq!(report.gone, gone, "{meanwhile}");
        assert_eq!(list(&path, "SELECT name FROM acl_tables"), guarded);
        let triggers =
            "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'acl_session_mcp*'";
        assert_eq!(list(&path, triggers), guarded);
    }
}

/// Everything that would keep DROP COLUMN from working, or would be lost with a table.
#[test]
fn what_depends_on_what_is_taken_back_is_named_before_anything_changes() {
    let mut said = String::new();
    for (made, unmade) in [
        ("CREATE VIEW shared AS SELECT name FROM worktrees WHERE others_can <> 'none'", "DROP VIEW shared"),
        ("CREATE INDEX by_level ON worktrees (others_can)", "DROP INDEX by_level"),
        ("CREATE INDEX part ON worktrees (name) WHERE others_can = 'all'", "DROP INDEX part"),
        (
            "CREATE TABLE log (a); CREATE TRIGGER logs AFTER INSERT ON log BEGIN SELECT others_can FROM worktrees; END",
            "DROP TRIGGER logs",
        ),
        ("CREATE VIEW broken AS SELECT * FROM a_table_that_is_gone", "DROP VIEW broken"),
        ("CREATE VIEW mine AS SELECT * FROM worktree_owners", "DROP VIEW mine"),
        ("CREATE TABLE teams (group_id text REFERENCES groups (group_id) ON DELETE CASCADE)", "DROP TABLE teams"),
        ("CREATE INDEX owned ON worktree_owners (created_at)", "DROP INDEX owned"),
        (
            "CREATE VIEW a AS SELECT others_can FROM worktrees; CREATE VIEW b AS SELECT unix_username FROM users;
             CREATE VIEW c AS SELECT * FROM nowhere; CREATE INDEX d ON sessions (unix_username)",
            "DROP VIEW a; DROP VIEW b; DROP VIEW c; DROP INDEX d",
        ),
    ] {
        let (_dir, path) = adopted(Agor::Old, "");
        tamper(&path, made);
        let (before, objects) = (bytes(&path), schema(&path));
        let error = Store::detach(&path).unwrap_err();
        assert_eq!(error.code(), "incompatible", "{made}: {error}");
        said.push_str(&format!("{error}\n"));
        assert!(bytes(&path) == before && schema(&path) == objects, "{made}: the file differs");
        assert!(Store::inspect(&path).unwrap().is_clean(), "{made}");
        tamper(&path, unmade);
        Store::detach(&path).unwrap_or_else(|error| panic!("{unmade}: {error}"));
        adopt(&path);
    }
    let said = said
        .replace("what adoption added can't be taken back, since this depends on it or can't be read: ", "")
        .replace("; drop it, detach or migrate the file, and make it again afterwards", "");
    insta::assert_snapshot!(said, @r#"
    view `shared` (no such column: others_can)
    index `by_level` (no such column: others_can)
    index `part` (no such column: others_can)
    trigger `logs` (no such column: others_can)
    view `broken` (no such table: main.a_table_that_is_gone)
    view `mine` (no such table: main.worktree_owners)
    table `teams` (references `groups`, which is taken back)
    index `owned` (on table `worktree_owners`, which is taken back)
    view `c` (no such table: main.nowhere), index `d` (no such column: unix_username), view `b` (no such column: unix_username), view `a` (no such column: others_can)
    "#);
}

/// A file that an older aclite adopted has no record. The text of a column says who wrote it.
#[test]
fn a_file_without_a_record_is_detached_by_the_texts_that_adoption_writes() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    let original = schema(&path);
    adopt(&path);
    past_guards(&path, "acl_meta", "DELETE FROM acl_meta WHERE name <> 'generation'");
    assert!(Store::inspect(&path).unwrap().is_clean());
    Store::detach(&path).unwrap();
    let mut left = schema(&path);
    left.retain(|(_, name), _| !name.starts_with("acl_") && !name.starts_with("sqlite_autoindex_acl_"));
    assert_eq!(left, original);
    adopt(&path);
    assert_eq!(owners(&path), ["w-ada ada", "w-bo bo", "w-cy cy"]);

    // Of a file that aclite made, nothing was added to anybody's.
    let path = dir.path().join("new.db");
    drop(Store::open(&path).unwrap());
    let report = Store::detach(&path).unwrap();
    assert_eq!((report.tables, report.columns, report.indexes), (vec![], vec![], vec![]));
    adopt(&path);
    let report = Store::detach(&path).unwrap();
    assert_eq!((report.tables, report.columns, report.indexes), (vec![], vec![], vec![]));
}

/// Somebody who can write the record can do anything to the file; an accident must not drop a table.
#[test]
fn a_record_drops_nothing_that_adoption_can_not_have_added() {
    let (_dir, path) = adopted(Agor::New, "");
    past_guards(
        &path,
        "acl_meta",
        "INSERT INTO acl_meta VALUES ('added table users', 1), ('added table notes', 1), ('added column users.email', 1),
           ('added column worktrees.data', 1), ('added index worktrees_updated_idx', 1), ('added', 1), ('added nonsense', 1),
           ('added table acl_audit', 1), ('added column acl_meta.value', 1)",
    );
    let report = Store::detach(&path).unwrap();
    assert_eq!((report.tables, report.columns), (vec![], vec![]));
    assert!(!report.indexes.contains(&"worktrees_updated_idx".to_owned()));
    adopt(&path);
    assert_eq!(list(&path, "SELECT email FROM users WHERE user_id = 'ada'"), ["ada@example.com"]);
}

/// A dry run says what would be restored; then nothing that was saved is left, and nothing that was remembered holds.
#[test]
fn a_dry_run_of_the_second_adoption_leaves_what_was_saved() {
    let (_dir, path) =
        detached(Agor::Old, "UPDATE worktrees SET others_can = 'none' WHERE worktree_id = 'w-bo'", "SELECT 1");
    let (before, epoch) = (bytes(&path), list(&path, "SELECT CAST(epoch AS text) FROM acl_epoch"));
    let dry = Adoption::new().dry_run(true).run(&path).unwrap();
    assert!(bytes(&path) == before);
    let mut report = adopt(&path);
    report.dry_run = true;
    assert_eq!(dry, report);
    assert_ne!(list(&path, "SELECT CAST(epoch AS text) FROM acl_epoch"), epoch, "what was remembered is forgotten");
    assert_eq!(list(&path, "SELECT name FROM sqlite_schema WHERE name GLOB 'acl_saved*'"), Vec::<String>::new());
    let store = Store::open(&path).unwrap();
    assert!(store.read(&Actor::user("cy"), |tx| tx.tasks().get("t-2")).is_err());
}

/// Guards let e-mails differ in case only, so a file that has such can be migrated; the very same e-mail twice can't be kept apart.
#[test]
fn e_mails_that_differ_in_case_only_do_not_keep_a_file_from_a_second_adoption() {
    let (_dir, path) = adopted(Agor::Old, "UPDATE users SET email = 'ADA@example.com' WHERE user_id = 'bo'");
    Store::detach(&path).unwrap();
    adopt(&path);
    Store::detach(&path).unwrap();
    tamper(&path, "DROP INDEX users_email_unique; UPDATE users SET email = 'ada@example.com' WHERE user_id = 'bo'");
    let refused = Adoption::new().run(&path).unwrap_err().to_string();
    assert!(refused.contains("users ada, bo share the email `ada@example.com`"), "{refused}");
}
