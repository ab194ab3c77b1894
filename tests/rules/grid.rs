//! Every kind of holder is allowed and refused every operation as the grid says, at every door.

use std::path::Path;

use aclite::{
    Actor, AgenticTool, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage, NewSession, NewTask,
    NewWorktree, Result, SessionPatch, SessionQuery, Sharing, Store, TaskPatch, TaskQuery, Tx, WorktreePatch,
    WorktreeQuery,
};
use rusqlite::Connection;

use crate::support::{
    add_user, attempt, forger, message, raw, session, sql, system, task, verdict, worktree, world, world_at,
};

/// `y`: may. `n`: may not, and knows what. `.`: may not, and to them it is not there. `?`: not signed in.
///
/// The first five hold what `others_can` says. `viewer owner` owns the worktree and has the role
/// `viewer`; `viewer all` has that role where others hold `all`; `super off` is a superadmin while
/// `allow_superadmin` is off; `old word` has the role `owner`, the former name of `superadmin`.
/// The agents run in `mine`, the session of a user who holds `session` or `all`, or who owns the worktree.
/// To `ghost`, which is not a user, and `nobody`, who did not sign in, `others_can` is `all`.
const GRID: &str = "
                         none view sess prom all   owner viewer viewer super super old   admin agent agent agent ghost nobody
                                                         owner  all    on    off   word        sess  all   owner
worktree get           |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .     ?
worktree create        |  y    y    y    y    y     y     n      n      y     y     y     y     y     y     y     .     ?
worktree patch         |  .    n    n    n    y     y     n      n      y     .     y     .     n     n     n     .     ?
worktree share         |  .    n    n    n    n     y     n      n      y     .     y     .     n     n     n     .     ?
worktree remove        |  .    n    n    n    y     y     n      n      y     .     y     .     n     n     n     .     ?
owner get              |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .     ?
owner create           |  .    n    n    n    n     y     n      n      y     .     y     .     n     n     n     .     ?
owner remove           |  .    n    n    n    n     y     n      n      y     .     y     .     n     n     n     .     ?
session create         |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .     ?
session get mine       |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .
session get theirs     |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .     ?
session report mine    |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
session report theirs  |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
session patch mine     |  .    n    n    n    y     y     n      n      y     .     y     .     n     y     y     .
session patch theirs   |  .    n    n    n    y     y     n      n      y     .     y     .     n     n     n     .     ?
session remove mine    |  .    n    n    n    y     y     n      n      y     .     y     .     n     y     y     .
session remove theirs  |  .    n    n    n    y     y     n      n      y     .     y     .     n     n     n     .     ?
task get mine          |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .
task get theirs        |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .     ?
task create mine       |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
task create theirs     |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
task patch mine        |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
task patch theirs      |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
task remove mine       |  .    n    n    n    y     y     n      n      y     .     y     .     n     y     y     .
task remove theirs     |  .    n    n    n    y     y     n      n      y     .     y     .     n     n     n     .     ?
message get mine       |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .
message get theirs     |  .    y    y    y    y     y     y      y      y     .     y     .     y     y     y     .     ?
message create mine    |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
message create theirs  |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
message patch mine     |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
message patch theirs   |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
message remove mine    |  .    n    y    y    y     y     n      n      y     .     y     .     y     y     y     .
message remove theirs  |  .    n    n    y    y     y     n      n      y     .     y     .     n     n     n     .     ?
";

