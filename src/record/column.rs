//! Columns: what each may hold, from JSON and from Rust.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Value as Sql, ValueRef};
use serde::Serialize;
use serde_json::Value;

use super::Time;
use crate::{json, merge};

/// The most bytes that an id may have.
const MAX_ID_BYTES: usize = 64;
/// How long text may be that carries authority, in bytes. Other text is as long as SQLite takes it.
const MAX_BYTES: usize = 16 << 20;

/// A column of a record's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, in SQL and in JSON.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it may be NULL.
    pub(crate) nullable: bool,
    /// Whether it holds text that carries no authority, and so any text.
    pub(crate) free: bool,
}

/// Whether `list` has `name`, told by the compiler.
pub(super) const fn lists(list: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < list.len() {
        let (listed, name) = (list[at].as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < listed.len() && same < name.len() && listed[same] == name[same] {
            same += 1;
        }
        if same == listed.len() && same == name.len() {
            return true;
        }
        at += 1;
    }
    false
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text: without NUL, unless it is free.
    Text,
    /// An integer of 64 bits.
    Int,
    /// A moment: integer milliseconds.
    Time,
    /// 0 or 1.
    Bool,
    /// An id: text of 1 to 64 bytes without NUL.
    Id,
    /// A JSON object, as text.
    Data,
}

impl Kind {
    /// What a stored value must be, for the error where it is not.
    pub(super) const fn stored_as(self) -> &'static str {
        match self {
            Self::Text | Self::Id => "text without NUL",
            Self::Int | Self::Bool => "an integer",
            Self::Time => "integer milliseconds",
            Self::Data => "a JSON object",
        }
    }

    /// What a JSON value must be, for the error where it is not.
    const fn written_as(self) -> &'static str {
        match self {
            Self::Text => "must be text",
            Self::Int => "must be an integer of 64 bits",
            Self::Time => "must be a time: text of RFC 3339, or integer milliseconds",
            Self::Bool => "must be true or false",
            Self::Id => "must be an id: text",
            Self::Data => "is no field: its keys stand beside the other fields",
        }
    }
}

impl Column {
    /// The value to store for `value`, or what is wrong with it, in words that do not repeat it.
    pub(super) fn convert(&self, value: Value) -> Result<Sql, &'static str> {
        let converted = match (self.kind, value) {
            (Kind::Data, _) => None,
            (_, Value::Null) if self.nullable => Some(Sql::Null),
            (_, Value::Null) => return Err("may not be null"),
            (Kind::Text | Kind::Id, Value::String(text)) => Some(Sql::Text(text)),
            (Kind::Int, Value::Number(number)) => number.as_i64().map(Sql::Integer),
            (Kind::Time, Value::Number(number)) => number.as_i64().map(Sql::Integer),
            (Kind::Time, Value::String(text)) => text.parse::<Time>().ok().map(|time| Sql::Integer(time.as_millis())),
            (Kind::Bool, Value::Bool(truth)) => Some(Sql::Integer(truth.into())),
            (Kind::Bool, Value::Number(number)) => {
                number.as_i64().filter(|number| matches!(number, 0 | 1)).map(Sql::Integer)
            }
            _ => None,
        };
        let converted = converted.ok_or(self.kind.written_as())?;
        self.check(&converted)?;
        Ok(converted)
    }

    /// Refuses text that the column may not hold. The type has been seen to.
    pub(super) fn check(&self, value: &Sql) -> Result<(), &'static str> {
        match (self.kind, value) {
            (Kind::Id, Sql::Text(id)) => check_id(id),
            (_, Sql::Text(text)) if !self.free => check_text(text),
            _ => Ok(()),
        }
    }
}

/// Refuses text that can be no id.
pub(super) fn check_id(id: &str) -> Result<(), &'static str> {
    if id.is_empty() {
        Err("may not be empty")
    } else if id.len() > MAX_ID_BYTES {
        Err("may not be longer than 64 bytes")
    } else {
        check_text(id)
    }
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_BYTES {
        Err("is larger than 16 MiB")
    } else if text.contains('\0') {
        // Much of SQLite ends a text at its first NUL: two texts would be one there.
        Err("may not hold a NUL")
    } else {
        Ok(())
    }
}

