//! Worktrees and their owners.

use rusqlite::types::Value;

use super::access::{Access, access};
use super::list::Query;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_creation};
use crate::error::{Error, Result};
use crate::operation::{Action, Resource};
use crate::record::{
    Grant, GroupId, NewWorktree, Record as _, RepoId, Sharing, UserId, Worktree, WorktreeId, WorktreeOwner,
    WorktreePatch,
};
use crate::store::op;
use crate::verdict::MAX_NUMBER;

/// The worktrees that a transaction can read.
pub type Worktrees<'t> = Records<'t, Worktree>;

/// The worktrees that a transaction can read and write.
pub type WorktreesMut<'t> = RecordsMut<'t, Worktree>;

/// Which worktrees to list.
///
/// ```
/// use aclite::WorktreeQuery;
/// let query = WorktreeQuery::new().repo("r-1").archived(false);
/// # let _ = query;
/// ```
pub type WorktreeQuery = Query<Worktree>;

impl Query<Worktree> {
    /// Only worktrees of this repo.
    pub fn repo(mut self, repo: impl Into<RepoId>) -> Self {
        self.of("repo_id", repo.into().as_str());
        self
    }

    /// Only worktrees that this user created.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.of("created_by", user.into().as_str());
        self
    }

    /// Only archived worktrees, or only others.
    pub fn archived(mut self, archived: bool) -> Self {
        self.with("t.archived = ?", i64::from(archived));
        self
    }
}

