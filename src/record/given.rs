//! What a creation or a patch gives for `data`: values, and text that is stored as it stands.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::secret;
use crate::error::{Error, Result};
use crate::json::{self, Key};

/// Keys of `data` and their values, in the order in which they came, each key once.
#[derive(Clone, Default)]
pub(crate) struct GivenData {
    /// Each key as JSON text, with its quotes.
    entries: Vec<(String, Given)>,
}

#[derive(Clone)]
enum Given {
    Value(Value),
    Text(String),
}

impl Given {
    fn value(&self) -> Cow<'_, Value> {
        match self {
            Self::Value(value) => Cow::Borrowed(value),
            // It was checked when it came.
            Self::Text(text) => Cow::Owned(json::parse(text).unwrap_or_default()),
        }
    }
}

fn quoted(key: &str) -> String {
    if key.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return Value::from(key).to_string();
    }
    ["\"", key, "\""].concat()
}

impl GivenData {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a key; one that is there already keeps its place.
    pub(crate) fn insert(&mut self, key: &str, value: Value) {
        self.place(quoted(key), Given::Value(value));
    }

    /// Sets a key to JSON text, which is stored as it stands.
    pub(super) fn insert_text(&mut self, key: Key<'_>, value: &str) {
        let spelled = key.spelled();
        // A key that is not UTF-8 has no other form than the one in which it came.
        let key = str::from_utf8(&spelled).map_or_else(|_| ["\"", key.raw(), "\""].concat(), quoted);
        self.place(key, Given::Text(value.to_owned()));
    }

    fn place(&mut self, key: String, given: Given) {
        match self.entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = given,
            None => self.entries.push((key, given)),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        let key = quoted(key);
        self.entries.iter().find(|(known, _)| *known == key).map(|(_, given)| given.value())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        let key = quoted(key);
        self.entries.retain(|(known, _)| *known != key);
    }

    /// All of it as the JSON object to store or to merge.
    pub(crate) fn text(&self) -> Result<String> {
        let failed = |error| Error::storage("writing `data`", error);
        let mut text = Vec::with_capacity(64);
        for (key, given) in &self.entries {
            text.push(if text.is_empty() { b'{' } else { b',' });
            text.extend_from_slice(key.as_bytes());
            text.push(b':');
            match given {
                Given::Text(value) => text.extend_from_slice(value.as_bytes()),
                Given::Value(value) => serde_json::to_writer(&mut text, value).map_err(failed)?,
            }
        }
        text.extend_from_slice(if text.is_empty() { b"{}" } else { b"}" });
        String::from_utf8(text).map_err(|error| Error::storage("writing `data`", error))
    }
}

impl fmt::Debug for GivenData {
    /// Prints the fields without the values of secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, given) in &self.entries {
            let key = key.trim_matches('"');
            if secret::is_secret(key) {
                map.entry(&key, &format_args!("…"));
            } else {
                map.entry(&key, &given.value());
            }
        }
        map.finish()
    }
}
