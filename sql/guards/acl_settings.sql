-- Guards of the settings: only the daemon changes them.

CREATE TRIGGER acl_acl_settings_before_insert BEFORE INSERT ON acl_settings
BEGIN
  /*+ columns */
  SELECT acl_guard('setting', 'create',
    /*: id */ NEW.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'create')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_settings_before_update BEFORE UPDATE ON acl_settings
BEGIN
  /*+ columns */
  SELECT acl_guard('setting', 'patch',
    /*: id */ OLD.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_settings_before_delete BEFORE DELETE ON acl_settings
BEGIN
  SELECT acl_guard('setting', 'remove',
    /*: id */ OLD.name, /*: actor_role */ (SELECT role FROM acl_actor_facts), /*: own */ 0,
    /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'setting' AND operation = 'remove'));
END;

CREATE TRIGGER acl_acl_settings_after_insert AFTER INSERT ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'create', NEW.name, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_acl_settings_after_update AFTER UPDATE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'patch', NEW.name, NULL);
END;

CREATE TRIGGER acl_acl_settings_after_delete AFTER DELETE ON acl_settings
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('setting', 'remove', OLD.name, NULL);
END;
