/*
 * Jaeger: `uber-trace-id: TRACE:SPAN:PARENT:FLAGS`, in hexadecimal without leading zeros, if
 * its sender likes; the colons may be percent-encoded. The parent is of no use to anybody.
 * Of the flags, 1 is sampled, 2 (beside it) debug. uberctx-* headers are not carried.
 */
#include "context/propagator.h"

#include "context/hex.h"

#define NR_PARTS 4u /* trace, span, parent, flags */

/* Length of the colon that `t` begins with, 0: none. */
static size_t colon_len(struct field_text t)
{
    if (t.len >= 1 && t.at[0] == ':')
        return 1;
    return t.len >= 3 && t.at[0] == '%' && t.at[1] == '3' && (t.at[2] | 0x20) == 'a' ? 3 : 0;
}

static bool split(struct field_text rest, struct field_text parts[static NR_PARTS])
{
    for (unsigned i = 0; i < NR_PARTS; i++) {
        parts[i] = (struct field_text){ rest.at, 0 };
        size_t colon = 0;
        while (rest.len > 0 && (colon = colon_len(rest)) == 0) {
            rest.at++;
            rest.len--;
            parts[i].len++;
        }
        if ((colon == 0) != (i == NR_PARTS - 1))
            return false;
        rest.at += colon;
        rest.len -= colon;
    }
    return true;
}

static bool extract(const struct carrier *in, struct span_context *out)
{
    struct field_text parts[NR_PARTS], value = propagator_get(in, CONTEXT_UBER_TRACE_ID);
    struct span_context found = { .remote = true };
    uint8_t ignored[8], flags;
    if (value.len == 0 || !split(value, parts) ||
        !hex_read_padded(parts[0].at, parts[0].len, found.trace_id, sizeof found.trace_id) ||
        !hex_read_padded(parts[1].at, parts[1].len, found.span_id, sizeof found.span_id) ||
        (parts[2].len > 0 && !hex_read_padded(parts[2].at, parts[2].len, ignored, 8)) ||
        !hex_read_padded(parts[3].at, parts[3].len, &flags, 1) || !span_context_is_valid(&found))
        return false;
    if (flags & 1)
        found.flags = SPAN_FLAG_SAMPLED | (flags & 2 ? SPAN_FLAG_DEBUG : 0);
    *out = found;
    return true;
}

static struct field_text inject(const struct span_context *context, enum context_field field,
                                char scratch[static PROPAGATOR_VALUE_MAX])
{
    (void)field;
    char *to = hex_write(scratch, context->trace_id, sizeof context->trace_id);
    *to++ = ':';
    to = hex_write(to, context->span_id, sizeof context->span_id);
    *to++ = ':';
    *to++ = '0';
    *to++ = ':';
    if (!span_context_is_sampled(context))
        *to++ = '0';
    else
        *to++ = context->flags & SPAN_FLAG_DEBUG ? '3' : '1';
    return (struct field_text){ scratch, (size_t)(to - scratch) };
}

static struct field_text span_id(enum context_field field, struct field_text value)
{
    struct field_text parts[NR_PARTS];
    (void)field;
    return split(value, parts) ? parts[1] : (struct field_text){ NULL, 0 };
}

extern const struct propagator propagator_jaeger;
const struct propagator propagator_jaeger = {
    .flag = PROPAGATE_JAEGER,
    .writes = CONTEXT_BIT(CONTEXT_UBER_TRACE_ID),
    .reads = CONTEXT_BIT(CONTEXT_UBER_TRACE_ID),
    .extract = extract,
    .inject = inject,
    .span_id = span_id,
};
