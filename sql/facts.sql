-- The facts that guards, reads and sealed reading ask for about the record at hand and the acting user.
-- Each is one row by its key, and flattens to look-ups by key. The join from a record to what the actor holds stands here alone.
-- Whose rights count: `acl_holder()` is the acting user, and NULL for an agent, whose user counts as long as its session is there.

-- A session, as its own facts and those of its tasks and messages: where it is, what the actor holds there, whose it is.
CREATE VIEW acl_session_facts (session_id, worktree_id, held, own, session_unix_name, creator_unix_name) AS
SELECT s.session_id, s.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = s.worktree_id AND user_id = ifnull(acl_holder(), (SELECT user_id FROM acl_agent_facts))),
  s.created_by IS acl_actor(),
  s.unix_username,
  (SELECT unix_username FROM users WHERE user_id = s.created_by)
FROM sessions AS s;

-- A worktree: what the actor holds there, whose it is.
CREATE VIEW acl_worktree_facts (worktree_id, held, own, created_by) AS
SELECT w.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = w.worktree_id AND user_id = ifnull(acl_holder(), (SELECT user_id FROM acl_agent_facts))),
  w.created_by IS acl_actor(),
  w.created_by
FROM worktrees AS w;

-- The acting user's role; no row where nobody acts, the user does not exist, or an agent's session is not its user's.
CREATE VIEW acl_actor_facts (user_id, role) AS
SELECT user_id, role FROM users WHERE user_id = ifnull(acl_holder(), (SELECT user_id FROM acl_agent_facts));

-- The session that the acting agent runs in, where it exists and the acting user created it; else no row.
CREATE VIEW acl_agent_facts (session_id, user_id, worktree_id, agentic_tool, data) AS
SELECT session_id, created_by, worktree_id, agentic_tool, data FROM sessions
WHERE session_id = acl_agent_session() AND created_by = acl_actor();

-- The sessions that the acting agent writes in: its own, and those of its user that run the same tool with the same permissions.
-- What it wrote in a session that is permitted more would be done with these permissions.
CREATE VIEW acl_agent_reach (session_id, user_id) AS
SELECT s.session_id, s.created_by FROM acl_agent_facts AS a CROSS JOIN sessions AS s
WHERE s.created_by = a.user_id
  AND (s.session_id = a.session_id
    OR (s.agentic_tool IS a.agentic_tool
      -- Not by json_extract: which spellings of a key that finds depends on SQLite's version.
      AND acl_same_key(s.data, a.data, 'permission_config')));

-- The executor's task, where it is in the executor's session and was created by the acting user; else no row.
CREATE VIEW acl_executor_facts (task_id, session_id) AS
SELECT task_id, session_id FROM tasks WHERE task_id = acl_task() AND session_id = acl_session() AND created_by = acl_actor();

-- Who manages each worktree: the owners whose role is more than viewer.
CREATE VIEW acl_managers (worktree_id, user_id) AS
SELECT o.worktree_id, o.user_id
FROM worktree_owners AS o CROSS JOIN users AS u ON u.user_id = o.user_id
WHERE u.role IN ('member', 'admin', 'superadmin', 'owner');
