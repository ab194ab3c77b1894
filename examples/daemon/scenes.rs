//! The scenes of the day, each a short story with its expectations.

use std::sync::Barrier;

use aclite::{
    Actor, AgenticTool, EndingOutcome, MessageId, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage,
    NewSession, NewTask, NewWorktree, Result, SessionId, SessionPatch, Sharing, Store, TaskId, TaskPatch, TaskQuery,
    TaskStatus, Time, UserId, WorktreeId, WorktreePatch,
};
use serde_json::json;

use super::stage::{ALLOWED, CONFLICT, DENIED, HIDDEN, IMMUTABLE, NOT_FOUND, NOT_SIGNED_IN, Stage};

use super::Cast;

/// One user at work: their session, their task, and the executor that reports on it.
struct Run {
    session: SessionId,
    task: TaskId,
    executor: Actor,
}

pub(crate) fn play(stage: &mut Stage, cast: &Cast, repo: &str, others_may_hold_session: bool) -> Result<()> {
    restart(stage, cast)?;
    let worktree = from_prompt_to_end(stage, cast, repo)?;
    short_patches(stage, cast, &worktree)?;
    stop_against_completion(stage, cast, &worktree)?;
    session_deleted(stage, cast, &worktree)?;
    owner_revoked(stage, cast, &worktree)?;
    spoofed_session(stage, cast, &worktree)?;
    viewer_and_strangers(stage, cast, &worktree)?;
    level_by_level(stage, cast, &worktree, others_may_hold_session)
}

fn restart(stage: &mut Stage, cast: &Cast) -> Result<()> {
    stage.heading("The daemon starts: nobody reports any more on what was under way");
    let (daemon, user) = (Actor::system("restart"), Actor::User(cast.owner.clone()));
    let _ = stage.write(&user, "stop orphaned tasks", "every task", DENIED, |tx| tx.tasks().close_orphaned());
    let stopped =
        stage.write(&daemon, "stop orphaned tasks", "every task", ALLOWED, |tx| tx.tasks().close_orphaned())?;
    stage.say(&format!("  = {} tasks stopped, {} unreadable", stopped.items.len(), stopped.unreadable.len()));
    // One whose creator may still work there: its executor is alive after all, and reports late.
    let late = stopped.items.iter().find(|task| {
        let user = Actor::User(task.created_by.clone());
        stage.store.read(&user, |tx| tx.sessions().get(&task.session_id)).is_ok_and(|s| s.created_by == task.created_by)
    });
    let Some(task) = late else { return Ok(()) };
    let executor = Actor::executor(&task.created_by, &task.session_id, &task.task_id);
    let report = success();
    let patched = stage.write(&executor, "patch task {success}, too late", &task.task_id, ALLOWED, |tx| {
        tx.tasks().patch(&task.task_id, report)
    })?;
    stage.check(
        "it stays `stopped`, and the report is kept",
        patched.ended == EndingOutcome::AlreadyEnded(TaskStatus::Stopped)
            && patched.task.data()?.contains_key("message_range"),
    );
    Ok(())
}

