//! What a write changes.

use std::borrow::Cow;

use super::Judged;
use crate::error::Refusal;
use crate::facts::{DataChange, Fact, Facts};
use crate::merge;
use crate::operation::Action;

/// What a write changes: columns by name, and of `data` the keys.
pub(super) struct Change<'a> {
    pub(super) columns: Vec<&'a str>,
    /// How `data` changes, where it is new or does.
    pub(super) data: Option<&'a DataChange>,
    facts: &'a Facts<'a>,
}

impl<'a> Change<'a> {
    pub(super) fn of(action: Action, facts: &'a Facts<'a>) -> Judged<Self> {
        let mut change = Self { columns: Vec::new(), data: None, facts };
        let written = match action {
            Action::Patch => {
                // The time of the last change is a stamp: it comes with every change and is none itself.
                let stamped = facts.has(Fact::UpdatedAt);
                change.columns = facts.row.changed().filter(|column| *column != "updated_at" || !stamped).collect();
                change.columns.contains(&"data")
            }
            Action::Create => true,
            _ => false,
        };
        if written && facts.has(Fact::Data) {
            change.data = Some(facts.data_change()?);
        }
        Ok(change)
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains(&column) || (column == "updated_at" && self.facts.changes("updated_at"))
    }

    /// The changed keys of `data`; `None` where `data` changes and they can't be told.
    pub(super) fn keys(&self) -> Option<&'a [String]> {
        match self.data {
            Some(data) => data.keys.as_deref(),
            None if self.columns.contains(&"data") => None,
            None => Some(&[]),
        }
    }

    pub(super) fn has_key(&self, key: &str) -> bool {
        self.keys().is_none_or(|keys| keys.iter().any(|changed| changed == key))
    }

    /// The first changed column or key that is in neither list. What can't be told is beyond both.
    pub(super) fn first_beyond(&self, columns: &[&str], keys: &[&str]) -> Option<&str> {
        let column = self.columns.iter().copied().find(|column| *column != "data" && !columns.contains(column));
        let key = || match self.keys() {
            Some(changed) => changed.iter().map(String::as_str).find(|key| !keys.contains(key)),
            None => Some("data"),
        };
        column.or_else(key)
    }

    /// A changed key of the new `data` that is a column too.
    pub(super) fn shadow(&self) -> Judged<Option<String>> {
        let columns: Vec<&str> = self.facts.row.columns().collect();
        let suspect = |keys: &[String]| keys.iter().any(|key| columns.contains(&key.as_str()));
        if self.keys().is_some_and(|keys| !suspect(keys)) {
            return Ok(None);
        }
        // One that only goes away is none.
        let data = self.facts.input(Fact::Data)?.unwrap_or_default();
        let present = merge::changed_keys("{}", data).map_err(|error| Refusal::invalid("data", error.to_string()))?;
        Ok(present.into_iter().find(|key| columns.contains(&key.as_str()) && self.has_key(key)))
    }
}

/// The names of what a write changes, for the audit: columns, and keys of `data` as `data.KEY`.
pub(crate) fn changed_fields(facts: &Facts<'_>) -> Vec<String> {
    let Ok(change) = Change::of(Action::Patch, facts) else { return vec!["?".to_owned()] };
    let keys = change.keys();
    let columns = change.columns.iter().filter(|column| **column != "data" || keys.is_none());
    let columns = columns.map(|column| (*column).to_owned());
    columns.chain(keys.unwrap_or_default().iter().map(|key| format!("data.{}", one_word(key)))).collect()
}

/// A key as one word: in JSON's quotes, without spaces, where it could pass for something else.
fn one_word(key: &str) -> Cow<'_, str> {
    let plain = |char: char| !(char.is_whitespace() || char.is_control() || matches!(char, '"' | '\\'));
    if !key.is_empty() && key.chars().all(plain) {
        return Cow::Borrowed(key);
    }
    let escape = |char: char| match char {
        char if plain(char) => char.to_string(),
        char => char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    Cow::Owned(format!("\"{}\"", key.chars().map(escape).collect::<String>()))
}
