/* libs: -fno-plt -Wl,-z,now -rdynamic */
/* The same with calls through the table of addresses, bound before anything runs. */
#include "ltp_loader.c"
