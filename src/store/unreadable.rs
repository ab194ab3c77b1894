//! Which rows of a file the API can't read, or reads with something changed: for whoever adopts it.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::error::{Error, Result};
use crate::json;
use crate::merge;
use crate::record::{Board, Group, Kind, Message, Record, Repo, Session, Source, Task, User, Worktree};

/// How many rows of a table are named in a list; the rest is counted.
const MOST: usize = 100;

const MEND: &str = "its status can be set; System and Service can store another `data`";
const RETYPE: &str = "put it right by SQL as System, or, where it never changes, while the file is detached";
const SHOWN: &str = "what is stored stays as it is";

/// Rows as `TABLE ID: WHY; WHAT TO DO`.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Rows that can't be read, or not their `data`.
    pub(super) unreadable: Vec<String>,
    /// Rows that are read with something changed.
    pub(super) inexact: Vec<String>,
}

/// Reads every row of every table that has records.
pub(super) fn look(conn: &Connection) -> Result<Found> {
    let mut found = Found::default();
    table::<User>(conn, &mut found)?;
    table::<Repo>(conn, &mut found)?;
    table::<Board>(conn, &mut found)?;
    table::<Worktree>(conn, &mut found)?;
    table::<Session>(conn, &mut found)?;
    table::<Task>(conn, &mut found)?;
    table::<Message>(conn, &mut found)?;
    table::<Group>(conn, &mut found)?;
    Ok(found)
}

fn table<R: Record>(conn: &Connection, found: &mut Found) -> Result<()> {
    let failed = |error| Error::of_file("looking through the rows", error);
    let sql = format!("SELECT {} FROM main.{} AS t ORDER BY t.{}", R::select_list("t"), R::TABLE, R::KEY);
    let mut statement = conn.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let (mut unreadable, mut inexact) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        for (list, problem) in [(&mut unreadable, unread::<R>(row)), (&mut inexact, changed::<R>(row))] {
            if let Some(problem) = problem {
                list.push((list.len() < MOST).then(|| format!("{} {}: {problem}", R::TABLE, id(row))));
            }
        }
    }
    for (list, all) in [(unreadable, &mut found.unreadable), (inexact, &mut found.inexact)] {
        let rest = list.len().saturating_sub(MOST);
        all.extend(list.into_iter().flatten());
        if rest > 0 {
            all.push(format!("{}: {rest} more rows", R::TABLE));
        }
    }
    Ok(())
}

fn id(row: &Row<'_>) -> String {
    match row.get_ref(0) {
        Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Ok(ValueRef::Integer(number)) => number.to_string(),
        _ => "without an id".to_owned(),
    }
}

/// Why the row can't be read, and what to do.
fn unread<R: Record>(row: &Row<'_>) -> Option<String> {
    if let Err(error) = R::read(Source::Row(row, 0)) {
        let problem = error.to_string();
        // The record is named already.
        let problem = problem.split_once("`: ").map_or(problem.as_str(), |(_, problem)| problem);
        return Some(format!("{problem}; {RETYPE}"));
    }
    if !matches!(R::COLUMNS.last(), Some(column) if column.kind == Kind::Data) {
        return None;
    }
    let problem = match data::<R>(row) {
        None => "is not text without NUL".to_owned(),
        Some(text) => match json::parse_object(text) {
            Ok(_) => return None,
            Err(problem) if problem.is_type() => "is not a JSON object".to_owned(),
            Err(problem) => format!("is not what a reader can take: {problem}"),
        },
    };
    Some(format!("column `data` {problem}; {MEND}"))
}

/// What of the row is read otherwise than it is stored, and what to do.
fn changed<R: Record>(row: &Row<'_>) -> Option<String> {
    let odd = |(at, _): &(usize, _)| matches!(row.get_ref(*at), Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) if str::from_utf8(bytes).is_err());
    if let Some((_, column)) = R::COLUMNS.iter().enumerate().filter(|(_, column)| column.free).find(odd) {
        return Some(format!("column `{}` is not UTF-8, and read with U+FFFD; {SHOWN}", column.name));
    }
    let text = data::<R>(row).filter(|text| json::parse_object(text).is_ok())?;
    let problem = if !matches!(json::repaired(text), Some(std::borrow::Cow::Borrowed(_))) {
        "holds a lone surrogate, read as U+FFFD".to_owned()
    } else if !json::is_read_exactly(text) {
        "holds a number with more digits than `data()` gives; `data_text()` and JSON text have them all".to_owned()
    } else if let Err(problem @ merge::MergeError::RepeatedKey(_)) = merge::check_object(text) {
        format!("holds a {problem}, of which the last one counts")
    } else {
        return None;
    };
    Some(format!("column `data` {problem}; {SHOWN}"))
}

fn data<'r, R: Record>(row: &'r Row<'_>) -> Option<&'r str> {
    let at = R::COLUMNS.iter().position(|column| column.kind == Kind::Data)?;
    match row.get_ref(at).ok()? {
        ValueRef::Text(bytes) => merge::plain_text(bytes),
        _ => None,
    }
}