impl Records<'_, Worktree> {
    /// The owners of the worktree with this id, in the order of their ids.
    ///
    /// For whoever may view the worktree. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let owners = store.read(&bo, |tx| tx.worktrees().owners("w-1"))?;
    /// assert_eq!(owners[0].user_id.as_str(), "bo");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Worktrees::get`].
    pub fn owners(&self, id: impl Into<WorktreeId>) -> Result<Vec<WorktreeOwner>> {
        let id = id.into();
        self.get(id.clone())?;
        let sql = format!(
            "SELECT {} FROM main.worktree_owners AS t WHERE t.worktree_id = ?1 ORDER BY t.user_id",
            WorktreeOwner::select_list("t"),
        );
        self.tx.rows("list owners", &sql, &[Value::Text(id.to_string())], |row| WorktreeOwner::from_row(row, 0))
    }

    /// What `user` holds on the worktree with this id, where it comes from, and every grant that contributes.
    ///
    /// For whoever may view the worktree. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let access = store.read(&bo, |tx| tx.worktrees().access("w-1", "cy"))?;
    /// assert_eq!((access.held.level, access.held.source.as_str()), (Level::View, "others"));
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Worktrees::get`].
    pub fn access(&self, id: impl Into<WorktreeId>, user: impl Into<UserId>) -> Result<Access> {
        let (id, user) = (id.into(), user.into());
        self.get(id.clone())?;
        access(self.tx, &id, &user)
    }

    /// What groups are granted on the worktree with this id, in the order of their ids.
    ///
    /// For whoever may view the worktree. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// As [`Worktrees::get`].
    pub fn grants(&self, id: impl Into<WorktreeId>) -> Result<Vec<Grant>> {
        let id = id.into();
        self.get(id.clone())?;
        let sql = format!(
            "SELECT {} FROM main.worktree_group_grants AS t WHERE t.worktree_id = ?1 ORDER BY t.group_id",
            Grant::select_list("t"),
        );
        self.tx.rows("list grants", &sql, &[Value::Text(id.to_string())], |row| Grant::from_row(row, 0))
    }
}

impl RecordsMut<'_, Worktree> {
    /// Creates a worktree of a repo; its creator becomes its first owner.
    ///
    /// For every member. `System` and `Service` name its creator. Somebody who is not a user gets `Denied`,
    /// publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let new = NewWorktree::new("r-1").name("feature").git_ref("main").others_can(Sharing::None);
    /// let worktree = store.write(&bo, |tx| tx.worktrees().create(new))?;
    /// let hidden = store.read(&cy, |tx| tx.worktrees().get(&worktree.worktree_id)).unwrap_err();
    /// assert_eq!(hidden.public().status, 404);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the repo), `Denied`, `Conflict` where the id is taken,
    /// `Invalid`, `Storage`.
    pub fn create(&self, new: NewWorktree) -> Result<Worktree> {
        let mut fields = new.into_fields()?;
        for column in ["repo_id", "name", "ref"] {
            required(&fields, column)?;
        }
        let id = identify(&mut fields, Worktree::KEY, || WorktreeId::new().to_string());
        stamp_creation(&mut fields, self.tx.actor())?;
        let numbered = fields.get("worktree_unique_id").is_some();
        let mut assignments = Assignments::of(fields, false)?;
        if !numbered {
            // The smallest that is free: whatever number somebody gave his own worktree, there is one.
            let next = format!(
                "(SELECT min(n) FROM (SELECT 1 AS n UNION ALL SELECT worktree_unique_id + 1 FROM main.worktrees
                  WHERE worktree_unique_id BETWEEN 0 AND {MAX_NUMBER} - 1 AND typeof(worktree_unique_id) = 'integer')
                  WHERE n NOT IN (SELECT worktree_unique_id FROM main.worktrees))"
            );
            assignments.expression("worktree_unique_id", &next);
        }
        assignments.create(self.tx, &id)
    }

    /// Patches the worktree with this id.
    ///
    /// For whoever holds `all`; but `others_can`, `others_fs_access` and `unix_group` for owners. A
    /// stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let shared = WorktreePatch::new().others_can(Sharing::Prompt);
    /// store.write(&bo, |tx| tx.worktrees().patch("w-1", shared))?;
    /// store.write(&cy, |tx| tx.tasks().create(NewTask::new("s-1")))?;
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<WorktreeId>, patch: WorktreePatch) -> Result<Worktree> {
        let mut fields = patch.into_fields()?;
        fields.take("updated_at");
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(worktree, _)| worktree)
    }

    /// Makes `user` an owner of the worktree.
    ///
    /// For its owners. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&bo, |tx| tx.worktrees().add_owner("w-1", "cy"))?;
    /// assert_eq!(store.access(&bo, "w-1", "cy")?.held.level, Level::All);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the worktree or the user), `Denied`, `Conflict` where the user
    /// is an owner already, `Invalid`, `Storage`.
    pub fn add_owner(&self, worktree: impl Into<WorktreeId>, user: impl Into<UserId>) -> Result<WorktreeOwner> {
        let (worktree, user) = (worktree.into(), user.into());
        let sql = "INSERT INTO main.worktree_owners (worktree_id, user_id, created_at) VALUES (?1, ?2, ?3)";
        let params = [Value::Text(worktree.to_string()), Value::Text(user.to_string()), now()];
        let id = format!("{worktree}/{user}");
        let ids = [("worktree_id", worktree.as_str()), ("user_id", user.as_str())];
        self.tx.write_one(op(Resource::Owner, Action::Create), &id, &ids, sql, &params).map(|(owner, _)| owner)
    }

    /// Makes `user` an owner of the worktree no longer.
    ///
    /// For its owners, of themselves too. The last owner whose role is more than `viewer` stays. A
    /// stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let refused = store.write(&bo, |tx| tx.worktrees().remove_owner("w-1", "bo"));
    /// assert_eq!(refused.unwrap_err().to_string(), "user `bo` is the last owner of worktree `w-1`");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Conflict` for the last owner, `Invalid`, `Storage`.
    pub fn remove_owner(&self, worktree: impl Into<WorktreeId>, user: impl Into<UserId>) -> Result<()> {
        self.remove_link(Resource::Owner, "worktree_owners", &worktree.into(), ("user_id", user.into().as_str()))
    }

    /// Grants the members of `group` at least `can` on the worktree, whatever it was granted before.
    ///
    /// For its owners. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&bo, |tx| tx.worktrees().set_grant("w-1", "g-1", Sharing::Session))?;
    /// assert_eq!(store.access(&bo, "w-1", "cy")?.held.source, "group devs");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the worktree or the group), `Denied`, `Invalid` where `can` is no level,
    /// `Storage`.
    pub fn set_grant(&self, worktree: impl Into<WorktreeId>, group: impl Into<GroupId>, can: Sharing) -> Result<Grant> {
        let (worktree, group) = (worktree.into(), group.into());
        let key = [Value::Text(worktree.to_string()), Value::Text(group.to_string())];
        // This transaction has the write lock: what is there now is there when it is changed.
        let there = "SELECT 1 FROM main.worktree_group_grants WHERE worktree_id = ?1 AND group_id = ?2";
        let granted = !self.tx.rows("find a grant", there, &key, |_| Ok(()))?.is_empty();
        let (action, sql) = if granted {
            let set = "UPDATE main.worktree_group_grants SET can = ?3, updated_at = ?4
                       WHERE worktree_id = ?1 AND group_id = ?2";
            (Action::Patch, set)
        } else {
            let insert = "INSERT INTO main.worktree_group_grants (worktree_id, group_id, can, created_at, updated_at, created_by)
                          VALUES (?1, ?2, ?3, ?4, ?4, acl_actor())";
            (Action::Create, insert)
        };
        let [of_worktree, of_group] = key;
        let params = [of_worktree, of_group, Value::Text(can.as_str().to_owned()), now()];
        let id = format!("{worktree}/{group}");
        let ids = [("worktree_id", worktree.as_str()), ("group_id", group.as_str())];
        self.tx.write_one(op(Resource::Grant, action), &id, &ids, sql, &params).map(|(grant, _)| grant)
    }

    /// Takes what `group` was granted on the worktree away.
    ///
    /// For its owners. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&bo, |tx| tx.worktrees().set_grant("w-1", "g-1", Sharing::Session))?;
    /// store.write(&bo, |tx| tx.worktrees().remove_grant("w-1", "g-1"))?;
    /// assert!(store.read(&bo, |tx| tx.worktrees().grants("w-1"))?.is_empty());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn remove_grant(&self, worktree: impl Into<WorktreeId>, group: impl Into<GroupId>) -> Result<()> {
        let (worktree, group) = (worktree.into(), group.into());
        self.remove_link(Resource::Grant, "worktree_group_grants", &worktree, ("group_id", group.as_str()))
    }

    /// Removes the row of `table` that ties the worktree to the other end, a column and its id.
    fn remove_link(&self, resource: Resource, table: &str, worktree: &WorktreeId, other: (&str, &str)) -> Result<()> {
        let sql = format!("DELETE FROM main.{table} WHERE worktree_id = ?1 AND {} = ?2", other.0);
        let params = [Value::Text(worktree.to_string()), Value::Text(other.1.to_owned())];
        let id = format!("{worktree}/{}", other.1);
        let ids = [("worktree_id", worktree.as_str()), other];
        let removed = self.tx.remove_one(op(resource, Action::Remove), &id, &ids, &sql, &params);
        if matches!(removed, Err(Error::NotFound(_))) {
            // That there is no such tie is told to whoever may view the worktree only.
            self.get(worktree)?;
        }
        removed
    }
}
