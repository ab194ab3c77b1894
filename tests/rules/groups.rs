//! Groups, grants, boards and repos are written by those whom the rules name.

use aclite::Sharing;

use super::town::{check, town};
use crate::support::{sql, system, worktree};

#[test]
fn groups_grants_boards_and_repos_are_for_these() {
    let store = town();
    worktree(&store, "hidden", "dee", Sharing::None);
    sql(&store, "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r2', acl_now(), 'r2', '{}')");
    store
        .write(&system(), |tx| {
            tx.worktrees().create(aclite::NewWorktree::new("r2").name("o").git_ref("main").id("o").created_by("bo"))
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
