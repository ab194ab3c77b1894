//! The stage: runs steps, prints a line for each, and counts what was not as expected.
#![allow(clippy::print_stdout, reason = "the lines are what the program is for")]

use std::time::Instant;

use aclite::{Actor, AuditRow, Error, ReadTx, Result, Store, Tx};

/// How a step may end. `HIDDEN` is a denial that the caller is told as "not found".
pub(crate) const ALLOWED: &str = "allowed";
pub(crate) const DENIED: &str = "denied";
pub(crate) const HIDDEN: &str = "hidden";
pub(crate) const NOT_FOUND: &str = "not_found";
pub(crate) const IMMUTABLE: &str = "immutable";
pub(crate) const CONFLICT: &str = "conflict";
pub(crate) const NOT_SIGNED_IN: &str = "not_authenticated";

pub(crate) struct Stage {
    pub(crate) store: Store,
    /// Words that stand for long ids in what is printed.
    names: Vec<(String, String)>,
    pub(crate) steps: usize,
    pub(crate) surprises: usize,
}

impl Stage {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, names: Vec::new(), steps: 0, surprises: 0 }
    }

    /// From now on `name` is printed for `id`.
    pub(crate) fn name(&mut self, id: &impl ToString, name: &str) {
        self.names.push((id.to_string(), name.to_owned()));
    }

    pub(crate) fn heading(&self, title: &str) {
        println!("\n{title}");
        println!("  {:<18} {:<42} {:<20} {:<17} {:<52} {:>6}", "who", "operation", "record", "verdict", "why", "µs");
    }

    pub(crate) fn say(&self, text: &str) {
        println!("  {}", self.short(text));
    }

    /// One write, which should end as `expected`.
    pub(crate) fn write<T>(
        &mut self,
        who: &Actor,
        operation: &str,
        record: impl ToString,
        expected: &str,
        work: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let before = self.last_seq()?;
        let started = Instant::now();
        let outcome = self.store.write(who, work);
        let micros = started.elapsed().as_micros();
        let rows = self.line(who, operation, &record.to_string(), expected, &outcome, before, micros)?;
        if outcome.is_err() && rows != 1 {
            self.surprises += 1;
            println!("  ! expected one audit row of the refusal, found {rows}");
        }
        outcome
    }

    /// One read, which should end as `expected`.
    pub(crate) fn read<T>(
        &mut self,
        who: &Actor,
        operation: &str,
        record: impl ToString,
        expected: &str,
        work: impl FnOnce(&ReadTx<'_>) -> Result<T>,
    ) -> Result<T> {
        let before = self.last_seq()?;
        let started = Instant::now();
        let outcome = self.store.read(who, work);
        let micros = started.elapsed().as_micros();
        self.line(who, operation, &record.to_string(), expected, &outcome, before, micros)?;
        outcome
    }

    /// A fact that should hold after the steps before it.
    pub(crate) fn check(&mut self, what: &str, holds: bool) {
        self.steps += 1;
        self.surprises += usize::from(!holds);
        let mark = if holds { "  =" } else { "  ! EXPECTED, BUT IT DOES NOT HOLD:" };
        println!("{mark} {}", self.short(what));
    }

    /// What the daemon's log says of a refusal, and what its caller is told.
    pub(crate) fn both_sides<T>(&self, outcome: &Result<T>) {
        if let Err(error) = outcome {
            let public = error.public();
            println!("      log:    {}", self.short(&error.to_string()));
            println!("      caller: {} {}: {}", public.status, public.code, self.short(&public.message));
        }
    }

    /// Prints a step and judges it. Returns how many rows it left in the audit.
    #[expect(clippy::too_many_arguments, reason = "the columns of one line")]
    fn line<T>(
        &mut self,
        who: &Actor,
        operation: &str,
        record: &str,
        expected: &str,
        outcome: &Result<T>,
        before: i64,
        micros: u128,
    ) -> Result<usize> {
        let rows = self.store.read(&Actor::system("daemon example"), |tx| tx.audit().after(before, 10_000))?;
        let verdict = verdict(outcome);
        println!(
            "  {:<18} {:<42} {:<20} {:<17} {:<52} {:>6}",
            self.who(who),
            operation,
            self.short(record),
            verdict,
            self.short(&why(&rows, record, outcome)),
            micros
        );
        self.steps += 1;
        if verdict != expected {
            self.surprises += 1;
            println!("  ! expected {expected}, was {verdict}");
        }
        Ok(rows.len())
    }

    fn last_seq(&self) -> Result<i64> {
        let rows = self.store.read(&Actor::system("daemon example"), |tx| tx.audit().tail(1))?;
        Ok(rows.last().map_or(0, |row| row.seq))
    }

    fn who(&self, actor: &Actor) -> String {
        match actor {
            Actor::User(user) => self.short(user.as_str()),
            Actor::Executor { user, .. } => format!("{}'s executor", self.short(user.as_str())),
            Actor::Anonymous => "nobody".to_owned(),
            daemon => daemon.id().to_owned(),
        }
    }

    /// The last rows of the audit, as a table.
    pub(crate) fn audit_tail(&self, rows: u32) -> Result<()> {
        let rows = self.store.read(&Actor::system("daemon example"), |tx| tx.audit().tail(rows))?;
        println!(
            "  {:>5} {:<12} {:<22} {:<16} {:<18} {:<8} {:<8} {:<8} {:<30} fields",
            "seq", "at", "actor", "operation", "record", "verdict", "needed", "held", "why"
        );
        for row in rows {
            let at = row.at.to_string();
            let actor = format!("{} {}", row.actor_kind, self.short(&row.actor));
            let operation = format!("{} {}", row.operation, row.resource);
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            println!(
                "  {:>5} {:<12} {:<22} {:<16} {:<18} {:<8} {:<8} {:<8} {:<30} {}",
                row.seq,
                at.get(11..23).unwrap_or(&at),
                actor,
                operation,
                self.short(&row.record),
                row.verdict,
                or_dash(&row.needed),
                or_dash(&row.held),
                self.short(&or_dash(&row.why)),
                row.fields.unwrap_or_default()
            );
        }
        Ok(())
    }

    /// The text with names for ids that have one, and the end of every other UUID.
    fn short(&self, text: &str) -> String {
        let mut text = self.names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
        while let Some(at) = find_uuid(&text) {
            text.replace_range(at..at + 28, "…");
        }
        text
    }
}

