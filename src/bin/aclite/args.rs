//! What can be asked of the command.

use std::path::{Path, PathBuf};

use aclite::Need;
use clap::{Parser, Subcommand};

/// Makes, adopts, migrates and checks databases whose permissions SQLite itself enforces.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes:
  0  done; for `check`: the guards are as they should be
  1  the file is not as it should be: no such file, not a database, damaged, of another
     version or shape, not adopted, guards missing or altered; nothing was changed
  2  the command was called wrongly
  3  another program has the file locked, or, for `migrate`, open; trying again is sound
  4  reading, writing or printing failed
For `migrate` it is the command's own where the command fails.

Results go to stdout, errors and progress to stderr.

Examples:
  aclite init agor.db                 a new file
  aclite adopt agor.db --dry-run      what adopting a file of Agor's would do
  aclite adopt agor.db                put the guards in
  aclite migrate agor.db -- CMD       run a migration of Agor's over the guarded file
  aclite check agor.db && echo fine   are they still what they were?
  aclite --json check agor.db         the same for a program"
)]
pub(crate) struct Args {
    /// Print results, and errors, as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new file: tables, default rules, guards
    #[command(after_help = "\
A file that exists and is not empty is left as it is, and refused.

Example:
  aclite init agor.db")]
    Init {
        /// The file to make
        file: PathBuf,
    },

    /// Put the guards into a file that Agor made
    #[command(after_help = "\
Adds the tables, columns and indexes that are missing, makes each worktree's creator its owner
where it has none, stamps sessions with their creator's unix name where they had no place for
one, installs the guards, and lists what it did and what it could not attribute. All of it is
one transaction: a file that is refused stays byte for byte as it was. Adopting a file again
does nothing. Stop the daemon first, and keep a copy.

A file that was detached gets back what was saved: levels, owners, unix names, groups and grants.
The lower of a saved and a present level holds. What was removed meanwhile stays removed, what
was given meanwhile is withdrawn, and a worktree without a saved level is closed to others. The
report lists each.

Examples:
  aclite adopt agor.db --dry-run
  aclite adopt agor.db")]
    Adopt {
        /// The file to adopt
        file: PathBuf,
        /// Report what would be done, and leave the file as it is
        #[arg(long)]
        dry_run: bool,
    },

    /// Take the guards out, for a migration of another program
    #[command(after_help = "\
The tables, columns and indexes that adoption added are taken back, so that the schema is what
the other program's migrations expect. Levels, owners, unix names and grants are saved aside in
the file, and the next `adopt` restores them. Rules and audit stay; the audit says that the
guards were taken out, and when. A view, trigger, index or table of another program that depends
on what would be taken back is named, and nothing is changed then.

Until the file is adopted again nothing guards it, and aclite does not open it. Hosts that have
loaded the extension can't write it; other programs can. `aclite migrate` does all of it, with a
copy to fall back to.

Example:
  aclite detach agor.db && agor db migrate && aclite adopt agor.db")]
    Detach {
        /// The file to take them out of
        file: PathBuf,
    },

    /// Run another program's migration over a guarded file
    #[command(after_help = "\
Copies FILE to FILE.before-migration, detaches it, runs COMMAND, adopts it again, and removes the
copy. Where COMMAND or the adoption fails, the copy is put back into the file through SQLite, and
FILE is what it was before.

FILE must not be open elsewhere. aclite refuses while any connection holds a lock, which an idle
one to a file in WAL mode does; on Linux also while a process has the file open at all. It can't
see an idle connection to a file in another mode elsewhere, or of another user, or through a
network file system. COMMAND itself runs without a lock of aclite's: start nothing else meanwhile.

If aclite itself is killed, the copy stays. FILE is then detached, or half migrated. A copy that
is damaged is not put back, and a FILE that was adopted since is not overwritten:
  - to go back:  aclite migrate --undo FILE
  - to go on:    finish the migration, then aclite adopt FILE, and remove the copy

The exit code is COMMAND's where COMMAND fails: 127 where there is no such program, 126 where it
can't be run, 128 and the signal's number where a signal ended it. Otherwise it is one of those
that `aclite --help` lists.

Examples:
  aclite migrate agor.db -- agor db migrate
  aclite migrate --undo agor.db")]
    Migrate {
        /// The file to migrate
        file: PathBuf,
        /// Put back the copy of a migration that was interrupted, and do nothing else
        #[arg(long, conflicts_with = "command")]
        undo: bool,
        /// The command that migrates the file, and its arguments
        #[arg(last = true, required_unless_present = "undo", value_name = "COMMAND")]
        command: Vec<std::ffi::OsString>,
    },

    /// Put a further table under the same guards as sessions and tasks
    #[command(after_help = "\
Each row of the table belongs to a session or to a worktree, by a column that references it ON
DELETE CASCADE. What an operation needs is written as in acl_rules: a level (view, session,
prompt, all), owner, role:member, role:admin, signed-in, self or system; after a comma what
suffices where the acting user created the session, or the worktree. Rules that are there
already stay as they are. The audit says what was done.

Examples:
  aclite guard-table agor.db session_mcp_servers --session session_id --create prompt,session
  aclite guard-table agor.db board_objects --worktree worktree_id")]
    GuardTable {
        /// The file that holds it
        file: PathBuf,
        /// The table
        table: String,
        /// The column that names the session a row belongs to
        #[arg(long, value_name = "COLUMN", conflicts_with = "worktree", required_unless_present = "worktree")]
        session: Option<String>,
        /// The column that names the worktree a row belongs to
        #[arg(long, value_name = "COLUMN")]
        worktree: Option<String>,
        /// What creating a row needs
        #[arg(long, value_name = "NEED[,NEED]", default_value = "all", value_parser = needs)]
        create: Needs,
        /// What changing a row needs
        #[arg(long, value_name = "NEED[,NEED]", default_value = "all", value_parser = needs)]
        patch: Needs,
        /// What removing a row needs
        #[arg(long, value_name = "NEED[,NEED]", default_value = "all", value_parser = needs)]
        remove: Needs,
    },

    /// Say whether the guards are exactly those that this version installs
    #[command(after_help = "\
Looks only, unless --repair is given. Rules that differ from the default ones are listed: they
are an operator's policy, and no fault. A guard that is missing or altered is one, and so is a
trigger of somebody else's on a guarded table: the exit code is 1 then.

Examples:
  aclite check agor.db
  aclite check agor.db --repair")]
    Check {
        /// The file to check
        file: PathBuf,
        /// Put missing and altered guards in again, which the audit then says
        #[arg(long)]
        repair: bool,
    },
}

impl Command {
    /// The file that it is about.
    pub(crate) fn file(&self) -> &Path {
        match self {
            Self::Init { file }
            | Self::Adopt { file, .. }
            | Self::Detach { file }
            | Self::Migrate { file, .. }
            | Self::GuardTable { file, .. }
            | Self::Check { file, .. } => file,
        }
    }
}

/// What an operation needs, and what suffices for one's own.
pub(crate) type Needs = (Need, Option<Need>);

fn needs(text: &str) -> Result<Needs, String> {
    let need = |word: &str| word.parse::<Need>().map_err(|unknown| unknown.to_string());
    match text.split_once(',') {
        None => Ok((need(text)?, None)),
        Some((needs, own)) => Ok((need(needs)?, Some(need(own)?))),
    }
}
