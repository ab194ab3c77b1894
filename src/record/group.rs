//! Groups of users, who is in one, and what it holds on a worktree.

use serde::Serialize;

use super::column::{Column, Kind, lists};
use super::fields::Draft;
use super::row::{Reader, Source};
use super::{GroupId, Record, Sharing, Time, UserId, WorktreeId};
use crate::catalog;
use crate::error::Result;
use crate::operation::Resource;

const fn column(name: &'static str, kind: Kind, nullable: bool) -> Column {
    Column { name, kind, nullable, free: lists(catalog::of(Resource::Group).free, name) }
}

/// A group of users. Its grants on worktrees count for its members while it is not archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// Its id. Given at creation, or made.
    pub group_id: GroupId,
    /// Its name.
    pub name: String,
    /// Its short name. No two groups have the same.
    pub slug: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is archived: its grants do not count then.
    pub archived: bool,
    /// Who created it; nobody where the daemon did for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<UserId>,
    /// When it was created. The store sets it.
    pub created_at: Time,
    /// When it last changed. The store sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
}

impl Record for Group {
    const RESOURCE: Resource = Resource::Group;
    const TABLE: &'static str = "groups";
    const KEY: &'static str = "group_id";
    const COLUMNS: &'static [Column] = &[
        column("group_id", Kind::Id, false),
        column("name", Kind::Text, false),
        column("slug", Kind::Text, false),
        column("description", Kind::Text, true),
        column("archived", Kind::Bool, false),
        column("created_by", Kind::Id, true),
        column("created_at", Kind::Time, false),
        column("updated_at", Kind::Time, true),
    ];

    fn read(source: Source<'_>) -> Result<Self> {
        let mut reader = Reader::new::<Self>(source);
        Ok(Self {
            group_id: reader.field()?,
            name: reader.field()?,
            slug: reader.field()?,
            description: reader.field()?,
            archived: reader.field()?,
            created_by: reader.field()?,
            created_at: reader.field()?,
            updated_at: reader.field()?,
        })
    }
}

builder! {
    /// What creates a [`Group`].
    NewGroup for Group, "record"
}

impl NewGroup {
    /// A group with this name. It needs a slug too.
    ///
    /// ```
    /// let group = aclite::NewGroup::new("Developers").slug("devs");
    /// # let _ = group;
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self { draft: Draft::new::<Group>() }.name(name)
    }

    /// Gives the id, which otherwise is made: the caller can know it beforehand.
    pub fn id(self, id: impl Into<GroupId>) -> Self {
        let id: GroupId = id.into();
        Self { draft: self.draft.with("group_id", id) }
    }

    setter! {
        /// Its name.
        name: String = "name"
    }
    setter! {
        /// Its short name. No two groups have the same.
        slug: String = "slug"
    }
    setter! {
        /// What it is for.
        description: Option<String> = "description"
    }
    setter! {
        /// Who creates it. Only `System` and `Service` may name another than the actor, or nobody.
        created_by: Option<UserId> = "created_by"
    }
}

builder! {
    /// What changes a [`Group`]: the fields it holds, and no other.
    GroupPatch for Group, "patch"
}

impl GroupPatch {
    /// A patch that changes nothing yet.
    pub fn new() -> Self {
        Self { draft: Draft::new::<Group>() }
    }

    setter! {
        /// Its name.
        name: String = "name"
    }
    setter! {
        /// Its short name. No two groups have the same.
        slug: String = "slug"
    }
    setter! {
        /// What it is for.
        description: Option<String> = "description"
    }
    setter! {
        /// Whether it is archived.
        archived: bool = "archived"
    }
}

impl Default for GroupPatch {
    fn default() -> Self {
        Self::new()
    }
}

/// That a user is in a group. A row of `group_memberships`; its key is the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Membership {
    /// The group.
    pub group_id: GroupId,
    /// The member.
    pub user_id: UserId,
    /// Who added them; nobody where the daemon did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_by: Option<UserId>,
    /// When they were added. The store sets it.
    pub created_at: Time,
}

impl Record for Membership {
    const RESOURCE: Resource = Resource::Membership;
    const TABLE: &'static str = "group_memberships";
    const KEY: &'static str = "group_id";
    const COLUMNS: &'static [Column] = &[
        column("group_id", Kind::Id, false),
        column("user_id", Kind::Id, false),
        column("added_by", Kind::Id, true),
        column("created_at", Kind::Time, false),
    ];

    fn read(source: Source<'_>) -> Result<Self> {
        let mut reader = Reader::new::<Self>(source);
        Ok(Self {
            group_id: reader.field()?,
            user_id: reader.field()?,
            added_by: reader.field()?,
            created_at: reader.field()?,
        })
    }
}

/// What a group holds on a worktree. A row of `worktree_group_grants`; its key is the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Grant {
    /// The worktree.
    pub worktree_id: WorktreeId,
    /// The group.
    pub group_id: GroupId,
    /// How much its members hold at least. An unknown word counts for nothing.
    pub can: Sharing,
    /// Who granted it; nobody where the daemon did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<UserId>,
    /// When it was granted. The store sets it.
    pub created_at: Time,
    /// When it last changed. The store sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
}

impl Record for Grant {
    const RESOURCE: Resource = Resource::Grant;
    const TABLE: &'static str = "worktree_group_grants";
    const KEY: &'static str = "worktree_id";
    const COLUMNS: &'static [Column] = &[
        column("worktree_id", Kind::Id, false),
        column("group_id", Kind::Id, false),
        column("can", Kind::Text, false),
        column("created_by", Kind::Id, true),
        column("created_at", Kind::Time, false),
        column("updated_at", Kind::Time, true),
    ];

    fn read(source: Source<'_>) -> Result<Self> {
        let mut reader = Reader::new::<Self>(source);
        Ok(Self {
            worktree_id: reader.field()?,
            group_id: reader.field()?,
            can: reader.field()?,
            created_by: reader.field()?,
            created_at: reader.field()?,
            updated_at: reader.field()?,
        })
    }
}
