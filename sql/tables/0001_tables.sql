-- The tables of an agent-orchestration daemon, and those that aclite keeps beside them.
-- A new file gets exactly these; an adopted file keeps its own and gets what it lacks.
-- Keys are UUID text, times integer milliseconds UTC, booleans 0 or 1, `data` one JSON object.
-- A released file is never edited: a later version adds a file with the next number.

CREATE TABLE IF NOT EXISTS users (
  user_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  email text NOT NULL,
  password text NOT NULL, -- a hash, a secret
  name text,
  emoji text,
  role text NOT NULL DEFAULT 'member', -- superadmin (old name owner), admin, member, viewer
  onboarding_completed integer NOT NULL DEFAULT 0,
  data text NOT NULL, -- holds the secrets api_keys and env_vars
  unix_username text
);

CREATE TABLE IF NOT EXISTS repos (
  repo_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  slug text NOT NULL,
  data text NOT NULL
);

CREATE TABLE IF NOT EXISTS boards (
  board_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  updated_at integer,
  created_by text NOT NULL DEFAULT 'anonymous',
  name text NOT NULL,
  slug text,
  data text NOT NULL
);

CREATE TABLE IF NOT EXISTS worktrees (
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
  others_can text DEFAULT 'view' -- what everybody else holds; NULL means view
    CONSTRAINT worktrees_others_can CHECK (others_can IN ('none', 'view', 'session', 'prompt', 'all')),
  others_fs_access text DEFAULT 'read',
  unix_group text
);

CREATE TABLE IF NOT EXISTS worktree_owners (
  worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
  created_at integer,
  PRIMARY KEY (worktree_id, user_id)
);

CREATE TABLE IF NOT EXISTS sessions (
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
  unix_username text, -- the creator's at creation, for good
  data text NOT NULL -- holds the secret mcp_token
);

CREATE TABLE IF NOT EXISTS tasks (
  task_id text PRIMARY KEY NOT NULL,
  session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  created_at integer NOT NULL,
  started_at integer,
  completed_at integer,
  status text NOT NULL,
  created_by text NOT NULL DEFAULT 'anonymous',
  data text NOT NULL
);

CREATE TABLE IF NOT EXISTS messages (
  message_id text PRIMARY KEY NOT NULL,
  created_at integer NOT NULL,
  session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  task_id text REFERENCES tasks (task_id) ON DELETE SET NULL,
  type text NOT NULL,
  role text NOT NULL,
  "index" integer NOT NULL,
  timestamp integer NOT NULL,
  content_preview text, -- the first 200 characters
  parent_tool_use_id text,
  status text,
  queue_position integer,
  data text NOT NULL
);

CREATE TABLE IF NOT EXISTS groups (
  group_id text PRIMARY KEY NOT NULL,
  name text NOT NULL,
  slug text NOT NULL,
  description text,
  archived integer NOT NULL DEFAULT 0, -- an archived group's grants do not count
  created_by text,
  created_at integer NOT NULL,
  updated_at integer
);

CREATE TABLE IF NOT EXISTS group_memberships (
  group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
  added_by text,
  created_at integer NOT NULL,
  PRIMARY KEY (group_id, user_id)
);

CREATE TABLE IF NOT EXISTS worktree_group_grants (
  worktree_id text NOT NULL REFERENCES worktrees (worktree_id) ON DELETE CASCADE,
  group_id text NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE,
  can text NOT NULL DEFAULT 'view',
  created_by text,
  created_at integer NOT NULL,
  updated_at integer,
  PRIMARY KEY (worktree_id, group_id)
);

-- What each operation needs. Default rows: sql/rules.sql.
CREATE TABLE IF NOT EXISTS acl_rules (
  resource text NOT NULL,
  operation text NOT NULL,
  needs text NOT NULL
    CONSTRAINT acl_rules_needs CHECK (needs IN ('none', 'view', 'session', 'prompt', 'all',
      'owner', 'self', 'role:member', 'role:admin', 'signed-in', 'system')),
  needs_if_own text -- what suffices where the record is the acting user's own
    CONSTRAINT acl_rules_needs_if_own CHECK (needs_if_own IN ('none', 'view', 'session', 'prompt', 'all',
      'owner', 'self', 'role:member', 'role:admin', 'signed-in', 'system')),
  audit text NOT NULL DEFAULT 'all' -- which verdicts leave a row in acl_audit
    CONSTRAINT acl_rules_audit CHECK (audit IN ('all', 'refusals', 'never')),
  PRIMARY KEY (resource, operation)
);

-- Switches of the operator, as words.
CREATE TABLE IF NOT EXISTS acl_settings (
  name text PRIMARY KEY NOT NULL,
  value text NOT NULL
);

-- One row: raised by one with every change of who may do what.
CREATE TABLE IF NOT EXISTS acl_epoch (
  one integer PRIMARY KEY NOT NULL CONSTRAINT acl_epoch_one CHECK (one = 1),
  epoch integer NOT NULL
);

-- Who did or was refused what. Only ever grows.
CREATE TABLE IF NOT EXISTS acl_audit (
  seq integer PRIMARY KEY NOT NULL,
  at integer NOT NULL, -- milliseconds UTC
  door text NOT NULL, -- api, sql
  actor_kind text NOT NULL, -- user, executor, service, system, anonymous
  actor text NOT NULL, -- the user's id, the service's name, the system's reason
  operation text NOT NULL,
  resource text NOT NULL,
  record text NOT NULL, -- its id
  session_id text,
  worktree_id text,
  verdict text NOT NULL -- what was decided
    -- Not `IN (…)`: SQLite would build a b-tree for the words at every insert.
    CONSTRAINT acl_audit_verdict CHECK (verdict = 'allowed' OR verdict = 'denied' OR verdict = 'missing' OR verdict = 'conflict'),
  needed text, -- the need that the rule names
  held text, -- the level or role that the actor held
  why text, -- where it came from, or why it was refused
  fields text, -- names of the changed columns and keys of `data`, never values
  epoch integer NOT NULL -- of acl_epoch, when it was decided
);

-- The daemon's further tables that stand under the guards: each row belongs to a session or to a worktree.
CREATE TABLE IF NOT EXISTS acl_tables (
  name text PRIMARY KEY NOT NULL,
  via text NOT NULL, -- the column that names the parent
  parent text NOT NULL -- what the parent is
    CONSTRAINT acl_tables_parent CHECK (parent IN ('session', 'worktree'))
);

-- What aclite knows of its own installation in this file.
CREATE TABLE IF NOT EXISTS acl_meta (
  name text PRIMARY KEY NOT NULL,
  value NOT NULL
);
