//! Messages of sessions.

use serde_json::Value;

use super::fields::Draft;
use super::{MessageId, MessageRole, MessageType, SessionId, TaskId, Time};

record! {
    /// One message in a session's conversation.
    Message in "messages", keyed by message_id: MessageId,
        created by NewMessage, patched by MessagePatch;
    keeps [];

    /// Its id. Given at creation, or made.
    message_id: MessageId = "message_id", fixed;
    /// When it was created. The store sets it.
    created_at: Time = "created_at", fixed;
    /// The session that it belongs to. Never changes.
    session_id: SessionId = "session_id", fixed;
    /// The task that it belongs to: one of the same session.
    task_id: Option<TaskId> = "task_id", open;
    /// What it is: the column `type`.
    kind: MessageType = "type", open;
    /// Whom it is from, for the model.
    role: MessageRole = "role", open;
    /// Its place in the session, from 0.
    index: i64 = "index", open;
    /// When it was said, which may be before it was stored.
    timestamp: Time = "timestamp", open;
    /// The first 200 characters of its content.
    content_preview: Option<String> = "content_preview", open;
    /// The use of a tool that it came out of.
    parent_tool_use_id: Option<String> = "parent_tool_use_id", open;
    /// Where a queued prompt stands; NULL for all other messages.
    status: Option<String> = "status", open;
    /// The place of a queued prompt in its queue; NULL for all other messages.
    queue_position: Option<i64> = "queue_position", open;
}

impl NewMessage {
    /// A message of `session_id`. `content`, text or blocks, is the key `content` of `data`.
    ///
    /// ```
    /// use aclite::{MessageRole, MessageType, NewMessage, TaskId};
    /// let message = NewMessage::new("s-1", MessageType::User, MessageRole::User, "Fix the build")
    ///     .task_id(TaskId::from("t-1"))
    ///     .index(0);
    /// # let _ = message;
    /// ```
    pub fn new(
        session_id: impl Into<SessionId>,
        kind: MessageType,
        role: MessageRole,
        content: impl Into<Value>,
    ) -> Self {
        let session_id: SessionId = session_id.into();
        let draft = Draft::new::<Message>().with("session_id", session_id);
        Self { draft }.kind(kind).role(role).set("content", content)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::tests::read;
    use super::*;

    #[test]
    fn json_has_the_names_of_columns() {
        let message: Message = read(concat!(
            "'m-1', 0, 's-1', NULL, 'file-history-snapshot', 'system', 3, 1000, 'Hi', NULL, NULL, NULL, ",
            r#"'{"content":[{"type":"text"}],"type":"user","index":9}'"#,
        ))
        .unwrap();
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            concat!(
                r#"{"message_id":"m-1","created_at":"1970-01-01T00:00:00.000Z","session_id":"s-1","#,
                r#""type":"file-history-snapshot","role":"system","index":3,"timestamp":"1970-01-01T00:00:01.000Z","#,
                r#""content_preview":"Hi","content":[{"type":"text"}]}"#,
            )
        );
    }

    #[test]
    fn a_new_message_holds_what_it_was_given() {
        let message = NewMessage::new("s-1", MessageType::User, MessageRole::User, json!([{"type": "text"}]));
        let fields = message.task_id(TaskId::from("t-1")).id("m-1").into_fields().unwrap();
        let names: Vec<_> = fields.columns.iter().map(|(column, _)| column.name).collect();
        assert_eq!(names, ["message_id", "session_id", "task_id", "type", "role"]);
        assert_eq!(fields.data.text().unwrap(), r#"{"content":[{"type":"text"}]}"#);
    }
}
