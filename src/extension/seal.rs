//! Turning a host's connection into one that only reads what its actor may view.

use std::time::Duration;

use rusqlite::{Connection, Result as SqlResult};

use super::Loaded;
use crate::actor::Actor;
use crate::error::{Code, Told};
use crate::guard::refused;
use crate::sealed::{self, Bounds, Reader};
use crate::sqlite::function::Call;

/// How long the private reader waits for others.
const BUSY: Duration = Duration::from_secs(5);

/// `acl_seal()`: from now on the connection only reads what its actor may view, for good. Returns `sealed`.
///
/// The order matters. The private reader is there first, and finds the guards sound; then the connection loses its file, so that
/// nothing is left to read round the seal; then it gets the tables, which are that reader's.
pub(super) fn seal(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let hosted = loaded.alone("acl_seal")?;
    if hosted.is_sealed() {
        return Err(refused(Code::Denied, "the connection is sealed"));
    }
    // INVARIANT: nothing of the statement that asks reads the file that is taken away under it.
    if !hosted.is_just("SELECT acl_seal()") || hosted.reads() {
        let problem = "a connection is sealed by a statement that is nothing but SELECT acl_seal()";
        return Err(refused(Code::Invalid, problem));
    }
    let actor = loaded.context.state().actor.clone().unwrap_or(Actor::Anonymous);
    if actor == Actor::Anonymous {
        let remedy = "nobody is signed in, whose view the seal could show: SELECT acl_login(…) first";
        return Err(refused(Code::NotAuthenticated, remedy));
    }
    let path = loaded.path()?;
    let conn = hosted.connection()?;
    bare(&conn)?;
    let Some(detach_main) = &loaded.detach_main else {
        return Err(refused(Code::Incompatible, "sealing needs SQLite 3.39 or later, with sqlite3_deserialize"));
    };
    loaded.recorder.flush();
    let reader = Reader::open(path, &actor, BUSY).map_err(|error| Told::whole(&error))?;
    // INVARIANT: from here on the connection never gets its file back, whatever fails.
    hosted.set_sealed();
    let bounds = Bounds { watched: !detach_main.progresses(), ..Bounds::default() };
    let half = Half(&conn);
    detach_main.run(&conn)?;
    sealed::seal(&conn, reader, bounds).map_err(|error| Told::whole(&error))?;
    std::mem::forget(half);
    Ok("sealed".to_owned())
}

/// Half a seal is none: a connection that may still have its file can do nothing any more.
struct Half<'a>(&'a Connection);

impl Drop for Half<'_> {
    fn drop(&mut self) {
        if let Err(error) = sealed::close(self.0) {
            tracing::error!(%error, "a connection that was not sealed is not closed either");
        }
    }
}

/// Fails where the connection holds anything beside its main database: it would stay readable.
fn bare(conn: &Connection) -> SqlResult<()> {
    if conn.prepare("SELECT 1 FROM temp.sqlite_master")?.exists([])? {
        return Err(refused(Code::Conflict, "a connection with TEMP objects can't be sealed"));
    }
    let mut databases = conn.prepare("PRAGMA database_list")?;
    let mut databases = databases.query([])?;
    while let Some(row) = databases.next()? {
        if row.get::<_, i64>(0)? > 1 {
            return Err(refused(Code::Conflict, "a connection with attached databases can't be sealed"));
        }
    }
    Ok(())
}
