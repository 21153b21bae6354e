/*
 * <curl/curl.h> for files that define its functions: without the macros that
 * check types or wrap names. Only the header is used, nothing is linked.
 */
#ifndef OTELSHIM_HOOKS_CURL_API_H
#define OTELSHIM_HOOKS_CURL_API_H

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_share_setopt
#undef curl_multi_setopt
#undef curl_multi_socket

/* Younger than the header we may be built with; libcurl says "unknown" to what it lacks. */
#define CURLINFO_POSTTRANSFER_TIME_T_ ((CURLINFO)(CURLINFO_OFF_T + 67)) /* 8.10 */

typedef CURLcode curl_setopt_fn(CURL *, CURLoption, ...);
typedef CURLcode curl_getinfo_fn(CURL *, CURLINFO, ...);
typedef struct curl_header *curl_nextheader_fn(CURL *, unsigned, int, struct curl_header *);

#endif
