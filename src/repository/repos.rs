//! Repos.

use std::ops::Deref;

use super::list::{Page, Query, paging};
use super::read::get;
use super::resolve::resolve;
use super::write::{Assignments, identify, now, remove, required};
use crate::error::Result;
use crate::record::{NewRepo, Record as _, Repo, RepoId, RepoPatch};
use crate::store::{ReadTx, Tx};

/// The repos that a transaction can read.
#[derive(Debug)]
pub struct Repos<'t> {
    tx: &'t ReadTx<'t>,
}

/// The repos that a transaction can read and write.
#[derive(Debug)]
pub struct ReposMut<'t> {
    read: Repos<'t>,
    tx: &'t Tx<'t>,
}

/// Which repos to list.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RepoQuery {
    query: Query,
}

paging!(RepoQuery);

impl RepoQuery {
    /// Only the repo with this slug.
    pub fn slug(mut self, slug: &str) -> Self {
        self.query.with("t.slug = ?", slug.to_owned());
        self
    }
}

impl<'t> Repos<'t> {
    pub(crate) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx }
    }

    /// The repo with this id.
    ///
    /// For every user, but no executor. Who is no user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn get(&self, id: impl Into<RepoId>) -> Result<Repo> {
        get(self.tx, id.into().as_str(), Repo::from_row)
    }

    /// The repos that the query asks for, the oldest first.
    ///
    /// For everybody: who is no user gets an empty page, never an error.
    ///
    /// # Errors
    /// `Invalid` where the limit is out of range, `Storage`.
    pub fn find(&self, query: &RepoQuery) -> Result<Page<Repo>> {
        query.query.page(self.tx, "created_at")
    }

    /// The whole id of the one repo that begins with `prefix`: 6 or more hexadecimal digits, hyphens optional.
    ///
    /// For every user, but no executor.
    ///
    /// # Errors
    /// `NotAuthenticated`, `Invalid`, `NotFound`, `Ambiguous`, `Storage`.
    pub fn resolve(&self, prefix: &str) -> Result<RepoId> {
        resolve::<Repo>(self.tx, prefix).map(RepoId::from)
    }
}

impl<'t> Deref for ReposMut<'t> {
    type Target = Repos<'t>;

    fn deref(&self) -> &Repos<'t> {
        &self.read
    }
}

impl<'t> ReposMut<'t> {
    pub(crate) fn new(tx: &'t Tx<'t>) -> Self {
        Self { read: Repos::new(tx), tx }
    }

    /// Creates a repo.
    ///
    /// For every member.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let repo = store.write(&daemon, |tx| tx.repos().create(NewRepo::new("acme/site")))?;
    /// assert_eq!(store.read(&bo, |tx| tx.repos().get(&repo.repo_id))?.slug, "acme/site");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `Conflict` where the id or the slug is taken, `Invalid`, `Storage`.
    pub fn create(&self, new: NewRepo) -> Result<Repo> {
        let mut fields = new.into_fields()?;
        required(&fields, "slug")?;
        let id = identify(&mut fields, Repo::KEY, || RepoId::new().to_string());
        fields.set("created_at", now());
        fields.set("updated_at", now());
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the repo with this id.
    ///
    /// For every member. Who is no user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Conflict` where the slug is taken, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<RepoId>, patch: RepoPatch) -> Result<Repo> {
        let mut fields = patch.into_fields()?;
        fields.take("updated_at");
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(repo, _)| repo)
    }

    /// Removes the repo with this id, its worktrees and everything in them.
    ///
    /// For members who hold `all` on every worktree in it, and may remove everything in them. Who is no user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn remove(&self, id: impl Into<RepoId>) -> Result<()> {
        remove::<Repo>(self.tx, id.into().as_str())
    }
}
