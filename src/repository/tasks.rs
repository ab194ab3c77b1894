//! Tasks.

use rusqlite::types::Value;

use super::list::{Order, Page, Query};
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, required, stamp_creation};
use crate::error::{Error, Result};
use crate::guard::Ending;
use crate::operation::{Action, Operation, Resource};
use crate::record::{Fields, NewTask, Record as _, SessionId, Task, TaskId, TaskPatch, TaskStatus, Time, UserId};
use crate::verdict;

/// The tasks that a transaction can read.
pub type Tasks<'t> = Records<'t, Task>;

/// The tasks that a transaction can read and write.
pub type TasksMut<'t> = RecordsMut<'t, Task>;

/// What a task under way is.
const UNDER_WAY: [TaskStatus; 3] = [TaskStatus::Running, TaskStatus::AwaitingPermission, TaskStatus::Stopping];

/// A patched task, and what became of its ending.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PatchedTask {
    /// The task as it is stored now.
    pub task: Task,
    /// What became of the ending that the patch asked for.
    pub ended: EndingOutcome,
}

/// What became of the ending that a patch of a task asked for. The first ending wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingOutcome {
    /// The patch did not end the task.
    No,
    /// The patch ended the task.
    First,
    /// The task had ended before, with this status, which stays. The patch's other fields are stored.
    AlreadyEnded(TaskStatus),
}

/// Which tasks to list.
///
/// ```
/// use aclite::{Order, TaskQuery, TaskStatus};
/// let query = TaskQuery::new().session("s-1").status([TaskStatus::Running]).order(Order::Descending).limit(50);
/// # let _ = query;
/// ```
pub type TaskQuery = Query<Task>;

impl Query<Task> {
    /// Only tasks of this session. One that the caller may not view is one without tasks.
    pub fn session(mut self, session: impl Into<SessionId>) -> Self {
        self.of("session_id", session.into().as_str());
        self
    }

    /// Only tasks with one of these statuses.
    pub fn status(mut self, statuses: impl IntoIterator<Item = TaskStatus>) -> Self {
        let words: Vec<String> = statuses.into_iter().map(|status| status.as_str().to_owned()).collect();
        self.one_of("t.status", words.iter().map(String::as_str));
        self
    }

    /// Only tasks that this user created.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.of("created_by", user.into().as_str());
        self
    }
}

impl Records<'_, Task> {
    /// The tasks under way: running, waiting for permission or stopping. After a restart of the
    /// daemon these are orphaned ([`TasksMut::close_orphaned`]).
    ///
    /// For everybody, as [`Tasks::find`].
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let running = store.read(&daemon, |tx| tx.tasks().running())?;
    /// assert_eq!(running.items[0].task_id.as_str(), "t-1");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Storage`.
    pub fn running(&self) -> Result<Page<Task>> {
        let mut all = Page { items: Vec::new(), next: None, total: None, unreadable: Vec::new() };
        let mut query = TaskQuery::new().status(UNDER_WAY).order(Order::Ascending).limit(1000);
        loop {
            let page = self.find(&query)?;
            all.items.extend(page.items);
            all.unreadable.extend(page.unreadable);
            match page.next {
                Some(cursor) => query = query.after(cursor),
                None => return Ok(all),
            }
        }
    }
}