/// Where a UUID begins.
fn find_uuid(text: &str) -> Option<usize> {
    let is_uuid = |window: &[u8]| {
        window.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(36).position(is_uuid)
}

fn verdict<T>(outcome: &Result<T>) -> &'static str {
    match outcome {
        Ok(_) => ALLOWED,
        Err(error) if error.is_denied() && !error.is_visible() => HIDDEN,
        Err(error) => error.code(),
    }
}

/// Why it ended so: what the audit says, or else the error.
fn why<T>(rows: &[AuditRow], record: &str, outcome: &Result<T>) -> String {
    let refused = rows.iter().find(|row| !row.is_allowed());
    let Some(row) = refused.or_else(|| rows.iter().find(|row| row.record == record)).or(rows.last()) else {
        return match outcome {
            Ok(_) => "- (leaves no audit row)".to_owned(),
            Err(Error::Denied(denied)) if denied.why().is_empty() => {
                let needed = denied.needed().map_or("nothing", aclite::Need::as_str);
                format!("needs {needed}, holds {} ({})", denied.held().level, denied.held().source)
            }
            Err(error) => error.to_string(),
        };
    };
    let why = row.why.clone().unwrap_or_default();
    match (&row.needed, &row.held) {
        (Some(needed), Some(held)) => format!("needs {needed}, holds {held} ({why})"),
        _ => why,
    }
}
