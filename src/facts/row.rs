//! What a guard hands over of the row itself: its columns, and of each the old value and the new one.
//!
//! A function of SQLite takes at most 127 arguments, so the columns come in chunks: all but the last by calls of
//! `acl_row` earlier in the same trigger, the last one with the call of `acl_guard`.

use std::sync::Arc;

use rusqlite::types::{Value, ValueRef};

use super::columns::Columns;
use crate::catalog::{Table, When};

/// The columns of a row that is written.
#[derive(Debug, Default)]
pub(crate) struct Row {
    chunks: Vec<Arc<Columns>>,
    /// The columns that change: the chunk, and the place in it.
    changed: Vec<(usize, usize)>,
    mistyped: Option<Mistyped>,
    /// The times that are written, each with its place as in `changed`; nothing for what is no integer.
    times: Vec<((usize, usize), When, Option<i64>)>,
    /// When the row was created.
    created_at: Option<i64>,
    /// The new values, in the order of the chunks, where somebody wants the record.
    values: Option<Vec<Value>>,
    /// Whether another row has one of its keys.
    pub(crate) key_taken: bool,
    /// The rows that have a key of a new one.
    pub(crate) taken: Vec<Value>,
    pub(crate) rowid_changed: bool,
}

/// A column whose new value is not what it is declared to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistyped {
    pub(crate) column: String,
    pub(crate) needed: &'static str,
}

/// A row as it is stored.
#[derive(Debug)]
pub(crate) struct StoredRow {
    chunks: Vec<Arc<Columns>>,
    values: Vec<Value>,
}

impl StoredRow {
    /// The value of a column. It is looked for from place `hint` on first: a record's columns have the order of its
    /// table's as a rule.
    pub(crate) fn get(&self, column: &str, hint: usize) -> Option<&Value> {
        if let [chunk] = &self.chunks[..]
            && chunk.name(hint) == column
        {
            return self.values.get(hint);
        }
        let at = self.chunks.iter().flat_map(|chunk| chunk.names()).position(|name| name == column)?;
        self.values.get(at)
    }
}

/// Which values a chunk holds, and what is asked of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Whether it holds a pair for each column, the old value first; else the new value alone.
    pub(crate) pairs: bool,
    /// The table whose row it is, where changed text has to be such that every reader can read it back, but for what is
    /// free; nothing where the values were checked before.
    pub(crate) strict: Option<&'static Table>,
    /// The table's columns that say when something happened.
    pub(crate) times: &'static [When],
    /// Whether the new values are kept.
    pub(crate) keep: bool,
}

impl Row {
    /// Adds a chunk: its columns, and their values in turn. Fails where these do not match.
    pub(crate) fn add<'v>(
        &mut self,
        columns: Arc<Columns>,
        mut values: impl Iterator<Item = ValueRef<'v>>,
        reading: Reading,
    ) -> Result<(), &'static str> {
        const MISMATCH: &str = "the guard does not match the table's columns";
        for (at, affinity) in columns.affinities().enumerate() {
            let old = if reading.pairs { Some(values.next().ok_or(MISMATCH)?) } else { None };
            let new = values.next().ok_or(MISMATCH)?;
            if reading.keep {
                // Text that is not UTF-8 is bytes to Rust.
                let value = Value::try_from(new).unwrap_or_else(|_| match new {
                    ValueRef::Text(bytes) => Value::Blob(bytes.to_owned()),
                    _ => Value::Null,
                });
                self.values.get_or_insert_default().push(value);
            }
            if !reading.times.is_empty() && columns.name(at) == "created_at" {
                self.created_at = new.as_i64().ok();
            }
            if old.is_some_and(|old| same(old, new)) {
                continue;
            }
            if let Some(when) = reading.times.iter().find(|when| when.column == columns.name(at))
                && new != ValueRef::Null
            {
                self.times.push(((self.chunks.len(), at), *when, new.as_i64().ok()));
            }
            if reading.pairs {
                self.changed.push((self.chunks.len(), at));
            }
            let plain = || reading.strict.is_some_and(|table| !table.is_free(columns.name(at)));
            if let Some(needed) = affinity.refuses(new, plain).filter(|_| self.mistyped.is_none()) {
                self.mistyped = Some(Mistyped { column: columns.name(at).to_owned(), needed });
            }
        }
        if values.next().is_some() {
            return Err(MISMATCH);
        }
        self.chunks.push(columns);
        Ok(())
    }

    /// How many chunks it has.
    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The names of the table's columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().flat_map(|chunk| chunk.names())
    }

    /// The columns whose new value differs from the old one, be it in its type alone.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().map(|(chunk, at)| self.chunks[*chunk].name(*at))
    }

    /// Takes `value` for what the writer gives for a column. `changes` says whether that differs from what is stored.
    pub(super) fn complete(&mut self, column: &str, value: ValueRef<'_>, changes: bool) {
        let place = |chunk: &Arc<Columns>| chunk.names().position(|name| name == column);
        let found = self.chunks.iter().enumerate().find_map(|(number, chunk)| Some((number, place(chunk)?)));
        let Some(place) = found else { return };
        self.changed.retain(|changed| *changed != place);
        // What is put there is our time, or the one that is stored.
        self.times.retain(|(written, ..)| *written != place);
        if changes {
            self.changed.push(place);
        }
        let before: usize = self.chunks[..place.0].iter().map(|chunk| chunk.names().count()).sum();
        if let Some(kept) = self.values.as_mut().and_then(|values| values.get_mut(before + place.1)) {
            *kept = Value::try_from(value).unwrap_or(Value::Null);
        }
    }

    pub(crate) fn mistyped(&self) -> Option<&Mistyped> {
        self.mistyped.as_ref()
    }

    /// The times that are written, and not NULL; nothing for what is no integer.
    pub(crate) fn times(&self) -> impl Iterator<Item = (When, Option<i64>)> {
        self.times.iter().map(|(_, when, time)| (*when, *time))
    }

    /// When the row was created, where it says that and times were looked for.
    pub(crate) fn created_at(&self) -> Option<i64> {
        self.created_at
    }

    /// The columns that are given a value, and the value, where these were kept.
    pub(crate) fn given(&self) -> Option<impl Iterator<Item = (&str, &Value)>> {
        let values = self.values.as_ref()?.iter();
        Some(self.columns().zip(values).filter(|(_, value)| **value != Value::Null))
    }

    /// The new values, where they were kept.
    pub(crate) fn take_stored(&mut self) -> Option<StoredRow> {
        Some(StoredRow { values: self.values.take()?, chunks: self.chunks.clone() })
    }
}

/// Whether two values are the same to the last bit, type included.
fn same(old: ValueRef<'_>, new: ValueRef<'_>) -> bool {
    match (old, new) {
        (ValueRef::Real(old), ValueRef::Real(new)) => old.to_bits() == new.to_bits(),
        (old, new) => old == new,
    }
}
