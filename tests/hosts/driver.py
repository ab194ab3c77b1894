"""Plays connections for tests/hosts: JSON of what to do on standard input, of what became of it on standard output."""

import json
import sqlite3
import sys


def text(value):
    return "NULL" if value is None else str(value)


def play(connection):
    # Without Python's own transactions; tests/hosts/habits.py is about those.
    db = sqlite3.connect(connection["file"], isolation_level=None)
    if connection["extension"] is not None:
        db.enable_load_extension(True)
        db.load_extension(connection["extension"])
        db.enable_load_extension(False)
    for sql in connection["sql"]:
        # The module keeps the compiled statement, so the same text is the same statement again.
        try:
            yield {"rows": ["|".join(map(text, row)) for row in db.execute(sql)]}
        except sqlite3.Error as error:
            yield {"error": str(error)}
    db.close()


json.dump([list(play(connection)) for connection in json.load(sys.stdin)], sys.stdout)
