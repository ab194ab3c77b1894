//! Whether two JSON texts say the same.

use std::borrow::Cow;

use super::{MAX_DEPTH, Object, Reader, number, parse, string};

/// Whether two JSON values are the same, down to the last digit and surrogate. Formatting and the order of keys are no
/// difference. In doubt they differ: where one is no JSON, nests too deep, or the new one repeats a key.
pub(crate) fn same_value(old: &str, new: &str) -> bool {
    old == new || same(old, new, 1, ALIKE)
}

/// As [`same_value`], to every reader: also one that compares the text of keys finds the same ones, on all levels.
pub(crate) fn same_to_all(old: &str, new: &str) -> bool {
    old == new || same(old, new, 1, How { disguises: false, ..ALIKE })
}

/// Whether `new` is what reading `old` gives, where reading loses something of it: digits, or a lone surrogate. Who sends
/// back what was read has changed nothing.
pub(crate) fn reads_as(old: &str, new: &str) -> bool {
    let reads_exactly = matches!(string::repaired(old), Some(Cow::Borrowed(_))) && super::is_read_exactly(old);
    !reads_exactly
        && parse(old).is_ok_and(|read| same(&read.to_string(), new, 1, How { numbers: number::same_amount, ..ALIKE }))
}

/// What is no difference.
#[derive(Clone, Copy)]
struct How {
    /// Whether two numbers are the same.
    numbers: fn(&str, &str) -> bool,
    /// Whether a key is the same that only one of the two disguises.
    disguises: bool,
}

const ALIKE: How = How { numbers: number::same, disguises: true };

fn same(old: &str, new: &str, level: usize, how: How) -> bool {
    let kind = |text: &str| text.trim_start().bytes().next();
    match (kind(old), kind(new)) {
        (Some(b'{'), Some(b'{')) if level <= MAX_DEPTH => {
            let (Ok(old), Ok(new)) = (Object::parse(old), Object::parse(new)) else { return false };
            old.entries.len() == new.entries.len()
                && new.repeated().is_none()
                && old.entries.iter().all(|(key, old)| {
                    new.entry(*key).is_some_and(|(found, new)| {
                        (how.disguises || key.is_disguised() == found.is_disguised())
                            && (*old == new || same(old, new, level + 1, how))
                    })
                })
        }
        (Some(b'['), Some(b'[')) if level <= MAX_DEPTH => {
            let (Some(old), Some(new)) = (items(old), items(new)) else { return false };
            old.len() == new.len()
                && old.iter().zip(&new).all(|(old, new)| old == new || same(old, new, level + 1, how))
        }
        (Some(b'"'), Some(b'"')) => match (text(old), text(new)) {
            (Some(old), Some(new)) => string::decoded(old) == string::decoded(new),
            _ => false,
        },
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => match (amount(old), amount(new)) {
            (Some(old), Some(new)) => (how.numbers)(old, new),
            _ => false,
        },
        (Some(_), Some(_)) => old.trim() == new.trim() && Reader::new(old).plain().is_ok(),
        _ => false,
    }
}

/// The items of a list, as text.
fn items(list: &str) -> Option<Vec<&str>> {
    let mut reader = Reader::new(list);
    let mut items = Vec::new();
    reader.take(b'[');
    reader.skip_space();
    if !reader.take(b']') {
        loop {
            reader.skip_space();
            items.push(reader.skip_value().ok()?);
            reader.skip_space();
            if reader.take(b']') {
                break;
            }
            if !reader.take(b',') {
                return None;
            }
        }
    }
    reader.end().ok()?;
    Some(items)
}

/// The text between the quotes of a string.
fn text(value: &str) -> Option<&str> {
    let mut reader = Reader::new(value);
    reader.take(b'"');
    let (text, _) = reader.string().ok()?;
    reader.end().ok()?;
    Some(text)
}

fn amount(value: &str) -> Option<&str> {
    let mut reader = Reader::new(value);
    let number = reader.number().ok()?;
    reader.end().ok()?;
    Some(number)
}
