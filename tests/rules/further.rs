//! A daemon's further tables are guarded as its sessions and tasks are.

use std::path::Path;

use aclite::{Action, Actor, Adoption, Level, Need, Sharing, Store, TableGuard, Tx};
use rusqlite::Connection;

use crate::support::{
    self, add_user, ask, attempt, audit_after, last_seq, session, sql, system, verdict, worktree, world_at,
};

/// Servers of sessions (no key of their own), notes on worktrees (a number as key), comments on sessions that may
/// name a task, in a file where bo owns `w` with his session `s` and cy's `of-cy`, and others hold what is said.
fn office(path: &Path, others: Sharing) -> Store {
    let store = world_at(path);
    add_user(&store, "eve", "member");
    worktree(&store, "w", "bo", others);
    session(&store, "s", "w", "bo");
    session(&store, "of-cy", "w", "cy");
    support::task(&store, "t", "s", "bo");
    Connection::open(path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE servers (session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
               server text NOT NULL, enabled integer NOT NULL DEFAULT 1);
             CREATE TABLE notes (note_id integer PRIMARY KEY, worktree_id text REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
               body text);
             CREATE TABLE comments (comment_id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE,
               task_id text REFERENCES tasks (task_id) ON DELETE SET NULL, body text, created_by text)",
        )
        .unwrap();
    let (prompt, own) = (Need::Level(Level::Prompt), Some(Need::Level(Level::Session)));
    let of_session = || TableGuard::of_session("session_id");
    for (table, guard) in [
        ("servers", of_session().rule(Action::Create, prompt, own).rule(Action::Remove, prompt, own)),
        ("notes", TableGuard::of_worktree("worktree_id")),
        ("comments", of_session().rule(Action::Create, Need::Level(Level::View), None)),
    ] {
        store.guard_table(&Actor::system("set-up"), table, guard).unwrap();
    }
    store
}

fn fill(store: &Store) {
    for statement in [
        "INSERT INTO servers (session_id, server) VALUES ('s', 'git'), ('of-cy', 'git')",
        "INSERT INTO notes (worktree_id, body) VALUES ('w', 'careful')",
        "INSERT INTO comments (comment_id, session_id, task_id, body, created_by) VALUES ('c', 's', 't', 'nice', 'cy')",
    ] {
        sql(store, statement);
    }
}

