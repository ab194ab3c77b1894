//! One level of an object: its keys, and their values as text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::string::FromUtf8Error;

use super::string::{decoded, lossy};
use super::{Fault, NOT_AN_OBJECT, Reader};

/// Up to this many keys, comparing each with each beats hashing.
const FEW: usize = 16;

/// A key as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    raw: &'a str,
    /// Whether it may hold an escape.
    escaped: bool,
}

impl<'a> Key<'a> {
    /// The key that stands as this text between quotes, in JSON.
    pub(crate) const fn of(raw: &'a str) -> Self {
        Self { raw, escaped: true }
    }

    /// The same, where it is known whether it holds an escape.
    pub(super) const fn read(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The text between the quotes.
    pub(crate) const fn raw(self) -> &'a str {
        self.raw
    }

    /// What it spells, exactly.
    pub(crate) fn spelled(self) -> Cow<'a, [u8]> {
        if self.escaped { decoded(self.raw) } else { Cow::Borrowed(self.raw.as_bytes()) }
    }

    /// Whether it spells a word with an escape, as no writer of JSON does: a reader that compares text doesn't find the
    /// key by its name, and another one does. SQLite is the former up to 3.44, and the latter since.
    pub(crate) fn is_disguised(self) -> bool {
        self.escaped && self.raw.contains('\\') && is_word(&self.spelled())
    }

    /// The text between quotes by which every reader finds it: of a word the word itself.
    pub(crate) fn plain(self) -> Cow<'a, str> {
        if !self.is_disguised() {
            return Cow::Borrowed(self.raw);
        }
        // A word is ASCII.
        String::from_utf8(self.spelled().into_owned()).map_or(Cow::Borrowed(self.raw), Cow::Owned)
    }

    /// What it spells; as bytes where it holds a lone surrogate.
    pub(super) fn text(self) -> Result<String, Vec<u8>> {
        if !self.escaped {
            return Ok(self.raw.to_owned());
        }
        String::from_utf8(decoded(self.raw).into_owned()).map_err(FromUtf8Error::into_bytes)
    }

    /// What it spells, for people: a lone surrogate as its escape, which no two keys share.
    pub(crate) fn name(self) -> String {
        match self.text() {
            Ok(name) => name,
            Err(shown) => {
                let mut name = String::new();
                let mut rest = &shown[..];
                while let Err(problem) = str::from_utf8(rest) {
                    let (valid, lone) = rest.split_at(problem.valid_up_to());
                    name.push_str(str::from_utf8(valid).unwrap_or_default());
                    let bits = |at: usize| u32::from(lone.get(at).copied().unwrap_or_default() & 0x3f);
                    name.push_str(&format!("\\u{:04x}", 0xd000 | bits(1) << 6 | bits(2)));
                    rest = lone.get(3..).unwrap_or_default();
                }
                name.push_str(str::from_utf8(rest).unwrap_or_default());
                name
            }
        }
    }
}

/// Whether a key is of letters, digits, `_` and `-` alone, as all names are that somebody asks for.
pub(crate) fn is_word(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The keys of an object, each once, and their values. Of a repeated key the last value counts, as for every reader
/// that builds a map. Keys are the same where they spell the same: two lone surrogates are two keys.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    pub(crate) entries: Vec<(Key<'a>, &'a str)>,
    /// Where each key is; empty for few keys.
    places: HashMap<Cow<'a, [u8]>, usize>,
    /// The keys that the text holds more than once.
    repeated: HashSet<Cow<'a, [u8]>>,
    /// Whether a key holds an escape.
    escapes: bool,
    /// Whether the text has a disguised key, be it the second of its name.
    disguised: bool,
}

impl<'a> Object<'a> {
    /// Reads all of `text` for what is JSON in it, and its top level for what is there.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        if !reader.take(b'{') {
            reader.skip_value()?;
            reader.end()?;
            return Err(Fault { problem: NOT_AN_OBJECT, at: 0 });
        }
        let mut object = Self { entries: Vec::with_capacity(FEW), ..Self::default() };
        reader.skip_space();
        if !reader.take(b'}') {
            loop {
                let key = reader.key()?;
                object.push(key, reader.skip_value()?);
                reader.skip_space();
                if reader.take(b',') {
                    continue;
                }
                if reader.take(b'}') {
                    break;
                }
                return Err(reader.fault("a comma or a closing bracket is missing"));
            }
        }
        reader.end()?;
        Ok(object)
    }

    fn push(&mut self, key: Key<'a>, value: &'a str) {
        self.escapes |= key.escaped;
        self.disguised |= key.is_disguised();
        if let Some(place) = self.place(key) {
            self.entries[place].1 = value;
            self.repeated.insert(key.spelled());
            return;
        }
        if self.entries.len() == FEW {
            self.places = self.entries.iter().enumerate().map(|(place, (key, _))| (key.spelled(), place)).collect();
        }
        if self.entries.len() >= FEW {
            self.places.insert(key.spelled(), self.entries.len());
        }
        self.entries.push((key, value));
    }

    fn place(&self, key: Key<'_>) -> Option<usize> {
        if self.entries.len() > FEW {
            self.places.get(&*key.spelled()).copied()
        } else if self.escapes || key.escaped {
            let spelled = key.spelled();
            self.entries.iter().position(|(known, _)| known.spelled() == spelled)
        } else {
            self.entries.iter().position(|(known, _)| known.raw == key.raw)
        }
    }

    pub(crate) fn get(&self, key: Key<'_>) -> Option<&'a str> {
        self.place(key).map(|place| self.entries[place].1)
    }

    /// The key as it stands here, and its value.
    pub(crate) fn entry(&self, key: Key<'_>) -> Option<(Key<'a>, &'a str)> {
        self.place(key).map(|place| self.entries[place])
    }

    pub(crate) fn repeats(&self, key: Key<'_>) -> bool {
        !self.repeated.is_empty() && self.repeated.contains(&*key.spelled())
    }

    /// Whether a key is spelled so that not every reader finds it.
    pub(crate) const fn has_disguised(&self) -> bool {
        self.disguised
    }

    /// A key that the text holds more than once.
    pub(crate) fn repeated(&self) -> Option<Key<'a>> {
        self.entries.iter().map(|(key, _)| *key).find(|key| self.repeats(*key))
    }
}

/// The name under which a map of text holds a key that is not UTF-8, for want of its own: no key of the object has it.
pub(super) fn stand_in(key: Vec<u8>, counts: &mut HashMap<String, usize>, taken: impl Fn(&str) -> bool) -> String {
    let name = lossy(key);
    let count = counts.entry(name.clone()).or_default();
    loop {
        *count += 1;
        let candidate = if *count == 1 { name.clone() } else { format!("{name}#{count}") };
        if !taken(&candidate) {
            return candidate;
        }
    }
}
