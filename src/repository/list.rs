//! Lists: filters, an order, a limit, and a cursor that stays right while rows come and go.

use std::fmt::Write as _;

use rusqlite::types::Value;

use super::read::Stored;
use crate::error::{Error, Result};
use crate::operation::Action;
use crate::record::check_id;
use crate::store::{ReadTx, op, traced};

/// How many records a page holds where the query does not say.
const DEFAULT_LIMIT: u32 = 100;
/// How many records a page holds at most.
const MAX_LIMIT: u32 = 1000;

/// One page of a list: what the caller may view of what the query asks for, and nothing else.
#[derive(Debug)]
pub struct Page<T> {
    /// The records, in the query's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` where this is the last one.
    pub next: Option<Cursor>,
    /// A [`Storage`](crate::Error::Storage) error for each row of the page that can't be read. It
    /// harms no other row.
    pub unreadable: Vec<Error>,
}

/// Whether a list begins with the oldest or the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The oldest first; messages of a session by their index.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// Where a page begins: after the last record of the page before, whatever has come or gone since.
///
/// Text that a client can keep; it says nothing that the page before did not.
///
/// ```
/// use aclite::Cursor;
/// assert!("17.t-1".parse::<Cursor>().is_ok());
/// assert!("nonsense".parse::<Cursor>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    value: i64,
    id: String,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.value, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.').and_then(|(value, id)| Some((value.parse().ok()?, id.to_owned())));
        let (value, id) = parts.ok_or_else(|| Error::invalid("cursor", "is not one that a page gave"))?;
        Ok(Self { value, id })
    }
}

/// What every query has: conditions with their values, an order, a limit, a cursor.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    conditions: Vec<String>,
    params: Vec<Value>,
    /// The ids that it asks for, with the columns that hold them.
    ids: Vec<(&'static str, String)>,
    pub(super) order: Order,
    pub(super) limit: Option<u32>,
    pub(super) cursor: Option<Cursor>,
}

impl Query {
    /// Adds a condition; `?` in it stands for `value`.
    pub(super) fn with(&mut self, condition: &str, value: impl Into<Value>) {
        self.params.push(value.into());
        self.conditions.push(condition.replace('?', &format!("?{}", self.params.len())));
    }

    /// Adds the condition that `column` holds this id, which is checked when the query is used.
    pub(super) fn of(&mut self, column: &'static str, id: &str) {
        self.with(&format!("t.{column} = ?"), id.to_owned());
        self.ids.push((column, id.to_owned()));
    }

    /// Adds the condition that `column` is one of `values`; no value matches nothing.
    pub(super) fn one_of<'a>(&mut self, column: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut list = String::new();
        for value in values {
            self.params.push(Value::Text(value.to_owned()));
            let comma = if list.is_empty() { "" } else { ", " };
            // Writing to a String can't fail.
            let _ = write!(list, "{comma}?{}", self.params.len());
        }
        self.conditions.push(format!("{column} IN ({list})"));
    }

    /// The page of `R` that the actor may view, ordered by `key`, an integer column, and the id.
    pub(super) fn page<R: Stored>(&self, tx: &ReadTx<'_>, key: &str) -> Result<Page<R>> {
        traced(op(R::RESOURCE, Action::Get), || self.run(tx, key))
    }

    /// The SQL of the page and its parameters.
    pub(super) fn sql<R: Stored>(&self, key: &str) -> Result<(String, Vec<Value>, usize)> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        for (column, id) in &self.ids {
            check_id(column, id)?;
        }
        let (mut conditions, mut params) = (self.conditions.clone(), self.params.clone());
        let (after, direction) = match self.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        if let Some(cursor) = &self.cursor {
            let at = params.len();
            params.extend([Value::Integer(cursor.value), Value::Text(cursor.id.clone())]);
            conditions.push(format!("(t.{key}, t.{}) {after} (?{}, ?{})", R::KEY, at + 1, at + 2));
        }
        conditions.push(R::may_get("acl_may_get"));
        // One more than asked for tells whether there is a next page.
        params.push(Value::Integer(i64::from(limit) + 1));
        let sql = format!(
            "SELECT t.{key}, t.{id}, {columns} FROM {from} WHERE {filter}
             ORDER BY t.{key} {direction}, t.{id} {direction} LIMIT ?{last}",
            id = R::KEY,
            columns = R::select_list("t"),
            from = R::FROM,
            filter = conditions.join(" AND "),
            last = params.len(),
        );
        Ok((sql, params, limit as usize))
    }

    fn run<R: Stored>(&self, tx: &ReadTx<'_>, key: &str) -> Result<Page<R>> {
        let (sql, params, limit) = self.sql::<R>(key)?;
        let mut rows = tx.rows(&format!("list {}s", R::RESOURCE), &sql, &params, |row| {
            let failed = |error| Error::storage(format!("the order of a {}", R::RESOURCE), error);
            let cursor = Cursor { value: row.get(0).map_err(failed)?, id: row.get(1).map_err(failed)? };
            Ok((cursor, R::from_row(row, 2)))
        })?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        let mut page = Page { items: Vec::with_capacity(rows.len()), next, unreadable: Vec::new() };
        for (_, record) in rows {
            match record {
                Ok(record) => page.items.push(record),
                Err(error) => page.unreadable.push(error),
            }
        }
        Ok(page)
    }
}

