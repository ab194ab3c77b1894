//! A sealed connection shows the rows that its actor may view, as the lists do, and no secret.

use aclite::{Actor, GroupQuery, MessageQuery, SessionQuery, Sharing, Store, TaskQuery, UserQuery};

use super::house::{TABLES, all, bo, house, house_with, rows, sealed};
use crate::support::file::{self, past_guards};
use crate::support::{message, session, sql, system, task, verdict, worktree, world};

// ---- what is shown ------------------------------------------------------------------------------

#[test]
fn tables_show_what_the_actor_may_view() {
    let (_dir, store) = house();
    for (actor, tasks, users) in [
        (bo(), "t-v,t-w", 6),
        (Actor::user("cy"), "t-x", 6),
        (Actor::user("ada"), "", 6),
        (Actor::user("vi"), "", 6),
        (Actor::user("su"), "t-v,t-w,t-x", 6),
        (Actor::user("nobody"), "", 0),
        (Actor::executor("bo", "s-w", "t-w"), "t-w", 0),
        (Actor::executor("bo", "s-w", "t-v"), "", 0),
        (Actor::executor("cy", "s-w", "t-w"), "", 0),
        (Actor::service("scheduler"), "t-v,t-w,t-x", 6),
        (system(), "t-v,t-w,t-x", 6),
    ] {
        let sealed = sealed(&store, &actor);
        let shown = all(&sealed, "SELECT task_id FROM tasks ORDER BY task_id").join(",");
        assert_eq!(shown, tasks, "{actor:?}");
        assert_eq!(all(&sealed, "SELECT count(*) FROM users"), [users.to_string()], "{actor:?}");
    }
}

#[test]
fn nobody_and_a_store_in_memory_get_no_sealed_connection() {
    let (_dir, store) = house();
    assert_eq!(verdict(&store.sealed(&Actor::Anonymous)), "not_authenticated");
    assert_eq!(verdict(&store.sealed(&Actor::user("anonymous"))), "not_authenticated");
    let refused = world().sealed(&bo()).unwrap_err();
    assert_eq!(refused.to_string(), "`store` is in memory: only one that a file holds can be sealed");
}

#[test]
fn a_file_that_was_tampered_with_is_not_read() {
    let (dir, store) = house();
    file::tamper(
        &dir.path().join("house.db"),
        "DROP VIEW acl_held; CREATE VIEW acl_held (worktree_id, user_id, held) AS
         SELECT worktree_id, user_id, '4 owner' FROM worktrees, users",
    );
    assert_eq!(verdict(&store.sealed(&Actor::user("cy"))), "tampered");
}

/// An adopted file has types, orders and columns of its own.
#[test]
fn an_adopted_file_shows_the_same_tables() {
    let dir = tempfile::tempdir().unwrap();
    let path = file::agor(dir.path());
    aclite::Adoption::new().run(&path).unwrap();
    let sealed = sealed(&Store::open(&path).unwrap(), &system());
    let raw = file::raw(&path);
    for table in TABLES {
        let count: i64 = raw.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        let shown = all(&sealed, &format!("SELECT * FROM {table}"));
        assert_eq!(i64::try_from(shown.len()).unwrap(), count, "{table}");
    }
    let ids = file::texts(&raw, "SELECT session_id FROM sessions");
    for id in ids {
        let found = sealed.query_row("SELECT session_id FROM sessions WHERE session_id = ?1", [&id], |row| row.get(0));
        assert_eq!(found.unwrap(), Some(id));
    }
}

