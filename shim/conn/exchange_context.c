/*
 * The context in a request's head: what came in with it, and our bytes in a client's.
 *
 * A head without a context gets headers, one line after the other, behind its first line. In
 * one that a proxy has copied from the request it serves, span ids give way to ours, each
 * where it stands; formats that the caller did not send go in as in any other head. Where
 * there is more than one such place, all from the first to the last is sent from a copy:
 * to whoever writes, an edit is always one place and one run of bytes.
 *
 * With traceparent alone (the default) nothing is kept but the exchange's own bytes; lines
 * of other formats and copies lie in a carried text.
 */
#include "conn/conn_internal.h"

#include "context/carried.h"
#include "context/hex.h"
#include "context/propagator.h"

#define SPAN_ID_LEN 16u

/* ---- what came in ---- */

struct head_carrier {
    struct carrier carrier;
    const struct http1_store *head;
};

static struct field_text get(const struct carrier *carrier, enum context_field field)
{
    const struct http1_store *h = ((const struct head_carrier *)carrier)->head;
    unsigned kept = HTTP1_CONTEXT(field);
    struct http1_text t = h->fields[kept];
    /* Two traceparents are none; half a tracestate is none. */
    if ((field == CONTEXT_TRACEPARENT && h->nr_traceparent != 1) ||
        (h->cut & HTTP1_FIELD_BIT(kept)))
        t.len = 0;
    return (struct field_text){ http1_store_text(h, t), t.len };
}

static struct head_carrier carrier_of(const struct exchange *e)
{
    return (struct head_carrier){ { get }, e->head };
}

/* Context fields that are in the head, of those that we look at. */
static uint32_t seen_in(const struct exchange *e)
{
    return (e->head->seen >> HTTP1_TRACEPARENT) & propagation.reads;
}

bool exchange_caller(const struct exchange *e, struct span_context *out)
{
    if (propagation.only_w3c && e->head->nr_traceparent != 1)
        return false; /* most heads */
    const struct head_carrier in = carrier_of(e);
    if (likely(propagation.only_w3c)) {
        struct field_text t = get(&in.carrier, CONTEXT_TRACEPARENT);
        return t.len > 0 && traceparent_parse(t.at, t.len, out);
    }
    return (seen_in(e) & propagation.context) && propagation_extract(&in.carrier, out) != NULL;
}

void exchange_carry_texts(struct exchange *e, struct span_context *caller)
{
    const struct head_carrier in = carrier_of(e);
    struct field_text state, baggage;
    bool is_w3c = propagation.only_w3c;
    if (unlikely(!is_w3c)) {
        struct span_context found;
        const struct propagator *by = propagation_extract(&in.carrier, &found);
        is_w3c = by != NULL && by->flag == PROPAGATE_TRACECONTEXT;
    }
    propagation_extract_texts(&in.carrier, is_w3c, &state, &baggage);
    e->tracestate = carried_keep(state.at, state.len);
    e->baggage = carried_keep(baggage.at, baggage.len);
    caller->tracestate = carried_text(e->tracestate);
    caller->baggage = carried_text(e->baggage);
}

/* ---- what goes out: the plan ---- */

static char *put(char *to, struct field_text t)
{
    memcpy(to, t.at, t.len);
    return to + t.len;
}

#define LITERAL(text) ((struct field_text){ text, sizeof(text) - 1 })

/* Bytes of the lines of all fields but `left_out`; written, if `to` is not NULL. */
static size_t put_lines(const struct exchange *e, uint32_t left_out, char *to)
{
    struct injected i;
    size_t len = 0;
    for (unsigned at = 0; propagation_inject(&at, &e->span.context, left_out, &i);) {
        struct field_text name = context_header(i.field);
        if (to != NULL)
            put(put(put(put(to + len, name), LITERAL(": ")), i.value), LITERAL("\r\n"));
        len += name.len + i.value.len + 4;
    }
    return len;
}

/* The lines of formats but the W3C's. */
static void keep_lines(struct exchange *e, uint32_t left_out)
{
    char *room;
    size_t len = put_lines(e, left_out, NULL);
    e->edit_text = carried_take(len, &room);
    e->edit_len = 0;
    if (e->edit_text != 0)
        e->edit_len = (uint16_t)put_lines(e, left_out, room);
}

