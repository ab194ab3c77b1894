//! A chain of another program's migrations, in the way of Agor's: columns are added, tables rebuilt, access control comes last.

use std::path::Path;

use super::file::raw;

/// The file before the first step.
const BASE: &str = "
CREATE TABLE `users` (
  `user_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer, `email` text NOT NULL,
  `password` text NOT NULL, `name` text, `emoji` text, `role` text DEFAULT 'member' NOT NULL,
  `onboarding_completed` integer DEFAULT false NOT NULL, `data` text NOT NULL
);
CREATE TABLE `repos` (
  `repo_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer, `slug` text NOT NULL, `data` text NOT NULL
);
CREATE TABLE `boards` (
  `board_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `name` text NOT NULL, `slug` text, `data` text NOT NULL
);
CREATE TABLE `worktrees` (
  `worktree_id` text(36) PRIMARY KEY NOT NULL, `repo_id` text(36) NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `name` text NOT NULL, `ref` text NOT NULL,
  `worktree_unique_id` integer NOT NULL, `board_id` text(36), `data` text NOT NULL,
  FOREIGN KEY (`repo_id`) REFERENCES `repos`(`repo_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null
);
CREATE TABLE `sessions` (
  `session_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
  `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `status` text NOT NULL, `agentic_tool` text NOT NULL, `board_id` text(36),
  `parent_session_id` text(36), `forked_from_session_id` text(36), `worktree_id` text(36) NOT NULL, `data` text NOT NULL,
  FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade
);
CREATE TABLE `tasks` (
  `task_id` text(36) PRIMARY KEY NOT NULL, `session_id` text(36) NOT NULL, `created_at` integer NOT NULL, `completed_at` integer,
  `status` text NOT NULL, `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `data` text NOT NULL,
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
CREATE TABLE `messages` (
  `message_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `session_id` text(36) NOT NULL, `task_id` text(36),
  `type` text NOT NULL, `role` text NOT NULL, `index` integer NOT NULL, `timestamp` integer NOT NULL, `content_preview` text,
  `data` text NOT NULL,
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade,
  FOREIGN KEY (`task_id`) REFERENCES `tasks`(`task_id`) ON UPDATE no action ON DELETE set null
);
CREATE TABLE `session_mcp_servers` (
  `session_id` text(36) NOT NULL, `mcp_server_id` text(36) NOT NULL, `added_at` integer NOT NULL,
  FOREIGN KEY (`session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE cascade
);
CREATE VIEW board_overview AS SELECT b.name, count(w.worktree_id) AS worktrees
  FROM boards AS b LEFT JOIN worktrees AS w ON w.board_id = b.board_id GROUP BY b.board_id;
CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`);
CREATE UNIQUE INDEX `repos_slug_unique` ON `repos` (`slug`);
CREATE UNIQUE INDEX `boards_slug_unique` ON `boards` (`slug`);
CREATE INDEX `worktrees_repo_idx` ON `worktrees` (`repo_id`);
CREATE INDEX `sessions_status_idx` ON `sessions` (`status`);
CREATE INDEX `sessions_forked_idx` ON `sessions` (`forked_from_session_id`);
CREATE INDEX `tasks_session_idx` ON `tasks` (`session_id`);
CREATE INDEX `messages_session_id_idx` ON `messages` (`session_id`);

INSERT INTO users (user_id, created_at, email, password, name, role, data) VALUES
  ('ada', 1700000000001, 'ada@example.com', 'hash of ada', 'Ada', 'admin', '{\"preferences\":{\"theme\":\"dark\"}}'),
  ('bo', 1700000000002, 'bo@example.com', 'hash of bo', 'Bo', 'member', '{}'),
  ('cy', 1700000000003, 'cy@example.com', 'hash of cy', NULL, 'member', '{}'),
  ('vi', 1700000000004, 'vi@example.com', 'hash of vi', 'Vi', 'viewer', '{}');
INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', 1700000000010, 'org/repo', '{\"name\":\"repo\"}');
INSERT INTO boards (board_id, created_at, created_by, name, slug, data) VALUES ('b', 1700000000011, 'ada', 'Main', 'main', '{}');
INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, board_id, data) VALUES
  ('w-ada', 'r', 1700000000020, 'ada', 'main', 'main', 1, 'b', '{\"path\":\"/srv/main\"}'),
  ('w-bo', 'r', 1700000000021, 'bo', 'fix', 'fix', 2, NULL, '{\"notes\":\"größer\"}'),
  ('w-cy', 'r', 1700000000022, 'cy', 'try', 'try', 3, 'b', '{}');
INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, parent_session_id, worktree_id, data) VALUES
  ('s-ada', 1700000000030, 'ada', 'idle', 'claude-code', NULL, 'w-ada', '{\"tasks\":[\"t-1\"]}'),
  ('s-bo', 1700000000031, 'bo', 'running', 'codex', 's-ada', 'w-bo', '{\"title\":\"fix it\"}'),
  ('s-cy', 1700000000032, 'cy', 'idle', 'gemini', NULL, 'w-cy', '{}');