/// The columns of the grid: a name, who acts, and what others hold on the worktree.
fn holders() -> [(&'static str, Actor, Sharing); 17] {
    let user = |id| Actor::user(id);
    [
        ("none", user("cy"), Sharing::None),
        ("view", user("cy"), Sharing::View),
        ("session", user("cy"), Sharing::Session),
        ("prompt", user("cy"), Sharing::Prompt),
        ("all", user("cy"), Sharing::All),
        ("owner", user("eve"), Sharing::None),
        ("viewer owner", user("vi"), Sharing::None),
        ("viewer all", user("vi"), Sharing::All),
        ("super on", user("su"), Sharing::None),
        ("super off", user("su"), Sharing::None),
        ("old word", user("old"), Sharing::None),
        ("admin", user("ada"), Sharing::None),
        ("agent session", Actor::agent("cy", "mine"), Sharing::Session),
        ("agent all", Actor::agent("cy", "mine"), Sharing::All),
        ("agent owner", Actor::agent("eve", "mine"), Sharing::None),
        ("ghost", user("ghost"), Sharing::All),
        ("nobody", Actor::Anonymous, Sharing::All),
    ]
}

/// `bo`'s worktree `w`, which `dee` owns too, with a session of `bo`'s, `theirs`, and one of the
/// holder's, `mine`; each with a task and a message of that name. And the empty worktree `bare`.
fn world_of(path: &Path, holder: &str, actor: &Actor, others: Sharing) -> Store {
    let store = world_at(path);
    add_user(&store, "eve", "member");
    add_user(&store, "old", "owner");
    add_user(&store, "ghost", "member");
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
    );
    worktree(&store, "w", "bo", others);
    let owner = |user: &str| store.write(&system(), |tx| tx.worktrees().add_owner("w", user)).map(drop).unwrap();
    owner("dee");
    match holder {
        "owner" | "agent owner" => owner("eve"),
        "viewer owner" => owner("vi"),
        "super off" => sql(&store, "UPDATE acl_settings SET value = 'off' WHERE name = 'allow_superadmin'"),
        _ => {}
    }
    let mine = actor.user_id().map(|user| ("mine", user.as_str()));
    for (id, creator) in [("theirs", "bo")].into_iter().chain(mine) {
        session(&store, id, "w", creator);
        task(&store, id, id, creator);
        message(&store, id, id, Some(id));
    }
    // Who was a user once, and whose sessions are still there.
    sql(&store, "DELETE FROM users WHERE user_id = 'ghost'");
    store
}

#[test]
fn the_whole_grid_holds_at_every_door() {
    let dir = tempfile::tempdir().unwrap();
    let holders = holders();
    let lines: Vec<(&str, Vec<&str>)> = GRID
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(operation, cells)| (operation.trim(), cells.split_whitespace().collect()))
        .collect();
    for (at, (name, actor, others)) in holders.into_iter().enumerate() {
        let path = dir.path().join(format!("{at}.db"));
        let store = world_of(&path, name, &actor, others);
        let host = host_of(&path, &actor);
        for (operation, cells) in &lines {
            match cells.get(at) {
                Some(expected) => {
                    check(&store, name, &actor, operation, expected);
                    host.iter().for_each(|host| check_host(host, name, operation, expected));
                }
                None => assert!(actor == Actor::Anonymous && operation.ends_with("mine"), "{operation}: {name}"),
            }
        }
    }
}

/// A host's connection to the file on which `actor` acts; none where they are no user, who can't log in.
fn host_of(path: &Path, actor: &Actor) -> Option<Connection> {
    let host = raw::open(path);
    let id = actor.user_id().map(|id| id.as_str());
    if id == Some("ghost") {
        assert_eq!(
            raw::run(&host, "SELECT acl_login('ghost')"),
            Err("aclite: not_authenticated: no such user".to_owned())
        );
        return None;
    }
    if id.is_some() {
        raw::act_as(&host, actor);
    }
    Some(host)
}

/// Asks for `operation` on a host's connection and undoes it.
#[track_caller]
fn check_host(host: &Connection, holder: &str, operation: &str, expected: &str) {
    let Some(statement) = by_sql(operation) else { return };
    host.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = raw::run(host, &statement).map(|_| host.changes());
    host.execute_batch("ROLLBACK").unwrap();
    let letter = match &outcome {
        Ok(1) => "y",
        Err(text) if text.contains("not signed in") => "?",
        Err(text) if text.starts_with("aclite: not_found: there is no ") => ".",
        Err(text) if text.starts_with("aclite: denied: may not ") => "n",
        other => panic!("{operation} by {holder}, on a host's connection: {other:?}"),
    };
    assert_eq!(letter, expected, "{operation} by {holder}, on a host's connection: {outcome:?}");
}

