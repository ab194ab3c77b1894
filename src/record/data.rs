//! `data` of a record as it is stored: text that is read when somebody asks for it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::ser::{Error as _, SerializeMap};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Record;
use super::secret::Redacted;
use crate::error::{Error, Result};
use crate::json::{self, Fault, Key, Object};
use crate::operation::Resource;

/// The open part of a record: every field that has no column.
///
/// INVARIANT: it holds no secret that the record hides or masks, and no key that is a column's name. What could hold one
/// is read, and written anew without, before it gets here.
#[derive(Clone)]
pub(crate) struct Data {
    content: Content,
    /// The kind of record that it is of, for errors.
    resource: Resource,
    read: OnceLock<Map<String, Value>>,
}

#[derive(Clone)]
enum Content {
    /// A JSON object, or text that no reader takes for one.
    Text(Arc<str>),
    /// Why it can't be read. Text that could hold a secret is not kept.
    Unreadable(Fault),
    /// No text, or text with a NUL.
    NoText,
}

impl Data {
    /// Takes the stored text over, without `secrets`, with those masked that `R` masks, and without keys that are
    /// columns: those win.
    pub(super) fn of<R: Record>(text: &str, secrets: &[&str]) -> Self {
        let special = |key: &str| secrets.contains(&key) || R::MASKED.contains(&key) || R::column(key).is_some();
        let content = if is_plain_without(text, special) {
            Content::Text(text.into())
        } else {
            let hidden = |key: &str| secrets.contains(&key) || R::column(key).is_some();
            without(text, hidden, |key| R::MASKED.contains(&key))
                .map_or_else(Content::Unreadable, |text| Content::Text(text.into()))
        };
        Self { content, resource: R::RESOURCE, read: OnceLock::new() }
    }

    /// Of a row in which something else than text is stored.
    pub(super) fn no_text<R: Record>() -> Self {
        Self { content: Content::NoText, resource: R::RESOURCE, read: OnceLock::new() }
    }

    /// The fields, read when they are first asked for.
    ///
    /// # Errors
    /// `Storage` where the stored text is not a JSON object that a reader can take.
    pub(super) fn map(&self, id: &str) -> Result<&Map<String, Value>> {
        if let Some(map) = self.read.get() {
            return Ok(map);
        }
        let map = json::parse_object(self.stored(id)?).map_err(|problem| self.unreadable(id, problem))?;
        Ok(self.read.get_or_init(|| map))
    }

    /// The fields as the text that is stored.
    ///
    /// # Errors
    /// `Storage` where that is not a JSON object.
    pub(super) fn text(&self, id: &str) -> Result<&str> {
        let text = self.stored(id)?;
        Object::parse(text).map_err(|problem| self.unreadable(id, problem))?;
        Ok(text)
    }

    fn stored(&self, id: &str) -> Result<&str> {
        match &self.content {
            Content::Text(text) => Ok(text),
            Content::Unreadable(problem) => Err(self.unreadable(id, *problem)),
            Content::NoText => Err(Error::broken(format!("{} is not text without NUL", self.place(id)))),
        }
    }

    fn place(&self, id: &str) -> String {
        format!("{} `{id}`: column `data`", self.resource)
    }

    fn unreadable(&self, id: &str, problem: Fault) -> Error {
        if problem.is_type() {
            return Error::broken(format!("{} is not a JSON object", self.place(id)));
        }
        Error::storage(self.place(id), problem)
    }

    /// Writes the fields to `map`.
    pub(super) fn serialize_into<M: SerializeMap>(&self, id: &str, map: &mut M) -> Result<(), M::Error> {
        let fields = self.map(id).map_err(M::Error::custom)?;
        let exact = self.exact();
        for (key, value) in fields {
            match exact.iter().find(|(known, _)| known == key) {
                Some((_, text)) => map.serialize_entry(key, text)?,
                None => map.serialize_entry(key, value)?,
            }
        }
        Ok(())
    }

