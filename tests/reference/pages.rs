//! `docs/reference.md` and `docs/rbac.md` list what is there: no less and no more.

use std::collections::BTreeSet;

use aclite::{
    Actor, AgenticTool, MessagePatch, NewSession, NewTask, Result, SessionPatch, Sharing, Store, TaskPatch, TaskStatus,
    Tx, WorktreePatch,
};

use crate::support::{add_user, message, session, sql, system, task, verdict, worktree, world};

const PAGE: &str = include_str!("../../docs/reference.md");
const RBAC: &str = include_str!("../../docs/rbac.md");
/// Every file that registers functions.
const FUNCTIONS: &str = concat!(
    include_str!("../../src/guard/functions.rs"),
    include_str!("../../src/guard/detached.rs"),
    include_str!("../../src/extension/mod.rs")
);

/// SQLite's function that aclite overrides: the only name that does not begin as ours do.
const OVERRIDDEN: &str = "sqlite_compileoption_used";

/// What only the reader behind a sealed connection has.
const OF_READERS: [&str; 4] = ["acl_known", "acl_learn", "acl_shown_user", "acl_shown_session"];

/// The names of SQL functions that the library registers.
fn functions() -> BTreeSet<String> {
    let names = FUNCTIONS.split("create_scalar_function(").skip(1);
    names.filter_map(|call| call.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned).collect()
}

/// What of the schema of a new file is aclite's own: names, and the definitions of tables and views.
fn schema() -> Vec<(String, Option<String>)> {
    let store = Store::open(":memory:").unwrap();
    let all = "SELECT name, CASE WHEN type IN ('table', 'view') THEN sql END FROM sqlite_schema";
    let all = store.write(&system(), |tx| tx.sql().query(all, [], |row| Ok((row.get(0)?, row.get(1)?)))).unwrap();
    all.into_iter().filter(|(name, _): &(String, _)| name.starts_with("acl_")).collect()
}

/// The tables in which a detached file keeps what the next adoption restores, with their columns.
fn saved() -> std::collections::BTreeMap<String, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("detached.db");
    drop(Store::open(&path).unwrap());
    Store::detach(&path).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    let mut tables = conn
        .prepare(
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.name GLOB 'acl_saved_*'
             AND t.type = 'table' ORDER BY t.name, c.cid",
        )
        .unwrap();
    let mut saved = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap() {
        let (table, column): (String, String) = row.unwrap();
        saved.entry(table).or_default().push(column);
    }
    saved
}

#[test]
fn what_a_detached_file_saves_is_on_the_page() {
    let saved = saved();
    assert_eq!(saved.len(), 7, "{saved:?}");
    for (table, columns) in saved {
        let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
        assert!(PAGE.contains(&format!("| `{table}` | {} |", columns.join(", "))), "{table}: {columns:?}");
    }
}

/// What stands in backticks on the page, each up to the first character that no name has.
fn named(page: &str) -> BTreeSet<String> {
    let quoted = page.split('`').skip(1).step_by(2);
    let name = |text: &str| text.split(|char: char| !(char.is_alphanumeric() || char == '_')).next().map(str::to_owned);
    quoted.filter_map(name).filter(|name| name == OVERRIDDEN || (name.len() > 4 && name.starts_with("acl_"))).collect()
}

#[test]
fn every_function_view_table_and_trigger_is_in_the_reference_and_nothing_else() {
    let (functions, schema) = (functions(), schema());
    assert!(functions.len() > 10 && schema.len() > 50, "{} functions, {} in the schema", functions.len(), schema.len());
    let there = functions.into_iter().chain(schema.into_iter().map(|(name, _)| name)).chain(saved().into_keys());
    let there: BTreeSet<String> = there.chain(OF_READERS.map(str::to_owned)).collect();
    let named = named(PAGE);
    let missing: Vec<_> = there.difference(&named).collect();
    let stale: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty() && stale.is_empty(), "not in the reference: {missing:?}; not there: {stale:?}");
}

/// The page's rows of sealed tables: their names and columns.
fn sealed_tables() -> Vec<(String, Vec<String>)> {
    let table = PAGE.split("| sealed table | columns | rows |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        (words(cells[0]).remove(0), words(cells[1]))
    })
    .collect()
}

