//! Lists: filters, an order, a limit, and a cursor that stays right while rows come and go.

use std::fmt::Write as _;
use std::marker::PhantomData;

use rusqlite::Row;
use rusqlite::types::{Value, ValueRef};

use super::read::Stored;
use crate::error::{Error, Result};
use crate::operation::Action;
use crate::record::{Time, check_id};
use crate::store::{ReadTx, op, traced};

/// How many records a page holds where the query does not say.
const DEFAULT_LIMIT: u32 = 100;
/// How many records a page holds at most.
const MAX_LIMIT: u32 = 1000;

/// One page of a list: what the caller may view of what the query asks for, and nothing else.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The records, in the query's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` where this is the last one.
    pub next: Option<Cursor>,
    /// How many records the whole query has for this caller; `None` where it was not asked for. Rows that
    /// can't be read count.
    pub total: Option<u64>,
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
    value: Place,
    id: Place,
}

/// A value in the order of a list. In a sound row it is an integer, and its id text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Integer(i64),
    /// The bits of a number that is no integer.
    Real(u64),
    Text(String),
    Blob(Vec<u8>),
}

impl Place {
    fn read(row: &Row<'_>, index: usize) -> Result<Self> {
        let failed = |error| Error::storage("the order of a list", error);
        Ok(match row.get_ref(index).map_err(failed)? {
            // NULL comes before everything else.
            ValueRef::Null => Self::Integer(i64::MIN),
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Real(number) => Self::Real(number.to_bits()),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_owned()),
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(bits) => Value::Real(f64::from_bits(*bits)),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Blob(bytes) => Value::Blob(bytes.clone()),
        }
    }

    /// A letter for the type and hexadecimal digits; an integer is itself.
    fn parse(word: &str) -> Option<Self> {
        let bytes = |digits: &str| -> Option<Vec<u8>> {
            let pairs = digits.as_bytes().chunks(2).map(str::from_utf8);
            pairs.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
        };
        Some(match (word.get(..1)?, word.get(1..)?) {
            ("r", bits) => Self::Real(u64::from_str_radix(bits, 16).ok()?),
            ("t", digits) => Self::Text(String::from_utf8(bytes(digits)?).ok()?),
            ("b", digits) => Self::Blob(bytes(digits)?),
            _ => Self::Integer(word.parse().ok()?),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (letter, bytes) = match self {
            Self::Integer(number) => return write!(f, "{number}"),
            Self::Real(bits) => return write!(f, "r{bits:x}"),
            Self::Text(text) => ('t', text.as_bytes()),
            Self::Blob(bytes) => ('b', &bytes[..]),
        };
        write!(f, "{letter}")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.id {
            Place::Text(id) => write!(f, "{}.{id}", self.value),
            odd => write!(f, "{}:{odd}", self.value),
        }
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (value, id) = text.split_at_checked(text.find(['.', ':'])?)?;
            let id = match id.strip_prefix('.') {
                Some(id) => Place::Text(id.to_owned()),
                None => Place::parse(id.get(1..)?)?,
            };
            Some(Self { value: Place::parse(value)?, id })
        };
        parts().ok_or_else(|| Error::invalid("cursor", "is not one that a page gave"))
    }
}

/// Which records of one kind to list: [`TaskQuery`](crate::TaskQuery) and its likes.
///
/// A query of ids that the caller may not view finds nothing, as one of ids that never were.
#[derive(Debug, Clone)]
#[must_use]
pub struct Query<R> {
    conditions: Vec<String>,
    params: Vec<Value>,
    /// The ids that it asks for, with the columns that hold them.
    ids: Vec<(&'static str, String)>,
    /// The integer column that orders the list.
    key: &'static str,
    order: Order,
    limit: Option<u32>,
    cursor: Option<Cursor>,
    total: bool,
    record: PhantomData<fn() -> R>,
}

impl<R> Default for Query<R> {
    fn default() -> Self {
        Self {
            conditions: Vec::new(),
            params: Vec::new(),
            ids: Vec::new(),
            key: "created_at",
            order: Order::default(),
            limit: None,
            cursor: None,
            total: false,
            record: PhantomData,
        }
    }
}

impl<R> Query<R> {
    /// Everything that the caller may view, in the default order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which end the list begins with. Default: the oldest.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many records a page holds: 1 to 1000. Default: 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only records created at this moment or later.
    pub fn created_from(mut self, time: Time) -> Self {
        self.with("t.created_at >= ?", time.as_millis());
        self
    }

    /// Only records created before this moment.
    pub fn created_before(mut self, time: Time) -> Self {
        self.with("t.created_at < ?", time.as_millis());
        self
    }

    /// Whether the page tells how many records the whole query has. Default: no, for that reads them all.
    pub fn total(mut self, total: bool) -> Self {
        self.total = total;
        self
    }

