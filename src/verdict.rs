//! May they? One pure function from facts to a verdict: no input or output, no SQL, no clock.
//!
//! The guards in `sql/guards/` gather the facts inside the writing statement and call [`decide`]
//! once for each row; reads call it with the facts that they have joined. What a rule needs is
//! data (`acl_rules`); what no rule can loosen stands here.
//!
//! The checks run in one order: signed in, exists, may view, executor scope, level, invariants.
//! Only what comes after "may view" names anything about the record.

use std::borrow::Cow;

use crate::actor::Actor;
use crate::error::{Conflict, ConflictKind, Denied, IdentityDrift, Immutable, Invalid, NotFound, Subject};
use crate::facts::{DataChange, Facts, Rule};
use crate::level::{Held, Level, Need, RoleRank};
use crate::merge;
use crate::operation::{Action, Operation, Resource};

/// The answer to "may they?".
#[derive(Debug)]
pub(crate) enum Verdict {
    Allowed(Allowed),
    Refused(Refusal),
}

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

/// Why something is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotAuthenticated,
    Denied(Box<Denied>),
    NotFound(NotFound),
    Immutable(Immutable),
    Conflict(Conflict),
    Drift(IdentityDrift),
    Invalid(Invalid),
    /// The facts themselves are missing or unreadable: a failure of the database, not a denial.
    Unvouched(String),
}

impl Refusal {
    pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(Invalid { field: field.to_owned(), problem: problem.into() })
    }
}

