//! The `aclite` command: makes, adopts, migrates and checks files. All work is done by the library.

mod args;
mod failure;
mod migration;
mod output;
mod progress;

use std::path::Path;
use std::process::ExitCode;

use aclite::{Action, Actor, Adoption, Migration, OpenOptions, Store, TableGuard};
use clap::Parser;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(failure) => {
            let failure = failure.naming(args.command.file());
            output::failure(&failure, args.json);
            failure.code()
        }
    }
}

/// Does what was asked and says what came of it. The exit code is that of a result, not of a failure.
fn run(args: &Args) -> Result<ExitCode, Failure> {
    let json = args.json;
    match &args.command {
        Command::Init { file } => init(file, args.json),
        Command::Adopt { file, dry_run } => {
            let report = progress::shown(json, |say| {
                Adoption::new().dry_run(*dry_run).progress(|step| say.step(step)).run(file)
            })?;
            output::adopted(file, &report, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Detach { file } => {
            let report = progress::shown(json, |say| {
                say.step("taking out the guards");
                Store::detach(file)
            })?;
            output::detached(file, &report, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { file, undo: true, .. } => {
            progress::shown(json, |say| {
                say.step("putting the copy back");
                Migration::undo(file)
            })?;
            output::put_back(file, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { file, command, .. } => {
            // Each step is said at once: whoever ends the command in the middle has to know where the copy is.
            let report = Migration::new()
                .progress(|step| progress::said(json, step))
                .run(file, || migration::run(command))
                .map_err(migration::undone)?;
            output::adopted(file, &report, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::GuardTable { file, table, session, worktree, create, patch, remove } => {
            let guard = match (session, worktree) {
                (Some(column), _) => TableGuard::of_session(column),
                (None, column) => TableGuard::of_worktree(column.as_deref().unwrap_or_default()),
            };
            let rules = [(Action::Create, create), (Action::Patch, patch), (Action::Remove, remove)];
            let guard = rules.into_iter().fold(guard, |guard, (action, needs)| guard.rule(action, needs.0, needs.1));
            progress::shown(json, |say| {
                say.step("guarding the table");
                let daemon = Actor::system("aclite guard-table");
                OpenOptions::new().create(false).open(file)?.guard_table(&daemon, table, guard)
            })?;
            output::guarded(file, table, args.json)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { file, repair } => check(file, *repair, args.json),
    }
}

fn init(file: &Path, json: bool) -> Result<ExitCode, Failure> {
    if std::fs::metadata(file).is_ok_and(|file| file.len() > 0) {
        return Err(Failure::NotEmpty(file.to_owned()));
    }
    progress::shown(json, |say| {
        say.step("creating the file");
        Store::open(file)
    })?;
    output::created(file, json)?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path, repair: bool, json: bool) -> Result<ExitCode, Failure> {
    if repair {
        progress::shown(json, |say| {
            // A file that is not aclite's is not opened for writing.
            say.step("looking what the file is");
            Store::inspect(file)?;
            say.step("repairing the guards");
            OpenOptions::new().create(false).repair(true).open(file)
        })?;
    }
    let report = progress::shown(json, |say| {
        say.step("checking the guards");
        Store::inspect(file)
    })?;
    output::checked(file, &report, json)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { failure::NOT_AS_IT_SHOULD_BE.into() })
}
