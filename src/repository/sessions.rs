//! Sessions.

use rusqlite::types::Value;

use super::list::Query;
use super::read::{Stored as _, read_one};
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_creation};
use crate::error::{Error, Result};
use crate::operation::{Action, Operation, Resource};
use crate::record::{NewSession, Record as _, Session, SessionId, SessionPatch, SessionStatus, UserId, WorktreeId};
use crate::store::traced;
use crate::verdict;

/// The sessions that a transaction can read.
pub type Sessions<'t> = Records<'t, Session>;

/// The sessions that a transaction can read and write.
pub type SessionsMut<'t> = RecordsMut<'t, Session>;

/// Which sessions to list.
///
/// ```
/// use aclite::SessionQuery;
/// let query = SessionQuery::new().worktree("w-1").archived(false);
/// # let _ = query;
/// ```
pub type SessionQuery = Query<Session>;

impl Query<Session> {
    /// Only sessions in this worktree.
    pub fn worktree(mut self, worktree: impl Into<WorktreeId>) -> Self {
        self.of("worktree_id", worktree.into().as_str());
        self
    }

    /// Only sessions with one of these statuses.
    pub fn status(mut self, statuses: impl IntoIterator<Item = SessionStatus>) -> Self {
        let words: Vec<String> = statuses.into_iter().map(|status| status.as_str().to_owned()).collect();
        self.one_of("t.status", words.iter().map(String::as_str));
        self
    }

    /// Only sessions that this user created.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.of("created_by", user.into().as_str());
        self
    }

    /// Only archived sessions, or only others.
    pub fn archived(mut self, archived: bool) -> Self {
        self.with("t.archived = ?", i64::from(archived));
        self
    }
}