    /// The values of which reading loses digits, as text that `serde_json` writes as it stands.
    fn exact(&self) -> Vec<(String, Box<RawValue>)> {
        let Content::Text(text) = &self.content else { return Vec::new() };
        if json::is_read_exactly(text) {
            return Vec::new();
        }
        let entries = Object::parse(text).map(|object| object.entries).unwrap_or_default();
        let exact = |(key, value): (Key<'_>, &str)| {
            let text = json::repaired(value).filter(|text| !json::is_read_exactly(text))?;
            // What can't become a `Value` would fail where somebody wants one. Such a number is read as the nearest one.
            if text.contains("$serde_json::private") || serde_json::from_str::<Value>(&text).is_err() {
                return None;
            }
            Some((String::from_utf8(key.spelled().into_owned()).ok()?, RawValue::from_string(text.into_owned()).ok()?))
        };
        entries.into_iter().filter_map(exact).collect()
    }
}

/// The text of a stored `data` of `R` as a reader without the right to its secrets sees it, with U+FFFD for lone
/// surrogates; `None` where it is no JSON object, which could hold a secret that we don't find.
///
/// However often a secret's key stands in the text and however it is spelled, it is found.
pub(crate) fn redact<R: Record>(text: &str) -> Option<String> {
    let hidden = |key: &str| R::HIDDEN.contains(&key) || R::WRITE_ONLY.iter().any(|column| column.name == key);
    without(text, hidden, |key| R::MASKED.contains(&key)).ok().map(|text| shown(&text).unwrap_or(text))
}

/// The text of a stored `data` with U+FFFD for lone surrogates; `None` where it has none.
pub(crate) fn shown(text: &str) -> Option<String> {
    match json::repaired(text) {
        Some(std::borrow::Cow::Borrowed(_)) => None,
        Some(std::borrow::Cow::Owned(text)) => Some(text),
        // One in a key: reading tells keys apart that would become one.
        None => json::parse_object(text).ok().and_then(|object| serde_json::to_string(&object).ok()),
    }
}

/// The object `text` without its `hidden` keys, and with the `masked` ones telling only what is set. All else keeps its
/// bytes.
fn without(text: &str, hidden: impl Fn(&str) -> bool, masked: impl Fn(&str) -> bool) -> Result<String, Fault> {
    let object = Object::parse(text)?;
    let mut left = String::with_capacity(text.len());
    for (key, value) in object.entries {
        let spelled = key.spelled();
        // What is no UTF-8 is no name of ours.
        let name = str::from_utf8(&spelled).unwrap_or_default();
        if hidden(name) {
            continue;
        }
        left.push(if left.is_empty() { '{' } else { ',' });
        let masked = masked(name);
        left.extend(["\"", if masked { name } else { key.raw() }, "\":"]);
        if masked { left.push_str(&what_is_set(value)) } else { left.push_str(value) }
    }
    left.push_str(if left.is_empty() { "{}" } else { "}" });
    Ok(left)
}

/// What is set in a value that nobody may see: of an object its keys.
fn what_is_set(value: &str) -> String {
    match Object::parse(value) {
        Ok(object) => {
            let set = object.entries.iter().filter(|(_, value)| *value != "null");
            let set: Vec<String> = set.map(|(key, _)| format!("\"{}\":true", key.raw())).collect();
            format!("{{{}}}", set.join(","))
        }
        Err(_) => (value != "null").to_string(),
    }
}

impl PartialEq for Data {
    /// Whether both hold the same fields, in whatever order; unreadable ones are equal where their faults are.
    fn eq(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Text(own), Content::Text(other)) => json::same_value(own, other),
            (Content::Unreadable(own), Content::Unreadable(other)) => own == other,
            (Content::NoText, Content::NoText) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Data {
    /// Prints the fields without the values of secrets; of unreadable text that it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.map("") {
            Ok(map) => Redacted(map).fmt(f),
            Err(_) => f.write_str("unreadable"),
        }
    }
}

