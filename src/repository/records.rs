//! What all repositories have in common. What is special of a kind of record stands in its own file.
#![expect(private_bounds, reason = "which records there are is aclite's to say: nobody else implements `Stored`")]

use std::marker::PhantomData;
use std::ops::Deref;

use super::list::{Page, Query};
use super::read::{Stored, get};
use super::resolve::resolve;
use super::write::remove;
use crate::error::Result;
use crate::store::{ReadTx, Tx};

/// The records of one kind that a transaction can read: [`Tasks`](crate::Tasks) and its likes.
#[derive(Debug)]
pub struct Records<'t, R> {
    pub(super) tx: &'t ReadTx<'t>,
    record: PhantomData<fn() -> R>,
}

/// The records of one kind that a transaction can read and write: [`TasksMut`](crate::TasksMut) and its likes.
#[derive(Debug)]
pub struct RecordsMut<'t, R> {
    read: Records<'t, R>,
    pub(super) tx: &'t Tx<'t>,
}

impl<'t, R: Stored> Records<'t, R> {
    pub(super) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx, record: PhantomData }
    }

    /// The record with this id, without its secrets.
    ///
    /// Worktrees, and what is in them: for whoever may view the worktree; an executor gets its session, with its
    /// `mcp_token`, and the tasks and messages of that. A stranger gets `Denied`, whose public form is that of a record
    /// that never was. Users, groups, boards and repos: for every user, but no executor; to anybody else `Denied`, publicly
    /// `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let task = store.read(&bo, |tx| tx.tasks().get("t-1"))?;
    /// assert_eq!(task.session_id.as_str(), "s-1");
    /// let hidden = store.read(&Actor::user("eve"), |tx| tx.tasks().get("t-1")).unwrap_err();
    /// assert_eq!(hidden.public().status, 404);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn get(&self, id: impl Into<R::Id>) -> Result<R> {
        get(self.tx, id.into().as_ref())
    }

    /// The records that the query asks for and the caller may view, the oldest first; the messages of one session by
    /// their index.
    ///
    /// For everybody: a stranger, and somebody who is not a user, gets an empty page, never an error.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let of_session = TaskQuery::new().session("s-1").limit(10);
    /// assert_eq!(store.read(&bo, |tx| tx.tasks().find(&of_session))?.items.len(), 1);
    /// assert!(store.read(&Actor::user("eve"), |tx| tx.tasks().find(&of_session))?.items.is_empty());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` where the limit is out of range or an id is none, `Storage`.
    pub fn find(&self, query: &Query<R>) -> Result<Page<R>> {
        query.page(self.tx)
    }

    /// The whole id of the one record that begins with `prefix`: 6 or more hexadecimal digits, hyphens optional.
    ///
    /// For everybody, among the records that they may view: to a stranger the others are not there.
    ///
    /// # Errors
    /// `NotAuthenticated`, `Invalid`, `NotFound`, `Ambiguous`, `Storage`.
    pub fn resolve(&self, prefix: &str) -> Result<R::Id> {
        resolve::<R>(self.tx, prefix).map(R::Id::from)
    }
}

impl<'t, R> Deref for RecordsMut<'t, R> {
    type Target = Records<'t, R>;

    fn deref(&self) -> &Records<'t, R> {
        &self.read
    }
}

impl<'t, R: Stored> RecordsMut<'t, R> {
    pub(super) fn new(tx: &'t Tx<'t>) -> Self {
        Self { read: Records::new(tx), tx }
    }

    /// Removes the record with this id, and what the table of its kind says.
    ///
    /// | record | what goes with it | who may |
    /// |---|---|---|
    /// | worktree | everything in it | whoever holds `all`, and may remove each session, task and message in it |
    /// | session | its tasks and messages | the same |
    /// | task | nothing; its messages stay, and name no task any more | whoever holds `all` on its worktree |
    /// | message | nothing | whoever may patch it, but no executor |
    /// | user | memberships and ownerships, but not what they made | administrators; of a superadmin superadmins |
    /// | group | its memberships and grants | administrators |
    /// | board | nothing; worktrees and sessions on it stay | every member |
    /// | repo | its worktrees and everything in them | members who hold `all` on each, and may remove what is in them |
    ///
    /// A stranger, and somebody who is not a user, gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&bo, |tx| tx.sessions().remove("s-1"))?;
    /// assert!(store.read(&bo, |tx| tx.tasks().find(&TaskQuery::new()))?.items.is_empty());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Conflict` for a worktree's last owner, `Storage`.
    pub fn remove(&self, id: impl Into<R::Id>) -> Result<()> {
        remove::<R>(self.tx, id.into().as_ref())
    }
}
