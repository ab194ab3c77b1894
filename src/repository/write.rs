//! Building the one statement of a creation or a patch: names are ours, values are bound.

use rusqlite::types::Value;

use super::read::Stored;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::guard::Ending;
use crate::operation::Action;
use crate::record::{Fields, Time};
use crate::store::{Tx, op};

/// The columns of a statement, and the values that its parameters bind.
#[derive(Debug)]
pub(super) struct Assignments {
    patch: bool,
    /// Of a patch `"column" = expression, …`; of a creation the names alone.
    columns: String,
    /// Of a creation the expressions.
    values: String,
    params: Vec<Value>,
}

impl Assignments {
    /// Everything in `fields`, with `data` where any of its keys is given (`patch`) or always.
    pub(super) fn of(fields: Fields, patch: bool) -> Result<Self> {
        let mut assignments =
            Self { patch, columns: String::with_capacity(128), values: String::new(), params: Vec::with_capacity(8) };
        if fields.has_data() && (!patch || !fields.data.is_empty()) {
            let text = assignments.bind(Value::Text(fields.data.text()?));
            let data = if patch { format!("acl_next_data(data, {text})") } else { text };
            assignments.expression("data", &data);
        }
        for (column, value) in fields.columns {
            assignments.value(column.name, value);
        }
        Ok(assignments)
    }

    /// Binds a value and returns its parameter.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.params.push(value);
        format!("?{}", self.params.len())
    }

    /// Sets a column to a value.
    pub(super) fn value(&mut self, column: &'static str, value: Value) {
        let param = self.bind(value);
        self.expression(column, &param);
    }

    /// Sets a column to an expression.
    pub(super) fn expression(&mut self, column: &'static str, expression: &str) {
        let separator = if self.columns.is_empty() { "" } else { ", " };
        // The names of columns are ours and hold no quote.
        self.columns.extend([separator, "\"", column, "\""]);
        if self.patch {
            self.columns.extend([" = ", expression]);
        } else {
            self.values.extend([separator, expression]);
        }
    }

    /// Creates the record `id`.
    pub(super) fn create<R: Stored>(self, tx: &Tx<'_>, id: &str) -> Result<R> {
        let sql = ["INSERT INTO main.", R::TABLE, " (", &self.columns, ") VALUES (", &self.values, ")"].concat();
        tx.write_one(op(R::RESOURCE, Action::Create), id, &[], &sql, &self.params).map(|(record, _)| record)
    }

    /// Patches the record `id`. Nothing to set is a question all the same: may they, and what is there?
    pub(super) fn patch<R: Stored>(self, tx: &Tx<'_>, id: &str) -> Result<(R, Option<Ending>)> {
        let (sql, params) = self.update::<R>(id);
        tx.write_one(op(R::RESOURCE, Action::Patch), id, &[(R::KEY, id)], &sql, &params)
    }

    /// Patches the record `id`, which stays patched where it can't be read.
    pub(super) fn patch_anyway<R: Stored>(self, tx: &Tx<'_>, id: &str) -> Result<(Result<R>, Option<Ending>)> {
        let (sql, params) = self.update::<R>(id);
        tx.write_one_anyway(op(R::RESOURCE, Action::Patch), id, &[(R::KEY, id)], &sql, &params)
    }

    fn update<R: Stored>(mut self, id: &str) -> (String, Vec<Value>) {
        if self.columns.is_empty() {
            self.expression(R::KEY, R::KEY);
        }
        let key = self.bind(Value::Text(id.to_owned()));
        let sql = ["UPDATE main.", R::TABLE, " SET ", &self.columns, " WHERE ", R::KEY, " = ", &key].concat();
        (sql, self.params)
    }
}

/// Removes the record `id`.
pub(super) fn remove<R: Stored>(tx: &Tx<'_>, id: &str) -> Result<()> {
    let sql = format!("DELETE FROM main.{} WHERE {} = ?1", R::TABLE, R::KEY);
    let params = [Value::Text(id.to_owned())];
    tx.remove_one(op(R::RESOURCE, Action::Remove), id, &[(R::KEY, id)], &sql, &params)
}

/// Now, as a value.
pub(super) fn now() -> Value {
    Value::Integer(Time::now().as_millis())
}

/// Takes a text that has to be there out of `fields`, leaving it in.
pub(super) fn required(fields: &Fields, column: &str) -> Result<String> {
    match fields.get(column) {
        Some(Value::Text(text)) => Ok(text.clone()),
        _ => Err(Error::invalid(column, "is required")),
    }
}

/// The id that `fields` gives, or a new one in it.
pub(super) fn identify(fields: &mut Fields, key: &'static str, new: impl FnOnce() -> String) -> String {
    if let Some(Value::Text(id)) = fields.get(key) {
        return id.clone();
    }
    let id = new();
    fields.set(key, Value::Text(id.clone()));
    id
}

/// Sets when a record was created, and last changed where it says that: now. The daemon may import what is old.
pub(super) fn stamp_times(fields: &mut Fields, actor: &Actor) {
    let imported = |fields: &Fields, column| actor.is_daemon() && matches!(fields.get(column), Some(Value::Integer(_)));
    if !imported(fields, "created_at") {
        fields.set("created_at", now());
    }
    if fields.has_column("updated_at") && !imported(fields, "updated_at") {
        let created_at = fields.get("created_at").cloned().unwrap_or(Value::Null);
        fields.set("updated_at", created_at);
    }
}

/// Sets what the store stamps: who creates, and when. The daemon names the creator, everybody else
/// is it; the guard refuses a creator that somebody names for another.
pub(super) fn stamp_creation(fields: &mut Fields, actor: &Actor) -> Result<()> {
    stamp_times(fields, actor);
    if fields.get("created_by").is_none() {
        match actor.user_id() {
            Some(user) => fields.set("created_by", Value::Text(user.as_str().to_owned())),
            // Nobody is signed in: the guard says so.
            None if *actor == Actor::Anonymous => fields.set("created_by", Value::Text(String::new())),
            None => return Err(Error::invalid("created_by", "is required of the daemon: for whom?")),
        }
    }
    Ok(())
}
