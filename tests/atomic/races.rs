//! No write goes through on a permission that was taken away before it, at any interleaving.
//!
//! Agor checked permission in one step and wrote in a later one. Between the two the task, its
//! session or its worktree could be deleted, an owner removed, the sharing lowered or a role
//! changed, and the write went through on a permission that was gone. Here that chain runs through
//! the same harness as aclite, interleaving for interleaving: it violates every time, aclite never.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

use aclite::{
    Actor, AuditRow, Durability, EndingOutcome, Error, MessageRole, MessageType, NewMessage, NewTask, OpenOptions,
    Result, Sharing, Store, TaskId, TaskPatch, TaskStatus, Tx, WorktreePatch,
};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::support::race::{self, Gate, Stage, job};
use crate::support::{self, audit_after, session, sql, system, task, verdict, worktree, world_at};

const WRITES: [&str; 4] = ["patch", "create", "create_many", "finish"];
const REVOCATIONS: [&str; 6] =
    ["delete task", "delete session", "delete worktree", "remove owner", "lower others_can", "change role"];

// ---- the worlds -----------------------------------------------------------------------------

/// Files of one world: `bo` owns the worktree `w`, and its session `s` and task `t` are his. `cy`
/// may write there as an owner too, or because others hold `prompt`.
struct Worlds {
    dir: TempDir,
    made: usize,
    /// Looks at the latest file: while somebody does, opening and closing it takes no lock.
    watch: Option<Connection>,
}

impl Worlds {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, others) in [("owned", Sharing::None), ("shared", Sharing::Prompt)] {
            let store = world_at(&dir.path().join(name));
            worktree(&store, "w", "bo", others);
            if name == "owned" {
                store.write(&system(), |tx| tx.worktrees().add_owner("w", "cy")).unwrap();
            }
            session(&store, "s", "w", "bo");
            task(&store, "t", "s", "bo");
            sql(&store, "UPDATE acl_rules SET audit = 'all' WHERE resource = 'message' AND operation = 'create'");
        }
        Self { dir, made: 0, watch: None }
    }

    /// A fresh file in which `cy` holds what `revocation` will take away.
    fn for_revocation(&mut self, revocation: &str) -> PathBuf {
        self.copy(if revocation == "lower others_can" { "shared" } else { "owned" })
    }

    fn copy(&mut self, name: &str) -> PathBuf {
        self.made += 1;
        let path = self.dir.path().join(format!("{name}-{}", self.made));
        std::fs::copy(self.dir.path().join(name), &path).unwrap();
        let watch = plain(&path);
        watch.query_row("SELECT count(*) FROM tasks", [], |row| row.get::<_, i64>(0)).unwrap();
        self.watch = Some(watch);
        path
    }
}

fn open(path: &Path, patience: Duration) -> Store {
    OpenOptions::new().durability(Durability::Normal).busy_timeout(patience).open(path).expect("the file is sound")
}

/// Long enough for every lock that is going to be free, which no test waits for in vain.
const PATIENT: Duration = Duration::from_secs(60);
/// For a lock that is known to be held: whoever holds it waits for the director.
const IMPATIENT: Duration = Duration::from_millis(20);

fn plain(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(IMPATIENT).unwrap();
    conn
}

// ---- the parties ----------------------------------------------------------------------------

/// Plays any party: `WHO WHAT PATH`.
fn play(job: &[String], gate: &mut dyn Gate) -> String {
    let path = Path::new(&job[2]);
    let what = job[1].as_str();
    match job[0].as_str() {
        "aclite writer" => aclite_writer(what, path, gate),
        "aclite revoker" => aclite_revoker(what, path, gate),
        "chain writer" => chain_writer(what, path, gate),
        "chain revoker" => {
            gate.stop("start");
            chain_revoker(what, path)
        }
        "random writer" => random_writer(what, path),
        "random revoker" => random_revoker(what, path),
        "patcher" => patcher(what, path, gate),
        "ender" => ender(what, path, gate),
        unknown => unreachable!("no party is called {unknown}"),
    }
}

/// In the other process: everything that is played there. Here: nothing.
#[test]
fn other_process() {
    race::serve(play);
}

fn note(id: String, session: &str, task: &str) -> NewMessage {
    NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, "racing")
        .id(id)
        .task_id(TaskId::from(task))
}

