//! No user raises a role above their own, and nobody but its user or an administrator writes a user's row.

use aclite::{Actor, ConflictKind, Error, Sharing, Store};

use super::town::{actor, check, town};
use crate::support::{add_user, ask, attempt, file, sql, system, verdict, worktree, world_at};

// ---- users --------------------------------------------------------------------------------------

#[test]
fn nobody_is_raised_by_whom_he_would_outrank_nor_by_himself() {
    let store = town();
    // Whose row, the role before and after, and what each of them is told.
    #[rustfmt::skip]
    let roles = [
        // whose  before        after         ada (admin)  su (superadmin) cy (member) self       system
        ("dee",  "member",     "admin",      ["ok",       "ok",           "denied",   "denied",  "ok"]),
        ("dee",  "member",     "viewer",     ["ok",       "ok",           "denied",   "denied",  "ok"]),
        ("dee",  "member",     "superadmin", ["denied",   "ok",           "denied",   "denied",  "ok"]),
        ("dee",  "member",     "owner",      ["denied",   "ok",           "denied",   "denied",  "ok"]),
        ("ann",  "admin",      "superadmin", ["denied",   "ok",           "denied",   "denied",  "ok"]),
        ("ann",  "admin",      "member",     ["ok",       "ok",           "denied",   "ok",      "ok"]),
        ("zoe",  "superadmin", "member",     ["denied",   "ok",           "denied",   "ok",      "ok"]),
        ("zoe",  "superadmin", "admin",      ["denied",   "ok",           "denied",   "ok",      "ok"]),
        ("zoe",  "superadmin", "owner",      ["denied",   "ok",           "denied",   "ok",      "ok"]),
        ("zoe",  "owner",      "member",     ["denied",   "ok",           "denied",   "ok",      "ok"]),
        ("vi",   "viewer",     "member",     ["ok",       "ok",           "denied",   "denied",  "ok"]),
        ("dee",  "member",     "wizard",     ["invalid",  "invalid",      "denied",   "denied",  "invalid"]),
        ("dee",  "member",     "Admin",      ["invalid",  "invalid",      "denied",   "denied",  "invalid"]),
    ];
    for (whose, before, after, told) in roles {
        sql(&store, &format!("UPDATE users SET role = '{before}' WHERE user_id = '{whose}'"));
        let statement = format!("UPDATE users SET role = '{after}' WHERE user_id = '{whose}'");
        let who = ["ada", "su", "cy", whose, "system"];
        check(&store, &statement, &who.into_iter().zip(told).collect::<Vec<_>>());
    }
}

#[test]
fn a_superadmins_row_is_for_superadmins() {
    let store = town();
    let told = [
        ("ada", "denied"),
        ("cy", "denied"),
        ("su", "ok"),
        ("zoe", "ok"),
        ("system", "ok"),
        ("ghost", "hidden"),
        ("nobody", "not_authenticated"),
    ];
    check(&store, "UPDATE users SET name = 'x' WHERE user_id = 'zoe'", &told);
    check(&store, "UPDATE users SET password = 'x' WHERE user_id = 'zoe'", &told);
    check(&store, "UPDATE users SET unix_username = 'root' WHERE user_id = 'zoe'", &told);
    check(&store, "DELETE FROM users WHERE user_id = 'zoe'", &told);
    let insert = |role: &str| {
        format!(
            "INSERT INTO users (user_id, created_at, email, password, role, data)
             VALUES ('new', acl_now(), 'new@example.com', 'h', '{role}', '{{}}')"
        )
    };
    check(&store, &insert("superadmin"), &told);
    check(&store, &insert("owner"), &told);
    let by_admin = [
        ("ada", "ok"),
        ("cy", "denied"),
        ("vi", "denied"),
        ("su", "ok"),
        ("executor", "denied"),
        ("system", "ok"),
        ("service", "ok"),
    ];
    check(&store, &insert("admin"), &by_admin);
    check(&store, &insert("member"), &by_admin);
    // The switch is about worktrees: a superadmin's row stays what it is while it is off.
    sql(&store, "UPDATE acl_settings SET value = 'off'");
    check(&store, "UPDATE users SET name = 'x' WHERE user_id = 'zoe'", &told);
    check(&store, "DELETE FROM users WHERE user_id = 'zoe'", &told);
}

