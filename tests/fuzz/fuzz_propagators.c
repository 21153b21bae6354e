/*
 * libFuzzer entry for shim/context/propagator*.c. The first byte says which propagators are
 * chosen; then come fields, each a byte that names it and a value up to the next LF.
 *
 * Holds: no read beyond a value; what is extracted has ids; what is injected is extracted
 * again as it was; a span id that is found lies in the value, and with another in its place
 * the value is of the same trace and of that span.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "context/propagator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Each value in memory of exactly its size. */
struct fields {
    struct carrier carrier;
    struct field_text values[CONTEXT_FIELD_COUNT];
};

static struct field_text get(const struct carrier *carrier, enum context_field field)
{
    return ((const struct fields *)carrier)->values[field];
}

static void set(struct fields *f, enum context_field field, const char *value, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, value, len);
    free((void *)(uintptr_t)f->values[field].at);
    f->values[field] = (struct field_text){ copy, len };
}

static void clear(struct fields *f)
{
    for (unsigned i = 0; i < CONTEXT_FIELD_COUNT; i++)
        free((void *)(uintptr_t)f->values[i].at);
}

static void choose(unsigned how)
{
    static const uint8_t all[] = { PROPAGATE_TRACECONTEXT, PROPAGATE_B3,      PROPAGATE_B3MULTI,
                                   PROPAGATE_JAEGER,       PROPAGATE_BAGGAGE, PROPAGATE_XRAY };
    static struct config c;
    unsigned n = 0;
    memset(&c, 0, sizeof c);
    c.sampler_all = how & 1;
    for (unsigned i = 0; i < sizeof all; i++)
        if (how >> 1 & 1u << i)
            c.propagator_order[n++] = all[i];
    config = &c;
    propagation_init(&c);
}

static int is_same(const struct span_context *a, const struct span_context *b)
{
    return memcmp(a->trace_id, b->trace_id, 16) == 0 && memcmp(a->span_id, b->span_id, 8) == 0;
}

static void check_round_trip(const struct span_context *context)
{
    struct fields out = { .carrier = { get } };
    struct span_context again;
    struct injected i;
    for (unsigned at = 0; propagation_inject(&at, context, 0, &i);)
        set(&out, i.field, i.value.at, i.value.len);
    require(propagation_extract(&out.carrier, &again) != NULL);
    require(is_same(context, &again));
    require(span_context_is_sampled(context) == span_context_is_sampled(&again));
    clear(&out);
}

static void check_span_ids(struct fields *in, const struct span_context *context)
{
    static const char other[] = "1234567890abcdef";
    for (unsigned f = 0; f < CONTEXT_SPAN_FIELDS; f++) {
        struct fields one = *in;
        struct field_text id, value = in->values[f];
        struct span_context found;
        if (f == CONTEXT_X_B3_SPANID) /* or the other form would be read */
            one.values[CONTEXT_B3].len = 0;
        if (!propagation_find_span_id(&one.carrier, f, context, &id))
            continue;
        require(id.at >= value.at && id.at + id.len <= value.at + value.len && id.len <= 16);
        size_t before = (size_t)(id.at - value.at), after = value.len - before - id.len;
        char *changed = malloc(before + 16 + after);
        memcpy(changed, value.at, before);
        memcpy(changed + before, other, 16);
        memcpy(changed + before + 16, id.at + id.len, after);
        one.values[f] = (struct field_text){ changed, before + 16 + after };
        struct span_context expected = *context;
        memcpy(expected.span_id, "\x12\x34\x56\x78\x90\xab\xcd\xef", 8);
        struct field_text again;
        require(propagation_find_span_id(&one.carrier, f, &expected, &again));
        require(again.at == changed + before && again.len == 16);
        require(propagation_extract(&one.carrier, &found) != NULL);
        free(changed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fields in = { .carrier = { get } };
    struct span_context context;
    if (size < 1)
        return 0;
    choose(data[0]);
    for (size_t at = 1; at < size;) {
        unsigned field = data[at++] % CONTEXT_FIELD_COUNT;
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end != NULL ? (size_t)(end - data) - at : size - at;
        set(&in, field, (const char *)data + at, len);
        at += len + 1;
    }
    const struct propagator *found = propagation_extract(&in.carrier, &context);
    if (found != NULL) {
        struct field_text state, baggage;
        require(span_context_is_valid(&context) && context.remote);
        require(context.tracestate == NULL && context.baggage == NULL);
        propagation_extract_texts(&in.carrier, found->flag == PROPAGATE_TRACECONTEXT, &state,
                                  &baggage);
        require(state.len <= TRACESTATE_MAX && baggage.len <= BAGGAGE_MAX);
        check_round_trip(&context);
        check_span_ids(&in, &context);
    }
    clear(&in);
    return 0;
}
