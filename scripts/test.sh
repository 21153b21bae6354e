#!/bin/sh
# Runs the tests and adds up what their runners say.
#
#   scripts/test.sh [unit] [fuzz] [exports] [faults] [e2e] [transparency] [long] [every-fault]
#
# Default: all but long and every-fault.
#
# long: the end-to-end cases that have a long form, in it. every-fault: the faults in their
# long forms, and the end-to-end cases that are about one.
# BUILD names the build directory. Prints each runner's own output and ends
# with one line: `N passed, N failed, N skipped`.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
UNIT_TIMEOUT_S=180 # one program of unit tests
FAULTS='^(confined|sandboxed|ends_|fork_storm|daemon_|collector_|no_thread|address_space|file_size|memory_locked|log_|silent_|gets_the_same|threads_come)'
passed=0 failed=0 skipped=0

# Criterion sums up a program on a line of its own; a program without that
# line crashed before it could.
unit() {
    for program in "$BUILD"/unit/test_*; do
        case $program in *.d) continue ;; esac
        [ -x "$program" ] || continue
        echo "== $program"
        log=$BUILD/$(basename "$program").log
        timeout -k 5 "$UNIT_TIMEOUT_S" "$program" --color=never -j2 >"$log" 2>&1
        code=$?
        line=$(sed -n 's/.*Synthesis: Tested: *\([0-9]*\) | Passing: *\([0-9]*\) | Failing: *\([0-9]*\) | Crashing: *\([0-9]*\).*/\1 \2/p' "$log" | tail -1)
        if [ -z "$line" ]; then
            cat "$log"
            echo "FAIL $program: ended with $code and no summary"
            failed=$((failed + 1))
            continue
        fi
        tested=${line% *} passing=${line#* }
        passed=$((passed + passing))
        failed=$((failed + tested - passing))
        if [ "$tested" -ne "$passing" ] || [ "$code" -ne 0 ]; then
            cat "$log"
            [ "$tested" -ne "$passing" ] || { echo "FAIL $program: exit $code"; failed=$((failed + 1)); }
        else
            echo "$passing passed"
        fi
    done
}

# The corpus of every fuzz target, one input after the other.
fuzz() {
    for program in "$BUILD"/replay/fuzz_*; do
        case $program in *.d) continue ;; esac
        [ -x "$program" ] || continue
        runner "$program" "tests/fuzz/corpus/$(basename "$program" | sed 's/^fuzz_//')"
    done
}

# A runner that ends with `N passed, N failed, N skipped`.
runner() {
    echo "== $*"
    log=$BUILD/runner.log
    { "$@" 2>&1; echo "exit $?" >"$log.code"; } | tee "$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -1)
    if [ -z "$line" ]; then
        echo "FAIL $1: no summary"
        failed=$((failed + 1))
        return
    fi
    # shellcheck disable=SC2046  # six words
    set -- $(echo "$line" | tr -d ',')
    passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + $5))
    if [ "$3" -eq 0 ] && [ "$(cat "$log.code")" != "exit 0" ]; then
        echo "FAIL: the runner ended with $(cat "$log.code")"
        failed=$((failed + 1))
    fi
}

[ $# -gt 0 ] || set -- unit fuzz exports faults e2e transparency
for part in "$@"; do
    case $part in
    unit) unit ;;
    fuzz) fuzz ;;
    exports) BUILD=$BUILD runner tests/exports.sh ;;
    faults) OTELSHIM_BUILD=$BUILD runner tests/faults/run ;;
    e2e) OTELSHIM_BUILD=$BUILD runner tests/e2e/run ;;
    transparency)
        OTELSHIM_BUILD=$BUILD runner tests/transparency/check
        OTELSHIM_BUILD=$BUILD runner tests/transparency/run --short
        ;;
    every-fault)
        OTELSHIM_BUILD=$BUILD runner tests/faults/run --long
        OTELSHIM_BUILD=$BUILD runner tests/e2e/run -k "$FAULTS"
        OTELSHIM_KILLS=200 OTELSHIM_BUILD=$BUILD runner tests/e2e/run -k '^spool_'
        ;;
    long) OTELSHIM_BUILD=$BUILD runner tests/e2e/run --long ;;
    *) echo "test.sh: no part '$part'" >&2; exit 2 ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
