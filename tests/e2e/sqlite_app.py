"""An application with a SQLite library of its choice, which it loads as it is.

`sqlite_app.py LIBRARY DATABASE NAME TRANSACTIONS ROWS` runs transactions that begin deferred, read, think, and write in
all the ways that there are, and then reads until it sees ROWS rows of another node. It prints what it met as JSON.

`sqlite_app.py LIBRARY DATABASE run STATEMENT...` runs statements, and prints nothing."""

import collections
import ctypes
import json
import sys
import time

OK, ROW, DONE = 0, 100, 101
MOST_ERRORS = 50  # after so many it gives up


class Refused(Exception):
    """A call that SQLite refused, with its own words."""


class Database:
    """The few calls that an application needs."""

    def __init__(self, library, path, timeout_ms=5000):
        self.lib = ctypes.CDLL(str(library))
        for name in ("sqlite3_libversion", "sqlite3_errmsg", "sqlite3_column_text"):
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.db = ctypes.c_void_p()
        self.check(self.lib.sqlite3_open(str(path).encode(), ctypes.byref(self.db)))
        self.lib.sqlite3_busy_timeout(self.db, timeout_ms)

    @property
    def version(self):
        return self.lib.sqlite3_libversion().decode()

    def check(self, code):
        if code not in (OK, ROW, DONE):
            raise Refused(f"{self.lib.sqlite3_errmsg(self.db).decode()} ({self.lib.sqlite3_extended_errcode(self.db)})")
        return code

    def one(self, sql):
        """Runs one statement: the first column of its first row, as text."""
        statement = ctypes.c_void_p()
        self.check(self.lib.sqlite3_prepare_v2(self.db, sql.encode(), -1, ctypes.byref(statement), None))
        try:
            first, code = None, self.check(self.lib.sqlite3_step(statement))
            if code == ROW:
                text = self.lib.sqlite3_column_text(statement, 0)
                first = None if text is None else text.decode()
            while code == ROW:
                code = self.check(self.lib.sqlite3_step(statement))
            return first
        finally:
            self.lib.sqlite3_finalize(statement)

    def run(self, *statements):
        for sql in statements:
            self.one(sql)


# Makes every kind of trigger and hidden table: with and without a key, UNIQUE beside the key, ids by SQLite.
SCHEMA = [
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE totals(id INTEGER PRIMARY KEY, n INTEGER)",
    "CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, v)",
    "CREATE TABLE pairs(a TEXT, b TEXT, v, PRIMARY KEY(a, b)) WITHOUT ROWID",
    "CREATE TABLE lines(v, w)",
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT)",
    "INSERT INTO totals VALUES(1, 0)",
]


def writes(name, number):
    """What one transaction writes after it has read."""
    return [
        "UPDATE totals SET n = n + 1 WHERE id = 1",
        f"INSERT INTO notes(name, v) VALUES('{name} {number}', {number})",
        f"INSERT OR REPLACE INTO notes(name, v) VALUES('{name} {number % 10}', 'again')",
        f"INSERT OR REPLACE INTO pairs VALUES('{name}', '{number % 7}', {number})",
        f"INSERT INTO lines VALUES('{name}', {number})",
        f"UPDATE lines SET v = v || '!' WHERE w = {number - 1}",
        f"DELETE FROM lines WHERE w = {number - 5}",
        f"UPDATE OR REPLACE pairs SET b = b || 'x' WHERE a = '{name}' AND b = '{number % 3}'",
    ]


def main(library, path, name, transactions, rows):
    db = Database(library, path)
    errors = collections.Counter()
    done = 0
    while done < int(transactions) and sum(errors.values()) <= MOST_ERRORS:
        try:
            db.one("BEGIN")
            assert int(db.one("SELECT n FROM totals WHERE id = 1")) == done
            time.sleep(0.004)  # it thinks
            db.run(*writes(name, done), "COMMIT")
            done += 1
        except Refused as error:
            errors[str(error)] += 1
            if db.lib.sqlite3_get_autocommit(db.db) == 0:
                db.one("ROLLBACK")
        time.sleep(0.001)
    end = time.monotonic() + 60
    while int(db.one("SELECT count(*) FROM orders")) < int(rows) and time.monotonic() < end:
        time.sleep(0.01)
    print(json.dumps({"version": db.version, "done": done, "errors": errors, "seen": db.one("SELECT count(*) FROM orders"),
                      "check": db.one("PRAGMA integrity_check")}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        Database(*sys.argv[1:]).run(*SCHEMA)
    elif sys.argv[3] == "run":
        Database(*sys.argv[1:3]).run(*sys.argv[4:])
    else:
        main(*sys.argv[1:])
