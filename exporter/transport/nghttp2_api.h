/*
 * libnghttp2 by name, as libcurl is (see curl.h): never called by its symbols,
 * which may be the program's own.
 */
#ifndef OTELSHIM_NGHTTP2_API_H
#define OTELSHIM_NGHTTP2_API_H

#include <nghttp2/nghttp2.h>

#include "exporter.h"

/* clang-format off */
#define NGHTTP2_FUNCTIONS(X) \
    X(session_callbacks_new) X(session_callbacks_set_on_header_callback)                 \
    X(session_callbacks_set_on_data_chunk_recv_callback)                                 \
    X(session_callbacks_set_on_frame_recv_callback)                                      \
    X(session_callbacks_set_on_stream_close_callback)                                    \
    X(session_client_new) X(session_del) X(submit_settings) X(submit_request)            \
    X(session_want_read) X(session_want_write) X(session_mem_send) X(session_mem_recv) X(strerror)
/* clang-format on */

struct nghttp2_api {
#define X(fn) __typeof__(nghttp2_##fn) *fn;
    NGHTTP2_FUNCTIONS(X)
#undef X
};

/* What a parent process left in memory is forgotten. */
void nghttp2_start_over(void);
/* The library, opened at the first call. NULL after logging why not. */
const struct nghttp2_api *nghttp2_open(const struct exporter_host *host);

#endif