#[test]
fn secrets_are_in_no_table() {
    let (_dir, store) = house();
    for actor in [bo(), Actor::user("su"), system(), Actor::executor("bo", "s-w", "t-w")] {
        let sealed = sealed(&store, &actor);
        for table in TABLES {
            for row in all(&sealed, &format!("SELECT * FROM {table}")) {
                assert!(!row.contains("s3cret") && !row.contains("hash of"), "{actor:?}: {row}");
            }
        }
    }
    let sealed = sealed(&store, &bo());
    assert_eq!(all(&sealed, "SELECT data FROM sessions WHERE session_id = 's-w'"), [r#"{"title":"x"}"#]);
    let user = r#"{"api_keys":{"A":true},"env_vars":{"E":true},"dark":true}"#;
    assert_eq!(all(&sealed, "SELECT data FROM users WHERE user_id = 'ada'"), [user]);
    let found = "SELECT count(*) FROM users WHERE data LIKE '%s3cret%' OR data > '{\"api_keys\":{\"A\":\"s3' AND data < '{\"api_keys\":{\"A\":\"s4'";
    assert_eq!(all(&sealed, found), ["0"]);
    let by_value = r#"SELECT count(*) FROM sessions WHERE data = '{"title":"x","mcp_token":"s3cret"}'"#;
    assert_eq!(all(&sealed, by_value), ["0"]);
}

#[test]
fn a_secret_that_is_spelled_or_stored_oddly_is_not_shown() {
    let (dir, store) = house();
    let path = dir.path().join("house.db");
    for (table, key, stored, expected) in [
        ("sessions", "session_id = 's-w'", r#"{"mcp_token":"s3cret","a":1,"mcp_token":"s3cret"}"#, r#"{"a":1}"#),
        ("sessions", "session_id = 's-w'", r#"{"mcp\u005ftoken":"s3cret"}"#, "{}"),
        ("sessions", "session_id = 's-w'", r#"{"mcp_token":"s3cret""#, "NULL"),
        ("sessions", "session_id = 's-w'", r#"["s3cret"]"#, "NULL"),
        (
            "users",
            "user_id = 'bo'",
            r#"{"api_keys":"s3cret","\u0065nv_vars":["s3cret"]}"#,
            r#"{"api_keys":true,"env_vars":true}"#,
        ),
        (
            "users",
            "user_id = 'bo'",
            r#"{"api_keys":{"A":"s3cret"},"api_keys":{"B":"s3cret"}}"#,
            r#"{"api_keys":{"B":true}}"#,
        ),
        ("users", "user_id = 'bo'", "s3cret", "NULL"),
    ] {
        past_guards(&path, table, &format!("UPDATE {table} SET data = '{stored}' WHERE {key}"));
        let sealed = sealed(&store, &bo());
        assert_eq!(all(&sealed, &format!("SELECT data FROM {table} WHERE {key}")), [expected], "{stored}");
    }
    past_guards(&path, "sessions", "UPDATE sessions SET data = CAST('{\"mcp_token\":\"s3cret\"}' AS blob)");
    for row in all(&sealed(&store, &bo()), "SELECT data, typeof(data) FROM sessions") {
        assert!(row == r"{}|text" || row == "NULL|null", "{row}");
    }
}

#[test]
fn rowids_are_not_shown() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for table in TABLES {
        for name in ["rowid", "_rowid_", "oid"] {
            let refused = rows(&sealed, &format!("SELECT {name} FROM {table}"));
            assert_eq!(verdict(&refused), "invalid", "{table}.{name}: {refused:?}");
        }
    }
}

// ---- the same as the lists ----------------------------------------------------------------------

#[test]
fn the_same_is_shown_as_in_the_lists_whatever_the_rules_say() {
    let (_dir, store) = house_with(Sharing::Session);
    worktree(&store, "w-y", "cy", Sharing::View);
    session(&store, "s-y", "w-w", "dee");
    task(&store, "t-y", "s-y", "dee");
    message(&store, "m-y", "s-y", Some("t-y"));
    sql(&store, "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'g', 'g', acl_now())");
    sql(&store, "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'vi', acl_now())");
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w-x', 'g', 'all', acl_now())",
    );
    for rule in [
        "UPDATE acl_rules SET needs = needs",
        "UPDATE acl_rules SET needs = 'prompt' WHERE resource = 'task' AND operation = 'get'",
        "UPDATE acl_rules SET needs_if_own = 'session' WHERE resource = 'task' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'owner' WHERE resource = 'message' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'role:admin', needs_if_own = 'self' WHERE resource = 'user' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'system' WHERE resource = 'group' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'self' WHERE resource = 'session' AND operation = 'get'",
        "UPDATE acl_rules SET needs = 'all' WHERE resource = 'worktree' AND operation = 'get'",
        "UPDATE acl_settings SET value = 'off'",
    ] {
        sql(&store, rule);
        for actor in [
            bo(),
            Actor::user("ada"),
            Actor::user("cy"),
            Actor::user("dee"),
            Actor::user("vi"),
            Actor::user("su"),
            Actor::user("nobody"),
            Actor::executor("dee", "s-y", "t-y"),
            Actor::executor("bo", "s-v", "t-v"),
            Actor::executor("bo", "s-v", "t-y"),
            Actor::service("scheduler"),
            system(),
        ] {
            same(&store, &actor, rule);
        }
    }
}

fn same(store: &Store, actor: &Actor, world: &str) {
    let sealed = sealed(store, actor);
    macro_rules! list {
        ($repository:ident, $query:expr, $id:ident) => {{
            let page = store.read(actor, |tx| tx.$repository().find(&$query.limit(1000))).unwrap();
            let mut listed: Vec<String> = page.items.iter().map(|item| item.$id.to_string()).collect();
            listed.sort();
            let id = stringify!($id);
            let table = stringify!($repository);
            assert_eq!(all(&sealed, &format!("SELECT {id} FROM {table} ORDER BY {id}")), listed, "{actor:?}: {world}");
            listed
        }};
    }
    let worktrees = list!(worktrees, aclite::WorktreeQuery::new(), worktree_id);
    list!(sessions, SessionQuery::new(), session_id);
    list!(tasks, TaskQuery::new(), task_id);
    list!(messages, MessageQuery::new(), message_id);
    list!(users, UserQuery::new(), user_id);
    list!(repos, aclite::RepoQuery::new(), repo_id);
    list!(boards, aclite::BoardQuery::new(), board_id);
    let groups = list!(groups, GroupQuery::new(), group_id);
    let hanging = |table: &str| all(&sealed, &format!("SELECT DISTINCT worktree_id FROM {table} ORDER BY 1"));
    assert_eq!(hanging("worktree_owners"), worktrees, "{actor:?}: {world}");
    let granted: Vec<String> = worktrees.iter().filter(|id| *id == "w-x").cloned().collect();
    assert_eq!(hanging("worktree_group_grants"), granted, "{actor:?}: {world}");
    assert_eq!(all(&sealed, "SELECT DISTINCT group_id FROM group_memberships"), groups, "{actor:?}: {world}");
}

// ---- text that is no text everywhere --------------------------------------------------------------

/// What is stored is shown so that every reader of JSON can take it, with all digits.
#[test]
fn data_is_shown_without_lone_surrogates() {
    let (_dir, store) = house();
    let odd = r#"{"cut":"a\ud83c","whole":"\ud83c\udf89","big":123456789012345678901234567890,"in":[{"x":"\udf89"}]}"#;
    let shown = odd.replace(r#"a\ud83c"#, r"a\ufffd").replace(r#""\udf89""#, r#""\ufffd""#);
    for table in ["tasks", "messages", "repos", "worktrees"] {
        sql(&store, &format!("UPDATE {table} SET data = '{odd}'"));
        let sealed = sealed(&store, &bo());
        assert_eq!(all(&sealed, &format!("SELECT DISTINCT data FROM {table}")), [shown.as_str()], "{table}");
        assert_eq!(all(&sealed, &format!("SELECT DISTINCT data ->> '$.cut' FROM {table}")), ["a\u{fffd}"], "{table}");
    }
    sql(&store, "UPDATE sessions SET data = json_insert(data, '$.cut', json('\"\\ud83c\"'))");
    let session = all(&sealed(&store, &bo()), "SELECT DISTINCT data FROM sessions");
    assert_eq!(session, [r#"{"title":"x","cut":"\ufffd"}"#]);
    // Two keys stay two.
    sql(&store, r#"UPDATE tasks SET data = '{"\ud83c":1,"\ud83d":2}'"#);
    assert_eq!(all(&sealed(&store, &bo()), "SELECT DISTINCT data FROM tasks"), ["{\"\u{fffd}\":1,\"\u{fffd}#2\":2}"]);
    // What is no JSON is shown as it is, where it can hold no secret.
    sql(&store, "UPDATE messages SET content_preview = 'a' || char(0) || 'b'");
    assert_eq!(all(&sealed(&store, &bo()), "SELECT DISTINCT content_preview FROM messages"), ["a\0b"]);
}

/// The bounds are for SQL that nobody trusts: what is stored may be larger, and the refusal says what to do.
#[test]
fn a_value_that_is_too_large_says_what_to_do() {
    let (_dir, store) = house();
    sql(&store, "UPDATE tasks SET data = json_object('report', hex(zeroblob(9 * 1024 * 1024))) WHERE task_id = 't-w'");
    let sealed = sealed(&store, &bo());
    let refused = rows(&sealed, "SELECT data FROM tasks WHERE task_id = 't-w'").unwrap_err();
    assert_eq!(refused.code(), "invalid");
    let told = refused.to_string();
    assert!(told.contains("too large") && told.contains("through the API"), "{told}");
    assert_eq!(all(&sealed, "SELECT task_id, status FROM tasks WHERE task_id = 't-w'"), ["t-w|created"]);
    assert_eq!(store.read(&bo(), |tx| tx.tasks().get("t-w")?.data_text().map(str::len)).unwrap(), (18 << 20) + 13);
}
