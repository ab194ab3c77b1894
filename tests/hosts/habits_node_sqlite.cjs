// What is node:sqlite's own: options at opening, changesets, iterators, and errors with SQLite's code.
// Run by tests/hosts with the extension and the prepared file of world.rs in the environment.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const { DatabaseSync, constants } = require("node:sqlite");

const { ACLITE_TEST_EXTENSION: EXTENSION, ACLITE_TEST_WORLD: WORLD } = process.env;
const REFUSED = "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'"; // dee may only view it
const MAY_NOT = { code: "ERR_SQLITE_ERROR", message: /aclite: .*may not patch task `t-w`/ };

// A test with a copy of the prepared file.
function habit(name, play) {
  test(name, () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "aclite-habit-"));
    try {
      const file = path.join(dir, "habit.db");
      fs.copyFileSync(WORLD, file);
      play(file);
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
}

function connect(file, user, options) {
  const db = new DatabaseSync(file, { allowExtension: true, ...options });
  db.loadExtension(EXTENSION);
  login(db, user);
  return db;
}

const value = (db, sql, ...given) => Object.values(db.prepare(sql).get(...given))[0];
const login = (db, user) => assert.equal(value(db, "SELECT acl_login(?)", user), user);
const check = (db) => JSON.parse(value(db, "SELECT acl_check()"));

habit("no option at opening opens a way round the guards", (file) => {
  for (const options of [{}, { enableForeignKeyConstraints: false }, { enableDoubleQuotedStringLiterals: true }, { defensive: false }]) {
    const db = connect(file, "dee", options);
    assert.equal(check(db).clean, true, JSON.stringify(options));
    assert.throws(() => db.exec(REFUSED), MAY_NOT);
    db.exec("UPDATE users SET name = 'Dee' WHERE user_id = 'dee'");
    db.close();
  }
});

habit("what the host switches off again stops every write", (file) => {
  const db = connect(file, "bo");
  db.exec("PRAGMA foreign_keys = OFF");
  assert.throws(() => db.exec(REFUSED), /`foreign_keys` is off/);
  assert.match(check(db).connection, /`foreign_keys` is off/);
  db.close();
});

habit("a connection that only reads has nothing to record", (file) => {
  const db = connect(file, "dee", { readOnly: true });
  assert.throws(() => db.exec(REFUSED), /readonly/);
  const { clean, unrecorded } = check(db);
  assert.deepEqual({ clean, unrecorded }, { clean: true, unrecorded: null });
  db.close();
});

habit("a changeset is written row by row under whoever applies it", (file) => {
  const theirs = path.join(path.dirname(file), "theirs.db");
  fs.copyFileSync(file, theirs);
  const owner = connect(theirs, "bo");
  const session = owner.createSession({ table: "tasks" });
  owner.exec(REFUSED); // which bo may
  const changes = session.changeset();
  owner.close();
  assert.ok(changes.length > 0);
  const db = connect(file, "dee");
  for (const onConflict of [undefined, () => constants.SQLITE_CHANGESET_REPLACE, () => constants.SQLITE_CHANGESET_OMIT]) {
    const applied = () => db.applyChangeset(changes, onConflict === undefined ? {} : { onConflict });
    assert.throws(applied, { code: "ERR_SQLITE_ERROR" });
    assert.equal(value(db, "SELECT status FROM tasks WHERE task_id = 't-w'"), "created");
  }
  login(db, "bo");
  assert.equal(db.applyChangeset(changes), true);
  assert.equal(value(db, "SELECT status FROM tasks WHERE task_id = 't-w'"), "running");
  db.close();
});

habit("nobody signs in while rows of RETURNING are left", (file) => {
  const db = connect(file, "bo");
  db.exec("CREATE TABLE mine (a)");
  const rows = db.prepare("INSERT INTO mine VALUES (1), (2), (3) RETURNING a").iterate();
  assert.equal(rows.next().value.a, 1);
  assert.throws(() => value(db, "SELECT acl_login('dee')"), /can't be called while a statement writes/);
  assert.equal([...rows].length, 2);
  login(db, "dee");
  db.close();
});

test("versions", () => {
  console.log(`node ${process.version}, SQLite ${value(new DatabaseSync(":memory:"), "SELECT sqlite_version()")}`);
});
