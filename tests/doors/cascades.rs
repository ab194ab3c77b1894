//! Deleting a parent deletes its children and lets go of what only pointed at it.
//!
//! The children's own guards run while their parent is gone already, so they can't ask anybody
//! whether the deletion is allowed. Deleting a *repo* reached every worktree, session and task that
//! way. So the parent's guard asks for all its children's sake, and the children's let a cascade
//! pass: that, and nothing that merely looks like one.

use std::collections::BTreeMap;

use aclite::{Actor, AgenticTool, NewSession, Result, SessionId, Sharing, Store};

use crate::support::{self, ask, audit_after, last_seq, message, session, sql, system, task, verdict, worktree, world};

/// `bo` owns `w1`, `cy` owns `w2`, `dee` holds `all` on both as one of the others. In each worktree is
/// a session with a task and two messages, one of them the task's. `fork` in `w2` was forked from
/// `s1` in `w1` and has it as its parent too; `twin` is `s1`'s fork in the same worktree.
fn store() -> Store {
    let store = world();
    sql(
        &store,
        "INSERT INTO boards (board_id, created_at, created_by, name, data) VALUES ('b', acl_now(), 'bo', 'b', '{}')",
    );
    for (n, owner) in [("1", "bo"), ("2", "cy")] {
        let (w, s, t) = (format!("w{n}"), format!("s{n}"), format!("t{n}"));
        worktree(&store, &w, owner, Sharing::All);
        session(&store, &s, &w, owner);
        task(&store, &t, &s, owner);
        message(&store, &format!("m{n}"), &s, Some(&t));
        message(&store, &format!("n{n}"), &s, None);
        sql(&store, &format!("UPDATE worktrees SET board_id = 'b' WHERE worktree_id = '{w}'"));
        sql(&store, &format!("UPDATE sessions SET board_id = 'b' WHERE session_id = '{s}'"));
    }
    for (id, w, creator) in [("fork", "w2", "cy"), ("twin", "w1", "bo")] {
        let new = NewSession::new(w, AgenticTool::ClaudeCode).id(id).created_by(creator);
        let new = new.forked_from_session_id(SessionId::from("s1")).parent_session_id(SessionId::from("s1"));
        store.write(&system(), |tx| tx.sessions().create(new)).unwrap();
    }
    message(&store, "mf", "fork", None);
    store
}

/// The rows of all tables that a cascade may touch, by table and key.
fn rows(store: &Store) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for (table, key) in [
        ("users", "user_id"),
        ("repos", "repo_id"),
        ("boards", "board_id"),
        ("worktrees", "worktree_id"),
        ("worktree_owners", "worktree_id || '/' || user_id"),
        ("sessions", "session_id"),
        ("tasks", "task_id"),
        ("messages", "message_id"),
        ("groups", "group_id"),
        ("group_memberships", "group_id || '/' || user_id"),
        ("worktree_group_grants", "worktree_id || '/' || group_id"),
    ] {
        let sql = format!("SELECT {key}, * FROM {table}");
        let found = store.write(&system(), |tx| {
            tx.sql().query(&sql, [], |row| {
                let names: Vec<String> = row.as_ref().column_names().iter().map(|name| (*name).to_owned()).collect();
                let value = |at: usize| format!("{} {:?}", names[at], row.get_ref(at).unwrap());
                Ok((row.get::<_, String>(0)?, (1..names.len()).map(value).collect::<Vec<_>>()))
            })
        });
        for (key, columns) in found.unwrap() {
            rows.insert(format!("{table} {key}"), columns);
        }
    }
    rows
}

/// What is gone, and which columns of what remains differ.
fn difference(
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
) -> (Vec<String>, Vec<String>) {
    let gone = before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
    let mut changed = Vec::new();
    for (key, columns) in after {
        let old = before.get(key).expect("nothing is new");
        for (old, new) in old.iter().zip(columns).filter(|(old, new)| old != new) {
            let (column, value) = new.split_once(' ').unwrap();
            assert_eq!(value, "Null", "{key}: {old} became {new}");
            changed.push(format!("{key}.{column}"));
        }
    }
    (gone, changed)
}

