//! What holds whoever writes: what never changes, stamps, content, endings, last owners.

use super::{Case, Change, Judged, MAX_NUMBER, is_final};
use crate::catalog;
use crate::error::{Conflict, ConflictKind, IdentityDrift, Immutable, NotFound, Refusal, Subject};
use crate::facts::{Fact, Facts};
use crate::level::{Level, RoleRank};
use crate::merge;
use crate::operation::{Action, Resource};

/// How far a writer's clock may be from ours, in milliseconds.
const CLOCK_TOLERANCE: i64 = 60_000;

/// The creator of what nobody created: of old records, of the daemon's own. It is no user, and owns nothing.
const ANONYMOUS: &str = "anonymous";

/// Whether a time that the writer gives is now, as far as clocks agree.
pub(super) fn is_about_now(facts: &Facts<'_>, fact: Fact) -> bool {
    matches!(facts.int(fact), Ok(Some(time)) if time.abs_diff(facts.now) <= CLOCK_TOLERANCE.unsigned_abs())
}

impl Case<'_> {
    pub(super) fn invariants(&self, change: &Change<'_>) -> Judged {
        match self.asked.action {
            Action::Create => self.creation(change),
            Action::Patch => self.patch(change),
            Action::Remove => self.removal(),
            _ => Ok(()),
        }
    }

    fn creation(&self, change: &Change<'_>) -> Judged {
        if !matches!(self.asked.resource, Resource::Rule | Resource::Setting) {
            let id = self.facts.input(Fact::Id)?.unwrap_or_default();
            let composite =
                matches!(self.asked.resource, Resource::Owner | Resource::Grant | Resource::Membership | Resource::Row);
            if id.is_empty() || (id.len() > 64 && !composite) {
                return Err(Refusal::invalid("id", "must be 1 to 64 bytes of text"));
            }
        }
        let left_behind = self.facts.has(Fact::LeftBehind) && self.facts.flag(Fact::LeftBehind)?;
        if self.facts.row.key_taken || left_behind {
            return Err(self.conflict(ConflictKind::Duplicate)?);
        }
        self.content(change)?;
        for time in [Fact::CreatedAt, Fact::UpdatedAt] {
            if self.facts.has(time) {
                self.about_now(time)?;
            }
        }
        if self.facts.has(Fact::CreatedBy) {
            self.creator()?;
        }
        match self.asked.resource {
            Resource::Task | Resource::Message => self.no_drift()?,
            Resource::Session => self.stamp()?,
            Resource::User => self.new_user()?,
            Resource::Owner | Resource::Membership => {
                self.named_exists(Resource::User, Fact::User, Fact::UserExists)?
            }
            Resource::Grant => {
                self.named_exists(Resource::Group, Fact::Group, Fact::GroupExists)?;
                self.level_word(Fact::Can, false)?;
            }
            Resource::Worktree => self.level_word(Fact::OthersCan, true)?,
            _ => {}
        }
        match self.asked.resource {
            Resource::Task => self.ending(None),
            Resource::Message => self.task_of_same_session(Fact::Session),
            Resource::Session => self.origins(),
            _ => Ok(()),
        }
    }

    fn patch(&self, change: &Change<'_>) -> Judged {
        if self.facts.row.rowid_changed {
            return Err(Refusal::Immutable(Immutable { subject: self.subject()?, field: "rowid".to_owned() }));
        }
        let fixed = if self.facts.has(Fact::Immutable) { self.facts.text_lines(Fact::Immutable)? } else { Vec::new() };
        let mut fixed = fixed.iter().map(String::as_str).chain(catalog::of(self.asked.resource).fixed.iter().copied());
        if let Some(field) = fixed.find(|field| change.has(field)) {
            return Err(Refusal::Immutable(Immutable { subject: self.subject()?, field: field.to_owned() }));
        }
        if self.facts.row.key_taken {
            return Err(self.conflict(ConflictKind::Duplicate)?);
        }
        self.content(change)?;
        if change.has("updated_at") && self.facts.has(Fact::UpdatedAt) {
            self.about_now(Fact::UpdatedAt)?;
        }
        match self.asked.resource {
            Resource::Task => self.ending(Some(change)),
            Resource::Message if change.has("task_id") => self.task_of_same_session(Fact::OldSession),
            Resource::Session => self.origins(),
            Resource::Worktree if change.has("others_can") => self.level_word(Fact::OthersCan, true),
            Resource::Grant if change.has("can") => self.level_word(Fact::Can, false),
            Resource::User if change.has("role") => self.role_word(),
            _ => Ok(()),
        }
    }

    fn removal(&self) -> Judged {
        match self.asked.resource {
            Resource::Owner if self.facts.flag(Fact::Last)? => {
                let worktree = self.facts.text(Fact::Worktree)?.unwrap_or_default().to_owned();
                let id = self.facts.text(Fact::User)?.unwrap_or_default().to_owned();
                let subject = Subject { resource: Resource::User, id };
                Err(Refusal::Conflict(Conflict { subject, kind: ConflictKind::LastOwner(vec![worktree]) }))
            }
            Resource::User => match self.facts.text_lines(Fact::LastOwnerOf)? {
                worktrees if worktrees.is_empty() => Ok(()),
                worktrees => Err(self.conflict(ConflictKind::LastOwner(worktrees))?),
            },
            _ => Ok(()),
        }
    }

    /// Keys and words are plain text, and `data` is one JSON object that repeats no key and no column.
    fn content(&self, change: &Change<'_>) -> Judged {
        if let Some(mistyped) = self.facts.row.mistyped() {
            return Err(Refusal::invalid(&mistyped.column, format!("must be {}", mistyped.needed)));
        }
        for word in [Fact::Status, Fact::Type, Fact::Role, Fact::AgenticTool, Fact::Email, Fact::Slug] {
            if self.facts.has(word) && self.facts.input(word)?.is_none_or(str::is_empty) {
                return Err(Refusal::invalid(word.name(), "must be text"));
            }
        }
        for number in [Fact::Index, Fact::WorktreeUniqueId] {
            let given = self.asked.action == Action::Create || change.has(number.name());
            if self.facts.has(number)
                && given
                && self.facts.int(number)?.is_none_or(|given| given.unsigned_abs() > MAX_NUMBER.unsigned_abs())
            {
                return Err(Refusal::invalid(number.name(), "must be an integer of at most 53 bits"));
            }
        }
        let Some(change_of_data) = change.data else { return Ok(()) };
        if !change_of_data.checked {
            let Some(data) = self.facts.input(Fact::Data)? else {
                // Nothing could be made of the stored text and the patch.
                let stored = if self.facts.has(Fact::OldData) { self.facts.text(Fact::OldData) } else { Ok(None) };
                let problem = match stored.map(|stored| merge::check_object(stored.unwrap_or("{}"))) {
                    Ok(Ok(())) => return Err(Refusal::invalid("data", "must be a JSON object")),
                    Ok(Err(problem)) => problem.to_string(),
                    Err(_) => "not text without NUL".to_owned(),
                };
                return Err(Refusal::Undecidable(format!(
                    "the stored `data` is {problem}; a status can be set, and System and Service can store another `data`"
                )));
            };
            // What an older program stored is no reason to refuse what is new.
            let stored =
                if self.facts.has(Fact::OldData) { self.facts.text(Fact::OldData).ok().flatten() } else { None };
            merge::check_change(stored.unwrap_or_default(), data)
                .map_err(|error| Refusal::invalid("data", error.to_string()))?;
        }
        // The index by which a token is found holds what SQLite reads of it, whatever its version.
        if self.asked.resource == Resource::Session && change.has_key("mcp_token") {
            let data = self.facts.input(Fact::Data)?.unwrap_or_default();
            if !merge::is_plain_text(data, "mcp_token") {
                return Err(Refusal::invalid("mcp_token", "must be text without `\\u`, or null"));
            }
        }
        match change.shadow()? {
            Some(key) => Err(Refusal::invalid(&key, "is a column and can't be a key of `data` too")),
            None => Ok(()),
        }
    }

    /// A time that is stamped is now. The daemon may import what is old.
    fn about_now(&self, fact: Fact) -> Judged {
        let now = self.facts.now;
        match self.facts.int(fact)? {
            _ if is_about_now(self.facts, fact) => Ok(()),
            Some(time) if self.actor.is_daemon() && (0..=now).contains(&time) => Ok(()),
            // A row that says nothing of its creation is the adopted form of an owner.
            None if self.asked.resource == Resource::Owner => Ok(()),
            _ if self.actor.is_daemon() => {
                Err(Refusal::invalid(fact.name(), format!("must be the present time, {now} ms, or an earlier one")))
            }
            _ => Err(Refusal::invalid(fact.name(), format!("must be the present time, {now} ms"))),
        }
    }

    fn creator(&self) -> Judged {
        let named = self.facts.input(Fact::CreatedBy)?;
        let field = if self.asked.resource == Resource::Membership { "added_by" } else { "created_by" };
        match self.actor.user_id() {
            Some(user) if named == Some(user.as_str()) => Ok(()),
            Some(user) => Err(Refusal::invalid(field, format!("must be `{user}`"))),
            None if named == Some(ANONYMOUS) || (named.is_some() && self.facts.flag(Fact::CreatorExists)?) => Ok(()),
            // Groups and what hangs on them may be made by the daemon alone.
            None if named.is_none()
                && matches!(self.asked.resource, Resource::Group | Resource::Membership | Resource::Grant) =>
            {
                Ok(())
            }
            None => Err(Refusal::invalid(field, "must name an existing user, or be `anonymous`")),
        }
    }

    /// A session runs as its creator's unix user. The daemon may import one with the stamp that it has got.
    fn stamp(&self) -> Judged {
        let (given, right) = (self.facts.input(Fact::UnixUsername)?, self.facts.text(Fact::CreatorUnixName)?);
        let anonymous = self.facts.input(Fact::CreatedBy)? == Some(ANONYMOUS);
        match right.filter(|_| !anonymous) {
            _ if self.actor.is_daemon() && !anonymous => Ok(()),
            right if given == right => Ok(()),
            Some(right) => Err(Refusal::invalid("unix_username", format!("must be `{right}`"))),
            None => Err(Refusal::invalid("unix_username", "must be NULL")),
        }
    }

    /// A session that was stamped runs as that unix user for good: as nobody else.
    fn no_drift(&self) -> Judged {
        let (stamped, present) = (self.facts.text(Fact::SessionUnixName)?, self.facts.text(Fact::CreatorUnixName)?);
        match stamped {
            Some(stamped) if present != Some(stamped) => Err(Refusal::Drift(IdentityDrift {
                session: self.facts.text(Fact::Session)?.unwrap_or_default().to_owned(),
                stamped: stamped.to_owned(),
                present: present.map(str::to_owned),
            })),
            _ => Ok(()),
        }
    }

    fn new_user(&self) -> Judged {
        if self.facts.input(Fact::Id)? == Some(ANONYMOUS) {
            return Err(Refusal::invalid("user_id", "can't be `anonymous`"));
        }
        self.role_word()
    }

    fn role_word(&self) -> Judged {
        match self.facts.input(Fact::Role)? {
            Some(word) if RoleRank::of_role(word) > RoleRank::Unknown => Ok(()),
            _ => Err(Refusal::invalid("role", "must be superadmin, admin, member or viewer")),
        }
    }

    fn level_word(&self, fact: Fact, optional: bool) -> Judged {
        match self.facts.input(fact)? {
            None if optional => Ok(()),
            Some(word) if Level::known(word).is_some() => Ok(()),
            _ => Err(Refusal::invalid(fact.name(), "must be none, view, session, prompt or all")),
        }
    }

    pub(super) fn named_exists(&self, resource: Resource, named: Fact, exists: Fact) -> Judged {
        if self.facts.flag(exists)? {
            return Ok(());
        }
        let id = self.facts.input(named)?.unwrap_or_default().to_owned();
        Err(Refusal::NotFound(NotFound { subject: Subject { resource, id } }))
    }

    /// The first ending of a task wins, and says when it was: status and time both stay.
    fn ending(&self, change: Option<&Change<'_>>) -> Judged {
        if let Some(change) = change {
            let old = self.facts.text(Fact::OldStatus)?.unwrap_or_default();
            let timed = !self.facts.is_null(Fact::OldCompletedAt);
            if is_final(old) && (change.has("status") || (timed && change.has("completed_at"))) {
                return Err(self.conflict(ConflictKind::Ended(old.to_owned()))?);
            }
        }
        self.facts.int(Fact::CompletedAt).map(drop)
    }

    fn task_of_same_session(&self, session: Fact) -> Judged {
        let task = self.facts.input(Fact::Task)?;
        if task.is_none() || self.facts.text(Fact::TaskSession)? == self.facts.text(session)? {
            return Ok(());
        }
        // The same words for a task that is elsewhere and for none.
        Err(Refusal::invalid("task_id", "is not a task of this session"))
    }

    /// The parent and the fork origin are sessions that the creator may view.
    fn origins(&self) -> Judged {
        for (origin, held, field) in [
            (Fact::ParentSession, Fact::ParentSessionHeld, "parent_session_id"),
            (Fact::Fork, Fact::ForkHeld, "forked_from_session_id"),
        ] {
            if self.facts.input(origin)?.is_some() && self.facts.held(held)?.level < Level::View {
                return Err(Refusal::invalid(field, "is not a session that its creator may view"));
            }
        }
        Ok(())
    }
}