#define W3C_FIELDS \
    (CONTEXT_BIT(CONTEXT_TRACEPARENT) | CONTEXT_BIT(CONTEXT_TRACESTATE) | \
     CONTEXT_BIT(CONTEXT_BAGGAGE))

/* Nothing that counts is in the head; what is there is malformed, and stays alone. */
static void plan_insert(struct exchange *e, size_t head_at, struct edit *edit)
{
    const struct span_context *s = &e->span.context;
    uint32_t seen = seen_in(e), taken = 0;
    if (unlikely(seen & propagation.context))
        taken = propagation_taken(seen);
    e->edit_w3c = propagation.w3c && !(taken & CONTEXT_BIT(CONTEXT_TRACEPARENT));
    e->edit_state =
        e->edit_w3c && !(seen & CONTEXT_BIT(CONTEXT_TRACESTATE)) && s->tracestate != NULL;
    e->edit_baggage = propagation.baggage && taken == 0 && !(seen & CONTEXT_BIT(CONTEXT_BAGGAGE)) &&
                      s->baggage != NULL;
    if (unlikely(!propagation.only_w3c))
        keep_lines(e, taken | W3C_FIELDS);
    if (e->edit_w3c || e->edit_baggage || e->edit_text != 0) {
        edit->kind = EDIT_INSERT;
        edit->at = (uint32_t)head_at + e->head->insert_at;
    }
}

/* A span id in the head. */
struct place {
    uint32_t at, len;
};

/* Those of the caller's context, in the head's order; their number. */
static unsigned find_places(const struct exchange *e, struct place places[CONTEXT_SPAN_FIELDS])
{
    const struct head_carrier in = carrier_of(e);
    struct span_context caller;
    struct field_text id;
    unsigned n = 0;
    if (likely(propagation.only_w3c)) { /* "00-" + trace id + "-", then the span id */
        places[0] = (struct place){ e->head->value_at[CONTEXT_TRACEPARENT] + 36u, SPAN_ID_LEN };
        return e->head->value_at[CONTEXT_TRACEPARENT] != 0;
    }
    if (!exchange_caller(e, &caller))
        return 0;
    for (unsigned f = 0; f < CONTEXT_SPAN_FIELDS; f++) {
        uint32_t value_at = e->head->value_at[f];
        if (value_at == 0 || !propagation_find_span_id(&in.carrier, f, &caller, &id))
            continue;
        struct place p = { value_at + (uint32_t)(id.at - get(&in.carrier, f).at),
                           (uint32_t)id.len };
        unsigned i = n++;
        for (; i > 0 && places[i - 1].at > p.at; i--)
            places[i] = places[i - 1];
        places[i] = p;
    }
    return n;
}

/* The program's bytes [from, to) of a write. */
static char *put_range(char *out, const struct iovec *iov, int nr_iov, size_t from, size_t to)
{
    size_t at = 0;
    for (int i = 0; i < nr_iov && at < to; i++) {
        size_t len = iov[i].iov_len;
        size_t first = from > at ? from - at : 0, last = to - at < len ? to - at : len;
        if (first < last)
            out = put(out, (struct field_text){ (char *)iov[i].iov_base + first, last - first });
        at += len;
    }
    return out;
}

/* False: there is no room. */
static bool plan_copy(struct exchange *e, const struct iovec *iov, int nr_iov, size_t head_at,
                      const struct place *places, unsigned nr, struct edit *edit, uint32_t left_out)
{
    size_t lines = put_lines(e, left_out, NULL);
    size_t from = lines > 0 ? e->head->insert_at : places[0].at;
    size_t to = places[nr - 1].at + places[nr - 1].len, len = lines + (to - from);
    char *room;
    for (unsigned i = 0; i < nr; i++)
        len += SPAN_ID_LEN - places[i].len;
    e->edit_text = carried_take(len, &room);
    if (e->edit_text == 0)
        return false;
    e->edit_len = (uint16_t)len;
    room += put_lines(e, left_out, room);
    size_t done = from;
    for (unsigned i = 0; i < nr; i++) {
        room = put_range(room, iov, nr_iov, head_at + done, head_at + places[i].at);
        room = hex_write(room, e->span.context.span_id, sizeof e->span.context.span_id);
        done = places[i].at + places[i].len;
    }
    edit->kind = EDIT_COPY;
    edit->skip = (uint16_t)(to - from);
    edit->at = (uint32_t)(head_at + from);
    return true;
}

