"""
SQLite's own tests. Its shell's are run with Debian's sqlite3. The others drive the library from Tcl, by
SQLite's test program, built here as a shared object and an empty program: then every call of SQLite's
functions, also its own, goes through the hooks, which none does in the usual static one. Memory that
fails on purpose (`malloc*`, SQLITE_MEMDEBUG) shows what a hook asks of the library.
"""
import re

import harness
from harness import FAIL, PASS, SKIP, suite
from sources import built

CONFIGURE = "mkdir -p bld && cd bld && ../configure -q --with-tcl=$(dirname /usr/lib/*/tcl8.6/tclConfig.sh)"
OPTIONS = "OPTS=-DSQLITE_MEMDEBUG -DSQLITE_ENABLE_UNLOCK_NOTIFY -DSQLITE_ENABLE_COLUMN_METADATA"
SHARED = "LTLINK=$(TCC) -w -fPIC -shared -Wl,-soname,libtestfixture.so"
STEPS = [["sh", "-c", CONFIGURE],
         ["make", "-s", "-C", "bld", "sqlite3.c", OPTIONS],
         ["make", "-s", "-C", "bld", "testfixture", "CFLAGS=-O1", OPTIONS, SHARED],
         ["mv", "bld/testfixture", "bld/libtestfixture.so"],
         ["gcc", "-o", "bld/testfixture", "-Lbld", "-ltestfixture", "-Wl,-rpath,$ORIGIN"]]
# A process a file, in a directory of its own: some leave settings or files behind.
EACH = r"""
top=$1; shift
for t; do
    mkdir "$TMPDIR/$t"; cd "$TMPDIR/$t" || exit
    ln -s /usr/bin/sqlite3 .
    echo "== $t"
    "$top/bld/testfixture" "$top/test/$t.test" --verbose=1 2>&1
    echo "== exit $?"
    cd ..; rm -rf "$t"
done
"""


def results(run):
    """`NAME... Ok`, or `! NAME expected: […]`; how a file ended and how many tests it had are results, too."""
    tests, name, nr = {}, "", 0
    for line in run.out.splitlines():
        ended = re.match(r"== exit (.*)", line)
        said = re.match(r"(\S.*?)\.\.\. (Ok|Omitted)$", line)
        failed = re.match(r"! (\S+) (expected|got): (.*)", line)
        if ended:
            tests[f"{name} exit"] = f"{PASS if ended[1] == '0' else FAIL}: {ended[1]}, {nr} tests"
        elif line.startswith("== "):
            name, nr = line[3:], 0
        elif said:
            nr += 1
            tests.setdefault(f"{name} {said[1]}", PASS if said[2] == "Ok" else SKIP)
        elif failed:
            tests[f"{name} {failed[1]}"] = FAIL
    return tests


SHELL = [f"shell{n}" for n in range(1, 9)]
LIBRARY = """attach auth autovacuum backup2 bind bindxfer busy busy2 capi2 capi3 capi3b capi3c capi3d capi3e close
    collate1 columncount conflict date exec exclusive expr hook in intarray interrupt interrupt2 jrnlmode lastinsert
    limit lock lock2 lock4 lock5 lock7 main malloc3 malloc7 malloc8 malloc9 mallocB mallocD mallocG memdb memsubsys1
    misc1 misc3 misuse multiplex mutex1 nan notify1 notify3 prepare progress pragma reindex rollback savepoint schema
    schema2 schema3 schema4 schema5 select1 select2 selectA shared shared2 shared3 shared4 shared6 shared7 snapshot
    softheap1 stmt stmtvtab1 symlink table tclsqlite tempdb thread1 thread2 trace trace2 trace3 trans trigger1 types
    unixexcl update vacuum vtab1 vtab2 vtab_shared wal wal2 walhook walro zerodamage zeroblob""".split()


def directory():
    return built("sqlite3", *STEPS)


for name, files, least in (("shell", SHELL, 300), ("library", LIBRARY, 15000)):
    suite(f"sqlite_{name}", ["sh", "-c", EACH, "each", harness.CACHE + "/sqlite3", *files], results, setup=directory,
          least=least, timeout=1200)
