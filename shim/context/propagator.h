/*
 * How a context travels: a propagator reads it from the fields of a carrier (a request's
 * headers, an environment) and writes it there. OTEL_PROPAGATORS says which ones, in order.
 *
 * A propagator is one file, propagator_NAME.c, and one line in propagators.c. Its functions
 * are pure: no allocation, no system call, any thread, async-signal-safe; what they read is
 * a stranger's, of any bytes.
 *
 * All of the chosen ones write. All read, in their order, and a later one that finds a
 * context replaces what an earlier one found (the specification's composite propagator);
 * what is malformed counts as not there. With tracecontext alone (and baggage), which is
 * the default, callers take a shorter way: propagation.only_w3c.
 */
#ifndef OTELSHIM_PROPAGATOR_H
#define OTELSHIM_PROPAGATOR_H

#include "config.h"
#include "context/context_fields.h"
#include "context/traceparent.h"

#define PROPAGATOR_VALUE_MAX 80u /* bytes of a value that is made, not borrowed */
/* Bytes of all lines "name: value" + CR LF that propagators but the W3C's write at most. */
#define PROPAGATOR_LINES_MAX 512u

/* A borrowed text, without zero at its end; len 0: none. */
struct field_text {
    const char *at;
    size_t len;
};

/* What came in: the first value of each field, blanks around it allowed. */
struct carrier {
    struct field_text (*get)(const struct carrier *carrier, enum context_field field);
};

struct propagator {
    uint32_t flag;          /* enum propagator_flag, of OTEL_PROPAGATORS */
    uint32_t writes, reads; /* CONTEXT_BIT of its fields */
    /* Fills ids, flags and remote; the texts become NULL. False: nothing, or malformed;
     * *out untouched. NULL: it carries no span's context. */
    bool (*extract)(const struct carrier *in, struct span_context *out);
    /* The value of a field that it writes, in `scratch` or borrowed; len 0: not sent. */
    struct field_text (*inject)(const struct span_context *context, enum context_field field,
                                char scratch[static PROPAGATOR_VALUE_MAX]);
    /* Where the span id stands in a value of `field`, one of its fields that hold one, which
     * came in well formed. Called for what extract has accepted. */
    struct field_text (*span_id)(enum context_field field, struct field_text value);
};

/* What OTEL_PROPAGATORS chose. Written by the constructor only. */
struct propagation {
    bool only_w3c;    /* of span contexts, only traceparent travels */
    bool w3c;         /* it is among them */
    bool baggage;     /* baggage travels */
    uint32_t reads;   /* CONTEXT_BIT of all fields that are looked at */
    uint32_t context; /* of these, the ones of a span's context: without tracestate, baggage */
    unsigned nr;
    const struct propagator *chosen[CONFIG_MAX_PROPAGATORS];
};
extern struct propagation propagation __attribute__((visibility("hidden")));

/* Constructor only, after config_load(). */
void propagation_init(const struct config *c);

/* What a context is read from a carrier: ids, flags, remote, no texts. Returns who found
 * it; NULL: nobody, *out untouched. */
const struct propagator *propagation_extract(const struct carrier *in, struct span_context *out);
/* tracestate and baggage that came along and are well formed. `is_w3c`: the context was found
 * by tracecontext; others have no tracestate. It may be cut to whole members. */
void propagation_extract_texts(const struct carrier *in, bool is_w3c, struct field_text *tracestate,
                               struct field_text *baggage);

/* One field that goes out. */
struct injected {
    enum context_field field;
    struct field_text value;
    char scratch[PROPAGATOR_VALUE_MAX];
};
/* The next one; *at starts at 0. `left_out`: CONTEXT_BIT of fields not wanted. */
bool propagation_inject(unsigned *at, const struct span_context *context, uint32_t left_out,
                        struct injected *out);
/* The fields of those propagators of which one field is among `seen`: they have spoken. */
uint32_t propagation_taken(uint32_t seen);
/* Where the span id stands in `value` of `field`, if its context is that of `same`. */
bool propagation_find_span_id(const struct carrier *in, enum context_field field,
                              const struct span_context *same, struct field_text *span_id);

/* "traceparent" and its length; "TRACEPARENT". */
struct field_text context_header(enum context_field field);
const char *context_variable(enum context_field field);

/* ---- for propagators ---- */

/* The trimmed value of a field. */
struct field_text propagator_get(const struct carrier *in, enum context_field field);
/* Up to `c` or the end; *rest goes behind it. False: there was nothing left. */
bool field_text_split(struct field_text *rest, char c, struct field_text *part);
static inline bool field_text_is(struct field_text t, const char *text)
{
    return t.len == strlen(text) && memcmp(t.at, text, t.len) == 0;
}
/* Flags of a context whose caller has left it to us whether to record: as of a root. */
uint8_t propagator_deferred_flags(const uint8_t trace_id[static 16]);

#endif
