//! The question, in SQL, whether the actor may get a row.

use crate::facts::{Fact, contract};
use crate::operation::{Action, Operation, Resource};

/// Expressions over a row that tell its facts, as the guards of `sql/guards/` have them.
pub(crate) struct Readable<'a> {
    pub(crate) id: &'a str,
    pub(crate) session: &'a str,
    pub(crate) worktree: &'a str,
    pub(crate) held: &'a str,
    pub(crate) own: &'a str,
}

impl Readable<'_> {
    /// The expression that is true where the actor may get the row. `function` is `acl_get`, which keeps the refusal, or
    /// `acl_may_get`, which does not.
    pub(crate) fn may_get(&self, function: &str, resource: Resource) -> String {
        let kind = resource.as_str();
        let facts = contract(Operation::new(resource, Action::Get)).iter().map(|fact| match fact {
            Fact::Id => self.id.to_owned(),
            Fact::Session => self.session.to_owned(),
            Fact::Worktree => self.worktree.to_owned(),
            Fact::Held => self.held.to_owned(),
            Fact::Own => self.own.to_owned(),
            Fact::Scope => "(SELECT 1 FROM main.acl_executor_facts)".to_owned(),
            Fact::ActorRole => "(SELECT role FROM main.acl_actor_facts)".to_owned(),
            Fact::Rule => format!("(SELECT rule FROM main.acl_rule WHERE resource = '{kind}' AND operation = 'get')"),
            // A read knows no other: the verdict misses it then, and refuses.
            _ => "NULL".to_owned(),
        });
        format!("{function}('{kind}', {})", facts.collect::<Vec<_>>().join(", "))
    }
}
