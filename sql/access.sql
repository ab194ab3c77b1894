-- What each user holds on each worktree: the one place that says so. Readable in any SQLite from 3.34.

-- What each user is granted through groups, as claims of the same form. Of archived groups none counts.
CREATE VIEW acl_granted (worktree_id, user_id, group_id, claim) AS
SELECT g.worktree_id, m.user_id, m.group_id,
  CASE g.can WHEN 'view' THEN '1' WHEN 'session' THEN '2' WHEN 'prompt' THEN '3' WHEN 'all' THEN '4' ELSE '0' END
    || ' group ' || p.slug
FROM group_memberships AS m
CROSS JOIN worktree_group_grants AS g ON g.group_id = m.group_id
CROSS JOIN groups AS p ON p.group_id = m.group_id
WHERE p.archived = 0;

-- The greatest claim of each user on each worktree as one text, `RANK SOURCE`, such as `3 group devs`.
-- One text because guards ask for it once per row: two columns would look everything up twice.
-- Texts compare by their rank first, and of equal ranks the plainer source wins: owner, others, group.
-- So a cap is a text that min() puts above the claim, and a floor one that max() puts below it.
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
);

-- The same in columns: level is a word, rank its place in their order, from 0 (none) to 4 (all).
CREATE VIEW acl_access (worktree_id, user_id, level, rank, source) AS
SELECT worktree_id, user_id,
  CASE substr(held, 1, 1) WHEN '4' THEN 'all' WHEN '3' THEN 'prompt' WHEN '2' THEN 'session' WHEN '1' THEN 'view' ELSE 'none' END,
  CAST(substr(held, 1, 1) AS integer),
  substr(held, 3)
FROM acl_held;

-- A rule as one text, `NEEDS|NEEDS_IF_OWN|AUDIT`, for guards, which ask for it once per row.
CREATE VIEW acl_rule (resource, operation, rule) AS
SELECT resource, operation, needs || '|' || ifnull(needs_if_own, '') || '|' || audit
FROM acl_rules;
