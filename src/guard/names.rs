//! Which names of ours SQL that is not ours may spell.

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

#[cfg(test)]
mod tests {
    use super::*;

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
