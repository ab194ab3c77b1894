-- Guards of messages: authority is the stored session's worktree; a task that a message names is of the same session.

CREATE TRIGGER acl_messages_before_insert BEFORE INSERT ON messages
BEGIN
  /*+ columns */
  SELECT acl_guard('message', 'create',
    /*: id */ NEW.message_id, /*: parent */ NEW.session_id, /*: parent_exists */ s.session_id IS NOT NULL,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held, /*: own */ s.own,
    /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: reach */ CASE WHEN acl_agent_session() IS NOT NULL THEN
      EXISTS (SELECT 1 FROM acl_agent_reach WHERE session_id = NEW.session_id) END,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'create'),
    /*: session_unix_name */ s.session_unix_name, /*: creator_unix_name */ s.creator_unix_name,
    /*: task */ NEW.task_id, /*: task_session */ (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    /*: created_at */ NEW.created_at, /*: type */ NEW.type, /*: role */ NEW.role, /*: index */ NEW."index",
    /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END;

CREATE TRIGGER acl_messages_before_update BEFORE UPDATE ON messages
BEGIN
  /*+ columns */
  SELECT acl_guard('message', 'patch',
    /*: id */ OLD.message_id,
    /*: removed_task */ CASE WHEN OLD.task_id IS NOT NULL AND NEW.task_id IS NULL AND NOT EXISTS (SELECT 1 FROM tasks WHERE task_id = OLD.task_id)
      THEN OLD.task_id END,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: reach */ CASE WHEN acl_agent_session() IS NOT NULL THEN
      EXISTS (SELECT 1 FROM acl_agent_reach WHERE session_id = OLD.session_id) END,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'patch'),
    /*: old_task */ OLD.task_id, /*: task */ NEW.task_id,
    /*: task_session */ (SELECT session_id FROM tasks WHERE task_id = NEW.task_id), /*: old_session */ OLD.session_id,
    /*: old_status */ OLD.status, /*: old_type */ OLD.type, /*: type */ NEW.type, /*: role */ NEW.role, /*: index */ NEW."index",
    /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_messages_before_delete BEFORE DELETE ON messages
BEGIN
  SELECT acl_guard('message', 'remove',
    /*: id */ OLD.message_id,
    /*: removed_session */ CASE WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.session_id) THEN OLD.session_id END,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'remove'),
    /*: old_status */ OLD.status, /*: old_type */ OLD.type)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_messages_after_insert AFTER INSERT ON messages
BEGIN
  SELECT acl_complete_write('message', 'create', NEW.message_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_messages_after_update AFTER UPDATE ON messages
BEGIN
  SELECT acl_complete_write('message', 'patch', NEW.message_id, NULL);
END;

CREATE TRIGGER acl_messages_after_delete AFTER DELETE ON messages
BEGIN
  SELECT acl_complete_write('message', 'remove', OLD.message_id, NULL);
END;
