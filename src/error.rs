//! What can go wrong: the whole reason for the daemon's log, and what the caller may be told.
//!
//! [`Error`] says everything. [`Error::public`] says what a caller may know: where they may not
//! view the record it is "not found", in the same words as for a record that never was.

mod code;
mod refusal;
mod sqlite;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::level::{Held, Need};
use crate::operation::{Operation, Resource};
use crate::word::UnknownWord;

pub(crate) use code::{Code, Told};
pub(crate) use refusal::Refusal;

/// The result of everything that aclite does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. Nothing of it was written, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is signed in.
    #[error("not signed in")]
    NotAuthenticated,
    /// The actor lacks a right.
    #[error("{0}")]
    Denied(Box<Denied>),
    /// There is no such record.
    #[error("{0}")]
    NotFound(Box<NotFound>),
    /// A field that nobody may change was to be changed.
    #[error("{0}")]
    Immutable(Box<Immutable>),
    /// The record's present state does not allow it.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// The session would run as another unix user than its creator has now.
    #[error("{0}")]
    IdentityDrift(Box<IdentityDrift>),
    /// More than one record that the caller may view has this prefix.
    #[error("{0}")]
    Ambiguous(Box<Ambiguous>),
    /// The input is malformed, or breaks a rule about its content.
    #[error("{0}")]
    Invalid(Box<Invalid>),
    /// The write lock was not free in time. Trying again is sound.
    #[error("the database was locked for {} ms", .0.as_millis())]
    Busy(Duration),
    /// The store was called from inside one of its own closures.
    #[error("the store was called from inside its own closure")]
    Nested,
    /// The guards of the file are not what this version installs.
    #[error("{0}")]
    Tampered(Box<Tampered>),
    /// The guards of the file were taken out ([`Store::detach`](crate::Store::detach)) while the store had it open.
    /// Once it is adopted again the store works on.
    #[error("the guards of this file were taken out while it was open: run `aclite adopt FILE` to put them in again")]
    Detached,
    /// The file cannot be used as it is.
    #[error("{0}")]
    Incompatible(Box<Incompatible>),
    /// The database failed: input or output, corruption, an unreadable row. Never a refusal.
    #[error(transparent)]
    Storage(Box<Storage>),
}

/// A record that an error speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// Its kind.
    pub resource: Resource,
    /// Its id, where there is one.
    pub id: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.id.is_empty() { f.write_str(&one(self.resource)) } else { write!(f, "{} `{}`", self.resource, self.id) }
    }
}

/// The resource with its article.
fn one(resource: Resource) -> String {
    let article = if resource.as_str().starts_with(['a', 'e', 'o']) { "an" } else { "a" };
    format!("{article} {resource}")
}

/// A missing right: what was needed, what is held, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    pub(crate) operation: Operation,
    pub(crate) subject: Subject,
    pub(crate) worktree: Option<String>,
    pub(crate) needed: Option<Need>,
    pub(crate) held: Held,
    pub(crate) why: String,
    pub(crate) visible: bool,
}

impl Denied {
    /// What was asked for.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }
    /// The record whose visibility counts: the record itself, or for a creation its parent.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
    /// The kind of record that was asked for.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.operation.resource
    }
    /// The id of [`Denied::subject`].
    #[must_use]
    pub fn id(&self) -> &str {
        &self.subject.id
    }
    /// The worktree whose access list decided, where there is one.
    #[must_use]
    pub fn worktree(&self) -> Option<&str> {
        self.worktree.as_deref()
    }
    /// What the rule needs; `None` where no right would do.
    #[must_use]
    pub const fn needed(&self) -> Option<Need> {
        self.needed
    }
    /// What the actor holds.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }
    /// The reason in words, where need and holding do not say it all.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { resource, action } = self.operation;
        if resource == self.subject.resource {
            write!(f, "may not {action} {}", self.subject)?;
        } else {
            write!(f, "may not {action} {} in {}", one(resource), self.subject)?;
        }
        if let Some(needed) = self.needed {
            write!(f, ": needs `{needed}`, holds `{}` ({})", self.held.level, self.held.source)?;
        }
        if let Some(worktree) = &self.worktree {
            write!(f, " on worktree `{worktree}`")?;
        }
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// A record that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    pub(crate) subject: Subject,
}

