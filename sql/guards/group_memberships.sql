-- Guards of group memberships: administrators add and remove members.

CREATE TRIGGER acl_group_memberships_before_insert BEFORE INSERT ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'create',
    'id', NEW.group_id || '/' || NEW.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'create')
    /*+ row */,
    'parent', NEW.group_id, 'parent_exists', EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    'user', NEW.user_id, 'user_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    'created_by', NEW.added_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.added_by),
    'created_at', NEW.created_at);
END;

CREATE TRIGGER acl_group_memberships_before_update BEFORE UPDATE ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'patch',
    'id', OLD.group_id || '/' || OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_group_memberships_before_delete BEFORE DELETE ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'remove',
    'id', OLD.group_id || '/' || OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'remove'),
    'removed_parent', (SELECT 'group ' || OLD.group_id WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id)),
    'removed_parent', (SELECT 'user ' || OLD.user_id WHERE NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id)));
END;

CREATE TRIGGER acl_group_memberships_after_insert AFTER INSERT ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'membership', NEW.group_id || '/' || NEW.user_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_group_memberships_after_update AFTER UPDATE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'membership', NEW.group_id || '/' || NEW.user_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_group_memberships_after_delete AFTER DELETE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('membership', OLD.group_id || '/' || OLD.user_id);
  /*+ audit 'membership', OLD.group_id || '/' || OLD.user_id */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
