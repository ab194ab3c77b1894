-- Guards of the rules: only the daemon changes them.

CREATE TRIGGER acl_acl_rules_before_insert BEFORE INSERT ON acl_rules
BEGIN
  /*+ columns */
  SELECT acl_guard('rule', 'create',
    /*: id */ NEW.resource || ' ' || NEW.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'create')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_rules_before_update BEFORE UPDATE ON acl_rules
BEGIN
  /*+ columns */
  SELECT acl_guard('rule', 'patch',
    /*: id */ OLD.resource || ' ' || OLD.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'patch')
    /*+ row */);
END;

CREATE TRIGGER acl_acl_rules_before_delete BEFORE DELETE ON acl_rules
BEGIN
  SELECT acl_guard('rule', 'remove',
    /*: id */ OLD.resource || ' ' || OLD.operation, /*: actor_role */ (SELECT role FROM acl_actor_facts),
    /*: own */ 0, /*: rule */ (SELECT rule FROM acl_rule WHERE resource = 'rule' AND operation = 'remove'));
END;

CREATE TRIGGER acl_acl_rules_after_insert AFTER INSERT ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'create', NEW.resource || ' ' || NEW.operation, /*+ rowid = */NEW.rowid/*-*/);
END;

CREATE TRIGGER acl_acl_rules_after_update AFTER UPDATE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'patch', NEW.resource || ' ' || NEW.operation, NULL);
END;

CREATE TRIGGER acl_acl_rules_after_delete AFTER DELETE ON acl_rules
BEGIN
  UPDATE acl_epoch SET epoch = epoch + 1;
  SELECT acl_complete_write('rule', 'remove', OLD.resource || ' ' || OLD.operation, NULL);
END;
