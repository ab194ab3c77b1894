//! A list keeps its filters, order, limit and cursor; a daemon that starts again finds what is under way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what a helper can't do is a failed test")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fmt::Debug;

use aclite::{
    Actor, AgenticTool, Cursor, Message, MessageQuery, MessageRole, MessageType, NewMessage, NewSession, NewTask,
    NewWorktree, Order, Page, ReadTx, Result, Session, SessionQuery, SessionStatus, Sharing, Store, Task, TaskQuery,
    TaskStatus, Time, Worktree, WorktreeQuery,
};
use support::file::past_guards;
use support::{ask, session, sql, system, task, verdict, worktree, world, world_at};

fn bo() -> Actor {
    Actor::user("bo")
}

/// `bo`'s worktree `w`, which others may not see, with the session `s`.
fn desk() -> Store {
    let store = world();
    worktree(&store, "w", "bo", Sharing::None);
    session(&store, "s", "w", "bo");
    store
}

/// Makes the tasks `t-0001` to `t-COUNT` in `session`. Their times are no order of their ids, and
/// several have the same.
fn tasks(store: &Store, session: &str, count: usize, status: &str) {
    sql(
        store,
        &format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
             SELECT printf('t-%04d', i), '{session}', acl_now() - (i * 7 % 11) * 1000, 'bo', '{status}', '{{}}' FROM n"
        ),
    );
}

fn find_tasks(store: &Store, actor: &Actor, query: &TaskQuery) -> Page<Task> {
    store.read(actor, |tx| tx.tasks().find(query)).unwrap()
}

fn ids(page: &Page<Task>) -> Vec<&str> {
    page.items.iter().map(|task| task.task_id.as_str()).collect()
}

// ---- pages --------------------------------------------------------------------------------------

#[test]
fn a_page_holds_a_hundred_where_nothing_is_said_and_a_thousand_at_most() {
    let store = desk();
    tasks(&store, "s", 1001, "created");
    for (limit, expected) in [(None, 100), (Some(1), 1), (Some(1000), 1000)] {
        let query = limit.map_or_else(TaskQuery::new, |limit| TaskQuery::new().limit(limit));
        let page = find_tasks(&store, &bo(), &query);
        assert_eq!((page.items.len(), page.next.is_some()), (expected, true), "{limit:?}");
    }
    for limit in [0, 1001, u32::MAX] {
        let told = |outcome: Result<usize>| outcome.unwrap_err().to_string();
        let count = |items: usize| items;
        for told in [
            told(store.read(&bo(), |tx| Ok(count(tx.tasks().find(&TaskQuery::new().limit(limit))?.items.len())))),
            told(store.read(&bo(), |tx| Ok(count(tx.messages().find(&MessageQuery::new().limit(limit))?.items.len())))),
            told(store.read(&bo(), |tx| Ok(count(tx.sessions().find(&SessionQuery::new().limit(limit))?.items.len())))),
            told(
                store.read(&bo(), |tx| Ok(count(tx.worktrees().find(&WorktreeQuery::new().limit(limit))?.items.len()))),
            ),
        ] {
            assert_eq!(told, "`limit` must be 1 to 1000");
        }
    }
}

/// Walks a list page by page, the cursor as text between them, and returns what the pages held.
#[track_caller]
fn walk<T: Debug>(
    store: &Store,
    find: impl Fn(&ReadTx<'_>, Option<Cursor>) -> Result<Page<T>>,
    key: impl Fn(&T) -> (i64, String),
) -> Vec<(i64, String)> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.read(&bo(), |tx| find(tx, cursor.take())).unwrap();
        assert!(page.items.len() <= 3 && page.unreadable.is_empty(), "{page:?}");
        assert!(page.next.is_none() || page.items.len() == 3, "a page that another follows is full: {page:?}");
        seen.extend(page.items.iter().map(&key));
        match page.next {
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return seen,
        }
    }
}

