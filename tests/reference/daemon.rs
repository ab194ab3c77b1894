//! The daemon example runs, and each of its steps goes as it states.

#[allow(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/daemon/main.rs"]
mod example;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::file;

fn play(source: Option<&Path>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let day = example::play(source, dir.path()).unwrap();
    assert!(day.steps > 90, "only {} steps", day.steps);
    assert_eq!(day.surprises, 0, "steps were not as expected, see the lines above");
    (dir, day.path)
}

#[test]
fn the_day_goes_as_expected_in_a_new_file() {
    play(None);
}

#[test]
fn the_day_goes_as_expected_in_a_file_that_agor_wrote() {
    let Some(source) = std::env::var_os("ACLITE_AGOR_FILE") else {
        println!("SKIPPED: ACLITE_AGOR_FILE names no file");
        return;
    };
    let before = std::fs::read(&source).unwrap();
    play(Some(Path::new(&source)));
    assert!(std::fs::read(&source).unwrap() == before, "the file itself was touched");
}

#[test]
fn a_step_that_goes_otherwise_is_counted() {
    let mut stage = example::stage::Stage::new(aclite::Store::open(":memory:").unwrap());
    let missing = |tx: &aclite::ReadTx<'_>| tx.tasks().get("t");
    let _ = stage.read(&aclite::Actor::system("test"), "get task", "t", example::stage::ALLOWED, missing);
    stage.check("the sky is green", false);
    assert_eq!((stage.steps, stage.surprises), (2, 2));
}

#[test]
fn the_commands_to_look_further_do_what_they_say() {
    if file::host("sqlite3").is_none() {
        return;
    }
    let (_dir, path) = play(None);
    let commands = example::look_further(&path);
    let outputs: Vec<_> =
        commands.iter().map(|command| Command::new("sh").args(["-c", command]).output().unwrap()).collect();
    let (refused, reads) = outputs.split_last().unwrap();
    for (command, output) in commands.iter().zip(reads) {
        let rows = String::from_utf8_lossy(&output.stdout).lines().count();
        assert!(output.status.success() && rows > 2, "{command}: {output:?}");
    }
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("no such function: acl_"), "{said}");
}
