//! A guarded file goes through another program's migrations as if aclite had never been there, and keeps levels, owners, stamps
//! and content.
//!
//! Adoption adds columns, tables and indexes that later migrations of Agor's add too. Where they stayed, the migration failed for
//! good with "duplicate column name"; where it rebuilt a table, levels were lost and the default gave everybody `view`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aclite::{
    Actor, AdoptReport, Adoption, AgenticTool, NewGroup, NewSession, Sharing, Store, TableGuard, TaskPatch,
    WorktreePatch,
};
use tempfile::tempdir;

use crate::support::chain::{SHARING, STEPS, at_step, migrate};
use crate::support::file::{Content, content, content_again, raw, texts};
use crate::support::{sql, system, verdict};

/// Each table and view that is not aclite's: its columns, keys and references, and its indexes.
fn shape(path: &Path) -> BTreeMap<String, Vec<String>> {
    let conn = raw(path);
    let tables =
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'acl\\_%' ESCAPE '\\'
                  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    texts(&conn, tables)
        .into_iter()
        .map(|table| {
            let mut shape = texts(
                &conn,
                &format!(
                    "SELECT 'column ' || name || ' ' || type || ' ' || \"notnull\" || ' ' || ifnull(dflt_value, '-') || ' ' || pk || ' ' || hidden
                     FROM pragma_table_xinfo('{table}') ORDER BY cid"
                ),
            );
            shape.extend(texts(
                &conn,
                &format!(
                    "SELECT 'reference ' || \"from\" || ' ' || \"table\" || ' ' || ifnull(\"to\", '-') || ' ' || on_update || ' ' || on_delete
                     FROM pragma_foreign_key_list('{table}') ORDER BY 1"
                ),
            ));
            shape.extend(texts(
                &conn,
                &format!(
                    "SELECT 'index ' || l.name || ' ' || l.\"unique\" || ' ' || l.partial || ' ' || l.origin || ' '
                       || (SELECT group_concat(ifnull(name, '?') || ' ' || desc || ' ' || coll) FROM pragma_index_xinfo(l.name))
                     FROM pragma_index_list('{table}') AS l ORDER BY 1"
                ),
            ));
            (table, shape)
        })
        .collect()
}

/// Who holds what, and from where.
fn rights(path: &Path) -> Vec<String> {
    let conn = raw(path);
    let mut rights = Vec::new();
    for query in [
        "SELECT worktree_id || ' ' || user_id || ' ' || level || ' ' || source FROM acl_access ORDER BY 1",
        "SELECT worktree_id || ' ' || user_id || ' ' || created_at FROM worktree_owners ORDER BY 1",
        "SELECT worktree_id || ' ' || ifnull(others_fs_access, '-') || ' ' || ifnull(unix_group, '-') FROM worktrees ORDER BY 1",
        "SELECT session_id || ' ' || ifnull(unix_username, '-') FROM sessions ORDER BY 1",
        "SELECT user_id || ' ' || ifnull(unix_username, '-') FROM users ORDER BY 1",
        "SELECT group_id || ' ' || slug || ' ' || archived FROM groups ORDER BY 1",
        "SELECT group_id || ' ' || user_id || ' ' || ifnull(added_by, '-') FROM group_memberships ORDER BY 1",
        "SELECT worktree_id || ' ' || group_id || ' ' || can FROM worktree_group_grants ORDER BY 1",
        "SELECT name || ' ' || via || ' ' || parent FROM acl_tables ORDER BY 1",
        "SELECT resource || ' ' || operation || ' ' || needs FROM acl_rules ORDER BY 1",
    ] {
        rights.extend(texts(&conn, query));
    }
    rights
}

