//! The loadable extension: the same guards on a connection that a host owns.
//!
//! [`load`] gives the connection our functions and switches on what the guards rest on. Who acts is
//! set by SQL (`identity`), refusals reach the audit by a connection of our own (`recorder`),
//! `maintenance` checks and adopts, `seal` turns the connection into one that only reads what its actor may view.

mod entry;
mod hosted;
mod identity;
mod looks;
mod maintenance;
mod needs;
mod place;
mod recorder;
mod running;
mod seal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Result as SqlResult};

use crate::error::Code;
use crate::guard::{Context, refused, register};
use crate::sqlite::function::{Call, Functions};
use entry::DetachMain;
use hosted::HostConnection;
use recorder::Recorder;

/// What the functions of one connection share.
struct Loaded {
    context: Arc<Context>,
    hosted: Arc<HostConnection>,
    /// The file of the main database, or why a second connection can't open it.
    place: Result<PathBuf, String>,
    recorder: Arc<Recorder>,
    /// How the main database is taken away from the connection; nothing where its SQLite is too old for that.
    detach_main: Option<DetachMain>,
}

impl Loaded {
    /// The file of the main database, which is still the one that it was, for a second connection.
    fn path(&self) -> SqlResult<&Path> {
        let path = self.place.as_ref().map_err(|why| unreachable(why))?;
        if self.hosted.file().as_ref() != Ok(path) {
            return Err(unreachable("it is not in the file any more that it was in"));
        }
        if self.hosted.locks_others_out() {
            return Err(unreachable("the host keeps others out: `locking_mode` is EXCLUSIVE"));
        }
        if self.recorder.is_same_file() {
            Ok(path)
        } else {
            Err(refused(Code::Incompatible, "another file has taken the database's place"))
        }
    }

    /// Why refusals on this connection leave no audit row, or leave it late; nothing where they do.
    fn unrecorded(&self) -> Option<String> {
        // Where nothing can be written, nothing is refused.
        if self.hosted.is_sealed() || self.hosted.is_readonly() {
            return None;
        }
        match self.unreached() {
            Some(why) => {
                Some(format!("refusals leave no audit row: the database can't be opened a second time: {why}"))
            }
            None if self.hosted.locks_others_out() => Some(
                "refusals leave their audit rows when the connection is closed: `locking_mode` is EXCLUSIVE".to_owned(),
            ),
            None => None,
        }
    }

    /// Why a second connection can't read the database.
    fn unreached(&self) -> Option<String> {
        self.place.clone().and_then(|path| place::reach(&path)).err()
    }

    /// Fails unless a statement that runs names the function `name` itself: SQLite lets a TEMP view
    /// call what is DIRECTONLY, and whoever reads one need not know what it does. Nor may a statement
    /// that writes be running, be it the same: its SET is evaluated before the guard.
    fn direct(&self, name: &str) -> SqlResult<&HostConnection> {
        let hosted = &*self.hosted;
        if !hosted.is_named(name) {
            return Err(refused(Code::Denied, format!("unsafe use of {name}(): only a statement itself may call it")));
        }
        if hosted.writes() || hosted.writes_by(name) {
            return Err(refused(Code::Denied, format!("{name}() can't be called while a statement writes")));
        }
        Ok(hosted)
    }

    /// Fails unless no transaction is open and nothing runs but the statement that names the function `name`.
    fn alone(&self, name: &str) -> SqlResult<&HostConnection> {
        let hosted = self.direct(name)?;
        if !hosted.connection()?.is_autocommit() {
            return Err(refused(Code::Conflict, "that needs a connection with no transaction open"));
        }
        if hosted.running() > 1 {
            return Err(refused(
                Code::Conflict,
                "that needs a connection on which no other statement runs, nor waits since it was told SQLITE_BUSY",
            ));
        }
        Ok(hosted)
    }

    /// Writes refusals that wait, where the connection holds no lock.
    fn settle(&self) {
        let free = |conn: Connection| conn.is_autocommit();
        if self.hosted.connection().is_ok_and(free) && !self.hosted.holds_write_lock() {
            self.recorder.flush();
        }
    }
}

fn unreachable(why: &str) -> rusqlite::Error {
    refused(Code::Incompatible, format!("the database can't be opened a second time: {why}"))
}

/// Makes `conn` a guarded door: registers the functions, and switches on what the guards rest on.
fn load(conn: &Connection, detach_main: Option<DetachMain>) -> SqlResult<Arc<Recorder>> {
    needs::verify(conn)?;
    // Without foreign keys a record's parent may be anything: the guards refuse then.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    // A row that REPLACE deletes meets the guard of deletion.
    conn.pragma_update(None, "recursive_triggers", true)?;
    // No writable_schema, no writing to pages: SQL takes no guard away behind the schema's back.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let hosted = Arc::new(HostConnection::new(conn));
    let place = hosted.file();
    let context = Arc::new(Context::hosted(Arc::clone(&hosted) as _));
    register(conn, &context)?;
    // On a connection that only reads nothing is refused, and nothing of ours is written either.
    let readonly = conn.is_readonly("main").unwrap_or(true);
    let written = if readonly { Err("the host opened it to read only".to_owned()) } else { place.clone() };
    let recorder = Arc::new(Recorder::new(Arc::clone(&hosted), written));
    let loaded = Arc::new(Loaded { context, hosted, place, recorder: Arc::clone(&recorder), detach_main });
    // Identity is set by a statement of the host's own, never by what a view or a trigger holds.
    let direct = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let innocuous = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let with = |work: fn(&Call<'_>, &Loaded) -> SqlResult<String>| {
        let loaded = Arc::clone(&loaded);
        move |call: &Call<'_>| work(call, &loaded)
    };
    let functions = Functions(conn);
    // Of any number of arguments: a wrong one is a sign-in that failed, after which nobody is signed in.
    functions.create_scalar_function("acl_login", -1, direct, with(identity::login))?;
    functions.create_scalar_function("acl_executor", -1, direct, with(identity::executor))?;
    functions.create_scalar_function("acl_agent", -1, direct, with(identity::agent))?;
    functions.create_scalar_function("acl_service", -1, direct, with(identity::service))?;
    functions.create_scalar_function("acl_system", -1, direct, with(identity::system))?;
    functions.create_scalar_function("acl_logout", 0, direct, with(identity::logout))?;
    functions.create_scalar_function("acl_whoami", 0, innocuous, with(identity::whoami))?;
    functions.create_scalar_function("acl_seal", 0, direct, with(seal::seal))?;
    functions.create_scalar_function("acl_check", 0, direct, with(maintenance::check))?;
    functions.create_scalar_function("acl_adopt", 0, direct, with(maintenance::adopt))?;
    let constant = innocuous | FunctionFlags::SQLITE_DETERMINISTIC;
    functions.create_scalar_function("acl_version", 0, constant, |_| Ok(env!("CARGO_PKG_VERSION")))?;
    loaded.hosted.remember();
    if let Some(why) = loaded.unrecorded() {
        place::warn(&format!("aclite: {why}"));
    }
    Ok(recorder)
}

/// Whether the functions are there already, from whichever copy of the library.
fn is_loaded(conn: &Connection) -> bool {
    conn.prepare("SELECT acl_whoami()").is_ok()
}
