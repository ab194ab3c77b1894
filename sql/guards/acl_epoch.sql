-- Guards of the epoch: its one row goes up by one, and that is all.

CREATE TRIGGER acl_acl_epoch_before_insert BEFORE INSERT ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'create',
    /*: id */ NEW.one);
END;

CREATE TRIGGER acl_acl_epoch_before_update BEFORE UPDATE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'patch',
    /*: id */ OLD.one,
    /*: raised */ NEW.one IS OLD.one AND NEW.epoch IS OLD.epoch + 1 AND typeof(NEW.epoch) = 'integer');
END;

CREATE TRIGGER acl_acl_epoch_before_delete BEFORE DELETE ON acl_epoch
BEGIN
  SELECT acl_guard('epoch', 'remove',
    /*: id */ OLD.one);
END;