impl RecordsMut<'_, Task> {
    /// Creates a task in a session.
    ///
    /// For whoever holds `prompt`, or `session` in a session of their own. `System` and `Service`
    /// name its creator. A stranger gets `Denied`, whose public form is that of a session that never was.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let new = NewTask::new("s-1").set("full_prompt", "Fix the build");
    /// let task = store.write(&bo, |tx| tx.tasks().create(new))?;
    /// assert_eq!(task.created_by.as_str(), "bo");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the session), `Denied`, `Conflict` where the id is taken,
    /// `IdentityDrift` where the session's unix name is no longer its creator's, `Invalid`, `Storage`.
    pub fn create(&self, new: NewTask) -> Result<Task> {
        let mut fields = new.into_fields()?;
        required(&fields, "session_id")?;
        let id = identify(&mut fields, Task::KEY, || TaskId::new().to_string());
        let imported = self.tx.actor().is_daemon() && fields.get("created_at").is_some();
        stamp_creation(&mut fields, self.tx.actor())?;
        if fields.get("status").is_none() {
            fields.set("status", Value::Text(TaskStatus::Created.as_str().to_owned()));
        }
        let ends = matches!(fields.get("status"), Some(Value::Text(status)) if verdict::is_final(status));
        // When an imported one ended is the guard's to say.
        if ends && !imported && !matches!(fields.get("completed_at"), Some(Value::Integer(_))) {
            fields.set("completed_at", Value::Integer(Time::now().as_millis()));
        }
        Assignments::of(fields, false)?.create(self.tx, &id)
    }

    /// Patches the task with this id; `session_id` need not be given.
    ///
    /// For whoever holds `prompt` on its worktree, or `session` where its session is their own, and
    /// for its executor what that reports. A stranger gets `Denied`, publicly `NotFound`.
    ///
    /// The first ending wins. A user who changes the status of a task that has ended gets a
    /// `Conflict`; an executor's, service's or system's late report is stored but for the ending,
    /// and [`PatchedTask::ended`] says so.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let stopping = TaskPatch::new().status(TaskStatus::Stopping);
    /// let patched = store.write(&bo, |tx| tx.tasks().patch("t-1", stopping.clone()))?;
    /// assert_eq!(patched.task.status, TaskStatus::Stopping);
    /// assert!(store.write(&cy, |tx| tx.tasks().patch("t-1", stopping)).unwrap_err().is_denied());
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Conflict`, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<TaskId>, patch: TaskPatch) -> Result<PatchedTask> {
        self.patch_fields(&id.into(), patch.into_fields()?)
    }

    fn patch_fields(&self, id: &TaskId, fields: Fields) -> Result<PatchedTask> {
        let (task, ending) = Self::assignments(fields)?.patch::<Task>(self.tx, id.as_str())?;
        let ended = match ending {
            None => EndingOutcome::No,
            Some(Ending::First) => EndingOutcome::First,
            Some(Ending::Already(status)) => EndingOutcome::AlreadyEnded(TaskStatus::from(status.as_str())),
        };
        Ok(PatchedTask { task, ended })
    }

    /// What a patch sets: of status and time what the ending that stands leaves of them.
    fn assignments(mut fields: Fields) -> Result<Assignments> {
        let (status, completed_at) = (fields.take("status"), fields.take("completed_at"));
        let mut assignments = Assignments::of(fields, true)?;
        if status.is_some() || completed_at.is_some() {
            let next = status.map(|status| assignments.bind(status));
            let given = completed_at.map(|time| assignments.bind(time));
            assignments.expression(
                "completed_at",
                &format!(
                    "acl_next_completed_at(status, {}, completed_at, {})",
                    next.as_deref().unwrap_or("NULL"),
                    given.as_deref().unwrap_or("completed_at"),
                ),
            );
            if let Some(next) = next {
                assignments.expression("status", &format!("acl_next_status(status, {next})"));
            }
        }
        Ok(assignments)
    }

    /// Ends the task with this id, and lets its session wait for the next prompt: `idle` and
    /// `ready_for_prompt`. Either both or neither. A late ending leaves the session alone.
    ///
    /// For whoever may patch both, its executor among them. A stranger gets `Denied`, publicly
    /// `NotFound`. The patch has to hold a final status.
    ///
    /// ```
    /// use aclite::{Actor, Store, TaskPatch, TaskStatus};
    /// let store = Store::open(":memory:")?;
    /// let outcome = TaskPatch::new().status(TaskStatus::Running);
    /// let refused = store.write(&Actor::system("test"), |tx| tx.tasks().finish("t-1", outcome));
    /// assert_eq!(refused.unwrap_err().to_string(), "`status` must be completed, failed or stopped");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let done = TaskPatch::new().status(TaskStatus::Completed);
    /// let finished = store.write(&Actor::executor("bo", "s-1", "t-1"), |tx| tx.tasks().finish("t-1", done))?;
    /// assert_eq!(finished.ended, EndingOutcome::First);
    /// let session = store.read(&bo, |tx| tx.sessions().get("s-1"))?;
    /// assert!(session.ready_for_prompt);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`TasksMut::patch`].
    pub fn finish(&self, id: impl Into<TaskId>, outcome: TaskPatch) -> Result<PatchedTask> {
        let fields = outcome.into_fields()?;
        if !matches!(fields.get("status"), Some(Value::Text(status)) if verdict::is_final(status)) {
            return Err(Error::invalid("status", "must be completed, failed or stopped"));
        }
        let id = id.into();
        self.tx.all_or_nothing(|| {
            let patched = self.patch_fields(&id, fields)?;
            if patched.ended == EndingOutcome::First {
                self.tx.sessions().wait_for_prompt(&patched.task.session_id)?;
            }
            Ok(patched)
        })
    }

    /// Stops every task that is under way, as the daemon does when it starts: nobody reports on
    /// them any more. Their sessions wait for the next prompt then. Returns what it stopped, and an
    /// error for each task that can't be read, which is stopped all the same. A task of which nothing can be told, since
    /// its id is none or its session is gone, stays, and its error says so.
    ///
    /// For `System` and `Service`; anybody else gets `Denied`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let closed = store.write(&daemon, |tx| tx.tasks().close_orphaned())?;
    /// assert_eq!(closed.items[0].status, TaskStatus::Stopped);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `Denied`, `Storage`.
    pub fn close_orphaned(&self) -> Result<Page<Task>> {
        self.tx.daemon_only(Operation::new(Resource::Task, Action::Patch))?;
        self.tx.all_or_nothing(|| {
            let mut closed = Page { items: Vec::new(), next: None, total: None, unreadable: Vec::new() };
            for ids in self.under_way()? {
                match ids.and_then(|(task, session)| self.stop(&task, &session)) {
                    Ok(stopped) => closed.items.push(stopped),
                    // One row that can't be read keeps no other from being closed.
                    Err(error @ Error::Storage(_)) => closed.unreadable.push(error),
                    Err(error) => return Err(error),
                }
            }
            Ok(closed)
        })
    }

    /// The tasks that are under way with their sessions: nothing else of their rows is read.
    fn under_way(&self) -> Result<Vec<Result<(TaskId, SessionId)>>> {
        let sql =
            "SELECT task_id, session_id FROM main.tasks WHERE status IN (?1, ?2, ?3) ORDER BY created_at, task_id";
        let statuses = UNDER_WAY.map(|status| Value::Text(status.as_str().to_owned()));
        self.tx.rows("list tasks under way", sql, &statuses, |row| {
            let id = |place| row.get(place).map_err(|error| Error::storage("the ids of a task", error));
            Ok(id(0).and_then(|task: String| Ok((TaskId::from(task), SessionId::from(id(1)?)))))
        })
    }

    /// Stops one task. It stays stopped where the error is that it can't be read.
    fn stop(&self, id: &TaskId, session: &SessionId) -> Result<Task> {
        let stopped = TaskPatch::new().status(TaskStatus::Stopped).into_fields()?;
        self.tx.all_or_nothing(|| {
            let (task, ending) = Self::assignments(stopped)?.patch_anyway::<Task>(self.tx, id.as_str())?;
            if ending == Some(Ending::First) {
                self.tx.sessions().wait_for_prompt(session)?;
            }
            Ok(task)
        })?
    }
}
