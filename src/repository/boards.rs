//! Boards.

use std::ops::Deref;

use super::list::{Page, Query, paging};
use super::read::get;
use super::resolve::resolve;
use super::write::{Assignments, identify, now, remove, required, stamp_creation};
use crate::error::Result;
use crate::record::{Board, BoardId, BoardPatch, NewBoard, Record as _, UserId};
use crate::store::{ReadTx, Tx};

/// The boards that a transaction can read.
#[derive(Debug)]
pub struct Boards<'t> {
    tx: &'t ReadTx<'t>,
}

/// The boards that a transaction can read and write.
#[derive(Debug)]
pub struct BoardsMut<'t> {
    read: Boards<'t>,
    tx: &'t Tx<'t>,
}

/// Which boards to list.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct BoardQuery {
    query: Query,
}

paging!(BoardQuery);

impl BoardQuery {
    /// Only boards that this user created.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.query.of("created_by", user.into().as_str());
        self
    }

    /// Only the board with this slug.
    pub fn slug(mut self, slug: &str) -> Self {
        self.query.with("t.slug = ?", slug.to_owned());
        self
    }
}

impl<'t> Boards<'t> {
    pub(crate) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx }
    }

    /// The board with this id.
    ///
    /// For every user, but no executor. Who is no user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn get(&self, id: impl Into<BoardId>) -> Result<Board> {
        get(self.tx, id.into().as_str(), Board::from_row)
    }

    /// The boards that the query asks for, the oldest first.
    ///
    /// For everybody: who is no user gets an empty page, never an error.
    ///
    /// # Errors
    /// `Invalid` where the limit is out of range, `Storage`.
    pub fn find(&self, query: &BoardQuery) -> Result<Page<Board>> {
        query.query.page(self.tx, "created_at")
    }

    /// The whole id of the one board that begins with `prefix`: 6 or more hexadecimal digits, hyphens optional.
    ///
    /// For every user, but no executor.
    ///
    /// # Errors
    /// `NotAuthenticated`, `Invalid`, `NotFound`, `Ambiguous`, `Storage`.
    pub fn resolve(&self, prefix: &str) -> Result<BoardId> {
        resolve::<Board>(self.tx, prefix).map(BoardId::from)
    }
}

impl<'t> Deref for BoardsMut<'t> {
    type Target = Boards<'t>;

    fn deref(&self) -> &Boards<'t> {
        &self.read
    }
}

impl<'t> BoardsMut<'t> {
    pub(crate) fn new(tx: &'t Tx<'t>) -> Self {
        Self { read: Boards::new(tx), tx }
    }

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
        fields.set("updated_at", now());
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the board with this id.
    ///
    /// For every member. Who is no user gets `Denied`, publicly `NotFound`.
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

    /// Removes the board with this id. Worktrees and sessions on it stay, and are on none.
    ///
    /// For every member. Who is no user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn remove(&self, id: impl Into<BoardId>) -> Result<()> {
        remove::<Board>(self.tx, id.into().as_str())
    }
}
