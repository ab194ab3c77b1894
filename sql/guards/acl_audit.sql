-- Guards of the audit: it only ever grows, and only by what the guards themselves decided.

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
