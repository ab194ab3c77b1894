//! The audit: who did or was refused what. Written by the guards' statements and by the store, read here.

use rusqlite::{Connection, Row};

use crate::error::{Error, Result};
use crate::guard::{Context, Entry};
use crate::operation::{Action, Resource};
use crate::record::Time;
use crate::store::{ReadTx, op, traced};
use crate::verdict;

/// One row of `acl_audit`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditRow {
    /// Its number; later rows have greater ones.
    pub seq: i64,
    /// When it was decided.
    pub at: Time,
    /// By which way it came: `api` or `sql`.
    pub door: String,
    /// The kind of actor: `user`, `executor`, `service`, `system`, `anonymous`.
    pub actor_kind: String,
    /// The user's id, the service's name, the system's reason.
    pub actor: String,
    /// What was asked for, a word of [`Action`](crate::Action).
    pub operation: String,
    /// Of what, a word of [`Resource`](crate::Resource).
    pub resource: String,
    /// The record's id.
    pub record: String,
    /// Its session, where it has one.
    pub session_id: Option<String>,
    /// Its worktree, where it has one.
    pub worktree_id: Option<String>,
    /// `allowed`, `denied`, `missing` or `conflict`.
    pub verdict: String,
    /// What the rule needed.
    pub needed: Option<String>,
    /// The level or role that was held.
    pub held: Option<String>,
    /// Where it came from, or why it was refused.
    pub why: Option<String>,
    /// The names of the changed columns and of the changed keys of `data`, separated by spaces.
    pub fields: Option<String>,
    /// The epoch of access that it was decided in.
    pub epoch: i64,
}

/// Reads the audit: a transaction's `audit()`.
#[derive(Debug)]
pub struct Audit<'t> {
    tx: &'t ReadTx<'t>,
}

impl<'t> Audit<'t> {
    pub(crate) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx }
    }

    /// The rows after `seq`, oldest first, at most `limit`. For `System` and `Service`.
    ///
    /// ```
    /// use aclite::{Actor, Store};
    /// let store = Store::open(":memory:")?;
    /// let rows = store.read(&Actor::system("operator"), |tx| tx.audit().after(0, 100))?;
    /// assert!(rows.iter().all(|row| row.seq > 0));
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied` for anybody else, `Storage`.
    pub fn after(&self, seq: i64, limit: u32) -> Result<Vec<AuditRow>> {
        self.rows("SELECT * FROM main.acl_audit WHERE seq > ?1 ORDER BY seq LIMIT ?2", seq, limit)
    }

    /// The last `limit` rows, oldest first. For `System` and `Service`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied` for anybody else, `Storage`.
    pub fn tail(&self, limit: u32) -> Result<Vec<AuditRow>> {
        let sql = "SELECT * FROM (SELECT * FROM main.acl_audit WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq";
        self.rows(sql, 0, limit)
    }

    fn rows(&self, sql: &str, seq: i64, limit: u32) -> Result<Vec<AuditRow>> {
        let failed = |error| Error::storage("reading the audit", error);
        traced(op(Resource::Audit, Action::Get), || {
            verdict::reads_audit(self.tx.actor())?;
            self.tx.ours(|| {
                let mut rows = self.tx.raw().prepare_cached(sql).map_err(failed)?;
                let rows = rows.query_map((seq, limit), read).map_err(failed)?;
                rows.collect::<Result<_, _>>().map_err(failed)
            })
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get("seq")?,
        at: row.get("at")?,
        door: row.get("door")?,
        actor_kind: row.get("actor_kind")?,
        actor: row.get("actor")?,
        operation: row.get("operation")?,
        resource: row.get("resource")?,
        record: row.get("record")?,
        session_id: row.get("session_id")?,
        worktree_id: row.get("worktree_id")?,
        verdict: row.get("verdict")?,
        needed: row.get("needed")?,
        held: row.get("held")?,
        why: row.get("why")?,
        fields: row.get("fields")?,
        epoch: row.get("epoch")?,
    })
}

/// Writes `entries` into the audit, in the caller's transaction: the guard of the audit lets each
/// in because the connection's memory holds it.
pub(crate) fn append(conn: &Connection, context: &Context, entries: &[Entry]) -> Result<()> {
    const INSERT: &str = "
        INSERT INTO main.acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                                    verdict, needed, held, why, fields, epoch)
        SELECT ifnull((SELECT max(seq) FROM main.acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'),
               acl_entry('actor_kind'), acl_entry('actor'), acl_entry('operation'), acl_entry('resource'),
               acl_entry('record'), acl_entry('session_id'), acl_entry('worktree_id'), acl_entry('verdict'),
               acl_entry('needed'), acl_entry('held'), acl_entry('why'), acl_entry('fields'),
               (SELECT epoch FROM main.acl_epoch)";
    let failed = |error| Error::storage("writing the audit", error);
    for entry in entries {
        context.state().entry = Some(entry.clone());
        let inserted = conn.prepare_cached(INSERT).and_then(|mut insert| insert.execute([]));
        context.state().entry = None;
        if inserted.map_err(failed)? != 1 {
            return Err(Error::broken("an audit row did not stay"));
        }
    }
    Ok(())
}
