//! The daemon alone reads passwords and keys; a session's token goes to the daemon and to its executor.

use aclite::rusqlite::types::Value as Sql;
use aclite::{Actor, AgenticTool, NewSession, SessionPatch, SessionQuery, Store};
use serde_json::json;

use super::town::{actor, check, furnish, town};
use crate::support::{attempt, session, system, verdict, world_at};

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
        assert_eq!((found.len(), &got.data().unwrap()["title"]), (2, &json!("shown")), "{who}");
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
            assert_eq!(
                (session.session_id.as_str(), &session.data().unwrap()["mcp_token"]),
                ("s", &json!("token-of-s"))
            );
        }
    }
    let unknown = store.read(&system(), |tx| tx.sessions().by_mcp_token("token-of-nobody")).unwrap_err();
    check_clean("an unknown token", &format!("{unknown:?} {unknown} {:?}", unknown.public()));
    // The executor of `s` gets the token of `s` by getting it, and no other.
    let executor = actor("executor");
    let own = store.read(&executor, |tx| tx.sessions().get("s")).unwrap();
    assert_eq!(own.data().unwrap()["mcp_token"], "token-of-s");
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
            let is_text = !value.is_object();
            let patch = SessionPatch::new().set("mcp_token", value);
            let patched = attempt(&store, &actor(who), |tx| tx.sessions().patch("s", patch));
            // The daemon too keeps a token that is text.
            let expected = if is_text || expected == "denied" { expected } else { "invalid" };
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
