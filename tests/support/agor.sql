-- A database as Agor's daemon made it before it had access control: no owners, no `others_can`, no unix names.
-- Tables stand in another order and with other habits than aclite's, and some are of no concern to it.

CREATE TABLE "__drizzle_migrations" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);

CREATE TABLE `users` (
  `user_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `email` text NOT NULL, `password` text NOT NULL, `name` text, `emoji` text,
  `role` text DEFAULT 'member' NOT NULL, `onboarding_completed` integer DEFAULT false NOT NULL, `data` text NOT NULL
);
CREATE TABLE `repos` (
  `repo_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `slug` text NOT NULL, `data` text NOT NULL
);
CREATE TABLE `boards` (
  `board_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `name` text NOT NULL, `slug` text, `data` text NOT NULL
);
CREATE TABLE "worktrees" (
  `worktree_id` text(36) PRIMARY KEY NOT NULL, `repo_id` text(36) NOT NULL,
  `created_at` integer NOT NULL, `updated_at` integer, `created_by` text(36) DEFAULT 'anonymous' NOT NULL,
  `name` text NOT NULL, `ref` text NOT NULL, `worktree_unique_id` integer NOT NULL, `board_id` text(36),
  `data` text NOT NULL,
  `schedule_enabled` integer DEFAULT false NOT NULL, `schedule_cron` text,
  `schedule_last_triggered_at` integer, `schedule_next_run_at` integer,
  `start_command` text, `stop_command` text, `health_check_url` text, `app_url` text, `logs_command` text,
  `needs_attention` integer DEFAULT 0 NOT NULL, `archived` integer DEFAULT false NOT NULL, `archived_at` integer,
  `archived_by` text(36), `filesystem_status` text,
  FOREIGN KEY (`repo_id`) REFERENCES `repos`(`repo_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null
);
CREATE TABLE "sessions" (
  `session_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `status` text NOT NULL, `agentic_tool` text NOT NULL,
  `board_id` text(36), `parent_session_id` text(36), `forked_from_session_id` text(36),
  `worktree_id` text(36) NOT NULL, `scheduled_run_at` integer,
  `scheduled_from_worktree` integer DEFAULT false NOT NULL, `ready_for_prompt` integer DEFAULT 0 NOT NULL,
  `data` text NOT NULL, `archived` integer DEFAULT false NOT NULL, `archived_reason` text,
  FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null,
  FOREIGN KEY (`parent_session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE set null,
  FOREIGN KEY (`forked_from_session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE set null
);
CREATE TABLE `tasks` (
  `task_id` text(36) PRIMARY KEY NOT NULL, `session_id` text(36) NOT NULL,
  `created_at` integer NOT NULL, `completed_at` integer, `status` text NOT NULL,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `data` text NOT NULL, `started_at` integer,
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
CREATE TABLE `messages` (
  `message_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `session_id` text(36) NOT NULL,
  `task_id` text(36), `type` text NOT NULL, `role` text NOT NULL, `index` integer NOT NULL,
  `timestamp` integer NOT NULL, `content_preview` text, `data` text NOT NULL,
  `parent_tool_use_id` text, `status` text, `queue_position` integer,
  `starred_by_me` integer, -- a column that aclite has never heard of
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`task_id`) REFERENCES `tasks`(`task_id`) ON UPDATE no action ON DELETE set null
);

