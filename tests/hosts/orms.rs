//! Object-relational mappers and query builders work on a guarded file as on any other, upserts and endings included.
//!
//! `orms.py` and `orms.cjs` play the same scenes with each tool, in the words of that tool.

use std::process::Command;

use super::drive::{BETTER_SQLITE3_MODULE, here, python_command};
use super::habits::{prepared, succeeds, told};

use crate::support::extension::target;
use crate::support::file::there;

#[test]
fn sqlalchemy_works_on_a_guarded_file() {
    python_plays("sqlalchemy");
}

#[test]
fn django_works_on_a_guarded_file() {
    python_plays("django");
}

#[test]
fn peewee_works_on_a_guarded_file() {
    python_plays("peewee");
}

#[test]
fn sqlite_utils_works_on_a_guarded_file() {
    python_plays("sqlite-utils");
}

#[test]
fn kysely_works_on_a_guarded_file() {
    node_plays("kysely");
}

#[test]
fn knex_works_on_a_guarded_file() {
    node_plays("knex");
}

#[test]
fn drizzle_works_on_a_guarded_file() {
    node_plays("drizzle");
}

/// The example's way of telling refusals apart holds for the errors of drivers, and for those that builders wrap.
#[test]
fn nodes_example_tells_refusals_apart_through_every_wrapper() {
    let probe =
        "for (const name of ['better-sqlite3', 'libsql', '@libsql/client', 'drizzle-orm', 'kysely']) require(name)";
    if !there("drivers and query builders for node (see .ci/run)", node().args(["-e", probe])) {
        return;
    }
    for driver in ["better-sqlite3", "libsql"] {
        let (_dir, path) = prepared();
        let mut node = node();
        let node = node.args(["--test", "--test-reporter=tap"]).arg(here("tests/hosts/refusals.cjs"));
        let (said, _) = succeeds(told(node, &path).env("ACLITE_TEST_TOOL", driver));
        assert!(said.contains("\n# pass 3\n"), "{said}");
    }
}

/// How many scenes each file has: fewer that ran would be some that were lost.
const SCENES: usize = 9;

fn python_plays(tool: &str) {
    let probe = format!("import {}", tool.replace('-', "_"));
    if !there(&format!("{tool} for python3 (see .ci/run)"), python().args(["-c", &probe])) {
        return;
    }
    let (_dir, path) = prepared();
    let (_, said) = succeeds(told(&mut python(), &path).arg(here("tests/hosts/orms.py")).arg(tool));
    eprintln!("{}", said.lines().next().unwrap());
    let ran = said.split_once("\nRan ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    assert!(ran == Some(SCENES) && said.trim_end().ends_with("OK"), "{said}");
}

fn python() -> Command {
    let mut python = python_command();
    python.env("PYTHONPATH", target().join("hosts/orms/python"));
    python
}

fn node_plays(tool: &str) {
    let package = if tool == "drizzle" { "drizzle-orm" } else { tool };
    let probe = format!("require('{package}'); new (require('better-sqlite3'))(':memory:')");
    if !there(&format!("{package} for node (see .ci/run)"), node().args(["-e", &probe])) {
        return;
    }
    let (_dir, path) = prepared();
    let mut node = node();
    let node = node.args(["--test", "--test-reporter=tap"]).arg(here("tests/hosts/orms.cjs"));
    let (said, _) = succeeds(told(node, &path).env("ACLITE_TEST_TOOL", tool));
    eprintln!("{}", said.lines().find(|line| line.contains("SQLite")).unwrap_or(&said));
    assert!(said.contains(&format!("\n# pass {}\n", SCENES + 1)), "{said}");
}

/// Node, where it finds the tools beside better-sqlite3.
fn node() -> Command {
    let mut node = BETTER_SQLITE3_MODULE.command();
    let hosts = target().join("hosts");
    let modules = ["node", "libsql", "orms/node"].map(|dir| hosts.join(dir).join("node_modules"));
    node.env("NODE_PATH", std::env::join_paths(modules).unwrap());
    node
}