fn delete(store: &Store, actor: &Actor, what: &str) -> Result<()> {
    let (resource, id) = what.split_once(' ').unwrap();
    store.write(actor, |tx| match resource {
        "message" => tx.messages().remove(id),
        "task" => tx.tasks().remove(id),
        "session" => tx.sessions().remove(id),
        "worktree" => tx.worktrees().remove(id),
        "board" => tx.sql().execute("DELETE FROM boards WHERE board_id = ?1", [id]).map(drop_count),
        "repo" => tx.sql().execute("DELETE FROM repos WHERE repo_id = ?1", [id]).map(drop_count),
        "user" => tx.sql().execute("DELETE FROM users WHERE user_id = ?1", [id]).map(drop_count),
        "group" => tx.sql().execute("DELETE FROM groups WHERE group_id = ?1", [id]).map(drop_count),
        unknown => unreachable!("nothing is called {unknown}"),
    })
}

fn drop_count(count: usize) {
    assert_eq!(count, 1);
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split(", ").filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.sort();
    words
}

const W1_GONE: &str =
    "worktrees w1, worktree_owners w1/bo, sessions s1, sessions twin, tasks t1, messages m1, messages n1";
const FORK_FREE: &str = "sessions fork.forked_from_session_id, sessions fork.parent_session_id";

/// Deletes each parent, and looks at what is gone, what was set to NULL, and what the audit says: one row.
#[test]
fn a_deletion_takes_its_children_lets_go_of_the_rest_and_is_audited_once() {
    for (who, what, gone, nulled) in [
        ("bo", "message m1", "messages m1", ""),
        ("bo", "task t1", "tasks t1", "messages m1.task_id"),
        (
            "bo",
            "session s1",
            "sessions s1, tasks t1, messages m1, messages n1",
            "sessions fork.forked_from_session_id, sessions fork.parent_session_id, \
             sessions twin.forked_from_session_id, sessions twin.parent_session_id",
        ),
        ("dee", "session fork", "sessions fork, messages mf", ""),
        ("bo", "worktree w1", W1_GONE, FORK_FREE),
        ("dee", "worktree w1", W1_GONE, FORK_FREE),
        (
            "dee",
            "board b",
            "boards b",
            "worktrees w1.board_id, worktrees w2.board_id, sessions s1.board_id, sessions s2.board_id",
        ),
        (
            "dee",
            "repo r",
            "repos r, worktrees w1, worktrees w2, worktree_owners w1/bo, worktree_owners w2/cy, sessions s1, \
             sessions s2, sessions fork, sessions twin, tasks t1, tasks t2, messages m1, messages m2, messages n1, \
             messages n2, messages mf",
            "",
        ),
        ("system", "worktree w1", W1_GONE, FORK_FREE),
        ("ada", "user vi", "users vi", ""),
    ] {
        let store = store();
        let (before, seq) = (rows(&store), last_seq(&store));
        let actor = if who == "system" { system() } else { Actor::user(who) };
        delete(&store, &actor, what).unwrap_or_else(|error| panic!("{who} deletes {what}: {error:?}"));
        let (mut found, mut changed) = difference(&before, &rows(&store));
        found.sort();
        changed.sort();
        assert_eq!(found, words(gone), "{who} deletes {what}");
        assert_eq!(changed, words(nulled), "{who} deletes {what}");
        let audit = audit_after(&store, seq);
        let (resource, id) = what.split_once(' ').unwrap();
        assert_eq!(audit.len(), 1, "{who} deletes {what}: {audit:?}");
        assert_eq!((audit[0].resource.as_str(), audit[0].operation.as_str()), (resource, "remove"));
        assert_eq!((audit[0].record.as_str(), audit[0].verdict.as_str()), (id, "allowed"));
        assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM acl_audit WHERE resource = 'audit'"), 0);
    }
}

