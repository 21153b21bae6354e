/* The propagators that are there, and the chosen ones as one; see propagator.h. */
#include "context/propagator.h"

#include "context/hex.h"
#include "layout.h"
#include "sdk/sampler.h"

#define PROPAGATORS(X) \
    X(propagator_tracecontext) \
    X(propagator_baggage) \
    X(propagator_b3) \
    X(propagator_b3multi) \
    X(propagator_jaeger) \
    X(propagator_xray)

#define X(name) extern const struct propagator name;
PROPAGATORS(X)
#undef X

static const struct propagator *const all[] = {
#define X(name) &name,
    PROPAGATORS(X)
#undef X
};
#define NR_ALL (sizeof all / sizeof all[0])
_Static_assert(NR_ALL <= CONFIG_MAX_PROPAGATORS, "all may be chosen");

static const struct {
    struct field_text header;
    const char *variable;
} names[CONTEXT_FIELD_COUNT] = {
#define X(id, header, bytes, many, over) { { header, sizeof header - 1 }, #id },
    CONTEXT_FIELDS(X)
#undef X
};

PER_REQUEST_ZERO struct propagation propagation;

struct field_text context_header(enum context_field field)
{
    return names[field].header;
}

const char *context_variable(enum context_field field)
{
    return names[field].variable;
}

static const struct propagator *with_flag(uint32_t flag)
{
    for (unsigned i = 0; i < NR_ALL; i++)
        if (all[i]->flag == flag)
            return all[i];
    return NULL;
}

AT_START void propagation_init(const struct config *c)
{
    struct propagation p = { 0 };
    uint32_t contexts = 0;
    for (unsigned i = 0; i < CONFIG_MAX_PROPAGATORS && c->propagator_order[i] != 0; i++) {
        const struct propagator *chosen = with_flag(c->propagator_order[i]);
        if (chosen == NULL)
            continue;
        p.chosen[p.nr++] = chosen;
        p.reads |= chosen->reads;
        contexts |= chosen->extract != NULL ? chosen->flag : 0;
    }
    p.w3c = contexts & PROPAGATE_TRACECONTEXT;
    p.only_w3c = contexts == PROPAGATE_TRACECONTEXT;
    p.baggage = p.reads & CONTEXT_BIT(CONTEXT_BAGGAGE);
    p.context = p.reads & ~(CONTEXT_BIT(CONTEXT_TRACESTATE) | CONTEXT_BIT(CONTEXT_BAGGAGE));
    propagation = p;
}

AT_START const struct propagator *propagation_extract(const struct carrier *in,
                                                      struct span_context *out)
{
    const struct propagator *found = NULL;
    for (unsigned i = 0; i < propagation.nr; i++) {
        const struct propagator *p = propagation.chosen[i];
        if (p->extract != NULL && p->extract(in, out))
            found = p;
    }
    return found;
}

void propagation_extract_texts(const struct carrier *in, bool is_w3c, struct field_text *tracestate,
                               struct field_text *baggage)
{
    *tracestate = *baggage = (struct field_text){ NULL, 0 };
    if (is_w3c) {
        struct field_text t = in->get(in, CONTEXT_TRACESTATE);
        if (t.len > 0 && tracestate_is_valid(t.at, t.len))
            *tracestate = (struct field_text){ t.at, tracestate_fit(t.at, t.len, TRACESTATE_MAX) };
    }
    if (propagation.baggage) {
        struct field_text t = in->get(in, CONTEXT_BAGGAGE);
        if (t.len > 0 && baggage_is_valid(t.at, t.len))
            *baggage = t;
    }
}

bool propagation_inject(unsigned *at, const struct span_context *context, uint32_t left_out,
                        struct injected *out)
{
    while (*at < propagation.nr * CONTEXT_FIELD_COUNT) {
        const struct propagator *p = propagation.chosen[*at / CONTEXT_FIELD_COUNT];
        unsigned field = *at % CONTEXT_FIELD_COUNT;
        uint32_t left = (p->writes & ~left_out) >> field;
        if (left == 0) {
            *at += CONTEXT_FIELD_COUNT - field;
            continue;
        }
        field += (unsigned)__builtin_ctz(left);
        *at += (unsigned)__builtin_ctz(left) + 1;
        out->field = (enum context_field)field;
        out->value = p->inject(context, out->field, out->scratch);
        if (out->value.len > 0)
            return true;
    }
    return false;
}

uint32_t propagation_taken(uint32_t seen)
{
    uint32_t taken = 0;
    for (unsigned i = 0; i < propagation.nr; i++) {
        const struct propagator *p = propagation.chosen[i];
        if (p->reads & propagation.context & seen)
            taken |= p->writes;
    }
    return taken;
}

bool propagation_find_span_id(const struct carrier *in, enum context_field field,
                              const struct span_context *same, struct field_text *span_id)
{
    for (unsigned i = 0; i < propagation.nr; i++) {
        const struct propagator *p = propagation.chosen[i];
        struct span_context found;
        if (p->span_id == NULL || !(p->reads & CONTEXT_BIT(field)) || !p->extract(in, &found) ||
            memcmp(found.trace_id, same->trace_id, sizeof found.trace_id) != 0 ||
            memcmp(found.span_id, same->span_id, sizeof found.span_id) != 0)
            continue;
        /* Of B3's two forms only one has been read. */
        uint8_t id[sizeof same->span_id];
        *span_id = p->span_id(field, propagator_get(in, field));
        return hex_read_padded(span_id->at, span_id->len, id, sizeof id) &&
               memcmp(id, same->span_id, sizeof id) == 0;
    }
    return false;
}

/* ---- for propagators ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

AT_START struct field_text propagator_get(const struct carrier *in, enum context_field field)
{
    struct field_text t = in->get(in, field);
    while (t.len > 0 && is_blank(t.at[0])) {
        t.at++;
        t.len--;
    }
    while (t.len > 0 && is_blank(t.at[t.len - 1]))
        t.len--;
    return t;
}

bool field_text_split(struct field_text *rest, char c, struct field_text *part)
{
    if (rest->at == NULL)
        return false;
    const char *found = rest->len > 0 ? memchr(rest->at, c, rest->len) : NULL;
    size_t len = found != NULL ? (size_t)(found - rest->at) : rest->len;
    *part = (struct field_text){ rest->at, len };
    if (found != NULL)
        *rest = (struct field_text){ found + 1, rest->len - len - 1 };
    else
        *rest = (struct field_text){ NULL, 0 };
    return true;
}

uint8_t propagator_deferred_flags(const uint8_t trace_id[static 16])
{
    if (config == NULL)
        return 0;
    if (config->sampler == SAMPLER_RATE) /* a context may be read several times */
        return SPAN_FLAG_DEFERRED;
    return sampler_samples_root(config, trace_id) ? SPAN_FLAG_SAMPLED : 0;
}
