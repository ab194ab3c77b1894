//! How much a statement becomes before SQLite has looked at it once.
//!
//! SQLite copies a common table expression for each mention, and the expression of a column or alias for each use, one
//! level after the other. A few hundred characters can so become more than any memory holds, while nothing is called that
//! could stop it. So the text is weighed beforehand: never too light, sometimes too heavy.

use std::collections::{HashMap, HashSet};

use crate::sql_text::lexer::{self, Kind, tokens};

/// How long a statement may be, in bytes.
pub(super) const LENGTH: usize = 64 << 10;
/// How many tokens a statement may become.
const MOST: u64 = 500_000;

/// What is wrong with the statement, if it becomes too much or can't be weighed.
pub(super) fn problem(sql: &str) -> Option<&'static str> {
    if sql.len() > LENGTH {
        return Some("is too long");
    }
    let tokens = read(sql);
    if tokens.contains(&Token::Hiding) {
        return Some("names a parameter with parentheses");
    }
    let mut text =
        Text { closes: closes(&tokens), tokens: &tokens, definitions: HashMap::new(), bodies: HashSet::new() };
    for at in 0..tokens.len() {
        if let Some((name, body)) = text.definition(at) {
            text.bodies.insert(body.0);
            if text.definitions.insert(name, body).is_some() {
                return Some("names two common table expressions alike");
            }
        }
    }
    let mut weigher = Weigher { text: &text, known: HashMap::new() };
    match weigher.weigh((0, tokens.len()), None, 0) {
        Some(weight) if weight <= MOST => None,
        Some(_) => Some("unfolds to too much: it uses the same columns or common table expressions too often"),
        None => Some("is nested too deeply, or in a circle"),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name or a keyword, in lower case.
    Word(String),
    /// What stands in single quotes, in lower case: SQLite takes it for a name where only a name can stand.
    Text(String),
    Number,
    /// A parameter or a blob.
    Value,
    Dot,
    Open,
    Close,
    Star,
    /// A parameter such as `$x(…)`: what stands in its parentheses is part of its name, quotes too. SQLite can be built
    /// so that it reads those as SQL.
    Hiding,
    Other,
}

/// A stretch of tokens: from the first to before the second.
type Span = (usize, usize);

struct Text<'t> {
    tokens: &'t [Token],
    closes: HashMap<usize, usize>,
    /// Where the bodies of common table expressions begin.
    bodies: HashSet<usize>,
    /// The body of each common table expression, by its name.
    definitions: HashMap<String, Span>,
}

impl Text<'_> {
    fn word(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The name of a column or alias that may stand here: not of a table, before a dot. Where rows are sorted or
    /// grouped, a number may be any column, however it is written.
    fn used(&self, at: usize, sorting: bool) -> Option<&str> {
        let name = match self.tokens.get(at)? {
            Token::Number => return sorting.then_some("1"),
            Token::Word(word) if !RESERVED.contains(&word.as_str()) => word,
            // `t.'x'` is a column, and `AS 'x'` names one. Elsewhere this is a value.
            Token::Text(text) if self.is_part(at) || self.is_alias(at) => text,
            _ => return None,
        };
        (self.tokens.get(at + 1) != Some(&Token::Dot)).then_some(name)
    }

    /// Whether what stands here follows a dot.
    fn is_part(&self, at: usize) -> bool {
        at.checked_sub(1).map(|before| &self.tokens[before]) == Some(&Token::Dot)
    }

    /// Whether a name that stands here may be an alias, after AS or after what it names.
    fn is_alias(&self, at: usize) -> bool {
        match at.checked_sub(1).map(|before| &self.tokens[before]) {
            Some(Token::Word(before)) => {
                matches!(before.as_str(), "as" | "null") || !RESERVED.contains(&before.as_str())
            }
            Some(Token::Text(_) | Token::Number | Token::Value | Token::Close) => true,
            _ => false,
        }
    }

    /// The definition whose name stands here: `name [(columns)] AS [[NOT] MATERIALIZED] (body)`.
    fn definition(&self, at: usize) -> Option<(String, Span)> {
        let (Token::Word(name) | Token::Text(name)) = self.tokens.get(at)? else { return None };
        let mut next = at + 1;
        if self.tokens.get(next) == Some(&Token::Open) {
            next = self.close(next) + 1;
        }
        if self.word(next) != Some("as") {
            return None;
        }
        next += 1;
        while matches!(self.word(next), Some("not" | "materialized")) {
            next += 1;
        }
        let body = matches!(self.word(next + 1), Some("select" | "with" | "values"));
        if self.tokens.get(next) != Some(&Token::Open) || !body {
            return None;
        }
        Some((name.to_owned(), (next + 1, self.close(next))))
    }

    /// Where the parenthesis that opens here is closed, or the end.
    fn close(&self, open: usize) -> usize {
        self.closes.get(&open).copied().unwrap_or(self.tokens.len())
    }
}

/// Where each parenthesis is closed that is.
fn closes(tokens: &[Token]) -> HashMap<usize, usize> {
    let (mut open, mut closes) = (Vec::new(), HashMap::new());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => open.push(at),
            Token::Close => closes.extend(open.pop().map(|open| (open, at))),
            _ => {}
        }
    }
    closes
}

