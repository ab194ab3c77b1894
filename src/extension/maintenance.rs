//! What an operator without the `aclite` command does to a file by SQL.

use rusqlite::Result as SqlResult;
use serde::Serialize;

use super::Loaded;
use crate::error::{Code, Told};
use crate::guard::{failed, refused};
use crate::sqlite::function::Call;
use crate::store::{Adoption, CheckReport, Store, inspect};

/// What a check found, in the file and on this connection.
#[derive(Serialize)]
struct Checked {
    clean: bool,
    #[serde(flatten)]
    file: CheckReport,
    /// Why the guards would refuse every write on this connection, whatever the file is like.
    connection: Option<String>,
    /// Why refusals on this connection leave no audit row, or leave it late.
    unrecorded: Option<String>,
}

/// `acl_check()`: whether guards and rules are as this version installs them, as JSON.
///
/// Looks at the file as it was committed last, through a connection of our own; where there can be none, through this one.
pub(super) fn check(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let shut_out = loaded.unreached().is_some() || loaded.hosted.locks_others_out();
    let file = if shut_out { inspect(&loaded.hosted.connection()?) } else { Store::inspect(loaded.path()?) };
    let file = file.map_err(|error| Told::whole(&error))?;
    let compiles = || file.is_clean().then(|| loaded.hosted.uncompilable()).flatten();
    let connection = loaded.hosted.problem().or_else(compiles);
    let unrecorded = loaded.unrecorded();
    let clean = file.is_clean() && connection.is_none() && unrecorded.is_none();
    json(&Checked { clean, file, connection, unrecorded })
}

/// `acl_adopt()`: puts the guards into the file, as `aclite adopt` does; reports as JSON.
pub(super) fn adopt(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    loaded.alone("acl_adopt")?;
    if loaded.hosted.is_readonly() {
        return Err(refused(Code::Incompatible, "the host opened the database to read only"));
    }
    let report = Adoption::new().run(loaded.path()?).map_err(|error| Told::whole(&error))?;
    json(&report)
}

fn json(report: &impl Serialize) -> SqlResult<String> {
    serde_json::to_string(report).map_err(|error| failed(error.to_string()))
}
