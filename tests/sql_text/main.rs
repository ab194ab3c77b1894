//! The lexer compared with SQLite's tokenizer.
//!
//! After `EXPLAIN QUERY` the parser accepts PLAN alone. Any other token makes it fail, and its message quotes that token.
//! So SQLite shows where each token of a text ends, and whether it is one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a helper can't do is a failed test")]

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Type;

use lexer::{Kind, Token, tokens};

#[path = "../../src/sql_text/lexer.rs"]
mod lexer;
#[path = "../../src/sql_text/search.rs"]
mod search;

/// What SQLite says of the first token of `text`.
fn first_by_sqlite(conn: &Connection, text: &str) -> String {
    let failed = conn.prepare(&format!("EXPLAIN QUERY/**/{text}")).map(drop).unwrap_err();
    match failed {
        rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)) => msg,
        other => panic!("{other}"),
    }
}

/// What it must say where the lexer is right.
fn expected(token: Option<Token<'_>>) -> String {
    match token {
        None => "incomplete input".to_owned(),
        Some(Token { kind: Kind::Illegal, text }) => format!("unrecognized token: \"{text}\""),
        Some(Token { text, .. }) => format!("near \"{text}\": syntax error"),
    }
}

fn compare(conn: &Connection, sql: &str) {
    let (mut rest, mut found) = (sql, tokens(sql));
    loop {
        let token = found.next();
        assert_eq!(first_by_sqlite(conn, rest), expected(token), "{rest:?} of {sql:?}");
        let Some(token) = token else { return };
        kind(conn, token);
        let end = token.text.as_ptr() as usize + token.text.len() - sql.as_ptr() as usize;
        rest = &sql[end..];
    }
}

/// Compares what the token is. Where SQLite does not take it at all, as a keyword for a name, nothing is known.
fn kind(conn: &Connection, token: Token<'_>) {
    let Token { kind, text } = token;
    if let Ok(named) = conn.prepare(&format!("SELECT 1 AS {text}")) {
        assert_eq!(token.name().as_deref(), named.column_name(0).ok(), "{token:?}");
    }
    if let Ok(mut value) = conn.prepare(&format!("SELECT {text}")) {
        assert_eq!(value.parameter_count() > 0, kind == Kind::Variable, "{token:?}");
        let mut rows = value.raw_query();
        let found = rows.next().unwrap().unwrap().get_ref(0).unwrap().data_type();
        match kind {
            Kind::Text => assert_eq!(found, Type::Text, "{token:?}"),
            Kind::Blob => assert_eq!(found, Type::Blob, "{token:?}"),
            Kind::Number => assert!(matches!(found, Type::Integer | Type::Real), "{token:?}"),
            // NULL, CURRENT_TIME and so on; with nothing bound, a variable is NULL.
            Kind::Word | Kind::Variable => {}
            Kind::Quoted | Kind::Sign | Kind::Illegal => panic!("no value: {token:?}"),
        }
    }
}

fn connection() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    for setting in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
        conn.set_db_config(setting, false).unwrap();
    }
    conn
}