/// Asks for `operation` at both doors of a store and undoes it.
#[track_caller]
fn check(store: &Store, holder: &str, actor: &Actor, operation: &str, expected: &str) {
    let api = attempt(store, actor, |tx| by_api(tx, operation));
    assert_eq!(letter(&api), expected, "{operation} by {holder}, at the API: {api:?}");
    if let Some(statement) = by_sql(operation) {
        let raw = attempt(store, actor, |tx| match tx.sql().execute(&statement, [])? {
            1 => Ok(()),
            rows => panic!("{statement}: {rows} rows"),
        });
        assert_eq!(letter(&raw), expected, "{operation} by {holder}, as SQL: {raw:?}");
    }
}

fn letter(outcome: &Result<()>) -> &str {
    match verdict(outcome) {
        "ok" => "y",
        "denied" => "n",
        "hidden" => ".",
        "not_authenticated" => "?",
        other => other,
    }
}

fn by_api(tx: &Tx<'_>, operation: &str) -> Result<()> {
    // `mine` and `theirs` are the ids of a session, its task and its message.
    let (what, id) = operation.rsplit_once(' ').unwrap();
    let said = || NewMessage::new(id, MessageType::User, MessageRole::User, "hello");
    match (operation, what) {
        ("worktree get", _) => {
            let ids =
                tx.worktrees().find(&WorktreeQuery::new())?.items.into_iter().map(|item| item.worktree_id.to_string());
            listed(tx.worktrees().get("w").map(drop), ids, "w")
        }
        ("worktree create", _) => tx.worktrees().create(NewWorktree::new("r").name("new").git_ref("main")).map(drop),
        ("worktree patch", _) => {
            tx.worktrees().patch("w", WorktreePatch::new().name("new").set("notes", "n")).map(drop)
        }
        ("worktree share", _) => {
            // One of the three fields, each time with one that whoever holds `all` may change.
            let patch =
                |key: &str, value: &str| tx.worktrees().patch("w", WorktreePatch::new().name("x").set(key, value));
            let shared = [patch("unix_group", "g"), patch("others_fs_access", "write"), patch("others_can", "prompt")];
            let codes: Vec<&str> = shared.iter().map(verdict).collect();
            assert!(codes.iter().all(|code| *code == codes[0]), "the three fields of sharing differ: {codes:?}");
            shared.into_iter().collect::<Result<Vec<_>>>().map(drop)
        }
        ("worktree remove", _) => tx.worktrees().remove("w"),
        ("owner get", _) => tx.worktrees().owners("w").map(|owners| assert!(owners.len() >= 2)),
        ("owner create", _) => tx.worktrees().add_owner("w", "cy").map(drop),
        ("owner remove", _) => tx.worktrees().remove_owner("w", "dee"),
        ("session create", _) => tx.sessions().create(NewSession::new("w", AgenticTool::Codex)).map(drop),
        (_, "session get") => {
            let ids =
                tx.sessions().find(&SessionQuery::new())?.items.into_iter().map(|item| item.session_id.to_string());
            listed(tx.sessions().get(id).map(drop), ids, id)
        }
        (_, "session report") => {
            let columns = SessionPatch::new().status("stopping").ready_for_prompt(true).archived(true);
            let patch = columns.archived_reason("done".to_owned()).set("tasks", vec!["t"]).set("message_count", 3);
            tx.sessions().patch(id, patch).map(drop)
        }
        (_, "session patch") => tx.sessions().patch(id, SessionPatch::new().archived(true).set("title", "t")).map(drop),
        (_, "session remove") => tx.sessions().remove(id),
        (_, "task get") => {
            let ids = tx.tasks().find(&TaskQuery::new())?.items.into_iter().map(|item| item.task_id.to_string());
            listed(tx.tasks().get(id).map(drop), ids, id)
        }
        (_, "task create") => tx.tasks().create(NewTask::new(id)).map(drop),
        (_, "task patch") => tx.tasks().patch(id, TaskPatch::new().status("stopping").set("model", "m")).map(drop),
        (_, "task remove") => tx.tasks().remove(id),
        (_, "message get") => {
            let ids =
                tx.messages().find(&MessageQuery::new())?.items.into_iter().map(|item| item.message_id.to_string());
            listed(tx.messages().get(id).map(drop), ids, id)
        }
        (_, "message create") => {
            let (one, many) = (tx.messages().create(said()), tx.messages().create_many([said(), said()]));
            assert_eq!(verdict(&one), verdict(&many), "one message and many");
            one.map(drop)
        }
        (_, "message patch") => tx.messages().patch(id, MessagePatch::new().index(9)).map(drop),
        (_, "message remove") => tx.messages().remove(id),
        _ => panic!("no such operation: {operation}"),
    }
}

