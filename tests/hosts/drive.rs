//! Each host plays the script on a SQLite of its own.
#![expect(unsafe_code, reason = "rusqlite can't check what is in a loaded extension; here it is this crate")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::{Connection, types::ValueRef};
use serde::{Deserialize, Serialize};

use super::script::Outcome;
use crate::support::extension::target;
use crate::support::file::there;

/// One connection that a host opens, and what it runs there.
#[derive(Serialize)]
pub(crate) struct Connected {
    pub(crate) file: PathBuf,
    pub(crate) extension: Option<PathBuf>,
    pub(crate) sql: Vec<String>,
}

/// One that loads the extension.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    /// Plays connections one after the other.
    pub(crate) play: fn(&[Connected]) -> Vec<Vec<Outcome>>,
    pub(crate) is_there: fn() -> bool,
}

pub(crate) const BUNDLED: Host = Host { name: "the bundled SQLite", play: bundled, is_there: || true };
pub(crate) const SHELL: Host =
    Host { name: "the sqlite3 shell", play: shell, is_there: || crate::support::file::host("sqlite3").is_some() };
pub(crate) const PYTHON_SQLITE3: Host =
    Host { name: "Python's sqlite3", play: |told| by_python("sqlite3", told), is_there: || python_has("sqlite3") };
pub(crate) const APSW: Host =
    Host { name: "apsw", play: |told| by_python("apsw", told), is_there: || python_has("apsw") };
pub(crate) const BETTER_SQLITE3: Host = Host {
    name: "better-sqlite3",
    play: |told| by_script(&BETTER_SQLITE3_MODULE, told),
    is_there: || BETTER_SQLITE3_MODULE.is_there(),
};
pub(crate) const LIBSQL: Host =
    Host { name: "libsql", play: |told| by_script(&LIBSQL_MODULE, told), is_there: || LIBSQL_MODULE.is_there() };
pub(crate) const NODE_SQLITE: Host = Host {
    name: "node:sqlite",
    play: |told| by_script(&NODE_SQLITE_MODULE, told),
    is_there: || NODE_SQLITE_MODULE.is_there(),
};
pub(crate) const BUN: Host =
    Host { name: "bun:sqlite", play: |told| by_script(&BUN_MODULE, told), is_there: || BUN_MODULE.is_there() };
pub(crate) const DENO: Host = Host {
    name: "node:sqlite in Deno",
    play: |told| by_script(&DENO_MODULE, told),
    is_there: || DENO_MODULE.is_there(),
};
/// Nearly the oldest that loads the extension at all.
pub(crate) const SQLITE_3_35: Host =
    Host { name: "SQLite 3.35.2", play: |told| alone("3.35.2", told), is_there: || old_is_there("3.35.2") };
/// The first that can be sealed.
pub(crate) const SQLITE_3_39: Host =
    Host { name: "SQLite 3.39.0", play: |told| alone("3.39.0", told), is_there: || old_is_there("3.39.0") };
/// With the options that SQLite's own page recommends, and the fewest arguments of a function that guards can do with.
pub(crate) const LEAN: Host = Host {
    name: "a lean SQLite 3.39.0",
    play: |told| alone("3.39.0-lean", told),
    is_there: || old_is_there("3.39.0-lean"),
};

/// All of them.
pub(crate) const HOSTS: [Host; 12] = [
    BUNDLED,
    SHELL,
    PYTHON_SQLITE3,
    APSW,
    BETTER_SQLITE3,
    LIBSQL,
    NODE_SQLITE,
    BUN,
    DENO,
    SQLITE_3_35,
    SQLITE_3_39,
    LEAN,
];

/// The `sqlite3` shell, a process for each connection.
fn shell(connections: &[Connected]) -> Vec<Vec<Outcome>> {
    connections.iter().map(in_a_shell).collect()
}

fn in_a_shell(connection: &Connected) -> Vec<Outcome> {
    let load = connection.extension.iter().map(|path| format!(".load {}", path.display()));
    let head: Vec<String> =
        [".mode list", ".nullvalue NULL", ".separator |"].map(str::to_owned).into_iter().chain(load).collect();
    let steps = connection.sql.iter().map(|sql| format!("{sql};"));
    let lines: Vec<String> = head.iter().cloned().chain(steps).collect();
    let said = converse(Command::new("sqlite3").arg(&connection.file), &lines);
    let (head, said) = said.split_at(head.len());
    assert!(head.iter().all(|said| said.error.is_empty()), "the shell is not ready: {head:?}");
    said.iter()
        .map(|said| if said.error.is_empty() { Ok(said.rows.clone()) } else { Err(said.error.clone()) })
        .collect()
}

