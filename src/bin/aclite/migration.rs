//! Running the command of a migration.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, ExitStatus};

use crate::failure::Failure;

/// Runs the command, with the streams of this process, and fails where it does.
pub(crate) fn run(command: &[OsString]) -> Result<(), Failure> {
    let (program, arguments) = command.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let program = program.cloned().unwrap_or_default();
    let shown = program.display().to_string();
    match Command::new(program).args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::Command { problem: format!("the command `{shown}` failed ({status})"), code: code_of(status) })
        }
        // As shells answer.
        Err(error) => Err(Failure::Command {
            problem: format!("the command `{shown}` could not be run ({error})"),
            code: if error.kind() == ErrorKind::NotFound { 127 } else { 126 },
        }),
    }
}

/// The command's own exit code; as shells do, 128 and the number of a signal that ended it.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let signal = None;
    let code = status.code().or(signal).unwrap_or(1);
    // It failed, so it must not read as success.
    u8::try_from(code & 0xff).ok().filter(|code| *code != 0).unwrap_or(1)
}

/// Says of a command that failed what became of the file. Where the copy could not be put back the failure is another one.
pub(crate) fn undone(failure: Failure) -> Failure {
    match failure {
        Failure::Command { problem, code } => {
            Failure::Command { problem: format!("{problem}: the file is what it was before"), code }
        }
        failure => failure,
    }
}
