-- Guards of sessions: authority is the stored worktree; deleting one asks for its tasks and messages too.

CREATE TRIGGER acl_sessions_before_insert BEFORE INSERT ON sessions
BEGIN
  /*+ columns */
  SELECT acl_guard('session', 'create',
    /*: id */ NEW.session_id, /*: parent */ NEW.worktree_id, /*: parent_exists */ w.worktree_id IS NOT NULL,
    /*: worktree */ w.worktree_id, /*: held */ w.held, /*: own */ NEW.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM tasks WHERE session_id = NEW.session_id)
      OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: unix_username */ NEW.unix_username,
    /*: creator_unix_name */ (SELECT unix_username FROM users WHERE user_id = NEW.created_by),
    -- What the creator holds where the new session comes from.
    /*: parent_session */ NEW.parent_session_id,
    /*: parent_session_held */ (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.parent_session_id AND a.user_id = NEW.created_by),
    /*: fork */ NEW.forked_from_session_id,
    /*: fork_held */ (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = NEW.created_by),
    -- What an agent's new session may inherit: of the same worktree and tool alone.
    /*: agent_data */ (SELECT data FROM acl_agent_facts
      WHERE worktree_id = NEW.worktree_id AND agentic_tool = NEW.agentic_tool),
    /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at, /*: status */ NEW.status, /*: agentic_tool */ NEW.agentic_tool,
    /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END;

CREATE TRIGGER acl_sessions_before_update BEFORE UPDATE ON sessions
BEGIN
  /*+ columns */
  SELECT acl_guard('session', 'patch',
    /*: id */ OLD.session_id,
    /*: removed_board */ CASE WHEN OLD.board_id IS NOT NULL AND NEW.board_id IS NULL AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id)
      THEN OLD.board_id END,
    /*: removed_parent_session */ CASE WHEN OLD.parent_session_id IS NOT NULL AND NEW.parent_session_id IS NULL AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.parent_session_id)
      THEN OLD.parent_session_id END,
    /*: removed_fork */ CASE WHEN OLD.forked_from_session_id IS NOT NULL AND NEW.forked_from_session_id IS NULL AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.forked_from_session_id)
      THEN OLD.forked_from_session_id END,
    /*: session */ OLD.session_id, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ OLD.created_by IS acl_actor(), /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: reach */ CASE WHEN acl_agent_session() IS NOT NULL THEN
      EXISTS (SELECT 1 FROM acl_agent_reach WHERE session_id = OLD.session_id) END,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'patch'),
    /*: report_rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'report'),
    /*: parent_session */ CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN NEW.parent_session_id END,
    /*: parent_session_held */ CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.parent_session_id AND a.user_id = OLD.created_by) END,
    /*: fork */ CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN NEW.forked_from_session_id END,
    /*: fork_held */ CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = OLD.created_by) END,
    /*: updated_at */ NEW.updated_at, /*: status */ NEW.status, /*: agentic_tool */ NEW.agentic_tool,
    /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;
END;

CREATE TRIGGER acl_sessions_before_delete BEFORE DELETE ON sessions
BEGIN
  SELECT acl_guard('session', 'remove',
    /*: id */ OLD.session_id,
    /*: removed_worktree */ CASE WHEN NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id) THEN OLD.worktree_id END,
    /*: session */ OLD.session_id, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;

  -- The cascade deletes tasks and messages, which takes the right to delete them.
  SELECT acl_guard_child('session', OLD.session_id, c.kind,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT 'task' AS kind WHERE EXISTS (SELECT 1 FROM tasks WHERE session_id = OLD.session_id)
        UNION ALL
        SELECT 'message' WHERE EXISTS (SELECT 1 FROM messages WHERE session_id = OLD.session_id)/*+ extra_tables session */) AS c;
END;

CREATE TRIGGER acl_sessions_after_insert AFTER INSERT ON sessions
BEGIN
  SELECT acl_complete_write('session', 'create', NEW.session_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_sessions_after_update AFTER UPDATE ON sessions
BEGIN
  SELECT acl_complete_write('session', 'patch', NEW.session_id, NULL);
END;

CREATE TRIGGER acl_sessions_after_delete AFTER DELETE ON sessions
BEGIN
  SELECT acl_complete_write('session', 'remove', OLD.session_id, NULL);
END;