/* The caller's context, copied by a proxy: its span ids become ours. */
static void plan_replace(struct exchange *e, const struct iovec *iov, int nr_iov, size_t head_at,
                         struct edit *edit)
{
    struct place places[CONTEXT_SPAN_FIELDS];
    unsigned nr = find_places(e, places);
    if (nr == 0)
        return; /* folded over lines, all of them */
    uint32_t left_out = propagation_taken(seen_in(e)) | CONTEXT_BIT(CONTEXT_BAGGAGE);
    bool lacks = !propagation.only_w3c && put_lines(e, left_out, NULL) > 0;
    if ((nr > 1 || lacks) && plan_copy(e, iov, nr_iov, head_at, places, nr, edit, left_out))
        return;
    edit->kind = EDIT_SPAN_ID;
    edit->skip = (uint16_t)places[0].len;
    edit->at = (uint32_t)head_at + places[0].at;
}

void exchange_plan_edit(struct exchange *e, const struct iovec *iov, int nr_iov, size_t head_at,
                        struct edit *edit)
{
    *edit = (struct edit){ .exchange = (uint16_t)e->number };
    carried_give(&e->edit_text); /* the head may be read a second time (stream_unread_head) */
    if (e->flags & (EXCHANGE_EXCLUDED | EXCHANGE_OWN_PARENT))
        return;
    if (e->flags & EXCHANGE_FORWARDED)
        plan_replace(e, iov, nr_iov, head_at, edit);
    else
        plan_insert(e, head_at, edit);
}

/* ---- what goes out: the bytes ---- */

static void add_piece(struct iovec *pieces, unsigned *n, const char *text, size_t len)
{
    memcpy(&pieces[*n].iov_base, &text, sizeof text);
    pieces[(*n)++].iov_len = len;
}

static size_t add_text(char *to, size_t at, const char *text)
{
    size_t len = strlen(text);
    memcpy(to + at, text, len);
    return at + len;
}

/* All of the headers that go in. */
static unsigned header_pieces(const struct exchange *e, struct iovec *pieces, char *text)
{
    const struct span_context *s = &e->span.context;
    size_t len = 0;
    unsigned n = 0;
    const char *state = e->edit_state ? s->tracestate : NULL;
    const char *bag = e->edit_baggage ? s->baggage : NULL;
    if (e->edit_w3c) {
        len = add_text(text, 0, "traceparent: ");
        traceparent_format(s, text + len);
        len = add_text(text, len + TRACEPARENT_LEN, "\r\n");
        if (state != NULL)
            len = add_text(text, len, "tracestate: ");
        add_piece(pieces, &n, text, len);
    }
    if (state != NULL)
        add_piece(pieces, &n, state, strlen(state));
    if (bag != NULL) {
        const char *name = state != NULL ? "\r\nbaggage: " : "baggage: ";
        add_piece(pieces, &n, name, strlen(name));
        add_piece(pieces, &n, bag, strlen(bag));
    }
    if (state != NULL || bag != NULL)
        add_piece(pieces, &n, "\r\n", 2);
    if (unlikely(e->edit_text != 0))
        add_piece(pieces, &n, carried_text(e->edit_text), e->edit_len);
    return n;
}

unsigned exchange_edit_pieces(const struct exchange *e, const struct edit *edit,
                              struct iovec pieces[static CONN_EDIT_PIECES],
                              char text[static CONN_EDIT_TEXT])
{
    unsigned n = 0, out = 0;
    if (edit->kind == EDIT_SPAN_ID) {
        hex_write(text, e->span.context.span_id, sizeof e->span.context.span_id);
        add_piece(pieces, &n, text, SPAN_ID_LEN);
    } else if (edit->kind == EDIT_COPY) {
        add_piece(pieces, &n, carried_text(e->edit_text), e->edit_len);
    } else {
        n = header_pieces(e, pieces, text);
    }
    size_t done = edit->done;
    for (unsigned i = 0; i < n; i++) {
        size_t gone = done < pieces[i].iov_len ? done : pieces[i].iov_len;
        done -= gone;
        if (gone == pieces[i].iov_len)
            continue;
        pieces[out].iov_base = (char *)pieces[i].iov_base + gone;
        pieces[out++].iov_len = pieces[i].iov_len - gone;
    }
    return out;
}
