/*
 * libFuzzer entry for shim/proto/proxy.c. The first byte says how the rest is split.
 *
 * Holds: any split gives the same result, the same end and the same addresses; no read
 * beyond a piece.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static enum proxy_result feed(struct proxy *p, const char *bytes, size_t len, size_t piece,
                              size_t *used)
{
    enum proxy_result result = PROXY_MORE;
    memset(p, 0, sizeof *p);
    for (*used = 0; *used < len && result == PROXY_MORE;) {
        size_t taken, n = piece < len - *used ? piece : len - *used;
        char *copy = malloc(n);
        memcpy(copy, bytes + *used, n);
        result = proxy_feed(p, copy, n, &taken);
        free(copy);
        require(taken <= n && (result != PROXY_MORE || taken == n));
        *used += taken;
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy whole, split;
    size_t used, used_split;
    if (size < 1)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1;
    enum proxy_result result = feed(&whole, bytes, len, len + 1, &used);
    enum proxy_result result_split = feed(&split, bytes, len, 1u + data[0] % 40u, &used_split);
    require(result == result_split);
    if (result == PROXY_DONE) {
        require(proxy_detect(bytes, len) == PROXY_YES);
        require(used == used_split && whole.family == split.family);
        require(whole.source_port == split.source_port);
        require(whole.destination_port == split.destination_port);
        require(memcmp(whole.source, split.source, 16) == 0);
        require(memcmp(whole.destination, split.destination, 16) == 0);
    }
    return 0;
}
