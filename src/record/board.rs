//! Boards.

use super::{BoardId, Time, UserId};

record! {
    /// A board that worktrees and sessions are shown on. Every member may use every board.
    Board in "boards", keyed by board_id: BoardId, created by NewBoard, patched by BoardPatch;
    keeps [];

    /// Its id. Given at creation, or made.
    board_id: BoardId = "board_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When it last changed. The store sets it.
    updated_at: Option<Time> = "updated_at", fixed;
    /// Who created it; `anonymous` where an older program did not know. Only `System` and `Service` may name another
    /// than the actor. Never changes.
    created_by: UserId = "created_by", new;
    /// Its name.
    name: String = "name", open;
    /// Its short name in addresses. No two boards have the same.
    slug: Option<String> = "slug", open;
}

impl NewBoard {
    /// A board with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { draft: super::fields::Draft::new::<Board>() }.name(name)
    }
}