/// Decides whether `actor` may do what is `asked`, in a world of these `facts`.
///
/// A missing or unknown fact, rule or word refuses.
pub(crate) fn decide(actor: &Actor, asked: Operation, facts: &Facts<'_>) -> Verdict {
    match (Case { actor, asked, facts }).judge() {
        Ok(allowed) => Verdict::Allowed(allowed),
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// Decides whether the cascade that removes a parent may remove its children of kind `child`.
///
/// The parent's own guard has been passed. The error speaks of the parent, since that is what was asked.
pub(crate) fn decide_child(actor: &Actor, parent: &Subject, child: Resource, facts: &Facts<'_>) -> Verdict {
    let asked = Operation::new(child, Action::Remove);
    let case = Case { actor, asked, facts };
    let judged = if actor.is_daemon() { Ok(case.daemon()) } else { case.ladder(Action::Remove) };
    match judged {
        Ok(allowed) => Verdict::Allowed(allowed),
        Err(Refusal::Denied(mut denied)) => {
            denied.operation = Operation::new(parent.resource, Action::Remove);
            denied.subject = parent.clone();
            denied.why = if child == parent.resource {
                format!("on every worktree in the {child}")
            } else {
                format!("it holds a {child}, whose removal asks for this")
            };
            // What a hidden worktree's children are is not the caller's to know.
            if denied.held.level < Level::View {
                denied.worktree = None;
            }
            denied.visible = true;
            Verdict::Refused(Refusal::Denied(denied))
        }
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// The columns of a session that belong to its run, not to its set-up; and the same among its `data` keys.
const RUN_STATE: [&str; 4] = ["status", "ready_for_prompt", "archived", "archived_reason"];
const RUN_STATE_KEYS: [&str; 7] = [
    "tasks",
    "sdk_session_id",
    "git_state",
    "message_count",
    "current_context_usage",
    "context_window_limit",
    "last_context_update_at",
];

/// The columns of a worktree that whoever holds `all` may change; any other column is for owners.
const WORKTREE_OPEN: [&str; 18] = [
    "name",
    "ref",
    "worktree_unique_id",
    "board_id",
    "start_command",
    "stop_command",
    "health_check_url",
    "app_url",
    "logs_command",
    "schedule_enabled",
    "schedule_cron",
    "schedule_last_triggered_at",
    "schedule_next_run_at",
    "needs_attention",
    "archived",
    "archived_at",
    "archived_by",
    "filesystem_status",
];

/// The columns of their own row that users keep themselves; any other is for administrators.
const USER_OPEN: [&str; 5] = ["email", "password", "name", "emoji", "onboarding_completed"];

/// What an executor may report of its task: columns, and keys of `data`.
const TASK_REPORT: [&str; 2] = ["status", "completed_at"];
const TASK_REPORT_KEYS: [&str; 12] = [
    "git_state",
    "message_range",
    "model",
    "raw_sdk_response",
    "normalized_sdk_response",
    "computed_context_window",
    "tool_use_count",
    "duration_ms",
    "agent_session_id",
    "error_message",
    "report",
    "permission_request",
];

/// How far a writer's clock may be from ours, in milliseconds.
const CLOCK_TOLERANCE: i64 = 60_000;

/// The greatest number that every reader of JSON can read back. There is always a next one.
pub(crate) const MAX_NUMBER: i64 = (1 << 53) - 1;

/// The columns that nobody may change, at any door.
const fn immutable(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::Worktree => &["worktree_id", "repo_id", "created_by", "created_at"],
        Resource::Owner => &["worktree_id", "user_id", "created_at"],
        Resource::Grant => &["worktree_id", "group_id", "created_by", "created_at"],
        Resource::Session => &["session_id", "worktree_id", "unix_username", "created_by", "created_at"],
        Resource::Task => &["task_id", "session_id", "created_by", "created_at"],
        Resource::Message => &["message_id", "session_id", "created_at"],
        Resource::User => &["user_id", "created_at"],
        Resource::Group => &["group_id", "created_by", "created_at"],
        Resource::Membership => &["group_id", "user_id", "added_by", "created_at"],
        Resource::Board => &["board_id", "created_by", "created_at"],
        Resource::Repo => &["repo_id", "created_at"],
        Resource::Rule => &["resource", "operation"],
        Resource::Setting => &["name"],
        // What is fixed in a further table its guard says.
        Resource::Row | Resource::Audit | Resource::Epoch | Resource::Meta => &[],
    }
}

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

type Judged<T = ()> = Result<T, Refusal>;

/// One question: who asks for what, and the facts.
struct Case<'a> {
    actor: &'a Actor,
    asked: Operation,
    facts: &'a Facts<'a>,
}

impl Case<'_> {
    fn judge(&self) -> Judged<Allowed> {
        if self.facts.is_cascade() {
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
            let mut allowed = None;
            for action in self.actions(&change) {
                allowed = Some(self.ladder(action)?);
            }
            let allowed = allowed.ok_or_else(|| Refusal::Unvouched("no rule applies".to_owned()))?;
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
        if self.facts.flag("parent_exists")? {
            return Ok(());
        }
        let id = self.facts.input("parent")?.unwrap_or_default().to_owned();
        Err(Refusal::NotFound(NotFound { subject: Subject { resource: parent, id } }))
    }

    /// A record without its parent belongs nowhere: nobody may touch it but a cascade.
    fn is_no_orphan(&self) -> Judged {
        let stored = matches!(self.asked.action, Action::Patch | Action::Remove);
        let inherits =
            matches!(self.asked.resource, Resource::Session | Resource::Task | Resource::Message | Resource::Row);
        if stored && inherits && self.facts.text("worktree")?.is_none() {
            return Err(Refusal::Unvouched(format!("{} has no parent", self.subject()?)));
        }
        Ok(())
    }

    fn may_view(&self) -> Judged {
        let known =
            if self.hangs_on_worktree() { self.held()?.level >= Level::View } else { self.role()? > RoleRank::Unknown };
        if known {
            Ok(())
        } else {
            Err(self.denied(self.rule(self.asked.action)?.map(|rule| rule.needs), "", false)?)
        }
    }

    /// Whether permission comes from a worktree that is there already.
    fn hangs_on_worktree(&self) -> bool {
        match self.asked.resource {
            Resource::Worktree => self.asked.action != Action::Create,
            Resource::Owner
            | Resource::Grant
            | Resource::Session
            | Resource::Task
            | Resource::Message
            | Resource::Row => true,
            _ => false,
        }
    }

    // ---- executor scope ---------------------------------------------------------------------

    fn executor_scope(&self, change: &Change<'_>) -> Judged {
        let Actor::Executor { session, task, .. } = self.actor else { return Ok(()) };
        let beyond = |why: &str| self.denied(None, why, true);
        let Operation { resource, action } = self.asked;
        let is = |name: &str, id: &str| Ok(self.facts.text(name)? == Some(id));
        let within = match (resource, action) {
            (Resource::Session | Resource::Task | Resource::Message, Action::Get) => is("session", session.as_str())?,
            (Resource::Task, Action::Patch) => is("id", task.as_str())?,
            (Resource::Session, Action::Patch) => is("id", session.as_str())?,
            (Resource::Message, Action::Create) => is("task", task.as_str())?,
            (Resource::Message, Action::Patch) => is("old_task", task.as_str())?,
            _ => return Err(beyond("an executor only reports on its task")?),
        };
        if !within {
            return Err(beyond("it is outside this executor's task")?);
        }
        if !self.facts.flag("scope")? {
            return Err(beyond("the task is not this executor's")?);
        }
        match (resource, action) {
            (Resource::Task, Action::Patch) => {
                if let Some(field) = change.first_beyond(&TASK_REPORT, &TASK_REPORT_KEYS) {
                    return Err(beyond(&format!("an executor can't change `{field}`"))?);
                }
                if change.has("status") {
                    self.executor_status()?;
                }
            }
            (Resource::Session, Action::Patch) => {
                if let Some(field) = change.first_beyond(&RUN_STATE, &RUN_STATE_KEYS) {
                    return Err(beyond(&format!("an executor can't change `{field}`"))?);
                }
            }
            // It would approve itself.
            (Resource::Message, Action::Patch)
                if self.facts.text("old_type")? == Some("permission_request") || change.has("type") =>
            {
                return Err(beyond("an executor can't answer a permission request")?);
            }
            (Resource::Message, Action::Patch) if change.has("task_id") => {
                return Err(beyond("an executor can't give its messages to another task")?);
            }
            (Resource::Message, Action::Create)
                if self.facts.input("type")? == Some("permission_request") && self.is_answered()? =>
            {
                return Err(beyond("an executor can't answer a permission request")?);
            }
            _ => {}
        }
        Ok(())
    }

    fn executor_status(&self) -> Judged {
        let next = self.facts.input("status")?.unwrap_or_default();
        if !matches!(next, "running" | "awaiting_permission" | "completed" | "failed") {
            return Err(self.denied(None, &format!("an executor can't set the status `{next}`"), true)?);
        }
        // By way of `awaiting_permission` it would come back to `running` all the same.
        if self.facts.text("old_status")? == Some("stopping") && !is_final(next) {
            return Err(self.denied(None, "a task that is stopping only ends", true)?);
        }
        Ok(())
    }

    /// Whether a new permission request carries its own approval.
    fn is_answered(&self) -> Judged<bool> {
        let data = self.facts.input("data")?.unwrap_or_default();
        let data: serde_json::Value =
            serde_json::from_str(data).map_err(|error| Refusal::invalid("data", error.to_string()))?;
        let Some(content) = data.get("content") else { return Ok(false) };
        // In a list or a text an answer could hide.
        if !content.is_object() {
            return Ok(true);
        }
        let pending = content.get("status").is_none_or(|status| status == "pending");
        Ok(!pending || content.get("approved_by").is_some() || content.get("approved_at").is_some())
    }

    // ---- level ------------------------------------------------------------------------------

    /// The actions whose rules a patch has to satisfy, the one that the audit names last.
    fn actions(&self, change: &Change<'_>) -> Vec<Action> {
        let (open, strict) = match (self.asked.resource, self.asked.action) {
            (Resource::Session, Action::Patch) => {
                let report = change.first_beyond(&RUN_STATE, &RUN_STATE_KEYS).is_none();
                return vec![if report { Action::Report } else { Action::Patch }];
            }
            (Resource::Worktree, Action::Patch) => (&WORKTREE_OPEN[..], Action::Share),
            (Resource::User, Action::Patch) => (&USER_OPEN[..], Action::Administer),
            (_, action) => return vec![action],
        };
        let restricted = |column: &&str| *column != "data" && !open.contains(column);
        let strictly = change.columns.iter().any(restricted);
        let openly = change.columns.is_empty() || !change.columns.iter().all(restricted);
        [openly.then_some(Action::Patch), strictly.then_some(strict)].into_iter().flatten().collect()
    }

    /// Asks the rule of `action`.
    fn ladder(&self, action: Action) -> Judged<Allowed> {
        let Some(rule) = self.rule(action)? else {
            let why = format!("no rule says who may {action} a {}", self.asked.resource);
            return Err(self.denied(None, &why, true)?);
        };
        let own = self.facts.flag("own")?;
        let (needed, by_own) = match rule.needs_if_own {
            Some(easier) if own && !self.satisfies(rule.needs)? => (easier, true),
            _ => (rule.needs, false),
        };
        if !self.satisfies(needed)? {
            return Err(self.denied_for(action, Some(needed), "", true)?);
        }
        let (held, source) = if self.facts.has("held") {
            let held = self.held()?;
            (held.level.word(), held.source)
        } else {
            (self.role()?.word(), "role".to_owned())
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
            Need::Level(level) => self.facts.has("held") && self.held()?.level >= level,
            Need::Owner => self.facts.has("held") && self.held()?.owns(),
            Need::Own => self.facts.flag("own")?,
            Need::Role(least) => self.facts.has("actor_role") && self.role()? >= least,
            Need::SignedIn => true, // "may view" has seen to it that the user exists
            Need::System => false,
        })
    }

    /// The daemon passes the ladder; its rule still says whether the audit wants to know.
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
        let rank = |name: &str| -> Judged<RoleRank> {
            if !self.facts.has(name) {
                return Ok(RoleRank::Unknown);
            }
            Ok(RoleRank::from_word(self.facts.text(name)?.unwrap_or_default()))
        };
        let (old, new, mine) = (rank("old_role")?, rank("role")?, self.role()?);
        if old.max(new) == RoleRank::Superadmin && mine < RoleRank::Superadmin {
            let needed = Some(Need::Role(RoleRank::Superadmin));
            return Err(self.denied(needed, "a superadmin's row is for superadmins", true)?);
        }
        let own = self.facts.flag("own")?;
        if own && self.asked.action == Action::Patch && new > old {
            return Err(self.denied(None, "nobody raises his own role", true)?);
        }
        // Whoever alone manages a worktree is not made one who only looks: nobody but the daemon could mend that.
        if change.has("role") && new < RoleRank::Member {
            let worktrees = self.facts.text_lines("last_owner_of")?;
            if !worktrees.is_empty() {
                return Err(self.conflict(ConflictKind::LastOwner(worktrees))?);
            }
        }
        if !own && ["api_keys", "env_vars"].iter().any(|key| change.has_key(key)) {
            return Err(self.denied(Some(Need::Own), "`api_keys` and `env_vars` are written by their user", true)?);
        }
        Ok(())
    }

    // ---- invariants -------------------------------------------------------------------------

    fn invariants(&self, change: &Change<'_>) -> Judged {
        match self.asked.action {
            Action::Create => self.creation(change),
            Action::Patch => self.patch(change),
            Action::Remove => self.removal(),
            _ => Ok(()),
        }
    }

    fn creation(&self, change: &Change<'_>) -> Judged {
        if !matches!(self.asked.resource, Resource::Rule | Resource::Setting) {
            let id = self.facts.input("id")?.unwrap_or_default();
            let composite =
                matches!(self.asked.resource, Resource::Owner | Resource::Grant | Resource::Membership | Resource::Row);
            if id.is_empty() || (id.len() > 64 && !composite) {
                return Err(Refusal::invalid("id", "must be 1 to 64 bytes of text"));
            }
        }
        if self.facts.flag("taken")? {
            return Err(self.conflict(ConflictKind::Duplicate)?);
        }
        self.content(change)?;
        if self.facts.has("created_at") {
            self.about_now("created_at")?;
        }
        if self.facts.has("created_by") {
            self.creator()?;
        }
        match self.asked.resource {
            Resource::Task | Resource::Message => self.no_drift()?,
            Resource::Session => self.stamp()?,
            Resource::User => self.new_user()?,
            Resource::Owner | Resource::Membership => self.named_exists(Resource::User, "user", "user_exists")?,
            Resource::Grant => {
                self.named_exists(Resource::Group, "group", "group_exists")?;
                self.level_word("can", false)?;
            }
            Resource::Worktree => self.level_word("others_can", true)?,
            _ => {}
        }
        match self.asked.resource {
            Resource::Task => self.ending(None),
            Resource::Message => self.task_of_same_session("session"),
            Resource::Session => self.origins(),
            _ => Ok(()),
        }
    }

    fn patch(&self, change: &Change<'_>) -> Judged {
        if self.facts.flag("moved")? {
            return Err(Refusal::Immutable(Immutable { subject: self.subject()?, field: "rowid".to_owned() }));
        }
        let fixed = if self.facts.has("fixed") { self.facts.text_lines("fixed")? } else { Vec::new() };
        let mut fixed = fixed.iter().map(String::as_str).chain(immutable(self.asked.resource).iter().copied());
        if let Some(field) = fixed.find(|field| change.has(field)) {
            return Err(Refusal::Immutable(Immutable { subject: self.subject()?, field: field.to_owned() }));
        }
        if self.facts.flag("taken")? {
            return Err(self.conflict(ConflictKind::Duplicate)?);
        }
        self.content(change)?;
        if change.has("updated_at") && self.facts.has("updated_at") {
            self.about_now("updated_at")?;
        }
        match self.asked.resource {
            Resource::Task => self.ending(Some(change)),
            Resource::Message if change.has("task_id") => self.task_of_same_session("old_session"),
            Resource::Session => self.origins(),
            Resource::Worktree if change.has("others_can") => self.level_word("others_can", true),
            Resource::Grant if change.has("can") => self.level_word("can", false),
            Resource::User if change.has("role") => self.role_word(),
            _ => Ok(()),
        }
    }

    fn removal(&self) -> Judged {
        match self.asked.resource {
            Resource::Owner if self.facts.flag("last")? => {
                let worktree = self.facts.text("worktree")?.unwrap_or_default().to_owned();
                let id = self.facts.text("user")?.unwrap_or_default().to_owned();
                let subject = Subject { resource: Resource::User, id };
                Err(Refusal::Conflict(Conflict { subject, kind: ConflictKind::LastOwner(vec![worktree]) }))
            }
            Resource::User => match self.facts.text_lines("last_owner_of")? {
                worktrees if worktrees.is_empty() => Ok(()),
                worktrees => Err(self.conflict(ConflictKind::LastOwner(worktrees))?),
            },
            _ => Ok(()),
        }
    }

    /// Keys and words are plain text, and `data` is one JSON object that repeats no key and no column.
    fn content(&self, change: &Change<'_>) -> Judged {
        if self.facts.has("odd")
            && let Some((kind, column)) = self.facts.text("odd")?.and_then(|odd| odd.split_once(' '))
        {
            let kind = if kind == "text" { "plain text" } else { "an integer" };
            return Err(Refusal::invalid(column, format!("must be {kind}")));
        }
        for word in ["status", "type", "role", "agentic_tool", "email", "slug"] {
            if self.facts.has(word) && self.facts.input(word)?.is_none_or(str::is_empty) {
                return Err(Refusal::invalid(word, "must be text"));
            }
        }
        for number in ["index", "worktree_unique_id"] {
            let given = self.asked.action == Action::Create || change.has(number);
            if self.facts.has(number)
                && given
                && self.facts.int(number)?.is_none_or(|given| given.unsigned_abs() > MAX_NUMBER.unsigned_abs())
            {
                return Err(Refusal::invalid(number, "must be an integer of at most 53 bits"));
            }
        }
        let Some(change_of_data) = change.data else { return Ok(()) };
        if !change_of_data.checked {
            let Some(data) = self.facts.input("data")? else {
                // Nothing could be made of the stored text and the patch.
                let stored = if self.facts.has("old_data") { self.facts.text("old_data")? } else { Some("{}") };
                return Err(match merge::check_object(stored.unwrap_or_default()) {
                    Ok(()) => Refusal::invalid("data", "must be a JSON object of at most 16 MiB"),
                    Err(error) => Refusal::Unvouched(format!("the stored `data` is {error}")),
                });
            };
            merge::check_object(data).map_err(|error| Refusal::invalid("data", error.to_string()))?;
        }
        match change.shadow()? {
            Some(key) => Err(Refusal::invalid(&key, "is a column and can't be a key of `data` too")),
            None => Ok(()),
        }
    }

    fn about_now(&self, field: &str) -> Judged {
        let now = self.facts.int("now")?.unwrap_or_default();
        match self.facts.int(field)? {
            Some(time) if time.abs_diff(now) <= CLOCK_TOLERANCE.unsigned_abs() => Ok(()),
            // A row that says nothing of its creation is the adopted form of an owner.
            None if self.asked.resource == Resource::Owner => Ok(()),
            _ => Err(Refusal::invalid(field, format!("must be the present time, {now} ms"))),
        }
    }

    fn creator(&self) -> Judged {
        let named = self.facts.input("created_by")?;
        let field = if self.asked.resource == Resource::Membership { "added_by" } else { "created_by" };
        match self.actor.user_id() {
            Some(user) if named == Some(user.as_str()) => Ok(()),
            Some(user) => Err(Refusal::invalid(field, format!("must be `{user}`"))),
            None if named.is_some_and(|named| named != "anonymous") && self.facts.flag("creator_exists")? => Ok(()),
            // Groups and what hangs on them may be made by the daemon alone.
            None if named.is_none()
                && matches!(self.asked.resource, Resource::Group | Resource::Membership | Resource::Grant) =>
            {
                Ok(())
            }
            None => Err(Refusal::invalid(field, "must name an existing user")),
        }
    }

    fn stamp(&self) -> Judged {
        let (given, right) = (self.facts.input("unix_username")?, self.facts.text("creator_unix_username")?);
        match right {
            right if given == right => Ok(()),
            Some(right) => Err(Refusal::invalid("unix_username", format!("must be `{right}`"))),
            None => Err(Refusal::invalid("unix_username", "must be NULL")),
        }
    }

    /// A session that was stamped runs as that unix user for good: as nobody else.
    fn no_drift(&self) -> Judged {
        let (stamped, present) = (self.facts.text("stamped")?, self.facts.text("present")?);
        match stamped {
            Some(stamped) if present != Some(stamped) => Err(Refusal::Drift(IdentityDrift {
                session: self.facts.text("session")?.unwrap_or_default().to_owned(),
                stamped: stamped.to_owned(),
                present: present.map(str::to_owned),
            })),
            _ => Ok(()),
        }
    }

    fn new_user(&self) -> Judged {
        if self.facts.input("id")? == Some("anonymous") {
            return Err(Refusal::invalid("user_id", "can't be `anonymous`"));
        }
        self.role_word()
    }

    fn role_word(&self) -> Judged {
        match self.facts.input("role")? {
            Some(word) if RoleRank::from_word(word) > RoleRank::Unknown => Ok(()),
            _ => Err(Refusal::invalid("role", "must be superadmin, admin, member or viewer")),
        }
    }

    fn level_word(&self, field: &str, optional: bool) -> Judged {
        match self.facts.input(field)? {
            None if optional => Ok(()),
            Some(word) if Level::from_word(word).is_some() => Ok(()),
            _ => Err(Refusal::invalid(field, "must be none, view, session, prompt or all")),
        }
    }

    fn named_exists(&self, resource: Resource, name: &str, exists: &str) -> Judged {
        if self.facts.flag(exists)? {
            return Ok(());
        }
        let id = self.facts.input(name)?.unwrap_or_default().to_owned();
        Err(Refusal::NotFound(NotFound { subject: Subject { resource, id } }))
    }

    /// The first ending of a task wins, and says when it was: status and time both stay.
    fn ending(&self, change: Option<&Change<'_>>) -> Judged {
        if let Some(change) = change {
            let old = self.facts.text("old_status")?.unwrap_or_default();
            let timed = !self.facts.is_null("old_completed_at");
            if is_final(old) && (change.has("status") || (timed && change.has("completed_at"))) {
                return Err(self.conflict(ConflictKind::Ended(old.to_owned()))?);
            }
            if !change.has("status") {
                return Ok(());
            }
        }
        let ends = self.facts.input("status")?.is_some_and(is_final);
        if ends && self.facts.int("completed_at")?.is_none() {
            return Err(Refusal::invalid("completed_at", "must be a time in ms where the task ends"));
        }
        Ok(())
    }

    fn task_of_same_session(&self, session: &str) -> Judged {
        let task = self.facts.input("task")?;
        if task.is_none() || self.facts.text("task_session")? == self.facts.text(session)? {
            return Ok(());
        }
        // The same words for a task that is elsewhere and for none.
        Err(Refusal::invalid("task_id", "is not a task of this session"))
    }

    /// The parent and the fork origin are sessions that the creator may view.
    fn origins(&self) -> Judged {
        for (origin, held, field) in [
            ("parent_session", "parent_session_held", "parent_session_id"),
            ("fork", "fork_held", "forked_from_session_id"),
        ] {
            if self.facts.input(origin)?.is_some() && self.facts.held(held)?.level < Level::View {
                return Err(Refusal::invalid(field, "is not a session that its creator may view"));
            }
        }
        Ok(())
    }

    // ---- aclite's own writes ------------------------------------------------------------------

    fn raise_epoch(&self) -> Judged<Allowed> {
        if self.asked.action == Action::Patch && self.facts.flag("raised")? {
            return Ok(Allowed { audited: false, ..self.daemon() });
        }
        Err(self.never("it only goes up, by one"))
    }

    /// Whether this is the row that makes a new worktree's creator its first owner: the guard saw
    /// that worktree being created by the statement that runs now.
    fn is_first_owner(&self) -> Judged<bool> {
        Ok(self.asked.action == Action::Create
            && self.facts.flag("ticket")?
            && self.facts.flag("first")?
            && self.facts.text("creator")?.is_some()
            && self.facts.text("creator")? == self.facts.input("user")?)
    }

    fn first_owner(&self) -> Judged<Allowed> {
        self.named_exists(Resource::User, "user", "user_exists")?;
        Ok(Allowed { audited: false, why: "creator".to_owned(), ..self.daemon() })
    }

    // ---- helpers ------------------------------------------------------------------------------

    fn change(&self) -> Judged<Change<'_>> {
        Change::of(self.asked.action, self.facts)
    }

    /// What the parent of a further table's row is.
    fn parent_kind(&self) -> Judged<Resource> {
        let kind = self.facts.text("parent_kind")?.and_then(Resource::from_word);
        kind.ok_or_else(|| Refusal::Unvouched("the parent of a row is unknown".to_owned()))
    }

    fn rule(&self, action: Action) -> Judged<Option<Rule>> {
        self.facts.rule(match action {
            Action::Report => "rule:report",
            Action::Share => "rule:share",
            Action::Administer => "rule:administer",
            _ => "rule",
        })
    }

    fn held(&self) -> Judged<Held> {
        self.facts.held("held")
    }

    fn role(&self) -> Judged<RoleRank> {
        Ok(RoleRank::from_word(self.facts.text("actor_role")?.unwrap_or_default()))
    }

    /// The record whose visibility counts: for a creation its parent, which is there already.
    fn subject(&self) -> Judged<Subject> {
        let (resource, name) = match (self.asked.action, self.asked.resource) {
            (Action::Create, Resource::Task | Resource::Message) => (Resource::Session, "session"),
            // Who owns a hidden worktree is as hidden as the worktree.
            (Action::Create, Resource::Session) | (_, Resource::Owner | Resource::Grant) => {
                (Resource::Worktree, "worktree")
            }
            (Action::Create, Resource::Row) => match self.parent_kind()? {
                Resource::Session => (Resource::Session, "session"),
                _ => (Resource::Worktree, "worktree"),
            },
            (_, resource) => (resource, "id"),
        };
        Ok(Subject { resource, id: self.facts.any_text(name) })
    }

    fn denied(&self, needed: Option<Need>, why: &str, visible: bool) -> Judged<Refusal> {
        self.denied_for(self.asked.action, needed, why, visible)
    }

    fn denied_for(&self, action: Action, needed: Option<Need>, why: &str, visible: bool) -> Judged<Refusal> {
        let held = if self.facts.has("held") {
            self.held()?
        } else {
            let role = self.role()?;
            Held { level: Level::None, source: format!("role {}", role.word()) }
        };
        Ok(Refusal::Denied(Box::new(Denied {
            operation: Operation::new(self.asked.resource, action),
            subject: self.subject()?,
            // What decides on a new worktree is no worktree.
            worktree: match self.asked {
                Operation { resource: Resource::Worktree, action: Action::Create } => None,
                _ if self.facts.has("worktree") => self.facts.text("worktree")?.map(str::to_owned),
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
            subject: Subject { resource: self.asked.resource, id: self.facts.any_text("id") },
            worktree: None,
            needed: None,
            held: Held::nothing(),
            why: why.to_owned(),
            visible: true,
        }))
    }

    fn conflict(&self, kind: ConflictKind) -> Judged<Refusal> {
        let subject = Subject { resource: self.asked.resource, id: self.facts.any_text("id") };
        Ok(Refusal::Conflict(Conflict { subject, kind }))
    }
}

/// What a write changes: columns by name, and of `data` the keys.
struct Change<'a> {
    columns: Vec<&'a str>,
    /// How `data` changes, where it is new or does.
    data: Option<&'a DataChange>,
    facts: &'a Facts<'a>,
}

