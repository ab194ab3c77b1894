// The example for Node tells refusals apart by their word through drivers, query builders and their wrapped errors.
// Run by tests/hosts with the name of one driver in ACLITE_TEST_TOOL, since a process has one SQLite only, and the extension
// and the prepared file of world.rs in the environment.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { pathToFileURL } = require("node:url");
const { refusal } = require("../../examples/node/refusals.js");

const { ACLITE_TEST_EXTENSION: EXTENSION, ACLITE_TEST_WORLD: WORLD, ACLITE_TEST_TOOL: DRIVER } = process.env;
const Database = require(DRIVER);

// What bo is refused, and the word and the status of it.
const REFUSED = [
  ["UPDATE acl_rules SET needs = 'none'", "denied", 403],
  ["UPDATE tasks SET status = 'running' WHERE task_id = 't-x'", "not_found", 404],
  ["UPDATE tasks SET session_id = 's-v' WHERE task_id = 't-w'", "immutable", 403],
  ["UPDATE tasks SET status = 'running' WHERE task_id = 't-done'", "conflict", 409],
  ["UPDATE tasks SET data = '[]' WHERE task_id = 't-w'", "invalid", 400],
];

// Every connection that the client opens is one that has signed in.
class Guarded extends Database {
  constructor(...given) {
    super(...given);
    this.loadExtension(EXTENSION);
    this.prepare("SELECT acl_login('bo')").get();
  }
}
require.cache[require.resolve(DRIVER)].exports = Guarded;
const client = (file) => require("@libsql/client").createClient({ url: pathToFileURL(file).href });

// Each opens the file, and runs a statement or fails with the error of its kind.
const direct = (file) => {
  const db = new Guarded(file);
  return async (sql) => db.prepare(sql).run();
};
const WRAPPERS = {
  "better-sqlite3": {
    direct,
    drizzle(file) {
      const db = require("drizzle-orm/better-sqlite3").drizzle(new Guarded(file));
      return async (sql) => db.run(require("drizzle-orm").sql.raw(sql));
    },
    kysely(file) {
      const { Kysely, SqliteDialect, sql } = require("kysely");
      const db = new Kysely({ dialect: new SqliteDialect({ database: new Guarded(file) }) });
      return (text) => sql.raw(text).execute(db);
    },
  },
  libsql: {
    direct,
    "@libsql/client": (file) => (sql) => client(file).execute(sql),
    drizzle(file) {
      const db = require("drizzle-orm/libsql").drizzle(client(file));
      return (sql) => db.run(require("drizzle-orm").sql.raw(sql));
    },
  },
};

for (const [name, open] of Object.entries(WRAPPERS[DRIVER])) {
  test(`${DRIVER}: ${name}`, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "aclite-refusals-"));
    const file = path.join(dir, "work.db");
    fs.copyFileSync(WORLD, file);
    const run = open(file);
    for (const [statement, code, status] of REFUSED) {
      await assert.rejects(run(statement), (error) => {
        const found = refusal(error);
        assert.deepEqual([found?.code, found?.status], [code, status], `${statement}: ${error.message}`);
        return true;
      });
    }
    await run("UPDATE tasks SET status = 'running' WHERE task_id = 't-w'");
    fs.rmSync(dir, { recursive: true });
  });
}
