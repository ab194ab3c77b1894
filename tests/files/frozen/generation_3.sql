-- A new file as generation 3 of the guards made it, with tables, rules, views and triggers: a copy that is never edited

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
INSERT INTO acl_audit VALUES(1,1795608281588,'api','system','installation','create','meta','guards',NULL,NULL,'allowed',NULL,NULL,'new file',NULL,1);
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
INSERT INTO acl_meta VALUES('generation',3);
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
    /*: id */ NEW.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM worktree_owners WHERE user_id = NEW.user_id)
      OR EXISTS (SELECT 1 FROM group_memberships WHERE user_id = NEW.user_id),
    /*: role */ NEW.role, /*: email */ NEW.email, /*: created_at */ NEW.created_at, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "users" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "users" WHERE "email" = NEW."email" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "users" WHERE "user_id" = NEW."user_id" COLLATE "BINARY")), 1, 'tuser_id
icreated_at
iupdated_at
temail
tpassword
tname
temoji
trole
ionboarding_completed
tdata
tunix_username', NEW."user_id", NEW."created_at", NEW."updated_at", NEW."email", NEW."password", NEW."name", NEW."emoji", NEW."role", NEW."onboarding_completed", NEW."data", NEW."unix_username");
END
;
CREATE TRIGGER acl_users_before_update BEFORE UPDATE ON users
BEGIN
  
  SELECT acl_guard('user', 'patch',
    /*: id */ OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'patch'),
    /*: administer_rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'administer'),
    /*: old_role */ OLD.role, /*: role */ NEW.role, /*: email */ NEW.email,
    -- The worktrees that nobody else could manage.
    /*: last_owner_of */ CASE WHEN NEW.role IS NOT OLD.role THEN (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)) END,
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "users" WHERE "email" = NEW."email" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)), OLD.rowid IS NOT NEW.rowid, 1, 'tuser_id
icreated_at
iupdated_at
temail
tpassword
tname
temoji
trole
ionboarding_completed
tdata
tunix_username', OLD."user_id", NEW."user_id", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at", OLD."email", NEW."email", OLD."password", NEW."password", OLD."name", NEW."name", OLD."emoji", NEW."emoji", OLD."role", NEW."role", OLD."onboarding_completed", NEW."onboarding_completed", OLD."data", NEW."data", OLD."unix_username", NEW."unix_username");
END
;
CREATE TRIGGER acl_users_before_delete BEFORE DELETE ON users
BEGIN
  SELECT acl_guard('user', 'remove',
    /*: id */ OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'user' AND operation = 'remove'),
    /*: old_role */ OLD.role,
    -- The worktrees that nobody else could manage.
    /*: last_owner_of */ (SELECT group_concat(o.worktree_id, char(10)) FROM worktree_owners AS o
      WHERE o.user_id = OLD.user_id
        AND NOT EXISTS (SELECT 1 FROM acl_managers AS m WHERE m.worktree_id = o.worktree_id AND m.user_id <> OLD.user_id)));
END
;
CREATE TRIGGER acl_users_after_insert AFTER INSERT ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('user', 'create', NEW.user_id, NEW.rowid);
END;
CREATE TRIGGER acl_users_after_update AFTER UPDATE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE NEW.role IS NOT OLD.role;
  SELECT acl_complete_write('user', 'patch', NEW.user_id, NULL);
END;
CREATE TRIGGER acl_users_after_delete AFTER DELETE ON users
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('user', 'remove', OLD.user_id, NULL);
END;
CREATE TRIGGER acl_repos_before_insert BEFORE INSERT ON repos
BEGIN
  
  SELECT acl_guard('repo', 'create',
    /*: id */ NEW.repo_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM worktrees WHERE repo_id = NEW.repo_id), /*: created_at */ NEW.created_at,
    /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "repos" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "repos" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "repos" WHERE "repo_id" = NEW."repo_id" COLLATE "BINARY")), 1, 'trepo_id
icreated_at
iupdated_at
tslug
tdata', NEW."repo_id", NEW."created_at", NEW."updated_at", NEW."slug", NEW."data");
END
;
CREATE TRIGGER acl_repos_before_update BEFORE UPDATE ON repos
BEGIN
  
  SELECT acl_guard('repo', 'patch',
    /*: id */ OLD.repo_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'repo' AND operation = 'patch'),
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "repos" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)), OLD.rowid IS NOT NEW.rowid, 1, 'trepo_id
icreated_at
iupdated_at
tslug
tdata', OLD."repo_id", NEW."repo_id", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at", OLD."slug", NEW."slug", OLD."data", NEW."data");
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
          AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)) AS c;
END
;
CREATE TRIGGER acl_repos_after_insert AFTER INSERT ON repos
BEGIN
  SELECT acl_complete_write('repo', 'create', NEW.repo_id, NEW.rowid);
END;
CREATE TRIGGER acl_repos_after_update AFTER UPDATE ON repos
BEGIN
  SELECT acl_complete_write('repo', 'patch', NEW.repo_id, NULL);
END;
CREATE TRIGGER acl_repos_after_delete AFTER DELETE ON repos
BEGIN
  SELECT acl_complete_write('repo', 'remove', OLD.repo_id, NULL);
