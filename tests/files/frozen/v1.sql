-- Version 1 of the tables and indexes as it was released: a copy that is never edited.
-- A file of this version, brought up to date, has to equal a new one.

CREATE TABLE users (
  user_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  email text NOT NULL,
  password text NOT NULL,
  name text,
  emoji text,
  role text NOT NULL DEFAULT 'member',
  onboarding_completed integer NOT NULL DEFAULT 0,
  data text NOT NULL,
  unix_username text
);

CREATE TABLE repos (
  repo_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  slug text NOT NULL,
  data text NOT NULL
);

CREATE TABLE boards (
  board_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  created_by text NOT NULL DEFAULT 'anonymous',
  name text NOT NULL,
  slug text,
  data text NOT NULL
);

CREATE TABLE worktrees (
  worktree_id text PRIMARY KEY NOT NULL,
  repo_id text NOT NULL REFERENCES repos (repo_id) ON DELETE CASCADE,
  created_at integer NOT NULL,
  updated_at integer,
  created_by text NOT NULL DEFAULT 'anonymous',
  name text NOT NULL,
  ref text NOT NULL,
  worktree_unique_id integer NOT NULL,
  board_id text REFERENCES boards (board_id) ON DELETE SET NULL,
  start_command text,
  stop_command text,
  health_check_url text,
  app_url text,
  logs_command text,
  schedule_enabled integer NOT NULL DEFAULT 0,
  schedule_cron text,
  schedule_last_triggered_at integer,
  schedule_next_run_at integer,
  needs_attention integer NOT NULL DEFAULT 0,
  archived integer NOT NULL DEFAULT 0,
  archived_at integer,
  archived_by text,
  filesystem_status text,
  data text NOT NULL,
  others_can text DEFAULT 'view'
    CONSTRAINT worktrees_others_can CHECK (others_can IN ('none', 'view', 'session', 'prompt', 'all')),
  others_fs_access text DEFAULT 'read',
  unix_group text
);

CREATE TABLE worktree_owners (
  worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
  created_at integer,
  PRIMARY KEY (worktree_id, user_id)
);

CREATE TABLE sessions (
  session_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  created_by text NOT NULL DEFAULT 'anonymous',
  status text NOT NULL,
  agentic_tool text NOT NULL,
  board_id text REFERENCES boards (board_id) ON DELETE SET NULL,
  parent_session_id text REFERENCES sessions (session_id) ON DELETE SET NULL,
  forked_from_session_id text REFERENCES sessions (session_id) ON DELETE SET NULL,
  worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
  scheduled_run_at integer,
  scheduled_from_worktree integer NOT NULL DEFAULT 0,
  ready_for_prompt integer NOT NULL DEFAULT 0,
  archived integer NOT NULL DEFAULT 0,
  archived_reason text,
  unix_username text,
  data text NOT NULL
);

CREATE TABLE tasks (
  task_id text PRIMARY KEY NOT NULL,
  session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  created_at integer NOT NULL,
  started_at integer,
  completed_at integer,
  status text NOT NULL,
  created_by text NOT NULL DEFAULT 'anonymous',
  data text NOT NULL
);

CREATE TABLE messages (
  message_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  task_id text REFERENCES tasks (task_id) ON DELETE SET NULL,
  type text NOT NULL,
  role text NOT NULL,
  "index" integer NOT NULL,
  timestamp integer NOT NULL,
  content_preview text,
  parent_tool_use_id text,
  status text,
  queue_position integer,
  data text NOT NULL
);

CREATE TABLE groups (
  group_id text PRIMARY KEY NOT NULL,
  name text NOT NULL,
  slug text NOT NULL,
  description text,
  archived integer NOT NULL DEFAULT 0,
  created_by text,
  created_at integer NOT NULL,
  updated_at integer
);

CREATE TABLE group_memberships (
  group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
  added_by text,
  created_at integer NOT NULL,
  PRIMARY KEY (group_id, user_id)
);

