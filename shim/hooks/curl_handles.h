/*
 * The easy and multi handles of the program, and what we keep with each.
 *
 * One private mapping, made at the first handle, holds everything: no malloc,
 * bounded, and its unused pages are never touched. A handle's record stays at
 * one address until its cleanup: libcurl is given pointers into it (header
 * nodes, callback data) while a transfer runs.
 *
 * Threads: libcurl lets one thread at a time use a handle, and so do we use its
 * record. Only the keys are shared: they are claimed by compare-and-swap, and
 * no lock exists that a forked child could inherit.
 */
#ifndef OTELSHIM_HOOKS_CURL_HANDLES_H
#define OTELSHIM_HOOKS_CURL_HANDLES_H

#include <stdatomic.h>

#include "context/traceparent.h"
#include "curl_options.h"
#include "sdk/span.h"

/* Bounds. A handle beyond them works untraced and is counted (DROP_TABLE_FULL). */
#define CURL_MAX_EASY 2048u /* 4 KB each once used */
#define CURL_MAX_MULTI 512u
#define CURL_BAGGAGE_LINES 4u /* different baggage texts ever seen by the process */

#define CURL_HEADER_MAX 9u                      /* of ours: as many as all propagators write */
#define CURL_LINES_BYTES 960u                   /* these, but for baggage */
#define CURL_BAGGAGE_LINE (9 + BAGGAGE_MAX + 1) /* "baggage: " */

/* Where a transfer stands. */
enum curl_state {
    CURL_IDLE,
    CURL_ADDED,    /* span started, libcurl has not looked at the handle yet */
    CURL_RUNNING,  /* options read, header in place */
    CURL_UNTRACED, /* in a multi without a span: excluded, connect-only, finished */
};

/* libcurl's timers at one moment, µs since the transfer's start. */
struct curl_timers {
    int64_t resolved, connected, tls, sent, first_byte, redirect;
    long connects;     /* new connections so far */
    long header_bytes; /* of responses so far */
};

struct curl_easy {
    CURL *easy;
    uint8_t state;         /* enum curl_state */
    bool headers_injected; /* HTTPHEADER is our list */
    bool prereq_installed;
    bool resolver_installed;
    uint8_t tls_version;     /* of the last request, 0x13 = 1.3, 0 = unknown */
    uint16_t requests;       /* sent so far in this transfer */
    uint16_t multi;          /* index + 1 of the multi it was added to */
    uint16_t next, previous; /* in that multi's list; index + 1 */
    curl_setopt_fn *setopt;  /* of the libcurl that the handle belongs to */
    curl_getinfo_fn *getinfo;
    curl_nextheader_fn *nextheader;
    const void *driver;  /* thread_state of the thread that performs it; of a multi's see there */
    unsigned loaded_for; /* real_generation as it began: the functions above are there still */
    atomic_bool told;    /* the span: by the transfer's end or the process's, on any thread */
    uint32_t request_headers; /* number of the block with captured ones, 0 = none */
    uint64_t anchor_mono_ns;  /* when libcurl's own clock for the transfer began */
    /* Timers as they stood when the last request began: [0] that one, [1] the one before. */
    struct curl_timers at_request[2];
    struct span span;
    struct curl_slist nodes[CURL_HEADER_MAX];
    char lines[CURL_LINES_BYTES];
    struct curl_options options;
};

struct curl_multi {
    CURLM *multi;
    uint16_t first;     /* easy handles in it, index + 1; new ones in front */
    uint16_t unstarted; /* in state CURL_ADDED */
    bool all_done;      /* the last drive said that nothing runs any more */
    const void *driver; /* thread_state of the thread that drove it last */
};

/* NULL: not known. */
struct curl_easy *curl_easy_find(CURL *easy);
/* A fresh record, also for a handle whose address was known before. NULL: table full. */
struct curl_easy *curl_easy_remember(CURL *easy);
void curl_easy_forget(struct curl_easy *easy);
/* Calls `what` with every record. Other threads may be at theirs. */
void curl_easy_each(void (*what)(struct curl_easy *easy));

/* curl_headers.c: gives back what was captured of a request. */
void curl_headers_forget(struct curl_easy *easy);

struct curl_multi *curl_multi_find(CURLM *multi);
struct curl_multi *curl_multi_remember(CURLM *multi); /* found or made; NULL: full */
void curl_multi_forget(struct curl_multi *multi);

/* The list of a multi's handles. */
void curl_multi_link(struct curl_multi *multi, struct curl_easy *easy);
void curl_multi_unlink(struct curl_easy *easy);
struct curl_easy *curl_multi_first(const struct curl_multi *multi);
struct curl_easy *curl_multi_next(const struct curl_easy *easy);
struct curl_multi *curl_multi_of(const struct curl_easy *easy);

/*
 * "baggage: TEXT", made once per text (which lives as long as the process).
 * NULL: empty, too long, or too many different ones.
 */
const char *curl_baggage_line(const char *baggage);

#endif
