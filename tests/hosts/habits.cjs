// What is better-sqlite3's own: transactions as functions, iterators, big integers, workers, and how processes end.
// Run by tests/hosts with the extension and the prepared file of world.rs in the environment.
"use strict";
const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { isMainThread, parentPort, Worker, workerData } = require("node:worker_threads");
const Database = require("better-sqlite3");

const { ACLITE_TEST_EXTENSION: EXTENSION, ACLITE_TEST_WORLD: WORLD } = process.env;
const REFUSED = "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'"; // dee may only view it
const ALLOWED = "UPDATE users SET name = 'Dee' WHERE user_id = 'dee'";
const MAY_NOT = { name: "SqliteError", code: "SQLITE_AUTH", message: /^aclite: denied: may not patch task `t-w`: needs `prompt`/ };

function connect(file, user, options) {
  const db = new Database(file, options);
  db.loadExtension(EXTENSION);
  db.prepare("SELECT acl_login(?)").get(user);
  return db;
}

function ask(file, sql) {
  const db = new Database(file);
  try {
    return db.prepare(sql).pluck().all();
  } finally {
    db.close();
  }
}

const denials = (file) =>
  ask(file, "SELECT actor || ' ' || record FROM acl_audit WHERE door = 'sql' AND verdict = 'denied' ORDER BY seq");
const dees = (file) => ask(file, "SELECT name FROM users WHERE user_id = 'dee'")[0];

// A worker writes a hundred times under its own name.
if (!isMainThread) {
  const db = connect(workerData.file, workerData.user, { timeout: 60000 });
  const counts = { written: 0, refused: 0 };
  for (let turn = 0; turn < 100; turn++) {
    try {
      db.prepare("UPDATE tasks SET data = acl_merge(data, '{\"n\":1}') WHERE task_id = 't-w'").run();
      counts.written++;
    } catch (error) {
      assert.match(error.message, MAY_NOT.message);
      counts.refused++;
    }
  }
  db.close();
  parentPort.postMessage(counts);
  return;
}

const { test } = require("node:test");

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

habit("a refused statement rolls db.transaction back, and is in the audit then", (file) => {
  const db = connect(file, "dee");
  const both = db.transaction(() => {
    db.prepare(ALLOWED).run();
    db.prepare(REFUSED).run();
  });
  assert.throws(both, MAY_NOT);
  assert.equal(db.inTransaction, false);
  assert.equal(dees(file), null);
  assert.deepEqual(denials(file), ["dee t-w"]);
  db.close();
});

habit("a refusal has the code that fits its kind", (file) => {
  for (const [user, sql, code, word] of [
    ["dee", REFUSED, "SQLITE_AUTH", "denied"],
    ["dee", "DELETE FROM tasks WHERE task_id = 't-v'", "SQLITE_AUTH", "not_found"],
    ["bo", "UPDATE tasks SET data = '1'", "SQLITE_CONSTRAINT_TRIGGER", "invalid"],
    ["bo", "UPDATE tasks SET task_id = 'other' WHERE task_id = 't-w'", "SQLITE_CONSTRAINT_TRIGGER", "immutable"],
    ["bo", "UPDATE tasks SET status = 'running' WHERE task_id = 't-done'", "SQLITE_CONSTRAINT_TRIGGER", "conflict"],
    ["bo", "SELECT acl_login('nobody')", "SQLITE_AUTH_USER", "not_authenticated"],
  ]) {
    const db = connect(file, user);
    const refused = { name: "SqliteError", code, message: new RegExp(`^aclite: ${word}: `) };
    assert.throws(() => db.prepare(sql)[sql.startsWith("SELECT") ? "get" : "run"](), refused, sql);
    db.close();
  }
});

// As better-sqlite3 and libsql throw it, as drizzle wraps it (older versions in the text, newer ones as the cause), as Knex does.
test("the example finds the word in every wrapper", () => {
  const { refusal } = require("../../examples/node/refusals.js");
  const text = "aclite: denied: may not patch task `t-w`: needs `prompt`";
  const driver = Object.assign(new Error(text), { code: "SQLITE_AUTH" });
  const found = { code: "denied", message: "may not patch task `t-w`: needs `prompt`", status: 403 };
  assert.deepEqual(refusal(driver), found);
  assert.deepEqual(refusal(new Error(`SQLITE_AUTH: ${text}`)), found);
  assert.deepEqual(refusal(new Error("Failed query: update tasks set status = ? /* aclite: invalid: x */", { cause: driver })), found);
  assert.deepEqual(refusal(new Error(`update \`tasks\` set \`status\` = 'x' - ${text}`)), found);
  assert.equal(refusal(new Error("no such table: tasks")), undefined);
  assert.equal(refusal(undefined), undefined);
});

