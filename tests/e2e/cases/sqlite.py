"""SQLite's functions from C: every form, every ending, callbacks, many handles, two libraries."""
import os
import shutil
import subprocess

from harness import Failure, case

case("sqlite_forms", ["$PROGRAMS/sqlite_forms"], stdout="unique: 19 \\(2067\\)", secrets=["secret", "geheim"])
case("sqlite_connections", ["$PROGRAMS/sqlite_connections"], stdout="busy: 0 5", secrets=["secret"])
case("sqlite_callbacks", ["$PROGRAMS/sqlite_callbacks"], stdout="nested: 100")


def only_full_tables_lose_spans(run):
    """6,000 statements, and a ring that 48,000 spans in a moment overflow: nothing else may drop."""
    if not run.reasons.get("table_full"):
        raise Failure("6,000 statements found a place in a table of 4,096")
    if set(run.reasons) - {"table_full", "ring_full"}:
        raise Failure(f"dropped for other reasons: {run.reasons}")


case("sqlite_many", ["$PROGRAMS/sqlite_many"], stdout="many: 30000", golden=None, expect_drops=True,
     check=only_full_tables_lose_spans)


def copy_library(run):
    """The library under another name, so that it is loaded a second time."""
    lines = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    path = next(line.split()[-1] for line in lines.splitlines() if "libsqlite3.so.0" in line)
    shutil.copy(os.path.realpath(path), os.path.join(run.tmp, "copy.so"))


case("sqlite_two_libraries", ["$PROGRAMS/sqlite_two_libraries"], stdout="101 101", prepare=copy_library)