/// Whether `text` is known to have no top-level key for which `special` holds, without being read as JSON.
///
/// INVARIANT: of text that is a JSON object every top-level key is seen here, or this says no. Text that is none can't be
/// read later, so nobody sees what is in it.
fn is_plain_without(text: &str, special: impl Fn(&str) -> bool) -> bool {
    let bytes = text.as_bytes();
    let (mut depth, mut at, mut key_is_next) = (0_usize, 0, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let start = at;
                let Some(end) = json::end_of_string(bytes, at) else { return false };
                at = end + 1;
                if depth == 1 && std::mem::take(&mut key_is_next) {
                    // An escape could spell any key. The quotes are ASCII, so between them are whole characters.
                    let key = text.get(start..end).unwrap_or_default();
                    if key.contains('\\') || special(key) {
                        return false;
                    }
                }
            }
            b'{' | b'[' => {
                depth += 1;
                key_is_next = depth == 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => key_is_next = depth == 1,
            _ => {}
        }
    }
    depth == 0 && text.trim_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Session, Task, User};
    use super::*;

    /// However a secret's key is spelled and wherever it stands, the text that a record keeps does not have it.
    #[test]
    fn no_spelling_of_a_secret_gets_into_a_record() {
        for text in [
            r#"{"mcp_token":"s3cret"}"#,
            r#"{"mcp\u005ftoken":"s3cret","a":1}"#,
            r#"{"a":{"b":["}","{"]},"mcp_token":"s3cret"}"#,
            r#"{"a":"\"","mcp_token":"s3cret"}"#,
            r#"{"mcp_token":1,"mcp_token":"s3cret"}"#,
            r#"{"a":1,"mcp_token":"s3cret""#,
            r#"{"a":"x\"#,
            r#"["mcp_token","s3cret"]"#,
        ] {
            let data = Data::of::<Session>(text, Session::HIDDEN);
            assert!(!matches!(&data.content, Content::Text(text) if text.contains("s3cret")), "{text}");
            assert!(!format!("{data:?}").contains("s3cret"), "{text}");
            assert!(data.map("s").is_err() || !format!("{:?}", data.map("s")).contains("s3cret"), "{text}");
        }
        let nested = Data::of::<Session>(r#"{"a":{"mcp_token":"of another"}}"#, Session::HIDDEN);
        assert!(matches!(nested.content, Content::Text(_)), "a key deeper down is not the secret");
        let masked = Data::of::<User>(r#"{"api_keys":{"A":"s3cret","B":null}}"#, User::HIDDEN);
        assert_eq!(serde_json::to_string(masked.map("u").unwrap()).unwrap(), r#"{"api_keys":{"A":true}}"#);
    }

    #[test]
    fn unreadable_data_says_so_when_it_is_asked_for() {
        for (text, problem) in [
            ("[1]", "task `t`: column `data` is not a JSON object"),
            (r#"{"a":"#, "task `t`: column `data`: a value is missing at byte 5"),
            (r#"{"status":"x"} x"#, "task `t`: column `data`: trailing characters at byte 15"),
        ] {
            let data = Data::of::<Task>(text, &[]);
            assert_eq!(data.map("t").unwrap_err().to_string(), problem);
            assert_eq!(format!("{data:?}"), "unreadable");
        }
    }

    proptest! {
        /// What is taken over unread has exactly the keys that reading it finds.
        #[test]
        fn a_scan_sees_every_top_level_key(text in r#"[{}\[\],:"\\a0 ]{0,24}"#, key in "[a0]{0,2}") {
            let read: Option<Map<String, Value>> = serde_json::from_str(&text).ok();
            if let Some(map) = read {
                let plain = is_plain_without(&text, |found| found == key);
                prop_assert!(!(plain && map.contains_key(&key)), "{} {}", text, key);
            }
        }

        #[test]
        fn a_scan_takes_objects_without_special_keys(keys in prop::collection::vec("[a-z]{1,4}", 0..6), value in ".*") {
            let map: Map<String, Value> = keys.into_iter().map(|key| (key, serde_json::json!({ "v": [value, {}] }))).collect();
            let text = Value::Object(map).to_string();
            prop_assert!(is_plain_without(&text, |key| key == "status!"));
        }
    }
}
