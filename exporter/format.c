/* What the formats of format.h have in common. */
#include "format.h"

#include <stdio.h>
#include <stdlib.h>

void format_scope_name(const struct exporter_host *host, unsigned scope,
                       char out[static SCOPE_NAME_MAX])
{
    const char *name = scope < FORMAT_MAX_SCOPES - 1 ? host->scope_name(scope) : NULL;
    snprintf(out, SCOPE_NAME_MAX, name ? SCOPE_PREFIX "%s" : "otelshim", name);
}

unsigned char *request_reserve(struct request_buffer *buffer, size_t bytes)
{
    if (bytes > buffer->capacity) {
        size_t capacity = bytes + bytes / 4; /* batches of one program are alike: grow rarely */
        free(buffer->memory);
        buffer->memory = malloc(TRANSPORT_HEADROOM + capacity);
        buffer->capacity = buffer->memory ? capacity : 0;
    }
    return buffer->memory ? buffer->memory + TRANSPORT_HEADROOM : NULL;
}

void format_group(const struct encoded_span *spans, unsigned nr_spans, struct encoded_span *sorted,
                  struct scope_groups *groups)
{
    unsigned next[FORMAT_MAX_SCOPES];
    memset(groups, 0, sizeof *groups);
    for (unsigned i = 0; i < nr_spans; i++)
        groups->first[spans[i].scope + 1]++;
    for (unsigned scope = 0; scope < FORMAT_MAX_SCOPES; scope++) {
        next[scope] = groups->first[scope];
        groups->first[scope + 1] += groups->first[scope];
    }
    for (unsigned i = 0; i < nr_spans; i++)
        sorted[next[spans[i].scope]++] = spans[i];
}

void response_message(struct response *response, const char *text, size_t len)
{
    size_t n = 0;
    for (; n < sizeof response->message - 1 && n < len && text[n]; n++)
        response->message[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7F ? ' ' : text[n];
    response->message[n] = '\0';
}
