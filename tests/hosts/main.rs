//! The loadable extension gives the same answers to the same steps in every SQLite that loads it.
//!
//! `tests/hosts/steps.txt` says what each host is told and what it must answer. What a host has of its own, transactions
//! that it begins by itself for instance, is in `habits.rs`, `habits.py` and `habits.cjs` beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a host that can't be started is a failed test, and progress goes to standard error"
)]

mod detached;
mod drive;
mod examples;
mod habits;
mod orms;
mod places;
mod script;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::path::Path;
use std::process::Command;

use aclite::Store;
use drive::{Connected, Host, old, old_is_there};
use script::{Scene, scenes};
use support::extension::extension;
use support::file::raw;

#[test]
fn the_bundled_sqlite_answers_as_the_script_says() {
    conforms(drive::BUNDLED);
}

#[test]
fn the_sqlite3_shell_answers_as_the_script_says() {
    conforms(drive::SHELL);
}

#[test]
fn python_answers_as_the_script_says() {
    conforms(drive::PYTHON_SQLITE3);
}

#[test]
fn apsw_answers_as_the_script_says() {
    conforms(drive::APSW);
}

#[test]
fn better_sqlite3_answers_as_the_script_says() {
    conforms(drive::BETTER_SQLITE3);
}

#[test]
fn libsql_answers_as_the_script_says() {
    conforms(drive::LIBSQL);
}

#[test]
fn node_answers_as_the_script_says() {
    conforms(drive::NODE_SQLITE);
}

#[test]
fn bun_answers_as_the_script_says() {
    conforms(drive::BUN);
}

#[test]
fn deno_answers_as_the_script_says() {
    conforms(drive::DENO);
}

#[test]
fn old_and_lean_sqlites_answer_as_the_script_says() {
    for host in [drive::SQLITE_3_35, drive::SQLITE_3_39, drive::LEAN] {
        conforms(host);
    }
}

#[test]
fn an_sqlite_that_is_too_old_says_so() {
    if !old_is_there("3.34.0") {
        return;
    }
    let loads = Command::new(old("3.34.0")).arg(":memory:").arg(extension()).output().unwrap();
    let said = String::from_utf8(loads.stdout).unwrap();
    assert!(said.contains("aclite: incompatible: needs SQLite 3.34.1 or later; this is 3.34.0"), "{said}");
    assert_eq!(loads.status.code(), Some(2), "the process went on");
}

/// Plays every scene in `host` and compares.
#[track_caller]
fn conforms(host: Host) {
    if !(host.is_there)() {
        return;
    }
    let name = host.name;
    let dir = tempfile::tempdir().unwrap();
    let version = version(host, dir.path());
    eprintln!("{name}: SQLite {version}");
    let prepared = dir.path().join("prepared.db");
    world::make(&prepared);

    let (mut played, mut faults) = (0, Vec::new());
    for (index, scene) in scenes().iter().enumerate() {
        if scene.since.is_some_and(|since| number(&version) < number(since)) {
            eprintln!("SKIPPED: `{}` needs SQLite {}", scene.title, scene.since.unwrap_or_default());
            continue;
        }
        let path = dir.path().join(format!("scene-{index}.db"));
        std::fs::copy(&prepared, &path).unwrap();
        played += play(host, scene, &path, &mut faults);
    }
    eprintln!("{name}: SQLite {version}: {played} steps");
    assert!(played > 150, "only {played} steps were played");
    assert!(faults.is_empty(), "{name}, SQLite {version}: {} faults\n{}", faults.len(), faults.join("\n"));
}

/// Plays one scene in the file `path`, notes what is not as expected, and counts the steps.
fn play(host: Host, scene: &Scene, path: &Path, faults: &mut Vec<String>) -> usize {
    let connections: Vec<Connected> = scene
        .acts
        .iter()
        .map(|act| Connected {
            file: path.to_owned(),
            extension: (!act.bare).then(|| extension().to_owned()),
            sql: act.steps.iter().map(|step| step.sql(path)).collect(),
        })
        .collect();
    let outcomes = (host.play)(&connections);
    let steps: Vec<_> = scene.acts.iter().flat_map(|act| &act.steps).collect();
    let outcomes: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(steps.len(), outcomes.len(), "`{}` broke off", scene.title);
    faults.extend(
        steps
            .iter()
            .zip(&outcomes)
            .filter_map(|(step, outcome)| Some(format!("{}: {}", scene.title, step.fault(outcome)?))),
    );
    // Whatever was tried, the file is sound, and the guards are those of this version.
    let sound: String = raw(path).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let guards = Store::open(path).map(drop);
    if sound != "ok" || guards.is_err() != scene.tampers {
        faults.push(format!("{}: afterwards {sound}, {guards:?}", scene.title));
    }
    steps.len()
}

fn version(host: Host, dir: &Path) -> String {
    let asked =
        Connected { file: dir.join("version.db"), extension: None, sql: vec!["SELECT sqlite_version()".to_owned()] };
    (host.play)(&[asked])[0][0].as_ref().unwrap()[0].clone()
}

fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}