END;
CREATE TRIGGER acl_boards_before_insert BEFORE INSERT ON boards
BEGIN
  
  SELECT acl_guard('board', 'create',
    /*: id */ NEW.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'create'),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "boards" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "boards" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "boards" WHERE "board_id" = NEW."board_id" COLLATE "BINARY")), 1, 'tboard_id
icreated_at
iupdated_at
tcreated_by
tname
tslug
tdata', NEW."board_id", NEW."created_at", NEW."updated_at", NEW."created_by", NEW."name", NEW."slug", NEW."data");
END;
CREATE TRIGGER acl_boards_before_update BEFORE UPDATE ON boards
BEGIN
  
  SELECT acl_guard('board', 'patch',
    /*: id */ OLD.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'patch'),
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "boards" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)), OLD.rowid IS NOT NEW.rowid, 1, 'tboard_id
icreated_at
iupdated_at
tcreated_by
tname
tslug
tdata', OLD."board_id", NEW."board_id", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at", OLD."created_by", NEW."created_by", OLD."name", NEW."name", OLD."slug", NEW."slug", OLD."data", NEW."data");
END;
CREATE TRIGGER acl_boards_before_delete BEFORE DELETE ON boards
BEGIN
  SELECT acl_guard('board', 'remove',
    /*: id */ OLD.board_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'board' AND operation = 'remove'));
END;
CREATE TRIGGER acl_boards_after_insert AFTER INSERT ON boards
BEGIN
  SELECT acl_complete_write('board', 'create', NEW.board_id, NEW.rowid);
END;
CREATE TRIGGER acl_boards_after_update AFTER UPDATE ON boards
BEGIN
  SELECT acl_complete_write('board', 'patch', NEW.board_id, NULL);
END;
CREATE TRIGGER acl_boards_after_delete AFTER DELETE ON boards
BEGIN
  SELECT acl_complete_write('board', 'remove', OLD.board_id, NULL);
END;
CREATE TRIGGER acl_worktrees_before_insert BEFORE INSERT ON worktrees
BEGIN
  SELECT acl_row('worktree', 'create', 'tworktree_id
trepo_id
icreated_at
iupdated_at
tcreated_by
tname
tref
iworktree_unique_id
tboard_id
tstart_command
tstop_command
thealth_check_url
tapp_url
tlogs_command
ischedule_enabled
tschedule_cron
ischedule_last_triggered_at
ischedule_next_run_at
ineeds_attention
iarchived
iarchived_at
tarchived_by
tfilesystem_status
tdata', NEW."worktree_id", NEW."repo_id", NEW."created_at", NEW."updated_at", NEW."created_by", NEW."name", NEW."ref", NEW."worktree_unique_id", NEW."board_id", NEW."start_command", NEW."stop_command", NEW."health_check_url", NEW."app_url", NEW."logs_command", NEW."schedule_enabled", NEW."schedule_cron", NEW."schedule_last_triggered_at", NEW."schedule_next_run_at", NEW."needs_attention", NEW."archived", NEW."archived_at", NEW."archived_by", NEW."filesystem_status", NEW."data");
  
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
    /*: created_at */ NEW.created_at, /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "worktrees" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktrees" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY")), 2, 'tothers_can
tothers_fs_access
tunix_group', NEW."others_can", NEW."others_fs_access", NEW."unix_group");
END
;
CREATE TRIGGER acl_worktrees_before_update BEFORE UPDATE ON worktrees
BEGIN
  SELECT acl_row('worktree', 'patch', 'tworktree_id
trepo_id
icreated_at
iupdated_at
tcreated_by
tname
tref
iworktree_unique_id
tboard_id
tstart_command
tstop_command
thealth_check_url
tapp_url
tlogs_command
ischedule_enabled
tschedule_cron
ischedule_last_triggered_at
ischedule_next_run_at
ineeds_attention
iarchived
iarchived_at
tarchived_by
tfilesystem_status
tdata', OLD."worktree_id", NEW."worktree_id", OLD."repo_id", NEW."repo_id", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at", OLD."created_by", NEW."created_by", OLD."name", NEW."name", OLD."ref", NEW."ref", OLD."worktree_unique_id", NEW."worktree_unique_id", OLD."board_id", NEW."board_id", OLD."start_command", NEW."start_command", OLD."stop_command", NEW."stop_command", OLD."health_check_url", NEW."health_check_url", OLD."app_url", NEW."app_url", OLD."logs_command", NEW."logs_command", OLD."schedule_enabled", NEW."schedule_enabled", OLD."schedule_cron", NEW."schedule_cron", OLD."schedule_last_triggered_at", NEW."schedule_last_triggered_at", OLD."schedule_next_run_at", NEW."schedule_next_run_at", OLD."needs_attention", NEW."needs_attention", OLD."archived", NEW."archived", OLD."archived_at", NEW."archived_at", OLD."archived_by", NEW."archived_by", OLD."filesystem_status", NEW."filesystem_status", OLD."data", NEW."data");
  
  -- The cascade of a deleted board.
  SELECT acl_removed_parent('board_id', 'board', OLD.board_id)
  WHERE OLD.board_id IS NOT NULL AND NEW.board_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id);
  SELECT acl_guard('worktree', 'patch',
    /*: id */ OLD.worktree_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'patch'),
    /*: share_rule */ (SELECT rule FROM acl_rule WHERE resource = 'worktree' AND operation = 'share'),
    /*: worktree_unique_id */ NEW.worktree_unique_id, /*: others_can */ NEW.others_can,
    /*: updated_at */ NEW.updated_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    , 0, OLD.rowid IS NOT NEW.rowid, 2, 'tothers_can