CREATE TABLE worktree_group_grants (
  worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
  group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE,
  can text NOT NULL DEFAULT 'view',
  created_by text,
  created_at integer NOT NULL,
  updated_at integer,
  PRIMARY KEY (worktree_id, group_id)
);

CREATE TABLE acl_rules (
  resource text NOT NULL,
  operation text NOT NULL,
  needs text NOT NULL
    CONSTRAINT acl_rules_needs CHECK (needs IN ('none', 'view', 'session', 'prompt', 'all',
      'owner', 'self', 'role:member', 'role:admin', 'signed-in', 'system')),
  needs_if_own text
    CONSTRAINT acl_rules_needs_if_own CHECK (needs_if_own IN ('none', 'view', 'session', 'prompt', 'all',
      'owner', 'self', 'role:member', 'role:admin', 'signed-in', 'system')),
  audit text NOT NULL DEFAULT 'all'
    CONSTRAINT acl_rules_audit CHECK (audit IN ('all', 'refusals', 'never')),
  PRIMARY KEY (resource, operation)
);

CREATE TABLE acl_settings (
  name text PRIMARY KEY NOT NULL,
  value text NOT NULL
);

CREATE TABLE acl_epoch (
  one integer PRIMARY KEY NOT NULL CONSTRAINT acl_epoch_one CHECK (one = 1),
  epoch integer NOT NULL
);

CREATE TABLE acl_audit (
  seq integer PRIMARY KEY NOT NULL,
  at integer NOT NULL,
  door text NOT NULL,
  actor_kind text NOT NULL,
  actor text NOT NULL,
  operation text NOT NULL,
  resource text NOT NULL,
  record text NOT NULL,
  session_id text,
  worktree_id text,
  verdict text NOT NULL
    CONSTRAINT acl_audit_verdict CHECK (verdict IN ('allowed', 'denied', 'missing', 'conflict')),
  needed text,
  held text,
  why text,
  fields text,
  epoch integer NOT NULL
);

CREATE TABLE acl_tables (
  name text PRIMARY KEY NOT NULL,
  via text NOT NULL,
  parent text NOT NULL
    CONSTRAINT acl_tables_parent CHECK (parent IN ('session', 'worktree'))
);

CREATE TABLE acl_meta (
  name text PRIMARY KEY NOT NULL,
  value NOT NULL
);

CREATE UNIQUE INDEX users_email_unique ON users (email);
CREATE UNIQUE INDEX repos_slug_unique ON repos (slug);
CREATE UNIQUE INDEX boards_slug_unique ON boards (slug);
CREATE UNIQUE INDEX groups_slug_unique ON groups (slug);
CREATE INDEX worktrees_repo_idx ON worktrees (repo_id);
CREATE INDEX worktrees_board_idx ON worktrees (board_id);
CREATE INDEX worktrees_created_idx ON worktrees (created_at);
CREATE INDEX worktree_owners_user_idx ON worktree_owners (user_id);
CREATE INDEX sessions_worktree_idx ON sessions (worktree_id);
CREATE INDEX sessions_status_idx ON sessions (status);
CREATE INDEX sessions_board_idx ON sessions (board_id);
CREATE INDEX sessions_created_idx ON sessions (created_at);
CREATE INDEX sessions_parent_idx ON sessions (parent_session_id);
CREATE INDEX sessions_forked_from_idx ON sessions (forked_from_session_id);
CREATE INDEX tasks_session_created_idx ON tasks (session_id, created_at);
CREATE INDEX tasks_status_idx ON tasks (status);
CREATE INDEX tasks_created_idx ON tasks (created_at);
CREATE INDEX messages_session_index_idx ON messages (session_id, "index");
CREATE INDEX messages_task_id_idx ON messages (task_id);
CREATE INDEX messages_created_idx ON messages (created_at);
CREATE INDEX group_memberships_user_idx ON group_memberships (user_id);
CREATE INDEX worktree_group_grants_group_idx ON worktree_group_grants (group_id);
CREATE INDEX sessions_mcp_token_idx ON sessions (CASE WHEN json_valid(data) THEN json_extract(data, '$.mcp_token') END)
  WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.mcp_token') END IS NOT NULL;