/// With stricter rules for a child its parent's deletion is refused where the child's would be.
#[test]
fn a_parent_is_deleted_only_by_whoever_may_delete_each_child() {
    // `dee` holds `all` and owns nothing.
    for (rule, what, refused) in [
        ("task", "session s1", true),
        ("task", "worktree w1", true),
        ("task", "repo r", true),
        ("task", "session fork", false), // holds no task
        ("task", "message m1", false),
        ("message", "session s1", true),
        ("message", "session fork", true),
        ("message", "session twin", false), // is empty
        ("message", "worktree w1", true),
        ("message", "repo r", true),
        ("message", "task t1", false), // its messages stay
        ("session", "session s1", true),
        ("session", "worktree w1", true),
        ("session", "repo r", true),
        ("session", "board b", false),
        ("session", "task t1", false),
        ("worktree", "worktree w1", true),
        ("worktree", "repo r", true),
        ("worktree", "board b", false),
        ("worktree", "session s1", false),
        ("repo", "repo r", true),
        ("repo", "worktree w1", false),
    ] {
        let store = store();
        sql(
            &store,
            &format!(
                "UPDATE acl_rules SET needs = 'owner', needs_if_own = NULL WHERE resource = '{rule}' AND operation = 'remove'"
            ),
        );
        let (before, seq) = (rows(&store), last_seq(&store));
        let outcome = delete(&store, &Actor::user("dee"), what);
        let context = format!("{rule} needs owner, dee deletes {what}: {outcome:?}");
        assert_eq!(verdict(&outcome), if refused { "denied" } else { "ok" }, "{context}");
        let audit = audit_after(&store, seq);
        assert_eq!(audit.len(), 1, "{context}");
        assert_eq!(audit[0].verdict, if refused { "denied" } else { "allowed" }, "{context}");
        assert_eq!(audit[0].record, what.split_once(' ').unwrap().1, "{context}");
        if refused {
            assert_eq!(rows(&store), before, "{context}");
            assert_eq!(outcome.unwrap_err().http_status(), 403, "{context}");
            // Its owner may, where all of it is theirs.
            if what != "repo r" && what != "session fork" {
                delete(&store, &Actor::user("bo"), what).unwrap();
            }
        }
    }
}

/// "own" is looked at for each child's session, not for whoever created the parent.
#[test]
fn a_rule_for_ones_own_is_asked_of_each_childs_session() {
    for (who, session_by, allowed) in [("dee", "dee", true), ("dee", "bo", false)] {
        let store = world();
        worktree(&store, "w", "dee", Sharing::All);
        session(&store, "s", "w", session_by);
        task(&store, "t", "s", "dee");
        sql(
            &store,
            "UPDATE acl_rules SET needs = 'system', needs_if_own = 'all' WHERE resource = 'task' AND operation = 'remove'",
        );
        for what in ["session s", "worktree w", "repo r"] {
            let outcome = store.write(&Actor::user(who), |tx| {
                let done = match what {
                    "session s" => tx.sessions().remove("s"),
                    "worktree w" => tx.worktrees().remove("w"),
                    _ => tx.sql().execute("DELETE FROM repos WHERE repo_id = 'r'", []).map(drop_count),
                };
                // Only a question: nothing of it shall remain.
                done.and_then(|()| tx.sql().execute("SELECT no_such_function()", []).map(drop_count))
            });
            assert_eq!(
                verdict(&outcome),
                if allowed { "invalid" } else { "denied" },
                "{who} deletes {what}: {outcome:?}"
            );
        }
    }
}

/// A repo is deleted by whoever holds `all` on every worktree in it, hidden ones included.
#[test]
fn a_repo_with_one_foreign_worktree_stays() {
    for (others, visible) in [(Sharing::Prompt, true), (Sharing::None, false)] {
        let store = store();
        sql(&store, &format!("UPDATE worktrees SET others_can = '{others}' WHERE worktree_id = 'w2'"));
        let before = rows(&store);
        for who in ["bo", "dee", "ada"] {
            let outcome = delete(&store, &Actor::user(who), "repo r");
            assert_eq!(verdict(&outcome), "denied", "{who}");
            let told = outcome.unwrap_err().to_string();
            assert!(visible || !told.contains("w2"), "a hidden worktree is not named: {told}");
        }
        assert_eq!(rows(&store), before);
        assert_eq!(verdict(&delete(&store, &Actor::user("su"), "repo r")), "ok");
    }
}

