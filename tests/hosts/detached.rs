//! In every host a detached file refuses whoever has loaded the extension, and nobody else.

use aclite::{Adoption, Store};

use super::drive::{Connected, HOSTS, Host, alone, old_is_there};
use super::support::extension::extension;
use super::world;

const TOLD: &str =
    "aclite: detached: the guards of this file were taken out: run `aclite adopt FILE` to put them in again";

const WRITES: [&str; 6] = [
    "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('new', 's-w', 1, 'created', '{}')",
    "INSERT INTO tasks (task_id, session_id, created_at, status, data) VALUES ('new', 's-w', 2, 'x', '{}') ON CONFLICT (task_id) DO UPDATE SET status = 'running'",
    "REPLACE INTO tasks (task_id, session_id, created_at, status, data) VALUES ('new', 's-w', 3, 'failed', '{}')",
    "UPDATE OR IGNORE tasks SET status = 'failed' WHERE task_id = 't-w'",
    "DELETE FROM tasks WHERE task_id = 't-done'",
    "UPDATE acl_rules SET needs = 'signed-in' WHERE resource = 'task'",
];

/// What a migration does to a table.
const REBUILDS: [&str; 5] = [
    "PRAGMA foreign_keys = OFF",
    "ALTER TABLE boards RENAME COLUMN name TO title",
    "CREATE TABLE new_boards AS SELECT * FROM boards",
    "DROP TABLE boards",
    "ALTER TABLE new_boards RENAME TO boards",
];

/// The outcomes of `sql` on one connection to a fresh detached file.
#[track_caller]
fn played(host: Host, loaded: bool, sql: &[&str]) -> Vec<Result<Vec<String>, String>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("detached.db");
    world::make(&file);
    Store::detach(&file).unwrap();
    let extension = loaded.then(|| extension().to_owned());
    let sql: Vec<String> = sql.iter().map(|sql| (*sql).to_owned()).collect();
    let outcomes = (host.play)(&[Connected { file: file.clone(), extension, sql: sql.clone() }]).remove(0);
    assert_eq!(outcomes.len(), sql.len());
    if loaded {
        assert!(!Adoption::new().run(&file).unwrap().already);
    }
    outcomes
}

#[track_caller]
fn others_write(host: Host) {
    // An old SQLite does not trust the JSON of this index either.
    for untrusted in [&[][..], &["DROP INDEX sessions_mcp_token_idx", "PRAGMA trusted_schema = OFF"]] {
        let sql: Vec<&str> = untrusted.iter().copied().chain(WRITES).chain(REBUILDS).collect();
        for (sql, outcome) in sql.iter().zip(played(host, false, &sql)) {
            assert!(outcome.is_ok(), "{}: {sql}: {outcome:?}", host.name);
        }
    }
}

#[track_caller]
fn aclite_is_refused(host: Host) {
    let sql: Vec<&str> = ["SELECT acl_login('bo')"].into_iter().chain(WRITES).collect();
    for (sql, outcome) in sql.iter().zip(played(host, true, &sql)) {
        let told = outcome.expect_err(sql);
        assert!(told.contains(TOLD), "{}: {sql}: {told}", host.name);
    }
}

#[test]
fn every_host_writes_a_detached_file_unless_it_has_loaded_the_extension() {
    for host in HOSTS.into_iter().filter(|host| (host.is_there)()) {
        others_write(host);
        aclite_is_refused(host);
    }
    let too_old =
        Host { name: "SQLite 3.34.0", play: |told| alone("3.34.0", told), is_there: || old_is_there("3.34.0") };
    if (too_old.is_there)() {
        others_write(too_old);
    }
}
