//! Owners of worktrees.

use serde::Serialize;

use super::column::{Column, Kind};
use super::row::{Reader, Source};
use super::{Record, Time, UserId, WorktreeId};
use crate::error::Result;
use crate::operation::Resource;

/// A user who owns a worktree, and so holds `all` on it. A row of `worktree_owners`; its key is the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorktreeOwner {
    /// The worktree.
    pub worktree_id: WorktreeId,
    /// The user who owns it.
    pub user_id: UserId,
    /// When they became an owner. The store sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
}

impl Record for WorktreeOwner {
    const RESOURCE: Resource = Resource::Owner;
    const TABLE: &'static str = "worktree_owners";
    const KEY: &'static str = "worktree_id";
    const COLUMNS: &'static [Column] = &[
        Column { name: "worktree_id", kind: Kind::Id, nullable: false, free: false },
        Column { name: "user_id", kind: Kind::Id, nullable: false, free: false },
        Column { name: "created_at", kind: Kind::Time, nullable: true, free: false },
    ];

    fn read(source: Source<'_>) -> Result<Self> {
        let mut reader = Reader::new::<Self>(source);
        Ok(Self { worktree_id: reader.field()?, user_id: reader.field()?, created_at: reader.field()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::read;
    use super::*;

    #[test]
    fn a_row_reads_and_json_omits_null() {
        let owner: WorktreeOwner = read("'w-1', 'u-1', 0").unwrap();
        let json = serde_json::to_string(&owner).unwrap();
        assert_eq!(json, r#"{"worktree_id":"w-1","user_id":"u-1","created_at":"1970-01-01T00:00:00.000Z"}"#);
        let owner: WorktreeOwner = read("'w-1', 'u-1', NULL").unwrap();
        assert_eq!(serde_json::to_string(&owner).unwrap(), r#"{"worktree_id":"w-1","user_id":"u-1"}"#);
        let error = read::<WorktreeOwner>("'w-1', NULL, NULL").unwrap_err();
        assert_eq!(error.to_string(), "owner `w-1`: column `user_id` is not text without NUL");
    }
}
