// Plays connections for tests/hosts: JSON of what to do on standard input, of what became of it on standard output.
"use strict";
const Database = require("better-sqlite3");
const fs = require("node:fs");

const text = (value) => (value === null ? "NULL" : String(value));

function play({ file, extension, sql }) {
  const db = new Database(file);
  if (extension !== null) db.loadExtension(extension);
  const statements = new Map(); // compiled once, so the same text is the same statement again
  const outcomes = sql.map((sql) => {
    try {
      if (!statements.has(sql)) statements.set(sql, db.prepare(sql));
      const statement = statements.get(sql);
      if (!statement.reader) return statement.run(), { rows: [] };
      return { rows: statement.raw().all().map((row) => row.map(text).join("|")) };
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      return { error: error.message };
    }
  });
  db.close();
  return outcomes;
}

fs.writeSync(1, JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(play)));
