// node demo.js FILE EXTENSION: plays requests against a file that `aclite init FILE` has just made.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const Database = require("better-sqlite3");
const { Tasks } = require("./tasks.js");

const [file = "work.db", extension = path.join(__dirname, "../../target/release/libaclite")] = process.argv.slice(2);
const db = new Database(file);
db.loadExtension(extension);
db.prepare("SELECT acl_system(?)").get("first start");
db.exec(fs.readFileSync(path.join(__dirname, "../world.sql"), "utf8"));
db.prepare("SELECT acl_logout()").get();

const tasks = new Tasks(db);
for (const [user, id, patch] of [
  ["bo", "t-1", { model: "claude-sonnet-4-5", git_state: { sha: "f00d" } }],
  ["mallory", "t-1", { status: "failed" }],
  ["mallory", "t-2", { status: "failed" }],
  ["mallory", "t-9", { status: "failed" }],
  [undefined, "t-1", { status: "failed" }],
  ["bo", "t-1", { status: "completed" }],
  ["bo", "t-1", { status: "running" }],
  ["bo", "t-1", { created_by: "mallory" }],
]) {
  const asked = `${user ?? "nobody"} patches ${id} with ${JSON.stringify(patch)}:`;
  try {
    const task = tasks.patch(id, patch, { user: user && { id: user } });
    console.log(asked, 200, task.status, task.full_prompt, task.model);
  } catch (error) {
    console.log(asked, error.code, error.message);
  }
}
const refusals = db.prepare("SELECT count(*) FROM acl_audit WHERE verdict IN ('denied', 'conflict')").pluck();
console.log("in the audit:", refusals.get(), "refusals");
db.close();
