//! Sessions of agents.

use rusqlite::Row;

use super::fields::Draft;
use super::row::Source;
use super::{AgenticTool, BoardId, SessionId, SessionStatus, Time, UserId, WorktreeId};
use crate::error::Result;

record! {
    /// A conversation with an agent that works in a worktree.
    ///
    /// `data` never holds `mcp_token`, a secret, but where a method that is made for it says so.
    Session in "sessions", keyed by session_id: SessionId,
        created by NewSession, patched by SessionPatch;
    keeps [];

    /// Its id. Given at creation, or made.
    session_id: SessionId = "session_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When it last changed. The store sets it.
    updated_at: Option<Time> = "updated_at", fixed;
    /// Who created it; `anonymous` where an older program did not know. Only `System` and `Service` may name another
    /// than the actor. Never changes.
    created_by: UserId = "created_by", new;
    /// Where it stands.
    status: SessionStatus = "status", open;
    /// The agent that it runs.
    agentic_tool: AgenticTool = "agentic_tool", open;
    /// The board it is shown on.
    board_id: Option<BoardId> = "board_id", open;
    /// The session that spawned it; one that its creator may view.
    parent_session_id: Option<SessionId> = "parent_session_id", open;
    /// The session that it was forked from; one that its creator may view.
    forked_from_session_id: Option<SessionId> = "forked_from_session_id", open;
    /// The worktree that it works in. Never changes.
    worktree_id: WorktreeId = "worktree_id", fixed;
    /// The scheduled moment that it was started for. The scheduler sets it.
    scheduled_run_at: Option<Time> = "scheduled_run_at", open;
    /// Whether its worktree's schedule started it.
    scheduled_from_worktree: bool = "scheduled_from_worktree", open;
    /// Whether it waits for a prompt.
    ready_for_prompt: bool = "ready_for_prompt", open;
    /// Whether it is archived.
    archived: bool = "archived", open;
    /// Why it was archived.
    archived_reason: Option<String> = "archived_reason", open;
    /// The unix user that it runs as: its creator's at creation, which the store sets. Never changes.
    unix_username: Option<String> = "unix_username", fixed;
}

impl NewSession {
    /// A session in `worktree_id` that runs `agentic_tool`.
    ///
    /// ```
    /// use aclite::{AgenticTool, NewSession};
    /// let session = NewSession::new("w-1", AgenticTool::ClaudeCode).id("s-1").set("title", "Fix the build");
    /// # let _ = session;
    /// ```
    pub fn new(worktree_id: impl Into<WorktreeId>, agentic_tool: AgenticTool) -> Self {
        let worktree_id: WorktreeId = worktree_id.into();
        let draft = Draft::new::<Session>().with("worktree_id", worktree_id);
        Self { draft }.agentic_tool(agentic_tool)
    }
}

impl Session {
    /// Like `from_row`, with `mcp_token` left in `data`: for the daemon, and for the session's own executor.
    pub(crate) fn from_row_with_token(row: &Row<'_>, offset: usize) -> Result<Self> {
        Self::read_without(Source::Row(row, offset), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::{read, read_with};
    use super::*;

    const ROW: &str = concat!(
        "'s-1', 0, NULL, 'u-1', 'idle', 'claude-code', NULL, NULL, NULL, 'w-1', 1000, 0, 1, 0, NULL, 'ada', ",
        r#"'{"title":"Fix","mcp_token":"s3cret"}'"#,
    );

    #[test]
    fn json_is_flat_and_holds_no_token() {
        let session: Session = read(ROW).unwrap();
        assert_eq!(
            serde_json::to_string(&session).unwrap(),
            concat!(
                r#"{"session_id":"s-1","created_at":"1970-01-01T00:00:00.000Z","created_by":"u-1","#,
                r#""status":"idle","agentic_tool":"claude-code","worktree_id":"w-1","#,
                r#""scheduled_run_at":"1970-01-01T00:00:01.000Z","scheduled_from_worktree":false,"#,
                r#""ready_for_prompt":true,"archived":false,"unix_username":"ada","title":"Fix"}"#,
            )
        );
    }

    #[test]
    fn the_token_is_there_on_request_and_never_printed() {
        let session = read_with(ROW, |source| Session::read_without(source, &[])).unwrap();
        assert_eq!(session.data().unwrap()["mcp_token"], "s3cret");
        let shown = format!("{session:?} {session:#?}");
        assert!(shown.contains(r#""mcp_token": …"#) && shown.contains("Fix") && !shown.contains("s3cret"), "{shown}");
    }
}
