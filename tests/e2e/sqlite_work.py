"""The same work with SQLite wherever a case compares ways to do it: by its shell, by CPython."""
SHELL = "CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 'hunter2'), (2, 'other'); SELECT a FROM t WHERE b <> 'x';"

PYTHON = """
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
db.executemany("INSERT INTO t(b) VALUES (?)", [("hunter2",), ("x",), ("y",)])
db.commit()
print(db.execute("SELECT a, b FROM t ORDER BY a").fetchall())
"""