type Work = fn(&Tx<'_>) -> aclite::Result<usize>;

#[test]
fn the_grid_of_a_further_table() {
    // `servers` needs prompt, or session if own; changing one needs all; `notes` needs all; a comment may be made by
    // whoever may view, and the rest needs all.
    let rows: [(&str, Work); 9] = [
        ("create in another's session", |tx| {
            tx.sql().execute("INSERT INTO servers (session_id, server) VALUES ('s', 'x')", [])
        }),
        ("create in cy's own session ", |tx| {
            tx.sql().execute("INSERT INTO servers (session_id, server) VALUES ('of-cy', 'x')", [])
        }),
        ("change                     ", |tx| {
            tx.sql().execute("UPDATE servers SET enabled = 0 WHERE session_id = 's'", [])
        }),
        ("remove of another's        ", |tx| tx.sql().execute("DELETE FROM servers WHERE session_id = 's'", [])),
        ("remove of cy's own         ", |tx| tx.sql().execute("DELETE FROM servers WHERE session_id = 'of-cy'", [])),
        ("create a note              ", |tx| tx.sql().execute("INSERT INTO notes (worktree_id) VALUES ('w')", [])),
        ("change a note              ", |tx| tx.sql().execute("UPDATE notes SET body = 'x'", [])),
        ("comment                    ", |tx| {
            tx.sql().execute("INSERT INTO comments (comment_id, session_id) VALUES ('n', 's')", [])
        }),
        ("remove a comment           ", |tx| tx.sql().execute("DELETE FROM comments", [])),
    ];
    let table = "
                                none   view   session prompt all
create in another's session     hidden denied denied  ok     ok
create in cy's own session      hidden denied ok      ok     ok
change                          hidden denied denied  denied ok
remove of another's             hidden denied denied  ok     ok
remove of cy's own              hidden denied ok      ok     ok
create a note                   hidden denied denied  denied ok
change a note                   hidden denied denied  denied ok
comment                         hidden ok     ok      ok     ok
remove a comment                hidden denied denied  denied ok
";
    let mut shown = String::from("\n                                none   view   session prompt all\n");
    let mut cells = vec![Vec::new(); rows.len()];
    for others in [Sharing::None, Sharing::View, Sharing::Session, Sharing::Prompt, Sharing::All] {
        let dir = tempfile::tempdir().unwrap();
        let store = office(&dir.path().join("file"), others);
        fill(&store);
        for (cells, (_, work)) in cells.iter_mut().zip(&rows) {
            cells.push(verdict(&attempt(&store, &Actor::user("cy"), work)));
            assert_eq!(verdict(&attempt(&store, &Actor::user("bo"), work)), "ok", "its owner");
            assert_eq!(verdict(&attempt(&store, &system(), work)), "ok", "the daemon");
            assert_eq!(verdict(&attempt(&store, &Actor::Anonymous, work)), "not_authenticated");
            assert_eq!(
                verdict(&attempt(&store, &Actor::executor("bo", "s", "t"), work)),
                "denied",
                "its task is all it has"
            );
        }
    }
    for ((what, _), cells) in rows.iter().zip(cells) {
        let line = format!("{what:<32}{:<7}{:<7}{:<8}{:<7}{}", cells[0], cells[1], cells[2], cells[3], cells[4]);
        shown.push_str(line.trim_end());
        shown.push('\n');
    }
    assert_eq!(shown, table);
}

#[test]
fn authority_is_the_stored_parent_and_keys_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = office(&dir.path().join("file"), Sharing::All);
    fill(&store);
    worktree(&store, "far", "dee", Sharing::None);
    session(&store, "fs", "far", "dee");
    let bo = Actor::user("bo");
    for (statement, expected) in [
        ("UPDATE servers SET session_id = 'fs'", "immutable"),
        ("UPDATE servers SET session_id = session_id", "ok"),
        ("UPDATE comments SET created_by = 'bo'", "immutable"),
        ("UPDATE comments SET comment_id = 'd'", "immutable"),
        ("UPDATE notes SET rowid = 9", "immutable"),
        ("UPDATE comments SET body = 5.5", "ok"),
        ("UPDATE comments SET body = x'00'", "invalid"),
        ("INSERT INTO servers (session_id, server) VALUES ('fs', 'x')", "hidden"),
        ("INSERT INTO servers (session_id, server) VALUES ('nothing', 'x')", "not_found"),
        ("INSERT INTO notes (body) VALUES ('of nowhere')", "not_found"),
        ("INSERT OR REPLACE INTO comments (comment_id, session_id) VALUES ('c', 's')", "conflict"),
        ("UPDATE comments SET task_id = NULL", "ok"),
    ] {
        assert_eq!(verdict(&attempt(&store, &bo, |tx| tx.sql().execute(statement, []))), expected, "{statement}");
    }
}

type Removal = fn(&Tx<'_>) -> aclite::Result<()>;

#[test]
fn a_removed_parent_takes_its_rows_along_where_they_may_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = office(&dir.path().join("file"), Sharing::All);
    fill(&store);
    let cy = Actor::user("cy");
    // Who removes the task frees the comment, which nobody is asked for.
    let seq = last_seq(&store);
    store.write(&cy, |tx| tx.tasks().remove("t")).unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM comments WHERE task_id IS NULL"), 1);
    assert_eq!(audit_after(&store, seq).len(), 1, "a cascade has no row of its own");
    // A rule of the table's own keeps it, and with it session, worktree and repo.
    sql(&store, "UPDATE acl_rules SET needs = 'owner' WHERE resource = 'comments' AND operation = 'remove'");
    let removals: [(&str, Removal); 3] = [
        ("session", |tx| tx.sessions().remove("s")),
        ("worktree", |tx| tx.worktrees().remove("w")),
        ("repo", |tx| tx.repos().remove("r")),
    ];
    for (what, remove) in removals {
        assert_eq!(verdict(&attempt(&store, &cy, remove)), "denied", "{what}");
        assert_eq!(verdict(&attempt(&store, &Actor::user("bo"), remove)), "ok", "{what}");
    }
    // What has no such rows goes all the same.
    store.write(&cy, |tx| tx.sessions().remove("of-cy")).unwrap();
    store.write(&Actor::user("bo"), |tx| tx.worktrees().remove("w")).unwrap();
    let left = "SELECT (SELECT count(*) FROM servers) + (SELECT count(*) FROM notes) + (SELECT count(*) FROM comments)";
    assert_eq!(ask::<i64>(&store, left), 0);
}

