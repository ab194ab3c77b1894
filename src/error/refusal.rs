//! Why the verdict refuses: what an [`Error`] is made of before anything failed.

use super::{Conflict, Denied, Error, IdentityDrift, Immutable, Invalid, NotFound};

/// Why something is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotAuthenticated,
    Denied(Box<Denied>),
    NotFound(NotFound),
    Immutable(Immutable),
    Conflict(Conflict),
    Drift(IdentityDrift),
    Invalid(Invalid),
    /// The facts themselves are missing or unreadable: a failure of the database, not a denial.
    Undecidable(String),
}

impl Refusal {
    pub(crate) fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(Invalid { field: field.to_owned(), problem: problem.into() })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAuthenticated => Self::NotAuthenticated,
            Refusal::Denied(denied) => Self::Denied(denied),
            Refusal::NotFound(missing) => Self::NotFound(Box::new(missing)),
            Refusal::Immutable(immutable) => Self::Immutable(Box::new(immutable)),
            Refusal::Conflict(conflict) => Self::Conflict(Box::new(conflict)),
            Refusal::Drift(drift) => Self::IdentityDrift(Box::new(drift)),
            Refusal::Invalid(invalid) => Self::Invalid(Box::new(invalid)),
            Refusal::Undecidable(problem) => Self::broken(problem),
        }
    }
}
