/*
 * The life of one transfer: start, what we put in while it runs, end.
 *
 * A transfer on a multi handle has two beginnings. At curl_multi_add_handle its
 * span starts, as a child of what the program does then; but options may still
 * change and the header list need not be valid yet. What libcurl is to see
 * (header, callbacks) is put in when the multi is driven for the first time,
 * which is when libcurl itself looks. On curl_easy_perform both are one moment.
 *
 * Everything that is put in is taken out when the transfer ends, and before
 * that when the program sets the same option: the handle that it finds is its
 * own.
 */
#ifndef OTELSHIM_HOOKS_CURL_TRANSFER_H
#define OTELSHIM_HOOKS_CURL_TRANSFER_H

#include "call.h"
#include "curl_handles.h"

struct url_filter;

extern struct instrumentation instr_curl;

/* Excluded URLs; set once at start, then read by any thread. */
extern const struct url_filter *curl_url_filter __attribute__((visibility("hidden")));

/* Starts the span of a handle that is added to a multi. */
void curl_transfer_added(struct curl_easy *easy, const struct call *call);
/* libcurl is about to begin: decides whether to trace, puts header and callbacks in.
 * False: not to be traced, and the handle is untouched. `caller` is the program's. */
bool curl_transfer_begin(struct curl_easy *easy, const struct call *call, const void *caller);

enum curl_outcome {
    CURL_DONE,     /* libcurl gave a result */
    CURL_COMPLETE, /* it ran to its end, but nobody asked for the result */
    CURL_ABORTED,  /* the program took the handle away */
};

/* Ends the span and gives the handle back as the program knows it. */
void curl_transfer_end(struct curl_easy *easy, enum curl_outcome outcome, CURLcode result);
/* The process ends: transfers that run are told, as if the program had taken the handles away. */
void curl_tell_open(void);
/* Takes our header and callbacks out again. */
void curl_transfer_restore(struct curl_easy *easy);
/* The same for callbacks alone, because the program is about to set its own. */
void curl_transfer_restore_callbacks(struct curl_easy *easy);
/* What `copy`, a duplicate of `easy`, has of ours: replaced by the program's. */
void curl_transfer_clean_copy(const struct curl_easy *easy, CURL *copy, curl_setopt_fn *setopt);

/*
 * curl_headers.c: captured headers. The program's own are copied when the transfer begins, as
 * their list may be gone when a multi tells of its end; forget gives the copy's memory back.
 */
void curl_headers_init(void);
void curl_headers_begin(struct curl_easy *easy, const void *caller);
void curl_headers_write(const struct curl_easy *easy, struct span_writer *w);

/* curl_span.c: attributes of an ended span from what libcurl measured. */
void curl_span_write(struct curl_easy *easy, enum curl_outcome outcome, CURLcode result);
/* Timers of a transfer so far. */
void curl_timers_read(struct curl_easy *easy, struct curl_timers *timers);
/* Version of the TLS session that carries the transfer (0x12, 0x13), 0 = none or unknown.
 * Only while libcurl has a connection for it. */
uint8_t curl_tls_version(struct curl_easy *easy);

#endif
