//! The loadable extension: the same guards on a connection that a host owns.
//!
//! [`load`] gives the connection our functions and switches on what the guards rest on. Who acts is
//! set by SQL (`identity`), refusals reach the audit by a connection of our own (`recorder`),
//! `upkeep` checks and adopts, `seal` turns the connection into one that only reads what its actor may view.

mod entry;
mod identity;
mod recorder;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::functions::{Context as Call, FunctionFlags};
use rusqlite::{Connection, Result as SqlResult};

use crate::guard::{Context, Hosted, register};
use recorder::Recorder;

/// What the functions of one connection share.
struct Loaded {
    context: Arc<Context>,
    /// The file of the main database; nothing where that is in memory.
    path: Option<PathBuf>,
    recorder: Arc<Recorder>,
}

impl Loaded {
    /// Writes refusals that wait, where the connection holds no lock.
    fn settle(&self) {
        let free = |conn: Connection| conn.is_autocommit();
        if self.context.host().is_some_and(|hosted| hosted.connection().is_ok_and(free) && !hosted.writes()) {
            self.recorder.flush();
        }
    }
}

/// Makes `conn` a guarded door: registers the functions, and switches on what the guards rest on.
fn load(conn: &Connection) -> SqlResult<Arc<Recorder>> {
    // Without foreign keys a record's parent may be anything: the guards refuse then.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    // A row that REPLACE deletes meets the guard of deletion.
    conn.pragma_update(None, "recursive_triggers", true)?;
    let context = Arc::new(Context::hosted(Hosted::new(conn)));
    register(conn, &context)?;
    let path = conn.path().filter(|path| !path.is_empty()).map(PathBuf::from);
    let recorder = Arc::new(Recorder::new(Arc::clone(&context), path.clone()));
    let loaded = Arc::new(Loaded { context, path, recorder: Arc::clone(&recorder) });
    // Identity is set by a statement of the host's own, never by what a view or a trigger holds.
    let direct = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let innocuous = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let with = |work: fn(&Call<'_>, &Loaded) -> SqlResult<String>| {
        let loaded = Arc::clone(&loaded);
        move |call: &Call<'_>| work(call, &loaded)
    };
    conn.create_scalar_function("acl_login", 1, direct, with(identity::login))?;
    conn.create_scalar_function("acl_login", 2, direct, with(identity::login))?;
    conn.create_scalar_function("acl_logout", 0, direct, with(identity::logout))?;
    conn.create_scalar_function("acl_system", 1, direct, with(identity::system))?;
    conn.create_scalar_function("acl_whoami", 0, innocuous, with(identity::whoami))?;
    conn.create_scalar_function("acl_check", 0, direct, with(upkeep::check))?;
    conn.create_scalar_function("acl_adopt", 0, direct, with(upkeep::adopt))?;
    let constant = innocuous | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("acl_version", 0, constant, |_| Ok(env!("CARGO_PKG_VERSION")))?;
    Ok(recorder)
}
