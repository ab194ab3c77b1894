"""What Python's ORMs and tools send: create, read, change and remove, in bulk, upserts, endings, savepoints, refusals.

Run by tests/hosts with the name of one tool, and the extension and the prepared file of world.rs in the environment.
Each tool plays the same scenes, in its own words; who acts is bo, who owns `w-w`, and sees nothing of `w-x`.
"""

import json
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import time
import unittest

EXTENSION = os.environ["ACLITE_TEST_EXTENSION"]
WORLD = os.environ["ACLITE_TEST_WORLD"]


def now():
    return int(time.time() * 1000)


def task(key, session="s-w", **changes):
    row = {"task_id": key, "session_id": session, "created_at": now(), "status": "running", "created_by": "bo", "data": "{}"}
    return {**row, **changes}


def sign_in(connection, user="bo"):
    connection.enable_load_extension(True)
    connection.load_extension(EXTENSION)
    connection.execute("SELECT acl_login(?)", (user,)).fetchall()


class Sqlalchemy:
    """SQLAlchemy, with classes mapped to the file's tables."""

    def __init__(self, file):
        import sqlalchemy
        from sqlalchemy.ext.automap import automap_base
        from sqlalchemy.orm import Session

        self.sql = sqlalchemy
        self.engine = sqlalchemy.create_engine(f"sqlite:///{file}")

        @sqlalchemy.event.listens_for(self.engine, "connect")
        def connected(connection, _):
            connection.isolation_level = None  # SQLAlchemy's recipe for savepoints: it says BEGIN itself
            sign_in(connection)

        @sqlalchemy.event.listens_for(self.engine, "begin")
        def begun(connection):
            connection.exec_driver_sql("BEGIN")

        base = automap_base()
        base.prepare(autoload_with=self.engine)
        self.Task = base.classes.tasks
        self.session = Session(self.engine)
        self.error = sqlalchemy.exc.DBAPIError
        self.version = sqlalchemy.__version__

    def close(self):
        self.session.close()
        self.engine.dispose()

    def create(self, row):
        self.session.add(self.Task(**row))
        self.done()

    def done(self):
        try:
            self.session.commit()
        except self.error:
            self.session.rollback()
            raise

    def bulk(self, rows):
        try:
            self.session.execute(self.sql.insert(self.Task), rows)
        except self.error:
            self.session.rollback()
            raise
        self.done()

    def get(self, key):
        found = self.session.get(self.Task, key, populate_existing=True)
        return found and {"status": found.status, "completed_at": found.completed_at, "data": found.data}

    def change(self, key, **changes):
        found = self.session.get(self.Task, key)
        for name, value in changes.items():
            setattr(found, name, value)
        self.done()

    def remove(self, key):
        self.session.delete(self.session.get(self.Task, key))
        self.done()

    def _upsert(self, row, how):
        from sqlalchemy.dialects.sqlite import insert

        try:
            self.session.execute(how(insert(self.Task).values(**row)))
        except self.error:
            self.session.rollback()
            raise
        self.done()

    def upsert(self, row):
        self._upsert(row, lambda new: new.on_conflict_do_update(index_elements=["task_id"], set_={"data": new.excluded.data}))

    def ignore(self, row):
        self._upsert(row, lambda new: new.on_conflict_do_nothing())

    def replace(self, row):
        self._upsert(row, lambda new: new.prefix_with("OR REPLACE"))

    def undone_savepoint(self, kept, undone):
        self.session.add(self.Task(**kept))
        self.session.flush()
        savepoint = self.session.begin_nested()
        self.session.add(self.Task(**undone))
        self.session.flush()
        savepoint.rollback()
        self.session.commit()


