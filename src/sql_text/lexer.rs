//! The tokens of SQL text, by the rules of SQLite's tokenizer.

/// The tokens of `sql` up to its end or its first NUL, where SQLite ends too. Space and comments are left out.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = sql.split('\0').next().unwrap_or_default();
    std::iter::from_fn(move || {
        rest = skip(rest);
        let (kind, length) = first(rest.as_bytes())?;
        // INVARIANT: a token ends at the end, or before or after an ASCII byte, so never inside a character.
        let (text, after) = rest.split_at(length);
        rest = after;
        Some(Token { kind, text })
    })
}

/// A token as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    pub(crate) text: &'s str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword, or a name without quotes.
    Word,
    /// A name in double quotes, backticks or brackets.
    Quoted,
    /// A literal in single quotes. Where SQLite needs a name it takes this for one.
    Text,
    Blob,
    Number,
    Variable,
    /// An operator or a punctuation mark.
    Sign,
    /// What SQLite refuses wherever it stands.
    Illegal,
}

impl Token<'_> {
    /// Whether it is this keyword or sign.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text.eq_ignore_ascii_case(word)
    }

    /// The name that it is where a name stands, without quotes; for a literal, its value.
    pub(crate) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Quoted | Kind::Text => {
                let (inside, end) = self.text.get(1..)?.split_at_checked(self.text.len() - 2)?;
                // Doubled, a quote stands for itself; brackets have no such form.
                Some(if end == "]" { inside.to_owned() } else { inside.replace(&end.repeat(2), end) })
            }
            _ => None,
        }
    }
}

/// `text` from its first token on.
fn skip(mut text: &str) -> &str {
    loop {
        text = if let Some(comment) = text.strip_prefix("--") {
            comment.find('\n').map_or("", |end| &comment[end..])
        } else if let Some(comment) = text.strip_prefix("/*").filter(|comment| !comment.is_empty()) {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else if text.starts_with([' ', '\t', '\n', '\x0c', '\r']) {
            // A vertical tab continues space and does not begin it.
            text.trim_start_matches(|char| u8::try_from(char).is_ok_and(is_space))
        } else if let Some(after) = text.strip_prefix('\u{feff}') {
            // A byte order mark is space where a token could begin. Inside a name its bytes are letters.
            after
        } else {
            return text;
        }
    }
}

/// The kind and the length of the token at the beginning.
fn first(text: &[u8]) -> Option<(Kind, usize)> {
    Some(match *text.first()? {
        quote @ (b'\'' | b'"' | b'`') => quoted(text, quote),
        b'[' => match text.iter().position(|byte| *byte == b']') {
            Some(end) => (Kind::Quoted, end + 1),
            None => (Kind::Illegal, text.len()),
        },
        b'0'..=b'9' => number(text),
        b'.' if text.get(1).is_some_and(u8::is_ascii_digit) => number(text),
        b'?' => (Kind::Variable, run(text, 1, |byte| byte.is_ascii_digit())),
        b'$' | b'@' | b'#' | b':' => variable(text),
        b'x' | b'X' if text.get(1) == Some(&b'\'') => blob(text),
        byte if is_of_name(byte) => (Kind::Word, run(text, 1, is_of_name)),
        _ => sign(text),
    })
}

fn quoted(text: &[u8], quote: u8) -> (Kind, usize) {
    let mut end = 1;
    while let Some(found) = text[end..].iter().position(|byte| *byte == quote) {
        end += found + 1;
        if text.get(end) != Some(&quote) {
            return (if quote == b'\'' { Kind::Text } else { Kind::Quoted }, end);
        }
        end += 1;
    }
    (Kind::Illegal, text.len())
}

fn number(text: &[u8]) -> (Kind, usize) {
    let at = |index: usize| text.get(index).copied().unwrap_or_default();
    let digits = |from| run(text, from, |byte| byte.is_ascii_digit() || byte == b'_');
    let end = if at(0) == b'0' && matches!(at(1), b'x' | b'X') && at(2).is_ascii_hexdigit() {
        run(text, 3, |byte| byte.is_ascii_hexdigit() || byte == b'_')
    } else {
        let mut end = digits(0);
        if at(end) == b'.' {
            end = digits(end + 1);
        }
        let signed = matches!(at(end + 1), b'+' | b'-') && at(end + 2).is_ascii_digit();
        if matches!(at(end), b'e' | b'E') && (signed || at(end + 1).is_ascii_digit()) {
            end = digits(end + 2);
        }
        end
    };
    match run(text, end, is_of_name) {
        whole if whole == end => (Kind::Number, end),
        whole => (Kind::Illegal, whole),
    }
}

/// `$name`, `@name`, `:name` or `#name`, where `name` may hold `::` and end with parentheses, as Tcl's variables do.
fn variable(text: &[u8]) -> (Kind, usize) {
    let (mut end, mut named) = (1, false);
    loop {
        match text.get(end) {
            Some(byte) if is_of_name(*byte) => (named, end) = (true, end + 1),
            Some(b':') if text.get(end + 1) == Some(&b':') => end += 2,
            // All up to the closing parenthesis belongs to the name, quotes and comment marks too.
            Some(b'(') if named => {
                let close = run(text, end + 1, |byte| byte != b')' && !is_space(byte));
                let closed = text.get(close) == Some(&b')');
                return if closed { (Kind::Variable, close + 1) } else { (Kind::Illegal, close) };
            }
            _ => return (if named { Kind::Variable } else { Kind::Illegal }, end),
        }
    }
}

fn blob(text: &[u8]) -> (Kind, usize) {
    let digits = run(text, 2, |byte| byte.is_ascii_hexdigit());
    let end = run(text, digits, |byte| byte != b'\'');
    let whole = end == digits && end % 2 == 0 && end < text.len();
    (if whole { Kind::Blob } else { Kind::Illegal }, text.len().min(end + 1))
}

fn sign(text: &[u8]) -> (Kind, usize) {
    for sign in ["->>", "->", "==", "<=", "<>", "<<", ">=", ">>", "!=", "||"] {
        if text.starts_with(sign.as_bytes()) {
            return (Kind::Sign, sign.len());
        }
    }
    let known = b"()+-*/%=<>,;&~.|".contains(&text[0]);
    (if known { Kind::Sign } else { Kind::Illegal }, 1)
}

/// Where the bytes from `from` on that are `of` a kind end.
fn run(text: &[u8], from: usize, of: impl Fn(u8) -> bool) -> usize {
    from + text.get(from..).unwrap_or_default().iter().take_while(|byte| of(**byte)).count()
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}
