/*
 * Headers of HTTP/1: which ones mean something, and what is kept of them.
 *
 * A header is told by length and letters, without a loop over candidates. Values
 * go straight to the end of the store as they arrive, so a split costs nothing;
 * framing headers go to the parser's scratch, and are judged when complete. A
 * header that is kept and captured, too, has its text in the store once.
 */
#include "http1_internal.h"

#include "layout.h"
#include "mem/clear.h"
#include "mem/copy_text.h"

/* RFC 9110: ! # $ % & ' * + - . ^ _ ` | ~, digits and letters. */
PER_REQUEST_CONST const uint8_t http1_token[256] = {
    ['!'] = 1,         ['#' ... '\''] = 1, ['*'] = 1,         ['+'] = 1,
    ['-'] = 1,         ['.'] = 1,          ['0' ... '9'] = 1, ['A' ... 'Z'] = 1,
    ['^' ... '`'] = 1, ['a' ... 'z'] = 1,  ['|'] = 1,         ['~'] = 1,
};

#define LENGTH(n) (1u << (n))
PER_REQUEST_CONST const uint32_t http1_name_lengths[32] = {
    ['b' & 31] = LENGTH(2) | LENGTH(7),
    ['c' & 31] = LENGTH(14),
    ['e' & 31] = LENGTH(6),
    ['f' & 31] = LENGTH(9),
    ['h' & 31] = LENGTH(4),
    ['t' & 31] = LENGTH(10) | LENGTH(11) | LENGTH(17),
    ['u' & 31] = LENGTH(7) | LENGTH(10) | LENGTH(13),
    ['x' & 31] =
        LENGTH(9) | LENGTH(10) | LENGTH(11) | LENGTH(12) | LENGTH(15) | LENGTH(16) | LENGTH(17),
};
#undef LENGTH

struct field_rule {
    uint16_t max;
    bool list, whole;
};

#define LIST true
#define SINGLE false
#define WHOLE true
#define CUT false
/* Indexed by what http1.field holds: framing headers never get here. */
PER_REQUEST_CONST static const struct field_rule rules[HEADER_OTHER + 1] = {
#define X(id, header, bytes, many, over) [HTTP1_##id] = { bytes, many, over },
    HTTP1_FIELDS(X)
#undef X
        [HEADER_OTHER] = { HTTP1_MAX_CAPTURED_VALUE, SINGLE, CUT },
};
#undef LIST
#undef SINGLE
#undef WHOLE
#undef CUT

/* `lower` holds letters, digits and '-' only: of what a name may hold, letters alone differ
 * from another byte in bit 5 and nothing else. `len` is a constant: two loads or three. */
static inline __attribute__((always_inline)) bool same_name(const char *name, const char *lower,
                                                            size_t len)
{
    const uint64_t letters = ~EACH_BYTE(0x20u);
    uint64_t a = 0, b = 0;
    for (size_t i = 0; i + sizeof a <= len; i += sizeof a) {
        memcpy(&a, name + i, sizeof a);
        memcpy(&b, lower + i, sizeof b);
        if (((a ^ b) & letters) != 0)
            return false;
    }
    size_t rest = len < sizeof a ? len : sizeof a;
    a = b = 0;
    memcpy(&a, name + len - rest, rest);
    memcpy(&b, lower + len - rest, rest);
    return len % sizeof a == 0 ? len > 0 : ((a ^ b) & letters) == 0;
}

#define NAME_IS(text) same_name(name, text, sizeof text - 1)