/// Users take nothing with them but what they own and where they are members: the last owner stays.
#[test]
fn a_user_who_owns_nothing_alone_is_deleted_and_what_he_made_stays() {
    let store = store();
    for statement in [
        "INSERT INTO groups (group_id, name, slug, created_by, created_at) VALUES ('g', 'g', 'g', 'ada', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, added_by, created_at) VALUES ('g', 'bo', 'ada', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_by, created_at) VALUES ('w1', 'g', 'all', 'bo', acl_now())",
    ] {
        sql(&store, statement);
    }
    let before = rows(&store);
    assert_eq!(verdict(&delete(&store, &Actor::user("ada"), "user bo")), "conflict");
    assert_eq!(verdict(&delete(&store, &system(), "user bo")), "conflict");
    assert_eq!(verdict(&delete(&store, &Actor::user("dee"), "user bo")), "denied");
    assert_eq!(rows(&store), before);

    store.write(&system(), |tx| tx.worktrees().add_owner("w1", "dee")).unwrap();
    let (before, seq, epoch) = (rows(&store), last_seq(&store), ask::<i64>(&store, "SELECT epoch FROM acl_epoch"));
    delete(&store, &Actor::user("ada"), "user bo").unwrap();
    let (mut gone, changed) = difference(&before, &rows(&store));
    gone.sort();
    assert_eq!(gone, words("users bo, worktree_owners w1/bo, group_memberships g/bo"));
    assert_eq!(changed, Vec::<String>::new());
    assert_eq!(audit_after(&store, seq).len(), 1);
    let raised = || ask::<i64>(&store, "SELECT epoch FROM acl_epoch");
    assert_eq!(raised(), epoch + 1, "once, by the parent");

    // A group takes its grants.
    let (before, seq) = (rows(&store), last_seq(&store));
    delete(&store, &Actor::user("ada"), "group g").unwrap();
    assert_eq!(difference(&before, &rows(&store)), (words("groups g, worktree_group_grants w1/g"), vec![]));
    assert_eq!(raised(), epoch + 2);
    assert_eq!(audit_after(&store, seq).len(), 1);

    // A worktree takes its owners.
    delete(&store, &Actor::user("dee"), "worktree w1").unwrap();
    assert_eq!(raised(), epoch + 3);
}

/// What a cascade may do, nobody may do by hand: set a reference to NULL without the right, or change
/// something else in the same statement.
#[test]
fn nothing_passes_for_a_cascade_by_looking_like_one() {
    let store = store();
    sql(&store, "UPDATE worktrees SET others_can = 'view'");
    let (before, dee) = (rows(&store), Actor::user("dee"));
    for statement in [
        "UPDATE messages SET task_id = NULL WHERE message_id = 'm1'",
        "UPDATE sessions SET forked_from_session_id = NULL WHERE session_id = 'fork'",
        "UPDATE sessions SET parent_session_id = NULL, forked_from_session_id = NULL WHERE session_id = 'fork'",
        "UPDATE sessions SET board_id = NULL",
        "UPDATE worktrees SET board_id = NULL",
    ] {
        let outcome = store.write(&dee, |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&outcome), "denied", "{statement}");
    }
    // In the same transaction as a deletion that was allowed.
    let outcome = store.write(&dee, |tx| {
        tx.sql().execute("DELETE FROM boards WHERE board_id = 'b'", [])?;
        for statement in [
            "UPDATE sessions SET parent_session_id = NULL WHERE session_id = 'fork'",
            "UPDATE messages SET task_id = NULL WHERE message_id = 'm1'",
            "DELETE FROM messages WHERE message_id = 'm1'",
        ] {
            assert_eq!(verdict(&tx.sql().execute(statement, [])), "denied", "{statement}");
        }
        tx.tasks().remove("t1")
    });
    assert_eq!(verdict(&outcome), "denied");
    assert_eq!(rows(&store), before);
}

/// A deletion in a transaction that fails later is undone with its cascade, and its audit row vanishes.
#[test]
fn a_cascade_is_undone_whole() {
    let store = store();
    let (before, seq) = (rows(&store), last_seq(&store));
    let outcome = store.write(&Actor::user("bo"), |tx| {
        tx.worktrees().remove("w1")?;
        tx.worktrees().remove("w-none")
    });
    assert_eq!(verdict(&outcome), "not_found");
    assert_eq!(rows(&store), before);
    let audit = audit_after(&store, seq);
    assert_eq!(audit.iter().map(|row| row.verdict.as_str()).collect::<Vec<_>>(), ["missing"]);
}

