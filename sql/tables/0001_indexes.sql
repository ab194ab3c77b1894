-- The indexes of version 1. An index of the same name in an adopted file is kept as it is.

CREATE UNIQUE INDEX IF NOT EXISTS users_email_unique ON users (email);
CREATE UNIQUE INDEX IF NOT EXISTS repos_slug_unique ON repos (slug);
CREATE UNIQUE INDEX IF NOT EXISTS boards_slug_unique ON boards (slug);
CREATE UNIQUE INDEX IF NOT EXISTS groups_slug_unique ON groups (slug);
CREATE INDEX IF NOT EXISTS worktrees_repo_idx ON worktrees (repo_id);
CREATE INDEX IF NOT EXISTS worktrees_board_idx ON worktrees (board_id);
CREATE INDEX IF NOT EXISTS worktrees_created_idx ON worktrees (created_at);
CREATE INDEX IF NOT EXISTS worktree_owners_user_idx ON worktree_owners (user_id);
CREATE INDEX IF NOT EXISTS sessions_worktree_idx ON sessions (worktree_id);
CREATE INDEX IF NOT EXISTS sessions_status_idx ON sessions (status);
CREATE INDEX IF NOT EXISTS sessions_board_idx ON sessions (board_id);
CREATE INDEX IF NOT EXISTS sessions_created_idx ON sessions (created_at);
CREATE INDEX IF NOT EXISTS sessions_parent_idx ON sessions (parent_session_id);
CREATE INDEX IF NOT EXISTS sessions_forked_from_idx ON sessions (forked_from_session_id);
-- With the time, so that the newest tasks of a few sessions are found without reading the others.
CREATE INDEX IF NOT EXISTS tasks_session_created_idx ON tasks (session_id, created_at);
CREATE INDEX IF NOT EXISTS tasks_status_idx ON tasks (status);
CREATE INDEX IF NOT EXISTS tasks_created_idx ON tasks (created_at);
CREATE INDEX IF NOT EXISTS messages_session_index_idx ON messages (session_id, "index");
CREATE INDEX IF NOT EXISTS messages_task_id_idx ON messages (task_id);
CREATE INDEX IF NOT EXISTS messages_created_idx ON messages (created_at);
CREATE INDEX IF NOT EXISTS group_memberships_user_idx ON group_memberships (user_id);
CREATE INDEX IF NOT EXISTS worktree_group_grants_group_idx ON worktree_group_grants (group_id);
-- by_mcp_token looks a session up by its bearer token; a row whose data is no JSON has none.
CREATE INDEX IF NOT EXISTS sessions_mcp_token_idx ON sessions (CASE WHEN json_valid(data) THEN json_extract(data, '$.mcp_token') END)
  WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.mcp_token') END IS NOT NULL;