class Django:
    """Django's models, which it does not manage."""

    def __init__(self, file):
        import django
        from django.conf import settings

        if not settings.configured:
            settings.configure(
                DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file}},
                INSTALLED_APPS=[],
                DEFAULT_AUTO_FIELD="django.db.models.TextField",
            )
            django.setup()
        from django.db import Error, connection, models, transaction
        from django.db.backends.signals import connection_created

        self.transaction, self.connection, self.error, self.version = transaction, connection, Error, django.__version__
        if not hasattr(Django, "Task"):

            def connected(connection, **_):
                sign_in(connection.connection)

            connection_created.connect(connected, weak=False)

            class Task(models.Model):
                task_id = models.TextField(primary_key=True)
                session_id = models.TextField()
                created_at = models.BigIntegerField()
                completed_at = models.BigIntegerField(null=True)
                status = models.TextField()
                created_by = models.TextField()
                data = models.TextField()

                class Meta:
                    managed = False
                    db_table = "tasks"
                    app_label = "world"

            Django.Task = Task
        connection.close()
        connection.settings_dict["NAME"] = file
        self.tasks = Django.Task.objects

    def close(self):
        self.connection.close()

    def create(self, row):
        self.tasks.create(**row)

    def bulk(self, rows):
        self.tasks.bulk_create([self.Task(**row) for row in rows])

    def get(self, key):
        return self.tasks.filter(pk=key).values("status", "completed_at", "data").first()

    def change(self, key, **changes):
        found = self.tasks.get(pk=key)
        for name, value in changes.items():
            setattr(found, name, value)
        found.save()  # writes every column

    def remove(self, key):
        self.tasks.get(pk=key).delete()

    def upsert(self, row):
        self.tasks.bulk_create([self.Task(**row)], update_conflicts=True, unique_fields=["task_id"], update_fields=["data"])

    def ignore(self, row):
        self.tasks.bulk_create([self.Task(**row)], ignore_conflicts=True)

    def replace(self, row):
        with self.connection.cursor() as cursor:
            names = ", ".join(row)
            cursor.execute(f"REPLACE INTO tasks ({names}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))

    def undone_savepoint(self, kept, undone):
        with self.transaction.atomic():
            self.tasks.create(**kept)
            try:
                with self.transaction.atomic():
                    self.tasks.create(**undone)
                    raise KeyError("undone")
            except KeyError:
                pass


class Peewee:
    """peewee, with a model written for the table."""

    def __init__(self, file):
        import peewee

        class File(peewee.SqliteDatabase):
            def _add_conn_hooks(self, connection):
                super()._add_conn_hooks(connection)
                sign_in(connection)

        self.db = File(file)

        class Task(peewee.Model):
            task_id = peewee.TextField(primary_key=True)
            session_id = peewee.TextField()
            created_at = peewee.BigIntegerField()
            completed_at = peewee.BigIntegerField(null=True)
            status = peewee.TextField()
            created_by = peewee.TextField()
            data = peewee.TextField()

            class Meta:
                database = self.db
                table_name = "tasks"

        self.Task, self.excluded, self.error, self.version = Task, peewee.EXCLUDED, peewee.PeeweeException, peewee.__version__

    def close(self):
        self.db.close()

    def create(self, row):
        self.Task.create(**row)

    def bulk(self, rows):
        self.Task.insert_many(rows).execute()

    def get(self, key):
        return self.Task.select(self.Task.status, self.Task.completed_at, self.Task.data).where(self.Task.task_id == key).dicts().first()

    def change(self, key, **changes):
        found = self.Task.get_by_id(key)
        for name, value in changes.items():
            setattr(found, name, value)
        found.save()

    def remove(self, key):
        self.Task.get_by_id(key).delete_instance()

    def upsert(self, row):
        self.Task.insert(**row).on_conflict(conflict_target=[self.Task.task_id], update={self.Task.data: self.excluded.data}).execute()

    def ignore(self, row):
        self.Task.insert(**row).on_conflict_ignore().execute()

    def replace(self, row):
        self.Task.replace(**row).execute()

    def undone_savepoint(self, kept, undone):
        with self.db.atomic():
            self.Task.create(**kept)
            with self.db.atomic() as savepoint:
                self.Task.create(**undone)
                savepoint.rollback()


class SqliteUtils:
    """sqlite-utils, which knows the table by its name."""

    def __init__(self, file):
        import importlib.metadata

        import sqlite_utils

        connection = sqlite3.connect(file)
        sign_in(connection)
        self.db = sqlite_utils.Database(connection)
        self.tasks = self.db["tasks"]
        self.error, self.version = sqlite3.Error, importlib.metadata.version("sqlite-utils")

    def close(self):
        self.db.conn.close()

    def create(self, row):
        self.tasks.insert(row, pk="task_id")

    def bulk(self, rows):
        self.tasks.insert_all(rows, pk="task_id")

    def get(self, key):
        found = list(self.tasks.rows_where("task_id = ?", [key], select="status, completed_at, data"))
        return found[0] if found else None

    def change(self, key, **changes):
        self.tasks.update(key, changes)

    def remove(self, key):
        self.tasks.delete(key)

    def upsert(self, row):
        self.tasks.upsert(row, pk="task_id")

    def ignore(self, row):
        self.tasks.insert(row, pk="task_id", ignore=True)

    def replace(self, row):
        self.tasks.insert(row, pk="task_id", replace=True)

    def undone_savepoint(self, kept, undone):
        with self.db.conn:
            names = ", ".join(kept)
            insert = f"INSERT INTO tasks ({names}) VALUES ({', '.join('?' for _ in kept)})"
            self.db.execute("BEGIN") if not self.db.conn.in_transaction else None
            self.db.execute(insert, list(kept.values()))
            self.db.execute("SAVEPOINT one")
            self.db.execute(insert, list(undone.values()))
            self.db.execute("ROLLBACK TO one")
            self.db.execute("RELEASE one")


TOOLS = {"sqlalchemy": Sqlalchemy, "django": Django, "peewee": Peewee, "sqlite-utils": SqliteUtils}


class Scenes(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = str(pathlib.Path(directory.name, "orm.db"))
        shutil.copy(WORLD, self.file)
        self.tool = TOOLS[TOOL](self.file)
        self.addCleanup(self.tool.close)

    def ask(self, sql):
        db = sqlite3.connect(self.file)
        try:
            return [tuple(row) for row in db.execute(sql)]
        finally:
            db.close()

    def audited(self, key):
        return self.ask(f"SELECT operation, verdict FROM acl_audit WHERE door = 'sql' AND record = '{key}' ORDER BY seq")

    def refused(self, why, work):
        with self.assertRaises(self.tool.error) as caught:
            work()
        self.assertIn("aclite: ", str(caught.exception))
        self.assertRegex(str(caught.exception), why)

    def test_create_read_change_remove(self):
        self.tool.create(task("t-1"))
        self.assertEqual(self.tool.get("t-1")["status"], "running")
        self.tool.change("t-1", data='{"model":"m"}')
        self.assertEqual(json.loads(self.tool.get("t-1")["data"]), {"model": "m"})
        self.tool.remove("t-1")
        self.assertIsNone(self.tool.get("t-1"))
        self.assertEqual(self.audited("t-1"), [("create", "allowed"), ("patch", "allowed"), ("remove", "allowed")])

    def test_what_a_user_may_not_is_refused(self):
        self.refused("session `s-x`", lambda: self.tool.create(task("t-2", "s-x")))
        self.assertEqual(self.ask("SELECT count(*) FROM tasks WHERE task_id = 't-2'"), [(0,)])

    def test_many_at_once_are_all_or_none(self):
        self.tool.bulk([task(f"t-bulk-{n}") for n in range(250)])
        self.assertEqual(self.ask("SELECT count(*) FROM tasks WHERE task_id LIKE 't-bulk-%'"), [(250,)])
        self.refused("session `s-x`", lambda: self.tool.bulk([task("t-all"), task("t-none", "s-x")]))
        self.assertEqual(self.ask("SELECT count(*) FROM tasks WHERE task_id IN ('t-all', 't-none')"), [(0,)])

    def test_an_upsert_creates_and_changes(self):
        self.tool.upsert(task("t-3", data='{"n":1}'))
        created = self.ask("SELECT created_at FROM tasks WHERE task_id = 't-3'")[0][0]
        self.tool.upsert(task("t-3", created_at=created, data='{"n":2}'))
        self.assertEqual(self.tool.get("t-3")["data"], '{"n":2}')
        self.assertEqual(self.audited("t-3"), [("create", "allowed"), ("patch", "allowed")])

    def test_an_upsert_onto_what_is_hidden_is_refused_as_a_taken_id(self):
        self.refused("t-x", lambda: self.tool.upsert(task("t-x", data='{"n":2}')))
        self.refused("t-x", lambda: self.tool.ignore(task("t-x")))
        self.assertEqual(self.ask("SELECT session_id, json_extract(data, '$.n') FROM tasks WHERE task_id = 't-x'"), [("s-x", None)])

    def test_what_is_there_already_can_be_ignored(self):
        before = self.ask("SELECT * FROM tasks WHERE task_id = 't-w'")
        self.tool.ignore(task("t-w", status="failed"))
        self.assertEqual(self.ask("SELECT * FROM tasks WHERE task_id = 't-w'"), before)
        self.tool.ignore(task("t-4"))
        self.assertEqual(self.tool.get("t-4")["status"], "running")

    def test_replacing_is_refused_and_names_what_to_use(self):
        before = self.ask("SELECT * FROM tasks WHERE task_id = 't-w'"), self.ask("SELECT * FROM messages")
        self.refused("ON CONFLICT", lambda: self.tool.replace(task("t-w")))
        self.assertEqual((self.ask("SELECT * FROM tasks WHERE task_id = 't-w'"), self.ask("SELECT * FROM messages")), before)

    def test_an_ending_without_a_time_gets_one(self):
        self.tool.create(task("t-5"))
        before = now()
        self.tool.change("t-5", status="completed")
        self.assertEqual(self.tool.get("t-5")["status"], "completed")
        ((completed,),) = self.ask("SELECT completed_at FROM tasks WHERE task_id = 't-5'")
        self.assertTrue(before <= completed <= now(), completed)
        self.assertEqual(self.audited("t-5"), [("create", "allowed"), ("patch", "allowed")])

    def test_a_savepoint_takes_its_rows_and_their_audit_back(self):
        self.tool.undone_savepoint(task("t-kept"), task("t-undone"))
        self.assertEqual(self.ask("SELECT task_id FROM tasks WHERE task_id IN ('t-kept', 't-undone')"), [("t-kept",)])
        self.assertEqual((self.audited("t-kept"), self.audited("t-undone")), ([("create", "allowed")], []))


if __name__ == "__main__":
    TOOL = sys.argv.pop(1)
    file = pathlib.Path(tempfile.mkdtemp(), "version.db")
    shutil.copy(WORLD, file)
    tool = TOOLS[TOOL](str(file))
    print(TOOL, tool.version, "SQLite", sqlite3.sqlite_version, file=sys.stderr)
    tool.close()
    shutil.rmtree(file.parent)
    unittest.main(verbosity=2)
