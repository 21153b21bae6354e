"""SQLite under the shell, CPython, ctypes, PHP, Perl, and left by longjmp or an exception."""
from harness import case
from sqlite_work import PYTHON, SHELL

case("sqlite_shell", ["sqlite3", ":memory:", SHELL], stdout="1\n2", secrets=["hunter2"], needs=["sqlite3"])
case("sqlite_shell_constraint", ["sqlite3", "$TMP/x.db",
                                 "CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES('hunter2'); "
                                 "INSERT INTO t VALUES('hunter2');"],
     exit=19, stderr="UNIQUE constraint failed", secrets=["hunter2"], needs=["sqlite3"])

case("python_sqlite", ["$PYTHON", "-c", PYTHON], stdout="hunter2", secrets=["hunter2"])

CTYPES = """
import ctypes
lib = ctypes.CDLL("libsqlite3.so.0")
db = ctypes.c_void_p()
print(lib.sqlite3_open(b":memory:", ctypes.byref(db)))
print(lib.sqlite3_exec(db, b"SELECT 'hunter2'", None, None, None))
print(lib.sqlite3_close(db))
"""
case("python_ctypes_sqlite", ["$PYTHON", "-c", CTYPES], stdout="0\n0\n0", secrets=["hunter2"])

PHP = """
$$db = new SQLite3(":memory:");
$$db->exec("CREATE TABLE t(a)");
$$insert = $$db->prepare("INSERT INTO t VALUES (?)");
foreach (["hunter2", "x"] as $$v) { $$insert->bindValue(1, $$v); $$insert->execute(); $$insert->reset(); }
$$rows = $$db->query("SELECT a FROM t");
while ($$row = $$rows->fetchArray(SQLITE3_NUM)) echo $$row[0], "\n";
"""
case("php_sqlite", ["php", "-r", PHP], stdout="hunter2\nx", secrets=["hunter2"], needs=["php"])

PDO = """
$$db = new PDO("sqlite::memory:");
$$db->exec("CREATE TABLE t(a)");
$$insert = $$db->prepare("INSERT INTO t VALUES (?)");
foreach (["hunter2", "x"] as $$v) $$insert->execute([$$v]);
foreach ($$db->query("SELECT a FROM t") as $$row) echo $$row[0], "\n";
"""
case("php_pdo_sqlite", ["php", "-r", PDO], stdout="hunter2\nx", secrets=["hunter2"], needs=["php"])

PERL = """
use DBI;
my $$db = DBI->connect("dbi:SQLite:dbname=:memory:", "", "", { RaiseError => 1 });
$$db->do("CREATE TABLE t(a)");
my $$insert = $$db->prepare("INSERT INTO t VALUES (?)");
$$insert->execute($$_) for ("hunter2", "x");
print "$$_->[0]\n" for @{ $$db->selectall_arrayref("SELECT a FROM t") };
"""
case("perl_dbi_sqlite", ["perl", "-e", PERL], stdout="hunter2\nx", secrets=["hunter2"], needs=["perl"])

case("sqlite_longjmp", ["$PROGRAMS/sqlite_longjmp"], stdout="left 3 times")
case("sqlite_exception", ["$PROGRAMS/sqlite_exception"], stdout="left 3 times")
