// A Feathers-like service of tasks. What a caller may do is decided by the file, not here.
"use strict";
const { refusal } = require("./refusals.js");

class Tasks {
  constructor(db) {
    this.login = db.prepare("SELECT acl_login(?)");
    this.logout = db.prepare("SELECT acl_logout()");
    this.update = db.prepare(`
      UPDATE tasks SET status = ifnull(:status, status), data = acl_merge(data, :data),
        completed_at = CASE WHEN :status IN ('completed', 'failed', 'stopped') THEN ifnull(completed_at, acl_now()) ELSE completed_at END
      WHERE task_id = :id RETURNING *`);
  }

  // No session_id: the guard looks it up. Nothing awaits between the sign-in and the write, so no other request comes between.
  patch(id, { status = null, ...rest }, params) {
    try {
      this.login.get(params.user?.id ?? "");
      const row = this.update.get({ id, status, data: JSON.stringify(rest) });
      // A record that is not there is no error of SQLite's. The answer is that for a hidden one.
      if (row === undefined) throw new Error(`aclite: not_found: there is no task \`${id}\``);
      const { data, ...columns } = row;
      return { ...JSON.parse(data), ...columns };
    } catch (error) {
      const { status: code, message } = refusal(error) ?? { status: 500, message: "the database failed" };
      throw Object.assign(new Error(message, { cause: error }), { code });
    } finally {
      this.logout.get();
    }
  }
}

module.exports = { Tasks };
