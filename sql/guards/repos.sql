-- Guards of repos: every member may use them; deleting one asks for every worktree in it.

CREATE TRIGGER acl_repos_before_insert BEFORE INSERT ON repos
BEGIN
  /*+ columns */
  SELECT acl_guard('repo', 'create',
    /*: id */ NEW.repo_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM worktrees WHERE repo_id = NEW.repo_id),
    /*: created_at */ NEW.created_at, /*: updated_at */ NEW.updated_at, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_repos_before_update BEFORE UPDATE ON repos
BEGIN
  /*+ columns */
  SELECT acl_guard('repo', 'patch',
    /*: id */ OLD.repo_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'patch'),
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    /*+ row */);
END;

CREATE TRIGGER acl_repos_before_delete BEFORE DELETE ON repos
BEGIN
  SELECT acl_guard('repo', 'remove',
    /*: id */ OLD.repo_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'patch'));

  -- The rule of removal is asked on every worktree in it, and so is the right to delete what the cascade deletes.
  -- A repo without worktrees takes what patching it takes.
  SELECT acl_guard_child('repo', OLD.repo_id, c.kind,
    /*: worktree */ c.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = c.worktree_id), /*: own */ c.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT 'repo' AS kind, worktree_id, 0 AS own FROM worktrees WHERE repo_id = OLD.repo_id
        UNION ALL
        SELECT 'worktree', worktree_id, created_by IS acl_actor() FROM worktrees WHERE repo_id = OLD.repo_id
        UNION ALL
        SELECT DISTINCT 'session', s.worktree_id, s.created_by IS acl_actor()
        FROM worktrees AS w JOIN sessions AS s ON s.worktree_id = w.worktree_id WHERE w.repo_id = OLD.repo_id
        UNION ALL
        SELECT DISTINCT 'task', s.worktree_id, s.created_by IS acl_actor()
        FROM worktrees AS w JOIN sessions AS s ON s.worktree_id = w.worktree_id WHERE w.repo_id = OLD.repo_id
          AND EXISTS (SELECT 1 FROM tasks AS t WHERE t.session_id = s.session_id)
        UNION ALL
        SELECT DISTINCT 'message', s.worktree_id, s.created_by IS acl_actor()
        FROM worktrees AS w JOIN sessions AS s ON s.worktree_id = w.worktree_id WHERE w.repo_id = OLD.repo_id
          AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)/*+ extra_tables repo */) AS c;
END;

CREATE TRIGGER acl_repos_after_insert AFTER INSERT ON repos
BEGIN
  SELECT acl_complete_write('repo', 'create', NEW.repo_id, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_repos_after_update AFTER UPDATE ON repos
BEGIN
  SELECT acl_complete_write('repo', 'patch', NEW.repo_id, NULL);
END;

CREATE TRIGGER acl_repos_after_delete AFTER DELETE ON repos
BEGIN
  SELECT acl_complete_write('repo', 'remove', OLD.repo_id, NULL);
END;
