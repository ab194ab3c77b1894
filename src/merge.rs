//! Merging and comparing `data`: JSON text in, JSON text out, no SQL.
//!
//! Keys and values that a patch does not touch are copied as text, so that they keep their exact bytes: a number that no
//! `f64` holds, and a lone surrogate, come out as they went in.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::json::{self, Fault, Key, MAX_DEPTH, Object};

/// Text that every reader can read back: UTF-8 without NUL.
pub(crate) fn plain_text(bytes: &[u8]) -> Option<&str> {
    if memchr::memchr(0, bytes).is_some() { None } else { str::from_utf8(bytes).ok() }
}

/// Why text cannot be merged or stored. The messages name keys, never values.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("not an object")]
    NotAnObject,
    #[error("repeated key `{0}`")]
    RepeatedKey(String),
    #[error("the key `{0}` is spelled with an escape: spell it as it is")]
    DisguisedKey(String),
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("not JSON: {0}")]
    NotJson(#[source] Fault),
}

impl From<Fault> for MergeError {
    fn from(fault: Fault) -> Self {
        if fault.is_type() { Self::NotAnObject } else { Self::NotJson(fault) }
    }
}

/// What a patch knows of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The text itself: what the patch says counts to the last digit.
    Text,
    /// What reading gives. A value that reading the stored one gives leaves that as it is: digits that the reader never
    /// saw are nothing that it could mean to change.
    Read,
}

/// `stored` with `patch` merged into it, and the top-level keys whose value that changes.
///
/// Objects recurse where both sides are objects; everything else, arrays and null included,
/// replaces. Keys that the patch lacks stay; new keys are appended in the patch's order. Of a
/// repeated key the last value counts, as for every reader that builds a map. A top-level key that changes
/// or is new is spelled plainly, however it was.
pub(crate) fn merge(stored: &str, patch: &str, known: Known) -> Result<(String, Vec<String>), MergeError> {
    let (mut merged, mut changed) = (String::with_capacity(stored.len() + patch.len()), Vec::new());
    merge_into(&mut merged, stored, patch, 1, known, &mut |key| changed.push(key.name()))?;
    Ok((merged, changed))
}

