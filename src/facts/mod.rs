//! The facts that a verdict rests on, as a guard or a read gathered them.
//!
//! A fact that is missing, or of another type than it should be, is never taken for a harmless one.

mod columns;
mod contract;
mod row;
mod rule;

use std::cell::OnceCell;

use rusqlite::types::ValueRef;

use crate::error::Refusal;
use crate::level::{Held, Level};
use crate::merge;
use crate::operation::Resource;

pub(crate) use columns::{Affinity, Columns};
use contract::removed;
pub(crate) use contract::{CHILD, Fact, contract};
pub(crate) use row::{Reading, Row, StoredRow};
pub(crate) use rule::Rule;

/// The facts of one question.
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    contract: &'static [Fact],
    values: Vec<ValueRef<'a>>,
    /// The row that is written.
    pub(crate) row: Row,
    /// The present time in milliseconds.
    pub(crate) now: i64,
    /// Whether a new worktree waits for this very row, its first owner.
    pub(crate) first_owner_due: bool,
    /// Whether the cascade of a removal that was allowed does this.
    pub(crate) cascade: bool,
    /// Whether `data` is one JSON object that repeats no key, since a repository wrote it from a map.
    pub(crate) from_map: bool,
    /// How `data` changes: told by whoever merged it, or found out when first asked for.
    data: OnceCell<DataChange>,
    /// Which facts were asked for.
    #[cfg(test)]
    pub(crate) read: std::cell::RefCell<std::collections::HashSet<Fact>>,
}

/// How `data` changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataChange {
    /// The top-level keys that change; `None` where the stored text is no JSON object.
    pub(crate) keys: Option<Vec<String>>,
    /// Whether the new text is known to be one JSON object that repeats no key.
    pub(crate) checked: bool,
}

impl<'a> Facts<'a> {
    /// The facts of this contract, by their places.
    ///
    /// # Errors
    /// `Undecidable` where there are more or fewer than that.
    pub(crate) fn new(contract: &'static [Fact], values: Vec<ValueRef<'a>>) -> Result<Self, Refusal> {
        if values.len() != contract.len() {
            return Err(Refusal::Undecidable("the guard does not pass the facts of its contract".to_owned()));
        }
        Ok(Self { contract, values, ..Self::default() })
    }

    /// Whether the contract has this fact.
    pub(crate) fn has(&self, fact: Fact) -> bool {
        self.contract.contains(&fact)
    }

