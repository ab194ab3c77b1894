-- Guards of a daemon's further table, whose rows belong to sessions or to worktrees: the rules are those of its name.
-- As it stands the file guards a table `notes` of sessions; the writer puts the real names in.
-- `p` is the parent, found by the column that the operator named.

CREATE TRIGGER /*+ trigger before_insert = */acl_notes_before_insert/*-*/ BEFORE INSERT ON /*+ table = */notes/*-*/
BEGIN
  /*+ columns */
  SELECT acl_guard('row', 'create',
    /*: id */ /*+ table prefix = */'notes/'/*-*/ || /*+ new key = */NEW.note_id/*-*/,
    /*: parent_kind */ /*+ parent kind = */'session'/*-*/, /*: parent */ NEW./*+ parent column = */session_id/*-*/,
    /*: parent_exists */ p./*+ parent key = */session_id/*-*/ IS NOT NULL,
    /*: session */ /*+ session = */p.session_id/*-*/, /*: worktree */ p.worktree_id, /*: held */ p.held,
    /*: own */ p.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = /*+ table name = */'notes'/*-*/ AND operation = 'create')
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN /*+ parent facts = */acl_session_facts/*-*/ AS p ON p./*+ parent key = */session_id/*-*/ = NEW./*+ parent column = */session_id/*-*/;
END;

CREATE TRIGGER /*+ trigger before_update = */acl_notes_before_update/*-*/ BEFORE UPDATE ON /*+ table = */notes/*-*/
BEGIN
  /*+ columns */
  SELECT acl_guard('row', 'patch',
    /*: id */ /*+ table prefix = */'notes/'/*-*/ || /*+ old key = */OLD.note_id/*-*/,
    /*: removed_parents */ /*+ set null = */NULL/*-*/,
    /*: session */ /*+ session = */p.session_id/*-*/, /*: worktree */ p.worktree_id, /*: held */ p.held,
    /*: own */ p.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = /*+ table name = */'notes'/*-*/ AND operation = 'patch'),
    /*: immutable */ /*+ fixed columns = */'note_id'/*-*/
    /*+ row */)
  FROM (SELECT 1) LEFT JOIN /*+ parent facts = */acl_session_facts/*-*/ AS p ON p./*+ parent key = */session_id/*-*/ = OLD./*+ parent column = */session_id/*-*/;
END;

CREATE TRIGGER /*+ trigger before_delete = */acl_notes_before_delete/*-*/ BEFORE DELETE ON /*+ table = */notes/*-*/
BEGIN
  SELECT acl_guard('row', 'remove',
    /*: id */ /*+ table prefix = */'notes/'/*-*/ || /*+ old key = */OLD.note_id/*-*/,
    /*: removed_parents */ /*+ removed parents = */NULL/*-*/,
    /*: session */ /*+ session = */p.session_id/*-*/, /*: worktree */ p.worktree_id, /*: held */ p.held,
    /*: own */ p.own,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = /*+ table name = */'notes'/*-*/ AND operation = 'remove'))
  FROM (SELECT 1) LEFT JOIN /*+ parent facts = */acl_session_facts/*-*/ AS p ON p./*+ parent key = */session_id/*-*/ = OLD./*+ parent column = */session_id/*-*/;
END;

CREATE TRIGGER /*+ trigger after_insert = */acl_notes_after_insert/*-*/ AFTER INSERT ON /*+ table = */notes/*-*/
BEGIN
  SELECT acl_complete_write('row', 'create', /*+ table prefix = */'notes/'/*-*/ || /*+ new key = */NEW.note_id/*-*/, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER /*+ trigger after_update = */acl_notes_after_update/*-*/ AFTER UPDATE ON /*+ table = */notes/*-*/
BEGIN
  SELECT acl_complete_write('row', 'patch', /*+ table prefix = */'notes/'/*-*/ || /*+ old key = */OLD.note_id/*-*/, NULL);
END;

CREATE TRIGGER /*+ trigger after_delete = */acl_notes_after_delete/*-*/ AFTER DELETE ON /*+ table = */notes/*-*/
BEGIN
  SELECT acl_complete_write('row', 'remove', /*+ table prefix = */'notes/'/*-*/ || /*+ old key = */OLD.note_id/*-*/, NULL);
END;
