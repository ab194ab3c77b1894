// What JavaScript's query builders send: create, read, change and remove, in bulk, upserts, endings, savepoints, refusals.
// Run by tests/hosts with the name of one tool in ACLITE_TEST_TOOL, and the extension and the prepared file of world.rs in
// the environment. Who acts is bo, who owns `w-w` and sees nothing of `w-x`.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { test } = require("node:test");
const Database = require("better-sqlite3");

const { ACLITE_TEST_EXTENSION: EXTENSION, ACLITE_TEST_WORLD: WORLD, ACLITE_TEST_TOOL: TOOL } = process.env;

function signIn(db) {
  db.loadExtension(EXTENSION);
  db.prepare("SELECT acl_login('bo')").get();
  return db;
}

const task = (task_id, changes) => ({
  task_id,
  session_id: "s-w",
  created_at: Date.now(),
  status: "running",
  created_by: "bo",
  data: "{}",
  ...changes,
});

const TOOLS = {
  kysely(file) {
    const { Kysely, SqliteDialect } = require("kysely");
    const db = new Kysely({ dialect: new SqliteDialect({ database: signIn(new Database(file)) }) });
    const insert = (rows) => db.insertInto("tasks").values(rows);
    return {
      close: () => db.destroy(),
      create: (row) => insert(row).execute(),
      bulk: (rows) => insert(rows).execute(),
      get: (id) => db.selectFrom("tasks").selectAll().where("task_id", "=", id).executeTakeFirst(),
      change: (id, changes) => db.updateTable("tasks").set(changes).where("task_id", "=", id).execute(),
      remove: (id) => db.deleteFrom("tasks").where("task_id", "=", id).execute(),
      upsert: (row) =>
        insert(row)
          .onConflict((on) => on.column("task_id").doUpdateSet((row) => ({ data: row.ref("excluded.data") })))
          .execute(),
      ignore: (row) => insert(row).onConflict((on) => on.doNothing()).execute(),
      replace: (row) => db.replaceInto("tasks").values(row).execute(),
      async undoneSavepoint(kept, undone) {
        const transaction = await db.startTransaction().execute();
        await transaction.insertInto("tasks").values(kept).execute();
        const savepoint = await transaction.savepoint("one").execute();
        await savepoint.insertInto("tasks").values(undone).execute();
        const rest = await savepoint.rollbackToSavepoint("one").execute();
        await rest.commit().execute();
      },
    };
  },

  knex(file) {
    const db = require("knex")({
      client: "better-sqlite3",
      connection: { filename: file },
      useNullAsDefault: true,
      pool: { min: 1, max: 1, afterCreate: (connection, done) => done(null, signIn(connection)) },
    });
    return {
      close: () => db.destroy(),
      create: (row) => db("tasks").insert(row),
      bulk: (rows) => db.batchInsert("tasks", rows, 100),
      get: (id) => db("tasks").where("task_id", id).first(),
      change: (id, changes) => db("tasks").where("task_id", id).update(changes),
      remove: (id) => db("tasks").where("task_id", id).delete(),
      upsert: (row) => db("tasks").insert(row).onConflict("task_id").merge(["data"]),
      ignore: (row) => db("tasks").insert(row).onConflict("task_id").ignore(),
      replace: (row) => db.raw(db("tasks").insert(row).toString().replace(/^insert/i, "replace")),
      undoneSavepoint: (kept, undone) =>
        db.transaction(async (outer) => {
          await outer("tasks").insert(kept);
          const inner = outer.transaction(async (inner) => {
            await inner("tasks").insert(undone);
            throw new RangeError("undone");
          });
          await assert.rejects(inner, RangeError);
        }),
    };
  },

  drizzle(file) {
    const { eq, sql } = require("drizzle-orm");
    const { drizzle } = require("drizzle-orm/better-sqlite3");
    const { integer, sqliteTable, text } = require("drizzle-orm/sqlite-core");
    const tasks = sqliteTable("tasks", {
      task_id: text("task_id").primaryKey(),
      session_id: text("session_id").notNull(),
      created_at: integer("created_at").notNull(),
      started_at: integer("started_at"),
      completed_at: integer("completed_at"),
      status: text("status").notNull(),
      created_by: text("created_by").notNull(),
      data: text("data").notNull(),
    });
    const client = signIn(new Database(file));
    const db = drizzle(client);
    return {
      close: () => client.close(),
      create: async (row) => db.insert(tasks).values(row).returning().get(),
      bulk: async (rows) => db.insert(tasks).values(rows).run(),
      get: async (id) => db.select().from(tasks).where(eq(tasks.task_id, id)).get(),
      change: async (id, changes) => db.update(tasks).set(changes).where(eq(tasks.task_id, id)).run(),
      remove: async (id) => db.delete(tasks).where(eq(tasks.task_id, id)).run(),
      upsert: async (row) =>
        db
          .insert(tasks)
          .values(row)
          .onConflictDoUpdate({ target: tasks.task_id, set: { data: sql`excluded.data` } })
          .run(),
      ignore: async (row) => db.insert(tasks).values(row).onConflictDoNothing().run(),
      replace: async (row) =>
        db.run(sql`REPLACE INTO tasks (task_id, session_id, created_at, status, created_by, data)
          VALUES (${row.task_id}, ${row.session_id}, ${row.created_at}, ${row.status}, ${row.created_by}, ${row.data})`),
      async undoneSavepoint(kept, undone) {
        db.transaction((outer) => {
          outer.insert(tasks).values(kept).run();
          const inner = () =>
            outer.transaction((inner) => {
              inner.insert(tasks).values(undone).run();
              throw new RangeError("undone");
            });
          assert.throws(inner, RangeError);
        });
      },
    };
  },
};

