//! Opens the connection of a host that has loaded the extension.
#![expect(unsafe_code, reason = "rusqlite can't check what is in a loaded extension; here it is this crate")]

use std::path::Path;

use aclite::Actor;
use rusqlite::{Connection, Result, params_from_iter};

use super::extension::extension;

/// Opens `path` as a host does, and loads the extension.
pub fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("a host opens the file");
    load(&conn).expect("the extension loads");
    conn
}

/// Loads the extension into `conn`, under its default entry point.
pub fn load(conn: &Connection) -> Result<()> {
    // SAFETY: the extension is this crate, built just now.
    unsafe {
        conn.load_extension_enable()?;
        conn.load_extension(extension(), None::<&str>)?;
    }
    conn.load_extension_disable()
}

/// From now on `actor` acts on `conn`.
pub fn act_as(conn: &Connection, actor: &Actor) {
    let (set, who) = match actor {
        Actor::User(id) => ("SELECT acl_login(?1)", vec![id.as_str()]),
        Actor::Executor { user, session, task } => {
            ("SELECT acl_executor(?1, ?2, ?3)", vec![user.as_str(), session.as_str(), task.as_str()])
        }
        Actor::Agent { user, session } => ("SELECT acl_agent(?1, ?2)", vec![user.as_str(), session.as_str()]),
        Actor::Service(name) => ("SELECT acl_service(?1)", vec![name.as_str()]),
        Actor::System(reason) => ("SELECT acl_system(?1)", vec![reason.as_str()]),
        Actor::Anonymous => ("SELECT acl_logout()", vec![]),
        other => panic!("SQL has no word for {other:?}"),
    };
    let set: String = conn.query_row(set, params_from_iter(who), |row| row.get(0)).expect("who acts is set");
    assert!(!set.is_empty());
}

/// The result code and the text with which `sql` is refused.
#[track_caller]
pub fn refusal(conn: &Connection, sql: &str) -> (i32, String) {
    let run = || conn.prepare(sql)?.query([])?.next().map(drop);
    match run() {
        Err(rusqlite::Error::SqliteFailure(code, Some(text))) => (code.extended_code, text),
        other => panic!("{sql}: {other:?}"),
    }
}

/// Runs one statement to its end: how many rows it returned, or the text of its error.
pub fn run(conn: &Connection, sql: &str) -> std::result::Result<usize, String> {
    let run = || {
        let mut statement = conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    };
    run().map_err(|error: rusqlite::Error| match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text,
        error => error.to_string(),
    })
}
