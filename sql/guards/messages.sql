-- Guards of messages: authority is the stored session's worktree; a task that a message names is of the same session.

CREATE TRIGGER acl_messages_before_insert BEFORE INSERT ON messages
BEGIN
  SELECT acl_guard('message', 'create',
    'id', NEW.message_id, 'parent', NEW.session_id, 'parent_exists', s.session_id IS NOT NULL,
    'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'create'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    /*+ row */,
    'session_unix_name', s.session_unix_name,
    'creator_unix_name', s.creator_unix_name,
    'task', NEW.task_id, 'task_session', (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    'created_at', NEW.created_at, 'type', NEW.type, 'role', NEW.role, 'index', NEW."index", 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END;

CREATE TRIGGER acl_messages_before_update BEFORE UPDATE ON messages
BEGIN
  SELECT acl_guard('message', 'patch',
    'id', OLD.message_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'patch'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    /*+ row */,
    -- The cascade of a deleted task.
    'set_null:task_id', CASE WHEN OLD.task_id IS NOT NULL AND NEW.task_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM tasks WHERE task_id = OLD.task_id) THEN 'task ' || OLD.task_id END,
    'old_task', OLD.task_id, 'task', NEW.task_id,
    'task_session', (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    'old_session', OLD.session_id, 'old_type', OLD.type, 'type', NEW.type, 'role', NEW.role, 'index', NEW."index",
    'old_data', OLD.data, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_messages_before_delete BEFORE DELETE ON messages
BEGIN
  SELECT acl_guard('message', 'remove',
    'id', OLD.message_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'remove'),
    'removed_parent', CASE WHEN s.session_id IS NULL THEN 'session ' || OLD.session_id END)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_messages_after_insert AFTER INSERT ON messages
WHEN acl_complete_write('message', NEW.message_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_messages_after_update AFTER UPDATE ON messages
WHEN acl_complete_write('message', NEW.message_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_messages_after_delete AFTER DELETE ON messages
WHEN acl_complete_write('message', OLD.message_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
