-- Guards of the audit: it only ever grows, and only by what the guards themselves decided.

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
