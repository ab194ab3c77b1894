//! Moments: integer milliseconds in the database, RFC 3339 in JSON.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Value as Sql, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::column::{Field, Kind};
use crate::error::Error;

/// A moment, to the millisecond, in UTC.
///
/// Stored as milliseconds since 1970; in JSON and in text RFC 3339 as JavaScript writes it.
///
/// ```
/// use aclite::Time;
/// let time: Time = "2026-11-22T07:42:30.2659+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-22T06:42:30.265Z");
/// assert_eq!(time.as_millis(), 1_795_329_750_265);
/// # Ok::<(), aclite::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The present moment by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self(Timestamp::now().as_millisecond())
    }

    /// The moment this many milliseconds after the start of 1970, UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The milliseconds since the start of 1970, UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment for `jiff`, or `None` where it is thousands of years away: a number that some
    /// program stored, and no date.
    fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0).ok()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(timestamp) => write!(f, "{timestamp:.3}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Time {
    type Err = Error;

    /// Reads RFC 3339; what is finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse::<Timestamp>() {
            Ok(timestamp) => Ok(Self(timestamp.as_millisecond())),
            Err(_) => Err(Error::invalid("time", "must be a time of RFC 3339")),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.timestamp() {
            Some(timestamp) => serializer.collect_str(&format_args!("{timestamp:.3}")),
            None => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    /// Reads what [`Time`] is written as, and integer milliseconds.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl de::Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time of RFC 3339, or integer milliseconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E>(self, millis: i64) -> Result<Time, E> {
                Ok(Time(millis))
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Time, E> {
                i64::try_from(millis).map(Time).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(TimeVisitor)
    }
}

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl Field for Time {
    const KIND: Kind = Kind::Time;

    fn into_sql(self) -> Sql {
        Sql::Integer(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_javascript_writes() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_329_750_265, "2026-11-22T06:42:30.265Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            let time = Time::from_millis(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse::<Time>().unwrap(), time);
            assert_eq!(serde_json::to_string(&time).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Time>(&format!("\"{text}\"")).unwrap(), time);
        }
    }

    #[test]
    fn a_number_that_is_no_date_stays_a_number() {
        for millis in [i64::MAX, i64::MIN] {
            let json = serde_json::to_string(&Time::from_millis(millis)).unwrap();
            assert_eq!(json, millis.to_string());
            assert_eq!(serde_json::from_str::<Time>(&json).unwrap().as_millis(), millis);
            assert_eq!(Time::from_millis(millis).to_string(), json);
        }
    }

    #[test]
    fn other_text_is_refused_without_repeating_it() {
        for text in ["", "yesterday", "2026-11-22", "2026-11-22T06:42:30", "2026-13-01T00:00:00Z", "1795329750265"] {
            assert_eq!(text.parse::<Time>().unwrap_err().to_string(), "`time` must be a time of RFC 3339");
        }
        for json in ["1.5", "true", "null", "18446744073709551615"] {
            assert!(serde_json::from_str::<Time>(json).is_err(), "{json}");
        }
    }
}