/// The methods that every query has.
macro_rules! paging {
    ($query:ident) => {
        impl $query {
            /// Everything that the caller may view, in the default order.
            pub fn new() -> Self {
                Self::default()
            }

            /// Which end the list begins with. Default: the oldest.
            pub fn order(mut self, order: $crate::repository::Order) -> Self {
                self.query.order = order;
                self
            }

            /// How many records a page holds: 1 to 1000. Default: 100.
            pub fn limit(mut self, limit: u32) -> Self {
                self.query.limit = Some(limit);
                self
            }

            /// Where the page begins: the `next` of the page before, of the same query.
            pub fn after(mut self, cursor: $crate::repository::Cursor) -> Self {
                self.query.cursor = Some(cursor);
                self
            }
        }
    };
}
pub(super) use paging;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::record::{Message, Session, Task, Worktree};
    use crate::store::Store;

    /// The plan of a page, a step a line.
    #[track_caller]
    fn plan<R: Stored>(query: &Query, key: &str) -> String {
        let store = Store::open(":memory:").unwrap();
        let steps = store.read(&Actor::user("u-1"), |tx| {
            let (sql, params, _) = query.sql::<R>(key)?;
            tx.rows("a plan", &format!("EXPLAIN QUERY PLAN {sql}"), &params, |row| Ok(row.get::<_, String>(3).unwrap()))
        });
        steps.unwrap().join("\n")
    }

    #[track_caller]
    fn check<R: Stored>(query: &Query, key: &str, index: &str, sorts: bool) {
        let plan = plan::<R>(query, key);
        let step = plan.lines().find(|step| step.contains(" t ") || step.ends_with(" t")).unwrap_or_default();
        assert!(step.contains(index), "{} by {key}: `{step}` lacks `{index}` in\n{plan}", R::TABLE);
        assert_eq!(plan.contains("TEMP B-TREE"), sorts, "{plan}");
        // Everything else is looked up by key, row by row: parents, access, rule.
        for other in plan.lines().filter(|other| *other != step) {
            assert!(!other.contains("SCAN") || other.contains("CONSTANT ROW"), "`{other}` in\n{plan}");
        }
    }

    fn filtered(filters: &[(&str, &str)]) -> Query {
        let mut query = Query::default();
        for (condition, value) in filters {
            query.with(condition, (*value).to_owned());
        }
        query
    }

    #[test]
    fn every_list_is_served_by_an_index() {
        let all = Query::default();
        let newest = Query { order: Order::Descending, ..Query::default() };
        let next = Query { cursor: Some(Cursor { value: 1, id: "x".to_owned() }), ..Query::default() };
        let of_session = filtered(&[("t.session_id = ?", "s")]);
        for query in [&all, &newest, &next] {
            check::<Task>(query, "created_at", "tasks_created_idx", true);
            check::<Session>(query, "created_at", "sessions_created_idx", true);
            check::<Worktree>(query, "created_at", "worktrees_created_idx", true);
            check::<Message>(query, "created_at", "messages_created_idx", true);
        }
        check::<Task>(&of_session, "created_at", "tasks_session_idx", true);
        check::<Message>(&of_session, "\"index\"", "messages_session_index_idx", true);
        check::<Message>(&filtered(&[("t.task_id = ?", "t")]), "created_at", "messages_task_id_idx", true);
        check::<Session>(&filtered(&[("t.worktree_id = ?", "w")]), "created_at", "sessions_worktree_idx", true);
        check::<Worktree>(&filtered(&[("t.repo_id = ?", "r")]), "created_at", "worktrees_repo_idx", true);
    }
}
