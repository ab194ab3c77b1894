//! What a trigger or a table of somebody else's says, as far as others have to know.

use super::lexer::{Kind, Token, tokens};

/// What a trigger does beside reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// The names that its statements write, in lower case.
    pub(crate) writes: Vec<String>,
    /// Whether it can make SQLite pass over the row that fired it, and over the triggers that are still to run for it.
    pub(crate) ignores: bool,
    /// Whether it can fail so that what its statement has written before stays.
    pub(crate) fails_halfway: bool,
}

/// Reads the text of a trigger as the schema keeps it; nothing where it is not understood.
///
/// SQLite has parsed it: INTO, UPDATE, DELETE and SET are keywords that no name has without quotes.
pub(crate) fn trigger(sql: &str) -> Option<Trigger> {
    let tokens: Vec<Token<'_>> = tokens(sql).collect();
    if tokens.iter().any(|token| token.kind == Kind::Illegal) {
        return None;
    }
    let program = program(&tokens)?;
    let is = |at: usize, word: &str| program.get(at).is_some_and(|token| token.is(word));
    let mut writes = Vec::new();
    for at in 0..program.len() {
        let target = match at {
            _ if is(at, "into") => at + 1,
            _ if is(at, "delete") && is(at + 1, "from") => at + 2,
            // `ON CONFLICT … DO UPDATE SET`: of the table that the INSERT names.
            _ if is(at, "update") && is(at + 1, "set") => continue,
            _ if is(at, "update") && is(at + 1, "or") => at + 3,
            _ if is(at, "update") => at + 1,
            _ => continue,
        };
        // A trigger can't name a schema there.
        if is(target + 1, ".") {
            return None;
        }
        let name = program.get(target)?.name()?.to_ascii_lowercase();
        if !writes.contains(&name) {
            writes.push(name);
        }
    }
    let raises = |what: &str| (0..program.len()).any(|at| is(at, "raise") && is(at + 1, "(") && is(at + 2, what));
    let or_fails = (0..program.len()).any(|at| is(at, "or") && is(at + 1, "fail"));
    Some(Trigger { writes, ignores: raises("ignore"), fails_halfway: or_fails || raises("fail") })
}

