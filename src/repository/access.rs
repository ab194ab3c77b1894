//! What a user holds on a worktree, and where it comes from.

use rusqlite::types::Value;

use crate::error::{Error, Result};
use crate::level::{Held, Level};
use crate::record::{GroupId, UserId, WorktreeId};
use crate::store::ReadTx;

/// What a user holds on a worktree: the method `access` of [`Worktrees`](crate::Worktrees).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// How much, and where the greatest claim comes from.
    pub held: Held,
    /// Every grant to a group of theirs that counts, the greatest first. A lesser one lowers nothing.
    pub grants: Vec<GrantClaim>,
}

/// A grant to a group that a user is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantClaim {
    /// The group.
    pub group_id: GroupId,
    /// How much it gives, and its name.
    pub held: Held,
}

/// Asks the views that everything else asks. The caller has seen to it that the actor may view the worktree.
pub(super) fn access(tx: &ReadTx<'_>, worktree: &WorktreeId, user: &UserId) -> Result<Access> {
    let params = [Value::Text(worktree.to_string()), Value::Text(user.to_string())];
    let failed = |error| Error::storage(format!("what `{user}` holds on worktree `{worktree}`"), error);
    let read = |row: &rusqlite::Row<'_>, at: usize| -> Result<Held> {
        let (rank, source): (i64, String) = (row.get(at).map_err(failed)?, row.get(at + 1).map_err(failed)?);
        Ok(Held { level: Level::from_rank(rank), source })
    };
    let held = tx.rows(
        "what a user holds",
        "SELECT rank, source FROM main.acl_access WHERE worktree_id = ?1 AND user_id = ?2",
        &params,
        |row| read(row, 0),
    )?;
    let grants = tx.rows(
        "what a user is granted",
        "SELECT group_id, CAST(substr(claim, 1, 1) AS integer), substr(claim, 3) FROM main.acl_granted
         WHERE worktree_id = ?1 AND user_id = ?2 ORDER BY claim DESC",
        &params,
        |row| Ok(GrantClaim { group_id: row.get(0).map_err(failed)?, held: read(row, 1)? }),
    )?;
    // Somebody who is not a user holds nothing.
    Ok(Access { held: held.into_iter().next().unwrap_or_else(Held::nothing), grants })
}