tothers_fs_access
tunix_group', OLD."others_can", NEW."others_can", OLD."others_fs_access", NEW."others_fs_access", OLD."unix_group", NEW."unix_group");
END
;
CREATE TRIGGER acl_worktrees_before_delete BEFORE DELETE ON worktrees
BEGIN
  SELECT acl_removed_parent(NULL, 'repo', OLD.repo_id) WHERE NOT EXISTS (SELECT 1 FROM repos WHERE repo_id = OLD.repo_id);
  SELECT acl_guard('worktree', 'remove',
    /*: id */ OLD.worktree_id, /*: worktree */ OLD.worktree_id,
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
        WHERE s.worktree_id = OLD.worktree_id AND EXISTS (SELECT 1 FROM messages AS m WHERE m.session_id = s.session_id)) AS c;
END
;
CREATE TRIGGER acl_worktrees_after_insert AFTER INSERT ON worktrees
BEGIN
  -- The creator becomes the first owner; this raises the epoch too.
  SELECT acl_first_owner(NEW.worktree_id, NEW.created_by);
  INSERT INTO worktree_owners (worktree_id, user_id, created_at)
  VALUES (NEW.worktree_id, NEW.created_by, NEW.created_at);
  SELECT acl_complete_write('worktree', 'create', NEW.worktree_id, NEW.rowid);
END
;
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
CREATE TRIGGER acl_worktree_owners_before_insert BEFORE INSERT ON worktree_owners
BEGIN
  
  SELECT acl_guard('owner', 'create',
    /*: id */ NEW.worktree_id || '/' || NEW.user_id, /*: parent */ NEW.worktree_id,
    /*: parent_exists */ w.worktree_id IS NOT NULL, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ NEW.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'create'),
    /*: user */ NEW.user_id, /*: user_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    -- A new worktree's first owner is its creator.
    /*: first */ NOT EXISTS (SELECT 1 FROM worktree_owners WHERE worktree_id = NEW.worktree_id),
    /*: worktree_creator */ w.created_by, /*: created_at */ NEW.created_at
    , (EXISTS (SELECT 1 FROM "worktree_owners" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktree_owners" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY" AND "user_id" = NEW."user_id" COLLATE "BINARY")), 1, 'tworktree_id
tuser_id
icreated_at', NEW."worktree_id", NEW."user_id", NEW."created_at")
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END
;
CREATE TRIGGER acl_worktree_owners_before_update BEFORE UPDATE ON worktree_owners
BEGIN
  
  SELECT acl_guard('owner', 'patch',
    /*: id */ OLD.worktree_id || '/' || OLD.user_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'patch')
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tworktree_id
tuser_id
icreated_at', OLD."worktree_id", NEW."worktree_id", OLD."user_id", NEW."user_id", OLD."created_at", NEW."created_at");
END;
CREATE TRIGGER acl_worktree_owners_before_delete BEFORE DELETE ON worktree_owners
BEGIN
  SELECT acl_removed_parent(NULL, 'worktree', OLD.worktree_id) WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id);
  SELECT acl_removed_parent(NULL, 'user', OLD.user_id) WHERE NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id);
  SELECT acl_guard('owner', 'remove',
    /*: id */ OLD.worktree_id || '/' || OLD.user_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.user_id IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'owner' AND operation = 'remove'),
    /*: user */ OLD.user_id,
    -- An owner who only may view manages nothing, so such a one does not count.
    /*: last */ NOT EXISTS (SELECT 1 FROM acl_managers WHERE worktree_id = OLD.worktree_id AND user_id <> OLD.user_id));
END
;
CREATE TRIGGER acl_worktree_owners_after_insert AFTER INSERT ON worktree_owners
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('owner', 'create', NEW.worktree_id || '/' || NEW.user_id, NEW.rowid);
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
CREATE TRIGGER acl_sessions_before_insert BEFORE INSERT ON sessions
BEGIN
  
  SELECT acl_guard('session', 'create',
    /*: id */ NEW.session_id, /*: parent */ NEW.worktree_id, /*: parent_exists */ w.worktree_id IS NOT NULL,
    /*: worktree */ w.worktree_id, /*: held */ w.held, /*: own */ NEW.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM tasks WHERE session_id = NEW.session_id)
      OR EXISTS (SELECT 1 FROM messages WHERE session_id = NEW.session_id),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: unix_username */ NEW.unix_username,
    /*: creator_unix_name */ (SELECT unix_username FROM users WHERE user_id = NEW.created_by),
    -- What the creator holds where the new session comes from.
    /*: parent_session */ NEW.parent_session_id,
    /*: parent_session_held */ (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.parent_session_id AND a.user_id = NEW.created_by),
    /*: fork */ NEW.forked_from_session_id,
    /*: fork_held */ (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
      WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: status */ NEW.status, /*: agentic_tool */ NEW.agentic_tool,
    /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "sessions" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "sessions" WHERE "session_id" = NEW."session_id" COLLATE "BINARY")), 1, 'tsession_id