-- Of no concern to aclite.
CREATE TABLE `board_objects` (
  `object_id` text(36) PRIMARY KEY NOT NULL, `board_id` text(36) NOT NULL, `created_at` integer NOT NULL,
  `worktree_id` text(36) NOT NULL, `data` text NOT NULL,
  FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade
);
CREATE TABLE `mcp_servers` (
  `mcp_server_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `name` text NOT NULL,
  `enabled` integer DEFAULT true NOT NULL, `data` text NOT NULL
);
CREATE TABLE `session_mcp_servers` (
  `session_id` text(36) NOT NULL, `mcp_server_id` text(36) NOT NULL, `added_at` integer NOT NULL,
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`mcp_server_id`) REFERENCES `mcp_servers`(`mcp_server_id`) ON UPDATE no action ON DELETE cascade
);
CREATE VIEW board_overview AS SELECT b.name, count(w.worktree_id) AS worktrees
  FROM boards AS b LEFT JOIN worktrees AS w ON w.board_id = b.board_id GROUP BY b.board_id;

CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`);
CREATE INDEX `users_email_idx` ON `users` (`email`);
CREATE UNIQUE INDEX `repos_slug_unique` ON `repos` (`slug`);
CREATE UNIQUE INDEX `boards_slug_unique` ON `boards` (`slug`);
CREATE INDEX `worktrees_repo_idx` ON `worktrees` (`repo_id`);
CREATE INDEX `worktrees_updated_idx` ON `worktrees` (`updated_at`);
CREATE INDEX `sessions_status_idx` ON `sessions` (`status`);
CREATE INDEX `sessions_worktree_idx` ON `sessions` (`worktree_id`);
CREATE INDEX `tasks_session_idx` ON `tasks` (`session_id`);
CREATE INDEX `tasks_status_idx` ON `tasks` (`status`);
CREATE INDEX `messages_session_id_idx` ON `messages` (`session_id`);
CREATE INDEX `messages_session_index_idx` ON `messages` (`session_id`,`index`);
CREATE INDEX `messages_queue_idx` ON `messages` (`session_id`,`status`,`queue_position`);

INSERT INTO users (user_id, created_at, email, password, name, role, data) VALUES
  ('ada', 1700000000001, 'ada@example.com', 'hash of ada', 'Ada', 'admin', '{"preferences":{"theme":"dark"}}'),
  ('bo', 1700000000002, 'bo@example.com', 'hash of bo', 'Bo', 'member', '{"preferences":{}}'),
  ('cy', 1700000000003, 'cy@example.com', 'hash of cy', NULL, 'member', '{"preferences":{}}'),
  ('vi', 1700000000004, 'vi@example.com', 'hash of vi', 'Vi', 'viewer', '{"preferences":{}}');
INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', 1700000000010, 'org/repo', '{"name":"repo"}');
INSERT INTO boards (board_id, created_at, created_by, name, slug, data)
  VALUES ('b', 1700000000011, 'ada', 'Main', 'main', '{"zones":[]}');
INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, board_id, data) VALUES
  ('w-ada', 'r', 1700000000020, 'ada', 'main', 'main', 1, 'b', '{"path":"/srv/main"}'),
  ('w-bo', 'r', 1700000000021, 'bo', 'fix', 'fix', 2, NULL, '{"notes":"größer"}'),
  ('w-cy', 'r', 1700000000022, 'cy', 'try', 'try', 3, 'b', '{}');
INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, parent_session_id, worktree_id, data) VALUES
  ('s-ada', 1700000000030, 'ada', 'idle', 'claude-code', NULL, 'w-ada', '{"tasks":["t-1"],"message_count":2}'),
  ('s-bo', 1700000000031, 'bo', 'running', 'codex', 's-ada', 'w-bo', '{"title":"fix it"}'),
  ('s-cy', 1700000000032, 'cy', 'a word of tomorrow', 'gemini', NULL, 'w-cy', '{}');
INSERT INTO tasks (task_id, session_id, created_at, completed_at, status, created_by, data) VALUES
  ('t-1', 's-ada', 1700000000040, 1700000000099, 'completed', 'ada', '{"full_prompt":"do it"}'),
  ('t-2', 's-bo', 1700000000041, NULL, 'running', 'bo', '{"full_prompt":"and that"}');
INSERT INTO messages (message_id, created_at, session_id, task_id, type, role, "index", timestamp, data, starred_by_me) VALUES
  ('m-1', 1700000000050, 's-ada', 't-1', 'user', 'user', 0, 1700000000050, '{"content":"do it"}', 1),
  ('m-2', 1700000000051, 's-ada', 't-1', 'assistant', 'assistant', 1, 1700000000051, '{"content":[{"type":"text","text":"done"}]}', NULL),
  ('m-3', 1700000000052, 's-bo', NULL, 'user', 'user', 0, 1700000000052, '{"content":"and that"}', 0);
INSERT INTO board_objects VALUES ('o', 'b', 1700000000060, 'w-ada', '{"x":1}');
INSERT INTO mcp_servers VALUES ('mcp', 1700000000061, 'tools', true, '{}');
INSERT INTO session_mcp_servers VALUES ('s-ada', 'mcp', 1700000000062);
INSERT INTO "__drizzle_migrations" (id, hash, created_at) VALUES (NULL, 'aa', 1), (NULL, 'bb', 2.5);
