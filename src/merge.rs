//! Merging and comparing `data`: JSON text in, JSON text out, no SQL.
//!
//! Values that a patch does not touch are copied as text, so that they keep their exact bytes: a
//! number that no `f64` holds comes out as it went in.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json;

/// How deep JSON may nest: the most that `serde_json`, and so every reader of ours, can read back.
pub(crate) const MAX_DEPTH: usize = 127;
/// How long JSON text may be, in bytes.
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// Up to this many keys, comparing each with each beats hashing.
const FEW: usize = 16;

/// Text that every reader can read back: UTF-8 without NUL.
pub(crate) fn plain_text(bytes: &[u8]) -> Option<&str> {
    if memchr::memchr(0, bytes).is_some() { None } else { str::from_utf8(bytes).ok() }
}

/// Why text cannot be merged or stored. The messages name keys, never values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("not an object")]
    NotAnObject,
    #[error("repeated key `{0}`")]
    RepeatedKey(String),
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("larger than 16 MiB")]
    TooLarge,
    #[error("integer beyond 64 bits")]
    IntegerTooLarge,
    #[error("not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
}

impl From<serde_json::Error> for MergeError {
    fn from(error: serde_json::Error) -> Self {
        // A data error is text of another type than an object. Its own words would quote the value.
        if error.is_data() { Self::NotAnObject } else { Self::NotJson(error) }
    }
}

/// `stored` with `patch` merged into it, and the top-level keys whose value that changes.
///
/// Objects recurse where both sides are objects; everything else, arrays and null included,
/// replaces. Keys that the patch lacks stay; new keys are appended in the patch's order. Of a
/// repeated key the last value counts, as for every reader that builds a map.
///
/// The result may be larger than what can be stored ([`MAX_BYTES`]).
pub(crate) fn merge(stored: &str, patch: &str) -> Result<(String, Vec<String>), MergeError> {
    let (mut merged, mut changed) = (String::with_capacity(stored.len() + patch.len()), Vec::new());
    merge_into(&mut merged, stored, patch, 1, &mut |key| changed.push(key.to_owned()))?;
    if merged.len() > MAX_BYTES { Err(MergeError::TooLarge) } else { Ok((merged, changed)) }
}

/// Writes the merged object to `out`, tells `note` each key whose value changes, and returns whether any does.
///
/// Of two objects only what the patch names is compared: the rest is copied as it stands.
fn merge_into(
    out: &mut String,
    stored: &str,
    patch: &str,
    depth: usize,
    note: &mut dyn FnMut(&str),
) -> Result<bool, MergeError> {
    if depth > MAX_DEPTH {
        return Err(MergeError::TooDeep);
    }
    let stored_object = Object::parse(stored)?;
    let patch_object = Object::parse(patch)?;
    if patch_object.entries.is_empty() {
        out.push_str(stored);
        return Ok(false);
    }
    out.push('{');
    let (mut first, mut any) = (true, false);
    for (key, old) in &stored_object.entries {
        push_key(out, key, &mut first);
        let Some(new) = patch_object.get(key) else {
            out.push_str(old);
            continue;
        };
        let changed = if is_object(old) && is_object(new) {
            merge_into(out, old, new, depth + 1, &mut |_| {})?
        } else {
            out.push_str(new);
            !same_value(old, new)
        };
        if changed {
            any = true;
            note(key);
        }
    }
    for (key, new) in &patch_object.entries {
        if stored_object.get(key).is_none() {
            push_key(out, key, &mut first);
            out.push_str(new);
            any = true;
            note(key);
        }
    }
    out.push('}');
    Ok(any)
}

/// Refuses text that is not one JSON object fit to be stored: no key repeated at any depth, at most
/// 127 levels, every integer within 64 bits, at most 16 MiB.
pub(crate) fn check_object(text: &str) -> Result<(), MergeError> {
    if text.len() > MAX_BYTES {
        return Err(MergeError::TooLarge);
    }
    check_depth_and_integers(text.as_bytes())?;
    let repeated = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let walked =
        Walk { repeated: &repeated }.deserialize(&mut reader).and_then(|is_object| reader.end().map(|()| is_object));
    match (walked, repeated.into_inner()) {
        (_, Some(key)) => Err(MergeError::RepeatedKey(key)),
        (Ok(true), None) => Ok(()),
        (Ok(false), None) => Err(MergeError::NotAnObject),
        (Err(error), None) => Err(error.into()),
    }
}