unsigned http1_header_of(const char *name, size_t len)
{
    switch (len) {
    case 2: return NAME_IS("b3") ? HTTP1_B3 : HEADER_OTHER;
    case 4: return NAME_IS("host") ? HTTP1_HOST : HEADER_OTHER;
    case 6: return NAME_IS("expect") ? HEADER_EXPECT : HEADER_OTHER;
    case 7:
        return NAME_IS("baggage")   ? HTTP1_BAGGAGE
               : NAME_IS("upgrade") ? HEADER_UPGRADE
                                    : HEADER_OTHER;
    case 9:
        return NAME_IS("forwarded")   ? HTTP1_FORWARDED
               : NAME_IS("x-real-ip") ? HTTP1_X_REAL_IP
                                      : HEADER_OTHER;
    case 10:
        return NAME_IS("user-agent")   ? HTTP1_USER_AGENT
               : NAME_IS("tracestate") ? HTTP1_TRACESTATE
               : NAME_IS("x-b3-flags") ? HTTP1_X_B3_FLAGS
                                       : HEADER_OTHER;
    case 11:
        return NAME_IS("traceparent")   ? HTTP1_TRACEPARENT
               : NAME_IS("x-b3-spanid") ? HTTP1_X_B3_SPANID
                                        : HEADER_OTHER;
    case 12:
        return NAME_IS("x-b3-traceid")   ? HTTP1_X_B3_TRACEID
               : NAME_IS("x-b3-sampled") ? HTTP1_X_B3_SAMPLED
                                         : HEADER_OTHER;
    case 13: return NAME_IS("uber-trace-id") ? HTTP1_UBER_TRACE_ID : HEADER_OTHER;
    case 14: return NAME_IS("content-length") ? HEADER_CONTENT_LENGTH : HEADER_OTHER;
    case 15:
        return NAME_IS("x-forwarded-for")   ? HTTP1_X_FORWARDED_FOR
               : NAME_IS("x-amzn-trace-id") ? HTTP1_X_AMZN_TRACE_ID
                                            : HEADER_OTHER;
    case 16: return NAME_IS("x-forwarded-host") ? HTTP1_X_FORWARDED_HOST : HEADER_OTHER;
    case 17:
        return NAME_IS("transfer-encoding")   ? HEADER_TRANSFER_ENCODING
               : NAME_IS("x-forwarded-proto") ? HTTP1_X_FORWARDED_PROTO
                                              : HEADER_OTHER;
    default: return HEADER_OTHER;
    }
}

struct http1_store *http1_store_init(void *memory, size_t bytes)
{
    struct http1_store *store = memory;
    size_t room = bytes - sizeof *store;
    clear_bytes(store, sizeof *store);
    store->room = (uint16_t)((room < UINT16_MAX ? room : UINT16_MAX) & ~(size_t)3);
    store->cap = store->room;
    return store;
}

void http1_store_move(struct http1_store *to, const struct http1_store *from)
{
    uint16_t room = to->room, captured = (uint16_t)(from->room - from->cap);
    memcpy(to, from, sizeof *from + from->used);
    to->room = room;
    to->cap = (uint16_t)(room - captured);
    memcpy(to->text + to->cap, from->text + from->cap, captured);
}

/* Bytes of `len` that find room at the store's end; it may be another store afterwards. */
static size_t make_room(struct http1 *p, size_t len)
{
    struct http1_store *store = p->store;
    if (len > (size_t)(store->cap - store->used) && p->env->grow != NULL) {
        struct http1_store *larger = p->env->grow(p->owner, store, len);
        if (larger != NULL)
            p->store = store = larger;
    }
    size_t room = (size_t)(store->cap - store->used);
    return len < room ? len : room;
}

/* The text that is being read: the last one in the store. */
static struct http1_text *current(struct http1 *p)
{
    return p->field == HEADER_OTHER ? &http1_captured_at(p->store, p->store->nr_captured)->value
                                    : &p->store->fields[p->field];
}

/* There was more of it than is kept. */
static void overflow(struct http1 *p)
{
    struct http1_text *text = current(p);
    p->seen |= SEEN_FULL;
    if (p->field == HEADER_OTHER)
        return;
    p->store->cut |= HTTP1_FIELD_BIT(p->field);
    if (rules[p->field].whole) {
        p->store->used = p->index; /* what lies before may be captured */
        text->len = 0;
    }
}

static void store_put(struct http1 *p, const char *bytes, size_t len)
{
    size_t max = (size_t)(rules[p->field].max - current(p)->len);
    size_t put = make_room(p, len < max ? len : max);
    struct http1_text *text = current(p);
    memcpy(p->store->text + p->store->used, bytes, put);
    p->store->used = (uint16_t)(p->store->used + put);
    text->len = (uint16_t)(text->len + put);
    if (put < len)
        overflow(p);
}

void http1_text_open(struct http1 *p, enum http1_field field)
{
    p->field = (uint8_t)field;
    p->seen &= (uint8_t) ~(SEEN_FULL | SEEN_CAPTURING);
    if (p->store == NULL || p->env == NULL) {
        p->field = HEADER_OTHER;
        return;
    }
    p->index = p->store->used;
    p->store->fields[field] = (struct http1_text){ p->index, 0 };
    p->store->seen |= HTTP1_FIELD_BIT(field);
}