/// Writes the merged object to `out`, tells `note` each key whose value changes, and returns whether any does.
///
/// Of two objects only what the patch names is compared: the rest is copied as it stands.
fn merge_into(
    out: &mut String,
    stored: &str,
    patch: &str,
    depth: usize,
    known: Known,
    note: &mut dyn FnMut(Key<'_>),
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
    let start = out.len();
    out.push('{');
    let (mut first, mut any) = (true, false);
    for (key, old) in &stored_object.entries {
        let at = push_key(out, *key, &mut first);
        let Some(new) = patch_object.get(*key) else {
            out.push_str(old);
            continue;
        };
        let changed = if is_object(old) && is_object(new) {
            merge_into(out, old, new, depth + 1, known, &mut |_| {})?
        } else {
            let same = json::same_value(old, new) || (known == Known::Read && json::reads_as(old, new));
            out.push_str(if same { old } else { new });
            !same
        };
        if changed {
            any = true;
            note(*key);
            if depth == 1 && key.is_disguised() {
                out.replace_range(at..at + key.raw().len(), &key.plain());
            }
        }
    }
    for (key, new) in &patch_object.entries {
        if stored_object.get(*key).is_none() {
            let at = push_key(out, *key, &mut first);
            if depth == 1 && key.is_disguised() {
                out.replace_range(at..at + key.raw().len(), &key.plain());
            }
            out.push_str(new);
            any = true;
            note(*key);
        }
    }
    out.push('}');
    if !any {
        // Whatever it is that the object holds, its text stays.
        out.truncate(start);
        out.push_str(stored);
    }
    Ok(any)
}

/// Refuses text that is not one JSON object fit to be stored: no key repeated at any depth, at most 127 levels.
pub(crate) fn check_object(text: &str) -> Result<(), MergeError> {
    Object::parse(text)?;
    check_value(text, 0)
}

/// As [`check_object`], and refuses a word among the top-level keys that is spelled with an escape.
pub(crate) fn check_patch(text: &str) -> Result<(), MergeError> {
    check_object(text)?;
    match Object::parse(text)?.entries.iter().find(|(key, _)| key.is_disguised()) {
        Some((key, _)) => Err(MergeError::DisguisedKey(key.name())),
        None => Ok(()),
    }
}

/// As [`check_patch`] for what `new` has that `old` has not. A value that stays to the last byte passes, whatever it is:
/// who ends a task does not answer for all that an older program stored in it.
pub(crate) fn check_change(old: &str, new: &str) -> Result<(), MergeError> {
    let new_object = Object::parse(new)?;
    if let Some(key) = new_object.repeated() {
        return Err(MergeError::RepeatedKey(key.name()));
    }
    let old_object = Object::parse(old).unwrap_or_default();
    new_object.entries.iter().try_for_each(|(key, value)| {
        let old = old_object.entry(*key);
        if key.is_disguised() && old.is_none_or(|(old, _)| old.raw() != key.raw()) {
            return Err(MergeError::DisguisedKey(key.name()));
        }
        if old.is_some_and(|(_, old)| old == *value) { Ok(()) } else { check_value(value, 1) }
    })
}

/// The top-level keys whose value is added, removed or changed from `old` to `new`.
///
/// Formatting and the order of keys are no change. In doubt a key has changed: where a value can't
/// be read, and where `new` repeats the key, or spells it so, that readers understand it differently.
pub(crate) fn changed_keys(old: &str, new: &str) -> Result<Vec<String>, MergeError> {
    let old_object = Object::parse(old)?;
    if old == new {
        return Ok(Vec::new());
    }
    let new_object = Object::parse(new)?;
    let mut changed = Vec::new();
    for (key, old) in &old_object.entries {
        let same = new_object
            .entry(*key)
            .is_some_and(|(found, new)| key.is_disguised() == found.is_disguised() && json::same_to_all(old, new));
        if !same || new_object.repeats(*key) {
            changed.push(key.name());
        }
    }
    let added = new_object.entries.iter().filter(|(key, _)| old_object.get(*key).is_none());
    changed.extend(added.map(|(key, _)| key.name()));
    Ok(changed)
}

/// Whether the top-level key `name` has the same value in both, where it is missing that of null. In doubt not: where one
/// is no JSON object, or repeats the key.
///
/// SQLite's `json_extract` can't be asked this: which spellings of a key it finds depends on its version.
pub(crate) fn same_key(one: &str, other: &str, name: &str) -> bool {
    let (Ok(one), Ok(other)) = (Object::parse(one), Object::parse(other)) else { return false };
    let name = Key::of(name);
    let value = |object: &Object<'_>| object.get(name).unwrap_or("null").to_owned();
    !one.repeats(name) && !other.repeats(name) && json::same_to_all(&value(&one), &value(&other))
}

/// `text` with every word among its top-level keys spelled as it is; `None` where that is so already, or it is no object.
/// Of a key that is repeated, the last value stays.
pub(crate) fn undisguised(text: &str) -> Option<String> {
    let object = Object::parse(text).ok()?;
    if !object.has_disguised() {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    for (key, value) in &object.entries {
        plain.push(if plain.is_empty() { '{' } else { ',' });
        plain.extend(["\"", &*key.plain(), "\":", value]);
    }
    plain.push('}');
    Some(plain)
}

/// Whether the top-level key `name` is missing, null, or a text that every reader reads alike: one without `\u`, of which
/// some make a lone surrogate or the end of the text.
pub(crate) fn is_plain_text(data: &str, name: &str) -> bool {
    let value = Object::parse(data).ok().and_then(|object| object.get(Key::of(name)));
    value.is_none_or(|value| value == "null" || (value.starts_with('"') && !value.contains("\\u")))
}

fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

/// Writes a key with its colon, and returns where its text begins.
fn push_key(out: &mut String, key: Key<'_>, first: &mut bool) -> usize {
    if !std::mem::take(first) {
        out.push(',');
    }
    out.push('"');
    let at = out.len();
    out.push_str(key.raw());
    out.push_str("\":");
    at
}

/// Refuses a JSON value that repeats a key at any depth, or nests too deep with the levels `above` it. A loop, for it
/// may nest deeper than the stack.
fn check_value(text: &str, above: usize) -> Result<(), MergeError> {
    let bytes = text.as_bytes();
    // Of each level that is open its keys; a list has none.
    let mut open: Vec<Option<Keys<'_>>> = Vec::new();
    let (mut at, mut key_is_next) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let start = at;
                let end = json::end_of_string(bytes, at).unwrap_or(bytes.len());
                at = end + 1;
                if std::mem::take(&mut key_is_next)
                    && let Some(Some(keys)) = open.last_mut()
                {
                    let key = Key::of(text.get(start..end).unwrap_or_default());
                    if !keys.insert(key.spelled()) {
                        return Err(MergeError::RepeatedKey(key.name()));
                    }
                }
            }
            b'{' | b'[' => {
                key_is_next = byte == b'{';
                open.push(key_is_next.then(Keys::default));
                if above + open.len() > MAX_DEPTH {
                    return Err(MergeError::TooDeep);
                }
            }
            b'}' | b']' => drop(open.pop()),
            b',' => key_is_next = matches!(open.last(), Some(Some(_))),
            _ => {}
        }
    }
    Ok(())
}

/// The keys of one level.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, [u8]>>,
    many: HashSet<Cow<'a, [u8]>>,
}

impl<'a> Keys<'a> {
    /// Up to this many keys, comparing each with each beats hashing.
    const FEW: usize = 16;

    fn insert(&mut self, key: Cow<'a, [u8]>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

#[cfg(test)]
mod tests;
