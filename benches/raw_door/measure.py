"""What a guarded write costs a host: Python's sqlite3 with the extension loaded, against the same Python without.

Build the extension first: `cargo extension`. Then: `python3 benches/raw_door/measure.py`
"""

import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
TASKS, CALLS, ROUNDS = 1000, 2000, 9


def world(path):
    """A file with one worktree of `bo`, one session and a thousand tasks, guarded; and the same tasks bare."""
    subprocess.run(["cargo", "run", "-q", "--features", "cli", "--bin", "aclite", "--", "init", path], cwd=ROOT, check=True)
    db = sqlite3.connect(path, isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(str(ROOT / "target/release/libaclite"))
    db.execute("SELECT acl_system('set-up')")
    data = '{"full_prompt":"' + "x" * 1200 + '","tool_use_count":0}'
    db.execute("BEGIN")
    db.execute("INSERT INTO users (user_id, created_at, email, password, role, data) VALUES ('bo', acl_now(), 'b@x', 'h', 'member', '{}')")
    db.execute("INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', acl_now(), 'r', '{}')")
    db.execute("INSERT INTO worktrees (worktree_id, repo_id, created_at, created_by, name, ref, worktree_unique_id, data)"
               " VALUES ('w', 'r', acl_now(), 'bo', 'n', 'main', 1, '{}')")
    db.execute("INSERT INTO sessions (session_id, created_at, created_by, status, agentic_tool, worktree_id, data)"
               " VALUES ('s', acl_now(), 'bo', 'idle', 'claude-code', 'w', '{}')")
    for number in range(TASKS):
        db.execute("INSERT INTO tasks (task_id, session_id, created_at, status, created_by, data)"
                   " VALUES (?, 's', acl_now(), 'running', 'bo', ?)", (f"t-{number}", data))
    db.execute("COMMIT")
    db.execute("SELECT acl_login('bo')")
    bare = sqlite3.connect(path + ".bare", isolation_level=None)
    bare.execute("CREATE TABLE tasks (task_id text PRIMARY KEY, session_id text, status text, data text)")
    bare.execute("CREATE TABLE audit (seq integer PRIMARY KEY, at integer, who text, what text, record text, verdict text)")
    bare.executemany("INSERT INTO tasks VALUES (?, 's', 'running', ?)", [(f"t-{number}", data) for number in range(TASKS)])
    for conn in (db, bare):
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = NORMAL")
    return db, bare


def update(db, call):
    db.execute("UPDATE tasks SET data = json_set(data, '$.tool_use_count', ?) WHERE task_id = ?", (call, f"t-{call % TASKS}"))


def note(db, call):
    db.execute("INSERT INTO audit (at, who, what, record, verdict) VALUES (?, 'bo', 'patch', ?, 'allowed')", (call, f"t-{call % TASKS}"))


def turn(db, first, audit, each):
    """Microseconds a call: `audit` writes the row that a guard would write; `each` call has a transaction of its own, or all have one."""
    began = time.perf_counter()
    if not each:
        db.execute("BEGIN IMMEDIATE")
    for call in range(first, first + CALLS):
        if each:
            db.execute("BEGIN IMMEDIATE")
        update(db, call)
        if audit:
            note(db, call)
        if each:
            db.execute("COMMIT")
    if not each:
        db.execute("COMMIT")
    return (time.perf_counter() - began) / CALLS * 1e6


def main():
    with tempfile.TemporaryDirectory() as folder:
        db, bare = world(os.path.join(folder, "guarded.db"))
        for each, what in ((False, "in one transaction"), (True, "each in a transaction of its own")):
            ours, theirs = [], []
            for number in range(ROUNDS + 1):
                ours.append(turn(db, (number + 1) * CALLS, False, each))
                theirs.append(turn(bare, (number + 1) * CALLS, True, each))
            ours, theirs = sum(ours[1:]) / ROUNDS, sum(theirs[1:]) / ROUNDS
            print(f"SQLite {sqlite3.sqlite_version}, {what}: guarded {ours:.1f} µs, raw + audit {theirs:.1f} µs, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
