//! Reading JSON text as it stands.
//!
//! Two things keep us from reading text that somebody else wrote with `serde_json`. It refuses a lone surrogate, which
//! JavaScript writes where an emoji was cut in halves. And what its `Value` makes of a text is not settled here: any
//! crate in the program can switch features on by which an object of one private name is read as something else, or by
//! which a number arrives as an object. So the grammar stands here, and `Value` is only what a reader is given.

mod number;
mod object;
mod same;
mod string;
mod value;

#[cfg(test)]
pub(crate) use object::is_word;
pub(crate) use object::{Key, Object};
pub(crate) use same::{reads_as, same_to_all, same_value};
pub(crate) use string::{end_of_string, readable, repaired};
pub(crate) use value::{is_read_exactly, parse, parse_object};

/// How deep JSON may nest where it is written or read as a `Value`: the most that `serde_json`, and so every reader of
/// ours, can read back.
pub(crate) const MAX_DEPTH: usize = 127;

/// Why text is not the JSON that it should be. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub(crate) struct Fault {
    problem: &'static str,
    at: usize,
}

impl Fault {
    /// Whether the text is JSON, of another type than an object.
    pub(crate) fn is_type(&self) -> bool {
        self.problem == NOT_AN_OBJECT
    }
}

const NOT_AN_OBJECT: &str = "not an object";

/// A place in a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let mut reader = Self { text, at: 0 };
        reader.skip_space();
        reader
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, problem: &'static str) -> Fault {
        Fault { problem, at: self.at }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte`, where it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The end of the text.
    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault("trailing characters")) }
    }

    /// A key with its colon, and the space up to the value.
    fn key(&mut self) -> Result<Key<'a>, Fault> {
        self.skip_space();
        if !self.take(b'"') {
            return Err(self.fault("a key is missing"));
        }
        let (key, escaped) = self.string()?;
        self.skip_space();
        if !self.take(b':') {
            return Err(self.fault("a colon is missing"));
        }
        self.skip_space();
        Ok(Key::read(key, escaped))
    }

    /// The value that is next, as text. A loop, for it may nest deeper than the stack.
    fn skip_value(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        // The brackets that have to close what is open.
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b'}') {
                        self.key()?;
                        open.push(b'}');
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    self.skip_space();
                    if !self.take(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                _ => drop(self.plain()?),
            }
            loop {
                let Some(&close) = open.last() else { return Ok(&self.text[start..self.at]) };
                self.skip_space();
                if self.take(b',') {
                    if close == b'}' {
                        self.key()?;
                    } else {
                        self.skip_space();
                    }
                    break;
                }
                if !self.take(close) {
                    return Err(self.fault("a comma or a closing bracket is missing"));
                }
                open.pop();
            }
        }
    }

    /// A number, a truth or null, as text.
    fn plain(&mut self) -> Result<&'a str, Fault> {
        let word = match self.peek() {
            Some(b't') => "true",
            Some(b'f') => "false",
            Some(b'n') => "null",
            _ => return self.number(),
        };
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fault("a value is missing"));
        }
        self.at += word.len();
        Ok(word)
    }
}

#[cfg(test)]
mod tests;