icreated_at
iupdated_at
tcreated_by
tstatus
tagentic_tool
tboard_id
tparent_session_id
tforked_from_session_id
tworktree_id
ischeduled_run_at
ischeduled_from_worktree
iready_for_prompt
iarchived
tarchived_reason
tunix_username
tdata', NEW."session_id", NEW."created_at", NEW."updated_at", NEW."created_by", NEW."status", NEW."agentic_tool", NEW."board_id", NEW."parent_session_id", NEW."forked_from_session_id", NEW."worktree_id", NEW."scheduled_run_at", NEW."scheduled_from_worktree", NEW."ready_for_prompt", NEW."archived", NEW."archived_reason", NEW."unix_username", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = NEW.worktree_id;
END
;
CREATE TRIGGER acl_sessions_before_update BEFORE UPDATE ON sessions
BEGIN
  
  -- The cascades of a deleted board, parent or fork origin.
  SELECT acl_removed_parent('board_id', 'board', OLD.board_id)
  WHERE OLD.board_id IS NOT NULL AND NEW.board_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM boards WHERE board_id = OLD.board_id);
  SELECT acl_removed_parent('parent_session_id', 'session', OLD.parent_session_id)
  WHERE OLD.parent_session_id IS NOT NULL AND NEW.parent_session_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.parent_session_id);
  SELECT acl_removed_parent('forked_from_session_id', 'session', OLD.forked_from_session_id)
  WHERE OLD.forked_from_session_id IS NOT NULL AND NEW.forked_from_session_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.forked_from_session_id);
  SELECT acl_guard('session', 'patch',
    /*: id */ OLD.session_id, /*: session */ OLD.session_id, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ OLD.created_by IS acl_actor(), /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'patch'),
    /*: report_rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'report'),
    /*: parent_session */ CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN NEW.parent_session_id END,
    /*: parent_session_held */ CASE WHEN NEW.parent_session_id IS NOT OLD.parent_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.parent_session_id AND a.user_id = OLD.created_by) END,
    /*: fork */ CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN NEW.forked_from_session_id END,
    /*: fork_held */ CASE WHEN NEW.forked_from_session_id IS NOT OLD.forked_from_session_id THEN
      (SELECT a.held FROM sessions AS o JOIN acl_held AS a ON a.worktree_id = o.worktree_id
       WHERE o.session_id = NEW.forked_from_session_id AND a.user_id = OLD.created_by) END,
    /*: updated_at */ NEW.updated_at, /*: status */ NEW.status, /*: agentic_tool */ NEW.agentic_tool,
    /*: old_data */ OLD.data, /*: data */ NEW.data
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tsession_id
icreated_at
iupdated_at
tcreated_by
tstatus
tagentic_tool
tboard_id
tparent_session_id
tforked_from_session_id
tworktree_id
ischeduled_run_at
ischeduled_from_worktree
iready_for_prompt
iarchived
tarchived_reason
tunix_username
tdata', OLD."session_id", NEW."session_id", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at", OLD."created_by", NEW."created_by", OLD."status", NEW."status", OLD."agentic_tool", NEW."agentic_tool", OLD."board_id", NEW."board_id", OLD."parent_session_id", NEW."parent_session_id", OLD."forked_from_session_id", NEW."forked_from_session_id", OLD."worktree_id", NEW."worktree_id", OLD."scheduled_run_at", NEW."scheduled_run_at", OLD."scheduled_from_worktree", NEW."scheduled_from_worktree", OLD."ready_for_prompt", NEW."ready_for_prompt", OLD."archived", NEW."archived", OLD."archived_reason", NEW."archived_reason", OLD."unix_username", NEW."unix_username", OLD."data", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;
END
;
CREATE TRIGGER acl_sessions_before_delete BEFORE DELETE ON sessions
BEGIN
  SELECT acl_removed_parent(NULL, 'worktree', OLD.worktree_id) WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id);
  SELECT acl_guard('session', 'remove',
    /*: id */ OLD.session_id, /*: session */ OLD.session_id, /*: worktree */ w.worktree_id, /*: held */ w.held,
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'session' AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN acl_worktree_facts AS w ON w.worktree_id = OLD.worktree_id;

  -- The cascade deletes tasks and messages, which takes the right to delete them.
  SELECT acl_guard_child('session', OLD.session_id, c.kind,
    /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id),
    /*: own */ OLD.created_by IS acl_actor(),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = c.kind AND operation = 'remove'))
  FROM (SELECT 'task' AS kind WHERE EXISTS (SELECT 1 FROM tasks WHERE session_id = OLD.session_id)
        UNION ALL
        SELECT 'message' WHERE EXISTS (SELECT 1 FROM messages WHERE session_id = OLD.session_id)) AS c;
END
;
CREATE TRIGGER acl_sessions_after_insert AFTER INSERT ON sessions
BEGIN
  SELECT acl_complete_write('session', 'create', NEW.session_id, NEW.rowid);
END;
CREATE TRIGGER acl_sessions_after_update AFTER UPDATE ON sessions
BEGIN
  SELECT acl_complete_write('session', 'patch', NEW.session_id, NULL);
END;
CREATE TRIGGER acl_sessions_after_delete AFTER DELETE ON sessions
BEGIN
  SELECT acl_complete_write('session', 'remove', OLD.session_id, NULL);
