//! Seals on connections of others, as the loadable extension sets them: what `Sealed` does itself, a host may not.

use std::path::PathBuf;

use super::*;
use crate::actor::Actor;
use crate::record::{NewRepo, NewSession, NewTask, NewUser, NewWorktree, Sharing};

struct House {
    _dir: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

/// `bo`'s worktree `w` with two tasks; others may view it.
fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("house.db");
    let store = Store::open(&path).unwrap();
    store
        .write(&Actor::system("test"), |tx| {
            for user in ["bo", "cy"] {
                tx.users().create(NewUser::new(format!("{user}@example.com")).password("hash").id(user))?;
            }
            tx.repos().create(NewRepo::new("r").id("r"))?;
            tx.worktrees().create(
                NewWorktree::new("r").name("w").git_ref("main").id("w").created_by("bo").others_can(Sharing::View),
            )?;
            tx.sessions().create(NewSession::new("w", crate::AgenticTool::Codex).id("s").created_by("bo"))?;
            for id in ["t-1", "t-2"] {
                tx.tasks().create(NewTask::new("s").id(id).created_by("bo").set("full_prompt", "do"))?;
            }
            Ok(())
        })
        .unwrap();
    House { _dir: dir, path, store }
}

fn reader(house: &House) -> Reader {
    Reader::open(&house.path, &Actor::user("cy"), Duration::from_secs(1)).unwrap()
}

fn sealed(house: &House) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    seal(&conn, reader(house), Bounds::default()).unwrap();
    conn
}

fn count(conn: &Connection, sql: &str) -> rusqlite::Result<i64> {
    conn.query_row(sql, [], |row| row.get(0))
}

#[test]
fn only_an_empty_connection_is_sealed() {
    let house = house();
    for made in [
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE TEMP VIEW tasks AS SELECT 1",
        "ATTACH ':memory:' AS other",
    ] {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(made).unwrap();
        assert_eq!(seal(&conn, reader(&house), Bounds::default()).unwrap_err().code(), "invalid", "{made}");
    }
    let conn = Connection::open(&house.path).unwrap();
    assert_eq!(seal(&conn, reader(&house), Bounds::default()).unwrap_err().code(), "invalid");
    let conn = sealed(&house);
    assert!(seal(&conn, reader(&house), Bounds::default()).is_err(), "once is for ever");
    assert!(count(&conn, "SELECT 1").is_err(), "and what was not sealed whole answers nothing");
}

/// Between two statements of a host a right can be taken away: the later one must not see the earlier one's snapshot.
#[test]
fn a_later_statement_does_not_share_the_snapshot_of_an_earlier_one() {
    let house = house();
    let conn = sealed(&house);
    let mut first = conn.prepare("SELECT task_id FROM tasks").unwrap();
    let mut rows = first.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    let hide = "UPDATE worktrees SET others_can = 'none'";
    house.store.write(&Actor::system("test"), |tx| tx.sql().execute(hide, [])).unwrap();
    let refused = count(&conn, "SELECT count(*) FROM tasks").unwrap_err();
    assert!(refused.to_string().contains("one statement at a time"), "{refused}");
    assert!(rows.next().unwrap().is_some(), "the earlier one goes on as it began");
    assert!(rows.next().unwrap().is_none());
    drop(rows);
    assert_eq!(count(&conn, "SELECT count(*) FROM tasks").unwrap(), 0);
}

#[test]
fn a_statement_that_was_prepared_before_the_seal_is_under_it() {
    let house = house();
    let conn = Connection::open_in_memory().unwrap();
    let mut write = conn.prepare("CREATE TABLE x (y)").unwrap();
    let mut schema = conn.prepare("SELECT count(*) FROM sqlite_schema").unwrap();
    let mut pragma = conn.prepare("PRAGMA temp_store = 2").unwrap();
    seal(&conn, reader(&house), Bounds::default()).unwrap();
    assert!(write.execute([]).is_err());
    assert!(schema.query_row([], |row| row.get::<_, i64>(0)).is_err());
    assert!(pragma.execute([]).is_err());
}

#[test]
fn a_connection_that_closes_gives_the_file_up() {
    let house = house();
    let conn = sealed(&house);
    {
        let mut open = conn.prepare("SELECT task_id FROM tasks").unwrap();
        let mut rows = open.query([]).unwrap();
        assert!(rows.next().unwrap().is_some());
    }
    conn.close().map_err(|(_, error)| error).unwrap();
    let raw = Connection::open(&house.path).unwrap();
    let busy: i64 = raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}

#[test]
fn nothing_in_sql_lifts_the_limits() {
    let house = house();
    let conn = sealed(&house);
    for attack in [
        "SELECT load_extension('x')",
        "PRAGMA trusted_schema = 1",
        "PRAGMA writable_schema = 1",
        "PRAGMA temp.writable_schema = RESET",
        "ATTACH ':memory:' AS x",
        "CREATE VIRTUAL TABLE temp.x USING aclite(acl_audit)",
        "DROP TABLE temp.tasks",
    ] {
        assert!(conn.execute_batch(attack).is_err(), "{attack}");
    }
    assert!(conn.execute_batch("VACUUM temp INTO '/nowhere/x'").is_ok(), "which does nothing");
    assert_eq!(count(&conn, "SELECT count(*) FROM tasks").unwrap(), 2);
}

/// SQLite reads its schema again after some statements, also after ones that were refused.
#[test]
fn the_tables_are_there_after_refused_statements() {
    let house = house();
    for attack in
        ["VACUUM", "VACUUM INTO '/nowhere/x'", "ROLLBACK", "REINDEX", "ANALYZE", "DROP TABLE tasks", "DETACH main"]
    {
        let conn = sealed(&house);
        // REINDEX is done at once where there is no index; all others are refused.
        assert_eq!(conn.execute_batch(attack).is_ok(), attack == "REINDEX", "{attack}");
        let found = count(&conn, "SELECT count(*) FROM tasks");
        assert!(matches!(found, Ok(2)), "{attack}: {found:?}");
    }
}