impl<'a> Change<'a> {
    fn of(action: Action, facts: &'a Facts<'a>) -> Judged<Self> {
        let mut change = Self { columns: Vec::new(), data: None, facts };
        let written = match action {
            Action::Patch => {
                // The time of the last change is a stamp: it comes with every change and is none itself.
                let stamped = facts.has("updated_at");
                change.columns = facts.changed()?.filter(|column| *column != "updated_at" || !stamped).collect();
                change.columns.contains(&"data")
            }
            Action::Create => true,
            _ => false,
        };
        if written && facts.has("data") {
            change.data = Some(facts.data_change()?);
        }
        Ok(change)
    }

    fn has(&self, column: &str) -> bool {
        self.columns.contains(&column) || (column == "updated_at" && self.facts.changes("updated_at"))
    }

    /// The changed keys of `data`; `None` where `data` changes and they can't be told.
    fn keys(&self) -> Option<&'a [String]> {
        match self.data {
            Some(data) => data.keys.as_deref(),
            None if self.columns.contains(&"data") => None,
            None => Some(&[]),
        }
    }

    fn has_key(&self, key: &str) -> bool {
        self.keys().is_none_or(|keys| keys.iter().any(|changed| changed == key))
    }

    /// The first changed column or key that is in neither list. What can't be told is beyond both.
    fn first_beyond(&self, columns: &[&str], keys: &[&str]) -> Option<&str> {
        let column = self.columns.iter().copied().find(|column| *column != "data" && !columns.contains(column));
        let key = || match self.keys() {
            Some(changed) => changed.iter().map(String::as_str).find(|key| !keys.contains(key)),
            None => Some("data"),
        };
        column.or_else(key)
    }

    /// A changed key of the new `data` that is a column too.
    fn shadow(&self) -> Judged<Option<String>> {
        let columns: Vec<&str> = self.facts.columns()?.collect();
        let suspect = |keys: &[String]| keys.iter().any(|key| columns.contains(&key.as_str()));
        if self.keys().is_some_and(|keys| !suspect(keys)) {
            return Ok(None);
        }
        // One that only goes away is none.
        let data = self.facts.input("data")?.unwrap_or_default();
        let present = merge::changed_keys("{}", data).map_err(|error| Refusal::invalid("data", error.to_string()))?;
        Ok(present.into_iter().find(|key| columns.contains(&key.as_str()) && self.has_key(key)))
    }
}