/// Lives in an adopted file: owners come and go, levels and stamps are given, and every column of adoption's own is used.
fn live_in(path: &Path) {
    let store = Store::open(path).unwrap();
    for user in ["ada", "bo", "cy"] {
        sql(&store, &format!("UPDATE users SET unix_username = 'unix-{user}' WHERE user_id = '{user}'"));
    }
    store
        .write(&Actor::user("bo"), |tx| {
            tx.worktrees().patch("w-bo", WorktreePatch::new().others_can(Sharing::None))?;
            tx.worktrees().add_owner("w-bo", "cy")?;
            tx.worktrees().remove_owner("w-bo", "bo")?;
            Ok(())
        })
        .unwrap();
    store
        .write(&Actor::user("cy"), |tx| {
            tx.worktrees().patch("w-cy", WorktreePatch::new().others_can(Sharing::Prompt))?;
            tx.sessions().create(NewSession::new("w-cy", AgenticTool::Codex).id("s-new")).map(drop)
        })
        .unwrap();
    store
        .write(&system(), |tx| {
            tx.groups().create(NewGroup::new("devs").slug("devs").id("g").created_by(Some("ada".into())))?;
            tx.groups().create(NewGroup::new("old").slug("old").id("g-old").created_by(Some("ada".into())))?;
            tx.groups().add_member("g", "vi")?;
            tx.groups().add_member("g-old", "bo")?;
            tx.worktrees().set_grant("w-bo", "g", Sharing::All)?;
            tx.worktrees().set_grant("w-ada", "g-old", Sharing::All)?;
            tx.groups().archive("g-old").map(drop)
        })
        .unwrap();
    for statement in [
        "UPDATE worktrees SET others_fs_access = 'none', unix_group = 'agor-ada', archived = 1, archived_at = 5, archived_by = 'ada',
           filesystem_status = 'gone', schedule_enabled = 1, schedule_cron = '* * * * *', start_command = 'up', needs_attention = 1
         WHERE worktree_id = 'w-ada'",
        "UPDATE sessions SET ready_for_prompt = 1, archived = 1, archived_reason = 'done' WHERE session_id = 's-ada'",
        "UPDATE messages SET queue_position = 3, parent_tool_use_id = 'tool' WHERE message_id = 'm-1'",
        "UPDATE tasks SET started_at = 1700000000042 WHERE task_id = 't-2'",
    ] {
        sql(&store, statement);
    }
    store.guard_table(&system(), "session_mcp_servers", TableGuard::of_session("session_id")).unwrap();
}

fn adopt(path: &Path) -> AdoptReport {
    let report = Adoption::new().run(path).unwrap();
    assert!(!report.already);
    report
}

/// The content but for aclite's own tables, and for what differs on purpose.
fn kept(mut content: Content) -> Content {
    content.retain(|table, _| !table.starts_with("acl_"));
    // Rows of a table that was taken back are put in again: their order is theirs to lose.
    for (_, rows) in content.values_mut() {
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
        rows.sort_by_key(|row| format!("{row:?}"));
    }
    content
}

#[track_caller]
fn assert_same(found: &Content, expected: &Content, step: usize) {
    for (table, expected) in expected {
        assert_eq!(&found[table], expected, "step {step}: {table}");
    }
}

#[track_caller]
fn assert_guarded(path: &Path) {
    let store = Store::open(path).unwrap();
    assert!(store.check().unwrap().is_clean());
    let patch =
        |who: &str| store.write(&Actor::user(who), |tx| tx.tasks().patch("t-2", TaskPatch::new().set("model", "m")));
    assert_eq!(verdict(&patch("ada")), "hidden");
    assert_eq!(verdict(&patch("bo")), "hidden", "no owner any more");
    assert_eq!(verdict(&patch("cy")), "ok");
}

#[test]
fn each_step_of_a_chain_is_adopted_worked_on_and_migrated_to_the_end() {
    for step in 0..=STEPS.len() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("acl.db");
        at_step(&path, step);
        let original = shape(&path);
        adopt(&path);
        live_in(&path);
        let (rights_before, before) = (rights(&path), content(&path));

        let report = Store::detach(&path).unwrap();
        assert_eq!(shape(&path), original, "step {step}: the schema is the other program's");
        assert_eq!(
            (report.tables.is_empty(), report.columns.is_empty()),
            (step == STEPS.len(), step > SHARING),
            "{report:?}"
        );
        migrate(&path, step, STEPS.len());
        let never = dir.path().join("never.db");
        at_step(&never, STEPS.len());
        assert_eq!(shape(&path), shape(&never), "step {step}: as if aclite had never been there");

        let report = adopt(&path);
        // A level that the migration brought is a present one: of both the lower holds.
        let lowered: &[&str] = if step < SHARING { &["worktrees w-cy others_can: view from prompt"] } else { &[] };
        assert_eq!(report.lowered, lowered, "step {step}");
        assert_eq!((&report.closed, &report.gone), (&vec![], &vec![]), "step {step}");
        let expected: Vec<String> = rights_before
            .iter()
            .map(|right| match right.as_str() {
                // What others hold on it.
                "w-cy ada prompt others" | "w-cy bo prompt others" if step < SHARING => right.replace("prompt", "view"),
                "w-cy vi view viewer role" if step < SHARING => "w-cy vi view others".to_owned(),
                right => right.to_owned(),
            })
            .collect();
        assert_eq!(rights(&path), expected, "step {step}");
        let (mut before, mut again) = (kept(before.clone()), kept(content_again(&path, &before)));
        for content in [&mut before, &mut again] {
            let (columns, rows) = content.get_mut("worktrees").unwrap();
            let at = columns.iter().position(|column| column == "others_can").unwrap();
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
        }
        assert_same(&again, &before, step);
        assert_guarded(&path);
    }
}

