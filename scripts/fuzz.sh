#!/bin/sh
# Runs every libFuzzer target for so many seconds, from its corpus in tests/fuzz/corpus.
#
#   scripts/fuzz.sh SECONDS
#
# BUILD names the build directory; new inputs and crashes are left in it. Ends with
# `N passed, N failed, N skipped`.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build/fuzz}
SECONDS_EACH=${1:-60}
passed=0 failed=0
for program in "$BUILD"/fuzz/fuzz_*; do
    case $program in *.d) continue ;; esac
    [ -x "$program" ] || continue
    name=$(basename "$program" | sed 's/^fuzz_//')
    mkdir -p "$BUILD/corpus/$name" "$BUILD/found/$name"
    echo "== $name, $SECONDS_EACH s"
    if timeout -k 5 $((SECONDS_EACH + 60)) "$program" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -max_total_time="$SECONDS_EACH" -print_final_stats=1 -artifact_prefix="$BUILD/found/$name/" \
        "$BUILD/corpus/$name" "tests/fuzz/corpus/$name" >"$BUILD/$name.log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */inputs: /p' "$BUILD/$name.log"
        passed=$((passed + 1))
    else
        tail -40 "$BUILD/$name.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