/// `got`, having seen that a list has the record exactly where it can be got.
fn listed(got: Result<()>, mut ids: impl Iterator<Item = String>, id: &str) -> Result<()> {
    assert_eq!(ids.any(|listed| listed == id), got.is_ok(), "the list and `get` of `{id}` differ");
    got
}

/// The same as one statement, stamps supplied. Reading is not filtered at this door.
fn by_sql(operation: &str) -> Option<String> {
    let (what, id) = operation.rsplit_once(' ').unwrap();
    Some(match (operation, what) {
        ("worktree create", _) => "INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref,
             worktree_unique_id, needs_attention, data) VALUES ('new', 'r', acl_now(), acl_actor(), 'n', 'main', 9, 0, '{}')"
            .to_owned(),
        ("worktree patch", _) => "UPDATE worktrees SET name = 'new' WHERE worktree_id = 'w'".to_owned(),
        ("worktree share", _) => "UPDATE worktrees SET name = 'x', unix_group = 'g',
             others_can = CASE others_can WHEN 'session' THEN 'view' ELSE 'session' END WHERE worktree_id = 'w'"
            .to_owned(),
        ("worktree remove", _) => "DELETE FROM worktrees WHERE worktree_id = 'w'".to_owned(),
        ("owner create", _) => {
            "INSERT INTO worktree_owners (worktree_id, user_id, created_at) VALUES ('w', 'cy', acl_now())".to_owned()
        }
        ("owner remove", _) => "DELETE FROM worktree_owners WHERE worktree_id = 'w' AND user_id = 'dee'".to_owned(),
        ("session create", _) => "INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool,
             worktree_id, unix_username, data) VALUES ('new', acl_now(), acl_actor(), 'idle', 'codex', 'w',
             (SELECT unix_username FROM users WHERE user_id = acl_actor()), '{}')"
            .to_owned(),
        (_, "session report") => format!("UPDATE sessions SET status = 'stopping' WHERE session_id = '{id}'"),
        (_, "session patch") => format!("UPDATE sessions SET archived = 1, board_id = 'b' WHERE session_id = '{id}'"),
        (_, "session remove") => format!("DELETE FROM sessions WHERE session_id = '{id}'"),
        (_, "task create") => format!(
            "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
             VALUES ('new', '{id}', acl_now(), acl_actor(), 'created', '{{}}')"
        ),
        (_, "task patch") => format!("UPDATE tasks SET status = 'stopping' WHERE task_id = '{id}'"),
        (_, "task remove") => format!("DELETE FROM tasks WHERE task_id = '{id}'"),
        (_, "message create") => format!(
            "INSERT INTO messages (message_id, session_id, created_at, type, role, \"index\", timestamp, data)
             VALUES ('new', '{id}', acl_now(), 'user', 'user', 9, 9, '{{}}')"
        ),
        (_, "message patch") => format!("UPDATE messages SET \"index\" = 9 WHERE message_id = '{id}'"),
        (_, "message remove") => format!("DELETE FROM messages WHERE message_id = '{id}'"),
        _ => return None,
    })
}

#[test]
fn the_grid_asks_every_operation_of_the_rules() {
    let asked: Vec<String> = world()
        .write(&system(), |tx| {
            tx.sql().query(
                "SELECT resource || ' ' || operation FROM acl_rules
                 WHERE resource IN ('worktree', 'owner', 'session', 'task', 'message')",
                [],
                |row| row.get(0),
            )
        })
        .unwrap();
    for operation in asked {
        let rows = GRID.lines().filter(|line| line.starts_with(&operation)).count();
        assert!(rows > 0, "no row for `{operation}`");
    }
}

// ---- what somebody holds ------------------------------------------------------------------------

