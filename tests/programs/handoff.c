#include "../../docs/examples/api/handoff.c"
