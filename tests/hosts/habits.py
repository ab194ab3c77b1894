"""What is Python's own: transactions that the module begins by itself, cursors left open, threads.

Run by tests/hosts with the extension and the prepared file of world.rs in the environment.
"""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

EXTENSION = os.environ["ACLITE_TEST_EXTENSION"]
WORLD = os.environ["ACLITE_TEST_WORLD"]
REFUSED = "UPDATE tasks SET status = 'running' WHERE task_id = 't-w'"  # dee may only view it
ALLOWED = "UPDATE users SET name = 'Dee' WHERE user_id = 'dee'"


def connect(file, user, **options):
    db = sqlite3.connect(file, **options)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    db.execute("SELECT acl_login(?)", (user,)).fetchall()
    return db


class Habit(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = str(pathlib.Path(directory.name, "habit.db"))
        shutil.copy(WORLD, self.file)

    def connect(self, user="dee", **options):
        db = connect(self.file, user, **options)
        self.addCleanup(db.close)
        return db

    def ask(self, sql):
        db = sqlite3.connect(self.file)
        try:
            return [row[0] for row in db.execute(sql)]
        finally:
            db.close()

    def denials(self):
        return self.ask("SELECT actor || ' ' || record FROM acl_audit WHERE door = 'sql' AND verdict = 'denied' ORDER BY seq")

    def refused(self, db, sql=REFUSED, why="may not patch task `t-w`"):
        with self.assertRaises(sqlite3.DatabaseError) as caught:
            db.execute(sql)
        self.assertIn(why, str(caught.exception))


class Transactions(Habit):
    """Before a write the module says BEGIN, and never COMMIT. A sign-in is no write."""

    def test_a_sign_in_begins_no_transaction(self):
        self.assertFalse(self.connect().in_transaction)

    def test_a_refused_statement_leaves_the_transaction_open_and_the_rest_of_it_stands(self):
        db = self.connect()
        db.execute(ALLOWED)
        self.refused(db)
        self.assertTrue(db.in_transaction)
        db.commit()
        self.assertEqual(self.ask("SELECT name FROM users WHERE user_id = 'dee'"), ["Dee"])

    def test_a_refusal_is_in_the_audit_after_the_rollback(self):
        db = self.connect()
        self.refused(db)
        self.assertEqual(self.denials(), [])  # the transaction holds the lock
        db.rollback()
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_a_refusal_before_a_commit_is_in_the_audit_after_the_next_sign_in(self):
        db = self.connect()
        self.refused(db)
        db.commit()
        db.execute("SELECT acl_login('bo')").fetchall()
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_a_refusal_before_a_commit_is_in_the_audit_after_the_connection_closes(self):
        db = self.connect()
        db.execute(ALLOWED)
        self.refused(db)
        db.commit()
        db.close()
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_a_refusal_in_an_open_transaction_is_in_the_audit_after_the_connection_closes(self):
        db = self.connect()
        db.execute(ALLOWED)
        self.refused(db)
        db.close()
        self.assertEqual(self.denials(), ["dee t-w"])
        self.assertEqual(self.ask("SELECT name FROM users WHERE user_id = 'dee'"), [None])

    def test_the_with_block_undoes_what_a_refusal_ends(self):
        db = self.connect()
        with self.assertRaises(sqlite3.DatabaseError), db:
            db.execute(ALLOWED)
            db.execute(REFUSED)
        self.assertFalse(db.in_transaction)
        self.assertEqual(self.ask("SELECT name FROM users WHERE user_id = 'dee'"), [None])
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_executemany_ends_at_the_refused_row(self):
        db = self.connect("bo")
        with self.assertRaises(sqlite3.DatabaseError):
            rows = [("t-w",), ("t-x",), ("t-s",)]
            db.executemany("UPDATE tasks SET status = 'running' WHERE task_id = ?", rows)
        db.rollback()
        self.assertEqual(self.ask("SELECT count(*) FROM tasks WHERE status = 'running'"), [0])
        self.assertEqual(self.denials(), ["bo t-x"])


class Codes(Habit):
    """A refusal has the exception that fits its kind, and its word in the text."""

    def test_who_may_not_gets_another_exception_than_a_value_that_is_not_allowed(self):
        for user, sql, exception, code, word in [
            ("dee", REFUSED, sqlite3.DatabaseError, "SQLITE_AUTH", "denied"),
            ("dee", "DELETE FROM tasks WHERE task_id = 't-v'", sqlite3.DatabaseError, "SQLITE_AUTH", "not_found"),
            ("bo", "UPDATE tasks SET data = '1'", sqlite3.IntegrityError, "SQLITE_CONSTRAINT_TRIGGER", "invalid"),
            ("bo", "UPDATE tasks SET task_id = 'other' WHERE task_id = 't-w'", sqlite3.IntegrityError, "SQLITE_CONSTRAINT_TRIGGER", "immutable"),
            ("bo", "UPDATE tasks SET status = 'running' WHERE task_id = 't-done'", sqlite3.IntegrityError, "SQLITE_CONSTRAINT_TRIGGER", "conflict"),
            ("bo", "SELECT acl_login('nobody')", sqlite3.DatabaseError, "SQLITE_AUTH_USER", "not_authenticated"),
            ("bo", "SELECT acl_system('')", sqlite3.IntegrityError, "SQLITE_CONSTRAINT_TRIGGER", "invalid"),
        ]:
            with self.subTest(sql):
                db = self.connect(user, isolation_level=None)
                with self.assertRaises(exception) as caught:
                    db.execute(sql).fetchall()
                self.assertIs(type(caught.exception), exception)
                self.assertTrue(str(caught.exception).startswith(f"aclite: {word}: "), caught.exception)
                if sys.version_info >= (3, 11):
                    self.assertEqual(caught.exception.sqlite_errorname, code)


class Ends(Habit):
    """A process that ends without closing its connection."""

    def play(self, lines):
        program = "\n".join(
            [
                "import os, sqlite3, sys",
                "db = sqlite3.connect(sys.argv[1], isolation_level=None)",
                "db.enable_load_extension(True)",
                "db.load_extension(sys.argv[2])",
                "db.execute(\"SELECT acl_login('dee')\").fetchall()",
                *lines,
                f'try: db.execute("{REFUSED}")',
                "except sqlite3.DatabaseError as error: print(error, flush=True)",
                "os._exit(7)",
            ]
        )
        played = subprocess.run([sys.executable, "-c", program, self.file, EXTENSION], capture_output=True, text=True)
        self.assertIn("may not patch task `t-w`", played.stdout)
        self.assertEqual(played.returncode, 7)

    def test_a_refusal_is_in_the_audit_before_the_caller_hears_of_it(self):
        self.play([])
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_in_a_transaction_the_end_loses_the_refusal_with_all_the_rest(self):
        self.play(['db.execute("BEGIN")', f'db.execute("{ALLOWED}")'])
        self.assertEqual(self.denials(), [])
        self.assertEqual(self.ask("SELECT name FROM users WHERE user_id = 'dee'"), [None])


class Cursors(Habit):
    """A cursor that is not read to its end keeps its statement running."""

    def test_nobody_signs_in_while_a_returning_cursor_is_open(self):
        db = self.connect("bo", isolation_level=None)
        rows = db.execute("UPDATE tasks SET status = 'running' WHERE session_id = 's-w' AND status = 'created' RETURNING task_id")
        with self.assertRaises(sqlite3.DatabaseError) as caught:
            db.execute("SELECT acl_login('dee')")
        self.assertIn("can't be called while a statement writes", str(caught.exception))
        self.assertEqual(rows.fetchall(), [("t-w",)])
        self.assertEqual(db.execute("SELECT acl_login('dee')").fetchall(), [("dee",)])

    def test_somebody_may_sign_in_while_a_reading_cursor_is_open(self):
        db = self.connect("bo")
        rows = db.execute("SELECT task_id FROM tasks")
        rows.fetchone()
        self.assertEqual(db.execute("SELECT acl_login('dee')").fetchall(), [("dee",)])
        self.assertEqual(len(rows.fetchall()), 4)
        self.refused(db)


class Threads(Habit):
    def test_connections_of_one_process_have_each_their_own_user(self):
        bo, dee = self.connect("bo", isolation_level=None), self.connect("dee", isolation_level=None)
        self.refused(dee)
        self.assertEqual(bo.execute(REFUSED).rowcount, 1)
        self.refused(dee, REFUSED.replace("running", "created"))

    def test_a_connection_takes_its_user_along_to_another_thread(self):
        db = self.connect("dee", isolation_level=None, check_same_thread=False)
        errors = []

        def work():
            try:
                db.execute(REFUSED)
            except sqlite3.DatabaseError as error:
                errors.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        self.assertEqual([error[:45] for error in errors], ["aclite: denied: may not patch task `t-w`: nee"])
        self.assertEqual(self.denials(), ["dee t-w"])

    def test_many_threads_write_under_their_own_names(self):
        def work(user, outcome):
            db = connect(self.file, user, isolation_level=None, timeout=60)
            for _ in range(50):
                try:
                    db.execute("UPDATE tasks SET data = acl_merge(data, '{\"n\":1}') WHERE task_id = 't-w'")
                    outcome.append("written")
                except sqlite3.DatabaseError as error:
                    outcome.append("refused" if "may not patch" in str(error) else str(error))
            db.close()

        outcomes = {user: [] for user in ("bo", "dee", "su", "cy")}
        threads = [threading.Thread(target=work, args=pair) for pair in outcomes.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {"bo": "written", "su": "written", "dee": "refused", "cy": "refused"}
        self.assertEqual(outcomes, {user: [outcome] * 50 for user, outcome in expected.items()})
        self.assertEqual(len(self.denials()), 100)


class Indexes(Habit):
    """FTS5 keeps what it reads open from row to row, which the guards see."""

    def test_an_fts5_index_over_messages_follows_every_write(self):
        db = sqlite3.connect(self.file)
        db.executescript(
            """CREATE VIRTUAL TABLE found USING fts5(content_preview, content='messages', content_rowid='rowid');
            CREATE TRIGGER found_ai AFTER INSERT ON messages BEGIN
              INSERT INTO found(rowid, content_preview) VALUES (new.rowid, new.content_preview); END;
            CREATE TRIGGER found_ad AFTER DELETE ON messages BEGIN
              INSERT INTO found(found, rowid, content_preview) VALUES ('delete', old.rowid, old.content_preview); END;
            CREATE TRIGGER found_au AFTER UPDATE ON messages BEGIN
              INSERT INTO found(found, rowid, content_preview) VALUES ('delete', old.rowid, old.content_preview);
              INSERT INTO found(rowid, content_preview) VALUES (new.rowid, new.content_preview); END;
            INSERT INTO found(found) VALUES ('rebuild');"""
        )
        db.close()
        db = self.connect("bo")
        columns = "message_id, session_id, created_at, type, role, \"index\", timestamp, content_preview, data"
        row = "(?, 's-w', acl_now(), 'user', 'user', 1, acl_now(), 'needle', '{}')"
        db.executemany(f"INSERT INTO messages ({columns}) VALUES {row}", [(f"m-{n}",) for n in range(20)])
        db.execute(f"INSERT INTO messages ({columns}) VALUES {row}, {row}, {row}", ("m-a", "m-b", "m-c"))
        db.execute("UPDATE messages SET content_preview = 'needle moved' WHERE session_id = 's-w'")
        db.execute("DELETE FROM messages WHERE message_id IN ('m-a', 'm-3')")
        self.refused(db, "UPDATE messages SET content_preview = 'needle' WHERE message_id = 'm-x'", "there is no message `m-x`")
        db.commit()
        indexed = "SELECT count(*) FROM found WHERE found MATCH 'needle'"
        self.assertEqual(self.ask(indexed), self.ask("SELECT count(*) FROM messages WHERE content_preview LIKE '%needle%'"))
        self.assertGreaterEqual(self.ask(indexed)[0], 21)
        self.assertEqual(db.execute("SELECT acl_login('dee')").fetchall(), [("dee",)])
        db.execute("INSERT INTO found(found) VALUES ('integrity-check')")


class Files(Habit):
    def test_a_host_that_keeps_the_file_to_itself_leaves_its_refusals_when_it_closes(self):
        db = self.connect(isolation_level=None)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.refused(db)
        self.refused(db)
        db.close()
        self.assertEqual(self.denials(), ["dee t-w", "dee t-w"])

    def test_a_file_in_memory_takes_no_user(self):
        with self.assertRaises(sqlite3.OperationalError) as caught:
            connect(":memory:", "bo")
        self.assertIn("the main database has no guards", str(caught.exception))

    def test_a_path_is_kept_when_the_process_goes_elsewhere(self):
        start = os.getcwd()
        self.addCleanup(os.chdir, start)
        os.chdir(os.path.dirname(self.file))
        db = connect("habit.db", "dee", isolation_level=None)
        self.addCleanup(db.close)
        os.chdir(start)
        self.refused(db)
        self.assertEqual(self.denials(), ["dee t-w"])


class Copies(Habit):
    """What the module does around SQL: copies of a sealed connection hold nothing of the file."""

    def test_no_copy_of_a_sealed_connection_holds_the_file(self):
        db = self.connect(isolation_level=None)
        db.execute("SELECT acl_seal()").fetchall()
        copy = sqlite3.connect(":memory:")
        self.addCleanup(copy.close)
        db.backup(copy)
        self.assertEqual(copy.execute("SELECT count(*) FROM sqlite_master").fetchone(), (0,))
        if hasattr(db, "serialize"):  # not every build has it; of an empty database there is nothing to copy
            with self.assertRaises(sqlite3.OperationalError):
                db.serialize()
        with self.assertRaises(sqlite3.DatabaseError):
            list(db.iterdump())


if __name__ == "__main__":
    print("python", sys.version.split()[0], "SQLite", sqlite3.sqlite_version, file=sys.stderr)
    unittest.main(verbosity=2)
