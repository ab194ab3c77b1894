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
    /// The file of the main database; nothing where that is in memory.
    path: Option<PathBuf>,
    recorder: Arc<Recorder>,
    /// How the main database is taken away from the connection; nothing where its SQLite is too old for that.
    detach_main: Option<DetachMain>,
}

impl Loaded {
    /// The file of the main database, which is still the one that it was.
    fn path(&self) -> SqlResult<&Path> {
        let file = self.path.as_ref().filter(|path| self.hosted.file().as_ref() == Some(*path));
        let path =
            file.ok_or_else(|| refused(Code::Incompatible, "the database is in no file that can be opened again"))?;
        if self.recorder.is_same_file() {
            return Ok(path);
        }
        Err(refused(Code::Incompatible, "another file has taken the database's place"))
    }

    /// Fails unless a statement that runs names the function `name` itself: SQLite lets a TEMP view
    /// call what is DIRECTONLY, and whoever reads one need not know what it does. Nor may a statement
    /// that writes be running, be it the same: its SET is evaluated before the guard.
    fn direct(&self, name: &str) -> SqlResult<&HostConnection> {
        let hosted = &*self.hosted;
        if !hosted.is_named(name) {
            return Err(refused(Code::Denied, format!("unsafe use of {name}(): only a statement itself may call it")));
        }
        if hosted.writes() {
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
            return Err(refused(Code::Conflict, "that needs a connection on which no other statement runs"));
        }
        Ok(hosted)
    }

    /// Writes refusals that wait, where the connection holds no lock.
    fn settle(&self) {
        let free = |conn: Connection| conn.is_autocommit();
        if self.hosted.connection().is_ok_and(free) && !self.hosted.writes() {
            self.recorder.flush();
        }
    }
}

/// Makes `conn` a guarded door: registers the functions, and switches on what the guards rest on.
fn load(conn: &Connection, detach_main: Option<DetachMain>) -> SqlResult<Arc<Recorder>> {
    // Without foreign keys a record's parent may be anything: the guards refuse then.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    // A row that REPLACE deletes meets the guard of deletion.
    conn.pragma_update(None, "recursive_triggers", true)?;
    // No writable_schema, no writing to pages: SQL takes no guard away behind the schema's back.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let hosted = Arc::new(HostConnection::new(conn));
    let path = hosted.file();
    let context = Arc::new(Context::hosted(Arc::clone(&hosted) as _));
    register(conn, &context)?;
    // On a connection that only reads nothing is refused, and nothing of ours is written either.
    let written = path.clone().filter(|_| !conn.is_readonly("main").unwrap_or(true));
    let recorder = Arc::new(Recorder::new(Arc::clone(&hosted), written));
    let loaded = Arc::new(Loaded { context, hosted, path, recorder: Arc::clone(&recorder), detach_main });
    // Identity is set by a statement of the host's own, never by what a view or a trigger holds.
    let direct = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let innocuous = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let with = |work: fn(&Call<'_>, &Loaded) -> SqlResult<String>| {
        let loaded = Arc::clone(&loaded);
        move |call: &Call<'_>| work(call, &loaded)
    };
    let functions = Functions(conn);
    functions.create_scalar_function("acl_login", 1, direct, with(identity::login))?;
    functions.create_scalar_function("acl_login", 2, direct, with(identity::login))?;
    functions.create_scalar_function("acl_logout", 0, direct, with(identity::logout))?;
    functions.create_scalar_function("acl_system", 1, direct, with(identity::system))?;
    functions.create_scalar_function("acl_whoami", 0, innocuous, with(identity::whoami))?;
    functions.create_scalar_function("acl_seal", 0, direct, with(seal::seal))?;
    functions.create_scalar_function("acl_check", 0, direct, with(maintenance::check))?;
    functions.create_scalar_function("acl_adopt", 0, direct, with(maintenance::adopt))?;
    let constant = innocuous | FunctionFlags::SQLITE_DETERMINISTIC;
    functions.create_scalar_function("acl_version", 0, constant, |_| Ok(env!("CARGO_PKG_VERSION")))?;
    loaded.hosted.remember();
    Ok(recorder)
}

/// Whether the functions are there already, from whichever copy of the library.
fn is_loaded(conn: &Connection) -> bool {
    conn.prepare("SELECT acl_whoami()").is_ok()
}
