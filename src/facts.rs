//! The facts that a verdict rests on, as a guard or a read gathered them: names and values.
//!
//! A fact that is missing, or of another type than it should be, is never taken for a harmless one.

use std::cell::OnceCell;
use std::ops::Range;

use crate::level::{Held, Level, Need};
use crate::merge;
use crate::verdict::Refusal;

/// One fact's value, as SQLite has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fact<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    /// A BLOB, a REAL, or a text that is no UTF-8 or holds a NUL: no verdict rests on it.
    Unusable,
}

/// Facts by name. A name may stand more than once (`removed_parent`).
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    list: Vec<(&'a str, Fact<'a>)>,
    /// Where the columns that change stand in the text of all columns; found out when first asked for.
    changed: OnceCell<Vec<Range<usize>>>,
    /// The keys of `data` that change: told by whoever merged, or found out when first asked for.
    keys: OnceCell<DataChange>,
}

/// How `data` changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataChange {
    /// The top-level keys that change; `None` where the stored text is no JSON object.
    pub(crate) keys: Option<Vec<String>>,
    /// Whether the new text is known to be one JSON object that repeats no key.
    pub(crate) checked: bool,
}

/// One row of `acl_rules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) needs: Need,
    pub(crate) needs_if_own: Option<Need>,
    audit_all: bool,
}

impl Rule {
    /// Whether what this rule allows leaves an audit row. Refused writes always do.
    pub(crate) const fn audits_allowed(self) -> bool {
        self.audit_all
    }

    /// Reads `NEEDS|NEEDS_IF_OWN|AUDIT`, the text of the view `acl_rule`. An unknown word is no rule.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('|');
        let needs = Need::from_word(words.next()?)?;
        let needs_if_own = match words.next()? {
            "" => None,
            word => Some(Need::from_word(word)?),
        };
        Some(Self { needs, needs_if_own, audit_all: words.next()? == "all" })
    }
}

