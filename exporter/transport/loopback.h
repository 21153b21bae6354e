/*
 * Is there a collector on this machine at all? Loading libcurl costs 4 ms and 6 MB;
 * without a collector at the default endpoint, the usual case of a first try, both
 * are spared.
 */
#ifndef OTELSHIM_LOOPBACK_H
#define OTELSHIM_LOOPBACK_H

#include <stdbool.h>

/*
 * Whether `url` is one of a loopback address and a connection there is refused.
 * False: somebody listens, or it is not known. Never blocks: the kernel answers
 * a connect to loopback at once.
 */
bool loopback_refuses(const char *url);
/* The same for the path of a socket; also when there is none. */
bool loopback_refuses_unix(const char *path);

#endif