/// Every record once and in order, from either end, also where the last page is full.
#[test]
fn pages_together_are_the_list() {
    for count in [2, 3, 4, 6, 7] {
        let store = desk();
        tasks(&store, "s", count, "created");
        for at in 0..count {
            let id = format!("x-{at}");
            session(&store, &id, "w", "bo");
            worktree(&store, &id, "bo", Sharing::None);
            let said =
                NewMessage::new("s", MessageType::User, MessageRole::User, "x").id(id).index((at as i64 * 5) % 3);
            store.write(&system(), |tx| tx.messages().create(said)).unwrap();
        }
        for order in [Order::Ascending, Order::Descending] {
            let time = |time: Time| time.as_millis();
            let walks = [
                walk(
                    &store,
                    |tx, after| {
                        tx.tasks()
                            .find(&after.into_iter().fold(TaskQuery::new().order(order).limit(3), TaskQuery::after))
                    },
                    |task: &Task| (time(task.created_at), task.task_id.to_string()),
                ),
                walk(
                    &store,
                    |tx, after| {
                        let query = SessionQuery::new().order(order).limit(3);
                        tx.sessions().find(&after.into_iter().fold(query, SessionQuery::after))
                    },
                    |session: &Session| (time(session.created_at), session.session_id.to_string()),
                ),
                walk(
                    &store,
                    |tx, after| {
                        let query = WorktreeQuery::new().order(order).limit(3);
                        tx.worktrees().find(&after.into_iter().fold(query, WorktreeQuery::after))
                    },
                    |worktree: &Worktree| (time(worktree.created_at), worktree.worktree_id.to_string()),
                ),
                walk(
                    &store,
                    |tx, after| {
                        let query = MessageQuery::new().order(order).limit(3);
                        tx.messages().find(&after.into_iter().fold(query, MessageQuery::after))
                    },
                    |message: &Message| (time(message.created_at), message.message_id.to_string()),
                ),
                // Of one session, in the order of their index.
                walk(
                    &store,
                    |tx, after| {
                        let query = MessageQuery::new().session("s").order(order).limit(3);
                        tx.messages().find(&after.into_iter().fold(query, MessageQuery::after))
                    },
                    |message: &Message| (message.index, message.message_id.to_string()),
                ),
            ];
            for (mut seen, whole) in walks.into_iter().zip([count, count + 1, count + 1, count, count]) {
                if order == Order::Descending {
                    seen.reverse();
                }
                assert_eq!(seen.len(), whole, "{seen:?}");
                assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "each once and in order: {seen:?}");
            }
        }
    }
}

/// A cursor is a place in the order, not a number of rows: what comes or goes elsewhere shifts nothing.
#[test]
fn a_cursor_holds_while_rows_come_and_go() {
    let store = desk();
    tasks(&store, "s", 9, "created");
    let all = find_tasks(&store, &bo(), &TaskQuery::new());
    let all: Vec<&str> = ids(&all);
    let first = find_tasks(&store, &bo(), &TaskQuery::new().limit(3));
    assert_eq!(ids(&first), all[..3]);
    // The record that the cursor names goes, and one before it; a new one comes at the end.
    for gone in [all[2], all[0]] {
        store.write(&system(), |tx| tx.tasks().remove(gone)).unwrap();
    }
    task(&store, "late", "s", "bo");
    let rest = find_tasks(&store, &bo(), &TaskQuery::new().after(first.next.clone().unwrap()));
    assert_eq!(ids(&rest), [&all[3..], &["late"][..]].concat());
    for text in ["", "x", "1", "x.t", "1e3.t", "9223372036854775808.t"] {
        assert_eq!(text.parse::<Cursor>().unwrap_err().to_string(), "`cursor` is not one that a page gave");
    }
    // An id may hold whatever text does.
    let odd: Cursor = "-3.a.b".parse().unwrap();
    assert_eq!(odd.to_string(), "-3.a.b");
}

/// What is hidden takes no place on a page, and its cursor names nothing that the reader may not see.
#[test]
fn hidden_records_take_no_place_on_a_page() {
    let store = desk();
    worktree(&store, "open", "bo", Sharing::View);
    session(&store, "o", "open", "bo");
    tasks(&store, "s", 12, "created");
    for id in ["o-1", "o-2", "o-3"] {
        task(&store, id, "o", "bo");
    }
    tasks_named(&store, "later", 12);
    let cy = Actor::user("cy");
    let page = find_tasks(&store, &cy, &TaskQuery::new().limit(2));
    assert_eq!(ids(&page), ["o-1", "o-2"]);
    let next = page.next.unwrap();
    assert!(next.to_string().ends_with(".o-2"), "{next}");
    let last = find_tasks(&store, &cy, &TaskQuery::new().limit(2).after(next));
    assert_eq!((ids(&last), &last.next), (vec!["o-3"], &None));
}

fn tasks_named(store: &Store, name: &str, count: usize) {
    for at in 0..count {
        task(store, &format!("{name}-{at}"), "s", "bo");
    }
}

