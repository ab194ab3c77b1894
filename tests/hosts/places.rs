//! However a host opens its file, refusals are recorded, or the extension says that they are not, and why.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

use super::drive::{self, Connected, HOSTS, Host, Said, alone, converse, load, old_is_there};
use super::script::Outcome;
use super::world;
use crate::support::extension::extension;
use crate::support::file::{host, raw, texts};

/// What every place is asked, one statement after the other.
const ASKED: [&str; 7] = [
    "SELECT json_extract(acl_check(), '$.clean'), json_extract(acl_check(), '$.connection'), json_extract(acl_check(), '$.unrecorded')",
    "SELECT acl_login('dee')",
    // Dee may only view the task.
    "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'",
    "SELECT acl_system('moving house')",
    "SELECT acl_adopt() LIKE '%\"already\":true%'",
    "SELECT acl_login('dee')",
    "SELECT acl_seal()",
];

/// What each of them answers: a row or a part of the error.
type Answers = [Result<&'static str, &'static str>; 7];

const REFUSED: Result<&str, &str> = Err("may not patch task `t-w`");
const RECORDED: Answers = [Ok("1|NULL|NULL"), Ok("dee"), REFUSED, Ok("moving house"), Ok("1"), Ok("dee"), Ok("sealed")];
/// Where nothing can be written, nothing is refused either.
const READ_ONLY: Answers = [
    Ok("1|NULL|NULL"),
    Ok("dee"),
    Err("attempt to write a readonly database"),
    Err("the host opened it to read only"),
    Err("the host opened the database to read only"),
    Ok("dee"),
    Ok("sealed"),
];

