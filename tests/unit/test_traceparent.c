/*
 * traceparent, tracestate and baggage: the specification's examples, and random
 * texts judged by POSIX regular expressions, which share no code with the parser.
 */
#include <criterion/criterion.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context/traceparent.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define GOOD "00-" TRACE "-" SPAN "-01"

static bool parse(const char *text, struct span_context *out)
{
    return traceparent_parse(text, strlen(text), out);
}

Test(traceparent, reads_the_ids_and_flags)
{
    struct span_context c;
    char out[TRACEPARENT_LEN + 1];
    cr_assert(parse(GOOD, &c));
    cr_assert_eq(c.trace_id[0], 0x0a);
    cr_assert_eq(c.trace_id[15], 0x9c);
    cr_assert_eq(c.span_id[0], 0xb7);
    cr_assert_eq(c.span_id[7], 0x31);
    cr_assert_eq(c.flags, 1);
    cr_assert(c.remote);
    cr_assert_null(c.tracestate);
    cr_assert_null(c.baggage);
    traceparent_format(&c, out);
    cr_assert_str_eq(out, GOOD);
}

Test(traceparent, keeps_sampled_and_random_bits_only)
{
    struct span_context c;
    char out[TRACEPARENT_LEN + 1];
    cr_assert(parse("00-" TRACE "-" SPAN "-ff", &c));
    cr_assert_eq(c.flags, 3);
    c.flags = 0xfe;
    traceparent_format(&c, out);
    cr_assert_str_eq(out, "00-" TRACE "-" SPAN "-02");
}

Test(traceparent, accepts_what_the_specification_accepts)
{
    static const char *const good[] = {
        " \t" GOOD " ",
        "01-" TRACE "-" SPAN "-01",
        "fe-" TRACE "-" SPAN "-01-what the future brings",
        "cc-" TRACE "-" SPAN "-00-",
        "00-" TRACE "-" SPAN "-00",
    };
    struct span_context c;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(parse(good[i], &c), "%s", good[i]);
}

Test(traceparent, refuses_what_the_specification_refuses)
{
    static const char *const bad[] = {
        "",
        " ",
        "00",
        GOOD "-",
        GOOD "-01",
        GOOD "x",
        "01-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01",
        "0g-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" TRACE "-" SPAN "-0A",
        "00-" TRACE "-" SPAN "-1",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-" TRACE "x" SPAN "-01",
        "00-" TRACE "-" SPAN "-0 ",
        "00 -" TRACE "-" SPAN "-01",
    };
    struct span_context untouched, c;
    memset(&c, 0x5a, sizeof c);
    memcpy(&untouched, &c, sizeof c);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert(!parse(bad[i], &c), "%s", bad[i]);
        cr_assert_eq(memcmp(&c, &untouched, sizeof c), 0);
    }
}

Test(traceparent, agrees_with_a_regular_expression_on_damaged_texts)
{
    static const char *const starts[] = {
        GOOD,
        "01-" TRACE "-" SPAN "-03-more",
        "  " GOOD "\t",
        "00-00000000000000000000000000000001-0000000000000001-00",
    };
    static const char bytes[] = "0123456789abcdefABCDEFg-_ \t,=\x7f\x80";
    regex_t valid, zero;
    unsigned seen[2] = { 0, 0 };
    cr_assert_eq(regcomp(&valid,
                         "^[ \t]*(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|"
                         "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)[ \t]*$",
                         REG_EXTENDED | REG_NOSUB),
                 0);
    cr_assert_eq(regcomp(&zero, "^[ \t]*(ff-|..-0{32}-|..-.{32}-0{16}-|00-.{49}-..-)",
                         REG_EXTENDED | REG_NOSUB),
                 0);
    srand(7);
    for (unsigned round = 0; round < 200000; round++) {
        char text[96];
        strcpy(text, starts[rand() % 4]);
        size_t len = strlen(text);
        for (int changes = rand() % 3; changes > 0; changes--)
            text[(size_t)rand() % len] = bytes[(size_t)rand() % (sizeof bytes - 1)];
        if (rand() % 4 == 0)
            text[(size_t)rand() % len] = '\0';
        struct span_context c;
        bool expected =
            regexec(&valid, text, 0, NULL, 0) == 0 && regexec(&zero, text, 0, NULL, 0) != 0;
        cr_assert_eq(parse(text, &c), expected, "\"%s\" expected %d", text, expected);
        seen[expected]++;
    }
    cr_assert_gt(seen[0], 10000);
    cr_assert_gt(seen[1], 10000);
    regfree(&valid);
    regfree(&zero);
}