#[test]
fn the_tables_of_a_sealed_connection_are_those_on_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("sealed.db")).unwrap();
    let sealed = store.sealed(&system()).unwrap();
    let tables = sealed_tables();
    assert_eq!(tables.len(), 11);
    for (table, columns) in &tables {
        assert_eq!(sealed.columns(&format!("SELECT * FROM {table}")).unwrap(), *columns, "{table}");
    }
    // And no other table of the file is there.
    for (table, _) in schema() {
        assert!(sealed.columns(&format!("SELECT * FROM {table}")).is_err(), "{table}");
    }
}

#[test]
fn what_only_readers_have_is_in_the_source() {
    let sources = [include_str!("../../src/sealed/reader.rs"), include_str!("../../src/sealed/tables.rs")].concat();
    for name in OF_READERS {
        assert!(sources.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn every_registration_of_a_function_is_seen() {
    let registrations = FUNCTIONS.matches("create_scalar_function").count();
    let read = FUNCTIONS.split("create_scalar_function(").skip(1).filter(|call| call.trim_start().starts_with('"'));
    assert_eq!(read.count(), registrations, "one is written in a way that this test does not read");
    assert!(!FUNCTIONS.contains("create_aggregate_function") && !FUNCTIONS.contains("create_window_function"));
}

#[test]
fn the_reference_says_what_each_function_takes() {
    for call in FUNCTIONS.split("create_scalar_function(").skip(1) {
        let mut words = call.trim_start().split(',');
        let name = words.next().unwrap().trim().trim_matches('"');
        let count: i32 = words.next().unwrap().trim().parse().unwrap();
        let written = format!("`{name}(");
        let shown = PAGE.split(&written).skip(1).filter_map(|rest| Some(rest.split_once(")`")?.0));
        // One of the forms on the page takes as many; a list that goes on ends with `…`.
        let fits = |shown: &str| {
            let named = shown.split(',').filter(|argument| !argument.trim().is_empty()).count();
            match usize::try_from(count) {
                Ok(count) => count == named || (shown.ends_with('…') && count > named),
                // Of any number: a list that goes on, or a sign-in, which may be final.
                Err(_) => shown.ends_with('…') || shown.ends_with("'final'"),
            }
        };
        let shown: Vec<&str> = shown.collect();
        assert!(shown.iter().any(|shown| fits(shown)), "`{name}` takes {count}, the page says {shown:?}");
    }
}

#[test]
fn every_column_of_our_tables_and_views_is_in_the_reference() {
    for (name, sql) in schema() {
        let Some(sql) = sql else { continue };
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap_or_default();
        let columns = columns_of(&sql);
        assert!(columns.len() > 1, "{sql}");
        for column in columns {
            assert!(row.contains(&format!("`{column}`")), "`{name}.{column}` is not in the reference");
        }
    }
}

/// The columns of a definition: what a view lists in parentheses, or each line of a table that begins one.
fn columns_of(sql: &str) -> Vec<String> {
    let inside = sql.split_once('(').map_or("", |(_, inside)| inside);
    if sql.starts_with("CREATE VIEW") {
        let list = inside.split(')').next().unwrap_or_default();
        return list.split(',').map(|column| column.trim().to_owned()).collect();
    }
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().trim_end_matches(',').to_owned();
    inside.lines().map(first).filter(|word| word.chars().next().is_some_and(|char| char.is_ascii_lowercase())).collect()
}

#[test]
fn the_rules_on_the_page_are_the_default_rules() {
    let store = Store::open(":memory:").unwrap();
    let rules = "SELECT resource, operation, needs, ifnull(needs_if_own, ''), audit FROM acl_rules";
    let rules: BTreeSet<[String; 5]> = store
        .write(&system(), |tx| {
            tx.sql().query(rules, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        })
        .unwrap()
        .into_iter()
        .collect();
    let table = RBAC.split("| resource | operation | needs | needs_if_own | audit |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let written: BTreeSet<[String; 5]> = rows
        .map(|row| {
            let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            cells.try_into().unwrap()
        })
        .collect();
    assert_eq!(written, rules);
}

/// Every call that the page lists names a test that is there, and the case in it.
#[test]
fn every_call_on_the_page_names_the_test_that_shows_it() {
    const HOOKS: &str = include_str!("../rules/hooks.rs");
    let table = RBAC.split("| call | actor | operation | test |").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for file in RBAC.split("`tests/").skip(1).filter_map(|rest| rest.split('`').next()) {
        assert!(tests.join(file).is_file(), "there is no `tests/{file}`");
    }
    for row in rows {
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let tests: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            assert!(HOOKS.contains(&format!("#[test]\nfn {test}() {{")), "there is no test `{test}`: {row}");
        }
        for case in shown.split('"').skip(1).step_by(2) {
            assert!(HOOKS.contains(&format!("\"{case}\"")), "there is no case \"{case}\": {row}");
        }
    }
}

/// The worked example of `docs/rbac.md`, row by row.
#[test]
fn the_worked_example_holds() {
    let store = world();
    for (name, role) in [("dora", "member"), ("eve", "admin"), ("viv", "viewer")] {
        add_user(&store, name, role);
    }
    worktree(&store, "fix", "bo", Sharing::Session);
    sql(&store, "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'Devs', 'devs', acl_now())");
    for user in ["cy", "viv"] {
        let member =
            format!("INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', '{user}', acl_now())");
        sql(&store, &member);
    }
    sql(
        &store,
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('fix', 'g', 'prompt', acl_now())",
    );
    let held = |user: &str| -> (String, String) {
        let sql = "SELECT level, source FROM acl_access WHERE worktree_id = 'fix' AND user_id = ?1";
        store.write(&system(), |tx| tx.sql().query_row(sql, [user], |row| Ok((row.get(0)?, row.get(1)?)))).unwrap()
    };
    for (user, level, source) in [
        ("bo", "all", "owner"),
        ("cy", "prompt", "group devs"),
        ("dora", "session", "others"),
        ("eve", "session", "others"),
        ("viv", "view", "viewer role"),
    ] {
        assert_eq!(held(user), (level.to_owned(), source.to_owned()), "{user}");
    }

    session(&store, "s", "fix", "dora");
    task(&store, "t-dora", "s", "dora");
    task(&store, "t-cy", "s", "cy");
    message(&store, "m", "s", None);
    type Call = fn(&Tx<'_>) -> Result<()>;
    let done = || Actor::executor("dora", "s", "t-dora");
    let end: Call = |tx| {
        let task = if tx.actor().user_id().is_some_and(|user| user.as_str() == "dora") { "t-dora" } else { "t-cy" };
        tx.tasks().patch(task, TaskPatch::new().status(TaskStatus::Completed)).map(drop)
    };
    let prompt: Call = |tx| tx.tasks().create(NewTask::new("s")).map(drop);
    let share: Call = |tx| tx.worktrees().patch("fix", WorktreePatch::new().others_can(Sharing::None)).map(drop);
    let cases: [(&str, Actor, Call, &str); 12] = [
        ("prompts her own", Actor::user("dora"), prompt, "ok"),
        ("prompts another's", Actor::user("cy"), prompt, "ok"),
        ("prompts another's", Actor::user("eve"), prompt, "denied"),
        (
            "edits",
            Actor::user("viv"),
            |tx| tx.messages().patch("m", MessagePatch::new().set("a", 1)).map(drop),
            "denied",
        ),
        ("completes", done(), end, "ok"),
        (
            "completes Cy's",
            done(),
            |tx| tx.tasks().patch("t-cy", TaskPatch::new().set("model", "m")).map(drop),
            "denied",
        ),
        (
            "renames",
            Actor::user("dora"),
            |tx| tx.sessions().patch("s", SessionPatch::new().set("title", "x")).map(drop),
            "denied",
        ),
        (
            "archives",
            Actor::user("dora"),
            |tx| tx.sessions().patch("s", SessionPatch::new().archived(true)).map(drop),
            "ok",
        ),
        ("removes", Actor::user("cy"), |tx| tx.sessions().remove("s"), "denied"),
        ("shares", Actor::user("cy"), share, "denied"),
        ("shares", Actor::user("bo"), share, "ok"),
        (
            "reports after that",
            done(),
            |tx| tx.tasks().patch("t-dora", TaskPatch::new().set("model", "m")).map(drop),
            "hidden",
        ),
    ];
    for (what, actor, call, expected) in cases {
        assert_eq!(verdict(&store.write(&actor, call)), expected, "{actor:?} {what}");
    }
    let open = NewSession::new("fix", AgenticTool::Codex);
    assert_eq!(verdict(&store.write(&Actor::user("eve"), |tx| tx.sessions().create(open))), "hidden");
}
