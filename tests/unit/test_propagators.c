/* Contexts as they travel: every format, good and hostile, alone and several at once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "context/propagator.h"

#define T "0af7651916cd43dd8448eb211c80319c"
#define T64 "00000000000000008448eb211c80319c"
#define S "b7ad6b7169203331"
#define NO_TRACE "00000000000000000000000000000000"
#define NO_SPAN "0000000000000000"

static struct config settings;

static void choose(const char *const *names)
{
    static const struct {
        const char *name;
        uint8_t flag;
    } all[] = {
        { "tracecontext", PROPAGATE_TRACECONTEXT },
        { "baggage", PROPAGATE_BAGGAGE },
        { "b3", PROPAGATE_B3 },
        { "b3multi", PROPAGATE_B3MULTI },
        { "jaeger", PROPAGATE_JAEGER },
        { "xray", PROPAGATE_XRAY },
    };
    settings = (struct config){ .sampler_all = true };
    config = &settings;
    for (unsigned n = 0; names[n] != NULL; n++)
        for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
            if (strcmp(all[i].name, names[n]) == 0)
                settings.propagator_order[n] = all[i].flag;
    propagation_init(&settings);
}
#define CHOOSE(...) choose((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

/* "name: value" lines as a carrier. */
struct lines {
    struct carrier carrier;
    const char *const *at;
};

static struct field_text get(const struct carrier *carrier, enum context_field field)
{
    struct field_text name = context_header(field);
    for (const char *const *line = ((const struct lines *)carrier)->at; *line != NULL; line++)
        if (strncmp(*line, name.at, name.len) == 0 && (*line)[name.len] == ':')
            return (struct field_text){ *line + name.len + 1, strlen(*line + name.len + 1) };
    return (struct field_text){ NULL, 0 };
}

/* "TRACE-SPAN-FLAGS", debug told as 81; "" for no context. */
static const char *extracted(const char *const *lines)
{
    static char text[64];
    struct lines in = { { get }, lines };
    struct span_context c;
    memset(&c, 0x5a, sizeof c);
    struct span_context before = c;
    text[0] = 0;
    if (propagation_extract(&in.carrier, &c) == NULL) {
        cr_assert_eq(memcmp(&c, &before, sizeof c), 0, "nothing found, nothing written");
        return text;
    }
    cr_assert(c.remote && c.tracestate == NULL && c.baggage == NULL);
    char *to = text;
    for (unsigned i = 0; i < 16; i++)
        to += sprintf(to, "%02x", c.trace_id[i]);
    *to++ = '-';
    for (unsigned i = 0; i < 8; i++)
        to += sprintf(to, "%02x", c.span_id[i]);
    sprintf(to, "-%02x", c.flags);
    return text;
}
#define EXTRACTED(...) extracted((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

/* All lines that go out, each with a '|' behind it. */
static const char *injected(uint8_t flags, const char *tracestate, const char *baggage)
{
    static char text[16384];
    struct span_context c = { .flags = flags, .tracestate = tracestate, .baggage = baggage };
    memset(c.trace_id, 0xab, sizeof c.trace_id);
    memset(c.span_id, 0xcd, sizeof c.span_id);
    struct injected i;
    char *to = text;
    text[0] = 0;
    for (unsigned at = 0; propagation_inject(&at, &c, 0, &i);)
        to += sprintf(to, "%s: %.*s|", context_header(i.field).at, (int)i.value.len, i.value.at);
    return text;
}

#define AB "abababababababababababababababab"
#define CD "cdcdcdcdcdcdcdcd"

struct row {
    const char *value, *found;
};

static void expect_rows(const char *header, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char line[1024];
        snprintf(line, sizeof line, "%s:%s", header, rows[i].value);
        cr_expect_str_eq(EXTRACTED(line), rows[i].found, "%s -> %s", line, EXTRACTED(line));
    }
}
#define EXPECT_ROWS(header, rows) expect_rows(header, rows, sizeof(rows) / sizeof *(rows))

