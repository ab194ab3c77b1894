//! Searches of a whole text, which split nothing.
//!
//! Where a refusal rests on a word, the word counts wherever its letters stand: in a name, a literal or a comment. However a
//! name is quoted, its letters stand in the text one after another, so none is missed. Whoever spells such a word
//! without need is refused without need.

/// The names in `sql` that begin with `prefix`, in lower case.
pub(crate) fn names(sql: &str, prefix: &str) -> impl Iterator<Item = String> {
    let bytes = sql.as_bytes();
    let begins = bytes.windows(prefix.len()).enumerate();
    begins.filter(move |(_, part)| part.eq_ignore_ascii_case(prefix.as_bytes())).map(|(at, _)| {
        let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        bytes[at..].iter().take_while(of_name).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    })
}

/// Whether `name` stands in `sql`.
#[cfg(any(feature = "extension", test))]
pub(crate) fn holds(sql: &[u8], name: &str) -> bool {
    sql.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether `sql` is `wanted`, whatever its spaces, its semicolons and the case of its letters.
#[cfg(any(feature = "extension", test))]
pub(crate) fn is_just(sql: &[u8], wanted: &str) -> bool {
    let plain = |text: &[u8]| -> Vec<u8> {
        let kept = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b';');
        kept.map(u8::to_ascii_lowercase).collect()
    };
    plain(sql) == plain(wanted.as_bytes())
}

/// Whether `sql` begins with the word `keyword`, with nothing but space before it.
#[cfg(any(feature = "extension", test))]
pub(crate) fn begins_with(sql: &[u8], keyword: &str) -> bool {
    let Some((word, rest)) = sql.trim_ascii_start().split_at_checked(keyword.len()) else { return false };
    word.eq_ignore_ascii_case(keyword.as_bytes())
        && rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b';')
}

/// Whether `keyword`, in lower case, stands in `sql` as a word, as SQLite could read it.
pub(crate) fn has_word(sql: &str, keyword: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    // At the beginning of a token SQLite takes a byte order mark for a space.
    let of_word = |char: char| {
        char.is_ascii_alphabetic() || matches!(char, '_' | '$') || !(char.is_ascii() || char == '\u{feff}')
    };
    sql.match_indices(keyword).any(|(at, _)| {
        // A digit before it may end a parameter, `?1`; one after it belongs to the word.
        let (before, after) = (sql[..at].chars().next_back(), sql[at + keyword.len()..].chars().next());
        !before.is_some_and(of_word) && !after.is_some_and(|char| of_word(char) || char.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_in_whatever_case() {
        assert!(holds(b"select \"ACL_Seal\"()", "acl_seal") && !holds(b"acl _seal", "acl_seal"));
    }

    #[test]
    fn a_text_begins_with_a_whole_word() {
        for (sql, begins) in [
            ("BEGIN", true),
            (" \n\tbegin IMMEDIATE", true),
            ("Begin;", true),
            ("", false),
            ("BEG", false),
            ("BEGINS", false),
            ("BEGIN_", false),
            ("BEGIN\u{e9}", false),
            ("-- BEGIN\nUPDATE t SET a = 1", false),
            ("EXPLAIN BEGIN", false),
        ] {
            assert_eq!(begins_with(sql.as_bytes(), "BEGIN"), begins, "{sql}");
        }
    }

    #[test]
    fn only_the_text_itself_is_just_it() {
        for (sql, just) in [
            ("SELECT acl_seal()", true),
            ("  select\tACL_SEAL ( ) ;\n", true),
            ("SELECT acl_seal() -- now", false),
            ("SELECT acl_seal() FROM users", false),
        ] {
            assert_eq!(is_just(sql.as_bytes(), "SELECT acl_seal()"), just, "{sql}");
        }
    }
}
