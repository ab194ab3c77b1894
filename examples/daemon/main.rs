//! A working day of an agent-orchestration daemon, played against a real file.
//!
//! `cargo run --release --example daemon` builds a new file; `-- PATH` adopts a copy of the database
//! PATH first. Each step says what it expects; the exit code is 1 where one went otherwise.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the lines are what the program is for")]

mod scenes;
pub(crate) mod stage;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aclite::{Actor, Adoption, AgenticTool, NewSession, NewTask, NewWorktree, Store, TaskStatus, UserId};
use stage::Stage;

fn main() -> ExitCode {
    let source = std::env::args_os().nth(1).map(PathBuf::from);
    match play(source.as_deref(), &std::env::temp_dir()) {
        Ok(day) => {
            println!("\nThe file is left behind: {}", day.path.display());
            println!("{} steps, {} not as expected", day.steps, day.surprises);
            if day.surprises == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("the play broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How the day went.
pub(crate) struct Day {
    pub(crate) path: PathBuf,
    pub(crate) steps: usize,
    pub(crate) surprises: usize,
}

/// Who plays: users of the file.
pub(crate) struct Cast {
    /// A member, who owns the worktree of the play.
    pub(crate) owner: UserId,
    /// Another member.
    pub(crate) colleague: UserId,
    /// An administrator, who owns nothing here.
    pub(crate) admin: UserId,
    /// A user whose role is `viewer`.
    pub(crate) viewer: UserId,
}

/// Plays the day in a new file in `dir`, or in a copy of `source` there.
pub(crate) fn play(source: Option<&Path>, dir: &Path) -> Result<Day, Box<dyn Error>> {
    let now = aclite::Time::now().as_millis();
    let path = dir.join(format!("aclite-daemon-{now}-{}.db", std::process::id()));
    let mut others_may_hold_session = true;
    if let Some(source) = source {
        copy(source, &path)?;
        println!("A copy of {} is adopted", source.display());
        let report = Adoption::new().progress(|step| println!("  … {step}")).run(&path)?;
        println!("  tables added:  {}", list(&report.tables));
        println!("  columns added: {}", list(&report.columns));
        println!("  {} worktrees got their creator as owner, {} sessions a unix name", report.owners, report.stamped);
        println!("  worktrees without an owner: {}", list(&report.unowned));
        println!("  sessions of nobody: {}", list(&report.unattributed));
        for note in &report.notes {
            println!("  note: {note}");
        }
        others_may_hold_session = report.notes.is_empty();
    }
    let store = Store::open(&path)?;
    println!("The file is {}", path.display());
    println!("Ids are shown by their end. `hidden`: denied, and the caller is told \"not found\".");
    println!("{{success}}: status, completed_at, git_state, message_range, tool_use_count, duration_ms, model, …");

    let mut stage = Stage::new(store);
    let cast = cast(&mut stage)?;
    let repo = repo(&stage.store)?;
    scenes::play(&mut stage, &cast, &repo, others_may_hold_session)?;

    println!("\nThe end of the audit");
    stage.audit_tail(24)?;
    println!("\nTo look further (no extension needed; the last one is refused: \"no such function: acl_…\")");
    for command in look_further(&path) {
        println!("  {command}");
    }
    Ok(Day { path, steps: stage.steps, surprises: stage.surprises })
}

/// Commands for a shell. The last one fails, which is the point of it.
pub(crate) fn look_further(path: &Path) -> Vec<String> {
    [
        "SELECT u.name AS user, w.name AS worktree, a.level, a.source FROM acl_access AS a \
         JOIN users AS u USING (user_id) JOIN worktrees AS w USING (worktree_id)",
        "SELECT seq, actor_kind, operation, resource, verdict, needed, held, why FROM acl_audit WHERE verdict <> 'allowed'",
        "SELECT * FROM acl_rules",
        "UPDATE tasks SET status = 'completed'",
    ]
    .map(|sql| format!("sqlite3 -header -column '{}' \"{sql}\"", path.display()))
    .to_vec()
}

/// Copies a database file, with the log that may lie beside it. The copy can be written whatever the file's mode.
fn copy(source: &Path, path: &Path) -> Result<(), Box<dyn Error>> {
    let beside = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    let bytes = std::fs::read(source).map_err(|error| format!("{}: {error}", source.display()))?;
    std::fs::write(path, bytes)?;
    if beside(source).exists() {
        std::fs::write(beside(path), std::fs::read(beside(source))?)?;
    }
    Ok(())
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// Finds the cast among the file's users, and adds who is missing.
fn cast(stage: &mut Stage) -> Result<Cast, Box<dyn Error>> {
    let mut found: Vec<(String, String, String)> = stage.store.write(&Actor::system("cast"), |tx| {
        let users = "SELECT user_id, role, ifnull(name, email) FROM users ORDER BY created_at, user_id";
        tx.sql().query(users, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    })?;
    let mut pick = |role: &str, name: &str| -> aclite::Result<UserId> {
        if let Some(at) = found.iter().position(|(_, found, _)| found == role) {
            let (id, _, name) = found.remove(at);
            stage.name(&id, &name);
            return Ok(UserId::from(id));
        }
        let id = UserId::new();
        stage.store.write(&Actor::system("cast"), |tx| {
            tx.sql().execute(
                "INSERT INTO users (user_id, created_at, email, password, name, role, data, unix_username)
                 VALUES (?1, acl_now(), ?2 || '@' || ?1 || '.example', 'a hash', ?2, ?3, '{}', ?2)",
                [id.as_str(), name, role],
            )
        })?;
        stage.name(&id, name);
        Ok(id)
    };
    Ok(Cast {
        admin: pick("admin", "ada")?,
        owner: pick("member", "bo")?,
        colleague: pick("member", "cy")?,
        viewer: pick("viewer", "vi")?,
    })
}

/// The file's first repo. A file without one gets it, with a task in it that a crash left running.
fn repo(store: &Store) -> Result<String, Box<dyn Error>> {
    let system = Actor::system("seed");
    let repos = store.write(&system, |tx| {
        tx.sql().query("SELECT repo_id FROM repos ORDER BY created_at LIMIT 1", [], |row| row.get::<_, String>(0))
    })?;
    if let Some(repo) = repos.into_iter().next() {
        return Ok(repo);
    }
    let repo = aclite::RepoId::new().to_string();
    store.write(&system, |tx| {
        let insert = "INSERT INTO repos (repo_id, created_at, slug, data) VALUES (?1, acl_now(), 'example', '{}')";
        tx.sql().execute(insert, [&repo])?;
        let owner = "SELECT user_id FROM users WHERE role = 'member' ORDER BY created_at, user_id LIMIT 1";
        let owner = UserId::from(tx.sql().query_row(owner, [], |row| row.get::<_, String>(0))?);
        let old =
            tx.worktrees().create(NewWorktree::new(repo.as_str()).name("old").git_ref("main").created_by(&owner))?;
        let session = NewSession::new(&old.worktree_id, AgenticTool::ClaudeCode).created_by(&owner);
        let session = tx.sessions().create(session)?.session_id;
        tx.tasks().create(NewTask::new(&session).created_by(&owner).status(TaskStatus::Running))
    })?;
    Ok(repo)
}