/// A prepared file of this name, without a log: some ways to open a file can't use one.
fn prepared(name: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    world::make(&path);
    let mode: String = raw(&path).query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

fn played(host: Host, file: &str, sql: &[&str]) -> Vec<Outcome> {
    let sql = sql.iter().map(|sql| (*sql).to_owned()).collect();
    (host.play)(&[Connected { file: file.into(), extension: Some(extension().to_owned()), sql }]).remove(0)
}

/// Fails unless `host` gives the `answers` where it opens `place`; tells how many refusals are in the audit of `file` then.
#[track_caller]
fn answers(host: Host, place: &str, file: &str, answers: &Answers) -> usize {
    for ((sql, outcome), answer) in ASKED.iter().zip(played(host, place, &ASKED)).zip(answers) {
        let as_expected = match (&outcome, answer) {
            (Ok(rows), Ok(row)) => rows == &[*row],
            (Err(error), Err(part)) => error.contains(part),
            _ => false,
        };
        assert!(as_expected, "{}, {place}: {sql}: expected {answer:?}, got {outcome:?}", host.name);
    }
    denials(file)
}

fn denials(file: &str) -> usize {
    texts(&raw(Path::new(file)), "SELECT record FROM acl_audit WHERE door = 'sql' AND verdict = 'denied'").len()
}

#[test]
fn a_path_may_hold_whatever_a_path_may_hold() {
    for host in HOSTS.into_iter().filter(|host| (host.is_there)()) {
        let (_dir, file) = prepared("a b%20c?d=1&e#f ä日.db");
        // Two are too old to be sealed.
        let mut expected = RECORDED;
        if host.name == drive::SQLITE_3_35.name {
            expected[6] = Err("sealing needs SQLite 3.39");
        }
        assert_eq!(answers(host, &file, &file, &expected), 1, "{}", host.name);
    }
}

/// Systems but Windows and macOS take any bytes for a name.
#[cfg(target_os = "linux")]
#[test]
fn a_path_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let (dir, file) = prepared("named.db");
    let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"odd\xff.db"));
    std::fs::rename(&file, &odd).unwrap();
    let conn = Connection::open(&odd).unwrap();
    load(&conn, extension());
    let ask = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, String>(0));
    assert!(ask("SELECT acl_check()").unwrap().contains(r#""clean":true"#));
    assert_eq!(ask("SELECT acl_login('dee')").unwrap(), "dee");
    assert!(conn.execute_batch(ASKED[2]).is_err());
    assert_eq!(texts(&raw(&odd), "SELECT record FROM acl_audit WHERE door = 'sql' AND verdict = 'denied'"), ["t-w"]);
    assert_eq!(ask("SELECT acl_seal()").unwrap(), "sealed");
}

/// Hosts that take URIs for names of files.
fn with_uris() -> impl Iterator<Item = Host> {
    [drive::BUNDLED, drive::SHELL, drive::LIBSQL].into_iter().filter(|host| (host.is_there)())
}

/// `file` as a URI with these parameters.
fn uri(file: &str, parameters: &str) -> String {
    format!(
        "file:{}?{parameters}",
        file.replace('%', "%25").replace(' ', "%20").replace('?', "%3f").replace('#', "%23")
    )
}

#[test]
fn a_uri_is_a_file_too() {
    for host in with_uris() {
        for parameters in ["mode=rw", "cache=shared", "cache=private&psow=0"] {
            let (_dir, file) = prepared("a b%.db");
            assert_eq!(answers(host, &uri(&file, parameters), &file, &RECORDED), 1, "{}: {parameters}", host.name);
        }
    }
}

#[test]
fn where_a_host_only_reads_nothing_is_missing() {
    for host in with_uris() {
        for parameters in ["mode=ro", "immutable=1"] {
            let (_dir, file) = prepared("only read.db");
            assert_eq!(answers(host, &uri(&file, parameters), &file, &READ_ONLY), 0, "{}: {parameters}", host.name);
        }
    }
}

/// Where a second connection could do harm or reach nothing, the guards work and the audit has no refusals.
#[test]
fn where_no_second_connection_is_safe_the_check_says_so() {
    for (parameters, why) in [
        ("nolock=1", "the host opened it with `nolock`, and takes no notice of another's locks"),
        ("vfs=unix-none", "the host opens it through the VFS `unix-none`, which is not the default one"),
        ("vfs=unix-dotfile", "the host opens it through the VFS `unix-dotfile`, which is not the default one"),
    ] {
        for host in with_uris() {
            let (_dir, file) = prepared("alone.db");
            let place = uri(&file, parameters);
            let told = format!("the database can't be opened a second time: {why}").leak();
            let check = format!("0|NULL|refusals leave no audit row: {told}").leak();
            let unrecorded: Answers = [Ok(check), Ok("dee"), REFUSED, Err(why), Err(told), Ok("dee"), Err(told)];
            assert_eq!(answers(host, &place, &file, &unrecorded), 0, "{}: {parameters}", host.name);
        }
    }
}

#[test]
fn a_connection_that_keeps_others_out_records_when_it_is_closed() {
    for host in HOSTS.into_iter().filter(|host| (host.is_there)()) {
        let (_dir, file) = prepared("locked.db");
        let sql = [
            "PRAGMA locking_mode = EXCLUSIVE",
            "SELECT count(*) FROM tasks",
            ASKED[0],
            ASKED[1],
            ASKED[2],
            "SELECT acl_adopt()",
            "SELECT acl_seal()",
        ];
        let outcomes = played(host, &file, &sql);
        let check = outcomes[2].as_ref().unwrap();
        assert_eq!(
            check,
            &["0|NULL|refusals leave their audit rows when the connection is closed: `locking_mode` is EXCLUSIVE"],
            "{}",
            host.name
        );
        assert!(
            outcomes[4].as_ref().is_err_and(|error| error.contains("may not patch")),
            "{}: {outcomes:?}",
            host.name
        );
        for refused in &outcomes[5..] {
            let told = refused.as_ref().unwrap_err();
            assert!(told.contains("the host keeps others out: `locking_mode` is EXCLUSIVE"), "{}: {told}", host.name);
        }
        assert_eq!(denials(&file), 1, "{}", host.name);
    }
}

/// A guarded database that a host has read into memory is guarded, and has no second connection.
#[test]
fn in_memory_the_guards_work_and_loading_and_the_check_say_what_is_lacking() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, file) = prepared("memory.db");
    let told = "refusals leave no audit row: the database can't be opened a second time: it is in memory";
    let lines: Vec<String> = [".mode list", ".nullvalue NULL", ".log stdout", &format!(".restore '{file}'")]
        .into_iter()
        .map(str::to_owned)
        .chain([format!(".load {}", extension().display())])
        .chain(ASKED.iter().map(|sql| format!("{sql};")))
        .collect();
    let said = converse(Command::new("sqlite3").arg(":memory:"), &lines);
    assert_eq!(warnings(&said[4]), [format!("(28) aclite: {told}")], "loading says so: {said:?}");
    assert_eq!(said[5].rows, [format!("0|NULL|{told}")]);
    assert_eq!(said[6].rows, ["dee"]);
    assert!(said[7].error.contains("may not patch task `t-w`"), "{said:?}");
    for refused in &said[8..10] {
        assert!(refused.error.contains("it is in memory"), "{refused:?}");
    }
    assert!(said[11].error.contains("it is in memory"), "{said:?}");
}

