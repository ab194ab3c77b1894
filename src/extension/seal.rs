use super::Loaded;
use rusqlite::Result as SqlResult;
use rusqlite::functions::Context as Call;
pub(super) fn seal(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    loaded.alone("acl_seal")?;
    loaded.hosted()?.set_sealed();
    if let Some(e) = &loaded.empty {
        e.main(&loaded.hosted()?.connection()?)?;
    }
    Ok("sealed".to_owned())
}
