-- The facts that guards, reads and sealed reading ask for about the record at hand and the acting user.
-- Each is one row by its key, and flattens to look-ups by key. The join from a record to what the actor holds stands here alone.

-- A session, as its own facts and those of its tasks and messages: where it is, what the actor holds there, whose it is.
CREATE VIEW acl_session_facts (session_id, worktree_id, held, own, session_unix_name, creator_unix_name) AS
SELECT s.session_id, s.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = s.worktree_id AND user_id = acl_actor()),
  s.created_by IS acl_actor(),
  s.unix_username,
  (SELECT unix_username FROM users WHERE user_id = s.created_by)
FROM sessions AS s;

-- A worktree: what the actor holds there, whose it is.
CREATE VIEW acl_worktree_facts (worktree_id, held, own, created_by) AS
SELECT w.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = w.worktree_id AND user_id = acl_actor()),
  w.created_by IS acl_actor(),
  w.created_by
FROM worktrees AS w;

-- The acting user's role; no row where nobody acts or the user does not exist.
CREATE VIEW acl_actor_facts (user_id, role) AS
SELECT user_id, role FROM users WHERE user_id = acl_actor();

-- The executor's task, where it is in the executor's session and was created by the acting user; else no row.
CREATE VIEW acl_executor_facts (task_id, session_id) AS
SELECT task_id, session_id FROM tasks WHERE task_id = acl_task() AND session_id = acl_session() AND created_by = acl_actor();

-- Who manages each worktree: the owners whose role is more than viewer.
CREATE VIEW acl_managers (worktree_id, user_id) AS
SELECT o.worktree_id, o.user_id
FROM worktree_owners AS o CROSS JOIN users AS u ON u.user_id = o.user_id
WHERE u.role IN ('member', 'admin', 'superadmin', 'owner');