/// The top-level keys whose value is added, removed or changed from `old` to `new`.
///
/// Formatting and the order of keys are no change. In doubt a key has changed: where a value can't
/// be read, and where `new` repeats the key, which readers understand differently.
pub(crate) fn changed_keys(old: &str, new: &str) -> Result<Vec<String>, MergeError> {
    let old_object = Object::parse(old)?;
    if old == new {
        return Ok(Vec::new());
    }
    let new_object = Object::parse(new)?;
    let mut changed = Vec::new();
    for (key, old) in &old_object.entries {
        let same = new_object.get(key).is_some_and(|new| same_value(old, new));
        if !same || new_object.repeats(key) {
            changed.push(key.to_string());
        }
    }
    let added = new_object.entries.iter().filter(|(key, _)| old_object.get(key).is_none());
    changed.extend(added.map(|(key, _)| key.to_string()));
    Ok(changed)
}

fn same_value(old: &str, new: &str) -> bool {
    if old == new {
        return true;
    }
    match (json::parse(old), json::parse(new)) {
        (Ok(old), Ok(new)) => old == new,
        _ => false,
    }
}

fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

fn push_key(out: &mut String, key: &str, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
    if key.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&Value::from(key).to_string());
    } else {
        out.push('"');
        out.push_str(key);
        out.push('"');
    }
    out.push(':');
}

/// One level of a JSON object: each key once, values as the text that they were.
#[derive(Default)]
struct Object<'a> {
    entries: Vec<(Cow<'a, str>, &'a str)>,
    /// Where each key is; empty for few keys.
    places: HashMap<Cow<'a, str>, usize>,
    /// The keys that the text holds more than once.
    repeated: HashSet<Cow<'a, str>>,
}

impl<'a> Object<'a> {
    fn parse(text: &'a str) -> Result<Self, MergeError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let object = (&mut reader).deserialize_map(ObjectVisitor)?;
        reader.end()?;
        Ok(object)
    }