/// What the shell answered to a line.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) rows: Vec<String>,
    pub(crate) error: String,
}

/// Gives `shell` its lines, each a statement or a dot command. Rows arrive on standard output behind a mark for each line,
/// errors on standard error with the number of their line.
pub(crate) fn converse(shell: &mut Command, lines: &[String]) -> Vec<Said> {
    const MARK: &str = "@@ next\n";
    let script: String = lines.iter().map(|line| format!(".print {MARK}{line}\n")).collect();
    let (rows, errors) = run(shell.arg("-batch"), &script);
    let rows = rows.split(MARK).skip(1).map(|rows| rows.lines().map(str::to_owned).collect());
    let mut said: Vec<Said> = rows.map(|rows| Said { rows, error: String::new() }).collect();
    assert_eq!(said.len(), lines.len(), "the shell broke off: {said:?} {errors}");
    let mut last = None;
    for line in errors.lines() {
        let mut text = line.to_owned();
        if let Some((kind, rest)) = line.split_once(" near line ") {
            let (number, rest) = rest.split_once(':').unwrap_or_else(|| panic!("an error has no line: {line}"));
            last = number.parse::<usize>().ok();
            text = format!("{kind}:{rest}");
        }
        let number = last.unwrap_or_else(|| panic!("the shell failed before the first line: {line}"));
        assert!(number % 2 == 0, "no line was told where the shell says: {line}");
        let error = &mut said[number / 2 - 1].error;
        *error = if error.is_empty() { text } else { format!("{error}\n{text}") };
    }
    said
}

/// A module of Python's, all connections in one process.
fn by_python(module: &str, connections: &[Connected]) -> Vec<Vec<Outcome>> {
    by_driver(python_command().arg(here("tests/hosts/driver.py")).arg(module), connections)
}

/// A module of a runtime of JavaScript, all connections in one process.
fn by_script(module: &Module, connections: &[Connected]) -> Vec<Vec<Outcome>> {
    by_driver(module.command().arg(here("tests/hosts/driver.cjs")).arg(module.name), connections)
}

fn by_driver(driver: &mut Command, connections: &[Connected]) -> Vec<Vec<Outcome>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Said {
        Rows(Vec<String>),
        Error(String),
    }
    let outcome = |said| match said {
        Said::Rows(rows) => Ok(rows),
        Said::Error(error) => Err(error),
    };
    let told = serde_json::to_string(connections).expect("paths are text");
    let (said, errors) = run(driver, &told);
    let said: Vec<Vec<Said>> =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{driver:?}: {error}: {said}{errors}"));
    said.into_iter().map(|act| act.into_iter().map(outcome).collect()).collect()
}

/// An old SQLite and nothing else (`host.c`), which `.ci/run` compiles: where it lies.
pub(crate) fn old(version: &str) -> PathBuf {
    target().join("hosts").join(format!("sqlite-{version}")).join("host")
}

pub(crate) fn old_is_there(version: &str) -> bool {
    there(&format!("SQLite {version} (see .ci/run)"), Command::new(old(version)).args([":memory:", "-"]))
}

/// A SQLite that `.ci/run` compiled, a process for each connection.
pub(crate) fn alone(version: &str, connections: &[Connected]) -> Vec<Vec<Outcome>> {
    connections.iter().map(|connection| in_a_process(version, connection)).collect()
}

fn in_a_process(version: &str, connection: &Connected) -> Vec<Outcome> {
    let extension = connection.extension.clone().unwrap_or_else(|| PathBuf::from("-"));
    let mut host = Command::new(old(version));
    let (said, errors) = run(host.arg(&connection.file).arg(extension).args(&connection.sql), "");
    let (mut outcomes, mut rows, mut error) = (Vec::new(), Vec::new(), None);
    for line in said.lines() {
        match line.split_at_checked(3) {
            Some(("=> ", row)) => rows.push(row.to_owned()),
            Some(("!! ", text)) => error = Some(text.to_owned()),
            _ if line == ".." => outcomes.push(error.take().map_or(Ok(std::mem::take(&mut rows)), Err)),
            _ => panic!("{line}: {errors}"),
        }
    }
    outcomes
}