/// What follows the name of the trigger's table: WHEN and the statements.
fn program<'t>(tokens: &'t [Token<'t>]) -> Option<&'t [Token<'t>]> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    // A name, perhaps after that of a schema.
    let name = |at: usize| {
        tokens.get(at)?.name()?;
        Some(if is(at + 1, ".") { at + 3 } else { at + 1 })
    };
    let mut at = usize::from(is(0, "create"));
    at += usize::from(is(at, "temp") || is(at, "temporary"));
    if !is(at, "trigger") {
        return None;
    }
    at += if is(at + 1, "if") && is(at + 2, "not") && is(at + 3, "exists") { 4 } else { 1 };
    at = name(at)?;
    at += match at {
        _ if is(at, "before") || is(at, "after") => 1,
        _ if is(at, "instead") && is(at + 1, "of") => 2,
        _ => 0,
    };
    if !["delete", "insert", "update"].iter().any(|event| is(at, event)) {
        return None;
    }
    // The columns of UPDATE OF: ON is a keyword, and none of them.
    let on = (at + 1..tokens.len()).find(|at| is(*at, "on"))?;
    tokens.get(name(on + 1)?..)
}

/// The module of a virtual table, in lower case; nothing for another table.
pub(crate) fn module(sql: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> = tokens(sql).collect();
    if !tokens.get(1)?.is("virtual") {
        return None;
    }
    let using = tokens.iter().position(|token| token.is("using"))?;
    Some(tokens.get(using + 1)?.name()?.to_ascii_lowercase())
}

/// Whether a constraint of the table says ON CONFLICT FAIL.
pub(crate) fn conflicts_fail(sql: &str) -> bool {
    let tokens: Vec<Token<'_>> = tokens(sql).collect();
    tokens.windows(2).any(|pair| pair[0].is("conflict") && pair[1].is("fail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(sql: &str) -> Option<Vec<String>> {
        trigger(sql).map(|trigger| trigger.writes)
    }

    #[test]
    fn what_a_trigger_writes_is_found_however_it_is_quoted_and_spaced() {
        for (body, written) in [
            ("INSERT INTO users SELECT 1", "users"),
            ("insert/* x */or replace into/**/[Users] VALUES (1)", "users"),
            ("REPLACE INTO \"users\" VALUES (1)", "users"),
            ("UPDATE users SET a = 1", "users"),
            ("UPDATE OR IGNORE -- ' \n 'users' SET a = 1", "users"),
            ("DELETE FROM `Users`", "users"),
            ("DELETE FROM \"users \"", "users "),
            ("UPDATE \u{feff}users SET a = 1", "users"),
            ("INSERT INTO \"us\"\"ers\" VALUES (1)", "us\"ers"),
            ("UPDATE us$ers SET a = 1", "us$ers"),
            ("UPDATE \"or\" SET a = 1", "or"),
            ("UPDATE \"set\" SET a = 1", "set"),
            ("INSERT INTO users VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1 WHERE true", "users"),
            ("INSERT INTO users WITH tasks AS (SELECT 1) SELECT * FROM tasks", "users"),
            ("SELECT 'into tasks; UPDATE tasks SET a'; UPDATE users SET a = x'27'", "users"),
        ] {
            for head in [
                "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN",
                "CREATE TRIGGER t UPDATE OF a, \"on\", b ON notes FOR EACH ROW WHEN NEW.begin IS 'INTO tasks' BEGIN",
                "CREATE TRIGGER \"t on x begin\" INSTEAD OF DELETE ON \"update\" BEGIN",
                "CREATE TEMP TRIGGER IF NOT EXISTS temp.if BEFORE INSERT ON main.notes BEGIN SELECT begin;",
            ] {
                let sql = format!("{head} {body}; END");
                assert_eq!(writes(&sql), Some(vec![written.to_owned()]), "{sql}");
            }
        }
        let many = "CREATE TRIGGER t AFTER INSERT ON n BEGIN INSERT INTO a VALUES (1); DELETE FROM b; UPDATE c SET x = 1; DELETE FROM A; END";
        assert_eq!(writes(many), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
        assert_eq!(
            writes("CREATE TRIGGER t AFTER INSERT ON n BEGIN SELECT count(*) FROM tasks; END"),
            Some(Vec::new())
        );
    }

    #[test]
    fn what_is_not_understood_is_said_so() {
        for sql in [
            "",
            "CREATE TABLE t (a)",
            "CREATE TRIGGER",
            "CREATE TRIGGER t AFTER INSERT",
            "CREATE TRIGGER t AFTER INSERT ON n BEGIN INSERT INTO",
            "CREATE TRIGGER t AFTER INSERT ON n BEGIN INSERT INTO 1 VALUES (1); END",
            "CREATE TRIGGER t AFTER INSERT ON n BEGIN UPDATE main.tasks SET a = 1; END",
            "CREATE TRIGGER t AFTER INSERT ON n BEGIN SELECT 'open; END",
        ] {
            assert_eq!(trigger(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_ends_a_statement_halfway_is_found() {
        for (body, ignores, fails_halfway) in [
            ("SELECT RAISE(IGNORE)", true, false),
            ("SELECT CASE WHEN 1 THEN raise /* x */ ( /* y */ ignore ) END", true, false),
            ("SELECT RAISE(FAIL, 'x')", false, true),
            ("INSERT OR FAIL INTO log VALUES (1)", false, true),
            ("UPDATE OR/**/FAIL log SET a = 1", false, true),
            ("INSERT OR IGNORE INTO log VALUES (1)", false, false),
            ("SELECT RAISE(ABORT, 'ignore'), RAISE(ROLLBACK, 'or fail')", false, false),
        ] {
            let sql = format!("CREATE TRIGGER t AFTER UPDATE ON notes BEGIN {body}; END");
            let found = trigger(&sql).unwrap();
            assert_eq!((found.ignores, found.fails_halfway), (ignores, fails_halfway), "{sql}");
        }
        assert!(trigger("CREATE TRIGGER t AFTER UPDATE ON n WHEN RAISE(IGNORE) BEGIN SELECT 1; END").unwrap().ignores);
    }

    #[test]
    fn a_virtual_tables_module_is_the_one_that_follows_using() {
        for (sql, found) in [
            ("CREATE VIRTUAL TABLE f USING fts5(a, content='using')", Some("fts5")),
            ("CREATE VIRTUAL TABLE \"using\" USING/**/[FTS5](a)", Some("fts5")),
            ("CREATE TABLE virtual (using, fts5)", None),
            ("CREATE TABLE f (a)", None),
            ("", None),
        ] {
            assert_eq!(module(sql).as_deref(), found, "{sql}");
        }
        assert!(conflicts_fail("CREATE TABLE log (id UNIQUE ON CONFLICT /**/ FAIL)"));
        assert!(!conflicts_fail("CREATE TABLE log (id UNIQUE ON CONFLICT IGNORE, fail)"));
    }
}