/// The names of what a write changes, for the audit: columns, and keys of `data` as `data.KEY`.
pub(crate) fn changed_fields(facts: &Facts<'_>) -> Vec<String> {
    let Ok(change) = Change::of(Action::Patch, facts) else { return vec!["?".to_owned()] };
    let keys = change.keys();
    let columns = change.columns.iter().filter(|column| **column != "data" || keys.is_none());
    let columns = columns.map(|column| (*column).to_owned());
    columns.chain(keys.unwrap_or_default().iter().map(|key| format!("data.{}", one_word(key)))).collect()
}

/// A key as one word: in JSON's quotes, without spaces, where it could pass for something else.
fn one_word(key: &str) -> Cow<'_, str> {
    let plain = |char: char| !(char.is_whitespace() || char.is_control() || matches!(char, '"' | '\\'));
    if !key.is_empty() && key.chars().all(plain) {
        return Cow::Borrowed(key);
    }
    let escape = |char: char| match char {
        char if plain(char) => char.to_string(),
        char => char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    Cow::Owned(format!("\"{}\"", key.chars().map(escape).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;

    /// What `actor` gets for patching the status of task `t` of session `s`, in a world of these facts.
    fn patch(actor: &Actor, world: &[(&'static str, Fact<'static>)]) -> String {
        let usual = [
            ("id", Fact::Text("t")),
            ("session", Fact::Text("s")),
            ("worktree", Fact::Text("w")),
            ("held", Fact::Text("3 others")),
            ("own", Fact::Int(0)),
            ("rule", Fact::Text("prompt|session|all")),
            ("scope", Fact::Null),
            ("columns", Fact::Text("task_id\nsession_id\nstatus\nmystery")),
            ("changed", Fact::Text("0010")),
            ("moved", Fact::Int(0)),
            ("taken", Fact::Int(0)),
            ("old_status", Fact::Text("running")),
            ("status", Fact::Text("awaiting_permission")),
            ("completed_at", Fact::Null),
        ];
        let mut facts = Facts::default();
        for (name, fact) in usual {
            let changed = world.iter().find(|(changed, _)| *changed == name);
            match changed.map_or(fact, |(_, fact)| *fact) {
                Fact::Odd if name == "rule" => {} // stands for a fact that is missing
                fact => facts.push(name, fact),
            }
        }
        match decide(actor, Operation::new(Resource::Task, Action::Patch), &facts) {
            Verdict::Allowed(allowed) => format!("allowed: {}", allowed.why),
            Verdict::Refused(Refusal::Unvouched(problem)) => format!("can't say: {problem}"),
            Verdict::Refused(refusal) => {
                let error = crate::error::Error::from(refusal);
                format!("{}{}: {error}", error.code(), if error.visible() { "" } else { ", hidden" })
            }
        }
    }

    /// A new worktree's creator becomes its first owner without a rule; nothing that lacks one of the
    /// facts of that does.
    #[test]
    fn only_a_new_worktrees_creator_owns_it_unasked() {
        let usual = [
            ("id", Fact::Text("w/u")),
            ("parent", Fact::Text("w")),
            ("parent_exists", Fact::Int(1)),
            ("worktree", Fact::Text("w")),
            ("held", Fact::Text("1 others")),
            ("own", Fact::Int(1)),
            ("rule", Fact::Text("owner||all")),
            ("columns", Fact::Text("worktree_id\nuser_id\ncreated_at")),
            ("taken", Fact::Int(0)),
            ("user", Fact::Text("u")),
            ("user_exists", Fact::Int(1)),
            ("first", Fact::Int(1)),
            ("creator", Fact::Text("u")),
            ("created_at", Fact::Null),
            ("ticket", Fact::Int(1)),
        ];
        let user = Actor::user("u");
        for (name, other, allowed) in [
            ("ticket", Fact::Int(1), true),
            ("ticket", Fact::Int(0), false),
            ("first", Fact::Int(0), false),
            ("creator", Fact::Text("v"), false),
            ("creator", Fact::Null, false),
            ("user", Fact::Text("v"), false),
            ("user_exists", Fact::Int(0), false),
        ] {
            let mut facts = Facts::default();
            for (known, fact) in usual {
                facts.push(known, if known == name { other } else { fact });
            }
            let verdict = decide(&user, Operation::new(Resource::Owner, Action::Create), &facts);
            assert_eq!(matches!(verdict, Verdict::Allowed(_)), allowed, "{name} {other:?}: {verdict:?}");
        }
    }

    #[test]
    fn checks_run_in_one_order() {
        let (user, agent, daemon) = (Actor::user("u"), Actor::executor("u", "s", "t"), Actor::system("test"));
        let text = Fact::Text;
        let stranger = ("held", text("0 others"));
        let ended = ("old_status", text("stopped"));
        let moved = ("changed", text("0110"));
        for (actor, world, expected) in [
            (&Actor::Anonymous, &[stranger, ended][..], "not_authenticated: not signed in"),
            (&Actor::user("anonymous"), &[], "not_authenticated: not signed in"),
            (&user, &[], "allowed: others"),
            (&daemon, &[stranger], "allowed: system test"),
            // May view comes before everything that names something about the record.
            (
                &user,
                &[stranger, ended, moved],
                "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
            ),
            (
                &agent,
                &[stranger],
                "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
            ),
            // Scope comes before level.
            (
                &agent,
                &[("held", text("1 others"))],
                "denied: may not patch task `t` on worktree `w`: the task is not this executor's",
            ),
            (&agent, &[("scope", Fact::Int(1))], "allowed: others"),
            // Level comes before invariants.
            (
                &user,
                &[("held", text("2 group devs")), ended, moved],
                "denied: may not patch task `t`: needs `prompt`, holds `session` (group devs) on worktree `w`",
            ),
            (&user, &[("held", text("2 group devs")), ("own", Fact::Int(1))], "allowed: own session, group devs"),
            (&user, &[moved, ended], "immutable: `session_id` of task `t` can't change"),
            (&daemon, &[moved], "immutable: `session_id` of task `t` can't change"),
            (&user, &[ended], "conflict: task `t` has ended as `stopped`"),
            // What is missing or unknown refuses.
            (
                &user,
                &[("held", Fact::Null)],
                "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (nothing) on worktree `w`",
            ),
            (
                &user,
                &[("held", text("9 others"))],
                "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
            ),
            (
                &user,
                &[("rule", Fact::Null)],
                "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
            ),
            (
                &user,
                &[("rule", Fact::Odd)],
                "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
            ),
            (
                &user,
                &[("rule", text("promt||all"))],
                "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
            ),
            (&user, &[("changed", text("001"))], "can't say: the guard does not match the table's columns"),
            (&user, &[("old_status", Fact::Odd)], "can't say: the stored `old_status` is not plain text"),
            (&user, &[("status", Fact::Odd)], "invalid: `status` must be plain text"),
            (&user, &[("worktree", Fact::Null)], "can't say: task `t` has no parent"),
        ] {
            assert_eq!(patch(actor, world), expected, "{actor:?} {world:?}");
        }
    }
}
