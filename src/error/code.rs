//! The words that stand for kinds of error, and what SQLite is told of an error by an SQL function.

use std::ffi::c_int;
use std::fmt;

use rusqlite::ffi;

use super::{Error, PublicError};

/// A kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    NotAuthenticated,
    Denied,
    NotFound,
    Immutable,
    Conflict,
    IdentityDrift,
    Ambiguous,
    Invalid,
    Busy,
    Nested,
    Tampered,
    Detached,
    Incompatible,
    Storage,
}

impl Code {
    /// All of them.
    #[cfg(test)]
    const ALL: [Self; 14] = [
        Self::NotAuthenticated,
        Self::Denied,
        Self::NotFound,
        Self::Immutable,
        Self::Conflict,
        Self::IdentityDrift,
        Self::Ambiguous,
        Self::Invalid,
        Self::Busy,
        Self::Nested,
        Self::Tampered,
        Self::Detached,
        Self::Incompatible,
        Self::Storage,
    ];

    /// Its stable word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthenticated => "not_authenticated",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Immutable => "immutable",
            Self::Conflict => "conflict",
            Self::IdentityDrift => "identity_drift",
            Self::Ambiguous => "ambiguous",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
            Self::Nested => "nested",
            Self::Tampered => "tampered",
            Self::Detached => "detached",
            Self::Incompatible => "incompatible",
            Self::Storage => "storage",
        }
    }

    /// The result code with which a statement fails for it.
    ///
    /// `SQLITE_AUTH` where it depends on who asks; a hidden record must not differ from a missing one. A constraint where the
    /// values or the stored records are at fault, whoever asks. None that makes SQLite roll the transaction back.
    pub(crate) const fn result_code(self) -> c_int {
        match self {
            Self::NotAuthenticated => ffi::SQLITE_AUTH_USER,
            Self::Denied | Self::NotFound => ffi::SQLITE_AUTH,
            // The triggers of a detached file raise theirs themselves, and RAISE gives this one.
            Self::Immutable
            | Self::Conflict
            | Self::IdentityDrift
            | Self::Ambiguous
            | Self::Invalid
            | Self::Detached => ffi::SQLITE_CONSTRAINT_TRIGGER,
            Self::Busy => ffi::SQLITE_BUSY,
            Self::Nested | Self::Tampered | Self::Incompatible | Self::Storage => ffi::SQLITE_ERROR,
        }
    }
}

/// What SQLite is told of an error: `aclite: denied: may not …`.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) struct Told {
    code: Code,
    text: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aclite: {}: {}", self.code.as_str(), self.text)
    }
}

impl Told {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// What whoever caused `error` may be told; of a failure, what failed and not why.
    pub(crate) fn public(error: &Error) -> Self {
        let PublicError { message, .. } = error.public();
        match error {
            Error::Storage(storage) => Self::new(Code::Storage, storage.context()),
            _ => Self::new(error.public_kind(), message),
        }
    }

    /// Everything about `error`, for an operator.
    #[cfg(feature = "extension")]
    pub(crate) fn whole(error: &Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }

    /// The same, after what could not be done for it.
    #[cfg(feature = "extension")]
    pub(crate) fn because(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }
}

impl From<Told> for rusqlite::Error {
    fn from(told: Told) -> Self {
        Self::UserFunctionError(Box::new(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name by which docs/reference.md calls a result code.
    fn name(code: c_int) -> &'static str {
        match code {
            ffi::SQLITE_AUTH_USER => "SQLITE_AUTH_USER",
            ffi::SQLITE_AUTH => "SQLITE_AUTH",
            ffi::SQLITE_CONSTRAINT_TRIGGER => "SQLITE_CONSTRAINT_TRIGGER",
            ffi::SQLITE_BUSY => "SQLITE_BUSY",
            ffi::SQLITE_ERROR => "SQLITE_ERROR",
            other => panic!("{other} is not on the page"),
        }
    }

    #[test]
    fn the_page_lists_each_word_with_its_result_code() {
        let page = include_str!("../../docs/reference.md");
        let table = page.split("| word | result code | when |\n").nth(1).unwrap();
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        let mut listed: Vec<String> = rows.map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|")).collect();
        let row = |code: Code| {
            let number = code.result_code();
            format!("| `{}` | `{}` ({number}) ", code.as_str(), name(number))
        };
        let mut expected: Vec<String> = Code::ALL.into_iter().map(row).collect();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
    }
}
