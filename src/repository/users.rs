//! Users.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::Value;
use serde_json::{Map, Value as Json};

use super::list::Query;
use super::read::Stored as _;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_times};
use crate::error::{Error, Result};
use crate::json;
use crate::operation::{Action, Resource};
use crate::record::{Fields, NewUser, Record as _, Role, User, UserId, UserPatch};
use crate::store::{op, traced};
use crate::verdict;

/// The users that a transaction can read.
pub type Users<'t> = Records<'t, User>;

/// The users that a transaction can read and write.
pub type UsersMut<'t> = RecordsMut<'t, User>;

/// A user with their secrets, as the daemon stored them: for signing in and for starting agents.
#[derive(Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash of the password.
    pub password: String,
    /// `api_keys`, as stored.
    pub api_keys: Map<String, Json>,
    /// `env_vars`, as stored.
    pub env_vars: Map<String, Json>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which users to list.
///
/// ```
/// use aclite::{Role, UserQuery};
/// let query = UserQuery::new().role([Role::Admin, Role::Superadmin]);
/// # let _ = query;
/// ```
pub type UserQuery = Query<User>;

impl Query<User> {
    /// Only users with one of these roles.
    pub fn role(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        let words: Vec<String> = roles.into_iter().map(|role| role.as_str().to_owned()).collect();
        self.one_of("t.role", words.iter().map(String::as_str));
        self
    }
}

impl Records<'_, User> {
    /// The user with this e-mail address, to the letter, without secrets.
    ///
    /// For every user, but no executor. Somebody who is not a user gets `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let user = store.read(&bo, |tx| tx.users().by_email("cy@example.com"))?;
    /// assert_eq!(user.user_id.as_str(), "cy");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Storage`.
    pub fn by_email(&self, email: &str) -> Result<User> {
        traced(op(Resource::User, Action::Get), || {
            verdict::signed_in(self.tx.actor())?;
            let sql = format!(
                "SELECT {} FROM {} WHERE t.email = ?1 AND {}",
                User::select_list("t"),
                User::FROM,
                User::may_get("acl_may_get"),
            );
            let params = [Value::Text(email.to_owned())];
            let mut found = self.tx.rows("get a user by e-mail", &sql, &params, |row| User::from_row(row, 0))?;
            found.pop().ok_or_else(|| Error::not_found(Resource::User, email))
        })
    }

    /// The user with this e-mail address and their secrets, for signing in.
    ///
    /// For `System` and `Service`; anybody else gets `Denied`.
    ///
    /// ```
    /// use aclite::{Actor, NewUser, Store};
    /// let store = Store::open(":memory:")?;
    /// let daemon = Actor::system("sign-in");
    /// store.write(&daemon, |tx| tx.users().create(NewUser::new("ada@example.com").password("hash").id("u-1")))?;
    /// let found = store.read(&daemon, |tx| tx.users().credentials("ada@example.com"))?;
    /// assert_eq!((found.user.user_id.as_str(), found.password.as_str()), ("u-1", "hash"));
    /// let refused = store.read(&Actor::user("u-1"), |tx| tx.users().credentials("ada@example.com"));
    /// assert!(refused.unwrap_err().is_denied());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `NotFound`, `Storage`.
    pub fn credentials(&self, email: &str) -> Result<Credentials> {
        let asked = op(Resource::User, Action::Get);
        traced(asked, || {
            verdict::daemon_only(self.tx.actor(), asked, "")?;
            let sql =
                format!("SELECT t.password, t.data, {} FROM {} WHERE t.email = ?1", User::select_list("t"), User::FROM);
            let params = [Value::Text(email.to_owned())];
            let mut found = self.tx.rows("get credentials", &sql, &params, credentials)?;
            found.pop().ok_or_else(|| Error::not_found(Resource::User, email))
        })
    }
}

/// Reads credentials: the password, `data`, then the columns of the user.
fn credentials(row: &Row<'_>) -> Result<Credentials> {
    let failed = |error| Error::storage("credentials", error);
    // The record is read first: it names a row that can't be.
    let user = User::from_row(row, 2)?;
    let (password, data): (String, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
    let mut data: Map<String, Json> =
        json::parse_object(&data).map_err(|error| Error::storage(format!("`data` of {}", user.user_id), error))?;
    let mut secrets = |key: &str| match data.remove(key) {
        Some(Json::Object(secrets)) => secrets,
        _ => Map::new(),
    };
    Ok(Credentials { password, api_keys: secrets("api_keys"), env_vars: secrets("env_vars"), user })
}

impl RecordsMut<'_, User> {
    /// Creates a user. Password and keys are stored as given: the daemon hashes and encrypts.
    ///
    /// For administrators; a superadmin is created by superadmins. `System` creates the first one.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let new = NewUser::new("dee@example.com").password("a hash").role(Role::Viewer);
    /// let user = store.write(&Actor::user("ada"), |tx| tx.users().create(new))?;
    /// assert_eq!(user.email, "dee@example.com");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `Conflict` where the id or the address is taken, `Invalid`, `Storage`.
    pub fn create(&self, new: NewUser) -> Result<User> {
        let mut fields = new.into_fields()?;
        for column in ["email", "password"] {
            required(&fields, column)?;
        }
        let id = identify(&mut fields, User::KEY, || UserId::new().to_string());
        stamp_times(&mut fields, self.tx.actor());
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the user with this id.
    ///
    /// Their own profile (e-mail, password, name, emoji, introduction, preferences): for the user and for
    /// administrators. `role` and `unix_username`: for administrators; nobody raises his own role. `api_keys` and
    /// `env_vars`: for the user alone; an entry that is `true` is left as it is, for that is how it reads. Anything of
    /// a superadmin: for superadmins. Somebody who is not a user gets `Denied`, publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let raised = UserPatch::new().role(Role::Admin);
    /// assert!(store.write(&bo, |tx| tx.users().patch("bo", raised.clone())).unwrap_err().is_denied());
    /// store.write(&Actor::user("ada"), |tx| tx.users().patch("bo", raised))?;
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Conflict` where the address is taken, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<UserId>, patch: UserPatch) -> Result<User> {
        let mut fields = patch.into_fields()?;
        fields.take("updated_at");
        unmask(&mut fields);
        let mut assignments = Assignments::of(fields, true)?;
        assignments.value("updated_at", now());
        assignments.patch(self.tx, id.into().as_str()).map(|(user, _)| user)
    }
}

/// Takes the entries of secrets out that only say that they are set: a client sends back what it read.
fn unmask(fields: &mut Fields) {
    for key in ["api_keys", "env_vars"] {
        let only_set = |value: &Json| *value == Json::Bool(true);
        let Some(given) = fields.data.get(key).map(Cow::into_owned) else { continue };
        match given {
            Json::Object(mut entries) if entries.values().any(only_set) || entries.is_empty() => {
                entries.retain(|_, value| !only_set(value));
                if entries.is_empty() {
                    fields.data.remove(key);
                } else {
                    fields.data.insert(key, Json::Object(entries));
                }
            }
            value if only_set(&value) => fields.data.remove(key),
            _ => {}
        }
    }
}
