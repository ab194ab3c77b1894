//! May they? One pure function from facts to a verdict: no input or output, no SQL, no clock.
//!
//! The guards in `sql/guards/` gather the facts inside the writing statement and call [`decide`]
//! once for each row; reads call it with the facts that they have joined. What a rule needs is
//! data (`acl_rules`); what no rule can loosen stands here and in the modules below.
//!
//! The checks run in one order: signed in, exists, may view, executor scope, level, invariants.
//! Only what comes after "may view" names anything about the record.

mod agent;
mod change;
mod completion;
mod invariants;
mod scope;

pub(crate) use change::changed_fields;
pub(crate) use completion::{Completion, completions};
use invariants::{is_about_now, latest};

use crate::actor::Actor;
use crate::catalog;
use crate::error::{Conflict, ConflictKind, Denied, NotFound, Refusal, Subject};
use crate::facts::{Fact, Facts, Rule};
use crate::level::{Held, Level, Need, RoleRank};
use crate::operation::{Action, Operation, Resource};
use change::Change;

/// Why something is allowed: what the audit says of it.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// The action whose rule decided, such as `report` for a patch of run-state fields only.
    pub(crate) action: Action,
    /// Whether the rule wants an audit row.
    pub(crate) audited: bool,
    /// Whether a cascade of something else that was allowed does it.
    pub(crate) cascade: bool,
    pub(crate) needed: Option<Need>,
    pub(crate) held: Option<&'static str>,
    pub(crate) why: String,
}

/// Decides whether `actor` may do what is `asked`, in a world of these `facts`.
///
/// A missing or unknown fact, rule or word refuses.
pub(crate) fn decide(actor: &Actor, asked: Operation, facts: &Facts<'_>) -> Judged<Allowed> {
    Case { actor, asked, facts }.judge()
}

/// Decides whether the cascade that removes a parent may remove its children of kind `child`.
///
/// The parent's own guard has been passed. The error speaks of the parent, since that is what was asked.
pub(crate) fn decide_child(actor: &Actor, parent: &Subject, child: Resource, facts: &Facts<'_>) -> Judged {
    let asked = Operation::new(child, Action::Remove);
    if actor.is_daemon() {
        return Ok(());
    }
    let case = Case { actor, asked, facts };
    match case.agent_removes_child().and_then(|()| case.check_rule(Action::Remove)) {
        Ok(_) => Ok(()),
        Err(Refusal::Denied(mut denied)) => {
            denied.operation = Operation::new(parent.resource, Action::Remove);
            denied.subject = parent.clone();
            denied.why = if !denied.why.is_empty() {
                format!("it holds a {child}: {}", denied.why)
            } else if child == parent.resource {
                format!("on every worktree in the {child}")
            } else {
                format!("it holds a {child}, whose removal asks for this")
            };
            // What a hidden worktree's children are is not the caller's to know.
            if denied.held.level < Level::View {
                denied.worktree = None;
            }
            denied.visible = true;
            Err(Refusal::Denied(denied))
        }
        Err(refusal) => Err(refusal),
    }
}

/// The greatest number that every reader of JSON can read back. There is always a next one.
pub(crate) const MAX_NUMBER: i64 = (1 << 53) - 1;

/// Whether a status word is final for a task.
pub(crate) fn is_final(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "stopped")
}

/// Whether a task that has ended with `status` keeps its ending whatever this actor reports: a late
/// report loses nothing but the ending. A user's attempt to change it is a conflict instead.
pub(crate) fn ending_stays(actor: Option<&Actor>, status: &str) -> bool {
    is_final(status) && matches!(actor, Some(Actor::Executor { .. } | Actor::Service(_) | Actor::System(_)))
}

/// Whether anybody acts at all.
pub(crate) fn signed_in(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::Anonymous => Err(Refusal::NotAuthenticated),
        // The old default of `created_by` is nobody: it must never make a record somebody's own.
        _ if actor.user_id().is_some_and(|user| matches!(user.as_str(), "anonymous" | "")) => {
            Err(Refusal::NotAuthenticated)
        }
        _ => Ok(()),
    }
}

/// Whether the actor may read the audit: the daemon alone.
pub(crate) fn reads_audit(actor: &Actor) -> Result<(), Refusal> {
    daemon_only(actor, Operation::new(Resource::Audit, Action::Get), "")
}

