-- The audit row that the guard left to be written: the marker `audit row` of the other guard files.
-- `VALUES (…)` is for triggers whose WHEN has asked whether a row is due; the writer puts `SELECT … WHERE …` in its place elsewhere.
INSERT INTO acl_audit (seq, at, door, actor_kind, actor, operation, resource, record, session_id, worktree_id,
                         verdict, needed, held, why, fields, epoch)
  /*+ open = */VALUES (/*-*/ifnull((SELECT max(seq) FROM acl_audit), 0) + 1, acl_entry('at'), acl_entry('door'), acl_entry('actor_kind'),
    acl_entry('actor'), acl_entry('operation'), acl_entry('resource'), acl_entry('record'), acl_entry('session_id'),
    acl_entry('worktree_id'), acl_entry('verdict'), acl_entry('needed'), acl_entry('held'), acl_entry('why'),
    acl_entry('fields'), (SELECT epoch FROM acl_epoch)/*+ close = */)/*-*/;
