//! Who may raise whom, what only the daemon writes, and what nobody reads.

use aclite::rusqlite::types::Value as Sql;
use aclite::{
    Actor, AgenticTool, ConflictKind, Error, NewSession, Result, SessionPatch, SessionQuery, Sharing, Store, Tx,
};
use serde_json::json;

use crate::support::{
    add_user, ask, attempt, file, message, session, sql, system, task, verdict, worktree, world, world_at,
};

/// `bo`'s worktree `w`, where others may view, with `s`, `t` and `m`; the group `g` with `cy` in it and a
/// grant to it; the board `b`; the rule and setting that every file has. Everybody has secrets.
fn town() -> Store {
    let store = world();
    furnish(&store);
    store
}

fn furnish(store: &Store) {
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
fn check(store: &Store, statement: &str, expected: &[(&str, &str)]) {
    for (who, expected) in expected {
        let outcome = attempt(store, &actor(who), |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&outcome), *expected, "{statement}\nby {who}: {outcome:?}");
    }
}

fn actor(who: &str) -> Actor {
    match who {
        "system" => system(),
        "service" => Actor::service("mcp"),
        "nobody" => Actor::Anonymous,
        "executor" => Actor::executor("bo", "s", "t"),
        user => Actor::user(user),
    }
}

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

// ---- groups, grants, boards, repos --------------------------------------------------------------

