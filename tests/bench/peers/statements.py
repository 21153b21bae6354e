"""N inserts through sqlite3's cursor, one transaction. Prints CPU ns of this process before the first."""
import sqlite3
import sys
import time

db = sqlite3.connect(":memory:", isolation_level=None)
cursor = db.cursor()
cursor.execute("create table item(id integer primary key, name text, price real)")
cursor.execute("begin")
print(time.process_time_ns(), flush=True)
for i in range(int(sys.argv[1])):
    cursor.execute("insert into item(name, price) values(?, ?)", ("chair", i))
cursor.execute("commit")