impl Records<'_, Session> {
    /// The session that this token acts for, its `mcp_token` included.
    ///
    /// For `System` and `Service`, which resolve the token of a request; anybody else gets `Denied`. Whoever sends the token
    /// is the session's agent, [`Actor::agent`](crate::Actor::agent), and not its creator.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&daemon, |tx| tx.sessions().patch("s-1", SessionPatch::new().set("mcp_token", "token")))?;
    /// let session = store.read(&daemon, |tx| tx.sessions().by_mcp_token("token"))?;
    /// let agent = Actor::agent(session.created_by, session.session_id);
    /// assert_eq!((agent.kind(), agent.id()), ("agent", "bo"));
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `NotFound` (which does not repeat the token), `Storage`.
    pub fn by_mcp_token(&self, token: &str) -> Result<Session> {
        let asked = Operation::new(Resource::Session, Action::Get);
        traced(asked, || {
            verdict::daemon_only(self.tx.actor(), asked, "")?;
            // The expression of the index `sessions_mcp_token_idx`, to the letter. What another version of SQLite left in
            // that index is compared with the row.
            let sql = format!(
                "SELECT {}, {} FROM {} WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.mcp_token') END = ?1
                 AND acl_same_key(data, json_object('mcp_token', ?1), 'mcp_token')",
                Session::may_get("acl_get"),
                Session::select_list("t"),
                Session::FROM,
            );
            read_one(self.tx, "", &sql, &[Value::Text(token.to_owned())], Session::from_row_with_token)
        })
    }

    /// The sessions that this one spawned and those forked from it, the oldest first, as far as the caller may view
    /// them.
    ///
    /// For whoever may view the session. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let child = NewSession::new("w-1", AgenticTool::Codex).parent_session_id(SessionId::from("s-1"));
    /// let child = store.write(&bo, |tx| tx.sessions().create(child))?;
    /// assert_eq!(store.read(&bo, |tx| tx.sessions().children("s-1"))?, [child]);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Sessions::get`].
    pub fn children(&self, id: impl Into<SessionId>) -> Result<Vec<Session>> {
        let id = id.into();
        self.get(id.clone())?;
        let sql = format!(
            "SELECT {} FROM {} WHERE (t.parent_session_id = ?1 OR t.forked_from_session_id = ?1) AND {}
             ORDER BY t.created_at, t.session_id",
            Session::select_list("t"),
            Session::FROM,
            Session::may_get("acl_may_get"),
        );
        self.tx.rows("list children", &sql, &[Value::Text(id.to_string())], |row| Session::from_row(row, 0))
    }

    /// The sessions that this one comes from, by spawning and by forking, the nearest first, each once: a cycle ends
    /// where it began. What the caller may not view ends its line.
    ///
    /// For whoever may view the session. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// As [`Sessions::get`].
    pub fn ancestors(&self, id: impl Into<SessionId>) -> Result<Vec<Session>> {
        let mut lines = vec![self.get(id)?];
        let mut next = 0;
        while let Some(session) = lines.get(next) {
            let origins = [session.parent_session_id.clone(), session.forked_from_session_id.clone()];
            for origin in origins.into_iter().flatten() {
                if lines.iter().any(|known| known.session_id == origin) {
                    continue;
                }
                match self.get(origin) {
                    Ok(origin) => lines.push(origin),
                    Err(Error::NotFound(_) | Error::Denied(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            next += 1;
        }
        Ok(lines.split_off(1))
    }
}

impl RecordsMut<'_, Session> {
    /// Creates a session in a worktree, stamped with its creator's unix name for good.
    ///
    /// For whoever holds `session` on the worktree. `System` and `Service` name its creator. A
    /// stranger gets `Denied`, whose public form is that of a worktree that never was.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let new = NewSession::new("w-1", AgenticTool::Codex).set("title", "Fix the build");
    /// let session = store.write(&bo, |tx| tx.sessions().create(new))?;
    /// assert_eq!(session.status, SessionStatus::Idle);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the worktree), `Denied`, `Conflict` where the id is taken,
    /// `Invalid`, also where its parent or fork origin is none that its creator may view, `Storage`.
    pub fn create(&self, new: NewSession) -> Result<Session> {
        let mut fields = new.into_fields()?;
        required(&fields, "worktree_id")?;
        let id = identify(&mut fields, Session::KEY, || SessionId::new().to_string());
        stamp_creation(&mut fields, self.tx.actor())?;
        let imported = fields.take("unix_username").filter(|_| self.tx.actor().is_daemon());
        if fields.get("status").is_none() {
            fields.set("status", Value::Text(SessionStatus::Idle.as_str().to_owned()));
        }
        let creator = fields.get("created_by").cloned().unwrap_or(Value::Null);
        let mut assignments = Assignments::of(fields, false)?;
        match imported {
            Some(stamp) => assignments.value("unix_username", stamp),
            None => {
                let creator = assignments.bind(creator);
                let stamp = format!("(SELECT unix_username FROM main.users WHERE user_id = {creator})");
                assignments.expression("unix_username", &stamp);
            }
        }
        assignments.create(self.tx, &id)
    }

    /// Patches the session with this id.
    ///
    /// Run-state fields (`status`, `ready_for_prompt`, `archived`, `archived_reason`; of `data`
    /// `tasks`, `sdk_session_id`, `git_state`, `message_count`, `current_context_usage`,
    /// `context_window_limit`, `last_context_update_at`): for whoever holds `prompt`, or `session`
    /// where it is their own, and for its executor. Any other field: for whoever holds `all`; but
    /// `mcp_token` for `System` and `Service`. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let running = SessionPatch::new().status(SessionStatus::Running).ready_for_prompt(false);
    /// let session = store.write(&bo, |tx| tx.sessions().patch("s-1", running))?;
    /// assert_eq!(session.status, SessionStatus::Running);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<SessionId>, patch: SessionPatch) -> Result<Session> {
        let mut fields = patch.into_fields()?;
        // Clients send whole records back: the time of the last change is ours to say.
        fields.take("updated_at");
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(session, _)| session)
    }
    /// Lets the session wait for the next prompt, whatever else stands in its row.
    pub(super) fn wait_for_prompt(&self, id: &SessionId) -> Result<()> {
        let waiting = SessionPatch::new().status(SessionStatus::Idle).ready_for_prompt(true);
        let mut assignments = Assignments::of(waiting.into_fields()?, true)?;
        assignments.value("updated_at", now());
        assignments.patch_anyway::<Session>(self.tx, id.as_str()).map(drop)
    }
}
