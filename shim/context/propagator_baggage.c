/* W3C Baggage: passed on as it came, with the context that it came with. */
#include "context/propagator.h"

static struct field_text inject(const struct span_context *context, enum context_field field,
                                char scratch[static PROPAGATOR_VALUE_MAX])
{
    const char *text = context->baggage;
    (void)field;
    (void)scratch;
    return (struct field_text){ text, text != NULL ? strlen(text) : 0 };
}

extern const struct propagator propagator_baggage;
const struct propagator propagator_baggage = {
    .flag = PROPAGATE_BAGGAGE,
    .writes = CONTEXT_BIT(CONTEXT_BAGGAGE),
    .reads = CONTEXT_BIT(CONTEXT_BAGGAGE),
    .inject = inject,
};