struct Weigher<'t> {
    text: &'t Text<'t>,
    /// The weight of each definition; none while it is being weighed.
    known: HashMap<&'t str, Option<u64>>,
}

impl<'t> Weigher<'t> {
    /// How many tokens this stretch becomes: its own, and what it reads as often as it uses the same name.
    /// `None` where that has no end.
    fn weigh(&mut self, span: Span, of: Option<&str>, depth: usize) -> Option<u64> {
        if depth > 100 {
            return None;
        }
        let text = self.text;
        let (mut uses, mut stars, mut below) = (HashMap::<&str, (u64, bool)>::new(), 0_u64, 0_u64);
        let (mut inner, mut apart, mut sorting) = (0, 0, false);
        for at in span.0..span.1 {
            // Around the whole statement there is nothing that the bodies of its definitions could use.
            if depth == 0 && at >= apart && text.bodies.contains(&(at + 1)) {
                apart = text.close(at);
            }
            if at < apart {
                continue;
            }
            sorting |= matches!(text.word(at), Some("order" | "group"));
            if let Some(word) = text.used(at, sorting) {
                let use_of = uses.entry(word).or_default();
                // To name something is not yet to use it, and a text is used only as part of a name.
                let named = at.checked_sub(1).and_then(|before| text.word(before)) == Some("as");
                let used = !named && (text.is_part(at) || !matches!(text.tokens[at], Token::Text(_)));
                *use_of = (use_of.0 + u64::from(used), use_of.1 || text.is_alias(at));
            }
            match &text.tokens[at] {
                // A definition is weighed where it is mentioned. A mention in itself is a recursion.
                Token::Word(word) | Token::Text(word) => {
                    let mention = text.definitions.contains_key(word) && of != Some(word);
                    if at >= inner && mention && text.definition(at).is_none() {
                        below = below.saturating_add(self.named(word, depth)?);
                    }
                }
                Token::Star => stars += 1,
                Token::Open if at >= inner && matches!(text.word(at + 1), Some("select" | "with" | "values")) => {
                    let end = text.close(at);
                    if !text.bodies.contains(&(at + 1)) {
                        below = below.saturating_add(self.weigh((at + 1, end), of, depth + 1)?);
                    }
                    // Its names count here too: they may be of what this stretch reads.
                    inner = end;
                }
                _ => {}
            }
        }
        let own = u64::try_from(span.1.saturating_sub(span.0)).unwrap_or(u64::MAX);
        let alias = uses.values().filter(|(_, alias)| *alias).map(|(count, _)| *count).max().unwrap_or(1).max(1);
        let column = uses.values().map(|(count, _)| *count).max().unwrap_or_default().saturating_add(stars).max(1);
        Some(own.saturating_mul(alias).saturating_add(column.saturating_mul(below)))
    }

    fn named(&mut self, name: &'t str, depth: usize) -> Option<u64> {
        match self.known.get(name) {
            Some(known) => *known,
            None => {
                self.known.insert(name, None);
                let body = *self.text.definitions.get(name)?;
                let weight = self.weigh(body, Some(name), depth + 1)?;
                self.known.insert(name, Some(weight));
                Some(weight)
            }
        }
    }
}

/// Words that SQLite takes for a name only where they are quoted; then they get a mark.
const RESERVED: [&str; 30] = [
    "select",
    "from",
    "where",
    "and",
    "or",
    "not",
    "as",
    "on",
    "in",
    "is",
    "null",
    "join",
    "group",
    "order",
    "limit",
    "having",
    "case",
    "when",
    "then",
    "else",
    "union",
    "exists",
    "between",
    "distinct",
    "all",
    "using",
    "values",
    "intersect",
    "collate",
    "escape",
];