#[test]
fn people_keep_their_own_profile_and_nothing_else() {
    let store = town();
    #[rustfmt::skip]
    let writes = [
        // of dee                        dee       cy        ada (admin) su        executor
        ("name = 'x'",                  ["ok",     "denied", "ok",      "ok",     "denied"]),
        ("emoji = 'x'",                 ["ok",     "denied", "ok",      "ok",     "denied"]),
        ("email = 'x@example.com'",     ["ok",     "denied", "ok",      "ok",     "denied"]),
        ("password = 'x'",              ["ok",     "denied", "ok",      "ok",     "denied"]),
        ("onboarding_completed = 1",    ["ok",     "denied", "ok",      "ok",     "denied"]),
        ("unix_username = 'root'",      ["denied", "denied", "ok",      "ok",     "denied"]),
        ("name = 'x', unix_username = 'root'", ["denied", "denied", "ok", "ok",   "denied"]),
        ("email = 'bo@example.com'",    ["conflict", "denied", "conflict", "conflict", "denied"]),
        // Whose keys they are writes them; nobody else does, be it to take them away.
        ("data = '{\"api_keys\":{\"claude\":\"new\"},\"env_vars\":{\"A\":\"env-of-dee\"}}'", ["ok", "denied", "denied", "denied", "denied"]),
        ("data = '{\"api_keys\":{\"claude\":\"key-of-dee\"},\"env_vars\":{\"A\":\"new\"}}'", ["ok", "denied", "denied", "denied", "denied"]),
        ("data = '{}'",                 ["ok",     "denied", "denied",  "denied", "denied"]),
        ("data = '{\"api_keys\":{\"claude\":\"key-of-dee\"},\"env_vars\":{\"A\":\"env-of-dee\"},\"preferences\":{}}'", ["ok", "denied", "ok", "ok", "denied"]),
    ];
    for (set, told) in writes {
        let statement = format!("UPDATE users SET {set} WHERE user_id = 'dee'");
        check(&store, &statement, &["dee", "cy", "ada", "su", "executor"].into_iter().zip(told).collect::<Vec<_>>());
    }
    check(
        &store,
        "DELETE FROM users WHERE user_id = 'dee'",
        &[("dee", "denied"), ("cy", "denied"), ("ada", "ok"), ("su", "ok")],
    );
    let anonymous = "INSERT INTO users (user_id, created_at, email, password, data) VALUES ('anonymous', acl_now(), 'a', 'h', '{}')";
    check(&store, anonymous, &[("ada", "invalid"), ("system", "invalid")]);
    let with_keys = "INSERT INTO users (user_id, created_at, email, password, data) VALUES ('new', acl_now(), 'a', 'h', '{\"api_keys\":{}}')";
    check(&store, with_keys, &[("ada", "denied"), ("system", "ok")]);
}

#[test]
fn a_user_who_is_a_worktrees_last_owner_stays() {
    let store = town();
    for id in ["w2", "w3"] {
        worktree(&store, id, "bo", Sharing::View);
    }
    // `w2` has another owner; `w3` one who only may view, and does not count.
    store.write(&system(), |tx| tx.worktrees().add_owner("w2", "cy")).unwrap();
    store.write(&system(), |tx| tx.worktrees().add_owner("w3", "vi")).unwrap();
    for who in ["ada", "su", "system"] {
        let outcome = attempt(&store, &actor(who), |tx| tx.sql().execute("DELETE FROM users WHERE user_id = 'bo'", []));
        let Err(Error::Conflict(conflict)) = &outcome else { panic!("{who}: {outcome:?}") };
        let ConflictKind::LastOwner(worktrees) = conflict.kind() else { panic!("{who}: {conflict:?}") };
        let mut worktrees = worktrees.clone();
        worktrees.sort();
        assert_eq!(worktrees, ["w", "w3"], "{who}");
        assert_eq!(outcome.unwrap_err().http_status(), 409);
    }
    check(&store, "DELETE FROM users WHERE user_id = 'cy'", &[("ada", "ok"), ("system", "ok")]);
    check(&store, "DELETE FROM users WHERE user_id = 'vi'", &[("ada", "ok"), ("system", "ok")]);
    // Any role above `viewer` makes an owner who counts; a word that nobody knows makes none.
    add_user(&store, "old", "owner");
    for (other, counts) in [("dee", true), ("ann", true), ("zoe", true), ("old", true), ("vi", false)] {
        worktree(&store, other, "cy", Sharing::View);
        store.write(&system(), |tx| tx.worktrees().add_owner(other, other)).unwrap();
        let goes = attempt(&store, &system(), |tx| tx.worktrees().remove_owner(other, "cy"));
        assert_eq!(verdict(&goes), if counts { "ok" } else { "conflict" }, "{other}");
        let deleted = attempt(&store, &system(), |tx| {
            tx.sql().execute(&format!("DELETE FROM worktrees WHERE worktree_id <> '{other}'"), [])?;
            tx.sql().execute("DELETE FROM users WHERE user_id = 'cy'", [])
        });
        assert_eq!(verdict(&deleted), if counts { "ok" } else { "conflict" }, "{other}");
    }
    for id in ["dee", "ann", "zoe", "old", "vi"] {
        sql(&store, &format!("DELETE FROM worktrees WHERE worktree_id = '{id}'"));
    }
    // All of them in one statement: the last one stands in the way.
    check(&store, "DELETE FROM users WHERE user_id IN ('bo', 'cy')", &[("ada", "conflict"), ("system", "conflict")]);
    let last = |who: &str| {
        let outcome =
            attempt(&store, &actor(who), |tx| tx.sql().execute("DELETE FROM worktree_owners WHERE user_id = 'bo'", []));
        matches!(&outcome, Err(Error::Conflict(conflict)) if matches!(conflict.kind(), ConflictKind::LastOwner(_)))
    };
    assert!(last("bo") && last("su") && last("system"));
    // The owners of what goes altogether go with it.
    check(&store, "DELETE FROM worktrees WHERE worktree_id = 'w3'", &[("bo", "ok")]);
}

