/* libs: -fsanitize=address -Wl,-z,lazy -rdynamic */
/* The same with AddressSanitizer, whose run-time has hooks of its own. */
#include "ltp_loader.c"
