//! What a creation or a patch holds, however it was built.

use std::borrow::Cow;
use std::fmt;

use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::Record;
use super::column::{Column, Field, Kind};
use super::given::GivenData;
use crate::error::{Error, Invalid, Result};
use crate::json::{self, MAX_DEPTH, Object};
use crate::merge;

const TOO_DEEP: &str = "is nested deeper than 127 levels";

/// Values for the columns of one table, and keys for its `data`.
#[derive(Clone)]
pub(crate) struct Fields {
    table: &'static [Column],
    /// Columns that are written and never read.
    write_only: &'static [Column],
    /// In the order of the table, each once; never `data`.
    pub(crate) columns: Vec<(&'static Column, Sql)>,
    /// The keys of `data`; none is a column's name.
    pub(crate) data: GivenData,
}

impl Fields {
    /// Nothing yet, for the table of `R`.
    pub(crate) fn new<R: Record>() -> Self {
        Self { table: R::COLUMNS, write_only: R::WRITE_ONLY, columns: Vec::new(), data: GivenData::default() }
    }

    /// The fields in a JSON object: keys that are columns, and all others for `data`. `what` is the
    /// name of the whole in errors.
    ///
    /// # Errors
    /// `Invalid`, naming the field, where a value is of the wrong type or breaks a limit.
    fn parse<R: Record>(what: &str, value: Value) -> Result<Self> {
        if !nests_within(&value, MAX_DEPTH) {
            dismantle(value);
            return Err(Error::invalid(what, TOO_DEEP));
        }
        let Value::Object(object) = value else {
            return Err(Error::invalid(what, "must be a JSON object"));
        };
        let mut fields = Self::new::<R>();
        for (key, value) in object {
            fields.put(key, value)?;
        }
        Ok(fields)
    }

    fn parse_str<R: Record>(what: &str, text: &str) -> Result<Self> {
        merge::check_object(text).map_err(|problem| Error::invalid(what, format!("can't be used: {problem}")))?;
        let object = Object::parse(text).map_err(|_| Error::invalid(what, "is not JSON"))?;
        let mut fields = Self::new::<R>();
        for (key, value) in object.entries {
            let name = key.name();
            match fields.column(&name) {
                Some(column) if !column.free && !matches!(json::repaired(value), Some(Cow::Borrowed(_))) => {
                    return Err(Error::invalid(name, "may not hold a lone surrogate"));
                }
                None if fields.has_data() => fields.data.insert_text(key, value),
                _ => fields.put(name, json::parse(value).unwrap_or_default())?,
            }
        }
        Ok(fields)
    }

    /// Takes one key of a JSON object that nests within the limit.
    fn put(&mut self, key: String, value: Value) -> Result<()> {
        match self.column(&key) {
            Some(column) => {
                let value = column.convert(value).map_err(|problem| Error::invalid(key, problem))?;
                self.place(column, value);
            }
            None if !self.has_data() => return Err(Error::invalid(key, "is no field")),
            None => self.data.insert(&key, value),
        }
        Ok(())
    }

    /// Whether the table has a place for keys that are no columns.
    pub(crate) fn has_data(&self) -> bool {
        self.table.iter().any(|column| column.kind == Kind::Data)
    }

    fn column(&self, name: &str) -> Option<&'static Column> {
        self.table.iter().chain(self.write_only).find(|column| column.name == name)
    }

