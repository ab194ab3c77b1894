-- Guards of group memberships: administrators add and remove members.

CREATE TRIGGER acl_group_memberships_before_insert BEFORE INSERT ON group_memberships
BEGIN
  /*+ columns */
  SELECT acl_guard('membership', 'create',
    /*: id */ NEW.group_id || '/' || NEW.user_id, /*: parent */ NEW.group_id,
    /*: parent_exists */ EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'create'),
    /*: user */ NEW.user_id, /*: user_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    /*: created_by */ NEW.added_by, /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.added_by),
    /*: created_at */ NEW.created_at
    /*+ row */);
END;

CREATE TRIGGER acl_group_memberships_before_update BEFORE UPDATE ON group_memberships
BEGIN
  /*+ columns */
  SELECT acl_guard('membership', 'patch',
    /*: id */ OLD.group_id || '/' || OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_group_memberships_before_delete BEFORE DELETE ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'remove',
    /*: id */ OLD.group_id || '/' || OLD.user_id,
    /*: removed_group */ CASE WHEN NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id) THEN OLD.group_id END,
    /*: removed_user */ CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id) THEN OLD.user_id END,
    /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'remove'));
END;

CREATE TRIGGER acl_group_memberships_after_insert AFTER INSERT ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('membership', 'create', NEW.group_id || '/' || NEW.user_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_group_memberships_after_update AFTER UPDATE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('membership', 'patch', NEW.group_id || '/' || NEW.user_id, NULL);
END;

CREATE TRIGGER acl_group_memberships_after_delete AFTER DELETE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('membership', OLD.group_id || '/' || OLD.user_id);
  SELECT acl_complete_write('membership', 'remove', OLD.group_id || '/' || OLD.user_id, NULL);
END;
