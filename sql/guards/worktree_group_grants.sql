-- Guards of group grants: a worktree's owners say what a group holds on it.

CREATE TRIGGER acl_worktree_group_grants_before_insert BEFORE INSERT ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'create',
    'id', NEW.worktree_id || '/' || NEW.group_id,
    'worktree', NEW.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = NEW.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'create')
    /*+ row */,
    'parent', NEW.worktree_id, 'parent_exists', EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = NEW.worktree_id),
    'group', NEW.group_id, 'group_exists', EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    'can', NEW.can,
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'created_at', NEW.created_at);
END;

CREATE TRIGGER acl_worktree_group_grants_before_update BEFORE UPDATE ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'patch',
    'id', OLD.worktree_id || '/' || OLD.group_id,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'patch')
    /*+ row */,
    'can', NEW.can, 'updated_at', NEW.updated_at);
END;

CREATE TRIGGER acl_worktree_group_grants_before_delete BEFORE DELETE ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'remove',
    'id', OLD.worktree_id || '/' || OLD.group_id,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'remove'),
    'removed_parent', (SELECT 'worktree ' || OLD.worktree_id WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id)),
    'removed_parent', (SELECT 'group ' || OLD.group_id WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id)));
END;

CREATE TRIGGER acl_worktree_group_grants_after_insert AFTER INSERT ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'grant', NEW.worktree_id || '/' || NEW.group_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_worktree_group_grants_after_update AFTER UPDATE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'grant', NEW.worktree_id || '/' || NEW.group_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_worktree_group_grants_after_delete AFTER DELETE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('grant', OLD.worktree_id || '/' || OLD.group_id);
  /*+ audit 'grant', OLD.worktree_id || '/' || OLD.group_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