Test(propagators, b3_in_one_header)
{
    static const struct row rows[] = {
        { T "-" S "-1", T "-" S "-01" },
        { T "-" S "-0", T "-" S "-00" },
        { T "-" S "-d", T "-" S "-81" },
        { T "-" S, T "-" S "-01" }, /* left to our sampler, which takes all */
        { T "-" S "-1-00f067aa0ba902b7", T "-" S "-01" },
        { "8448eb211c80319c-" S "-1", T64 "-" S "-01" },
        { " \t" T "-" S "-1 \t", T "-" S "-01" },
        { "0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-1", T "-" S "-01" },
        { "0", "" }, /* a decision without a trace */
        { "1", "" },
        { "d", "" },
        { "", "" },
        { "-", "" },
        { "---", "" },
        { T, "" },
        { T "-", "" },
        { T "-" S "-", "" },
        { T "-" S "-2", "" },
        { T "-" S "-D", "" },
        { T "-" S "-11", "" },
        { T "-" S "-1-", "" },
        { T "-" S "-1-1", "" },
        { T "-" S "-1-00f067aa0ba902bg", "" },
        { T "-" S "-1-00f067aa0ba902b7-", "" },
        { T "-" S "-1-00f067aa0ba902b7-1", "" },
        { NO_TRACE "-" S "-1", "" },
        { T "-" NO_SPAN "-1", "" },
        { "0000000000000000-" S "-1", "" },
        { "0af7651916cd43dd8448eb211c80319-" S "-1", "" },   /* 31 digits */
        { "0af7651916cd43dd8448eb211c80319c0-" S "-1", "" }, /* 33 */
        { T "-b7ad6b716920333-1", "" },
        { T "-b7ad6b71692033311-1", "" },
        { "0af7651916cd43dd8448eb211c80319x-" S "-1", "" },
        { T " -" S "-1", "" },
        { "\xff\xfe", "" },
    };
    CHOOSE("b3");
    EXPECT_ROWS("b3", rows);
    CHOOSE("b3multi");
    EXPECT_ROWS("b3", rows);
}

Test(propagators, b3_in_several_headers)
{
    CHOOSE("b3multi");
    for (unsigned i = 0; i < 2; i++) {
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S, "x-b3-sampled:1"),
                         T "-" S "-01");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid: " T, "x-b3-spanid: " S, "x-b3-sampled: 0"),
                         T "-" S "-00");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S, "x-b3-sampled:True"),
                         T "-" S "-01");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S, "x-b3-sampled:false"),
                         T "-" S "-00");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S), T "-" S "-01");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S, "x-b3-flags:1"),
                         T "-" S "-81");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:8448eb211c80319c", "x-b3-spanid:" S),
                         T64 "-" S "-01");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T), "");
        cr_expect_str_eq(EXTRACTED("x-b3-spanid:" S, "x-b3-sampled:1"), "");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S, "x-b3-sampled:2"), "");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" NO_SPAN), "");
        cr_expect_str_eq(EXTRACTED("x-b3-traceid:" S S S, "x-b3-spanid:" S), "");
        /* The one header comes first, and decides. */
        cr_expect_str_eq(EXTRACTED("b3:" T "-" S "-0", "x-b3-traceid:" T,
                                   "x-b3-spanid:00f067aa0ba902b7", "x-b3-sampled:1"),
                         T "-" S "-00");
        cr_expect_str_eq(EXTRACTED("b3:rubbish", "x-b3-traceid:" T, "x-b3-spanid:" S), "");
        CHOOSE("b3");
    }
}

Test(propagators, a_sampling_decision_that_is_left_to_us_is_our_samplers)
{
    CHOOSE("b3", "xray");
    settings.sampler_all = false; /* and the bound is 0 */
    cr_expect_str_eq(EXTRACTED("b3:" T "-" S), T "-" S "-00");
    cr_expect_str_eq(EXTRACTED("x-b3-traceid:" T, "x-b3-spanid:" S), T "-" S "-00");
    cr_expect_str_eq(EXTRACTED("x-amzn-trace-id:Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" S
                               ";Sampled=?"),
                     T "-" S "-00");
    cr_expect_str_eq(EXTRACTED("b3:" T "-" S "-1"), T "-" S "-01");
}

