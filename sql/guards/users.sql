-- Guards of users: administrators manage them, everybody keeps their own profile, nobody raises himself.

CREATE TRIGGER acl_users_before_insert BEFORE INSERT ON users
BEGIN
  /*+ columns */
  SELECT acl_guard('user', 'create',
    /*: id */ NEW.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM worktree_owners WHERE user_id = NEW.user_id)
      OR EXISTS (SELECT 1 FROM group_memberships WHERE user_id = NEW.user_id),
    /*: role */ NEW.role, /*: email */ NEW.email, /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_users_before_update BEFORE UPDATE ON users
BEGIN
  /*+ columns */
  SELECT acl_guard('user', 'patch',
    /*: id */ OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'patch'),
    /*: administer_rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'administer'),
    /*: old_role */ OLD.role, /*: role */ NEW.role, /*: email */ NEW.email,
    -- The worktrees that nobody else could manage.
    /*: last_owner_of */ CASE WHEN NEW.role IS NOT OLD.role THEN (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)) END,
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_users_before_delete BEFORE DELETE ON users
BEGIN
  SELECT acl_guard('user', 'remove',
    /*: id */ OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'remove'),
    /*: old_role */ OLD.role,
    -- The worktrees that nobody else could manage.
    /*: last_owner_of */ (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)));
END;

CREATE TRIGGER acl_users_after_insert AFTER INSERT ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('user', 'create', NEW.user_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_users_after_update AFTER UPDATE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.role IS NOT OLD.role;
  SELECT acl_complete_write('user', 'patch', NEW.user_id, NULL);
END;

CREATE TRIGGER acl_users_after_delete AFTER DELETE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('user', 'remove', OLD.user_id, NULL);
END;
