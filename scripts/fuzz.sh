#!/bin/bash
# Runs libFuzzer targets for so many seconds of CPU each, from their corpus in tests/fuzz/corpus.
#
#   scripts/fuzz.sh SECONDS [TARGET...]      default: every target
#
# BUILD names the build directory; new inputs and crashes are left in it. Ends with
# `N passed, N failed, N skipped`.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build/fuzz}
seconds=${1:-60}
[ $# -eq 0 ] || shift
passed=0 failed=0
TIMEFORMAT='%U %S'

# once NAME SECONDS: one run of libFuzzer, by the clock; `cpu` are the CPU seconds that it took.
once() {
    { time timeout -k 5 $(($2 + 60)) "$BUILD/fuzz/fuzz_$1" -max_len=4096 -timeout=20 -rss_limit_mb=1024 \
        -max_total_time="$2" -print_final_stats=1 -artifact_prefix="$BUILD/found/$1/" \
        "$BUILD/corpus/$1" "tests/fuzz/corpus/$1" >"$BUILD/$1.log" 2>&1; } 2>"$BUILD/$1.time"
    code=$?
    cpu=$(awk '{ print int($1 + $2) }' "$BUILD/$1.time")
    # A target that was killed says nothing of its inputs.
    inputs=$((inputs + $(sed -n 's/^stat::number_of_executed_units: *//p' "$BUILD/$1.log" | grep . || echo 0)))
    return $code
}

# campaign NAME: as often as a busy machine needs to give it its CPU seconds.
campaign() {
    local used=0
    inputs=0
    while [ $((seconds - used)) -gt $((seconds / 100)) ]; do
        once "$1" $((seconds - used)) || return 1
        used=$((used + (cpu > 0 ? cpu : 1)))
    done
    echo "$1: $inputs inputs in $used s of CPU"
}

names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(cd "$BUILD/fuzz" && printf '%s\n' fuzz_* | grep -v '\.d$' | sed 's/^fuzz_//')
for name in "${names[@]}"; do
    mkdir -p "$BUILD/corpus/$name" "$BUILD/found/$name"
    if campaign "$name"; then
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        tail -40 "$BUILD/$name.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