fn from_prompt_to_end(stage: &mut Stage, cast: &Cast, repo: &str) -> Result<WorktreeId> {
    stage.heading("A user opens a session, and her executor runs to the end");
    let user = Actor::User(cast.owner.clone());
    let worktree = WorktreeId::new();
    stage.name(&worktree, "the worktree");
    stage.write(&user, "create worktree", &worktree, ALLOWED, |tx| {
        let new = NewWorktree::new(repo).name("fix-the-build").git_ref("main").id(&worktree);
        tx.worktrees().create(new.others_can(Sharing::View))
    })?;
    let run = start(stage, &cast.owner, &worktree)?;
    let (session, task) = (&run.session, &run.task);
    let daemon = Actor::system("session set-up");
    for patch in [json!({"mcp_token": "a-secret"}), json!({"tasks": [task]}), json!({"genealogy": {"children": []}})] {
        patch_session(stage, &daemon, session, patch)?;
    }
    stage.write(&user, "create message (the prompt)", session, ALLOWED, |tx| {
        let prompt = NewMessage::new(session, MessageType::User, MessageRole::User, "fix the build");
        tx.messages().create(prompt.task_id(task.clone()))
    })?;
    patch_task(stage, &run.executor, task, json!({"status": "running"}), ALLOWED)?;
    let own = stage.read(&run.executor, "get session", session, ALLOWED, |tx| tx.sessions().get(session))?;
    stage.check("her executor reads the token", own.data()?.contains_key("mcp_token"));
    let own = stage.read(&user, "get session", session, ALLOWED, |tx| tx.sessions().get(session))?;
    stage.check("she does not", !own.data()?.contains_key("mcp_token"));
    stage.write(&run.executor, "create 3 messages at once", session, ALLOWED, |tx| {
        let line = |text| NewMessage::new(session, MessageType::Assistant, MessageRole::Assistant, text);
        tx.messages().create_many(["looking", "found it", "fixing"].map(|text| line(text).task_id(task.clone())))
    })?;
    let request = MessageId::new();
    let pending = json!({"tool_name": "Bash", "status": "pending"});
    stage.write(&run.executor, "create message (asks permission)", &request, ALLOWED, |tx| {
        let new = NewMessage::new(session, MessageType::PermissionRequest, MessageRole::System, pending);
        tx.messages().create(new.id(&request).task_id(task.clone()))
    })?;
    let waits = json!({"status": "awaiting_permission", "permission_request": {"tool_name": "Bash"}});
    patch_task(stage, &run.executor, task, waits, ALLOWED)?;
    let answer = json!({"content": {"status": "approved", "approved_by": cast.owner, "approved_at": Time::now()}});
    let yes = || MessagePatch::from_json(answer.clone());
    let _ = stage.write(&run.executor, "patch message (approves itself)", &request, DENIED, |tx| {
        tx.messages().patch(&request, yes()?)
    });
    stage.write(&user, "patch message (approves)", &request, ALLOWED, |tx| tx.messages().patch(&request, yes()?))?;
    patch_task(stage, &run.executor, task, json!({"status": "running"}), ALLOWED)?;
    let report = success();
    let finished =
        stage.write(&run.executor, "finish task {success}", task, ALLOWED, |tx| tx.tasks().finish(task, report))?;
    let after = stage.read(&user, "get session", session, ALLOWED, |tx| tx.sessions().get(session))?;
    stage.check(
        "the task ended, and its session waits for the next prompt",
        finished.ended == EndingOutcome::First && after.ready_for_prompt && after.status.as_str() == "idle",
    );
    patch_session(stage, &Actor::system("bookkeeping"), session, json!({"message_count": 5}))?;

    let query = MessageQuery::new().session(session);
    let page = stage.read(&user, "find messages of the session", session, ALLOWED, |tx| tx.messages().find(&query))?;
    if let [first, second, ..] = &page.items[..] {
        let (first, second) = (&first.message_id, &second.message_id);
        stage.write(&user, "patch message {content}", first, ALLOWED, |tx| {
            tx.messages().patch(first, MessagePatch::new().set("content", "fix the build, please"))
        })?;
        stage.write(&user, "remove message", second, ALLOWED, |tx| tx.messages().remove(second))?;
    }
    let page = stage.read(&user, "find messages of the session", session, ALLOWED, |tx| tx.messages().find(&query))?;
    stage.check("of five messages four are left", page.items.len() == 4);
    for patch in [json!({"title": "Fixed"}), json!({"archived": true, "archived_reason": "manual"})] {
        patch_session(stage, &user, session, patch)?;
    }
    Ok(worktree)
}

fn short_patches(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("Patches as executors and the daemon send them: none carries a session_id");
    let now = || Time::now().to_string();
    let sha = json!({"sha_at_end": "b2"});
    for report in [
        json!({"status": "completed", "completed_at": now(), "model": "m"}),
        json!({"status": "failed", "completed_at": now(), "git_state": sha}),
        json!({"status": "failed", "report": "it broke"}),
    ] {
        let run = start(stage, &cast.owner, worktree)?;
        patch_task(stage, &run.executor, &run.task, json!({"model": "m"}), ALLOWED)?;
        patch_session(stage, &run.executor, &run.session, json!({"sdk_session_id": "open-code-1"}))?;
        patch_task(stage, &run.executor, &run.task, report, ALLOWED)?;
        let late = json!({"message_range": {"start_index": 0, "end_index": 2}});
        patch_task(stage, &run.executor, &run.task, late, ALLOWED)?;
        let waits = json!({"ready_for_prompt": true, "status": "idle"});
        patch_session(stage, &Actor::system("after an ending"), &run.session, waits)?;
    }
    let run = start(stage, &cast.owner, worktree)?;
    let stop = Actor::system("stop handler");
    patch_task(stage, &stop, &run.task, json!({"status": "stopping"}), ALLOWED)?;
    patch_task(stage, &run.executor, &run.task, json!({"status": "running"}), DENIED)?;
    patch_task(stage, &stop, &run.task, json!({"status": "stopped", "completed_at": now()}), ALLOWED)?;
    let user = Actor::User(cast.owner.clone());
    patch_task(stage, &user, &run.task, json!({"status": "completed"}), CONFLICT)
}