fn write(tx: &Tx<'_>, what: &str) -> Result<()> {
    match what {
        "patch" => tx.tasks().patch("t", TaskPatch::new().set("race", 1)).map(drop),
        "create" => tx.messages().create(note("race-1".to_owned(), "s", "t")).map(drop),
        "create_many" => tx.messages().create_many((1..=3).map(|n| note(format!("race-{n}"), "s", "t"))).map(drop),
        "finish" => tx.tasks().finish("t", TaskPatch::new().status(TaskStatus::Completed)).map(drop),
        unknown => unreachable!("no write is called {unknown}"),
    }
}

/// A handler that looks before it writes, as the daemon's do. Its look is worth nothing, and need not be.
fn aclite_writer(what: &str, path: &Path, gate: &mut dyn Gate) -> String {
    let (store, cy) = (open(path, IMPATIENT), Actor::user("cy"));
    gate.stop("start");
    let looked = store.read(&cy, |tx| tx.tasks().get("t"));
    if looked.is_err() {
        // It tries all the same: the guard has to know by itself.
        gate.stop("refused to look");
    }
    gate.stop("looked");
    insist(gate, |gate| {
        verdict(&store.write(&cy, |tx| {
            gate.stop("in the transaction");
            write(tx, what)?;
            gate.stop("written");
            Ok(())
        }))
    })
}

/// Tries until the file is not locked any more.
fn insist(gate: &mut dyn Gate, mut attempt: impl FnMut(&mut dyn Gate) -> &'static str) -> String {
    loop {
        match attempt(gate) {
            "busy" => gate.stop("busy"),
            outcome => return outcome.to_owned(),
        }
    }
}

fn aclite_revoker(what: &str, path: &Path, gate: &mut dyn Gate) -> String {
    let store = open(path, IMPATIENT);
    let actor = Actor::user(if what == "change role" { "ada" } else { "bo" });
    gate.stop("start");
    insist(gate, |gate| {
        verdict(&store.write(&actor, |tx| {
            match what {
                "delete task" => tx.tasks().remove("t"),
                "delete session" => tx.sessions().remove("s"),
                "delete worktree" => tx.worktrees().remove("w"),
                "remove owner" => tx.worktrees().remove_owner("w", "cy"),
                "lower others_can" => {
                    tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::View)).map(drop)
                }
                "change role" => {
                    tx.sql().execute("UPDATE users SET role = 'viewer' WHERE user_id = 'cy'", []).map(drop)
                }
                unknown => unreachable!("no revocation is called {unknown}"),
            }?;
            gate.stop("revoked");
            Ok(())
        }))
    })
}

/// What Agor does: read the task, its session, its worktree, the owner; decide; then write. Each a
/// statement of its own, with `foreign_keys` as SQLite has them where nobody asks.
fn chain_writer(what: &str, path: &Path, gate: &mut dyn Gate) -> String {
    let conn = plain(path);
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let ask = |sql: &str, key: &str| conn.query_row(sql, [key], |row| row.get::<_, String>(0));
    gate.stop("start");
    let Ok(session) = ask("SELECT session_id FROM tasks WHERE task_id = ?1", "t") else { return "not_found".into() };
    gate.stop("read the task");
    let Ok(worktree) = ask("SELECT worktree_id FROM sessions WHERE session_id = ?1", &session) else {
        return "not_found".into();
    };
    gate.stop("read the session");
    let Ok(others) = ask("SELECT others_can FROM worktrees WHERE worktree_id = ?1", &worktree) else {
        return "not_found".into();
    };
    gate.stop("read the worktree");
    let owner = ask("SELECT user_id FROM worktree_owners WHERE worktree_id = ?1 AND user_id = 'cy'", &worktree).is_ok();
    let role = ask("SELECT role FROM users WHERE user_id = ?1", "cy").unwrap();
    if role == "viewer" || !(owner || others == "prompt" || others == "all") {
        return "denied".into();
    }
    gate.stop("decided");
    let message = |n: i64| {
        conn.execute(
            "INSERT INTO messages (message_id, created_at, session_id, task_id, type, role, \"index\", timestamp, data)
             VALUES ('race-' || ?1, 0, 's', 't', 'assistant', 'assistant', ?1, 0, '{}')",
            [n],
        )
    };
    match what {
        "patch" => {
            conn.execute("UPDATE tasks SET data = json_set(data, '$.race', 1) WHERE task_id = 't'", []).unwrap();
        }
        "create" => assert_eq!(message(1), Ok(1)),
        "create_many" => (1..=3).for_each(|n| assert_eq!(message(n), Ok(1))),
        _ => {
            conn.execute("UPDATE tasks SET status = 'completed' WHERE task_id = 't'", []).unwrap();
            conn.execute("UPDATE sessions SET status = 'idle' WHERE session_id = 's'", []).unwrap();
        }
    }
    "ok".into()
}