static bool state(const char *text)
{
    return tracestate_is_valid(text, strlen(text));
}

Test(tracestate, accepts_members_with_blanks_and_empty_ones)
{
    cr_assert(state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
    cr_assert(state(" a=1 ,\t, ,b=2,"));
    cr_assert(state("0tenant@sys/tem-x_*=va lue!~"));
}

Test(tracestate, refuses_broken_lists)
{
    static const char *const bad[] = {
        "",        ",",      "a",      "a=",         "=1",   "A=1",   "a =1",  "a=1=2",
        "a=1,a=2", "a=\x01", "a=\x7f", "a=\xc3\xa9", "_a=1", "a.b=1", "a=1;b", "@a=1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(state(bad[i]), strcmp(bad[i], "a=1;b") == 0, "%s", bad[i]);
}

Test(tracestate, bounds_members_keys_and_values)
{
    char text[2048] = "";
    for (int i = 0; i < 32; i++)
        sprintf(text + strlen(text), "k%d=v,", i);
    cr_assert(state(text));
    strcat(text, "one=more");
    cr_assert(!state(text));
    memset(text, 'k', 256);
    strcpy(text + 256, "=v");
    cr_assert(state(text));
    memset(text, 'k', 257);
    strcpy(text + 257, "=v");
    cr_assert(!state(text));
    memset(text, 'v', 258);
    memcpy(text, "k=", 2);
    text[258] = '\0';
    cr_assert(state(text));
    text[258] = 'v';
    text[259] = '\0';
    cr_assert(!state(text));
}

Test(tracestate, fits_whole_members_only)
{
    const char text[] = "aa=1, bb=2,cc=3 ,";
    cr_assert_eq(tracestate_fit(text, strlen(text), 512), 15);
    cr_assert_eq(tracestate_fit(text, strlen(text), 15), 15);
    cr_assert_eq(tracestate_fit(text, strlen(text), 14), 10);
    cr_assert_eq(tracestate_fit(text, strlen(text), 9), 4);
    cr_assert_eq(tracestate_fit(text, strlen(text), 3), 0);
    cr_assert_eq(tracestate_fit("", 0, 512), 0);
    cr_assert_eq(tracestate_fit(" , ,", 4, 512), 0);
}

Test(tracestate, every_fit_of_a_valid_list_is_valid)
{
    srand(11);
    for (unsigned round = 0; round < 20000; round++) {
        char text[256] = "";
        for (int i = rand() % 8; i >= 0; i--)
            sprintf(text + strlen(text), "%sk%d=%.*s", i % 3 ? "," : " ,\t", i, 1 + rand() % 12,
                    "abcdefghijklmnop");
        size_t fit = tracestate_fit(text, strlen(text), (size_t)(rand() % 80));
        cr_assert(state(text), "%s", text);
        cr_assert(fit == 0 || tracestate_is_valid(text, fit), "%s at %zu", text, fit);
        cr_assert(fit == 0 || text[fit] == ',' || text[fit] == ' ' || text[fit] == '\0',
                  "%s at %zu", text, fit);
    }
}

static bool bags(const char *text)
{
    return baggage_is_valid(text, strlen(text));
}

Test(baggage, accepts_text_within_the_bounds)
{
    cr_assert(bags("userId=alice,serverNode=DF%2028,isProduction=false"));
    cr_assert(bags("key=value;prop1;prop2=v , key2=a=b"));
}

Test(baggage, refuses_nothing_control_bytes_and_too_much)
{
    static char text[BAGGAGE_MAX + 2];
    cr_assert(!bags(""));
    cr_assert(!bags(" , ,"));
    cr_assert(!bags("a=1\r\nx: y"));
    cr_assert(!bags("a=\x80"));
    memset(text, 'a', BAGGAGE_MAX);
    text[1] = '=';
    cr_assert(bags(text));
    text[BAGGAGE_MAX] = 'a';
    cr_assert(!bags(text));
    text[0] = '\0';
    for (int i = 0; i < 180; i++)
        strcat(text, "a=1,");
    cr_assert(bags(text));
    strcat(text, "a=1");
    cr_assert(!bags(text));
}
