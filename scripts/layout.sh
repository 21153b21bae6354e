#!/bin/sh
# The linker's script of libotelshim.so's layout (shim/layout.h), from the list of functions that
# run for each request: they come first, in the list's order, from a page's start. What these
# look at lies together, too: variables with a start value last in .data, the others right behind
# them; constants of theirs, with the compiler's own (of 16 bytes and less) and the parser's tables of
# jumps, behind all others.
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
echo "SECTIONS { .rodata.request : ALIGN(2048)"
echo "    { *(.rodata.request .rodata.cst16 .rodata.cst8 .rodata.cst4) */proto/http1*.o(.rodata) } }"
echo "INSERT AFTER .rodata;"
echo "SECTIONS { .data.request : ALIGN(CONSTANT(MAXPAGESIZE)) { *(.data.request) } }"
echo "INSERT AFTER .data;"
echo "SECTIONS { .bss.request (NOLOAD) : { *(.bss.request) *(.bss.request.tables) } }"
echo "INSERT BEFORE .bss;"
echo "SECTIONS { .bss.late (NOLOAD) : { *(.bss.late) } }"
echo "INSERT AFTER .bss;"