/* The common case of a text that is kept: it is the first of its kind and finds room. */
static inline bool keep_at_once(struct http1 *p, unsigned field, const char *text, size_t len)
{
    struct http1_store *store = p->store;
    unsigned bit = HTTP1_FIELD_BIT(field);
    if ((store->seen & bit) || len > rules[field].max || len > (size_t)(store->cap - store->used))
        return false;
    store->seen |= bit;
    store->fields[field] = (struct http1_text){ store->used, (uint16_t)len };
    copy_text(store->text + store->used, text, len);
    store->used = (uint16_t)(store->used + len);
    return true;
}

static inline __attribute__((always_inline)) void text_read(struct http1 *p, enum http1_field field,
                                                            const char *text, size_t len)
{
    if (p->store == NULL || p->env == NULL || keep_at_once(p, field, text, len))
        return;
    http1_text_open(p, field);
    http1_value_put(p, text, len);
    http1_text_close(p);
}

void http1_method_read(struct http1 *p, const char *method, size_t len)
{
    p->method = (uint8_t)http_method_of(method, len);
    text_read(p, HTTP1_METHOD, method, len);
}

void http1_target_read(struct http1 *p, const char *target, size_t len)
{
    text_read(p, HTTP1_TARGET, target, len);
}

static void lower_case(char *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
}

/* The name goes to the store, for which there is room; the value is empty yet. */
static struct http1_captured *capture_name(struct http1_store *store, const char *lower, size_t len)
{
    struct http1_captured *captured = http1_captured_at(store, store->nr_captured);
    store->cap = (uint16_t)(store->cap - sizeof *captured);
    captured->name = (struct http1_text){ store->used, (uint16_t)len };
    memcpy(store->text + store->used, lower, len);
    store->used = (uint16_t)(store->used + len);
    captured->value = (struct http1_text){ store->used, 0 };
    return captured;
}

static void capture_open(struct http1 *p, const char *name, size_t len)
{
    char lower[HTTP1_MAX_NAME] = { 0 };
    if (len > sizeof lower || p->store->nr_captured == HTTP1_MAX_CAPTURED)
        return;
    lower_case(lower, name, len);
    size_t need = sizeof(struct http1_captured) + len;
    if (!p->env->capture(lower, len) || make_room(p, need) < need)
        return;
    capture_name(p->store, lower, len);
    p->seen |= SEEN_CAPTURING;
}

bool http1_store_capture(struct http1_store *store, bool (*wants)(const char *name, size_t len),
                         const char *name, size_t name_len, const char *value, size_t len)
{
    char lower[HTTP1_MAX_NAME] = { 0 };
    size_t need = sizeof(struct http1_captured) + name_len;
    if (name_len > sizeof lower || store->nr_captured == HTTP1_MAX_CAPTURED)
        return false;
    lower_case(lower, name, name_len);
    if (!wants(lower, name_len) || need > (size_t)(store->cap - store->used))
        return false;
    struct http1_captured *captured = capture_name(store, lower, name_len);
    size_t room = (size_t)(store->cap - store->used);
    if (len > HTTP1_MAX_CAPTURED_VALUE)
        len = HTTP1_MAX_CAPTURED_VALUE;
    if (len > room)
        len = room;
    memcpy(store->text + store->used, value, len);
    store->used = (uint16_t)(store->used + len);
    captured->value.len = (uint16_t)len;
    store->nr_captured++;
    return true;
}

void http1_field_open(struct http1 *p, const char *name, size_t len)
{
    unsigned header = http1_header_of(name, len);
    p->seen &= (uint8_t) ~(SEEN_FULL | SEEN_CAPTURING | SEEN_VALUE | SEEN_FOLD);
    p->field = HEADER_OTHER;
    if (p->seen & SEEN_TRAILER)
        return;
    if (p->store == NULL || p->env == NULL) {
        if (header >= HEADER_CONTENT_LENGTH)
            p->field = (uint8_t)header;
    } else {
        if (p->env->capture != NULL)
            capture_open(p, name, len);
        if (header < HTTP1_FIELD_COUNT) {
            unsigned bit = HTTP1_FIELD_BIT(header);
            bool first = !(p->store->seen & bit);
            p->store->seen |= bit;
            if (header == HTTP1_TRACEPARENT && p->store->nr_traceparent < UINT8_MAX)
                p->store->nr_traceparent++;
            if ((p->env->keep & bit) && (first || (rules[header].list && !(p->store->cut & bit))))
                p->field = (uint8_t)header;
        } else {
            p->field = (uint8_t)header;
        }
    }
    p->scratch_len = 0; /* the name may have lain there */
}