    fn push(&mut self, key: Cow<'a, str>, value: &'a str) {
        if let Some(place) = self.place(&key) {
            self.entries[place].1 = value;
            self.repeated.insert(key);
            return;
        }
        if self.entries.len() == FEW {
            self.places = self.entries.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
        }
        if self.entries.len() >= FEW {
            self.places.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
    }

    fn place(&self, key: &str) -> Option<usize> {
        if self.entries.len() > FEW {
            self.places.get(key).copied()
        } else {
            self.entries.iter().position(|(known, _)| known == key)
        }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.place(key).map(|place| self.entries[place].1)
    }

    fn repeats(&self, key: &str) -> bool {
        self.repeated.contains(key)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { entries: Vec::with_capacity(FEW), ..Object::default() };
        while let Some(key) = map.next_key_seed(Key)? {
            object.push(key, map.next_value::<&'de RawValue>()?.get());
        }
        Ok(object)
    }
}

/// A key, borrowed from the text unless it holds an escape.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Reads a value for its errors alone; tells whether it is an object.
///
/// It visits every value for real: skipping would neither limit the depth nor notice a string that
/// no reader can decode.
#[derive(Clone, Copy)]
struct Walk<'w> {
    repeated: &'w RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut few: Vec<Cow<'de, str>> = Vec::new();
        let mut many: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(key) = map.next_key_seed(Key)? {
            if few.contains(&key) || many.contains(&key) {
                *self.repeated.borrow_mut() = Some(key.into_owned());
                return Err(A::Error::custom("repeated key"));
            }
            if few.len() < FEW {
                few.push(key);
            } else {
                many.insert(key);
            }
            map.next_value_seed(self)?;
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// One pass over the bytes for what `serde_json` would not tell: it reads an integer beyond 64 bits
/// as an `f64`, and its error for depth is one of syntax. What is not JSON passes here.
fn check_depth_and_integers(bytes: &[u8]) -> Result<(), MergeError> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = json::end_of_string(bytes, at).map_or(bytes.len(), |end| end + 1),
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(MergeError::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let start = at - 1;
                while matches!(bytes.get(at), Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
                    at += 1;
                }
                if !fits_64_bits(&bytes[start..at]) {
                    return Err(MergeError::IntegerTooLarge);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a number is no integer, or one that an `i64` or a `u64` holds.
fn fits_64_bits(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.len() < 19 || !digits.iter().all(u8::is_ascii_digit) {
        return true;
    }
    // Digits and a sign are UTF-8.
    let text = str::from_utf8(number).unwrap_or_default();
    text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    #[track_caller]
    fn check(stored: &str, patch: &str, merged: &str) {
        assert_eq!(merge(stored, patch).unwrap().0, merged);
    }

    #[test]
    fn objects_recurse_and_everything_else_replaces() {
        check(r#"{"a":{"x":1,"y":[1,2]},"b":2}"#, r#"{"a":{"y":[3]}}"#, r#"{"a":{"x":1,"y":[3]},"b":2}"#);
        check(r#"{"a":{"x":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#);
        check(r#"{"a":{"x":1}}"#, r#"{"a":7}"#, r#"{"a":7}"#);
        check(r#"{"a":7}"#, r#"{"a":{"x":null}}"#, r#"{"a":{"x":null}}"#);
        check("{}", r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#);
        check(r#"{"z":1,"a":2}"#, r#"{"m":3,"a":4}"#, r#"{"z":1,"a":4,"m":3}"#);
    }

    #[test]
    fn untouched_values_keep_their_bytes() {
        check(
            r#"{"n":0.10000000000000000000001,"big":123456789012345678901234567890,"s":"\u00e9","o":{ "k" : 1e2 }}"#,
            r#"{"new":1.50}"#,
            r#"{"n":0.10000000000000000000001,"big":123456789012345678901234567890,"s":"\u00e9","o":{ "k" : 1e2 },"new":1.50}"#,
        );
        let spaced = " {\n \"a\" : 1 }\n";
        check(spaced, " { } ", spaced);
    }

    #[test]
    fn keys_are_compared_decoded_and_written_escaped() {
        check(r#"{"\u0061":1}"#, r#"{"a":2}"#, r#"{"a":2}"#);
        check(r#"{"q\"\\\n":1}"#, r#"{"b":2}"#, r#"{"q\"\\\n":1,"b":2}"#);
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        check(r#"{"a":1,"a":2,"b":3}"#, r#"{"c":1}"#, r#"{"a":2,"b":3,"c":1}"#);
        check(r#"{"a":0}"#, r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
    }

    #[test]
    fn objects_with_many_keys_merge_alike() {
        let many = |value: u64| {
            Value::Object((0..100).map(|n| (format!("k{n}"), json!(n * value))).collect::<Map<_, _>>()).to_string()
        };
        check(&many(1), &many(2), &many(2));
        assert_eq!(changed_keys(&many(1), &many(2)).unwrap().len(), 99, "0 stays 0");
    }

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    fn nested_array(levels: usize) -> String {
        format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn refusals_say_why() {
        let cases = [
            ("[1]", "not an object"),
            ("null", "not an object"),
            (r#""secret""#, "not an object"),
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("{} {}", "not JSON: trailing characters at line 1 column 4"),
            (r#"{"a":01}"#, "not JSON: invalid number at line 1 column 7"),
            (r#"{"a":"\ud800"}"#, "not JSON: unexpected end of hex escape at line 1 column 13"),
            (r#"{"a":1e999}"#, "not JSON: number out of range at line 1 column 10"),
            (r#"{"a":1,"b":2,"a":3}"#, "repeated key `a`"),
            (r#"{"a":1,"\u0061":3}"#, "repeated key `a`"),
            (r#"{"l":[1,{"k":1,"k":1}]}"#, "repeated key `k`"),
            (r#"{"a":18446744073709551616}"#, "integer beyond 64 bits"),
            (r#"{"a":[-9223372036854775809]}"#, "integer beyond 64 bits"),
            (&nested(128), "nested deeper than 127 levels"),
            (&nested(100_000), "nested deeper than 127 levels"),
            (&nested_array(127), "nested deeper than 127 levels"),
        ];
        for (text, why) in cases {
            assert_eq!(check_object(text).unwrap_err().to_string(), why, "{text:.80}");
        }
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_BYTES));
        assert!(matches!(check_object(&large), Err(MergeError::TooLarge)));
        assert!(matches!(merge(&nested(128), &nested(128)), Err(MergeError::TooDeep)));
        assert!(matches!(merge("{}", "[]"), Err(MergeError::NotAnObject)));
        assert!(matches!(merge("3", "{}"), Err(MergeError::NotAnObject)));
    }

    #[test]
    fn limits_themselves_are_fine() {
        for text in [
            "{}",
            &nested(127),
            &nested_array(126),
            r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1e300,"d":0.12345678901234567890123,"e":-0}"#,
            r#"{"a":"99999999999999999999999 [[[ \" {","b\"":{"a":1},"c":{"a":1}}"#,
        ] {
            check_object(text).unwrap();
            serde_json::from_str::<Value>(text).unwrap();
        }
        let many = Value::Object((0..100).map(|n| (format!("k{n}"), json!(n))).collect()).to_string();
        check_object(&many).unwrap();
        let repeated = many.replace(r#""k99""#, r#""k50""#);
        assert!(matches!(check_object(&repeated), Err(MergeError::RepeatedKey(key)) if key == "k50"));
    }

    #[test]
    fn formatting_and_key_order_are_no_change() {
        let changed = |old, new| changed_keys(old, new).unwrap();
        assert!(changed(r#"{"a":{"x":1,"y":"é"}}"#, r#"{ "a" : {"y":"\u00e9", "x":1} }"#).is_empty());
        assert_eq!(changed(r#"{"a":1,"b":2,"c":3}"#, r#"{"d":4,"c":3,"b":null}"#), ["a", "b", "d"]);
        assert_eq!(changed(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#), ["a"]);
    }

    #[test]
    fn in_doubt_a_key_has_changed() {
        assert_eq!(changed_keys(r#"{"a":1}"#, r#"{"a":2,"a":1}"#).unwrap(), ["a"]);
        let (old, new) = (nested(200), nested(200).replace('1', " 1"));
        assert_eq!(changed_keys(&old, &new).unwrap(), ["a"]);
        assert!(changed_keys(&old, &old).unwrap().is_empty());
    }

    /// The slow, obvious merge.
    fn model(stored: &mut Value, patch: &Value) {
        match (stored, patch) {
            (Value::Object(stored), Value::Object(patch)) => {
                for (key, new) in patch {
                    match stored.get_mut(key) {
                        Some(old) => model(old, new),
                        None => {
                            stored.insert(key.clone(), new.clone());
                        }
                    }
                }
            }
            (stored, patch) => *stored = patch.clone(),
        }
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![3 => "[abc]", 1 => ".{0,3}"]
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key(), inner), 0..5).prop_map(|entries| entries.into_iter().collect()),
            ]
        });
        prop::collection::vec((key(), value), 0..24).prop_map(|entries| entries.into_iter().collect())
    }

    proptest! {
        #[test]
        fn merge_agrees_with_the_model(stored in object(), patch in object()) {
            let (stored_text, patch_text) = (stored.to_string(), format!("{patch:#}"));
            let (merged, changed) = merge(&stored_text, &patch_text).unwrap();
            let (mut told, mut found) = (changed, changed_keys(&stored_text, &merged).unwrap());
            told.sort();
            found.sort();
            prop_assert_eq!(told, found, "the keys that a merge tells are those that changed");
            let mut expected = stored.clone();
            model(&mut expected, &patch);
            prop_assert_eq!(&serde_json::from_str::<Value>(&merged).unwrap(), &expected);
            let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            prop_assert_eq!(keys(&serde_json::from_str(&merged).unwrap()), keys(&expected), "order");
            let again = merge(&merged, &patch_text).unwrap().0;
            prop_assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), expected, "idempotent");
            let compact = merge(&stored_text, &patch.to_string()).unwrap().0;
            prop_assert_eq!(&merge(&compact, &patch.to_string()).unwrap().0, &compact, "idempotent to the byte");
            prop_assert_eq!(merge(&stored_text, "{}").unwrap().0, stored_text);
            prop_assert!(check_object(&merged).is_ok());
        }

        #[test]
        fn changed_keys_agrees_with_the_model(old in object(), patch in object(), apart: bool) {
            let mut new = if apart { json!({}) } else { old.clone() };
            model(&mut new, &patch);
            let (old_map, new_map) = (old.as_object().unwrap(), new.as_object().unwrap());
            let mut expected: Vec<String> =
                old_map.keys().chain(new_map.keys()).filter(|key| old_map.get(*key) != new_map.get(*key)).cloned().collect();
            expected.sort();
            expected.dedup();
            let mut changed = changed_keys(&old.to_string(), &format!("{new:#}")).unwrap();
            changed.sort();
            prop_assert_eq!(changed, expected);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = (check_object(&text), merge(&text, &text), changed_keys(&text, "{}"));
        }
    }
}
