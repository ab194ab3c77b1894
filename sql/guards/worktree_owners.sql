-- Guards of worktree owners: owners add and remove owners, and one always stays.

CREATE TRIGGER acl_worktree_owners_before_insert BEFORE INSERT ON worktree_owners
BEGIN
  /*+ columns */
  SELECT acl_guard('owner', 'create',
    /*: id */ NEW.worktree_id || '/' || NEW.user_id, /*: parent */ NEW.worktree_id,
    /*: parent_exists */ w.worktree_id IS NOT NULL, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ NEW.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'create'),
    /*: user */ NEW.user_id, /*: user_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    -- A new worktree's first owner is its creator.
    /*: first */ NOT EXISTS (SELECT 1 FROM worktree_owners WHERE worktree_id = NEW.worktree_id),
    /*: worktree_creator */ w.created_by, /*: created_at */ NEW.created_at
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END;

CREATE TRIGGER acl_worktree_owners_before_update BEFORE UPDATE ON worktree_owners
BEGIN
  /*+ columns */
  SELECT acl_guard('owner', 'patch',
    /*: id */ OLD.worktree_id || '/' || OLD.user_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_worktree_owners_before_delete BEFORE DELETE ON worktree_owners
BEGIN
  SELECT acl_guard('owner', 'remove',
    /*: id */ OLD.worktree_id || '/' || OLD.user_id,
    /*: removed_worktree */ CASE WHEN NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id) THEN OLD.worktree_id END,
    /*: removed_user */ CASE WHEN NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id) THEN OLD.user_id END,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'remove'),
    /*: user */ OLD.user_id,
    -- An owner who only may view manages nothing, so such a one does not count.
    /*: last */ NOT EXISTS (SELECT 1 FROM acl_managers WHERE worktree_id = OLD.worktree_id AND user_id <> OLD.user_id));
END;

CREATE TRIGGER acl_worktree_owners_after_insert AFTER INSERT ON worktree_owners
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('owner', 'create', NEW.worktree_id || '/' || NEW.user_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_worktree_owners_after_update AFTER UPDATE ON worktree_owners
BEGIN
  SELECT acl_complete_write('owner', 'patch', NEW.worktree_id || '/' || NEW.user_id, NULL);
END;

CREATE TRIGGER acl_worktree_owners_after_delete AFTER DELETE ON worktree_owners
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('owner', OLD.worktree_id || '/' || OLD.user_id);
  SELECT acl_complete_write('owner', 'remove', OLD.worktree_id || '/' || OLD.user_id, NULL);
END;
