//! The private reader: a connection of its own on the file, which reads for one actor and filters every row.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params};

use super::memo::{Memo, Visible};
use super::plan::{Plan, Query, Run};
use super::tables::{Kind, REDACT_SESSION, REDACT_USER, SHOWN, TABLES, Table, redact};
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::facts::Affinity;
use crate::guard::affinity;
use crate::record::shown;
use crate::store::{Conn, verify_file};
use crate::verdict;

/// From one visible worktree in so many on, rows are reached from the visible ones.
const SPARSE: usize = 8;

/// The private reader of a sealed connection.
#[derive(Debug)]
pub(crate) struct Reader {
    conn: Conn,
    memo: Arc<Memo>,
    executor: bool,
    /// For each table, which columns of the file compare as those that we show.
    exact: Vec<Vec<bool>>,
}

impl Reader {
    /// Opens the file `path` for `actor`. The file's guards are checked, as a store does when it opens one.
    ///
    /// # Errors
    /// `NotAuthenticated` for nobody; `Tampered`, `Incompatible`; `Invalid` where no file holds the database; `Busy`, `Storage`.
    pub(crate) fn open(path: &Path, actor: &Actor, busy: Duration) -> Result<Self> {
        verdict::signed_in(actor)?;
        if path == Path::new(":memory:") || path.as_os_str().is_empty() {
            return Err(Error::invalid("store", "is in memory: only one that a file holds can be sealed"));
        }
        let conn = Conn::open(path, false, busy)?;
        verify_file(&conn.raw)?;
        let memo = Arc::new(Memo::new(actor));
        let failed = |error| Error::of_file("opening a sealed reader", error);
        prepare(&conn.raw, &memo).map_err(failed)?;
        let exact = TABLES.iter().map(|table| exact(&conn.raw, table)).collect::<Result<_, _>>().map_err(failed)?;
        conn.context.bind(actor);
        Ok(Self { conn, memo, executor: matches!(actor, Actor::Executor { .. }), exact })
    }

    pub(super) fn raw(&self) -> &Connection {
        &self.conn.raw
    }

    pub(super) fn exact(&self, table: &Table) -> &[bool] {
        self.exact.get(table.number()).map_or(&[], Vec::as_slice)
    }

    /// Begins to read: one snapshot until [`Reader::end`].
    pub(super) fn begin(&self) -> Result<()> {
        let failed = |error| Error::of_file("beginning to read", error);
        self.execute("BEGIN").map_err(failed)?;
        // The first read is what takes the snapshot.
        let epoch = self
            .raw()
            .prepare_cached("SELECT epoch, EXISTS (SELECT 1 FROM main.acl_actor_facts) FROM main.acl_epoch")
            .and_then(|mut epoch| epoch.query_row([], |row| Ok((row.get(0)?, row.get(1)?))));
        match epoch {
            Ok((epoch, is_user)) => {
                self.memo.start(epoch, is_user);
                Ok(())
            }
            Err(error) => {
                self.end();
                Err(failed(error))
            }
        }
    }

    /// Which commit of another connection the reader sees.
    pub(super) fn version(&self) -> Result<i64> {
        self.raw()
            .prepare_cached("PRAGMA main.data_version")
            .and_then(|mut version| version.query_row([], |row| row.get(0)))
            .map_err(|error| Error::of_file("reading the version", error))
    }

    /// Gives the snapshot up.
    pub(super) fn end(&self) {
        if !self.raw().is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a sealed reader keeps its snapshot");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.raw().prepare_cached(sql)?.execute([]).map(drop)
    }

    /// The statement that does this plan.
    pub(super) fn query(&self, table: &Table, plan: &Plan, run: &Run) -> Query {
        Query::new(table, plan, run, self.executor)
    }

    /// The visible worktrees, as a JSON array.
    pub(super) fn worktrees(&self, table: &Table) -> Result<String> {
        // An executor reads in its own session alone (`verdict/scope.rs`), which its statements find by its id. Were
        // that to change, it would be shown too little here, and tests would say so.
        if self.executor { Ok("[]".to_owned()) } else { self.visible(table).map(|visible| visible.worktrees) }
    }

