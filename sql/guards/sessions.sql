-- Guards of sessions: authority is the stored worktree; deleting one asks for its tasks and messages too.

CREATE TRIGGER acl_sessions_before_insert BEFORE INSERT ON sessions
BEGIN
  SELECT acl_guard('session', 'create',
    'id', NEW.session_id, 'parent', NEW.worktree_id, 'parent_exists', w.worktree_id IS NOT NULL,
    'worktree', w.worktree_id,
    'held', w.held,
    'own', NEW.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'create')
    /*+ row */,
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM tasks WHERE session_id = NEW.session_id)
      OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id),
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'unix_username', NEW.unix_username,
    'creator_unix_username', (SELECT unix_username FROM users WHERE user_id = NEW.created_by),
    -- What the creator holds where the new session comes from.
    'parent_session', NEW.parent_session_id,
    'parent_session_held', (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.parent_session_id AND a.user_id = NEW.created_by),
    'fork', NEW.forked_from_session_id,
    'fork_held', (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = NEW.created_by),
    'created_at', NEW.created_at, 'status', NEW.status, 'agentic_tool', NEW.agentic_tool, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END;

CREATE TRIGGER acl_sessions_before_update BEFORE UPDATE ON sessions
BEGIN
  SELECT acl_guard('session', 'patch',
    'id', OLD.session_id, 'session', OLD.session_id, 'worktree', w.worktree_id,
    'held', w.held,
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'patch'),
    'rule:report', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'report'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    /*+ row */,
    -- The cascades of a deleted board, parent or fork origin.
    'set_null:board_id', CASE WHEN OLD.board_id IS NOT NULL AND NEW.board_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id) THEN 'board ' || OLD.board_id END,
    'set_null:parent_session_id', CASE WHEN OLD.parent_session_id IS NOT NULL AND NEW.parent_session_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.parent_session_id) THEN 'session ' || OLD.parent_session_id END,
    'set_null:forked_from_session_id', CASE WHEN OLD.forked_from_session_id IS NOT NULL AND NEW.forked_from_session_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.forked_from_session_id) THEN 'session ' || OLD.forked_from_session_id END,
    'parent_session', CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN NEW.parent_session_id END,
    'parent_session_held', CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.parent_session_id AND a.user_id = OLD.created_by) END,
    'fork', CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN NEW.forked_from_session_id END,
    'fork_held', CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = OLD.created_by) END,
    'updated_at', NEW.updated_at, 'status', NEW.status, 'agentic_tool', NEW.agentic_tool,
    'old_data', OLD.data, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;
END;

CREATE TRIGGER acl_sessions_before_delete BEFORE DELETE ON sessions
BEGIN
  SELECT acl_guard('session', 'remove',
    'id', OLD.session_id, 'session', OLD.session_id, 'worktree', w.worktree_id,
    'held', w.held,
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'remove'),
    'removed_parent', CASE WHEN w.worktree_id IS NULL THEN 'worktree ' || OLD.worktree_id END)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;

  -- The cascade deletes tasks and messages, which takes the right to delete them.
  SELECT acl_guard_child('session', OLD.session_id, c.kind,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT 'task' AS kind WHERE EXISTS (SELECT 1 FROM tasks WHERE session_id = OLD.session_id)
        UNION ALL
        SELECT 'message' WHERE EXISTS (SELECT 1 FROM messages WHERE session_id = OLD.session_id)/*+ further session */) AS c;
END;

CREATE TRIGGER acl_sessions_after_insert AFTER INSERT ON sessions
WHEN acl_complete_write('session', NEW.session_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_sessions_after_update AFTER UPDATE ON sessions
WHEN acl_complete_write('session', NEW.session_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_sessions_after_delete AFTER DELETE ON sessions
WHEN acl_complete_write('session', OLD.session_id /*+ write */)
BEGIN
  /*+ audit row */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
