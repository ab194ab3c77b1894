-- The cast of the examples for other hosts: run by the daemon in a file that `aclite init` made.
-- bo owns w-1, which others may view, and w-2, which they may not. mallory is another member.

INSERT INTO users (user_id, created_at, email, password, role, data, unix_username) VALUES
  ('bo', acl_now(), 'bo@example.com', 'a hash', 'member', '{}', 'bo'),
  ('mallory', acl_now(), 'mallory@example.com', 'a hash', 'member', '{}', 'mallory');
INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', acl_now(), 'acme/app', '{}');
-- The creator of a worktree becomes its first owner.
INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, others_can, data) VALUES
  ('w-1', 'r', acl_now(), 'bo', 'fix', 'main', 1, 'view', '{}'),
  ('w-2', 'r', acl_now(), 'bo', 'secret', 'main', 2, 'none', '{}');
INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, unix_username, data) VALUES
  ('s-1', acl_now(), 'bo', 'idle', 'claude-code', 'w-1', 'bo', '{}'),
  ('s-2', acl_now(), 'bo', 'idle', 'claude-code', 'w-2', 'bo', '{}');
INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES
  ('t-1', 's-1', acl_now(), 'running', 'bo', '{"full_prompt":"fix the build"}'),
  ('t-2', 's-2', acl_now(), 'running', 'bo', '{"full_prompt":"rotate the keys"}');
