-- What a detached file has in place of guards, on each table that had some: it refuses connections of aclite's and of hosts
-- that have loaded the extension. On these the option ACLITE is one that SQLite was compiled with; everywhere else
-- it is not, and any other program writes as it likes.
-- As it stands the file is about a table `notes`; the writer puts the real names in.

CREATE TRIGGER /*+ trigger insert = */acl_notes_detached_insert/*-*/ BEFORE INSERT ON /*+ table = */notes/*-*/
BEGIN
  SELECT RAISE(ABORT, 'aclite: detached: the guards of this file were taken out: run `aclite adopt FILE` to put them in again')
  WHERE sqlite_compileoption_used('ACLITE');
END;

CREATE TRIGGER /*+ trigger update = */acl_notes_detached_update/*-*/ BEFORE UPDATE ON /*+ table = */notes/*-*/
BEGIN
  SELECT RAISE(ABORT, 'aclite: detached: the guards of this file were taken out: run `aclite adopt FILE` to put them in again')
  WHERE sqlite_compileoption_used('ACLITE');
END;

CREATE TRIGGER /*+ trigger delete = */acl_notes_detached_delete/*-*/ BEFORE DELETE ON /*+ table = */notes/*-*/
BEGIN
  SELECT RAISE(ABORT, 'aclite: detached: the guards of this file were taken out: run `aclite adopt FILE` to put them in again')
  WHERE sqlite_compileoption_used('ACLITE');
END;
