"""python3 report.py FILE EXTENSION: agents report on tasks of a file that `aclite init FILE` has just made."""

import contextlib
import json
import pathlib
import re
import sqlite3
import sys


def connect(file, extension):
    # Without the module's own transactions: each statement is one, and its refusal is in the audit at once.
    db = sqlite3.connect(file, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.enable_load_extension(True)
    db.load_extension(extension)
    db.enable_load_extension(False)
    return db


@contextlib.contextmanager
def acting(db, login, who):
    db.execute(f"SELECT {login}(?)", (who,)).fetchall()
    try:
        yield
    finally:
        db.execute("SELECT acl_logout()").fetchall()


def report(db, user, task, **fields):
    """Patches a task by its id, as `user`; gives it back, or None where there is none."""
    with acting(db, "acl_login", user):
        # Read to its end: a cursor that is left open keeps its statement running, and nobody can log out.
        rows = db.execute(
            "UPDATE tasks SET data = acl_merge(data, ?) WHERE task_id = ? RETURNING *", (json.dumps(fields), task)
        ).fetchall()
    return {**json.loads(rows[0]["data"]), "status": rows[0]["status"]} if rows else None


def refusal(error):
    """The word and the sentence by which aclite refused; the text alone where it was SQLite that failed.

    Searched for, since a library may put words of its own before SQLite's. Of a conflict and of values that are not
    allowed the module makes an IntegrityError, of the rest other kinds of DatabaseError.
    """
    found = re.search(r"aclite: ([a-z_]+): (.*)", str(error), re.DOTALL)
    return found.groups() if found else (None, str(error))


def main(file, extension):
    db = connect(file, extension)
    with acting(db, "acl_system", "first start"):
        db.executescript(pathlib.Path(__file__).parent.parent.joinpath("world.sql").read_text())
    for user, task, fields in [
        ("bo", "t-1", {"tool_use_count": 3}),
        ("mallory", "t-1", {"tool_use_count": 3}),
        ("mallory", "t-2", {"tool_use_count": 3}),
        ("bo", "t-1", {"status": "failed"}),
        ("bo", "t-9", {"tool_use_count": 3}),
    ]:
        try:
            print(f"{user} reports on {task}:", report(db, user, task, **fields))
        except sqlite3.DatabaseError as error:
            word, sentence = refusal(error)
            print(f"{user} reports on {task}:", type(error).__name__, word, sentence)
    for row in db.execute("SELECT actor, record, verdict, held, why FROM acl_audit WHERE operation = 'patch' ORDER BY seq"):
        print("audit:", *row)
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
