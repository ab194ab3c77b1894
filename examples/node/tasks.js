// A Feathers-like service of tasks. What a caller may do is decided by the file, not here.
"use strict";

const STATUS = [
  [401, /^aclite: (not signed in|no such user)/],
  [404, /^aclite: there is no /],
  [403, /^aclite: (may not |.* can't change$)/],
  [409, /^aclite: .* (has ended as|exists already)/],
  [400, /^aclite: `/],
];

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
      if (row === undefined) throw new Error(`aclite: there is no task \`${id}\``);
      const { data, ...columns } = row;
      return { ...JSON.parse(data), ...columns };
    } catch (error) {
      const [code] = STATUS.find(([, text]) => text.test(error.message)) ?? [500];
      throw Object.assign(new Error(error.message, { cause: error }), { code });
    } finally {
      this.logout.get();
    }
  }
}

module.exports = { Tasks };
