/*
 * AWS X-Ray: `X-Amzn-Trace-Id: Root=1-TIME-REST;Parent=SPAN;Sampled=1`, in any order, beside
 * other keys (Self, Lineage, the user's own). TIME and REST together are the trace id. A
 * load balancer sends Root alone: that names no span, and a new trace begins.
 */
#include "context/propagator.h"

#include "context/hex.h"

#define ROOT_LEN 35u /* "1-" 8 digits "-" 24 digits */

/* The values of the keys that mean something; at NULL: not there. */
struct parts {
    struct field_text root, parent, sampled;
};

static struct field_text trim(struct field_text t)
{
    while (t.len > 0 && (*t.at == ' ' || *t.at == '\t')) {
        t.at++;
        t.len--;
    }
    while (t.len > 0 && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
        t.len--;
    return t;
}

static bool split(struct field_text rest, struct parts *parts)
{
    struct field_text part, key;
    memset(parts, 0, sizeof *parts);
    while (field_text_split(&rest, ';', &part)) {
        part = trim(part);
        if (part.len == 0)
            continue;
        if (!field_text_split(&part, '=', &key) || part.at == NULL)
            return false;
        if (field_text_is(key, "Root"))
            parts->root = part;
        else if (field_text_is(key, "Parent"))
            parts->parent = part;
        else if (field_text_is(key, "Sampled"))
            parts->sampled = part;
    }
    return true;
}

static bool read_root(struct field_text root, uint8_t trace_id[static 16])
{
    const char *t = root.at;
    return root.len == ROOT_LEN && t[0] == '1' && t[1] == '-' && t[10] == '-' &&
           hex_read_padded(t + 2, 8, trace_id, 4) && hex_read_padded(t + 11, 24, trace_id + 4, 12);
}

static bool extract(const struct carrier *in, struct span_context *out)
{
    struct parts p;
    struct span_context found = { .remote = true };
    struct field_text value = propagator_get(in, CONTEXT_X_AMZN_TRACE_ID);
    if (value.len == 0 || !split(value, &p) || !read_root(p.root, found.trace_id) ||
        p.parent.len != 16 || !hex_read_padded(p.parent.at, 16, found.span_id, 8) ||
        !span_context_is_valid(&found))
        return false;
    if (field_text_is(p.sampled, "1"))
        found.flags = SPAN_FLAG_SAMPLED;
    else if (field_text_is(p.sampled, "?")) /* we are asked */
        found.flags = propagator_deferred_flags(found.trace_id);
    else if (p.sampled.at != NULL && !field_text_is(p.sampled, "0"))
        return false;
    *out = found;
    return true;
}

static char *put(char *to, const char *text)
{
    size_t len = strlen(text);
    memcpy(to, text, len);
    return to + len;
}

static struct field_text inject(const struct span_context *context, enum context_field field,
                                char scratch[static PROPAGATOR_VALUE_MAX])
{
    (void)field;
    char *to = hex_write(put(scratch, "Root=1-"), context->trace_id, 4);
    to = hex_write(put(to, "-"), context->trace_id + 4, 12);
    to = hex_write(put(to, ";Parent="), context->span_id, 8);
    to = put(to, span_context_is_sampled(context) ? ";Sampled=1" : ";Sampled=0");
    return (struct field_text){ scratch, (size_t)(to - scratch) };
}

static struct field_text span_id(enum context_field field, struct field_text value)
{
    struct parts p;
    (void)field;
    return split(value, &p) ? p.parent : (struct field_text){ NULL, 0 };
}

extern const struct propagator propagator_xray;
const struct propagator propagator_xray = {
    .flag = PROPAGATE_XRAY,
    .writes = CONTEXT_BIT(CONTEXT_X_AMZN_TRACE_ID),
    .reads = CONTEXT_BIT(CONTEXT_X_AMZN_TRACE_ID),
    .extract = extract,
    .inject = inject,
    .span_id = span_id,
};
