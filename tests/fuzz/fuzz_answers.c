/*
 * What receivers answer with: JSON, protobuf, gRPC's frames, headers and details. The
 * first byte says which. Whatever comes, texts for our log hold no control characters.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/otlp.h"
#include "transport/grpc_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            abort();
}

static void look_at_reply(const char *name, const char *value, size_t len)
{
    struct grpc_reply reply;
    grpc_reply_begin(&reply);
    grpc_reply_header(&reply, name, strlen(name), value, len);
    check_text(reply.message);
    if (reply.retry_after_ms < RETRY_AFTER_NONE || reply.retry_after_ms > RETRY_AFTER_MAX_MS)
        abort();
    grpc_reply_verdict(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct response response;
    const unsigned char *message;
    size_t bytes;
    if (size == 0)
        return 0;
    switch (data[0] % 5) {
    case 0:
        if (otlp_json_response(data + 1, size - 1, &response))
            check_text(response.message);
        break;
    case 1:
        if (otlp_decode_response(data + 1, size - 1, &response))
            check_text(response.message);
        break;
    case 2: look_at_reply("grpc-message", (const char *)data + 1, size - 1); break;
    case 3: look_at_reply("grpc-status-details-bin", (const char *)data + 1, size - 1); break;
    default:
        if (grpc_unframe(data + 1, size - 1, &message, &bytes) && message + bytes > data + size)
            abort();
    }
    return 0;
}
