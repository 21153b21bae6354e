#!/bin/sh
# The linker's script of libotelshim.so's layout (shim/layout.h), from the list of functions that
# run for each request: they come first, in the list's order, from a page's start.
#
#   scripts/layout.sh ORDER >SCRIPT
set -eu
echo "SECTIONS"
echo "{"
echo "    .text.request : ALIGN(CONSTANT(MAXPAGESIZE))"
echo "    {"
# A compiler's own copies of a function are called NAME.isra.0 and the like.
sed -n 's/^\([a-z_0-9]*\)$/\1/p' "$1" | sed '/^$/d; s/.*/        *(.text.& .text.&.*)/'
echo "    }"
echo "}"
echo "INSERT BEFORE .text;"
echo "SECTIONS { .bss.late (NOLOAD) : { *(.bss.late) } }"
echo "INSERT AFTER .bss;"
