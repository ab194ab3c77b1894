//! Statements that could show secrets without an authorizer's being asked: found by searches of their whole text.

use super::search::has_word;
use crate::catalog;

/// Whether `sql` could join a table that holds secrets by the names of its columns, `USING` or
/// `NATURAL`: SQLite shows such columns to no authorizer, and a FULL JOIN hands their values out.
///
/// The names of table and column stand in the text somewhere, and so does the keyword, as a word.
pub(crate) fn joins_secrets_by_name(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    let secret_column =
        || catalog::with_secrets().any(|table| table.secret_columns().any(|column| lower.contains(column)));
    catalog::with_secrets().any(|table| lower.contains(table.name))
        && (has_word(sql, "natural") || (has_word(sql, "using") && secret_column()))
}

/// Whether `sql` could be `INSERT INTO copy SELECT * FROM users`: into a table of the same shape
/// SQLite copies whole records, and shows none of their columns to any authorizer.
///
/// The star of such a statement never follows a parenthesis, as that of `count(*)` does.
pub(crate) fn copies_whole(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    catalog::with_secrets().any(|table| sql.contains(table.name))
        && ["insert", "replace"].iter().any(|word| sql.contains(word))
        && sql.match_indices('*').any(|(at, _)| !sql[..at].ends_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;

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