    /// Whether the table has the column `name`.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.column(name).is_some()
    }

    /// The value for the column `name`, if any.
    pub(crate) fn get(&self, name: &str) -> Option<&Sql> {
        self.columns.iter().find(|(column, _)| column.name == name).map(|(_, value)| value)
    }

    /// Sets the column `name`, which the table must have; `data` has [`Fields::data`].
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Sql>) {
        let column = self.column(name).filter(|column| column.kind != Kind::Data);
        debug_assert!(column.is_some(), "no column `{name}`");
        if let Some(column) = column {
            self.place(column, value.into());
        }
    }

    /// Removes the column `name` and returns its value, if there was one.
    pub(crate) fn take(&mut self, name: &str) -> Option<Sql> {
        let place = self.columns.iter().position(|(column, _)| column.name == name)?;
        Some(self.columns.remove(place).1)
    }

    fn place(&mut self, column: &'static Column, value: Sql) {
        let rank = |name: &str| self.table.iter().chain(self.write_only).position(|column| column.name == name);
        let rank_of_new = rank(column.name);
        let place = self.columns.partition_point(|(known, _)| rank(known.name) < rank_of_new);
        match self.columns.get_mut(place) {
            Some((known, old)) if known.name == column.name => *old = value,
            _ => self.columns.insert(place, (column, value)),
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Fields");
        for (column, value) in &self.columns {
            if self.write_only.contains(column) {
                shown.field(column.name, &format_args!("…"));
            } else {
                shown.field(column.name, value);
            }
        }
        shown.field("data", &self.data).finish()
    }
}

/// Fields under construction: the first error waits until they are used, so that setters chain.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    fields: Fields,
    error: Option<Invalid>,
}

impl Draft {
    pub(super) fn new<R: Record>() -> Self {
        Self { fields: Fields::new::<R>(), error: None }
    }

    pub(super) fn from_json<R: Record>(what: &str, value: Value) -> Result<Self> {
        Ok(Self { fields: Fields::parse::<R>(what, value)?, error: None })
    }

    pub(super) fn from_json_str<R: Record>(what: &str, text: &str) -> Result<Self> {
        Ok(Self { fields: Fields::parse_str::<R>(what, text)?, error: None })
    }

    /// Sets a column from the Rust type that it has.
    pub(super) fn with(mut self, name: &'static str, value: impl Field) -> Self {
        let value = value.into_sql();
        let column = self.fields.column(name);
        match column.map_or(Ok(()), |column| column.check(&value)) {
            Ok(()) => self.fields.set(name, value),
            Err(problem) => self.fail(Error::invalid(name, problem)),
        }
        self
    }

    /// Sets a key as JSON would.
    pub(super) fn set(mut self, key: String, value: Value) -> Self {
        if !nests_within(&value, MAX_DEPTH - 1) {
            dismantle(value);
            self.fail(Error::invalid(key, TOO_DEEP));
        } else if let Err(error) = self.fields.put(key, value) {
            self.fail(error);
        }
        self
    }

    pub(super) fn into_fields(self) -> Result<Fields> {
        match self.error {
            Some(invalid) => Err(Error::Invalid(Box::new(invalid))),
            None => Ok(self.fields),
        }
    }

    fn fail(&mut self, error: Error) {
        if let (None, Error::Invalid(invalid)) = (&self.error, error) {
            self.error = Some(*invalid);
        }
    }
}

/// Whether `value` has at most `levels` levels of arrays and objects. A loop, for a value built in
/// memory may be deeper than the stack.
fn nests_within(value: &Value, levels: usize) -> bool {
    let mut open = vec![(value, 0)];
    while let Some((value, above)) = open.pop() {
        let depth = above + 1;
        match value {
            Value::Array(_) | Value::Object(_) if depth > levels => return false,
            Value::Array(items) => open.extend(items.iter().filter(|item| is_nest(item)).map(|item| (item, depth))),
            Value::Object(items) => {
                open.extend(items.values().filter(|item| is_nest(item)).map(|item| (item, depth)));
            }
            _ => {}
        }
    }
    true
}