// A test with a copy of the prepared file, the tool, and a question about what is stored.
function scene(name, play) {
  test(name, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "aclite-orm-"));
    const file = path.join(dir, "orm.db");
    fs.copyFileSync(WORLD, file);
    const tool = TOOLS[TOOL](file);
    const ask = (sql) => {
      const db = new Database(file);
      try {
        return db.prepare(sql).raw().all();
      } finally {
        db.close();
      }
    };
    try {
      await play(tool, ask);
    } finally {
      await tool.close();
      fs.rmSync(dir, { recursive: true });
    }
  });
}

const audited = (ask, id) =>
  ask(`SELECT operation, verdict FROM acl_audit WHERE door = 'sql' AND record = '${id}' ORDER BY seq`).map((row) => row.join(" "));

// A tool may put words of its own before SQLite's, or wrap the error: ours stand somewhere in it.
async function refused(why, work) {
  await assert.rejects(work, (error) => {
    const said = `${error.message} ${error.cause?.message ?? ""}`;
    assert.match(said, /aclite: /);
    assert.match(said, why);
    return true;
  });
}

scene("create, read, change, remove", async (tool, ask) => {
  await tool.create(task("t-1"));
  assert.equal((await tool.get("t-1")).status, "running");
  await tool.change("t-1", { data: '{"model":"m"}' });
  assert.deepEqual(JSON.parse((await tool.get("t-1")).data), { model: "m" });
  await tool.remove("t-1");
  assert.equal(await tool.get("t-1"), undefined);
  assert.deepEqual(audited(ask, "t-1"), ["create allowed", "patch allowed", "remove allowed"]);
});

scene("what a user may not do is refused", async (tool, ask) => {
  await refused(/session `s-x`/, () => tool.create(task("t-2", { session_id: "s-x" })));
  assert.deepEqual(ask("SELECT task_id FROM tasks WHERE task_id = 't-2'"), []);
});

scene("many at once are all or none", async (tool, ask) => {
  await tool.bulk(Array.from({ length: 100 }, (_, n) => task(`t-bulk-${n}`)));
  assert.deepEqual(ask("SELECT count(*) FROM tasks WHERE task_id LIKE 't-bulk-%'"), [[100]]);
  await refused(/session `s-x`/, () => tool.bulk([task("t-all"), task("t-none", { session_id: "s-x" })]));
  assert.deepEqual(ask("SELECT count(*) FROM tasks WHERE task_id IN ('t-all', 't-none')"), [[0]]);
});

scene("an upsert creates and changes", async (tool, ask) => {
  const row = task("t-3", { data: '{"n":1}' });
  await tool.upsert(row);
  await tool.upsert({ ...row, data: '{"n":2}' });
  assert.equal((await tool.get("t-3")).data, '{"n":2}');
  assert.deepEqual(audited(ask, "t-3"), ["create allowed", "patch allowed"]);
});

scene("an upsert onto what is hidden is refused as a taken id", async (tool, ask) => {
  const before = ask("SELECT * FROM tasks WHERE task_id = 't-x'");
  await refused(/t-x/, () => tool.upsert(task("t-x", { data: '{"n":2}' })));
  await refused(/t-x/, () => tool.ignore(task("t-x")));
  assert.deepEqual(ask("SELECT * FROM tasks WHERE task_id = 't-x'"), before);
});

scene("what is there already can be ignored", async (tool, ask) => {
  const before = ask("SELECT * FROM tasks WHERE task_id = 't-w'");
  await tool.ignore(task("t-w", { status: "failed" }));
  assert.deepEqual(ask("SELECT * FROM tasks WHERE task_id = 't-w'"), before);
  await tool.ignore(task("t-4"));
  assert.equal((await tool.get("t-4")).status, "running");
});

scene("replacing is refused and names what to use", async (tool, ask) => {
  const all = () => [ask("SELECT * FROM tasks"), ask("SELECT * FROM messages")];
  const before = all();
  await refused(/ON CONFLICT/, () => tool.replace(task("t-w")));
  assert.deepEqual(all(), before);
});

scene("an ending without a time gets one", async (tool, ask) => {
  await tool.create(task("t-5"));
  const before = Date.now();
  await tool.change("t-5", { status: "completed" });
  const { status, completed_at } = await tool.get("t-5");
  assert.equal(status, "completed");
  assert.ok(before <= completed_at && completed_at <= Date.now(), `${completed_at}`);
  assert.deepEqual(audited(ask, "t-5"), ["create allowed", "patch allowed"]);
});

scene("a savepoint takes its rows and their audit back", async (tool, ask) => {
  await tool.undoneSavepoint(task("t-kept"), task("t-undone"));
  assert.deepEqual(ask("SELECT task_id FROM tasks WHERE task_id IN ('t-kept', 't-undone')"), [["t-kept"]]);
  assert.deepEqual([audited(ask, "t-kept"), audited(ask, "t-undone")], [["create allowed"], []]);
});

test("versions", () => {
  const sqlite = new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get();
  const name = TOOL === "drizzle" ? "drizzle-orm" : TOOL;
  const manifest = fs.readFileSync(require.resolve.paths("x").map((dir) => path.join(dir, name, "package.json")).find(fs.existsSync));
  console.log(`${name} ${JSON.parse(manifest).version}, SQLite ${sqlite}`);
});
