//! Repos.

use super::list::Query;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_times};
use crate::error::Result;
use crate::record::{NewRepo, Record as _, Repo, RepoId, RepoPatch};

/// The repos that a transaction can read.
pub type Repos<'t> = Records<'t, Repo>;

/// The repos that a transaction can read and write.
pub type ReposMut<'t> = RecordsMut<'t, Repo>;

/// Which repos to list.
pub type RepoQuery = Query<Repo>;

impl Query<Repo> {
    /// Only the repo with this slug.
    pub fn slug(mut self, slug: &str) -> Self {
        self.with("t.slug = ?", slug.to_owned());
        self
    }
}

impl RecordsMut<'_, Repo> {
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
        stamp_times(&mut fields, self.tx.actor());
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the repo with this id.
    ///
    /// For every member. Somebody who is not a user gets `Denied`, publicly `NotFound`.
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
}