/// Refuses everybody but the daemon, for what no rule can give.
pub(crate) fn daemon_only(actor: &Actor, asked: Operation, id: &str) -> Result<(), Refusal> {
    signed_in(actor)?;
    if actor.is_daemon() {
        return Ok(());
    }
    Err(Refusal::Denied(Box::new(Denied {
        operation: asked,
        subject: Subject { resource: asked.resource, id: id.to_owned() },
        worktree: None,
        needed: Some(Need::System),
        held: Held::nothing(),
        why: "only the daemon may".to_owned(),
        visible: true,
    })))
}

pub(crate) type Judged<T = ()> = Result<T, Refusal>;

/// One question: who asks for what, and the facts.
struct Case<'a> {
    actor: &'a Actor,
    asked: Operation,
    facts: &'a Facts<'a>,
}

impl Case<'_> {
    fn judge(&self) -> Judged<Allowed> {
        if self.facts.cascade {
            return Ok(Allowed {
                action: self.asked.action,
                audited: false,
                cascade: true,
                needed: None,
                held: None,
                why: "cascade".to_owned(),
            });
        }
        signed_in(self.actor)?;
        match self.asked.resource {
            Resource::Audit | Resource::Meta => return Err(self.never("nobody writes it but aclite itself")),
            Resource::Epoch => return self.raise_epoch(),
            Resource::Owner if self.is_first_owner()? => return self.first_owner(),
            _ => {}
        }
        self.parent_exists()?;
        if !self.actor.is_daemon() {
            self.may_view()?;
        }
        self.is_no_orphan()?;
        let change = self.change()?;
        let allowed = if self.actor.is_daemon() {
            self.daemon()
        } else {
            self.executor_scope(&change)?;
            self.agent_scope(&change)?;
            let mut allowed = None;
            for action in self.actions(&change) {
                allowed = Some(self.check_rule(action)?);
            }
            let allowed = allowed.ok_or_else(|| Refusal::Undecidable("no rule applies".to_owned()))?;
            self.privileges(&change)?;
            allowed
        };
        self.invariants(&change)?;
        Ok(allowed)
    }

    // ---- signed in, exists, may view -------------------------------------------------------

    fn parent_exists(&self) -> Judged {
        let parent = match (self.asked.action, self.asked.resource) {
            (Action::Create, Resource::Task | Resource::Message) => Resource::Session,
            (Action::Create, Resource::Session | Resource::Owner | Resource::Grant) => Resource::Worktree,
            (Action::Create, Resource::Worktree) => Resource::Repo,
            (Action::Create, Resource::Membership) => Resource::Group,
            (Action::Create, Resource::Row) => self.parent_kind()?,
            _ => return Ok(()),
        };
        if self.facts.flag(Fact::ParentExists)? {
            return Ok(());
        }
        let id = self.facts.input(Fact::Parent)?.unwrap_or_default().to_owned();
        Err(Refusal::NotFound(NotFound { subject: Subject { resource: parent, id } }))
    }

    /// A record without its parent belongs nowhere: nobody may touch it but a cascade.
    fn is_no_orphan(&self) -> Judged {
        let stored = matches!(self.asked.action, Action::Patch | Action::Remove);
        let inherits =
            matches!(self.asked.resource, Resource::Session | Resource::Task | Resource::Message | Resource::Row);
        if stored && inherits && self.facts.text(Fact::Worktree)?.is_none() {
            return Err(Refusal::Undecidable(format!("{} has no parent", self.subject()?)));
        }
        Ok(())
    }

    fn may_view(&self) -> Judged {
        let known =
            if self.hangs_on_worktree() { self.held()?.level >= Level::View } else { self.role()? > RoleRank::Unknown };
        if known {
            Ok(())
        } else {
            Err(self.denied(
                self.rule(self.asked.action)?.map(|rule| rule.needs),
                self.agent_without_session(),
                false,
            )?)
        }
    }

    /// Whether permission comes from a worktree that is there already.
    fn hangs_on_worktree(&self) -> bool {
        let creates_worktree = matches!((self.asked.resource, self.asked.action), (Resource::Worktree, Action::Create));
        catalog::of(self.asked.resource).in_worktree && !creates_worktree
    }

    // ---- level ------------------------------------------------------------------------------

    /// The actions whose rules a patch has to satisfy, the one that the audit names last.
    fn actions(&self, change: &Change<'_>) -> Vec<Action> {
        let table = catalog::of(self.asked.resource);
        let strict = match (self.asked.resource, self.asked.action) {
            (Resource::Session, Action::Patch) => {
                let (columns, keys) = table.report;
                let report = change.first_beyond(columns, keys).is_none();
                return vec![if report { Action::Report } else { Action::Patch }];
            }
            (Resource::Worktree, Action::Patch) => Action::Share,
            (Resource::User, Action::Patch) => Action::Administer,
            (_, action) => return vec![action],
        };
        // A column that the catalog does not know is restricted.
        let open = table.open.unwrap_or_default();
        let restricted = |column: &&str| *column != "data" && !open.contains(column);
        let strictly = change.columns.iter().any(restricted);
        let openly = change.columns.is_empty() || !change.columns.iter().all(restricted);
        [openly.then_some(Action::Patch), strictly.then_some(strict)].into_iter().flatten().collect()
    }

    /// Asks the rule of `action`.
    fn check_rule(&self, action: Action) -> Judged<Allowed> {
        let Some(rule) = self.rule(action)? else {
            let why = format!("no rule says who may {action} a {}", self.asked.resource);
            return Err(self.denied(None, &why, true)?);
        };
        let own = self.facts.flag(Fact::Own)?;
        let (needed, by_own) = match rule.needs_if_own {
            Some(easier) if own && !self.satisfies(rule.needs)? => (easier, true),
            _ => (rule.needs, false),
        };
        if !self.satisfies(needed)? {
            return Err(self.denied_for(action, Some(needed), "", true)?);
        }
        let (held, source) = if self.facts.has(Fact::Held) {
            let held = self.held()?;
            (held.level.as_str(), held.source)
        } else {
            (self.role()?.as_str(), "role".to_owned())
        };
        let why = match (by_own, needed) {
            (true, Need::Own) => "own record".to_owned(),
            (true, _) => format!("own session, {source}"),
            _ => source,
        };
        let audited = rule.audits_allowed();
        Ok(Allowed { action, audited, cascade: false, needed: Some(needed), held: Some(held), why })
    }

    fn satisfies(&self, need: Need) -> Judged<bool> {
        Ok(match need {
            Need::Level(level) => self.facts.has(Fact::Held) && self.held()?.level >= level,
            Need::Owner => self.facts.has(Fact::Held) && self.held()?.owns(),
            Need::Own => self.facts.flag(Fact::Own)?,
            Need::Role(least) => self.facts.has(Fact::ActorRole) && self.role()? >= least,
            Need::SignedIn => true, // "may view" has seen to it that the user exists
            Need::System => false,
        })
    }

    /// The daemon needs no level; its rule still says whether an audit row is written.
    fn daemon(&self) -> Allowed {
        let audited = !matches!(self.rule(self.asked.action), Ok(Some(rule)) if !rule.audits_allowed());
        let why = format!("{} {}", self.actor.kind(), self.actor.id());
        Allowed { action: self.asked.action, audited, cascade: false, needed: None, held: None, why }
    }

    /// What no rule can give: superadmins are made and touched by superadmins, nobody raises
    /// himself, a worktree's only manager stays one, and secrets are written by those whose they are.
    fn privileges(&self, change: &Change<'_>) -> Judged {
        match self.asked.resource {
            Resource::User if self.asked.action != Action::Get => self.user_privileges(change),
            Resource::Session if change.has_key("mcp_token") => {
                Err(self.denied(Some(Need::System), "only the daemon sets `mcp_token`", true)?)
            }
            _ => Ok(()),
        }
    }

    fn user_privileges(&self, change: &Change<'_>) -> Judged {
        let rank = |fact| -> Judged<RoleRank> {
            if !self.facts.has(fact) {
                return Ok(RoleRank::Unknown);
            }
            Ok(RoleRank::of_role(self.facts.text(fact)?.unwrap_or_default()))
        };
        let (old, new, mine) = (rank(Fact::OldRole)?, rank(Fact::Role)?, self.role()?);
        if old.max(new) == RoleRank::Superadmin && mine < RoleRank::Superadmin {
            let needed = Some(Need::Role(RoleRank::Superadmin));
            return Err(self.denied(needed, "a superadmin's row is for superadmins", true)?);
        }
        let own = self.facts.flag(Fact::Own)?;
        if own && self.asked.action == Action::Patch && new > old {
            return Err(self.denied(None, "nobody raises his own role", true)?);
        }
        // Whoever alone manages a worktree is not made one who only looks: nobody but the daemon could mend that.
        if change.has("role") && new < RoleRank::Member {
            let worktrees = self.facts.text_lines(Fact::LastOwnerOf)?;
            if !worktrees.is_empty() {
                return Err(self.conflict(ConflictKind::LastOwner(worktrees))?);
            }
        }
        if !own && catalog::of(Resource::User).secret_keys().any(|key| change.has_key(key)) {
            return Err(self.denied(Some(Need::Own), "`api_keys` and `env_vars` are written by their user", true)?);
        }
        Ok(())
    }

    // ---- aclite's own writes ------------------------------------------------------------------

    fn raise_epoch(&self) -> Judged<Allowed> {
        if self.asked.action == Action::Patch && self.facts.flag(Fact::Raised)? {
            return Ok(Allowed { audited: false, ..self.daemon() });
        }
        Err(self.never("it only goes up, by one"))
    }

    /// Whether this is the row that makes a new worktree's creator its first owner: the guard saw
    /// that worktree being created by the statement that runs now.
    fn is_first_owner(&self) -> Judged<bool> {
        Ok(self.asked.action == Action::Create
            && self.facts.first_owner_due
            && self.facts.flag(Fact::First)?
            && self.facts.text(Fact::WorktreeCreator)?.is_some()
            && self.facts.text(Fact::WorktreeCreator)? == self.facts.input(Fact::User)?)
    }

    fn first_owner(&self) -> Judged<Allowed> {
        self.named_exists(Resource::User, Fact::User, Fact::UserExists)?;
        Ok(Allowed { audited: false, why: "creator".to_owned(), ..self.daemon() })
    }

    // ---- helpers ------------------------------------------------------------------------------

    fn change(&self) -> Judged<Change<'_>> {
        Change::of(self.asked.action, self.facts)
    }

    /// What the parent of a further table's row is.
    fn parent_kind(&self) -> Judged<Resource> {
        let kind = self.facts.text(Fact::ParentKind)?.and_then(Resource::known);
        kind.ok_or_else(|| Refusal::Undecidable("the parent of a row is unknown".to_owned()))
    }

    fn rule(&self, action: Action) -> Judged<Option<Rule>> {
        self.facts.rule(match action {
            Action::Report => Fact::ReportRule,
            Action::Share => Fact::ShareRule,
            Action::Administer => Fact::AdministerRule,
            _ => Fact::Rule,
        })
    }

    fn held(&self) -> Judged<Held> {
        self.facts.held(Fact::Held)
    }

    fn role(&self) -> Judged<RoleRank> {
        Ok(RoleRank::of_role(self.facts.text(Fact::ActorRole)?.unwrap_or_default()))
    }

    /// The record whose visibility counts: for a creation its parent, which is there already.
    fn subject(&self) -> Judged<Subject> {
        let (resource, fact) = match (self.asked.action, self.asked.resource) {
            (Action::Create, Resource::Task | Resource::Message) => (Resource::Session, Fact::Session),
            // Who owns a hidden worktree is as hidden as the worktree.
            (Action::Create, Resource::Session) | (_, Resource::Owner | Resource::Grant) => {
                (Resource::Worktree, Fact::Worktree)
            }
            (Action::Create, Resource::Row) => match self.parent_kind()? {
                Resource::Session => (Resource::Session, Fact::Session),
                _ => (Resource::Worktree, Fact::Worktree),
            },
            (_, resource) => (resource, Fact::Id),
        };
        Ok(Subject { resource, id: self.facts.any_text(fact) })
    }

    fn denied(&self, needed: Option<Need>, why: &str, visible: bool) -> Judged<Refusal> {
        self.denied_for(self.asked.action, needed, why, visible)
    }

    fn denied_for(&self, action: Action, needed: Option<Need>, why: &str, visible: bool) -> Judged<Refusal> {
        let held = if self.facts.has(Fact::Held) {
            self.held()?
        } else {
            let role = self.role()?;
            Held { level: Level::None, source: format!("role {}", role.as_str()) }
        };
        Ok(Refusal::Denied(Box::new(Denied {
            operation: Operation::new(self.asked.resource, action),
            subject: self.subject()?,
            // What decides on a new worktree is no worktree.
            worktree: match self.asked {
                Operation { resource: Resource::Worktree, action: Action::Create } => None,
                _ if self.facts.has(Fact::Worktree) => self.facts.text(Fact::Worktree)?.map(str::to_owned),
                _ => None,
            },
            needed,
            held,
            why: why.to_owned(),
            visible,
        })))
    }

    fn never(&self, why: &str) -> Refusal {
        Refusal::Denied(Box::new(Denied {
            operation: self.asked,
            subject: Subject { resource: self.asked.resource, id: self.facts.any_text(Fact::Id) },
            worktree: None,
            needed: None,
            held: Held::nothing(),
            why: why.to_owned(),
            visible: true,
        }))
    }

    fn conflict(&self, kind: ConflictKind) -> Judged<Refusal> {
        let subject = Subject { resource: self.asked.resource, id: self.facts.any_text(Fact::Id) };
        Ok(Refusal::Conflict(Conflict { subject, kind }))
    }
}

#[cfg(test)]
mod tests;
