//! Words: the text that stands for one of a few values, and the error where it stands for none of them.

use std::error::Error as StdError;
use std::fmt;

/// Text that stands for no value: what parsing a [`Level`](crate::Level), a [`TaskStatus`](crate::TaskStatus) and the
/// like returns.
///
/// ```
/// use aclite::Level;
/// let error = "promt".parse::<Level>().unwrap_err();
/// assert_eq!(error.to_string(), "`promt` is no level: expected none, view, session, prompt, all");
/// assert_eq!(error.expected(), ["none", "view", "session", "prompt", "all"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    kind: &'static str,
    given: String,
    expected: &'static [&'static str],
}

impl UnknownWord {
    pub(crate) fn new(kind: &'static str, given: &str, expected: &'static [&'static str]) -> Self {
        Self { kind, given: given.to_owned(), expected }
    }

    /// What was expected, in words: `level`, `task status`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The text that was given.
    #[must_use]
    pub fn given(&self) -> &str {
        &self.given
    }

    /// The words that are known.
    #[must_use]
    pub const fn expected(&self) -> &'static [&'static str] {
        self.expected
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}: expected {}", self.given, self.kind, self.expected.join(", "))
    }
}

impl StdError for UnknownWord {}

/// Reads and writes a type that has `as_str` and `known` as its word: `Display`, `FromStr`, serde.
macro_rules! as_word {
    ($name:ident, $kind:literal, $expected:expr) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::known(word).ok_or_else(|| $crate::word::UnknownWord::new($kind, word, $expected))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
    // Reading refuses an unknown word; a type that keeps it reads it in its own way.
    ($name:ident, $kind:literal, $expected:expr, strict) => {
        as_word!($name, $kind, $expected);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_word;
