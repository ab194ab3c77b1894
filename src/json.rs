//! Reading JSON text as it stands.
//!
//! `serde_json` takes an object whose first key is one of its private names for something else, by a feature that this
//! library needs and that any other in the program can switch on: `{"$serde_json::private::RawValue":"[1]"}` would be
//! read as the array `[1]`, by a new reader with a new limit of depth. So text that somebody else wrote is never read by
//! `Value`'s own `Deserialize`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The JSON value that `text` is.
pub(crate) fn parse(text: &str) -> serde_json::Result<Value> {
    read(text, Plain)
}

/// The JSON object that `text` is. Of a repeated key the last value counts.
pub(crate) fn parse_object(text: &str) -> serde_json::Result<Map<String, Value>> {
    read(text, PlainObject)
}

fn read<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> serde_json::Result<S::Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Plain)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        PlainObject.visit_map(map).map(Value::Object)
    }
}

struct PlainObject;

impl<'de> DeserializeSeed<'de> for PlainObject {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PlainObject {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            object.insert(key, map.next_value_seed(Plain)?);
        }
        Ok(object)
    }
}

/// Where the closing quote of a string is whose text starts at `at`.
pub(crate) fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "$serde_json::private::RawValue";

    #[test]
    fn a_private_name_of_the_reader_is_a_key_like_any_other() {
        for inner in ["\"[1,2]\"", "\"not json\"", "7", "{}"] {
            let text = format!(r#"{{"a":{{"{NAME}":{inner}}}}}"#);
            let object = parse_object(&text).unwrap();
            assert_eq!(Value::Object(object).to_string(), text);
            assert_eq!(parse(&text).unwrap().to_string(), text);
        }
    }

    /// Each level used to begin a reader of its own, until the stack was used up.
    #[test]
    fn no_spelling_goes_round_the_limit_of_depth() {
        let mut text = "1".to_owned();
        for _ in 0..14 {
            text = format!("{{\"{NAME}\":{}}}", Value::from(text));
        }
        let wrapped = format!("{{\"a\":{text}}}");
        assert_eq!(parse(&wrapped).unwrap().to_string(), wrapped);
        let deep = format!("{{\"{NAME}\":{}1{}}}", "[".repeat(128), "]".repeat(128));
        assert!(parse(&deep).is_err());
    }

    proptest! {
        /// Of any other text it makes what `serde_json` makes.
        #[test]
        fn ordinary_text_is_read_as_ever(text in r#"[{}\[\],:"\\a0.e\-+ntrufls ]{0,32}"#) {
            let (ours, theirs) = (parse(&text), serde_json::from_str::<Value>(&text));
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
