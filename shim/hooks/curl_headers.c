/*
 * Captured headers of libcurl's transfers (OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_*).
 *
 * Of requests: the lines that the program put into CURLOPT_HTTPHEADER, and CURLOPT_USERAGENT.
 * What else libcurl adds it tells only to a debug function, which is the program's. Of
 * answers: curl_easy_nextheader (7.83), which takes nothing away from the program; it gives the
 * last request's, without those of redirects and proxies. Where it is missing there are none.
 */
#include <string.h>
#include <strings.h>

#include "conn/captured.h"
#include "conn/pool.h"
#include "curl_transfer.h"
#include "proto/http_attrs.h"
#include "ring.h"

/* Bounds, rows in docs/LIMITS.md. */
#define MAX_CAPTURING 256u /* transfers under way with captured request headers */
#define STORE_BYTES 4096u
#define MAX_LINES 1024u /* of the program's list */
#define MAX_LINE 8192u  /* bytes of one */

/* Any thread; a forked child gives back what its copy holds. */
STATIC_POOL(requests, STORE_BYTES, 4, MAX_CAPTURING);

/* Which headers are wanted, NULL: none. Constructor only. */
static bool (*wants_request)(const char *name, size_t len);
static bool (*wants_response)(const char *name, size_t len);

AT_START void curl_headers_init(void)
{
    wants_request = http_capture(false, PROTO_REQUESTS);
    wants_response = http_capture(false, PROTO_RESPONSES);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "Name: value", or "Name;" for an empty one. "Name:" means that libcurl's own is not sent. */
static bool split_line(const char *line, struct text *name, struct text *value)
{
    size_t len = strnlen(line, MAX_LINE), end = 0;
    while (end < len && line[end] != ':' && line[end] != ';')
        end++;
    if (end == 0 || end == len)
        return false;
    size_t from = end + 1;
    while (from < len && is_blank(line[from]))
        from++;
    while (len > from && is_blank(line[len - 1]))
        len--;
    *name = (struct text){ line, end };
    *value = (struct text){ line + from, len - from };
    return line[end] == ':' ? value->len > 0 : value->len == 0;
}

static bool is_user_agent(const char *line)
{
    static const char name[] = "User-Agent";
    size_t len = sizeof name - 1;
    return strncasecmp(line, name, len) == 0 && (line[len] == ':' || line[len] == ';');
}

static void capture_request(struct http1_store *store, const struct curl_options *o)
{
    struct text name, value;
    bool own_agent = false;
    const struct curl_slist *list = o->headers;
    for (unsigned i = 0; list != NULL && i < MAX_LINES; i++, list = list->next) {
        if (list->data == NULL)
            continue;
        own_agent |= is_user_agent(list->data);
        if (split_line(list->data, &name, &value))
            http1_store_capture(store, wants_request, name.at, name.len, value.at, value.len);
    }
    if (!own_agent && o->user_agent_len > 0)
        http1_store_capture(store, wants_request, "user-agent", 10, o->user_agent,
                            o->user_agent_len);
}

void curl_headers_begin(struct curl_easy *e, const void *caller)
{
    static struct hook nextheader = { .name = "curl_easy_nextheader" };
    curl_headers_forget(e);
    e->nextheader = NULL;
    if ((wants_request == NULL && wants_response == NULL) ||
        !span_context_is_sampled(&e->span.context))
        return;
    if (wants_response != NULL)
        e->nextheader = real_of(&nextheader, caller); /* missing: one that returns NULL */
    if (wants_request == NULL || (e->request_headers = pool_take(&requests)) == POOL_NONE)
        return;
    struct http1_store *store =
        http1_store_init(pool_at(&requests, e->request_headers), STORE_BYTES);
    capture_request(store, &e->options);
    if (store->nr_captured == 0)
        curl_headers_forget(e);
}

void curl_headers_forget(struct curl_easy *e)
{
    if (e->request_headers != POOL_NONE)
        pool_give(&requests, e->request_headers);
    e->request_headers = POOL_NONE;
}

void curl_headers_write(const struct curl_easy *e, struct span_writer *w)
{
    if (e->request_headers != POOL_NONE)
        captured_write(pool_at(&requests, e->request_headers), ATTR_HTTP_REQUEST_HEADER, w);
    if (e->nextheader == NULL)
        return;
    struct http1_store *store = http1_store_init(ring_scratch(w->ring), STORE_BYTES);
    struct curl_header *h = NULL;
    while ((h = e->nextheader(e->easy, CURLH_HEADER, -1, h)) != NULL)
        http1_store_capture(store, wants_response, h->name, strlen(h->name), h->value,
                            strlen(h->value));
    captured_write(store, ATTR_HTTP_RESPONSE_HEADER, w);
}