    fn find(&self, fact: Fact) -> Option<ValueRef<'a>> {
        #[cfg(test)]
        self.read.borrow_mut().insert(fact);
        self.contract.iter().position(|known| *known == fact).map(|at| self.values[at])
    }

    fn get(&self, fact: Fact) -> Result<ValueRef<'a>, Refusal> {
        self.find(fact).ok_or_else(|| Refusal::Undecidable(format!("the guard lacks the fact `{}`", fact.name())))
    }

    /// A stored text. Anything but plain text or NULL is a damaged row.
    pub(crate) fn text(&self, fact: Fact) -> Result<Option<&'a str>, Refusal> {
        let damaged = || Refusal::Undecidable(format!("the stored `{}` is not plain text", fact.name()));
        match self.get(fact)? {
            ValueRef::Null => Ok(None),
            value => plain(value).map(Some).ok_or_else(damaged),
        }
    }

    /// A text that the writer gives. Anything but plain text or NULL is bad input.
    pub(crate) fn input(&self, fact: Fact) -> Result<Option<&'a str>, Refusal> {
        match self.get(fact)? {
            ValueRef::Null => Ok(None),
            value => plain(value).map(Some).ok_or_else(|| Refusal::invalid(fact.name(), "must be plain text")),
        }
    }

    /// A number that the writer gives.
    pub(crate) fn int(&self, fact: Fact) -> Result<Option<i64>, Refusal> {
        match self.get(fact)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(Refusal::invalid(fact.name(), "must be an integer")),
        }
    }

    /// Whether a fact is NULL, or missing.
    pub(crate) fn is_null(&self, fact: Fact) -> bool {
        matches!(self.find(fact), None | Some(ValueRef::Null))
    }

    /// A value as it came.
    pub(crate) fn raw(&self, fact: Fact) -> ValueRef<'a> {
        self.find(fact).unwrap_or(ValueRef::Null)
    }

    /// A truth. NULL is false.
    pub(crate) fn flag(&self, fact: Fact) -> Result<bool, Refusal> {
        match self.get(fact)? {
            ValueRef::Null => Ok(false),
            ValueRef::Integer(number) => Ok(number != 0),
            _ => Err(Refusal::Undecidable(format!("the fact `{}` is not a truth value", fact.name()))),
        }
    }

    /// A text of lines; NULL is none.
    pub(crate) fn text_lines(&self, fact: Fact) -> Result<Vec<String>, Refusal> {
        Ok(self.text(fact)?.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default())
    }

    /// The text of a fact whatever it is, for a message.
    pub(crate) fn any_text(&self, fact: Fact) -> String {
        match self.find(fact) {
            Some(ValueRef::Integer(number)) => number.to_string(),
            Some(value) => plain(value).unwrap_or_default().to_owned(),
            None => String::new(),
        }
    }

    /// What somebody holds, from the text `RANK SOURCE` of the view `acl_held`; NULL holds nothing.
    pub(crate) fn held(&self, fact: Fact) -> Result<Held, Refusal> {
        let Some(text) = self.text(fact)? else { return Ok(Held::nothing()) };
        let (rank, source) = text.split_once(' ').unwrap_or((text, "nothing"));
        let level = rank.parse().map_or(Level::None, Level::from_rank);
        Ok(Held { level, source: source.to_owned() })
    }

    /// A rule; `None` where there is none or a word in it is unknown.
    pub(crate) fn rule(&self, fact: Fact) -> Result<Option<Rule>, Refusal> {
        if !self.has(fact) {
            return Ok(None);
        }
        Ok(self.text(fact)?.and_then(Rule::parse))
    }

    /// Whether this one column changes.
    pub(crate) fn changes(&self, column: &str) -> bool {
        self.row.changed().any(|name| name == column)
    }

    /// How `data` changes, from `old_data` to `data`; a creation changes every key that it has.
    pub(crate) fn data_change(&self) -> Result<&DataChange, Refusal> {
        if let Some(known) = self.data.get() {
            return Ok(known);
        }
        let new = self.input(Fact::Data)?.unwrap_or_default();
        // Of a stored text that can't be read nothing can be told. That makes the row nobody's to repair but the daemon's.
        let old = if self.has(Fact::OldData) { self.text(Fact::OldData).ok().flatten() } else { Some("{}") };
        let keys = merge::changed_keys(old.unwrap_or_default(), new).ok();
        Ok(self.data.get_or_init(|| DataChange { keys, checked: self.from_map }))
    }

    /// Takes over how `data` changes from whoever merged it, where these are the texts that were merged.
    pub(crate) fn adopt_merge(&self, stored: &str, merged: &str, change: DataChange) {
        let is = |fact, text: &str| self.find(fact) == Some(ValueRef::Text(text.as_bytes()));
        if is(Fact::Data, merged) && is(Fact::OldData, stored) {
            let _ = self.data.set(change);
        }
    }

    /// Puts `value` in the place of what the writer gives for the column of this fact. Returns whether it differs.
    pub(crate) fn complete(&mut self, fact: Fact, value: ValueRef<'a>, changes: bool) -> bool {
        let Some(at) = self.contract.iter().position(|known| *known == fact) else { return false };
        if self.values[at] == value {
            return false;
        }
        self.values[at] = value;
        self.row.complete(fact.name(), value, changes);
        true
    }

    /// Whether the cascade of a removal that was allowed and is under way does this.
    ///
    /// A deletion is one where a parent is gone. An update is one where nothing changes but foreign keys, to NULL,
    /// whose old parents are gone. `under_way` says whether the removal of a record was allowed by the statement that runs.
    ///
    /// INVARIANT: what is gone is told by the guard's own call, of the row that it judges. Told ahead of it, it would outlast a
    /// statement that is interrupted in between, and the next row would pass for a cascade's.
    ///
    /// # Errors
    /// Where the guard of a further table does not tell it as it should.
    pub(crate) fn find_cascade(&mut self, under_way: impl Fn(Resource, &str) -> bool) -> Result<(), Refusal> {
        // A parent whose id is no text was removed by nobody.
        let known = self.contract.iter().filter_map(|fact| Some((removed(*fact)?, plain(self.find(*fact)?)?)));
        let mut gone: Vec<(Option<String>, bool)> =
            known.map(|((kind, column), id)| (column.map(str::to_owned), under_way(kind, id))).collect();
        if self.has(Fact::RemovedParents) {
            let told: Vec<Option<(Option<String>, String, String)>> =
                serde_json::from_str(self.text(Fact::RemovedParents)?.unwrap_or("[]"))
                    .map_err(|_| Refusal::Undecidable("the guard does not tell which parents are gone".to_owned()))?;
            gone.extend(told.into_iter().flatten().map(|(column, kind, id)| {
                let under_way = Resource::known(&kind).is_some_and(|kind| under_way(kind, &id));
                (column, under_way)
            }));
        }
        let removal = gone.iter().any(|(column, under_way)| column.is_none() && *under_way);
        let nulled =
            |changed: &str| gone.iter().any(|(column, under_way)| *under_way && column.as_deref() == Some(changed));
        let mut changed = self.row.changed().peekable();
        self.cascade = removal || (changed.peek().is_some() && changed.all(nulled));
        Ok(())
    }
}

