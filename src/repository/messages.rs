//! Messages.

use std::ops::RangeInclusive;

use rusqlite::types::Value;
use serde_json::Value as Json;

use super::list::Query;
use super::records::{Records, RecordsMut};
use super::write::{Assignments, identify, now, required, stamp_times};
use crate::error::{Error, Result};
use crate::record::{
    Fields, Message, MessageId, MessagePatch, MessageRole, MessageType, NewMessage, Record as _, SessionId, TaskId,
};
use crate::verdict::MAX_NUMBER;

/// The messages that a transaction can read.
pub type Messages<'t> = Records<'t, Message>;

/// The messages that a transaction can read and write.
pub type MessagesMut<'t> = RecordsMut<'t, Message>;

/// How many messages one call creates at most.
const MAX_MANY: usize = 1000;
/// How much of its content a message's preview holds, in characters.
const PREVIEW: usize = 200;

/// Which messages to list: of one session in the order of their index, else the oldest first.
///
/// ```
/// use aclite::MessageQuery;
/// let query = MessageQuery::new().session("s-1").index(0..=49);
/// # let _ = query;
/// ```
pub type MessageQuery = Query<Message>;

impl Query<Message> {
    /// Only messages of this session. One that the caller may not view is one without messages.
    pub fn session(mut self, session: impl Into<SessionId>) -> Self {
        self.of("session_id", session.into().as_str());
        self.ordered_by("\"index\"");
        self
    }

    /// Only messages of this task.
    pub fn task(mut self, task: impl Into<TaskId>) -> Self {
        self.of("task_id", task.into().as_str());
        self
    }

    /// Only messages whose index is in this range.
    pub fn index(mut self, range: RangeInclusive<i64>) -> Self {
        self.with("t.\"index\" >= ?", *range.start());
        self.with("t.\"index\" <= ?", *range.end());
        self
    }

    /// Only messages of one of these types.
    pub fn kind(mut self, kinds: impl IntoIterator<Item = MessageType>) -> Self {
        let words: Vec<String> = kinds.into_iter().map(|kind| kind.as_str().to_owned()).collect();
        self.one_of("t.type", words.iter().map(String::as_str));
        self
    }

    /// Only messages of one of these roles.
    pub fn role(mut self, roles: impl IntoIterator<Item = MessageRole>) -> Self {
        let words: Vec<String> = roles.into_iter().map(|role| role.as_str().to_owned()).collect();
        self.one_of("t.role", words.iter().map(String::as_str));
        self
    }

    /// Only messages with this status, such as `queued`.
    pub fn status(mut self, status: &str) -> Self {
        self.with("t.status = ?", status.to_owned());
        self
    }
}

impl RecordsMut<'_, Message> {
    /// Creates a message in a session, at the end of it where no index is given.
    ///
    /// For whoever holds `prompt`, or `session` in a session of their own; an executor for its
    /// task. A stranger gets `Denied`, whose public form is that of a session that never was.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let new = NewMessage::new("s-1", MessageType::Assistant, MessageRole::Assistant, "done");
    /// let message = store.write(&bo, |tx| tx.messages().create(new.task_id(TaskId::from("t-1"))))?;
    /// assert_eq!(message.index, 1);
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound` (the session), `Denied`, `Conflict` where the id is taken,
    /// `IdentityDrift`, `Invalid`, also where its task is of another session, `Storage`.
    pub fn create(&self, new: NewMessage) -> Result<Message> {
        self.create_fields(new.into_fields()?)
    }

    /// Creates up to 1000 messages in one session: all of them or none.
    ///
    /// For whom [`MessagesMut::create`] is.
    ///
    /// ```
    /// use aclite::{Actor, MessageRole, MessageType, NewMessage, Store};
    /// let store = Store::open(":memory:")?;
    /// let of = |session: &str| NewMessage::new(session, MessageType::User, MessageRole::User, "hello");
    /// let refused = store.write(&Actor::user("u-1"), |tx| tx.messages().create_many([of("s-1"), of("s-2")]));
    /// assert_eq!(refused.unwrap_err().to_string(), "`session_id` must be the same for all messages");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MessagesMut::create`], and `Invalid` for more than 1000 or more than one session.
    pub fn create_many(&self, new: impl IntoIterator<Item = NewMessage>) -> Result<Vec<Message>> {
        let mut batch = Vec::new();
        for message in new {
            if batch.len() == MAX_MANY {
                return Err(Error::invalid("messages", format!("must be at most {MAX_MANY}")));
            }
            batch.push(message.into_fields()?);
        }
        let sessions = batch.iter().map(|fields| required(fields, "session_id")).collect::<Result<Vec<_>>>()?;
        if sessions.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::invalid("session_id", "must be the same for all messages"));
        }
        self.tx.all_or_nothing(|| batch.into_iter().map(|fields| self.create_fields(fields)).collect())
    }

    fn create_fields(&self, mut fields: Fields) -> Result<Message> {
        let session = required(&fields, "session_id")?;
        let id = identify(&mut fields, Message::KEY, || MessageId::new().to_string());
        stamp_times(&mut fields, self.tx.actor());
        if fields.get("timestamp").is_none() {
            fields.set("timestamp", now());
        }
        if fields.get("content_preview").is_none() {
            set_preview(&mut fields);
        }
        let indexed = fields.get("index").is_some();
        let mut assignments = Assignments::of(fields, false)?;
        if !indexed {
            let session = assignments.bind(Value::Text(session));
            let next =
                // After the greatest there is, they share it.
                format!("(SELECT min(CAST(ifnull(max(\"index\"), -1) AS integer) + 1, {MAX_NUMBER}) FROM main.messages WHERE session_id = {session})");
            assignments.expression("index", &next);
        }
        assignments.create(self.tx, &id)
    }

    /// Patches the message with this id; its session need not be given.
    ///
    /// For whoever holds `prompt` on its worktree, or `session` where its session is their own; an
    /// executor for the messages of its task, but no permission request. A stranger gets `Denied`,
    /// publicly `NotFound`.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// let patch = MessagePatch::new().set("content", "hello again");
    /// let message = store.write(&bo, |tx| tx.messages().patch("m-1", patch))?;
    /// assert_eq!(message.data()?["content"], "hello again");
    /// # Ok::<(), aclite::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotAuthenticated`, `NotFound`, `Denied`, `Immutable`, `Invalid`, `Storage`.
    pub fn patch(&self, id: impl Into<MessageId>, patch: MessagePatch) -> Result<Message> {
        let mut fields = patch.into_fields()?;
        if fields.get("content_preview").is_none() {
            set_preview(&mut fields);
        }
        Assignments::of(fields, true)?.patch(self.tx, id.into().as_str()).map(|(message, _)| message)
    }
}

/// Sets the preview where there is content with text in it: text, or blocks of which some are text.
fn set_preview(fields: &mut Fields) {
    let Some(content) = fields.data.get("content") else { return };
    let text = match &*content {
        Json::String(text) => text.clone(),
        Json::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => return,
    };
    let preview = text.char_indices().nth(PREVIEW).map_or(&*text, |(end, _)| &text[..end]).to_owned();
    fields.set("content_preview", Value::Text(preview));
}
