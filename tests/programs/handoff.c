/* The example of docs/API.md, built as the end-to-end tests run it. */
#include "../../docs/examples/api/handoff.c"