Test(propagators, jaeger)
{
    static const struct row rows[] = {
        { T ":" S ":0:1", T "-" S "-01" },
        { T ":" S ":0:0", T "-" S "-00" },
        { T ":" S ":0:3", T "-" S "-81" },
        { T ":" S ":0:2", T "-" S "-00" }, /* debug counts beside sampled only */
        { T ":" S ":0:01", T "-" S "-01" },
        { T ":" S ":0:f1", T "-" S "-01" },
        { T ":" S ":00f067aa0ba902b7:1", T "-" S "-01" },
        { T ":" S "::1", T "-" S "-01" },
        { T "%3A" S "%3a0%3A1", T "-" S "-01" },
        { "1:2:0:1", "00000000000000000000000000000001-0000000000000002-01" },
        { "8448eb211c80319c:" S ":0:1", T64 "-" S "-01" },
        { T ":" S ":0", "" },
        { T ":" S ":0:1:1", "" },
        { T ":" S ":0:", "" },
        { T ":" S ":0:001", "" },
        { T ":" S ":0:x", "" },
        { T ":" S ":x:1", "" },
        { T ":" S ":00000000000000000:1", "" },
        { ":" S ":0:1", "" },
        { T "::0:1", "" },
        { "0:" S ":0:1", "" },
        { T ":0:0:1", "" },
        { T "0:" S ":0:1", "" },
        { T ":" S "1:0:1", "" },
        { T "%3B" S ":0:1", "" },
        { T "%3", "" },
        { "%", "" },
        { ":::", "" },
        { "", "" },
    };
    CHOOSE("jaeger");
    EXPECT_ROWS("uber-trace-id", rows);
}

#define ROOT "Root=1-0af76519-16cd43dd8448eb211c80319c"

Test(propagators, xray)
{
    static const struct row rows[] = {
        { ROOT ";Parent=" S ";Sampled=1", T "-" S "-01" },
        { ROOT ";Parent=" S ";Sampled=0", T "-" S "-00" },
        { ROOT ";Parent=" S, T "-" S "-00" },
        { ROOT ";Parent=" S ";Sampled=?", T "-" S "-01" },
        { "Sampled=1; Parent=" S " ;" ROOT, T "-" S "-01" },
        { "Self=1-67891234-12456789abcdef012345678;" ROOT ";Parent=" S
          ";Sampled=1;Lineage=a87bd80c:1|68fd508a:5",
          T "-" S "-01" },
        { ROOT ";Parent=" S ";Sampled=1;", T "-" S "-01" },
        { ROOT ";;Parent=" S ";Sampled=1", T "-" S "-01" },
        { ROOT, "" },
        { "Parent=" S ";Sampled=1", "" },
        { ROOT ";Parent=;Sampled=1", "" },
        { ROOT ";Parent=" NO_SPAN ";Sampled=1", "" },
        { ROOT ";Parent=" S ";Sampled=2", "" },
        { ROOT ";Parent=" S ";Sampled=", "" },
        { ROOT ";Parent=" S ";Sampled", "" },
        { ROOT ";Parent=" S "0", "" },
        { ROOT "0;Parent=" S, "" },
        { "root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" S, "" },
        { "Root=2-0af76519-16cd43dd8448eb211c80319c;Parent=" S, "" },
        { "Root=1_0af76519-16cd43dd8448eb211c80319c;Parent=" S, "" },
        { "Root=1-0af7651916-cd43dd8448eb211c80319c;Parent=" S, "" },
        { "Root=1-0af7651x-16cd43dd8448eb211c80319c;Parent=" S, "" },
        { "Root=1-00000000-000000000000000000000000;Parent=" S, "" },
        { ";", "" },
        { "=;=;=", "" },
        { "", "" },
    };
    CHOOSE("xray");
    EXPECT_ROWS("x-amzn-trace-id", rows);
}

