// Stands in for the package `libsql`: each connection to a guarded file loads the extension and says who acts.
"use strict";
const { basename } = require("node:path");
const Unguarded = require("./unguarded.js");

const { ACLITE_EXTENSION, ACLITE_SIGN_IN, AGOR_FILES } = process.env;

class Database extends Unguarded {
  constructor(path, options) {
    super(path, options);
    if (!ACLITE_SIGN_IN || !path.startsWith(AGOR_FILES)) return;
    this.loadExtension(ACLITE_EXTENSION);
    // Where nobody is a user yet, the daemon makes the first.
    this.prepare(basename(path).startsWith("empty") ? "SELECT acl_system('tests')" : ACLITE_SIGN_IN).get();
  }
}

module.exports = Object.assign(Database, Unguarded);
module.exports.default = Database;