/// Pages go on where they ended, whatever came and went between: nothing twice, nothing left out that was there.
#[test]
fn pages_stay_right_while_rows_come_and_go() {
    let store = desk();
    let create = |id: &str| store.write(&bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))).unwrap();
    for number in 0..9 {
        create(&format!("t-{number}"));
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = TaskQuery::new().session("s").limit(2);
        if let Some(cursor) = cursor {
            query = query.after(cursor);
        }
        let page = store.read(&bo(), |tx| tx.tasks().find(&query)).unwrap();
        seen.extend(page.items.into_iter().map(|task| task.task_id.to_string()));
        let Some(next) = page.next else { break };
        cursor = Some(next);
        // One goes that was seen, with it the page's last, and a new one comes.
        store.write(&bo(), |tx| tx.tasks().remove(seen.last().unwrap().as_str())).unwrap();
        create(&format!("new-{}", seen.len()));
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(once, seen);
    for number in 0..9 {
        assert!(seen.contains(&format!("t-{number}")), "{seen:?}");
    }
}

#[test]
fn lists_count_and_filter_by_time() {
    let store = desk();
    for id in ["t-1", "t-2", "t-3"] {
        store.write(&bo(), |tx| tx.tasks().create(NewTask::new("s").id(id))).unwrap();
    }
    let page = store.read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().session("s").limit(2).total(true))).unwrap();
    assert_eq!((page.items.len(), page.total), (2, Some(3)));
    let rest = store
        .read(&bo(), |tx| tx.tasks().find(&TaskQuery::new().after(page.next.clone().unwrap()).total(true)))
        .unwrap();
    assert_eq!(
        (rest.items.len(), rest.next, rest.total),
        (1, None, Some(3)),
        "a total is of the query, not of the page"
    );
    assert_eq!(
        store.read(&Actor::user("ada"), |tx| tx.tasks().find(&TaskQuery::new().total(true))).unwrap().total,
        Some(0)
    );
    let now = Time::now();
    let soon = Time::from_millis(now.as_millis() + 60_000);
    for (query, expected) in [
        (TaskQuery::new().created_before(soon), 3),
        (TaskQuery::new().created_from(soon), 0),
        (TaskQuery::new().created_from(Time::from_millis(0)).created_before(Time::from_millis(1)), 0),
    ] {
        assert_eq!(store.read(&bo(), |tx| tx.tasks().find(&query)).unwrap().items.len(), expected, "{query:?}");
    }
    let sessions = store.read(&bo(), |tx| tx.sessions().find(&SessionQuery::new().total(true))).unwrap();
    let worktrees = store.read(&bo(), |tx| tx.worktrees().find(&WorktreeQuery::new().total(true))).unwrap();
    assert_eq!((sessions.total, worktrees.total), (Some(1), Some(1)));
}

// ---- filters ------------------------------------------------------------------------------------

#[test]
fn messages_are_found_by_session_task_index_kind_role_and_status() {
    let store = desk();
    session(&store, "s2", "w", "bo");
    for (t, s) in [("t", "s"), ("u", "s"), ("t2", "s2")] {
        task(&store, t, s, "bo");
    }
    for (id, s, t, index, kind, role, status) in [
        ("a", "s", Some("t"), 3, "assistant", "assistant", None),
        ("b", "s", Some("t"), 1, "user", "user", None),
        ("c", "s", Some("u"), 2, "assistant", "assistant", None),
        ("d", "s", None, 9, "system", "system", None),
        ("e", "s", None, 10, "user", "user", Some("queued")),
        ("f", "s2", Some("t2"), 2, "user", "user", Some("queued")),
    ] {
        let new = NewMessage::new(s, kind.into(), role.into(), "x")
            .id(id)
            .index(index)
            .set("task_id", t)
            .set("status", status);
        store.write(&system(), |tx| tx.messages().create(new)).unwrap();
    }
    let of = || MessageQuery::new().session("s");
    #[rustfmt::skip]
    let queries = [
        (of(),                                                         "b c a d e"),
        (of().order(Order::Descending),                                "e d a c b"),
        (of().task("t"),                                               "b a"),
        (MessageQuery::new().task("t"),                                "a b"), // in the order of their creation
        (MessageQuery::new().task("t2"),                               "f"),
        (of().task("t2"),                                              ""),
        (of().index(2..=9),                                            "c a d"),
        (of().index(2..=2),                                            "c"),
        (of().index(4..=8),                                            ""),
        (MessageQuery::new().index(2..=2),                             "c f"),
        (of().kind([MessageType::User, MessageType::System]),          "b d e"),
        (of().kind([]),                                                ""),
        (of().role([MessageRole::Assistant]),                          "c a"),
        (of().status("queued"),                                        "e"),
        (MessageQuery::new().status("queued"),                         "e f"),
        (of().task("t").role([MessageRole::User]).index(0..=5),        "b"),
        (MessageQuery::new().session("none"),                          ""),
    ];
    for (query, expected) in queries {
        let page = store.read(&bo(), |tx| tx.messages().find(&query)).unwrap();
        let found: Vec<&str> = page.items.iter().map(|message| message.message_id.as_str()).collect();
        assert_eq!(found.join(" "), expected, "{query:?}");
        let hidden = store.read(&Actor::user("cy"), |tx| tx.messages().find(&query)).unwrap();
        assert_eq!((hidden.items.len(), hidden.next), (0, None), "{query:?}");
    }
}

