//! An open store stops when others alter the guards of its file, upgrade it, or put another in its place.

use std::cell::Cell;
use std::path::PathBuf;

use aclite::rusqlite::Connection;
use aclite::{Adoption, Error, Store, TableGuard};
use tempfile::{TempDir, tempdir};

use crate::support::file::{content, raw, tamper, texts};
use crate::support::{add_user, ask, system, verdict, world_at};

/// A store in a file. Where `read` says so it has read before, so that a reader is open.
fn opened(read: bool) -> (TempDir, PathBuf, Store) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    let store = world_at(&path);
    if read {
        store.read(&system(), |_| Ok(())).unwrap();
    }
    (dir, path, store)
}

/// Writes and reads fail alike, and no closure runs.
#[track_caller]
fn refused(store: &Store) -> [Error; 2] {
    let ran = Cell::new(false);
    let run = || {
        ran.set(true);
        Ok(())
    };
    let errors = [store.write(&system(), |_| run()).unwrap_err(), store.read(&system(), |_| run()).unwrap_err()];
    assert!(!ran.get());
    errors
}

#[track_caller]
fn works(store: &Store, name: &str) {
    add_user(store, name, "member");
    let found: i64 = ask(store, &format!("SELECT count(*) FROM users WHERE user_id = '{name}'"));
    assert_eq!(found, 1);
    store.read(&system(), |tx| tx.users().get(name)).unwrap();
}

#[test]
fn guards_that_were_taken_out_stop_an_open_store_until_they_are_back() {
    for read in [true, false] {
        let (_dir, path, store) = opened(read);
        Store::detach(&path).unwrap();
        let before = content(&path);
        for _ in 0..2 {
            for error in refused(&store) {
                assert!(matches!(error, Error::Detached), "{error:?}");
                assert!(error.to_string().contains("aclite adopt FILE"), "{error}");
            }
        }
        assert_eq!(content(&path), before);
        Adoption::new().run(&path).unwrap();
        works(&store, "eve");
        assert!(store.check().unwrap().is_clean());
    }
}

#[test]
fn guards_that_were_altered_stop_an_open_store() {
    for read in [true, false] {
        let (_dir, path, store) = opened(read);
        let trigger = "SELECT sql FROM sqlite_schema WHERE name = 'acl_tasks_before_update'";
        let back = texts(&raw(&path), trigger).remove(0);
        for alteration in [
            "DROP TRIGGER acl_tasks_before_update",
            "CREATE TRIGGER acl_mine AFTER INSERT ON tasks BEGIN SELECT 1; END",
        ] {
            tamper(&path, alteration);
            let before = content(&path);
            for error in refused(&store) {
                assert!(matches!(error, Error::Tampered(_)), "{error:?}");
            }
            assert_eq!(content(&path), before);
        }
        tamper(&path, &format!("DROP TRIGGER acl_mine; {back}"));
        works(&store, "eve");
    }
}

/// What a newer version does to a file: another number, and guards of its own.
#[test]
fn a_file_that_a_newer_version_upgraded_is_left_alone() {
    let (_dir, path, store) = opened(true);
    tamper(&path, "PRAGMA user_version = 99; CREATE TABLE acl_newer (a)");
    let before = content(&path);
    for error in refused(&store) {
        assert_eq!(error.code(), "incompatible", "{error:?}");
    }
    assert_eq!(content(&path), before);
}

#[test]
fn other_programs_may_define_tables_of_their_own() {
    for read in [true, false] {
        let (_dir, path, store) = opened(read);
        tamper(&path, "CREATE TABLE notes (a)");
        works(&store, "eve");
        tamper(&path, "CREATE INDEX notes_a ON notes (a)");
        works(&store, "fay");
    }
}

/// A schema that was rolled back gives its number to the next one: what was checked has to be a committed one.
#[test]
fn a_rolled_back_schema_version_is_not_remembered() {
    let (_dir, path, store) = opened(true);
    let version = |conn: &Connection| -> i64 { conn.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap() };
    let other = raw(&path);
    other.execute_batch("CREATE TABLE mine (a)").unwrap();
    // It changes the schema several times and fails at the end: the table references nothing.
    let guard = TableGuard::of_session("a");
    assert_eq!(verdict(&store.guard_table(&system(), "mine", guard)), "incompatible");
    let committed = version(&other);
    // Every number that the failed attempt can have had meets an altered file: it dropped what is ours one by one.
    let dropped: i64 = ask(&store, "SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')");
    other.execute_batch("DROP TRIGGER acl_tasks_before_update").unwrap();
    for later in 1..dropped + 10 {
        other.pragma_update(None, "schema_version", committed + later).unwrap();
        assert_eq!(verdict(&store.write(&system(), |_| Ok(()))), "tampered", "{later}");
    }
}

/// Its own connection changes the schema there, also where it reads on the same one.
#[test]
fn a_store_goes_on_after_it_guarded_a_further_table() {
    let (_dir, path, store) = opened(true);
    raw(&path)
        .execute_batch(
            "CREATE TABLE notes (note_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
        )
        .unwrap();
    let guard = || TableGuard::of_session("session_id");
    store.guard_table(&system(), "notes", guard()).unwrap();
    works(&store, "eve");
    Store::detach(&path).unwrap();
    assert_eq!(verdict(&store.guard_table(&system(), "notes", guard())), "detached");
}

#[cfg(unix)]
#[test]
fn a_file_that_was_moved_away_or_replaced_is_named() {
    for (read, replaced) in [(true, true), (true, false), (false, true), (false, false)] {
        let (dir, path, store) = opened(read);
        let away = dir.path().join("away.db");
        std::fs::rename(&path, &away).unwrap();
        if replaced {
            // A file of ours and sound, so that nothing but its place tells.
            let new = dir.path().join("new.db");
            drop(world_at(&new));
            add_user(&Store::open(&new).unwrap(), "other", "member");
            std::fs::rename(&new, &path).unwrap();
        }
        for error in refused(&store) {
            assert!(matches!(error, Error::Storage(_)), "{error:?}");
            let said = error.to_string();
            assert!(said.contains("moved, removed or replaced") && said.contains("open the store again"), "{said}");
        }
        // Put back, it is the same file.
        std::fs::rename(&away, &path).unwrap();
        works(&store, "eve");
        drop(store);
        assert!(!texts(&raw(&path), "SELECT user_id FROM users").contains(&"other".to_owned()));
    }
}