impl NotFound {
    /// The kind of record.
    #[must_use]
    pub const fn resource(&self) -> Resource {
        self.subject.resource
    }
    /// The id that was asked for.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.subject.id
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`", self.subject.resource, self.subject.id)
    }
}

/// A field that nobody may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Immutable {
    pub(crate) subject: Subject,
    pub(crate) field: String,
}

impl Immutable {
    /// The record.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for Immutable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {} can't change", self.field, self.subject)
    }
}

/// What stands in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictKind {
    /// The id, or another value that must be unique, is taken. Nothing is said of by whom.
    Duplicate,
    /// `INSERT OR REPLACE` would remove the record, with all that hangs on it, and put another in its place.
    Replaced,
    /// The task has ended already, with this status.
    Ended(String),
    /// It would leave these worktrees without an owner.
    LastOwner(Vec<String>),
}

/// The record's present state does not allow the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub(crate) subject: Subject,
    pub(crate) kind: ConflictKind,
}

impl Conflict {
    /// The record.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
    /// What stands in the way.
    #[must_use]
    pub const fn kind(&self) -> &ConflictKind {
        &self.kind
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ConflictKind::Duplicate => write!(f, "{} exists already", self.subject),
            ConflictKind::Replaced => {
                write!(f, "{} exists already, and can't be replaced: use `ON CONFLICT DO UPDATE`", self.subject)
            }
            ConflictKind::Ended(status) => write!(f, "{} has ended as `{status}`", self.subject),
            ConflictKind::LastOwner(worktrees) => {
                write!(f, "{} is the last owner of worktree", self.subject)?;
                for (index, worktree) in worktrees.iter().enumerate() {
                    write!(f, "{} `{worktree}`", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// A session's stamp differs from its creator's present unix name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityDrift {
    pub(crate) session: String,
    pub(crate) stamped: String,
    pub(crate) present: Option<String>,
}

impl IdentityDrift {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }
    /// The unix name that the session was stamped with.
    #[must_use]
    pub fn stamped(&self) -> &str {
        &self.stamped
    }
    /// The unix name that its creator has now, if any.
    #[must_use]
    pub fn present(&self) -> Option<&str> {
        self.present.as_deref()
    }
}

impl fmt::Display for IdentityDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session `{}` runs as unix user `{}`, and its creator is now ", self.session, self.stamped)?;
        match &self.present {
            Some(present) => write!(f, "`{present}`"),
            None => f.write_str("without one"),
        }
    }
}

/// A prefix that more than one visible record has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguous {
    pub(crate) prefix: String,
    pub(crate) count: usize,
}

impl Ambiguous {
    /// The prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
    /// How many records that the caller may view have it.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids start with `{}`", self.count, self.prefix)
    }
}

/// Malformed input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub(crate) field: String,
    pub(crate) problem: String,
}

impl Invalid {
    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
    /// What is wrong with it. Never holds the value of a secret.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

/// The guards of a file differ from those that this version installs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tampered {
    pub(crate) missing: Vec<String>,
    pub(crate) altered: Vec<String>,
}

impl Tampered {
    /// What should be in the file and is not.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
    /// What is in the file and is not as it should be, or should not be there.
    #[must_use]
    pub fn altered(&self) -> &[String] {
        &self.altered
    }
}

impl Tampered {
    /// What to do where a column came or went, which a migration of another program does, or where a table is missing; nothing
    /// elsewhere.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        let changed = self.altered.iter().any(|item| item.contains(" (columns came or went: "));
        if self.missing.iter().any(|item| item.starts_with("table `")) {
            return Some(
                "a table is not made anew, since its rows would be missing still: put the file back from a backup",
            );
        }
        changed.then_some(
            "run `aclite check FILE --repair` to fit the guards to the table, and later migrations by `aclite migrate FILE -- COMMAND`",
        )
    }
}