END;
CREATE TRIGGER acl_tasks_before_insert BEFORE INSERT ON tasks
BEGIN
  
  SELECT acl_guard('task', 'create',
    /*: id */ NEW.task_id, /*: parent */ NEW.session_id, /*: parent_exists */ s.session_id IS NOT NULL,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held, /*: own */ s.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM messages WHERE task_id = NEW.task_id),
    /*: session_unix_name */ s.session_unix_name, /*: creator_unix_name */ s.creator_unix_name,
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at, /*: status */ NEW.status, /*: completed_at */ NEW.completed_at,
    /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "tasks" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "tasks" WHERE "task_id" = NEW."task_id" COLLATE "BINARY")), 1, 'ttask_id
tsession_id
icreated_at
istarted_at
icompleted_at
tstatus
tcreated_by
tdata', NEW."task_id", NEW."session_id", NEW."created_at", NEW."started_at", NEW."completed_at", NEW."status", NEW."created_by", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END
;
CREATE TRIGGER acl_tasks_before_update BEFORE UPDATE ON tasks
BEGIN
  
  SELECT acl_guard('task', 'patch',
    /*: id */ OLD.task_id, /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'patch'),
    /*: old_status */ OLD.status, /*: status */ NEW.status, /*: old_completed_at */ OLD.completed_at,
    /*: completed_at */ NEW.completed_at, /*: old_data */ OLD.data, /*: data */ NEW.data
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'ttask_id
tsession_id
icreated_at
istarted_at
icompleted_at
tstatus
tcreated_by
tdata', OLD."task_id", NEW."task_id", OLD."session_id", NEW."session_id", OLD."created_at", NEW."created_at", OLD."started_at", NEW."started_at", OLD."completed_at", NEW."completed_at", OLD."status", NEW."status", OLD."created_by", NEW."created_by", OLD."data", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_tasks_before_delete BEFORE DELETE ON tasks
BEGIN
  SELECT acl_removed_parent(NULL, 'session', OLD.session_id) WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.session_id);
  SELECT acl_guard('task', 'remove',
    /*: id */ OLD.task_id, /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'task' AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_tasks_after_insert AFTER INSERT ON tasks
BEGIN
  SELECT acl_complete_write('task', 'create', NEW.task_id, NEW.rowid);
END;
CREATE TRIGGER acl_tasks_after_update AFTER UPDATE ON tasks
BEGIN
  SELECT acl_complete_write('task', 'patch', NEW.task_id, NULL);
END;
CREATE TRIGGER acl_tasks_after_delete AFTER DELETE ON tasks
BEGIN
  SELECT acl_complete_write('task', 'remove', OLD.task_id, NULL);
END;
CREATE TRIGGER acl_messages_before_insert BEFORE INSERT ON messages
BEGIN
  
  SELECT acl_guard('message', 'create',
    /*: id */ NEW.message_id, /*: parent */ NEW.session_id, /*: parent_exists */ s.session_id IS NOT NULL,
    /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held, /*: own */ s.own,
    /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'create'),
    /*: session_unix_name */ s.session_unix_name, /*: creator_unix_name */ s.creator_unix_name,
    /*: task */ NEW.task_id, /*: task_session */ (SELECT session_id FROM tasks WHERE task_id = NEW.task_id),
    /*: created_at */ NEW.created_at, /*: type */ NEW.type, /*: role */ NEW.role, /*: index */ NEW."index",
    /*: data */ NEW.data
    , (EXISTS (SELECT 1 FROM "messages" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "messages" WHERE "message_id" = NEW."message_id" COLLATE "BINARY")), 1, 'tmessage_id
icreated_at
tsession_id
ttask_id
ttype
trole
iindex
itimestamp
tcontent_preview
tparent_tool_use_id
tstatus
iqueue_position
tdata', NEW."message_id", NEW."created_at", NEW."session_id", NEW."task_id", NEW."type", NEW."role", NEW."index", NEW."timestamp", NEW."content_preview", NEW."parent_tool_use_id", NEW."status", NEW."queue_position", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = NEW.session_id;
END;
CREATE TRIGGER acl_messages_before_update BEFORE UPDATE ON messages
BEGIN
  
  -- The cascade of a deleted task.
  SELECT acl_removed_parent('task_id', 'task', OLD.task_id)
  WHERE OLD.task_id IS NOT NULL AND NEW.task_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM tasks WHERE task_id = OLD.task_id);
  SELECT acl_guard('message', 'patch',
    /*: id */ OLD.message_id, /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: scope */ (SELECT 1 FROM acl_executor_facts),
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'patch'),
    /*: old_task */ OLD.task_id, /*: task */ NEW.task_id,
    /*: task_session */ (SELECT session_id FROM tasks WHERE task_id = NEW.task_id), /*: old_session */ OLD.session_id,
    /*: old_type */ OLD.type, /*: type */ NEW.type, /*: role */ NEW.role, /*: index */ NEW."index",
    /*: old_data */ OLD.data, /*: data */ NEW.data
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tmessage_id
icreated_at
tsession_id
ttask_id
ttype
trole
iindex
itimestamp
tcontent_preview
tparent_tool_use_id
tstatus
iqueue_position
tdata', OLD."message_id", NEW."message_id", OLD."created_at", NEW."created_at", OLD."session_id", NEW."session_id", OLD."task_id", NEW."task_id", OLD."type", NEW."type", OLD."role", NEW."role", OLD."index", NEW."index", OLD."timestamp", NEW."timestamp", OLD."content_preview", NEW."content_preview", OLD."parent_tool_use_id", NEW."parent_tool_use_id", OLD."status", NEW."status", OLD."queue_position", NEW."queue_position", OLD."data", NEW."data")
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END
;
CREATE TRIGGER acl_messages_before_delete BEFORE DELETE ON messages
BEGIN
  SELECT acl_removed_parent(NULL, 'session', OLD.session_id) WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = OLD.session_id);
  SELECT acl_guard('message', 'remove',
    /*: id */ OLD.message_id, /*: session */ s.session_id, /*: worktree */ s.worktree_id, /*: held */ s.held,
    /*: own */ s.own, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'message' AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN acl_session_facts AS s ON s.session_id = OLD.session_id;
END;
CREATE TRIGGER acl_messages_after_insert AFTER INSERT ON messages
BEGIN
  SELECT acl_complete_write('message', 'create', NEW.message_id, NEW.rowid);
END;
CREATE TRIGGER acl_messages_after_update AFTER UPDATE ON messages
BEGIN
  SELECT acl_complete_write('message', 'patch', NEW.message_id, NULL);
END;
CREATE TRIGGER acl_messages_after_delete AFTER DELETE ON messages
BEGIN
  SELECT acl_complete_write('message', 'remove', OLD.message_id, NULL);
END;
CREATE TRIGGER acl_groups_before_insert BEFORE INSERT ON groups
BEGIN
  
  SELECT acl_guard('group', 'create',
    /*: id */ NEW.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'create'),
    -- A new one does not take over what an earlier one of its id left.
    /*: left_behind */ EXISTS (SELECT 1 FROM group_memberships WHERE group_id = NEW.group_id)
      OR EXISTS (SELECT 1 FROM worktree_group_grants WHERE group_id = NEW.group_id),
    /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    -- What members hold names it, and has to be text.
    /*: slug */ NEW.slug, /*: created_at */ NEW.created_at
    , (EXISTS (SELECT 1 FROM "groups" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "groups" WHERE "slug" = NEW."slug" COLLATE "BINARY") OR EXISTS (SELECT 1 FROM "groups" WHERE "group_id" = NEW."group_id" COLLATE "BINARY")), 1, 'tgroup_id
tname
tslug
tdescription
iarchived
tcreated_by
icreated_at
iupdated_at', NEW."group_id", NEW."name", NEW."slug", NEW."description", NEW."archived", NEW."created_by", NEW."created_at", NEW."updated_at");
END
;
CREATE TRIGGER acl_groups_before_update BEFORE UPDATE ON groups
BEGIN
  
  SELECT acl_guard('group', 'patch',
    /*: id */ OLD.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'patch'), /*: slug */ NEW.slug,
    /*: updated_at */ NEW.updated_at
    , (EXISTS (SELECT 1 FROM "groups" WHERE "slug" = NEW."slug" COLLATE "BINARY" AND rowid IS NOT OLD.rowid)), OLD.rowid IS NOT NEW.rowid, 1, 'tgroup_id
tname
tslug
tdescription
iarchived
tcreated_by
icreated_at
iupdated_at', OLD."group_id", NEW."group_id", OLD."name", NEW."name", OLD."slug", NEW."slug", OLD."description", NEW."description", OLD."archived", NEW."archived", OLD."created_by", NEW."created_by", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at");
END;
CREATE TRIGGER acl_groups_before_delete BEFORE DELETE ON groups
BEGIN
  SELECT acl_guard('group', 'remove',
    /*: id */ OLD.group_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'group' AND operation = 'remove'));