fn chain_revoker(what: &str, path: &Path) -> String {
    let conn = plain(path);
    conn.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    conn.execute_batch(match what {
        "delete task" => "DELETE FROM tasks WHERE task_id = 't'",
        "delete session" => "DELETE FROM sessions WHERE session_id = 's'",
        "delete worktree" => "DELETE FROM worktrees WHERE worktree_id = 'w'",
        "remove owner" => "DELETE FROM worktree_owners WHERE user_id = 'cy'",
        "lower others_can" => "UPDATE worktrees SET others_can = 'view'",
        _ => "UPDATE users SET role = 'viewer' WHERE user_id = 'cy'",
    })
    .unwrap();
    "ok".into()
}

// ---- what is found afterwards ---------------------------------------------------------------

/// What the write left in the file.
fn written(path: &Path) -> i64 {
    plain(path)
        .query_row(
            "SELECT (SELECT count(*) FROM tasks WHERE json_extract(data, '$.race') = 1 OR status = 'completed')
                  + (SELECT count(*) FROM messages WHERE message_id GLOB 'race-*')",
            [],
            |row| row.get(0),
        )
        .unwrap()
}

fn orphans(path: &Path) -> i64 {
    plain(path).query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap()
}

/// The violation, if any, of a round in which the revocation was acknowledged before the write was tried.
fn violation(path: &Path, outcome: &str) -> Option<&'static str> {
    if orphans(path) > 0 {
        Some("an orphan")
    } else if written(path) > 0 {
        Some("written without permission")
    } else if outcome == "ok" {
        Some("acknowledged and not there")
    } else {
        None
    }
}

/// The verdicts on the writer and on the revoker, in the order of the audit.
fn audit_of(path: &Path) -> Vec<(String, String)> {
    let conn = plain(path);
    let mut rows = conn.prepare("SELECT actor, verdict FROM acl_audit WHERE actor_kind = 'user' ORDER BY seq").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

fn each(mut cell: impl FnMut(&str, &str)) {
    for revocation in REVOCATIONS {
        for write in WRITES {
            cell(revocation, write);
        }
    }
}

// ---- the chain violates every time ----------------------------------------------------------

fn chain_violates(stage: &mut Stage) {
    let mut worlds = Worlds::new();
    let mut seen = BTreeMap::new();
    each(|revocation, write| {
        let path = worlds.for_revocation(revocation);
        Store::detach(&path).unwrap();
        let file = path.to_str().unwrap();
        let mut parties =
            stage.start(&[job(&["chain writer", write, file]), job(&["chain revoker", revocation, file])]);
        parties[0].run_to("decided");
        assert_eq!(parties[1].finish(), "ok");
        let outcome = parties[0].go_on();
        drop(parties);
        assert_eq!(outcome, "ok", "{revocation} × {write}: the chain believes that all is well");
        let found = violation(&path, &outcome);
        *seen.entry(found.expect("the chain violates every time")).or_insert(0) += 1;
    });
    assert_eq!(
        seen,
        // A deletion leaves orphans of creations, and patches of nothing; the others leave what nobody permitted.
        BTreeMap::from([("an orphan", 6), ("acknowledged and not there", 6), ("written without permission", 12)])
    );
}

#[test]
fn check_then_act_violates_every_time_in_threads() {
    chain_violates(&mut Stage::Threads(play));
}

#[test]
fn check_then_act_violates_every_time_in_processes() {
    chain_violates(&mut Stage::processes(2, "races::other_process"));
}

/// The chain is no straw man: where nothing comes between, it decides as aclite does.
#[test]
fn check_then_act_is_right_where_nothing_comes_between() {
    let (mut worlds, mut stage) = (Worlds::new(), Stage::Threads(play));
    each(|revocation, write| {
        for revoked_first in [true, false] {
            let path = worlds.for_revocation(revocation);
            Store::detach(&path).unwrap();
            let file = path.to_str().unwrap();
            if revoked_first {
                assert_eq!(chain_revoker(revocation, &path), "ok");
            }
            let outcome = stage.start(&[job(&["chain writer", write, file])])[0].finish();
            assert_eq!(outcome == "ok", !revoked_first, "{revocation} × {write}");
            assert_eq!(written(&path) > 0, !revoked_first, "{revocation} × {write}");
        }
    });
}

// ---- aclite never does ----------------------------------------------------------------------

/// How a write is refused after each revocation. Whoever still may view the worktree is told more.
fn refusal(revocation: &str, write: &str) -> &'static str {
    match (revocation, write) {
        // Its session is there, only its task is not.
        ("delete task", "create" | "create_many") => "invalid",
        ("delete task" | "delete session" | "delete worktree", _) => "not_found",
        ("remove owner", _) => "hidden",
        // others hold `view`
        ("lower others_can", _) => "denied",
        // an owner whose role is viewer holds `view`
        _ => "denied",
    }
}

