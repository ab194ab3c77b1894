-- Guards of a daemon's further table, whose rows belong to sessions or to worktrees: the rules are those of its name.
-- `p` is the parent, found by the column that the operator named.

CREATE TRIGGER acl_{{table}}_before_insert BEFORE INSERT ON "{{table}}"
BEGIN
  SELECT acl_guard('row', 'create',
    'id', '{{table}}/' || {{new key}}, 'table', '{{table}}', 'parent_kind', '{{parent}}',
    'parent', NEW.{{via}}, 'parent_exists', p.{{parent_key}} IS NOT NULL,
    'session', {{session}}, 'worktree', p.worktree_id,
    'held', (SELECT held FROM acl_held WHERE worktree_id = p.worktree_id AND user_id = acl_actor()),
    'own', p.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = '{{table}}' AND operation = 'create'),
    'columns', {{columns}}, 'odd', {{odd}}, 'taken', {{taken}})
  FROM (SELECT 1) LEFT JOIN {{parent_table}} AS p ON p.{{parent_key}} = NEW.{{via}};
END;

CREATE TRIGGER acl_{{table}}_before_update BEFORE UPDATE ON "{{table}}"
BEGIN
  SELECT acl_guard('row', 'patch',
    'id', '{{table}}/' || {{old key}}, 'table', '{{table}}', 'parent_kind', '{{parent}}',
    'session', {{session}}, 'worktree', p.worktree_id,
    'held', (SELECT held FROM acl_held WHERE worktree_id = p.worktree_id AND user_id = acl_actor()),
    'own', p.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = '{{table}}' AND operation = 'patch'),
    'columns', {{columns}}, 'changed', {{changed}}, 'moved', {{moved}}, 'odd', {{odd}}, 'taken', {{taken}},
    'fixed', {{fixed}}{{nulled}})
  FROM (SELECT 1) LEFT JOIN {{parent_table}} AS p ON p.{{parent_key}} = OLD.{{via}};
END;

CREATE TRIGGER acl_{{table}}_before_delete BEFORE DELETE ON "{{table}}"
BEGIN
  SELECT acl_guard('row', 'remove',
    'id', '{{table}}/' || {{old key}}, 'table', '{{table}}', 'parent_kind', '{{parent}}',
    'session', {{session}}, 'worktree', p.worktree_id,
    'held', (SELECT held FROM acl_held WHERE worktree_id = p.worktree_id AND user_id = acl_actor()),
    'own', p.created_by IS acl_actor(),
    'rule', (SELECT rule FROM acl_rule WHERE resource = '{{table}}' AND operation = 'remove'){{gone}})
  FROM (SELECT 1) LEFT JOIN {{parent_table}} AS p ON p.{{parent_key}} = OLD.{{via}};
END;

CREATE TRIGGER acl_{{table}}_after_insert AFTER INSERT ON "{{table}}"
BEGIN
{{audit 'row', '{{table}}/' || {{new key}}}}
END;

CREATE TRIGGER acl_{{table}}_after_update AFTER UPDATE ON "{{table}}"
BEGIN
{{audit 'row', '{{table}}/' || {{old key}}}}
END;

CREATE TRIGGER acl_{{table}}_after_delete AFTER DELETE ON "{{table}}"
BEGIN
{{audit 'row', '{{table}}/' || {{old key}}}}
END;
