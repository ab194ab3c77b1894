//! A file with three worktrees and secrets in it, and its rows as a sealed connection shows them.

use aclite::rusqlite::types::Value;
use aclite::{Actor, Result, Sealed, Sharing, Store};
use tempfile::TempDir;

use crate::support::{places, sql, world_at};

/// The three places of [`places`], in which others hold nothing on `w`, with secrets in every row that can hold one.
pub(crate) fn house() -> (TempDir, Store) {
    house_with(Sharing::None)
}

pub(crate) fn house_with(on_w: Sharing) -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("house.db"));
    places(&store, on_w);
    sql(&store, r#"UPDATE sessions SET data = '{"title":"x","mcp_token":"s3cret"}'"#);
    sql(
        &store,
        r#"UPDATE users SET data = '{"api_keys":{"A":"s3cret","B":null},"env_vars":{"E":"s3cret"},"dark":true}'"#,
    );
    (dir, store)
}

pub(crate) fn sealed(store: &Store, actor: &Actor) -> Sealed {
    store.sealed(actor).unwrap()
}

pub(crate) fn bo() -> Actor {
    Actor::user("bo")
}

/// The rows as text, values by `|`.
pub(crate) fn rows(sealed: &Sealed, sql: &str) -> Result<Vec<String>> {
    let columns = sealed.columns(sql)?.len();
    sealed.query(sql, [], |row| {
        let values = (0..columns).map(|column| row.get::<_, Value>(column));
        let values = values.map(|value| Ok(shown(&value?))).collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(values.join("|"))
    })
}

pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("x{}", bytes.len()),
    }
}

#[track_caller]
pub(crate) fn all(sealed: &Sealed, sql: &str) -> Vec<String> {
    rows(sealed, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub(crate) const TABLES: [&str; 11] = [
    "worktrees",
    "sessions",
    "tasks",
    "messages",
    "users",
    "repos",
    "boards",
    "groups",
    "group_memberships",
    "worktree_owners",
    "worktree_group_grants",
];