/// `before` and `after` are the places at which the writer waits while the revocation is tried.
fn aclite_never_does(stage: &mut Stage, before: &[&str], after: &[&str]) {
    let mut worlds = Worlds::new();
    each(|revocation, write| {
        let cell = format!("{revocation} × {write}");

        // The revocation is acknowledged before the write begins, or between its look and itself.
        for place in before {
            let path = worlds.for_revocation(revocation);
            let file = path.to_str().unwrap();
            let mut parties =
                stage.start(&[job(&["aclite writer", write, file]), job(&["aclite revoker", revocation, file])]);
            parties[0].run_to(place);
            assert_eq!(parties[1].finish(), "ok", "{cell} at {place}");
            let outcome = parties[0].go_on();
            drop(parties);
            assert_eq!(outcome, refusal(revocation, write), "{cell} at {place}");
            assert_eq!(violation(&path, &outcome), None, "{cell} at {place}");
            let told = if outcome == "not_found" { "missing" } else { "denied" };
            let revoker = if revocation == "change role" { "ada" } else { "bo" };
            assert_eq!(audit_of(&path), [(revoker, "allowed"), ("cy", told)].map(owned), "{cell} at {place}");
        }

        // The write is under way: the revocation has to wait, and is not acknowledged before it is done.
        for place in after {
            let path = worlds.for_revocation(revocation);
            let file = path.to_str().unwrap();
            let mut parties =
                stage.start(&[job(&["aclite writer", write, file]), job(&["aclite revoker", revocation, file])]);
            parties[0].run_to(place);
            parties[1].run_to("busy");
            assert_eq!(parties[0].go_on(), "ok", "{cell} at {place}");
            let expected = if write == "create_many" { 3 } else { 1 };
            assert_eq!(written(&path), expected, "{cell} at {place}");
            assert_eq!(parties[1].go_on(), "ok", "{cell} at {place}");
            drop(parties);
            assert_eq!(orphans(&path), 0, "{cell} at {place}");
            let audit = audit_of(&path);
            let (last, earlier) = audit.split_last().unwrap();
            assert_eq!(last.1, "allowed", "{cell} at {place}");
            assert!(last.0 != "cy" && !earlier.is_empty(), "{cell} at {place}: {audit:?}");
            assert!(earlier.iter().all(|row| *row == owned(("cy", "allowed"))), "{cell} at {place}: {audit:?}");
        }

        // The revocation is done and not yet acknowledged: the write has to wait, and is refused then.
        let path = worlds.for_revocation(revocation);
        let file = path.to_str().unwrap();
        let mut parties =
            stage.start(&[job(&["aclite revoker", revocation, file]), job(&["aclite writer", write, file])]);
        parties[0].run_to("revoked");
        parties[1].run_to("busy");
        assert_eq!(parties[0].go_on(), "ok", "{cell}");
        let outcome = parties[1].go_on();
        drop(parties);
        assert_eq!(outcome, refusal(revocation, write), "{cell}");
        assert_eq!(violation(&path, &outcome), None, "{cell}");
    });
}

fn owned((actor, verdict): (&str, &str)) -> (String, String) {
    (actor.to_owned(), verdict.to_owned())
}

#[test]
fn aclite_never_relies_on_a_revoked_permission_in_threads() {
    aclite_never_does(&mut Stage::Threads(play), &["start", "looked"], &["in the transaction", "written"]);
}

#[test]
fn aclite_never_relies_on_a_revoked_permission_in_processes() {
    aclite_never_does(&mut Stage::processes(2, "races::other_process"), &["looked"], &["written"]);
}

// ---- random rounds --------------------------------------------------------------------------

/// A generator that is the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

const ROUNDS: u64 = 60;
const TASKS: [&str; 3] = ["t", "t1", "t2"];

