-- Guards of boards: every member may use them.

CREATE TRIGGER acl_boards_before_insert BEFORE INSERT ON boards
BEGIN
  /*+ columns */
  SELECT acl_guard('board', 'create',
    /*: id */ NEW.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'create'),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_boards_before_update BEFORE UPDATE ON boards
BEGIN
  /*+ columns */
  SELECT acl_guard('board', 'patch',
    /*: id */ OLD.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'patch'),
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_boards_before_delete BEFORE DELETE ON boards
BEGIN
  SELECT acl_guard('board', 'remove',
    /*: id */ OLD.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'remove'));
END;

CREATE TRIGGER acl_boards_after_insert AFTER INSERT ON boards
BEGIN
  SELECT acl_complete_write('board', 'create', NEW.board_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_boards_after_update AFTER UPDATE ON boards
BEGIN
  SELECT acl_complete_write('board', 'patch', NEW.board_id, NULL);
END;

CREATE TRIGGER acl_boards_after_delete AFTER DELETE ON boards
BEGIN
  SELECT acl_complete_write('board', 'remove', OLD.board_id, NULL);
END;