#[test]
fn the_other_records_are_found_by_these() {
    let store = world();
    sql(&store, "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r2', acl_now(), 'r2', '{}')");
    for (id, repo, owner) in [("w", "r", "bo"), ("v", "r2", "bo"), ("x", "r2", "cy")] {
        let new = NewWorktree::new(repo).name(id).git_ref("main").id(id).created_by(owner).others_can(Sharing::All);
        store.write(&system(), |tx| tx.worktrees().create(new.archived(id == "v"))).unwrap();
    }
    for (id, w, creator, status, archived) in
        [("a", "w", "bo", "idle", false), ("b", "w", "cy", "running", false), ("c", "v", "bo", "failed", true)]
    {
        let new = NewSession::new(w, AgenticTool::Codex).id(id).created_by(creator).status(status).archived(archived);
        store.write(&system(), |tx| tx.sessions().create(new)).unwrap();
    }
    for (id, s, creator, status) in [
        ("1", "a", "bo", "created"),
        ("2", "a", "cy", "running"),
        ("3", "b", "cy", "completed"),
        ("4", "c", "bo", "odd"),
    ] {
        let new = NewTask::new(s).id(id).created_by(creator).status(status);
        store.write(&system(), |tx| tx.tasks().create(new)).unwrap();
    }
    let running = || [TaskStatus::Running, TaskStatus::Completed];
    for (query, expected) in [
        (TaskQuery::new(), "1 2 3 4"),
        (TaskQuery::new().session("a"), "1 2"),
        (TaskQuery::new().status(running()), "2 3"),
        (TaskQuery::new().status(["odd".into()]), "4"),
        (TaskQuery::new().status([]), ""),
        (TaskQuery::new().created_by("cy"), "2 3"),
        (TaskQuery::new().session("a").status(running()).created_by("cy"), "2"),
    ] {
        assert_eq!(ids(&find_tasks(&store, &bo(), &query)).join(" "), expected, "{query:?}");
    }
    for (query, expected) in [
        (SessionQuery::new(), "a b c"),
        (SessionQuery::new().worktree("w"), "a b"),
        (SessionQuery::new().status([SessionStatus::Idle, SessionStatus::Failed]), "a c"),
        (SessionQuery::new().created_by("bo"), "a c"),
        (SessionQuery::new().archived(true), "c"),
        (SessionQuery::new().archived(false).worktree("w").created_by("cy"), "b"),
    ] {
        let page = store.read(&bo(), |tx| tx.sessions().find(&query)).unwrap();
        let found: Vec<&str> = page.items.iter().map(|session| session.session_id.as_str()).collect();
        assert_eq!(found.join(" "), expected, "{query:?}");
    }
    for (query, expected) in [
        (WorktreeQuery::new(), "w v x"),
        (WorktreeQuery::new().repo("r2"), "v x"),
        (WorktreeQuery::new().created_by("bo"), "w v"),
        (WorktreeQuery::new().archived(true), "v"),
        (WorktreeQuery::new().archived(false).repo("r2"), "x"),
    ] {
        let page = store.read(&bo(), |tx| tx.worktrees().find(&query)).unwrap();
        let found: BTreeSet<&str> = page.items.iter().map(|worktree| worktree.worktree_id.as_str()).collect();
        assert_eq!(found, expected.split_whitespace().collect(), "{query:?}");
    }
}

// ---- what is under way --------------------------------------------------------------------------

