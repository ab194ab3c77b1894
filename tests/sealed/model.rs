//! A sealed connection answers random questions as ordinary tables with the visible rows do.

use std::sync::LazyLock;

use aclite::rusqlite::types::Value;
use aclite::rusqlite::{Connection, params_from_iter};
use aclite::{Actor, Sealed, Sharing, Store};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::file::past_guards;
use crate::support::{session, sql, worktree, world_at};

/// Who asks. `bo` sees twelve worktrees of thirteen, `cy` one, `su` all; the executor one session; `bo`'s agent what he sees.
const ACTORS: [&str; 5] = ["bo", "cy", "su", "executor", "agent"];
const TABLES: [&str; 4] = ["worktrees", "sessions", "tasks", "messages"];

/// Thirteen worktrees of two sessions each, with tasks and messages that share times and words, and some values that
/// no guard would have let in.
struct World {
    _dir: TempDir,
    store: Store,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world.db");
    let store = world_at(&path);
    for number in 0..13 {
        let owner = if number == 5 { "cy" } else { "bo" };
        worktree(&store, &format!("w-{number:02}"), owner, Sharing::None);
        for half in ["a", "B"] {
            session(&store, &format!("s-{number:02}{half}"), &format!("w-{number:02}"), owner);
        }
    }
    sql(
        &store,
        "INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
         SELECT printf('t-%s-%d', session_id, i), session_id, acl_now() - (i % 4) * 1000, s.created_by,
           iif(i % 3, 'created', 'running'), json_object('i', i) FROM sessions AS s, n",
    );
    sql(
        &store,
        "INSERT INTO messages (message_id, session_id, task_id, created_at, timestamp, type, role, \"index\", content_preview, data)
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 7)
         SELECT printf('m-%s-%d', session_id, i), session_id, iif(i % 2, printf('t-%s-%d', session_id, i), NULL), acl_now(),
           1000 * (i % 3), 'user', iif(i % 2, 'user', 'assistant'), i, iif(i % 3, 'Hello', 'hello '), '{}' FROM sessions, n",
    );
    for (table, odd) in [
        ("tasks", "created_at = 1000 * (rowid % 5)"),
        (
            "tasks",
            "started_at = CASE rowid % 7 WHEN 0 THEN 5 WHEN 1 THEN 5.5 WHEN 2 THEN 'five' WHEN 3 THEN x'05' WHEN 4 THEN -1 END",
        ),
        ("tasks", "status = iif(rowid % 11, status, x'ff')"),
        ("messages", "created_at = 1000 * (rowid % 6)"),
        ("messages", "status = CASE rowid % 5 WHEN 0 THEN 'A' WHEN 1 THEN 'a' WHEN 2 THEN '5' WHEN 3 THEN '' END"),
        (
            "messages",
            "queue_position = CASE rowid % 4 WHEN 0 THEN 9007199254740993 WHEN 1 THEN 9007199254740993.0 WHEN 2 THEN 0 END",
        ),
    ] {
        past_guards(&path, table, &format!("UPDATE {table} SET {odd}"));
    }
    World { _dir: dir, store }
});

fn sealed(actor: &str) -> Sealed {
    let actor = match actor {
        "executor" => Actor::executor("bo", "s-03a", "t-s-03a-1"),
        "agent" => Actor::agent("bo", "s-03a"),
        user => Actor::user(user),
    };
    WORLD.store.sealed(&actor).unwrap()
}

/// Ordinary tables with the rows that `sealed` shows.
fn ordinary(sealed: &Sealed) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    conn.execute_batch(include_str!("../../sql/tables/0001_tables.sql")).unwrap();
    for table in TABLES {
        let columns = sealed.columns(&format!("SELECT * FROM {table}")).unwrap();
        let marks = vec!["?"; columns.len()].join(", ");
        let names: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
        let rows = sealed.query(&format!("SELECT * FROM {table}"), [], |row| values(row, columns.len())).unwrap();
        for row in rows {
            conn.execute(&insert, params_from_iter(row)).unwrap();
        }
    }
    conn
}

fn values(row: &rusqlite::Row<'_>, count: usize) -> rusqlite::Result<Vec<Value>> {
    (0..count).map(|column| row.get(column)).collect()
}

fn text(rows: Vec<Vec<Value>>) -> Vec<String> {
    rows.into_iter().map(|row| format!("{row:?}")).collect()
}

// ---- questions ----------------------------------------------------------------------------------