/// The SQLite that is compiled into this test.
fn bundled(connections: &[Connected]) -> Vec<Vec<Outcome>> {
    connections
        .iter()
        .map(|connection| {
            let db = Connection::open(&connection.file).expect("the file opens");
            if let Some(path) = &connection.extension {
                load(&db, path);
            }
            connection.sql.iter().map(|sql| rows(&db, sql).map_err(|error| error.to_string())).collect()
        })
        .collect()
}

/// Loads the extension into `db`.
pub(crate) fn load(db: &Connection, extension: &Path) {
    // SAFETY: the file was built from this crate just now.
    unsafe {
        db.load_extension_enable().expect("extensions can be allowed");
        db.load_extension(extension, None::<&str>).expect("the extension loads");
    }
    db.load_extension_disable().expect("extensions can be forbidden");
}

fn rows(db: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let values: Result<Vec<_>, _> = (0..columns).map(|column| row.get_ref(column).map(text)).collect();
        lines.push(values?.join("|"));
    }
    Ok(lines)
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Debian's, whose `sqlite3` module is compiled to load extensions. Others in the path may not be.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Python, which finds apsw where `.ci/run` puts it.
pub(crate) fn python_command() -> Command {
    let mut python = Command::new(PYTHON);
    python.arg("-B").env("PYTHONPATH", target().join("hosts/python"));
    python
}

fn python_has(module: &str) -> bool {
    let open = if module == "apsw" { "Connection" } else { "connect" };
    let probe = format!("import {module}; {module}.{open}(':memory:').enable_load_extension(True)");
    there(&format!("{module} for python3 (see .ci/run)"), python_command().args(["-c", &probe]))
}

pub(crate) fn python_is_there() -> bool {
    python_has("sqlite3")
}

/// A module that holds SQLite, and the runtime of JavaScript that runs it.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    /// The runtime, and what it is told before the script.
    runtime: &'static [&'static str],
    /// Where `.ci/run` puts the module and the runtime, below `target/hosts`. Node itself is that of the system where
    /// no other is there.
    place: &'static str,
}

pub(crate) const BETTER_SQLITE3_MODULE: Module = Module { name: "better-sqlite3", runtime: &["node"], place: "node" };
pub(crate) const LIBSQL_MODULE: Module = Module { name: "libsql", runtime: &["node"], place: "libsql" };
pub(crate) const NODE_SQLITE_MODULE: Module = Module { name: "node:sqlite", runtime: &["node"], place: "node-24" };
const BUN_MODULE: Module = Module { name: "bun:sqlite", runtime: &["bun"], place: "bun" };
const DENO_MODULE: Module =
    Module { name: "node:sqlite", runtime: &["deno", "run", "--quiet", "--allow-all"], place: "deno" };

impl Module {
    /// The runtime, which finds the module.
    pub(crate) fn command(&self) -> Command {
        let modules = target().join("hosts").join(self.place).join("node_modules");
        let own = modules.join(".bin").join(self.runtime[0]);
        let mut runtime = if own.exists() { Command::new(own) } else { Command::new(self.runtime[0]) };
        runtime.args(&self.runtime[1..]).env("NODE_PATH", modules);
        runtime
    }

    /// Whether the driver opens a database, and is told nothing else.
    pub(crate) fn is_there(&self) -> bool {
        let what = format!("{} for {} (see .ci/run)", self.name, self.runtime[0]);
        there(&what, self.command().arg(here("tests/hosts/driver.cjs")).arg(self.name))
    }
}

/// A path in the project.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What `command` says when it is told `input`, on both channels.
pub(crate) fn run(command: &mut Command, input: &str) -> (String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a channel was asked for");
    let told = std::thread::scope(|scope| {
        // In a thread of its own, since the other end may stop reading until it is read itself.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    });
    let output = told.expect("a process ends");
    let text = |bytes| String::from_utf8(bytes).expect("hosts speak UTF-8");
    (text(output.stdout), text(output.stderr))
}
