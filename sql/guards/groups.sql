-- Guards of groups: administrators manage them.

CREATE TRIGGER acl_groups_before_insert BEFORE INSERT ON groups
BEGIN
  /*+ columns */
  SELECT acl_guard('group', 'create',
    /*: id */ NEW.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM group_memberships WHERE group_id = NEW.group_id)
      OR EXISTS (SELECT 1 FROM worktree_group_grants WHERE group_id = NEW.group_id),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    -- What members hold names it, and has to be text.
    /*: slug */ NEW.slug, /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at
    /*+ row */);
END;

CREATE TRIGGER acl_groups_before_update BEFORE UPDATE ON groups
BEGIN
  /*+ columns */
  SELECT acl_guard('group', 'patch',
    /*: id */ OLD.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'patch'), /*: slug */ NEW.slug,
    /*: updated_at */ NEW.updated_at
    /*+ row */);
END;

CREATE TRIGGER acl_groups_before_delete BEFORE DELETE ON groups
BEGIN
  SELECT acl_guard('group', 'remove',
    /*: id */ OLD.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'remove'));
END;

CREATE TRIGGER acl_groups_after_insert AFTER INSERT ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('group', 'create', NEW.group_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_groups_after_update AFTER UPDATE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('group', NEW.group_id);
  SELECT acl_complete_write('group', 'patch', NEW.group_id, NULL);
END;

CREATE TRIGGER acl_groups_after_delete AFTER DELETE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('group', 'remove', OLD.group_id, NULL);
END;
