-- Guards of tasks: authority is the stored session's worktree, never what the writer says.

CREATE TRIGGER acl_tasks_before_insert BEFORE INSERT ON tasks
BEGIN
  /*+ columns */
  SELECT acl_guard('task', 'create',
    /*: id */ NEW.task_id, /*: parent */ NEW.session_id, /*: parent_exists */ s.session_id IS NOT NULL,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held, /*: own */ s.own,
    /*: reach */ CASE WHEN acl_agent_session() IS NOT NULL THEN
      EXISTS (SELECT 1 FROM acl_agent_reach WHERE session_id = NEW.session_id) END,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM messages WHERE task_id = NEW.task_id),
    /*: session_unix_name */ s.session_unix_name, /*: creator_unix_name */ s.creator_unix_name,
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: status */ NEW.status, /*: completed_at */ NEW.completed_at,
    /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END;

CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks
BEGIN
  /*+ columns */
  SELECT acl_guard('task', 'patch',
    /*: id */ OLD.task_id, /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: reach */ CASE WHEN acl_agent_session() IS NOT NULL THEN
      EXISTS (SELECT 1 FROM acl_agent_reach WHERE session_id = OLD.session_id) END,
    /*: old_created_by */ OLD.created_by,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'patch'),
    /*: old_status */ OLD.status, /*: status */ NEW.status, /*: old_completed_at */ OLD.completed_at,
    /*: completed_at */ NEW.completed_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_tasks_before_delete BEFORE DELETE ON tasks
BEGIN
  SELECT acl_guard('task', 'remove',
    /*: id */ OLD.task_id,
    /*: removed_session */ CASE WHEN NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.session_id) THEN OLD.session_id END,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: old_created_by */ OLD.created_by,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;

CREATE TRIGGER acl_tasks_after_insert AFTER INSERT ON tasks
BEGIN
  SELECT acl_complete_write('task', 'create', NEW.task_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_tasks_after_update AFTER UPDATE ON tasks
BEGIN
  SELECT acl_complete_write('task', 'patch', NEW.task_id, NULL);
END;

CREATE TRIGGER acl_tasks_after_delete AFTER DELETE ON tasks
BEGIN
  SELECT acl_complete_write('task', 'remove', OLD.task_id, NULL);
END;