impl<'a> Facts<'a> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { list: Vec::with_capacity(capacity), ..Self::default() }
    }

    pub(crate) fn push(&mut self, name: &'a str, fact: Fact<'a>) {
        self.list.push((name, fact));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<Fact<'a>> {
        self.list.iter().find(|(known, _)| *known == name).map(|(_, fact)| *fact)
    }

    fn get(&self, name: &str) -> Result<Fact<'a>, Refusal> {
        self.find(name).ok_or_else(|| Refusal::Undecidable(format!("the guard lacks the fact `{name}`")))
    }

    /// A stored text. Anything but text or NULL is a damaged row.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name)? {
            Fact::Null => Ok(None),
            Fact::Text(text) => Ok(Some(text)),
            _ => Err(Refusal::Undecidable(format!("the stored `{name}` is not plain text"))),
        }
    }

    /// A text that the writer gives. Anything but text or NULL is bad input.
    pub(crate) fn input(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name)? {
            Fact::Null => Ok(None),
            Fact::Text(text) => Ok(Some(text)),
            _ => Err(Refusal::invalid(name, "must be plain text")),
        }
    }

    /// A number that the writer gives.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Refusal> {
        match self.get(name)? {
            Fact::Null => Ok(None),
            Fact::Int(number) => Ok(Some(number)),
            _ => Err(Refusal::invalid(name, "must be an integer")),
        }
    }

    /// Whether a fact is NULL, or missing.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        matches!(self.find(name), None | Some(Fact::Null))
    }

    /// A truth. NULL is false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name)? {
            Fact::Null => Ok(false),
            Fact::Int(number) => Ok(number != 0),
            _ => Err(Refusal::Undecidable(format!("the fact `{name}` is not a truth value"))),
        }
    }

    /// A text of lines; NULL is none.
    pub(crate) fn text_lines(&self, name: &str) -> Result<Vec<String>, Refusal> {
        Ok(self.text(name)?.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default())
    }

    /// The text of a fact whatever it is, for a message.
    pub(crate) fn any_text(&self, name: &str) -> String {
        match self.find(name) {
            Some(Fact::Text(text)) => text.to_owned(),
            Some(Fact::Int(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// What somebody holds, from the text `RANK SOURCE` of the view `acl_held`; NULL holds nothing.
    pub(crate) fn held(&self, name: &str) -> Result<Held, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(Held::nothing()) };
        let (rank, source) = text.split_once(' ').unwrap_or((text, "nothing"));
        let level = rank.parse().map_or(Level::None, Level::from_rank);
        Ok(Held { level, source: source.to_owned() })
    }

    /// A rule; `None` where there is none or a word in it is unknown.
    pub(crate) fn rule(&self, name: &str) -> Result<Option<Rule>, Refusal> {
        if !self.has(name) {
            return Ok(None);
        }
        Ok(self.text(name)?.and_then(Rule::parse))
    }

    /// The table's columns.
    pub(crate) fn columns(&self) -> Result<impl Iterator<Item = &'a str>, Refusal> {
        Ok(self.text("columns")?.unwrap_or_default().lines())
    }

    /// The columns whose stored value IS NOT the new one.
    pub(crate) fn changed(&self) -> Result<impl Iterator<Item = &'a str> + '_, Refusal> {
        let columns = self.text("columns")?.unwrap_or_default();
        let changed = match self.changed.get() {
            Some(known) => known,
            None => {
                let found = Self::find_changed(columns, self.text("changed")?.unwrap_or_default())?;
                self.changed.get_or_init(|| found)
            }
        };
        Ok(changed.iter().map(|range| &columns[range.clone()]))
    }

    fn find_changed(columns: &str, flags: &str) -> Result<Vec<Range<usize>>, Refusal> {
        let mut changed = Vec::new();
        let (mut start, mut flags) = (0, flags.bytes());
        for column in columns.split('\n') {
            let end = start + column.len();
            match flags.next() {
                Some(b'0') => {}
                Some(_) => changed.push(start..end),
                None => return Err(Self::mismatch()),
            }
            start = end + 1;
        }
        if flags.next().is_some() { Err(Self::mismatch()) } else { Ok(changed) }
    }

    fn mismatch() -> Refusal {
        Refusal::Undecidable("the guard does not match the table's columns".to_owned())
    }

    /// Whether this one column changes.
    pub(crate) fn changes(&self, column: &str) -> bool {
        self.changed().is_ok_and(|mut changed| changed.any(|name| name == column))
    }

    /// How `data` changes, from `old_data` to `data`; a creation changes every key that it has.
    pub(crate) fn data_change(&self) -> Result<&DataChange, Refusal> {
        if let Some(known) = self.keys.get() {
            return Ok(known);
        }
        let new = self.input("data")?.unwrap_or_default();
        let old = if self.has("old_data") { self.text("old_data")?.unwrap_or_default() } else { "{}" };
        let keys = merge::changed_keys(old, new).ok();
        Ok(self.keys.get_or_init(|| DataChange { keys, checked: false }))
    }

    /// Takes over how `data` changes from whoever merged it, where these are the texts that were merged.
    pub(crate) fn adopt_merge(&self, stored: &str, merged: &str, change: &DataChange) {
        let is = |name: &str, text: &str| matches!(self.find(name), Some(Fact::Text(fact)) if fact == text);
        if is("data", merged) && is("old_data", stored) {
            let _ = self.keys.set(change.clone());
        }
    }

    /// Whether the guard found that a cascade does this: set by [`Facts::confirm_cascade`].
    pub(crate) fn is_cascade(&self) -> bool {
        matches!(self.find("cascade"), Some(Fact::Int(1)))
    }

    /// Adds whether this is the cascade of a removal that was allowed and is under way.
    ///
    /// A deletion is one where a parent is gone (`removed_parent`). An update is one where nothing changes but
    /// foreign keys, to NULL, whose old parents are gone (`set_null:COLUMN`). `under_way` says whether
    /// the removal of a parent, named `RESOURCE ID`, is.
    pub(crate) fn confirm_cascade(&mut self, under_way: impl Fn(&str) -> bool) {
        let is_under_way = |fact: &Fact<'_>| matches!(fact, Fact::Text(parent) if under_way(parent));
        let gone = self.list.iter().any(|(name, fact)| *name == "removed_parent" && is_under_way(fact));
        let nulled = || {
            let mut changed = self.changed().ok()?.peekable();
            changed.peek()?;
            let is_nulled = |column: &str| {
                self.list
                    .iter()
                    .any(|(name, fact)| name.strip_prefix("set_null:") == Some(column) && is_under_way(fact))
            };
            Some(changed.all(is_nulled))
        };
        let cascade = gone || (self.has("changed") && nulled().unwrap_or(false));
        self.push("cascade", Fact::Int(i64::from(cascade)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(list: &[(&'static str, Fact<'static>)]) -> Facts<'static> {
        Facts { list: list.to_vec(), ..Facts::default() }
    }

    #[test]
    fn what_is_held_is_none_unless_it_is_plainly_said() {
        for (text, level) in [
            (Fact::Text("4 owner"), Level::All),
            (Fact::Text("1 group a b"), Level::View),
            (Fact::Text("1"), Level::View),
            (Fact::Text("0 others"), Level::None),
            (Fact::Text("5"), Level::None),
            (Fact::Text("-1 x"), Level::None),
            (Fact::Text("x owner"), Level::None),
            (Fact::Text(""), Level::None),
            (Fact::Text(" 4 owner"), Level::None),
            (Fact::Null, Level::None),
        ] {
            assert_eq!(facts(&[("held", text)]).held("held").unwrap().level, level, "{text:?}");
        }
        assert!(facts(&[("held", Fact::Int(4))]).held("held").is_err());
        assert!(facts(&[]).held("held").is_err());
    }

    #[test]
    fn a_truth_is_a_number() {
        for (fact, truth) in [
            (Fact::Int(1), Some(true)),
            (Fact::Int(0), Some(false)),
            (Fact::Null, Some(false)),
            (Fact::Text("1"), None),
            (Fact::Unusable, None),
        ] {
            assert_eq!(facts(&[("own", fact)]).flag("own").ok(), truth, "{fact:?}");
        }
        assert!(facts(&[]).flag("own").is_err());
    }

    /// An update is a cascade's where it sets to NULL what named the parent that goes, and nothing else.
    #[test]
    fn a_cascade_changes_nothing_but_what_named_the_parent() {
        let under_way = |parent: &str| parent == "board b";
        for (changed, board, fork, cascade) in [
            ("0100", Fact::Text("board b"), Fact::Null, true),
            ("0110", Fact::Text("board b"), Fact::Null, false),
            ("0101", Fact::Text("board b"), Fact::Null, false),
            ("0010", Fact::Text("board b"), Fact::Null, false),
            ("0000", Fact::Text("board b"), Fact::Null, false),
            ("0100", Fact::Text("board c"), Fact::Null, false),
            ("0100", Fact::Null, Fact::Null, false),
            ("0101", Fact::Text("board b"), Fact::Text("session s"), false),
            ("0101", Fact::Text("board b"), Fact::Text("board b"), true),
            ("01", Fact::Text("board b"), Fact::Null, false),
        ] {
            let mut facts = facts(&[
                ("columns", Fact::Text("id\nboard_id\nstatus\nfork")),
                ("changed", Fact::Text(changed)),
                ("set_null:board_id", board),
                ("set_null:fork", fork),
            ]);
            facts.confirm_cascade(under_way);
            assert_eq!(facts.is_cascade(), cascade, "{changed} {board:?} {fork:?}");
        }
        for (gone, cascade) in [("board b", true), ("board c", false), ("board", false)] {
            let mut facts = facts(&[("removed_parent", Fact::Null), ("removed_parent", Fact::Text(gone))]);
            facts.confirm_cascade(under_way);
            assert_eq!(facts.is_cascade(), cascade, "{gone}");
        }
    }
}
