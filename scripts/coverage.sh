#!/bin/sh
# Runs all tests on objects that count the lines they execute, and prints the table.
#
#   scripts/coverage.sh [PART...]      parts of test.sh; default: unit fuzz faults e2e
#   scripts/coverage.sh -              only the table of what was counted last
#
# BUILD: the build directory of `make coverage`. The lines never executed stand in
# $BUILD/missed. Ends with the tests' own sum; exit status 1 when a test failed.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build/coverage}
LLVM=${LLVM:-/usr/lib/llvm-14/bin}
sum=$BUILD/tests.sum
code=0

if [ "${1-}" != - ]; then
    [ $# -gt 0 ] || set -- unit fuzz faults e2e
    rm -rf "$BUILD/raw"
    # Processes of other users count in the same files.
    (umask 0; mkdir "$BUILD/raw"
    LD_PRELOAD=$PWD/$BUILD/libotelshim.so OTEL_SHIM_EXIT_TIMEOUT=1 sqlite3 :memory: 'select 1' >"$BUILD/first.log" 2>&1)
    BUILD=$BUILD OTELSHIM_COUNTS_LINES=1 scripts/test.sh "$@" >"$BUILD/tests.log" 2>&1 || code=1
    grep -a -A4 '^ *FAIL' "$BUILD/tests.log"
    tail -n 1 "$BUILD/tests.log" >"$sum"
fi

"$LLVM/llvm-profdata" merge -sparse "$BUILD"/raw/*.profraw -o "$BUILD/all.profdata" || exit 1
set -- "$BUILD/libotelshim.so" -object "$BUILD/libotelshim-exporter.so" -object "$BUILD/otelshim"
for unit in "$BUILD"/unit/test_*; do
    case $unit in *.d) ;; *) set -- "$@" -object "$unit" ;; esac
done
set -- "$@" -instr-profile "$BUILD/all.profdata" -ignore-filename-regex '/(tests|build)/'
"$LLVM/llvm-cov" export -summary-only "$@" >"$BUILD/summary.json" 2>"$BUILD/llvm-cov.log" || exit 1
# `file:line: text` of what was never executed; a line stands for all objects that hold it.
"$LLVM/llvm-cov" show "$@" -show-instantiations=false -show-line-counts 2>>"$BUILD/llvm-cov.log" |
    awk -F '|' -v here="$PWD/" '
        /^\/.*:$/ { file = substr($0, length(here) + 1, length($0) - length(here) - 1) }
        $2 ~ /^ *0$/ { number = $1 + 0; sub(/^[^|]*[|][^|]*[|]/, ""); print file ":" number ":" $0 }
        ' >"$BUILD/missed"
/usr/bin/python3 - "$BUILD/summary.json" "$PWD/" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    files = json.load(f)["data"][0]["files"]
rows = [(f["filename"].removeprefix(sys.argv[2]), f["summary"]["lines"]) for f in files]


def row(name, lines, covered):
    print(f"{name:42} {lines:7,} {covered:9,} {lines - covered:7,} {100 * covered / max(lines, 1):7.1f} %")


def total(name, prefix):
    row(name, *(sum(l[key] for n, l in rows if n.startswith(prefix)) for key in ("count", "covered")))


rows = [(name, lines) for name, lines in rows if lines["count"]]
print(f"{'file':42} {'lines':>7} {'executed':>9} {'missed':>7} {'coverage':>9}")
for name, lines in sorted(rows):
    row(name, lines["count"], lines["covered"])
print()
for folder in ("shim/", "exporter/", "config/", "cli/"):
    total(folder, folder)
total("all", "")
PYTHON
cat "$sum" 2>/dev/null
exit $code
