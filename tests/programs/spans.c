/* The documented example of spans, built and run by tests/e2e/cases/api.py. */
#include "../../docs/examples/api/spans.c"
