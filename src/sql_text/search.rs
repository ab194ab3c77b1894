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
pub(crate) fn holds(sql: &[u8], name: &str) -> bool {
    sql.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether `sql` is `wanted`, whatever its spaces, its semicolons and the case of its letters.
pub(crate) fn is_just(sql: &[u8], wanted: &str) -> bool {
    let plain = |text: &[u8]| -> Vec<u8> {
        let kept = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b';');
        kept.map(u8::to_ascii_lowercase).collect()
    };
    plain(sql) == plain(wanted.as_bytes())
}

/// Whether `sql` could join a table that holds secrets by the names of its columns, `USING` or
/// `NATURAL`: SQLite shows such columns to no authorizer, and a FULL JOIN hands their values out.
///
/// The names of table and column stand in the text somewhere, and so does the keyword, as a word.
pub(crate) fn joins_secrets_by_name(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    // At the beginning of a token SQLite takes a byte order mark for a space.
    let of_word = |char: char| {
        char.is_ascii_alphabetic() || matches!(char, '_' | '$') || !(char.is_ascii() || char == '\u{feff}')
    };
    let stands = |keyword: &str| {
        sql.match_indices(keyword).any(|(at, _)| {
            // A digit before it may end a parameter, `?1`; one after it belongs to the word.
            let (before, after) = (sql[..at].chars().next_back(), sql[at + keyword.len()..].chars().next());
            !before.is_some_and(of_word) && !after.is_some_and(|char| of_word(char) || char.is_ascii_digit())
        })
    };
    let secret_column = || sql.contains("password") || sql.contains("data");
    (sql.contains("users") || sql.contains("sessions")) && (stands("natural") || (stands("using") && secret_column()))
}

/// Whether `sql` could be `INSERT INTO copy SELECT * FROM users`: into a table of the same shape
/// SQLite copies whole records, and shows none of their columns to any authorizer.
///
/// The star of such a statement never follows a parenthesis, as that of `count(*)` does.
pub(crate) fn copies_whole(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    ["users", "sessions"].iter().any(|table| sql.contains(table))
        && ["insert", "replace"].iter().any(|word| sql.contains(word))
        && sql.match_indices('*').any(|(at, _)| !sql[..at].ends_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn joins_by_name_are_found_wherever_sqlite_could_read_them() {
        for (sql, found) in [
            ("SELECT 1 FROM a JOIN users USING (password)", true),
            ("SELECT 1 FROM a natural full join \"Sessions\"", true),
            ("SELECT $a(') FROM a JOIN users USING (data) -- '", true),
            ("SELECT 1 FROM users LEFT JOIN a ON ?1USING (data)", true),
            ("SELECT 1 FROM a/**/NATURAL/**/JOIN users", true),
            ("SELECT password FROM copy \u{feff}NATURAL FULL JOIN users", true),
            ("SELECT password FROM copy FULL JOIN users \u{feff}USING(password)", true),
            ("SELECT 1 FROM tasks JOIN messages USING (task_id)", false),
            ("SELECT 1 FROM tasks JOIN sessions USING (session_id)", false),
            ("SELECT unnatural, using_it, using2 FROM users", false),
            ("SELECT name FROM users JOIN worktree_owners AS o ON o.user_id = users.user_id", false),
        ] {
            assert_eq!(joins_secrets_by_name(sql), found, "{sql}");
        }
    }

    #[test]
    fn copies_of_whole_tables_are_found_wherever_sqlite_could_read_them() {
        for (sql, found) in [
            ("INSERT INTO copy SELECT * FROM users", true),
            ("replace into copy select*from[Sessions]", true),
            ("INSERT INTO copy SELECT ALL/*(*/*/**/FROM main.\"users\"", true),
            ("INSERT INTO copy SELECT count(*) FROM users", false),
            ("INSERT INTO copy SELECT name FROM users", false),
            ("INSERT INTO copy SELECT * FROM tasks", false),
            ("SELECT * FROM users", false),
        ] {
            assert_eq!(copies_whole(sql), found, "{sql}");
        }
    }
}
