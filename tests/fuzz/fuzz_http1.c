/*
 * libFuzzer entry for shim/proto/http1*.c.
 *
 * The first two bytes choose the side, the answered method, the room of the store and
 * how the rest is split. Holds: any split gives the events and texts that the whole
 * gives; no read beyond a piece; what the scan of a head says agrees with the parser;
 * first bytes that are detected as something else are nothing that the parser takes.
 */
#include "http1_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct transcript whole, split;

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n--- whole:\n%s\n--- split:\n%s\n", what, whole.text, split.text);
    abort();
}

static void start(struct transcript *t, unsigned how)
{
    static const enum http_method answered[] = { HTTP_GET, HTTP_HEAD, HTTP_CONNECT, HTTP_OTHER };
    t->answers[0] = answered[how >> 1 & 3];
    t->nr_answers = 1;
    t->refuse_tunnels = how & 8;
    size_t room = how & 16 ? sizeof(struct http1_store) + (how >> 5) * 32 : sizeof t->memory;
    transcript_start(t, how & 1 ? PROTO_RESPONSES : PROTO_REQUESTS, (how >> 4) == 7 ? 0 : room);
}

static void feed_split(const char *bytes, size_t len, unsigned seed)
{
    for (size_t at = 0; at < len;) {
        size_t n = 1;
        if (seed > 0) {
            seed = seed * 1103515245u + 12345u;
            n += (seed >> 16) % (seed & 0x8000 ? 40 : 3);
        }
        if (n > len - at)
            n = len - at;
        char *piece = malloc(n);
        memcpy(piece, bytes + at, n);
        transcript_feed(&split, piece, n);
        free(piece);
        at += n;
    }
}

/* What the parser says of the first message, beside what the scan says. */
static void check_scan(const char *bytes, size_t len)
{
    struct http1_head head;
    enum http1_scan scan = http1_scan_head(bytes, len, &head);
    enum proto_event event = PROTO_MORE;
    size_t at = 0;
    transcript_start(&split, PROTO_REQUESTS, sizeof split.memory);
    do {
        at += http1_feed(&split.parser, bytes + at, len - at, &event);
    } while (event == PROTO_BEGIN);
    const struct http1_store *s = split.parser.store;
    if (event == PROTO_HEAD) {
        size_t start = at - split.parser.head_bytes;
        require(scan == HTTP1_SCAN_COMPLETE && head.end == at, "the scan finds the head's end");
        require(head.insert_at == start + s->insert_at && head.line_end == s->line_end, "place");
        require(head.nr_traceparent > 255 || head.nr_traceparent == s->nr_traceparent, "number");
        if (s->value_at[0] > 0 && !(s->cut & HTTP1_FIELD_BIT(HTTP1_TRACEPARENT)))
            require(head.traceparent.at == start + s->value_at[0] &&
                        head.traceparent.len == s->fields[HTTP1_TRACEPARENT].len,
                    "the scan finds the traceparent");
        else
            require(head.traceparent.len == 0 || s->cut, "no traceparent that can be replaced");
    } else if (event == PROTO_MORE) {
        require(scan == HTTP1_SCAN_PARTIAL, "the scan wants more, too");
    } else {
        /* Framing is the parser's matter. */
        require(event == PROTO_BAD, "nothing else comes before a head");
    }
    if (scan == HTTP1_SCAN_COMPLETE)
        require(head.end <= len && head.insert_at < head.end &&
                    head.traceparent.at + head.traceparent.len <= head.end,
                "within the head");
}

static void check_detect(const char *bytes, size_t len, bool responses)
{
    enum proto_guess guess = http1_detect(bytes, len);
    if (len >= HTTP1_DETECT_MAX)
        require(guess != PROTO_UNSURE, "sure with so many bytes");
    for (size_t n = 0; n < len && n < HTTP1_DETECT_MAX; n++)
        require(guess == PROTO_UNLIKE || http1_detect(bytes, n) != PROTO_UNLIKE,
                "stays what it was");
    if (strstr(whole.text, "head@") != NULL && bytes[0] != '\r' && bytes[0] != '\n')
        require(guess == (responses ? PROTO_LIKELY_RESPONSE : PROTO_LIKELY_REQUEST), "detected");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    unsigned how = data[0], seed = data[1];
    const char *bytes = (const char *)data + 2;
    size_t len = size - 2;
    start(&whole, how);
    transcript_feed(&whole, bytes, len);
    transcript_finish(&whole);
    start(&split, how);
    feed_split(bytes, len, seed);
    transcript_finish(&split);
    require(strcmp(whole.text, split.text) == 0, "any split gives the same");
    require(whole.parser.body_bytes <= len, "no body that was not there");
    check_detect(bytes, len, how & 1);
    check_scan(bytes, len);
    return 0;
}
