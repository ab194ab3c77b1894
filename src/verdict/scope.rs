//! What an executor may do of what its user may: report on one task, and no more.

use super::{Case, Change, Judged, is_final};
use crate::actor::Actor;
use crate::catalog;
use crate::error::Refusal;
use crate::facts::Fact;
use crate::json;
use crate::operation::{Action, Operation, Resource};

impl Case<'_> {
    pub(super) fn executor_scope(&self, change: &Change<'_>) -> Judged {
        let Actor::Executor { session, task, .. } = self.actor else { return Ok(()) };
        let beyond = |why: &str| self.denied(None, why, true);
        let Operation { resource, action } = self.asked;
        let is = |fact, id: &str| Ok(self.facts.text(fact)? == Some(id));
        let within = match (resource, action) {
            (Resource::Session | Resource::Task | Resource::Message, Action::Get) => {
                is(Fact::Session, session.as_str())?
            }
            (Resource::Task, Action::Patch) => is(Fact::Id, task.as_str())?,
            (Resource::Session, Action::Patch) => is(Fact::Id, session.as_str())?,
            (Resource::Message, Action::Create) => is(Fact::Task, task.as_str())?,
            (Resource::Message, Action::Patch) => is(Fact::OldTask, task.as_str())?,
            _ => return Err(beyond("an executor only reports on its task")?),
        };
        if !within {
            return Err(beyond("it is outside this executor's task")?);
        }
        if !self.facts.flag(Fact::Scope)? {
            return Err(beyond("the task is not this executor's")?);
        }
        match (resource, action) {
            (Resource::Task | Resource::Session, Action::Patch) => {
                let (columns, keys) = catalog::of(resource).report;
                if let Some(field) = change.first_beyond(columns, keys) {
                    return Err(beyond(&format!("an executor can't change `{field}`"))?);
                }
                if resource == Resource::Task && change.has("status") {
                    self.executor_status()?;
                }
            }
            // It would approve itself.
            (Resource::Message, Action::Patch)
                if self.facts.text(Fact::OldType)? == Some("permission_request") || change.has("type") =>
            {
                return Err(beyond("an executor can't answer a permission request")?);
            }
            (Resource::Message, Action::Patch) if change.has("task_id") => {
                return Err(beyond("an executor can't give its messages to another task")?);
            }
            (Resource::Message, Action::Create)
                if self.facts.input(Fact::Type)? == Some("permission_request") && self.is_answered()? =>
            {
                return Err(beyond("an executor can't answer a permission request")?);
            }
            _ => {}
        }
        Ok(())
    }

    fn executor_status(&self) -> Judged {
        let next = self.facts.input(Fact::Status)?.unwrap_or_default();
        if !matches!(next, "running" | "awaiting_permission" | "completed" | "failed") {
            return Err(self.denied(None, &format!("an executor can't set the status `{next}`"), true)?);
        }
        // By way of `awaiting_permission` it would come back to `running` all the same.
        if self.facts.text(Fact::OldStatus)? == Some("stopping") && !is_final(next) {
            return Err(self.denied(None, "a task that is stopping only ends", true)?);
        }
        Ok(())
    }

    /// Whether a new permission request carries its own approval.
    fn is_answered(&self) -> Judged<bool> {
        let data = self.facts.input(Fact::Data)?.unwrap_or_default();
        let data: serde_json::Value = json::parse(data).map_err(|error| Refusal::invalid("data", error.to_string()))?;
        let Some(content) = data.get("content") else { return Ok(false) };
        // In a list or a text an answer could hide.
        if !content.is_object() {
            return Ok(true);
        }
        let pending = content.get("status").is_none_or(|status| status == "pending");
        Ok(!pending || content.get("approved_by").is_some() || content.get("approved_at").is_some())
    }
}
