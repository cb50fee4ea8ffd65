"""Are databases equal? To the bit and to the storage class, for every table of the application."""

import sqlite3
import struct

HIDDEN = "__harmonylite__"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def connect(path, timeout=60, **options):
    """A connection in autocommit mode; rows are never decoded behind our back."""
    return sqlite3.connect(str(path), timeout=timeout, isolation_level=None, **options)


def tables(connection):
    """The application's ordinary tables, neither ours nor a virtual table's."""
    rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema='main'")
    return sorted(name for name, kind in rows
                  if kind == "table" and not name.startswith((HIDDEN, "sqlite_")))


def _column(kind, value):
    if kind == "real":
        return kind, struct.pack(">d", value)  # -0.0 is not 0.0
    return kind, value


def _fetch(connection, table, names):
    """typeof(a), a, typeof(b), b, … of all rows. The result of a query has 2,000 columns at most; without
    an index, all queries find the rows in the same order."""
    pieces = []
    for first in range(0, len(names), 1000):
        parts = ", ".join(f"typeof({quoted(n)}), {quoted(n)}" for n in names[first:first + 1000])
        pieces.append(connection.execute(f"SELECT {parts} FROM {quoted(table)} NOT INDEXED").fetchall())
    return pieces[0] if len(pieces) == 1 else [sum(row, ()) for row in zip(*pieces)]


def rows(connection, table):
    """All rows of a table, each value with its storage class, in an order of their own."""
    # Hidden 2 and 3 are generated columns: they are part of what an application sees.
    names = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")
             if row[6] != 1]
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        fetched = _fetch(connection, table, names)
    finally:
        connection.text_factory = factory
    decoded = [tuple(_column(row[i].decode(), row[i + 1]) for i in range(0, len(row), 2))
               for row in fetched]
    return sorted(decoded, key=repr)


def content(path, only=None):
    """{table: rows} of a database, read in one transaction."""
    connection = connect(path)
    try:
        connection.execute("BEGIN")
        return {t: rows(connection, t) for t in tables(connection) if only is None or t in only}
    finally:
        connection.close()


def difference(left, right, limit=5):
    """Text that names the first differences of two contents; empty when equal."""
    found = []
    for table in sorted(left.keys() | right.keys()):
        if table not in left or table not in right:
            found.append(f"table {table!r} is only on the {'left' if table in left else 'right'}")
            continue
        if left[table] == right[table]:
            continue
        a, b = set(left[table]), set(right[table])
        found.append(f"table {table!r}: {len(left[table])} and {len(right[table])} rows")
        found += [f"  only left:  {_short(row)}" for row in sorted(a - b, key=repr)[:limit]]
        found += [f"  only right: {_short(row)}" for row in sorted(b - a, key=repr)[:limit]]
    return "\n".join(found)


def _short(row):
    text = repr(row)
    return text if len(text) <= 300 else text[:300] + "…"


def tables_equal(nodes, only=None):
    """True when every node shows the same rows; nodes have a `database` path."""
    first = content(nodes[0].database, only)
    return all(content(node.database, only) == first for node in nodes[1:])


def explain(nodes, only=None):
    first = content(nodes[0].database, only)
    parts = []
    for node in nodes[1:]:
        text = difference(first, content(node.database, only))
        if text:
            parts.append(f"left {nodes[0].name}, right {node.name}:\n{text}")
    return "\n".join(parts)
