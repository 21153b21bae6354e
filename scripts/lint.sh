#!/bin/sh
# Checks what needs no test run: a clang build with the same warnings, layout,
# clang-tidy, cppcheck, scripts, and the house rules that a machine can see.
# Prints what is wrong and ends with `lint: N problems`.
set -u
cd "$(dirname "$0")/.." || exit 1
JOBS=${JOBS:-2}
MAX_LINES=600
problems=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# check NAME COMMAND…: silent when it succeeds.
check() {
    name=$1
    shift
    if "$@" >"$log" 2>&1; then
        echo "ok   $name"
    else
        echo "FAIL $name"
        sed 's/^/    /' "$log" | head -80
        problems=$((problems + 1))
    fi
}

c_files() { git ls-files '*.c' '*.h' '*.cc'; }

clang_build() { make -s -j"$JOBS" CC=clang BUILD=build/clang all programs unit-programs bench-programs; }

layout() { scripts/format.sh --check; }

# Headers are seen through the files that include them. The flags are those of the build.
tidy() {
    git ls-files 'shim/*.c' 'config/*.c' 'exporter/*.c' 'cli/*.c' |
        xargs -P "$JOBS" -I FILE clang-tidy --quiet --warnings-as-errors='*' FILE -- \
            -std=c11 -D_GNU_SOURCE -DOTELSHIM_VERSION='"0"' \
            -Ishim -Iconfig -Iexporter -Ibuild/clang/gen 2>&1 |
        grep -v -e 'warnings\? generated' -e '^Suppressed ' -e '^Use -header-filter' -e '^ *$' >"$log.tidy"
    cat "$log.tidy"
    test ! -s "$log.tidy"
    code=$?
    rm -f "$log.tidy"
    return $code
}

# Left out: what it gets wrong here (mmap's fd -1; results of REAL(), whose type it does
# not see; library handles that are kept for good) and what is allowed here (alloca of a
# bounded size in exec's hooks, as the C library does).
cpp_check() {
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingInclude --suppress=unknownMacro --suppress=invalidFunctionArg \
        --suppress=CastIntegerToAddressAtReturn --suppress=uninitvar --suppress=resourceLeak \
        --suppress=allocaCalled --suppress=readdirCalled --suppress=arrayIndexThenCheck \
        --library=gnu --library=posix -D_GNU_SOURCE -D__x86_64__ -DOTELSHIM_VERSION='"0"' \
        -Ishim -Iconfig -Iexporter -j "$JOBS" shim config exporter cli
}

scripts() { git ls-files 'scripts/*.sh' 'tests/*.sh' .ci/run | xargs shellcheck && shellcheck -s bash cli/completion.bash; }

python() {
    git grep -lI -e '^#!/usr/bin/python3' --or -e '' -- 'tests/*.py' tests/e2e/run tests/bench/run tests/bench/http tests/bench/scale tests/bench/peers/run tests/interop/run tests/transparency/run tests/transparency/check |
        sort -u | xargs -I FILE /usr/bin/python3 -c 'import ast,sys; ast.parse(open(sys.argv[1]).read())' FILE
}

# Rules of the house: every file says what it is for, no file is too long, nothing is left "to do".
house() {
    bad=0
    for file in $(c_files); do
        case $file in tests/*) ;; *)
            lines=$(wc -l <"$file")
            [ "$lines" -lt $MAX_LINES ] || { echo "$file: $lines lines (below $MAX_LINES)"; bad=1; } ;;
        esac
        head -c 2 "$file" | grep -q '^/\*' || { echo "$file: does not open with a comment"; bad=1; }
    done
    ! git grep -nIE 'TODO|FIXME|(^|[^X])XXX([^X]|$)' -- '*.c' '*.h' '*.cc' '*.py' '*.sh' Makefile docs README.md \
        ':!scripts/lint.sh' || bad=1
    ! git grep -nI '[[:space:]]$' -- ':!*.golden' ':!tests/fuzz/corpus' || bad=1
    ! git grep -nIP '^\t' -- '*.c' '*.h' '*.py' || bad=1
    return $bad
}

check "clang builds everything with the same warnings" clang_build
check "clang-format" layout
check "house rules" house
check "clang-tidy" tidy
check "cppcheck" cpp_check
check "shellcheck" scripts
check "python parses" python
echo "lint: $problems problems"
[ "$problems" -eq 0 ]
