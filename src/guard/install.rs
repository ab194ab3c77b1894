//! Putting the guards into a file, and taking them out.

use rusqlite::Connection;

use super::template::{GUARDED, Table, quote, statements};
use crate::error::{Error, Incompatible, Result};

const ACCESS: &str = include_str!("../../sql/access.sql");
const RULES: &str = include_str!("../../sql/rules.sql");

/// Raised whenever a released view or guard changes. A file with an older one gets the present one
/// when it is opened; one with a newer is not opened.
pub(crate) const GENERATION: i64 = 1;

/// Something that an installation puts into the schema.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) sql: String,
}

/// Everything that belongs into this file's schema, given its tables as they are.
pub(super) fn objects(conn: &Connection) -> Result<Vec<Object>> {
    let mut objects = views();
    let mut problems = Vec::new();
    for (name, template) in GUARDED {
        let table = Table::read(conn, name)?;
        objects.extend(table.expand(template).into_iter().map(|sql| object("trigger", sql)));
        problems.extend(table.problems);
    }
    if problems.is_empty() { Ok(objects) } else { Err(Error::Incompatible(Box::new(Incompatible::Shape { problems }))) }
}

/// Fails with what keeps guards from being sound on this file's tables, which must all be there.
pub(crate) fn check_tables(conn: &Connection) -> Result<()> {
    objects(conn).map(drop)
}

pub(super) fn views() -> Vec<Object> {
    statements(ACCESS).into_iter().map(|sql| object("view", sql)).collect()
}

fn object(kind: &'static str, sql: String) -> Object {
    let name = sql.split_whitespace().nth(2).unwrap_or_default().to_owned();
    Object { kind, name, sql }
}

/// Installs views and guards, in place of any that are there.
///
/// Runs inside the caller's transaction.
pub(crate) fn install(conn: &Connection) -> Result<()> {
    remove(conn)?;
    for object in objects(conn)? {
        conn.execute_batch(&object.sql)
            .map_err(|error| Error::storage(format!("installing `{}`", object.name), error))?;
    }
    Ok(())
}

/// Writes the default rules and settings where absent, and the generation of what is installed.
///
/// Runs inside the caller's transaction, before [`install`]: afterwards the guards forbid it.
pub(crate) fn seed(conn: &Connection) -> Result<()> {
    let failed = |error| Error::storage("writing the default rules", error);
    conn.execute_batch(RULES).map_err(failed)?;
    conn.execute("INSERT OR REPLACE INTO acl_meta (name, value) VALUES ('generation', ?1)", [GENERATION])
        .map_err(failed)?;
    Ok(())
}

/// Takes out every view and trigger whose name says that it is aclite's, whatever generation it is of.
///
/// Runs inside the caller's transaction.
pub(crate) fn remove(conn: &Connection) -> Result<()> {
    let failed = |error| Error::storage("taking out the guards", error);
    let mut ours = conn
        .prepare(
            "SELECT type, name FROM main.sqlite_schema
             WHERE (type = 'trigger' AND name GLOB 'acl_*') OR (type = 'view' AND name GLOB 'acl_*')",
        )
        .map_err(failed)?;
    let drops = ours.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).map_err(failed)?;
    let drops = drops.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    for (kind, name) in drops {
        conn.execute_batch(&format!("DROP {kind} main.{}", quote(&name))).map_err(failed)?;
    }
    Ok(())
}
