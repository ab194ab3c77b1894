//! A file with a store on it and the connection of a host that has loaded the extension.

use std::path::PathBuf;

use aclite::{Actor, Sharing, Store};
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

pub(crate) fn text(conn: &Connection, sql: &str) -> String {
    conn.query_row(sql, [], |row| row.get(0)).expect(sql)
}

/// A write of `bo`'s own, which `bo` may, and nobody else.
pub(crate) const PATCH: &str = "UPDATE tasks SET data = '{\"by\":\"me\"}' WHERE task_id = 't-v'";