INSERT INTO tasks (task_id, session_id, created_at, completed_at, status, created_by, data) VALUES
  ('t-1', 's-ada', 1700000000040, NULL, 'completed', 'ada', '{\"full_prompt\":\"do it\"}'),
  ('t-2', 's-bo', 1700000000041, NULL, 'running', 'bo', '{\"full_prompt\":\"and that\"}');
INSERT INTO messages (message_id, created_at, session_id, task_id, type, role, \"index\", timestamp, data) VALUES
  ('m-1', 1700000000050, 's-ada', 't-1', 'user', 'user', 0, 1700000000050, '{\"content\":\"do it\"}'),
  ('m-2', 1700000000051, 's-bo', NULL, 'user', 'user', 0, 1700000000051, '{\"content\":\"and that\"}');
INSERT INTO session_mcp_servers VALUES ('s-ada', 'mcp', 1700000000062);
";

/// The step that brings `worktrees.others_can`.
pub const SHARING: usize = 8;

/// The steps, each of which fails where its columns, tables or indexes are there already.
pub const STEPS: [&str; 11] = [
    "ALTER TABLE `messages` ADD `parent_tool_use_id` text;",
    "ALTER TABLE `sessions` ADD `scheduled_run_at` integer;
     ALTER TABLE `sessions` ADD `scheduled_from_worktree` integer DEFAULT false NOT NULL;
     ALTER TABLE `worktrees` ADD `schedule_enabled` integer DEFAULT false NOT NULL;
     ALTER TABLE `worktrees` ADD `schedule_cron` text;
     ALTER TABLE `worktrees` ADD `schedule_last_triggered_at` integer;
     ALTER TABLE `worktrees` ADD `schedule_next_run_at` integer;
     CREATE INDEX `worktrees_schedule_enabled_idx` ON `worktrees` (`schedule_enabled`);",
    "CREATE TABLE `worktrees_new` (
       `worktree_id` text(36) PRIMARY KEY NOT NULL, `repo_id` text(36) NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
       `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `name` text NOT NULL, `ref` text NOT NULL,
       `worktree_unique_id` integer NOT NULL, `board_id` text(36), `data` text NOT NULL,
       `schedule_enabled` integer DEFAULT false NOT NULL, `schedule_cron` text, `schedule_last_triggered_at` integer,
       `schedule_next_run_at` integer, `start_command` text, `stop_command` text, `health_check_url` text, `app_url` text,
       `logs_command` text,
       FOREIGN KEY (`repo_id`) REFERENCES `repos`(`repo_id`) ON UPDATE no action ON DELETE cascade,
       FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null
     );
     INSERT INTO worktrees_new (worktree_id, repo_id, created_at, updated_at, created_by, name, ref, worktree_unique_id, board_id,
         data, schedule_enabled, schedule_cron, schedule_last_triggered_at, schedule_next_run_at)
       SELECT worktree_id, repo_id, created_at, updated_at, created_by, name, ref, worktree_unique_id, board_id,
         data, schedule_enabled, schedule_cron, schedule_last_triggered_at, schedule_next_run_at FROM worktrees;
     DROP VIEW board_overview;
     DROP TABLE worktrees;
     ALTER TABLE worktrees_new RENAME TO worktrees;
     CREATE VIEW board_overview AS SELECT b.name, count(w.worktree_id) AS worktrees
       FROM boards AS b LEFT JOIN worktrees AS w ON w.board_id = b.board_id GROUP BY b.board_id;
     CREATE INDEX `worktrees_repo_idx` ON `worktrees` (`repo_id`);
     CREATE INDEX `worktrees_board_idx` ON `worktrees` (`board_id`);
     CREATE INDEX `worktrees_schedule_enabled_idx` ON `worktrees` (`schedule_enabled`);",
    "ALTER TABLE `messages` ADD `status` text;
     ALTER TABLE `messages` ADD `queue_position` integer;
     CREATE INDEX `messages_queue_idx` ON `messages` (`session_id`,`status`,`queue_position`);",
    "ALTER TABLE `tasks` ADD `started_at` integer;",
    "CREATE TABLE `sessions_new` (
       `session_id` text(36) PRIMARY KEY NOT NULL, `created_at` integer NOT NULL, `updated_at` integer,
       `created_by` text(36) DEFAULT 'anonymous' NOT NULL, `status` text NOT NULL, `agentic_tool` text NOT NULL, `board_id` text(36),
       `parent_session_id` text(36), `forked_from_session_id` text(36), `worktree_id` text(36) NOT NULL,
       `scheduled_run_at` integer, `scheduled_from_worktree` integer DEFAULT false NOT NULL,
       `ready_for_prompt` integer DEFAULT 0 NOT NULL, `data` text NOT NULL,
       FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade,
       FOREIGN KEY (`board_id`) REFERENCES `boards`(`board_id`) ON UPDATE no action ON DELETE set null,
       FOREIGN KEY (`parent_session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE set null,
       FOREIGN KEY (`forked_from_session_id`) REFERENCES `sessions`(`session_id`) ON UPDATE no action ON DELETE set null
     );
     INSERT INTO sessions_new (session_id, created_at, updated_at, created_by, status, agentic_tool, board_id, parent_session_id,
         forked_from_session_id, worktree_id, scheduled_run_at, scheduled_from_worktree, data)
       SELECT session_id, created_at, updated_at, created_by, status, agentic_tool, board_id, parent_session_id,
         forked_from_session_id, worktree_id, scheduled_run_at, scheduled_from_worktree, data FROM sessions;
     DROP TABLE sessions;
     ALTER TABLE sessions_new RENAME TO sessions;
     CREATE INDEX `sessions_status_idx` ON `sessions` (`status`);
     CREATE INDEX `sessions_parent_idx` ON `sessions` (`parent_session_id`);
     CREATE INDEX `sessions_forked_from_idx` ON `sessions` (`forked_from_session_id`);
     ALTER TABLE `worktrees` ADD `needs_attention` integer DEFAULT 0 NOT NULL;",
    "ALTER TABLE `sessions` ADD `archived` integer DEFAULT false NOT NULL;
     ALTER TABLE `sessions` ADD `archived_reason` text;
     ALTER TABLE `worktrees` ADD `archived` integer DEFAULT false NOT NULL;
     ALTER TABLE `worktrees` ADD `archived_at` integer;
     ALTER TABLE `worktrees` ADD `archived_by` text(36);
     ALTER TABLE `worktrees` ADD `filesystem_status` text;",
    "ALTER TABLE `worktrees` ADD `others_can` text DEFAULT 'view';
     ALTER TABLE `worktrees` ADD `others_fs_access` text DEFAULT 'read';
     ALTER TABLE `worktrees` ADD `unix_group` text;",
    "ALTER TABLE `users` ADD `unix_username` text;
     ALTER TABLE `sessions` ADD `unix_username` text;",
    "CREATE TABLE `worktree_owners` (
       `worktree_id` text(36) NOT NULL, `user_id` text(36) NOT NULL, `created_at` integer,
       PRIMARY KEY(`worktree_id`, `user_id`),
       FOREIGN KEY (`worktree_id`) REFERENCES `worktrees`(`worktree_id`) ON UPDATE no action ON DELETE cascade,
       FOREIGN KEY (`user_id`) REFERENCES `users`(`user_id`) ON UPDATE no action ON DELETE cascade
     );
     CREATE INDEX `worktree_owners_user_idx` ON `worktree_owners` (`user_id`);
     INSERT INTO worktree_owners SELECT worktree_id, created_by, created_at FROM worktrees WHERE created_by IN (SELECT user_id FROM users);",
    "CREATE TABLE `groups` (
       `group_id` text(36) PRIMARY KEY NOT NULL, `name` text NOT NULL, `slug` text NOT NULL, `description` text,
       `archived` integer DEFAULT false NOT NULL, `created_by` text(36), `created_at` integer NOT NULL, `updated_at` integer
     );
     CREATE UNIQUE INDEX `groups_slug_unique` ON `groups` (`slug`);
     CREATE TABLE `group_memberships` (
       `group_id` text(36) NOT NULL REFERENCES `groups`(`group_id`) ON DELETE cascade,
       `user_id` text(36) NOT NULL REFERENCES `users`(`user_id`) ON DELETE cascade,
       `added_by` text(36), `created_at` integer NOT NULL, PRIMARY KEY(`group_id`, `user_id`)
     );
     CREATE TABLE `worktree_group_grants` (
       `worktree_id` text(36) NOT NULL REFERENCES `worktrees`(`worktree_id`) ON DELETE cascade,
       `group_id` text(36) NOT NULL REFERENCES `groups`(`group_id`) ON DELETE cascade,
       `can` text DEFAULT 'view' NOT NULL, `created_by` text(36), `created_at` integer NOT NULL, `updated_at` integer,
       PRIMARY KEY(`worktree_id`, `group_id`)
     );",
];

/// Makes the file as it is after `step` steps.
pub fn at_step(path: &Path, step: usize) {
    raw(path).execute_batch(BASE).expect("the base is made");
    migrate(path, 0, step);
}

/// Runs the steps from `from` to before `to`, as a migrator does: each in a transaction, without foreign keys.
pub fn migrate(path: &Path, from: usize, to: usize) {
    let conn = raw(path);
    conn.execute_batch("PRAGMA foreign_keys = OFF").expect("a pragma runs");
    for (number, step) in STEPS.iter().enumerate().take(to).skip(from) {
        conn.execute_batch(&format!("BEGIN; {step}; COMMIT")).unwrap_or_else(|error| panic!("step {number}: {error}"));
    }
}
