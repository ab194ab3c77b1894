//! The examples for other hosts run as they stand in `examples/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::drive::{BETTER_SQLITE3_MODULE, converse, here, python_command, python_is_there};

use crate::support::extension::extension;
use crate::support::file::host;

/// A file as `aclite init` makes it, in a directory of its own.
fn made() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("work.db");
    plays(Command::new(env!("CARGO_BIN_EXE_aclite")).arg("init").arg(&path));
    (dir, path)
}

fn plays(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Python, which leaves no compiled files beside the examples.
fn python(example: &str) -> Command {
    let mut python = python_command();
    python.arg(here(example));
    python
}

#[test]
fn nodes_service_patches_by_id_and_answers_with_a_status() {
    if !BETTER_SQLITE3_MODULE.is_there() {
        return;
    }
    let (_dir, path) = made();
    let said = plays(BETTER_SQLITE3_MODULE.command().arg(here("examples/node/demo.js")).arg(&path).arg(extension()));
    insta::assert_snapshot!(said, @r#"
    bo patches t-1 with {"model":"claude-sonnet-4-5","git_state":{"sha":"f00d"}}: 200 running fix the build claude-sonnet-4-5
    mallory patches t-1 with {"status":"failed"}: 403 may not patch task `t-1`: needs `prompt`, holds `view` (others) on worktree `w-1`
    mallory patches t-2 with {"status":"failed"}: 404 there is no task `t-2`
    mallory patches t-9 with {"status":"failed"}: 404 there is no task `t-9`
    nobody patches t-1 with {"status":"failed"}: 401 no such user
    bo patches t-1 with {"status":"completed"}: 200 completed fix the build claude-sonnet-4-5
    bo patches t-1 with {"status":"running"}: 409 task `t-1` has ended as `completed`
    bo patches t-1 with {"created_by":"mallory"}: 400 `created_by` is a column and can't be a key of `data` too
    in the audit: 4 refusals
    "#);
}

#[test]
fn pythons_agents_report() {
    if !python_is_there() {
        return;
    }
    let (_dir, path) = made();
    let said = plays(python("examples/python/report.py").arg(&path).arg(extension()));
    insta::assert_snapshot!(said, @r#"
    bo reports on t-1: {'full_prompt': 'fix the build', 'tool_use_count': 3, 'status': 'running'}
    mallory reports on t-1: DatabaseError denied may not patch task `t-1`: needs `prompt`, holds `view` (others) on worktree `w-1`
    mallory reports on t-2: DatabaseError not_found there is no task `t-2`
    bo reports on t-1: IntegrityError invalid `status` is a column and can't be a key of `data` too
    bo reports on t-9: None
    audit: bo t-1 allowed all owner
    audit: mallory t-1 denied view others
    audit: mallory t-2 denied none others
    audit: bo t-1 denied None `status` is invalid
    "#);
}

#[test]
fn pythons_sealed_connection_shows_what_the_user_may_view() {
    if !python_is_there() {
        return;
    }
    let (_dir, path) = made();
    plays(python("examples/python/report.py").arg(&path).arg(extension()));
    let ask = |user: &str, sql: &str| {
        python("examples/python/ask.py").arg(&path).arg(extension()).args([user, sql]).output().unwrap()
    };
    let tasks = "SELECT task_id, session_id FROM tasks ORDER BY task_id";
    for (user, rows) in [("bo", "t-1 s-1\nt-2 s-2\n"), ("mallory", "t-1 s-1\n")] {
        let said = ask(user, tasks);
        assert_eq!(String::from_utf8_lossy(&said.stdout), rows, "{user}: {said:?}");
    }
    for sql in ["SELECT * FROM main.tasks", "DELETE FROM tasks", "SELECT acl_login('bo')", "ATTACH 'other.db' AS other"]
    {
        let said = ask("mallory", sql);
        let error = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && said.stdout.is_empty() && error.starts_with("refused: "), "{sql}: {said:?}");
    }
}

#[test]
fn the_shells_session_goes_as_written() {
    if host("sqlite3").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for file in [extension(), &here("examples/world.sql")] {
        std::fs::copy(file, dir.path().join(file.file_name().unwrap())).unwrap();
    }
    let page = std::fs::read_to_string(here("examples/shell/session.md")).unwrap();
    let written: String = page.split("```\n").skip(1).step_by(2).collect();
    let played = replay(dir.path(), &written);
    assert!(written.lines().count() > 40, "the session is not found in the page: {written}");
    assert!(played == written, "the session went otherwise:\n{played}");
}

/// Runs the commands of a session, and writes down how it went.
fn replay(dir: &Path, written: &str) -> String {
    const PROMPT: &str = "sqlite> ";
    const MORE: &str = "   ...> ";
    let mut played = String::new();
    for command in written.split("$ ").skip(1) {
        let (first, rest) = command.split_once('\n').unwrap();
        let mut words = first.split(' ');
        let program = match words.next().unwrap() {
            "aclite" => env!("CARGO_BIN_EXE_aclite"),
            program => program,
        };
        let mut process = Command::new(program);
        process.args(words).current_dir(dir);
        played += &format!("$ {first}\n");
        if !rest.starts_with(PROMPT) {
            played += &plays(&mut process);
            continue;
        }
        // A statement of several lines is told as one.
        let prompts = rest.lines().filter(|line| line.starts_with(PROMPT) || line.starts_with(MORE));
        let typed: Vec<String> =
            prompts.collect::<Vec<_>>().join("\n").split(PROMPT).skip(1).map(str::to_owned).collect();
        let lines: Vec<String> = typed.iter().map(|typed| typed.replace(MORE, "").replace('\n', " ")).collect();
        for (typed, said) in typed.iter().zip(converse(&mut process, &lines)) {
            played += &format!("{PROMPT}{}\n", typed.trim_end());
            let error = said.error.lines().take(1).map(str::to_owned);
            for line in said.rows.into_iter().chain(error) {
                played += &format!("{line}\n");
            }
        }
    }
    played
}