Test(propagators, every_format_goes_out_in_the_lists_order)
{
    CHOOSE("tracecontext", "baggage");
    cr_expect_str_eq(injected(3, "v=1", "k=v"),
                     "traceparent: 00-" AB "-" CD "-03|tracestate: v=1|baggage: k=v|");
    CHOOSE("b3");
    cr_expect_str_eq(injected(1, "v=1", "k=v"), "b3: " AB "-" CD "-1|");
    cr_expect_str_eq(injected(2, NULL, NULL), "b3: " AB "-" CD "-0|");
    cr_expect_str_eq(injected(SPAN_FLAG_DEBUG | 1, NULL, NULL), "b3: " AB "-" CD "-d|");
    CHOOSE("b3multi");
    cr_expect_str_eq(injected(1, NULL, NULL),
                     "x-b3-spanid: " CD "|x-b3-traceid: " AB "|x-b3-sampled: 1|");
    cr_expect_str_eq(injected(SPAN_FLAG_DEBUG | 1, NULL, NULL),
                     "x-b3-spanid: " CD "|x-b3-traceid: " AB "|x-b3-flags: 1|");
    CHOOSE("jaeger");
    cr_expect_str_eq(injected(1, NULL, NULL), "uber-trace-id: " AB ":" CD ":0:1|");
    cr_expect_str_eq(injected(0, NULL, NULL), "uber-trace-id: " AB ":" CD ":0:0|");
    cr_expect_str_eq(injected(SPAN_FLAG_DEBUG | 1, NULL, NULL),
                     "uber-trace-id: " AB ":" CD ":0:3|");
    CHOOSE("xray");
    cr_expect_str_eq(injected(1, NULL, NULL),
                     "x-amzn-trace-id: Root=1-abababab-abababababababababababab;Parent=" CD
                     ";Sampled=1|");
    CHOOSE("xray", "tracecontext", "b3");
    cr_expect_str_eq(injected(SPAN_FLAG_DEBUG, NULL, "k=v"),
                     "x-amzn-trace-id: Root=1-abababab-abababababababababababab;Parent=" CD
                     ";Sampled=0|"
                     "traceparent: 00-" AB "-" CD "-00|b3: " AB "-" CD "-d|");
    CHOOSE();
    cr_expect_str_eq(injected(1, "v=1", "k=v"), "");
}

Test(propagators, lines_of_all_formats_are_within_their_bounds)
{
    struct span_context c = { .flags = 1 };
    struct injected i;
    size_t len = 0;
    CHOOSE("b3", "b3multi", "jaeger", "xray");
    for (unsigned at = 0; propagation_inject(&at, &c, 0, &i);) {
        cr_assert_leq(i.value.len, PROPAGATOR_VALUE_MAX);
        len += context_header(i.field).len + i.value.len + 4;
    }
    cr_assert_leq(len, PROPAGATOR_LINES_MAX);
}

Test(propagators, of_several_the_last_one_that_finds_a_context_counts)
{
    const char *parent = "traceparent:00-" T "-" S "-01";
    const char *b3 = "b3:" AB "-" CD "-1";
    CHOOSE("tracecontext", "b3");
    cr_expect_str_eq(EXTRACTED(parent, b3), AB "-" CD "-01");
    cr_expect_str_eq(EXTRACTED(parent), T "-" S "-01");
    cr_expect_str_eq(EXTRACTED(b3), AB "-" CD "-01");
    cr_expect_str_eq(EXTRACTED(parent, "b3:0"), T "-" S "-01");
    cr_expect_str_eq(EXTRACTED(parent, "b3:rubbish"), T "-" S "-01");
    CHOOSE("b3", "baggage", "tracecontext");
    cr_expect_str_eq(EXTRACTED(parent, b3), T "-" S "-01");
    cr_expect_str_eq(EXTRACTED("traceparent:00-rubbish", b3), AB "-" CD "-01");
    CHOOSE("jaeger");
    cr_expect_str_eq(EXTRACTED(parent, b3), "");
    CHOOSE();
    cr_expect_str_eq(EXTRACTED(parent, b3), "");
}

Test(propagators, tracestate_belongs_to_traceparent_and_baggage_to_everyone)
{
    const char *const lines[] = { "traceparent:00-" T "-" S "-01", "b3:" AB "-" CD "-1",
                                  "tracestate:v=1", "baggage:k=v", NULL };
    struct lines in = { { get }, lines };
    struct field_text state, baggage;
    CHOOSE("tracecontext", "baggage", "b3");
    propagation_extract_texts(&in.carrier, true, &state, &baggage);
    cr_expect(field_text_is(state, "v=1") && field_text_is(baggage, "k=v"));
    propagation_extract_texts(&in.carrier, false, &state, &baggage);
    cr_expect(state.len == 0 && field_text_is(baggage, "k=v"));
    CHOOSE("tracecontext");
    propagation_extract_texts(&in.carrier, true, &state, &baggage);
    cr_expect(field_text_is(state, "v=1") && baggage.len == 0);
}

/* What comes out is what went in. */
Test(propagators, what_goes_out_comes_in_again)
{
    static const char *const names[] = { "tracecontext", "b3", "b3multi", "jaeger", "xray" };
    for (unsigned n = 0; n < sizeof names / sizeof *names; n++)
        for (unsigned sampled = 0; sampled < 2; sampled++) {
            char text[2048], expected[64];
            const char *lines[8] = { NULL };
            unsigned nr = 0;
            CHOOSE(names[n]);
            strcpy(text, injected((uint8_t)sampled, NULL, NULL));
            for (char *line = strtok(text, "|"); line != NULL; line = strtok(NULL, "|"))
                lines[nr++] = line;
            snprintf(expected, sizeof expected, AB "-" CD "-%02x", sampled);
            cr_expect_str_eq(extracted(lines), expected, "%s", names[n]);
        }
}