/// Pieces that begin, end or hide other pieces.
fn piece() -> impl Strategy<Value = String> {
    let marks = "' \" ` [ ] '' -- /* */ / * - > ->> $ @ # : :: ? ?1 $x( ( ) . .. , ; ! != < <> = | || & ~ \\ { ^";
    let words =
        "x' X' x'0 ab 0x 0xF 1 1_ _ 1.5 1e e+1 E- e5 a update FROM select into é 😀 \u{feff} \u{fefe} \u{fffd} \u{85}";
    let spaces = [" ", "\n", "\t", "\x0b", "\x0c", "\r", "\u{1}", "\u{7f}", "\u{a0}"];
    let pieces: Vec<&str> = marks.split(' ').chain(words.split(' ')).chain(spaces).collect();
    prop_oneof![9 => prop::sample::select(pieces).prop_map(str::to_owned), 1 => "[^\\x00]"]
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["natural", "Using", "acl_guard", "\"Acl_Guard\"", "'acl_entry'", "[acl_x]"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_token_is_the_one_that_sqlite_reads(pieces in prop::collection::vec(piece(), 0..14)) {
        compare(&connection(), &pieces.concat());
    }

    /// What the lexer reads, a search of the whole text finds too.
    #[test]
    fn no_search_misses_a_token(pieces in prop::collection::vec(piece(), 0..10), word in word(), at in 0_usize..10) {
        let mut pieces = pieces;
        pieces.insert(at.min(pieces.len()), word.to_owned());
        let sql = pieces.concat();
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        for token in tokens(&sql) {
            let keyword = token.is("natural") || token.is("using");
            prop_assert!(!keyword || ["natural", "using"].iter().any(|word| search::has_word(&sql, word)), "{sql:?}");
            let Some(name) = token.name().filter(|name| !name.is_empty() && plain(name)) else { continue };
            prop_assert!(search::holds(sql.as_bytes(), &name), "{sql:?}");
            let ours = name.to_ascii_lowercase().starts_with("acl_");
            prop_assert!(!ours || search::names(&sql, "acl_").any(|found| found.eq_ignore_ascii_case(&name)), "{sql:?}");
        }
    }
}

#[test]
fn odd_tokens_are_those_that_sqlite_reads() {
    use Kind::{Blob, Illegal, Number, Quoted, Sign, Text, Variable, Word};
    let conn = connection();
    let cases: [(&str, &[(Kind, &str)]); 26] = [
        ("a$b\u{feff}c é", &[(Word, "a$b\u{feff}c"), (Word, "é")]),
        ("\u{feff}a \u{feff}\u{feff}'b'", &[(Word, "a"), (Text, "'b'")]),
        ("$\u{feff}", &[(Variable, "$\u{feff}")]),
        (
            "'a''b' \"a\"\"b\" `a``b` [a\"b]]",
            &[(Text, "'a''b'"), (Quoted, "\"a\"\"b\""), (Quoted, "`a``b`"), (Quoted, "[a\"b]"), (Illegal, "]")],
        ),
        ("'a''", &[(Illegal, "'a''")]),
        ("[a", &[(Illegal, "[a")]),
        ("a--b\n\x0bc--d", &[(Word, "a"), (Word, "c")]),
        ("a--b\rc", &[(Word, "a")]),
        ("a/*/b*/c/**/d/*e", &[(Word, "a"), (Word, "c"), (Word, "d")]),
        ("/*", &[(Sign, "/"), (Sign, "*")]),
        ("a \x0bb", &[(Word, "a"), (Word, "b")]),
        ("a\x0bb", &[(Word, "a"), (Illegal, "\x0b"), (Word, "b")]),
        ("$x('),y", &[(Variable, "$x(')"), (Sign, ","), (Word, "y")]),
        ("$x(' )", &[(Illegal, "$x('"), (Sign, ")")]),
        ("$x(y", &[(Illegal, "$x(y")]),
        ("$(x)", &[(Illegal, "$"), (Sign, "("), (Word, "x"), (Sign, ")")]),
        (":a::b:c", &[(Variable, ":a::b"), (Variable, ":c")]),
        ("::", &[(Illegal, ":"), (Illegal, ":")]),
        ("?1y?", &[(Variable, "?1"), (Word, "y"), (Variable, "?")]),
        ("x'0aFf'x'' X'0' x'g'", &[(Blob, "x'0aFf'"), (Blob, "x''"), (Illegal, "X'0'"), (Illegal, "x'g'")]),
        ("x'0'' x", &[(Illegal, "x'0'"), (Illegal, "' x")]),
        (
            "1.5e+3 .5 1. 1_0 0xF_F 1e+",
            &[
                (Number, "1.5e+3"),
                (Number, ".5"),
                (Number, "1."),
                (Number, "1_0"),
                (Number, "0xF_F"),
                (Illegal, "1e"),
                (Sign, "+"),
            ],
        ),
        ("1\u{feff}", &[(Illegal, "1\u{feff}")]),
        ("0x 0xg", &[(Illegal, "0x"), (Illegal, "0xg")]),
        ("a->>b-->c", &[(Word, "a"), (Sign, "->>"), (Word, "b")]),
        ("!=!<>>=||&", &[(Sign, "!="), (Illegal, "!"), (Sign, "<>"), (Sign, ">="), (Sign, "||"), (Sign, "&")]),
    ];
    for (sql, expected) in cases {
        let found: Vec<_> = tokens(sql).map(|token| (token.kind, token.text)).collect();
        assert_eq!(found, expected, "{sql:?}");
        compare(&conn, sql);
    }
}

#[test]
fn the_text_ends_at_a_nul() {
    assert_eq!(tokens("a /* \0 */ b").count(), 1);
    assert_eq!(tokens("'a\0'").map(|token| token.kind).collect::<Vec<_>>(), [Kind::Illegal]);
}

#[test]
fn a_keyword_has_no_quotes() {
    for (sql, is) in [("from", true), ("From", true), ("\"from\"", false), ("'from'", false), ("from_", false)] {
        assert_eq!(tokens(sql).next().unwrap().is("FROM"), is, "{sql}");
    }
}
