/* libs: -l:libcurl-gnutls.so.4 */
/* The same on the other libcurl, which is not the one that exports our spans. */
#include "curl_loop.c"
