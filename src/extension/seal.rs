use rusqlite::Result as SqlResult;
use rusqlite::functions::Context as Call;
use super::Loaded;
pub(super) fn seal(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    loaded.alone()?;
    loaded.hosted()?.set_sealed();
    if let Some(e) = &loaded.empty { e.main(&loaded.hosted()?.connection()?)?; }
    Ok("sealed".to_owned())
}
