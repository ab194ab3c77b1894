//! What a guard hands over of the row itself: its columns, and of each the old value and the new one.
//!
//! A function of SQLite takes at most 127 arguments, so the columns come in chunks: all but the last by calls of
//! `acl_row` earlier in the same trigger, the last one with the call of `acl_guard`.

use std::borrow::Cow;
use std::ops::Range;

use rusqlite::types::{Value, ValueRef};

/// The columns of a row that is written.
#[derive(Debug, Default)]
pub(crate) struct Row<'a> {
    /// The lists of all chunks: a column a line, behind the letter of its affinity ([`Affinity`]).
    lists: Vec<Cow<'a, str>>,
    /// The names of the columns that change: the list, and the place in it.
    changed: Vec<(usize, Range<usize>)>,
    mistyped: Option<Mistyped>,
    /// The new values, in the order of the lists, where somebody wants the record.
    values: Option<Vec<Value>>,
    /// Whether another row has one of its keys.
    pub(crate) key_taken: bool,
    pub(crate) rowid_changed: bool,
}

/// A column whose new value is not what it is declared to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistyped {
    pub(crate) column: String,
    pub(crate) needed: &'static str,
}

/// What a column is declared to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Text,
    Any,
}

impl Affinity {
    /// Its letter in a list of columns.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Integer => 'i',
            Self::Text => 't',
            Self::Any => '-',
        }
    }

    /// What a value must be that a column of this affinity can't hold; nothing where it can. `plain` asks for text that
    /// every reader can read back: UTF-8 without NUL.
    fn refuses(self, value: ValueRef<'_>, plain: bool) -> Option<&'static str> {
        match (self, value) {
            (Self::Any, _) | (_, ValueRef::Null) | (Self::Integer, ValueRef::Integer(_)) => None,
            (Self::Text, ValueRef::Text(text)) if !plain || (!text.contains(&0) && str::from_utf8(text).is_ok()) => {
                None
            }
            (Self::Text, _) => Some("plain text"),
            (Self::Integer, _) => Some("an integer"),
        }
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRow {
    /// The list of its columns, as [`Row::add`] takes it.
    list: String,
    values: Vec<Value>,
}

impl StoredRow {
    /// The value of a column.
    pub(crate) fn get(&self, column: &str) -> Option<&Value> {
        let at = self.list.lines().position(|line| line.get(1..) == Some(column))?;
        self.values.get(at)
    }
}

/// Which values a chunk holds, and what is asked of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Whether it holds a pair for each column, the old value first; else the new value alone.
    pub(crate) pairs: bool,
    /// Whether changed text has to be such that every reader can read it back.
    pub(crate) plain: bool,
    /// Whether the new values are kept.
    pub(crate) keep: bool,
}

impl<'a> Row<'a> {
    /// Adds a chunk: its list of columns, and its values in turn. Fails where these do not match.
    pub(crate) fn add<'v>(
        &mut self,
        list: Cow<'a, str>,
        mut values: impl Iterator<Item = ValueRef<'v>>,
        reading: Reading,
    ) -> Result<(), &'static str> {
        const MISMATCH: &str = "the guard does not match the table's columns";
        let (at, mut end) = (self.lists.len(), 0);
        for line in list.split('\n') {
            // Each line but the last ends with the line break that `end` counts too.
            end += line.len() + 1;
            let old = if reading.pairs { Some(values.next().ok_or(MISMATCH)?) } else { None };
            let new = values.next().ok_or(MISMATCH)?;
            let (affinity, name) = column(line).ok_or(MISMATCH)?;
            if reading.keep {
                let value = Value::try_from(new).unwrap_or(Value::Blob(Vec::new()));
                self.values.get_or_insert_default().push(value);
            }
            if old.is_some_and(|old| same(old, new)) {
                continue;
            }
            if reading.pairs {
                self.changed.push((at, end - 1 - name.len()..end - 1));
            }
            if let Some(needed) = affinity.refuses(new, reading.plain).filter(|_| self.mistyped.is_none()) {
                self.mistyped = Some(Mistyped { column: name.to_owned(), needed });
            }
        }
        if values.next().is_some() {
            return Err(MISMATCH);
        }
        self.lists.push(list);
        Ok(())
    }

    /// How many chunks it has.
    pub(crate) fn chunks(&self) -> usize {
        self.lists.len()
    }

    /// The names of the table's columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().flat_map(|list| list.lines()).filter_map(|line| column(line).map(|(_, name)| name))
    }

    /// The columns whose new value differs from the old one, be it in its type alone.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(|(list, place)| &self.lists[*list][place.clone()])
    }

    pub(crate) fn mistyped(&self) -> Option<&Mistyped> {
        self.mistyped.as_ref()
    }

    /// The new values, where they were kept.
    pub(crate) fn take_stored(&mut self) -> Option<StoredRow> {
        let values = self.values.take()?;
        Some(StoredRow { list: self.lists.join("\n"), values })
    }
}

/// Affinity and name of a column, from its line of a list.
fn column(line: &str) -> Option<(Affinity, &str)> {
    let (letter, name) = line.split_at_checked(1)?;
    let affinity = [Affinity::Integer, Affinity::Text, Affinity::Any]
        .into_iter()
        .find(|affinity| letter.starts_with(affinity.letter()))?;
    Some((affinity, name))
}

/// Whether two values are the same to the last bit, type included.
fn same(old: ValueRef<'_>, new: ValueRef<'_>) -> bool {
    match (old, new) {
        (ValueRef::Real(old), ValueRef::Real(new)) => old.to_bits() == new.to_bits(),
        (old, new) => old == new,
    }
}