impl fmt::Display for Tampered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the guards of this file were tampered with")?;
        for (word, items) in [("missing", &self.missing), ("altered", &self.altered)] {
            if !items.is_empty() {
                write!(f, "; {word}: {}", items.join(", "))?;
            }
        }
        self.remedy().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

/// Why a file cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incompatible {
    /// There is no such file.
    Missing,
    /// It is a directory, or something else that is no file.
    NotAFile,
    /// It, or its directory, can't be opened: permissions forbid it.
    Unreadable,
    /// It is not an SQLite database, or an encrypted one.
    NotADatabase,
    /// It holds nothing.
    Empty,
    /// It is another program's, and not of a kind that aclite could guard.
    Foreign {
        /// What the program says of itself in the file; 0 where it does not.
        application: i64,
        /// Its tables.
        tables: Vec<String>,
    },
    /// It is a damaged database.
    Corrupt {
        /// What the integrity check says first.
        problem: String,
    },
    /// It can only be read.
    ReadOnly,
    /// It is an aclite file of a newer version.
    Newer {
        /// What the file has.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// Another program keeps a version of its own in `user_version`.
    UserVersionTaken {
        /// What the file has.
        found: i64,
    },
    /// The file is from after worktrees became `branches`.
    Branches,
    /// It holds tables of its own and has not been adopted.
    NotAdopted,
    /// Its guards were taken out on purpose, and it has not been adopted again.
    Detached,
    /// Tables or columns that adoption needs are missing: not a file of the expected shape.
    Shape {
        /// What is missing or wrong.
        problems: Vec<String>,
    },
    /// A further table can't be put under the guards.
    TableUnfit {
        /// The table.
        table: String,
        /// What is missing or wrong.
        problems: Vec<String>,
    },
    /// Its texts are not UTF-8.
    Encoding {
        /// How they are encoded.
        found: String,
    },
    /// Guarded tables are `WITHOUT ROWID`.
    WithoutRowid {
        /// The tables.
        tables: Vec<String>,
    },
    /// Rows share what must be unique.
    Duplicates {
        /// Which rows of which tables share what.
        rows: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// Other programs have it open.
    Held {
        /// The processes, as far as the system tells.
        by: Vec<String>,
    },
    /// The copy of an earlier migration is there: it was interrupted.
    Interrupted {
        /// Where the copy is.
        copy: String,
    },
    /// There is no copy that could be put back.
    NoCopy {
        /// Where it would be.
        copy: String,
    },
    /// The copy of a migration can't be put back, since it is damaged or no copy of a guarded file.
    CopyUnfit {
        /// Where the copy is.
        copy: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process has the copy in hand: a migration that runs, or one that is being undone.
    CopyInUse {
        /// Where the copy is.
        copy: String,
    },
    /// The file is not the one that a migration detached, and putting the copy back would overwrite it.
    NotDetached {
        /// Where the copy is.
        copy: String,
        /// What the file is instead.
        found: String,
    },
    /// Something of another program depends on what adoption added, and so it can't be taken back.
    Dependents {
        /// What depends on it, and how.
        dependents: Vec<String>,
    },
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::NotAFile => f.write_str("it is a directory or a device, not a file"),
            Self::Unreadable => f.write_str(
                "the file can't be opened: its permissions or those of its directory forbid it (in WAL mode SQLite writes beside the file)",
            ),
            Self::NotADatabase => f.write_str("the file is not an sqlite database, or it is encrypted"),
            Self::Empty => f.write_str("the file is empty: `aclite init FILE` makes it one of aclite's"),
            Self::Foreign { application, tables } => {
                f.write_str("the file is another program's and not Agor's: it holds ")?;
                let shown: Vec<String> = tables.iter().take(5).map(|table| format!("`{table}`")).collect();
                f.write_str(&shown.join(", "))?;
                if tables.len() > shown.len() {
                    write!(f, " and {} more", tables.len() - shown.len())?;
                }
                if *application == 0 { Ok(()) } else { write!(f, ", application id {application:#x}") }
            }
            Self::Corrupt { problem } => write!(f, "the database is damaged: {problem}"),
            Self::ReadOnly => f.write_str("the file can't be written"),
            Self::Newer { found, known } => {
                write!(f, "the file has version {found}, this aclite knows versions up to {known}")
            }
            Self::UserVersionTaken { found } => {
                write!(
                    f,
                    "another program keeps its version, {found}, in `user_version` of this file, where aclite keeps its own: where nothing needs it, set it to 0"
                )
            }
            Self::Branches => f.write_str("the file calls worktrees `branches`, a later shape than this aclite knows"),
            Self::NotAdopted => f.write_str("the file holds tables that aclite does not guard yet: adopt it first"),
            Self::Detached => f.write_str("the guards of this file were taken out: adopt it again"),
            Self::Shape { problems } => write!(f, "the file can't be adopted: {}", problems.join(", ")),
            Self::TableUnfit { table, problems } => {
                write!(f, "table `{table}` can't be guarded: {}", problems.join(", "))
            }
            Self::Encoding { found } => write!(
                f,
                "the file stores texts as {found}, and guards read UTF-8: copy it by `sqlite3 OLD .dump | sqlite3 NEW`, and adopt the copy"
            ),
            Self::WithoutRowid { tables } => write!(
                f,
                "the file can't be adopted: {} WITHOUT ROWID, and guards know rows by their rowid: make a new table without that clause, copy the rows, drop the old one and rename the new one",
                listed("table", tables)
            ),
            Self::Duplicates { rows, more } => {
                write!(f, "the file can't be adopted: {}", rows.join("; "))?;
                if *more > 0 {
                    write!(f, "; and {more} more")?;
                }
                f.write_str(": give each row a value of its own, or remove the rows that are not needed, and adopt the file then")
            }
            Self::Held { by } if by.is_empty() => {
                f.write_str("another program has the file open: stop it first (which one, the system does not say)")
            }
            Self::Held { by } => write!(f, "other programs have the file open: {}: stop them first", by.join(", ")),
            Self::Interrupted { copy } => write!(
                f,
                "a migration of this file was interrupted, and its copy is `{copy}`: put it back with `aclite migrate --undo FILE`; or, where the migration had come to its end and `aclite adopt FILE` and `aclite check FILE` are content, remove the copy"
            ),
            Self::NoCopy { copy } => write!(f, "there is no copy of a migration to put back: no file `{copy}`"),
            Self::CopyUnfit { copy, problem } => write!(
                f,
                "the copy `{copy}` can't be put back, and the file was left as it is: {problem}; put a sound copy in its place, or, where `aclite adopt FILE` and `aclite check FILE` are content with the file itself, remove it"
            ),
            Self::CopyInUse { copy } => write!(
                f,
                "another process migrates this file or undoes a migration, and has the copy `{copy}` in hand: wait until it ends"
            ),
            Self::NotDetached { copy, found } => write!(
                f,
                "the file is not the one that was detached: {found}; to keep it as it is, remove the copy `{copy}`; to go back all the same, move the file away, with `FILE-wal` and `FILE-shm`, and undo again"
            ),
            Self::Dependents { dependents } => write!(
                f,
                "what adoption added can't be taken back, since this depends on it or can't be read: {}; drop it, detach or migrate the file, and make it again afterwards",
                dependents.join(", ")
            ),
        }
    }
}

