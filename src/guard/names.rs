//! Which names of ours SQL that is not ours may spell.

use crate::sql_text::lexer::{Token, tokens};
use crate::sql_text::search;

/// Names of ours that any SQL may spell, and so imitate.
const OPEN: [&str; 15] = [
    "acl_actor",
    "acl_now",
    "acl_merge",
    "acl_version",
    "acl_whoami",
    "acl_access",
    "acl_held",
    "acl_granted",
    "acl_rule",
    "acl_rules",
    "acl_settings",
    "acl_epoch",
    "acl_audit",
    "acl_tables",
    "acl_meta",
];

/// Whether only a trigger of ours can have this name: it is one that [`spells_ours`] finds in any
/// SQL, however that quotes it.
pub(crate) fn is_ours_alone(name: &str) -> bool {
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    name.starts_with("acl_") && name.chars().all(plain) && !OPEN.contains(&name)
}

/// The first name of a trigger or function of ours in `sql` that only aclite itself may use.
pub(crate) fn spells_ours(sql: &str) -> Option<String> {
    spelled(sql).next()
}

/// Every name in `sql` that [`spells_ours`] would find.
pub(super) fn spelled(sql: &str) -> impl Iterator<Item = String> {
    search::names(sql, "acl_").filter(|name| !OPEN.contains(&name.as_str()))
}

/// The tables that statements in `sql` write, by what follows INTO, UPDATE and DELETE FROM; and more than
/// these where something else follows, never fewer.
pub(super) fn written_by(sql: &str) -> Vec<String> {
    let tokens: Vec<Token<'_>> = tokens(sql).collect();
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let table = |at: usize| match at {
        _ if is(at, "into") => Some(at + 1),
        _ if is(at, "delete") && is(at + 1, "from") => Some(at + 2),
        _ if is(at, "update") && is(at + 1, "or") => Some(at + 3),
        _ if is(at, "update") => Some(at + 1),
        _ => None,
    };
    (0..tokens.len()).filter_map(|at| tokens.get(table(at)?)?.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_a_trigger_writes_are_found_however_they_are_quoted() {
        for (body, written) in [
            ("INSERT INTO users SELECT 1", "users"),
            ("insert/* x */or replace into/**/[users] VALUES (1)", "users"),
            ("REPLACE INTO \"users\" VALUES (1)", "users"),
            ("UPDATE users SET a = 1", "users"),
            ("UPDATE OR IGNORE -- ' \n 'users' SET a = 1", "users"),
            ("DELETE FROM `Users`", "Users"),
            ("UPDATE \u{feff}users SET a = 1", "users"),
            ("UPDATE OR IGNORE\u{feff} \u{feff}'users' SET a = 1", "users"),
            ("INSERT INTO \"us\"\"ers\" VALUES (1)", "us\"ers"),
            ("UPDATE us$ers SET a = 1", "us$ers"),
            ("UPDATE \"or\" SET a = 1", "or"),
            ("SELECT $x('); UPDATE users SET a = 1", "users"),
            ("SELECT x'27'; UPDATE users SET a = 1", "users"),
        ] {
            let sql = format!("CREATE TRIGGER t AFTER DELETE ON notes BEGIN SELECT 'into tasks'; {body}; END");
            assert!(written_by(&sql).contains(&written.to_owned()), "{sql}: {:?}", written_by(&sql));
        }
        let harmless = "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN INSERT INTO log SELECT * FROM users; END";
        assert!(!written_by(harmless).contains(&"users".to_owned()));
    }

    #[test]
    fn only_names_that_sql_cannot_spell_are_ours_alone() {
        for (name, ours) in [
            ("acl_users_before_update", true),
            ("acl_held", false),
            ("acl_rules", false),
            ("acl_held\"x", false),
            ("acl_held\u{e9}", false),
            ("ACL_users_before_update", false),
            ("users", false),
        ] {
            assert_eq!(is_ours_alone(name), ours, "{name}");
            assert!(!ours || spells_ours(&format!("WITH [{}] AS", name.to_ascii_uppercase())).is_some(), "{name}");
        }
    }
}