const COLUMNS: [&[&str]; 4] = [
    &["worktree_id", "created_by", "created_at", "name", "archived"],
    &["session_id", "worktree_id", "created_by", "created_at", "status", "archived"],
    &["task_id", "session_id", "created_at", "started_at", "status", "created_by", "completed_at"],
    &[
        "message_id",
        "session_id",
        "task_id",
        "created_at",
        "role",
        "\"index\"",
        "timestamp",
        "content_preview",
        "status",
        "queue_position",
    ],
];

const LITERALS: [&str; 30] = [
    "NULL",
    "0",
    "1",
    "5",
    "5.5",
    "-1",
    "1000",
    "2000",
    "'2000'",
    "'5'",
    "'five'",
    "x'05'",
    "x'ff'",
    "''",
    "'a'",
    "'A'",
    "'w-05'",
    "'w-03'",
    "'s-05a'",
    "'S-05A'",
    "'s-03a'",
    "'s-03B'",
    "'t-s-05a-1'",
    "'t-s-03a-1'",
    "'m-s-05B-2'",
    "'created'",
    "'RUNNING'",
    "'cy'",
    "'hello'",
    "9007199254740993",
];

/// A condition on the table `t`, of columns of `table`.
fn condition(table: usize) -> impl Strategy<Value = String> {
    let column = prop::sample::select(COLUMNS[table]);
    let literal = || prop::sample::select(&LITERALS[..]);
    let collation = prop::sample::select(&["", "", "", " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"][..]);
    let leaf = (column, literal(), literal(), literal(), collation, 0..15_u8).prop_map(
        |(column, a, b, c, collation, form)| match form {
            0..=3 => format!("t.{column} = {a}{collation}"),
            4 => format!("t.{column} < {a}{collation}"),
            5 => format!("t.{column} >= {a}{collation}"),
            6 => format!("t.{column} BETWEEN {a} AND {b}{collation}"),
            7 => format!("t.{column}{collation} IN ({a}, {b}, {c})"),
            8 => format!("t.{column} IS {a}{collation}"),
            9 => format!("t.{column} IS NOT {a}"),
            10 => format!("t.{column} IS NULL"),
            11 => format!("t.{column} NOTNULL"),
            12 => format!("t.{column} LIKE 'S-0%'"),
            13 => format!("t.{column} NOT IN ({a}, {b})"),
            _ => format!("(t.{column}, 1) > ({a}, {b})"),
        },
    );
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("({})", parts.join(" AND "))),
            2 => prop::collection::vec(inner.clone(), 2..3).prop_map(|parts| format!("({})", parts.join(" OR "))),
            1 => inner.prop_map(|part| format!("NOT {part}")),
        ]
    })
}

/// A question, and whether its order is total: else only the rows are compared.
fn question() -> impl Strategy<Value = (String, bool)> {
    (0..4_usize).prop_flat_map(|table| {
        let columns = COLUMNS[table];
        let terms = prop::collection::vec(
            (prop::sample::select(columns), prop::sample::select(&["", " ASC", " DESC", " DESC NULLS LAST", " COLLATE NOCASE"][..])),
            0..3,
        );
        let bounds = prop::option::of((-1..12_i32, prop::option::of(0..6_i32)));
        (prop::option::weighted(0.8, condition(table)), terms, bounds, 0..12_u8).prop_map(move |(condition, terms, bounds, form)| {
            let name = TABLES[table];
            let key = columns[0];
            let filter = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
            let mut order: Vec<String> = terms.iter().map(|(column, how)| format!("t.{column}{how}")).collect();
            let (some, other) = (columns[columns.len() - 1], columns[2]);
            let limit = bounds.map(|(limit, offset)| {
                format!(" LIMIT {limit}{}", offset.map(|offset| format!(" OFFSET {offset}")).unwrap_or_default())
            });
            match form {
                0..=6 => {
                    // With a bound the order has to be total.
                    if limit.is_some() {
                        order.push(format!("t.{key}"));
                    }
                    let by = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
                    let total = limit.is_some();
                    (format!("SELECT t.* FROM {name} AS t{filter}{by}{}", limit.unwrap_or_default()), total)
                }
                7 => (format!("SELECT t.{some}, count(*), min(t.{key}) FROM {name} AS t{filter} GROUP BY t.{some} ORDER BY 1 COLLATE BINARY"), true),
                8 => (format!("SELECT DISTINCT t.{some}, t.{other} FROM {name} AS t{filter} ORDER BY t.{other} DESC, t.{some}"), true),
                9 => (format!("SELECT count(*), max(t.{other}), total(t.created_at) FROM {name} AS t{filter}"), true),
                10 => (
                    format!(
                        "SELECT t.{key}, s.status, w.name FROM {name} AS t LEFT JOIN sessions AS s ON s.created_at > t.created_at
                         FULL JOIN worktrees AS w ON w.worktree_id = s.worktree_id{filter} ORDER BY 1, 2, 3"
                    ),
                    false,
                ),
                _ => (
                    format!(
                        "SELECT t.{key}, row_number() OVER (ORDER BY t.{other}, t.{key}),
                           (SELECT count(*) FROM tasks AS x WHERE x.created_at = t.created_at AND x.status = 'created')
                         FROM {name} AS t{filter} ORDER BY t.{other}, t.{key}"
                    ),
                    true,
                ),
            }
        })
    })
}

