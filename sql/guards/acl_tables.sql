-- Guards of the list of further tables: nobody writes it but an installation, before its guards stand.

CREATE TRIGGER acl_acl_tables_before_insert BEFORE INSERT ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'create',
    /*: id */ NEW.name);
END;

CREATE TRIGGER acl_acl_tables_before_update BEFORE UPDATE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'patch',
    /*: id */ OLD.name);
END;

CREATE TRIGGER acl_acl_tables_before_delete BEFORE DELETE ON acl_tables
BEGIN
  SELECT acl_guard('meta', 'remove',
    /*: id */ OLD.name);
END;