/* Whether it is remembered where in the head its value stands. */
static inline bool is_located(unsigned field)
{
    return field - HTTP1_TRACEPARENT < CONTEXT_SPAN_FIELDS;
}

/* A list goes on: what is kept of it moves to the store's end, and a comma behind it. */
static void list_reopen(struct http1 *p)
{
    struct http1_text before = *current(p);
    p->index = p->store->used;
    if (before.at + before.len == p->index) {
        store_put(p, ",", 1);
        return;
    }
    if (make_room(p, before.len + 1u) < before.len + 1u) {
        if (rules[p->field].whole)
            current(p)->len = 0; /* a part would mean something else */
        p->store->cut |= HTTP1_FIELD_BIT(p->field);
        p->seen |= SEEN_FULL;
        return;
    }
    struct http1_store *store = p->store;
    memcpy(store->text + store->used, store->text + before.at, before.len);
    *current(p) = (struct http1_text){ p->index, before.len };
    store->used = (uint16_t)(store->used + before.len);
    store_put(p, ",", 1);
}

void http1_value_begin(struct http1 *p, uint32_t offset)
{
    p->seen |= SEEN_VALUE;
    if (p->store == NULL)
        return;
    if (p->field < HTTP1_FIELD_COUNT) {
        if (current(p)->len > 0)
            list_reopen(p);
        else
            current(p)->at = p->store->used;
        if (is_located(p->field) && !(p->seen & SEEN_FOLD))
            p->store->value_at[p->field - HTTP1_TRACEPARENT] = (uint16_t)offset;
    }
    p->index = p->store->used;
}

void http1_value_put(struct http1 *p, const char *bytes, size_t len)
{
    if (p->field >= HEADER_CONTENT_LENGTH && p->field < HEADER_OTHER) {
        size_t room = sizeof p->scratch - p->scratch_len;
        if (len > room) {
            p->seen |= SEEN_FULL;
            len = room;
        }
        memcpy(p->scratch + p->scratch_len, bytes, len);
        p->scratch_len = (uint8_t)(p->scratch_len + len);
    } else if (p->store != NULL && !(p->seen & SEEN_FULL) && !http1_field_is_skipped(p)) {
        store_put(p, bytes, len);
    }
}

static void trim(struct http1 *p)
{
    while (p->scratch_len > 0 && is_blank(p->scratch[p->scratch_len - 1]))
        p->scratch_len--;
    if (p->store == NULL || (p->field >= HEADER_CONTENT_LENGTH && p->field < HEADER_OTHER) ||
        http1_field_is_skipped(p))
        return;
    struct http1_text *text = current(p);
    while (text->len > 0 && is_blank(p->store->text[text->at + text->len - 1])) {
        text->len--;
        p->store->used--;
    }
}

bool http1_value_fold(struct http1 *p)
{
    if (p->field == HEADER_CONTENT_LENGTH || p->field == HEADER_TRANSFER_ENCODING)
        return false;
    p->seen |= SEEN_FOLD;
    if (p->store != NULL && is_located(p->field))
        p->store->value_at[p->field - HTTP1_TRACEPARENT] = 0;
    if (p->seen & SEEN_VALUE) {
        trim(p);
        http1_value_put(p, " ", 1);
    }
    return true;
}