/// `table `a` is`, `tables `a`, `b` are`.
fn listed(kind: &str, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (plural, verb) = if names.len() == 1 { ("", "is") } else { ("s", "are") };
    format!("{kind}{plural} {} {verb}", quoted.join(", "))
}

/// A failure of the database or of the file under it.
#[derive(Debug)]
pub struct Storage {
    pub(crate) context: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Storage {
    /// What was being done, and to which record.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Storage {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What a caller may be told: safe to send to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct PublicError {
    /// A stable word, for programs.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A sentence, for people.
    pub message: String,
}

impl From<UnknownWord> for Error {
    /// `Invalid`, so that a closure of the store can use `?` on a word.
    fn from(unknown: UnknownWord) -> Self {
        Self::invalid(unknown.kind(), format!("must be one of {}", unknown.expected().join(", ")))
    }
}

impl Error {
    /// A stable word for the kind of error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind().as_str()
    }

    const fn kind(&self) -> Code {
        match self {
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::Denied(_) => Code::Denied,
            Self::NotFound(_) => Code::NotFound,
            Self::Immutable(_) => Code::Immutable,
            Self::Conflict(_) => Code::Conflict,
            Self::IdentityDrift(_) => Code::IdentityDrift,
            Self::Ambiguous(_) => Code::Ambiguous,
            Self::Invalid(_) => Code::Invalid,
            Self::Busy(_) => Code::Busy,
            Self::Nested => Code::Nested,
            Self::Tampered(_) => Code::Tampered,
            Self::Detached => Code::Detached,
            Self::Incompatible(_) => Code::Incompatible,
            Self::Storage(_) => Code::Storage,
        }
    }