/// The tokens of `sql`, as far as they have weight.
fn read(sql: &str) -> Vec<Token> {
    let lower = |token: lexer::Token<'_>| token.name().unwrap_or_default().to_ascii_lowercase();
    let read = |token: lexer::Token<'_>| match token.kind {
        Kind::Word => Token::Word(lower(token)),
        Kind::Quoted => {
            let name = lower(token);
            let mark = if RESERVED.contains(&name.as_str()) { "\"" } else { "" };
            Token::Word(name + mark)
        }
        Kind::Text => Token::Text(lower(token)),
        Kind::Number => Token::Number,
        Kind::Variable | Kind::Illegal if token.text.contains('(') => Token::Hiding,
        Kind::Variable | Kind::Blob => Token::Value,
        Kind::Sign | Kind::Illegal => match token.text {
            "(" => Token::Open,
            ")" => Token::Close,
            "*" => Token::Star,
            "." => Token::Dot,
            _ => Token::Other,
        },
    };
    tokens(sql).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(levels: usize, body: impl Fn(usize) -> String) -> String {
        let mut sql = "WITH a0 AS (SELECT status AS y FROM tasks)".to_owned();
        for level in 1..=levels {
            sql += &format!(", a{level} AS ({})", body(level - 1));
        }
        sql + &format!(" SELECT * FROM a{levels}")
    }

    /// Uses an alias `y` often, which the end of its expression gives.
    fn aliased(end: &str) -> String {
        format!("SELECT {}{end} FROM tasks WHERE 1 IN (y{})", "status || ".repeat(90), ", y".repeat(9000))
    }

    #[test]
    fn what_unfolds_without_end_is_found() {
        for bomb in [
            chain(30, |below| format!("SELECT 1 FROM a{below}, a{below}")),
            chain(30, |below| format!("SELECT 1 FROM 'a{below}' JOIN \"A{below}\"")),
            chain(12, |below| format!("SELECT 1 FROM a{below} {}", format!(", [a{below}]").repeat(9))),
            chain(30, |below| format!("SELECT y||y AS y FROM a{below}")),
            chain(30, |below| format!("SELECT \"y\"||/* x */Y AS y FROM a{below} -- x\n")),
            chain(30, |below| format!("SELECT (SELECT y)||(SELECT y) AS y FROM a{below}")),
            chain(30, |below| format!("SELECT p||q AS y FROM (SELECT y AS p, y AS q FROM a{below})")),
            chain(30, |below| {
                format!("SELECT \"select\"||\"select\" AS \"select\" FROM (SELECT y AS \"select\" FROM a{below})")
            }),
            format!("SELECT {} AS y FROM tasks WHERE 1 IN (y{})", "status || ".repeat(90) + "1", ", y".repeat(9000)),
            format!("SELECT {} y FROM tasks WHERE 1 IN (y{})", "status || ".repeat(90) + "1", ", \"Y\"".repeat(9000)),
            aliased("1 AS 'y'"),
            aliased("1 'y'"),
            aliased("?1y"),
            aliased(":v y"),
            aliased("x''y"),
            aliased("1.5e1 y"),
            aliased("NULL y"),
            chain(30, |below| format!("SELECT \"1y\"||\"1y\" AS \"1y\" FROM (SELECT y AS \"1y\" FROM a{below})")),
            chain(30, |below| format!("SELECT p.'y'||p.'y' AS y FROM a{below} AS p")),
            "WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a".to_owned(),
            chain(23, |below| format!("SELECT y||y AS y FROM \u{feff}a{below}")),
            format!("SELECT $x('), ({}), $y(')", chain(23, |below| format!("SELECT y||y AS y FROM a{below}"))),
            (0..5).fold("SELECT 1".to_owned(), |sql, _| {
                let numbers: Vec<String> = (1..40).map(|zeros| format!("{}1", "0".repeat(zeros))).collect();
                format!("SELECT ({sql}) ORDER BY {}", numbers.join(","))
            }),
            "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a".to_owned(),
            format!("SELECT 1 FROM {} 1", "(SELECT ".repeat(200)),
        ] {
            assert!(problem(&bomb).is_some(), "{bomb}");
        }
        let mut doubled = "WITH a0 AS (SELECT 1 AS x)".to_owned();
        for level in 1..60 {
            doubled += &format!(", a{level} AS (SELECT p.x FROM a{0} AS p, a{0} AS q)", level - 1);
        }
        assert!(problem(&(doubled + " SELECT * FROM a59")).is_some());
        let mut nested = "SELECT status AS y FROM tasks".to_owned();
        for _ in 0..25 {
            nested = format!("SELECT y||y AS y FROM ({nested})");
        }
        assert!(problem(&nested).is_some());
    }

    #[test]
    fn ordinary_statements_are_light() {
        for sql in [
            "SELECT 1",
            "SELECT 'it''s', \"x\"\"y\", [z] FROM tasks -- the end",
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT count(*) FROM n",
            "WITH mine AS (SELECT task_id, session_id, status, created_at FROM tasks WHERE created_by = 'bo' AND status <> 'x'),
               recent AS NOT MATERIALIZED (SELECT * FROM mine WHERE created_at > 5 ORDER BY created_at DESC LIMIT 50),
               said (task_id, said) AS (SELECT task_id, count(*) FROM messages WHERE task_id IN (SELECT task_id FROM recent) GROUP BY task_id)
             SELECT r.task_id, r.status, s.said, w.name
             FROM recent AS r LEFT JOIN said AS s ON s.task_id = r.task_id JOIN sessions AS e ON e.session_id = r.session_id
             JOIN worktrees AS w ON w.worktree_id = e.worktree_id
             WHERE r.status = 'running' OR r.status = 'failed' ORDER BY r.created_at DESC",
        ] {
            assert_eq!(problem(sql), None, "{sql}");
        }
        let list = format!(
            "SELECT * FROM tasks AS t WHERE t.task_id IN ('x'{}) AND t.created_at NOT IN (0{})",
            ", 'x'".repeat(3000),
            ", 0".repeat(3000)
        );
        assert_eq!(problem(&list), None);
        let wide = format!("SELECT {} FROM tasks", vec!["status || status"; 100].join(", "));
        assert_eq!(problem(&wide), None);
        assert_eq!(problem(&chain(20, |below| format!("SELECT y FROM a{below}"))), None);
    }
}
