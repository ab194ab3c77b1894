// What is libsql's own: encryption, statements that stay busy, iterators that fetch ahead, and the client of many connections.
// Run by tests/hosts with the extension and the prepared file of world.rs in the environment.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { pathToFileURL } = require("node:url");
const Database = require("libsql");

const { ACLITE_TEST_EXTENSION: EXTENSION, ACLITE_TEST_WORLD: WORLD } = process.env;
const REFUSED = "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'"; // dee may only view it
const MAY_NOT = /aclite: .*may not patch task `t-w`/;

// A test with a copy of the prepared file.
function habit(name, play) {
  test(name, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "aclite-habit-"));
    try {
      const file = path.join(dir, "habit.db");
      fs.copyFileSync(WORLD, file);
      await play(file);
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
}

function connect(file, user, options) {
  const db = new Database(file, options);
  db.loadExtension(EXTENSION);
  login(db, user);
  return db;
}

const value = (db, sql, ...given) => db.prepare(sql).raw().get(...given)[0];
const login = (db, user) => assert.equal(value(db, "SELECT acl_login(?)", user), user);
const check = (db) => JSON.parse(value(db, "SELECT acl_check()"));

function denials(file) {
  const db = new Database(file);
  try {
    return value(db, "SELECT count(*) FROM acl_audit WHERE door = 'sql' AND verdict = 'denied'");
  } finally {
    db.close();
  }
}

habit("an encrypted file is guarded, and its refusals leave no audit row", (file) => {
  const plain = new Database(file);
  plain.pragma("journal_mode = DELETE");
  plain.pragma("cipher = 'aes256cbc'");
  plain.pragma("rekey = 'a secret'");
  plain.close();
  const db = connect(file, "dee", { encryptionKey: "a secret" });
  assert.throws(() => db.exec(REFUSED), MAY_NOT);
  const { clean, unrecorded, connection, missing, altered } = check(db);
  assert.deepEqual({ clean, connection, missing, altered }, { clean: false, connection: null, missing: [], altered: [] });
  assert.match(unrecorded, /^refusals leave no audit row: .*aclite has none for an encrypted file$/);
  assert.throws(() => value(db, "SELECT acl_system('x')"), /the audit can't be written/);
  assert.throws(() => value(db, "SELECT acl_seal()"), /aclite: /);
  assert.throws(() => value(db, "SELECT acl_adopt()"), /aclite: /);
  login(db, "bo");
  db.exec(REFUSED); // which bo may, and which is in the audit
  assert.equal(value(db, "SELECT count(*) FROM acl_audit WHERE door = 'sql' AND record = 't-w' AND verdict = 'allowed'"), 1);
  assert.equal(value(db, "SELECT count(*) FROM acl_audit WHERE door = 'sql' AND verdict = 'denied'"), 0);
  db.close();
});

for (const [waits, name] of [
  ["BEGIN IMMEDIATE", null],
  ["UPDATE users SET name = 'Bo' WHERE user_id = 'bo'", "Bo"],
]) {
  habit(`after ${waits.split(" ")[0]} was told SQLITE_BUSY another signs in`, (file) => {
    const [db, other] = [connect(file, "bo"), new Database(file)];
    other.exec("BEGIN IMMEDIATE");
    const statement = db.prepare(waits);
    assert.throws(() => statement.run(), { code: "SQLITE_BUSY" });
    login(db, "dee");
    login(db, "bo");
    other.exec("COMMIT");
    // Until the statement is reset, SQLite commits nothing: that is libsql's, and the check says so.
    assert.match(check(db).connection, /a statement was told SQLITE_BUSY and not reset/);
    db.prepare("UPDATE users SET name = 'Bob' WHERE user_id = 'bo'").run();
    assert.equal(value(other, "SELECT name FROM users WHERE user_id = 'bo'"), null);
    assert.match(check(db).connection, /SQLite commits nothing until it is/);
    assert.equal(check(db).clean, false);
    // To run it once more resets it, and what was written meanwhile is gone.
    statement.run();
    if (db.inTransaction) db.exec("COMMIT");
    assert.equal(value(other, "SELECT name FROM users WHERE user_id = 'bo'"), name);
    assert.equal(check(db).connection, null);
    login(db, "dee");
    assert.throws(() => db.exec(REFUSED), MAY_NOT);
    db.close();
    other.close();
    assert.equal(denials(file), 1);
  });
}

habit("nobody signs in while rows of RETURNING are left, which libsql fetches a hundred at a time", (file) => {
  const db = connect(file, "bo");
  db.exec("CREATE TABLE mine (a)");
  const rows = db
    .prepare("INSERT INTO mine WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) SELECT i FROM n RETURNING a")
    .iterate();
  assert.equal(rows.next().value.a, 1);
  assert.throws(() => value(db, "SELECT acl_login('dee')"), /can't be called while a statement writes/);
  assert.equal([...rows].length, 149);
  login(db, "dee");
  db.close();
});

habit("a transaction that a refusal ends is undone, and the refusal is in the audit then", (file) => {
  const db = connect(file, "dee");
  const both = db.transaction(() => {
    db.exec("UPDATE users SET name = 'Dee' WHERE user_id = 'dee'");
    db.exec(REFUSED);
  });
  assert.throws(() => both.immediate(), MAY_NOT);
  assert.equal(value(db, "SELECT name FROM users WHERE user_id = 'dee'"), null);
  assert.equal(denials(file), 1);
  db.close();
});

habit("@libsql/client loads no extension, and so writes no guarded table", async (file) => {
  const client = require("@libsql/client").createClient({ url: pathToFileURL(file).href });
  await assert.rejects(client.execute({ sql: "SELECT load_extension(?)", args: [EXTENSION] }), /not authorized|no such function/);
  await assert.rejects(client.execute(REFUSED), /no such function: acl_/);
  assert.equal((await client.execute("SELECT count(*) AS n FROM tasks")).rows[0].n, 5);
  client.close();
});

habit("@libsql/client takes connections that have loaded it from a class of one's own", async (file) => {
  // Every connection that the client opens, at the beginning and for a transaction, is one of these.
  class Guarded extends Database {
    constructor(...given) {
      super(...given);
      this.loadExtension(EXTENSION);
      login(this, "dee");
    }
  }
  const { exports } = require.cache[require.resolve("libsql")];
  const forget = () => Object.keys(require.cache).forEach((name) => name.includes("@libsql") && delete require.cache[name]);
  require.cache[require.resolve("libsql")].exports = Guarded;
  forget();
  try {
    const client = require("@libsql/client").createClient({ url: pathToFileURL(file).href });
    await assert.rejects(client.execute(REFUSED), MAY_NOT);
    const transaction = await client.transaction("write");
    await transaction.execute("UPDATE users SET name = 'Dee' WHERE user_id = 'dee'");
    await assert.rejects(transaction.execute(REFUSED), MAY_NOT);
    await transaction.commit();
    await assert.rejects(client.execute(REFUSED), MAY_NOT);
    assert.equal((await client.execute("SELECT name FROM users WHERE user_id = 'dee'")).rows[0].name, "Dee");
    client.close();
    assert.equal(denials(file), 3);
  } finally {
    require.cache[require.resolve("libsql")].exports = exports;
    forget();
  }
});

test("versions", () => {
  const db = new Database(":memory:");
  console.log(`node ${process.version}, libsql, SQLite ${value(db, "SELECT sqlite_version()")}`);
  db.close();
});