/// The text in a stored value. Other types and a NUL are refused.
pub(super) fn text(value: ValueRef<'_>) -> FromSqlResult<&str> {
    let ValueRef::Text(bytes) = value else { return Err(FromSqlError::InvalidType) };
    merge::plain_text(bytes).ok_or_else(|| FromSqlError::Other("text with a NUL, or not UTF-8".into()))
}

/// A Rust type that a column's values have.
pub(super) trait Field: FromSql + Serialize {
    const KIND: Kind;
    const NULLABLE: bool = false;

    fn into_sql(self) -> Sql;

    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::column_result(value)
    }

    /// Reads text that carries no authority, whatever it is: U+FFFD stands for what is not UTF-8.
    fn read_free(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::read(value)
    }

    fn is_null(&self) -> bool {
        false
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;

    fn into_sql(self) -> Sql {
        Sql::Text(self)
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        text(value).map(Self::from)
    }

    fn read_free(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            // A lone surrogate takes three bytes in text that JavaScript wrote: one character, not three.
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(json::readable(bytes)),
            value => Self::read(value),
        }
    }
}

impl Field for i64 {
    const KIND: Kind = Kind::Int;

    fn into_sql(self) -> Sql {
        Sql::Integer(self)
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Bool;

    fn into_sql(self) -> Sql {
        Sql::Integer(self.into())
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;

    fn into_sql(self) -> Sql {
        self.map_or(Sql::Null, T::into_sql)
    }

    fn read(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }

    fn read_free(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::read_free(value).map(Some),
        }
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_takes_its_types_and_no_other() {
        let text = |text: &str| Ok(Sql::Text(text.to_owned()));
        let int = |number| Ok(Sql::Integer(number));
        let (no_text, no_id) = (Err("must be text"), Err("must be an id: text"));
        let no_int = Err("must be an integer of 64 bits");
        let no_time = Err("must be a time: text of RFC 3339, or integer milliseconds");
        let no_bool = Err("must be true or false");
        let no_null = Err("may not be null");
        let no_nul = Err("may not hold a NUL");
        for (kind, value, expected) in [
            (Kind::Text, json!("a"), text("a")),
            (Kind::Text, json!(""), text("")),
            (Kind::Text, json!(1), no_text.clone()),
            (Kind::Text, json!({}), no_text.clone()),
            (Kind::Text, json!(["a"]), no_text),
            (Kind::Text, json!("a\0"), no_nul.clone()),
            (Kind::Text, json!(null), no_null.clone()),
            (Kind::Int, json!(-3), int(-3)),
            (Kind::Int, json!(1.0), no_int.clone()),
            (Kind::Int, json!(u64::MAX), no_int.clone()),
            (Kind::Int, json!("1"), no_int.clone()),
            (Kind::Int, json!(true), no_int),
            (Kind::Time, json!("1970-01-01T00:00:01Z"), int(1000)),
            (Kind::Time, json!(1000), int(1000)),
            (Kind::Time, json!("soon"), no_time.clone()),
            (Kind::Time, json!(1.5), no_time.clone()),
            (Kind::Time, json!(false), no_time),
            (Kind::Bool, json!(true), int(1)),
            (Kind::Bool, json!(false), int(0)),
            (Kind::Bool, json!(1), int(1)),
            (Kind::Bool, json!(0), int(0)),
            (Kind::Bool, json!(2), no_bool.clone()),
            (Kind::Bool, json!("true"), no_bool),
            (Kind::Id, json!("u-1"), text("u-1")),
            (Kind::Id, json!(7), no_id),
            (Kind::Id, json!(""), Err("may not be empty")),
            (Kind::Id, json!("x".repeat(65)), Err("may not be longer than 64 bytes")),
            (Kind::Id, json!("a\0"), no_nul),
            (Kind::Id, json!(null), no_null),
            (Kind::Data, json!({}), Err("is no field: its keys stand beside the other fields")),
        ] {
            let column = Column { name: "c", kind, nullable: false, free: false };
            assert_eq!(column.convert(value.clone()), expected, "{kind:?} {value}");
        }
    }

    #[test]
    fn null_is_null_where_the_column_may_be() {
        for kind in [Kind::Text, Kind::Int, Kind::Time, Kind::Bool, Kind::Id] {
            let column = Column { name: "c", kind, nullable: true, free: false };
            assert_eq!(column.convert(Value::Null), Ok(Sql::Null));
        }
    }
}
