//! What is no file of aclite's is named for what it is, and nothing of it or beside it is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aclite::{Actor, Adoption, Error, Migration, OpenOptions, Store, TableGuard};
use tempfile::tempdir;

use crate::support::file::{agor, beside, raw, tamper};
use crate::support::system;

/// Everything in a directory: names, content, times.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
            let content = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            (path, (content, changed))
        })
        .collect()
}

/// A copy of a file in WAL mode whose program crashed: its log is not written back.
fn crashed(dir: &Path, make: &str) -> PathBuf {
    let original = tempdir().unwrap();
    let path = original.path().join("a.db");
    let conn = raw(&path);
    conn.execute_batch(&format!("PRAGMA journal_mode = WAL; {make}")).unwrap();
    let copy = dir.join("crashed.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(beside(&path, "-wal"), beside(&copy, "-wal")).unwrap();
    copy
}

fn made(dir: &Path, sql: &str) -> PathBuf {
    let path = dir.join("other.db");
    tamper(&path, sql);
    path
}

fn written(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join("written.db");
    std::fs::write(&path, bytes).unwrap();
    path
}

type Make = fn(&Path) -> PathBuf;

/// What the file is, how it is made, and a part of what is said of it.
const UNFIT: &[(&str, Make, &str)] = &[
    ("empty", |dir| written(dir, b""), "the file is empty: `aclite init FILE`"),
    ("a database without a table", |dir| made(dir, "CREATE TABLE a (b); DROP TABLE a"), "the file is empty"),
    (
        "another program's",
        |dir| made(dir, "CREATE TABLE a (b)"),
        "the file is another program's and not Agor's: it holds `a`",
    ),
    (
        "another program's, in WAL mode",
        |dir| made(dir, "PRAGMA journal_mode = WAL; CREATE TABLE a (b)"),
        "the file is another program's and not Agor's: it holds `a`",
    ),
    (
        "another program's, with a log",
        |dir| crashed(dir, "CREATE TABLE a (b); INSERT INTO a VALUES (1)"),
        "the file is another program's and not Agor's: it holds `a`",
    ),
    (
        "another application's",
        |dir| {
            made(dir, "PRAGMA application_id = 0x47504b47; PRAGMA user_version = 10300; CREATE TABLE gpkg_contents (a)")
        },
        "it holds `gpkg_contents`, application id 0x47504b47",
    ),
    (
        "with many tables",
        |dir| {
            let tables: String = (1..9).map(|number| format!("CREATE TABLE t{number} (a);")).collect();
            made(dir, &tables)
        },
        "it holds `t1`, `t2`, `t3`, `t4`, `t5` and 3 more",
    ),
    ("Agor's, not adopted", |dir| agor(dir), "the file holds tables that aclite does not guard yet: adopt it first"),
    (
        "Agor's with a user_version",
        |dir| {
            let path = agor(dir);
            tamper(&path, "PRAGMA user_version = 7");
            path
        },
        "another program keeps its version, 7, in `user_version`",
    ),
    ("a text", |dir| written(dir, &b"dear ada, ".repeat(500)), "not an sqlite database, or it is encrypted"),
    ("a short text", |dir| written(dir, b"dear ada"), "not an sqlite database, or it is encrypted"),
    (
        "encrypted",
        |dir| {
            let mut seed = 0x2545_f491_u32;
            let noise = std::iter::repeat_with(|| {
                seed ^= seed << 13;
                seed ^= seed >> 17;
                seed ^= seed << 5;
                seed.to_le_bytes()[0]
            });
            written(dir, &noise.take(8192).collect::<Vec<u8>>())
        },
        "not an sqlite database, or it is encrypted",
    ),
    (
        "cut short",
        |dir| {
            let path = agor(dir);
            let whole = std::fs::read(&path).unwrap();
            written(dir, &whole[..whole.len() / 3])
        },
        "the database is damaged",
    ),
    ("a header alone", |dir| written(dir, &std::fs::read(agor(dir)).unwrap()[..100]), "the database is damaged"),
    (
        "a directory",
        |dir| {
            std::fs::create_dir(dir.join("a.db")).unwrap();
            dir.join("a.db")
        },
        "it is a directory or a device, not a file",
    ),
    ("a device", |_| PathBuf::from("/dev/zero"), "it is a directory or a device, not a file"),
    ("nothing", |dir| dir.join("missing.db"), "there is no such file"),
];

#[test]
fn whatever_it_is_it_is_named_and_left_alone() {
    for (name, make, told) in UNFIT {
        let dir = tempdir().unwrap();
        let path = make(dir.path());
        let before = everything(dir.path());
        let opened = |options: OpenOptions| options.create(false).open(&path).map(drop);
        let guard = || {
            let store = OpenOptions::new().create(false).open(&path)?;
            store.guard_table(&system(), "a", TableGuard::of_session("b"))
        };
        let attempts: [(&str, &dyn Fn() -> aclite::Result<()>); 6] = [
            ("inspect", &|| Store::inspect(&path).map(drop)),
            ("repair", &|| opened(OpenOptions::new().repair(true))),
            ("open", &|| opened(OpenOptions::new())),
            ("detach", &|| Store::detach(&path).map(drop)),
            ("guard", &guard),
            ("migrate", &|| Migration::new().run(&path, || Err::<(), Error>(Error::NotAuthenticated)).map(drop)),
        ];
        for (doing, attempt) in attempts {
            let error = attempt().expect_err(name);
            assert_eq!(error.code(), "incompatible", "{name}, {doing}: {error}");
            assert!(error.to_string().contains(told), "{name}, {doing}: {error}");
            assert!(everything(dir.path()) == before, "{name}, {doing}: something was touched");
        }
        if name.starts_with("Agor's, not adopted") {
            continue;
        }
        let error = Adoption::new().run(&path).expect_err(name).to_string();
        assert!(error.contains(told), "{name}, adopt: {error}");
        assert!(everything(dir.path()) == before, "{name}, adopt: something was touched");
    }
}

/// A file of aclite's that can only be read is checked as it is.
#[test]
fn a_guarded_file_that_can_only_be_read_is_checked_and_nothing_else() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("a b%20?#ü.db");
    drop(Store::open(&path).unwrap());
    let mut mode = std::fs::metadata(&path).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(&path, mode).unwrap();
    let before = everything(dir.path());
    assert!(Store::inspect(&path).unwrap().is_clean());
    assert!(everything(dir.path()) == before);
    for outcome in [Store::open(&path).map(drop), Store::detach(&path).map(drop), Adoption::new().run(&path).map(drop)]
    {
        assert_eq!(outcome.unwrap_err().to_string(), "the file can't be written");
        assert!(everything(dir.path()) == before);
    }
}

/// The refusal that follows an ALTER TABLE names what to do, and that works.
#[test]
fn a_column_that_was_added_to_a_guarded_table_is_told_with_its_remedy() {
    let dir = tempdir().unwrap();
    let path = agor(dir.path());
    Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    tamper(&path, "ALTER TABLE tasks ADD COLUMN shine integer");
    let remedy = "run `aclite check FILE --repair` to fit the guards to the table, and later migrations by `aclite migrate FILE -- COMMAND`";
    let write = |store: &Store| {
        store.write(&Actor::user("bo"), |tx| tx.sql().execute("UPDATE tasks SET data = '{}' WHERE task_id = 't-2'", []))
    };
    for error in [write(&store).unwrap_err(), Store::open(&path).unwrap_err()] {
        assert_eq!(error.code(), "tampered");
        assert!(error.to_string().ends_with(remedy), "{error}");
    }
    assert_eq!(Store::inspect(&path).unwrap().remedy(), Some(remedy));
    drop(OpenOptions::new().repair(true).open(&path).unwrap());
    write(&store).unwrap();
    // Another fault has another remedy.
    tamper(&path, "DROP TRIGGER acl_tasks_before_update");
    assert_eq!(Store::inspect(&path).unwrap().remedy(), None);
}
