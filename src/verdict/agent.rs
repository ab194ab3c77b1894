//! What an agent may do of what its user may: nothing by which it would gain what its user did not decide.

use rusqlite::types::Value;

use super::{Case, Change, Judged, is_final};
use crate::actor::Actor;
use crate::catalog::{self, AgentMay};
use crate::error::Refusal;
use crate::facts::Fact;
use crate::merge;
use crate::operation::{Action, Operation, Resource};

impl Case<'_> {
    fn is_agent(&self) -> bool {
        matches!(self.actor, Actor::Agent { .. })
    }

    pub(super) fn agent_scope(&self, change: &Change<'_>) -> Judged {
        let Operation { resource, action } = self.asked;
        if !self.is_agent() || action == Action::Get {
            return Ok(());
        }
        let Some(may) = &catalog::of(resource).agent else {
            return Err(self.not_for_agents(&format!("an agent can't {action} a {resource}"))?);
        };
        match action {
            Action::Create => {
                self.agent_reaches()?;
                self.agent_gives(may, change)
            }
            Action::Patch => {
                self.agent_reaches()?;
                self.agent_touches()?;
                if let Some(field) = change.first_beyond(may.open, may.keys) {
                    return Err(self.not_for_agents(&format!("an agent can't change `{field}`"))?);
                }
                self.agent_status(change)
            }
            Action::Remove => {
                self.agent_owns()?;
                self.agent_touches()
            }
            // A rule that the guard asks for, never what it is asked.
            _ => Err(self.not_for_agents("an agent can't do that")?),
        }
    }

    /// Whether an agent may remove this child with its parent.
    pub(super) fn agent_removes_child(&self) -> Judged {
        if self.is_agent() { self.agent_owns() } else { Ok(()) }
    }

    /// Why somebody without any rights has none, where it is for the session that an agent acts for.
    pub(super) fn agent_without_session(&self) -> &'static str {
        let unknown = |fact| self.facts.has(fact) && self.facts.is_null(fact);
        if self.is_agent() && (unknown(Fact::Held) || unknown(Fact::ActorRole)) {
            return "the session is not this agent's, or it is gone";
        }
        ""
    }

    /// Whether it writes in this session: its own, or one that is permitted the same.
    fn agent_reaches(&self) -> Judged {
        if self.facts.has(Fact::Reach) && !self.facts.flag(Fact::Reach)? {
            let why = "an agent writes in its own session, and in those of its user with the same tool and permissions";
            return Err(self.not_for_agents(why)?);
        }
        Ok(())
    }

    /// Other people's sessions hold other people's prompts.
    fn agent_owns(&self) -> Judged {
        let sessions = matches!(self.asked.resource, Resource::Session | Resource::Task | Resource::Message);
        if sessions && !self.facts.flag(Fact::Own)? {
            return Err(self.not_for_agents("an agent can't remove what belongs to another's session")?);
        }
        Ok(())
    }

    /// In its user's session too, a task may be another's. Of a message nobody knows whose it is: a prompt and a decision
    /// may be anybody's.
    fn agent_touches(&self) -> Judged {
        match self.asked.resource {
            Resource::Task if self.facts.text(Fact::OldCreatedBy)? != Some(self.actor.id()) => {
                Err(self.not_for_agents("an agent can't touch another's task")?)
            }
            Resource::Message => {
                let waits = !self.facts.is_null(Fact::OldStatus);
                if waits || matches!(self.facts.text(Fact::OldType)?, None | Some("user" | "permission_request")) {
                    let why = "an agent can't touch a prompt, a queued message or a permission request";
                    return Err(self.not_for_agents(why)?);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What it gives to a new row.
    fn agent_gives(&self, may: &AgentMay, change: &Change<'_>) -> Judged {
        if self.asked.resource == Resource::Message && self.facts.input(Fact::Type)? == Some("permission_request") {
            return Err(self.not_for_agents("an agent neither asks for a permission nor answers")?);
        }
        let Some(given) = self.facts.row.given() else {
            return Err(Refusal::Undecidable("the guard did not keep what an agent gives".to_owned()));
        };
        for (column, value) in given {
            if column == "data" || may.new.contains(&column) || may.open.contains(&column) {
                continue;
            }
            let Some((_, words)) = may.bounded.iter().find(|(bounded, _)| *bounded == column) else {
                return Err(self.not_for_agents(&format!("an agent can't set `{column}`"))?);
            };
            let within = match value {
                Value::Text(word) => words.contains(&word.as_str()),
                Value::Integer(number) => words.contains(&number.to_string().as_str()),
                _ => false,
            };
            if !within {
                let words = words.join("` or `");
                return Err(self.not_for_agents(&format!("an agent sets `{column}` to `{words}` only"))?);
            }
        }
        let Some(keys) = change.keys() else {
            return Err(Refusal::invalid("data", "must be a JSON object"));
        };
        let beyond: Vec<&str> = keys.iter().map(String::as_str).filter(|key| !may.keys.contains(key)).collect();
        if beyond.is_empty() { Ok(()) } else { self.agent_inherits(may, &beyond) }
    }

    /// Whether each of these keys is one that a new row may have as the agent's own session has it, and has it so.
    fn agent_inherits(&self, may: &AgentMay, keys: &[&str]) -> Judged {
        let own = if self.facts.has(Fact::AgentData) { self.facts.text(Fact::AgentData)? } else { None };
        let data = self.facts.input(Fact::Data)?.unwrap_or_default();
        let different = merge::changed_keys(own.unwrap_or("{}"), data)
            .map_err(|error| Refusal::Undecidable(format!("the `data` of the agent's session: {error}")))?;
        let inherits = |key: &str| may.inherited.contains(&key) && !different.iter().any(|changed| changed == key);
        match keys.iter().find(|key| !inherits(key)) {
            Some(key) => Err(self.not_for_agents(&format!("an agent can't set `{key}`"))?),
            None => Ok(()),
        }
    }

    /// A patch that starts something could be the answer to a permission request: from `awaiting_permission` back to
    /// `running`, in one step or by way of `stopping`.
    fn agent_status(&self, change: &Change<'_>) -> Judged {
        if !change.has("status") {
            return Ok(());
        }
        let next = self.facts.input(Fact::Status)?.unwrap_or_default();
        let session = self.asked.resource == Resource::Session;
        if is_final(next) || next == "stopping" || (session && next == "idle") {
            return Ok(());
        }
        Err(self.not_for_agents(&format!("an agent can't set the status `{next}`"))?)
    }

    fn not_for_agents(&self, why: &str) -> Judged<Refusal> {
        self.denied(None, why, true)
    }
}