#[track_caller]
fn agree(actor: &str, sealed: &Sealed, ordinary: &Connection, sql: &str, total: bool) {
    let count = sealed.columns(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).len();
    let shown = sealed.query(sql, [], |row| values(row, count)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut statement = ordinary.prepare(sql).unwrap();
    let expected: Vec<Vec<Value>> =
        statement.query_map([], |row| values(row, count)).unwrap().map(Result::unwrap).collect();
    let (mut shown, mut expected) = (text(shown), text(expected));
    if !total {
        shown.sort();
        expected.sort();
    }
    assert_eq!(shown, expected, "{actor}: {sql}");
}

#[test]
fn questions_are_answered_as_by_ordinary_tables() {
    let pairs: Vec<(&str, Sealed, Connection)> = ACTORS
        .into_iter()
        .map(|actor| {
            let sealed = sealed(actor);
            let ordinary = ordinary(&sealed);
            (actor, sealed, ordinary)
        })
        .collect();
    let shown = |actor: usize| {
        pairs[actor].1.query_row("SELECT count(*) FROM tasks", [], |row| row.get::<_, i64>(0)).unwrap().unwrap()
    };
    assert_eq!([0, 1, 2, 3].map(shown), [240_i64, 20, 260, 10]);
    for sql in [
        "SELECT task_id FROM tasks WHERE task_id = 't-s-05a-1' OR session_id = 's-05a' OR status = 'running'",
        "SELECT session_id FROM tasks FULL JOIN messages USING (session_id, task_id) ORDER BY 1",
        "SELECT * FROM tasks AS a JOIN tasks AS b USING (session_id) WHERE a.task_id < b.task_id",
        "SELECT task_id FROM tasks WHERE task_id IN (SELECT task_id FROM messages WHERE \"index\" > 3)",
        "SELECT created_at, group_concat(task_id, ',' ORDER BY task_id) FROM tasks GROUP BY created_at ORDER BY created_at DESC LIMIT 2",
        "SELECT task_id FROM tasks UNION SELECT message_id FROM messages ORDER BY 1 LIMIT 7 OFFSET 3",
        "SELECT task_id FROM tasks EXCEPT SELECT task_id FROM messages",
        "SELECT s.session_id, (SELECT task_id FROM tasks AS t WHERE t.session_id = s.session_id ORDER BY created_at DESC, task_id LIMIT 1) FROM sessions AS s",
        "SELECT * FROM (SELECT * FROM tasks ORDER BY created_at DESC, task_id LIMIT 5) ORDER BY task_id",
        "SELECT w.worktree_id, count(DISTINCT t.status) FROM worktrees AS w JOIN sessions AS s ON s.worktree_id = w.worktree_id JOIN tasks AS t ON t.session_id = s.session_id GROUP BY 1",
        "SELECT max(created_at) FROM tasks WHERE session_id IN ('s-05a', 's-03a') AND created_at < 4000",
        "SELECT task_id FROM tasks WHERE session_id IN ('s-05a', 's-03a', 's-05B') ORDER BY created_at, task_id LIMIT 4 OFFSET 1",
        "WITH RECURSIVE r (id, n) AS (SELECT min(task_id), 0 FROM tasks UNION ALL SELECT (SELECT min(task_id) FROM tasks WHERE task_id > id), n + 1 FROM r WHERE n < 5) SELECT * FROM r",
    ] {
        for (actor, sealed, ordinary) in &pairs {
            agree(actor, sealed, ordinary, sql, false);
        }
    }
    let config = ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((sql, total) in question(), actor in 0..ACTORS.len())| {
        let (actor, sealed, ordinary) = &pairs[actor];
        agree(actor, sealed, ordinary, &sql, total);
    });
}
