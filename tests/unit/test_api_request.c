/* What a program says of the server requests that its threads are at. */
#include "api_case.h"
#include "attach.h"
#include "conn_case.h"
#include "otelshim.h" /* weak references: instr_manual below links them in */

static void setup(void)
{
    conn_begin("tracecontext");
    instr_api.bit = instr_api.suppress_mask = 1;
    instr_manual.bit = instr_manual.suppress_mask = 2;
    call_enabled_mask = 3;
}

TestSuite(api_request, .init = setup, .timeout = 60);

/* The last field of an attribute with a text key; type 0: there is none. */
static struct field_view said(const struct record *r, const char *key)
{
    struct field_view f, found = { .type = 0 };
    uint16_t len = (uint16_t)strlen(key);
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        if (f.type == FIELD_NAMED && memcmp(f.data, &len, sizeof len) == 0 &&
            memcmp(f.data + sizeof len, key, len) == 0)
            found = (struct field_view){ f.key, 0, (uint16_t)(f.len - sizeof len - len),
                                         f.data + sizeof len + len };
    return found;
}

static bool has(const struct record *r, const char *key, const char *text)
{
    struct field_view value = said(r, key);
    return value.type == FIELD_STRING && value.len == strlen(text) &&
           memcmp(value.data, text, value.len) == 0;
}

static unsigned events(const struct record *r)
{
    struct field_view f;
    unsigned n = 0;
    for (size_t pos = 0; record_next_field(r, &pos, &f);)
        n += f.type == FIELD_NAMED_EVENT;
    return n;
}

Test(api_request, takes_what_is_said_while_it_is_open)
{
    struct conn *c = server();
    reads(c, GET);
    cr_expect(otelshim_set(otelshim_string("app.user", "u1")));
    cr_expect(otelshim_set(otelshim_string("http.route", "/{letter}")));
    cr_expect(otelshim_event("looked up", NULL, 0));
    struct otelshim_context context, before;
    cr_assert(otelshim_context_capture(&context));
    writes(c, OK);
    cr_expect_not(otelshim_set(otelshim_string("app.user", "too late")));
    otelshim_context_attach(&context, &before);
    cr_expect_not(otelshim_set(otelshim_string("app.user", "too late as well")));
    cr_expect_not(otelshim_is_recorded());
    otelshim_context_detach(&before);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_expect_eq(r->kind, SPAN_SERVER);
    cr_expect(has(r, "app.user", "u1"));
    cr_expect(has(r, "http.route", "/{letter}"));
    cr_expect_eq(events(r), 1);
    /* The same slot, another request. */
    reads(c, GET);
    cr_expect(otelshim_set(otelshim_string("app.user", "u2")));
    writes(c, OK);
    cr_assert_not_null(r = next_span());
    cr_expect(has(r, "app.user", "u2"));
    cr_expect_eq(events(r), 0);
}

Test(api_request, another_thread_says_it_of_the_request_that_it_has_attached)
{
    struct conn *c = server();
    reads(c, GET);
    hand_over();
    writes(c, OK);
    const struct record *r = next_span();
    cr_assert_not_null(r);
    cr_expect_eq(taken_elsewhere[0], 0);
    cr_expect_eq(taken_elsewhere[1], 1);
    cr_expect_eq(said(r, "elsewhere").type, FIELD_INT);
    cr_expect_eq(said(r, "unattached").type, 0);
}
