-- A new file as generation 2 of the guards made it, with tables, rules, views and triggers: a copy that is never edited

PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE users (
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
  others_can text DEFAULT 'view' -- what everybody else holds; NULL means view
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
  unix_username text, -- the creator's at creation, for good
  data text NOT NULL -- holds the secret mcp_token
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
  content_preview text, -- the first 200 characters
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
  archived integer NOT NULL DEFAULT 0, -- an archived group's grants do not count
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
  needs_if_own text -- what suffices where the record is the acting user's own
    CONSTRAINT acl_rules_needs_if_own CHECK (needs_if_own IN ('none', 'view', 'session', 'prompt', 'all',
      'owner', 'self', 'role:member', 'role:admin', 'signed-in', 'system')),
  audit text NOT NULL DEFAULT 'all' -- which verdicts leave a row in acl_audit
    CONSTRAINT acl_rules_audit CHECK (audit IN ('all', 'refusals', 'never')),
  PRIMARY KEY (resource, operation)
);
INSERT INTO acl_rules VALUES('worktree','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('worktree','create','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('worktree','patch','all',NULL,'all');
INSERT INTO acl_rules VALUES('worktree','share','owner',NULL,'all');
INSERT INTO acl_rules VALUES('worktree','remove','all',NULL,'all');
INSERT INTO acl_rules VALUES('owner','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('owner','create','owner',NULL,'all');
INSERT INTO acl_rules VALUES('owner','remove','owner',NULL,'all');
INSERT INTO acl_rules VALUES('grant','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('grant','create','owner',NULL,'all');
INSERT INTO acl_rules VALUES('grant','patch','owner',NULL,'all');
INSERT INTO acl_rules VALUES('grant','remove','owner',NULL,'all');
INSERT INTO acl_rules VALUES('session','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('session','create','session',NULL,'all');
INSERT INTO acl_rules VALUES('session','patch','all',NULL,'all');
INSERT INTO acl_rules VALUES('session','report','prompt','session','all');
INSERT INTO acl_rules VALUES('session','remove','all',NULL,'all');
INSERT INTO acl_rules VALUES('task','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('task','create','prompt','session','all');
INSERT INTO acl_rules VALUES('task','patch','prompt','session','all');
INSERT INTO acl_rules VALUES('task','remove','all',NULL,'all');
INSERT INTO acl_rules VALUES('message','get','view',NULL,'never');
INSERT INTO acl_rules VALUES('message','create','prompt','session','refusals');
INSERT INTO acl_rules VALUES('message','patch','prompt','session','all');
INSERT INTO acl_rules VALUES('message','remove','prompt','session','all');
INSERT INTO acl_rules VALUES('user','get','signed-in',NULL,'never');
INSERT INTO acl_rules VALUES('user','create','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('user','patch','role:admin','self','all');
INSERT INTO acl_rules VALUES('user','administer','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('user','remove','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('group','get','signed-in',NULL,'never');
INSERT INTO acl_rules VALUES('group','create','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('group','patch','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('group','remove','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('membership','get','signed-in',NULL,'never');
INSERT INTO acl_rules VALUES('membership','create','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('membership','remove','role:admin',NULL,'all');
INSERT INTO acl_rules VALUES('board','get','signed-in',NULL,'never');
INSERT INTO acl_rules VALUES('board','create','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('board','patch','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('board','remove','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('repo','get','signed-in',NULL,'never');
INSERT INTO acl_rules VALUES('repo','create','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('repo','patch','role:member',NULL,'all');
INSERT INTO acl_rules VALUES('repo','remove','all',NULL,'all');
INSERT INTO acl_rules VALUES('rule','create','system',NULL,'all');
INSERT INTO acl_rules VALUES('rule','patch','system',NULL,'all');
INSERT INTO acl_rules VALUES('rule','remove','system',NULL,'all');
INSERT INTO acl_rules VALUES('setting','create','system',NULL,'all');
INSERT INTO acl_rules VALUES('setting','patch','system',NULL,'all');
INSERT INTO acl_rules VALUES('setting','remove','system',NULL,'all');
CREATE TABLE acl_settings (
  name text PRIMARY KEY NOT NULL,
  value text NOT NULL
);
INSERT INTO acl_settings VALUES('allow_superadmin','on');
CREATE TABLE acl_epoch (
  one integer PRIMARY KEY NOT NULL CONSTRAINT acl_epoch_one CHECK (one = 1),
  epoch integer NOT NULL
);
INSERT INTO acl_epoch VALUES(1,1);
CREATE TABLE acl_audit (
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
INSERT INTO acl_audit VALUES(1,1795605912151,'api','system','installation','create','meta','guards',NULL,NULL,'allowed',NULL,NULL,'new file',NULL,1);
CREATE TABLE acl_tables (
  name text PRIMARY KEY NOT NULL,
  via text NOT NULL, -- the column that names the parent
  parent text NOT NULL -- what the parent is
    CONSTRAINT acl_tables_parent CHECK (parent IN ('session', 'worktree'))
);
CREATE TABLE acl_meta (
  name text PRIMARY KEY NOT NULL,
  value NOT NULL
);
INSERT INTO acl_meta VALUES('generation',2);
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
CREATE VIEW acl_granted (worktree_id, user_id, group_id, claim) AS
SELECT g.worktree_id, m.user_id, m.group_id,
  CASE g.can WHEN 'view' THEN '1' WHEN 'session' THEN '2' WHEN 'prompt' THEN '3' WHEN 'all' THEN '4' ELSE '0' END
    || ' group ' || p.slug
FROM group_memberships AS m
CROSS JOIN worktree_group_grants AS g ON g.group_id = m.group_id
CROSS JOIN groups AS p ON p.group_id = m.group_id
WHERE p.archived = 0;
CREATE VIEW acl_held (worktree_id, user_id, held) AS
SELECT worktree_id, user_id,
  max(
    CASE WHEN role IN ('superadmin', 'owner') -- owner is its old name
           AND (SELECT value FROM acl_settings WHERE name = 'allow_superadmin') = 'on' THEN '4 superadmin' ELSE '' END,
    min(
      CASE role WHEN 'member' THEN '5' WHEN 'admin' THEN '5' WHEN 'superadmin' THEN '5' WHEN 'owner' THEN '5'
                WHEN 'viewer' THEN '1 viewer role' -- never more than view
                ELSE '0 nothing' END, -- a role that we do not know
      claim))
FROM (
  SELECT w.worktree_id AS worktree_id, u.user_id AS user_id, u.role AS role,
    CASE
      WHEN EXISTS (SELECT 1 FROM worktree_owners AS o
                   WHERE o.worktree_id = w.worktree_id AND o.user_id = u.user_id) THEN '4 owner'
      ELSE max(
        -- NULL means view; a word that we do not know means none.
        CASE ifnull(w.others_can, 'view')
          WHEN 'view' THEN '1' WHEN 'session' THEN '2' WHEN 'prompt' THEN '3' WHEN 'all' THEN '4' ELSE '0'
        END || ' others',
        -- A grant never lowers.
        ifnull((SELECT max(claim) FROM acl_granted WHERE worktree_id = w.worktree_id AND user_id = u.user_id), '')
      )
    END AS claim
  FROM worktrees AS w CROSS JOIN users AS u
)
;
CREATE VIEW acl_access (worktree_id, user_id, level, rank, source) AS
SELECT worktree_id, user_id,
  CASE substr(held, 1, 1) WHEN '4' THEN 'all' WHEN '3' THEN 'prompt' WHEN '2' THEN 'session' WHEN '1' THEN 'view' ELSE 'none' END,
  CAST(substr(held, 1, 1) AS integer),
  substr(held, 3)
FROM acl_held;
CREATE VIEW acl_rule (resource, operation, rule) AS
SELECT resource, operation, needs || '|' || ifnull(needs_if_own, '') || '|' || audit
FROM acl_rules;
CREATE VIEW acl_session_facts (session_id, worktree_id, held, own, session_unix_name, creator_unix_name) AS
SELECT s.session_id, s.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = s.worktree_id AND user_id = acl_actor()),
  s.created_by IS acl_actor(),
  s.unix_username,
  (SELECT unix_username FROM users WHERE user_id = s.created_by)
FROM sessions AS s;
CREATE VIEW acl_worktree_facts (worktree_id, held, own, created_by) AS
SELECT w.worktree_id,
  (SELECT held FROM acl_held WHERE worktree_id = w.worktree_id AND user_id = acl_actor()),
  w.created_by IS acl_actor(),
  w.created_by
FROM worktrees AS w;
CREATE VIEW acl_actor_facts (user_id, role) AS
SELECT user_id, role FROM users WHERE user_id = acl_actor();
CREATE VIEW acl_executor_facts (task_id, session_id) AS
SELECT task_id, session_id FROM tasks WHERE task_id = acl_task() AND session_id = acl_session() AND created_by = acl_actor();
CREATE VIEW acl_managers (worktree_id, user_id) AS
SELECT o.worktree_id, o.user_id
FROM worktree_owners AS o CROSS JOIN users AS u ON u.user_id = o.user_id
WHERE u.role IN ('member', 'admin', 'superadmin', 'owner');
CREATE TRIGGER acl_users_before_insert BEFORE INSERT ON users
BEGIN
  SELECT acl_guard('user', 'create',
    'id', NEW.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'create')
    , 'columns', 'user_id
created_at
updated_at
email
password
name
emoji
role
onboarding_completed
data
unix_username', 'mistyped', CASE WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL THEN 'text user_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' WHEN typeof(NEW."email") <> 'text' AND NEW."email" IS NOT NULL THEN 'text email' WHEN typeof(NEW."password") <> 'text' AND NEW."password" IS NOT NULL THEN 'text password' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL THEN 'text name' WHEN typeof(NEW."emoji") <> 'text' AND NEW."emoji" IS NOT NULL THEN 'text emoji' WHEN typeof(NEW."role") <> 'text' AND NEW."role" IS NOT NULL THEN 'text role' WHEN typeof(NEW."onboarding_completed") <> 'integer' AND NEW."onboarding_completed" IS NOT NULL THEN 'integer onboarding_completed' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' WHEN typeof(NEW."unix_username") <> 'text' AND NEW."unix_username" IS NOT NULL THEN 'text unix_username' ELSE acl_undecodable('user_id
email
password
name
emoji
role
data
unix_username', NEW."user_id", NEW."email", NEW."password", NEW."name", NEW."emoji", NEW."role", NEW."data", NEW."unix_username") END, 'key_taken', (EXISTS (SELECT 1 FROM "users" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "users" WHERE "email" = NEW."email" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "users" WHERE "user_id" = NEW."user_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM worktree_owners WHERE user_id = NEW.user_id)
      OR EXISTS (SELECT 1 FROM group_memberships WHERE user_id = NEW.user_id),
    'role', NEW.role, 'email', NEW.email, 'created_at', NEW.created_at, 'data', NEW.data);
END
;
CREATE TRIGGER acl_users_before_update BEFORE UPDATE ON users
BEGIN
  SELECT acl_guard('user', 'patch',
    'id', OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', OLD.user_id IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'patch'),
    'rule:administer', (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'administer')
    , 'columns', 'user_id
created_at
updated_at
email
password
name
emoji
role
onboarding_completed
data
unix_username', 'changed', (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."email" COLLATE BINARY IS NOT NEW."email") || (OLD."password" COLLATE BINARY IS NOT NEW."password") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."emoji" COLLATE BINARY IS NOT NEW."emoji") || (OLD."role" COLLATE BINARY IS NOT NEW."role") || (OLD."onboarding_completed" COLLATE BINARY IS NOT NEW."onboarding_completed") || (OLD."data" COLLATE BINARY IS NOT NEW."data") || (OLD."unix_username" COLLATE BINARY IS NOT NEW."unix_username"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL AND OLD."user_id" IS NOT NEW."user_id" THEN 'text user_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' WHEN typeof(NEW."email") <> 'text' AND NEW."email" IS NOT NULL AND OLD."email" IS NOT NEW."email" THEN 'text email' WHEN typeof(NEW."password") <> 'text' AND NEW."password" IS NOT NULL AND OLD."password" IS NOT NEW."password" THEN 'text password' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL AND OLD."name" IS NOT NEW."name" THEN 'text name' WHEN typeof(NEW."emoji") <> 'text' AND NEW."emoji" IS NOT NULL AND OLD."emoji" IS NOT NEW."emoji" THEN 'text emoji' WHEN typeof(NEW."role") <> 'text' AND NEW."role" IS NOT NULL AND OLD."role" IS NOT NEW."role" THEN 'text role' WHEN typeof(NEW."onboarding_completed") <> 'integer' AND NEW."onboarding_completed" IS NOT NULL AND OLD."onboarding_completed" IS NOT NEW."onboarding_completed" THEN 'integer onboarding_completed' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' WHEN typeof(NEW."unix_username") <> 'text' AND NEW."unix_username" IS NOT NULL AND OLD."unix_username" IS NOT NEW."unix_username" THEN 'text unix_username' ELSE acl_undecodable('user_id
email
password
name
emoji
role
data
unix_username', CASE WHEN OLD."user_id" IS NOT NEW."user_id" THEN NEW."user_id" END, CASE WHEN OLD."email" IS NOT NEW."email" THEN NEW."email" END, CASE WHEN OLD."password" IS NOT NEW."password" THEN NEW."password" END, CASE WHEN OLD."name" IS NOT NEW."name" THEN NEW."name" END, CASE WHEN OLD."emoji" IS NOT NEW."emoji" THEN NEW."emoji" END, CASE WHEN OLD."role" IS NOT NEW."role" THEN NEW."role" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END, CASE WHEN OLD."unix_username" IS NOT NEW."unix_username" THEN NEW."unix_username" END) END, 'key_taken', (EXISTS (SELECT 1 FROM "users" WHERE "email" = NEW."email" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)),
    'old_role', OLD.role, 'role', NEW.role, 'email', NEW.email,
    -- The worktrees that nobody else could manage.
    'last_owner_of', CASE WHEN NEW.role IS NOT OLD.role THEN (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)) END,
    'updated_at', NEW.updated_at, 'old_data', OLD.data, 'data', NEW.data);
END
;
CREATE TRIGGER acl_users_before_delete BEFORE DELETE ON users
BEGIN
  SELECT acl_guard('user', 'remove',
    'id', OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', OLD.user_id IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'remove'),
    'old_role', OLD.role,
    -- The worktrees that nobody else could manage.
    'last_owner_of', (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)));
END
;
CREATE TRIGGER acl_users_after_insert AFTER INSERT ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('user', NEW.user_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_users_after_update AFTER UPDATE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.role IS NOT OLD.role;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('user', NEW.user_id, 'patch', (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."email" COLLATE BINARY IS NOT NEW."email") || (OLD."password" COLLATE BINARY IS NOT NEW."password") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."emoji" COLLATE BINARY IS NOT NEW."emoji") || (OLD."role" COLLATE BINARY IS NOT NEW."role") || (OLD."onboarding_completed" COLLATE BINARY IS NOT NEW."onboarding_completed") || (OLD."data" COLLATE BINARY IS NOT NEW."data") || (OLD."unix_username" COLLATE BINARY IS NOT NEW."unix_username"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_users_after_delete AFTER DELETE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('user', OLD.user_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_repos_before_insert BEFORE INSERT ON repos
BEGIN
  SELECT acl_guard('repo', 'create',
    'id', NEW.repo_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'create')
    , 'columns', 'repo_id
created_at
updated_at
slug
data', 'mistyped', CASE WHEN typeof(NEW."repo_id") <> 'text' AND NEW."repo_id" IS NOT NULL THEN 'text repo_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL THEN 'text slug' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' ELSE acl_undecodable('repo_id
slug
data', NEW."repo_id", NEW."slug", NEW."data") END, 'key_taken', (EXISTS (SELECT 1 FROM "repos" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "repos" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "repos" WHERE "repo_id" = NEW."repo_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM worktrees WHERE repo_id = NEW.repo_id),
    'created_at', NEW.created_at, 'data', NEW.data);
END
;
CREATE TRIGGER acl_repos_before_update BEFORE UPDATE ON repos
BEGIN
  SELECT acl_guard('repo', 'patch',
    'id', OLD.repo_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'patch')
    , 'columns', 'repo_id
created_at
updated_at
slug
data', 'changed', (OLD."repo_id" COLLATE BINARY IS NOT NEW."repo_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."repo_id") <> 'text' AND NEW."repo_id" IS NOT NULL AND OLD."repo_id" IS NOT NEW."repo_id" THEN 'text repo_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL AND OLD."slug" IS NOT NEW."slug" THEN 'text slug' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' ELSE acl_undecodable('repo_id
slug
data', CASE WHEN OLD."repo_id" IS NOT NEW."repo_id" THEN NEW."repo_id" END, CASE WHEN OLD."slug" IS NOT NEW."slug" THEN NEW."slug" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END) END, 'key_taken', (EXISTS (SELECT 1 FROM "repos" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)),
    'updated_at', NEW.updated_at, 'old_data', OLD.data, 'data', NEW.data);
END;
CREATE TRIGGER acl_repos_before_delete BEFORE DELETE ON repos
BEGIN
  SELECT acl_guard('repo', 'remove',
    'id', OLD.repo_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'patch'));

  -- The rule of removal is asked on every worktree in it, and so is the right to delete what the cascade deletes.
  -- A repo without worktrees takes what patching it takes.
  SELECT acl_guard_child('repo', OLD.repo_id, c.kind,
    'worktree', c.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = c.worktree_id),
    'own', c.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
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
          AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)) AS c;
END
;
CREATE TRIGGER acl_repos_after_insert AFTER INSERT ON repos
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('repo', NEW.repo_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_repos_after_update AFTER UPDATE ON repos
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('repo', NEW.repo_id, 'patch', (OLD."repo_id" COLLATE BINARY IS NOT NEW."repo_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_repos_after_delete AFTER DELETE ON repos
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('repo', OLD.repo_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_boards_before_insert BEFORE INSERT ON boards
BEGIN
  SELECT acl_guard('board', 'create',
    'id', NEW.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'create')
    , 'columns', 'board_id
created_at
updated_at
created_by
name
slug
data', 'mistyped', CASE WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL THEN 'text board_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL THEN 'text name' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL THEN 'text slug' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' ELSE acl_undecodable('board_id
created_by
name
slug
data', NEW."board_id", NEW."created_by", NEW."name", NEW."slug", NEW."data") END, 'key_taken', (EXISTS (SELECT 1 FROM "boards" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "boards" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "boards" WHERE "board_id" = NEW."board_id" COLLATE "BINARY")),
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'created_at', NEW.created_at, 'data', NEW.data);
END;
CREATE TRIGGER acl_boards_before_update BEFORE UPDATE ON boards
BEGIN
  SELECT acl_guard('board', 'patch',
    'id', OLD.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'patch')
    , 'columns', 'board_id
created_at
updated_at
created_by
name
slug
data', 'changed', (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL AND OLD."board_id" IS NOT NEW."board_id" THEN 'text board_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL AND OLD."name" IS NOT NEW."name" THEN 'text name' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL AND OLD."slug" IS NOT NEW."slug" THEN 'text slug' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' ELSE acl_undecodable('board_id
created_by
name
slug
data', CASE WHEN OLD."board_id" IS NOT NEW."board_id" THEN NEW."board_id" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END, CASE WHEN OLD."name" IS NOT NEW."name" THEN NEW."name" END, CASE WHEN OLD."slug" IS NOT NEW."slug" THEN NEW."slug" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END) END, 'key_taken', (EXISTS (SELECT 1 FROM "boards" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)),
    'updated_at', NEW.updated_at, 'old_data', OLD.data, 'data', NEW.data);
END;
CREATE TRIGGER acl_boards_before_delete BEFORE DELETE ON boards
BEGIN
  SELECT acl_guard('board', 'remove',
    'id', OLD.board_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'remove'));
END;
CREATE TRIGGER acl_boards_after_insert AFTER INSERT ON boards
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('board', NEW.board_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_boards_after_update AFTER UPDATE ON boards
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('board', NEW.board_id, 'patch', (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_boards_after_delete AFTER DELETE ON boards
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('board', OLD.board_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktrees_before_insert BEFORE INSERT ON worktrees
BEGIN
  SELECT acl_guard('worktree', 'create',
    'id', NEW.worktree_id, 'parent', NEW.repo_id,
    'parent_exists', EXISTS (SELECT 1 FROM repos WHERE repo_id = NEW.repo_id),
    'worktree', NEW.worktree_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', NEW.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'create')
    , 'columns', 'worktree_id
repo_id
created_at
updated_at
created_by
name
ref
worktree_unique_id
board_id
start_command
stop_command
health_check_url
app_url
logs_command
schedule_enabled
schedule_cron
schedule_last_triggered_at
schedule_next_run_at
needs_attention
archived
archived_at
archived_by
filesystem_status
data
others_can
others_fs_access
unix_group', 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL THEN 'text worktree_id' WHEN typeof(NEW."repo_id") <> 'text' AND NEW."repo_id" IS NOT NULL THEN 'text repo_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL THEN 'text name' WHEN typeof(NEW."ref") <> 'text' AND NEW."ref" IS NOT NULL THEN 'text ref' WHEN typeof(NEW."worktree_unique_id") <> 'integer' AND NEW."worktree_unique_id" IS NOT NULL THEN 'integer worktree_unique_id' WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL THEN 'text board_id' WHEN typeof(NEW."start_command") <> 'text' AND NEW."start_command" IS NOT NULL THEN 'text start_command' WHEN typeof(NEW."stop_command") <> 'text' AND NEW."stop_command" IS NOT NULL THEN 'text stop_command' WHEN typeof(NEW."health_check_url") <> 'text' AND NEW."health_check_url" IS NOT NULL THEN 'text health_check_url' WHEN typeof(NEW."app_url") <> 'text' AND NEW."app_url" IS NOT NULL THEN 'text app_url' WHEN typeof(NEW."logs_command") <> 'text' AND NEW."logs_command" IS NOT NULL THEN 'text logs_command' WHEN typeof(NEW."schedule_enabled") <> 'integer' AND NEW."schedule_enabled" IS NOT NULL THEN 'integer schedule_enabled' WHEN typeof(NEW."schedule_cron") <> 'text' AND NEW."schedule_cron" IS NOT NULL THEN 'text schedule_cron' WHEN typeof(NEW."schedule_last_triggered_at") <> 'integer' AND NEW."schedule_last_triggered_at" IS NOT NULL THEN 'integer schedule_last_triggered_at' WHEN typeof(NEW."schedule_next_run_at") <> 'integer' AND NEW."schedule_next_run_at" IS NOT NULL THEN 'integer schedule_next_run_at' WHEN typeof(NEW."needs_attention") <> 'integer' AND NEW."needs_attention" IS NOT NULL THEN 'integer needs_attention' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL THEN 'integer archived' WHEN typeof(NEW."archived_at") <> 'integer' AND NEW."archived_at" IS NOT NULL THEN 'integer archived_at' WHEN typeof(NEW."archived_by") <> 'text' AND NEW."archived_by" IS NOT NULL THEN 'text archived_by' WHEN typeof(NEW."filesystem_status") <> 'text' AND NEW."filesystem_status" IS NOT NULL THEN 'text filesystem_status' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' WHEN typeof(NEW."others_can") <> 'text' AND NEW."others_can" IS NOT NULL THEN 'text others_can' WHEN typeof(NEW."others_fs_access") <> 'text' AND NEW."others_fs_access" IS NOT NULL THEN 'text others_fs_access' WHEN typeof(NEW."unix_group") <> 'text' AND NEW."unix_group" IS NOT NULL THEN 'text unix_group' ELSE acl_undecodable('worktree_id
repo_id
created_by
name
ref
board_id
start_command
stop_command
health_check_url
app_url
logs_command
schedule_cron
archived_by
filesystem_status
data
others_can
others_fs_access
unix_group', NEW."worktree_id", NEW."repo_id", NEW."created_by", NEW."name", NEW."ref", NEW."board_id", NEW."start_command", NEW."stop_command", NEW."health_check_url", NEW."app_url", NEW."logs_command", NEW."schedule_cron", NEW."archived_by", NEW."filesystem_status", NEW."data", NEW."others_can", NEW."others_fs_access", NEW."unix_group") END, 'key_taken', (EXISTS (SELECT 1 FROM "worktrees" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktrees" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM sessions WHERE worktree_id = NEW.worktree_id)
      OR EXISTS (SELECT 1 FROM worktree_owners WHERE worktree_id = NEW.worktree_id)
      OR EXISTS (SELECT 1 FROM worktree_group_grants WHERE worktree_id = NEW.worktree_id),
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'worktree_unique_id', NEW.worktree_unique_id, 'others_can', NEW.others_can, 'created_at', NEW.created_at, 'data', NEW.data);
END
;
CREATE TRIGGER acl_worktrees_before_update BEFORE UPDATE ON worktrees
BEGIN
  SELECT acl_guard('worktree', 'patch',
    'id', OLD.worktree_id, 'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'patch'),
    'rule:share', (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'share')
    , 'columns', 'worktree_id
repo_id
created_at
updated_at
created_by
name
ref
worktree_unique_id
board_id
start_command
stop_command
health_check_url
app_url
logs_command
schedule_enabled
schedule_cron
schedule_last_triggered_at
schedule_next_run_at
needs_attention
archived
archived_at
archived_by
filesystem_status
data
others_can
others_fs_access
unix_group', 'changed', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."repo_id" COLLATE BINARY IS NOT NEW."repo_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."ref" COLLATE BINARY IS NOT NEW."ref") || (OLD."worktree_unique_id" COLLATE BINARY IS NOT NEW."worktree_unique_id") || (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."start_command" COLLATE BINARY IS NOT NEW."start_command") || (OLD."stop_command" COLLATE BINARY IS NOT NEW."stop_command") || (OLD."health_check_url" COLLATE BINARY IS NOT NEW."health_check_url") || (OLD."app_url" COLLATE BINARY IS NOT NEW."app_url") || (OLD."logs_command" COLLATE BINARY IS NOT NEW."logs_command") || (OLD."schedule_enabled" COLLATE BINARY IS NOT NEW."schedule_enabled") || (OLD."schedule_cron" COLLATE BINARY IS NOT NEW."schedule_cron") || (OLD."schedule_last_triggered_at" COLLATE BINARY IS NOT NEW."schedule_last_triggered_at") || (OLD."schedule_next_run_at" COLLATE BINARY IS NOT NEW."schedule_next_run_at") || (OLD."needs_attention" COLLATE BINARY IS NOT NEW."needs_attention") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."archived_at" COLLATE BINARY IS NOT NEW."archived_at") || (OLD."archived_by" COLLATE BINARY IS NOT NEW."archived_by") || (OLD."filesystem_status" COLLATE BINARY IS NOT NEW."filesystem_status") || (OLD."data" COLLATE BINARY IS NOT NEW."data") || (OLD."others_can" COLLATE BINARY IS NOT NEW."others_can") || (OLD."others_fs_access" COLLATE BINARY IS NOT NEW."others_fs_access") || (OLD."unix_group" COLLATE BINARY IS NOT NEW."unix_group"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL AND OLD."worktree_id" IS NOT NEW."worktree_id" THEN 'text worktree_id' WHEN typeof(NEW."repo_id") <> 'text' AND NEW."repo_id" IS NOT NULL AND OLD."repo_id" IS NOT NEW."repo_id" THEN 'text repo_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL AND OLD."name" IS NOT NEW."name" THEN 'text name' WHEN typeof(NEW."ref") <> 'text' AND NEW."ref" IS NOT NULL AND OLD."ref" IS NOT NEW."ref" THEN 'text ref' WHEN typeof(NEW."worktree_unique_id") <> 'integer' AND NEW."worktree_unique_id" IS NOT NULL AND OLD."worktree_unique_id" IS NOT NEW."worktree_unique_id" THEN 'integer worktree_unique_id' WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL AND OLD."board_id" IS NOT NEW."board_id" THEN 'text board_id' WHEN typeof(NEW."start_command") <> 'text' AND NEW."start_command" IS NOT NULL AND OLD."start_command" IS NOT NEW."start_command" THEN 'text start_command' WHEN typeof(NEW."stop_command") <> 'text' AND NEW."stop_command" IS NOT NULL AND OLD."stop_command" IS NOT NEW."stop_command" THEN 'text stop_command' WHEN typeof(NEW."health_check_url") <> 'text' AND NEW."health_check_url" IS NOT NULL AND OLD."health_check_url" IS NOT NEW."health_check_url" THEN 'text health_check_url' WHEN typeof(NEW."app_url") <> 'text' AND NEW."app_url" IS NOT NULL AND OLD."app_url" IS NOT NEW."app_url" THEN 'text app_url' WHEN typeof(NEW."logs_command") <> 'text' AND NEW."logs_command" IS NOT NULL AND OLD."logs_command" IS NOT NEW."logs_command" THEN 'text logs_command' WHEN typeof(NEW."schedule_enabled") <> 'integer' AND NEW."schedule_enabled" IS NOT NULL AND OLD."schedule_enabled" IS NOT NEW."schedule_enabled" THEN 'integer schedule_enabled' WHEN typeof(NEW."schedule_cron") <> 'text' AND NEW."schedule_cron" IS NOT NULL AND OLD."schedule_cron" IS NOT NEW."schedule_cron" THEN 'text schedule_cron' WHEN typeof(NEW."schedule_last_triggered_at") <> 'integer' AND NEW."schedule_last_triggered_at" IS NOT NULL AND OLD."schedule_last_triggered_at" IS NOT NEW."schedule_last_triggered_at" THEN 'integer schedule_last_triggered_at' WHEN typeof(NEW."schedule_next_run_at") <> 'integer' AND NEW."schedule_next_run_at" IS NOT NULL AND OLD."schedule_next_run_at" IS NOT NEW."schedule_next_run_at" THEN 'integer schedule_next_run_at' WHEN typeof(NEW."needs_attention") <> 'integer' AND NEW."needs_attention" IS NOT NULL AND OLD."needs_attention" IS NOT NEW."needs_attention" THEN 'integer needs_attention' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL AND OLD."archived" IS NOT NEW."archived" THEN 'integer archived' WHEN typeof(NEW."archived_at") <> 'integer' AND NEW."archived_at" IS NOT NULL AND OLD."archived_at" IS NOT NEW."archived_at" THEN 'integer archived_at' WHEN typeof(NEW."archived_by") <> 'text' AND NEW."archived_by" IS NOT NULL AND OLD."archived_by" IS NOT NEW."archived_by" THEN 'text archived_by' WHEN typeof(NEW."filesystem_status") <> 'text' AND NEW."filesystem_status" IS NOT NULL AND OLD."filesystem_status" IS NOT NEW."filesystem_status" THEN 'text filesystem_status' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' WHEN typeof(NEW."others_can") <> 'text' AND NEW."others_can" IS NOT NULL AND OLD."others_can" IS NOT NEW."others_can" THEN 'text others_can' WHEN typeof(NEW."others_fs_access") <> 'text' AND NEW."others_fs_access" IS NOT NULL AND OLD."others_fs_access" IS NOT NEW."others_fs_access" THEN 'text others_fs_access' WHEN typeof(NEW."unix_group") <> 'text' AND NEW."unix_group" IS NOT NULL AND OLD."unix_group" IS NOT NEW."unix_group" THEN 'text unix_group' ELSE acl_undecodable('worktree_id
repo_id
created_by
name
ref
board_id
start_command
stop_command
health_check_url
app_url
logs_command
schedule_cron
archived_by
filesystem_status
data
others_can
others_fs_access
unix_group', CASE WHEN OLD."worktree_id" IS NOT NEW."worktree_id" THEN NEW."worktree_id" END, CASE WHEN OLD."repo_id" IS NOT NEW."repo_id" THEN NEW."repo_id" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END, CASE WHEN OLD."name" IS NOT NEW."name" THEN NEW."name" END, CASE WHEN OLD."ref" IS NOT NEW."ref" THEN NEW."ref" END, CASE WHEN OLD."board_id" IS NOT NEW."board_id" THEN NEW."board_id" END, CASE WHEN OLD."start_command" IS NOT NEW."start_command" THEN NEW."start_command" END, CASE WHEN OLD."stop_command" IS NOT NEW."stop_command" THEN NEW."stop_command" END, CASE WHEN OLD."health_check_url" IS NOT NEW."health_check_url" THEN NEW."health_check_url" END, CASE WHEN OLD."app_url" IS NOT NEW."app_url" THEN NEW."app_url" END, CASE WHEN OLD."logs_command" IS NOT NEW."logs_command" THEN NEW."logs_command" END, CASE WHEN OLD."schedule_cron" IS NOT NEW."schedule_cron" THEN NEW."schedule_cron" END, CASE WHEN OLD."archived_by" IS NOT NEW."archived_by" THEN NEW."archived_by" END, CASE WHEN OLD."filesystem_status" IS NOT NEW."filesystem_status" THEN NEW."filesystem_status" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END, CASE WHEN OLD."others_can" IS NOT NEW."others_can" THEN NEW."others_can" END, CASE WHEN OLD."others_fs_access" IS NOT NEW."others_fs_access" THEN NEW."others_fs_access" END, CASE WHEN OLD."unix_group" IS NOT NEW."unix_group" THEN NEW."unix_group" END) END, 'key_taken', 0,
    -- The cascade of a deleted board.
    'set_null:board_id', CASE WHEN OLD.board_id IS NOT NULL AND NEW.board_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id) THEN 'board ' || OLD.board_id END,
    'worktree_unique_id', NEW.worktree_unique_id, 'others_can', NEW.others_can, 'updated_at', NEW.updated_at,
    'old_data', OLD.data, 'data', NEW.data);
END
;
CREATE TRIGGER acl_worktrees_before_delete BEFORE DELETE ON worktrees
BEGIN
  SELECT acl_guard('worktree', 'remove',
    'id', OLD.worktree_id, 'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'remove'),
    'removed_parent', (SELECT 'repo ' || OLD.repo_id WHERE NOT EXISTS (SELECT 1 FROM repos WHERE repo_id = OLD.repo_id)));

  -- The cascade deletes these, which takes the right to delete them.
  SELECT acl_guard_child('worktree', OLD.worktree_id, c.kind,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', c.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT DISTINCT 'session' AS kind, s.created_by IS acl_actor() AS own
        FROM sessions AS s WHERE s.worktree_id = OLD.worktree_id
        UNION ALL
        SELECT DISTINCT 'task', s.created_by IS acl_actor() FROM sessions AS s
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM tasks AS t WHERE t.session_id = s.session_id)
        UNION ALL
        SELECT DISTINCT 'message', s.created_by IS acl_actor() FROM sessions AS s
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)) AS c;
END
;
CREATE TRIGGER acl_worktrees_after_insert AFTER INSERT ON worktrees
BEGIN
  -- The creator becomes the first owner; this raises the epoch too.
  SELECT acl_first_owner(NEW.worktree_id, NEW.created_by);
  INSERT INTO worktree_owners (worktree_id, user_id, created_at)
  VALUES (NEW.worktree_id, NEW.created_by, NEW.created_at);
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('worktree', NEW.worktree_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END
;
CREATE TRIGGER acl_worktrees_after_update AFTER UPDATE ON worktrees
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.others_can IS NOT OLD.others_can;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('worktree', NEW.worktree_id, 'patch', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."repo_id" COLLATE BINARY IS NOT NEW."repo_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."ref" COLLATE BINARY IS NOT NEW."ref") || (OLD."worktree_unique_id" COLLATE BINARY IS NOT NEW."worktree_unique_id") || (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."start_command" COLLATE BINARY IS NOT NEW."start_command") || (OLD."stop_command" COLLATE BINARY IS NOT NEW."stop_command") || (OLD."health_check_url" COLLATE BINARY IS NOT NEW."health_check_url") || (OLD."app_url" COLLATE BINARY IS NOT NEW."app_url") || (OLD."logs_command" COLLATE BINARY IS NOT NEW."logs_command") || (OLD."schedule_enabled" COLLATE BINARY IS NOT NEW."schedule_enabled") || (OLD."schedule_cron" COLLATE BINARY IS NOT NEW."schedule_cron") || (OLD."schedule_last_triggered_at" COLLATE BINARY IS NOT NEW."schedule_last_triggered_at") || (OLD."schedule_next_run_at" COLLATE BINARY IS NOT NEW."schedule_next_run_at") || (OLD."needs_attention" COLLATE BINARY IS NOT NEW."needs_attention") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."archived_at" COLLATE BINARY IS NOT NEW."archived_at") || (OLD."archived_by" COLLATE BINARY IS NOT NEW."archived_by") || (OLD."filesystem_status" COLLATE BINARY IS NOT NEW."filesystem_status") || (OLD."data" COLLATE BINARY IS NOT NEW."data") || (OLD."others_can" COLLATE BINARY IS NOT NEW."others_can") || (OLD."others_fs_access" COLLATE BINARY IS NOT NEW."others_fs_access") || (OLD."unix_group" COLLATE BINARY IS NOT NEW."unix_group"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktrees_after_delete AFTER DELETE ON worktrees
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('worktree', OLD.worktree_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_owners_before_insert BEFORE INSERT ON worktree_owners
BEGIN
  SELECT acl_guard('owner', 'create',
    'id', NEW.worktree_id || '/' || NEW.user_id, 'parent', NEW.worktree_id, 'parent_exists', w.worktree_id IS NOT NULL,
    'worktree', w.worktree_id,
    'held', w.held,
    'own', NEW.user_id IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'create')
    , 'columns', 'worktree_id
user_id
created_at', 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL THEN 'text worktree_id' WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL THEN 'text user_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' ELSE acl_undecodable('worktree_id
user_id', NEW."worktree_id", NEW."user_id") END, 'key_taken', (EXISTS (SELECT 1 FROM "worktree_owners" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktree_owners" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY" AND "user_id" = NEW."user_id" COLLATE "BINARY")),
    'user', NEW.user_id, 'user_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    -- A new worktree's first owner is its creator.
    'first', NOT EXISTS (SELECT 1 FROM worktree_owners WHERE worktree_id = NEW.worktree_id),
    'creator', w.created_by, 'created_at', NEW.created_at)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END
;
CREATE TRIGGER acl_worktree_owners_before_update BEFORE UPDATE ON worktree_owners
BEGIN
  SELECT acl_guard('owner', 'patch',
    'id', OLD.worktree_id || '/' || OLD.user_id, 'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.user_id IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'patch')
    , 'columns', 'worktree_id
user_id
created_at', 'changed', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL AND OLD."worktree_id" IS NOT NEW."worktree_id" THEN 'text worktree_id' WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL AND OLD."user_id" IS NOT NEW."user_id" THEN 'text user_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' ELSE acl_undecodable('worktree_id
user_id', CASE WHEN OLD."worktree_id" IS NOT NEW."worktree_id" THEN NEW."worktree_id" END, CASE WHEN OLD."user_id" IS NOT NEW."user_id" THEN NEW."user_id" END) END, 'key_taken', 0);
END;
CREATE TRIGGER acl_worktree_owners_before_delete BEFORE DELETE ON worktree_owners
BEGIN
  SELECT acl_guard('owner', 'remove',
    'id', OLD.worktree_id || '/' || OLD.user_id, 'worktree', OLD.worktree_id, 'user', OLD.user_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.user_id IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'remove'),
    -- An owner who only may view manages nothing, so such a one does not count.
    'last', NOT EXISTS (SELECT 1 FROM acl_managers WHERE worktree_id = OLD.worktree_id AND user_id <> OLD.user_id),
    'removed_parent', (SELECT 'worktree ' || OLD.worktree_id WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id)),
    'removed_parent', (SELECT 'user ' || OLD.user_id WHERE NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id)));
END
;
CREATE TRIGGER acl_worktree_owners_after_insert AFTER INSERT ON worktree_owners
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('owner', NEW.worktree_id || '/' || NEW.user_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_owners_after_update AFTER UPDATE ON worktree_owners
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('owner', NEW.worktree_id || '/' || NEW.user_id, 'patch', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_owners_after_delete AFTER DELETE ON worktree_owners
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('owner', OLD.worktree_id || '/' || OLD.user_id);
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('owner', OLD.worktree_id || '/' || OLD.user_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_sessions_before_insert BEFORE INSERT ON sessions
BEGIN
  SELECT acl_guard('session', 'create',
    'id', NEW.session_id, 'parent', NEW.worktree_id, 'parent_exists', w.worktree_id IS NOT NULL,
    'worktree', w.worktree_id,
    'held', w.held,
    'own', NEW.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'create')
    , 'columns', 'session_id
created_at
updated_at
created_by
status
agentic_tool
board_id
parent_session_id
forked_from_session_id
worktree_id
scheduled_run_at
scheduled_from_worktree
ready_for_prompt
archived
archived_reason
unix_username
data', 'mistyped', CASE WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL THEN 'text session_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL THEN 'text status' WHEN typeof(NEW."agentic_tool") <> 'text' AND NEW."agentic_tool" IS NOT NULL THEN 'text agentic_tool' WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL THEN 'text board_id' WHEN typeof(NEW."parent_session_id") <> 'text' AND NEW."parent_session_id" IS NOT NULL THEN 'text parent_session_id' WHEN typeof(NEW."forked_from_session_id") <> 'text' AND NEW."forked_from_session_id" IS NOT NULL THEN 'text forked_from_session_id' WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL THEN 'text worktree_id' WHEN typeof(NEW."scheduled_run_at") <> 'integer' AND NEW."scheduled_run_at" IS NOT NULL THEN 'integer scheduled_run_at' WHEN typeof(NEW."scheduled_from_worktree") <> 'integer' AND NEW."scheduled_from_worktree" IS NOT NULL THEN 'integer scheduled_from_worktree' WHEN typeof(NEW."ready_for_prompt") <> 'integer' AND NEW."ready_for_prompt" IS NOT NULL THEN 'integer ready_for_prompt' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL THEN 'integer archived' WHEN typeof(NEW."archived_reason") <> 'text' AND NEW."archived_reason" IS NOT NULL THEN 'text archived_reason' WHEN typeof(NEW."unix_username") <> 'text' AND NEW."unix_username" IS NOT NULL THEN 'text unix_username' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' ELSE acl_undecodable('session_id
created_by
status
agentic_tool
board_id
parent_session_id
forked_from_session_id
worktree_id
archived_reason
unix_username
data', NEW."session_id", NEW."created_by", NEW."status", NEW."agentic_tool", NEW."board_id", NEW."parent_session_id", NEW."forked_from_session_id", NEW."worktree_id", NEW."archived_reason", NEW."unix_username", NEW."data") END, 'key_taken', (EXISTS (SELECT 1 FROM "sessions" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "sessions" WHERE "session_id" = NEW."session_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM tasks WHERE session_id = NEW.session_id)
      OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id),
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'unix_username', NEW.unix_username,
    'creator_unix_username', (SELECT unix_username FROM users WHERE user_id = NEW.created_by),
    -- What the creator holds where the new session comes from.
    'parent_session', NEW.parent_session_id,
    'parent_session_held', (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.parent_session_id AND a.user_id = NEW.created_by),
    'fork', NEW.forked_from_session_id,
    'fork_held', (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = NEW.created_by),
    'created_at', NEW.created_at, 'status', NEW.status, 'agentic_tool', NEW.agentic_tool, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END
;
CREATE TRIGGER acl_sessions_before_update BEFORE UPDATE ON sessions
BEGIN
  SELECT acl_guard('session', 'patch',
    'id', OLD.session_id, 'session', OLD.session_id, 'worktree', w.worktree_id,
    'held', w.held,
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'patch'),
    'rule:report', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'report'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    , 'columns', 'session_id
created_at
updated_at
created_by
status
agentic_tool
board_id
parent_session_id
forked_from_session_id
worktree_id
scheduled_run_at
scheduled_from_worktree
ready_for_prompt
archived
archived_reason
unix_username
data', 'changed', (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."agentic_tool" COLLATE BINARY IS NOT NEW."agentic_tool") || (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."parent_session_id" COLLATE BINARY IS NOT NEW."parent_session_id") || (OLD."forked_from_session_id" COLLATE BINARY IS NOT NEW."forked_from_session_id") || (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."scheduled_run_at" COLLATE BINARY IS NOT NEW."scheduled_run_at") || (OLD."scheduled_from_worktree" COLLATE BINARY IS NOT NEW."scheduled_from_worktree") || (OLD."ready_for_prompt" COLLATE BINARY IS NOT NEW."ready_for_prompt") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."archived_reason" COLLATE BINARY IS NOT NEW."archived_reason") || (OLD."unix_username" COLLATE BINARY IS NOT NEW."unix_username") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL AND OLD."session_id" IS NOT NEW."session_id" THEN 'text session_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL AND OLD."status" IS NOT NEW."status" THEN 'text status' WHEN typeof(NEW."agentic_tool") <> 'text' AND NEW."agentic_tool" IS NOT NULL AND OLD."agentic_tool" IS NOT NEW."agentic_tool" THEN 'text agentic_tool' WHEN typeof(NEW."board_id") <> 'text' AND NEW."board_id" IS NOT NULL AND OLD."board_id" IS NOT NEW."board_id" THEN 'text board_id' WHEN typeof(NEW."parent_session_id") <> 'text' AND NEW."parent_session_id" IS NOT NULL AND OLD."parent_session_id" IS NOT NEW."parent_session_id" THEN 'text parent_session_id' WHEN typeof(NEW."forked_from_session_id") <> 'text' AND NEW."forked_from_session_id" IS NOT NULL AND OLD."forked_from_session_id" IS NOT NEW."forked_from_session_id" THEN 'text forked_from_session_id' WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL AND OLD."worktree_id" IS NOT NEW."worktree_id" THEN 'text worktree_id' WHEN typeof(NEW."scheduled_run_at") <> 'integer' AND NEW."scheduled_run_at" IS NOT NULL AND OLD."scheduled_run_at" IS NOT NEW."scheduled_run_at" THEN 'integer scheduled_run_at' WHEN typeof(NEW."scheduled_from_worktree") <> 'integer' AND NEW."scheduled_from_worktree" IS NOT NULL AND OLD."scheduled_from_worktree" IS NOT NEW."scheduled_from_worktree" THEN 'integer scheduled_from_worktree' WHEN typeof(NEW."ready_for_prompt") <> 'integer' AND NEW."ready_for_prompt" IS NOT NULL AND OLD."ready_for_prompt" IS NOT NEW."ready_for_prompt" THEN 'integer ready_for_prompt' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL AND OLD."archived" IS NOT NEW."archived" THEN 'integer archived' WHEN typeof(NEW."archived_reason") <> 'text' AND NEW."archived_reason" IS NOT NULL AND OLD."archived_reason" IS NOT NEW."archived_reason" THEN 'text archived_reason' WHEN typeof(NEW."unix_username") <> 'text' AND NEW."unix_username" IS NOT NULL AND OLD."unix_username" IS NOT NEW."unix_username" THEN 'text unix_username' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' ELSE acl_undecodable('session_id
created_by
status
agentic_tool
board_id
parent_session_id
forked_from_session_id
worktree_id
archived_reason
unix_username
data', CASE WHEN OLD."session_id" IS NOT NEW."session_id" THEN NEW."session_id" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END, CASE WHEN OLD."status" IS NOT NEW."status" THEN NEW."status" END, CASE WHEN OLD."agentic_tool" IS NOT NEW."agentic_tool" THEN NEW."agentic_tool" END, CASE WHEN OLD."board_id" IS NOT NEW."board_id" THEN NEW."board_id" END, CASE WHEN OLD."parent_session_id" IS NOT NEW."parent_session_id" THEN NEW."parent_session_id" END, CASE WHEN OLD."forked_from_session_id" IS NOT NEW."forked_from_session_id" THEN NEW."forked_from_session_id" END, CASE WHEN OLD."worktree_id" IS NOT NEW."worktree_id" THEN NEW."worktree_id" END, CASE WHEN OLD."archived_reason" IS NOT NEW."archived_reason" THEN NEW."archived_reason" END, CASE WHEN OLD."unix_username" IS NOT NEW."unix_username" THEN NEW."unix_username" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END) END, 'key_taken', 0,
    -- The cascades of a deleted board, parent or fork origin.
    'set_null:board_id', CASE WHEN OLD.board_id IS NOT NULL AND NEW.board_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id) THEN 'board ' || OLD.board_id END,
    'set_null:parent_session_id', CASE WHEN OLD.parent_session_id IS NOT NULL AND NEW.parent_session_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.parent_session_id) THEN 'session ' || OLD.parent_session_id END,
    'set_null:forked_from_session_id', CASE WHEN OLD.forked_from_session_id IS NOT NULL AND NEW.forked_from_session_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.forked_from_session_id) THEN 'session ' || OLD.forked_from_session_id END,
    'parent_session', CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN NEW.parent_session_id END,
    'parent_session_held', CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.parent_session_id AND a.user_id = OLD.created_by) END,
    'fork', CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN NEW.forked_from_session_id END,
    'fork_held', CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = OLD.created_by) END,
    'updated_at', NEW.updated_at, 'status', NEW.status, 'agentic_tool', NEW.agentic_tool,
    'old_data', OLD.data, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;
END
;
CREATE TRIGGER acl_sessions_before_delete BEFORE DELETE ON sessions
BEGIN
  SELECT acl_guard('session', 'remove',
    'id', OLD.session_id, 'session', OLD.session_id, 'worktree', w.worktree_id,
    'held', w.held,
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'remove'),
    'removed_parent', CASE WHEN w.worktree_id IS NULL THEN 'worktree ' || OLD.worktree_id END)
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;

  -- The cascade deletes tasks and messages, which takes the right to delete them.
  SELECT acl_guard_child('session', OLD.session_id, c.kind,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', OLD.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT 'task' AS kind WHERE EXISTS (SELECT 1 FROM tasks WHERE session_id = OLD.session_id)
        UNION ALL
        SELECT 'message' WHERE EXISTS (SELECT 1 FROM messages WHERE session_id = OLD.session_id)) AS c;
END
;
CREATE TRIGGER acl_sessions_after_insert AFTER INSERT ON sessions
WHEN acl_complete_write('session', NEW.session_id , 'create', NULL, NEW.rowid)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_sessions_after_update AFTER UPDATE ON sessions
WHEN acl_complete_write('session', NEW.session_id , 'patch', (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."agentic_tool" COLLATE BINARY IS NOT NEW."agentic_tool") || (OLD."board_id" COLLATE BINARY IS NOT NEW."board_id") || (OLD."parent_session_id" COLLATE BINARY IS NOT NEW."parent_session_id") || (OLD."forked_from_session_id" COLLATE BINARY IS NOT NEW."forked_from_session_id") || (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."scheduled_run_at" COLLATE BINARY IS NOT NEW."scheduled_run_at") || (OLD."scheduled_from_worktree" COLLATE BINARY IS NOT NEW."scheduled_from_worktree") || (OLD."ready_for_prompt" COLLATE BINARY IS NOT NEW."ready_for_prompt") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."archived_reason" COLLATE BINARY IS NOT NEW."archived_reason") || (OLD."unix_username" COLLATE BINARY IS NOT NEW."unix_username") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_sessions_after_delete AFTER DELETE ON sessions
WHEN acl_complete_write('session', OLD.session_id , 'remove', NULL, NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_tasks_before_insert BEFORE INSERT ON tasks
BEGIN
  SELECT acl_guard('task', 'create',
    'id', NEW.task_id, 'parent', NEW.session_id, 'parent_exists', s.session_id IS NOT NULL,
    'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'create')
    , 'columns', 'task_id
session_id
created_at
started_at
completed_at
status
created_by
data', 'mistyped', CASE WHEN typeof(NEW."task_id") <> 'text' AND NEW."task_id" IS NOT NULL THEN 'text task_id' WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL THEN 'text session_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."started_at") <> 'integer' AND NEW."started_at" IS NOT NULL THEN 'integer started_at' WHEN typeof(NEW."completed_at") <> 'integer' AND NEW."completed_at" IS NOT NULL THEN 'integer completed_at' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL THEN 'text status' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' ELSE acl_undecodable('task_id
session_id
status
created_by
data', NEW."task_id", NEW."session_id", NEW."status", NEW."created_by", NEW."data") END, 'key_taken', (EXISTS (SELECT 1 FROM "tasks" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "tasks" WHERE "task_id" = NEW."task_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM messages WHERE task_id = NEW.task_id),
    'session_unix_name', s.session_unix_name,
    'creator_unix_name', s.creator_unix_name,
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'created_at', NEW.created_at, 'status', NEW.status, 'completed_at', NEW.completed_at, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END
;
CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks
BEGIN
  SELECT acl_guard('task', 'patch',
    'id', OLD.task_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'patch'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    , 'columns', 'task_id
session_id
created_at
started_at
completed_at
status
created_by
data', 'changed', (OLD."task_id" COLLATE BINARY IS NOT NEW."task_id") || (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."started_at" COLLATE BINARY IS NOT NEW."started_at") || (OLD."completed_at" COLLATE BINARY IS NOT NEW."completed_at") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."task_id") <> 'text' AND NEW."task_id" IS NOT NULL AND OLD."task_id" IS NOT NEW."task_id" THEN 'text task_id' WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL AND OLD."session_id" IS NOT NEW."session_id" THEN 'text session_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."started_at") <> 'integer' AND NEW."started_at" IS NOT NULL AND OLD."started_at" IS NOT NEW."started_at" THEN 'integer started_at' WHEN typeof(NEW."completed_at") <> 'integer' AND NEW."completed_at" IS NOT NULL AND OLD."completed_at" IS NOT NEW."completed_at" THEN 'integer completed_at' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL AND OLD."status" IS NOT NEW."status" THEN 'text status' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' ELSE acl_undecodable('task_id
session_id
status
created_by
data', CASE WHEN OLD."task_id" IS NOT NEW."task_id" THEN NEW."task_id" END, CASE WHEN OLD."session_id" IS NOT NEW."session_id" THEN NEW."session_id" END, CASE WHEN OLD."status" IS NOT NEW."status" THEN NEW."status" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END) END, 'key_taken', 0,
    'old_status', OLD.status, 'status', NEW.status,
    'old_completed_at', OLD.completed_at, 'completed_at', NEW.completed_at,
    'old_data', OLD.data, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_tasks_before_delete BEFORE DELETE ON tasks
BEGIN
  SELECT acl_guard('task', 'remove',
    'id', OLD.task_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'remove'),
    'removed_parent', CASE WHEN s.session_id IS NULL THEN 'session ' || OLD.session_id END)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_tasks_after_insert AFTER INSERT ON tasks
WHEN acl_complete_write('task', NEW.task_id , 'create', NULL, NEW.rowid)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_tasks_after_update AFTER UPDATE ON tasks
WHEN acl_complete_write('task', NEW.task_id , 'patch', (OLD."task_id" COLLATE BINARY IS NOT NEW."task_id") || (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."started_at" COLLATE BINARY IS NOT NEW."started_at") || (OLD."completed_at" COLLATE BINARY IS NOT NEW."completed_at") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_tasks_after_delete AFTER DELETE ON tasks
WHEN acl_complete_write('task', OLD.task_id , 'remove', NULL, NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_messages_before_insert BEFORE INSERT ON messages
BEGIN
  SELECT acl_guard('message', 'create',
    'id', NEW.message_id, 'parent', NEW.session_id, 'parent_exists', s.session_id IS NOT NULL,
    'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'create'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    , 'columns', 'message_id
created_at
session_id
task_id
type
role
index
timestamp
content_preview
parent_tool_use_id
status
queue_position
data', 'mistyped', CASE WHEN typeof(NEW."message_id") <> 'text' AND NEW."message_id" IS NOT NULL THEN 'text message_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL THEN 'text session_id' WHEN typeof(NEW."task_id") <> 'text' AND NEW."task_id" IS NOT NULL THEN 'text task_id' WHEN typeof(NEW."type") <> 'text' AND NEW."type" IS NOT NULL THEN 'text type' WHEN typeof(NEW."role") <> 'text' AND NEW."role" IS NOT NULL THEN 'text role' WHEN typeof(NEW."index") <> 'integer' AND NEW."index" IS NOT NULL THEN 'integer index' WHEN typeof(NEW."timestamp") <> 'integer' AND NEW."timestamp" IS NOT NULL THEN 'integer timestamp' WHEN typeof(NEW."content_preview") <> 'text' AND NEW."content_preview" IS NOT NULL THEN 'text content_preview' WHEN typeof(NEW."parent_tool_use_id") <> 'text' AND NEW."parent_tool_use_id" IS NOT NULL THEN 'text parent_tool_use_id' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL THEN 'text status' WHEN typeof(NEW."queue_position") <> 'integer' AND NEW."queue_position" IS NOT NULL THEN 'integer queue_position' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL THEN 'text data' ELSE acl_undecodable('message_id
session_id
task_id
type
role
content_preview
parent_tool_use_id
status
data', NEW."message_id", NEW."session_id", NEW."task_id", NEW."type", NEW."role", NEW."content_preview", NEW."parent_tool_use_id", NEW."status", NEW."data") END, 'key_taken', (EXISTS (SELECT 1 FROM "messages" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "messages" WHERE "message_id" = NEW."message_id" COLLATE "BINARY")),
    'session_unix_name', s.session_unix_name,
    'creator_unix_name', s.creator_unix_name,
    'task', NEW.task_id, 'task_session', (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    'created_at', NEW.created_at, 'type', NEW.type, 'role', NEW.role, 'index', NEW."index", 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END;
CREATE TRIGGER acl_messages_before_update BEFORE UPDATE ON messages
BEGIN
  SELECT acl_guard('message', 'patch',
    'id', OLD.message_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'patch'),
    'scope', (SELECT 1 FROM acl_executor_facts)
    , 'columns', 'message_id
created_at
session_id
task_id
type
role
index
timestamp
content_preview
parent_tool_use_id
status
queue_position
data', 'changed', (OLD."message_id" COLLATE BINARY IS NOT NEW."message_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."task_id" COLLATE BINARY IS NOT NEW."task_id") || (OLD."type" COLLATE BINARY IS NOT NEW."type") || (OLD."role" COLLATE BINARY IS NOT NEW."role") || (OLD."index" COLLATE BINARY IS NOT NEW."index") || (OLD."timestamp" COLLATE BINARY IS NOT NEW."timestamp") || (OLD."content_preview" COLLATE BINARY IS NOT NEW."content_preview") || (OLD."parent_tool_use_id" COLLATE BINARY IS NOT NEW."parent_tool_use_id") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."queue_position" COLLATE BINARY IS NOT NEW."queue_position") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."message_id") <> 'text' AND NEW."message_id" IS NOT NULL AND OLD."message_id" IS NOT NEW."message_id" THEN 'text message_id' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."session_id") <> 'text' AND NEW."session_id" IS NOT NULL AND OLD."session_id" IS NOT NEW."session_id" THEN 'text session_id' WHEN typeof(NEW."task_id") <> 'text' AND NEW."task_id" IS NOT NULL AND OLD."task_id" IS NOT NEW."task_id" THEN 'text task_id' WHEN typeof(NEW."type") <> 'text' AND NEW."type" IS NOT NULL AND OLD."type" IS NOT NEW."type" THEN 'text type' WHEN typeof(NEW."role") <> 'text' AND NEW."role" IS NOT NULL AND OLD."role" IS NOT NEW."role" THEN 'text role' WHEN typeof(NEW."index") <> 'integer' AND NEW."index" IS NOT NULL AND OLD."index" IS NOT NEW."index" THEN 'integer index' WHEN typeof(NEW."timestamp") <> 'integer' AND NEW."timestamp" IS NOT NULL AND OLD."timestamp" IS NOT NEW."timestamp" THEN 'integer timestamp' WHEN typeof(NEW."content_preview") <> 'text' AND NEW."content_preview" IS NOT NULL AND OLD."content_preview" IS NOT NEW."content_preview" THEN 'text content_preview' WHEN typeof(NEW."parent_tool_use_id") <> 'text' AND NEW."parent_tool_use_id" IS NOT NULL AND OLD."parent_tool_use_id" IS NOT NEW."parent_tool_use_id" THEN 'text parent_tool_use_id' WHEN typeof(NEW."status") <> 'text' AND NEW."status" IS NOT NULL AND OLD."status" IS NOT NEW."status" THEN 'text status' WHEN typeof(NEW."queue_position") <> 'integer' AND NEW."queue_position" IS NOT NULL AND OLD."queue_position" IS NOT NEW."queue_position" THEN 'integer queue_position' WHEN typeof(NEW."data") <> 'text' AND NEW."data" IS NOT NULL AND OLD."data" IS NOT NEW."data" THEN 'text data' ELSE acl_undecodable('message_id
session_id
task_id
type
role
content_preview
parent_tool_use_id
status
data', CASE WHEN OLD."message_id" IS NOT NEW."message_id" THEN NEW."message_id" END, CASE WHEN OLD."session_id" IS NOT NEW."session_id" THEN NEW."session_id" END, CASE WHEN OLD."task_id" IS NOT NEW."task_id" THEN NEW."task_id" END, CASE WHEN OLD."type" IS NOT NEW."type" THEN NEW."type" END, CASE WHEN OLD."role" IS NOT NEW."role" THEN NEW."role" END, CASE WHEN OLD."content_preview" IS NOT NEW."content_preview" THEN NEW."content_preview" END, CASE WHEN OLD."parent_tool_use_id" IS NOT NEW."parent_tool_use_id" THEN NEW."parent_tool_use_id" END, CASE WHEN OLD."status" IS NOT NEW."status" THEN NEW."status" END, CASE WHEN OLD."data" IS NOT NEW."data" THEN NEW."data" END) END, 'key_taken', 0,
    -- The cascade of a deleted task.
    'set_null:task_id', CASE WHEN OLD.task_id IS NOT NULL AND NEW.task_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM tasks WHERE task_id = OLD.task_id) THEN 'task ' || OLD.task_id END,
    'old_task', OLD.task_id, 'task', NEW.task_id,
    'task_session', (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    'old_session', OLD.session_id, 'old_type', OLD.type, 'type', NEW.type, 'role', NEW.role, 'index', NEW."index",
    'old_data', OLD.data, 'data', NEW.data)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END
;
CREATE TRIGGER acl_messages_before_delete BEFORE DELETE ON messages
BEGIN
  SELECT acl_guard('message', 'remove',
    'id', OLD.message_id, 'session', s.session_id, 'worktree', s.worktree_id,
    'held', s.held, 'own', s.own,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'remove'),
    'removed_parent', CASE WHEN s.session_id IS NULL THEN 'session ' || OLD.session_id END)
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_messages_after_insert AFTER INSERT ON messages
WHEN acl_complete_write('message', NEW.message_id , 'create', NULL, NEW.rowid)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_messages_after_update AFTER UPDATE ON messages
WHEN acl_complete_write('message', NEW.message_id , 'patch', (OLD."message_id" COLLATE BINARY IS NOT NEW."message_id") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."session_id" COLLATE BINARY IS NOT NEW."session_id") || (OLD."task_id" COLLATE BINARY IS NOT NEW."task_id") || (OLD."type" COLLATE BINARY IS NOT NEW."type") || (OLD."role" COLLATE BINARY IS NOT NEW."role") || (OLD."index" COLLATE BINARY IS NOT NEW."index") || (OLD."timestamp" COLLATE BINARY IS NOT NEW."timestamp") || (OLD."content_preview" COLLATE BINARY IS NOT NEW."content_preview") || (OLD."parent_tool_use_id" COLLATE BINARY IS NOT NEW."parent_tool_use_id") || (OLD."status" COLLATE BINARY IS NOT NEW."status") || (OLD."queue_position" COLLATE BINARY IS NOT NEW."queue_position") || (OLD."data" COLLATE BINARY IS NOT NEW."data"), NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_messages_after_delete AFTER DELETE ON messages
WHEN acl_complete_write('message', OLD.message_id , 'remove', NULL, NULL)
BEGIN
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  VALUES (ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch));
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_groups_before_insert BEFORE INSERT ON groups
BEGIN
  SELECT acl_guard('group', 'create',
    'id', NEW.group_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'create')
    , 'columns', 'group_id
name
slug
description
archived
created_by
created_at
updated_at', 'mistyped', CASE WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL THEN 'text group_id' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL THEN 'text name' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL THEN 'text slug' WHEN typeof(NEW."description") <> 'text' AND NEW."description" IS NOT NULL THEN 'text description' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL THEN 'integer archived' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' ELSE acl_undecodable('group_id
name
slug
description
created_by', NEW."group_id", NEW."name", NEW."slug", NEW."description", NEW."created_by") END, 'key_taken', (EXISTS (SELECT 1 FROM "groups" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "groups" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "groups" WHERE "group_id" = NEW."group_id" COLLATE "BINARY")),
    -- A new one does not take over what an earlier one of its id left.
    'left_behind', EXISTS (SELECT 1 FROM group_memberships WHERE group_id = NEW.group_id)
      OR EXISTS (SELECT 1 FROM worktree_group_grants WHERE group_id = NEW.group_id),
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    -- What members hold names it, and has to be text.
    'slug', NEW.slug, 'created_at', NEW.created_at);
END
;
CREATE TRIGGER acl_groups_before_update BEFORE UPDATE ON groups
BEGIN
  SELECT acl_guard('group', 'patch',
    'id', OLD.group_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'patch')
    , 'columns', 'group_id
name
slug
description
archived
created_by
created_at
updated_at', 'changed', (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."description" COLLATE BINARY IS NOT NEW."description") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL AND OLD."group_id" IS NOT NEW."group_id" THEN 'text group_id' WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL AND OLD."name" IS NOT NEW."name" THEN 'text name' WHEN typeof(NEW."slug") <> 'text' AND NEW."slug" IS NOT NULL AND OLD."slug" IS NOT NEW."slug" THEN 'text slug' WHEN typeof(NEW."description") <> 'text' AND NEW."description" IS NOT NULL AND OLD."description" IS NOT NEW."description" THEN 'text description' WHEN typeof(NEW."archived") <> 'integer' AND NEW."archived" IS NOT NULL AND OLD."archived" IS NOT NEW."archived" THEN 'integer archived' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' ELSE acl_undecodable('group_id
name
slug
description
created_by', CASE WHEN OLD."group_id" IS NOT NEW."group_id" THEN NEW."group_id" END, CASE WHEN OLD."name" IS NOT NEW."name" THEN NEW."name" END, CASE WHEN OLD."slug" IS NOT NEW."slug" THEN NEW."slug" END, CASE WHEN OLD."description" IS NOT NEW."description" THEN NEW."description" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END) END, 'key_taken', (EXISTS (SELECT 1 FROM "groups" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)),
    'slug', NEW.slug, 'updated_at', NEW.updated_at);
END;
CREATE TRIGGER acl_groups_before_delete BEFORE DELETE ON groups
BEGIN
  SELECT acl_guard('group', 'remove',
    'id', OLD.group_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'remove'));
END;
CREATE TRIGGER acl_groups_after_insert AFTER INSERT ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('group', NEW.group_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_groups_after_update AFTER UPDATE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('group', NEW.group_id, 'patch', (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."slug" COLLATE BINARY IS NOT NEW."slug") || (OLD."description" COLLATE BINARY IS NOT NEW."description") || (OLD."archived" COLLATE BINARY IS NOT NEW."archived") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_groups_after_delete AFTER DELETE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('group', OLD.group_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_group_memberships_before_insert BEFORE INSERT ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'create',
    'id', NEW.group_id || '/' || NEW.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'create')
    , 'columns', 'group_id
user_id
added_by
created_at', 'mistyped', CASE WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL THEN 'text group_id' WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL THEN 'text user_id' WHEN typeof(NEW."added_by") <> 'text' AND NEW."added_by" IS NOT NULL THEN 'text added_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' ELSE acl_undecodable('group_id
user_id
added_by', NEW."group_id", NEW."user_id", NEW."added_by") END, 'key_taken', (EXISTS (SELECT 1 FROM "group_memberships" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "group_memberships" WHERE "group_id" = NEW."group_id" COLLATE "BINARY" AND "user_id" = NEW."user_id" COLLATE "BINARY")),
    'parent', NEW.group_id, 'parent_exists', EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    'user', NEW.user_id, 'user_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    'created_by', NEW.added_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.added_by),
    'created_at', NEW.created_at);
END;
CREATE TRIGGER acl_group_memberships_before_update BEFORE UPDATE ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'patch',
    'id', OLD.group_id || '/' || OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'patch')
    , 'columns', 'group_id
user_id
added_by
created_at', 'changed', (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."added_by" COLLATE BINARY IS NOT NEW."added_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL AND OLD."group_id" IS NOT NEW."group_id" THEN 'text group_id' WHEN typeof(NEW."user_id") <> 'text' AND NEW."user_id" IS NOT NULL AND OLD."user_id" IS NOT NEW."user_id" THEN 'text user_id' WHEN typeof(NEW."added_by") <> 'text' AND NEW."added_by" IS NOT NULL AND OLD."added_by" IS NOT NEW."added_by" THEN 'text added_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' ELSE acl_undecodable('group_id
user_id
added_by', CASE WHEN OLD."group_id" IS NOT NEW."group_id" THEN NEW."group_id" END, CASE WHEN OLD."user_id" IS NOT NEW."user_id" THEN NEW."user_id" END, CASE WHEN OLD."added_by" IS NOT NEW."added_by" THEN NEW."added_by" END) END, 'key_taken', 0);
END;
CREATE TRIGGER acl_group_memberships_before_delete BEFORE DELETE ON group_memberships
BEGIN
  SELECT acl_guard('membership', 'remove',
    'id', OLD.group_id || '/' || OLD.user_id,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'remove'),
    'removed_parent', (SELECT 'group ' || OLD.group_id WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id)),
    'removed_parent', (SELECT 'user ' || OLD.user_id WHERE NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id)));
END;
CREATE TRIGGER acl_group_memberships_after_insert AFTER INSERT ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('membership', NEW.group_id || '/' || NEW.user_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_group_memberships_after_update AFTER UPDATE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('membership', NEW.group_id || '/' || NEW.user_id, 'patch', (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."user_id" COLLATE BINARY IS NOT NEW."user_id") || (OLD."added_by" COLLATE BINARY IS NOT NEW."added_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_group_memberships_after_delete AFTER DELETE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('membership', OLD.group_id || '/' || OLD.user_id);
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('membership', OLD.group_id || '/' || OLD.user_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_group_grants_before_insert BEFORE INSERT ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'create',
    'id', NEW.worktree_id || '/' || NEW.group_id,
    'worktree', NEW.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = NEW.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'create')
    , 'columns', 'worktree_id
group_id
can
created_by
created_at
updated_at', 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL THEN 'text worktree_id' WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL THEN 'text group_id' WHEN typeof(NEW."can") <> 'text' AND NEW."can" IS NOT NULL THEN 'text can' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL THEN 'text created_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL THEN 'integer updated_at' ELSE acl_undecodable('worktree_id
group_id
can
created_by', NEW."worktree_id", NEW."group_id", NEW."can", NEW."created_by") END, 'key_taken', (EXISTS (SELECT 1 FROM "worktree_group_grants" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktree_group_grants" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY" AND "group_id" = NEW."group_id" COLLATE "BINARY")),
    'parent', NEW.worktree_id, 'parent_exists', EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = NEW.worktree_id),
    'group', NEW.group_id, 'group_exists', EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    'can', NEW.can,
    'created_by', NEW.created_by,
    'creator_exists', EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    'created_at', NEW.created_at);
END;
CREATE TRIGGER acl_worktree_group_grants_before_update BEFORE UPDATE ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'patch',
    'id', OLD.worktree_id || '/' || OLD.group_id,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'patch')
    , 'columns', 'worktree_id
group_id
can
created_by
created_at
updated_at', 'changed', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."can" COLLATE BINARY IS NOT NEW."can") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."worktree_id") <> 'text' AND NEW."worktree_id" IS NOT NULL AND OLD."worktree_id" IS NOT NEW."worktree_id" THEN 'text worktree_id' WHEN typeof(NEW."group_id") <> 'text' AND NEW."group_id" IS NOT NULL AND OLD."group_id" IS NOT NEW."group_id" THEN 'text group_id' WHEN typeof(NEW."can") <> 'text' AND NEW."can" IS NOT NULL AND OLD."can" IS NOT NEW."can" THEN 'text can' WHEN typeof(NEW."created_by") <> 'text' AND NEW."created_by" IS NOT NULL AND OLD."created_by" IS NOT NEW."created_by" THEN 'text created_by' WHEN typeof(NEW."created_at") <> 'integer' AND NEW."created_at" IS NOT NULL AND OLD."created_at" IS NOT NEW."created_at" THEN 'integer created_at' WHEN typeof(NEW."updated_at") <> 'integer' AND NEW."updated_at" IS NOT NULL AND OLD."updated_at" IS NOT NEW."updated_at" THEN 'integer updated_at' ELSE acl_undecodable('worktree_id
group_id
can
created_by', CASE WHEN OLD."worktree_id" IS NOT NEW."worktree_id" THEN NEW."worktree_id" END, CASE WHEN OLD."group_id" IS NOT NEW."group_id" THEN NEW."group_id" END, CASE WHEN OLD."can" IS NOT NEW."can" THEN NEW."can" END, CASE WHEN OLD."created_by" IS NOT NEW."created_by" THEN NEW."created_by" END) END, 'key_taken', 0,
    'can', NEW.can, 'updated_at', NEW.updated_at);
END;
CREATE TRIGGER acl_worktree_group_grants_before_delete BEFORE DELETE ON worktree_group_grants
BEGIN
  SELECT acl_guard('grant', 'remove',
    'id', OLD.worktree_id || '/' || OLD.group_id,
    'worktree', OLD.worktree_id,
    'held', (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'remove'),
    'removed_parent', (SELECT 'worktree ' || OLD.worktree_id WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id)),
    'removed_parent', (SELECT 'group ' || OLD.group_id WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id)));
END;
CREATE TRIGGER acl_worktree_group_grants_after_insert AFTER INSERT ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('grant', NEW.worktree_id || '/' || NEW.group_id, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_group_grants_after_update AFTER UPDATE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('grant', NEW.worktree_id || '/' || NEW.group_id, 'patch', (OLD."worktree_id" COLLATE BINARY IS NOT NEW."worktree_id") || (OLD."group_id" COLLATE BINARY IS NOT NEW."group_id") || (OLD."can" COLLATE BINARY IS NOT NEW."can") || (OLD."created_by" COLLATE BINARY IS NOT NEW."created_by") || (OLD."created_at" COLLATE BINARY IS NOT NEW."created_at") || (OLD."updated_at" COLLATE BINARY IS NOT NEW."updated_at"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_worktree_group_grants_after_delete AFTER DELETE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('grant', OLD.worktree_id || '/' || OLD.group_id);
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('grant', OLD.worktree_id || '/' || OLD.group_id, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_rules_before_insert BEFORE INSERT ON acl_rules
BEGIN
  SELECT acl_guard('rule', 'create',
    'id', NEW.resource || ' ' || NEW.operation,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'create')
    , 'columns', 'resource
operation
needs
needs_if_own
audit', 'mistyped', CASE WHEN typeof(NEW."resource") <> 'text' AND NEW."resource" IS NOT NULL THEN 'text resource' WHEN typeof(NEW."operation") <> 'text' AND NEW."operation" IS NOT NULL THEN 'text operation' WHEN typeof(NEW."needs") <> 'text' AND NEW."needs" IS NOT NULL THEN 'text needs' WHEN typeof(NEW."needs_if_own") <> 'text' AND NEW."needs_if_own" IS NOT NULL THEN 'text needs_if_own' WHEN typeof(NEW."audit") <> 'text' AND NEW."audit" IS NOT NULL THEN 'text audit' ELSE acl_undecodable('resource
operation
needs
needs_if_own
audit', NEW."resource", NEW."operation", NEW."needs", NEW."needs_if_own", NEW."audit") END, 'key_taken', (EXISTS (SELECT 1 FROM "acl_rules" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "acl_rules" WHERE "resource" = NEW."resource" COLLATE "BINARY" AND "operation" = NEW."operation" COLLATE "BINARY")));
END;
CREATE TRIGGER acl_acl_rules_before_update BEFORE UPDATE ON acl_rules
BEGIN
  SELECT acl_guard('rule', 'patch',
    'id', OLD.resource || ' ' || OLD.operation,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'patch')
    , 'columns', 'resource
operation
needs
needs_if_own
audit', 'changed', (OLD."resource" COLLATE BINARY IS NOT NEW."resource") || (OLD."operation" COLLATE BINARY IS NOT NEW."operation") || (OLD."needs" COLLATE BINARY IS NOT NEW."needs") || (OLD."needs_if_own" COLLATE BINARY IS NOT NEW."needs_if_own") || (OLD."audit" COLLATE BINARY IS NOT NEW."audit"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."resource") <> 'text' AND NEW."resource" IS NOT NULL AND OLD."resource" IS NOT NEW."resource" THEN 'text resource' WHEN typeof(NEW."operation") <> 'text' AND NEW."operation" IS NOT NULL AND OLD."operation" IS NOT NEW."operation" THEN 'text operation' WHEN typeof(NEW."needs") <> 'text' AND NEW."needs" IS NOT NULL AND OLD."needs" IS NOT NEW."needs" THEN 'text needs' WHEN typeof(NEW."needs_if_own") <> 'text' AND NEW."needs_if_own" IS NOT NULL AND OLD."needs_if_own" IS NOT NEW."needs_if_own" THEN 'text needs_if_own' WHEN typeof(NEW."audit") <> 'text' AND NEW."audit" IS NOT NULL AND OLD."audit" IS NOT NEW."audit" THEN 'text audit' ELSE acl_undecodable('resource
operation
needs
needs_if_own
audit', CASE WHEN OLD."resource" IS NOT NEW."resource" THEN NEW."resource" END, CASE WHEN OLD."operation" IS NOT NEW."operation" THEN NEW."operation" END, CASE WHEN OLD."needs" IS NOT NEW."needs" THEN NEW."needs" END, CASE WHEN OLD."needs_if_own" IS NOT NEW."needs_if_own" THEN NEW."needs_if_own" END, CASE WHEN OLD."audit" IS NOT NEW."audit" THEN NEW."audit" END) END, 'key_taken', 0);
END;
CREATE TRIGGER acl_acl_rules_before_delete BEFORE DELETE ON acl_rules
BEGIN
  SELECT acl_guard('rule', 'remove',
    'id', OLD.resource || ' ' || OLD.operation,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'remove'));
END;
CREATE TRIGGER acl_acl_rules_after_insert AFTER INSERT ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('rule', NEW.resource || ' ' || NEW.operation, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_rules_after_update AFTER UPDATE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('rule', NEW.resource || ' ' || NEW.operation, 'patch', (OLD."resource" COLLATE BINARY IS NOT NEW."resource") || (OLD."operation" COLLATE BINARY IS NOT NEW."operation") || (OLD."needs" COLLATE BINARY IS NOT NEW."needs") || (OLD."needs_if_own" COLLATE BINARY IS NOT NEW."needs_if_own") || (OLD."audit" COLLATE BINARY IS NOT NEW."audit"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_rules_after_delete AFTER DELETE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('rule', OLD.resource || ' ' || OLD.operation, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_settings_before_insert BEFORE INSERT ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'create',
    'id', NEW.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'create')
    , 'columns', 'name
value', 'mistyped', CASE WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL THEN 'text name' WHEN typeof(NEW."value") <> 'text' AND NEW."value" IS NOT NULL THEN 'text value' ELSE acl_undecodable('name
value', NEW."name", NEW."value") END, 'key_taken', (EXISTS (SELECT 1 FROM "acl_settings" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "acl_settings" WHERE "name" = NEW."name" COLLATE "BINARY")));
END;
CREATE TRIGGER acl_acl_settings_before_update BEFORE UPDATE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'patch',
    'id', OLD.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'patch')
    , 'columns', 'name
value', 'changed', (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."value" COLLATE BINARY IS NOT NEW."value"), 'rowid_changed', OLD.rowid IS NOT NEW.rowid, 'mistyped', CASE WHEN typeof(NEW."name") <> 'text' AND NEW."name" IS NOT NULL AND OLD."name" IS NOT NEW."name" THEN 'text name' WHEN typeof(NEW."value") <> 'text' AND NEW."value" IS NOT NULL AND OLD."value" IS NOT NEW."value" THEN 'text value' ELSE acl_undecodable('name
value', CASE WHEN OLD."name" IS NOT NEW."name" THEN NEW."name" END, CASE WHEN OLD."value" IS NOT NEW."value" THEN NEW."value" END) END, 'key_taken', 0);
END;
CREATE TRIGGER acl_acl_settings_before_delete BEFORE DELETE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'remove',
    'id', OLD.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'remove'));
END;
CREATE TRIGGER acl_acl_settings_after_insert AFTER INSERT ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('setting', NEW.name, 'create', NULL, NEW.rowid);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_settings_after_update AFTER UPDATE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('setting', NEW.name, 'patch', (OLD."name" COLLATE BINARY IS NOT NEW."name") || (OLD."value" COLLATE BINARY IS NOT NEW."value"), NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_settings_after_delete AFTER DELETE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  SELECT ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch) WHERE acl_complete_write('setting', OLD.name, 'remove', NULL, NULL);
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
CREATE TRIGGER acl_acl_epoch_before_insert BEFORE INSERT ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'create', 'id', NEW.one);
END;
CREATE TRIGGER acl_acl_epoch_before_update BEFORE UPDATE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'patch', 'id', OLD.one,
    'raised', NEW.one IS OLD.one AND NEW.epoch IS OLD.epoch + 1 AND typeof(NEW.epoch) = 'integer');
END;
CREATE TRIGGER acl_acl_epoch_before_delete BEFORE DELETE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'remove', 'id', OLD.one);
END;
CREATE TRIGGER acl_acl_audit_before_insert BEFORE INSERT ON acl_audit
BEGIN
  SELECT acl_guard_audit(ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, (SELECT epoch FROM acl_epoch),
    NEW.seq, NEW.epoch, NEW.at, NEW.door, NEW.actor_kind, NEW.actor, NEW.operation, NEW.resource, NEW.record,
    NEW.session_id, NEW.worktree_id, NEW.verdict, NEW.needed, NEW.held, NEW.why, NEW.fields);
END;
CREATE TRIGGER acl_acl_audit_before_update BEFORE UPDATE ON acl_audit
BEGIN
  SELECT acl_guard('audit', 'patch', 'id', OLD.seq);
END;
CREATE TRIGGER acl_acl_audit_before_delete BEFORE DELETE ON acl_audit
BEGIN
  SELECT acl_guard('audit', 'remove', 'id', OLD.seq);
END;
CREATE TRIGGER acl_acl_tables_before_insert BEFORE INSERT ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'create', 'id', NEW.name);
END;
CREATE TRIGGER acl_acl_tables_before_update BEFORE UPDATE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'patch', 'id', OLD.name);
END;
CREATE TRIGGER acl_acl_tables_before_delete BEFORE DELETE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'remove', 'id', OLD.name);
END;
CREATE TRIGGER acl_acl_meta_before_insert BEFORE INSERT ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'create', 'id', NEW.name);
END;
CREATE TRIGGER acl_acl_meta_before_update BEFORE UPDATE ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'patch', 'id', OLD.name);
END;
CREATE TRIGGER acl_acl_meta_before_delete BEFORE DELETE ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'remove', 'id', OLD.name);
END;
COMMIT;
PRAGMA user_version = 1;
