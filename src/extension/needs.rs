//! What aclite needs of the SQLite that loads it. Where something is lacking, loading fails and says what.

use rusqlite::Connection;
use rusqlite::limits::Limit;

use crate::error::Code;
use crate::guard::refused;

/// More arguments than any call of a guard has: two values of each column that one call hands over, and its facts.
const ARGUMENTS: i32 = 100;

/// Fails with the first thing that is lacking.
pub(super) fn verify(conn: &Connection) -> rusqlite::Result<()> {
    let arguments = conn.limit(Limit::SQLITE_LIMIT_FUNCTION_ARG)?;
    if arguments < ARGUMENTS {
        return Err(refused(
            Code::Incompatible,
            format!(
                "a function may have {arguments} arguments in this SQLite, and a guard may need {ARGUMENTS}: raise SQLITE_MAX_FUNCTION_ARG, or the limit that the host sets"
            ),
        ));
    }
    // A build without foreign keys still lets them be switched on, and then enforces none.
    for (pragma, option) in [("foreign_keys", "SQLITE_OMIT_FOREIGN_KEY"), ("recursive_triggers", "SQLITE_OMIT_TRIGGER")]
    {
        if !conn.prepare(&format!("PRAGMA {pragma}"))?.exists([])? {
            return Err(refused(
                Code::Incompatible,
                format!("this SQLite was compiled with {option}: aclite needs what that leaves out"),
            ));
        }
    }
    if conn.prepare("SELECT json_extract('{}', '$')").is_err() {
        return Err(refused(
            Code::Incompatible,
            "this SQLite has no JSON functions: compile it with SQLITE_ENABLE_JSON1",
        ));
    }
    Ok(())
}