/// `NAME SEED`: writes at random as `cy`, and says which writes were acknowledged.
fn random_writer(what: &str, path: &Path) -> String {
    let (name, seed) = what.split_once(' ').unwrap();
    let (store, cy, mut dice) = (open(path, PATIENT), Actor::user("cy"), Dice(seed.parse().unwrap()));
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let task = TASKS[dice.roll(3) as usize];
        let which = dice.roll(4);
        let name = format!("{name}-{round}-{task}");
        let done = store.write(&cy, |tx| {
            match which {
                0 => drop(tx.tasks().patch(task, TaskPatch::new().set("by", name.as_str()))?),
                1 => drop(tx.messages().create(note(format!("{name}-0"), "s", task))?),
                2 => drop(tx.messages().create_many((0..3).map(|n| note(format!("{name}-{n}"), "s", task)))?),
                _ => drop(
                    tx.tasks().finish(task, TaskPatch::new().status(TaskStatus::Completed).set("by", name.as_str()))?,
                ),
            }
            Ok(())
        });
        match done {
            Ok(()) => acknowledged.push(match which {
                0 | 3 => "patch".to_owned(),
                1 => format!("{name}-0"),
                _ => format!("{name}-0 {name}-1 {name}-2"),
            }),
            Err(Error::Denied(_) | Error::NotFound(_) | Error::Invalid(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged.join(" ")
}

/// `SEED`: takes away and gives back at random, as the daemon, whose reason tells the audit the new value.
fn random_revoker(seed: &str, path: &Path) -> String {
    let (store, mut dice) = (open(path, PATIENT), Dice(seed.parse().unwrap()));
    for _ in 0..ROUNDS {
        let daemon = |reason: &str| Actor::system(reason);
        let task = TASKS[dice.roll(3) as usize];
        let done = match dice.roll(9) {
            0 => store.write(&daemon("drop cy"), |tx| tx.worktrees().remove_owner("w", "cy")),
            1 => store.write(&daemon("add cy"), |tx| tx.worktrees().add_owner("w", "cy").map(drop)),
            2 => store.write(&daemon("none"), |tx| {
                tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::None)).map(drop)
            }),
            3 => store.write(&daemon("prompt"), |tx| {
                tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::Prompt)).map(drop)
            }),
            role @ (4 | 5) => {
                let word = if role == 4 { "viewer" } else { "member" };
                store.write(&daemon(word), |tx| {
                    tx.sql().execute("UPDATE users SET role = ?1 WHERE user_id = 'cy'", [word]).map(drop)
                })
            }
            6 => store.write(&daemon("delete"), |tx| tx.tasks().remove(task)),
            7 => store
                .write(&daemon("make"), |tx| tx.tasks().create(NewTask::new("s").id(task).created_by("bo")).map(drop)),
            _ => match dice.roll(3) {
                0 => store.write(&daemon("delete"), |tx| tx.sessions().remove("s")),
                1 => store.write(&daemon("delete"), |tx| tx.worktrees().remove("w")),
                _ => {
                    restore(&store);
                    Ok(())
                }
            },
        };
        match done {
            Ok(()) | Err(Error::NotFound(_) | Error::Conflict(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        if dice.roll(3) == 0 {
            restore(&store);
        }
    }
    "ok".into()
}

/// Makes what is missing of worktree, owner and session, each for itself.
fn restore(store: &Store) {
    use aclite::{AgenticTool, NewSession, NewWorktree};
    let daemon = Actor::system("make");
    let made = [
        store.write(&daemon, |tx| {
            let new =
                NewWorktree::new("r").name("w").git_ref("main").id("w").created_by("bo").others_can(Sharing::None);
            tx.worktrees().create(new).map(drop)
        }),
        store.write(&daemon, |tx| {
            tx.sessions().create(NewSession::new("w", AgenticTool::ClaudeCode).id("s").created_by("bo")).map(drop)
        }),
        store.write(&daemon, |tx| tx.tasks().create(NewTask::new("s").id("t").created_by("bo")).map(drop)),
        store.write(&daemon, |tx| tx.worktrees().add_owner("w", "cy").map(drop)),
    ];
    for done in made {
        assert!(matches!(done, Ok(()) | Err(Error::Conflict(_) | Error::NotFound(_))), "{done:?}");
    }
}

/// The world as the audit tells it.
#[derive(Default)]
struct Told {
    worktree: bool,
    session: bool,
    tasks: BTreeSet<String>,
    messages: BTreeSet<String>,
    owner: bool,
    prompt: bool,
    viewer: bool,
}

impl Told {
    fn may_write(&self) -> bool {
        self.session && !self.viewer && (self.owner || self.prompt)
    }

    /// Goes one row further, and complains where the row can't be true.
    fn go_on(&mut self, row: &AuditRow) {
        let permitted = match (row.resource.as_str(), row.operation.as_str()) {
            ("task", "patch") => self.may_write() && self.tasks.contains(&row.record),
            ("session", "report") => self.may_write(),
            ("message", "create") => self.may_write() && self.tasks.contains(task_in(&row.record)),
            _ => true,
        };
        if row.actor == "cy" {
            assert_eq!(row.is_allowed(), permitted, "{row:?}");
        }
        if !row.is_allowed() {
            return;
        }
        match (row.resource.as_str(), row.operation.as_str(), row.actor.as_str()) {
            ("worktree", "create", _) => (self.worktree, self.prompt) = (true, false),
            ("worktree", "remove", _) => *self = Self { viewer: self.viewer, ..Self::default() },
            ("worktree", _, word) => self.prompt = word == "prompt",
            ("owner", "create", _) => self.owner = true,
            ("owner", _, _) => self.owner = false,
            ("session", "create", _) => self.session = true,
            ("session", "remove", _) => {
                self.session = false;
                self.tasks.clear();
                self.messages.clear();
            }
            ("task", "create", _) => assert!(self.tasks.insert(row.record.clone()), "{row:?}"),
            ("task", "remove", _) => assert!(self.tasks.remove(&row.record), "{row:?}"),
            ("message", "create", _) => assert!(self.messages.insert(row.record.clone()), "{row:?}"),
            ("user", _, word) => self.viewer = word == "viewer",
            _ => {}
        }
    }
}

/// The task that a message `NAME-ROUND-TASK-N` names.
fn task_in(message: &str) -> &str {
    message.split('-').nth(2).unwrap_or_default()
}

/// Every write that committed was permitted when it committed, every refusal was due, and the data
/// is what the audit tells.
fn replay(path: &Path, seq: i64, acknowledged: &str) -> usize {
    let store = open(path, PATIENT);
    assert!(store.check().unwrap().is_clean());
    let mut told =
        Told { worktree: true, session: true, tasks: ["t".to_owned()].into(), owner: true, ..Told::default() };
    let rows = audit_after(&store, seq);
    for row in &rows {
        told.go_on(row);
    }
    drop(store);
    let conn = plain(path);
    let ids = |table: &str, key: &str| -> BTreeSet<String> {
        let mut ids = conn.prepare(&format!("SELECT {key} FROM {table}")).unwrap();
        ids.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(orphans(path), 0);
    assert_eq!(ids("tasks", "task_id"), told.tasks);
    assert_eq!(ids("messages", "message_id"), told.messages);
    assert_eq!(ids("sessions", "session_id").len(), usize::from(told.session));
    assert_eq!(ids("worktrees", "worktree_id").len(), usize::from(told.worktree));

    // What was acknowledged is what was audited: no more, no less.
    let allowed = |resource: &str| {
        let rows = rows.iter().filter(move |row| row.actor == "cy" && row.is_allowed());
        let resource = resource.to_owned();
        rows.filter(move |row| row.resource == resource)
    };
    let patches = acknowledged.split(' ').filter(|word| *word == "patch").count();
    assert_eq!(allowed("task").count(), patches);
    let messages: BTreeSet<&str> = acknowledged.split(' ').filter(|word| !matches!(*word, "" | "patch")).collect();
    assert_eq!(allowed("message").map(|row| row.record.as_str()).collect::<BTreeSet<_>>(), messages);
    rows.iter().filter(|row| row.actor == "cy" && !row.is_allowed()).count()
}

fn random_rounds(stage: &mut Stage) {
    let mut worlds = Worlds::new();
    let (mut refused, mut permitted) = (false, false);
    for (round, seed) in [3, 1_000_003, 5, 1_000_033, 7, 1_000_037].into_iter().enumerate() {
        // Two rounds, and more where the revoker was so quick, or so late, that only one kind of answer was seen.
        if round >= 2 && refused && permitted {
            break;
        }
        let path = worlds.copy("owned");
        let file = path.to_str().unwrap();
        let seq = support::last_seq(&open(&path, PATIENT));
        let mut parties = stage.start(&[
            job(&["random writer", &format!("a {seed}"), file]),
            job(&["random writer", &format!("b {}", seed + 17), file]),
            job(&["random revoker", &format!("{}", seed + 99), file]),
        ]);
        let acknowledged = parties[0].finish() + " " + &parties[1].finish();
        assert_eq!(parties[2].finish(), "ok");
        drop(parties);
        refused |= replay(&path, seq, &acknowledged) > 0;
        permitted |= !acknowledged.trim().is_empty();
    }
    assert!(refused, "some were refused");
    assert!(permitted, "some were not");
}

#[test]
fn random_rounds_in_threads_leave_an_audit_that_is_true() {
    random_rounds(&mut Stage::Threads(play));
}

#[test]
fn random_rounds_in_processes_leave_an_audit_that_is_true() {
    random_rounds(&mut Stage::processes(3, "races::other_process"));
}

/// Threads that share one store queue for its connection, and the story is the same.
#[test]
fn threads_that_share_a_store_race_as_others_do() {
    let path = Worlds::new();
    let file = path.dir.path().join("owned");
    let store = open(&file, PATIENT);
    let seq = support::last_seq(&store);
    let start = Barrier::new(3);
    let acknowledged = std::thread::scope(|scope| {
        let writers: Vec<_> = ["a", "b"]
            .map(|name| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut acknowledged = String::new();
                    for round in 0..40 {
                        let id = format!("{name}-{round}-t-0");
                        let done =
                            store.write(&Actor::user("cy"), |tx| tx.messages().create(note(id.clone(), "s", "t")));
                        match done {
                            Ok(_) => acknowledged += &format!("{id} "),
                            Err(Error::Denied(_)) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                    acknowledged
                })
            })
            .into_iter()
            .collect();
        start.wait();
        for _ in 0..20 {
            store.write(&Actor::system("drop cy"), |tx| tx.worktrees().remove_owner("w", "cy")).unwrap();
            store.write(&Actor::system("add cy"), |tx| tx.worktrees().add_owner("w", "cy")).unwrap();
        }
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<String>()
    });
    drop(store);
    replay(&file, seq, acknowledged.trim());
}

// ---- two patches, two endings ---------------------------------------------------------------

/// `KEY VALUE`: patches one field of the task.
fn patcher(what: &str, path: &Path, gate: &mut dyn Gate) -> String {
    let (key, value) = what.split_once(' ').unwrap();
    let store = open(path, IMPATIENT);
    gate.stop("start");
    verdict(&store.write(&Actor::user("cy"), |tx| {
        tx.tasks().patch("t", TaskPatch::new().set(key, value))?;
        gate.stop("written");
        Ok(())
    }))
    .to_owned()
}

fn data_of(path: &Path) -> serde_json::Value {
    let store = open(path, PATIENT);
    store.read(&system(), |tx| tx.tasks().get("t")).unwrap().data().unwrap().clone().into()
}

#[test]
fn concurrent_patches_of_different_fields_both_survive_and_of_one_the_last_stands() {
    for stage in [&mut Stage::Threads(play), &mut Stage::processes(2, "races::other_process")] {
        let mut worlds = Worlds::new();
        for (first, second, expected) in [
            ("a 1", "b 2", json!({"full_prompt": "do", "a": "1", "b": "2"})),
            ("a 1", "a 2", json!({"full_prompt": "do", "a": "2"})),
        ] {
            let path = worlds.copy("owned");
            let file = path.to_str().unwrap();
            let jobs = [job(&["patcher", first, file]), job(&["patcher", second, file])];
            let mut parties = stage.start(&jobs);
            parties[0].run_to("written");
            assert_eq!(parties[1].finish(), "busy");
            assert_eq!(parties[0].go_on(), "ok");
            drop(parties);
            assert_eq!(stage.start(&jobs[1..])[0].finish(), "ok");
            assert_eq!(data_of(&path), expected);
        }
    }
}

#[test]
fn many_concurrent_patches_lose_none() {
    let mut worlds = Worlds::new();
    let path = worlds.copy("owned");
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                let store = open(path, PATIENT);
                start.wait();
                for n in 0..25 {
                    let patch = TaskPatch::new().set(format!("{name}{n}"), n).set("last", name);
                    store.write(&Actor::user("cy"), |tx| tx.tasks().patch("t", patch)).unwrap();
                    store
                        .write(&Actor::system(name), |tx| tx.tasks().patch("t", TaskPatch::new().set("last", name)))
                        .unwrap();
                }
            });
        }
    });
    let data = data_of(&path);
    for name in ["a", "b", "c", "d"] {
        for n in 0..25 {
            assert_eq!(data[format!("{name}{n}")], json!(n));
        }
    }
    // The last row of the audit that changed `last` says whose value stands; the daemon's reason is that value.
    let rows = audit_after(&open(&path, PATIENT), 0);
    let last = rows.iter().rev().find(|row| row.resource == "task").unwrap();
    assert_eq!(last.actor_kind, "system");
    assert_eq!(data["last"], json!(last.actor));
}