#[test]
fn each_write_is_audited_and_a_plain_connection_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = office(&path, Sharing::View);
    let seq = last_seq(&store);
    fill(&store);
    let refused = store.write(&Actor::user("eve"), |tx| tx.sql().execute("DELETE FROM comments", []));
    assert_eq!(verdict(&refused), "denied");
    let rows: Vec<_> = audit_after(&store, seq)
        .into_iter()
        .map(|row| format!("{} {} {} {}", row.operation, row.resource, row.record, row.verdict))
        .collect();
    assert_eq!(
        rows,
        [
            "create row servers/s allowed",
            "create row servers/of-cy allowed",
            "create row notes/w allowed",
            "create row comments/c allowed",
            "remove row comments/c denied",
        ]
    );
    let plain = Connection::open(&path).unwrap();
    for table in ["servers", "notes", "comments", "acl_tables"] {
        for statement in [
            format!("INSERT INTO {table} SELECT * FROM {table} WHERE true"),
            format!("UPDATE {table} SET rowid = rowid"),
            format!("DELETE FROM {table}"),
        ] {
            let error = plain.execute(&statement, []).unwrap_err().to_string();
            assert!(error.contains("no such function: acl_"), "{statement}: {error}");
        }
        plain.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
    }
}

#[test]
fn guarding_is_the_daemons_and_survives_opening_detaching_and_repair() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = office(&path, Sharing::View);
    let notes = || TableGuard::of_worktree("worktree_id");
    for actor in [Actor::user("su"), Actor::user("ada"), Actor::executor("bo", "s", "t")] {
        assert_eq!(verdict(&store.guard_table(&actor, "notes", notes())), "denied");
    }
    // Again is nothing; by another column is a mistake.
    let seq = last_seq(&store);
    store.guard_table(&system(), "notes", notes()).unwrap();
    assert_eq!(last_seq(&store), seq);
    let other = store.guard_table(&system(), "notes", TableGuard::of_session("session_id"));
    assert_eq!(other.unwrap_err().to_string(), "`table` is guarded by its column `worktree_id` already");
    // What can't be guarded soundly is refused with the reason, and nothing has changed.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE loose (id text PRIMARY KEY, session_id text);
             CREATE TABLE kept (id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE SET NULL);
             CREATE TABLE session (id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE);
             CREATE TABLE \"order\" (id text PRIMARY KEY, session_id text REFERENCES sessions (session_id) ON DELETE CASCADE);
             CREATE TABLE forgiving (id text PRIMARY KEY ON CONFLICT REPLACE,
               session_id text REFERENCES sessions (session_id) ON DELETE CASCADE)",
        )
        .unwrap();
    for (table, column, problem) in [
        ("nothing", "session_id", "there is no table `nothing`"),
        ("loose", "session_id", "column `loose.session_id` does not reference `sessions` with ON DELETE CASCADE"),
        ("kept", "session_id", "column `kept.session_id` does not reference `sessions` with ON DELETE CASCADE"),
        ("loose", "other", "there is no column `loose.other`"),
        ("forgiving", "session_id", "`ON CONFLICT` clause"),
        ("tasks", "session_id", "is guarded already"),
        // Its rules would be those of sessions.
        ("session", "session_id", "has a name that guards can't carry"),
    ] {
        let error = store.guard_table(&system(), table, TableGuard::of_session(column)).unwrap_err().to_string();
        assert!(error.contains(problem), "{table}.{column}: {error}");
        assert!(store.check().unwrap().is_clean());
    }
    // A name that is a word of SQL is a name like any other.
    store.guard_table(&system(), "order", TableGuard::of_session("session_id")).unwrap();
    sql(&store, "INSERT INTO \"order\" VALUES ('o', 's')");
    let refused = store.write(&Actor::user("cy"), |tx| tx.sql().execute("DELETE FROM \"order\"", []));
    assert_eq!(verdict(&refused), "denied");
    store.write(&Actor::user("bo"), |tx| tx.sessions().remove("s")).unwrap();
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM \"order\""), 0);
    drop(store);
    // A dropped guard is tampering like any other.
    Connection::open(&path).unwrap().execute_batch("DROP TRIGGER acl_notes_before_delete").unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("trigger `acl_notes_before_delete`"), "{error}");
    drop(aclite::OpenOptions::new().repair(true).open(&path).unwrap());
    // A migration takes all guards out, and adoption puts all of them in again.
    Store::detach(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("ALTER TABLE notes ADD COLUMN colour text").unwrap();
    Adoption::new().run(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let refused =
        store.write(&Actor::user("cy"), |tx| tx.sql().execute("INSERT INTO notes (worktree_id) VALUES ('w')", []));
    assert_eq!(verdict(&refused), "denied");
    drop(store);
    Connection::open(&path).unwrap().execute_batch("PRAGMA foreign_keys = 0; DROP TABLE notes").unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.contains("table `notes`"), "{error}");
}