/// What `user` can really do on the worktree `w`, where `bo` has the session `s`: found out by trying.
fn level_of(store: &Store, user: &str) -> &'static str {
    let actor = Actor::user(user);
    let may = |work: &dyn Fn(&Tx<'_>) -> Result<()>| attempt(store, &actor, work).is_ok();
    let ladder: [(&str, bool); 4] = [
        ("view", may(&|tx| tx.worktrees().get("w").map(drop))),
        ("session", may(&|tx| tx.sessions().create(NewSession::new("w", AgenticTool::Codex)).map(drop))),
        ("prompt", may(&|tx| tx.tasks().create(NewTask::new("s")).map(drop))),
        ("all", may(&|tx| tx.worktrees().patch("w", WorktreePatch::new().name("x")).map(drop))),
    ];
    assert!(ladder.windows(2).all(|pair| pair[0].1 >= pair[1].1), "each level includes those before it: {ladder:?}");
    ladder.iter().rev().find(|(_, may)| *may).map_or("none", |(level, _)| *level)
}

#[track_caller]
fn check_level(store: &Store, user: &str, expected: &str) {
    let (view, rank): (String, i64) = store
        .write(&system(), |tx| {
            let sql = "SELECT level, rank FROM acl_access WHERE worktree_id = 'w' AND user_id = ?1";
            tx.sql().query_row(sql, [user], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .unwrap();
    assert_eq!((level_of(store, user), view.as_str()), (expected, expected), "{user}");
    assert_eq!(
        rank,
        ["none", "view", "session", "prompt", "all"].iter().position(|level| *level == expected).unwrap() as i64
    );
}

fn group(store: &Store, name: &str, archived: bool, members: &[&str]) {
    let archived = i64::from(archived);
    sql(
        store,
        &format!(
            "INSERT INTO groups (group_id, name, slug, archived, created_at)
             VALUES ('{name}', '{name}', '{name}', {archived}, acl_now())"
        ),
    );
    for user in members {
        sql(
            store,
            &format!(
                "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('{name}', '{user}', acl_now())"
            ),
        );
    }
}

fn grant(store: &Store, group: &str, can: &str) {
    sql(
        store,
        &format!(
            "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at)
             VALUES ('w', '{group}', '{can}', acl_now())"
        ),
    );
}

#[test]
fn groups_grant_the_greatest_and_never_lower() {
    let store = world();
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    for (name, archived) in [("devs", false), ("ops", false), ("past", true)] {
        group(&store, name, archived, &["cy", "vi"]);
    }
    #[rustfmt::skip]
    let worlds = [
        // others     devs       ops        past (archived)  cy (member)  vi (viewer)  ada (in no group)
        ("none",    "",        "",        "",              "none",      "none",      "none"),
        ("none",    "view",    "",        "",              "view",      "view",      "none"),
        ("none",    "session", "prompt",  "",              "prompt",    "view",      "none"),
        ("none",    "all",     "view",    "",              "all",       "view",      "none"),
        ("none",    "",        "",        "all",           "none",      "none",      "none"),
        ("none",    "view",    "",        "all",           "view",      "view",      "none"),
        ("prompt",  "view",    "",        "",              "prompt",    "view",      "prompt"),
        ("all",     "none",    "none",    "none",          "all",       "view",      "all"),
        ("view",    "none",    "session", "",              "session",   "view",      "view"),
        ("none",    "none",    "",        "",              "none",      "none",      "none"),
    ];
    for (others, devs, ops, past, cy, vi, ada) in worlds {
        sql(&store, &format!("UPDATE worktrees SET others_can = '{others}'"));
        sql(&store, "DELETE FROM worktree_group_grants");
        for (group, can) in [("devs", devs), ("ops", ops), ("past", past)] {
            if !can.is_empty() {
                grant(&store, group, can);
            }
        }
        for (user, expected) in [("cy", cy), ("vi", vi), ("ada", ada), ("bo", "all"), ("su", "all")] {
            check_level(&store, user, expected);
        }
    }
    // What an archived group granted counts again once the group is back.
    grant(&store, "past", "all");
    check_level(&store, "cy", "none");
    sql(&store, "UPDATE groups SET archived = 0 WHERE group_id = 'past'");
    check_level(&store, "cy", "all");
}

#[test]
fn null_means_view_and_words_that_nobody_knows_mean_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    store.write(&Actor::user("bo"), |tx| tx.worktrees().patch("w", WorktreePatch::new().others_can(None))).unwrap();
    check_level(&store, "cy", "view");
    group(&store, "g", false, &["cy"]);
    grant(&store, "g", "prompt");
    check_level(&store, "cy", "prompt");

    let file = forger(&path);
    #[rustfmt::skip]
    let forged = [
        ("UPDATE worktrees SET others_can = 'everything'",                    "prompt", "all"),
        ("UPDATE worktree_group_grants SET can = 'everything'",               "none",   "all"),
        ("UPDATE worktrees SET others_can = 'All'",                           "none",   "all"),
        ("UPDATE worktrees SET others_can = ''",                              "none",   "all"),
        ("UPDATE worktrees SET others_can = 'all'",                           "all",    "all"),
        ("UPDATE users SET role = 'wizard' WHERE user_id IN ('cy', 'bo')",    "none",   "none"),
        ("UPDATE users SET role = 'Superadmin' WHERE user_id IN ('cy', 'bo')", "none",  "none"),
        ("UPDATE users SET role = 'member' WHERE user_id IN ('cy', 'bo')",    "all",    "all"),
    ];
    for (statement, cy, bo) in forged {
        file.execute(statement, []).unwrap();
        check_level(&store, "cy", cy);
        check_level(&store, "bo", bo);
    }
    // A setting that is not `on` is off.
    for (value, su) in [("yes", "none"), ("ON", "none"), ("on", "all")] {
        sql(&store, "UPDATE worktrees SET others_can = 'none'");
        file.execute("UPDATE acl_settings SET value = ?1", [value]).unwrap();
        check_level(&store, "su", su);
    }
    file.execute("DELETE FROM acl_settings", []).unwrap();
    check_level(&store, "su", "none");
}

#[test]
fn a_rule_that_is_missing_or_unknown_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::All);
    session(&store, "s", "w", "bo");
    let file = forger(&path);
    let patch = |actor: &str| {
        attempt(&store, &Actor::user(actor), |tx| tx.worktrees().patch("w", WorktreePatch::new().name("x")))
    };
    let get = |actor: &str| store.read(&Actor::user(actor), |tx| tx.worktrees().get("w"));
    assert_eq!((verdict(&patch("bo")), verdict(&get("bo"))), ("ok", "ok"));
    file.execute("UPDATE acl_rules SET needs = 'everything' WHERE resource = 'worktree'", []).unwrap();
    for actor in ["bo", "cy", "su"] {
        assert_eq!((verdict(&patch(actor)), verdict(&get(actor))), ("denied", "denied"), "{actor}");
    }
    // Nor does the half of it that is known count.
    file.execute("UPDATE acl_rules SET needs = 'view', needs_if_own = 'everything' WHERE resource = 'worktree'", [])
        .unwrap();
    for actor in ["bo", "cy", "su"] {
        assert_eq!((verdict(&patch(actor)), verdict(&get(actor))), ("denied", "denied"), "{actor}");
    }
    file.execute("DELETE FROM acl_rules WHERE resource = 'worktree'", []).unwrap();
    for actor in ["bo", "cy", "su"] {
        assert_eq!((verdict(&patch(actor)), verdict(&get(actor))), ("denied", "denied"), "{actor}");
    }
    assert!(store.read(&Actor::user("bo"), |tx| tx.worktrees().find(&WorktreeQuery::new())).unwrap().items.is_empty());
}

#[test]
fn a_changed_rule_takes_effect_with_its_commit() {
    let store = world();
    worktree(&store, "w", "bo", Sharing::Prompt);
    session(&store, "s", "w", "bo");
    task(&store, "t", "s", "bo");
    let remove = || attempt(&store, &Actor::user("cy"), |tx| tx.tasks().remove("t"));
    assert_eq!(verdict(&remove()), "denied");
    sql(&store, "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'task' AND operation = 'remove'");
    assert_eq!(verdict(&remove()), "ok");
    sql(&store, "UPDATE acl_rules SET needs = 'owner' WHERE resource = 'task' AND operation = 'remove'");
    assert_eq!(verdict(&remove()), "denied");
}
