// Plays connections for tests/hosts: JSON of what to do on standard input, of what became of it on standard output.
// Started by node, bun or deno, with the name of the module that holds SQLite.
"use strict";
const fs = require("node:fs");

// How each module opens a file, and runs a statement that it has compiled: rows as arrays.
const modules = {
  "better-sqlite3": {
    open: (file) => new (require("better-sqlite3"))(file),
    rows: (statement) => (statement.reader ? statement.raw().all() : (statement.run(), [])),
  },
  libsql: {
    open: (file) => new (require("libsql"))(file),
    rows: (statement) => (statement.reader ? statement.raw().all() : (statement.run(), [])),
  },
  "node:sqlite": {
    open: (file) => new (require("node:sqlite").DatabaseSync)(file, { allowExtension: true }),
    rows: (statement) => (statement.setReturnArrays(true), statement.all()),
  },
  "bun:sqlite": {
    open: (file) => new (require("bun:sqlite").Database)(file),
    rows: (statement) => statement.values(),
  },
};
const { open, rows } = modules[process.argv[2]];
open(":memory:").close(); // whether the module is there, which is all that is asked where nothing is to play

const text = (value) => (value === null ? "NULL" : String(value));
// What SQLite answered, whatever a module makes of it; anything else is a fault of this file.
const isSqlites = (error) => /^SQLite?Error$/i.test(error.name) || error.code === "ERR_SQLITE_ERROR";

function play({ file, extension, sql }) {
  const db = open(file);
  if (extension !== null) db.loadExtension(extension);
  const statements = new Map(); // compiled once, so the same text is the same statement again
  const outcomes = sql.map((sql) => {
    try {
      if (!statements.has(sql)) statements.set(sql, db.prepare(sql));
      return { rows: rows(statements.get(sql)).map((row) => Array.from(row, text).join("|")) };
    } catch (error) {
      if (!isSqlites(error)) throw error;
      return { error: error.message };
    }
  });
  db.close();
  return outcomes;
}

fs.writeSync(1, JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8") || "[]").map(play)));