/// A list of such a table joins the view that everything else asks.
#[test]
fn a_list_joins_what_the_actor_holds() {
    let dir = tempfile::tempdir().unwrap();
    let store = office(&dir.path().join("file"), Sharing::View);
    fill(&store);
    worktree(&store, "far", "dee", Sharing::None);
    sql(&store, "INSERT INTO notes (worktree_id, body) VALUES ('far', 'secret')");
    let list = "SELECT n.body FROM notes AS n JOIN acl_access AS a ON a.worktree_id = n.worktree_id
                WHERE a.user_id = acl_actor() AND a.rank >= 1 ORDER BY 1";
    for (user, seen) in [("cy", &["careful"][..]), ("dee", &["careful", "secret"]), ("nobody", &[])] {
        let bodies = store.write(&Actor::user(user), |tx| tx.sql().query(list, [], |row| row.get::<_, String>(0)));
        assert_eq!(bodies.unwrap(), seen, "{user}");
    }
}

/// A table without a rowid may have keys beside its primary one: each is another row's or free.
#[test]
fn a_table_without_rowid_keeps_its_other_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = office(&path, Sharing::View);
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE ports (name text, session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
               number integer UNIQUE, label text, PRIMARY KEY (session_id, name)) WITHOUT ROWID",
        )
        .unwrap();
    store.guard_table(&Actor::system("set-up"), "ports", TableGuard::of_session("session_id")).unwrap();
    sql(&store, "INSERT INTO ports VALUES ('web', 's', 80, NULL), ('tls', 's', 443, NULL)");
    for (write, outcome) in [
        ("UPDATE ports SET label = 'x' WHERE name = 'web'", "ok"),
        ("UPDATE ports SET number = 8080 WHERE name = 'web'", "ok"),
        ("UPDATE ports SET number = 443 WHERE name = 'web'", "conflict"),
        ("UPDATE OR REPLACE ports SET number = 443 WHERE name = 'web'", "conflict"),
        ("INSERT OR REPLACE INTO ports VALUES ('more', 's', 443, NULL)", "conflict"),
    ] {
        assert_eq!(verdict(&store.write(&system(), |tx| tx.sql().execute(write, []))), outcome, "{write}");
    }
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM ports"), 2);
}