fn is_nest(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

/// Drops a value by a loop: dropping it as a whole recurses, and a deep one would overflow the stack.
fn dismantle(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(items) => rest.extend(items.into_iter().map(|(_, item)| item)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{NewTask, Session, SessionPatch, Task, TaskPatch, TaskStatus, Time, Worktree};
    use super::*;

    fn deep(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]))
    }

    #[track_caller]
    fn refused<T: fmt::Debug>(result: Result<T>, message: &str) {
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("invalid", message));
    }

    #[test]
    fn columns_are_sorted_out_from_data() {
        let fields = Fields::parse::<Task>(
            "record",
            json!({
                "status": "completed", "model": "x", "completed_at": "1970-01-01T00:00:01Z", "started_at": null,
                "git_state": {"sha_at_end": "abc"}, "title": null,
            }),
        )
        .unwrap();
        let columns: Vec<_> = fields.columns.iter().map(|(column, value)| (column.name, value.clone())).collect();
        assert_eq!(
            columns,
            [
                ("started_at", Sql::Null),
                ("completed_at", Sql::Integer(1000)),
                ("status", Sql::Text("completed".into())),
            ]
        );
        assert_eq!(fields.data.text().unwrap(), r#"{"model":"x","git_state":{"sha_at_end":"abc"},"title":null}"#);
    }

    #[test]
    fn both_ways_of_building_agree() {
        let typed = TaskPatch::new()
            .status(TaskStatus::Completed)
            .completed_at(Time::from_millis(1000))
            .set("model", "x")
            .into_fields()
            .unwrap();
        let json = json!({"completed_at": 1000, "model": "x", "status": "completed"});
        let read = TaskPatch::from_json(json.clone()).unwrap().into_fields().unwrap();
        let text = TaskPatch::from_json_str(&json.to_string()).unwrap().into_fields().unwrap();
        let set = TaskPatch::new().set("model", "x").set("status", "completed").set("completed_at", 1000);
        for other in [read, text, set.into_fields().unwrap()] {
            assert_eq!((&other.columns, other.data.text().unwrap()), (&typed.columns, typed.data.text().unwrap()));
        }
    }

    #[test]
    fn what_cannot_be_stored_is_refused_without_repeating_it() {
        for (json, message) in [
            (json!([]), "`patch` must be a JSON object"),
            (json!("secret"), "`patch` must be a JSON object"),
            (json!({"status": 7}), "`status` must be text"),
            (json!({"status": null}), "`status` may not be null"),
            (json!({"task_id": ""}), "`task_id` may not be empty"),
            (json!({"session_id": "x".repeat(65)}), "`session_id` may not be longer than 64 bytes"),
            (json!({"created_by": "a\0b"}), "`created_by` may not hold a NUL"),
            (
                json!({"completed_at": "soon"}),
                "`completed_at` must be a time: text of RFC 3339, or integer milliseconds",
            ),
            (json!({"data": {"a": 1}}), "`data` is no field: its keys stand beside the other fields"),
            (deep(128), "`patch` is nested deeper than 127 levels"),
            (json!({"a": deep(127)}), "`patch` is nested deeper than 127 levels"),
        ] {
            refused(TaskPatch::from_json(json), message);
        }
        let huge = Value::from("x".repeat(17 << 20));
        refused(Fields::parse::<Worktree>("record", json!({"unix_group": huge})), "`unix_group` is larger than 16 MiB");
        Fields::parse::<Worktree>("record", json!({"name": huge, "notes": huge})).unwrap();
        refused(Fields::parse::<Task>("record", json!(1)), "`record` must be a JSON object");
    }

    #[test]
    fn text_shows_faults_that_a_value_hides() {
        for (text, message) in [
            (r#"{"model":"a","model":"b"}"#, "`patch` can't be used: repeated key `model`"),
            (r#"{"n":{"m":1,"m":2}}"#, "`patch` can't be used: repeated key `m`"),
            (r#"{"status":"\ud83c"}"#, "`status` may not hold a lone surrogate"),
            (r#"{"task_id":"\udf89x"}"#, "`task_id` may not hold a lone surrogate"),
            ("[]", "`patch` can't be used: not an object"),
            ("{", "`patch` can't be used: not JSON: a key is missing at byte 1"),
        ] {
            refused(TaskPatch::from_json_str(text), message);
        }
        refused(NewTask::from_json_str("1"), "`record` can't be used: not an object");
    }

    #[test]
    fn a_value_deeper_than_the_stack_is_refused_and_dropped() {
        refused(
            TaskPatch::from_json(json!({"a": deep(1)})).map(|_| ()).and(TaskPatch::from_json(deep(500_000))),
            "`patch` is nested deeper than 127 levels",
        );
        let value = Value::Object(serde_json::Map::from_iter([("a".to_owned(), deep(500_000))]));
        refused(TaskPatch::from_json(value), "`patch` is nested deeper than 127 levels");
        refused(TaskPatch::new().set("a", deep(500_000)).into_fields(), "`a` is nested deeper than 127 levels");
        refused(
            TaskPatch::new().set("status", deep(500_000)).into_fields(),
            "`status` is nested deeper than 127 levels",
        );
        let allowed = TaskPatch::new().set("a", deep(126)).into_fields().unwrap().data.text().unwrap();
        serde_json::from_str::<Value>(&allowed).unwrap();
    }

    #[test]
    fn the_first_error_of_a_chain_is_told() {
        let patch =
            SessionPatch::new().parent_session_id(super::super::SessionId::from("")).set("status", 3).archived(true);
        refused(patch.into_fields(), "`parent_session_id` may not be empty");
        refused(NewTask::new("").into_fields(), "`session_id` may not be empty");
        refused(NewTask::new("s-1").id("a\0").into_fields(), "`task_id` may not hold a NUL");
        SessionPatch::new().archived_reason("a\0".to_owned()).into_fields().unwrap();
    }

    #[test]
    fn a_field_set_again_replaces() {
        let mut fields = TaskPatch::new().status("running").set("status", "failed").into_fields().unwrap();
        assert_eq!(fields.get("status"), Some(&Sql::Text("failed".into())));
        fields.set("task_id", "t-1".to_owned());
        assert_eq!(fields.columns[0].0.name, "task_id");
        assert_eq!(fields.take("status"), Some(Sql::Text("failed".into())));
        assert_eq!(fields.take("status"), None);
        fields.take("task_id");
        assert!(fields.columns.is_empty() && fields.data.is_empty());
        assert!(TaskPatch::default().into_fields().unwrap().columns.is_empty());
    }

    #[test]
    fn text_is_kept_as_it_stands() {
        let text = r#"{"status":"running","a":{ "big":123456789012345678901234567890, "cut":"\ud83c" },"\ud83c":"\u0000","\u0062":1e999}"#;
        let patch = TaskPatch::from_json_str(text).unwrap().set("b", 2).set("c", "d");
        let fields = patch.into_fields().unwrap();
        assert_eq!(fields.get("status"), Some(&Sql::Text("running".into())));
        assert_eq!(
            fields.data.text().unwrap(),
            r#"{"a":{ "big":123456789012345678901234567890, "cut":"\ud83c" },"\ud83c":"\u0000","b":2,"c":"d"}"#
        );
        let message = super::super::MessagePatch::from_json_str(r#"{"content_preview":"a\ud83c\u0000"}"#).unwrap();
        let preview = message.into_fields().unwrap().get("content_preview").cloned();
        assert_eq!(preview, Some(Sql::Text("a\u{fffd}\0".into())), "a column holds text, and no escape");
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = SessionPatch::from_json_str(r#"{"mcp\u005ftoken":"s3cret","\ud83c":"shown"}"#).unwrap();
        let shown = format!("{text:?}");
        assert!(shown.contains("shown") && shown.contains("mcp_token") && !shown.contains("s3cret"), "{shown}");
        let patch = SessionPatch::new().set("mcp_token", "s3cret").set("title", "shown").archived(true);
        let shown = format!("{patch:?}");
        assert!(shown.contains("shown") && shown.contains("mcp_token") && !shown.contains("s3cret"), "{shown}");
        assert!(Fields::new::<Session>().data.is_empty());
    }
}
