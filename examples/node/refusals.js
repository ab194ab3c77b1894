// What aclite said of a failed statement, whichever driver and whatever wraps its error.
"use strict";

const STATUS = {
  not_authenticated: 401,
  denied: 403,
  not_found: 404,
  immutable: 403,
  conflict: 409,
  identity_drift: 403,
  ambiguous: 400,
  invalid: 400,
  busy: 503,
};

// SQLite's text begins with `aclite: WORD: `. drizzle, Knex and others put words of their own before it, or keep the driver's
// error as the cause of theirs: so the word is searched for, from the innermost error out.
function refusal(error) {
  const inner = error?.cause && refusal(error.cause);
  if (inner) return inner;
  const [, code, message] = /aclite: ([a-z_]+): (.*)/s.exec(error?.message ?? "") ?? [];
  return code && { code, message, status: STATUS[code] ?? 500 };
}

module.exports = { refusal };