END;
CREATE TRIGGER acl_groups_after_insert AFTER INSERT ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('group', 'create', NEW.group_id, NEW.rowid);
END;
CREATE TRIGGER acl_groups_after_update AFTER UPDATE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('group', 'patch', NEW.group_id, NULL);
END;
CREATE TRIGGER acl_groups_after_delete AFTER DELETE ON groups
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('group', 'remove', OLD.group_id, NULL);
END;
CREATE TRIGGER acl_group_memberships_before_insert BEFORE INSERT ON group_memberships
BEGIN
  
  SELECT acl_guard('membership', 'create',
    /*: id */ NEW.group_id || '/' || NEW.user_id, /*: parent */ NEW.group_id,
    /*: parent_exists */ EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'create'),
    /*: user */ NEW.user_id, /*: user_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.user_id),
    /*: created_by */ NEW.added_by, /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.added_by),
    /*: created_at */ NEW.created_at
    , (EXISTS (SELECT 1 FROM "group_memberships" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "group_memberships" WHERE "group_id" = NEW."group_id" COLLATE "BINARY" AND "user_id" = NEW."user_id" COLLATE "BINARY")), 1, 'tgroup_id
tuser_id
tadded_by
icreated_at', NEW."group_id", NEW."user_id", NEW."added_by", NEW."created_at");
END;
CREATE TRIGGER acl_group_memberships_before_update BEFORE UPDATE ON group_memberships
BEGIN
  
  SELECT acl_guard('membership', 'patch',
    /*: id */ OLD.group_id || '/' || OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'patch')
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tgroup_id
tuser_id
tadded_by
icreated_at', OLD."group_id", NEW."group_id", OLD."user_id", NEW."user_id", OLD."added_by", NEW."added_by", OLD."created_at", NEW."created_at");
END;
CREATE TRIGGER acl_group_memberships_before_delete BEFORE DELETE ON group_memberships
BEGIN
  SELECT acl_removed_parent(NULL, 'group', OLD.group_id) WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id);
  SELECT acl_removed_parent(NULL, 'user', OLD.user_id) WHERE NOT EXISTS (SELECT 1 FROM users WHERE user_id = OLD.user_id);
  SELECT acl_guard('membership', 'remove',
    /*: id */ OLD.group_id || '/' || OLD.user_id, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'membership' AND operation = 'remove'));
