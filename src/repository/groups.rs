//! Groups and their members.

use rusqlite::types::Value;

use super::list::Query;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_times};
use crate::error::Result;
use crate::operation::{Action, Resource};
use crate::record::{Group, GroupId, GroupPatch, Membership, NewGroup, Record as _, UserId};
use crate::store::op;

/// The groups that a transaction can read.
pub type Groups<'t> = Records<'t, Group>;

/// The groups that a transaction can read and write.
pub type GroupsMut<'t> = RecordsMut<'t, Group>;

/// Which groups to list.
///
/// ```
/// use aclite::GroupQuery;
/// let query = GroupQuery::new().member("u-1").archived(false);
/// # let _ = query;
/// ```
pub type GroupQuery = Query<Group>;

impl Query<Group> {
    /// Only groups that this user is in.
    pub fn member(mut self, user: impl Into<UserId>) -> Self {
        let of_user = "t.group_id IN (SELECT group_id FROM main.group_memberships WHERE user_id = ?)";
        self.with(of_user, user.into().as_str().to_owned());
        self
    }

    /// Only archived groups, or only others.
    pub fn archived(mut self, archived: bool) -> Self {
        self.with("t.archived = ?", i64::from(archived));
        self
    }
}

impl Records<'_, Group> {
    /// The members of the group with this id, in the order of their ids.
    ///
    /// For every user, but no executor. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let members = store.read(&bo, |tx| tx.groups().members("g-1"))?;
    /// assert_eq!(members[0].user_id.as_str(), "cy");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Groups::get`].
    pub fn members(&self, id: impl Into<GroupId>) -> Result<Vec<Membership>> {
        let id = id.into();
        self.get(id.clone())?;
        let sql = format!(
            "SELECT {} FROM main.group_memberships AS t WHERE t.group_id = ?1 ORDER BY t.user_id",
            Membership::select_list("t"),
        );
        self.tx.rows("list members", &sql, &[Value::Text(id.to_string())], |row| Membership::from_row(row, 0))
    }
}

impl RecordsMut<'_, Group> {
    /// Creates a group.
    ///
    /// For administrators.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let group = store.write(&Actor::user("ada"), |tx| tx.groups().create(NewGroup::new("Ops").slug("ops")))?;
    /// assert_eq!(group.slug, "ops");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `Conflict` where the id or the slug is taken, `Invalid`, `Storage`.
    pub fn create(&self, new: NewGroup) -> Result<Group> {
        let mut fields = new.into_fields()?;
        for column in ["name", "slug"] {
            required(&fields, column)?;
        }
        let id = identify(&mut fields, Group::KEY, || GroupId::new().to_string());
        stamp_times(&mut fields, self.tx.actor());
        if let (None, Some(user)) = (fields.get("created_by"), self.tx.actor().user_id()) {
            fields.set("created_by", Value::Text(user.to_string()));
        }
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the group with this id.
    ///
    /// For administrators. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Conflict` where the slug is taken, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<GroupId>, patch: GroupPatch) -> Result<Group> {
        let mut fields = patch.into_fields()?;
        fields.take("updated_at");
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(group, _)| group)
    }

    /// Archives the group with this id: what it was granted counts no longer, and can be made to again.
    ///
    /// For administrators. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&Actor::user("ada"), |tx| tx.groups().archive("g-1"))?;
    /// assert!(store.read(&bo, |tx| tx.groups().get("g-1"))?.archived);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`GroupsMut::patch`].
    pub fn archive(&self, id: impl Into<GroupId>) -> Result<Group> {
        self.patch(id, GroupPatch::new().archived(true))
    }

    /// Makes `user` a member of the group.
    ///
    /// For administrators. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// store.write(&Actor::user("ada"), |tx| tx.groups().add_member("g-1", "bo"))?;
    /// assert_eq!(store.read(&bo, |tx| tx.groups().members("g-1"))?.len(), 2);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the group or the user), `Denied`, `Conflict` where they are a member already,
    /// `Storage`.
    pub fn add_member(&self, group: impl Into<GroupId>, user: impl Into<UserId>) -> Result<Membership> {
        let (group, user) = (group.into(), user.into());
        let added_by = self.tx.actor().user_id().map_or(Value::Null, |actor| Value::Text(actor.to_string()));
        let sql =
            "INSERT INTO main.group_memberships (group_id, user_id, added_by, created_at) VALUES (?1, ?2, ?3, ?4)";
        let params = [Value::Text(group.to_string()), Value::Text(user.to_string()), added_by, now()];
        let asked = op(Resource::Membership, Action::Create);
        let ids = [("group_id", group.as_str()), ("user_id", user.as_str())];
        self.tx.write_one(asked, &format!("{group}/{user}"), &ids, sql, &params).map(|(membership, _)| membership)
    }

    /// Makes `user` a member of the group no longer.
    ///
    /// For administrators. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Storage`.
    pub fn remove_member(&self, group: impl Into<GroupId>, user: impl Into<UserId>) -> Result<()> {
        let (group, user) = (group.into(), user.into());
        let sql = "DELETE FROM main.group_memberships WHERE group_id = ?1 AND user_id = ?2";
        let params = [Value::Text(group.to_string()), Value::Text(user.to_string())];
        let asked = op(Resource::Membership, Action::Remove);
        let ids = [("group_id", group.as_str()), ("user_id", user.as_str())];
        self.tx.remove_one(asked, &format!("{group}/{user}"), &ids, sql, &params)
    }
}
