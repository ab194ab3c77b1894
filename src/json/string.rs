//! Strings of JSON: where they end, and what they spell.

use std::borrow::Cow;

use super::{Fault, Reader};

impl<'a> Reader<'a> {
    /// The text between the quotes of a string, whose opening quote has been taken, and whether it holds an escape.
    pub(super) fn string(&mut self) -> Result<(&'a str, bool), Fault> {
        let (start, mut escaped) = (self.at, false);
        loop {
            self.at = end_of_plain(self.text.as_bytes(), self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.text[start..self.at - 1], escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("a control character in a string")),
                None => return Err(self.fault("a string does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let bytes = self.text.as_bytes();
        let length = match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if unit(bytes, self.at).is_some() => 6,
            _ => return Err(self.fault("an unknown escape")),
        };
        self.at += length;
        Ok(())
    }
}

/// Where the first byte from `at` on is that ends a string or is none that it may hold as it is: a quote, a backslash,
/// a control character. Eight bytes at a time.
fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word;
    let equal = |word: u64, byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = (less(word, b' ') | equal(word, b'"') | equal(word, b'\\')) & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len())
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

/// The unit of UTF-16 that the escape `\uXXXX` at this place spells.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

/// What the escape `\uXXXX` at this place spells, which may be two of them: its length, and the character or the lone
/// surrogate.
fn spelled(bytes: &[u8], at: usize) -> Option<(usize, Result<char, u16>)> {
    let first = unit(bytes, at)?;
    let second = unit(bytes, at + 6).unwrap_or_default();
    Some(match (first, second) {
        (0xd800..0xdc00, 0xdc00..0xe000) => {
            let code = 0x1_0000 + ((u32::from(first) & 0x3ff) << 10 | u32::from(second) & 0x3ff);
            (12, char::from_u32(code).ok_or(first))
        }
        _ => (6, char::from_u32(first.into()).ok_or(first)),
    })
}

/// What the text between two quotes spells, exactly: UTF-8, in which a lone surrogate is three bytes of its own (WTF-8).
/// Two strings are the same where these bytes are.
pub(super) fn decoded(raw: &str) -> Cow<'_, [u8]> {
    let bytes = raw.as_bytes();
    let Some(first) = memchr::memchr(b'\\', bytes) else { return Cow::Borrowed(bytes) };
    let mut whole = bytes[..first].to_vec();
    let mut at = first;
    while at < bytes.len() {
        let mut length = 2;
        match bytes.get(at + 1) {
            Some(b'u') => match spelled(bytes, at) {
                Some((taken, unit)) => {
                    length = taken;
                    match unit {
                        Ok(char) => whole.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                        Err(lone) => whole.extend_from_slice(&wtf8(lone)),
                    }
                }
                // No string that was read has such an escape.
                None => break,
            },
            Some(b'b') => whole.push(8),
            Some(b'f') => whole.push(12),
            Some(b'n') => whole.push(b'\n'),
            Some(b'r') => whole.push(b'\r'),
            Some(b't') => whole.push(b'\t'),
            Some(other) => whole.push(*other),
            None => break,
        }
        at += length;
        let next = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |next| at + next);
        whole.extend_from_slice(bytes.get(at..next).unwrap_or_default());
        at = next;
    }
    Cow::Owned(whole)
}

fn wtf8(lone: u16) -> [u8; 3] {
    let low = |bits: u16| 0x80 | (bits & 0x3f) as u8;
    [0xe0 | (lone >> 12) as u8, low(lone >> 6), low(lone)]
}

/// What the text between two quotes spells, a lone surrogate as U+FFFD.
pub(super) fn read(raw: &str) -> String {
    match decoded(raw) {
        Cow::Borrowed(_) => raw.to_owned(),
        Cow::Owned(bytes) => String::from_utf8(bytes).unwrap_or_else(|odd| lossy(odd.into_bytes())),
    }
}

/// WTF-8 as UTF-8: each lone surrogate is one U+FFFD, of three bytes too.
pub(super) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(lossy_bytes(bytes)).unwrap_or_default()
}

fn lossy_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    // In UTF-8 no byte from 0xa0 on follows 0xed.
    while let Some(found) = memchr::memchr(0xed, bytes.get(at..).unwrap_or_default()) {
        at += found;
        if let Some([_, 0xa0..0xc0, 0x80..0xc0]) = bytes.get(at..at + 3) {
            bytes.splice(at..at + 3, "\u{fffd}".bytes());
        }
        at += 1;
    }
    bytes
}

/// Bytes of text as text: a lone surrogate, and what else is not UTF-8, as U+FFFD.
pub(crate) fn readable(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8(lossy_bytes(bytes.to_owned()))
            .unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned()),
    }
}

/// JSON text with `\ufffd` in the place of each lone surrogate. `None` where one stands in a key: two keys could become
/// one. The text is known to be JSON.
pub(crate) fn repaired(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    let (mut repaired, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        match spelled(bytes, at) {
            Some((length, Err(_))) => {
                if is_key(bytes, at) {
                    return None;
                }
                repaired.push_str(&text[copied..at]);
                repaired.push_str("\\ufffd");
                at += length;
                copied = at;
            }
            Some((length, Ok(_))) => at += length,
            None => at += 2,
        }
    }
    if copied == 0 {
        return Some(Cow::Borrowed(text));
    }
    repaired.push_str(&text[copied..]);
    Some(Cow::Owned(repaired))
}

/// Whether the string around this place is a key: a colon follows it.
fn is_key(bytes: &[u8], at: usize) -> bool {
    let after = end_of_string(bytes, at).map_or(bytes.len(), |end| end + 1);
    let rest = bytes.get(after..).unwrap_or_default();
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}
