//! `data` of a record as it is stored: text that is read when somebody asks for it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::Record;
use super::secret::Redacted;
use crate::error::{Error, Result};
use crate::json;
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
    /// What was read before.
    Read,
    /// Why it can't be read. Text that could hold a secret is not kept.
    Unreadable(Arc<serde_json::Error>),
}

impl Data {
    /// Takes the stored text over, without `secrets`, with those masked that `R` masks, and without keys that are
    /// columns: those win.
    pub(super) fn of<R: Record>(text: &str, secrets: &[&str]) -> Self {
        let data = |content| Self { content, resource: R::RESOURCE, read: OnceLock::new() };
        let special = |key: &str| secrets.contains(&key) || R::MASKED.contains(&key) || R::column(key).is_some();
        if is_plain_without(text, special) {
            return data(Content::Text(text.into()));
        }
        match json::parse_object(text) {
            Ok(mut map) => {
                map.retain(|key, _| R::column(key).is_none());
                super::row::redact_keys::<R>(&mut map, secrets);
                let data = data(Content::Read);
                let _ = data.read.set(map);
                data
            }
            Err(problem) => data(Content::Unreadable(Arc::new(problem))),
        }
    }

    /// The fields, read when they are first asked for.
    ///
    /// # Errors
    /// `Storage` where the stored text is not a JSON object.
    pub(super) fn map(&self, id: &str) -> Result<&Map<String, Value>> {
        if let Some(map) = self.read.get() {
            return Ok(map);
        }
        let read = match &self.content {
            Content::Text(text) => json::parse_object(text).map_err(Arc::new),
            Content::Unreadable(problem) => Err(Arc::clone(problem)),
            Content::Read => Ok(Map::new()),
        };
        let place = || format!("{} `{id}`: column `data`", self.resource);
        match read {
            Ok(map) => Ok(self.read.get_or_init(|| map)),
            // A data error is another type than an object, and quotes the value.
            Err(problem) if problem.is_data() => Err(Error::broken(format!("{} is not a JSON object", place()))),
            Err(problem) => Err(Error::storage(place(), problem)),
        }
    }
}

impl PartialEq for Data {
    /// Whether both hold the same fields, in whatever order; unreadable ones are equal where their faults are.
    fn eq(&self, other: &Self) -> bool {
        match (self.map(""), other.map("")) {
            (Ok(own), Ok(other)) => own == other,
            (Err(own), Err(other)) => own.to_string() == other.to_string(),
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
            (r#"{"a":"#, "task `t`: column `data`: EOF while parsing a value at line 1 column 5"),
            (r#"{"status":"x"} x"#, "task `t`: column `data`: trailing characters at line 1 column 16"),
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
