//! The columns of a table as a guard lists them: a column a line, behind the letter of its affinity.

use std::ops::Range;

use rusqlite::types::ValueRef;

use crate::merge::plain_text;

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

    /// What a value must be that a column of this affinity can't hold; nothing where it can. `plain` says whether the
    /// column asks for text that every reader can read back: UTF-8 without NUL.
    pub(super) fn refuses(self, value: ValueRef<'_>, plain: impl Fn() -> bool) -> Option<&'static str> {
        match (self, value) {
            (Self::Any, _) | (_, ValueRef::Null) | (Self::Integer, ValueRef::Integer(_)) => None,
            (Self::Text, ValueRef::Text(text)) if plain_text(text).is_some() || !plain() => None,
            (Self::Text, _) => Some("plain text"),
            (Self::Integer, _) => Some("an integer"),
        }
    }
}

/// Some columns of a table, in the order in which a guard hands their values over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    list: String,
    /// Of each the affinity, and where its name stands in the list.
    columns: Vec<(Affinity, Range<usize>)>,
}

impl Columns {
    /// Reads a list. `None` where a line is none of a column.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let (mut columns, mut end) = (Vec::new(), 0);
        for line in list.split('\n') {
            let (letter, name) = line.split_at_checked(1)?;
            let known = [Affinity::Integer, Affinity::Text, Affinity::Any];
            let affinity = known.into_iter().find(|affinity| letter.starts_with(affinity.letter()))?;
            end += line.len();
            columns.push((affinity, end - name.len()..end));
            end += 1;
        }
        Some(Self { list: list.to_owned(), columns })
    }

    /// The list that it was read from.
    pub(crate) fn list(&self) -> &str {
        &self.list
    }

    pub(super) fn affinities(&self) -> impl Iterator<Item = Affinity> {
        self.columns.iter().map(|(affinity, _)| *affinity)
    }

    pub(super) fn name(&self, at: usize) -> &str {
        self.columns.get(at).map_or("", |(_, place)| &self.list[place.clone()])
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, place)| &self.list[place.clone()])
    }
}