END;
CREATE TRIGGER acl_group_memberships_after_insert AFTER INSERT ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('membership', 'create', NEW.group_id || '/' || NEW.user_id, NEW.rowid);
END;
CREATE TRIGGER acl_group_memberships_after_update AFTER UPDATE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('membership', 'patch', NEW.group_id || '/' || NEW.user_id, NULL);
END;
CREATE TRIGGER acl_group_memberships_after_delete AFTER DELETE ON group_memberships
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('membership', OLD.group_id || '/' || OLD.user_id);
  SELECT acl_complete_write('membership', 'remove', OLD.group_id || '/' || OLD.user_id, NULL);
END;
CREATE TRIGGER acl_worktree_group_grants_before_insert BEFORE INSERT ON worktree_group_grants
BEGIN
  
  SELECT acl_guard('grant', 'create',
    /*: id */ NEW.worktree_id || '/' || NEW.group_id, /*: parent */ NEW.worktree_id,
    /*: parent_exists */ EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = NEW.worktree_id),
    /*: worktree */ NEW.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = NEW.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'create'),
    /*: group */ NEW.group_id, /*: group_exists */ EXISTS (SELECT 1 FROM groups WHERE group_id = NEW.group_id),
    /*: can */ NEW.can, /*: created_by */ NEW.created_by,
    /*: creator_exists */ EXISTS (SELECT 1 FROM users WHERE user_id = NEW.created_by),
    /*: created_at */ NEW.created_at
    , (EXISTS (SELECT 1 FROM "worktree_group_grants" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "worktree_group_grants" WHERE "worktree_id" = NEW."worktree_id" COLLATE "BINARY" AND "group_id" = NEW."group_id" COLLATE "BINARY")), 1, 'tworktree_id
tgroup_id
tcan
tcreated_by
icreated_at
iupdated_at', NEW."worktree_id", NEW."group_id", NEW."can", NEW."created_by", NEW."created_at", NEW."updated_at");
END;
CREATE TRIGGER acl_worktree_group_grants_before_update BEFORE UPDATE ON worktree_group_grants
BEGIN
  
  SELECT acl_guard('grant', 'patch',
    /*: id */ OLD.worktree_id || '/' || OLD.group_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'patch'), /*: can */ NEW.can,
    /*: updated_at */ NEW.updated_at
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tworktree_id
tgroup_id
tcan
tcreated_by
icreated_at
iupdated_at', OLD."worktree_id", NEW."worktree_id", OLD."group_id", NEW."group_id", OLD."can", NEW."can", OLD."created_by", NEW."created_by", OLD."created_at", NEW."created_at", OLD."updated_at", NEW."updated_at");
END;
CREATE TRIGGER acl_worktree_group_grants_before_delete BEFORE DELETE ON worktree_group_grants
BEGIN
  SELECT acl_removed_parent(NULL, 'worktree', OLD.worktree_id) WHERE NOT EXISTS (SELECT 1 FROM worktrees WHERE worktree_id = OLD.worktree_id);
  SELECT acl_removed_parent(NULL, 'group', OLD.group_id) WHERE NOT EXISTS (SELECT 1 FROM groups WHERE group_id = OLD.group_id);
  SELECT acl_guard('grant', 'remove',
    /*: id */ OLD.worktree_id || '/' || OLD.group_id, /*: worktree */ OLD.worktree_id,
    /*: held */ (SELECT held FROM acl_worktree_facts WHERE worktree_id = OLD.worktree_id), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'grant' AND operation = 'remove'));
END;
CREATE TRIGGER acl_worktree_group_grants_after_insert AFTER INSERT ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('grant', 'create', NEW.worktree_id || '/' || NEW.group_id, NEW.rowid);
END;
CREATE TRIGGER acl_worktree_group_grants_after_update AFTER UPDATE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('grant', 'patch', NEW.worktree_id || '/' || NEW.group_id, NULL);
END;
CREATE TRIGGER acl_worktree_group_grants_after_delete AFTER DELETE ON worktree_group_grants
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1 WHERE acl_is_direct('grant', OLD.worktree_id || '/' || OLD.group_id);
  SELECT acl_complete_write('grant', 'remove', OLD.worktree_id || '/' || OLD.group_id, NULL);
