//! Repositories of code.

use super::{RepoId, Time};

record! {
    /// A repository that worktrees are checkouts of. Every member may use every repo.
    Repo in "repos", keyed by repo_id: RepoId, created by NewRepo, patched by RepoPatch;
    keeps [];

    /// Its id. Given at creation, or made.
    repo_id: RepoId = "repo_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When it last changed. The store sets it.
    updated_at: Option<Time> = "updated_at", fixed;
    /// Its short name, such as `acme/app`. No two repos have the same.
    slug: String = "slug", open;
}

impl NewRepo {
    /// A repo with this slug.
    pub fn new(slug: impl Into<String>) -> Self {
        Self { draft: super::fields::Draft::new::<Repo>() }.slug(slug)
    }
}
