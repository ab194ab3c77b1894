//! What can be asked of the command.

use std::path::PathBuf;

use aclite::Need;
use clap::{Parser, Subcommand};

/// Makes, adopts, releases and checks databases whose permissions SQLite itself enforces.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes:
  0  done; for `check`: the guards are as they should be
  1  the file is not as it should be: no such file, not a database, damaged, of another
     version or shape, not adopted, guards missing or altered; nothing was changed
  2  the command was called wrongly
  3  the file stayed locked by another program; trying again is sound
  4  reading, writing or printing failed

Results go to stdout, errors and progress to stderr.

Examples:
  aclite init agor.db                 a new file
  aclite adopt agor.db --dry-run      what adopting a file of Agor's would do
  aclite adopt agor.db                put the guards in
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
Until the file is adopted again nothing guards it, and aclite does not open it. Hosts that have
loaded the extension can't write it; other programs can. Data, rules and audit stay; the audit
says who took the guards out, and when.

Example:
  aclite detach agor.db && agor db migrate && aclite adopt agor.db")]
    Detach {
        /// The file to take them out of
        file: PathBuf,
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

/// What an operation needs, and what suffices for one's own.
pub(crate) type Needs = (Need, Option<Need>);

fn needs(text: &str) -> Result<Needs, String> {
    let need = |word: &str| word.parse::<Need>().map_err(|unknown| unknown.to_string());
    match text.split_once(',') {
        None => Ok((need(text)?, None)),
        Some((needs, own)) => Ok((need(needs)?, Some(need(own)?))),
    }
}
