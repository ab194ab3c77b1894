//! What an operator without the `aclite` command does to a file by SQL.

use rusqlite::Result as SqlResult;
use serde::Serialize;

use super::Loaded;
use crate::error::Told;
use crate::guard::failed;
use crate::sqlite::function::Call;
use crate::store::{Adoption, CheckReport, Store};

/// What a check found, in the file and on this connection.
#[derive(Serialize)]
struct Checked {
    clean: bool,
    #[serde(flatten)]
    file: CheckReport,
    /// Why the guards would refuse every write on this connection, whatever the file is like.
    connection: Option<String>,
}

/// `acl_check()`: whether guards and rules are as this version installs them, as JSON.
///
/// Looks at the file as it was committed last, through a connection of our own.
pub(super) fn check(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let file = Store::inspect(loaded.path()?).map_err(|error| Told::whole(&error))?;
    let connection = loaded.hosted.problem();
    json(&Checked { clean: file.is_clean() && connection.is_none(), file, connection })
}

/// `acl_adopt()`: puts the guards into the file, as `aclite adopt` does; reports as JSON.
pub(super) fn adopt(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    loaded.alone("acl_adopt")?;
    let report = Adoption::new().run(loaded.path()?).map_err(|error| Told::whole(&error))?;
    json(&report)
}

fn json(report: &impl Serialize) -> SqlResult<String> {
    serde_json::to_string(report).map_err(|error| failed(error.to_string()))
}
