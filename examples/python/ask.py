"""python3 ask.py FILE EXTENSION USER SQL: runs SQL that nobody has read, and shows what USER may view."""

import sqlite3
import sys


def ask(file, extension, user, sql):
    """The rows of `sql`, on a connection of its own that is sealed first: it only reads what `user` may view."""
    db = sqlite3.connect(file, isolation_level=None)
    try:
        db.enable_load_extension(True)
        db.load_extension(extension)
        db.enable_load_extension(False)
        db.execute("SELECT acl_login(?, 'final')", (user,)).fetchall()
        db.execute("SELECT acl_seal()").fetchall()
        return db.execute(sql).fetchall()
    finally:
        db.close()


if __name__ == "__main__":
    try:
        for row in ask(*sys.argv[1:]):
            print(*row)
    except sqlite3.Error as error:
        sys.exit(f"refused: {error}")