    /// Whether the rows are better reached from the visible worktrees than tried one after the other.
    ///
    /// Trying all finds one row in `all / count`; reaching sorts one row in `all / count` of the table.
    pub(super) fn reaches(&self, table: &Table, plan: &Plan, skipped: u64, limit: Option<i64>) -> Result<bool> {
        if table.join_path.is_none() || plan.is_narrow(table, skipped) {
            return Ok(false);
        }
        if self.executor {
            return Ok(true);
        }
        let visible = self.visible(table)?;
        if visible.count.saturating_mul(SPARSE) > visible.all {
            return Ok(false);
        }
        let Some(limit) = limit.filter(|limit| *limit >= 0) else { return Ok(true) };
        let sql = format!("SELECT max(rowid) FROM main.{}", table.name);
        let rows: Option<i64> = self
            .raw()
            .prepare_cached(&sql)
            .and_then(|mut rows| rows.query_row([], |row| row.get(0)))
            .map_err(|error| Error::of_file("reading a table's size", error))?;
        let share = visible.all / visible.count.max(1);
        let tried = limit.saturating_mul(i64::try_from(share.saturating_mul(share)).unwrap_or(i64::MAX));
        Ok(tried >= rows.unwrap_or_default())
    }

    /// The worktrees in which rows of this table may be got, the actor's own or others', by the verdict on each.
    fn visible(&self, table: &Table) -> Result<Visible> {
        if let Some(known) = self.memo.visible(table.number()) {
            return Ok(known);
        }
        let Some(join_path) = &table.join_path else { return Err(Error::broken("a table hangs on no worktree")) };
        let failed = |error| Error::of_file("finding the visible worktrees", error);
        let sql = format!("SELECT {}, {} FROM {}", table.worktree, (table.may_get)("acl_may_get"), join_path.world);
        let mut statement = self.raw().prepare_cached(&sql).map_err(failed)?;
        let (mut ids, mut all) = (std::collections::BTreeSet::new(), 0);
        let me = self.conn.context.state().actor.as_ref().and_then(|actor| actor.user_id().map(ToString::to_string));
        // No session has this id: an executor's own is found by its id.
        for creator in [None, me] {
            let mut rows = statement.query(params![creator, ""]).map_err(failed)?;
            all = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                all += 1;
                if let (ValueRef::Text(id), true) = (row.get_ref(0).map_err(failed)?, row.get(1).map_err(failed)?) {
                    ids.insert(String::from_utf8_lossy(id).into_owned());
                }
            }
        }
        let worktrees = serde_json::to_string(&ids).map_err(|error| Error::storage("the visible worktrees", error))?;
        let visible = Visible { worktrees, count: ids.len(), all };
        self.memo.set_visible(table.number(), visible.clone());
        Ok(visible)
    }
}

/// The settings of a reader, and the functions that its statements call. No SQL but ours runs on it.
fn prepare(conn: &Connection, memo: &Arc<Memo>) -> rusqlite::Result<()> {
    conn.pragma_update(None, "query_only", true)?;
    // What a sort does not hold in memory goes to a file.
    conn.pragma_update(None, "temp_store", "FILE")?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let known = Arc::clone(memo);
    conn.create_scalar_function("acl_known", 4, flags, move |call| Ok(known.recall(call)))?;
    let known = Arc::clone(memo);
    conn.create_scalar_function("acl_learn", 5, flags, move |call| Ok(known.learn(call)))?;
    for name in [REDACT_USER, REDACT_SESSION] {
        conn.create_scalar_function(name, 1, flags, move |call| {
            Ok(call.get_raw(0).as_str().ok().and_then(|text| redact(name, text)))
        })?;
    }
    conn.create_scalar_function(SHOWN, 1, flags, |call| {
        // As a rule there is nothing to do, and SQLite passes its own value on.
        let shown = call.get_raw(0).as_str().ok().and_then(shown);
        Ok(shown.map_or(ToSqlOutput::Arg(0), ToSqlOutput::from))
    })
}

/// Which columns of `table` have the affinity that we declare: for any other SQLite compares in other ways.
fn exact(conn: &Connection, table: &Table) -> rusqlite::Result<Vec<bool>> {
    let mut types = conn.prepare("SELECT name, type FROM pragma_table_xinfo(?1, 'main')")?;
    let types: Vec<(String, String)> =
        types.query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let is = |kind: Kind, declared: &str| {
        let affinity = affinity(declared);
        match kind {
            Kind::Integer => affinity == Affinity::Integer,
            Kind::Text => affinity == Affinity::Text,
            Kind::Data | Kind::Redacted(_) => false,
        }
    };
    let found = |column: &super::tables::Column| {
        types.iter().any(|(name, declared)| name.eq_ignore_ascii_case(column.name) && is(column.kind, declared))
    };
    Ok(table.columns.iter().map(found).collect())
}