fn stop_against_completion(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("A stop races a completion: two threads, released together by a barrier");
    let mut won = [0, 0];
    for round in 0..20 {
        let run = quietly(&stage.store, &cast.owner, worktree)?;
        let [stopped, completed] = race(&stage.store, &run);
        let (stopped, completed) = (stopped?, completed?);
        let one = [&stopped, &completed].iter().filter(|ended| ***ended == EndingOutcome::First).count() == 1;
        let task = stage.store.read(&Actor::User(cast.owner.clone()), |tx| tx.tasks().get(&run.task))?;
        let status = if stopped == EndingOutcome::First { TaskStatus::Stopped } else { TaskStatus::Completed };
        let kept = task.data()?.contains_key("message_range") && task.data()?.contains_key("stop_reason");
        won[usize::from(completed == EndingOutcome::First)] += 1;
        if round == 0 {
            stage.say(&format!("the stop handler is told {stopped:?}, the executor {completed:?}"));
        }
        if round == 0 || !(one && task.status == status && kept) {
            let what = format!("round {}: `{status}` won, and the report of the other is kept too", round + 1);
            stage.check(&what, one && task.status == status && kept);
        }
    }
    stage
        .say(&format!("of 20 rounds the stop won {}, the completion {}, each once and no report lost", won[0], won[1]));
    Ok(())
}