habit("a refusal that db.transaction swallows is in the audit after the next sign-in", (file) => {
  const db = connect(file, "dee");
  db.transaction(() => {
    db.prepare(ALLOWED).run();
    assert.throws(() => db.prepare(REFUSED).run(), MAY_NOT);
  })();
  assert.equal(dees(file), "Dee");
  db.prepare("SELECT acl_login('dee')").get();
  assert.deepEqual(denials(file), ["dee t-w"]);
  db.close();
});

habit("a refusal ends the inner of two transactions only", (file) => {
  const db = connect(file, "dee");
  const inner = db.transaction(() => {
    db.prepare("UPDATE users SET emoji = '!' WHERE user_id = 'dee'").run();
    db.prepare(REFUSED).run();
  });
  db.transaction(() => {
    assert.throws(inner, MAY_NOT);
    db.prepare(ALLOWED).run();
  })();
  db.close();
  assert.deepEqual(ask(file, "SELECT name || ifnull(emoji, '') FROM users WHERE user_id = 'dee'"), ["Dee"]);
  assert.deepEqual(denials(file), ["dee t-w"]);
});

habit("a prepared statement is judged by who is signed in when it runs", (file) => {
  const db = connect(file, "bo");
  const patch = db.prepare("UPDATE tasks SET data = acl_merge(data, ?) WHERE task_id = ? RETURNING task_id").pluck();
  const login = db.prepare("SELECT acl_login(?)").pluck();
  assert.equal(patch.get('{"n":1}', "t-w"), "t-w");
  assert.equal(login.get("dee"), "dee");
  assert.throws(() => patch.get('{"n":2}', "t-w"), MAY_NOT);
  assert.equal(login.get("bo"), "bo");
  assert.equal(patch.get('{"n":3}', "t-w"), "t-w");
  db.close();
});

habit("times may be numbers and big integers", (file) => {
  const db = connect(file, "bo");
  const create = db.prepare(
    "INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data) VALUES (?, 's-w', ?, 'created', 'bo', '{}')",
  );
  create.run("t-number", Date.now());
  create.run("t-big", BigInt(Date.now()));
  assert.deepEqual(
    db.prepare("SELECT DISTINCT typeof(created_at) FROM tasks WHERE task_id IN ('t-number', 't-big')").pluck().all(),
    ["integer"],
  );
  db.defaultSafeIntegers();
  assert.equal(typeof db.prepare("SELECT acl_now()").pluck().get(), "bigint");
  assert.equal(db.prepare("SELECT acl_login('dee')").pluck().get(), "dee");
  db.close();
});

habit("nobody signs in while a RETURNING iterator is open", (file) => {
  const db = connect(file, "bo");
  const rows = db.prepare("UPDATE tasks SET status = 'running' WHERE session_id = 's-w' AND status = 'created' RETURNING task_id").iterate();
  assert.deepEqual(rows.next().value, { task_id: "t-w" });
  assert.throws(() => db.prepare("SELECT acl_login('dee')").get(), /can't be called while a statement writes/);
  rows.return();
  assert.deepEqual(db.prepare("SELECT acl_login('dee')").pluck().get(), "dee");
  db.close();
});

habit("workers write under their own names", async (file) => {
  const work = (user) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(__filename, { workerData: { file, user } });
      worker.on("message", resolve).on("error", reject);
    });
  const [bo, dee, su] = await Promise.all(["bo", "dee", "su"].map(work));
  assert.deepEqual([bo, dee, su], [{ written: 100, refused: 0 }, { written: 0, refused: 100 }, { written: 100, refused: 0 }]);
  assert.deepEqual([...new Set(denials(file))], ["dee t-w"]);
  assert.equal(denials(file).length, 100);
});

// What a process leaves in the audit, by how it ends.
for (const [end, inTransaction, kept] of [
  ["", false, true],
  ["process.exit(0)", false, true],
  ["process.kill(process.pid, 'SIGKILL')", false, true],
  ["", true, true],
  ["process.exit(0)", true, false],
  ["process.kill(process.pid, 'SIGKILL')", true, false],
]) {
  const where = inTransaction ? "in a transaction" : "alone";
  habit(`a refusal ${where}, then ${end || "the end"}: ${kept ? "kept" : "lost"}`, (file) => {
    const program = `
      const db = new (require("better-sqlite3"))(${JSON.stringify(file)});
      db.loadExtension(${JSON.stringify(EXTENSION)});
      db.prepare("SELECT acl_login('dee')").get();
      ${inTransaction ? `db.exec("BEGIN"); db.exec("${ALLOWED}");` : ""}
      try { db.exec("${REFUSED}"); } catch (error) { require("fs").writeSync(1, error.message); }
      ${end}`;
    const played = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
    assert.match(played.stdout, MAY_NOT.message, played.stderr);
    assert.deepEqual(denials(file), kept ? ["dee t-w"] : []);
    assert.equal(dees(file), null);
  });
}

test("versions", () => {
  const sqlite = new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get();
  console.log(`node ${process.version}, better-sqlite3 ${require("better-sqlite3/package.json").version}, SQLite ${sqlite}`);
});