END;
CREATE TRIGGER acl_acl_rules_before_insert BEFORE INSERT ON acl_rules
BEGIN
  
  SELECT acl_guard('rule', 'create',
    /*: id */ NEW.resource || ' ' || NEW.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'create')
    , (EXISTS (SELECT 1 FROM "acl_rules" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "acl_rules" WHERE "resource" = NEW."resource" COLLATE "BINARY" AND "operation" = NEW."operation" COLLATE "BINARY")), 1, 'tresource
toperation
tneeds
tneeds_if_own
taudit', NEW."resource", NEW."operation", NEW."needs", NEW."needs_if_own", NEW."audit");
END;
CREATE TRIGGER acl_acl_rules_before_update BEFORE UPDATE ON acl_rules
BEGIN
  
  SELECT acl_guard('rule', 'patch',
    /*: id */ OLD.resource || ' ' || OLD.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'patch')
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tresource
toperation
tneeds
tneeds_if_own
taudit', OLD."resource", NEW."resource", OLD."operation", NEW."operation", OLD."needs", NEW."needs", OLD."needs_if_own", NEW."needs_if_own", OLD."audit", NEW."audit");
END;
CREATE TRIGGER acl_acl_rules_before_delete BEFORE DELETE ON acl_rules
BEGIN
  SELECT acl_guard('rule', 'remove',
    /*: id */ OLD.resource || ' ' || OLD.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'remove'));
END;
CREATE TRIGGER acl_acl_rules_after_insert AFTER INSERT ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'create', NEW.resource || ' ' || NEW.operation, NEW.rowid);
END;
CREATE TRIGGER acl_acl_rules_after_update AFTER UPDATE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'patch', NEW.resource || ' ' || NEW.operation, NULL);
END;
CREATE TRIGGER acl_acl_rules_after_delete AFTER DELETE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'remove', OLD.resource || ' ' || OLD.operation, NULL);
END;
CREATE TRIGGER acl_acl_settings_before_insert BEFORE INSERT ON acl_settings
BEGIN
  
  SELECT acl_guard('setting', 'create',
    /*: id */ NEW.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'create')
    , (EXISTS (SELECT 1 FROM "acl_settings" WHERE rowid = NEW.rowid) OR EXISTS (SELECT 1 FROM "acl_settings" WHERE "name" = NEW."name" COLLATE "BINARY")), 1, 'tname
tvalue', NEW."name", NEW."value");
END;
CREATE TRIGGER acl_acl_settings_before_update BEFORE UPDATE ON acl_settings
BEGIN
  
  SELECT acl_guard('setting', 'patch',
    /*: id */ OLD.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'patch')
    , 0, OLD.rowid IS NOT NEW.rowid, 1, 'tname
tvalue', OLD."name", NEW."name", OLD."value", NEW."value");
END;
CREATE TRIGGER acl_acl_settings_before_delete BEFORE DELETE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'remove',
    /*: id */ OLD.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'remove'));
END;
CREATE TRIGGER acl_acl_settings_after_insert AFTER INSERT ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'create', NEW.name, NEW.rowid);
END;
CREATE TRIGGER acl_acl_settings_after_update AFTER UPDATE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'patch', NEW.name, NULL);
END;
CREATE TRIGGER acl_acl_settings_after_delete AFTER DELETE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'remove', OLD.name, NULL);
END;
CREATE TRIGGER acl_acl_epoch_before_insert BEFORE INSERT ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'create',
    /*: id */ NEW.one);
END;
CREATE TRIGGER acl_acl_epoch_before_update BEFORE UPDATE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'patch',
    /*: id */ OLD.one,
    /*: raised */ NEW.one IS OLD.one AND NEW.epoch IS OLD.epoch + 1 AND typeof(NEW.epoch) = 'integer');
END;
CREATE TRIGGER acl_acl_epoch_before_delete BEFORE DELETE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'remove',
    /*: id */ OLD.one);
END;
CREATE TRIGGER acl_acl_audit_before_insert BEFORE INSERT ON acl_audit
BEGIN
  SELECT acl_guard_audit();
END;
CREATE TRIGGER acl_acl_audit_before_update BEFORE UPDATE ON acl_audit
BEGIN
  SELECT acl_guard('audit', 'patch',
    /*: id */ OLD.seq);
END;
CREATE TRIGGER acl_acl_audit_before_delete BEFORE DELETE ON acl_audit
BEGIN
  SELECT acl_guard('audit', 'remove',
    /*: id */ OLD.seq);
END;
CREATE TRIGGER acl_acl_tables_before_insert BEFORE INSERT ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'create',
    /*: id */ NEW.name);
END;
CREATE TRIGGER acl_acl_tables_before_update BEFORE UPDATE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'patch',
    /*: id */ OLD.name);
END;
CREATE TRIGGER acl_acl_tables_before_delete BEFORE DELETE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'remove',
    /*: id */ OLD.name);
END;
CREATE TRIGGER acl_acl_meta_before_insert BEFORE INSERT ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'create',
    /*: id */ NEW.name);
END;
CREATE TRIGGER acl_acl_meta_before_update BEFORE UPDATE ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'patch',
    /*: id */ OLD.name);
END;
CREATE TRIGGER acl_acl_meta_before_delete BEFORE DELETE ON acl_meta
BEGIN
  SELECT acl_guard('meta', 'remove',
    /*: id */ OLD.name);
END;
COMMIT;
PRAGMA user_version = 1;
