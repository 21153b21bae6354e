"""Row 5: CPython inserts ROWS rows one by one in one transaction.

Prints ns of CPU of this thread for the inserts, ns of the whole process from its
start to the end of the inserts, and the rows found afterwards.
"""
import sqlite3
import sys
import time

ROWS = int(sys.argv[1])
db = sqlite3.connect(":memory:", isolation_level=None)
db.execute("create table item(id integer primary key, name text, price real)")
insert = "insert into item(name, price) values(?, ?)"
execute = db.cursor().execute
execute("begin")
start = time.thread_time_ns()
for i in range(ROWS):
    execute(insert, ("chair", i))
thread_ns = time.thread_time_ns() - start
execute("commit")
rows = db.execute("select count(*) from item").fetchone()[0]
print(thread_ns, time.process_time_ns(), rows)