/// Text that every reader can read back: UTF-8 without NUL.
fn plain(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Text(bytes) => merge::plain_text(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog;

    fn one(fact: Fact, value: ValueRef<'static>) -> Facts<'static> {
        let contract: &'static [Fact] = Box::leak(Box::new([fact]));
        Facts::new(contract, vec![value]).unwrap()
    }

    const fn text(text: &'static str) -> ValueRef<'static> {
        ValueRef::Text(text.as_bytes())
    }

    #[test]
    fn what_is_held_is_none_unless_it_is_plainly_said() {
        for (held, level) in [
            (text("4 owner"), Level::All),
            (text("1 group a b"), Level::View),
            (text("1"), Level::View),
            (text("0 others"), Level::None),
            (text("5"), Level::None),
            (text("-1 x"), Level::None),
            (text("x owner"), Level::None),
            (text(""), Level::None),
            (text(" 4 owner"), Level::None),
            (ValueRef::Null, Level::None),
        ] {
            assert_eq!(one(Fact::Held, held).held(Fact::Held).unwrap().level, level, "{held:?}");
        }
        assert!(one(Fact::Held, ValueRef::Integer(4)).held(Fact::Held).is_err());
        assert!(one(Fact::Own, ValueRef::Integer(4)).held(Fact::Held).is_err());
    }

    #[test]
    fn a_truth_is_a_number() {
        for (own, truth) in [
            (ValueRef::Integer(1), Some(true)),
            (ValueRef::Integer(0), Some(false)),
            (ValueRef::Null, Some(false)),
            (text("1"), None),
            (ValueRef::Blob(b"1"), None),
        ] {
            assert_eq!(one(Fact::Own, own).flag(Fact::Own).ok(), truth, "{own:?}");
        }
        assert!(one(Fact::Held, ValueRef::Null).flag(Fact::Own).is_err());
    }

    #[test]
    fn a_guard_passes_its_contract_or_nothing() {
        let two = &[Fact::Id, Fact::Own];
        assert!(Facts::new(two, vec![text("a")]).is_err());
        assert!(Facts::new(two, vec![text("a"); 3]).is_err());
    }

    fn update(pairs: &[(&'static str, ValueRef<'static>, ValueRef<'static>)]) -> Row {
        let list: Vec<String> = pairs.iter().map(|(name, ..)| format!("t{name}")).collect();
        let values = pairs.iter().flat_map(|(_, old, new)| [*old, *new]);
        let mut row = Row::default();
        let columns = Columns::parse(&list.join("\n")).unwrap();
        row.add(
            Arc::new(columns),
            values,
            Reading { pairs: true, strict: Some(catalog::of(Resource::Task)), times: &[], keep: false },
        )
        .unwrap();
        row
    }

    /// Whatever could be read differently counts as changed: another type, another byte, another case.
    #[test]
    fn a_value_is_unchanged_only_to_the_last_bit() {
        for (old, new, changed) in [
            (text("a"), text("a"), false),
            (text("a"), text("A"), true),
            (text("1"), ValueRef::Integer(1), true),
            (ValueRef::Integer(1), ValueRef::Real(1.0), true),
            (ValueRef::Real(0.0), ValueRef::Real(-0.0), true),
            (text("a"), ValueRef::Blob(b"a"), true),
            (ValueRef::Null, ValueRef::Null, false),
            (ValueRef::Null, text(""), true),
        ] {
            assert_eq!(update(&[("a", old, new)]).changed().count() == 1, changed, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_list_that_does_not_match_its_values_is_refused() {
        let reading = Reading { pairs: true, strict: Some(catalog::of(Resource::Task)), times: &[], keep: false };
        for (list, values) in [("ta", 1), ("ta", 3), ("ta", 4), ("ta\ntb", 2), ("", 0), ("xa", 2), ("\nta", 2)] {
            let added = Columns::parse(list).map(|columns| {
                Row::default().add(Arc::new(columns), vec![ValueRef::Null; values].into_iter(), reading)
            });
            assert!(added.is_none_or(|added| added.is_err()), "{list:?} {values}");
        }
    }

    /// An update is a cascade's where it sets to NULL what named the parent that goes, and nothing else.
    #[test]
    fn a_cascade_changes_nothing_but_what_named_the_parent() {
        const NULL: ValueRef<'static> = ValueRef::Null;
        let (board, fork) = (text("b"), text("s"));
        for (changed, [board, fork], under_way, cascade) in [
            (&["board_id"][..], [board, NULL], &["b"][..], true),
            (&["board_id", "status"], [board, NULL], &["b"], false),
            (&["board_id", "forked_from_session_id"], [board, NULL], &["b"], false),
            (&["status"], [board, NULL], &["b"], false),
            (&[], [board, NULL], &["b"], false),
            (&["board_id"], [board, NULL], &[], false),
            (&["board_id"], [NULL, NULL], &["b"], false),
            (&["board_id", "forked_from_session_id"], [board, fork], &["b"], false),
            (&["board_id", "forked_from_session_id"], [board, fork], &["b", "s"], true),
        ] {
            let pairs = ["id", "board_id", "status", "forked_from_session_id"]
                .map(|name| (name, text("x"), if changed.contains(&name) { NULL } else { text("x") }));
            let mut facts = Facts::new(&[Fact::RemovedBoard, Fact::RemovedFork], vec![board, fork]).unwrap();
            facts.row = update(&pairs);
            facts.find_cascade(|_, id| under_way.contains(&id)).unwrap();
            assert_eq!(facts.cascade, cascade, "{changed:?} {under_way:?}");
        }
    }

    /// A removal is a cascade's where one of its parents goes.
    #[test]
    fn a_removal_follows_any_of_its_parents() {
        for (worktree, user, cascade) in [("w", "u", true), ("v", "u", true), ("w", "v", true), ("v", "v", false)] {
            let contract: &'static [Fact] = &[Fact::RemovedWorktree, Fact::RemovedUser];
            let mut facts = Facts::new(contract, vec![text(worktree), text(user)]).unwrap();
            let under_way = |kind, id: &str| matches!((kind, id), (Resource::Worktree, "w") | (Resource::User, "u"));
            facts.find_cascade(under_way).unwrap();
            assert_eq!(facts.cascade, cascade, "{worktree} {user}");
        }
        for (told, cascade) in
            [(r#"[null,[null,"session","s"]]"#, true), (r#"[["a","session","s"]]"#, false), ("[null]", false)]
        {
            let mut facts = Facts::new(&[Fact::RemovedParents], vec![ValueRef::Text(told.as_bytes())]).unwrap();
            facts.find_cascade(|_, id| id == "s").unwrap();
            assert_eq!(facts.cascade, cascade, "{told}");
        }
        let mut facts = Facts::new(&[Fact::RemovedParents], vec![text("s")]).unwrap();
        assert!(matches!(facts.find_cascade(|_, _| true), Err(Refusal::Undecidable(_))));
    }
}
