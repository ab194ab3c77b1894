//! What an operator without the `aclite` command does to a file by SQL.

use std::path::Path;

use rusqlite::Result as SqlResult;
use rusqlite::functions::Context as Call;
use serde::Serialize;

use super::Loaded;
use crate::guard::failed;
use crate::store::{Adoption, CheckReport, Store};

/// What a check found, in the file and on this connection.
#[derive(Serialize)]
struct Checked {
    clean: bool,
    #[serde(flatten)]
    file: CheckReport,
    /// Why guards would not vouch for a write on this connection, whatever the file is like.
    connection: Option<String>,
}

/// `acl_check()`: whether guards and rules are as this version installs them, as JSON.
///
/// Looks at the file as it was committed last, through a connection of our own.
pub(super) fn check(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let file = Store::inspect(path(loaded)?).map_err(|error| failed(error.to_string()))?;
    let connection = loaded.context.host().map(|hosted| hosted.problem()).transpose()?.flatten();
    json(&Checked { clean: file.is_clean() && connection.is_none(), file, connection })
}

/// `acl_adopt()`: puts the guards into the file, as `aclite adopt` does; reports as JSON.
pub(super) fn adopt(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let hosted = loaded.context.host().ok_or_else(|| failed("this connection has no host"))?;
    if hosted.is_sealed() {
        return Err(failed("the connection is sealed"));
    }
    if !hosted.connection()?.is_autocommit() || hosted.running() > 1 {
        return Err(failed("a file is adopted outside of a transaction, with no other statement running"));
    }
    let report = Adoption::new().run(path(loaded)?).map_err(|error| failed(error.to_string()))?;
    json(&report)
}

fn path(loaded: &Loaded) -> SqlResult<&Path> {
    loaded.path.as_deref().ok_or_else(|| failed("the database is in memory"))
}

fn json(report: &impl Serialize) -> SqlResult<String> {
    serde_json::to_string(report).map_err(|error| failed(error.to_string()))
}
