/* W3C Trace Context: traceparent and tracestate. The formats are in traceparent.c. */
#include "context/propagator.h"
#include "layout.h"

AT_START static bool extract(const struct carrier *in, struct span_context *out)
{
    struct field_text t = propagator_get(in, CONTEXT_TRACEPARENT);
    return t.len > 0 && traceparent_parse(t.at, t.len, out);
}

static struct field_text inject(const struct span_context *context, enum context_field field,
                                char scratch[static PROPAGATOR_VALUE_MAX])
{
    const char *state = context->tracestate;
    if (field == CONTEXT_TRACEPARENT) {
        traceparent_format(context, scratch);
        return (struct field_text){ scratch, TRACEPARENT_LEN };
    }
    if (state == NULL)
        return (struct field_text){ NULL, 0 };
    return (struct field_text){ state, tracestate_fit(state, strlen(state), TRACESTATE_MAX) };
}

/* "00-" + trace id + "-", then the span id. */
static struct field_text span_id(enum context_field field, struct field_text value)
{
    (void)field;
    return (struct field_text){ value.at + 36, 16 };
}

extern const struct propagator propagator_tracecontext;
const struct propagator propagator_tracecontext = {
    .flag = PROPAGATE_TRACECONTEXT,
    .writes = CONTEXT_BIT(CONTEXT_TRACEPARENT) | CONTEXT_BIT(CONTEXT_TRACESTATE),
    .reads = CONTEXT_BIT(CONTEXT_TRACEPARENT) | CONTEXT_BIT(CONTEXT_TRACESTATE),
    .extract = extract,
    .inject = inject,
    .span_id = span_id,
};
