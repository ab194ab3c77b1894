-- The users whom Agor's tests name as creators, which in their plain files are nobody.
SELECT acl_system('tests');
INSERT INTO users (user_id, created_at, email, password, role, data)
SELECT value, acl_now(), value || '@aclite.invalid', 'a hash', iif(value = 'test-user', 'superadmin', 'member'), '{}'
FROM json_each('["test-user", "test", "user-123"]');
