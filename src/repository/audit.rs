//! Reading the audit.

use crate::audit::AuditRow;
use crate::error::{Error, Result};
use crate::operation::{Action, Resource};
use crate::store::{ReadTx, op, traced};
use crate::verdict;

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
    /// ```
    #[doc = include_str!("../example.txt")]
    /// assert!(store.write(&cy, |tx| tx.tasks().remove("t-1")).is_err());
    /// let rows = store.read(&daemon, |tx| tx.audit().tail(1))?;
    /// assert_eq!((rows[0].actor.as_str(), rows[0].verdict.as_str()), ("cy", "denied"));
    /// # Ok::<(), aclite::Error>(())
    /// ```
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
            self.tx.as_aclite(|| {
                let mut rows = self.tx.raw().prepare_cached(sql).map_err(failed)?;
                let rows = rows.query_map((seq, limit), AuditRow::read).map_err(failed)?;
                rows.collect::<Result<_, _>>().map_err(failed)
            })
        })
    }
}
