//! A store and the connection of a host to the same file; each statement is tried at both.

use std::ops::Deref;

use aclite::{Actor, Result, Sharing, Store};
use rusqlite::Connection;

use crate::support::file::GUARDED as TABLES;
use crate::support::{places, raw, system, verdict, world_at};

/// A store and a host's connection to the same file.
pub(crate) struct Doors {
    pub(crate) store: Store,
    pub(crate) raw: Connection,
    pub(crate) _dir: tempfile::TempDir,
}

impl Deref for Doors {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

pub(crate) fn store() -> Doors {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("doors.db");
    let store = world_at(&path);
    places(&store, Sharing::View);
    let raw = raw::open(&path);
    Doors { store, raw, _dir: dir }
}

/// What everything but the audit holds, to be compared.
pub(crate) fn everything(store: &Store) -> Vec<String> {
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|table| **table != "acl_audit") {
        rows.extend(
            store
                .write(&system(), |tx| {
                    tx.sql().query(&format!("SELECT rowid, * FROM {table} ORDER BY 1"), [], |row| {
                        let columns = row.as_ref().column_count();
                        let values: Vec<String> =
                            (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap())).collect();
                        Ok(format!("{table} {values:?}"))
                    })
                })
                .unwrap(),
        );
    }
    rows
}

pub(crate) fn run(store: &Store, actor: &Actor, statement: &str) -> Result<usize> {
    store.write(actor, |tx| tx.sql().execute(statement, []))
}

/// Tries each statement as `cy`; it must fail with this verdict, and nothing may have changed but the audit.
#[track_caller]
pub(crate) fn refused(doors: &Doors, attempts: &[(&str, &str)]) {
    refused_to(doors, &Actor::user("cy"), attempts);
}

#[track_caller]
pub(crate) fn refused_to(doors: &Doors, actor: &Actor, attempts: &[(&str, &str)]) {
    let before = everything(doors);
    raw::act_as(&doors.raw, actor);
    for (expected, statement) in attempts {
        let outcome = run(doors, actor, statement);
        assert_eq!(verdict(&outcome), *expected, "{statement}: {outcome:?}");
        assert_eq!(everything(doors), before, "{statement}");
        let raw = raw::run(&doors.raw, statement);
        assert_eq!(everything(doors), before, "at the raw door: {statement}: {raw:?}");
        // What is refused for its text alone does no harm there, or is refused by something else.
        if *expected != "invalid" {
            let told = outcome.unwrap_err().public();
            assert_eq!(raw, Err(format!("aclite: {}: {}", told.code, told.message)), "at the raw door: {statement}");
        }
    }
}

/// The columns of a new task or message, for one row in parentheses.
pub(crate) const TASK: &str = "INTO tasks (task_id, session_id, created_at, status, created_by, data)";
pub(crate) const MESSAGE: &str =
    "INTO messages (message_id, session_id, task_id, created_at, type, role, \"index\", timestamp, data)";

pub(crate) fn new_task(id: &str, session: &str) -> String {
    format!("('{id}', '{session}', acl_now(), 'created', 'cy', '{{}}')")
}

pub(crate) fn new_message(id: &str, session: &str) -> String {
    format!("('{id}', '{session}', NULL, acl_now(), 'user', 'user', 9, acl_now(), '{{}}')")
}