/// `STATUS`: ends the task, the executor with what it has to report, the daemon with why.
fn ender(what: &str, path: &Path, gate: &mut dyn Gate) -> String {
    let store = open(path, IMPATIENT);
    let (actor, patch) = if what == "stopped" {
        (Actor::system("stop"), TaskPatch::new().status(TaskStatus::Stopped).set("stopped_by", "bo"))
    } else {
        let report = TaskPatch::new().status(TaskStatus::Completed).set("git_state", json!({"sha": "abc"}));
        (Actor::executor("bo", "s", "t"), report.set("message_range", json!({"end": 7})))
    };
    gate.stop("start");
    let done = store.write(&actor, |tx| {
        let patched = tx.tasks().finish("t", patch)?;
        gate.stop("written");
        Ok(patched.ended)
    });
    match done {
        Ok(EndingOutcome::First) => "first".to_owned(),
        Ok(EndingOutcome::AlreadyEnded(status)) => format!("after {status}"),
        other => verdict(&other).to_owned(),
    }
}

/// A user stopped a run at the moment at which it completed: both endings were written, the later
/// one over the earlier, and with it went the report or the stop.
#[test]
fn stop_against_completion_has_exactly_one_ending_and_loses_no_report() {
    for stage in [&mut Stage::Threads(play), &mut Stage::processes(2, "races::other_process")] {
        let mut worlds = Worlds::new();
        for (first, second) in [("stopped", "completed"), ("completed", "stopped")] {
            let path = worlds.copy("owned");
            let file = path.to_str().unwrap();
            let jobs = [job(&["ender", first, file]), job(&["ender", second, file])];
            let mut parties = stage.start(&jobs);
            parties[0].run_to("written");
            assert_eq!(parties[1].finish(), "busy");
            assert_eq!(parties[0].go_on(), "first");
            drop(parties);
            assert_eq!(stage.start(&jobs[1..])[0].finish(), format!("after {first}"));
            ended_once(&path, first);
        }
    }
}

