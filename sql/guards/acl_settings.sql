-- Guards of the settings: only the daemon changes them.

CREATE TRIGGER acl_acl_settings_before_insert BEFORE INSERT ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'create',
    'id', NEW.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'create')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_settings_before_update BEFORE UPDATE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'patch',
    'id', OLD.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_settings_before_delete BEFORE DELETE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'remove',
    'id', OLD.name,
    'actor_role', (SELECT role FROM acl_actor_facts),
    'own', 0,
    'rule', (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'remove'));
END;

CREATE TRIGGER acl_acl_settings_after_insert AFTER INSERT ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'setting', NEW.name */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_acl_settings_after_update AFTER UPDATE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'setting', NEW.name */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;

CREATE TRIGGER acl_acl_settings_after_delete AFTER DELETE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  /*+ audit 'setting', OLD.name */
  SELECT acl_audit_written((SELECT max(seq) FROM acl_audit));
END;
