//! Reading a record from a row of its table.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::column::{Column, Field};
use super::data::Data;
use super::{Record, column};
use crate::error::{Error, Result};
use crate::facts::StoredRow;

/// Where the columns of a record are.
#[derive(Clone, Copy)]
pub(crate) enum Source<'r> {
    /// In a row of a query, the first at this place.
    Row(&'r Row<'r>, usize),
    /// In the row that a statement has just stored.
    Stored(&'r StoredRow),
}

impl<'r> Source<'r> {
    /// The column at this place of a record's list.
    fn get(self, place: usize, column: &str) -> rusqlite::Result<ValueRef<'r>> {
        match self {
            Self::Row(row, offset) => row.get_ref(offset + place),
            Self::Stored(stored) => stored
                .get(column, place)
                .map(ValueRef::from)
                .ok_or_else(|| rusqlite::Error::InvalidColumnName(column.to_owned())),
        }
    }
}

/// Reads the columns of a record one after the other.
pub(super) struct Reader<'r> {
    source: Source<'r>,
    record: &'static str,
    columns: &'static [Column],
    next: usize,
}

impl<'r> Reader<'r> {
    /// Reads an `R`.
    pub(super) fn new<R: Record>(source: Source<'r>) -> Self {
        Self { source, record: R::RESOURCE.as_str(), columns: R::COLUMNS, next: 0 }
    }

    /// The next column.
    pub(super) fn field<T: Field>(&mut self) -> Result<T> {
        let value = self.value()?;
        let free = self.columns.get(self.next).is_some_and(|column| column.free);
        let read = if free { T::read_free(value) } else { T::read(value) };
        let field = read.map_err(|_| self.broken(&format!("is not {}", T::KIND.stored_as())))?;
        self.next += 1;
        Ok(field)
    }

    /// The last column, `data`, without `secrets`.
    pub(super) fn data<R: Record>(self, secrets: &[&str]) -> Result<Data> {
        // What can't be read of it is said to whoever asks for it: no row is beyond ending for its `data`.
        Ok(column::text(self.value()?).map_or_else(|_| Data::no_text::<R>(), |text| Data::of::<R>(text, secrets)))
    }

    fn value(&self) -> Result<ValueRef<'r>> {
        let column = self.columns.get(self.next).map_or("", |column| column.name);
        self.source.get(self.next, column).map_err(|error| self.failed(error))
    }

    fn broken(&self, problem: &str) -> Error {
        Error::broken(format!("{} {problem}", self.place()))
    }

    fn failed(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::storage(self.place(), error)
    }

    /// The record and the column at which the reader is.
    fn place(&self) -> String {
        // The key comes first; where it is the unreadable one, the rest of the message stands.
        let key = self.columns.first().map_or("", |column| column.name);
        let id = self.source.get(0, key).ok().and_then(|id| column::text(id).ok()).unwrap_or("?");
        let column = self.columns.get(self.next).map_or("?", |column| column.name);
        format!("{} `{id}`: column `{column}`", self.record)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::Connection;

    use super::super::{Session, Task, WorktreeOwner};
    use super::*;

    /// Reads an `R` from a row of these SQL expressions, after one column that is not its own.
    pub(crate) fn read<R: Record>(values: &str) -> Result<R> {
        read_with(values, R::read)
    }

    pub(crate) fn read_with<R: Record>(values: &str, read: impl Fn(Source<'_>) -> Result<R>) -> Result<R> {
        let db = Connection::open_in_memory().unwrap();
        let mut statement = db.prepare(&format!("SELECT 'not ours', {values}")).unwrap();
        assert_eq!(statement.column_count(), 1 + R::COLUMNS.len(), "{values}");
        let mut rows = statement.query([]).unwrap();
        read(Source::Row(rows.next().unwrap().unwrap(), 1))
    }

    #[test]
    fn an_unreadable_column_is_named() {
        let deep = format!(r#"'{{"a":{}{}}}'"#, "[".repeat(200), "]".repeat(200));
        for (values, message) in [
            (
                "'t-1', 's-1', 'x', NULL, NULL, 'running', 'u-1', '{}'",
                "task `t-1`: column `created_at` is not integer milliseconds",
            ),
            (
                "'t-1', 's-1', 1.5, NULL, NULL, 'running', 'u-1', '{}'",
                "task `t-1`: column `created_at` is not integer milliseconds",
            ),
            (
                "'t-1', NULL, 1, NULL, NULL, 'running', 'u-1', '{}'",
                "task `t-1`: column `session_id` is not text without NUL",
            ),
            ("7, 's-1', 1, NULL, NULL, 'running', 'u-1', '{}'", "task `?`: column `task_id` is not text without NUL"),
            (
                "'t-1', 's-1', 1, NULL, NULL, 'a'||char(0), 'u-1', '{}'",
                "task `t-1`: column `status` is not text without NUL",
            ),
            ("'t-1', 's-1', 1, NULL, NULL, x'ff', 'u-1', '{}'", "task `t-1`: column `status` is not text without NUL"),
            (
                "'t-1', 's-1', 1, NULL, NULL, CAST(x'ff' AS TEXT), 'u-1', '{}'",
                "task `t-1`: column `status` is not text without NUL",
            ),
            (
                "'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', NULL",
                "task `t-1`: column `data` is not text without NUL",
            ),
            (
                "'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', '[\"secret\"]'",
                "task `t-1`: column `data` is not a JSON object",
            ),
            (
                "'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', '\"secret\"'",
                "task `t-1`: column `data` is not a JSON object",
            ),
            (
                "'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', '{\"a\":'",
                "task `t-1`: column `data`: a value is missing at byte 5",
            ),
            (
                &format!("'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', {deep}"),
                "task `t-1`: column `data`: nested deeper than 127 levels at byte 131",
            ),
        ] {
            // What is wrong with `data` is told when that is asked for, or written as JSON.
            let told = |task: Task| {
                assert_eq!(serde_json::to_string(&task).unwrap_err().to_string(), message);
                task.data().map(drop)
            };
            let error = read(values).and_then(told).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("storage", message));
        }
    }

    #[test]
    fn keys_that_are_columns_are_not_read_from_data() {
        let task: Task = read(
            r#"'t-1', 's-1', 1, NULL, NULL, 'running', 'u-1', '{"b":1,"status":"completed","task_id":"t-2","data":{},"a":2}'"#,
        )
        .unwrap();
        assert_eq!(serde_json::to_string(task.data().unwrap()).unwrap(), r#"{"b":1,"a":2}"#);
        assert_eq!(task.status, super::super::TaskStatus::Running);
    }

    #[test]
    fn a_select_lists_every_column_quoted() {
        assert_eq!(WorktreeOwner::select_list("o"), r#"o."worktree_id", o."user_id", o."created_at""#);
        assert!(Task::select_list("t").starts_with(r#"t."task_id", t."session_id", "#));
        assert!(Session::select_list("s").ends_with(r#", s."data""#));
    }
}