/// What SQLite's error log was warned of.
fn warnings(said: &Said) -> Vec<String> {
    assert!(said.error.is_empty(), "{said:?}");
    said.rows.iter().filter(|line| line.starts_with("(28) ")).cloned().collect()
}

#[test]
fn loading_warns_of_nothing_where_nothing_is_lacking() {
    if host("sqlite3").is_none() {
        return;
    }
    let (_dir, file) = prepared("silent.db");
    let lines = [".log stdout".to_owned(), format!(".load {}", extension().display())];
    for place in [file.clone(), uri(&file, "mode=ro")] {
        let said = converse(Command::new("sqlite3").arg(&place), &lines);
        assert!(warnings(&said[1]).is_empty(), "{place}: {said:?}");
    }
    let said = converse(Command::new("sqlite3").arg(uri(&file, "nolock=1")), &lines);
    assert!(warnings(&said[1])[0].contains("aclite: refusals leave no audit row"), "{said:?}");
}

/// What SQLite left out when it was compiled is named, and the process goes on.
#[test]
fn a_sqlite_that_lacks_something_says_what() {
    for (variant, told) in [
        (
            "3.39.0-few-arguments",
            "a function may have 99 arguments in this SQLite, and a guard may need 100: raise SQLITE_MAX_FUNCTION_ARG",
        ),
        ("3.39.0-no-foreign-keys", "compiled with SQLITE_OMIT_FOREIGN_KEY"),
        ("3.39.0-no-authorizer", "compiled with SQLITE_OMIT_AUTHORIZATION"),
        ("3.35.2-no-json", "this SQLite has no JSON functions: compile it with SQLITE_ENABLE_JSON1"),
    ] {
        if !old_is_there(variant) {
            continue;
        }
        let loads = Command::new(drive::old(variant)).arg(":memory:").arg(extension()).output().unwrap();
        let said = String::from_utf8(loads.stdout).unwrap();
        assert!(said.contains("aclite: ") && said.contains(told), "{variant}: {said}");
        assert_eq!(loads.status.code(), Some(2), "{variant}: the process went on");
    }
}

/// One connection is all that such a SQLite can have, so there is none for the audit.
#[test]
fn a_single_threaded_sqlite_records_no_refusals_and_says_so() {
    const SINGLE: &str = "3.39.0-single-threaded";
    if !old_is_there(SINGLE) {
        return;
    }
    let host = Host { name: SINGLE, play: |told| alone(SINGLE, told), is_there: || old_is_there(SINGLE) };
    let (_dir, file) = prepared("single.db");
    let told = "compiled or configured for single-threaded use only";
    let answered: Answers = [Err(told), Ok("dee"), REFUSED, Err(told), Err(told), Ok("dee"), Err(told)];
    assert_eq!(answers(host, &file, &file, &answered), 0);
}
