/*
 * libFuzzer entry for shim/proto/http_attrs.c and shim/proto/routes.c: what they make of
 * targets, authorities, forwarded headers and paths.
 *
 * Holds: every result lies within what it was made of; a route is within its bound, and
 * the same when it is asked for again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/http_attrs.h"
#include "proto/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_within(struct text part, const char *text, size_t len)
{
    require(part.len == 0 || (part.at >= text && part.at + part.len <= text + len));
}

static void check_target(const char *text, size_t len)
{
    char url[64];
    uint16_t port;
    for (enum http_method m = 0; m < HTTP_METHOD_COUNT; m++) {
        struct http_target t = http_target_split(m, (struct text){ text, len });
        require_within(t.scheme, text, len);
        require_within(t.authority, text, len);
        require_within(t.query, text, len);
        require(t.path.len <= len || (t.path.len == 1 && *t.path.at == '/'));
        struct text host = http_authority_split(t.authority, &port);
        require_within(host, text, len);
        require(http_url_write(m, (struct text){ text, len }, "https", (struct text){ "h", 1 }, url,
                               sizeof url) <= sizeof url);
    }
    require_within(http_authority_split((struct text){ text, len }, &port), text, len);
}

/* The bytes as the value of each header that proxies set. */
static void check_forwarded(const char *text, size_t len)
{
    static uint32_t memory[4096];
    struct http1_store *store = http1_store_init(memory, sizeof memory);
    if (len > store->cap)
        len = store->cap;
    memcpy(store->text, text, len);
    store->used = (uint16_t)len;
    for (unsigned f = HTTP1_FORWARDED; f < HTTP1_FIELD_COUNT; f++)
        store->fields[f] = (struct http1_text){ 0, (uint16_t)len };
    struct http_forwarded out = http_forwarded_read(store);
    require_within(out.client, store->text, len);
    require_within(out.proto, store->text, len);
    require_within(out.host, store->text, len);
    store->fields[HTTP1_FORWARDED].len = 0;
    require_within(http_forwarded_read(store).client, store->text, len);
}

static void check_route(const char *text, size_t len)
{
    char first[ROUTES_MAX_BYTES], again[ROUTES_MAX_BYTES];
    struct text path = { text, len };
    size_t n = http_route_find(path, 200, first);
    require(n <= sizeof first && (n == 0 || first[0] == '/'));
    require(http_route_find(path, 200, again) == n);
    require(memcmp(first, again, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const env[] = { "OTEL_SHIM_TRUST_FORWARDED=true",
                                       "OTEL_SHIM_HTTP_ROUTES=/user/{id},/f/{a}.{b}/x,/s/*,auto",
                                       NULL };
    static bool ready;
    if (!ready)
        http_attrs_init(config_load((char *const *)(uintptr_t)env));
    ready = true;
    check_target((const char *)data, size);
    check_forwarded((const char *)data, size);
    check_route((const char *)data, size);
    return 0;
}
