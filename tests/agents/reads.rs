//! An agent reads what its user reads, and no secret.

use aclite::{MessageQuery, SessionPatch, SessionQuery, TaskQuery, UserQuery, WorktreeQuery};

use crate::estate::{agent, bo, daemon, estate};
use crate::support::verdict;

#[test]
fn an_agent_reads_what_its_user_reads() {
    let estate = estate();
    let seen = |actor| {
        let lists = estate.store.read(&actor, |tx| {
            Ok((
                tx.worktrees().find(&WorktreeQuery::new())?.items,
                tx.sessions().find(&SessionQuery::new())?.items,
                tx.tasks().find(&TaskQuery::new())?.items,
                tx.messages().find(&MessageQuery::new())?.items,
                tx.users().find(&UserQuery::new())?.items,
            ))
        });
        let sealed = estate.store.sealed(&actor).unwrap();
        let ids = |sql: &str| sealed.query(sql, [], |row| row.get::<_, String>(0)).unwrap();
        let sealed = [
            "session_id FROM sessions",
            "task_id FROM tasks",
            "message_id FROM messages",
            "worktree_id FROM worktrees",
        ]
        .map(|what| ids(&format!("SELECT {what} ORDER BY 1")));
        (lists.unwrap(), sealed)
    };
    let (lists, sealed) = seen(agent());
    assert_eq!((lists.1.len(), sealed[0].len()), (8, 8));
    assert_eq!((lists, sealed), seen(bo()));
}

/// It has its own token; the tokens of its user's other sessions would make it another agent, with other permissions.
#[test]
fn an_agent_reads_no_secret() {
    let estate = estate();
    for session in ["s", "free"] {
        let token = SessionPatch::new().set("mcp_token", format!("token-of-{session}"));
        estate.store.write(&daemon(), |tx| tx.sessions().patch(session, token)).unwrap();
    }
    let keys = "UPDATE users SET data = '{\"api_keys\":{\"a\":\"key-of-bo\"},\"env_vars\":{\"b\":\"env-of-bo\"}}' WHERE user_id = 'bo'";
    crate::support::sql(&estate.store, keys);
    let read = estate
        .store
        .read(&agent(), |tx| {
            let (own, free, user) = (tx.sessions().get("s")?, tx.sessions().get("free")?, tx.users().get("bo")?);
            let all = tx.sessions().find(&SessionQuery::new())?.items;
            Ok(serde_json::to_string(&(own, free, user, all)).unwrap())
        })
        .unwrap();
    let sealed = estate.store.sealed(&agent()).unwrap();
    let shown =
        sealed.query("SELECT data FROM sessions UNION ALL SELECT data FROM users", [], |row| row.get::<_, String>(0));
    let shown = shown.unwrap().join(" ");
    for secret in ["token-of", "key-of", "env-of", "hash of"] {
        assert!(!read.contains(secret) && !shown.contains(secret), "{secret}: {read} {shown}");
    }
    for statement in ["SELECT password FROM users", "SELECT data FROM sessions"] {
        let asked = estate.store.write(&agent(), |tx| tx.sql().query(statement, [], |row| row.get::<_, String>(0)));
        assert!(asked.is_err(), "{statement}: {asked:?}");
    }
    let asked = estate.store.read(&agent(), |tx| tx.sessions().by_mcp_token("token-of-s"));
    assert_eq!(verdict(&asked), "denied", "{asked:?}");
    let asked = estate.store.read(&agent(), |tx| tx.users().credentials("bo@example.com"));
    assert_eq!(verdict(&asked), "denied", "{asked:?}");
    let asked = estate.store.read(&agent(), |tx| tx.audit().tail(1));
    assert_eq!(verdict(&asked), "denied", "{asked:?}");
}

/// What a daemon does with a request that carries a token.
#[test]
fn a_token_leads_to_the_agent_of_its_session() {
    let estate = estate();
    let token = SessionPatch::new().set("mcp_token", "token-of-s");
    estate.store.write(&daemon(), |tx| tx.sessions().patch("s", token)).unwrap();
    let session = estate.store.read(&daemon(), |tx| tx.sessions().by_mcp_token("token-of-s")).unwrap();
    assert_eq!(aclite::Actor::agent(session.created_by, session.session_id), agent());
}
