//! Users.

use super::{Role, Time, UserId};

record! {
    /// Somebody who signs in.
    ///
    /// The password's hash is written and never read; of `api_keys` and `env_vars` in `data` a reader
    /// learns which are set, each `true`, and not to what.
    User in "users", keyed by user_id: UserId, created by NewUser, patched by UserPatch;
    keeps [
            /// The hash of the password, made by the daemon: it is stored as given.
            password: String = "password"
        ];

    /// Its id. Given at creation, or made.
    user_id: UserId = "user_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When it last changed. The store sets it.
    updated_at: Option<Time> = "updated_at", fixed;
    /// The address that they sign in with. No two users have the same.
    email: String = "email", open;
    /// What they are called.
    name: Option<String> = "name", open;
    /// What stands beside their name.
    emoji: Option<String> = "emoji", open;
    /// How far their rights reach beyond worktrees. Administrators set it.
    role: Role = "role", open;
    /// Whether they have seen the introduction.
    onboarding_completed: bool = "onboarding_completed", open;
    /// The unix user that their sessions run as. Administrators set it.
    unix_username: Option<String> = "unix_username", open;
}

impl NewUser {
    /// A member with this e-mail address. It needs the hash of a password too.
    ///
    /// ```
    /// use aclite::{NewUser, Role};
    /// let user = NewUser::new("ada@example.com").password("hash").name("Ada".to_owned()).role(Role::Admin);
    /// assert!(!format!("{user:?}").contains("hash"));
    /// ```
    pub fn new(email: impl Into<String>) -> Self {
        Self { draft: super::fields::Draft::new::<User>() }.email(email)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::tests::read;
    use super::*;

    #[test]
    fn a_reader_learns_which_secrets_are_set_and_no_secret() {
        let user: User = read(
            r#"'u-1', 0, NULL, 'ada@example.com', 'Ada', NULL, 'admin', 1, NULL,
               '{"api_keys":{"A":"s3cret","B":null},"env_vars":"s3cret","preferences":{"dark":true}}'"#,
        )
        .unwrap();
        assert_eq!(
            serde_json::to_string(&user).unwrap(),
            concat!(
                r#"{"user_id":"u-1","created_at":"1970-01-01T00:00:00.000Z","email":"ada@example.com","name":"Ada","#,
                r#""role":"admin","onboarding_completed":true,"#,
                r#""api_keys":{"A":true},"env_vars":true,"preferences":{"dark":true}}"#,
            )
        );
    }

    #[test]
    fn a_password_is_written_as_a_column_and_never_printed() {
        let patch = UserPatch::from_json(json!({ "password": "s3cret" })).unwrap();
        assert!(!format!("{patch:?}").contains("s3cret"), "{patch:?}");
        let fields = patch.into_fields().unwrap();
        assert_eq!(fields.get("password"), Some(&rusqlite::types::Value::Text("s3cret".to_owned())));
        assert!(fields.data.is_empty());
        assert_eq!(
            UserPatch::new().set("password", 7).into_fields().unwrap_err().to_string(),
            "`password` must be text"
        );
    }
}
