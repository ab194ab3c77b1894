//! Boards.

use super::list::Query;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_creation};
use crate::error::Result;
use crate::record::{Board, BoardId, BoardPatch, NewBoard, Record as _, UserId};

/// The boards that a transaction can read.
pub type Boards<'t> = Records<'t, Board>;

/// The boards that a transaction can read and write.
pub type BoardsMut<'t> = RecordsMut<'t, Board>;

/// Which boards to list.
pub type BoardQuery = Query<Board>;

impl Query<Board> {
    /// Only boards that this user created.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.of("created_by", user.into().as_str());
        self
    }

    /// Only the board with this slug.
    pub fn slug(mut self, slug: &str) -> Self {
        self.with("t.slug = ?", slug.to_owned());
        self
    }
}

impl RecordsMut<'_, Board> {
    /// Creates a board.
    ///
    /// For every member. `System` and `Service` name its creator.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let board = store.write(&bo, |tx| tx.boards().create(NewBoard::new("Backlog")))?;
    /// store.write(&bo, |tx| tx.worktrees().patch("w-1", WorktreePatch::new().board_id(board.board_id)))?;
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `Conflict` where the id or the slug is taken, `Invalid`, `Storage`.
    pub fn create(&self, new: NewBoard) -> Result<Board> {
        let mut fields = new.into_fields()?;
        required(&fields, "name")?;
        let id = identify(&mut fields, Board::KEY, || BoardId::new().to_string());
        stamp_creation(&mut fields, self.tx.actor())?;
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the board with this id.
    ///
    /// For every member. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Conflict` where the slug is taken, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<BoardId>, patch: BoardPatch) -> Result<Board> {
        let mut fields = patch.into_fields()?;
        fields.take("updated_at");
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(board, _)| board)
    }
}