/// An adopted worktree may have no owner, and its creator may become a user later: that makes him none.
#[test]
fn a_worktree_without_an_owner_is_nobodys_to_claim() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::View);
    file::past_guards(&path, "worktree_owners", "DELETE FROM worktree_owners");
    for user in ["bo", "cy"] {
        let claim =
            format!("INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', '{user}', acl_now())");
        let told = [("bo", "denied"), ("cy", "denied"), ("ada", "denied"), ("su", "ok"), ("system", "ok")];
        check(&store, &claim, &told);
    }
}

/// Where the table itself takes any word, as one that adoption has added to does, the guard does not.
#[test]
fn an_adopted_worktree_is_shared_by_words_that_are_levels() {
    let dir = tempfile::tempdir().unwrap();
    let path = file::agor(dir.path());
    aclite::Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let worktree: String = ask(&store, "SELECT min(worktree_id) FROM worktrees");
    for (word, expected) in
        [("'session'", "ok"), ("NULL", "ok"), ("'everything'", "invalid"), ("'All'", "invalid"), ("''", "invalid")]
    {
        let update = format!("UPDATE worktrees SET others_can = {word} WHERE worktree_id = '{worktree}'");
        check(&store, &update, &[("system", expected)]);
    }
}

#[test]
fn a_viewer_who_owns_manages_nothing() {
    let store = town();
    store.write(&system(), |tx| tx.worktrees().add_owner("w", "vi")).unwrap();
    for statement in [
        "UPDATE worktrees SET name = 'x' WHERE worktree_id = 'w'",
        "UPDATE worktrees SET others_can = 'all' WHERE worktree_id = 'w'",
        "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', 'cy', acl_now())",
        "DELETE FROM worktree_owners WHERE worktree_id = 'w' AND user_id = 'vi'",
        "UPDATE worktree_group_grants SET can = 'all'",
        "DELETE FROM worktree_group_grants",
        "DELETE FROM worktrees",
        "UPDATE sessions SET archived = 1",
        "UPDATE messages SET status = 'x'",
        "UPDATE users SET role = 'member' WHERE user_id = 'vi'",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'vi', 'n', '{}')",
    ] {
        check(&store, statement, &[("vi", "denied")]);
    }
}

// ---- secrets ------------------------------------------------------------------------------------

/// An administrator can't take a worktree's only manager away by making him a viewer; the daemon can.
#[test]
fn whoever_alone_manages_a_worktree_is_not_made_a_viewer() {
    let store = town();
    let demote = |actor: &Actor, user: &str| {
        let sql = "UPDATE users SET role = 'viewer' WHERE user_id = ?1";
        store.write(actor, |tx| tx.sql().execute(sql, [user]))
    };
    let refused = demote(&Actor::user("ada"), "bo").unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict(conflict) if matches!(conflict.kind(), ConflictKind::LastOwner(_))),
        "{refused}"
    );
    demote(&Actor::user("ada"), "dee").unwrap();
    demote(&system(), "bo").unwrap();
}
