//! A store with users, a group, a board and secrets, and what each actor is told of a statement.

use aclite::{Actor, Sharing, Store};

use crate::support::{add_user, attempt, message, session, sql, system, task, verdict, worktree, world};

/// `bo`'s worktree `w`, where others may view, with `s`, `t` and `m`; the group `g` with `cy` in it and a
/// grant to it; the board `b`; the rule and setting that every file has. Everybody has secrets.
pub(crate) fn town() -> Store {
    let store = world();
    furnish(&store);
    store
}

pub(crate) fn furnish(store: &Store) {
    add_user(store, "zoe", "superadmin");
    add_user(store, "ann", "admin");
    worktree(store, "w", "bo", Sharing::View);
    session(store, "s", "w", "bo");
    task(store, "t", "s", "bo");
    message(store, "m", "s", Some("t"));
    for statement in [
        "UPDATE users SET data = '{\"api_keys\":{\"claude\":\"key-of-' || user_id || '\"},\"env_vars\":{\"A\":\"env-of-' || user_id || '\"}}'",
        "UPDATE sessions SET data = '{\"title\":\"shown\",\"mcp_token\":\"token-of-s\"}'",
        "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'cy', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'session', acl_now())",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
        "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('empty', acl_now(), 'empty', '{}')",
    ] {
        sql(store, statement);
    }
}

/// Runs `statement` as each of them, undoes it, and compares what they were told.
#[track_caller]
pub(crate) fn check(store: &Store, statement: &str, expected: &[(&str, &str)]) {
    for (who, expected) in expected {
        let outcome = attempt(store, &actor(who), |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&outcome), *expected, "{statement}\nby {who}: {outcome:?}");
    }
}

pub(crate) fn actor(who: &str) -> Actor {
    match who {
        "system" => system(),
        "service" => Actor::service("mcp"),
        "nobody" => Actor::Anonymous,
        "executor" => Actor::executor("bo", "s", "t"),
        user => Actor::user(user),
    }
}
