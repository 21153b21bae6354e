#!/bin/sh
# Lays out every C file by .clang-format; with --check only says which ones differ.
set -eu
cd "$(dirname "$0")/.."
# Tables and lists that read better in columns are laid out by hand.
by_hand='^(config/schema|shim/proto/sql_internal|shim/hooks/(sqlite_codes|curl_errors)|shim/sdk/semconv|shim/diag|shim/hook)\.h$'
set -- "${1:---write}"
files=$(git ls-files '*.c' '*.h' '*.cc' | grep -vE "$by_hand")
case $1 in
--check) echo "$files" | xargs clang-format --dry-run --Werror ;;
--write) echo "$files" | xargs clang-format -i ;;
*) echo "usage: format.sh [--check]" >&2; exit 2 ;;
esac
