#!/bin/sh
# What the two objects need and export, held against the registry (contract C1).
# Ends with `N passed, N failed, N skipped`. BUILD names the build directory.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
shim=$BUILD/libotelshim.so exporter=$BUILD/libotelshim-exporter.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# is NAME: compares the files got and want.
is() {
    if diff "$work/want" "$work/got" >"$work/diff"; then
        echo "ok   $1"
        passed=$((passed + 1))
    else
        echo "FAIL $1 (< wanted, > found)"
        sed 's/^/    /' "$work/diff"
        failed=$((failed + 1))
    fi
}

needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort; }
exported() { readelf -W --dyn-syms "$1" | awk '$5 != "LOCAL" && $7 ~ /^[0-9]+$/ { sub("@.*", "", $8); print $8 }' | sort -u; }

needed "$shim" | grep -v '^ld-linux' >"$work/got"
echo libc.so.6 >"$work/want"
is shim_needs_libc_and_nothing_else

needed "$exporter" | grep -v '^ld-linux' >"$work/got"
is exporter_opens_its_libraries_itself

# The layout (shim/layout.h) names functions that are there, whatever a compiler has made of them.
sed -n 's/^[a-z_0-9]\{1,\}$/&/p' shim/request.order >"$work/want"
while read -r name; do
    grep -qE "^([A-Za-z].*[ *])?$name\([^;]*$" shim/*.c shim/*/*.c config/*.c && echo "$name" # a definition
done <"$work/want" >"$work/got"
is request_order_names_functions

# What a request runs and looks at lies in few pages: section, pages that it touches at most.
printf '%s\n' '.text.request 13' '.rodata.request 1' '.data.request 1' '.bss.request 5' >"$work/want"
while read -r section most; do
    # `[ 7] .name` becomes one word less
    readelf -SW "$shim" | sed 's/^ *\[ */[/' | while read -r _ name _ address _ size _; do
        [ "$name" = "$section" ] || continue
        first=$((0x$address / 4096)) last=$(((0x$address + 0x$size - 1) / 4096))
        pages=$((last - first + 1))
        [ "$pages" -le "$most" ] && pages=$most
        echo "$section $pages"
    done
done <"$work/want" >"$work/got"
is what_a_request_touches_lies_in_few_pages

for object in "$shim" "$exporter"; do
    name=$(basename "$object" .so | tr -- - _)
    readelf -lW "$object" | awk '$1 == "GNU_STACK" { print $7 }' >"$work/got"
    echo RW >"$work/want"
    is "${name}_has_no_executable_stack"

    readelf -lW "$object" | awk '$1 == "LOAD" && /RWE/' >"$work/got"
    readelf -dW "$object" | grep -E 'TEXTREL|RPATH|RUNPATH' >>"$work/got"
    : >"$work/want"
    is "${name}_has_no_text_relocation_and_no_search_path"
done

# Hooks must stand in the base version: with a named one programs pass them by.
readelf -W --dyn-syms "$shim" | awk '$7 ~ /^[0-9]+$/ && $8 ~ /@/ { print $8 }' >"$work/got"
: >"$work/want"
is shim_symbols_carry_no_version

# Hooks, then the public API (shim/otelshim.h).
{
    OTEL_SDK_DISABLED=true "$BUILD/exports-list"
    [ ! -f shim/otelshim.h ] || sed -n 's/^OTELSHIM_API .*\<\(otelshim_[a-z0-9_]*\)(.*/\1/p' shim/otelshim.h
} | sort >"$work/want"
[ "$(wc -l <"$work/want")" -gt 30 ] || { echo "FAIL the registry lists next to nothing"; failed=$((failed + 1)); }
exported "$shim" >"$work/got"
is shim_exports_what_the_registry_lists

sort "$work/want" | uniq -d >"$work/got"
: >"$work/want"
is registry_lists_no_function_twice

OTEL_SDK_DISABLED=true "$BUILD/exports-list" instrumentations | sort >"$work/want"
"$BUILD/otelshim" doctor --instrumentations | sort >"$work/got"
is doctor_knows_every_instrumentation

exported "$exporter" >"$work/got"
echo otelshim_exporter >"$work/want"
is exporter_exports_its_entry_alone

# A wrapper must be reachable by call and by dlsym alike, so its address is unique.
readelf -W --dyn-syms "$shim" | awk '$4 != "FUNC" && $7 ~ /^[0-9]+$/ { print $8 }' >"$work/got"
: >"$work/want"
is shim_exports_functions_only

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
