/* The reading of grpc_reply.h. */
#include "grpc_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "status.pb-c.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000
#define RETRY_INFO "google.rpc.RetryInfo"

void grpc_reply_begin(struct grpc_reply *reply)
{
    *reply = (struct grpc_reply){ .status = -1, .retry_after_ms = RETRY_AFTER_NONE };
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* Percent-encoded text for our log: control characters become blanks. */
static void take_message(struct grpc_reply *reply, const char *value, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < sizeof reply->message - 1; i++) {
        int c = (unsigned char)value[i];
        if (c == '%' && len - i > 2 && hex_value(value[i + 1]) >= 0 &&
            hex_value(value[i + 2]) >= 0) {
            c = hex_value(value[i + 1]) << 4 | hex_value(value[i + 2]);
            i += 2;
        }
        reply->message[n++] = (char)(c < 0x20 || c == 0x7F ? ' ' : c);
    }
    reply->message[n] = '\0';
}

/* Base64 of either alphabet, padding or none. Returns the bytes, 0: it is none. */
static size_t decode_base64(const char *text, size_t len, unsigned char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, nr_bits = 0;
    size_t n = 0;
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
        const char *at = c ? strchr(alphabet, c) : NULL;
        if (!at)
            return 0;
        bits = bits << 6 | (unsigned)(at - alphabet);
        nr_bits += 6;
        if (nr_bits >= 8) {
            nr_bits -= 8;
            out[n++] = (unsigned char)(bits >> nr_bits);
        }
    }
    return n;
}

static bool is_retry_info(const char *type_url)
{
    size_t len = strlen(type_url), wanted = sizeof RETRY_INFO - 1;
    if (len < wanted || strcmp(type_url + len - wanted, RETRY_INFO) != 0)
        return false;
    return len == wanted || type_url[len - wanted - 1] == '/';
}

static int64_t delay_ms(const Rpc__Duration *delay)
{
    if (!delay || delay->seconds < 0 || delay->nanos < 0)
        return 0;
    if (delay->seconds >= RETRY_AFTER_MAX_MS / MS_PER_S)
        return RETRY_AFTER_MAX_MS;
    return delay->seconds * MS_PER_S + (delay->nanos + NS_PER_MS - 1) / NS_PER_MS;
}

static void take_retry_info(struct grpc_reply *reply, const ProtobufCBinaryData *value)
{
    Rpc__RetryInfo *info = rpc__retry_info__unpack(NULL, value->len, value->data);
    if (!info)
        return;
    reply->retry_after_ms = delay_ms(info->retry_delay);
    rpc__retry_info__free_unpacked(info, NULL);
}

static void take_details(struct grpc_reply *reply, const char *value, size_t len)
{
    unsigned char *bytes = len <= GRPC_MAX_DETAILS ? malloc(len + 1) : NULL;
    if (!bytes)
        return;
    Rpc__Status *status = rpc__status__unpack(NULL, decode_base64(value, len, bytes), bytes);
    for (size_t i = 0; status && i < status->n_details; i++)
        if (is_retry_info(status->details[i]->type_url))
            take_retry_info(reply, &status->details[i]->value);
    if (status)
        rpc__status__free_unpacked(status, NULL);
    free(bytes);
}

static int number(const char *value, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9' || n > 999)
            return GRPC_UNKNOWN;
        n = 10 * n + value[i] - '0';
    }
    return len ? n : GRPC_UNKNOWN;
}

static bool is_name(const char *name, size_t len, const char *wanted)
{
    return len == strlen(wanted) && strncasecmp(name, wanted, len) == 0;
}

void grpc_reply_header(struct grpc_reply *reply, const char *name, size_t name_len,
                       const char *value, size_t len)
{
    if (is_name(name, name_len, ":status"))
        reply->http_status = number(value, len);
    else if (is_name(name, name_len, "grpc-status"))
        reply->status = number(value, len);
    else if (is_name(name, name_len, "grpc-message"))
        take_message(reply, value, len);
    else if (is_name(name, name_len, "grpc-status-details-bin"))
        take_details(reply, value, len);
}

int grpc_reply_status(const struct grpc_reply *reply)
{
    if (reply->status >= 0)
        return reply->status;
    switch (reply->http_status) {
    case 400: return GRPC_INTERNAL;
    case 401: return 16;
    case 403: return GRPC_PERMISSION_DENIED;
    case 404: return 12;
    case 429:
    case 502:
    case 503:
    case 504: return GRPC_UNAVAILABLE;
    default: return GRPC_UNKNOWN;
    }
}

static const struct {
    const char *name;
    enum verdict verdict;
} statuses[] = {
    { "OK", VERDICT_DELIVERED },
    { "CANCELLED", VERDICT_RETRY },
    { "UNKNOWN", VERDICT_REJECTED },
    { "INVALID_ARGUMENT", VERDICT_REJECTED },
    { "DEADLINE_EXCEEDED", VERDICT_RETRY },
    { "NOT_FOUND", VERDICT_REJECTED },
    { "ALREADY_EXISTS", VERDICT_REJECTED },
    { "PERMISSION_DENIED", VERDICT_REJECTED },
    { "RESOURCE_EXHAUSTED", VERDICT_REJECTED }, /* but with a RetryInfo */
    { "FAILED_PRECONDITION", VERDICT_REJECTED },
    { "ABORTED", VERDICT_RETRY },
    { "OUT_OF_RANGE", VERDICT_RETRY },
    { "UNIMPLEMENTED", VERDICT_REJECTED },
    { "INTERNAL", VERDICT_REJECTED },
    { "UNAVAILABLE", VERDICT_RETRY },
    { "DATA_LOSS", VERDICT_RETRY },
    { "UNAUTHENTICATED", VERDICT_REJECTED },
};

static bool is_known(int status)
{
    return status >= 0 && (size_t)status < sizeof statuses / sizeof statuses[0];
}

const char *grpc_status_name(int status)
{
    return is_known(status) ? statuses[status].name : "a status that gRPC does not have";
}

enum verdict grpc_reply_verdict(const struct grpc_reply *reply)
{
    int status = grpc_reply_status(reply);
    if (status == GRPC_RESOURCE_EXHAUSTED && reply->retry_after_ms != RETRY_AFTER_NONE)
        return VERDICT_RETRY;
    return is_known(status) ? statuses[status].verdict : VERDICT_REJECTED;
}

int grpc_status_of_reset(unsigned long error_code)
{
    switch (error_code) {
    case 7: return GRPC_UNAVAILABLE; /* REFUSED_STREAM */
    case 8: return GRPC_CANCELLED;
    case 11: return GRPC_RESOURCE_EXHAUSTED; /* ENHANCE_YOUR_CALM */
    case 12: return GRPC_PERMISSION_DENIED;  /* INADEQUATE_SECURITY */
    default: return GRPC_INTERNAL;
    }
}

void grpc_frame_head(unsigned char head[static GRPC_FRAME_HEAD], bool compressed, size_t bytes)
{
    head[0] = compressed;
    for (unsigned i = 0; i < 4; i++)
        head[1 + i] = (unsigned char)(bytes >> (24 - 8 * i));
}

bool grpc_unframe(const unsigned char *data, size_t len, const unsigned char **message,
                  size_t *bytes)
{
    if (len < GRPC_FRAME_HEAD || data[0] != 0)
        return false;
    *bytes = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    *message = data + GRPC_FRAME_HEAD;
    return *bytes == len - GRPC_FRAME_HEAD;
}
