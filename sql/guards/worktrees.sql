-- Guards of worktrees, where permission lives; deleting one asks for every session, task and message in it.

CREATE TRIGGER acl_worktrees_before_insert BEFORE INSERT ON worktrees
BEGIN
  /*+ columns */
  SELECT acl_guard('worktree', 'create',
    /*: id */ NEW.worktree_id, /*: parent */ NEW.repo_id,
    /*: parent_exists */ EXISTS (SELECT 1 FROM repos WHERE repo_id = NEW.repo_id), /*: worktree */ NEW.worktree_id,
    /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ NEW.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM sessions WHERE worktree_id = NEW.worktree_id)
      OR EXISTS (SELECT 1 FROM worktree_owners WHERE worktree_id = NEW.worktree_id)
      OR EXISTS (SELECT 1 FROM worktree_group_grants WHERE worktree_id = NEW.worktree_id),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: worktree_unique_id */ NEW.worktree_unique_id, /*: others_can */ NEW.others_can,
    /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_worktrees_before_update BEFORE UPDATE ON worktrees
BEGIN
  /*+ columns */
  SELECT acl_guard('worktree', 'patch',
    /*: id */ OLD.worktree_id,
    /*: removed_board */ CASE WHEN OLD.board_id IS NOT NULL AND NEW.board_id IS NULL AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id)
      THEN OLD.board_id END,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'patch'),
    /*: share_rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'share'),
    /*: worktree_unique_id */ NEW.worktree_unique_id, /*: others_can */ NEW.others_can,
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_worktrees_before_delete BEFORE DELETE ON worktrees
BEGIN
  SELECT acl_guard('worktree', 'remove',
    /*: id */ OLD.worktree_id,
    /*: removed_repo */ CASE WHEN NOT EXISTS (SELECT 1 FROM repos WHERE repo_id = OLD.repo_id) THEN OLD.repo_id END,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'remove'));

  -- The cascade deletes these, which takes the right to delete them.
  SELECT acl_guard_child('worktree', OLD.worktree_id, c.kind,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id), /*: own */ c.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT DISTINCT 'session' AS kind, s.created_by IS acl_actor() AS own
        FROM sessions AS s WHERE s.worktree_id = OLD.worktree_id
        UNION ALL
        SELECT DISTINCT 'task', s.created_by IS acl_actor() FROM sessions AS s
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM tasks AS t WHERE t.session_id = s.session_id)
        UNION ALL
        SELECT DISTINCT 'message', s.created_by IS acl_actor() FROM sessions AS s
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)/*+ extra_tables worktree */) AS c;
END;

CREATE TRIGGER acl_worktrees_after_insert AFTER INSERT ON worktrees
BEGIN
  -- The creator becomes the first owner; this raises the epoch too. What nobody created has no owner.
  SELECT acl_first_owner(NEW.worktree_id, NEW.created_by) WHERE NEW.created_by IS NOT 'anonymous';
  INSERT INTO worktree_owners (worktree_id, user_id, created_at)
  SELECT NEW.worktree_id, NEW.created_by, NEW.created_at WHERE NEW.created_by IS NOT 'anonymous';
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.created_by IS 'anonymous';
  SELECT acl_complete_write('worktree', 'create', NEW.worktree_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_worktrees_after_update AFTER UPDATE ON worktrees
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.others_can IS NOT OLD.others_can;
  SELECT acl_complete_write('worktree', 'patch', NEW.worktree_id, NULL);
END;

CREATE TRIGGER acl_worktrees_after_delete AFTER DELETE ON worktrees
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('worktree', 'remove', OLD.worktree_id, NULL);
END;