#[test]
fn what_is_under_way_is_told_to_whoever_may_look() {
    let store = desk();
    for status in ["created", "running", "stopping", "awaiting_permission", "completed", "failed", "stopped", "odd"] {
        task(&store, status, "s", "bo");
        let ended = if TaskStatus::from(status).is_final() { ", completed_at = 5" } else { "" };
        sql(&store, &format!("UPDATE tasks SET status = '{status}'{ended} WHERE task_id = '{status}'"));
    }
    let running = |actor: &Actor| -> BTreeSet<String> {
        let page = store.read(actor, |tx| tx.tasks().running()).unwrap();
        page.items.iter().map(|task| task.task_id.to_string()).collect()
    };
    let all = ["awaiting_permission", "running", "stopping"].map(str::to_owned).into();
    for (actor, expected) in [
        (bo(), &all),
        (system(), &all),
        (Actor::executor("bo", "s", "running"), &all),
        (Actor::user("cy"), &BTreeSet::new()),
        (Actor::Anonymous, &BTreeSet::new()),
    ] {
        assert_eq!(&running(&actor), expected, "{actor:?}");
    }
}

/// More than one page of them, each closed once; whoever is no daemon closes none, on the record.
#[test]
fn a_daemon_that_starts_again_stops_every_task_under_way() {
    let store = desk();
    session(&store, "s2", "w", "bo");
    tasks(&store, "s", 1203, "running");
    sql(&store, "UPDATE tasks SET status = 'completed', completed_at = 5 WHERE task_id <= 't-0003'");
    sql(&store, "UPDATE sessions SET status = 'running', ready_for_prompt = 0");
    for (actor, expected) in [
        (bo(), "denied"),
        (Actor::user("su"), "denied"),
        (Actor::executor("bo", "s", "t-0009"), "denied"),
        (Actor::Anonymous, "not_authenticated"),
    ] {
        let seq = support::last_seq(&store);
        assert_eq!(verdict(&store.write(&actor, |tx| tx.tasks().close_orphaned())), expected, "{actor:?}");
        let rows = support::audit_after(&store, seq);
        assert_eq!(rows.iter().map(|row| row.verdict.as_str()).collect::<Vec<_>>(), ["denied"], "{actor:?}");
    }
    assert_eq!(store.read(&system(), |tx| tx.tasks().running()).unwrap().items.len(), 1200);
    let closed = store.write(&system(), |tx| tx.tasks().close_orphaned()).unwrap();
    assert_eq!((closed.items.len(), closed.unreadable.len()), (1200, 0));
    assert!(closed.items.iter().all(|task| task.status == TaskStatus::Stopped && task.completed_at.is_some()));
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks WHERE status = 'stopped'"), 1200);
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks WHERE completed_at = 5"), 3, "those that had ended");
    let states = "SELECT group_concat(session_id || ' ' || status || ' ' || ready_for_prompt) FROM sessions";
    assert_eq!(ask::<String>(&store, states), "s idle 1,s2 running 0", "the sessions of what was stopped wait");
    let again = store.write(&system(), |tx| tx.tasks().close_orphaned()).unwrap();
    assert!(again.items.is_empty());
}

/// A daemon has to start whatever one damaged row says.
#[test]
fn a_row_that_cannot_be_read_keeps_no_other_task_from_being_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    let store = world_at(&path);
    worktree(&store, "w", "bo", Sharing::None);
    for id in ["s", "torn"] {
        session(&store, id, "w", "bo");
    }
    for (id, of) in [("t-1", "s"), ("t-2", "torn"), ("t-3", "s"), ("t-4", "s")] {
        task(&store, id, of, "bo");
    }
    sql(&store, "UPDATE tasks SET status = 'running'");
    past_guards(&path, "sessions", "UPDATE sessions SET created_at = 'torn' WHERE session_id = 'torn'");
    past_guards(&path, "tasks", "UPDATE tasks SET started_at = 'torn' WHERE task_id = 't-3'");
    let closed = store.write(&system(), |tx| tx.tasks().close_orphaned()).unwrap();
    assert_eq!(ids(&closed), ["t-1", "t-2", "t-4"], "what can't be read of a session is no matter of its tasks");
    let told: Vec<String> = closed.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["task `t-3`: column `started_at` is not integer milliseconds"]);
    let states: String = ask(&store, "SELECT group_concat(task_id || ' ' || status) FROM tasks");
    assert_eq!(states, "t-1 stopped,t-2 stopped,t-3 stopped,t-4 stopped");
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM tasks WHERE typeof(completed_at) = 'integer'"), 4);
    assert_eq!(ask::<i64>(&store, "SELECT count(*) FROM sessions WHERE status = 'idle' AND ready_for_prompt"), 2);
}