    /// Where the page begins: the `next` of the page before, of the same query.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Orders the list by `key`, an integer column, instead of the time of creation.
    pub(super) fn ordered_by(&mut self, key: &'static str) {
        self.key = key;
    }

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
}

#[expect(private_bounds, reason = "nobody else implements `Stored`")]
impl<R: Stored> Query<R> {
    /// The page that the actor may view.
    pub(super) fn page(&self, tx: &ReadTx<'_>) -> Result<Page<R>> {
        traced(op(R::RESOURCE, Action::Get), || self.run(tx))
    }

    /// The SQL of the page and its parameters.
    pub(super) fn sql(&self) -> Result<(String, Vec<Value>, usize)> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        let key = self.key;
        for (column, id) in &self.ids {
            check_id(column, id)?;
        }
        let (mut conditions, mut params) = (self.filter(), self.params.clone());
        let (after, direction) = match self.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        if let Some(cursor) = &self.cursor {
            let at = params.len();
            params.extend([cursor.value.value(), cursor.id.value()]);
            conditions.insert(0, format!("(t.{key}, t.{}) {after} (?{}, ?{})", R::KEY, at + 1, at + 2));
        }
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

    /// The conditions of the query, and at last the one that the actor may read the row.
    fn filter(&self) -> Vec<String> {
        let mut conditions = self.conditions.clone();
        conditions.push(R::may_get("acl_may_get"));
        conditions
    }

    /// How many records the query has for this actor, whatever the page.
    fn count(&self, tx: &ReadTx<'_>) -> Result<u64> {
        let failed = |error| Error::storage(format!("counting {}s", R::RESOURCE), error);
        let sql = format!("SELECT count(*) FROM {} WHERE {}", R::FROM, self.filter().join(" AND "));
        let count = tx.rows("count", &sql, &self.params, |row| row.get::<_, i64>(0).map_err(failed))?;
        Ok(count.first().copied().unwrap_or_default().unsigned_abs())
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Page<R>> {
        let (sql, params, limit) = self.sql()?;
        let mut rows = tx.rows(&format!("list {}s", R::RESOURCE), &sql, &params, |row| {
            let cursor = Cursor { value: Place::read(row, 0)?, id: Place::read(row, 1)? };
            Ok((cursor, R::from_row(row, 2)))
        })?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        let mut page = Page { items: Vec::with_capacity(rows.len()), next, total: None, unreadable: Vec::new() };
        if self.total {
            page.total = Some(self.count(tx)?);
        }
        for (_, record) in rows {
            match record {
                Ok(record) => page.items.push(record),
                Err(error) => page.unreadable.push(error),
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::record::{Message, Session, Task, Worktree};
    use crate::store::Store;

    /// The plan of a page, a step a line.
    #[track_caller]
    fn plan<R: Stored>(query: &Query<R>) -> String {
        let store = Store::open(":memory:").unwrap();
        let steps = store.read(&Actor::user("u-1"), |tx| {
            let (sql, params, _) = query.sql()?;
            tx.rows("a plan", &format!("EXPLAIN QUERY PLAN {sql}"), &params, |row| Ok(row.get::<_, String>(3).unwrap()))
        });
        steps.unwrap().join("\n")
    }

    #[track_caller]
    fn check<R: Stored>(query: Query<R>, index: &str, sorts: bool) {
        let (key, plan) = (query.key, plan(&query));
        let step = plan.lines().find(|step| step.contains(" t ") || step.ends_with(" t")).unwrap_or_default();
        assert!(step.contains(index), "{} by {key}: `{step}` lacks `{index}` in\n{plan}", R::TABLE);
        assert_eq!(plan.contains("TEMP B-TREE"), sorts, "{plan}");
        // Everything else is looked up by key, row by row: parents, access, rule.
        for other in plan.lines().filter(|other| *other != step) {
            assert!(!other.contains("SCAN") || other.contains("CONSTANT ROW"), "`{other}` in\n{plan}");
        }
    }

    fn filtered<R>(filters: &[(&str, &str)]) -> Query<R> {
        let mut query = Query::default();
        for (condition, value) in filters {
            query.with(condition, (*value).to_owned());
        }
        query
    }

    #[test]
    fn every_list_is_served_by_an_index() {
        fn all_ways<R: Stored>(index: &str) {
            let cursor = Cursor { value: Place::Integer(1), id: Place::Text("x".to_owned()) };
            for query in [Query::new(), Query::new().order(Order::Descending), Query::new().after(cursor)] {
                check::<R>(query, index, true);
            }
        }
        all_ways::<Task>("tasks_created_idx");
        all_ways::<Session>("sessions_created_idx");
        all_ways::<Worktree>("worktrees_created_idx");
        all_ways::<Message>("messages_created_idx");
        check(Query::<Task>::new().session("s"), "tasks_session_created_idx", true);
        check(Query::<Message>::new().session("s"), "messages_session_index_idx", true);
        check::<Message>(filtered(&[("t.task_id = ?", "t")]), "messages_task_id_idx", true);
        check::<Session>(filtered(&[("t.worktree_id = ?", "w")]), "sessions_worktree_idx", true);
        check::<Worktree>(filtered(&[("t.repo_id = ?", "r")]), "worktrees_repo_idx", true);
    }
}