    /// The kind that the caller may be told: a hidden record is "not found".
    fn public_kind(&self) -> Code {
        if self.is_visible() { self.kind() } else { Code::NotFound }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::NotAuthenticated => 401,
            Self::Denied(_) | Self::Immutable(_) | Self::IdentityDrift(_) => 403,
            Self::NotFound(_) => 404,
            Self::Conflict(_) => 409,
            Self::Ambiguous(_) | Self::Invalid(_) => 400,
            Self::Busy(_) => 503,
            Self::Nested | Self::Tampered(_) | Self::Detached | Self::Incompatible(_) | Self::Storage(_) => 500,
        }
    }

    /// Whether a right was missing: [`Error::Denied`].
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    /// Whether there is no such record: [`Error::NotFound`].
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Whether the caller may view the record that the error speaks of.
    ///
    /// Only a denial can hide one: everything that names more is decided after "may view".
    #[must_use]
    pub fn is_visible(&self) -> bool {
        match self {
            Self::Denied(denied) => denied.visible,
            _ => true,
        }
    }

    /// What the caller may be told.
    ///
    /// A hidden record is "not found", in the words for a record that never was. A failure of the
    /// database is named as such, without its cause.
    ///
    /// ```
    /// # let store = aclite::Store::open(":memory:")?;
    /// let unknown = store.read(&aclite::Actor::user("u-1"), |tx| tx.tasks().get("t-1"));
    /// let public = unknown.unwrap_err().public();
    /// assert_eq!((public.code, public.status), ("not_found", 404));
    /// assert_eq!(public.message, "there is no task `t-1`");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    #[must_use]
    pub fn public(&self) -> PublicError {
        match self {
            Self::Denied(denied) if !denied.visible => {
                Self::NotFound(Box::new(NotFound { subject: denied.subject.clone() })).public()
            }
            Self::Nested | Self::Tampered(_) | Self::Detached | Self::Incompatible(_) | Self::Storage(_) => {
                PublicError { code: self.code(), status: 500, message: "the database failed".to_owned() }
            }
            _ => PublicError { code: self.code(), status: self.http_status(), message: self.to_string() },
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(Box::new(Invalid { field: field.into(), problem: problem.into() }))
    }

    pub(crate) fn not_found(resource: Resource, id: impl Into<String>) -> Self {
        Self::NotFound(Box::new(NotFound { subject: Subject { resource, id: id.into() } }))
    }

    pub(crate) fn storage(context: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Storage(Box::new(Storage { context: context.into(), source: Some(Box::new(source)) }))
    }

    pub(crate) fn broken(context: impl Into<String>) -> Self {
        Self::Storage(Box::new(Storage { context: context.into(), source: None }))
    }
}