static bool content_length_close(struct http1 *p)
{
    uint64_t value = 0;
    if (p->scratch_len == 0 || (p->seen & SEEN_FULL))
        return false;
    for (unsigned i = 0; i < p->scratch_len; i++) {
        unsigned digit = (unsigned char)p->scratch[i] - (unsigned)'0';
        if (digit > 9 || value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if ((p->flags & HTTP1_HAS_LENGTH) && p->content_length != value)
        return false;
    p->content_length = value;
    p->flags |= HTTP1_HAS_LENGTH;
    return true;
}

static inline bool scratch_is(const struct http1 *p, const char *lower, size_t len)
{
    return !(p->seen & SEEN_FULL) && p->scratch_len == len && same_name(p->scratch, lower, len);
}

/* Any other coding than `chunked` alone can be read in two ways by two readers. */
static bool transfer_encoding_close(struct http1 *p)
{
    if ((p->seen & SEEN_TRANSFER_ENCODING) || !scratch_is(p, "chunked", 7))
        return false;
    p->seen |= SEEN_TRANSFER_ENCODING;
    p->flags |= HTTP1_CHUNKED;
    return true;
}

/* The captured one is complete, too. */
static void capture_close(struct http1 *p)
{
    struct http1_store *store = p->store;
    if (p->field < HEADER_OTHER) {
        uint16_t from = p->seen & SEEN_VALUE ? p->index : store->used;
        if (p->field >= HEADER_CONTENT_LENGTH) {
            size_t put = make_room(p, p->scratch_len);
            store = p->store;
            from = store->used;
            memcpy(store->text + from, p->scratch, put);
            store->used = (uint16_t)(store->used + put);
        }
        uint16_t len = store->used > from ? (uint16_t)(store->used - from) : 0;
        http1_captured_at(store, store->nr_captured)->value = (struct http1_text){ from, len };
    }
    store->nr_captured++;
}

void http1_text_close(struct http1 *p)
{
    p->field = HEADER_OTHER;
}

bool http1_field_close(struct http1 *p)
{
    bool good = true;
    if (http1_field_is_skipped(p))
        return true;
    trim(p);
    if (p->store != NULL && (p->seen & SEEN_CAPTURING) &&
        p->store->nr_captured < HTTP1_MAX_CAPTURED)
        capture_close(p);
    if (p->field == HEADER_CONTENT_LENGTH)
        good = content_length_close(p);
    else if (p->field == HEADER_TRANSFER_ENCODING)
        good = transfer_encoding_close(p);
    else if (p->field == HEADER_UPGRADE)
        p->flags |= HTTP1_UPGRADE;
    else if (p->field == HEADER_EXPECT && scratch_is(p, "100-continue", 12))
        p->flags |= HTTP1_EXPECTS;
    p->field = HEADER_OTHER;
    return good;
}

/* A Content-Length of digits alone, the first one; false: step by step. */
static bool content_length_read(struct http1 *p, const char *at, const char *stop)
{
    uint64_t value = 0;
    if (at == stop || stop - at > 18 || (p->flags & HTTP1_HAS_LENGTH))
        return false;
    for (; at < stop; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    p->content_length = value;
    p->flags |= HTTP1_HAS_LENGTH;
    return true;
}

bool http1_field_read(struct http1 *p, const char *name, struct line line, uint32_t base)
{
    size_t name_len = (size_t)(line.colon - name);
    unsigned header = http1_header_of(name, name_len);
    const struct http1_env *env = p->store != NULL ? p->env : NULL;
    if (p->seen & SEEN_TRAILER)
        return true;
    if (env == NULL || env->capture == NULL) {
        if (header == HEADER_OTHER || (header < HTTP1_FIELD_COUNT && env == NULL))
            return true;
    }
    if (header < HTTP1_FIELD_COUNT && env->capture == NULL &&
        !(env->keep & HTTP1_FIELD_BIT(header)) && !is_located(header)) {
        p->store->seen |= HTTP1_FIELD_BIT(header);
        return true;
    }
    const char *value = skip_blanks(line.colon + 1, line.stop), *stop = line.stop;
    while (stop > value && is_blank(stop[-1]))
        stop--;
    uint32_t offset = base + (uint32_t)(value - name);
    if (header < HTTP1_FIELD_COUNT && env->capture == NULL && stop > value &&
        (env->keep & HTTP1_FIELD_BIT(header)) &&
        keep_at_once(p, header, value, (size_t)(stop - value))) {
        if (is_located(header)) {
            p->store->nr_traceparent |= header == HTTP1_TRACEPARENT;
            p->store->value_at[header - HTTP1_TRACEPARENT] = (uint16_t)offset;
        }
        return true;
    }
    if (header == HEADER_CONTENT_LENGTH && (env == NULL || env->capture == NULL) &&
        content_length_read(p, value, stop))
        return true;
    http1_field_open(p, name, name_len);
    if (line.stop > value) {
        http1_value_begin(p, offset);
        http1_value_put(p, value, (size_t)(line.stop - value));
    }
    return http1_field_close(p);
}