/// Every row in one statement: each is the cascade of another's deletion or its own, and none is judged by less.
#[test]
fn deleting_many_parents_at_once_asks_for_each() {
    let store = store();
    sql(&store, "UPDATE worktrees SET others_can = 'view' WHERE worktree_id = 'w2'");
    let before = rows(&store);
    for statement in [
        "DELETE FROM worktrees",
        "DELETE FROM sessions",
        "DELETE FROM sessions WHERE session_id IN ('s1', 'fork')",
        "DELETE FROM sessions WHERE session_id IN ('fork', 's1') RETURNING session_id",
        "DELETE FROM tasks",
    ] {
        let outcome = store.write(&Actor::user("bo"), |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&outcome), "denied", "{statement}");
        assert_eq!(rows(&store), before, "{statement}");
    }
    let seq = last_seq(&store);
    let count = store.write(&Actor::user("su"), |tx| tx.sql().execute("DELETE FROM sessions", [])).unwrap();
    assert_eq!(count, 4);
    assert_eq!(audit_after(&store, seq).len(), 4);
    assert_eq!(ask::<i64>(&store, "SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM messages)"), 0);
}

/// Orphans, as a program leaves them that wrote with foreign keys off: their parents' absence must
/// not make anybody's statement pass for the cascade that should have taken them.
#[test]
fn an_orphan_is_nobodys_to_delete_or_to_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = support::world_at(&path);
    for (n, owner) in [("1", "bo"), ("2", "cy")] {
        worktree(&store, &format!("w{n}"), owner, Sharing::View);
        session(&store, &format!("s{n}"), &format!("w{n}"), owner);
        task(&store, &format!("t{n}"), &format!("s{n}"), owner);
        message(&store, &format!("m{n}"), &format!("s{n}"), Some(&format!("t{n}")));
    }
    let fork = NewSession::new("w2", AgenticTool::Codex).id("fork").created_by("cy");
    let fork = fork.forked_from_session_id(SessionId::from("s1"));
    store.write(&system(), |tx| tx.sessions().create(fork)).unwrap();
    drop(store);
    Store::detach(&path).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; DELETE FROM sessions WHERE session_id = 's1'; DELETE FROM tasks WHERE task_id = 't2'",
    )
    .unwrap();
    drop(conn);
    let report = aclite::Adoption::new().run(&path).unwrap();
    assert_eq!(report.orphans.len(), 4, "{report:?}");

    let store = Store::open(&path).unwrap();
    let before = rows(&store);
    // Without its session nobody can tell whose it is: it is there for no user, and to the daemon it is damage.
    for (actor, expected) in [
        (Actor::user("bo"), "hidden"),
        (Actor::user("dee"), "hidden"),
        (Actor::user("su"), "hidden"),
        (system(), "storage"),
    ] {
        for statement in [
            "DELETE FROM tasks WHERE task_id = 't1'",
            "DELETE FROM messages WHERE message_id = 'm1'",
            "UPDATE messages SET task_id = NULL WHERE message_id = 'm1'",
            "UPDATE tasks SET data = '{}' WHERE task_id = 't1'",
        ] {
            let outcome = store.write(&actor, |tx| tx.sql().execute(statement, []));
            assert_eq!(verdict(&outcome), expected, "{actor:?}: {statement}: {outcome:?}");
        }
    }
    // A reference to what is not there is a field like any other.
    for statement in [
        "UPDATE sessions SET forked_from_session_id = NULL WHERE session_id = 'fork'",
        "UPDATE messages SET task_id = NULL WHERE message_id = 'm2'",
    ] {
        let outcome = store.write(&Actor::user("dee"), |tx| tx.sql().execute(statement, []));
        assert_eq!(verdict(&outcome), "denied", "{statement}: {outcome:?}");
        assert_eq!(rows(&store), before);
    }
    let seq = last_seq(&store);
    for statement in [
        "UPDATE sessions SET forked_from_session_id = NULL WHERE session_id = 'fork'",
        "UPDATE messages SET task_id = NULL WHERE message_id = 'm2'",
    ] {
        store.write(&Actor::user("cy"), |tx| tx.sql().execute(statement, [])).unwrap();
    }
    assert_eq!(audit_after(&store, seq).len(), 2, "whoever may do it does it on the record");
    // Nor does a new parent of the old id take them over: whoever makes it would own what was somebody else's.
    for actor in [Actor::user("cy"), system()] {
        let heir = NewSession::new("w2", AgenticTool::Codex).id("s1").created_by("cy");
        let outcome = store.write(&actor, |tx| tx.sessions().create(heir));
        assert_eq!(verdict(&outcome), "conflict", "{outcome:?}");
    }
}
