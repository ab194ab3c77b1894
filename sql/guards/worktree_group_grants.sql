-- Guards of group grants: a worktree's owners say what a group holds on it.

CREATE TRIGGER acl_worktree_group_grants_before_insert BEFORE INSERT ON worktree_group_grants
BEGIN
  /*+ columns */
  SELECT acl_guard('grant', 'create',
    /*: id */ NEW.worktree_id || '/' || NEW.group_id, /*: parent */ NEW.worktree_id,
    /*: parent_exists */ EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = NEW.worktree_id),
    /*: worktree */ NEW.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = NEW.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'create'),
    /*: group */ NEW.group_id, /*: group_exists */ EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    /*: can */ NEW.can, /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at
    /*+ row */);
END;

CREATE TRIGGER acl_worktree_group_grants_before_update BEFORE UPDATE ON worktree_group_grants
BEGIN
  /*+ columns */
  SELECT acl_guard('grant', 'patch',
    /*: id */ OLD.worktree_id || '/' || OLD.group_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'patch'), /*: can */ NEW.can,
    /*: updated_at */ NEW.updated_at
    /*+ row */);
END;

CREATE TRIGGER acl_worktree_group_grants_before_delete BEFORE DELETE ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'remove',
    /*: id */ OLD.worktree_id || '/' || OLD.group_id,
    /*: removed_worktree */ CASE WHEN NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id) THEN OLD.worktree_id END,
    /*: removed_group */ CASE WHEN NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id) THEN OLD.group_id END,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'remove'));
END;

CREATE TRIGGER acl_worktree_group_grants_after_insert AFTER INSERT ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('grant', 'create', NEW.worktree_id || '/' || NEW.group_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_worktree_group_grants_after_update AFTER UPDATE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('grant', NEW.worktree_id || '/' || NEW.group_id);
  SELECT acl_complete_write('grant', 'patch', NEW.worktree_id || '/' || NEW.group_id, NULL);
END;

CREATE TRIGGER acl_worktree_group_grants_after_delete AFTER DELETE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('grant', OLD.worktree_id || '/' || OLD.group_id);
  SELECT acl_complete_write('grant', 'remove', OLD.worktree_id || '/' || OLD.group_id, NULL);
END;