/* Where a forwarded header's span id stands: the text, NULL if it is left alone. */
static const char *place(const char *line, enum context_field field)
{
    static char text[64];
    const char *const lines[] = { line, NULL };
    struct lines in = { { get }, lines };
    struct span_context caller = { .flags = 1 };
    struct field_text id;
    struct span_context found;
    if (propagation_extract(&in.carrier, &found) != NULL)
        caller = found;
    if (!propagation_find_span_id(&in.carrier, field, &caller, &id))
        return NULL;
    cr_assert(id.at >= line && id.at + id.len <= line + strlen(line));
    snprintf(text, sizeof text, "%.*s@%zu", (int)id.len, id.at, (size_t)(id.at - line));
    return text;
}

Test(propagators, the_span_id_is_found_where_it_stands)
{
    CHOOSE("tracecontext", "b3", "jaeger", "xray");
    cr_expect_str_eq(place("traceparent: 00-" T "-" S "-01", CONTEXT_TRACEPARENT), S "@49");
    cr_expect_str_eq(place("b3:" T "-" S "-1", CONTEXT_B3), S "@36");
    cr_expect_str_eq(place("b3: 8448eb211c80319c-" S, CONTEXT_B3), S "@21");
    cr_expect_str_eq(place("uber-trace-id:" T "%3A" S ":0:1", CONTEXT_UBER_TRACE_ID), S "@49");
    cr_expect_str_eq(place("uber-trace-id:1:2:0:1", CONTEXT_UBER_TRACE_ID), "2@16");
    cr_expect_str_eq(place("x-amzn-trace-id:Parent=" S ";" ROOT, CONTEXT_X_AMZN_TRACE_ID), S "@23");
    cr_expect_null(place("b3:0", CONTEXT_B3));
    cr_expect_null(place("x-amzn-trace-id:" ROOT, CONTEXT_X_AMZN_TRACE_ID));
    /* Beside the one header that counts, others may say something else. */
    const char *const both[] = { "b3:" T "-" S "-1", "x-b3-traceid:" T, "x-b3-spanid:" CD, NULL };
    struct lines two = { { get }, both };
    struct span_context caller;
    struct field_text id;
    propagation_extract(&two.carrier, &caller);
    cr_expect(propagation_find_span_id(&two.carrier, CONTEXT_B3, &caller, &id));
    cr_expect(!propagation_find_span_id(&two.carrier, CONTEXT_X_B3_SPANID, &caller, &id));
    /* Of another context than the caller's: the last one's. */
    const char *const lines[] = { "traceparent:00-" T "-" S "-01", "b3:" AB "-" CD "-1", NULL };
    struct lines in = { { get }, lines };
    propagation_extract(&in.carrier, &caller);
    cr_expect(propagation_find_span_id(&in.carrier, CONTEXT_B3, &caller, &id));
    cr_expect(!propagation_find_span_id(&in.carrier, CONTEXT_TRACEPARENT, &caller, &id));
}

Test(propagators, one_that_has_spoken_is_left_out)
{
    CHOOSE("tracecontext", "b3multi", "jaeger");
    cr_expect_eq(propagation_taken(0), 0);
    cr_expect_eq(propagation_taken(CONTEXT_BIT(CONTEXT_TRACESTATE)), 0);
    cr_expect_eq(propagation_taken(CONTEXT_BIT(CONTEXT_X_B3_SAMPLED)),
                 CONTEXT_BIT(CONTEXT_X_B3_TRACEID) | CONTEXT_BIT(CONTEXT_X_B3_SPANID) |
                     CONTEXT_BIT(CONTEXT_X_B3_SAMPLED) | CONTEXT_BIT(CONTEXT_X_B3_FLAGS));
    cr_expect_eq(propagation_taken(CONTEXT_BIT(CONTEXT_B3)),
                 propagation_taken(CONTEXT_BIT(CONTEXT_X_B3_FLAGS))); /* the same format */
    cr_expect_eq(propagation_taken(CONTEXT_BIT(CONTEXT_X_AMZN_TRACE_ID)), 0);
}
