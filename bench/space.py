"""How many bytes of a database file belong to the hidden tables."""

import os
import sqlite3

from harness import HIDDEN

_LIKE = HIDDEN.replace("_", "\\_") + "%"


def hidden_bytes(path):
    """(bytes of hidden tables and their indexes, bytes of the table books), whole pages each."""
    db = sqlite3.connect(path, timeout=30)
    try:
        try:
            return _by_dbstat(db)
        except sqlite3.OperationalError:  # this SQLite was built without the dbstat table
            return _by_dropping(db, path + ".copy")
    finally:
        db.close()


def _by_dbstat(db):
    def pages_of(condition, parameter):
        return db.execute(
            "SELECT ifnull(sum(d.pgsize), 0) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name"
            f" WHERE d.aggregate = TRUE AND s.tbl_name {condition}", (parameter,)).fetchone()[0]

    return pages_of("LIKE ? ESCAPE '\\'", _LIKE), pages_of("= ?", "books")


def _by_dropping(db, copy_path):
    """Compares the sizes of a compacted copy with and without the hidden tables."""
    if os.path.exists(copy_path):
        os.remove(copy_path)
    db.execute("VACUUM INTO ?", (copy_path,))
    copy = sqlite3.connect(copy_path, isolation_level=None)
    try:
        def file_bytes():
            copy.execute("VACUUM")
            return (copy.execute("PRAGMA page_count").fetchone()[0]
                    * copy.execute("PRAGMA page_size").fetchone()[0])

        everything = file_bytes()
        for kind in ("trigger", "table"):
            names = copy.execute("SELECT name FROM sqlite_schema WHERE type = ? AND name LIKE ?"
                                 " ESCAPE '\\'", (kind, _LIKE)).fetchall()
            for (name,) in names:
                quoted = name.replace('"', '""')
                copy.execute(f'DROP {kind} "{quoted}"')
        without_hidden = file_bytes()
        return everything - without_hidden, without_hidden
    finally:
        copy.close()
        os.remove(copy_path)
