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

#include <arpa/inet.h>
#include <curl/curl.h>

#include "exporter.h"

#define NAMES_MAX 2u           /* the collector and a proxy before it */
#define NAMES_MAX_ADDRESSES 8u /* of one name, handed to libcurl */
#define NAMES_FRESH_MS 60000u  /* then a new attempt asks again */
#define NAMES_MAX_FDS 16u      /* sockets of c-ares */
#define NAME_MAX_BYTES 256u
/* "[" address "]," each, after "name:port:" */
#define NAME_MAX_TEXT (NAME_MAX_BYTES + 8u + NAMES_MAX_ADDRESSES * (INET6_ADDRSTRLEN + 3u))

struct name {
    struct names *owner;
    char host[NAME_MAX_BYTES];
    unsigned port;
    bool optional;
    bool known;  /* `text` is good */
    bool asked;  /* a lookup is under way */
    bool failed; /* the last lookup found nothing */
    char text[NAME_MAX_TEXT];
    struct curl_slist node;
};

/* The names of one exporter. It must stay where it is: lookups point to it. */
struct names {
    const struct exporter_host *host;
    struct ares_channeldata *channel;
    bool channel_open;
    uint64_t fresh_until_ns;
    const char *error;
    unsigned nr;
    struct name list[NAMES_MAX];
};

/* What a parent process left in memory is forgotten. */
void names_start_over(void);
void names_init(struct names *names, const struct exporter_host *host);
/* A host that attempts will connect to. `optional`: failing to find it is no
 * failure (a proxy may know it). */
void names_add(struct names *names, const char *name, unsigned port, bool optional);

enum names_state { NAMES_READY, NAMES_BUSY, NAMES_FAILED };

/* Makes all names ready, moving lookups on; starts them when they are not fresh. */
enum names_state names_step(struct names *names, uint64_t now_mono_ns);
/* The next attempt asks again (the address did not answer). */
void names_forget(struct names *names);
/* Gives up what is under way. */
void names_cancel(struct names *names);
/* Why names_step failed, for our log. */
const char *names_error(const struct names *names);

/* For CURLOPT_RESOLVE, after NAMES_READY; NULL: nothing to tell. Lives until the
 * next names_step. */
struct curl_slist *names_resolve_list(struct names *names);

/* The sockets to wait for while NAMES_BUSY, and when to look again at the latest. */
unsigned names_fds(const struct names *names, struct curl_waitfd fds[static NAMES_MAX_FDS]);
uint64_t names_due_at(const struct names *names, uint64_t now_mono_ns);

#endif
