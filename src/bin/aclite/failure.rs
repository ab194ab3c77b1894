//! Why a command failed, and the exit code that says so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aclite::{Error, Incompatible};

/// The file is not as it should be.
pub(crate) const NOT_AS_IT_SHOULD_BE: u8 = 1;
/// The command was called wrongly.
const WRONG_CALL: u8 = 2;
/// Another program kept the file locked.
const BUSY: u8 = 3;
/// Input or output failed.
const STORAGE: u8 = 4;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The library refused or failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// `init` would have to overwrite something.
    #[error("`{}` exists already and is not empty: `adopt` takes a file of Agor's, `check` one of aclite's", .0.display())]
    NotEmpty(PathBuf),
    /// The file is not there, or can't be written.
    #[error("{problem}")]
    File {
        /// What keeps it from being used, and what to do, with its name.
        problem: String,
    },
    /// The command of a migration failed.
    #[error("{problem}")]
    Command {
        /// What happened to it.
        problem: String,
        /// The exit code that says so.
        code: u8,
    },
    /// The result could not be printed.
    #[error("the result could not be printed: {0}")]
    Print(#[from] std::io::Error),
}

impl Failure {
    /// Says which file it is, where the library's error does not.
    pub(crate) fn naming(self, file: &Path) -> Self {
        let Self::Store(Error::Incompatible(reason)) = &self else { return self };
        let file = file.display();
        let problem = match **reason {
            Incompatible::Missing => format!("there is no file `{file}`"),
            Incompatible::ReadOnly => format!(
                "`{file}` can't be written: its permissions, those of its directory or its file system forbid it; run this as its owner, or make both writable"
            ),
            _ => return self,
        };
        Self::File { problem }
    }

    pub(crate) fn code(&self) -> ExitCode {
        let held = |reason: &Incompatible| matches!(reason, Incompatible::Held { .. } | Incompatible::CopyInUse { .. });
        let code = match self {
            Self::Command { code, .. } => *code,
            Self::Store(Error::Incompatible(reason)) if held(reason) => BUSY,
            // An argument that can't be: as clap answers.
            Self::Store(Error::Invalid(_)) => WRONG_CALL,
            Self::NotEmpty(_)
            | Self::File { .. }
            | Self::Store(Error::Tampered(_) | Error::Detached | Error::Incompatible(_)) => NOT_AS_IT_SHOULD_BE,
            Self::Store(Error::Busy(_)) => BUSY,
            Self::Store(_) | Self::Print(_) => STORAGE,
        };
        code.into()
    }

    /// A stable word for it, for programs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::NotEmpty(_) => "not_empty",
            Self::File { .. } => "incompatible",
            Self::Command { .. } => "command",
            Self::Print(_) => "print",
        }
    }
}
