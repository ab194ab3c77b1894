//! Functions of SQLite's whose time grows with the product of their arguments, done in time that grows with their sum.
//!
//! A single call of `instr` or `replace` on long texts could take hours, and nothing interrupts a call.

use std::collections::HashSet;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Result};

use crate::error::{Code, Told};
use crate::sqlite::function::{Call, Functions};

/// Whether `name` is one of them.
pub(super) fn replaces(name: &str) -> bool {
    ["instr", "replace", "trim", "ltrim", "rtrim"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Registers them on `conn`. No result is longer than `length`. False where they could not take the
/// place of SQLite's own, because a statement is running: on a host's connection, the one that seals it.
pub(super) fn register(conn: &Connection, length: usize) -> Result<bool> {
    match functions(conn, length) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        registered => registered.map(|()| true),
    }
}

fn functions(conn: &Connection, length: usize) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS | FunctionFlags::SQLITE_DETERMINISTIC;
    let conn = Functions(conn);
    conn.create_scalar_function("instr", 2, flags, instr)?;
    conn.create_scalar_function("replace", 3, flags, move |call| replace(call, length))?;
    for (name, left, right) in [("trim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
        for arguments in [1, 2] {
            conn.create_scalar_function(name, arguments, flags, move |call| trim(call, left, right))?;
        }
    }
    Ok(())
}

fn failed(text: &str) -> rusqlite::Error {
    Told::new(Code::Invalid, text).into()
}

/// The text of an argument, as SQLite has it; NULL is none.
fn text(call: &Call<'_>, index: usize) -> Result<Option<String>> {
    Ok(match call.get_raw(index) {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|_| failed("an argument is not UTF-8"))?;
            Some(text.to_owned())
        }
        ValueRef::Real(_) => return Err(failed("an argument is a REAL; CAST it to text")),
    })
}

fn instr(call: &Call<'_>) -> Result<Option<i64>> {
    let (Some(hay), Some(needle)) = (text(call, 0)?, text(call, 1)?) else { return Ok(None) };
    let Some(at) = hay.find(&needle) else { return Ok(Some(0)) };
    let blobs = [0, 1].iter().all(|index| matches!(call.get_raw(*index), ValueRef::Blob(_)));
    let before = if blobs { at } else { hay[..at].chars().count() };
    Ok(i64::try_from(before).ok().map(|before| before + 1))
}

fn replace(call: &Call<'_>, length: usize) -> Result<Option<String>> {
    let (Some(text), Some(from)) = (text(call, 0)?, text(call, 1)?) else { return Ok(None) };
    if from.is_empty() {
        return Ok(Some(text));
    }
    let Some(to) = self::text(call, 2)? else { return Ok(None) };
    let found = text.matches(&from).count();
    let longer = found.saturating_mul(to.len()).saturating_add(text.len() - found * from.len());
    if longer > length {
        return Err(failed("string or blob too big"));
    }
    Ok(Some(text.replace(&from, &to)))
}

fn trim(call: &Call<'_>, left: bool, right: bool) -> Result<Option<String>> {
    let Some(text) = text(call, 0)? else { return Ok(None) };
    let set = if call.len() > 1 { self::text(call, 1)? } else { Some(" ".to_owned()) };
    let Some(set) = set else { return Ok(None) };
    let set: HashSet<char> = set.chars().collect();
    let mut rest = text.as_str();
    if left {
        rest = rest.trim_start_matches(|char| set.contains(&char));
    }
    if right {
        rest = rest.trim_end_matches(|char| set.contains(&char));
    }
    Ok(Some(rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_answer_as_sqlites_own_do() {
        let (own, ours) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        register(&ours, 1 << 20).unwrap();
        let values =
            ["NULL", "''", "'a'", "'aXbXc'", "'  x '", "'ééüa'", "'ü'", "12", "x'6158'", "x'58'", "'aa'", "'aaaa'"];
        let mut calls: Vec<String> = Vec::new();
        for first in values {
            calls.extend(["trim", "ltrim", "rtrim"].map(|name| format!("{name}({first})")));
            for second in values {
                calls.extend(["instr", "trim", "ltrim", "rtrim"].map(|name| format!("{name}({first}, {second})")));
                calls.push(format!("replace({first}, {second}, 'zz')"));
                calls.push(format!("replace({first}, {second}, NULL)"));
            }
        }
        for call in calls {
            let ask = |conn: &Connection| -> String {
                conn.query_row(&format!("SELECT typeof({call}) || ' ' || quote({call})"), [], |row| row.get(0)).unwrap()
            };
            assert_eq!(ask(&ours), ask(&own), "{call}");
        }
    }
}
