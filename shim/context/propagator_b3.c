/*
 * B3, Zipkin's format, in its two forms: one header, `b3: TRACE-SPAN[-STATE[-PARENT]]`, and
 * several, X-B3-TraceId, X-B3-SpanId, X-B3-Sampled, X-B3-Flags. Both read both, the one
 * header first; they differ in what they write.
 *
 * A trace id of 64 bits is one of 128 with zeros in front. The state is 1, 0 or d (debug:
 * sampled, and every service says so to the next); without one the caller has left it to
 * us. A state alone (`b3: 0`) names no trace: a new one begins, as our sampler says.
 */
#include "context/propagator.h"

#include <strings.h>

#include "context/hex.h"

static bool read_ids(struct field_text trace, struct field_text span, struct span_context *out)
{
    return (trace.len == 16 || trace.len == 32) && span.len == 16 &&
           hex_read_padded(trace.at, trace.len, out->trace_id, sizeof out->trace_id) &&
           hex_read_padded(span.at, span.len, out->span_id, sizeof out->span_id) &&
           span_context_is_valid(out);
}

static bool read_single(struct field_text rest, struct span_context *out)
{
    struct field_text trace, span, state, parent;
    struct span_context found = { .remote = true };
    uint8_t ignored[8];
    if (!field_text_split(&rest, '-', &trace) || !field_text_split(&rest, '-', &span) ||
        !read_ids(trace, span, &found))
        return false;
    if (!field_text_split(&rest, '-', &state))
        found.flags = propagator_deferred_flags(found.trace_id);
    else if (field_text_is(state, "d"))
        found.flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_DEBUG;
    else if (field_text_is(state, "1"))
        found.flags = SPAN_FLAG_SAMPLED;
    else if (!field_text_is(state, "0"))
        return false;
    if (field_text_split(&rest, '-', &parent) &&
        (parent.len != 16 || rest.at != NULL || !hex_read_padded(parent.at, 16, ignored, 8)))
        return false;
    *out = found;
    return true;
}

static bool is_word(struct field_text t, const char *word)
{
    return t.len == strlen(word) && strncasecmp(t.at, word, t.len) == 0;
}

static bool read_multi(const struct carrier *in, struct span_context *out)
{
    struct span_context found = { .remote = true };
    if (!read_ids(propagator_get(in, CONTEXT_X_B3_TRACEID), propagator_get(in, CONTEXT_X_B3_SPANID),
                  &found))
        return false;
    struct field_text sampled = propagator_get(in, CONTEXT_X_B3_SAMPLED);
    if (field_text_is(propagator_get(in, CONTEXT_X_B3_FLAGS), "1"))
        found.flags = SPAN_FLAG_SAMPLED | SPAN_FLAG_DEBUG;
    else if (sampled.len == 0)
        found.flags = propagator_deferred_flags(found.trace_id);
    else if (is_word(sampled, "1") || is_word(sampled, "true"))
        found.flags = SPAN_FLAG_SAMPLED;
    else if (!is_word(sampled, "0") && !is_word(sampled, "false"))
        return false;
    *out = found;
    return true;
}

static bool extract(const struct carrier *in, struct span_context *out)
{
    struct field_text single = propagator_get(in, CONTEXT_B3);
    return single.len > 0 ? read_single(single, out) : read_multi(in, out);
}

static struct field_text id_text(const uint8_t *id, size_t bytes, char *scratch)
{
    hex_write(scratch, id, bytes);
    return (struct field_text){ scratch, 2 * bytes };
}

static char state_of(const struct span_context *context)
{
    if (context->flags & SPAN_FLAG_DEBUG)
        return 'd';
    return span_context_is_sampled(context) ? '1' : '0';
}

static struct field_text inject_single(const struct span_context *context, enum context_field field,
                                       char scratch[static PROPAGATOR_VALUE_MAX])
{
    (void)field;
    char *to = hex_write(scratch, context->trace_id, sizeof context->trace_id);
    *to++ = '-';
    to = hex_write(to, context->span_id, sizeof context->span_id);
    *to++ = '-';
    *to++ = state_of(context);
    return (struct field_text){ scratch, (size_t)(to - scratch) };
}

static struct field_text inject_multi(const struct span_context *context, enum context_field field,
                                      char scratch[static PROPAGATOR_VALUE_MAX])
{
    char state = state_of(context);
    switch (field) {
    case CONTEXT_X_B3_TRACEID: return id_text(context->trace_id, sizeof context->trace_id, scratch);
    case CONTEXT_X_B3_SPANID: return id_text(context->span_id, sizeof context->span_id, scratch);
    case CONTEXT_X_B3_SAMPLED:
        scratch[0] = state;
        return (struct field_text){ scratch, state != 'd' };
    default: scratch[0] = '1'; return (struct field_text){ scratch, state == 'd' };
    }
}

static struct field_text span_id(enum context_field field, struct field_text value)
{
    struct field_text part = { NULL, 0 };
    if (field == CONTEXT_X_B3_SPANID)
        return value;
    if (field == CONTEXT_B3 && field_text_split(&value, '-', &part))
        field_text_split(&value, '-', &part);
    return part;
}

#define MULTI \
    (CONTEXT_BIT(CONTEXT_X_B3_TRACEID) | CONTEXT_BIT(CONTEXT_X_B3_SPANID) | \
     CONTEXT_BIT(CONTEXT_X_B3_SAMPLED) | CONTEXT_BIT(CONTEXT_X_B3_FLAGS))

extern const struct propagator propagator_b3, propagator_b3multi;
const struct propagator propagator_b3 = {
    .flag = PROPAGATE_B3,
    .writes = CONTEXT_BIT(CONTEXT_B3),
    .reads = CONTEXT_BIT(CONTEXT_B3) | MULTI,
    .extract = extract,
    .inject = inject_single,
    .span_id = span_id,
};
const struct propagator propagator_b3multi = {
    .flag = PROPAGATE_B3MULTI,
    .writes = MULTI,
    .reads = CONTEXT_BIT(CONTEXT_B3) | MULTI,
    .extract = extract,
    .inject = inject_multi,
    .span_id = span_id,
};
