-- The default rules and settings, inserted where absent: a row that an operator changed stays as it is.
-- `needs_if_own` is what suffices where the acting user created the session, or is the user himself.

INSERT INTO acl_rules (resource, operation, needs, needs_if_own, audit) VALUES
  ('worktree',   'get',        'view',        NULL,      'never'),
  ('worktree',   'create',     'role:member', NULL,      'all'),
  ('worktree',   'patch',      'all',         NULL,      'all'),
  ('worktree',   'share',      'owner',       NULL,      'all'),
  ('worktree',   'remove',     'all',         NULL,      'all'),
  ('owner',      'get',        'view',        NULL,      'never'),
  ('owner',      'create',     'owner',       NULL,      'all'),
  ('owner',      'remove',     'owner',       NULL,      'all'),
  ('grant',      'get',        'view',        NULL,      'never'),
  ('grant',      'create',     'owner',       NULL,      'all'),
  ('grant',      'patch',      'owner',       NULL,      'all'),
  ('grant',      'remove',     'owner',       NULL,      'all'),
  ('session',    'get',        'view',        NULL,      'never'),
  ('session',    'create',     'session',     NULL,      'all'),
  ('session',    'patch',      'all',         NULL,      'all'),
  ('session',    'report',     'prompt',      'session', 'all'),
  ('session',    'remove',     'all',         NULL,      'all'),
  ('task',       'get',        'view',        NULL,      'never'),
  ('task',       'create',     'prompt',      'session', 'all'),
  ('task',       'patch',      'prompt',      'session', 'all'),
  ('task',       'remove',     'all',         NULL,      'all'),
  ('message',    'get',        'view',        NULL,      'never'),
  ('message',    'create',     'prompt',      'session', 'refusals'),
  ('message',    'patch',      'prompt',      'session', 'all'),
  ('message',    'remove',     'prompt',      'session', 'all'),
  ('user',       'get',        'signed-in',   NULL,      'never'),
  ('user',       'create',     'role:admin',  NULL,      'all'),
  ('user',       'patch',      'role:admin',  'self',    'all'),
  ('user',       'administer', 'role:admin',  NULL,      'all'),
  ('user',       'remove',     'role:admin',  NULL,      'all'),
  ('group',      'get',        'signed-in',   NULL,      'never'),
  ('group',      'create',     'role:admin',  NULL,      'all'),
  ('group',      'patch',      'role:admin',  NULL,      'all'),
  ('group',      'remove',     'role:admin',  NULL,      'all'),
  ('membership', 'get',        'signed-in',   NULL,      'never'),
  ('membership', 'create',     'role:admin',  NULL,      'all'),
  ('membership', 'remove',     'role:admin',  NULL,      'all'),
  ('board',      'get',        'signed-in',   NULL,      'never'),
  ('board',      'create',     'role:member', NULL,      'all'),
  ('board',      'patch',      'role:member', NULL,      'all'),
  ('board',      'remove',     'role:member', NULL,      'all'),
  ('repo',       'get',        'signed-in',   NULL,      'never'),
  ('repo',       'create',     'role:member', NULL,      'all'),
  ('repo',       'patch',      'role:member', NULL,      'all'),
  ('repo',       'remove',     'all',         NULL,      'all'), -- on every worktree in it
  ('rule',       'create',     'system',      NULL,      'all'),
  ('rule',       'patch',      'system',      NULL,      'all'),
  ('rule',       'remove',     'system',      NULL,      'all'),
  ('setting',    'create',     'system',      NULL,      'all'),
  ('setting',    'patch',      'system',      NULL,      'all'),
  ('setting',    'remove',     'system',      NULL,      'all')
ON CONFLICT (resource, operation) DO NOTHING;

INSERT INTO acl_settings (name, value) VALUES
  ('allow_superadmin', 'on')
ON CONFLICT (name) DO NOTHING;

-- A lost epoch starts again above every one that the audit has seen: it never goes back.
INSERT INTO acl_epoch (one, epoch)
SELECT 1, ifnull((SELECT max(epoch) FROM acl_audit), 0) + 1 WHERE true
ON CONFLICT (one) DO NOTHING;
