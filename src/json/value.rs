//! JSON text as a `Value`: what a reader is given, who wants no text.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Fault, MAX_DEPTH, NOT_AN_OBJECT, Reader, number, object, string};

/// The JSON value that `text` is. A lone surrogate is read as U+FFFD, a number as the nearest that `serde_json` can hold.
pub(crate) fn parse(text: &str) -> Result<Value, Fault> {
    let mut reader = Reader::new(text);
    let value = reader.value(1)?;
    reader.end()?;
    Ok(value)
}

/// The JSON object that `text` is, as [`parse`] reads it. Of a repeated key the last value counts. Keys that become the
/// same by what is read in the place of lone surrogates get names of their own: none is lost.
pub(crate) fn parse_object(text: &str) -> Result<Map<String, Value>, Fault> {
    match parse(text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Fault { problem: NOT_AN_OBJECT, at: 0 }),
    }
}

/// Whether [`parse`] loses no digit of a number in `text`, which is JSON.
pub(crate) fn is_read_exactly(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string::end_of_string(bytes, at + 1).map_or(bytes.len(), |end| end + 1),
            b'-' | b'0'..=b'9' => {
                let rest = &bytes[at..];
                let end = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
                let end = end.map_or(bytes.len(), |end| at + end);
                if !number::is_exact(&text[at..end]) {
                    return false;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    true
}

impl Reader<'_> {
    /// The value that is next, on this level.
    fn value(&mut self, level: usize) -> Result<Value, Fault> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let (raw, escaped) = self.string()?;
                Ok(Value::String(if escaped { string::read(raw) } else { raw.to_owned() }))
            }
            Some(b'{' | b'[') if level > MAX_DEPTH => Err(self.fault("nested deeper than 127 levels")),
            Some(b'{') => self.map(level).map(Value::Object),
            Some(b'[') => self.list(level).map(Value::Array),
            _ => Ok(match self.plain()? {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => Value::Number(number::read(text)),
            }),
        }
    }

    fn list(&mut self, level: usize) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(values);
        }
        loop {
            self.skip_space();
            values.push(self.value(level + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(values);
            }
            if !self.take(b',') {
                return Err(self.fault("a comma or a closing bracket is missing"));
            }
        }
    }

    fn map(&mut self, level: usize) -> Result<Map<String, Value>, Fault> {
        let (mut map, mut odd) = (Map::new(), Odd::default());
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(map);
        }
        loop {
            let key = self.key()?;
            let value = self.value(level + 1)?;
            match key.text() {
                Ok(key) => drop(map.insert(key, value)),
                Err(key) => odd.insert(key, map.len(), value),
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(odd.among(map));
            }
            if !self.take(b',') {
                return Err(self.fault("a comma or a closing bracket is missing"));
            }
        }
    }
}

/// The entries of an object whose keys hold lone surrogates.
#[derive(Default)]
struct Odd {
    /// The key, how many others came before it, and the value.
    entries: Vec<(Vec<u8>, usize, Value)>,
    places: HashMap<Vec<u8>, usize>,
}

impl Odd {
    fn insert(&mut self, key: Vec<u8>, before: usize, value: Value) {
        if let Some(place) = self.places.get(&key) {
            self.entries[*place].2 = value;
            return;
        }
        self.places.insert(key.clone(), self.entries.len());
        self.entries.push((key, before, value));
    }

    /// All entries in their order, each under a name of its own.
    fn among(self, map: Map<String, Value>) -> Map<String, Value> {
        if self.entries.is_empty() {
            return map;
        }
        let (mut counts, mut names) = (HashMap::new(), HashSet::new());
        let mut named = Vec::with_capacity(self.entries.len());
        for (key, before, value) in self.entries {
            let name = object::stand_in(key, &mut counts, |name| map.contains_key(name) || names.contains(name));
            names.insert(name.clone());
            named.push((name, before, value));
        }
        let (mut whole, mut named) = (Map::new(), named.into_iter().peekable());
        for (at, (key, value)) in map.into_iter().enumerate() {
            while let Some((name, _, value)) = named.next_if(|(_, before, _)| *before <= at) {
                whole.insert(name, value);
            }
            whole.insert(key, value);
        }
        whole.extend(named.map(|(name, _, value)| (name, value)));
        whole
    }
}