/// Nothing happens in between: what is restored is what was there, with every level.
#[test]
fn detached_and_adopted_again_everything_is_what_it_was() {
    for step in 0..=STEPS.len() {
        let dir = tempdir().unwrap();
        let path = dir.path().join("acl.db");
        at_step(&path, step);
        adopt(&path);
        live_in(&path);
        assert_guarded(&path);
        let (rights_before, shape_before, before) = (rights(&path), shape(&path), content(&path));
        for _ in 0..2 {
            Store::detach(&path).unwrap();
            let report = adopt(&path);
            let unexpected = [&report.closed, &report.lowered, &report.withdrawn, &report.gone];
            assert!(unexpected.iter().all(|list| list.is_empty()), "step {step}: {report:?}");
            assert_eq!((report.owners, report.stamped), (0, 0));
            assert_eq!(rights(&path), rights_before, "step {step}");
            assert_eq!(shape(&path), shape_before, "step {step}");
            assert_same(&kept(content_again(&path, &before)), &kept(before.clone()), step);
            assert_guarded(&path);
        }
    }
}

/// Step by step, with a detachment and an adoption at each.
#[test]
fn a_file_that_is_adopted_again_after_every_single_step_keeps_its_rights() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    at_step(&path, 0);
    adopt(&path);
    live_in(&path);
    let store = Store::open(&path).unwrap();
    // No level above the default of the step that brings the column.
    store
        .write(&Actor::user("cy"), |tx| tx.worktrees().patch("w-cy", WorktreePatch::new().others_can(Sharing::View)))
        .unwrap();
    drop(store);
    let before = rights(&path);
    for step in 0..STEPS.len() {
        Store::detach(&path).unwrap();
        migrate(&path, step, step + 1);
        adopt(&path);
        assert_eq!(rights(&path), before, "step {step}");
        assert_guarded(&path);
    }
    Store::detach(&path).unwrap();
    let never = dir.path().join("never.db");
    at_step(&never, STEPS.len());
    assert_eq!(shape(&path), shape(&never));
}

/// Without a detachment the next migration meets the columns that adoption added; that is why it is there.
#[test]
fn a_chain_over_a_file_that_was_not_detached_fails() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("acl.db");
    at_step(&path, 3);
    adopt(&path);
    let failed = raw(&path).execute_batch(STEPS[3]).unwrap_err().to_string();
    assert!(failed.contains("duplicate column name: status"), "{failed}");
}

/// The files that Agor's own migrations left, where the variable names their folder.
#[test]
fn files_of_each_step_of_agors_own_migrations() {
    let Some(folder) = std::env::var_os("ACLITE_AGOR_STEPS") else {
        eprintln!("SKIPPED: ACLITE_AGOR_STEPS names no folder with files of Agor's migrations");
        return;
    };
    let mut steps: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "db"))
        .collect();
    steps.sort();
    assert!(steps.len() > 8, "{steps:?}");
    let dir = tempdir().unwrap();
    for step in steps {
        let path = dir.path().join(step.file_name().unwrap());
        std::fs::write(&path, std::fs::read(&step).unwrap()).unwrap();
        let (original, held) = (shape(&path), content(&path));
        let report = adopt(&path);
        assert_eq!(content_again(&path, &held), held, "{step:?}");
        assert_eq!((report.owners, report.unowned.len()), (2, 0), "{step:?}");
        let store = Store::open(&path).unwrap();
        let first = texts(&raw(&path), "SELECT worktree_id FROM worktrees ORDER BY created_at, 1")[0].clone();
        sql(&store, "UPDATE users SET unix_username = 'unix-' || user_id");
        sql(
            &store,
            &format!("UPDATE worktrees SET others_can = 'none', unix_group = 'g' WHERE worktree_id = '{first}'"),
        );
        sql(&store, &format!("UPDATE worktrees SET others_can = 'prompt' WHERE worktree_id <> '{first}'"));
        drop(store);
        let (rights_before, before) = (rights(&path), content(&path));

        Store::detach(&path).unwrap();
        assert_eq!(shape(&path), original, "{step:?}");
        let detached = content_again(&path, &held);
        for (table, rows) in &held {
            assert_eq!(detached[table].1.len(), rows.1.len(), "{step:?} {table}");
        }
        adopt(&path);
        assert_eq!(rights(&path), rights_before, "{step:?}");
        assert_eq!(kept(content_again(&path, &before)), kept(before), "{step:?}");
        assert!(Store::inspect(&path).unwrap().is_clean());
    }
}