fn ended_once(path: &Path, status: &str) {
    let store = open(path, PATIENT);
    let (task, session) = store.read(&system(), |tx| Ok((tx.tasks().get("t")?, tx.sessions().get("s")?))).unwrap();
    assert_eq!(task.status.as_str(), status);
    assert!(task.completed_at.is_some());
    assert_eq!(task.data().unwrap()["git_state"], json!({"sha": "abc"}), "the report is there, late or not");
    assert_eq!(task.data().unwrap()["message_range"], json!({"end": 7}));
    assert_eq!(task.data().unwrap()["stopped_by"], "bo");
    assert!(session.ready_for_prompt);
    let endings = audit_after(&store, 0).into_iter().filter(|row| {
        row.resource == "task" && row.fields.as_deref().is_some_and(|fields| fields.split(' ').any(|f| f == "status"))
    });
    assert_eq!(endings.count(), 1, "one row of the audit changes the status");
}

#[test]
fn whoever_comes_first_ends_the_task_and_nobody_twice() {
    let mut worlds = Worlds::new();
    for _ in 0..12 {
        let path = worlds.copy("owned");
        let start = Barrier::new(2);
        let outcomes = std::thread::scope(|scope| {
            let run = |actor: Actor, patch: TaskPatch| {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    let store = open(path, PATIENT);
                    start.wait();
                    store.write(&actor, |tx| tx.tasks().finish("t", patch)).unwrap().ended
                })
            };
            let stop = TaskPatch::new().status(TaskStatus::Stopped).set("stopped_by", "bo");
            let report = TaskPatch::new().status(TaskStatus::Completed).set("git_state", json!({"sha": "abc"}));
            let report = report.set("message_range", json!({"end": 7}));
            let parties = [run(system(), stop), run(Actor::executor("bo", "s", "t"), report)];
            parties.map(|party| party.join().unwrap())
        });
        match outcomes {
            [EndingOutcome::First, EndingOutcome::AlreadyEnded(TaskStatus::Stopped)] => ended_once(&path, "stopped"),
            [EndingOutcome::AlreadyEnded(TaskStatus::Completed), EndingOutcome::First] => {
                ended_once(&path, "completed")
            }
            other => panic!("{other:?}"),
        }
    }
}
