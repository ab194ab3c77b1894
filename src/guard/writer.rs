//! The one writer of guard SQL: expands the markers of a guard file in a single pass.
//!
//! A guard file is plain SQL that any SQLite can load. Markers are comments in it:
//!
//! | marker | becomes |
//! |---|---|
//! | `/*+ NAME */` | what NAME stands for, inserted here |
//! | `/*+ NAME = */ sample /*-*/` | what NAME stands for, in place of the sample |
//!
//! INVARIANT: what a marker becomes is copied and never read again, so no name from a file can act as a marker.
//! Every name goes through [`quote`], every text through [`literal`].

use crate::error::{Error, Result};

/// An identifier, quoted for SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal of SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether guards can carry this name of a column, a collation, an index or a table: without quotes, control characters,
/// braces and comment marks. No name of Agor's or of a daemon's own tables needs one.
pub(super) fn is_plain(name: &str) -> bool {
    !name.chars().any(|char| char.is_control() || matches!(char, '\'' | '"' | '`' | '[' | ']' | '{' | '}' | '\u{feff}'))
        && !["--", "/*", "*/"].iter().any(|mark| name.contains(mark))
}

/// `sql` with each marker replaced by what `fill` answers for its name.
///
/// # Errors
/// `Storage` where `fill` does not know a name or a marker has no end: a fault in a guard file.
pub(super) fn expand(sql: &str, mut fill: impl FnMut(&str) -> Option<String>) -> Result<String> {
    let broken = |problem: &str| Error::broken(format!("a guard file {problem}"));
    let (mut out, mut rest) = (String::with_capacity(sql.len() * 2), sql);
    while let Some((before, marked)) = rest.split_once("/*+") {
        let (name, after) = marked.split_once("*/").ok_or_else(|| broken("has a marker without an end"))?;
        let (name, after) = match name.trim().strip_suffix('=') {
            Some(name) => {
                let (_, after) = after.split_once("/*-*/").ok_or_else(|| broken("has a sample without an end"))?;
                (name.trim(), after)
            }
            None => (name.trim(), after),
        };
        out.push_str(before);
        out.push_str(&fill(name).ok_or_else(|| broken(&format!("has an unknown marker `{name}`")))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The statements of a file, from their CREATE on; triggers end with `END;`, others with `;` at a line's end.
pub(super) fn statements(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    for line in sql.lines() {
        if current.is_none() && line.starts_with("CREATE ") {
            current = Some(String::new());
        }
        let Some(statement) = &mut current else { continue };
        if !statement.is_empty() {
            statement.push('\n');
        }
        statement.push_str(line);
        let trigger = statement.starts_with("CREATE TRIGGER");
        if (trigger && line == "END;") || (!trigger && line.trim_end().ends_with(';')) {
            let statement = current.take().unwrap_or_default();
            found.push(statement.trim_end().trim_end_matches(';').to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_marker_becomes_is_never_read_again() {
        let fill = |name: &str| match name {
            "row" => Some("/*+ row */ /*+ other */".to_owned()),
            "table" => Some("\"/*-*/\"".to_owned()),
            _ => None,
        };
        assert_eq!(
            expand("a /*+ row */ b /*+ table = */ sample /*-*/ c", fill).unwrap(),
            "a /*+ row */ /*+ other */ b \"/*-*/\" c"
        );
        for faulty in ["/*+ other */", "/*+ row", "/*+ table = */ sample"] {
            assert!(expand(faulty, fill).is_err(), "{faulty}");
        }
    }

    #[test]
    fn names_that_could_be_taken_for_sql_are_not_plain() {
        for name in ["status", "Session ID", "größe", "a-b", "index", "x+y"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["a'b", "a\"b", "a`b", "[a]", "{{changed}}", "a--b", "a/*b", "a*/", "a\nb", "a\0b", "\u{feff}a"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
