//! A file with a store on it and the connection of a host that has loaded the extension.

use std::path::PathBuf;

use aclite::{Actor, Adoption, Sharing, Store};
use rusqlite::Connection;

use crate::support::raw::{self, run};
use crate::support::{audit_after, places, world_at};

/// A file with three places (see `places`; others may view `w`), a store on it and a host's connection.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) conn: Connection,
    pub(crate) path: PathBuf,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn host() -> Host {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raw.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    let conn = raw::open(&path);
    Host { store, conn, path, dir }
}

impl Host {
    /// The connection, on which `user` acts.
    pub(crate) fn login(&self, user: &str) -> &Connection {
        raw::act_as(&self.conn, &Actor::user(user));
        &self.conn
    }

    /// As the file has it: a store reads nothing where it finds the guards altered.
    pub(crate) fn status(&self, task: &str) -> String {
        let conn = Connection::open(&self.path).unwrap();
        conn.query_row("SELECT status FROM tasks WHERE task_id = ?1", [task], |row| row.get(0)).unwrap()
    }

    /// The verdicts, actors and records of the audit after `seq`.
    pub(crate) fn audit(&self, seq: i64) -> Vec<String> {
        let row = |row: aclite::AuditRow| format!("{} {} {} {}", row.actor, row.verdict, row.operation, row.record);
        audit_after(&self.store, seq).into_iter().map(row).collect()
    }

    /// Fails unless `statement` is refused with a text that holds `told`, and `t-v` stays as it is.
    #[track_caller]
    pub(crate) fn refuses(&self, statement: &str, told: &str) {
        let outcome = run(&self.conn, statement);
        let text = outcome.expect_err(statement);
        assert!(text.contains(told), "{statement}: {text}");
        assert_eq!(self.status("t-v"), "created", "{statement}");
    }
}

/// As [`host`], of a file whose tables another program made, by what `change` makes of ours.
pub(crate) fn host_with(change: impl FnOnce(String) -> String) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raw.db");
    let tables = include_str!("../../sql/tables/0001_tables.sql");
    let theirs = tables.split("-- What each operation needs").next().unwrap().to_owned();
    super::support::file::tamper(&path, &change(theirs));
    Adoption::new().run(&path).unwrap();
    let store = world_at(&path);
    places(&store, Sharing::View);
    let conn = raw::open(&path);
    Host { store, conn, path, dir }
}

/// The tables with a further constraint on tasks.
pub(crate) fn with_task_constraint(tables: String, constraint: &str) -> String {
    let before = "  status text NOT NULL,\n  created_by text NOT NULL DEFAULT 'anonymous',\n  data text NOT NULL\n);";
    assert!(tables.contains(before));
    tables.replace(before, &before.replace("\n);", &format!(",\n  {constraint}\n);")))
}

/// A handle that a callback uses on the thread of its connection.
pub(crate) struct Handle(*mut rusqlite::ffi::sqlite3);
#[expect(unsafe_code, reason = "a callback gets no connection")]
// SAFETY: the callback runs on the thread that uses the connection.
unsafe impl Send for Handle {}

impl Handle {
    #[expect(unsafe_code, reason = "a callback gets no connection")]
    pub(crate) fn of(conn: &Connection) -> Self {
        // SAFETY: the connection is open for as long as its callbacks are called.
        Self(unsafe { conn.handle() })
    }

    pub(crate) fn run(&self, statement: &str) -> Result<usize, String> {
        #[expect(unsafe_code, reason = "a callback gets no connection")]
        // SAFETY: as above; what is made of a handle does not close it.
        let own = unsafe { Connection::from_handle(self.0) }.unwrap();
        run(&own, statement)
    }
}

pub(crate) fn text(conn: &Connection, sql: &str) -> String {
    conn.query_row(sql, [], |row| row.get(0)).expect(sql)
}

/// A write of `bo`'s own, which `bo` may, and nobody else.
pub(crate) const PATCH: &str = "UPDATE tasks SET data = '{\"by\":\"me\"}' WHERE task_id = 't-v'";