/// Stops and completes the task at once.
fn race(store: &Store, run: &Run) -> [Result<EndingOutcome>; 2] {
    let start = Barrier::new(2);
    let end = |actor: Actor, patch: TaskPatch| {
        start.wait();
        store.write(&actor, |tx| tx.tasks().finish(&run.task, patch)).map(|patched| patched.ended)
    };
    let end = &end;
    std::thread::scope(|threads| {
        let stop = TaskPatch::new().status(TaskStatus::Stopped).set("stop_reason", "by the user");
        let stop = threads.spawn(move || end(Actor::system("stop handler"), stop));
        let completed = end(run.executor.clone(), success());
        match stop.join() {
            Ok(stopped) => [stopped, completed],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn session_deleted(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("A session is deleted under a running executor");
    let run = start(stage, &cast.owner, worktree)?;
    let user = Actor::User(cast.owner.clone());
    stage.write(&user, "remove session", &run.session, ALLOWED, |tx| tx.sessions().remove(&run.session))?;
    let report = success();
    let outcome = stage
        .write(&run.executor, "finish task {success}", &run.task, NOT_FOUND, |tx| tx.tasks().finish(&run.task, report));
    stage.both_sides(&outcome);
    let new = NewMessage::new(&run.session, MessageType::Assistant, MessageRole::Assistant, "anyone there?");
    let new = new.task_id(run.task.clone());
    let outcome = stage.write(&run.executor, "create message", &run.session, NOT_FOUND, |tx| tx.messages().create(new));
    stage.both_sides(&outcome);
    Ok(())
}

fn owner_revoked(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("An owner is revoked in mid-run: the next report is refused");
    let user = Actor::User(cast.owner.clone());
    let pair = format!("{worktree}/{}", cast.colleague);
    stage.write(&user, "create owner", &pair, ALLOWED, |tx| tx.worktrees().add_owner(worktree, &cast.colleague))?;
    let run = start(stage, &cast.colleague, worktree)?;
    patch_task(stage, &run.executor, &run.task, json!({"model": "m"}), ALLOWED)?;
    stage.write(&user, "remove owner", &pair, ALLOWED, |tx| tx.worktrees().remove_owner(worktree, &cast.colleague))?;
    let report = success();
    let outcome = stage
        .write(&run.executor, "finish task {success}", &run.task, DENIED, |tx| tx.tasks().finish(&run.task, report));
    stage.both_sides(&outcome);
    let last = format!("{worktree}/{}", cast.owner);
    let outcome = stage.write(&user, "remove owner (the last one)", &last, CONFLICT, |tx| {
        tx.worktrees().remove_owner(worktree, &cast.owner)
    });
    stage.both_sides(&outcome);
    Ok(())
}

fn spoofed_session(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("A spoofed session_id gives no authority");
    let (mine, theirs) = (quietly(&stage.store, &cast.owner, worktree)?, private(stage, cast)?);
    let user = Actor::User(cast.owner.clone());
    let with = |session: &SessionId| json!({"session_id": session, "model": "m"});
    patch_task(stage, &user, &mine.task, with(&mine.session), ALLOWED)?;
    let other = quietly(&stage.store, &cast.owner, worktree)?;
    patch_task(stage, &user, &mine.task, with(&other.session), IMMUTABLE)?;
    let spoof = TaskPatch::from_json(with(&mine.session))?;
    let outcome = stage.write(&user, "patch task of a hidden session", &theirs.task, HIDDEN, |tx| {
        tx.tasks().patch(&theirs.task, spoof)
    });
    stage.both_sides(&outcome);
    let forged = Actor::executor(&cast.owner, &mine.session, &theirs.task);
    patch_task(stage, &forged, &theirs.task, json!({"model": "m"}), HIDDEN)
}

fn viewer_and_strangers(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId) -> Result<()> {
    stage.heading("A viewer may look; a stranger learns nothing, an administrator included");
    let run = quietly(&stage.store, &cast.owner, worktree)?;
    let viewer = Actor::User(cast.viewer.clone());
    stage.read(&viewer, "get task", &run.task, ALLOWED, |tx| tx.tasks().get(&run.task))?;
    let outcome = stage.write(&viewer, "create task (a prompt)", &run.session, DENIED, |tx| {
        tx.tasks().create(NewTask::new(&run.session).set("full_prompt", "me too"))
    });
    stage.both_sides(&outcome);
    let outcome = stage.write(&viewer, "remove session", &run.session, DENIED, |tx| tx.sessions().remove(&run.session));
    stage.both_sides(&outcome);

    let hidden = private(stage, cast)?;
    let admin = Actor::User(cast.admin.clone());
    let outcome = stage.read(&admin, "get task", &hidden.task, HIDDEN, |tx| tx.tasks().get(&hidden.task));
    stage.both_sides(&outcome);
    let never = TaskId::new();
    let outcome = stage.read(&admin, "get task that never was", &never, NOT_FOUND, |tx| tx.tasks().get(&never));
    stage.both_sides(&outcome);
    let query = TaskQuery::new().session(&hidden.session);
    let page =
        stage.read(&admin, "find tasks of a hidden session", &hidden.session, ALLOWED, |tx| tx.tasks().find(&query))?;
    stage.check("an empty page, no error", page.items.is_empty());
    let outcome =
        stage.write(&admin, "remove session", &hidden.session, HIDDEN, |tx| tx.sessions().remove(&hidden.session));
    stage.both_sides(&outcome);
    patch_task(stage, &Actor::user("u-unknown"), &run.task, json!({"status": "completed"}), HIDDEN)?;
    patch_task(stage, &Actor::Anonymous, &run.task, json!({"status": "completed"}), NOT_SIGNED_IN)
}

fn level_by_level(stage: &mut Stage, cast: &Cast, worktree: &WorktreeId, others_may_hold_session: bool) -> Result<()> {
    stage.heading("Prompting across users: what others hold on the worktree, level by level");
    let (owner, colleague) = (Actor::User(cast.owner.clone()), Actor::User(cast.colleague.clone()));
    let theirs = quietly(&stage.store, &cast.owner, worktree)?.session;
    for (level, opens, prompts, removes) in [
        (Sharing::None, HIDDEN, HIDDEN, HIDDEN),
        (Sharing::View, DENIED, DENIED, DENIED),
        (Sharing::Session, ALLOWED, DENIED, DENIED),
        (Sharing::Prompt, ALLOWED, ALLOWED, DENIED),
        (Sharing::All, ALLOWED, ALLOWED, ALLOWED),
    ] {
        if level == Sharing::Session && !others_may_hold_session {
            stage.say("this file's own CHECK refuses `session`: left out");
            continue;
        }
        let share = WorktreePatch::new().others_can(level.clone());
        stage.write(&owner, &format!("patch worktree: others `{level}`"), worktree, ALLOWED, |tx| {
            tx.worktrees().patch(worktree, share)
        })?;
        let session = SessionId::new();
        let opened = stage.write(&colleague, "create session of their own", &session, opens, |tx| {
            tx.sessions().create(NewSession::new(worktree, AgenticTool::Codex).id(&session))
        });
        if opened.is_ok() {
            let own = TaskId::new();
            stage.write(&colleague, "create task in it", &own, ALLOWED, |tx| {
                tx.tasks().create(NewTask::new(&session).id(&own))
            })?;
        }
        let task = TaskId::new();
        let _ = stage.write(&colleague, "create task in the owner's session", &task, prompts, |tx| {
            tx.tasks().create(NewTask::new(&theirs).id(&task))
        });
        let _ =
            stage.write(&colleague, "remove the owner's session", &theirs, removes, |tx| tx.sessions().remove(&theirs));
    }
    Ok(())
}

// ---- what several scenes do -----------------------------------------------------------------

/// `user` opens a session in `worktree` and prompts it.
fn start(stage: &mut Stage, user: &UserId, worktree: &WorktreeId) -> Result<Run> {
    let (actor, session, task) = (Actor::User(user.clone()), SessionId::new(), TaskId::new());
    stage.write(&actor, "create session", &session, ALLOWED, |tx| {
        tx.sessions().create(NewSession::new(worktree, AgenticTool::ClaudeCode).id(&session))
    })?;
    stage.write(&actor, "create task (a prompt)", &task, ALLOWED, |tx| {
        tx.tasks().create(NewTask::new(&session).id(&task).set("full_prompt", "fix the build"))
    })?;
    let executor = Actor::executor(user, &session, &task);
    Ok(Run { session, task, executor })
}

/// The same without a line: the scene is about something else.
fn quietly(store: &Store, user: &UserId, worktree: &WorktreeId) -> Result<Run> {
    let (session, task) = (SessionId::new(), TaskId::new());
    store.write(&Actor::User(user.clone()), |tx| {
        tx.sessions().create(NewSession::new(worktree, AgenticTool::ClaudeCode).id(&session))?;
        tx.tasks().create(NewTask::new(&session).id(&task).status(TaskStatus::Running))
    })?;
    let executor = Actor::executor(user, &session, &task);
    Ok(Run { session, task, executor })
}

/// A run of the colleague's in a worktree that is shared with nobody.
fn private(stage: &mut Stage, cast: &Cast) -> Result<Run> {
    let worktree = WorktreeId::new();
    stage.name(&worktree, "a private worktree");
    stage.store.write(&Actor::User(cast.colleague.clone()), |tx| {
        let repo = tx.sql().query_row("SELECT repo_id FROM repos LIMIT 1", [], |row| row.get::<_, String>(0))?;
        tx.worktrees()
            .create(NewWorktree::new(repo).name("secret").git_ref("main").id(&worktree).others_can(Sharing::None))
    })?;
    quietly(&stage.store, &cast.colleague, &worktree)
}

/// What an executor reports of a run that went well.
fn success() -> TaskPatch {
    TaskPatch::new()
        .status(TaskStatus::Completed)
        .completed_at(Time::now())
        .set("git_state", json!({"sha_at_end": "b2"}))
        .set("message_range", json!({"start_index": 0, "end_index": 4}))
        .set("tool_use_count", 3)
        .set("duration_ms", 1200)
        .set("model", "m")
        .set("raw_sdk_response", json!({"usage": {"tokens": 100}}))
        .set("computed_context_window", 2000)
}

/// Patches a task by its id alone. Where that should be refused, the refusal is the point.
fn patch_task(stage: &mut Stage, who: &Actor, task: &TaskId, patch: serde_json::Value, expected: &str) -> Result<()> {
    let operation = format!("patch task {}", keys(&patch));
    let patch = TaskPatch::from_json(patch)?;
    match stage.write(who, &operation, task, expected, |tx| tx.tasks().patch(task, patch)) {
        Err(error) if expected == ALLOWED => Err(error),
        outcome => {
            stage.both_sides(&outcome);
            Ok(())
        }
    }
}

fn patch_session(stage: &mut Stage, who: &Actor, session: &SessionId, patch: serde_json::Value) -> Result<()> {
    let operation = format!("patch session {}", keys(&patch));
    let patch = SessionPatch::from_json(patch)?;
    stage.write(who, &operation, session, ALLOWED, |tx| tx.sessions().patch(session, patch)).map(|_| ())
}

/// The keys of a patch, and the status that it asks for: `{status=failed, report}`.
fn keys(patch: &serde_json::Value) -> String {
    let word = |(key, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(status) if key == "status" => status.to_owned(),
        _ => key.clone(),
    };
    let keys: Vec<String> = patch.as_object().into_iter().flatten().map(word).collect();
    format!("{{{}}}", keys.join(", "))
}