#[test]
fn groups_grants_boards_and_repos_are_for_these() {
    let store = town();
    worktree(&store, "hidden", "dee", Sharing::None);
    sql(&store, "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r2', acl_now(), 'r2', '{}')");
    store
        .write(&system(), |tx| {
            tx.worktrees().create(aclite::NewWorktree::new("r2", "o", "main").id("o").created_by("bo"))
        })
        .unwrap();
    #[rustfmt::skip]
    let writes = [
        // statement, with `ME` for the actor                                                       bo (owner) cy (member) vi (viewer) ada (admin) su     ghost      executor  system
        ("INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('n', 'n', 'n', ME, acl_now())",
                                                                                                   ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("UPDATE groups SET name = 'x'",                                                           ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("UPDATE groups SET archived = 1",                                                         ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM groups WHERE group_id = 'g'",                                                ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'bo', ME, acl_now())",
                                                                                                   ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM group_memberships",                                                          ["denied", "denied", "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM worktree_group_grants",                                                      ["ok",     "denied", "denied", "denied", "ok", "hidden", "denied", "ok"]),
        ("INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('o', 'g', 'all', ME, acl_now())",
                                                                                                   ["ok",     "denied", "denied", "denied", "ok", "hidden", "denied", "ok"]),
        ("INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('hidden', 'g', 'all', ME, acl_now())",
                                                                                                   ["hidden", "hidden", "hidden", "hidden", "ok", "hidden", "hidden", "ok"]),
        ("INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), ME, 'n', '{}')",
                                                                                                   ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("UPDATE boards SET name = 'x'",                                                           ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM boards",                                                                     ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('n', acl_now(), 'n', '{}')", ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("UPDATE repos SET slug = 'x' WHERE repo_id = 'r'",                                        ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM repos WHERE repo_id = 'empty'",                                              ["ok",     "ok",     "denied", "ok",     "ok", "hidden", "denied", "ok"]),
        // In `r2` is one worktree, which is bo's; in `r` a hidden one too.
        ("DELETE FROM repos WHERE repo_id = 'r2'",                                                 ["ok",     "denied", "denied", "denied", "ok", "hidden", "denied", "ok"]),
        ("DELETE FROM repos WHERE repo_id = 'r'",                                                  ["denied", "denied", "denied", "denied", "ok", "hidden", "denied", "ok"]),
    ];
    let who = ["bo", "cy", "vi", "ada", "su", "ghost", "executor", "system"];
    for (statement, told) in writes {
        for (who, told) in who.into_iter().zip(told) {
            let me = match who {
                "system" | "executor" => "'bo'".to_owned(),
                user => format!("'{user}'"),
            };
            check(&store, &statement.replace("ME", &me), &[(who, told)]);
        }
    }
    // Of a grant the level changes, for whoever may give it, and nothing else does.
    let told =
        [("bo", "ok"), ("su", "ok"), ("cy", "denied"), ("vi", "denied"), ("executor", "denied"), ("system", "ok")];
    check(&store, "UPDATE worktree_group_grants SET can = 'all' WHERE worktree_id = 'w'", &told);
    for column in ["group_id", "created_by", "created_at"] {
        let update = format!("UPDATE worktree_group_grants SET {column} = 7 WHERE worktree_id = 'w'");
        check(&store, &update, &[("bo", "immutable"), ("cy", "denied"), ("system", "immutable")]);
    }
    for can in ["everything", "All", "", "owner"] {
        let update = format!("UPDATE worktree_group_grants SET can = '{can}'");
        check(&store, &update, &[("system", "invalid"), ("service", "invalid")]);
        let insert = format!(
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('o', 'g', '{can}', acl_now())"
        );
        check(&store, &insert, &[("system", "invalid"), ("service", "invalid")]);
    }
    let nowhere = |worktree: &str, group: &str| {
        format!(
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at)
             VALUES ('{worktree}', '{group}', 'view', 'bo', acl_now())"
        )
    };
    let member = |group: &str, user: &str| {
        format!("INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('{group}', '{user}', acl_now())")
    };
    check(&store, &member("g", "nope"), &[("system", "not_found")]);
    check(&store, &member("nope", "bo"), &[("system", "not_found")]);
    check(&store, &member("g", "cy"), &[("system", "conflict")]);
    check(&store, &nowhere("o", "nope"), &[("bo", "not_found"), ("system", "not_found")]);
    check(&store, &nowhere("nope", "g"), &[("bo", "not_found"), ("system", "not_found")]);
}

// ---- what only the daemon writes ----------------------------------------------------------------

#[test]
fn rules_and_settings_are_the_daemons() {
    let store = town();
    let told = [
        ("bo", "denied"),
        ("ada", "denied"),
        ("su", "denied"),
        ("executor", "denied"),
        ("ghost", "hidden"),
        ("nobody", "not_authenticated"),
        ("system", "ok"),
        ("service", "ok"),
    ];
    for statement in [
        "UPDATE acl_rules SET needs = 'none' WHERE resource = 'task'",
        "DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'get'",
        "INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'share', 'view')",
        "UPDATE acl_settings SET value = 'on' WHERE name = 'allow_superadmin'",
        "DELETE FROM acl_settings",
        "INSERT INTO acl_settings (name, value) VALUES ('other', 'on')",
    ] {
        check(&store, statement, &told);
    }
    // No rule can give what is not a rule's to give.
    sql(
        &store,
        "UPDATE acl_rules SET needs = 'signed-in', needs_if_own = NULL WHERE resource IN ('rule', 'setting', 'user')",
    );
    check(
        &store,
        "UPDATE users SET role = 'superadmin' WHERE user_id = 'cy'",
        &[("cy", "denied"), ("bo", "denied"), ("ada", "denied")],
    );
    check(&store, "UPDATE users SET role = 'admin' WHERE user_id = 'cy'", &[("cy", "denied"), ("bo", "ok")]);
}

#[test]
fn the_audit_only_grows_and_only_by_what_was_decided() {
    let store = town();
    let everybody = ["bo", "ada", "su", "executor", "system", "service"];
    let row = "(seq, at, door, actor_kind, actor, operation, resource, record, verdict, epoch)";
    for statement in [
        format!("INSERT INTO acl_audit {row} VALUES (9999, acl_now(), 'api', 'user', 'bo', 'patch', 'task', 't', 'allowed', 1)"),
        format!("INSERT INTO acl_audit {row} SELECT max(seq) + 1, acl_now(), 'sql', 'system', 'test', 'patch', 'task', 't', 'allowed', (SELECT epoch FROM acl_epoch) FROM acl_audit"),
        "INSERT INTO acl_audit SELECT max(seq) + 1, at, door, actor_kind, actor, operation, resource, record, session_id,
            worktree_id, verdict, needed, held, why, fields, epoch FROM acl_audit".to_owned(),
        "INSERT OR REPLACE INTO acl_audit SELECT * FROM acl_audit".to_owned(),
        "INSERT OR IGNORE INTO acl_audit SELECT * FROM acl_audit".to_owned(),
        "UPDATE acl_audit SET verdict = 'denied'".to_owned(),
        "UPDATE acl_audit SET seq = seq + 1000".to_owned(),
        "UPDATE OR REPLACE acl_audit SET seq = 1".to_owned(),
        "UPDATE acl_audit SET seq = seq".to_owned(),
        "DELETE FROM acl_audit".to_owned(),
        "DELETE FROM acl_audit WHERE seq = (SELECT max(seq) FROM acl_audit) RETURNING *".to_owned(),
    ] {
        check(&store, &statement, &everybody.map(|who| (who, "denied")));
    }
    let (count, last): (i64, i64) =
        (ask(&store, "SELECT count(*) FROM acl_audit"), ask(&store, "SELECT max(seq) FROM acl_audit"));
    assert_eq!(count, last, "numbers have no gaps: nothing is missing");
    for (who, expected) in [("bo", "denied"), ("su", "denied"), ("nobody", "not_authenticated"), ("system", "ok")] {
        assert_eq!(verdict(&store.read(&actor(who), |tx| tx.audit().tail(1))), expected, "{who}");
    }
}

#[test]
fn the_epoch_goes_up_by_one_and_the_installation_is_nobodys() {
    let store = town();
    let everybody = ["bo", "ada", "su", "executor", "system", "service"];
    for statement in [
        "UPDATE acl_epoch SET epoch = epoch + 2",
        "UPDATE acl_epoch SET epoch = epoch",
        "UPDATE acl_epoch SET epoch = epoch - 1",
        "UPDATE acl_epoch SET epoch = 1",
        "UPDATE acl_epoch SET epoch = (epoch + 1) || ''",
        "UPDATE acl_epoch SET epoch = epoch + 1.0",
        "UPDATE acl_epoch SET one = 2, epoch = epoch + 1",
        "UPDATE acl_epoch SET epoch = NULL",
        "DELETE FROM acl_epoch",
        "INSERT INTO acl_epoch (one, epoch) VALUES (1, 1)",
        "INSERT OR REPLACE INTO acl_epoch (one, epoch) VALUES (1, 1)",
        "INSERT OR REPLACE INTO acl_epoch SELECT one, epoch + 1 FROM acl_epoch",
        "UPDATE acl_meta SET value = 0",
        "UPDATE acl_meta SET value = value",
        "DELETE FROM acl_meta",
        "INSERT INTO acl_meta (name, value) VALUES ('x', 1)",
        "INSERT OR REPLACE INTO acl_meta SELECT * FROM acl_meta",
    ] {
        let integer = statement.contains("|| ''") || statement.contains("1.0");
        for who in everybody {
            let outcome = attempt(&store, &actor(who), |tx| {
                tx.sql().execute(statement, [])?;
                tx.sql().query_row("SELECT typeof(epoch) FROM acl_epoch", [], |row| row.get::<_, String>(0))
            });
            // A column of integers makes an integer of what looks like one: that is one step up.
            let harmless = integer && matches!(&outcome, Ok(kind) if kind == "integer");
            assert!(harmless || verdict(&outcome) == "denied", "{statement}\nby {who}: {outcome:?}");
        }
    }
    check(&store, "UPDATE acl_epoch SET epoch = epoch + 1", &everybody.map(|who| (who, "ok")));
    check(&store, "UPDATE acl_epoch SET epoch = epoch + 1", &[("nobody", "not_authenticated")]);
}

#[test]
fn every_change_of_who_may_what_raises_the_epoch() {
    let store = town();
    let raised = [
        ("INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', 'cy', acl_now())", true),
        ("DELETE FROM worktree_owners WHERE user_id = 'cy'", true),
        (
            "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)
             VALUES ('n', 'r', acl_now(), 'bo', 'n', 'main', 9, '{}')",
            true,
        ),
        ("UPDATE worktrees SET others_can = NULL WHERE worktree_id = 'n'", true),
        ("UPDATE worktrees SET others_can = NULL WHERE worktree_id = 'n'", false),
        ("DELETE FROM worktrees WHERE worktree_id = 'n'", true),
        ("UPDATE worktrees SET others_can = 'prompt'", true),
        ("UPDATE worktrees SET name = 'x'", false),
        ("UPDATE users SET role = 'viewer' WHERE user_id = 'dee'", true),
        ("UPDATE users SET name = 'x' WHERE user_id = 'dee'", false),
        ("UPDATE groups SET archived = 1", true),
        ("INSERT INTO groups (group_id, name, slug, created_at) VALUES ('n', 'n', 'n', acl_now())", true),
        ("INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('n', 'cy', acl_now())", true),
        ("DELETE FROM group_memberships WHERE group_id = 'n'", true),
        ("DELETE FROM groups WHERE group_id = 'n'", true),
        ("UPDATE worktree_group_grants SET can = 'view'", true),
        ("DELETE FROM worktree_group_grants", true),
        (
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'all', acl_now())",
            true,
        ),
        ("UPDATE acl_rules SET needs = 'all' WHERE resource = 'task' AND operation = 'create'", true),
        ("INSERT INTO acl_rules (resource, operation, needs) VALUES ('task', 'share', 'view')", true),
        ("DELETE FROM acl_rules WHERE resource = 'task' AND operation = 'share'", true),
        ("UPDATE acl_settings SET value = 'off'", true),
        ("INSERT INTO acl_settings (name, value) VALUES ('other', 'on')", true),
        ("DELETE FROM acl_settings WHERE name = 'other'", true),
        (
            "INSERT INTO users (user_id, created_at, email, password, data) VALUES ('n', acl_now(), 'n', 'h', '{}')",
            true,
        ),
        ("DELETE FROM users WHERE user_id = 'n'", true),
        ("UPDATE tasks SET status = 'running'", false),
        ("UPDATE sessions SET archived = 1", false),
        ("DELETE FROM sessions", false),
        ("DELETE FROM worktrees WHERE worktree_id = 'w'", true),
    ];
    for (statement, raises) in raised {
        let before: i64 = ask(&store, "SELECT epoch FROM acl_epoch");
        sql(&store, statement);
        let after: i64 = ask(&store, "SELECT epoch FROM acl_epoch");
        assert_eq!(after > before, raises, "{statement}: {before}, {after}");
    }
}

#[test]
fn no_statement_reaches_the_functions_that_admit_writes() {
    let store = town();
    let spellings = [
        "SELECT acl_guard('task', 'patch')",
        "SELECT ACL_GUARD('task', 'patch')",
        "SELECT \"acl_guard\"('task', 'patch')",
        "SELECT [acl_guard]('task', 'patch')",
        "SELECT `acl_guard`('task', 'patch')",
        "SELECT acl_guard /* */ ('task', 'patch')",
        "SELECT acl_guard_child('worktree', 'w', 'session')",
        "SELECT acl_guard_audit(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
        "SELECT acl_entry('actor')",
        "SELECT acl_complete_write('task', 't')",
        "SELECT acl_audit_written(1)",
        "SELECT acl_is_direct('task', 't')",
        "SELECT acl_get('task')",
        "SELECT acl_may_get('task')",
        "SELECT acl_session()",
        "SELECT acl_task()",
        "SELECT acl_next_status('running', 'stopped')",
        "SELECT acl_next_completed_at('running', 'stopped', NULL, NULL)",
        "WITH acl_tasks_before_update AS (SELECT 1) SELECT * FROM acl_tasks_before_update",
        "WITH \"ACL_tasks_before_update\" AS (SELECT 1) SELECT 1",
        "SELECT (SELECT acl_guard('owner', 'create', 'first_owner_due', 1))",
        "SELECT 1 WHERE EXISTS (SELECT acl_complete_write('worktree', 'w'))",
        "UPDATE tasks SET status = acl_guard('task', 'patch') WHERE task_id = 't'",
        "UPDATE tasks SET status = 'x' WHERE acl_complete_write('task', 't')",
        "DELETE FROM tasks WHERE acl_complete_write('task', task_id) RETURNING acl_entry('actor')",
        "INSERT INTO worktree_owners SELECT 'w', 'cy', acl_guard('worktree', 'create', 'id', 'w')",
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('n', acl_now(), 'bo', acl_entry('why'), '{}')",
        "SELECT count(*) FILTER (WHERE acl_complete_write('task', 't')) FROM tasks",
        "SELECT 1 ORDER BY acl_guard('task', 'patch')",
        "SELECT 1 LIMIT acl_guard('task', 'patch')",
    ];
    for statement in spellings {
        for who in ["bo", "su", "system"] {
            let outcome = attempt(&store, &actor(who), |tx| tx.sql().query(statement, [], |row| row.get::<_, Sql>(0)));
            assert_eq!(verdict(&outcome), "invalid", "{statement}\nby {who}: {outcome:?}");
        }
    }
    for (statement, who, value) in [
        ("SELECT acl_actor()", "bo", Sql::Text("bo".into())),
        ("SELECT acl_actor()", "executor", Sql::Text("bo".into())),
        ("SELECT acl_actor()", "system", Sql::Null),
        (
            "SELECT acl_merge('{\"a\":{\"b\":1}}', '{\"a\":{\"c\":2}}')",
            "bo",
            Sql::Text("{\"a\":{\"b\":1,\"c\":2}}".into()),
        ),
    ] {
        let told = attempt(&store, &actor(who), |tx| tx.sql().query_row(statement, [], |row| row.get::<_, Sql>(0)));
        assert_eq!(told.unwrap(), value, "{statement} by {who}");
    }
}

#[test]
fn what_would_change_the_defence_is_no_statement_here() {
    let store = town();
    for statement in [
        "DROP TRIGGER acl_tasks_before_update",
        "DROP TABLE tasks",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE tasks (a)",
        "CREATE TEMP TRIGGER x BEFORE UPDATE ON main.tasks BEGIN SELECT raise(ignore); END",
        "CREATE TRIGGER x BEFORE UPDATE ON tasks BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT * FROM users",
        "CREATE INDEX i ON tasks (status)",
        "ALTER TABLE tasks RENAME TO x",
        "ALTER TABLE tasks ADD COLUMN x",
        "PRAGMA foreign_keys = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA recursive_triggers = 0",
        "SELECT * FROM pragma_table_info('tasks')",
        "UPDATE sqlite_schema SET sql = ''",
        "DELETE FROM sqlite_schema",
        "ATTACH ':memory:' AS x",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/nowhere/copy.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "RELEASE acl_whole",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM tasks",
        "not a statement",
    ] {
        for who in ["bo", "system"] {
            let outcome = attempt(&store, &actor(who), |tx| tx.sql().execute(statement, []));
            assert!(matches!(verdict(&outcome), "invalid" | "storage"), "{statement}\nby {who}: {outcome:?}");
        }
    }
    assert!(store.check().unwrap().is_clean());
}

// ---- secrets ------------------------------------------------------------------------------------

/// Everything that must never come out.
const SECRETS: [&str; 4] = ["token-of-", "key-of-", "env-of-", "hash of "];

#[track_caller]
fn check_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

#[test]
fn a_sessions_token_is_for_the_daemon_and_its_executor() {
    let store = town();
    session(&store, "s2", "w", "bo");
    store
        .write(&system(), |tx| tx.sessions().patch("s2", SessionPatch::new().set("mcp_token", "token-of-s2")))
        .unwrap();
    for who in ["bo", "su", "cy", "system", "service"] {
        let (got, found) = store
            .read(&actor(who), |tx| Ok((tx.sessions().get("s")?, tx.sessions().find(&SessionQuery::new())?.items)))
            .unwrap();
        assert_eq!((found.len(), &got.data["title"]), (2, &json!("shown")), "{who}");
        let patched =
            attempt(&store, &actor("system"), |tx| tx.sessions().patch("s", SessionPatch::new().archived(true)));
        check_clean(who, &format!("{got:?} {found:?} {patched:?}"));
        check_clean(who, &serde_json::to_string(&(got, found, patched.unwrap())).unwrap());
    }
    // The daemon asks by the token; nobody else does, not even its user.
    for (who, expected) in [
        ("system", "ok"),
        ("service", "ok"),
        ("bo", "denied"),
        ("su", "denied"),
        ("executor", "denied"),
        ("nobody", "not_authenticated"),
    ] {
        let found = store.read(&actor(who), |tx| tx.sessions().by_mcp_token("token-of-s"));
        assert_eq!(verdict(&found), expected, "{who}");
        check_clean(who, &format!("{found:?}"));
        if let Ok(session) = found {
            assert_eq!((session.session_id.as_str(), &session.data["mcp_token"]), ("s", &json!("token-of-s")));
        }
    }
    let unknown = store.read(&system(), |tx| tx.sessions().by_mcp_token("token-of-nobody")).unwrap_err();
    check_clean("an unknown token", &format!("{unknown:?} {unknown} {:?}", unknown.public()));
    // The executor of `s` gets the token of `s` by getting it, and no other.
    let executor = actor("executor");
    let own = store.read(&executor, |tx| tx.sessions().get("s")).unwrap();
    assert_eq!(own.data["mcp_token"], "token-of-s");
    check_clean("printed", &format!("{own:?}"));
    assert_eq!(verdict(&store.read(&executor, |tx| tx.sessions().get("s2"))), "denied");
    let listed = store.read(&executor, |tx| tx.sessions().find(&SessionQuery::new())).unwrap().items;
    check_clean("a list", &serde_json::to_string(&listed).unwrap());
    // The token of another's task in that session is none of a stranger's business.
    assert_eq!(verdict(&store.read(&Actor::executor("cy", "s", "t"), |tx| tx.sessions().get("s"))), "denied");
}

#[test]
fn only_the_daemon_writes_a_token() {
    let store = town();
    for (who, expected) in
        [("bo", "denied"), ("su", "denied"), ("executor", "denied"), ("system", "ok"), ("service", "ok")]
    {
        for value in [json!("mine"), json!(null), json!({})] {
            let patch = SessionPatch::new().set("mcp_token", value);
            let patched = attempt(&store, &actor(who), |tx| tx.sessions().patch("s", patch));
            assert_eq!(verdict(&patched), expected, "{who}");
            check_clean(who, &format!("{patched:?}"));
        }
    }
    check(
        &store,
        "UPDATE sessions SET data = '{\"title\":\"shown\",\"mcp_token\":\"mine\"}'",
        &[("bo", "denied"), ("su", "denied"), ("system", "ok")],
    );
    check(&store, "UPDATE sessions SET data = '{\"title\":\"shown\"}'", &[("bo", "denied"), ("system", "ok")]);
    let new = || NewSession::new("w", AgenticTool::Codex).set("mcp_token", "mine");
    assert_eq!(verdict(&attempt(&store, &actor("bo"), |tx| tx.sessions().create(new()))), "denied");
    assert_eq!(verdict(&attempt(&store, &system(), |tx| tx.sessions().create(new().created_by("bo")))), "ok");
}

#[test]
fn sql_of_the_embedders_reads_secrets_for_the_daemon_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    let store = world_at(&path);
    furnish(&store);
    drop(store);
    // A table of the embedder's that looks like `users`, and the samples that ANALYZE takes of indexes.
    let file = rusqlite::Connection::open(&path).unwrap();
    let users: String =
        file.query_row("SELECT sql FROM sqlite_schema WHERE name = 'users'", [], |row| row.get(0)).unwrap();
    file.execute_batch(&users.replace("users (", "copies (")).unwrap();
    file.execute_batch("CREATE TABLE notes (a, b); INSERT INTO notes VALUES (1, 2); ANALYZE").unwrap();
    drop(file);
    let store = Store::open(&path).unwrap();
    let reads = [
        "SELECT password FROM users",
        "SELECT data FROM users",
        "SELECT data FROM sessions",
        "SELECT * FROM users",
        "SELECT s.* FROM sessions AS s",
        "SELECT PASSWORD FROM MAIN.USERS",
        "SELECT \"data\" FROM \"Sessions\"",
        "SELECT [data] FROM [sessions]",
        "SELECT json_extract(data, '$.mcp_token') FROM sessions",
        "SELECT data ->> 'mcp_token' FROM sessions",
        "SELECT j.value FROM users, json_each(users.data) AS j",
        "SELECT json_group_array(password) FROM users",
        "SELECT (SELECT password FROM users LIMIT 1)",
        "SELECT p FROM (SELECT password AS p FROM users)",
        "SELECT 1 FROM users WHERE password LIKE 'hash%'",
        "SELECT user_id FROM users ORDER BY password",
        "SELECT count(*) FROM users GROUP BY data",
        "SELECT max(password) FROM users",
        "SELECT first_value(password) OVER () FROM users",
        "SELECT 1 FROM notes WHERE a IN (SELECT password FROM users)",
        "SELECT 1 FROM notes JOIN users ON users.password > 'h'",
        "SELECT password FROM users UNION SELECT 1",
        "VALUES ((SELECT password FROM users LIMIT 1))",
        // Names of ours, which a common table expression may imitate.
        "WITH users_of AS (SELECT * FROM users) SELECT password FROM users_of",
        "WITH acl_held AS (SELECT password AS p FROM users) SELECT p FROM acl_held",
        "WITH acl_rules AS (SELECT data AS p FROM sessions) SELECT p FROM acl_rules",
        "WITH acl_actor AS (SELECT data AS p FROM sessions) SELECT p FROM acl_actor",
        "WITH \"acl_held\"\"x\" AS (SELECT password AS p FROM users) SELECT p FROM \"acl_held\"\"x\"",
        "WITH acl_heldé AS (SELECT password AS p FROM users) SELECT p FROM acl_heldé",
        "WITH acl_users_before_update AS (SELECT password AS p FROM users) SELECT p FROM acl_users_before_update",
        "WITH \"ACL_USERS_before_update\" AS (SELECT password AS p FROM users) SELECT p FROM \"ACL_USERS_before_update\"",
        "WITH 'acl_users_after_insert' AS (SELECT password AS p FROM users) SELECT p FROM acl_users_after_insert",
        "WITH RECURSIVE acl_epoch(p) AS (SELECT password FROM users UNION SELECT data FROM users) SELECT p FROM acl_epoch",
        "SELECT p FROM (SELECT password AS p FROM users) AS acl_held",
        // Joins by name, of whose columns SQLite asks no authorizer.
        "SELECT password FROM (SELECT 'x' AS password) AS g FULL JOIN users USING (password)",
        "SELECT password FROM (SELECT 'x' AS password) AS g NATURAL FULL JOIN users",
        "SELECT data FROM (SELECT 'x' AS data) AS g FULL JOIN sessions USING (data)",
        "SELECT count(*) FROM (SELECT 'hash of bo' AS password) AS g JOIN users USING (password)",
        "SELECT count(*) FROM (SELECT 'hash of bo' AS password) AS g NATURAL JOIN users",
        "SELECT count(*) FROM users AS a JOIN users AS b USING (data)",
        // Writes that would carry them away.
        "UPDATE users SET name = password WHERE user_id = 'bo'",
        "UPDATE users SET name = 'x' WHERE user_id = 'bo' AND password LIKE 'h%'",
        "UPDATE users SET name = 'x' WHERE user_id = 'bo' RETURNING password",
        "UPDATE users SET name = 'x' WHERE user_id = 'bo' RETURNING *",
        "UPDATE notes SET a = users.password FROM users",
        "UPDATE notes SET (a, b) = (SELECT password, data FROM users LIMIT 1)",
        "INSERT INTO notes SELECT user_id, password FROM users",
        "INSERT INTO notes VALUES ((SELECT data FROM sessions), 1)",
        "INSERT INTO copies SELECT * FROM users",
        "DELETE FROM notes WHERE a = (SELECT password FROM users LIMIT 1)",
        "DELETE FROM sessions WHERE session_id = 's' RETURNING data",
        "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data)
         VALUES ('n', acl_now(), 'bo', 'idle', 'codex', 'w', 'bo', '{}') RETURNING (SELECT data FROM sessions)",
        "UPDATE sessions SET archived = 1 WHERE session_id = 's' RETURNING data",
        "UPDATE sessions SET data = json_set(data, '$.title', 'x') WHERE session_id = 's'",
        "UPDATE users SET email = 'x' WHERE user_id = 'bo' AND EXISTS (SELECT 1 FROM sessions WHERE data LIKE '%token%')",
        // Samples of the index on tokens.
        "SELECT sample FROM sqlite_stat4",
        "SELECT * FROM sqlite_stat1",
    ];
    for statement in reads {
        for who in ["bo", "su", "executor", "nobody"] {
            let outcome = attempt(&store, &actor(who), |tx| tx.sql().query(statement, [], |row| row.get::<_, Sql>(0)));
            assert_eq!(verdict(&outcome), "invalid", "{statement}\nby {who}: {outcome:?}");
            check_clean(statement, &format!("{:?}", outcome.unwrap_err()));
        }
    }
    for (statement, secret) in [
        ("SELECT password FROM users WHERE user_id = 'bo'", "hash of bo"),
        ("SELECT data ->> 'mcp_token' FROM sessions", "token-of-s"),
        ("SELECT password FROM (SELECT 'hash of bo' AS password) AS g JOIN users USING (password)", "hash of bo"),
    ] {
        for who in ["system", "service"] {
            let told =
                attempt(&store, &actor(who), |tx| tx.sql().query_row(statement, [], |row| row.get::<_, String>(0)));
            assert_eq!(told.unwrap(), secret, "{statement} by {who}");
        }
    }
    // What is no secret stays readable: reads are not filtered here.
    for statement in [
        "SELECT user_id, email, role FROM users",
        "SELECT session_id, status FROM sessions",
        "SELECT count(*) FROM users",
        "SELECT data FROM tasks",
        "SELECT t.task_id FROM tasks AS t JOIN sessions AS s ON s.session_id = t.session_id",
        "SELECT message_id FROM messages JOIN tasks USING (task_id)",
        "SELECT level FROM acl_access WHERE user_id = acl_actor()",
        "SELECT needs FROM acl_rules",
    ] {
        let outcome = attempt(&store, &actor("cy"), |tx| tx.sql().query(statement, [], |row| row.get::<_, Sql>(0)));
        assert_eq!(verdict(&outcome), "ok", "{statement}: {outcome:?}");
    }
}

#[test]
fn a_statement_that_was_prepared_for_the_daemon_serves_nobody_else() {
    let store = town();
    let read = |who: &str| {
        attempt(&store, &actor(who), |tx| {
            tx.sql().query_row("SELECT password FROM users LIMIT 1", [], |row| row.get::<_, String>(0))
        })
    };
    assert_eq!(
        [verdict(&read("system")), verdict(&read("bo")), verdict(&read("system")), verdict(&read("bo"))],
        ["ok", "invalid", "ok", "invalid"]
    );
}

#[test]
fn neither_errors_nor_the_audit_hold_a_secret() {
    let store = town();
    let writes = [
        "UPDATE users SET data = '{\"api_keys\":{\"claude\":\"key-of-new\"}}' WHERE user_id = 'bo'",
        "UPDATE users SET password = 'hash of new' WHERE user_id = 'bo'",
        "UPDATE users SET data = '{\"api_keys\":\"key-of-new\",\"api_keys\":1}' WHERE user_id = 'bo'",
        "UPDATE users SET data = '[\"key-of-new\"]' WHERE user_id = 'bo'",
        "UPDATE users SET data = 'key-of-new' WHERE user_id = 'bo'",
        "UPDATE sessions SET data = '{\"mcp_token\":\"token-of-new\"}' WHERE session_id = 's'",
        "UPDATE sessions SET data = '{\"mcp_token\":\"token-of-new\",\"status\":1}' WHERE session_id = 's'",
    ];
    for who in ["bo", "cy", "ada", "su", "system", "executor"] {
        for statement in writes {
            if let Err(error) = store.write(&actor(who), |tx| tx.sql().execute(statement, [])) {
                check_clean(statement, &format!("{error} {error:?} {:?}", error.public()));
            }
        }
    }
    let audit = store.read(&system(), |tx| tx.audit().after(0, 100_000)).unwrap();
    assert!(audit.iter().any(|row| row.fields.as_deref().is_some_and(|fields| fields.contains("data.api_keys"))));
    check_clean("the audit", &format!("{audit:?}"));
}

#[test]
fn one_closure_cannot_pass_its_rights_to_the_next() {
    let store = town();
    let statement = "UPDATE tasks SET status = 'running'";
    let by = |who: &str, work: &dyn Fn(&Tx<'_>) -> Result<usize>| {
        verdict(&store.write(&actor(who), |tx| work(tx))).to_owned()
    };
    assert_eq!(by("system", &|tx| tx.sql().execute(statement, [])), "ok");
    assert_eq!(by("cy", &|tx| tx.sql().execute(statement, [])), "denied");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(&system(), |tx| -> Result<()> {
            tx.sql().execute(statement, [])?;
            panic!("in the closure")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(by("cy", &|tx| tx.sql().execute(statement, [])), "denied");
    assert_eq!(by("nobody", &|tx| tx.sql().execute(statement, [])), "not_authenticated");
    assert_eq!(by("bo", &|tx| tx.sql().execute(statement, [])), "ok");
}

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
