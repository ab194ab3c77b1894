"""Plays connections for tests/hosts: JSON of what to do on standard input, of what became of it on standard output.

Started with the name of the module that holds SQLite.
"""

import json
import sys


def text(value):
    return "NULL" if value is None else str(value)


# Never both in one process: each brings a SQLite of its own.
if sys.argv[1] == "apsw":
    import apsw

    connect, Error = apsw.Connection, apsw.Error
else:
    import sqlite3

    Error = sqlite3.Error

    def connect(file):
        # Without Python's own transactions; tests/hosts/habits.py is about those.
        return sqlite3.connect(file, isolation_level=None)


def play(connection):
    db = connect(connection["file"])
    if connection["extension"] is not None:
        db.enable_load_extension(True)
        db.load_extension(connection["extension"])
        db.enable_load_extension(False)
    for sql in connection["sql"]:
        # The module keeps the compiled statement, so the same text is the same statement again.
        try:
            yield {"rows": ["|".join(map(text, row)) for row in db.execute(sql)]}
        except Error as error:
            yield {"error": str(error)}
    db.close()


json.dump([list(play(connection)) for connection in json.load(sys.stdin)], sys.stdout)
