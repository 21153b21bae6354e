/*
 * Host names to addresses without glibc's resolver: a child forked while our
 * thread is in getaddrinfo can hang in its own. Numbers and `localhost` are
 * known, everything else is asked of c-ares (loaded only then), which reads
 * /etc/hosts and /etc/resolv.conf and works without a thread of its own.
 *
 * The result is a list for CURLOPT_RESOLVE, so that libcurl never looks a name
 * up. Background thread only.
 */
#ifndef OTELSHIM_NAMES_H
#define OTELSHIM_NAMES_H

#include <curl/curl.h>

#include "exporter.h"

#define NAMES_MAX 2u           /* the collector and a proxy before it */
#define NAMES_MAX_ADDRESSES 8u /* of one name, handed to libcurl */
#define NAMES_FRESH_MS 60000u  /* then a new attempt asks again */
#define NAMES_MAX_FDS 16u      /* sockets of c-ares */

void names_init(const struct exporter_host *host);
/* A host that attempts will connect to. `optional`: failing to find it is no
 * failure (a proxy may know it). */
void names_add(const char *name, unsigned port, bool optional);

enum names_state { NAMES_READY, NAMES_BUSY, NAMES_FAILED };

/* Makes all names ready, moving lookups on; starts them when they are not fresh. */
enum names_state names_step(uint64_t now_mono_ns);
/* The next attempt asks again (the address did not answer). */
void names_forget(void);
/* Gives up what is under way. */
void names_cancel(void);
/* Why names_step failed, for our log. */
const char *names_error(void);

/* For CURLOPT_RESOLVE, after NAMES_READY; NULL: nothing to tell. Lives until the
 * next names_step. */
struct curl_slist *names_resolve_list(void);

/* The sockets to wait for while NAMES_BUSY, and when to look again at the latest. */
unsigned names_fds(struct curl_waitfd fds[static NAMES_MAX_FDS]);
uint64_t names_due_at(uint64_t now_mono_ns);

#endif
