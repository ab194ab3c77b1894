//! Tasks of sessions.

use super::fields::Draft;
use super::{SessionId, TaskId, TaskStatus, Time, UserId};

record! {
    /// One prompt to a session, and the agent's work on it.
    ///
    /// ```
    /// use aclite::{TaskPatch, TaskStatus, Time};
    /// let typed = TaskPatch::new().status(TaskStatus::Completed).completed_at(Time::now()).set("model", "x");
    /// let read = TaskPatch::from_json(serde_json::json!({ "status": "completed", "model": "x" }))?;
    /// let wrong = TaskPatch::from_json(serde_json::json!({ "status": 7 })).unwrap_err();
    /// assert_eq!(wrong.to_string(), "`status` must be text");
    /// # let _ = (typed, read);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    Task in "tasks", keyed by task_id: TaskId, created by NewTask, patched by TaskPatch;
    keeps [];

    /// Its id. Given at creation, or made.
    task_id: TaskId = "task_id", fixed;
    /// The session that it belongs to. Never changes.
    session_id: SessionId = "session_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// When the agent began.
    started_at: Option<Time> = "started_at", open;
    /// When it ended. The first ending fills it where the patch does not.
    completed_at: Option<Time> = "completed_at", open;
    /// Where it stands. Of the endings the first one stays.
    status: TaskStatus = "status", open;
    /// Who prompted; `anonymous` where an older program did not know. Only `System` and `Service` may name another
    /// than the actor. Never changes.
    created_by: UserId = "created_by", new;
}

impl NewTask {
    /// A task of `session_id`.
    ///
    /// ```
    /// use aclite::{NewTask, TaskId};
    /// let task = NewTask::new("s-1").id(TaskId::new()).set("full_prompt", "Fix the build");
    /// # let _ = task;
    /// ```
    pub fn new(session_id: impl Into<SessionId>) -> Self {
        let session_id: SessionId = session_id.into();
        Self { draft: Draft::new::<Task>().with("session_id", session_id) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::row::tests::read;
    use super::*;

    #[test]
    fn json_is_flat() {
        let task: Task =
            read(r#"'t-1', 's-1', 0, 1000, NULL, 'paused', 'u-1', '{"model":"x","git_state":{"sha":null}}'"#).unwrap();
        assert_eq!(task.status, TaskStatus::Other("paused".to_owned()));
        assert_eq!(
            serde_json::to_string(&task).unwrap(),
            concat!(
                r#"{"task_id":"t-1","session_id":"s-1","created_at":"1970-01-01T00:00:00.000Z","#,
                r#""started_at":"1970-01-01T00:00:01.000Z","status":"paused","created_by":"u-1","#,
                r#""model":"x","git_state":{"sha":null}}"#,
            )
        );
        let again = TaskPatch::from_json(serde_json::to_value(&task).unwrap()).unwrap().into_fields().unwrap();
        assert_eq!(again.data.text().unwrap(), task.data_text().unwrap(), "what is written can be read");
    }

    #[test]
    fn a_column_wins_over_a_key_of_data() {
        let task: Task = read(
            r#"'t-1', 's-1', 0, NULL, NULL, 'running', 'u-1', '{"status":"completed","completed_at":"x","data":"x","a":"b"}'"#,
        )
        .unwrap();
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(json.matches("status").count(), 1, "{json}");
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["status"], &json["a"]), (&json!("running"), &json!("b")));
        assert!(json.get("completed_at").is_none() && json.get("data").is_none(), "a NULL column wins too");
    }
}
