//! Finding a record by the beginning of its id, among those that the caller may view.

use rusqlite::types::Value;

use super::read::Stored;
use crate::error::{Ambiguous, Error, Result};
use crate::operation::Action;
use crate::store::{ReadTx, op, traced};
use crate::verdict;

/// How many hexadecimal digits a prefix has at least.
const MIN_DIGITS: usize = 6;
/// Where the hyphens of a UUID stand, counted in digits before them.
const HYPHENS: [usize; 4] = [8, 12, 16, 20];

/// The whole id that begins with `prefix`.
pub(super) fn resolve<R: Stored>(tx: &ReadTx<'_>, prefix: &str) -> Result<String> {
    traced(op(R::RESOURCE, Action::Get), || among_visible::<R>(tx, prefix))
}

fn among_visible<R: Stored>(tx: &ReadTx<'_>, prefix: &str) -> Result<String> {
    verdict::signed_in(tx.actor())?;
    let start = canonical(prefix)?;
    // Hexadecimal digits and hyphens all come before `g`: the range is exactly what starts so.
    let end = format!("{start}g");
    let sql = format!(
        "SELECT t.{id} FROM {from} WHERE t.{id} >= ?1 AND t.{id} < ?2 AND {may_get}",
        id = R::KEY,
        from = R::FROM,
        may_get = R::may_get("acl_may_get"),
    );
    let params = [Value::Text(start), Value::Text(end)];
    let mut found = tx.rows(&format!("resolve a {}", R::RESOURCE), &sql, &params, |row| {
        row.get::<_, String>(0).map_err(|error| Error::storage(format!("the id of a {}", R::RESOURCE), error))
    })?;
    match (found.pop(), found.len()) {
        (Some(id), 0) => Ok(id),
        (None, _) => Err(Error::not_found(R::RESOURCE, prefix)),
        (Some(_), others) => {
            Err(Error::Ambiguous(Box::new(Ambiguous { prefix: prefix.to_owned(), count: others + 1 })))
        }
    }
}

/// The prefix as the stored ids have it: lower case, hyphens where a UUID has them.
fn canonical(prefix: &str) -> Result<String> {
    let digits: Vec<char> = prefix.chars().filter(|char| *char != '-').map(|char| char.to_ascii_lowercase()).collect();
    if !(MIN_DIGITS..=32).contains(&digits.len()) || digits.iter().any(|digit| !digit.is_ascii_hexdigit()) {
        return Err(Error::invalid("prefix", format!("must be {MIN_DIGITS} to 32 hexadecimal digits")));
    }
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.iter().enumerate() {
        if HYPHENS.contains(&index) {
            text.push('-');
        }
        text.push(*digit);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_takes_the_form_of_the_stored_ids() {
        for (given, canonical_form) in [
            ("0199AB", Some("0199ab")),
            ("0199abcd", Some("0199abcd")),
            ("0199abcde", Some("0199abcd-e")),
            ("0199-abcd-ef01", Some("0199abcd-ef01")),
            ("0199a", None),
            ("%%%%%%", None),
            ("______", None),
            ("0199ab*", None),
            ("", None),
        ] {
            assert_eq!(canonical(given).ok().as_deref(), canonical_form, "{given}");
        }
    }
}
