-- Guards of boards: every member may use them.

CREATE TRIGGER acl_boards_before_insert BEFORE INSERT ON boards
BEGIN
  SELECT acl_guard('board', 'create',
    'id', NEW.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'create')
    /*+ row */,
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'created_at', NEW.created_at, 'data', NEW.data);
END;

CREATE TRIGGER acl_boards_before_update BEFORE UPDATE ON boards
BEGIN
  SELECT acl_guard('board', 'patch',
    'id', OLD.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'patch')
    /*+ row */,
    'updated_at', NEW.updated_at, 'old_data', OLD.data, 'data', NEW.data);
END;

CREATE TRIGGER acl_boards_before_delete BEFORE DELETE ON boards
BEGIN
  SELECT acl_guard('board', 'remove',
    'id', OLD.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'remove'));
END;

CREATE TRIGGER acl_boards_after_insert AFTER INSERT ON boards
BEGIN
  /*+ audit 'board', NEW.board_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_boards_after_update AFTER UPDATE ON boards
BEGIN
  /*+ audit 'board', NEW.board_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_boards_after_delete AFTER DELETE ON boards
BEGIN
  /*+ audit 'board', OLD.board_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
